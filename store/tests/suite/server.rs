//! Databases on a server.

use super::suite::{Fresh, execute};

impl Fresh {
    /// A database of its own on the server that the environment variable names.
    pub(crate) async fn on_server(variable: &str) -> Self {
        let server = std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set. Run `eval \"$(tests/services.sh up)\"` first, or point it at a server")
        });
        let name = format!("store_{}", uuid::Uuid::new_v4().simple());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        Self { url: url.to_string(), folder: None, server: Some(server) }
    }
}

//! Database URLs in our spelling and in `SQLAlchemy`'s.

use std::path::PathBuf;

use domain::{Error, Result};
use sqlx::{
    mysql::{MySqlConnectOptions, MySqlSslMode},
    postgres::{PgConnectOptions, PgSslMode},
};
use url::Url;

/// Where the rows are. No `Debug`: it may hold a password.
pub(crate) enum DatabaseUrl {
    My(Box<MySqlConnectOptions>),
    Pg(Box<PgConnectOptions>),
    Lite(PathBuf),
}

/// The text for every URL that cannot be used; the URL itself is left out because of its password.
fn unusable(why: &str) -> Error {
    Error::invalid(format!(
        "[database] connection {why}. Use sqlite:////absolute/path, mysql://user:password@host/name or \
         postgresql://user:password@host/name"
    ))
}

impl DatabaseUrl {
    /// Takes a URL apart. Options that only a Python driver understands (`charset`, ...) are passed over.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| unusable("is no URL"))?;
        match scheme.split('+').next().unwrap_or_default() {
            "sqlite" => Self::lite(rest),
            "mysql" | "mariadb" => Self::mysql(rest),
            "postgresql" | "postgres" => Self::postgres(rest),
            _ => Err(unusable("names no database this service knows")),
        }
    }

    /// `SQLAlchemy`'s rule: everything after the third slash is the path, so that an absolute one has four slashes.
    fn lite(rest: &str) -> Result<Self> {
        let path = rest.split('?').next().unwrap_or_default().strip_prefix('/').unwrap_or_default();
        if path.is_empty() || path.contains(":memory:") {
            return Err(unusable("names a database in memory, which loses everything with the process"));
        }
        Ok(Self::Lite(PathBuf::from(path)))
    }

    fn mysql(rest: &str) -> Result<Self> {
        let (url, options) = server(rest, "mysql")?;
        let mut connect =
            MySqlConnectOptions::new().charset("utf8mb4").host(&host(&url)).port(url.port().unwrap_or(3306));
        if !url.username().is_empty() {
            connect = connect.username(&decoded(url.username())?);
        }
        if let Some(password) = url.password() {
            connect = connect.password(&decoded(password)?);
        }
        connect = connect.database(&name(&url)?);
        let (mut verified, mut ca) = (false, false);
        for (option, value) in options {
            connect = match option.as_str() {
                "unix_socket" => connect.socket(value),
                "ssl_ca" => {
                    ca = true;
                    connect.ssl_ca(value)
                }
                "ssl_cert" => connect.ssl_client_cert(value),
                "ssl_key" => connect.ssl_client_key(value),
                "ssl_verify_cert" | "ssl_verify_identity" => {
                    verified |= value.eq_ignore_ascii_case("true");
                    connect
                }
                _ => connect,
            };
        }
        let mode = match (ca, verified) {
            (true, _) => MySqlSslMode::VerifyIdentity,
            (false, true) => MySqlSslMode::VerifyIdentity,
            (false, false) => MySqlSslMode::Preferred,
        };
        Ok(Self::My(Box::new(connect.ssl_mode(mode))))
    }

    fn postgres(rest: &str) -> Result<Self> {
        let (url, options) = server(rest, "postgresql")?;
        let mut connect = PgConnectOptions::new_without_pgpass().host(&host(&url)).port(url.port().unwrap_or(5432));
        if !url.username().is_empty() {
            connect = connect.username(&decoded(url.username())?);
        }
        if let Some(password) = url.password() {
            connect = connect.password(&decoded(password)?);
        }
        connect = connect.database(&name(&url)?);
        for (option, value) in options {
            connect = match option.as_str() {
                "host" => connect.host(&value),
                "port" => connect.port(value.parse().map_err(|_| unusable("has a port that is no number"))?),
                "sslmode" => {
                    connect.ssl_mode(value.parse::<PgSslMode>().map_err(|_| unusable("has an unknown sslmode"))?)
                }
                "sslrootcert" => connect.ssl_root_cert(value),
                "sslcert" => connect.ssl_client_cert(value),
                "sslkey" => connect.ssl_client_key(value),
                _ => connect,
            };
        }
        Ok(Self::Pg(Box::new(connect)))
    }
}

/// The URL and its query; schemes without a driver so that the parser treats both alike.
fn server(rest: &str, scheme: &str) -> Result<(Url, Vec<(String, String)>)> {
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| unusable("cannot be read"))?;
    let options = url.query_pairs().into_owned().collect();
    Ok((url, options))
}

fn host(url: &Url) -> String {
    let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

fn name(url: &Url) -> Result<String> {
    match decoded(url.path().trim_start_matches('/'))? {
        name if name.is_empty() => Err(unusable("names no database")),
        name => Ok(name),
    }
}

/// The text behind percent signs.
pub(crate) fn decoded(text: &str) -> Result<String> {
    // A form decoder also takes `+` for a blank, which a password may hold.
    let plus = text.replace('+', "%2B");
    let pairs = format!("v={plus}").replace('&', "%26");
    Ok(url::form_urlencoded::parse(pairs.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mysql(text: &str) -> String {
        match DatabaseUrl::parse(text).unwrap() {
            DatabaseUrl::My(options) => format!("{options:?}"),
            _ => panic!("no MySQL URL"),
        }
    }

    #[test]
    fn sqlalchemy_spellings_are_understood() {
        for scheme in ["mysql", "mysql+pymysql", "mysql+mysqldb", "mariadb+pymysql"] {
            let options = mysql(&format!("{scheme}://magnum:p%40ss@db.example:3307/magnum?charset=utf8"));
            for part in ["db.example", "3307", "p@ss", "Some(\"magnum\")"] {
                assert!(options.contains(part), "{part} in {options}");
            }
        }
        for scheme in ["postgresql", "postgres", "postgresql+psycopg2"] {
            let parsed = DatabaseUrl::parse(&format!("{scheme}://u:p@[::1]/magnum?sslmode=require")).unwrap();
            let DatabaseUrl::Pg(options) = parsed else { panic!("no PostgreSQL URL") };
            assert_eq!((options.get_host(), options.get_database()), ("::1", Some("magnum")));
        }
    }

    #[test]
    fn a_password_keeps_its_odd_characters() {
        assert!(mysql("mysql://u:a+b%26c%3Dd@h/n").contains("a+b&c=d"));
    }

    #[test]
    fn a_sqlite_path_follows_the_third_slash() {
        for (text, path) in [("sqlite:////var/lib/x.db", "/var/lib/x.db"), ("sqlite:///x.db", "x.db")] {
            let DatabaseUrl::Lite(found) = DatabaseUrl::parse(text).unwrap() else { panic!("no SQLite URL") };
            assert_eq!(found, PathBuf::from(path));
        }
    }

    #[test]
    fn what_cannot_keep_rows_is_refused_without_repeating_the_password() {
        for text in [
            "sqlite://",
            "sqlite:///:memory:",
            "oracle://u:secret@h/n",
            "secret",
            "mysql://u:secret@h",
            "mysql://u:secret@h:x/n",
        ] {
            let Err(Error::Invalid(told)) = DatabaseUrl::parse(text) else { panic!("{text} was taken") };
            assert!(!told.contains("secret"), "{told}");
        }
    }
}

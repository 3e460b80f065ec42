//! The service with the file that bootstrap has written.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::bench::Bench;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The service with the written file and nothing else.
async fn serve(conf: &Path, address: &str) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_magnum"));
    command.env_clear().arg("--config-file").arg(conf).args(["all", "--listen", address]);
    let running = Running(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(30);
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(Instant::now() < end, "the service did not come up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_runs_with_the_written_file() {
    let bench = Bench::new().await;
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    bench.sets_up(&["--url", &format!("http://{address}")]);
    // Its secret key is made under the state folder, which by default belongs to the system.
    let conf = std::fs::read_to_string(bench.config()).unwrap();
    let state = format!("[DEFAULT]\nstate_path = {}\n", bench.folder.path().display());
    std::fs::write(bench.config(), state + &conf).unwrap();
    let _service = serve(&bench.config(), &address).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = bench.cloud.login("demo").await.unwrap();
    let template = json!({"name": "k8s", "coe": "kubernetes", "image_id": "fedora-atomic-27",
        "external_network_id": "public", "keypair_id": "testkey", "flavor_id": "m1.small"});
    let cluster = json!({"name": "demo", "cluster_template_id": "k8s", "node_count": 1});
    for (kind, body) in [("clustertemplates", template), ("clusters", cluster)] {
        let request = http.post(format!("http://{address}/v1/{kind}")).header("x-auth-token", &token).json(&body);
        request.send().await.unwrap().error_for_status().unwrap();
    }
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let shown = http.get(format!("http://{address}/v1/clusters/demo")).header("x-auth-token", &token);
        let shown: Value = shown.send().await.unwrap().json().await.unwrap();
        if shown["status"] == "CREATE_COMPLETE" {
            break;
        }
        assert!(shown["status"] == "CREATE_IN_PROGRESS" && Instant::now() < end, "{shown}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let domain = bench.id("domains", "magnum").await;
    let users = bench.admin(Method::GET, &format!("/users?domain_id={domain}"), None).await;
    assert_eq!(users["users"].as_array().unwrap().len(), 2, "its administrator and the cluster's user: {users}");
    assert_eq!(bench.cloud.census().trusts.len(), 1);
}

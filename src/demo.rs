//! `magnum demo`: the main job from template to delete, through Magnum's own protocol, on embedded defaults.
//!
//! Nothing here looks behind the API but for showing progress: template, cluster, kubeconfig, resize and delete are
//! what any client would send, and what is proven is proven over the wire.

mod client;
mod proof;

use std::{
    error::Error,
    net::SocketAddr,
    time::{Duration, Instant},
};

use devcloud::DevCloud;
use serde_json::{Value, json};
use store::Store;
use tokio::sync::oneshot;

use crate::{
    cli::{ConfigArguments, Outcome},
    logging::Logs,
    service, terminal,
};
use client::Client;

/// A step that takes longer than this is a defect.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the demo and stops everything it started.
pub(crate) async fn run() -> Outcome {
    let state = service::StateDir::open(None)?;
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let cloud =
        devcloud::Settings { stack_delay: Duration::from_secs(2), play_nodes: true, ..devcloud::Settings::default() };
    let service = service::on_devcloud(&ConfigArguments::default(), Logs::Silent, any_port, &state, cloud).await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let show = Show { store: service.parts.store.clone(), url: service.url.clone(), begun: Instant::now() };
    let story = async {
        let told = show.story(&service.cloud).await;
        let _ = stop.send(());
        told
    };
    let serve = service::both(&service.parts, service.listener, async {
        let _ = stopped.await;
    });
    let (told, served) = tokio::join!(story, serve);
    service.cloud.stop().await;
    told?;
    served
}

struct Show {
    store: Store,
    url: String,
    begun: Instant,
}

impl Show {
    async fn story(&self, cloud: &DevCloud) -> Outcome {
        terminal::say(&terminal::bold("magnum demo: a Kubernetes cluster on a simulated OpenStack"));
        let before = cloud.census();
        let client = Client::login(cloud, &self.url).await?;
        self.told("service and simulated cloud are up, logged in as demo");
        let template = client.send("POST", "/clustertemplates", Some(&template_body())).await?;
        self.told(&format!("template k8s created ({})", text(&template, "uuid")?));
        let cluster = self.build(&client).await?;
        self.prove(&client, &cluster, 1 + 2).await?;
        self.resize(&client, &cluster).await?;
        self.delete(&client, &cluster).await?;
        client.send("DELETE", "/clustertemplates/k8s", None).await?;
        let after = cloud.census();
        if after != before {
            return Err(format!("the delete left something behind: before {before}, after {after}").into());
        }
        self.told("nothing is left in the cloud: stacks, servers, volumes, networks, load balancers, trusts and users are as before");
        terminal::say(&terminal::green(&format!("demo passed in {:.1} s", self.begun.elapsed().as_secs_f64())));
        by_hand();
        Ok(())
    }

    async fn build(&self, client: &Client) -> Result<String, Box<dyn Error>> {
        let body = json!({"name": "demo", "cluster_template_id": "k8s", "node_count": 2, "master_count": 1, "create_timeout": 10});
        let accepted = client.send("POST", "/clusters", Some(&body)).await?;
        let uuid = text(&accepted, "uuid")?;
        self.told(&format!("cluster demo accepted and stored ({uuid})"));
        self.watch(client, &uuid, "CREATE_COMPLETE").await?;
        let cluster = client.cluster(&uuid).await?.ok_or("the cluster is gone")?;
        self.told(&format!(
            "CREATE_COMPLETE: API at {}, stack {}",
            text(&cluster, "api_address")?,
            text(&cluster, "stack_id")?
        ));
        Ok(uuid)
    }

    /// `nodes` counts masters and workers.
    async fn prove(&self, client: &Client, uuid: &str, nodes: usize) -> Outcome {
        let cluster = client.cluster(uuid).await?.ok_or("the cluster is gone")?;
        let address = text(&cluster, "api_address")?;
        let access = proof::Access::request(client, uuid).await?;
        self.told("kubeconfig: CA fetched, certificate request signed by the cluster's CA");
        access.refused_without_certificate(&address).await?;
        let seen = access.nodes(&address).await?;
        if seen != nodes {
            return Err(format!("the cluster shows {seen} nodes instead of {nodes}").into());
        }
        self.told(&format!(
            "kubeconfig proven: {address} accepts its certificate, refuses others, and shows {seen} nodes"
        ));
        Ok(())
    }

    async fn resize(&self, client: &Client, uuid: &str) -> Outcome {
        let patch = json!([{"op": "replace", "path": "/node_count", "value": 3}]);
        client.send("PATCH", &format!("/clusters/{uuid}"), Some(&patch)).await?;
        self.told("resize to 3 nodes accepted and stored");
        self.watch(client, uuid, "UPDATE_COMPLETE").await?;
        self.prove(client, uuid, 1 + 3).await
    }

    async fn delete(&self, client: &Client, uuid: &str) -> Outcome {
        client.send("DELETE", &format!("/clusters/{uuid}"), None).await?;
        self.told("delete accepted and stored");
        self.watch(client, uuid, "").await?;
        self.told("cluster is gone (404)");
        Ok(())
    }

    /// Waits until the cluster has `status`, or until it is gone when that is empty, and shows each step.
    async fn watch(&self, client: &Client, uuid: &str, status: &str) -> Outcome {
        let begun = Instant::now();
        let mut shown = String::new();
        loop {
            let cluster = client.cluster(uuid).await?;
            let now = cluster.as_ref().map_or("", |cluster| cluster["status"].as_str().unwrap_or_default());
            if now == status {
                terminal::clear();
                return Ok(());
            }
            if now.ends_with("_FAILED") {
                let reason = cluster.as_ref().map(|cluster| cluster["status_reason"].to_string()).unwrap_or_default();
                return Err(format!("the cluster is {now}: {reason}").into());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("the cluster is still {now} after {} s", PATIENCE.as_secs()).into());
            }
            self.show_step(uuid, now, &mut shown).await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// A line per step; on a terminal also what it is doing right now.
    async fn show_step(&self, uuid: &str, status: &str, shown: &mut String) -> Outcome {
        let running = self.store.operations(Some(uuid), true, 1).await?;
        let Some(operation) = running.first() else { return Ok(()) };
        terminal::progress(&format!("  … {status} {}: {}", operation.kind, operation.step));
        if !operation.step.is_empty() && *shown != operation.step {
            operation.step.clone_into(shown);
            terminal::clear();
            terminal::say(&format!(
                "{:>6.1} s      {} > {}",
                self.begun.elapsed().as_secs_f64(),
                operation.kind,
                operation.step
            ));
        }
        Ok(())
    }

    fn told(&self, line: &str) {
        terminal::clear();
        terminal::say(&format!("{:>6.1} s  {} {line}", self.begun.elapsed().as_secs_f64(), terminal::green("ok")));
    }
}

fn template_body() -> Value {
    json!({
        "name": "k8s", "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
        "keypair_id": "testkey", "flavor_id": "m1.small", "master_flavor_id": "m1.small", "docker_volume_size": 5,
        "network_driver": "flannel", "dns_nameserver": "8.8.8.8", "master_lb_enabled": true, "floating_ip_enabled": true,
        "labels": {"kube_dashboard_enabled": "true"},
    })
}

fn text(object: &Value, key: &str) -> Result<String, Box<dyn Error>> {
    object[key].as_str().map(str::to_owned).ok_or_else(|| format!("the answer lacks {key}").into())
}

fn by_hand() {
    terminal::say("");
    terminal::say(
        "To repeat it by hand, run `make run`, paste the export lines it prints into another terminal, then:",
    );
    let commands = [
        "openstack coe cluster template create k8s --coe kubernetes --image fedora-atomic-27 --external-network public \\",
        "    --keypair testkey --flavor m1.small --master-flavor m1.small --docker-volume-size 5 --network-driver flannel --master-lb-enabled",
        "openstack coe cluster create demo --cluster-template k8s --node-count 2",
        "openstack coe cluster show demo",
        "openstack coe cluster config demo --dir .",
        "openstack coe cluster update demo --node-count 3",
        "openstack coe cluster delete demo",
    ];
    for command in commands {
        terminal::say(&format!("  {command}"));
    }
}

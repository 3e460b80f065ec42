//! Mesos: which master is elected, which slaves are active, and how many tasks each has.
//!
//! Masters answer on a port of their own, which no load balancer stands before. Only the elected one knows the slaves; the
//! others answer with a redirect, which is not followed.

use domain::Cluster;
use serde_json::Value;

use super::{Answer, Health, Inquiry, Monitor, NodeUse, Site, Turn, Workers, json, list};

const PORT: u16 = 5050;
/// States of tasks that a slave still has to do with.
const LIVE: [&str; 4] = ["TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"];

pub(crate) struct Mesos;

impl Monitor for Mesos {
    fn health(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Health>> {
        Box::new(AskHealth { masters: site.masters.to_vec(), asked: 0, elected: None, findings: Vec::new() })
    }

    fn usage(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Result<Vec<NodeUse>, String>>> {
        Box::new(AskUsage { masters: site.masters.to_vec(), asked: 0, why: "the cluster has no masters".to_owned() })
    }

    fn workers(&self) -> Workers {
        Workers { group: "mesos_slaves", addresses: "mesos_slaves_private", word: "slave" }
    }

    /// The masters themselves are asked, whatever stands before them.
    fn is_accessible(&self, cluster: &Cluster) -> bool {
        cluster.floating_ip_enabled
    }
}

fn url(master: &str, path: &str) -> String {
    let host = if master.contains(':') { format!("[{master}]") } else { master.to_owned() };
    format!("http://{host}:{PORT}/{path}")
}

struct AskHealth {
    masters: Vec<String>,
    asked: usize,
    elected: Option<String>,
    findings: Vec<(String, bool)>,
}

impl AskHealth {
    /// The next master, then the elected one about its slaves.
    fn next(&self) -> Turn<Health> {
        match (self.masters.get(self.asked), &self.elected) {
            (Some(master), _) => Turn::Ask(url(master, "metrics/snapshot")),
            (None, Some(elected)) => Turn::Ask(url(elected, "state-summary")),
            (None, None) => {
                let mut health = Health::of(&Err("no master is elected"), self.findings.clone());
                if self.masters.is_empty() {
                    health = Health::failed("the cluster has no masters");
                }
                Turn::Told(health)
            }
        }
    }
}

impl Inquiry for AskHealth {
    type Told = Health;

    fn begin(&mut self) -> Turn<Health> {
        self.next()
    }

    fn hear(&mut self, answer: Answer) -> Turn<Health> {
        let Some(master) = self.masters.get(self.asked) else {
            return Turn::Told(match slaves(answer) {
                Ok(slaves) => {
                    let active =
                        slaves.iter().filter_map(|one| Some((format!("{}.Active", hostname(one)?), is_active(one))));
                    Health::of(&Ok(()), self.findings.drain(..).chain(active).collect())
                }
                Err(why) => Health::unlisted(&why),
            });
        };
        let metrics = json(answer);
        let elected = metrics.as_ref().ok().and_then(|metrics| metrics["master/elected"].as_f64());
        if elected.is_some_and(|elected| elected > 0.5) {
            self.elected = Some(master.clone());
        }
        self.findings.push((format!("{master}.Answers"), elected.is_some()));
        self.asked += 1;
        self.next()
    }
}

struct AskUsage {
    masters: Vec<String>,
    asked: usize,
    why: String,
}

impl AskUsage {
    fn next(&self) -> Turn<Result<Vec<NodeUse>, String>> {
        match self.masters.get(self.asked) {
            Some(master) => Turn::Ask(url(master, "state-summary")),
            None => Turn::Told(Err(self.why.clone())),
        }
    }
}

impl Inquiry for AskUsage {
    type Told = Result<Vec<NodeUse>, String>;

    fn begin(&mut self) -> Turn<Self::Told> {
        self.next()
    }

    fn hear(&mut self, answer: Answer) -> Turn<Self::Told> {
        match slaves(answer) {
            Ok(slaves) => Turn::Told(Ok(slaves.iter().filter_map(slave).collect())),
            Err(why) => {
                self.why = why;
                self.asked += 1;
                self.next()
            }
        }
    }
}

fn slaves(answer: Answer) -> Result<Vec<Value>, String> {
    let mut summary = json(answer)?;
    list(&summary, "slaves")?;
    match summary["slaves"].take() {
        Value::Array(slaves) => Ok(slaves),
        _ => Err("an answer without slaves".to_owned()),
    }
}

fn hostname(slave: &Value) -> Option<&str> {
    slave["hostname"].as_str().filter(|name| !name.is_empty())
}

fn is_active(slave: &Value) -> bool {
    slave["active"].as_bool().unwrap_or(false)
}

/// `pid` is `slave(1)@ADDRESS:PORT`; our slaves have their address as host name too.
fn slave(slave: &Value) -> Option<NodeUse> {
    let pid = slave["pid"].as_str().and_then(|pid| pid.rsplit_once('@')?.1.rsplit_once(':'));
    let addresses = pid.map(|(host, _)| host).into_iter().chain(hostname(slave)).map(str::to_owned).collect::<Vec<_>>();
    let load = LIVE.iter().filter_map(|state| slave[state].as_u64()).fold(0, u64::saturating_add);
    let load = usize::try_from(load).unwrap_or(usize::MAX);
    (!addresses.is_empty()).then_some(NodeUse { addresses, ready: is_active(slave), load })
}

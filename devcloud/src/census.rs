//! A count of everything that a client can leave behind.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::state::{Table, World, text};

/// Names (or ids, where names mean nothing) of what exists; two of them are compared to find a leak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Names of the stacks that are not deleted.
    pub stacks: BTreeSet<String>,
    /// Ids of the trusts.
    pub trusts: BTreeSet<String>,
    /// Names of the users of the trustee domain, without its administrator.
    pub trustees: BTreeSet<String>,
    /// Ids of Barbican's secrets.
    pub secrets: BTreeSet<String>,
    /// Ids of Barbican's containers.
    pub containers: BTreeSet<String>,
    /// `name (id)` of the load balancers.
    pub load_balancers: BTreeSet<String>,
    /// `name (id)` of the volumes.
    pub volumes: BTreeSet<String>,
    /// Names of the servers.
    pub servers: BTreeSet<String>,
    /// Addresses of the floating IPs.
    pub floating_ips: BTreeSet<String>,
    /// `name (id)` of the networks.
    pub networks: BTreeSet<String>,
}

impl Census {
    pub(crate) fn of(world: &World) -> Census {
        let named = |table: &Table| {
            table.iter().map(|(id, row)| format!("{} ({id})", text(row, "name"))).collect::<BTreeSet<String>>()
        };
        let member = |table: &Table, key: &str| {
            table.values().map(|row: &Value| text(row, key).to_owned()).collect::<BTreeSet<String>>()
        };
        Census {
            stacks: world.stacks.live_names(),
            trusts: world.directory.trust_ids(),
            trustees: world.directory.trustee_names(),
            secrets: world.secrets.keys().cloned().collect(),
            containers: world.containers.keys().cloned().collect(),
            load_balancers: named(&world.load_balancers),
            volumes: named(&world.volumes),
            servers: member(&world.servers, "name"),
            floating_ips: member(&world.floating_ips, "floating_ip_address"),
            networks: named(&world.networks),
        }
    }

    fn rows(&self) -> [(&'static str, &BTreeSet<String>); 10] {
        [
            ("stacks", &self.stacks),
            ("trusts", &self.trusts),
            ("trustees", &self.trustees),
            ("secrets", &self.secrets),
            ("containers", &self.containers),
            ("load balancers", &self.load_balancers),
            ("volumes", &self.volumes),
            ("servers", &self.servers),
            ("floating ips", &self.floating_ips),
            ("networks", &self.networks),
        ]
    }
}

impl fmt::Display for Census {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, names) in self.rows() {
            let list = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            writeln!(out, "{kind}: {} [{list}]", names.len())?;
        }
        Ok(())
    }
}

//! Faults: which request is disturbed, how, and how often.

use std::time::Duration;

/// The APIs of clusters, which are no services of the cloud.
pub(crate) const CLUSTER: &str = "cluster";

/// What happens to a request that a [`Fault`] picks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer this status without doing the work.
    Refuse(u16),
    /// Wait, then do the work and answer as usual.
    Delay(Duration),
    /// Do the work, then wait before answering.
    DelayAfterWork(Duration),
    /// Do the work, then close the connection without an answer.
    DropAfterWork,
    /// Close the connection without doing the work.
    DropBeforeWork,
    /// Let the request's token expire, then treat the request as usual (which answers 401).
    ExpireToken,
}

/// A disturbance of requests that match service, method and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Catalogue type (`orchestration`) or project name (`heat`) of the service; empty for all. `cluster` for what played
    /// nodes serve, where only refusals happen.
    pub service: String,
    /// HTTP method in any case; empty for all.
    pub method: String,
    /// Text that the path below the service's prefix contains; empty for all.
    pub path_contains: String,
    /// What happens.
    pub effect: Effect,
    /// How often it happens before the fault is used up.
    pub times: u32,
    /// How many matching requests pass undisturbed first.
    pub after: u32,
}

impl Fault {
    /// A fault that happens once, to the next matching request.
    #[must_use]
    pub fn once(service: &str, method: &str, path_contains: &str, effect: Effect) -> Fault {
        Fault {
            service: service.to_owned(),
            method: method.to_owned(),
            path_contains: path_contains.to_owned(),
            effect,
            times: 1,
            after: 0,
        }
    }

    fn matches(&self, service: &str, method: &str, path: &str) -> bool {
        ((self.service.is_empty() && service != CLUSTER) || canonical(&self.service) == service)
            && (self.method.is_empty() || self.method.eq_ignore_ascii_case(method))
            && path.contains(&self.path_contains)
    }
}

/// Catalogue type of a service that may be given by its project's name.
fn canonical(name: &str) -> &str {
    match name {
        "keystone" => "identity",
        "heat" => "orchestration",
        "glance" => "image",
        "nova" => "compute",
        "neutron" => "network",
        "cinder" | "volumev3" | "block-storage" => "volume",
        "barbican" => "key-manager",
        "octavia" => "load-balancer",
        other => other,
    }
}

/// The faults that are armed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn arm(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    /// The effect for this request, if a fault is due; counts skipped and used turns.
    pub(crate) fn take(&mut self, service: &str, method: &str, path: &str) -> Option<Effect> {
        let mut due = None;
        for fault in self.0.iter_mut().filter(|fault| fault.times > 0 && fault.matches(service, method, path)) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if due.is_none() {
                fault.times -= 1;
                due = Some(fault.effect.clone());
            }
        }
        self.0.retain(|fault| fault.times > 0);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, Fault, Faults};

    #[test]
    fn skips_then_fires_then_is_used_up() {
        let mut faults = Faults::default();
        faults.arm(Fault { after: 1, times: 2, ..Fault::once("heat", "post", "/stacks", Effect::Refuse(503)) });
        let mut next = || faults.take("orchestration", "POST", "/v1/p/stacks");
        assert_eq!(next(), None);
        assert_eq!(next(), Some(Effect::Refuse(503)));
        assert_eq!(next(), Some(Effect::Refuse(503)));
        assert_eq!(next(), None);
    }

    #[test]
    fn leaves_other_requests_alone() {
        let mut faults = Faults::default();
        faults.arm(Fault::once("heat", "", "/stacks", Effect::DropAfterWork));
        assert_eq!(faults.take("identity", "POST", "/v3/auth/tokens"), None);
        assert_eq!(faults.take("orchestration", "GET", "/v1/p/validate"), None);
        assert_eq!(faults.take("orchestration", "PUT", "/v1/p/stacks/x"), Some(Effect::DropAfterWork));
    }
}

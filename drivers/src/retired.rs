//! Drivers of Magnum's that are in no build: their names and what they served, so that whoever asks for one is told what
//! to use instead. They count as disabled, and no option enables them.

use crate::Provides;

/// A driver that is no more.
#[derive(Clone, Copy, Debug)]
pub struct Retired {
    /// Its name in Magnum.
    pub name: &'static str,
    /// What it served.
    pub provides: Provides,
    /// Why it is gone and what to use, as a sentence.
    pub instead: &'static str,
}

/// All of them.
pub static RETIRED: [Retired; 2] = [
    Retired {
        name: "k8s_coreos_v1",
        provides: Provides { server_type: "vm", os: "coreos", coe: "kubernetes" },
        instead: "Container Linux has had no updates since May 2020. Use an image of Fedora CoreOS with os_distro \
                  fedora-coreos, for driver k8s_fedora_coreos_v1",
    },
    Retired {
        name: "k8s_fedora_ironic_v1",
        provides: Provides { server_type: "bm", os: "fedora", coe: "kubernetes" },
        instead: "Kubernetes on bare metal was built with Fedora Atomic images that nobody makes any more. Use server_type \
                  vm and an image of Fedora CoreOS with os_distro fedora-coreos, for driver k8s_fedora_coreos_v1",
    },
];

/// The retired driver that served a combination.
#[must_use]
pub fn retired_for(server_type: &str, os_distro: &str, coe: &str) -> Option<&'static Retired> {
    RETIRED.iter().find(|r| (r.provides.server_type, r.provides.os, r.provides.coe) == (server_type, os_distro, coe))
}

/// The retired driver of that name.
#[must_use]
pub fn retired_named(name: &str) -> Option<&'static Retired> {
    RETIRED.iter().find(|retired| retired.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DRIVERS, driver_for, driver_named};

    #[test]
    fn a_retired_driver_is_in_no_build_and_leads_to_one_that_is() {
        for retired in RETIRED {
            let Provides { server_type, os, coe } = retired.provides;
            assert!(driver_named(retired.name).is_none(), "{}", retired.name);
            assert!(driver_for(server_type, os, coe, &[]).is_none(), "{}", retired.name);
            assert!(DRIVERS.iter().any(|driver| retired.instead.contains(driver.name())), "{}", retired.name);
            assert_eq!(retired_for(server_type, os, coe).unwrap().name, retired.name);
            assert_eq!(retired_named(retired.name).unwrap().name, retired.name);
        }
        assert!(retired_for("vm", "fedora-coreos", "kubernetes").is_none());
    }
}

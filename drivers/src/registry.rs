//! The drivers of this build, made by `build.rs` from the folders under `coe/`.

use crate::Driver;

#[cfg(not(test))]
include!(concat!(env!("OUT_DIR"), "/registry.rs"));
#[cfg(test)]
include!(concat!(env!("OUT_DIR"), "/registry_of_tests.rs"));

/// The driver for a combination, unless it is disabled by name.
///
/// `os_distro` is compared case-sensitively, as it is in Magnum.
#[must_use]
pub fn driver_for(server_type: &str, os_distro: &str, coe: &str, disabled: &[String]) -> Option<&'static dyn Driver> {
    DRIVERS.iter().copied().filter(|driver| !disabled.iter().any(|name| name == driver.name())).find(|driver| {
        driver.provides().iter().any(|p| p.server_type == server_type && p.os == os_distro && p.coe == coe)
    })
}

/// The driver of that name, disabled or not: existing clusters keep their driver.
#[must_use]
pub fn driver_named(name: &str) -> Option<&'static dyn Driver> {
    DRIVERS.iter().copied().find(|driver| driver.name() == name)
}

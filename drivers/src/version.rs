//! Versions of Kubernetes, and which of them go together.

/// Major, minor and patch number of a tag such as `v1.11.6` or `v1.28.9-rancher1`; `None` for what is no such tag.
pub(crate) fn numbers(tag: &str) -> Option<(u64, u64, u64)> {
    let bare = tag.strip_prefix('v').unwrap_or(tag);
    let bare = bare.split(['-', '+']).next().unwrap_or_default();
    let mut parts = bare.split('.').map(|part| part.parse::<u64>().ok());
    let found = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(found)
}

/// From this minor version on, nodes may be three minor versions behind their masters; before, two.
const THREE_BEHIND: u64 = 28;

/// Whether nodes of a version work with masters of another. Versions that cannot be read are let pass.
///
/// # Errors
/// The reason why not; versions come last, because clients show an error up to its first full stop.
pub fn version_skew(masters: &str, nodes: &str) -> Result<(), String> {
    let (Some(above), Some(below)) = (numbers(masters), numbers(nodes)) else { return Ok(()) };
    let minor = |(major, minor, _): (u64, u64, u64)| (major, minor);
    if minor(below) > minor(above) {
        return Err(format!("nodes may not be newer than their masters: nodes would have {nodes}, masters {masters}"));
    }
    let most = if above.1 >= THREE_BEHIND { 3 } else { 2 };
    if above.0 != below.0 || above.1 - below.1 > most {
        return Err(format!(
            "nodes may be at most {most} minor versions older than their masters: nodes would have {nodes}, masters {masters}"
        ));
    }
    Ok(())
}

/// Whether masters of one version can be replaced by those of another: no minor version is left out, and etcd's data is
/// not read by an older minor version.
///
/// # Errors
/// The reason why not.
pub fn master_upgrade(from: &str, to: &str) -> Result<(), String> {
    let (Some(old), Some(new)) = (numbers(from), numbers(to)) else { return Ok(()) };
    if (new.0, new.1) < (old.0, old.1) {
        return Err(format!("masters cannot go back to an older version, from {from} to {to}"));
    }
    if old.0 != new.0 || new.1 - old.1 > 1 {
        return Err(format!("masters cannot skip a minor version, from {from} to {to}; go one by one"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_not_newer_and_not_much_older_than_their_masters() {
        for (masters, nodes) in [
            ("v1.11.6", "v1.11.6"),
            ("v1.11.6", "v1.11.9"),
            ("v1.11.6", "v1.9.3"),
            ("v1.28.1", "v1.25.0"),
            ("v1.11.6", "custom"),
        ] {
            assert_eq!(version_skew(masters, nodes), Ok(()), "{masters} {nodes}");
        }
        for (masters, nodes) in
            [("v1.11.6", "v1.12.0"), ("v1.11.6", "v1.8.9"), ("v1.28.1", "v1.24.0"), ("v2.0.0", "v1.28.0")]
        {
            assert!(version_skew(masters, nodes).is_err(), "{masters} {nodes}");
        }
    }

    #[test]
    fn masters_go_up_one_minor_version_at_a_time() {
        for (from, to) in [("v1.11.6", "v1.11.6"), ("v1.11.6", "v1.11.2"), ("v1.11.6", "v1.12.0"), ("old", "v1.12.0")] {
            assert_eq!(master_upgrade(from, to), Ok(()), "{from} {to}");
        }
        for (from, to) in [("v1.11.6", "v1.10.9"), ("v1.11.6", "v1.13.0"), ("v1.11.6", "v2.11.6")] {
            assert!(master_upgrade(from, to).is_err(), "{from} {to}");
        }
    }
}

//! Networks of a cluster, which must lie apart from each other, or nodes, pods and services cannot be told from one another.

use std::ops::RangeInclusive;

use domain::{Error, Labels};

use crate::{Check, Label, NodesNetwork};

/// An IPv4 network: its first address, and how many bits name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    first: u32,
    bits: u32,
}

impl Network {
    /// `None` for what is no network; bits behind the prefix are not looked at.
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: std::net::Ipv4Addr = address.parse().ok()?;
        let bits = bits.parse().ok().filter(|bits| *bits <= 32)?;
        Some(Self { first: u32::from(address) & mask(bits), bits })
    }

    fn overlaps(self, other: Self) -> bool {
        let common = mask(self.bits.min(other.bits));
        self.first & common == other.first & common
    }
}

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits).unwrap_or(0)
}

/// A node needs some addresses.
const LONGEST_PART: u32 = 30;

/// What flannel asks for that keeps its state in etcd: four parts at least.
pub(crate) const FLANNEL_IN_ETCD: RangeInclusive<u32> = 2..=LONGEST_PART;

/// What the controller manager asks for that gives out flannel's parts: its table of parts has at most 16 bits.
pub(crate) const FLANNEL_IN_KUBERNETES: RangeInclusive<u32> = 1..=16;

/// The label that fills a parameter, and what holds for it.
fn value<'a>(table: &[Label], parameter: &str, labels: &'a Labels) -> Option<(&'static str, &'a str)> {
    let label = table.iter().find(|label| label.parameter == parameter)?;
    Some((label.name, label.given(labels).unwrap_or(label.default)))
}

/// What says where the nodes are, and their network, as far as it is known.
fn of_nodes<'a>(table: &[Label], check: &Check<'a>) -> Option<(String, &'a str)> {
    match check.nodes_network {
        NodesNetwork::Made => {
            value(table, "fixed_network_cidr", check.labels).map(|(name, text)| (format!("label {name}"), text))
        }
        NodesNetwork::Given(range) => range.map(|text| ("fixed_subnet".to_owned(), text)),
    }
}

/// The networks that fill these parameters overlap neither the nodes' network nor each other. A subnet of IPv6 is apart from
/// all of them, which are of IPv4.
///
/// # Errors
/// [`Error::Invalid`] with the label of one, and what names the other.
pub(crate) fn apart(table: &[Label], check: &Check<'_>, parameters: &[&str]) -> Result<(), Error> {
    let known = |(whose, text)| Some((whose, text, Network::parse(text)?));
    let mut seen: Vec<(String, &str, Network)> = of_nodes(table, check).and_then(known).into_iter().collect();
    for (name, text) in parameters.iter().filter_map(|parameter| value(table, parameter, check.labels)) {
        let Some(network) = Network::parse(text) else { continue };
        if let Some((other, whose, _)) = seen.iter().find(|(_, _, other)| other.overlaps(network)) {
            return Err(Error::bad_value(
                "labels",
                text,
                &format!("Label {name}: choose a network apart from that of {other}, which is {whose}"),
            ));
        }
        seen.push((format!("label {name}"), text, network));
    }
    Ok(())
}

/// The network that fills a parameter is large enough to be cut into parts of the length in another, which is longer by
/// some of `bits`.
///
/// # Errors
/// [`Error::Invalid`] with both labels.
pub(crate) fn has_parts(
    table: &[Label],
    labels: &Labels,
    whole: &str,
    length: &str,
    bits: RangeInclusive<u32>,
) -> Result<(), Error> {
    let (Some((name, text)), Some((part, given))) = (value(table, whole, labels), value(table, length, labels)) else {
        return Ok(());
    };
    let (Some(network), Ok(given)) = (Network::parse(text), given.trim().parse::<u32>()) else { return Ok(()) };
    if given.checked_sub(network.bits).is_some_and(|longer| bits.contains(&longer)) {
        return Ok(());
    }
    let (least, most) = (network.bits + bits.start(), network.bits + bits.end());
    let fix = format!(
        "Label {part}: each node gets a part of {text} (label {name}), so use a number from {least} to {}",
        most.min(LONGEST_PART)
    );
    Err(Error::bad_value("labels", &given.to_string(), &fix))
}

/// The network that fills a parameter holds a block of this prefix length.
///
/// # Errors
/// [`Error::Invalid`] with the label.
pub(crate) fn holds(table: &[Label], labels: &Labels, whole: &str, block: u32) -> Result<(), Error> {
    match value(table, whole, labels) {
        Some((name, text)) if Network::parse(text).is_some_and(|network| network.bits > block) => {
            let fix = format!("Label {name}: each node gets a block of /{block}, so choose a network that holds some");
            Err(Error::bad_value("labels", text, &fix))
        }
        _ => Ok(()),
    }
}

/// Whether a network is no larger than one of this prefix length.
pub(crate) fn is_within(text: &str, bits: u32) -> bool {
    Network::parse(text).is_some_and(|network| network.bits >= bits)
}

/// The address of a network that stands at this place, counted from its first; `None` where it has none there.
pub(crate) fn address(text: &str, place: u32) -> Option<std::net::Ipv4Addr> {
    let network = Network::parse(text)?;
    (place & mask(network.bits) == 0).then(|| (network.first + place).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_overlap_when_one_holds_the_other() {
        let overlap = |one: &str, other: &str| {
            let (one, other) = (Network::parse(one).unwrap(), Network::parse(other).unwrap());
            assert_eq!(one.overlaps(other), other.overlaps(one));
            one.overlaps(other)
        };
        assert!(overlap("10.0.0.0/8", "10.254.0.0/16"));
        assert!(overlap("10.0.0.7/24", "10.0.0.0/24"));
        assert!(overlap("0.0.0.0/0", "192.168.0.1/32"));
        assert!(!overlap("10.0.0.0/24", "10.0.1.0/24"));
        assert!(!overlap("10.128.0.0/9", "10.0.0.0/9"));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "ten/8", ""] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_is_counted_from_the_first() {
        assert_eq!(address("10.254.0.0/16", 10).unwrap().to_string(), "10.254.0.10");
        assert_eq!(address("172.20.9.9/24", 10).unwrap().to_string(), "172.20.9.10");
        assert_eq!(address("10.0.0.16/28", 10).unwrap().to_string(), "10.0.0.26");
        assert_eq!(address("10.0.0.0/29", 10), None);
    }

    #[test]
    fn a_network_is_cut_into_parts_that_fit() {
        let table = crate::driver_named("k8s_fedora_atomic_v1").unwrap().labels();
        let fault = |whole: &str, length: &str, bits| {
            let labels = Labels::from([("flannel_network_cidr", whole), ("flannel_network_subnetlen", length)]);
            has_parts(table, &labels, "flannel_network_cidr", "flannel_network_subnetlen", bits)
                .err()
                .map(|e| e.to_string())
        };
        assert_eq!(fault("10.0.0.0/8", "30", FLANNEL_IN_ETCD), None);
        assert!(fault("10.100.0.0/23", "24", FLANNEL_IN_ETCD).unwrap().contains("from 25 to 30"));
        assert_eq!(fault("10.100.0.0/23", "24", FLANNEL_IN_KUBERNETES), None);
        assert!(fault("10.0.0.0/8", "25", FLANNEL_IN_KUBERNETES).unwrap().contains("from 9 to 24"));
        assert!(fault("10.0.0.0/16", "16", FLANNEL_IN_KUBERNETES).unwrap().contains("from 17 to 30"));
    }

    #[test]
    fn a_pool_holds_a_block() {
        let table = crate::driver_named("k8s_fedora_atomic_v1").unwrap().labels();
        let pool = |text| Labels::from([("calico_ipv4pool", text)]);
        assert!(holds(table, &pool("192.168.0.0/26"), "calico_ipv4pool", 26).is_ok());
        assert!(holds(table, &pool("192.168.0.0/27"), "calico_ipv4pool", 26).unwrap_err().to_string().contains("/26"));
        assert!(holds(table, &Labels::default(), "calico_ipv4pool", 26).is_ok());
        assert!(is_within("172.16.0.0/12", 12) && !is_within("100.64.0.0/10", 12));
    }
}

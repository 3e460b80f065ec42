//! Networks that a cluster makes for itself, which must lie apart from each other, or nodes, pods and services cannot be told
//! from one another.

use domain::{Error, Labels};

use crate::Label;

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

/// The label that fills a parameter, and what holds for it.
fn value<'a>(table: &[Label], parameter: &str, labels: &'a Labels) -> Option<(&'static str, &'a str)> {
    let label = table.iter().find(|label| label.parameter == parameter)?;
    Some((label.name, label.given(labels).unwrap_or(label.default)))
}

/// No two of the networks that fill these parameters overlap.
///
/// # Errors
/// [`Error::Invalid`] with the labels of both.
pub(crate) fn apart(table: &[Label], labels: &Labels, parameters: &[&str]) -> Result<(), Error> {
    let mut seen: Vec<(&str, &str, Network)> = Vec::new();
    for (name, text) in parameters.iter().filter_map(|parameter| value(table, parameter, labels)) {
        let Some(network) = Network::parse(text) else { continue };
        if let Some((other, whose, _)) = seen.iter().find(|(_, _, other)| other.overlaps(network)) {
            return Err(Error::bad_value(
                "labels",
                text,
                &format!("Label {name}: choose a network apart from that of label {other}, which is {whose}"),
            ));
        }
        seen.push((name, text, network));
    }
    Ok(())
}

/// The network that fills a parameter is large enough to be cut into parts of the length in another.
///
/// # Errors
/// [`Error::Invalid`] with both labels.
pub(crate) fn has_parts(table: &[Label], labels: &Labels, whole: &str, length: &str) -> Result<(), Error> {
    let (Some((name, text)), Some((part, bits))) = (value(table, whole, labels), value(table, length, labels)) else {
        return Ok(());
    };
    match (Network::parse(text), bits.trim().parse::<u32>()) {
        (Some(network), Ok(bits)) if bits <= network.bits => Err(Error::bad_value(
            "labels",
            &bits.to_string(),
            &format!(
                "Label {part}: each node gets a part of {text} (label {name}), so this is more than {}",
                network.bits
            ),
        )),
        _ => Ok(()),
    }
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
}

//! No flag that its version does not have.

use std::collections::BTreeMap;

/// What a component knows, and from or up to which minor version it knows some of it.
#[derive(Default)]
struct Known {
    always: Vec<&'static str>,
    since: BTreeMap<&'static str, u64>,
    until: BTreeMap<&'static str, u64>,
}

impl Known {
    fn has(&self, flag: &str, minor: u64) -> bool {
        self.always.contains(&flag)
            || self.since.get(flag).is_some_and(|since| *since <= minor)
            || self.until.get(flag).is_some_and(|until| minor < *until)
    }
}

/// A checked-in table, by component.
pub(super) struct Flags(BTreeMap<&'static str, Known>);

/// Of the versions on which new clusters are built.
pub(super) const CURRENT: &str = include_str!("flags/current.txt");
/// Of all versions that the driver for Fedora Atomic takes.
pub(super) const ATOMIC: &str = include_str!("flags/atomic.txt");

impl Flags {
    pub(super) fn read(text: &'static str) -> Self {
        let mut found: BTreeMap<&str, Known> = BTreeMap::new();
        let mut component = "";
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            if let Some(name) = line.strip_prefix('[') {
                component = name.trim_end_matches(']');
                found.entry(component).or_default();
                continue;
            }
            let known = found.get_mut(component).unwrap();
            let dated = |rest: &'static str| {
                let (flag, version) = rest.split_once(' ').unwrap();
                (flag, version.split_once('.').unwrap().1.parse::<u64>().unwrap())
            };
            match line.split_at(2) {
                ("- ", rest) => known.until.extend([dated(rest)]),
                ("+ ", rest) => known.since.extend([dated(rest)]),
                _ => known.always.extend(line.split_whitespace()),
            }
        }
        Self(found)
    }

    /// Every word of a command line that is a flag is one the component has.
    pub(super) fn check(&self, component: &str, words: &[String], minor: u64) {
        for word in words.iter().filter(|word| word.starts_with("--")) {
            let flag = word.split('=').next().unwrap();
            assert!(self.0[component].has(flag, minor), "{component} of minor version {minor} has no {flag}");
        }
    }
}

#[test]
fn each_flag_has_one_place_in_its_table() {
    for text in [CURRENT, ATOMIC] {
        for (component, known) in Flags::read(text).0 {
            let mut all: Vec<&str> = known.always;
            all.extend(known.since.keys().chain(known.until.keys()));
            assert!(!all.is_empty() && all.iter().all(|flag| flag.starts_with("--")), "{component}");
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "{component}");
        }
    }
}

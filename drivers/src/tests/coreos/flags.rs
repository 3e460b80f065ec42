//! No flag that its version does not have.

use std::collections::BTreeMap;

/// What a component knows and what it knew once.
#[derive(Default)]
pub(super) struct Known {
    pub(super) flags: Vec<&'static str>,
    pub(super) gone: Vec<&'static str>,
}

/// The checked-in table, by component.
pub(super) fn table() -> BTreeMap<&'static str, Known> {
    let mut found = BTreeMap::new();
    let mut component = "";
    for line in include_str!("flags.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            component = name.trim_end_matches(']');
            found.insert(component, Known::default());
            continue;
        }
        let known = found.get_mut(component).unwrap();
        match line.strip_prefix("- ") {
            Some(gone) => known.gone.push(gone.split_whitespace().next().unwrap()),
            None => known.flags.extend(line.split_whitespace()),
        }
    }
    found
}

/// Every word of a command line that is a flag is one the component has.
pub(super) fn check(component: &str, words: &[String]) {
    let table = table();
    let known = &table[component];
    for word in words.iter().filter(|word| word.starts_with("--")) {
        let flag = word.split('=').next().unwrap();
        assert!(!known.gone.contains(&flag), "{component} no longer has {flag}");
        assert!(known.flags.contains(&flag), "{component}: {flag} is not in flags.txt");
    }
}

#[test]
fn no_flag_is_both_there_and_gone() {
    for (component, known) in table() {
        assert!(known.flags.iter().all(|flag| !known.gone.contains(flag)), "{component}");
        assert!(known.flags.iter().chain(&known.gone).all(|flag| flag.starts_with("--")), "{component}");
    }
}

//! The documented sample of the policy file.

use std::fmt::Write as _;

use super::{BLOCKS, Declaration, Rule};

/// Every rule with its default of the Queens set, commented out, as YAML.
#[must_use]
pub fn sample_policy() -> String {
    let mut out = String::from(
        "# Policy rules of magnum. Lines that are commented out show the defaults of [magnum_rs] default_rules = queens;\n\
         # where the set `master` differs, its default stands above. Uncomment a line to override the rule.\n",
    );
    for rule in BLOCKS.iter().chain(Rule::ALL.iter().map(|rule| rule.declaration())) {
        entry(&mut out, rule);
    }
    out
}

fn entry(out: &mut String, rule: &Declaration) {
    let Declaration { name, requests, queens, master, about } = rule;
    let _ = writeln!(out, "\n# {about}");
    for (method, path) in *requests {
        let _ = writeln!(out, "# {method} {path}");
    }
    if queens != master {
        let _ = writeln!(out, "# master: \"{master}\"");
    }
    let _ = writeln!(out, "#\"{name}\": \"{queens}\"");
}

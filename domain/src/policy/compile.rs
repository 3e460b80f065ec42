//! From parsed rules to something that can be asked: names become indexes, circles are refused.

use std::collections::{BTreeMap, BTreeSet};

use super::parse::{Check, Pattern};
use crate::Caller;

/// A check with everything looked up.
#[derive(Debug)]
pub(super) enum Ready {
    Always,
    Never,
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    /// Index of another rule.
    Rule(usize),
    Role(Pattern),
    Credential(Credential, Pattern),
    Literal(String, Pattern),
}

/// What a check may ask about the caller.
#[derive(Clone, Copy, Debug)]
pub(super) enum Credential {
    /// A text the token may carry.
    Text(fn(&Caller) -> Option<&str>),
    /// `is_admin`, compared as `True` or `False`.
    IsAdmin,
    /// `roles`: one of them, in this very spelling.
    Roles,
}

impl Credential {
    /// The credential of this name, as Magnum's request context spells it (magnum/common/context.py); the short names
    /// are those of `oslo.context`.
    fn named(name: &str) -> Option<Self> {
        let text: fn(&Caller) -> Option<&str> = match name {
            "user_id" | "user" => |caller| Some(&caller.user_id),
            "user_name" => |caller| Some(&caller.user_name),
            "project_id" | "tenant" | "tenant_id" => |caller| caller.project_id.as_deref(),
            "project_name" => |caller| caller.project_name.as_deref(),
            "project_domain_id" => |caller| caller.project_domain_id.as_deref(),
            // Magnum fills `domain_id` from X-User-Domain-Id (magnum/api/hooks.py).
            "domain_id" | "user_domain_id" => |caller| Some(&caller.user_domain_id),
            "trust_id" => |caller| caller.trust_id.as_deref(),
            "is_admin" => return Some(Self::IsAdmin),
            "roles" => return Some(Self::Roles),
            _ => return None,
        };
        Some(Self::Text(text))
    }
}

/// Looks up names while compiling.
pub(super) struct Compiler<'a> {
    /// Index of each rule.
    pub(super) names: &'a BTreeMap<String, usize>,
    /// Rule that stands in for undefined ones.
    pub(super) fallback: &'a str,
    /// Names that no rule has.
    pub(super) undefined: BTreeSet<String>,
}

impl Compiler<'_> {
    pub(super) fn ready(&mut self, check: Check) -> Ready {
        match check {
            Check::Always => Ready::Always,
            Check::Never => Ready::Never,
            Check::Not(inner) => Ready::Not(Box::new(self.ready(*inner))),
            Check::All(parts) => Ready::All(parts.into_iter().map(|part| self.ready(part)).collect()),
            Check::Any(parts) => Ready::Any(parts.into_iter().map(|part| self.ready(part)).collect()),
            Check::Role(pattern) => Ready::Role(pattern),
            Check::Literal(text, pattern) => Ready::Literal(text, pattern),
            // A credential nobody has never matches.
            Check::Credential(name, pattern) => {
                Credential::named(&name).map_or(Ready::Never, |credential| Ready::Credential(credential, pattern))
            }
            Check::Rule(name) => {
                let index = self.names.get(&name).or_else(|| self.names.get(self.fallback));
                if !self.names.contains_key(&name) {
                    self.undefined.insert(name);
                }
                index.map_or(Ready::Never, |index| Ready::Rule(*index))
            }
        }
    }
}

/// The rules of a circle of `rule:` references, if there is one.
pub(super) fn circle(rules: &[Ready]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }

    fn visit(rules: &[Ready], index: usize, marks: &mut [Mark], path: &mut Vec<usize>) -> bool {
        path.push(index);
        match marks[index] {
            Mark::Open => return true,
            Mark::Done => {}
            Mark::New => {
                marks[index] = Mark::Open;
                let mut next = Vec::new();
                references(&rules[index], &mut next);
                if next.into_iter().any(|to| visit(rules, to, marks, path)) {
                    return true;
                }
                marks[index] = Mark::Done;
            }
        }
        path.pop();
        false
    }

    let mut marks = vec![Mark::New; rules.len()];
    (0..rules.len()).find_map(|start| {
        let mut path = Vec::new();
        visit(rules, start, &mut marks, &mut path).then(|| {
            // The walk may have led to the circle over rules outside it.
            let first = path.iter().position(|index| Some(index) == path.last()).unwrap_or_default();
            path.split_off(first)
        })
    })
}

fn references(rule: &Ready, found: &mut Vec<usize>) {
    match rule {
        Ready::Rule(index) => found.push(*index),
        Ready::Not(inner) => references(inner, found),
        Ready::All(parts) | Ready::Any(parts) => parts.iter().for_each(|part| references(part, found)),
        _ => {}
    }
}

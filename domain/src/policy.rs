//! Who may do what: policy rules in oslo.policy's language, evaluated in process.
//!
//! Defaults are declared in `rules.rs`; an operator's files override them by name. Everything is parsed when a
//! [`Policy`] is made: a rule that cannot be read, refers to itself or would ask another server is an error then, not a
//! refusal later. Evaluation only compares text and allocates nothing.
//!
//! One difference to oslo.policy is on purpose: what the caller or the object does not have equals nothing, where
//! Python compares the word `None`.

mod compile;
mod parse;
mod rules;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use rules::{BLOCKS, Declaration, Rule};
pub use sample::sample_policy;

use self::{
    compile::{Compiler, Credential, Ready},
    parse::Piece,
};
use crate::{
    Caller, Cluster, ClusterTemplate, Error,
    config::{ConfigError, policy_overrides},
    options::{DefaultSet, Options},
};

/// Rule that decides who counts as an admin.
const ADMIN: &str = "context_is_admin";

/// The object of a decision. For lists and creation that is the caller's own project and user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a> {
    /// Project that owns the object.
    pub project_id: Option<&'a str>,
    /// User who made it.
    pub user_id: Option<&'a str>,
    /// The cluster's own user, if the object is a cluster that has one.
    pub trustee_user_id: Option<&'a str>,
    /// The domain of such users. Part of every target: without it nobody is recognised as a cluster user.
    pub trustee_domain_id: Option<&'a str>,
    /// Further fields an operator's rules may name.
    pub fields: &'a [(&'a str, &'a str)],
}

impl<'a> Target<'a> {
    /// For actions without an object.
    #[must_use]
    pub fn own(caller: &'a Caller, trustee_domain_id: Option<&'a str>) -> Self {
        let (project_id, user_id) = (caller.project_id.as_deref(), Some(caller.user_id.as_str()));
        Self { project_id, user_id, trustee_domain_id, ..Self::default() }
    }

    /// For actions on a cluster.
    #[must_use]
    pub fn cluster(cluster: &'a Cluster, trustee_domain_id: Option<&'a str>) -> Self {
        Self {
            project_id: Some(&cluster.project_id),
            user_id: Some(&cluster.user_id),
            trustee_user_id: cluster.trustee_user_id.as_deref(),
            trustee_domain_id,
            fields: &[],
        }
    }

    /// For actions on a cluster template.
    #[must_use]
    pub fn template(template: &'a ClusterTemplate, trustee_domain_id: Option<&'a str>) -> Self {
        let (project_id, user_id) = (Some(template.project_id.as_str()), Some(template.user_id.as_str()));
        Self { project_id, user_id, trustee_domain_id, ..Self::default() }
    }

    fn field(&self, name: &str) -> Option<&'a str> {
        match name {
            "project_id" => self.project_id,
            "user_id" => self.user_id,
            "trustee_user_id" => self.trustee_user_id,
            "trustee_domain_id" => self.trustee_domain_id,
            _ => self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value),
        }
    }
}

/// The rules in force.
#[derive(Debug)]
pub struct Policy {
    rules: Vec<Ready>,
    /// Index in `rules` of each [`Rule`].
    actions: Vec<usize>,
    admin: usize,
    warnings: Vec<String>,
    /// Check strings of an operator's files.
    overrides: BTreeMap<String, String>,
}

impl Policy {
    /// The defaults of a set with `overrides` (check strings by rule name) on top.
    ///
    /// # Errors
    ///
    /// A rule that cannot be parsed, uses `http:`, or refers to itself over other rules.
    pub fn new(defaults: DefaultSet, overrides: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Self::with_fallback(defaults, overrides, "default")
    }

    /// The policy the options ask for: `[magnum_rs] default_rules`, `[oslo_policy] policy_file`, `policy_dirs` and
    /// `policy_default_rule`. Reads those files.
    ///
    /// # Errors
    ///
    /// As [`Policy::new`], and files that cannot be read.
    pub fn from_options(options: &Options) -> Result<Self, ConfigError> {
        let overrides = policy_overrides(&options.oslo_policy)?;
        Self::with_fallback(options.magnum_rs.default_rules, &overrides, &options.oslo_policy.policy_default_rule)
    }

    fn with_fallback(
        defaults: DefaultSet,
        overrides: &BTreeMap<String, String>,
        fallback: &str,
    ) -> Result<Self, ConfigError> {
        let declared = || BLOCKS.iter().chain(Rule::ALL.iter().map(|rule| rule.declaration()));
        let mut texts: BTreeMap<&str, &str> = declared().map(|rule| (rule.name, rule.default_of(defaults))).collect();
        texts.extend(overrides.iter().map(|(name, text)| (name.as_str(), text.as_str())));

        let names: BTreeMap<String, usize> =
            texts.keys().zip(0..).map(|(name, index)| ((*name).to_owned(), index)).collect();
        let mut compiler = Compiler { names: &names, fallback, undefined: std::collections::BTreeSet::new() };
        let mut rules = Vec::with_capacity(texts.len());
        for (name, text) in &texts {
            let wrong = |what| ConfigError::Rule { rule: (*name).to_owned(), what };
            rules.push(compiler.ready(parse::parse(text).map_err(wrong)?));
        }
        let warnings = warnings(compiler.undefined, overrides, &texts, fallback);
        if let Some(circle) = compile::circle(&rules) {
            let name = |index: &usize| names.iter().find(|(_, at)| *at == index).map_or("", |(name, _)| name.as_str());
            let path: Vec<_> = circle.iter().map(name).collect();
            return Err(ConfigError::Rule {
                rule: path[0].to_owned(),
                what: format!("it refers to itself: {}", path.join(" -> ")),
            });
        }
        let index = |name: &str| names.get(name).copied().unwrap_or_default();
        let actions = Rule::ALL.iter().map(|rule| index(rule.name())).collect();
        Ok(Self { rules, actions, admin: index(ADMIN), warnings, overrides: overrides.clone() })
    }

    /// What an operator should know about the overrides: names that no rule has.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What an operator's files say about a rule, if they do.
    #[must_use]
    pub fn overridden(&self, rule: Rule) -> Option<&str> {
        self.overrides.get(rule.name()).map(String::as_str)
    }

    /// `true` when the rule `context_is_admin` holds for the caller.
    #[must_use]
    pub fn is_admin(&self, caller: &Caller) -> bool {
        self.holds(&self.rules[self.admin], caller, &Target::default())
    }

    /// `true` when the caller may do this to that.
    #[must_use]
    pub fn allows(&self, rule: Rule, caller: &Caller, target: &Target<'_>) -> bool {
        self.holds(&self.rules[self.actions[rule as usize]], caller, target)
    }

    /// [`Policy::allows`] as a result.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] with the rule's name.
    pub fn check(&self, rule: Rule, caller: &Caller, target: &Target<'_>) -> Result<(), Error> {
        if self.allows(rule, caller, target) { Ok(()) } else { Err(Error::Forbidden { rule: rule.name().to_owned() }) }
    }

    fn holds(&self, check: &Ready, caller: &Caller, target: &Target<'_>) -> bool {
        match check {
            Ready::Always => true,
            Ready::Never => false,
            Ready::Not(inner) => !self.holds(inner, caller, target),
            Ready::All(parts) => parts.iter().all(|part| self.holds(part, caller, target)),
            Ready::Any(parts) => parts.iter().any(|part| self.holds(part, caller, target)),
            Ready::Rule(index) => self.holds(&self.rules[*index], caller, target),
            Ready::Role(pattern) => caller.roles.iter().any(|role| equals(pattern, target, role, char::to_lowercase)),
            Ready::Literal(text, pattern) => equals(pattern, target, text, std::iter::once),
            Ready::Credential(Credential::Text(text), pattern) => {
                text(caller).is_some_and(|text| equals(pattern, target, text, std::iter::once))
            }
            Ready::Credential(Credential::IsAdmin, pattern) => {
                equals(pattern, target, if caller.is_admin { "True" } else { "False" }, std::iter::once)
            }
            Ready::Credential(Credential::Roles, pattern) => {
                caller.roles.iter().any(|role| equals(pattern, target, role, std::iter::once))
            }
        }
    }
}

/// `true` when the pattern, filled from the target, is `text`, both folded character by character. A field the target
/// lacks equals nothing.
fn equals<'p, I: Iterator<Item = char>>(
    pattern: &'p [Piece],
    target: &Target<'p>,
    text: &str,
    fold: fn(char) -> I,
) -> bool {
    let value = |piece: &'p Piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        Piece::Field(name) => target.field(name),
    };
    pattern.iter().all(|piece| value(piece).is_some())
        && pattern.iter().filter_map(value).flat_map(str::chars).flat_map(fold).eq(text.chars().flat_map(fold))
}

fn warnings(
    undefined: std::collections::BTreeSet<String>,
    overrides: &BTreeMap<String, String>,
    texts: &BTreeMap<&str, &str>,
    fallback: &str,
) -> Vec<String> {
    let stand_in =
        if texts.contains_key(fallback) { format!("the rule {fallback} decides") } else { "it never holds".to_owned() };
    let mut lines: Vec<_> =
        undefined.into_iter().map(|name| format!("policy: rule:{name} is used but not defined; {stand_in}")).collect();
    let declared = |name: &str| {
        BLOCKS.iter().any(|rule| rule.name == name)
            || Rule::ALL.iter().any(|rule| rule.name() == name)
            || name == fallback
    };
    let used = |name: &str| texts.values().any(|text| text.contains(&format!("rule:{name}")));
    for name in overrides.keys().filter(|name| !declared(name) && !used(name)) {
        lines.push(format!("policy: {name} is no rule of this service and used by none"));
    }
    lines
}

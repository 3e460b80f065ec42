//! The language against oslo.policy's own answers (`corpus.json`, made by `tests/oracle/policy_oracle.py`), the tables
//! against upstream's releases, and what is different on purpose.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Corpus {
    callers: Vec<CorpusCaller>,
    targets: Vec<BTreeMap<String, String>>,
    sets: BTreeMap<String, BTreeMap<String, Case>>,
    helpers: BTreeMap<String, String>,
    checks: BTreeMap<String, String>,
    malformed: Vec<String>,
    lists: Vec<ListCase>,
    with_default_rule: WithDefault,
}

#[derive(Deserialize)]
struct CorpusCaller {
    user_id: String,
    user_name: String,
    user_domain_id: String,
    project_id: Option<String>,
    project_name: Option<String>,
    project_domain_id: Option<String>,
    trust_id: Option<String>,
    roles: Vec<String>,
}

#[derive(Deserialize)]
struct Case {
    rule: String,
    answers: String,
}

#[derive(Deserialize)]
struct ListCase {
    rule: serde_json::Value,
    answers: String,
}

#[derive(Deserialize)]
struct WithDefault {
    rules: BTreeMap<String, String>,
    answers: String,
}

impl Corpus {
    fn read() -> Self {
        serde_json::from_str(include_str!("corpus.json")).unwrap()
    }

    /// The answers for one action, as the oracle writes them.
    fn answers(&self, policy: &Policy, rule: Rule) -> String {
        let callers: Vec<Caller> = self.callers.iter().map(|caller| caller.with_admin(policy)).collect();
        let mut out = String::new();
        for caller in &callers {
            for fields in &self.targets {
                let field = |name: &str| fields.get(name).map(String::as_str);
                let more: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let target = Target {
                    project_id: field("project_id"),
                    user_id: field("user_id"),
                    trustee_user_id: field("trustee_user_id"),
                    trustee_domain_id: field("trustee_domain_id"),
                    fields: &more,
                };
                out.push(if policy.allows(rule, caller, &target) { '1' } else { '0' });
            }
        }
        out
    }

    /// The answers of a check string among the helper rules. Asked through an action whose rule it replaces.
    fn answers_of(&self, rules: &BTreeMap<String, String>, text: &str) -> Result<String, ConfigError> {
        let mut overrides = rules.clone();
        overrides.insert(Rule::StatsGetAll.name().to_owned(), text.to_owned());
        Ok(self.answers(&Policy::new(DefaultSet::Queens, &overrides)?, Rule::StatsGetAll))
    }
}

impl CorpusCaller {
    fn with_admin(&self, policy: &Policy) -> Caller {
        let mut caller = Caller {
            user_id: self.user_id.clone(),
            user_name: self.user_name.clone(),
            user_domain_id: self.user_domain_id.clone(),
            project_id: self.project_id.clone(),
            project_name: self.project_name.clone(),
            project_domain_id: self.project_domain_id.clone(),
            roles: self.roles.clone(),
            trust_id: self.trust_id.clone(),
            is_admin: false,
        };
        caller.is_admin = policy.is_admin(&caller);
        caller
    }
}

fn overrides<const N: usize>(rules: [(&str, &str); N]) -> BTreeMap<String, String> {
    rules.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn refusal(rules: &BTreeMap<String, String>) -> String {
    Policy::new(DefaultSet::Queens, rules).unwrap_err().to_string()
}

#[test]
fn every_check_string_answers_as_oslo_policy() {
    let corpus = Corpus::read();
    assert!(corpus.checks.len() > 250);
    for (text, expected) in &corpus.checks {
        assert_eq!(corpus.answers_of(&corpus.helpers, text).unwrap(), *expected, "{text:?}");
    }
    for ListCase { rule, answers } in &corpus.lists {
        assert_eq!(corpus.answers_of(&corpus.helpers, &rule.to_string()).unwrap(), *answers, "{rule}");
    }
    let WithDefault { rules, answers } = &corpus.with_default_rule;
    assert_eq!(corpus.answers_of(rules, &rules["test"]).unwrap(), *answers);
}

#[test]
fn every_rule_of_both_releases_answers_as_oslo_policy() {
    let corpus = Corpus::read();
    for (release, rules) in &corpus.sets {
        let texts: BTreeMap<_, _> = rules.iter().map(|(name, case)| (name.clone(), case.rule.clone())).collect();
        let policy = Policy::new(DefaultSet::Queens, &texts).unwrap();
        let mut asked = 0;
        for rule in Rule::ALL.iter().filter(|rule| rules.contains_key(rule.name())) {
            assert_eq!(corpus.answers(&policy, *rule), rules[rule.name()].answers, "{release} {}", rule.name());
            asked += 1;
        }
        let blocks = rules.keys().filter(|name| BLOCKS.iter().any(|block| block.name == **name)).count();
        assert_eq!(asked + blocks, rules.len(), "{release} has a rule that is not declared");
    }
}

/// The defaults are upstream's own texts, but for those that are tightened or widened (see `rules.rs`).
#[test]
fn defaults_are_those_of_upstream() {
    let corpus = Corpus::read();
    let tightened = ["baymodel:delete", "baymodel:update", "clustertemplate:delete", "clustertemplate:update"];
    let widened = ["certificate:create", "certificate:get", "cluster:update_health_status"];
    // 2026.1 still knows cluster users; master has dropped them from these.
    let without_nodes = |name: &str| BLOCKS.iter().any(|b| b.name == name && b.queens != b.master);
    for rule in BLOCKS.iter().chain(Rule::ALL.iter().map(|rule| rule.declaration())) {
        if let Some(upstream) = corpus.sets["queens"].get(rule.name) {
            assert_eq!(rule.queens != upstream.rule, tightened.contains(&rule.name), "{}", rule.name);
        }
        if let Some(upstream) = corpus.sets["2026.1"].get(rule.name) {
            let ours = if without_nodes(rule.name) { rule.queens } else { rule.master };
            let nodes = if widened.contains(&rule.name) { " or rule:cluster_user" } else { "" };
            assert_eq!(ours, format!("{}{nodes}", upstream.rule), "{}", rule.name);
        }
    }
}

#[test]
fn what_oslo_cannot_parse_is_refused_when_the_policy_is_made() {
    let corpus = Corpus::read();
    for text in corpus.malformed.iter().map(String::as_str).chain(["'a:b':c", "a:%s", "a:%(b)d", "a:100%", "[1]"]) {
        let error = corpus.answers_of(&corpus.helpers, text).expect_err(text);
        assert!(error.to_string().starts_with("policy rule stats:get_all: "), "{error}");
    }
    let deep = format!("{}@{}", "(".repeat(500), ")".repeat(500));
    assert!(refusal(&overrides([("cluster:get", &deep)])).contains("nested too deeply"));
}

#[test]
fn remote_checks_are_refused_with_the_reason() {
    let text = refusal(&overrides([("cluster:create", "role:admin or http://policy.example.org/check")]));
    assert_eq!(
        text,
        "policy rule cluster:create: `http://policy.example.org/check` asks another server, which is not supported: \
         decisions are made here"
    );
}

#[test]
fn circles_are_refused_with_their_path() {
    let text = refusal(&overrides([("x", "role:a or rule:y"), ("y", "not rule:z"), ("z", "rule:x and @")]));
    assert_eq!(text, "policy rule x: it refers to itself: x -> y -> z -> x");
    assert!(refusal(&overrides([("x", "rule:x")])).contains("x -> x"));
    // Two ways to the same rule are no circle.
    Policy::new(DefaultSet::Queens, &overrides([("x", "rule:y or rule:z"), ("y", "rule:z"), ("z", "@")])).unwrap();
}

#[test]
fn what_nobody_has_equals_nothing() {
    let rules = overrides([("cluster:get", "project_id:%(project_id)s"), ("cluster:create", "project_id:None")]);
    let policy = Policy::new(DefaultSet::Queens, &rules).unwrap();
    let caller = Caller { user_id: "u".into(), ..Caller::default() };
    assert!(!policy.allows(Rule::ClusterGet, &caller, &Target::own(&caller, None)));
    assert!(!policy.allows(Rule::ClusterCreate, &caller, &Target::default()));
}

#[test]
fn a_cluster_user_may_have_its_certificate_signed_and_nothing_else() {
    let node = Caller { user_id: "t".into(), user_domain_id: "trustees".into(), ..Caller::default() };
    let target = |trustee| Target {
        project_id: Some("p"),
        user_id: Some("u"),
        trustee_user_id: Some(trustee),
        trustee_domain_id: Some("trustees"),
        fields: &[],
    };
    let policy = Policy::new(DefaultSet::Queens, &BTreeMap::new()).unwrap();
    let allowed = |trustee| -> Vec<_> {
        let may = |rule: &&Rule| policy.allows(**rule, &node, &target(trustee));
        Rule::ALL.iter().filter(may).map(|rule| rule.name()).collect()
    };
    assert_eq!(allowed("t"), ["certificate:create", "certificate:get", "cluster:update_health_status"]);
    assert!(allowed("other").is_empty());
    let refused = policy.check(Rule::ClusterGet, &node, &target("t")).unwrap_err();
    assert_eq!(refused.to_string(), "Policy does not allow cluster:get to be performed");
}

#[test]
fn a_foreign_public_template_can_be_read_and_not_changed() {
    let policy = Policy::new(DefaultSet::Queens, &BTreeMap::new()).unwrap();
    let caller = Caller { user_id: "u".into(), project_id: Some("mine".into()), ..Caller::default() };
    let foreign = Target { project_id: Some("theirs"), user_id: Some("v"), ..Target::default() };
    assert!(policy.allows(Rule::TemplateGet, &caller, &foreign));
    assert!(!policy.allows(Rule::TemplateUpdate, &caller, &foreign));
    assert!(!policy.allows(Rule::TemplateDelete, &caller, &foreign));
    assert!(policy.allows(Rule::TemplateDelete, &caller, &Target::own(&caller, None)));
}

#[test]
fn names_no_rule_has_are_told() {
    let rules = overrides([
        ("cluster:crate", "@"),
        ("cluster:get", "rule:admin_apii"),
        ("mine", "@"),
        ("stats:get_all", "rule:mine"),
    ]);
    assert_eq!(
        Policy::new(DefaultSet::Queens, &rules).unwrap().warnings(),
        [
            "policy: rule:admin_apii is used but not defined; it never holds",
            "policy: cluster:crate is no rule of this service and used by none",
        ]
    );
    assert!(Policy::new(DefaultSet::Master, &BTreeMap::new()).unwrap().warnings().is_empty());
}

#[test]
fn the_sample_is_a_policy_file_with_the_defaults() {
    let text = sample_policy().replace("\n#\"", "\n\"");
    let rules: BTreeMap<String, String> = serde_yaml_ng::from_str(&text).unwrap();
    assert_eq!(rules.len(), BLOCKS.len() + Rule::ALL.len());
    assert_eq!(rules["cluster:create"], "rule:deny_cluster_user");
    Policy::new(DefaultSet::Queens, &rules).unwrap();
}

//! `magnum policy`: who may do what by the rules in force. Reads the policy files and asks nobody.

use domain::{Caller, Options, Policy, Rule, Target};

use crate::{cli::Outcome, terminal};

/// Ids of the people below; any will do, as long as they differ.
const PROJECT: &str = "the project";
const CREATOR: &str = "the creator";
const NODE: &str = "the cluster's user";
const DOMAIN: &str = "the domain of clusters' users";

/// Who asks, seen from a cluster of a project.
fn people() -> [(&'static str, Caller); 6] {
    let person = |user: &str, project: Option<&str>, roles: &[&str]| Caller {
        user_id: user.to_owned(),
        user_domain_id: "default".to_owned(),
        project_id: project.map(str::to_owned),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..Caller::default()
    };
    let node = Caller { user_domain_id: DOMAIN.to_owned(), ..person(NODE, None, &[]) };
    [
        ("ADMIN", person("an admin", Some("another project"), &["admin", "member", "reader"])),
        ("CREATOR", person(CREATOR, Some(PROJECT), &["member", "reader"])),
        ("MEMBER", person("a colleague", Some(PROJECT), &["member", "reader"])),
        ("READER", person("a reader", Some(PROJECT), &["reader"])),
        ("STRANGER", person("a stranger", Some("another project"), &["member", "reader"])),
        ("NODE", node),
    ]
}

/// Prints a table of the rules whose names begin with `prefix`, or the one rule of that name in full.
pub(crate) fn run(options: &Options, prefix: &str) -> Outcome {
    let policy = Policy::from_options(options)?;
    for warning in policy.warnings() {
        tracing::warn!("{warning}");
    }
    let all = || Rule::ALL.iter().copied();
    let mut chosen: Vec<Rule> = all().filter(|rule| rule.name() == prefix).collect();
    if chosen.is_empty() {
        chosen = all().filter(|rule| rule.name().starts_with(prefix)).collect();
    }
    if chosen.is_empty() {
        return Err(format!("no rule begins with {prefix}; see: magnum policy").into());
    }
    let mut people = people();
    for (_, person) in &mut people {
        person.is_admin = policy.is_admin(person);
    }
    let target = Target {
        project_id: Some(PROJECT),
        user_id: Some(CREATOR),
        trustee_user_id: Some(NODE),
        trustee_domain_id: Some(DOMAIN),
        fields: &[],
    };
    let verdict = |rule: Rule, person: &Caller| if policy.allows(rule, person, &target) { "yes" } else { "-" };
    let row = |rule: &Rule| {
        let cells = people.iter().map(|(_, person)| verdict(*rule, person).to_owned());
        std::iter::once(rule.name().to_owned()).chain(cells).collect()
    };
    let headings: Vec<&str> = std::iter::once("RULE").chain(people.iter().map(|(name, _)| *name)).collect();
    terminal::table(&headings, &chosen.iter().map(row).collect::<Vec<Vec<String>>>());
    if let [rule] = chosen[..] {
        explain(rule, options, &policy);
    }
    Ok(())
}

fn explain(rule: Rule, options: &Options, policy: &Policy) {
    let declared = rule.declaration();
    terminal::say("");
    terminal::say(declared.about);
    for (method, path) in declared.requests {
        terminal::say(&format!("  {method} {path}"));
    }
    let default = declared.default_of(options.magnum_rs.default_rules);
    terminal::say(&format!("  default:  {default}"));
    match policy.overridden(rule) {
        Some(text) => terminal::say(&format!("  in force: {text}")),
        None => terminal::say("  in force: the default"),
    }
}

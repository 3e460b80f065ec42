//! Keystone's side: roles, project, users, domain, each looked for before it is made.
//!
//! The same code only looks, or puts right what is wrong, as the report says. While looking, things that hang on a
//! missing one are missing too.

use std::error::Error;

use cloud::{Account, Cloud, Domain, Named, Operator, Role, RoleTarget, Scope, Session, Switch, User};
use domain::Secret;

use super::{
    Step,
    advice::stop,
    report::{Finding, Report},
    wanted::{Person, Wanted},
};

/// The roles of the service user in its project.
pub(crate) const SERVICE_ROLES: [&str; 2] = ["admin", "service"];

/// Keystone in an administrator's hands.
pub(crate) struct Site<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) admin: &'a Session,
    /// Set the password of a user that refuses the given one.
    pub(crate) reset_passwords: bool,
    /// A missing password can be generated, because there is a file to keep it in.
    pub(crate) generates: bool,
    pub(crate) report: Report,
}

/// How messages speak of a user.
struct Titles {
    doing: &'static str,
    /// How its password is given.
    option: &'static str,
    variable: &'static str,
}

const SERVICE: Titles = Titles {
    doing: "log in as the service user",
    option: "[keystone_authtoken] password",
    variable: "OS_KEYSTONE_AUTHTOKEN__PASSWORD",
};
const TRUSTEE_ADMIN: Titles = Titles {
    doing: "log in as the admin of the trustee domain",
    option: "[trust] trustee_domain_admin_password",
    variable: "OS_TRUST__TRUSTEE_DOMAIN_ADMIN_PASSWORD",
};

impl Site<'_> {
    pub(super) fn operator(&self) -> Operator<'_> {
        self.admin.operator()
    }

    /// Everybody the service needs, and what they may do.
    pub(crate) async fn people(&mut self, wanted: &Wanted) -> Step<()> {
        let Some(admin) = self.operator().find_role("admin").await? else {
            return Err(stop(
                "Keystone has no role admin, which the service needs; `keystone-manage bootstrap` makes it",
            ));
        };
        let service = self.service_role().await?;
        let home = self.home(&wanted.project_domain, "the service project").await?;
        let project = self.project(&wanted.project, &home).await?;
        let home = self.home(&wanted.service.domain, "the service user").await?;
        let user = self.user(&wanted.service, Some(&home), &SERVICE).await?;
        for (role, name) in [Some(admin.clone()), service].into_iter().zip(SERVICE_ROLES) {
            let target = project.as_deref().map(RoleTarget::Project);
            let which = format!("{name} of {} in project {}", shown(&wanted.service.user), shown(&wanted.project));
            self.grant(user.as_deref(), target, role.as_ref(), &which).await?;
        }
        self.trustees(wanted, &admin).await
    }

    async fn trustees(&mut self, wanted: &Wanted, admin: &Role) -> Step<()> {
        let domain = self.trustee_domain(&wanted.trustee_domain).await?;
        let home = match &wanted.trustee_admin.domain {
            own if own.is_empty() || *own == wanted.trustee_domain => domain.clone(),
            other => Some(self.home(other, "the admin of the trustee domain").await?),
        };
        let user = self.user(&wanted.trustee_admin, home.as_ref(), &TRUSTEE_ADMIN).await?;
        let target = domain.as_ref().map(|domain| RoleTarget::Domain(&domain.id));
        let names = (shown(&wanted.trustee_admin.user), shown(&wanted.trustee_domain));
        let which = format!("admin of {} in domain {}", names.0, names.1);
        self.grant(user.as_deref(), target, Some(admin), &which).await
    }

    /// The role that lets a user check other users' tokens; young clouds have it, older ones do not.
    async fn service_role(&mut self) -> Step<Option<Role>> {
        let mut role = self.operator().find_role("service").await?;
        let finding = if role.is_some() { Finding::Fine } else { Finding::Missing };
        if role.is_none() && self.report.applies() {
            role = Some(self.operator().create_role("service").await?);
        }
        self.report.tell(finding, "role", "service");
        Ok(role)
    }

    /// A domain that has to be there already.
    async fn home(&self, named: &Named, whose: &str) -> Step<Domain> {
        self.operator().find_domain(named).await?.ok_or_else(|| {
            stop(format!(
                "Keystone has no domain {}, in which {whose} is to live; correct its *_domain_name or *_domain_id in the \
                 configuration",
                shown(named)
            ))
        })
    }

    async fn trustee_domain(&mut self, named: &Named) -> Step<Option<Domain>> {
        let which = shown(named);
        let found = self.operator().find_domain(named).await?;
        match (found, &named.name) {
            (Some(domain), _) => {
                self.switched_on(domain.enabled, Switch::Domain, &domain.id, &which).await?;
                Ok(Some(Domain { enabled: domain.enabled || self.report.applies(), ..domain }))
            }
            (None, Some(name)) if named.id.is_none() => {
                let made = if self.report.applies() {
                    let description = "Users that clusters of the container-infra service act as";
                    Some(self.operator().create_domain(name, description).await?)
                } else {
                    None
                };
                self.report.tell(Finding::Missing, "domain", &which);
                Ok(made)
            }
            _ => Err(gone("domain", &which, "[trust] trustee_domain_id")),
        }
    }

    async fn project(&mut self, named: &Named, home: &Domain) -> Step<Option<String>> {
        let which = shown(named);
        let found = match (&named.id, &named.name) {
            (Some(id), _) => self.admin.keystone().project(id).await?,
            (None, Some(name)) => self.operator().find_project(name, &home.id).await?,
            (None, None) => None,
        };
        match (found, &named.name) {
            (Some(project), _) => {
                self.switched_on(project.enabled, Switch::Project, &project.id, &which).await?;
                Ok(Some(project.id))
            }
            (None, Some(name)) if named.id.is_none() => {
                let made = if self.report.applies() {
                    Some(self.operator().create_project(name, &home.id, "Users of the cloud's services").await?.id)
                } else {
                    None
                };
                self.report.tell(Finding::Missing, "project", &which);
                Ok(made)
            }
            _ => Err(gone("project", &which, "[keystone_authtoken] project_id")),
        }
    }

    async fn user(&mut self, person: &Person, home: Option<&Domain>, titles: &Titles) -> Step<Option<String>> {
        let which = shown(&person.user);
        let found = match (home, &person.user.id) {
            (None, None) => None,
            (home, _) => {
                let domain = home.map_or("", |home| home.id.as_str());
                self.operator().find_user(&person.user, domain).await?
            }
        };
        if let Some(user) = found {
            self.known_user(&user, person.password.as_ref(), home.is_some_and(|home| home.enabled), titles).await?;
            return Ok(Some(user.id));
        }
        let Some(name) = person.user.name.as_ref().filter(|_| person.user.id.is_none()) else {
            return Err(gone("user", &which, "the option that names it by id"));
        };
        if person.password.is_none() && !self.generates {
            return Err(stop(format!(
                "user {which} needs a password: set {}, or have one generated with --write-config FILE",
                titles.option
            )));
        }
        let made = match (self.report.applies(), home, &person.password) {
            (true, Some(home), Some(password)) => Some(self.operator().create_user(name, password, &home.id).await?.id),
            _ => None,
        };
        self.report.tell(Finding::Missing, "user", &which);
        Ok(made)
    }

    /// A user that exists has to be switched on and to know its password.
    async fn known_user(
        &mut self,
        user: &User,
        password: Option<&Secret>,
        home_enabled: bool,
        titles: &Titles,
    ) -> Step<()> {
        if !user.enabled && self.report.applies() {
            self.operator().enable(Switch::User, &user.id).await?;
        }
        let testable = home_enabled && (user.enabled || self.report.applies());
        let takes = match password {
            Some(password) if testable => self.logs_in(user, password, titles).await?,
            Some(_) => true,
            None => false,
        };
        let known = password.is_some() || self.generates;
        if !(takes || self.reset_passwords && known) {
            return Err(unknown_password(user, password.is_some(), titles));
        }
        if !takes
            && self.report.applies()
            && let Some(password) = password
        {
            self.operator().set_password(user, password).await?;
        }
        let what: Vec<&str> = [(!user.enabled, "enabled"), (!takes, "password")]
            .into_iter()
            .filter_map(|(wrong, what)| wrong.then_some(what))
            .collect();
        self.different("user", &user.name, &what);
        Ok(())
    }

    async fn logs_in(&self, user: &User, password: &Secret, titles: &Titles) -> Step<bool> {
        let account = Account { user: Named::id(&user.id), domain: Named::default(), password: password.clone() };
        match self.cloud.log_in(titles.doing, &account, &Scope::Unscoped).caller().await {
            Ok(_) => Ok(true),
            Err(error) if error.cloud_status() == Some(401) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn grant(
        &mut self,
        user: Option<&str>,
        target: Option<RoleTarget<'_>>,
        role: Option<&Role>,
        which: &str,
    ) -> Step<()> {
        let mut finding = Finding::Missing;
        if let (Some(user), Some(target), Some(role)) = (user, target, role) {
            if self.operator().has_role(user, target, role).await? {
                finding = Finding::Fine;
            } else if self.report.applies() {
                self.operator().give_role(user, target, role).await?;
            }
        }
        self.report.tell(finding, "role", which);
        Ok(())
    }

    /// Tells of something that exists, and which of its members are not as they should be.
    fn different(&mut self, kind: &str, which: &str, members: &[&str]) {
        match members {
            [] => self.report.tell(Finding::Fine, kind, which),
            members => self.report.tell(Finding::Different, kind, &format!("{which}: {}", members.join(", "))),
        }
    }

    /// Tells of something that exists, and switches it on.
    pub(super) async fn switched_on(&mut self, enabled: bool, what: Switch, id: &str, which: &str) -> Step<()> {
        if !enabled && self.report.applies() {
            self.operator().enable(what, id).await?;
        }
        self.different(what.name(), which, if enabled { &[] } else { &["enabled"] });
        Ok(())
    }
}

fn unknown_password(user: &User, given: bool, titles: &Titles) -> Box<dyn Error> {
    let (state, other) = if given {
        ("refuses the given password", "--reset-passwords to make it the given one")
    } else {
        ("exists, but its password is not given", "--reset-passwords and --write-config FILE for a new one")
    };
    stop(format!(
        "user {} {state}: give the right one ({}, or {} in the environment), or {other}",
        user.name, titles.option, titles.variable
    ))
}

fn gone(kind: &str, which: &str, option: &str) -> Box<dyn Error> {
    stop(format!("Keystone has no {kind} {which}, as {option} has it; correct it, or name the {kind} instead"))
}

/// Name or id, for messages.
pub(crate) fn shown(named: &Named) -> String {
    named.name.clone().or_else(|| named.id.clone()).unwrap_or_default()
}

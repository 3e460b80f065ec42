//! One request: who asks, in which version, and the look-ups that decide in the same breath whether they may.
//!
//! A lookup names its policy rule, so a handler cannot hold an object it may not touch. What is not visible to the caller
//! is a 404; what is visible and forbidden is a 403.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};
use chrono::{DateTime, SubsecRound, Utc};
use cloud::Session;
use domain::{Caller, Cluster, ClusterTemplate, Error, Ident, Options, Result, Rule, Secret, Target};
use store::{ClusterRecord, Scope, Store};

use crate::{
    Deps,
    base::Base,
    gate::{Identified, RequestId},
    problem::Problem,
    query::Paging,
    versions::{Negotiated, Version},
};

/// What a handler of a request with a token works with.
pub(crate) struct Ctx {
    deps: web::Data<Deps>,
    token: Secret,
    trustee_domain: Option<Arc<str>>,
    pub(crate) request_id: Arc<str>,
    pub(crate) caller: Caller,
    pub(crate) version: Version,
    pub(crate) base: Base,
}

/// What a handler of a public path works with.
pub(crate) struct Public(pub(crate) Base);

/// The identifier in the path: a uuid or a name.
pub(crate) struct Named(pub(crate) Ident);

fn lost(what: &str) -> Problem {
    Error::Internal { doing: format!("find {what} of a request that passed the gate"), source: None }.into()
}

impl FromRequest for Ctx {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.extensions();
        let ctx = || {
            let Identified { caller, token, trustee_domain } =
                found.get::<Identified>().cloned().ok_or_else(|| lost("the caller"))?;
            Ok(Self {
                deps: request.app_data::<web::Data<Deps>>().cloned().ok_or_else(|| lost("the services"))?,
                token,
                trustee_domain,
                request_id: found.get::<RequestId>().cloned().ok_or_else(|| lost("the id"))?.0,
                caller,
                version: found.get::<Negotiated>().copied().unwrap_or_default().version,
                base: found.get::<Base>().cloned().ok_or_else(|| lost("the address"))?,
            })
        };
        ready(ctx())
    }
}

impl FromRequest for Public {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Base>().cloned().map(Self).ok_or_else(|| lost("the address")))
    }
}

impl FromRequest for Named {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    /// Never a 400: what cannot be a name does not exist.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(segment(request, "ident", "Object").map(|text| Self(Ident::of(&text))))
    }
}

/// A named part of the path, decoded. What no column can hold is an object that does not exist.
pub(crate) fn segment(request: &HttpRequest, name: &str, kind: &'static str) -> Result<String, Problem> {
    let raw = request.match_info().get(name).unwrap_or_default();
    percent_decoded(raw).ok_or_else(|| Error::NotFound { kind, ident: raw.chars().take(100).collect() }.into())
}

/// The text behind the percent signs; `None` when it is not UTF-8 or nothing a name column can hold.
fn percent_decoded(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| crate::fields::storable(text) && text.chars().count() <= crate::fields::COLUMN)
}

impl Ctx {
    pub(crate) fn store(&self) -> &Store {
        &self.deps.store
    }

    pub(crate) fn options(&self) -> &Options {
        &self.deps.options
    }

    pub(crate) fn certs(&self) -> &certs::Authority {
        &self.deps.certs
    }

    /// Largest page of a list.
    pub(crate) fn max_limit(&self) -> u32 {
        self.deps.options.api.max_limit
    }

    /// The time of the request in whole seconds, as the tables of the objects keep it.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(0)
    }

    /// Address of the page after one of `length` entries that ends with `last`.
    pub(crate) fn next(&self, paging: &Paging, path: &str, length: usize, last: Option<&str>) -> Option<String> {
        paging.next(path, length, last).map(|next| self.base.join(&next))
    }

    /// Calls to OpenStack in the caller's name, which need a project.
    pub(crate) fn session(&self) -> Result<Session> {
        let project = self.caller.project_id.as_deref().ok_or_else(|| {
            Error::Refused("A token without a project can make nothing. Log in to a project".to_owned())
        })?;
        Ok(self.deps.cloud.as_user(self.token.clone(), project))
    }

    /// Asks Keystone, as the service, whether there is such a project.
    pub(crate) async fn project_exists(&self, id: &str) -> Result<()> {
        // An id is a path segment to Keystone, and these two are none.
        let found = match id {
            "." | ".." => None,
            _ => self.deps.cloud.as_service().keystone().project(id).await?,
        };
        found.map(|_| ()).ok_or_else(|| Error::NotFound { kind: "Project", ident: id.to_owned() })
    }

    /// Decides about an action without an object: a list, or something new.
    pub(crate) fn allow(&self, rule: Rule) -> Result<()> {
        self.check(rule, &Target::own(&self.caller, self.trustee_domain()))
    }

    /// Decides about a list, and answers whose rows it has. With `all_projects`, an admin gets those of every project.
    pub(crate) fn allow_list(&self, rule: Rule, all_projects: Option<Rule>) -> Result<Scope> {
        if let Some(all_projects) = self.everywhere(all_projects) {
            self.allow(all_projects)?;
            return Ok(Scope::All);
        }
        self.allow(rule)?;
        Ok(self.own_rows())
    }

    /// The cluster of this name, if the caller may do `rule` to it. With `all_projects`, an admin reaches the clusters of
    /// every project.
    pub(crate) async fn cluster(&self, ident: &Ident, rule: Rule, all_projects: Option<Rule>) -> Result<ClusterRecord> {
        let everywhere = self.everywhere(all_projects);
        if let Some(rule) = everywhere {
            self.allow(rule)?;
        }
        let scope = if everywhere.is_some() { Scope::All } else { self.own_rows() };
        let record = self.deps.store.cluster(&scope, ident).await?;
        if everywhere.is_none() {
            let mut target = Target::cluster(&record.cluster, self.trustee_domain());
            if self.is_trustee_of(&record.cluster) {
                target.trustee_user_id = Some(&self.caller.user_id);
            }
            self.check(rule, &target)?;
        }
        Ok(record)
    }

    /// The cluster whose certificates the caller asks for. Admins, too, reach only those of their own project.
    pub(crate) async fn cluster_of_certificate(&self, ident: &Ident, rule: Rule) -> Result<Cluster> {
        Ok(self.cluster(ident, rule, None).await?.cluster)
    }

    /// Whether a certificate is for a node: the cluster's own user, or the owner's name on loan by a trust.
    ///
    /// By whose trust does not matter: one of the two that nodes have while credentials are rotated is recorded elsewhere,
    /// and whom else somebody lets act for them for a while gets no certificate that outlives the trust with such rights.
    pub(crate) fn sign_for(&self, cluster: &Cluster) -> certs::SignFor {
        let on_loan = self.caller.trust_id.is_some();
        if on_loan || self.is_trustee_of(cluster) { certs::SignFor::Trustee } else { certs::SignFor::Owner }
    }

    /// The rule about things of every project, if the caller is one who reaches them.
    fn everywhere(&self, all_projects: Option<Rule>) -> Option<Rule> {
        all_projects.filter(|_| self.caller.is_admin)
    }

    /// A template the caller sees: of the own project, or a public one that is not hidden; where admins see `everywhere`,
    /// one of any project.
    pub(crate) async fn visible_template(&self, ident: &Ident, everywhere: bool) -> Result<ClusterTemplate> {
        let scope = if everywhere && self.caller.is_admin { Scope::All } else { self.own_rows() };
        self.deps.store.template(&scope, ident).await
    }

    /// Decides about an action on a template that was looked up.
    pub(crate) fn allow_template(
        &self,
        template: &ClusterTemplate,
        rule: Rule,
        all_projects: Option<Rule>,
    ) -> Result<()> {
        if let Some(all_projects) = self.everywhere(all_projects) {
            return self.allow(all_projects);
        }
        self.check(rule, &Target::template(template, self.trustee_domain()))
    }

    fn check(&self, rule: Rule, target: &Target<'_>) -> Result<()> {
        self.deps.policy.check(rule, &self.caller, target)
    }

    /// The rows of the caller's project. A cluster's own user has none, but its name says whose cluster it is; a token
    /// without any project sees what its user made.
    fn own_rows(&self) -> Scope {
        let of_trustee = || self.is_trustee().then(|| self.caller.trustee_project()).flatten();
        match self.caller.project_id.as_deref().or_else(of_trustee) {
            Some(project) => Scope::Project(project.to_owned()),
            None => Scope::User(self.caller.user_id.clone()),
        }
    }

    /// The cluster's own user, or the other one while its credentials are rotated: who has which name in the trustees'
    /// domain, its administrator alone decides.
    fn is_trustee_of(&self, cluster: &Cluster) -> bool {
        let rotated = || cluster.trustee_rotation.is_some() && self.is_trustee();
        cluster.trustee_user_id.as_deref() == Some(self.caller.user_id.as_str())
            || (rotated() && cluster.trustee_names().contains(&self.caller.user_name))
    }

    fn is_trustee(&self) -> bool {
        self.trustee_domain() == Some(self.caller.user_domain_id.as_str())
    }

    fn trustee_domain(&self) -> Option<&str> {
        self.trustee_domain.as_deref()
    }
}

impl Ctx {
    /// The caller's token, sealed for one operation.
    pub(crate) fn sealed_token(&self, operation_id: &str) -> Result<String> {
        self.deps.seal.seal(self.token.expose(), operation_id)
    }

    /// Tells the conductors about an operation that is committed.
    pub(crate) async fn ring(&self, operation_id: &str) {
        self.deps.doorbell.ring(operation_id).await;
    }
}

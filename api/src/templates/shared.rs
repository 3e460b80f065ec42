//! What templates do under either of their names. What differs is here: paths, rules, what an admin reaches, and the
//! attributes the old name lacks.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderName},
};
use domain::{
    ClusterTemplate, Error, Ident, Patch, PatchRules, Rule, TemplateRequest, changed_attributes, check_referenced,
    checks,
};
use serde_json::{Value, json};

use super::{TEMPLATE, check};
use crate::{
    ctx::Ctx,
    problem::Problem,
    query::{Paging, Query},
};

/// A rule, and the one about things of every project where admins reach those.
type Pair = (Rule, Option<Rule>);

/// Templates of a page, and the address of the next one.
pub(super) type Page = (Vec<ClusterTemplate>, Option<String>);

/// Templates under one of their names.
pub(super) struct Collection {
    /// Name in paths.
    pub(super) name: &'static str,
    /// End of generated names.
    kind: &'static str,
    create: Rule,
    list: Pair,
    detail: Pair,
    get: Pair,
    update: Pair,
    delete: Pair,
    publish: Rule,
    /// Attributes that cannot be removed.
    mandatory: &'static [&'static str],
    /// Attributes it does not have.
    missing: &'static [&'static str],
}

/// The name since 1.1.
pub(super) const TEMPLATES: Collection = Collection {
    name: "clustertemplates",
    kind: "template",
    create: Rule::TemplateCreate,
    list: (Rule::TemplateGetAll, Some(Rule::TemplateGetAllAllProjects)),
    detail: (Rule::TemplateDetail, Some(Rule::TemplateDetailAllProjects)),
    get: (Rule::TemplateGet, Some(Rule::TemplateGetOneAllProjects)),
    update: (Rule::TemplateUpdate, Some(Rule::TemplateUpdateAllProjects)),
    delete: (Rule::TemplateDelete, Some(Rule::TemplateDeleteAllProjects)),
    publish: Rule::TemplatePublish,
    mandatory: &[
        "image_id",
        "network_driver",
        "external_network_id",
        "tls_disabled",
        "public",
        "server_type",
        "coe",
        "registry_enabled",
        "cluster_distro",
        "hidden",
    ],
    missing: &[],
};

/// The name until 1.10. An admin reaches the own project's only.
pub(super) const BAYMODELS: Collection = Collection {
    name: "baymodels",
    kind: "model",
    create: Rule::BaymodelCreate,
    list: (Rule::BaymodelGetAll, None),
    detail: (Rule::BaymodelDetail, None),
    get: (Rule::BaymodelGet, None),
    update: (Rule::BaymodelUpdate, None),
    delete: (Rule::BaymodelDelete, None),
    publish: Rule::BaymodelPublish,
    mandatory: &[
        "image_id",
        "keypair_id",
        "network_driver",
        "external_network_id",
        "tls_disabled",
        "public",
        "server_type",
        "coe",
        "registry_enabled",
        "cluster_distro",
    ],
    missing: &["hidden", "tags", "driver"],
};

impl Collection {
    pub(super) async fn create(
        &self,
        ctx: &Ctx,
        request: &HttpRequest,
        wanted: TemplateRequest,
    ) -> Result<ClusterTemplate, Problem> {
        Query::read(request, &[])?;
        let session = ctx.session()?;
        let wanted = check::new_template(wanted, &session, ctx.options()).await?;
        ctx.allow(self.create)?;
        let name = wanted.name.clone().unwrap_or_else(|| checks::generated_name(&uuid::Uuid::new_v4(), self.kind));
        let template = TemplateRequest { name: Some(name), ..wanted }.into_template(&ctx.caller, ctx.now())?;
        check::looks(&template, &session, ctx.options()).await?;
        if template.public || template.hidden {
            ctx.allow(self.publish)?;
        }
        Ok(ctx.store().insert_template(&template).await?)
    }

    /// Where a new template is found.
    pub(super) fn location(&self, ctx: &Ctx, template: &ClusterTemplate) -> (HeaderName, String) {
        (header::LOCATION, ctx.base.join(&format!("/v1/{}/{}", self.name, template.uuid)))
    }

    pub(super) async fn list(&self, ctx: &Ctx, request: &HttpRequest) -> Result<Page, Problem> {
        self.page(ctx, request, self.list, &format!("/v1/{}", self.name)).await
    }

    pub(super) async fn detail(&self, ctx: &Ctx, request: &HttpRequest) -> Result<Page, Problem> {
        self.page(ctx, request, self.detail, &format!("/v1/{}/detail", self.name)).await
    }

    async fn page(&self, ctx: &Ctx, request: &HttpRequest, rules: Pair, path: &str) -> Result<Page, Problem> {
        let paging = Paging::read(request, ctx.max_limit())?;
        let scope = ctx.allow_list(rules.0, rules.1)?;
        let templates = ctx.store().templates(&scope, &paging.page()).await?;
        let next = ctx.next(&paging, path, templates.len(), templates.last().map(|template| template.uuid.as_str()));
        Ok((templates, next))
    }

    pub(super) async fn show(
        &self,
        ctx: &Ctx,
        ident: &Ident,
        request: &HttpRequest,
    ) -> Result<ClusterTemplate, Problem> {
        Query::read(request, &[])?;
        let template = self.visible(ctx, ident).await?;
        // A public template needs no right at all.
        if !template.public {
            ctx.allow_template(&template, self.get.0, self.get.1)?;
        }
        Ok(template)
    }

    pub(super) async fn update(
        &self,
        ctx: &Ctx,
        ident: &Ident,
        request: &HttpRequest,
        body: &Value,
    ) -> Result<ClusterTemplate, Problem> {
        Query::read(request, &[])?;
        let patch = Patch::parse(body, &self.rules(&[]))?;
        let template = self.visible(ctx, ident).await?;
        let (mut wanted, changed) = self.patched(&template, &patch)?;
        check::changed_template(&wanted, ctx.options())?;
        ctx.allow_template(&template, self.update.0, self.update.1)?;
        let session = ctx.session()?;
        check::follow_image(&mut wanted, &changed, &session, ctx.options()).await?;
        let after = wanted.clone().changed(&template)?;
        check::looks(&after, &session, ctx.options()).await?;
        if after.public != template.public || after.hidden != template.hidden {
            ctx.allow(self.publish)?;
        }
        let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
        let harmless = check_referenced(&template, &changed, &wanted).is_ok();
        let after = ClusterTemplate { updated_at: Some(ctx.now()), ..after };
        if harmless {
            ctx.store().save_template(&template, &after).await?;
        } else {
            ctx.store().save_unused_template(&template, &after).await?;
        }
        Ok(after)
    }

    pub(super) async fn delete(&self, ctx: &Ctx, ident: &Ident, request: &HttpRequest) -> Result<(), Problem> {
        Query::read(request, &[])?;
        let template = self.visible(ctx, ident).await?;
        ctx.allow_template(&template, self.delete.0, self.delete.1)?;
        Ok(ctx.store().delete_template(&template.uuid).await?)
    }

    async fn visible(&self, ctx: &Ctx, ident: &Ident) -> Result<ClusterTemplate, Error> {
        ctx.visible_template(ident, self.get.1.is_some()).await
    }

    fn rules<'a>(&self, defaults: &'a [(&'a str, Value)]) -> PatchRules<'a> {
        PatchRules { internal: &[], mandatory: self.mandatory, defaults }
    }

    /// The template as the patch leaves it, and the names of what changed.
    fn patched(&self, template: &ClusterTemplate, patch: &Patch) -> Result<(TemplateRequest, Vec<String>), Error> {
        let defaults =
            [("labels", json!({})), ("master_lb_enabled", json!(false)), ("floating_ip_enabled", json!(true))];
        let before = TemplateRequest::of(template).document()?;
        if let Some(name) = patch.attributes().find(|name| self.missing.contains(name)) {
            return Err(Error::invalid(format!("Couldn't apply patch '/{name}'. Reason: there is no such attribute")));
        }
        let after = patch.apply(&before, &self.rules(&defaults))?;
        let wanted: TemplateRequest = serde_json::from_value(Value::Object(TEMPLATE.read(Value::Object(after))?))
            .map_err(|error| Error::internal("read a patched template that passed its table", error))?;
        let after = wanted.document()?;
        let changed = changed_attributes(&before, &after).into_iter().map(str::to_owned).collect();
        Ok((wanted, changed))
    }
}

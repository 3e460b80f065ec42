//! Where the etcd members of a new cluster find each other, for those that are to be told.
//!
//! The user's own URL counts first. Without one, and unless the operator wants it otherwise, the members boot with each
//! other's addresses and need nobody.

use std::time::Duration;

use chrono::TimeDelta;
use cloud::Stack;
use domain::{Error, Role};
use serde_json::Value;

use crate::step::{Fail, StepCtx};

/// The word for this service in `[cluster] etcd_discovery_service_endpoint_format`.
const BUILT_IN: &str = "built-in";
/// How long a place of ours is there at least, and how long after the stack must be done.
const LIFETIME: TimeDelta = TimeDelta::hours(6);
const MARGIN: TimeDelta = TimeDelta::hours(1);
/// How long another service may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Writes the discovery URL into a cluster that is to have one. A repeated step finds the place it has made.
pub(super) async fn choose(ctx: &mut StepCtx) -> Result<(), Fail> {
    let named = ctx.cluster.discovery_url.as_deref().is_some_and(|url| !url.is_empty());
    let options = &ctx.deps.options;
    let service = options.cluster.etcd_discovery_service_endpoint_format.clone().filter(|text| !text.is_empty());
    let Some(service) = service.filter(|_| !named) else { return Ok(()) };
    if !ctx.driver()?.discovers_etcd() {
        return Ok(());
    }
    let masters = ctx.groups.iter().find(|group| group.is_default && group.role() == Role::Master);
    let size = masters.map_or(1, |group| group.node_count);
    let url = if service == BUILT_IN { own(ctx, size).await? } else { asked(ctx, &service, size).await? };
    ctx.cluster.discovery_url = Some(url);
    Ok(())
}

/// Takes over the URL that an existing stack was made with, by a step that did not live to write it down.
pub(super) fn adopt(ctx: &mut StepCtx, stack: &Stack) {
    let used = stack.parameters.get("discovery_url").and_then(Value::as_str).filter(|url| !url.is_empty());
    if let Some(url) = used {
        ctx.cluster.discovery_url = Some(url.to_owned());
    }
}

/// A place at this service.
async fn own(ctx: &StepCtx, size: i64) -> Result<String, Fail> {
    let lifetime = LIFETIME.max(super::stack::timeout(ctx) + MARGIN);
    let now = ctx.deps.clock.now();
    let place = ctx.deps.store.open_discovery(&ctx.cluster.uuid, size, now, lifetime).await?;
    let service = ctx.deps.cloud.magnum_url().await?;
    Ok(format!("{}/discovery/{}", service.trim_end_matches('/'), place.token))
}

/// A place at another service, which answers with its URL.
async fn asked(ctx: &StepCtx, format: &str, size: i64) -> Result<String, Fail> {
    let asked = format.replace("%(size)d", &size.to_string());
    let answer = ctx.deps.cloud.outside_text(&asked, PATIENCE).await?;
    let url = answer.trim();
    let fits = (url.starts_with("https://") || url.starts_with("http://"))
        && url.len() < 255
        && !url.chars().any(|c| c.is_whitespace() || c.is_control());
    if fits {
        return Ok(url.to_owned());
    }
    Err(Fail::Fatal(Error::Refused(
        "The service in [cluster] etcd_discovery_service_endpoint_format did not answer with a URL".to_owned(),
    )))
}

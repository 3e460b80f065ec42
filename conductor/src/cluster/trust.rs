//! The cluster's own Keystone user (trustee) and its trust.
//!
//! The name of the user derives from the cluster, and its password is stored, sealed, before the user is made: whoever
//! dies in between, the next worker finds the user by name and still knows the password. A trust has no name; it is
//! found by its trustee, and every trust of the trustee is removed with it.

use cloud::Session;
use domain::{Error, Secret};
use rand::seq::{IndexedRandom, SliceRandom};

use crate::step::{Fail, Next, StepCtx, as_caller_sees};

/// Length of a trustee's password, as in Magnum.
const PASSWORD_LENGTH: usize = 18;

/// Makes the trustee and lets it act for the caller.
pub(super) async fn grant_trust(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let user_id = ensure_trustee(ctx).await?;
    if ctx.cluster.trust_id.is_some() {
        return Ok(Next::Done);
    }
    let caller = ctx.as_caller()?;
    let trust = match caller.keystone().find_trust(&user_id).await.map_err(as_caller_sees)? {
        Some(existing) => existing,
        None => {
            let roles = &ctx.deps.options.trust.roles;
            caller.keystone().create_trust(&user_id, roles).await.map_err(as_caller_sees)?
        }
    };
    ctx.cluster.trust_id = Some(trust.id);
    Ok(Next::Done)
}

async fn ensure_trustee(ctx: &mut StepCtx) -> Result<String, Fail> {
    let name = ctx.cluster.trustee_name();
    if ctx.cluster.trustee_password.is_none() {
        let password = new_password(&ctx.deps.options.default.password_symbols)?;
        ctx.cluster.trustee_password = Some(ctx.deps.seal.seal(password.expose(), &ctx.cluster.uuid)?);
        ctx.cluster.trustee_username = Some(name.clone());
        ctx.record().await?;
    }
    if let Some(id) = &ctx.cluster.trustee_user_id {
        return Ok(id.clone());
    }
    let password =
        ctx.trustee_password()?.ok_or_else(|| Fail::Fatal(Error::invalid("the trustee's password is not recorded")))?;
    let id = ensure_user(ctx, &name, &password).await?;
    ctx.cluster.trustee_user_id = Some(id.clone());
    ctx.record().await?;
    Ok(id)
}

/// The trustee of this name, which is made where there is none.
pub(super) async fn ensure_user(ctx: &StepCtx, name: &str, password: &Secret) -> Result<String, Fail> {
    let admin = ctx.deps.cloud.as_domain_admin();
    let domain = ctx.deps.cloud.trustee_domain_id().await?;
    match admin.keystone().find_user(name, &domain).await? {
        Some(user) => Ok(user.id),
        None => Ok(admin.keystone().create_user(name, password, &domain).await.map_err(Fail::retry_conflict)?.id),
    }
}

/// A trustee that is to go, with what is known of it. Has no `Debug`, because of the password.
pub(super) struct Revoked {
    pub(super) name: String,
    pub(super) user_id: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) trust_id: Option<String>,
}

/// Removes every trustee of the cluster with its trusts, recorded or not.
pub(super) async fn revoke_trust(ctx: &mut StepCtx) -> Result<Next, Fail> {
    for trustee in ctx.all_trustees()? {
        revoke(ctx, trustee).await?;
    }
    ctx.cluster.trust_id = None;
    ctx.cluster.trustee_user_id = None;
    ctx.cluster.trustee_username = None;
    ctx.cluster.trustee_password = None;
    ctx.cluster.trustee_rotation = None;
    Ok(Next::Done)
}

/// Removes the trusts of a trustee, acting as the trustee or else as the caller, then the trustee. Either may be gone
/// already.
pub(super) async fn revoke(ctx: &StepCtx, trustee: Revoked) -> Result<(), Fail> {
    let admin = ctx.deps.cloud.as_domain_admin();
    let user_id = match &trustee.user_id {
        Some(id) => Some(id.clone()),
        None => {
            let domain = ctx.deps.cloud.trustee_domain_id().await?;
            admin.keystone().find_user(&trustee.name, &domain).await?.map(|user| user.id)
        }
    };
    if let Some(user_id) = user_id {
        let trusts = trusts_of(ctx, &user_id, &trustee).await?;
        revoke_trusts(ctx, &user_id, trustee.password.as_ref(), &trusts).await?;
        admin.keystone().delete_user(&user_id).await?;
    }
    Ok(())
}

/// Deletes the trusts of the cluster's trustee that are not the recorded one: of a rotation that was begun by somebody
/// else.
pub(super) async fn revoke_spare(ctx: &StepCtx) -> Result<(), Fail> {
    let (Some(user_id), Some(recorded), Some(password)) =
        (&ctx.cluster.trustee_user_id, &ctx.cluster.trust_id, ctx.trustee_password()?)
    else {
        return Ok(());
    };
    let own = Revoked {
        name: String::new(),
        user_id: Some(user_id.clone()),
        password: Some(password),
        trust_id: Some(recorded.clone()),
    };
    let mut spare = trusts_of(ctx, user_id, &own).await?;
    spare.retain(|trust| trust != recorded);
    revoke_trusts(ctx, user_id, own.password.as_ref(), &spare).await
}

/// Deletes trusts whose trustee is `user_id`, also those that a crash kept from being recorded.
///
/// A trust whose owner lost the project or a role can no longer be used and so not be deleted by its trustee; its owner is
/// then asked, who may be the caller. Keystone removes it with the trustee, so a refusal here must not keep the cluster
/// from going.
async fn revoke_trusts(ctx: &StepCtx, user_id: &str, password: Option<&Secret>, trusts: &[String]) -> Result<(), Fail> {
    for trust in trusts {
        let trustee = password.map(|password| ctx.deps.cloud.as_trust(user_id, password, trust));
        let mut refused = None;
        for session in trustee.into_iter().chain(ctx.caller_if_held()?) {
            match session.keystone().delete_trust(trust).await {
                Err(error) if is_gone_or_refused(&error) => refused = Some(error),
                other => {
                    refused = None;
                    other?;
                    break;
                }
            }
        }
        if let Some(error) = refused {
            tracing::warn!(trust = %trust, error = %error, "trust cannot be used any more; it goes with its trustee");
        }
    }
    Ok(())
}

/// Ids of the trusts as the trustee sees them; when it cannot log in, the recorded one and those that the caller gave.
async fn trusts_of(ctx: &StepCtx, user_id: &str, trustee: &Revoked) -> Result<Vec<String>, Fail> {
    if let Some(password) = &trustee.password
        && let Some(all) = visible(&ctx.deps.cloud.unscoped_trustee(user_id, password), user_id).await?
    {
        return Ok(all);
    }
    let mut known = match ctx.caller_if_held()? {
        Some(caller) => visible(&caller, user_id).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    known.extend(trustee.trust_id.clone().filter(|recorded| !known.contains(recorded)));
    Ok(known)
}

/// Ids of the trusts of the trustee that this session sees; `None` when it is let see none.
async fn visible(session: &Session, user_id: &str) -> Result<Option<Vec<String>>, Fail> {
    match session.keystone().trusts_of(user_id).await {
        Ok(trusts) => Ok(Some(trusts.into_iter().map(|trust| trust.id).collect())),
        Err(error) if is_gone_or_refused(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_gone_or_refused(error: &Error) -> bool {
    matches!(error.cloud_status(), Some(401 | 403 | 404))
}

/// A random password with at least one character of each class.
pub(super) fn new_password(classes: &[String]) -> Result<Secret, Error> {
    let mut rng = rand::rng();
    let classes: Vec<Vec<char>> =
        classes.iter().map(|class| class.chars().collect()).filter(|c: &Vec<char>| !c.is_empty()).collect();
    let all: Vec<char> = classes.concat();
    let mut chars: Vec<char> = classes.iter().filter_map(|class| class.choose(&mut rng).copied()).collect();
    while chars.len() < PASSWORD_LENGTH {
        let char = all.choose(&mut rng).ok_or_else(|| Error::invalid("[DEFAULT] password_symbols is empty"))?;
        chars.push(*char);
    }
    chars.shuffle(&mut rng);
    Ok(Secret::new(chars.into_iter().collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_every_class() {
        let classes = ["23456789".to_owned(), "ABCDEFGH".to_owned(), "abcdefgh".to_owned()];
        for _ in 0..50 {
            let password = new_password(&classes).unwrap();
            let text = password.expose();
            assert_eq!(text.chars().count(), PASSWORD_LENGTH);
            for class in &classes {
                assert!(text.chars().any(|c| class.contains(c)), "{class} is missing");
            }
        }
        assert!(new_password(&[]).is_err());
    }
}

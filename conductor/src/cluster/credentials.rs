//! Replacing the cluster's own user (trustee) and its trust while it runs.
//!
//! The new trustee is made beside the old one, under the other of the two names a cluster's trustees have, and is proven
//! to work before a node hears of it. Until every node has taken it, the row's trustee is the old one, and both are good;
//! so whatever fails leaves a cluster that works, and the next rotation goes on with the trustee that was begun.
//!
//! What is not in the row's own columns is kept in one sealed text beside them: what servers are made with, which never
//! changes because their user data must not, and the trustee that is to come or to go. It is written before the trustee
//! is made, and no trustee is forgotten before it is gone.

use cloud::{Account, Named, Scope, Session};
use domain::{Error, OperationKind, Secret};
use drivers::{Credentials, Order, Task};
use serde::{Deserialize, Serialize};

use super::{
    rotation,
    stack::vanished,
    trust::{Revoked, ensure_user, new_password, revoke},
};
use crate::step::{Fail, Next, StepCtx, as_caller_sees, is_refusal};

/// A trustee, opened. Has no `Debug`, because of the password.
#[derive(Clone, Serialize, Deserialize)]
struct Trustee {
    name: String,
    user_id: Option<String>,
    password: String,
    trust_id: Option<String>,
}

/// What is not in the row's own columns.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// What the user data of every server of the cluster says.
    made_with: Trustee,
    other: Option<Other>,
}

/// A trustee besides that of the row.
#[derive(Clone, Serialize, Deserialize)]
struct Other {
    trustee: Trustee,
    /// The operation that made its trust.
    trusted_by: Option<String>,
    /// It was the row's own; else it is to become that.
    replaced: bool,
}

impl Trustee {
    fn credentials(&self) -> Result<Credentials, Fail> {
        Ok(Credentials {
            user_id: self.user_id.clone().ok_or_else(|| missing("the trustee's id"))?,
            username: self.name.clone(),
            password: Secret::new(self.password.clone()),
            trust_id: self.trust_id.clone(),
        })
    }
}

fn missing(what: &str) -> Fail {
    let doing = format!("{what} is not recorded; delete the cluster and create it again");
    Fail::Fatal(Error::Internal { doing, source: None })
}

impl StepCtx {
    /// What servers are made with, and the trustee of today where that is another one.
    ///
    /// Servers get a trust where `[trust] cluster_user_trust` says so on the day of their stack; those that were made with
    /// one need one as long as they live, and those that were made without drop it.
    pub(super) fn credentials(&self) -> Result<(Credentials, Option<Credentials>), Fail> {
        let current = self.own_trustee()?.credentials()?;
        let (mut made_with, current) = match self.kept()? {
            None => (current, None),
            Some(kept) => {
                let made_with = kept.made_with.credentials()?;
                let changed = made_with.user_id != current.user_id;
                (made_with, changed.then_some(current))
            }
        };
        made_with.trust_id.take_if(|_| !self.deps.options.trust.cluster_user_trust);
        Ok((made_with, current))
    }

    /// Every trustee there is or may be, for a cluster that goes: those whose password is known, and the rest by name.
    pub(super) fn all_trustees(&self) -> Result<Vec<Revoked>, Fail> {
        let current = self.trustee_name_now();
        let own = Revoked {
            user_id: self.cluster.trustee_user_id.clone(),
            password: self.trustee_password()?,
            trust_id: self.cluster.trust_id.clone(),
            name: current.clone(),
        };
        if self.cluster.trustee_rotation.is_none() {
            return Ok(vec![own]);
        }
        let other = self.kept()?.and_then(|kept| kept.other).map(|other| other.trustee);
        let by_name = |name: String| match &other {
            Some(other) if other.name == name => Revoked::from(other.clone()),
            _ => Revoked { name, user_id: None, password: None, trust_id: None },
        };
        let names = self.cluster.trustee_names().into_iter().filter(|name| *name != current);
        Ok(std::iter::once(own).chain(names.map(by_name)).collect())
    }

    /// Id and password of the new trustee and its trust, from when this operation has made that until the row has it.
    pub(crate) fn coming_trust(&self) -> Result<Option<(String, Secret, String)>, Fail> {
        if self.op.kind != OperationKind::RotateCredentials {
            return Ok(None);
        }
        let other = self.kept()?.and_then(|kept| kept.other);
        let coming = other.filter(|other| !other.replaced && other.trusted_by.as_deref() == Some(&self.op.id));
        Ok(coming.and_then(|Other { trustee, .. }| {
            Some((trustee.user_id?, Secret::new(trustee.password), trustee.trust_id?))
        }))
    }

    fn trustee_name_now(&self) -> String {
        self.cluster.trustee_username.clone().unwrap_or_else(|| self.cluster.trustee_name())
    }

    /// That of the row.
    fn own_trustee(&self) -> Result<Trustee, Fail> {
        let password = self.trustee_password()?.ok_or_else(|| missing("the trustee's password"))?;
        Ok(Trustee {
            name: self.trustee_name_now(),
            user_id: self.cluster.trustee_user_id.clone(),
            password: password.expose().to_owned(),
            trust_id: self.cluster.trust_id.clone(),
        })
    }

    fn kept(&self) -> Result<Option<Kept>, Fail> {
        let Some(sealed) = &self.cluster.trustee_rotation else { return Ok(None) };
        let text = match self.deps.seal.open(sealed, &self.bound_to()) {
            Err(error) if self.op.kind.removes() => {
                tracing::warn!(error = %error, "the other trustee's password cannot be opened, deleting without it");
                return Ok(None);
            }
            other => other?,
        };
        let read = serde_json::from_str(text.expose());
        read.map(Some).map_err(|source| Fail::Fatal(Error::internal("read what is kept of the trustees", source)))
    }

    /// Keeps it in the row, which the caller writes.
    fn keep(&mut self, kept: &Kept) -> Result<(), Fail> {
        let text = serde_json::to_string(kept)
            .map_err(|source| Fail::Fatal(Error::internal("write what is kept of the trustees", source)))?;
        self.cluster.trustee_rotation = Some(self.deps.seal.seal(&text, &self.bound_to())?);
        Ok(())
    }

    fn bound_to(&self) -> String {
        format!("{}/trustees", self.cluster.uuid)
    }

    /// What is kept while a rotation runs, with the trustee it is about.
    fn rotated(&self) -> Result<(Kept, Other), Fail> {
        let kept = self.kept()?.ok_or_else(|| missing("the new trustee"))?;
        let other = kept.other.clone().ok_or_else(|| missing("the new trustee"))?;
        Ok((kept, other))
    }
}

impl From<Trustee> for Revoked {
    fn from(trustee: Trustee) -> Self {
        let Trustee { name, user_id, password, trust_id } = trustee;
        Self { name, user_id, password: Some(Secret::new(password)), trust_id }
    }
}

/// Makes the new trustee, or goes on with the one that an earlier rotation began, if it can still log in.
pub(super) async fn make_trustee(ctx: &mut StepCtx) -> Result<Next, Fail> {
    check_stacks(ctx).await?;
    let mut kept = match ctx.kept()? {
        Some(kept) => kept,
        None => Kept { made_with: ctx.own_trustee()?, other: None },
    };
    if let Some(gone) = kept.other.take_if(|other| other.replaced) {
        revoke(ctx, gone.trustee.into()).await?;
    }
    let begun = match kept.other.take() {
        Some(begun) => begun,
        None => begin(ctx)?,
    };
    let found = make(ctx, &mut kept, begun).await?;
    if !knows_password(ctx, &found).await? {
        tracing::warn!(user = %found.name, "the user that is to become the cluster's own cannot log in: making it anew");
        revoke(ctx, found.into()).await?;
        let anew = begin(ctx)?;
        make(ctx, &mut kept, anew).await?;
    }
    Ok(Next::Done)
}

/// A trustee that is still to be made.
fn begin(ctx: &StepCtx) -> Result<Other, Fail> {
    let now = ctx.trustee_name_now();
    let name = ctx.cluster.trustee_names().into_iter().find(|name| *name != now);
    let name = name.ok_or_else(|| missing("a name for the new trustee"))?;
    let password = new_password(&ctx.deps.options.default.password_symbols)?.expose().to_owned();
    Ok(Other { trustee: Trustee { name, user_id: None, password, trust_id: None }, trusted_by: None, replaced: false })
}

/// Records it, finds or makes its user, and keeps what came of it.
async fn make(ctx: &mut StepCtx, kept: &mut Kept, mut other: Other) -> Result<Trustee, Fail> {
    kept.other = Some(other.clone());
    ctx.keep(kept)?;
    ctx.record().await?;
    let password = Secret::new(other.trustee.password.clone());
    other.trustee.user_id = Some(ensure_user(ctx, &other.trustee.name, &password).await?);
    kept.other = Some(other.clone());
    ctx.keep(kept)?;
    Ok(other.trustee)
}

/// Whether Keystone lets it in: an administrator may have disabled it, or given it another password.
async fn knows_password(ctx: &StepCtx, trustee: &Trustee) -> Result<bool, Fail> {
    let account = Account {
        user: Named { id: trustee.user_id.clone(), name: None },
        domain: Named::default(),
        password: Secret::new(trustee.password.clone()),
    };
    let doing = format!("log in as the cluster's user {}", trustee.name);
    is_let_in(&ctx.deps.cloud.log_in(&doing, &account, &Scope::Unscoped)).await
}

/// Refuses what some nodes could not be told, before anything is made.
async fn check_stacks(ctx: &StepCtx) -> Result<(), Fail> {
    let driver = ctx.driver()?;
    if !driver.takes_orders() {
        return Err(Fail::Fatal(drivers::no_orders(driver.name(), "credentials")));
    }
    for ident in ctx.stacks_with_nodes() {
        let stack = ctx.stack_named(&ident).await?.ok_or_else(|| vanished(&ident))?;
        if !Order::hands_over(&stack.parameters) {
            return Err(rotation::too_old(&stack));
        }
    }
    Ok(())
}

/// Lets the new trustee act for the caller, and proves that it can.
pub(super) async fn trust_trustee(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let (mut kept, mut other) = ctx.rotated()?;
    if other.replaced || other.trusted_by.as_deref() == Some(&ctx.op.id) {
        return Ok(Next::Done);
    }
    let credentials = other.trustee.credentials()?;
    let caller = ctx.as_caller()?;
    let given = caller.keystone().trusts_of(&credentials.user_id).await.map_err(as_caller_sees)?;
    let mut trust = None;
    for candidate in given.into_iter().map(|trust| trust.id) {
        if trust.is_none() {
            trust = proven(ctx, &caller, &credentials, candidate).await?;
        }
    }
    let trust = match trust {
        Some(trust) => trust,
        None => new_trust(ctx, &caller, &credentials).await?,
    };
    other.trustee.trust_id = Some(trust);
    other.trusted_by = Some(ctx.op.id.clone());
    kept.other = Some(other);
    ctx.keep(&kept)?;
    Ok(Next::Done)
}

async fn new_trust(ctx: &StepCtx, caller: &Session, trustee: &Credentials) -> Result<String, Fail> {
    let roles = &ctx.deps.options.trust.roles;
    let made = caller.keystone().create_trust(&trustee.user_id, roles).await.map_err(as_caller_sees)?;
    proven(ctx, caller, trustee, made.id).await?.ok_or_else(|| {
        Fail::Fatal(Error::Refused("Keystone does not let the new trustee log in with its trust".to_owned()))
    })
}

/// The trust, if the trustee can log in with it; one that does not work is deleted, or every try would leave one behind.
async fn proven(ctx: &StepCtx, caller: &Session, trustee: &Credentials, trust: String) -> Result<Option<String>, Fail> {
    if is_let_in(&ctx.deps.cloud.as_trust_anew(&trustee.user_id, &trustee.password, &trust)).await? {
        return Ok(Some(trust));
    }
    caller.keystone().delete_trust(&trust).await.map_err(as_caller_sees)?;
    Ok(None)
}

async fn is_let_in(session: &Session) -> Result<bool, Fail> {
    match session.caller().await {
        Ok(_) => Ok(true),
        Err(error) if is_refusal(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Hands the new credentials to the nodes.
pub(super) async fn tell_credentials(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let (kept, other) = ctx.rotated()?;
    let current = other.trustee.credentials()?;
    let made_with = Secret::new(kept.made_with.password);
    rotation::tell(ctx, "credentials", Task::Credentials { current: &current, made_with: &made_with }).await
}

/// Waits until every node uses them.
pub(super) async fn await_credentials(ctx: &mut StepCtx) -> Result<Next, Fail> {
    rotation::await_nodes(ctx).await
}

/// From here on the new trustee is the cluster's own.
pub(super) async fn use_credentials(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let (mut kept, mut other) = ctx.rotated()?;
    if other.replaced {
        return Ok(Next::Done);
    }
    let new = std::mem::replace(&mut other.trustee, ctx.own_trustee()?);
    other.replaced = true;
    kept.other = Some(other);
    ctx.keep(&kept)?;
    ctx.cluster.trustee_password = Some(ctx.deps.seal.seal(&new.password, &ctx.cluster.uuid)?);
    ctx.cluster.trustee_username = Some(new.name);
    ctx.cluster.trustee_user_id = new.user_id;
    ctx.cluster.trust_id = new.trust_id;
    Ok(Next::Done)
}

/// Removes the old trustee with its trusts, and of the new one every trust that is not in use.
pub(super) async fn forget_credentials(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let Some(mut kept) = ctx.kept()? else { return Ok(Next::Done) };
    if let Some(old) = kept.other.take_if(|other| other.replaced) {
        revoke(ctx, old.trustee.into()).await?;
    }
    super::trust::revoke_spare(ctx).await?;
    ctx.keep(&kept)?;
    Ok(Next::Done)
}

//! Certificates and their keys, when they are kept in the database.

use std::fmt;

use chrono::Utc;
use domain::{Error, Result};
use sea_query::{Expr, ExprTrait, Query};

use crate::{
    Store,
    db::Run,
    row::{Row, row},
};

/// One row of `x509keypair`. Key and passphrase arrive sealed; rows of other releases hold them as PEM and clear text.
#[derive(Clone, PartialEq, Eq)]
pub struct Keypair {
    /// Reference of the pair.
    pub uuid: String,
    /// PEM.
    pub certificate: Option<String>,
    /// Sealed, or encrypted PKCS#8 PEM.
    pub private_key: Option<String>,
    /// Sealed, or clear text.
    pub private_key_passphrase: Option<String>,
    /// PEM.
    pub intermediates: Option<String>,
    /// Owner project.
    pub project_id: Option<String>,
    /// Owner.
    pub user_id: Option<String>,
    /// When it was stored.
    pub created_at: chrono::DateTime<Utc>,
}

row!(
    Keypair,
    "x509keypair",
    [uuid, certificate, private_key, private_key_passphrase, intermediates, project_id, user_id, created_at]
);

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keypair").field("uuid", &self.uuid).finish_non_exhaustive()
    }
}

impl Store {
    /// Inserts a pair; one that is there already under this uuid stays as it is. `true` when it was inserted.
    ///
    /// # Errors
    /// `Database`.
    pub async fn insert_keypair(&self, pair: &Keypair) -> Result<bool> {
        match (&self.db).run(&pair.insert("id")).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_duplicate() => Ok(false),
            Err(failure) => Err(failure.while_doing("store a certificate")),
        }
    }

    /// The pair with this uuid.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn keypair(&self, uuid: &str) -> Result<Keypair> {
        let mut query = Query::select();
        query.columns(Keypair::COLUMNS.iter().copied()).from(Keypair::TABLE).and_where(Expr::col("uuid").eq(uuid));
        let found = (&self.db).one(&query).await.map_err(|failure| failure.while_doing("read a certificate"))?;
        found.ok_or_else(|| Error::NotFound { kind: "X509KeyPair", ident: uuid.to_owned() })
    }

    /// Deletes a pair; `false` when it was gone already.
    ///
    /// # Errors
    /// `Database`.
    pub async fn delete_keypair(&self, uuid: &str) -> Result<bool> {
        let mut delete = Query::delete();
        delete.from_table(Keypair::TABLE).and_where(Expr::col("uuid").eq(uuid));
        let rows = (&self.db).run(&delete).await.map_err(|failure| failure.while_doing("delete a certificate"))?;
        Ok(rows > 0)
    }
}

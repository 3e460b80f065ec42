//! Where the etcd members of a new cluster find each other.
//!
//! Each cluster has at most one place, named by 128 random bits, for a few hours. It holds what the members say about
//! themselves, in the order in which they came. A member comes once and never changes; after the few hours, and with the
//! cluster, the place is gone. A place is one row, so whoever reads it sees one state of it.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Error, Result};
use openssl::rand::rand_bytes;
use sea_query::{Expr, ExprTrait, Query, SelectStatement};
use serde::{Deserialize, Serialize};

use crate::{
    Store,
    db::{Run, Tx},
    failure::Failure,
    row::{Cell, Row, row},
};

/// How many more members than wanted are kept. Who comes too late learns so from the list, and does not come twice.
const SPARE: usize = 3;
/// Attempts to come while others come at the same time.
const ATTEMPTS: usize = 50;

/// A place and who has come to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Discovery {
    /// The name of the place, which only those know who are told.
    pub token: String,
    /// Whose it is.
    pub cluster_uuid: String,
    /// How many members are wanted.
    pub size: i64,
    /// Who has come, in order.
    pub members: Vec<Member>,
    /// When the place is gone.
    pub expires_at: DateTime<Utc>,
}

/// What an etcd member says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its name and peer URLs.
    pub value: String,
}

/// What became of a member that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It is the last of the members.
    New(Discovery),
    /// It had come before, and what it said then stays.
    Before(Discovery),
    /// There is no room for another one.
    Full(Discovery),
    /// There is no such place.
    Nowhere,
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("cluster_uuid", &self.cluster_uuid)
            .field("size", &self.size)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

/// The table's row; `members` is JSON.
struct Place {
    token: String,
    cluster_uuid: String,
    size: i64,
    members: String,
    generation: i64,
    expires_at: DateTime<Utc>,
}

row!(Place, "rs_discovery", [token, cluster_uuid, size, members, generation, expires_at]);

impl Place {
    fn read_out(self) -> Result<(Discovery, i64), Failure> {
        let members = serde_json::from_str(&self.members).map_err(|error| {
            let doing = format!("read the etcd members of cluster {}", self.cluster_uuid);
            Failure::Refused(Error::Internal { doing, source: Some(Box::new(error)) })
        })?;
        let Self { token, cluster_uuid, size, expires_at, generation, .. } = self;
        Ok((Discovery { token, cluster_uuid, size, members, expires_at }, generation))
    }
}

fn places(now: DateTime<Utc>) -> SelectStatement {
    let mut query = Query::select();
    query
        .columns(Place::COLUMNS.iter().copied())
        .from(Place::TABLE)
        .and_where(Expr::col("expires_at").gt(Cell::value(&now)));
    query
}

/// Removes the place of a cluster.
pub(crate) async fn forget(tx: &mut Tx, cluster_uuid: &str) -> Result<(), Failure> {
    tx.run(Query::delete().from_table(Place::TABLE).and_where(Expr::col("cluster_uuid").eq(cluster_uuid))).await?;
    Ok(())
}

fn new_token() -> Result<String> {
    let mut bytes = [0u8; 16];
    rand_bytes(&mut bytes).map_err(|error| Error::Internal {
        doing: "make a discovery token".to_owned(),
        source: Some(Box::new(error)),
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

impl Store {
    /// The place of a cluster for `size` members, there until `now + ttl` at least: the one it has, unless that is over or
    /// for another number, else a new one.
    ///
    /// # Errors
    /// `Database`.
    pub async fn open_discovery(
        &self,
        cluster_uuid: &str,
        size: i64,
        now: DateTime<Utc>,
        ttl: TimeDelta,
    ) -> Result<Discovery> {
        let token = &new_token()?;
        let opened = self.db.transaction("make a place for etcd members", |mut tx| async move {
            let mut own = places(now);
            own.and_where(Expr::col("cluster_uuid").eq(cluster_uuid));
            if let Some(place) = tx.one::<Place>(&own).await? {
                let (mut found, _) = place.read_out()?;
                if found.size == size {
                    found.expires_at = Ord::max(found.expires_at, now + ttl);
                    let mut renew = Query::update();
                    renew
                        .table(Place::TABLE)
                        .value("expires_at", Cell::value(&found.expires_at))
                        .and_where(Expr::col("token").eq(found.token.as_str()));
                    tx.run(&renew).await?;
                    tx.commit().await?;
                    return Ok(found);
                }
            }
            forget(&mut tx, cluster_uuid).await?;
            let place = Place {
                token: token.clone(),
                cluster_uuid: cluster_uuid.to_owned(),
                size,
                members: "[]".to_owned(),
                generation: 0,
                expires_at: now + ttl,
            };
            tx.run(&place.insert("")).await?;
            tx.commit().await?;
            Ok(place.read_out()?.0)
        });
        opened.await
    }

    /// Removes the places that are over; their number.
    ///
    /// # Errors
    /// `Database`.
    pub async fn forget_discoveries(&self, now: DateTime<Utc>) -> Result<u64> {
        let mut delete = Query::delete();
        delete.from_table(Place::TABLE).and_where(Expr::col("expires_at").lte(Cell::value(&now)));
        (&self.db).run(&delete).await.map_err(|failure| failure.while_doing("remove places of etcd members"))
    }

    /// The place of this name; `None` when there is none, or none any more.
    ///
    /// # Errors
    /// `Database`.
    pub async fn discovery(&self, token: &str, now: DateTime<Utc>) -> Result<Option<Discovery>> {
        let found = self.place(token, now).await.map_err(|failure| failure.while_doing("read etcd members"))?;
        Ok(found.map(|(discovery, _)| discovery))
    }

    async fn place(&self, token: &str, now: DateTime<Utc>) -> Result<Option<(Discovery, i64)>, Failure> {
        let mut query = places(now);
        query.and_where(Expr::col("token").eq(token));
        (&self.db).one::<Place>(&query).await?.map(Place::read_out).transpose()
    }

    /// Adds a member to the place of this name, unless it is there or there is no room.
    ///
    /// # Errors
    /// `Database`.
    pub async fn join_discovery(&self, token: &str, member: &Member, now: DateTime<Utc>) -> Result<Joined> {
        for _ in 0..ATTEMPTS {
            let joined = self.try_join(token, member, now).await;
            match joined.map_err(|failure| failure.while_doing("add an etcd member"))? {
                Some(joined) => return Ok(joined),
                None => tokio::task::yield_now().await,
            }
        }
        Err(Error::Conflict("Too many members come at the same time. Try again".to_owned()))
    }

    /// `None` when somebody else came between reading and writing.
    async fn try_join(&self, token: &str, member: &Member, now: DateTime<Utc>) -> Result<Option<Joined>, Failure> {
        let Some((mut place, generation)) = self.place(token, now).await? else { return Ok(Some(Joined::Nowhere)) };
        if place.members.iter().any(|other| other.id == member.id) {
            return Ok(Some(Joined::Before(place)));
        }
        if place.members.len() >= usize::try_from(place.size).unwrap_or_default() + SPARE {
            return Ok(Some(Joined::Full(place)));
        }
        place.members.push(member.clone());
        let members = serde_json::to_string(&place.members).map_err(|error| {
            Failure::Refused(Error::Internal { doing: "write etcd members".to_owned(), source: Some(Box::new(error)) })
        })?;
        let mut update = Query::update();
        update
            .table(Place::TABLE)
            .value("members", members)
            .value("generation", generation + 1)
            .and_where(Expr::col("token").eq(token))
            .and_where(Expr::col("generation").eq(generation));
        match (&self.db).run(&update).await {
            Ok(1) => Ok(Some(Joined::New(place))),
            Ok(_) => Ok(None),
            Err(failure) if failure.is_conflict() => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

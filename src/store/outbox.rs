//! Mail of members that is held back for a moment. Who removes the row sends it, so it goes once, or not at all where
//! its writer removed it first.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::event::Event;
use crate::model::ids::{AccountId, BlobId, DraftId, OutboxId};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row as _;

sql! {
    OUTBOX_ADD = "
        INSERT INTO outbox (account, draft, revision, blob, size, sender, recipients, due_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
    OUTBOX_OF_DRAFT = "SELECT id, revision, due_at FROM outbox WHERE draft = $1";
    /// Not those of members who are suspended: their mail waits as they do.
    OUTBOX_CLAIM = "
        WITH due AS (
            SELECT o.id FROM outbox o JOIN account a ON a.id = o.account
            WHERE o.due_at <= $1 AND (o.leased_until IS NULL OR o.leased_until <= $1) AND a.status = 0
            ORDER BY o.due_at LIMIT $3 FOR UPDATE OF o SKIP LOCKED
        ), taken AS (
            UPDATE outbox o SET leased_until = $2 FROM due WHERE o.id = due.id
            RETURNING o.id, o.account, o.draft, o.blob, o.size, o.sender, o.recipients, o.created_at
        )
        SELECT t.id, t.account, t.draft, t.blob, t.size, t.sender, t.recipients, t.created_at, a.local, d.name, a.name, a.generation
        FROM taken t JOIN account a ON a.id = t.account JOIN domain d ON d.id = a.domain ORDER BY t.id";
    OUTBOX_TAKE = "DELETE FROM outbox WHERE id = $1 RETURNING draft";
    OUTBOX_TAKE_BACK = "DELETE FROM outbox WHERE id = $2 AND account = $1 RETURNING draft";
    OUTBOX_NEXT = "
        SELECT min(GREATEST(o.due_at, COALESCE(o.leased_until, o.due_at))) FROM outbox o JOIN account a ON a.id = o.account
        WHERE a.status = 0";
}

/// A message to be held back.
#[derive(Debug)]
pub struct NewHeld<'a> {
    pub account: AccountId,
    pub draft: DraftId,
    pub revision: i64,
    pub blob: BlobId,
    pub size: u64,
    /// Reverse path.
    pub sender: &'a str,
    pub recipients: &'a [String],
    pub due_at: DateTime<Utc>,
}

/// A message that is due, with its writer's account.
#[derive(Debug, Clone)]
pub struct HeldRow {
    pub id: OutboxId,
    pub account: AccountId,
    pub draft: DraftId,
    pub blob: BlobId,
    pub size: u64,
    pub sender: String,
    pub recipients: Vec<String>,
    pub created_at: DateTime<Utc>,
    /// Of the account: local part, domain, name, credential generation.
    pub local: String,
    pub domain: String,
    pub name: String,
    pub generation: i64,
}

impl Store {
    /// Leases up to `limit` messages that are due, so that others leave them alone meanwhile.
    pub async fn outbox_claim(&self, now: DateTime<Utc>, lease: TimeDelta, limit: i64) -> Result<Vec<HeldRow>> {
        let rows =
            sqlx::query(OUTBOX_CLAIM).bind(now).bind(now + lease).bind(limit).fetch_all(self.background()).await?;
        rows.iter()
            .map(|row| {
                Ok(HeldRow {
                    id: row.try_get(0)?,
                    account: row.try_get(1)?,
                    draft: row.try_get(2)?,
                    blob: row.try_get(3)?,
                    size: row.try_get::<i64, _>(4)? as u64,
                    sender: row.try_get(5)?,
                    recipients: row.try_get(6)?,
                    created_at: row.try_get(7)?,
                    local: row.try_get(8)?,
                    domain: row.try_get(9)?,
                    name: row.try_get(10)?,
                    generation: row.try_get(11)?,
                })
            })
            .collect()
    }

    /// When the next message is due, or comes back from a worker.
    pub async fn outbox_next(&self) -> Result<Option<DateTime<Utc>>> {
        let (at,): (Option<DateTime<Utc>>,) = sqlx::query_as(OUTBOX_NEXT).fetch_one(self.background()).await?;
        Ok(at)
    }
}

impl Tx {
    /// Holds a message back.
    pub async fn outbox_add(&mut self, new: &NewHeld<'_>, now: DateTime<Utc>) -> Result<OutboxId> {
        let (id,): (OutboxId,) = sqlx::query_as(OUTBOX_ADD)
            .bind(new.account)
            .bind(new.draft)
            .bind(new.revision)
            .bind(new.blob)
            .bind(new.size as i64)
            .bind(new.sender)
            .bind(new.recipients)
            .bind(new.due_at)
            .bind(now)
            .fetch_one(self.conn())
            .await?;
        self.tell(Event::QueueDue);
        Ok(id)
    }

    /// The message that a draft is being sent as: its number, the draft's revision, when it goes.
    pub async fn outbox_of_draft(&mut self, draft: DraftId) -> Result<Option<(OutboxId, i64, DateTime<Utc>)>> {
        Ok(sqlx::query_as(OUTBOX_OF_DRAFT).bind(draft).fetch_optional(self.conn()).await?)
    }

    /// Takes a message to send it; `false`: it was sent or taken back meanwhile.
    pub async fn outbox_take(&mut self, id: OutboxId) -> Result<bool> {
        let row: Option<(DraftId,)> = sqlx::query_as(OUTBOX_TAKE).bind(id).fetch_optional(self.conn()).await?;
        Ok(row.is_some())
    }

    /// Takes a message back before it is sent; `None`: it is sent, or was never the account's.
    pub async fn outbox_take_back(&mut self, account: AccountId, id: OutboxId) -> Result<Option<DraftId>> {
        let row: Option<(DraftId,)> =
            sqlx::query_as(OUTBOX_TAKE_BACK).bind(account).bind(id).fetch_optional(self.conn()).await?;
        Ok(row.map(|(draft,)| draft))
    }
}

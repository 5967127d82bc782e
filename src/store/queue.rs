//! Mail on its way out, claimed with SKIP LOCKED and a lease.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::event::Event;
use crate::model::ids::{AccountId, BlobId, QueueId, QueueRecipientId};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row as _;

sql! {
    QUEUE_ADD = "
        INSERT INTO queue (blob, account, sender, envid, ret, body, smtputf8, size, hold_until, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
    QUEUE_RECIPIENT_ADD = "
        INSERT INTO queue_recipient (queue, address, domain, orcpt, notify, prefix, due_at)
        SELECT $1, r.address, r.domain, r.orcpt, r.notify, r.prefix, $7
        FROM unnest($2::text[], $3::text[], $4::text[], $5::int2[], $6::bytea[]) AS r(address, domain, orcpt, notify, prefix)";
    QUEUE_CLAIM = "
        WITH due AS (
            SELECT r.id FROM queue_recipient r JOIN queue q ON q.id = r.queue
            WHERE r.status = 0 AND r.due_at <= $1 AND (r.leased_until IS NULL OR r.leased_until < $1)
                AND NOT q.held AND (q.hold_until IS NULL OR q.hold_until <= $1)
            ORDER BY r.due_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED
        ), taken AS (
            UPDATE queue_recipient r SET leased_until = $3, attempts = attempts + 1, tried_at = $1
            FROM due WHERE r.id = due.id
            RETURNING r.id, r.queue, r.address, r.domain, r.orcpt, r.notify, r.prefix, r.attempts, r.delay_told
        )
        SELECT t.id, t.queue, t.address, t.domain, t.orcpt, t.notify, t.prefix, t.attempts, t.delay_told,
            q.blob, q.account, q.sender, q.envid, q.ret, q.body, q.smtputf8, q.size, q.created_at, q.expires_at
        FROM taken t JOIN queue q ON q.id = t.queue ORDER BY t.queue, t.id";
    /// The number of the try tells whose it is: who lost the lease meanwhile changes nothing.
    QUEUE_FATE = "
        UPDATE queue_recipient SET status = $2, due_at = $3, leased_until = NULL, code = $4, answer = $5,
            delay_told = delay_told OR $6 WHERE id = $1 AND status = 0 AND attempts = $7";
    QUEUE_RENEW = "
        UPDATE queue_recipient r SET leased_until = $3 FROM unnest($1::int8[], $2::int4[]) AS m(id, attempts)
        WHERE r.id = m.id AND r.attempts = m.attempts AND r.status = 0";
    QUEUE_GIVE_BACK = "
        UPDATE queue_recipient r SET leased_until = NULL, attempts = r.attempts - 1
        FROM unnest($1::int8[], $2::int4[]) AS m(id, attempts)
        WHERE r.id = m.id AND r.attempts = m.attempts AND r.status = 0";
    QUEUE_UNROUTED = "
        UPDATE queue_recipient SET due_at = $1 WHERE status = 0 AND code IS NULL AND answer LIKE 'no route%'";
    /// A message leaves the queue with its last recipient.
    QUEUE_CLEAN = "
        DELETE FROM queue q WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM queue_recipient WHERE queue = q.id AND status = 0)";
    QUEUE_NEXT = "
        SELECT min(GREATEST(r.due_at, COALESCE(r.leased_until, r.due_at), COALESCE(q.hold_until, r.due_at)))
        FROM queue_recipient r JOIN queue q ON q.id = r.queue WHERE r.status = 0 AND NOT q.held";
    QUEUE_LIST = "
        SELECT q.id, q.sender, q.size, q.created_at, q.expires_at, q.held, r.id, r.address, r.status, r.attempts, r.due_at,
            r.answer, r.leased_until IS NOT NULL AND r.leased_until > $2
        FROM queue q JOIN queue_recipient r ON r.queue = q.id
        WHERE ($1::int8 IS NULL OR q.id = $1) ORDER BY q.id, r.id LIMIT 10000";
    QUEUE_RETRY = "
        UPDATE queue_recipient SET due_at = $2 WHERE status = 0 AND ($1::int8 IS NULL OR queue = $1)
            AND (leased_until IS NULL OR leased_until < $2)";
    QUEUE_HOLD = "
        WITH was AS (SELECT held FROM queue WHERE id = $1 FOR UPDATE)
        UPDATE queue SET held = $2, hold_until = CASE WHEN $2 THEN hold_until END FROM was WHERE id = $1
        RETURNING was.held";
    QUEUE_DROP = "
        WITH to_go AS (SELECT count(*) AS n FROM queue_recipient WHERE queue = $1 AND status = 0)
        DELETE FROM queue USING to_go WHERE id = $1 RETURNING to_go.n";
}

/// A message to be queued.
#[derive(Debug)]
pub struct NewQueued<'a> {
    pub blob: BlobId,
    pub account: Option<AccountId>,
    /// Empty: the null sender.
    pub sender: &'a str,
    pub envid: Option<&'a str>,
    pub ret: Option<i16>,
    pub body: i16,
    pub smtputf8: bool,
    pub size: u64,
    pub hold_until: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub recipients: Vec<NewRecipient>,
}

#[derive(Debug, Clone)]
pub struct NewRecipient {
    pub address: String,
    pub domain: String,
    pub orcpt: Option<String>,
    pub notify: i16,
    pub prefix: Option<Vec<u8>>,
}

/// A claimed recipient with its message.
#[derive(Debug, Clone)]
pub struct DueRow {
    pub recipient: QueueRecipientId,
    pub queue: QueueId,
    pub address: String,
    pub domain: String,
    pub orcpt: Option<String>,
    pub notify: i16,
    pub prefix: Option<Vec<u8>>,
    pub attempts: u32,
    pub delay_told: bool,
    pub blob: BlobId,
    pub account: Option<AccountId>,
    pub sender: String,
    pub envid: Option<String>,
    pub ret: Option<i16>,
    pub body: i16,
    pub smtputf8: bool,
    pub size: u64,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// How a recipient fares after a try.
#[derive(Debug, Clone)]
pub struct FateRow<'a> {
    /// 0 waiting, 1 delivered, 2 failed.
    pub status: i16,
    pub due_at: DateTime<Utc>,
    pub code: Option<i16>,
    pub answer: &'a str,
    pub delay_told: bool,
    /// Of the claim.
    pub attempts: u32,
}

/// A line of `queue list`.
#[derive(Debug, Clone)]
pub struct QueueRow {
    pub id: QueueId,
    pub sender: String,
    pub size: u64,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub held: bool,
    pub recipient: QueueRecipientId,
    pub address: String,
    pub status: i16,
    pub attempts: u32,
    pub due_at: DateTime<Utc>,
    pub answer: String,
    pub in_flight: bool,
}

fn columns(mine: &[(QueueRecipientId, u32)]) -> (Vec<QueueRecipientId>, Vec<i32>) {
    mine.iter().map(|(id, attempts)| (*id, *attempts as i32)).unzip()
}

impl Store {
    /// Claims up to `limit` due recipients until `lease` has passed; counts the try.
    pub async fn queue_claim(&self, now: DateTime<Utc>, lease: TimeDelta, limit: i64) -> Result<Vec<DueRow>> {
        let rows =
            sqlx::query(QUEUE_CLAIM).bind(now).bind(limit).bind(now + lease).fetch_all(self.background()).await?;
        rows.iter()
            .map(|row| {
                Ok(DueRow {
                    recipient: row.try_get(0)?,
                    queue: row.try_get(1)?,
                    address: row.try_get(2)?,
                    domain: row.try_get(3)?,
                    orcpt: row.try_get(4)?,
                    notify: row.try_get(5)?,
                    prefix: row.try_get(6)?,
                    attempts: row.try_get::<i32, _>(7)? as u32,
                    delay_told: row.try_get(8)?,
                    blob: row.try_get(9)?,
                    account: row.try_get(10)?,
                    sender: row.try_get(11)?,
                    envid: row.try_get(12)?,
                    ret: row.try_get(13)?,
                    body: row.try_get(14)?,
                    smtputf8: row.try_get(15)?,
                    size: row.try_get::<i64, _>(16)? as u64,
                    created_at: row.try_get(17)?,
                    expires_at: row.try_get(18)?,
                })
            })
            .collect()
    }

    /// Keeps leases; each recipient with the number of its try.
    pub async fn queue_renew(&self, mine: &[(QueueRecipientId, u32)], until: DateTime<Utc>) -> Result<()> {
        let (ids, attempts) = columns(mine);
        sqlx::query(QUEUE_RENEW).bind(ids).bind(attempts).bind(until).execute(self.background()).await?;
        Ok(())
    }

    /// Gives leases back and does not count the try.
    pub async fn queue_give_back(&self, mine: &[(QueueRecipientId, u32)]) -> Result<()> {
        let (ids, attempts) = columns(mine);
        sqlx::query(QUEUE_GIVE_BACK).bind(ids).bind(attempts).execute(self.background()).await?;
        Ok(())
    }

    /// Makes due what had no route.
    pub async fn queue_unrouted_due(&self, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(QUEUE_UNROUTED).bind(now).execute(self.background()).await?;
        Ok(())
    }

    /// When the next recipient is due.
    pub async fn queue_next(&self) -> Result<Option<DateTime<Utc>>> {
        let (at,): (Option<DateTime<Utc>>,) = sqlx::query_as(QUEUE_NEXT).fetch_one(self.background()).await?;
        Ok(at)
    }

    /// One message's recipients, or all.
    pub async fn queue_list(&self, id: Option<QueueId>, now: DateTime<Utc>) -> Result<Vec<QueueRow>> {
        let rows = sqlx::query(QUEUE_LIST).bind(id).bind(now).fetch_all(self.read()).await?;
        rows.iter()
            .map(|row| {
                Ok(QueueRow {
                    id: row.try_get(0)?,
                    sender: row.try_get(1)?,
                    size: row.try_get::<i64, _>(2)? as u64,
                    created_at: row.try_get(3)?,
                    expires_at: row.try_get(4)?,
                    held: row.try_get(5)?,
                    recipient: row.try_get(6)?,
                    address: row.try_get(7)?,
                    status: row.try_get(8)?,
                    attempts: row.try_get::<i32, _>(9)? as u32,
                    due_at: row.try_get(10)?,
                    answer: row.try_get(11)?,
                    in_flight: row.try_get(12)?,
                })
            })
            .collect()
    }
}

impl Tx {
    /// Queues a message for its recipients, due now.
    pub async fn queue_add(&mut self, new: &NewQueued<'_>, now: DateTime<Utc>) -> Result<QueueId> {
        let (id,): (QueueId,) = sqlx::query_as(QUEUE_ADD)
            .bind(new.blob)
            .bind(new.account)
            .bind(new.sender)
            .bind(new.envid)
            .bind(new.ret)
            .bind(new.body)
            .bind(new.smtputf8)
            .bind(new.size as i64)
            .bind(new.hold_until)
            .bind(now)
            .bind(new.expires_at)
            .fetch_one(self.conn())
            .await?;
        let column = |f: fn(&NewRecipient) -> &String| new.recipients.iter().map(|r| f(r).clone()).collect::<Vec<_>>();
        sqlx::query(QUEUE_RECIPIENT_ADD)
            .bind(id)
            .bind(column(|r| &r.address))
            .bind(column(|r| &r.domain))
            .bind(new.recipients.iter().map(|r| r.orcpt.clone()).collect::<Vec<_>>())
            .bind(new.recipients.iter().map(|r| r.notify).collect::<Vec<_>>())
            .bind(new.recipients.iter().map(|r| r.prefix.clone()).collect::<Vec<_>>())
            .bind(new.hold_until.unwrap_or(now))
            .execute(self.conn())
            .await?;
        self.tell(Event::QueueDue);
        Ok(id)
    }

    /// Writes a recipient's fate and gives its lease back; `false` if it is not the caller's any more.
    pub async fn queue_fate(&mut self, recipient: QueueRecipientId, fate: &FateRow<'_>) -> Result<bool> {
        let done = sqlx::query(QUEUE_FATE)
            .bind(recipient)
            .bind(fate.status)
            .bind(fate.due_at)
            .bind(fate.code)
            .bind(fate.answer)
            .bind(fate.delay_told)
            .bind(fate.attempts as i32)
            .execute(self.conn())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes the message if nobody waits for it any more.
    pub async fn queue_clean(&mut self, id: QueueId) -> Result<()> {
        sqlx::query(QUEUE_CLEAN).bind(id).execute(self.conn()).await?;
        Ok(())
    }

    /// Makes waiting recipients due now; how many.
    pub async fn queue_retry(&mut self, id: Option<QueueId>, now: DateTime<Utc>) -> Result<u64> {
        let done = sqlx::query(QUEUE_RETRY).bind(id).bind(now).execute(self.conn()).await?;
        self.tell(Event::QueueDue);
        Ok(done.rows_affected())
    }

    /// Holds or releases a message; whether it was held. `None`: there is none.
    pub async fn queue_hold(&mut self, id: QueueId, held: bool) -> Result<Option<bool>> {
        let row: Option<(bool,)> = sqlx::query_as(QUEUE_HOLD).bind(id).bind(held).fetch_optional(self.conn()).await?;
        self.tell(Event::QueueDue);
        Ok(row.map(|(was,)| was))
    }

    /// Drops a message without a word to its sender; for how many recipients it still was. `None`: there is none.
    pub async fn queue_drop(&mut self, id: QueueId) -> Result<Option<u64>> {
        let row: Option<(i64,)> = sqlx::query_as(QUEUE_DROP).bind(id).fetch_optional(self.conn()).await?;
        Ok(row.map(|(count,)| count as u64))
    }
}

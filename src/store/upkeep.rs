//! Statements of upkeep and of `fsck`: what no member waits for.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::{BlobId, MailboxId, OutboxId, QueueId, UploadId};
use chrono::{DateTime, Utc};

sql! {
    /// One process at a time; the lock goes with the transaction.
    UPKEEP_LOCK = "SELECT pg_try_advisory_xact_lock(72398105502)";
    /// One at a time, leaves first: a parent waits until its children are gone. With the row's lock nobody can bring it
    /// back meanwhile.
    REMOVED_MAILBOX = "
        SELECT id FROM mailbox m WHERE removed_at < $1 AND NOT EXISTS (SELECT 1 FROM mailbox WHERE parent = m.id)
        ORDER BY removed_at LIMIT 1 FOR UPDATE SKIP LOCKED";
    REMOVED_MAILBOX_PURGE = "
        WITH mail AS (DELETE FROM message WHERE mailbox = $1),
        changes AS (DELETE FROM mailbox_change WHERE mailbox = $1)
        DELETE FROM mailbox WHERE id = $1";
    FSCK_COUNTERS = "
        SELECT m.id, m.messages, m.bytes, m.unseen, m.deleted, m.uidnext,
            COALESCE(c.messages, 0), COALESCE(c.bytes, 0)::int8, COALESCE(c.unseen, 0), COALESCE(c.deleted, 0), COALESCE(c.top, 0),
            COALESCE(c.modseq, 0) > m.modseq
        FROM mailbox m LEFT JOIN (
            SELECT mailbox, count(*) AS messages, sum(size) AS bytes, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
                count(*) FILTER (WHERE flags & 8 <> 0) AS deleted, max(uid) AS top, max(modseq) AS modseq
            FROM message GROUP BY mailbox
        ) c ON c.mailbox = m.id
        WHERE (m.messages, m.bytes, m.unseen, m.deleted)
            IS DISTINCT FROM (COALESCE(c.messages, 0), COALESCE(c.bytes, 0)::int8, COALESCE(c.unseen, 0), COALESCE(c.deleted, 0))
            OR COALESCE(c.top, 0) >= m.uidnext OR COALESCE(c.modseq, 0) > m.modseq
        ORDER BY m.id";
    FSCK_COUNTERS_REPAIR = "
        UPDATE mailbox m SET messages = c.messages, bytes = c.bytes, unseen = c.unseen, deleted = c.deleted,
            uidnext = GREATEST(m.uidnext, c.top + 1), modseq = GREATEST(m.modseq, c.modseq)
        FROM (SELECT count(*) AS messages, COALESCE(sum(size), 0) AS bytes, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
                count(*) FILTER (WHERE flags & 8 <> 0) AS deleted, COALESCE(max(uid), 0) AS top, COALESCE(max(modseq), 0) AS modseq
            FROM message WHERE mailbox = $1) c
        WHERE m.id = $1";
    FSCK_MAILBOX_LOCK = "SELECT id FROM mailbox WHERE id = $1 FOR UPDATE";
    FSCK_LOST = "
        SELECT g.mailbox, g.uid FROM message g WHERE NOT EXISTS (SELECT 1 FROM blob WHERE id = g.blob)
        ORDER BY g.mailbox, g.uid LIMIT 1000";
    FSCK_SIZES = "
        SELECT g.mailbox, g.uid FROM message g JOIN blob b ON b.id = g.blob
        WHERE g.size <> b.size + COALESCE(length(g.prefix), 0) ORDER BY g.mailbox, g.uid LIMIT 1000";
    FSCK_CONTENT = "
        SELECT DISTINCT g.blob FROM message g LEFT JOIN content c ON c.blob = g.blob
        WHERE g.blob > $2 AND (c.blob IS NULL OR c.version < $1) ORDER BY g.blob LIMIT 1000";
    /// Messages whose mailbox is gone, and queued mail whose octets are.
    FSCK_ORPHANS = "
        SELECT g.mailbox, g.uid FROM message g WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE id = g.mailbox)
        ORDER BY g.mailbox, g.uid LIMIT 1000";
    FSCK_QUEUE = "SELECT id FROM queue q WHERE NOT EXISTS (SELECT 1 FROM blob WHERE id = q.blob) ORDER BY id LIMIT 1000";
    /// Files and mail held back whose octets are gone.
    FSCK_UPLOAD = "
        SELECT id FROM upload u WHERE whole AND NOT EXISTS (SELECT 1 FROM blob WHERE id = u.blob) ORDER BY id LIMIT 1000";
    FSCK_OUTBOX = "SELECT id FROM outbox o WHERE NOT EXISTS (SELECT 1 FROM blob WHERE id = o.blob) ORDER BY id LIMIT 1000";
    FSCK_COUNT = "SELECT count(*), COALESCE(sum(size), 0)::int8 FROM blob";
}

/// A mailbox whose counters do not fit its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongCounters {
    pub mailbox: MailboxId,
    /// Messages, octets, unseen, deleted: as counted, and as they are.
    pub told: [i64; 4],
    pub found: [i64; 4],
    /// A UID or modseq above the mailbox's own.
    pub numbers: bool,
}

impl Tx {
    /// Whether this transaction may do the upkeep: nobody else does now.
    pub async fn upkeep_lock(&mut self) -> Result<bool> {
        let (got,): (bool,) = sqlx::query_as(UPKEEP_LOCK).fetch_one(self.conn()).await?;
        Ok(got)
    }

    /// Removes a mailbox that was deleted before `before`, with its messages; whether there was one.
    pub async fn removed_mailbox_purge(&mut self, before: DateTime<Utc>) -> Result<bool> {
        let row: Option<(MailboxId,)> =
            sqlx::query_as(REMOVED_MAILBOX).bind(before).fetch_optional(self.conn()).await?;
        let Some((id,)) = row else { return Ok(false) };
        sqlx::query(REMOVED_MAILBOX_PURGE).bind(id).execute(self.conn()).await?;
        Ok(true)
    }

    /// Counts a mailbox anew.
    pub async fn counters_repair(&mut self, mailbox: MailboxId) -> Result<()> {
        // The lock first, in a statement of its own: the count then sees what was committed while it waited.
        sqlx::query(FSCK_MAILBOX_LOCK).bind(mailbox).execute(self.conn()).await?;
        sqlx::query(FSCK_COUNTERS_REPAIR).bind(mailbox).execute(self.conn()).await?;
        Ok(())
    }
}

impl Store {
    /// Mailboxes whose counters are wrong.
    pub async fn counters_wrong(&self) -> Result<Vec<WrongCounters>> {
        type Row = (MailboxId, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, bool);
        let rows: Vec<Row> = sqlx::query_as(FSCK_COUNTERS).fetch_all(self.background()).await?;
        let wrong = |row: Row| WrongCounters {
            mailbox: row.0,
            told: [row.1, row.2, row.3, row.4],
            found: [row.6, row.7, row.8, row.9],
            numbers: row.10 >= row.5 || row.11,
        };
        Ok(rows.into_iter().map(wrong).collect())
    }

    /// Messages whose blob is missing, and messages whose size is not that of prefix and blob: mailbox and UID.
    pub async fn messages_wrong(&self) -> Result<(Vec<(MailboxId, i64)>, Vec<(MailboxId, i64)>)> {
        let lost = sqlx::query_as(FSCK_LOST).fetch_all(self.background()).await?;
        Ok((lost, sqlx::query_as(FSCK_SIZES).fetch_all(self.background()).await?))
    }

    /// Messages in no mailbox: mailbox and UID.
    pub async fn messages_orphaned(&self) -> Result<Vec<(MailboxId, i64)>> {
        Ok(sqlx::query_as(FSCK_ORPHANS).fetch_all(self.background()).await?)
    }

    /// Queued mail without octets.
    pub async fn queue_lost(&self) -> Result<Vec<QueueId>> {
        let rows: Vec<(QueueId,)> = sqlx::query_as(FSCK_QUEUE).fetch_all(self.background()).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Files and held mail without octets.
    pub async fn writing_lost(&self) -> Result<(Vec<UploadId>, Vec<OutboxId>)> {
        let files: Vec<(UploadId,)> = sqlx::query_as(FSCK_UPLOAD).fetch_all(self.background()).await?;
        let held: Vec<(OutboxId,)> = sqlx::query_as(FSCK_OUTBOX).fetch_all(self.background()).await?;
        Ok((files.into_iter().map(|(id,)| id).collect(), held.into_iter().map(|(id,)| id).collect()))
    }

    /// Blobs of messages that lack their content row, or have one older than `version`: up to 1,000 after `above`.
    pub async fn content_wrong(&self, version: i16, above: BlobId) -> Result<Vec<BlobId>> {
        let rows: Vec<(BlobId,)> =
            sqlx::query_as(FSCK_CONTENT).bind(version).bind(above).fetch_all(self.background()).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// How many blobs there are, and their octets.
    pub async fn blob_count(&self) -> Result<(u64, u64)> {
        let (count, octets): (i64, i64) = sqlx::query_as(FSCK_COUNT).fetch_one(self.background()).await?;
        Ok((count as u64, octets as u64))
    }
}

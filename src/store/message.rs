//! Message rows: reading what FETCH needs, flags, expunge, copy, move. Whoever writes locks the mailbox rows first
//! ([`Tx::mailbox_lock`], by id), so that UIDs and modseqs rise in commit order (I2).

use super::sql::sql;
use super::{Result, Store, StoreError, Tx};
use crate::model::event::Event;
use crate::model::flags::{FlagChange, SystemFlags};
use crate::model::ids::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Uid};
use crate::model::uidset::UidSet;
use chrono::{DateTime, Utc};
use sqlx::Row as _;

/// The messages of mailbox $1 in the ranges $2 to $3, `$rest` of each range. A subquery of its own for each range (which
/// OFFSET or LIMIT makes it): joined freely, a few messages of a large mailbox are looked for by reading all of it.
macro_rules! in_ranges {
    ($before:literal, $columns:literal, $rest:literal, $after:literal) => {
        concat!(
            $before,
            " FROM unnest($2::int8[], $3::int8[]) AS r(lo, hi) CROSS JOIN LATERAL (SELECT ",
            $columns,
            " FROM message m WHERE m.mailbox = $1 AND m.uid BETWEEN r.lo AND r.hi ",
            $rest,
            ") g ",
            $after
        )
    };
}

sql! {
    ENTRIES = in_ranges!("SELECT g.uid, g.modseq, g.flags, g.keywords", "m.uid, m.modseq, m.flags, m.keywords", "OFFSET 0", "");
    ROWS = in_ranges!(
        "SELECT g.uid, g.email, g.thread, g.blob, g.internal_at, g.saved_at, g.size, g.prefix",
        "*", "ORDER BY m.uid LIMIT $4", "ORDER BY g.uid LIMIT $4");
    /// NULL where a column was not asked for, so that it does not travel. Ends after about 2 MiB, with one row at least.
    ROWS_CONTENT = in_ranges!("
        WITH pick AS (
            SELECT g.uid, g.email, g.thread, g.blob, g.internal_at, g.saved_at, g.size, g.prefix,
                CASE WHEN $5 THEN CASE WHEN $9 THEN COALESCE(c.envelope_utf8, c.envelope) ELSE c.envelope END END AS envelope,
                CASE WHEN $6 THEN c.body END AS body, CASE WHEN $7 THEN c.bodystructure END AS bodystructure,
                CASE WHEN $8 THEN c.parts END AS parts, COALESCE(c.attachment, false) AS attachment
            FROM (SELECT g.*", "*", "ORDER BY m.uid LIMIT $4", "ORDER BY g.uid LIMIT $4) g
            LEFT JOIN content c ON c.blob = g.blob
        ), measured AS (
            SELECT *, sum(COALESCE(octet_length(envelope), 0) + COALESCE(octet_length(body), 0)
                + COALESCE(octet_length(bodystructure), 0) + COALESCE(octet_length(parts), 0))
                OVER (ORDER BY uid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM pick
        )
        SELECT uid, email, thread, blob, internal_at, saved_at, size, prefix, envelope, body, bodystructure, parts, attachment
        FROM measured WHERE before IS NULL OR before < 2097152 ORDER BY uid");
    MAILBOX_LOCK = "
        SELECT id, account, uidvalidity, uidnext, modseq FROM mailbox
        WHERE id = ANY($1) AND removed_at IS NULL AND selectable ORDER BY id FOR UPDATE";
    FLAGS_STORE = in_ranges!("
        WITH pick AS MATERIALIZED (
            SELECT g.uid, g.modseq, g.flags AS old_flags, g.keywords AS old_keywords,
                (CASE $4::int2 WHEN 0 THEN $5::int2 WHEN 1 THEN g.flags | $5::int2 ELSE g.flags & ~$5::int2 END)::int2 AS flags,
                CASE WHEN $4::int2 = 0 THEN NULLIF($6::int2[], '{}')
                    WHEN $6::int2[] = '{}' THEN g.keywords
                    WHEN $4::int2 = 1 THEN NULLIF(ARRAY(SELECT DISTINCT k FROM unnest(COALESCE(g.keywords, '{}') || $6::int2[]) k ORDER BY k), '{}')
                    ELSE NULLIF(ARRAY(SELECT k FROM unnest(g.keywords) k WHERE k <> ALL ($6::int2[]) ORDER BY k), '{}') END AS keywords",
        "m.uid, m.modseq, m.flags, m.keywords", "OFFSET 0", "
        ), changed AS (
            UPDATE message g SET flags = pick.flags, keywords = pick.keywords, modseq = $8 FROM pick
            WHERE g.mailbox = $1 AND g.uid = pick.uid AND ($7::int8 IS NULL OR pick.modseq <= $7)
                AND (pick.flags <> pick.old_flags OR pick.keywords IS DISTINCT FROM pick.old_keywords)
            RETURNING g.uid, pick.old_flags, pick.flags
        ), told AS (
            INSERT INTO mailbox_change (mailbox, modseq, kind, uids, at)
            SELECT $1, $8, 1, range_agg(int8range(uid, uid, '[]')), $9 FROM changed HAVING count(*) > 0
        ), counted AS (
            UPDATE mailbox m SET modseq = $8, unseen = m.unseen + c.unseen, deleted = m.deleted + c.deleted
            FROM (SELECT count(*) AS n, COALESCE(sum((old_flags & 1) - (flags & 1)), 0) AS unseen,
                    COALESCE(sum((flags & 8) / 8 - (old_flags & 8) / 8), 0) AS deleted FROM changed) c
            WHERE id = $1 AND c.n > 0
        )
        SELECT (SELECT count(*) FROM changed),
            ARRAY(SELECT uid FROM pick WHERE $7::int8 IS NOT NULL AND modseq > $7 ORDER BY uid)");
    EXPUNGE = "
        WITH gone AS (
            DELETE FROM message g USING unnest($2::int8[], $3::int8[]) AS r(lo, hi)
            WHERE g.mailbox = $1 AND g.uid BETWEEN r.lo AND r.hi AND ($5 OR g.flags & 8 <> 0) RETURNING g.*
        ), kept AS (
            INSERT INTO restorable (account, mailbox, uid, blob, email, thread, internal_at, saved_at, size, flags, keywords, prefix, expunged_at)
            SELECT $6, mailbox, uid, blob, email, thread, internal_at, saved_at, size, flags, keywords, prefix, $7 FROM gone WHERE $8
        ), private AS (
            DELETE FROM seen USING gone WHERE seen.mailbox = $1 AND seen.uid = gone.uid
        ), told AS (
            INSERT INTO mailbox_change (mailbox, modseq, kind, uids, at)
            SELECT $1, $4, 2, range_agg(int8range(uid, uid, '[]')), $7 FROM gone HAVING count(*) > 0
        ), counted AS (
            UPDATE mailbox m SET modseq = $4, messages = m.messages - c.n, bytes = m.bytes - c.bytes,
                unseen = m.unseen - c.unseen, deleted = m.deleted - c.deleted
            FROM (SELECT count(*) AS n, COALESCE(sum(size), 0) AS bytes, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
                    count(*) FILTER (WHERE flags & 8 <> 0) AS deleted FROM gone) c
            WHERE id = $1 AND c.n > 0
        )
        SELECT uid FROM gone ORDER BY uid";
    COPY = in_ranges!("
        WITH pick AS MATERIALIZED (
            SELECT g.*, row_number() OVER (ORDER BY g.uid) - 1 + $5 AS new_uid", "*", "OFFSET 0", "
        ), added AS (
            INSERT INTO message (mailbox, uid, blob, email, thread, modseq, internal_at, saved_at, size, flags, keywords, prefix)
            SELECT $4, new_uid, blob, email, thread, $6, internal_at, $7, size, flags, keywords, prefix FROM pick
        ), counted AS (
            UPDATE mailbox m SET modseq = $6, uidnext = m.uidnext + c.n, messages = m.messages + c.n, bytes = m.bytes + c.bytes,
                unseen = m.unseen + c.unseen, deleted = m.deleted + c.deleted
            FROM (SELECT count(*) AS n, COALESCE(sum(size), 0) AS bytes, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
                    count(*) FILTER (WHERE flags & 8 <> 0) AS deleted FROM pick) c
            WHERE id = $4 AND c.n > 0
        )
        SELECT uid, new_uid FROM pick ORDER BY uid");
    /// The first $4 of them; those with \\Deleted where $5.
    UIDS = in_ranges!("SELECT g.uid", "m.uid", "AND ($5 OR m.flags & 8 = 0) ORDER BY m.uid LIMIT $4", "ORDER BY g.uid LIMIT $4");
    /// Gives back what one expunge took, under new UIDs: the change's time and set tell which.
    RESTORE = "
        WITH picked AS (
            DELETE FROM restorable r USING mailbox_change c
            WHERE c.mailbox = $1 AND c.modseq = $2 AND c.kind = 2 AND r.account = $3 AND r.mailbox = $1
                AND r.expunged_at = c.at AND c.uids @> r.uid RETURNING r.*
        ), pick AS MATERIALIZED (
            SELECT *, row_number() OVER (ORDER BY uid) - 1 + $4 AS new_uid FROM picked
        ), added AS (
            INSERT INTO message (mailbox, uid, blob, email, thread, modseq, internal_at, saved_at, size, flags, keywords, prefix)
            SELECT $1, new_uid, blob, email, thread, $5, internal_at, saved_at, size, flags & ~8::int2, keywords, prefix FROM pick
        ), counted AS (
            UPDATE mailbox m SET modseq = $5, uidnext = m.uidnext + c.n, messages = m.messages + c.n, bytes = m.bytes + c.bytes,
                unseen = m.unseen + c.unseen
            FROM (SELECT count(*) AS n, COALESCE(sum(size), 0) AS bytes, count(*) FILTER (WHERE flags & 1 = 0) AS unseen FROM pick) c
            WHERE id = $1 AND c.n > 0
        )
        SELECT new_uid FROM pick ORDER BY new_uid";
    RESTORE_USAGE = "
        SELECT COALESCE(sum(r.size), 0)::int8 FROM mailbox_change c JOIN restorable r ON r.account = $3 AND r.mailbox = $1
            AND r.expunged_at = c.at AND c.uids @> r.uid
        WHERE c.mailbox = $1 AND c.modseq = $2 AND c.kind = 2";
    CHANGED_FLAGS = "
        SELECT lower(r), upper(r) - 1 FROM mailbox_change c, unnest(c.uids) r
        WHERE c.mailbox = $1 AND c.modseq = $2 AND c.kind = 1";
    USAGE_OF = in_ranges!("SELECT COALESCE(sum(g.size), 0)::int8, count(*)", "m.size", "OFFSET 0", "");
    KEYWORDS = "SELECT id, name FROM keyword WHERE account = $1 ORDER BY id";
    KEYWORD_ADD = "
        INSERT INTO keyword (account, id, name)
        SELECT $1, COALESCE(max(id), 0) + 1, $2 FROM keyword WHERE account = $1
        HAVING COALESCE(max(id), 0) < 1000 RETURNING id";
    RESTORABLE_PURGE = "
        DELETE FROM restorable WHERE id IN (SELECT id FROM restorable WHERE expunged_at < $1 ORDER BY expunged_at LIMIT $2)";
}

/// What a snapshot holds of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    pub uid: Uid,
    pub modseq: ModSeq,
    pub system: SystemFlags,
    /// Ids of `keyword`, ascending.
    pub keywords: Vec<i16>,
}

/// What FETCH reads beside flags. The optional columns are there if asked for.
#[derive(Debug, Clone)]
pub struct MessageRow {
    pub uid: Uid,
    pub email: EmailId,
    pub thread: ThreadId,
    pub blob: BlobId,
    pub internal_at: DateTime<Utc>,
    pub saved_at: DateTime<Utc>,
    /// Octets of prefix and blob.
    pub size: u64,
    pub prefix: Vec<u8>,
    pub envelope: Option<Vec<u8>>,
    pub body: Option<Vec<u8>>,
    pub bodystructure: Option<Vec<u8>>,
    pub parts: Option<Vec<u8>>,
    pub attachment: bool,
}

/// Which columns of `content` a reader needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns {
    pub envelope: bool,
    pub body: bool,
    pub bodystructure: bool,
    pub parts: bool,
    /// The UTF-8 form of the envelope where there is one.
    pub utf8: bool,
    pub attachment: bool,
}

/// A mailbox row under lock.
#[derive(Debug, Clone, Copy)]
pub struct Locked {
    pub id: MailboxId,
    pub account: AccountId,
    pub uidvalidity: u32,
    pub uidnext: Uid,
    pub modseq: ModSeq,
}

/// Lower and upper ends, as the statements take sets.
fn ends(set: &UidSet) -> (Vec<i64>, Vec<i64>) {
    set.ranges().map(|r| (i64::from(*r.start()), i64::from(*r.end()))).unzip()
}

pub(super) fn uids_of(lower: &[i64], upper: &[i64]) -> UidSet {
    UidSet::from_ranges(
        lower.iter().zip(upper).filter_map(|(a, b)| Some(u32::try_from(*a).ok()?..=u32::try_from(*b).ok()?)),
    )
}

fn message_row(row: &sqlx::postgres::PgRow) -> Result<MessageRow> {
    Ok(MessageRow {
        uid: row.try_get::<i64, _>(0)? as u32,
        email: row.try_get(1)?,
        thread: row.try_get(2)?,
        blob: row.try_get(3)?,
        internal_at: row.try_get(4)?,
        saved_at: row.try_get(5)?,
        size: row.try_get::<i32, _>(6)? as u64,
        prefix: row.try_get::<Option<Vec<u8>>, _>(7)?.unwrap_or_default(),
        envelope: None,
        body: None,
        bodystructure: None,
        parts: None,
        attachment: false,
    })
}

impl Store {
    /// Flags and modseqs of the messages in `uids`, ascending.
    pub async fn message_entries(&self, mailbox: MailboxId, uids: &UidSet) -> Result<Vec<EntryRow>> {
        let (lower, upper) = ends(uids);
        let rows: Vec<(i64, i64, i16, Option<Vec<i16>>)> =
            sqlx::query_as(ENTRIES).bind(mailbox).bind(lower).bind(upper).fetch_all(self.read()).await?;
        let entry = |(uid, modseq, flags, keywords): (i64, i64, i16, Option<Vec<i16>>)| EntryRow {
            uid: uid as u32,
            modseq: modseq as u64,
            system: SystemFlags::from_bits_truncate(flags as u16),
            keywords: keywords.unwrap_or_default(),
        };
        let mut entries: Vec<EntryRow> = rows.into_iter().map(entry).collect();
        // In order or nearly so; for a large mailbox PostgreSQL would sort on disk.
        entries.sort_by_key(|entry| entry.uid);
        Ok(entries)
    }

    /// The first `limit` messages of `uids` or fewer, ascending, with the columns asked for; none: there are no more.
    pub async fn message_rows(
        &self,
        mailbox: MailboxId,
        uids: &UidSet,
        columns: Columns,
        limit: i64,
    ) -> Result<Vec<MessageRow>> {
        let (lower, upper) = ends(uids);
        if !(columns.envelope || columns.body || columns.bodystructure || columns.parts || columns.attachment) {
            let rows =
                sqlx::query(ROWS).bind(mailbox).bind(lower).bind(upper).bind(limit).fetch_all(self.read()).await?;
            return rows.iter().map(message_row).collect();
        }
        let rows = sqlx::query(ROWS_CONTENT)
            .bind(mailbox)
            .bind(lower)
            .bind(upper)
            .bind(limit)
            .bind(columns.envelope)
            .bind(columns.body)
            .bind(columns.bodystructure)
            .bind(columns.parts)
            .bind(columns.utf8)
            .fetch_all(self.read())
            .await?;
        rows.iter()
            .map(|row| {
                let mut out = message_row(row)?;
                out.envelope = row.try_get(8)?;
                out.body = row.try_get(9)?;
                out.bodystructure = row.try_get(10)?;
                out.parts = row.try_get(11)?;
                out.attachment = row.try_get(12)?;
                Ok(out)
            })
            .collect()
    }

    /// The owner's keywords by id.
    pub async fn keyword_list(&self, account: AccountId) -> Result<Vec<(i16, String)>> {
        Ok(sqlx::query_as(KEYWORDS).bind(account).fetch_all(self.read()).await?)
    }

    /// Adds a keyword; `None`: the account has 1,000 of them.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when another session added it meanwhile: list again.
    pub async fn keyword_add(&self, account: AccountId, name: &str) -> Result<Option<i16>> {
        let row: Option<(i16,)> =
            sqlx::query_as(KEYWORD_ADD).bind(account).bind(name).fetch_optional(self.write()).await?;
        Ok(row.map(|(id,)| id))
    }

    /// Octets and number of the messages in `uids`.
    pub async fn message_usage(&self, mailbox: MailboxId, uids: &UidSet) -> Result<(u64, u64)> {
        let (lower, upper) = ends(uids);
        let (bytes, count): (i64, i64) =
            sqlx::query_as(USAGE_OF).bind(mailbox).bind(lower).bind(upper).fetch_one(self.read()).await?;
        Ok((bytes as u64, count as u64))
    }

    /// The first `limit` of `uids` that are there, ascending; with `\Deleted` only where `marked_too`.
    pub async fn message_uids(
        &self,
        mailbox: MailboxId,
        uids: &UidSet,
        marked_too: bool,
        limit: i64,
    ) -> Result<UidSet> {
        let (lower, upper) = ends(uids);
        let rows: Vec<(i64,)> = sqlx::query_as(UIDS)
            .bind(mailbox)
            .bind(lower)
            .bind(upper)
            .bind(limit)
            .bind(marked_too)
            .fetch_all(self.read())
            .await?;
        Ok(rows.into_iter().map(|(uid,)| uid as u32).collect())
    }

    /// The messages whose flags the change of this modseq changed.
    pub async fn changed_flags(&self, mailbox: MailboxId, modseq: ModSeq) -> Result<UidSet> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as(CHANGED_FLAGS).bind(mailbox).bind(modseq as i64).fetch_all(self.read()).await?;
        let (lower, upper): (Vec<i64>, Vec<i64>) = rows.into_iter().unzip();
        Ok(uids_of(&lower, &upper))
    }

    /// Octets that would come back with the expunge of this modseq.
    pub async fn restorable_usage(&self, account: AccountId, mailbox: MailboxId, modseq: ModSeq) -> Result<u64> {
        let (octets,): (i64,) = sqlx::query_as(RESTORE_USAGE)
            .bind(mailbox)
            .bind(modseq as i64)
            .bind(account)
            .fetch_one(self.read())
            .await?;
        Ok(octets as u64)
    }
}

impl Tx {
    /// Locks mailboxes in id order; those that are gone or not selectable are missing from the answer.
    pub async fn mailbox_lock(&mut self, ids: &[MailboxId]) -> Result<Vec<Locked>> {
        let rows: Vec<(MailboxId, AccountId, i64, i64, i64)> =
            sqlx::query_as(MAILBOX_LOCK).bind(ids).fetch_all(self.conn()).await?;
        let locked = |(id, account, uidvalidity, uidnext, modseq): (MailboxId, AccountId, i64, i64, i64)| Locked {
            id,
            account,
            uidvalidity: uidvalidity as u32,
            uidnext: uidnext as u32,
            modseq: modseq as u64,
        };
        Ok(rows.into_iter().map(locked).collect())
    }

    /// Changes flags under the mailbox's lock. Messages that would not change keep their modseq. Answers how many
    /// changed and which were left alone because they changed after `unchanged_since` (RFC 7162 §3.1.3).
    pub async fn flags_store(
        &mut self,
        mailbox: &Locked,
        uids: &UidSet,
        change: FlagChange,
        flags: (SystemFlags, &[i16]),
        unchanged_since: Option<ModSeq>,
        now: DateTime<Utc>,
    ) -> Result<(u64, UidSet)> {
        let (lower, upper) = ends(uids);
        let mode: i16 = match change {
            FlagChange::Replace => 0,
            FlagChange::Add => 1,
            FlagChange::Remove => 2,
        };
        let modseq = mailbox.modseq + 1;
        let (changed, modified): (i64, Vec<i64>) = sqlx::query_as(FLAGS_STORE)
            .bind(mailbox.id)
            .bind(lower)
            .bind(upper)
            .bind(mode)
            .bind(flags.0.bits() as i16)
            .bind(flags.1)
            .bind(unchanged_since.map(|m| m.min(i64::MAX as u64) as i64))
            .bind(modseq as i64)
            .bind(now)
            .fetch_one(self.conn())
            .await?;
        if changed > 0 {
            self.tell(Event::MailboxChanged { account: mailbox.account, mailbox: mailbox.id, modseq });
        }
        Ok((changed as u64, modified.into_iter().map(|n| n as u32).collect()))
    }

    /// Removes messages under the mailbox's lock: those with `\Deleted`, or all of `uids`. With `restorable` they can be
    /// had back for the undelete window (a MOVE leaves nothing behind). Answers the UIDs that went.
    pub async fn message_expunge(
        &mut self,
        mailbox: &Locked,
        uids: &UidSet,
        which: Expunge,
        now: DateTime<Utc>,
    ) -> Result<UidSet> {
        let (lower, upper) = ends(uids);
        let modseq = mailbox.modseq + 1;
        let rows: Vec<(i64,)> = sqlx::query_as(EXPUNGE)
            .bind(mailbox.id)
            .bind(lower)
            .bind(upper)
            .bind(modseq as i64)
            .bind(which != Expunge::Deleted)
            .bind(mailbox.account)
            .bind(now)
            .bind(which != Expunge::Moved)
            .fetch_all(self.conn())
            .await?;
        if !rows.is_empty() {
            self.tell(Event::MailboxChanged { account: mailbox.account, mailbox: mailbox.id, modseq });
        }
        Ok(rows.into_iter().map(|(uid,)| uid as u32).collect())
    }

    /// Copies messages under both mailboxes' locks: same bytes, flags, dates, EMAILID and THREADID. Answers old and new
    /// UIDs in order.
    pub async fn message_copy(
        &mut self,
        from: &Locked,
        uids: &UidSet,
        to: &Locked,
        now: DateTime<Utc>,
    ) -> Result<Vec<(Uid, Uid)>> {
        let (lower, upper) = ends(uids);
        let modseq = to.modseq + 1;
        let rows: Vec<(i64, i64)> = sqlx::query_as(COPY)
            .bind(from.id)
            .bind(lower)
            .bind(upper)
            .bind(to.id)
            .bind(i64::from(to.uidnext))
            .bind(modseq as i64)
            .bind(now)
            .fetch_all(self.conn())
            .await?;
        if !rows.is_empty() {
            self.tell(Event::MailboxChanged { account: to.account, mailbox: to.id, modseq });
        }
        if rows.last().is_some_and(|(_, new)| *new >= i64::from(u32::MAX)) {
            return Err(StoreError::Inconsistent("mailbox", "out of UIDs".into()));
        }
        Ok(rows.into_iter().map(|(old, new)| (old as u32, new as u32)).collect())
    }

    /// Gives back what the expunge of modseq `expunged` took, under the mailbox's lock: new UIDs, everything else as it
    /// was (I5). What has had its time is gone.
    pub async fn message_restore(&mut self, mailbox: &Locked, expunged: ModSeq) -> Result<UidSet> {
        let modseq = mailbox.modseq + 1;
        let rows: Vec<(i64,)> = sqlx::query_as(RESTORE)
            .bind(mailbox.id)
            .bind(expunged as i64)
            .bind(mailbox.account)
            .bind(i64::from(mailbox.uidnext))
            .bind(modseq as i64)
            .fetch_all(self.conn())
            .await?;
        if rows.last().is_some_and(|(uid,)| *uid >= i64::from(u32::MAX)) {
            return Err(StoreError::Inconsistent("mailbox", "out of UIDs".into()));
        }
        if !rows.is_empty() {
            self.tell(Event::MailboxChanged { account: mailbox.account, mailbox: mailbox.id, modseq });
        }
        Ok(rows.into_iter().map(|(uid,)| uid as u32).collect())
    }

    /// Forgets up to `limit` messages that were expunged before `before`; how many.
    pub async fn restorable_purge(&mut self, before: DateTime<Utc>, limit: i64) -> Result<u64> {
        Ok(sqlx::query(RESTORABLE_PURGE).bind(before).bind(limit).execute(self.conn()).await?.rows_affected())
    }
}

/// What an expunge takes and leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expunge {
    /// Those with `\Deleted`; they stay restorable.
    Deleted,
    /// All named, which a MOVE has just copied.
    Moved,
    /// All named; they stay restorable.
    Named,
}

//! Lists of messages as people read them: by date, with what `content` knows of each, and conversations.
//!
//! Pages go by key, not by number: the last place is as near as the first. Messages with `\Deleted` are passed over; the
//! client that marked them will expunge them.

use super::sql::sql;
use super::{Result, Store};
use crate::model::flags::SystemFlags;
use crate::model::ids::{EmailId, MailboxId, ModSeq, ThreadId, Uid};
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// Lines of the messages picked, with how many of each one's conversation lie in the mailboxes $1. Content and
/// conversation are looked up row by row (which OFFSET and the subquery make them): joined freely, all of them are read.
macro_rules! lines {
    ($pick:literal, $order:literal) => {
        concat!(
            "WITH pick AS MATERIALIZED (",
            $pick,
            ") SELECT p.mailbox, p.uid, p.email, p.thread, p.internal_at, p.size, p.flags, p.keywords,
                c.attachment, c.from_display, c.to_display, c.subject, c.preview, c.sent_at,
                (SELECT count(DISTINCT t.blob) FROM (
                    SELECT g.blob FROM message g WHERE g.thread = p.thread AND g.mailbox = ANY($1) AND g.flags & 8 = 0 LIMIT 100) t)
            FROM pick p LEFT JOIN LATERAL (
                SELECT k.attachment, k.from_display, k.to_display, k.subject, k.preview, k.sent_at
                FROM content k WHERE k.blob = p.blob OFFSET 0) c ON true ",
            $order
        )
    };
}

sql! {
    PAGE_OLDER = lines!("
        SELECT m.* FROM message m WHERE m.mailbox = $2 AND m.flags & 8 = 0
            AND (m.internal_at, m.uid) < (COALESCE($3, 'infinity'::timestamptz), COALESCE($4, 9223372036854775807))
        ORDER BY m.internal_at DESC, m.uid DESC LIMIT $5", "ORDER BY p.internal_at DESC, p.uid DESC");
    PAGE_NEWER = lines!("
        SELECT m.* FROM message m WHERE m.mailbox = $2 AND m.flags & 8 = 0 AND (m.internal_at, m.uid) > ($3, $4)
        ORDER BY m.internal_at, m.uid LIMIT $5", "ORDER BY p.internal_at DESC, p.uid DESC");
    LINES_OF = lines!("
        SELECT m.* FROM unnest($2::int8[], $3::int8[]) AS w(mailbox, uid) CROSS JOIN LATERAL (
            SELECT * FROM message g WHERE g.mailbox = w.mailbox AND g.uid = w.uid AND g.flags & 8 = 0 OFFSET 0) m",
        "ORDER BY p.internal_at DESC, p.mailbox, p.uid DESC");
    /// The newest $5 of a conversation, each message once however many copies there are; without the one asked about.
    THREAD = lines!("
        WITH it AS (SELECT blob, thread FROM message WHERE mailbox = $2 AND uid = $3)
        SELECT d.* FROM (
            SELECT DISTINCT ON (m.blob) m.* FROM it, LATERAL (
                SELECT * FROM message g WHERE g.thread = it.thread AND g.mailbox = ANY($1) AND g.flags & 8 = 0
                    AND g.blob <> it.blob OFFSET 0) m
            ORDER BY m.blob, (m.mailbox = $2) DESC, m.mailbox, m.uid) d
        ORDER BY d.internal_at DESC, d.uid DESC LIMIT $4", "ORDER BY p.internal_at, p.uid");
    /// UIDs of the next newer and the next older one.
    NEIGHBOURS = "
        SELECT (SELECT m.uid FROM message m WHERE m.mailbox = $1 AND m.flags & 8 = 0 AND (m.internal_at, m.uid) > ($2, $3)
                ORDER BY m.internal_at, m.uid LIMIT 1),
            (SELECT m.uid FROM message m WHERE m.mailbox = $1 AND m.flags & 8 = 0 AND (m.internal_at, m.uid) < ($2, $3)
                ORDER BY m.internal_at DESC, m.uid DESC LIMIT 1)";
    /// Messages from a UID on, as far as anybody counts.
    NEWS = "
        SELECT count(*) FROM (SELECT FROM message m WHERE m.mailbox = $1 AND m.uid >= $2 AND m.flags & 8 = 0 LIMIT 1000) n";
    /// Unseen ones with \\Deleted, for the few mailboxes that have any.
    HIDDEN_UNSEEN = "
        SELECT mailbox, count(*) FROM message WHERE mailbox = ANY($1) AND flags & 9 = 8 GROUP BY mailbox";
    FLAGS_OF = "SELECT modseq, flags, keywords FROM message WHERE mailbox = $1 AND uid = $2";
}

/// One line of a list.
#[derive(Debug, Clone)]
pub struct LineRow {
    pub mailbox: MailboxId,
    pub uid: Uid,
    pub email: EmailId,
    pub thread: ThreadId,
    pub internal_at: DateTime<Utc>,
    /// Octets of prefix and blob.
    pub size: u64,
    pub system: SystemFlags,
    /// Ids of `keyword`, ascending.
    pub keywords: Vec<i16>,
    pub attachment: bool,
    pub from_display: String,
    pub to_display: String,
    pub subject: String,
    pub preview: String,
    /// The Date field.
    pub sent_at: Option<DateTime<Utc>>,
    /// Messages of its conversation in the mailboxes asked about, up to 100.
    pub in_thread: u32,
}

/// A place in a list by date.
pub type Place = (DateTime<Utc>, Uid);

fn line(row: &PgRow) -> Result<LineRow> {
    Ok(LineRow {
        mailbox: row.try_get(0)?,
        uid: row.try_get::<i64, _>(1)? as u32,
        email: row.try_get(2)?,
        thread: row.try_get(3)?,
        internal_at: row.try_get(4)?,
        size: row.try_get::<i32, _>(5)? as u64,
        system: SystemFlags::from_bits_truncate(row.try_get::<i16, _>(6)? as u16),
        keywords: row.try_get::<Option<Vec<i16>>, _>(7)?.unwrap_or_default(),
        attachment: row.try_get::<Option<bool>, _>(8)?.unwrap_or(false),
        from_display: row.try_get::<Option<String>, _>(9)?.unwrap_or_default(),
        to_display: row.try_get::<Option<String>, _>(10)?.unwrap_or_default(),
        subject: row.try_get::<Option<String>, _>(11)?.unwrap_or_default(),
        preview: row.try_get::<Option<String>, _>(12)?.unwrap_or_default(),
        sent_at: row.try_get(13)?,
        in_thread: row.try_get::<i64, _>(14)? as u32,
    })
}

impl Store {
    /// Up to `limit` messages older than a place, newest first; `None`: the newest of all. `counted` are the mailboxes
    /// whose messages count in conversations.
    pub async fn lines_older(
        &self,
        counted: &[MailboxId],
        mailbox: MailboxId,
        than: Option<Place>,
        limit: i64,
    ) -> Result<Vec<LineRow>> {
        let rows = sqlx::query(PAGE_OLDER)
            .bind(counted)
            .bind(mailbox)
            .bind(than.map(|(at, _)| at))
            .bind(than.map(|(_, uid)| i64::from(uid)))
            .bind(limit)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(line).collect()
    }

    /// The `limit` messages next newer than a place, newest first.
    pub async fn lines_newer(
        &self,
        counted: &[MailboxId],
        mailbox: MailboxId,
        (at, uid): Place,
        limit: i64,
    ) -> Result<Vec<LineRow>> {
        let rows = sqlx::query(PAGE_NEWER)
            .bind(counted)
            .bind(mailbox)
            .bind(at)
            .bind(i64::from(uid))
            .bind(limit)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(line).collect()
    }

    /// The messages named, newest first; those that are gone are missing.
    pub async fn lines_of(&self, counted: &[MailboxId], wanted: &[(MailboxId, Uid)]) -> Result<Vec<LineRow>> {
        let (mailboxes, uids): (Vec<MailboxId>, Vec<i64>) =
            wanted.iter().map(|(mailbox, uid)| (*mailbox, i64::from(*uid))).unzip();
        let rows = sqlx::query(LINES_OF).bind(counted).bind(mailboxes).bind(uids).fetch_all(self.read()).await?;
        rows.iter().map(line).collect()
    }

    /// The newest `limit` others of a message's conversation, oldest first.
    pub async fn thread_lines(
        &self,
        counted: &[MailboxId],
        mailbox: MailboxId,
        uid: Uid,
        limit: i64,
    ) -> Result<Vec<LineRow>> {
        let rows = sqlx::query(THREAD)
            .bind(counted)
            .bind(mailbox)
            .bind(i64::from(uid))
            .bind(limit)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(line).collect()
    }

    /// The messages next to a place in a list: the newer one, the older one.
    pub async fn line_neighbours(&self, mailbox: MailboxId, (at, uid): Place) -> Result<(Option<Uid>, Option<Uid>)> {
        let (newer, older): (Option<i64>, Option<i64>) =
            sqlx::query_as(NEIGHBOURS).bind(mailbox).bind(at).bind(i64::from(uid)).fetch_one(self.read()).await?;
        Ok((newer.map(|uid| uid as u32), older.map(|uid| uid as u32)))
    }

    /// How many messages have this UID or a higher one: 1,000 stands for more.
    pub async fn message_news(&self, mailbox: MailboxId, from: Uid) -> Result<u32> {
        let (count,): (i64,) = sqlx::query_as(NEWS).bind(mailbox).bind(i64::from(from)).fetch_one(self.read()).await?;
        Ok(count as u32)
    }

    /// How many unseen messages with `\Deleted` each of the mailboxes has; none: it is missing.
    pub async fn hidden_unseen(&self, mailboxes: &[MailboxId]) -> Result<Vec<(MailboxId, u64)>> {
        let rows: Vec<(MailboxId, i64)> = sqlx::query_as(HIDDEN_UNSEEN).bind(mailboxes).fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(|(id, count)| (id, count as u64)).collect())
    }

    /// One message's modseq, flags and keyword ids.
    pub async fn message_flags(&self, mailbox: MailboxId, uid: Uid) -> Result<Option<(ModSeq, SystemFlags, Vec<i16>)>> {
        let row: Option<(i64, i16, Option<Vec<i16>>)> =
            sqlx::query_as(FLAGS_OF).bind(mailbox).bind(i64::from(uid)).fetch_optional(self.read()).await?;
        Ok(row.map(|(modseq, flags, keywords)| {
            (modseq as u64, SystemFlags::from_bits_truncate(flags as u16), keywords.unwrap_or_default())
        }))
    }
}

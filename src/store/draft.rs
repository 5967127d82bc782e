//! Messages being written in the browser.

use super::blob::ref_hash;
use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::{AccountId, DraftId, MailboxId, OutboxId, Uid};
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

macro_rules! draft_columns {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.revision, d.sender, d.to_text, d.cc_text, d.bcc_text, d.subject, d.body, d.mode, d.source,
                d.source_uid, d.in_reply_to, d.refs, d.message_id, d.mailbox, d.uid, d.filed, d.updated_at, o.id, d.held, d.discarded_at IS NOT NULL
            FROM draft d LEFT JOIN outbox o ON o.draft = d.id ",
            $rest
        )
    };
}

sql! {
    /// Nothing where the account has $15 of them, or one of the same form.
    DRAFT_ADD = "
        INSERT INTO draft (account, sender, to_text, cc_text, bcc_text, subject, body, mode, source, source_uid,
            in_reply_to, refs, message_id, created_at, updated_at, form)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $16
        WHERE (SELECT count(*) FROM draft WHERE account = $1 AND discarded_at IS NULL) < $15
        ON CONFLICT (account, form) DO NOTHING RETURNING id";
    DRAFT_GET = draft_columns!("WHERE d.id = $2 AND d.account = $1 AND d.discarded_at IS NULL");
    /// Where a message of the account is now that was moved, by its Message-ID.
    SOURCE_MOVED = "
        SELECT m.mailbox, m.uid FROM thread_ref r
        JOIN message m ON m.thread = r.thread
        JOIN mailbox b ON b.id = m.mailbox AND b.account = r.account AND b.removed_at IS NULL
        JOIN content c ON c.blob = m.blob AND c.message_id = $3
        WHERE r.account = $1 AND r.ref = $2 ORDER BY m.saved_at DESC LIMIT 1";
    /// Those that are sent or thrown away too.
    DRAFT_PAST = draft_columns!("WHERE d.id = $2 AND d.account = $1");
    DRAFT_LOCK = draft_columns!("WHERE d.id = $2 AND d.account = $1 AND d.discarded_at IS NULL FOR UPDATE OF d");
    DRAFT_OF_MESSAGE = draft_columns!(
        "WHERE d.account = $1 AND d.mailbox = $2 AND d.uid = $3 AND d.discarded_at IS NULL ORDER BY d.id DESC LIMIT 1");
    DRAFT_OF_FORM = draft_columns!("WHERE d.account = $1 AND d.form = $2");
    /// Those whose last text no other client can see yet.
    DRAFT_UNFILED = "
        SELECT d.id, d.subject, d.updated_at FROM draft d LEFT JOIN outbox o ON o.draft = d.id
        WHERE d.account = $1 AND d.discarded_at IS NULL AND d.filed < d.revision AND o.id IS NULL
        ORDER BY d.updated_at DESC LIMIT $2";
    DRAFT_SAVE = "
        UPDATE draft SET sender = $4, to_text = $5, cc_text = $6, bcc_text = $7, subject = $8, body = $9,
            revision = revision + 1, updated_at = $10
        WHERE account = $1 AND id = $2 AND revision = $3 AND NOT held AND discarded_at IS NULL RETURNING revision";
    DRAFT_FILED = "UPDATE draft SET mailbox = $2, uid = $3, filed = $4 WHERE id = $1";
    /// Unless it has one.
    DRAFT_ADOPT = "UPDATE draft SET mailbox = $2, uid = $3, filed = $4 WHERE id = $1 AND mailbox IS NULL";
    DRAFT_HELD = "UPDATE draft SET held = $2 WHERE id = $1";
    DRAFT_DISCARD = "UPDATE draft SET discarded_at = $2, mailbox = NULL, uid = NULL, form = NULL WHERE id = $1";
    /// The form that began it is known on: it does not send once more.
    DRAFT_SENT = "UPDATE draft SET held = true, discarded_at = $2, mailbox = NULL, uid = NULL WHERE id = $1";
    /// Back as one that is not filed.
    DRAFT_REVIVE = "
        UPDATE draft SET discarded_at = NULL, filed = 0
        WHERE account = $1 AND id = $2 AND discarded_at IS NOT NULL AND NOT held";
    DRAFT_REMOVE = "DELETE FROM draft WHERE id = $1";
    /// Those thrown away or sent, and those whose text is in a message that somebody has removed.
    DRAFT_SWEEP = "
        DELETE FROM draft WHERE id IN (
            SELECT id FROM draft d WHERE discarded_at < $1
                OR (filed = revision AND NOT held AND updated_at < $1
                    AND NOT EXISTS (SELECT FROM message m WHERE m.mailbox = d.mailbox AND m.uid = d.uid))
            ORDER BY id LIMIT $2)";
}

/// What a writer types.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DraftText {
    /// Address it is to be sent as.
    pub sender: String,
    /// As typed; so are the next two.
    pub to: String,
    pub cc: String,
    pub bcc: String,
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// A draft before it has a number.
#[derive(Debug, Clone)]
pub struct NewDraft<'a> {
    pub account: AccountId,
    pub text: &'a DraftText,
    /// 0 new, 1 reply, 2 reply to all, 3 forward.
    pub mode: i16,
    pub source: Option<(MailboxId, Uid)>,
    pub in_reply_to: Option<&'a str>,
    pub references: &'a [String],
    pub message_id: &'a str,
    /// Key of the form that begins it.
    pub form: Option<&'a str>,
}

/// What became of a draft that nobody writes on any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Sent,
    /// It can be had back.
    Discarded,
}

/// A row of `draft`.
#[derive(Debug, Clone)]
pub struct DraftRow {
    pub id: DraftId,
    pub revision: i64,
    pub text: DraftText,
    pub mode: i16,
    pub source: Option<(MailboxId, Uid)>,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    pub message_id: String,
    /// Its copy for other clients, which may have been removed.
    pub message: Option<(MailboxId, Uid)>,
    /// Revision of that copy; 0: there was none.
    pub filed: i64,
    pub updated_at: DateTime<Utc>,
    /// It is being sent.
    pub outbox: Option<OutboxId>,
    /// `None`: it is being written.
    pub fate: Option<Fate>,
}

fn draft_row(row: &PgRow) -> Result<DraftRow> {
    let place = |mailbox: Option<MailboxId>, uid: Option<i64>| Some((mailbox?, uid? as u32));
    Ok(DraftRow {
        id: row.try_get(0)?,
        revision: row.try_get(1)?,
        text: DraftText {
            sender: row.try_get(2)?,
            to: row.try_get(3)?,
            cc: row.try_get(4)?,
            bcc: row.try_get(5)?,
            subject: row.try_get(6)?,
            body: row.try_get(7)?,
        },
        mode: row.try_get(8)?,
        source: place(row.try_get(9)?, row.try_get(10)?),
        in_reply_to: row.try_get(11)?,
        references: row.try_get(12)?,
        message_id: row.try_get(13)?,
        message: place(row.try_get(14)?, row.try_get(15)?),
        filed: row.try_get(16)?,
        updated_at: row.try_get(17)?,
        outbox: row.try_get(18)?,
        fate: match (row.try_get(20)?, row.try_get(19)?) {
            (false, _) => None,
            (true, true) => Some(Fate::Sent),
            (true, false) => Some(Fate::Discarded),
        },
    })
}

impl Store {
    pub async fn draft_get(&self, account: AccountId, id: DraftId) -> Result<Option<DraftRow>> {
        let row = sqlx::query(DRAFT_GET).bind(account).bind(id).fetch_optional(self.read()).await?;
        row.as_ref().map(draft_row).transpose()
    }

    /// The draft, sent or thrown away or not.
    pub async fn draft_past(&self, account: AccountId, id: DraftId) -> Result<Option<DraftRow>> {
        let row = sqlx::query(DRAFT_PAST).bind(account).bind(id).fetch_optional(self.read()).await?;
        row.as_ref().map(draft_row).transpose()
    }

    /// Where a message is that was moved since it was answered or passed on, by its id without angle brackets.
    pub async fn source_moved(&self, account: AccountId, message_id: &str) -> Result<Option<(MailboxId, Uid)>> {
        let row: Option<(MailboxId, i64)> = sqlx::query_as(SOURCE_MOVED)
            .bind(account)
            .bind(ref_hash(message_id))
            .bind(message_id)
            .fetch_optional(self.background())
            .await?;
        Ok(row.map(|(mailbox, uid)| (mailbox, uid as u32)))
    }

    /// The draft whose copy for other clients this message is.
    pub async fn draft_of_message(&self, account: AccountId, mailbox: MailboxId, uid: Uid) -> Result<Option<DraftRow>> {
        let row = sqlx::query(DRAFT_OF_MESSAGE)
            .bind(account)
            .bind(mailbox)
            .bind(i64::from(uid))
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(draft_row).transpose()
    }

    /// The draft that a form began, also once it is sent.
    pub async fn draft_of_form(&self, account: AccountId, form: &str) -> Result<Option<DraftRow>> {
        let row = sqlx::query(DRAFT_OF_FORM).bind(account).bind(form).fetch_optional(self.read()).await?;
        row.as_ref().map(draft_row).transpose()
    }

    /// Drafts with text that is in no message yet, newest first: id, subject, when they were changed.
    pub async fn draft_unfiled(&self, account: AccountId, most: i64) -> Result<Vec<(DraftId, String, DateTime<Utc>)>> {
        Ok(sqlx::query_as(DRAFT_UNFILED).bind(account).bind(most).fetch_all(self.read()).await?)
    }

    /// Writes the text if nobody has since `revision`, and the draft is not being sent; answers the new revision.
    pub async fn draft_save(
        &self,
        account: AccountId,
        id: DraftId,
        revision: i64,
        text: &DraftText,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>> {
        let row: Option<(i64,)> = sqlx::query_as(DRAFT_SAVE)
            .bind(account)
            .bind(id)
            .bind(revision)
            .bind(&text.sender)
            .bind(&text.to)
            .bind(&text.cc)
            .bind(&text.bcc)
            .bind(&text.subject)
            .bind(&text.body)
            .bind(now)
            .fetch_optional(self.write())
            .await?;
        Ok(row.map(|(revision,)| revision))
    }
}

impl Tx {
    /// Adds a draft; `None`: the account has `most` of them, or one of the same form.
    pub async fn draft_add(&mut self, new: &NewDraft<'_>, most: i64, now: DateTime<Utc>) -> Result<Option<DraftId>> {
        let row: Option<(DraftId,)> = sqlx::query_as(DRAFT_ADD)
            .bind(new.account)
            .bind(&new.text.sender)
            .bind(&new.text.to)
            .bind(&new.text.cc)
            .bind(&new.text.bcc)
            .bind(&new.text.subject)
            .bind(&new.text.body)
            .bind(new.mode)
            .bind(new.source.map(|(mailbox, _)| mailbox))
            .bind(new.source.map(|(_, uid)| i64::from(uid)))
            .bind(new.in_reply_to)
            .bind(new.references)
            .bind(new.message_id)
            .bind(now)
            .bind(most)
            .bind(new.form)
            .fetch_optional(self.conn())
            .await?;
        Ok(row.map(|(id,)| id))
    }

    /// The draft, under lock.
    pub async fn draft_lock(&mut self, account: AccountId, id: DraftId) -> Result<Option<DraftRow>> {
        let row = sqlx::query(DRAFT_LOCK).bind(account).bind(id).fetch_optional(self.conn()).await?;
        row.as_ref().map(draft_row).transpose()
    }

    /// Its text of this revision is in a message now.
    pub async fn draft_filed(&mut self, id: DraftId, message: Option<(MailboxId, Uid)>, revision: i64) -> Result<()> {
        sqlx::query(DRAFT_FILED)
            .bind(id)
            .bind(message.map(|(mailbox, _)| mailbox))
            .bind(message.map(|(_, uid)| i64::from(uid)))
            .bind(revision)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// A message of another program's is the copy of a draft that was made of it; `whole`: it says the same.
    pub async fn draft_adopt(&mut self, id: DraftId, (mailbox, uid): (MailboxId, Uid), whole: bool) -> Result<()> {
        sqlx::query(DRAFT_ADOPT)
            .bind(id)
            .bind(mailbox)
            .bind(i64::from(uid))
            .bind(i64::from(whole))
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Nobody writes it while it is being sent.
    pub async fn draft_hold(&mut self, id: DraftId, held: bool) -> Result<()> {
        sqlx::query(DRAFT_HELD).bind(id).bind(held).execute(self.conn()).await?;
        Ok(())
    }

    /// Throws a draft away, for a day.
    pub async fn draft_discard(&mut self, id: DraftId, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(DRAFT_DISCARD).bind(id).bind(now).execute(self.conn()).await?;
        Ok(())
    }

    /// It is sent; its files go.
    pub async fn draft_sent(&mut self, id: DraftId, now: DateTime<Utc>) -> Result<()> {
        self.upload_of_draft_remove(id).await?;
        sqlx::query(DRAFT_SENT).bind(id).bind(now).execute(self.conn()).await?;
        Ok(())
    }

    /// Has it back; whether it was there.
    pub async fn draft_revive(&mut self, account: AccountId, id: DraftId) -> Result<bool> {
        Ok(sqlx::query(DRAFT_REVIVE).bind(account).bind(id).execute(self.conn()).await?.rows_affected() > 0)
    }

    /// Removes a draft and its files.
    pub async fn draft_remove(&mut self, id: DraftId) -> Result<()> {
        self.upload_of_draft_remove(id).await?;
        sqlx::query(DRAFT_REMOVE).bind(id).execute(self.conn()).await?;
        Ok(())
    }

    /// Forgets up to `limit` drafts that have had their time before `before`; how many. Their files go as any that
    /// belong to no draft.
    pub async fn draft_sweep(&mut self, before: DateTime<Utc>, limit: i64) -> Result<u64> {
        Ok(sqlx::query(DRAFT_SWEEP).bind(before).bind(limit).execute(self.conn()).await?.rows_affected())
    }
}

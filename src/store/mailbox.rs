//! Mailboxes: the tree, counters, and what changed since a modseq.

use super::sql::sql;
use super::{Result, Store, StoreError, Tx};
use crate::model::event::Event;
use crate::model::ids::{AccountId, MailboxId, ModSeq, Uid};
use crate::model::mailbox::SpecialUse;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

sql! {
    MAILBOX_LIST = "
        SELECT m.id, m.parent, m.name, m.selectable, m.special_use, m.uidvalidity, m.uidnext, m.modseq, m.messages, m.bytes,
            m.unseen, m.deleted, m.recent_uid
        FROM mailbox m WHERE account = $1 AND class = 0 AND removed_at IS NULL";
    MAILBOX_GET = "
        SELECT m.id, m.parent, m.name, m.selectable, m.special_use, m.uidvalidity, m.uidnext, m.modseq, m.messages, m.bytes,
            m.unseen, m.deleted, m.recent_uid
        FROM mailbox m WHERE id = $1 AND removed_at IS NULL";
    /// Walks the names of a path in one statement.
    MAILBOX_FIND = "
        WITH RECURSIVE walk(id, depth) AS (
            SELECT id, 1 FROM mailbox WHERE account = $1 AND parent IS NULL AND name = ($2::text[])[1] AND removed_at IS NULL
            UNION ALL
            SELECT m.id, depth + 1 FROM walk JOIN mailbox m ON m.account = $1 AND m.parent = walk.id
                AND m.name = ($2::text[])[depth + 1] AND m.removed_at IS NULL
        )
        SELECT m.id, m.parent, m.name, m.selectable, m.special_use, m.uidvalidity, m.uidnext, m.modseq, m.messages, m.bytes,
            m.unseen, m.deleted, m.recent_uid
        FROM walk JOIN mailbox m USING (id) WHERE depth = cardinality($2::text[])";
    MAILBOX_FIND_SPECIAL = "SELECT id FROM mailbox WHERE account = $1 AND special_use = $2 AND removed_at IS NULL";
    MAILBOX_USAGE = "
        SELECT COALESCE(sum(bytes), 0)::int8, COALESCE(sum(messages), 0)::int8 FROM mailbox
        WHERE account = $1 AND removed_at IS NULL";
    /// Locks the account for a change of its tree and takes a UIDVALIDITY.
    MAILBOX_TREE_LOCK = "UPDATE account SET uidvalidity_last = GREATEST(uidvalidity_last + 1, $2) WHERE id = $1 RETURNING uidvalidity_last";
    MAILBOX_ADD = "
        INSERT INTO mailbox (account, parent, name, special_use, uidvalidity, created_at)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
    MAILBOX_MOVE = "UPDATE mailbox SET parent = $2, name = $3 WHERE id = $1";
    MAILBOX_UNSELECT = "UPDATE mailbox SET selectable = true, uidvalidity = $2 WHERE id = $1 AND NOT selectable";
    MAILBOX_ROW_LOCK = "SELECT id FROM mailbox WHERE id = $1 FOR UPDATE";
    MAILBOX_CHILDREN = "SELECT count(*) FROM mailbox WHERE parent = $1 AND removed_at IS NULL";
    MAILBOX_REMOVE = "UPDATE mailbox SET removed_at = $2, modseq = modseq + 1 WHERE id = $1 AND removed_at IS NULL RETURNING modseq";
    /// A mailbox with children keeps its name but holds nothing; its messages stay restorable.
    MAILBOX_EMPTY = "
        WITH gone AS (
            DELETE FROM message WHERE mailbox = $1 RETURNING *
        ), kept AS (
            INSERT INTO restorable (account, mailbox, uid, blob, email, thread, internal_at, saved_at, size, flags, keywords, prefix, expunged_at)
            SELECT $2, mailbox, uid, blob, email, thread, internal_at, saved_at, size, flags, keywords, prefix, $3 FROM gone
        )
        UPDATE mailbox SET selectable = false, special_use = NULL, messages = 0, bytes = 0, unseen = 0, deleted = 0,
            modseq = modseq + 1, change_floor = modseq + 1
        WHERE id = $1 RETURNING modseq";
    /// HIGHESTMODSEQ and what changed since $2 in one snapshot (I2).
    MAILBOX_CHANGES = "
        SELECT m.uidnext, m.modseq, m.change_floor, c.kind, c.modseq AS at,
            ARRAY(SELECT lower(r) FROM unnest(c.uids) r), ARRAY(SELECT upper(r) - 1 FROM unnest(c.uids) r)
        FROM mailbox m LEFT JOIN mailbox_change c
            ON c.mailbox = m.id AND c.modseq > $2 AND (c.person IS NULL OR c.person = $3)
        WHERE m.id = $1 AND m.removed_at IS NULL ORDER BY c.modseq";
    /// The claim of \\Recent is the one thing that may be lost in a crash (I1): its commit does not wait for the disk.
    MAILBOX_RECENT = "
        WITH old AS MATERIALIZED (
            SELECT id, recent_uid, set_config('synchronous_commit', 'off', true) FROM mailbox WHERE id = $1 FOR UPDATE)
        UPDATE mailbox SET recent_uid = uidnext FROM old
        WHERE mailbox.id = old.id AND mailbox.recent_uid < mailbox.uidnext RETURNING old.recent_uid, mailbox.uidnext";
    SESSION_FRESH = "
        SELECT a.generation, a.status, m.modseq FROM account a
        LEFT JOIN mailbox m ON m.id = $2 AND m.removed_at IS NULL WHERE a.id = $1";
    MAILBOX_MODSEQS = "SELECT id, account, modseq FROM mailbox WHERE id = ANY($1)";
    ACCOUNT_MODSEQS = "
        SELECT account, sum(modseq)::int8 FROM mailbox WHERE account = ANY($1) AND removed_at IS NULL GROUP BY account";
    /// The mailboxes of the oldest changes, locked by id: never more than a portion, as deliveries wait for them.
    CHANGES_OLD = "
        SELECT id FROM mailbox WHERE id IN (SELECT mailbox FROM mailbox_change WHERE at < $1 ORDER BY at LIMIT $2)
        ORDER BY id FOR UPDATE";
    CHANGES_PRUNE = "
        WITH old AS (DELETE FROM mailbox_change WHERE mailbox = ANY($2) AND at < $1 RETURNING mailbox, modseq),
        floors AS (SELECT mailbox, max(modseq) AS floor FROM old GROUP BY mailbox)
        UPDATE mailbox SET change_floor = GREATEST(change_floor, floor) FROM floors WHERE id = floors.mailbox";
    /// What an account's removal, or a change under way at a mailbox's removal, has left behind.
    CHANGES_ORPHANS = "
        DELETE FROM mailbox_change c WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM mailbox WHERE id = c.mailbox)";
}

/// A row of `mailbox` that is not removed.
#[derive(Debug, Clone)]
pub struct MailboxRow {
    pub id: MailboxId,
    pub parent: Option<MailboxId>,
    pub name: String,
    pub selectable: bool,
    pub special_use: Option<SpecialUse>,
    pub uidvalidity: u32,
    pub uidnext: Uid,
    pub modseq: ModSeq,
    pub messages: u64,
    pub bytes: u64,
    pub unseen: u64,
    pub deleted: u64,
    /// First UID that no session has claimed as `\Recent`.
    pub recent_uid: Uid,
}

/// One row of `mailbox_change`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    pub kind: ChangeKind,
    pub modseq: ModSeq,
    pub uids: crate::model::uidset::UidSet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    Flags,
    Expunged,
    Seen,
}

/// HIGHESTMODSEQ and everything since the modseq asked for, of one moment.
#[derive(Debug, Clone)]
pub struct Changes {
    pub uidnext: Uid,
    pub modseq: ModSeq,
    /// Changes at or below it are forgotten: compare in full.
    pub floor: ModSeq,
    pub list: Vec<ChangeRow>,
}

/// What a session's command begins with.
#[derive(Debug, Clone, Copy)]
pub struct FreshRow {
    pub generation: i64,
    pub active: bool,
    /// HIGHESTMODSEQ of the mailbox asked about; `None`: gone or none asked.
    pub modseq: Option<ModSeq>,
}

fn special_number(use_: SpecialUse) -> i16 {
    match use_ {
        SpecialUse::Archive => 1,
        SpecialUse::Drafts => 2,
        SpecialUse::Flagged => 3,
        SpecialUse::Junk => 4,
        SpecialUse::Sent => 5,
        SpecialUse::Trash => 6,
        SpecialUse::Important => 7,
        SpecialUse::All => 8,
    }
}

fn special_from(number: i16) -> Option<SpecialUse> {
    SpecialUse::NAMES.iter().map(|(use_, _)| *use_).find(|use_| special_number(*use_) == number)
}

fn mailbox_row(row: &PgRow) -> Result<MailboxRow> {
    Ok(MailboxRow {
        id: row.try_get(0)?,
        parent: row.try_get(1)?,
        name: row.try_get(2)?,
        selectable: row.try_get(3)?,
        special_use: row.try_get::<Option<i16>, _>(4)?.and_then(special_from),
        uidvalidity: row.try_get::<i64, _>(5)? as u32,
        uidnext: row.try_get::<i64, _>(6)? as u32,
        modseq: row.try_get::<i64, _>(7)? as u64,
        messages: row.try_get::<i64, _>(8)? as u64,
        bytes: row.try_get::<i64, _>(9)? as u64,
        unseen: row.try_get::<i64, _>(10)? as u64,
        deleted: row.try_get::<i64, _>(11)? as u64,
        recent_uid: row.try_get::<i64, _>(12)? as u32,
    })
}

impl Store {
    /// The account's mail mailboxes, in no order.
    pub async fn mailbox_list(&self, account: AccountId) -> Result<Vec<MailboxRow>> {
        sqlx::query(MAILBOX_LIST).bind(account).fetch_all(self.read()).await?.iter().map(mailbox_row).collect()
    }

    /// The mailbox at the end of a path of leaf names.
    pub async fn mailbox_find(&self, account: AccountId, path: &[&str]) -> Result<Option<MailboxRow>> {
        let row = sqlx::query(MAILBOX_FIND).bind(account).bind(path).fetch_optional(self.read()).await?;
        row.as_ref().map(mailbox_row).transpose()
    }

    /// A mailbox by id.
    pub async fn mailbox_get(&self, mailbox: MailboxId) -> Result<Option<MailboxRow>> {
        let row = sqlx::query(MAILBOX_GET).bind(mailbox).fetch_optional(self.read()).await?;
        row.as_ref().map(mailbox_row).transpose()
    }

    /// The account's mailbox of a special use.
    pub async fn mailbox_find_special(&self, account: AccountId, use_: SpecialUse) -> Result<Option<MailboxId>> {
        let row: Option<(MailboxId,)> = sqlx::query_as(MAILBOX_FIND_SPECIAL)
            .bind(account)
            .bind(special_number(use_))
            .fetch_optional(self.read())
            .await?;
        Ok(row.map(|(id,)| id))
    }

    /// Octets and messages over all mailboxes of an account.
    pub async fn mailbox_usage(&self, account: AccountId) -> Result<(u64, u64)> {
        let (bytes, messages): (i64, i64) = sqlx::query_as(MAILBOX_USAGE).bind(account).fetch_one(self.read()).await?;
        Ok((bytes as u64, messages as u64))
    }

    /// What changed after `since`; private changes only for `person`. `None`: the mailbox is gone.
    pub async fn mailbox_changes(
        &self,
        mailbox: MailboxId,
        since: ModSeq,
        person: AccountId,
    ) -> Result<Option<Changes>> {
        let mut conn = self.question().await?;
        let rows =
            sqlx::query(MAILBOX_CHANGES).bind(mailbox).bind(since as i64).bind(person).fetch_all(&mut *conn).await?;
        conn.keep();
        let Some(first) = rows.first() else { return Ok(None) };
        let mut out = Changes {
            uidnext: first.try_get::<i64, _>(0)? as u32,
            modseq: first.try_get::<i64, _>(1)? as u64,
            floor: first.try_get::<i64, _>(2)? as u64,
            list: Vec::new(),
        };
        for row in &rows {
            let Some(kind) = row.try_get::<Option<i16>, _>(3)? else { continue };
            let kind = match kind {
                1 => ChangeKind::Flags,
                2 => ChangeKind::Expunged,
                3 => ChangeKind::Seen,
                other => return Err(StoreError::Inconsistent("mailbox_change", format!("kind {other}"))),
            };
            let uids = super::message::uids_of(&row.try_get::<Vec<i64>, _>(5)?, &row.try_get::<Vec<i64>, _>(6)?);
            out.list.push(ChangeRow { kind, modseq: row.try_get::<i64, _>(4)? as u64, uids });
        }
        Ok(Some(out))
    }

    /// Claims the messages that no session has had as `\Recent`: UIDs from the first to before the second.
    pub async fn mailbox_claim_recent(&self, mailbox: MailboxId) -> Result<Option<(Uid, Uid)>> {
        let mut conn = self.0.batches.take().await?;
        let row: Option<(i64, i64)> = sqlx::query_as(MAILBOX_RECENT).bind(mailbox).fetch_optional(&mut *conn).await?;
        conn.keep();
        Ok(row.map(|(from, to)| (from as u32, to as u32)))
    }

    /// The one cheap statement at the start of every command. `None`: the account is gone.
    pub async fn session_fresh(&self, account: AccountId, mailbox: Option<MailboxId>) -> Result<Option<FreshRow>> {
        let mut conn = self.question().await?;
        let row: Option<(i64, i16, Option<i64>)> =
            sqlx::query_as(SESSION_FRESH).bind(account).bind(mailbox).fetch_optional(&mut *conn).await?;
        conn.keep();
        Ok(row.map(|(generation, status, modseq)| FreshRow {
            generation,
            active: status == 0,
            modseq: modseq.map(|m| m as u64),
        }))
    }

    /// HIGHESTMODSEQ of each mailbox, for the poll that makes up for lost hints.
    pub async fn mailbox_modseqs(&self, mailboxes: &[MailboxId]) -> Result<Vec<(MailboxId, AccountId, ModSeq)>> {
        let rows: Vec<(MailboxId, AccountId, i64)> =
            sqlx::query_as(MAILBOX_MODSEQS).bind(mailboxes).fetch_all(self.background()).await?;
        Ok(rows.into_iter().map(|(id, account, modseq)| (id, account, modseq as u64)).collect())
    }

    /// The sum of all mailboxes' HIGHESTMODSEQ for each account, which any change changes.
    pub async fn account_modseqs(&self, accounts: &[AccountId]) -> Result<Vec<(AccountId, ModSeq)>> {
        let rows: Vec<(AccountId, i64)> =
            sqlx::query_as(ACCOUNT_MODSEQS).bind(accounts).fetch_all(self.background()).await?;
        Ok(rows.into_iter().map(|(account, sum)| (account, sum as u64)).collect())
    }
}

impl Tx {
    /// Locks the account's tree and answers a fresh UIDVALIDITY, never given before (I2).
    pub async fn mailbox_tree_lock(&mut self, account: AccountId, now: DateTime<Utc>) -> Result<u32> {
        let row: Option<(i64,)> =
            sqlx::query_as(MAILBOX_TREE_LOCK).bind(account).bind(now.timestamp()).fetch_optional(self.conn()).await?;
        let (value,) = row.ok_or_else(|| StoreError::Inconsistent("account", format!("{account} is gone")))?;
        u32::try_from(value).map_err(|_| StoreError::Inconsistent("account", "out of UIDVALIDITY".into()))
    }

    /// The account's mailboxes as this transaction sees them.
    pub async fn mailbox_list(&mut self, account: AccountId) -> Result<Vec<MailboxRow>> {
        sqlx::query(MAILBOX_LIST).bind(account).fetch_all(self.conn()).await?.iter().map(mailbox_row).collect()
    }

    /// Adds a mailbox under the tree lock.
    ///
    /// # Errors
    /// [`StoreError::Exists`] for a sibling of the same name or a second mailbox of the special use.
    pub async fn mailbox_add(
        &mut self,
        account: AccountId,
        parent: Option<MailboxId>,
        name: &str,
        special_use: Option<SpecialUse>,
        uidvalidity: u32,
        now: DateTime<Utc>,
    ) -> Result<MailboxId> {
        let (id,): (MailboxId,) = sqlx::query_as(MAILBOX_ADD)
            .bind(account)
            .bind(parent)
            .bind(name)
            .bind(special_use.map(special_number))
            .bind(i64::from(uidvalidity))
            .bind(now)
            .fetch_one(self.conn())
            .await?;
        self.tell(Event::TreeChanged { account });
        Ok(id)
    }

    /// Gives a mailbox another parent and name.
    pub async fn mailbox_move(
        &mut self,
        account: AccountId,
        id: MailboxId,
        parent: Option<MailboxId>,
        name: &str,
    ) -> Result<()> {
        sqlx::query(MAILBOX_MOVE).bind(id).bind(parent).bind(name).execute(self.conn()).await?;
        self.tell(Event::TreeChanged { account });
        Ok(())
    }

    /// Makes a mailbox that only held children selectable again, with a new UIDVALIDITY.
    pub async fn mailbox_select_again(&mut self, account: AccountId, id: MailboxId, uidvalidity: u32) -> Result<()> {
        sqlx::query(MAILBOX_UNSELECT).bind(id).bind(i64::from(uidvalidity)).execute(self.conn()).await?;
        self.tell(Event::TreeChanged { account });
        Ok(())
    }

    /// Removes a mailbox: a tombstone if it has no children, else an empty name that can't be selected.
    pub async fn mailbox_remove(&mut self, account: AccountId, id: MailboxId, now: DateTime<Utc>) -> Result<()> {
        // The lock in a statement of its own: a delivery that was under way is then seen and taken along.
        sqlx::query(MAILBOX_ROW_LOCK).bind(id).execute(self.conn()).await?;
        let (children,): (i64,) = sqlx::query_as(MAILBOX_CHILDREN).bind(id).fetch_one(self.conn()).await?;
        let row: Option<(i64,)> = if children == 0 {
            sqlx::query_as(MAILBOX_REMOVE).bind(id).bind(now).fetch_optional(self.conn()).await?
        } else {
            sqlx::query_as(MAILBOX_EMPTY).bind(id).bind(account).bind(now).fetch_optional(self.conn()).await?
        };
        self.tell(Event::TreeChanged { account });
        // Whoever has it selected looks again and finds it gone.
        if let Some((modseq,)) = row {
            self.tell(Event::MailboxChanged { account, mailbox: id, modseq: modseq as u64 });
        }
        Ok(())
    }

    /// Forgets changes older than `before` of the mailboxes of the `limit` oldest ones, and raises their floors; whether
    /// there were any.
    pub async fn changes_prune(&mut self, before: DateTime<Utc>, limit: i64) -> Result<bool> {
        let ids: Vec<(MailboxId,)> =
            sqlx::query_as(CHANGES_OLD).bind(before).bind(limit).fetch_all(self.conn()).await?;
        let ids: Vec<MailboxId> = ids.into_iter().map(|(id,)| id).collect();
        if ids.is_empty() {
            sqlx::query(CHANGES_ORPHANS).bind(before).execute(self.conn()).await?;
        } else {
            sqlx::query(CHANGES_PRUNE).bind(before).bind(&ids).execute(self.conn()).await?;
        }
        Ok(!ids.is_empty())
    }
}

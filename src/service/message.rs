//! Messages in a mailbox: reading, flags, copying, moving, expunging, appending.

use super::content::new_blob;
use super::login::Identity;
use super::mailbox::Mailboxes;
use super::snapshot::View;
use super::spool::{SpoolRoom, Spooled};
use super::{Base, Refusal, Result};
use crate::model::flags::{FlagChange, Flags, Keyword, SystemFlags};
use crate::model::ids::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Uid};
use crate::model::mailbox::MailboxPath;
use crate::model::uidset::UidSet;
use crate::store::StoreError;
use crate::store::append::{Job, NewMessage};
use crate::store::blob::CHUNK;
use crate::store::mailbox::MailboxRow;
use crate::store::message::{Columns, Expunge, Locked, MessageRow};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::ops::Range;
use std::sync::Arc;

/// Rows read at a time.
const BATCH: i64 = 500;

/// What of a message is wanted beside its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Want {
    pub envelope: bool,
    pub body: bool,
    pub bodystructure: bool,
    /// The part map, for sections.
    pub parts: bool,
    /// The UTF-8 form of the envelope where there is one.
    pub utf8: bool,
    /// Whether it has an attachment.
    pub attachment: bool,
}

/// A message as FETCH reads it.
#[derive(Debug, Clone)]
pub struct Row {
    pub uid: Uid,
    pub email: EmailId,
    pub thread: ThreadId,
    pub internal_date: DateTime<Utc>,
    pub saved_at: DateTime<Utc>,
    /// Octets of prefix and blob.
    pub size: u64,
    pub prefix: Bytes,
    pub envelope: Option<Bytes>,
    pub body: Option<Bytes>,
    pub bodystructure: Option<Bytes>,
    /// As [`crate::mime::section::decode`] reads it.
    pub parts: Option<Bytes>,
    /// If asked for.
    pub attachment: bool,
    blob: BlobId,
}

impl Row {
    pub(super) fn blob(&self) -> BlobId {
        self.blob
    }
}

impl From<MessageRow> for Row {
    fn from(row: MessageRow) -> Self {
        Self {
            uid: row.uid,
            email: row.email,
            thread: row.thread,
            internal_date: row.internal_at,
            saved_at: row.saved_at,
            size: row.size,
            prefix: row.prefix.into(),
            envelope: row.envelope.map(Bytes::from),
            body: row.body.map(Bytes::from),
            bodystructure: row.bodystructure.map(Bytes::from),
            parts: row.parts.map(Bytes::from),
            attachment: row.attachment,
            blob: row.blob,
        }
    }
}

/// What STORE did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Left alone because they changed after UNCHANGEDSINCE.
    pub modified: UidSet,
}

/// What COPY and MOVE did, for COPYUID: `from[n]` became `to[n]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    pub uidvalidity: u32,
    pub from: UidSet,
    pub to: UidSet,
}

/// One message of an APPEND.
#[derive(Debug)]
pub struct Append {
    pub message: Spooled,
    pub flags: Flags,
    /// `None`: now.
    pub internal_date: Option<DateTime<Utc>>,
}

/// What APPEND did, for APPENDUID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub uidvalidity: u32,
    pub uids: Vec<Uid>,
}

/// Works on messages. Cheap to clone.
#[derive(Clone)]
pub struct Messages {
    base: Base,
    mailboxes: Mailboxes,
    room: SpoolRoom,
}

/// Rows in ascending UID order, a batch at a time.
pub struct Fetching {
    base: Base,
    mailbox: MailboxId,
    left: UidSet,
    columns: Columns,
}

impl Fetching {
    /// The next rows; messages expunged meanwhile are missing. `None`: that was all.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>> {
        // Again where all that was asked for is gone.
        while !self.left.is_empty() {
            // No more ranges than there may be rows: each costs a look into the index, in every batch.
            let head = UidSet::from_ranges(self.left.ranges().take(BATCH as usize));
            let rows = self.base.store.message_rows(self.mailbox, &head, self.columns, BATCH).await?;
            let all = head.ranges().last().map_or(Uid::MAX, |range| *range.end());
            let done = rows.last().map_or(all, |last| last.uid);
            let above = self.left.ranges().filter(|r| *r.end() > done).map(|r| (*r.start()).max(done + 1)..=*r.end());
            self.left = UidSet::from_ranges(above.collect::<Vec<_>>());
            if !rows.is_empty() {
                return Ok(Some(rows.into_iter().map(Row::from).collect()));
            }
        }
        Ok(None)
    }
}

/// Octets of a message, at most a chunk at a time.
pub struct Reading {
    base: Base,
    blob: BlobId,
    prefix: Bytes,
    left: Range<u64>,
}

impl Reading {
    /// The next octets; `None`: that was all.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let prefix = self.prefix.len() as u64;
        let piece = if self.left.start < prefix {
            self.prefix.slice(self.left.start as usize..self.left.end.min(prefix) as usize)
        } else {
            let at = self.left.start - prefix;
            let number = at / CHUNK as u64;
            let chunk = self.base.store.blob_chunk(self.blob, number as u32).await?;
            let from = (at - number * CHUNK as u64) as usize;
            let to = chunk.len().min((self.left.end - prefix - number * CHUNK as u64) as usize);
            if from >= to {
                return Err(Refusal::Internal(anyhow::anyhow!("blob {} is shorter than its size", self.blob)));
            }
            chunk.slice(from..to)
        };
        self.left.start += piece.len() as u64;
        Ok(Some(piece))
    }
}

impl Messages {
    pub(crate) fn new(base: Base, mailboxes: Mailboxes, room: SpoolRoom) -> Self {
        Self { base, mailboxes, room }
    }

    /// Reads rows of a view's mailbox.
    pub fn fetch(&self, view: &View, uids: &UidSet, want: Want) -> Fetching {
        let columns = Columns {
            envelope: want.envelope,
            body: want.body,
            bodystructure: want.bodystructure,
            parts: want.parts,
            utf8: want.utf8,
            attachment: want.attachment,
        };
        Fetching { base: self.base.clone(), mailbox: view.mailbox(), left: uids.clone(), columns }
    }

    /// Reads octets of prefix ‖ blob; a range past the end is cut.
    pub fn read(&self, row: &Row, range: Range<u64>) -> Reading {
        let left = range.start.min(row.size)..range.end.min(row.size);
        Reading { base: self.base.clone(), blob: row.blob, prefix: row.prefix.clone(), left }
    }

    /// The same at once, for what is known to be small: headers and parts of text.
    pub async fn read_all(&self, row: &Row, range: Range<u64>) -> Result<Bytes> {
        let mut reading = self.read(row, range);
        let Some(first) = reading.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = reading.next().await? else { return Ok(first) };
        let mut out = [first, second].concat();
        while let Some(more) = reading.next().await? {
            out.extend_from_slice(&more);
        }
        Ok(out.into())
    }

    /// Changes flags; a refresh then tells them.
    ///
    /// # Errors
    /// [`Refusal::ReadOnly`]; [`Refusal::Limit`] for more keywords than an account may have.
    pub async fn store(
        &self,
        _who: &Identity,
        view: &View,
        uids: &UidSet,
        change: FlagChange,
        flags: &Flags,
        unchanged_since: Option<ModSeq>,
    ) -> Result<Stored> {
        if view.read_only() {
            return Err(Refusal::ReadOnly);
        }
        let keywords = self.keyword_ids(view.owner(), &flags.keywords).await?;
        let mut tx = self.base.store.begin().await?;
        let locked = one(tx.mailbox_lock(&[view.mailbox()]).await?)?;
        let now = self.base.clock.now();
        let (_, modified) =
            tx.flags_store(&locked, uids, change, (flags.system, &keywords), unchanged_since, now).await?;
        tx.commit().await?;
        Ok(Stored { modified })
    }

    /// Sets `\Seen` on what a client read without PEEK; nothing where it only looks.
    pub async fn mark_seen(&self, who: &Identity, view: &View, uids: &UidSet) -> Result<()> {
        if view.read_only() || uids.is_empty() {
            return Ok(());
        }
        self.store(who, view, uids, FlagChange::Add, &Flags::system(SystemFlags::SEEN), None).await.map(|_| ())
    }

    /// Copies messages to another mailbox (or the same).
    ///
    /// # Errors
    /// [`Refusal::NotFound`]: no such target; [`Refusal::OverQuota`]; [`Refusal::Full`].
    pub async fn copy(&self, who: &Identity, view: &View, uids: &UidSet, to: &MailboxPath) -> Result<Copied> {
        if self.room.is_full() {
            return Err(Refusal::Full);
        }
        let target = self.mailboxes.find(who, to).await?;
        let (octets, _) = self.base.store.message_usage(view.mailbox(), uids).await?;
        self.check_room(who, octets).await?;
        copied(&target, self.transfer(view.mailbox(), uids, target.id, false).await?)
    }

    /// Moves messages to another mailbox, in one transaction.
    ///
    /// # Errors
    /// As [`Messages::copy`], and [`Refusal::ReadOnly`].
    pub async fn move_to(&self, who: &Identity, view: &View, uids: &UidSet, to: &MailboxPath) -> Result<Copied> {
        if view.read_only() {
            return Err(Refusal::ReadOnly);
        }
        let target = self.mailboxes.find(who, to).await?;
        copied(&target, self.transfer(view.mailbox(), uids, target.id, true).await?)
    }

    /// Copies or moves; answers old and new UIDs in order.
    pub(super) async fn transfer(
        &self,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        and_remove: bool,
    ) -> Result<Vec<(Uid, Uid)>> {
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let locked = tx.mailbox_lock(&[from, to]).await?;
        let find = |id| locked.iter().find(|row| row.id == id).copied().ok_or(Refusal::NotFound);
        let (source, to) = (find(from)?, find(to)?);
        let pairs = tx.message_copy(&source, uids, &to, now).await?;
        if and_remove {
            let from: UidSet = pairs.iter().map(|(old, _)| *old).collect();
            // Within one mailbox the copy has taken a modseq already.
            let source = if source.id == to.id { Locked { modseq: source.modseq + 1, ..source } } else { source };
            tx.message_expunge(&source, &from, Expunge::Moved, now).await?;
        }
        // A copy that was made and called failed would be made again.
        tx.commit_for_certain(&self.base.store).await?;
        Ok(pairs)
    }

    /// Removes messages with `\Deleted`: all, or those named (UID EXPUNGE). Answers which went.
    ///
    /// # Errors
    /// [`Refusal::ReadOnly`].
    pub async fn expunge(&self, _who: &Identity, view: &View, only: Option<&UidSet>) -> Result<UidSet> {
        if view.read_only() {
            return Err(Refusal::ReadOnly);
        }
        let all = UidSet::from_ranges([1..=u32::MAX]);
        let mut tx = self.base.store.begin().await?;
        let locked = one(tx.mailbox_lock(&[view.mailbox()]).await?)?;
        let gone = tx.message_expunge(&locked, only.unwrap_or(&all), Expunge::Deleted, self.base.clock.now()).await?;
        tx.commit().await?;
        Ok(gone)
    }

    /// Whether a message of `size` octets may be appended, asked before its literal is read.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OverQuota`].
    pub async fn append_target(&self, who: &Identity, to: &MailboxPath, size: u64) -> Result<()> {
        self.mailboxes.find(who, to).await?;
        self.check_room(who, size).await
    }

    /// Appends messages, all or none.
    ///
    /// # Errors
    /// As [`Messages::append_target`].
    pub async fn append(&self, who: &Identity, to: &MailboxPath, items: Vec<Append>) -> Result<Appended> {
        let target = self.mailboxes.find(who, to).await?;
        self.check_room(who, items.iter().map(|item| item.message.len()).sum()).await?;
        let now = self.base.clock.now();
        let mut job = Job { blobs: Vec::new(), messages: Vec::new(), now };
        for item in items {
            let keywords = self.keyword_ids(who.account(), &item.flags.keywords).await?;
            job.messages.push(NewMessage {
                account: who.account(),
                mailbox: target.id,
                blob: job.blobs.len(),
                flags: item.flags.system,
                keywords,
                internal_at: item.internal_date.unwrap_or(now),
                prefix: Vec::new(),
            });
            job.blobs.push(new_blob(Arc::new(item.message)).await?);
        }
        let placed = self.base.store.messages_add(job).await?;
        let uidvalidity = placed.first().map_or(target.uidvalidity, |p| p.uidvalidity);
        Ok(Appended { uidvalidity, uids: placed.iter().map(|p| p.uid).collect() })
    }

    /// # Errors
    /// [`Refusal::OverQuota`] if so many octets more would not fit.
    pub(super) async fn check_room(&self, who: &Identity, octets: u64) -> Result<()> {
        let row = self.base.store.account_get(who.account()).await?.ok_or(Refusal::Stale)?;
        let quota = row.quota_bytes.unwrap_or_else(|| self.base.settings.number("quota.bytes"));
        if quota == 0 {
            return Ok(());
        }
        let (used, _) = self.base.store.mailbox_usage(who.account()).await?;
        if used + octets > quota { Err(Refusal::OverQuota) } else { Ok(()) }
    }

    /// Ids of keywords, ascending; those the owner has not used yet are added.
    pub(super) async fn keyword_ids(&self, owner: AccountId, keywords: &[Keyword]) -> Result<Vec<i16>> {
        let mut out = Vec::with_capacity(keywords.len());
        for keyword in keywords {
            out.push(self.keyword_id(owner, keyword).await?);
        }
        out.sort_unstable();
        out.dedup();
        Ok(out)
    }

    async fn keyword_id(&self, owner: AccountId, keyword: &Keyword) -> Result<i16> {
        let known =
            |list: &super::snapshot::Dictionary| list.iter().find(|(_, known)| *known == keyword).map(|(id, _)| *id);
        // Another session may add it, or another keyword under the number we would take.
        for _ in 0..10 {
            if let Some(id) = known(&*self.mailboxes.shelf.reload_dictionary(owner).await?) {
                return Ok(id);
            }
            match self.base.store.keyword_add(owner, keyword.as_str()).await {
                Ok(Some(id)) => return Ok(id),
                Ok(None) => return Err(Refusal::Limit("too many keywords")),
                Err(StoreError::Exists(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refusal::Unavailable)
    }
}

fn copied(target: &MailboxRow, pairs: Vec<(Uid, Uid)>) -> Result<Copied> {
    let (from, to) = (pairs.iter().map(|(old, _)| *old).collect(), pairs.iter().map(|(_, new)| *new).collect());
    Ok(Copied { uidvalidity: target.uidvalidity, from, to })
}

pub(super) fn one(locked: Vec<Locked>) -> Result<Locked> {
    locked.into_iter().next().ok_or(Refusal::NotFound)
}

//! Messages being written in the browser: saved as they are typed, filed in Drafts for other clients when they are put
//! aside.

mod foreign;
mod letter;

pub use foreign::Foreign;
pub(super) use letter::{Loaded, built};

use crate::mime::compose::Copy;
use crate::model::flags::SystemFlags;
use crate::model::ids::{DraftId, MailboxId, OutboxId, Uid};
use crate::model::mailbox::SpecialUse;
use crate::model::uidset::UidSet;
use crate::service::content::new_blob_of;
use crate::service::login::Identity;
use crate::service::mailbox::Mailboxes;
use crate::service::message::Messages;
use crate::service::reader::Reader;
use crate::service::spool::SpoolRoom;
use crate::service::submission::Submission;
use crate::service::upload::{Upload, Uploads};
use crate::service::{Base, Refusal, Result};
use crate::store::append::{Job, NewMessage};
use crate::store::draft::{DraftRow, NewDraft};
use crate::store::message::Expunge;
use chrono::{DateTime, Utc};
use std::sync::Arc;

pub use crate::store::draft::{DraftText, Fate};

/// Drafts of a member.
const MOST: i64 = 500;
/// Of those that were left unfinished so many are told of.
const UNFILED: i64 = 20;
/// Octets of the text, of a list of addresses, of the subject.
const BODY: usize = 1 << 20;
const LIST: usize = 64 << 10;
const SUBJECT: usize = 2000;
/// Message ids in References, and characters of each.
const REFERENCES: usize = 100;
const ID: usize = 500;

/// What a message is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    New,
    Reply,
    ReplyAll,
    Forward,
}

impl Mode {
    pub(super) fn of(number: i16) -> Self {
        [Self::New, Self::Reply, Self::ReplyAll, Self::Forward].into_iter().nth(number as usize).unwrap_or_default()
    }
}

/// A message to be begun.
#[derive(Debug, Clone, Default)]
pub struct Beginning {
    pub text: DraftText,
    pub mode: Mode,
    /// The message it answers or forwards; it is marked when this one is sent.
    pub source: Option<(MailboxId, Uid)>,
    /// Without angle brackets; so are the next.
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    /// Key of the form that begins it: whoever brings it again gets the same draft.
    pub form: Option<String>,
}

/// A message being written.
#[derive(Debug, Clone)]
pub struct Draft {
    pub id: DraftId,
    /// Every save names the one it goes on from.
    pub revision: i64,
    pub text: DraftText,
    pub mode: Mode,
    pub source: Option<(MailboxId, Uid)>,
    pub updated_at: DateTime<Utc>,
    /// It is being sent, and can't be changed meanwhile.
    pub sending: Option<OutboxId>,
    /// `None`: it is being written.
    pub fate: Option<Fate>,
    pub files: Vec<Upload>,
}

/// What a save came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The next save goes on from this revision.
    Kept { revision: i64 },
    /// The draft was changed elsewhere since. Both are kept: this text is a draft of its own now.
    Conflict { theirs: DraftId, yours: DraftId, revision: i64 },
}

/// One that was left unfinished, as a list tells of it.
#[derive(Debug, Clone)]
pub struct Unfiled {
    pub id: DraftId,
    pub subject: String,
    pub updated_at: DateTime<Utc>,
}

/// Keeps drafts. Cheap to clone.
#[derive(Clone)]
pub struct Drafts {
    base: Base,
    mailboxes: Mailboxes,
    messages: Messages,
    reader: Reader,
    uploads: Uploads,
    submission: Submission,
    room: SpoolRoom,
}

/// What drafts are kept with.
pub(crate) struct Parts {
    pub mailboxes: Mailboxes,
    pub messages: Messages,
    pub reader: Reader,
    pub uploads: Uploads,
    pub submission: Submission,
    pub room: SpoolRoom,
}

impl Drafts {
    pub(crate) fn new(base: Base, parts: Parts) -> Self {
        let Parts { mailboxes, messages, reader, uploads, submission, room } = parts;
        Self { base, mailboxes, messages, reader, uploads, submission, room }
    }

    /// Begins a message, or answers the one that the same form began, as it is now: it may be sent.
    ///
    /// # Errors
    /// [`Refusal::Limit`] for too many drafts or too long a text; [`Refusal::NotFound`] for a source that is not the
    /// member's.
    pub async fn create(&self, who: &Identity, beginning: &Beginning) -> Result<Draft> {
        check(&beginning.text)?;
        if let Some((mailbox, _)) = beginning.source {
            self.mailboxes.tree(who).await?.selectable(mailbox)?;
        }
        if let Some(begun) = self.of_form(who, beginning).await? {
            return Ok(begun);
        }
        match self.add(who, beginning, None).await {
            Ok(id) => self.get(who, id).await,
            // Sent twice at once, the other came first.
            Err(refusal) => self.of_form(who, beginning).await?.ok_or(refusal),
        }
    }

    async fn of_form(&self, who: &Identity, beginning: &Beginning) -> Result<Option<Draft>> {
        let Some(form) = &beginning.form else { return Ok(None) };
        match self.base.store.draft_of_form(who.account(), form).await? {
            Some(row) => Ok(Some(self.whole(who, row).await?)),
            None => Ok(None),
        }
    }

    /// Adds a row; `copied`: with the same files as another draft.
    async fn add(&self, who: &Identity, beginning: &Beginning, copied: Option<DraftId>) -> Result<DraftId> {
        let message_id = self.submission.message_id(who)?;
        let tame =
            |id: &String| id.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).take(ID).collect::<String>();
        // The nearest ones, and the first, which names the conversation (RFC 5322 §3.6.4 has no limit).
        let all = &beginning.references;
        let near = all.len().saturating_sub(REFERENCES - 1).max(1);
        let references: Vec<String> = all.iter().take(1).chain(all.get(near..).unwrap_or_default()).map(tame).collect();
        let in_reply_to = beginning.in_reply_to.as_ref().map(tame);
        let new = NewDraft {
            account: who.account(),
            text: &beginning.text,
            mode: beginning.mode as i16,
            source: beginning.source,
            in_reply_to: in_reply_to.as_deref(),
            references: &references,
            message_id: &message_id,
            form: beginning.form.as_deref(),
        };
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let id = tx.draft_add(&new, MOST, now).await?;
        let id = id.ok_or(Refusal::Limit("too many drafts: send or discard some first"))?;
        if let Some(from) = copied {
            tx.upload_copy(who.account(), from, id, now).await?;
        }
        tx.commit().await?;
        Ok(id)
    }

    /// A draft with its files.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], also once it is sent or discarded.
    pub async fn get(&self, who: &Identity, id: DraftId) -> Result<Draft> {
        let row = self.base.store.draft_get(who.account(), id).await?.ok_or(Refusal::NotFound)?;
        self.whole(who, row).await
    }

    /// A draft that was sent or thrown away within a day, without its files; `None`: nothing is known of it.
    pub async fn past(&self, who: &Identity, id: DraftId) -> Result<Option<Draft>> {
        match self.base.store.draft_past(who.account(), id).await? {
            Some(row) if row.fate.is_some() => Ok(Some(self.whole(who, row).await?)),
            _ => Ok(None),
        }
    }

    /// Drafts whose last text is in no message yet: a browser was closed over them. The newest few, without their texts.
    pub async fn unfiled(&self, who: &Identity) -> Result<Vec<Unfiled>> {
        let rows = self.base.store.draft_unfiled(who.account(), UNFILED).await?;
        Ok(rows.into_iter().map(|(id, subject, updated_at)| Unfiled { id, subject, updated_at }).collect())
    }

    async fn whole(&self, who: &Identity, row: DraftRow) -> Result<Draft> {
        Ok(Draft {
            id: row.id,
            revision: row.revision,
            mode: Mode::of(row.mode),
            source: row.source,
            updated_at: row.updated_at,
            sending: row.outbox,
            fate: row.fate,
            files: self.uploads.list(who, Some(row.id)).await?,
            text: row.text,
        })
    }

    /// Saves the text of a draft that was read at `revision`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::InUse`] while it is being sent; [`Refusal::Limit`].
    pub async fn save(&self, who: &Identity, id: DraftId, revision: i64, text: &DraftText) -> Result<Saved> {
        check(text)?;
        let now = self.base.clock.now();
        if let Some(revision) = self.base.store.draft_save(who.account(), id, revision, text, now).await? {
            return Ok(Saved::Kept { revision });
        }
        let row = self.base.store.draft_get(who.account(), id).await?.ok_or(Refusal::NotFound)?;
        if row.outbox.is_some() {
            return Err(Refusal::InUse("the message is being sent"));
        }
        // A save that was sent once more because its answer was lost is no conflict.
        if row.text == *text {
            return Ok(Saved::Kept { revision: row.revision });
        }
        let beginning = Beginning {
            text: text.clone(),
            mode: Mode::of(row.mode),
            source: row.source,
            in_reply_to: row.in_reply_to,
            references: row.references,
            form: Some(format!("{id}.{revision}")),
        };
        // So is the one that made a draft of its own already.
        let yours = match self.of_form(who, &beginning).await? {
            Some(own) if own.text == *text && own.fate.is_none() => {
                return Ok(Saved::Conflict { theirs: id, yours: own.id, revision: own.revision });
            }
            Some(_) => self.add(who, &Beginning { form: None, ..beginning }, Some(id)).await?,
            None => self.add(who, &beginning, Some(id)).await?,
        };
        Ok(Saved::Conflict { theirs: id, yours, revision: 1 })
    }

    /// Puts a draft aside: its text becomes a message in Drafts, in place of the one before. An empty one goes; `None`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::InUse`] while it is being sent; [`Refusal::OverQuota`]: the text is kept.
    pub async fn close(&self, who: &Identity, id: DraftId) -> Result<Option<(MailboxId, Uid)>> {
        // Another window may save while the message is being built.
        for _ in 0..5 {
            let row = self.base.store.draft_get(who.account(), id).await?.ok_or(Refusal::NotFound)?;
            if row.outbox.is_some() {
                return Err(Refusal::InUse("the message is being sent"));
            }
            if let Some((mailbox, uid)) = row.message
                && row.filed == row.revision
                && self.base.store.message_flags(mailbox, uid).await?.is_some()
            {
                return Ok(row.message);
            }
            let files = self.load(who, &row).await?;
            if row.filed == 0 && files.enclosures.is_empty() && is_empty(&row.text) {
                if self.drop_empty(who, &row).await? {
                    return Ok(None);
                }
                continue;
            }
            if let Some(place) = self.file(who, &row, files).await? {
                return Ok(Some(place));
            }
        }
        Err(Refusal::Unavailable)
    }

    /// Removes a draft in which nothing stands; `false`: there is something now.
    async fn drop_empty(&self, who: &Identity, row: &DraftRow) -> Result<bool> {
        let mut tx = self.base.store.begin().await?;
        let locked = tx.draft_lock(who.account(), row.id).await?.ok_or(Refusal::NotFound)?;
        if locked.revision != row.revision || !Loaded::are_all(&mut tx, who, row.id, &[]).await? {
            return Ok(false);
        }
        tx.draft_remove(row.id).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Files the message of a draft; `None`: the draft was changed meanwhile.
    async fn file(&self, who: &Identity, row: &DraftRow, files: Loaded) -> Result<Option<(MailboxId, Uid)>> {
        let now = self.base.clock.now();
        let ids = files.ids();
        let bytes = Arc::new(built(&self.base.work, who, row, files.enclosures, Copy::Draft, now).await?);
        self.messages.check_room(who, bytes.len() as u64).await?;
        let drafts = self.mailboxes.special(who, SpecialUse::Drafts).await?;
        let message = NewMessage {
            account: who.account(),
            mailbox: drafts,
            blob: 0,
            flags: SystemFlags::DRAFT | SystemFlags::SEEN,
            keywords: Vec::new(),
            internal_at: now,
            prefix: Vec::new(),
        };
        let job = Job { blobs: vec![new_blob_of(bytes).await?], messages: vec![message], now };
        let mut tx = self.base.store.begin().await?;
        let locked = tx.draft_lock(who.account(), row.id).await?.ok_or(Refusal::NotFound)?;
        let is_same = locked.revision == row.revision && locked.outbox.is_none();
        if !is_same || !Loaded::are_all(&mut tx, who, row.id, &ids).await? {
            return Ok(None);
        }
        let old = locked.message.map(|(mailbox, _)| mailbox);
        tx.mailbox_lock(&old.into_iter().chain([drafts]).collect::<Vec<_>>()).await?;
        let placed = tx.messages_add(&self.base.store, &job).await?;
        let uid = placed.first().ok_or(Refusal::NotFound)?.uid;
        remove_message(&mut tx, locked.message, Expunge::Moved, now).await?;
        tx.draft_filed(row.id, Some((drafts, uid)), row.revision).await?;
        tx.commit_for_certain(&self.base.store).await?;
        Ok(Some((drafts, uid)))
    }

    /// Throws a draft away, with its message in Drafts; for a day it can be had back.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::InUse`] while it is being sent.
    pub async fn discard(&self, who: &Identity, id: DraftId) -> Result<()> {
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let row = tx.draft_lock(who.account(), id).await?.ok_or(Refusal::NotFound)?;
        if row.outbox.is_some() {
            return Err(Refusal::InUse("the message is being sent"));
        }
        remove_message(&mut tx, row.message, Expunge::Named, now).await?;
        tx.draft_discard(id, now).await?;
        Ok(tx.commit().await?)
    }

    /// Has a draft back that was thrown away, also in Drafts where there is room.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if it is not there any more, or was sent.
    pub async fn undo_discard(&self, who: &Identity, id: DraftId) -> Result<()> {
        let mut tx = self.base.store.begin().await?;
        if !tx.draft_revive(who.account(), id).await? {
            return Err(Refusal::NotFound);
        }
        tx.commit().await?;
        // What could not be filed is offered at the next visit.
        let row = self.base.store.draft_get(who.account(), id).await?;
        if row.is_some_and(|row| !is_empty(&row.text)) {
            let _ = self.close(who, id).await;
        }
        Ok(())
    }
}

/// Removes the copy that other clients see, if it is still there. Its mailbox is locked anew: what this transaction
/// added has taken a modseq.
pub(super) async fn remove_message(
    tx: &mut crate::store::Tx,
    message: Option<(MailboxId, Uid)>,
    how: Expunge,
    now: DateTime<Utc>,
) -> Result<()> {
    let Some((mailbox, uid)) = message else { return Ok(()) };
    if let Some(locked) = tx.mailbox_lock(&[mailbox]).await?.first() {
        tx.message_expunge(locked, &UidSet::from_ranges([uid..=uid]), how, now).await?;
    }
    Ok(())
}

fn is_empty(text: &DraftText) -> bool {
    [&text.to, &text.cc, &text.bcc, &text.subject, &text.body].iter().all(|part| part.trim().is_empty())
}

fn check(text: &DraftText) -> Result<()> {
    let lists = [&text.sender, &text.to, &text.cc, &text.bcc];
    if text.body.len() > BODY {
        return Err(Refusal::Limit("the text is longer than 1 MiB: attach it as a file"));
    }
    if lists.iter().any(|list| list.len() > LIST) {
        return Err(Refusal::Limit("too many recipients"));
    }
    if text.subject.len() > SUBJECT {
        return Err(Refusal::Limit("the subject is too long"));
    }
    let all = [&lists[..], &[&text.subject, &text.body]].concat();
    if all.iter().any(|part| part.contains('\0')) {
        return Err(Refusal::Invalid("a message can't hold the character NUL"));
    }
    Ok(())
}

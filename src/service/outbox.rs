//! Sending from the browser: everything is checked first, then the message is held back for a moment in which it can be
//! undone, then it goes to all its ends in one transaction (I11). What waits is in the database: it survives restarts, and
//! any process may take it.

use super::content::new_blob_of;
use super::directory::{Directory, Resolved};
use super::dispatch::{Dispatch, Envelope, Ready};
use super::draft::{Drafts, Loaded, Mode, built, remove_message};
use super::dsn::{Action, Report, Reported, post};
use super::login::Identity;
use super::mailbox::Mailboxes;
use super::message::Messages;
use super::reader::FORWARDED;
use super::spool::SpoolRoom;
use super::submission::Submission;
use super::{Base, Refusal, Result};
use crate::mime::compose::Copy;
use crate::mime::people::each_typed;
use crate::mime::submission::signed_in_field;
use crate::model::address::{Address, Domain};
use crate::model::dsn::{BodyKind, DsnRequest, Notify, Ret};
use crate::model::event::Event;
use crate::model::flags::{FlagChange, Keyword, SystemFlags};
use crate::model::ids::{DraftId, MailboxId, OutboxId, Uid, UploadId};
use crate::model::mailbox::SpecialUse;
use crate::model::uidset::UidSet;
use crate::store::Tx;
use crate::store::append::NewMessage;
use crate::store::blob::NewBlob;
use crate::store::draft::DraftRow;
use crate::store::message::Expunge;
use crate::store::outbox::{HeldRow, NewHeld};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

/// Recipients of a message.
const RECIPIENTS: usize = 500;
/// How long others leave alone what a worker has taken; what it could not send is tried again then.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// Messages taken at a time.
const BATCH: i64 = 20;
/// Longest wait without a look: covers hints that were lost.
const POLL: Duration = Duration::from_secs(10);

/// A browser asks for no reports beside those of failures.
static NOTHING_ASKED: DsnRequest = DsnRequest { notify: Notify::empty(), orcpt: None };

/// A message that will go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub id: OutboxId,
    /// Until then it can be undone.
    pub until: DateTime<Utc>,
}

/// What sending came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sending {
    Held(Held),
    /// Nothing is sent while some recipient can't be reached; the draft is as it was.
    Refused(Vec<RefusedRecipient>),
    /// The draft was changed since this revision: its writer should look at it again.
    Changed,
}

/// A recipient that can't be reached, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRecipient {
    pub typed: String,
    pub fault: RecipientFault,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientFault {
    /// It is no address.
    Unreadable,
    /// There is no such address here.
    Unknown,
    /// It is switched off.
    Disabled,
    /// Its mailbox is full.
    Full,
}

impl RecipientFault {
    fn of(resolved: &Resolved) -> Option<Self> {
        match resolved {
            Resolved::NotOurs | Resolved::Deliver(_) => None,
            Resolved::Unknown => Some(Self::Unknown),
            Resolved::Disabled => Some(Self::Disabled),
            Resolved::OverQuota => Some(Self::Full),
        }
    }

    /// Status (RFC 3463) and words of a report.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreadable => ("5.1.3", "it is no address"),
            Self::Unknown => ("5.1.1", "there is no such address here"),
            Self::Disabled => ("5.2.1", "the address is switched off"),
            Self::Full => ("5.2.2", "the mailbox is full"),
        }
    }
}

/// A message that has passed all checks.
struct Ripe {
    sender: Address,
    recipients: Vec<Address>,
    blob: Arc<NewBlob>,
    /// What it was made of.
    files: Vec<UploadId>,
}

/// Sends what members write. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    base: Base,
    directory: Directory,
    mailboxes: Mailboxes,
    messages: Messages,
    submission: Submission,
    drafts: Drafts,
    room: SpoolRoom,
}

/// What it sends with.
pub(crate) struct Parts {
    pub directory: Directory,
    pub mailboxes: Mailboxes,
    pub messages: Messages,
    pub submission: Submission,
    pub drafts: Drafts,
    pub room: SpoolRoom,
}

impl Outbox {
    pub(crate) fn new(base: Base, parts: Parts) -> Self {
        let Parts { directory, mailboxes, messages, submission, drafts, room } = parts;
        Self { base, directory, mailboxes, messages, submission, drafts, room }
    }

    /// Sends a draft as it was at `revision`: it goes after the setting `send.undo`. Doing so twice is one act.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], also for a draft that is sent already; [`Refusal::Denied`] for a sender that is not the
    /// member's; [`Refusal::Invalid`] without recipients; [`Refusal::TooLarge`]; [`Refusal::OverQuota`] where the copy in
    /// Sent has no room; [`Refusal::Limit`].
    pub async fn send(&self, who: &Identity, draft: DraftId, revision: i64) -> Result<Sending> {
        let row = self.base.store.draft_get(who.account(), draft).await?.ok_or(Refusal::NotFound)?;
        if row.outbox.is_none() && row.revision != revision {
            return Ok(Sending::Changed);
        }
        if row.outbox.is_some() {
            return self.hold(who, draft, revision, None).await;
        }
        let sender = Address::parse(&row.text.sender).map_err(|_| Refusal::Invalid("choose an address to send as"))?;
        self.submission.may_send_as(who, &sender).await?;
        let recipients = match self.recipients(&row).await? {
            Ok(recipients) => recipients,
            Err(refused) => return Ok(Sending::Refused(refused)),
        };
        if recipients.is_empty() {
            return Err(Refusal::Invalid("add a recipient"));
        }
        if recipients.len() > RECIPIENTS {
            return Err(Refusal::Limit("a message can have 500 recipients"));
        }
        let files = self.drafts.load(who, &row).await?;
        let ids = files.ids();
        let bytes = built(&self.base.work, who, &row, files.enclosures, Copy::Sent, self.base.clock.now()).await?;
        let limit = self.room.message_limit();
        if bytes.len() as u64 > limit {
            return Err(Refusal::TooLarge(limit));
        }
        self.messages.check_room(who, bytes.len() as u64).await?;
        let blob = new_blob_of(Arc::new(bytes)).await?;
        self.hold(who, draft, revision, Some(Ripe { sender, recipients, blob, files: ids })).await
    }

    /// Every recipient once, or those that can't be reached.
    async fn recipients(&self, row: &DraftRow) -> Result<std::result::Result<Vec<Address>, Vec<RefusedRecipient>>> {
        let (mut out, mut refused, mut known) = (Vec::new(), Vec::new(), HashSet::new());
        for typed in [&row.text.to, &row.text.cc, &row.text.bcc] {
            for entry in each_typed(typed) {
                let address = match entry {
                    Ok((_, address)) => address,
                    Err(bad) => {
                        refused.push(RefusedRecipient { typed: bad.text, fault: RecipientFault::Unreadable });
                        continue;
                    }
                };
                if out.len() > RECIPIENTS || !known.insert(address.to_string()) {
                    continue;
                }
                match RecipientFault::of(&self.directory.resolve(&address).await?) {
                    None => out.push(address),
                    Some(fault) => refused.push(RefusedRecipient { typed: address.to_string(), fault }),
                }
            }
        }
        Ok(if refused.is_empty() { Ok(out) } else { Err(refused) })
    }

    /// Writes what is to be sent, unless it is being sent already.
    async fn hold(&self, who: &Identity, draft: DraftId, revision: i64, message: Option<Ripe>) -> Result<Sending> {
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let row = tx.draft_lock(who.account(), draft).await?.ok_or(Refusal::NotFound)?;
        if let Some((id, held, until)) = tx.outbox_of_draft(draft).await? {
            return Ok(if held == revision { Sending::Held(Held { id, until }) } else { Sending::Changed });
        }
        // Taken back between the look and the lock, or saved meanwhile, or with another file.
        let (Some(Ripe { sender, recipients, blob, files }), true) = (message, row.revision == revision) else {
            return Ok(Sending::Changed);
        };
        if !Loaded::are_all(&mut tx, who, draft, &files).await? {
            return Ok(Sending::Changed);
        }
        let until = now + self.base.settings.duration("send.undo");
        let recipients: Vec<String> = recipients.iter().map(Address::to_string).collect();
        let new = NewHeld {
            account: who.account(),
            draft,
            revision,
            blob: tx.blob_add(&blob, now).await?,
            size: blob.size,
            sender: &sender.to_string(),
            recipients: &recipients,
            due_at: until,
        };
        let id = tx.outbox_add(&new, now).await?;
        tx.draft_hold(draft, true).await?;
        tx.commit_for_certain(&self.base.store).await?;
        Ok(Sending::Held(Held { id, until }))
    }

    /// Takes a message back that has not gone; answers its draft.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if it is sent.
    pub async fn undo(&self, who: &Identity, id: OutboxId) -> Result<DraftId> {
        let mut tx = self.base.store.begin().await?;
        let draft = tx.outbox_take_back(who.account(), id).await?.ok_or(Refusal::NotFound)?;
        tx.draft_hold(draft, false).await?;
        tx.commit_for_certain(&self.base.store).await?;
        Ok(draft)
    }
}

/// The worker's part.
impl Outbox {
    /// Sends what is due until `stop`; what is under way then is ended first.
    pub async fn run(&self, mut events: Receiver<Event>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let idle = match self.round().await {
                Ok(taken) => taken == 0,
                Err(error) => {
                    tracing::warn!(%error, "the outbox can't be read");
                    true
                }
            };
            if idle {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.wait(&mut events) => {}
                }
            }
        }
    }

    async fn wait(&self, events: &mut Receiver<Event>) {
        let least = Duration::from_millis(50);
        let due = match self.base.store.outbox_next().await {
            Ok(Some(at)) => (at - self.base.clock.now()).to_std().unwrap_or(least).clamp(least, POLL),
            _ => POLL,
        };
        let sleep = tokio::time::sleep(due);
        tokio::pin!(sleep);
        loop {
            tokio::select! {
                () = &mut sleep => return,
                event = events.recv() => match event {
                    Ok(Event::QueueDue | Event::Lagged) | Err(RecvError::Lagged(_)) => return,
                    Ok(_) => {}
                    Err(RecvError::Closed) => return sleep.await,
                },
            }
        }
    }

    /// Sends what is due now; how many messages were taken, sent or not.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]. What goes wrong with one message is logged, and tried again a minute later.
    pub async fn round(&self) -> Result<usize> {
        let due = self.base.store.outbox_claim(self.base.clock.now(), LEASE, BATCH).await?;
        for held in &due {
            match self.send_held(held).await {
                Ok(true) => tracing::info!(outbox.id = held.id.0, account.id = held.account.0, "sent from the browser"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, outbox.id = held.id.0, "held mail is tried again in a minute"),
            }
        }
        Ok(due.len())
    }

    /// Sends one message; `false`: it was taken back, or another process has sent it.
    async fn send_held(&self, held: &HeldRow) -> Result<bool> {
        let internal = |e: crate::model::address::BadAddress| Refusal::Internal(e.into());
        let address = Address::new(&held.local, Domain::parse(&held.domain).map_err(internal)?).map_err(internal)?;
        let who = Identity::new(held.account, address, held.name.clone(), held.generation);
        let sender = Address::parse(&held.sender).map_err(internal)?;
        let recipients =
            held.recipients.iter().map(|to| Address::parse(to).map_err(internal)).collect::<Result<Vec<_>>>()?;
        let _budget = self.room.reserve(held.size * 2)?;
        let bytes = Arc::new(self.base.store.blob_bytes(held.blob).await?.to_vec());
        let forwarded = Keyword::parse(FORWARDED).into_iter().collect::<Vec<_>>();
        let forwarded = self.messages.keyword_ids(who.account(), &forwarded).await?;
        let ready = self.prepare(&who, held, &sender, &recipients, bytes).await?;
        let source = self.source(held).await?;
        let mut tx = self.base.store.begin().await?;
        if !tx.outbox_take(held.id).await? {
            return Ok(false);
        }
        // Locked before the mailboxes, as by whoever files it.
        let draft = tx.draft_lock(who.account(), held.draft).await?;
        let filed = draft.as_ref().and_then(|draft| draft.message);
        let others = [source, filed].into_iter().flatten().map(|(mailbox, _)| mailbox);
        let boxes: Vec<MailboxId> = ready.mailboxes().chain(others).collect();
        tx.mailbox_lock(&boxes).await?;
        ready.write(&mut tx, &self.base.store).await?;
        if let Some(draft) = draft {
            let now = self.base.clock.now();
            mark_source(&mut tx, source, Mode::of(draft.mode), &forwarded, now).await?;
            remove_message(&mut tx, draft.message, Expunge::Moved, now).await?;
            tx.draft_sent(draft.id, now).await?;
        }
        tx.commit_for_certain(&self.base.store).await?;
        Ok(true)
    }

    /// Where the message is that is answered or passed on: many are put away while the answer waits.
    async fn source(&self, held: &HeldRow) -> Result<Option<(MailboxId, Uid)>> {
        let store = &self.base.store;
        let Some(draft) = store.draft_get(held.account, held.draft).await? else { return Ok(None) };
        let Some((mailbox, uid)) = draft.source else { return Ok(None) };
        if store.message_flags(mailbox, uid).await?.is_some() {
            return Ok(draft.source);
        }
        match draft.in_reply_to.or(draft.references.last().cloned()) {
            Some(id) => Ok(store.source_moved(held.account, &id).await?),
            None => Ok(None),
        }
    }

    /// All ends of a message, with the copy in Sent, and a report on those that can't be reached any more.
    async fn prepare<'a>(
        &self,
        who: &Identity,
        held: &HeldRow,
        sender: &'a Address,
        recipients: &'a [Address],
        bytes: Arc<Vec<u8>>,
    ) -> Result<Ready<'a>> {
        let now = self.base.clock.now();
        let hostname = self.submission.hostname();
        let signed_in = signed_in_field(hostname, who.address());
        let body = if bytes.is_ascii() { BodyKind::SevenBit } else { BodyKind::EightBit };
        let envelope = Envelope {
            sender: Some(sender),
            account: Some(who.account()),
            signed_in: signed_in.clone(),
            received: received_field(hostname, held.created_at),
            envid: None,
            ret: None,
            body,
            smtputf8: sender.needs_utf8() || recipients.iter().any(Address::needs_utf8),
        };
        let mut dispatch = Dispatch::new(envelope, now);
        let mut lost = Vec::new();
        for to in recipients {
            let resolved = self.directory.resolve(to).await?;
            match &resolved {
                Resolved::NotOurs => dispatch.add_elsewhere(to, &NOTHING_ASKED),
                Resolved::Deliver(ends) => dispatch.add(to, ends, &NOTHING_ASKED),
                _ => lost.extend(RecipientFault::of(&resolved).map(|fault| reported(to, fault))),
            }
        }
        if let Some(mailbox) = self.sent(who).await? {
            dispatch.keep(copy_for_sender(who, mailbox, signed_in, now));
        }
        let blob = new_blob_of(bytes.clone()).await?;
        let mut ready = dispatch.ready(&self.base, &self.directory, hostname, blob, &bytes).await?;
        if !lost.is_empty() {
            let report = Report {
                action: Action::Failed,
                to: sender,
                hostname,
                envid: None,
                ret: Some(Ret::Headers),
                body,
                arrived: held.created_at,
                now,
                until: now,
                recipients: &lost,
                original: &bytes,
            };
            ready.add_report(post(&self.base, &self.directory, sender, report.compose()?).await?);
        }
        Ok(ready)
    }

    /// Where the copy goes. A name that is in use otherwise must not keep the message.
    async fn sent(&self, who: &Identity) -> Result<Option<MailboxId>> {
        match self.mailboxes.special(who, SpecialUse::Sent).await {
            Ok(id) => Ok(Some(id)),
            Err(Refusal::Invalid(_) | Refusal::Limit(_) | Refusal::NotFound | Refusal::Exists) => {
                tracing::warn!(account.id = who.account().0, "there is no place for sent mail: no copy is kept");
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}

fn copy_for_sender(who: &Identity, mailbox: MailboxId, signed_in: String, now: DateTime<Utc>) -> NewMessage {
    NewMessage {
        account: who.account(),
        mailbox,
        blob: 0,
        flags: SystemFlags::SEEN,
        keywords: Vec::new(),
        internal_at: now,
        prefix: signed_in.into_bytes(),
    }
}

/// The trace field, without a word of where the member sits: RFC 5321 §4.4 asks for names only.
fn received_field(hostname: &str, at: DateTime<Utc>) -> String {
    format!("Received: from web by {hostname} (Mailstead) with HTTPS;\r\n\t{}\r\n", at.to_rfc2822())
}

fn reported(to: &Address, fault: RecipientFault) -> Reported {
    let (status, words) = fault.words();
    Reported { address: to.to_string(), orcpt: None, status: status.into(), words: words.into(), remote: None }
}

/// The message that was answered or passed on says so from now on.
async fn mark_source(
    tx: &mut Tx,
    source: Option<(MailboxId, Uid)>,
    mode: Mode,
    forwarded: &[i16],
    now: DateTime<Utc>,
) -> Result<()> {
    let Some((mailbox, uid)) = source else { return Ok(()) };
    let flags = match mode {
        Mode::New => return Ok(()),
        Mode::Reply | Mode::ReplyAll => (SystemFlags::ANSWERED, &[][..]),
        Mode::Forward => (SystemFlags::empty(), forwarded),
    };
    if let Some(locked) = tx.mailbox_lock(&[mailbox]).await?.first() {
        tx.flags_store(locked, &UidSet::from_ranges([uid..=uid]), FlagChange::Add, flags, None, now).await?;
    }
    Ok(())
}

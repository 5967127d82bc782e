//! Mail on its way out: as admins see it, and as the relay works on it.

use super::account::Actor;
use super::backoff::retry_after;
use super::directory::Directory;
use super::dsn::{Action, Post, Report, Reported, one_line, post};
use super::spool::{Reserved, SpoolRoom};
use super::{Base, Refusal, Result};
use crate::model::address::Address;
use crate::model::dsn::{BodyKind, Notify, Ret};
use crate::model::ids::{BlobId, QueueId, QueueRecipientId};
use crate::store::append::Job;
use crate::store::queue::{DueRow, FateRow, NewQueued, NewRecipient, QueueRow};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// How long a worker has what it took; it renews that while it works.
pub const LEASE: TimeDelta = TimeDelta::minutes(10);

/// Looks at and steers waiting mail. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    base: Base,
    directory: Directory,
    room: SpoolRoom,
    hostname: String,
}

/// One message with the recipients that are due and get the same octets.
#[derive(Debug, Clone)]
pub struct Letter {
    pub id: QueueId,
    /// `None`: the null sender.
    pub sender: Option<Address>,
    pub envid: Option<String>,
    pub ret: Option<Ret>,
    pub body: BodyKind,
    pub smtputf8: bool,
    pub recipients: Vec<Due>,
    blob: BlobId,
    prefix: Vec<u8>,
    size: u64,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// A recipient that is due.
#[derive(Debug, Clone)]
pub struct Due {
    pub id: QueueRecipientId,
    pub address: Address,
    pub notify: Notify,
    pub orcpt: Option<String>,
    attempts: u32,
    delay_told: bool,
}

/// A letter's octets; dropping it gives the byte budget back.
pub struct Octets {
    pub bytes: Bytes,
    _budget: Reserved,
}

/// What a try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The next server has it; `reports`: it will tell the sender what comes of it (DSN).
    Sent {
        words: Words,
        reports: bool,
    },
    Temporary(Words),
    Permanent(Words),
}

/// Who said what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// SMTP reply code; 0: our own finding.
    pub code: u16,
    /// `4.4.1`; `None`: the class with nothing more.
    pub status: Option<String>,
    pub text: String,
    /// The server that said it; `None`: we.
    pub remote: Option<String>,
}

impl Words {
    /// Our own finding.
    pub fn ours(status: &str, text: &str) -> Self {
        Self { code: 0, status: Some(status.to_owned()), text: one_line(text), remote: None }
    }

    /// What a server said, whatever octets it used.
    pub fn theirs(code: u16, status: Option<&str>, text: &str, server: &str) -> Self {
        Self { code, status: status.map(str::to_owned), text: one_line(text), remote: Some(server.to_owned()) }
    }

    /// The same with the status in another class: what was temporary every time has failed for good, and a server that
    /// refuses us is not what is wrong with a message (RFC 3464 §2.3.4).
    fn in_class(self, class: char) -> Self {
        let unknown = if class == '5' { "4.7" } else { "0.0" };
        let detail = self.status.as_deref().and_then(|s| s.split_once('.')).map_or(unknown, |(_, detail)| detail);
        Self { status: Some(format!("{class}.{detail}")), ..self }
    }

    fn line(&self) -> String {
        if self.code == 0 { self.text.clone() } else { format!("{} {}", self.code, self.text) }
    }
}

/// What is written about a recipient, and what its sender is told.
struct Fate {
    status: i16,
    due_at: DateTime<Utc>,
    words: Words,
    told: Option<Action>,
}

impl Queue {
    pub(crate) fn new(base: Base, directory: Directory, room: SpoolRoom, hostname: String) -> Self {
        Self { base, directory, room, hostname }
    }

    /// Recipients of one message, or of all.
    pub async fn list(&self, id: Option<QueueId>) -> Result<Vec<QueueRow>> {
        Ok(self.base.store.queue_list(id, self.base.clock.now()).await?)
    }

    /// Makes one message or all due now; how many recipients.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an id that is not there.
    pub async fn retry(&self, actor: &Actor, id: Option<QueueId>) -> Result<u64> {
        actor.must_own()?;
        let now = self.base.clock.now();
        if id.is_some() && self.list(id).await?.is_empty() {
            return Err(Refusal::NotFound);
        }
        let mut tx = self.base.store.begin().await?;
        let count = tx.queue_retry(id, now).await?;
        self.audit_and_commit(tx, actor, "queue.retry", id, (None, Some(json!({ "recipients": count })))).await?;
        Ok(count)
    }

    /// Holds a message until it is released.
    pub async fn hold(&self, actor: &Actor, id: QueueId) -> Result<()> {
        self.set_held(actor, id, true, "queue.hold").await
    }

    /// Lets a held message go on.
    pub async fn release(&self, actor: &Actor, id: QueueId) -> Result<()> {
        self.set_held(actor, id, false, "queue.release").await
    }

    async fn set_held(&self, actor: &Actor, id: QueueId, held: bool, action: &'static str) -> Result<()> {
        actor.must_own()?;
        let mut tx = self.base.store.begin().await?;
        let was = tx.queue_hold(id, held).await?.ok_or(Refusal::NotFound)?;
        // What is so already is no act.
        if was == held {
            return Ok(());
        }
        let change = (Some(json!({ "held": was })), Some(json!({ "held": held })));
        self.audit_and_commit(tx, actor, action, Some(id), change).await
    }

    /// Drops a message; its sender is not told.
    pub async fn drop_message(&self, actor: &Actor, id: QueueId) -> Result<()> {
        actor.must_own()?;
        let mut tx = self.base.store.begin().await?;
        let count = tx.queue_drop(id).await?.ok_or(Refusal::NotFound)?;
        self.audit_and_commit(tx, actor, "queue.drop", Some(id), (Some(json!({ "recipients": count })), None)).await
    }

    async fn audit_and_commit(
        &self,
        mut tx: crate::store::Tx,
        actor: &Actor,
        action: &'static str,
        id: Option<QueueId>,
        (before, after): (Option<Value>, Option<Value>),
    ) -> Result<()> {
        let name = id.map_or_else(|| "all".to_owned(), |id| id.to_string());
        let row = actor.row(action, None, &name, before, after);
        tx.audit_add(&row, self.base.clock.now()).await?;
        Ok(tx.commit().await?)
    }
}

/// The relay's part.
impl Queue {
    /// Takes up to `limit` due recipients for [`LEASE`], as letters.
    pub async fn claim(&self, limit: i64) -> Result<Vec<Letter>> {
        let rows = self.base.store.queue_claim(self.base.clock.now(), LEASE, limit).await?;
        let mut out: Vec<Letter> = Vec::new();
        for row in rows {
            let id = row.queue;
            // A row that can't be read stays for an admin to see, and keeps nobody else's mail.
            if let Err(error) = add(&mut out, row) {
                tracing::error!(%error, queue.id = id.0, "a queued recipient can't be read");
            }
        }
        Ok(out)
    }

    /// Keeps a letter's lease while it is on its way.
    pub async fn renew(&self, letter: &Letter) -> Result<()> {
        let mine: Vec<_> = letter.recipients.iter().map(|due| (due.id, due.attempts)).collect();
        Ok(self.base.store.queue_renew(&mine, self.base.clock.now() + LEASE).await?)
    }

    /// Gives back letters that were not tried.
    pub async fn give_back(&self, letters: &[Letter]) -> Result<()> {
        let mine: Vec<_> =
            letters.iter().flat_map(|letter| letter.recipients.iter().map(|due| (due.id, due.attempts))).collect();
        Ok(self.base.store.queue_give_back(&mine).await?)
    }

    /// When the next recipient is due.
    pub async fn next_due(&self) -> Result<Option<TimeDelta>> {
        Ok(self.base.store.queue_next().await?.map(|at| at - self.base.clock.now()))
    }

    /// What waited for a route is due now that there is one.
    pub async fn route_found(&self) -> Result<()> {
        Ok(self.base.store.queue_unrouted_due(self.base.clock.now()).await?)
    }

    /// The octets that go out.
    ///
    /// # Errors
    /// [`Refusal::Busy`] without byte budget.
    pub async fn load(&self, letter: &Letter) -> Result<Octets> {
        let budget = self.room.reserve(letter.size + letter.prefix.len() as u64)?;
        let blob = self.base.store.blob_bytes(letter.blob).await?;
        Ok(Octets { bytes: [&letter.prefix[..], &blob].concat().into(), _budget: budget })
    }

    /// Writes what came of a letter, and tells the sender, in one transaction. `outcomes` has one for each recipient.
    pub async fn finish(&self, letter: &Letter, outcomes: Vec<Outcome>) -> Result<()> {
        let now = self.base.clock.now();
        let fates: Vec<(&Due, Fate)> = letter
            .recipients
            .iter()
            .zip(outcomes)
            .map(|(due, outcome)| (due, self.fate(letter, due, outcome, now)))
            .collect();
        // Mailboxes are locked before the queue: all local copies first.
        let mut job = Job { blobs: Vec::new(), messages: Vec::new(), now };
        let posts = self.reports(letter, &fates, now).await?;
        let remote: Vec<_> = posts.into_iter().filter_map(|post| post.join(&mut job)).collect();
        let mut tx = self.base.store.begin().await?;
        if !job.messages.is_empty() {
            tx.messages_add(&self.base.store, &job).await?;
        }
        for (blob, to) in remote {
            let id = tx.blob_add(&blob, now).await?;
            let expires_at = now + self.base.settings.duration("queue.expiry");
            tx.queue_add(&of_report(id, blob.size, &to, expires_at), now).await?;
        }
        let mut ours = 0;
        for (due, fate) in &fates {
            let line = fate.words.line();
            let row = FateRow {
                status: fate.status,
                due_at: fate.due_at,
                code: (fate.words.code > 0).then_some(fate.words.code as i16),
                answer: &line,
                delay_told: fate.told == Some(Action::Delayed),
                attempts: due.attempts,
            };
            ours += u32::from(tx.queue_fate(due.id, &row).await?);
        }
        if ours == 0 {
            tracing::info!(queue.id = letter.id.0, "a letter was dropped or taken over while it was on its way");
            return Ok(());
        }
        tx.queue_clean(letter.id).await?;
        Ok(tx.commit().await?)
    }

    fn fate(&self, letter: &Letter, due: &Due, outcome: Outcome, now: DateTime<Utc>) -> Fate {
        let tell = |action: Action| (letter.sender.is_some() && action.wanted(due.notify)).then_some(action);
        match outcome {
            Outcome::Sent { words, reports } => {
                Fate { status: 1, due_at: now, words, told: tell(Action::Relayed).filter(|_| !reports) }
            }
            Outcome::Permanent(words) => Fate { status: 2, due_at: now, words, told: tell(Action::Failed) },
            Outcome::Temporary(words) if now >= letter.expires_at => {
                Fate { status: 2, due_at: now, words: words.in_class('5'), told: tell(Action::Failed) }
            }
            Outcome::Temporary(words) => {
                let late = now - letter.created_at >= self.base.settings.duration("queue.delay_notice");
                let told = tell(Action::Delayed).filter(|_| late && !due.delay_told);
                let due_at = (now + retry_after(due.attempts)).min(letter.expires_at);
                Fate { status: 0, due_at, words: words.in_class('4'), told }
            }
        }
    }

    async fn reports(&self, letter: &Letter, fates: &[(&Due, Fate)], now: DateTime<Utc>) -> Result<Vec<Post>> {
        let Some(sender) = &letter.sender else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        let mut original = None;
        for action in [Action::Failed, Action::Delayed, Action::Relayed] {
            let told = fates.iter().filter(|(_, fate)| fate.told == Some(action));
            let recipients: Vec<Reported> = told.map(|(due, fate)| reported(due, fate)).collect();
            if recipients.is_empty() {
                continue;
            }
            if original.is_none() {
                original = Some(self.base.store.blob_bytes(letter.blob).await?);
            }
            let report = Report {
                action,
                to: sender,
                hostname: &self.hostname,
                envid: letter.envid.as_deref(),
                ret: letter.ret,
                body: letter.body,
                arrived: letter.created_at,
                now,
                until: letter.expires_at,
                recipients: &recipients,
                original: original.as_deref().unwrap_or_default(),
            };
            out.push(post(&self.base, &self.directory, sender, report.compose()?).await?);
        }
        Ok(out)
    }
}

/// Puts a claimed recipient into the letter of those who get the same octets.
fn add(letters: &mut Vec<Letter>, row: DueRow) -> Result<()> {
    let prefix = row.prefix.clone().unwrap_or_default();
    let due = due(&row)?;
    match letters.iter_mut().find(|letter| letter.id == row.queue && letter.prefix == prefix) {
        Some(letter) => letter.recipients.push(due),
        None => letters.push(letter(row, prefix, due)?),
    }
    Ok(())
}

fn due(row: &DueRow) -> Result<Due> {
    Ok(Due {
        id: row.recipient,
        address: Address::parse(&row.address).map_err(|e| Refusal::Internal(e.into()))?,
        notify: Notify::from_bits_truncate(row.notify as u8),
        orcpt: row.orcpt.clone(),
        attempts: row.attempts,
        delay_told: row.delay_told,
    })
}

fn letter(row: DueRow, prefix: Vec<u8>, due: Due) -> Result<Letter> {
    let sender = match row.sender.as_str() {
        "" => None,
        sender => Some(Address::parse(sender).map_err(|e| Refusal::Internal(e.into()))?),
    };
    Ok(Letter {
        id: row.queue,
        sender,
        envid: row.envid,
        ret: row.ret.map(Ret::from_number),
        body: BodyKind::from_number(row.body),
        smtputf8: row.smtputf8,
        recipients: vec![due],
        blob: row.blob,
        prefix,
        size: row.size,
        created_at: row.created_at,
        expires_at: row.expires_at,
    })
}

fn reported(due: &Due, fate: &Fate) -> Reported {
    let class = match fate.told {
        Some(Action::Failed) => "5.0.0",
        Some(Action::Delayed) => "4.0.0",
        _ => "2.0.0",
    };
    Reported {
        address: due.address.to_string(),
        orcpt: due.orcpt.clone(),
        status: fate.words.status.clone().unwrap_or_else(|| class.to_owned()),
        words: fate.words.line(),
        remote: fate.words.remote.clone(),
    }
}

/// A report in the queue: from nobody, so that it is never answered by another.
pub(super) fn of_report(blob: BlobId, size: u64, to: &[Address], expires_at: DateTime<Utc>) -> NewQueued<'static> {
    let recipient = |address: &Address| NewRecipient {
        orcpt: None,
        notify: Notify::NEVER.bits() as i16,
        prefix: None,
        address: address.to_string(),
        domain: address.domain().to_string(),
    };
    NewQueued {
        blob,
        account: None,
        sender: "",
        envid: None,
        ret: None,
        body: BodyKind::EightBit.number(),
        smtputf8: to.iter().any(Address::needs_utf8),
        size,
        hold_until: None,
        expires_at,
        recipients: to.iter().map(recipient).collect(),
    }
}

//! A message on its way to all its ends: mailboxes here, the queue for elsewhere, and the report of success to its
//! sender, in one transaction (I11). Port 25, LMTP and submission differ in who may send, not in this.

use super::directory::{Directory, Recipient};
use super::dsn::{Delivered, Post, delivered};
use super::queue::of_report;
use super::{Base, Result};
use crate::model::address::Address;
use crate::model::dsn::{BodyKind, DsnRequest, Ret};
use crate::model::flags::SystemFlags;
use crate::model::ids::{AccountId, MailboxId};
use crate::store::append::{Job, NewMessage};
use crate::store::blob::NewBlob;
use crate::store::queue::{NewQueued, NewRecipient};
use crate::store::{Store, Tx};
use chrono::{DateTime, Utc};
use std::collections::HashSet;
use std::sync::Arc;

/// What is the same for all ends.
pub(super) struct Envelope<'a> {
    /// `None`: the null sender.
    pub sender: Option<&'a Address>,
    /// The member who sends.
    pub account: Option<AccountId>,
    /// The field that says so in copies that stay here, CRLF at its end; empty for strangers.
    pub signed_in: String,
    /// The whole Received field, folded, CRLF at its end.
    pub received: String,
    pub envid: Option<&'a str>,
    pub ret: Option<Ret>,
    pub body: BodyKind,
    pub smtputf8: bool,
}

/// Gathers the ends; nothing is written before [`Dispatch::commit`].
pub(super) struct Dispatch<'a> {
    envelope: Envelope<'a>,
    now: DateTime<Utc>,
    messages: Vec<NewMessage>,
    remotes: Vec<NewRecipient>,
    /// Local recipients as they were asked for, and what the sender wants to hear of them.
    reached: Vec<(&'a Address, &'a DsnRequest)>,
    /// One copy for each end, however many of the recipients lead there.
    filed: HashSet<MailboxId>,
    sent: HashSet<Address>,
}

impl<'a> Dispatch<'a> {
    pub fn new(envelope: Envelope<'a>, now: DateTime<Utc>) -> Self {
        let (messages, remotes, reached) = (Vec::new(), Vec::new(), Vec::new());
        Self { envelope, now, messages, remotes, reached, filed: HashSet::new(), sent: HashSet::new() }
    }

    /// An address of ours: its mailboxes, and where an alias leads on to.
    pub fn add(&mut self, to: &'a Address, ends: &Recipient, asked: &'a DsnRequest) {
        if !ends.locals.is_empty() {
            self.reached.push((to, asked));
        }
        let prefix = trace(&self.envelope, to);
        for local in ends.locals.iter().filter(|local| self.filed.insert(local.inbox)) {
            self.messages.push(NewMessage {
                account: local.account,
                mailbox: local.inbox,
                blob: 0,
                flags: SystemFlags::empty(),
                keywords: Vec::new(),
                internal_at: self.now,
                prefix: prefix.clone(),
            });
        }
        for remote in &ends.remotes {
            let prefix = format!("Delivered-To: {to}\r\n{}", self.envelope.received);
            self.queue(remote, to, asked, prefix);
        }
    }

    /// An address elsewhere.
    pub fn add_elsewhere(&mut self, to: &Address, asked: &DsnRequest) {
        self.queue(to, to, asked, self.envelope.received.clone());
    }

    fn queue(&mut self, to: &Address, asked_as: &Address, asked: &DsnRequest, prefix: String) {
        if self.sent.insert(to.clone()) {
            self.remotes.push(NewRecipient {
                address: to.to_string(),
                domain: to.domain().to_string(),
                orcpt: Some(asked.orcpt_for(asked_as)),
                notify: asked.notify.bits() as i16,
                prefix: Some(prefix.into_bytes()),
            });
        }
    }

    /// A copy for the sender's own mailboxes.
    pub fn keep(&mut self, copy: NewMessage) {
        self.messages.push(copy);
    }

    /// Commits all of it; `original` are the octets of `blob`. What goes to mailboxes alone joins the commits of others.
    pub async fn commit(
        self,
        base: &Base,
        directory: &Directory,
        hostname: &str,
        blob: Arc<NewBlob>,
        original: &[u8],
    ) -> Result<()> {
        let ready = self.ready(base, directory, hostname, blob, original).await?;
        if ready.remotes.is_empty() && ready.reports.is_empty() {
            if !ready.job.messages.is_empty() {
                base.store.messages_add(ready.job).await?;
            }
            return Ok(());
        }
        let mut tx = base.store.begin().await?;
        ready.write(&mut tx, &base.store).await?;
        Ok(tx.commit_for_certain(&base.store).await?)
    }

    /// Does what is to be done before a transaction begins.
    pub async fn ready(
        self,
        base: &Base,
        directory: &Directory,
        hostname: &str,
        blob: Arc<NewBlob>,
        original: &[u8],
    ) -> Result<Ready<'a>> {
        let Self { envelope, now, messages, remotes, reached, .. } = self;
        let Envelope { sender, envid, ret, body, .. } = envelope;
        let job = Job { blobs: vec![blob.clone()], messages, now };
        let expires_at = now + base.settings.duration("queue.expiry");
        let mut ready = Ready { job, blob, remotes, reports: Vec::new(), envelope, expires_at };
        let report = Delivered { sender, envid, ret, body, recipients: reached, original };
        ready.add_report(delivered(base, directory, hostname, report).await?);
        Ok(ready)
    }
}

/// All ends of a message, ready to be written.
pub(super) struct Ready<'a> {
    job: Job,
    blob: Arc<NewBlob>,
    remotes: Vec<NewRecipient>,
    /// Those for senders who are elsewhere.
    reports: Vec<(Arc<NewBlob>, Vec<Address>)>,
    envelope: Envelope<'a>,
    expires_at: DateTime<Utc>,
}

impl Ready<'_> {
    /// A report that is committed with the message.
    pub fn add_report(&mut self, report: Post) {
        self.reports.extend(report.join(&mut self.job));
    }

    /// Mailboxes that get something.
    pub fn mailboxes(&self) -> impl Iterator<Item = MailboxId> {
        self.job.messages.iter().map(|message| message.mailbox)
    }

    /// Writes all of it: mailboxes first, then the queue.
    pub async fn write(&self, tx: &mut Tx, store: &Store) -> Result<()> {
        let now = self.job.now;
        if !self.job.messages.is_empty() {
            tx.messages_add(store, &self.job).await?;
        }
        if !self.remotes.is_empty() {
            let Envelope { sender, account, envid, ret, body, smtputf8, .. } = self.envelope;
            let new = NewQueued {
                blob: tx.blob_add(&self.blob, now).await?,
                account,
                sender: &sender.map_or_else(String::new, Address::to_string),
                envid,
                ret: ret.map(Ret::number),
                body: body.number(),
                smtputf8,
                size: self.blob.size,
                hold_until: None,
                expires_at: self.expires_at,
                recipients: self.remotes.clone(),
            };
            tx.queue_add(&new, now).await?;
        }
        for (report, to) in &self.reports {
            let id = tx.blob_add(report, now).await?;
            tx.queue_add(&of_report(id, report.size, to, self.expires_at), now).await?;
        }
        Ok(())
    }
}

/// Return-Path, Delivered-To, who was signed in, and Received, in that order (RFC 5321 §4.4, RFC 8601 §5).
fn trace(envelope: &Envelope<'_>, recipient: &Address) -> Vec<u8> {
    let sender = envelope.sender.map_or_else(String::new, Address::to_string);
    let Envelope { signed_in, received, .. } = envelope;
    format!("Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n{signed_in}{received}").into_bytes()
}

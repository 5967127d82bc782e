//! A message on its way to all its ends: mailboxes here, the queue for elsewhere, and the report of success to its
//! sender, in one transaction (I11). Port 25, LMTP and submission differ in who may send, not in this.

use super::directory::{Directory, Recipient};
use super::dsn::{Delivered, delivered};
use super::queue::of_report;
use super::{Base, Result};
use crate::model::address::Address;
use crate::model::dsn::{BodyKind, DsnRequest, Ret};
use crate::model::flags::SystemFlags;
use crate::model::ids::{AccountId, MailboxId};
use crate::store::append::{Job, NewMessage};
use crate::store::blob::NewBlob;
use crate::store::queue::{NewQueued, NewRecipient};
use chrono::{DateTime, Utc};
use std::collections::HashSet;
use std::sync::Arc;

/// What is the same for all ends.
pub(super) struct Envelope<'a> {
    /// `None`: the null sender.
    pub sender: Option<&'a Address>,
    /// The member who sends.
    pub account: Option<AccountId>,
    /// The whole Received field, folded, CRLF at its end.
    pub received: &'a str,
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
        let prefix = trace(self.envelope.sender, to, self.envelope.received);
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
            self.queue(remote, to, asked, format!("Delivered-To: {to}\r\n{}", self.envelope.received));
        }
    }

    /// An address elsewhere.
    pub fn add_elsewhere(&mut self, to: &Address, asked: &DsnRequest) {
        self.queue(to, to, asked, self.envelope.received.to_owned());
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

    /// Commits all of it; `original` are the octets of `blob`. What goes to mailboxes alone joins the commits of others.
    pub async fn commit(
        self,
        base: &Base,
        directory: &Directory,
        hostname: &str,
        blob: Arc<NewBlob>,
        original: &[u8],
    ) -> Result<()> {
        let Self { envelope, now, messages, remotes, reached, .. } = self;
        let Envelope { sender, account, envid, ret, body, smtputf8, .. } = envelope;
        let mut job = Job { blobs: vec![blob.clone()], messages, now };
        let report = Delivered { sender, envid, ret, body, recipients: reached, original };
        let report = delivered(base, directory, hostname, report).await?.join(&mut job);
        if remotes.is_empty() && report.is_none() {
            if !job.messages.is_empty() {
                base.store.messages_add(job).await?;
            }
            return Ok(());
        }
        let expires_at = now + base.settings.duration("queue.expiry");
        let sender = sender.map_or_else(String::new, Address::to_string);
        let mut tx = base.store.begin().await?;
        if !job.messages.is_empty() {
            tx.messages_add(&base.store, &job).await?;
        }
        if !remotes.is_empty() {
            let new = NewQueued {
                blob: tx.blob_add(&blob, now).await?,
                account,
                sender: &sender,
                envid,
                ret: ret.map(Ret::number),
                body: body.number(),
                smtputf8,
                size: blob.size,
                hold_until: None,
                expires_at,
                recipients: remotes,
            };
            tx.queue_add(&new, now).await?;
        }
        if let Some((report, to)) = report {
            let id = tx.blob_add(&report, now).await?;
            tx.queue_add(&of_report(id, report.size, &to, expires_at), now).await?;
        }
        Ok(tx.commit_for_certain(&base.store).await?)
    }
}

/// Return-Path, Delivered-To and Received, in that order (RFC 5321 §4.4).
fn trace(sender: Option<&Address>, recipient: &Address, received: &str) -> Vec<u8> {
    let sender = sender.map_or_else(String::new, Address::to_string);
    format!("Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n{received}").into_bytes()
}

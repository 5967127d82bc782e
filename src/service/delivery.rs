//! Mail that comes in by port 25 and LMTP: into the INBOXes of its recipients, and on to where aliases lead.
//!
//! The copies of one message are committed together; what leaves the house is queued in that same transaction (I11).

use super::content::new_blob;
use super::directory::{Directory, Recipient};
use super::dsn::{Delivered, delivered};
use super::queue::of_report;
use super::{Base, Refusal, Result};
use crate::model::address::Address;
use crate::model::dsn::{BodyKind, DsnRequest, Ret};
use crate::model::flags::SystemFlags;
use crate::service::spool::Spooled;
use crate::store::append::{Job, NewMessage};
use crate::store::queue::{NewQueued, NewRecipient};
use std::collections::HashSet;
use std::sync::Arc;

/// A message with its envelope, as a door hands it over once.
#[derive(Debug)]
pub struct Incoming {
    /// `None`: the null sender.
    pub sender: Option<Address>,
    /// Never empty.
    pub recipients: Vec<Recipient>,
    pub message: Spooled,
    /// The whole Received field, folded, CRLF at its end.
    pub received: String,
    /// One for each recipient, in order.
    pub dsn: Vec<DsnRequest>,
    pub ret: Option<Ret>,
    pub envid: Option<String>,
    pub smtputf8: bool,
    pub body: BodyKind,
    pub answers: Answers,
}

/// Whether the door can answer for each recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// LMTP.
    Each,
    /// SMTP: one answer for all. A recipient who became full after RCPT still gets the message if another does, since
    /// refusing it alone could not be told.
    One,
}

/// Delivers. Cheap to clone.
#[derive(Clone)]
pub struct Delivery {
    base: Base,
    directory: Directory,
    hostname: String,
}

impl Delivery {
    pub(crate) fn new(base: Base, directory: Directory, hostname: String) -> Self {
        Self { base, directory, hostname }
    }

    /// Delivers to every recipient in one transaction; `Ok` means committed. One result for each, in order: those over
    /// quota are refused alone, a failure of the transaction is everybody's.
    pub async fn deliver(&self, incoming: Incoming) -> Vec<Result<()>> {
        let count = incoming.recipients.len();
        let mut answers: Vec<Option<Refusal>> =
            incoming.recipients.iter().map(|r| over_quota(r, incoming.message.len())).collect();
        if answers.iter().all(Option::is_some) {
            return answers.into_iter().map(|a| a.map_or(Ok(()), Err)).collect();
        }
        if incoming.answers == Answers::One {
            answers.iter_mut().for_each(|answer| *answer = None);
        }
        let taken: Vec<bool> = answers.iter().map(Option::is_none).collect();
        match self.commit(incoming, &taken).await {
            Ok(()) => answers.into_iter().map(|a| a.map_or(Ok(()), Err)).collect(),
            Err(refusal) => {
                for answer in answers.iter_mut().filter(|a| a.is_none()) {
                    *answer = Some(copy_of(&refusal));
                }
                if let Refusal::Internal(source) = &refusal {
                    tracing::error!(error = %source, recipients = count, "delivery failed");
                }
                answers.into_iter().map(|a| a.map_or(Ok(()), Err)).collect()
            }
        }
    }

    async fn commit(&self, incoming: Incoming, taken: &[bool]) -> Result<()> {
        let Incoming { sender, recipients, message, received, dsn, ret, envid, smtputf8, body, answers: _ } = incoming;
        let message = Arc::new(message);
        let blob = new_blob(message.clone()).await?;
        let now = self.base.clock.now();
        let mut job = Job { blobs: vec![blob.clone()], messages: Vec::new(), now };
        let mut outgoing = Vec::new();
        let (mut filed, mut sent) = (HashSet::new(), HashSet::new());
        for (n, recipient) in recipients.iter().enumerate().filter(|(n, _)| taken[*n]) {
            let prefix = trace(sender.as_ref(), &recipient.address, &received);
            for local in &recipient.locals {
                // One copy for each end, however many of the recipients lead there.
                if filed.insert(local.inbox) {
                    job.messages.push(NewMessage {
                        account: local.account,
                        mailbox: local.inbox,
                        blob: 0,
                        flags: SystemFlags::empty(),
                        keywords: Vec::new(),
                        internal_at: now,
                        prefix: prefix.clone(),
                    });
                }
            }
            let asked = dsn.get(n).cloned().unwrap_or_default();
            let remotes = recipient.remotes.iter().filter(|to| sent.insert(*to));
            outgoing.extend(remotes.map(|to| forward(to, &recipient.address, &asked, &received)));
        }
        let local = |n: &usize| taken[*n] && !recipients[*n].locals.is_empty();
        let asked = (0..recipients.len()).filter(local).filter_map(|n| Some((&recipients[n].address, dsn.get(n)?)));
        let report = Delivered {
            sender: sender.as_ref(),
            envid: envid.as_deref(),
            ret,
            body,
            recipients: asked.collect(),
            original: message.bytes(),
        };
        let report = delivered(&self.base, &self.directory, &self.hostname, report).await?.join(&mut job);
        if outgoing.is_empty() && report.is_none() {
            if !job.messages.is_empty() {
                self.base.store.messages_add(job).await?;
            }
            return Ok(());
        }
        let expires_at = now + self.base.settings.duration("queue.expiry");
        let sender = sender.map_or_else(String::new, |s| s.to_string());
        let mut tx = self.base.store.begin().await?;
        if !job.messages.is_empty() {
            tx.messages_add(&self.base.store, &job).await?;
        }
        if !outgoing.is_empty() {
            let new = NewQueued {
                blob: tx.blob_add(&blob, now).await?,
                account: None,
                sender: &sender,
                envid: envid.as_deref(),
                ret: ret.map(Ret::number),
                body: body.number(),
                smtputf8,
                size: blob.size,
                hold_until: None,
                expires_at,
                recipients: outgoing,
            };
            tx.queue_add(&new, now).await?;
        }
        if let Some((report, to)) = report {
            let id = tx.blob_add(&report, now).await?;
            tx.queue_add(&of_report(id, report.size, &to, expires_at), now).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Return-Path, Delivered-To and Received, in that order (RFC 5321 §4.4).
pub(super) fn trace(sender: Option<&Address>, recipient: &Address, received: &str) -> Vec<u8> {
    let sender = sender.map_or_else(String::new, Address::to_string);
    format!("Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n{received}").into_bytes()
}

fn forward(to: &Address, via: &Address, asked: &DsnRequest, received: &str) -> NewRecipient {
    NewRecipient {
        address: to.to_string(),
        domain: to.domain().to_string(),
        orcpt: Some(asked.orcpt_for(via)),
        notify: asked.notify.bits() as i16,
        prefix: Some(format!("Delivered-To: {via}\r\n{received}").into_bytes()),
    }
}

/// A recipient all of whose mailboxes are too full for the message.
fn over_quota(recipient: &Recipient, size: u64) -> Option<Refusal> {
    let full = |l: &super::directory::Local| l.quota > 0 && l.used + size > l.quota;
    let all_full = !recipient.locals.is_empty() && recipient.remotes.is_empty() && recipient.locals.iter().all(full);
    all_full.then_some(Refusal::OverQuota)
}

/// The same refusal for another recipient.
fn copy_of(refusal: &Refusal) -> Refusal {
    match refusal {
        Refusal::Unavailable => Refusal::Unavailable,
        Refusal::Full => Refusal::Full,
        Refusal::Busy => Refusal::Busy,
        other => Refusal::Internal(anyhow::anyhow!("{other}")),
    }
}

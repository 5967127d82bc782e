//! Mail that comes in by port 25 and LMTP: into the INBOXes of its recipients, and on to where aliases lead.
//!
//! The copies of one message are committed together; what leaves the house is queued in that same transaction (I11).

use super::content::new_blob;
use super::directory::{Directory, Recipient};
use super::dispatch::{Dispatch, Envelope};
use super::{Base, Refusal, Result};
use crate::model::address::Address;
use crate::model::dsn::{BodyKind, DsnRequest, Ret};
use crate::service::spool::Spooled;
use std::sync::Arc;

/// A message with its envelope, as a door hands it over once.
#[derive(Debug)]
pub struct Incoming {
    /// `None`: the null sender.
    pub sender: Option<Address>,
    /// Never empty; with what the sender wants to hear of each.
    pub recipients: Vec<(Recipient, DsnRequest)>,
    pub message: Spooled,
    /// The whole Received field, folded, CRLF at its end.
    pub received: String,
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
            incoming.recipients.iter().map(|(r, _)| over_quota(r, incoming.message.len())).collect();
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
        let Incoming { sender, recipients, message, received, ret, envid, smtputf8, body, answers: _ } = incoming;
        let message = Arc::new(message);
        let blob = new_blob(message.clone()).await?;
        let envelope = Envelope {
            sender: sender.as_ref(),
            account: None,
            signed_in: String::new(),
            received,
            envid: envid.as_deref(),
            ret,
            body,
            smtputf8,
        };
        let mut dispatch = Dispatch::new(envelope, self.base.clock.now());
        for ((recipient, asked), _) in recipients.iter().zip(taken).filter(|(_, taken)| **taken) {
            dispatch.add(&recipient.address, recipient, asked);
        }
        dispatch.commit(&self.base, &self.directory, &self.hostname, blob, message.bytes()).await
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

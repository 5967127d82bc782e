//! Mail that members send: local recipients get it in the same transaction that queues the remote ones (I11).

use super::content::new_blob_of;
use super::directory::{Directory, Resolved};
use super::dispatch::{Dispatch, Envelope};
use super::login::Identity;
use super::spool::Spooled;
use super::{Base, Refusal, Result};
use crate::mime::submission::{BadSenders, prepare, senders, signed_in_field};
use crate::model::address::Address;
use crate::model::dsn::{BodyKind, DsnRequest, Ret};
use crate::model::ids::AccountId;
use std::sync::Arc;

/// A message with its envelope, as a member's client hands it in.
#[derive(Debug)]
pub struct Outgoing {
    /// `None`: the null sender.
    pub sender: Option<Address>,
    /// Never empty.
    pub recipients: Vec<(Address, DsnRequest)>,
    pub message: Spooled,
    /// The whole Received field, folded, CRLF at its end.
    pub received: String,
    pub ret: Option<Ret>,
    pub envid: Option<String>,
    pub smtputf8: bool,
    pub body: BodyKind,
}

/// Takes mail from members. Cheap to clone.
#[derive(Clone)]
pub struct Submission {
    base: Base,
    directory: Directory,
    hostname: String,
}

impl Submission {
    pub(crate) fn new(base: Base, directory: Directory, hostname: String) -> Self {
        Self { base, directory, hostname }
    }

    /// Whether a member may use a sender address: one of their own, a `+detail` of it too where it needs no quotes: in
    /// quotes the detail could show as an address of its own.
    ///
    /// # Errors
    /// [`Refusal::Denied`].
    pub async fn may_send_as(&self, who: &Identity, sender: &Address) -> Result<()> {
        if self.account_may_send_as(who.account(), sender).await? { Ok(()) } else { Err(Refusal::Denied) }
    }

    pub(super) async fn account_may_send_as(&self, account: AccountId, sender: &Address) -> Result<bool> {
        let detail = sender.split_detail().filter(|_| sender.is_plain());
        let base = detail.map_or_else(|| sender.key(), |(base, _)| base.key());
        Ok(self.base.store.address_is_of(account, sender.domain().as_str(), &sender.key(), &base).await?)
    }

    /// A member's own addresses, the main one first.
    pub async fn own_addresses(&self, who: &Identity) -> Result<Vec<Address>> {
        let further = self.base.store.person_addresses(who.account()).await?;
        let own = further.iter().filter(|(_, own)| *own).filter_map(|(address, _)| Address::parse(address).ok());
        Ok([who.address().clone()].into_iter().chain(own).collect())
    }

    /// The name we are known by.
    pub(super) fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Whether mail to an address makes sense: what is ours must exist and have room.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Denied`] for a switched-off address, [`Refusal::OverQuota`].
    pub async fn check_recipient(&self, _who: &Identity, to: &Address) -> Result<()> {
        match self.directory.resolve(to).await? {
            Resolved::NotOurs | Resolved::Deliver(_) => Ok(()),
            Resolved::Unknown => Err(Refusal::NotFound),
            Resolved::Disabled => Err(Refusal::Denied),
            Resolved::OverQuota => Err(Refusal::OverQuota),
        }
    }

    /// Takes a message; `Ok` means that every copy is committed, delivered or queued.
    ///
    /// # Errors
    /// [`Refusal::Denied`] if the header's From, Sender or what they were at a resending is not the member's, or can be
    /// read in more than one way; nothing is sent then.
    pub async fn submit(&self, who: &Identity, outgoing: Outgoing) -> Result<()> {
        let senders = senders(outgoing.message.bytes()).map_err(|why| match why {
            BadSenders::Missing => Refusal::Invalid("the message needs a From field with an address"),
            BadSenders::Unreadable => Refusal::Denied,
        })?;
        for address in &senders {
            self.may_send_as(who, address).await?;
        }
        let now = self.base.clock.now();
        let message_id = self.message_id(who)?;
        let prepared = Arc::new(prepare(outgoing.message.bytes(), &now.to_rfc2822(), &message_id));
        let blob = new_blob_of(prepared.clone()).await?;
        let envelope = Envelope {
            sender: outgoing.sender.as_ref(),
            account: Some(who.account()),
            signed_in: signed_in_field(&self.hostname, who.address()),
            received: outgoing.received,
            envid: outgoing.envid.as_deref(),
            ret: outgoing.ret,
            body: outgoing.body,
            smtputf8: outgoing.smtputf8,
        };
        let mut dispatch = Dispatch::new(envelope, now);
        for (to, asked) in &outgoing.recipients {
            match self.directory.resolve(to).await? {
                Resolved::NotOurs => dispatch.add_elsewhere(to, asked),
                Resolved::Deliver(ends) => dispatch.add(to, &ends, asked),
                Resolved::Unknown => return Err(Refusal::NotFound),
                Resolved::Disabled => return Err(Refusal::Denied),
                Resolved::OverQuota => return Err(Refusal::OverQuota),
            }
        }
        dispatch.commit(&self.base, &self.directory, &self.hostname, blob, &prepared).await
    }

    pub(super) fn message_id(&self, who: &Identity) -> Result<String> {
        let mut random = [0u8; 12];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| Refusal::Internal(anyhow::anyhow!("no random numbers")))?;
        let hex: String = random.iter().map(|b| format!("{b:02x}")).collect();
        Ok(format!("{hex}.{}@{}", who.account(), self.hostname))
    }
}

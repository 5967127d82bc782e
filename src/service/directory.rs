//! Where an address leads, asked at RCPT.

use super::{Base, Refusal, Result};
use crate::model::address::{Address, Domain, fold_local};
use crate::model::ids::{AccountId, MailboxId};
use crate::service::account::RESERVED;
use crate::store::directory::{ResolvedRow, TargetRow};

/// What an address leads to.
#[derive(Debug, Clone)]
pub enum Resolved {
    /// The domain is not ours: relaying is for members.
    NotOurs,
    /// The domain is ours, the address is not there.
    Unknown,
    /// A suspended account or an alias that is switched off.
    Disabled,
    /// Whether that is for good is [`Directory::refuses_when_full`].
    OverQuota,
    Deliver(Recipient),
}

/// A checked recipient: opaque to doors but for the address it was asked as.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// As it was given in RCPT.
    pub address: Address,
    pub(super) locals: Vec<Local>,
    /// Addresses elsewhere that an alias leads to.
    pub(super) remotes: Vec<Address>,
}

impl Recipient {
    /// The only mailbox that it leads to has no room.
    fn is_full(&self) -> bool {
        matches!((&self.locals[..], &self.remotes[..]), ([one], []) if one.quota > 0 && one.used >= one.quota)
    }
}

/// A mailbox to put mail into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Local {
    pub account: AccountId,
    pub inbox: MailboxId,
    /// Octets the account may have; 0: no limit.
    pub quota: u64,
    pub used: u64,
}

/// Resolves addresses. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    base: Base,
}

impl Directory {
    pub(crate) fn new(base: Base) -> Self {
        Self { base }
    }

    /// What mail for `address` would do.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] only; what is wrong with the address is a [`Resolved`].
    pub async fn resolve(&self, address: &Address) -> Result<Resolved> {
        Ok(match self.lead(address).await? {
            Resolved::Deliver(recipient) if recipient.is_full() => Resolved::OverQuota,
            other => other,
        })
    }

    /// The same for what the house itself has to tell: a full mailbox takes that too.
    pub(super) async fn lead(&self, address: &Address) -> Result<Resolved> {
        let local = fold_local(address.local());
        let base = address.split_detail().map_or_else(|| local.clone(), |(base, _)| base.key());
        let row =
            self.base.store.address_resolve(address.domain().as_str(), &local, &base, self.base.clock.now()).await?;
        if !row.domain_is_ours {
            return Ok(Resolved::NotOurs);
        }
        if !row.found && RESERVED.contains(&base.as_str()) {
            return self.owners(address).await;
        }
        if !row.found {
            return Ok(Resolved::Unknown);
        }
        if !row.enabled {
            return Ok(Resolved::Disabled);
        }
        Ok(self.judge(address, row))
    }

    /// `<postmaster>` without a domain (RFC 5321 §4.5.1).
    pub async fn postmaster(&self) -> Result<Resolved> {
        let name = self.base.store.default_domain().await?;
        let Some(domain) = name.and_then(|name| Domain::parse(&name).ok()) else {
            return Ok(Resolved::Unknown);
        };
        let address = Address::new("postmaster", domain).map_err(|e| Refusal::Internal(e.into()))?;
        self.resolve(&address).await
    }

    /// Whether the domain is one of ours.
    pub async fn is_local_domain(&self, domain: &Domain) -> Result<bool> {
        Ok(self.base.store.domain_is_known(domain.as_str()).await?)
    }

    /// Mail for postmaster and abuse goes to the owners; it is always accepted (RFC 2142), over quota or not.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] while there is nobody at all who could read it.
    async fn owners(&self, address: &Address) -> Result<Resolved> {
        let mut recipient = Recipient { address: address.clone(), locals: Vec::new(), remotes: Vec::new() };
        for (local, domain) in self.base.store.owner_addresses(address.domain().as_str()).await? {
            let row = self.base.store.address_resolve(&domain, &local, &local, self.base.clock.now()).await?;
            recipient.locals.extend(row.targets.iter().filter_map(|target| self.local(target)));
        }
        if recipient.locals.is_empty() {
            tracing::warn!("mail for {address} is deferred: there is no account yet that could get it");
            return Err(Refusal::Unavailable);
        }
        recipient.locals.iter_mut().for_each(|local| local.quota = 0);
        Ok(Resolved::Deliver(recipient))
    }

    fn judge(&self, address: &Address, row: ResolvedRow) -> Resolved {
        let mut recipient = Recipient { address: address.clone(), locals: Vec::new(), remotes: Vec::new() };
        for target in &row.targets {
            match target {
                TargetRow::Remote(remote) => recipient.remotes.extend(Address::parse(remote)),
                TargetRow::Account { .. } => recipient.locals.extend(self.local(target)),
            }
        }
        if recipient.locals.is_empty() && recipient.remotes.is_empty() {
            return Resolved::Disabled;
        }
        Resolved::Deliver(recipient)
    }

    /// Whether a full mailbox refuses mail for good rather than for now.
    pub fn refuses_when_full(&self) -> bool {
        self.base.settings.word("delivery.over_quota") == "refuse"
    }

    /// An active account's INBOX.
    fn local(&self, target: &TargetRow) -> Option<Local> {
        match target {
            TargetRow::Account { account, status: 0, inbox: Some(inbox), quota_bytes, used, .. } => Some(Local {
                account: *account,
                inbox: *inbox,
                quota: quota_bytes.unwrap_or_else(|| self.base.settings.number("quota.bytes")),
                used: *used,
            }),
            _ => None,
        }
    }
}

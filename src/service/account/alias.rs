//! Aliases and further addresses.

use super::{Accounts, Actor, Also, hold, seemly};
use crate::model::address::Address;
use crate::model::ids::{AccountId, DomainId};
use crate::service::{Refusal, Result};
use crate::store::Tx;
use crate::store::account::AliasRow;
use chrono::{DateTime, Utc};
use serde_json::json;

impl Accounts {
    /// Adds an alias that leads to accounts here or addresses elsewhere. Domain admins give further addresses in their
    /// domain to those they look after.
    ///
    /// # Errors
    /// [`Refusal::Exists`]; [`Refusal::NotFound`] for a domain that is not ours or a local target that does not exist;
    /// [`Refusal::Invalid`] for a name with `+`, which would take mail from the one before it, and for one that speaks
    /// for the domain and is not the actor's to give; [`Refusal::Denied`].
    pub async fn alias_add(&self, actor: &Actor, alias: &Address, targets: &[Address]) -> Result<()> {
        if targets.is_empty() || targets.len() > 100 {
            return Err(Refusal::Invalid("an alias has 1 to 100 targets"));
        }
        if alias.key().contains('+') {
            return Err(Refusal::Invalid("an address has no + before its @: what follows one is a detail"));
        }
        seemly(&alias.key())?;
        actor.must_name(alias)?;
        let mut ends = Vec::new();
        for target in targets {
            ends.push(self.alias_end(target).await?);
        }
        let subject = match ends[..] {
            [(Some(account), None)] => Some(account),
            _ => None,
        };
        let domain = self.domain_of_its_own(alias.domain()).await?.id;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        hold_whose(&mut tx, actor, subject).await?;
        self.alias_write(&mut tx, domain, alias, &ends, now).await?;
        let after = json!(targets.iter().map(Address::to_string).collect::<Vec<_>>());
        tx.audit_add(&actor.row("alias.add", subject, &alias.to_string(), None, Some(after)), now).await?;
        Ok(tx.commit().await?)
    }

    async fn alias_end(&self, target: &Address) -> Result<(Option<AccountId>, Option<String>)> {
        if !self.base.store.domain_is_known(target.domain().as_str()).await? {
            return Ok((None, Some(target.to_string())));
        }
        Ok((Some(self.find(target).await?.id), None))
    }

    async fn alias_write(
        &self,
        tx: &mut Tx,
        domain: DomainId,
        alias: &Address,
        ends: &[(Option<AccountId>, Option<String>)],
        now: DateTime<Utc>,
    ) -> Result<()> {
        // One target here: a further address of that account, which may also send as it.
        if let [(Some(account), None)] = ends {
            tx.address_add(domain, &alias.key(), Some((*account, false)), now).await?;
            return Ok(());
        }
        let id = tx.address_add(domain, &alias.key(), None, now).await?;
        for (n, (account, remote)) in ends.iter().enumerate() {
            tx.address_target_add(id, n as i16, *account, remote.as_deref()).await?;
        }
        Ok(())
    }

    /// Removes an alias.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::Invalid`] and [`Refusal::Denied`] for an address that is not the actor's to give.
    pub async fn alias_remove(&self, actor: &Actor, alias: &Address) -> Result<()> {
        actor.must_name(alias)?;
        let (domain, local) = (self.domain(alias.domain()).await?.id, alias.key());
        // Accounts are locked before addresses, so it is looked up first whose this one is.
        let found = self.base.store.alias_find(domain, &local).await?;
        let subject = found.and_then(|row| row.owner);
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        hold_whose(&mut tx, actor, subject).await?;
        let was = tx.alias_hold(domain, &local).await?.filter(|row| row.owner == subject).ok_or(Refusal::NotFound)?;
        tx.address_remove(domain, &local).await?;
        let before = json!(was.targets.iter().chain(&was.account).collect::<Vec<_>>());
        tx.audit_add(&actor.row("alias.remove", subject, &alias.to_string(), Some(before), None), now).await?;
        Ok(tx.commit().await?)
    }

    /// All aliases and further addresses.
    pub async fn alias_list(&self) -> Result<Vec<AliasRow>> {
        Ok(self.base.store.alias_list().await?)
    }
}

/// Holds whose further address it is or will be: the actor looks after them. `None`: it leads to several or away, and is
/// an owner's to give.
async fn hold_whose(tx: &mut Tx, actor: &Actor, subject: Option<AccountId>) -> Result<()> {
    match (subject, hold(tx, actor, subject, Also::Nobody).await?) {
        (None, _) => actor.must_own(),
        (Some(_), Some(row)) => actor.must_manage(&row),
        (Some(_), None) => Err(Refusal::NotFound),
    }
}

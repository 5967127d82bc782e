//! Aliases and further addresses.

use super::{Accounts, Actor, RESERVED};
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
    /// [`Refusal::Denied`].
    pub async fn alias_add(&self, actor: &Actor, alias: &Address, targets: &[Address]) -> Result<()> {
        if targets.is_empty() || targets.len() > 100 {
            return Err(Refusal::Invalid("an alias has 1 to 100 targets"));
        }
        let subject = match targets {
            [only] => self.further(actor, alias, only).await?,
            _ => None,
        };
        if subject.is_none() {
            actor.must_own()?;
        }
        let domain = self.domain_of_its_own(alias.domain()).await?.id;
        let mut ends = Vec::new();
        for target in targets {
            ends.push(self.alias_end(target).await?);
        }
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        self.alias_write(&mut tx, domain, alias, &ends, now).await?;
        let after = json!(targets.iter().map(Address::to_string).collect::<Vec<_>>());
        tx.audit_add(&actor.row("alias.add", subject, &alias.to_string(), None, Some(after)), now).await?;
        Ok(tx.commit().await?)
    }

    /// Whose further address an alias is or would be; `None`: it leads to several, or away.
    async fn further(&self, actor: &Actor, alias: &Address, target: &Address) -> Result<Option<AccountId>> {
        if let Some((_, own)) = actor.domain()?
            && (own != alias.domain().as_str() || RESERVED.contains(&alias.key().as_str()))
        {
            return Err(Refusal::Denied);
        }
        match self.managed(actor, target).await {
            Ok(row) => Ok(Some(row.id)),
            Err(Refusal::NotFound) => Ok(None),
            Err(other) => Err(other),
        }
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
    /// [`Refusal::NotFound`]; [`Refusal::Denied`] as for [`Accounts::alias_add`].
    pub async fn alias_remove(&self, actor: &Actor, alias: &Address) -> Result<()> {
        let domain = self.domain(alias.domain()).await?.id;
        let now = self.base.clock.now();
        let all = self.base.store.alias_list().await?;
        let was = all.iter().find(|a| a.local == alias.key() && a.domain == alias.domain().as_str());
        let before = was.map(|a| json!(a.targets.iter().chain(&a.account).collect::<Vec<_>>()));
        let target = was.and_then(|a| a.account.as_deref()).and_then(|text| Address::parse(text).ok());
        let subject = match target {
            Some(target) => self.further(actor, alias, &target).await?,
            None => None,
        };
        if subject.is_none() {
            actor.must_own()?;
        }
        let mut tx = self.base.store.begin().await?;
        if !tx.address_remove(domain, &alias.key()).await? {
            return Err(Refusal::NotFound);
        }
        tx.audit_add(&actor.row("alias.remove", subject, &alias.to_string(), before, None), now).await?;
        Ok(tx.commit().await?)
    }

    /// All aliases and further addresses.
    pub async fn alias_list(&self) -> Result<Vec<AliasRow>> {
        Ok(self.base.store.alias_list().await?)
    }
}

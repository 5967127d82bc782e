//! Domains as owners manage them.

use super::{Accounts, Actor};
use crate::model::address::Domain;
use crate::service::{Refusal, Result};
use crate::store::StoreError;
use crate::store::domain::DomainRow;
use serde_json::json;

/// # Errors
/// [`Refusal::Invalid`] for a name under which no mail can come.
pub(in super::super) fn takes_mail(domain: &Domain) -> Result<()> {
    if domain.is_public() {
        return Ok(());
    }
    Err(Refusal::Invalid("a mail domain has two or more parts with dots between them and is no IP address"))
}

impl Accounts {
    /// Adds a domain, or an alias domain that repeats another's addresses. The first becomes the default.
    ///
    /// # Errors
    /// [`Refusal::Exists`]; [`Refusal::NotFound`] for an unknown target; [`Refusal::Invalid`] for a single label or an IP
    /// address.
    pub async fn domain_add(&self, actor: &Actor, domain: &Domain, alias_of: Option<&Domain>) -> Result<()> {
        actor.must_own()?;
        takes_mail(domain)?;
        let target = match alias_of {
            Some(target) => Some(self.domain_of_its_own(target).await?.id),
            None => None,
        };
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        tx.domain_add(domain.as_str(), target, now).await?;
        let after = json!({ "alias_of": alias_of.map(Domain::as_str) });
        tx.audit_add(&actor.row("domain.add", None, domain.as_str(), None, Some(after)), now).await?;
        Ok(tx.commit().await?)
    }

    /// Removes a domain without accounts and aliases.
    ///
    /// # Errors
    /// [`Refusal::InUse`] while it has any, and for the default beside others.
    pub async fn domain_remove(&self, actor: &Actor, domain: &Domain) -> Result<()> {
        actor.must_own()?;
        let all = self.domain_list().await?;
        let found = all.iter().find(|row| row.name == domain.as_str()).ok_or(Refusal::NotFound)?;
        if found.is_default && all.len() > 1 {
            return Err(Refusal::InUse("this is the default domain: make another one the default first"));
        }
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let gone = match tx.domain_remove(found.id).await {
            Err(StoreError::Sql(error)) if error.as_database_error().is_some_and(|e| e.is_foreign_key_violation()) => {
                return Err(Refusal::InUse("the domain still has accounts, aliases or alias domains"));
            }
            other => other?,
        };
        let (was_default, alias_of) = gone.ok_or(Refusal::NotFound)?;
        let before = json!({ "default": was_default, "alias_of": alias_of });
        tx.audit_add(&actor.row("domain.remove", None, domain.as_str(), Some(before), None), now).await?;
        Ok(tx.commit().await?)
    }

    /// Makes a domain the one that completes bare names.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for one that repeats another's addresses.
    pub async fn domain_default(&self, actor: &Actor, domain: &Domain) -> Result<()> {
        actor.must_own()?;
        let found = self.domain_of_its_own(domain).await?;
        if found.is_default {
            return Ok(());
        }
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let former = tx.domain_default(found.id).await?;
        let (before, after) = (json!({ "default_domain": former }), json!({ "default_domain": domain.as_str() }));
        tx.audit_add(&actor.row("domain.default", None, domain.as_str(), Some(before), Some(after)), now).await?;
        Ok(tx.commit().await?)
    }

    /// All domains.
    pub async fn domain_list(&self) -> Result<Vec<DomainRow>> {
        Ok(self.base.store.domain_list().await?)
    }

    pub(super) async fn domain(&self, domain: &Domain) -> Result<DomainRow> {
        let found = self.base.store.domain_list().await?.into_iter().find(|d| d.name == domain.as_str());
        found.ok_or(Refusal::NotFound)
    }

    /// One whose addresses are its own.
    pub(in crate::service) async fn domain_of_its_own(&self, domain: &Domain) -> Result<DomainRow> {
        let found = self.domain(domain).await?;
        if found.alias_of.is_some() {
            return Err(Refusal::Invalid("this domain repeats another's addresses: name that one"));
        }
        Ok(found)
    }
}

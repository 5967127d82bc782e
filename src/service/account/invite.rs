//! How people get an account on the web: an admin makes it without any password, its owner sets the first one by a
//! one-time link. No admin ever sees or types another's password.

use super::{Accounts, Actor, Also, Draft, Role, hold, quota_fits, usable};
use crate::model::address::{Address, Domain};
use crate::model::ids::AccountId;
use crate::model::secret::Secret;
use crate::service::audit::moment;
use crate::service::login::{Identity, Origin};
use crate::service::token::Token;
use crate::service::{Refusal, Result};
use crate::store::Tx;
use crate::store::account::AccountRow;
use crate::store::token::purpose;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

/// How long an activation link lives.
const ACTIVATION: TimeDelta = TimeDelta::days(14);

/// Somebody who is to get an account.
#[derive(Debug, Clone)]
pub struct NewPerson {
    pub address: Address,
    pub name: String,
    pub role: Role,
    /// Octets; `None`: the community's.
    pub quota: Option<u64>,
}

/// A link that makes an account its owner's: shown once.
#[derive(Debug, Clone)]
pub struct Invitation {
    pub account: AccountId,
    /// What stands at the end of the link.
    pub token: Secret<String>,
    pub expires_at: DateTime<Utc>,
}

/// Whom an activation link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    pub address: Address,
    pub name: String,
}

impl Accounts {
    /// Adds an account without any password; mail for it is taken from now on.
    ///
    /// # Errors
    /// As [`Accounts::add`]; [`Refusal::Denied`] for a role or domain that is not the actor's to give.
    pub async fn invite(&self, actor: &Actor, new: &NewPerson) -> Result<Invitation> {
        usable(&new.address, &new.name)?;
        quota_fits(new.quota)?;
        if !actor.gives().contains(&new.role) {
            return Err(Refusal::Denied);
        }
        actor.must_name(&new.address)?;
        let domain = self.domain_of_its_own(new.address.domain()).await?.id;
        let token = Token::fresh()?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        hold(&mut tx, actor, None, Also::Nobody).await?;
        let NewPerson { address, name, role, quota } = new;
        let draft = Draft { domain, address, name, role: *role, quota: *quota, secrets: None };
        let id = self.make(&mut tx, &draft, now).await?;
        let invitation = link(&mut tx, id, &token, now).await?;
        let address = address.to_string();
        let mut after = draft.after();
        after["expires"] = moment(invitation.expires_at);
        tx.audit_add(&actor.row("account.invite", Some(id), &address, None, Some(after)), now).await?;
        tx.commit().await?;
        Ok(invitation)
    }

    /// Makes the activation link anew; the old one is void.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for an account that has its password.
    pub async fn invite_again(&self, actor: &Actor, address: &Address) -> Result<Invitation> {
        let token = Token::fresh()?;
        let (mut tx, account) = self.begin_on(actor, address, Also::Nobody).await?;
        let now = self.base.clock.now();
        if tx.account_has_password(account.id).await? {
            return Err(Refusal::Invalid("this account is in use already"));
        }
        let former = tx.token_expiry(account.id, purpose::ACTIVATION).await?;
        let invitation = link(&mut tx, account.id, &token, now).await?;
        let before = json!({ "expires": former.map(moment) });
        let after = json!({ "expires": moment(invitation.expires_at) });
        let (subject, address) = (Some(account.id), address.to_string());
        tx.audit_add(&actor.row("account.invite_again", subject, &address, Some(before), Some(after)), now).await?;
        tx.commit().await?;
        Ok(invitation)
    }

    /// Whom a link is for: looks, and uses nothing.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for one unknown, used, replaced or expired: one answer for all.
    pub async fn activation(&self, token: &str) -> Result<Activation> {
        let row = self.invited(&Token::read(token)).await?;
        Ok(Activation { address: address_of(&row)?, name: row.name })
    }

    /// Sets the first password by a link, which is used up; who it is may come in.
    ///
    /// # Errors
    /// As [`Accounts::activation`]; [`Refusal::Invalid`] in the words of the
    /// [`Fault`](crate::service::password_rules::Fault), and the link lives on.
    pub async fn activate(&self, origin: &Origin, token: &str, password: Secret<String>) -> Result<Identity> {
        let token = Token::read(token);
        // Before any hashing: a stranger gets no work out of us.
        let row = self.invited(&token).await?;
        let address = address_of(&row)?;
        self.judge(&password, &row.name, &address).await?;
        let secrets = self.vault.main(Some(row.id), password).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let (id, generation) = (row.id, row.generation);
        let renewed = tx.account_renew(id, generation).await?.ok_or(Refusal::NotFound)?;
        if tx.token_consume(&token.hash(), purpose::ACTIVATION, now).await? != Some(id) {
            return Err(Refusal::NotFound);
        }
        let who = Identity::new(id, address, row.name, generation);
        self.vault.write(&mut tx, id, &secrets, "", now).await?;
        let actor = Actor::member(&who, origin);
        let after = json!({ "since": moment(now) });
        tx.audit_add(&actor.row("account.activate", actor.account, &actor.name, None, Some(after)), now).await?;
        tx.commit().await?;
        tracing::info!(account.id = id.0, "account activated");
        Ok(who.renewed(renewed))
    }

    async fn invited(&self, token: &Token) -> Result<AccountRow> {
        let (store, now) = (&self.base.store, self.base.clock.now());
        let id = store.token_account(&token.hash(), purpose::ACTIVATION, now).await?.ok_or(Refusal::NotFound)?;
        store.account_get(id).await?.ok_or(Refusal::NotFound)
    }
}

async fn link(tx: &mut Tx, account: AccountId, token: &Token, now: DateTime<Utc>) -> Result<Invitation> {
    let expires_at = now + ACTIVATION;
    tx.token_set(account, purpose::ACTIVATION, &token.hash(), now, expires_at).await?;
    Ok(Invitation { account, token: token.text().clone(), expires_at })
}

fn address_of(row: &AccountRow) -> Result<Address> {
    let domain = Domain::parse(&row.domain_name).map_err(|e| Refusal::Internal(e.into()))?;
    Address::new(&row.local, domain).map_err(|e| Refusal::Internal(e.into()))
}

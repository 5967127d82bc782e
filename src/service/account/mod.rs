//! Domains, accounts and aliases as admins manage them, and how people come by their own; every act is audited in its
//! own transaction (I9).

mod actor;
mod alias;
mod domain;
mod invite;
mod password;

pub use crate::store::domain::DomainRow;
pub use actor::{Actor, Role};
pub(super) use domain::takes_mail;
pub use invite::{Activation, Invitation, NewPerson};

use super::login::{Identity, Login, Origin};
use super::notice::Notices;
use super::vault::{Secrets, Vault};
use super::{Base, Refusal, Result, password_rules};
use crate::model::address::{Address, Domain, fold_local};
use crate::model::ids::{AccountId, DomainId};
use crate::model::mailbox::SpecialUse;
use crate::model::secret::Secret;
use crate::model::shown;
use crate::store::Tx;
use crate::store::account::{AccountRow, NewAccount};
use chrono::{DateTime, Utc};
use serde_json::json;

/// An account as it is shown.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: AccountId,
    pub address: String,
    pub name: String,
    pub role: Role,
    pub suspended: bool,
    /// Octets; `None`: no limit.
    pub quota: Option<u64>,
    pub used: u64,
    pub messages: u64,
    pub created_at: DateTime<Utc>,
}

/// The mailboxes of a new account besides INBOX.
const FIRST_MAILBOXES: [(&str, SpecialUse); 5] = [
    ("Sent", SpecialUse::Sent),
    ("Drafts", SpecialUse::Drafts),
    ("Junk", SpecialUse::Junk),
    ("Trash", SpecialUse::Trash),
    ("Archive", SpecialUse::Archive),
];

/// Local parts that lead to the owners and can't be anybody's account.
pub const RESERVED: [&str; 2] = ["postmaster", "abuse"];

/// Local parts that speak for a whole domain: certificate authorities take a word from the first five as the domain's own
/// (CA/Browser Forum Baseline Requirements §3.2.2.4.4), people one from the others (RFC 2142).
const OFFICES: [&str; 10] = [
    "admin",
    "administrator",
    "hostmaster",
    "postmaster",
    "webmaster",
    "abuse",
    "mailer-daemon",
    "noc",
    "root",
    "security",
];

/// Manages domains, accounts, aliases. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    base: Base,
    vault: Vault,
    login: Login,
    notices: Notices,
}

/// An account about to be made.
pub(super) struct Draft<'a> {
    pub domain: DomainId,
    pub address: &'a Address,
    pub name: &'a str,
    pub role: Role,
    pub quota: Option<u64>,
    /// `None`: an activation link comes first.
    pub secrets: Option<&'a Secrets>,
}

impl Accounts {
    pub(super) fn new(base: Base, vault: Vault, login: Login, notices: Notices) -> Self {
        Self { base, vault, login, notices }
    }

    /// Somebody who is signed in, with the reach that their role has now.
    ///
    /// # Errors
    /// [`Refusal::Stale`] if the session has ended.
    pub async fn acting(&self, who: &Identity, origin: &Origin) -> Result<Actor> {
        let row = self.base.store.account_get(who.account()).await?.ok_or(Refusal::Stale)?;
        if row.status != 0 || row.generation != who.generation() {
            return Err(Refusal::Stale);
        }
        Ok(Actor::of(&row, who, origin))
    }

    /// Adds an account with INBOX, Sent, Drafts, Junk, Trash, Archive, subscribed. Whoever can run commands sets its
    /// password; on the web people are invited ([`Accounts::invite`]).
    ///
    /// # Errors
    /// [`Refusal::Exists`] if the address is taken, [`Refusal::NotFound`] for a domain that is not ours,
    /// [`Refusal::Invalid`] for a reserved or unusable name, [`Refusal::Denied`] on the web.
    pub async fn add(
        &self,
        actor: &Actor,
        address: &Address,
        name: &str,
        role: Role,
        quota: Option<u64>,
        password: Secret<String>,
    ) -> Result<AccountId> {
        actor.must_be_local()?;
        usable(address, name)?;
        quota_fits(quota)?;
        let domain = self.domain_of_its_own(address.domain()).await?.id;
        password_rules::least(&password)?;
        let secrets = self.vault.main(None, password).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let draft = Draft { domain, address, name, role, quota, secrets: Some(&secrets) };
        let id = self.make(&mut tx, &draft, now).await?;
        tx.audit_add(&actor.row("account.add", Some(id), &address.to_string(), None, Some(draft.after())), now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Makes an account in a transaction; the audit is the caller's.
    pub(super) async fn make(&self, tx: &mut Tx, draft: &Draft<'_>, now: DateTime<Utc>) -> Result<AccountId> {
        let local = fold_local(draft.address.local());
        let Draft { domain, name, role, quota, .. } = *draft;
        let new = NewAccount { domain, local: &local, name, kind: 0, role: role.number(), quota_bytes: quota };
        let id = tx.account_add(&new, now).await?;
        let inbox = tx.mailbox_tree_lock(id, now).await?;
        tx.mailbox_add(id, None, "INBOX", None, inbox, now).await?;
        tx.subscription_add(id, "INBOX").await?;
        for (name, special_use) in FIRST_MAILBOXES {
            let uidvalidity = tx.mailbox_tree_lock(id, now).await?;
            tx.mailbox_add(id, None, name, Some(special_use), uidvalidity, now).await?;
            tx.subscription_add(id, name).await?;
        }
        if let Some(secrets) = draft.secrets {
            self.vault.write(tx, id, secrets, "", now).await?;
        }
        Ok(id)
    }

    /// Suspends or resumes; all sessions end, mail keeps coming in for nobody (refused) while suspended. What is so
    /// already is no act, here and in the verbs below.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for oneself, [`Refusal::InUse`] for the last owner who can sign in.
    pub async fn set_suspended(&self, actor: &Actor, address: &Address, suspended: bool) -> Result<()> {
        let also = if suspended { Also::Owners } else { Also::Nobody };
        let (mut tx, account) = self.begin_on(actor, address, also).await?;
        if suspended && actor.account == Some(account.id) {
            return Err(Refusal::Invalid("you can't suspend yourself: ask another owner"));
        }
        if suspended == (account.status == 1) {
            return Ok(());
        }
        let now = self.base.clock.now();
        let action = if suspended { "account.suspend" } else { "account.resume" };
        if suspended {
            keep_an_owner(&mut tx, account.id).await?;
            // A link that lay in somebody's mail meanwhile does not come to life again.
            tx.token_remove(account.id).await?;
        }
        tx.account_status(account.id, i16::from(suspended)).await?;
        let state = |suspended: bool| Some(json!({ "suspended": suspended }));
        let (before, after) = (state(!suspended), state(suspended));
        tx.audit_add(&actor.row(action, Some(account.id), &address.to_string(), before, after), now).await?;
        Ok(tx.commit().await?)
    }

    /// Sets an account's own quota in octets; `None`: the community's.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for more than there is anywhere.
    pub async fn set_quota(&self, actor: &Actor, address: &Address, quota: Option<u64>) -> Result<()> {
        quota_fits(quota)?;
        let (mut tx, account) = self.begin_on(actor, address, Also::Nobody).await?;
        if account.quota_bytes == quota {
            return Ok(());
        }
        let now = self.base.clock.now();
        tx.account_quota(account.id, quota).await?;
        let (before, after) = (Some(json!(account.quota_bytes)), Some(json!(quota)));
        tx.audit_add(&actor.row("account.quota", Some(account.id), &address.to_string(), before, after), now).await?;
        Ok(tx.commit().await?)
    }

    /// Sets the name shown to others.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with [`BAD_NAME`].
    pub async fn rename(&self, actor: &Actor, address: &Address, name: &str) -> Result<()> {
        usable(address, name)?;
        let (mut tx, account) = self.begin_on(actor, address, Also::Nobody).await?;
        if account.name == name {
            return Ok(());
        }
        let now = self.base.clock.now();
        tx.account_rename(account.id, name).await?;
        let (before, after) = (Some(json!(account.name)), Some(json!(name)));
        tx.audit_add(&actor.row("account.rename", Some(account.id), &address.to_string(), before, after), now).await?;
        Ok(tx.commit().await?)
    }

    /// Gives an account another role; its sessions end, and so does a link to it, which was given for the role before.
    ///
    /// # Errors
    /// [`Refusal::Denied`] for who is no owner, [`Refusal::InUse`] for the last owner who can sign in.
    pub async fn set_role(&self, actor: &Actor, address: &Address, role: Role) -> Result<()> {
        actor.must_own()?;
        let (mut tx, account) = self.begin_on(actor, address, Also::Owners).await?;
        if account.role == role.number() {
            return Ok(());
        }
        let now = self.base.clock.now();
        if role != Role::Owner {
            keep_an_owner(&mut tx, account.id).await?;
        }
        tx.account_role(account.id, role.number()).await?;
        tx.token_remove(account.id).await?;
        let (before, after) = (Some(json!(Role::from_number(account.role).name())), Some(json!(role.name())));
        tx.audit_add(&actor.row("account.role", Some(account.id), &address.to_string(), before, after), now).await?;
        Ok(tx.commit().await?)
    }

    /// Removes an account and all its mail, for good.
    ///
    /// # Errors
    /// As [`Accounts::set_suspended`]; [`Refusal::Denied`] on the web, where accounts are suspended.
    pub async fn remove(&self, actor: &Actor, address: &Address) -> Result<()> {
        actor.must_be_local()?;
        let (mut tx, account) = self.begin_on(actor, address, Also::Owners).await?;
        let now = self.base.clock.now();
        keep_an_owner(&mut tx, account.id).await?;
        tx.account_remove(account.id).await?;
        let (name, role) = (&account.name, Role::from_number(account.role).name());
        let before = json!({ "name": name, "role": role, "quota": account.quota_bytes });
        let address = address.to_string();
        tx.audit_add(&actor.row("account.remove", Some(account.id), &address, Some(before), None), now).await?;
        Ok(tx.commit().await?)
    }

    /// Accounts of one domain or of all, for whoever can run commands; the web pages them
    /// ([`People`](super::people::People)).
    pub async fn list(&self, domain: Option<&Domain>) -> Result<Vec<Account>> {
        let mut out = Vec::new();
        for row in self.base.store.account_list(domain.map(Domain::as_str)).await? {
            out.push(self.shown(row).await?);
        }
        Ok(out)
    }

    /// One account, likewise.
    pub async fn show(&self, address: &Address) -> Result<Account> {
        let row = self.find(address).await?;
        self.shown(row).await
    }

    async fn shown(&self, row: AccountRow) -> Result<Account> {
        let (used, messages) = self.base.store.mailbox_usage(row.id).await?;
        Ok(Account {
            id: row.id,
            address: format!("{}@{}", row.local, row.domain_name),
            name: row.name,
            role: Role::from_number(row.role),
            suspended: row.status == 1,
            quota: quota_of(&self.base, row.quota_bytes),
            used,
            messages,
            created_at: row.created_at,
        })
    }

    async fn find(&self, address: &Address) -> Result<AccountRow> {
        let found = self.base.store.account_find(address.domain().as_str(), &fold_local(address.local())).await?;
        found.ok_or(Refusal::NotFound)
    }

    /// Begins an act on an account that the actor looks after. Both are held: what is right now is so till the commit, and
    /// what the audit says was before is what was.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Denied`]; [`Refusal::Stale`] if the actor's session has ended.
    async fn begin_on(&self, actor: &Actor, address: &Address, also: Also) -> Result<(Tx, AccountRow)> {
        let id = self.find(address).await?.id;
        let mut tx = self.base.store.begin().await?;
        let row = hold(&mut tx, actor, Some(id), also).await?.ok_or(Refusal::NotFound)?;
        actor.must_manage(&row)?;
        Ok((tx, row))
    }
}

/// Who is held besides actor and subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Also {
    Nobody,
    /// For acts that may leave one fewer.
    Owners,
}

/// Holds actor and subject, the first locks of a transaction; the subject as it is.
///
/// # Errors
/// [`Refusal::Stale`] if the actor's session has ended.
async fn hold(tx: &mut Tx, actor: &Actor, subject: Option<AccountId>, also: Also) -> Result<Option<AccountRow>> {
    let ids: Vec<AccountId> = actor.account.into_iter().chain(subject).collect();
    let held = tx.account_hold(&ids, also == Also::Owners).await?;
    actor.must_last(&held)?;
    Ok(held.into_iter().find(|row| Some(row.id) == subject))
}

impl Draft<'_> {
    /// What the audit says of it.
    fn after(&self) -> serde_json::Value {
        json!({ "name": self.name, "role": self.role.name(), "quota": self.quota })
    }
}

/// Octets an account may have; `None`: no limit.
pub(super) fn quota_of(base: &Base, own: Option<u64>) -> Option<u64> {
    Some(own.unwrap_or_else(|| base.settings.number("quota.bytes"))).filter(|quota| *quota > 0)
}

/// Whether an account may have so much.
pub(super) fn quota_fits(quota: Option<u64>) -> Result<()> {
    if quota.is_none_or(|octets| octets <= 1 << 50) {
        return Ok(());
    }
    Err(Refusal::Invalid("a quota is at most 1024 TiB"))
}

/// Whether people can tell an address by looking at it: one that needs quotes, or hides something, is none to give.
pub(super) fn seemly(local: &str) -> Result<()> {
    let fits = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if local.chars().all(fits) && shown::is_plain(local) {
        return Ok(());
    }
    Err(Refusal::Invalid("an address given here has no blanks and no quotes, and nothing that can't be seen"))
}

/// What is wrong with a person's name.
pub const BAD_NAME: &str = "a name has at most 100 characters, all of which can be seen";

/// # Errors
/// [`Refusal::Invalid`] with [`BAD_NAME`].
fn nameable(name: &str) -> Result<()> {
    if name.chars().count() <= 100 && shown::is_seen(name) { Ok(()) } else { Err(Refusal::Invalid(BAD_NAME)) }
}

/// Whether an account may be called so.
pub(super) fn usable(address: &Address, name: &str) -> Result<()> {
    let local = fold_local(address.local());
    seemly(&local)?;
    if RESERVED.contains(&local.as_str()) {
        return Err(Refusal::Invalid("postmaster and abuse lead to the owners and can't be an account"));
    }
    if local.contains('+') {
        return Err(Refusal::Invalid("an account's address has no +: what follows one is a detail"));
    }
    nameable(name)
}

/// Somebody who can do everything has to be left; all owners are held.
async fn keep_an_owner(tx: &mut Tx, without: AccountId) -> Result<()> {
    let owners = tx.owners_able().await?;
    if owners == [without] {
        return Err(Refusal::InUse("this is the last owner who can sign in: make another one first"));
    }
    Ok(())
}

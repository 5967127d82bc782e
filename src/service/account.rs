//! Domains, accounts and aliases as admins manage them; every act is audited in its own transaction (I9).

use super::login::SCRAM_ITERATIONS;
use super::password::Hasher;
use super::{Base, Refusal, Result};
use crate::model::address::{Address, Domain, fold_local};
use crate::model::ids::{AccountId, DomainId};
use crate::model::mailbox::SpecialUse;
use crate::model::secret::Secret;
use crate::sasl::scram;
use crate::store::account::{AccountRow, AliasRow, NewAccount};
use crate::store::audit::AuditRow;
use crate::store::credential::{NewCredential, kind};
use crate::store::domain::DomainRow;
use crate::store::{StoreError, Tx};
use chrono::{DateTime, Utc};
use serde_json::json;

/// Who does an administrative act, and from where.
#[derive(Debug, Clone)]
pub struct Actor {
    /// `None`: the command line or the appliance itself.
    pub account: Option<AccountId>,
    pub name: String,
    pub origin: String,
}

impl Actor {
    /// Whoever can run commands on the machine.
    pub fn command_line() -> Self {
        Self { account: None, name: "command line".into(), origin: "local".into() }
    }
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Member,
    Helper,
    DomainAdmin,
    Owner,
}

impl Role {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Member, "member"),
        (Self::Helper, "helper"),
        (Self::DomainAdmin, "domain-admin"),
        (Self::Owner, "owner"),
    ];

    /// Reads `member`, `helper`, `domain-admin` or `owner`.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| *name == raw).map(|(role, _)| *role)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    pub(super) fn from_number(n: i16) -> Self {
        Self::NAMES.get(n as usize).map_or(Self::Member, |(role, _)| *role)
    }
}

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

/// Manages domains, accounts, aliases. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    base: Base,
    hasher: Hasher,
}

impl Accounts {
    pub(crate) fn new(base: Base, hasher: Hasher) -> Self {
        Self { base, hasher }
    }

    /// Adds a domain, or an alias domain that repeats another's addresses. The first becomes the default.
    ///
    /// # Errors
    /// [`Refusal::Exists`]; [`Refusal::NotFound`] for an unknown target.
    pub async fn domain_add(&self, actor: &Actor, domain: &Domain, alias_of: Option<&Domain>) -> Result<()> {
        let target = match alias_of {
            Some(target) => Some(self.domain_of_its_own(target).await?.id),
            None => None,
        };
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        tx.domain_add(domain.as_str(), target, now).await?;
        let after = json!({ "alias_of": alias_of.map(Domain::as_str) });
        tx.audit_add(&row(actor, "domain.add", None, domain.as_str(), None, Some(after)), now).await?;
        Ok(tx.commit().await?)
    }

    /// Removes a domain without accounts and aliases.
    ///
    /// # Errors
    /// [`Refusal::InUse`] while it has any.
    pub async fn domain_remove(&self, actor: &Actor, domain: &Domain) -> Result<()> {
        let found = self.domain(domain).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        match tx.domain_remove(found.id).await {
            Err(StoreError::Sql(error)) if error.as_database_error().is_some_and(|e| e.is_foreign_key_violation()) => {
                return Err(Refusal::InUse("the domain still has accounts, aliases or alias domains"));
            }
            other => other?,
        }
        tx.audit_add(&row(actor, "domain.remove", None, domain.as_str(), None, None), now).await?;
        Ok(tx.commit().await?)
    }

    /// Makes a domain the one that completes bare names.
    pub async fn domain_default(&self, actor: &Actor, domain: &Domain) -> Result<()> {
        let found = self.domain(domain).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        tx.domain_default(found.id).await?;
        tx.audit_add(&row(actor, "domain.default", None, domain.as_str(), None, None), now).await?;
        Ok(tx.commit().await?)
    }

    /// All domains.
    pub async fn domain_list(&self) -> Result<Vec<DomainRow>> {
        Ok(self.base.store.domain_list().await?)
    }

    async fn domain(&self, domain: &Domain) -> Result<DomainRow> {
        let found = self.base.store.domain_list().await?.into_iter().find(|d| d.name == domain.as_str());
        found.ok_or(Refusal::NotFound)
    }

    /// One whose addresses are its own.
    async fn domain_of_its_own(&self, domain: &Domain) -> Result<DomainRow> {
        let found = self.domain(domain).await?;
        if found.alias_of.is_some() {
            return Err(Refusal::Invalid("this domain repeats another's addresses: name that one"));
        }
        Ok(found)
    }

    /// Adds an account with INBOX, Sent, Drafts, Junk, Trash, Archive, subscribed.
    ///
    /// # Errors
    /// [`Refusal::Exists`] if the address is taken, [`Refusal::NotFound`] for a domain that is not ours,
    /// [`Refusal::Invalid`] for a reserved or unusable name.
    pub async fn add(
        &self,
        actor: &Actor,
        address: &Address,
        name: &str,
        role: Role,
        quota: Option<u64>,
        password: Secret<String>,
    ) -> Result<AccountId> {
        let local = fold_local(address.local());
        if RESERVED.contains(&local.as_str()) {
            return Err(Refusal::Invalid("postmaster and abuse lead to the owners and can't be an account"));
        }
        if local.contains('+') || name.chars().any(char::is_control) || name.len() > 200 {
            return Err(Refusal::Invalid("an account's address has no + and its name no control characters"));
        }
        let domain = self.domain_of_its_own(address.domain()).await?.id;
        let secrets = self.secrets(None, password).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let new = NewAccount { domain, local: &local, name, kind: 0, role: role as i16, quota_bytes: quota };
        let id = tx.account_add(&new, now).await?;
        self.make_mailboxes(&mut tx, id, now).await?;
        self.write_secrets(&mut tx, id, &secrets, now).await?;
        let after = json!({ "name": name, "role": role.name(), "quota": quota });
        tx.audit_add(&row(actor, "account.add", Some(id), &address.to_string(), None, Some(after)), now).await?;
        tx.commit().await?;
        Ok(id)
    }

    async fn make_mailboxes(&self, tx: &mut Tx, id: AccountId, now: DateTime<Utc>) -> Result<()> {
        let inbox = tx.mailbox_tree_lock(id, now).await?;
        tx.mailbox_add(id, None, "INBOX", None, inbox, now).await?;
        tx.subscription_add(id, "INBOX").await?;
        for (name, special_use) in FIRST_MAILBOXES {
            let uidvalidity = tx.mailbox_tree_lock(id, now).await?;
            tx.mailbox_add(id, None, name, Some(special_use), uidvalidity, now).await?;
            tx.subscription_add(id, name).await?;
        }
        Ok(())
    }

    /// Sets a new password; all sessions of the account end.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Invalid`] for a password that breaks the rules.
    pub async fn set_password(&self, actor: &Actor, address: &Address, password: Secret<String>) -> Result<()> {
        let account = self.find(address).await?;
        let secrets = self.secrets(Some(account.id), password).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        tx.account_generation_raise(account.id).await?;
        tx.credential_remove_main(account.id).await?;
        self.write_secrets(&mut tx, account.id, &secrets, now).await?;
        tx.audit_add(&row(actor, "password.set", Some(account.id), &address.to_string(), None, None), now).await?;
        Ok(tx.commit().await?)
    }

    /// Suspends or resumes; all sessions end, mail keeps coming in for nobody (refused) while suspended.
    pub async fn set_suspended(&self, actor: &Actor, address: &Address, suspended: bool) -> Result<()> {
        let account = self.find(address).await?;
        let now = self.base.clock.now();
        let action = if suspended { "account.suspend" } else { "account.resume" };
        let mut tx = self.base.store.begin().await?;
        tx.account_status(account.id, i16::from(suspended)).await?;
        tx.audit_add(&row(actor, action, Some(account.id), &address.to_string(), None, None), now).await?;
        Ok(tx.commit().await?)
    }

    /// Sets an account's own quota in octets; `None`: the community's.
    pub async fn set_quota(&self, actor: &Actor, address: &Address, quota: Option<u64>) -> Result<()> {
        let account = self.find(address).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        tx.account_quota(account.id, quota).await?;
        let (before, after) = (json!(account.quota_bytes), json!(quota));
        tx.audit_add(
            &row(actor, "account.quota", Some(account.id), &address.to_string(), Some(before), Some(after)),
            now,
        )
        .await?;
        Ok(tx.commit().await?)
    }

    /// Removes an account and all its mail, for good.
    pub async fn remove(&self, actor: &Actor, address: &Address) -> Result<()> {
        let account = self.find(address).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        tx.account_remove(account.id).await?;
        let (name, role) = (&account.name, Role::from_number(account.role).name());
        let before = json!({ "name": name, "role": role, "quota": account.quota_bytes });
        let address = address.to_string();
        tx.audit_add(&row(actor, "account.remove", Some(account.id), &address, Some(before), None), now).await?;
        Ok(tx.commit().await?)
    }

    /// Accounts of one domain or of all.
    pub async fn list(&self, domain: Option<&Domain>) -> Result<Vec<Account>> {
        let mut out = Vec::new();
        for row in self.base.store.account_list(domain.map(Domain::as_str)).await? {
            out.push(self.shown(row).await?);
        }
        Ok(out)
    }

    /// One account.
    pub async fn show(&self, address: &Address) -> Result<Account> {
        let row = self.find(address).await?;
        self.shown(row).await
    }

    async fn shown(&self, row: AccountRow) -> Result<Account> {
        let (used, messages) = self.base.store.mailbox_usage(row.id).await?;
        let quota = row.quota_bytes.unwrap_or_else(|| self.base.settings.number("quota.bytes"));
        Ok(Account {
            id: row.id,
            address: format!("{}@{}", row.local, row.domain_name),
            name: row.name,
            role: Role::from_number(row.role),
            suspended: row.status == 1,
            quota: (quota > 0).then_some(quota),
            used,
            messages,
            created_at: row.created_at,
        })
    }

    async fn find(&self, address: &Address) -> Result<AccountRow> {
        let found = self.base.store.account_find(address.domain().as_str(), &fold_local(address.local())).await?;
        found.ok_or(Refusal::NotFound)
    }

    /// Adds an alias that leads to accounts here or addresses elsewhere.
    ///
    /// # Errors
    /// [`Refusal::Exists`]; [`Refusal::NotFound`] for a domain that is not ours or a local target that does not exist.
    pub async fn alias_add(&self, actor: &Actor, alias: &Address, targets: &[Address]) -> Result<()> {
        if targets.is_empty() || targets.len() > 100 {
            return Err(Refusal::Invalid("an alias has 1 to 100 targets"));
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
        tx.audit_add(&row(actor, "alias.add", None, &alias.to_string(), None, Some(after)), now).await?;
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
    pub async fn alias_remove(&self, actor: &Actor, alias: &Address) -> Result<()> {
        let domain = self.domain(alias.domain()).await?.id;
        let now = self.base.clock.now();
        let all = self.base.store.alias_list().await?;
        let was = all.iter().find(|a| a.local == alias.key() && a.domain == alias.domain().as_str());
        let before = was.map(|a| json!(a.targets.iter().chain(&a.account).collect::<Vec<_>>()));
        let mut tx = self.base.store.begin().await?;
        if !tx.address_remove(domain, &alias.key()).await? {
            return Err(Refusal::NotFound);
        }
        tx.audit_add(&row(actor, "alias.remove", None, &alias.to_string(), before, None), now).await?;
        Ok(tx.commit().await?)
    }

    /// All aliases and further addresses.
    pub async fn alias_list(&self) -> Result<Vec<AliasRow>> {
        Ok(self.base.store.alias_list().await?)
    }

    /// What is stored of a password; the slow work, done before the transaction. `account`: whose salts it takes.
    async fn secrets(&self, account: Option<AccountId>, password: Secret<String>) -> Result<Secrets> {
        if password.expose().chars().count() < 8 {
            return Err(Refusal::Invalid("a password has at least 8 characters"));
        }
        if password.expose().chars().any(char::is_control) {
            return Err(Refusal::Invalid("a password has no control characters"));
        }
        let phc = self.hasher.hash(password.clone()).await?;
        let with_sha1 = self.base.settings.switch("login.scram_sha1");
        let mechanisms =
            [(kind::SCRAM_SHA_256, scram::Hash::Sha256, true), (kind::SCRAM_SHA_1, scram::Hash::Sha1, with_sha1)];
        let mut verifiers = Vec::new();
        for (kind, hash, _) in mechanisms.into_iter().filter(|(.., wanted)| *wanted) {
            let stored = match account {
                Some(account) => self.base.store.scram_salt(account, kind).await?,
                None => None,
            };
            let (salt, iterations) = match stored {
                Some(stored) => stored,
                None => (fresh_salt()?, SCRAM_ITERATIONS),
            };
            let (password, salted) = (password.clone(), salt.clone());
            let keys = self.hasher.run(move || scram::derive(hash, password.expose(), &salted, iterations)).await?;
            verifiers.push(Verifier { kind, salt, iterations, keys });
        }
        Ok(Secrets { phc, verifiers })
    }

    async fn write_secrets(
        &self,
        tx: &mut Tx,
        account: AccountId,
        secrets: &Secrets,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let keys = &self.base.keys;
        let mut sealed = vec![(kind::PASSWORD, keys.seal(secrets.phc.as_bytes(), "password")?)];
        for verifier in &secrets.verifiers {
            let (salt, iterations) =
                tx.scram_salt_add(account, verifier.kind, &verifier.salt, verifier.iterations).await?;
            // Somebody else gave the account its salt just now.
            if (&salt, iterations) != (&verifier.salt, verifier.iterations) {
                return Err(Refusal::Busy);
            }
            // A password that SASLprep forbids has no verifier: SCRAM then refuses it, PLAIN still works.
            if let Some((stored, server)) = &verifier.keys {
                sealed.push((verifier.kind, keys.seal(&[&stored[..], server].concat(), "verifier")?));
            }
        }
        for (kind, sealed) in &sealed {
            let new = NewCredential { kind: *kind, app: None, label: "", sealed, protocols: None, expires_at: None };
            tx.credential_add(account, &new, now).await?;
        }
        Ok(())
    }
}

struct Secrets {
    phc: String,
    verifiers: Vec<Verifier>,
}

struct Verifier {
    kind: i16,
    salt: Vec<u8>,
    iterations: u32,
    /// StoredKey and ServerKey.
    keys: Option<(Vec<u8>, Vec<u8>)>,
}

fn fresh_salt() -> Result<Vec<u8>> {
    let mut salt = vec![0u8; 16];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| Refusal::Internal(anyhow::anyhow!("no random numbers")))?;
    Ok(salt)
}

fn row<'a>(
    actor: &'a Actor,
    action: &'static str,
    subject: Option<AccountId>,
    subject_name: &'a str,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
) -> AuditRow<'a> {
    AuditRow {
        actor: actor.account,
        actor_name: &actor.name,
        origin: &actor.origin,
        action,
        subject,
        subject_name,
        before,
        after,
    }
}

//! The claim of a fresh server in the browser (J1): a one-time link from the terminal, bound to the first browser that
//! begins with it, makes the first owner. From then on the setup is that of whoever is signed in as an owner, and no link
//! leads there any more; it counts as done once the owner has a second factor and kept the recovery codes.

use super::account::{Accounts, Actor, Draft, Role, takes_mail, usable};
use super::audit::moment;
use super::login::{Identity, Login, Origin};
use super::second_factor::SecondFactors;
use super::token::Token;
use super::vault::Vault;
use super::{Base, Refusal, Result};
use crate::model::address::Address;
use crate::model::ids::AccountId;
use crate::model::secret::Secret;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long a link lives.
const LINK: TimeDelta = TimeDelta::minutes(60);

/// What is to be done, in the order of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Name, address, password: the claim itself.
    You,
    SecondFactor,
    /// The recovery codes are kept somewhere.
    CodesKept,
    ServerName,
    Domain,
}

impl Step {
    pub const ALL: [Self; 5] = [Self::You, Self::SecondFactor, Self::CodesKept, Self::ServerName, Self::Domain];

    fn bit(self) -> i32 {
        1 << self as i32
    }

    /// Its name in the audit.
    fn name(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::SecondFactor => "second-factor",
            Self::CodesKept => "codes",
            Self::ServerName => "name",
            Self::Domain => "domain",
        }
    }

    /// Whether the setup can't be done without it.
    pub fn is_required(self) -> bool {
        matches!(self, Self::You | Self::SecondFactor | Self::CodesKept)
    }
}

/// What opening a link came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It is this browser's.
    Here,
    /// It is nobody's yet.
    Free,
    /// Another browser began with it first.
    Elsewhere(DateTime<Utc>),
    /// Unknown, used, expired or void: a new one comes from the terminal.
    Nothing,
}

/// Who claims the server.
#[derive(Debug, Clone)]
pub struct NewOwner {
    pub name: String,
    pub address: Address,
    pub password: Secret<String>,
}

/// How far the setup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub done: Vec<Step>,
    /// Called done by the owner.
    pub finished: bool,
    /// Whether the actor is who claimed the server, and no other owner.
    pub is_claimers: bool,
}

/// Sets a fresh server up. Cheap to clone.
#[derive(Clone)]
pub struct Setup {
    base: Base,
    accounts: Accounts,
    vault: Vault,
    factors: SecondFactors,
    login: Login,
    /// There is an owner: that is so for ever, as the last one can't be taken away.
    owned: Arc<AtomicBool>,
}

impl Setup {
    pub(super) fn new(base: Base, accounts: Accounts, vault: Vault, factors: SecondFactors, login: Login) -> Self {
        Self { base, accounts, vault, factors, login, owned: Arc::default() }
    }

    /// Whether there is an owner: then nothing of the setup's links is there any more. Cheap once it is so.
    pub async fn is_claimed(&self) -> Result<bool> {
        if !self.owned.load(Ordering::Relaxed) && self.base.store.is_owned().await? {
            self.owned.store(true, Ordering::Relaxed);
        }
        Ok(self.owned.load(Ordering::Relaxed))
    }

    /// Makes the link's token; one before it is void. For who runs commands on the machine.
    ///
    /// # Errors
    /// [`Refusal::Exists`] once there is an owner; [`Refusal::Denied`] on the web.
    pub async fn link(&self, actor: &Actor) -> Result<Secret<String>> {
        actor.must_own()?;
        if self.is_claimed().await? {
            return Err(Refusal::Exists);
        }
        let token = Token::fresh()?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        tx.setup_link(&token.hash(), now + LINK, now).await?;
        let after = json!({ "expires": moment(now + LINK) });
        tx.audit_add(&actor.row("setup.link", None, "server", None, Some(after)), now).await?;
        tx.commit().await?;
        Ok(token.text().clone())
    }

    /// Looks at a link in a browser, known by a secret in its cookie, and binds nothing: whatever shows a preview of a
    /// link follows it. Wrong ones are counted by where they come from; the right one lives on.
    ///
    /// # Errors
    /// [`Refusal::SlowDown`] after too many wrong ones from there.
    pub async fn look(&self, origin: &Origin, token: &str, browser: &Secret<String>) -> Result<Opened> {
        if self.is_claimed().await? {
            return Ok(Opened::Nothing);
        }
        self.login.may_try_link(origin).await?;
        let now = self.base.clock.now();
        match self.base.store.setup_look(&Token::read(token).hash(), now).await? {
            Some((None, _)) => Ok(Opened::Free),
            Some((Some(bound), _)) if bound == Token::read(browser.expose()).hash() => Ok(Opened::Here),
            Some((Some(_), at)) => Ok(Opened::Elsewhere(at.unwrap_or(now))),
            None => self.nothing(origin).await,
        }
    }

    /// Begins with a link: the first browser has it from then on.
    ///
    /// # Errors
    /// As [`Setup::look`].
    pub async fn open(&self, origin: &Origin, token: &str, browser: &Secret<String>) -> Result<Opened> {
        if self.is_claimed().await? {
            return Ok(Opened::Nothing);
        }
        self.login.may_try_link(origin).await?;
        let (token, browser) = (Token::read(token).hash(), Token::read(browser.expose()).hash());
        match self.base.store.setup_open(&token, &browser, self.base.clock.now()).await? {
            Some((true, _)) => Ok(Opened::Here),
            Some((false, at)) => Ok(Opened::Elsewhere(at)),
            None => self.nothing(origin).await,
        }
    }

    async fn nothing(&self, origin: &Origin) -> Result<Opened> {
        self.login.wrong_link(origin).await?;
        Ok(Opened::Nothing)
    }

    /// Makes the first owner, and the domain of the address where it is not there; the link is used up.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if the link is not this browser's any more, [`Refusal::Exists`] for an address in use,
    /// [`Refusal::Invalid`] in words; the link lives on after these two.
    pub async fn claim(
        &self,
        origin: &Origin,
        token: &str,
        browser: &Secret<String>,
        new: NewOwner,
    ) -> Result<Identity> {
        // Before any hashing: a stranger gets no work out of us.
        if self.open(origin, token, browser).await? != Opened::Here {
            return Err(Refusal::NotFound);
        }
        let NewOwner { name, address, password } = new;
        usable(&address, &name)?;
        takes_mail(address.domain())?;
        let known = match self.accounts.domain_of_its_own(address.domain()).await {
            Ok(row) => Some(row.id),
            Err(Refusal::NotFound) => None,
            Err(other) => return Err(other),
        };
        self.accounts.judge(&password, &name, &address).await?;
        let secrets = self.vault.main(None, password).await?;
        let (token, browser) = (Token::read(token).hash(), Token::read(browser.expose()).hash());
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        if !tx.setup_take(&token, &browser, now).await? {
            return Err(Refusal::NotFound);
        }
        let domain = match known {
            Some(id) => id,
            None => tx.domain_add(address.domain().as_str(), None, now).await?,
        };
        let draft =
            Draft { domain, address: &address, name: &name, role: Role::Owner, quota: None, secrets: Some(&secrets) };
        let id = self.accounts.make(&mut tx, &draft, now).await?;
        tx.setup_owner(id, Step::You.bit()).await?;
        let address =
            Address::new(&address.key(), address.domain().clone()).map_err(|e| Refusal::Internal(e.into()))?;
        let who = Identity::new(id, address, name.clone(), 1);
        let actor = Actor::member(&who, origin);
        let after = json!({ "name": name, "role": Role::Owner.name(), "new_domain": known.is_none() });
        tx.audit_add(&actor.row("setup.claim", actor.account, &actor.name, None, Some(after)), now).await?;
        tx.commit().await?;
        tracing::info!(account.id = id.0, "the server was claimed");
        Ok(who)
    }

    /// Who claimed the server, while they have not come to the end of its setup.
    pub async fn left_by(&self) -> Result<Option<AccountId>> {
        let state = self.base.store.setup_state().await?;
        Ok(state.and_then(|(owner, _, done_at)| owner.filter(|_| done_at.is_none())))
    }

    /// How far the setup is.
    ///
    /// # Errors
    /// [`Refusal::Denied`] for who is no owner, [`Refusal::NotFound`] where an owner came by the command line.
    pub async fn progress(&self, actor: &Actor) -> Result<Progress> {
        actor.must_own()?;
        let (owner, steps, done_at) = self.base.store.setup_state().await?.ok_or(Refusal::NotFound)?;
        let owner = owner.ok_or(Refusal::NotFound)?;
        let mut done: Vec<Step> = Step::ALL.into_iter().filter(|step| steps & step.bit() != 0).collect();
        // Not remembered but looked at: it may be gone again.
        if self.factors.state_of(owner).await?.since.is_some() {
            done.insert(1, Step::SecondFactor);
        } else {
            done.retain(|step| *step != Step::CodesKept);
        }
        Ok(Progress { done, finished: done_at.is_some(), is_claimers: actor.account == Some(owner) })
    }

    /// Remembers a step as done. [`Step::You`] and [`Step::SecondFactor`] are what they are.
    ///
    /// # Errors
    /// As [`Setup::progress`]; [`Refusal::Invalid`] for codes kept that were never made.
    pub async fn done(&self, actor: &Actor, step: Step) -> Result<()> {
        let progress = self.progress(actor).await?;
        if matches!(step, Step::You | Step::SecondFactor) {
            return Ok(());
        }
        if step == Step::CodesKept && !progress.done.contains(&Step::SecondFactor) {
            return Err(Refusal::Invalid("the second factor comes first"));
        }
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        if !tx.setup_step(step.bit()).await? {
            return Ok(());
        }
        let after = json!({ "step": step.name() });
        tx.audit_add(&actor.row("setup.step", actor.account, "server", None, Some(after)), now).await?;
        Ok(tx.commit().await?)
    }

    /// Calls the setup done.
    ///
    /// # Errors
    /// As [`Setup::progress`]; [`Refusal::Invalid`] while something required is missing.
    pub async fn finish(&self, actor: &Actor) -> Result<()> {
        let progress = self.progress(actor).await?;
        if Step::ALL.iter().any(|step| step.is_required() && !progress.done.contains(step)) {
            return Err(Refusal::Invalid("the second factor and its recovery codes come first"));
        }
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        if !tx.setup_done(now).await? {
            return Ok(());
        }
        let after = json!({ "step": progress.done.iter().map(|step| step.name()).collect::<Vec<_>>() });
        tx.audit_add(&actor.row("setup.finish", actor.account, "server", None, Some(after)), now).await?;
        Ok(tx.commit().await?)
    }
}

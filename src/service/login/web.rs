//! Signing in on the web: the main password first, then the second factor; and proving oneself anew in a session.

use super::limiter::shortened;
use super::{Identity, Login, Origin, Protocol, Trial, has_second_factor};
use crate::model::ids::AccountId;
use crate::model::secret::Secret;
use crate::service::account::{Actor, Role};
use crate::service::notice::News;
use crate::service::readable::normal;
use crate::service::{Refusal, Result, totp};
use crate::store::credential::{CredentialRow, LoginRow, kind};
use crate::store::sign_in::SignInRow;
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::net::IpAddr;

/// A main password that fitted.
#[derive(Debug, Clone)]
pub struct WebProof {
    pub who: Identity,
    pub role: Role,
    pub second: Second,
}

/// What is still asked of who knows the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    None,
    /// A code, by [`Login::second_factor`]: nothing else may be done before.
    Required,
    /// Whoever may do things to others has one; nothing else may be done before it is set up.
    MustEnrol,
}

/// A sign-in, or a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    pub at: DateTime<Utc>,
    pub protocol: Option<Protocol>,
    pub peer: Option<IpAddr>,
    /// What the browser calls itself; a stranger's words where it failed.
    pub agent: String,
    pub ok: bool,
}

impl From<SignInRow> for SignIn {
    fn from(row: SignInRow) -> Self {
        let SignInRow { at, protocol, peer, agent, ok } = row;
        Self { at, protocol: Protocol::from_number(protocol), peer, agent, ok }
    }
}

/// What a member is shown right after signing in.
#[derive(Debug, Clone, Default)]
pub struct Previous {
    /// The sign-in before this one.
    pub signed_in: Option<SignIn>,
    pub failed: Option<SignIn>,
}

impl Login {
    /// Signs in on the web: the main password alone, app passwords are for mail programs. `agent` is the User-Agent.
    ///
    /// # Errors
    /// As [`Login::password`].
    pub async fn web(&self, origin: &Origin, agent: &str, name: &str, password: &Secret<String>) -> Result<WebProof> {
        let origin = Origin { protocol: Protocol::Web, ..origin.clone() };
        let (who, row) = self.attempt(&origin, agent, "", name, password).await?;
        let role = Role::from_number(row.role);
        let second = match (has_second_factor(&row), role.needs_second_factor()) {
            (true, _) => Second::Required,
            (false, true) => Second::MustEnrol,
            (false, false) => Second::None,
        };
        if second != Second::Required {
            self.note(&origin, agent, who.account()).await?;
        }
        Ok(WebProof { who, role, second })
    }

    /// The second half of a sign-in: a code of the authenticator app or a recovery code,
    /// each taken once. A recovery code that is used up is audited and told; it is no change of credentials, and ends
    /// no session.
    ///
    /// # Errors
    /// [`Refusal::WrongCredentials`], [`Refusal::SlowDown`] after five wrong codes in a row, [`Refusal::Stale`] if the
    /// account was changed since the password was proved.
    pub async fn second_factor(&self, origin: &Origin, agent: &str, who: &Identity, code: &str) -> Result<()> {
        let origin = &Origin { protocol: Protocol::Web, ..origin.clone() };
        self.code(origin, agent, who, code).await?;
        self.limiter.completed(origin, who).await?;
        self.note(origin, agent, who.account()).await
    }

    /// Proves the second factor anew, beside [`Login::sudo`].
    ///
    /// # Errors
    /// As [`Login::second_factor`].
    pub async fn sudo_code(&self, origin: &Origin, who: &Identity, code: &str) -> Result<()> {
        self.code(&Origin { protocol: Protocol::Web, ..origin.clone() }, "", who, code).await
    }

    async fn code(&self, origin: &Origin, agent: &str, who: &Identity, code: &str) -> Result<()> {
        let row = self.try_again(origin, Trial::Code, who).await?;
        if !self.takes_code(origin, who, &row, code).await? {
            return Err(self.limiter.failed_again(origin, agent, who).await?);
        }
        self.limiter.give_back(Trial::Code, who.address()).await
    }

    /// Proves the main password anew, in a session that is about to do something grave.
    ///
    /// # Errors
    /// [`Refusal::WrongCredentials`], [`Refusal::SlowDown`] after five wrong ones in a row, [`Refusal::Stale`],
    /// [`Refusal::Busy`].
    pub async fn sudo(&self, origin: &Origin, who: &Identity, password: &Secret<String>) -> Result<()> {
        let origin = &Origin { protocol: Protocol::Web, ..origin.clone() };
        let row = self.try_again(origin, Trial::Sudo, who).await?;
        let proof = self.prove(origin, &row, password).await;
        if let Err(Refusal::Busy) = proof {
            self.limiter.give_up_trial(Trial::Sudo, who.address()).await?;
        }
        if proof?.is_none() {
            return Err(self.limiter.failed_again(origin, "", who).await?);
        }
        self.limiter.give_back(Trial::Sudo, who.address()).await
    }

    /// The sign-in before the present one, and the last that failed.
    pub async fn previous(&self, who: &Identity) -> Result<Previous> {
        let mut out = Previous::default();
        for row in self.base.store.sign_in_before(who.account()).await? {
            let place = if row.ok { &mut out.signed_in } else { &mut out.failed };
            *place = Some(row.into());
        }
        Ok(out)
    }

    /// A member's own last sign-ins and failed tries, newest first.
    pub async fn sign_ins(&self, who: &Identity) -> Result<Vec<SignIn>> {
        let rows = self.base.store.sign_in_list(who.account(), SHOWN).await?;
        Ok(rows.into_iter().map(SignIn::from).collect())
    }

    async fn note(&self, origin: &Origin, agent: &str, account: AccountId) -> Result<()> {
        let (protocol, now) = (origin.protocol as i16, self.base.clock.now());
        Ok(self.base.store.sign_in_add(account, protocol, origin.peer, &shortened(agent), now).await?)
    }

    /// Takes one of the few tries of somebody who is half or wholly signed in; what proves them now.
    async fn try_again(&self, origin: &Origin, trial: Trial, who: &Identity) -> Result<LoginRow> {
        // Not by the name's limit: strangers fill that one.
        self.limiter.standing(origin, None).await?;
        self.limiter.take(origin, trial, who.address()).await?;
        let row = self.lookup(Some(who.address())).await?;
        let same = |row: &LoginRow| row.account == who.account() && row.generation == who.generation();
        row.filter(|row| same(row) && row.status == 0).ok_or(Refusal::Stale)
    }

    /// Counts a wrong code where a second factor is being set up.
    pub(in crate::service) async fn wrong_code(&self, origin: &Origin, who: &Identity) -> Result<Refusal> {
        let origin = Origin { protocol: Protocol::Web, ..origin.clone() };
        self.limiter.failed_again(&origin, "", who).await
    }

    /// Whether one may try a one-time link from there: wrong ones count like failed sign-ins.
    pub(in crate::service) async fn may_try_link(&self, origin: &Origin) -> Result<()> {
        self.limiter.standing(origin, None).await.map(|_| ())
    }

    /// Counts a wrong one.
    pub(in crate::service) async fn wrong_link(&self, origin: &Origin) -> Result<()> {
        self.limiter.failed_link(origin).await
    }

    async fn takes_code(&self, origin: &Origin, who: &Identity, row: &LoginRow, typed: &str) -> Result<bool> {
        let typed = normal(typed);
        let keys = &self.base.keys;
        let now = self.base.clock.now();
        if let Some(totp) = row.credentials.iter().find(|c| c.kind == kind::TOTP) {
            let seed = Secret::new(keys.open(&totp.sealed, "totp")?);
            if let Some(step) = totp::matching_step(seed.expose(), &typed, now) {
                return Ok(self.base.store.totp_take(totp.id, step, origin.peer, now).await?);
            }
        }
        let codes: Vec<&CredentialRow> = row.credentials.iter().filter(|c| c.kind == kind::RECOVERY).collect();
        for code in &codes {
            let tag = keys.open(&code.sealed, "recovery")?;
            if hmac::verify(&keys.hmac("recovery code"), typed.as_bytes(), &tag).is_ok() {
                return self.use_up(origin, who, code.id, codes.len() - 1).await;
            }
        }
        Ok(false)
    }

    async fn use_up(&self, origin: &Origin, who: &Identity, code: i64, left: usize) -> Result<bool> {
        let actor = Actor::member(who, origin);
        let told = self.notices.prepare(who.address(), &News::CodeUsed(left), &actor.origin).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        if !tx.recovery_take(who.account(), code).await? {
            return Ok(false);
        }
        told.file(&self.base, &mut tx).await?;
        let address = who.address().to_string();
        let (before, after) = (Some(json!({ "left": left + 1 })), Some(json!({ "left": left })));
        tx.audit_add(&actor.row("recovery.use", Some(who.account()), &address, before, after), now).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Sign-ins on a page.
pub(in crate::service) const SHOWN: i64 = 50;

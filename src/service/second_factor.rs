//! A second factor: time-based codes of an authenticator app, and recovery codes for when it is lost. Its checking at a
//! sign-in is [`Login::second_factor`].

use super::account::{Actor, Role};
use super::audit::moment;
use super::login::{Identity, Login, Origin, Trial};
use super::notice::{News, Notices};
use super::readable::{fresh, normal};
use super::{Base, Refusal, Result, totp};
use crate::model::address::Address;
use crate::model::ids::AccountId;
use crate::model::secret::Secret;
use crate::store::Tx;
use crate::store::credential::{NewCredential, kind};
use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// Recovery codes that are made at once.
pub const CODES: usize = 10;
/// 75 bits each.
const CODE_GROUPS: usize = 3;
/// RFC 4226 §4 recommends 160 bits.
const SEED: usize = 20;
/// How long a seed waits for its first code.
const BEGUN: TimeDelta = TimeDelta::minutes(30);

/// Sets second factors up and takes them away. Cheap to clone.
#[derive(Clone)]
pub struct SecondFactors {
    base: Base,
    login: Login,
    notices: Notices,
}

/// What an authenticator app needs: shown until the first code, never again.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// For those who type it: base32.
    pub secret: Secret<String>,
    /// For the picture: an `otpauth` URI.
    pub uri: Secret<String>,
}

/// Recovery codes, shown once. All sessions have ended; the one it came from goes on as `who`.
#[derive(Debug, Clone)]
pub struct Codes {
    pub who: Identity,
    pub codes: Vec<Secret<String>>,
}

/// Whether somebody has a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Since when codes are asked for; `None`: they are not.
    pub since: Option<DateTime<Utc>>,
    /// Recovery codes that are left.
    pub codes: u32,
}

impl SecondFactors {
    pub(super) fn new(base: Base, login: Login, notices: Notices) -> Self {
        Self { base, login, notices }
    }

    /// Whether a member has one.
    pub async fn state(&self, who: &Identity) -> Result<State> {
        self.state_of(who.account()).await
    }

    pub(super) async fn state_of(&self, account: AccountId) -> Result<State> {
        let (since, codes) = self.base.store.second_factor_state(account).await?;
        Ok(State { since, codes })
    }

    /// Makes a seed that waits half an hour for its first code; an earlier one that waits is void. Nothing is asked for
    /// before [`SecondFactors::confirm`].
    pub async fn begin(&self, who: &Identity) -> Result<Enrolment> {
        let mut seed = zeroize::Zeroizing::new([0u8; SEED]);
        aws_lc_rs::rand::fill(&mut seed[..]).map_err(|_| Refusal::Internal(anyhow::anyhow!("no random numbers")))?;
        let sealed = self.base.keys.seal(&seed[..], "totp")?;
        let now = self.base.clock.now();
        let new = NewCredential { expires_at: Some(now + BEGUN), ..plain(kind::TOTP_BEGUN, &sealed) };
        let mut tx = self.base.store.begin().await?;
        tx.credential_remove_kind(who.account(), kind::TOTP_BEGUN).await?;
        tx.credential_add(who.account(), &new, now).await?;
        tx.commit().await?;
        Ok(enrolment(who, &seed[..]))
    }

    /// The seed that waits, for a page that is shown again after a wrong code.
    pub async fn begun(&self, who: &Identity) -> Result<Option<Enrolment>> {
        let begun = self.base.store.totp_begun(who.account(), self.base.clock.now()).await?;
        let Some((_, sealed)) = begun else { return Ok(None) };
        let seed = Secret::new(self.base.keys.open(&sealed, "totp")?);
        Ok(Some(enrolment(who, seed.expose())))
    }

    /// Puts the seed into use by its first code, in the place of one in use before, with fresh recovery codes. From now on
    /// mail doors refuse the main password.
    ///
    /// # Errors
    /// [`Refusal::WrongCredentials`] for a wrong code, [`Refusal::SlowDown`] after five in a row,
    /// [`Refusal::NotFound`] if no seed waits, [`Refusal::Stale`].
    pub async fn confirm(&self, who: &Identity, origin: &Origin, code: &str) -> Result<Codes> {
        self.login.limiter().take(origin, Trial::Code, who.address()).await?;
        let now = self.base.clock.now();
        let begun = self.base.store.totp_begun(who.account(), now).await?;
        let (id, sealed) = begun.ok_or(Refusal::NotFound)?;
        let seed = Secret::new(self.base.keys.open(&sealed, "totp")?);
        let Some(step) = totp::matching_step(seed.expose(), &normal(code), now) else {
            return Err(self.login.wrong_code(origin, who).await?);
        };
        let actor = Actor::member(who, origin);
        let told = self.notices.prepare(who.address(), &News::SecondFactor, &actor.origin).await?;
        let mut tx = self.base.store.begin().await?;
        let renewed = tx.account_renew(who.account(), who.generation()).await?.ok_or(Refusal::Stale)?;
        let before = held(&mut tx, who.account()).await?;
        tx.credential_remove_kind(who.account(), kind::TOTP).await?;
        if !tx.totp_confirm(who.account(), id, step, now).await? {
            return Err(Refusal::NotFound);
        }
        let codes = self.write_codes(&mut tx, who.account(), now).await?;
        told.file(&self.base, &mut tx).await?;
        let after = json!({ "since": moment(now), "left": CODES });
        tx.audit_add(&actor.row("second_factor.add", actor.account, &actor.name, before, Some(after)), now).await?;
        tx.commit().await?;
        self.login.limiter().give_back(Trial::Code, who.address()).await?;
        Ok(Codes { who: who.renewed(renewed), codes })
    }

    /// Makes the recovery codes anew; the old ones are void.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] without a second factor; [`Refusal::Stale`].
    pub async fn remake_codes(&self, who: &Identity, origin: &Origin) -> Result<Codes> {
        self.state(who).await?.since.ok_or(Refusal::NotFound)?;
        let actor = Actor::member(who, origin);
        let told = self.notices.prepare(who.address(), &News::Codes, &actor.origin).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let renewed = tx.account_renew(who.account(), who.generation()).await?.ok_or(Refusal::Stale)?;
        let (_, left) = tx.second_factor_held(who.account()).await?;
        let codes = self.write_codes(&mut tx, who.account(), now).await?;
        told.file(&self.base, &mut tx).await?;
        let (before, after) = (Some(json!({ "left": left })), Some(json!({ "left": CODES })));
        tx.audit_add(&actor.row("recovery.make", actor.account, &actor.name, before, after), now).await?;
        tx.commit().await?;
        Ok(Codes { who: who.renewed(renewed), codes })
    }

    /// Switches the second factor off.
    ///
    /// # Errors
    /// [`Refusal::InUse`] for owners and domain admins, who can't be without one; [`Refusal::NotFound`],
    /// [`Refusal::Stale`].
    pub async fn remove(&self, who: &Identity, origin: &Origin) -> Result<Identity> {
        let row = self.base.store.account_get(who.account()).await?.ok_or(Refusal::Stale)?;
        if Role::from_number(row.role).needs_second_factor() {
            return Err(Refusal::InUse("owners and domain admins can't be without a second factor"));
        }
        let actor = Actor::member(who, origin);
        let told = self.notices.prepare(who.address(), &News::NoSecondFactor, &actor.origin).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        // A role given since the look above has ended the session too.
        let renewed = tx.account_renew(who.account(), who.generation()).await?.ok_or(Refusal::Stale)?;
        let before = held(&mut tx, who.account()).await?;
        if !tx.second_factor_remove(who.account()).await? {
            return Err(Refusal::NotFound);
        }
        told.file(&self.base, &mut tx).await?;
        tx.audit_add(&actor.row("second_factor.remove", actor.account, &actor.name, before, None), now).await?;
        tx.commit().await?;
        Ok(who.renewed(renewed))
    }

    /// Takes the second factor of somebody who lost app and codes; all sessions end. For whoever runs commands on the
    /// machine: on the web nobody does this to another.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an unknown account or one without a second factor, [`Refusal::Denied`] on the web.
    pub async fn reset(&self, actor: &Actor, address: &Address) -> Result<()> {
        actor.must_be_local()?;
        let (store, now) = (&self.base.store, self.base.clock.now());
        let found = store.account_find(address.domain().as_str(), &address.key()).await?;
        let id = found.ok_or(Refusal::NotFound)?.id;
        let told = self.notices.prepare(address, &News::NoSecondFactor, &actor.origin).await?;
        let mut tx = store.begin().await?;
        tx.account_generation_raise(id).await?;
        let before = held(&mut tx, id).await?;
        if !tx.second_factor_remove(id).await? {
            return Err(Refusal::NotFound);
        }
        told.file(&self.base, &mut tx).await?;
        tx.audit_add(&actor.row("second_factor.reset", Some(id), &address.to_string(), before, None), now).await?;
        Ok(tx.commit().await?)
    }

    async fn write_codes(&self, tx: &mut Tx, account: AccountId, now: DateTime<Utc>) -> Result<Vec<Secret<String>>> {
        tx.credential_remove_kind(account, kind::RECOVERY).await?;
        let key = self.base.keys.hmac("recovery code");
        let mut out = Vec::with_capacity(CODES);
        for _ in 0..CODES {
            let code = fresh(CODE_GROUPS)?;
            let tag = hmac::sign(&key, normal(code.expose()).as_bytes());
            let sealed = self.base.keys.seal(tag.as_ref(), "recovery")?;
            tx.credential_add(account, &plain(kind::RECOVERY, &sealed), now).await?;
            out.push(code);
        }
        Ok(out)
    }
}

/// What the audit says was before, in a transaction that holds the account; `None`: there was none.
async fn held(tx: &mut Tx, account: AccountId) -> Result<Option<Value>> {
    let (since, left) = tx.second_factor_held(account).await?;
    Ok(since.map(|since| json!({ "since": moment(since), "left": left })))
}

fn plain(kind: i16, sealed: &[u8]) -> NewCredential<'_> {
    NewCredential { kind, app: None, label: "", sealed, protocols: None, expires_at: None }
}

/// The form that authenticator apps agree on (the Key Uri Format of Google Authenticator).
fn enrolment(who: &Identity, seed: &[u8]) -> Enrolment {
    let secret = totp::base32(seed);
    let account = escaped(&who.address().to_string());
    let issuer = escaped(&who.address().domain().unicode());
    let uri =
        format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30");
    Enrolment { secret: Secret::new(secret), uri: Secret::new(uri) }
}

/// RFC 3986 §2.1.
fn escaped(text: &str) -> String {
    let octet = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(octet).collect()
}

//! Browsers that are signed in: a random token that only they know, bound to the credential generation (I7).
//!
//! A session gets a new token whenever it can do more than before: at sign-in, at the second factor, at a fresh proof.

use super::account::{Actor, Role};
use super::audit::moment;
use super::login::{Identity, Origin};
use super::{Base, Refusal, Result};
use crate::model::address::{Address, Domain};
use crate::model::ids::AccountId;
use crate::model::secret::Secret;
use crate::store::Tx;
use crate::store::session::{NewSession, SessionRow};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

/// A member's session ends after this long without a request; an administrator's sooner.
const IDLE_MEMBER: TimeDelta = TimeDelta::days(14);
const IDLE_ADMIN: TimeDelta = TimeDelta::hours(12);
/// However busy, it ends after this long.
const LONGEST: TimeDelta = TimeDelta::days(90);
/// One that still owes a second factor.
const HALF_OPEN: TimeDelta = TimeDelta::minutes(15);
/// How long a proof of who it is counts for acts that need a fresh one.
const PROVED: TimeDelta = TimeDelta::minutes(15);
/// `seen_at` is written no more often than this.
const SEEN: TimeDelta = TimeDelta::minutes(1);
/// Browsers an account may be signed in with.
const MOST: i64 = 50;
/// Browsers that may owe a second factor at once.
const MOST_HALF_OPEN: i64 = 5;
const AGENT: usize = 200;

/// What the browser holds; 256 random bits.
pub type Token = Secret<String>;

/// How far a sign-in has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Open,
    /// The password was right, the second factor is still to come.
    SecondFactor,
    /// An administrator without a second factor must enrol one first.
    Enrol,
}

impl Stage {
    fn number(self) -> i16 {
        self as i16
    }

    fn from_number(number: i16) -> Self {
        match number {
            0 => Self::Open,
            2 => Self::Enrol,
            _ => Self::SecondFactor,
        }
    }
}

/// A browser that has signed in.
#[derive(Debug, Clone)]
pub struct Session {
    /// Names it in lists.
    pub id: i64,
    pub who: Identity,
    pub role: Role,
    pub stage: Stage,
    pub created_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub peer: String,
    pub agent: String,
    proved_at: Option<DateTime<Utc>>,
    hash: [u8; 32],
}

impl Session {
    /// Whether it has proved lately who it is.
    pub fn is_proved(&self, now: DateTime<Utc>) -> bool {
        self.proved_at.is_some_and(|at| now - at < PROVED)
    }

    /// What its forms are bound to: the same for as long as it lasts, so that a page in another tab stays good when the
    /// token changes.
    pub fn binding(&self) -> String {
        format!("session {}", self.id)
    }
}

/// A session as its member sees it in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    pub id: i64,
    pub created_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub peer: String,
    pub agent: String,
}

/// Manages sessions. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    base: Base,
}

impl Sessions {
    pub(crate) fn new(base: Base) -> Self {
        Self { base }
    }

    /// Begins a session; the token is told this once.
    pub async fn begin(&self, who: &Identity, stage: Stage, origin: &Origin, agent: &str) -> Result<Token> {
        let now = self.base.clock.now();
        let (token, hash) = fresh_token()?;
        let life = if stage == Stage::Open { LONGEST } else { HALF_OPEN };
        let agent: String = agent.chars().filter(|c| !c.is_control()).take(AGENT).collect();
        let new = NewSession {
            account: who.account(),
            generation: who.generation(),
            stage: stage.number(),
            // Who has no second factor yet has given every proof there is.
            proved_at: (stage != Stage::SecondFactor).then_some(now),
            expires_at: now + life,
            peer: origin.peer,
            agent: &agent,
        };
        let mut tx = self.base.store.begin().await?;
        tx.session_add(&hash, &new, now).await?;
        trim(&mut tx, who.account(), stage).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// The session of a token, if it is still good: not ended, not idle for too long, the account active and its
    /// credentials as they were.
    pub async fn resume(&self, token: &str) -> Result<Option<Session>> {
        let Some(hash) = hash_of(token) else { return Ok(None) };
        let Some(row) = self.base.store.session_find(&hash).await? else { return Ok(None) };
        let now = self.base.clock.now();
        if !is_good(&row, now) {
            return Ok(None);
        }
        if now - row.seen_at > SEEN {
            self.base.store.session_seen(&hash, now).await?;
        }
        Ok(Some(session(row, hash)?))
    }

    /// Whether a session is still good, without this counting as use of it.
    pub async fn lasts(&self, session: &Session) -> Result<bool> {
        let row = self.base.store.session_find(&session.hash).await?;
        Ok(row.is_some_and(|row| is_good(&row, self.base.clock.now())))
    }

    /// Lets a session on to `stage` with a fresh proof and a new token; the old token is worth nothing from then on.
    ///
    /// # Errors
    /// [`Refusal::Stale`]: it has ended meanwhile.
    pub async fn promote(&self, session: &Session, stage: Stage) -> Result<Token> {
        self.renew(session, stage, session.who.generation(), Some(self.base.clock.now())).await
    }

    /// After the session itself changed its account's credentials it goes on as `who`, with a new token; all others have
    /// ended. If anybody else changed them since, this one has ended as well. It counts as proved as long as it did: the
    /// change may have asked for less than all proofs.
    ///
    /// # Errors
    /// As [`Sessions::promote`].
    pub async fn carry_over(&self, session: &Session, who: &Identity, stage: Stage) -> Result<Token> {
        self.renew(session, stage, who.generation(), session.proved_at).await
    }

    async fn renew(
        &self,
        session: &Session,
        stage: Stage,
        generation: i64,
        proved_at: Option<DateTime<Utc>>,
    ) -> Result<Token> {
        let now = self.base.clock.now();
        let (token, hash) = fresh_token()?;
        let mut tx = self.base.store.begin().await?;
        let expires = now + if stage == Stage::Open { LONGEST } else { HALF_OPEN };
        if !tx.session_renew(&session.hash, &hash, (stage.number(), proved_at, generation), expires, now).await? {
            return Err(Refusal::Stale);
        }
        trim(&mut tx, session.who.account(), stage).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// Ends a session: sign-out.
    pub async fn end(&self, session: &Session) -> Result<()> {
        let mut tx = self.base.store.begin().await?;
        tx.session_remove(&session.hash).await?;
        Ok(tx.commit().await?)
    }

    /// Ends one of the member's own sessions.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]: it has ended already, or is another's.
    pub async fn end_one(&self, who: &Identity, origin: &Origin, id: i64) -> Result<()> {
        let mut tx = self.base.store.begin().await?;
        let began = tx.session_end(who.account(), id).await?.ok_or(Refusal::NotFound)?;
        let (actor, before) = (Actor::member(who, origin), json!({ "since": moment(began) }));
        let row = actor.row("session.end", actor.account, &actor.name, Some(before), None);
        tx.audit_add(&row, self.base.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Ends all of the member's sessions but this one; how many.
    pub async fn end_others(&self, session: &Session, origin: &Origin) -> Result<u64> {
        let mut tx = self.base.store.begin().await?;
        let ended = tx.session_end_others(session.who.account(), session.id).await?;
        if ended > 0 {
            let (actor, before) = (Actor::member(&session.who, origin), json!({ "sessions": ended }));
            let row = actor.row("session.end_others", actor.account, &actor.name, Some(before), None);
            tx.audit_add(&row, self.base.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Where the member is signed in, latest first.
    pub async fn list(&self, session: &Session) -> Result<Vec<Listed>> {
        let now = self.base.clock.now();
        let rows = self.base.store.session_list(session.who.account(), now, now - idle(session.role)).await?;
        let listed = |row: SessionRow| Listed {
            id: row.id,
            created_at: row.created_at,
            seen_at: row.seen_at,
            peer: row.peer,
            agent: row.agent,
        };
        Ok(rows.into_iter().map(listed).collect())
    }

    /// A fresh random value for a browser that has no session yet.
    pub fn stranger(&self) -> Result<Token> {
        Ok(fresh_token()?.0)
    }

    /// What a form must carry to be taken from whoever `binding` stands for: nobody else can make it.
    pub fn form_token(&self, binding: &str) -> [u8; 16] {
        let tag = hmac::sign(&self.base.keys.hmac("form"), binding.as_bytes());
        let mut out = [0; 16];
        out.copy_from_slice(&tag.as_ref()[..16]);
        out
    }
}

/// Drops what is beyond the most of its kind.
async fn trim(tx: &mut Tx, account: AccountId, stage: Stage) -> Result<()> {
    let open = stage == Stage::Open;
    Ok(tx.session_trim(account, open, if open { MOST } else { MOST_HALF_OPEN }).await?)
}

fn is_good(row: &SessionRow, now: DateTime<Utc>) -> bool {
    row.generation == row.account_generation
        && row.account_status == 0
        && now < row.expires_at
        && now - row.seen_at < idle(Role::from_number(row.role))
}

fn idle(role: Role) -> TimeDelta {
    match role {
        Role::Member => IDLE_MEMBER,
        Role::Helper | Role::DomainAdmin | Role::Owner => IDLE_ADMIN,
    }
}

fn session(row: SessionRow, hash: [u8; 32]) -> Result<Session> {
    let domain = Domain::parse(&row.domain).map_err(|e| Refusal::Internal(e.into()))?;
    let address = Address::new(&row.local, domain).map_err(|e| Refusal::Internal(e.into()))?;
    Ok(Session {
        id: row.id,
        who: Identity::new(row.account, address, row.name, row.generation),
        role: Role::from_number(row.role),
        stage: Stage::from_number(row.stage),
        created_at: row.created_at,
        seen_at: row.seen_at,
        peer: row.peer,
        agent: row.agent,
        proved_at: row.proved_at,
        hash,
    })
}

fn fresh_token() -> Result<(Token, [u8; 32])> {
    let mut random = [0u8; 32];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Refusal::Internal(anyhow::anyhow!("no random numbers")))?;
    Ok((Secret::new(URL_SAFE_NO_PAD.encode(random)), sha256(&random)))
}

fn hash_of(token: &str) -> Option<[u8; 32]> {
    let octets = URL_SAFE_NO_PAD.decode(token).ok().filter(|octets| octets.len() == 32)?;
    Some(sha256(&octets))
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
    out
}

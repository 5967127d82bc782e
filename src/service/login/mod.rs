//! The one place where somebody proves who they are, whatever the door: password, app password, SCRAM. One limiter,
//! one answer for unknown name and wrong password, in equal time: the same statements and the same argon2 runs.

mod limiter;
mod web;

pub(super) use limiter::{Limiter, Trial};
pub(super) use web::SHOWN;
pub use web::{Previous, Second, SignIn, WebProof};

use super::notice::Notices;
use super::password::Hasher;
use super::readable::normal;
use super::{Base, Refusal, Result};
use crate::model::address::{Address, Domain, fold_local};
use crate::model::ids::{AccountId, MailboxId, ModSeq};
use crate::model::secret::Secret;
use crate::store::credential::{CredentialRow, LoginRow, kind};
use aws_lc_rs::hmac;
use limiter::{Try, subject};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Which door somebody stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    Smtp,
    Submission,
    Lmtp,
    Imap,
    Pop3,
    ManageSieve,
    Web,
}

impl Protocol {
    const ALL: [Self; 7] =
        [Self::Smtp, Self::Submission, Self::Lmtp, Self::Imap, Self::Pop3, Self::ManageSieve, Self::Web];

    /// Of its number in `sign_in.protocol`.
    fn from_number(n: i16) -> Option<Self> {
        Self::ALL.get(usize::try_from(n).ok()?).copied()
    }

    /// Its bit in `credential.protocols`.
    fn bit(self) -> i32 {
        1 << self as i32
    }
}

/// Where somebody comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    pub peer: IpAddr,
    pub protocol: Protocol,
    /// The name that the client asked for (SNI): it, or the domain it is a host of, completes a bare name.
    pub domain_hint: Option<Domain>,
}

/// Whether failed tries from somewhere count for the names alone: all the house may come from there.
pub type Exempt = Arc<dyn Fn(&Origin) -> bool + Send + Sync>;

/// Who is acting: made by a sign-in, carried by a session. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    account: AccountId,
    address: Address,
    name: String,
    generation: i64,
}

impl Identity {
    /// Made by sign-ins, and by the appliance for work it does in a member's name.
    pub(crate) fn new(account: AccountId, address: Address, name: String, generation: i64) -> Self {
        Self(Arc::new(Inner { account, address, name, generation }))
    }

    /// The same person in a session of another generation: after a change they made themselves.
    pub(super) fn renewed(&self, generation: i64) -> Self {
        Self::new(self.account(), self.address().clone(), self.name().to_owned(), generation)
    }

    pub fn account(&self) -> AccountId {
        self.0.account
    }

    /// The main address.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// The name shown to others; may be empty.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Credential generation the session was made with (I7).
    pub fn generation(&self) -> i64 {
        self.0.generation
    }
}

/// The hash of a SCRAM mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScramHash {
    Sha1,
    Sha256,
}

impl ScramHash {
    fn octets(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// What a SCRAM exchange needs to know about a name; for unknown names it looks the same and proves nothing.
pub struct ScramLookup {
    pub salt: Vec<u8>,
    pub iterations: u32,
    /// StoredKey and ServerKey of each password that is allowed here; where there is none, of one that nobody knows.
    pub verifiers: Vec<(Vec<u8>, Vec<u8>)>,
    name: Option<Address>,
    found: Option<LoginRow>,
    /// For each true verifier, the credential that is thereby used: its app password, or itself.
    used: Vec<i64>,
}

/// State of a session at the start of a command.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    /// The selected mailbox's HIGHESTMODSEQ; `None`: gone, or none selected.
    pub highest_modseq: Option<ModSeq>,
}

/// Iterations of PBKDF2 for verifiers made from now on (I8).
pub const SCRAM_ITERATIONS: u32 = 100_000;

/// How long a successful password check is remembered, so that a client that connects every minute does not cost an
/// argon2 each time.
const REMEMBER: Duration = Duration::from_secs(300);

/// Signs people in. Cheap to clone.
#[derive(Clone)]
pub struct Login {
    base: Base,
    hasher: Hasher,
    notices: Notices,
    limiter: Limiter,
    remembered: moka::sync::Cache<[u8; 32], ()>,
}

/// What is known of a try before it is concluded.
struct Attempt<'a> {
    agent: &'a str,
    name: Option<Address>,
    found: Option<LoginRow>,
    taken: Try,
}

/// What proved somebody.
#[derive(Debug, Clone, Copy)]
enum Proof {
    Credential(i64),
    /// A password that fitted a moment ago.
    Remembered,
}

impl Login {
    pub(super) fn new(base: Base, hasher: Hasher, notices: Notices, exempt: Exempt) -> Self {
        let remembered = moka::sync::Cache::builder().max_capacity(10_000).time_to_live(REMEMBER).build();
        let limiter = Limiter::new(base.clone(), exempt);
        Self { base, hasher, notices, limiter, remembered }
    }

    pub(super) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Signs in at a mail door with a password or an app password.
    ///
    /// # Errors
    /// [`Refusal::WrongCredentials`] for anything wrong, [`Refusal::SlowDown`] after too many failures,
    /// [`Refusal::Busy`] when too many sign in at once, [`Refusal::Unavailable`] when the database is away,
    /// [`Refusal::Denied`] at the web.
    pub async fn password(
        &self,
        origin: &Origin,
        authzid: &str,
        authcid: &str,
        password: &Secret<String>,
    ) -> Result<Identity> {
        mail_door(origin)?;
        Ok(self.attempt(origin, "", authzid, authcid, password).await?.0)
    }

    /// The way of every password, whatever the door.
    async fn attempt(
        &self,
        origin: &Origin,
        agent: &str,
        authzid: &str,
        authcid: &str,
        password: &Secret<String>,
    ) -> Result<(Identity, LoginRow)> {
        let name = self.complete(origin, authcid).await?;
        let found = self.lookup(name.as_ref()).await?;
        let taken = self.limiter.begin(origin, counted(name.as_ref(), found.as_ref())?.as_ref()).await?;
        let proof = match found.as_ref().filter(|row| self.limiter.admits(taken.standing, origin, row.account)) {
            Some(row) => self.prove(origin, row, password).await,
            None => self.hasher.verify_nothing(password).await.map(|()| None),
        };
        if let Err(Refusal::Busy) = proof {
            self.limiter.give_up(&taken).await?;
        }
        self.conclude(origin, Attempt { agent, name, found, taken }, authzid, proof?).await
    }

    /// Looks up what a SCRAM exchange needs.
    ///
    /// # Errors
    /// [`Refusal::SlowDown`], [`Refusal::Unavailable`], [`Refusal::Denied`] at the web; never that there is no such name.
    pub async fn scram_begin(&self, origin: &Origin, mechanism: ScramHash, username: &str) -> Result<ScramLookup> {
        mail_door(origin)?;
        let name = self.complete(origin, username).await?;
        let found = self.lookup(name.as_ref()).await?;
        let standing = self.limiter.standing(origin, counted(name.as_ref(), found.as_ref())?.as_ref()).await?;
        let number = scram_kind(mechanism);
        let account = found.as_ref().map_or(AccountId(0), |row| row.account);
        let stored = self.base.store.scram_salt(account, number).await?;
        let (salt, iterations) = stored.unwrap_or_else(|| {
            // However the name is written, its salt is the same, as a known one's is.
            let text = name.as_ref().map_or_else(|| username.to_owned(), subject);
            let digest = hmac::sign(&self.base.keys.hmac("scram salt"), format!("{number} {text}").as_bytes());
            (digest.as_ref()[..16].to_vec(), SCRAM_ITERATIONS)
        });
        let mut lookup = ScramLookup { salt, iterations, verifiers: Vec::new(), name, found, used: Vec::new() };
        // The salt is that of the name, admitted or not: a change of it would tell.
        let row = lookup.found.as_ref().filter(|row| self.limiter.admits(standing, origin, row.account));
        let allowed = row
            .into_iter()
            .flat_map(|row| row.credentials.iter().filter(|c| c.kind == number && may_use(row, c, origin)));
        for credential in allowed {
            let plain = self.base.keys.open(&credential.sealed, "verifier")?;
            let (stored, server) = plain.split_at(plain.len() / 2);
            lookup.verifiers.push((stored.to_vec(), server.to_vec()));
            lookup.used.push(credential.app.unwrap_or(credential.id));
        }
        if lookup.verifiers.is_empty() {
            let nobody = hmac::sign(&self.base.keys.hmac("scram nobody"), &lookup.salt);
            let key = nobody.as_ref()[..mechanism.octets()].to_vec();
            lookup.verifiers.push((key.clone(), key));
        }
        Ok(lookup)
    }

    /// Ends a SCRAM exchange: `matched` is the verifier that the proof fitted.
    ///
    /// # Errors
    /// As [`Login::password`].
    pub async fn scram_finish(
        &self,
        origin: &Origin,
        lookup: ScramLookup,
        authzid: &str,
        matched: Option<usize>,
    ) -> Result<Identity> {
        let ScramLookup { name, found, used, .. } = lookup;
        // Not when it began: who breaks off has learned nothing.
        let taken = self.limiter.begin(origin, counted(name.as_ref(), found.as_ref())?.as_ref()).await?;
        let admits = |row: &LoginRow| self.limiter.admits(taken.standing, origin, row.account);
        let matched = matched.filter(|_| found.as_ref().is_some_and(admits));
        let proof = matched.and_then(|n| used.get(n).copied()).map(Proof::Credential);
        Ok(self.conclude(origin, Attempt { agent: "", name, found, taken }, authzid, proof).await?.0)
    }

    /// How many argon2 runs there were: tests see by it that known and unknown names cost the same.
    pub fn argon2_runs(&self) -> u64 {
        self.hasher.runs()
    }

    /// Whether SCRAM-SHA-1 is offered.
    pub fn scram_sha1_enabled(&self) -> bool {
        self.base.settings.switch("login.scram_sha1")
    }

    /// The one cheap statement at the start of every command: is the session still good, and what is the state of its
    /// mailbox?
    ///
    /// # Errors
    /// [`Refusal::Stale`]: the session must end.
    pub async fn session_fresh(&self, who: &Identity, selected: Option<MailboxId>) -> Result<Fresh> {
        let row = self.base.store.session_fresh(who.account(), selected).await?.ok_or(Refusal::Stale)?;
        if !row.active || row.generation != who.generation() {
            return Err(Refusal::Stale);
        }
        Ok(Fresh { highest_modseq: row.modseq })
    }

    /// The one address a name stands for: itself, or completed by the domain of the name that the client asked for, else
    /// the default one; in a domain that repeats another's addresses, that one's. `None`: no address can be made of it.
    async fn complete(&self, origin: &Origin, name: &str) -> Result<Option<Address>> {
        let store = &self.base.store;
        let domain = |name: String| Domain::parse(&name).map_err(|e| Refusal::Internal(e.into()));
        if name.contains('@') {
            let Ok(address) = Address::parse(name) else { return Ok(None) };
            return Ok(match store.domain_of_addresses(address.domain().as_str()).await? {
                Some(ours) => Address::new(address.local(), domain(ours)?).ok(),
                None => Some(address),
            });
        }
        let hint = origin.domain_hint.as_ref();
        for asked in hint.into_iter().cloned().chain(hint.and_then(Domain::parent)) {
            if let Some(ours) = store.domain_of_addresses(asked.as_str()).await? {
                return Ok(Address::new(name, domain(ours)?).ok());
            }
        }
        let Some(default) = store.default_domain().await? else { return Ok(None) };
        Ok(Address::new(name, domain(default)?).ok())
    }

    async fn lookup(&self, name: Option<&Address>) -> Result<Option<LoginRow>> {
        // An empty name runs the same statement and finds nothing.
        let (domain, local) =
            name.map_or((String::new(), String::new()), |a| (a.domain().to_string(), fold_local(a.local())));
        Ok(self.base.store.login_lookup(&domain, &local, self.base.clock.now()).await?)
    }

    async fn prove(&self, origin: &Origin, row: &LoginRow, password: &Secret<String>) -> Result<Option<Proof>> {
        let keys = &self.base.keys;
        let usable: Vec<&CredentialRow> = row.credentials.iter().filter(|c| may_use(row, c, origin)).collect();
        let key = self.memory_key(origin, row, password);
        if row.status == 0 && self.remembered.contains_key(&key) {
            return Ok(Some(Proof::Remembered));
        }
        let app = keys.hmac("app password");
        for credential in usable.iter().filter(|c| c.kind == kind::APP_PASSWORD) {
            let tag = keys.open(&credential.sealed, "app password")?;
            if hmac::verify(&app, normal(password.expose()).as_bytes(), &tag).is_ok() {
                return Ok(Some(Proof::Credential(credential.id)));
            }
        }
        let main = usable.iter().find(|c| c.kind == kind::PASSWORD);
        let Some(main) = main else {
            self.hasher.verify_nothing(password).await?;
            return Ok(None);
        };
        let phc = Secret::new(String::from_utf8(keys.open(&main.sealed, "password")?).unwrap_or_default());
        let fits = self.hasher.verify(password, phc).await?;
        if fits {
            self.remembered.insert(key, ());
        }
        Ok(fits.then_some(Proof::Credential(main.id)))
    }

    /// All that a remembered success depends on is part of its key.
    fn memory_key(&self, origin: &Origin, row: &LoginRow, password: &Secret<String>) -> [u8; 32] {
        let second = has_second_factor(row);
        let mut context = hmac::Context::with_key(&self.base.keys.hmac("login memory"));
        context.update(
            format!("{} {} {} {second} {} ", row.account, row.generation, row.status, origin.protocol.bit()).as_bytes(),
        );
        context.update(password.expose().as_bytes());
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }

    async fn conclude(
        &self,
        origin: &Origin,
        attempt: Attempt<'_>,
        authzid: &str,
        proof: Option<Proof>,
    ) -> Result<(Identity, LoginRow)> {
        let Attempt { agent, name, found, taken } = attempt;
        let authorized = match (&found, &name) {
            (Some(row), Some(name)) if proof.is_some() && row.status == 0 => {
                self.may_act_as(origin, authzid, name, row).await?
            }
            _ => false,
        };
        let (Some(row), true) = (&found, authorized) else {
            let account = found.as_ref().map(|row| row.account);
            return Err(self.limiter.failed(origin, agent, account, taken).await?);
        };
        let who = identity(row)?;
        // Half a proof forgives nothing: who has the password alone would guess codes for ever.
        match origin.protocol == Protocol::Web && has_second_factor(row) {
            true => self.limiter.give_up(&taken).await?,
            false => self.limiter.succeeded(origin, &who, &taken).await?,
        }
        if let Some(Proof::Credential(id)) = proof {
            let _ = self.base.store.credential_used(id, origin.peer, self.base.clock.now()).await;
        }
        tracing::debug!(account.id = row.account.0, peer.protocol = ?origin.protocol, "signed in");
        Ok((who, found.ok_or(Refusal::WrongCredentials)?))
    }

    /// An authorization identity is empty or the member's own name (RFC 4616 §2): nobody acts as another.
    async fn may_act_as(&self, origin: &Origin, authzid: &str, name: &Address, row: &LoginRow) -> Result<bool> {
        if authzid.is_empty() {
            return Ok(true);
        }
        let asked = self.complete(origin, authzid).await?;
        Ok(asked.is_some_and(|asked| {
            let same = |other_local: &str, other_domain: &str| {
                asked.key() == other_local && asked.domain().as_str() == other_domain
            };
            same(&name.key(), name.domain().as_str()) || same(&row.local, &row.domain)
        }))
    }
}

/// On the web a password may be half of the proof: [`Login::web`] says so, and these do not.
fn mail_door(origin: &Origin) -> Result<()> {
    if origin.protocol == Protocol::Web { Err(Refusal::Denied) } else { Ok(()) }
}

/// The address that tries of a name count for: the account's main one, whichever of its addresses was typed, or else an
/// account with more of them could be guessed at more often.
fn counted(name: Option<&Address>, found: Option<&LoginRow>) -> Result<Option<Address>> {
    Ok(match found {
        Some(row) => Some(identity(row)?.address().clone()),
        None => name.cloned(),
    })
}

fn identity(row: &LoginRow) -> Result<Identity> {
    let domain = Domain::parse(&row.domain).map_err(|e| Refusal::Internal(e.into()))?;
    let address = Address::new(&row.local, domain).map_err(|e| Refusal::Internal(e.into()))?;
    Ok(Identity::new(row.account, address, row.name.clone(), row.generation))
}

fn scram_kind(mechanism: ScramHash) -> i16 {
    match mechanism {
        ScramHash::Sha256 => kind::SCRAM_SHA_256,
        ScramHash::Sha1 => kind::SCRAM_SHA_1,
    }
}

fn has_second_factor(row: &LoginRow) -> bool {
    row.credentials.iter().any(|c| c.kind == kind::TOTP)
}

/// Whether a credential opens this door: in its scope; no app password on the web, and no main password at a mail door
/// once there is a second factor.
fn may_use(row: &LoginRow, credential: &CredentialRow, origin: &Origin) -> bool {
    let main = credential.app.is_none() && credential.kind != kind::APP_PASSWORD;
    let in_scope = credential.protocols.is_none_or(|bits| bits & origin.protocol.bit() != 0);
    in_scope && if origin.protocol == Protocol::Web { main } else { !main || !has_second_factor(row) }
}

//! argon2id in places of its own, never on the I/O threads.

use super::places::Places;
use super::{Refusal, Result};
use crate::model::secret::Secret;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest password taken, in octets: hashing costs by length.
pub const LONGEST: usize = 1024;
/// Who wait for a place: a second or two of work. Of a flood of sign-ins the rest hears at once that the house is busy.
const WAITING: usize = 48;

/// Hashes and verifies passwords, at most one a core at a time. Cheap to clone.
#[derive(Clone)]
pub struct Hasher {
    places: Places,
    /// A hash that nothing fits, verified for unknown names so that they take as long.
    nothing: Arc<str>,
    runs: Arc<AtomicU64>,
}

/// 19 MiB, 2 passes, 1 lane: the least that OWASP recommends for argon2id, 25 ms here.
fn argon() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

impl Hasher {
    /// # Errors
    /// [`Refusal::Internal`] without random numbers.
    pub fn new() -> Result<Self> {
        let nothing = hash_now(&Secret::new("nobody has this password".into()))?;
        Ok(Self { places: Places::new(WAITING), nothing: nothing.as_str().into(), runs: Arc::default() })
    }

    /// The PHC string of a password.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is too long, [`Refusal::Busy`].
    pub async fn hash(&self, password: Secret<String>) -> Result<String> {
        if password.expose().len() > LONGEST {
            return Err(Refusal::Invalid("a password has at most 1024 octets"));
        }
        self.count_and_run(move || hash_now(&password)).await?
    }

    /// Whether a password fits a PHC string. Too long ones never fit, after the same work.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub async fn verify(&self, password: &Secret<String>, phc: Secret<String>) -> Result<bool> {
        let password = password.clone();
        self.count_and_run(move || {
            let short = password.expose().len() <= LONGEST;
            let tried = if short { password.expose().as_bytes() } else { b"too long" };
            let fits = PasswordHash::new(phc.expose()).is_ok_and(|hash| argon().verify_password(tried, &hash).is_ok());
            fits && short
        })
        .await
    }

    /// The work of [`Hasher::verify`] without anything to fit.
    pub async fn verify_nothing(&self, password: &Secret<String>) -> Result<()> {
        self.verify(password, Secret::new(self.nothing.to_string())).await.map(|_| ())
    }

    /// How many argon2 runs there were.
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Other slow work of passwords, in the same places.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        self.places.run(work).await
    }

    async fn count_and_run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let runs = self.runs.clone();
        self.run(move || {
            runs.fetch_add(1, Ordering::Relaxed);
            work()
        })
        .await
    }
}

fn hash_now(password: &Secret<String>) -> Result<String> {
    let mut salt = [0u8; 16];
    let fail = || Refusal::Internal(anyhow::anyhow!("hashing failed"));
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| fail())?;
    let salt = SaltString::encode_b64(&salt).map_err(|_| fail())?;
    argon().hash_password(password.expose().as_bytes(), &salt).map(|hash| hash.to_string()).map_err(|_| fail())
}

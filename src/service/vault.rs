//! What is stored of a password: a hash for those who say it, verifiers for those who prove it (I8). The slow work is
//! done before the transaction, the writing in it.

use super::login::SCRAM_ITERATIONS;
use super::password::Hasher;
use super::readable::normal;
use super::{Base, Refusal, Result};
use crate::model::ids::AccountId;
use crate::model::secret::Secret;
use crate::sasl::scram;
use crate::store::Tx;
use crate::store::credential::{NewCredential, kind};
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};

/// Makes and writes secrets. Cheap to clone.
#[derive(Clone)]
pub(super) struct Vault {
    base: Base,
    pub hasher: Hasher,
}

/// A password ready to be written, sealed.
pub(super) struct Secrets {
    /// Main password or app password.
    kind: i16,
    proof: Vec<u8>,
    verifiers: Vec<Verifier>,
}

struct Verifier {
    kind: i16,
    salt: Vec<u8>,
    iterations: u32,
    /// StoredKey and ServerKey, sealed; `None`: SASLprep forbids the password. SCRAM then refuses it, PLAIN still works.
    keys: Option<Vec<u8>>,
}

impl Vault {
    pub fn new(base: Base, hasher: Hasher) -> Self {
        Self { base, hasher }
    }

    /// A main password; `account`: whose salts it takes.
    pub async fn main(&self, account: Option<AccountId>, password: Secret<String>) -> Result<Secrets> {
        let phc = self.hasher.hash(password.clone()).await?;
        let proof = self.base.keys.seal(phc.as_bytes(), "password")?;
        Ok(Secrets { kind: kind::PASSWORD, proof, verifiers: self.verifiers(account, password).await? })
    }

    /// A generated password: it needs no slow hash, for nobody can guess it.
    pub async fn app(&self, account: AccountId, password: Secret<String>) -> Result<Secrets> {
        let keys = &self.base.keys;
        let tag = hmac::sign(&keys.hmac("app password"), normal(password.expose()).as_bytes());
        let proof = keys.seal(tag.as_ref(), "app password")?;
        let verifiers = self.verifiers(Some(account), password).await?;
        Ok(Secrets { kind: kind::APP_PASSWORD, proof, verifiers })
    }

    async fn verifiers(&self, account: Option<AccountId>, password: Secret<String>) -> Result<Vec<Verifier>> {
        let with_sha1 = self.base.settings.switch("login.scram_sha1");
        let mechanisms =
            [(kind::SCRAM_SHA_256, scram::Hash::Sha256, true), (kind::SCRAM_SHA_1, scram::Hash::Sha1, with_sha1)];
        let mut out = Vec::new();
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
            let seal = |(stored, server): (Vec<u8>, Vec<u8>)| {
                self.base.keys.seal(&zeroize::Zeroizing::new([stored, server].concat()), "verifier")
            };
            out.push(Verifier { kind, salt, iterations, keys: keys.map(seal).transpose()? });
        }
        Ok(out)
    }

    /// Writes them; `label` is an app password's. The id of the password's own row.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if somebody else gave the account its salt just now.
    pub async fn write(
        &self,
        tx: &mut Tx,
        account: AccountId,
        secrets: &Secrets,
        label: &str,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        let new = |kind, app, sealed| NewCredential { kind, app, label, sealed, protocols: None, expires_at: None };
        let id = tx.credential_add(account, &new(secrets.kind, None, &secrets.proof), now).await?;
        let app = (secrets.kind == kind::APP_PASSWORD).then_some(id);
        for verifier in &secrets.verifiers {
            let (salt, iterations) =
                tx.scram_salt_add(account, verifier.kind, &verifier.salt, verifier.iterations).await?;
            if (&salt, iterations) != (&verifier.salt, verifier.iterations) {
                return Err(Refusal::Busy);
            }
            if let Some(keys) = &verifier.keys {
                tx.credential_add(account, &new(verifier.kind, app, keys), now).await?;
            }
        }
        Ok(id)
    }
}

fn fresh_salt() -> Result<Vec<u8>> {
    let mut salt = vec![0u8; 16];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| Refusal::Internal(anyhow::anyhow!("no random numbers")))?;
    Ok(salt)
}

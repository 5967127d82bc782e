//! A change of the sealing key (I8): everything sealed is opened with the old one and sealed with the newest.

use super::account::Actor;
use super::{Base, Result};
use crate::store::credential::kind;

/// What a credential is sealed for, as those who open it say.
fn purpose(kind: i16) -> &'static str {
    match kind {
        kind::PASSWORD => "password",
        kind::APP_PASSWORD => "app password",
        kind::TOTP | kind::TOTP_BEGUN => "totp",
        kind::RECOVERY => "recovery",
        _ => "verifier",
    }
}

/// Seals anew. Cheap to clone.
#[derive(Clone)]
pub struct Rotation {
    base: Base,
}

impl Rotation {
    pub(crate) fn new(base: Base) -> Self {
        Self { base }
    }

    /// Seals everything with the newest key of the file and forgets the others; how many values were sealed anew. In
    /// pages of their own transactions: cut off at any point, it goes on at the next call, as both keys open till then.
    ///
    /// # Errors
    /// [`super::Refusal::Internal`] for a value that no key of the file opens.
    pub async fn run(&self, actor: &Actor) -> Result<u64> {
        actor.must_own()?;
        let keys = &self.base.keys;
        let (mut above, mut count) = (0, 0);
        loop {
            let mut tx = self.base.store.begin().await?;
            let page = tx.credential_page(above).await?;
            let Some((last, ..)) = page.last() else { break };
            above = *last;
            for (id, kind, sealed) in page.iter().filter(|(_, _, sealed)| !keys.is_newest(sealed)) {
                let purpose = purpose(*kind);
                let plain = zeroize::Zeroizing::new(keys.open(sealed, purpose)?);
                tx.credential_reseal(*id, &keys.seal(&plain, purpose)?).await?;
                count += 1;
            }
            tx.commit().await?;
        }
        let mut tx = self.base.store.begin().await?;
        for (name, sealed) in tx.house_secret_list().await? {
            if !keys.is_newest(&sealed) {
                let plain = zeroize::Zeroizing::new(keys.open(&sealed, "house")?);
                tx.house_secret_reseal(&name, &keys.seal(&plain, "house")?).await?;
                count += 1;
            }
        }
        tx.seal_key_keep(&keys.id()).await?;
        let after = serde_json::json!({ "sealed": count });
        tx.audit_add(&actor.row("key.rotate", None, &keys.id(), None, Some(after)), self.base.clock.now()).await?;
        tx.commit().await?;
        Ok(count)
    }
}

//! App passwords: one for each mail program, generated, shown once, revoked alone. They open mail doors and never the web.

use super::account::Actor;
use super::login::{Identity, Origin};
use super::notice::{News, Notices};
use super::readable::fresh;
use super::vault::Vault;
use super::{Base, Refusal, Result};
use crate::model::secret::Secret;
use crate::model::shown;

pub use crate::store::second_factor::AppPasswordRow as AppPassword;

/// 125 bits.
const GROUPS: usize = 5;
/// Each is tried at a sign-in, and shown in a list.
const MOST: u64 = 50;
/// Longest name of one, in characters.
const LABEL: usize = 60;

/// Makes and revokes app passwords. Cheap to clone.
#[derive(Clone)]
pub struct AppPasswords {
    base: Base,
    vault: Vault,
    notices: Notices,
}

/// A new app password, shown once. All sessions have ended; the one it came from goes on as `who`.
#[derive(Debug, Clone)]
pub struct Made {
    pub who: Identity,
    pub id: i64,
    pub password: Secret<String>,
}

impl AppPasswords {
    pub(super) fn new(base: Base, vault: Vault, notices: Notices) -> Self {
        Self { base, vault, notices }
    }

    /// A member's own, in the order they were made.
    pub async fn list(&self, who: &Identity) -> Result<Vec<AppPassword>> {
        Ok(self.base.store.app_password_list(who.account()).await?)
    }

    /// Makes one. It changes what proves the account, so by I7 every session of the older generation ends: mail programs
    /// come back by themselves, and of somebody else's session that would make itself a lasting key nothing is left open.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a name that is not 1 to 60 printable characters, [`Refusal::Limit`] at fifty,
    /// [`Refusal::Stale`].
    pub async fn make(&self, who: &Identity, origin: &Origin, label: &str) -> Result<Made> {
        let label = label.trim();
        if label.is_empty() || label.chars().count() > LABEL || !shown::is_seen(label) {
            return Err(Refusal::Invalid("an app password has a name of 1 to 60 characters"));
        }
        let password = fresh(GROUPS)?;
        let secrets = self.vault.app(who.account(), password.clone()).await?;
        let actor = Actor::member(who, origin);
        let told = self.notices.prepare(who.address(), &News::AppPassword(label.to_owned()), &actor.origin).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let renewed = tx.account_renew(who.account(), who.generation()).await?.ok_or(Refusal::Stale)?;
        // The account's row is held: nobody else makes one meanwhile.
        if tx.app_password_count(who.account()).await? >= MOST {
            return Err(Refusal::Limit("there are fifty app passwords already: revoke one first"));
        }
        let id = self.vault.write(&mut tx, who.account(), &secrets, label, now).await?;
        told.file(&self.base, &mut tx).await?;
        let after = serde_json::json!({ "label": label });
        tx.audit_add(&actor.row("app_password.add", actor.account, &actor.name, None, Some(after)), now).await?;
        tx.commit().await?;
        Ok(Made { who: who.renewed(renewed), id, password })
    }

    /// Revokes one: whoever is signed in with it is out at their next command.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if it is not the member's, [`Refusal::Stale`].
    pub async fn revoke(&self, who: &Identity, origin: &Origin, id: i64) -> Result<Identity> {
        let all = self.list(who).await?;
        let label = all.into_iter().find(|row| row.id == id).ok_or(Refusal::NotFound)?.label;
        let actor = Actor::member(who, origin);
        let told = self.notices.prepare(who.address(), &News::NoAppPassword(label), &actor.origin).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let renewed = tx.account_renew(who.account(), who.generation()).await?.ok_or(Refusal::Stale)?;
        let label = tx.app_password_remove(who.account(), id).await?.ok_or(Refusal::NotFound)?;
        told.file(&self.base, &mut tx).await?;
        let before = serde_json::json!({ "label": label });
        tx.audit_add(&actor.row("app_password.remove", actor.account, &actor.name, Some(before), None), now).await?;
        tx.commit().await?;
        Ok(who.renewed(renewed))
    }
}

//! Main passwords: members change their own; whoever runs the machine may set one.

use super::{Accounts, Actor};
use crate::model::address::Address;
use crate::model::ids::AccountId;
use crate::model::secret::Secret;
use crate::service::audit::moment;
use crate::service::login::{Identity, Origin};
use crate::service::notice::News;
use crate::service::password_rules::{self, Fault};
use crate::service::vault::Secrets;
use crate::service::{Refusal, Result};
use crate::store::Tx;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

impl Accounts {
    /// Sets a new password; all sessions of the account end. Nobody sets another's on the web.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Invalid`] for a password that breaks the rules, [`Refusal::Denied`] on the web.
    pub async fn set_password(&self, actor: &Actor, address: &Address, password: Secret<String>) -> Result<()> {
        actor.must_be_local()?;
        let account = self.find(address).await?;
        password_rules::least(&password)?;
        let secrets = self.vault.main(Some(account.id), password).await?;
        let told = self.notices.prepare(address, &News::Password, &actor.origin).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        tx.account_generation_raise(account.id).await?;
        let (before, after) = self.replace_main(&mut tx, account.id, &secrets, now).await?;
        told.file(&self.base, &mut tx).await?;
        let subject = address.to_string();
        let row = actor.row("password.set", Some(account.id), &subject, before, after);
        tx.audit_add(&row, now).await?;
        Ok(tx.commit().await?)
    }

    /// A member's own new password (J3): proved by the present one, which counts like a sign-in. All sessions end; the
    /// one it came from goes on as the identity that is answered. App passwords stay.
    ///
    /// # Errors
    /// As [`Login::sudo`](crate::service::login::Login::sudo); [`Refusal::Invalid`] in the words of the [`Fault`].
    pub async fn change_password(
        &self,
        who: &Identity,
        origin: &Origin,
        current: &Secret<String>,
        new: Secret<String>,
    ) -> Result<Identity> {
        self.login.sudo(origin, who, current).await?;
        if current.expose() == new.expose() {
            return Err(Fault::Same.into());
        }
        self.judge(&new, who.name(), who.address()).await?;
        let secrets = self.vault.main(Some(who.account()), new).await?;
        let actor = Actor::member(who, origin);
        let told = self.notices.prepare(who.address(), &News::Password, &actor.origin).await?;
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let renewed = tx.account_renew(who.account(), who.generation()).await?.ok_or(Refusal::Stale)?;
        let (before, after) = self.replace_main(&mut tx, who.account(), &secrets, now).await?;
        told.file(&self.base, &mut tx).await?;
        let row = actor.row("password.change", actor.account, &actor.name, before, after);
        tx.audit_add(&row, now).await?;
        tx.commit().await?;
        tracing::info!(account.id = who.account().0, "password changed");
        Ok(who.renewed(renewed))
    }

    /// Since when a member has the present password.
    pub async fn password_since(&self, who: &Identity) -> Result<Option<DateTime<Utc>>> {
        Ok(self.base.store.password_since(who.account()).await?)
    }

    /// What is wrong with a password that a member would choose, off the I/O threads; for a page that has words of its
    /// own. Verbs that set one ask it too.
    pub async fn fault(&self, password: &Secret<String>, name: &str, address: &Address) -> Result<Option<Fault>> {
        let (password, name, address) = (password.clone(), name.to_owned(), address.to_string());
        let judge = move || password_rules::judge(&password, &[&name, &address]);
        Ok(self.vault.hasher.run(judge).await?.err())
    }

    /// The same as a refusal.
    pub(in crate::service) async fn judge(
        &self,
        password: &Secret<String>,
        name: &str,
        address: &Address,
    ) -> Result<()> {
        self.fault(password, name, address).await?.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// The new password and its verifiers in the place of the old ones; a link to set the first one is void. What the audit
    /// says of before and after.
    async fn replace_main(
        &self,
        tx: &mut Tx,
        account: AccountId,
        secrets: &Secrets,
        now: DateTime<Utc>,
    ) -> Result<(Option<Value>, Option<Value>)> {
        let former = tx.credential_remove_main(account).await?;
        tx.token_remove(account).await?;
        self.vault.write(tx, account, secrets, "", now).await?;
        let since = |at: DateTime<Utc>| json!({ "since": moment(at) });
        Ok((former.map(since), Some(since(now))))
    }
}

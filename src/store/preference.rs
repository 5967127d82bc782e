//! How members want the browser to show mail.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::AccountId;

sql! {
    PREFERENCE_GET = "SELECT seen_after, theme, language, remote, shortcuts, density FROM preference WHERE account = $1";
    PREFERENCE_PUT = "
        INSERT INTO preference (account, seen_after, theme, language, remote, shortcuts, density)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (account) DO UPDATE SET seen_after = EXCLUDED.seen_after, theme = EXCLUDED.theme,
            language = EXCLUDED.language, remote = EXCLUDED.remote, shortcuts = EXCLUDED.shortcuts, density = EXCLUDED.density";
    REMOTE_LIST = "SELECT sender FROM remote_allowed WHERE account = $1 ORDER BY sender";
    REMOTE_HAS = "SELECT count(*) FROM remote_allowed WHERE account = $1 AND sender = $2";
    /// Nothing where the account has $3 of them.
    REMOTE_ADD = "
        INSERT INTO remote_allowed (account, sender)
        SELECT $1, $2 WHERE (SELECT count(*) FROM remote_allowed WHERE account = $1) < $3
        ON CONFLICT DO NOTHING";
    REMOTE_REMOVE = "DELETE FROM remote_allowed WHERE account = $1 AND sender = $2";
}

/// A row of `preference`.
#[derive(Debug, Clone)]
pub struct PreferenceRow {
    pub seen_after: Option<i16>,
    pub theme: i16,
    pub language: Option<String>,
    pub remote: i16,
    pub shortcuts: bool,
    pub density: i16,
}

impl Store {
    pub async fn preference_get(&self, account: AccountId) -> Result<Option<PreferenceRow>> {
        let row: Option<(Option<i16>, i16, Option<String>, i16, bool, i16)> =
            sqlx::query_as(PREFERENCE_GET).bind(account).fetch_optional(self.read()).await?;
        Ok(row.map(|(seen_after, theme, language, remote, shortcuts, density)| PreferenceRow {
            seen_after,
            theme,
            language,
            remote,
            shortcuts,
            density,
        }))
    }

    /// Senders whose content from elsewhere is shown, folded.
    pub async fn remote_list(&self, account: AccountId) -> Result<Vec<String>> {
        let rows: Vec<(String,)> = sqlx::query_as(REMOTE_LIST).bind(account).fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(|(sender,)| sender).collect())
    }

    pub async fn remote_has(&self, account: AccountId, sender: &str) -> Result<bool> {
        let (count,): (i64,) = sqlx::query_as(REMOTE_HAS).bind(account).bind(sender).fetch_one(self.read()).await?;
        Ok(count > 0)
    }
}

impl Tx {
    pub async fn preference_put(&mut self, account: AccountId, row: &PreferenceRow) -> Result<()> {
        sqlx::query(PREFERENCE_PUT)
            .bind(account)
            .bind(row.seen_after)
            .bind(row.theme)
            .bind(&row.language)
            .bind(row.remote)
            .bind(row.shortcuts)
            .bind(row.density)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Adds a sender; `false` if it was there or the account has `most`.
    pub async fn remote_add(&mut self, account: AccountId, sender: &str, most: i64) -> Result<bool> {
        let done = sqlx::query(REMOTE_ADD).bind(account).bind(sender).bind(most).execute(self.conn()).await?;
        Ok(done.rows_affected() > 0)
    }

    pub async fn remote_remove(&mut self, account: AccountId, sender: &str) -> Result<()> {
        sqlx::query(REMOTE_REMOVE).bind(account).bind(sender).execute(self.conn()).await?;
        Ok(())
    }
}

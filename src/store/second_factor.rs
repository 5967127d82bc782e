//! Time-based codes, recovery codes and app passwords: what an account has besides its main password.

use super::credential::kind;
use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::AccountId;
use chrono::{DateTime, Utc};
use std::net::IpAddr;

sql! {
    FACTOR_STATE = "
        SELECT (SELECT created_at FROM credential WHERE account = $1 AND kind = 5),
            (SELECT count(*) FROM credential WHERE account = $1 AND kind = 6)";
    PASSWORD_SINCE = "SELECT max(created_at) FROM credential WHERE account = $1 AND kind = 1";
    TOTP_BEGUN = "SELECT id, sealed FROM credential WHERE account = $1 AND kind = 7 AND expires_at > $2 ORDER BY id DESC LIMIT 1";
    TOTP_CONFIRM = "
        UPDATE credential SET kind = 5, step = $3, expires_at = NULL, created_at = $4
        WHERE id = $2 AND account = $1 AND kind = 7";
    /// Of two who bring the same code at once, one waits for the row and then finds it taken.
    TOTP_TAKE = "
        UPDATE credential SET step = $2, last_used_at = $3, last_used_from = $4::text::inet
        WHERE id = $1 AND kind = 5 AND (step IS NULL OR step < $2)";
    RECOVERY_TAKE = "DELETE FROM credential WHERE id = $2 AND account = $1 AND kind = 6";
    CREDENTIAL_REMOVE_KIND = "DELETE FROM credential WHERE account = $1 AND kind = $2";
    APP_LIST = "
        SELECT id, label, created_at, last_used_at, host(last_used_from) FROM credential
        WHERE account = $1 AND kind = 4 ORDER BY id";
    APP_COUNT = "SELECT count(*) FROM credential WHERE account = $1 AND kind = 4";
    /// Its verifiers go with it.
    APP_REMOVE = "DELETE FROM credential WHERE id = $2 AND account = $1 AND kind = 4 RETURNING label";
}

/// An app password as its owner sees it.
#[derive(Debug, Clone)]
pub struct AppPasswordRow {
    pub id: i64,
    pub label: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub last_used_from: Option<IpAddr>,
}

impl Store {
    /// Since when an account has a time-based code, and how many recovery codes are left.
    pub async fn second_factor_state(&self, account: AccountId) -> Result<(Option<DateTime<Utc>>, u32)> {
        let (since, codes): (Option<DateTime<Utc>>, i64) =
            sqlx::query_as(FACTOR_STATE).bind(account).fetch_one(self.read()).await?;
        Ok((since, codes as u32))
    }

    /// Since when an account has its main password.
    pub async fn password_since(&self, account: AccountId) -> Result<Option<DateTime<Utc>>> {
        let (since,) = sqlx::query_as(PASSWORD_SINCE).bind(account).fetch_one(self.read()).await?;
        Ok(since)
    }

    /// A seed that waits for its first code: id and sealed value.
    pub async fn totp_begun(&self, account: AccountId, now: DateTime<Utc>) -> Result<Option<(i64, Vec<u8>)>> {
        Ok(sqlx::query_as(TOTP_BEGUN).bind(account).bind(now).fetch_optional(self.read()).await?)
    }

    /// Takes a time step of a seed; whether it was still to be taken.
    pub async fn totp_take(&self, id: i64, step: i64, peer: IpAddr, now: DateTime<Utc>) -> Result<bool> {
        let done =
            sqlx::query(TOTP_TAKE).bind(id).bind(step).bind(now).bind(peer.to_string()).execute(self.write()).await?;
        Ok(done.rows_affected() > 0)
    }

    /// App passwords in the order they were made.
    pub async fn app_password_list(&self, account: AccountId) -> Result<Vec<AppPasswordRow>> {
        type Row = (i64, String, DateTime<Utc>, Option<DateTime<Utc>>, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(APP_LIST).bind(account).fetch_all(self.read()).await?;
        let row = |(id, label, created_at, last_used_at, from): Row| AppPasswordRow {
            id,
            label,
            created_at,
            last_used_at,
            last_used_from: from.and_then(|from| from.parse().ok()),
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

impl Tx {
    /// Puts a seed into use from time step `step` on; whether it was still waiting.
    pub async fn totp_confirm(&mut self, account: AccountId, id: i64, step: i64, now: DateTime<Utc>) -> Result<bool> {
        let done = sqlx::query(TOTP_CONFIRM).bind(account).bind(id).bind(step).bind(now).execute(self.conn()).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Uses a recovery code up; whether it was there.
    pub async fn recovery_take(&mut self, account: AccountId, id: i64) -> Result<bool> {
        let done = sqlx::query(RECOVERY_TAKE).bind(account).bind(id).execute(self.conn()).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes an account's credentials of one kind; whether there were any.
    pub async fn credential_remove_kind(&mut self, account: AccountId, kind: i16) -> Result<bool> {
        let done = sqlx::query(CREDENTIAL_REMOVE_KIND).bind(account).bind(kind).execute(self.conn()).await?;
        Ok(done.rows_affected() > 0)
    }

    /// What [`Store::second_factor_state`] says, in a transaction that holds the account.
    pub async fn second_factor_held(&mut self, account: AccountId) -> Result<(Option<DateTime<Utc>>, u32)> {
        let (since, codes): (Option<DateTime<Utc>>, i64) =
            sqlx::query_as(FACTOR_STATE).bind(account).fetch_one(self.conn()).await?;
        Ok((since, codes as u32))
    }

    /// Removes time-based codes and recovery codes; whether there was a seed in use.
    pub async fn second_factor_remove(&mut self, account: AccountId) -> Result<bool> {
        self.credential_remove_kind(account, kind::TOTP_BEGUN).await?;
        self.credential_remove_kind(account, kind::RECOVERY).await?;
        self.credential_remove_kind(account, kind::TOTP).await
    }

    pub async fn app_password_count(&mut self, account: AccountId) -> Result<u64> {
        let (count,): (i64,) = sqlx::query_as(APP_COUNT).bind(account).fetch_one(self.conn()).await?;
        Ok(count as u64)
    }

    /// Removes an app password with its verifiers; its label.
    pub async fn app_password_remove(&mut self, account: AccountId, id: i64) -> Result<Option<String>> {
        let row: Option<(String,)> =
            sqlx::query_as(APP_REMOVE).bind(account).bind(id).fetch_optional(self.conn()).await?;
        Ok(row.map(|(label,)| label))
    }
}

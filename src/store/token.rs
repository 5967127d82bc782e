//! One-time links, found by the hash of their token.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::AccountId;
use chrono::{DateTime, Utc};

sql! {
    TOKEN_SET = "
        INSERT INTO account_token (account, purpose, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (account, purpose) DO UPDATE
        SET hash = EXCLUDED.hash, created_at = EXCLUDED.created_at, expires_at = EXCLUDED.expires_at";
    TOKEN_ACCOUNT = "
        SELECT t.account FROM account_token t JOIN account a ON a.id = t.account
        WHERE t.hash = $1 AND t.purpose = $2 AND t.expires_at > $3 AND a.status = 0";
    TOKEN_CONSUME = "
        DELETE FROM account_token t USING account a
        WHERE t.hash = $1 AND t.purpose = $2 AND t.expires_at > $3 AND a.id = t.account AND a.status = 0
        RETURNING t.account";
    TOKEN_EXPIRY = "SELECT expires_at FROM account_token WHERE account = $1 AND purpose = $2 FOR UPDATE";
    TOKEN_REMOVE = "DELETE FROM account_token WHERE account = $1";
    TOKEN_PRUNE = "DELETE FROM account_token WHERE expires_at < $1";
}

/// `account_token.purpose`.
pub mod purpose {
    pub const ACTIVATION: i16 = 1;
}

impl Store {
    /// Whose token this is, if it is alive and the account active: a look that uses nothing.
    pub async fn token_account(&self, hash: &[u8; 32], purpose: i16, now: DateTime<Utc>) -> Result<Option<AccountId>> {
        let row: Option<(AccountId,)> =
            sqlx::query_as(TOKEN_ACCOUNT).bind(&hash[..]).bind(purpose).bind(now).fetch_optional(self.read()).await?;
        Ok(row.map(|(account,)| account))
    }

    /// Forgets tokens that expired before `before`.
    pub async fn token_prune(&self, before: DateTime<Utc>) -> Result<()> {
        sqlx::query(TOKEN_PRUNE).bind(before).execute(self.background()).await?;
        Ok(())
    }
}

impl Tx {
    /// Gives an account its token of a purpose; an older one is void.
    pub async fn token_set(
        &mut self,
        account: AccountId,
        purpose: i16,
        hash: &[u8; 32],
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<()> {
        sqlx::query(TOKEN_SET)
            .bind(account)
            .bind(purpose)
            .bind(&hash[..])
            .bind(now)
            .bind(expires_at)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Until when an account's token lives, kept so till the commit.
    pub async fn token_expiry(&mut self, account: AccountId, purpose: i16) -> Result<Option<DateTime<Utc>>> {
        let row: Option<(DateTime<Utc>,)> =
            sqlx::query_as(TOKEN_EXPIRY).bind(account).bind(purpose).fetch_optional(self.conn()).await?;
        Ok(row.map(|(at,)| at))
    }

    /// Uses a token up and says whose it was. One statement, so that of two at once one gets nothing.
    pub async fn token_consume(
        &mut self,
        hash: &[u8; 32],
        purpose: i16,
        now: DateTime<Utc>,
    ) -> Result<Option<AccountId>> {
        let row: Option<(AccountId,)> =
            sqlx::query_as(TOKEN_CONSUME).bind(&hash[..]).bind(purpose).bind(now).fetch_optional(self.conn()).await?;
        Ok(row.map(|(account,)| account))
    }

    /// Voids all tokens of an account.
    pub async fn token_remove(&mut self, account: AccountId) -> Result<()> {
        sqlx::query(TOKEN_REMOVE).bind(account).execute(self.conn()).await?;
        Ok(())
    }
}

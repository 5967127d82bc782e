//! The claim of a fresh server.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::AccountId;
use chrono::{DateTime, Utc};

sql! {
    OWNED = "SELECT EXISTS (SELECT 1 FROM account WHERE role = 3)";
    SETUP_LINK = "
        INSERT INTO setup (token_hash, expires_at, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (one) DO UPDATE SET token_hash = EXCLUDED.token_hash, browser_hash = NULL, opened_at = NULL,
            expires_at = EXCLUDED.expires_at, created_at = EXCLUDED.created_at";
    SETUP_LOOK = "
        SELECT browser_hash, opened_at FROM setup
        WHERE token_hash = $1 AND expires_at > $2 AND NOT EXISTS (SELECT 1 FROM account WHERE role = 3)";
    /// The first browser wins; of two at once the second waits for the row and then finds the first's.
    SETUP_OPEN = "
        UPDATE setup SET browser_hash = COALESCE(browser_hash, $2), opened_at = COALESCE(opened_at, $3)
        WHERE token_hash = $1 AND expires_at > $3 AND NOT EXISTS (SELECT 1 FROM account WHERE role = 3)
        RETURNING browser_hash = $2, opened_at";
    SETUP_TAKE = "
        UPDATE setup SET token_hash = NULL
        WHERE token_hash = $1 AND browser_hash = $2 AND expires_at > $3
            AND NOT EXISTS (SELECT 1 FROM account WHERE role = 3)
        RETURNING one";
    SETUP_OWNER = "UPDATE setup SET owner = $1, steps = $2";
    SETUP_STATE = "SELECT owner, steps, done_at FROM setup";
    SETUP_STEP = "UPDATE setup SET steps = steps | $1 WHERE steps & $1 = 0";
    SETUP_DONE = "UPDATE setup SET done_at = $1 WHERE done_at IS NULL";
}

impl Store {
    /// Whether there is an owner.
    pub async fn is_owned(&self) -> Result<bool> {
        let (owned,): (bool,) = sqlx::query_as(OWNED).fetch_one(self.read()).await?;
        Ok(owned)
    }

    /// Binds a live link to the first browser that opens it: whether it is this one, and when it was opened first.
    /// `None`: no such link.
    pub async fn setup_open(
        &self,
        token: &[u8; 32],
        browser: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<(bool, DateTime<Utc>)>> {
        Ok(sqlx::query_as(SETUP_OPEN)
            .bind(&token[..])
            .bind(&browser[..])
            .bind(now)
            .fetch_optional(self.write())
            .await?)
    }

    /// A live link: the browser that it is bound to, and since when. A look that binds nothing.
    pub async fn setup_look(
        &self,
        token: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Option<(Option<Vec<u8>>, Option<DateTime<Utc>>)>> {
        Ok(sqlx::query_as(SETUP_LOOK).bind(&token[..]).bind(now).fetch_optional(self.read()).await?)
    }

    /// Who claimed the server, the steps done, and when the setup was called done.
    pub async fn setup_state(&self) -> Result<Option<(Option<AccountId>, i32, Option<DateTime<Utc>>)>> {
        Ok(sqlx::query_as(SETUP_STATE).fetch_optional(self.read()).await?)
    }
}

impl Tx {
    /// Puts a new link in the place of the old one.
    pub async fn setup_link(&mut self, token: &[u8; 32], expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(SETUP_LINK).bind(&token[..]).bind(expires_at).bind(now).execute(self.conn()).await?;
        Ok(())
    }

    /// Uses the link up, for the browser that it is bound to; whether it could be. Holds the row till the commit.
    pub async fn setup_take(&mut self, token: &[u8; 32], browser: &[u8; 32], now: DateTime<Utc>) -> Result<bool> {
        let row: Option<(bool,)> = sqlx::query_as(SETUP_TAKE)
            .bind(&token[..])
            .bind(&browser[..])
            .bind(now)
            .fetch_optional(self.conn())
            .await?;
        Ok(row.is_some())
    }

    pub async fn setup_owner(&mut self, owner: AccountId, steps: i32) -> Result<()> {
        sqlx::query(SETUP_OWNER).bind(owner).bind(steps).execute(self.conn()).await?;
        Ok(())
    }

    /// Remembers a step as done; whether it was not before.
    pub async fn setup_step(&mut self, step: i32) -> Result<bool> {
        Ok(sqlx::query(SETUP_STEP).bind(step).execute(self.conn()).await?.rows_affected() > 0)
    }

    /// Calls the setup done; whether it was not before.
    pub async fn setup_done(&mut self, now: DateTime<Utc>) -> Result<bool> {
        Ok(sqlx::query(SETUP_DONE).bind(now).execute(self.conn()).await?.rows_affected() > 0)
    }
}

//! Rows of `web_session`: signed-in browsers, found by the SHA-256 of their token.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::AccountId;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use std::net::IpAddr;

sql! {
    SESSION_FIND = "
        SELECT s.id, s.account, s.stage, s.created_at, s.seen_at, s.proved_at, s.expires_at, host(s.peer), s.agent,
            s.generation, a.generation, a.status, a.role, a.local, d.name, a.name
        FROM web_session s JOIN account a ON a.id = s.account JOIN domain d ON d.id = a.domain
        WHERE s.token_hash = $1";
    SESSION_LIST = "
        SELECT s.id, s.account, s.stage, s.created_at, s.seen_at, s.proved_at, s.expires_at, host(s.peer), s.agent,
            s.generation, a.generation, a.status, a.role, a.local, d.name, a.name
        FROM web_session s JOIN account a ON a.id = s.account JOIN domain d ON d.id = a.domain
        WHERE s.account = $1 AND s.generation = a.generation AND s.expires_at > $2 AND s.seen_at > $3
        ORDER BY s.seen_at DESC, s.id DESC";
    SESSION_ADD = "
        INSERT INTO web_session (token_hash, account, generation, stage, created_at, seen_at, proved_at, expires_at, peer, agent)
        VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8::inet, $9)";
    /// Keeps the newest ones, open and half open apart: who knows the password alone puts nobody out.
    SESSION_TRIM = "
        DELETE FROM web_session WHERE account = $1 AND (stage = 0) = $3 AND id NOT IN
            (SELECT id FROM web_session WHERE account = $1 AND (stage = 0) = $3 ORDER BY id DESC LIMIT $2)";
    SESSION_RENEW = "
        UPDATE web_session SET token_hash = $2, stage = $3, proved_at = $4, generation = $5, expires_at = $6, seen_at = $7
        WHERE token_hash = $1";
    SESSION_SEEN = "UPDATE web_session SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2";
    SESSION_REMOVE = "DELETE FROM web_session WHERE token_hash = $1";
    SESSION_END = "DELETE FROM web_session WHERE account = $1 AND id = $2 RETURNING created_at";
    SESSION_END_OTHERS = "DELETE FROM web_session WHERE account = $1 AND id <> $2";
    SESSION_PURGE = "
        DELETE FROM web_session WHERE token_hash IN
            (SELECT token_hash FROM web_session WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
}

/// A session with its account as they are now.
#[derive(Debug, Clone)]
pub struct SessionRow {
    pub id: i64,
    pub account: AccountId,
    pub stage: i16,
    pub created_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub proved_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub peer: String,
    pub agent: String,
    /// The account's credential generation when it was made.
    pub generation: i64,
    pub account_generation: i64,
    pub account_status: i16,
    pub role: i16,
    pub local: String,
    pub domain: String,
    pub name: String,
}

/// A session to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    pub account: AccountId,
    pub generation: i64,
    pub stage: i16,
    pub proved_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub peer: IpAddr,
    pub agent: &'a str,
}

fn session_row(row: &sqlx::postgres::PgRow) -> Result<SessionRow> {
    Ok(SessionRow {
        id: row.try_get(0)?,
        account: row.try_get(1)?,
        stage: row.try_get(2)?,
        created_at: row.try_get(3)?,
        seen_at: row.try_get(4)?,
        proved_at: row.try_get(5)?,
        expires_at: row.try_get(6)?,
        peer: row.try_get(7)?,
        agent: row.try_get(8)?,
        generation: row.try_get(9)?,
        account_generation: row.try_get(10)?,
        account_status: row.try_get(11)?,
        role: row.try_get(12)?,
        local: row.try_get(13)?,
        domain: row.try_get(14)?,
        name: row.try_get(15)?,
    })
}

impl Store {
    /// The session of a token.
    pub async fn session_find(&self, hash: &[u8; 32]) -> Result<Option<SessionRow>> {
        let mut conn = self.question().await?;
        let row = sqlx::query(SESSION_FIND).bind(&hash[..]).fetch_optional(&mut *conn).await?;
        conn.keep();
        row.as_ref().map(session_row).transpose()
    }

    /// Sessions that are good now and were used since `idle`, latest first.
    pub async fn session_list(
        &self,
        account: AccountId,
        now: DateTime<Utc>,
        idle: DateTime<Utc>,
    ) -> Result<Vec<SessionRow>> {
        let rows = sqlx::query(SESSION_LIST).bind(account).bind(now).bind(idle).fetch_all(self.read()).await?;
        rows.iter().map(session_row).collect()
    }

    /// Notes that a session was used.
    pub async fn session_seen(&self, hash: &[u8; 32], now: DateTime<Utc>) -> Result<()> {
        sqlx::query(SESSION_SEEN).bind(&hash[..]).bind(now).execute(self.write()).await?;
        Ok(())
    }

    /// Forgets sessions that ended before `now`; how many.
    pub async fn session_purge(&self, now: DateTime<Utc>, limit: i64) -> Result<u64> {
        let done = sqlx::query(SESSION_PURGE).bind(now).bind(limit).execute(self.background()).await?;
        Ok(done.rows_affected())
    }
}

impl Tx {
    /// Adds a session.
    pub async fn session_add(&mut self, hash: &[u8; 32], new: &NewSession<'_>, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(SESSION_ADD)
            .bind(&hash[..])
            .bind(new.account)
            .bind(new.generation)
            .bind(new.stage)
            .bind(now)
            .bind(new.proved_at)
            .bind(new.expires_at)
            .bind(new.peer.to_string())
            .bind(new.agent)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Drops the oldest sessions of an account beyond `most`, of the open ones or of those that still owe a proof.
    pub async fn session_trim(&mut self, account: AccountId, open: bool, most: i64) -> Result<()> {
        sqlx::query(SESSION_TRIM).bind(account).bind(most).bind(open).execute(self.conn()).await?;
        Ok(())
    }

    /// Gives a session another token, stage, proof and generation; whether it was still there.
    pub async fn session_renew(
        &mut self,
        old: &[u8; 32],
        new: &[u8; 32],
        (stage, proved_at, generation): (i16, Option<DateTime<Utc>>, i64),
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let done = sqlx::query(SESSION_RENEW)
            .bind(&old[..])
            .bind(&new[..])
            .bind(stage)
            .bind(proved_at)
            .bind(generation)
            .bind(expires_at)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends the session of a token.
    pub async fn session_remove(&mut self, hash: &[u8; 32]) -> Result<()> {
        sqlx::query(SESSION_REMOVE).bind(&hash[..]).execute(self.conn()).await?;
        Ok(())
    }

    /// Ends one session of an account; when it began. `None`: there was none.
    pub async fn session_end(&mut self, account: AccountId, id: i64) -> Result<Option<DateTime<Utc>>> {
        let row: Option<(DateTime<Utc>,)> =
            sqlx::query_as(SESSION_END).bind(account).bind(id).fetch_optional(self.conn()).await?;
        Ok(row.map(|(began,)| began))
    }

    /// Ends all sessions of an account but one; how many.
    pub async fn session_end_others(&mut self, account: AccountId, keep: i64) -> Result<u64> {
        Ok(sqlx::query(SESSION_END_OTHERS).bind(account).bind(keep).execute(self.conn()).await?.rows_affected())
    }
}

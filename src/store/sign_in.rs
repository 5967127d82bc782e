//! Who signed in when, and who tried to.

use super::sql::sql;
use super::{Result, Store};
use crate::model::ids::AccountId;
use chrono::{DateTime, Utc};
use std::net::IpAddr;

sql! {
    SIGN_IN_ADD = "
        INSERT INTO sign_in (account, at, protocol, peer, agent, ok) VALUES ($1, $2, $3, $4::text::inet, $5, true)";
    SIGN_IN_LIST = "
        SELECT at, protocol, host(peer), agent, ok FROM sign_in WHERE account = $1 ORDER BY id DESC LIMIT $2";
    /// The one before the last good one, and the last bad one.
    SIGN_IN_BEFORE = "
        (SELECT at, protocol, host(peer), agent, ok FROM sign_in WHERE account = $1 AND ok ORDER BY id DESC OFFSET 1 LIMIT 1)
        UNION ALL
        (SELECT at, protocol, host(peer), agent, ok FROM sign_in WHERE account = $1 AND NOT ok ORDER BY id DESC LIMIT 1)";
    SIGN_IN_PRUNE = "DELETE FROM sign_in WHERE at < $1";
    /// Only who got rows lately can have too many.
    SIGN_IN_TRIM = "
        DELETE FROM sign_in WHERE id IN (
            SELECT s.id FROM (SELECT DISTINCT account, ok FROM sign_in WHERE at > $1) busy
            CROSS JOIN LATERAL (
                SELECT id FROM sign_in WHERE account = busy.account AND ok = busy.ok ORDER BY id DESC OFFSET $2
            ) s)";
}

/// A sign-in or a failed one.
#[derive(Debug, Clone)]
pub struct SignInRow {
    pub at: DateTime<Utc>,
    pub protocol: i16,
    pub peer: Option<IpAddr>,
    pub agent: String,
    pub ok: bool,
}

type Row = (DateTime<Utc>, i16, String, String, bool);

fn sign_in_row((at, protocol, peer, agent, ok): Row) -> SignInRow {
    SignInRow { at, protocol, peer: peer.parse().ok(), agent, ok }
}

impl Store {
    /// Notes a sign-in that succeeded; one that failed is noted with its count
    /// ([`Store::login_failure_add`]).
    pub async fn sign_in_add(
        &self,
        account: AccountId,
        protocol: i16,
        peer: IpAddr,
        agent: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        sqlx::query(SIGN_IN_ADD)
            .bind(account)
            .bind(now)
            .bind(protocol)
            .bind(peer.to_string())
            .bind(agent)
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// The last of an account, newest first.
    pub async fn sign_in_list(&self, account: AccountId, limit: i64) -> Result<Vec<SignInRow>> {
        let rows: Vec<Row> = sqlx::query_as(SIGN_IN_LIST).bind(account).bind(limit).fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(sign_in_row).collect())
    }

    /// The good one before the last good one, and the last bad one; each may be missing.
    pub async fn sign_in_before(&self, account: AccountId) -> Result<Vec<SignInRow>> {
        let rows: Vec<Row> = sqlx::query_as(SIGN_IN_BEFORE).bind(account).fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(sign_in_row).collect())
    }

    /// Forgets what is older than `before`, and of accounts with rows since `since` all but the last `keep` of each kind.
    pub async fn sign_in_prune(&self, before: DateTime<Utc>, since: DateTime<Utc>, keep: i64) -> Result<()> {
        sqlx::query(SIGN_IN_PRUNE).bind(before).execute(self.background()).await?;
        sqlx::query(SIGN_IN_TRIM).bind(since).bind(keep).execute(self.background()).await?;
        Ok(())
    }
}

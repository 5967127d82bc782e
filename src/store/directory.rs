//! Where an address leads: one statement for RCPT.

use super::sql::sql;
use super::{Result, Store};
use crate::model::ids::{AccountId, MailboxId};
use chrono::{DateTime, Utc};
use sqlx::Row as _;

sql! {
    /// The common case, at half the price: an address that is an account's.
    ADDRESS_ACCOUNT = "
        SELECT s.enabled AND (s.expires_at IS NULL OR s.expires_at > $3), a.id, a.status, a.local, d.name, a.quota_bytes,
            m.inbox, m.used
        FROM domain h JOIN address s ON s.domain = COALESCE(h.alias_of, h.id) AND s.local = $2
        JOIN account a ON a.id = s.account JOIN domain d ON d.id = a.domain
        CROSS JOIN LATERAL (
            SELECT max(id) FILTER (WHERE parent IS NULL AND name = 'INBOX') AS inbox, COALESCE(sum(bytes), 0)::int8 AS used
            FROM mailbox WHERE account = a.id AND removed_at IS NULL
        ) m WHERE h.name = $1";
    /// Tries `$2` (the local part as a whole), then `$3` (without its detail); an alias domain looks in its target.
    ADDRESS_RESOLVE = "
        WITH home AS (
            SELECT COALESCE(alias_of, id) AS id FROM domain WHERE name = $1
        ), hit AS (
            SELECT s.* FROM home JOIN address s ON s.domain = home.id AND s.local IN ($2, $3)
            ORDER BY s.local = $2 DESC LIMIT 1
        ), ends AS (
            SELECT h.account, NULL::text AS remote, 0 AS n FROM hit h WHERE h.account IS NOT NULL
            UNION ALL
            SELECT t.account, t.remote, t.n FROM hit h JOIN address_target t ON t.address = h.id WHERE h.account IS NULL
        )
        SELECT (SELECT count(*) FROM home), (SELECT count(*) FROM hit),
            (SELECT enabled AND (expires_at IS NULL OR expires_at > $4) FROM hit),
            e.account, e.remote, a.status, a.local, d.name, a.quota_bytes,
            (SELECT m.id FROM mailbox m WHERE m.account = a.id AND m.parent IS NULL AND m.name = 'INBOX' AND m.removed_at IS NULL),
            (SELECT COALESCE(sum(m.bytes), 0)::int8 FROM mailbox m WHERE m.account = a.id AND m.removed_at IS NULL)
        FROM (SELECT 1) one LEFT JOIN ends e ON true LEFT JOIN account a ON a.id = e.account LEFT JOIN domain d ON d.id = a.domain
        ORDER BY e.n";
    ADDRESS_OWNER = "
        SELECT s.account FROM address s JOIN domain d ON d.id = s.domain OR d.alias_of = s.domain
        WHERE d.name = $1 AND s.local IN ($2, $3) AND s.account = $4 LIMIT 1";
    OWNERS = "
        WITH top AS (SELECT max(role) AS role FROM account WHERE status = 0)
        SELECT a.local, d.name FROM account a JOIN top ON top.role = a.role JOIN domain d ON d.id = a.domain
        WHERE a.status = 0 ORDER BY (d.name = $1) DESC, a.id LIMIT (SELECT CASE WHEN role = 3 THEN 5 ELSE 1 END FROM top)";
    DOMAIN_KNOWN = "SELECT count(*) FROM domain WHERE name = $1";
    /// A domain of ours; for one that repeats another's addresses, the other.
    DOMAIN_OF_ADDRESSES = "SELECT COALESCE(t.name, d.name) FROM domain d LEFT JOIN domain t ON t.id = d.alias_of WHERE d.name = $1";
    DEFAULT_DOMAIN = "SELECT COALESCE(t.name, d.name) FROM domain d LEFT JOIN domain t ON t.id = d.alias_of WHERE d.is_default";
}

/// What an address leads to.
#[derive(Debug, Clone)]
pub struct ResolvedRow {
    pub domain_is_ours: bool,
    pub found: bool,
    /// Switched on and not expired.
    pub enabled: bool,
    pub targets: Vec<TargetRow>,
}

#[derive(Debug, Clone)]
pub enum TargetRow {
    Account {
        account: AccountId,
        status: i16,
        local: String,
        domain: String,
        quota_bytes: Option<u64>,
        inbox: Option<MailboxId>,
        used: u64,
    },
    Remote(String),
}

type AccountHit = (bool, AccountId, i16, String, String, Option<i64>, Option<MailboxId>, i64);

impl Store {
    /// Resolves a folded local part, and the one without detail, in a domain.
    pub async fn address_resolve(
        &self,
        domain: &str,
        local: &str,
        base: &str,
        now: DateTime<Utc>,
    ) -> Result<ResolvedRow> {
        let mut conn = self.question().await?;
        let direct: Option<AccountHit> =
            sqlx::query_as(ADDRESS_ACCOUNT).bind(domain).bind(local).bind(now).fetch_optional(&mut *conn).await?;
        if let Some((enabled, account, status, local, domain, quota, inbox, used)) = direct {
            conn.keep();
            let (quota_bytes, used) = (quota.map(|n| n as u64), used as u64);
            let target = TargetRow::Account { account, status, local, domain, quota_bytes, inbox, used };
            return Ok(ResolvedRow { domain_is_ours: true, found: true, enabled, targets: vec![target] });
        }
        let rows =
            sqlx::query(ADDRESS_RESOLVE).bind(domain).bind(local).bind(base).bind(now).fetch_all(&mut *conn).await?;
        conn.keep();
        let mut out = ResolvedRow { domain_is_ours: false, found: false, enabled: false, targets: Vec::new() };
        for row in &rows {
            out.domain_is_ours = row.try_get::<i64, _>(0)? > 0;
            out.found = row.try_get::<i64, _>(1)? > 0;
            out.enabled = row.try_get::<Option<bool>, _>(2)?.unwrap_or(false);
            if let Some(account) = row.try_get::<Option<AccountId>, _>(3)? {
                out.targets.push(TargetRow::Account {
                    account,
                    status: row.try_get(5)?,
                    local: row.try_get(6)?,
                    domain: row.try_get(7)?,
                    quota_bytes: row.try_get::<Option<i64>, _>(8)?.map(|n| n as u64),
                    inbox: row.try_get(9)?,
                    used: row.try_get::<i64, _>(10)? as u64,
                });
            } else if let Some(remote) = row.try_get::<Option<String>, _>(4)? {
                out.targets.push(TargetRow::Remote(remote));
            }
        }
        Ok(out)
    }

    /// Whether the address (or its form without detail) is one of the account's own.
    pub async fn address_is_of(&self, account: AccountId, domain: &str, local: &str, base: &str) -> Result<bool> {
        let row: Option<(AccountId,)> = sqlx::query_as(ADDRESS_OWNER)
            .bind(domain)
            .bind(local)
            .bind(base)
            .bind(account)
            .fetch_optional(self.read())
            .await?;
        Ok(row.is_some())
    }

    /// Main addresses of those who get postmaster's mail: up to five owners, those of `domain` first; where there is no
    /// owner, the one account of the highest role.
    pub async fn owner_addresses(&self, domain: &str) -> Result<Vec<(String, String)>> {
        Ok(sqlx::query_as(OWNERS).bind(domain).fetch_all(self.read()).await?)
    }

    pub async fn domain_is_known(&self, domain: &str) -> Result<bool> {
        let (count,): (i64,) = sqlx::query_as(DOMAIN_KNOWN).bind(domain).fetch_one(self.read()).await?;
        Ok(count > 0)
    }

    /// The domain in whose name the addresses of `domain` stand: itself, or the one it repeats. `None`: not ours.
    pub async fn domain_of_addresses(&self, domain: &str) -> Result<Option<String>> {
        let row: Option<(String,)> =
            sqlx::query_as(DOMAIN_OF_ADDRESSES).bind(domain).fetch_optional(self.read()).await?;
        Ok(row.map(|(name,)| name))
    }

    /// The domain that completes bare names.
    pub async fn default_domain(&self) -> Result<Option<String>> {
        let row: Option<(String,)> = sqlx::query_as(DEFAULT_DOMAIN).fetch_optional(self.read()).await?;
        Ok(row.map(|(name,)| name))
    }
}

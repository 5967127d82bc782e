//! Who did what, for whom, from where: written in the act's own transaction (I9).

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::{AccountId, AuditId};
use chrono::{DateTime, Utc};
use serde_json::Value;

sql! {
    AUDIT_ADD = "
        INSERT INTO audit (at, actor, actor_name, origin, action, subject, subject_name, before, after)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    /// A domain sees what was done to its addresses and to itself; from where, of its admin and the people they look after.
    AUDIT_DOMAIN = "
        SELECT id, at, actor, actor_name,
            CASE WHEN actor IS NULL OR actor = $6 OR EXISTS (
                SELECT 1 FROM account a JOIN domain d ON d.id = a.domain
                WHERE a.id = audit.actor AND d.name = $1 AND a.role = ANY($7)) THEN origin ELSE '' END, action, subject, subject_name, before, after FROM audit
        WHERE split_part(subject_name, '@', -1) COLLATE \"C\" = $1 AND ($2::int8 IS NULL OR id < $2)
            AND ($3::int8 IS NULL OR subject = $3) AND starts_with(action, $4)
        ORDER BY id DESC LIMIT $5";
    AUDIT_SUBJECT = "
        SELECT id, at, actor, actor_name, origin, action, subject, subject_name, before, after FROM audit
        WHERE subject = $1 AND ($2::int8 IS NULL OR id < $2) AND starts_with(action, $3) ORDER BY id DESC LIMIT $4";
    AUDIT_BY_OTHERS = "
        SELECT id, at, actor, actor_name, CASE WHEN actor IS NULL THEN origin ELSE '' END, action, subject, subject_name,
            before, after FROM audit
        WHERE subject = $1 AND actor IS DISTINCT FROM $1 AND ($2::int8 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3";
    AUDIT_ALL = "
        SELECT id, at, actor, actor_name, origin, action, subject, subject_name, before, after FROM audit
        WHERE ($1::int8 IS NULL OR id < $1) AND starts_with(action, $2) ORDER BY id DESC LIMIT $3";
    AUDIT_OF_NAME = "
        SELECT id, at, actor, actor_name, origin, action, subject, subject_name, before, after FROM audit
        WHERE split_part(subject_name, '@', -1) COLLATE \"C\" = $1 AND starts_with(action, $2) ORDER BY id DESC LIMIT $3";
}

/// What is asked for, newest first.
#[derive(Debug, Clone, Copy)]
pub struct AuditQuery<'a> {
    /// `None`: somebody who may read all.
    pub reader: Option<Reader<'a>>,
    pub subject: Option<AccountId>,
    /// Beginning of the action: `account.`; empty: all.
    pub action: &'a str,
    /// Older than this one.
    pub below: Option<AuditId>,
}

/// A domain's admin, who reads what was done to it and its addresses.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub account: Option<AccountId>,
    pub domain: &'a str,
    /// Those of the people they look after.
    pub roles: &'a [i16],
}

/// A row as it is read.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: DateTime<Utc>,
    pub actor: Option<AccountId>,
    pub actor_name: String,
    pub origin: String,
    pub action: String,
    pub subject: Option<AccountId>,
    pub subject_name: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

type Row = (
    AuditId,
    DateTime<Utc>,
    Option<AccountId>,
    String,
    String,
    String,
    Option<AccountId>,
    String,
    Option<Value>,
    Option<Value>,
);

fn entry((id, at, actor, actor_name, origin, action, subject, subject_name, before, after): Row) -> AuditEntry {
    AuditEntry { id, at, actor, actor_name, origin, action, subject, subject_name, before, after }
}

/// One row; never holds a secret.
#[derive(Debug, Clone)]
pub struct AuditRow<'a> {
    pub actor: Option<AccountId>,
    pub actor_name: &'a str,
    pub origin: &'a str,
    /// Dotted: `account.add`, `password.set`.
    pub action: &'static str,
    pub subject: Option<AccountId>,
    pub subject_name: &'a str,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

impl Tx {
    /// Writes the row; the last statement of its transaction (lock order).
    pub async fn audit_add(&mut self, row: &AuditRow<'_>, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(AUDIT_ADD)
            .bind(now)
            .bind(row.actor)
            .bind(row.actor_name)
            .bind(row.origin)
            .bind(row.action)
            .bind(row.subject)
            .bind(row.subject_name)
            .bind(&row.before)
            .bind(&row.after)
            .execute(self.conn())
            .await?;
        Ok(())
    }
}

impl Store {
    /// Up to `limit` rows, newest first; a statement for each index.
    pub async fn audit_page(&self, query: &AuditQuery<'_>, limit: i64) -> Result<Vec<AuditEntry>> {
        let AuditQuery { reader, subject, action, below } = *query;
        let rows = match (reader, subject) {
            (Some(Reader { account, domain, roles }), subject) => {
                let rows = sqlx::query_as(AUDIT_DOMAIN).bind(domain).bind(below).bind(subject).bind(action).bind(limit);
                rows.bind(account).bind(roles)
            }
            (None, Some(subject)) => sqlx::query_as(AUDIT_SUBJECT).bind(subject).bind(below).bind(action).bind(limit),
            (None, None) => sqlx::query_as(AUDIT_ALL).bind(below).bind(action).bind(limit),
        };
        let rows: Vec<Row> = rows.fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(entry).collect())
    }

    /// Up to `limit` acts of others on an account, newest first.
    pub async fn audit_by_others(
        &self,
        subject: AccountId,
        below: Option<AuditId>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>> {
        let rows: Vec<Row> =
            sqlx::query_as(AUDIT_BY_OTHERS).bind(subject).bind(below).bind(limit).fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(entry).collect())
    }

    /// The last acts of a kind on something that has a name and no account: a setting.
    pub async fn audit_of_name(&self, name: &str, action: &str, limit: i64) -> Result<Vec<AuditEntry>> {
        let rows: Vec<Row> =
            sqlx::query_as(AUDIT_OF_NAME).bind(name).bind(action).bind(limit).fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(entry).collect())
    }
}

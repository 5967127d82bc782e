//! Who did what, for whom, from where: written in the act's own transaction (I9).

use super::sql::sql;
use super::{Result, Tx};
use crate::model::ids::AccountId;
use chrono::{DateTime, Utc};

sql! {
    AUDIT_ADD = "
        INSERT INTO audit (at, actor, actor_name, origin, action, subject, subject_name, before, after)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
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

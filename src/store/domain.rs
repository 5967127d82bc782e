//! Domains whose mail we take.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::event::Event;
use crate::model::ids::DomainId;
use chrono::{DateTime, Utc};

sql! {
    DOMAIN_LIST = "
        SELECT d.id, d.name, d.is_default, (SELECT name FROM domain WHERE id = d.alias_of),
            (SELECT count(*) FROM account WHERE domain = d.id)
        FROM domain d ORDER BY d.name";
    DOMAIN_ADD = "
        INSERT INTO domain (name, alias_of, is_default, created_at)
        SELECT $1, $2, NOT EXISTS (SELECT 1 FROM domain), $3 RETURNING id";
    DOMAIN_REMOVE = "
        DELETE FROM domain d WHERE id = $1 RETURNING is_default, (SELECT name FROM domain WHERE id = d.alias_of)";
    DOMAIN_UNDEFAULT = "UPDATE domain SET is_default = false WHERE is_default RETURNING name";
    DOMAIN_DEFAULT = "UPDATE domain SET is_default = true WHERE id = $1";
}

/// A row of `domain` with the number of its accounts.
#[derive(Debug, Clone)]
pub struct DomainRow {
    pub id: DomainId,
    pub name: String,
    pub is_default: bool,
    pub alias_of: Option<String>,
    pub accounts: u64,
}

impl Store {
    /// All domains by name.
    pub async fn domain_list(&self) -> Result<Vec<DomainRow>> {
        let rows: Vec<(DomainId, String, bool, Option<String>, i64)> =
            sqlx::query_as(DOMAIN_LIST).fetch_all(self.read()).await?;
        let row = |(id, name, is_default, alias_of, accounts): (_, _, _, _, i64)| DomainRow {
            id,
            name,
            is_default,
            alias_of,
            accounts: accounts as u64,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

impl Tx {
    /// Adds a domain; the first one becomes the default.
    pub async fn domain_add(&mut self, name: &str, alias_of: Option<DomainId>, now: DateTime<Utc>) -> Result<DomainId> {
        let (id,): (DomainId,) =
            sqlx::query_as(DOMAIN_ADD).bind(name).bind(alias_of).bind(now).fetch_one(self.conn()).await?;
        self.tell(Event::DomainChanged);
        Ok(id)
    }

    /// Removes a domain without accounts and addresses: whether it was the default, and whose addresses it repeated.
    /// `None`: it is gone already.
    pub async fn domain_remove(&mut self, id: DomainId) -> Result<Option<(bool, Option<String>)>> {
        let row = sqlx::query_as(DOMAIN_REMOVE).bind(id).fetch_optional(self.conn()).await?;
        self.tell(Event::DomainChanged);
        Ok(row)
    }

    /// Makes a domain the one that completes bare names; which one did before.
    pub async fn domain_default(&mut self, id: DomainId) -> Result<Option<String>> {
        let row: Option<(String,)> = sqlx::query_as(DOMAIN_UNDEFAULT).fetch_optional(self.conn()).await?;
        sqlx::query(DOMAIN_DEFAULT).bind(id).execute(self.conn()).await?;
        self.tell(Event::DomainChanged);
        Ok(row.map(|(name,)| name))
    }
}

//! Lists of people, searched and paged by key: no page costs more for being far down.

use super::sql::sql;
use super::{Result, Store};
use crate::model::ids::{AccountId, DomainId};
use chrono::{DateTime, Utc};
use sqlx::Row as _;

macro_rules! person_columns {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.local, d.name, a.name, a.role, s.state, a.quota_bytes, a.created_at,
                (SELECT COALESCE(sum(bytes), 0)::int8 FROM mailbox WHERE account = a.id AND removed_at IS NULL),
                GREATEST((SELECT max(last_used_at) FROM credential WHERE account = a.id),
                    (SELECT at FROM sign_in WHERE account = a.id AND ok ORDER BY id DESC LIMIT 1)),
                EXISTS (SELECT 1 FROM credential WHERE account = a.id AND kind = 5)
            FROM account a JOIN domain d ON d.id = a.domain
            CROSS JOIN LATERAL (
                SELECT CASE WHEN a.status <> 0 THEN 1
                    WHEN EXISTS (SELECT 1 FROM credential WHERE account = a.id AND kind = 1) THEN 0 ELSE 2 END AS state
            ) s ",
            $rest
        )
    };
}

sql! {
    PERSON = person_columns!("WHERE a.id = $1");
    /// The first condition on the local part is for the index, the second for those of equal names. That on the status
    /// spares a look at the credentials of everybody.
    PEOPLE_PAGE = person_columns!("
        WHERE ($1::int8 IS NULL OR a.domain = $1) AND a.local >= $2 AND (a.local, d.name) > ($2, $3)
            AND ($4::int4 IS NULL OR (a.status <> 0) = ($4 = 1)) AND ($4 IS NULL OR s.state = $4)
            AND ($5 = '' OR strpos(a.name_key, $5) > 0 OR a.id IN (
                SELECT f.account FROM address f JOIN domain fd ON fd.id = f.domain
                WHERE strpos(f.local, $6) > 0 AND starts_with(fd.name, $7)))
        ORDER BY a.local, d.name LIMIT $8");
    PEOPLE_COUNTS = "
        SELECT count(*) FILTER (WHERE a.status = 0 AND p.account IS NOT NULL), count(*) FILTER (WHERE a.status <> 0),
            count(*) FILTER (WHERE a.status = 0 AND p.account IS NULL)
        FROM account a LEFT JOIN (SELECT account FROM credential WHERE kind = 1) p ON p.account = a.id
        WHERE $1::int8 IS NULL OR a.domain = $1";
    /// Further addresses, and aliases that lead to others too.
    PERSON_ADDRESSES = "
        SELECT f.local || '@' || d.name, f.account IS NOT NULL FROM address f JOIN domain d ON d.id = f.domain
        WHERE NOT f.is_primary
            AND (f.account = $1 OR f.id IN (SELECT address FROM address_target WHERE account = $1))
        ORDER BY f.local, d.name";
}

/// Who is looked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// `None`: of all.
    pub domain: Option<DomainId>,
    /// Only what comes after this local part and domain; empty at the beginning.
    pub after: (&'a str, &'a str),
    /// As in [`PersonRow::state`].
    pub state: Option<i32>,
    /// Part of a folded name; empty: everybody.
    pub name: &'a str,
    /// Part of a local part, and the beginning of its domain.
    pub local: &'a str,
    pub domain_start: &'a str,
}

/// An account in a list.
#[derive(Debug, Clone)]
pub struct PersonRow {
    pub id: AccountId,
    pub local: String,
    pub domain: String,
    pub name: String,
    pub role: i16,
    /// 0 active, 1 suspended, 2 without a password yet.
    pub state: i32,
    pub quota_bytes: Option<u64>,
    pub created_at: DateTime<Utc>,
    pub used: u64,
    pub last_sign_in: Option<DateTime<Utc>>,
    pub second_factor: bool,
}

fn person_row(row: &sqlx::postgres::PgRow) -> Result<PersonRow> {
    Ok(PersonRow {
        id: row.try_get(0)?,
        local: row.try_get(1)?,
        domain: row.try_get(2)?,
        name: row.try_get(3)?,
        role: row.try_get(4)?,
        state: row.try_get(5)?,
        quota_bytes: row.try_get::<Option<i64>, _>(6)?.map(|n| n as u64),
        created_at: row.try_get(7)?,
        used: row.try_get::<i64, _>(8)? as u64,
        last_sign_in: row.try_get(9)?,
        second_factor: row.try_get(10)?,
    })
}

impl Store {
    pub async fn person(&self, id: AccountId) -> Result<Option<PersonRow>> {
        sqlx::query(PERSON).bind(id).fetch_optional(self.read()).await?.as_ref().map(person_row).transpose()
    }

    /// Up to `limit` accounts by local part and domain.
    pub async fn people_page(&self, wanted: &Wanted<'_>, limit: i64) -> Result<Vec<PersonRow>> {
        let rows = sqlx::query(PEOPLE_PAGE)
            .bind(wanted.domain)
            .bind(wanted.after.0)
            .bind(wanted.after.1)
            .bind(wanted.state)
            .bind(wanted.name)
            .bind(wanted.local)
            .bind(wanted.domain_start)
            .bind(limit)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(person_row).collect()
    }

    /// How many are active, suspended, without a password yet.
    pub async fn people_counts(&self, domain: Option<DomainId>) -> Result<[u64; 3]> {
        let (active, suspended, waiting): (i64, i64, i64) =
            sqlx::query_as(PEOPLE_COUNTS).bind(domain).fetch_one(self.read()).await?;
        Ok([active as u64, suspended as u64, waiting as u64])
    }

    /// Addresses besides the main one that lead to an account, and whether to it alone.
    pub async fn person_addresses(&self, id: AccountId) -> Result<Vec<(String, bool)>> {
        Ok(sqlx::query_as(PERSON_ADDRESSES).bind(id).fetch_all(self.read()).await?)
    }
}

//! What the store relies on in a database that it did not make: proved at start, refused in words.

use super::sql::sql;
use super::{Result, StoreError};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use std::time::Duration;

/// How long a notice to ourselves may take.
const NOTICE: Duration = Duration::from_secs(10);

sql! {
    FACTS = "
        SELECT current_setting('server_version_num')::int4, current_setting('synchronous_commit'),
            current_setting('server_encoding'), pg_is_in_recovery()";
    LOCK_TAKE = "SELECT pg_try_advisory_lock($1)";
    LOCK_GIVE = "SELECT pg_advisory_unlock($1)";
    NOTICE_SEND = "SELECT pg_notify($1, '')";
    AUDIT_OPEN = "SELECT has_table_privilege('audit', 'UPDATE') OR has_table_privilege('audit', 'DELETE')";
}

/// What the server says of itself.
struct Facts {
    version: i32,
    synchronous_commit: String,
    encoding: String,
    standby: bool,
}

impl Facts {
    /// Why it can't be used, in words for an admin.
    fn fault(&self) -> Option<String> {
        if self.version < 150_000 {
            return Some(format!("it is PostgreSQL {}, and 15 or later is needed", self.version / 10_000));
        }
        if self.synchronous_commit == "off" {
            return Some("synchronous_commit is off, so mail that was answered for could be lost: switch it on".into());
        }
        if self.encoding != "UTF8" {
            return Some(format!(
                "its encoding is {}: create it with ENCODING 'UTF8' TEMPLATE template0",
                self.encoding
            ));
        }
        self.standby.then(|| "it is a standby, which can't be written to: name the primary".into())
    }
}

/// Proves version, durable commits, advisory locks and LISTEN as the runtime role.
///
/// # Errors
/// [`StoreError::Unfit`] says in words what is missing; others if it can't be reached.
pub async fn prove(connect: &PgConnectOptions) -> Result<()> {
    let pool = PgPoolOptions::new().max_connections(3).connect_lazy_with(connect.clone());
    let done = prove_on(&pool).await;
    pool.close().await;
    done
}

async fn prove_on(pool: &PgPool) -> Result<()> {
    let (version, synchronous_commit, encoding, standby) = sqlx::query_as(FACTS).fetch_one(pool).await?;
    if let Some(fault) = (Facts { version, synchronous_commit, encoding, standby }).fault() {
        return Err(StoreError::Unfit(fault));
    }
    let mut key = [0; 8];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| StoreError::Unfit("no random numbers here".into()))?;
    let key = i64::from_le_bytes(key);
    // Two connections at once: what the one holds the other must not get.
    let (mut one, mut two) = (pool.acquire().await?, pool.acquire().await?);
    let (first,): (bool,) = sqlx::query_as(LOCK_TAKE).bind(key).fetch_one(&mut *one).await?;
    let (second,): (bool,) = sqlx::query_as(LOCK_TAKE).bind(key).fetch_one(&mut *two).await?;
    let (given,): (bool,) = sqlx::query_as(LOCK_GIVE).bind(key).fetch_one(&mut *one).await?;
    if !first || second || !given {
        return Err(StoreError::Unfit(
            "advisory locks do not hold: a pooler in front of it must give each client a session of its own".into(),
        ));
    }
    drop(two);
    let channel = format!("mailstead_{:016x}", key.unsigned_abs());
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(&channel).await?;
    sqlx::query(NOTICE_SEND).bind(&channel).execute(&mut *one).await?;
    match tokio::time::timeout(NOTICE, listener.recv()).await {
        Ok(heard) => heard.map(|_| ()).map_err(StoreError::from),
        Err(_) => Err(StoreError::Unfit(
            "LISTEN hears nothing: a pooler in front of it must give each client a session of its own".into(),
        )),
    }
}

/// Whether the runtime role may not change what the audit says (I9); asked after the migrations.
pub async fn audit_is_protected(connect: &PgConnectOptions) -> Result<bool> {
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(connect.clone());
    let row: std::result::Result<(bool,), sqlx::Error> = sqlx::query_as(AUDIT_OPEN).fetch_one(&pool).await;
    pool.close().await;
    Ok(!row?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_relied_on_is_told_in_words() {
        let facts = |version, synchronous_commit: &str, encoding: &str, standby| {
            let (synchronous_commit, encoding) = (synchronous_commit.to_owned(), encoding.to_owned());
            Facts { version, synchronous_commit, encoding, standby }.fault().unwrap_or_default()
        };
        assert_eq!(facts(150_004, "on", "UTF8", false), "");
        assert_eq!(facts(170_000, "remote_apply", "UTF8", false), "");
        assert_eq!(facts(140_011, "on", "UTF8", false), "it is PostgreSQL 14, and 15 or later is needed");
        assert!(facts(150_004, "off", "UTF8", false).starts_with("synchronous_commit is off"));
        assert!(facts(150_004, "on", "SQL_ASCII", false).starts_with("its encoding is SQL_ASCII"));
        assert!(facts(150_004, "on", "UTF8", true).starts_with("it is a standby"));
    }
}

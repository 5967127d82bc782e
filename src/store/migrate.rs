//! Migrations: embedded, run at start under an advisory lock, each in a transaction of its own.

use super::{Result, StoreError, sql::sql};
use rust_embed::RustEmbed;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, SqlStr};
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "migrations"]
struct Files;

sql! {
    GRANT_RUNTIME = "
        DO $$ DECLARE target text := current_setting('mailstead.runtime_role'); BEGIN
            EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', target);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', target);
            EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO %I', target);
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM %I', target);
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM %I', target);
        END $$";
    SET_RUNTIME_ROLE = "SELECT set_config('mailstead.runtime_role', $1, false)";
    CURRENT_USER = "SELECT current_user::text";
}

/// The migrations of this binary, by number.
pub fn known() -> Vec<Migration> {
    let mut list: Vec<Migration> = Files::iter()
        .filter_map(|name| {
            let file = Files::get(&name)?;
            let (number, rest) = name.split_once('_')?;
            let text = String::from_utf8(file.data.into_owned()).ok()?;
            Some(Migration::new(
                number.parse().ok()?,
                Cow::Owned(rest.trim_end_matches(".sql").to_owned()),
                MigrationType::Simple,
                SqlStr::from_static(String::leak(text)),
                false,
            ))
        })
        .collect();
    list.sort_by_key(|m| m.version);
    list
}

/// Brings the schema to this binary's, as the owner; then gives the runtime role its rights (I9).
///
/// # Errors
/// [`StoreError::NewerSchema`] when a newer binary was here; [`StoreError::Migrate`] for a migration that failed or
/// whose text changed after it was run.
pub async fn migrate(owner: &PgConnectOptions, runtime_role: &str) -> Result<()> {
    let mut conn = PgConnection::connect_with(owner).await?;
    let list = known();
    let newest = list.last().map_or(0, |m| m.version);
    let migrator = Migrator::with_migrations(list);
    migrator.run_direct(None, &mut conn, false).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::VersionMissing(found) if found > newest => {
            StoreError::NewerSchema { found, known: newest }
        }
        other => StoreError::Migrate(other),
    })?;
    let (me,): (String,) = sqlx::query_as(CURRENT_USER).fetch_one(&mut conn).await?;
    if me != runtime_role {
        sqlx::query(SET_RUNTIME_ROLE).bind(runtime_role).execute(&mut conn).await?;
        sqlx::raw_sql(GRANT_RUNTIME).execute(&mut conn).await?;
    }
    conn.close().await?;
    Ok(())
}

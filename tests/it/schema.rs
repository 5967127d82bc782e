//! Migrations and what they leave behind.

use crate::harness::pg::Database;
use mailstead::store::StoreError;
use mailstead::store::migrate::{known, migrate};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn two_processes_that_start_at_once_migrate_once() {
    let database = Database::empty().await;
    let (one, two) = tokio::join!(migrate(&database.options, "postgres"), migrate(&database.options, "postgres"));
    one.unwrap();
    two.unwrap();
    let mut conn = PgConnection::connect_with(&database.options).await.unwrap();
    let rows: Vec<(i64, bool)> = sqlx::query_as("SELECT version, success FROM _sqlx_migrations ORDER BY version")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    assert_eq!(rows, known().iter().map(|m| (m.version, true)).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_older_binary_refuses_a_newer_schema_in_words() {
    let database = Database::new().await;
    database
        .execute("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '', 0)")
        .await;
    let error = migrate(&database.options, "postgres").await.unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 9999, .. }));
    let words = error.to_string();
    assert!(
        words.starts_with("the database was last used by a newer Mailstead (schema 9999, this one knows "),
        "{words}"
    );
    assert!(words.contains("start that version"), "{words}");
}

/// Columns whose names say all there is.
const PLAIN: &[&str] = &[
    "account",
    "account_group",
    "address",
    "annotation.value",
    "app",
    "blob",
    "created_at",
    "domain",
    "enabled",
    "entry",
    "expires_at",
    "id",
    "label",
    "list_id",
    "mailbox",
    "media_type",
    "message_id",
    "name",
    "note",
    "queue",
    "selectable",
    "size",
    "subject",
    "thread",
    "version",
];

#[tokio::test]
async fn every_table_and_every_column_that_is_not_plain_has_a_comment() {
    let database = Database::new().await;
    let mut conn = PgConnection::connect_with(&database.options).await.unwrap();
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
         AND obj_description(oid) IS NULL AND relname <> '_sqlx_migrations'",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(tables, []);
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
         AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> '_sqlx_migrations'
         AND col_description(c.oid, a.attnum) IS NULL ORDER BY 1, 2",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let silent: Vec<String> = columns
        .into_iter()
        .filter(|(table, column)| {
            !PLAIN.contains(&column.as_str()) && !PLAIN.contains(&format!("{table}.{column}").as_str())
        })
        .map(|(table, column)| format!("{table}.{column}"))
        .collect();
    assert_eq!(silent, [""; 0]);
}

#[tokio::test]
async fn names_compare_byte_by_byte_and_large_tables_are_in_parts() {
    let database = Database::new().await;
    let mut conn = PgConnection::connect_with(&database.options).await.unwrap();
    // Whatever is a key or is looked up by: a locale must not decide what is equal or what an index holds.
    let loose: Vec<(String, String)> = sqlx::query_as(
        "SELECT DISTINCT c.relname::text, a.attname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
         WHERE c.relnamespace = 'public'::regnamespace AND a.attcollation <> 0 AND c.relname <> '_sqlx_migrations'
         AND a.attcollation <> (SELECT oid FROM pg_collation WHERE collname = 'C' AND collnamespace = 'pg_catalog'::regnamespace)",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(loose, []);
    let parts: Vec<(String, i64)> = sqlx::query_as(
        "SELECT inhparent::regclass::text, count(*) FROM pg_inherits JOIN pg_partitioned_table ON partrelid = inhparent
         WHERE partstrat = 'h' GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(parts, [("content".to_owned(), 8), ("message".to_owned(), 8)]);
    // A flag change is a HOT update: room in the page, and no index over what changes.
    let indexed: Vec<(String,)> = sqlx::query_as(
        "SELECT DISTINCT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
         WHERE i.indrelid IN ('message'::regclass, 'message_0'::regclass) AND a.attname IN ('flags', 'keywords', 'modseq')",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(indexed, []);
    let (unfilled,): (i64,) = sqlx::query_as(
        "SELECT count(*) FROM pg_class WHERE (relname ~ '^message_[0-7]$' OR relname IN ('mailbox', 'queue_recipient'))
         AND relkind = 'r' AND NOT COALESCE(array_to_string(reloptions, ',') ~ 'fillfactor', false)",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(unfilled, 0);
}

//! The program on a database that it did not make.

use crate::harness::appliance::{Place, terminate};
use crate::harness::pg::Database;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::process::Command;

fn configure(place: &Place, url: &str, owner_url: Option<&str>) {
    let file = place.path().join("mailstead.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str(&format!("[database]\nurl = \"{url}\"\n"));
    if let Some(owner_url) = owner_url {
        text.push_str(&format!("owner_url = \"{owner_url}\"\n"));
    }
    std::fs::write(file, text).unwrap();
}

fn port(ready: &serde_json::Value, door: &str) -> String {
    ready["listen"][door][0].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
}

const WALK: &str = "
import imaplib, smtplib, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as client:
    client.sendmail('stranger@elsewhere.test', ['ann@example.test'], 'Subject: hi\\r\\n\\r\\nthere\\r\\n')
box = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[2]), ssl_context=context)
box.login('ann', 'correct horse'); box.select()
assert box.fetch('1', '(BODY.PEEK[TEXT])')[1][0][1] == b'there\\r\\n'
";

fn walk(place: &Place) {
    place.ok(&["domain", "add", "example.test"], "");
    place.ok(&["account", "add", "ann@example.test", "--password-stdin"], "correct horse\n");
    let (child, ready) = place.serve();
    // A verb beside it, and a second server that is refused.
    place.ok(&["account", "list"], "");
    let ports = [port(&ready, "smtp"), port(&ready, "imaps")];
    let output = Command::new("python3").args(["-c", WALK]).args(&ports).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let refused = place.run(&["key", "rotate"], "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stop it, then rotate"));
    assert!(!place.path().join("postgres").exists(), "no private PostgreSQL was made");
    assert!(terminate(child));
    assert!(place.ok(&["fsck"], "").contains(" 0 findings"));
}

async fn roles(database: &Database) -> (String, String) {
    let (runtime, owner) = (format!("{}_runtime", database.name), format!("{}_owner", database.name));
    for sql in [
        format!("CREATE ROLE {runtime} LOGIN"),
        format!("CREATE ROLE {owner} LOGIN"),
        format!("ALTER DATABASE {} OWNER TO {owner}", database.name),
    ] {
        database.execute(&sql).await;
    }
    (runtime, owner)
}

#[tokio::test]
async fn two_roles_work_and_the_audit_is_protected() {
    let database = Database::empty().await;
    let (runtime, owner) = roles(&database).await;
    let place = Place::new();
    configure(&place, &database.url(&runtime), Some(&database.url(&owner)));
    let place = tokio::task::spawn_blocking(move || {
        walk(&place);
        place
    })
    .await
    .unwrap();
    let mut conn = PgConnection::connect_with(&database.options.clone().username(&runtime)).await.unwrap();
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT action FROM audit ORDER BY id").fetch_all(&mut conn).await.unwrap();
    assert_eq!(rows, [("domain.add".to_owned(),), ("account.add".to_owned(),)]);
    for sql in [
        "DELETE FROM audit",
        "UPDATE audit SET action = ''",
        "TRUNCATE audit",
        "DROP TABLE audit",
        "CREATE TABLE x ()",
        "ALTER TABLE domain ADD x integer",
        "CREATE INDEX ON domain (created_at)",
        "CREATE SCHEMA x",
        "CREATE FUNCTION x() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "DELETE FROM _sqlx_migrations",
    ] {
        let error = conn.execute(AssertSqlSafe(sql)).await.expect_err(sql);
        assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42501"), "{sql}");
    }
    let status = place.run(&["status", "--json"], "");
    assert!(!String::from_utf8_lossy(&status.stdout).contains("audit"));
}

#[tokio::test]
async fn one_role_is_told_that_its_audit_is_not_protected() {
    let database = Database::empty().await;
    let (_, owner) = roles(&database).await;
    let place = Place::new();
    configure(&place, &database.url(&owner), None);
    tokio::task::spawn_blocking(move || {
        let (child, _) = place.serve();
        let status = place.ok(&["status"], "");
        assert!(status.lines().next().unwrap().contains("its audit is not protected"), "{status}");
        assert!(terminate(child));
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_database_that_can_not_be_relied_on_is_refused_in_words() {
    let database = Database::empty().await;
    let place = Place::new();
    configure(&place, &database.url("postgres"), None);
    database.execute(&format!("ALTER DATABASE {} SET synchronous_commit = off", database.name)).await;
    let refused = tokio::task::spawn_blocking(move || place.run(&["serve"], "")).await.unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        words.contains("the database can't be used: synchronous_commit is off") && words.lines().count() == 1,
        "{words}"
    );
}

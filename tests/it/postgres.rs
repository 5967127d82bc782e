//! The appliance's own PostgreSQL: made, given up, adopted, restarted.

use mailstead::store::migrate::migrate;
use mailstead::store::postgres::{Options, PrivatePostgres, Role};
use sqlx::{Connection, Executor, PgConnection};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn options(directory: &tempfile::TempDir) -> Options {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let user = nix::unistd::geteuid().is_root().then(|| (nobody.uid.as_raw(), nobody.gid.as_raw()));
    Options { directory: directory.path().into(), user, patience: Duration::from_secs(5) }
}

async fn refused(server: &PrivatePostgres, role: Role, sql: &'static str) -> Option<String> {
    let mut conn = PgConnection::connect_with(&server.connect(role)).await.unwrap();
    let error = conn.execute(sql).await.err()?;
    error.as_database_error().and_then(|e| e.code()).map(|code| code.into_owned())
}

#[tokio::test]
async fn it_is_made_with_three_roles_adopted_and_restarted() {
    let directory = tempfile::tempdir().unwrap();
    let server = PrivatePostgres::start(options(&directory)).await.unwrap();
    migrate(&server.connect(Role::Owner), Role::Runtime.name()).await.unwrap();
    // The runtime role changes mail and never the schema; of the audit it may only add and read (I9).
    assert_eq!(
        refused(&server, Role::Runtime, "INSERT INTO domain (name, created_at) VALUES ('a.test', now())").await,
        None
    );
    for sql in [
        "CREATE TABLE x ()",
        "DROP TABLE domain",
        "DELETE FROM audit",
        "UPDATE audit SET action = ''",
        "TRUNCATE audit",
        "DELETE FROM _sqlx_migrations",
    ] {
        assert_eq!(refused(&server, Role::Runtime, sql).await.as_deref(), Some("42501"), "{sql}");
    }
    // Migrating again changes nothing.
    migrate(&server.connect(Role::Owner), Role::Runtime.name()).await.unwrap();

    // Whoever comes while it is supervised only connects, and its leaving stops nothing.
    let guest = PrivatePostgres::start(Options { patience: Duration::ZERO, ..options(&directory) }).await.unwrap();
    assert!(server.is_supervisor() && !guest.is_supervisor());
    guest.stop().await;
    assert!(server.running_pid().is_some());

    // The supervisor goes away without a word; its successor adopts the server that lives.
    let pid = server.running_pid().unwrap();
    drop(server);
    let mut adopted = PrivatePostgres::start(options(&directory)).await.unwrap();
    assert_eq!(adopted.running_pid(), Some(pid));

    // Killed, it comes back with what was committed.
    let stop = CancellationToken::new();
    let connect = adopted.connect(Role::Runtime);
    let token = stop.clone();
    let supervisor = tokio::spawn(async move {
        adopted.supervise(&token).await;
        adopted
    });
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    let mut found = None;
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let Ok(mut conn) = PgConnection::connect_with(&connect).await else { continue };
        if let Ok(row) = sqlx::query_as::<_, (String,)>("SELECT name FROM domain").fetch_one(&mut conn).await {
            found = Some(row.0);
            break;
        }
    }
    assert_eq!(found.as_deref(), Some("a.test"));
    stop.cancel();
    let server = supervisor.await.unwrap();
    assert_ne!(server.running_pid(), Some(pid));
    server.stop().await;
    assert!(PgConnection::connect_with(&connect).await.is_err());
}

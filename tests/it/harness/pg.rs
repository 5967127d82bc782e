//! A PostgreSQL for tests: one cluster that all test processes share, one database per test made from a migrated
//! template. It speaks over a unix socket only and syncs nothing to disk.

use super::proxy::Proxy;
use mailstead::store::{Options, Store, migrate};
use nix::fcntl::{Flock, FlockArg};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A database of the test's own.
pub struct Database {
    pub name: String,
    pub options: PgConnectOptions,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// A migrated, empty database.
    pub async fn new() -> Self {
        let dir = cluster();
        let template = template(&dir).await;
        let name = format!("t_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        run(&dir, "postgres", format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        run(&dir, "postgres", format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { options: options(&dir, &name), name }
    }

    /// A store on it.
    pub fn store(&self) -> Store {
        Store::open(&Options {
            connect: self.options.clone(),
            writers: 6,
            readers: 6,
            acquire: Duration::from_secs(10),
        })
    }

    /// Without a schema, in the cluster that all tests share.
    pub async fn empty() -> Self {
        let dir = cluster();
        let name = format!("e_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        run(&dir, "postgres", format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        run(&dir, "postgres", format!("CREATE DATABASE {name}")).await;
        Self { options: options(&dir, &name), name }
    }

    /// The URL by which a program reaches it in a role.
    pub fn url(&self, role: &str) -> String {
        let dir = cluster_dir().display().to_string().replace('/', "%2F");
        format!("postgres://{role}@{dir}/{}", self.name)
    }

    /// How many connections wait for a lock.
    pub async fn waiting(&self) -> i64 {
        let mut conn = PgConnection::connect_with(&self.options).await.expect("connect");
        let (count,): (i64,) = sqlx::query_as(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&mut conn)
        .await
        .expect("statement");
        count
    }

    /// Ends every connection that listens; how many there were.
    pub async fn cut_listeners(&self) -> i64 {
        let mut conn = PgConnection::connect_with(&self.options).await.expect("connect");
        let (count,): (i64,) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND query LIKE 'LISTEN%'",
        )
        .fetch_one(&mut conn)
        .await
        .expect("statement");
        count
    }

    /// A store that reaches it through a wire that can be cut.
    pub async fn store_through_proxy(&self) -> (Store, Proxy) {
        let proxy = Proxy::before(cluster_dir().join(".s.PGSQL.5432")).await;
        let connect = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(proxy.port)
            .ssl_mode(sqlx::postgres::PgSslMode::Disable)
            .username("postgres")
            .database(&self.name);
        (Store::open(&Options { connect, writers: 6, readers: 6, acquire: Duration::from_secs(10) }), proxy)
    }

    /// Cuts every connection and lets none in.
    pub async fn close(&self) {
        let name = &self.name;
        run(&cluster_dir(), "postgres", format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
        run(
            &cluster_dir(),
            "postgres",
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        )
        .await;
    }

    /// Runs a statement as the superuser: for damage that no service would do.
    pub async fn execute(&self, sql: &str) {
        run(&cluster_dir(), &self.name, sql.to_owned()).await;
    }

    /// Actions of the audit that are like `pattern`, in order: action, subject, before, after.
    pub async fn audit(&self, pattern: &str) -> Vec<(String, String, Option<String>, Option<String>)> {
        let mut conn = PgConnection::connect_with(&options(&cluster_dir(), &self.name)).await.expect("connect");
        sqlx::query_as(
            "SELECT action, subject_name, before::text, after::text FROM audit WHERE action LIKE $1 ORDER BY id",
        )
        .bind(pattern)
        .fetch_all(&mut conn)
        .await
        .expect("audit")
    }

    /// Lets connections in again.
    pub async fn reopen(&self) {
        run(&cluster_dir(), "postgres", format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name)).await;
    }
}

fn options(dir: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass().socket(dir).username("postgres").database(database)
}

async fn run(dir: &Path, database: &str, sql: String) {
    let mut conn = PgConnection::connect_with(&options(dir, database)).await.expect("the test cluster answers");
    conn.execute(AssertSqlSafe(sql)).await.expect("statement");
    conn.close().await.expect("close");
}

/// The template with this binary's migrations, made once.
async fn template(dir: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    for migration in migrate::known() {
        migration.checksum.hash(&mut hasher);
    }
    let name = format!("template_{:016x}", hasher.finish());
    let _lock = lock(dir);
    let mut conn = PgConnection::connect_with(&options(dir, "postgres")).await.expect("connect");
    let there: Option<(i32,)> = sqlx::query_as("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut conn)
        .await
        .expect("catalogue");
    if there.is_none() {
        let draft = format!("{name}_draft");
        run(dir, "postgres", format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
        run(dir, "postgres", format!("CREATE DATABASE {draft}")).await;
        migrate::migrate(&options(dir, &draft), "postgres").await.expect("migrations");
        run(dir, "postgres", format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
    name
}

fn lock(dir: &Path) -> Flock<std::fs::File> {
    let file = std::fs::File::create(dir.with_extension("lock")).expect("lock file");
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| e).expect("lock")
}

fn cluster_dir() -> PathBuf {
    std::env::temp_dir().join(format!("mailstead-test-{}", nix::unistd::geteuid()))
}

/// Who may run PostgreSQL: ourselves, or `nobody` where we are root.
fn service_user() -> Option<(u32, u32)> {
    let nobody = nix::unistd::User::from_name("nobody").ok().flatten()?;
    nix::unistd::geteuid().is_root().then(|| (nobody.uid.as_raw(), nobody.gid.as_raw()))
}

fn bin(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed")
        .flatten()
        .map(|e| e.path().join("bin"))
        .collect();
    versions.sort();
    versions.retain(|v| v.join("initdb").exists());
    versions.pop().expect("PostgreSQL server is installed").join(name)
}

fn command(program: &str) -> Command {
    let mut command = Command::new(bin(program));
    command.current_dir("/").env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((uid, gid)) = service_user() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Starts the cluster if it does not run; its socket lies in the directory.
fn cluster() -> PathBuf {
    let dir = cluster_dir();
    let _lock = lock(&dir);
    let data = dir.join("data");
    if command("pg_ctl").args(["status", "-D"]).arg(&data).status().is_ok_and(|s| s.success()) {
        return dir;
    }
    if !data.join("PG_VERSION").exists() {
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("directory");
        if let Some((uid, gid)) = service_user() {
            std::os::unix::fs::chown(&dir, Some(uid), Some(gid)).expect("chown");
        }
        let made = command("initdb")
            .args(["-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-D"])
            .arg(&data)
            .status();
        assert!(made.is_ok_and(|s| s.success()), "initdb");
    }
    let settings = format!(
        "-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB",
        dir.display()
    );
    let started = command("pg_ctl")
        .args(["start", "-w", "-l"])
        .arg(dir.join("log"))
        .arg("-o")
        .arg(settings)
        .arg("-D")
        .arg(&data)
        .status();
    assert!(started.is_ok_and(|s| s.success()), "the test cluster starts; see {}/log", dir.display());
    dir
}

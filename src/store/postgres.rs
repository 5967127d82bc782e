//! The appliance's own private PostgreSQL: made, started, adopted, supervised. It speaks over a unix socket in a
//! directory of its own, never over TCP, and runs as an unprivileged user.
//!
//! Three roles (I9): `postgres` is the supervisor's alone, `mailstead_owner` runs migrations, `mailstead` is what the
//! services use. All three sign in by who asks on the socket (peer), so there is no password to keep.

use super::{Result, StoreError};
use nix::fcntl::{Flock, FlockArg};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

super::sql::sql! {
    DATABASE_THERE = "SELECT count(*) FROM pg_database WHERE datname = 'mailstead'";
    MAKE_OWNER = "CREATE ROLE mailstead_owner LOGIN";
    MAKE_RUNTIME = "CREATE ROLE mailstead LOGIN";
    MAKE_DATABASE = "CREATE DATABASE mailstead OWNER mailstead_owner";
}

/// Least version that has what the schema relies on.
const LEAST: u32 = 15;
const DATABASE: &str = "mailstead";

/// Where and as whom it runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The appliance's data directory; PostgreSQL lies in `postgres/` below it.
    pub directory: PathBuf,
    /// Whom the child runs as where we are root.
    pub user: Option<(u32, u32)>,
    /// How long to wait for another supervisor to end; then we only connect to its server.
    pub patience: Duration,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Superuser,
    Owner,
    Runtime,
}

impl Role {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Superuser => "postgres",
            Self::Owner => "mailstead_owner",
            Self::Runtime => "mailstead",
        }
    }
}

/// Why it can't run, in words for an admin.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    #[error("PostgreSQL {LEAST} or later is not installed: apt-get install postgresql")]
    NotInstalled,
    #[error("the data directory was made by PostgreSQL {0}, which is not installed: apt-get install postgresql-{0}")]
    OtherVersion(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("initdb failed: {0}")]
    Init(String),
    #[error("PostgreSQL did not start within a minute; its log is {}", .0.display())]
    NotReady(PathBuf),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running PostgreSQL. Dropping it leaves the server running: the next start adopts it.
pub struct PrivatePostgres {
    places: Places,
    bin: PathBuf,
    user: Option<(u32, u32)>,
    /// `None`: adopted.
    child: Option<Child>,
    /// Held by whoever supervises; `None`: another process does, and we only connect.
    lock: Option<Flock<File>>,
}

#[derive(Debug, Clone)]
struct Places {
    data: PathBuf,
    socket: PathBuf,
    log: PathBuf,
}

/// How long a start may take, and the pause between tries.
const START: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(500);

impl PrivatePostgres {
    /// Makes the cluster if there is none, adopts a running server or starts one, and waits until it answers.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn start(options: Options) -> std::result::Result<Self, PostgresError> {
        let root = options.directory.join("postgres");
        let places =
            Places { data: root.join("data"), socket: socket_directory(&root), log: root.join("postgres.log") };
        for directory in [&root, &places.data, &places.socket] {
            make_directory(directory, options.user)?;
        }
        let bin = find_bin(&places.data)?;
        let lock = take_lock(&options.directory.join("lock"), options.user, options.patience).await?;
        let mut server = Self { places, bin, user: options.user, child: None, lock };
        if server.lock.is_none() {
            server.wait_ready().await?;
            return Ok(server);
        }
        if !server.places.data.join("PG_VERSION").exists() {
            server.init().await?;
        }
        server.bring_up().await?;
        server.make_roles().await?;
        Ok(server)
    }

    /// Starts the server where none runs. After a crash of everything the dead one's process, children or memory may be
    /// in the way for a while: it is tried again until [`START`] is over.
    async fn bring_up(&mut self) -> std::result::Result<(), PostgresError> {
        let end = Instant::now() + START;
        loop {
            if self.running_pid().is_none() {
                self.write_access()?;
                self.child = Some(self.spawn()?);
            }
            match self.wait_ready().await {
                Err(_) if self.has_ended() && Instant::now() < end => tokio::time::sleep(AGAIN).await,
                other => return other,
            }
        }
    }

    /// The server that we wait for is no more.
    fn has_ended(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(Some(_))),
            None => self.lock.is_some() && self.running_pid().is_none(),
        }
    }

    /// How to reach it in a role.
    pub fn connect(&self, role: Role) -> PgConnectOptions {
        self.options(role).database(DATABASE)
    }

    fn options(&self, role: Role) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass().socket(&self.places.socket).username(role.name())
    }

    /// Whether this process is the one that starts and stops the server.
    pub fn is_supervisor(&self) -> bool {
        self.lock.is_some()
    }

    /// Starts it again, with back-off, whenever it ends, until `stop`. Doors answer "unavailable" meanwhile.
    pub async fn supervise(&mut self, stop: &CancellationToken) {
        let mut pause = Duration::from_millis(100);
        if self.lock.is_none() {
            return stop.cancelled().await;
        }
        loop {
            let began = Instant::now();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.ended() => {}
            }
            if began.elapsed() > Duration::from_secs(60) {
                pause = Duration::from_millis(100);
            }
            tracing::error!(pause_ms = pause.as_millis() as u64, "PostgreSQL ended; starting it again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
            match self.spawn() {
                Ok(child) => self.child = Some(child),
                Err(error) => tracing::error!(%error, "PostgreSQL can't be started"),
            }
        }
    }

    async fn ended(&mut self) {
        match &mut self.child {
            Some(child) => {
                let _ = child.wait().await;
                self.child = None;
            }
            // An adopted server is no child of ours: look whether its process is there.
            None => {
                while self.running_pid().is_some() {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    /// Fast shutdown: connections are cut, everything committed is on disk.
    /// Does nothing where another process supervises.
    pub async fn stop(mut self) {
        let Some(pid) = self.running_pid().filter(|_| self.lock.is_some()) else { return };
        let pid = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT);
        match &mut self.child {
            Some(child) => {
                let _ = child.wait().await;
            }
            None => {
                while self.running_pid().is_some() {
                    tokio::time::sleep(Duration::from_millis(25)).await;
                }
            }
        }
    }

    /// The postmaster of our data directory, if its process lives.
    pub fn running_pid(&self) -> Option<i32> {
        let text = fs::read_to_string(self.places.data.join("postmaster.pid")).ok()?;
        let pid: i32 = text.lines().next()?.trim().parse().ok()?;
        // The number may have gone to another process since: the command line names the directory.
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let ours = memchr::memmem::find(&command, self.places.data.as_os_str().as_encoded_bytes()).is_some();
        ours.then_some(pid)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").current_dir("/").stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    async fn init(&self) -> std::result::Result<(), PostgresError> {
        let arguments = [
            "-U",
            "postgres",
            "--auth-local=peer",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--data-checksums",
            "-D",
        ];
        let fault = |error: io::Error| PostgresError::Init(error.to_string());
        let output = self.command("initdb").args(arguments).arg(&self.places.data).output().await.map_err(fault)?;
        if !output.status.success() {
            let _ = fs::remove_dir_all(&self.places.data);
            return Err(PostgresError::Init(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Ok(())
    }

    /// Who may ask: the service user and root. Written at each start, as the service user may have become another.
    fn write_access(&self) -> std::result::Result<(), PostgresError> {
        self.write("pg_hba.conf", "local all postgres,mailstead_owner,mailstead peer map=house\n")?;
        let asker = |uid: u32| nix::unistd::User::from_uid(uid.into()).ok().flatten().map(|user| user.name);
        let own = nix::unistd::geteuid().as_raw();
        let mut askers = vec!["root".to_owned()];
        askers.extend([Some(own), self.user.map(|(uid, _)| uid)].into_iter().flatten().filter_map(asker));
        askers.dedup();
        let roles = [Role::Superuser, Role::Owner, Role::Runtime];
        let lines: String =
            askers.iter().flat_map(|asker| roles.map(|role| format!("house {asker} {}\n", role.name()))).collect();
        self.write("pg_ident.conf", &lines)
    }

    fn write(&self, name: &str, text: &str) -> std::result::Result<(), PostgresError> {
        let path = self.places.data.join(name);
        let fault = |source| PostgresError::File { path: path.clone(), source };
        fs::write(&path, text).map_err(fault)?;
        match self.user {
            Some((uid, gid)) => chown(&path, Some(uid), Some(gid)).map_err(fault),
            None => Ok(()),
        }
    }

    fn spawn(&self) -> std::result::Result<Child, PostgresError> {
        let fault = |source| PostgresError::File { path: self.places.log.clone(), source };
        let log = File::options().create(true).append(true).open(&self.places.log).map_err(fault)?;
        give(&self.places.log, self.user)?;
        let socket = format!("unix_socket_directories={}", self.places.socket.display());
        let wal = format!("max_wal_size={}MB", self.most_wal());
        let settings = [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            &socket,
            "shared_buffers=128MB",
            "max_connections=100",
            &wal,
            "wal_compression=lz4",
            "jit=off",
            "synchronous_commit=on",
            "log_min_messages=warning",
        ];
        let mut command = self.command("postgres");
        command.arg("-D").arg(&self.places.data).stdout(Stdio::null()).stderr(log);
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        // glibc gives every freed megabyte back at once and faults it in again for the next statement.
        command.env("MALLOC_TRIM_THRESHOLD_", "33554432").env("MALLOC_TOP_PAD_", "1048576");
        // A group of its own: Ctrl-C at the terminal is for us, we stop PostgreSQL when the doors are closed.
        command.process_group(0).spawn().map_err(fault)
    }

    /// Megabytes of WAL between checkpoints: a twentieth of the disk at most, so that the reserve of free space is enough
    /// for what is still written while nothing new is taken.
    fn most_wal(&self) -> u64 {
        let disk = nix::sys::statvfs::statvfs(&self.places.data);
        #[allow(clippy::unnecessary_cast)] // The widths differ between platforms.
        let megabytes = disk.map_or(u64::MAX, |d| (d.blocks() as u64 * d.fragment_size() as u64) >> 20);
        (megabytes / 20).clamp(64, 1024)
    }

    async fn wait_ready(&mut self) -> std::result::Result<(), PostgresError> {
        let began = Instant::now();
        loop {
            if let Ok(conn) = PgConnection::connect_with(&self.options(Role::Superuser).database("postgres")).await {
                let _ = conn.close().await;
                return Ok(());
            }
            if self.has_ended() || began.elapsed() > START {
                return Err(PostgresError::NotReady(self.places.log.clone()));
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    async fn make_roles(&self) -> Result<()> {
        let mut conn = PgConnection::connect_with(&self.options(Role::Superuser).database("postgres")).await?;
        let (there,): (i64,) = sqlx::query_as(DATABASE_THERE).fetch_one(&mut conn).await?;
        if there == 0 {
            for statement in [MAKE_OWNER, MAKE_RUNTIME] {
                if let Err(error) = conn.execute(statement).await {
                    // 42710: a start that was cut off had made it.
                    let there = error.as_database_error().and_then(|e| e.code()).as_deref() == Some("42710");
                    if !there {
                        return Err(error.into());
                    }
                }
            }
            conn.execute(MAKE_DATABASE).await?;
        }
        conn.close().await?;
        Ok(())
    }
}

/// `DIR/lock` names the supervisor. The lock goes with its process, however that ends. `None`: another has held it for
/// all of `patience`.
///
/// # Errors
/// [`PostgresError::File`].
pub async fn take_lock(
    path: &Path,
    user: Option<(u32, u32)>,
    patience: Duration,
) -> std::result::Result<Option<Flock<File>>, PostgresError> {
    let fault = |source| PostgresError::File { path: path.into(), source };
    let began = Instant::now();
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(fault)?;
    give(path, user)?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                let written = lock
                    .set_len(0)
                    .and_then(|()| io::Write::write_all(&mut *lock, format!("{}\n", std::process::id()).as_bytes()));
                written.map_err(fault)?;
                return Ok(Some(lock));
            }
            Err((back, nix::errno::Errno::EWOULDBLOCK)) => file = back,
            Err((_, errno)) => return Err(fault(errno.into())),
        }
        if began.elapsed() >= patience {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The path of a socket has at most 107 octets: a long data directory gets its socket in the temporary directory, under
/// a name that only this directory has.
fn socket_directory(root: &Path) -> PathBuf {
    let beside = root.join("run");
    if beside.as_os_str().len() <= 80 {
        return beside;
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, root.as_os_str().as_encoded_bytes());
    let name: String = digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    std::env::temp_dir().join(format!("mailstead-{name}"))
}

/// What root makes must be the service user's too: the next start may be as that user.
fn give(path: &Path, user: Option<(u32, u32)>) -> std::result::Result<(), PostgresError> {
    let Some((uid, gid)) = user else { return Ok(()) };
    chown(path, Some(uid), Some(gid)).map_err(|source| PostgresError::File { path: path.into(), source })
}

fn make_directory(path: &Path, user: Option<(u32, u32)>) -> std::result::Result<(), PostgresError> {
    let fault = |source| PostgresError::File { path: path.into(), source };
    fs::create_dir_all(path).map_err(fault)?;
    give(path, user)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(fault)
}

/// The programs of the version that made the data directory, else of the newest one installed.
fn find_bin(data: &Path) -> std::result::Result<PathBuf, PostgresError> {
    let made_by = fs::read_to_string(data.join("PG_VERSION")).ok().map(|text| text.trim().to_owned());
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(version, bin)| *version >= LEAST && bin.join("postgres").exists() && bin.join("initdb").exists())
        .collect();
    versions.sort();
    match made_by {
        Some(version) => {
            let found = versions.into_iter().find(|(installed, _)| installed.to_string() == version);
            found.map(|(_, bin)| bin).ok_or(PostgresError::OtherVersion(version))
        }
        None => versions.pop().map(|(_, bin)| bin).ok_or(PostgresError::NotInstalled),
    }
}

//! The program under test: its process, its data on a real disk, and what it costs.

use mailstead::app::House;
use mailstead::config::Config;
use mailstead::model::address::{Address, Domain};
use mailstead::model::secret::Secret;
use mailstead::service::Services;
use mailstead::service::account::{Actor, Role};
use sqlx::postgres::PgConnectOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

pub const PASSWORD: &str = "correct horse";

/// A running appliance, and the same services opened beside it for what a bench prepares.
pub struct Bench {
    pub directory: PathBuf,
    folder: tempfile::TempDir,
    child: Child,
    pub ready: serde_json::Value,
    pub started: Duration,
}

impl Bench {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("bench").tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("folder");
        // The service user must be able to pass; the data directory itself is closed.
        let parent = std::env::temp_dir();
        let folder = if passable(folder.path()) { folder } else { tempfile::tempdir_in(parent).expect("folder") };
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("mode");
        let directory = folder.path().join("data");
        std::fs::create_dir(&directory).expect("data");
        let doors: String = ["smtp", "submission", "submissions", "lmtp", "imap", "imaps", "http", "https"]
            .iter()
            .map(|door| format!("{door} = [\"127.0.0.1:0\"]\n"))
            .collect();
        let config =
            format!("hostname = \"mail.example.test\"\n[limits]\nexempt = [\"127.0.0.0/8\"]\n[listen]\n{doors}");
        std::fs::write(directory.join("mailstead.toml"), config).expect("config");
        let (child, ready, started) = spawn(&directory);
        Self { directory, folder, child, ready, started }
    }

    pub fn place(&self, door: &str) -> String {
        self.ready["listen"][door][0].as_str().expect("door").to_owned()
    }

    /// Ends the program and PostgreSQL with it, and starts both: what was cached by them is gone.
    pub fn restart(&mut self) {
        self.stop();
        let (child, ready, started) = spawn(&self.directory);
        (self.child, self.ready, self.started) = (child, ready, started);
    }

    pub fn stop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("signal");
        self.child.wait().expect("end");
    }

    pub async fn services(&self) -> House {
        let config = Config::load(None, Some(&self.directory)).expect("config");
        House::open(&config, Duration::from_secs(5)).await.expect("house")
    }

    /// The private PostgreSQL as its superuser.
    pub fn database(&self, name: &str) -> PgConnectOptions {
        let socket = self.directory.join("postgres/run");
        PgConnectOptions::new_without_pgpass().socket(socket).username("postgres").database(name)
    }

    /// Resident octets of the program alone.
    pub fn resident(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("status");
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("kB") * 1024
    }

    /// CPU seconds so far of the program, and of PostgreSQL with all its processes.
    pub fn cpu(&self) -> (f64, f64) {
        let pid = std::fs::read_to_string(self.directory.join("postgres/data/postmaster.pid")).expect("postmaster");
        let postmaster: u32 = pid.lines().next().and_then(|pid| pid.parse().ok()).expect("pid");
        let mut postgres = ticks(postmaster, true);
        for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
                && parent(pid) == Some(postmaster)
            {
                postgres += ticks(pid, false);
            }
        }
        (ticks(self.child.id(), false) as f64 / 100.0, postgres as f64 / 100.0)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.stop();
        }
    }
}

fn passable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.ancestors().skip(1).all(|p| std::fs::metadata(p).is_ok_and(|m| m.permissions().mode() & 0o001 != 0))
}

fn spawn(directory: &Path) -> (Child, serde_json::Value, Duration) {
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailstead"));
    command.arg("--data").arg(directory).arg("serve").env("MAILSTEAD_LOG", "error");
    let child = command.spawn().expect("program");
    (child, wait_ready(directory, began), began.elapsed())
}

fn wait_ready(directory: &Path, began: Instant) -> serde_json::Value {
    loop {
        let text = std::fs::read_to_string(directory.join("ready.json")).unwrap_or_default();
        if let Ok(ready) = serde_json::from_str(&text) {
            return ready;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "not ready");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Fields of /proc/PID/stat after the name.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = text.rsplit_once(')')?.1;
    Some(rest.split_whitespace().skip(1).map(|word| word.parse().unwrap_or(0)).collect())
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|fields| fields[0] as u32)
}

/// User and system time; `with_dead`: of ended children too.
fn ticks(pid: u32, with_dead: bool) -> u64 {
    let Some(fields) = stat(pid) else { return 0 };
    let own = fields[10] + fields[11];
    if with_dead { own + fields[12] + fields[13] } else { own }
}

/// A domain and members, made once.
pub async fn people(services: &Services, names: &[String]) {
    let actor = Actor::command_line();
    services.accounts.domain_add(&actor, &Domain::parse("example.test").expect("domain"), None).await.expect("domain");
    for name in names {
        let address = Address::parse(&format!("{name}@example.test")).expect("address");
        let password = Secret::new(PASSWORD.to_owned());
        services.accounts.add(&actor, &address, name, Role::Member, Some(1 << 40), password).await.expect("member");
    }
}

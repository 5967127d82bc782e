//! The program itself, with a configuration of loopback doors on free ports.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

const CONFIG: &str = "hostname = \"mail.example.test\"\n[listen]\nsmtp = [\"127.0.0.1:0\"]\nsubmission = [\"127.0.0.1:0\"]\nsubmissions = [\"127.0.0.1:0\"]\nlmtp = [\"127.0.0.1:0\"]\nimap = [\"127.0.0.1:0\"]\nimaps = [\"127.0.0.1:0\"]\nhttp = [\"127.0.0.1:0\"]\nhttps = [\"127.0.0.1:0\"]\n";

/// A data directory and the program on it.
pub struct Place(tempfile::TempDir);

/// A program that does not outlive its test.
pub struct Running(pub Child);

impl std::ops::Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Running {
    fn ended(&mut self) -> bool {
        !self.0.try_wait().is_ok_and(|status| status.is_none())
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let began = Instant::now();
        while !self.ended() && began.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.ended()
    }

    /// Asks it to end, and makes it end if it does not: killed at once it would leave its PostgreSQL or its browser behind.
    pub fn stop(&mut self) {
        if self.ended() {
            return;
        }
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM).ok();
        if !self.ends_within(Duration::from_secs(5)) {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }

    /// Waits for its end; `None` when it takes longer than `limit`.
    pub fn status_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.ends_within(limit).then(|| self.0.wait().ok()).flatten()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Place {
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(dir.path().join("mailstead.toml"), CONFIG).unwrap();
        Self(dir)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailstead"));
        command.arg("--data").arg(self.path()).args(arguments).env("MAILSTEAD_LOG", "error");
        command
    }

    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        child.wait_with_output().unwrap()
    }

    pub fn ok(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts `serve` and waits for ready.json.
    pub fn serve(&self) -> (Running, serde_json::Value) {
        let mut child = Running(self.command(&["serve"]).spawn().unwrap());
        let began = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.path().join("ready.json")).unwrap_or_default();
            if let Ok(ready) = serde_json::from_str(&text) {
                return (child, ready);
            }
            if began.elapsed() > Duration::from_secs(60) || child.try_wait().unwrap().is_some() {
                child.kill().ok();
                panic!("not ready: {:?}", child.wait());
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }
}

/// Asks the program to end; whether it did so well.
pub fn terminate(mut child: Running) -> bool {
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    child.wait().unwrap().success()
}

//! The demo, started by the program itself.

use super::appliance::Running;
use nix::fcntl::{Flock, FlockArg};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// While this is held, no other test starts a demo: each looks for free ports first and takes them later.
pub fn turn() -> Flock<std::fs::File> {
    let path = std::env::temp_dir().join(format!("mailstead-test-{}-demo.lock", nix::unistd::geteuid()));
    let file = std::fs::File::create(path).expect("lock file");
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error).expect("lock")
}

/// A folder that the service user can reach.
pub fn place() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

pub fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailstead"));
    command.arg("--data").arg(directory).arg("demo").args(arguments).env("MAILSTEAD_LOG", "error");
    command.stdout(Stdio::null());
    command
}

/// Starts it and waits until every door listens.
pub fn start(directory: &Path, arguments: &[&str]) -> (Running, serde_json::Value) {
    let _turn = turn();
    let child = Running(command(directory, arguments).spawn().unwrap());
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(directory.join("ready.json")).unwrap_or_default();
        if let Ok(ready) = serde_json::from_str::<serde_json::Value>(&text)
            && ready["pid"] == child.id()
        {
            return (child, ready);
        }
        assert!(began.elapsed() < Duration::from_secs(90), "not ready");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// DIR/demo.json.
pub fn book(directory: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(directory.join("demo.json")).unwrap()).unwrap()
}

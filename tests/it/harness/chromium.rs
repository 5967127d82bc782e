//! A real browser: Chromium, driven by the scripts in `tests/browser` on Node.js.

use super::appliance::Running;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longest a script runs, on a slow machine that does other things too.
const LIMIT: Duration = Duration::from_secs(900);

/// What the scripts run on.
pub struct Tools {
    pub node: PathBuf,
    pub modules: PathBuf,
}

/// The folder that cargo builds into.
pub fn build_folder() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mailstead")).ancestors().nth(2).unwrap()
}

/// As `.ci/browser` finds or makes them, with the programs of `path`.
pub fn tools(path: &str) -> Tools {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/browser");
    let output = Command::new(script).arg(build_folder()).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(PathBuf::from);
    Tools { node: lines.next().unwrap(), modules: lines.next().unwrap() }
}

/// Runs `tests/browser/NAME.mjs`; what it keeps for later lies in BUILD_FOLDER/browser/NAME.
///
/// # Panics
/// With all that the script said, if it fails or takes longer than [`LIMIT`].
pub fn script(name: &str, environment: &[(&str, &str)]) {
    script_in(name, name, environment);
}

/// The same with a folder of its own below BUILD_FOLDER/browser, for a script that is run in two ways at once.
pub fn script_in(folder: &str, name: &str, environment: &[(&str, &str)]) {
    let path = std::env::var("PATH").unwrap_or_default();
    let tools = tools(&path);
    let artefacts = build_folder().join("browser").join(folder);
    // What an earlier run left would pass for this one's.
    let _ = std::fs::remove_dir_all(&artefacts);
    std::fs::create_dir_all(&artefacts).unwrap();
    let said = artefacts.join("output.txt");
    let output = std::fs::File::create(&said).unwrap();
    let mut command = Command::new(&tools.node);
    command
        .arg("--test-reporter=spec")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(format!("{name}.mjs")))
        .env("MAILSTEAD_MODULES", &tools.modules)
        .env("MAILSTEAD_ARTEFACTS", &artefacts)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output);
    let mut child = Running(command.spawn().unwrap());
    let status = child.status_within(LIMIT);
    child.stop();
    let said = String::from_utf8_lossy(&std::fs::read(said).unwrap()).into_owned();
    match status {
        Some(status) if status.success() => {}
        Some(status) => panic!("{name}: {status}, see {}\n{said}", artefacts.display()),
        None => panic!("{name}: not ready after {LIMIT:?}, see {}\n{said}", artefacts.display()),
    }
}

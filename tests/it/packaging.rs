//! The files in docker/ are true: what they copy is there, what they call exists, and their steps run as scripts.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("docker").join(name)).unwrap()
}

/// Instructions of a Dockerfile, continued lines joined: keyword and rest, and the number of the stage.
fn instructions(text: &str) -> Vec<(usize, String, String)> {
    let joined = text.replace("\\\n", " ");
    let mut stage = 0;
    let mut out = Vec::new();
    for line in joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (keyword, rest) = line.split_once(' ').unwrap_or((line, ""));
        stage += usize::from(keyword == "FROM");
        out.push((stage, keyword.to_owned(), rest.trim().to_owned()));
    }
    out
}

fn sh(script: &str, directory: &Path, path: &str) -> String {
    let output = Command::new("sh").args(["-euc", script]).current_dir(directory).env("PATH", path).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{text}");
    text
}

#[test]
fn what_the_dockerfile_copies_is_there_and_enough_to_build() {
    let list = instructions(&read("Dockerfile"));
    assert_eq!(list.iter().filter(|(_, keyword, _)| keyword == "FROM").count(), 2, "two stages");
    let folder = tempfile::tempdir().unwrap();
    for (stage, _, rest) in list.iter().filter(|(_, keyword, _)| keyword == "COPY") {
        let mut words: Vec<&str> = rest.split(' ').collect();
        let target = words.pop().unwrap();
        if words[0].starts_with("--from=build") {
            assert_eq!((words[1], target), ("/src/target/release/mailstead", "/usr/local/bin/mailstead"));
            continue;
        }
        for source in words {
            let from = root().join(source);
            assert!(from.exists(), "{source}");
            if *stage == 1 {
                let to = folder.path().join(if target == "./" { source } else { target });
                std::os::unix::fs::symlink(&from, to).unwrap();
            }
        }
    }
    // The build stage's folder holds a whole package: cargo resolves it and every embedded file is found.
    let build = list.iter().find(|(stage, keyword, _)| *stage == 1 && keyword == "RUN").unwrap();
    assert!(build.2.starts_with("cargo build --release --locked && strip target/release/mailstead"));
    // The dependencies are built there already, wherever that is: TARGET/debug/mailstead.
    let target = Path::new(env!("CARGO_BIN_EXE_mailstead")).ancestors().nth(2).unwrap();
    let output = Command::new("cargo")
        .args(["check", "--offline", "--locked", "--quiet"])
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The final stage's steps, in a folder in place of the root and with what would change the machine put aside.
#[test]
fn the_final_stage_runs_as_a_script() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(folder.path().join("usr/local/bin")).unwrap();
    let stub = |name: &str, script: &str| {
        let path = bin.join(name);
        std::fs::write(
            &path,
            format!("#!/bin/sh\necho {name} \"$@\" >> {}/calls\n{script}\n", folder.path().display()),
        )
        .unwrap();
        sh(&format!("chmod 755 {}", path.display()), folder.path(), "/usr/bin:/bin");
    };
    stub("apt-get", "");
    stub("useradd", "");
    // As whom the folder is made is the image's matter; that it is made is ours.
    stub("install", "shift 6; mkdir -p \"$@\"");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let list = instructions(&read("Dockerfile"));
    for (_, keyword, rest) in list.iter().filter(|(stage, ..)| *stage == 2) {
        let script = match keyword.as_str() {
            "RUN" => rest.clone(),
            "COPY" if rest.starts_with("--from") => {
                format!("cp {} /usr/local/bin/mailstead", env!("CARGO_BIN_EXE_mailstead"))
            }
            "COPY" => rest.split_once(' ').map(|(from, to)| format!("cp {}/{from} {to}", root().display())).unwrap(),
            _ => continue,
        };
        let place = folder.path().display();
        let script = ["/etc/", "/var/lib/", "/usr/local/"]
            .iter()
            .fold(script, |s, p| s.replace(&format!(" {p}"), &format!(" {place}{p}")));
        std::fs::create_dir_all(folder.path().join("etc")).unwrap();
        sh(&script, folder.path(), &path);
    }
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
    assert!(calls.contains("postgresql") && calls.contains("useradd --system"), "{calls}");
    // The image's program and entrypoint, as they stand in it.
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let path = format!("{}/usr/local/bin:/usr/bin:/bin", folder.path().display());
    let run = format!(
        "MAILSTEAD_DATA={} MAILSTEAD_HOSTNAME=mail.example.org {}/usr/local/bin/entrypoint --help",
        data.display(),
        folder.path().display()
    );
    assert!(sh(&run, folder.path(), &path).contains("serve"));
    let config = std::fs::read_to_string(data.join("mailstead.toml")).unwrap();
    assert!(config.starts_with("hostname = \"mail.example.org\"\n"));
    // Doors, EXPOSE and the ports of compose.yaml are the same; every key is one that the program knows.
    let exposed = list.iter().find(|(_, keyword, _)| keyword == "EXPOSE").unwrap().2.clone();
    let compose = read("compose.yaml");
    for port in exposed.split(' ') {
        assert!(config.contains(&format!(":{port}\"")) && compose.contains(&format!(":{port}\"")), "{port}");
    }
    mailstead::config::Config::load(Some(&data.join("mailstead.toml")), Some(&data)).unwrap();
}

#[test]
fn the_health_check_and_the_unit_call_what_there_is() {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_mailstead")).args(arguments).arg("--help").output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
    };
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains("CMD [\"mailstead\", \"status\"]") && dockerfile.contains("CMD [\"serve\"]"));
    help(&["status"]);
    help(&["serve"]);
    let unit = read("mailstead.service");
    assert!(unit.contains("ExecStart=/usr/local/bin/mailstead serve\n") && unit.contains("Type=notify\n"));
    let verify = Command::new("systemd-analyze").arg("verify").arg(root().join("docker/mailstead.service")).output();
    match verify {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            // The program is not installed where the test runs.
            let faults =
                said.lines().filter(|line| line.contains("mailstead.service") && !line.contains("not executable"));
            assert_eq!(faults.collect::<Vec<_>>(), Vec::<&str>::new());
        }
        Err(_) => eprintln!("SKIPPED: systemd-analyze verify, as there is none"),
    }
    let script = root().join("docker/entrypoint.sh");
    assert!(Command::new("sh").arg("-n").arg(script).status().unwrap().success());
}

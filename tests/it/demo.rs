//! The demo as a newcomer has it: the program, its files, its boxes.

use crate::harness::appliance::{Running, terminate};
use crate::harness::demo::{book, command, place, start, turn};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Messages of a member's INBOX and Sent, as an IMAP client counts them.
fn counts(ready: &serde_json::Value, member: &serde_json::Value) -> String {
    let port = ready["listen"]["imaps"][0].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let script = "
import imaplib, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
box = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=context)
box.login(sys.argv[2], sys.argv[3])
print([box.status(name, '(MESSAGES UIDNEXT UNSEEN)')[1][0].decode() for name in ('INBOX', 'Sent', 'Drafts')])
";
    // With a second factor a mail program has a password of its own.
    let password = member["app_password"].as_str().or(member["password"].as_str()).unwrap();
    let output = Command::new("python3")
        .args(["-c", script, &port, member["address"].as_str().unwrap(), password])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_second_start_keeps_everything_and_fresh_starts_over() {
    let folder = place();
    let directory = folder.path().join("demo");
    let (child, ready) = start(&directory, &[]);
    let mode = std::fs::metadata(directory.join("demo.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = book(&directory);
    let members = first["members"].as_array().unwrap();
    assert_eq!((members.len(), members[0]["role"].as_str()), (12, Some("owner")));
    for door in ["smtp", "submission", "submissions", "imap", "imaps", "http", "https"] {
        assert!(ready["listen"][door][0].as_str().unwrap().starts_with("127.0.0.1:"), "{door}");
    }
    let enrolled: Vec<_> = members.iter().filter(|m| m["totp"].is_string()).map(|m| m["role"].as_str()).collect();
    assert_eq!(enrolled, [Some("owner"), Some("domain-admin")]);
    assert_eq!(members[0]["recovery"].as_array().unwrap().len(), 10);
    let before = counts(&ready, &members[1]);
    assert!(before.contains("INBOX") && !before.contains("MESSAGES 0"), "{before}");
    // Beside a running demo nothing is thrown away.
    let refused = command(&directory, &["--fresh"]).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
    let config = std::fs::read_to_string(directory.join("mailstead.toml")).unwrap();
    assert_eq!(command(&directory, &[]).stderr(Stdio::null()).status().unwrap().code(), Some(1), "a second demo");
    assert_eq!(std::fs::read_to_string(directory.join("mailstead.toml")).unwrap(), config);
    assert!(terminate(child));
    assert!(!directory.join("ready.json").exists());
    let (child, ready) = start(&directory, &[]);
    let second = book(&directory);
    assert!(second["web"].as_str().unwrap().starts_with("https://localhost:"), "where it is now");
    assert_eq!((&second["members"], &second["made"]), (&first["members"], &first["made"]));
    assert_eq!(counts(&ready, &members[1]), before);
    assert!(terminate(child));
    let (child, _) = start(&directory, &["--fresh"]);
    assert_ne!(book(&directory)["members"][0]["password"], first["members"][0]["password"]);
    assert!(terminate(child));
    // A folder of somebody else's is left alone.
    std::fs::write(folder.path().join("letter.txt"), "mine").unwrap();
    for arguments in [&["--fresh"][..], &[]] {
        let refused = command(folder.path(), arguments).stderr(Stdio::null()).status().unwrap();
        assert_eq!(refused.code(), Some(1));
    }
    assert!(folder.path().join("letter.txt").exists());
    // Not even beside something that is called as a demo's book is.
    std::fs::copy(directory.join("demo.json"), folder.path().join("demo.json")).unwrap();
    let refused = command(folder.path(), &["--fresh"]).stderr(Stdio::null()).status().unwrap();
    assert!(refused.code() == Some(1) && folder.path().join("letter.txt").exists());
}

#[test]
fn a_first_start_that_was_killed_goes_on() {
    let folder = place();
    let directory = folder.path().join("demo");
    for wait in [1500, 2200, 2800] {
        let _turn = turn();
        let mut child = Running(command(&directory, &[]).stderr(Stdio::null()).spawn().unwrap());
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        let _ = std::fs::remove_file(directory.join("ready.json"));
    }
    let (child, ready) = start(&directory, &[]);
    let members = book(&directory)["members"].clone();
    let now = book(&directory)["made"].as_str().unwrap().parse().unwrap();
    let messages = mailstead::cli::demo::content::messages(now);
    for member in members.as_array().unwrap() {
        let local = member["address"].as_str().unwrap().split('@').next().unwrap();
        let of = |folder: &str| messages.iter().filter(|m| m.owner == local && m.folder == folder).count();
        let told = counts(&ready, member);
        // Whoever got a second factor was told so.
        if member["totp"].is_string() {
            assert!(!told.contains("\"INBOX\" (MESSAGES 0 "), "{local}: {told}");
            continue;
        }
        let wanted = format!("\"INBOX\" (MESSAGES {} UIDNEXT {} ", of("INBOX"), of("INBOX") + 1);
        assert!(told.contains(&wanted), "{local}: {told} {wanted}");
    }
    assert!(terminate(child));
}

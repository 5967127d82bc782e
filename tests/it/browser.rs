//! The web side in a real browser: each test starts the program and runs one script of `tests/browser` against it.

use crate::harness::appliance::{Place, terminate};
use crate::harness::chromium::{Tools, script, script_in, tools};
use crate::harness::demo;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

#[test]
fn browser_rig_notices_every_fault() {
    script("selftest", &[]);
}

/// A script against a demo of its own, which has an address book, mail and members of every role.
fn on_demo(name: &str, environment: &[(&str, &str)]) {
    let folder = demo::place();
    let directory = folder.path().join("demo");
    let (child, _) = demo::start(&directory, &[]);
    let [book, ready] = ["demo.json", "ready.json"].map(|file| directory.join(file).display().to_string());
    let own = [("MAILSTEAD_BOOK", book.as_str()), ("MAILSTEAD_READY", ready.as_str())];
    script(name, &[&own, environment].concat());
    assert!(terminate(child));
}

#[test]
fn browser_keeps_sessions_and_forms_to_their_owner() {
    on_demo("session", &[]);
}

#[test]
fn browser_writes_and_sends() {
    on_demo("compose", &[]);
}

#[test]
fn browser_reads_mail() {
    on_demo("reading", &[]);
}

#[test]
fn browser_holds_hostile_messages_in_their_frame() {
    script("corpus", &[]);
}

#[test]
fn browser_lets_no_hostile_message_out() {
    on_demo("frame", &[]);
}

#[test]
fn browser_shows_hostile_names_as_text() {
    on_demo("names", &[]);
}

#[test]
fn browser_opens_every_message() {
    let mails = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/mail");
    let there = mails.is_dir();
    if !there {
        eprintln!("SKIPPED: the real messages, as ../shared/mail is not there");
    }
    let environment = [("MAILSTEAD_MAILS", mails.to_str().unwrap())];
    on_demo("everything", if there { &environment } else { &[] });
}

#[test]
fn browser_reads_mail_in_large_text() {
    on_demo("large", &[]);
}

/// From an empty data directory to a community; `scripts`: on or off.
fn journey(scripts: &str) {
    let place = Place::new();
    let (child, ready) = place.serve();
    let said = place.ok(&["setup-link"], "");
    let link = said.split_whitespace().find(|word| word.starts_with("https://")).unwrap();
    let web = ready["web"].as_str().unwrap();
    let environment = [("MAILSTEAD_LINK", link), ("MAILSTEAD_WEB", web), ("MAILSTEAD_SCRIPTS", scripts)];
    script_in(&format!("journey-{scripts}"), "journey", &environment);
    let refused = place.run(&["setup-link"], "");
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("this server has an owner"), "{words}");
    assert!(terminate(child));
}

#[test]
fn browser_journey_from_an_empty_server_to_a_community() {
    journey("on");
}

#[test]
fn browser_journey_without_scripts() {
    journey("off");
}

#[test]
fn browser_looks_after_people() {
    on_demo("people", &[]);
}

#[test]
fn browser_is_used_by_keys_alone() {
    on_demo("keys", &[]);
}

#[test]
fn browser_is_used_without_scripts() {
    on_demo("nojs", &[]);
}

#[test]
fn browser_stays_true_while_things_go_on() {
    on_demo("live", &[]);
}

/// The same for a walk through all pages.
fn through_all_pages(name: &str) {
    let routes = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&routes, mailstead::front::web::table().to_string()).unwrap();
    on_demo(name, &[("MAILSTEAD_ROUTES", &routes.path().display().to_string())]);
}

#[test]
fn browser_matrix_of_all_pages() {
    through_all_pages("matrix");
}

#[test]
fn browser_shows_no_text_that_is_in_no_catalogue() {
    through_all_pages("pseudo");
}

/// A folder with every program of /usr/bin but Node.js, as a search path.
fn path_without_node(folder: &Path) -> String {
    for entry in std::fs::read_dir("/usr/bin").unwrap().flatten() {
        let name = entry.file_name();
        if !["node", "nodejs", "npm", "npx", "corepack"].iter().any(|node| name == *node) {
            symlink(entry.path(), folder.join(name)).unwrap();
        }
    }
    folder.display().to_string()
}

fn answers(tools: &Tools) -> String {
    let script = "console.log(process.version, typeof require('playwright-core').chromium.launch)";
    let output = Command::new(&tools.node)
        .args(["-e", script])
        .env("NODE_PATH", tools.modules.join("node_modules"))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn browser_tests_need_no_installed_node() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_without_node(folder.path());
    let fetched = tools(&path);
    assert!(!fetched.node.starts_with("/usr"), "{:?}", fetched.node);
    assert!(answers(&fetched).starts_with("v2") && answers(&fetched).trim().ends_with("function"));
    // One that is too old does not count either; what was fetched is taken again, without a way to the network.
    for (name, text) in
        [("node", "#!/bin/sh\necho v18.20.4\n"), ("npm", "#!/bin/sh\nexit 1\n"), ("python3", "#!/bin/sh\nexit 1\n")]
    {
        let file = folder.path().join(name);
        let _ = std::fs::remove_file(&file);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let again = tools(&path);
    assert_eq!((again.node, again.modules), (fetched.node, fetched.modules));
}

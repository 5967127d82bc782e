//! The import table of the house (src/lib.rs), as a test over the sources.

use std::path::{Path, PathBuf};

/// A room and the rooms it may name.
const TABLE: &[(&str, &[&str])] = &[
    ("model", &["model"]),
    ("wire", &["wire", "model"]),
    ("mime", &["mime", "model"]),
    ("sasl", &["sasl", "model"]),
    ("net", &["net", "model"]),
    ("store", &["store", "model"]),
    ("config", &["config", "model"]),
    (
        "app",
        &[
            "app",
            "config",
            "front/imap",
            "front/smtp",
            "front/web",
            "model",
            "net",
            "relay",
            "service",
            "store",
            "telemetry",
        ],
    ),
    ("cli", &["cli", "app", "config", "service", "model", "telemetry"]),
    ("service", &["service", "store", "mime", "sasl", "model"]),
    ("relay", &["relay", "service", "wire", "net", "sasl", "mime", "model"]),
    ("front/sign_in", &["service", "net", "sasl", "model"]),
    ("front/imap", &["front/imap", "service", "wire", "net", "sasl", "mime", "model"]),
    ("front/web", &["front/web", "service", "net", "mime", "model"]),
    ("front/smtp", &["front/smtp", "service", "wire", "net", "sasl", "mime", "model"]),
];

/// Words that a pure room's code does not say.
const PURE: &[&str] = &["model", "wire", "mime", "sasl"];
const IMPURE: &[&str] = &["tokio", "sqlx", "Utc::now", "SystemTime", "std::fs", "std::net::Tcp"];

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Code without comments, strings left in, and without the tests at its foot.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn faults(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let mut out = Vec::new();
    let room = TABLE.iter().find(|(room, _)| path.starts_with(&format!("{room}/")) || path == format!("{room}.rs"));
    if let Some((room, allowed)) = room {
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + 7..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let named = &rest[..end];
            let fine = allowed.iter().any(|a| *a == named || a.starts_with(&format!("{named}/")));
            // A door is named by its own path: front/smtp may say crate::front::smtp alone.
            let own_door = named != "front"
                || *room == "app"
                || rest.starts_with(&room.replace('/', "::"))
                || rest.starts_with("front::sign_in");
            if !fine || !own_door {
                out.push(format!("{path}: {room} imports {}", rest.split([';', ' ', '(']).next().unwrap_or_default()));
            }
        }
    }
    let top = path.split('/').next().unwrap_or_default();
    if PURE.contains(&top) {
        // The clock is where time comes from, and the one place that may ask the system.
        let clock = path == "model/clock.rs";
        out.extend(
            IMPURE
                .iter()
                .filter(|word| code.contains(**word) && !(clock && **word == "Utc::now"))
                .map(|word| format!("{path}: says {word}")),
        );
    }
    if top != "store" && code.contains("sqlx::") {
        out.push(format!("{path}: SQL stands in store alone"));
    }
    for call in ["sqlx::query(\"", "sqlx::query_as(\"", "sqlx::query_scalar(\"", "AssertSqlSafe"] {
        if code.contains(call) {
            out.push(format!("{path}: a statement outside of sql!"));
        }
    }
    out
}

#[test]
fn rooms_import_what_the_table_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut list = Vec::new();
    sources(&root, &mut list);
    assert!(list.len() > 50);
    let mut out = Vec::new();
    // A file of tests is a foot that grew too long.
    list.retain(|path| !path.ends_with("tests.rs"));
    for path in list {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        out.extend(faults(&name, &std::fs::read_to_string(&path).unwrap()));
    }
    assert!(out.is_empty(), "{out:#?}");
}

#[test]
fn every_room_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders = |under: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(under).unwrap().flatten().filter(|e| e.path().is_dir());
        entries.map(|e| e.path().strip_prefix(&root).unwrap().to_string_lossy().into_owned()).collect()
    };
    let doors = folders(&root.join("front"));
    for name in folders(&root).into_iter().filter(|name| name != "front").chain(doors) {
        assert!(TABLE.iter().any(|(room, _)| *room == name), "{name}");
    }
}

#[test]
fn what_breaks_the_table_is_seen() {
    for (path, text) in [
        ("model/x.rs", "use crate::store::Store;"),
        ("wire/x.rs", "use tokio::io;"),
        ("front/smtp/x.rs", "use crate::store::Store;"),
        ("front/smtp/x.rs", "use crate::front::imap::Session;"),
        ("service/x.rs", "fn f() { sqlx::query(X) }"),
        ("service/x.rs", "use crate::net::tls::ServerTls;"),
        ("store/x.rs", "sqlx::query(\"SELECT 1\")"),
        ("mime/x.rs", "let now = chrono::Utc::now();"),
    ] {
        assert!(!faults(path, text).is_empty(), "{path}: {text}");
    }
    assert!(faults("front/smtp/x.rs", "use crate::front::smtp::io; // crate::store").is_empty());
}

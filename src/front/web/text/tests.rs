//! The catalogues have all that is said, and nothing else.

use super::*;
use regex::Regex;
use std::path::{Path, PathBuf};

#[test]
fn a_language_is_chosen_by_the_reader_then_by_weight() {
    let all = Catalogues::load();
    assert_eq!(all.choose(None, "fr;q=0.9, en-GB;q=0.5").tag(), "en");
    assert_eq!(all.choose(None, "en-XA").tag(), "en-XA");
    assert_eq!(all.choose(None, "en;q=0.1, en-XA;q=0.2").tag(), "en-XA");
    assert_eq!(all.choose(Some("en"), "en-XA").tag(), "en");
    assert_eq!(all.choose(None, "").tag(), "en");
    assert_eq!(all.choose(None, ";;q=,,").tag(), "en");
}

#[test]
fn keys_are_made_of_words() {
    assert_eq!(key_of("refusal", "a mailbox can't be named . or .."), "refusal-a-mailbox-can-t-be-named-or");
}

/// Files below a folder with one of these endings, with their text.
fn files(folder: &str, ends: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { walk(&path, out) } else { out.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    let fits = |path: &PathBuf| ends.iter().any(|end| path.to_string_lossy().ends_with(end));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root).unwrap().to_string_lossy().into_owned(), text)
    };
    paths.into_iter().filter(fits).map(read).collect()
}

/// Keys that are put together where they are said: their beginnings.
const FAMILIES: &[&str] = &[
    "fault-",
    "refusal-",
    "done-",
    "month-",
    "size-",
    "setting-",
    "settings-group-",
    "role-",
    "audit-",
    "people-state-",
    "person-title-",
];

fn keys() -> Vec<String> {
    let lines = files("templates/text/en", &[".ftl"]).into_iter().flat_map(|(_, text)| {
        text.lines().filter_map(|line| Some(line.split_once(" =")?.0.to_owned())).collect::<Vec<_>>()
    });
    lines
        .filter(|key| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .collect()
}

#[test]
fn every_text_that_is_said_is_in_the_catalogue() {
    let all = Catalogues::load().choose(None, "en");
    let said = Regex::new(r#"\b(?:say|say1|say2|count)\(\s*"([a-z0-9-]+)""#).unwrap();
    let mut missing = Vec::new();
    let sources = files("templates", &[".html"]).into_iter().chain(files("src/front/web", &[".rs"]));
    for (name, text) in sources.filter(|(name, _)| !name.ends_with("tests.rs")) {
        for key in said.captures_iter(&text).map(|found| found[1].to_owned()).filter(|key| !all.has(key)) {
            missing.push(format!("{name}: {key}"));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn nothing_is_in_the_catalogue_that_nobody_says() {
    let sources: Vec<String> = files("templates", &[".html"])
        .into_iter()
        .chain(files("src/front/web", &[".rs"]))
        .map(|(_, text)| text)
        .collect();
    let said = |key: &str| {
        let quoted = format!("\"{key}\"");
        FAMILIES.iter().any(|family| key.starts_with(family)) || sources.iter().any(|text| text.contains(&quoted))
    };
    let idle: Vec<String> = keys().into_iter().filter(|key| !said(key)).collect();
    assert_eq!(idle, Vec::<String>::new());
}

#[test]
fn every_refusal_in_words_is_in_the_catalogue() {
    let all = Catalogues::load().choose(None, "en");
    let words = Regex::new(r#"Refusal::(?:Limit|Invalid|InUse)\(\s*"((?:[^"\\]|\\.)*)"\s*,?\s*\)"#).unwrap();
    let mut missing = Vec::new();
    for (_, text) in files("src/service", &[".rs"]) {
        for said in words.captures_iter(&text).map(|found| found[1].to_owned()) {
            let key = key_of("refusal", &said);
            if !all.has(&key) {
                missing.push(format!("{key} = {said}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_key_stands_once_and_every_pattern_can_be_read() {
    for (name, text) in files("templates/text", &[".ftl"]) {
        let read = FluentResource::try_new(text);
        assert!(read.is_ok(), "{name}: {:?}", read.err().map(|(_, errors)| errors));
    }
    let mut all = keys();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn the_language_that_nobody_speaks_shows_what_is_no_text_of_ours() {
    let all = Catalogues::load().choose(None, "en-XA");
    let mut args = FluentArgs::new();
    args.set("limit", "5 MB".arg());
    let said = all.say("fault-large", &args);
    assert!(said.starts_with("[!! ") && said.ends_with(" !!]") && said.contains("5 MB"), "{said}");
    assert!(!said.contains("limit"), "{said}");
}

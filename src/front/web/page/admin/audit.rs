//! `/admin/audit`: who did what to whom, from where, when.

use super::link;
use super::settings::words;
use crate::front::web::Web;
use crate::front::web::error::{Fault, show};
use crate::front::web::extract::{Member, Query};
use crate::front::web::router::{Access, Route, route};
use crate::front::web::text::key_of;
use crate::front::web::ui::Ui;
use crate::front::web::visitor::Visitor;
use crate::model::ids::{AccountId, AuditId};
use crate::service::account::Actor;
use crate::service::audit::{AuditEntry, Filter};
use crate::service::login::Protocol;
use crate::service::people;
use crate::service::settings::definition;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Acts of a page.
const PAGE: i64 = 50;

/// Kinds of acts to choose from: beginnings of their names, and whether domain admins see any.
const KINDS: &[(&str, bool)] = &[
    ("account.", true),
    ("alias.", true),
    ("password.", true),
    ("second_factor.", true),
    ("recovery.", true),
    ("app_password.", true),
    ("session.", true),
    ("domain.", true),
    ("setting.", false),
    ("queue.", false),
    ("setup.", false),
    ("key.", false),
];

pub(super) fn routes() -> Vec<Route> {
    vec![route("/admin/audit", "GET", Access::Admin, get(list))]
}

#[derive(Template)]
#[template(path = "admin/audit.html")]
struct AuditPage {
    ui: Ui,
    person: String,
    /// Why the person was not found; empty: they were, or nobody was asked for.
    problem: String,
    /// Value, word, chosen.
    kinds: Vec<(&'static str, String, bool)>,
    acts: Vec<Act>,
    filtered: bool,
    first: String,
    next: String,
}

/// A row of the audit in words.
pub(in super::super) struct Act {
    pub sentence: String,
    pub when: String,
    pub stamp: String,
    /// Empty: it is not the reader's to know.
    pub origin: String,
    pub changes: Vec<Change>,
}

/// What an act changed.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Change {
    pub name: String,
    pub before: String,
    pub after: String,
}

impl Act {
    pub fn new(ui: &Ui, entry: &AuditEntry) -> Self {
        let actor = if entry.actor.is_none() { ui.say("audit-by-machine") } else { entry.actor_name.clone() };
        let subject = match definition(&entry.subject_name) {
            Some(definition) => super::settings::name(ui, definition),
            None => entry.subject_name.clone(),
        };
        Self {
            sentence: ui.say2(&key_of("audit", &entry.action), "actor", actor, "subject", subject),
            when: ui.moment(&entry.at),
            stamp: ui.stamp(&entry.at),
            origin: if entry.origin == "local" { ui.say("audit-from-machine") } else { entry.origin.clone() },
            changes: changes(ui, entry),
        }
    }
}

/// Before and after, field by field.
fn changes(ui: &Ui, entry: &AuditEntry) -> Vec<Change> {
    let (before, after) = (fields(entry, entry.before.as_ref()), fields(entry, entry.after.as_ref()));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let change = |name: &String| Change {
        name: ui.say(&format!("audit-field-{}", name.replace('_', "-"))),
        before: before.get(name).map_or_else(String::new, |value| value_words(ui, entry, name, value)),
        after: after.get(name).map_or_else(String::new, |value| value_words(ui, entry, name, value)),
    };
    names.into_iter().map(change).collect()
}

/// A value that stands alone is called after its act.
fn fields(entry: &AuditEntry, value: Option<&Value>) -> Map<String, Value> {
    let name = match entry.action.as_str() {
        "account.quota" => "quota",
        "account.rename" => "name",
        "account.role" => "role",
        action if action.starts_with("alias.") => "targets",
        _ => "value",
    };
    match value {
        None => Map::new(),
        // What was left open is not worth a line; a quota left open is the community's.
        Some(Value::Object(all)) => {
            let said = all.iter().filter(|(name, value)| !value.is_null() || *name == "quota");
            said.map(|(name, value)| (name.clone(), value.clone())).collect()
        }
        Some(alone) => Map::from_iter([(name.to_owned(), alone.clone())]),
    }
}

fn value_words(ui: &Ui, entry: &AuditEntry, field: &str, value: &Value) -> String {
    match (field, value) {
        ("quota", Value::Null) => ui.say("person-quota-common"),
        ("quota", value) if value == 0 => ui.say("person-no-limit"),
        ("quota", value) => value.as_u64().map_or_else(String::new, |octets| ui.binary(octets)),
        ("role", Value::String(role)) if ui.knows(&format!("role-{role}")) => ui.say(&format!("role-{role}")),
        ("since" | "expires", Value::String(at)) if let Ok(at) = DateTime::parse_from_rfc3339(at) => {
            ui.moment(&at.to_utc())
        }
        ("step", value) => steps(ui, value),
        ("value", value) if let Some(definition) = definition(&entry.subject_name) => {
            let raw = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            words(ui, definition, &raw)
        }
        (_, Value::Null) => ui.say("audit-value-none"),
        (_, Value::Bool(on)) => ui.say(if *on { "audit-value-yes" } else { "audit-value-no" }),
        (_, Value::Array(all)) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        (_, value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// Steps of the setup by the names of their pages.
fn steps(ui: &Ui, value: &Value) -> String {
    let all = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    all.iter().filter_map(Value::as_str).map(|step| ui.say(&format!("setup-{step}"))).collect::<Vec<_>>().join(", ")
}

/// The door by which somebody came in.
pub(super) fn protocol_words(ui: &Ui, protocol: Option<Protocol>) -> String {
    ui.say(match protocol {
        Some(Protocol::Web) => "audit-door-web",
        Some(Protocol::Imap | Protocol::Pop3) => "audit-door-read",
        Some(Protocol::Submission | Protocol::Smtp | Protocol::Lmtp) => "audit-door-send",
        Some(Protocol::ManageSieve) => "audit-door-rules",
        None => "audit-door-other",
    })
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    person: String,
    #[serde(default)]
    kind: String,
    before: Option<i64>,
}

async fn list(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let actor = member.acting(&web, &visitor).await?;
    let person = asked.person.trim().to_owned();
    let kind = KINDS.iter().map(|(kind, _)| *kind).find(|kind| *kind == asked.kind).unwrap_or_default();
    let (subject, problem) = match find(&web, &ui, &actor, &person).await? {
        Ok(subject) => (subject, String::new()),
        Err(problem) => (None, problem),
    };
    let page = if problem.is_empty() {
        let filter = Filter { subject, action: kind.to_owned() };
        Some(web.services().audit.page(&actor, &filter, asked.before.map(AuditId), PAGE).await?)
    } else {
        None
    };
    let query = [("person", person.as_str()), ("kind", kind)];
    let next = page.as_ref().and_then(|page| page.next);
    let next =
        next.map_or_else(String::new, |id| link("/admin/audit", &[query[0], query[1], ("before", &id.to_string())]));
    let first = asked.before.map_or_else(String::new, |_| link("/admin/audit", &query));
    let filtered = !person.is_empty() || !kind.is_empty();
    let acts = page.iter().flat_map(|page| &page.entries).map(|entry| Act::new(&ui, entry)).collect();
    let kinds = kinds(&ui, kind);
    Ok(show(&AuditPage { ui, person, problem, kinds, acts, filtered, first, next }))
}

fn kinds(ui: &Ui, chosen: &str) -> Vec<(&'static str, String, bool)> {
    let all = [("", true)];
    let seen = all.iter().chain(KINDS).filter(|(_, domain)| *domain || ui.is_owner());
    seen.map(|(kind, _)| (*kind, ui.say(&kind_key(kind)), *kind == chosen)).collect()
}

fn kind_key(kind: &str) -> String {
    if kind.is_empty() { "audit-kind-all".to_owned() } else { key_of("audit-kind", kind) }
}

/// Whose acts are asked for, by an address or a part of one or of a name, among those that the actor may know of.
async fn find(web: &Web, ui: &Ui, actor: &Actor, person: &str) -> Result<Result<Option<AccountId>, String>, Fault> {
    if person.is_empty() {
        return Ok(Ok(None));
    }
    let query = people::Query { text: person.to_owned(), status: None };
    let found = web.services().people.page(actor, &query, None, 50).await?.people;
    let exact = found.iter().find(|found| found.address.eq_ignore_ascii_case(person));
    Ok(match (exact, &found[..]) {
        (Some(one), _) | (None, [one]) => Ok(Some(one.id)),
        (None, []) => Err(ui.say1("audit-person-none", "person", person)),
        (None, _) => Err(ui.say1("audit-person-several", "person", person)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;
    use std::path::Path;

    /// Every act that services write, by its name in the sources.
    fn acts() -> Vec<String> {
        fn read(folder: &Path, out: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    read(&path, out);
                } else {
                    // Without the tests at its foot: names of files look like acts.
                    let text = std::fs::read_to_string(path).unwrap();
                    out.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
                }
            }
        }
        let mut text = String::new();
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/service"), &mut text);
        let dotted = Regex::new(r#""([a-z_]+\.[a-z_]+)""#).unwrap();
        let mut all: Vec<String> = dotted.captures_iter(&text).map(|found| found[1].to_owned()).collect();
        // Settings and names of files look the same.
        all.retain(|name| definition(name).is_none() && !name.ends_with(".eml"));
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn every_act_has_its_sentence_and_its_kind() {
        let acts = acts();
        assert!(acts.len() > 25 && acts.contains(&"account.suspend".to_owned()), "{acts:?}");
        let said = include_str!("../../../../../templates/text/en/audit.ftl");
        let missing = |act: &&String| {
            let key = key_of("audit", act);
            let sentence = said.lines().find(|line| line.starts_with(&format!("{key} =")));
            !sentence.is_some_and(|line| line.contains("$actor"))
        };
        assert_eq!(acts.iter().filter(missing).collect::<Vec<_>>(), Vec::<&String>::new());
        let homeless = |act: &&String| !KINDS.iter().any(|(kind, _)| act.starts_with(kind));
        assert_eq!(acts.iter().filter(homeless).collect::<Vec<_>>(), Vec::<&String>::new());
        for (kind, _) in KINDS {
            assert!(said.contains(&format!("{} =", kind_key(kind))), "{kind}");
            assert!(acts.iter().any(|act| act.starts_with(kind)), "{kind}");
        }
    }
}

//! `/admin/people`: everybody, searched and paged.

use super::{link, role_words};
use crate::front::web::Web;
use crate::front::web::error::{Fault, redirect, show};
use crate::front::web::extract::{Member, Query};
use crate::front::web::router::{Access, Route, route};
use crate::front::web::ui::{Ui, initials, tone};
use crate::front::web::visitor::Visitor;
use crate::service::account::Role;
use crate::service::people::{Counts, Person, Query as Wanted, Status};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

/// People of a page.
const PAGE: i64 = 50;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/admin", "GET", Access::Admin, get(async || redirect("/admin/people"))),
        route("/admin/people", "GET", Access::Admin, get(list)),
    ]
}

#[derive(Template)]
#[template(path = "admin/people.html")]
struct PeoplePage {
    ui: Ui,
    q: String,
    tabs: Vec<Tab>,
    state: &'static str,
    rows: Vec<Row>,
    /// Addresses of other pages; empty: there is none.
    first: String,
    next: String,
    /// Nobody but who looks.
    alone: bool,
    /// The setup of the server waits for who looks.
    unfinished: bool,
}

struct Tab {
    label: String,
    href: String,
    current: bool,
    count: String,
}

/// A person as lists and their own page show them.
pub(super) struct Row {
    pub href: String,
    pub name: String,
    pub address: String,
    pub initials: String,
    pub tone: u8,
    /// Empty for members, who are most.
    pub role: String,
    /// Kind of the chip, and its word.
    pub kind: &'static str,
    pub state: String,
    pub used: String,
    /// In words and for machines; empty: never.
    pub last: String,
    pub last_stamp: String,
}

impl Row {
    pub fn new(ui: &Ui, person: &Person) -> Self {
        let name = if person.name.is_empty() { &person.address } else { &person.name };
        let used = ui.binary(person.used);
        Self {
            href: format!("/admin/people/{}", person.id),
            name: name.clone(),
            address: person.address.clone(),
            initials: initials(name),
            tone: tone(&person.address),
            role: if person.role == Role::Member { String::new() } else { role_words(ui, person.role) },
            kind: chip(person.status),
            state: ui.say(&format!("people-state-{}", word(person.status))),
            used: match person.quota {
                Some(quota) => ui.say2("people-used-of", "used", used, "quota", ui.binary(quota)),
                None => used,
            },
            last: person.last_sign_in.map_or_else(String::new, |at| ui.brief(&at)),
            last_stamp: person.last_sign_in.map_or_else(String::new, |at| ui.stamp(&at)),
        }
    }
}

/// In addresses and keys.
fn word(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Suspended => "suspended",
        Status::Waiting => "waiting",
    }
}

fn chip(status: Status) -> &'static str {
    match status {
        Status::Active => "ok",
        Status::Suspended => "danger",
        Status::Waiting => "wait",
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    after: String,
}

async fn list(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let actor = member.acting(&web, &visitor).await?;
    let people = &web.services().people;
    let status = [Status::Active, Status::Suspended, Status::Waiting].into_iter().find(|s| word(*s) == asked.state);
    let state = status.map_or("", word);
    let q = asked.q.trim().to_owned();
    let after = Some(asked.after.as_str()).filter(|after| !after.is_empty());
    let page = people.page(&actor, &Wanted { text: q.clone(), status }, after, PAGE).await?;
    // Counts are of everybody: beside a search they would mislead.
    let counts = if q.is_empty() { Some(people.counts(&actor).await?) } else { None };
    let query = [("q", q.as_str()), ("state", state)];
    let next =
        page.next.map_or_else(String::new, |next| link("/admin/people", &[query[0], query[1], ("after", &next)]));
    let first = after.map_or_else(String::new, |_| link("/admin/people", &query));
    let rows = page.people.iter().map(|person| Row::new(&ui, person)).collect();
    let alone = counts.is_some_and(|counts| counts.all() == 1);
    let tabs = tabs(&ui, &q, state, counts);
    let unfinished = web.services().setup.left_by().await? == Some(member.who().account());
    Ok(show(&PeoplePage { ui, q, tabs, state, rows, first, next, alone, unfinished }))
}

fn tabs(ui: &Ui, q: &str, state: &str, counts: Option<Counts>) -> Vec<Tab> {
    let all = [
        ("", ui.say("people-all"), counts.map(|counts| counts.all())),
        ("active", ui.say("people-active"), counts.map(|counts| counts.active)),
        ("waiting", ui.say("people-waiting"), counts.map(|counts| counts.waiting)),
        ("suspended", ui.say("people-suspended"), counts.map(|counts| counts.suspended)),
    ];
    let tab = |(name, label, count): (&str, String, Option<u64>)| Tab {
        label,
        href: link("/admin/people", &[("q", q), ("state", name)]),
        current: name == state,
        count: count.map_or_else(String::new, |count| count.to_string()),
    };
    all.into_iter().map(tab).collect()
}

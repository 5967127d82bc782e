//! `/mail/search?q=…`: one box, words such as `from:ann`, results in rows with their folder.

use super::super::super::Web;
use super::super::super::error::{Fault, show, show_again};
use super::super::super::extract::Member;
use super::super::super::router::{Access, Route, route};
use super::super::super::ui::Ui;
use super::super::super::visitor::Visitor;
use super::list::{Empty, LINES, Pane, row};
use super::{At, Desk, Spot, full_name};
use crate::model::query::{BadQuery, Why, parse_query};
use crate::model::shown;
use crate::service::Refusal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

/// Words of the search box and an example of each, for the help below it.
const WORDS: &[(&str, &str)] = &[
    ("from:anna", "mail-help-from"),
    ("to:anna", "mail-help-to"),
    ("subject:minutes", "mail-help-subject"),
    ("\"exact words\"", "mail-help-exact"),
    ("-word", "mail-help-not"),
    ("has:attachment", "mail-help-has"),
    ("is:unread", "mail-help-is"),
    ("newer:7d", "mail-help-newer"),
    ("before:2026-01-31", "mail-help-before"),
    ("larger:5M", "mail-help-larger"),
    ("in:sent", "mail-help-in"),
];

pub(super) fn routes() -> Vec<Route> {
    vec![route("/mail/search", "GET", Access::Member, get(search))]
}

#[derive(Template)]
#[template(path = "mail/search.html")]
struct SearchPage {
    ui: Ui,
    desk: Desk,
    pane: Pane,
    problem: Option<String>,
    /// A word, what it does, and the search with it.
    words: Vec<(&'static str, String, String)>,
}

async fn search(State(web): State<Web>, ui: Ui, visitor: Visitor, member: Member) -> Result<Response, Fault> {
    let mut at = At { before: None, after: None, ..At::of(&visitor) };
    at.q.get_or_insert_default();
    let desk = Desk::open(&web, &ui, &member, |_| false).await?;
    let help = |(word, key): &(&'static str, &str)| {
        let q = format!("{} {word}", at.q.as_deref().unwrap_or_default());
        (*word, ui.say(key), At { q: Some(q.trim().to_owned()), ..At::default() }.search_href())
    };
    let words = WORDS.iter().map(help).collect();
    let mut problem = parse(&web, &at).err().map(|bad| in_words(&ui, &bad));
    let pane = match pane(&web, &ui, &member, &desk, &at, None).await {
        Err(Fault::Refused(refusal)) if matches!(*refusal, Refusal::NotFound) => {
            problem = Some(ui.say("mail-bad-folder"));
            let asked = at.q.replace(String::new());
            let blank = pane(&web, &ui, &member, &desk, &at, None).await?;
            Pane { search: asked.unwrap_or_default(), ..blank }
        }
        pane => pane?,
    };
    let page = SearchPage { ui, desk, pane, problem, words };
    Ok(if page.problem.is_some() { show_again(&page) } else { show(&page) })
}

fn parse(web: &Web, at: &At) -> Result<crate::model::query::Query, BadQuery> {
    parse_query(at.q.as_deref().unwrap_or_default(), web.services().clock.now().date_naive())
}

/// What is wrong with a search, and with which word.
fn in_words(ui: &Ui, bad: &BadQuery) -> String {
    let key = match bad.why {
        Why::Day => "mail-bad-day",
        Why::Age => "mail-bad-age",
        Why::Size => "mail-bad-size",
        Why::Is => "mail-bad-is",
        Why::Has => "mail-bad-has",
        Why::Empty => "mail-bad-empty",
        Why::In => "mail-bad-in",
        Why::Length => "mail-bad-length",
    };
    ui.say1(key, "word", shown::line(&bad.word, 60))
}

/// The pane with results; empty while there is nothing to search for.
pub(super) async fn pane(
    web: &Web,
    ui: &Ui,
    member: &Member,
    desk: &Desk,
    at: &At,
    current: Option<Spot>,
) -> Result<Pane, Fault> {
    let q = at.q.clone().unwrap_or_default();
    let number = at.page.as_deref().and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).max(1);
    let query = parse(web, at).ok().filter(|_| !q.trim().is_empty());
    let found = match query {
        Some(query) => Some(web.services().finder.find(member.who(), &query, number - 1, LINES as usize).await?),
        None => None,
    };
    let mut rows = Vec::new();
    for line in found.iter().flat_map(|found| &found.lines) {
        // A folder made this moment.
        let Some(folder) = desk.folder(line.mailbox) else { continue };
        let spot = Spot { mailbox: line.mailbox, uid: line.uid };
        let mut row = row(ui, line, folder, at, current == Some(spot));
        row.snippet = ui.say2("mail-in-folder", "folder", full_name(ui, folder), "words", row.snippet);
        rows.push(row);
    }
    let turned = |number: usize| {
        let page = (number > 1).then(|| number.to_string());
        At { q: Some(q.clone()), page, ..At::default() }.search_href()
    };
    let words = found.as_ref().map_or(String::new(), |found| {
        ui.count(if found.complete { "mail-found" } else { "mail-found-first" }, found.total)
    });
    let (number, pages) = found.as_ref().map_or((1, 0), |found| (found.page + 1, found.pages));
    let nothing = Empty { icon: "search", title: ui.say("mail-none-found"), words: ui.say("mail-none-found-words") };
    Ok(Pane {
        name: ui.say("mail-search-title"),
        leads: current.is_none(),
        start: String::new(),
        here: at.search_href(),
        all: At::all_href(&at.search_href()),
        picked: at.picked,
        words,
        newer: if number > 1 { turned(number - 1) } else { String::new() },
        older: if number < pages { turned(number + 1) } else { String::new() },
        empty: (found.is_some() && rows.is_empty()).then_some(nothing),
        targets: desk.targets(ui, None),
        is_junk: false,
        clear: None,
        events: String::new(),
        again: String::new(),
        search: q,
        rows,
    })
}

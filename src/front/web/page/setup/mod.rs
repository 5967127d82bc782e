//! A fresh server is claimed by a link from the terminal (J1), then set up by its owner, a step a page: one may leave and
//! come back. For everybody else there is nothing here.

mod steps;

use super::super::Web;
use super::super::error::{Fault, redirect, refusal_words, rendered, show, show_again};
use super::super::extract::{Fields, Path};
use super::super::problems::{Problems, password_fault};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::Visitor;
use super::sign_in::enter_with;
use crate::model::address::Address;
use crate::model::secret::Secret;
use crate::service::Refusal;
use crate::service::account::{Actor, BAD_NAME, Role};
use crate::service::session::{Session, Stage};
use crate::service::setup::{NewOwner, Opened, Progress, Step};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, Utc};

pub(super) fn routes() -> Vec<Route> {
    let mut out = steps::routes();
    out.push(route("/setup", "GET", Access::Public, get(resume)));
    out.push(route("/setup/{token}", "GET POST", Access::Public, get(open).post(claim)));
    out
}

/// The pages in their order: path, name, and what is remembered as done.
const PAGES: [(&str, &str, Option<Step>); 6] = [
    ("/setup", "setup-you", Some(Step::You)),
    ("/setup/second-factor", "setup-second-factor", Some(Step::SecondFactor)),
    ("/setup/codes", "setup-codes", Some(Step::CodesKept)),
    ("/setup/name", "setup-name", Some(Step::ServerName)),
    ("/setup/domain", "setup-domain", Some(Step::Domain)),
    ("/setup/certificate", "setup-certificate", None),
];

/// The list of steps beside each page.
struct Frame {
    now: String,
    lines: Vec<Line>,
}

struct Line {
    number: usize,
    /// `done`, `now` or `later`.
    kind: &'static str,
    label: String,
    /// `kind` for who can't see the mark.
    word: String,
    /// Empty: one can't go there now.
    href: &'static str,
}

/// `at` is the number of the page, from 0.
fn frame(ui: &Ui, at: usize, done: &[Step]) -> Frame {
    let is_open = done.contains(&Step::CodesKept);
    let line = |(n, (path, key, step)): (usize, &(&'static str, &'static str, Option<Step>))| {
        let is_done = step.is_some_and(|step| done.contains(&step));
        let (kind, word) = match (n == at, is_done) {
            (true, _) => ("now", ui.say("setup-now")),
            (false, true) => ("done", ui.say("setup-done-word")),
            (false, false) => ("later", ui.say("setup-later-word")),
        };
        Line {
            number: n + 1,
            kind,
            label: ui.say(key),
            word,
            href: if is_open && n > 2 && n != at { path } else { "" },
        }
    };
    let now = ui.say2("setup-count", "now", at + 1, "all", PAGES.len());
    Frame { now, lines: PAGES.iter().enumerate().map(line).collect() }
}

#[derive(Template)]
#[template(path = "setup/you.html")]
struct YouPage {
    ui: Ui,
    frame: Frame,
    /// Name and address, as they were typed.
    person: String,
    typed: String,
    problems: Problems,
}

#[derive(Template)]
#[template(path = "setup/begin.html")]
struct BeginPage {
    ui: Ui,
}

#[derive(Template)]
#[template(path = "setup/link.html")]
struct LinkPage {
    ui: Ui,
    /// When another browser opened it; `None`: used, expired or mistyped.
    elsewhere: Option<DateTime<Utc>>,
}

/// The owner, and how far the setup is.
struct Owner<'a> {
    session: &'a Session,
    actor: Actor,
    progress: Progress,
}

/// Whoever may go on with the setup after the claim.
///
/// # Errors
/// [`Fault::NoPage`] for everybody else.
async fn owner<'a>(web: &Web, visitor: &'a Visitor) -> Result<Owner<'a>, Fault> {
    let Some(session) = visitor.session() else {
        // Who claimed it may have left before the end.
        let is_left = web.services().setup.left_by().await?.is_some();
        return Err(if is_left { Fault::SignIn } else { Fault::NoPage });
    };
    if session.role != Role::Owner {
        return Err(Fault::NoPage);
    }
    if session.stage == Stage::SecondFactor {
        return Err(Fault::Unfinished("/sign-in/code"));
    }
    let services = web.services();
    let actor = services.accounts.acting(&session.who, &visitor.origin()).await?;
    match services.setup.progress(&actor).await {
        Ok(progress) => Ok(Owner { session, actor, progress }),
        Err(Refusal::NotFound | Refusal::Denied) => Err(Fault::NoPage),
        Err(other) => Err(other.into()),
    }
}

/// To the first step that is left.
async fn resume(State(web): State<Web>, visitor: Visitor) -> Result<Response, Fault> {
    let Owner { progress, .. } = owner(&web, &visitor).await?;
    if progress.finished {
        return Ok(redirect("/setup/done"));
    }
    let left = PAGES.iter().find(|(_, _, step)| step.is_none_or(|step| !progress.done.contains(&step)));
    Ok(redirect(left.map_or("/setup/certificate", |(path, ..)| path)))
}

/// What binds the link to this browser.
fn browser(web: &Web, visitor: &Visitor) -> Secret<String> {
    Secret::new(visitor.stranger(web).to_owned())
}

/// The page of a link that can't be used here.
fn no_link(ui: Ui, elsewhere: Option<DateTime<Utc>>) -> Response {
    rendered(StatusCode::NOT_FOUND, &LinkPage { ui, elsewhere })
}

/// Looks and binds nothing: whatever shows a preview of a link follows it.
async fn open(State(web): State<Web>, ui: Ui, visitor: Visitor, Path(token): Path<String>) -> Result<Response, Fault> {
    if web.services().setup.is_claimed().await? {
        return Err(Fault::NoPage);
    }
    Ok(match web.services().setup.look(&visitor.origin(), &token, &browser(&web, &visitor)).await? {
        Opened::Here => {
            let (frame, problems) = (frame(&ui, 0, &[]), Problems::default());
            show(&YouPage { ui, frame, person: String::new(), typed: String::new(), problems })
        }
        Opened::Free => show(&BeginPage { ui }),
        Opened::Elsewhere(at) => no_link(ui, Some(at)),
        Opened::Nothing => no_link(ui, None),
    })
}

/// Binds the link to this browser; with the form's fields it claims the server.
async fn claim(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    Path(token): Path<String>,
    form: Fields,
) -> Result<Response, Fault> {
    let services = web.services();
    if services.setup.is_claimed().await? {
        // Sent twice, it goes on for who claimed it; for others there is nothing.
        return Ok(redirect("/setup"));
    }
    match services.setup.open(&visitor.origin(), &token, &browser(&web, &visitor)).await? {
        Opened::Here if form.has("begin") => return Ok(redirect(visitor.path())),
        Opened::Here => {}
        Opened::Elsewhere(at) => return Ok(no_link(ui, Some(at))),
        Opened::Free | Opened::Nothing => return Ok(no_link(ui, None)),
    }
    let (name, typed, password) = (form.line("name"), form.line("address"), form.secret("new-password"));
    let mut problems = Problems::default();
    if name.is_empty() {
        problems.add("name", ui.say("setup-name-missing"));
    }
    let address = Address::parse(typed);
    match &address {
        Ok(address) if problems.is_empty() => {
            let new = NewOwner { name: name.to_owned(), address: address.clone(), password: password.clone() };
            match services.setup.claim(&visitor.origin(), &token, &browser(&web, &visitor), new).await {
                Ok(who) => {
                    let name = who.address().to_string();
                    return enter_with(&web, &ui, &visitor, &name, &password, "/setup").await;
                }
                Err(refusal) => match (password_fault(&ui, &refusal), refusal) {
                    (Some(words), _) => problems.add("new-password", words),
                    (None, Refusal::Exists) => problems.add("address", ui.say("setup-address-taken")),
                    (None, refusal @ Refusal::Invalid(BAD_NAME)) => problems.add("name", refusal_words(&ui, &refusal)),
                    (None, refusal @ Refusal::Invalid(_)) => problems.add("address", refusal_words(&ui, &refusal)),
                    (None, Refusal::NotFound) => return Ok(redirect("/setup")),
                    (None, other) => return Err(other.into()),
                },
            }
        }
        Ok(_) => {}
        Err(_) => problems.add("address", ui.say("setup-address-wrong")),
    }
    let (person, typed, frame) = (name.to_owned(), typed.to_owned(), frame(&ui, 0, &[]));
    Ok(show_again(&YouPage { ui, frame, person, typed, problems }))
}

//! A fresh proof of who it is, before acts that could take an account over. A form that was under way goes on after it.

use super::super::Web;
use super::super::error::{Fault, redirect, rendered, show};
use super::super::extract::{Fields, Member};
use super::super::problems::Problems;
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::Visitor;
use super::sign_in::{local, no_proof};
use crate::service::Refusal;
use crate::service::session::Stage;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;

pub(super) fn routes() -> Vec<Route> {
    vec![route("/sudo", "POST", Access::Member, post(prove))]
}

#[derive(Template)]
#[template(path = "sudo/ask.html")]
struct SudoPage {
    ui: Ui,
    /// Where it goes on.
    to: String,
    /// A form that goes on is sent again as it was.
    fields: Option<Vec<(String, String)>>,
    /// A code is asked for beside the password.
    second: bool,
    problems: Problems,
}

#[derive(Template)]
#[template(path = "sudo/go_on.html")]
struct GoOnPage {
    ui: Ui,
    to: String,
    fields: Vec<(String, String)>,
}

/// Asks for the proof in place of the page that was asked for.
///
/// # Errors
/// [`Refusal::Stale`] where nobody is signed in any more.
pub(in super::super) async fn ask(
    web: &Web,
    visitor: &Visitor,
    ui: Ui,
    fields: Option<Fields>,
) -> Result<Response, Refusal> {
    let session = visitor.session().ok_or(Refusal::Stale)?;
    let second = web.services().second_factors.state(&session.who).await?.since.is_some();
    let to = local(ui.path()).to_owned();
    let page = SudoPage { ui, to, fields: fields.map(Fields::carried), second, problems: Problems::default() };
    Ok(if page.fields.is_some() { rendered(StatusCode::FORBIDDEN, &page) } else { show(&page) })
}

/// Fields of the form under way are carried with this in front of their names.
const CARRIED: &str = "carried.";

async fn prove(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    Member(session): Member,
    form: Fields,
) -> Result<Response, Fault> {
    let to = local(form.text("to")).to_owned();
    let fields = form.has("form").then(|| form.under(CARRIED));
    let services = web.services();
    let origin = visitor.origin();
    let second = services.second_factors.state(&session.who).await?.since.is_some();
    let mut failed = None;
    if let Err(refusal) = services.login.sudo(&origin, &session.who, &form.secret("password")).await {
        failed = Some(("password", no_proof(&ui, refusal, "sudo-wrong")?));
    } else if second && let Err(refusal) = services.login.sudo_code(&origin, &session.who, form.line("code")).await {
        failed = Some(("code", no_proof(&ui, refusal, "sign-in-code-wrong")?));
    }
    if let Some((field, (status, words))) = failed {
        let problems = Problems::one(field, words);
        return Ok(rendered(status, &SudoPage { ui, to, fields, second, problems }));
    }
    visitor.sign_in(&services.sessions.promote(&session, Stage::Open).await?);
    Ok(match fields {
        Some(fields) => show(&GoOnPage { ui, to, fields }),
        None => redirect(&to),
    })
}

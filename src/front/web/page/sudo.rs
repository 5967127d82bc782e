//! A fresh proof of who it is, before acts that could take an account over. A form that was under way goes on after it.

use super::super::Web;
use super::super::error::{Fault, redirect, refusal_words, rendered, show};
use super::super::extract::{Fields, Member};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::Visitor;
use super::sign_in::local;
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
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "sudo/go_on.html")]
struct GoOnPage {
    ui: Ui,
    to: String,
    fields: Vec<(String, String)>,
}

/// Asks for the proof in place of the page that was asked for.
pub(in super::super) fn ask(ui: Ui, fields: Option<Fields>) -> Response {
    let to = local(ui.path()).to_owned();
    let page = SudoPage { ui, to, fields: fields.map(Fields::carried), problem: None };
    if page.fields.is_some() { rendered(StatusCode::FORBIDDEN, &page) } else { show(&page) }
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
    let login = &web.services().login;
    let name = session.who.address().to_string();
    match login.password(&visitor.origin(), "", &name, &form.secret("password")).await {
        Ok(_) => {
            visitor.sign_in(&web.services().sessions.promote(&session, Stage::Open).await?);
            Ok(match fields {
                Some(fields) => show(&GoOnPage { ui, to, fields }),
                None => redirect(&to),
            })
        }
        Err(refusal @ (Refusal::WrongCredentials | Refusal::SlowDown)) => {
            let problem = Some(refusal_words(&ui, &refusal));
            Ok(rendered(StatusCode::FORBIDDEN, &SudoPage { ui, to, fields, problem }))
        }
        Err(other) => Err(other.into()),
    }
}

//! Where a member is signed in.

use super::super::Web;
use super::super::agent;
use super::super::error::{Fault, redirect, show};
use super::super::extract::{Fields, Member};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::{Flash, Visitor};
use crate::service::Refusal;
use crate::service::session::Listed;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/settings/sessions", "GET", Access::Member, get(list)),
        route("/settings/sessions/end", "POST", Access::Member, post(end)),
        route("/settings/sessions/end-others", "POST", Access::Member, post(end_others)),
    ]
}

#[derive(Template)]
#[template(path = "sessions/list.html")]
struct SessionsPage {
    ui: Ui,
    rows: Vec<Row>,
}

struct Row {
    session: Listed,
    browser: String,
    is_this: bool,
}

async fn list(State(web): State<Web>, ui: Ui, Member(this): Member) -> Result<Response, Fault> {
    let all = web.services().sessions.list(&this).await?;
    let row = |session: Listed| Row {
        browser: agent::in_words(&ui, &session.agent),
        is_this: session.id == this.id,
        session,
    };
    // This one first.
    let (mine, others): (Vec<Row>, Vec<Row>) = all.into_iter().map(row).partition(|row| row.is_this);
    Ok(show(&SessionsPage { rows: mine.into_iter().chain(others).collect(), ui }))
}

async fn end(State(web): State<Web>, visitor: Visitor, Member(this): Member, form: Fields) -> Result<Response, Fault> {
    let id = form.line("id").parse().map_err(|_| Fault::Unreadable)?;
    match web.services().sessions.end_one(&this.who, &visitor.origin(), id).await {
        // Ended already, it is as it should be.
        Ok(()) | Err(Refusal::NotFound) => {}
        Err(other) => return Err(other.into()),
    }
    visitor.tell(&Flash { key: "session-ended".into(), ..Flash::default() });
    Ok(redirect("/settings/sessions"))
}

async fn end_others(
    State(web): State<Web>,
    visitor: Visitor,
    Member(this): Member,
    _form: Fields,
) -> Result<Response, Fault> {
    let ended = web.services().sessions.end_others(&this, &visitor.origin()).await?;
    visitor.tell(&Flash { key: "sessions-ended".into(), thing: ended.to_string(), ..Flash::default() });
    Ok(redirect("/settings/sessions"))
}

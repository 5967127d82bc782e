//! `/`: to the mail, to what is left of the setup, or to the door.

use super::super::Web;
use super::super::error::{Fault, redirect};
use super::super::router::{Access, Route, route};
use super::super::visitor::Visitor;
use crate::service::account::Role;
use crate::service::session::Stage;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    vec![route("/", "GET", Access::Public, get(home))]
}

async fn home(State(web): State<Web>, visitor: Visitor) -> Result<Response, Fault> {
    let Some(session) = visitor.session() else { return Ok(redirect("/sign-in")) };
    // Who claimed the server and left is led on where they were.
    let is_owner = session.role == Role::Owner && session.stage == Stage::Open;
    let is_theirs = is_owner && web.services().setup.left_by().await? == Some(session.who.account());
    Ok(redirect(if is_theirs { "/setup" } else { "/mail" }))
}

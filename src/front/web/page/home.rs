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
    if session.role == Role::Owner && session.stage == Stage::Open {
        let actor = web.services().accounts.acting(&session.who, &visitor.origin()).await?;
        if web.services().setup.is_left(&actor).await? {
            return Ok(redirect("/setup"));
        }
    }
    Ok(redirect("/mail"))
}

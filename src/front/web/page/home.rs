//! `/`: to the mail, or to the door.

use super::super::error::redirect;
use super::super::router::{Access, Route, route};
use super::super::visitor::Visitor;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    vec![route("/", "GET", Access::Public, get(home))]
}

async fn home(visitor: Visitor) -> Response {
    redirect(if visitor.session().is_some() { "/mail" } else { "/sign-in" })
}

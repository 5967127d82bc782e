//! `/settings/record`: what others did to the member's own account.

use super::super::Web;
use super::super::error::{Fault, show};
use super::super::extract::{Member, Query};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::admin::Act;
use crate::model::ids::AuditId;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

/// Acts of a page.
const PAGE: i64 = 50;
const HERE: &str = "/settings/record";

pub(super) fn routes() -> Vec<Route> {
    vec![route(HERE, "GET", Access::Member, get(list))]
}

#[derive(Template)]
#[template(path = "record/list.html")]
struct RecordPage {
    ui: Ui,
    acts: Vec<Act>,
    /// Where the newest and the older ones are; empty: there are none.
    first: String,
    next: String,
}

#[derive(Deserialize)]
struct Asked {
    before: Option<i64>,
}

async fn list(
    State(web): State<Web>,
    ui: Ui,
    member: Member,
    Query(Asked { before }): Query<Asked>,
) -> Result<Response, Fault> {
    let page = web.services().audit.done_to(member.who(), before.map(AuditId), PAGE).await?;
    let next = page.next.map_or_else(String::new, |id| format!("{HERE}?before={id}"));
    let first = before.map_or_else(String::new, |_| HERE.to_owned());
    let acts = page.entries.iter().map(|entry| Act::new(&ui, entry)).collect();
    Ok(show(&RecordPage { ui, acts, first, next }))
}

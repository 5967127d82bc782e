//! How pages look on this browser: theme and language.

use super::super::error::{Fault, redirect, show};
use super::super::extract::{Fields, Member};
use super::super::router::{Access, Route, route};
use super::super::text::LANGUAGES;
use super::super::ui::Ui;
use super::super::visitor::{Flash, Look, Theme, Visitor};
use askama::Template;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    vec![route("/settings/look", "GET POST", Access::Member, get(ask).post(choose))]
}

#[derive(Template)]
#[template(path = "look/choose.html")]
struct LookPage {
    ui: Ui,
    /// The chosen one; empty: what the browser asks for.
    language: String,
}

async fn ask(ui: Ui, visitor: Visitor) -> Response {
    let language = visitor.look().language.clone().unwrap_or_default();
    show(&LookPage { ui, language })
}

async fn choose(visitor: Visitor, _member: Member, form: Fields) -> Result<Response, Fault> {
    let theme = Theme::parse(form.line("theme")).ok_or(Fault::Unreadable)?;
    let language = match form.line("language") {
        "" => None,
        tag if LANGUAGES.contains(&tag) => Some(tag.to_owned()),
        _ => return Err(Fault::Unreadable),
    };
    visitor.choose(&Look { theme, language });
    visitor.tell(&Flash { key: "look".into(), ..Flash::default() });
    Ok(redirect("/settings/look"))
}

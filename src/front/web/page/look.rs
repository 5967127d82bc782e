//! How pages look: theme and language. A person's choice is kept in a cookie too, so that it holds before they sign in.

use super::super::Web;
use super::super::error::{Fault, redirect, show};
use super::super::extract::{Fields, Member};
use super::super::router::{Access, Route, route};
use super::super::text::LANGUAGES;
use super::super::ui::Ui;
use super::super::visitor::{Flash, Look, Visitor};
use crate::service::preference::{Preference, Theme};
use askama::Template;
use axum::extract::State;
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

async fn choose(State(web): State<Web>, visitor: Visitor, member: Member, form: Fields) -> Result<Response, Fault> {
    let theme = Theme::parse(form.line("theme")).ok_or(Fault::Unreadable)?;
    let language = match form.line("language") {
        "" => None,
        tag if LANGUAGES.contains(&tag) => Some(tag.to_owned()),
        _ => return Err(Fault::Unreadable),
    };
    let preferences = &web.services().preferences;
    let before = preferences.get(member.who()).await?;
    preferences.set(member.who(), &Preference { theme, language: language.clone(), ..before }).await?;
    visitor.choose(&Look { theme, language });
    visitor.tell(&Flash { key: "look".into(), ..Flash::default() });
    Ok(redirect("/settings/look"))
}

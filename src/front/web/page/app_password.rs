//! App passwords: one for each mail program, shown once, revoked alone.

use super::super::Web;
use super::super::error::{Fault, redirect, refusal_words, rendered, show};
use super::super::extract::{Member, Path, Proved};
use super::super::problems::Problems;
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::{Flash, Visitor};
use super::second_factor::is_repeated;
use crate::service::Refusal;
use crate::service::app_password::AppPassword;
use crate::service::session::Stage;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/settings/apps", "GET POST", Access::Member, get(list).post(make)),
        route("/settings/apps/{id}/revoke", "GET POST", Access::Member, get(ask_revoke).post(revoke)),
    ]
}

#[derive(Template)]
#[template(path = "app_password/list.html")]
struct ListPage {
    ui: Ui,
    rows: Vec<AppPassword>,
    /// Mail programs use these alone.
    second: bool,
    /// The name of a new one, as it was typed.
    typed: String,
    problems: Problems,
    at: i64,
}

#[derive(Template)]
#[template(path = "app_password/made.html")]
struct MadePage {
    ui: Ui,
    label: String,
    password: String,
}

#[derive(Template)]
#[template(path = "app_password/revoke.html")]
struct RevokePage {
    ui: Ui,
    row: AppPassword,
}

async fn page(web: &Web, ui: Ui, member: &Member, typed: String, problems: Problems) -> Result<ListPage, Fault> {
    let services = web.services();
    let rows = services.app_passwords.list(member.who()).await?;
    let second = services.second_factors.state(member.who()).await?.since.is_some();
    Ok(ListPage { ui, rows, second, typed, problems, at: member.who().generation() })
}

async fn list(State(web): State<Web>, ui: Ui, member: Member) -> Result<Response, Fault> {
    Ok(show(&page(&web, ui, &member, String::new(), Problems::default()).await?))
}

async fn make(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Proved(form): Proved,
) -> Result<Response, Fault> {
    let services = web.services();
    if is_repeated(&member.0, &form) {
        visitor.tell(&Flash { key: "app-repeated".into(), ..Flash::default() });
        return Ok(redirect("/settings/apps"));
    }
    let label = form.line("label").to_owned();
    match services.app_passwords.make(member.who(), &visitor.origin(), &label).await {
        Ok(made) => {
            visitor.sign_in(&services.sessions.carry_over(&member.0, &made.who, Stage::Open).await?);
            Ok(show(&MadePage { ui, label, password: made.password.expose().clone() }))
        }
        Err(refusal @ (Refusal::Invalid(_) | Refusal::Limit(_))) => {
            let problems = Problems::one("label", refusal_words(&ui, &refusal));
            let page = page(&web, ui, &member, label, problems).await?;
            Ok(rendered(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(other) => Err(other.into()),
    }
}

async fn ask_revoke(State(web): State<Web>, ui: Ui, member: Member, Path(id): Path<i64>) -> Result<Response, Fault> {
    let rows = web.services().app_passwords.list(member.who()).await?;
    let row = rows.into_iter().find(|row| row.id == id).ok_or(Refusal::NotFound)?;
    Ok(show(&RevokePage { ui, row }))
}

async fn revoke(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    Proved(_form): Proved,
) -> Result<Response, Fault> {
    let services = web.services();
    let rows = services.app_passwords.list(member.who()).await?;
    let label = rows.into_iter().find(|row| row.id == id).map(|row| row.label);
    match services.app_passwords.revoke(member.who(), &visitor.origin(), id).await {
        Ok(who) => {
            visitor.sign_in(&services.sessions.carry_over(&member.0, &who, Stage::Open).await?);
            let thing = label.unwrap_or_default();
            visitor.tell(&Flash { key: "app-revoked".into(), thing, ..Flash::default() });
        }
        // Revoked already.
        Err(Refusal::NotFound) => {}
        Err(other) => return Err(other.into()),
    }
    Ok(redirect("/settings/apps"))
}

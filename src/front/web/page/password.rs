//! A member's own new password (J3). The present one is the proof, so nothing else is asked before.

use super::super::Web;
use super::super::error::{Fault, redirect, rendered, show};
use super::super::extract::{Fields, Member};
use super::super::problems::{Problems, password_fault};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::{Flash, Visitor};
use super::sign_in::no_proof;
use crate::service::session::Stage;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    vec![route("/settings/password", "GET POST", Access::Member, get(ask).post(change))]
}

#[derive(Template)]
#[template(path = "password/change.html")]
struct PasswordPage {
    ui: Ui,
    problems: Problems,
    apps: usize,
    /// Mail programs use app passwords alone.
    second: bool,
}

async fn page(web: &Web, ui: Ui, member: &Member, problems: Problems) -> Result<PasswordPage, Fault> {
    let services = web.services();
    let apps = services.app_passwords.list(member.who()).await?.len();
    let second = services.second_factors.state(member.who()).await?.since.is_some();
    Ok(PasswordPage { ui, problems, apps, second })
}

async fn ask(State(web): State<Web>, ui: Ui, member: Member) -> Result<Response, Fault> {
    Ok(show(&page(&web, ui, &member, Problems::default()).await?))
}

async fn change(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    form: Fields,
) -> Result<Response, Fault> {
    let services = web.services();
    let (current, new) = (form.secret("current-password"), form.secret("new-password"));
    match services.accounts.change_password(member.who(), &visitor.origin(), &current, new).await {
        Ok(who) => {
            visitor.sign_in(&services.sessions.carry_over(&member.0, &who, Stage::Open).await?);
            visitor.tell(&Flash { key: "password-changed".into(), ..Flash::default() });
            Ok(redirect("/settings/sign-in"))
        }
        Err(refusal) => {
            let (status, field, words) = match password_fault(&ui, &refusal) {
                Some(words) => (StatusCode::UNPROCESSABLE_ENTITY, "new-password", words),
                None => {
                    let (status, words) = no_proof(&ui, refusal, "password-current-wrong")?;
                    (status, "current-password", words)
                }
            };
            let page = page(&web, ui, &member, Problems::one(field, words)).await?;
            Ok(rendered(status, &page))
        }
    }
}

//! The person's own settings: how they sign in, and who did.

use super::super::Web;
use super::super::error::{Fault, redirect, show};
use super::super::extract::Member;
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::sign_in::with;
use crate::service::login::SignIn;
use crate::service::second_factor;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, Utc};

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/settings", "GET", Access::Member, get(async || redirect("/settings/sign-in"))),
        route("/settings/sign-in", "GET", Access::Member, get(overview)),
    ]
}

#[derive(Template)]
#[template(path = "settings/sign_in.html")]
struct SignInPage {
    ui: Ui,
    password_since: Option<DateTime<Utc>>,
    factor: second_factor::State,
    /// Their role can't be without a second factor.
    must: bool,
    apps: usize,
    history: Vec<Line>,
}

/// A sign-in, or a failed one.
struct Line {
    at: DateTime<Utc>,
    ok: bool,
    with: String,
    peer: String,
}

async fn overview(State(web): State<Web>, ui: Ui, member: Member) -> Result<Response, Fault> {
    let services = web.services();
    let who = member.who();
    let line = |sign_in: SignIn| Line {
        with: with(&ui, &sign_in),
        at: sign_in.at,
        ok: sign_in.ok,
        peer: sign_in.peer.map(|peer| peer.to_string()).unwrap_or_default(),
    };
    let history = services.login.sign_ins(who).await?.into_iter().map(line).collect();
    Ok(show(&SignInPage {
        password_since: services.accounts.password_since(who).await?,
        factor: services.second_factors.state(who).await?,
        must: member.0.role.needs_second_factor(),
        apps: services.app_passwords.list(who).await?.len(),
        history,
        ui,
    }))
}

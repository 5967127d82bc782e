//! Signing in and out.

use super::super::Web;
use super::super::error::{Fault, redirect, refusal_words, rendered, show};
use super::super::extract::Fields;
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::Visitor;
use crate::service::Refusal;
use crate::service::session::Stage;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/sign-in", "GET POST", Access::Public, get(ask).post(sign_in)),
        route("/sign-out", "POST", Access::Half, post(sign_out)),
    ]
}

#[derive(Template)]
#[template(path = "sign_in/password.html")]
struct SignInPage {
    ui: Ui,
    next: String,
    name: String,
    problem: Option<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct Next {
    #[serde(default)]
    next: String,
}

/// A place on this site: a path, and no `//host`.
pub(super) fn local(next: &str) -> &str {
    let fine = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n', '\t'])
        && next.is_ascii()
        && next.len() < 2000;
    if fine { next } else { "/" }
}

async fn ask(ui: Ui, Query(Next { next }): Query<Next>) -> Response {
    if ui.signed_in() {
        return redirect(local(&next));
    }
    show(&SignInPage { ui, next: local(&next).to_owned(), name: String::new(), problem: None })
}

async fn sign_in(State(web): State<Web>, ui: Ui, visitor: Visitor, form: Fields) -> Result<Response, Fault> {
    let origin = visitor.origin();
    let services = web.services();
    match services.login.password(&origin, "", form.line("name"), &form.secret("password")).await {
        Ok(who) => {
            let token = services.sessions.begin(&who, Stage::Open, &origin, visitor.agent()).await?;
            visitor.sign_in(&token);
            Ok(redirect(local(form.text("next"))))
        }
        Err(refusal @ (Refusal::WrongCredentials | Refusal::SlowDown)) => {
            let limited = matches!(refusal, Refusal::SlowDown);
            let problem = Some(refusal_words(&ui, &refusal));
            let (next, name) = (local(form.text("next")).to_owned(), form.line("name").to_owned());
            let status = if limited { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::FORBIDDEN };
            Ok(rendered(status, &SignInPage { ui, next, name, problem }))
        }
        Err(other) => Err(other.into()),
    }
}

async fn sign_out(State(web): State<Web>, visitor: Visitor, _form: Fields) -> Result<Response, Fault> {
    if let Some(session) = visitor.session() {
        web.services().sessions.end(session).await?;
    }
    visitor.sign_out();
    Ok(redirect("/sign-in"))
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn one_is_sent_on_within_this_site_alone() {
        for fine in ["/mail", "/mail/1/2?x=y"] {
            assert_eq!(local(fine), fine);
        }
        for bad in ["", "mail", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/é"] {
            assert_eq!(local(bad), "/", "{bad}");
        }
    }
}

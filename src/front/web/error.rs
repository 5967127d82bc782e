//! The one map from what went wrong to a status and a page in words.

use super::text::key_of;
use super::ui::Ui;
use super::visitor::Visitor;
use super::{Web, extract::Fields};
use crate::service::Refusal;
use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Why there is no page.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    Refused(Arc<Refusal>),
    /// No such page.
    NoPage,
    /// The method is not one of this page's.
    Method,
    /// The form came from another site.
    Foreign,
    /// The form was made for another session: shown again, for the person to say whether it still holds.
    OldForm(Fields),
    /// The session under which the form was filled in has ended: kept until somebody has signed in again.
    SignedOut(Fields),
    /// An act that needs a fresh proof of who it is; the form goes on after it.
    Unproved(Option<Fields>),
    /// Nobody has claimed the server yet.
    Unclaimed,
    /// Nobody is signed in.
    SignIn,
    /// The second factor is still to come, or to be enrolled.
    Unfinished(&'static str),
    /// The form can't be read.
    Unreadable,
    /// The form is larger than forms are.
    TooMuch,
    /// It took too long to arrive.
    Slow,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Arc::new(refusal))
    }
}

/// A handler's answer carries the fault out to where the visitor is known.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        answer.extensions_mut().insert(self);
        answer
    }
}

#[derive(Template)]
#[template(path = "error/fault.html")]
struct FaultPage {
    ui: Ui,
    title: String,
    words: String,
    /// Comes back by itself after so many seconds.
    again: Option<u32>,
    home: bool,
}

#[derive(Template)]
#[template(path = "error/unclaimed.html")]
struct UnclaimedPage {
    ui: Ui,
}

#[derive(Template)]
#[template(path = "error/kept_form.html")]
struct KeptFormPage {
    ui: Ui,
    title: String,
    words: String,
    /// Somebody has to sign in first.
    signed_out: bool,
    action: String,
    token: String,
    fields: Vec<(String, String)>,
}

/// A form that nothing was done with, to be sent again; none where it would not say the same.
fn kept_form(ui: Ui, fault: &Fault, fields: Fields) -> Result<Response, Box<Ui>> {
    let is_old = matches!(fault, Fault::OldForm(_));
    if !ui.wants_page() || !(is_old || fields.is_whole_when_carried()) {
        return Err(Box::new(ui));
    }
    let (status, key) = status(fault);
    let (words, token) = match fault {
        Fault::OldForm(_) | Fault::SignedOut(_) => (ui.say(&format!("fault-{key}")), ui.csrf().to_owned()),
        // Who it is can't be told now: it is still the form of whoever it was made for.
        _ => (ui.say("fault-kept"), fields.text("csrf").to_owned()),
    };
    let title = ui.say(&format!("fault-{key}-title"));
    let (action, fields, signed_out) = (ui.path().to_owned(), fields.carried(), matches!(fault, Fault::SignedOut(_)));
    let mut answer = rendered(status, &KeptFormPage { ui, title, words, signed_out, action, token, fields });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    Ok(answer)
}

/// Makes the page of a fault.
pub(super) async fn page(web: &Web, visitor: &Visitor, fault: Fault) -> Response {
    let ui = Ui::new(web, visitor);
    let fault = match (fault, visitor.take_kept()) {
        (Fault::SignIn, Some(fields)) => Fault::SignedOut(fields),
        (fault, Some(fields)) if status(&fault).0 == StatusCode::SERVICE_UNAVAILABLE => {
            return kept_form(ui, &fault, fields).unwrap_or_else(|ui| in_words(visitor, *ui, &fault));
        }
        (fault, _) => fault,
    };
    match fault {
        Fault::SignIn if ui.wants_page() => redirect(&ui.sign_in_url()),
        // Tells an EventSource not to come back (HTML, 9.2.3).
        Fault::SignIn if visitor.wants_stream() => StatusCode::NO_CONTENT.into_response(),
        Fault::Unfinished(place) => redirect(place),
        Fault::Refused(refusal) if matches!(*refusal, Refusal::Stale) && ui.wants_page() => {
            visitor.sign_out();
            redirect(&ui.sign_in_url())
        }
        Fault::OldForm(ref fields) | Fault::SignedOut(ref fields) => match kept_form(ui, &fault, fields.clone()) {
            Ok(kept) => kept,
            Err(ui) if ui.wants_page() && matches!(fault, Fault::SignedOut(_)) => redirect(&ui.sign_in_url()),
            Err(ui) => in_words(visitor, *ui, &fault),
        },
        Fault::Unproved(fields) => match super::page::sudo::ask(web, visitor, ui, fields).await {
            Ok(asked) => asked,
            Err(refusal) => in_words(visitor, Ui::new(web, visitor), &refusal.into()),
        },
        Fault::Unclaimed => rendered(StatusCode::SERVICE_UNAVAILABLE, &UnclaimedPage { ui }),
        fault => in_words(visitor, ui, &fault),
    }
}

fn in_words(visitor: &Visitor, ui: Ui, fault: &Fault) -> Response {
    let (status, key) = status(fault);
    let away = status == StatusCode::SERVICE_UNAVAILABLE;
    let words = match fault {
        _ if away && !visitor.only_reads() => ui.say("fault-send-again"),
        Fault::Refused(refusal) => refusal_words(&ui, refusal),
        _ => ui.say(&format!("fault-{key}")),
    };
    // A form is never sent again by itself.
    let again = (away && visitor.only_reads()).then_some(5);
    let title = ui.say(&format!("fault-{key}-title"));
    let mut answer = rendered(status, &FaultPage { ui, title, words, again, home: !away });
    if away {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    answer
}

/// A refusal as a sentence: in pages of their own, and beside a field of a form.
pub(super) fn refusal_words(ui: &Ui, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Limit(words) | Refusal::Invalid(words) | Refusal::InUse(words) => ui.say(&key_of("refusal", words)),
        Refusal::SlowDown => ui.say1("fault-slow-down", "time", ui.wait()),
        Refusal::TooLarge(limit) => ui.say1("fault-large", "limit", ui.octets(*limit)),
        other => ui.say(&format!("fault-{}", status_of(other).1)),
    }
}

fn status(fault: &Fault) -> (StatusCode, &'static str) {
    match fault {
        Fault::Refused(refusal) => status_of(refusal),
        Fault::NoPage => (StatusCode::NOT_FOUND, "no-page"),
        Fault::Method => (StatusCode::METHOD_NOT_ALLOWED, "method"),
        Fault::Foreign => (StatusCode::FORBIDDEN, "foreign"),
        Fault::SignIn => (StatusCode::UNAUTHORIZED, "ended"),
        Fault::SignedOut(_) => (StatusCode::UNAUTHORIZED, "signed-out"),
        Fault::OldForm(_) => (StatusCode::FORBIDDEN, "old-form"),
        Fault::Unreadable => (StatusCode::BAD_REQUEST, "unreadable"),
        Fault::TooMuch => (StatusCode::PAYLOAD_TOO_LARGE, "too-much"),
        Fault::Slow => (StatusCode::REQUEST_TIMEOUT, "slow"),
        // These have pages of their own.
        Fault::Unproved(_) | Fault::Unfinished(_) | Fault::Unclaimed => (StatusCode::FORBIDDEN, "foreign"),
    }
}

fn status_of(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::NotFound => (StatusCode::NOT_FOUND, "not-found"),
        Refusal::Exists => (StatusCode::CONFLICT, "exists"),
        Refusal::Denied => (StatusCode::FORBIDDEN, "denied"),
        Refusal::WrongCredentials => (StatusCode::FORBIDDEN, "credentials"),
        Refusal::SlowDown => (StatusCode::TOO_MANY_REQUESTS, "slow-down"),
        Refusal::Stale => (StatusCode::UNAUTHORIZED, "ended"),
        Refusal::OverQuota => (StatusCode::CONFLICT, "over-quota"),
        Refusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "large"),
        Refusal::Limit(_) => (StatusCode::CONFLICT, "limit"),
        Refusal::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        Refusal::InUse(_) => (StatusCode::CONFLICT, "in-use"),
        Refusal::ReadOnly => (StatusCode::FORBIDDEN, "read-only"),
        Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        Refusal::Full => (StatusCode::INSUFFICIENT_STORAGE, "full"),
        Refusal::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Refusal::Internal(source) => {
            tracing::error!(error = format!("{source:#}"), "a page failed");
            (StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    }
}

/// Renders a template as a page.
pub(super) fn rendered(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a template failed");
            (StatusCode::INTERNAL_SERVER_ERROR, "internal error").into_response()
        }
    }
}

/// The page of a handler.
pub(super) fn show(page: &impl Template) -> Response {
    rendered(StatusCode::OK, page)
}

/// A form shown again with what is wrong with it.
pub(super) fn show_again(page: &impl Template) -> Response {
    rendered(StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// What a script asked for.
pub(super) fn data(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// After a form: 303, so that a reload does not send it again.
pub(super) fn redirect(place: &str) -> Response {
    let place = HeaderValue::from_str(place).unwrap_or_else(|_| HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

//! Signing in, in one step or two, and out.

use super::super::error::{Fault, redirect, refusal_words, rendered, show};
use super::super::extract::{Fields, Query};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::{Flash, Look, Visitor};
use super::super::{Web, agent};
use crate::model::secret::Secret;
use crate::service::Refusal;
use crate::service::login::{Identity, Previous, Protocol, Second, SignIn, WebProof};
use crate::service::preference::Preference;
use crate::service::session::{Session, Stage};
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/sign-in", "GET POST", Access::Public, get(ask).post(sign_in)),
        route("/sign-in/code", "GET POST", Access::Half, get(ask_code).post(take_code)),
        route("/sign-out", "POST", Access::Half, post(sign_out)),
    ]
}

#[derive(Template)]
#[template(path = "sign_in/password.html")]
struct SignInPage {
    ui: Ui,
    next: String,
    /// The name, as it was typed.
    typed: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in/code.html")]
struct CodePage {
    ui: Ui,
    next: String,
    problem: String,
}

#[derive(Deserialize)]
pub(in super::super) struct Next {
    #[serde(default)]
    next: String,
}

/// Where only forms go: who is sent back there would find nothing.
const NOWHERE: [&str; 3] = ["/sign-in", "/sign-out", "/sudo"];

/// A place on this site: a path, and no `//host`.
pub(super) fn local(next: &str) -> &str {
    let fine = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n', '\t'])
        && next.is_ascii()
        && next.len() < 2000
        && !NOWHERE.contains(&next.split('?').next().unwrap_or_default());
    if fine { next } else { "/" }
}

async fn ask(ui: Ui, visitor: Visitor, Query(Next { next }): Query<Next>) -> Response {
    let next = local(&next).to_owned();
    match visitor.session().map(|session| session.stage) {
        Some(Stage::Open) => redirect(&next),
        // Somebody else may want to sign in here, or the same person anew.
        Some(Stage::SecondFactor | Stage::Enrol) | None => {
            show(&SignInPage { ui, next, typed: String::new(), problem: None })
        }
    }
}

async fn sign_in(State(web): State<Web>, ui: Ui, visitor: Visitor, form: Fields) -> Result<Response, Fault> {
    let (name, next) = (form.line("name").to_owned(), local(form.text("next")).to_owned());
    let password = form.secret("password");
    // What else it brought is not kept while it waits for its turn.
    drop(form);
    let login = &web.services().login;
    match login.web(&visitor.origin(), visitor.agent(), &name, &password).await {
        Ok(proof) => enter(&web, &ui, &visitor, &proof, &next).await,
        Err(refusal) => {
            let (status, words) = no_proof(&ui, refusal, "sign-in-wrong")?;
            Ok(rendered(status, &SignInPage { ui, next, typed: name, problem: Some(words) }))
        }
    }
}

/// Status and words for a proof that failed; `wrong` is the key for one that was wrong.
///
/// # Errors
/// The refusal itself where it is none of the proof's.
pub(super) fn no_proof(ui: &Ui, refusal: Refusal, wrong: &'static str) -> Result<(StatusCode, String), Fault> {
    match refusal {
        Refusal::WrongCredentials => Ok((StatusCode::FORBIDDEN, ui.say(wrong))),
        Refusal::SlowDown => Ok((StatusCode::TOO_MANY_REQUESTS, refusal_words(ui, &refusal))),
        Refusal::Busy => Ok((StatusCode::SERVICE_UNAVAILABLE, refusal_words(ui, &refusal))),
        other => Err(other.into()),
    }
}

/// Begins the session of who gave the right password, and sends them where they go on.
async fn enter(web: &Web, ui: &Ui, visitor: &Visitor, proof: &WebProof, next: &str) -> Result<Response, Fault> {
    let (stage, place) = match proof.second {
        Second::None => (Stage::Open, next.to_owned()),
        Second::Required => {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            (Stage::SecondFactor, format!("/sign-in/code?next={next}"))
        }
        Second::MustEnrol => (Stage::Enrol, "/settings/second-factor".to_owned()),
    };
    let sessions = &web.services().sessions;
    if let Some(half) = visitor.session() {
        sessions.end(half).await?;
    }
    visitor.sign_in(&sessions.begin(&proof.who, stage, &visitor.origin(), visitor.agent()).await?);
    if stage == Stage::Open {
        greet(web, ui, visitor, &proof.who, None).await?;
    }
    Ok(redirect(&place))
}

/// The same with a password that was set a moment ago: it is in the history like any sign-in, and who must have a second
/// factor is asked for it.
pub(super) async fn enter_with(
    web: &Web,
    ui: &Ui,
    visitor: &Visitor,
    name: &str,
    password: &Secret<String>,
    next: &str,
) -> Result<Response, Fault> {
    match web.services().login.web(&visitor.origin(), visitor.agent(), name, password).await {
        Ok(proof) => enter(web, ui, visitor, &proof, next).await,
        // Too many failures from here: the password is set all the same.
        Err(Refusal::SlowDown) => Ok(redirect("/sign-in")),
        Err(other) => Err(other.into()),
    }
}

/// Tells on the next page when they were here last, and whether somebody tried in vain since; `also` stands before it.
/// The pages look from now on as they chose.
async fn greet(web: &Web, ui: &Ui, visitor: &Visitor, who: &Identity, also: Option<String>) -> Result<(), Fault> {
    let Preference { theme, language, .. } = web.services().preferences.get(who).await?;
    let look = Look { theme, language };
    if look != *visitor.look() {
        visitor.choose(&look);
    }
    let Previous { signed_in, failed } = web.services().login.previous(who).await?;
    let since = signed_in.as_ref().map(|last| last.at);
    let failed = failed.filter(|failed| since.is_none_or(|since| failed.at > since));
    let last = signed_in.map(|last| ui.say2("sign-in-last", "at", ui.moment(&last.at), "from", place(ui, &last)));
    let failed = failed.map(|try_| ui.say2("sign-in-failed", "at", ui.moment(&try_.at), "from", place(ui, &try_)));
    let words: Vec<String> = also.into_iter().chain(last).chain(failed).collect();
    if !words.is_empty() {
        visitor.tell(&Flash { key: "signed-in".into(), thing: words.join(" "), ..Flash::default() });
    }
    Ok(())
}

/// From where, and with what, a sign-in came.
pub(super) fn place(ui: &Ui, sign_in: &SignIn) -> String {
    let peer = sign_in.peer.map(|peer| peer.to_string()).unwrap_or_default();
    ui.say2("sign-in-place", "peer", peer, "with", with(ui, sign_in))
}

/// A browser, or a mail program by its protocol.
pub(super) fn with(ui: &Ui, sign_in: &SignIn) -> String {
    let program = |protocol: &str| ui.say1("agent-program", "protocol", protocol);
    match sign_in.protocol {
        Some(Protocol::Imap) => program("IMAP"),
        Some(Protocol::Pop3) => program("POP3"),
        Some(Protocol::ManageSieve) => program("ManageSieve"),
        Some(Protocol::Smtp | Protocol::Submission | Protocol::Lmtp) => program("SMTP"),
        Some(Protocol::Web) | None => agent::in_words(ui, &sign_in.agent),
    }
}

/// The session that owes its second factor.
fn owing(visitor: &Visitor) -> Result<&Session, Fault> {
    let session = visitor.session().ok_or(Fault::SignIn)?;
    match session.stage {
        Stage::SecondFactor => Ok(session),
        Stage::Open => Err(Fault::Unfinished("/")),
        Stage::Enrol => Err(Fault::Unfinished("/settings/second-factor")),
    }
}

async fn ask_code(ui: Ui, visitor: Visitor, Query(Next { next }): Query<Next>) -> Result<Response, Fault> {
    owing(&visitor)?;
    Ok(show(&CodePage { ui, next: local(&next).to_owned(), problem: String::new() }))
}

async fn take_code(State(web): State<Web>, ui: Ui, visitor: Visitor, form: Fields) -> Result<Response, Fault> {
    let session = owing(&visitor)?;
    let next = local(form.text("next")).to_owned();
    let services = web.services();
    let code = form.line("code");
    match services.login.second_factor(&visitor.origin(), visitor.agent(), &session.who, code).await {
        Ok(()) => {
            visitor.sign_in(&services.sessions.promote(session, Stage::Open).await?);
            // Six digits are the app's; a recovery code is gone now.
            let is_recovery = code.chars().filter(|c| c.is_alphanumeric()).count() > 6;
            let left = match is_recovery {
                true => Some(services.second_factors.state(&session.who).await?.codes),
                false => None,
            };
            let used = left.map(|left| ui.count("sign-in-recovery-used", left));
            greet(&web, &ui, &visitor, &session.who, used).await?;
            Ok(redirect(&next))
        }
        Err(refusal) => {
            let (status, problem) = no_proof(&ui, refusal, "sign-in-code-wrong")?;
            Ok(rendered(status, &CodePage { ui, next, problem }))
        }
    }
}

async fn sign_out(State(web): State<Web>, visitor: Visitor, _form: Fields) -> Result<Response, Fault> {
    if let Some(session) = visitor.session() {
        web.services().sessions.end(session).await?;
    }
    visitor.sign_out();
    // What this browser kept of the person's pages goes with them; the look stays, for it says nothing.
    let mut answer = redirect("/sign-in");
    answer.headers_mut().insert("clear-site-data", HeaderValue::from_static(r#""cache", "storage""#));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn one_is_sent_on_within_this_site_alone() {
        for fine in ["/mail", "/mail/1/2?x=y", "/sign-in/code"] {
            assert_eq!(local(fine), fine);
        }
        let elsewhere = ["", "mail", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/é"];
        for bad in elsewhere.into_iter().chain(["/sudo", "/sign-in?next=%2F", "/sign-out"]) {
            assert_eq!(local(bad), "/", "{bad}");
        }
    }
}

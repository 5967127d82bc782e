//! A second factor is set up, its recovery codes made anew, and switched off. The setup of a fresh server has the same in
//! its own frame.

use super::super::Web;
use super::super::error::{Fault, redirect, rendered, show};
use super::super::extract::{Fields, Fresh, Member, Proved};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::{Flash, Visitor};
use super::sign_in::no_proof;
use crate::service::Refusal;
use crate::service::login::Identity;
use crate::service::second_factor::Codes;
use crate::service::session::{Session, Stage};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/settings/second-factor", "GET POST", Access::Half, get(ask).post(enrol)),
        route("/settings/second-factor/off", "GET POST", Access::Member, get(ask_off).post(off)),
        route("/settings/recovery-codes", "GET POST", Access::Member, get(ask_codes).post(remake)),
    ]
}

/// A seed that waits for its first code, as it is shown.
pub(super) struct Waiting {
    pub svg: String,
    /// For who can't take the picture: base32 in groups of four.
    pub secret: String,
}

/// Fresh recovery codes, shown once.
pub(super) struct Sheet {
    pub codes: Vec<String>,
    /// The same as a file, in a URI: no request has to carry them again.
    pub file: String,
}

/// What a first code came to.
pub(super) enum Confirmed {
    On(Sheet),
    Wrong(StatusCode, String),
    /// No seed waits: it was confirmed in another window, or its half hour is over.
    Nothing,
}

#[derive(Template)]
#[template(path = "second_factor/begin.html")]
struct BeginPage {
    ui: Ui,
    /// The session can do nothing else before.
    must: bool,
    /// There is one in use, which this one will replace.
    has: bool,
}

#[derive(Template)]
#[template(path = "second_factor/scan.html")]
struct ScanPage {
    ui: Ui,
    must: bool,
    waiting: Waiting,
    problem: String,
}

#[derive(Template)]
#[template(path = "second_factor/codes.html")]
struct CodesPage {
    ui: Ui,
    sheet: Sheet,
    /// They come with a new second factor.
    fresh: bool,
}

#[derive(Template)]
#[template(path = "second_factor/remake.html")]
struct RemakePage {
    ui: Ui,
    left: u32,
    at: i64,
}

#[derive(Template)]
#[template(path = "second_factor/off.html")]
struct OffPage {
    ui: Ui,
}

/// The seed of `who` that waits.
pub(super) async fn waiting(web: &Web, who: &Identity) -> Result<Option<Waiting>, Fault> {
    let Some(enrolment) = web.services().second_factors.begun(who).await? else { return Ok(None) };
    let letters: Vec<char> = enrolment.secret.expose().chars().collect();
    let secret = letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ");
    Ok(Some(Waiting { svg: super::qr::svg(enrolment.uri.expose()), secret }))
}

/// Takes the first code; the session goes on with all that its person may do.
pub(super) async fn confirm(
    web: &Web,
    ui: &Ui,
    visitor: &Visitor,
    session: &Session,
    code: &str,
) -> Result<Confirmed, Fault> {
    match web.services().second_factors.confirm(&session.who, &visitor.origin(), code).await {
        Ok(codes) => Ok(Confirmed::On(go_on(web, ui, visitor, session, codes).await?)),
        Err(Refusal::NotFound) => Ok(Confirmed::Nothing),
        Err(refusal) => {
            let (status, words) = no_proof(ui, refusal, "factor-code-wrong")?;
            Ok(Confirmed::Wrong(status, words))
        }
    }
}

/// Makes the recovery codes anew; likewise.
pub(super) async fn fresh_codes(web: &Web, ui: &Ui, visitor: &Visitor, session: &Session) -> Result<Sheet, Fault> {
    let codes = web.services().second_factors.remake_codes(&session.who, &visitor.origin()).await?;
    go_on(web, ui, visitor, session, codes).await
}

async fn go_on(web: &Web, ui: &Ui, visitor: &Visitor, session: &Session, made: Codes) -> Result<Sheet, Fault> {
    visitor.sign_in(&web.services().sessions.carry_over(session, &made.who, Stage::Open).await?);
    let codes: Vec<String> = made.codes.iter().map(|code| code.expose().clone()).collect();
    let head = ui.say2("factor-file", "address", made.who.address().to_string(), "host", ui.hostname());
    let text = format!("{head}\r\n\r\n{}\r\n", codes.join("\r\n"));
    let octet = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    let file = format!("data:text/plain;charset=utf-8,{}", text.bytes().map(octet).collect::<String>());
    Ok(Sheet { codes, file })
}

/// Whoever may set one up now: it must, or it has proved lately who it is. `form`: what goes on after the proof.
fn enrolling<'a>(web: &Web, visitor: &'a Visitor, form: Option<&Fields>) -> Result<&'a Session, Fault> {
    let session = visitor.session().ok_or(Fault::SignIn)?;
    match session.stage {
        Stage::Enrol => Ok(session),
        Stage::SecondFactor => Err(Fault::Unfinished("/sign-in/code")),
        Stage::Open if session.is_proved(web.services().clock.now()) => Ok(session),
        Stage::Open => Err(Fault::Unproved(form.cloned())),
    }
}

/// Who claimed a server whose setup is under way has this page there.
async fn in_setup(web: &Web, visitor: &Visitor, session: &Session) -> Result<bool, Fault> {
    let actor = web.services().accounts.acting(&session.who, &visitor.origin()).await?;
    match web.services().setup.progress(&actor).await {
        Ok(progress) => Ok(progress.is_claimers && !progress.finished),
        Err(Refusal::Denied | Refusal::NotFound) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

async fn ask(State(web): State<Web>, ui: Ui, visitor: Visitor) -> Result<Response, Fault> {
    let session = enrolling(&web, &visitor, None)?;
    let must = session.stage == Stage::Enrol;
    if must && in_setup(&web, &visitor, session).await? {
        return Ok(redirect("/setup/second-factor"));
    }
    if let Some(waiting) = waiting(&web, &session.who).await? {
        return Ok(show(&ScanPage { ui, must, waiting, problem: String::new() }));
    }
    let has = web.services().second_factors.state(&session.who).await?.since.is_some();
    Ok(show(&BeginPage { ui, must, has }))
}

async fn enrol(State(web): State<Web>, ui: Ui, visitor: Visitor, form: Fields) -> Result<Response, Fault> {
    const HERE: &str = "/settings/second-factor";
    let session = enrolling(&web, &visitor, Some(&form))?;
    let must = session.stage == Stage::Enrol;
    if !form.has("code") {
        web.services().second_factors.begin(&session.who).await?;
        return Ok(redirect(HERE));
    }
    match confirm(&web, &ui, &visitor, session, form.line("code")).await? {
        Confirmed::On(sheet) => Ok(show(&CodesPage { ui, sheet, fresh: true })),
        Confirmed::Nothing => Ok(redirect(HERE)),
        Confirmed::Wrong(status, problem) => match waiting(&web, &session.who).await? {
            Some(waiting) => Ok(rendered(status, &ScanPage { ui, must, waiting, problem })),
            None => Ok(redirect(HERE)),
        },
    }
}

async fn ask_codes(State(web): State<Web>, ui: Ui, Member(session): Member, _fresh: Fresh) -> Result<Response, Fault> {
    let state = web.services().second_factors.state(&session.who).await?;
    if state.since.is_none() {
        return Ok(redirect("/settings/second-factor"));
    }
    Ok(show(&RemakePage { ui, left: state.codes, at: session.who.generation() }))
}

async fn remake(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    Member(session): Member,
    Proved(form): Proved,
) -> Result<Response, Fault> {
    if is_repeated(&session, &form) {
        return Ok(redirect("/settings/sign-in"));
    }
    let sheet = fresh_codes(&web, &ui, &visitor, &session).await?;
    Ok(show(&CodesPage { ui, sheet, fresh: false }))
}

/// Whether the act of a form was done already: it was made before the credentials became what they are.
pub(super) fn is_repeated(session: &Session, form: &Fields) -> bool {
    form.line("at") != session.who.generation().to_string()
}

async fn ask_off(State(web): State<Web>, ui: Ui, Member(session): Member, _fresh: Fresh) -> Result<Response, Fault> {
    let on = web.services().second_factors.state(&session.who).await?.since.is_some();
    if !on || session.role.needs_second_factor() {
        return Ok(redirect("/settings/sign-in"));
    }
    Ok(show(&OffPage { ui }))
}

async fn off(
    State(web): State<Web>,
    visitor: Visitor,
    Member(session): Member,
    Proved(_form): Proved,
) -> Result<Response, Fault> {
    let services = web.services();
    match services.second_factors.remove(&session.who, &visitor.origin()).await {
        Ok(who) => {
            visitor.sign_in(&services.sessions.carry_over(&session, &who, Stage::Open).await?);
            visitor.tell(&Flash { key: "factor-off".into(), ..Flash::default() });
        }
        // Off already.
        Err(Refusal::NotFound) => {}
        Err(other) => return Err(other.into()),
    }
    Ok(redirect("/settings/sign-in"))
}

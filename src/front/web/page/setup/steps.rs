//! The steps after the claim.

use super::super::super::Web;
use super::super::super::error::{Fault, redirect, rendered, show, show_again};
use super::super::super::extract::{Fields, must_be_proved};
use super::super::super::problems::Problems;
use super::super::super::router::{Access, Route, route};
use super::super::super::ui::Ui;
use super::super::super::visitor::Visitor;
use super::super::second_factor::{Confirmed, Sheet, Waiting, confirm, fresh_codes, is_repeated, waiting};
use super::{Frame, Owner, frame, owner};
use crate::model::address::Domain;
use crate::service::Refusal;
use crate::service::session::Stage;
use crate::service::setup::{Progress, Step};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    let page = |path, handler| route(path, "GET POST", Access::Public, handler);
    vec![
        page("/setup/second-factor", get(ask_factor).post(factor)),
        page("/setup/codes", get(ask_codes).post(codes)),
        page("/setup/name", get(ask_name).post(name)),
        page("/setup/domain", get(ask_domain).post(domain)),
        page("/setup/certificate", get(ask_certificate).post(finish)),
        route("/setup/done", "GET", Access::Public, get(done)),
    ]
}

/// The name in force, and the one that is set for the next start.
const HOSTNAME: &str = "server.hostname";

#[derive(Template)]
#[template(path = "setup/second_factor.html")]
struct FactorPage {
    ui: Ui,
    frame: Frame,
    /// `None`: nothing is begun.
    waiting: Option<Waiting>,
    problem: String,
}

#[derive(Template)]
#[template(path = "setup/codes.html")]
struct CodesPage {
    ui: Ui,
    frame: Frame,
    /// `None`: they were shown before.
    sheet: Option<Sheet>,
    problems: Problems,
    at: i64,
}

#[derive(Template)]
#[template(path = "setup/name.html")]
struct NamePage {
    ui: Ui,
    frame: Frame,
    host: String,
    is_fixed: bool,
    problems: Problems,
}

#[derive(Template)]
#[template(path = "setup/domain.html")]
struct DomainPage {
    ui: Ui,
    frame: Frame,
    domain: String,
    host: String,
    /// Records of the domain, as a zone file has them.
    mx: String,
}

#[derive(Template)]
#[template(path = "setup/certificate.html")]
struct CertificatePage {
    ui: Ui,
    frame: Frame,
    /// SHA-256 of the certificate, as browsers show it; empty: there is none.
    fingerprint: String,
    is_self_made: bool,
}

#[derive(Template)]
#[template(path = "setup/done.html")]
struct DonePage {
    ui: Ui,
    /// The name that is in force after the next start; empty: it is already.
    later: String,
}

/// What comes after the second factor is for a session that has it.
async fn opened<'a>(web: &Web, visitor: &'a Visitor) -> Result<Owner<'a>, Fault> {
    let owner = owner(web, visitor).await?;
    if owner.session.stage == Stage::Enrol || !owner.progress.done.contains(&Step::SecondFactor) {
        return Err(Fault::Unfinished("/setup/second-factor"));
    }
    if owner.progress.finished {
        return Err(Fault::Unfinished("/setup/done"));
    }
    Ok(owner)
}

/// The first second factor is set up here by who claimed the server and can do nothing else before. Everybody else does it
/// where a fresh proof is asked for.
async fn enrolling<'a>(web: &Web, visitor: &'a Visitor) -> Result<Owner<'a>, Fault> {
    let owner = owner(web, visitor).await?;
    let Progress { done, finished, is_claimers } = &owner.progress;
    let has = done.contains(&Step::SecondFactor);
    if has || (owner.session.stage == Stage::Enrol && *is_claimers && !finished) {
        return Ok(owner);
    }
    Err(Fault::Unfinished("/settings/second-factor"))
}

async fn ask_factor(State(web): State<Web>, ui: Ui, visitor: Visitor) -> Result<Response, Fault> {
    let Owner { session, progress, .. } = enrolling(&web, &visitor).await?;
    if progress.done.contains(&Step::SecondFactor) {
        return Ok(redirect("/setup/codes"));
    }
    let waiting = waiting(&web, &session.who).await?;
    let frame = frame(&ui, 1, &progress.done);
    Ok(show(&FactorPage { ui, frame, waiting, problem: String::new() }))
}

async fn factor(State(web): State<Web>, ui: Ui, visitor: Visitor, form: Fields) -> Result<Response, Fault> {
    let Owner { session, progress, .. } = enrolling(&web, &visitor).await?;
    if progress.done.contains(&Step::SecondFactor) {
        return Ok(redirect("/setup/codes"));
    }
    if !form.has("code") {
        web.services().second_factors.begin(&session.who).await?;
        return Ok(redirect("/setup/second-factor"));
    }
    match confirm(&web, &ui, &visitor, session, form.line("code")).await? {
        Confirmed::On(sheet) => {
            let frame = frame(&ui, 2, &[&progress.done[..], &[Step::SecondFactor]].concat());
            // The credentials are new: what is made anew after them has their number.
            let at = session.who.generation() + 1;
            Ok(show(&CodesPage { ui, frame, sheet: Some(sheet), problems: Problems::default(), at }))
        }
        Confirmed::Nothing => Ok(redirect("/setup/second-factor")),
        Confirmed::Wrong(status, problem) => {
            let waiting = waiting(&web, &session.who).await?;
            let frame = frame(&ui, 1, &progress.done);
            Ok(rendered(status, &FactorPage { ui, frame, waiting, problem }))
        }
    }
}

async fn ask_codes(State(web): State<Web>, ui: Ui, visitor: Visitor) -> Result<Response, Fault> {
    let Owner { session, progress, .. } = opened(&web, &visitor).await?;
    let (frame, at) = (frame(&ui, 2, &progress.done), session.who.generation());
    Ok(show(&CodesPage { ui, frame, sheet: None, problems: Problems::default(), at }))
}

async fn codes(State(web): State<Web>, ui: Ui, visitor: Visitor, form: Fields) -> Result<Response, Fault> {
    let Owner { session, actor, progress } = opened(&web, &visitor).await?;
    let frame = frame(&ui, 2, &progress.done);
    if form.has("again") {
        must_be_proved(&web, session, &form)?;
        if is_repeated(session, &form) {
            return Ok(redirect("/setup/codes"));
        }
        let sheet = Some(fresh_codes(&web, &ui, &visitor, session).await?);
        let at = session.who.generation() + 1;
        return Ok(show(&CodesPage { ui, frame, sheet, problems: Problems::default(), at }));
    }
    if !form.has("kept") {
        let problems = Problems::one("kept", ui.say("setup-codes-not-kept"));
        let at = session.who.generation();
        return Ok(show_again(&CodesPage { ui, frame, sheet: None, problems, at }));
    }
    web.services().setup.done(&actor, Step::CodesKept).await?;
    Ok(redirect("/setup/name"))
}

/// The name that is set, else the one in force.
fn hostname(web: &Web) -> String {
    let set = if web.options().hostname_is_fixed { String::new() } else { web.services().settings.word(HOSTNAME) };
    if set.is_empty() { web.options().hostname.clone() } else { set }
}

async fn ask_name(State(web): State<Web>, ui: Ui, visitor: Visitor) -> Result<Response, Fault> {
    let Owner { progress, .. } = opened(&web, &visitor).await?;
    let frame = frame(&ui, 3, &progress.done);
    let is_fixed = web.options().hostname_is_fixed;
    Ok(show(&NamePage { ui, frame, host: hostname(&web), is_fixed, problems: Problems::default() }))
}

async fn name(State(web): State<Web>, ui: Ui, visitor: Visitor, form: Fields) -> Result<Response, Fault> {
    let Owner { actor, progress, session } = opened(&web, &visitor).await?;
    if !web.options().hostname_is_fixed {
        must_be_proved(&web, session, &form)?;
        let typed = form.line("name");
        let Some(name) = Domain::parse(typed).ok().filter(Domain::is_public) else {
            let (frame, host) = (frame(&ui, 3, &progress.done), typed.to_owned());
            let problems = Problems::one("name", ui.say("setup-host-wrong"));
            return Ok(show_again(&NamePage { ui, frame, host, is_fixed: false, problems }));
        };
        if name.as_str() != hostname(&web) {
            web.services().settings.set(&actor, HOSTNAME, name.as_str()).await?;
        }
    }
    web.services().setup.done(&actor, Step::ServerName).await?;
    Ok(redirect("/setup/domain"))
}

async fn ask_domain(State(web): State<Web>, ui: Ui, visitor: Visitor) -> Result<Response, Fault> {
    let Owner { progress, session, .. } = opened(&web, &visitor).await?;
    let frame = frame(&ui, 4, &progress.done);
    let (domain, host) = (session.who.address().domain().to_string(), hostname(&web));
    let mx = format!("{domain}. MX 10 {host}.");
    Ok(show(&DomainPage { ui, frame, domain, host, mx }))
}

async fn domain(State(web): State<Web>, visitor: Visitor, _form: Fields) -> Result<Response, Fault> {
    let Owner { actor, .. } = opened(&web, &visitor).await?;
    web.services().setup.done(&actor, Step::Domain).await?;
    Ok(redirect("/setup/certificate"))
}

async fn ask_certificate(State(web): State<Web>, ui: Ui, visitor: Visitor) -> Result<Response, Fault> {
    let Owner { progress, .. } = opened(&web, &visitor).await?;
    let frame = frame(&ui, 5, &progress.done);
    let tls = web.options().tls.as_ref();
    let fingerprint = tls.and_then(|tls| tls.fingerprint()).unwrap_or_default();
    let is_self_made = tls.is_some_and(|tls| tls.is_self_made());
    Ok(show(&CertificatePage { ui, frame, fingerprint, is_self_made }))
}

async fn finish(State(web): State<Web>, visitor: Visitor, _form: Fields) -> Result<Response, Fault> {
    let Owner { actor, .. } = opened(&web, &visitor).await?;
    match web.services().setup.finish(&actor).await {
        Ok(()) => Ok(redirect("/setup/done")),
        // Something required is left.
        Err(Refusal::Invalid(_)) => Ok(redirect("/setup")),
        Err(other) => Err(other.into()),
    }
}

async fn done(State(web): State<Web>, ui: Ui, visitor: Visitor) -> Result<Response, Fault> {
    let Owner { progress, .. } = owner(&web, &visitor).await?;
    if !progress.finished {
        return Ok(redirect("/setup"));
    }
    let later = Some(hostname(&web)).filter(|name| *name != web.options().hostname).unwrap_or_default();
    Ok(show(&DonePage { ui, later }))
}

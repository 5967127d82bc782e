//! The first password by an activation link, and what comes with a new mailbox.

use super::super::Web;
use super::super::error::{Fault, rendered, show, show_again};
use super::super::extract::{Fields, Member, Path};
use super::super::problems::{Problems, password_fault};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::visitor::Visitor;
use super::sign_in::enter_with;
use crate::service::Refusal;
use crate::service::account::Activation;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/welcome", "GET", Access::Member, get(ready)),
        route("/welcome/{token}", "GET POST", Access::Public, get(look).post(activate)),
    ]
}

#[derive(Template)]
#[template(path = "welcome/activate.html")]
struct ActivatePage {
    ui: Ui,
    address: String,
    name: String,
    problems: Problems,
}

#[derive(Template)]
#[template(path = "welcome/over.html")]
struct OverPage {
    ui: Ui,
}

#[derive(Template)]
#[template(path = "welcome/ready.html")]
struct ReadyPage {
    ui: Ui,
    incoming: Option<Door>,
    outgoing: Option<Door>,
    /// Mail programs use app passwords alone.
    second: bool,
}

/// What a mail program is told of a door.
struct Door {
    port: String,
    /// TLS from the first octet, else by STARTTLS.
    implicit: bool,
}

/// The first of the doors that is open: they stand in the order of RFC 8314 §3.
fn door(web: &Web, names: [&str; 2]) -> Option<Door> {
    let doors = &web.options().doors;
    let port = |name: &str| doors.get(name)?.first()?.rsplit_once(':').map(|(_, port)| port.to_owned());
    let [implicit, explicit] = names;
    port(implicit)
        .map(|port| Door { port, implicit: true })
        .or_else(|| port(explicit).map(|port| Door { port, implicit: false }))
}

fn over(ui: Ui) -> Response {
    rendered(StatusCode::NOT_FOUND, &OverPage { ui })
}

/// Looks and uses nothing: programs that read mail follow its links.
async fn look(State(web): State<Web>, ui: Ui, Path(token): Path<String>) -> Result<Response, Fault> {
    match web.services().accounts.activation(&token).await {
        Ok(Activation { address, name }) => {
            Ok(show(&ActivatePage { ui, address: address.to_string(), name, problems: Problems::default() }))
        }
        Err(Refusal::NotFound) => Ok(over(ui)),
        Err(other) => Err(other.into()),
    }
}

async fn activate(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    Path(token): Path<String>,
    form: Fields,
) -> Result<Response, Fault> {
    let services = web.services();
    let Activation { address, name } = match services.accounts.activation(&token).await {
        Ok(found) => found,
        Err(Refusal::NotFound) => return Ok(over(ui)),
        Err(other) => return Err(other.into()),
    };
    let (origin, password) = (visitor.origin(), form.secret("new-password"));
    let refusal = match services.accounts.activate(&origin, &token, password.clone()).await {
        Ok(who) => {
            let name = who.address().to_string();
            return enter_with(&web, &ui, &visitor, &name, &password, "/welcome").await;
        }
        Err(Refusal::NotFound) => return Ok(over(ui)),
        Err(other) => other,
    };
    let Some(words) = password_fault(&ui, &refusal) else { return Err(refusal.into()) };
    let problems = Problems::one("new-password", words);
    Ok(show_again(&ActivatePage { ui, address: address.to_string(), name, problems }))
}

async fn ready(State(web): State<Web>, ui: Ui, member: Member) -> Result<Response, Fault> {
    let second = web.services().second_factors.state(member.who()).await?.since.is_some();
    let (incoming, outgoing) = (door(&web, ["imaps", "imap"]), door(&web, ["submissions", "submission"]));
    Ok(show(&ReadyPage { ui, incoming, outgoing, second }))
}

//! `/admin/people/add`: a new person, and the one-time link by which they set their first password.

use super::amount::Amount;
use super::{Problems, error_of, problem, role_words};
use crate::front::web::Web;
use crate::front::web::error::{Fault, redirect, show, show_again};
use crate::front::web::extract::{Fields, Member, must_be_proved};
use crate::front::web::router::{Access, Route, route};
use crate::front::web::ui::Ui;
use crate::front::web::visitor::{Flash, Visitor};
use crate::model::address::{Address, Domain};
use crate::model::ids::AccountId;
use crate::service::account::{Actor, Invitation, NewPerson, Role};
use crate::service::people::{Query, Status};
use crate::service::settings::parse_size;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use chrono::TimeDelta;

pub(super) fn routes() -> Vec<Route> {
    vec![route("/admin/people/add", "GET POST", Access::Admin, get(ask).post(add))]
}

#[derive(Template)]
#[template(path = "admin/add.html")]
struct AddPage {
    ui: Ui,
    local: String,
    name: String,
    domains: Vec<Choice>,
    roles: Vec<Choice>,
    quota: Amount,
    quota_hint: String,
    problems: Problems,
}

/// One of several: for selects and radio buttons.
pub(super) struct Choice {
    pub value: String,
    pub label: String,
    pub text: String,
    pub chosen: bool,
}

impl AddPage {
    fn error(&self, field: &str) -> &str {
        error_of(&self.problems, field)
    }
}

/// The roles that an actor gives, in words.
pub(super) fn roles(ui: &Ui, actor: &Actor, chosen: Role) -> Vec<Choice> {
    let choice = |role: &Role| Choice {
        value: role.name().to_owned(),
        label: role_words(ui, *role),
        text: ui.say(&format!("role-{}-text", role.name())),
        chosen: *role == chosen,
    };
    actor.gives().iter().map(choice).collect()
}

/// Domains to choose from; the first one, if none was chosen.
pub(super) fn domains(all: Vec<String>, chosen: &str) -> Vec<Choice> {
    let known = all.iter().any(|name| name == chosen);
    let choice = |(at, name): (usize, String)| Choice {
        chosen: if known { name == chosen } else { at == 0 },
        label: Domain::parse(&name).map_or_else(|_| name.clone(), |domain| domain.unicode()),
        value: name,
        text: String::new(),
    };
    all.into_iter().enumerate().map(choice).collect()
}

/// What an empty quota means here.
pub(super) fn quota_hint(web: &Web, ui: &Ui) -> String {
    match web.services().settings.number("quota.bytes") {
        0 => ui.say("people-quota-hint-none"),
        octets => ui.say1("people-quota-hint", "size", ui.binary(octets)),
    }
}

/// A quota as it was typed; empty: the community's.
pub(super) fn quota_of(ui: &Ui, typed: &Amount) -> Result<Option<u64>, Problems> {
    let raw = typed.written();
    if raw.is_empty() {
        return Ok(None);
    }
    parse_size(&raw).map(Some).ok_or_else(|| vec![("quota".into(), ui.say("people-problem-quota"))])
}

/// An address for somebody new: name and domain from two fields.
pub(super) fn address_of(ui: &Ui, form: &Fields) -> Result<Address, Problems> {
    // Who pastes the whole address means the name in it.
    let local = form.line("local");
    let domain = form.line("domain");
    let local = local.strip_suffix(domain).and_then(|rest| rest.strip_suffix('@')).unwrap_or(local);
    let domain = Domain::parse(domain).ok();
    let address = domain.and_then(|domain| Address::new(local, domain).ok()).filter(Address::is_plain);
    address.ok_or_else(|| {
        let key = if local.is_empty() { "people-problem-local-empty" } else { "people-problem-local" };
        vec![("local".into(), ui.say(key))]
    })
}

async fn page(web: &Web, ui: Ui, actor: &Actor, form: &Fields, problems: Problems) -> Result<AddPage, Fault> {
    let domains = domains(web.services().people.domains(actor).await?, form.line("domain"));
    let roles = roles(&ui, actor, Role::parse(form.line("role")).unwrap_or(Role::Member));
    let quota = if form.has("quota") { Amount::typed_size(form, "quota") } else { Amount::size(None) };
    Ok(AddPage {
        local: form.line("local").to_owned(),
        name: form.line("name").to_owned(),
        domains,
        roles,
        quota,
        quota_hint: quota_hint(web, &ui),
        problems,
        ui,
    })
}

async fn ask(State(web): State<Web>, ui: Ui, visitor: Visitor, member: Member) -> Result<Response, Fault> {
    let actor = member.acting(&web, &visitor).await?;
    Ok(show(&page(&web, ui, &actor, &Fields::default(), Vec::new()).await?))
}

fn read(ui: &Ui, form: &Fields) -> Result<NewPerson, Problems> {
    let address = address_of(ui, form);
    let quota = quota_of(ui, &Amount::typed_size(form, "quota"));
    let role = Role::parse(form.line("role")).unwrap_or(Role::Member);
    match (address, quota) {
        (Ok(address), Ok(quota)) => Ok(NewPerson { address, name: form.line("name").to_owned(), role, quota }),
        (address, quota) => Err(address.err().into_iter().chain(quota.err()).flatten().collect()),
    }
}

async fn add(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    form: Fields,
) -> Result<Response, Fault> {
    let actor = member.acting(&web, &visitor).await?;
    let new = match read(&ui, &form) {
        Ok(new) => new,
        Err(problems) => return Ok(show_again(&page(&web, ui, &actor, &form, problems).await?)),
    };
    // Power is given away by who has proved lately who they are.
    if new.role > Role::Member {
        must_be_proved(&web, &member.0, &form)?;
    }
    match web.services().accounts.invite(&actor, &new).await {
        Ok(invitation) => Ok(invited(&web, ui, &new.address, &new.name, &invitation)),
        Err(refusal) => {
            if let Some(id) = just_made(&web, &actor, &new).await? {
                let thing = new.address.to_string();
                visitor.tell(&Flash { key: "person-added".into(), thing, ..Flash::default() });
                return Ok(redirect(&format!("/admin/people/{id}")));
            }
            let problems = problem(&ui, "local", refusal)?;
            Ok(show_again(&page(&web, ui, &actor, &form, problems).await?))
        }
    }
}

/// The same form sent twice is one act: whoever it made a moment ago.
async fn just_made(web: &Web, actor: &Actor, new: &NewPerson) -> Result<Option<AccountId>, Fault> {
    let address = format!("{}@{}", new.address.key(), new.address.domain());
    let query = Query { text: address.clone(), status: Some(Status::Waiting) };
    let page = web.services().people.page(actor, &query, None, 10).await?;
    let fresh = web.services().clock.now() - TimeDelta::minutes(1);
    let same = page.people.into_iter().find(|person| {
        person.address == address && person.name == new.name && person.role == new.role && person.created_at > fresh
    });
    Ok(same.map(|person| person.id))
}

#[derive(Template)]
#[template(path = "admin/invited.html")]
struct InvitedPage {
    ui: Ui,
    person: String,
    name: String,
    address: String,
    url: String,
    expires: String,
    expires_stamp: String,
}

/// The page that shows an activation link, this once.
pub(super) fn invited(web: &Web, ui: Ui, address: &Address, name: &str, invitation: &Invitation) -> Response {
    show(&InvitedPage {
        person: format!("/admin/people/{}", invitation.account),
        name: if name.is_empty() { address.to_string() } else { name.to_owned() },
        address: address.to_string(),
        url: format!("{}/welcome/{}", web.options().url, invitation.token.expose()),
        expires: ui.moment(&invitation.expires_at),
        expires_stamp: ui.stamp(&invitation.expires_at),
        ui,
    })
}

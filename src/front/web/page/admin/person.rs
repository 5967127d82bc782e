//! `/admin/people/{id}`: one person, and what is done to them. Every form is a dialog of that page and a page of its own.

use super::add::{self, Choice, address_of, invited, quota_hint, quota_of};
use super::amount::Amount;
use super::audit::{Act, protocol_words};
use super::people::Row;
use super::{Problems, address, error_of, link, problem, role_words};
use crate::front::web::Web;
use crate::front::web::error::{Fault, redirect, show, show_again};
use crate::front::web::extract::{Fields, Member, Path, Proved, must_be_proved};
use crate::front::web::router::{Access, Route, route};
use crate::front::web::ui::Ui;
use crate::front::web::visitor::{Flash, Visitor};
use crate::model::address::Address;
use crate::model::ids::AccountId;
use crate::service::Refusal;
use crate::service::account::{Actor, Role};
use crate::service::audit::Filter;
use crate::service::login::SignIn;
use crate::service::people::Known;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

/// Sign-ins and acts shown with a person.
const SHOWN: usize = 10;

pub(super) fn routes() -> Vec<Route> {
    use Access::Admin;
    vec![
        route("/admin/people/{id}", "GET", Admin, get(page)),
        route("/admin/people/{id}/name", "GET POST", Admin, get(edit_name).post(rename)),
        route("/admin/people/{id}/role", "GET POST", Access::Owner, get(edit_role).post(set_role)),
        route("/admin/people/{id}/quota", "GET POST", Admin, get(edit_quota).post(set_quota)),
        route("/admin/people/{id}/suspend", "GET POST", Admin, get(edit_suspend).post(suspend)),
        route("/admin/people/{id}/resume", "POST", Admin, post(resume)),
        route("/admin/people/{id}/link", "POST", Admin, post(invite_again)),
        route("/admin/people/{id}/addresses", "GET POST", Admin, get(edit_address).post(add_address)),
        route("/admin/people/{id}/addresses/remove", "POST", Admin, post(remove_address)),
    ]
}

/// Who acts, and on whom.
struct Desk {
    web: Web,
    actor: Actor,
    known: Known,
    address: Address,
    own: bool,
}

impl Desk {
    async fn at(web: Web, visitor: &Visitor, member: &Member, id: i64) -> Result<Self, Fault> {
        let actor = member.acting(&web, visitor).await?;
        let known = web.services().people.known(&actor, AccountId(id)).await?;
        let address = address(&known.person.address)?;
        let own = member.who().account() == known.person.id;
        Ok(Self { web, actor, known, address, own })
    }

    /// The same for a page with a form: who may change nothing needs none.
    async fn managed(web: Web, visitor: &Visitor, member: &Member, id: i64) -> Result<Self, Fault> {
        let desk = Self::at(web, visitor, member, id).await?;
        if desk.known.managed { Ok(desk) } else { Err(Refusal::Denied.into()) }
    }

    fn base(&self) -> String {
        format!("/admin/people/{}", self.known.person.id)
    }

    fn name(&self) -> &str {
        let person = &self.known.person;
        if person.name.is_empty() { &person.address } else { &person.name }
    }

    /// Back to the person's page, which tells what was done and how it is taken back.
    fn done(&self, visitor: &Visitor, key: &str, thing: &str, undo_at: &str, undo: &str) -> Response {
        let undo_at = if undo_at.is_empty() { String::new() } else { self.base() + undo_at };
        visitor.tell(&Flash { key: format!("person-{key}"), thing: thing.into(), undo_at, undo: undo.into() });
        redirect(&self.base())
    }

    /// Mail to an owner may be a link that opens everything: where it goes is changed with a fresh proof alone.
    fn may_readdress(&self, member: &Member, form: &Fields) -> Result<(), Fault> {
        let is_owner = self.known.person.role == Role::Owner;
        if is_owner { must_be_proved(&self.web, &member.0, form) } else { Ok(()) }
    }

    async fn edit(&self, ui: &Ui) -> Result<Edit, Fault> {
        let person = &self.known.person;
        let domains = self.web.services().people.domains(&self.actor).await?;
        Ok(Edit {
            base: self.base(),
            who: self.name().to_owned(),
            own: self.own,
            name: person.name.clone(),
            roles: add::roles(ui, &self.actor, person.role),
            quota: Amount::size(person.quota_of_its_own()),
            quota_hint: quota_hint(&self.web, ui),
            local: String::new(),
            domains: add::domains(domains, self.address.domain().as_str()),
            problems: Vec::new(),
        })
    }

    /// A form of its own, as it was found.
    async fn ask(&self, ui: Ui, what: &'static str) -> Result<Response, Fault> {
        let edit = self.edit(&ui).await?;
        Ok(show(&EditPage { title: self.title(&ui, what), what, edit, ui }))
    }

    /// The same with what was typed and what is wrong with it.
    async fn ask_again(
        &self,
        ui: Ui,
        what: &'static str,
        problems: Problems,
        typed: impl FnOnce(&mut Edit),
    ) -> Result<Response, Fault> {
        let mut edit = Edit { problems, ..self.edit(&ui).await? };
        typed(&mut edit);
        Ok(show_again(&EditPage { title: self.title(&ui, what), what, edit, ui }))
    }

    fn title(&self, ui: &Ui, what: &str) -> String {
        ui.say1(&format!("person-title-{what}"), "name", self.name())
    }
}

/// What the forms of a person hold.
struct Edit {
    base: String,
    /// Whom it is about, whatever is typed.
    who: String,
    own: bool,
    name: String,
    roles: Vec<Choice>,
    quota: Amount,
    quota_hint: String,
    local: String,
    domains: Vec<Choice>,
    problems: Problems,
}

impl Edit {
    /// The path of something that is done to the person.
    fn at(&self, what: &str) -> String {
        format!("{}/{what}", self.base)
    }

    fn error(&self, field: &str) -> &str {
        error_of(&self.problems, field)
    }
}

#[derive(Template)]
#[template(path = "admin/person_edit.html")]
struct EditPage {
    ui: Ui,
    /// The form: name, role, quota, address, suspend.
    what: &'static str,
    title: String,
    edit: Edit,
}

#[derive(Template)]
#[template(path = "admin/person.html")]
struct PersonPage {
    ui: Ui,
    row: Row,
    managed: bool,
    role: String,
    created: String,
    created_stamp: String,
    second_factor: bool,
    /// Octets used, the limit (0: none), the meter's kind.
    used: u64,
    quota: u64,
    meter: &'static str,
    own_quota: bool,
    addresses: Vec<String>,
    aliases: Vec<String>,
    sign_ins: Vec<Entry>,
    acts: Vec<Act>,
    all_acts: String,
    edit: Edit,
}

/// A sign-in in words.
struct Entry {
    ok: bool,
    when: String,
    stamp: String,
    door: String,
    from: String,
    agent: String,
}

fn entry(ui: &Ui, sign_in: &SignIn) -> Entry {
    Entry {
        ok: sign_in.ok,
        when: ui.brief(&sign_in.at),
        stamp: ui.stamp(&sign_in.at),
        door: protocol_words(ui, sign_in.protocol),
        from: sign_in.peer.map_or_else(String::new, |peer| peer.to_string()),
        agent: sign_in.agent.clone(),
    }
}

/// How full it is, for the colour of the meter.
fn meter(used: u64, quota: Option<u64>) -> &'static str {
    match quota {
        Some(quota) if used >= quota => "danger",
        Some(quota) if used / 9 >= quota / 10 => "warn",
        _ => "",
    }
}

async fn page(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    let desk = Desk::at(web, &visitor, &member, id).await?;
    let filter = Filter { subject: Some(desk.known.person.id), action: String::new() };
    let acts = desk.web.services().audit.page(&desk.actor, &filter, None, SHOWN as i64).await?;
    let edit = desk.edit(&ui).await?;
    let Known { person, addresses, aliases, sign_ins, managed } = &desk.known;
    Ok(show(&PersonPage {
        row: Row::new(&ui, person),
        managed: *managed,
        role: role_words(&ui, person.role),
        created: ui.moment(&person.created_at),
        created_stamp: ui.stamp(&person.created_at),
        second_factor: person.second_factor,
        used: person.used,
        quota: person.quota.unwrap_or(0),
        meter: meter(person.used, person.quota),
        own_quota: person.own_quota,
        addresses: addresses.clone(),
        aliases: aliases.clone(),
        sign_ins: sign_ins.iter().take(SHOWN).map(|sign_in| entry(&ui, sign_in)).collect(),
        acts: acts.entries.iter().map(|entry| Act::new(&ui, entry)).collect(),
        all_acts: acts.next.map_or_else(String::new, |_| link("/admin/audit", &[("person", &person.address)])),
        edit,
        ui,
    }))
}

/// GET pages with one form each.
macro_rules! asks {
    ($($name:ident: $what:literal),+) => {$(
        async fn $name(
            State(web): State<Web>,
            ui: Ui,
            visitor: Visitor,
            member: Member,
            Path(id): Path<i64>,
        ) -> Result<Response, Fault> {
            Desk::managed(web, &visitor, &member, id).await?.ask(ui, $what).await
        }
    )+};
}
asks!(edit_name: "name", edit_role: "role", edit_quota: "quota", edit_address: "address", edit_suspend: "suspend");

/// What a field says, or what an undo carries in its place.
fn said<'a>(form: &'a Fields, field: &str) -> &'a str {
    if form.has("undo") { form.line("undo") } else { form.line(field) }
}

async fn rename(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    form: Fields,
) -> Result<Response, Fault> {
    let desk = Desk::at(web, &visitor, &member, id).await?;
    let name = said(&form, "name");
    match desk.web.services().accounts.rename(&desk.actor, &desk.address, name).await {
        Ok(()) => Ok(desk.done(&visitor, "renamed", name, "/name", &desk.known.person.name)),
        Err(refusal) => {
            let problems = problem(&ui, "name", refusal)?;
            desk.ask_again(ui, "name", problems, |edit| edit.name = name.to_owned()).await
        }
    }
}

async fn set_role(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    Proved(form): Proved,
) -> Result<Response, Fault> {
    let desk = Desk::at(web, &visitor, &member, id).await?;
    let role = Role::parse(said(&form, "role")).ok_or(Refusal::NotFound)?;
    let before = desk.known.person.role;
    match desk.web.services().accounts.set_role(&desk.actor, &desk.address, role).await {
        // One's own session has ended with it.
        Ok(()) if desk.own && role != before => Ok(redirect("/")),
        Ok(()) => Ok(desk.done(&visitor, "role", &role_words(&ui, role), "/role", before.name())),
        Err(refusal) => {
            let problems = problem(&ui, "role", refusal)?;
            desk.ask_again(ui, "role", problems, |_| ()).await
        }
    }
}

async fn set_quota(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    form: Fields,
) -> Result<Response, Fault> {
    let desk = Desk::at(web, &visitor, &member, id).await?;
    let typed = Amount::typed_size(&form, "quota");
    let quota = if form.has("undo") { Ok(form.line("undo").parse().ok()) } else { quota_of(&ui, &typed) };
    let done = match quota {
        Ok(quota) => {
            let done = desk.web.services().accounts.set_quota(&desk.actor, &desk.address, quota).await;
            done.map(|()| quota).map_err(|refusal| problem(&ui, "quota", refusal))
        }
        Err(problems) => Err(Ok(problems)),
    };
    match done {
        Ok(quota) => {
            let before = desk.known.person.quota_of_its_own().map_or_else(String::new, |octets| octets.to_string());
            let thing = match quota {
                None => ui.say("person-quota-common"),
                Some(0) => ui.say("person-no-limit"),
                Some(octets) => ui.binary(octets),
            };
            Ok(desk.done(&visitor, "quota", &thing, "/quota", &before))
        }
        Err(problems) => desk.ask_again(ui, "quota", problems?, |edit| edit.quota = typed).await,
    }
}

async fn suspend(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    form: Fields,
) -> Result<Response, Fault> {
    let desk = Desk::at(web, &visitor, &member, id).await?;
    // Who could undo what is done next is put out with a fresh proof alone.
    if desk.known.person.role > Role::Member {
        must_be_proved(&desk.web, &member.0, &form)?;
    }
    match desk.web.services().accounts.set_suspended(&desk.actor, &desk.address, true).await {
        Ok(()) => Ok(desk.done(&visitor, "suspended", desk.name(), "/resume", "1")),
        Err(refusal) => {
            let problems = problem(&ui, "suspend", refusal)?;
            desk.ask_again(ui, "suspend", problems, |_| ()).await
        }
    }
}

async fn resume(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    _form: Fields,
) -> Result<Response, Fault> {
    let desk = Desk::at(web, &visitor, &member, id).await?;
    desk.web.services().accounts.set_suspended(&desk.actor, &desk.address, false).await?;
    Ok(desk.done(&visitor, "resumed", desk.name(), "/suspend", "1"))
}

async fn invite_again(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    Proved(_): Proved,
) -> Result<Response, Fault> {
    let desk = Desk::at(web, &visitor, &member, id).await?;
    let invitation = desk.web.services().accounts.invite_again(&desk.actor, &desk.address).await?;
    Ok(invited(&desk.web, ui, &desk.address, &desk.known.person.name, &invitation))
}

async fn add_address(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    form: Fields,
) -> Result<Response, Fault> {
    let desk = Desk::managed(web, &visitor, &member, id).await?;
    desk.may_readdress(&member, &form)?;
    let alias = if form.has("undo") { Ok(address(form.line("undo"))?) } else { address_of(&ui, &form) };
    let thing = alias.as_ref().map_or_else(|_| String::new(), Address::to_string);
    let problems = match alias {
        // Sent twice, or theirs from long ago: no undo takes that away.
        Ok(_) if desk.known.addresses.contains(&thing) => {
            return Ok(desk.done(&visitor, "address-there", &thing, "", ""));
        }
        Ok(alias) => {
            let accounts = &desk.web.services().accounts;
            let added = accounts.alias_add(&desk.actor, &alias, std::slice::from_ref(&desk.address)).await;
            match added {
                Ok(()) => Vec::new(),
                Err(refusal) => problem(&ui, "local", refusal)?,
            }
        }
        Err(problems) => problems,
    };
    if problems.is_empty() {
        return Ok(desk.done(&visitor, "address-added", &thing, "/addresses/remove", &thing));
    }
    let chosen = form.line("domain").to_owned();
    let typed = |edit: &mut Edit| {
        edit.local = form.line("local").to_owned();
        edit.domains.iter_mut().for_each(|domain| domain.chosen = domain.value == chosen);
    };
    desk.ask_again(ui, "address", problems, typed).await
}

async fn remove_address(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    Path(id): Path<i64>,
    form: Fields,
) -> Result<Response, Fault> {
    let desk = Desk::managed(web, &visitor, &member, id).await?;
    desk.may_readdress(&member, &form)?;
    let thing = said(&form, "address");
    // Sent twice, the second finds it gone; one of somebody else's is not removed here.
    if desk.known.addresses.iter().any(|address| address == thing) {
        desk.web.services().accounts.alias_remove(&desk.actor, &address(thing)?).await?;
    }
    Ok(desk.done(&visitor, "address-removed", thing, "/addresses", thing))
}

#[cfg(test)]
mod tests {
    use super::meter;

    #[test]
    fn a_meter_warns_before_it_is_full() {
        assert_eq!(
            [0, 89, 90, 99, 100, 200].map(|used| meter(used, Some(100))),
            ["", "", "warn", "warn", "danger", "danger"]
        );
        assert_eq!(meter(u64::MAX, None), "");
    }
}

//! Pages of owners and domain admins: people, domains, settings, the record of acts. A domain admin sees their domain;
//! services see to that, the pages only leave out what nobody could use.

mod add;
mod amount;
mod audit;
mod domains;
mod people;
mod person;
mod settings;

pub(super) use audit::Act;

use crate::front::web::error::{Fault, refusal_words};
use crate::front::web::router::Route;
use crate::front::web::ui::Ui;
use crate::model::address::{Address, Domain};
use crate::service::Refusal;
use crate::service::account::{BAD_NAME, Role};

pub(super) fn routes() -> Vec<Route> {
    [people::routes(), add::routes(), person::routes(), domains::routes(), settings::routes(), audit::routes()]
        .into_iter()
        .flatten()
        .collect()
}

/// What is wrong with a form: the field's name and a sentence, as the macro `problems` takes them.
type Problems = Vec<(String, String)>;

/// A refusal as a problem of a field, if it is about what was typed; others have pages of their own.
fn problem(ui: &Ui, field: &str, refusal: Refusal) -> Result<Problems, Fault> {
    let words = match &refusal {
        Refusal::Exists => ui.say("people-problem-taken"),
        Refusal::Invalid(_) | Refusal::InUse(_) | Refusal::Limit(_) => refusal_words(ui, &refusal),
        _ => return Err(refusal.into()),
    };
    let field = if matches!(refusal, Refusal::Invalid(BAD_NAME)) { "name" } else { field };
    Ok(vec![(field.to_owned(), words)])
}

/// The sentence about a field; empty: nothing is wrong with it.
fn error_of<'a>(problems: &'a Problems, field: &str) -> &'a str {
    problems.iter().find(|(name, _)| name == field).map_or("", |(_, words)| words)
}

fn role_words(ui: &Ui, role: Role) -> String {
    ui.say(&format!("role-{}", role.name()))
}

/// An address as lists show it: its local part has no quotes there.
fn address(shown: &str) -> Result<Address, Fault> {
    let (local, domain) = shown.rsplit_once('@').ok_or(Refusal::NotFound)?;
    let domain = Domain::parse(domain).map_err(|_| Refusal::NotFound)?;
    Ok(Address::new(local, domain).map_err(|_| Refusal::NotFound)?)
}

/// A path with a query; what is empty is left out.
fn link(path: &str, query: &[(&str, &str)]) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    out.extend_pairs(query.iter().filter(|(_, value)| !value.is_empty()));
    let query = out.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

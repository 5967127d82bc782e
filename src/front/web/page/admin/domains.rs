//! `/admin/domains`: whose mail is taken here.

use super::{Problems, error_of, problem};
use crate::front::web::Web;
use crate::front::web::error::{Fault, redirect, show, show_again};
use crate::front::web::extract::{Fields, Member, Proved};
use crate::front::web::router::{Access, Route, route};
use crate::front::web::ui::Ui;
use crate::front::web::visitor::{Flash, Visitor};
use crate::model::address::Domain;
use crate::service::Refusal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/admin/domains", "GET POST", Access::Owner, get(list).post(add)),
        route("/admin/domains/default", "POST", Access::Owner, post(make_default)),
        route("/admin/domains/remove", "POST", Access::Owner, post(remove)),
    ]
}

#[derive(Template)]
#[template(path = "admin/domains.html")]
struct DomainsPage {
    ui: Ui,
    rows: Vec<Row>,
    domain: String,
    alias_of: String,
    problems: Problems,
}

struct Row {
    /// For people.
    name: String,
    /// As it is written in DNS.
    ascii: String,
    is_default: bool,
    alias_of: String,
    accounts: u64,
    may_go: bool,
}

impl DomainsPage {
    fn error(&self, field: &str) -> &str {
        error_of(&self.problems, field)
    }
}

fn unicode(name: &str) -> String {
    Domain::parse(name).map_or_else(|_| name.to_owned(), |domain| domain.unicode())
}

async fn page(web: &Web, ui: Ui) -> Result<DomainsPage, Fault> {
    let all = web.services().accounts.domain_list().await?;
    let alone = all.len() == 1;
    let repeated = |name: &str| all.iter().any(|other| other.alias_of.as_deref() == Some(name));
    let row = |row: &crate::service::account::DomainRow| Row {
        name: unicode(&row.name),
        ascii: row.name.clone(),
        is_default: row.is_default,
        alias_of: row.alias_of.as_deref().map(unicode).unwrap_or_default(),
        accounts: row.accounts,
        may_go: row.accounts == 0 && (alone || !row.is_default) && !repeated(&row.name),
    };
    let rows = all.iter().map(row).collect();
    Ok(DomainsPage { ui, rows, domain: String::new(), alias_of: String::new(), problems: Vec::new() })
}

async fn list(State(web): State<Web>, ui: Ui) -> Result<Response, Fault> {
    Ok(show(&page(&web, ui).await?))
}

fn done(visitor: &Visitor, key: &str, domain: &Domain, undo_at: &str, undo: String) -> Response {
    let thing = domain.unicode();
    visitor.tell(&Flash { key: format!("domain-{key}"), thing, undo_at: undo_at.into(), undo });
    redirect("/admin/domains")
}

async fn add(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    form: Fields,
) -> Result<Response, Fault> {
    let actor = member.acting(&web, &visitor).await?;
    // An undone removal says both in one.
    let (name, alias_of) = match form.line("undo") {
        "" => (form.line("domain"), form.line("alias-of")),
        undo => undo.split_once(' ').unwrap_or((undo, "")),
    };
    let problems = match Domain::parse(name) {
        Err(_) => vec![("domain".to_owned(), ui.say("domain-problem"))],
        Ok(domain) => {
            let target = Domain::parse(alias_of).ok();
            match web.services().accounts.domain_add(&actor, &domain, target.as_ref()).await {
                Ok(()) => {
                    let undo = domain.as_str().to_owned();
                    return Ok(done(&visitor, "added", &domain, "/admin/domains/remove", undo));
                }
                Err(Refusal::Exists) => vec![("domain".to_owned(), ui.say1("domain-problem-taken", "domain", name))],
                Err(refusal) => problem(&ui, "domain", refusal)?,
            }
        }
    };
    let (domain, alias_of) = (name.to_owned(), alias_of.to_owned());
    Ok(show_again(&DomainsPage { domain, alias_of, problems, ..page(&web, ui).await? }))
}

/// The domain that a button or an undo names.
fn named(form: &Fields) -> Result<Domain, Fault> {
    let name = if form.has("undo") { form.line("undo") } else { form.line("domain") };
    Ok(Domain::parse(name).map_err(|_| Refusal::NotFound)?)
}

async fn make_default(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    form: Fields,
) -> Result<Response, Fault> {
    let actor = member.acting(&web, &visitor).await?;
    let domain = named(&form)?;
    let accounts = &web.services().accounts;
    let before = accounts.domain_list().await?.into_iter().find(|row| row.is_default);
    accounts.domain_default(&actor, &domain).await?;
    match before {
        Some(before) if before.name != domain.as_str() => {
            Ok(done(&visitor, "default", &domain, "/admin/domains/default", before.name))
        }
        _ => Ok(redirect("/admin/domains")),
    }
}

async fn remove(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Proved(form): Proved,
) -> Result<Response, Fault> {
    let actor = member.acting(&web, &visitor).await?;
    let domain = named(&form)?;
    let accounts = &web.services().accounts;
    let all = accounts.domain_list().await?;
    // Sent twice, the second finds it gone.
    let Some(row) = all.into_iter().find(|row| row.name == domain.as_str()) else {
        return Ok(redirect("/admin/domains"));
    };
    match accounts.domain_remove(&actor, &domain).await {
        Ok(()) => {
            let undo = format!("{} {}", row.name, row.alias_of.unwrap_or_default());
            Ok(done(&visitor, "removed", &domain, "/admin/domains", undo.trim().to_owned()))
        }
        Err(refusal) => {
            let problems = problem(&ui, "domains", refusal)?;
            Ok(show_again(&DomainsPage { problems, ..page(&web, ui).await? }))
        }
    }
}

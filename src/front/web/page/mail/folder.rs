//! `/mail/folders`: folders are made, renamed, moved and removed; Trash and Junk are emptied.

use super::super::super::Web;
use super::super::super::error::{Fault, redirect, refusal_words, show, show_again};
use super::super::super::extract::{Fields, Member};
use super::super::super::router::{Access, Route, route};
use super::super::super::ui::Ui;
use super::super::super::visitor::{Flash, Visitor};
use super::act::tell;
use super::{Boxed, Desk, TEXT, full_name, href, number};
use crate::model::ids::MailboxId;
use crate::model::mailbox::{BadMailboxName, LeafName, MailboxPath, SpecialUse};
use crate::model::shown;
use crate::service::Refusal;
use crate::service::act::Selection;
use crate::service::list::{Begin, Folder};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/mail/folders", "GET POST", Access::Member, get(all).post(make)),
        route("/mail/folders/{box}", "GET POST", Access::Member, get(one).post(change)),
        route("/mail/{box}/empty", "GET POST", Access::Member, get(ask_empty).post(empty)),
    ]
}

/// A folder in the list of all.
struct FolderRow {
    name: String,
    /// Empty: it can't be opened; can't be changed.
    href: String,
    change: String,
    total: u64,
    unread: u64,
}

/// Where a folder may lie: value, name, whether it is chosen.
type Choice = (String, String, bool);

#[derive(Template)]
#[template(path = "mail/folders.html")]
struct FoldersPage {
    ui: Ui,
    desk: Desk,
    rows: Vec<FolderRow>,
    name: String,
    inside: Vec<Choice>,
    problem: String,
}

#[derive(Template)]
#[template(path = "mail/folder.html")]
struct FolderPage {
    ui: Ui,
    desk: Desk,
    id: MailboxId,
    title: String,
    name: String,
    inside: Vec<Choice>,
    problem: String,
    /// Inbox and the folders of a special use keep their names.
    fixed: bool,
    has_children: bool,
    /// What becomes of its messages.
    fate: String,
}

/// Folders that others may lie in.
fn inside(ui: &Ui, desk: &Desk, chosen: &str, but: Option<&MailboxPath>) -> Vec<Choice> {
    let below = |folder: &&Folder| but.is_none_or(|path| !folder.path.levels().starts_with(path.levels()));
    let choice = |folder: &Folder| {
        let value = folder.path.to_string();
        (value.clone(), full_name(ui, folder), value == chosen)
    };
    desk.all.iter().filter(|folder| !folder.path.is_inbox()).filter(below).map(choice).collect()
}

fn is_fixed(folder: &Folder) -> bool {
    folder.path.is_inbox() || folder.special_use.is_some()
}

/// The path that a form means, or the words for what is wrong with its name.
fn wanted(ui: &Ui, form: &Fields) -> Result<MailboxPath, String> {
    let name = form.line("name");
    let leaf = LeafName::parse(name).map_err(|bad| name_words(ui, name, &bad))?;
    let path = match form.line("inside") {
        "" => leaf.as_str().to_owned(),
        inside => format!("{inside}/{}", leaf.as_str()),
    };
    MailboxPath::parse(&path).map_err(|bad| name_words(ui, name, &bad))
}

fn name_words(ui: &Ui, name: &str, bad: &BadMailboxName) -> String {
    match bad {
        BadMailboxName::Length if name.is_empty() => ui.say("mail-folder-no-name"),
        BadMailboxName::Length => ui.say("mail-folder-long"),
        BadMailboxName::Control => ui.say("mail-folder-characters"),
        BadMailboxName::Depth => ui.say("mail-folder-deep"),
    }
}

/// Refusals that belong beside the name's field; others are pages of their own.
fn beside_field(ui: &Ui, refusal: Refusal) -> Result<String, Fault> {
    match refusal {
        Refusal::Exists => Ok(ui.say("mail-folder-exists")),
        refusal @ (Refusal::Invalid(_) | Refusal::Limit(_) | Refusal::InUse(_)) => Ok(refusal_words(ui, &refusal)),
        other => Err(other.into()),
    }
}

fn folders_page(ui: Ui, desk: Desk, name: &str, chosen: &str, problem: String) -> FoldersPage {
    let row = |folder: &Folder| FolderRow {
        name: full_name(&ui, folder),
        href: if folder.selectable { href(folder) } else { String::new() },
        change: if is_fixed(folder) { String::new() } else { format!("/mail/folders/{}", folder.id) },
        total: folder.total,
        unread: folder.unread,
    };
    let rows = desk.all.iter().map(row).collect();
    let inside = inside(&ui, &desk, chosen, None);
    FoldersPage { rows, inside, name: name.to_owned(), problem, ui, desk }
}

async fn all(State(web): State<Web>, ui: Ui, member: Member) -> Result<Response, Fault> {
    let desk = Desk::open(&web, &ui, &member, |_| false).await?;
    Ok(show(&folders_page(ui, desk, "", "", String::new())))
}

async fn make(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    form: Fields,
) -> Result<Response, Fault> {
    let mailboxes = &web.services().mailboxes;
    let made = match wanted(&ui, &form) {
        Err(words) => Err(words),
        Ok(path) => match mailboxes.create(member.who(), &path, None).await {
            Ok(_) => Ok(path),
            Err(refusal) => Err(beside_field(&ui, refusal)?),
        },
    };
    match made {
        Ok(path) => {
            // Mail programs show what is subscribed to.
            mailboxes.subscribe(member.who(), &path, true).await?;
            let thing = shown::line(path.leaf().as_str(), TEXT);
            visitor.tell(&Flash { key: "mail-folder-made".into(), thing, ..Flash::default() });
            Ok(redirect("/mail/folders"))
        }
        Err(problem) => {
            let desk = Desk::open(&web, &ui, &member, |_| false).await?;
            Ok(show_again(&folders_page(ui, desk, form.line("name"), form.line("inside"), problem)))
        }
    }
}

async fn folder_page(
    web: &Web,
    ui: Ui,
    member: &Member,
    id: MailboxId,
    form: Option<(&Fields, String)>,
) -> Result<FolderPage, Fault> {
    let desk = Desk::open(web, &ui, member, |folder| folder.id == id).await?;
    let folder = desk.folder(id).ok_or(Refusal::NotFound)?;
    let parent = folder.path.parent().map(|path| path.to_string()).unwrap_or_default();
    let (name, chosen, problem) = match form {
        Some((form, problem)) => (form.line("name").to_owned(), form.line("inside").to_owned(), problem),
        None => (folder.path.leaf().as_str().to_owned(), parent, String::new()),
    };
    let waste = [SpecialUse::Trash, SpecialUse::Junk];
    let in_waste = desk.all.iter().any(|other| {
        other.special_use.is_some_and(|use_| waste.contains(&use_))
            && folder.path.levels().starts_with(other.path.levels())
    });
    Ok(FolderPage {
        title: full_name(&ui, folder),
        inside: inside(&ui, &desk, &chosen, Some(&folder.path)),
        fixed: is_fixed(folder),
        has_children: folder.has_children,
        fate: ui.count(if in_waste { "mail-folder-fate-gone" } else { "mail-folder-fate" }, folder.total),
        id,
        name,
        problem,
        ui,
        desk,
    })
}

async fn one(State(web): State<Web>, ui: Ui, member: Member, Boxed(id): Boxed) -> Result<Response, Fault> {
    Ok(show(&folder_page(&web, ui, &member, id, None).await?))
}

async fn change(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Boxed(id): Boxed,
    form: Fields,
) -> Result<Response, Fault> {
    let folders = web.services().lists.folders(member.who()).await?;
    let folder = folders.iter().find(|folder| folder.id == id).ok_or(Refusal::NotFound)?;
    if is_fixed(folder) {
        return Err(Refusal::Denied.into());
    }
    if form.text("act") == "remove" {
        return remove(&web, &visitor, &member, folder).await;
    }
    let undone = form.has("undo");
    let path = match form.has("undo") {
        true => MailboxPath::parse(form.text("undo")).map_err(|_| Fault::Unreadable),
        false => match wanted(&ui, &form) {
            Ok(path) => Ok(path),
            Err(problem) => {
                return Ok(show_again(&folder_page(&web, ui, &member, id, Some((&form, problem))).await?));
            }
        },
    }?;
    if path == folder.path {
        return Ok(redirect("/mail/folders"));
    }
    let mailboxes = &web.services().mailboxes;
    if let Err(refusal) = mailboxes.rename(member.who(), &folder.path, &path).await {
        let problem = beside_field(&ui, refusal)?;
        return Ok(show_again(&folder_page(&web, ui, &member, id, Some((&form, problem))).await?));
    }
    mailboxes.subscribe(member.who(), &folder.path, false).await?;
    mailboxes.subscribe(member.who(), &path, true).await?;
    let thing = shown::line(&path.to_string(), TEXT);
    let mut flash = Flash { key: "mail-folder-renamed".into(), thing, ..Flash::default() };
    if !undone {
        (flash.undo_at, flash.undo) = (format!("/mail/folders/{id}"), folder.path.to_string());
    }
    visitor.tell(&flash);
    Ok(redirect("/mail/folders"))
}

/// Its messages go to Trash first, so that nothing is lost by a wrong press.
async fn remove(web: &Web, visitor: &Visitor, member: &Member, folder: &Folder) -> Result<Response, Fault> {
    if folder.has_children {
        return Err(Refusal::InUse("it has mailboxes below it").into());
    }
    if folder.selectable {
        web.services().acts.delete(member.who(), &[Selection::all(folder.id, u32::MAX)]).await?;
    }
    web.services().mailboxes.delete(member.who(), &folder.path).await?;
    web.services().mailboxes.subscribe(member.who(), &folder.path, false).await?;
    let thing = shown::line(folder.path.leaf().as_str(), TEXT);
    visitor.tell(&Flash { key: "mail-folder-removed".into(), thing, ..Flash::default() });
    Ok(redirect("/mail/folders"))
}

#[derive(Template)]
#[template(path = "mail/empty.html")]
struct EmptyPage {
    ui: Ui,
    desk: Desk,
    id: MailboxId,
    title: String,
    name: String,
    words: String,
    uidnext: u32,
}

async fn ask_empty(State(web): State<Web>, ui: Ui, member: Member, Boxed(id): Boxed) -> Result<Response, Fault> {
    let desk = Desk::open(&web, &ui, &member, |folder| folder.id == id).await?;
    let page = web.services().lists.page(member.who(), id, Begin::Newest, 1).await?;
    let title = match page.folder.special_use {
        Some(SpecialUse::Trash) => ui.say("mail-empty-trash"),
        Some(SpecialUse::Junk) => ui.say("mail-empty-junk"),
        _ => return Err(Refusal::NotFound.into()),
    };
    let (name, words) = (full_name(&ui, &page.folder), ui.count("mail-empty-words", page.folder.total));
    Ok(show(&EmptyPage { ui, desk, id, title, name, words, uidnext: page.uidnext }))
}

/// What came after the page that asked stays.
async fn empty(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    Boxed(id): Boxed,
    form: Fields,
) -> Result<Response, Fault> {
    let done = web.services().acts.empty(member.who(), id, number(form.text("uidnext"))?).await?;
    let to = format!("/mail/{id}");
    tell(&visitor, "mail-emptied", &done, &to);
    Ok(redirect(&to))
}

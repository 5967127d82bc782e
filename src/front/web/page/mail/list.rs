//! `/mail`, `/mail/{box}`: the list of a folder, newest first, fifty a page.
//!
//! Statements of a page: session, folders, wishes, and two or three of the list; none of them grows with the folder.

use super::super::super::Web;
use super::super::super::error::{Fault, show};
use super::super::super::extract::Member;
use super::super::super::router::{Access, Route, route};
use super::super::super::ui::Ui;
use super::super::super::visitor::Visitor;
use super::{At, Boxed, Desk, Spot, TEXT, full_name, href};
use crate::model::flags::SystemFlags;
use crate::model::ids::{MailboxId, Uid};
use crate::model::mailbox::SpecialUse;
use crate::model::shown;
use crate::service::Refusal;
use crate::service::list::{Folder, Line, Page};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

/// Lines of a page.
pub(super) const LINES: u32 = 50;
/// What a conversation is counted to.
const MANY: u32 = 100;

pub(super) fn routes() -> Vec<Route> {
    vec![route("/mail", "GET", Access::Member, get(inbox)), route("/mail/{box}", "GET", Access::Member, get(folder))]
}

/// A line as the template has it; what only some lines have is empty in the others.
pub(super) struct Row {
    pub href: String,
    /// As acts name it.
    pub value: String,
    pub pick: String,
    pub from: String,
    pub subject: String,
    pub snippet: String,
    pub when: String,
    pub stamp: String,
    pub current: bool,
    pub unread: String,
    pub starred: String,
    pub attached: String,
    pub thread: String,
    pub thread_words: String,
}

/// Nothing to list: an icon, a title, a sentence.
pub(super) struct Empty {
    pub icon: &'static str,
    pub title: String,
    pub words: String,
}

/// The pane with the list.
pub(super) struct Pane {
    pub name: String,
    /// The page is about the list: its name is the heading, its acts have keys.
    pub leads: bool,
    /// What was searched for.
    pub search: String,
    /// Where the list begins, for the bar of new mail; empty: it is no folder.
    pub start: String,
    /// Acts come back here.
    pub here: String,
    /// The same page with all its lines ticked, and whether they are.
    pub all: String,
    pub picked: bool,
    pub rows: Vec<Row>,
    pub words: String,
    pub newer: String,
    pub older: String,
    pub empty: Option<Empty>,
    pub targets: Vec<(String, String)>,
    pub is_junk: bool,
    /// Where Trash and Junk are emptied; the words of the link.
    pub clear: Option<(String, String)>,
    /// Where it tells of new mail.
    pub events: String,
    /// The page that its list is taken from when it is to be as it is now.
    pub again: String,
}

impl Pane {
    /// A key for an act of the list; beside a message keys are for the message.
    pub fn key(&self, key: &'static str) -> &'static str {
        if self.leads { key } else { "" }
    }

    /// The pane of a page of a folder; `current` is the message beside it.
    pub fn of(ui: &Ui, desk: &Desk, page: &Page, at: &At, current: Option<Uid>) -> Self {
        let folder = &page.folder;
        let id = folder.id;
        let turned =
            |before: Option<String>, after: Option<String>| At { before, after, ..At::default() }.list_href(id);
        let row = |line: &Line| row(ui, line, folder, at, current == Some(line.uid));
        Self {
            name: full_name(ui, folder),
            leads: current.is_none(),
            search: String::new(),
            start: href(folder),
            here: at.list_href(id),
            all: At::all_href(&at.list_href(id)),
            picked: at.picked,
            rows: page.lines.iter().map(row).collect(),
            words: ui.count("mail-total", folder.total),
            newer: page.newer.map(|place| turned(None, Some(place.to_string()))).unwrap_or_default(),
            older: page.older.map(|place| turned(Some(place.to_string()), None)).unwrap_or_default(),
            empty: page.lines.is_empty().then(|| empty(ui, folder)),
            targets: desk.targets(ui, Some(id)),
            is_junk: folder.special_use == Some(SpecialUse::Junk),
            clear: clear(ui, folder),
            again: current.map_or_else(|| href(folder), |uid| Spot { mailbox: id, uid }.href()),
            // A message's own title stays.
            events: format!(
                "/mail/live?box={id}&since={}{}",
                page.uidnext,
                if current.is_some() { "&beside" } else { "" }
            ),
        }
    }
}

fn clear(ui: &Ui, folder: &Folder) -> Option<(String, String)> {
    let words = match folder.special_use {
        Some(SpecialUse::Trash) => ui.say("mail-empty-trash"),
        Some(SpecialUse::Junk) => ui.say("mail-empty-junk"),
        _ => return None,
    };
    (folder.total > 0).then(|| (format!("/mail/{}/empty", folder.id), words))
}

fn empty(ui: &Ui, folder: &Folder) -> Empty {
    let (icon, title, words) = match folder.special_use {
        _ if folder.path.is_inbox() => ("inbox", ui.say("mail-none-inbox"), ui.say("mail-none-inbox-words")),
        Some(SpecialUse::Drafts) => ("draft", ui.say("mail-none-drafts"), ui.say("mail-none-drafts-words")),
        Some(SpecialUse::Sent) => ("sent", ui.say("mail-none-sent"), ui.say("mail-none-sent-words")),
        Some(SpecialUse::Archive) => ("archive", ui.say("mail-none-archive"), ui.say("mail-none-archive-words")),
        Some(SpecialUse::Junk) => ("junk", ui.say("mail-none-junk"), ui.say("mail-none-junk-words")),
        Some(SpecialUse::Trash) => ("trash", ui.say("mail-none-trash"), ui.say("mail-none-trash-words")),
        _ => ("folder", ui.say("mail-none"), ui.say("mail-none-words")),
    };
    Empty { icon, title, words }
}

/// A line as it is shown in `folder`; messages of Drafts open in the composer.
pub(super) fn row(ui: &Ui, line: &Line, folder: &Folder, at: &At, current: bool) -> Row {
    let spot = Spot { mailbox: line.mailbox, uid: line.uid };
    let from = whose(ui, line, folder);
    let subject = subject(ui, &line.subject);
    let draft = folder.special_use == Some(SpecialUse::Drafts);
    let flag = |flag: SystemFlags, key: &str| if line.flags.contains(flag) { ui.say(key) } else { String::new() };
    let many = line.in_thread > 1;
    Row {
        href: if draft { format!("/mail/compose?draft={}", spot.value()) } else { at.message_href(spot) },
        value: spot.value(),
        pick: ui.say2("mail-pick", "subject", &subject, "from", &from),
        snippet: shown::line(&line.preview, TEXT),
        when: ui.brief(&line.internal_at),
        stamp: ui.stamp(&line.internal_at),
        current,
        unread: if line.flags.contains(SystemFlags::SEEN) { String::new() } else { ui.say("mail-unread") },
        starred: flag(SystemFlags::FLAGGED, "mail-starred"),
        attached: if line.attachment { ui.say("mail-attached") } else { String::new() },
        thread: match line.in_thread {
            MANY.. => format!("{}+", MANY - 1),
            count if many => count.to_string(),
            _ => String::new(),
        },
        thread_words: if many { ui.count("mail-thread-count", line.in_thread) } else { String::new() },
        from,
        subject,
    }
}

/// Who wrote it; in Sent and Drafts, to whom.
fn whose(ui: &Ui, line: &Line, folder: &Folder) -> String {
    let sent = matches!(folder.special_use, Some(SpecialUse::Sent | SpecialUse::Drafts));
    let name = shown::line(if sent { &line.to } else { &line.from }, TEXT);
    match (sent, name.is_empty()) {
        (false, false) => name,
        (true, false) => ui.say1("mail-to-name", "name", name),
        (false, true) => ui.say("mail-nobody"),
        (true, true) => ui.say("mail-to-nobody"),
    }
}

pub(super) fn subject(ui: &Ui, raw: &str) -> String {
    let subject = shown::line(raw, TEXT);
    if subject.is_empty() { ui.say("mail-no-subject") } else { subject }
}

/// Title of a list's page: `Inbox (3)`.
pub(super) fn title(ui: &Ui, folder: &Folder) -> String {
    let name = full_name(ui, folder);
    if folder.unread == 0 { name } else { ui.say2("mail-title", "name", name, "count", folder.unread) }
}

#[derive(Template)]
#[template(path = "mail/list.html")]
struct ListPage {
    ui: Ui,
    title: String,
    desk: Desk,
    pane: Pane,
}

async fn inbox(State(web): State<Web>, ui: Ui, visitor: Visitor, member: Member) -> Result<Response, Fault> {
    let desk = Desk::open(&web, &ui, &member, |folder| folder.path.is_inbox()).await?;
    let inbox = desk.inbox().ok_or(Refusal::NotFound)?.id;
    list(&web, ui, &visitor, &member, desk, inbox).await
}

async fn folder(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    Boxed(id): Boxed,
) -> Result<Response, Fault> {
    let desk = Desk::open(&web, &ui, &member, |folder| folder.id == id).await?;
    list(&web, ui, &visitor, &member, desk, id).await
}

async fn list(
    web: &Web,
    ui: Ui,
    visitor: &Visitor,
    member: &Member,
    desk: Desk,
    id: MailboxId,
) -> Result<Response, Fault> {
    let at = At { q: None, page: None, ..At::of(visitor) };
    let page = web.services().lists.page(member.who(), id, at.begin()?, LINES).await?;
    let title = title(&ui, &page.folder);
    let pane = Pane::of(&ui, &desk, &page, &at, None);
    Ok(show(&ListPage { ui, title, desk, pane }))
}

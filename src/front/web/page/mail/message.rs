//! `/mail/{box}/{uid}`: a message with the list it was chosen from beside it; its header fields; the page to print.
//!
//! Statements of a page, sixteen at most: session, the message and its octets, folders, wishes, who wrote it, the list
//! beside it, its neighbours, its conversation. Its frame takes seven.

use super::super::super::Web;
use super::super::super::error::{Fault, redirect, show};
use super::super::super::extract::{Fields, Member};
use super::super::super::router::{Access, Route, route};
use super::super::super::ui::{Ui, initials, tone};
use super::super::super::visitor::{Flash, Visitor};
use super::body::{COMPOSE, form, has_leave, leave, open};
use super::list::{LINES, Pane, subject};
use super::part::Hanging;
use super::{At, Desk, Spot, TEXT, apart, link, search};
use crate::mime::attachment::Attachment;
use crate::mime::head::{self, Head};
use crate::mime::html::Remote;
use crate::mime::people::Person;
use crate::mime::view::{Form, View};
use crate::model::address::Address;
use crate::model::flags::SystemFlags;
use crate::model::mailbox::SpecialUse;
use crate::model::shown;
use crate::service::Refusal;
use crate::service::list::Line;
use crate::service::preference::{Preference, Remote as Wish};
use crate::service::reader::{Opened, Origin};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/mail/{box}/{uid}", "GET", Access::Member, get(message)),
        route("/mail/{box}/{uid}/remote", "POST", Access::Member, post(remote)),
        route("/mail/{box}/{uid}/headers", "GET", Access::Member, get(headers)),
        route("/mail/{box}/{uid}/print", "GET", Access::Member, get(print)),
    ]
}

/// What the bytes of a message say.
struct Letter {
    head: Head,
    attachments: Vec<Attachment>,
    /// Pictures from elsewhere that were left out.
    remote: usize,
    cut: bool,
    two_forms: bool,
}

impl Letter {
    fn read(raw: &Bytes, form: Form, pictures: bool) -> Self {
        let view = View::of(raw);
        let remote = if pictures { Remote::Allowed } else { Remote::Blocked };
        let safe = view.page(form, remote, Some(COMPOSE));
        let two_forms = view.has_two_forms();
        Self { remote: safe.remote, cut: safe.cut, two_forms, head: view.head, attachments: view.attachments }
    }
}

/// The bar above a text with pictures from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bar {
    None,
    /// The address that may be allowed for good; `None`: nobody knows whose it is.
    Ask(Option<String>),
    /// The member wished never to be asked.
    Quiet,
}

/// Another message of the conversation.
struct Other {
    href: String,
    from: String,
    snippet: String,
    when: String,
    stamp: String,
}

/// The head of a message, in words.
struct Top {
    subject: String,
    name: String,
    address: String,
    initials: String,
    tone: u8,
    when: String,
    stamp: String,
    /// Kind and words of the verdict.
    verdict: (&'static str, String),
    /// "To Bob and 3 others".
    summary: String,
    /// Names of fields and who stands in them.
    people: Vec<(String, Vec<Person>)>,
}

#[derive(Template)]
#[template(path = "mail/message.html")]
struct MessagePage {
    ui: Ui,
    desk: Desk,
    pane: Pane,
    top: Top,
    spot: Spot,
    /// Without a query.
    here: String,
    frame: String,
    bar: Bar,
    cut: bool,
    /// The address of the other form of the text, if it has one, and its name.
    other_form: Option<(String, String)>,
    hanging: Vec<Hanging>,
    inline: Vec<Hanging>,
    others: Vec<Other>,
    starred: bool,
    in_junk: bool,
    is_draft: bool,
    marks: Vec<String>,
    /// Seconds until it counts as read; `None`: never by itself, or it is already.
    seen_after: Option<u16>,
    /// Where that is asked for without a script.
    seen_slowly: String,
    newer: String,
    older: String,
}

async fn message(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    spot: Spot,
) -> Result<Response, Fault> {
    let services = web.services();
    let who = member.who();
    let at = At::of(&visitor);
    let (message, whole) = open(&web, &member, spot).await?;
    let desk = Desk::open(&web, &ui, &member, |folder| folder.id == spot.mailbox).await?;
    let origin = services.reader.origin(&message, &whole).await?;
    let raw = whole.original();
    let (sender, form) = (trusted_sender(&web, &origin, Head::of(&raw).from).await?, form(&visitor));
    let once = has_leave(&web, &visitor, "pictures", spot);
    let pictures = once || services.preferences.shows_remote(who, sender.as_ref()).await?;
    let letter = apart(&web, move || Letter::read(&raw, form, pictures)).await?;
    let pane = match &at.q {
        Some(_) => search::pane(&web, &ui, &member, &desk, &at, Some(spot)).await?,
        None => Pane::of(
            &ui,
            &desk,
            &services.lists.page(who, spot.mailbox, at.begin()?, LINES).await?,
            &at,
            Some(spot.uid),
        ),
    };
    let (newer, older) = services.reader.neighbours(&message).await?;
    let others = services.lists.thread(who, spot.mailbox, spot.uid).await?;
    let beside = |uid: Option<u32>| uid.map(|uid| at.message_href(Spot { uid, ..spot })).unwrap_or_default();
    let unread = !message.flags.contains(SystemFlags::SEEN);
    let (inline, hanging) =
        letter.attachments.iter().map(|part| Hanging::of(&ui, spot, part)).partition(|part: &Hanging| part.inline);
    let page = MessagePage {
        top: top(&ui, &message, &letter.head, &origin),
        frame: frame(&web, &visitor, spot, form, pictures),
        bar: bar(&desk.wishes, letter.remote, sender),
        cut: letter.cut,
        other_form: other_form(&ui, &at, spot, form).filter(|_| letter.two_forms),
        hanging,
        inline,
        others: others.iter().map(|line| other(&ui, line)).collect(),
        starred: message.flags.contains(SystemFlags::FLAGGED),
        in_junk: message.special_use == Some(SpecialUse::Junk),
        is_draft: message.special_use == Some(SpecialUse::Drafts),
        marks: marks(&ui, &message),
        seen_after: desk.wishes.seen_after.filter(|_| unread),
        seen_slowly: link(&format!("{}/seen", spot.href()), [("seen", leave(&web, &visitor, "seen", spot).as_str())]),
        newer: beside(newer),
        older: beside(older),
        here: at.message_href(spot),
        pane,
        desk,
        spot,
        ui,
    };
    Ok(show(&page))
}

/// Whose pictures may be allowed for good: the one writer of the message.
///
/// Nobody has proved yet that mail from elsewhere is from whom it says, so an address that was allowed can be borrowed to
/// learn that a message was read; for addresses of our own domains we know better, and take nobody's word.
async fn trusted_sender(web: &Web, origin: &Origin, from: Vec<Person>) -> Result<Option<Address>, Fault> {
    if let Origin::SentFromHere { address, .. } = origin {
        return Ok(Some(address.clone()));
    }
    let [sender] = &from[..] else { return Ok(None) };
    let Some(address) = sender.parsed() else { return Ok(None) };
    let ours = web.services().directory.is_local_domain(address.domain()).await?;
    Ok((!ours).then_some(address))
}

fn bar(wishes: &Preference, remote: usize, sender: Option<Address>) -> Bar {
    match (remote, wishes.remote) {
        (0, _) => Bar::None,
        (_, Wish::Never) => Bar::Quiet,
        (_, Wish::Ask | Wish::Always) => Bar::Ask(sender.map(|sender| sender.to_string())),
    }
}

/// The address of the text's frame; leave to load pictures is part of it.
fn frame(web: &Web, visitor: &Visitor, spot: Spot, form: Form, pictures: bool) -> String {
    let leave = pictures.then(|| leave(web, visitor, "pictures", spot));
    let form = (form == Form::Plain).then_some(("form", "plain"));
    link(&format!("{}/body", spot.href()), form.into_iter().chain(leave.as_deref().map(|leave| ("pictures", leave))))
}

fn other_form(ui: &Ui, at: &At, spot: Spot, form: Form) -> Option<(String, String)> {
    let (pair, words) = match form {
        Form::Rich => (Some(("form", "plain")), ui.say("mail-show-plain")),
        Form::Plain => (None, ui.say("mail-show-rich")),
    };
    Some((link(&spot.href(), at.pairs().chain(pair)), words))
}

fn marks(ui: &Ui, message: &Opened) -> Vec<String> {
    let answered = message.is_answered().then(|| ui.say("mail-answered"));
    let forwarded = message.is_forwarded().then(|| ui.say("mail-forwarded"));
    answered.into_iter().chain(forwarded).collect()
}

fn other(ui: &Ui, line: &Line) -> Other {
    Other {
        href: Spot { mailbox: line.mailbox, uid: line.uid }.href(),
        from: if line.from.is_empty() { ui.say("mail-nobody") } else { shown::line(&line.from, TEXT) },
        snippet: shown::line(&line.preview, TEXT),
        when: ui.brief(&line.internal_at),
        stamp: ui.stamp(&line.internal_at),
    }
}

fn top(ui: &Ui, message: &Opened, head: &Head, origin: &Origin) -> Top {
    let sender = head.from.first().cloned().unwrap_or_default();
    let name =
        Some(sender.called()).filter(|name| !name.is_empty()).map_or_else(|| ui.say("mail-nobody"), str::to_owned);
    let at = head.date.map_or(message.row.internal_date, |date| date.to_utc());
    let all = [
        ("mail-from", &head.from),
        ("mail-reply-to", &head.reply_to),
        ("mail-to", &head.to),
        ("mail-cc", &head.cc),
        ("mail-bcc", &head.bcc),
    ];
    let by = head.sender.iter().filter(|by| by.address != sender.address).cloned().collect::<Vec<_>>();
    let people = all.into_iter().map(|(key, list)| (ui.say(key), list.clone())).chain([(ui.say("mail-sent-by"), by)]);
    Top {
        subject: subject(ui, &head.subject),
        initials: initials(&name),
        tone: tone(&sender.address),
        // An address stands once.
        address: if name == sender.address { String::new() } else { sender.address },
        name,
        when: ui.moment(&at),
        stamp: ui.stamp(&at),
        verdict: verdict(ui, origin),
        summary: summary(ui, head),
        people: people.filter(|(_, list)| !list.is_empty()).collect(),
    }
}

fn verdict(ui: &Ui, origin: &Origin) -> (&'static str, String) {
    match origin {
        Origin::SentFromHere { name, address } => {
            let name = if name.is_empty() { address.to_string() } else { shown::line(name, TEXT) };
            ("ok", ui.say1("mail-sent-from-here", "name", name))
        }
        Origin::NotChecked => ("", ui.say("mail-not-checked")),
    }
}

fn summary(ui: &Ui, head: &Head) -> String {
    let count = head.to.len() + head.cc.len();
    let Some(first) = head.to.first().or(head.cc.first()) else { return ui.say("mail-to-nobody") };
    let name = first.called();
    match count {
        1 => ui.say1("mail-to-name", "name", name),
        _ => ui.say2("mail-to-others", "name", name, "count", count - 1),
    }
}

/// The three answers of the bar, and taking the lasting ones back.
async fn remote(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    spot: Spot,
    form: Fields,
) -> Result<Response, Fault> {
    let (wishes, who) = (&web.services().preferences, member.who());
    let undone = form.has("undo");
    let answer = if undone { form.text("undo") } else { form.text("remote") };
    let mut thing = String::new();
    match answer {
        "once" => {
            // Only a message of the member's: the link that comes of it is worth something.
            web.services().reader.find(who, spot.mailbox, spot.uid).await?;
            return Ok(redirect(&link(&spot.href(), [("pictures", leave(&web, &visitor, "pictures", spot).as_str())])));
        }
        "sender" => {
            let (message, whole) = open(&web, &member, spot).await?;
            let origin = web.services().reader.origin(&message, &whole).await?;
            let sender = trusted_sender(&web, &origin, Head::of(&whole.original()).from).await?;
            let sender = sender.ok_or(Refusal::Denied)?;
            wishes.allow_remote(who, &sender, !undone).await?;
            thing = sender.to_string();
        }
        "everybody" | "ask" => {
            let remote = if answer == "everybody" && !undone { Wish::Always } else { Wish::Ask };
            wishes.set(who, &Preference { remote, ..wishes.get(who).await? }).await?;
        }
        _ => return Err(Fault::Unreadable),
    }
    let key = match answer {
        _ if undone => "mail-remote-undone",
        "sender" => "mail-remote-sender",
        "everybody" => "mail-remote-everybody",
        _ => "mail-remote-ask",
    };
    let mut flash = Flash { key: key.into(), thing, ..Flash::default() };
    if !undone && answer != "ask" {
        (flash.undo_at, flash.undo) = (format!("{}/remote", spot.href()), answer.to_owned());
    }
    visitor.tell(&flash);
    Ok(redirect(&spot.href()))
}

#[derive(Template)]
#[template(path = "mail/headers.html")]
struct HeadersPage {
    ui: Ui,
    desk: Desk,
    subject: String,
    here: String,
    fields: Vec<(String, String)>,
}

async fn headers(State(web): State<Web>, ui: Ui, member: Member, spot: Spot) -> Result<Response, Fault> {
    let (_, whole) = open(&web, &member, spot).await?;
    let desk = Desk::open(&web, &ui, &member, |folder| folder.id == spot.mailbox).await?;
    let fields = head::fields(whole.bytes());
    let subject = subject(&ui, &Head::of(&whole.original()).subject);
    Ok(show(&HeadersPage { ui, desk, subject, here: spot.href(), fields }))
}

#[derive(Template)]
#[template(path = "mail/print.html")]
struct PrintPage {
    ui: Ui,
    top: Top,
    here: String,
    frame: String,
    /// The same as a page.
    alone: String,
    hanging: Vec<Hanging>,
}

/// Without panes and acts. The frame is as long as its text, so that paper has all of it.
async fn print(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    spot: Spot,
) -> Result<Response, Fault> {
    let (message, whole) = open(&web, &member, spot).await?;
    let origin = web.services().reader.origin(&message, &whole).await?;
    let raw = whole.original();
    let sender = trusted_sender(&web, &origin, Head::of(&raw).from).await?;
    let once = has_leave(&web, &visitor, "pictures", spot);
    let pictures = once || web.services().preferences.shows_remote(member.who(), sender.as_ref()).await?;
    let form = form(&visitor);
    let letter = apart(&web, move || Letter::read(&raw, form, pictures)).await?;
    let hanging = letter.attachments.iter().filter(|part| !part.inline).map(|part| Hanging::of(&ui, spot, part));
    let frame = frame(&web, &visitor, spot, form, pictures);
    let alone = leave(&web, &visitor, "alone", spot);
    let page = PrintPage {
        top: top(&ui, &message, &letter.head, &origin),
        here: spot.href(),
        alone: format!("{frame}{}alone={alone}", if frame.contains('?') { '&' } else { '?' }),
        frame,
        hanging: hanging.collect(),
        ui,
    };
    Ok(show(&page))
}

//! What hangs on a message: saved as a file, or looked at where that can do no harm.

use super::super::super::Web;
use super::super::super::error::Fault;
use super::super::super::extract::Member;
use super::super::super::router::{Access, Route, route};
use super::super::super::ui::Ui;
use super::body::{ALONE, COMPOSE, file, framed};
use super::list::subject;
use super::{Spot, apart, number, param};
use crate::mime::attachment::{Attachment, Risk, sniff};
use crate::mime::html::{self, Frame, Remote, raster};
use crate::mime::people::Person;
use crate::mime::view::{Form, View};
use crate::model::shown;
use crate::service::Refusal;
use crate::service::reader::PartReading;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Octets of a part that is looked at; larger ones are saved.
const PREVIEW: usize = 16 << 20;
/// Deepest section that is asked for.
const DEPTH: usize = 32;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/mail/{box}/{uid}/part/{part}", "GET", Access::Member, get(save)),
        route("/mail/{box}/{uid}/part/{part}/preview", "GET", Access::Member, get(preview)),
    ]
}

/// The `{part}` of a path: `1.2`.
struct Section(Vec<u32>);

impl FromRequestParts<Web> for Section {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Fault> {
        let raw = param(parts, web, "part").await?;
        let numbers = raw.split('.').take(DEPTH + 1).map(number).collect::<Result<Vec<u32>, _>>()?;
        if numbers.len() > DEPTH || numbers.contains(&0) { Err(Refusal::NotFound.into()) } else { Ok(Self(numbers)) }
    }
}

impl Section {
    fn text(&self) -> String {
        self.0.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
    }
}

/// What an attachment looks like in the list below a message.
pub(super) struct Hanging {
    pub name: String,
    pub icon: &'static str,
    /// What it is, and how much.
    pub words: String,
    /// Why opening it may harm; empty: it looks harmless.
    pub risk: String,
    pub href: String,
    /// Empty: it can't be looked at here.
    pub preview: String,
    /// A picture small enough to be shown beside its name.
    pub picture: bool,
    pub inline: bool,
}

impl Hanging {
    pub fn of(ui: &Ui, spot: Spot, part: &Attachment) -> Self {
        let media = part.sniffed.filter(|kind| *kind != "text/plain").unwrap_or(&part.claimed);
        let (icon, key) = kind(media);
        let what = if key == "mail-type-other" { ui.say1(key, "type", media) } else { ui.say(key) };
        let href = format!("{}/part/{}", spot.href(), part.path);
        let small = part.size <= PREVIEW;
        let picture = part.sniffed.is_some_and(is_raster) && small;
        let readable = picture || is_text(part) || part.claimed == "message/rfc822";
        Self {
            name: if part.name.is_empty() { unnamed(&part.path, &part.claimed) } else { part.name.clone() },
            icon,
            words: ui.say2("mail-part-words", "what", what, "size", ui.octets(part.size as u64)),
            risk: part.risk.map(|risk| ui.say(risk_key(risk))).unwrap_or_default(),
            preview: if readable && small { format!("{href}/preview") } else { String::new() },
            href,
            picture,
            inline: part.inline,
        }
    }
}

fn is_raster(kind: &str) -> bool {
    matches!(kind, "image/png" | "image/jpeg" | "image/gif" | "image/webp")
}

fn is_text(part: &Attachment) -> bool {
    part.sniffed == Some("text/plain") && part.risk.is_none()
}

fn kind(media: &str) -> (&'static str, &'static str) {
    let (class, sort) = media.split_once('/').unwrap_or((media, ""));
    match (class, sort) {
        ("image", _) => ("image", "mail-type-image"),
        ("text", "html") => ("file", "mail-type-page"),
        ("text", "calendar") => ("calendar", "mail-type-calendar"),
        ("text", "plain") => ("file", "mail-type-text"),
        ("audio", _) => ("file", "mail-type-audio"),
        ("video", _) => ("file", "mail-type-video"),
        ("message", "rfc822") => ("mail", "mail-type-message"),
        ("application", "pdf") => ("file", "mail-type-pdf"),
        ("application", "zip" | "gzip" | "x-7z-compressed" | "x-tar" | "vnd.rar" | "x-bzip2") => {
            ("archive", "mail-type-archive")
        }
        ("application", "msword" | "rtf") => ("file", "mail-type-document"),
        ("application", sort) if sort.contains("document") || sort.contains("spreadsheet") => {
            ("file", "mail-type-document")
        }
        ("application", "pgp-signature" | "pkcs7-signature" | "x-pkcs7-signature") => ("key", "mail-type-signature"),
        _ => ("file", "mail-type-other"),
    }
}

fn risk_key(risk: Risk) -> &'static str {
    match risk {
        Risk::Program => "mail-risk-program",
        Risk::Script => "mail-risk-script",
        Risk::Macros => "mail-risk-macros",
        Risk::Page => "mail-risk-page",
        Risk::TwoExtensions => "mail-risk-two",
        Risk::Disguised => "mail-risk-disguised",
    }
}

/// A name for what has none.
fn unnamed(path: &str, media: &str) -> String {
    let end = match media {
        "message/rfc822" => "eml",
        "text/plain" => "txt",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "application/pdf" => "pdf",
        "text/calendar" => "ics",
        _ => "bin",
    };
    format!("part-{path}.{end}")
}

async fn read(web: &Web, member: &Member, spot: Spot, section: &Section) -> Result<PartReading, Fault> {
    let reader = &web.services().reader;
    let message = reader.find(member.who(), spot.mailbox, spot.uid).await?;
    Ok(reader.part(&message, &section.0)?)
}

async fn save(State(web): State<Web>, member: Member, spot: Spot, section: Section) -> Result<Response, Fault> {
    let reading = read(&web, &member, spot, &section).await?;
    let mut name = shown::file_name(&reading.name);
    if name.is_empty() {
        name = unnamed(&section.text(), &reading.media_type);
    }
    let octets = futures_util::stream::try_unfold(reading, async |mut reading| {
        Ok::<_, Refusal>(reading.next().await?.map(|octets| (octets, reading)))
    });
    // Whatever it is said to be, it is something to save.
    Ok(file("application/octet-stream", &name, Body::from_stream(octets)))
}

async fn preview(
    State(web): State<Web>,
    ui: Ui,
    member: Member,
    spot: Spot,
    section: Section,
) -> Result<Response, Fault> {
    let mut reading = read(&web, &member, spot, &section).await?;
    let room = web.services().spool.reserve(reading.encoded_size.min(PREVIEW as u64))?;
    let mut octets = Vec::new();
    while let Some(piece) = reading.next().await? {
        octets.extend_from_slice(&piece);
        if octets.len() > PREVIEW {
            return Err(Refusal::TooLarge(PREVIEW as u64).into());
        }
    }
    let octets = room.hold(octets);
    if reading.media_type == "message/rfc822" {
        let start = format!("{}/part/{}", spot.href(), section.text());
        return Ok(framed(apart(&web, move || enclosed(&ui, &octets, &start)).await?, false));
    }
    let media = match (raster(&octets), sniff(&octets)) {
        (Some(picture), _) => picture,
        (None, Some("text/plain")) => "text/plain; charset=utf-8",
        _ => return Err(Refusal::NotFound.into()),
    };
    let headers = [(header::CONTENT_TYPE, media), (header::CONTENT_SECURITY_POLICY, ALONE)];
    Ok((headers, octets).into_response())
}

/// A message inside a message: who wrote it, its text, and what hangs on it, which lies below its own section.
fn enclosed(ui: &Ui, raw: &[u8], start: &str) -> String {
    let view = View::of(raw);
    let title = subject(ui, &view.head.subject);
    let mut page = String::from("<h1>");
    html::escape(&mut page, &title);
    page.push_str("</h1><table>");
    let people = |list: &[Person]| list.iter().map(Person::to_string).collect::<Vec<_>>().join(", ");
    let date = view.head.date.map(|date| ui.moment(&date.to_utc())).unwrap_or_default();
    for (name, value) in [
        (ui.say("mail-from"), people(&view.head.from)),
        (ui.say("mail-to"), people(&view.head.to)),
        (ui.say("mail-cc"), people(&view.head.cc)),
        (ui.say("mail-date"), date),
    ] {
        if !value.is_empty() {
            page.push_str("<tr><th align=\"left\" valign=\"top\">");
            html::escape(&mut page, &name);
            page.push_str("</th><td dir=\"auto\">");
            html::escape(&mut page, &value);
            page.push_str("</td></tr>");
        }
    }
    page.push_str("</table><hr>");
    page.push_str(&view.page(Form::Rich, Remote::Blocked, Some(COMPOSE)).html);
    if !view.attachments.is_empty() {
        page.push_str("<hr><ul>");
    }
    for part in &view.attachments {
        let name = if part.name.is_empty() { unnamed(&part.path, &part.claimed) } else { part.name.clone() };
        page.push_str(&format!("<li><a href=\"{start}.{}\" target=\"_blank\">", part.path));
        html::escape(&mut page, &name);
        page.push_str("</a></li>");
    }
    if !view.attachments.is_empty() {
        page.push_str("</ul>");
    }
    html::document(&page, &Frame { title: &title, lang: ui.lang(), dir: ui.dir() })
}

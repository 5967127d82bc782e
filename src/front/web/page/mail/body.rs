//! The text of a message in a frame of its own, and the message as it came.
//!
//! The frame has no script and no form, loads nothing, and may not move the page around it: it is sandboxed twice, by
//! its element and by its own policy, and what it shows was made safe before (`mime/html`).

use super::super::super::error::{Fault, data, redirect};
use super::super::super::extract::Member;
use super::super::super::router::{Access, Route, route};
use super::super::super::ui::Ui;
use super::super::super::visitor::Visitor;
use super::super::super::{Web, connection::Closing};
use super::list::subject;
use super::{Spot, apart, asked, query};
use crate::mime::html::{self, Frame, Remote};
use crate::mime::view::{Form, View};
use crate::model::shown;
use crate::model::uidset::UidSet;
use crate::service::Refusal;
use crate::service::act::{Mark, Selection};
use crate::service::message::Reading;
use crate::service::reader::{Opened, Whole};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;

/// `allow-same-origin` lets the page around measure the text; without `allow-scripts` it lets the text do nothing.
const POLICY: &str = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";
/// Pictures alone, and over TLS alone: nobody on the way learns what is read. Addresses without it are asked with it.
const WITH_PICTURES: &str = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data: https:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; upgrade-insecure-requests";
/// For what is not shown but kept, and for text and pictures that stand alone.
pub(super) const ALONE: &str = "sandbox; default-src 'none'";
/// `mailto:` links open here.
pub(super) const COMPOSE: &str = "/mail/compose?mailto=";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/mail/{box}/{uid}/body", "GET", Access::Member, get(body)),
        route("/mail/{box}/{uid}/seen", "GET POST", Access::Member, get(seen_slowly).post(seen)),
        route("/mail/{box}/{uid}/source", "GET", Access::Member, get(source)),
        route("/mail/{box}/{uid}/source.eml", "GET", Access::Member, get(source_file)),
    ]
}

/// A message of the member's and all of its octets.
pub(super) async fn open(web: &Web, member: &Member, spot: Spot) -> Result<(Opened, Whole), Fault> {
    let reader = &web.services().reader;
    let message = reader.find(member.who(), spot.mailbox, spot.uid).await?;
    let whole = reader.whole(&message).await?;
    Ok((message, whole))
}

/// Leave to do one thing with one message in this session, for a link that must not work when somebody else makes it.
pub(super) fn leave(web: &Web, visitor: &Visitor, what: &str, spot: Spot) -> String {
    let made = web.services().sessions.form_token(&format!("{what} {} {}", spot.value(), visitor.binding(web)));
    URL_SAFE_NO_PAD.encode(made)
}

/// Whether the query has it.
pub(super) fn has_leave(web: &Web, visitor: &Visitor, what: &str, spot: Spot) -> bool {
    let given = asked(&query(visitor), what).unwrap_or_default();
    subtle::ConstantTimeEq::ct_eq(given.as_bytes(), leave(web, visitor, what, spot).as_bytes()).into()
}

/// Which form is asked for.
pub(super) fn form(visitor: &Visitor) -> Form {
    if asked(&query(visitor), "form").as_deref() == Some("plain") { Form::Plain } else { Form::Rich }
}

/// In its frame, or alone where the page to print leads: a link to it in a message would show a stranger's page under our
/// own address.
async fn body(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    spot: Spot,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let fills_window = headers.get("sec-fetch-dest").is_some_and(|dest| dest == "document");
    if fills_window && !has_leave(&web, &visitor, "alone", spot) {
        return Ok(redirect(&spot.href()));
    }
    let (_, whole) = open(&web, &member, spot).await?;
    let pictures = has_leave(&web, &visitor, "pictures", spot);
    let (raw, form) = (whole.original(), form(&visitor));
    let page = apart(&web, move || page(&ui, &raw, form, pictures)).await?;
    Ok(framed(page, pictures))
}

fn page(ui: &Ui, raw: &Bytes, form: Form, pictures: bool) -> String {
    let view = View::of(raw);
    let remote = if pictures { Remote::Allowed } else { Remote::Blocked };
    let mut safe = view.page(form, remote, Some(COMPOSE));
    if html::is_blank(&safe.html) {
        safe.html.push_str("<p>");
        html::escape(&mut safe.html, &ui.say("mail-no-text"));
        safe.html.push_str("</p>");
    }
    let title = subject(ui, &view.head.subject);
    html::document(&safe.html, &Frame { title: &title, lang: ui.lang(), dir: ui.dir() })
}

/// A document made of a message, under the policy of its frame.
pub(super) fn framed(page: String, pictures: bool) -> Response {
    let policy = if pictures { WITH_PICTURES } else { POLICY };
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, page).into_response()
}

/// The member has looked at it long enough; sent by a script, which hears what its folder has unread from now on.
async fn seen(
    State(web): State<Web>,
    ui: Ui,
    member: Member,
    spot: Spot,
    _form: super::super::super::extract::Fields,
) -> Result<Response, Fault> {
    mark_seen(&web, &member, spot).await?;
    let folders = web.services().lists.folders(member.who()).await?;
    let folder = folders.iter().find(|folder| folder.id == spot.mailbox).ok_or(Refusal::NotFound)?;
    let words = ui.count("mail-unread-count", folder.unread);
    Ok(data(&json!({ "folder": super::href(folder), "unread": folder.unread, "words": words })))
}

/// The same without a script: a picture of no size inside `<noscript>` asks for this, the answer takes as long as the
/// reader wished, and whoever goes on before hangs up, which drops this half-way and marks nothing. So no page marks
/// anything when it is merely fetched, ahead of time say, and the address works in the reader's session alone.
async fn seen_slowly(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    spot: Spot,
    Extension(Closing(closing)): Extension<Closing>,
) -> Result<Response, Fault> {
    if !has_leave(&web, &visitor, "seen", spot) {
        return Err(Refusal::NotFound.into());
    }
    if let Some(after) = web.services().preferences.get(member.who()).await?.seen_after {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(after.into())) => mark_seen(&web, &member, spot).await?,
            () = closing.cancelled() => {}
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn mark_seen(web: &Web, member: &Member, spot: Spot) -> Result<(), Fault> {
    let one = Selection { mailbox: spot.mailbox, uids: UidSet::from_iter([spot.uid]) };
    web.services().acts.mark(member.who(), &[one], Mark::Seen).await?;
    Ok(())
}

async fn source(State(web): State<Web>, member: Member, spot: Spot) -> Result<Response, Fault> {
    let reader = &web.services().reader;
    let octets = pieces(reader.source(&reader.find(member.who(), spot.mailbox, spot.uid).await?));
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, ALONE)];
    Ok((headers, octets).into_response())
}

/// A message on its way to a reader who may be slow: no more of it is in memory than the piece at hand.
fn pieces(reading: Reading) -> Body {
    Body::from_stream(futures_util::stream::try_unfold(reading, async |mut reading| {
        Ok::<_, Refusal>(reading.next().await?.map(|octets| (octets, reading)))
    }))
}

async fn source_file(State(web): State<Web>, ui: Ui, member: Member, spot: Spot) -> Result<Response, Fault> {
    let (message, whole) = open(&web, &member, spot).await?;
    let title = subject(&ui, &crate::mime::head::Head::of(&whole.original()).subject);
    let name = shown::file_name(&format!("{title}.eml"));
    Ok(file("message/rfc822", &name, pieces(web.services().reader.source(&message))))
}

/// Octets to keep: no browser opens them here.
pub(super) fn file(media: &'static str, name: &str, octets: Body) -> Response {
    let mut answer = Response::new(octets);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(ALONE));
    headers.insert(header::CONTENT_DISPOSITION, disposition(name));
    answer
}

/// `attachment` with the name twice: plain for whoever knows no better, and percent-encoded UTF-8 (RFC 6266 §5,
/// RFC 8187 §3.2).
fn disposition(name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | ';') || c == ' ' { c } else { '_' })
        .collect();
    let mut coded = String::new();
    for octet in name.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => coded.push(char::from(octet)),
            _ => coded.push_str(&format!("%{octet:02X}")),
        }
    }
    let value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}");
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_end_no_header_early() {
        for (name, wanted) in [
            ("a b.pdf", "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf"),
            ("é\"; x=\\y.txt", "attachment; filename=\"___ x=_y.txt\"; filename*=UTF-8''%C3%A9%22%3B%20x%3D%5Cy.txt"),
            ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
        ] {
            assert_eq!(disposition(name), wanted, "{name}");
        }
    }

    #[test]
    fn pictures_widen_the_policy_by_nothing_else() {
        assert_eq!(WITH_PICTURES.replace(" https:", "").replace("; upgrade-insecure-requests", ""), POLICY);
        assert!(!POLICY.contains("allow-scripts") && !POLICY.contains("allow-top-navigation"));
    }
}

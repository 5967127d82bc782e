//! A draft that was sent or discarded, for whoever comes back to it.

use super::super::super::Web;
use super::super::super::error::{Fault, rendered};
use super::super::super::extract::Member;
use super::super::super::ui::Ui;
use super::super::mail;
use super::{href, send};
use crate::model::ids::{DraftId, MailboxId};
use crate::model::mailbox::SpecialUse;
use crate::model::shown;
use crate::service::Refusal;
use crate::service::draft::Fate;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

#[derive(Template)]
#[template(path = "compose/gone.html")]
struct GonePage {
    ui: Ui,
    desk: mail::Desk,
    title: &'static str,
    words: &'static str,
    subject: String,
    /// Where it can be had back.
    restore_at: Option<String>,
    sent: Option<MailboxId>,
    back: String,
}

/// The page of a draft that is no longer written.
///
/// # Errors
/// [`Refusal::NotFound`] for one of which nothing is known, or not any more.
pub(super) async fn show(web: &Web, ui: Ui, member: &Member, id: DraftId) -> Result<Response, Fault> {
    let draft = web.services().drafts.past(member.who(), id).await?.ok_or(Refusal::NotFound)?;
    let desk = mail::Desk::open(web, &ui, member, |_| false).await?;
    let subject = shown::line(&draft.text.subject, 300);
    let is_sent = draft.fate == Some(Fate::Sent);
    let (title, words) = match is_sent {
        true => ("compose-gone-sent", "compose-gone-sent-words"),
        false => ("compose-gone-discarded", "compose-gone-discarded-words"),
    };
    let restore_at = (!is_sent).then(|| format!("{}/restore", href(id)));
    let folders = if is_sent { web.services().lists.folders(member.who()).await? } else { Vec::new() };
    let sent = folders.iter().find(|folder| folder.special_use == Some(SpecialUse::Sent)).map(|folder| folder.id);
    let back = send::back(&draft);
    Ok(rendered(StatusCode::GONE, &GonePage { ui, desk, title, words, subject, restore_at, sent, back }))
}

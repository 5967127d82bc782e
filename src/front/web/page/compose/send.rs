//! Sending, and taking it back.

use super::super::super::Web;
use super::super::super::error::{Fault, redirect, show};
use super::super::super::extract::{Fields, Member};
use super::super::super::ui::Ui;
use super::super::super::visitor::{Flash, Visitor};
use super::super::mail;
use super::keep::Kept;
use super::sheet::Sheet;
use super::{Desk, again, doubt, href, refused};
use crate::model::ids::{DraftId, OutboxId};
use crate::service::Refusal;
use crate::service::draft::Draft;
use crate::service::outbox::Sending;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};

/// Where the undoing of it is asked for.
const UNDO: &str = "/mail/undo-send";

/// Sends the draft as it was kept. `asks`: what looks forgotten is asked about first.
pub(super) async fn send(desk: Desk, kept: &Kept, asks: bool) -> Result<Response, Fault> {
    let (services, who) = (desk.web.services(), desk.member.who());
    let draft = services.drafts.get(who, kept.id).await?;
    if asks {
        let doubts = doubt::doubts(&desk.ui, &draft.text, draft.mode, draft.files.len());
        if !doubts.is_empty() {
            return Sheet::of(draft).asking(doubts).show(&desk.web, desk.ui, &desk.member).await;
        }
    }
    match services.outbox.send(who, kept.id, kept.revision).await {
        Ok(Sending::Held(held)) => Ok(told(&desk, &draft, held.id, held.until)),
        Ok(Sending::Refused(list)) => {
            let problems = refused::recipients(&desk.ui, &draft.text, &list);
            again(desk, kept, problems).await
        }
        Ok(Sending::Changed) => Ok(redirect(&format!("{}?changed=1", href(kept.id)))),
        Err(refusal) => {
            let (desk, problems) = refused::problems(desk, refusal.into())?;
            again(desk, kept, problems).await
        }
    }
}

/// The same form came once more while its message is held: the same answer.
pub(super) async fn held(desk: Desk, draft: DraftId, outbox: OutboxId) -> Result<Response, Fault> {
    let services = desk.web.services();
    let draft = services.drafts.get(desk.member.who(), draft).await?;
    match services.outbox.send(desk.member.who(), draft.id, draft.revision).await? {
        Sending::Held(held) => Ok(told(&desk, &draft, held.id, held.until)),
        // It was taken back in between: the page of the draft says how it stands.
        Sending::Refused(_) | Sending::Changed => Ok(told(&desk, &draft, outbox, services.clock.now())),
    }
}

fn told(desk: &Desk, draft: &Draft, outbox: OutboxId, until: DateTime<Utc>) -> Response {
    let left = (until - desk.web.services().clock.now()).num_seconds();
    let flash = match left {
        1.. => Flash {
            key: "compose-sending".into(),
            thing: left.to_string(),
            undo_at: UNDO.into(),
            undo: outbox.to_string(),
        },
        _ => Flash { key: "compose-sent".into(), ..Flash::default() },
    };
    desk.visitor.tell(&flash);
    redirect(&back(draft))
}

/// Where one goes after it: to the folder of the message that was answered.
pub(super) fn back(draft: &Draft) -> String {
    draft.source.map_or_else(|| "/mail".to_owned(), |(mailbox, _)| format!("/mail/{mailbox}"))
}

/// Takes a message back that has not gone.
pub(super) async fn undo(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    form: Fields,
) -> Result<Response, Fault> {
    let id = form.line("undo").parse().map_err(|_| Fault::Unreadable)?;
    let (key, place) = match web.services().outbox.undo(member.who(), OutboxId(id)).await {
        Ok(draft) => ("compose-taken-back", href(draft)),
        Err(Refusal::NotFound) => ("compose-too-late", "/mail".to_owned()),
        Err(refusal) => return Err(refusal.into()),
    };
    visitor.tell(&Flash { key: key.into(), ..Flash::default() });
    Ok(redirect(&place))
}

#[derive(Template)]
#[template(path = "compose/waiting.html")]
struct WaitingPage {
    ui: Ui,
    desk: mail::Desk,
    subject: String,
    undo_at: &'static str,
    outbox: OutboxId,
    back: String,
}

/// The page of a draft that is on its way: it can be taken back, not changed.
pub(super) async fn waiting(
    web: &Web,
    ui: Ui,
    member: &Member,
    draft: &Draft,
    outbox: OutboxId,
) -> Result<Response, Fault> {
    let desk = mail::Desk::open(web, &ui, member, |_| false).await?;
    let subject = crate::model::shown::line(&draft.text.subject, 300);
    Ok(show(&WaitingPage { ui, desk, subject, undo_at: UNDO, outbox, back: back(draft) }))
}

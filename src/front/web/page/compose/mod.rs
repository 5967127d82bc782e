//! `/mail/compose`: writing mail. A page that is looked at stores nothing; its form makes the draft, keeps it, takes its
//! files, and sends it.

mod begin;
mod doubt;
mod file;
mod gone;
mod keep;
mod refused;
mod send;
mod sheet;

use super::super::Web;
use super::super::error::{Fault, redirect};
use super::super::extract::{Fields, Member};
use super::super::router::{Access, Route, route};
use super::super::ui::Ui;
use super::super::upload::FileForm;
use super::super::visitor::{Flash, Visitor};
use super::mail::{number, param, query};
use crate::model::ids::{DraftId, UploadId};
use crate::service::Refusal;
use crate::service::draft::DraftText;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use begin::{Kind, Source};
use keep::{Kept, Note};
use sheet::Sheet;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("/mail/compose", "GET POST", Access::Member, get(begin).post(write_new)),
        route("/mail/compose/{draft}", "GET POST", Access::Member, get(resume).post(write_on)),
        route("/mail/compose/{draft}/file", "POST", Access::Member, post(file::attach)),
        route("/mail/compose/{draft}/restore", "POST", Access::Member, post(restore)),
        route("/mail/undo-send", "POST", Access::Member, post(send::undo)),
    ]
}

/// The `{draft}` of a path.
#[derive(Debug, Clone, Copy)]
struct At(DraftId);

impl FromRequestParts<Web> for At {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Fault> {
        Ok(Self(DraftId(number(&param(parts, web, "draft").await?)?)))
    }
}

fn href(draft: DraftId) -> String {
    format!("/mail/compose/{draft}")
}

/// A new message, an answer, a forward, or a draft of another program: the form for it.
async fn begin(State(web): State<Web>, ui: Ui, visitor: Visitor, member: Member) -> Result<Response, Fault> {
    let query = query(&visitor);
    let source = Source::of_query(&query);
    if let Some(Source { kind: Kind::Draft, spot }) = source
        && let Some(draft) = web.services().drafts.of_message(member.who(), spot.mailbox, spot.uid).await?
    {
        return Ok(redirect(&href(draft.id)));
    }
    let begun = match source {
        Some(source) => begin::from_message(&web, &ui, &member, source).await?,
        None => begin::blank(&member, &query),
    };
    Sheet::blank(source, begun)?.show(&web, ui, &member).await
}

/// A draft that was begun here.
async fn resume(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    At(id): At,
) -> Result<Response, Fault> {
    let draft = match web.services().drafts.get(member.who(), id).await {
        Err(Refusal::NotFound) => return gone::show(&web, ui, &member, id).await,
        other => other?,
    };
    if let Some(outbox) = draft.sending {
        return send::waiting(&web, ui, &member, &draft, outbox).await;
    }
    let mut sheet = Sheet::of(draft);
    sheet.note_from(&query(&visitor));
    sheet.show(&web, ui, &member).await
}

async fn write_new(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    form: FileForm,
) -> Result<Response, Fault> {
    write(Desk { web, ui, visitor, member }, None, form).await
}

async fn write_on(
    State(web): State<Web>,
    ui: Ui,
    visitor: Visitor,
    member: Member,
    At(id): At,
    form: FileForm,
) -> Result<Response, Fault> {
    write(Desk { web, ui, visitor, member }, Some(id), form).await
}

/// What a handler has at hand.
struct Desk {
    web: Web,
    ui: Ui,
    visitor: Visitor,
    member: Member,
}

/// What was typed. Browsers end lines with CRLF; a field of one line has one.
fn typed(form: &Fields) -> DraftText {
    let line = |name: &str| form.line(name).replace(|c: char| c.is_control() && c != '\n', " ");
    DraftText {
        sender: line("sender"),
        to: line("to"),
        cc: line("cc"),
        bcc: line("bcc"),
        subject: line("subject").replace('\n', " "),
        body: form.text("body").replace("\r\n", "\n").replace('\r', "\n"),
    }
}

/// The form: its text is kept first, then its files are taken, then its button does what it says.
async fn write(desk: Desk, at: Option<DraftId>, mut form: FileForm) -> Result<Response, Fault> {
    if let Some(id) = at.filter(|_| form.fields().has("aside")) {
        return keep::aside(&desk, id).await;
    }
    let text = typed(form.fields());
    let kept = match keep::keep(&desk, at, form.fields(), &text).await {
        Ok(kept) => kept,
        Err(fault) => {
            form.drop_files().await;
            let (desk, problems) = refused::problems(desk, fault)?;
            return Sheet::typed(at, form.fields(), text)?.with(problems).show(&desk.web, desk.ui, &desk.member).await;
        }
    };
    let mut problems = kept.problems.clone();
    let mut count = 0;
    if matches!(kept.note, Some(Note::Sending(_) | Note::Sent)) {
        form.drop_files().await;
    }
    while let Some(coming) = form.next().await? {
        match file::take(&desk, kept.id, &coming, &mut form).await {
            Ok(_) => count += 1,
            // Another press of the same button was faster.
            Err(Refusal::InUse(_)) => {
                form.drop_files().await;
                return Ok(redirect(&href(kept.id)));
            }
            Err(refusal) => {
                form.drop_files().await;
                problems.push(("file", file::words(&desk.ui, &coming.name, refusal)?));
                break;
            }
        }
    }
    if !desk.ui.wants_page() {
        return keep::told(&desk, at, &kept, form.fields()).await;
    }
    match kept.note {
        Some(Note::Sending(outbox)) => return send::held(desk, kept.id, outbox).await,
        Some(note) => return Ok(note.redirect(kept.id)),
        None => {}
    }
    if !problems.is_empty() {
        return again(desk, &kept, problems).await;
    }
    match act(desk, &kept, form.fields().text("act"), count).await {
        // Sent or discarded in another window this very moment: its page says so.
        Err(Fault::Refused(refusal)) if matches!(*refusal, Refusal::NotFound) => Ok(redirect(&href(kept.id))),
        other => other,
    }
}

/// The draft once more, with what is wrong.
async fn again(desk: Desk, kept: &Kept, problems: Vec<(&'static str, String)>) -> Result<Response, Fault> {
    let draft = desk.web.services().drafts.get(desk.member.who(), kept.id).await?;
    Sheet::of(draft).with(problems).show(&desk.web, desk.ui, &desk.member).await
}

/// What the button says; `count` files have come with it.
async fn act(desk: Desk, kept: &Kept, act: &str, count: usize) -> Result<Response, Fault> {
    let (services, who) = (desk.web.services(), desk.member.who());
    let tell = |key: &str, thing: String| desk.visitor.tell(&Flash { key: key.into(), thing, ..Flash::default() });
    match act {
        "send" | "send-anyway" => send::send(desk, kept, act == "send").await,
        "attach" if count == 0 => {
            let words = desk.ui.say("compose-file-none");
            again(desk, kept, vec![("file", words)]).await
        }
        "attach" => {
            tell("compose-attached", count.to_string());
            Ok(redirect(&href(kept.id)))
        }
        "discard" => {
            let back = send::back(&services.drafts.get(who, kept.id).await?);
            services.drafts.discard(who, kept.id).await?;
            let undo_at = format!("{}/restore", href(kept.id));
            let undo = kept.id.to_string();
            desk.visitor.tell(&Flash { key: "compose-discarded".into(), undo_at, undo, ..Flash::default() });
            Ok(redirect(&back))
        }
        "" | "save" => match services.drafts.close(who, kept.id).await {
            Ok(Some(_)) => {
                tell("compose-saved", String::new());
                Ok(redirect(&href(kept.id)))
            }
            Ok(None) => {
                tell("compose-empty", String::new());
                Ok(redirect("/mail"))
            }
            Err(refusal) => {
                let (desk, problems) = refused::problems(desk, refusal.into())?;
                again(desk, kept, problems).await
            }
        },
        other => {
            let file = other.strip_prefix("remove.").and_then(|id| id.parse().ok()).ok_or(Fault::Unreadable)?;
            match services.uploads.remove(who, UploadId(file)).await {
                // Removed already, it is as it should be.
                Ok(()) | Err(Refusal::NotFound) => {}
                Err(refusal) => return Err(refusal.into()),
            }
            tell("compose-removed", String::new());
            Ok(redirect(&href(kept.id)))
        }
    }
}

/// Takes a discarded draft back.
async fn restore(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
    At(id): At,
    _form: Fields,
) -> Result<Response, Fault> {
    match web.services().drafts.undo_discard(member.who(), id).await {
        Ok(()) => visitor.tell(&Flash { key: "compose-restored".into(), ..Flash::default() }),
        // Taken back in another window before, or too late: the draft's page says which.
        Err(Refusal::NotFound) => {}
        Err(refusal) => return Err(refusal.into()),
    }
    Ok(redirect(&href(id)))
}

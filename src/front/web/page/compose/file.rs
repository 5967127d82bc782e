//! Files of a message that is being written.

use super::super::super::Web;
use super::super::super::error::{Fault, refusal_words, rendered, show};
use super::super::super::extract::{Fields, Member};
use super::super::super::ui::Ui;
use super::super::super::upload::{Coming, FileForm};
use super::super::mail::{Spot, number};
use super::begin::WHOLE;
use super::{At, Desk};
use crate::mime::head::Head;
use crate::model::ids::{DraftId, UploadId};
use crate::model::shown;
use crate::service::Refusal;
use crate::service::reader::Opened;
use crate::service::upload::{Announced, Upload};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

/// Files of a message that a form may choose.
const PARTS: usize = 200;

/// A line of the list of files.
pub(super) struct Row {
    pub id: UploadId,
    pub name: String,
    pub size: String,
    pub icon: &'static str,
}

impl Row {
    pub fn of(ui: &Ui, file: &Upload) -> Self {
        let icon = match file.media_type.split('/').next() {
            Some("image") => "image",
            Some("message") => "mail",
            _ => "file",
        };
        Self { id: file.id, name: file.name.clone(), size: ui.octets(file.size), icon }
    }
}

#[derive(Template)]
#[template(path = "compose/rows.html")]
struct Rows<'a> {
    ui: &'a Ui,
    rows: Vec<Row>,
    /// How much room the files take; empty: it is not told.
    used: String,
}

/// How much of the room for files is taken.
pub(super) fn used(web: &Web, ui: &Ui, files: &[Upload]) -> String {
    let octets: u64 = files.iter().map(|file| file.size).sum();
    ui.say2("compose-used", "used", ui.octets(octets), "limit", ui.octets(web.services().uploads.limit()))
}

/// The list of files by itself, for a script.
pub(super) async fn rows(web: &Web, ui: &Ui, member: &Member, draft: DraftId) -> Result<String, Fault> {
    let files = web.services().uploads.list(member.who(), Some(draft)).await?;
    let rows = files.iter().map(|file| Row::of(ui, file)).collect();
    Rows { ui, rows, used: String::new() }.render().map_err(|error| Refusal::Internal(error.into()).into())
}

/// Takes the file that a form has told of.
///
/// # Errors
/// As [`take`](crate::service::upload::Uploads::take).
pub(super) async fn take(desk: &Desk, draft: DraftId, coming: &Coming, form: &mut FileForm) -> Result<Upload, Refusal> {
    let announced = Announced { draft: Some(draft), name: &coming.name, media_type: &coming.media_type, size: None };
    desk.web.services().uploads.take(desk.member.who(), announced, form.octets()).await
}

/// Takes the chosen files of a message that is passed on; what can't be taken is told.
pub(super) async fn take_parts(
    desk: &Desk,
    draft: DraftId,
    from: Spot,
    form: &Fields,
) -> Result<Vec<(&'static str, String)>, Fault> {
    let chosen: Vec<&str> = form.all("part").take(PARTS).collect();
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let message = match desk.web.services().reader.find(desk.member.who(), from.mailbox, from.uid).await {
        Err(Refusal::NotFound) => return Ok(vec![("file", desk.ui.say("compose-parts-gone"))]),
        other => other?,
    };
    let mut problems = Vec::new();
    for section in chosen {
        match take_part(desk, draft, &message, section).await {
            Ok(_) => {}
            Err(Fault::Refused(refusal)) => {
                problems.push(("file", desk.ui.say1("compose-part-refused", "why", refusal_words(&desk.ui, &refusal))));
                break;
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(problems)
}

async fn take_part(desk: &Desk, draft: DraftId, message: &Opened, section: &str) -> Result<Upload, Fault> {
    let (services, who) = (desk.web.services(), desk.member.who());
    if section == WHOLE {
        let head = Head::of(&services.reader.whole(message).await?.original());
        let subject = shown::file_name(&head.subject);
        let name = if subject.is_empty() { desk.ui.say("compose-whole-name") } else { subject };
        return Ok(services.uploads.take_message(who, Some(draft), message, &format!("{name}.eml")).await?);
    }
    let path = section.split('.').map(number).collect::<Result<Vec<u32>, _>>()?;
    Ok(services.uploads.take_part(who, Some(draft), message, &path).await?)
}

/// Why a file was not taken.
///
/// # Errors
/// The refusal where it is none of the file's.
pub(super) fn words(ui: &Ui, name: &str, refusal: Refusal) -> Result<String, Fault> {
    let name = shown::line(name, 100);
    match refusal {
        Refusal::TooLarge(limit) => Ok(ui.say2("compose-file-large", "name", name, "limit", ui.octets(limit))),
        Refusal::Limit(_) | Refusal::Invalid(_) | Refusal::InUse(_) | Refusal::Full | Refusal::OverQuota => {
            Ok(ui.say2("compose-file-refused", "name", name, "why", refusal_words(ui, &refusal)))
        }
        other => Err(other.into()),
    }
}

#[derive(Template)]
#[template(path = "compose/refused.html")]
struct RefusedFile {
    words: String,
}

/// One file that a script sends by itself: answered with its line of the list.
pub(super) async fn attach(
    State(web): State<Web>,
    ui: Ui,
    visitor: super::Visitor,
    member: Member,
    At(draft): At,
    mut form: FileForm,
) -> Result<Response, Fault> {
    let desk = Desk { web, ui, visitor, member };
    let coming = form.next().await?.ok_or(Fault::Unreadable)?;
    match take(&desk, draft, &coming, &mut form).await {
        Ok(file) => {
            let all = desk.web.services().uploads.list(desk.member.who(), Some(draft)).await?;
            let used = used(&desk.web, &desk.ui, &all);
            Ok(show(&Rows { rows: vec![Row::of(&desk.ui, &file)], used, ui: &desk.ui }))
        }
        Err(refusal) => {
            form.drop_files().await;
            let words = words(&desk.ui, &coming.name, refusal)?;
            Ok(rendered(StatusCode::UNPROCESSABLE_ENTITY, &RefusedFile { words }))
        }
    }
}

//! What was typed is kept, whatever else becomes of the form.

use super::super::super::error::{Fault, data, redirect};
use super::super::super::extract::Fields;
use super::begin::{self, Begun, Kind, Source};
use super::sheet;
use super::{Desk, file, href};
use crate::model::ids::{DraftId, OutboxId};
use crate::service::Refusal;
use crate::service::draft::{Beginning, Draft, DraftText, Fate, Saved};
use axum::response::Response;
use serde_json::json;

/// A draft with what was typed.
pub(super) struct Kept {
    pub id: DraftId,
    pub revision: i64,
    pub note: Option<Note>,
    pub problems: Vec<(&'static str, String)>,
}

/// Why it is not simply the draft of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// The same text is on its way.
    Sending(OutboxId),
    /// The draft was changed elsewhere: this text is one of its own.
    Conflict { theirs: DraftId },
    /// The same text was sent.
    Sent,
    /// The draft was sent or discarded elsewhere: this text is one of its own.
    Gone,
}

impl Note {
    /// Its page says so.
    pub fn redirect(self, id: DraftId) -> Response {
        match self {
            Self::Conflict { theirs } => redirect(&format!("{}?other={theirs}", href(id))),
            // The draft's page says how it stands.
            Self::Sending(_) | Self::Sent => redirect(&href(id)),
            Self::Gone => redirect(&format!("{}?gone=1", href(id))),
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Conflict { .. } => "compose-conflict",
            Self::Sending(_) => "compose-waiting",
            Self::Sent => "compose-gone-sent",
            Self::Gone => "compose-gone",
        }
    }
}

/// Keeps a text: in the draft of the form, in a new one where there is none, in one of its own where somebody else has
/// changed that.
pub(super) async fn keep(desk: &Desk, at: Option<DraftId>, form: &Fields, text: &DraftText) -> Result<Kept, Fault> {
    let (drafts, who) = (&desk.web.services().drafts, desk.member.who());
    if let Some(id) = at {
        let revision = form.line("revision").parse().unwrap_or(0);
        return save(desk, id, revision, text).await;
    }
    let source = Source::of_form(form);
    let Begun { beginning, .. } = begun(desk, source).await?;
    let draft = match source {
        Some(Source { kind: Kind::Draft, spot }) => {
            let keeps = |section: &str| form.all("part").any(|part| part == section);
            match drafts.open_message(who, spot.mailbox, spot.uid, keeps).await {
                Err(Refusal::NotFound) => create(desk, form, text, beginning).await?,
                other => other?,
            }
        }
        _ => create(desk, form, text, beginning).await?,
    };
    let mut kept = match draft.text == *text && draft.sending.is_none() && draft.fate.is_none() {
        true => Kept { id: draft.id, revision: draft.revision, note: None, problems: Vec::new() },
        false => save(desk, draft.id, draft.revision, text).await?,
    };
    if let (Some(Source { kind: Kind::Forward, spot }), None) = (source, kept.note) {
        kept.problems = file::take_parts(desk, kept.id, spot, form).await?;
    }
    Ok(kept)
}

/// What the source says of an answer; without it, where it is gone meanwhile.
async fn begun(desk: &Desk, source: Option<Source>) -> Result<Begun, Fault> {
    let Some(source) = source.filter(|source| source.kind != Kind::Draft) else { return Ok(Begun::default()) };
    match begin::from_message(&desk.web, &desk.ui, &desk.member, source).await {
        Err(Fault::Refused(refusal)) if matches!(*refusal, Refusal::NotFound) => Ok(Begun::default()),
        other => other,
    }
}

async fn create(desk: &Desk, form: &Fields, text: &DraftText, beginning: Beginning) -> Result<Draft, Fault> {
    let key = Some(form.line("form")).filter(|key| sheet::is_key(key)).map(str::to_owned);
    let beginning = Beginning { text: text.clone(), form: key, ..beginning };
    Ok(desk.web.services().drafts.create(desk.member.who(), &beginning).await?)
}

async fn save(desk: &Desk, id: DraftId, revision: i64, text: &DraftText) -> Result<Kept, Fault> {
    let (drafts, who) = (&desk.web.services().drafts, desk.member.who());
    let kept = |id, revision, note| Ok(Kept { id, revision, note, problems: Vec::new() });
    let mode = match drafts.save(who, id, revision, text).await {
        Ok(Saved::Kept { revision }) => return kept(id, revision, None),
        Ok(Saved::Conflict { theirs, yours, revision }) => {
            return kept(yours, revision, Some(Note::Conflict { theirs }));
        }
        Err(Refusal::InUse(_)) => {
            let draft = drafts.get(who, id).await?;
            match draft.sending {
                Some(outbox) if draft.text == *text => return kept(id, draft.revision, Some(Note::Sending(outbox))),
                _ => draft.mode,
            }
        }
        Err(Refusal::NotFound) => match drafts.past(who, id).await? {
            Some(past) if past.fate == Some(Fate::Sent) && past.text == *text => {
                return kept(id, past.revision, Some(Note::Sent));
            }
            Some(past) => past.mode,
            None => Default::default(),
        },
        Err(refusal) => return Err(refusal.into()),
    };
    // The same form once more finds the same new draft.
    let form = Some(format!("{id}.{revision}"));
    let own = drafts.create(who, &Beginning { text: text.clone(), mode, form, ..Beginning::default() }).await?;
    match own.text == *text {
        true => kept(own.id, own.revision, Some(Note::Gone)),
        false => match drafts.save(who, own.id, own.revision, text).await? {
            Saved::Kept { revision } => kept(own.id, revision, Some(Note::Gone)),
            Saved::Conflict { theirs, yours, revision } => kept(yours, revision, Some(Note::Conflict { theirs })),
        },
    }
}

/// A draft whose text is kept already is left by a script: other clients see it in Drafts from now on.
pub(super) async fn aside(desk: &Desk, id: DraftId) -> Result<Response, Fault> {
    desk.web.services().drafts.close(desk.member.who(), id).await?;
    Ok(data(&json!({})))
}

/// The answer to a script that keeps what is being typed.
pub(super) async fn told(desk: &Desk, at: Option<DraftId>, kept: &Kept, form: &Fields) -> Result<Response, Fault> {
    let ui = &desk.ui;
    if form.has("leaving") {
        // Other clients see it in Drafts now. Where that can't be it stays here, and is offered at the next visit.
        let _ = desk.web.services().drafts.close(desk.member.who(), kept.id).await;
    }
    let problem = || kept.problems.first().map(|(_, words)| words.clone());
    let words = kept.note.map(|note| ui.say(note.key())).or_else(problem);
    let mut answer = json!({ "revision": kept.revision.to_string(), "words": words });
    if at != Some(kept.id) {
        answer["at"] = href(kept.id).into();
        answer["files"] = file::rows(&desk.web, ui, &desk.member, kept.id).await?.into();
    }
    Ok(data(&answer))
}

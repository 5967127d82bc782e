//! The form: what stands in it, what is wrong with it, what is asked.

use super::super::super::Web;
use super::super::super::error::{Fault, show, show_again};
use super::super::super::extract::{Fields, Member};
use super::super::super::ui::Ui;
use super::super::mail::{self, asked};
use super::begin::{Begun, Kind, Part, Source};
use super::file::{Row, used};
use super::href;
use crate::mime::compose::Lost;
use crate::model::ids::DraftId;
use crate::model::shown;
use crate::service::Refusal;
use crate::service::draft::{Draft, DraftText, Mode, Unfiled};
use askama::Template;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A field, and a sentence about it.
type Remark = (&'static str, String);

/// What the form holds.
pub(super) struct Sheet {
    draft: Option<DraftId>,
    revision: i64,
    /// Key of a form that has no draft yet.
    form: String,
    source: Option<Source>,
    mode: Mode,
    text: DraftText,
    parts: Vec<Part>,
    lost: Lost,
    files: Vec<crate::service::upload::Upload>,
    problems: Vec<Remark>,
    doubts: Vec<Remark>,
    note: Option<Told>,
}

/// What became of the draft elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// It lies beside another one, which was changed elsewhere.
    Other(DraftId),
    /// The one it was is gone.
    Gone,
    /// It was changed elsewhere, so it was not sent.
    Changed,
}

#[derive(Template)]
#[template(path = "compose/write.html")]
struct WritePage {
    ui: Ui,
    desk: mail::Desk,
    title: &'static str,
    /// Where the form goes.
    at: String,
    back: String,
    sheet: Sheet,
    /// Kind and message that it begins from, for a form without a draft.
    source: Option<(&'static str, String)>,
    senders: Vec<(String, bool)>,
    rows: Vec<Row>,
    used: String,
    limit: u64,
    unfinished: Vec<(String, String)>,
    /// Which field has the cursor at first.
    first: &'static str,
}

/// Whether a text may be the key of a form.
pub(super) fn is_key(key: &str) -> bool {
    key.len() == 22 && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn fresh_key() -> Result<String, Fault> {
    let mut octets = [0u8; 16];
    let made = aws_lc_rs::rand::fill(&mut octets);
    made.map_err(|_| Fault::from(Refusal::Internal(anyhow::anyhow!("no random numbers"))))?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}

impl Sheet {
    /// A form whose draft is not there yet.
    pub fn blank(source: Option<Source>, begun: Begun) -> Result<Self, Fault> {
        Ok(Self {
            draft: None,
            revision: 0,
            form: fresh_key()?,
            source,
            mode: begun.beginning.mode,
            text: begun.beginning.text,
            parts: begun.parts,
            lost: begun.lost,
            files: Vec::new(),
            problems: Vec::new(),
            doubts: Vec::new(),
            note: None,
        })
    }

    /// A draft.
    pub fn of(draft: Draft) -> Self {
        Self {
            draft: Some(draft.id),
            revision: draft.revision,
            form: String::new(),
            source: None,
            mode: draft.mode,
            text: draft.text,
            parts: Vec::new(),
            lost: Lost::default(),
            files: draft.files,
            problems: Vec::new(),
            doubts: Vec::new(),
            note: None,
        }
    }

    /// What was typed, where no draft could be made of it.
    pub fn typed(draft: Option<DraftId>, form: &Fields, text: DraftText) -> Result<Self, Fault> {
        let blank = Self::blank(Source::of_form(form), Begun::default())?;
        let chosen =
            |value: &str| Part { value: value.to_owned(), name: value.to_owned(), size: String::new(), chosen: true };
        Ok(Self {
            draft,
            revision: form.line("revision").parse().unwrap_or(0),
            form: Some(form.line("form")).filter(|key| is_key(key)).map_or(blank.form, str::to_owned),
            text,
            parts: form.all("part").map(chosen).collect(),
            ..blank
        })
    }

    pub fn with(mut self, problems: Vec<Remark>) -> Self {
        self.problems = problems;
        self
    }

    pub fn asking(mut self, doubts: Vec<Remark>) -> Self {
        self.doubts = doubts;
        self
    }

    /// Takes from the address what became of it.
    pub fn note_from(&mut self, query: &[(String, String)]) {
        let other = asked(query, "other").and_then(|id| id.parse().ok()).map(|id| Told::Other(DraftId(id)));
        let gone = asked(query, "gone").map(|_| Told::Gone);
        let changed = asked(query, "changed").map(|_| Told::Changed);
        self.note = other.or(gone).or(changed);
    }

    /// The sentence of a field; empty where nothing is wrong with it.
    fn at(&self, field: &str) -> &str {
        let all = self.problems.iter().chain(&self.doubts);
        all.into_iter().find(|(name, _)| *name == field).map_or("", |(_, sentence)| sentence)
    }

    /// Whether it comes back with all that was sent.
    fn is_answer(&self) -> bool {
        !self.problems.is_empty() || !self.doubts.is_empty() || self.note.is_some()
    }

    fn title(&self) -> &'static str {
        match (self.source.map(|source| source.kind), self.mode, self.draft) {
            (Some(Kind::Draft), ..) => "compose-title-draft",
            (_, Mode::Reply, _) => "compose-title-reply",
            (_, Mode::ReplyAll, _) => "compose-title-reply-all",
            (_, Mode::Forward, _) => "compose-title-forward",
            (_, Mode::New, Some(_)) => "compose-title-draft",
            (_, Mode::New, None) => "compose-title-new",
        }
    }

    fn first(&self) -> &'static str {
        match self.mode {
            _ if !self.problems.is_empty() || !self.doubts.is_empty() || self.note.is_some() => "",
            Mode::Reply | Mode::ReplyAll => "body",
            Mode::New | Mode::Forward if self.draft.is_some() || !self.text.to.is_empty() => "body",
            Mode::New | Mode::Forward => "to",
        }
    }

    /// The page of it.
    pub async fn show(self, web: &Web, ui: Ui, member: &Member) -> Result<Response, Fault> {
        let services = web.services();
        let desk = mail::Desk::open(web, &ui, member, |_| false).await?;
        let is_wrong = !self.problems.is_empty() || !self.doubts.is_empty();
        let limit = services.uploads.limit();
        let page = WritePage {
            title: self.title(),
            at: self.draft.map_or_else(|| "/mail/compose".to_owned(), href),
            back: self.source.map_or_else(|| "/mail".to_owned(), |source| source.spot.href()),
            senders: senders(web, member, &self.text.sender).await?,
            source: self.source.map(|source| (source.kind.name(), source.spot.value())),
            rows: self.files.iter().map(|file| Row::of(&ui, file)).collect(),
            used: used(web, &ui, &self.files),
            unfinished: unfinished(web, &ui, member, &self).await?,
            first: self.first(),
            limit,
            sheet: self,
            desk,
            ui,
        };
        Ok(if is_wrong { show_again(&page) } else { show(&page) })
    }
}

/// The addresses to write as: the member's, and the one in use if it is theirs in another way.
async fn senders(web: &Web, member: &Member, used: &str) -> Result<Vec<(String, bool)>, Fault> {
    let submission = &web.services().submission;
    let mut all: Vec<String> = submission.own_addresses(member.who()).await?.iter().map(ToString::to_string).collect();
    if !all.iter().any(|own| own == used)
        && let Ok(address) = crate::model::address::Address::parse(used)
        && submission.may_send_as(member.who(), &address).await.is_ok()
    {
        all.push(used.to_owned());
    }
    Ok(all
        .into_iter()
        .map(|own| {
            let chosen = own == used;
            (own, chosen)
        })
        .collect())
}

/// What was begun and left: offered where something new begins.
async fn unfinished(web: &Web, ui: &Ui, member: &Member, sheet: &Sheet) -> Result<Vec<(String, String)>, Fault> {
    if sheet.draft.is_some() || sheet.source.is_some() || !sheet.problems.is_empty() {
        return Ok(Vec::new());
    }
    let drafts = web.services().drafts.unfiled(member.who()).await?;
    let line = |draft: Unfiled| {
        let subject = shown::line(&draft.subject, 100);
        let subject = if subject.is_empty() { ui.say("compose-no-subject") } else { subject };
        (href(draft.id), ui.say2("compose-unfinished-one", "subject", subject, "at", ui.brief(&draft.updated_at)))
    };
    Ok(drafts.into_iter().map(line).collect())
}

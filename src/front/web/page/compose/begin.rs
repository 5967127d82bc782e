//! What a message begins with: nothing, a `mailto:` link, a message that it answers or passes on, a draft that another
//! program has made. Nothing is stored yet.

use super::super::super::Web;
use super::super::super::error::Fault;
use super::super::super::extract::{Fields, Member};
use super::super::super::ui::Ui;
use super::super::mail::{Spot, apart, asked};
use crate::mime::attachment::Attachment;
use crate::mime::compose::Lost;
use crate::mime::head::Head;
use crate::mime::people::{Person, listed};
use crate::mime::quote::{self, Start, Whom};
use crate::mime::view::View;
use crate::model::address::Address;
use crate::model::shown;
use crate::service::draft::{Beginning, DraftText, Foreign, Mode};

/// Octets of a quoted or forwarded text; the message itself can be attached.
const QUOTED: usize = 256 << 10;
/// People of a message among whom the member is looked for.
const PEOPLE: usize = 200;
/// Stands for the whole message in the place of a part.
pub(super) const WHOLE: &str = "whole";

/// What a message is to the one it begins from, as links and forms name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Reply,
    ReplyAll,
    Forward,
    /// It goes on writing it.
    Draft,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Reply, Self::ReplyAll, Self::Forward, Self::Draft];

    pub fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::ReplyAll => "reply-all",
            Self::Forward => "forward",
            Self::Draft => "draft",
        }
    }

    fn mode(self) -> Mode {
        match self {
            Self::Reply => Mode::Reply,
            Self::ReplyAll => Mode::ReplyAll,
            Self::Forward => Mode::Forward,
            Self::Draft => Mode::New,
        }
    }
}

/// The message that another begins from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub kind: Kind,
    pub spot: Spot,
}

impl Source {
    /// `?reply=4.17`, `?reply-all=`, `?forward=`, `?draft=`.
    pub fn of_query(query: &[(String, String)]) -> Option<Self> {
        let named = |kind: Kind| Some(Self { kind, spot: Spot::read(&asked(query, kind.name())?)? });
        Kind::ALL.into_iter().find_map(named)
    }

    pub fn of_form(form: &Fields) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == form.text("kind"))?;
        Some(Self { kind, spot: Spot::read(form.text("source"))? })
    }
}

/// A file of that message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its section, or [`WHOLE`].
    pub value: String,
    pub name: String,
    pub size: String,
    /// It goes along unless the writer says otherwise.
    pub chosen: bool,
}

/// What the form opens with.
#[derive(Debug, Default)]
pub(super) struct Begun {
    pub beginning: Beginning,
    pub parts: Vec<Part>,
    /// Of another program's draft: what goes when it is saved.
    pub lost: Lost,
}

/// A new message, or what a link asks for.
pub(super) fn blank(member: &Member, query: &[(String, String)]) -> Begun {
    let start = asked(query, "mailto").and_then(|link| quote::mailto(&link)).unwrap_or_default();
    let mut text = text_of(&start, member.who().address());
    if let Some(to) = asked(query, "to") {
        text.to = shown::line(&to, 1000);
    }
    Begun { beginning: Beginning { text, ..Beginning::default() }, ..Begun::default() }
}

/// An answer, a forward, or a draft of another program's.
///
/// # Errors
/// [`Refusal::NotFound`](crate::service::Refusal::NotFound) for a message that is not the member's.
pub(super) async fn from_message(web: &Web, ui: &Ui, member: &Member, source: Source) -> Result<Begun, Fault> {
    let Source { spot: Spot { mailbox, uid }, kind } = source;
    if kind == Kind::Draft {
        let Foreign { beginning, files, lost } = web.services().drafts.look(member.who(), mailbox, uid).await?;
        return Ok(Begun { beginning, parts: files.iter().map(|file| part(ui, file, true)).collect(), lost });
    }
    let reader = &web.services().reader;
    let message = reader.find(member.who(), mailbox, uid).await?;
    let whole = reader.whole(&message).await?;
    let raw = whole.original();
    let head = Head::of(&raw);
    let own = own_addresses(web, member, &head).await?;
    let at = head.date.map_or(message.row.internal_date, |date| date.to_utc());
    let above = match kind {
        Kind::Forward => heading(ui, &head, &ui.moment(&at)),
        _ => wrote(ui, &head, &ui.moment(&at)),
    };
    let sender = used_address(&head, &own).unwrap_or_else(|| member.who().address()).clone();
    let (start, files) = apart(web, move || start(&raw, kind, &own, &above)).await?;
    let parts = match kind {
        Kind::Forward => {
            let size = ui.octets(message.row.size);
            let eml = Part { value: WHOLE.to_owned(), name: ui.say("compose-whole"), size, chosen: false };
            files.iter().map(|file| part(ui, file, !file.inline)).chain([eml]).collect()
        }
        _ => Vec::new(),
    };
    let beginning = Beginning {
        text: text_of(&start, &sender),
        mode: kind.mode(),
        source: Some((mailbox, uid)),
        in_reply_to: start.in_reply_to,
        references: start.references,
        form: None,
    };
    Ok(Begun { beginning, parts, lost: Lost::default() })
}

fn start(raw: &[u8], kind: Kind, own: &[Address], above: &str) -> (Start, Vec<Attachment>) {
    let view = View::of(raw);
    let start = match kind {
        Kind::Forward => quote::forward(&view, above),
        Kind::ReplyAll => quote::reply(&view, Whom::Everyone, &|address| is_among(address, own), above),
        Kind::Reply | Kind::Draft => quote::reply(&view, Whom::Sender, &|address| is_among(address, own), above),
    };
    (start, view.attachments)
}

fn is_among(address: &Address, all: &[Address]) -> bool {
    all.iter().any(|own| own.key() == address.key() && own.domain() == address.domain())
}

/// The member's addresses, and what else of the message they may write as: an address with a detail (`ann+shop@…`), or
/// one at a domain that repeats theirs.
async fn own_addresses(web: &Web, member: &Member, head: &Head) -> Result<Vec<Address>, Fault> {
    let submission = &web.services().submission;
    let mut own = submission.own_addresses(member.who()).await?;
    let base = |address: &Address| address.split_detail().map_or_else(|| address.key(), |(base, _)| base.key());
    let names: Vec<String> = own.iter().map(base).collect();
    let all = head.to.iter().chain(&head.cc).chain(&head.bcc).chain(&head.from).take(PEOPLE);
    for address in all.filter_map(Person::parsed) {
        let looks_own = names.contains(&base(&address)) && !is_among(&address, &own);
        if looks_own && submission.may_send_as(member.who(), &address).await.is_ok() {
            own.push(address);
        }
    }
    Ok(own)
}

/// The address that the message came to, or was written as: an answer comes from the same.
fn used_address<'a>(head: &Head, own: &'a [Address]) -> Option<&'a Address> {
    let all = head.to.iter().chain(&head.cc).chain(&head.bcc).chain(&head.from);
    all.filter_map(Person::parsed)
        .find_map(|address| own.iter().find(|own| own.key() == address.key() && own.domain() == address.domain()))
}

fn part(ui: &Ui, file: &Attachment, chosen: bool) -> Part {
    let name = if file.name.is_empty() { ui.say1("compose-unnamed", "type", &file.claimed) } else { file.name.clone() };
    Part { value: file.path.clone(), name, size: ui.octets(file.size as u64), chosen }
}

fn text_of(start: &Start, sender: &Address) -> DraftText {
    DraftText {
        sender: sender.to_string(),
        to: listed(&start.to),
        cc: listed(&start.cc),
        bcc: String::new(),
        subject: start.subject.clone(),
        body: tame(&start.text),
    }
}

/// The line above a quote.
fn wrote(ui: &Ui, head: &Head, at: &str) -> String {
    ui.say2("compose-wrote", "at", at, "name", head.from.first().map_or("", Person::called))
}

/// The lines above a forwarded text.
fn heading(ui: &Ui, head: &Head, at: &str) -> String {
    let mut lines = vec![ui.say("compose-forwarded")];
    let people = |people: &[Person]| listed(&people[..people.len().min(20)]);
    let rows = [
        ("compose-forwarded-from", people(&head.from)),
        ("compose-forwarded-date", at.to_owned()),
        ("compose-forwarded-subject", head.subject.clone()),
        ("compose-forwarded-to", people(&head.to)),
        ("compose-forwarded-cc", people(&head.cc)),
    ];
    lines.extend(rows.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| ui.say1(key, "value", value)));
    lines.join("\n")
}

/// Foreign text as it may stand in ours: nothing that can't be seen or turns its neighbours, and not without end.
fn tame(text: &str) -> String {
    let fine = |c: &char| (!c.is_control() || matches!(c, '\n' | '\t')) && !shown::is_bidi_control(*c);
    let mut out: String = text.chars().filter(fine).collect();
    if out.len() > QUOTED {
        out.truncate(out.floor_char_boundary(QUOTED));
        out.push_str("\n[…]");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_by_a_link() {
        let query = |raw: &str| form_urlencoded::parse(raw.as_bytes()).into_owned().collect::<Vec<_>>();
        let found = Source::of_query(&query("reply-all=4.17")).unwrap();
        assert_eq!((found.kind, found.spot.value().as_str()), (Kind::ReplyAll, "4.17"));
        for none in ["", "reply=", "reply=x", "answer=4.17"] {
            assert_eq!(Source::of_query(&query(none)), None, "{none}");
        }
    }

    #[test]
    fn foreign_text_is_tame_and_has_an_end() {
        assert_eq!(tame("a\0\u{202e}b\u{1b}[31m\n\tc\r"), "ab[31m\n\tc");
        let long = tame(&"é".repeat(QUOTED));
        assert!(long.len() <= QUOTED + "\n[…]".len() && long.ends_with("é\n[…]"));
    }
}

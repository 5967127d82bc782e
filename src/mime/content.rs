//! What is read off a message once, at delivery, so that nothing parses it again (I4).

use super::bodystructure::{self, Extent};
use super::header::{some_fields, unfold_some};
use super::structure::{self, Part};
use super::{address, date, envelope, section, subject, text, words};
use crate::model::imap_string::Form;
use crate::model::shown;
use chrono::{DateTime, Utc};

/// Of the code below: content of an older version is recomputed.
pub const VERSION: i16 = 2;

/// A row of `content`; all texts are bounded and free of NUL.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Content {
    pub version: i16,
    /// The part map as [`section::encode`] writes it.
    pub parts: Vec<u8>,
    pub envelope: Vec<u8>,
    /// Second form, only where raw UTF-8 stands in the header.
    pub envelope_utf8: Option<Vec<u8>>,
    pub body: Vec<u8>,
    pub bodystructure: Vec<u8>,
    pub sent_at: Option<DateTime<Utc>>,
    pub subject: String,
    pub subject_base: String,
    /// Local part of the first address, folded: what SORT compares (RFC 5256 §3).
    pub from_key: String,
    pub to_key: String,
    pub cc_key: String,
    /// Display name of the first address; the address itself where there is none, or one that passes for an address.
    pub from_display: String,
    pub to_display: String,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// References, then In-Reply-To, each once.
    pub references: Vec<String>,
    pub list_id: Option<String>,
    pub preview: String,
    pub has_attachment: bool,
}

/// Octets read of a field.
const FIELD: usize = 64 << 10;
const TEXT: usize = 500;
const REFERENCES: usize = 100;

impl Content {
    /// Reads a message of any bytes.
    pub fn of(raw: &[u8]) -> Self {
        let root = structure::parse(raw);
        let header = &raw[root.header.clone()];
        let value = |name: &str| some_fields(header).find(|f| f.is(name)).map(|f| unfold_some(f.value, FIELD));
        let subject = bounded(&words::decode(&value("Subject").unwrap_or_default()), TEXT);
        let (from, to, cc) = (first(value("From")), first(value("To")), first(value("Cc")));
        let mut has_attachment = false;
        root.walk(&mut |part| {
            has_attachment |= matches!(part.kind, structure::Kind::Leaf) && text::is_attachment(part)
        });
        Self {
            version: VERSION,
            parts: section::encode(&root),
            envelope: write(|out| envelope::write(out, header, Form::Ascii)),
            envelope_utf8: (!header.is_ascii()).then(|| write(|out| envelope::write(out, header, Form::Utf8))),
            body: structure_text(raw, &root, Extent::Body),
            bodystructure: structure_text(raw, &root, Extent::Structure),
            sent_at: value("Date").and_then(|v| date::parse(&v)).map(|d| d.with_timezone(&Utc)).filter(storable),
            subject_base: bounded(&subject::base(&subject), TEXT),
            subject,
            from_key: from.key,
            to_key: to.key,
            cc_key: cc.key,
            from_display: from.display,
            to_display: to.display,
            message_id: value("Message-ID").and_then(|v| ids(&v).into_iter().next()),
            references: references(value("References"), value("In-Reply-To")),
            list_id: value("List-Id").and_then(|v| ids(&v).into_iter().next()),
            preview: text::preview(raw, &root, 200),
            has_attachment,
        }
    }
}

fn write(f: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    f(&mut out);
    out
}

fn structure_text(raw: &[u8], root: &Part, extent: Extent) -> Vec<u8> {
    write(|out| bodystructure::write(out, raw, root, extent, Form::Ascii))
}

/// PostgreSQL keeps years 4713 BC to 294276 AD; mail has others.
fn storable(at: &DateTime<Utc>) -> bool {
    use chrono::Datelike;
    (1900..=9999).contains(&at.year())
}

#[derive(Default)]
struct First {
    key: String,
    display: String,
}

fn first(value: Option<Vec<u8>>) -> First {
    let list = value.map(|v| address::list(&v)).unwrap_or_default();
    let Some(entry) = list.into_iter().find(|e| e.mailbox.is_some()) else { return First::default() };
    let mailbox = words::decode(&entry.mailbox.unwrap_or_default());
    // A list has no room for both: where the name looks like an address, the one it came with is the truth.
    let name = entry.name.map(|name| words::decode(&name)).filter(|name| !shown::passes_for_address(name));
    let display = match (name, entry.host) {
        (Some(name), _) => name,
        (None, Some(host)) => format!("{mailbox}@{}", words::decode(&host)),
        (None, None) => mailbox.clone(),
    };
    First { key: bounded(&mailbox.to_lowercase(), TEXT), display: bounded(&display, TEXT) }
}

/// What stands between angle brackets, blanks dropped; a value without brackets is one id if it has an `@` or a dot.
pub fn ids(value: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = value;
    while let Some(open) = memchr::memchr(b'<', rest) {
        let Some(close) = memchr::memchr(b'>', &rest[open..]) else { break };
        let id: Vec<u8> = rest[open + 1..open + close].iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        out.push(bounded(&words::guess(&id), TEXT));
        rest = &rest[open + close + 1..];
    }
    if out.is_empty() {
        let bare = value.trim_ascii();
        if bare.iter().any(|b| matches!(b, b'@' | b'.')) && !bare.iter().any(u8::is_ascii_whitespace) {
            out.push(bounded(&words::guess(bare), TEXT));
        }
    }
    out.retain(|id| !id.is_empty());
    out
}

fn references(references: Option<Vec<u8>>, in_reply_to: Option<Vec<u8>>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for id in [references, in_reply_to].into_iter().flatten().flat_map(|v| ids(&v)) {
        if !out.contains(&id) && out.len() < REFERENCES {
            out.push(id);
        }
    }
    out
}

/// At most `most` characters, without controls.
fn bounded(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_lists_and_threads_need() {
        let raw = "From: =?utf-8?Q?J=C3=B6rg?= <Joerg@example.org>\r\nTo: ann@example.org\r\nSubject: Re: [x] Tea\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1@a>\r\nReferences: <0@a>\r\n <9@b>\r\nIn-Reply-To: <9@b>\r\nList-Id: Tea <tea.example.org>\r\n\r\nhello\r\n";
        let content = Content::of(raw.as_bytes());
        assert_eq!((content.from_key.as_str(), content.from_display.as_str()), ("joerg", "Jörg"));
        assert_eq!(content.to_display, "ann@example.org");
        assert_eq!(content.subject_base, "Tea");
        assert_eq!(content.message_id.as_deref(), Some("1@a"));
        assert_eq!(content.references, ["0@a", "9@b"]);
        assert_eq!(content.list_id.as_deref(), Some("tea.example.org"));
        assert_eq!(content.preview, "hello");
        assert!(content.envelope_utf8.is_none() && !content.has_attachment);
    }

    /// A list shows one line: a name can't stand there for an address that the message is not from.
    #[test]
    fn a_name_is_no_address() {
        let from = |value: &str| Content::of(format!("From: {value}\r\n\r\n").as_bytes()).from_display;
        assert_eq!(from("\"boss@bank.test\" <thief@evil.test>"), "thief@evil.test");
        assert_eq!(from("=?utf-8?B?Ym9zc++8oGJhbmsudGVzdA==?= <thief@evil.test>"), "thief@evil.test");
        assert_eq!(from("\"Lunch @ Noon\" <ann@example.test>"), "Lunch @ Noon");
    }

    /// What a stranger can make a delivery cost, in time and in what is kept, does not grow with the size of a field.
    #[test]
    fn endless_fields_leave_little() {
        let colons = format!("{}@{}", "a".repeat(1 << 20), ":".repeat(1 << 20));
        let ids = "<a>".repeat(1 << 20);
        let raw = format!(
            "From: {colons}\r\nTo: {colons}\r\nSubject: {ids}\r\nReferences: {ids}\r\nContent-Type: {ids}\r\n\r\n"
        );
        let content = Content::of(raw.as_bytes());
        assert!(content.envelope.len() < 1 << 20 && content.bodystructure.len() < 1 << 16);
        assert_eq!((content.references.len(), content.subject.len()), (1, TEXT));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived_and_texts_have_no_nul(raw: Vec<u8>, header in "(From|To|Date|Subject|Message-ID|References): [ -~\u{0}ü<>@]{0,40}") {
            for raw in [raw.clone(), [header.as_bytes(), b"\r\n", &raw[..]].concat()] {
                let content = Content::of(&raw);
                let texts = [&content.subject, &content.subject_base, &content.from_key, &content.from_display, &content.preview];
                prop_assert!(texts.iter().all(|t| !t.contains('\0')));
                prop_assert!(section::decode(&content.parts).is_some());
            }
        }
    }
}

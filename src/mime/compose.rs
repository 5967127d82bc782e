//! Messages written here: from the composer's fields to bytes, and from a draft's bytes back to fields.

use super::attachment::Attachment;
use super::flowed;
use super::header::{end_of_header, some_fields, unfold};
use super::people::{self, Person};
use super::view::View;
use super::words;
use crate::model::shown;
use bytes::Bytes;
use chrono::{DateTime, FixedOffset};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Longest line of a message without its CRLF (RFC 5322 §2.1.1).
const LINE: usize = 998;
/// Longest id that is written.
const ID: usize = 500;

/// A message as its writer sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Letter {
    pub from: Person,
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub bcc: Vec<Person>,
    pub subject: String,
    /// `None` only of a draft that was read: what is built has a date.
    pub date: Option<DateTime<FixedOffset>>,
    /// Ids are without their angle brackets.
    pub message_id: String,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    /// As it is edited: one line a paragraph, quotes with `>`.
    pub text: String,
    pub enclosures: Vec<Enclosure>,
}

/// A file that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enclosure {
    /// Empty: none.
    pub name: String,
    /// `type/subtype`; what is none is sent as application/octet-stream.
    pub media: String,
    pub bytes: Bytes,
}

/// For whose eyes the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// The recipients': without Bcc.
    Sent,
    /// The writer's: with Bcc.
    Draft,
}

/// Writes the message. The same letter gives the same bytes.
///
/// No field can end early: controls in names and subjects become blanks, ids that are none and people whose address is
/// none are left out.
pub fn build(letter: &Letter, copy: Copy) -> Vec<u8> {
    let mut builder = MessageBuilder::new();
    let bcc = if copy == Copy::Draft { &letter.bcc[..] } else { &[] };
    let from = std::slice::from_ref(&letter.from);
    for (name, people) in [("From", from), ("To", &letter.to), ("Cc", &letter.cc), ("Bcc", bcc)] {
        let list: Vec<Address<'_>> = people.iter().filter_map(mailbox).collect();
        if !list.is_empty() {
            builder = builder.header(name, Address::new_list(list));
        }
    }
    builder = builder.header("Subject", Text::new(line(&letter.subject)));
    let date = letter.date.unwrap_or_default();
    builder = builder.header("Date", Raw::new(date.to_rfc2822()));
    let id = |id: &&String| is_id(id);
    builder = builder.message_id(Some(&letter.message_id).filter(id).map_or("unknown@invalid", |id| id.as_str()));
    if let Some(parent) = letter.in_reply_to.as_ref().filter(id) {
        builder = builder.in_reply_to(parent.as_str());
    }
    let references: Vec<&str> = letter.references.iter().filter(id).map(String::as_str).collect();
    if !references.is_empty() {
        builder = builder.references(MessageId::new_list(references.into_iter()));
    }
    let mut out = Vec::new();
    builder.body(body(letter)).serialize(&mut out);
    out
}

fn body(letter: &Letter) -> MimePart<'_> {
    let text = flowed::write(&letter.text);
    let media = ContentType::new("text/plain").attribute("charset", "utf-8").attribute("format", "flowed");
    let is_simple = text.is_ascii() && text.split("\r\n").all(|line| line.len() <= LINE);
    let part = MimePart::new(media, text);
    // The builder would encode the blanks at line ends, which are what format=flowed is made of.
    let part = if is_simple { part.transfer_encoding("7bit") } else { part };
    if letter.enclosures.is_empty() {
        return part;
    }
    let mut parts = vec![part];
    parts.extend(letter.enclosures.iter().map(enclosed));
    MimePart::new(ContentType::new("multipart/mixed").attribute("boundary", boundary(letter)), parts)
}

/// A boundary that stands in no part as it is written: base64 and quoted-printable have no `=_`, the rest is looked at.
fn boundary(letter: &Letter) -> String {
    let stands_in = |boundary: &str| {
        let finder = memchr::memmem::Finder::new(boundary);
        finder.find(letter.text.as_bytes()).is_some()
            || letter.enclosures.iter().any(|e| finder.find(&e.bytes).is_some())
    };
    let mut hasher = DefaultHasher::new();
    letter.message_id.hash(&mut hasher);
    loop {
        let boundary = format!("=_{:016x}", hasher.finish());
        if !stands_in(&boundary) {
            return boundary;
        }
        boundary.hash(&mut hasher);
    }
}

fn enclosed(file: &Enclosure) -> MimePart<'_> {
    let message = matches!(file.media.to_ascii_lowercase().as_str(), "message/rfc822" | "message/global");
    let whole = message && is_message(&file.bytes);
    let mut media = ContentType::new(if whole { file.media.as_str() } else { media(&file.media) });
    let name = shown::file_name(&file.name);
    if !name.is_empty() && !name.is_ascii() {
        // For readers without RFC 2231; the others take the name of Content-Disposition.
        let ascii: String = name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
        media = media.attribute("name", ascii);
    }
    let part = MimePart::new(media, BodyPart::Binary((&file.bytes[..]).into()));
    let part = match name.is_empty() {
        true => part.header("Content-Disposition", ContentType::new("attachment")),
        false => part.attachment(name),
    };
    // RFC 2046 §5.2.1: a message inside is not encoded.
    match whole {
        true if file.bytes.is_ascii() => part.transfer_encoding("7bit"),
        true => part.transfer_encoding("8bit"),
        false => part,
    }
}

/// Whether bytes can stand unencoded: lines that end in CRLF and are not too long, no NUL, a header in front.
fn is_message(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|b| *b == b'\n').peekable();
    while let Some(line) = lines.next() {
        let (text, ended) = match line.strip_suffix(b"\r") {
            Some(text) => (text, true),
            None => (line, lines.peek().is_none()),
        };
        if !ended || text.len() > LINE || text.iter().any(|b| matches!(b, 0 | b'\r')) {
            return false;
        }
    }
    some_fields(bytes).next().is_some()
}

/// The type if it may be claimed for a file; multiparts and messages are built, not enclosed.
fn media(media: &str) -> &str {
    let token = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let fits = media.len() <= 127 && media.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype));
    let composite =
        ["multipart/", "message/"].iter().any(|p| media.get(..p.len()).is_some_and(|m| m.eq_ignore_ascii_case(p)));
    if fits && !composite { media } else { "application/octet-stream" }
}

fn mailbox(person: &Person) -> Option<Address<'_>> {
    let address = person.parsed()?.to_string();
    let name = line(&person.name);
    Some(Address::new_address(Some(name).filter(|name| !name.is_empty()), address))
}

/// Text of a field: controls are blanks, none stands at the ends.
fn line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().to_owned()
}

fn is_id(id: &str) -> bool {
    let fits = |b: u8| b > b' ' && b != 0x7f && !matches!(b, b'<' | b'>');
    !id.is_empty() && id.len() <= ID && id.bytes().all(fits)
}

/// A draft that was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reopened {
    /// Without enclosures: files stay in the message until somebody wants them.
    pub letter: Letter,
    pub files: Vec<Attachment>,
    pub lost: Lost,
}

/// What of a draft is not written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lost {
    /// It has HTML: its words are kept.
    pub formatting: bool,
    /// Answers were to go elsewhere than to From.
    pub reply_to: bool,
    /// The end of its text: it is too long.
    pub end: bool,
}

/// Reads a draft, of this composer or of another program.
///
/// HTML becomes text; images that stand in it are files like others.
pub fn reopen(raw: &[u8]) -> Reopened {
    let view = View::of(raw);
    let header = &raw[..end_of_header(raw)];
    let people = |name: &str| -> Vec<Person> {
        some_fields(header).filter(|f| f.is(name)).flat_map(|f| people::read(&unfold(f.value))).collect()
    };
    let subject = some_fields(header).find(|f| f.is("Subject")).map(|f| words::decode(&unfold(f.value)));
    let letter = Letter {
        from: people("From").into_iter().next().unwrap_or_default(),
        to: people("To"),
        cc: people("Cc"),
        bcc: people("Bcc"),
        subject: line(&subject.unwrap_or_default()),
        date: view.head.date,
        message_id: view.head.message_id.clone().unwrap_or_default(),
        in_reply_to: view.head.in_reply_to.first().cloned(),
        references: view.head.references.clone(),
        text: flowed::join(&view.lines()),
        enclosures: Vec::new(),
    };
    let lost = Lost {
        formatting: view.texts.iter().any(|text| text.html.is_some()),
        reply_to: !view.head.reply_to.is_empty(),
        end: view.cut,
    };
    Reopened { letter, files: view.attachments, lost }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::header::fields;
    use proptest::prelude::*;

    fn person(name: &str, address: &str) -> Person {
        Person { name: name.into(), address: address.into() }
    }

    fn letter() -> Letter {
        Letter {
            from: person("Jörg \"J\" Lee", "joerg@x.test"),
            to: vec![person("", "a@x.test"), person("Doe, Jane", "j@z.test")],
            bcc: vec![person("", "secret@x.test")],
            subject: "Grüße – and a long subject that has to be folded somewhere, for it goes on and on".into(),
            date: DateTime::from_timestamp(1_700_000_000, 0).map(|d| d.fixed_offset()),
            message_id: "1@x.test".into(),
            in_reply_to: Some("0@x.test".into()),
            references: vec!["00@x.test".into(), "0@x.test".into()],
            text: "Hello\n> quoted\n-- \nJörg".into(),
            ..Letter::default()
        }
    }

    /// A draft with its files.
    fn read(raw: &[u8]) -> Letter {
        let Reopened { letter, files, .. } = reopen(raw);
        let view = View::of(raw);
        let file = |a: Attachment| Enclosure {
            name: a.name,
            media: a.claimed,
            bytes: view.bytes(&a.path).expect("it is there").into(),
        };
        Letter { enclosures: files.into_iter().map(file).collect(), ..letter }
    }

    fn text(letter: &Letter, copy: Copy) -> String {
        String::from_utf8(build(letter, copy)).unwrap()
    }

    #[test]
    fn bcc_is_for_the_writer_alone_and_bytes_are_stable() {
        assert!(!text(&letter(), Copy::Sent).contains("secret"));
        assert_eq!(read(&build(&letter(), Copy::Draft)), letter());
        assert_eq!(build(&letter(), Copy::Draft), build(&letter(), Copy::Draft));
        let sent = text(&Letter { text: "a".repeat(2000), ..letter() }, Copy::Sent);
        assert!(sent.lines().all(|line| line.len() <= LINE));
        assert!(!sent.to_lowercase().contains("user-agent") && sent.is_ascii());
    }

    #[test]
    fn fields_can_not_be_injected() {
        let evil = "x\r\nBcc: eve@evil.test\r\n\r\nbody";
        let letter = Letter {
            from: person(evil, "a@x.test"),
            to: vec![person(evil, "b@x.test"), person("", "c@x.test>\r\nX-Evil: 1")],
            subject: evil.into(),
            message_id: evil.into(),
            in_reply_to: Some(evil.into()),
            references: vec![evil.into(), "ok@x".into()],
            enclosures: vec![Enclosure { name: evil.into(), media: evil.into(), bytes: Bytes::from_static(b"x") }],
            ..letter()
        };
        let raw = build(&letter, Copy::Draft);
        let names: Vec<_> = fields(&raw).map(|f| String::from_utf8_lossy(f.name).to_lowercase()).collect();
        let known =
            ["from", "to", "bcc", "subject", "date", "message-id", "references", "mime-version", "content-type"];
        assert_eq!(names, known);
        assert!(!String::from_utf8_lossy(&raw).contains("\r\nX-Evil"));
        assert_eq!(read(&raw).bcc, letter.bcc);
    }

    #[test]
    fn a_forwarded_message_is_not_encoded() {
        let inner = "Subject: in\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\u{fc}\u{df}e\r\n";
        let file = |bytes: &'static [u8]| Enclosure {
            name: "in.eml".into(),
            media: "message/rfc822".into(),
            bytes: bytes.into(),
        };
        let whole = Letter { enclosures: vec![file(inner.as_bytes())], ..letter() };
        let raw = text(&whole, Copy::Draft);
        assert!(raw.contains("Content-Transfer-Encoding: 8bit") && raw.contains(inner));
        assert_eq!(read(raw.as_bytes()).enclosures, whole.enclosures);
        for odd in [&b"Subject: x\n\nbare"[..], b"no header", b"Subject: x\r\n\r\n\0"] {
            let letter = Letter { enclosures: vec![file(odd)], ..letter() };
            let raw = build(&letter, Copy::Draft);
            assert_eq!(read(&raw).enclosures[0].bytes, odd);
            assert_eq!(read(&raw).enclosures[0].media, "application/octet-stream");
        }
    }

    #[test]
    fn the_boundary_stands_in_no_part() {
        let mut letter = Letter { text: String::new(), enclosures: vec![], ..letter() };
        letter.text = boundary(&letter);
        assert_ne!(boundary(&letter), letter.text);
    }

    #[test]
    fn drafts_of_other_programs_are_read() {
        let raw = b"From: a@x.test\r\nTo: Team: b@x.test, c@x.test;\r\nSubject: hi\r\nContent-Type: text/html\r\n\r\n<p>Hello <a href=\"https://x.test/y\">there</a></p>";
        let Reopened { letter, lost, .. } = reopen(raw);
        assert_eq!(letter.text, "Hello there <https://x.test/y>");
        assert_eq!((letter.to.len(), letter.subject.as_str(), letter.date), (2, "hi", None));
        assert_eq!(lost, Lost { formatting: true, ..Lost::default() });
        // A picture in its place is a file, one form of a text is enough.
        let raw = b"Reply-To: b@x.test\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nplain\r\n--a\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<b>rich</b><img src=\"cid:1@x\">\r\n--r\r\nContent-Type: image/png; name=p.png\r\nContent-ID: <1@x>\r\n\r\npng\r\n--r--\r\n--a--\r\n";
        let Reopened { letter, files, lost } = reopen(raw);
        assert_eq!((letter.text.as_str(), files[0].path.as_str(), files[0].name.as_str()), ("plain", "2.2", "p.png"));
        assert_eq!(lost, Lost { formatting: true, reply_to: true, end: false });
        assert_eq!(reopen(&build(&self::letter(), Copy::Draft)).lost, Lost::default());
    }

    fn people() -> impl Strategy<Value = Vec<Person>> {
        let one = ("[a-zA-Zäß\"\\\\(),.@<>:;=?_ -]{0,30}", "[a-z0-9+._-]{1,10}", "[a-z]{1,10}").prop_map(
            |(name, local, host)| Person {
                name: name.split_whitespace().collect::<Vec<_>>().join(" "),
                address: format!("{local}@{host}.test"),
            },
        );
        prop::collection::vec(one.prop_filter("an address", |p| p.parsed().is_some()), 0..4)
    }

    fn files() -> impl Strategy<Value = Vec<Enclosure>> {
        let media = prop_oneof![Just("text/plain"), Just("text/csv"), Just("image/png"), Just("application/pdf")];
        let bytes =
            prop_oneof![prop::collection::vec(any::<u8>(), 0..300), "[ -~\r\n\t]{0,300}".prop_map(String::into_bytes)];
        let one = ("[a-zA-Zäß日 ._\"'%;=-]{0,40}", media, bytes).prop_map(|(name, media, bytes)| Enclosure {
            name: shown::file_name(&name),
            media: media.to_owned(),
            bytes: bytes.into(),
        });
        // An empty file without a name is no file.
        prop::collection::vec(one.prop_filter("something", |f| !f.name.is_empty() || !f.bytes.is_empty()), 0..4)
    }

    proptest! {
        #[test]
        fn what_is_built_is_read(
            to in people(), cc in people(), bcc in people(), enclosures in files(),
            subject in "[ -~äß日€]{0,120}",
            text in "(a|word |>|> |-- |\n|ü|日本|From |\\.\n| |wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww){0,80}",
        ) {
            let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
            let written = Letter { to, cc, bcc, enclosures, subject, text: flowed::tidy(&text), ..letter() };
            let raw = build(&written, Copy::Draft);
            prop_assert!(raw.split(|b| *b == b'\n').all(|line| line.len() <= LINE + 1));
            prop_assert_eq!(read(&raw), written);
        }

        #[test]
        fn any_letter_and_any_draft_is_survived(raw: Vec<u8>, subject: String, name: String, text: String) {
            build(&read(&raw), Copy::Draft);
            let letter = Letter { from: person(&name, "a@x.test"), subject, text, ..letter() };
            let raw = build(&letter, Copy::Sent);
            prop_assert!(fields(&raw).all(|f| f.value.iter().all(|b| *b != 0)));
            prop_assert_eq!(read(&raw).text, flowed::tidy(&letter.text));
        }
    }
}

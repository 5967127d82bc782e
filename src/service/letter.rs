//! A message between what a member types and its octets.

use super::{Refusal, Result};
use crate::mime::header::{end_of_header, find, unfold};
use crate::mime::structure::{self, Kind, Part};
use crate::mime::{address, content, text, words};
use crate::model::address::Address;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as Field;
use mail_builder::headers::message_id::MessageId;
use mail_builder::mime::MimePart;

/// Who a message is from or to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// May be empty.
    pub name: String,
    pub address: Address,
}

/// A file of a message.
#[derive(Debug, Clone)]
pub struct File {
    pub name: String,
    pub media_type: String,
    pub bytes: Bytes,
}

/// All that a message is made of.
#[derive(Debug, Clone)]
pub struct ComposedFields {
    pub from: Party,
    pub to: Vec<Party>,
    pub cc: Vec<Party>,
    /// In drafts alone: what is sent does not tell of them.
    pub bcc: Vec<Party>,
    pub subject: String,
    /// Plain text.
    pub body: String,
    pub date: DateTime<Utc>,
    /// Without angle brackets; so are the next two.
    pub message_id: String,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    pub files: Vec<File>,
}

/// What is read of a message that is to be written on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reopened {
    pub from: String,
    pub to: String,
    pub cc: String,
    pub bcc: String,
    pub subject: String,
    pub body: String,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    /// Its attachments, by their numbers (RFC 9051 §6.4.5).
    pub files: Vec<Vec<u32>>,
}

impl ComposedFields {
    /// The message's octets, all but the files' text as ASCII.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when memory is out.
    pub fn build(self) -> Result<Vec<u8>> {
        let list = |parties: Vec<Party>| Field::new_list(parties.into_iter().map(field).collect());
        let mut message = MessageBuilder::new()
            .from(field(self.from))
            .subject(tame(&self.subject))
            .date(self.date.timestamp())
            .message_id(self.message_id);
        for (name, parties) in [("To", self.to), ("Cc", self.cc), ("Bcc", self.bcc)] {
            if !parties.is_empty() {
                message = message.header(name, list(parties));
            }
        }
        if let Some(id) = self.in_reply_to {
            message = message.in_reply_to(id);
        }
        if !self.references.is_empty() {
            message = message.references(MessageId::new_list(self.references.into_iter()));
        }
        let body = self.body.replace("\r\n", "\n").replace('\r', "\n");
        message = message.text_body(body.replace('\n', "\r\n"));
        if !self.files.is_empty() {
            message.attachments = Some(self.files.iter().map(part).collect());
        }
        message.write_to_vec().map_err(|e| Refusal::Internal(e.into()))
    }
}

/// Without what could end a field.
fn tame(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn field(party: Party) -> Field<'static> {
    let name = tame(&party.name);
    Field::new_address((!name.trim().is_empty()).then_some(name), party.address.to_string())
}

/// A message that is passed on stays as it is: no other encoding may stand in its place (RFC 2046 §5.2.1).
fn part(file: &File) -> MimePart<'_> {
    let part = MimePart::new(tame(&file.media_type), &file.bytes[..]).attachment(tame(&file.name));
    match file.media_type.as_str() {
        "message/rfc822" => part.transfer_encoding("8bit"),
        _ => part,
    }
}

/// Reads addresses as people type them, divided by commas, semicolons or lines; a name may stand before an address in
/// angle brackets. An entry that is none is an error, as it was typed.
pub fn each_party(typed: &str) -> impl Iterator<Item = std::result::Result<Party, String>> {
    entries(typed).into_iter().map(|entry| party(&entry).ok_or(entry))
}

/// The entries that are addresses; the others are passed over.
pub fn known_parties(typed: &str) -> Vec<Party> {
    each_party(typed).flatten().collect()
}

/// Divides at what stands outside of quotes and brackets.
fn entries(typed: &str) -> Vec<String> {
    let (mut out, mut entry) = (Vec::new(), String::new());
    let (mut quoted, mut escaped, mut bracket) = (false, false, false);
    for c in typed.chars() {
        let divides = matches!(c, ',' | ';' | '\n' | '\r') && !(quoted || bracket) || c == '\n';
        if divides {
            out.push(std::mem::take(&mut entry));
            (quoted, escaped, bracket) = (false, false, false);
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracket = true,
            '>' if !quoted => bracket = false,
            _ => {}
        }
        entry.push(c);
    }
    out.push(entry);
    out.iter().map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect()
}

fn party(entry: &str) -> Option<Party> {
    let Some(inner) = entry.strip_suffix('>') else {
        return Some(Party { name: String::new(), address: Address::parse(entry).ok()? });
    };
    let (name, address) = inner.rsplit_once('<')?;
    let name = name.trim();
    let name = match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => unquoted(quoted),
        None => name.to_owned(),
    };
    Some(Party { name, address: Address::parse(address.trim()).ok()? })
}

/// What is between quotes, a backslash before a character undone.
fn unquoted(raw: &str) -> String {
    let (mut out, mut chars) = (String::new(), raw.chars());
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

/// Addresses as a person would type them; [`each_party`] reads the same.
pub fn typed(parties: &[Party]) -> String {
    let one = |party: &Party| {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '\'' | '_');
        match party.name.as_str() {
            "" => party.address.to_string(),
            name if name.chars().all(plain) => format!("{name} <{}>", party.address),
            name => format!("\"{}\" <{}>", name.replace('\\', "\\\\").replace('"', "\\\""), party.address),
        }
    };
    parties.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Reads a draft that another client may have made.
pub fn reopen(raw: &[u8]) -> Reopened {
    let header = &raw[..end_of_header(raw)];
    let list = |name: &str| {
        let value = find(header, name).map(|field| unfold(field.value)).unwrap_or_default();
        let entries = address::list(&value);
        let parties: Vec<Party> = entries.into_iter().filter_map(known_party).collect();
        typed(&parties)
    };
    let kept = content::Content::of(raw);
    let root = structure::parse(raw);
    let mut files = Vec::new();
    attachments(&root, &mut Vec::new(), &mut files);
    Reopened {
        from: list("From"),
        to: list("To"),
        cc: list("Cc"),
        bcc: list("Bcc"),
        in_reply_to: find(header, "In-Reply-To")
            .and_then(|field| content::ids(&unfold(field.value)).into_iter().next()),
        subject: kept.subject,
        references: kept.references,
        body: text::body(raw, &root).replace("\r\n", "\n"),
        files,
    }
}

fn known_party(entry: address::Entry) -> Option<Party> {
    let (local, host) = (String::from_utf8(entry.mailbox?).ok()?, String::from_utf8(entry.host?).ok()?);
    let domain = crate::model::address::Domain::parse(&host).ok()?;
    let name = entry.name.map(|name| words::decode(&name)).unwrap_or_default();
    Some(Party { name, address: Address::new(&local, domain).ok()? })
}

fn attachments(part: &Part, path: &mut Vec<u32>, out: &mut Vec<Vec<u32>>) {
    match &part.kind {
        Kind::Multipart(children) => {
            for (n, child) in children.iter().enumerate() {
                path.push(n as u32 + 1);
                attachments(child, path, out);
                path.pop();
            }
        }
        _ if path.is_empty() && !text::is_attachment(part) => {}
        Kind::Leaf if !text::is_attachment(part) => {}
        _ => out.push(if path.is_empty() { vec![1] } else { path.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(typed: &str) -> std::result::Result<Vec<(String, String)>, String> {
        each_party(typed).map(|party| party.map(|p| (p.name, p.address.to_string()))).collect()
    }

    #[test]
    fn addresses_are_read_as_people_type_them() {
        let pair = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        assert_eq!(
            read("Ann <ann@x.test>, bob@y.test; \"Doe, \\\"Jane\\\"\" <j@z.test>\nJörg <joerg@bücher.test> ,,"),
            Ok(vec![
                pair("Ann", "ann@x.test"),
                pair("", "bob@y.test"),
                pair("Doe, \"Jane\"", "j@z.test"),
                pair("Jörg", "joerg@xn--bcher-kva.test"),
            ])
        );
        assert_eq!(read(" "), Ok(vec![]));
        assert_eq!(read("ann@x.test, bob"), Err("bob".into()));
        assert_eq!(read("a@x.test b@y.test"), Err("a@x.test b@y.test".into()));
        assert_eq!(known_parties("ann@x.test, bob").len(), 1);
    }

    fn fields() -> impl Strategy<Value = ComposedFields> {
        let party = ("[a-zA-Zäß \",.]{0,12}", "[a-z]{1,8}").prop_map(|(name, local)| Party {
            name: name.split_whitespace().collect::<Vec<_>>().join(" "),
            address: Address::parse(&format!("{local}@x.test")).unwrap(),
        });
        let list = || prop::collection::vec(party.clone(), 0..3);
        let texts = ("[ -~äß\r\n]{0,80}", "[ -~äß\n]{0,400}");
        let files = prop::collection::vec(("[a-zä]{1,20}", prop::collection::vec(any::<u8>(), 0..200)), 0..3);
        (party.clone(), list(), list(), list(), texts, files).prop_map(|(from, to, cc, bcc, (subject, body), files)| {
            ComposedFields {
                from,
                to,
                cc,
                bcc,
                subject,
                body,
                date: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
                message_id: "1@x.test".into(),
                in_reply_to: Some("0@x.test".into()),
                references: vec!["00@x.test".into(), "0@x.test".into()],
                files: files
                    .into_iter()
                    .map(|(name, bytes)| File { name, media_type: "image/png".into(), bytes: bytes.into() })
                    .collect(),
            }
        })
    }

    proptest! {
        #[test]
        fn what_was_built_is_read_again(fields in fields()) {
            let raw = fields.clone().build().unwrap();
            let read = reopen(&raw);
            let same = |typed: &str, list: &[Party]| known_parties(typed) == list;
            prop_assert!(same(&read.from, std::slice::from_ref(&fields.from)), "{}", String::from_utf8_lossy(&raw));
            prop_assert!(same(&read.to, &fields.to) && same(&read.cc, &fields.cc) && same(&read.bcc, &fields.bcc));
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(squeezed(&read.subject), squeezed(&fields.subject));
            prop_assert_eq!(read.body.trim_end(), fields.body.trim_end());
            prop_assert_eq!(read.files.len(), fields.files.len());
            prop_assert_eq!(read.in_reply_to, fields.in_reply_to);
            prop_assert_eq!(read.references, fields.references);
        }

        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>) {
            reopen(&raw);
        }
    }

    #[test]
    fn nothing_typed_becomes_a_field_of_its_own() {
        let party = Party { name: "A\r\nX-Evil: 1".into(), address: Address::parse("a@x.test").unwrap() };
        let fields = ComposedFields {
            from: party.clone(),
            to: vec![party],
            cc: vec![],
            bcc: vec![],
            subject: "hi\r\nX-Evil: 2".into(),
            body: "text\n.\nmore".into(),
            date: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            message_id: "1@x.test".into(),
            in_reply_to: None,
            references: vec![],
            files: vec![File { name: "a\"\r\nX-Evil: 3".into(), media_type: "text/plain".into(), bytes: "x".into() }],
        };
        let raw = String::from_utf8(fields.build().unwrap()).unwrap();
        assert!(!raw.lines().any(|line| line.starts_with("X-Evil")), "{raw}");
    }
}

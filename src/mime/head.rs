//! The fields of a message as a page shows them.

use super::content::ids;
use super::header::{end_of_header, some_fields, unfold_some};
use super::people::{self, Person};
use super::{date, words};
use crate::model::shown;
use chrono::{DateTime, FixedOffset};

/// Octets read of a field.
const FIELD: usize = 64 << 10;
/// Most characters of a subject, and of a field in the list of all.
const TEXT: usize = 1000;
/// Most people of a field, and ids of References.
const PEOPLE: usize = 1000;
const IDS: usize = 100;
/// Most fields of the list of all.
const FIELDS: usize = 300;

/// The fields that a reader sees; every text is one line without controls ([`shown::line`]).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Head {
    pub from: Vec<Person>,
    pub sender: Option<Person>,
    pub reply_to: Vec<Person>,
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub bcc: Vec<Person>,
    pub date: Option<DateTime<FixedOffset>>,
    pub subject: String,
    /// Ids are without their angle brackets.
    pub message_id: Option<String>,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    pub list_id: Option<String>,
    /// Where a mailing list takes mail (RFC 2369 §3.4).
    pub list_post: Option<Person>,
}

impl Head {
    /// Reads a header; with the body behind it or without.
    pub fn of(raw: &[u8]) -> Self {
        let header = &raw[..end_of_header(raw)];
        let value = |name: &str| some_fields(header).find(|f| f.is(name)).map(|f| unfold_some(f.value, FIELD));
        let id_list = |name: &str| value(name).map(|v| ids(&v)).unwrap_or_default().into_iter().take(IDS).collect();
        Self {
            from: all(header, "From"),
            sender: all(header, "Sender").into_iter().next(),
            reply_to: all(header, "Reply-To"),
            to: all(header, "To"),
            cc: all(header, "Cc"),
            bcc: all(header, "Bcc"),
            date: value("Date").and_then(|v| date::parse(&v)),
            subject: shown::line(&words::decode(&value("Subject").unwrap_or_default()), TEXT),
            message_id: value("Message-ID").and_then(|v| ids(&v).into_iter().next()),
            in_reply_to: id_list("In-Reply-To"),
            references: id_list("References"),
            list_id: value("List-Id").and_then(|v| ids(&v).into_iter().next()).map(|id| shown::line(&id, TEXT)),
            list_post: value("List-Post").and_then(|v| list_post(&v)),
        }
    }
}

/// The people of every field of a name: several are one list, which RFC 5322 forbids and mail has.
fn all(header: &[u8], name: &str) -> Vec<Person> {
    let values = some_fields(header).filter(|f| f.is(name)).map(|f| unfold_some(f.value, FIELD));
    values.take(20).flat_map(|value| people::read(&value)).take(PEOPLE).map(|p| p.shown()).collect()
}

/// The first `mailto:` of a List-Post, without what follows the address.
fn list_post(value: &[u8]) -> Option<Person> {
    let text = words::guess(value);
    let at = text.to_ascii_lowercase().find("<mailto:")? + 8;
    let address = text[at..].split(['>', '?']).next()?.trim();
    crate::model::address::Address::parse(address).ok().map(|a| Person::unnamed(&a))
}

/// Every field decoded, names as written, in order; bounded.
pub fn fields(raw: &[u8]) -> Vec<(String, String)> {
    let header = &raw[..end_of_header(raw)];
    let text = |value: &[u8]| shown::line(&words::decode(&unfold_some(value, FIELD)), 4 * TEXT);
    some_fields(header)
        .take(FIELDS)
        .map(|field| (shown::line(&words::guess(field.name), 100), text(field.value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_decoded_and_harmless() {
        let raw = "From: =?utf-8?Q?J=C3=B6rg_=E2=80=AEx?= <j@x.test>\r\nTo: a@x.test\r\nTo: B <b@x.test>\r\nSubject: =?utf-8?Q?a=00=0D=0AX:_b?=\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1@x>\r\nReferences: <a@x>\r\n <b@x>\r\nList-Id: Tea <tea.x.test>\r\nList-Post: <https://x.test>, <mailto:tea@x.test?subject=y> (moderated)\r\n\r\nTo: body@x.test\r\n";
        let head = Head::of(raw.as_bytes());
        assert_eq!(head.from, [Person { name: "Jörg x".into(), address: "j@x.test".into() }]);
        assert_eq!(head.to.len(), 2);
        assert_eq!(head.subject, "aX: b");
        assert_eq!(head.references, ["a@x", "b@x"]);
        assert_eq!(head.list_id.as_deref(), Some("tea.x.test"));
        assert_eq!(head.list_post.unwrap().address, "tea@x.test");
        let all = fields(raw.as_bytes());
        assert_eq!((all.len(), all[2].1.as_str()), (9, "B <b@x.test>"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>, name in "(From|To|List-Post|Date|References)") {
            Head::of(&raw);
            let raw = [name.as_bytes(), b": ", &raw[..]].concat();
            Head::of(&raw);
            fields(&raw);
        }
    }
}

//! What submission does to a header (RFC 6409 §8): reads From, drops Bcc, adds Date and Message-ID.

use super::address;
use super::header::{end_of_header, fields, unfold};
use crate::model::address::Address;

/// Longest From that is read, in octets: no reader of lists passes over any of what fits in it.
const LONGEST_FROM: usize = 4096;

/// Every address of every From field; `None` where one can't be read or there is none.
pub fn from_addresses(raw: &[u8]) -> Option<Vec<Address>> {
    let header = &raw[..end_of_header(raw)];
    let mut out = Vec::new();
    for field in fields(header).filter(|f| f.is("From")) {
        // What is not read can't be vouched for: a field that may not be read to its end, and one of comments alone.
        if field.value.len() > LONGEST_FROM {
            return None;
        }
        let list = address::list(&unfold(field.value));
        if list.is_empty() {
            return None;
        }
        for entry in list {
            let (Some(mailbox), Some(host)) = (entry.mailbox, entry.host) else { return None };
            let text = format!("\"{}\"@{}", escape(&String::from_utf8(mailbox).ok()?), String::from_utf8(host).ok()?);
            out.push(Address::parse(&text).ok()?);
        }
    }
    (!out.is_empty()).then_some(out)
}

fn escape(local: &str) -> String {
    local.replace('\\', "\\\\").replace('"', "\\\"")
}

/// How many Received fields there are, for the loop limit (RFC 5321 §6.3).
pub fn received_count(raw: &[u8]) -> usize {
    fields(&raw[..end_of_header(raw)]).filter(|f| f.is("Received")).count()
}

/// The message with Bcc and Resent-Bcc gone, and with Date and Message-ID where they lack: nothing else changes.
///
/// `date` and `message_id` are the values to add.
pub fn prepare(raw: &[u8], date: &str, message_id: &str) -> Vec<u8> {
    let end = end_of_header(raw);
    let header = &raw[..end];
    let mut out = Vec::with_capacity(raw.len() + 200);
    let has = |name: &str| fields(header).any(|f| f.is(name));
    if !has("Date") {
        out.extend_from_slice(format!("Date: {date}\r\n").as_bytes());
    }
    if !has("Message-ID") {
        out.extend_from_slice(format!("Message-ID: <{message_id}>\r\n").as_bytes());
    }
    let mut at = 0;
    for field in fields(header).filter(|f| f.is("Bcc") || f.is("Resent-Bcc")) {
        out.extend_from_slice(&raw[at..field.start]);
        at = field.end;
    }
    out.extend_from_slice(&raw[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bcc_goes_and_what_lacks_is_added() {
        let raw = b"From: a@b.test\r\nBcc: secret@b.test,\r\n other@b.test\r\nSubject: x\r\n\r\nBcc: stays\r\n";
        let sent = prepare(raw, "D", "M@b");
        assert_eq!(
            String::from_utf8_lossy(&sent),
            "Date: D\r\nMessage-ID: <M@b>\r\nFrom: a@b.test\r\nSubject: x\r\n\r\nBcc: stays\r\n"
        );
        assert_eq!(prepare(&sent, "E", "N@b"), sent);
    }

    #[test]
    fn from_is_read_whole_or_not_at_all() {
        let from =
            |raw: &str| from_addresses(raw.as_bytes()).map(|l| l.iter().map(Address::to_string).collect::<Vec<_>>());
        assert_eq!(
            from("From: A <a@b.test>, \"x y\"@b.test\r\n\r\n"),
            Some(vec!["a@b.test".into(), "\"x y\"@b.test".into()])
        );
        assert_eq!(from("From: a@b.test\r\nFrom: c@d.test\r\n\r\n"), Some(vec!["a@b.test".into(), "c@d.test".into()]));
        for bad in [
            "From: nobody\r\n\r\n",
            "From: (evil@x.test)\r\nFrom: a@b.test\r\n\r\n",
            "From: Group: a@b.test;\r\n\r\n",
            &format!("From: a@b.test{}evil@x.test\r\n\r\n", ",".repeat(5000)),
        ] {
            assert_eq!(from(bad), None, "{bad:.80}");
        }
        assert_eq!(from("From: a@b.test <c@d.test>\r\n\r\n"), Some(vec!["c@d.test".into()]));
        assert_eq!(from("From: \"a@b.test\" (a@b.test)\r\n <c@d.test>\r\n\r\n"), Some(vec!["c@d.test".into()]));
        assert_eq!(from("Subject: x\r\n\r\nFrom: a@b\r\n"), None);
    }

    #[test]
    fn received_fields_of_the_header_count() {
        assert_eq!(received_count(b"Received: a\r\nreceived: b\r\n c\r\n\r\nReceived: d\r\n"), 2);
    }
}

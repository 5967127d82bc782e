//! What submission does to a header (RFC 6409 §8): reads the senders, drops Bcc, adds Date and Message-ID.

use super::header::{end_of_header, fields, find, unfold};
use super::mailboxes::mailboxes;
use crate::model::address::Address;

/// Longest field with senders that is read, in octets.
const LONGEST: usize = 4096;

/// The fields that clients show as whom a message is from.
const SENDERS: [&str; 4] = ["From", "Sender", "Resent-From", "Resent-Sender"];

/// Why a header has no senders to vouch for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSenders {
    /// No From, or one without an address.
    Missing,
    /// A field that is too long or not written to the letter: another reader may find more in it.
    Unreadable,
}

/// Every address of every From, Sender, Resent-From and Resent-Sender field.
///
/// # Errors
/// See [`BadSenders`].
pub fn senders(raw: &[u8]) -> Result<Vec<Address>, BadSenders> {
    let header = &raw[..end_of_header(raw)];
    let (mut out, mut from) = (Vec::new(), false);
    for field in fields(header).filter(|f| SENDERS.iter().any(|name| f.is(name))) {
        if field.value.len() > LONGEST {
            return Err(BadSenders::Unreadable);
        }
        let list = mailboxes(&unfold(field.value)).ok_or(BadSenders::Unreadable)?;
        match (list.is_empty(), field.is("From")) {
            (true, true) => return Err(BadSenders::Missing),
            (true, false) => return Err(BadSenders::Unreadable),
            (false, is_from) => from |= is_from,
        }
        out.extend(list);
    }
    if from { Ok(out) } else { Err(BadSenders::Missing) }
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

/// The field that says who was signed in when a message was handed in (RFC 8601 §2.7.4), for the prefix of copies that
/// stay here.
pub fn signed_in_field(host: &str, address: &Address) -> String {
    format!("Authentication-Results: {host};\r\n\tauth=pass smtp.auth={address}\r\n")
}

/// The address of [`signed_in_field`] in a prefix; `None`: it has none, or one of another host.
pub fn signed_in_as(prefix: &[u8], host: &str) -> Option<Address> {
    let field = find(prefix, "Authentication-Results")?;
    let value = String::from_utf8(unfold(field.value)).ok()?;
    let (id, result) = value.split_once(';')?;
    let address = result.trim_start().strip_prefix("auth=pass smtp.auth=")?;
    id.eq_ignore_ascii_case(host).then(|| Address::parse(address).ok()).flatten()
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
    fn senders_are_read_whole_or_not_at_all() {
        let read = |raw: &str| senders(raw.as_bytes()).map(|l| l.iter().map(Address::to_string).collect::<Vec<_>>());
        for (raw, addresses) in [
            ("From: A <a@b.test>, \"x y\"@b.test\r\n\r\n", &["a@b.test", "\"x y\"@b.test"][..]),
            ("From: a@b.test\r\nFrom: c@d.test\r\n\r\n", &["a@b.test", "c@d.test"]),
            ("From: \"a@b.test\" (a@b.test)\r\n <c@d.test>\r\n\r\n", &["c@d.test"]),
            ("sender: s@b.test\r\nFrom: a@b.test\r\n\r\n", &["s@b.test", "a@b.test"]),
            (
                "From: a@b.test\r\nResent-From: r@b.test\r\nResent-Sender: s@b.test\r\n",
                &["a@b.test", "r@b.test", "s@b.test"],
            ),
        ] {
            assert_eq!(read(raw), Ok(addresses.iter().map(|a| (*a).to_owned()).collect()), "{raw}");
        }
        let long = format!("From: a@b.test{}\r\n\r\n", " ".repeat(5000));
        for (raw, why) in [
            ("Subject: x\r\n\r\nFrom: a@b\r\n", BadSenders::Missing),
            ("Sender: a@b.test\r\n\r\n", BadSenders::Missing),
            ("From: (evil@x.test)\r\nFrom: a@b.test\r\n\r\n", BadSenders::Missing),
            ("From: nobody\r\n\r\n", BadSenders::Unreadable),
            ("From: Group: a@b.test;\r\n\r\n", BadSenders::Unreadable),
            ("From: a@b.test <c@d.test>\r\n\r\n", BadSenders::Unreadable),
            ("From: a@b.test\r\nSender: nobody\r\n\r\n", BadSenders::Unreadable),
            ("From: a@b.test\r\nSender:\r\n\r\n", BadSenders::Unreadable),
            (&long, BadSenders::Unreadable),
        ] {
            assert_eq!(read(raw), Err(why), "{raw:.80}");
        }
    }

    #[test]
    fn who_was_signed_in_is_read_as_it_was_written() {
        let address = Address::parse("\"a; b\"@x.test").unwrap();
        let prefix = format!("Return-Path: <a@x.test>\r\n{}", signed_in_field("mail.x.test", &address));
        assert_eq!(signed_in_as(prefix.as_bytes(), "mail.x.test"), Some(address));
        assert_eq!(signed_in_as(prefix.as_bytes(), "mail.y.test"), None);
        assert_eq!(
            signed_in_as(b"Authentication-Results: mail.x.test; auth=fail smtp.auth=a@x.test\r\n", "mail.x.test"),
            None
        );
    }

    #[test]
    fn received_fields_of_the_header_count() {
        assert_eq!(received_count(b"Received: a\r\nreceived: b\r\n c\r\n\r\nReceived: d\r\n"), 2);
    }
}

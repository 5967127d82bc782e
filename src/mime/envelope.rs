//! ENVELOPE as ready IMAP text (RFC 9051 §7.5.2).

use super::address::{self, Entry};
use super::header::{some_fields, unfold_some};
use crate::model::imap_string::{Form, nstring};

/// The fields of an envelope, unfolded, in the order in which ENVELOPE has them.
const NAMES: [&[u8]; 10] =
    [b"date", b"subject", b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"in-reply-to", b"message-id"];

/// Octets kept of a list of recipients, and of any other field.
const RECIPIENTS: usize = 256 << 10;
const FIELD: usize = 16 << 10;

/// Writes the envelope of a header; what a field has beyond its bound is left out.
pub fn write(out: &mut Vec<u8>, header: &[u8], form: Form) {
    let mut values: [Option<Vec<u8>>; 10] = Default::default();
    for field in some_fields(header) {
        let name = field.name.to_ascii_lowercase();
        let Some(n) = NAMES.iter().position(|wanted| *wanted == name) else { continue };
        match &mut values[n] {
            // Several To or Cc fields are one list, which RFC 5322 forbids and mail has.
            Some(before) if matches!(n, 5..=7) && before.len() < RECIPIENTS => {
                let room = RECIPIENTS.saturating_sub(before.len());
                before.extend_from_slice(b", ");
                before.extend(unfold_some(field.value, room));
            }
            Some(_) => {}
            empty => *empty = Some(unfold_some(field.value, if matches!(n, 5..=7) { RECIPIENTS } else { FIELD })),
        }
    }
    let lists: Vec<Vec<Entry>> =
        values[2..8].iter().map(|v| v.as_deref().map(address::list).unwrap_or_default()).collect();
    out.push(b'(');
    nstring(out, values[0].as_deref(), form);
    out.push(b' ');
    nstring(out, values[1].as_deref(), form);
    for (n, list) in lists.iter().enumerate() {
        out.push(b' ');
        // Sender and Reply-To that lack or are empty are the From (RFC 9051 §7.5.2).
        addresses(out, if matches!(n, 1 | 2) && list.is_empty() { &lists[0] } else { list }, form);
    }
    for value in &values[8..] {
        out.push(b' ');
        nstring(out, value.as_deref(), form);
    }
    out.push(b')');
}

fn addresses(out: &mut Vec<u8>, list: &[Entry], form: Form) {
    if list.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for entry in list {
        out.push(b'(');
        nstring(out, entry.name.as_deref(), form);
        out.push(b' ');
        nstring(out, entry.route.as_deref(), form);
        out.push(b' ');
        nstring(out, entry.mailbox.as_deref(), form);
        out.push(b' ');
        // An address without a host would read as the start of a group.
        let is_group = entry.host.is_none() && entry.name.is_none() && list.iter().any(|e| e.mailbox.is_none());
        let lacking = entry.host.is_none() && entry.mailbox.is_some() && !is_group;
        nstring(out, if lacking { Some(b"") } else { entry.host.as_deref() }, form);
        out.push(b')');
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(header: &str, form: Form) -> String {
        let mut out = Vec::new();
        write(&mut out, header.as_bytes(), form);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn the_example_of_rfc_3501_section_8() {
        let header = "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\nSubject: IMAP4rev1 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\ncc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\nMessage-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n";
        assert_eq!(
            envelope(header, Form::Ascii),
            "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) \
             ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) \
             ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL \
             \"<B27397-0100000@cac.washington.edu>\")"
        );
    }

    #[test]
    fn nothing_is_nil_and_raw_utf8_is_a_literal_or_quoted() {
        assert_eq!(envelope("", Form::Ascii), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
        assert!(envelope("Subject: ü\r\n", Form::Ascii).starts_with("(NIL {2}\r\nü NIL"));
        assert!(envelope("Subject: ü\r\n", Form::Utf8).starts_with("(NIL \"ü\" NIL"));
    }

    #[test]
    fn endless_fields_are_cut() {
        let many = format!("To: {}\r\n", "a@b, ".repeat(60_000)).repeat(3);
        let header = format!("Subject: {}\r\nFrom: {}\r\n{many}", "s".repeat(1 << 20), "f,".repeat(1 << 20));
        let text = envelope(&header, Form::Ascii);
        assert!(text.len() < 1 << 20, "{}", text.len());
        assert!(text.starts_with("(NIL {16383}\r\nsss") && text.ends_with(" NIL NIL NIL NIL)"));
    }

    #[test]
    fn groups_open_and_close() {
        let text = envelope("To: A:b@c;\r\n", Form::Ascii);
        assert!(text.contains("((NIL NIL \"A\" NIL)(NIL NIL \"b\" \"c\")(NIL NIL NIL NIL))"), "{text}");
        assert!(envelope("To: nobody\r\n", Form::Ascii).contains("((NIL NIL \"nobody\" \"\"))"));
    }
}

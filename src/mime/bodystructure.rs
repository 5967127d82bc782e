//! BODY and BODYSTRUCTURE as ready IMAP text (RFC 9051 §7.5.2).

use super::envelope;
use super::params::Parameterized;
use super::structure::{Kind, Part};
use crate::model::imap_string::{Form, nstring, string};

/// BODY has the first fields only, BODYSTRUCTURE the extension data too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Body,
    Structure,
}

/// Beyond this many octets parts are told by their kinds and sizes alone.
const ENOUGH: usize = 1 << 20;

/// Writes a part and all below it. `raw` is what the offsets count in.
pub fn write(out: &mut Vec<u8>, raw: &[u8], part: &Part, extent: Extent, form: Form) {
    let brief = out.len() > ENOUGH;
    let told = |value: &Option<Vec<u8>>| value.clone().filter(|_| !brief);
    out.push(b'(');
    let (media, subtype) = part.media();
    if let Kind::Multipart(children) = &part.kind {
        for child in children {
            write(out, raw, child, extent, form);
        }
        out.push(b' ');
        string(out, subtype.as_bytes(), form);
        if extent == Extent::Structure {
            out.push(b' ');
            params(out, Some(&part.content_type).filter(|_| !brief), form);
            tail(out, Some(part).filter(|_| !brief), form);
        }
    } else {
        string(out, media.as_bytes(), form);
        out.push(b' ');
        string(out, subtype.as_bytes(), form);
        out.push(b' ');
        params(out, Some(&part.content_type).filter(|_| !brief), form);
        for value in [&part.id, &part.description] {
            out.push(b' ');
            nstring(out, told(value).as_deref(), form);
        }
        out.push(b' ');
        string(out, part.encoding.as_bytes(), form);
        out.extend_from_slice(format!(" {}", part.body.len()).as_bytes());
        if let Kind::Message(inner) = &part.kind {
            out.push(b' ');
            envelope::write(out, if brief { b"" } else { &raw[inner.header.clone()] }, form);
            out.push(b' ');
            write(out, raw, inner, extent, form);
        }
        if matches!(part.kind, Kind::Message(_)) || media == "text" {
            out.extend_from_slice(format!(" {}", part.lines).as_bytes());
        }
        if extent == Extent::Structure {
            out.push(b' ');
            nstring(out, told(&part.md5).as_deref(), form);
            tail(out, Some(part).filter(|_| !brief), form);
        }
    }
    out.push(b')');
}

/// Disposition, language, location.
fn tail(out: &mut Vec<u8>, part: Option<&Part>, form: Form) {
    let Some(part) = part else { return out.extend_from_slice(b" NIL NIL NIL") };
    out.push(b' ');
    match &part.disposition {
        None => out.extend_from_slice(b"NIL"),
        Some(disposition) => {
            out.push(b'(');
            string(out, disposition.value.as_bytes(), form);
            out.push(b' ');
            params(out, Some(disposition), form);
            out.push(b')');
        }
    }
    out.push(b' ');
    match part.language.as_slice() {
        [] => out.extend_from_slice(b"NIL"),
        [one] => string(out, one, form),
        many => {
            out.push(b'(');
            for (n, tag) in many.iter().enumerate() {
                if n > 0 {
                    out.push(b' ');
                }
                string(out, tag, form);
            }
            out.push(b')');
        }
    }
    out.push(b' ');
    nstring(out, part.location.as_deref(), form);
}

fn params(out: &mut Vec<u8>, from: Option<&Parameterized>, form: Form) {
    let Some(from) = from.filter(|from| !from.params.is_empty()) else { return out.extend_from_slice(b"NIL") };
    out.push(b'(');
    for (n, (name, value)) in from.params.iter().enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        string(out, name.as_bytes(), form);
        out.push(b' ');
        string(out, value, form);
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::structure::parse;

    fn structure(raw: &str, extent: Extent) -> String {
        let mut out = Vec::new();
        write(&mut out, raw.as_bytes(), &parse(raw.as_bytes()), extent, Form::Ascii);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_plain_text() {
        let raw = "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\none\r\ntwo\r\n";
        assert_eq!(
            structure(raw, Extent::Body),
            "(\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 10 2)"
        );
        assert_eq!(
            structure(raw, Extent::Structure),
            "(\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 10 2 NIL NIL NIL NIL)"
        );
    }

    /// RFC 2046 §5.2.1 forbids it, mail has it, and message/rfc822 without an envelope is no BODYSTRUCTURE.
    #[test]
    fn a_message_inside_that_is_encoded_is_told_as_octets() {
        let raw = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA==\r\n";
        assert_eq!(structure(raw, Extent::Body), "(\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 18)");
    }

    #[test]
    fn a_thousand_messages_inside_do_not_make_a_text_without_end() {
        let inner = format!("Content-Type: message/rfc822\r\n\r\nFrom: {}\r\n\r\n", "a,".repeat(8000));
        let raw =
            format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", format!("--b\r\n{inner}\r\n").repeat(900));
        let text = structure(&raw, Extent::Structure);
        assert!(text.len() < 2 << 20, "{}", text.len());
        let parts = text.matches("(\"message\" \"rfc822\"").count();
        assert!(parts > 400 && text.ends_with("\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)"), "{parts}");
    }

    #[test]
    fn a_multipart_with_an_attachment_and_a_message() {
        let raw = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=x.png\r\nContent-Transfer-Encoding: BASE64\r\nContent-ID: <c@d>\r\n\r\nAAAA\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nin\r\n--b--\r\n";
        assert_eq!(
            structure(raw, Extent::Structure),
            "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 2 0 NIL NIL NIL NIL)\
             (\"image\" \"png\" NIL \"<c@d>\" NIL \"base64\" 4 NIL (\"attachment\" (\"filename\" \"x.png\")) NIL NIL)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"text\" \"plain\" NIL NIL NIL \"7bit\" 2 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL) \
             \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)"
        );
    }
}

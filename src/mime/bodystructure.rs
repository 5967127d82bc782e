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

/// Writes a part and all below it. `raw` is what the offsets count in.
pub fn write(out: &mut Vec<u8>, raw: &[u8], part: &Part, extent: Extent, form: Form) {
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
            params(out, &part.content_type, form);
            tail(out, part, form);
        }
    } else {
        string(out, media.as_bytes(), form);
        out.push(b' ');
        string(out, subtype.as_bytes(), form);
        out.push(b' ');
        params(out, &part.content_type, form);
        for value in [&part.id, &part.description] {
            out.push(b' ');
            nstring(out, value.as_deref(), form);
        }
        out.push(b' ');
        string(out, part.encoding.as_bytes(), form);
        out.extend_from_slice(format!(" {}", part.body.len()).as_bytes());
        if let Kind::Message(inner) = &part.kind {
            out.push(b' ');
            envelope::write(out, &raw[inner.header.clone()], form);
            out.push(b' ');
            write(out, raw, inner, extent, form);
        }
        if matches!(part.kind, Kind::Message(_)) || media == "text" {
            out.extend_from_slice(format!(" {}", part.lines).as_bytes());
        }
        if extent == Extent::Structure {
            out.push(b' ');
            nstring(out, part.md5.as_deref(), form);
            tail(out, part, form);
        }
    }
    out.push(b')');
}

/// Disposition, language, location.
fn tail(out: &mut Vec<u8>, part: &Part, form: Form) {
    out.push(b' ');
    match &part.disposition {
        None => out.extend_from_slice(b"NIL"),
        Some(disposition) => {
            out.push(b'(');
            string(out, disposition.value.as_bytes(), form);
            out.push(b' ');
            params(out, disposition, form);
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

fn params(out: &mut Vec<u8>, from: &Parameterized, form: Form) {
    if from.params.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
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

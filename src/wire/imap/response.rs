//! Pieces of responses, written into one growing buffer (RFC 9051 §9).

/// Longer strings go out as literals, so that no line a client reads grows without bound.
const MAX_QUOTED: usize = 1024;

/// A `string`: quoted where it can be, else a literal. `utf8`: the client has ENABLEd it, so quoted may hold UTF-8.
/// NUL may not be sent in either; the caller has none in `value` or uses [`literal8`].
pub fn string(out: &mut Vec<u8>, value: &[u8], utf8: bool) {
    let plain = value.iter().all(|b| !matches!(b, 0 | b'\r' | b'\n') && (utf8 || b.is_ascii()));
    if !plain || value.len() > MAX_QUOTED || std::str::from_utf8(value).is_err() {
        return literal(out, value);
    }
    out.push(b'"');
    for &b in value {
        if matches!(b, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(b);
    }
    out.push(b'"');
}

/// An `nstring`: `NIL` for none.
pub fn nstring(out: &mut Vec<u8>, value: Option<&[u8]>, utf8: bool) {
    match value {
        Some(value) => string(out, value, utf8),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// `{n}` CRLF and the octets.
pub fn literal(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(format!("{{{}}}\r\n", value.len()).as_bytes());
    out.extend_from_slice(value);
}

/// `~{n}` CRLF and the octets, NUL among them (RFC 3516).
pub fn literal8(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'~');
    literal(out, value);
}

/// A mailbox name, in UTF-8 once the client has ENABLEd it, else in modified UTF-7.
pub fn mailbox(out: &mut Vec<u8>, name: &str, utf8: bool) {
    if utf8 {
        string(out, name.as_bytes(), true);
    } else {
        string(out, super::mutf7::encode(name).as_bytes(), false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn strings() {
        assert_eq!(written(|o| string(o, br#"a"b\c"#, false)), r#""a\"b\\c""#);
        assert_eq!(written(|o| string(o, "é".as_bytes(), false)), "{2}\r\né");
        assert_eq!(written(|o| string(o, "é".as_bytes(), true)), "\"é\"");
        assert_eq!(written(|o| string(o, b"a\r\nb", true)), "{4}\r\na\r\nb");
        assert_eq!(written(|o| nstring(o, None, true)), "NIL");
        assert_eq!(written(|o| literal8(o, b"\0")), "~{1}\r\n\0");
    }

    #[test]
    fn mailboxes() {
        assert_eq!(written(|o| mailbox(o, "台北", false)), "\"&U,BTFw-\"");
        assert_eq!(written(|o| mailbox(o, "台北", true)), "\"台北\"");
    }
}

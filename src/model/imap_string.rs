//! Strings as IMAP writes them (RFC 9051 §4.3): quoted where that can carry them, else a literal, else NIL.

/// Whether quoted strings may hold UTF-8 (after ENABLE UTF8=ACCEPT or in IMAP4rev2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Ascii,
    Utf8,
}

/// Longest text that is quoted; longer ones are literals, which cost readers no scan.
const QUOTED: usize = 1000;

impl Form {
    /// What a client that has or has not enabled UTF-8 can read.
    pub fn enabled(utf8: bool) -> Self {
        if utf8 { Self::Utf8 } else { Self::Ascii }
    }
}

/// Writes a string.
pub fn string(out: &mut Vec<u8>, text: &[u8], form: Form) {
    let plain = |b: &u8| (b.is_ascii() || form == Form::Utf8) && !matches!(b, b'\r' | b'\n' | 0);
    let utf8 = form == Form::Ascii || std::str::from_utf8(text).is_ok();
    if text.len() <= QUOTED && utf8 && text.iter().all(plain) {
        out.push(b'"');
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.push(b'"');
    } else {
        out.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
        out.extend_from_slice(text);
    }
}

/// Writes a string or NIL.
pub fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>, form: Form) {
    match text {
        Some(text) => string(out, text, form),
        None => out.extend_from_slice(b"NIL"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_literal_and_nil() {
        let write = |text: Option<&[u8]>, form| {
            let mut out = Vec::new();
            nstring(&mut out, text, form);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(write(None, Form::Ascii), "NIL");
        assert_eq!(write(Some(b"a\"b\\"), Form::Ascii), "\"a\\\"b\\\\\"");
        assert_eq!(write(Some("ü".as_bytes()), Form::Ascii), "{2}\r\nü");
        assert_eq!(write(Some("ü".as_bytes()), Form::Utf8), "\"ü\"");
        assert_eq!(write(Some(b"\xff"), Form::Utf8), "{1}\r\n\u{fffd}");
    }
}

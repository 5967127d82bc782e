//! Paths of MAIL and RCPT (RFC 5321 §4.1.2) and xtext (RFC 3461 §4).

use crate::model::address::Address;

/// Why a path was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPath {
    Syntax,
    /// Domain or local part that can't be.
    Address,
}

/// `<path>` at the front of `input`: what is between the brackets, and what follows them.
pub(super) fn bracketed(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = input.strip_prefix(b"<")?;
    let (mut quote, mut n) = (false, 0);
    while n < inner.len() {
        match inner[n] {
            b'\\' if quote => n += 1,
            b'"' => quote = !quote,
            b'>' if !quote => return Some((&inner[..n], &inner[n + 1..])),
            _ => {}
        }
        n += 1;
    }
    None
}

/// An address with an optional source route, which is dropped (RFC 5321 §4.1.1.3).
pub(super) fn address(path: &[u8]) -> Result<Address, BadPath> {
    let text = std::str::from_utf8(path).map_err(|_| BadPath::Syntax)?;
    let text = match text.strip_prefix('@') {
        Some(route) => route.split_once(':').ok_or(BadPath::Syntax)?.1,
        None => text,
    };
    Address::parse(text).map_err(|_| BadPath::Address)
}

/// `+41` is `A`; `None` for what is no xtext.
pub fn xtext_decode(raw: &str) -> Option<String> {
    let mut out = Vec::with_capacity(raw.len());
    let bytes = raw.as_bytes();
    let mut n = 0;
    while n < bytes.len() {
        match bytes[n] {
            b'+' => {
                let digits = raw.get(n + 1..n + 3)?;
                if !digits.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)) {
                    return None;
                }
                out.push(u8::from_str_radix(digits, 16).ok()?);
                n += 2;
            }
            b'=' => return None,
            byte if byte.is_ascii_graphic() => out.push(byte),
            _ => return None,
        }
        n += 1;
    }
    String::from_utf8(out).ok()
}

/// The address of an ORCPT, by its type: xtext, or for `utf-8` the forms of RFC 6533 §3, `\\x{E4}` or the character itself.
pub fn orcpt_decode(kind: &str, raw: &str) -> Option<String> {
    if !is_utf8(kind) {
        return xtext_decode(raw);
    }
    let (mut out, mut rest) = (String::with_capacity(raw.len()), raw);
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\x{") {
            let (digits, after) = after.split_once('}')?;
            let fine = (2..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            out.push(char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| fine)?)?);
            rest = after;
        } else if matches!(c, '+' | '=' | '\\' | ' ') || c.is_control() {
            return None;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Some(out)
}

/// The opposite; `utf8`: the other side takes SMTPUTF8.
pub fn orcpt_encode(kind: &str, address: &str, utf8: bool) -> String {
    if !is_utf8(kind) {
        return xtext_encode(address);
    }
    let plain = |c: char| (c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\')) || (utf8 && !c.is_ascii());
    let encode = |c: char| if plain(c) { c.to_string() } else { format!("\\x{{{:02X}}}", u32::from(c)) };
    address.chars().map(encode).collect()
}

fn is_utf8(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("utf-8")
}

/// The opposite.
pub fn xtext_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'+' | b'=') {
            out.push(byte as char);
        } else {
            out.push_str(&format!("+{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn original_recipients_in_utf8() {
        for raw in ["jörg@b.test", "j\\x{F6}rg@b.test", "j\\x{00f6}rg@b.test"] {
            assert_eq!(orcpt_decode("utf-8", raw).as_deref(), Some("jörg@b.test"), "{raw}");
        }
        for bad in ["a+41@b", "\\x{}", "\\x{D800}", "\\x{41", "\\y", "a b"] {
            assert_eq!(orcpt_decode("utf-8", bad), None, "{bad}");
        }
        assert_eq!(orcpt_encode("utf-8", "jö+", false), "j\\x{F6}\\x{2B}");
        assert_eq!(orcpt_encode("utf-8", "jö+", true), "jö\\x{2B}");
    }

    #[test]
    fn routes_are_dropped_and_quotes_hold_brackets() {
        assert_eq!(address(b"@a.test,@b.test:ann@example.test").unwrap().to_string(), "ann@example.test");
        let (inner, rest) = bracketed(b"<\"a>b\"@example.test> SIZE=1").unwrap();
        assert_eq!((inner, rest), (&b"\"a>b\"@example.test"[..], &b" SIZE=1"[..]));
        assert_eq!(bracketed(b"<ann@example.test"), None);
        assert_eq!(address(b"@a.test"), Err(BadPath::Syntax));
    }

    proptest! {
        #[test]
        fn xtext_comes_back(text: String) {
            prop_assert_eq!(xtext_decode(&xtext_encode(&text)), Some(text));
        }

        #[test]
        fn original_recipients_come_back(text: String, utf8: bool) {
            for kind in ["rfc822", "UTF-8"] {
                let wire = orcpt_encode(kind, &text, utf8);
                prop_assert!(utf8 || wire.bytes().all(|b| b.is_ascii_graphic()));
                let back = orcpt_decode(kind, &wire);
                // Controls beyond ASCII are refused, not passed on.
                prop_assert!(back.as_ref() == Some(&text) || text.chars().any(|c| c.is_control() && !c.is_ascii()));
            }
        }

        #[test]
        fn any_text_is_survived(text: String) {
            xtext_decode(&text);
            orcpt_decode("utf-8", &text);
            address(text.as_bytes()).ok();
        }
    }
}

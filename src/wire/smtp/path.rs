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
        fn any_text_is_survived(text: String) {
            xtext_decode(&text);
            address(text.as_bytes()).ok();
        }
    }
}

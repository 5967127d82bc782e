//! Structured values with parameters: Content-Type, Content-Disposition (RFC 2045 §5.1, RFC 2183), and RFC 2231.

use super::words;

/// `text/plain; charset=utf-8` in two halves: the value in lower case, the parameters as written, names in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameterized {
    pub value: String,
    pub params: Vec<(String, Vec<u8>)>,
}

/// Parameters beyond this many are passed over.
const MOST: usize = 100;

/// Reads an unfolded value; comments are dropped, broken parameters passed over.
pub fn parse(raw: &[u8]) -> Parameterized {
    let raw = &without_comments(raw)[..];
    let end = memchr::memchr(b';', raw).unwrap_or(raw.len());
    let value = String::from_utf8_lossy(raw[..end].trim_ascii()).to_ascii_lowercase();
    let mut out = Parameterized { value, params: Vec::new() };
    let mut rest = &raw[end..];
    while let Some(next) = rest.strip_prefix(b";") {
        let (pair, after) = parameter(next);
        if let Some((name, value)) = pair
            && out.params.len() < MOST
        {
            out.params.push((name, value));
        }
        rest = after;
    }
    out
}

/// One `name=value`, and what follows from the next `;` on.
fn parameter(raw: &[u8]) -> (Option<(String, Vec<u8>)>, &[u8]) {
    let stop = memchr::memchr2(b'=', b';', raw).unwrap_or(raw.len());
    let name = String::from_utf8_lossy(raw[..stop].trim_ascii()).to_ascii_lowercase();
    if raw.get(stop) != Some(&b'=') {
        return (None, &raw[stop..]);
    }
    let rest = raw[stop + 1..].trim_ascii_start();
    let (value, rest) = match rest.strip_prefix(b"\"") {
        Some(inner) => quoted(inner),
        None => {
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            (rest[..end].trim_ascii().to_vec(), &rest[end..])
        }
    };
    let next = memchr::memchr(b';', rest).unwrap_or(rest.len());
    let fine = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    (fine.then_some((name, value)), &rest[next..])
}

/// The content of a quoted string whose opening quote is gone, and what follows it.
fn quoted(raw: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut out = Vec::new();
    let mut n = 0;
    while n < raw.len() {
        match raw[n] {
            b'"' => return (out, &raw[n + 1..]),
            b'\\' if n + 1 < raw.len() => {
                n += 1;
                out.push(raw[n]);
            }
            other => out.push(other),
        }
        n += 1;
    }
    (out, &[])
}

/// Drops `(comments)`, nested ones too, but not what stands in quotes.
pub(super) fn without_comments(raw: &[u8]) -> Vec<u8> {
    if memchr::memchr(b'(', raw).is_none() {
        return raw.to_vec();
    }
    let (mut out, mut depth, mut quote, mut n) = (Vec::with_capacity(raw.len()), 0usize, false, 0);
    while n < raw.len() {
        let byte = raw[n];
        match byte {
            b'\\' => {
                if depth == 0 {
                    out.extend_from_slice(&raw[n..raw.len().min(n + 2)]);
                }
                n += 1;
            }
            b'"' if depth == 0 => {
                quote = !quote;
                out.push(byte);
            }
            b'(' if !quote => depth += 1,
            b')' if !quote && depth > 0 => depth -= 1,
            _ if depth == 0 => out.push(byte),
            _ => {}
        }
        n += 1;
    }
    out
}

impl Parameterized {
    /// A parameter decoded: continuations joined, percent-encoding and charset undone (RFC 2231), encoded words too,
    /// which the RFC forbids here but writers use.
    pub fn get(&self, name: &str) -> Option<String> {
        if let Some((_, value)) = self.params.iter().find(|(n, _)| n == name) {
            return Some(words::decode(value));
        }
        if let Some((_, value)) = self.params.iter().find(|(n, _)| n.strip_suffix('*') == Some(name)) {
            let (charset, bytes) = extended(value);
            return Some(clean(words::decode_charset(&charset, &bytes)));
        }
        self.continued(name)
    }

    fn continued(&self, name: &str) -> Option<String> {
        let (mut bytes, mut charset) = (Vec::new(), String::new());
        for n in 0..MOST {
            let plain = format!("{name}*{n}");
            let Some((key, value)) = self.params.iter().find(|(k, _)| k.strip_suffix('*').unwrap_or(k) == plain) else {
                break;
            };
            if key.ends_with('*') && n == 0 {
                let (found, first) = extended(value);
                charset = found;
                bytes.extend(first);
            } else if key.ends_with('*') {
                bytes.extend(percent(value));
            } else {
                bytes.extend_from_slice(value);
            }
        }
        (!bytes.is_empty()).then(|| clean(words::decode_charset(&charset, &bytes)))
    }
}

fn clean(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// `charset'language'percent-encoded`.
fn extended(value: &[u8]) -> (String, Vec<u8>) {
    let mut parts = value.splitn(3, |b| *b == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) => (String::from_utf8_lossy(charset).into_owned(), percent(text)),
        _ => (String::new(), percent(value)),
    }
}

fn percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut n = 0;
    while n < text.len() {
        match (text[n], text.get(n + 1..n + 3).and_then(words::hex)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                n += 2;
            }
            (other, _) => out.push(other),
        }
        n += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_and_parameters() {
        let parsed = parse(b"Text/Plain (a comment); charset=\"utf-8\"; Format=flowed;;x; name=\"a\\\"b; c\"");
        assert_eq!(parsed.value, "text/plain");
        assert_eq!(parsed.get("charset").as_deref(), Some("utf-8"));
        assert_eq!(parsed.get("format").as_deref(), Some("flowed"));
        assert_eq!(parsed.get("name").as_deref(), Some("a\"b; c"));
        assert_eq!(parsed.get("none"), None);
    }

    #[test]
    fn continuations_and_charsets_of_rfc_2231() {
        let parsed = parse(b"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"; file*=iso-8859-1''na%EFve.txt");
        assert_eq!(parsed.get("title").as_deref(), Some("This is even more ***fun*** isn't it!"));
        assert_eq!(parsed.get("file").as_deref(), Some("naïve.txt"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>) {
            let parsed = parse(&raw);
            parsed.get("name");
        }
    }
}

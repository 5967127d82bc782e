//! Address lists of header fields (RFC 5322 §3.4, §4.4), read with tolerance.

use super::params::without_comments;

/// One entry as ENVELOPE shows it (RFC 9051 §7.5.2). A group opens with only a mailbox (its name) and ends with nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Display name, quotes undone, encoded words as they are.
    pub name: Option<Vec<u8>>,
    /// Obsolete source route.
    pub route: Option<Vec<u8>>,
    pub mailbox: Option<Vec<u8>>,
    pub host: Option<Vec<u8>>,
}

/// Entries beyond this many are passed over.
const MOST: usize = 5000;

/// Reads an unfolded address list.
pub fn list(raw: &[u8]) -> Vec<Entry> {
    let clean = without_comments(raw);
    let mut out = Vec::new();
    let mut in_group = false;
    let alone = memchr::memchr2(b',', b';', raw).is_none();
    for item in items(&clean) {
        if out.len() >= MOST {
            break;
        }
        match item {
            Item::GroupStart(name) => {
                in_group = true;
                out.push(Entry { mailbox: Some(phrase(name)), ..Entry::default() });
            }
            Item::GroupEnd if in_group => {
                in_group = false;
                out.push(Entry::default());
            }
            Item::GroupEnd => {}
            Item::Address(text) => out.extend(address(text, Some(raw).filter(|_| alone))),
        }
    }
    if in_group {
        out.push(Entry::default());
    }
    out
}

enum Item<'a> {
    GroupStart(&'a [u8]),
    GroupEnd,
    Address(&'a [u8]),
}

/// Cuts at commas, and at the colon and semicolon of groups, outside quotes and angle brackets.
fn items(raw: &[u8]) -> Vec<Item<'_>> {
    let (mut out, mut start, mut quote, mut angle, mut group, mut n) = (Vec::new(), 0, false, false, false, 0);
    let mut host = false;
    while n < raw.len() && out.len() <= 2 * MOST {
        match raw[n] {
            b'\\' => n += 1,
            b'"' => quote = !quote,
            b'@' => host = true,
            b'<' if !quote => angle = true,
            b'>' if !quote => angle = false,
            b':' if !quote && !angle && !group && !host => {
                out.push(Item::GroupStart(&raw[start..n]));
                (group, start) = (true, n + 1);
            }
            b';' if !quote && !angle => {
                out.push(Item::Address(&raw[start..n]));
                out.push(Item::GroupEnd);
                (group, host, start) = (false, false, n + 1);
            }
            b',' if !quote && !angle => {
                out.push(Item::Address(&raw[start..n]));
                (host, start) = (false, n + 1);
            }
            _ => {}
        }
        n += 1;
    }
    out.push(Item::Address(raw.get(start..).unwrap_or_default()));
    out
}

fn address(text: &[u8], alone: Option<&[u8]>) -> Option<Entry> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return None;
    }
    let Some(open) = unquoted_position(text, b'<') else {
        let (mailbox, host) = split_host(text);
        // The obsolete form `ann@example.org (Ann Lee)` names the person in a comment.
        return Some(Entry {
            name: alone.and_then(|whole| comment_of(whole, text)),
            route: None,
            mailbox: Some(mailbox),
            host,
        });
    };
    let name = phrase(&text[..open]);
    let inner = &text[open + 1..];
    let inner = &inner[..memchr::memrchr(b'>', inner).unwrap_or(inner.len())];
    let (route, spec) = match unquoted_position(inner, b':') {
        Some(colon) if inner.trim_ascii_start().starts_with(b"@") => {
            (Some(inner[..colon].trim_ascii().to_vec()), &inner[colon + 1..])
        }
        _ => (None, inner),
    };
    let (mailbox, host) = split_host(spec.trim_ascii());
    Some(Entry { name: (!name.is_empty()).then_some(name), route, mailbox: Some(mailbox), host })
}

/// The only comment of a list of one address.
fn comment_of(whole: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let open = memchr::memchr(b'(', whole)?;
    let close = memchr::memrchr(b')', whole)?;
    let fits = whole.trim_ascii_start().starts_with(text);
    (fits && close > open + 1).then(|| whole[open + 1..close].trim_ascii().to_vec())
}

fn split_host(spec: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    match memchr::memrchr(b'@', spec) {
        Some(at) => {
            let host: Vec<u8> = spec[at + 1..].iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            (phrase(&spec[..at]), Some(host))
        }
        None => (phrase(spec), None),
    }
}

/// Words with their quotes undone and blanks squeezed.
fn phrase(raw: &[u8]) -> Vec<u8> {
    let (mut out, mut quote, mut n): (Vec<u8>, bool, usize) = (Vec::new(), false, 0);
    let raw = raw.trim_ascii();
    while n < raw.len() {
        match raw[n] {
            b'\\' if n + 1 < raw.len() => {
                n += 1;
                out.push(raw[n]);
            }
            b'"' => quote = !quote,
            b' ' | b'\t' if !quote && out.last() == Some(&b' ') => {}
            b'\t' => out.push(b' '),
            other => out.push(other),
        }
        n += 1;
    }
    out
}

fn unquoted_position(raw: &[u8], wanted: u8) -> Option<usize> {
    let (mut quote, mut n) = (false, 0);
    while n < raw.len() {
        match raw[n] {
            b'\\' => n += 1,
            b'"' => quote = !quote,
            byte if byte == wanted && !quote => return Some(n),
            _ => {}
        }
        n += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(raw: &str) -> Vec<String> {
        let text = |v: &Option<Vec<u8>>| v.as_ref().map_or("-".into(), |b| String::from_utf8_lossy(b).into_owned());
        list(raw.as_bytes())
            .iter()
            .map(|e| format!("{}|{}|{}|{}", text(&e.name), text(&e.route), text(&e.mailbox), text(&e.host)))
            .collect()
    }

    #[test]
    fn the_shapes_of_rfc_5322_appendix_a() {
        assert_eq!(show("John Doe <jdoe@machine.example>"), ["John Doe|-|jdoe|machine.example"]);
        assert_eq!(show("Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>").len(), 3);
        assert_eq!(
            show("<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>")[1],
            "Giant; \"Big\" Box|-|sysservices|example.net"
        );
        assert_eq!(
            show("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;"),
            ["-|-|A Group|-", "Ed Jones|-|c|a.test", "-|-|joe|where.test", "John|-|jdoe|one.test", "-|-|-|-"]
        );
        assert_eq!(show("Undisclosed recipients:;"), ["-|-|Undisclosed recipients|-", "-|-|-|-"]);
        assert_eq!(show("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"), ["Pete|-|pete|silly.test"]);
        assert_eq!(
            show("Mary Smith <@node.test,@hop.test:mary@example.net>"),
            ["Mary Smith|@node.test,@hop.test|mary|example.net"]
        );
        assert_eq!(show("jdoe@test   . example (John Doe)"), ["John Doe|-|jdoe|test.example"]);
        assert_eq!(show("\"a@b\"@c.test"), ["-|-|a@b|c.test"]);
        assert_eq!(show("no address at all"), ["-|-|no address at all|-"]);
        assert_eq!(show(" , ,"), [] as [&str; 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>) {
            list(&raw);
        }
    }
}

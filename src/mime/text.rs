//! Decoded bodies: transfer encodings, charsets, text of HTML, previews.

use super::structure::{Kind, Part};
use super::words;
use std::borrow::Cow;

/// Undoes the transfer encoding; unknown encodings are taken as they are.
pub fn decode_transfer<'a>(encoding: &str, body: &'a [u8]) -> Cow<'a, [u8]> {
    match encoding {
        "base64" => Cow::Owned(words::base64_lenient(body)),
        "quoted-printable" => Cow::Owned(quoted_printable(body)),
        _ => Cow::Borrowed(body),
    }
}

/// RFC 2045 §6.7, tolerant: a broken escape stays as it is written.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while at < body.len() {
        let Some(found) = memchr::memchr(b'=', &body[at..]) else { break };
        out.extend_from_slice(&body[at..at + found]);
        at += found;
        let rest = &body[at + 1..];
        if let Some(byte) = rest.get(..2).and_then(words::hex) {
            out.push(byte);
            at += 3;
            continue;
        }
        // A soft line break, blanks before the line end allowed.
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
        match rest.get(blanks) {
            Some(b'\n') => at += 1 + blanks + 1,
            None => at = body.len(),
            Some(_) => {
                out.push(b'=');
                at += 1;
            }
        }
    }
    out.extend_from_slice(&body[at.min(body.len())..]);
    out
}

/// A text part as UTF-8.
pub fn decode_part(raw: &[u8], part: &Part) -> String {
    let bytes = decode_transfer(&part.encoding, &raw[part.body.clone()]);
    match part.content_type.get("charset") {
        Some(charset) => words::decode_charset(&charset, &bytes),
        None => words::guess(&bytes),
    }
}

/// The first lines of what a reader would see, blanks squeezed, at most `most` characters.
pub fn preview(raw: &[u8], root: &Part, most: usize) -> String {
    let Some(part) = first_text(root) else { return String::new() };
    // A preview needs no more than this of a body.
    let mut short = part.clone();
    short.body.end = short.body.end.min(short.body.start + 64 * 1024);
    let text = decode_part(raw, &short);
    let text = if part.media().1 == "html" { html_to_text(&text) } else { text };
    let mut out = String::new();
    let mut count = 0;
    for word in text.lines().filter(|line| !line.starts_with('>')).flat_map(str::split_whitespace) {
        let room = most.saturating_sub(count + usize::from(count > 0));
        if room == 0 {
            break;
        }
        if count > 0 {
            out.push(' ');
            count += 1;
        }
        out.extend(word.chars().filter(|c| !c.is_control()).take(room));
        count += word.chars().count().min(room);
    }
    out
}

/// The text that a reader would see first, of HTML where there is nothing else.
pub fn body(raw: &[u8], root: &Part) -> String {
    let Some(part) = first_text(root) else { return String::new() };
    let text = decode_part(raw, part);
    if part.media().1 == "html" { html_to_text(&text) } else { text }
}

/// The text of HTML, for previews and searches.
pub fn html_to_text(html: &str) -> String {
    mail_parser::decoders::html::html_to_text(html)
}

/// The plain text that stands first, else the HTML that does; attachments don't count.
fn first_text(root: &Part) -> Option<&Part> {
    let (mut plain, mut html) = (None, None);
    visit(root, &mut |part| match part.media() {
        ("text", "html") if html.is_none() => html = Some(part),
        ("text", "plain") if plain.is_none() => plain = Some(part),
        _ => {}
    });
    plain.or(html)
}

fn visit<'a>(part: &'a Part, found: &mut impl FnMut(&'a Part)) {
    match &part.kind {
        Kind::Multipart(children) => children.iter().for_each(|child| visit(child, found)),
        Kind::Leaf if !is_attachment(part) => found(part),
        _ => {}
    }
}

/// Whether a reader would list the part among the attachments.
pub fn is_attachment(part: &Part) -> bool {
    let disposition = part.disposition.as_ref().map(|d| d.value.as_str());
    match disposition {
        Some("attachment") => true,
        Some(_) => false,
        None => part.filename().is_some() || !matches!(part.media().0, "text" | "multipart" | "message"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::structure::parse;
    use proptest::prelude::*;

    #[test]
    fn quoted_printable_is_undone() {
        for (raw, text) in
            [("a=3Db=\r\nc", "a=bc"), ("x=  \ny", "xy"), ("100=%", "100=%"), ("end=", "end"), ("=C3=BC", "ü")]
        {
            assert_eq!(String::from_utf8_lossy(&quoted_printable(raw.as_bytes())), text, "{raw}");
        }
    }

    #[test]
    fn a_preview_prefers_plain_text_and_skips_quotes() {
        let raw = b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>no</b>\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n> quoted\r\nGr=FC=DFe   aus\r\nBonn\r\n--b--\r\n";
        assert_eq!(preview(raw, &parse(raw), 200), "Grüße aus Bonn");
        assert_eq!(preview(raw, &parse(raw), 7), "Grüße a");
        let html = b"Content-Type: text/html\r\n\r\n<p>Hello <b>you</b></p><script>x()</script>";
        assert!(preview(html, &parse(html), 200).starts_with("Hello you"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>) {
            quoted_printable(&raw);
            preview(&raw, &parse(&raw), 200);
        }
    }
}

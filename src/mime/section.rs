//! The part map kept with a message, and the sections of FETCH BODY[…] as ranges of its bytes (RFC 9051 §6.4.5).

use super::header::fields;
use super::structure::{Kind, Part};
use std::collections::HashSet;
use std::ops::Range;

/// A part as the map remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MapPart {
    pub header: Range<usize>,
    pub body: Range<usize>,
    pub lines: usize,
    /// `text/plain`.
    pub media: String,
    pub encoding: String,
    pub charset: String,
    /// The name a reader saves it under; empty: none.
    pub name: String,
    pub kind: MapKind,
}

/// What is inside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MapKind {
    #[default]
    Leaf,
    Multipart(Vec<MapPart>),
    Message(Box<MapPart>),
}

/// Which octets of a part a section names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// `BODY[]`, `BODY[1.2]`.
    Whole,
    /// `HEADER`, and the source of `HEADER.FIELDS`.
    Header,
    Text,
    Mime,
}

/// Octets of a message: of the blob, with the prefix in front where the message's own header is part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub with_prefix: bool,
    pub range: Range<usize>,
}

impl MapPart {
    /// Finds a section; `None`: there is no such part.
    ///
    /// `self` is the message; an empty path is the message itself.
    pub fn locate(&self, path: &[u32], what: What) -> Option<Located> {
        let blob = |range: &Range<usize>| Some(Located { with_prefix: false, range: range.clone() });
        if path.is_empty() {
            return match what {
                What::Whole => Some(Located { with_prefix: true, range: 0..self.body.end }),
                What::Header => Some(Located { with_prefix: true, range: self.header.clone() }),
                What::Text => blob(&self.body),
                What::Mime => None,
            };
        }
        let part = self.find(path)?;
        match (what, &part.kind) {
            (What::Whole, _) => blob(&part.body),
            (What::Mime, _) => blob(&part.header),
            (What::Header, MapKind::Message(inner)) => blob(&inner.header),
            (What::Text, MapKind::Message(inner)) => blob(&inner.body),
            _ => None,
        }
    }

    /// The part at a path of numbers.
    pub fn find(&self, path: &[u32]) -> Option<&MapPart> {
        let mut part = self.child(*path.first()?)?;
        for number in &path[1..] {
            part = match &part.kind {
                MapKind::Multipart(_) => part.child(*number)?,
                MapKind::Message(inner) => inner.child(*number)?,
                MapKind::Leaf => return None,
            };
        }
        Some(part)
    }

    /// Part `number` of a message: of its multipart, or itself as the only part.
    fn child(&self, number: u32) -> Option<&MapPart> {
        match &self.kind {
            MapKind::Multipart(children) => children.get(number.checked_sub(1)? as usize),
            _ => (number == 1).then_some(self),
        }
    }
}

/// The fields of a header that are named, or all others, with the empty line at the end (RFC 9051 §6.4.5.1).
pub fn header_fields(header: &[u8], names: &[&[u8]], not: bool) -> Vec<u8> {
    let names: HashSet<Vec<u8>> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let mut out = Vec::new();
    for field in fields(header) {
        let named = names.contains(&field.name.to_ascii_lowercase());
        if named != not {
            out.extend_from_slice(&header[field.start..field.end]);
            if !out.ends_with(b"\n") {
                out.extend_from_slice(b"\r\n");
            }
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

const FORMAT: u8 = 1;

/// Writes the map of a message: a format byte, then the parts in order, numbers as varints.
pub fn encode(root: &Part) -> Vec<u8> {
    let mut out = vec![FORMAT];
    put_part(&mut out, root, 0);
    out
}

/// Reads a map; `None` if it is damaged or of another format.
pub fn decode(bytes: &[u8]) -> Option<MapPart> {
    let mut rest = bytes.strip_prefix(&[FORMAT])?;
    let part = take_part(&mut rest, 0, super::structure::DEPTH + 2)?;
    rest.is_empty().then_some(part)
}

/// Of a long text its beginning and its end: a file name's extension stays.
fn bounded(text: &str) -> String {
    let count = text.chars().count();
    if count <= 200 {
        return text.to_owned();
    }
    text.chars().take(180).chain(text.chars().skip(count - 20)).collect()
}

/// `base`: where the part's header may begin at the earliest, so that offsets are small numbers.
fn put_part(out: &mut Vec<u8>, part: &Part, base: usize) {
    put(out, part.header.start - base);
    put(out, part.header.len());
    put(out, part.body.len());
    put(out, part.lines);
    let name = part.filename().unwrap_or_default();
    let charset = part.content_type.get("charset").unwrap_or_default();
    for text in [part.content_type.value.as_str(), &part.encoding, &charset, &name] {
        let text = bounded(text);
        put(out, text.len());
        out.extend_from_slice(text.as_bytes());
    }
    match &part.kind {
        Kind::Leaf => put(out, 0),
        Kind::Message(inner) => {
            put(out, 1);
            put_part(out, inner, part.body.start);
        }
        Kind::Multipart(children) => {
            put(out, 2 + children.len());
            children.iter().for_each(|child| put_part(out, child, part.body.start));
        }
    }
}

fn take_part(rest: &mut &[u8], base: usize, depth: usize) -> Option<MapPart> {
    let depth = depth.checked_sub(1)?;
    let start = base.checked_add(take(rest)?)?;
    let middle = start.checked_add(take(rest)?)?;
    let end = middle.checked_add(take(rest)?)?;
    let lines = take(rest)?;
    let mut text = || {
        let length = take(rest)?;
        let (text, after) = rest.split_at_checked(length)?;
        *rest = after;
        String::from_utf8(text.to_vec()).ok()
    };
    let (media, encoding, charset, name) = (text()?, text()?, text()?, text()?);
    let kind = match take(rest)? {
        0 => MapKind::Leaf,
        1 => MapKind::Message(Box::new(take_part(rest, middle, depth)?)),
        count => {
            let children = (2..count).map(|_| take_part(rest, middle, depth)).collect::<Option<Vec<_>>>()?;
            MapKind::Multipart(children)
        }
    };
    Some(MapPart { header: start..middle, body: middle..end, lines, media, encoding, charset, name, kind })
}

fn put(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0usize;
    for shift in (0..56).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::structure::parse;
    use proptest::prelude::*;

    /// The shape of the example in RFC 3501 §6.4.5.
    const MAIL: &str = "Subject: top\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nfirst\r\n--a\r\nContent-Type: application/octet-stream\r\n\r\nsecond\r\n--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: y\r\n\r\n3.1\r\n--b\r\n\r\n3.2\r\n--b--\r\n--a--\r\n";

    fn section(path: &[u32], what: What) -> Option<String> {
        let map = decode(&encode(&parse(MAIL.as_bytes())))?;
        let located = map.locate(path, what)?;
        Some(MAIL[located.range].to_owned())
    }

    #[test]
    fn a_long_file_name_keeps_its_extension() {
        let name = format!("{}.pdf", "x".repeat(400));
        let raw = format!("Content-Type: application/pdf; name={name}\r\n\r\nx\r\n");
        let map = decode(&encode(&parse(raw.as_bytes()))).unwrap();
        assert_eq!((map.name.len(), map.name.ends_with("xx.pdf")), (200, true), "{}", map.name);
    }

    #[test]
    fn sections_of_a_nested_message() {
        assert_eq!(section(&[1], What::Whole).as_deref(), Some("first"));
        assert_eq!(section(&[2], What::Whole).as_deref(), Some("second"));
        assert_eq!(section(&[2], What::Mime).as_deref(), Some("Content-Type: application/octet-stream\r\n\r\n"));
        assert!(section(&[3], What::Header).unwrap().starts_with("Subject: inner\r\n"));
        assert!(section(&[3], What::Text).unwrap().starts_with("--b\r\n"));
        assert_eq!(section(&[3, 1], What::Whole).as_deref(), Some("3.1"));
        assert_eq!(section(&[3, 1], What::Mime).as_deref(), Some("X: y\r\n\r\n"));
        assert_eq!(section(&[3, 2], What::Whole).as_deref(), Some("3.2"));
        for (path, what) in [
            (&[4][..], What::Whole),
            (&[0], What::Whole),
            (&[1, 1], What::Whole),
            (&[1], What::Header),
            (&[], What::Mime),
            (&[3, 3], What::Whole),
        ] {
            assert_eq!(section(path, what), None, "{path:?}");
        }
        assert_eq!(section(&[], What::Whole).as_deref(), Some(MAIL));
        assert!(section(&[], What::Header).unwrap().ends_with("boundary=a\r\n\r\n"));
    }

    #[test]
    fn a_message_that_is_no_multipart_has_part_1() {
        let map = decode(&encode(&parse(b"A: b\r\n\r\ntext"))).unwrap();
        assert_eq!(map.locate(&[1], What::Whole).unwrap().range, 8..12);
        assert_eq!(map.locate(&[1], What::Mime).unwrap().range, 0..8);
        assert_eq!(map.locate(&[1, 1], What::Whole), None);
        let nested = decode(&encode(&parse(b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\ntext"))).unwrap();
        assert_eq!(nested.locate(&[1, 1], What::Whole).unwrap().range, 40..44);
        assert_eq!(nested.locate(&[1], What::Header).unwrap().range, 32..40);
    }

    #[test]
    fn fields_by_name_and_the_others() {
        let header = b"A: 1\r\nB: 2\r\n 3\r\na: 4\r\n\r\n";
        assert_eq!(header_fields(header, &[b"a"], false), b"A: 1\r\na: 4\r\n\r\n");
        assert_eq!(header_fields(header, &[b"a"], true), b"B: 2\r\n 3\r\n\r\n");
        assert_eq!(header_fields(b"A: 1", &[b"a"], false), b"A: 1\r\n\r\n");
    }

    proptest! {
        #[test]
        fn damaged_maps_are_refused_not_followed(bytes: Vec<u8>, at: prop::sample::Index, flip: u8) {
            decode(&bytes);
            let mut map = encode(&parse(MAIL.as_bytes()));
            let at = at.index(map.len());
            map[at] ^= flip;
            decode(&map);
        }

        #[test]
        fn a_map_is_read_as_it_was_written(raw: Vec<u8>) {
            let root = parse(&raw);
            let map = decode(&encode(&root)).unwrap();
            prop_assert_eq!(map.body, root.body);
        }
    }
}

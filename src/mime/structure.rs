//! The tree of parts with exact offsets (RFC 2045, RFC 2046), made once at delivery and kept in bytes.
//!
//! Tolerant: a missing end boundary ends with what encloses it, an unknown encoding is kept as written, beyond
//! [`DEPTH`] levels or [`PARTS`] parts everything is a leaf.

use super::header::{self, some_fields, unfold_some};
use super::params::{self, Parameterized};
use std::ops::Range;

/// Deepest nesting that is looked into.
pub const DEPTH: usize = 32;
/// Most parts of a message.
pub const PARTS: usize = 1000;
/// Octets kept of a field that describes a part.
const FIELD: usize = 16 << 10;

/// A part and those below it. Offsets count from the front of the stored bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// The part's own fields with the empty line that ends them; of the root, the message header.
    pub header: Range<usize>,
    pub body: Range<usize>,
    /// Line ends in the body.
    pub lines: usize,
    pub content_type: Parameterized,
    /// Lower case; `7bit` where none is given.
    pub encoding: String,
    pub id: Option<Vec<u8>>,
    pub description: Option<Vec<u8>>,
    pub md5: Option<Vec<u8>>,
    pub language: Vec<Vec<u8>>,
    pub location: Option<Vec<u8>>,
    pub disposition: Option<Parameterized>,
    pub kind: Kind,
}

/// What is inside a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Kind {
    #[default]
    Leaf,
    Multipart(Vec<Part>),
    /// message/rfc822 and message/global: the message inside.
    Message(Box<Part>),
}

impl Part {
    /// `type` and `subtype`, `text/plain` where there is none.
    pub fn media(&self) -> (&str, &str) {
        self.content_type.value.split_once('/').unwrap_or(("text", "plain"))
    }

    /// The name a reader saves it under.
    pub fn filename(&self) -> Option<String> {
        let named = self.disposition.as_ref().and_then(|d| d.get("filename"));
        named.or_else(|| self.content_type.get("name"))
    }

    /// Itself and all below, in order.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Part)) {
        visit(self);
        match &self.kind {
            Kind::Leaf => {}
            Kind::Multipart(children) => children.iter().for_each(|child| child.walk(visit)),
            Kind::Message(inner) => inner.walk(visit),
        }
    }
}

/// Reads a message.
pub fn parse(raw: &[u8]) -> Part {
    let mut left = PARTS - 1;
    part(raw, 0..raw.len(), DEPTH, &mut left, "text/plain")
}

fn part(raw: &[u8], range: Range<usize>, depth: usize, left: &mut usize, default: &str) -> Part {
    let (header, body) = header::split(raw, range);
    let mut out = Part { header: header.clone(), body: body.clone(), encoding: "7bit".into(), ..Part::default() };
    read_fields(&raw[header], &mut out);
    if !well_formed(&out.content_type.value) {
        out.content_type = Parameterized { value: default.into(), params: Vec::new() };
    }
    out.lines = memchr::memchr_iter(b'\n', &raw[body.clone()]).count();
    let (kind, subtype) = out.media();
    let identity = matches!(out.encoding.as_str(), "7bit" | "8bit" | "binary");
    if depth == 0 || *left == 0 {
        return leaf(out);
    }
    if kind == "multipart" {
        let Some(boundary) = boundary(&out.content_type) else { return leaf(out) };
        let digest = subtype == "digest";
        let ranges = cut(raw, body, &boundary);
        if ranges.is_empty() {
            return leaf(out);
        }
        let default = if digest { "message/rfc822" } else { "text/plain" };
        let mut children = Vec::new();
        for range in ranges {
            if *left == 0 {
                break;
            }
            *left -= 1;
            children.push(part(raw, range, depth - 1, left, default));
        }
        out.kind = Kind::Multipart(children);
    } else if kind == "message" && matches!(subtype, "rfc822" | "global") {
        if !identity {
            return leaf(out);
        }
        *left -= 1;
        out.kind = Kind::Message(Box::new(part(raw, body, depth - 1, left, "text/plain")));
    }
    out
}

/// A multipart or message that can't be looked into is shown as what it is not: BODYSTRUCTURE has no other form for it.
fn leaf(mut part: Part) -> Part {
    let (kind, subtype) = part.media();
    if kind == "multipart" || (kind == "message" && matches!(subtype, "rfc822" | "global")) {
        part.content_type = Parameterized { value: "application/octet-stream".into(), params: Vec::new() };
    }
    part
}

fn read_fields(header: &[u8], out: &mut Part) {
    for field in some_fields(header) {
        let value = || unfold_some(field.value, FIELD);
        match field.name.to_ascii_lowercase().as_slice() {
            b"content-type" if out.content_type.value.is_empty() => out.content_type = params::parse(&value()),
            b"content-transfer-encoding" => {
                let text = params::parse(&value()).value;
                if !text.is_empty() && text.len() < 100 {
                    out.encoding = text;
                }
            }
            b"content-id" => out.id = Some(value()),
            b"content-description" => out.description = Some(value()),
            b"content-md5" => out.md5 = Some(value()),
            b"content-location" => out.location = Some(value()),
            b"content-disposition" => {
                let parsed = params::parse(&value());
                out.disposition = (!parsed.value.is_empty()).then_some(parsed);
            }
            b"content-language" => {
                let value = value();
                let tags = value.split(|b| *b == b',').map(|tag| tag.trim_ascii().to_vec());
                out.language = tags.filter(|tag| !tag.is_empty()).take(50).collect();
            }
            _ => {}
        }
    }
}

fn well_formed(media: &str) -> bool {
    let token =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b));
    media.len() <= 200 && media.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

fn boundary(content_type: &Parameterized) -> Option<Vec<u8>> {
    let raw = content_type.params.iter().find(|(name, _)| name == "boundary").map(|(_, value)| value.clone());
    let value = raw.or_else(|| content_type.get("boundary").map(String::into_bytes))?;
    let value = value.trim_ascii_end();
    (!value.is_empty() && value.len() <= 250).then(|| value.to_vec())
}

/// The ranges between the delimiter lines. The line end before a delimiter belongs to the delimiter.
fn cut(raw: &[u8], body: Range<usize>, boundary: &[u8]) -> Vec<Range<usize>> {
    let delimiter = [b"--", boundary].concat();
    let finder = memchr::memmem::Finder::new(&delimiter);
    let (mut out, mut open, mut at) = (Vec::new(), None::<usize>, body.start);
    while let Some(found) = finder.find(&raw[at..body.end]) {
        let start = at + found;
        at = start + delimiter.len();
        if start > body.start && raw[start - 1] != b'\n' {
            continue;
        }
        let line_end = header::line_end(&raw[..body.end], at);
        let rest = raw[at..line_end].trim_ascii_end();
        let last = rest == b"--";
        if !rest.is_empty() && !last {
            continue;
        }
        if let Some(from) = open {
            out.push(from..before_line_end(raw, from, start));
        }
        if last || out.len() >= PARTS {
            return out;
        }
        (open, at) = (Some(line_end), line_end);
    }
    if let Some(from) = open {
        out.push(from..body.end);
    }
    out
}

fn before_line_end(raw: &[u8], from: usize, start: usize) -> usize {
    let mut end = start;
    if end > from && raw[end - 1] == b'\n' {
        end -= 1;
        if end > from && raw[end - 1] == b'\r' {
            end -= 1;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body<'a>(raw: &'a [u8], part: &Part) -> &'a str {
        std::str::from_utf8(&raw[part.body.clone()]).unwrap()
    }

    fn children(part: &Part) -> &[Part] {
        match &part.kind {
            Kind::Multipart(children) => children,
            _ => panic!("no multipart: {part:?}"),
        }
    }

    #[test]
    fn the_example_of_rfc_2046_section_5_1_1() {
        let raw = b"MIME-Version: 1.0\r\nContent-type: multipart/mixed; boundary=\"simple boundary\"\r\n\r\nThis is the preamble.\r\n\r\n--simple boundary\r\n\r\nNo line break at the end.\r\n--simple boundary\r\nContent-type: text/plain; charset=us-ascii\r\n\r\nOne line break.\r\n\r\n--simple boundary--\r\n\r\nThe epilogue.\r\n";
        let root = parse(raw);
        let parts = children(&root);
        assert_eq!(parts.len(), 2);
        assert_eq!((body(raw, &parts[0]), parts[0].lines), ("No line break at the end.", 0));
        assert_eq!((body(raw, &parts[1]), parts[1].lines), ("One line break.\r\n", 1));
    }

    #[test]
    fn an_inner_multipart_without_its_end_stops_at_the_outer_boundary() {
        let raw = b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=ab\n\n--ab\n\none\n--ab\n\ntwo\n--a\n\nthree\n";
        let root = parse(raw);
        let outer = children(&root);
        assert_eq!(outer.len(), 2);
        assert_eq!(children(&outer[0]).iter().map(|p| body(raw, p)).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(body(raw, &outer[1]), "three\n");
    }

    #[test]
    fn a_message_inside_has_parts_of_its_own() {
        let raw = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: deep\r\n\r\nhi\r\n--d--\r\n";
        let root = parse(raw);
        let Kind::Message(inner) = &root.kind else { panic!() };
        let Kind::Message(deep) = &children(inner)[0].kind else { panic!() };
        assert_eq!(body(raw, deep), "hi");
    }

    #[test]
    fn depth_and_count_are_bounded() {
        let mut raw = Vec::new();
        for n in 0..200 {
            raw.extend(format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n").bytes());
        }
        let mut count = 0;
        parse(&raw).walk(&mut |_| count += 1);
        assert_eq!(count, DEPTH + 1);
        let wide =
            [b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec(), b"--b\r\n\r\n".repeat(5000)].concat();
        let mut count = 0;
        parse(&wide).walk(&mut |_| count += 1);
        assert!(count <= PARTS, "{count}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(parts in prop::collection::vec(prop_oneof![
            Just(b"--b\r\n".to_vec()), Just(b"--b--\r\n".to_vec()), Just(b"\r\n".to_vec()),
            Just(b"Content-Type: multipart/mixed; boundary=b\r\n".to_vec()),
            Just(b"Content-Type: message/rfc822\r\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..20),
        ], 0..40)) {
            let raw = parts.concat();
            parse(&raw).walk(&mut |part| {
                assert!(part.header.end == part.body.start && part.body.end <= raw.len());
            });
        }
    }
}

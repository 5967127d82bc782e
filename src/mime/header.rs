//! Header fields (RFC 5322 §2.2): where each begins and ends. Tolerant: a bare LF ends a line too, a line without a
//! colon is passed over, the header ends at the first empty line or where the bytes end.

use std::ops::Range;

/// A field as it stands in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Without the colon and blanks before it.
    pub name: &'a [u8],
    /// After the colon, folded as it stands, without the last line end.
    pub value: &'a [u8],
    /// Offset of the name's first octet.
    pub start: usize,
    /// Offset after the last line end.
    pub end: usize,
}

impl Field<'_> {
    /// Compares the name without case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Offset after the empty line that ends the header at the front of `raw`; its length if there is none.
pub fn end_of_header(raw: &[u8]) -> usize {
    let mut at = 0;
    while at < raw.len() {
        let end = line_end(raw, at);
        if is_empty_line(&raw[at..end]) {
            return end;
        }
        at = end;
    }
    raw.len()
}

/// The fields of a header, in order. `header` may have its empty line or not.
pub fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < header.len() {
            let start = at;
            let mut end = line_end(header, at);
            if is_empty_line(&header[start..end]) {
                at = header.len();
                return None;
            }
            while end < header.len()
                && matches!(header[end], b' ' | b'\t')
                && !is_empty_line(&header[end..line_end(header, end)])
            {
                end = line_end(header, end);
            }
            at = end;
            let line = &header[start..end];
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let name = line[..colon].trim_ascii_end();
            if name.is_empty() || name.iter().any(|b| !b.is_ascii_graphic()) {
                continue;
            }
            return Some(Field { name, value: trim_line_end(&line[colon + 1..]), start, end });
        }
        None
    })
}

/// Most fields of a header that are looked at for what is kept of a message.
const SOME: usize = 5000;

/// As [`fields`], of a message that may be nothing but fields.
pub fn some_fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    fields(header).take(SOME)
}

/// The first field of a name.
pub fn find<'a>(header: &'a [u8], name: &str) -> Option<Field<'a>> {
    fields(header).find(|field| field.is(name))
}

/// The value without its folds: line ends go, the blank after each stays (RFC 5322 §2.2.3); blanks at both ends go.
pub fn unfold(value: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n' | 0)).collect();
    let end = out.trim_ascii_end().len();
    out.truncate(end);
    let start = out.len() - out.trim_ascii_start().len();
    out.drain(..start);
    out
}

/// As [`unfold`], of the first `most` octets: what is kept of a message's header is bounded.
pub fn unfold_some(value: &[u8], most: usize) -> Vec<u8> {
    unfold(&value[..value.len().min(most)])
}

/// Offset after the line end that closes the line at `at`, or the end.
pub fn line_end(raw: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &raw[at..]).map_or(raw.len(), |n| at + n + 1)
}

/// Where the header at the front of a range ends and the body begins.
pub fn split(raw: &[u8], range: Range<usize>) -> (Range<usize>, Range<usize>) {
    let middle = range.start + end_of_header(&raw[range.clone()]);
    (range.start..middle, middle..range.end)
}

fn is_empty_line(line: &[u8]) -> bool {
    matches!(line, b"\r\n" | b"\n")
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_found_with_their_folds() {
        let raw = b"From: a@b\r\nSubject: one\r\n  two\r\nnonsense\r\nTo : c@d\r\n\r\nBody: no\r\n";
        let list: Vec<_> = fields(raw)
            .map(|f| {
                (String::from_utf8_lossy(f.name).into_owned(), String::from_utf8_lossy(&unfold(f.value)).into_owned())
            })
            .collect();
        assert_eq!(
            list,
            [("From".into(), "a@b".into()), ("Subject".into(), "one  two".into()), ("To".into(), "c@d".to_owned())]
        );
        assert_eq!(&raw[end_of_header(raw)..], b"Body: no\r\n");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw: Vec<u8>) {
            let end = end_of_header(&raw);
            prop_assert!(end <= raw.len());
            for field in fields(&raw) {
                prop_assert!(field.start < field.end && field.end <= raw.len());
            }
        }
    }
}

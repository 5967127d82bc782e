//! Pictures that come with a message: raster images alone, by what their bytes are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;

/// Octets of all inline images of a message together.
const TOTAL: usize = 16 << 20;

/// The media type of a picture that browsers only draw. What it claims to be does not count.
pub fn raster(bytes: &[u8]) -> Option<&'static str> {
    let kind = infer::get(bytes)?.mime_type();
    matches!(kind, "image/png" | "image/jpeg" | "image/gif" | "image/webp").then_some(kind)
}

/// Longest beginning of a `data:` address that is looked through for its comma.
const HEAD: usize = 200;

/// The pictures of a message, for all of its texts: what may still be shown of them, and what was found already.
pub struct Pictures<'a> {
    /// Octets left of [`TOTAL`].
    left: usize,
    /// The bytes of the part with a Content-ID (without its angle brackets), if there are no more of them than said.
    part: &'a dyn Fn(&str, usize) -> Option<Vec<u8>>,
    /// By Content-ID; `None`: there is none, it is no picture, or it was too much. A text may name one 100,000 times.
    known: HashMap<String, Option<Picture>>,
}

struct Picture {
    /// Its `data:` address.
    data: String,
    octets: usize,
}

impl<'a> Pictures<'a> {
    pub fn new(part: &'a dyn Fn(&str, usize) -> Option<Vec<u8>>) -> Self {
        Self { left: TOTAL, part, known: HashMap::new() }
    }

    /// The `data:` address of the picture with a Content-ID. Each time it is shown costs its size, and so does finding out
    /// that it is none.
    pub(super) fn named(&mut self, id: String) -> Option<String> {
        if let Some(known) = self.known.get(&id) {
            let Picture { data, octets } = known.as_ref()?;
            self.left = self.left.checked_sub(*octets)?;
            return Some(data.clone());
        }
        let bytes = (self.part)(&id, self.left);
        let octets = bytes.as_ref().map_or(0, Vec::len);
        let data = bytes.and_then(|bytes| self.data_of(&bytes));
        self.known.insert(id, data.clone().map(|data| Picture { data, octets }));
        data
    }

    /// A `data:` address of a picture; `None`: it is none, or too much. Costs its size in both cases.
    pub(super) fn data_of(&mut self, bytes: &[u8]) -> Option<String> {
        self.left = self.left.checked_sub(bytes.len())?;
        address(bytes)
    }

    /// As [`Pictures::data_of`], of the picture inside a `data:` address in base64 (RFC 2397).
    pub(super) fn data_again(&mut self, source: &str) -> Option<String> {
        let comma = memchr::memchr(b',', &source.as_bytes()[..source.len().min(HEAD)])?;
        let (head, body) = (&source[..comma], &source[comma + 1..]);
        if !head.to_ascii_lowercase().ends_with(";base64") {
            return None;
        }
        // By what is read, since it may be rubbish all through.
        self.left = self.left.checked_sub(body.len() / 4 * 3)?;
        // `%2B` and its like are written by few; the picture is then not shown.
        address(&crate::mime::words::base64_lenient(body.as_bytes()))
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let kind = raster(bytes)?;
    Some(format!("data:{kind};base64,{}", STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;";

    #[test]
    fn pictures_are_known_by_their_bytes() {
        assert_eq!(raster(GIF), Some("image/gif"));
        for other in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"<html>", b"%PDF-1.7", b""] {
            assert_eq!(raster(other), None);
        }
        let mut pictures = Pictures::new(&|_, _| None);
        let data = pictures.data_of(GIF).unwrap();
        assert!(data.starts_with("data:image/gif;base64,"));
        assert_eq!(pictures.data_again(&data.replace("image/gif", "text/html")), Some(data));
        assert_eq!(pictures.data_again("data:image/png;base64,PHN2Zz4="), None);
        assert_eq!(pictures.data_again("data:image/png,x"), None);
    }

    #[test]
    fn all_of_them_together_are_bounded() {
        let mut pictures = Pictures::new(&|_, _| None);
        let big = [GIF, &vec![0; TOTAL / 2]].concat();
        assert!(pictures.data_of(&big).is_some());
        assert!(pictures.data_of(&big).is_none());
        let rubbish = format!("data:image/gif;base64,{}", "!".repeat(TOTAL / 2));
        assert!(pictures.data_again(&rubbish).is_none());
        assert!(pictures.left < TOTAL / 4, "what is no base64 costs as much");
    }

    #[test]
    fn each_part_is_decoded_once_whatever_it_is() {
        let decoded = Cell::new(0);
        let part = |id: &str, most: usize| {
            let bytes = match id {
                "gif" => GIF.to_vec(),
                "svg" => b"<svg>".to_vec(),
                "large" => return (TOTAL <= most).then(|| vec![0; TOTAL]),
                _ => return None,
            };
            decoded.set(decoded.get() + 1);
            Some(bytes)
        };
        let mut pictures = Pictures::new(&part);
        for _ in 0..100 {
            assert!(pictures.named("gif".into()).is_some());
            for none in ["svg", "large", "nobody"] {
                assert_eq!(pictures.named(none.into()), None, "{none}");
            }
        }
        assert_eq!(decoded.get(), 2);
        assert_eq!(TOTAL - pictures.left, 100 * GIF.len() + 5, "shown 100 times, refused once");
    }
}

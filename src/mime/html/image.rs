//! Pictures that come with a message: raster images alone, by what their bytes are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Octets of all inline images of a message together.
const TOTAL: usize = 16 << 20;

/// The media type of a picture that browsers only draw. What it claims to be does not count.
pub fn raster(bytes: &[u8]) -> Option<&'static str> {
    let kind = infer::get(bytes)?.mime_type();
    matches!(kind, "image/png" | "image/jpeg" | "image/gif" | "image/webp").then_some(kind)
}

/// What is left of [`TOTAL`].
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new() -> Self {
        Self(TOTAL)
    }

    /// A `data:` address of a picture; `None`: it is none, or too much. Costs its size in both cases.
    pub(super) fn data_of(&mut self, bytes: &[u8]) -> Option<String> {
        self.0 = self.0.checked_sub(bytes.len())?;
        let kind = raster(bytes)?;
        Some(format!("data:{kind};base64,{}", STANDARD.encode(bytes)))
    }

    /// As [`Budget::data_of`], of the picture inside a `data:` address in base64 (RFC 2397).
    pub(super) fn data_again(&mut self, address: &str) -> Option<String> {
        let (head, body) = address.split_once(',')?;
        if !head.to_ascii_lowercase().ends_with(";base64") || body.len() / 4 * 3 > self.0 {
            return None;
        }
        // `%2B` and its like are written by few; the picture is then not shown.
        self.data_of(&crate::mime::words::base64_lenient(body.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;";

    #[test]
    fn pictures_are_known_by_their_bytes() {
        assert_eq!(raster(GIF), Some("image/gif"));
        for other in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"<html>", b"%PDF-1.7", b""] {
            assert_eq!(raster(other), None);
        }
        let mut budget = Budget::new();
        let data = budget.data_of(GIF).unwrap();
        assert!(data.starts_with("data:image/gif;base64,"));
        assert_eq!(budget.data_again(&data.replace("image/gif", "text/html")), Some(data));
        assert_eq!(budget.data_again("data:image/png;base64,PHN2Zz4="), None);
        assert_eq!(budget.data_again("data:image/png,x"), None);
    }

    #[test]
    fn all_of_them_together_are_bounded() {
        let mut budget = Budget::new();
        let big = [GIF, &vec![0; TOTAL / 2]].concat();
        assert!(budget.data_of(&big).is_some());
        assert!(budget.data_of(&big).is_none());
    }
}

//! Transfer encodings undone piece by piece, for parts too large to be held whole (RFC 2045 §6).

use super::text::decode_transfer;
use super::words::base64_lenient;

/// Most octets held back to wait for a line end: lines of mail are shorter.
const LINE: usize = 64 << 10;

/// Undoes one part's encoding; unknown ones are passed on as they are.
pub struct Decoder {
    kind: Kind,
    /// What came and can't be decoded before more does.
    held: Vec<u8>,
}

enum Kind {
    Identity,
    Base64,
    /// Padding was seen: what follows is not data.
    Ended,
    QuotedPrintable,
}

impl Decoder {
    /// `encoding` in lower case, as the part map has it.
    pub fn new(encoding: &str) -> Self {
        let kind = match encoding {
            "base64" => Kind::Base64,
            "quoted-printable" => Kind::QuotedPrintable,
            _ => Kind::Identity,
        };
        Self { kind, held: Vec::new() }
    }

    /// Takes the next piece and answers what is decoded by now.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        match self.kind {
            Kind::Identity => piece.to_vec(),
            Kind::Ended => Vec::new(),
            Kind::Base64 => {
                let end = memchr::memchr(b'=', piece);
                let data = &piece[..end.unwrap_or(piece.len())];
                let letter = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
                self.held.extend(data.iter().filter(letter));
                if end.is_some() {
                    self.kind = Kind::Ended;
                    return base64_lenient(&std::mem::take(&mut self.held));
                }
                let ready = self.held.len() / 4 * 4;
                base64_lenient(&self.held.drain(..ready).collect::<Vec<u8>>())
            }
            Kind::QuotedPrintable => {
                self.held.extend_from_slice(piece);
                let ready = self.whole_lines();
                decode_transfer("quoted-printable", &self.held.drain(..ready).collect::<Vec<u8>>()).into_owned()
            }
        }
    }

    /// No more comes: what was held back.
    pub fn finish(self) -> Vec<u8> {
        match self.kind {
            Kind::Identity | Kind::Ended => Vec::new(),
            Kind::Base64 => base64_lenient(&self.held),
            Kind::QuotedPrintable => decode_transfer("quoted-printable", &self.held).into_owned(),
        }
    }

    /// Octets up to a place that no escape spans: after a line end, or in an endless line before its last `=`.
    fn whole_lines(&self) -> usize {
        match memchr::memrchr(b'\n', &self.held) {
            Some(at) => at + 1,
            None if self.held.len() <= LINE => 0,
            None => {
                memchr::memrchr(b'=', &self.held).filter(|at| self.held.len() - at < 100).unwrap_or(self.held.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_cut_between_pieces_changes_nothing(
            raw in "[A-Za-z0-9+/=\r\n ]{0,200}",
            encoding in prop::sample::select(vec!["base64", "quoted-printable", "7bit", "x-unknown"]),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(raw.len() + 1)).collect();
            places.sort_unstable();
            let mut decoder = Decoder::new(encoding);
            let (mut out, mut at) = (Vec::new(), 0);
            for place in places.into_iter().chain([raw.len()]) {
                out.extend(decoder.push(&raw.as_bytes()[at..place]));
                at = place;
            }
            out.extend(decoder.finish());
            prop_assert_eq!(out, decode_transfer(encoding, raw.as_bytes()).into_owned());
        }
    }

    #[test]
    fn an_endless_line_is_not_held() {
        let mut decoder = Decoder::new("quoted-printable");
        let out = decoder.push(&[&vec![b'a'; LINE][..], b"b=3"].concat());
        assert_eq!(out.len(), LINE + 1);
        assert_eq!(decoder.push(b"D").len(), 0);
        assert_eq!(decoder.finish(), b"=");
    }
}

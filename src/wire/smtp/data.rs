//! The body of DATA (RFC 5321 §4.5.2): dots undone, and only `CRLF . CRLF` ends it. Bare CR, bare LF and NUL never end
//! anything: the message is read to its real end and refused there, so that nothing can be smuggled.

/// Why a body is refused once it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadBody {
    BareCr,
    BareLf,
    Nul,
}

/// Reads a body piece by piece; each octet is looked at once.
#[derive(Debug)]
pub struct DataReader {
    state: State,
    bad: Option<BadBody>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// After CRLF, and at the very front.
    LineStart,
    InLine,
    /// A CR was read and not yet written.
    Cr,
    /// A dot at the front of a line was read and not written.
    Dot,
    /// That dot and a CR.
    DotCr,
    Ended,
}

impl Default for DataReader {
    fn default() -> Self {
        Self { state: State::LineStart, bad: None }
    }
}

impl DataReader {
    /// Takes octets, appends the body's to `out`, and answers how many were used: fewer than given only if the body has
    /// ended, the rest being the next command.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while at < input.len() && self.state != State::Ended {
            if self.state == State::InLine {
                let run = memchr::memchr3(b'\r', b'\n', 0, &input[at..]).unwrap_or(input.len() - at);
                out.extend_from_slice(&input[at..at + run]);
                at += run;
                if at == input.len() {
                    break;
                }
            }
            self.byte(input[at], out);
            at += 1;
        }
        at
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = match (self.state, byte) {
            (State::LineStart, b'.') => State::Dot,
            (State::Dot, b'\r') => State::DotCr,
            (State::DotCr, b'\n') => State::Ended,
            (State::Cr, b'\n') => {
                out.extend_from_slice(b"\r\n");
                State::LineStart
            }
            // The dot was stuffing: what follows is the line (RFC 5321 §4.5.2 drops it whatever follows).
            (State::Dot, other) => return self.plain(other, out),
            // A CR that no LF followed is a fault, and this octet begins anew.
            (State::Cr | State::DotCr, other) => {
                self.fault(BadBody::BareCr);
                out.push(b'\r');
                return self.plain(other, out);
            }
            (State::LineStart | State::InLine, other) => return self.plain(other, out),
            (State::Ended, _) => State::Ended,
        };
    }

    fn plain(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = State::InLine;
        match byte {
            b'\r' => {
                self.state = State::Cr;
                return;
            }
            b'\n' => self.fault(BadBody::BareLf),
            0 => self.fault(BadBody::Nul),
            _ => {}
        }
        out.push(byte);
    }

    fn fault(&mut self, bad: BadBody) {
        self.bad.get_or_insert(bad);
    }

    /// Whether the body is whole.
    pub fn ended(&self) -> bool {
        self.state == State::Ended
    }

    /// The first fault.
    pub fn bad(&self) -> Option<BadBody> {
        self.bad
    }
}

/// What is wrong with a body that came by BDAT: the same faults, unless it is BINARYMIME.
pub fn check(body: &[u8]) -> Option<BadBody> {
    let mut previous = 0xff;
    for byte in body {
        match (previous, *byte) {
            (_, 0) => return Some(BadBody::Nul),
            (b'\r', b'\n') => {}
            (b'\r', _) => return Some(BadBody::BareCr),
            (_, b'\n') => return Some(BadBody::BareLf),
            _ => {}
        }
        previous = *byte;
    }
    (previous == b'\r').then_some(BadBody::BareCr)
}

/// A body as DATA sends it, in pieces of about `most` octets: dots doubled, a missing last CRLF added, the end marker.
pub fn stuffed(body: &[u8], most: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    let (mut at, mut ended) = (0, false);
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let cut = body.len().min(at + most);
        let mut out = Vec::with_capacity(cut - at + 64);
        let begin = at;
        for dot in memchr::memchr_iter(b'.', &body[begin..cut]).map(|n| begin + n) {
            if dot == 0 || body[..dot].ends_with(b"\r\n") {
                out.extend_from_slice(&body[at..dot]);
                out.push(b'.');
                at = dot;
            }
        }
        out.extend_from_slice(&body[at..cut]);
        at = cut;
        ended = cut == body.len();
        if ended && !body.is_empty() && !body.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        if ended {
            out.extend_from_slice(b".\r\n");
        }
        Some(out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(input: &[u8]) -> (Vec<u8>, usize, bool, Option<BadBody>) {
        let (mut reader, mut out) = (DataReader::default(), Vec::new());
        let used = reader.push(input, &mut out);
        (out, used, reader.ended(), reader.bad())
    }

    #[test]
    fn only_crlf_dot_crlf_ends() {
        for (input, body, bad) in [
            (&b".\r\n"[..], &b""[..], None),
            (b"a\r\n.\r\n", b"a\r\n", None),
            (b"..x\r\n.\r\n", b".x\r\n", None),
            (b".x\r\n...\r\n.\r\n", b"x\r\n..\r\n", None),
            (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n", Some(BadBody::BareLf)),
            (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n", Some(BadBody::BareLf)),
            (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n", Some(BadBody::BareLf)),
            (b"a\r.\r\nb\r\n.\r\n", b"a\r.\r\nb\r\n", Some(BadBody::BareCr)),
            (b"a\r\n.\r\r\nb\r\n.\r\n", b"a\r\n\r\r\nb\r\n", Some(BadBody::BareCr)),
            (b"a\r\r\n.\r\n", b"a\r\r\n", Some(BadBody::BareCr)),
            (b"a\0\r\n.\r\n", b"a\0\r\n", Some(BadBody::Nul)),
        ] {
            assert_eq!(read(input), (body.to_vec(), input.len(), true, bad), "{:?}", String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn the_next_command_stays() {
        let (body, used, ended, _) = read(b"a\r\n.\r\nQUIT\r\n");
        assert_eq!((body.as_slice(), used, ended), (&b"a\r\n"[..], 6, true));
    }

    #[test]
    fn bdat_bodies_have_the_same_faults() {
        assert_eq!(check(b"a\r\nb"), None);
        assert_eq!(check(b"a\nb"), Some(BadBody::BareLf));
        assert_eq!(check(b"a\rb"), Some(BadBody::BareCr));
        assert_eq!(check(b"a\r"), Some(BadBody::BareCr));
        assert_eq!(check(b"a\0"), Some(BadBody::Nul));
    }

    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec![&b"\r\n"[..], b".", b"\r", b"\n", b"x", b"\0"]);
        prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_cut_between_packets_changes_nothing(body in bodies(), cut in any::<prop::sample::Index>()) {
            let input = [&body[..], b"\r\n.\r\nNOOP\r\n"].concat();
            let cut = cut.index(input.len() + 1);
            let (mut reader, mut out) = (DataReader::default(), Vec::new());
            let mut used = reader.push(&input[..cut], &mut out);
            used += reader.push(&input[used..], &mut out);
            prop_assert_eq!((out, used, reader.ended(), reader.bad()), read(&input));
        }

        #[test]
        fn what_is_stuffed_comes_back(body in bodies(), most in 1usize..40) {
            let wire: Vec<u8> = stuffed(&body, most).flatten().collect();
            let (out, used, ended, bad) = read(&wire);
            if check(&body).is_none() {
                let mut wanted = body;
                if !wanted.is_empty() && !wanted.ends_with(b"\r\n") {
                    wanted.extend_from_slice(b"\r\n");
                }
                prop_assert_eq!((out, used, ended, bad), (wanted, wire.len(), true, None));
            }
        }
    }
}

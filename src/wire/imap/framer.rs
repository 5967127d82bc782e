//! First stage of the codec: bytes to lines and literals, each byte looked at once (RFC 9051 §2.2.1, §4.3).

/// Most octets of command text, literals not counted, unless told otherwise.
pub const MAX_TEXT: usize = 64 * 1024;
/// More than the longest literal marker, so a dropped line still shows whether one follows.
const TAIL: usize = 32;

/// An announced literal; `size` in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal {
    pub size: u64,
    /// The client waits for `+` before it sends (no `{n+}`, RFC 7888).
    pub sync: bool,
    /// `~{n}`, which may hold NUL (RFC 3516).
    pub binary: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Text without CRLF and literal marker. With a literal, call `accept`, `refuse` or `drain` before reading on.
    Line { text: Vec<u8>, literal: Option<Literal> },
    /// Octets of an accepted literal, cut as they arrived.
    Bytes(&'a [u8]),
    /// The command's text passed the bound; `head` is its beginning (the tag). `Dropped` follows at its end.
    TooLong { head: Vec<u8> },
    /// A drained or too long command has ended; the next byte begins a command.
    Dropped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    Undecided(Literal),
    Literal(u64),
}

/// Splits one connection's bytes; holds only the unfinished line.
#[derive(Debug)]
pub struct Framer {
    state: State,
    line: Vec<u8>,
    /// Octets of text in the command's earlier lines.
    spent: usize,
    dropping: bool,
    max: usize,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new(MAX_TEXT)
    }
}

impl Framer {
    /// `max`: octets of text a command may have, literals not counted.
    pub fn new(max: usize) -> Self {
        Self { state: State::Text, line: Vec::new(), spent: 0, dropping: false, max }
    }

    /// Takes from the front of `input`: how many octets were used, and what they made. Call again with the rest
    /// until nothing is used and nothing made.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> (usize, Option<Event<'a>>) {
        match self.state {
            State::Undecided(_) => (0, None),
            State::Literal(left) => {
                let used = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
                self.expect(left - used as u64);
                (used, (used > 0 && !self.dropping).then(|| Event::Bytes(&input[..used])))
            }
            State::Text => self.text(input),
        }
    }

    /// Its octets will come as `Bytes`, then the rest of the line.
    pub fn accept(&mut self) {
        if let State::Undecided(literal) = self.state {
            self.expect(literal.size);
        }
    }

    /// Ends the command here: after a tagged NO the client does not send a synchronizing literal.
    /// One that is on its way all the same is drained.
    pub fn refuse(&mut self) {
        match self.state {
            State::Undecided(literal) if literal.sync => {
                self.state = State::Text;
                self.spent = 0;
            }
            _ => self.drain(),
        }
    }

    /// Drops the literal, which is on its way, and the rest of its command.
    pub fn drain(&mut self) {
        if let State::Undecided(literal) = self.state {
            self.dropping = true;
            self.expect(literal.size);
        }
    }

    /// Octets of a literal are on their way.
    pub fn in_literal(&self) -> bool {
        matches!(self.state, State::Literal(_))
    }

    fn expect(&mut self, left: u64) {
        self.state = if left == 0 { State::Text } else { State::Literal(left) };
    }

    fn text<'a>(&mut self, input: &[u8]) -> (usize, Option<Event<'a>>) {
        let used = memchr::memchr(b'\n', input).map_or(input.len(), |at| at + 1);
        let room = (self.max + 2).saturating_sub(self.spent + self.line.len());
        if !self.dropping && used > room {
            self.line.extend_from_slice(&input[..room]);
            self.dropping = true;
            let head = self.line[..self.line.len().min(TAIL)].to_vec();
            return (room, Some(Event::TooLong { head }));
        }
        self.line.extend_from_slice(&input[..used]);
        let ended = self.line.ends_with(b"\r\n");
        if self.dropping {
            self.line.drain(..self.line.len().saturating_sub(TAIL));
        }
        (used, if ended { self.end_line() } else { None })
    }

    fn end_line<'a>(&mut self) -> Option<Event<'a>> {
        let mut text = std::mem::take(&mut self.line);
        text.truncate(text.len().saturating_sub(2));
        let found = marker(&text);
        if self.dropping {
            if let Some((_, literal)) = found.filter(|(_, literal)| !literal.sync) {
                self.expect(literal.size);
                return None;
            }
            self.dropping = false;
            self.spent = 0;
            return Some(Event::Dropped);
        }
        self.spent = if found.is_some() { self.spent + text.len() } else { 0 };
        if let Some((at, literal)) = found {
            text.truncate(at);
            self.state = State::Undecided(literal);
        }
        Some(Event::Line { text, literal: found.map(|(_, literal)| literal) })
    }
}

/// The literal announced at the end of `text`, and where its marker begins.
fn marker(text: &[u8]) -> Option<(usize, Literal)> {
    let inner = text.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inner)?;
    let (digits, sync) = inner[open + 1..].strip_suffix(b"+").map_or((&inner[open + 1..], true), |d| (d, false));
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let binary = text[..open].ends_with(b"~");
    Some((open - usize::from(binary), Literal { size, sync, binary }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs `input` cut in pieces; adjoining literal octets are joined so that cuts do not show.
    fn run(input: &[u8], cut: usize, max: usize) -> Vec<String> {
        let (mut framer, mut out, mut body) = (Framer::new(max), Vec::new(), Vec::new());
        for mut piece in input.chunks(cut.max(1)) {
            loop {
                let (used, event) = framer.next(piece);
                piece = &piece[used..];
                match event {
                    Some(Event::Bytes(bytes)) => body.extend_from_slice(bytes),
                    Some(event) => {
                        out.push(format!("{:?} {event:?}", std::mem::take(&mut body)));
                        match event {
                            Event::Line { literal: Some(l), .. } if l.size > 50 => framer.refuse(),
                            _ => framer.accept(),
                        }
                    }
                    None if used == 0 => break,
                    None => {}
                }
            }
        }
        out
    }

    #[test]
    fn rfc_example_with_literals() {
        let mut framer = Framer::default();
        let (used, event) = framer.next(b"A001 LOGIN {11}\r\nFRED FOOBAR");
        let literal = Some(Literal { size: 11, sync: true, binary: false });
        assert_eq!((used, event), (17, Some(Event::Line { text: b"A001 LOGIN ".to_vec(), literal })));
        assert_eq!(framer.next(b"FRED FOOBAR"), (0, None));
        framer.accept();
        assert_eq!(framer.next(b"FRED FOOBAR\r\n"), (11, Some(Event::Bytes(b"FRED FOOBAR"))));
        assert_eq!(framer.next(b"\r\n"), (2, Some(Event::Line { text: vec![], literal: None })));
    }

    #[test]
    fn too_long_and_drained_commands_resync() {
        let out = run(b"a 0123456789012345\r\nb NOOP\r\nc X {60+}\r\n", 7, 10);
        assert!(out[0].contains("TooLong") && out[1].contains("Dropped") && out[2].contains("Line"), "{out:?}");
        let mut drained = b"a X {60+}\r\n".to_vec();
        drained.extend([b'x'; 60]);
        drained.extend(b" {3+}\r\n\r\n! tail\r\nb NOOP\r\n");
        let out = run(&drained, 5, 100);
        assert!(out.len() == 3 && out[1].contains("Dropped") && out[2].contains("literal: None"), "{out:?}");
    }

    #[test]
    fn corpus_is_the_same_however_cut() {
        let login = include_bytes!("../../../tests/corpus/imap/login-literals.txt");
        let whole = run(login, login.len(), MAX_TEXT);
        assert!(whole.len() == 3 && whole[2].contains("literal: None"), "{whole:?}");
        assert_eq!(run(login, 1, MAX_TEXT), whole);
    }

    #[test]
    fn markers() {
        assert_eq!(marker(b"x ~{3+}"), Some((2, Literal { size: 3, sync: false, binary: true })));
        assert_eq!(marker(b"x {}"), None);
        assert_eq!(marker(b"x {-1}"), None);
    }

    proptest! {
        #[test]
        fn cut_anywhere(input in "([a-z ~]{0,12}(\\{[0-9]{1,2}\\+?\\})?(\r\n|\n|\r)){0,8}", cut in 1usize..9) {
            prop_assert_eq!(run(input.as_bytes(), cut, 20), run(input.as_bytes(), usize::MAX, 20));
        }

        #[test]
        fn survives_anything(input in proptest::collection::vec(any::<u8>(), 0..300), cut in 1usize..40) {
            run(&input, cut, 64);
        }
    }
}

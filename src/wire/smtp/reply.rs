//! Replies (RFC 5321 §4.2, RFC 2034): the server's writer and the client's reader.

use crate::wire::Decoded;
use std::borrow::Cow;

/// What a server answers. The class of the enhanced code is the first digit of the code, so the two can't disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    /// Subject and detail of the enhanced code; `None` for the greeting, EHLO and intermediate replies.
    detail: Option<(u16, u16)>,
    text: Cow<'static, str>,
}

impl Reply {
    pub fn new(code: u16, subject: u16, detail: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: Some((subject, detail)), text: text.into() }
    }

    /// Without an enhanced code; `text` may have several lines.
    pub fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: None, text: text.into() }
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    /// 5xx.
    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// Writes it, a line for each line of the text.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let enhanced = self.detail.map_or_else(String::new, |(s, d)| format!("{}.{s}.{d} ", self.code / 100));
        let mut lines = self.text.lines().peekable();
        if lines.peek().is_none() {
            out.extend_from_slice(format!("{} {}\r\n", self.code, enhanced.trim_end()).as_bytes());
        }
        while let Some(line) = lines.next() {
            let mark = if lines.peek().is_some() { '-' } else { ' ' };
            out.extend_from_slice(format!("{}{mark}{enhanced}{line}\r\n", self.code).as_bytes());
        }
    }
}

/// What a client read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub code: u16,
    /// The texts of its lines, enhanced codes and all.
    pub lines: Vec<String>,
}

/// Most lines of an answer.
const LINES: usize = 200;

impl Answer {
    /// Reads the answer at the front of `input`, all its lines. A server that ends lines with a bare LF is understood.
    pub fn decode(input: &[u8]) -> Decoded<Self> {
        let (mut at, mut lines, mut code) = (0, Vec::new(), 0);
        loop {
            let Some(end) = memchr::memchr(b'\n', &input[at..]) else {
                return if input.len() - at > 4096 {
                    Decoded::Bad { why: "line too long", used: input.len() }
                } else {
                    Decoded::More
                };
            };
            let line = String::from_utf8_lossy(input[at..at + end].trim_ascii_end()).into_owned();
            at += end + 1;
            let number = line.get(..3).and_then(|digits| digits.parse::<u16>().ok()).filter(|n| (200..600).contains(n));
            let mark = line.as_bytes().get(3).copied().unwrap_or(b' ');
            match number {
                Some(number) if matches!(mark, b' ' | b'-') && (code == 0 || code == number) && lines.len() < LINES => {
                    code = number
                }
                _ => return Decoded::Bad { why: "no SMTP reply", used: at },
            }
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if mark == b' ' {
                return Decoded::Item { item: Self { code, lines }, used: at };
            }
        }
    }

    /// The enhanced code at the front of the last line, as text: `5.1.1`.
    pub fn enhanced(&self) -> Option<&str> {
        let word = self.lines.last()?.split(' ').next()?;
        let fine = word.split('.').count() == 3
            && word.split('.').all(|n| !n.is_empty() && n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit()));
        (fine && word.starts_with(char::from(b'0' + (self.code / 100) as u8))).then_some(word)
    }

    /// Its words in one line.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replies_are_written_and_read_back() {
        for (reply, wire) in [
            (Reply::new(250, 1, 0, "Sender ok"), "250 2.1.0 Sender ok\r\n"),
            (Reply::plain(250, "mx.test\nSIZE 1\nDSN"), "250-mx.test\r\n250-SIZE 1\r\n250 DSN\r\n"),
            (Reply::new(550, 1, 1, "No\nsuch"), "550-5.1.1 No\r\n550 5.1.1 such\r\n"),
            (Reply::plain(334, ""), "334 \r\n"),
        ] {
            let mut out = Vec::new();
            reply.encode(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), wire);
            assert!(matches!(Answer::decode(&out), Decoded::Item { used, .. } if used == wire.len()));
        }
        let Decoded::Item { item, .. } = Answer::decode(b"450-4.2.1 a\r\n450 4.2.1 b\r\n250 next\r\n") else {
            panic!()
        };
        assert_eq!((item.code, item.enhanced(), item.text().as_str()), (450, Some("4.2.1"), "4.2.1 a 4.2.1 b"));
    }

    #[test]
    fn what_is_no_reply_is_told() {
        for bad in ["HTTP/1.1 200\r\n", "250-a\r\n550 b\r\n", "99 x\r\n", "250=x\r\n"] {
            assert!(matches!(Answer::decode(bad.as_bytes()), Decoded::Bad { .. }), "{bad}");
        }
        assert_eq!(Answer::decode(b"250-a\r\n"), Decoded::More);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(input: Vec<u8>) {
            if let Decoded::Item { used, .. } | Decoded::Bad { used, .. } = Answer::decode(&input) {
                prop_assert!(used > 0 && used <= input.len());
            }
        }
    }
}

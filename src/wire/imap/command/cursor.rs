//! Reads the pieces that every command is made of (RFC 9051 §9).

use super::{Fault, Hole, Source};
use crate::model::sequence::{Number, SequenceSet};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeZone};

pub(super) type Result<T> = std::result::Result<T, Fault>;

/// Deepest nesting of parentheses, NOT and OR.
pub(super) const DEPTH: usize = 64;
/// Most ranges in a set.
const RANGES: usize = 20_000;

/// A place in a command's text.
pub(super) struct Cursor<'a> {
    source: &'a Source,
    line: usize,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, line: 0, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.source.lines.get(self.line).and_then(|line| line.get(self.at..)).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Nothing is left: no text and no literal.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty() && self.line + 1 >= self.source.lines.len()
    }

    /// The next thing is the literal that was just announced and not yet read.
    pub(super) fn is_at_hole(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn end(&self) -> Result<()> {
        if self.is_at_end() { Ok(()) } else { Err(Fault::Syntax("too many arguments")) }
    }

    pub(super) fn take(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, octet: u8, why: &'static str) -> Result<()> {
        if self.take(octet) { Ok(()) } else { Err(Fault::Syntax(why)) }
    }

    /// One space; some clients write more where one belongs, which is refused.
    pub(super) fn space(&mut self) -> Result<()> {
        self.expect(b' ', "argument missing")
    }

    pub(super) fn while_(&mut self, fine: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|b| !fine(*b)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Takes `word` in any case, if it stands here as a whole.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let found = rest.len() >= word.len()
            && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes())
            && rest.get(word.len()).is_none_or(|b| !is_atom(*b) || *b == b'[');
        if found {
            self.at += word.len();
        }
        found
    }

    /// An atom, as text.
    pub(super) fn atom(&mut self) -> Result<&'a str> {
        text(self.while_(is_atom))
    }

    /// An atom in upper case.
    pub(super) fn name(&mut self) -> Result<String> {
        self.atom().map(str::to_ascii_uppercase)
    }

    pub(super) fn number(&mut self) -> Result<u64> {
        let digits = self.while_(|b| b.is_ascii_digit());
        if digits.is_empty() || digits.len() > 19 {
            return Err(Fault::Syntax("a number was expected"));
        }
        let number = digits.iter().fold(0u64, |n, b| n.wrapping_mul(10).wrapping_add(u64::from(b - b'0')));
        if number > i64::MAX as u64 { Err(Fault::Syntax("number too large")) } else { Ok(number) }
    }

    /// A quoted string or a literal; `None`: neither stands here.
    fn string_if(&mut self) -> Result<Option<Vec<u8>>> {
        if self.take(b'"') {
            return self.quoted().map(Some);
        }
        if self.is_at_hole() && !self.is_at_end() {
            let hole = self.source.holes.get(self.line);
            self.line += 1;
            self.at = 0;
            return match hole {
                Some(Hole::Octets(octets)) if octets.contains(&0) => Err(Fault::Syntax("NUL can't stand in a string")),
                Some(Hole::Octets(octets)) => Ok(Some(octets.clone())),
                _ => Err(Fault::Syntax("a literal stands where none can be")),
            };
        }
        Ok(None)
    }

    fn quoted(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        loop {
            out.extend_from_slice(self.while_(|b| !matches!(b, b'"' | b'\\' | b'\r' | b'\n' | 0)));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    let octet = self.rest().get(1).filter(|b| matches!(b, b'"' | b'\\'));
                    out.push(*octet.ok_or(Fault::Syntax("only \\ and \" can be quoted"))?);
                    self.at += 2;
                }
                _ => return Err(Fault::Syntax("the string has no end")),
            }
        }
    }

    pub(super) fn string(&mut self) -> Result<Vec<u8>> {
        self.string_if()?.ok_or(Fault::Syntax("a string was expected"))
    }

    /// `string / ASTRING-CHAR…`
    pub(super) fn astring(&mut self) -> Result<Vec<u8>> {
        if let Some(string) = self.string_if()? {
            return Ok(string);
        }
        let word = self.while_(|b| is_atom(b) || b == b']' || b >= 0x80);
        if word.is_empty() { Err(Fault::Syntax("a name was expected")) } else { Ok(word.to_vec()) }
    }

    /// `string / list-char…`
    pub(super) fn list_mailbox(&mut self) -> Result<Vec<u8>> {
        if let Some(string) = self.string_if()? {
            return Ok(string);
        }
        let word = self.while_(|b| is_atom(b) || matches!(b, b']' | b'%' | b'*') || b >= 0x80);
        if word.is_empty() { Err(Fault::Syntax("a pattern was expected")) } else { Ok(word.to_vec()) }
    }

    pub(super) fn nstring(&mut self) -> Result<Option<Vec<u8>>> {
        if self.word("NIL") { Ok(None) } else { self.string().map(Some) }
    }

    /// `(a b c)`, possibly empty where `empty`.
    pub(super) fn list<T>(&mut self, empty: bool, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect(b'(', "a list in parentheses was expected")?;
        let mut out = Vec::new();
        if empty && self.take(b')') {
            return Ok(out);
        }
        loop {
            out.push(item(self)?);
            if self.take(b')') {
                return Ok(out);
            }
            self.expect(b' ', "a space or ) was expected")?;
        }
    }

    fn set_number(&mut self) -> Result<Number> {
        if self.take(b'*') {
            return Ok(Number::Largest);
        }
        match u32::try_from(self.number()?) {
            Ok(n) if n > 0 => Ok(Number::Is(n)),
            _ => Err(Fault::Syntax("message numbers are 1 to 4294967295")),
        }
    }

    /// `1:3,7:*` or `$`.
    pub(super) fn set(&mut self) -> Result<SequenceSet> {
        if self.take(b'$') {
            return Ok(SequenceSet::Saved);
        }
        let mut out = Vec::new();
        loop {
            let first = self.set_number()?;
            let last = if self.take(b':') { self.set_number()? } else { first };
            out.push((first, last));
            if !self.take(b',') {
                return Ok(SequenceSet::Ranges(out));
            }
            if out.len() >= RANGES {
                return Err(Fault::Syntax("set too long"));
            }
        }
    }

    /// A message set begins here: a digit, `*` or `$`.
    pub(super) fn at_set(&self) -> bool {
        self.peek().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'*' | b'$'))
    }

    /// `1-Feb-1994`, quoted or not.
    pub(super) fn date(&mut self) -> Result<NaiveDate> {
        let quoted = self.take(b'"');
        let word = text(self.while_(|b| b.is_ascii_alphanumeric() || b == b'-'))?;
        if quoted {
            self.expect(b'"', "the date has no end")?;
        }
        NaiveDate::parse_from_str(word, "%d-%b-%Y").map_err(|_| Fault::Syntax("a date is written 1-Feb-1994"))
    }

    /// `"17-Jul-1996 02:44:25 -0700"`.
    pub(super) fn date_time(&mut self) -> Result<DateTime<FixedOffset>> {
        const WHY: Fault = Fault::Syntax("a date-time is written \"17-Jul-1996 02:44:25 -0700\"");
        self.expect(b'"', "a date-time was expected")?;
        let word = text(self.while_(|b| b != b'"' && b.is_ascii() && !b.is_ascii_control())).map_err(|_| WHY)?;
        self.expect(b'"', "the date-time has no end")?;
        let mut words = word.split_ascii_whitespace();
        let mut next = || words.next().ok_or(WHY);
        let date = NaiveDate::parse_from_str(next()?, "%d-%b-%Y").map_err(|_| WHY)?;
        let time = NaiveTime::parse_from_str(next()?, "%H:%M:%S").map_err(|_| WHY)?;
        let zone: FixedOffset = next()?.parse().map_err(|_| WHY)?;
        if words.next().is_some() {
            return Err(WHY);
        }
        // The columns behind it hold years with four digits.
        let found = zone.from_local_datetime(&date.and_time(time)).single().ok_or(WHY)?;
        if (1..=9999).contains(&chrono::Datelike::year(&found.to_utc())) { Ok(found) } else { Err(WHY) }
    }
}

fn text(octets: &[u8]) -> Result<&str> {
    std::str::from_utf8(octets).ok().filter(|t| !t.is_empty()).ok_or(Fault::Syntax("a word was expected"))
}

/// ATOM-CHAR.
pub(super) fn is_atom(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

impl Cursor<'_> {
    /// Passes a message that is kept outside; whether it was sent as binary.
    pub(super) fn message(&mut self) -> Result<bool> {
        match self.source.holes.get(self.line) {
            Some(Hole::Message { binary }) if self.is_at_hole() => {
                self.line += 1;
                self.at = 0;
                Ok(*binary)
            }
            _ => Err(Fault::Syntax("a message as a literal was expected")),
        }
    }
}

//! Commands as a client sends them, with the parameters that this house announces.

use super::path::{self, BadPath, orcpt_decode, xtext_decode};
use crate::model::address::Address;
use crate::model::dsn::{BodyKind, Notify, Ret};
use crate::wire::Decoded;

/// Longest command line without its CRLF: 512 (RFC 5321 §4.5.3.1.4) and what the extensions add.
pub const LONGEST: usize = 2048;
/// Longest line of an AUTH exchange (RFC 4954 §4).
pub const LONGEST_AUTH: usize = 12_288;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Ehlo(String),
    Helo(String),
    Lhlo(String),
    Mail(Mail),
    Rcpt(Rcpt),
    Data,
    Bdat {
        size: u64,
        last: bool,
    },
    Rset,
    Vrfy,
    Expn,
    Help,
    Noop,
    Quit,
    StartTls,
    /// `initial` is still base64.
    Auth {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
    /// A command that this house does not know.
    Unknown,
    /// A known command whose argument can't be read.
    Malformed(Malformed),
}

/// What is wrong with an argument: doors have a reply for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// 501: the command's syntax.
    Syntax(&'static str),
    /// 553 5.1.3 or 501 5.1.7: the address.
    Address,
    /// 555: a parameter that nobody announced.
    Parameter,
    /// 501: BDAT of no size that can be read; its chunk can't be told from commands.
    Chunk,
}

/// MAIL FROM and its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// `None`: the null sender.
    pub from: Option<Address>,
    pub size: Option<u64>,
    pub body: BodyKind,
    pub smtputf8: bool,
    pub ret: Option<Ret>,
    pub envid: Option<String>,
}

/// RCPT TO and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    pub to: Forward,
    pub notify: Notify,
    pub orcpt: Option<String>,
}

/// Whom RCPT names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forward {
    Address(Address),
    /// `<postmaster>` without a domain (RFC 5321 §4.5.1).
    Postmaster,
}

/// Reads the command at the front of `input`; never looks past its CRLF, so pipelined commands (RFC 2920) stay.
///
/// A bare LF does not end a line: taking it as one is how messages are smuggled. A line longer than [`LONGEST`] is bad
/// once its CRLF is there; the caller bounds how much it gathers.
pub fn decode(input: &[u8]) -> Decoded<Command> {
    let Some((line, used)) = line(input) else { return Decoded::More };
    if line.len() > longest(line) {
        return Decoded::Bad { why: "line too long", used };
    }
    if line.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
        return Decoded::Bad { why: "a command line has no NUL, bare CR or bare LF", used };
    }
    Decoded::Item { item: command(line), used }
}

/// A line's bound: AUTH carries its initial response.
pub fn longest(line: &[u8]) -> usize {
    if line.len() >= 5 && line[..5].eq_ignore_ascii_case(b"AUTH ") { LONGEST_AUTH } else { LONGEST }
}

/// The line at the front without its CRLF, and how many octets it takes with it.
pub fn line(input: &[u8]) -> Option<(&[u8], usize)> {
    let end = memchr::memmem::find(input, b"\r\n")?;
    Some((&input[..end], end + 2))
}

fn command(line: &[u8]) -> Command {
    let line = line.trim_ascii_end();
    let verb_end = memchr::memchr(b' ', line).unwrap_or(line.len());
    let verb = line[..verb_end].to_ascii_uppercase();
    let rest = line[verb_end..].trim_ascii();
    let bare = |command| if rest.is_empty() { command } else { syntax("no argument is allowed") };
    match verb.as_slice() {
        b"EHLO" => greeting(rest, Command::Ehlo),
        b"HELO" => greeting(rest, Command::Helo),
        b"LHLO" => greeting(rest, Command::Lhlo),
        b"MAIL" => mail(rest).unwrap_or_else(Command::Malformed),
        b"RCPT" => rcpt(rest).unwrap_or_else(Command::Malformed),
        b"DATA" => bare(Command::Data),
        b"BDAT" => bdat(rest).unwrap_or(Command::Malformed(Malformed::Chunk)),
        b"RSET" => bare(Command::Rset),
        b"QUIT" => bare(Command::Quit),
        b"STARTTLS" => bare(Command::StartTls),
        b"VRFY" => Command::Vrfy,
        b"EXPN" => Command::Expn,
        b"HELP" => Command::Help,
        b"NOOP" => Command::Noop,
        b"AUTH" => auth(rest).unwrap_or_else(|| syntax("AUTH mechanism [initial-response]")),
        _ => Command::Unknown,
    }
}

fn syntax(why: &'static str) -> Command {
    Command::Malformed(Malformed::Syntax(why))
}

/// The name is only written into Received, so anything printable does (RFC 5321 §4.1.4 forbids to refuse by it).
fn greeting(rest: &[u8], make: fn(String) -> Command) -> Command {
    let fine = !rest.is_empty() && rest.len() <= 255 && rest.iter().all(|b| b.is_ascii_graphic() || !b.is_ascii());
    match std::str::from_utf8(rest) {
        Ok(name) if fine => make(name.to_owned()),
        _ => syntax("a domain or address literal is needed"),
    }
}

fn after_keyword<'a>(rest: &'a [u8], keyword: &[u8]) -> Result<&'a [u8], Malformed> {
    let matches = rest.len() >= keyword.len() && rest[..keyword.len()].eq_ignore_ascii_case(keyword);
    // Blanks after the colon are against RFC 5321 §3.3 and in use.
    matches
        .then(|| rest[keyword.len()..].trim_ascii_start())
        .ok_or(Malformed::Syntax("FROM:<path> or TO:<path> is needed"))
}

fn parameters(rest: &[u8]) -> Result<Vec<(String, Option<&str>)>, Malformed> {
    if !rest.is_empty() && !rest.starts_with(b" ") {
        return Err(Malformed::Syntax("a blank is needed after the path"));
    }
    let text = std::str::from_utf8(rest).map_err(|_| Malformed::Syntax("not UTF-8"))?;
    let split = |word: &'_ str| -> (String, Option<usize>) {
        (word.split('=').next().unwrap_or_default().to_ascii_uppercase(), word.find('='))
    };
    let list: Vec<(String, Option<&str>)> = text
        .split_ascii_whitespace()
        .map(|word| {
            let (name, equals) = split(word);
            (name, equals.map(|at| &word[at + 1..]))
        })
        .collect();
    // Which of two would count is not ours to guess (RFC 5321 §4.1.1.11: each at most once).
    if list.iter().enumerate().any(|(n, (name, _))| list[..n].iter().any(|(other, _)| other == name)) {
        return Err(Malformed::Syntax("a parameter stands there twice"));
    }
    Ok(list)
}

fn mail(rest: &[u8]) -> Result<Command, Malformed> {
    let rest = after_keyword(rest, b"FROM:")?;
    let (path, rest) = path::bracketed(rest).ok_or(Malformed::Syntax("MAIL FROM:<path>"))?;
    let mut out = Mail::default();
    if !path.is_empty() {
        out.from = Some(path::address(path).map_err(bad_path)?);
    }
    for (name, value) in parameters(rest)? {
        match (name.as_str(), value) {
            ("SIZE", Some(value)) => out.size = Some(number(value).ok_or(Malformed::Syntax("SIZE=octets"))?),
            ("BODY", Some(value)) => {
                out.body = body(value).ok_or(Malformed::Syntax("BODY=7BIT, 8BITMIME or BINARYMIME"))?
            }
            ("SMTPUTF8", None) => out.smtputf8 = true,
            ("RET", Some(value)) if value.eq_ignore_ascii_case("FULL") => out.ret = Some(Ret::Full),
            ("RET", Some(value)) if value.eq_ignore_ascii_case("HDRS") => out.ret = Some(Ret::Headers),
            ("ENVID", Some(value)) if value.len() <= 100 => {
                out.envid = Some(xtext_decode(value).and_then(printable).ok_or(Malformed::Syntax("ENVID=xtext"))?);
            }
            // Who is said to have authenticated elsewhere means nothing here (RFC 4954 §5), but is no error.
            ("AUTH", Some(_)) => {}
            ("SIZE" | "BODY" | "RET" | "ENVID" | "SMTPUTF8", _) => {
                return Err(Malformed::Syntax("bad value of a parameter"));
            }
            _ => return Err(Malformed::Parameter),
        }
    }
    Ok(Command::Mail(out))
}

fn rcpt(rest: &[u8]) -> Result<Command, Malformed> {
    let rest = after_keyword(rest, b"TO:")?;
    let (path, rest) = path::bracketed(rest).ok_or(Malformed::Syntax("RCPT TO:<path>"))?;
    let to = if path.eq_ignore_ascii_case(b"postmaster") {
        Forward::Postmaster
    } else {
        Forward::Address(path::address(path).map_err(bad_path)?)
    };
    let mut out = Rcpt { to, notify: Notify::default(), orcpt: None };
    for (name, value) in parameters(rest)? {
        match (name.as_str(), value) {
            ("NOTIFY", Some(value)) => {
                out.notify = notify(value).ok_or(Malformed::Syntax("NOTIFY=NEVER or SUCCESS,FAILURE,DELAY"))?
            }
            ("ORCPT", Some(value)) if value.len() <= 500 => {
                let decoded = value.split_once(';').and_then(|(kind, address)| {
                    let address = printable(orcpt_decode(kind, address)?)?;
                    let named = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                    named.then(|| format!("{kind};{address}"))
                });
                out.orcpt = Some(decoded.ok_or(Malformed::Syntax("ORCPT=type;xtext"))?);
            }
            ("NOTIFY" | "ORCPT", _) => return Err(Malformed::Syntax("bad value of a parameter")),
            _ => return Err(Malformed::Parameter),
        }
    }
    Ok(Command::Rcpt(out))
}

/// `+0D+0A` in decoded xtext would write fields of its own into a report (RFC 3464 §2.2.1, §2.3.1).
fn printable(text: String) -> Option<String> {
    (!text.chars().any(char::is_control)).then_some(text)
}

fn bad_path(bad: BadPath) -> Malformed {
    match bad {
        BadPath::Syntax => Malformed::Syntax("bad path"),
        BadPath::Address => Malformed::Address,
    }
}

fn body(value: &str) -> Option<BodyKind> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Some(BodyKind::SevenBit),
        "8BITMIME" => Some(BodyKind::EightBit),
        "BINARYMIME" => Some(BodyKind::Binary),
        _ => None,
    }
}

/// NEVER alone, or a list without repeats (RFC 3461 §4.1).
fn notify(value: &str) -> Option<Notify> {
    let mut out = Notify::empty();
    for word in value.split(',') {
        let bit = match word.to_ascii_uppercase().as_str() {
            "NEVER" => Notify::NEVER,
            "SUCCESS" => Notify::SUCCESS,
            "FAILURE" => Notify::FAILURE,
            "DELAY" => Notify::DELAY,
            _ => return None,
        };
        if out.contains(bit) {
            return None;
        }
        out |= bit;
    }
    (!out.contains(Notify::NEVER) || out == Notify::NEVER).then_some(out)
}

/// At most 20 digits (RFC 1870 §3); what does not fit 64 bits is as large as can be.
fn number(value: &str) -> Option<u64> {
    let fine = !value.is_empty() && value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit());
    fine.then(|| value.parse().unwrap_or(u64::MAX))
}

fn bdat(rest: &[u8]) -> Option<Command> {
    let mut words = std::str::from_utf8(rest).ok()?.split_ascii_whitespace();
    let size = number(words.next()?)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some(Command::Bdat { size, last })
}

fn auth(rest: &[u8]) -> Option<Command> {
    let mut words = std::str::from_utf8(rest).ok()?.split_ascii_whitespace();
    let mechanism = words.next()?.to_ascii_uppercase();
    let initial = words.next().map(|word| word.as_bytes().to_vec());
    words.next().is_none().then_some(Command::Auth { mechanism, initial })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(line: &str) -> Command {
        match decode(format!("{line}\r\n").as_bytes()) {
            Decoded::Item { item, used } if used == line.len() + 2 => item,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn mail_with_every_parameter() {
        let Command::Mail(mail) =
            one("mail from:<ann@example.test> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=QQ+2B1 SMTPUTF8 AUTH=<>")
        else {
            panic!()
        };
        assert_eq!(mail.from.unwrap().to_string(), "ann@example.test");
        assert_eq!(
            (mail.size, mail.body, mail.ret, mail.smtputf8),
            (Some(1000), BodyKind::EightBit, Some(Ret::Headers), true)
        );
        assert_eq!(mail.envid.as_deref(), Some("QQ+1"));
        assert_eq!(one("MAIL FROM:<>"), Command::Mail(Mail::default()));
        assert_eq!(
            one("MAIL FROM:<> SIZE=99999999999999999999"),
            Command::Mail(Mail { size: Some(u64::MAX), ..Mail::default() })
        );
    }

    #[test]
    fn rcpt_with_every_parameter() {
        let Command::Rcpt(rcpt) =
            one("RCPT TO: <\"a b\"@example.test> NOTIFY=SUCCESS,delay ORCPT=rfc822;a+20b@example.test")
        else {
            panic!()
        };
        assert_eq!(rcpt.notify, Notify::SUCCESS | Notify::DELAY);
        assert_eq!(rcpt.orcpt.as_deref(), Some("rfc822;a b@example.test"));
        assert!(matches!(one("rcpt to:<PostMaster>"), Command::Rcpt(Rcpt { to: Forward::Postmaster, .. })));
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        for (line, wrong) in [
            ("MAIL FROM:ann@example.test", Malformed::Syntax("MAIL FROM:<path>")),
            ("MAIL TO:<ann@example.test>", Malformed::Syntax("FROM:<path> or TO:<path> is needed")),
            ("MAIL FROM:<ann>", Malformed::Address),
            ("RCPT TO:<a..b@example.test>", Malformed::Address),
            ("RCPT TO:<>", Malformed::Address),
            ("MAIL FROM:<a@b.test> XFOO=1", Malformed::Parameter),
            ("RCPT TO:<a@b.test> NOTIFY=NEVER,DELAY", Malformed::Syntax("NOTIFY=NEVER or SUCCESS,FAILURE,DELAY")),
            ("MAIL FROM:<a@b.test>SIZE=1", Malformed::Syntax("a blank is needed after the path")),
            ("MAIL FROM:<a@b.test> SIZE=1 size=2", Malformed::Syntax("a parameter stands there twice")),
            ("MAIL FROM:<a@b.test> ENVID=a+0D+0AX:", Malformed::Syntax("ENVID=xtext")),
            ("RCPT TO:<a@b.test> ORCPT=utf-8;a\\x{0A}X:", Malformed::Syntax("ORCPT=type;xtext")),
            ("RCPT TO:<a@b.test> ORCPT=;a@b.test", Malformed::Syntax("ORCPT=type;xtext")),
            ("RCPT TO:<a@b.test> ORCPT=rfc822;a+0AX:", Malformed::Syntax("ORCPT=type;xtext")),
            ("DATA now", Malformed::Syntax("no argument is allowed")),
            ("BDAT", Malformed::Chunk),
            ("BDAT -1", Malformed::Chunk),
            ("BDAT 1 FIRST", Malformed::Chunk),
        ] {
            assert_eq!(one(line), Command::Malformed(wrong), "{line}");
        }
        assert_eq!(one("GET / HTTP/1.1"), Command::Unknown);
        assert_eq!(one(""), Command::Unknown);
    }

    #[test]
    fn a_bare_lf_ends_no_line() {
        assert_eq!(decode(b"NOOP\nQUIT\n"), Decoded::More);
        assert!(matches!(decode(b"NOOP\nQUIT\r\n"), Decoded::Bad { used: 11, .. }));
        assert!(matches!(decode(&[&b"NOOP "[..], &[b'x'; 3000], b"\r\n"].concat()), Decoded::Bad { .. }));
    }

    fn decode_all(input: &[u8], cut: usize) -> Vec<Decoded<Command>> {
        let (mut out, mut at) = (Vec::new(), 0);
        for end in [cut, input.len()] {
            loop {
                match decode(&input[at..end]) {
                    Decoded::More => break,
                    decoded @ (Decoded::Item { used, .. } | Decoded::Bad { used, .. }) => {
                        assert!(used > 0 && used <= end - at);
                        at += used;
                        out.push(decoded);
                    }
                }
            }
        }
        out
    }

    fn pipelined() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"EHLO client.test\r\n".to_vec()),
            Just(b"MAIL FROM:<a@b.test> SIZE=1\r\n".to_vec()),
            Just(b"RCPT TO:<c@d.test> NOTIFY=NEVER\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..30),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_cut_between_packets_changes_nothing(input in pipelined(), cut in any::<prop::sample::Index>()) {
            let cut = cut.index(input.len() + 1);
            prop_assert_eq!(decode_all(&input, cut), decode_all(&input, input.len()));
        }

        #[test]
        fn any_bytes_are_survived(input: Vec<u8>) {
            decode_all(&input, input.len());
        }
    }
}

//! The client's side: what a server announced after EHLO (RFC 5321 §4.1.1.1), and commands in their wire form.

use super::command::{Forward, Mail, Rcpt};
use super::path::{orcpt_encode, xtext_encode};
use super::reply::Answer;
use crate::model::dsn::{BodyKind, Notify, Ret};
use std::fmt;

/// What the other side can do. Keywords that this house has no use for are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    pub pipelining: bool,
    pub eight_bit: bool,
    pub binary: bool,
    pub chunking: bool,
    pub smtputf8: bool,
    pub dsn: bool,
    pub enhanced_codes: bool,
    pub start_tls: bool,
    /// `None`: no SIZE. `Some(0)`: no limit is told (RFC 1870 §4). Octets.
    pub size: Option<u64>,
    /// SASL mechanisms in upper case.
    pub auth: Vec<String>,
}

impl Capabilities {
    /// Reads the answer to EHLO; its first line is the server's name. Keywords are in any case (RFC 5321 §2.4).
    pub fn read(answer: &Answer) -> Self {
        let mut out = Self::default();
        for line in answer.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // `AUTH=LOGIN` is an old form that servers still send beside the right one.
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            match words.next().unwrap_or_default() {
                "PIPELINING" => out.pipelining = true,
                "8BITMIME" => out.eight_bit = true,
                "BINARYMIME" => out.binary = true,
                "CHUNKING" => out.chunking = true,
                "SMTPUTF8" => out.smtputf8 = true,
                "DSN" => out.dsn = true,
                "ENHANCEDSTATUSCODES" => out.enhanced_codes = true,
                "STARTTLS" => out.start_tls = true,
                "SIZE" => out.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                "AUTH" => words.for_each(|word| {
                    if !out.auth.iter().any(|known| known == word) {
                        out.auth.push(word.to_owned());
                    }
                }),
                _ => {}
            }
        }
        out
    }

    /// Whether a message of `octets` is worth trying.
    pub fn takes(&self, octets: u64) -> bool {
        self.size.is_none_or(|limit| limit == 0 || octets <= limit)
    }
}

/// MAIL with the parameters that `to` announced, without CRLF.
#[derive(Debug)]
pub struct AskMail<'a> {
    pub mail: &'a Mail,
    pub to: &'a Capabilities,
}

impl fmt::Display for AskMail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mail, to } = self;
        match &mail.from {
            Some(from) => write!(f, "MAIL FROM:<{from}>")?,
            None => f.write_str("MAIL FROM:<>")?,
        }
        if let (Some(size), Some(_)) = (mail.size, to.size) {
            write!(f, " SIZE={size}")?;
        }
        match mail.body {
            BodyKind::EightBit if to.eight_bit => f.write_str(" BODY=8BITMIME")?,
            BodyKind::Binary if to.binary => f.write_str(" BODY=BINARYMIME")?,
            BodyKind::SevenBit | BodyKind::EightBit | BodyKind::Binary => {}
        }
        if mail.smtputf8 && to.smtputf8 {
            f.write_str(" SMTPUTF8")?;
        }
        if !to.dsn {
            return Ok(());
        }
        match mail.ret {
            Some(Ret::Full) => f.write_str(" RET=FULL")?,
            Some(Ret::Headers) => f.write_str(" RET=HDRS")?,
            None => {}
        }
        mail.envid.as_ref().map_or(Ok(()), |id| write!(f, " ENVID={}", xtext_encode(id)))
    }
}

/// RCPT with the parameters that `to` announced, without CRLF.
#[derive(Debug)]
pub struct AskRcpt<'a> {
    pub rcpt: &'a Rcpt,
    pub to: &'a Capabilities,
}

impl fmt::Display for AskRcpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rcpt.to {
            Forward::Address(address) => write!(f, "RCPT TO:<{address}>")?,
            Forward::Postmaster => f.write_str("RCPT TO:<postmaster>")?,
        }
        if !self.to.dsn {
            return Ok(());
        }
        let words = [
            (Notify::NEVER, "NEVER"),
            (Notify::SUCCESS, "SUCCESS"),
            (Notify::FAILURE, "FAILURE"),
            (Notify::DELAY, "DELAY"),
        ];
        let asked: Vec<_> = words.iter().filter(|(bit, _)| self.rcpt.notify.contains(*bit)).map(|(_, w)| *w).collect();
        if !asked.is_empty() {
            write!(f, " NOTIFY={}", asked.join(","))?;
        }
        match self.rcpt.orcpt.as_ref().and_then(|orcpt| orcpt.split_once(';')) {
            Some((kind, address)) => write!(f, " ORCPT={kind};{}", orcpt_encode(kind, address, self.to.smtputf8)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::{Command, decode};
    use super::*;
    use crate::wire::Decoded;
    use proptest::prelude::*;

    fn announced(lines: &[&str]) -> Capabilities {
        Capabilities::read(&Answer { code: 250, lines: lines.iter().map(|l| (*l).to_owned()).collect() })
    }

    fn all() -> Capabilities {
        announced(&["mx.test", "size 1000", "8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8", "DSN"])
    }

    fn command(line: &str) -> Command {
        match decode(format!("{line}\r\n").as_bytes()) {
            Decoded::Item { item, .. } => item,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn keywords_are_read_and_the_name_is_none() {
        let seen = announced(&["DSN", "starttls", "AUTH PLAIN login", "AUTH=LOGIN", "SIZE", "X-NEW 1"]);
        assert!(seen.start_tls && !seen.dsn && !seen.pipelining);
        assert_eq!((seen.auth, seen.size), (vec!["PLAIN".to_owned(), "LOGIN".to_owned()], Some(0)));
        assert!(all().takes(1000) && !all().takes(1001) && announced(&["x", "SIZE 0"]).takes(u64::MAX));
    }

    #[test]
    fn what_was_read_is_written_again() {
        for line in [
            "MAIL FROM:<a@b.test> SIZE=1 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb",
            "MAIL FROM:<> BODY=BINARYMIME",
            "RCPT TO:<\"a b\"@c.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+20b@c.test",
            "RCPT TO:<jörg@c.test> NOTIFY=NEVER ORCPT=utf-8;jörg@c.test",
            "RCPT TO:<postmaster>",
        ] {
            let (full, none) = (all(), Capabilities::default());
            let (told, bare) = match &command(line) {
                Command::Mail(mail) => {
                    (AskMail { mail, to: &full }.to_string(), AskMail { mail, to: &none }.to_string())
                }
                Command::Rcpt(rcpt) => {
                    (AskRcpt { rcpt, to: &full }.to_string(), AskRcpt { rcpt, to: &none }.to_string())
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(command(&told), command(line));
            assert!(bare.ends_with('>'), "{bare}");
        }
    }

    proptest! {
        #[test]
        fn any_lines_are_survived(lines: Vec<String>) {
            let seen = Capabilities::read(&Answer { code: 250, lines });
            prop_assert!(seen.auth.iter().all(|word| !word.is_empty()));
        }
    }
}

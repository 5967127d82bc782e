//! SASL mechanisms as state machines (RFC 4422). Pure: they read and write octets, never base64 or lines; whoever
//! drives them asks the login service.

pub mod client;
pub mod scram;
pub mod server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The mechanisms of this house, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    ScramSha256Plus,
    ScramSha256,
    ScramSha1Plus,
    ScramSha1,
    Plain,
    Login,
}

impl Mechanism {
    /// All with their registered names.
    pub const NAMES: [(Self, &'static str); 6] = [
        (Self::ScramSha256Plus, "SCRAM-SHA-256-PLUS"),
        (Self::ScramSha256, "SCRAM-SHA-256"),
        (Self::ScramSha1Plus, "SCRAM-SHA-1-PLUS"),
        (Self::ScramSha1, "SCRAM-SHA-1"),
        (Self::Plain, "PLAIN"),
        (Self::Login, "LOGIN"),
    ];

    /// Reads a name in any case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| n.eq_ignore_ascii_case(name)).map(|(mechanism, _)| *mechanism)
    }

    /// The registered name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(mechanism, _)| *mechanism == self).map_or("", |(_, name)| name)
    }

    /// What is announced inside TLS: SHA-1 by setting, PLUS where the channel can be bound.
    pub fn offered(sha1: bool, binding: bool) -> impl Iterator<Item = Self> {
        Self::NAMES.into_iter().map(|(mechanism, _)| mechanism).filter(move |mechanism| match mechanism {
            Self::ScramSha256Plus => binding,
            Self::ScramSha1Plus => binding && sha1,
            Self::ScramSha1 => sha1,
            _ => true,
        })
    }
}

/// A client's answer as SMTP, IMAP, POP3 and ManageSieve write it: base64, `=` for nothing, `*` to cancel.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Octets(Vec<u8>),
    Cancelled,
    Malformed,
}

/// Reads an answer; longer ones than 12 KiB are malformed (RFC 4954 §4.3).
pub fn decode_answer(line: &[u8]) -> Answer {
    match line {
        b"*" => Answer::Cancelled,
        b"=" | b"" => Answer::Octets(Vec::new()),
        _ if line.len() > 12_288 => Answer::Malformed,
        _ => STANDARD.decode(line).map_or(Answer::Malformed, Answer::Octets),
    }
}

/// A challenge as those protocols write it.
pub fn encode_challenge(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_base64_nothing_or_a_cancel() {
        assert_eq!(decode_answer(b"AGE="), Answer::Octets(b"\0a".to_vec()));
        assert_eq!(decode_answer(b"="), Answer::Octets(Vec::new()));
        assert_eq!(decode_answer(b"*"), Answer::Cancelled);
        for bad in [&b"AGE"[..], b"%%%%", b"AGE= "] {
            assert_eq!(decode_answer(bad), Answer::Malformed);
        }
    }

    #[test]
    fn plus_is_offered_only_where_the_channel_can_be_bound() {
        let names = |sha1, binding| Mechanism::offered(sha1, binding).map(Mechanism::name).collect::<Vec<_>>();
        assert_eq!(names(false, true), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]);
        assert_eq!(names(true, false), ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"]);
    }
}

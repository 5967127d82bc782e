//! The server's side of each mechanism.

use super::Mechanism;
use super::scram::{self, Hash};
use crate::model::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What the driver does next.
#[derive(Debug)]
pub enum Step {
    /// Send this and feed the answer to [`Server::step`].
    Challenge(Vec<u8>),
    /// Ask the login service about a password.
    Password { authzid: String, authcid: String, password: Secret<String> },
    /// Ask the login service for salt and verifiers, then call [`Server::verifiers`].
    Lookup { username: String },
    /// The proof was tried against each verifier: `matched` is the one it fits. If the login service agrees, `last` goes
    /// to the client with or before the success.
    Proved { authzid: String, matched: Option<usize>, last: Vec<u8> },
    /// The client broke the mechanism's rules.
    Malformed(&'static str),
}

/// What a server knows about a SCRAM name. Like an exchange, it does not print: it holds verifiers.
pub struct Verifiers {
    pub salt: Vec<u8>,
    pub iterations: u32,
    /// StoredKey and ServerKey of each password that may be used.
    pub keys: Vec<(Vec<u8>, Vec<u8>)>,
}

/// One exchange.
pub struct Server(State);

enum State {
    Plain,
    LoginName,
    LoginPassword { name: String },
    ScramFirst(Scram),
    ScramLookup { scram: Scram, first: First },
    ScramFinal { scram: Scram, first: First, server_first: String, nonce: String, keys: Vec<(Vec<u8>, Vec<u8>)> },
    Ended,
}

struct Scram {
    hash: Hash,
    /// The mechanism's name ends in -PLUS.
    plus: bool,
    /// tls-exporter data of the channel (RFC 9266), if it can be bound.
    binding: Option<Vec<u8>>,
}

struct First {
    /// The GS2 header as sent, `p=tls-exporter,,`.
    gs2: String,
    bare: String,
    authzid: String,
    client_nonce: String,
}

impl Server {
    /// Begins an exchange on a channel; `binding` is its tls-exporter data.
    pub fn new(mechanism: Mechanism, binding: Option<&[u8]>) -> Self {
        let scram = |hash, plus| State::ScramFirst(Scram { hash, plus, binding: binding.map(<[u8]>::to_vec) });
        Self(match mechanism {
            Mechanism::Plain => State::Plain,
            Mechanism::Login => State::LoginName,
            Mechanism::ScramSha256 => scram(Hash::Sha256, false),
            Mechanism::ScramSha256Plus => scram(Hash::Sha256, true),
            Mechanism::ScramSha1 => scram(Hash::Sha1, false),
            Mechanism::ScramSha1Plus => scram(Hash::Sha1, true),
        })
    }

    /// Feeds what the client sent: `None` at the start when it sent no initial response.
    pub fn step(&mut self, input: Option<&[u8]>) -> Step {
        match (std::mem::replace(&mut self.0, State::Ended), input) {
            (State::LoginName, None) => {
                self.0 = State::LoginName;
                Step::Challenge(b"Username:".to_vec())
            }
            (state @ (State::Plain | State::ScramFirst(_)), None) => {
                self.0 = state;
                Step::Challenge(Vec::new())
            }
            (State::Plain, Some(message)) => plain(message),
            (State::LoginName, Some(name)) => match text(name) {
                Some(name) if !name.is_empty() => {
                    self.0 = State::LoginPassword { name };
                    Step::Challenge(b"Password:".to_vec())
                }
                _ => Step::Malformed("no user name"),
            },
            (State::LoginPassword { name }, Some(password)) => match text(password) {
                Some(password) => {
                    Step::Password { authzid: String::new(), authcid: name, password: Secret::new(password) }
                }
                None => Step::Malformed("no password"),
            },
            (State::ScramFirst(scram), Some(message)) => self.client_first(scram, message),
            (State::ScramFinal { scram, first, server_first, nonce, keys }, Some(message)) => {
                client_final(&scram, &first, &server_first, &nonce, &keys, message)
            }
            _ => Step::Malformed("the exchange has ended"),
        }
    }

    fn client_first(&mut self, scram: Scram, message: &[u8]) -> Step {
        let parsed = text(message).ok_or("not UTF-8").and_then(|text| First::parse(&text, &scram));
        match parsed {
            Ok((first, username)) => {
                self.0 = State::ScramLookup { scram, first };
                Step::Lookup { username }
            }
            Err(why) => Step::Malformed(why),
        }
    }

    /// Goes on after [`Step::Lookup`]; `nonce` is fresh and printable.
    pub fn verifiers(&mut self, verifiers: Verifiers, nonce: &str) -> Step {
        let State::ScramLookup { scram, first } = std::mem::replace(&mut self.0, State::Ended) else {
            return Step::Malformed("the exchange has ended");
        };
        let nonce = format!("{}{nonce}", first.client_nonce);
        let server_first = format!("r={nonce},s={},i={}", STANDARD.encode(&verifiers.salt), verifiers.iterations);
        let challenge = server_first.clone().into_bytes();
        self.0 = State::ScramFinal { scram, first, server_first, nonce, keys: verifiers.keys };
        Step::Challenge(challenge)
    }
}

impl First {
    /// `gs2-header client-first-message-bare` (RFC 5802 §7).
    fn parse(message: &str, scram: &Scram) -> Result<(Self, String), &'static str> {
        let (flag, rest) = message.split_once(',').ok_or("no GS2 header")?;
        let (authzid, bare) = rest.split_once(',').ok_or("no GS2 header")?;
        match flag {
            // "y": the client thinks we can't bind. If we can, somebody took the offer away (RFC 5802 §6).
            "y" if scram.binding.is_some() => return Err("channel binding was offered"),
            "n" | "y" if scram.plus => return Err("a PLUS mechanism needs channel binding"),
            "n" | "y" => {}
            "p=tls-exporter" if scram.plus && scram.binding.is_some() => {}
            _ => return Err("channel binding type not supported"),
        }
        let authzid = match authzid.strip_prefix("a=") {
            Some(name) => scram::unescape_name(name).ok_or("bad authorization name")?,
            None if authzid.is_empty() => String::new(),
            None => return Err("bad GS2 header"),
        };
        let mut parts = bare.split(',');
        let username = parts.next().and_then(|p| p.strip_prefix("n=")).ok_or("no user name")?;
        let username = scram::unescape_name(username).ok_or("bad user name")?;
        let client_nonce =
            parts.next().and_then(|p| p.strip_prefix("r=")).filter(|r| !r.is_empty()).ok_or("no nonce")?;
        let gs2 = message[..message.len() - bare.len()].to_owned();
        let username = scram::prepare(&username).ok_or("bad user name")?;
        Ok((Self { gs2, bare: bare.to_owned(), authzid, client_nonce: client_nonce.to_owned() }, username))
    }
}

fn client_final(
    scram: &Scram,
    first: &First,
    server_first: &str,
    nonce: &str,
    keys: &[(Vec<u8>, Vec<u8>)],
    message: &[u8],
) -> Step {
    let Some(message) = text(message) else { return Step::Malformed("not UTF-8") };
    let Some((without_proof, proof)) = message.rsplit_once(",p=") else { return Step::Malformed("no proof") };
    let Ok(proof) = STANDARD.decode(proof) else { return Step::Malformed("bad proof") };
    let mut parts = without_proof.split(',');
    let bound = parts.next().and_then(|p| p.strip_prefix("c=")).and_then(|c| STANDARD.decode(c).ok());
    let mut expected = first.gs2.clone().into_bytes();
    if first.gs2.starts_with("p=") {
        expected.extend_from_slice(scram.binding.as_deref().unwrap_or_default());
    }
    if parts.next().and_then(|p| p.strip_prefix("r=")) != Some(nonce) {
        return Step::Malformed("wrong nonce");
    }
    let auth = format!("{},{server_first},{without_proof}", first.bare);
    let mut matched = None;
    // Every verifier is tried, so that the time does not tell which one fits.
    for (n, (stored, _)) in keys.iter().enumerate() {
        let fits = scram::proof_fits(scram.hash, stored, auth.as_bytes(), &proof);
        matched = matched.or(fits.then_some(n));
    }
    if bound.as_deref() != Some(&expected[..]) {
        matched = None;
    }
    let last = matched
        .map(|n| format!("v={}", STANDARD.encode(scram::server_signature(scram.hash, &keys[n].1, auth.as_bytes()))));
    Step::Proved { authzid: first.authzid.clone(), matched, last: last.unwrap_or_default().into_bytes() }
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2).
fn plain(message: &[u8]) -> Step {
    let mut parts = message.split(|b| *b == 0);
    let mut next = || parts.next().and_then(text);
    match (next(), next(), next(), parts.next()) {
        (Some(authzid), Some(authcid), Some(password), None) if !authcid.is_empty() && !password.is_empty() => {
            Step::Password { authzid, authcid, password: Secret::new(password) }
        }
        _ => Step::Malformed("PLAIN has the form authzid NUL authcid NUL password"),
    }
}

fn text(octets: &[u8]) -> Option<String> {
    std::str::from_utf8(octets).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::client::Client;
    use super::*;
    use proptest::prelude::*;

    fn verifiers(passwords: &[&str]) -> Verifiers {
        let keys = passwords.iter().map(|p| scram::derive(Hash::Sha256, p, b"salt", 4096).unwrap()).collect();
        Verifiers { salt: b"salt".to_vec(), iterations: 4096, keys }
    }

    /// Plays a whole exchange; what the server says of the proof, and whether the client believes the server.
    fn exchange(
        mechanism: Mechanism,
        server_binding: Option<&[u8]>,
        client_binding: Option<&[u8]>,
        password: &str,
    ) -> (Step, bool) {
        let mut server = Server::new(mechanism, server_binding);
        let mut client = Client::new(mechanism, client_binding, "ann,lee", password, "cnonce");
        let first = client.first();
        let Step::Lookup { username } = server.step(Some(&first)) else { panic!() };
        assert_eq!(username, "ann,lee");
        let Step::Challenge(challenge) = server.verifiers(verifiers(&["pencil", "app"]), "snonce") else { panic!() };
        let answer = client.answer(&challenge).unwrap();
        let step = server.step(Some(&answer));
        let believed = matches!(&step, Step::Proved { last, .. } if client.answer(last).is_some());
        (step, believed)
    }

    #[test]
    fn scram_proves_either_password_with_and_without_binding() {
        for (mechanism, binding) in
            [(Mechanism::ScramSha256, None), (Mechanism::ScramSha256Plus, Some(&b"exporter"[..]))]
        {
            for (password, wanted) in [("pencil", Some(0)), ("app", Some(1)), ("wrong", None)] {
                let (step, believed) = exchange(mechanism, binding, binding, password);
                assert!(matches!(step, Step::Proved { matched, .. } if matched == wanted), "{mechanism:?} {password}");
                assert_eq!(believed, wanted.is_some());
            }
        }
    }

    #[test]
    fn another_channel_is_refused() {
        let (step, _) = exchange(Mechanism::ScramSha256Plus, Some(b"one"), Some(b"two"), "pencil");
        assert!(matches!(step, Step::Proved { matched: None, .. }));
    }

    #[test]
    fn a_downgrade_is_seen() {
        let mut server = Server::new(Mechanism::ScramSha256, Some(b"exporter"));
        assert!(matches!(server.step(Some(b"y,,n=ann,r=x")), Step::Malformed(_)));
        let mut server = Server::new(Mechanism::ScramSha256Plus, Some(b"exporter"));
        assert!(matches!(server.step(Some(b"n,,n=ann,r=x")), Step::Malformed(_)));
    }

    #[test]
    fn plain_and_login() {
        let mut server = Server::new(Mechanism::Plain, None);
        assert!(matches!(server.step(None), Step::Challenge(c) if c.is_empty()));
        assert!(matches!(server.step(Some(b"\0ann\0secret")), Step::Password { authcid, .. } if authcid == "ann"));
        for bad in [&b""[..], b"ann", b"\0ann", b"\0\0x", b"\0ann\0", b"a\0b\0c\0d", b"\0\xff\0x"] {
            assert!(matches!(Server::new(Mechanism::Plain, None).step(Some(bad)), Step::Malformed(_)), "{bad:?}");
        }
        let mut server = Server::new(Mechanism::Login, None);
        assert!(matches!(server.step(None), Step::Challenge(c) if c == b"Username:"));
        assert!(matches!(server.step(Some(b"ann")), Step::Challenge(c) if c == b"Password:"));
        assert!(
            matches!(server.step(Some(b"secret")), Step::Password { password, .. } if password.expose() == "secret")
        );
        assert!(matches!(server.step(Some(b"again")), Step::Malformed(_)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(first: Vec<u8>, last: Vec<u8>, n in 0usize..6) {
            let mut server = Server::new(Mechanism::NAMES[n].0, Some(b"x"));
            server.step(Some(&first));
            server.step(Some(&last));
            let mut server = Server::new(Mechanism::ScramSha256, None);
            server.step(Some(b"n,,n=a,r=b"));
            server.verifiers(Verifiers { salt: vec![], iterations: 1, keys: vec![] }, "c");
            server.step(Some(&last));
        }
    }
}

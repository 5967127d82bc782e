//! The client's side: for the relay, the `mail` commands and tests.

use super::Mechanism;
use super::scram::{self, Hash};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One exchange.
pub struct Client {
    mechanism: Mechanism,
    binding: Option<Vec<u8>>,
    name: String,
    password: String,
    nonce: String,
    asked: u8,
    expected: Option<Vec<u8>>,
}

impl Drop for Client {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.password);
    }
}

impl Client {
    /// `binding` is the channel's tls-exporter data; `nonce` is fresh and printable, without commas.
    pub fn new(mechanism: Mechanism, binding: Option<&[u8]>, name: &str, password: &str, nonce: &str) -> Self {
        Self {
            mechanism,
            binding: binding.map(<[u8]>::to_vec),
            name: name.to_owned(),
            password: password.to_owned(),
            nonce: nonce.to_owned(),
            asked: 0,
            expected: None,
        }
    }

    /// The initial response; empty for LOGIN, which has none.
    pub fn first(&self) -> Vec<u8> {
        match self.mechanism {
            Mechanism::Plain => format!("\0{}\0{}", self.name, self.password).into_bytes(),
            Mechanism::Login => Vec::new(),
            _ => format!("{}{}", self.gs2(), self.bare()).into_bytes(),
        }
    }

    /// Answers a challenge. `None`: the server broke the rules or could not prove that it knows the password.
    pub fn answer(&mut self, challenge: &[u8]) -> Option<Vec<u8>> {
        self.asked += 1;
        match self.mechanism {
            Mechanism::Plain => (self.asked == 1).then(|| self.first()),
            Mechanism::Login => match self.asked {
                1 => Some(self.name.clone().into_bytes()),
                2 => Some(self.password.clone().into_bytes()),
                _ => None,
            },
            // A server that did not get the initial response asks for it with nothing.
            _ if challenge.is_empty() && self.asked == 1 => {
                self.asked = 0;
                Some(self.first())
            }
            _ => match self.expected.take() {
                Some(expected) => {
                    let signature = std::str::from_utf8(challenge).ok()?.strip_prefix("v=")?;
                    (STANDARD.decode(signature).ok()? == expected).then(Vec::new)
                }
                None => self.prove(std::str::from_utf8(challenge).ok()?),
            },
        }
    }

    fn prove(&mut self, server_first: &str) -> Option<Vec<u8>> {
        let mut parts = server_first.split(',');
        let nonce = parts.next()?.strip_prefix("r=")?;
        let salt = STANDARD.decode(parts.next()?.strip_prefix("s=")?).ok()?;
        let iterations: u32 = parts.next()?.strip_prefix("i=")?.parse().ok()?;
        // A server that asks for millions of iterations wants our time, not our proof.
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() || iterations > 10_000_000 {
            return None;
        }
        let mut bound = self.gs2().into_bytes();
        if self.plus() {
            bound.extend_from_slice(self.binding.as_deref().unwrap_or_default());
        }
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(bound));
        let auth = format!("{},{server_first},{without_proof}", self.bare());
        let hash = match self.mechanism {
            Mechanism::ScramSha1 | Mechanism::ScramSha1Plus => Hash::Sha1,
            _ => Hash::Sha256,
        };
        let salted = scram::salted(hash, &self.password, &salt, iterations)?;
        let (proof, expected) = scram::client_proof(hash, &salted, auth.as_bytes());
        self.expected = Some(expected);
        Some(format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes())
    }

    fn plus(&self) -> bool {
        matches!(self.mechanism, Mechanism::ScramSha256Plus | Mechanism::ScramSha1Plus)
    }

    fn gs2(&self) -> String {
        if self.plus() { "p=tls-exporter,,".into() } else { "n,,".into() }
    }

    fn bare(&self) -> String {
        let name = scram::prepare(&self.name).unwrap_or_else(|| self.name.clone());
        format!("n={},r={}", scram::escape_name(&name), self.nonce)
    }
}

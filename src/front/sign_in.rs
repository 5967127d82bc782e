//! The SASL exchange as every line-based door has it: base64 challenges and answers, the login service asked in between.

use crate::model::address::Domain;
use crate::net::stream::TlsInfo;
use crate::sasl::server::{Server, Step, Verifiers};
use crate::sasl::{Answer, Mechanism, decode_answer, encode_challenge};
use crate::service::login::{Identity, Login, Origin, Protocol, ScramHash, ScramLookup};
use crate::service::{Refusal, Services};
use std::io;
use std::net::IpAddr;

/// How a door sends a challenge and reads the answer's line.
pub(crate) trait Ask {
    /// `None`: the client is gone or said too much.
    async fn ask(&mut self, challenge: &str) -> io::Result<Option<Answer>>;
}

/// How an exchange ended.
pub(crate) enum Outcome {
    Proved(Identity),
    Refused(Refusal),
    Broken(&'static str),
    Gone,
}

/// Where a client stands, for the login service.
pub(crate) fn origin(peer: IpAddr, protocol: Protocol, tls: Option<&TlsInfo>) -> Origin {
    let asked = tls.and_then(|tls| tls.server_name.as_deref());
    Origin { peer, protocol, domain_hint: asked.and_then(|name| Domain::parse(name).ok()) }
}

/// The mechanism of this name, if it is offered on this channel.
pub(crate) fn offered(services: &Services, tls: &TlsInfo, name: &str) -> Option<Mechanism> {
    let mut offered = Mechanism::offered(services.login.scram_sha1_enabled(), tls.binding.is_some());
    let wanted = Mechanism::parse(name)?;
    offered.find(|mechanism| *mechanism == wanted)
}

/// Runs an exchange; `initial` is the initial response, still in base64.
pub(crate) async fn exchange(
    door: &mut impl Ask,
    login: &Login,
    origin: &Origin,
    mechanism: Mechanism,
    binding: Option<&[u8]>,
    initial: Option<&[u8]>,
) -> io::Result<Outcome> {
    let mut server = Server::new(mechanism, binding);
    let input = match initial.map(decode_answer) {
        None => None,
        Some(Answer::Octets(octets)) => Some(octets),
        Some(_) => return Ok(Outcome::Broken("That is no base64")),
    };
    let mut step = server.step(input.as_deref());
    let mut lookup: Option<ScramLookup> = None;
    loop {
        step = match step {
            Step::Challenge(challenge) => match door.ask(&encode_challenge(&challenge)).await? {
                Some(Answer::Octets(octets)) => server.step(Some(&octets)),
                Some(Answer::Cancelled) => return Ok(Outcome::Broken("Cancelled")),
                Some(Answer::Malformed) => return Ok(Outcome::Broken("That is no base64")),
                None => return Ok(Outcome::Gone),
            },
            Step::Password { authzid, authcid, password } => {
                let proved = login.password(origin, &authzid, &authcid, &password).await;
                return Ok(proved.map_or_else(Outcome::Refused, Outcome::Proved));
            }
            Step::Lookup { username } => match login.scram_begin(origin, scram_hash(mechanism), &username).await {
                Err(why) => return Ok(Outcome::Refused(why)),
                Ok(found) => {
                    let verifiers = Verifiers {
                        salt: found.salt.clone(),
                        iterations: found.iterations,
                        keys: found.verifiers.clone(),
                    };
                    lookup = Some(found);
                    let Some(nonce) = nonce() else { return Ok(Outcome::Broken("No random numbers")) };
                    server.verifiers(verifiers, &nonce)
                }
            },
            Step::Proved { authzid, matched, last } => {
                let Some(lookup) = lookup.take() else { return Ok(Outcome::Broken("Bad sequence")) };
                let who = match login.scram_finish(origin, lookup, &authzid, matched).await {
                    Ok(who) => who,
                    Err(why) => return Ok(Outcome::Refused(why)),
                };
                // There is no data with success: the signature is one more challenge, answered with nothing.
                return Ok(match door.ask(&encode_challenge(&last)).await? {
                    Some(Answer::Octets(_)) => Outcome::Proved(who),
                    Some(_) => Outcome::Broken("Cancelled"),
                    None => Outcome::Gone,
                });
            }
            Step::Malformed(why) => return Ok(Outcome::Broken(why)),
        };
    }
}

fn scram_hash(mechanism: Mechanism) -> ScramHash {
    match mechanism {
        Mechanism::ScramSha1 | Mechanism::ScramSha1Plus => ScramHash::Sha1,
        _ => ScramHash::Sha256,
    }
}

fn nonce() -> Option<String> {
    let mut octets = [0u8; 18];
    aws_lc_rs::rand::fill(&mut octets).ok()?;
    Some(encode_challenge(&octets))
}

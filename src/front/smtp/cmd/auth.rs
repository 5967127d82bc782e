//! AUTH (RFC 4954), inside TLS alone.

use crate::front::smtp::Kind;
use crate::front::smtp::reply::refusal;
use crate::front::smtp::session::{Next, Session, State};
use crate::sasl::server::{Server, Step, Verifiers};
use crate::sasl::{Answer, Mechanism, decode_answer, encode_challenge};
use crate::service::Refusal;
use crate::service::login::{Identity, ScramHash, ScramLookup};
use crate::wire::smtp::command::{LONGEST_AUTH, line};
use crate::wire::smtp::reply::Reply;
use std::io;

/// Failed attempts after which the connection ends.
const ATTEMPTS: u32 = 3;

pub(super) async fn auth(session: &mut Session, mechanism: &str, initial: Option<Vec<u8>>) -> io::Result<Next> {
    if session.options.kind != Kind::Submission
        || session.who.is_some()
        || !matches!(&session.state, State::Greeted(g) if g.extended)
    {
        return Ok(Next::Reply(Reply::new(503, 5, 1, "AUTH is not possible now")));
    }
    let Some(tls) = session.io.tls() else {
        return Ok(Next::Reply(Reply::new(538, 7, 11, "Encryption is needed for authentication")));
    };
    let offered = |wanted: &Mechanism| {
        Mechanism::offered(session.services.login.scram_sha1_enabled(), tls.binding.is_some()).any(|m| m == *wanted)
    };
    let Some(mechanism) = Mechanism::parse(mechanism).filter(offered) else {
        return Ok(Next::Reply(Reply::new(504, 5, 4, "Mechanism not offered")));
    };
    let mut server = Server::new(mechanism, tls.binding.as_deref());
    let input = match initial.as_deref().map(decode_answer) {
        None => None,
        Some(Answer::Octets(octets)) => Some(octets),
        Some(_) => return Ok(Next::Reply(Reply::new(501, 5, 2, "That is no base64"))),
    };
    let outcome = exchange(session, &mut server, input, scram_hash(mechanism)).await?;
    Ok(match outcome {
        Outcome::Proved(who) => {
            session.who = Some(who);
            Next::Reply(Reply::new(235, 7, 0, "Welcome"))
        }
        Outcome::Refused(why) => {
            session.failed_logins += 1;
            if session.failed_logins >= ATTEMPTS {
                Next::Close(Reply::new(421, 7, 0, "Too many failed attempts"))
            } else {
                Next::Reply(refusal(&why))
            }
        }
        Outcome::Broken(why) => Next::Reply(Reply::new(501, 5, 2, why)),
        Outcome::Gone => Next::Close(Reply::new(421, 4, 2, "Waited too long")),
    })
}

enum Outcome {
    Proved(Identity),
    Refused(Refusal),
    Broken(&'static str),
    Gone,
}

fn scram_hash(mechanism: Mechanism) -> ScramHash {
    match mechanism {
        Mechanism::ScramSha1 | Mechanism::ScramSha1Plus => ScramHash::Sha1,
        _ => ScramHash::Sha256,
    }
}

async fn exchange(
    session: &mut Session,
    server: &mut Server,
    input: Option<Vec<u8>>,
    hash: ScramHash,
) -> io::Result<Outcome> {
    let mut step = server.step(input.as_deref());
    let mut lookup: Option<ScramLookup> = None;
    loop {
        step = match step {
            Step::Challenge(challenge) => match ask(session, &challenge).await? {
                Some(Answer::Octets(octets)) => server.step(Some(&octets)),
                Some(Answer::Cancelled) => return Ok(Outcome::Broken("Cancelled")),
                Some(Answer::Malformed) => return Ok(Outcome::Broken("That is no base64")),
                None => return Ok(Outcome::Gone),
            },
            Step::Password { authzid, authcid, password } => {
                let proved = session.services.login.password(&session.origin(), &authzid, &authcid, &password).await;
                return Ok(proved.map_or_else(Outcome::Refused, Outcome::Proved));
            }
            Step::Lookup { username } => {
                match session.services.login.scram_begin(&session.origin(), hash, &username).await {
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
                }
            }
            Step::Proved { authzid, matched, last } => {
                let Some(lookup) = lookup.take() else { return Ok(Outcome::Broken("Bad sequence")) };
                let proved = session.services.login.scram_finish(&session.origin(), lookup, &authzid, matched).await;
                let who = match proved {
                    Ok(who) => who,
                    Err(why) => return Ok(Outcome::Refused(why)),
                };
                // SMTP has no data with success: the signature is one more challenge, answered with nothing.
                return Ok(match ask(session, &last).await? {
                    Some(Answer::Octets(_)) => Outcome::Proved(who),
                    Some(_) => Outcome::Broken("Cancelled"),
                    None => Outcome::Gone,
                });
            }
            Step::Malformed(why) => return Ok(Outcome::Broken(why)),
        };
    }
}

/// Sends a challenge and reads the answer's line; `None`: the client is gone or said too much.
async fn ask(session: &mut Session, challenge: &[u8]) -> io::Result<Option<Answer>> {
    session.io.reply(&Reply::plain(334, encode_challenge(challenge)));
    loop {
        if let Some((text, used)) = line(session.io.input()) {
            let answer = decode_answer(text);
            session.io.consume(used);
            return Ok(Some(answer));
        }
        if session.io.input().len() > LONGEST_AUTH
            || session.io.read(session.options.idle).await? != crate::front::smtp::io::Heard::Octets
        {
            return Ok(None);
        }
    }
}

fn nonce() -> Option<String> {
    let mut octets = [0u8; 18];
    aws_lc_rs::rand::fill(&mut octets).ok()?;
    Some(encode_challenge(&octets))
}

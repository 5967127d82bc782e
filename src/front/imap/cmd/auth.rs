//! STARTTLS, AUTHENTICATE, LOGIN (RFC 9051 §6.2), the latter two inside TLS alone.

use super::capabilities;
use crate::front::imap::io::Heard;
use crate::front::imap::reply::{Done, Stop, refusal};
use crate::front::imap::session::{Session, State};
use crate::front::sign_in::{Ask, Outcome, exchange, offered};
use crate::model::secret::Secret;
use crate::sasl::{Answer, Mechanism, decode_answer};
use crate::service::Refusal;
use crate::service::login::Identity;
use crate::wire::imap::response::{Code, Condition, status_response};
use std::io;

/// Failed attempts after which the connection ends.
const ATTEMPTS: u32 = 3;

/// What a stranger may do to come in.
pub(super) fn offers(session: &Session) -> Vec<String> {
    match session.io.tls() {
        Some(tls) => Mechanism::offered(session.services.login.scram_sha1_enabled(), tls.binding.is_some())
            .map(|mechanism| format!("AUTH={}", mechanism.name()))
            .collect(),
        None if session.options.tls.is_some() && session.io.can_start_tls() => {
            vec!["STARTTLS".into(), "LOGINDISABLED".into()]
        }
        None => vec!["LOGINDISABLED".into()],
    }
}

pub(super) async fn start_tls(session: &mut Session, tag: &str) -> Result<Done, Stop> {
    let Some(tls) = session.options.tls.clone().filter(|_| session.io.can_start_tls()) else {
        return Ok(Done::bad("TLS is not offered now"));
    };
    status_response(&mut session.io.out, tag, Condition::Ok, None, "Begin TLS now");
    session.io.flush(session.options.data).await?;
    session.io.start_tls(&tls).await?;
    // The tagged answer went out in the clear; nothing is left to say.
    session.enabled = Default::default();
    Err(Stop::Silent)
}

pub(super) async fn authenticate(
    session: &mut Session,
    mechanism: &str,
    initial: Option<Vec<u8>>,
) -> Result<Done, Stop> {
    let Some(tls) = session.io.tls() else { return Ok(privacy()) };
    let Some(mechanism) = offered(&session.services, &tls, mechanism) else {
        return Ok(Done::no(Code::Cannot, "Mechanism not offered"));
    };
    let (login, origin) = (session.services.login.clone(), session.origin());
    let outcome = exchange(session, &login, &origin, mechanism, tls.binding.as_deref(), initial.as_deref()).await?;
    match outcome {
        Outcome::Proved(who) => Ok(welcome(session, who)),
        Outcome::Refused(why) => Ok(refused(session, why)),
        Outcome::Broken(why) => Ok(Done::bad(why)),
        Outcome::Gone => Ok(Done { end: Some("Waited too long"), ..Done::bad("No answer") }),
    }
}

pub(super) async fn login(session: &mut Session, name: &[u8], password: &Secret<Vec<u8>>) -> Result<Done, Stop> {
    if session.io.tls().is_none() {
        return Ok(privacy());
    }
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec());
    let (Ok(name), Ok(password)) = (text(name), text(password.expose())) else {
        return Ok(refused(session, Refusal::WrongCredentials));
    };
    match session.services.login.password(&session.origin(), "", &name, &Secret::new(password)).await {
        Ok(who) => Ok(welcome(session, who)),
        Err(why) => Ok(refused(session, why)),
    }
}

fn privacy() -> Done {
    Done::no(Code::PrivacyRequired, "Sign-in needs TLS")
}

fn welcome(session: &mut Session, who: Identity) -> Done {
    tracing::debug!(account.id = who.account().0, "signed in over IMAP");
    session.state = State::Member(who);
    Done::with(Code::Capability(capabilities(session)), "Welcome")
}

fn refused(session: &mut Session, why: Refusal) -> Done {
    session.failed_logins += 1;
    let end = (session.failed_logins >= ATTEMPTS).then_some("Too many failed attempts");
    Done { end, ..refusal(why) }
}

impl Ask for Session {
    async fn ask(&mut self, challenge: &str) -> io::Result<Option<Answer>> {
        self.io.out.extend_from_slice(format!("+ {challenge}\r\n").as_bytes());
        match self.hear(self.options.stranger).await? {
            Heard::Line { text, literal: None } => Ok(Some(decode_answer(&text))),
            _ => Ok(None),
        }
    }
}

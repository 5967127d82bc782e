//! AUTH (RFC 4954), inside TLS alone.

use crate::front::sign_in::{Ask, Outcome, exchange, offered};
use crate::front::smtp::Kind;
use crate::front::smtp::io::Heard;
use crate::front::smtp::session::{Next, Session, State};
use crate::sasl::{Answer, decode_answer};
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
    let Some(mechanism) = offered(&session.services, &tls, mechanism) else {
        return Ok(Next::Reply(Reply::new(504, 5, 4, "Mechanism not offered")));
    };
    let (login, origin) = (session.services.login.clone(), session.origin());
    let outcome = exchange(session, &login, &origin, mechanism, tls.binding.as_deref(), initial.as_deref()).await?;
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
                Next::Reply(session.refusal(&why))
            }
        }
        Outcome::Broken(why) => Next::Reply(Reply::new(501, 5, 2, why)),
        Outcome::Gone => Next::Close(Reply::new(421, 4, 2, "Waited too long")),
    })
}

impl Ask for Session {
    async fn ask(&mut self, challenge: &str) -> io::Result<Option<Answer>> {
        self.io.reply(&Reply::plain(334, challenge.to_owned()));
        loop {
            if let Some((text, used)) = line(self.io.input()) {
                let answer = decode_answer(text);
                self.io.consume(used);
                return Ok(Some(answer));
            }
            if self.io.input().len() > LONGEST_AUTH || self.io.read(self.options.idle).await? != Heard::Octets {
                return Ok(None);
            }
        }
    }
}

//! EHLO, HELO, LHLO, STARTTLS (RFC 5321 §4.1.1.1, RFC 2033 §4.1, RFC 3207).

use crate::front::smtp::Kind;
use crate::front::smtp::session::{Greeting, Next, Session, State};
use crate::sasl::Mechanism;
use crate::wire::smtp::reply::Reply;
use std::io;

/// `form` tells EHLO from LHLO: each belongs to its doors.
pub(super) fn ehlo(session: &mut Session, name: String, form: Kind) -> Next {
    if (session.options.kind == Kind::Lmtp) != (form == Kind::Lmtp) {
        return Next::Reply(Reply::new(500, 5, 1, "Wrong greeting for this door"));
    }
    let mut lines = vec![session.options.hostname.clone()];
    let limit = session.services.spool.message_limit();
    lines.push(format!("SIZE {limit}"));
    lines.extend(
        ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "DSN"]
            .map(str::to_owned),
    );
    if can_start_tls(session) {
        lines.push("STARTTLS".into());
    }
    if session.options.kind == Kind::Submission
        && session.who.is_none()
        && let Some(tls) = session.io.tls()
    {
        let offered = Mechanism::offered(session.services.login.scram_sha1_enabled(), tls.binding.is_some());
        lines.push(format!("AUTH {}", offered.map(Mechanism::name).collect::<Vec<_>>().join(" ")));
    }
    session.state = State::Greeted(Greeting { name, extended: true });
    Next::Reply(Reply::plain(250, lines.join("\n")))
}

pub(super) fn helo(session: &mut Session, name: String) -> Next {
    if session.options.kind == Kind::Lmtp {
        return Next::Reply(Reply::new(500, 5, 1, "LMTP begins with LHLO"));
    }
    session.state = State::Greeted(Greeting { name, extended: false });
    Next::Reply(Reply::plain(250, session.options.hostname.clone()))
}

fn can_start_tls(session: &Session) -> bool {
    session.options.tls.is_some() && session.io.can_start_tls()
}

pub(super) async fn start_tls(session: &mut Session) -> io::Result<Next> {
    let Some(tls) = session.options.tls.clone().filter(|_| session.io.can_start_tls()) else {
        return Ok(Next::Reply(Reply::new(503, 5, 1, "TLS is not offered now")));
    };
    session.io.reply(&Reply::new(220, 0, 0, "Go ahead"));
    session.io.flush(session.options.idle).await?;
    session.io.start_tls(&tls).await?;
    // Whatever was said in the clear is forgotten (RFC 3207 §4.2).
    session.state = State::Fresh;
    Ok(Next::Done)
}

//! The verbs, a file for each group that shares a state.

mod auth;
mod body;
mod envelope;
mod greeting;

use super::Kind;
use super::session::{Next, Session, malformed};
use crate::wire::smtp::command::{Command, Malformed};
use crate::wire::smtp::reply::Reply;
use std::io;

/// Does what a command asks.
pub(super) async fn run(session: &mut Session, command: Command) -> io::Result<Next> {
    if let Some(stale) = still_good(session, &command).await {
        return match (stale, command) {
            // The chunk comes whatever the answer: what is in it are no commands.
            (Next::Reply(reply), Command::Bdat { size, last }) => body::bdat(session, size, last, Some(reply)).await,
            (stale, _) => Ok(stale),
        };
    }
    let next = match command {
        Command::Ehlo(name) => greeting::ehlo(session, name, Kind::Mx),
        Command::Lhlo(name) => greeting::ehlo(session, name, Kind::Lmtp),
        Command::Helo(name) => greeting::helo(session, name),
        Command::StartTls => return greeting::start_tls(session).await,
        Command::Auth { mechanism, initial } => return auth::auth(session, &mechanism, initial).await,
        Command::Mail(mail) => envelope::mail(session, mail).await,
        Command::Rcpt(rcpt) => envelope::rcpt(session, rcpt).await,
        Command::Data => return body::data(session).await,
        Command::Bdat { size, last } => return body::bdat(session, size, last, None).await,
        Command::Rset => {
            session.reset();
            Next::Reply(Reply::new(250, 0, 0, "Ok"))
        }
        Command::Noop => Next::Reply(Reply::new(250, 0, 0, "Ok")),
        // Nobody learns here who has an address (RFC 5321 §7.3).
        Command::Vrfy => Next::Reply(Reply::new(252, 1, 5, "Send some mail, and it will be tried")),
        Command::Expn => Next::Reply(Reply::new(502, 5, 1, "Lists are not shown")),
        Command::Help => Next::Reply(Reply::new(214, 0, 0, "RFC 5321, and your postmaster")),
        Command::Quit => Next::Close(Reply::new(221, 0, 0, "Bye")),
        Command::Unknown => Next::Reply(Reply::new(500, 5, 1, "Command not known")),
        // How long the chunk is that follows, nobody knows.
        Command::Malformed(why @ Malformed::Chunk) => Next::Close(malformed(why)),
        Command::Malformed(why) => Next::Reply(malformed(why)),
    };
    Ok(next)
}

/// A session whose credentials were changed ends at its next command (I7).
async fn still_good(session: &mut Session, command: &Command) -> Option<Next> {
    let who = session.who.as_ref()?;
    if matches!(command, Command::Quit | Command::Noop | Command::Rset) {
        return None;
    }
    match session.services.login.session_fresh(who, None).await {
        Ok(_) => None,
        Err(stale @ crate::service::Refusal::Stale) => Some(Next::Close(session.refusal(&stale))),
        Err(other) => Some(Next::Reply(session.refusal(&other))),
    }
}

//! IDLE (RFC 9051 §6.3.13): tells changes as they come, until the client says DONE.

use super::{REMOVED, prove};
use crate::front::imap::io::Heard;
use crate::front::imap::reply::{Done, Stop};
use crate::front::imap::session::Session;
use crate::service::Refusal;
use crate::service::snapshot::Take;
use std::time::Duration;
use tokio::time::Instant;

/// Pause after a database that does not answer.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn idle(session: &mut Session) -> Result<Done, Stop> {
    let who = session.member()?;
    let selected = session.view().ok().map(|view| (view.mailbox(), view.highest_modseq()));
    let mut watch = session.services.watchers.watch(&who, selected);
    // What came before the watch began is told by the first look.
    let mut look = true;
    session.io.out.extend_from_slice(b"+ idling\r\n");
    let end = Instant::now() + session.options.idle;
    let mut renew = Instant::now() + session.options.renew;
    loop {
        if look {
            look_again(session).await?;
            look = false;
        }
        session.io.flush(session.options.data).await?;
        session.io.rest();
        tokio::select! {
            heard = session.io.next(session.options.idle) => return answer(heard?),
            () = watch.changed() => look = true,
            () = tokio::time::sleep_until(renew) => {
                if Instant::now() >= end {
                    return Ok(Done { end: Some("Waited too long"), ..Done::bad("No DONE") });
                }
                prove(session).await.or_else(patient)?;
                renew = Instant::now() + session.options.renew;
            }
        }
    }
}

fn answer(heard: Heard) -> Result<Done, Stop> {
    Ok(match heard {
        Heard::Line { text, literal: None } if text.eq_ignore_ascii_case(b"DONE") => Done::ok("IDLE completed"),
        Heard::Line { literal: Some(_), .. } => {
            Done { end: Some("DONE was expected"), ..Done::bad("DONE was expected") }
        }
        Heard::Line { .. } | Heard::Octets(_) | Heard::TooLong { .. } | Heard::Dropped => {
            Done::bad("DONE was expected")
        }
        Heard::Shutdown => Done { end: Some("Shutting down, try again soon"), ..Done::ok("IDLE ended") },
        Heard::TimedOut => Done { end: Some("Waited too long"), ..Done::bad("No DONE") },
        Heard::Closed => return Err(Stop::Io(std::io::ErrorKind::UnexpectedEof.into())),
    })
}

/// A database that is away does not end an IDLE.
fn patient(stop: Stop) -> Result<bool, Stop> {
    match stop {
        Stop::Refused(Refusal::Unavailable) => Ok(true),
        other => Err(other),
    }
}

async fn look_again(session: &mut Session) -> Result<(), Stop> {
    loop {
        match prove(session).await {
            Ok(false) => return Ok(()),
            Ok(true) => match session.refresh(Take::Everything).await {
                Ok(updates) => {
                    session.tell(&updates);
                    return Ok(());
                }
                Err(Refusal::NotFound) => {
                    return Err(Done { end: Some(REMOVED), ..Done::bad(REMOVED) }.into());
                }
                Err(Refusal::Unavailable) => {}
                Err(other) => return Err(other.into()),
            },
            Err(Stop::Refused(Refusal::Unavailable)) => {}
            Err(other) => return Err(other),
        }
        // The client's DONE waits meanwhile; a pause keeps a broken database from being asked without end.
        tokio::time::sleep(PAUSE).await;
    }
}

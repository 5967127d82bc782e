//! SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2; RFC 7162 §3.1.1).

use super::{leave, tell};
use crate::front::imap::reply::{Done, Stop};
use crate::front::imap::session::{Session, State};
use crate::model::uidset::UidSet;
use crate::service::mailbox::OpenMode;
use crate::wire::imap::response::{Code, ListLine, put};

pub(super) async fn select(
    session: &mut Session,
    mailbox: &[u8],
    read_only: bool,
    condstore: bool,
) -> Result<Done, Stop> {
    let who = session.member()?;
    session.enabled.condstore |= condstore;
    if matches!(session.state, State::Mailbox { .. }) {
        leave(session);
        tell(session, &Code::Closed, "Previous mailbox closed");
    }
    let path = session.path(mailbox)?;
    let mode = if read_only { OpenMode::ReadOnly } else { OpenMode::ReadWrite };
    let view = session.services.mailboxes.open(&who, &path, mode).await?;
    let rev2 = session.enabled.rev2;
    let (exists, recent, unseen) = (view.len(), view.recent_count(), view.first_unseen());
    let codes = [
        Code::UidValidity(view.uidvalidity()),
        Code::UidNext(view.uidnext()),
        Code::HighestModSeq(view.highest_modseq()),
    ];
    session.state = State::Mailbox { who, view: Box::new(view), saved: UidSet::default() };
    session.tell_keywords();
    put(&mut session.io.out, format_args!("* {exists} EXISTS\r\n"));
    if rev2 {
        let (name, given) = (path.to_string(), session.name(mailbox).unwrap_or_default());
        let old_name = Some(given.as_str()).filter(|given| *given != name);
        let line = ListLine { name: &name, old_name, ..ListLine::default() };
        let form = session.form();
        crate::wire::imap::response::list(&mut session.io.out, "LIST", &line, form);
    } else {
        put(&mut session.io.out, format_args!("* {recent} RECENT\r\n"));
        if let Some(number) = unseen {
            tell(session, &Code::Unseen(number), "First unseen");
        }
    }
    for code in codes {
        tell(session, &code, "Ok");
    }
    Ok(match read_only {
        true => Done::with(Code::ReadOnly, "EXAMINE completed"),
        false => Done::with(Code::ReadWrite, "SELECT completed"),
    })
}

/// Expunges without a word, where it may.
pub(super) async fn close(session: &mut Session) -> Result<Done, Stop> {
    let (who, view) = (session.member()?, session.view()?);
    if !view.read_only() {
        session.services.messages.expunge(&who, view, None).await?;
    }
    leave(session);
    Ok(Done::ok("CLOSE completed"))
}

pub(super) fn unselect(session: &mut Session) -> Result<Done, Stop> {
    leave(session);
    Ok(Done::ok("UNSELECT completed"))
}

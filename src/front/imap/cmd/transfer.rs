//! COPY and MOVE (RFC 9051 §6.4.7, §6.4.8; RFC 4315 §3).

use super::{tell, try_create};
use crate::front::imap::reply::{Done, Stop, refusal};
use crate::front::imap::session::Session;
use crate::model::sequence::SequenceSet;
use crate::service::message::Copied;
use crate::wire::imap::command::By;
use crate::wire::imap::response::Code;

pub(super) async fn copy(session: &mut Session, by: By, set: &SequenceSet, mailbox: &[u8]) -> Result<Done, Stop> {
    let (who, path) = (session.member()?, session.path(mailbox)?);
    let uids = session.resolve(by, set)?;
    let copied = session.services.messages.copy(&who, session.view()?, &uids, &path).await;
    let copied = copied.map_err(|why| try_create(refusal(why)))?;
    // The target may be the selected mailbox, by whatever name.
    session.changed = true;
    let whole = copied.from.len() == uids.len();
    Ok(match copy_uid(copied) {
        Some(code) => Done::with(code, "COPY completed"),
        None if whole => Done::ok("COPY completed, there was nothing to copy"),
        None => Done::no(Code::ExpungeIssued, "The messages were expunged"),
    })
}

pub(super) async fn move_to(session: &mut Session, by: By, set: &SequenceSet, mailbox: &[u8]) -> Result<Done, Stop> {
    let (who, path) = (session.member()?, session.path(mailbox)?);
    let uids = session.resolve(by, set)?;
    let moved = session.services.messages.move_to(&who, session.view()?, &uids, &path).await;
    let moved = moved.map_err(|why| try_create(refusal(why)))?;
    session.changed = true;
    // Before the EXPUNGEs, so that the client knows where they went (RFC 6851 §4.3).
    if let Some(code) = copy_uid(moved) {
        tell(session, &code, "Moved");
    }
    Ok(Done::ok("MOVE completed"))
}

fn copy_uid(copied: Copied) -> Option<Code> {
    let Copied { uidvalidity, from, to } = copied;
    (!from.is_empty()).then_some(Code::CopyUid { uidvalidity, from, to })
}

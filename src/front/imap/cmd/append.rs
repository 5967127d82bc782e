//! APPEND (RFC 9051 §6.3.12, RFC 4315 §3).

use super::try_create;
use crate::front::imap::reply::{Done, Stop, refusal};
use crate::front::imap::session::Session;
use crate::service::message::Append;
use crate::service::spool::Spool;
use crate::wire::imap::command::AppendItem;
use crate::wire::imap::response::Code;
use chrono::Utc;

/// Adds messages, all or none, byte for byte as they came.
pub(super) async fn append(
    session: &mut Session,
    mailbox: &[u8],
    items: Vec<AppendItem>,
    messages: Vec<Spool>,
) -> Result<Done, Stop> {
    let who = session.member()?;
    let path = session.path(mailbox)?;
    // A literal of BODY[] could not carry it back to a client (RFC 9051 §4.3).
    let with_nul = |message: &Spool| memchr::memchr(0, message.bytes()).is_some();
    if let Some((item, _)) = items.iter().zip(&messages).find(|(_, message)| with_nul(message)) {
        let code = if item.binary { Code::UnknownCte } else { Code::Cannot };
        return Ok(Done::no(code, "A NUL can't stand in a message"));
    }
    if messages.iter().any(Spool::is_empty) {
        return Ok(Done::no(Code::Cannot, "A message has one octet at least"));
    }
    let list = items.into_iter().zip(messages).map(|(item, message)| Append {
        message: message.finish(),
        flags: item.flags,
        internal_date: item.date.map(|date| date.with_timezone(&Utc)),
    });
    let appended = session.services.messages.append(&who, &path, list.collect()).await;
    let appended = appended.map_err(|why| try_create(refusal(why)))?;
    // Perhaps the selected mailbox, by whatever name: a look costs little.
    session.changed = session.view().is_ok();
    let code = Code::AppendUid { uidvalidity: appended.uidvalidity, uids: appended.uids.into_iter().collect() };
    Ok(Done::with(code, "APPEND completed"))
}

//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8, RFC 6154 §3).

use crate::front::imap::reply::{Done, Stop};
use crate::front::imap::session::{Session, State};
use crate::model::mailbox::SpecialUse;

/// Makes a mailbox and the parents it lacks.
pub(super) async fn create(
    session: &mut Session,
    mailbox: &[u8],
    special_use: Option<SpecialUse>,
) -> Result<Done, Stop> {
    let who = session.member()?;
    // A separator at the end says that mailboxes will be made below (RFC 9051 §6.3.4).
    let path = session.path(mailbox.strip_suffix(b"/").unwrap_or(mailbox))?;
    session.services.mailboxes.create(&who, &path, special_use).await?;
    Ok(Done::ok("CREATE completed"))
}

pub(super) async fn delete(session: &mut Session, mailbox: &[u8]) -> Result<Done, Stop> {
    let who = session.member()?;
    let path = session.path(mailbox)?;
    session.services.mailboxes.delete(&who, &path).await?;
    let selected = matches!(&session.state, State::Mailbox { view, .. } if *view.path() == path);
    if selected {
        super::leave(session);
        super::tell(session, &crate::wire::imap::response::Code::Closed, "The mailbox was removed");
    }
    Ok(Done::ok("DELETE completed"))
}

pub(super) async fn rename(session: &mut Session, from: &[u8], to: &[u8]) -> Result<Done, Stop> {
    let who = session.member()?;
    let (from, to) = (session.path(from)?, session.path(to.strip_suffix(b"/").unwrap_or(to))?);
    session.services.mailboxes.rename(&who, &from, &to).await?;
    session.changed = from.is_inbox();
    Ok(Done::ok("RENAME completed"))
}

pub(super) async fn subscribe(session: &mut Session, mailbox: &[u8], on: bool) -> Result<Done, Stop> {
    let who = session.member()?;
    let path = session.path(mailbox)?;
    session.services.mailboxes.subscribe(&who, &path, on).await?;
    Ok(Done::ok(if on { "SUBSCRIBE completed" } else { "UNSUBSCRIBE completed" }))
}

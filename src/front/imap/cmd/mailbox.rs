//! CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8, RFC 6154 §3).

use crate::front::imap::reply::{Done, Stop};
use crate::front::imap::session::Session;
use crate::model::mailbox::{MailboxPath, SpecialUse};
use crate::service::Refusal;
use crate::wire::imap::response::{self, Code, ListLine};

/// Makes a mailbox and the parents it lacks.
pub(super) async fn create(
    session: &mut Session,
    mailbox: &[u8],
    special_use: Option<SpecialUse>,
) -> Result<Done, Stop> {
    let who = session.member()?;
    // A separator at the end says that mailboxes will be made below (RFC 9051 §6.3.4).
    let path = session.path(mailbox.strip_suffix(b"/").unwrap_or(mailbox))?;
    let made = session.services.mailboxes.create(&who, &path, special_use).await;
    made.map_err(|why| match why {
        // RFC 6154 §3: the reason is the use, where it is not the name.
        Refusal::Invalid(why) if special_use.is_some() && !path.has_dots() => Done::no(Code::UseAttr, why).into(),
        other => Stop::from(other),
    })?;
    normalized(session, mailbox, &path, &[]);
    Ok(Done::ok("CREATE completed"))
}

pub(super) async fn delete(session: &mut Session, mailbox: &[u8]) -> Result<Done, Stop> {
    let who = session.member()?;
    let path = session.path(mailbox)?;
    let removed = session.services.mailboxes.delete(&who, &path).await?;
    normalized(session, mailbox, &path, &["\\NonExistent"]);
    if session.view().is_ok_and(|view| view.mailbox() == removed) {
        super::leave(session);
        super::tell(session, &Code::Closed, "The mailbox was removed");
    }
    Ok(Done::ok("DELETE completed"))
}

/// A name that is kept in another spelling than the client's is told in both, to clients that know OLDNAME
/// (RFC 9051 §6.3.9.7).
fn normalized(session: &mut Session, raw: &[u8], path: &MailboxPath, attributes: &[&'static str]) {
    let given = session.name(raw.strip_suffix(b"/").unwrap_or(raw)).unwrap_or_default();
    let name = path.to_string();
    if session.enabled.rev2 && given != name {
        let line =
            ListLine { attributes: attributes.to_vec(), name: &name, old_name: Some(&given), ..ListLine::default() };
        let form = session.form();
        response::list(&mut session.io.out, "LIST", &line, form);
    }
}

pub(super) async fn rename(session: &mut Session, from: &[u8], to: &[u8]) -> Result<Done, Stop> {
    let who = session.member()?;
    let (raw_from, raw_to) = (from, to.strip_suffix(b"/").unwrap_or(to));
    let (from, to) = (session.path(raw_from)?, session.path(raw_to)?);
    session.services.mailboxes.rename(&who, &from, &to).await?;
    let respelled = |raw: &[u8], path: &MailboxPath| session.name(raw).is_some_and(|given| given != path.to_string());
    if respelled(raw_from, &from) || respelled(raw_to, &to) {
        normalized(session, raw_from, &to, &[]);
    }
    session.changed = from.is_inbox();
    Ok(Done::ok("RENAME completed"))
}

pub(super) async fn subscribe(session: &mut Session, mailbox: &[u8], on: bool) -> Result<Done, Stop> {
    let who = session.member()?;
    let path = session.path(mailbox)?;
    session.services.mailboxes.subscribe(&who, &path, on).await?;
    Ok(Done::ok(if on { "SUBSCRIBE completed" } else { "UNSUBSCRIBE completed" }))
}

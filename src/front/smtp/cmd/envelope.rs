//! MAIL and RCPT (RFC 5321 §4.1.1.2, §4.1.1.3).

use crate::front::smtp::session::{Next, Session, State, Target, Transaction};
use crate::front::smtp::{Kind, RECIPIENTS};
use crate::model::address::Address;
use crate::model::dsn::DsnRequest;
use crate::service::Refusal;
use crate::service::directory::{Recipient, Resolved};
use crate::wire::smtp::command::{Forward, Mail, Rcpt};
use crate::wire::smtp::reply::Reply;

pub(super) async fn mail(session: &mut Session, mail: Mail) -> Next {
    let greeting = match &session.state {
        State::Greeted(greeting) => greeting.clone(),
        _ => return Next::Reply(Reply::new(503, 5, 1, "Bad sequence of commands")),
    };
    if session.options.kind == Kind::Submission {
        let Some(who) = &session.who else { return Next::Reply(Reply::new(530, 7, 0, "Authentication is needed")) };
        if let Some(from) = &mail.from
            && let Err(why) = session.services.submission.may_send_as(who, from).await
        {
            return Next::Reply(match why {
                Refusal::Denied => Reply::new(553, 7, 1, "That sender address is not yours"),
                other => session.refusal(&other),
            });
        }
    }
    if mail.from.as_ref().is_some_and(Address::needs_utf8) && !mail.smtputf8 {
        return Next::Reply(Reply::new(550, 6, 7, "That address needs SMTPUTF8"));
    }
    let limit = session.services.spool.message_limit();
    if mail.size.is_some_and(|size| size > limit) {
        return Next::Reply(session.refusal(&Refusal::TooLarge(limit)));
    }
    if session.services.spool.is_full() {
        return Next::Reply(session.refusal(&Refusal::Full));
    }
    session.state = State::Mail(Box::new(Transaction {
        greeting,
        from: mail.from,
        body: mail.body,
        smtputf8: mail.smtputf8,
        ret: mail.ret,
        envid: mail.envid,
        size: mail.size.unwrap_or(0),
        recipients: Vec::new(),
        chunks: None,
    }));
    Next::Reply(Reply::new(250, 1, 0, "Sender ok"))
}

pub(super) async fn rcpt(session: &mut Session, rcpt: Rcpt) -> Next {
    let State::Mail(transaction) = &session.state else {
        return Next::Reply(Reply::new(503, 5, 1, "Bad sequence of commands"));
    };
    if transaction.chunks.is_some() {
        return Next::Reply(Reply::new(503, 5, 1, "The message has begun"));
    }
    if transaction.recipients.len() >= RECIPIENTS {
        return Next::Reply(Reply::new(452, 5, 3, "Too many recipients, send the rest in another message"));
    }
    if matches!(&rcpt.to, Forward::Address(address) if address.needs_utf8()) && !transaction.smtputf8 {
        return Next::Reply(Reply::new(553, 6, 7, "That address needs SMTPUTF8"));
    }
    let checked = match &session.options.kind {
        Kind::Submission => for_member(session, &rcpt.to).await,
        Kind::Mx | Kind::Lmtp => for_stranger(session, &rcpt.to).await,
    };
    let (address, recipient) = match checked {
        Ok(checked) => checked,
        Err(reply) => return Next::Reply(reply),
    };
    let dsn = DsnRequest { notify: rcpt.notify, orcpt: rcpt.orcpt };
    if let State::Mail(transaction) = &mut session.state {
        transaction.recipients.push(Target { address, dsn, recipient });
    }
    Next::Reply(Reply::new(250, 1, 5, "Recipient ok"))
}

type Checked = Result<(Address, Option<Recipient>), Reply>;

/// Strangers may write to our addresses alone.
async fn for_stranger(session: &Session, to: &Forward) -> Checked {
    let resolved = match to {
        Forward::Address(address) => session.services.directory.resolve(address).await,
        Forward::Postmaster => session.services.directory.postmaster().await,
    };
    match resolved.map_err(|why| session.refusal(&why))? {
        Resolved::Deliver(recipient) => Ok((recipient.address.clone(), Some(recipient))),
        Resolved::NotOurs => Err(Reply::new(550, 7, 1, "We do not relay for that domain")),
        Resolved::Unknown => Err(session.refusal(&Refusal::NotFound)),
        Resolved::Disabled => Err(Reply::new(550, 2, 1, "That mailbox takes no mail")),
        Resolved::OverQuota => Err(session.refusal(&Refusal::OverQuota)),
    }
}

/// Members may write to anyone; what is ours must exist.
async fn for_member(session: &Session, to: &Forward) -> Checked {
    let address = match to {
        Forward::Address(address) => address.clone(),
        Forward::Postmaster => {
            match session.services.directory.postmaster().await.map_err(|why| session.refusal(&why))? {
                Resolved::Deliver(recipient) => recipient.address,
                _ => return Err(session.refusal(&Refusal::NotFound)),
            }
        }
    };
    let Some(who) = &session.who else { return Err(Reply::new(530, 7, 0, "Authentication is needed")) };
    session.services.submission.check_recipient(who, &address).await.map_err(|why| session.refusal(&why))?;
    Ok((address, None))
}

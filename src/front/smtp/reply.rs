//! SMTP's words for each refusal (RFC 5321 §4.2, RFC 3463, RFC 5248).

use crate::service::Refusal;
use crate::wire::smtp::data::BadBody;
use crate::wire::smtp::reply::Reply;

/// The reply to a refusal. A new one does not compile until it has words here.
pub(super) fn refusal(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::NotFound => Reply::new(550, 1, 1, "No such address here"),
        Refusal::Exists => Reply::new(550, 5, 0, "Already exists"),
        Refusal::Denied => Reply::new(550, 7, 1, "Not permitted"),
        Refusal::WrongCredentials => Reply::new(535, 7, 8, "Name or password is wrong"),
        Refusal::SlowDown => Reply::new(454, 7, 0, "Too many failed attempts, try again later"),
        Refusal::Stale => Reply::new(421, 7, 0, "Credentials were changed, sign in again"),
        Refusal::OverQuota => Reply::new(452, 2, 2, "Mailbox is full, try again later"),
        Refusal::TooLarge(limit) => Reply::new(552, 3, 4, format!("Message too large, the limit is {limit} octets")),
        Refusal::Limit(why) => Reply::new(452, 5, 3, *why),
        Refusal::Invalid(why) => Reply::new(550, 6, 0, *why),
        Refusal::InUse(why) => Reply::new(550, 5, 0, *why),
        Refusal::ReadOnly => Reply::new(550, 2, 1, "Mailbox is read-only"),
        Refusal::Busy => Reply::new(452, 3, 1, "Busy, try again soon"),
        Refusal::Full => Reply::new(452, 3, 1, "Storage is full, try again later"),
        Refusal::Unavailable => Reply::new(451, 3, 0, "Temporarily unavailable, try again later"),
        Refusal::Internal(source) => {
            tracing::error!(error = %source, "SMTP command failed");
            Reply::new(451, 3, 0, "Internal error, try again later")
        }
    }
}

/// The reply to a body with octets that SMTP does not carry (RFC 5321 §2.3.8).
pub(super) fn bad_body(bad: BadBody) -> Reply {
    Reply::new(
        550,
        6,
        0,
        match bad {
            BadBody::BareCr => "A CR without LF can't stand in a message",
            BadBody::BareLf => "A LF without CR can't stand in a message",
            BadBody::Nul => "A NUL can't stand in a message",
        },
    )
}

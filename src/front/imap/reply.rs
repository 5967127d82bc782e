//! IMAP's words for each refusal (RFC 9051 §7.1, RFC 5530).

use crate::service::Refusal;
use crate::wire::imap::command::Fault;
use crate::wire::imap::response::{Code, Condition};
use std::borrow::Cow;
use std::io;

/// How a command ended.
#[derive(Debug)]
pub(super) struct Done {
    pub condition: Condition,
    pub code: Option<Code>,
    pub text: Cow<'static, str>,
    /// Say goodbye after it.
    pub end: Option<&'static str>,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(Refusal),
    Done(Done),
    /// Everything was said.
    Silent,
    Io(io::Error),
}

impl Done {
    pub(super) fn ok(text: impl Into<Cow<'static, str>>) -> Self {
        Self { condition: Condition::Ok, code: None, text: text.into(), end: None }
    }

    pub(super) fn with(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code: Some(code), ..Self::ok(text) }
    }

    pub(super) fn no(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { condition: Condition::No, ..Self::with(code, text) }
    }

    pub(super) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { condition: Condition::Bad, ..Self::ok(text) }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Done> for Stop {
    fn from(done: Done) -> Self {
        Self::Done(done)
    }
}

/// The answer to a refusal. A new one does not compile until it has words here.
pub(super) fn refusal(refusal: Refusal) -> Done {
    match refusal {
        Refusal::NotFound => Done::no(Code::NonExistent, "No such mailbox"),
        Refusal::Exists => Done::no(Code::AlreadyExists, "Already exists"),
        Refusal::Denied => Done::no(Code::NoPermission, "Not permitted"),
        Refusal::WrongCredentials => Done::no(Code::AuthenticationFailed, "Name or password is wrong"),
        Refusal::SlowDown => Done::no(Code::Unavailable, "Too many failed attempts, try again later"),
        Refusal::Stale => {
            Done { end: Some("Credentials were changed, sign in again"), ..Done::no(Code::Unavailable, "Signed out") }
        }
        Refusal::OverQuota => Done::no(Code::OverQuota, "Over quota"),
        Refusal::TooLarge(limit) => Done::no(Code::TooBig, format!("Message too large, the limit is {limit} octets")),
        Refusal::Limit(why) => Done::no(Code::Limit, why),
        Refusal::Invalid(why) => Done::no(Code::Cannot, why),
        Refusal::InUse(why) => Done::no(Code::InUse, why),
        Refusal::ReadOnly => Done::no(Code::ReadOnly, "The mailbox is open read-only"),
        Refusal::Busy => Done::no(Code::Limit, "Busy, try again soon"),
        Refusal::Full => Done::no(Code::Unavailable, "Storage is full, try again later"),
        Refusal::Unavailable => Done::no(Code::Unavailable, "Temporarily unavailable, try again later"),
        Refusal::Internal(source) => {
            tracing::error!(error = %source, "IMAP command failed");
            Done::no(Code::ServerBug, "Internal error")
        }
    }
}

/// The answer to a command that can't be read.
pub(super) fn fault(fault: Fault) -> Done {
    match fault {
        Fault::Syntax(why) => Done::bad(why),
        Fault::Use => Done::no(Code::UseAttr, "A mailbox has one use, and not that one"),
    }
}

//! Mails that tell members what was changed of their account, written in the transaction that changes it (I11).

use super::directory::Directory;
use super::dsn::{one_line, post, random_hex};
use super::{Base, Refusal, Result};
use crate::model::address::Address;
use crate::store::Tx;
use crate::store::append::Job;
use askama::Template;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    Password,
    SecondFactor,
    NoSecondFactor,
    /// Recovery codes were made anew.
    Codes,
    /// A recovery code was used; how many are left.
    CodeUsed(usize),
    /// An app password of this name was made.
    AppPassword(String),
    NoAppPassword(String),
}

impl News {
    fn subject(&self) -> &'static str {
        match self {
            Self::Password => "Your password was changed",
            Self::SecondFactor => "A second factor was switched on",
            Self::NoSecondFactor => "Your second factor was switched off",
            Self::Codes => "New recovery codes were made",
            Self::CodeUsed(_) => "A recovery code was used",
            Self::AppPassword(_) => "An app password was made",
            Self::NoAppPassword(_) => "An app password was revoked",
        }
    }
}

#[derive(Template)]
#[template(path = "notice/account.txt")]
struct Text<'a> {
    news: &'a News,
    address: &'a Address,
    at: String,
    origin: &'a str,
    hostname: &'a str,
}

/// Writes notices. Cheap to clone.
#[derive(Clone)]
pub(super) struct Notices {
    base: Base,
    directory: Directory,
    hostname: String,
}

/// A notice on its way into a mailbox; nothing where nobody could read it.
pub(super) struct Ready(Option<Job>);

impl Notices {
    pub fn new(base: Base, directory: Directory, hostname: String) -> Self {
        Self { base, directory, hostname }
    }

    /// Composes a notice, before the transaction; `origin` is where the act came from.
    pub async fn prepare(&self, to: &Address, news: &News, origin: &str) -> Result<Ready> {
        let now = self.base.clock.now();
        let mut job = Job { blobs: Vec::new(), messages: Vec::new(), now };
        // A main address leads to its own mailbox alone: there is nothing to queue.
        post(&self.base, &self.directory, to, self.compose(to, news, origin)?).await?.join(&mut job);
        Ok(Ready((!job.messages.is_empty()).then_some(job)))
    }

    fn compose(&self, to: &Address, news: &News, origin: &str) -> Result<Vec<u8>> {
        let (now, hostname) = (self.base.clock.now(), &self.hostname);
        let at = now.format("%Y-%m-%d %H:%M UTC").to_string();
        let text = Text { news, address: to, at, origin: &one_line(origin), hostname };
        let text = text.render().map_err(|error| Refusal::Internal(error.into()))?;
        let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
        Ok(format!(
            "From: Mailstead <postmaster@{hostname}>\r\nTo: <{to}>\r\nSubject: {}\r\nDate: {}\r\n\
             Message-ID: <{}@{hostname}>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n",
            news.subject(),
            now.to_rfc2822(),
            random_hex(12)?,
        )
        .into_bytes())
    }
}

impl Ready {
    /// Files it in the transaction of what it tells; before the audit row (lock order).
    pub async fn file(&self, base: &Base, tx: &mut Tx) -> Result<()> {
        if let Some(job) = &self.0 {
            tx.messages_add(&base.store, job).await?;
        }
        Ok(())
    }
}

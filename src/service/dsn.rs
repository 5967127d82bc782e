//! Reports to a sender about what became of a message (RFC 3464, RFC 3461 §5, RFC 6533).

use super::content::new_blob_of;
use super::directory::{Directory, Local, Resolved};
use super::{Base, Refusal, Result};
use crate::mime::header::{end_of_header, fields, unfold};
use crate::mime::words;
use crate::model::address::Address;
use crate::model::dsn::{BodyKind, DsnRequest, Notify, Ret};
use crate::model::flags::SystemFlags;
use crate::store::append::{Job, NewMessage};
use crate::store::blob::NewBlob;
use askama::Template;
use chrono::{DateTime, Utc};
use std::fmt::Write as _;
use std::sync::Arc;

/// A whole message is returned up to this size unless only its header was asked for.
const RETURNED: usize = 64 << 10;
/// Lines of the remote side's words that are passed on.
const WORDS: usize = 1000;

/// What became of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Failed,
    Delayed,
    /// Handed to a server that sends no reports.
    Relayed,
    Delivered,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Relayed => "relayed",
            Self::Delivered => "delivered",
        }
    }

    /// Whether a sender who asked `notify` is told (RFC 3461 §4.1: not asked means failures, and we tell delays too).
    pub fn wanted(self, notify: Notify) -> bool {
        match self {
            Self::Failed => notify.is_empty() || notify.contains(Notify::FAILURE),
            Self::Delayed => notify.is_empty() || notify.contains(Notify::DELAY),
            Self::Relayed | Self::Delivered => notify.contains(Notify::SUCCESS),
        }
    }
}

/// One recipient of a report.
#[derive(Debug, Clone)]
pub struct Reported {
    pub address: String,
    /// `rfc822;ann@example.org`.
    pub orcpt: Option<String>,
    /// `5.1.1`.
    pub status: String,
    /// The remote side's code and words, or ours.
    pub words: String,
    /// Who said them; `None`: we.
    pub remote: Option<String>,
}

/// A report on one message.
pub struct Report<'a> {
    pub action: Action,
    pub to: &'a Address,
    pub hostname: &'a str,
    pub envid: Option<&'a str>,
    pub ret: Option<Ret>,
    pub body: BodyKind,
    pub arrived: DateTime<Utc>,
    pub now: DateTime<Utc>,
    /// Of a delay.
    pub until: DateTime<Utc>,
    pub recipients: &'a [Reported],
    pub original: &'a [u8],
}

#[derive(Template)]
#[template(path = "notice/delivery.txt")]
struct Notice<'a> {
    action: Action,
    subject: &'a str,
    recipients: &'a [Reported],
    until: String,
    hostname: &'a str,
}

mod filters {
    /// ` "Subject"`, or nothing where there is none.
    #[askama::filter_fn]
    pub fn named(subject: &str, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(if subject.is_empty() { String::new() } else { format!(" \"{subject}\"") })
    }
}

impl Report<'_> {
    /// The report as a message.
    ///
    /// # Errors
    /// [`Refusal::Internal`] without random numbers.
    pub fn compose(&self) -> Result<Vec<u8>> {
        let boundary = random_hex(16)?;
        let message_id = random_hex(12)?;
        let subject = match self.action {
            Action::Failed => "Your message could not be delivered",
            Action::Delayed => "Your message is delayed",
            Action::Relayed => "Your message was handed on",
            Action::Delivered => "Your message was delivered",
        };
        let Self { hostname, to, now, .. } = self;
        let utf8 = self.recipients.iter().any(|r| !r.address.is_ascii());
        let status_type = if utf8 { "message/global-delivery-status" } else { "message/delivery-status" };
        let text = self.text()?.replace("\r\n", "\n").replace('\n', "\r\n");
        let mut out = format!(
            "From: Mail Delivery System <postmaster@{hostname}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {}\r\n\
             Message-ID: <{message_id}@{hostname}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n\
             --{boundary}\r\nContent-Type: {status_type}\r\n\r\n{}",
            now.to_rfc2822(),
            self.status_part(),
        )
        .into_bytes();
        self.returned(&mut out, &boundary);
        out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Ok(out)
    }

    fn text(&self) -> Result<String> {
        let header = &self.original[..end_of_header(self.original)];
        let subject = fields(header).find(|field| field.is("Subject"));
        let subject = subject.map(|field| words::decode(&unfold(field.value)).trim().to_owned()).unwrap_or_default();
        let notice = Notice {
            action: self.action,
            subject: &subject.chars().take(200).collect::<String>(),
            recipients: self.recipients,
            until: self.until.format("%Y-%m-%d %H:%M UTC").to_string(),
            hostname: self.hostname,
        };
        notice.render().map_err(|error| Refusal::Internal(error.into()))
    }

    /// RFC 3464 §2.2, §2.3.
    fn status_part(&self) -> String {
        let mut out = format!("Reporting-MTA: dns; {}\r\n", self.hostname);
        if let Some(envid) = self.envid {
            let _ = write!(out, "Original-Envelope-Id: {}\r\n", one_line(envid));
        }
        let _ = write!(out, "Arrival-Date: {}\r\n", self.arrived.to_rfc2822());
        for r in self.recipients {
            out.push_str("\r\n");
            if let Some(orcpt) = r.orcpt.as_deref().and_then(|orcpt| orcpt.split_once(';')) {
                let _ = write!(out, "Original-Recipient: {}; {}\r\n", one_line(orcpt.0), one_line(orcpt.1));
            }
            let kind = if r.address.is_ascii() { "rfc822" } else { "utf-8" };
            let _ = write!(out, "Final-Recipient: {kind}; {}\r\n", one_line(&r.address));
            let _ = write!(out, "Action: {}\r\nStatus: {}\r\n", self.action.name(), r.status);
            if let Some(remote) = &r.remote {
                let _ = write!(out, "Remote-MTA: dns; {}\r\n", one_line(remote));
                let _ = write!(out, "Diagnostic-Code: smtp; {}\r\n", one_line(&r.words));
            }
            let _ = write!(out, "Last-Attempt-Date: {}\r\n", self.now.to_rfc2822());
            if self.action == Action::Delayed {
                let _ = write!(out, "Will-Retry-Until: {}\r\n", self.until.to_rfc2822());
            }
        }
        out
    }

    /// The message or its header, as was asked and as fits (RFC 3461 §4.3).
    fn returned(&self, out: &mut Vec<u8>, boundary: &str) {
        let whole = match self.ret {
            _ if self.body == BodyKind::Binary || self.action != Action::Failed => false,
            Some(Ret::Headers) => false,
            Some(Ret::Full) => true,
            None => self.original.len() <= RETURNED,
        };
        let (kind, end) = match whole {
            true => ("message/rfc822", self.original.len()),
            false => ("text/rfc822-headers", end_of_header(self.original)),
        };
        let part = format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
        out.extend_from_slice(part.as_bytes());
        out.extend_from_slice(&self.original[..end]);
    }
}

/// Remote words in one line of printable characters, of a length that can be stored and shown.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect()
}

pub(super) fn random_hex(octets: usize) -> Result<String> {
    let mut random = vec![0u8; octets];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Refusal::Internal(anyhow::anyhow!("no random numbers")))?;
    Ok(random.iter().map(|b| format!("{b:02x}")).collect())
}

/// Where a report goes: into INBOXes in the transaction that tells the fate, and into the queue for who is elsewhere.
/// Nowhere if the sender is not there any more.
#[derive(Default)]
pub(super) struct Post {
    pub messages: Vec<NewMessage>,
    pub remotes: Vec<Address>,
    /// The report itself; `None`: nowhere.
    pub blob: Option<Arc<NewBlob>>,
}

/// Prepares a report's way; nothing is written yet.
pub(super) async fn post(base: &Base, directory: &Directory, to: &Address, report: Vec<u8>) -> Result<Post> {
    let (locals, remotes) = match directory.lead(to).await? {
        Resolved::NotOurs => (Vec::new(), vec![to.clone()]),
        Resolved::Deliver(recipient) => (recipient.locals, recipient.remotes),
        Resolved::Unknown | Resolved::Disabled | Resolved::OverQuota => {
            tracing::info!("a report has nowhere to go: its sender is not here any more");
            return Ok(Post::default());
        }
    };
    let blob = Some(new_blob_of(Arc::new(report)).await?);
    let prefix = format!("Return-Path: <>\r\nDelivered-To: {to}\r\n").into_bytes();
    let message = |local: Local| NewMessage {
        account: local.account,
        mailbox: local.inbox,
        blob: 0,
        flags: SystemFlags::empty(),
        keywords: Vec::new(),
        internal_at: base.clock.now(),
        prefix: prefix.clone(),
    };
    Ok(Post { messages: locals.into_iter().map(message).collect(), remotes, blob })
}

/// What a door knows of a message whose local copies are about to be committed.
pub(super) struct Delivered<'a> {
    pub sender: Option<&'a Address>,
    pub envid: Option<&'a str>,
    pub ret: Option<Ret>,
    pub body: BodyKind,
    /// Local recipients: as asked for, ORCPT, and what the sender wants to hear.
    pub recipients: Vec<(&'a Address, &'a DsnRequest)>,
    pub original: &'a [u8],
}

/// The report to a sender who asked for success (RFC 3461 §4.1), to be committed with the copies it tells of.
pub(super) async fn delivered(
    base: &Base,
    directory: &Directory,
    hostname: &str,
    message: Delivered<'_>,
) -> Result<Post> {
    let Some(to) = message.sender else { return Ok(Post::default()) };
    let asked = message.recipients.iter().filter(|(_, asked)| Action::Delivered.wanted(asked.notify));
    let recipients: Vec<Reported> = asked
        .map(|(address, asked)| Reported {
            address: address.to_string(),
            orcpt: asked.orcpt.clone(),
            status: "2.0.0".into(),
            words: String::new(),
            remote: None,
        })
        .collect();
    if recipients.is_empty() {
        return Ok(Post::default());
    }
    let now = base.clock.now();
    let report = Report {
        action: Action::Delivered,
        to,
        hostname,
        envid: message.envid,
        ret: message.ret,
        body: message.body,
        arrived: now,
        now,
        until: now,
        recipients: &recipients,
        original: message.original,
    };
    post(base, directory, to, report.compose()?).await
}

impl Post {
    /// Puts local copies among the messages of `job`; answers what is to be queued, and for whom.
    pub(super) fn join(self, job: &mut Job) -> Option<(Arc<NewBlob>, Vec<Address>)> {
        let blob = self.blob?;
        if !self.messages.is_empty() {
            let at = job.blobs.len();
            job.blobs.push(blob.clone());
            job.messages.extend(self.messages.into_iter().map(|message| NewMessage { blob: at, ..message }));
        }
        (!self.remotes.is_empty()).then_some((blob, self.remotes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::structure::{Kind, parse};

    #[test]
    fn a_report_has_its_three_parts() {
        let to = Address::parse("ann@example.test").unwrap();
        let reported = Reported {
            address: "bob@elsewhere.test".into(),
            orcpt: Some("rfc822;b@x.test".into()),
            status: "5.1.1".into(),
            words: "550 5.1.1 No such user\r\nX-Evil: 1".into(),
            remote: Some("mx.elsewhere.test".into()),
        };
        let original = b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nX: y\r\n\r\nbody\r\n";
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let report = |action, ret| Report {
            action,
            to: &to,
            hostname: "mail.example.test",
            envid: Some("E1"),
            ret,
            body: BodyKind::SevenBit,
            arrived: at,
            now: at,
            until: at,
            recipients: std::slice::from_ref(&reported),
            original,
        };
        let raw = report(Action::Failed, None).compose().unwrap();
        let root = parse(&raw);
        let Kind::Multipart(parts) = &root.kind else { panic!() };
        let body = |n: usize| String::from_utf8_lossy(&raw[parts[n].body.clone()]).into_owned();
        assert!(
            body(0).contains("Your message \"Grüße\" could not be delivered to:\r\n\r\n    bob@elsewhere.test\r\n")
        );
        assert!(body(1).contains("Original-Recipient: rfc822; b@x.test\r\nFinal-Recipient: rfc822; bob@elsewhere.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"));
        assert!(body(1).contains("Diagnostic-Code: smtp; 550 5.1.1 No such user  X-Evil: 1\r\n"));
        assert_eq!(body(2), String::from_utf8_lossy(original));
        let raw = String::from_utf8(report(Action::Delayed, Some(Ret::Full)).compose().unwrap()).unwrap();
        assert!(raw.contains("Will-Retry-Until: ") && raw.contains("text/rfc822-headers") && !raw.contains("body\r\n"));
    }

    #[test]
    fn senders_are_told_what_they_asked_for() {
        let asked = |action: Action, notify| action.wanted(notify);
        assert!(asked(Action::Failed, Notify::empty()) && asked(Action::Delayed, Notify::empty()));
        assert!(!asked(Action::Relayed, Notify::empty()) && asked(Action::Relayed, Notify::SUCCESS));
        assert!(!asked(Action::Failed, Notify::NEVER) && !asked(Action::Failed, Notify::SUCCESS));
        assert!(!asked(Action::Delayed, Notify::FAILURE));
    }
}

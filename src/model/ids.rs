//! Row ids as types, so that an account's id can't be taken for a mailbox's.

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

id!(
    /// A row of `account`: a person, a role or a shared account.
    AccountId,
    /// A row of `domain`.
    DomainId,
    /// A row of `mailbox`; MAILBOXID encodes it (RFC 8474 §4).
    MailboxId,
    /// A row of `blob`: bytes stored once, found by their SHA-256.
    BlobId,
    /// What a message is, whichever mailboxes it lies in; EMAILID encodes it (RFC 8474 §5.1).
    EmailId,
    /// A conversation; THREADID encodes it (RFC 8474 §5.2).
    ThreadId,
    /// A message waiting in the queue.
    QueueId,
    /// One recipient of a queued message.
    QueueRecipientId,
    /// A row of `audit`.
    AuditId,
    /// A message being written in the browser.
    DraftId,
    /// A file for a message that is not written yet.
    UploadId,
    /// A message held back so that sending can be undone.
    OutboxId,
);

/// A message's number in its mailbox: never 0, never reused (RFC 9051 §2.3.1.1).
pub type Uid = u32;

/// A mailbox's modification sequence, 63 bits, never 0 for a message (RFC 7162 §3.1).
pub type ModSeq = u64;

/// SHA-256 of a message's bytes as a stranger sent them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash(pub [u8; 32]);

impl std::fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

//! IMAP (RFC 9051, RFC 3501): framer, mailbox names.

pub mod framer;
pub mod mutf7;

//! IMAP (RFC 9051, RFC 3501): framer, mailbox names, pieces of responses.

pub mod framer;
pub mod mutf7;
pub mod response;

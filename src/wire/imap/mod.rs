//! IMAP (RFC 9051, RFC 3501): framer, command grammar, mailbox names, pieces of responses.

pub mod command;
pub mod framer;
pub mod mutf7;
pub mod response;

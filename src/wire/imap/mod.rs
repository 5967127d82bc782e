//! IMAP (RFC 9051, RFC 3501): framer.

pub mod framer;

//! SMTP, submission and LMTP (RFC 5321, RFC 6409, RFC 2033): commands, replies, DATA and BDAT.

pub mod command;
pub mod data;
pub mod path;
pub mod reply;

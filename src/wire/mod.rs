//! Bytes ↔ types, no I/O: the grammars of the protocols, both ends of each.

pub mod imap;
pub mod smtp;

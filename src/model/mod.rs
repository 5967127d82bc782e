//! Values of the mail world, each checked when made, and the traits of the world beyond ([`outside`]).
//!
//! No I/O, no SQL, no clock of its own: time and randomness are parameters.

pub mod address;
pub mod clock;
pub mod dsn;
pub mod event;
pub mod flags;
pub mod ids;
pub mod imap_string;
pub mod mailbox;
pub mod network;
pub mod search;
pub mod secret;
pub mod sequence;
pub mod shown;
pub mod smarthost;
pub mod uidset;

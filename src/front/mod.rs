//! The doors, all of one shape: `mod.rs` takes an accepted connection to a session, `session.rs` is its loop,
//! `cmd/` has the verbs, `reply.rs` the one map from a refusal to the door's words. What all of them do alike is here.

pub mod imap;
mod sign_in;
pub mod smtp;
pub mod web;

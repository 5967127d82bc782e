//! Integration tests: one binary, so that they link once.

mod cli;
mod crash;
mod demo;
mod doors;
mod harness;
mod imap;
mod layering;
mod mailbox;
mod packaging;
mod peers;
mod postgres;
mod relay;
mod roundtrip;
mod service;
mod sign_in;
mod smtp;
mod store;
mod stress;
mod upkeep;

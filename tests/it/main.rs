//! Integration tests: one binary, so that they link once.

mod cli;
mod combiner;
mod crash;
mod demo;
mod harness;
mod imap;
mod layering;
mod mailbox;
mod packaging;
mod peers;
mod postgres;
mod relay;
mod reports;
mod roundtrip;
mod service;
mod smtp;
mod store;
mod stress;
mod upkeep;

//! Integration tests: one binary, so that they link once.

mod browser;
mod cli;
mod combiner;
mod crash;
mod demo;
mod doors;
mod harness;
mod hints;
mod imap;
mod layering;
mod mailbox;
mod outside;
mod packaging;
mod peers;
mod postgres;
mod relay;
mod reports;
mod roundtrip;
mod schema;
mod service;
mod sign_in;
mod smtp;
mod store;
mod stress;
mod upkeep;
mod web;

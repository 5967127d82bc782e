//! Integration tests: one binary, so that they link once.

mod harness;
mod layering;
mod service;
mod smtp;
mod store;

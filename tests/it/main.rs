//! Integration tests: one binary, so that they link once.

mod harness;
mod service;
mod store;

//! Integration tests: one binary, so that they link once.

mod harness;
mod layering;
mod postgres;
mod service;
mod smtp;
mod store;

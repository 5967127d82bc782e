//! What tests are made with.

pub mod house;
pub mod pg;
pub mod transcript;

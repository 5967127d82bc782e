//! What tests are made with.

pub mod appliance;
pub mod house;
pub mod pg;
pub mod transcript;

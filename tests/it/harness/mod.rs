//! What tests are made with.

pub mod appliance;
pub mod browser;
pub mod chromium;
pub mod demo;
pub mod dial;
pub mod house;
pub mod log;
pub mod mails;
pub mod pg;
pub mod proxy;
pub mod scene;
pub mod soak;
pub mod transcript;

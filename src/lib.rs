//! Mailstead: a mail appliance for a community, administered from the browser.
//!
//! # The house
//!
//! Data goes one way in and one way back: **bytes → codec → session → service → store → events**.
//!
//! | room | what | may import |
//! |---|---|---|
//! | [`model`] | values, each checked when made | – |
//! | [`wire`], [`mime`], [`sasl`] | bytes ↔ types, pure: no I/O, no clock | model |
//! | [`net`], [`store`] | sockets and TLS · the only SQL | model |
//! | [`service`] | what the house does, whoever asks; rights, quotas, rules | store, mime, sasl, model |
//! | [`front`], [`relay`] | the doors · mail going out | service, wire, net, sasl, mime, model |
//! | [`cli`], [`app`] | argv → verbs · puts the house together | all |
//!
//! `tests/it/layering.rs` reads the sources and fails on anything else.
//!
//! # Start reading here
//!
//! The walk of a message: [`net`] takes the socket, `front/smtp/session` reads, `wire/smtp` decodes,
//! `service/delivery` files it in one `store` transaction, `store/hub` tells, `front/imap/session` writes `* 24 EXISTS`.

pub mod app;
pub mod cli;
pub mod config;
pub mod front;
pub mod mime;
pub mod model;
pub mod net;
pub mod relay;
pub mod sasl;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod wire;

pub use cli::run;

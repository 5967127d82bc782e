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
//! | [`config`] | the file and the environment, checked; hands each room its own options | model |
//! | [`app`] | puts the house together, in the order of start and of shutdown; root is given up after the ports are bound | all |
//! | [`cli`] | argv → verbs: serve, demo, the admin's verbs on the same services | app, config, service, model |
//!
//! `tests/it/layering.rs` reads the sources and fails on anything else.
//!
//! # Start reading here
//!
//! A message comes in: `net/listener` takes the socket, `front/smtp/session` reads, `wire/smtp` decodes,
//! `service/delivery` hands it to `service/dispatch`, which files it in one `store` transaction, `store/hub` tells,
//! `service/watch` wakes who waits, `front/imap/cmd/idle` asks `service/mailbox` to bring its `View` up to date and
//! writes `* 24 EXISTS`.
//!
//! A message goes out: `service/submission` checks whose it is, `service/dispatch` files what is local and queues the
//! rest in one transaction, `relay/worker` claims what is due, `relay/session` hands it over, `service/queue` writes what
//! came of it together with the report to its sender (`service/dsn`).
//!
//! A message is written in the browser: `service/draft` keeps it as it is typed, `service/upload` its files,
//! `service/outbox` checks all of it, holds it back while it can be undone, and takes it the same way by `service/dispatch`.
//!
//! A page is asked for: `front/web/connection` speaks HTTP, `front/web/visitor` finds out who asks, `front/web/router`
//! turns away who may not see it at all, `front/web/extract` takes a form that only a page of ours can have made, the
//! handler in `front/web/page` asks a service, which checks the right, and a template of `templates/` shows what came of
//! it; `front/web/error` has words for everything that can go wrong. A message is shown by `mime/view`, made safe by
//! `mime/html`, in a frame of its own.
//!
//! # Where this differs from the first plan
//!
//! - What every line-based door does alike to sign somebody in is `front/sign_in`, beside the doors.
//! - `* 1 FETCH` after a body read without PEEK has the new flags in the same response: clients take the first one.
//! - IMAP takes any octets but NUL in APPEND (a BODY[] literal could not carry it back); SMTP refuses a bare CR or LF too.
//! - A selected mailbox that is removed ends the session with BYE: every client knows what to do then.

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

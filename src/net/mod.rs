//! Sockets: streams, listeners with limits, TLS, the PROXY protocol.

pub mod client;
pub mod listener;
pub mod proxy;
pub mod stream;
pub mod tls;

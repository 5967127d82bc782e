//! Sockets: listener, limits, TLS, PROXY protocol.

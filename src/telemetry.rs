//! Logs: text at a terminal, JSON where `MAILSTEAD_LOG_FORMAT=json`; `MAILSTEAD_LOG` filters, `info` by default.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Begins to log to standard error. A second call changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_env("MAILSTEAD_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    let json = std::env::var("MAILSTEAD_LOG_FORMAT").is_ok_and(|format| format == "json");
    // The only error is that somebody logs already, which is fine.
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}

//! IMAP4rev2 and IMAP4rev1 (RFC 9051, RFC 3501).

mod cmd;
mod io;
mod reply;
mod session;

use crate::net::listener::Accepted;
use crate::net::tls::ServerTls;
use crate::service::Services;
use std::sync::Arc;
use std::time::Duration;

/// How the door behaves.
#[derive(Clone)]
pub struct Options {
    /// What we call ourselves in the greeting.
    pub hostname: String,
    /// For STARTTLS; `None`: not offered.
    pub tls: Option<ServerTls>,
    /// Between commands before sign-in.
    pub stranger: Duration,
    /// Until sign-in, however busy the client is.
    pub sign_in: Duration,
    /// Between commands (RFC 9051 §5.4: at least 30 min).
    pub idle: Duration,
    /// Between packets of a literal, and for a client that does not read.
    pub data: Duration,
    /// Between proofs that an idling session is still good.
    pub renew: Duration,
    /// A whole connection; it ends between two commands.
    pub overall: Duration,
}

impl Options {
    /// The RFC's times.
    pub fn new(hostname: &str, tls: Option<ServerTls>) -> Self {
        Self {
            hostname: hostname.to_owned(),
            tls,
            stranger: Duration::from_secs(180),
            sign_in: Duration::from_secs(900),
            idle: Duration::from_secs(1860),
            data: Duration::from_secs(300),
            renew: Duration::from_secs(60),
            overall: Duration::from_secs(24 * 3600),
        }
    }
}

/// Sent where the limits turn a connection away.
pub const TURNED_AWAY: &[u8] = b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n";

/// Talks with one client until either side ends.
pub async fn serve(accepted: Accepted, options: Arc<Options>, services: Services) {
    // What ends a session here is the network: nothing is lost that was answered.
    if let Err(error) = session::Session::new(accepted, options, services).run().await {
        tracing::debug!(%error, "IMAP session ended");
    }
}

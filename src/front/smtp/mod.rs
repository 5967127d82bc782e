//! SMTP: port 25, submission, LMTP. One session, three sets of [`Options`].

mod cmd;
mod io;
mod reply;
mod session;

use crate::net::listener::Accepted;
use crate::net::tls::ServerTls;
use crate::service::Services;
use std::sync::Arc;
use std::time::Duration;

/// Which door it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Port 25: takes mail for our addresses from anyone.
    Mx,
    /// 587 and 465: takes mail from members for anyone.
    Submission,
    /// Takes mail from a local server; a reply for each recipient (RFC 2033).
    Lmtp,
}

/// How a door behaves.
#[derive(Clone)]
pub struct Options {
    pub kind: Kind,
    /// What we call ourselves in the greeting and in Received.
    pub hostname: String,
    /// For STARTTLS; `None`: not offered.
    pub tls: Option<ServerTls>,
    /// Between commands (RFC 5321 §4.5.3.2.7: at least 5 min).
    pub idle: Duration,
    /// Between packets of a body (§4.5.3.2.5: at least 3 min).
    pub data: Duration,
    /// A whole connection, however busy it is.
    pub overall: Duration,
}

impl Options {
    /// The RFC's times.
    pub fn new(kind: Kind, hostname: &str, tls: Option<ServerTls>) -> Self {
        Self {
            kind,
            hostname: hostname.to_owned(),
            tls,
            idle: Duration::from_secs(300),
            data: Duration::from_secs(600),
            overall: Duration::from_secs(4 * 3600),
        }
    }
}

/// Sent where the limits turn a connection away.
pub const TURNED_AWAY: &[u8] = b"421 4.7.0 Too many connections, try again later\r\n";

/// Most recipients of a message.
pub const RECIPIENTS: usize = 1000;

/// Talks with one client until either side ends.
pub async fn serve(accepted: Accepted, options: Arc<Options>, services: Services) {
    let overall = options.overall;
    let session = session::Session::new(accepted, options, services);
    // What ends a session here is the network: nothing is lost that was answered.
    match tokio::time::timeout(overall, session.run()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "SMTP session ended"),
        Err(_) => tracing::debug!("SMTP session took too long"),
    }
}

//! The web side: pages over HTTPS (RFC 9110), and the plain door that sends everybody there.
//!
//! A request comes through `router` (headers, who asks, errors in words) to a handler in `page/<subject>`: the structs of
//! its templates, its handlers, its `routes()`. Handlers read forms by `extract`, ask services, and answer with a template
//! or a [`error::Fault`]; `ui` is what every page knows.

mod agent;
mod asset;
mod connection;
mod error;
mod extract;
mod page;
mod patience;
mod problems;
mod router;
mod text;
mod ui;
mod upload;
mod visitor;

pub use connection::{serve, serve_plain};
pub use router::table;

use crate::model::network::Network;
use crate::net::tls::ServerTls;
use crate::service::Services;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Sent where the limits turn a plain connection away.
pub const TURNED_AWAY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// How the web side is put together.
#[derive(Clone, Default)]
pub struct Options {
    /// `https://host` or `https://host:port`: every link and every check of Origin.
    pub url: String,
    pub hostname: String,
    /// The configuration file says the host name, so the browser may not.
    pub hostname_is_fixed: bool,
    /// Where each door listens, by key of `[listen]`: what mail programs are told.
    pub doors: BTreeMap<&'static str, Vec<String>>,
    /// The certificate that the setup shows.
    pub tls: Option<ServerTls>,
    /// Networks whose forwarding headers say who asks.
    pub proxies: Vec<Network>,
}

/// The web side as its handlers hold it. Cheap to clone.
#[derive(Clone)]
pub struct Web(Arc<Inner>);

struct Inner {
    options: Options,
    services: Services,
    text: text::Catalogues,
    streams: page::Streams,
    /// Places for forms that are read though nobody is signed in.
    salvages: Semaphore,
}

impl Web {
    fn new(options: Options, services: Services) -> Self {
        let (text, streams) = (text::Catalogues::load(), page::Streams::default());
        let salvages = Semaphore::new(upload::SALVAGES);
        Self(Arc::new(Inner { options, services, text, streams, salvages }))
    }

    fn services(&self) -> &Services {
        &self.0.services
    }

    fn options(&self) -> &Options {
        &self.0.options
    }
}

/// The web side ready to serve connections. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    router: axum::Router,
    url: Arc<str>,
}

impl Site {
    pub fn new(options: Options, services: Services) -> Self {
        let url = options.url.as_str().into();
        Self { router: router::build(Web::new(options, services)), url }
    }
}

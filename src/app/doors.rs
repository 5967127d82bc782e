//! The doors of the configuration: bound before anything else, opened last.

use super::status;
use crate::config::{Config, ListenAddress};
use crate::front::imap;
use crate::front::smtp::{self, Kind};
use crate::front::web;
use crate::net::listener::{Door, Gate, Listener, bind, bind_unix, has_ipv6};
use crate::net::tls::ServerTls;
use crate::service::Services;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where the doors listen.
#[derive(Debug, Clone, Default)]
pub struct Listening {
    /// By key of `[listen]`.
    pub doors: BTreeMap<&'static str, Vec<String>>,
    /// Where browsers find the web side.
    pub web: String,
}

/// Bound sockets, taken before anything else so that a port in use is told at once.
pub(super) struct Doors(Vec<Bound>);

struct Bound {
    /// The key of `[listen]`.
    name: &'static str,
    what: What,
    implicit_tls: bool,
    listener: Listener,
}

#[derive(Clone, Copy)]
enum What {
    Smtp(Kind),
    Imap,
    Web,
    /// The plain door to it.
    Http,
}

impl Doors {
    pub(super) fn bind(config: &Config) -> Result<Self> {
        let listen = &config.listen;
        let mut out = Vec::new();
        let mut lmtp = Vec::new();
        for address in &listen.lmtp {
            match address {
                ListenAddress::Tcp(address) => lmtp.push(*address),
                ListenAddress::Unix(path) => {
                    let listener = bind_unix(path, super::service_user()).context("[listen] lmtp")?;
                    out.push(Bound { name: "lmtp", what: What::Smtp(Kind::Lmtp), implicit_tls: false, listener });
                }
            }
        }
        let doors = [
            ("smtp", What::Smtp(Kind::Mx), false, &listen.smtp),
            ("submission", What::Smtp(Kind::Submission), false, &listen.submission),
            ("submissions", What::Smtp(Kind::Submission), true, &listen.submissions),
            ("lmtp", What::Smtp(Kind::Lmtp), false, &lmtp),
            ("imap", What::Imap, false, &listen.imap),
            ("imaps", What::Imap, true, &listen.imaps),
            ("http", What::Http, false, &listen.http),
            ("https", What::Web, true, &listen.https),
        ];
        for (name, what, implicit_tls, addresses) in doors {
            for address in addresses.iter().filter(|address| !is_spare(address, addresses)) {
                let listener = bind(*address).map_err(taught).with_context(|| format!("[listen] {name}"))?.into();
                out.push(Bound { name, what, implicit_tls, listener });
            }
        }
        Ok(Self(out))
    }

    /// Begins to serve; answers where, by key of `[listen]`.
    pub(super) fn open(
        self,
        gate: &Gate,
        config: &Config,
        hostname: &str,
        tls: &ServerTls,
        services: &Services,
    ) -> Result<Listening> {
        let mut listening = Listening { web: self.web_url(config, hostname)?, ..Listening::default() };
        let site = web::Site::new(
            web::Options {
                url: listening.web.clone(),
                hostname: hostname.to_owned(),
                proxies: config.http_proxies.clone(),
            },
            services.clone(),
        );
        for Bound { name, what, implicit_tls, listener } in self.0 {
            listening.doors.entry(name).or_default().push(listener.place()?);
            let (gate, services) = (gate.clone(), services.clone());
            let door = |turned_away| Door { implicit_tls: implicit_tls.then(|| tls.clone()), turned_away };
            match what {
                What::Smtp(kind) => {
                    let options = Arc::new(smtp::Options::new(kind, hostname, Some(tls.clone())));
                    let door = door(smtp::TURNED_AWAY);
                    let handle = move |accepted| smtp::serve(accepted, options.clone(), services.clone());
                    tokio::spawn(async move { gate.serve(listener, door, handle).await });
                }
                What::Web => {
                    let tls = Some(tls.for_http());
                    let door = Door { implicit_tls: tls, turned_away: web::TURNED_AWAY };
                    let site = site.clone();
                    let handle = move |accepted| web::serve(accepted, site.clone());
                    tokio::spawn(async move { gate.serve(listener, door, handle).await });
                }
                What::Http => {
                    let (door, site) = (door(web::TURNED_AWAY), site.clone());
                    let handle = move |accepted| web::serve_plain(accepted, site.clone());
                    tokio::spawn(async move { gate.serve(listener, door, handle).await });
                }
                What::Imap => {
                    let options = Arc::new(imap::Options::new(hostname, Some(tls.clone())));
                    let door = door(imap::TURNED_AWAY);
                    let handle = move |accepted| imap::serve(accepted, options.clone(), services.clone());
                    tokio::spawn(async move { gate.serve(listener, door, handle).await });
                }
            }
        }
        Ok(listening)
    }

    /// Where browsers find the web side.
    fn web_url(&self, config: &Config, hostname: &str) -> Result<String> {
        if let Some(url) = &config.web_url {
            return Ok(url.clone());
        }
        let bound = self.0.iter().find(|bound| matches!(bound.what, What::Web));
        let place = bound.map(|bound| bound.listener.place()).transpose()?;
        let port = place.as_deref().and_then(|place| place.rsplit_once(':')).map_or("443", |(_, port)| port);
        Ok(at(hostname, port))
    }
}

/// A host's web side on a port.
fn at(hostname: &str, port: &str) -> String {
    if port == "443" { format!("https://{hostname}") } else { format!("https://{hostname}:{port}") }
}

/// Where browsers find, or will find, the web side, for who is not behind its door: what the server that runs says, else
/// what the configuration comes to.
pub fn web_url(config: &Config, hostname: &str) -> String {
    let running = status::server(config).ok().and_then(|ready| ready["web"].as_str().map(str::to_owned));
    let port = || config.listen.https.first().map_or(443, |place| place.port());
    running.or_else(|| config.web_url.clone()).unwrap_or_else(|| at(hostname, &port().to_string()))
}

/// All of IPv6 beside all of IPv4, on a machine without IPv6: the IPv4 one is enough.
fn is_spare(address: &SocketAddr, all: &[SocketAddr]) -> bool {
    let beside = |other: &SocketAddr| other.is_ipv4() && other.ip().is_unspecified() && other.port() == address.port();
    address.is_ipv6() && address.ip().is_unspecified() && all.iter().any(beside) && !has_ipv6()
}

/// What the system says of a port that is root's, and what to do.
fn taught(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error;
    }
    let words = format!("{error}: start as root, grant CAP_NET_BIND_SERVICE, or name a port above 1023 in [listen]");
    io::Error::new(error.kind(), words)
}

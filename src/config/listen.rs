//! `[listen]`: where each door is. Absent: the standard port on all addresses of both families; `[]`: closed.

use serde::Deserialize;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// The doors of this version.
#[derive(Debug, Clone)]
pub struct Listen {
    pub smtp: Vec<SocketAddr>,
    pub submission: Vec<SocketAddr>,
    pub submissions: Vec<SocketAddr>,
    pub lmtp: Vec<ListenAddress>,
    pub imap: Vec<SocketAddr>,
    pub imaps: Vec<SocketAddr>,
    pub http: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
}

/// LMTP may stand on a unix socket too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// As written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    smtp: Option<Vec<String>>,
    submission: Option<Vec<String>>,
    submissions: Option<Vec<String>>,
    lmtp: Option<Vec<String>>,
    imap: Option<Vec<String>>,
    imaps: Option<Vec<String>>,
    pop3: Option<Vec<String>>,
    pop3s: Option<Vec<String>>,
    managesieve: Option<Vec<String>>,
    ximss: Option<Vec<String>>,
    ximss_tls: Option<Vec<String>>,
    http: Option<Vec<String>>,
    https: Option<Vec<String>>,
    https_certificate: Option<Vec<String>>,
    metrics: Option<Vec<String>>,
}

impl Listen {
    pub(super) fn check(file: File, warnings: &mut Vec<String>) -> Result<Self, String> {
        let later = [
            ("pop3", &file.pop3),
            ("pop3s", &file.pop3s),
            ("managesieve", &file.managesieve),
            ("ximss", &file.ximss),
            ("ximss_tls", &file.ximss_tls),
            ("https_certificate", &file.https_certificate),
            ("metrics", &file.metrics),
        ];
        for (name, list) in later {
            if list.as_ref().is_some_and(|list| !list.is_empty()) {
                warnings.push(format!("[listen] {name}: this version has no such door"));
            }
        }
        Ok(Self {
            smtp: addresses("smtp", file.smtp, 25)?,
            submission: addresses("submission", file.submission, 587)?,
            submissions: addresses("submissions", file.submissions, 465)?,
            lmtp: file.lmtp.unwrap_or_default().iter().map(|raw| lmtp(raw)).collect::<Result<_, _>>()?,
            imap: addresses("imap", file.imap, 143)?,
            imaps: addresses("imaps", file.imaps, 993)?,
            http: addresses("http", file.http, 80)?,
            https: addresses("https", file.https, 443)?,
        })
    }
}

fn addresses(name: &str, list: Option<Vec<String>>, standard: u16) -> Result<Vec<SocketAddr>, String> {
    match list {
        None => Ok(vec![(Ipv4Addr::UNSPECIFIED, standard).into(), (Ipv6Addr::UNSPECIFIED, standard).into()]),
        Some(list) => list.iter().map(|raw| socket_address(name, raw)).collect(),
    }
}

fn socket_address(name: &str, raw: &str) -> Result<SocketAddr, String> {
    raw.parse().map_err(|_| {
        format!("[listen] {name}: {raw:?} is no address with a port, such as 127.0.0.1:2525 or [::1]:2525")
    })
}

fn lmtp(raw: &str) -> Result<ListenAddress, String> {
    if raw.starts_with('/') {
        return Ok(ListenAddress::Unix(raw.into()));
    }
    socket_address("lmtp", raw).map(ListenAddress::Tcp)
}

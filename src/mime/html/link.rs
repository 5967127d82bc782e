//! Where links lead, and whether their text says so.

use crate::model::shown;
use ammonia::Url;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Whether a host is the reader's own machine or something in their house: no sender has a picture there, but many a router
/// takes a GET for an order (RFC 6890, RFC 6761, RFC 6762).
pub(super) fn is_near(host: &str) -> bool {
    let name = host.trim_end_matches('.');
    let near = |end: &str| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    match name.trim_matches(['[', ']']).parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => {
            let [a, b, ..] = address.octets();
            let shared = a == 100 && b & 0xc0 == 64;
            address.is_private() || address.is_loopback() || address.is_link_local() || a == 0 || shared
        }
        Ok(IpAddr::V6(address)) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
        Err(_) => !name.contains('.') || ["localhost", "local", "internal", "home.arpa"].into_iter().any(near),
    }
}

/// Longest address that is followed.
pub const LONGEST: usize = 8 << 10;

/// A place that a link may lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// http or https, without user and password: they only serve to look like a host.
    Web(Url),
    Mail(Url),
}

impl Target {
    /// Reads the address of a link as browsers do. `None`: of another scheme, relative, or no address.
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        if raw.is_empty() || raw.len() > LONGEST {
            return None;
        }
        let mut url = Url::parse(raw).ok()?;
        match url.scheme() {
            "http" | "https" => {
                url.host_str()?;
                let _ = url.set_username("");
                let _ = url.set_password(None);
                Some(Self::Web(url))
            }
            "mailto" => Some(Self::Mail(url)),
            _ => None,
        }
    }

    /// The link to write. `compose` is what stands before a `mailto:` address, which is percent-encoded then;
    /// without it the address stays what it is.
    pub fn href(&self, compose: Option<&str>) -> String {
        match (self, compose) {
            (Self::Mail(url), Some(compose)) => {
                let mut out = compose.to_owned();
                for byte in url.as_str().bytes() {
                    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                        out.push(char::from(byte));
                    } else {
                        let _ = write!(out, "%{byte:02X}");
                    }
                }
                out
            }
            (Self::Web(url) | Self::Mail(url), _) => url.as_str().to_owned(),
        }
    }

    /// Recipients and fields of a mail address (RFC 6068 §2), decoded: `("to", …)`, `("subject", …)`; none of a web address.
    pub fn mail_fields(&self) -> Vec<(String, String)> {
        let Self::Mail(url) = self else { return Vec::new() };
        let mut out = vec![("to".to_owned(), percent_decoded(url.path()))];
        for pair in url.query().unwrap_or_default().split('&').take(50) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            out.push((percent_decoded(name).to_ascii_lowercase(), percent_decoded(value)));
        }
        out
    }

    /// The place in short: host, or mail address.
    fn place(&self) -> String {
        match self {
            Self::Web(url) => url.host_str().unwrap_or_default().to_owned(),
            Self::Mail(url) => shown::line(&percent_decoded(url.path()), 300),
        }
    }

    /// Where the link leads, if its text names another place.
    pub fn unlike(&self, text: &str) -> Option<String> {
        let text = shown::line(text, 2000).to_lowercase();
        let alone = !text.contains(' ');
        let place = self.place();
        let lies = text.split(' ').filter_map(|word| named(word, alone)).any(|named| match (self, &named) {
            (Self::Mail(_), Named::Address(address)) => *address != place.to_lowercase(),
            (Self::Mail(_), Named::Host(_)) => true,
            (Self::Web(_), Named::Host(host) | Named::Address(host)) => {
                let host = host.rsplit('@').next().unwrap_or_default();
                !same_owner(&ascii_host(host), &ascii_host(&place))
            }
        });
        lies.then_some(place)
    }
}

/// A place that a word of a text names.
enum Named {
    Host(String),
    Address(String),
}

/// `alone`: the word is the whole text, and names a host without `http://` or `www.` too.
fn named(word: &str, alone: bool) -> Option<Named> {
    let word = word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '/');
    let (rest, marked) = match word.strip_prefix("https://").or_else(|| word.strip_prefix("http://")) {
        Some(rest) => (rest, true),
        None => (word, word.starts_with("www.")),
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.rsplit_once(':').filter(|(_, p)| p.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(h, _)| h);
    let label = |l: &str| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || c == '-');
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_host = host.contains('.') && host.split('.').all(label) && last.chars().count() >= 2;
    let is_ip = host.parse::<std::net::Ipv4Addr>().is_ok();
    if !is_host && !is_ip {
        return None;
    }
    match (marked, authority.contains('@')) {
        (false, true) => Some(Named::Address(authority.to_owned())),
        (marked, _) => (marked || alone).then(|| Named::Host(host.to_owned())),
    }
}

/// A host as it is compared: A-labels, without `www.`.
fn ascii_host(host: &str) -> String {
    let ascii = idna::domain_to_ascii(host).unwrap_or_else(|_| host.to_owned());
    ascii.strip_prefix("www.").map_or(ascii.clone(), str::to_owned)
}

/// The same host, or one inside the other.
fn same_owner(a: &str, b: &str) -> bool {
    let inside = |inner: &str, outer: &str| {
        outer.contains('.') && inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.'))
    };
    a == b || inside(a, b) || inside(b, a)
}

fn percent_decoded(text: &str) -> String {
    let (bytes, mut out, mut n) = (text.as_bytes(), Vec::new(), 0);
    while n < bytes.len() {
        let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (bytes[n], hex(n + 1), hex(n + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                n += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                n += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The name of a part that a `cid:` address refers to (RFC 2392).
pub fn content_id(address: &str) -> Option<String> {
    let rest = address.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("cid:")).map(|_| &address[4..])?;
    Some(percent_decoded(rest).trim_matches(['<', '>']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_and_mail_addresses_are_followed() {
        for (raw, href) in [
            ("https://example.org/a?b=c&d", Some("https://example.org/a?b=c&d")),
            (" HTTP://EXAMPLE.org ", Some("http://example.org/")),
            ("https://bank.test@evil.test/", Some("https://evil.test/")),
            ("mailto:ann@example.org?subject=x", Some("mailto:ann@example.org?subject=x")),
            ("java\tscript:alert(1)", None),
            ("JAVASCRIPT:alert(1)", None),
            ("vbscript:x", None),
            ("data:text/html,x", None),
            ("file:///etc/passwd", None),
            ("ftp://example.org/", None),
            ("blob:https://x/1", None),
            ("//example.org/x", None),
            ("/mail", None),
            ("#x", None),
            ("http://", None),
        ] {
            assert_eq!(Target::parse(raw).map(|t| t.href(None)).as_deref(), href, "{raw}");
        }
        let mail = Target::parse("mailto:a@b.test?body=x%0Ay").unwrap();
        assert_eq!(
            mail.href(Some("/mail/compose?mailto=")),
            "/mail/compose?mailto=mailto%3Aa%40b.test%3Fbody%3Dx%250Ay"
        );
    }

    #[test]
    fn texts_that_name_another_place_are_told() {
        let web = Target::parse("https://evil.test/x").unwrap();
        for (text, place) in [
            ("https://bank.test/login", Some("evil.test")),
            ("bank.test", Some("evil.test")),
            ("Visit www.bank.test now", Some("evil.test")),
            ("http://bank.test@evil.test", None),
            ("support@bank.test", Some("evil.test")),
            ("www.evil.test", None),
            ("shop.evil.test", None),
            ("Click here. Now", None),
            ("end.Next word", None),
            ("10.0.0.1", Some("evil.test")),
            ("bank\u{200B}.test", Some("evil.test")),
        ] {
            assert_eq!(web.unlike(text).as_deref(), place, "{text}");
        }
        let mail = Target::parse("mailto:eve@evil.test").unwrap();
        assert_eq!(mail.unlike("ann@bank.test").as_deref(), Some("eve@evil.test"));
        assert_eq!(mail.unlike("Write to EVE@evil.test"), None);
        assert_eq!(mail.unlike("Ann"), None);
    }
}

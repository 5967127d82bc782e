//! The server that takes what leaves the house.

use super::secret::Secret;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// `smtp://`: TLS where it is offered.
    Opportunistic,
    /// `smtp+starttls://`: TLS is required, its certificate checked.
    StartTls,
    /// `smtps://`: TLS from the first octet, its certificate checked.
    Implicit,
}

/// A server for outgoing mail.
#[derive(Debug, Clone)]
pub struct Smarthost {
    pub security: Security,
    pub host: String,
    pub port: u16,
    /// User and password.
    pub sign_in: Option<(String, Secret<String>)>,
}

impl Smarthost {
    /// Reads `smtp[s|+starttls]://[user:password@]host[:port]`, user and password percent-encoded.
    ///
    /// # Errors
    /// What would be right, in words; never the password.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let form = || {
            "smarthost: it has the form smtp://host:port, smtp+starttls:// or smtps://, with user:password@ where needed".to_owned()
        };
        let (scheme, rest) = raw.split_once("://").ok_or_else(form)?;
        let (security, standard) = match scheme {
            "smtp" => (Security::Opportunistic, 25),
            "smtp+starttls" => (Security::StartTls, 587),
            "smtps" => (Security::Implicit, 465),
            _ => return Err(form()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (sign_in, place) = match rest.rsplit_once('@') {
            Some((sign_in, place)) => {
                let (user, password) = sign_in.split_once(':').ok_or_else(form)?;
                let decoded = percent(user).zip(percent(password)).ok_or_else(form)?;
                (Some((decoded.0, Secret::new(decoded.1))), place)
            }
            None => (None, rest),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6.split_once(']').ok_or_else(form)?;
                let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(form)?) };
                (host, port)
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(standard), str::parse).map_err(|_| form())?;
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            return Err(form());
        }
        Ok(Self { security, host: host.to_owned(), port, sign_in })
    }
}

fn percent(raw: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let pair = [bytes.next()?, bytes.next()?];
            // from_str_radix alone would take a sign.
            pair.iter().all(u8::is_ascii_hexdigit).then_some(())?;
            out.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms() {
        let host = Smarthost::parse("smtp+starttls://us%65r:p%40ss%3A@relay.test:2525").unwrap();
        let (user, password) = host.sign_in.unwrap();
        assert_eq!((host.security, host.host.as_str(), host.port), (Security::StartTls, "relay.test", 2525));
        assert_eq!((user.as_str(), password.expose().as_str()), ("user", "p@ss:"));
        assert_eq!(Smarthost::parse("smtps://[::1]").unwrap().port, 465);
        assert_eq!(Smarthost::parse("smtp://127.0.0.1:26/").unwrap().port, 26);
        for bad in [
            "relay.test",
            "http://x",
            "smtp://",
            "smtp://user@host",
            "smtp://h:99999",
            "smtp://u:%zz@h",
            "smtp://u:%+f@h",
            "smtp://[::1]25",
            "smtp://::1",
        ] {
            assert!(Smarthost::parse(bad).is_err(), "{bad}");
        }
    }
}

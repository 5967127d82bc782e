//! The server that outgoing mail is handed to, written as a URL: `smtp+starttls://user:password@relay.example.org:587`.

use crate::model::secret::Secret;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// `smtp://`: none.
    Plain,
    /// `smtp+starttls://`: nothing is sent unless STARTTLS succeeds.
    StartTls,
    /// `smtps://`: TLS from the first octet (RFC 8314 §3.3).
    Implicit,
}

/// Where to and as whom.
#[derive(Debug, Clone)]
pub struct Smarthost {
    pub security: Security,
    /// A name or an IP address; IPv6 without its brackets.
    pub host: String,
    pub port: u16,
    pub login: Option<(String, Secret<String>)>,
}

/// Why a text is no smarthost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSmarthost {
    #[error("a smarthost begins with smtp://, smtp+starttls:// or smtps://")]
    Scheme,
    #[error("the smarthost's host or port can't be read")]
    Host,
    #[error("the smarthost's user and password have the form user:password, special characters as %XX")]
    Login,
    #[error("smtp:// would send the password in the clear: use smtp+starttls:// or smtps://")]
    PasswordInTheClear,
}

impl Smarthost {
    /// Reads the URL; ports are 25, 587 and 465 unless told.
    ///
    /// # Errors
    /// See [`BadSmarthost`]; none repeats the text, which may hold a password.
    pub fn parse(raw: &str) -> Result<Self, BadSmarthost> {
        let (scheme, rest) = raw.split_once("://").ok_or(BadSmarthost::Scheme)?;
        let (security, port) = match scheme.to_ascii_lowercase().as_str() {
            "smtp" => (Security::Plain, 25),
            "smtp+starttls" => (Security::StartTls, 587),
            "smtps" => (Security::Implicit, 465),
            _ => return Err(BadSmarthost::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(user_and_password(login).ok_or(BadSmarthost::Login)?), place),
            None => (None, rest),
        };
        if login.is_some() && security == Security::Plain {
            return Err(BadSmarthost::PasswordInTheClear);
        }
        let (host, port) = host_and_port(place, port).ok_or(BadSmarthost::Host)?;
        Ok(Self { security, host, port, login })
    }
}

fn user_and_password(raw: &str) -> Option<(String, Secret<String>)> {
    let (user, password) = raw.split_once(':')?;
    let (user, password) = (unescape(user)?, unescape(password)?);
    (!user.is_empty() && !password.is_empty()).then(|| (user, Secret::new(password)))
}

/// NUL can't be: it separates the fields of SASL PLAIN (RFC 4616 §2).
fn unescape(raw: &str) -> Option<String> {
    let (mut out, mut bytes) = (Vec::with_capacity(raw.len()), raw.bytes());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        out.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(out).ok().filter(|text| !text.contains('\0'))
}

fn host_and_port(raw: &str, default: u16) -> Option<(String, u16)> {
    let (host, rest) = match raw.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => raw.split_at(raw.find(':').unwrap_or(raw.len())),
    };
    let port = match rest {
        "" => default,
        rest => rest.strip_prefix(':')?.parse().ok().filter(|port| *port != 0)?,
    };
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
    (!host.is_empty() && host.bytes().all(fine)).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_read() {
        let host = Smarthost::parse("smtp+starttls://ann%40example.test:p%3Aw@relay.test").unwrap();
        assert_eq!((host.security, host.host.as_str(), host.port), (Security::StartTls, "relay.test", 587));
        let (user, password) = host.login.unwrap();
        assert_eq!((user.as_str(), password.expose().as_str()), ("ann@example.test", "p:w"));
        let host = Smarthost::parse("SMTPS://[2001:db8::1]:4650/").unwrap();
        assert_eq!((host.security, host.host.as_str(), host.port), (Security::Implicit, "2001:db8::1", 4650));
        assert_eq!(Smarthost::parse("smtp://localhost").unwrap().port, 25);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (raw, wrong) in [
            ("relay.test:25", BadSmarthost::Scheme),
            ("http://relay.test", BadSmarthost::Scheme),
            ("smtp://", BadSmarthost::Host),
            ("smtp://a:0", BadSmarthost::Host),
            ("smtp://a/b", BadSmarthost::Host),
            ("smtp://[::1", BadSmarthost::Host),
            ("smtps://ann@relay.test", BadSmarthost::Login),
            ("smtps://ann:%zz@relay.test", BadSmarthost::Login),
            ("smtps://ann:a%00b@relay.test", BadSmarthost::Login),
            ("smtp://ann:pw@relay.test", BadSmarthost::PasswordInTheClear),
        ] {
            assert_eq!(Smarthost::parse(raw).err(), Some(wrong), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(rest: String) {
            if let Ok(host) = Smarthost::parse(&format!("smtps://{rest}")) {
                prop_assert!(!host.host.is_empty() && host.port != 0);
            }
        }
    }
}

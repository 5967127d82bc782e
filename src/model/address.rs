//! Mail addresses and domains (RFC 5321 §4.1.2, RFC 6531 §3.3, RFC 5890).

use std::fmt;

/// A domain in its ASCII form (A-labels), lower case, without the final dot; at most 253 octets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

/// A mailbox address. `local` is kept as it was written; [`Address::key`] is the form that addresses are compared by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    local: String,
    domain: Domain,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    #[error("an address has the form name@domain")]
    NoAt,
    #[error("the part before the @ is empty, longer than 64 octets or has characters that can't stand there")]
    Local,
    #[error("the domain is empty, too long or not a domain name")]
    Domain,
}

impl Domain {
    /// Accepts Unicode (mapped by UTS 46) and ASCII, in any case, with or without the final dot.
    ///
    /// # Errors
    /// [`BadAddress::Domain`] for an empty name, a label over 63 octets, a name over 253, an address literal.
    pub fn parse(raw: &str) -> Result<Self, BadAddress> {
        let raw = raw.strip_suffix('.').unwrap_or(raw);
        let ascii = idna::domain_to_ascii(raw).map_err(|_| BadAddress::Domain)?;
        let label = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if ascii.len() > 253 || !ascii.split('.').all(label) {
            return Err(BadAddress::Domain);
        }
        Ok(Self(ascii))
    }

    /// The ASCII form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain without its first label: what a host name is in. `None` for a single label.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(_, rest)| Self(rest.to_owned()))
    }

    /// Whether it can be a name in the public DNS: two labels or more, the last of them no number (RFC 3696 §2). An IPv4
    /// address is none.
    pub fn is_public(&self) -> bool {
        self.0.rsplit_once('.').is_some_and(|(_, last)| !last.bytes().all(|b| b.is_ascii_digit()))
    }

    /// The form for people: U-labels.
    pub fn unicode(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Address {
    /// Reads `local@domain` as it stands between `<` and `>` of an envelope: dot-atom or quoted string, UTF-8 allowed.
    ///
    /// # Errors
    /// See [`BadAddress`]; address literals (`user@[192.0.2.1]`) are refused as [`BadAddress::Domain`].
    pub fn parse(raw: &str) -> Result<Self, BadAddress> {
        let at = raw.rfind('@').ok_or(BadAddress::NoAt)?;
        let local = unquote(&raw[..at]).ok_or(BadAddress::Local)?;
        Self::new(&local, Domain::parse(&raw[at + 1..])?)
    }

    /// Puts an address together from an unquoted local part and a domain.
    ///
    /// # Errors
    /// [`BadAddress::Local`] if it is empty, over 64 octets or has control characters.
    pub fn new(local: &str, domain: Domain) -> Result<Self, BadAddress> {
        if local.is_empty() || local.len() > 64 || local.chars().any(char::is_control) {
            return Err(BadAddress::Local);
        }
        Ok(Self { local: local.to_owned(), domain })
    }

    /// The local part without quotes, as written.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The local part by which addresses are compared here: NFC, lower case. (RFC 5321 leaves case to us.)
    pub fn key(&self) -> String {
        fold_local(&self.local)
    }

    /// `detail` of `user+detail`, and the address without it (RFC 5233). `None` where there is no `+` after the first character.
    pub fn split_detail(&self) -> Option<(Address, &str)> {
        let first = self.local.chars().next()?.len_utf8();
        let plus = self.local.get(first..)?.find('+')? + first;
        let base = Self { local: self.local[..plus].to_owned(), domain: self.domain.clone() };
        Some((base, &self.local[plus + 1..]))
    }

    /// Whether the local part is a dot-atom, which stands without quotes.
    pub fn is_plain(&self) -> bool {
        is_dot_atom(&self.local)
    }

    /// Whether an envelope needs SMTPUTF8 to carry it (RFC 6531 §3.4).
    pub fn needs_utf8(&self) -> bool {
        !self.local.is_ascii()
    }
}

/// NFC and lower case: how local parts are stored and looked up.
pub fn fold_local(local: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    local.to_lowercase().nfc().collect()
}

/// Writes the wire form: quoted where the local part is no dot-atom.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_plain() {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for c in self.local.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

fn is_dot_atom(local: &str) -> bool {
    !local.is_empty() && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
}

/// The value of a Local-part: the dot-atom itself or the content of the quoted string; `None` if it is neither.
fn unquote(raw: &str) -> Option<String> {
    let Some(inner) = raw.strip_prefix('"') else {
        return is_dot_atom(raw).then(|| raw.to_owned());
    };
    let mut out = String::new();
    let mut chars = inner.chars();
    loop {
        match chars.next()? {
            '"' => return (chars.as_str().is_empty() && !out.is_empty()).then_some(out),
            '\\' => out.push(chars.next()?),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (raw, written) in [
            ("Ann.Lee@Example.ORG", "Ann.Lee@example.org"),
            ("\"a b\"@example.org", "\"a b\"@example.org"),
            ("\"plain\"@example.org.", "plain@example.org"),
            ("jörg@Bücher.example", "jörg@xn--bcher-kva.example"),
        ] {
            assert_eq!(Address::parse(raw).map(|a| a.to_string()), Ok(written.to_owned()), "{raw}");
        }
    }

    #[test]
    fn public_names_have_two_labels_and_are_no_numbers() {
        let is_public = |name: &str| Domain::parse(name).unwrap().is_public();
        assert!(is_public("example.org") && is_public("1.2.3.example") && is_public("xn--p1ai.xn--p1ai"));
        assert!(!is_public("localhost") && !is_public("192.0.2.1") && !is_public("example.7"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for raw in [
            "",
            "ann",
            "@x.org",
            "a..b@x.org",
            ".a@x.org",
            "a@",
            "a@-x.org",
            "a@[192.0.2.1]",
            "\"a@x.org",
            "a b@x.org",
            "\"\"@x.org",
        ] {
            assert!(Address::parse(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn detail_is_split_at_the_first_plus() {
        let address = Address::parse("ann+lists+x@example.org").unwrap();
        let (base, detail) = address.split_detail().unwrap();
        assert_eq!((base.to_string().as_str(), detail), ("ann@example.org", "lists+x"));
        assert!(Address::parse("+ann@example.org").unwrap().split_detail().is_none());
    }
}

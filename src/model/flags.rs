//! Message flags (RFC 9051 §2.3.2): the system flags as bits, keywords as atoms.

bitflags::bitflags! {
    /// The system flags. `\Recent` belongs to a session, not to a message, and is not here.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct SystemFlags: u16 {
        const SEEN = 1;
        const ANSWERED = 2;
        const FLAGGED = 4;
        const DELETED = 8;
        const DRAFT = 16;
    }
}

impl SystemFlags {
    /// Each bit with its name, in the order in which they are written.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::ANSWERED, "\\Answered"),
        (Self::FLAGGED, "\\Flagged"),
        (Self::DELETED, "\\Deleted"),
        (Self::SEEN, "\\Seen"),
        (Self::DRAFT, "\\Draft"),
    ];

    /// The bit of a name such as `\Seen`, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| n.eq_ignore_ascii_case(name)).map(|(bit, _)| *bit)
    }
}

/// A keyword: an IMAP atom of 1 to 100 octets, compared without case, kept as first written.
#[derive(Debug, Clone)]
pub struct Keyword(String);

impl Keyword {
    /// `None` if it is no atom, has a backslash in front, or is over 100 octets.
    pub fn parse(raw: &str) -> Option<Self> {
        let fine = |b: u8| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b);
        (!raw.is_empty() && raw.len() <= 100 && raw.bytes().all(fine)).then(|| Self(raw.to_owned()))
    }

    /// As first written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form it is compared by.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Keyword {}

/// What a client asks for in STORE, APPEND and COPY: system flags and keywords, without repeats.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags {
    pub system: SystemFlags,
    pub keywords: Vec<Keyword>,
}

impl Flags {
    /// System flags alone.
    pub fn system(system: SystemFlags) -> Self {
        Self { system, keywords: Vec::new() }
    }

    /// Adds a keyword that is not there yet.
    pub fn add_keyword(&mut self, keyword: Keyword) {
        if !self.keywords.contains(&keyword) {
            self.keywords.push(keyword);
        }
    }

    /// Nothing set at all.
    pub fn is_empty(&self) -> bool {
        self.system.is_empty() && self.keywords.is_empty()
    }
}

/// FLAGS, +FLAGS, -FLAGS of STORE (RFC 9051 §6.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagChange {
    Replace,
    Add,
    Remove,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_atoms_compared_without_case() {
        assert_eq!(Keyword::parse("$Forwarded"), Keyword::parse("$forwarded"));
        for bad in ["", "\\Seen", "a b", "a(b", "ü", "a]"] {
            assert_eq!(Keyword::parse(bad), None, "{bad}");
        }
    }
}

//! Names and kinds of mailboxes. A mailbox is a leaf under a parent; the separator exists only in doors (I12).

use unicode_normalization::UnicodeNormalization;

/// One level of a mailbox name: NFC, 1 to 255 octets, no control characters, no `/`
/// (RFC 9051 §5.1, RFC 5198 §2). A top-level `INBOX` in any case is stored as `INBOX`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafName(String);

/// A mailbox's way from the account's root: 1 to 32 levels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxPath(Vec<LeafName>);

/// Why a text is no mailbox name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMailboxName {
    #[error("a mailbox name has 1 to 255 octets between separators")]
    Length,
    #[error("a mailbox name can't hold control characters")]
    Control,
    #[error("a mailbox name has at most 32 levels and 1000 octets")]
    Depth,
}

/// What a mailbox holds; all but mail hide from IMAP and POP3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailboxClass {
    Mail,
    Contacts,
    Calendar,
    Files,
}

/// RFC 6154 §2, RFC 8457.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpecialUse {
    Archive,
    Drafts,
    Flagged,
    Junk,
    Sent,
    Trash,
    Important,
    All,
}

/// The one spelling that a text has in names (NFC, RFC 5198 §3).
pub fn normal(raw: &str) -> String {
    raw.nfc().collect()
}

impl LeafName {
    /// # Errors
    /// [`BadMailboxName::Length`] for nothing or over 255 octets, [`BadMailboxName::Control`] for C0, DEL, C1,
    /// U+2028, U+2029 or the separator `/`.
    pub fn parse(raw: &str) -> Result<Self, BadMailboxName> {
        let name = normal(raw);
        if name.is_empty() || name.len() > 255 {
            return Err(BadMailboxName::Length);
        }
        if name.chars().any(|c| c.is_control() || matches!(c, '/' | '\u{2028}' | '\u{2029}')) {
            return Err(BadMailboxName::Control);
        }
        Ok(Self(name))
    }

    /// The name as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MailboxPath {
    /// Reads a path whose levels are divided by `/`.
    ///
    /// # Errors
    /// As [`LeafName::parse`] for each level; [`BadMailboxName::Depth`] for more than 32 levels or 1000 octets.
    pub fn parse(raw: &str) -> Result<Self, BadMailboxName> {
        if raw.len() > 1000 {
            return Err(BadMailboxName::Depth);
        }
        let mut levels = raw.split('/').map(LeafName::parse).collect::<Result<Vec<_>, _>>()?;
        if levels.len() > 32 {
            return Err(BadMailboxName::Depth);
        }
        if levels[0].0.eq_ignore_ascii_case("inbox") {
            levels[0].0 = "INBOX".to_owned();
        }
        Ok(Self(levels))
    }

    /// The levels from the root down, at least one.
    pub fn levels(&self) -> &[LeafName] {
        &self.0
    }

    /// Whether this is the one INBOX.
    pub fn is_inbox(&self) -> bool {
        self.0.len() == 1 && self.0[0].0 == "INBOX"
    }

    /// Whether a level is `.` or `..`: clients that keep mailboxes as files refuse the whole account for one such name.
    /// They can be read, since older mailboxes may have them; none is made.
    pub fn has_dots(&self) -> bool {
        self.0.iter().any(|level| matches!(level.as_str(), "." | ".."))
    }

    /// The path without its last level; `None` at the top.
    pub fn parent(&self) -> Option<MailboxPath> {
        (self.0.len() > 1).then(|| Self(self.0[..self.0.len() - 1].to_vec()))
    }

    /// The first `levels` levels; all where there are fewer, one at least.
    pub fn prefix(&self, levels: usize) -> MailboxPath {
        Self(self.0[..levels.clamp(1, self.0.len())].to_vec())
    }

    /// The last level.
    pub fn leaf(&self) -> &LeafName {
        &self.0[self.0.len() - 1]
    }
}

impl std::fmt::Display for MailboxPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, level) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("/")?;
            }
            f.write_str(&level.0)?;
        }
        Ok(())
    }
}

impl SpecialUse {
    /// All of them with their attributes, in the order in which LIST tells them.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::All, "\\All"),
        (Self::Archive, "\\Archive"),
        (Self::Drafts, "\\Drafts"),
        (Self::Flagged, "\\Flagged"),
        (Self::Important, "\\Important"),
        (Self::Junk, "\\Junk"),
        (Self::Sent, "\\Sent"),
        (Self::Trash, "\\Trash"),
    ];

    /// The attribute of LIST and CREATE, with its backslash.
    pub fn attribute(self) -> &'static str {
        Self::NAMES.iter().find(|(use_, _)| *use_ == self).map_or("", |(_, name)| name)
    }

    /// Reads an attribute, in any case.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(raw)).map(|(use_, _)| *use_)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_is_one_in_any_case_and_only_at_the_top() {
        assert!(MailboxPath::parse("iNbOx").unwrap().is_inbox());
        assert_eq!(MailboxPath::parse("inbox/inbox").unwrap().to_string(), "INBOX/inbox");
    }

    #[test]
    fn empty_levels_and_controls_are_refused() {
        for raw in ["", "/a", "a/", "a//b", "a\u{7}", "a\u{85}b"] {
            assert!(MailboxPath::parse(raw).is_err(), "{raw:?}");
        }
    }

    #[test]
    fn names_are_kept_in_nfc() {
        assert_eq!(LeafName::parse("Gru\u{308}ße").unwrap().as_str(), "Grüße");
    }
}

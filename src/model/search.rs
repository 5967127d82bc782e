//! What a member searches for (RFC 9051 §6.4.4), as a tree.

use super::flags::{Keyword, SystemFlags};
use super::ids::ModSeq;
use super::sequence::SequenceSet;
use chrono::NaiveDate;

/// A condition on one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    All,
    And(Vec<Key>),
    Or(Box<Key>, Box<Key>),
    Not(Box<Key>),
    /// All of these bits are set.
    Flag(SystemFlags),
    Keyword(Keyword),
    Recent,
    Numbers(SequenceSet),
    Uids(SequenceSet),
    /// INTERNALDATE: the day as UTC has it, whatever the time.
    Arrived(When, NaiveDate),
    /// The Date field, its time and zone disregarded.
    Sent(When, NaiveDate),
    Larger(u64),
    Smaller(u64),
    /// A field of this name whose decoded value has the text; an empty text asks for the field alone.
    Header {
        name: String,
        text: String,
    },
    /// Text in the body, transfer encodings and charsets undone.
    Body(String),
    /// Text in header or body.
    Text(String),
    /// It has what people call an attachment.
    Attachment,
    /// MODSEQ at or above.
    ModSeq(ModSeq),
}

/// How a day compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Before,
    On,
    Since,
}

impl Key {
    /// Whether some part of it asks for modseqs, which a result then carries (RFC 7162 §3.1.5).
    pub fn asks_modseq(&self) -> bool {
        match self {
            Self::ModSeq(_) => true,
            Self::And(list) => list.iter().any(Self::asks_modseq),
            Self::Or(a, b) => a.asks_modseq() || b.asks_modseq(),
            Self::Not(key) => key.asks_modseq(),
            _ => false,
        }
    }
}

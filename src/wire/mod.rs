//! Bytes ↔ types, no I/O: the grammars of the protocols, both ends of each.

pub mod imap;
pub mod smtp;

/// What a codec found at the front of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<T> {
    /// Read more bytes, call again with all of them.
    More,
    /// One whole item; drop `used` bytes.
    Item { item: T, used: usize },
    /// A whole line that is no item: answer, drop it, go on.
    Bad { why: &'static str, used: usize },
}

//! What an envelope asks for beside its addresses: notifications (RFC 3461) and the kind of body (RFC 6152, RFC 3030).

use super::address::Address;

bitflags::bitflags! {
    /// NOTIFY of RCPT (RFC 3461 §4.1); empty: not asked.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct Notify: u8 {
        const NEVER = 1;
        const SUCCESS = 2;
        const FAILURE = 4;
        const DELAY = 8;
    }
}

/// What a recipient's notifications should be and name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DsnRequest {
    pub notify: Notify,
    /// ORCPT, decoded: `rfc822;ann@example.org`.
    pub orcpt: Option<String>,
}

impl DsnRequest {
    /// ORCPT of the next hop: what the sender gave, else the address it was asked for by (RFC 3461 §5.2.1, RFC 6533 §3).
    pub fn orcpt_for(&self, address: &Address) -> String {
        let kind = if address.needs_utf8() { "utf-8" } else { "rfc822" };
        self.orcpt.clone().unwrap_or_else(|| format!("{kind};{address}"))
    }
}

/// RET of MAIL (RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    Headers,
    Full,
}

impl Ret {
    /// As stored.
    pub fn number(self) -> i16 {
        self as i16
    }

    /// From the store.
    pub fn from_number(n: i16) -> Self {
        if n == 1 { Self::Full } else { Self::Headers }
    }
}

/// BODY of MAIL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyKind {
    #[default]
    SevenBit,
    EightBit,
    Binary,
}

impl BodyKind {
    /// As stored.
    pub fn number(self) -> i16 {
        self as i16
    }

    /// From the store.
    pub fn from_number(n: i16) -> Self {
        match n {
            0 => Self::SevenBit,
            1 => Self::EightBit,
            _ => Self::Binary,
        }
    }
}

//! FETCH and STORE (RFC 9051 §6.4.5, §6.4.6; RFC 3516 §4; RFC 7162 §3.1).

use super::cursor::{Cursor, Result};
use super::{By, Fault, Verb, flag, flag_list};
use crate::model::flags::{FlagChange, Flags};
use crate::model::ids::ModSeq;

/// One thing asked about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    Uid,
    Flags,
    InternalDate,
    Size,
    Envelope,
    /// `BODY` without a section.
    Body,
    BodyStructure,
    ModSeq,
    /// RFC822, RFC822.HEADER, RFC822.TEXT: sections under their old names.
    Rfc822 {
        name: &'static str,
        section: Section,
        peek: bool,
    },
    Section {
        section: Section,
        peek: bool,
        partial: Option<Partial>,
    },
    Binary {
        path: Vec<u32>,
        peek: bool,
        partial: Option<Partial>,
    },
    BinarySize {
        path: Vec<u32>,
    },
}

/// `<start.count>`, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    pub start: u64,
    pub count: u64,
}

/// What stands between the brackets of BODY[…].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    pub path: Vec<u32>,
    pub text: SectionText,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SectionText {
    #[default]
    Whole,
    Header,
    /// The named fields, or all but those.
    Fields {
        names: Vec<Vec<u8>>,
        not: bool,
    },
    Text,
    Mime,
}

/// What STORE does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub change: FlagChange,
    pub flags: Flags,
    pub silent: bool,
    pub unchanged_since: Option<ModSeq>,
}

/// Most items of a FETCH.
const ITEMS: usize = 200;

pub(super) fn fetch(cursor: &mut Cursor<'_>, by: By) -> Result<Verb> {
    cursor.space()?;
    let set = cursor.set()?;
    cursor.space()?;
    let mut items = if cursor.peek() == Some(b'(') { cursor.list(false, item)? } else { macro_or_item(cursor)? };
    if items.len() > ITEMS {
        return Err(Fault::Syntax("too many items"));
    }
    let mut changed_since = None;
    if cursor.take(b' ') {
        cursor.list(false, |c| {
            if !c.word("CHANGEDSINCE") {
                return Err(Fault::Syntax("modifier not known"));
            }
            c.space()?;
            changed_since = Some(c.number()?);
            Ok(())
        })?;
        // RFC 7162 §3.1.4.1: MODSEQ is implied.
        if !items.contains(&FetchItem::ModSeq) {
            items.push(FetchItem::ModSeq);
        }
    }
    if by == By::Uid && !items.contains(&FetchItem::Uid) {
        items.insert(0, FetchItem::Uid);
    }
    Ok(Verb::Fetch { by, set, items, changed_since })
}

fn macro_or_item(cursor: &mut Cursor<'_>) -> Result<Vec<FetchItem>> {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Size};
    let fast = [Flags, InternalDate, Size];
    if cursor.word("ALL") {
        return Ok(fast.into_iter().chain([Envelope]).collect());
    }
    if cursor.word("FULL") {
        return Ok(fast.into_iter().chain([Envelope, Body]).collect());
    }
    if cursor.word("FAST") {
        return Ok(fast.to_vec());
    }
    Ok(vec![item(cursor)?])
}

fn item(cursor: &mut Cursor<'_>) -> Result<FetchItem> {
    let name = cursor.while_(|b| b.is_ascii_alphanumeric() || b == b'.').to_ascii_uppercase();
    let bracket = cursor.peek() == Some(b'[');
    let rfc822 = |name, text, peek| FetchItem::Rfc822 { name, section: Section { path: Vec::new(), text }, peek };
    Ok(match (&name[..], bracket) {
        (b"UID", false) => FetchItem::Uid,
        (b"FLAGS", false) => FetchItem::Flags,
        (b"INTERNALDATE", false) => FetchItem::InternalDate,
        (b"RFC822.SIZE", false) => FetchItem::Size,
        (b"ENVELOPE", false) => FetchItem::Envelope,
        (b"BODY", false) => FetchItem::Body,
        (b"BODYSTRUCTURE", false) => FetchItem::BodyStructure,
        (b"MODSEQ", false) => FetchItem::ModSeq,
        (b"RFC822", false) => rfc822("RFC822", SectionText::Whole, false),
        (b"RFC822.HEADER", false) => rfc822("RFC822.HEADER", SectionText::Header, true),
        (b"RFC822.TEXT", false) => rfc822("RFC822.TEXT", SectionText::Text, false),
        (b"BODY" | b"BODY.PEEK", true) => {
            let section = section(cursor)?;
            FetchItem::Section { section, peek: name.len() > 4, partial: partial(cursor)? }
        }
        (b"BINARY" | b"BINARY.PEEK", true) => {
            let path = binary_path(cursor)?;
            FetchItem::Binary { path, peek: name.len() > 6, partial: partial(cursor)? }
        }
        (b"BINARY.SIZE", true) => FetchItem::BinarySize { path: binary_path(cursor)? },
        _ => return Err(Fault::Syntax("FETCH item not known")),
    })
}

fn part_number(cursor: &mut Cursor<'_>) -> Result<u32> {
    let number = cursor.number()?;
    u32::try_from(number).ok().filter(|n| *n > 0).ok_or(Fault::Syntax("part numbers begin with 1"))
}

fn section(cursor: &mut Cursor<'_>) -> Result<Section> {
    cursor.expect(b'[', "[ was expected")?;
    let mut path = Vec::new();
    let mut more = true;
    while more && cursor.peek().is_some_and(|b| b.is_ascii_digit()) {
        path.push(part_number(cursor)?);
        if path.len() > 64 {
            return Err(Fault::Syntax("section too deep"));
        }
        more = cursor.take(b'.');
    }
    let text = if (path.is_empty() || more) && cursor.peek() != Some(b']') {
        section_text(cursor, !path.is_empty())?
    } else if more && !path.is_empty() {
        return Err(Fault::Syntax("a section does not end with a dot"));
    } else {
        SectionText::Whole
    };
    cursor.expect(b']', "] was expected")?;
    Ok(Section { path, text })
}

fn section_text(cursor: &mut Cursor<'_>, in_part: bool) -> Result<SectionText> {
    let name = cursor.while_(|b| b.is_ascii_alphabetic() || b == b'.').to_ascii_uppercase();
    Ok(match &name[..] {
        b"HEADER" => SectionText::Header,
        b"TEXT" => SectionText::Text,
        b"MIME" if in_part => SectionText::Mime,
        b"HEADER.FIELDS" | b"HEADER.FIELDS.NOT" => {
            cursor.space()?;
            let names = cursor.list(false, Cursor::astring)?;
            SectionText::Fields { names, not: name.len() > 13 }
        }
        _ => return Err(Fault::Syntax("section not known")),
    })
}

fn binary_path(cursor: &mut Cursor<'_>) -> Result<Vec<u32>> {
    let section = section(cursor)?;
    if section.text == SectionText::Whole { Ok(section.path) } else { Err(Fault::Syntax("BINARY takes part numbers")) }
}

fn partial(cursor: &mut Cursor<'_>) -> Result<Option<Partial>> {
    if !cursor.take(b'<') {
        return Ok(None);
    }
    let start = cursor.number()?;
    cursor.expect(b'.', "a partial is written <start.count>")?;
    let count = cursor.number()?;
    cursor.expect(b'>', "a partial is written <start.count>")?;
    if count == 0 { Err(Fault::Syntax("a partial has one octet at least")) } else { Ok(Some(Partial { start, count })) }
}

pub(super) fn store(cursor: &mut Cursor<'_>, by: By) -> Result<Verb> {
    cursor.space()?;
    let set = cursor.set()?;
    cursor.space()?;
    let mut unchanged_since = None;
    if cursor.peek() == Some(b'(') {
        cursor.list(false, |c| {
            if !c.word("UNCHANGEDSINCE") {
                return Err(Fault::Syntax("modifier not known"));
            }
            c.space()?;
            unchanged_since = Some(c.number()?);
            Ok(())
        })?;
        cursor.space()?;
    }
    let change = match cursor.peek() {
        Some(b'+') => FlagChange::Add,
        Some(b'-') => FlagChange::Remove,
        _ => FlagChange::Replace,
    };
    if change != FlagChange::Replace {
        cursor.take(if change == FlagChange::Add { b'+' } else { b'-' });
    }
    let silent = match cursor.name()?.as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return Err(Fault::Syntax("FLAGS was expected")),
    };
    cursor.space()?;
    let mut flags = Flags::default();
    if cursor.peek() == Some(b'(') {
        flags = flag_list(cursor)?;
    } else {
        flag(cursor, &mut flags)?;
        while cursor.take(b' ') {
            flag(cursor, &mut flags)?;
        }
    }
    Ok(Verb::Store { by, set, store: Store { change, flags, silent, unchanged_since } })
}

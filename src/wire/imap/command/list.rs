//! LIST, LSUB and STATUS (RFC 9051 §6.3.9, §6.3.11; RFC 5258; RFC 5819; RFC 6154).

use super::cursor::{Cursor, Result};
use super::{Fault, Verb};

/// LIST in its basic and extended forms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    pub select: ListSelect,
    pub reference: Vec<u8>,
    pub patterns: Vec<Vec<u8>>,
    pub return_: ListReturn,
    /// It has options or a list of patterns.
    pub extended: bool,
}

/// Selection options; REMOTE selects nothing more, as there are no remote mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListSelect {
    pub subscribed: bool,
    pub special_use: bool,
    pub recursive_match: bool,
}

/// Return options; CHILDREN is always told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListReturn {
    pub subscribed: bool,
    pub special_use: bool,
    pub status: Vec<StatusItem>,
}

/// One thing STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
    Deleted,
    Size,
    HighestModSeq,
}

impl StatusItem {
    const NAMES: [(Self, &'static str); 8] = [
        (Self::Messages, "MESSAGES"),
        (Self::Recent, "RECENT"),
        (Self::UidNext, "UIDNEXT"),
        (Self::UidValidity, "UIDVALIDITY"),
        (Self::Unseen, "UNSEEN"),
        (Self::Deleted, "DELETED"),
        (Self::Size, "SIZE"),
        (Self::HighestModSeq, "HIGHESTMODSEQ"),
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(item, _)| *item == self).map_or("", |(_, name)| name)
    }
}

fn status_item(cursor: &mut Cursor<'_>) -> Result<StatusItem> {
    let name = cursor.name()?;
    let found = StatusItem::NAMES.iter().find(|(_, n)| *n == name);
    found.map(|(item, _)| *item).ok_or(Fault::Syntax("STATUS item not known"))
}

pub(super) fn status(cursor: &mut Cursor<'_>) -> Result<Verb> {
    let mailbox = super::mailbox(cursor)?;
    cursor.space()?;
    Ok(Verb::Status { mailbox, items: cursor.list(false, status_item)? })
}

pub(super) fn lsub(cursor: &mut Cursor<'_>) -> Result<Verb> {
    let reference = super::mailbox(cursor)?;
    cursor.space()?;
    Ok(Verb::Lsub { reference, pattern: cursor.list_mailbox()? })
}

pub(super) fn list(cursor: &mut Cursor<'_>) -> Result<Verb> {
    let mut list = List::default();
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        list.extended = true;
        cursor.list(true, |c| select_option(c, &mut list.select))?;
        if list.select.recursive_match && !(list.select.subscribed || list.select.special_use) {
            return Err(Fault::Syntax("RECURSIVEMATCH needs another selection option"));
        }
        cursor.space()?;
    }
    list.reference = cursor.astring()?;
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        list.extended = true;
        list.patterns = cursor.list(false, Cursor::list_mailbox)?;
    } else {
        list.patterns = vec![cursor.list_mailbox()?];
    }
    if list.patterns.len() > 100 {
        return Err(Fault::Syntax("too many patterns"));
    }
    if cursor.take(b' ') {
        list.extended = true;
        if !cursor.word("RETURN") {
            return Err(Fault::Syntax("RETURN was expected"));
        }
        cursor.space()?;
        cursor.list(true, |c| return_option(c, &mut list.return_))?;
    }
    Ok(Verb::List(list))
}

fn select_option(cursor: &mut Cursor<'_>, select: &mut ListSelect) -> Result<()> {
    match cursor.name()?.as_str() {
        "SUBSCRIBED" => select.subscribed = true,
        "SPECIAL-USE" => select.special_use = true,
        "RECURSIVEMATCH" => select.recursive_match = true,
        "REMOTE" => {}
        _ => return Err(Fault::Syntax("selection option not known")),
    }
    Ok(())
}

fn return_option(cursor: &mut Cursor<'_>, return_: &mut ListReturn) -> Result<()> {
    match cursor.name()?.as_str() {
        "SUBSCRIBED" => return_.subscribed = true,
        "SPECIAL-USE" => return_.special_use = true,
        "CHILDREN" => {}
        "STATUS" => {
            cursor.space()?;
            return_.status = cursor.list(false, status_item)?;
        }
        _ => return Err(Fault::Syntax("return option not known")),
    }
    Ok(())
}

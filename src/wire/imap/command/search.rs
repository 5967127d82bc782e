//! SEARCH (RFC 9051 §6.4.4; RFC 7162 §3.1.5).

use super::cursor::{Cursor, DEPTH, Result};
use super::{By, Fault, Verb};
use crate::model::flags::{Keyword, SystemFlags};
use crate::model::search::{Key, When};
use crate::model::sequence::SequenceSet;

/// A search and how its result is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// `None`: the old SEARCH response.
    pub return_: Option<SearchReturn>,
    /// Whether the texts are in a charset that is known; else `key` has them wrong.
    pub charset_known: bool,
    pub key: Key,
}

/// RETURN options (RFC 9051 §6.4.4.1); none of the first four means ALL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchReturn {
    pub min: bool,
    pub max: bool,
    pub all: bool,
    pub count: bool,
    pub save: bool,
}

/// Most keys of a search: each may be tried on every message.
const KEYS: usize = 1000;

/// How texts of this command are encoded, and how many keys it may still have.
struct Reading {
    charset: &'static encoding_rs::Encoding,
    left: usize,
}

pub(super) fn search(cursor: &mut Cursor<'_>, by: By) -> Result<Verb> {
    cursor.space()?;
    let mut return_ = None;
    if cursor.word("RETURN") {
        cursor.space()?;
        let mut options = SearchReturn::default();
        cursor.list(true, |c| return_option(c, &mut options))?;
        if !(options.min || options.max || options.count || options.save) {
            options.all = true;
        }
        return_ = Some(options);
        cursor.space()?;
    }
    let mut reading = Reading { charset: encoding_rs::UTF_8, left: KEYS };
    let mut charset_known = true;
    if cursor.word("CHARSET") {
        cursor.space()?;
        let label = cursor.astring()?;
        let found = encoding_rs::Encoding::for_label_no_replacement(&label);
        charset_known = found.is_some();
        // One in which all octets mean something.
        reading.charset = found.unwrap_or(encoding_rs::X_USER_DEFINED);
        cursor.space()?;
    }
    let mut keys = vec![key(cursor, &mut reading, DEPTH)?];
    while cursor.take(b' ') {
        keys.push(key(cursor, &mut reading, DEPTH)?);
    }
    Ok(Verb::Search { by, search: Search { return_, charset_known, key: all_of(keys) } })
}

fn return_option(cursor: &mut Cursor<'_>, options: &mut SearchReturn) -> Result<()> {
    match cursor.name()?.as_str() {
        "MIN" => options.min = true,
        "MAX" => options.max = true,
        "ALL" => options.all = true,
        "COUNT" => options.count = true,
        "SAVE" => options.save = true,
        _ => return Err(Fault::Syntax("return option not known")),
    }
    Ok(())
}

fn all_of(mut keys: Vec<Key>) -> Key {
    if keys.len() == 1 { keys.remove(0) } else { Key::And(keys) }
}

fn key(cursor: &mut Cursor<'_>, reading: &mut Reading, depth: usize) -> Result<Key> {
    let depth = depth.checked_sub(1).ok_or(Fault::Syntax("search nested too deep"))?;
    reading.left = reading.left.checked_sub(1).ok_or(Fault::Syntax("too many search keys"))?;
    if cursor.peek() == Some(b'(') {
        return Ok(all_of(cursor.list(false, |c| key(c, reading, depth))?));
    }
    if cursor.at_set() {
        // The result of a search holds UIDs, whoever asks.
        return Ok(match cursor.set()? {
            SequenceSet::Saved => Key::Uids(SequenceSet::Saved),
            set => Key::Numbers(set),
        });
    }
    let name = cursor.name()?;
    if let Some(key) = flag_key(&name) {
        return Ok(key);
    }
    if name == "ALL" {
        return Ok(Key::All);
    }
    cursor.space().map_err(|_| Fault::Syntax("search key not known, or its argument is missing"))?;
    Ok(match name.as_str() {
        "NOT" => Key::Not(Box::new(key(cursor, reading, depth)?)),
        "OR" => {
            let first = key(cursor, reading, depth)?;
            cursor.space()?;
            Key::Or(Box::new(first), Box::new(key(cursor, reading, depth)?))
        }
        "UID" => Key::Uids(cursor.set()?),
        "KEYWORD" => Key::Keyword(keyword(cursor)?),
        "UNKEYWORD" => not(Key::Keyword(keyword(cursor)?)),
        "BEFORE" => Key::Arrived(When::Before, cursor.date()?),
        "ON" => Key::Arrived(When::On, cursor.date()?),
        "SINCE" => Key::Arrived(When::Since, cursor.date()?),
        "SENTBEFORE" => Key::Sent(When::Before, cursor.date()?),
        "SENTON" => Key::Sent(When::On, cursor.date()?),
        "SENTSINCE" => Key::Sent(When::Since, cursor.date()?),
        "LARGER" => Key::Larger(cursor.number()?),
        "SMALLER" => Key::Smaller(cursor.number()?),
        "FROM" | "TO" | "CC" | "BCC" | "SUBJECT" => header(name.to_ascii_lowercase(), text(cursor, reading)?),
        "HEADER" => {
            let field = String::from_utf8(cursor.astring()?).map_err(|_| Fault::Syntax("field names are ASCII"))?;
            cursor.space()?;
            header(field, text(cursor, reading)?)
        }
        "BODY" => Key::Body(text(cursor, reading)?),
        "TEXT" => Key::Text(text(cursor, reading)?),
        "MODSEQ" => modseq(cursor)?,
        _ => return Err(Fault::Syntax("search key not known")),
    })
}

fn not(key: Key) -> Key {
    Key::Not(Box::new(key))
}

fn header(name: String, text: String) -> Key {
    Key::Header { name, text }
}

fn flag_key(name: &str) -> Option<Key> {
    let flag = Key::Flag;
    Some(match name {
        "ANSWERED" => flag(SystemFlags::ANSWERED),
        "DELETED" => flag(SystemFlags::DELETED),
        "DRAFT" => flag(SystemFlags::DRAFT),
        "FLAGGED" => flag(SystemFlags::FLAGGED),
        "SEEN" => flag(SystemFlags::SEEN),
        "UNANSWERED" => not(flag(SystemFlags::ANSWERED)),
        "UNDELETED" => not(flag(SystemFlags::DELETED)),
        "UNDRAFT" => not(flag(SystemFlags::DRAFT)),
        "UNFLAGGED" => not(flag(SystemFlags::FLAGGED)),
        "UNSEEN" => not(flag(SystemFlags::SEEN)),
        "RECENT" => Key::Recent,
        "OLD" => not(Key::Recent),
        "NEW" => Key::And(vec![Key::Recent, not(flag(SystemFlags::SEEN))]),
        _ => return None,
    })
}

fn keyword(cursor: &mut Cursor<'_>) -> Result<Keyword> {
    Keyword::parse(cursor.atom()?).ok_or(Fault::Syntax("that is no keyword"))
}

fn text(cursor: &mut Cursor<'_>, reading: &Reading) -> Result<String> {
    let octets = cursor.astring()?;
    let decoded = reading.charset.decode_without_bom_handling_and_without_replacement(&octets);
    decoded.map(std::borrow::Cow::into_owned).ok_or(Fault::Syntax("the text is not in its charset"))
}

/// `MODSEQ ["/flags/\\draft" all] 620162338`: the entry is read and makes no difference, as modseqs are a message's.
fn modseq(cursor: &mut Cursor<'_>) -> Result<Key> {
    if cursor.peek() == Some(b'"') {
        cursor.string()?;
        cursor.space()?;
        if !matches!(cursor.name()?.as_str(), "PRIV" | "SHARED" | "ALL") {
            return Err(Fault::Syntax("priv, shared or all was expected"));
        }
        cursor.space()?;
    }
    Ok(Key::ModSeq(cursor.number()?))
}

//! What a person types into a search box, as a search key: `from:ann has:attachment "exact words" -newsletter`.

use super::flags::{Keyword, SystemFlags};
use super::search::{Key, When};
use chrono::{Days, NaiveDate};

/// Longest text that is read, in octets, and most words of it.
const LONGEST: usize = 1000;
const WORDS: usize = 50;

/// What to look for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub key: Key,
    pub place: Place,
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// No word of it: everywhere but in Trash and Junk.
    #[default]
    Usual,
    /// `in:anywhere`.
    Anywhere,
    /// `in:NAME`.
    Folder(String),
}

/// A word that can't be meant, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}: {word}")]
pub struct BadQuery {
    pub word: String,
    pub why: Why,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("a day has the form 2026-01-31")]
    Day,
    #[error("an age has the form 7d, 2w, 6m or 1y")]
    Age,
    #[error("a size has the form 500k or 2M")]
    Size,
    #[error("is: knows unread, read, starred, answered, forwarded and draft")]
    Is,
    #[error("has: knows attachment")]
    Has,
    #[error("something must stand after the colon")]
    Empty,
    #[error("in: can stand once, and without -")]
    In,
    #[error("the search is too long")]
    Length,
}

/// Reads a query; `today` is the day that ages count from. All words must match; a word with a colon that is none of
/// ours is looked for as it stands.
///
/// # Errors
/// See [`BadQuery`].
pub fn parse_query(raw: &str, today: NaiveDate) -> Result<Query, BadQuery> {
    let too_long = || BadQuery { word: raw.chars().take(40).collect(), why: Why::Length };
    if raw.len() > LONGEST {
        return Err(too_long());
    }
    let words = words(raw);
    if words.len() > WORDS {
        return Err(too_long());
    }
    let (mut keys, mut place) = (Vec::new(), Place::Usual);
    for word in words {
        let bad = |why| BadQuery { word: word.typed.clone(), why };
        match word.meaning(today).map_err(bad)? {
            Meaning::Key(key) if word.not => keys.push(Key::Not(Box::new(key))),
            Meaning::Key(key) => keys.push(key),
            Meaning::Place(_) if word.not || place != Place::Usual => return Err(bad(Why::In)),
            Meaning::Place(found) => place = found,
        }
    }
    let key = match keys.len() {
        0 => Key::All,
        1 => keys.remove(0),
        _ => Key::And(keys),
    };
    Ok(Query { key, place })
}

/// One word as it was typed: `-`, a name before a colon, a value whose quotes are undone.
struct Word {
    typed: String,
    not: bool,
    name: Option<String>,
    value: String,
}

enum Meaning {
    Key(Key),
    Place(Place),
}

/// The names that are ours.
const NAMES: [&str; 14] = [
    "from", "to", "cc", "subject", "body", "has", "is", "larger", "smaller", "before", "after", "on", "older", "newer",
];

/// Divides at blanks outside of quotes. A quote that is not closed ends with the text.
fn words(raw: &str) -> Vec<Word> {
    let mut out = Vec::new();
    let mut chars = raw.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return out;
        }
        let (mut typed, mut value, mut name) = (String::new(), String::new(), None);
        let not = chars.next_if_eq(&'-').is_some();
        let (mut quoted, mut any_quotes) = (false, false);
        while let Some(c) = chars.next_if(|c| quoted || !c.is_whitespace()) {
            typed.push(c);
            match c {
                '"' => {
                    quoted = !quoted;
                    any_quotes = true;
                }
                ':' if name.is_none() && !any_quotes && is_name(&value) => {
                    name = Some(std::mem::take(&mut value).to_ascii_lowercase());
                }
                _ => value.push(c),
            }
        }
        // A dash alone, or nothing in quotes, is no word.
        if name.is_some() || !value.is_empty() {
            out.push(Word { typed: if not { format!("-{typed}") } else { typed }, not, name, value });
        }
    }
}

fn is_name(word: &str) -> bool {
    NAMES.iter().chain(&["in"]).any(|name| name.eq_ignore_ascii_case(word))
}

impl Word {
    fn meaning(&self, today: NaiveDate) -> Result<Meaning, Why> {
        let Some(name) = &self.name else { return Ok(Meaning::Key(Key::Text(self.value.clone()))) };
        let value = self.value.trim();
        if value.is_empty() {
            return Err(Why::Empty);
        }
        let header = |name: &str| Key::Header { name: name.to_owned(), text: value.to_owned() };
        let key = match name.as_str() {
            "from" => header("From"),
            "to" => header("To"),
            "cc" => header("Cc"),
            "subject" => header("Subject"),
            "body" => Key::Body(value.to_owned()),
            "has" => match value.to_ascii_lowercase().as_str() {
                "attachment" | "attachments" | "file" => Key::Attachment,
                _ => return Err(Why::Has),
            },
            "is" => state(value).ok_or(Why::Is)?,
            "larger" => Key::Larger(size(value).ok_or(Why::Size)?),
            "smaller" => Key::Smaller(size(value).ok_or(Why::Size)?),
            "before" => Key::Arrived(When::Before, day(value).ok_or(Why::Day)?),
            "after" => Key::Arrived(When::Since, day(value).ok_or(Why::Day)?),
            "on" => Key::Arrived(When::On, day(value).ok_or(Why::Day)?),
            "older" => Key::Arrived(When::Before, ago(value, today).ok_or(Why::Age)?),
            "newer" => Key::Arrived(When::Since, ago(value, today).ok_or(Why::Age)?),
            _ => {
                let anywhere = ["anywhere", "all"].iter().any(|word| word.eq_ignore_ascii_case(value));
                let place = if anywhere { Place::Anywhere } else { Place::Folder(value.to_owned()) };
                return Ok(Meaning::Place(place));
            }
        };
        Ok(Meaning::Key(key))
    }
}

fn state(value: &str) -> Option<Key> {
    let flag = |flag| Some(Key::Flag(flag));
    match value.to_ascii_lowercase().as_str() {
        "unread" | "unseen" => Some(Key::Not(Box::new(Key::Flag(SystemFlags::SEEN)))),
        "read" | "seen" => flag(SystemFlags::SEEN),
        "starred" | "flagged" => flag(SystemFlags::FLAGGED),
        "answered" | "replied" => flag(SystemFlags::ANSWERED),
        "draft" => flag(SystemFlags::DRAFT),
        "forwarded" => Keyword::parse("$Forwarded").map(Key::Keyword),
        _ => None,
    }
}

fn day(value: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(value, "%Y-%m-%d").ok()
}

/// The day so long ago: months have 30 days and years 365.
fn ago(value: &str, today: NaiveDate) -> Option<NaiveDate> {
    let unit = value.chars().next_back()?;
    let days = match unit.to_ascii_lowercase() {
        'd' => 1,
        'w' => 7,
        'm' => 30,
        'y' => 365,
        _ => return None,
    };
    let number: u64 = value[..value.len() - unit.len_utf8()].parse().ok()?;
    today.checked_sub_days(Days::new(number.checked_mul(days)?))
}

/// Octets of `500`, `500k`, `2M`, `1GB`, `2MiB`.
fn size(value: &str) -> Option<u64> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match value[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, 31).unwrap()
    }

    fn read(raw: &str) -> Result<Query, BadQuery> {
        parse_query(raw, today())
    }

    fn key(raw: &str) -> Key {
        read(raw).unwrap().key
    }

    #[test]
    fn a_query_is_read_word_by_word() {
        let text = |text: &str| Key::Text(text.to_owned());
        let header = |name: &str, text: &str| Key::Header { name: name.into(), text: text.into() };
        let date = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
        let query =
            read("from:ann has:attachment before:2026-01-01 \"exact  words\" is:unread larger:1M in:Sent -invoice");
        let keys = vec![
            header("From", "ann"),
            Key::Attachment,
            Key::Arrived(When::Before, date(2026, 1, 1)),
            text("exact  words"),
            Key::Not(Box::new(Key::Flag(SystemFlags::SEEN))),
            Key::Larger(1 << 20),
            Key::Not(Box::new(text("invoice"))),
        ];
        assert_eq!(query, Ok(Query { key: Key::And(keys), place: Place::Folder("Sent".into()) }));
        assert_eq!(key("  "), Key::All);
        assert_eq!(key("FROM:\"Ann Lee\""), header("From", "Ann Lee"));
        assert_eq!(key("-is:starred"), Key::Not(Box::new(Key::Flag(SystemFlags::FLAGGED))));
        assert_eq!(key("older:1w"), Key::Arrived(When::Before, date(2026, 3, 24)));
        assert_eq!(key("newer:2d"), Key::Arrived(When::Since, date(2026, 3, 29)));
        for (raw, word) in [
            ("http://x.test/a", "http://x.test/a"),
            ("re:", "re:"),
            ("a\"b c", "ab c"),
            ("\"from:ann\"", "from:ann"),
            ("well-known", "well-known"),
        ] {
            assert_eq!(key(raw), text(word), "{raw}");
        }
        assert_eq!(read("in:\"My Folder\" a").unwrap().place, Place::Folder("My Folder".into()));
        assert_eq!(read("in:anywhere").unwrap(), Query { key: Key::All, place: Place::Anywhere });
        assert_eq!(key("- \"\" x"), text("x"));
    }

    #[test]
    fn what_can_not_be_meant_is_named() {
        for (raw, word, why) in [
            ("a before:yesterday", "before:yesterday", Why::Day),
            ("on:2026-02-30", "on:2026-02-30", Why::Day),
            ("older:7", "older:7", Why::Age),
            ("newer:99999999999999999999d", "newer:99999999999999999999d", Why::Age),
            ("larger:big", "larger:big", Why::Size),
            ("smaller:99999999999G", "smaller:99999999999G", Why::Size),
            ("is:nice", "is:nice", Why::Is),
            ("has:legs", "has:legs", Why::Has),
            ("from: x", "from:", Why::Empty),
            ("in:a in:b", "in:b", Why::In),
            ("-in:a", "-in:a", Why::In),
        ] {
            assert_eq!(read(raw), Err(BadQuery { word: word.into(), why }), "{raw}");
        }
        assert_eq!(read(&"a ".repeat(51)).unwrap_err().why, Why::Length);
        assert_eq!(read(&"a".repeat(1001)).unwrap_err().why, Why::Length);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(raw in ".{0,200}|([a-z]{2,8}:[\"a-z0-9-]{0,12} ?){0,8}") {
            let _ = read(&raw);
        }

        #[test]
        fn quoted_words_are_found_as_they_stand(text in "[^\"\r\n]{1,50}") {
            prop_assert_eq!(key(&format!("\"{text}\"")), Key::Text(text));
        }
    }
}

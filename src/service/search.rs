//! Search in one mailbox: what the snapshot tells first, then rows, then headers, and whole messages last.
//!
//! A text matches as a substring after transfer encodings, encoded words and charsets are undone, without case
//! (RFC 9051 §6.4.4).

use super::message::{Messages, Row, Want};
use super::places::Places;
use super::snapshot::{Entry, View};
use super::spool::SpoolRoom;
use super::{Refusal, Result};
use crate::mime::header::{end_of_header, fields, unfold};
use crate::mime::section;
use crate::mime::structure::{Kind, Part, parse};
use crate::mime::text::{decode_part, html_to_text};
use crate::mime::words;
use crate::model::flags::{Keyword, SystemFlags};
use crate::model::ids::{AccountId, ModSeq};
use crate::model::search::{Key, When};
use crate::model::uidset::UidSet;
use bytes::Bytes;
use chrono::NaiveDate;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Messages tried in a row before others get their turn.
const TURN: u32 = 200;
/// Work on more octets than this leaves the I/O threads.
const SMALL: usize = 64 << 10;
/// Searches of an account that go on at once, and how long the next one waits for one of them to end.
const AT_ONCE: usize = 2;
const PATIENCE: Duration = Duration::from_secs(10);

/// Searches. Cheap to clone.
#[derive(Clone)]
pub struct Searches {
    work: Places,
    messages: Messages,
    room: SpoolRoom,
    turns: Turns,
}

/// Which accounts search, and how many of their turns are left.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<HashMap<AccountId, Arc<Semaphore>>>>);

/// One of an account's searches; dropping it lets the next begin.
pub(super) struct Turn(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

impl Turns {
    async fn take(&self, account: AccountId, patience: Duration) -> Result<Turn> {
        let turns = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody searches there and nobody waits.
            all.retain(|_, turns| Arc::strong_count(turns) > 1);
            all.entry(account).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))).clone()
        };
        let turn = tokio::time::timeout(patience, turns.acquire_owned()).await.map_err(|_| Refusal::Busy)?;
        turn.map(Turn).map_err(|e| Refusal::Internal(e.into()))
    }
}

/// A key made ready to be tried on many messages: sets resolved, texts folded.
enum Test {
    All,
    And(Vec<Test>),
    Or(Box<Test>, Box<Test>),
    Not(Box<Test>),
    Flag(SystemFlags),
    Keyword(Keyword),
    Recent,
    Uids(UidSet),
    ModSeq(ModSeq),
    Arrived(When, NaiveDate),
    Sent(When, NaiveDate),
    Larger(u64),
    Smaller(u64),
    Attachment,
    Header {
        name: String,
        text: String,
    },
    /// The text of this number.
    Body(usize),
    Text(usize),
}

/// What is known of one message so far; a condition that needs more is not decided yet.
struct Facts<'a> {
    view: &'a View,
    texts: &'a [String],
    entry: Entry<'a>,
    row: Option<&'a Row>,
    /// Name in lower case and folded value of each field.
    header: Option<&'a [(String, String)]>,
    /// For each of `texts` whether the body has it.
    body: Option<&'a [bool]>,
}

/// Folds case, so that texts compare as people read them.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

impl Searches {
    pub(super) fn new(work: Places, messages: Messages, room: SpoolRoom) -> Self {
        Self { work, messages, room, turns: Turns::default() }
    }

    /// UIDs of the messages that match; `saved` stands for `$`.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when too much is being read at once, or the account's other searches don't end.
    pub async fn search(&self, view: &View, key: &Key, saved: &UidSet) -> Result<UidSet> {
        let turn = self.turn(view.owner()).await?;
        self.search_in(&turn, view, key, saved).await
    }

    /// A turn for one search or several, one after the other.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub(super) async fn turn(&self, account: AccountId) -> Result<Turn> {
        self.turns.take(account, PATIENCE).await
    }

    pub(super) async fn search_in(&self, _turn: &Turn, view: &View, key: &Key, saved: &UidSet) -> Result<UidSet> {
        let mut texts = Vec::new();
        let key = ready(key, view, saved, &mut texts);
        let texts: Arc<[String]> = texts.into();
        let (mut found, mut open) = (Vec::new(), UidSet::default());
        for (number, entry) in view.entries() {
            let facts = Facts { view, texts: &texts, entry, row: None, header: None, body: None };
            match test(&key, &facts) {
                Some(true) => found.push(entry.uid),
                Some(false) => {}
                None => open.push(entry.uid),
            }
            if number % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        let attachment = any(&key, &|key| matches!(key, Test::Attachment));
        let want = Want { envelope: asks_sent(&key), parts: asks_texts(&key), attachment, ..Want::default() };
        let mut fetching = self.messages.fetch(view, &open, want);
        while let Some(rows) = fetching.next().await? {
            for row in &rows {
                if self.matches(view, &key, &texts, row).await? {
                    found.push(row.uid);
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    async fn matches(&self, view: &View, key: &Test, texts: &Arc<[String]>, row: &Row) -> Result<bool> {
        let Some(entry) = view.number_of(row.uid).and_then(|number| view.entry(number)) else { return Ok(false) };
        let mut facts = Facts { view, texts, entry, row: Some(row), header: None, body: None };
        if let Some(answer) = test(key, &facts) {
            return Ok(answer);
        }
        let header = self.header(row).await?;
        facts.header = Some(&header);
        if let Some(answer) = test(key, &facts) {
            return Ok(answer);
        }
        let raw = self.read(row, row.size).await?;
        let texts = texts.clone();
        let look = move || {
            let body = fold(&body_text(&raw));
            texts.iter().map(|text| contains(&body, text)).collect::<Vec<_>>()
        };
        let body = self.apart(row.size as usize, look).await?;
        facts.body = Some(&body);
        Ok(test(key, &facts).unwrap_or(false))
    }

    /// The message's own fields, read without its body.
    async fn header(&self, row: &Row) -> Result<Vec<(String, String)>> {
        let map = row.parts.as_deref().and_then(section::decode);
        let end = map.map_or(row.size, |map| row.prefix.len() as u64 + map.header.end as u64);
        let raw = self.read(row, end).await?;
        self.apart(raw.len(), move || header_texts(&raw)).await
    }

    async fn read(&self, row: &Row, end: u64) -> Result<Bytes> {
        let budget = self.room.reserve_for_search(end)?;
        Ok(budget.hold(self.messages.read_all(row, 0..end).await?))
    }

    /// Runs work on so many octets where it holds up nobody.
    async fn apart<T: Send + 'static>(&self, octets: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        if octets <= SMALL { Ok(work()) } else { self.work.run(work).await }
    }
}

fn asks_sent(key: &Test) -> bool {
    any(key, &|key| matches!(key, Test::Sent(..)))
}

fn asks_texts(key: &Test) -> bool {
    any(key, &|key| matches!(key, Test::Header { .. } | Test::Body(_) | Test::Text(_)))
}

fn any(key: &Test, wanted: &impl Fn(&Test) -> bool) -> bool {
    match key {
        Test::And(list) => list.iter().any(|key| any(key, wanted)),
        Test::Or(a, b) => any(a, wanted) || any(b, wanted),
        Test::Not(key) => any(key, wanted),
        leaf => wanted(leaf),
    }
}

fn ready(key: &Key, view: &View, saved: &UidSet, texts: &mut Vec<String>) -> Test {
    let mut numbered = |text: &str| {
        texts.push(fold(text));
        texts.len() - 1
    };
    match key {
        Key::All => Test::All,
        Key::And(list) => Test::And(list.iter().map(|key| ready(key, view, saved, texts)).collect()),
        Key::Or(a, b) => Test::Or(Box::new(ready(a, view, saved, texts)), Box::new(ready(b, view, saved, texts))),
        Key::Not(key) => Test::Not(Box::new(ready(key, view, saved, texts))),
        Key::Flag(flag) => Test::Flag(*flag),
        Key::Keyword(keyword) => Test::Keyword(keyword.clone()),
        Key::Recent => Test::Recent,
        Key::Numbers(set) => Test::Uids(view.uids_of_numbers(&set.resolve(Some(view.len()), saved))),
        Key::Uids(set) => Test::Uids(set.resolve(view.last_uid(), saved)),
        Key::ModSeq(least) => Test::ModSeq(*least),
        Key::Arrived(when, day) => Test::Arrived(*when, *day),
        Key::Sent(when, day) => Test::Sent(*when, *day),
        Key::Larger(octets) => Test::Larger(*octets),
        Key::Smaller(octets) => Test::Smaller(*octets),
        Key::Attachment => Test::Attachment,
        Key::Header { name, text } => Test::Header { name: name.to_ascii_lowercase(), text: fold(text) },
        Key::Body(text) => Test::Body(numbered(text)),
        Key::Text(text) => Test::Text(numbered(text)),
    }
}

/// Whether a message matches; `None`: more must be known.
fn test(key: &Test, facts: &Facts<'_>) -> Option<bool> {
    let entry = &facts.entry;
    match key {
        Test::All => Some(true),
        Test::And(list) => {
            let mut all = Some(true);
            for key in list {
                match test(key, facts) {
                    Some(false) => return Some(false),
                    Some(true) => {}
                    None => all = None,
                }
            }
            all
        }
        Test::Or(a, b) => match (test(a, facts), test(b, facts)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Test::Not(key) => test(key, facts).map(|answer| !answer),
        Test::Flag(flag) => Some(entry.system.contains(*flag)),
        Test::Keyword(keyword) => Some(entry.keywords.contains(keyword)),
        Test::Recent => Some(facts.view.is_recent(entry.uid)),
        Test::Uids(set) => Some(set.contains(entry.uid)),
        Test::ModSeq(least) => Some(entry.modseq >= *least),
        Test::Arrived(when, day) => facts.row.map(|row| compare(*when, row.internal_date.date_naive(), *day)),
        Test::Sent(when, day) => facts.row.map(|row| sent_day(row).is_some_and(|sent| compare(*when, sent, *day))),
        Test::Larger(octets) => facts.row.map(|row| row.size > *octets),
        Test::Smaller(octets) => facts.row.map(|row| row.size < *octets),
        Test::Attachment => facts.row.map(|row| row.attachment),
        Test::Header { name, text } => facts.header.map(|header| has_field(header, name, text)),
        Test::Body(text) => facts.body.map(|body| body[*text]),
        Test::Text(text) => {
            let part = &facts.texts[*text];
            match facts.header.map(|header| header.iter().any(|(_, line)| contains(line, part))) {
                Some(false) => facts.body.map(|body| body[*text]),
                other => other,
            }
        }
    }
}

/// The Date field's day where it was written: the envelope begins with it.
fn sent_day(row: &Row) -> Option<NaiveDate> {
    let quoted = row.envelope.as_deref()?.strip_prefix(b"(\"")?;
    let value = &quoted[..memchr::memchr(b'"', quoted)?];
    crate::mime::date::parse(value).map(|date| date.date_naive())
}

fn compare(when: When, day: NaiveDate, with: NaiveDate) -> bool {
    match when {
        When::Before => day < with,
        When::On => day == with,
        When::Since => day >= with,
    }
}

fn contains(text: &str, part: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some()
}

fn has_field(header: &[(String, String)], name: &str, text: &str) -> bool {
    let value = |line: &str| line.get(name.len() + 2..).is_some_and(|value| contains(value, text));
    header.iter().any(|(field, line)| field == name && (text.is_empty() || value(line)))
}

/// Every field: its name in lower case, and `name: value` decoded and folded.
fn header_texts(raw: &[u8]) -> Vec<(String, String)> {
    let header = &raw[..end_of_header(raw)];
    fields(header)
        .map(|field| {
            let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
            let value = words::decode(&unfold(field.value));
            let line = format!("{name}: {}", fold(value.trim()));
            (name, line)
        })
        .collect()
}

/// Everything a reader could find below the message's own header: texts, and headers of parts and messages inside.
fn body_text(raw: &[u8]) -> String {
    let root = parse(raw);
    let mut out = String::new();
    gather(raw, &root, true, &mut out);
    out
}

fn gather(raw: &[u8], part: &Part, top: bool, out: &mut String) {
    if !top {
        for (_, line) in header_texts(&raw[part.header.clone()]) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    match &part.kind {
        Kind::Multipart(children) => children.iter().for_each(|child| gather(raw, child, false, out)),
        Kind::Message(inner) => gather(raw, inner, false, out),
        Kind::Leaf if part.media().0 == "text" => {
            let text = decode_part(raw, part);
            if part.media().1 == "html" {
                out.push_str(&html_to_text(&text));
                out.push('\n');
            }
            out.push_str(&text);
            out.push('\n');
        }
        Kind::Leaf => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_account_has_two_turns_and_a_third_waits() {
        let turns = Turns::default();
        let take = async |account, patience| turns.take(AccountId(account), Duration::from_millis(patience)).await;
        let (first, second) = (take(1, 0).await.unwrap(), take(1, 0).await.unwrap());
        assert!(matches!(take(1, 50).await, Err(Refusal::Busy)));
        take(2, 0).await.expect("others have their own");
        drop(first);
        let third = take(1, 0).await.expect("one has ended");
        drop((second, third));
        assert!(take(3, 0).await.is_ok() && turns.0.lock().unwrap().len() == 1, "those who ended are forgotten");
    }

    #[test]
    fn text_is_found_after_decoding_and_without_case() {
        let raw = b"Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= an =?ISO-8859-1?Q?J=FCrgen?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n8NLJ18XU\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>half</b>way\r\n--b--\r\n";
        let header = header_texts(raw);
        assert!(has_field(&header, "subject", "grüße an jürgen") && has_field(&header, "subject", ""));
        assert!(!has_field(&header, "subject", "subject") && !has_field(&header, "x-none", ""));
        let body = fold(&body_text(raw));
        for part in ["привет", "вет", "halfway", "koi8-r"] {
            assert!(contains(&body, part), "{part}: {body}");
        }
        assert!(!contains(&body, "grüße"));
    }
}

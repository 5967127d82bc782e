//! Search in one mailbox: what the snapshot tells first, then rows, then headers, and whole messages last.
//!
//! A text matches as a substring after transfer encodings, encoded words and charsets are undone, without case
//! (RFC 9051 §6.4.4).

use super::message::{Messages, Row, Want};
use super::snapshot::{Entry, View};
use super::spool::SpoolRoom;
use super::{Refusal, Result};
use crate::mime::header::{end_of_header, fields, unfold};
use crate::mime::structure::{Kind, Part, parse};
use crate::mime::text::{decode_part, html_to_text};
use crate::mime::words;
use crate::model::search::{Key, When};
use crate::model::uidset::UidSet;
use chrono::NaiveDate;

/// Searches. Cheap to clone.
#[derive(Clone)]
pub struct Searches {
    messages: Messages,
    room: SpoolRoom,
}

/// What is known of one message so far; a condition that needs more is not decided yet.
struct Facts<'a> {
    view: &'a View,
    saved: &'a UidSet,
    number: u32,
    entry: Entry<'a>,
    row: Option<&'a Row>,
    /// Name in lower case and folded value of each field.
    header: Option<&'a [(String, String)]>,
    body: Option<&'a str>,
}

/// Folds case, so that texts compare as people read them.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

impl Searches {
    pub(super) fn new(messages: Messages, room: SpoolRoom) -> Self {
        Self { messages, room }
    }

    /// UIDs of the messages that match; `saved` stands for `$`.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when too much is being read at once.
    pub async fn search(&self, view: &View, key: &Key, saved: &UidSet) -> Result<UidSet> {
        let key = folded(key.clone());
        let (mut found, mut open) = (Vec::new(), UidSet::default());
        for (number, entry) in view.entries() {
            let facts = Facts { view, saved, number, entry, row: None, header: None, body: None };
            match test(&key, &facts) {
                Some(true) => found.push(entry.uid),
                Some(false) => {}
                None => open.push(entry.uid),
            }
        }
        let mut fetching = self.messages.fetch(view, &open, Want { envelope: asks_sent(&key), ..Want::default() });
        while let Some(rows) = fetching.next().await? {
            for row in &rows {
                if self.matches(view, &key, saved, row).await? {
                    found.push(row.uid);
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    async fn matches(&self, view: &View, key: &Key, saved: &UidSet, row: &Row) -> Result<bool> {
        let Some(number) = view.number_of(row.uid) else { return Ok(false) };
        let Some(entry) = view.entry(number) else { return Ok(false) };
        let mut facts = Facts { view, saved, number, entry, row: Some(row), header: None, body: None };
        if let Some(answer) = test(key, &facts) {
            return Ok(answer);
        }
        let (_budget, raw) = self.read(row).await?;
        let header = header_texts(&raw);
        facts.header = Some(&header);
        if let Some(answer) = test(key, &facts) {
            return Ok(answer);
        }
        let body = tokio::task::spawn_blocking(move || fold(&body_text(&raw)))
            .await
            .map_err(|e| Refusal::Internal(e.into()))?;
        facts.body = Some(&body);
        Ok(test(key, &facts).unwrap_or(false))
    }

    async fn read(&self, row: &Row) -> Result<(super::spool::Reserved, bytes::Bytes)> {
        let budget = self.room.reserve(row.size)?;
        Ok((budget, self.messages.read_all(row, 0..row.size).await?))
    }
}

fn asks_sent(key: &Key) -> bool {
    match key {
        Key::Sent(..) => true,
        Key::And(list) => list.iter().any(asks_sent),
        Key::Or(a, b) => asks_sent(a) || asks_sent(b),
        Key::Not(key) => asks_sent(key),
        _ => false,
    }
}

fn folded(key: Key) -> Key {
    match key {
        Key::And(list) => Key::And(list.into_iter().map(folded).collect()),
        Key::Or(a, b) => Key::Or(Box::new(folded(*a)), Box::new(folded(*b))),
        Key::Not(key) => Key::Not(Box::new(folded(*key))),
        Key::Header { name, text } => Key::Header { name: name.to_ascii_lowercase(), text: fold(&text) },
        Key::Body(text) => Key::Body(fold(&text)),
        Key::Text(text) => Key::Text(fold(&text)),
        other => other,
    }
}

/// Whether a message matches; `None`: more must be known.
fn test(key: &Key, facts: &Facts<'_>) -> Option<bool> {
    let entry = &facts.entry;
    match key {
        Key::All => Some(true),
        Key::And(list) => {
            let answers: Vec<_> = list.iter().map(|key| test(key, facts)).collect();
            if answers.contains(&Some(false)) {
                Some(false)
            } else {
                answers.iter().all(Option::is_some).then_some(true)
            }
        }
        Key::Or(a, b) => match (test(a, facts), test(b, facts)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Key::Not(key) => test(key, facts).map(|answer| !answer),
        Key::Flag(flag) => Some(entry.system.contains(*flag)),
        Key::Keyword(keyword) => Some(entry.keywords.contains(keyword)),
        Key::Recent => Some(facts.view.is_recent(entry.uid)),
        Key::Numbers(set) => Some(set.resolve(Some(facts.view.len()), facts.saved).contains(facts.number)),
        Key::Uids(set) => Some(set.resolve(facts.view.last_uid(), facts.saved).contains(entry.uid)),
        Key::ModSeq(least) => Some(entry.modseq >= *least),
        Key::Arrived(when, day) => facts.row.map(|row| compare(*when, row.internal_date.date_naive(), *day)),
        Key::Sent(when, day) => facts.row.map(|row| sent_day(row).is_some_and(|sent| compare(*when, sent, *day))),
        Key::Larger(octets) => facts.row.map(|row| row.size > *octets),
        Key::Smaller(octets) => facts.row.map(|row| row.size < *octets),
        Key::Header { name, text } => facts.header.map(|header| has_field(header, name, text)),
        Key::Body(text) => facts.body.map(|body| contains(body, text)),
        Key::Text(text) => match facts.header.map(|header| header.iter().any(|(_, line)| contains(line, text))) {
            Some(true) => Some(true),
            Some(false) => facts.body.map(|body| contains(body, text)),
            None => None,
        },
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

//! The mail in the demo's boxes: conversations, lists, newsletters, and messages of many shapes, some broken.
//!
//! The same `now` makes the same octets, so that a filling that was interrupted goes on where it stopped.

use super::people::{DOMAIN, PEOPLE, name_of};
use super::shapes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};

/// One message in one box.
#[derive(Debug, Clone)]
pub struct DemoMessage {
    /// Local part of the member.
    pub owner: &'static str,
    pub folder: String,
    /// `\Seen` and the like, and keywords.
    pub flags: Vec<&'static str>,
    pub at: DateTime<Utc>,
    /// With CRLF line ends.
    pub bytes: Vec<u8>,
}

/// All messages, oldest first.
pub fn messages(now: DateTime<Utc>) -> Vec<DemoMessage> {
    let mut out = conversations(now);
    out.extend(lists(now));
    out.extend(newsletters(now));
    out.extend(errands(now));
    out.extend(shapes::messages(now));
    out.sort_by_key(|message| message.at);
    out
}

/// `=?UTF-8?B?…?=` where it must be; several words where one would be too long (RFC 2047 §2).
pub(super) fn encoded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let (mut words, mut word) = (Vec::new(), String::new());
    for c in text.chars() {
        if word.len() + c.len_utf8() > 42 {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let words: Vec<String> = words.iter().map(|w| format!("=?UTF-8?B?{}?=", STANDARD.encode(w))).collect();
    words.join("\r\n ")
}

pub(super) fn mailbox(local: &str) -> String {
    format!("{} <{local}@{DOMAIN}>", encoded(name_of(local)))
}

/// Text with CRLF line ends.
pub(super) fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// Header fields, then the text as UTF-8 in 8 bits.
pub(super) fn plain(fields: &[(&str, String)], text: &str) -> Vec<u8> {
    let mut out = String::new();
    for (name, value) in fields {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str(
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
    );
    out.push_str(&crlf(text));
    out.into_bytes()
}

pub(super) fn known(local: &str) -> Option<&'static str> {
    PEOPLE.iter().find(|person| person.local == local).map(|person| person.local)
}

struct Turn<'a> {
    from: &'static str,
    text: &'a str,
}

/// `== Subject`, `days N`, `from > to, to`, text, and after `---` lines each answer: who, then the text.
fn conversations(now: DateTime<Utc>) -> Vec<DemoMessage> {
    let mut out = Vec::new();
    for (number, block) in include_str!("../../../templates/demo/conversations.txt").split("== ").skip(1).enumerate() {
        let mut lines = block.splitn(4, '\n');
        let (Some(subject), Some(days), Some(who), Some(rest)) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            continue;
        };
        let days: i64 = days.trim_start_matches("days ").parse().unwrap_or(1);
        let (from, to) = who.split_once(" > ").unwrap_or((who, ""));
        let everybody: Vec<&'static str> =
            std::iter::once(from).chain(to.split(", ")).filter_map(|local| known(local.trim())).collect();
        let mut turns = Vec::new();
        for (n, part) in rest.split("---\n").enumerate() {
            let (speaker, text) = if n == 0 { (from, part) } else { part.split_once('\n').unwrap_or((part, "")) };
            if let Some(from) = known(speaker.trim()) {
                turns.push(Turn { from, text });
            }
        }
        thread(&mut out, (number, subject), &everybody, &turns, now - TimeDelta::days(days));
    }
    out
}

fn thread(
    out: &mut Vec<DemoMessage>,
    (number, subject): (usize, &str),
    everybody: &[&'static str],
    turns: &[Turn<'_>],
    start: DateTime<Utc>,
) {
    let id = |n: usize| format!("<talk-{number}-{n}@{DOMAIN}>");
    for (n, turn) in turns.iter().enumerate() {
        let at = start + TimeDelta::minutes(83 * n as i64 + 7);
        let to: Vec<String> =
            everybody.iter().filter(|local| **local != turn.from).map(|local| mailbox(local)).collect();
        let subject = if n == 0 { subject.to_owned() } else { format!("Re: {subject}") };
        let mut fields = vec![
            ("Date", at.to_rfc2822()),
            ("From", mailbox(turn.from)),
            ("To", to.join(",\r\n ")),
            ("Subject", encoded(&subject)),
            ("Message-ID", id(n)),
        ];
        let mut text = turn.text.to_owned();
        if n > 0 {
            fields.push(("In-Reply-To", id(n - 1)));
            fields.push(("References", (0..n).map(id).collect::<Vec<_>>().join("\r\n ")));
            let quoted = turns[n - 1].text.trim().lines().take(6).map(|line| format!("> {line}\n")).collect::<String>();
            text = format!("{text}\n{} wrote:\n{quoted}", name_of(turns[n - 1].from));
        }
        let bytes = plain(&fields, &text);
        let is_last = n + 1 == turns.len();
        for local in everybody {
            let own = *local == turn.from;
            let flags = match (own, is_last) {
                (true, _) => vec!["\\Seen"],
                (false, true) => vec![],
                (false, false) if turns.get(n + 1).is_some_and(|next| next.from == *local) => {
                    vec!["\\Seen", "\\Answered"]
                }
                (false, false) => vec!["\\Seen"],
            };
            let folder = if own { "Sent" } else { "INBOX" }.to_owned();
            out.push(DemoMessage { owner: local, folder, flags, at, bytes: bytes.clone() });
        }
    }
}

/// The notices of the parish library, as a mailing list writes them (RFC 2919, RFC 2369).
fn lists(now: DateTime<Utc>) -> Vec<DemoMessage> {
    const BOOKS: [(&str, &str); 8] = [
        ("The Bees of Winter", "a quiet book about patience, two copies"),
        ("Brot und Salz", "Kochbuch, leider mit Flecken an den besten Stellen"),
        ("Maps of Small Places", "for everyone who collects footpaths"),
        ("海辺の時計", "a novel in Japanese, given by Emi"),
        ("O jardim de inverno", "poems, with pencil notes of three generations"),
        ("How Bridges Stand", "for children from eight and engineers of any age"),
        ("Сказки старой мельницы", "fairy tales with wonderful pictures"),
        ("The Second Violin", "a crime story that is not about the violin"),
    ];
    let readers = ["ada", "emi", "greta", "hanna", "ines"];
    let mut out = Vec::new();
    for (n, (title, about)) in BOOKS.iter().enumerate() {
        let at = now - TimeDelta::days(7 * (BOOKS.len() - n) as i64 - 3);
        let fields = [
            ("Return-Path", format!("<books-bounces@lists.{DOMAIN}>")),
            (
                "Received",
                format!(
                    "from lists.{DOMAIN} (lists.{DOMAIN} [192.0.2.25])\r\n\tby mail.{DOMAIN} with ESMTP;\r\n\t{}",
                    at.to_rfc2822()
                ),
            ),
            ("Date", at.to_rfc2822()),
            ("From", format!("Village library <books@lists.{DOMAIN}>")),
            ("To", format!("books@lists.{DOMAIN}")),
            ("Subject", encoded(&format!("[books] New on the shelf: {title}"))),
            ("Message-ID", format!("<books-{n}@lists.{DOMAIN}>")),
            ("List-Id", format!("The village library <books.lists.{DOMAIN}>")),
            ("List-Post", format!("<mailto:books@lists.{DOMAIN}>")),
            ("List-Unsubscribe", format!("<mailto:books-leave@lists.{DOMAIN}>")),
            ("Precedence", "list".to_owned()),
        ];
        let text = format!(
            "This week's new book is \"{title}\": {about}.\n\nThe library is open on Mondays from three to six.\n\n-- \nVillage library\n"
        );
        for owner in readers {
            let folder = if owner == "emi" { "Lists/Bücher".to_owned() } else { "INBOX".to_owned() };
            let flags = if n + 2 < BOOKS.len() { vec!["\\Seen"] } else { vec![] };
            out.push(DemoMessage { owner, folder, flags, at, bytes: plain(&fields, &text) });
        }
    }
    out
}

/// A newsletter in HTML with a text beside it and a picture inside (RFC 2387, RFC 2392).
fn newsletters(now: DateTime<Utc>) -> Vec<DemoMessage> {
    let mut out = Vec::new();
    for (n, season) in ["Spring", "Summer", "Autumn"].iter().enumerate() {
        let at = now - TimeDelta::days(80 - 35 * n as i64);
        let html = format!(
            "<html><body style=\"font-family:sans-serif\"><h1>{season} at the mill</h1><p><img src=\"cid:mill{n}\" alt=\"The mill\" width=\"16\" height=\"16\"> \
             The wheel turns again: guided walks every Sunday at ten &mdash; <a href=\"https://mill.{DOMAIN}/walks\">sign up here</a>.</p>\
             <ul><li>Flour from our own stones</li><li>Caf&eacute; under the lime tree</li></ul><p><small>You get this because you asked for it.</small></p></body></html>\n"
        );
        let fields = format!(
            "Date: {}\r\nFrom: The old mill <news@mill.{DOMAIN}>\r\nTo: friends@mill.{DOMAIN}\r\nSubject: {season} at the mill\r\nMessage-ID: <mill-{n}@mill.{DOMAIN}>\r\n\
             List-Unsubscribe: <https://mill.{DOMAIN}/bye>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n",
            at.to_rfc2822()
        );
        let bytes = format!(
            "{fields}Content-Type: multipart/alternative; boundary=\"alt-{n}\"\r\n\r\n--alt-{n}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
             {season} at the mill\r\n\r\nThe wheel turns again: guided walks every Sunday at ten.\r\nhttps://mill.{DOMAIN}/walks\r\n--alt-{n}\r\n\
             Content-Type: multipart/related; boundary=\"rel-{n}\"\r\n\r\n--rel-{n}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{}--rel-{n}\r\n\
             Content-Type: image/png\r\nContent-ID: <mill{n}>\r\nContent-Disposition: inline; filename=mill.png\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n\
             --rel-{n}--\r\n--alt-{n}--\r\n",
            crlf(&html),
            shapes::PIXEL,
        );
        for owner in ["ada", "carla", "jonas", "katerina"] {
            let folder = if owner == "carla" { "Newsletters" } else { "INBOX" }.to_owned();
            out.push(DemoMessage { owner, folder, flags: vec!["\\Seen"], at, bytes: bytes.clone().into_bytes() });
        }
    }
    out
}

/// Small things between the house and its members: bookings, invoices, thanks; some in Archive, Drafts, Junk, Trash.
fn errands(now: DateTime<Utc>) -> Vec<DemoMessage> {
    const ERRANDS: [(&str, &str, &str); 6] = [
        (
            "Your booking of the hall",
            "The hall is yours on Friday from six to ten. Please leave the chairs as you found them.",
            "INBOX",
        ),
        (
            "Invoice 2026-{n}: firewood",
            "Two metres of beech, split and stacked: 180.00 EUR, payable within 14 days.",
            "Archive",
        ),
        (
            "Thank you for the ladder",
            "It is back in your shed, and so is the jar of plum jam that goes with it.",
            "INBOX",
        ),
        ("You have WON!!!", "Claim your prize now by sending us the number of your bank card.", "Junk"),
        ("Old offer: half-price compost", "Only until last Sunday.", "Trash"),
        (
            "Letter to the council (draft)",
            "Dear council,\n\nI should like to propose a second bench by the pond, because",
            "Drafts",
        ),
    ];
    let mut out = Vec::new();
    for (p, person) in PEOPLE.iter().enumerate() {
        for (n, (subject, text, folder)) in ERRANDS.iter().enumerate() {
            let at = now - TimeDelta::hours(31 * (p as i64 + 1) + 97 * n as i64);
            let from = match *folder {
                "Drafts" => mailbox(person.local),
                "Junk" => "Lucky Office <office@prize.invalid>".to_owned(),
                _ => mailbox(PEOPLE[(p + n + 1) % PEOPLE.len()].local),
            };
            let fields = [
                ("Date", at.to_rfc2822()),
                ("From", from),
                ("To", mailbox(person.local)),
                ("Subject", subject.replace("{n}", &format!("{:03}", p * 7 + n))),
                ("Message-ID", format!("<errand-{p}-{n}@{DOMAIN}>")),
            ];
            let flags = match *folder {
                "Drafts" => vec!["\\Draft", "\\Seen"],
                "Junk" => vec!["$Junk"],
                "INBOX" if n == 0 => vec!["\\Flagged"],
                _ => vec!["\\Seen"],
            };
            let bytes = plain(&fields, &format!("{text}\n"));
            out.push(DemoMessage { owner: person.local, folder: (*folder).to_owned(), flags, at, bytes });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::structure::parse;
    use std::collections::HashSet;

    /// What a reader of mail must cope with is there.
    #[test]
    fn every_shape_is_there() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let all: Vec<Vec<u8>> = messages(now).into_iter().map(|m| m.bytes).collect();
        let some = |what: &dyn Fn(&[u8]) -> bool| all.iter().any(|bytes| what(bytes));
        let has = |part: &str| some(&|bytes: &[u8]| String::from_utf8_lossy(bytes).contains(part));
        for part in [
            "charset=\"koi8-r\"",
            "charset=\"iso-2022-jp\"",
            "format=flowed",
            "multipart/related",
            "multipart/signed",
            "multipart/report",
            "message/rfc822",
            "text/calendar",
            "filename*=UTF-8''",
            "filename*0=",
            "List-Id: ",
            "🥕",
            "x-klingon",
            "undisclosed-recipients:;",
        ] {
            assert!(has(part), "{part}");
        }
        assert!(some(&|b| !b.ends_with(b"\r\n")), "one without a last line end");
        assert!(some(&|b| b.split(|c| *c == b'\n').any(|line| line.len() > 5000)), "one very long line");
        assert!(some(&|b| !b[..crate::mime::header::end_of_header(b)].is_ascii()), "a raw header");
        assert!(
            some(&|b| !b.windows(6).any(|w| w == b"\nDate:" || w == b"\ndate:") && !b.starts_with(b"Date:")),
            "no Date"
        );
    }

    #[test]
    fn the_boxes_are_full_and_the_same_each_time() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (first, second) = (messages(now), messages(now));
        assert!(first.len() > 250, "{}", first.len());
        assert!(
            first.iter().zip(&second).all(|(a, b)| a.bytes == b.bytes && a.owner == b.owner && a.folder == b.folder)
        );
        let owners: HashSet<_> = first.iter().map(|m| m.owner).collect();
        assert_eq!(owners.len(), PEOPLE.len());
        for message in &first {
            let text = String::from_utf8_lossy(&message.bytes);
            let bare = text.replace("\r\n", "").contains(['\r', '\n']);
            assert!(!bare && !message.bytes.contains(&0), "{text}");
            assert!(message.at <= now && !message.bytes.is_empty());
            let _ = parse(&message.bytes);
        }
        let folders: HashSet<_> = first.iter().map(|m| m.folder.as_str()).collect();
        for folder in ["INBOX", "Sent", "Archive", "Drafts", "Junk", "Trash", "Lists/Bücher"] {
            assert!(folders.contains(folder), "{folder}");
        }
    }
}

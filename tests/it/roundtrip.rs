//! What goes in comes out: every message of the demo, and real ones where they are at hand, through port 25, LMTP,
//! APPEND and submission, and back through IMAP, octet for octet.

use crate::harness::dial::{Client, dial, tls};
use crate::harness::house::House;
use crate::harness::mails;
use crate::harness::transcript::{play, read_line};
use base64::Engine as _;
use mailstead::front::{imap, smtp};
use mailstead::mime::header::{end_of_header, fields};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

struct Case {
    name: String,
    bytes: Vec<u8>,
}

fn bare_cr(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().any(|(n, b)| *b == b'\r' && bytes.get(n + 1) != Some(&b'\n'))
}

/// The demo's messages, and `../shared/mail` where there is such a folder.
fn cases() -> Vec<Case> {
    let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let mut out: Vec<Case> = mailstead::cli::demo::content::messages(now)
        .into_iter()
        .enumerate()
        .map(|(n, message)| Case { name: format!("demo {n}"), bytes: message.bytes })
        .collect();
    out.dedup_by(|a, b| a.bytes == b.bytes);
    out.extend(mails::real().into_iter().map(|(name, bytes)| Case { name, bytes }));
    out.push(Case { name: "a NUL".into(), bytes: b"Subject: nul\r\n\r\na\0b\r\n".to_vec() });
    out.push(Case { name: "a bare CR".into(), bytes: b"Subject: cr\r\n\r\na\rb\r\n".to_vec() });
    out.push(Case { name: "no last CRLF".into(), bytes: b"Subject: end\r\n\r\nend".to_vec() });
    out.push(Case {
        name: "a long line".into(),
        bytes: [b"Subject: x\r\n\r\n", &[b'y'; 300_000][..], b"\r\n"].concat(),
    });
    out
}

async fn house() -> House {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    house
}

async fn smtp_client(house: &House, kind: smtp::Kind) -> Box<dyn Client> {
    let secure = kind == smtp::Kind::Submission;
    let options = Arc::new(smtp::Options::new(kind, "mx.example.test", Some(tls().server.clone())));
    let services = house.services.clone();
    let mut client = dial(secure, CancellationToken::new(), move |a| smtp::serve(a, options, services)).await;
    assert!(read_line(&mut client).await.starts_with("220 "));
    let hello = if kind == smtp::Kind::Lmtp { "LHLO" } else { "EHLO" };
    say(&mut client, &format!("{hello} client.test"), "250 ").await;
    if secure {
        let plain = base64::engine::general_purpose::STANDARD.encode("\0ann\0correct horse");
        say(&mut client, &format!("AUTH PLAIN {plain}"), "235 ").await;
    }
    client
}

/// Sends a line and reads its reply, all lines of it.
async fn say(client: &mut Box<dyn Client>, line: &str, wanted: &str) {
    client.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
    let mut answer = read_line(client).await;
    while answer.as_bytes().get(3) == Some(&b'-') {
        answer = read_line(client).await;
    }
    assert!(answer.starts_with(wanted), "{line}: {answer}");
}

async fn data(client: &mut Box<dyn Client>, from: &str, bytes: &[u8]) -> String {
    say(client, &format!("MAIL FROM:<{from}> BODY=8BITMIME"), "250 ").await;
    say(client, "RCPT TO:<ann@example.test>", "250 ").await;
    say(client, "DATA", "354 ").await;
    let mut stuffed = Vec::new();
    for (n, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        if line.first() == Some(&b'.') && (n == 0 || stuffed.ends_with(b"\r\n")) {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    if !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed.extend_from_slice(b".\r\n");
    client.write_all(&stuffed).await.unwrap();
    read_line(client).await
}

async fn imap_client(house: &House) -> Box<dyn Client> {
    let options = Arc::new(imap::Options::new("mail.example.test", Some(tls().server.clone())));
    let services = house.services.clone();
    let mut client = dial(true, CancellationToken::new(), move |a| imap::serve(a, options, services)).await;
    play("sign in", "S: * OK <any>\nC: l LOGIN ann \"correct horse\"\nS: l OK <any>", &mut client).await;
    client
}

/// Every message of INBOX, read by one FETCH.
async fn fetch_all(client: &mut Box<dyn Client>) -> Vec<Vec<u8>> {
    client.write_all(b"s SELECT INBOX\r\n").await.unwrap();
    while !read_line(client).await.starts_with("s OK") {}
    client.write_all(b"f UID FETCH 1:* (RFC822.SIZE BODY.PEEK[])\r\n").await.unwrap();
    let mut out = Vec::new();
    loop {
        let line = read_line(client).await;
        if line.starts_with("f ") {
            assert!(line.starts_with("f OK"), "{line}");
            return out;
        }
        let length: usize = line.rsplit_once('{').unwrap().1.trim_end_matches('}').parse().unwrap();
        assert!(line.contains(&format!("RFC822.SIZE {length} ")), "{line}");
        let mut bytes = vec![0; length];
        client.read_exact(&mut bytes).await.unwrap();
        assert_eq!(read_line(client).await, ")");
        out.push(bytes);
    }
}

/// Cuts our trace fields off the front.
fn without_trace<'a>(bytes: &'a [u8], sent: &[u8], name: &str) -> &'a [u8] {
    assert!(bytes.starts_with(b"Return-Path: <") && bytes.len() > sent.len(), "{name}");
    let end = fields(bytes).find(|f| f.is("Received")).map(|f| f.end).unwrap();
    &bytes[end..]
}

fn ended(bytes: &[u8]) -> Vec<u8> {
    if bytes.ends_with(b"\r\n") { bytes.to_vec() } else { [bytes, b"\r\n"].concat() }
}

#[tokio::test]
async fn through_port_25_and_lmtp() {
    for kind in [smtp::Kind::Mx, smtp::Kind::Lmtp] {
        let house = house().await;
        let mut client = smtp_client(&house, kind).await;
        let mut sent = Vec::new();
        for case in cases() {
            let answer = data(&mut client, "stranger@elsewhere.test", &case.bytes).await;
            if case.bytes.contains(&0) {
                assert_eq!(answer, "550 5.6.0 A NUL can't stand in a message", "{}", case.name);
            } else if bare_cr(&case.bytes) {
                assert_eq!(answer, "550 5.6.0 A CR without LF can't stand in a message", "{}", case.name);
            } else {
                assert!(answer.starts_with("250 "), "{}: {answer}", case.name);
                sent.push(case);
            }
        }
        let got = fetch_all(&mut imap_client(&house).await).await;
        assert_eq!(got.len(), sent.len());
        for (case, got) in sent.iter().zip(&got) {
            assert!(without_trace(got, &case.bytes, &case.name) == ended(&case.bytes), "{kind:?} {}", case.name);
        }
    }
}

#[tokio::test]
async fn through_append() {
    let house = house().await;
    let mut client = imap_client(&house).await;
    let mut sent = Vec::new();
    for case in cases() {
        let head = format!("a APPEND INBOX {{{}+}}\r\n", case.bytes.len());
        client.write_all(&[head.as_bytes(), &case.bytes, b"\r\n"].concat()).await.unwrap();
        let answer = read_line(&mut client).await;
        if case.bytes.contains(&0) {
            assert_eq!(answer, "a NO [CANNOT] A NUL can't stand in a message", "{}", case.name);
        } else {
            assert!(answer.starts_with("a OK [APPENDUID "), "{}: {answer}", case.name);
            sent.push(case);
        }
    }
    let got = fetch_all(&mut client).await;
    assert_eq!(got.len(), sent.len());
    for (case, got) in sent.iter().zip(&got) {
        assert!(*got == case.bytes, "{}", case.name);
    }
}

/// The message without the fields that `drop` names, line by line.
fn drop_fields(bytes: &[u8], drop: &[&str]) -> Vec<u8> {
    let end = end_of_header(bytes);
    let mut out = Vec::new();
    let mut dropping = false;
    for line in bytes[..end].split_inclusive(|b| *b == b'\n') {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let name = line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii_end();
            dropping = line.contains(&b':') && drop.iter().any(|d| d.as_bytes().eq_ignore_ascii_case(name));
        }
        if !dropping {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(&bytes[end..]);
    out
}

#[tokio::test]
async fn through_submission() {
    let house = house().await;
    let mut client = smtp_client(&house, smtp::Kind::Submission).await;
    let mut sent = Vec::new();
    for case in cases().into_iter().filter(|case| !case.bytes.contains(&0) && !bare_cr(&case.bytes)) {
        let bytes = [b"From: ann@example.test\r\n", &drop_fields(&case.bytes, &["From"])[..]].concat();
        let answer = data(&mut client, "ann@example.test", &bytes).await;
        assert!(answer.starts_with("250 "), "{}: {answer}", case.name);
        sent.push(Case { bytes, ..case });
    }
    let got = fetch_all(&mut imap_client(&house).await).await;
    assert_eq!(got.len(), sent.len());
    for (case, got) in sent.iter().zip(&got) {
        let mut rest = without_trace(got, b"", &case.name);
        let header = &case.bytes[..end_of_header(&case.bytes)];
        for name in ["Date", "Message-ID"] {
            if !fields(header).any(|f| f.is(name)) {
                let added =
                    fields(rest).next().filter(|f| f.is(name)).unwrap_or_else(|| panic!("{}: {name}", case.name));
                rest = &rest[added.end..];
            }
        }
        assert!(rest == ended(&drop_fields(&case.bytes, &["Bcc", "Resent-Bcc"])), "{}", case.name);
    }
}

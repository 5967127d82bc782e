//! The SMTP doors over a pipe in memory, and over TLS on loopback.

use crate::harness::house::House;
use crate::harness::transcript;
use mailstead::front::smtp::{Kind, Options, serve};
use mailstead::net::listener::Accepted;
use mailstead::net::stream::Stream;
use mailstead::store::message::Columns;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

fn connect(house: &House, kind: Kind) -> (DuplexStream, CancellationToken) {
    let (stream, client) = Stream::memory();
    let shutdown = CancellationToken::new();
    let accepted = Accepted {
        stream,
        peer: "192.0.2.1:4000".parse().unwrap(),
        local: "192.0.2.2:25".parse().unwrap(),
        shutdown: shutdown.clone(),
    };
    let options = Arc::new(Options::new(kind, "mx.example.test", None));
    tokio::spawn(serve(accepted, options, house.services.clone()));
    (client, shutdown)
}

async fn house() -> House {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    house.member("bob", "correct horse").await;
    house
}

/// The newest message of a member's INBOX, prefix and all.
async fn newest(house: &House, local: &str) -> String {
    let store = house.store();
    let account = store.account_find("example.test", local).await.unwrap().unwrap().id;
    let inbox = store.mailbox_find(account, &["INBOX"]).await.unwrap().unwrap();
    let uids = mailstead::model::uidset::UidSet::from_ranges([inbox.uidnext - 1..=u32::MAX]);
    let row = store.message_rows(inbox.id, &uids, Columns::default(), 1).await.unwrap().remove(0);
    let blob = store.blob_bytes(row.blob).await.unwrap();
    assert_eq!(row.size as usize, row.prefix.len() + blob.len());
    String::from_utf8_lossy(&[&row.prefix[..], &blob].concat()).into_owned()
}

#[tokio::test]
async fn every_transcript_plays() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/smtp");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let kind = match name.split('_').next() {
            Some("lmtp") => Kind::Lmtp,
            Some("submission") => Kind::Submission,
            _ => Kind::Mx,
        };
        let house = house().await;
        let (mut client, _) = connect(&house, kind);
        transcript::play(&name, &std::fs::read_to_string(&path).unwrap(), &mut client).await;
        played += 1;
    }
    assert!(played >= 6, "{played}");
}

#[tokio::test]
async fn a_message_from_a_stranger_is_in_the_inbox_with_its_trace() {
    let house = house().await;
    let (mut client, _) = connect(&house, Kind::Mx);
    let talk = "S: 220<any>\nC: EHLO client.test\nS: 250-mx.example.test\nS: 250-SIZE 52428800\nS: 250-PIPELINING\nS: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250-ENHANCEDSTATUSCODES\nS: 250-CHUNKING\nS: 250-BINARYMIME\nS: 250 DSN\nC: MAIL FROM:<stranger@elsewhere.test>\nS: 250 2.1.0 Sender ok\nC: RCPT TO:<Ann+x@example.test>\nS: 250 2.1.5 Recipient ok\nC: DATA\nS: 354 <any>\nC: Subject: hi\nC:\nC: ..dot\nC: .\nS: 250 2.0.0 Message accepted";
    transcript::play("inline", talk, &mut client).await;
    let text = newest(&house, "ann").await;
    let (prefix, body) = text.split_once("Subject:").unwrap();
    assert_eq!(body, " hi\r\n\r\n.dot\r\n");
    assert!(prefix.starts_with("Return-Path: <stranger@elsewhere.test>\r\nDelivered-To: Ann+x@example.test\r\nReceived: from client.test ([192.0.2.1])\r\n\tby mx.example.test (Mailstead) with ESMTP\r\n\tfor <Ann+x@example.test>;\r\n\t"), "{prefix}");
}

#[tokio::test]
async fn a_shutdown_says_goodbye() {
    let house = house().await;
    let (mut client, shutdown) = connect(&house, Kind::Mx);
    assert!(transcript::read_line(&mut client).await.starts_with("220 "));
    shutdown.cancel();
    assert_eq!(transcript::read_line(&mut client).await, "421 4.3.2 Shutting down, try again soon");
    assert_eq!(transcript::read_line(&mut client).await, "<closed>");
}

#[tokio::test]
async fn an_endless_line_costs_no_memory_and_gets_an_answer() {
    let house = house().await;
    let (client, _) = connect(&house, Kind::Mx);
    let (mut read, mut write) = tokio::io::split(client);
    let sender = tokio::spawn(async move {
        for _ in 0..200 {
            write.write_all(&[b'x'; 10_000]).await.unwrap();
        }
        write.write_all(b"\r\nNOOP\r\nQUIT\r\n").await.unwrap();
    });
    let mut out = String::new();
    read.read_to_string(&mut out).await.unwrap();
    sender.await.unwrap();
    let codes: Vec<&str> = out.lines().map(|line| &line[..9]).collect();
    assert_eq!(codes[1..], ["500 5.5.2", "250 2.0.0", "221 2.0.0"]);
}

#[tokio::test]
async fn a_database_that_is_away_is_a_451_and_comes_back() {
    let house = house().await;
    let (mut client, _) = connect(&house, Kind::Mx);
    transcript::play(
        "before",
        "S: 220<any>\nC: HELO x\nS: 250 mx.example.test\nC: MAIL FROM:<>\nS: 250<any>",
        &mut client,
    )
    .await;
    house.database_away().await;
    transcript::play(
        "away",
        "C: RCPT TO:<ann@example.test>\nS: 451 4.3.0 Temporarily unavailable, try again later",
        &mut client,
    )
    .await;
    house.database_back().await;
    // Each connection that was cut costs one more refusal at the most; then the service is back by itself.
    for _ in 0..20 {
        client.write_all(b"RCPT TO:<ann@example.test>\r\n").await.unwrap();
        if transcript::read_line(&mut client).await == "250 2.1.5 Recipient ok" {
            return;
        }
    }
    panic!("the service did not come back");
}

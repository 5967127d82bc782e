//! Files of messages that are being written.

use super::*;

#[tokio::test]
async fn files_are_stored_once_bounded_and_swept() {
    let desk = Desk::new().await;
    let uploads = &desk.services().uploads;
    // Over several chunks, and octets that zstd can do nothing with.
    let large: Vec<u8> = (0..700_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let one = desk.upload(None, "a.png", &large).await;
    let two = desk.upload(None, "../b.png", &large).await;
    let empty = desk.upload(None, "empty", b"").await;
    assert_eq!((one.size, two.name.as_str(), empty.size), (700_000, "b.png", 0));
    assert_eq!(desk.house.store().blob_count().await.unwrap(), (2, 700_000), "the same octets are there once");
    desk.sound().await;
    let draft = desk.draft("bob@example.test", "files").await;
    uploads.bind(&desk.ann, draft, &[one.id]).await.unwrap();
    assert!(matches!(uploads.bind(&desk.ann, draft, &[one.id]).await, Err(Refusal::NotFound)), "it has a draft");
    let bob = sign_in(&desk.house, "bob").await;
    assert!(matches!(uploads.remove(&bob, one.id).await, Err(Refusal::NotFound)));
    assert!(matches!(uploads.bind(&bob, draft, &[]).await, Err(Refusal::NotFound)));
    // What breaks off or is too large leaves nothing.
    let limit = uploads.limit();
    let announced = |size| Announced { draft: Some(draft), name: "x", media_type: "", size };
    let refused = uploads.take(&desk.ann, announced(Some(limit)), &b""[..]).await;
    assert!(matches!(refused, Err(Refusal::TooLarge(told)) if told == limit), "there is one already");
    let endless = tokio::io::repeat(7);
    assert!(matches!(uploads.take(&desk.ann, announced(None), endless).await, Err(Refusal::TooLarge(_))));
    let broken = breaks_off_after(300_000);
    assert!(matches!(uploads.take(&desk.ann, announced(None), broken).await, Err(Refusal::Invalid(_))));
    assert_eq!(
        uploads.list(&desk.ann, Some(draft)).await.unwrap(),
        [mailstead::service::upload::Upload { draft: Some(draft), ..one }]
    );
    desk.house.clock.advance(TimeDelta::hours(25));
    let round = desk.services().housekeeping.round().await.unwrap();
    assert_eq!((round.writing, round.blobs), (2, 1), "those without a draft, and the empty one's octets");
    assert_eq!(uploads.list(&desk.ann, Some(draft)).await.unwrap().len(), 1);
    desk.house.damage("DELETE FROM draft").await;
    desk.services().housekeeping.round().await.unwrap();
    assert_eq!(desk.house.store().blob_count().await.unwrap().0, 0);
}

/// Octets, then an error.
fn breaks_off_after(octets: usize) -> impl tokio::io::AsyncRead + Unpin {
    use tokio::io::AsyncReadExt;
    struct Broken;
    impl tokio::io::AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()))
        }
    }
    tokio::io::repeat(1).take(octets as u64).chain(Broken)
}

#[tokio::test]
async fn a_message_is_passed_on_with_its_files_or_whole() {
    let desk = Desk::new().await;
    let text = "From: bob@x.test\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\nContent-Type: image/png; name=\"a.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n";
    let uid = deliver(&desk.house, "ann", text).await;
    let services = desk.services();
    let inbox = desk.id(&desk.ann, "INBOX").await;
    let message = services.reader.find(&desk.ann, inbox, uid).await.unwrap();
    let forward =
        Beginning { mode: Mode::Forward, source: Some((inbox, uid)), ..beginning("ann@example.test", "Fwd: inner") };
    let draft = services.drafts.create(&desk.ann, &forward).await.unwrap().id;
    let part = services.uploads.take_part(&desk.ann, Some(draft), &message, &[2]).await.unwrap();
    assert_eq!((part.name.as_str(), part.size), ("a.png", 5));
    services.uploads.take_message(&desk.ann, Some(draft), &message, "inner.eml").await.unwrap();
    services.outbox.send(&desk.ann, draft, 1).await.unwrap();
    assert_eq!(desk.work(10).await, 1);
    let lines = desk.lines(&desk.ann, "INBOX").await;
    let raw = desk.text(&desk.ann, lines.iter().find(|line| line.subject == "Fwd: inner").unwrap()).await;
    assert!(raw.contains(text), "as it is, and without what we put in front: {raw}");
    let message = services.reader.find(&desk.ann, inbox, uid).await.unwrap();
    assert!(message.is_forwarded() && !message.is_answered());
    desk.sound().await;
}

#[tokio::test]
async fn names_of_files_deceive_nobody_on_their_way() {
    let desk = Desk::new().await;
    let bob = sign_in(&desk.house, "bob").await;
    let draft = desk.draft("bob@example.test", "names").await;
    let long = format!("{}.pdf", "日本".repeat(200));
    for (n, (name, _)) in names(&long).iter().enumerate() {
        desk.upload(Some(draft), name, &[n as u8]).await;
    }
    let listed = desk.services().uploads.list(&desk.ann, Some(draft)).await.unwrap();
    let expected: Vec<String> = names(&long).into_iter().map(|(_, name)| name).collect();
    assert_eq!(listed.iter().map(|file| file.name.clone()).collect::<Vec<_>>(), expected);
    desk.services().outbox.send(&desk.ann, draft, 1).await.unwrap();
    desk.work(10).await;
    let line = &desk.lines(&bob, "INBOX").await[0];
    let raw = desk.text(&bob, line).await;
    assert!(raw.is_ascii() && raw.lines().all(|line| line.len() <= 998 && !line.starts_with("X-Evil")), "{raw}");
    let view = mailstead::mime::view::View::of(raw.as_bytes());
    assert_eq!(view.attachments.iter().map(|file| file.name.clone()).collect::<Vec<_>>(), expected);
    // What another reader makes of it (RFC 2231).
    let read = mail_parser::MessageParser::new().parse(raw.as_bytes()).unwrap();
    let theirs: Vec<_> =
        read.attachments().map(|part| mail_parser::MimeHeaders::attachment_name(part).unwrap()).collect();
    assert_eq!(theirs, expected);
}

/// Names as browsers may send them, and what becomes of them.
fn names(long: &str) -> Vec<(&str, String)> {
    let cut = format!("{}….pdf", "日本".repeat(200).chars().take(82).collect::<String>());
    vec![
        ("../../etc/passwd", "passwd".into()),
        ("C:\\temp\\a.txt", "a.txt".into()),
        ("in\u{202e}fdp.exe", "infdp.exe".into()),
        ("a\r\nX-Evil: 1", "a X-Evil_ 1".into()),
        ("nul\0l\u{1b}[2J", "nul_l_[2J".into()),
        ("quo\"te;'s %41.txt", "quo_te;'s %41.txt".into()),
        ("Grüße 1.pdf", "Grüße 1.pdf".into()),
        ("...", "file".into()),
        (long, cut),
    ]
}

#[tokio::test]
async fn a_file_that_comes_after_its_message_was_sent_is_refused() {
    let desk = Desk::new().await;
    let draft = desk.draft("bob@example.test", "late").await;
    let (mut browser, house) = tokio::io::duplex(1000);
    let file = Announced { draft: Some(draft), name: "late.png", media_type: "", size: None };
    let sending = async {
        // More than fits in between: the file has begun to come.
        tokio::io::AsyncWriteExt::write_all(&mut browser, &[7; 100_000]).await.unwrap();
        let sent = desk.services().outbox.send(&desk.ann, draft, 1).await.unwrap();
        drop(browser);
        sent
    };
    let (late, sent) = tokio::join!(desk.services().uploads.take(&desk.ann, file, house), sending);
    assert!(matches!(sent, Sending::Held(_)) && matches!(late, Err(Refusal::InUse(_))));
    assert!(desk.services().uploads.list(&desk.ann, Some(draft)).await.unwrap().is_empty());
}

#[tokio::test]
async fn many_files_at_once_have_no_more_room_than_one_after_the_other() {
    let desk = Desk::new().await;
    desk.services().settings.set(&Actor::command_line(), "message.size", "10MiB").await.unwrap();
    let octets = vec![7u8; 7_000_000];
    let files = (0..12).map(|_| {
        let file = Announced { draft: None, name: "x", media_type: "", size: None };
        desk.services().uploads.take(&desk.ann, file, &octets[..])
    });
    let taken = futures_util::future::join_all(files).await;
    let room = taken.iter().filter(|taken| taken.is_ok()).count();
    // Half of each at the same time is too much already: then none of them is taken.
    assert!(room <= 5, "{room} of 7 MB in 40 MiB");
    assert!(taken.iter().flat_map(|taken| taken.as_ref().err()).all(|e| matches!(e, Refusal::Limit(_))));
    assert_eq!(desk.services().uploads.list(&desk.ann, None).await.unwrap().len(), room);
    desk.sound().await;
}

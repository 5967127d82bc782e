//! Drafts: saved, filed, opened again, thrown away.

use super::*;

#[tokio::test]
async fn a_draft_is_saved_filed_and_opened_again() {
    let desk = Desk::new().await;
    let drafts = &desk.services().drafts;
    let id = desk.draft("bob@example.test, half-typ", "one").await;
    assert_eq!(drafts.unfiled(&desk.ann).await.unwrap().len(), 1);
    let text = DraftText {
        subject: "two".into(),
        bcc: "eve@x.test".into(),
        ..beginning("bob@example.test, half-typ", "one").text
    };
    assert_eq!(drafts.save(&desk.ann, id, 1, &text).await.unwrap(), Saved::Kept { revision: 2 });
    assert_eq!(drafts.save(&desk.ann, id, 1, &text).await.unwrap(), Saved::Kept { revision: 2 }, "said once more");
    desk.upload(Some(id), "a.png", b"octets").await;
    let (mailbox, uid) = drafts.close(&desk.ann, id).await.unwrap().unwrap();
    assert_eq!(drafts.close(&desk.ann, id).await.unwrap(), Some((mailbox, uid)), "there is nothing new");
    assert!(drafts.unfiled(&desk.ann).await.unwrap().is_empty());
    let lines = desk.lines(&desk.ann, "Drafts").await;
    assert_eq!(lines[0].flags, SystemFlags::DRAFT | SystemFlags::SEEN);
    assert!(desk.text(&desk.ann, &lines[0]).await.contains("Bcc: "));
    // Our own text is found again as it was typed.
    let again = drafts.open_message(&desk.ann, mailbox, uid, |_| true).await.unwrap();
    assert_eq!((again.id, &again.text, again.files.len()), (id, &text, 1));
    // Another window: both texts are kept.
    drafts.save(&desk.ann, id, 2, &DraftText { subject: "three".into(), ..text.clone() }).await.unwrap();
    let Saved::Conflict { theirs, yours, .. } =
        drafts.save(&desk.ann, id, 2, &DraftText { subject: "other".into(), ..text.clone() }).await.unwrap()
    else {
        panic!("no conflict")
    };
    assert_eq!((theirs, drafts.get(&desk.ann, yours).await.unwrap().files.len()), (id, 1));
    drafts.close(&desk.ann, id).await.unwrap();
    drafts.close(&desk.ann, yours).await.unwrap();
    assert_eq!(desk.subjects(&desk.ann, "Drafts").await.len(), 2, "the new copy is in place of the old one");
    // Removed by another client: the row stays for whoever is writing, for a day.
    let chosen = Selection::all(mailbox, 100);
    desk.services().acts.delete(&desk.ann, &[chosen]).await.unwrap();
    assert!(drafts.close(&desk.ann, id).await.unwrap().is_some());
    desk.house.clock.advance(TimeDelta::hours(25));
    desk.services().housekeeping.round().await.unwrap();
    assert!(
        drafts.get(&desk.ann, id).await.is_ok() && matches!(drafts.get(&desk.ann, yours).await, Err(Refusal::NotFound))
    );
    let empty = drafts.create(&desk.ann, &Beginning::default()).await.unwrap().id;
    assert_eq!(drafts.close(&desk.ann, empty).await.unwrap(), None);
    let bob = sign_in(&desk.house, "bob").await;
    assert!(matches!(drafts.get(&bob, id).await, Err(Refusal::NotFound)));
    assert!(matches!(drafts.save(&bob, id, 3, &text).await, Err(Refusal::NotFound)));
    desk.sound().await;
}

#[tokio::test]
async fn a_draft_of_another_client_is_opened_with_its_files() {
    let desk = Desk::new().await;
    let text = "From: Ann <ann@example.test>\r\nTo: \"Doe, J\" <j@x.test>\r\nBcc: eve@x.test\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nIn-Reply-To: <0@x>\r\nReferences: <00@x> <0@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\nContent-Type: image/png; name=\"a.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n";
    let uid = desk.foreign(text).await;
    let inbox = desk.id(&desk.ann, "INBOX").await;
    let drafts = &desk.services().drafts;
    let draft = drafts.open_message(&desk.ann, inbox, uid, |_| true).await.unwrap();
    assert_eq!((draft.text.to.as_str(), draft.text.bcc.as_str()), ("\"Doe, J\" <j@x.test>", "eve@x.test"));
    assert_eq!((draft.text.subject.as_str(), draft.text.body.trim()), ("Grüße", "Hello"));
    assert_eq!((draft.files[0].name.as_str(), draft.files[0].size), ("a.png", 5));
    assert_eq!(drafts.open_message(&desk.ann, inbox, uid, |_| true).await.unwrap().id, draft.id);
    // Filed once more, its copy takes the place of the message.
    drafts.save(&desk.ann, draft.id, 1, &DraftText { subject: "new".into(), ..draft.text.clone() }).await.unwrap();
    drafts.close(&desk.ann, draft.id).await.unwrap();
    assert!(desk.lines(&desk.ann, "INBOX").await.is_empty());
    let raw = desk.text(&desk.ann, &desk.lines(&desk.ann, "Drafts").await[0]).await;
    assert!(raw.contains("In-Reply-To: <0@x>") && raw.contains("aGVsbG8="), "{raw}");
}

#[tokio::test]
async fn a_discarded_draft_comes_back_for_a_day() {
    let desk = Desk::new().await;
    let drafts = &desk.services().drafts;
    let id = desk.draft("bob@example.test", "thought").await;
    desk.upload(Some(id), "a.png", b"octets").await;
    drafts.close(&desk.ann, id).await.unwrap();
    drafts.discard(&desk.ann, id).await.unwrap();
    assert!(matches!(drafts.get(&desk.ann, id).await, Err(Refusal::NotFound)));
    assert!(desk.lines(&desk.ann, "Drafts").await.is_empty());
    drafts.undo_discard(&desk.ann, id).await.unwrap();
    assert_eq!(desk.subjects(&desk.ann, "Drafts").await, ["thought"]);
    assert_eq!(drafts.get(&desk.ann, id).await.unwrap().files.len(), 1);
    drafts.discard(&desk.ann, id).await.unwrap();
    desk.house.clock.advance(TimeDelta::hours(25));
    assert_eq!(desk.services().housekeeping.round().await.unwrap().writing, 2, "the draft and its file");
    assert!(matches!(drafts.undo_discard(&desk.ann, id).await, Err(Refusal::NotFound)));
}

/// A message with a text part, encoded so.
fn part(kind: &str, encoding: &str, body: &str) -> String {
    let head = "From: Ann <ann@example.test>\r\nTo: \"Doe, J\" <j@x.test>\r\nBcc: eve@x.test\r\nSubject: Plan";
    format!("{head}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_draft_of_any_program_gives_its_text_back() {
    let desk = Desk::new().await;
    let drafts = &desk.services().drafts;
    let inbox = desk.id(&desk.ann, "INBOX").await;
    let long = "word ".repeat(40);
    for (raw, text) in [
        (
            part("text/plain", "7bit", "One\r\n\r\n>> two\r\n  three\r\n-- \r\nAnn\r\n"),
            "One\n\n>> two\n  three\n-- \nAnn".to_owned(),
        ),
        (
            part(
                "text/plain; format=flowed",
                "7bit",
                "So \r\nit goes\r\n> quoted \r\n> on\r\n From here\r\n-- \r\nAnn\r\n",
            ),
            "So it goes\n> quoted on\nFrom here\n-- \nAnn".into(),
        ),
        (part("text/plain; charset=utf-8; format=flowed; delsp=yes", "8bit", "日本 \r\n語\r\n"), "日本語".into()),
        (part("text/plain; charset=iso-8859-1", "quoted-printable", "Gr=FC=DFe, =\r\nAnn\r\n"), "Grüße, Ann".into()),
        (part("text/plain; charset=utf-8", "base64", "R3LDvMOfZQ0KQW5u"), "Grüße\nAnn".into()),
        (part("text/plain", "7bit", &long), long.trim_end().to_owned()),
        (part("text/html", "7bit", "<p>Hello <b>Bob</b></p><p>Ann</p>"), "Hello Bob\n\nAnn".into()),
    ] {
        let uid = desk.foreign(&raw).await;
        let draft = drafts.open_message(&desk.ann, inbox, uid, |_| true).await.unwrap();
        assert_eq!(draft.text.body.trim_end(), text, "{raw}");
        // Kept here it goes out flowed, and comes back as it was.
        drafts.save(&desk.ann, draft.id, 1, &draft.text).await.unwrap();
        let (mailbox, uid) = drafts.close(&desk.ann, draft.id).await.unwrap().unwrap();
        let line = desk.lines(&desk.ann, "Drafts").await.into_iter().find(|line| line.uid == uid).unwrap();
        let written = desk.text(&desk.ann, &line).await;
        assert!(written.contains("format=\"flowed\"") && written.contains("Bcc: <eve@x.test>"), "{written}");
        let again = drafts.look(&desk.ann, mailbox, uid).await.unwrap().beginning.text;
        assert_eq!(again, DraftText { body: text, ..draft.text }, "{written}");
    }
    assert!(desk.lines(&desk.ann, "INBOX").await.is_empty(), "each is in place of what it was");
    desk.sound().await;
}

const RICH: &str = "From: ann@example.test\r\nTo: bob@example.test\r\nReply-To: eve@x.test\r\nSubject: Rich\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<b>Look:</b> <img src=\"cid:1@x\">\r\n--r\r\nContent-Type: image/png; name=p.png\r\nContent-ID: <1@x>\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--r--\r\n--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhi\r\n--m--\r\n";

#[tokio::test]
async fn a_rich_draft_opens_in_words_and_keeps_its_pictures() {
    let desk = Desk::new().await;
    let drafts = &desk.services().drafts;
    let inbox = desk.id(&desk.ann, "INBOX").await;
    let uid = desk.foreign(RICH).await;
    let read = drafts.look(&desk.ann, inbox, uid).await.unwrap();
    assert_eq!((read.lost.formatting, read.lost.reply_to, read.beginning.text.body.trim()), (true, true, "Look:"));
    assert_eq!(read.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["1.2", "2"]);
    // Two windows at once are one draft.
    let (one, two) = tokio::join!(
        drafts.open_message(&desk.ann, inbox, uid, |_| true),
        drafts.open_message(&desk.ann, inbox, uid, |_| true)
    );
    let (draft, other) = (one.unwrap(), two.unwrap());
    assert_eq!(draft.id, other.id);
    let names = |files: &[mailstead::service::upload::Upload]| {
        files.iter().map(|file| format!("{} {}", file.name, file.media_type)).collect::<Vec<_>>()
    };
    let draft = drafts.get(&desk.ann, draft.id).await.unwrap();
    assert_eq!(names(&draft.files), ["p.png image/png", "message.eml message/rfc822"]);
    drafts.save(&desk.ann, draft.id, 1, &draft.text).await.unwrap();
    drafts.close(&desk.ann, draft.id).await.unwrap();
    let raw = desk.text(&desk.ann, &desk.lines(&desk.ann, "Drafts").await[0]).await;
    assert!(raw.contains("aGVsbG8=") && raw.contains("\r\nSubject: inner\r\n\r\nhi"), "{raw}");
    // Without some of its files it is another message.
    let uid = desk.foreign(RICH).await;
    let draft = drafts.open_message(&desk.ann, inbox, uid, |section| section == "2").await.unwrap();
    assert_eq!(names(&draft.files), ["message.eml message/rfc822"]);
    let (_, filed) = drafts.close(&desk.ann, draft.id).await.unwrap().unwrap();
    let lines = desk.lines(&desk.ann, "Drafts").await;
    let raw = desk.text(&desk.ann, lines.iter().find(|line| line.uid == filed).unwrap()).await;
    assert!(!raw.contains("p.png") && raw.contains("Subject: inner"), "{raw}");
}

#[tokio::test]
async fn a_text_that_is_too_long_is_not_opened_and_cut() {
    let desk = Desk::new().await;
    let inbox = desk.id(&desk.ann, "INBOX").await;
    let long = part("text/plain", "7bit", &"word\r\n".repeat(220_000));
    let uid = desk.foreign(&long).await;
    let drafts = &desk.services().drafts;
    assert!(matches!(drafts.look(&desk.ann, inbox, uid).await, Err(Refusal::Limit(_))));
    assert!(matches!(drafts.open_message(&desk.ann, inbox, uid, |_| true).await, Err(Refusal::Limit(_))));
    assert_eq!(desk.lines(&desk.ann, "INBOX").await.len(), 1);
    assert!(drafts.unfiled(&desk.ann).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_conflict_that_is_told_twice_makes_one_draft() {
    let desk = Desk::new().await;
    let drafts = &desk.services().drafts;
    let id = desk.draft("bob@example.test", "one").await;
    let text = |subject: &str| beginning("bob@example.test", subject).text;
    drafts.save(&desk.ann, id, 1, &text("two")).await.unwrap();
    let first = drafts.save(&desk.ann, id, 1, &text("mine")).await.unwrap();
    assert!(matches!(first, Saved::Conflict { .. }));
    assert_eq!(drafts.save(&desk.ann, id, 1, &text("mine")).await.unwrap(), first);
    let Saved::Conflict { yours, .. } = drafts.save(&desk.ann, id, 1, &text("a third")).await.unwrap() else {
        panic!("no conflict")
    };
    assert_eq!(drafts.unfiled(&desk.ann).await.unwrap().len(), 3);
    assert_eq!(drafts.get(&desk.ann, yours).await.unwrap().text.subject, "a third");
}

#[tokio::test]
async fn what_is_discarded_comes_back_where_the_mailbox_is_full() {
    let desk = Desk::new().await;
    let drafts = &desk.services().drafts;
    let id = desk.draft("bob@example.test", "full").await;
    drafts.discard(&desk.ann, id).await.unwrap();
    assert_eq!(drafts.past(&desk.ann, id).await.unwrap().unwrap().fate, Some(Fate::Discarded));
    let address = Address::parse("ann@example.test").unwrap();
    desk.services().accounts.set_quota(&Actor::command_line(), &address, Some(10)).await.unwrap();
    drafts.undo_discard(&desk.ann, id).await.unwrap();
    assert_eq!(drafts.unfiled(&desk.ann).await.unwrap()[0].subject, "full");
    assert!(drafts.past(&desk.ann, id).await.unwrap().is_none());
    assert!(matches!(drafts.close(&desk.ann, id).await, Err(Refusal::OverQuota)), "and its text is kept");
    assert_eq!(drafts.get(&desk.ann, id).await.unwrap().text.subject, "full");
}

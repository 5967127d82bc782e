//! Sending, and taking it back.

use super::*;

#[tokio::test]
async fn what_is_sent_waits_can_be_undone_and_then_goes_to_all_its_ends() {
    let desk = Desk::new().await;
    let bob = sign_in(&desk.house, "bob").await;
    let uid =
        deliver(&desk.house, "ann", "Message-ID: <q@x>\r\nFrom: bob@example.test\r\nSubject: question\r\n\r\n?\r\n")
            .await;
    let inbox = desk.id(&desk.ann, "INBOX").await;
    let services = desk.services();
    let reply = Beginning {
        mode: Mode::Reply,
        source: Some((inbox, uid)),
        in_reply_to: Some("q@x".into()),
        references: vec!["q@x".into()],
        form: None,
        text: DraftText { bcc: "far@elsewhere.test".into(), ..beginning("Bob <bob@example.test>", "answer").text },
    };
    let draft = services.drafts.create(&desk.ann, &reply).await.unwrap().id;
    desk.upload(Some(draft), "a.png", b"octets").await;
    services.drafts.close(&desk.ann, draft).await.unwrap();
    let first = held(services.outbox.send(&desk.ann, draft, 1).await.unwrap());
    assert_eq!(first.until - desk.house.clock.now(), TimeDelta::seconds(10));
    assert_eq!(held(services.outbox.send(&desk.ann, draft, 1).await.unwrap()), first, "twice is once");
    assert!(matches!(services.drafts.save(&desk.ann, draft, 1, &reply.text).await, Err(Refusal::InUse(_))));
    assert_eq!(desk.work(5).await, 0);
    assert!(matches!(services.outbox.undo(&bob, first.id).await, Err(Refusal::NotFound)));
    assert_eq!(services.outbox.undo(&desk.ann, first.id).await.unwrap(), draft);
    assert_eq!(desk.work(60).await, 0);
    assert!(desk.lines(&bob, "INBOX").await.is_empty());
    let second = held(services.outbox.send(&desk.ann, draft, 1).await.unwrap());
    assert_eq!(desk.work(10).await, 1);
    assert!(matches!(services.outbox.undo(&desk.ann, second.id).await, Err(Refusal::NotFound)), "it is sent");
    assert!(matches!(services.outbox.send(&desk.ann, draft, 1).await, Err(Refusal::NotFound)), "and not once more");
    // Bob, elsewhere, Sent; the question is answered, the draft is gone.
    let got = desk.lines(&bob, "INBOX").await;
    let raw = desk.text(&bob, &got[0]).await;
    assert!(raw.contains("Received: from web by mail.example.test (Mailstead) with HTTPS;\r\n\t"), "{raw}");
    assert!(!raw.contains("Bcc") && !raw.contains("192.0.2.1") && raw.contains("In-Reply-To: <q@x>"), "{raw}");
    let queued = services.queue.list(None).await.unwrap();
    assert_eq!(queued.iter().map(|row| row.address.as_str()).collect::<Vec<_>>(), ["far@elsewhere.test"]);
    let sent = desk.lines(&desk.ann, "Sent").await;
    assert_eq!((sent.len(), sent[0].flags, sent[0].in_thread), (1, SystemFlags::SEEN, 2));
    assert_eq!(desk.lines(&desk.ann, "INBOX").await[0].flags, SystemFlags::ANSWERED);
    assert!(desk.lines(&desk.ann, "Drafts").await.is_empty());
    for (who, line) in [(&bob, &got[0]), (&desk.ann, &sent[0])] {
        let message = services.reader.find(who, line.mailbox, line.uid).await.unwrap();
        let origin = services.reader.origin(&message, &services.reader.whole(&message).await.unwrap()).await.unwrap();
        assert_eq!(origin, Origin::SentFromHere { name: "ann".into(), address: desk.ann.address().clone() });
    }
    desk.house.clock.advance(TimeDelta::hours(25));
    services.housekeeping.round().await.unwrap();
    // The question, what was sent, and nothing of the files and drafts.
    assert_eq!(desk.house.store().blob_count().await.unwrap().0, 2);
    desk.sound().await;
}

#[tokio::test]
async fn everything_is_checked_before_it_is_held() {
    let desk = Desk::new().await;
    let outbox = &desk.services().outbox;
    let draft = desk.draft("bob@example.test, nobody@example.test; broken, Bob <bob@example.test>", "x").await;
    let refused = |typed: &str, fault| RefusedRecipient { typed: typed.into(), fault };
    let expected =
        vec![refused("nobody@example.test", RecipientFault::Unknown), refused("broken", RecipientFault::Unreadable)];
    assert_eq!(outbox.send(&desk.ann, draft, 1).await.unwrap(), Sending::Refused(expected));
    let nobody = desk.draft(" , ", "x").await;
    assert!(matches!(outbox.send(&desk.ann, nobody, 1).await, Err(Refusal::Invalid(_))));
    let mut foreign = beginning("bob@example.test", "x");
    for (sender, expected) in [("bob@example.test", true), ("ann+lists@example.test", false)] {
        foreign.text.sender = sender.into();
        let id = desk.services().drafts.create(&desk.ann, &foreign).await.unwrap().id;
        let denied = matches!(outbox.send(&desk.ann, id, 1).await, Err(Refusal::Denied));
        assert_eq!(denied, expected, "{sender}");
    }
    let draft = desk.draft("bob@example.test", "x").await;
    desk.services()
        .drafts
        .save(&desk.ann, draft, 1, &DraftText { subject: "y".into(), ..beginning("bob@example.test", "x").text })
        .await
        .unwrap();
    assert_eq!(outbox.send(&desk.ann, draft, 1).await.unwrap(), Sending::Changed);
    let bob = sign_in(&desk.house, "bob").await;
    assert!(matches!(outbox.send(&bob, draft, 2).await, Err(Refusal::NotFound)));
    let address = Address::parse("ann@example.test").unwrap();
    desk.services().accounts.set_quota(&Actor::command_line(), &address, Some(10)).await.unwrap();
    assert!(matches!(outbox.send(&desk.ann, draft, 2).await, Err(Refusal::OverQuota)));
}

/// Several processes find the same mail due at once: one sends it.
#[tokio::test]
async fn workers_at_once_send_once_and_what_one_left_behind_is_sent_by_another() {
    let desk = Desk::new().await;
    let bob = sign_in(&desk.house, "bob").await;
    let other = desk.house.second_process().await;
    for n in 0..6 {
        desk.send("bob@example.test", &n.to_string()).await;
    }
    desk.house.clock.advance(TimeDelta::seconds(10));
    let (one, two) = tokio::join!(desk.services().outbox.round(), other.outbox.round());
    assert_eq!(one.unwrap() + two.unwrap(), 6);
    assert_eq!((desk.lines(&bob, "INBOX").await.len(), desk.lines(&desk.ann, "Sent").await.len()), (6, 6));
    // A worker that died with a lease: its mail waits for the lease, not for ever.
    desk.send("bob@example.test", "left").await;
    desk.house.clock.advance(TimeDelta::seconds(10));
    let now = desk.house.clock.now();
    assert_eq!(desk.house.store().outbox_claim(now, TimeDelta::minutes(1), 10).await.unwrap().len(), 1);
    assert_eq!(desk.work(30).await, 0);
    assert_eq!(desk.work(31).await, 1);
    assert_eq!(desk.lines(&bob, "INBOX").await.len(), 7);
    // Without leases both take the same mail: who removes the row sends it, the other's work is undone.
    desk.house.damage("CREATE FUNCTION free() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.leased_until := NULL; RETURN NEW; END'; CREATE TRIGGER free BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION free()").await;
    for n in 0..5 {
        desk.send("bob@example.test", &format!("raced {n}")).await;
    }
    desk.house.clock.advance(TimeDelta::seconds(10));
    let rounds = [desk.services(), &other, desk.services(), &other].map(|services| services.outbox.round());
    let taken: usize = futures_util::future::join_all(rounds).await.into_iter().map(|round| round.unwrap()).sum();
    assert!(taken > 5, "some mail was taken twice");
    assert_eq!((desk.lines(&bob, "INBOX").await.len(), desk.lines(&desk.ann, "Sent").await.len()), (12, 12));
    desk.sound().await;
}

#[tokio::test]
async fn a_transaction_that_fails_leaves_the_mail_waiting_whole() {
    let desk = Desk::new().await;
    let bob = sign_in(&desk.house, "bob").await;
    desk.send("bob@example.test, far@elsewhere.test", "held").await;
    // The last thing the transaction does fails.
    desk.house.damage("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'; CREATE TRIGGER no BEFORE UPDATE ON draft FOR EACH ROW EXECUTE FUNCTION no()").await;
    assert_eq!(desk.work(10).await, 1);
    assert!(desk.lines(&bob, "INBOX").await.is_empty() && desk.lines(&desk.ann, "Sent").await.is_empty());
    assert!(desk.services().queue.list(None).await.unwrap().is_empty());
    desk.house.damage("DROP TRIGGER no ON draft").await;
    assert_eq!(desk.work(61).await, 1);
    assert_eq!((desk.lines(&bob, "INBOX").await.len(), desk.lines(&desk.ann, "Sent").await.len()), (1, 1));
    assert_eq!(desk.services().queue.list(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_recipient_who_went_away_meanwhile_is_reported_and_the_others_get_theirs() {
    let desk = Desk::new().await;
    desk.house.member("eve", "correct horse").await;
    let bob = sign_in(&desk.house, "bob").await;
    desk.send("bob@example.test, eve@example.test", "news").await;
    desk.house.damage("UPDATE account SET status = 1 WHERE local = 'eve'").await;
    // A folder that is gone is made again for the copy.
    let path = mailstead::model::mailbox::MailboxPath::parse("Sent").unwrap();
    desk.services().mailboxes.delete(&desk.ann, &path).await.unwrap();
    assert_eq!(desk.work(10).await, 1);
    assert_eq!(desk.subjects(&bob, "INBOX").await, ["news"]);
    assert_eq!(desk.subjects(&desk.ann, "Sent").await, ["news"]);
    let report = &desk.lines(&desk.ann, "INBOX").await[0];
    let raw = desk.text(&desk.ann, report).await;
    assert!(raw.contains("Final-Recipient: rfc822; eve@example.test\r\nAction: failed\r\nStatus: 5.2.1"), "{raw}");
    // Mail of somebody who is suspended waits as they do.
    desk.send("bob@example.test", "later").await;
    desk.house.damage("UPDATE account SET status = 1 WHERE local = 'ann'").await;
    assert_eq!(desk.work(100).await, 0);
    desk.house.damage("UPDATE account SET status = 0 WHERE local = 'ann'").await;
    assert_eq!(desk.work(0).await, 1);
}

#[tokio::test]
async fn the_worker_wakes_when_mail_is_due() {
    let desk = Desk::new().await;
    let bob = sign_in(&desk.house, "bob").await;
    desk.services().settings.set(&Actor::command_line(), "send.undo", "0").await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let (services, stopped) = (desk.services().clone(), stop.clone());
    let running = tokio::spawn(async move { services.outbox.run(services.events(), stopped).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    desk.send("bob@example.test", "at once").await;
    for _ in 0..100 {
        if !desk.lines(&bob, "INBOX").await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(desk.subjects(&bob, "INBOX").await, ["at once"]);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_draft_that_was_sent_is_known_for_a_day_and_sent_no_more() {
    let desk = Desk::new().await;
    let bob = sign_in(&desk.house, "bob").await;
    let Services { drafts, outbox, .. } = desk.services();
    let form = Beginning { form: Some("a form".into()), ..beginning("bob@example.test", "once") };
    let id = drafts.create(&desk.ann, &form).await.unwrap().id;
    outbox.send(&desk.ann, id, 1).await.unwrap();
    assert!(drafts.past(&desk.ann, id).await.unwrap().is_none(), "it can be taken back");
    assert_eq!(desk.work(10).await, 1);
    let past = drafts.past(&desk.ann, id).await.unwrap().unwrap();
    assert_eq!((past.fate, past.text.subject.as_str()), (Some(Fate::Sent), "once"));
    assert!(drafts.past(&bob, id).await.unwrap().is_none());
    // The page that began it, sent once more.
    let again = drafts.create(&desk.ann, &form).await.unwrap();
    assert_eq!((again.id, again.fate), (id, Some(Fate::Sent)));
    assert!(matches!(outbox.send(&desk.ann, id, 1).await, Err(Refusal::NotFound)));
    assert!(matches!(drafts.save(&desk.ann, id, 1, &form.text).await, Err(Refusal::NotFound)));
    assert!(matches!(drafts.undo_discard(&desk.ann, id).await, Err(Refusal::NotFound)));
    assert!(matches!(drafts.discard(&desk.ann, id).await, Err(Refusal::NotFound)));
    let file = Announced { draft: Some(id), name: "late", media_type: "", size: None };
    assert!(matches!(desk.services().uploads.take(&desk.ann, file, &b"x"[..]).await, Err(Refusal::NotFound)));
    assert_eq!(desk.work(60).await, 0);
    assert_eq!(desk.lines(&bob, "INBOX").await.len(), 1);
    desk.house.clock.advance(TimeDelta::hours(25));
    desk.services().housekeeping.round().await.unwrap();
    assert!(drafts.past(&desk.ann, id).await.unwrap().is_none());
    desk.sound().await;
}

#[tokio::test]
async fn what_was_answered_is_marked_where_it_was_put_meanwhile() {
    let desk = Desk::new().await;
    let services = desk.services();
    let question = "Message-ID: <q@x>\r\nFrom: bob@example.test\r\nSubject: question\r\n\r\n?\r\n";
    let inbox = desk.id(&desk.ann, "INBOX").await;
    for (mode, in_reply_to) in [(Mode::Reply, Some("q@x".to_owned())), (Mode::Forward, None)] {
        let uid = deliver(&desk.house, "ann", question).await;
        let (source, references) = (Some((inbox, uid)), vec!["q@x".to_owned()]);
        let answer = Beginning { mode, source, in_reply_to, references, ..beginning("bob@example.test", "answer") };
        let draft = services.drafts.create(&desk.ann, &answer).await.unwrap().id;
        services.outbox.send(&desk.ann, draft, 1).await.unwrap();
        let chosen = Selection::all(inbox, uid + 1);
        services.acts.delete(&desk.ann, &[chosen]).await.unwrap();
        assert_eq!(desk.work(10).await, 1);
        let put = &desk.lines(&desk.ann, "Trash").await[0];
        let message = services.reader.find(&desk.ann, put.mailbox, put.uid).await.unwrap();
        assert_eq!((message.is_answered(), message.is_forwarded()), (mode == Mode::Reply, mode == Mode::Forward));
    }
}

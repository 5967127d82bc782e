//! Mail as the browser writes it: files, drafts, sending with undo.

use crate::harness::house::{House, deliver};
use chrono::TimeDelta;
use mailstead::model::address::Address;
use mailstead::model::flags::SystemFlags;
use mailstead::model::ids::{DraftId, MailboxId};
use mailstead::model::secret::Secret;
use mailstead::service::account::Actor;
use mailstead::service::act::Selection;
use mailstead::service::draft::{Beginning, DraftText, Mode, Saved};
use mailstead::service::list::{Begin, Line};
use mailstead::service::login::{Identity, Origin as Door, Protocol};
use mailstead::service::outbox::{Held, RecipientFault, RefusedRecipient, Sending};
use mailstead::service::reader::Origin;
use mailstead::service::upload::Announced;
use mailstead::service::{Refusal, Services};
use std::time::Duration;

struct Desk {
    house: House,
    ann: Identity,
}

impl Desk {
    async fn new() -> Self {
        let house = House::new().await;
        for name in ["ann", "bob"] {
            house.member(name, "correct horse").await;
        }
        let ann = sign_in(&house, "ann").await;
        Self { house, ann }
    }

    fn services(&self) -> &Services {
        &self.house.services
    }

    async fn draft(&self, to: &str, subject: &str) -> DraftId {
        self.services().drafts.create(&self.ann, &beginning(to, subject)).await.unwrap().id
    }

    async fn send(&self, to: &str, subject: &str) -> Held {
        let draft = self.draft(to, subject).await;
        held(self.services().outbox.send(&self.ann, draft, 1).await.unwrap())
    }

    /// Lines of a folder of somebody, newest first.
    async fn lines(&self, who: &Identity, folder: &str) -> Vec<Line> {
        let id = self.id(who, folder).await;
        self.services().lists.page(who, id, Begin::Newest, 100).await.unwrap().lines
    }

    async fn subjects(&self, who: &Identity, folder: &str) -> Vec<String> {
        self.lines(who, folder).await.into_iter().map(|line| line.subject).collect()
    }

    async fn id(&self, who: &Identity, folder: &str) -> MailboxId {
        let list = self.services().lists.folders(who).await.unwrap();
        list.into_iter().find(|f| f.path.to_string() == folder).unwrap().id
    }

    async fn text(&self, who: &Identity, line: &Line) -> String {
        let message = self.services().reader.find(who, line.mailbox, line.uid).await.unwrap();
        String::from_utf8_lossy(self.services().reader.whole(&message).await.unwrap().bytes()).into_owned()
    }

    async fn work(&self, seconds: i64) -> usize {
        self.house.clock.advance(TimeDelta::seconds(seconds));
        self.services().outbox.round().await.unwrap()
    }

    async fn upload(&self, draft: Option<DraftId>, name: &str, octets: &[u8]) -> mailstead::service::upload::Upload {
        let file = Announced { draft, name, media_type: "image/png", size: Some(octets.len() as u64) };
        self.services().uploads.take(&self.ann, file, octets).await.unwrap()
    }

    async fn sound(&self) {
        let report = self.services().fsck.check(false, |_, _| ()).await.unwrap();
        assert_eq!(report.findings, []);
    }
}

async fn sign_in(house: &House, name: &str) -> Identity {
    let door = Door { peer: [192, 0, 2, 1].into(), protocol: Protocol::Web, domain_hint: None };
    house.services.login.password(&door, "", name, &Secret::new("correct horse".into())).await.unwrap()
}

fn beginning(to: &str, subject: &str) -> Beginning {
    let text = DraftText {
        sender: "ann@example.test".into(),
        to: to.into(),
        subject: subject.into(),
        body: format!("Hello,\nthis is {subject}\n"),
        ..DraftText::default()
    };
    Beginning { text, ..Beginning::default() }
}

fn held(sending: Sending) -> Held {
    match sending {
        Sending::Held(held) => held,
        other => panic!("{other:?}"),
    }
}

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
    let again = drafts.open_message(&desk.ann, mailbox, uid).await.unwrap();
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
    let uid = deliver(&desk.house, "ann", text).await;
    let inbox = desk.id(&desk.ann, "INBOX").await;
    let drafts = &desk.services().drafts;
    let draft = drafts.open_message(&desk.ann, inbox, uid).await.unwrap();
    assert_eq!((draft.text.to.as_str(), draft.text.bcc.as_str()), ("\"Doe, J\" <j@x.test>", "eve@x.test"));
    assert_eq!((draft.text.subject.as_str(), draft.text.body.trim()), ("Grüße", "Hello"));
    assert_eq!((draft.files[0].name.as_str(), draft.files[0].size), ("a.png", 5));
    assert_eq!(drafts.open_message(&desk.ann, inbox, uid).await.unwrap().id, draft.id);
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
    desk.house.damage("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'; CREATE TRIGGER no BEFORE DELETE ON draft FOR EACH ROW EXECUTE FUNCTION no()").await;
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

//! Mailboxes and views through the service, against a real PostgreSQL.

use crate::harness::house::House;
use mailstead::model::address::Address;
use mailstead::model::dsn::{BodyKind, DsnRequest};
use mailstead::model::flags::{FlagChange, Flags, Keyword, SystemFlags};
use mailstead::model::mailbox::{MailboxPath, SpecialUse};
use mailstead::model::secret::Secret;
use mailstead::model::uidset::UidSet;
use mailstead::service::Refusal;
use mailstead::service::account::Actor;
use mailstead::service::delivery::{Answers, Incoming};
use mailstead::service::directory::Resolved;
use mailstead::service::login::{Identity, Origin, Protocol};
use mailstead::service::mailbox::OpenMode;
use mailstead::service::message::{Append, Want};
use mailstead::service::snapshot::{Take, Update, View};

fn path(raw: &str) -> MailboxPath {
    MailboxPath::parse(raw).unwrap()
}

async fn ann() -> (House, Identity) {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    let origin = Origin { peer: [192, 0, 2, 1].into(), protocol: Protocol::Imap, domain_hint: None };
    let who = house.services.login.password(&origin, "", "ann", &Secret::new("correct horse".into())).await.unwrap();
    (house, who)
}

async fn deliver(house: &House, text: &str) {
    let services = &house.services;
    let Resolved::Deliver(recipient) =
        services.directory.resolve(&Address::parse("ann@example.test").unwrap()).await.unwrap()
    else {
        panic!()
    };
    let mut spool = services.spool.begin(0).await.unwrap();
    spool.push(text.as_bytes()).await.unwrap();
    let incoming = Incoming {
        sender: None,
        recipients: vec![(recipient, DsnRequest::default())],
        message: spool.finish(),
        received: String::new(),
        ret: None,
        envid: None,
        smtputf8: false,
        body: BodyKind::SevenBit,
        answers: Answers::One,
    };
    services.delivery.deliver(incoming).await.remove(0).unwrap();
}

async fn names(house: &House, who: &Identity) -> Vec<String> {
    house.services.mailboxes.list(who).await.unwrap().iter().map(|info| info.path.to_string()).collect()
}

#[tokio::test]
async fn a_new_account_has_its_mailboxes_subscribed() {
    let (house, who) = ann().await;
    assert_eq!(names(&house, &who).await, ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]);
    let list = house.services.mailboxes.list(&who).await.unwrap();
    assert!(list.iter().all(|info| info.subscribed && info.selectable && !info.has_children));
    assert_eq!(list[5].special_use, Some(SpecialUse::Trash));
}

#[tokio::test]
async fn the_tree_grows_moves_and_shrinks() {
    let (house, who) = ann().await;
    let boxes = &house.services.mailboxes;
    let made = boxes.create(&who, &path("a/b/c"), None).await.unwrap();
    assert_eq!(made.iter().map(|info| info.path.to_string()).collect::<Vec<_>>(), ["a", "a/b", "a/b/c"]);
    assert!(matches!(boxes.create(&who, &path("A/../x"), Some(SpecialUse::Sent)).await, Err(Refusal::Invalid(_))));
    assert!(matches!(boxes.create(&who, &path("inbox"), None).await, Err(Refusal::Exists)));
    assert!(matches!(boxes.delete(&who, &path("INBOX")).await, Err(Refusal::Denied)));
    let before = boxes.status(&who, &path("a/b")).await.unwrap().uidvalidity;
    boxes.delete(&who, &path("a/b")).await.unwrap();
    assert!(matches!(boxes.status(&who, &path("a/b")).await, Err(Refusal::NotFound)), "a name without messages");
    assert!(matches!(boxes.delete(&who, &path("a/b")).await, Err(Refusal::InUse(_))));
    boxes.create(&who, &path("a/b"), None).await.unwrap();
    assert!(boxes.status(&who, &path("a/b")).await.unwrap().uidvalidity > before);
    boxes.rename(&who, &path("a/b"), &path("x/y")).await.unwrap();
    assert!(matches!(boxes.rename(&who, &path("x"), &path("x/y/z")).await, Err(Refusal::Invalid(_))));
    assert!(matches!(boxes.rename(&who, &path("x"), &path("Sent")).await, Err(Refusal::Exists)));
    assert_eq!(
        names(&house, &who).await,
        ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash", "a", "x", "x/y", "x/y/c"]
    );
    for gone in ["a", "x/y/c", "x/y", "x"] {
        boxes.delete(&who, &path(gone)).await.unwrap();
    }
    boxes.subscribe(&who, &path("not/there"), true).await.unwrap();
    assert_eq!(boxes.subscriptions(&who).await.unwrap().len(), 7);
    assert_eq!(names(&house, &who).await.len(), 6);
}

#[tokio::test]
async fn a_view_hears_of_new_mail_and_recent_belongs_to_one() {
    let (house, who) = ann().await;
    let boxes = &house.services.mailboxes;
    deliver(&house, "Subject: one\r\n\r\n").await;
    let looking = boxes.open(&who, &path("INBOX"), OpenMode::ReadOnly).await.unwrap();
    assert_eq!((looking.len(), looking.recent_count()), (1, 1), "looking claims nothing");
    let mut first = boxes.open(&who, &path("INBOX"), OpenMode::ReadWrite).await.unwrap();
    let mut second = boxes.open(&who, &path("INBOX"), OpenMode::ReadWrite).await.unwrap();
    assert_eq!((first.recent_count(), second.recent_count()), (1, 0));
    assert_eq!(boxes.refresh(&who, &mut first, Take::Everything).await.unwrap(), []);
    deliver(&house, "Subject: two\r\n\r\n").await;
    let told = boxes.refresh(&who, &mut first, Take::Everything).await.unwrap();
    assert_eq!(told, [Update::Exists { count: 2 }, Update::Recent { count: 2 }]);
    let told = boxes.refresh(&who, &mut second, Take::Everything).await.unwrap();
    assert_eq!(told, [Update::Exists { count: 2 }, Update::Recent { count: 0 }]);
    assert_eq!((first.uidnext(), first.first_unseen()), (3, Some(1)));
}

#[tokio::test]
async fn renaming_inbox_moves_its_mail_and_a_removed_mailbox_is_gone() {
    let (house, who) = ann().await;
    let boxes = &house.services.mailboxes;
    deliver(&house, "Subject: one\r\n\r\n").await;
    let mut inbox = boxes.open(&who, &path("INBOX"), OpenMode::ReadWrite).await.unwrap();
    boxes.rename(&who, &path("INBOX"), &path("Old/2026")).await.unwrap();
    assert_eq!(boxes.refresh(&who, &mut inbox, Take::NoExpunge).await.unwrap(), []);
    assert!(inbox.has_ghosts());
    assert_eq!(
        boxes.refresh(&who, &mut inbox, Take::Everything).await.unwrap(),
        [Update::Expunge { number: 1, uid: 1 }]
    );
    let mut old = boxes.open(&who, &path("Old/2026"), OpenMode::ReadWrite).await.unwrap();
    assert_eq!(old.len(), 1);
    boxes.delete(&who, &path("Old/2026")).await.unwrap();
    assert_eq!(boxes.refresh(&who, &mut old, Take::Everything).await.unwrap(), [Update::Gone]);
}

async fn append(house: &House, who: &Identity, to: &str, text: &[u8], flags: Flags) -> u32 {
    let mut spool = house.services.spool.begin(0).await.unwrap();
    spool.push(text).await.unwrap();
    let item = Append { message: spool.finish(), flags, internal_date: None };
    house.services.messages.append(who, &path(to), vec![item]).await.unwrap().uids[0]
}

async fn whole(house: &House, view: &View, uid: u32) -> Vec<u8> {
    let uids = UidSet::from_ranges([uid..=uid]);
    let row = house.services.messages.fetch(view, &uids, Want::default()).next().await.unwrap().unwrap().remove(0);
    house.services.messages.read_all(&row, 0..row.size).await.unwrap().to_vec()
}

#[tokio::test]
async fn what_is_appended_is_read_back_byte_for_byte_in_any_piece() {
    let (house, who) = ann().await;
    // Larger than two chunks, and not the same anywhere.
    let text: Vec<u8> = (0..700_000u32).flat_map(|n| n.to_le_bytes()).take(600_000).collect();
    let uid = append(&house, &who, "INBOX", &text, Flags::default()).await;
    let view = house.services.mailboxes.open(&who, &path("INBOX"), OpenMode::ReadWrite).await.unwrap();
    assert_eq!(whole(&house, &view, uid).await, text);
    let uids = UidSet::from_ranges([1..=1]);
    let row = house.services.messages.fetch(&view, &uids, Want::default()).next().await.unwrap().unwrap().remove(0);
    for range in [0..10, 262_140..262_150, 524_280..600_000, 599_999..700_000, 700_000..700_001, 5..5] {
        let wanted = &text[(range.start as usize).min(text.len())..(range.end as usize).min(text.len())];
        assert_eq!(house.services.messages.read_all(&row, range.clone()).await.unwrap(), wanted, "{range:?}");
    }
}

#[tokio::test]
async fn flags_and_keywords_are_told_to_the_other_session() {
    let (house, who) = ann().await;
    let (boxes, messages) = (&house.services.mailboxes, &house.services.messages);
    let work = Keyword::parse("$Work").unwrap();
    append(&house, &who, "INBOX", b"a: b\r\n\r\n", Flags { keywords: vec![work.clone()], ..Flags::default() }).await;
    let mut view = boxes.open(&who, &path("INBOX"), OpenMode::ReadWrite).await.unwrap();
    let other = boxes.open(&who, &path("INBOX"), OpenMode::ReadWrite).await.unwrap();
    assert_eq!(view.entry(1).unwrap().keywords, std::slice::from_ref(&work));
    let one = UidSet::from_ranges([1..=1]);
    let play = Keyword::parse("Play").unwrap();
    let flags = Flags { system: SystemFlags::FLAGGED, keywords: vec![play.clone()] };
    messages.store(&who, &other, &one, FlagChange::Add, &flags, None).await.unwrap();
    let told = boxes.refresh(&who, &mut view, Take::NoExpunge).await.unwrap();
    assert_eq!(told, [Update::Keywords, Update::Flags { number: 1, uid: 1 }]);
    let entry = view.entry(1).unwrap();
    assert_eq!((entry.system, entry.keywords), (SystemFlags::FLAGGED, &[work, play][..]));
    let stale = messages.store(&who, &view, &one, FlagChange::Replace, &Flags::default(), Some(1)).await.unwrap();
    assert_eq!(stale.modified, one);
    let looking = boxes.open(&who, &path("INBOX"), OpenMode::ReadOnly).await.unwrap();
    assert!(matches!(
        messages.store(&who, &looking, &one, FlagChange::Add, &flags, None).await,
        Err(Refusal::ReadOnly)
    ));
    messages.mark_seen(&who, &looking, &one).await.unwrap();
    assert_eq!(boxes.status(&who, &path("INBOX")).await.unwrap().unseen, 1);
}

#[tokio::test]
async fn copy_move_and_expunge() {
    let (house, who) = ann().await;
    let (boxes, messages) = (&house.services.mailboxes, &house.services.messages);
    for text in [&b"1"[..], b"22", b"333"] {
        append(&house, &who, "INBOX", text, Flags::default()).await;
    }
    let mut view = boxes.open(&who, &path("INBOX"), OpenMode::ReadWrite).await.unwrap();
    let set = |raw: std::ops::RangeInclusive<u32>| UidSet::from_ranges([raw]);
    let copied = messages.copy(&who, &view, &set(2..=3), &path("Archive")).await.unwrap();
    assert_eq!((copied.from.to_string(), copied.to.to_string()), ("2:3".into(), "1:2".into()));
    assert!(matches!(messages.copy(&who, &view, &set(1..=1), &path("Nowhere")).await, Err(Refusal::NotFound)));
    let moved = messages.move_to(&who, &view, &set(1..=1), &path("Archive")).await.unwrap();
    assert_eq!((moved.from.to_string(), moved.to.to_string()), ("1".into(), "3".into()));
    let within = messages.move_to(&who, &view, &set(2..=2), &path("INBOX")).await.unwrap();
    assert_eq!((within.from.to_string(), within.to.to_string()), ("2".into(), "4".into()));
    boxes.refresh(&who, &mut view, Take::Everything).await.unwrap();
    assert_eq!(view.entries().map(|(_, e)| e.uid).collect::<Vec<_>>(), [3, 4]);
    assert!(messages.expunge(&who, &view, None).await.unwrap().is_empty());
    messages
        .store(&who, &view, &set(3..=4), FlagChange::Add, &Flags::system(SystemFlags::DELETED), None)
        .await
        .unwrap();
    assert_eq!(messages.expunge(&who, &view, Some(&set(4..=4))).await.unwrap().to_string(), "4");
    assert_eq!(messages.expunge(&who, &view, None).await.unwrap().to_string(), "3");
    assert_eq!(boxes.status(&who, &path("INBOX")).await.unwrap().messages, 0);
    let archive = boxes.open(&who, &path("Archive"), OpenMode::ReadOnly).await.unwrap();
    assert_eq!(whole(&house, &archive, 3).await, b"1");
    house
        .services
        .accounts
        .set_quota(&Actor::command_line(), &Address::parse("ann@example.test").unwrap(), Some(7))
        .await
        .unwrap();
    assert!(matches!(messages.copy(&who, &archive, &set(2..=2), &path("INBOX")).await, Err(Refusal::OverQuota)));
}

#[tokio::test]
async fn a_long_fetch_comes_in_batches_and_misses_nothing() {
    let (house, who) = ann().await;
    let mut items = Vec::new();
    for n in 0..1100 {
        let mut spool = house.services.spool.begin(0).await.unwrap();
        spool.push(format!("n: {n}\r\n\r\n").as_bytes()).await.unwrap();
        items.push(Append { message: spool.finish(), flags: Flags::default(), internal_date: None });
    }
    house.services.messages.append(&who, &path("INBOX"), items).await.unwrap();
    let view = house.services.mailboxes.open(&who, &path("INBOX"), OpenMode::ReadOnly).await.unwrap();
    let want = Want { envelope: true, parts: true, ..Want::default() };
    let mut fetching = house.services.messages.fetch(&view, &UidSet::from_ranges([1..=10, 20..=u32::MAX]), want);
    let (mut uids, mut batches) = (UidSet::default(), 0);
    while let Some(rows) = fetching.next().await.unwrap() {
        assert!(rows.iter().all(|row| row.envelope.is_some() && row.parts.is_some() && row.body.is_none()));
        rows.iter().for_each(|row| uids.push(row.uid));
        batches += 1;
    }
    assert_eq!((uids.to_string().as_str(), batches), ("1:10,20:1100", 3));
    // More ranges than a batch holds, the first thousand of them of messages that are not there.
    let odd = UidSet::from_ranges((0..2100u32).map(|n| 2 * n + 1..=2 * n + 1));
    let absent = UidSet::from_ranges((0..1000u32).map(|n| 5000 + 2 * n..=5000 + 2 * n).chain([7001..=u32::MAX]));
    for (asked, count) in [(&odd, 550), (&absent, 0)] {
        let (mut fetching, mut found) = (house.services.messages.fetch(&view, asked, want), Vec::new());
        while let Some(rows) = fetching.next().await.unwrap() {
            found.extend(rows.iter().map(|row| row.uid));
        }
        assert_eq!(found, (0..count).map(|n| 2 * n + 1).collect::<Vec<_>>());
    }
}

/// A subtree that would not fit below its new name stays where it is: a path that can't be read would take LIST from
/// the whole account.
#[tokio::test]
async fn a_rename_never_makes_a_path_that_is_too_long_or_too_deep() {
    let (house, who) = ann().await;
    let boxes = &house.services.mailboxes;
    let deep = vec!["d"; 31].join("/");
    boxes.create(&who, &path(&format!("a/{deep}")), None).await.unwrap();
    boxes.rename(&who, &path("a"), &path("b")).await.unwrap();
    assert!(matches!(boxes.rename(&who, &path("b"), &path("c/b")).await, Err(Refusal::Invalid(_))));
    let long = ["l".repeat(250), "m".repeat(250), "n".repeat(250)].join("/");
    boxes.create(&who, &path(&format!("x/{long}")), None).await.unwrap();
    assert!(matches!(boxes.rename(&who, &path("x"), &path(&"y".repeat(255))).await, Err(Refusal::Invalid(_))));
    boxes.rename(&who, &path("x"), &path(&"y".repeat(200))).await.unwrap();
    assert_eq!(names(&house, &who).await.len(), 6 + 32 + 4);
}

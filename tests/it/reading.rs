//! Mail as the browser reads it: lists, conversations, one message, acts on many and their undoing, preferences.

use crate::harness::house::{House, deliver};
use crate::harness::scene::Scene;
use chrono::{DateTime, TimeDelta, Utc};
use mailstead::model::address::Address;
use mailstead::model::flags::{FlagChange, Flags, Keyword, SystemFlags};
use mailstead::model::ids::MailboxId;
use mailstead::model::mailbox::{MailboxPath, SpecialUse};
use mailstead::model::query::parse_query;
use mailstead::model::secret::Secret;
use mailstead::model::uidset::UidSet;
use mailstead::service::Refusal;
use mailstead::service::act::{Mark, Selection};
use mailstead::service::find::Found;
use mailstead::service::list::{Begin, Folder, Page};
use mailstead::service::login::{Identity, Origin as Door, Protocol};
use mailstead::service::mailbox::OpenMode;
use mailstead::service::message::Append;
use mailstead::service::preference::{Density, Preference, Remote, Theme};
use mailstead::service::reader::Origin;
use mailstead::service::undo::Undo;
use std::time::Duration;

struct Desk {
    house: House,
    ann: Identity,
}

async fn sign_in(house: &House, name: &str) -> Identity {
    let door = Door { peer: [192, 0, 2, 1].into(), protocol: Protocol::Imap, domain_hint: None };
    house.services.login.password(&door, "", name, &Secret::new("correct horse".into())).await.unwrap()
}

impl Desk {
    async fn new() -> Self {
        let house = House::new().await;
        house.member("ann", "correct horse").await;
        let ann = sign_in(&house, "ann").await;
        Self { house, ann }
    }

    async fn put(&self, folder: &str, text: &str, flags: Flags, at: i64) -> u32 {
        let mut spool = self.house.services.spool.begin(0).await.unwrap();
        spool.push(text.as_bytes()).await.unwrap();
        let internal_date = Some(DateTime::<Utc>::from_timestamp(1_700_000_000 + at, 0).unwrap());
        let item = Append { message: spool.finish(), flags, internal_date };
        let path = MailboxPath::parse(folder).unwrap();
        self.house.services.messages.append(&self.ann, &path, vec![item]).await.unwrap().uids[0]
    }

    async fn folder(&self, path: &str) -> Folder {
        let list = self.house.services.lists.folders(&self.ann).await.unwrap();
        list.into_iter().find(|folder| folder.path.to_string() == path).unwrap()
    }

    async fn id(&self, path: &str) -> MailboxId {
        self.folder(path).await.id
    }

    async fn page(&self, folder: &str, begin: Begin, limit: u32) -> Page {
        self.house.services.lists.page(&self.ann, self.id(folder).await, begin, limit).await.unwrap()
    }

    async fn subjects(&self, folder: &str) -> Vec<String> {
        subjects(&self.page(folder, Begin::Newest, 100).await)
    }
}

fn subjects(page: &Page) -> Vec<String> {
    page.lines.iter().map(|line| line.subject.clone()).collect()
}

fn mail(subject: &str) -> String {
    format!("From: Bob <bob@x.test>\r\nTo: ann@example.test\r\nSubject: {subject}\r\n\r\nHello {subject}\r\n")
}

fn set(uids: &[u32]) -> UidSet {
    uids.iter().copied().collect()
}

fn seen() -> Flags {
    Flags::system(SystemFlags::SEEN)
}

#[tokio::test]
async fn folders_stand_in_the_order_people_look_for_them_with_what_they_can_see() {
    let desk = Desk::new().await;
    let services = &desk.house.services;
    for name in ["Zoo", "Zoo/Apes", "Bees"] {
        services.mailboxes.create(&desk.ann, &MailboxPath::parse(name).unwrap(), None).await.unwrap();
    }
    desk.put("INBOX", &mail("a"), Flags::default(), 0).await;
    desk.put("INBOX", &mail("b"), seen(), 1).await;
    // What a client marked is hidden, and is not unread any more.
    desk.put("INBOX", &mail("c"), Flags::system(SystemFlags::DELETED), 2).await;
    let list = services.lists.folders(&desk.ann).await.unwrap();
    let names: Vec<String> = list.iter().map(|folder| folder.path.to_string()).collect();
    assert_eq!(names, ["INBOX", "Drafts", "Sent", "Archive", "Junk", "Trash", "Bees", "Zoo", "Zoo/Apes"]);
    assert_eq!((list[0].total, list[0].unread), (2, 1));
    assert!(list[7].has_children && list[4].special_use == Some(SpecialUse::Junk));
    assert_eq!(desk.subjects("INBOX").await, ["b", "a"]);
}

#[tokio::test]
async fn pages_go_both_ways_and_hold_still_when_messages_come_and_go() {
    let desk = Desk::new().await;
    // Dates and UIDs disagree, and two messages have one date.
    let order = [3, 1, 2, 5, 5, 4, 9, 8];
    for (n, at) in order.iter().enumerate() {
        desk.put("INBOX", &mail(&format!("{at}{n}")), Flags::default(), *at).await;
    }
    let first = desk.page("INBOX", Begin::Newest, 3).await;
    assert_eq!(
        (subjects(&first), first.newer, first.folder.total),
        (vec!["96".into(), "87".into(), "54".into()], None, 8)
    );
    let second = desk.page("INBOX", Begin::OlderThan(first.older.unwrap()), 3).await;
    assert_eq!(subjects(&second), ["53", "45", "30"]);
    let third = desk.page("INBOX", Begin::OlderThan(second.older.unwrap()), 3).await;
    assert_eq!((subjects(&third), third.older), (vec!["22".into(), "11".into()], None));
    assert!(third.newer.is_some());
    // The place goes on being one when the message that marks it is gone, and when mail came.
    let inbox = desk.id("INBOX").await;
    let services = &desk.house.services;
    let last = [Selection { mailbox: inbox, uids: set(&[second.lines[2].uid]) }];
    services.acts.delete(&desk.ann, &last).await.unwrap();
    desk.put("INBOX", &mail("new"), Flags::default(), 100).await;
    let again = desk.page("INBOX", Begin::OlderThan(second.older.unwrap()), 3).await;
    assert_eq!(subjects(&again), ["22", "11"]);
    let back = desk.page("INBOX", Begin::NewerThan(again.newer.unwrap()), 3).await;
    assert_eq!(subjects(&back), ["54", "53", "45"]);
    assert!(back.newer.is_some() && back.older.is_some());
    let back = desk.page("INBOX", Begin::NewerThan(back.newer.unwrap()), 3).await;
    assert_eq!((subjects(&back), back.newer), (vec!["new".into(), "96".into(), "87".into()], None));
    // Too few newer ones: the first page, whole.
    let near = desk.page("INBOX", Begin::NewerThan(first.older.unwrap()), 4).await;
    assert_eq!(subjects(&near), ["new", "96", "87", "54"]);
    let news = services.lists.news(&desk.ann, inbox, first.uidnext).await.unwrap();
    assert_eq!((news.count, news.modseq > first.modseq), (1, true));
    assert_eq!(services.lists.news(&desk.ann, inbox, news.uidnext).await.unwrap().count, 0);
}

#[tokio::test]
async fn others_folders_are_not_found() {
    let desk = Desk::new().await;
    desk.put("INBOX", &mail("a"), Flags::default(), 0).await;
    let inbox = desk.id("INBOX").await;
    desk.house.member("bob", "correct horse").await;
    let bob = sign_in(&desk.house, "bob").await;
    let services = &desk.house.services;
    let chosen = [Selection { mailbox: inbox, uids: set(&[1]) }];
    assert!(matches!(services.lists.page(&bob, inbox, Begin::Newest, 5).await, Err(Refusal::NotFound)));
    assert!(matches!(services.lists.thread(&bob, inbox, 1).await, Err(Refusal::NotFound)));
    assert!(matches!(services.lists.news(&bob, inbox, 1).await, Err(Refusal::NotFound)));
    assert!(matches!(services.reader.find(&bob, inbox, 1).await, Err(Refusal::NotFound)));
    assert!(matches!(services.acts.mark(&bob, &chosen, Mark::Seen).await, Err(Refusal::NotFound)));
    assert!(matches!(services.acts.delete(&bob, &chosen).await, Err(Refusal::NotFound)));
    let done = services.acts.delete(&desk.ann, &chosen).await.unwrap();
    assert_eq!(services.acts.undo(&bob, &done.undo).await.unwrap(), 0, "undoing asks for rights again");
    assert_eq!(services.acts.undo(&desk.ann, &done.undo).await.unwrap(), 1);
}

#[tokio::test]
async fn a_conversation_spans_folders_and_counts_each_message_once() {
    let desk = Desk::new().await;
    let reply = |id: &str, to: &str, subject: &str| {
        format!("Message-ID: <{id}@x>\r\nIn-Reply-To: <{to}@x>\r\nSubject: {subject}\r\n\r\n{id}\r\n")
    };
    desk.put("INBOX", &reply("1", "0", "tea"), Flags::default(), 1).await;
    desk.put("Sent", &reply("2", "1", "Re: tea"), seen(), 2).await;
    let last = desk.put("INBOX", &reply("3", "2", "Re: Re: tea"), Flags::default(), 3).await;
    desk.put("Archive", &reply("3", "2", "Re: Re: tea"), Flags::default(), 3).await;
    desk.put("Junk", &reply("4", "1", "cheap tea"), Flags::default(), 4).await;
    desk.put("INBOX", &mail("other"), Flags::default(), 5).await;
    let page = desk.page("INBOX", Begin::Newest, 10).await;
    assert_eq!(page.lines.iter().map(|line| line.in_thread).collect::<Vec<_>>(), [1, 3, 3]);
    assert_eq!(page.lines[1].from, "");
    let inbox = desk.id("INBOX").await;
    let thread = desk.house.services.lists.thread(&desk.ann, inbox, last).await.unwrap();
    assert_eq!(thread.iter().map(|line| line.subject.as_str()).collect::<Vec<_>>(), ["tea", "Re: tea"]);
    assert_eq!(thread[1].mailbox, desk.id("Sent").await);
}

#[tokio::test]
async fn one_message_with_its_neighbours_and_parts() {
    let desk = Desk::new().await;
    let text = "From: bob@x.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/png; name=\"a.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8gd29ybGQ=\r\n--b--\r\n";
    desk.put("INBOX", &mail("older"), Flags::default(), 1).await;
    let mut flags = Flags::system(SystemFlags::ANSWERED);
    flags.add_keyword(Keyword::parse("$forwarded").unwrap());
    let uid = desk.put("INBOX", text, flags, 2).await;
    desk.put("INBOX", &mail("newer"), Flags::default(), 3).await;
    let reader = &desk.house.services.reader;
    let inbox = desk.id("INBOX").await;
    let message = reader.find(&desk.ann, inbox, uid).await.unwrap();
    assert!(message.is_answered() && message.is_forwarded());
    assert_eq!(reader.neighbours(&message).await.unwrap(), (Some(3), Some(1)));
    assert_eq!(&reader.whole(&message).await.unwrap().bytes()[..], text.as_bytes());
    let mut part = reader.part(&message, &[2]).unwrap();
    assert_eq!((part.media_type.as_str(), part.name.as_str()), ("image/png", "a.png"));
    let mut octets = Vec::new();
    while let Some(piece) = part.next().await.unwrap() {
        octets.extend_from_slice(&piece);
    }
    assert_eq!(octets, b"hello world");
    assert!(matches!(reader.part(&message, &[3]), Err(Refusal::NotFound)));
    assert!(matches!(reader.find(&desk.ann, inbox, 99).await, Err(Refusal::NotFound)));
}

async fn origin_of(desk: &Desk, folder: &str, uid: u32) -> Origin {
    let reader = &desk.house.services.reader;
    let message = reader.find(&desk.ann, desk.id(folder).await, uid).await.unwrap();
    let whole = reader.whole(&message).await.unwrap();
    reader.origin(&message, &whole).await.unwrap()
}

/// Only what stands in front of a message, where no stranger can write, says that a member wrote it.
#[tokio::test]
async fn mail_of_members_is_known_and_forgeries_are_not_believed() {
    let scene = Scene::new().await;
    scene.send(&[("ann@example.test", crate::harness::scene::ASKED_NOTHING)], "to myself").await;
    let Scene { house, ann } = scene;
    let desk = Desk { house, ann };
    let address = Address::parse("ann@example.test").unwrap();
    assert_eq!(origin_of(&desk, "INBOX", 1).await, Origin::SentFromHere { name: "ann".into(), address });
    for (n, host) in ["mail.example.test", "elsewhere.test"].into_iter().enumerate() {
        let forged = format!(
            "Authentication-Results: {host};\r\n\tauth=pass smtp.auth=ann@example.test\r\nFrom: ann@example.test\r\n\r\nx\r\n"
        );
        let uid = desk.put("INBOX", &forged, Flags::default(), n as i64).await;
        assert_eq!(origin_of(&desk, "INBOX", uid).await, Origin::NotChecked, "appended");
        let strange = deliver(&desk.house, "ann", &forged).await;
        assert_eq!(origin_of(&desk, "INBOX", strange).await, Origin::NotChecked, "delivered");
    }
    // The copy keeps its mark wherever it goes.
    let inbox = desk.id("INBOX").await;
    let chosen = [Selection { mailbox: inbox, uids: set(&[1]) }];
    desk.house.services.acts.move_to_special(&desk.ann, &chosen, SpecialUse::Archive).await.unwrap();
    assert!(matches!(origin_of(&desk, "Archive", 1).await, Origin::SentFromHere { .. }));
    // A mark of another host, put there by nobody but us, is none of ours.
    desk.house.damage("UPDATE message SET prefix = replace(encode(prefix, 'escape'), 'mail.example', 'evil.example')::bytea WHERE prefix IS NOT NULL").await;
    assert_eq!(origin_of(&desk, "Archive", 1).await, Origin::NotChecked);
}

#[tokio::test]
async fn marks_are_taken_back_from_exactly_those_that_got_them() {
    let desk = Desk::new().await;
    for n in 0..4 {
        let flags = if n == 1 { seen() } else { Flags::default() };
        desk.put("INBOX", &mail(&n.to_string()), flags, n).await;
    }
    let inbox = desk.id("INBOX").await;
    let acts = &desk.house.services.acts;
    let page = desk.page("INBOX", Begin::Newest, 10).await;
    desk.put("INBOX", &mail("later"), Flags::default(), 9).await;
    let done = acts.mark(&desk.ann, &[Selection::all(inbox, page.uidnext)], Mark::Seen).await.unwrap();
    assert_eq!((done.count, desk.folder("INBOX").await.unread), (3, 1));
    // One is gone and one was starred meanwhile.
    acts.mark(&desk.ann, &[Selection { mailbox: inbox, uids: set(&[3]) }], Mark::Flagged).await.unwrap();
    acts.delete(&desk.ann, &[Selection { mailbox: inbox, uids: set(&[4]) }]).await.unwrap();
    let undo: Undo = done.undo.to_string().parse().unwrap();
    assert_eq!(acts.undo(&desk.ann, &undo).await.unwrap(), 2);
    let flags: Vec<_> = desk.page("INBOX", Begin::Newest, 10).await.lines.iter().map(|l| (l.uid, l.flags)).collect();
    let none = SystemFlags::empty();
    assert_eq!(flags, [(5, none), (3, SystemFlags::FLAGGED), (2, SystemFlags::SEEN), (1, none)]);
    let nothing = acts.mark(&desk.ann, &[Selection { mailbox: inbox, uids: set(&[1]) }], Mark::Unseen).await.unwrap();
    assert!(nothing.count == 0 && nothing.undo.is_empty());
}

#[tokio::test]
async fn deleted_mail_goes_to_trash_then_for_good_and_comes_back_from_both() {
    let desk = Desk::new().await;
    for n in 0..3 {
        desk.put("INBOX", &mail(&n.to_string()), seen(), n).await;
    }
    let services = &desk.house.services;
    let (inbox, trash) = (desk.id("INBOX").await, desk.id("Trash").await);
    let before = desk.page("INBOX", Begin::Newest, 10).await.lines;
    let chosen = [Selection { mailbox: inbox, uids: set(&[1, 2]) }];
    let moved = services.acts.delete(&desk.ann, &chosen).await.unwrap();
    assert_eq!((moved.count, desk.subjects("Trash").await), (2, vec!["1".into(), "0".into()]));
    // A client has marked one in Trash; emptying takes it too.
    let view =
        services.mailboxes.open(&desk.ann, &MailboxPath::parse("Trash").unwrap(), OpenMode::ReadWrite).await.unwrap();
    let deleted = Flags::system(SystemFlags::DELETED);
    services.messages.store(&desk.ann, &view, &set(&[1]), FlagChange::Add, &deleted, None).await.unwrap();
    let uidnext = desk.page("Trash", Begin::Newest, 1).await.uidnext;
    assert!(matches!(services.acts.empty(&desk.ann, inbox, 9).await, Err(Refusal::Denied)));
    let emptied = services.acts.empty(&desk.ann, trash, uidnext).await.unwrap();
    assert_eq!((emptied.count, desk.folder("Trash").await.total), (2, 0));
    assert_eq!(services.acts.undo(&desk.ann, &moved.undo).await.unwrap(), 0, "there is nothing to move back");
    assert_eq!(services.acts.undo(&desk.ann, &emptied.undo).await.unwrap(), 2);
    assert_eq!(services.acts.undo(&desk.ann, &emptied.undo).await.unwrap(), 0, "once");
    let back = desk.page("Trash", Begin::Newest, 10).await.lines;
    let facts = |line: &mailstead::service::list::Line| (line.email, line.thread, line.internal_at, line.flags);
    assert_eq!(back.iter().map(facts).collect::<Vec<_>>(), before[1..].iter().map(facts).collect::<Vec<_>>());
    assert_eq!(back.iter().map(|line| line.uid).collect::<Vec<_>>(), [4, 3], "under new UIDs");
    assert!(services.fsck.check(false, |_, _| ()).await.unwrap().findings.is_empty());
}

#[tokio::test]
async fn what_is_no_junk_goes_to_inbox_and_lacking_folders_are_made() {
    let desk = Desk::new().await;
    let services = &desk.house.services;
    desk.put("INBOX", &mail("spam"), Flags::default(), 0).await;
    let inbox = desk.id("INBOX").await;
    for name in ["Trash", "Junk"] {
        services.mailboxes.delete(&desk.ann, &MailboxPath::parse(name).unwrap()).await.unwrap();
    }
    let chosen = [Selection { mailbox: inbox, uids: set(&[1]) }];
    services.acts.move_to_special(&desk.ann, &chosen, SpecialUse::Junk).await.unwrap();
    let junk = desk.folder("Junk").await;
    assert_eq!((junk.special_use, junk.total), (Some(SpecialUse::Junk), 1));
    let done = services.acts.not_junk(&desk.ann, &[Selection { mailbox: junk.id, uids: set(&[1]) }]).await.unwrap();
    assert_eq!((done.count, desk.subjects("INBOX").await), (1, vec!["spam".into()]));
    services.acts.delete(&desk.ann, &[Selection { mailbox: inbox, uids: set(&[2]) }]).await.unwrap();
    let trash = desk.folder("Trash").await;
    assert_eq!((trash.special_use, trash.total), (Some(SpecialUse::Trash), 1));
}

#[tokio::test]
async fn whoever_watches_an_account_hears_of_all_its_folders_also_from_another_process() {
    let desk = Desk::new().await;
    let services = &desk.house.services;
    let watchers = services.watchers.clone();
    tokio::spawn(async move { watchers.run().await });
    let mut watch = services.watchers.watch_account(&desk.ann);
    tokio::task::yield_now().await;
    desk.put("Archive", &mail("here"), Flags::default(), 0).await;
    assert!(tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.is_ok());
    // No hint comes from there: the poll finds it, after the look that learns how things stand.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let mut watch = services.watchers.watch_account(&desk.ann);
    let other = desk.house.second_process().await;
    let mut spool = other.spool.begin(0).await.unwrap();
    spool.push(mail("there").as_bytes()).await.unwrap();
    let item = Append { message: spool.finish(), flags: Flags::default(), internal_date: None };
    other.messages.append(&desk.ann, &MailboxPath::parse("Junk").unwrap(), vec![item]).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.is_ok());
}

#[tokio::test]
async fn preferences_are_kept_and_bounded() {
    let desk = Desk::new().await;
    let preferences = &desk.house.services.preferences;
    assert_eq!(preferences.get(&desk.ann).await.unwrap(), Preference::default());
    let wanted = Preference {
        seen_after: None,
        theme: Theme::Dark,
        language: Some("de-AT".into()),
        remote: Remote::Ask,
        shortcuts: false,
        density: Density::Compact,
    };
    preferences.set(&desk.ann, &wanted).await.unwrap();
    assert_eq!(preferences.get(&desk.ann).await.unwrap(), wanted);
    for bad in [
        Preference { language: Some("no language".into()), ..wanted.clone() },
        Preference { seen_after: Some(301), ..wanted.clone() },
    ] {
        assert!(matches!(preferences.set(&desk.ann, &bad).await, Err(Refusal::Invalid(_))));
    }
    let sender = Address::parse("News@Shop.test").unwrap();
    preferences.allow_remote(&desk.ann, &sender, true).await.unwrap();
    preferences.allow_remote(&desk.ann, &sender, true).await.unwrap();
    let same = Address::parse("news@shop.test").unwrap();
    assert!(preferences.shows_remote(&desk.ann, Some(&same)).await.unwrap());
    assert!(!preferences.shows_remote(&desk.ann, None).await.unwrap());
    assert_eq!(preferences.remote_senders(&desk.ann).await.unwrap(), std::slice::from_ref(&same));
    preferences.set(&desk.ann, &Preference { remote: Remote::Never, ..wanted }).await.unwrap();
    assert!(!preferences.shows_remote(&desk.ann, Some(&same)).await.unwrap());
    desk.house.damage("INSERT INTO remote_allowed SELECT account, 'x' || n || '@x.test' FROM remote_allowed, generate_series(1, 999) n").await;
    let one_more = Address::parse("one@more.test").unwrap();
    assert!(matches!(preferences.allow_remote(&desk.ann, &one_more, true).await, Err(Refusal::Limit(_))));
    preferences.allow_remote(&desk.ann, &same, false).await.unwrap();
    preferences.allow_remote(&desk.ann, &one_more, true).await.unwrap();
}

async fn find(desk: &Desk, raw: &str, page: usize) -> Found {
    let query = parse_query(raw, desk.house.clock.now().date_naive()).unwrap();
    desk.house.services.finder.find(&desk.ann, &query, page, 2).await.unwrap()
}

#[tokio::test]
async fn mail_is_found_in_all_folders_newest_first_page_by_page() {
    let desk = Desk::new().await;
    for n in 0..5 {
        deliver(&desk.house, "ann", &mail(&format!("tea {n}"))).await;
        desk.house.clock.advance(TimeDelta::days(1));
    }
    let attached = "Subject: tea with file\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n";
    deliver(&desk.house, "ann", attached).await;
    let inbox = desk.id("INBOX").await;
    let pick = |uids: &[u32]| [Selection { mailbox: inbox, uids: uids.iter().copied().collect::<UidSet>() }];
    let acts = &desk.house.services.acts;
    acts.delete(&desk.ann, &pick(&[1])).await.unwrap();
    acts.move_to(&desk.ann, &pick(&[2]), desk.id("Archive").await).await.unwrap();
    acts.mark(&desk.ann, &pick(&[3]), Mark::Seen).await.unwrap();
    let subjects = |found: &Found| found.lines.iter().map(|line| line.subject.clone()).collect::<Vec<_>>();
    let first = find(&desk, "tea", 0).await;
    assert_eq!((subjects(&first), first.total, first.pages), (vec!["tea with file".into(), "tea 4".into()], 5, 3));
    assert!(first.complete);
    assert_eq!(subjects(&find(&desk, "tea", 1).await), ["tea 3", "tea 2"]);
    assert_eq!(subjects(&find(&desk, "tea", 2).await), ["tea 1"]);
    for (query, expected) in [
        ("in:trash tea", &["tea 0"][..]),
        ("in:Archive from:bob", &["tea 1"]),
        ("has:attachment", &["tea with file"]),
        ("is:read", &["tea 2"]),
        ("hello -\"tea 4\" newer:2d", &["tea 3"]),
        ("in:anywhere older:4d", &["tea 0"]),
        ("coffee", &[]),
    ] {
        assert_eq!(subjects(&find(&desk, query, 0).await), expected, "{query}");
    }
    let query = parse_query("in:nowhere x", desk.house.clock.now().date_naive()).unwrap();
    assert!(matches!(desk.house.services.finder.find(&desk.ann, &query, 0, 5).await, Err(Refusal::NotFound)));
}

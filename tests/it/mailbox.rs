//! Mailboxes and views through the service, against a real PostgreSQL.

use crate::harness::house::House;
use mailstead::model::address::Address;
use mailstead::model::dsn::{BodyKind, DsnRequest};
use mailstead::model::mailbox::{MailboxPath, SpecialUse};
use mailstead::model::secret::Secret;
use mailstead::service::Refusal;
use mailstead::service::delivery::{Answers, Incoming};
use mailstead::service::directory::Resolved;
use mailstead::service::login::{Identity, Origin, Protocol};
use mailstead::service::mailbox::OpenMode;
use mailstead::service::snapshot::{Take, Update};

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
        recipients: vec![recipient],
        message: spool.finish(),
        received: String::new(),
        dsn: vec![DsnRequest::default()],
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

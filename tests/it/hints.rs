//! Hints between processes on one database: told by NOTIFY, made up for when LISTEN is cut.

use crate::harness::house::House;
use crate::harness::pg::Database;
use crate::store::{account, add};
use mailstead::model::event::Event;
use mailstead::model::flags::Flags;
use mailstead::model::ids::MailboxId;
use mailstead::model::mailbox::MailboxPath;
use mailstead::model::secret::Secret;
use mailstead::service::login::{Origin, Protocol};
use mailstead::service::mailbox::OpenMode;
use mailstead::service::message::Append;
use mailstead::service::snapshot::{Take, Update};
use tokio::sync::broadcast::Receiver;

async fn until(events: &mut Receiver<Event>, wanted: impl Fn(&Event) -> bool) {
    while !wanted(&events.recv().await.unwrap()) {}
}

fn of(mailbox: MailboxId) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::MailboxChanged { mailbox: changed, .. } if *changed == mailbox)
}

#[tokio::test]
async fn one_process_hears_what_the_other_tells_and_listens_again_when_cut() {
    let database = Database::new().await;
    let (one, two) = (database.store(), database.store());
    let mut heard = two.hub().subscribe();
    for store in [&one, &two] {
        let store = store.clone();
        tokio::spawn(async move { store.run_hub().await });
    }
    // "Look again" is the first thing a listener says.
    until(&mut heard, |event| *event == Event::Lagged).await;
    let (owner, boxes) = account(&one, &["INBOX"]).await;
    add(&one, "first", owner, boxes[0]).await;
    until(&mut heard, of(boxes[0])).await;
    while database.cut_listeners().await == 0 {}
    // It notices, listens again, and says so each time; from then on it hears as before.
    until(&mut heard, |event| *event == Event::Lagged).await;
    until(&mut heard, |event| *event == Event::Lagged).await;
    add(&one, "second", owner, boxes[0]).await;
    until(&mut heard, of(boxes[0])).await;
}

#[tokio::test]
async fn a_watch_wakes_although_listen_is_cut() {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    let origin = Origin { peer: [192, 0, 2, 1].into(), protocol: Protocol::Imap, domain_hint: None };
    let second = house.second_process_with_hints().await;
    let password = Secret::new("correct horse".to_owned());
    let ann = second.login.password(&origin, "", "ann", &password).await.unwrap();
    let inbox = MailboxPath::parse("INBOX").unwrap();
    let mut view = second.mailboxes.open(&ann, &inbox, OpenMode::ReadWrite).await.unwrap();
    for count in 1..=3 {
        let mut watch = second.watchers.watch(&ann, Some((view.mailbox(), view.highest_modseq())));
        // The first process sends no hint at all, and the second is made deaf.
        while house.cut_listeners().await == 0 {
            tokio::task::yield_now().await;
        }
        let mut spool = house.services.spool.begin(0).await.unwrap();
        spool.push(b"a: b\r\n\r\n").await.unwrap();
        let item = Append { message: spool.finish(), flags: Flags::default(), internal_date: None };
        house.services.messages.append(&ann, &inbox, vec![item]).await.unwrap();
        let mut told = Vec::new();
        while told.is_empty() {
            watch.changed().await;
            told = second.mailboxes.refresh(&ann, &mut view, Take::Everything).await.unwrap();
        }
        assert_eq!(told[0], Update::Exists { count });
    }
}

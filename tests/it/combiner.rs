//! The append combiner against a real PostgreSQL: each job gets its own answer, whatever befalls its batch.

use crate::harness::pg::Database;
use crate::store::{account, add, blob, job, now};
use mailstead::model::ids::{AccountId, MailboxId};
use mailstead::model::uidset::UidSet;
use mailstead::store::append::{Job, Placed};
use mailstead::store::blob::{ContentRow, NewBlob};
use mailstead::store::message::Columns;
use mailstead::store::{Store, StoreError};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A text that no compression makes small.
fn noise(n: u64) -> String {
    let mut dice = crate::harness::soak::Dice::seeded(n + 1);
    (0..40_000).map(|_| char::from(b'!' + dice.below(90) as u8)).collect()
}

fn large(n: u64, owner: AccountId, inbox: MailboxId) -> Job {
    job(blob(&noise(n), &format!("{n}@x"), &[]), owner, &[inbox])
}

fn submit(store: &Store, job: Job) -> JoinHandle<Result<Vec<Placed>, StoreError>> {
    let store = store.clone();
    tokio::spawn(async move { store.messages_add(job).await })
}

async fn count(store: &Store, mailbox: MailboxId) -> (u64, u64) {
    let row = store.mailbox_get(mailbox).await.unwrap().unwrap();
    let entries = store.message_entries(mailbox, &UidSet::from_ranges([1..=u32::MAX])).await.unwrap();
    (row.messages, entries.len() as u64)
}

#[tokio::test]
async fn an_answer_that_is_lost_doubles_nothing() {
    let database = Database::new().await;
    let (store, proxy) = database.store_through_proxy().await;
    let (owner, boxes) = account(&store, &["INBOX"]).await;
    add(&store, "first", owner, boxes[0]).await;
    // One job goes at once, the others are its followers' batch; both answers are lost.
    proxy.lose_answers(2);
    let sent: Vec<_> = (0..6).map(|n| submit(&store, large(n, owner, boxes[0]))).collect();
    let mut uids = Vec::new();
    for one in sent {
        uids.push(one.await.unwrap().expect("it was committed, and that was found out")[0].uid);
    }
    uids.sort_unstable();
    assert_eq!(uids, [2, 3, 4, 5, 6, 7]);
    assert_eq!(count(&store, boxes[0]).await, (7, 7));
}

#[tokio::test]
async fn a_question_that_is_lost_is_refused_and_leaves_nothing() {
    let database = Database::new().await;
    let (store, proxy) = database.store_through_proxy().await;
    let (owner, boxes) = account(&store, &["INBOX"]).await;
    add(&store, "first", owner, boxes[0]).await;
    proxy.lose_questions(2);
    let sent: Vec<_> = (0..6).map(|n| submit(&store, large(n, owner, boxes[0]))).collect();
    for one in sent {
        assert!(matches!(one.await.unwrap(), Err(StoreError::Unavailable(_))));
    }
    assert_eq!(count(&store, boxes[0]).await, (1, 1));
    store.messages_add(large(9, owner, boxes[0])).await.unwrap();
}

#[tokio::test]
async fn whoever_is_locked_out_holds_up_nobody_else() {
    let database = Database::new().await;
    let (store, other) = (database.store(), database.store());
    let (owner, boxes) = account(&store, &["A", "B", "C", "D", "E", "F", "G"]).await;
    let mut tx = other.begin().await.unwrap();
    tx.mailbox_lock(&boxes[1..]).await.unwrap();
    let mut waiting = Vec::new();
    for mailbox in &boxes[1..] {
        waiting.push(submit(&store, job(blob("x", "x", &[]), owner, &[*mailbox])));
        // A job that shares its batch with one that is locked out, or comes after it.
        add(&store, "y", owner, boxes[0]).await;
    }
    assert!(waiting.iter().all(|one| !one.is_finished()));
    tx.commit().await.unwrap();
    for one in waiting {
        assert_eq!(one.await.unwrap().unwrap()[0].uid, 1);
    }
}

#[tokio::test]
async fn a_job_that_fails_fails_alone() {
    let database = Database::new().await;
    let store = database.store();
    let (owner, boxes) = account(&store, &["INBOX"]).await;
    // NUL can't be in a text: the whole statement fails.
    let content = ContentRow { subject: "a\0b".into(), ..ContentRow::default() };
    let bad = Arc::new(NewBlob::new(mailstead::model::ids::BlobHash([7; 32]), b"bad", content).unwrap());
    let mut good = vec![submit(&store, large(0, owner, boxes[0])), submit(&store, large(1, owner, boxes[0]))];
    let bad = submit(&store, job(bad, owner, &boxes));
    good.extend((2..5).map(|n| submit(&store, large(n, owner, boxes[0]))));
    assert!(bad.await.unwrap().is_err());
    for one in good {
        one.await.unwrap().unwrap();
    }
    assert_eq!(count(&store, boxes[0]).await, (5, 5));
}

#[tokio::test]
async fn what_was_only_queued_has_its_content_once_it_is_filed() {
    let database = Database::new().await;
    let store = database.store();
    let (owner, boxes) = account(&store, &["Sent"]).await;
    let sent = blob("a message that went out", "m@x", &[]);
    let mut tx = store.begin().await.unwrap();
    tx.blob_add(&sent, now()).await.unwrap();
    tx.commit().await.unwrap();
    // The client keeps its copy: the same octets.
    store.messages_add(job(sent, owner, &boxes)).await.unwrap();
    let columns = Columns { envelope: true, ..Columns::default() };
    let rows = store.message_rows(boxes[0], &UidSet::from_ranges([1..=1]), columns, 1).await.unwrap();
    assert_eq!(rows[0].envelope.as_deref(), Some(&b"(NIL)"[..]));
}

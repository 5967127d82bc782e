//! The store against a real PostgreSQL.

use crate::harness::pg::Database;
use chrono::{DateTime, Utc};
use mailstead::model::flags::{FlagChange, SystemFlags};
use mailstead::model::ids::{AccountId, BlobHash, MailboxId};
use mailstead::model::uidset::UidSet;
use mailstead::store::append::{Job, NewMessage, Placed};
use mailstead::store::blob::{ContentRow, NewBlob};
use mailstead::store::message::{Columns, Expunge};
use mailstead::store::{Store, statements};
use sqlx::{Connection, Executor, SqlStr};
use std::sync::Arc;

pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// An account with some mailboxes.
pub async fn account(store: &Store, boxes: &[&str]) -> (AccountId, Vec<MailboxId>) {
    let mut tx = store.begin().await.unwrap();
    let known = store.domain_list().await.unwrap();
    let domain = match known.first() {
        Some(domain) => domain.id,
        None => tx.domain_add("example.test", None, now()).await.unwrap(),
    };
    let local = format!("u{}", store.account_list(None).await.unwrap().len());
    let new =
        mailstead::store::account::NewAccount { domain, local: &local, name: "", kind: 0, role: 0, quota_bytes: None };
    let id = tx.account_add(&new, now()).await.unwrap();
    let mut ids = Vec::new();
    for name in boxes {
        let uidvalidity = tx.mailbox_tree_lock(id, now()).await.unwrap();
        ids.push(tx.mailbox_add(id, None, name, None, uidvalidity, now()).await.unwrap());
    }
    tx.commit().await.unwrap();
    (id, ids)
}

pub fn blob(text: &str, message_id: &str, references: &[&str]) -> Arc<NewBlob> {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref());
    let content = ContentRow {
        message_id: Some(message_id.into()),
        references: references.iter().map(|r| (*r).to_owned()).collect(),
        envelope: b"(NIL)".to_vec(),
        ..ContentRow::default()
    };
    Arc::new(NewBlob::new(BlobHash(hash), text.as_bytes(), content).unwrap())
}

pub fn job(blob: Arc<NewBlob>, account: AccountId, mailboxes: &[MailboxId]) -> Job {
    let message = |mailbox: &MailboxId| NewMessage {
        account,
        mailbox: *mailbox,
        blob: 0,
        flags: SystemFlags::empty(),
        keywords: vec![],
        internal_at: now(),
        prefix: b"Return-Path: <>\r\n".to_vec(),
    };
    Job { blobs: vec![blob], messages: mailboxes.iter().map(message).collect(), now: now() }
}

pub async fn add(store: &Store, text: &str, account: AccountId, mailbox: MailboxId) -> Placed {
    store.messages_add(job(blob(text, text, &[]), account, &[mailbox])).await.unwrap()[0]
}

#[tokio::test]
async fn every_statement_prepares_against_the_migrated_schema() {
    let database = Database::new().await;
    let mut conn = sqlx::PgConnection::connect_with(&database.options).await.unwrap();
    let mut wrong = Vec::new();
    for (name, text) in statements() {
        if name == "GRANT_RUNTIME" {
            continue; // a DO block, which can't be prepared; it runs in every test with two roles
        }
        if let Err(error) = conn.prepare(SqlStr::from_static(text)).await {
            wrong.push(format!("{name}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(statements().count() > 80);
}

#[tokio::test]
async fn messages_get_rising_uids_and_are_read_back() {
    let database = Database::new().await;
    let store = database.store();
    let (owner, boxes) = account(&store, &["INBOX", "Copy"]).await;
    let first = add(&store, "one", owner, boxes[0]).await;
    let second = add(&store, "two", owner, boxes[0]).await;
    assert_eq!((first.uid, second.uid), (1, 2));
    assert!(second.modseq > first.modseq);
    let uids = UidSet::from_ranges([1..=9]);
    let rows = store.message_rows(boxes[0], &uids, Columns { envelope: true, ..Columns::default() }, 10).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].size, rows[0].envelope.as_deref()), (20, Some(&b"(NIL)"[..])));
    assert_eq!(store.blob_bytes(rows[1].blob).await.unwrap(), "two");
    let row = store.mailbox_get(boxes[0]).await.unwrap().unwrap();
    assert_eq!((row.messages, row.bytes, row.unseen, row.uidnext), (2, 40, 2, 3));
}

#[tokio::test]
async fn the_same_bytes_are_stored_once_and_a_copy_is_the_same_email() {
    let database = Database::new().await;
    let store = database.store();
    let (owner, boxes) = account(&store, &["INBOX", "Copy"]).await;
    let placed = store.messages_add(job(blob("text", "a", &[]), owner, &boxes)).await.unwrap();
    assert_eq!(placed[0].blob, placed[1].blob);
    assert_eq!(placed[0].email, placed[1].email);
    let again = add(&store, "text", owner, boxes[0]).await;
    assert_eq!(again.blob, placed[0].blob);
    assert_ne!(again.email, placed[0].email);
}

#[tokio::test]
async fn a_reply_joins_its_thread_and_concurrent_replies_agree() {
    let database = Database::new().await;
    let store = database.store();
    let (owner, boxes) = account(&store, &["INBOX"]).await;
    let root = store.messages_add(job(blob("r", "root@x", &[]), owner, &boxes)).await.unwrap()[0];
    let mut replies = Vec::new();
    for n in 0..20 {
        let (store, inbox) = (store.clone(), boxes[0]);
        replies.push(tokio::spawn(async move {
            let message = blob(&format!("reply {n}"), &format!("{n}@x"), &["root@x", "lost@x"]);
            store.messages_add(job(message, owner, &[inbox])).await.unwrap()[0]
        }));
    }
    let mut uids = Vec::new();
    for reply in replies {
        let placed = reply.await.unwrap();
        assert_eq!(placed.thread, root.thread);
        uids.push(placed.uid);
    }
    uids.sort_unstable();
    assert_eq!(uids, (2..=21).collect::<Vec<_>>());
    let stranger = add(&store, "other", owner, boxes[0]).await;
    assert_ne!(stranger.thread, root.thread);
}

#[tokio::test]
async fn a_message_for_a_removed_mailbox_is_refused_and_others_are_not() {
    let database = Database::new().await;
    let store = database.store();
    let (owner, boxes) = account(&store, &["INBOX", "Gone"]).await;
    let mut tx = store.begin().await.unwrap();
    tx.mailbox_remove(owner, boxes[1], now()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(store.messages_add(job(blob("x", "x", &[]), owner, &boxes)).await.is_err(), "all or nothing");
    assert_eq!(store.mailbox_get(boxes[0]).await.unwrap().unwrap().messages, 0);
    add(&store, "x", owner, boxes[0]).await;
}

#[tokio::test]
async fn flags_change_once_count_and_are_found_by_modseq() {
    let database = Database::new().await;
    let store = database.store();
    let (owner, boxes) = account(&store, &["INBOX"]).await;
    for text in ["a", "b", "c"] {
        add(&store, text, owner, boxes[0]).await;
    }
    let before = store.mailbox_get(boxes[0]).await.unwrap().unwrap().modseq;
    let uids = UidSet::from_ranges([1..=2]);
    let keyword = store.keyword_add(owner, "$Work").await.unwrap().unwrap();
    let set = |change, flags, keywords: Vec<i16>, since| {
        let (store, uids) = (store.clone(), uids.clone());
        let mailbox = boxes[0];
        async move {
            let mut tx = store.begin().await.unwrap();
            let locked = tx.mailbox_lock(&[mailbox]).await.unwrap()[0];
            let done = tx.flags_store(&locked, &uids, change, (flags, &keywords), since, now()).await.unwrap();
            tx.commit().await.unwrap();
            done
        }
    };
    assert_eq!(set(FlagChange::Add, SystemFlags::SEEN, vec![keyword], None).await.0, 2);
    assert_eq!(set(FlagChange::Add, SystemFlags::SEEN, vec![keyword], None).await.0, 0, "no change, no modseq");
    assert_eq!(store.mailbox_get(boxes[0]).await.unwrap().unwrap().unseen, 1);
    let changes = store.mailbox_changes(boxes[0], before, owner).await.unwrap().unwrap();
    assert_eq!(changes.modseq, before + 1);
    assert_eq!(changes.list.len(), 1);
    assert_eq!(changes.list[0].uids, uids);
    let (changed, modified) = set(FlagChange::Replace, SystemFlags::DELETED, vec![], Some(before)).await;
    assert_eq!((changed, modified), (0, uids.clone()));
    assert_eq!(set(FlagChange::Remove, SystemFlags::empty(), vec![keyword], None).await.0, 2);
    let entries = store.message_entries(boxes[0], &UidSet::from_ranges([1..=3])).await.unwrap();
    assert_eq!(entries[0].system, SystemFlags::SEEN);
    assert!(entries.iter().all(|e| e.keywords.is_empty()));
}

#[tokio::test]
async fn expunge_copy_and_move_keep_the_counters_true() {
    let database = Database::new().await;
    let store = database.store();
    let (owner, boxes) = account(&store, &["INBOX", "Copy"]).await;
    for text in ["a", "bb", "ccc"] {
        add(&store, text, owner, boxes[0]).await;
    }
    let all = UidSet::from_ranges([1..=u32::MAX]);
    let mut tx = store.begin().await.unwrap();
    let locked = tx.mailbox_lock(&boxes).await.unwrap();
    let copied = tx.message_copy(&locked[0], &UidSet::from_ranges([1..=1, 3..=3]), &locked[1], now()).await.unwrap();
    assert_eq!(copied, [(1, 1), (3, 2)]);
    let gone = tx.message_expunge(&locked[0], &UidSet::from_ranges([1..=1]), Expunge::Moved, now()).await.unwrap();
    assert_eq!(gone.to_string(), "1");
    tx.commit().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let locked = tx.mailbox_lock(&boxes[..1]).await.unwrap()[0];
    assert!(tx.message_expunge(&locked, &all, Expunge::Deleted, now()).await.unwrap().is_empty(), "none is \\Deleted");
    tx.flags_store(&locked, &UidSet::from_ranges([2..=2]), FlagChange::Add, (SystemFlags::DELETED, &[]), None, now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let locked = tx.mailbox_lock(&boxes[..1]).await.unwrap()[0];
    assert_eq!(tx.message_expunge(&locked, &all, Expunge::Deleted, now()).await.unwrap().to_string(), "2");
    tx.commit().await.unwrap();
    let (inbox, copy) =
        (store.mailbox_get(boxes[0]).await.unwrap().unwrap(), store.mailbox_get(boxes[1]).await.unwrap().unwrap());
    assert_eq!((inbox.messages, inbox.bytes, inbox.unseen, inbox.deleted, inbox.uidnext), (1, 20, 1, 0, 4));
    assert_eq!((copy.messages, copy.bytes, copy.unseen, copy.uidnext), (2, 38, 2, 3));
}

#[tokio::test]
async fn one_mailbox_under_load_loses_nothing_and_numbers_in_order() {
    let database = Database::new().await;
    let (store, other) = (database.store(), database.store());
    let (owner, boxes) = account(&store, &["INBOX", "B"]).await;
    let mut tasks = Vec::new();
    for n in 0..120 {
        // Two stores are two processes as far as row locks go.
        let store = if n % 2 == 0 { store.clone() } else { other.clone() };
        let mailboxes = if n % 5 == 0 { boxes.clone() } else { boxes[..1].to_vec() };
        tasks.push(tokio::spawn(async move {
            store.messages_add(job(blob(&format!("m{n}"), &format!("m{n}"), &[]), owner, &mailboxes)).await.unwrap()
        }));
    }
    let mut pairs = Vec::new();
    for task in tasks {
        pairs.extend(task.await.unwrap().into_iter().filter(|p| p.mailbox == boxes[0]).map(|p| (p.uid, p.modseq)));
    }
    pairs.sort_unstable();
    assert_eq!(pairs.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), (1..=120).collect::<Vec<_>>());
    assert!(pairs.windows(2).all(|w| w[0].1 <= w[1].1), "a higher UID never has a lower modseq");
    assert_eq!(store.mailbox_get(boxes[1]).await.unwrap().unwrap().messages, 24);
}

#[tokio::test]
async fn a_removal_takes_along_what_is_under_way() {
    let database = Database::new().await;
    let store = database.store();
    // (the mailbox has children, the whole account goes)
    for (with_child, whole) in [(false, false), (true, false), (false, true)] {
        let (owner, boxes) = account(&store, &["Old"]).await;
        let mut tx = store.begin().await.unwrap();
        if with_child {
            let uidvalidity = tx.mailbox_tree_lock(owner, now()).await.unwrap();
            tx.mailbox_add(owner, Some(boxes[0]), "Child", None, uidvalidity, now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        add(&store, "there", owner, boxes[0]).await;
        // A delivery holds the row when the removal begins.
        let mut delivery = store.begin().await.unwrap();
        delivery.messages_add(&store, &job(blob("late", "late", &[]), owner, &boxes)).await.unwrap();
        let removal = tokio::spawn({
            let (store, mailbox) = (store.clone(), boxes[0]);
            async move {
                let mut tx = store.begin().await.unwrap();
                match whole {
                    true => tx.account_remove(owner).await.unwrap(),
                    false => tx.mailbox_remove(owner, mailbox, now()).await.unwrap(),
                }
                tx.commit().await.unwrap();
            }
        });
        while database.waiting().await == 0 {}
        delivery.commit().await.unwrap();
        removal.await.unwrap();
        assert_eq!(store.counters_wrong().await.unwrap(), []);
        assert_eq!(store.messages_orphaned().await.unwrap(), []);
    }
}

/// What a statement reads of a mailbox does not grow with the mailbox: the plan for any parameters looks into the index
/// range by range.
#[tokio::test]
async fn a_few_messages_of_a_large_mailbox_are_found_by_their_uids() {
    let database = Database::new().await;
    let mut conn = sqlx::PgConnection::connect_with(&database.options).await.unwrap();
    conn.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    for name in ["ENTRIES", "ROWS", "ROWS_CONTENT", "FLAGS_STORE", "COPY", "USAGE_OF"] {
        let (_, text) = statements().find(|(known, _)| *known == name).unwrap();
        conn.execute(sqlx::AssertSqlSafe(format!("PREPARE {name} AS {text}"))).await.unwrap();
        let (count,): (i32,) =
            sqlx::query_as("SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = lower($1)")
                .bind(name)
                .fetch_one(&mut conn)
                .await
                .unwrap();
        // A mailbox, or all partitions are left out; the rest does not matter to a generic plan.
        let nulls = format!("1{}", ", NULL".repeat(count as usize - 1));
        let plan: Vec<(String,)> = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("EXPLAIN EXECUTE {name} ({nulls})")))
            .fetch_all(&mut conn)
            .await
            .unwrap()
            .iter()
            .map(|row| (sqlx::Row::get::<String, _>(row, 0),))
            .collect();
        let looks = plan.iter().any(|(line,)| line.contains("uid >= r.lo") && line.contains("Index Cond"));
        assert!(looks, "{name}: {plan:#?}");
    }
}

//! What becomes of mail that can't be handed over, and what its sender hears of it.

use crate::harness::scene::{ASKED_NOTHING, Manner, Scene, far};
use chrono::TimeDelta;
use mailstead::model::address::Address;
use mailstead::model::dsn::Notify;
use mailstead::service::account::Actor;
use mailstead::service::queue::{Outcome, Words};
use std::collections::HashMap;

#[tokio::test]
async fn a_refused_recipient_is_reported_and_the_others_are_not_affected() {
    let scene = Scene::new().await;
    let rcpt = HashMap::from([("eve@far.test", "550 5.1.1 No such user"), ("joe@far.test", "451 4.2.0 Later")]);
    let (port, seen) = far(Manner { rcpt, ..Manner::default() }).await;
    let to = [
        ("bob@far.test", ASKED_NOTHING),
        ("eve@far.test", ASKED_NOTHING),
        ("joe@far.test", ASKED_NOTHING),
        ("no@far.test", Notify::NEVER),
    ];
    scene.send(&to, "hi\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert_eq!(seen.bodies().len(), 1);
    let waiting = scene.waiting().await;
    assert!(waiting.contains(&("joe@far.test".into(), "451 4.2.0 Later".into())), "{waiting:?}");
    let inbox = scene.inbox().await;
    assert_eq!(inbox.len(), 1);
    for part in [
        "Return-Path: <>\r\nDelivered-To: ann@example.test\r\n",
        "report-type=delivery-status",
        "Your message \"out\" could not be delivered to:\r\n\r\n    eve@far.test\r\n    550 5.1.1 No such user\r\n",
        "Original-Envelope-Id: E42\r\n",
        "Original-Recipient: rfc822; eve@far.test\r\nFinal-Recipient: rfc822; eve@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; 127.0.0.1\r\n",
        "Content-Type: message/rfc822\r\n",
    ] {
        assert!(inbox[0].contains(part), "{part}\n{}", inbox[0]);
    }
    assert!(!inbox[0].contains("joe@far.test"));
}

#[tokio::test]
async fn what_can_wait_is_tried_again_told_once_and_given_up() {
    let scene = Scene::new().await;
    let (port, seen) = far(Manner { end: "452 4.3.1 Full\r\n", ..Manner::default() }).await;
    let route = || Some(format!("smtp://127.0.0.1:{port}"));
    scene.send(&[("bob@far.test", ASKED_NOTHING), ("eve@far.test", Notify::NEVER)], "hi\r\n").await;
    scene.work(route()).await;
    assert_eq!(scene.house.services.queue.next_due().await.unwrap().unwrap().num_minutes(), 5);
    let mut waits = Vec::new();
    for _ in 0..60 {
        let Some(left) = scene.house.services.queue.next_due().await.unwrap() else { break };
        waits.push(left.num_minutes());
        scene.house.clock.advance(left);
        scene.work(route()).await;
    }
    assert_eq!(waits[..8], [5, 10, 20, 40, 80, 160, 240, 240]);
    assert!(waits.iter().sum::<i64>() == 5 * 24 * 60, "{waits:?}");
    assert!(scene.waiting().await.is_empty());
    assert_eq!(seen.bodies().len(), waits.len() + 1);
    let inbox = scene.inbox().await;
    assert_eq!(inbox.len(), 2, "one delay, one failure");
    assert!(inbox[0].contains("Action: delayed\r\nStatus: 4.3.1\r\n") && inbox[0].contains("Will-Retry-Until: "));
    assert!(inbox[1].contains("Action: failed\r\nStatus: 5.3.1\r\n"), "{}", inbox[1]);
    assert!(!inbox.concat().contains("eve@far.test"));
}

#[tokio::test]
async fn success_is_told_where_the_next_server_would_not() {
    for (ehlo, told) in [("250 far.test\r\n", 1), ("250-far.test\r\n250 DSN\r\n", 0)] {
        let scene = Scene::new().await;
        let (port, seen) = far(Manner { ehlo, ..Manner::default() }).await;
        scene.send(&[("bob@far.test", Notify::SUCCESS), ("eve@far.test", ASKED_NOTHING)], "hi\r\n").await;
        scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
        let inbox = scene.inbox().await;
        assert_eq!(inbox.len(), told);
        assert!(inbox.iter().all(|m| m.contains("Action: relayed\r\n") && !m.contains("eve@")));
        let passed =
            seen.commands().iter().any(|c| c == "RCPT TO:<bob@far.test> NOTIFY=SUCCESS ORCPT=rfc822;bob@far.test");
        assert_eq!(passed, told == 0, "{:?}", seen.commands());
    }
}

/// RFC 3461 §4.1: who asks for success hears of local deliveries too, and nobody else does.
#[tokio::test]
async fn success_is_told_of_local_deliveries() {
    let scene = Scene::new().await;
    scene.house.member("bob", "correct horse").await;
    scene.send(&[("bob@example.test", Notify::SUCCESS), ("ann@example.test", ASKED_NOTHING)], "hi\r\n").await;
    let inbox = scene.inbox().await;
    assert_eq!(inbox.len(), 2, "her copy and the report");
    let report = inbox.iter().find(|m| m.contains("report-type=delivery-status")).unwrap();
    for part in
        ["Action: delivered\r\nStatus: 2.0.0\r\n", "rfc822; bob@example.test\r\n", "Original-Envelope-Id: E42\r\n"]
    {
        assert!(report.contains(part), "{part}\n{report}");
    }
    assert!(!report.contains("Final-Recipient: rfc822; ann@"));
    scene.send_from(None, &[("bob@example.test", Notify::SUCCESS)], "hi\r\n").await;
    assert_eq!(scene.inbox().await.len(), 2);
}

#[tokio::test]
async fn a_null_sender_hears_nothing() {
    let scene = Scene::new().await;
    let (port, seen) = far(Manner { end: "550 5.7.1 No\r\n", ..Manner::default() }).await;
    scene.send_from(None, &[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert!(seen.commands().iter().any(|c| c.starts_with("MAIL FROM:<> ")));
    assert!(scene.waiting().await.is_empty() && scene.inbox().await.is_empty());
}

/// RFC 6531 §3.4: only what needs the extension can't go without it.
#[tokio::test]
async fn an_address_that_the_server_cannot_take_keeps_nothing_from_the_others() {
    let scene = Scene::new().await;
    let (port, seen) = far(Manner::default()).await;
    scene.send(&[("bob@far.test", ASKED_NOTHING), ("jörg@far.test", ASKED_NOTHING)], "hi\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert_eq!((seen.bodies().len(), scene.waiting().await.len()), (1, 0));
    let commands = seen.commands();
    assert!(commands.iter().any(|c| c == "RCPT TO:<bob@far.test>") && commands.iter().all(|c| c.is_ascii()));
    let report = scene.inbox().await.remove(0);
    for part in
        ["Original-Recipient: utf-8; jörg@far.test\r\n", "Final-Recipient: utf-8; jörg@far.test\r\n", "Status: 5.6.7"]
    {
        assert!(report.contains(part), "{part}\n{report}");
    }
    let ehlo = "250-far.test\r\n250-SMTPUTF8\r\n250-8BITMIME\r\n250 DSN\r\n";
    let (port, seen) = far(Manner { ehlo, ..Manner::default() }).await;
    scene.send(&[("bob@far.test", ASKED_NOTHING), ("jörg@far.test", ASKED_NOTHING)], "hi\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    let commands = seen.commands();
    assert!(commands[1].contains(" SMTPUTF8"), "{commands:?}");
    assert!(commands.contains(&"RCPT TO:<jörg@far.test> ORCPT=utf-8;jörg@far.test".into()), "{commands:?}");
}

/// A worker that lost its lease, or whose letter was dropped meanwhile, has no say any more.
#[tokio::test]
async fn who_comes_too_late_changes_nothing() {
    let scene = Scene::new().await;
    let queue = &scene.house.services.queue;
    scene.send(&[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    let late = queue.claim(5).await.unwrap().remove(0);
    scene.house.clock.advance(TimeDelta::minutes(11));
    let second = queue.claim(5).await.unwrap().remove(0);
    queue.renew(&late).await.unwrap();
    queue.give_back(std::slice::from_ref(&late)).await.unwrap();
    queue.finish(&late, vec![Outcome::Permanent(Words::ours("5.0.0", "no"))]).await.unwrap();
    assert!(queue.claim(5).await.unwrap().is_empty(), "the lease is the second one's");
    queue.finish(&second, vec![Outcome::Temporary(Words::ours("4.0.0", "later"))]).await.unwrap();
    assert_eq!(scene.waiting().await, [("bob@far.test".to_owned(), "later".to_owned())]);
    scene.house.clock.advance(TimeDelta::hours(1));
    let third = queue.claim(5).await.unwrap().remove(0);
    queue.drop_message(&Actor::command_line(), third.id).await.unwrap();
    queue.finish(&third, vec![Outcome::Permanent(Words::ours("5.0.0", "no"))]).await.unwrap();
    assert!(scene.waiting().await.is_empty() && scene.inbox().await.is_empty());
}

/// A full mailbox hears of failures, and so does an address that leads elsewhere.
#[tokio::test]
async fn reports_reach_their_senders() {
    let scene = Scene::new().await;
    let accounts = &scene.house.services.accounts;
    let address = |raw: &str| Address::parse(raw).unwrap();
    accounts.set_quota(&Actor::command_line(), &address("ann@example.test"), Some(1)).await.unwrap();
    accounts
        .alias_add(
            &Actor::command_line(),
            &address("info@example.test"),
            &[address("ann@example.test"), address("ann@other.test"), address("bob@other.test")],
        )
        .await
        .unwrap();
    scene.send_from(Some("info@example.test"), &[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    let failing = scene.house.services.queue.claim(5).await.unwrap().remove(0);
    let no = Outcome::Permanent(Words::ours("5.0.0", "no"));
    scene.house.services.queue.finish(&failing, vec![no]).await.unwrap();
    assert_eq!(scene.inbox().await.len(), 1, "her quota is one octet");
    let waiting: Vec<_> = scene.waiting().await.into_iter().map(|(to, _)| to).collect();
    assert_eq!(waiting, ["ann@other.test", "bob@other.test"]);
    let (port, seen) = far(Manner::default()).await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert!(seen.commands()[1].starts_with("MAIL FROM:<> "));
    assert!(seen.bodies()[0].contains("report-type=delivery-status"));
}

#[tokio::test]
async fn one_copy_for_each_address_however_many_lead_to_it() {
    let scene = Scene::new().await;
    let accounts = &scene.house.services.accounts;
    let address = |raw: &str| Address::parse(raw).unwrap();
    for alias in ["one@example.test", "two@example.test"] {
        accounts.alias_add(&Actor::command_line(), &address(alias), &[address("bob@far.test")]).await.unwrap();
    }
    let to = ["one@example.test", "two@example.test", "bob@far.test", "bob@far.test"].map(|to| (to, ASKED_NOTHING));
    scene.send(&to, "hi\r\n").await;
    assert_eq!(scene.waiting().await.len(), 1);
}

/// RFC 3464 §2.3.4: a delay has a status of class 4, whatever the server that turns us away says.
#[tokio::test]
async fn without_a_route_or_a_sign_in_mail_is_delayed_and_then_failed() {
    let scene = Scene::new().await;
    scene.send(&[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    scene.house.clock.advance(TimeDelta::hours(5));
    let letter = scene.house.services.queue.claim(5).await.unwrap().remove(0);
    let turned_away = Outcome::Temporary(Words::theirs(535, Some("5.7.8"), "5.7.8 Who are you?", "far.test"));
    scene.house.services.queue.finish(&letter, vec![turned_away]).await.unwrap();
    assert_eq!(scene.waiting().await.len(), 1);
    scene.house.clock.advance(TimeDelta::days(5));
    scene.work(None).await;
    assert!(scene.waiting().await.is_empty());
    let inbox = scene.inbox().await;
    assert!(inbox[0].contains("Action: delayed\r\nStatus: 4.7.8\r\n"), "{}", inbox[0]);
    assert!(inbox[1].contains("Action: failed\r\nStatus: 5.4.4\r\n") && inbox[1].contains("no route"), "{}", inbox[1]);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_keeps_nobody_elses_mail() {
    let scene = Scene::new().await;
    let (port, seen) = far(Manner::default()).await;
    for to in ["bob@far.test", "eve@far.test"] {
        scene.send(&[(to, ASKED_NOTHING)], "hi\r\n").await;
    }
    scene.house.damage("UPDATE queue_recipient SET address = 'nonsense' WHERE address = 'bob@far.test'").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert_eq!(seen.bodies().len(), 1);
    assert_eq!(scene.waiting().await, [("nonsense".to_owned(), String::new())]);
}

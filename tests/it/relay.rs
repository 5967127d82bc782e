//! Mail on its way out, against a server in the test that answers as it is told.

use crate::harness::scene::{ASKED_NOTHING, Manner, Scene, far, tls};
use chrono::TimeDelta;
use std::collections::HashMap;

#[tokio::test]
async fn a_message_goes_out_and_nothing_is_left() {
    let scene = Scene::new().await;
    let (port, seen) = far(Manner::default()).await;
    scene.send(&[("bob@far.test", ASKED_NOTHING), ("eve@far.test", ASKED_NOTHING)], "..dot\r\n.\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    let commands = seen.commands();
    assert_eq!(commands[0], "EHLO mail.example.test");
    assert!(commands[1].starts_with("MAIL FROM:<ann@example.test> SIZE="), "{commands:?}");
    assert_eq!(commands[2..5], ["RCPT TO:<bob@far.test>", "RCPT TO:<eve@far.test>", "DATA"]);
    let body = &seen.bodies()[0];
    assert!(body.starts_with("Received: from test\r\nFrom: ann@example.test\r\n"), "{body}");
    assert!(body.ends_with("\r\n\r\n...dot\r\n.."), "{body}");
    assert!(scene.waiting().await.is_empty() && scene.inbox().await.is_empty());
}

#[tokio::test]
async fn without_a_route_mail_waits_and_goes_when_there_is_one() {
    let scene = Scene::new().await;
    scene.send(&[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    scene.work(None).await;
    let waiting = scene.waiting().await;
    assert_eq!(waiting[0].1, "no route: [outbound] smarthost is not set");
    let (port, seen) = far(Manner::default()).await;
    // Its next try would be minutes away; a worker with a route begins with it.
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    for _ in 0..100 {
        if !seen.bodies().is_empty() {
            return;
        }
        scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    }
    panic!("it did not go");
}

#[tokio::test]
async fn required_tls_is_required_and_nothing_from_before_it_counts() {
    let scene = Scene::new().await;
    scene.send(&[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    let (port, seen) = far(Manner::default()).await;
    scene.work(Some(format!("smtp+starttls://u:p@127.0.0.1:{port}"))).await;
    assert_eq!(seen.commands(), ["EHLO mail.example.test"]);
    assert!(scene.waiting().await[0].1.contains("offers no TLS"));
    // A sign-in without TLS is refused too, also where TLS is not required.
    scene.house.clock.advance(TimeDelta::minutes(5));
    scene.work(Some(format!("smtp://u:p@127.0.0.1:{port}"))).await;
    assert!(scene.waiting().await[0].1.contains("password is not sent"));
    assert!(!seen.commands().iter().any(|c| c.starts_with("AUTH")));
    // The certificate is for far.test, and the name asked for is another: nothing is sent.
    let secure = Manner {
        ehlo: "250-far.test\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
        tls: Some(tls().0.clone()),
        ..Manner::default()
    };
    let (port, seen) = far(secure.clone()).await;
    scene.house.clock.advance(TimeDelta::minutes(10));
    scene.work(Some(format!("smtp+starttls://u:p@127.0.0.1:{port}"))).await;
    assert_eq!(seen.commands(), ["EHLO mail.example.test", "STARTTLS"]);
    // Nor is a password where TLS is only welcome.
    scene.house.clock.advance(TimeDelta::minutes(20));
    scene.work(Some(format!("smtp://u:p@127.0.0.1:{port}"))).await;
    assert!(!seen.commands().iter().any(|c| c.starts_with("AUTH") || c.starts_with("MAIL")), "{:?}", seen.commands());
    // localhost is in the certificate. What stood behind the answer to STARTTLS is not taken as an answer.
    let (port, seen) = far(Manner { injected: "250 evil\r\n235 evil\r\n", ..secure }).await;
    scene.house.clock.advance(TimeDelta::minutes(40));
    scene.work(Some(format!("smtp+starttls://u:p@localhost:{port}"))).await;
    let commands = seen.commands();
    assert_eq!(commands[1..4], ["STARTTLS", "EHLO mail.example.test", "AUTH PLAIN AHUAcA=="], "{commands:?}");
    assert!(scene.waiting().await.is_empty());
}

#[tokio::test]
async fn a_lost_answer_means_again_and_a_bare_lf_never_leaves() {
    let scene = Scene::new().await;
    let (port, seen) = far(Manner { vanish: true, ..Manner::default() }).await;
    scene.send(&[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert_eq!(seen.bodies().len(), 1);
    assert!(scene.waiting().await[0].1.contains("closed the connection"));
    scene.house.clock.advance(TimeDelta::minutes(5));
    let (port, seen) = far(Manner::default()).await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert_eq!(seen.bodies().len(), 1);
    scene.send(&[("bob@far.test", ASKED_NOTHING)], "a\n.\nMAIL FROM:<evil@x>\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert_eq!(seen.bodies().len(), 1);
    assert!(scene.inbox().await[0].contains("Status: 5.6.1\r\n"));
}

#[tokio::test]
async fn two_workers_never_send_the_same_twice_and_a_dead_ones_lease_ends() {
    let scene = Scene::new().await;
    let (port, seen) = far(Manner::default()).await;
    for n in 0..20 {
        scene.send(&[(&format!("r{n}@far.test"), ASKED_NOTHING)], "hi\r\n").await;
    }
    let route = || Some(format!("smtp://127.0.0.1:{port}"));
    // Taken by one that dies.
    let lost = scene.house.services.queue.claim(5).await.unwrap();
    assert_eq!(lost.len(), 5);
    tokio::join!(scene.work(route()), scene.work(route()));
    assert_eq!((seen.bodies().len(), scene.waiting().await.len()), (15, 5));
    scene.house.clock.advance(TimeDelta::minutes(11));
    scene.work(route()).await;
    let commands = seen.commands();
    for n in 0..20 {
        let wanted = format!("RCPT TO:<r{n}@far.test>");
        assert_eq!(commands.iter().filter(|c| **c == wanted).count(), 1, "{n}");
    }
}

/// What a server says is words, whatever octets it is made of: PostgreSQL's text holds no NUL, and a fate that can't be
/// written means sending for ever.
#[tokio::test]
async fn odd_octets_in_an_answer_do_no_harm() {
    let scene = Scene::new().await;
    let (port, seen) = far(Manner { end: "250 2.0.0 Queued\0\x07 \r as x\r\n", ..Manner::default() }).await;
    scene.send(&[("bob@far.test", ASKED_NOTHING), ("eve@far.test", ASKED_NOTHING)], "hi\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert_eq!((seen.bodies().len(), scene.waiting().await.len()), (1, 0));
    let rcpt = HashMap::from([("bob@far.test", "550 5.1.1 No\0 such\x1b[1m user")]);
    let (port, _) = far(Manner { rcpt, ..Manner::default() }).await;
    scene.send(&[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert!(scene.waiting().await.is_empty());
    let report = scene.inbox().await.remove(0);
    assert!(report.contains("550 5.1.1 No  such [1m user\r\n") && !report.contains('\x1b'), "{report}");
}

#[tokio::test]
async fn a_yes_before_the_message_is_no_yes_to_it() {
    let scene = Scene::new().await;
    let (port, seen) = far(Manner { data: "250 2.0.0 ok\r\n", ..Manner::default() }).await;
    scene.send(&[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert!(seen.bodies().is_empty());
    assert!(scene.waiting().await[0].1.contains("took no message"));
}

#[tokio::test]
async fn a_refusal_counts_also_when_the_server_hangs_up_after_it() {
    let scene = Scene::new().await;
    let manner = Manner { end: "554 5.7.1 Spam\r\n", impatient: true, ..Manner::default() };
    let (port, seen) = far(manner).await;
    for body in ["one\r\n", "two\r\n"] {
        scene.send(&[("bob@far.test", ASKED_NOTHING)], body).await;
    }
    scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
    assert_eq!((seen.bodies().len(), scene.waiting().await.len()), (2, 0));
    assert!(scene.inbox().await.iter().all(|report| report.contains("Action: failed\r\nStatus: 5.7.1\r\n")));
}

#[tokio::test]
async fn smtps_checks_the_name_too() {
    let scene = Scene::new().await;
    scene.send(&[("bob@far.test", ASKED_NOTHING)], "hi\r\n").await;
    let ehlo = "250-far.test\r\n250 AUTH PLAIN\r\n";
    let (port, seen) = far(Manner { ehlo, implicit: true, tls: Some(tls().0.clone()), ..Manner::default() }).await;
    scene.work(Some(format!("smtps://u:p@127.0.0.1:{port}"))).await;
    assert!(seen.commands().is_empty() && scene.waiting().await[0].1.contains("certificate"));
    scene.house.clock.advance(TimeDelta::minutes(5));
    scene.work(Some(format!("smtps://u:p@localhost:{port}"))).await;
    assert_eq!(seen.commands()[..2], ["EHLO mail.example.test", "AUTH PLAIN AHUAcA=="]);
    assert!(scene.waiting().await.is_empty());
}

/// RFC 1870, RFC 6152, RFC 3030: what the next server can't take is told at once, what it can goes as it is.
#[tokio::test]
async fn the_next_server_gets_what_it_can_take() {
    for (ehlo, body, status) in [
        ("250-far.test\r\n250 SIZE 20\r\n", "hi\r\n", "5.3.4"),
        ("250 far.test\r\n", "grüße\r\n", "5.6.3"),
        ("250-far.test\r\n250-8BITMIME\r\n250 CHUNKING\r\n", "a\rb\r\n", "5.6.1"),
        ("250-far.test\r\n250 8BITMIME\r\n", "grüße\r\n", ""),
        ("250-far.test\r\n250-BINARYMIME\r\n250 CHUNKING\r\n", "ü\rb\nc", ""),
    ] {
        let scene = Scene::new().await;
        let (port, seen) = far(Manner { ehlo, ..Manner::default() }).await;
        scene.send(&[("bob@far.test", ASKED_NOTHING)], body).await;
        scene.work(Some(format!("smtp://127.0.0.1:{port}"))).await;
        assert!(scene.waiting().await.is_empty());
        let (inbox, bodies, commands) = (scene.inbox().await.concat(), seen.bodies().concat(), seen.commands());
        if status.is_empty() {
            assert!(inbox.is_empty() && bodies.trim_end().ends_with(body.trim_end()), "{ehlo}: {bodies}");
            let kind = if ehlo.contains("BINARY") { " BODY=BINARYMIME" } else { " BODY=8BITMIME" };
            assert!(commands[1].ends_with(kind), "{commands:?}");
        } else {
            assert!(inbox.contains(&format!("Status: {status}\r\n")) && bodies.is_empty(), "{ehlo}: {inbox}");
        }
    }
}

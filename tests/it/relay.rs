//! Mail on its way out, against a server in the test that answers as it is told.

use crate::harness::house::House;
use chrono::TimeDelta;
use mailstead::model::address::Address;
use mailstead::model::dsn::{BodyKind, DsnRequest, Notify};
use mailstead::model::secret::Secret;
use mailstead::model::smarthost::Smarthost;
use mailstead::net::client::ClientTls;
use mailstead::net::stream::Stream;
use mailstead::net::tls::{ServerTls, Source};
use mailstead::relay::session::Times;
use mailstead::relay::worker::{self, Options};
use mailstead::service::account::Actor;
use mailstead::service::login::{Identity, Origin, Protocol};
use mailstead::service::queue::{Outcome, Words};
use mailstead::service::submission::Outgoing;
use mailstead::store::message::Columns;
use rustls::pki_types::pem::PemObject;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How the other side behaves.
#[derive(Clone)]
struct Manner {
    ehlo: &'static str,
    /// Answers to RCPT by address; others get 250.
    rcpt: HashMap<&'static str, &'static str>,
    /// Answer to DATA; with 354 the body is read.
    data: &'static str,
    end: &'static str,
    /// Closes at RSET.
    impatient: bool,
    /// TLS from the first octet.
    implicit: bool,
    /// Closes instead of answering the body.
    vanish: bool,
    tls: Option<ServerTls>,
    /// Sent in one packet with the answer to STARTTLS.
    injected: &'static str,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            ehlo: "250-far.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 1000000\r\n",
            rcpt: HashMap::new(),
            data: "354 go\r\n",
            end: "250 2.0.0 Queued\r\n",
            impatient: false,
            implicit: false,
            vanish: false,
            tls: None,
            injected: "",
        }
    }
}

/// What it saw.
#[derive(Default, Clone)]
struct Seen(Arc<Mutex<(Vec<String>, Vec<String>)>>);

impl Seen {
    fn commands(&self) -> Vec<String> {
        self.0.lock().unwrap().0.clone()
    }

    fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}

async fn far(manner: Manner) -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Seen::default();
    let out = seen.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(talk(Stream::tcp(tcp), manner.clone(), seen.clone()));
        }
    });
    (port, out)
}

async fn read_until(stream: &mut Stream, input: &mut Vec<u8>, end: &[u8]) -> Option<String> {
    loop {
        if let Some(at) = input.windows(end.len()).position(|w| w == end) {
            let line = String::from_utf8_lossy(&input[..at]).into_owned();
            input.drain(..at + end.len());
            return Some(line);
        }
        if stream.read_buf(input).await.ok()? == 0 {
            return None;
        }
    }
}

async fn talk(mut stream: Stream, manner: Manner, seen: Seen) -> Option<()> {
    let mut input = Vec::new();
    if manner.implicit {
        stream = stream.start_tls(manner.tls.as_ref()?, Duration::from_secs(9)).await.ok()?;
    }
    stream.write_all(b"220 far.test\r\n").await.ok()?;
    loop {
        let line = read_until(&mut stream, &mut input, b"\r\n").await?;
        seen.0.lock().unwrap().0.push(line.clone());
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer: String = match verb.as_str() {
            "EHLO" => manner.ehlo.into(),
            "STARTTLS" => {
                stream.write_all(format!("220 go\r\n{}", manner.injected).as_bytes()).await.ok()?;
                stream = stream.start_tls(manner.tls.as_ref()?, Duration::from_secs(9)).await.ok()?;
                input.clear();
                continue;
            }
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                format!("{}\r\n", manner.rcpt.get(address).unwrap_or(&"250 2.1.5 ok"))
            }
            "RSET" if manner.impatient => return None,
            "DATA" if !manner.data.starts_with("354") => manner.data.into(),
            "DATA" => {
                stream.write_all(manner.data.as_bytes()).await.ok()?;
                let body = read_until(&mut stream, &mut input, b"\r\n.\r\n").await?;
                seen.0.lock().unwrap().1.push(body);
                if manner.vanish {
                    return None;
                }
                manner.end.into()
            }
            "AUTH" => "235 2.7.0 in\r\n".into(),
            "QUIT" => "221 bye\r\n".into(),
            _ => "250 ok\r\n".into(),
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        if verb == "QUIT" {
            return None;
        }
    }
}

struct Scene {
    house: House,
    ann: Identity,
}

impl Scene {
    async fn new() -> Self {
        let house = House::new().await;
        house.member("ann", "correct horse").await;
        let origin = Origin { peer: [192, 0, 2, 1].into(), protocol: Protocol::Submission, domain_hint: None };
        let password = Secret::new("correct horse".to_owned());
        let ann = house.services.login.password(&origin, "", "ann", &password).await.unwrap();
        Self { house, ann }
    }

    async fn send(&self, to: &[(&str, Notify)], body: &str) {
        self.send_from(Some("ann@example.test"), to, body).await;
    }

    async fn send_from(&self, from: Option<&str>, to: &[(&str, Notify)], body: &str) {
        let mut spool = self.house.services.spool.begin(0).await.unwrap();
        let head = "From: ann@example.test\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <1@x>\r\nSubject: out\r\n\r\n";
        spool.push(format!("{head}{body}").as_bytes()).await.unwrap();
        let request = |(address, notify): &(&str, Notify)| {
            (Address::parse(address).unwrap(), DsnRequest { notify: *notify, orcpt: None })
        };
        let outgoing = Outgoing {
            sender: from.map(|from| Address::parse(from).unwrap()),
            recipients: to.iter().map(request).collect(),
            message: spool.finish(),
            received: "Received: from test\r\n".into(),
            ret: None,
            envid: Some("E42".into()),
            smtputf8: to.iter().any(|(address, _)| !address.is_ascii()),
            body: BodyKind::SevenBit,
        };
        self.house.services.submission.submit(&self.ann, outgoing).await.unwrap();
    }

    /// Runs a worker until nothing is due any more.
    async fn work(&self, route: Option<String>) {
        let options = Options {
            smarthost: route.map(|url| Smarthost::parse(&url).unwrap()),
            hostname: "mail.example.test".into(),
            tls: tls().1.clone(),
            times: Times { connect: Duration::from_secs(5), ..Times::default() },
            connections: 2,
        };
        let stop = CancellationToken::new();
        let services = &self.house.services;
        let running = tokio::spawn(worker::run(services.queue.clone(), options, services.events(), stop.clone()));
        for look in 0..400 {
            let due = services.queue.next_due().await.unwrap();
            let in_flight = services.queue.list(None).await.unwrap().iter().filter(|row| row.in_flight).count();
            // What a dead worker has stays with it.
            if due.is_none_or(|left| left > TimeDelta::zero()) && (in_flight == 0 || look > 60) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        stop.cancel();
        running.await.unwrap();
    }

    async fn waiting(&self) -> Vec<(String, String)> {
        let rows = self.house.services.queue.list(None).await.unwrap();
        rows.into_iter().map(|row| (row.address, row.answer)).collect()
    }

    /// Ann's INBOX, as text.
    async fn inbox(&self) -> Vec<String> {
        let store = self.house.store();
        let inbox = store.mailbox_find(self.ann.account(), &["INBOX"]).await.unwrap().unwrap();
        let uids = mailstead::model::uidset::UidSet::from_ranges([1..=u32::MAX]);
        let mut out = Vec::new();
        for row in store.message_rows(inbox.id, &uids, Columns::default(), 100).await.unwrap() {
            let blob = store.blob_bytes(row.blob).await.unwrap();
            out.push(String::from_utf8_lossy(&[&row.prefix[..], &blob].concat()).into_owned());
        }
        out
    }
}

fn tls() -> &'static (ServerTls, ClientTls) {
    static TLS: std::sync::OnceLock<(ServerTls, ClientTls)> = std::sync::OnceLock::new();
    TLS.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let source = Source::SelfMade { directory: directory.path().to_owned(), hostname: "far.test".into() };
        let server = ServerTls::open(source).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        let pem = std::fs::read(directory.path().join("self.crt")).unwrap();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        (server, ClientTls::trusting(roots).unwrap())
    })
}

const ASKED_NOTHING: Notify = Notify::empty();

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
    // localhost is in the certificate. What stood behind the answer to STARTTLS is not taken as an answer.
    let (port, seen) = far(Manner { injected: "250 evil\r\n235 evil\r\n", ..secure }).await;
    scene.house.clock.advance(TimeDelta::minutes(20));
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

//! The SMTP doors over a pipe in memory, and over TLS on loopback.

use crate::harness::dial::{dial, tls};
use crate::harness::house::House;
use crate::harness::{scene, transcript};
use mailstead::front::smtp::{Kind, Options, serve};
use mailstead::model::address::Address;
use mailstead::model::secret::Secret;
use mailstead::model::smarthost::Smarthost;
use mailstead::net::listener::Accepted;
use mailstead::net::stream::Stream;
use mailstead::relay::session::{Connection, Failed, Times};
use mailstead::service::Refusal;
use mailstead::service::account::{Actor, Role};
use mailstead::store::message::Columns;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

fn connect(house: &House, kind: Kind) -> (DuplexStream, CancellationToken) {
    let (stream, client) = Stream::memory();
    let shutdown = CancellationToken::new();
    let accepted = Accepted {
        stream,
        peer: "192.0.2.1:4000".parse().unwrap(),
        local: "192.0.2.2:25".parse().unwrap(),
        shutdown: shutdown.clone(),
    };
    let options = Arc::new(Options::new(kind, "mx.example.test", None));
    tokio::spawn(serve(accepted, options, house.services.clone()));
    (client, shutdown)
}

async fn house() -> House {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    house.member("bob", "correct horse").await;
    house
}

/// The newest message of a member's INBOX, prefix and all.
async fn newest(house: &House, local: &str) -> String {
    let store = house.store();
    let account = store.account_find("example.test", local).await.unwrap().unwrap().id;
    let inbox = store.mailbox_find(account, &["INBOX"]).await.unwrap().unwrap();
    let uids = mailstead::model::uidset::UidSet::from_ranges([inbox.uidnext - 1..=u32::MAX]);
    let row = store.message_rows(inbox.id, &uids, Columns::default(), 1).await.unwrap().remove(0);
    let blob = store.blob_bytes(row.blob).await.unwrap();
    assert_eq!(row.size as usize, row.prefix.len() + blob.len());
    String::from_utf8_lossy(&[&row.prefix[..], &blob].concat()).into_owned()
}

#[tokio::test]
async fn every_transcript_plays() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/smtp");
    let mut played = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let kind = match name.split('_').next() {
            Some("lmtp") => Kind::Lmtp,
            Some("submission") => Kind::Submission,
            _ => Kind::Mx,
        };
        let house = house().await;
        let (mut client, _) = connect(&house, kind);
        transcript::play(&name, &std::fs::read_to_string(&path).unwrap(), &mut client).await;
        played += 1;
    }
    assert!(played >= 6, "{played}");
}

#[tokio::test]
async fn a_message_from_a_stranger_is_in_the_inbox_with_its_trace() {
    let house = house().await;
    let (mut client, _) = connect(&house, Kind::Mx);
    let talk = "S: 220<any>\nC: EHLO client.test\nS: 250-mx.example.test\nS: 250-SIZE 52428800\nS: 250-PIPELINING\nS: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250-ENHANCEDSTATUSCODES\nS: 250-CHUNKING\nS: 250-BINARYMIME\nS: 250 DSN\nC: MAIL FROM:<stranger@elsewhere.test>\nS: 250 2.1.0 Sender ok\nC: RCPT TO:<Ann+x@example.test>\nS: 250 2.1.5 Recipient ok\nC: DATA\nS: 354 <any>\nC: Subject: hi\nC:\nC: ..dot\nC: .\nS: 250 2.0.0 Message accepted";
    transcript::play("inline", talk, &mut client).await;
    let text = newest(&house, "ann").await;
    let (prefix, body) = text.split_once("Subject:").unwrap();
    assert_eq!(body, " hi\r\n\r\n.dot\r\n");
    assert!(prefix.starts_with("Return-Path: <stranger@elsewhere.test>\r\nDelivered-To: Ann+x@example.test\r\nReceived: from client.test ([192.0.2.1])\r\n\tby mx.example.test (Mailstead) with ESMTP\r\n\tfor <Ann+x@example.test>;\r\n\t"), "{prefix}");
}

#[tokio::test]
async fn a_shutdown_says_goodbye() {
    let house = house().await;
    let (mut client, shutdown) = connect(&house, Kind::Mx);
    assert!(transcript::read_line(&mut client).await.starts_with("220 "));
    shutdown.cancel();
    assert_eq!(transcript::read_line(&mut client).await, "421 4.3.2 Shutting down, try again soon");
    assert_eq!(transcript::read_line(&mut client).await, "<closed>");
}

#[tokio::test]
async fn an_endless_line_costs_no_memory_and_gets_an_answer() {
    let house = house().await;
    let (client, _) = connect(&house, Kind::Mx);
    let (mut read, mut write) = tokio::io::split(client);
    let sender = tokio::spawn(async move {
        for _ in 0..200 {
            write.write_all(&[b'x'; 10_000]).await.unwrap();
        }
        write.write_all(b"\r\nNOOP\r\nQUIT\r\n").await.unwrap();
    });
    let mut out = String::new();
    read.read_to_string(&mut out).await.unwrap();
    sender.await.unwrap();
    let codes: Vec<&str> = out.lines().map(|line| line.get(..9).unwrap_or(line)).collect();
    assert_eq!(codes[1..], ["500 5.5.2", "250 2.0.0", "221 2.0.0"]);
}

#[tokio::test]
async fn a_database_that_is_away_is_a_451_and_comes_back() {
    let house = house().await;
    let (mut client, _) = connect(&house, Kind::Mx);
    transcript::play(
        "before",
        "S: 220<any>\nC: HELO x\nS: 250 mx.example.test\nC: MAIL FROM:<>\nS: 250<any>",
        &mut client,
    )
    .await;
    house.database_away().await;
    transcript::play(
        "away",
        "C: RCPT TO:<ann@example.test>\nS: 451 4.3.0 Temporarily unavailable, try again later",
        &mut client,
    )
    .await;
    house.database_back().await;
    // Each connection that was cut costs one more refusal at the most; then the service is back by itself.
    for _ in 0..20 {
        client.write_all(b"RCPT TO:<ann@example.test>\r\n").await.unwrap();
        if transcript::read_line(&mut client).await == "250 2.1.5 Recipient ok" {
            return;
        }
    }
    panic!("the service did not come back");
}

/// Says it and reads the answer's code and enhanced code.
async fn say<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(client: &mut S, line: &str) -> String {
    client.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
    let mut answer = transcript::read_line(client).await;
    while answer.as_bytes().get(3) == Some(&b'-') {
        answer = transcript::read_line(client).await;
    }
    answer.chars().take(9).collect::<String>().trim_end().to_owned()
}

fn address(raw: &str) -> Address {
    Address::parse(raw).unwrap()
}

/// RFC 5321 §4.5.1: it is always taken, so somebody must get it.
#[tokio::test]
async fn postmasters_mail_reaches_somebody() {
    let house = House::new().await;
    let (mut client, _) = connect(&house, Kind::Mx);
    transcript::read_line(&mut client).await;
    say(&mut client, "HELO client.test").await;
    say(&mut client, "MAIL FROM:<>").await;
    assert_eq!(say(&mut client, "RCPT TO:<postmaster>").await, "451 4.3.0");
    house.member("ann", "correct horse").await;
    house.member("bob", "correct horse").await;
    for (subject, reader) in [("nobody is owner", "ann"), ("eve is owner", "eve")] {
        assert_eq!(say(&mut client, "RCPT TO:<abuse@example.test>").await, "250 2.1.5");
        say(&mut client, "DATA").await;
        assert_eq!(say(&mut client, &format!("Subject: {subject}\r\n.")).await, "250 2.0.0");
        assert!(newest(&house, reader).await.contains(subject));
        let password = Secret::new("correct horse".to_owned());
        let owner = address("eve@example.test");
        house.services.accounts.add(&Actor::command_line(), &owner, "Eve", Role::Owner, None, password).await.ok();
        say(&mut client, "MAIL FROM:<>").await;
    }
}

#[tokio::test]
async fn a_full_mailbox_is_told_as_the_setting_says() {
    let house = house().await;
    let actor = Actor::command_line();
    house.services.accounts.set_quota(&actor, &address("ann@example.test"), Some(300)).await.unwrap();
    let (mut client, _) = connect(&house, Kind::Mx);
    transcript::read_line(&mut client).await;
    say(&mut client, "HELO client.test").await;
    for (setting, code) in [("defer", "452 4.2.2"), ("refuse", "552 5.2.2")] {
        house.services.settings.set(&actor, "delivery.over_quota", setting).await.unwrap();
        say(&mut client, "MAIL FROM:<>").await;
        assert_eq!(say(&mut client, "RCPT TO:<ann@example.test>").await, "250 2.1.5");
        say(&mut client, "DATA").await;
        assert_eq!(say(&mut client, &format!("{}\r\n.", "x".repeat(301))).await, code, "too large for what is left");
    }
    say(&mut client, "MAIL FROM:<>").await;
    say(&mut client, "RCPT TO:<ann@example.test>").await;
    say(&mut client, "DATA").await;
    // With its trace fields it is more than the quota, which is not asked about those.
    assert_eq!(say(&mut client, &format!("{}\r\n.", "x".repeat(280))).await, "250 2.0.0");
    for (setting, code) in [("defer", "452 4.2.2"), ("refuse", "552 5.2.2")] {
        house.services.settings.set(&actor, "delivery.over_quota", setting).await.unwrap();
        say(&mut client, "MAIL FROM:<>").await;
        assert_eq!(say(&mut client, "RCPT TO:<ann@example.test>").await, code, "nothing is left");
        assert_eq!(say(&mut client, "RCPT TO:<bob@example.test>").await, "250 2.1.5");
        say(&mut client, "RSET").await;
    }
}

#[tokio::test]
async fn recipients_beyond_the_limit_wait_and_the_others_get_it() {
    let house = house().await;
    let (mut client, _) = connect(&house, Kind::Mx);
    transcript::read_line(&mut client).await;
    say(&mut client, "HELO client.test").await;
    say(&mut client, "MAIL FROM:<>").await;
    let mut codes = std::collections::BTreeMap::<String, u32>::new();
    for n in 0..1030 {
        *codes.entry(say(&mut client, &format!("RCPT TO:<ann+{n}@example.test>")).await).or_default() += 1;
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [("250 2.1.5".into(), 1000), ("452 4.5.3".into(), 30)]);
    say(&mut client, "DATA").await;
    assert_eq!(say(&mut client, "Subject: many\r\n.").await, "250 2.0.0");
    assert!(newest(&house, "ann").await.contains("Subject: many"));
}

#[tokio::test]
async fn guessing_ends_the_connection() {
    let house = house().await;
    let (mut client, _) = connect(&house, Kind::Mx);
    transcript::read_line(&mut client).await;
    say(&mut client, "HELO client.test").await;
    say(&mut client, "MAIL FROM:<>").await;
    for n in 0..20 {
        assert_eq!(say(&mut client, &format!("RCPT TO:<guess{n}@example.test>")).await, "550 5.1.1");
    }
    assert_eq!(transcript::read_line(&mut client).await, "421 4.7.0 Too many errors");
    assert_eq!(transcript::read_line(&mut client).await, "<closed>");
}

/// RFC 5321 §6.3.
#[tokio::test]
async fn what_goes_in_circles_is_refused() {
    let house = house().await;
    let (mut client, _) = connect(&house, Kind::Mx);
    transcript::read_line(&mut client).await;
    say(&mut client, "HELO client.test").await;
    for (hops, code) in [(99, "250 2.0.0"), (100, "554 5.4.6")] {
        say(&mut client, "MAIL FROM:<>").await;
        say(&mut client, "RCPT TO:<ann@example.test>").await;
        say(&mut client, "DATA").await;
        let message = format!("{}Subject: x\r\n\r\nReceived: no\r\n.", "received: from a\r\n\tby b\r\n".repeat(hops));
        assert_eq!(say(&mut client, &message).await, code);
    }
}

/// PostgreSQL's text can't hold it, whatever way it came.
#[tokio::test]
async fn a_nul_in_an_encoded_word_is_survived() {
    let house = house().await;
    let (mut client, _) = connect(&house, Kind::Mx);
    transcript::read_line(&mut client).await;
    say(&mut client, "HELO client.test").await;
    say(&mut client, "MAIL FROM:<>").await;
    say(&mut client, "RCPT TO:<ann@example.test>").await;
    say(&mut client, "DATA").await;
    let message = "Subject: =?utf-8?Q?a=00b?=\r\nFrom: =?utf-8?Q?=00?= <a@b.test>\r\nMessage-ID: <=?utf-8?Q?=00?=@x>\r\nContent-Type: text/plain; name*=utf-8''%00\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=00\r\n.";
    assert_eq!(say(&mut client, message).await, "250 2.0.0");
}

/// RFC 3207 §4.2: what was said in the clear, and what was slipped in behind STARTTLS, is forgotten.
#[tokio::test]
async fn nothing_from_before_tls_counts() {
    let house = house().await;
    let options = Arc::new(Options::new(Kind::Mx, "mx.example.test", Some(tls().server.clone())));
    let services = house.services.clone();
    let mut clear = dial(false, CancellationToken::new(), move |a| serve(a, options, services)).await;
    transcript::read_line(&mut clear).await;
    assert_eq!(say(&mut clear, "EHLO client.test").await, "250 START");
    assert_eq!(say(&mut clear, "MAIL FROM:<evil@elsewhere.test>").await, "250 2.1.0");
    assert_eq!(say(&mut clear, "STARTTLS\r\nNOOP\r\nVRFY x").await, "220 2.0.0");
    let name = rustls::pki_types::ServerName::try_from("mail.example.test").unwrap();
    let connector = tokio_rustls::TlsConnector::from(tls().client.clone());
    let mut client = connector.connect(name, clear).await.unwrap();
    assert_eq!(say(&mut client, "RCPT TO:<ann@example.test>").await, "503 5.5.1");
    assert_eq!(say(&mut client, "EHLO client.test").await, "250 DSN");
    assert_eq!(say(&mut client, "STARTTLS").await, "503 5.5.1");
}

/// A message in chunks is no conversation, also at a moment when nothing can be taken.
#[tokio::test]
async fn a_chunk_is_no_command_while_the_database_is_away() {
    let house = house().await;
    let options = Arc::new(Options::new(Kind::Submission, "mx.example.test", Some(tls().server.clone())));
    let services = house.services.clone();
    let mut client = dial(true, CancellationToken::new(), move |a| serve(a, options, services)).await;
    transcript::read_line(&mut client).await;
    say(&mut client, "EHLO client.test").await;
    assert_eq!(say(&mut client, "AUTH PLAIN AGFubgBjb3JyZWN0IGhvcnNl").await, "235 2.7.0");
    say(&mut client, "MAIL FROM:<ann@example.test>").await;
    assert_eq!(say(&mut client, "RCPT TO:<bob@example.test>").await, "250 2.1.5");
    house.database_away().await;
    assert_eq!(say(&mut client, "BDAT 6\r\nQUIT").await, "451 4.3.0");
    assert_eq!(say(&mut client, "BDAT 6 LAST\r\nQUIT").await, "451 4.3.0");
    assert_eq!(say(&mut client, "NOOP").await, "250 2.0.0");
}

/// RFC 6409 §6.1: neither envelope nor header may name another.
#[tokio::test]
async fn members_send_as_themselves() {
    let house = house().await;
    let actor = Actor::command_line();
    let sales = address("sales@example.test");
    house.services.accounts.alias_add(&actor, &sales, &[address("ann@example.test")]).await.unwrap();
    let options = Arc::new(Options::new(Kind::Submission, "mx.example.test", Some(tls().server.clone())));
    let services = house.services.clone();
    let mut client = dial(true, CancellationToken::new(), move |a| serve(a, options, services)).await;
    transcript::read_line(&mut client).await;
    // A name of another script must not turn an ASCII message into one that needs SMTPUTF8.
    say(&mut client, "EHLO münchen").await;
    assert_eq!(say(&mut client, "AUTH PLAIN AGFubgBjb3JyZWN0IGhvcnNl").await, "235 2.7.0");
    assert_eq!(say(&mut client, "MAIL FROM:<bob@example.test>").await, "553 5.7.1");
    assert_eq!(say(&mut client, "MAIL FROM:<ann@elsewhere.test>").await, "553 5.7.1");
    assert_eq!(say(&mut client, "MAIL FROM:<\"ann+ <bob@x> \"@example.test>").await, "553 5.7.1");
    for (from, code) in [
        ("From: Ann+x@Example.test", "250 2.0.0"),
        ("From: Sales <sales@example.test>, ann@example.test", "250 2.0.0"),
        ("From: bob@example.test", "550 5.7.1"),
        ("From: ann@example.test, bob@example.test", "550 5.7.1"),
        ("From: ann@example.test\r\nFrom: bob@example.test", "550 5.7.1"),
        ("From: \"ann@example.test\" <bob@example.test>", "550 5.7.1"),
        ("From: ann@example.test <bob@example.test>", "550 5.7.1"),
        ("From: (ann@example.test)", "550 5.6.0"),
        ("From : bob@example.test", "550 5.7.1"),
        // An address of another's where a detail of one's own seems to stand.
        ("From: <ann+,president@bank.test,x@example.test>", "550 5.7.1"),
        ("From: <ann+ <president@bank.test> <x@example.test>", "550 5.7.1"),
        ("From: <ann+x@bank.test> <y@example.test>", "550 5.7.1"),
        ("From: ann+x president@bank.test y@example.test", "550 5.7.1"),
        ("From: \"ann+,president@bank.test,x\"@example.test", "550 5.7.1"),
        ("From: nobody", "550 5.7.1"),
        ("From: ann@example.test\r\nSender: president@bank.test", "550 5.7.1"),
        ("From: ann@example.test\r\nSENDER: nobody", "550 5.7.1"),
        ("From: ann@example.test\r\nResent-From: president@bank.test", "550 5.7.1"),
        ("From: ann@example.test\r\nResent-Sender: bob@example.test", "550 5.7.1"),
        ("From: \"Ann, the \\\"Great\\\"\" <ann+x@example.test>", "250 2.0.0"),
        ("From: =?utf-8?Q?Ann=2C?= =?utf-8?B?TGVl?= <ann@example.test>", "250 2.0.0"),
        ("From: (an (old\\) way), bob@example.test) ann@example.test (Ann Lee)", "250 2.0.0"),
        ("From: Ann B. Lee\r\n\t<ann@example.test>", "250 2.0.0"),
        ("From: ann@example.test,\r\n sales@example.test\r\nSender: Ann <ann@example.test>", "250 2.0.0"),
        ("From: ann@example.test\r\nResent-From: sales@example.test\r\nResent-Sender: ann@example.test", "250 2.0.0"),
        // Last, for what is looked at below.
        ("From: Sales <sales@example.test>, ann+y@example.test", "250 2.0.0"),
        ("Subject: none", "550 5.6.0"),
    ] {
        assert_eq!(say(&mut client, "MAIL FROM:<ann@example.test>").await, "250 2.1.0");
        assert_eq!(say(&mut client, "RCPT TO:<bob@example.test>").await, "250 2.1.5");
        say(&mut client, "DATA").await;
        assert_eq!(say(&mut client, &format!("{from}\r\n\r\nhi\r\n.")).await, code, "{from}");
    }
    let text = newest(&house, "bob").await;
    assert!(text.contains("From: Sales") && text.contains("Received: from m?nchen ") && text.is_ascii(), "{text}");
}

/// A few who announce much and send nothing shut out neither other networks nor members.
#[tokio::test]
async fn strangers_of_one_network_get_their_share_of_the_budget_and_no_more() {
    let house = house().await;
    let spool = &house.services.spool;
    let much = spool.message_limit();
    let peer = |last: u8| std::net::IpAddr::from([192, 0, 2, last]);
    let held = spool.begin_for_stranger(peer(1), much).await.unwrap();
    assert!(matches!(spool.begin_for_stranger(peer(2), much).await, Err(Refusal::Busy)));
    let small = spool.begin_for_stranger(peer(3), 4096).await.unwrap();
    let others = spool.begin_for_stranger([198, 51, 100, 1].into(), much).await.unwrap();
    let member = spool.begin(much).await.unwrap();
    let (mut client, _) = connect(&house, Kind::Mx);
    transcript::read_line(&mut client).await;
    say(&mut client, "EHLO client.test").await;
    say(&mut client, &format!("MAIL FROM:<> SIZE={much}")).await;
    say(&mut client, "RCPT TO:<ann@example.test>").await;
    assert_eq!(say(&mut client, "DATA").await, "452 4.3.1");
    drop((held, small, others, member));
    assert_eq!(say(&mut client, "DATA").await, "354 Go on");
}

/// RFC 1870: with SIZE and without, by DATA and by BDAT; what follows is commands again.
#[tokio::test]
async fn the_size_limit_is_exact_and_the_session_goes_on() {
    let house = house().await;
    house.services.settings.set(&Actor::command_line(), "message.size", "1MiB").await.unwrap();
    let (client, _) = connect(&house, Kind::Mx);
    // Not to wait for each other when the answers come before all is sent.
    let (mut read, mut write) = tokio::io::split(client);
    let line = format!("{}\r\n", "x".repeat(1022));
    let fits = line.repeat(1024);
    let sender = tokio::spawn(async move {
        let envelope = "MAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\n";
        let mut talk = "EHLO client.test\r\nMAIL FROM:<> SIZE=1048577\r\n".to_owned();
        for body in [fits.clone(), format!("..{}", &fits[1..]), format!("y{fits}"), line.repeat(3000)] {
            talk += &format!("{envelope}DATA\r\n{body}.\r\n");
        }
        for body in [fits.clone(), format!("y{fits}")] {
            talk += &format!("{envelope}BDAT {} LAST\r\n{body}", body.len());
        }
        talk += &format!("{envelope}BDAT 1048576\r\n{fits}BDAT 1 LAST\r\ny");
        talk += &format!("{envelope}DATA\r\n{}", line.repeat(5000));
        // The last one is more than anybody drains: the connection ends while it is sent.
        let _ = write.write_all(talk.as_bytes()).await;
    });
    let mut out = String::new();
    let _ = read.read_to_string(&mut out).await;
    sender.await.unwrap();
    let large = "552 5.3.4";
    let answers: Vec<&str> = out
        .lines()
        .filter(|line| !line.starts_with("250-") && !line.starts_with("250 2.1") && !line.starts_with("354"))
        .map(|line| line.get(..9).unwrap_or(line))
        .collect();
    let ok = "250 2.0.0";
    assert_eq!(answers[1..], ["250 DSN", large, ok, ok, large, large, ok, large, ok, large, large]);
}

/// With the channel bound where both can (SCRAM-SHA-256-PLUS): our client at our door.
#[tokio::test]
async fn the_relay_signs_in_at_a_door_like_ours() {
    let house = house().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let services = house.services.clone();
    tokio::spawn(async move {
        while let Ok((tcp, peer)) = listener.accept().await {
            let options = Options::new(Kind::Submission, "mx.example.test", Some(scene::tls().0.clone()));
            let shutdown = CancellationToken::new();
            let accepted = Accepted { stream: Stream::tcp(tcp), peer, local: peer, shutdown };
            tokio::spawn(serve(accepted, Arc::new(options), services.clone()));
        }
    });
    let open = async |sign_in: &str| {
        let route = Smarthost::parse(&format!("smtp+starttls://{sign_in}@localhost:{port}")).unwrap();
        Connection::open(&route, "client.test", &scene::tls().1, Times::default()).await
    };
    open("ann%40example.test:correct%20horse").await.unwrap().quit().await;
    let Err(Failed(words)) = open("ann:wrong").await else { panic!("let in") };
    assert_eq!((words.code, words.status.as_deref()), (535, Some("5.7.8")));
}

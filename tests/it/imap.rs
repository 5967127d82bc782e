//! The IMAP door over TLS on loopback, and in the clear.

use crate::harness::dial::{Client, dial, tls};
use crate::harness::house::House;
use crate::harness::transcript;
use mailstead::front::imap::{Options, serve};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

async fn open(house: &House, options: Options, secure: bool) -> (Box<dyn Client>, CancellationToken) {
    let (services, shutdown) = (house.services.clone(), CancellationToken::new());
    let options = Arc::new(options);
    let client = dial(secure, shutdown.clone(), move |accepted| serve(accepted, options, services)).await;
    (client, shutdown)
}

fn options() -> Options {
    Options::new("mail.example.test", Some(tls().server.clone()))
}

async fn connect(house: &House) -> Box<dyn Client> {
    open(house, options(), true).await.0
}

/// Signed in and with a mailbox selected; what SELECT tells has been read.
async fn selected(house: &House, mailbox: &str) -> Box<dyn Client> {
    let mut client = connect(house).await;
    let text = "S: * OK <any>\nC: l LOGIN ann \"correct horse\"\nS: l OK <any>";
    transcript::play("sign in", text, &mut client).await;
    client.write_all(format!("s SELECT {mailbox}\r\n").as_bytes()).await.unwrap();
    while !transcript::read_line(&mut client).await.starts_with("s OK") {}
    client
}

async fn house() -> House {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    house
}

async fn play(client: &mut Box<dyn Client>, text: &str) {
    transcript::play("inline", text, client).await;
}

#[tokio::test]
async fn every_transcript_plays() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/imap");
    let mut playing = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // One after the other: the test cluster's lock blocks its thread.
        let house = house().await;
        playing.push(tokio::spawn(async move {
            let (mut client, _) = open(&house, options(), !name.starts_with("clear_")).await;
            transcript::play(&name, &std::fs::read_to_string(&path).unwrap(), &mut client).await;
        }));
    }
    assert!(playing.len() >= 10);
    let mut failed = 0;
    for task in playing {
        failed += u32::from(task.await.is_err());
    }
    assert_eq!(failed, 0);
}

#[tokio::test]
async fn starttls_forgets_what_was_said_in_the_clear() {
    let house = house().await;
    let (mut client, _) = open(&house, options(), false).await;
    assert!(transcript::read_line(&mut client).await.starts_with("* OK"));
    // The NOOP comes in the same packet, before the handshake: nobody may answer it.
    client.write_all(b"a STARTTLS\r\nb NOOP\r\n").await.unwrap();
    assert_eq!(transcript::read_line(&mut client).await, "a OK Begin TLS now");
    let connector = tokio_rustls::TlsConnector::from(tls().client.clone());
    let name = rustls::pki_types::ServerName::try_from("mail.example.test").unwrap();
    let mut secure: Box<dyn Client> = Box::new(connector.connect(name, client).await.unwrap());
    play(&mut secure, "C: c CAPABILITY\nS: * CAPABILITY <any>AUTH=PLAIN<any>\nS: c OK <any>").await;
}

#[tokio::test]
async fn an_idling_client_is_told_of_mail_flags_and_expunges() {
    let house = house().await;
    let watchers = house.services.watchers.clone();
    tokio::spawn(async move { watchers.run().await });
    let mut idle = selected(&house, "INBOX").await;
    let mut other = selected(&house, "INBOX").await;
    play(&mut idle, "C: i IDLE\nS: + idling").await;
    play(&mut other, "C: a APPEND INBOX {4+}\nC: a: b\nS: * 1 EXISTS\nS: * <any> RECENT\nS: a OK <any>").await;
    play(&mut idle, "S: * 1 EXISTS\nS: * <any> RECENT").await;
    play(&mut other, "C: c STORE 1 +FLAGS.SILENT (\\Deleted)\nS: c OK <any>").await;
    play(&mut idle, "S: * 1 FETCH (UID 1 FLAGS (\\Deleted<any>").await;
    play(&mut other, "C: d EXPUNGE\nS: * 1 EXPUNGE\nS: d OK <any>").await;
    play(&mut idle, "S: * 1 EXPUNGE\nC: DONE\nS: i OK IDLE completed").await;
}

/// Of two sessions the first that is told of a message has it as `\Recent` (RFC 3501 §2.3.2).
#[tokio::test]
async fn recent_belongs_to_one_session() {
    let house = house().await;
    let (mut one, mut two) = (selected(&house, "INBOX").await, selected(&house, "INBOX").await);
    play(&mut one, "C: a APPEND INBOX {4+}\nC: a: b\nS: * 1 EXISTS\nS: * 1 RECENT\nS: a OK <any>").await;
    play(&mut two, "C: b NOOP\nS: * 1 EXISTS\nS: * 0 RECENT\nS: b OK <any>").await;
    play(&mut two, "C: c FETCH 1 FLAGS\nS: * 1 FETCH (FLAGS ())\nS: c OK <any>").await;
    play(&mut one, "C: d FETCH 1 FLAGS\nS: * 1 FETCH (FLAGS (\\Recent))\nS: d OK <any>").await;
}

#[tokio::test]
async fn expunges_wait_while_numbers_are_in_use() {
    let house = house().await;
    let (mut one, mut two) = (selected(&house, "INBOX").await, selected(&house, "INBOX").await);
    for n in 1..=3 {
        let text = format!("C: p APPEND INBOX {{4+}}\nC: a: {n}\nS: * {n} EXISTS\nS: * <any> RECENT\nS: p OK <any>");
        play(&mut one, &text).await;
    }
    play(&mut two, "C: a NOOP\nS: * 3 EXISTS\nS: * 0 RECENT\nS: a OK <any>").await;
    play(
        &mut one,
        "C: b STORE 2 +FLAGS.SILENT (\\Deleted)\nS: b OK <any>\nC: c EXPUNGE\nS: * 2 EXPUNGE\nS: c OK <any>",
    )
    .await;
    // The second session still counts three; what is gone can't be read, the rest can.
    play(
        &mut two,
        "C: d FETCH 2:3 (UID RFC822.SIZE)\nS: * 3 FETCH (UID 3 RFC822.SIZE 4)\nS: d NO [EXPUNGEISSUED] <any>",
    )
    .await;
    play(&mut two, "C: e FETCH 3 (UID)\nS: * 3 FETCH (UID 3)\nS: e OK <any>").await;
    play(&mut two, "C: f SEARCH ALL\nS: * SEARCH 1 2 3\nS: f OK <any>").await;
    play(&mut two, "C: g NOOP\nS: * 2 EXPUNGE\nS: g OK <any>\nC: h SEARCH ALL\nS: * SEARCH 1 2\nS: h OK <any>").await;
}

#[tokio::test]
async fn two_processes_on_one_database_see_each_other_without_hints() {
    let house = house().await;
    // Its own hub, never connected: every hint of the other process is lost, only the poll is left.
    let second = house.second_process().await;
    let watchers = second.watchers.clone();
    tokio::spawn(async move { watchers.run().await });
    let options = Arc::new(options());
    let mut idle = dial(true, CancellationToken::new(), move |accepted| serve(accepted, options, second)).await;
    play(&mut idle, "S: * OK <any>\nC: l LOGIN ann \"correct horse\"\nS: l OK <any>\nC: s EXAMINE INBOX").await;
    while !transcript::read_line(&mut idle).await.starts_with("s OK") {}
    play(&mut idle, "C: i IDLE\nS: + idling").await;
    let mut first = selected(&house, "INBOX").await;
    play(&mut first, "C: a APPEND INBOX {4+}\nC: a: b\nS: * 1 EXISTS\nS: * 1 RECENT\nS: a OK <any>").await;
    play(&mut idle, "S: * 1 EXISTS").await;
}

#[tokio::test]
async fn a_session_ends_when_its_password_or_its_mailbox_is_gone() {
    let house = house().await;
    let watchers = house.services.watchers.clone();
    tokio::spawn(async move { watchers.run().await });
    let mut idle = selected(&house, "INBOX").await;
    let mut busy = selected(&house, "Trash").await;
    play(&mut idle, "C: i IDLE\nS: + idling").await;
    let mut other = selected(&house, "INBOX").await;
    play(&mut other, "C: a DELETE Trash\nS: a OK <any>").await;
    play(&mut busy, "C: b NOOP\nS: b NO [NONEXISTENT] <any>\nS: * BYE The selected mailbox was removed\nS: <closed>")
        .await;
    house.set_password("ann", "battery staple").await;
    play(&mut idle, "S: i NO [UNAVAILABLE] Signed out\nS: * BYE Credentials were changed, sign in again\nS: <closed>")
        .await;
    play(&mut other, "C: c NOOP\nS: c NO [UNAVAILABLE] Signed out\nS: * BYE <any>\nS: <closed>").await;
}

#[tokio::test]
async fn a_database_that_is_away_is_a_no_and_comes_back() {
    let house = house().await;
    let mut client = selected(&house, "INBOX").await;
    play(&mut client, "C: a APPEND INBOX {4+}\nC: a: b\nS: * 1 EXISTS\nS: * 1 RECENT\nS: a OK <any>").await;
    house.database_away().await;
    let away = "[UNAVAILABLE] Temporarily unavailable, try again later";
    for command in ["NOOP", "FETCH 1 BODY[]", "STORE 1 +FLAGS (\\Seen)", "SELECT Sent", "APPEND INBOX {4+}\r\na: b"] {
        client.write_all(format!("x {command}\r\n").as_bytes()).await.unwrap();
        assert_eq!(transcript::read_line(&mut client).await, format!("x NO {away}"), "{command}");
    }
    house.database_back().await;
    for _ in 0..20 {
        client.write_all(b"y FETCH 1 (RFC822.SIZE)\r\n").await.unwrap();
        if transcript::read_line(&mut client).await == "* 1 FETCH (RFC822.SIZE 4)" {
            return;
        }
    }
    panic!("the service did not come back");
}

#[tokio::test]
async fn endless_lines_and_slow_strangers_cost_little() {
    let house = house().await;
    let mut client = connect(&house).await;
    assert!(transcript::read_line(&mut client).await.starts_with("* OK"));
    let line = vec![b'x'; 200_000];
    client.write_all(&[b"a ", &line[..], b" {3+}\r\nabc\r\nb NOOP\r\n"].concat()).await.unwrap();
    play(&mut client, "S: a BAD Command too long\nS: b OK <any>").await;
    let quick = Options { stranger: std::time::Duration::from_millis(50), ..options() };
    let (mut client, _) = open(&house, quick, true).await;
    play(&mut client, "S: * OK <any>\nS: * BYE Waited too long\nS: <closed>").await;
    let (mut client, shutdown) = open(&house, options(), true).await;
    assert!(transcript::read_line(&mut client).await.starts_with("* OK"));
    shutdown.cancel();
    play(&mut client, "S: * BYE Shutting down, try again soon\nS: <closed>").await;
}

/// Faults end a session when they come in a row; a long life with a fault now and then does not.
#[tokio::test]
async fn faults_count_in_a_row_and_all_of_them_before_sign_in() {
    let house = house().await;
    let mut client = selected(&house, "INBOX").await;
    for _ in 0..3 {
        for _ in 0..19 {
            play(&mut client, "C: a XYZZY\nS: a BAD <any>").await;
        }
        play(&mut client, "C: b NOOP\nS: b OK <any>").await;
    }
    for _ in 0..20 {
        play(&mut client, "C: a XYZZY\nS: a BAD <any>").await;
    }
    play(&mut client, "S: * BYE Too many errors\nS: <closed>").await;
    let mut stranger = connect(&house).await;
    play(&mut stranger, "S: * OK <any>").await;
    for _ in 0..19 {
        play(&mut stranger, "C: a XYZZY\nS: a BAD <any>\nC: b NOOP\nS: b OK <any>").await;
    }
    play(&mut stranger, "C: a XYZZY\nS: a BAD <any>\nS: * BYE Too many errors\nS: <closed>").await;
}

/// Talking does not prolong a stranger's stay, and a member's stay is not bounded by it.
#[tokio::test]
async fn a_stranger_that_keeps_talking_is_shown_out() {
    let house = house().await;
    let quick = Options { sign_in: std::time::Duration::from_millis(300), ..options() };
    let (mut member, _) = open(&house, quick.clone(), true).await;
    play(&mut member, "S: * OK <any>\nC: l LOGIN ann \"correct horse\"\nS: l OK <any>").await;
    let (mut client, _) = open(&house, quick, true).await;
    play(&mut client, "S: * OK <any>").await;
    let mut last = String::new();
    for _ in 0..100_000 {
        if client.write_all(b"a NOOP\r\n").await.is_err() {
            break;
        }
        last = transcript::read_line(&mut client).await;
        if last.starts_with("* BYE") {
            break;
        }
    }
    assert_eq!(last, "* BYE Waited too long");
    play(&mut member, "C: n NOOP\nS: n OK <any>").await;
}

/// What another session expunged: by UID it is passed over, by number the client learns why it is missing.
#[tokio::test]
async fn a_uid_that_is_gone_is_passed_over() {
    let house = house().await;
    let (mut one, mut two) = (selected(&house, "INBOX").await, selected(&house, "INBOX").await);
    for n in 1..=2 {
        let text = format!("C: p APPEND INBOX {{4+}}\nC: a: {n}\nS: * {n} EXISTS\nS: * <any> RECENT\nS: p OK <any>");
        play(&mut one, &text).await;
    }
    play(&mut two, "C: a NOOP\nS: * 2 EXISTS\nS: * 0 RECENT\nS: a OK <any>").await;
    play(
        &mut one,
        "C: b STORE 1 +FLAGS.SILENT (\\Deleted)\nS: b OK <any>\nC: c EXPUNGE\nS: * 1 EXPUNGE\nS: c OK <any>",
    )
    .await;
    play(&mut two, "C: d FETCH 1:2 (RFC822.SIZE)\nS: * 2 FETCH (RFC822.SIZE 4)\nS: d NO [EXPUNGEISSUED] <any>").await;
    play(
        &mut two,
        "C: e UID FETCH 1:2 (RFC822.SIZE)\nS: * 2 FETCH (UID 2 RFC822.SIZE 4)\nS: * 1 EXPUNGE\nS: e OK FETCH completed",
    )
    .await;
}

/// A mailbox that was emptied because it has children, and made anew, is watched like any other.
#[tokio::test]
async fn a_mailbox_made_anew_wakes_who_idles_on_it() {
    let house = house().await;
    let watchers = house.services.watchers.clone();
    tokio::spawn(async move { watchers.run().await });
    let mut other = connect(&house).await;
    play(&mut other, "S: * OK <any>\nC: l LOGIN ann \"correct horse\"\nS: l OK <any>").await;
    play(&mut other, "C: a CREATE top/below\nS: a OK <any>").await;
    let mut old = selected(&house, "top").await;
    play(&mut old, "C: i IDLE\nS: + idling").await;
    play(&mut other, "C: b DELETE top\nS: b OK <any>\nC: c APPEND top {4}\nS: c NO [TRYCREATE] <any>").await;
    play(&mut other, "C: d CREATE top\nS: d OK <any>").await;
    let mut idle = selected(&house, "top").await;
    play(&mut idle, "C: i IDLE\nS: + idling").await;
    for n in 1..=3 {
        play(&mut other, "C: e APPEND top {4+}\nC: a: b\nS: e OK <any>").await;
        play(&mut idle, &format!("S: * {n} EXISTS\nS: * <any> RECENT")).await;
    }
}

/// What another session did to a message is told also to one that asked for silence about its own (RFC 9051 §6.4.6),
/// with its mod-sequence to clients that know of them.
#[tokio::test]
async fn silence_hides_only_what_the_client_did_itself() {
    let house = house().await;
    let (mut one, mut two) = (selected(&house, "INBOX").await, selected(&house, "INBOX").await);
    play(&mut one, "C: a APPEND INBOX {4+}\nC: a: b\nS: * 1 EXISTS\nS: * 1 RECENT\nS: a OK <any>").await;
    play(&mut two, "C: b ENABLE CONDSTORE\nS: * ENABLED CONDSTORE\nS: * OK [HIGHESTMODSEQ 1] Ok\nS: * 1 EXISTS\nS: * 0 RECENT\nS: b OK <any>")
        .await;
    play(&mut two, "C: c STORE 1 +FLAGS.SILENT (\\Flagged)\nS: * 1 FETCH (UID 1 MODSEQ (3))\nS: c OK <any>").await;
    play(&mut one, "C: d STORE 1 +FLAGS.SILENT (\\Answered)\nS: * 1 FETCH (UID 1 FLAGS (\\Answered \\Flagged \\Recent))\nS: d OK <any>")
        .await;
    play(&mut two, "C: e NOOP\nS: * 1 FETCH (UID 1 FLAGS (\\Answered \\Flagged) MODSEQ (4))\nS: e OK <any>").await;
    play(
        &mut two,
        "C: f STORE 1 (UNCHANGEDSINCE 3) -FLAGS.SILENT (\\Flagged)\nS: f OK [MODIFIED 1] <any>\nC: g STORE 1 (UNCHANGEDSINCE 4) -FLAGS.SILENT (\\Flagged)\nS: * 1 FETCH (UID 1 MODSEQ (5))\nS: g OK STORE completed",
    )
    .await;
}

/// Commands that come in one packet are answered in order, and a literal that nobody waits for belongs to its own.
#[tokio::test]
async fn commands_in_one_packet_are_answered_in_order() {
    let house = house().await;
    let mut client = selected(&house, "INBOX").await;
    client
        .write_all(b"a APPEND INBOX {4+}\r\na: b\r\nb APPEND nowhere {6+}\r\na NOOP\r\nc FETCH 1 RFC822.SIZE\r\nd IDLE\r\nDONE\r\ne SEARCH HEADER {1+}\r\na {1}\r\n")
        .await
        .unwrap();
    play(&mut client, "S: * 1 EXISTS\nS: * 1 RECENT\nS: a OK <any>\nS: b NO [TRYCREATE] <any>").await;
    play(&mut client, "S: * 1 FETCH (RFC822.SIZE 4)\nS: c OK <any>\nS: + idling\nS: d OK <any>\nS: + Ready").await;
    play(&mut client, "C: b\nS: * SEARCH 1\nS: e OK <any>").await;
}

async fn append(client: &mut Box<dyn Client>, message: &str) {
    client.write_all(format!("p APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len()).as_bytes()).await.unwrap();
    play(client, "S: * 1 EXISTS\nS: * 1 RECENT\nS: p OK <any>").await;
}

/// A NO never stands in the middle of a line, and the session goes on.
#[tokio::test]
async fn a_fetch_without_budget_is_a_no_at_the_start_of_a_line() {
    let house = house().await;
    let mut client = selected(&house, "INBOX").await;
    let message = format!("Foo: bar\r\n{}\r\n{}", "X: y\r\n".repeat(60_000), "body\r\n".repeat(60_000));
    append(&mut client, &message).await;
    let all = house.services.spool.reserve(256 << 20).unwrap();
    for items in ["BODY.PEEK[HEADER.FIELDS (FOO)]", "(UID BODY.PEEK[] BINARY.PEEK[1])", "BINARY.SIZE[1]"] {
        play(&mut client, &format!("C: a FETCH 1 {items}\nS: a NO [LIMIT] Busy<any>")).await;
    }
    // What was marked as seen is told although its body is not.
    play(&mut client, "C: b FETCH 1 BODY[HEADER.FIELDS (FOO)]\nS: * 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))").await;
    play(&mut client, "S: b NO [LIMIT] Busy<any>").await;
    drop(all);
    play(&mut client, "C: c FETCH 1 BODY.PEEK[HEADER.FIELDS (FOO)]").await;
    play(&mut client, "S: * 1 FETCH (BODY[HEADER.FIELDS (FOO)] {12}\nS: Foo: bar\nS: \nS: )\nS: c OK <any>").await;
}

#[tokio::test]
async fn octets_lost_before_the_first_are_a_no() {
    let house = house().await;
    let mut client = selected(&house, "INBOX").await;
    append(&mut client, "a: b\r\n\r\nc\r\n").await;
    house.damage("DELETE FROM blob_chunk").await;
    for items in ["(UID BODY.PEEK[])", "(UID BODY.PEEK[HEADER.FIELDS (A)])", "(UID BINARY.PEEK[1])"] {
        play(&mut client, &format!("C: a FETCH 1 {items}\nS: a NO [SERVERBUG] Internal error")).await;
    }
    play(&mut client, "C: b FETCH 1 RFC822.SIZE\nS: * 1 FETCH (RFC822.SIZE 11)\nS: b OK <any>").await;
}

/// Half of a literal can't be ended, and no answer may look like its other half.
#[tokio::test]
async fn octets_lost_in_the_middle_end_the_connection() {
    let house = house().await;
    let mut client = selected(&house, "INBOX").await;
    append(&mut client, &format!("a: b\r\n\r\n{}", "body\r\n".repeat(400_000))).await;
    house.damage("DELETE FROM blob_chunk WHERE n > 0 AND n = (SELECT max(n) FROM blob_chunk)").await;
    play(&mut client, "C: a FETCH 1 (UID BODY.PEEK[])\nS: * 1 FETCH (UID 1 BODY[] {2400008}").await;
    let mut rest = Vec::new();
    // Cut without the end of TLS.
    let _ = client.read_to_end(&mut rest).await;
    assert!(!rest.is_empty() && rest.len() < 2_400_008);
    assert!(!rest.windows(5).any(|piece| piece == b"a NO "));
}

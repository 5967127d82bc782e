//! Housekeeping, fsck, key rotation, and a disk that fills up.

use crate::harness::appliance::{Place, terminate};
use crate::harness::house::House;
use chrono::TimeDelta;
use mailstead::model::flags::{FlagChange, Flags, SystemFlags};
use mailstead::model::mailbox::MailboxPath;
use mailstead::model::secret::Secret;
use mailstead::model::uidset::UidSet;
use mailstead::service::housekeeping::Round;
use mailstead::service::login::{Identity, Origin, Protocol};
use mailstead::service::mailbox::OpenMode;
use mailstead::service::message::Append;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

async fn scene() -> (House, Identity) {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    let origin = Origin { peer: [192, 0, 2, 1].into(), protocol: Protocol::Imap, domain_hint: None };
    let password = Secret::new("correct horse".to_owned());
    let ann = house.services.login.password(&origin, "", "ann", &password).await.unwrap();
    (house, ann)
}

async fn append(house: &House, ann: &Identity, folder: &str, text: &str) {
    let mut spool = house.services.spool.begin(0).await.unwrap();
    spool.push(text.as_bytes()).await.unwrap();
    let item = Append { message: spool.finish(), flags: Flags::default(), internal_date: None };
    house.services.messages.append(ann, &MailboxPath::parse(folder).unwrap(), vec![item]).await.unwrap();
}

#[tokio::test]
async fn what_has_had_its_time_goes_and_nothing_else() {
    let (house, ann) = scene().await;
    let inbox = MailboxPath::parse("INBOX").unwrap();
    append(&house, &ann, "INBOX", "Subject: kept\r\n\r\n1\r\n").await;
    append(&house, &ann, "INBOX", "Subject: gone\r\n\r\n2\r\n").await;
    house.services.mailboxes.create(&ann, &MailboxPath::parse("Old/Deep").unwrap(), None).await.unwrap();
    append(&house, &ann, "Old/Deep", "Subject: with its mailbox\r\n\r\n3\r\n").await;
    let view = house.services.mailboxes.open(&ann, &inbox, OpenMode::ReadWrite).await.unwrap();
    let second = UidSet::from_ranges([2..=2]);
    let deleted = Flags::system(SystemFlags::DELETED);
    house.services.messages.store(&ann, &view, &second, FlagChange::Add, &deleted, None).await.unwrap();
    house.services.messages.expunge(&ann, &view, None).await.unwrap();
    for name in ["Old/Deep", "Old"] {
        house.services.mailboxes.delete(&ann, &MailboxPath::parse(name).unwrap()).await.unwrap();
    }
    let blobs = || async { house.store().blob_count().await.unwrap().0 };
    let round = || async { house.services.housekeeping.round().await.unwrap() };
    house.clock.advance(TimeDelta::days(13));
    assert_eq!(round().await, Round::default(), "restorable for 14 days");
    house.clock.advance(TimeDelta::days(2));
    let mut gone = Round::default();
    for _ in 0..3 {
        let one = round().await;
        gone.restorable += one.restorable;
        gone.mailboxes += one.mailboxes;
        gone.blobs += one.blobs;
    }
    assert_eq!(gone, Round { skipped: false, blobs: 2, restorable: 1, mailboxes: 2, writing: 0 });
    assert_eq!(blobs().await, 1);
    // The changes are forgotten up to a floor, and whoever was away longer still sees what is there.
    house.clock.advance(TimeDelta::days(31));
    round().await;
    let now = house.services.mailboxes.open(&ann, &inbox, OpenMode::ReadOnly).await.unwrap();
    assert_eq!((now.len(), blobs().await), (1, 1));
}

#[tokio::test]
async fn a_blob_that_comes_again_is_not_swept() {
    let (house, ann) = scene().await;
    let text = "Subject: twice\r\n\r\nx\r\n";
    append(&house, &ann, "INBOX", text).await;
    house.damage("DELETE FROM message").await;
    house.clock.advance(TimeDelta::hours(25));
    // Touched again before the sweep: the same message comes once more.
    append(&house, &ann, "INBOX", text).await;
    assert_eq!(house.services.housekeeping.round().await.unwrap().blobs, 0);
    house.damage("DELETE FROM message").await;
    assert_eq!(house.services.housekeeping.round().await.unwrap().blobs, 0, "touched within the day");
    house.clock.advance(TimeDelta::hours(25));
    assert_eq!(house.services.housekeeping.round().await.unwrap().blobs, 1);
}

#[tokio::test]
async fn fsck_finds_each_kind_of_damage_and_mends_what_it_can() {
    let (house, ann) = scene().await;
    for n in 0..5 {
        append(&house, &ann, "INBOX", &format!("Subject: {n}\r\n\r\n{n}\r\n")).await;
    }
    let check = |repair| {
        let fsck = house.services.fsck.clone();
        async move { fsck.check(repair, |_, _| ()).await.unwrap() }
    };
    let report = check(false).await;
    assert_eq!((report.blobs, report.findings.len()), (5, 0), "{:?}", report.findings);
    house.damage("UPDATE mailbox SET messages = messages + 1, uidnext = 2 WHERE name = 'INBOX'").await;
    // The second lacks its content, the third its octets too, the fourth's are not its own, the first's are gone.
    let nth = |n: u32| format!("(SELECT id FROM blob ORDER BY id OFFSET {n} LIMIT 1)");
    for n in 1..=3 {
        house.damage(&format!("DELETE FROM content WHERE blob = {}", nth(n))).await;
    }
    house.damage(&format!("DELETE FROM blob_chunk WHERE blob = {}", nth(2))).await;
    let other = format!("(SELECT bytes FROM blob_chunk WHERE blob = {})", nth(0));
    house.damage(&format!("UPDATE blob_chunk SET bytes = {other} WHERE blob = {}", nth(3))).await;
    house.damage(&format!("DELETE FROM blob WHERE id = {}", nth(0))).await;
    house.damage("UPDATE message SET mailbox = 999999, size = size + 1 WHERE uid = 5").await;
    let kinds = |report: &mailstead::service::fsck::Report| {
        report.findings.iter().map(|f| (f.kind, f.repaired)).collect::<Vec<_>>()
    };
    let head = [("blob", false), ("blob", false)];
    let tail = [("message", false), ("size", false), ("message", false)];
    let content = |mended| [("content", mended), ("content", false), ("content", false)];
    assert_eq!(kinds(&check(false).await), [&head[..], &[("counters", false)], &tail, &content(false)].concat());
    assert_eq!(kinds(&check(true).await), [&head[..], &[("counters", true)], &tail, &content(true)].concat());
    // What can't be mended stays told.
    assert_eq!(kinds(&check(false).await), [&head[..], &tail, &content(false)[1..]].concat());
}

fn python(port: &str, script: &str) -> String {
    let head = "import imaplib, smtplib, ssl, sys\ncontext = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE\n";
    let output = Command::new("python3").args(["-c", &format!("{head}{script}"), port]).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const SIGN_IN: &str = "box = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=context)\nprint(box.login('ann', 'correct horse')[0])\n";

fn port(ready: &serde_json::Value, door: &str) -> String {
    ready["listen"][door][0].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
}

#[test]
fn status_fsck_and_a_key_rotation() {
    let place = Place::new();
    place.ok(&["domain", "add", "example.test"], "");
    place.ok(&["account", "add", "ann@example.test", "--password-stdin"], "correct horse\n");
    let down = place.run(&["status"], "");
    assert_eq!(down.status.code(), Some(1));
    let said = String::from_utf8_lossy(&down.stderr);
    assert!(said.starts_with("mailstead: no mailstead serves from ") && said.lines().count() == 1, "{said}");
    let before = std::fs::read_to_string(place.path().join("secret.key")).unwrap();
    let (child, ready) = place.serve();
    let lines: serde_json::Value = serde_json::from_str(&place.ok(&["status", "--json"], "")).unwrap();
    assert_eq!(lines.as_array().unwrap().len(), 9);
    assert!(lines.as_array().unwrap().iter().all(|line| line["ok"] == true), "{lines}");
    assert!(python(&port(&ready, "imaps"), SIGN_IN).contains("OK"));
    let refused = place.run(&["key", "rotate"], "");
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("stop it, then rotate"));
    assert!(place.ok(&["fsck"], "").contains(" 0 findings"));
    assert!(terminate(child));
    // A rotation that was cut off right after the new key was written: the file holds both.
    let second = "mailstead-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    std::fs::write(place.path().join("secret.key"), format!("{before}{second}\n")).unwrap();
    assert!(place.ok(&["key", "rotate"], "").contains("secrets sealed with the new key"));
    let after = std::fs::read_to_string(place.path().join("secret.key")).unwrap();
    assert!(after.contains(second) && after.matches("mailstead-key-1:").count() == 1, "one key is left");
    place.ok(&["key", "rotate"], "");
    let (child, ready) = place.serve();
    assert!(python(&port(&ready, "imaps"), SIGN_IN).contains("OK"));
    assert!(terminate(child));
    // The old key does not fit any more, and the start says so.
    std::fs::write(place.path().join("secret.key"), before).unwrap();
    let wrong = place.run(&["serve"], "");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("put the right file back"));
}

/// A small file system of its own; `None` where mounting is denied.
struct Disk(std::path::PathBuf);

impl Disk {
    fn mount(place: &Place, size: &str) -> Option<Self> {
        let options = format!("size={size},mode=0755");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(place.path()).output();
        mounted.is_ok_and(|out| out.status.success()).then(|| Self(place.path().to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

/// One SMTP conversation; the reply to the message, or to the first command that was refused.
fn send(port: &str, text: &str) -> String {
    let Ok(stream) = TcpStream::connect(format!("127.0.0.1:{port}")) else { return "no connection".into() };
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut read = || loop {
        match lines.next() {
            Some(Ok(line)) if line.as_bytes().get(3) == Some(&b'-') => {}
            Some(Ok(line)) => return line,
            _ => return "closed".to_owned(),
        }
    };
    let mut answer = read();
    let body = format!("{text}\r\n.");
    for command in ["EHLO x", "MAIL FROM:<s@elsewhere.test>", "RCPT TO:<ann@example.test>", "DATA", &body] {
        if !answer.starts_with(['2', '3']) {
            return answer;
        }
        if (&stream).write_all(format!("{command}\r\n").as_bytes()).is_err() {
            return "closed".into();
        }
        answer = read();
    }
    answer
}

fn postmaster(place: &Place) -> u32 {
    let text = std::fs::read_to_string(place.path().join("postgres/data/postmaster.pid")).unwrap_or_default();
    text.lines().next().and_then(|line| line.parse().ok()).unwrap_or(0)
}

fn lives(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// Writes to the log and nowhere else: what fills a disk when nobody watches.
fn write_ahead(place: &Place) {
    let sql = "SELECT pg_logical_emit_message(false, 'x', repeat('x', 8000000)); SELECT pg_switch_wal()";
    let mut psql = Command::new("psql");
    psql.arg("-h").arg(place.path().join("postgres/run")).args(["-U", "postgres", "-d", "mailstead", "-Xqc", sql]);
    psql.output().unwrap();
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

const LOOK: &str = "box = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=context)
box.login('ann', 'correct horse'); box.select()
print('LOOK', box.search(None, 'ALL')[1][0].decode())
for command in (lambda: box.append('Archive', None, None, b'a: b\\r\\n\\r\\n'), lambda: box.copy('1', 'Archive'), lambda: box.fetch('1', '(BODY.PEEK[])'), lambda: box.store('1', '+FLAGS', '\\\\Deleted'), lambda: box.expunge()):
    answer = command(); print(answer[0], str(answer[1])[:40])
";

#[test]
fn a_full_disk_defers_mail_and_loses_none() {
    let place = Place::new();
    let config = std::fs::read_to_string(place.path().join("mailstead.toml")).unwrap();
    let Some(_disk) = Disk::mount(&place, "420m") else {
        eprintln!("SKIPPED: a_full_disk_defers_mail_and_loses_none, as mounting is denied here");
        return;
    };
    std::fs::write(place.path().join("mailstead.toml"), config).unwrap();
    place.ok(&["domain", "add", "example.test"], "");
    place.ok(&["account", "add", "ann@example.test", "--password-stdin"], "correct horse\n");
    let (child, ready) = place.serve();
    let smtp = port(&ready, "smtp");
    let mut taken = Vec::new();
    let mut try_one = |n: usize| {
        let answer = send(&smtp, &format!("Subject: {n}\r\n\r\n{}", "text of a message\r\n".repeat(50)));
        if answer.starts_with("250 ") {
            taken.push(n);
        }
        answer
    };
    assert!(try_one(1).starts_with("250 ") && try_one(2).starts_with("250 "));
    // Others fill the disk up to the reserve (5 % of it): what adds is refused, reading and deleting go on.
    let ballast = place.path().join("ballast");
    let free = || nix::sys::statvfs::statvfs(place.path()).map(|d| d.blocks_available() * d.fragment_size()).unwrap();
    let fill = |leave: u64| {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&ballast).unwrap();
        let piece = vec![1u8; 64 << 10];
        while free() > leave && file.write_all(&piece).is_ok() {}
    };
    fill(18 << 20);
    until("mail is deferred", || send(&smtp, "Subject: probe").starts_with("452 4.3.1 "));
    let seen = python(&port(&ready, "imaps"), LOOK);
    let answers: Vec<&str> = seen.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(answers, ["LOOK", "NO", "NO", "OK", "OK", "OK"], "{seen}");
    std::fs::remove_file(&ballast).unwrap();
    until("mail is taken again", || try_one(3).starts_with("250 "));
    // Now nothing is left at all, and PostgreSQL can't write: 4xx, and back by itself.
    fill(0);
    let mut refused = 0;
    for n in 100..400 {
        let answer = try_one(n);
        assert!(answer.starts_with("250 ") || answer.starts_with('4') || answer == "closed", "{answer}");
        refused += u32::from(!answer.starts_with("250 "));
    }
    assert!(refused > 0);
    // Others write all the same, until PostgreSQL itself goes down and can't come up.
    let first = postmaster(&place);
    until("PostgreSQL stops", || {
        write_ahead(&place);
        !lives(first)
    });
    assert!(try_one(400).starts_with('4'));
    let seen = python(&port(&ready, "imaps"), SIGN_IN);
    assert!(seen.contains("[UNAVAILABLE]"), "{seen}");
    std::fs::remove_file(&ballast).unwrap();
    until("service resumes", || try_one(4).starts_with("250 "));
    assert_ne!(postmaster(&place), first);
    assert_eq!(child.id(), ready["pid"], "the same appliance");
    let script = "box = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=context)\nbox.login('ann', 'correct horse'); box.select()\nprint(','.join(str(p[1]).split('Subject: ')[1].split('\\\\')[0] for p in box.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')[1] if isinstance(p, tuple)))\n";
    let there = python(&port(&ready, "imaps"), script);
    // The first was expunged above.
    let there: Vec<usize> = there.trim().split(',').filter_map(|n| n.parse().ok()).collect();
    for n in taken.iter().filter(|n| **n != 1) {
        assert_eq!(there.iter().filter(|m| *m == n).count(), taken.iter().filter(|m| *m == n).count(), "{n}");
    }
    assert!(terminate(child));
}

//! Many sessions on one mailbox, in two processes: what each client was told adds up to what is there.

use crate::harness::dial::{Client, dial, tls};
use crate::harness::house::House;
use crate::harness::soak::{Dice, measure};
use crate::harness::transcript::{play, read_line};
use mailstead::front::imap::{Options, serve};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// A client that keeps count as RFC 9051 §7.4.1 and §7.5.1 have it.
struct Counting {
    client: Box<dyn Client>,
    /// UID of each message by number, where it was told.
    list: Vec<Option<u32>>,
    tag: u32,
}

impl Counting {
    async fn open(services: mailstead::service::Services) -> Self {
        let options = Arc::new(Options::new("mail.example.test", Some(tls().server.clone())));
        let mut client = dial(true, CancellationToken::new(), move |a| serve(a, options, services)).await;
        play("sign in", "S: * OK <any>\nC: l LOGIN ann \"correct horse\"\nS: l OK <any>", &mut client).await;
        let mut this = Self { client, list: Vec::new(), tag: 0 };
        assert!(this.ask("SELECT INBOX").await.starts_with("OK"));
        this
    }

    /// Sends a command, takes in what is told, and answers with the tagged line.
    async fn ask(&mut self, command: &str) -> String {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.client.write_all(format!("{tag}{command}\r\n").as_bytes()).await.unwrap();
        loop {
            let line = read_line(&mut self.client).await;
            if let Some(answer) = line.strip_prefix(&tag) {
                return answer.to_owned();
            }
            assert!(line.starts_with("* "), "{command}: {line}");
            self.take(&line, command).await;
        }
    }

    async fn take(&mut self, line: &str, command: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let Ok(number) = words[1].parse::<usize>() else { return };
        match words[2] {
            "EXISTS" => {
                assert!(number >= self.list.len(), "{command}: EXISTS never lowers the count: {line}");
                self.list.resize(number, None);
            }
            "EXPUNGE" => {
                assert!(number >= 1 && number <= self.list.len(), "{command}: {line} of {}", self.list.len());
                self.list.remove(number - 1);
            }
            "FETCH" => {
                assert!(number >= 1 && number <= self.list.len(), "{command}: {line} of {}", self.list.len());
                if let Some(uid) = line.split("UID ").nth(1) {
                    let uid = uid.split([' ', ')']).next().unwrap().parse().unwrap();
                    let known = self.list[number - 1].get_or_insert(uid);
                    assert_eq!(*known, uid, "{command}: number {number} is another message: {line}");
                }
                if let Some((_, length)) = line.strip_suffix('}').and_then(|l| l.rsplit_once('{')) {
                    let mut body = vec![0; length.parse().unwrap()];
                    self.client.read_exact(&mut body).await.unwrap();
                    read_line(&mut self.client).await;
                }
            }
            _ => {}
        }
    }
}

async fn one(mut session: Counting, mut dice: Dice, end: Instant) -> (Counting, u64) {
    let mut done = 0;
    while Instant::now() < end {
        let (n, m) =
            (dice.below(session.list.len().max(1) as u64) + 1, dice.below(session.list.len().max(1) as u64) + 1);
        let command = match dice.below(12) {
            0..=3 => format!("APPEND INBOX {{{}+}}\r\nSubject: {done}\r\n\r\n", 13 + done.to_string().len()),
            4 => format!("STORE {n}:{m} +FLAGS (\\Deleted)"),
            5 => format!("STORE {n} -FLAGS.SILENT (\\Deleted \\Seen)"),
            6 => format!("FETCH {n} (UID FLAGS BODY[])"),
            7 => "UID FETCH 1:* (UID FLAGS)".to_owned(),
            8 => "EXPUNGE".to_owned(),
            9 => format!("COPY {n} INBOX"),
            10 => format!("MOVE {n} INBOX"),
            _ => "NOOP".to_owned(),
        };
        let answer = session.ask(&command).await;
        let fine =
            ["OK", "NO [EXPUNGEISSUED]", "BAD There is no message"].iter().any(|start| answer.starts_with(start));
        assert!(fine, "{command}: {answer}");
        done += 1;
    }
    (session, done)
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_two_processes_agree_on_one_mailbox() {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    let second = house.second_process().await;
    let dice = Dice::new("stress").below(1 << 30);
    let end = Instant::now() + Duration::from_secs(measure(30, 600));
    let mut running = Vec::new();
    for n in 0..6 {
        let services = if n % 2 == 0 { house.services.clone() } else { second.clone() };
        let session = Counting::open(services).await;
        running.push(tokio::spawn(one(session, Dice::seeded(dice + n), end)));
    }
    let mut sessions = Vec::new();
    let mut commands = 0;
    for task in running {
        let (session, done) = task.await.unwrap();
        commands += done;
        sessions.push(session);
    }
    // Nothing changes any more: each client, brought up to date, has the same list.
    let mut lists = Vec::new();
    for mut session in sessions {
        session.ask("NOOP").await;
        session.ask("UID FETCH 1:* (UID)").await;
        lists.push(session.list);
    }
    assert!(lists.iter().all(|list| *list == lists[0]), "{lists:?}");
    let uids: Vec<u32> = lists[0].iter().map(|uid| uid.unwrap()).collect();
    assert!(uids.is_sorted_by(|a, b| a < b));
    let report = house.services.fsck.check(false, |_, _| ()).await.unwrap();
    assert_eq!(report.findings, []);
    eprintln!("stress: {commands} commands, {} messages left", uids.len());
    assert!(commands > 500, "{commands}");
}

//! Kill -9 of the appliance or of PostgreSQL at any moment: what was answered for is there, once, under its UID.

use crate::harness::appliance::{Place, terminate};
use crate::harness::soak::{Dice, measure};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MEMBERS: [&str; 3] = ["ann", "bob", "eve"];

/// Subjects by member and UID, as IMAP tells them.
type Boxes = BTreeMap<(String, u64), String>;

/// Sends numbered messages until told to stop, over as many connections as it takes; those with a 250 are `kept`.
fn sender(port: String, name: String, stop: Arc<AtomicBool>, kept: Arc<Mutex<Vec<(String, String)>>>) {
    let mut n = 0u64;
    while !stop.load(Ordering::Relaxed) {
        let _ = conversation(&port, &name, &mut n, &stop, &kept);
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn conversation(
    port: &str,
    name: &str,
    n: &mut u64,
    stop: &AtomicBool,
    kept: &Mutex<Vec<(String, String)>>,
) -> Option<()> {
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut ask = |text: &str, code: &str| -> Option<()> {
        (&stream).write_all(text.as_bytes()).ok()?;
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        line.starts_with(code).then_some(())
    };
    ask("", "220")?;
    ask("HELO client.test\r\n", "250")?;
    while !stop.load(Ordering::Relaxed) {
        // A number is never used twice: an answer that was lost may belong to a message that is there.
        *n += 1;
        let member = MEMBERS[(*n % 3) as usize];
        let subject = format!("{name}-{n}");
        ask("MAIL FROM:<>\r\n", "250")?;
        ask(&format!("RCPT TO:<{member}@example.test>\r\n"), "250")?;
        ask("DATA\r\n", "354")?;
        ask(&format!("Subject: {subject}\r\n\r\nbody\r\n.\r\n"), "250")?;
        kept.lock().unwrap().push((member.to_owned(), subject));
    }
    Some(())
}

fn port(ready: &serde_json::Value, door: &str) -> String {
    ready["listen"][door][0].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
}

/// Every INBOX; waits until the service is back.
fn boxes(imaps: &str) -> Boxes {
    let script = "
import imaplib, re, ssl, sys, time
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
for name in sys.argv[2:]:
    for attempt in range(120):
        try:
            box = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=context)
            box.login(name, 'correct horse')
            assert box.select('INBOX', readonly=True)[0] == 'OK'
            break
        except (imaplib.IMAP4.error, AssertionError, OSError):
            time.sleep(0.25)
    validity = box.response('UIDVALIDITY')[1][0].decode()
    for part in box.uid('fetch', '1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')[1]:
        if isinstance(part, tuple):
            uid = re.search(rb'UID (\\d+)', part[0]).group(1).decode()
            print(name + ' ' + validity, uid, part[1].decode().split('Subject: ')[1].strip(), sep='\\t')
";
    let output = Command::new("python3").args(["-c", script, imaps]).args(MEMBERS).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| {
        let mut words = line.split('\t').map(str::to_owned);
        let (name, uid, subject) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        Some(((name, uid), subject))
    };
    text.lines().filter_map(row).collect()
}

/// Which of PostgreSQL's processes are killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Victims {
    /// As when the machine loses power: nothing under way is finished.
    Everyone,
    /// Its children finish what they are at, and end.
    Postmaster,
    /// The postmaster starts all of them anew.
    Child,
}

impl Victims {
    const ALL: [Self; 3] = [Self::Everyone, Self::Postmaster, Self::Child];
}

fn kill_postgres(place: &Place, victims: Victims, dice: &mut Dice) {
    let text = std::fs::read_to_string(place.path().join("postgres/data/postmaster.pid")).unwrap();
    let postmaster: i32 = text.lines().next().unwrap().parse().unwrap();
    let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
    let children: Vec<i32> = children.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    let chosen = match victims {
        Victims::Everyone => [&[postmaster][..], &children].concat(),
        Victims::Postmaster => vec![postmaster],
        Victims::Child => vec![children[dice.below(children.len() as u64) as usize]],
    };
    for pid in chosen {
        // A child may have ended since.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
}

fn check(boxes: &Boxes, before: &Boxes, kept: &[(String, String)]) {
    let mut seen: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for ((name, _), subject) in boxes {
        *seen.entry((name.split(' ').next().unwrap(), subject)).or_default() += 1;
    }
    assert!(seen.values().all(|count| *count == 1), "nothing is there twice");
    for (member, subject) in kept {
        assert!(seen.contains_key(&(member.as_str(), subject.as_str())), "{member} lost {subject}");
    }
    for (place, subject) in before {
        assert_eq!(boxes.get(place), Some(subject), "{place:?} holds another message now");
    }
}

#[test]
fn nothing_is_lost_doubled_or_renumbered() {
    let place = Place::new();
    place.ok(&["domain", "add", "example.test"], "");
    for name in MEMBERS {
        place.ok(&["account", "add", &format!("{name}@example.test"), "--password-stdin"], "correct horse\n");
    }
    let mut dice = Dice::new("crash");
    let (mut child, mut ready) = place.serve();
    let (kept, mut before) = (Arc::new(Mutex::new(Vec::new())), Boxes::new());
    let rounds = measure(3, 24);
    for round in 0..rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..4)
            .map(|n| {
                let (port, stop, kept) = (port(&ready, "smtp"), stop.clone(), kept.clone());
                std::thread::spawn(move || sender(port, format!("r{round}s{n}"), stop, kept))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(200 + dice.below(1200)));
        let of_postgres = round % 2 == 1;
        if of_postgres {
            kill_postgres(&place, Victims::ALL[(round / 2 % 3) as usize], &mut dice);
            std::thread::sleep(Duration::from_millis(300 + dice.below(500)));
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
            if round % 4 == 2 {
                // Everything at once, as when memory runs out.
                kill_postgres(&place, Victims::ALL[(round / 4 % 2) as usize], &mut dice);
            }
            std::fs::remove_file(place.path().join("ready.json")).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        if !of_postgres {
            (child, ready) = place.serve();
        }
        let now = boxes(&port(&ready, "imaps"));
        check(&now, &before, &kept.lock().unwrap());
        before = now;
    }
    let count = kept.lock().unwrap().len();
    eprintln!("crash: {rounds} rounds, {count} messages answered for, {} there", before.len());
    assert!(count > 50);
    assert!(terminate(child));
    assert!(place.ok(&["fsck"], "").contains(" 0 findings"));
}

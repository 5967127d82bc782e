//! The program itself: verbs, `serve`, and a real mail client against it.

use crate::harness::appliance::{Place, terminate};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[test]
fn verbs_work_with_and_without_a_running_server_and_mail_goes_through() {
    let place = Place::new();
    place.ok(&["domain", "add", "example.test"], "");
    place.ok(&["account", "add", "ann@example.test", "--password-stdin", "--name", "Ann"], "correct horse\n");
    let (child, ready) = place.serve();
    assert_eq!(ready["pid"], child.id());
    // A verb beside the server: it must neither start nor stop the database.
    place.ok(&["account", "add", "bob@example.test", "--password-stdin"], "battery staple\n");
    let port = |door: &str| ready["listen"][door][0].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let script = "
import smtplib, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
message = 'From: Ann <ann@example.test>\\r\\nTo: bob@example.test\\r\\nSubject: hi\\r\\n\\r\\nthere\\r\\n'
with smtplib.SMTP_SSL('127.0.0.1', int(sys.argv[1]), context=context) as client:
    client.login('ann', 'correct horse')
    client.sendmail('ann@example.test', ['bob@example.test', 'far@elsewhere.test'], message)
with smtplib.SMTP('127.0.0.1', int(sys.argv[2])) as client:
    client.starttls(context=context)
    try:
        client.login('ann', 'wrong'); sys.exit('let in')
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535, error
    client.login('bob@example.test', 'battery staple')
with smtplib.SMTP('127.0.0.1', int(sys.argv[3])) as client:
    client.starttls(context=context)
    client.sendmail('stranger@elsewhere.test', ['bob@example.test'], message)
with smtplib.LMTP('127.0.0.1', int(sys.argv[4])) as client:
    client.sendmail('stranger@elsewhere.test', ['bob@example.test'], message)
";
    let ports = [port("submissions"), port("submission"), port("smtp"), port("lmtp")];
    let output = Command::new("python3").arg("-c").arg(script).args(&ports).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown: serde_json::Value =
        serde_json::from_str(&place.ok(&["account", "show", "bob@example.test", "--json"], "")).unwrap();
    assert_eq!(shown[0]["messages"], 3);
    let queued: serde_json::Value = serde_json::from_str(&place.ok(&["queue", "list", "--json"], "")).unwrap();
    assert_eq!(queued[0]["recipient"], "far@elsewhere.test");
    assert!(terminate(child), "SIGTERM drains and exits 0");
    assert!(!place.path().join("ready.json").exists());
}

#[test]
fn a_fresh_server_is_claimed_by_a_link_until_it_has_an_owner() {
    let place = Place::new();
    let first = place.ok(&["setup-link"], "");
    assert!(first.starts_with("https://mail.example.test:") && !first.contains("SHA-256"), "{first}");
    let (child, ready) = place.serve();
    let second = place.ok(&["setup-link"], "");
    let web = ready["web"].as_str().unwrap();
    assert!(second.starts_with(&format!("{web}/setup/")), "{second}");
    let token = |said: &str| said.lines().next().unwrap().rsplit('/').next().unwrap().to_owned();
    assert!(token(&first) != token(&second) && token(&second).len() == 43, "{second}");
    let fingerprint = second.lines().nth(1).unwrap().rsplit(' ').next().unwrap();
    assert_eq!(fingerprint.split(':').count(), 32, "{second}");
    place.ok(&["domain", "add", "example.test"], "");
    place.ok(&["account", "add", "ann@example.test", "--password-stdin"], "correct horse\n");
    place.ok(&["setup-link"], "");
    place.ok(&["account", "set-role", "ann@example.test", "owner"], "");
    place.ok(&["account", "rename", "ann@example.test", "Ann Lee"], "");
    assert!(place.ok(&["account", "show", "ann@example.test"], "").contains("\tAnn Lee\towner\t"));
    for (arguments, words) in [
        (&["setup-link"][..], format!("this server has an owner: sign in at {web}/").as_str()),
        (&["account", "set-role", "ann@example.test", "member"], "the last owner who can sign in"),
        (&["account", "suspend", "ann@example.test"], "the last owner who can sign in"),
        (&["account", "remove", "ann@example.test"], "the last owner who can sign in"),
    ] {
        let output = place.run(arguments, "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(words), "{arguments:?}: {said}");
    }
    assert!(terminate(child));
}

#[test]
fn wrong_use_is_told_in_one_line() {
    let place = Place::new();
    let output = place.run(&["account", "frobnicate"], "");
    assert_eq!(output.status.code(), Some(2));
    std::fs::write(place.path().join("mailstead.toml"), "hostnam = \"x\"\n").unwrap();
    let output = place.run(&["domain", "list"], "");
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && words.lines().count() == 1 && words.contains("hostnam"), "{words}");
}

/// A next server that takes everything, but says nothing to a body while `silent`; answers where it listens.
fn next_server(silent: Arc<AtomicBool>, bodies: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (silent, bodies) = (silent.clone(), bodies.clone());
            std::thread::spawn(move || take_mail(stream, &silent, &bodies));
        }
    });
    place
}

fn take_mail(mut stream: TcpStream, silent: &AtomicBool, bodies: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    stream.write_all(b"220 next.test\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        if line != "DATA" {
            stream.write_all(b"250 ok\r\n")?;
            continue;
        }
        stream.write_all(b"354 go\r\n")?;
        let body: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
        bodies.lock().unwrap().push(body.join("\n"));
        if !silent.load(Ordering::Relaxed) {
            stream.write_all(b"250 taken\r\n")?;
        }
    }
    Ok(())
}

/// Looks until it is so.
fn wait_for(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_queue_is_steered_by_verbs_and_outlives_a_kill_half_way() {
    let place = Place::new();
    place.ok(&["domain", "add", "example.test"], "");
    place.ok(&["account", "add", "ann@example.test", "--password-stdin"], "correct horse\n");
    let (child, ready) = place.serve();
    let port = ready["listen"]["submissions"][0].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let script = "
import smtplib, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
with smtplib.SMTP_SSL('127.0.0.1', int(sys.argv[1]), context=context) as client:
    client.login('ann', 'correct horse')
    for name in ['held', 'dropped', 'sent']:
        client.sendmail('ann@example.test', [name + '@far.test'], 'From: ann@example.test\\r\\nSubject: ' + name + '\\r\\n\\r\\n')
";
    let output = Command::new("python3").arg("-c").arg(script).arg(port).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let row = |to: &str| -> serde_json::Value {
        let rows: serde_json::Value = serde_json::from_str(&place.ok(&["queue", "list", "--json"], "")).unwrap();
        rows.as_array()
            .unwrap()
            .iter()
            .find(|row| row["recipient"] == format!("{to}@far.test"))
            .cloned()
            .unwrap_or_default()
    };
    wait_for("no route is told", || {
        place.ok(&["queue", "list"], "").lines().filter(|line| line.contains("no route")).count() == 3
    });
    let id = |to: &str| row(to)["id"].to_string();
    let (held, dropped) = (id("held"), id("dropped"));
    place.ok(&["queue", "hold", &held], "");
    place.ok(&["queue", "drop", &dropped], "");
    assert!(place.ok(&["queue", "show", &held], "").contains("<ann@example.test> to held@far.test\t"));
    assert_eq!((row("held")["held"].clone(), row("dropped")), (true.into(), serde_json::Value::Null));
    for verb in ["show", "retry", "hold", "release", "drop"] {
        let output = place.run(&["queue", verb, &dropped], "");
        assert!(
            output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("no such message"),
            "{verb}"
        );
    }
    assert!(terminate(child));

    let (silent, bodies) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new(Vec::new())));
    let next = next_server(silent.clone(), bodies.clone());
    let file = place.path().join("mailstead.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{config}[outbound]\nsmarthost = \"smtp://{next}\"\n")).unwrap();
    let (mut child, _) = place.serve();
    wait_for("what waited for a route goes when there is one", || bodies.lock().unwrap().len() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(place.path().join("ready.json")).unwrap();
    silent.store(false, Ordering::Relaxed);
    let (child, _) = place.serve();
    // Nobody knows whether it was taken: it stays, and is tried again when the dead worker's lease has ended.
    assert_eq!((row("sent")["status"].clone(), row("sent")["in_flight"].clone()), ("waiting".into(), true.into()));
    assert!(place.ok(&["queue", "retry", "--all"], "").starts_with("1 "), "what is under way is left alone");
    place.ok(&["queue", "release", &held], "");
    wait_for("what was released goes", || row("held").is_null());
    let bodies = bodies.lock().unwrap().clone();
    assert!(
        bodies.len() == 2 && bodies[0].contains("Subject: sent") && bodies[1].contains("Subject: held"),
        "{bodies:?}"
    );
    assert!(terminate(child));
}

//! The program itself: verbs, `serve`, and a real mail client against it.

use crate::harness::appliance::{Place, terminate};
use std::process::Command;

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
fn wrong_use_is_told_in_one_line() {
    let place = Place::new();
    let output = place.run(&["account", "frobnicate"], "");
    assert_eq!(output.status.code(), Some(2));
    std::fs::write(place.path().join("mailstead.toml"), "hostnam = \"x\"\n").unwrap();
    let output = place.run(&["domain", "list"], "");
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && words.lines().count() == 1 && words.contains("hostnam"), "{words}");
}

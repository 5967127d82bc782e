//! Mail programs that people use, against the program itself.

use crate::harness::appliance::{Place, terminate};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

struct Doors {
    ready: serde_json::Value,
    home: tempfile::TempDir,
    certificate: String,
}

impl Doors {
    fn port(&self, door: &str) -> String {
        let place = self.ready["listen"][door][0].as_str().unwrap();
        place.rsplit(':').next().unwrap().to_owned()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

fn run(home: &Path, program: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new("timeout")
        .arg("20")
        .arg(program)
        .args(arguments)
        .env("HOME", home)
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn ok(doors: &Doors, program: &str, arguments: &[&str], input: &str) -> String {
    let output = run(doors.home.path(), program, arguments, input);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{out}\n{err}", output.status);
    out
}

#[test]
fn programs_that_people_use() {
    let place = Place::new();
    place.ok(&["domain", "add", "example.test"], "");
    for name in ["ann", "bob"] {
        place.ok(&["account", "add", &format!("{name}@example.test"), "--password-stdin"], "correct horse\n");
    }
    let (child, ready) = place.serve();
    let certificate = place.path().join("tls/self.crt").display().to_string();
    let doors = Doors { ready, home: tempfile::tempdir().unwrap(), certificate };
    swaks(&doors);
    msmtp(&doors);
    curl(&doors);
    openssl(&doors);
    python(&doors);
    neomutt(&doors);
    mbsync(&doors);
    assert!(terminate(child));
}

/// Port 25 with STARTTLS, LMTP, and submission with each mechanism that swaks knows.
fn swaks(doors: &Doors) {
    let common = |port: &str| {
        ["--server", "127.0.0.1", "--port", port, "--silent", "2", "--body", "hello", "--helo", "client.test"]
            .map(str::to_owned)
    };
    let send = |port: &str, more: &[&str]| {
        let mut arguments: Vec<String> = common(port).to_vec();
        arguments.extend(more.iter().map(|s| (*s).to_owned()));
        let list: Vec<&str> = arguments.iter().map(String::as_str).collect();
        ok(doors, "swaks", &list, "");
    };
    let stranger = ["--from", "s@elsewhere.test", "--to", "ann@example.test"];
    send(&doors.port("smtp"), &[&stranger[..], &["--tls"]].concat());
    send(&doors.port("lmtp"), &[&stranger[..], &["--protocol", "LMTP"]].concat());
    for mechanism in ["PLAIN", "LOGIN"] {
        let member = [
            "--from",
            "ann@example.test",
            "--to",
            "bob@example.test",
            "--auth-user",
            "ann",
            "--auth-password",
            "correct horse",
        ];
        send(&doors.port("submission"), &[&member[..], &["--tls", "--auth", mechanism]].concat());
    }
}

fn msmtp(doors: &Doors) {
    let (port, trust) = (doors.port("submissions"), format!("--tls-trust-file={}", doors.certificate));
    let config = doors.file("msmtprc", "");
    let arguments = [
        "-C",
        &config,
        "--host=localhost",
        &format!("--port={port}"),
        "--tls=on",
        "--tls-starttls=off",
        &trust,
        "--auth=scram-sha-256",
        "--user=ann",
        "--passwordeval=echo correct horse",
        "--from=ann@example.test",
        "bob@example.test",
    ];
    let message = "From: ann@example.test\nTo: bob@example.test\nSubject: by msmtp\n\nhello\n";
    ok(doors, "msmtp", &arguments, message);
}

fn curl(doors: &Doors) {
    let (imaps, smtps) = (doors.port("imaps"), doors.port("submissions"));
    let sign_in = ["-s", "--cacert", &doors.certificate, "-u", "ann:correct horse"];
    let with = |more: &[&str]| ok(doors, "curl", &[&sign_in[..], more].concat(), "");
    let message = doors.file("curl.eml", "From: ann@example.test\r\nSubject: by curl\r\n\r\nhello\r\n");
    let url = format!("smtps://localhost:{smtps}");
    with(&["--url", &url, "--mail-from", "ann@example.test", "--mail-rcpt", "ann@example.test", "-T", &message]);
    let inbox = format!("imaps://localhost:{imaps}/INBOX");
    assert!(with(&[&format!("imaps://localhost:{imaps}/")]).contains("* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\""));
    assert!(with(&[&format!("{inbox}?SUBJECT%20%22by%20curl%22")]).contains("* SEARCH 3"));
    assert!(with(&[&format!("{inbox};MAILINDEX=3")]).ends_with("Subject: by curl\r\n\r\nhello\r\n"));
    with(&["-T", &message, &format!("imaps://localhost:{imaps}/Drafts")]);
    // STARTTLS on 143, required.
    let clear = format!("imap://localhost:{}/Drafts;MAILINDEX=1", doors.port("imap"));
    assert!(with(&["--ssl-reqd", &clear]).contains("Subject: by curl"));
}

fn openssl(doors: &Doors) {
    for (door, starttls) in [
        ("imap", Some("imap")),
        ("imaps", None),
        ("smtp", Some("smtp")),
        ("submission", Some("smtp")),
        ("submissions", None),
    ] {
        let place = format!("127.0.0.1:{}", doors.port(door));
        let mut arguments = vec![
            "s_client",
            "-connect",
            &place,
            "-CAfile",
            &doors.certificate,
            "-verify_return_error",
            "-crlf",
            "-quiet",
            "-ign_eof",
        ];
        if let Some(protocol) = starttls {
            arguments.extend(["-starttls", protocol]);
        }
        let goodbye = if door.starts_with("imap") { "a CAPABILITY\nb LOGOUT\n" } else { "EHLO x\nQUIT\n" };
        let out = ok(doors, "openssl", &arguments, goodbye);
        assert!(out.contains("AUTH=PLAIN") || out.contains("250-PIPELINING"), "{door}: {out}");
    }
}

fn python(doors: &Doors) {
    let script = r#"
import imaplib, smtplib, ssl, sys
imaps, submission, certificate = sys.argv[1:4]
context = ssl.create_default_context(cafile=certificate)
box = imaplib.IMAP4_SSL('localhost', int(imaps), ssl_context=context)
box.login('ann', 'correct horse')
def ok(answer):
    assert answer[0] == 'OK', answer
    return answer[1]
ok(box.create('"Old mail"')); ok(box.subscribe('"Old mail"'))
ok(box.append('"Old mail"', '\\Seen', imaplib.Time2Internaldate(86400 * 10000), b'Subject: one\r\n\r\nbody\r\n'))
ok(box.append('"Old mail"', None, None, b'Subject: two\r\n\r\nother\r\n'))
assert ok(box.select('"Old mail"')) == [b'2']
assert ok(box.search(None, 'UNSEEN')) == [b'2']
assert ok(box.uid('search', None, 'BODY', 'other')) == [b'2']
assert b'INTERNALDATE "19-May-1997' in ok(box.fetch('1', '(INTERNALDATE)'))[0]
assert ok(box.fetch('1', '(BODY[])'))[0][1] == b'Subject: one\r\n\r\nbody\r\n'
ok(box.store('1:2', '+FLAGS', '(\\Flagged Work)'))
assert b'Work' in ok(box.fetch('2', '(FLAGS)'))[0]
ok(box.copy('1', 'Archive')); ok(box.uid('move', '2', 'Trash'))
ok(box.store('1', '+FLAGS', '\\Deleted'))
assert ok(box.expunge())[-1] == b'1'
ok(box.close()); ok(box.status('Archive', '(MESSAGES UIDNEXT)'))
ok(box.rename('"Old mail"', 'Older')); ok(box.delete('Older')); ok(box.namespace()); ok(box.enable('CONDSTORE'))
box.logout()
client = smtplib.SMTP('localhost', int(submission)); client.starttls(context=context)
client.login('bob@example.test', 'correct horse')
client.sendmail('bob@example.test', ['ann@example.test'], b'From: bob@example.test\r\nSubject: by smtplib\r\n\r\nhi\r\n')
try:
    client.sendmail('ann@example.test', ['bob@example.test'], b'From: ann@example.test\r\n\r\nhi\r\n')
    raise SystemExit('bob wrote as ann')
except smtplib.SMTPSenderRefused as refused:
    assert refused.smtp_code == 553, refused
client.quit()
"#;
    ok(doors, "python3", &["-c", script, &doors.port("imaps"), &doors.port("submission"), &doors.certificate], "");
}

/// Sends by SMTP; opens INBOX by IMAP on a terminal of its own and flags its first message. Debian 12's NeoMutt takes
/// SCRAM-SHA-256-PLUS where it is announced and can't bind the channel, so it is told what to use.
fn neomutt(doors: &Doors) {
    let config = format!(
        "set smtp_url = \"smtps://ann@localhost:{}\"\nset smtp_pass = \"correct horse\"\nset imap_user = ann\n\
         set imap_pass = \"correct horse\"\nset from = ann@example.test\nset realname = Ann\nset copy = no\nset quit = yes\n\
         set folder = \"imaps://localhost:{}/\"\nset certificate_file = \"{}\"\nset smtp_authenticators = \"plain\"\nset imap_authenticators = \"plain\"\n",
        doors.port("submissions"),
        doors.port("imaps"),
        doors.certificate,
    );
    let config = doors.file("muttrc", &config);
    ok(doors, "neomutt", &["-n", "-F", &config, "-s", "by neomutt", "ann@example.test"], "hello\n");
    let inbox = format!("imaps://localhost:{}/INBOX", doors.port("imaps"));
    let keys = "push <first-entry><flag-message><sync-mailbox><quit>";
    let screen = format!("env TERM=xterm neomutt -n -F {config} -f {inbox} -e '{keys}'");
    ok(doors, "script", &["-qec", &screen, "/dev/null"], "");
    let search = |what: &str| {
        let url = format!("{inbox}?{what}");
        ok(doors, "curl", &["-s", "--cacert", &doors.certificate, "-u", "ann:correct horse", &url], "")
    };
    assert!(search("FLAGGED").contains("* SEARCH 1"));
    assert!(search("SUBJECT%20neomutt").trim().len() > "* SEARCH".len());
}

/// Everything down, a change and a new message up, and down again.
fn mbsync(doors: &Doors) {
    let maildir = doors.home.path().join("mail");
    std::fs::create_dir(&maildir).unwrap();
    let config = format!(
        "IMAPAccount a\nHost localhost\nPort {}\nUser ann\nPass \"correct horse\"\nSSLType IMAPS\nCertificateFile {}\nAuthMechs PLAIN\n\n\
         IMAPStore far\nAccount a\n\nMaildirStore near\nPath {m}/\nInbox {m}/INBOX\nSubFolders Verbatim\n\n\
         Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n",
        doors.port("imaps"),
        doors.certificate,
        m = maildir.display(),
    );
    let config = doors.file("mbsyncrc", &config);
    ok(doors, "mbsync", &["-c", &config, "-a"], "");
    let files = |folder: &str| {
        let mut out = Vec::new();
        for part in ["new", "cur"] {
            let entries = std::fs::read_dir(maildir.join(folder).join(part)).unwrap();
            out.extend(entries.flatten().map(|entry| entry.path()));
        }
        out
    };
    let before = files("INBOX");
    assert!(before.len() >= 4, "{before:?}");
    assert_eq!(files("Archive").len(), 1);
    // Read it here, write a new one here.
    let name = before[0].file_name().unwrap().to_string_lossy().split(":2,").next().unwrap().to_owned();
    std::fs::rename(&before[0], maildir.join("INBOX/cur").join(format!("{name}:2,FS"))).unwrap();
    std::fs::write(maildir.join("INBOX/new/1.local"), "Subject: from the Maildir\n\nhello\n").unwrap();
    ok(doors, "mbsync", &["-c", &config, "-a"], "");
    let search = |what: &str| {
        let url = format!("imaps://localhost:{}/INBOX?{what}", doors.port("imaps"));
        ok(doors, "curl", &["-s", "--cacert", &doors.certificate, "-u", "ann:correct horse", &url], "")
    };
    assert!(search("FLAGGED").trim().len() > "* SEARCH".len());
    assert!(search("SUBJECT%20Maildir").trim().len() > "* SEARCH".len());
    ok(doors, "mbsync", &["-c", &config, "-a"], "");
    assert_eq!(files("INBOX").len(), before.len() + 1, "nothing is doubled");
}

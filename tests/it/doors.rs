//! The doors as an admin has them: signals, certificates, root, a start that fails.

use crate::harness::appliance::{Place, Running, terminate};
use mailstead::net::tls::{ServerTls, Source};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn place_of(ready: &serde_json::Value, door: &str) -> String {
    ready["listen"][door][0].as_str().unwrap().to_owned()
}

/// Adds lines to the configuration.
fn configure(place: &Place, head: &str, tail: &str) {
    let path = place.path().join("mailstead.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{head}{text}{tail}")).unwrap();
}

/// A certificate for `name` as the files `chain.pem` and `key.pem`.
fn certificate(folder: &Path, name: &str) {
    let made = folder.join(name);
    ServerTls::open(Source::SelfMade { directory: made.clone(), hostname: name.into() }).unwrap();
    for (from, to) in [("self.crt", "chain.pem"), ("self.key", "key.pem")] {
        std::fs::copy(made.join(from), folder.join(to)).unwrap();
        std::fs::set_permissions(folder.join(to), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
}

/// A TLS connection, and the name on the certificate that it was shown.
struct Secure {
    stream: rustls::StreamOwned<rustls::ClientConnection, TcpStream>,
    name: String,
}

#[derive(Debug)]
struct Anybody;

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn secure(place: &str) -> Secure {
    let config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    let name = "mail.example.test".try_into().unwrap();
    let tcp = TcpStream::connect(place).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = rustls::StreamOwned::new(rustls::ClientConnection::new(Arc::new(config), name).unwrap(), tcp);
    assert!(line(&mut stream).starts_with("* OK "));
    let leaf = stream.conn.peer_certificates().unwrap()[0].clone();
    let (_, parsed) = x509_parser::parse_x509_certificate(&leaf).unwrap();
    let name = parsed.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned();
    Secure { stream, name }
}

/// A line without its end; empty when the connection has ended.
fn line(stream: &mut impl Read) -> String {
    let mut out = Vec::new();
    let mut octet = [0];
    while !out.ends_with(b"\r\n") && matches!(stream.read(&mut octet), Ok(1)) {
        out.push(octet[0]);
    }
    String::from_utf8(out).unwrap().trim_end().to_owned()
}

/// Starts `serve` with what it says gathered in a file.
fn serve_logged(place: &Place, level: &str) -> (Running, serde_json::Value, PathBuf) {
    let log = place.path().join("mailstead.log");
    let file = std::fs::File::create(&log).unwrap();
    let mut command = place.command(&["serve"]);
    command.env("MAILSTEAD_LOG", level).stderr(file).stdout(Stdio::null());
    let child = Running(command.spawn().unwrap());
    let mut ready = None;
    until("ready", || {
        let text = std::fs::read_to_string(place.path().join("ready.json")).unwrap_or_default();
        ready = serde_json::from_str::<serde_json::Value>(&text).ok().filter(|ready| ready["pid"] == child.id());
        ready.is_some()
    });
    (child, ready.unwrap(), log)
}

fn no_database_is_left(place: &Place) {
    assert!(place.path().join("postgres/data/PG_VERSION").exists(), "there was one");
    assert!(!place.path().join("postgres/data/postmaster.pid").exists(), "it was stopped");
}

#[test]
fn a_reload_takes_the_new_certificate_keeps_the_old_for_a_bad_one_and_drops_nobody() {
    let (place, folder) = (Place::new(), tempfile::tempdir().unwrap());
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    certificate(folder.path(), "first.example.test");
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let files = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", chain.display(), key.display());
    configure(&place, "", &files);
    let (child, ready, log) = serve_logged(&place, "info");
    let imaps = place_of(&ready, "imaps");
    let mut old = secure(&imaps);
    assert_eq!(old.name, "first.example.test");
    let said = |words: &str| std::fs::read_to_string(&log).unwrap().matches(words).count();
    let hang_up = || kill(Pid::from_raw(child.id() as i32), Signal::SIGHUP).unwrap();
    std::fs::write(&chain, "no certificate").unwrap();
    hang_up();
    until("the bad certificate is told", || said("the certificate in use stays") == 1);
    assert!(said("no certificate in PEM form") == 1);
    assert_eq!(secure(&imaps).name, "first.example.test");
    // Its key does not fit.
    let kept = std::fs::read(&key).unwrap();
    certificate(folder.path(), "second.example.test");
    std::fs::write(&key, kept).unwrap();
    hang_up();
    until("the wrong key is told", || said("the private key is not the certificate's") == 1);
    certificate(folder.path(), "second.example.test");
    hang_up();
    until("the new certificate is taken", || secure(&imaps).name == "second.example.test");
    old.stream.write_all(b"a NOOP\r\n").unwrap();
    assert!(line(&mut old.stream).starts_with("a OK "), "who was there is there");
    // And a drain says goodbye to who is there.
    let mut smtp = BufReader::new(TcpStream::connect(place_of(&ready, "smtp")).unwrap());
    assert!(line(&mut smtp).starts_with("220 "));
    assert!(terminate(child));
    assert!(line(&mut old.stream).starts_with("* BYE ") && line(&mut smtp).starts_with("421 4.3.2 "));
    assert!(!place.path().join("ready.json").exists());
    no_database_is_left(&place);
}

#[test]
fn roots_verbs_leave_alone_what_belongs_to_another_user() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: roots_verbs_leave_alone_what_belongs_to_another_user, as the tests do not run as root");
        return;
    }
    let place = Place::new();
    std::os::unix::fs::chown(place.path(), Some(12345), Some(12345)).unwrap();
    let output = place.run(&["domain", "add", "x.test"], "");
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && words.contains("12345") && words.lines().count() == 1, "{words}");
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(place.path()).unwrap()), 12345);
}

#[test]
fn a_mistyped_directory_is_neither_made_nor_taken_over() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::new();
    std::fs::remove_file(place.path().join("mailstead.toml")).unwrap();
    std::fs::write(place.path().join("important"), "hi").unwrap();
    let before = std::fs::metadata(place.path()).unwrap();
    for (verb, words) in [("list", "there is no Mailstead in"), ("add x.test", "important is in it")] {
        let arguments: Vec<&str> = std::iter::once("domain").chain(verb.split(' ')).collect();
        let output = place.run(&arguments, "");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && told.contains(words) && told.lines().count() == 1, "{told}");
    }
    let after = std::fs::metadata(place.path()).unwrap();
    assert_eq!((before.uid(), before.mode()), (after.uid(), after.mode()));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn root_is_given_up() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: root_is_given_up, as the tests do not run as root");
        return;
    }
    let (place, folder) = (Place::new(), tempfile::tempdir().unwrap());
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    certificate(folder.path(), "mail.example.test");
    let key = folder.path().join("key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let socket = folder.path().join("lmtp.sock");
    let chain = folder.path().join("chain.pem");
    let files = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", chain.display(), key.display());
    configure(&place, "", &files);
    let path = place.path().join("mailstead.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let lmtp = format!("lmtp = [\"127.0.0.1:0\", \"{}\"]", socket.display());
    std::fs::write(&path, text.replace("lmtp = [\"127.0.0.1:0\"]", &lmtp)).unwrap();
    // Nobody but root can read the key: told now, and not when it is read again at night.
    let refused = place.run(&["serve"], "");
    let words = String::from_utf8(refused.stderr).unwrap();
    assert_eq!((refused.status.code(), words.lines().count()), (Some(1), 1), "{words}");
    assert!(words.contains("key.pem: the service user ") && words.contains("chmod 640"), "{words}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (child, ready) = place.serve();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let owner = std::fs::metadata(place.path()).unwrap();
    assert_ne!(owner.uid(), 0);
    assert_eq!(field("Uid:"), vec![owner.uid().to_string(); 4]);
    assert_eq!(field("Gid:"), vec![owner.gid().to_string(); 4]);
    assert_eq!(field("Groups:"), [owner.gid().to_string()]);
    assert_eq!((field("CapEff:"), field("CapPrm:")), (vec!["0".repeat(16)], vec!["0".repeat(16)]));
    // The socket that root bound is the service user's, and `status` asks it too.
    let meta = std::fs::metadata(&socket).unwrap();
    assert_eq!((meta.uid(), meta.permissions().mode() & 0o777), (owner.uid(), 0o660));
    let mut lmtp = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    assert!(line(&mut lmtp).starts_with("220 "));
    assert_eq!(ready["listen"]["lmtp"].as_array().unwrap().len(), 2);
    let lines = place.ok(&["status"], "");
    assert!(lines.lines().all(|line| line.starts_with("ok ")) && lines.contains("lmtp.sock"), "{lines}");
    assert!(terminate(child));
}

#[test]
fn a_start_that_fails_says_why_in_a_line_and_leaves_no_database() {
    let place = Place::new();
    place.ok(&["domain", "add", "example.test"], "");
    no_database_is_left(&place);
    let fails = |words: &str| {
        let output = place.run(&["serve"], "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.starts_with("mailstead: ") && said.contains(words), "{said}");
        no_database_is_left(&place);
    };
    let path = place.path().join("mailstead.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    configure(&place, "", "[tls]\ncertificate = \"/nowhere/chain.pem\"\nkey = \"/nowhere/key.pem\"\n");
    fails("/nowhere/chain.pem");
    // A port that somebody has.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    std::fs::write(&path, config.replacen("127.0.0.1:0", &address, 1)).unwrap();
    fails(&format!("[listen] smtp: {address}: "));
    std::fs::write(&path, &config).unwrap();
    // Another key than the database's: found out after the database has begun.
    let key = std::fs::read_to_string(place.path().join("secret.key")).unwrap();
    let other = "mailstead-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    std::fs::write(place.path().join("secret.key"), other).unwrap();
    fails("put the right file back");
    std::fs::write(place.path().join("secret.key"), key).unwrap();
    // What a crash left behind tells nobody that there are doors.
    std::fs::write(place.path().join("ready.json"), "{\"pid\":999999999,\"listen\":{}}").unwrap();
    configure(&place, "", "[tls]\ncertificate = \"/nowhere/chain.pem\"\nkey = \"/nowhere/key.pem\"\n");
    fails("/nowhere/chain.pem");
    assert!(!place.path().join("ready.json").exists());
}

#[test]
fn a_stop_in_the_middle_of_the_start_is_a_stop() {
    let place = Place::new();
    let child = Running(place.command(&["serve"]).spawn().unwrap());
    // The database is being made: the signals are caught by then.
    until("the database begins", || place.path().join("postgres/data/PG_VERSION").exists());
    kill(Pid::from_raw(child.id() as i32), Signal::SIGHUP).unwrap();
    assert!(terminate(child));
    no_database_is_left(&place);
}

#[test]
fn settings_changed_beside_a_running_server_are_in_force() {
    let place = Place::new();
    let (child, ready) = place.serve();
    let size = || {
        let mut smtp = BufReader::new(TcpStream::connect(place_of(&ready, "smtp")).unwrap());
        smtp.get_mut().write_all(b"EHLO x\r\n").unwrap();
        let found = smtp.lines().map(Result::unwrap).find(|line| line.contains("SIZE "));
        found.unwrap().split(' ').next_back().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(size(), 50 << 20);
    place.ok(&["settings", "set", "message.size", "20MiB"], "");
    until("the new size is announced", || size() == 20 << 20);
    let shown: serde_json::Value =
        serde_json::from_str(&place.ok(&["settings", "get", "message.size", "--json"], "")).unwrap();
    assert_eq!((&shown["value"], &shown["type"]), (&"20MiB".into(), &"a size from 1MiB to 1GiB".into()));
    place.ok(&["settings", "reset", "message.size"], "");
    until("the default is back", || size() == 50 << 20);
    assert!(terminate(child));
}

#[test]
fn no_log_has_a_password() {
    let place = Place::new();
    place.ok(&["domain", "add", "example.test"], "");
    let add = |name: &str, password: &str| {
        let mut command = place.command(&["account", "add", name, "--password-stdin"]);
        command.env("MAILSTEAD_LOG", "trace").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let added = add("ann@example.test", "hunter2-hunter2");
    let (child, ready, log) = serve_logged(&place, "trace");
    let port = |door: &str| place_of(&ready, door).rsplit(':').next().unwrap().to_owned();
    let script = "
import imaplib, smtplib, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
for name in ('ann', 'nobody'):
    for secret in ('hunter2-hunter2', 'hunter2-wrong-one'):
        box = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=context)
        for sign_in in (lambda: box.login(name, secret), lambda: box.authenticate('PLAIN', lambda _: f'\\0{name}\\0{secret}'.encode())):
            try: sign_in()
            except imaplib.IMAP4.error: pass
        client = smtplib.SMTP_SSL('127.0.0.1', int(sys.argv[2]), context=context)
        for method in ('auth_plain', 'auth_login'):
            client.ehlo(); client.user, client.password = name, secret
            try: client.auth(method[5:].upper(), getattr(client, method)); break
            except smtplib.SMTPException: pass
";
    let output = Command::new("python3").args(["-c", script, &port("imaps"), &port("submissions")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(terminate(child));
    let said = std::fs::read_to_string(&log).unwrap();
    let mut refused = said.lines().filter(|line| line.contains("sign-in refused")).peekable();
    assert!(refused.peek().is_some(), "{}", said.get(..2000).unwrap_or(&said));
    assert!(refused.all(|line| line.contains("peer.address=127.0.0.1")));
    assert!(said.contains("DEBUG") && !said.contains('\x1b'), "no colours in a file");
    let encode = mailstead::sasl::encode_challenge;
    for secret in ["hunter2-hunter2", "hunter2-wrong-one"] {
        let plain = |name: &str| encode(format!("\0{name}\0{secret}").as_bytes());
        for form in [secret.to_owned(), encode(secret.as_bytes()), plain("ann"), plain("nobody")] {
            assert!(!said.contains(&form) && !added.contains(&form), "{form}");
        }
    }
    let key = std::fs::read_to_string(place.path().join("secret.key")).unwrap();
    let key = key.lines().last().unwrap().split(':').next_back().unwrap();
    assert!(!said.contains(key) && !added.contains(key) && !said.contains("$argon2") && !added.contains("$argon2"));
}

//! A member who sends, a worker, and a next server that answers as it is told.

use super::house::House;
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
use mailstead::service::login::{Identity, Origin, Protocol};
use mailstead::service::submission::Outgoing;
use rustls::pki_types::pem::PemObject;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How the other side behaves.
#[derive(Clone)]
pub struct Manner {
    pub ehlo: &'static str,
    /// Answers to RCPT by address; others get 250.
    pub rcpt: HashMap<&'static str, &'static str>,
    /// Answer to DATA; with 354 the body is read.
    pub data: &'static str,
    pub end: &'static str,
    /// Closes at RSET.
    pub impatient: bool,
    /// TLS from the first octet.
    pub implicit: bool,
    /// Closes instead of answering the body.
    pub vanish: bool,
    pub tls: Option<ServerTls>,
    /// Sent in one packet with the answer to STARTTLS.
    pub injected: &'static str,
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
pub struct Seen(Arc<Mutex<(Vec<String>, Vec<String>)>>);

impl Seen {
    pub fn commands(&self) -> Vec<String> {
        self.0.lock().unwrap().0.clone()
    }

    pub fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}

pub async fn far(manner: Manner) -> (u16, Seen) {
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
            "BDAT" => {
                let size = line.split(' ').nth(1)?.parse().ok()?;
                while input.len() < size {
                    if stream.read_buf(&mut input).await.ok()? == 0 {
                        return None;
                    }
                }
                let body = input.drain(..size).collect::<Vec<u8>>();
                seen.0.lock().unwrap().1.push(String::from_utf8_lossy(&body).into_owned());
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

pub struct Scene {
    pub house: House,
    pub ann: Identity,
}

impl Scene {
    pub async fn new() -> Self {
        let house = House::new().await;
        house.member("ann", "correct horse").await;
        let origin = Origin { peer: [192, 0, 2, 1].into(), protocol: Protocol::Submission, domain_hint: None };
        let password = Secret::new("correct horse".to_owned());
        let ann = house.services.login.password(&origin, "", "ann", &password).await.unwrap();
        Self { house, ann }
    }

    pub async fn send(&self, to: &[(&str, Notify)], body: &str) {
        self.send_from(Some("ann@example.test"), to, body).await;
    }

    pub async fn send_from(&self, from: Option<&str>, to: &[(&str, Notify)], body: &str) {
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
    pub async fn work(&self, route: Option<String>) {
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

    pub async fn waiting(&self) -> Vec<(String, String)> {
        let rows = self.house.services.queue.list(None).await.unwrap();
        rows.into_iter().map(|row| (row.address, row.answer)).collect()
    }

    /// Ann's INBOX, as text.
    pub async fn inbox(&self) -> Vec<String> {
        self.house.inbox("ann").await
    }
}

pub fn tls() -> &'static (ServerTls, ClientTls) {
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

pub const ASKED_NOTHING: Notify = Notify::empty();

//! Clients that cost little: SMTP with pipelining in the clear, IMAP inside TLS.

use super::house::PASSWORD;
use mailstead::net::client::{Check, ClientTls, connect};
use mailstead::net::stream::Stream;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: Duration = Duration::from_secs(10);

pub async fn dial(place: &str, tls: Option<&ClientTls>) -> Stream {
    let (host, port) = place.rsplit_once(':').expect("port");
    let stream = connect(host, port.parse().expect("port"), LIMIT).await.expect("connect");
    match tls {
        None => stream,
        Some(tls) => stream.start_client_tls(tls, Check::Nothing, "localhost", LIMIT).await.expect("TLS"),
    }
}

/// A connection with what was read and not used.
pub struct Line {
    stream: Stream,
    input: Vec<u8>,
    at: usize,
}

impl Line {
    fn new(stream: Stream) -> Self {
        Self { stream, input: Vec::with_capacity(1 << 16), at: 0 }
    }

    pub async fn write(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.expect("write");
        self.stream.flush().await.expect("flush");
    }

    async fn more(&mut self) {
        if self.at > 0 {
            self.input.drain(..self.at);
            self.at = 0;
        }
        assert!(self.stream.read_buf(&mut self.input).await.expect("read") > 0, "closed");
    }

    /// The next line without its CRLF.
    pub async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.input[self.at..].iter().position(|b| *b == b'\n') {
                let line = String::from_utf8_lossy(self.input[self.at..self.at + end].trim_ascii_end()).into_owned();
                self.at += end + 1;
                return line;
            }
            self.more().await;
        }
    }

    /// Passes everything up to the line that begins with `tag`; how many octets that was.
    pub async fn until(&mut self, tag: &str) -> u64 {
        let mut count = 0;
        let mark = format!("\r\n{tag} ");
        loop {
            let rest = &self.input[self.at..];
            let found = if rest.starts_with(&mark.as_bytes()[2..]) {
                Some(0)
            } else {
                find(rest, mark.as_bytes()).map(|at| at + 2)
            };
            if let Some(at) = found {
                self.at += at;
                let line = self.line().await;
                assert!(line.starts_with(&format!("{tag} OK")), "{line}");
                return count + at as u64;
            }
            // The mark may be cut between two reads.
            let keep = rest.len().min(mark.len());
            count += (rest.len() - keep) as u64;
            self.at = self.input.len() - keep;
            self.more().await;
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, part)
}

pub struct Smtp(Line);

impl Smtp {
    pub async fn open(place: &str, tls: Option<&ClientTls>) -> Self {
        let mut line = Line::new(dial(place, None).await);
        line.line().await;
        if let Some(tls) = tls {
            line.write(b"STARTTLS\r\n").await;
            // EHLO first, as it must be.
            let answer = line.line().await;
            assert!(answer.starts_with("220"), "{answer}");
            let Line { stream, .. } = line;
            line = Line::new(stream.start_client_tls(tls, Check::Nothing, "localhost", LIMIT).await.expect("TLS"));
        }
        line.write(b"EHLO client.test\r\n").await;
        while line.line().await.as_bytes()[3] == b'-' {}
        Self(line)
    }

    /// One message in two round trips; comes back after its 250.
    pub async fn send(&mut self, to: &str, stuffed: &[u8]) {
        let envelope = format!("MAIL FROM:<s@elsewhere.test>\r\nRCPT TO:<{to}@example.test>\r\nDATA\r\n");
        self.0.write(envelope.as_bytes()).await;
        for code in ["250", "250", "354"] {
            let line = self.0.line().await;
            assert!(line.starts_with(code), "{line}");
        }
        self.0.write(stuffed).await;
        let line = self.0.line().await;
        assert!(line.starts_with("250"), "{line}");
    }
}

pub struct Imap {
    pub line: Line,
    tag: u32,
}

impl Imap {
    pub async fn open(place: &str, tls: &ClientTls, name: &str) -> Self {
        let mut this = Self { line: Line::new(dial(place, Some(tls)).await), tag: 0 };
        this.line.line().await;
        this.ask(&format!("LOGIN {name} \"{PASSWORD}\"")).await;
        this
    }

    /// Sends a command and passes its answer; octets of it.
    pub async fn ask(&mut self, command: &str) -> u64 {
        self.tag += 1;
        let tag = format!("t{}", self.tag);
        self.line.write(format!("{tag} {command}\r\n").as_bytes()).await;
        self.line.until(&tag).await
    }

    pub async fn append(&mut self, mailbox: &str, message: &[u8]) {
        self.tag += 1;
        let tag = format!("t{}", self.tag);
        let head = format!("{tag} APPEND {mailbox} {{{}+}}\r\n", message.len());
        self.line.write(&[head.as_bytes(), message, b"\r\n"].concat()).await;
        self.line.until(&tag).await;
    }
}

//! The client's side of SMTP (RFC 5321 §3, §4.5.3.2): one connection, letters one after the other.

use crate::model::dsn::{BodyKind, Notify};
use crate::model::smarthost::{Security, Smarthost};
use crate::net::client::{Check, ClientTls, connect};
use crate::net::stream::Stream;
use crate::sasl::client::Client;
use crate::sasl::{Answer as SaslAnswer, Mechanism, decode_answer, encode_challenge};
use crate::service::queue::{Due, Letter, Outcome, Words};
use crate::wire::Decoded;
use crate::wire::smtp::command::{Forward, Mail, Rcpt};
use crate::wire::smtp::data;
use crate::wire::smtp::ehlo::{AskMail, AskRcpt, Capabilities};
use crate::wire::smtp::reply::Answer;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long each step may take (RFC 5321 §4.5.3.2).
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub connect: Duration,
    pub command: Duration,
    /// Between pieces of a body.
    pub data: Duration,
    /// From the last dot to its answer.
    pub end: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self { connect: Duration::from_secs(30), command: minutes(5), data: minutes(3), end: minutes(10) }
    }
}

/// Octets that are sent at a time; each has its time.
const PIECE: usize = 64 << 10;

/// Why a connection can't be used: everything on it waits.
#[derive(Debug)]
pub struct Failed(pub Words);

type Result<T> = std::result::Result<T, Failed>;

/// A connection after its greeting.
pub struct Connection {
    stream: Stream,
    input: Vec<u8>,
    host: String,
    can: Capabilities,
    times: Times,
    /// A body began: if the connection breaks now, nobody knows whether it was taken.
    handed: bool,
    /// Answers can still be told to belong to what was asked.
    usable: bool,
}

impl Connection {
    /// Connects, greets, goes over to TLS and signs in, as the route says.
    ///
    /// # Errors
    /// [`Failed`], always temporary: the message is not what is wrong.
    pub async fn open(route: &Smarthost, hello: &str, tls: &ClientTls, times: Times) -> Result<Self> {
        let ours = |status: &'static str| {
            move |error: std::io::Error| Failed(Words::ours(status, &format!("{}: {error}", route.host)))
        };
        let mut stream = connect(&route.host, route.port, times.connect).await.map_err(ours("4.4.1"))?;
        if route.security == Security::Implicit {
            let host = &route.host;
            stream = stream.start_client_tls(tls, Check::Name, host, times.connect).await.map_err(ours("4.7.5"))?;
        }
        let host = route.host.clone();
        let mut this = Self::new(stream, host, times);
        let greeting = this.read(times.command).await?;
        this.must(greeting, 220)?;
        this.greet(hello).await?;
        if route.security != Security::Implicit {
            this = this.secure(route, hello, tls).await?;
        }
        if let Some((user, password)) = &route.sign_in {
            this.sign_in(user, password.expose()).await?;
        }
        Ok(this)
    }

    fn new(stream: Stream, host: String, times: Times) -> Self {
        let can = Capabilities::default();
        Self { stream, input: Vec::new(), host, can, times, handed: false, usable: true }
    }

    async fn greet(&mut self, hello: &str) -> Result<()> {
        let answer = self.ask(&format!("EHLO {hello}")).await?;
        if answer.code == 250 {
            self.can = Capabilities::read(&answer);
            return Ok(());
        }
        let answer = self.ask(&format!("HELO {hello}")).await?;
        self.can = Capabilities::default();
        self.must(answer, 250).map(|_| ())
    }

    async fn secure(mut self, route: &Smarthost, hello: &str, tls: &ClientTls) -> Result<Self> {
        let check = match route.security {
            Security::Opportunistic if !self.can.start_tls => return Ok(self),
            // A password goes to nobody who can't prove its name.
            Security::Opportunistic if route.sign_in.is_none() => Check::Nothing,
            _ => Check::Name,
        };
        if !self.can.start_tls {
            return Err(self.failed("4.7.4", "the server offers no TLS, and it is required"));
        }
        let answer = self.ask("STARTTLS").await?;
        self.must(answer, 220)?;
        let Self { stream, host, times, .. } = self;
        let stream = stream
            .start_client_tls(tls, check, &host, times.connect)
            .await
            .map_err(|error| Failed(Words::ours("4.7.5", &format!("{host}: {error}"))))?;
        // Whatever was read before the handshake came in the clear and is forgotten (RFC 3207 §4.2).
        let mut this = Self::new(stream, host, times);
        this.greet(hello).await?;
        Ok(this)
    }

    async fn sign_in(&mut self, user: &str, password: &str) -> Result<()> {
        let Some(tls) = self.stream.tls() else {
            return Err(self.failed("4.7.11", "the password is not sent without TLS"));
        };
        let offered = |mechanism: &Mechanism| {
            self.can.auth.iter().any(|name| name == mechanism.name())
                && (tls.binding.is_some() || !mechanism.name().ends_with("-PLUS"))
        };
        let mechanism = Mechanism::NAMES.iter().map(|(mechanism, _)| *mechanism).find(|m| offered(m));
        let Some(mechanism) = mechanism else { return Err(self.failed("4.7.4", "no sign-in that we know is offered")) };
        let mut nonce = [0u8; 18];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| self.failed("4.3.0", "no random numbers"))?;
        let mut client = Client::new(mechanism, tls.binding.as_deref(), user, password, &encode_challenge(&nonce));
        let first = client.first();
        let mut line = format!("AUTH {}", mechanism.name());
        if !first.is_empty() {
            line = format!("{line} {}", encode_challenge(&first));
        }
        loop {
            let answer = self.ask(&line).await?;
            if answer.code == 235 {
                return Ok(());
            }
            self.must(answer.clone(), 334)?;
            let challenge = decode_answer(answer.lines.last().map(|l| l.trim()).unwrap_or_default().as_bytes());
            let SaslAnswer::Octets(challenge) = challenge else {
                return Err(self.failed("4.7.0", "the sign-in challenge is no base64"));
            };
            let reply = client.answer(&challenge);
            line = encode_challenge(&reply.ok_or_else(|| self.failed("4.7.0", "the server could not prove itself"))?);
        }
    }

    /// Sends one letter; one outcome for each recipient, in order.
    ///
    /// # Errors
    /// [`Failed`]: the connection broke. After the last dot nobody knows, and it will be sent again: twice rather than never.
    pub async fn send(&mut self, letter: &Letter, octets: &[u8]) -> Result<Vec<Outcome>> {
        self.handed = false;
        // An address that the server can't take is no reason to keep the message from the others.
        let (asked, beyond): (Vec<&Due>, Vec<&Due>) =
            letter.recipients.iter().partition(|due| self.can.smtputf8 || !due.address.needs_utf8());
        let beyond: Vec<_> = beyond.iter().map(|due| due.id).collect();
        let mut outcomes = self.send_to(letter, &asked, octets).await?.into_iter();
        let outcome = |due: &Due| match beyond.contains(&due.id) {
            true => Outcome::Permanent(self.ours("5.6.7", "the server does not take addresses in UTF-8")),
            false => outcomes.next().unwrap_or_else(|| self.refused(&no_answer())),
        };
        Ok(letter.recipients.iter().map(outcome).collect())
    }

    async fn send_to(&mut self, letter: &Letter, to: &[&Due], octets: &[u8]) -> Result<Vec<Outcome>> {
        if to.is_empty() {
            return Ok(Vec::new());
        }
        let way = match self.way(letter, octets) {
            Ok(way) => way,
            Err(words) => return Ok(vec![Outcome::Permanent(words); to.len()]),
        };
        let (mail, rcpts) = self.envelope(letter, to, octets);
        let mut answers = self.transact(mail, rcpts).await?.into_iter();
        let of_mail = answers.next().unwrap_or_else(no_answer);
        if of_mail.code / 100 != 2 {
            self.reset().await;
            return Ok(vec![self.refused(&of_mail); to.len()]);
        }
        let of_rcpts: Vec<Answer> = answers.collect();
        let taken = |answer: &Answer| answer.code / 100 == 2;
        if !of_rcpts.iter().any(taken) {
            self.reset().await;
            return Ok(of_rcpts.iter().map(|answer| self.refused(answer)).collect());
        }
        self.handed = true;
        let end = match way {
            Way::Data => self.data(octets).await?,
            Way::Bdat => self.bdat(octets).await?,
        };
        let sent = end.code / 100 == 2;
        if !sent {
            self.reset().await;
        }
        let outcome = |answer: &Answer| match (taken(answer), sent) {
            (false, _) => self.refused(answer),
            (true, false) => self.refused(&end),
            (true, true) => Outcome::Sent { words: self.words(&end), reports: self.can.dsn },
        };
        Ok(of_rcpts.iter().map(outcome).collect())
    }

    /// Whether the letter whose sending failed may have arrived all the same.
    pub fn may_have_arrived(&self) -> bool {
        self.handed
    }

    /// Whether another letter may go over it.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Says goodbye; what the server says to that does not matter.
    pub async fn quit(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(5), self.ask("QUIT")).await;
        let _ = tokio::time::timeout(Duration::from_secs(5), self.stream.shutdown()).await;
    }

    /// How the octets can go, or why they can't (RFC 3030, RFC 6152, RFC 6531 §3.6).
    fn way(&self, letter: &Letter, octets: &[u8]) -> std::result::Result<Way, Words> {
        let no = |status, text| Err(self.ours(status, text));
        let eight = !octets.is_ascii();
        if !self.can.takes(octets.len() as u64) {
            return no("5.3.4", "the message is larger than the server takes");
        }
        if needs_utf8(letter, &[], octets) && !self.can.smtputf8 {
            return no("5.6.7", "the server does not take addresses or headers in UTF-8");
        }
        if eight && !self.can.eight_bit && !self.can.binary {
            return no("5.6.3", "the server takes seven bits only");
        }
        match data::check(octets) {
            None => Ok(Way::Data),
            Some(_) if self.can.chunking && self.can.binary => Ok(Way::Bdat),
            Some(_) => no("5.6.1", "the message has a bare CR, bare LF or NUL, and the server takes no binary mail"),
        }
    }

    fn envelope(&self, letter: &Letter, to: &[&Due], octets: &[u8]) -> (String, Vec<String>) {
        let binary = data::check(octets).is_some();
        let body = match (binary, octets.is_ascii()) {
            (true, _) => BodyKind::Binary,
            (_, false) => BodyKind::EightBit,
            _ => BodyKind::SevenBit,
        };
        let mail = Mail {
            from: letter.sender.clone(),
            size: Some(octets.len() as u64),
            body,
            smtputf8: needs_utf8(letter, to, octets),
            ret: letter.ret,
            envid: letter.envid.clone(),
        };
        let rcpt = |due: &&Due| {
            // A null sender hears nothing, so nobody is asked to tell it anything.
            let notify = if letter.sender.is_none() { Notify::NEVER } else { due.notify };
            let rcpt = Rcpt { to: Forward::Address(due.address.clone()), notify, orcpt: due.orcpt.clone() };
            AskRcpt { rcpt: &rcpt, to: &self.can }.to_string()
        };
        (AskMail { mail: &mail, to: &self.can }.to_string(), to.iter().map(rcpt).collect())
    }

    /// MAIL and all RCPT, in one packet where the server takes that (RFC 2920); an answer for each.
    async fn transact(&mut self, mail: String, rcpts: Vec<String>) -> Result<Vec<Answer>> {
        let count = rcpts.len();
        let mut out = Vec::with_capacity(count + 1);
        if self.can.pipelining {
            let lines: Vec<String> = std::iter::once(mail).chain(rcpts).collect();
            self.write(format!("{}\r\n", lines.join("\r\n")).as_bytes()).await?;
            for _ in 0..=count {
                out.push(self.read(self.times.command).await?);
            }
            return Ok(out);
        }
        out.push(self.ask(&mail).await?);
        if out[0].code / 100 == 2 {
            for rcpt in rcpts {
                out.push(self.ask(&rcpt).await?);
            }
        }
        Ok(out)
    }

    async fn data(&mut self, octets: &[u8]) -> Result<Answer> {
        let go = self.ask("DATA").await?;
        if go.code != 354 {
            // A yes before there was a message is no yes to the message.
            return if go.code >= 400 { Ok(go) } else { Err(self.failed("4.5.0", "the server took no message")) };
        }
        for piece in data::stuffed(octets, PIECE) {
            self.write(&piece).await?;
        }
        self.read(self.times.end).await
    }

    async fn bdat(&mut self, octets: &[u8]) -> Result<Answer> {
        self.write(format!("BDAT {} LAST\r\n", octets.len()).as_bytes()).await?;
        self.write(octets).await?;
        self.read(self.times.end).await
    }

    /// Ends the transaction. What was answered in it counts, even if the server has had enough of us.
    async fn reset(&mut self) {
        self.usable = self.ask("RSET").await.is_ok_and(|answer| answer.code == 250);
    }

    async fn ask(&mut self, line: &str) -> Result<Answer> {
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.read(self.times.command).await
    }

    async fn write(&mut self, octets: &[u8]) -> Result<()> {
        for piece in octets.chunks(PIECE) {
            let sent = tokio::time::timeout(self.times.data, self.stream.write_all(piece)).await;
            self.io(sent)?;
        }
        let sent = tokio::time::timeout(self.times.data, self.stream.flush()).await;
        self.io(sent)
    }

    fn io<T>(&self, done: std::result::Result<std::io::Result<T>, tokio::time::error::Elapsed>) -> Result<T> {
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.failed("4.4.2", &error.to_string())),
            Err(_) => Err(self.failed("4.4.2", "the server did not answer in time")),
        }
    }

    async fn read(&mut self, limit: Duration) -> Result<Answer> {
        let end = tokio::time::Instant::now() + limit;
        loop {
            match Answer::decode(&self.input) {
                Decoded::Item { item, used } => {
                    self.input.drain(..used);
                    // 421 ends the conversation whatever was asked (RFC 5321 §3.8).
                    if item.code == 421 {
                        return Err(Failed(self.words(&item)));
                    }
                    return Ok(item);
                }
                Decoded::Bad { why, .. } => return Err(self.failed("4.5.0", why)),
                Decoded::More => {}
            }
            let read = tokio::time::timeout_at(end, self.stream.read_buf(&mut self.input)).await;
            if self.io(read)? == 0 {
                return Err(self.failed("4.4.2", "the server closed the connection"));
            }
        }
    }

    fn must(&self, answer: Answer, code: u16) -> Result<Answer> {
        if answer.code == code { Ok(answer) } else { Err(Failed(self.words(&answer))) }
    }

    fn failed(&self, status: &str, text: &str) -> Failed {
        Failed(self.ours(status, text))
    }

    fn ours(&self, status: &str, text: &str) -> Words {
        Words::ours(status, &format!("{}: {text}", self.host))
    }

    fn words(&self, answer: &Answer) -> Words {
        Words::theirs(answer.code, answer.enhanced(), &answer.text(), &self.host)
    }

    fn refused(&self, answer: &Answer) -> Outcome {
        let words = self.words(answer);
        if answer.code / 100 == 5 { Outcome::Permanent(words) } else { Outcome::Temporary(words) }
    }
}

enum Way {
    Data,
    Bdat,
}

fn no_answer() -> Answer {
    Answer { code: 451, lines: vec!["no answer".into()] }
}

/// Whether an address or a header field is not ASCII (RFC 6531 §3.4).
fn needs_utf8(letter: &Letter, to: &[&Due], octets: &[u8]) -> bool {
    let header = crate::mime::header::end_of_header(octets);
    to.iter().any(|due| due.address.needs_utf8())
        || letter.sender.as_ref().is_some_and(crate::model::address::Address::needs_utf8)
        || (letter.smtputf8 && !octets[..header].is_ascii())
}

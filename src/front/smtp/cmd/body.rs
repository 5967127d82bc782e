//! DATA and BDAT (RFC 5321 §4.1.1.4, RFC 3030), and what follows the last octet. A body that is refused is read to its
//! end all the same, so that what follows is commands again.

use crate::front::smtp::Kind;
use crate::front::smtp::io::Heard;
use crate::front::smtp::reply::{bad_body, refusal};
use crate::front::smtp::session::{Next, Session, State, Transaction};
use crate::mime::header::end_of_header;
use crate::mime::submission::received_count;
use crate::model::dsn::BodyKind;
use crate::service::Refusal;
use crate::service::delivery::{Answers, Incoming};
use crate::service::spool::Spool;
use crate::service::submission::Outgoing;
use crate::wire::smtp::data::{self, BadBody, DataReader};
use crate::wire::smtp::reply::Reply;
use std::io;

/// Received fields of a message that goes in circles (RFC 5321 §6.3 asks for 100 at least).
const HOPS: usize = 100;
/// A body this many times the limit is not drained any more: the connection ends.
const PATIENCE: u64 = 4;

pub(super) async fn data(session: &mut Session) -> io::Result<Next> {
    let (size, binary) = match ready(session) {
        Ok(transaction) if transaction.chunks.is_some() => {
            return Ok(Next::Reply(Reply::new(503, 5, 1, "The message goes on with BDAT")));
        }
        Ok(transaction) => (transaction.size, transaction.body == BodyKind::Binary),
        Err(reply) => return Ok(Next::Reply(reply)),
    };
    if binary {
        return Ok(Next::Reply(Reply::new(503, 5, 1, "BINARYMIME goes by BDAT")));
    }
    let mut spool = match begin(session, size).await {
        Ok(spool) => Ok(spool),
        Err(why) => return Ok(Next::Reply(session.refusal(&why))),
    };
    session.io.reply(&Reply::plain(354, "Go on, end with a dot on a line of its own"));
    let (mut reader, mut total, mut piece) = (DataReader::default(), 0u64, Vec::new());
    let ceiling = session.services.spool.message_limit().saturating_mul(PATIENCE);
    loop {
        piece.clear();
        let used = reader.push(session.io.input(), &mut piece);
        session.io.consume(used);
        total += used as u64;
        keep(&mut spool, &piece).await;
        if reader.ended() {
            break;
        }
        if total > ceiling {
            return Ok(Next::Close(Reply::new(552, 3, 4, "Far too large")));
        }
        if let Some(end) = more(session).await? {
            return Ok(end);
        }
    }
    if let Some(bad) = reader.bad() {
        spool = Err(bad_body(bad));
    }
    finish(session, spool).await
}

/// `refused`: the chunk may not be taken, but has to be read.
pub(super) async fn bdat(session: &mut Session, size: u64, last: bool, refused: Option<Reply>) -> io::Result<Next> {
    let ceiling = session.services.spool.message_limit().saturating_mul(PATIENCE);
    if size > ceiling {
        return Ok(Next::Close(Reply::new(552, 3, 4, "Far too large")));
    }
    let begun = match (refused, ready(session)) {
        (None, Ok(transaction)) => Ok((transaction.chunks.take(), transaction.size, transaction.body)),
        (Some(reply), _) | (None, Err(reply)) => Err(reply),
    };
    let (mut spool, body) = match begun {
        Ok((Some(spool), _, body)) => (spool, body),
        Ok((None, announced, body)) => {
            let begun = begin(session, announced.max(size)).await;
            (begun.map_err(|why| session.refusal(&why)), body)
        }
        Err(reply) => (Err(reply), BodyKind::SevenBit),
    };
    let mut left = size as usize;
    while left > 0 {
        let take = session.io.input().len().min(left);
        if take > 0 {
            let piece = session.io.input()[..take].to_vec();
            session.io.consume(take);
            left -= take;
            keep(&mut spool, &piece).await;
        } else if let Some(end) = more(session).await? {
            return Ok(end);
        }
    }
    if !last {
        let reply = match &spool {
            Ok(_) => Reply::new(250, 0, 0, format!("{size} octets received")),
            Err(reply) => reply.clone(),
        };
        if let State::Mail(transaction) = &mut session.state {
            transaction.chunks = Some(spool);
        }
        return Ok(Next::Reply(reply));
    }
    if let Some(bad) = spool.as_ref().ok().and_then(|spool| fault(spool.bytes(), body)) {
        spool = Err(bad_body(bad));
    }
    finish(session, spool).await
}

/// Room for `expected` octets.
async fn begin(session: &Session, expected: u64) -> Result<Spool, Refusal> {
    let room = &session.services.spool;
    match session.options.kind {
        Kind::Mx => room.begin_for_stranger(session.peer.ip(), expected).await,
        Kind::Submission | Kind::Lmtp => room.begin(expected).await,
    }
}

/// The transaction, if it may take a body.
fn ready(session: &mut Session) -> Result<&mut Transaction, Reply> {
    match &mut session.state {
        State::Mail(transaction) if transaction.recipients.is_empty() => {
            Err(Reply::new(554, 5, 1, "No valid recipients"))
        }
        State::Mail(transaction) => Ok(transaction),
        _ => Err(Reply::new(503, 5, 1, "Bad sequence of commands")),
    }
}

/// Binary content is for bodies: header fields are lines all the same (RFC 3030 §3). NUL is refused anywhere: no IMAP
/// literal but a binary one could give it back (RFC 9051 §4.3).
fn fault(bytes: &[u8], body: BodyKind) -> Option<BadBody> {
    if body != BodyKind::Binary {
        return data::check(bytes);
    }
    let nul = || memchr::memchr(0, bytes).map(|_| BadBody::Nul);
    data::check(&bytes[..end_of_header(bytes)]).or_else(nul)
}

/// Adds octets; a spool that refuses stays refused.
async fn keep(spool: &mut Result<Spool, Reply>, piece: &[u8]) {
    if let Ok(open) = spool
        && let Err(why) = open.push(piece).await
    {
        *spool = Err(refusal(&why));
    }
}

/// Waits for more of a body; `Some`: there will be none, and nothing was accepted.
async fn more(session: &mut Session) -> io::Result<Option<Next>> {
    Ok(match session.io.read(session.options.data).await? {
        Heard::Octets => None,
        Heard::Closed => Some(Next::Close(Reply::new(421, 4, 2, "The connection ended within the message"))),
        Heard::Shutdown => Some(Next::Close(Reply::new(421, 3, 2, "Shutting down, try again soon"))),
        Heard::TimedOut => Some(Next::Close(Reply::new(421, 4, 2, "Waited too long for the message"))),
    })
}

/// Hands the message over and answers; the transaction is over either way.
async fn finish(session: &mut Session, spool: Result<Spool, Reply>) -> io::Result<Next> {
    let received = received_field(session);
    let transaction = match std::mem::replace(&mut session.state, State::Fresh) {
        State::Mail(transaction) => transaction,
        // A chunk that nobody may send was drained.
        other => {
            session.state = other;
            return Ok(Next::Reply(spool.err().unwrap_or_else(|| Reply::new(503, 5, 1, "Bad sequence of commands"))));
        }
    };
    session.state = State::Greeted(transaction.greeting.clone());
    let count = transaction.recipients.len();
    if let (0, Err(reply)) = (count, &spool) {
        // The last chunk for nobody: there is one answer all the same.
        return Ok(Next::Reply(reply.clone()));
    }
    let spool = spool.and_then(|spool| {
        if received_count(spool.bytes()) >= HOPS {
            Err(Reply::new(554, 4, 6, "Too many hops: the message goes in circles"))
        } else {
            Ok(spool)
        }
    });
    let answers = match spool {
        Err(reply) => vec![reply; count],
        Ok(spool) => hand_over(session, *transaction, spool, received).await,
    };
    if answers.iter().any(|answer| answer.code() < 400) {
        session.errors = 0;
    }
    if session.options.kind == Kind::Lmtp {
        answers.iter().for_each(|answer| session.io.reply(answer));
        return Ok(Next::Done);
    }
    // One answer for all: the service commits every copy or none.
    let answer = answers.first();
    Ok(answer.map_or(Next::Done, |answer| Next::Reply(answer.clone())))
}

async fn hand_over(session: &Session, transaction: Transaction, spool: Spool, received: String) -> Vec<Reply> {
    let count = transaction.recipients.len();
    let Transaction { from, body, smtputf8, ret, envid, recipients, .. } = transaction;
    let message = spool.finish();
    let ok = || Reply::new(250, 0, 0, "Message accepted");
    if session.options.kind == Kind::Submission {
        let Some(who) = &session.who else { return vec![Reply::new(530, 7, 0, "Authentication is needed"); count] };
        let recipients = recipients.into_iter().map(|target| (target.address, target.dsn)).collect();
        let outgoing = Outgoing { sender: from, recipients, message, received, ret, envid, smtputf8, body };
        let answer = match session.services.submission.submit(who, outgoing).await {
            Ok(()) => ok(),
            Err(Refusal::Denied) => Reply::new(550, 7, 1, "The From field names an address that is not yours"),
            Err(why) => session.refusal(&why),
        };
        return vec![answer; count];
    }
    let recipients = recipients.into_iter().filter_map(|target| Some((target.recipient?, target.dsn))).collect();
    let answers = if session.options.kind == Kind::Lmtp { Answers::Each } else { Answers::One };
    let incoming = Incoming { sender: from, recipients, message, received, ret, envid, smtputf8, body, answers };
    let outcomes = session.services.delivery.deliver(incoming).await;
    outcomes.into_iter().map(|outcome| outcome.map_or_else(|why| session.refusal(&why), |()| ok())).collect()
}

/// The trace field (RFC 5321 §4.4, protocol names of RFC 3848 and RFC 6531 §4.3).
fn received_field(session: &Session) -> String {
    let State::Mail(transaction) = &session.state else { return String::new() };
    let tls = session.io.tls();
    let base = match (session.options.kind, transaction.greeting.extended, transaction.smtputf8) {
        (Kind::Lmtp, _, true) => "UTF8LMTP",
        (Kind::Lmtp, _, false) => "LMTP",
        (_, true, true) => "UTF8SMTP",
        (_, true, false) => "ESMTP",
        (_, false, _) => "SMTP",
    };
    let (s, a) = (if tls.is_some() { "S" } else { "" }, if session.who.is_some() { "A" } else { "" });
    let cipher = tls.map_or_else(String::new, |tls| format!("\r\n\t(version={} cipher={})", tls.version, tls.cipher));
    // Only a single recipient is named: others must not learn of each other (RFC 5321 §7.2).
    let only = match transaction.recipients.as_slice() {
        [one] => format!("\r\n\tfor <{}>", one.address),
        _ => String::new(),
    };
    let peer = match session.peer.ip() {
        std::net::IpAddr::V4(ip) => format!("[{ip}]"),
        std::net::IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
    };
    // Nothing in the name may end the clause it stands in, or make an ASCII message need SMTPUTF8.
    let odd = |c: char| matches!(c, '(' | ')' | ';' | '"' | '\\') || !(c.is_ascii() || transaction.smtputf8);
    let name = transaction.greeting.name.replace(odd, "?");
    let date = session.services.clock.now().to_rfc2822();
    format!(
        "Received: from {name} ({peer})\r\n\tby {} (Mailstead) with {base}{s}{a}{cipher}{only};\r\n\t{date}\r\n",
        session.options.hostname
    )
}

//! One SMTP conversation: what the client has said so far, and the loop.

use super::io::{Heard, Io};
use super::reply::refusal;
use super::{Kind, Options, cmd};
use crate::front::sign_in::origin;
use crate::model::address::Address;
use crate::model::dsn::{BodyKind, DsnRequest, Ret};
use crate::net::listener::Accepted;
use crate::service::directory::Recipient;
use crate::service::login::{Identity, Origin, Protocol};
use crate::service::spool::Spool;
use crate::service::{Refusal, Services};
use crate::wire::Decoded;
use crate::wire::smtp::command::{self, Command, Malformed};
use crate::wire::smtp::reply::Reply;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Commands refused for good, since the last message that was taken, after which a client is shown the door.
const ERRORS: u32 = 20;

/// Everything about one connection.
pub(super) struct Session {
    pub io: Io,
    pub options: Arc<Options>,
    pub services: Services,
    pub peer: SocketAddr,
    pub state: State,
    /// Who signed in.
    pub who: Option<Identity>,
    pub failed_logins: u32,
    pub errors: u32,
    /// The rest of an overlong line is on its way.
    skipping: bool,
}

/// How far the client has come.
pub(super) enum State {
    Fresh,
    Greeted(Greeting),
    Mail(Box<Transaction>),
}

/// How the client introduced itself.
#[derive(Debug, Clone)]
pub(super) struct Greeting {
    pub name: String,
    /// EHLO or LHLO, not HELO.
    pub extended: bool,
}

/// From MAIL to the end of the body.
pub(super) struct Transaction {
    pub greeting: Greeting,
    pub from: Option<Address>,
    pub body: BodyKind,
    pub smtputf8: bool,
    pub ret: Option<Ret>,
    pub envid: Option<String>,
    pub size: u64,
    pub recipients: Vec<Target>,
    /// What BDAT brought so far; `Some(Err)`: refused, the rest is drained.
    pub chunks: Option<Result<Spool, Reply>>,
}

/// One RCPT that was accepted.
pub(super) struct Target {
    pub address: Address,
    pub dsn: DsnRequest,
    /// `None`: submission, which resolves when it sends.
    pub recipient: Option<Recipient>,
}

/// What a command leads to.
pub(super) enum Next {
    Reply(Reply),
    /// Replies were written already.
    Done,
    /// Reply, then end.
    Close(Reply),
}

impl Session {
    pub(super) fn new(accepted: Accepted, options: Arc<Options>, services: Services) -> Self {
        let Accepted { stream, peer, shutdown, .. } = accepted;
        Self {
            io: Io::new(stream, shutdown),
            options,
            services,
            peer,
            state: State::Fresh,
            who: None,
            failed_logins: 0,
            errors: 0,
            skipping: false,
        }
    }

    pub(super) async fn run(mut self) -> io::Result<()> {
        let protocol = if self.options.kind == Kind::Lmtp { "LMTP" } else { "ESMTP" };
        self.io.reply(&Reply::plain(220, format!("{} {protocol} Mailstead", self.options.hostname)));
        while let Some(decoded) = self.next_command().await? {
            let next = match decoded {
                Ok(command) => cmd::run(&mut self, command).await?,
                Err(why) => Next::Reply(Reply::new(500, 5, 2, why)),
            };
            match next {
                Next::Done => {}
                Next::Reply(reply) => {
                    self.errors += u32::from(reply.is_permanent());
                    self.io.reply(&reply);
                    if self.errors >= ERRORS {
                        self.io.reply(&Reply::new(421, 7, 0, "Too many errors"));
                        break;
                    }
                }
                Next::Close(reply) => {
                    self.io.reply(&reply);
                    break;
                }
            }
        }
        self.io.flush(self.options.idle).await?;
        self.io.close().await;
        Ok(())
    }

    /// The next command, or why a line is none; `None`: the conversation is over.
    async fn next_command(&mut self) -> io::Result<Option<Result<Command, &'static str>>> {
        loop {
            match command::decode(self.io.input()) {
                Decoded::Item { item, used } => {
                    self.io.consume(used);
                    if !std::mem::take(&mut self.skipping) {
                        return Ok(Some(Ok(item)));
                    }
                }
                Decoded::Bad { why, used } => {
                    self.io.consume(used);
                    if !std::mem::take(&mut self.skipping) {
                        return Ok(Some(Err(why)));
                    }
                }
                Decoded::More => {
                    if self.io.input().len() > command::LONGEST_AUTH {
                        // Keep one octet: it may be the CR of the CRLF.
                        self.io.consume(self.io.input().len() - 1);
                        if !std::mem::replace(&mut self.skipping, true) {
                            return Ok(Some(Err("line too long")));
                        }
                    }
                    if !self.hear().await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Waits for octets; `false`: say no more, it is over.
    async fn hear(&mut self) -> io::Result<bool> {
        match self.io.read(self.options.idle).await? {
            Heard::Octets => Ok(true),
            Heard::Closed => Ok(false),
            Heard::Shutdown => {
                self.io.reply(&Reply::new(421, 3, 2, "Shutting down, try again soon"));
                Ok(false)
            }
            Heard::TimedOut => {
                self.io.reply(&Reply::new(421, 4, 2, "Waited too long for a command"));
                Ok(false)
            }
        }
    }

    /// Where the client stands, for the login service.
    pub(super) fn origin(&self) -> Origin {
        origin(self.peer.ip(), Protocol::Submission, self.io.tls().as_ref())
    }

    /// The reply to a refusal; what a full mailbox means is a setting.
    pub(super) fn refusal(&self, why: &Refusal) -> Reply {
        match why {
            Refusal::OverQuota if self.services.directory.refuses_when_full() => {
                Reply::new(552, 2, 2, "Mailbox is full")
            }
            other => refusal(other),
        }
    }

    /// Drops the transaction, keeps the greeting.
    pub(super) fn reset(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Fresh) {
            State::Mail(transaction) => State::Greeted(transaction.greeting),
            other => other,
        };
    }
}

/// The reply to an argument that can't be read.
pub(super) fn malformed(malformed: Malformed) -> Reply {
    match malformed {
        Malformed::Syntax(why) => Reply::new(501, 5, 4, why),
        Malformed::Address => Reply::new(553, 1, 3, "That is no address"),
        Malformed::Parameter => Reply::new(555, 5, 4, "Parameter not known here"),
        Malformed::Chunk => Reply::new(501, 5, 4, "BDAT size [LAST]"),
    }
}

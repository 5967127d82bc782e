//! One IMAP conversation: what the client has said so far, and the loop.

use super::io::{Heard, Io};
use super::reply::{Done, Stop, fault, refusal};
use super::{Options, cmd};
use crate::front::sign_in::origin;
use crate::model::flags::SystemFlags;
use crate::model::ids::Uid;
use crate::model::mailbox::MailboxPath;
use crate::model::sequence::SequenceSet;
use crate::model::uidset::UidSet;
use crate::net::listener::Accepted;
use crate::service::login::{Identity, Origin, Protocol};
use crate::service::snapshot::{Take, Update, View};
use crate::service::spool::Spool;
use crate::service::{Refusal, Services};
use crate::wire::imap::command::{self, By, Command, Hole, Needs, Place, Source, Spec};
use crate::wire::imap::framer::Literal;
use crate::wire::imap::mutf7;
use crate::wire::imap::response::{self, Code, Condition, Form, number, put};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// BAD answers after which a client is shown the door: in a row, or all before sign-in.
const ERRORS: u32 = 20;
/// Octets of all literals of one command that are no messages; fewer before sign-in.
const ARGUMENTS: u64 = 64 << 10;
const STRANGERS_ARGUMENTS: u64 = 4 << 10;

/// Everything about one connection.
pub(super) struct Session {
    pub io: Io,
    pub options: Arc<Options>,
    pub services: Services,
    pub peer: SocketAddr,
    pub state: State,
    pub enabled: Enabled,
    pub failed_logins: u32,
    /// The command changed the selected mailbox, so the view is behind.
    pub changed: bool,
    errors: u32,
    began: tokio::time::Instant,
}

/// How far the client has come.
pub(super) enum State {
    Stranger,
    Member(Identity),
    Mailbox { who: Identity, view: Box<View>, saved: UidSet },
}

/// What the client has told that it understands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Enabled {
    pub condstore: bool,
    pub rev2: bool,
}

/// A command as it came, or why there is none.
enum Read {
    Whole {
        source: Source,
        messages: Vec<Spool>,
    },
    /// Dropped on the way: the answer.
    Dropped {
        tag: String,
        done: Done,
    },
    Ended(Option<&'static str>),
}

impl Session {
    pub(super) fn new(accepted: Accepted, options: Arc<Options>, services: Services) -> Self {
        let Accepted { stream, peer, shutdown, .. } = accepted;
        Self {
            io: Io::new(stream, shutdown),
            options,
            services,
            peer,
            state: State::Stranger,
            enabled: Enabled::default(),
            failed_logins: 0,
            changed: false,
            errors: 0,
            began: tokio::time::Instant::now(),
        }
    }

    pub(super) async fn run(mut self) -> io::Result<()> {
        let code = Code::Capability(cmd::capabilities(&self));
        let text = format!("{} Mailstead", self.options.hostname);
        response::status_response(&mut self.io.out, "*", Condition::Ok, Some(&code), &text);
        let goodbye = loop {
            match self.read_command().await? {
                Read::Ended(why) => break why,
                Read::Dropped { tag, done } => {
                    if let Some(why) = self.answer(&tag, done) {
                        break Some(why);
                    }
                }
                Read::Whole { source, messages } => {
                    if let Some(why) = self.command(source, messages).await? {
                        break Some(why);
                    }
                }
            }
        };
        if let Some(why) = goodbye.filter(|why| !why.is_empty()) {
            response::status_response(&mut self.io.out, "*", Condition::Bye, None, why);
        }
        self.io.flush(self.options.data).await?;
        self.io.close().await;
        Ok(())
    }

    /// Writes a tagged answer; `Some`: the conversation is over, with these words.
    fn answer(&mut self, tag: &str, done: Done) -> Option<&'static str> {
        response::status_response(&mut self.io.out, tag, done.condition, done.code.as_ref(), &done.text);
        match done.condition {
            Condition::Bad => self.errors += 1,
            Condition::Ok if self.who().is_some() => self.errors = 0,
            _ => {}
        }
        if self.errors >= ERRORS { Some("Too many errors") } else { done.end }
    }

    async fn command(&mut self, source: Source, messages: Vec<Spool>) -> io::Result<Option<&'static str>> {
        let (Command { tag, verb }, spec) = match command::decode(&source) {
            Ok(found) => found,
            Err(bad) => return Ok(self.answer(bad.tag.as_deref().unwrap_or("*"), fault(bad.fault))),
        };
        if let Err(done) = self.allowed(spec) {
            return Ok(self.answer(&tag, done));
        }
        self.changed = false;
        let done = match Box::pin(cmd::run(self, &tag, verb, spec, messages)).await {
            Ok(done) => done,
            Err(Stop::Done(done)) => done,
            Err(Stop::Silent) => return Ok(None),
            Err(Stop::Refused(why)) => refusal(why),
            Err(Stop::Io(error)) => return Err(error),
        };
        Ok(self.answer(&tag, done))
    }

    fn allowed(&self, spec: &Spec) -> Result<(), Done> {
        match (spec.needs, &self.state) {
            (Needs::Stranger, State::Member(_) | State::Mailbox { .. }) => Err(Done::bad("You are signed in already")),
            (Needs::Member | Needs::Mailbox, State::Stranger) => Err(Done::bad("Sign in first")),
            (Needs::Mailbox, State::Member(_)) => Err(Done::bad("Select a mailbox first")),
            _ => Ok(()),
        }
    }

    /// Gathers one command: text, arguments and messages, each literal decided before it is read.
    async fn read_command(&mut self) -> io::Result<Read> {
        let (mut source, mut messages) = (Source::default(), Vec::new());
        let mut room = if self.who().is_some() { ARGUMENTS } else { STRANGERS_ARGUMENTS };
        let mut dropped: Option<Done> = None;
        let mut tag = String::new();
        loop {
            let limit = if source.lines.is_empty() { self.patience() } else { self.options.data };
            match self.hear(limit).await? {
                Heard::Closed => return Ok(Read::Ended(None)),
                Heard::Shutdown => return Ok(Read::Ended(Some("Shutting down, try again soon"))),
                Heard::TimedOut => return Ok(Read::Ended(Some("Waited too long"))),
                Heard::TooLong { head } => {
                    tag = command::tag_of(source.lines.first().unwrap_or(&head)).unwrap_or_else(|| "*".into());
                    dropped = Some(Done::bad("Command too long"));
                }
                Heard::Dropped => {
                    let done = dropped.unwrap_or_else(|| Done::bad("Command not taken"));
                    return Ok(Read::Dropped { tag, done });
                }
                Heard::Octets(range) => {
                    if let Err(why) = self.take_octets(range, &mut source, &mut messages).await {
                        // The rest of the literal must be passed over without being kept.
                        dropped.get_or_insert(refusal(why));
                    }
                }
                Heard::Line { text, literal } => {
                    source.lines.push(text);
                    let Some(literal) = literal else {
                        return Ok(match dropped {
                            Some(done) => Read::Dropped { tag: first_tag(&source), done },
                            None => Read::Whole { source, messages },
                        });
                    };
                    if let Err(done) = self.decide(literal, &mut source, &mut messages, &mut room).await {
                        tag = first_tag(&source);
                        if !self.io.refuse(literal) {
                            return Ok(Read::Dropped { tag, done });
                        }
                        dropped = Some(done);
                    }
                }
            }
        }
    }

    async fn take_octets(
        &mut self,
        range: std::ops::Range<usize>,
        source: &mut Source,
        messages: &mut [Spool],
    ) -> Result<(), Refusal> {
        let octets = self.io.octets(range);
        match (source.holes.last_mut(), messages.last_mut()) {
            (Some(Hole::Octets(hole)), _) => hole.extend_from_slice(octets),
            (Some(Hole::Message { .. }), Some(spool)) => spool.push(octets).await?,
            _ => {}
        }
        Ok(())
    }

    /// Accepts a literal, or says why not.
    async fn decide(
        &mut self,
        literal: Literal,
        source: &mut Source,
        messages: &mut Vec<Spool>,
        room: &mut u64,
    ) -> Result<(), Done> {
        match command::place(source).map_err(fault)? {
            Place::Message { mailbox } => {
                let who = self.who().cloned().ok_or(Done::bad("Sign in first"))?;
                let path = self.path(&mailbox)?;
                let held: u64 = messages.iter().map(Spool::len).sum();
                let spool = self.services.spool.begin(literal.size).await.map_err(refusal)?;
                self.services.login.session_fresh(&who, None).await.map_err(refusal)?;
                let target = self.services.messages.append_target(&who, &path, held + literal.size).await;
                target.map_err(|why| cmd::try_create(refusal(why)))?;
                messages.push(spool);
                source.holes.push(Hole::Message { binary: literal.binary });
            }
            Place::Argument => {
                if literal.binary {
                    return Err(Done::bad("A binary literal can't stand here"));
                }
                *room = room.checked_sub(literal.size).ok_or(Done::no(Code::TooBig, "Literal too long"))?;
                source.holes.push(Hole::Octets(Vec::new()));
            }
        }
        self.io.accept(literal);
        Ok(())
    }

    /// The next piece, within `limit` of silence and of what the whole connection may take.
    pub(super) async fn hear(&mut self, limit: Duration) -> io::Result<Heard> {
        let overall = if self.who().is_some() { self.options.overall } else { self.options.sign_in };
        let end = self.began + overall;
        if end <= tokio::time::Instant::now() {
            // A client that never stops talking never waits.
            return Ok(Heard::TimedOut);
        }
        let heard = tokio::time::timeout_at(end, self.io.next(limit)).await;
        heard.unwrap_or(Ok(Heard::TimedOut))
    }

    /// How long the client may be silent between commands.
    pub(super) fn patience(&self) -> Duration {
        if self.who().is_some() { self.options.idle } else { self.options.stranger }
    }

    /// The client knows of mod-sequences from now on; the mailbox that it has selected tells its highest
    /// (RFC 7162 §3.1).
    pub(super) fn aware_of_modseqs(&mut self) {
        if std::mem::replace(&mut self.enabled.condstore, true) {
            return;
        }
        if let State::Mailbox { view, .. } = &self.state {
            let code = Code::HighestModSeq(view.highest_modseq());
            response::status_response(&mut self.io.out, "*", Condition::Ok, Some(&code), "Ok");
        }
    }

    /// Who signed in.
    pub(super) fn who(&self) -> Option<&Identity> {
        match &self.state {
            State::Stranger => None,
            State::Member(who) | State::Mailbox { who, .. } => Some(who),
        }
    }

    /// Who signed in; the command table has seen to it that somebody did.
    pub(super) fn member(&self) -> Result<Identity, Stop> {
        self.who().cloned().ok_or_else(|| Done::bad("Sign in first").into())
    }

    pub(super) fn view(&self) -> Result<&View, Stop> {
        match &self.state {
            State::Mailbox { view, .. } => Ok(view),
            _ => Err(Done::bad("Select a mailbox first").into()),
        }
    }

    /// Where the client stands, for the login service.
    pub(super) fn origin(&self) -> Origin {
        origin(self.peer.ip(), Protocol::Imap, self.io.tls().as_ref())
    }

    /// How strings and names are written for this client.
    pub(super) fn form(&self) -> Form {
        Form::enabled(self.enabled.rev2)
    }

    /// A mailbox name as this client writes it.
    pub(super) fn path(&self, raw: &[u8]) -> Result<MailboxPath, Done> {
        let name = self.name(raw).ok_or(Done::no(Code::Cannot, "That is no modified UTF-7"))?;
        MailboxPath::parse(&name).map_err(|why| Done::no(Code::Cannot, why.to_string()))
    }

    /// A name or pattern as this client writes it, in UTF-8.
    pub(super) fn name(&self, raw: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(raw).ok()?;
        if self.enabled.rev2 { Some(text.to_owned()) } else { mutf7::decode(text) }
    }

    /// The UIDs a set means here; those that don't exist are left out.
    pub(super) fn resolve(&self, by: By, set: &SequenceSet) -> Result<UidSet, Stop> {
        let State::Mailbox { view, saved, .. } = &self.state else { return Err(Done::bad("No mailbox").into()) };
        Ok(match (by, set) {
            (_, SequenceSet::Saved) => view.uids_within(saved),
            (By::Uid, set) => view.uids_within(&set.resolve(view.last_uid(), saved)),
            // Clients ask for 1:* of an empty mailbox; that is nothing, not a fault.
            (By::Number, set) if !view.is_empty() && set.exceeds(view.len()) => {
                return Err(Done::bad("There is no message with that number").into());
            }
            (By::Number, set) => view.uids_of_numbers(&set.resolve(Some(view.len()).filter(|n| *n > 0), saved)),
        })
    }

    /// Brings the view to the present; what the client must be told.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when the mailbox is gone.
    pub(super) async fn refresh(&mut self, take: Take) -> Result<Vec<Update>, Refusal> {
        let State::Mailbox { who, view, .. } = &mut self.state else { return Ok(Vec::new()) };
        let updates = self.services.mailboxes.refresh(who, view, take).await?;
        if updates.contains(&Update::Gone) { Err(Refusal::NotFound) } else { Ok(updates) }
    }

    /// Writes what the client must be told.
    pub(super) fn tell(&mut self, updates: &[Update]) {
        for update in updates {
            match update {
                Update::Expunge { number: n, .. } => put(&mut self.io.out, format_args!("* {n} EXPUNGE\r\n")),
                Update::Exists { count } => put(&mut self.io.out, format_args!("* {count} EXISTS\r\n")),
                Update::Recent { count } if !self.enabled.rev2 => {
                    put(&mut self.io.out, format_args!("* {count} RECENT\r\n"));
                }
                Update::Keywords => self.tell_keywords(),
                Update::Flags { uid, .. } => self.tell_flags(*uid),
                Update::Recent { .. } | Update::Gone => {}
            }
        }
    }

    /// FLAGS and PERMANENTFLAGS: the system flags and every keyword in use.
    pub(super) fn tell_keywords(&mut self) {
        let State::Mailbox { view, .. } = &self.state else { return };
        let out = &mut self.io.out;
        out.extend_from_slice(b"* FLAGS ");
        response::flags(out, SystemFlags::all(), view.keywords(), false);
        out.extend_from_slice(b"\r\n");
        let mut permanent = Vec::new();
        if view.read_only() {
            permanent.extend_from_slice(b"()");
        } else {
            response::flags(&mut permanent, SystemFlags::all(), view.keywords(), false);
            permanent.pop();
            permanent.extend_from_slice(b" \\*)");
        }
        let code = Code::PermanentFlags(permanent);
        response::status_response(out, "*", Condition::Ok, Some(&code), "Flags that are kept");
    }

    /// A FETCH response with a message's flags.
    pub(super) fn tell_flags(&mut self, uid: Uid) {
        let State::Mailbox { view, .. } = &self.state else { return };
        let Some(n) = view.number_of(uid) else { return };
        let Some(entry) = view.entry(n) else { return };
        let recent = !self.enabled.rev2 && view.is_recent(uid);
        let out = &mut self.io.out;
        put(out, format_args!("* {n} FETCH (UID "));
        number(out, u64::from(uid));
        out.extend_from_slice(b" FLAGS ");
        response::flags(out, entry.system, entry.keywords, recent);
        if self.enabled.condstore {
            put(out, format_args!(" MODSEQ ({})", entry.modseq));
        }
        out.extend_from_slice(b")\r\n");
    }
}

fn first_tag(source: &Source) -> String {
    source.lines.first().and_then(|line| command::tag_of(line)).unwrap_or_else(|| "*".into())
}

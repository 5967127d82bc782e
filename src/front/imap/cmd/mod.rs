//! The verbs, a file for each group that belongs together.

mod append;
mod auth;
mod fetch;
mod fetch_body;
mod idle;
mod list;
mod mailbox;
mod search;
mod select;
mod store;
mod transfer;

use super::reply::{Done, Stop};
use super::session::{Session, State};
use crate::service::Refusal;
use crate::service::snapshot::Take;
use crate::service::spool::Spool;
use crate::wire::imap::command::{Needs, Spec, Verb};
use crate::wire::imap::response::{Code, Condition, Form, nstring, string};

/// Does what a command asks: proves the session first, and tells last what changed meanwhile.
pub(super) async fn run(
    session: &mut Session,
    tag: &str,
    verb: Verb,
    spec: &Spec,
    messages: Vec<Spool>,
) -> Result<Done, Stop> {
    let behind = match spec.needs {
        Needs::Nothing if !matches!(verb, Verb::Noop) => false,
        _ => prove(session).await?,
    };
    // Numbers name the same messages until the answer (RFC 9051 §7.5.1).
    let take = if spec.numbers { Take::NoExpunge } else { Take::Everything };
    let done = dispatch(session, tag, verb, take, messages).await?;
    let ghosts = take == Take::Everything && session.view().is_ok_and(|view| view.has_ghosts());
    if behind || ghosts || session.changed {
        match session.refresh(take).await {
            Ok(updates) => session.tell(&updates),
            Err(Refusal::NotFound) => return Ok(Done { end: Some(REMOVED), ..done }),
            // What was done is done; the next command tells.
            Err(why) => tracing::debug!(%why, "updates are told later"),
        }
    }
    Ok(done)
}

/// Said when the selected mailbox is gone.
const REMOVED: &str = "The selected mailbox was removed";

/// The session is still good, and its mailbox is there; whether the view is behind.
async fn prove(session: &mut Session) -> Result<bool, Stop> {
    let Some(who) = session.who().cloned() else { return Ok(false) };
    let selected = session.view().ok().map(|view| (view.mailbox(), view.highest_modseq()));
    let fresh = session.services.login.session_fresh(&who, selected.map(|(id, _)| id)).await?;
    match (selected, fresh.highest_modseq) {
        (Some(_), None) => Err(Done { end: Some(REMOVED), ..Done::no(Code::NonExistent, REMOVED) }.into()),
        (Some((_, told)), Some(newest)) => Ok(newest > told),
        (None, _) => Ok(false),
    }
}

async fn dispatch(
    session: &mut Session,
    tag: &str,
    verb: Verb,
    take: Take,
    messages: Vec<Spool>,
) -> Result<Done, Stop> {
    match verb {
        Verb::Capability => {
            let list = capabilities(session);
            session.io.out.extend_from_slice(format!("* CAPABILITY {list}\r\n").as_bytes());
            Ok(Done::ok("CAPABILITY completed"))
        }
        Verb::Noop => Ok(Done::ok("NOOP completed")),
        Verb::Check => Ok(Done::ok("CHECK completed")),
        Verb::Logout => {
            session.io.out.extend_from_slice(b"* BYE Until next time\r\n");
            Ok(Done { end: Some(""), ..Done::ok("LOGOUT completed") })
        }
        Verb::Id(_) => id(session),
        Verb::Enable(names) => enable(session, &names),
        Verb::StartTls => auth::start_tls(session, tag).await,
        Verb::Authenticate { mechanism, initial } => auth::authenticate(session, &mechanism, initial).await,
        Verb::Login { name, password } => auth::login(session, &name, &password).await,
        Verb::Select { mailbox, read_only, condstore } => select::select(session, &mailbox, read_only, condstore).await,
        Verb::Close => select::close(session).await,
        Verb::Unselect => select::unselect(session),
        Verb::Create { mailbox, special_use } => mailbox::create(session, &mailbox, special_use).await,
        Verb::Delete(name) => mailbox::delete(session, &name).await,
        Verb::Rename { from, to } => mailbox::rename(session, &from, &to).await,
        Verb::Subscribe { mailbox, on } => mailbox::subscribe(session, &mailbox, on).await,
        Verb::Namespace => {
            session.io.out.extend_from_slice(b"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
            Ok(Done::ok("NAMESPACE completed"))
        }
        Verb::List(list) => list::list(session, &list).await,
        Verb::Lsub { reference, pattern } => list::lsub(session, &reference, &pattern).await,
        Verb::Status { mailbox, items } => list::status(session, &mailbox, &items).await,
        Verb::Append { mailbox, messages: items } => append::append(session, &mailbox, items, messages).await,
        Verb::Idle => idle::idle(session).await,
        Verb::Expunge(set) => store::expunge(session, set.as_ref()).await,
        Verb::Search { by, search } => search::search(session, tag, by, search).await,
        Verb::Fetch { by, set, items, changed_since } => {
            fetch::fetch(session, take, fetch::Asked { by, uids: session.resolve(by, &set)?, items, changed_since })
                .await
        }
        Verb::Store { by, set, store } => store::store(session, take, by, &set, &store).await,
        Verb::Copy { by, set, mailbox } => transfer::copy(session, by, &set, &mailbox).await,
        Verb::Move { by, set, mailbox } => transfer::move_to(session, by, &set, &mailbox).await,
    }
}

/// What is announced now. Each works as its RFC has it, or it is not here.
pub(super) fn capabilities(session: &Session) -> String {
    let mut list = vec!["IMAP4rev2", "IMAP4rev1", "SASL-IR", "ENABLE", "ID", "IDLE", "LITERAL+"];
    if session.who().is_some() {
        list.extend([
            "UNSELECT",
            "CHILDREN",
            "NAMESPACE",
            "UIDPLUS",
            "LIST-EXTENDED",
            "LIST-STATUS",
            "CONDSTORE",
            "ESEARCH",
            "SEARCHRES",
            "MOVE",
            "SPECIAL-USE",
            "CREATE-SPECIAL-USE",
            "STATUS=SIZE",
            "BINARY",
        ]);
        return list.join(" ");
    }
    let mut list: Vec<String> = list.into_iter().map(str::to_owned).collect();
    list.extend(auth::offers(session));
    list.join(" ")
}

/// COPY, MOVE and APPEND to a mailbox that is not there tell the client that it may make it.
pub(super) fn try_create(done: Done) -> Done {
    let code = match done.code {
        Some(Code::NonExistent) => Some(Code::TryCreate),
        other => other,
    };
    Done { code, ..done }
}

/// ID (RFC 2971): our name to anyone, our version to members alone.
fn id(session: &mut Session) -> Result<Done, Stop> {
    let mut pairs = vec![("name", "Mailstead")];
    if session.who().is_some() {
        pairs.push(("version", env!("CARGO_PKG_VERSION")));
    }
    let out = &mut session.io.out;
    out.extend_from_slice(b"* ID (");
    for (n, (name, value)) in pairs.into_iter().enumerate() {
        if n > 0 {
            out.push(b' ');
        }
        string(out, name.as_bytes(), Form::Ascii);
        out.push(b' ');
        nstring(out, Some(value.as_bytes()), Form::Ascii);
    }
    out.extend_from_slice(b")\r\n");
    Ok(Done::ok("ID completed"))
}

/// ENABLE (RFC 9051 §6.3.1); names that are not known are passed over.
fn enable(session: &mut Session, names: &[String]) -> Result<Done, Stop> {
    let asked = |name: &str| names.iter().any(|asked| asked == name);
    let condstore = asked("CONDSTORE") && !session.enabled.condstore;
    let rev2 = asked("IMAP4REV2") && !std::mem::replace(&mut session.enabled.rev2, true);
    let told = [(condstore, " CONDSTORE"), (rev2, " IMAP4rev2")];
    let enabled: String = told.into_iter().filter(|(now, _)| *now).map(|(_, name)| name).collect();
    session.io.out.extend_from_slice(format!("* ENABLED{enabled}\r\n").as_bytes());
    if condstore {
        session.aware_of_modseqs();
    }
    Ok(Done::ok("ENABLE completed"))
}

/// A member without a mailbox.
pub(super) fn leave(session: &mut Session) {
    if let State::Mailbox { who, .. } = &session.state {
        session.state = State::Member(who.clone());
    }
}

/// An untagged OK with a code.
pub(super) fn tell(session: &mut Session, code: &Code, text: &str) {
    crate::wire::imap::response::status_response(&mut session.io.out, "*", Condition::Ok, Some(code), text);
}

//! Second stage of the codec: the lines and literals of one command to a value (RFC 9051 §9, RFC 3501 §9).

mod cursor;
mod fetch;
mod list;
mod search;

pub use fetch::{FetchItem, Partial, Section, SectionText, Store};
pub use list::{List, ListReturn, ListSelect, StatusItem};
pub use search::{Search, SearchReturn};

use crate::model::flags::{Flags, Keyword, SystemFlags};
use crate::model::ids::ModSeq;
use crate::model::mailbox::SpecialUse;
use crate::model::secret::Secret;
use crate::model::sequence::SequenceSet;
use chrono::{DateTime, FixedOffset};
use cursor::{Cursor, Result};

/// One command as the framer gave it: `lines[0] hole[0] lines[1] …`; whole when there is one line more than holes.
#[derive(Debug, Default)]
pub struct Source {
    pub lines: Vec<Vec<u8>>,
    pub holes: Vec<Hole>,
}

/// A literal of a command.
#[derive(Debug)]
pub enum Hole {
    Octets(Vec<u8>),
    /// A message's octets, kept outside; they never go through the grammar. `binary`: sent as `~{n}`.
    Message {
        binary: bool,
    },
}

/// What stands where a literal was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Argument,
    /// APPEND's message, and where it goes.
    Message {
        mailbox: Vec<u8>,
    },
}

/// Why a command can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// BAD.
    Syntax(&'static str),
    /// NO [CANNOT]: a special use that this house does not know (RFC 6154 §3 has USEATTR).
    Use,
}

/// A command that can't be read, with its tag where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    pub tag: Option<String>,
    pub fault: Fault,
}

/// A tagged command.
#[derive(Debug)]
pub struct Command {
    pub tag: String,
    pub verb: Verb,
}

/// How messages are named: by sequence number, or by UID (the UID commands).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Number,
    Uid,
}

/// Mailbox names are as sent: modified UTF-7, or UTF-8 once that is enabled.
#[derive(Debug)]
pub enum Verb {
    Capability,
    Noop,
    Logout,
    Id(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    StartTls,
    /// `initial` is still base64.
    Authenticate {
        mechanism: String,
        initial: Option<Vec<u8>>,
    },
    Login {
        name: Vec<u8>,
        password: Secret<Vec<u8>>,
    },
    Enable(Vec<String>),
    Select {
        mailbox: Vec<u8>,
        read_only: bool,
        condstore: bool,
    },
    Create {
        mailbox: Vec<u8>,
        special_use: Option<SpecialUse>,
    },
    Delete(Vec<u8>),
    Rename {
        from: Vec<u8>,
        to: Vec<u8>,
    },
    Subscribe {
        mailbox: Vec<u8>,
        on: bool,
    },
    List(List),
    Lsub {
        reference: Vec<u8>,
        pattern: Vec<u8>,
    },
    Namespace,
    Status {
        mailbox: Vec<u8>,
        items: Vec<StatusItem>,
    },
    Append {
        mailbox: Vec<u8>,
        messages: Vec<AppendItem>,
    },
    Idle,
    Check,
    Close,
    Unselect,
    Expunge(Option<SequenceSet>),
    Search {
        by: By,
        search: Search,
    },
    Fetch {
        by: By,
        set: SequenceSet,
        items: Vec<FetchItem>,
        changed_since: Option<ModSeq>,
    },
    Store {
        by: By,
        set: SequenceSet,
        store: Store,
    },
    Copy {
        by: By,
        set: SequenceSet,
        mailbox: Vec<u8>,
    },
    Move {
        by: By,
        set: SequenceSet,
        mailbox: Vec<u8>,
    },
}

/// One message of APPEND.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppendItem {
    pub flags: Flags,
    pub date: Option<DateTime<FixedOffset>>,
    /// NUL may be in it (RFC 3516 §4.4).
    pub binary: bool,
}

/// Where a command may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    Nothing,
    /// Before sign-in only.
    Stranger,
    Member,
    Mailbox,
}

/// A row of the command table.
#[derive(Debug)]
pub struct Spec {
    pub name: &'static str,
    pub needs: Needs,
    /// It names messages by number, so no EXPUNGE may be told while it runs (RFC 9051 §7.5.1).
    pub numbers: bool,
    parse: fn(&mut Cursor<'_>) -> Result<Verb>,
}

macro_rules! table {
    ($($name:literal $needs:ident $numbers:literal $parse:expr;)+) => {
        /// Every command of this house.
        pub const TABLE: &[Spec] = &[$(Spec { name: $name, needs: Needs::$needs, numbers: $numbers, parse: $parse }),+];
    };
}

table! {
    "CAPABILITY" Nothing false |_| Ok(Verb::Capability);
    "NOOP" Nothing false |_| Ok(Verb::Noop);
    "LOGOUT" Nothing false |_| Ok(Verb::Logout);
    "ID" Nothing false id;
    "STARTTLS" Stranger false |_| Ok(Verb::StartTls);
    "AUTHENTICATE" Stranger false authenticate;
    "LOGIN" Stranger false login;
    "ENABLE" Member false enable;
    "SELECT" Member false |c| select(c, false);
    "EXAMINE" Member false |c| select(c, true);
    "CREATE" Member false create;
    "DELETE" Member false |c| Ok(Verb::Delete(mailbox(c)?));
    "RENAME" Member false |c| Ok(Verb::Rename { from: mailbox(c)?, to: mailbox(c)? });
    "SUBSCRIBE" Member false |c| Ok(Verb::Subscribe { mailbox: mailbox(c)?, on: true });
    "UNSUBSCRIBE" Member false |c| Ok(Verb::Subscribe { mailbox: mailbox(c)?, on: false });
    "LIST" Member false list::list;
    "LSUB" Member false list::lsub;
    "NAMESPACE" Member false |_| Ok(Verb::Namespace);
    "STATUS" Member false list::status;
    "APPEND" Member false |c| append(c).map(|(verb, _)| verb);
    "IDLE" Member false |_| Ok(Verb::Idle);
    "CHECK" Mailbox false |_| Ok(Verb::Check);
    "CLOSE" Mailbox false |_| Ok(Verb::Close);
    "UNSELECT" Mailbox false |_| Ok(Verb::Unselect);
    "EXPUNGE" Mailbox false |_| Ok(Verb::Expunge(None));
    "UID EXPUNGE" Mailbox false |c| { c.space()?; Ok(Verb::Expunge(Some(c.set()?))) };
    "SEARCH" Mailbox true |c| search::search(c, By::Number);
    "UID SEARCH" Mailbox false |c| search::search(c, By::Uid);
    "FETCH" Mailbox true |c| fetch::fetch(c, By::Number);
    "UID FETCH" Mailbox false |c| fetch::fetch(c, By::Uid);
    "STORE" Mailbox true |c| fetch::store(c, By::Number);
    "UID STORE" Mailbox false |c| fetch::store(c, By::Uid);
    "COPY" Mailbox true |c| transfer(c).map(|(set, mailbox)| Verb::Copy { by: By::Number, set, mailbox });
    "UID COPY" Mailbox false |c| transfer(c).map(|(set, mailbox)| Verb::Copy { by: By::Uid, set, mailbox });
    "MOVE" Mailbox false |c| transfer(c).map(|(set, mailbox)| Verb::Move { by: By::Number, set, mailbox });
    "UID MOVE" Mailbox false |c| transfer(c).map(|(set, mailbox)| Verb::Move { by: By::Uid, set, mailbox });
}

/// Reads a whole command, and the table's row for it.
///
/// # Errors
/// [`Bad`] with the tag, so that the answer finds its command.
pub fn decode(source: &Source) -> std::result::Result<(Command, &'static Spec), Bad> {
    let mut cursor = Cursor::new(source);
    let tag = tag(&mut cursor).map_err(|fault| Bad { tag: None, fault })?;
    let read = |cursor: &mut Cursor<'_>| {
        let spec = spec(cursor)?;
        let verb = (spec.parse)(cursor)?;
        cursor.end()?;
        Ok((verb, spec))
    };
    match read(&mut cursor) {
        Ok((verb, spec)) => Ok((Command { tag, verb }, spec)),
        Err(fault) => Err(Bad { tag: Some(tag), fault }),
    }
}

/// The tag of a command that may be cut anywhere.
pub fn tag_of(line: &[u8]) -> Option<String> {
    let source = Source { lines: vec![line.to_vec()], holes: Vec::new() };
    tag(&mut Cursor::new(&source)).ok()
}

/// What the literal announced at the end of `source` is.
///
/// # Errors
/// What is wrong with an APPEND before its message, so that nobody has to send it.
pub fn place(source: &Source) -> Result<Place> {
    let mut cursor = Cursor::new(source);
    let name = tag(&mut cursor).and_then(|_| spec(&mut cursor)).map(|spec| spec.name);
    if name != Ok("APPEND") {
        return Ok(Place::Argument);
    }
    match append(&mut cursor) {
        Ok((Verb::Append { mailbox, .. }, true)) => Ok(Place::Message { mailbox }),
        Ok(_) => Err(Fault::Syntax("argument missing")),
        // Where the text ends another literal belongs: the mailbox's name.
        Err(_) if cursor.is_at_end() => Ok(Place::Argument),
        Err(fault) => Err(fault),
    }
}

fn tag(cursor: &mut Cursor<'_>) -> Result<String> {
    let tag = cursor.while_(|b| (cursor::is_atom(b) || b == b']') && b != b'+');
    if tag.is_empty() || tag.len() > 200 {
        return Err(Fault::Syntax("a command begins with a tag"));
    }
    cursor.expect(b' ', "a command has a tag and a name")?;
    Ok(String::from_utf8_lossy(tag).into_owned())
}

fn spec(cursor: &mut Cursor<'_>) -> Result<&'static Spec> {
    let mut name = cursor.name().map_err(|_| Fault::Syntax("a command has a tag and a name"))?;
    if name == "UID" {
        cursor.space()?;
        name = format!("UID {}", cursor.name()?);
    }
    TABLE.iter().find(|spec| spec.name == name).ok_or(Fault::Syntax("command not known"))
}

fn mailbox(cursor: &mut Cursor<'_>) -> Result<Vec<u8>> {
    cursor.space()?;
    cursor.astring()
}

fn id(cursor: &mut Cursor<'_>) -> Result<Verb> {
    cursor.space()?;
    if cursor.word("NIL") {
        return Ok(Verb::Id(Vec::new()));
    }
    let pairs = cursor.list(true, |c| {
        let name = c.string()?;
        c.space()?;
        Ok((name, c.nstring()?))
    })?;
    if pairs.len() > 30 { Err(Fault::Syntax("at most 30 pairs")) } else { Ok(Verb::Id(pairs)) }
}

fn authenticate(cursor: &mut Cursor<'_>) -> Result<Verb> {
    cursor.space()?;
    let mechanism = cursor.name()?;
    let initial = cursor.take(b' ').then(|| cursor.while_(|b| b.is_ascii_graphic()).to_vec());
    Ok(Verb::Authenticate { mechanism, initial })
}

fn login(cursor: &mut Cursor<'_>) -> Result<Verb> {
    Ok(Verb::Login { name: mailbox(cursor)?, password: Secret::new(mailbox(cursor)?) })
}

fn enable(cursor: &mut Cursor<'_>) -> Result<Verb> {
    let mut names = Vec::new();
    while cursor.take(b' ') {
        names.push(cursor.name()?);
    }
    if names.is_empty() { Err(Fault::Syntax("ENABLE names capabilities")) } else { Ok(Verb::Enable(names)) }
}

fn select(cursor: &mut Cursor<'_>, read_only: bool) -> Result<Verb> {
    let mailbox = mailbox(cursor)?;
    let mut condstore = false;
    if cursor.take(b' ') {
        cursor.list(false, |c| match c.name()?.as_str() {
            "CONDSTORE" => {
                condstore = true;
                Ok(())
            }
            _ => Err(Fault::Syntax("parameter not known")),
        })?;
    }
    Ok(Verb::Select { mailbox, read_only, condstore })
}

fn create(cursor: &mut Cursor<'_>) -> Result<Verb> {
    let mailbox = mailbox(cursor)?;
    let mut uses = Vec::new();
    if cursor.take(b' ') {
        cursor.list(false, |c| {
            if !c.word("USE") {
                return Err(Fault::Syntax("parameter not known"));
            }
            c.space()?;
            uses = c.list(true, |c| {
                c.expect(b'\\', "a special use begins with \\")?;
                Ok(SpecialUse::parse(&format!("\\{}", c.atom()?)))
            })?;
            Ok(())
        })?;
    }
    match uses[..] {
        [] => Ok(Verb::Create { mailbox, special_use: None }),
        [Some(special_use)] if !matches!(special_use, SpecialUse::All | SpecialUse::Flagged) => {
            Ok(Verb::Create { mailbox, special_use: Some(special_use) })
        }
        // One use a mailbox; \All and \Flagged are views that no mailbox here can be.
        _ => Err(Fault::Use),
    }
}

/// `mailbox [flags] [date] literal`, once or more; whether the text ends where the next message stands.
fn append(cursor: &mut Cursor<'_>) -> Result<(Verb, bool)> {
    let mailbox = mailbox(cursor)?;
    let mut messages = Vec::new();
    loop {
        cursor.space()?;
        let mut item = AppendItem::default();
        if cursor.peek() == Some(b'(') {
            item.flags = flag_list(cursor)?;
            cursor.space()?;
        }
        if cursor.peek() == Some(b'"') {
            item.date = Some(cursor.date_time()?);
            cursor.space()?;
        }
        if cursor.is_at_end() {
            return Ok((Verb::Append { mailbox, messages }, true));
        }
        item.binary = cursor.message()?;
        messages.push(item);
        if cursor.is_at_end() {
            return Ok((Verb::Append { mailbox, messages }, false));
        }
    }
}

fn transfer(cursor: &mut Cursor<'_>) -> Result<(SequenceSet, Vec<u8>)> {
    cursor.space()?;
    Ok((cursor.set()?, mailbox(cursor)?))
}

/// Most keywords of a command.
const KEYWORDS: usize = 100;

/// `(\Seen $Forwarded)`. `\Recent` can't be set and is passed over; other names with a backslash are refused.
fn flag_list(cursor: &mut Cursor<'_>) -> Result<Flags> {
    let mut flags = Flags::default();
    cursor.list(true, |c| flag(c, &mut flags))?;
    Ok(flags)
}

fn flag(cursor: &mut Cursor<'_>, flags: &mut Flags) -> Result<()> {
    if cursor.take(b'\\') {
        let name = format!("\\{}", cursor.atom()?);
        match SystemFlags::named(&name) {
            Some(bit) => flags.system |= bit,
            None if name.eq_ignore_ascii_case("\\recent") => {}
            None => return Err(Fault::Syntax("flag not known")),
        }
        return Ok(());
    }
    flags.add_keyword(Keyword::parse(cursor.atom()?).ok_or(Fault::Syntax("a keyword has 1 to 100 octets"))?);
    if flags.keywords.len() > KEYWORDS { Err(Fault::Syntax("too many keywords")) } else { Ok(()) }
}

#[cfg(test)]
mod tests;

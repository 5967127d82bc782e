//! FETCH (RFC 9051 §6.4.5, §7.5.2): what the snapshot knows, rows in batches, and octets as they are read.

use super::fetch_body::{Body, parts_wanted};
use crate::front::imap::io::Io;
use crate::front::imap::reply::{Done, Stop};
use crate::front::imap::session::Session;
use crate::model::flags::SystemFlags;
use crate::model::ids::{ModSeq, Uid};
use crate::model::uidset::UidSet;
use crate::service::message::{Row, Want};
use crate::service::snapshot::{Entry, Take, Update, View};
use crate::wire::imap::command::{By, FetchItem};
use crate::wire::imap::response::{Code, date_time, flags, number, put};

/// What a client wants to know, and of which messages.
pub(super) struct Asked {
    pub by: By,
    pub uids: UidSet,
    pub items: Vec<FetchItem>,
    pub changed_since: Option<ModSeq>,
}

pub(super) async fn fetch(session: &mut Session, take: Take, mut asked: Asked) -> Result<Done, Stop> {
    if asked.items.contains(&FetchItem::ModSeq) {
        session.aware_of_modseqs();
    }
    if let Some(since) = asked.changed_since {
        let view = session.view()?;
        let newer = |uid: &u32| view.number_of(*uid).and_then(|n| view.entry(n)).is_some_and(|e| e.modseq > since);
        asked.uids = asked.uids.iter().filter(newer).collect();
    }
    let seen = mark_seen(session, take, &asked).await?;
    if asked.items.iter().all(|item| matches!(item, FetchItem::Uid | FetchItem::Flags | FetchItem::ModSeq)) {
        return from_view(session, &asked).await;
    }
    let mut told = 0;
    let read = from_rows(session, &asked, &seen, &mut told).await;
    if read.is_err() {
        // What was marked stays marked.
        seen.iter().filter(|uid| *uid > told).for_each(|uid| session.tell_flags(uid));
    }
    let (missing, unknown_encoding) = read?;
    Ok(if unknown_encoding {
        Done::no(Code::UnknownCte, "Some parts have a transfer encoding that is not known")
    } else if missing && asked.by == By::Number {
        // A UID that is no more is passed over (RFC 9051 §6.4.9), a number still means a message.
        Done::no(Code::ExpungeIssued, "Some messages were expunged")
    } else {
        Done::ok("FETCH completed")
    })
}

/// Reading a body without PEEK sets `\Seen`; answers where it did. Their flags are told with the bodies, since old
/// clients take the first FETCH response for the one they asked for.
async fn mark_seen(session: &mut Session, take: Take, asked: &Asked) -> Result<UidSet, Stop> {
    let reads = asked.items.iter().any(|item| match item {
        FetchItem::Section { peek, .. } | FetchItem::Binary { peek, .. } | FetchItem::Rfc822 { peek, .. } => !peek,
        _ => false,
    });
    let view = session.view()?;
    if !reads || view.read_only() {
        return Ok(UidSet::default());
    }
    let who = session.member()?;
    let unseen = |uid: &u32| {
        let entry = view.number_of(*uid).and_then(|n| view.entry(n));
        entry.is_some_and(|entry| !entry.system.contains(SystemFlags::SEEN))
    };
    let unseen: UidSet = asked.uids.iter().filter(unseen).collect();
    if !unseen.is_empty() {
        session.services.messages.mark_seen(&who, view, &unseen).await?;
        let mut updates = session.refresh(take).await?;
        updates.retain(|update| !matches!(update, Update::Flags { uid, .. } if unseen.contains(*uid)));
        session.tell(&updates);
    }
    Ok(unseen)
}

async fn from_view(session: &mut Session, asked: &Asked) -> Result<Done, Stop> {
    let view = session.view()?.clone();
    let context = Context::of(session, &view);
    for uid in asked.uids.iter() {
        let Some((n, entry)) = view.number_of(uid).and_then(|n| Some((n, view.entry(n)?))) else { continue };
        let out = &mut session.io.out;
        begin(out, n);
        for (at, item) in asked.items.iter().enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            context.of_entry(out, item, &entry);
        }
        out.extend_from_slice(b")\r\n");
        if session.io.is_full() {
            session.io.flush(session.options.data).await?;
        }
    }
    Ok(Done::ok("FETCH completed"))
}

fn begin(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(b"* ");
    number(out, u64::from(n));
    out.extend_from_slice(b" FETCH (");
}

/// What does not change while a FETCH runs.
struct Context<'a> {
    view: &'a View,
    recent: bool,
}

impl<'a> Context<'a> {
    fn of(session: &Session, view: &'a View) -> Self {
        Self { view, recent: !session.enabled.rev2 }
    }

    fn of_entry(&self, out: &mut Vec<u8>, item: &FetchItem, entry: &Entry<'_>) {
        match item {
            FetchItem::Uid => {
                out.extend_from_slice(b"UID ");
                number(out, u64::from(entry.uid));
            }
            FetchItem::Flags => {
                out.extend_from_slice(b"FLAGS ");
                flags(out, entry.system, entry.keywords, self.recent && self.view.is_recent(entry.uid));
            }
            FetchItem::ModSeq => {
                out.extend_from_slice(b"MODSEQ (");
                number(out, entry.modseq);
                out.push(b')');
            }
            _ => {}
        }
    }
}

fn wants(items: &[FetchItem], utf8: bool) -> Want {
    let has = |wanted: &FetchItem| items.contains(wanted);
    Want {
        envelope: has(&FetchItem::Envelope),
        body: has(&FetchItem::Body),
        bodystructure: has(&FetchItem::BodyStructure),
        parts: parts_wanted(items),
        utf8,
        attachment: false,
    }
}

/// Whether messages were missing, and whether a BINARY could not be decoded; `last` is the last message answered.
async fn from_rows(session: &mut Session, asked: &Asked, seen: &UidSet, last: &mut Uid) -> Result<(bool, bool), Stop> {
    let view = session.view()?.clone();
    let context = Context::of(session, &view);
    let services = session.services.clone();
    let limit = session.options.data;
    let told = |item: FetchItem| (!asked.items.contains(&item)).then_some(item);
    let mut with_flags: Vec<FetchItem> = told(FetchItem::Flags).into_iter().collect();
    if session.enabled.condstore {
        with_flags.extend(told(FetchItem::ModSeq));
    }
    with_flags.extend_from_slice(&asked.items);
    let mut fetching = services.messages.fetch(&view, &asked.uids, wants(&asked.items, session.enabled.rev2));
    let (mut found, mut unknown_encoding) = (0, false);
    let mut batch = fetching.next().await?;
    while let Some(rows) = batch {
        for row in &rows {
            let Some((n, entry)) = view.number_of(row.uid).and_then(|n| Some((n, view.entry(n)?))) else { continue };
            found += 1;
            let items = if seen.contains(row.uid) { &with_flags } else { &asked.items };
            let mut body = Body { services: &services, io: &mut session.io, limit, row, map: None };
            if one(&context, &mut body, items, n, &entry).await? {
                unknown_encoding = true;
                if seen.contains(row.uid) {
                    session.tell_flags(row.uid);
                }
            }
            *last = row.uid;
        }
        // The next rows are read while these are written.
        let (next, sent) = if session.io.is_full() {
            tokio::join!(fetching.next(), session.io.flush(limit))
        } else {
            (fetching.next().await, Ok(()))
        };
        sent?;
        batch = next?;
    }
    Ok((found < asked.uids.len(), unknown_encoding))
}

/// One FETCH response; whether some part could not be decoded, in which case the message is left out.
async fn one(
    context: &Context<'_>,
    body: &mut Body<'_>,
    items: &[FetchItem],
    n: u32,
    entry: &Entry<'_>,
) -> Result<bool, Stop> {
    if !body.can_decode(items)? {
        return Ok(true);
    }
    let _budget = body.reserve(items)?;
    let start = body.io.mark();
    if let Err(why) = line(context, body, items, n, entry).await {
        // An answer can't stand in the middle of a line.
        return Err(if body.io.take_back(start) { why } else { broken(why) });
    }
    if body.io.is_full() {
        body.io.flush(body.limit).await?;
    }
    Ok(false)
}

/// Some of a line is out that can't be ended: only the end of the connection tells the client so.
fn broken(why: Stop) -> Stop {
    if let Stop::Io(_) = why {
        return why;
    }
    tracing::warn!(?why, "a message could not be read to its end");
    Stop::Io(std::io::ErrorKind::BrokenPipe.into())
}

async fn line(
    context: &Context<'_>,
    body: &mut Body<'_>,
    items: &[FetchItem],
    n: u32,
    entry: &Entry<'_>,
) -> Result<(), Stop> {
    begin(&mut body.io.out, n);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            body.io.out.push(b' ');
        }
        match item {
            FetchItem::Uid | FetchItem::Flags | FetchItem::ModSeq => context.of_entry(&mut body.io.out, item, entry),
            FetchItem::Section { section, partial, .. } => body.section(section, *partial).await?,
            FetchItem::Rfc822 { name, section, .. } => body.rfc822(name, section).await?,
            FetchItem::Binary { path, partial, .. } => body.binary(path, *partial).await?,
            FetchItem::BinarySize { path } => body.binary_size(path).await?,
            other => of_row(body.io, other, body.row),
        }
    }
    body.io.out.extend_from_slice(b")\r\n");
    Ok(())
}

fn of_row(io: &mut Io, item: &FetchItem, row: &Row) {
    let out = &mut io.out;
    let mut ready = |name: &str, text: &Option<bytes::Bytes>| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(text.as_deref().unwrap_or(b"NIL"));
    };
    match item {
        FetchItem::Envelope => ready("ENVELOPE ", &row.envelope),
        FetchItem::Body => ready("BODY ", &row.body),
        FetchItem::BodyStructure => ready("BODYSTRUCTURE ", &row.bodystructure),
        FetchItem::Size => put(out, format_args!("RFC822.SIZE {}", row.size)),
        FetchItem::InternalDate => {
            put(out, "INTERNALDATE ");
            date_time(out, row.internal_date);
        }
        _ => {}
    }
}

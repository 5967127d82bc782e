//! STORE and EXPUNGE (RFC 9051 §6.4.3, §6.4.6, §6.4.9; RFC 7162 §3.1.3; RFC 4315 §2.1).

use crate::front::imap::reply::{Done, Stop};
use crate::front::imap::session::Session;
use crate::model::flags::{FlagChange, Flags, Keyword, SystemFlags};
use crate::model::sequence::SequenceSet;
use crate::model::uidset::UidSet;
use crate::service::snapshot::{Entry, Take, Update, View};
use crate::wire::imap::command::{By, Store};
use crate::wire::imap::response::{Code, put};

pub(super) async fn store(
    session: &mut Session,
    take: Take,
    by: By,
    set: &SequenceSet,
    store: &Store,
) -> Result<Done, Stop> {
    let who = session.member()?;
    if store.unchanged_since.is_some() {
        session.aware_of_modseqs();
    }
    let uids = session.resolve(by, set)?;
    let before = session.view()?.clone();
    let stored = session
        .services
        .messages
        .store(&who, &before, &uids, store.change, &store.flags, store.unchanged_since)
        .await?;
    let updates = session.refresh(take).await?;
    let mut told = UidSet::default();
    for update in &updates {
        match update {
            Update::Flags { uid, .. } if uids.contains(*uid) => told.push(*uid),
            other => session.tell(std::slice::from_ref(other)),
        }
    }
    // A message that did not change is told too unless the client wants silence (RFC 9051 §6.4.6).
    for uid in uids.iter().filter(|uid| told.contains(*uid) || !store.silent) {
        let silent =
            store.silent && !stored.modified.contains(uid) && as_expected(&before, session.view()?, uid, store);
        if !silent {
            session.tell_flags(uid);
        } else if session.enabled.condstore {
            tell_modseq(session, uid);
        }
        if session.io.is_full() {
            session.io.flush(session.options.data).await?;
        }
    }
    if stored.modified.is_empty() {
        return Ok(Done::ok("STORE completed"));
    }
    let view = session.view()?;
    let modified = match by {
        By::Uid => stored.modified,
        By::Number => stored.modified.iter().filter_map(|uid| view.number_of(uid)).collect(),
    };
    Ok(Done::with(Code::Modified(modified), "Some messages were changed by others and left alone"))
}

/// Whether a message has just the flags that this change alone gives it.
fn as_expected(before: &View, now: &View, uid: u32, store: &Store) -> bool {
    let entry = |view: &View| view.number_of(uid).and_then(|n| view.entry(n)).map(|e| (e.system, e.keywords.to_vec()));
    let (Some(before), Some(now)) = (entry(before), entry(now)) else { return false };
    let (system, keywords) = changed(before, store.change, &store.flags);
    now.0 == system && now.1.len() == keywords.len() && keywords.iter().all(|keyword| now.1.contains(keyword))
}

fn changed(
    (system, mut keywords): (SystemFlags, Vec<Keyword>),
    change: FlagChange,
    flags: &Flags,
) -> (SystemFlags, Vec<Keyword>) {
    match change {
        FlagChange::Replace => (flags.system, flags.keywords.clone()),
        FlagChange::Add => {
            keywords.extend(flags.keywords.iter().filter(|k| !keywords.contains(k)).cloned().collect::<Vec<_>>());
            (system | flags.system, keywords)
        }
        FlagChange::Remove => {
            keywords.retain(|keyword| !flags.keywords.contains(keyword));
            (system - flags.system, keywords)
        }
    }
}

fn tell_modseq(session: &mut Session, uid: u32) {
    let Ok(view) = session.view() else { return };
    let Some(Entry { modseq, .. }) = view.number_of(uid).and_then(|n| view.entry(n)) else { return };
    let Some(number) = view.number_of(uid) else { return };
    put(&mut session.io.out, format_args!("* {number} FETCH (UID {uid} MODSEQ ({modseq}))\r\n"));
}

pub(super) async fn expunge(session: &mut Session, set: Option<&SequenceSet>) -> Result<Done, Stop> {
    let who = session.member()?;
    let only = set.map(|set| session.resolve(By::Uid, set)).transpose()?;
    session.services.messages.expunge(&who, session.view()?, only.as_ref()).await?;
    session.changed = true;
    Ok(Done::ok("EXPUNGE completed"))
}

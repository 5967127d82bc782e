//! SEARCH (RFC 9051 §6.4.4, §7.3.4; RFC 3501 §7.2.5; RFC 7162 §3.1.5; RFC 5182).

use crate::front::imap::reply::{Done, Stop};
use crate::front::imap::session::{Session, State};
use crate::model::ids::ModSeq;
use crate::model::uidset::UidSet;
use crate::service::snapshot::View;
use crate::wire::imap::command::{By, Search, SearchReturn};
use crate::wire::imap::response::{Code, Form, put, string};

pub(super) async fn search(session: &mut Session, tag: &str, by: By, search: Search) -> Result<Done, Stop> {
    let asks_modseq = search.key.asks_modseq();
    if asks_modseq {
        session.aware_of_modseqs();
    }
    let save = search.return_.is_some_and(|r| r.save);
    let State::Mailbox { view, saved, .. } = &mut session.state else { return Ok(Done::bad("No mailbox")) };
    let found = match search.charset_known {
        true => session.services.searches.search(view, &search.key, saved).await.map_err(Stop::from),
        false => Err(Done::no(Code::BadCharset, "Charset not known").into()),
    };
    // A search that fails leaves nothing behind (RFC 5182 §2.1).
    if found.is_err() && save {
        *saved = UidSet::default();
    }
    let found = found?;
    let out = &mut session.io.out;
    match search.return_ {
        None if !session.enabled.rev2 => {
            let modseq = highest(view, &found).filter(|_| asks_modseq);
            out.extend_from_slice(b"* SEARCH");
            for uid in found.iter() {
                let n = if by == By::Uid { Some(uid) } else { view.number_of(uid) };
                if let Some(n) = n {
                    out.push(b' ');
                    crate::wire::imap::response::number(out, u64::from(n));
                }
            }
            if let Some(modseq) = modseq {
                put(out, format_args!(" (MODSEQ {modseq})"));
            }
            out.extend_from_slice(b"\r\n");
        }
        return_ => {
            let return_ = return_.unwrap_or(SearchReturn { all: true, ..SearchReturn::default() });
            if return_.save {
                *saved = kept(&found, return_);
            }
            if return_.min || return_.max || return_.all || return_.count {
                esearch(out, tag, by, (view, &found), return_, asks_modseq);
            }
        }
    }
    Ok(Done::ok("SEARCH completed"))
}

/// What `$` is afterwards: the ends alone where only they were asked for (RFC 5182 §2.4).
fn kept(found: &UidSet, return_: SearchReturn) -> UidSet {
    if return_.all || return_.count || !(return_.min || return_.max) {
        return found.clone();
    }
    let ends = [found.first().filter(|_| return_.min), found.last().filter(|_| return_.max)];
    ends.into_iter().flatten().collect()
}

fn esearch(
    out: &mut Vec<u8>,
    tag: &str,
    by: By,
    (view, found): (&View, &UidSet),
    return_: SearchReturn,
    asks_modseq: bool,
) {
    let shown: UidSet = match by {
        By::Uid => found.clone(),
        By::Number => found.iter().filter_map(|uid| view.number_of(uid)).collect(),
    };
    out.extend_from_slice(b"* ESEARCH (TAG ");
    string(out, tag.as_bytes(), Form::Ascii);
    out.push(b')');
    if by == By::Uid {
        out.extend_from_slice(b" UID");
    }
    if let (true, Some(n)) = (return_.min, shown.first()) {
        put(out, format_args!(" MIN {n}"));
    }
    if let (true, Some(n)) = (return_.max, shown.last()) {
        put(out, format_args!(" MAX {n}"));
    }
    if return_.all && !shown.is_empty() {
        put(out, format_args!(" ALL {shown}"));
    }
    if return_.count {
        put(out, format_args!(" COUNT {}", shown.len()));
    }
    // Of the messages that are shown (RFC 7162 §3.1.10).
    let told = if return_.all || return_.count { found.clone() } else { kept(found, return_) };
    if let Some(modseq) = highest(view, &told).filter(|_| asks_modseq) {
        put(out, format_args!(" MODSEQ {modseq}"));
    }
    out.extend_from_slice(b"\r\n");
}

fn highest(view: &View, uids: &UidSet) -> Option<ModSeq> {
    uids.iter().filter_map(|uid| view.number_of(uid).and_then(|n| view.entry(n))).map(|entry| entry.modseq).max()
}

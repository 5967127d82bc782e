//! LIST, LSUB, STATUS (RFC 9051 §6.3.9, §6.3.11; RFC 3501 §6.3.9; RFC 5258, 5819, 6154).

use crate::front::imap::reply::{Done, Stop};
use crate::front::imap::session::Session;
use crate::model::ids::MailboxId;
use crate::model::mailbox::{MailboxPath, SpecialUse};
use crate::service::mailbox::{MailboxInfo, MailboxStatus};
use crate::wire::imap::command::{List, StatusItem};
use crate::wire::imap::response::{self, ListLine};
use std::collections::{BTreeMap, HashMap};

/// Octets of all patterns of a command: what a match costs grows with them.
const PATTERNS: usize = 1000;
/// Names tried in a row before other sessions get their turn.
const TURN: usize = 50;

/// A name that LIST may tell: of a mailbox, or one that is only subscribed to or above such a one.
#[derive(Debug, Default)]
struct Name {
    info: Option<MailboxInfo>,
    subscribed: bool,
}

impl Name {
    fn special_use(&self) -> Option<SpecialUse> {
        self.info.as_ref().and_then(|info| info.special_use)
    }

    fn selected_by(&self, list: &List) -> bool {
        (!list.select.subscribed || self.subscribed) && (!list.select.special_use || self.special_use().is_some())
    }
}

/// Names in order; INBOX first.
type Names = BTreeMap<(bool, String), Name>;

fn key(name: &str) -> (bool, String) {
    (name != "INBOX", name.to_owned())
}

async fn names(session: &Session, with_absent: bool) -> Result<Names, Stop> {
    let who = session.member()?;
    let mut out = Names::new();
    for info in session.services.mailboxes.list(&who).await? {
        let subscribed = info.subscribed;
        out.insert(key(&info.path.to_string()), Name { info: Some(info), subscribed });
    }
    if with_absent {
        for path in session.services.mailboxes.subscriptions(&who).await? {
            // Parents of absent names are there too: RECURSIVEMATCH and LSUB may have to tell them.
            for n in 1..path.levels().len() {
                out.entry(key(&path.prefix(n).to_string())).or_default();
            }
            out.entry(key(&path.to_string())).or_default().subscribed = true;
        }
    }
    Ok(out)
}

/// Whether a name fits a pattern: `*` is anything, `%` anything but the separator.
fn fits(name: &str, pattern: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    spread(&pattern, &mut reached);
    for c in name.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for (at, wanted) in pattern.iter().enumerate().filter(|(at, _)| reached[*at]) {
            match wanted {
                '*' => next[at] = true,
                '%' if c != '/' => next[at] = true,
                '%' => {}
                wanted if *wanted == c => next[at + 1] = true,
                _ => {}
            }
        }
        if !next.contains(&true) {
            return false;
        }
        reached = next;
        spread(&pattern, &mut reached);
    }
    reached[pattern.len()]
}

/// A wildcard may stand for nothing.
fn spread(pattern: &[char], reached: &mut [bool]) {
    for at in 0..pattern.len() {
        if reached[at] && matches!(pattern[at], '*' | '%') {
            reached[at + 1] = true;
        }
    }
}

/// Reference and pattern put together, in the spelling of names (NFC, INBOX); `None`: it can match nothing.
fn canonical(session: &Session, reference: &[u8], pattern: &[u8]) -> Option<String> {
    let whole = crate::model::mailbox::normal(&session.name(&[reference, pattern].concat())?);
    let (first, rest) = whole.split_once('/').map_or((whole.as_str(), None), |(first, rest)| (first, Some(rest)));
    if !first.eq_ignore_ascii_case("inbox") {
        return Some(whole);
    }
    Some(rest.map_or_else(|| "INBOX".to_owned(), |rest| format!("INBOX/{rest}")))
}

pub(super) async fn list(session: &mut Session, list: &List) -> Result<Done, Stop> {
    if list.patterns.iter().map(Vec::len).sum::<usize>() > PATTERNS {
        return Ok(Done::bad("Patterns too long"));
    }
    if !list.extended && list.patterns[0].is_empty() {
        // Asks for the separator alone.
        session.io.out.extend_from_slice(b"* LIST (\\Noselect) \"/\" \"\"\r\n");
        return Ok(Done::ok("LIST completed"));
    }
    let patterns: Vec<String> =
        list.patterns.iter().filter_map(|pattern| canonical(session, &list.reference, pattern)).collect();
    let names = names(session, list.select.subscribed).await?;
    let statuses = match list.return_.status.is_empty() {
        true => HashMap::new(),
        false => session.services.mailboxes.status_all(&session.member()?).await?.into_iter().collect(),
    };
    if list.return_.status.contains(&StatusItem::HighestModSeq) {
        session.aware_of_modseqs();
    }
    for (n, ((_, name), entry)) in names.iter().enumerate() {
        if n % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        if !patterns.iter().any(|pattern| fits(name, pattern)) {
            continue;
        }
        let chosen = entry.selected_by(list) && (entry.info.is_some() || entry.subscribed);
        let below = if list.select.recursive_match { child_info(&names, name, list) } else { Vec::new() };
        if chosen || !below.is_empty() {
            write_line(session, name, entry, &below, list);
            write_status(session, name, entry, &statuses, &list.return_.status);
        }
        if session.io.is_full() {
            session.io.flush(session.options.data).await?;
        }
    }
    Ok(Done::ok("LIST completed"))
}

/// The selection options that some mailbox below meets.
// INBOX alone has its own place in the order; its children stand among the others.
fn child_info(names: &Names, name: &str, list: &List) -> Vec<&'static str> {
    let prefix = format!("{name}/");
    let mut below = names.range((true, prefix.clone())..).take_while(|((_, child), _)| child.starts_with(&prefix));
    if !below.any(|(_, child)| child.selected_by(list)) {
        return Vec::new();
    }
    let mut out = Vec::new();
    if list.select.subscribed {
        out.push("SUBSCRIBED");
    }
    if list.select.special_use {
        out.push("SPECIAL-USE");
    }
    out
}

fn write_line(session: &mut Session, name: &str, entry: &Name, below: &[&'static str], list: &List) {
    let mut attributes = Vec::new();
    match &entry.info {
        None => attributes.push("\\NonExistent"),
        Some(info) => {
            if !info.selectable {
                attributes.push("\\Noselect");
            }
            attributes.push(if info.has_children { "\\HasChildren" } else { "\\HasNoChildren" });
        }
    }
    if entry.subscribed && (list.select.subscribed || list.return_.subscribed) {
        attributes.push("\\Subscribed");
    }
    attributes.extend(entry.special_use().map(SpecialUse::attribute));
    let line = ListLine { attributes, name, child_info: below, old_name: None };
    let form = session.form();
    response::list(&mut session.io.out, "LIST", &line, form);
}

fn write_status(
    session: &mut Session,
    name: &str,
    entry: &Name,
    statuses: &HashMap<MailboxId, MailboxStatus>,
    items: &[StatusItem],
) {
    let Some(info) = entry.info.as_ref().filter(|info| info.selectable) else { return };
    let Some(status) = statuses.get(&info.id).filter(|_| !items.is_empty()) else { return };
    let status = MailboxStatus { recent: status.recent + own_recent(session, &info.path), ..*status };
    let form = session.form();
    response::status(&mut session.io.out, name, &values(&status, items), form);
}

/// LSUB: subscribed names; with `%` also a name that only has such below, as `\Noselect` (RFC 3501 §6.3.9).
pub(super) async fn lsub(session: &mut Session, reference: &[u8], pattern: &[u8]) -> Result<Done, Stop> {
    if pattern.len() > PATTERNS {
        return Ok(Done::bad("Pattern too long"));
    }
    let Some(pattern) = canonical(session, reference, pattern) else { return Ok(Done::ok("LSUB completed")) };
    let names = names(session, true).await?;
    let below = List {
        select: crate::wire::imap::command::ListSelect { subscribed: true, ..Default::default() },
        ..List::default()
    };
    for (n, ((_, name), entry)) in names.iter().enumerate() {
        if n % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        if !fits(name, &pattern) {
            continue;
        }
        let attributes = if entry.subscribed {
            entry.info.as_ref().filter(|info| !info.selectable).map(|_| "\\Noselect").into_iter().collect()
        } else if pattern.contains('%') && !child_info(&names, name, &below).is_empty() {
            vec!["\\Noselect"]
        } else {
            continue;
        };
        let form = session.form();
        response::list(&mut session.io.out, "LSUB", &ListLine { attributes, name, ..ListLine::default() }, form);
    }
    Ok(Done::ok("LSUB completed"))
}

pub(super) async fn status(session: &mut Session, mailbox: &[u8], items: &[StatusItem]) -> Result<Done, Stop> {
    let who = session.member()?;
    let path: MailboxPath = session.path(mailbox)?;
    if items.contains(&StatusItem::HighestModSeq) {
        session.aware_of_modseqs();
    }
    let mut status = session.services.mailboxes.status(&who, &path).await?;
    status.recent += own_recent(session, &path);
    let form = session.form();
    response::status(&mut session.io.out, &path.to_string(), &values(&status, items), form);
    Ok(Done::ok("STATUS completed"))
}

/// What this session claimed of a mailbox that it has selected; the store counts what nobody has.
fn own_recent(session: &Session, path: &MailboxPath) -> u64 {
    let view = session.view().ok().filter(|view| view.path() == path && !view.read_only());
    view.map_or(0, |view| u64::from(view.recent_count()))
}

fn values(status: &MailboxStatus, items: &[StatusItem]) -> Vec<(StatusItem, u64)> {
    let value = |item: &StatusItem| match item {
        StatusItem::Messages => status.messages,
        StatusItem::Recent => status.recent,
        StatusItem::UidNext => u64::from(status.uidnext),
        StatusItem::UidValidity => u64::from(status.uidvalidity),
        StatusItem::Unseen => status.unseen,
        StatusItem::Deleted => status.deleted,
        StatusItem::Size => status.size,
        StatusItem::HighestModSeq => status.highest_modseq,
    };
    items.iter().map(|item| (*item, value(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards() {
        for (name, pattern) in
            [("a", "%"), ("a/b", "*"), ("a/b", "a/%"), ("a/b", "%/%"), ("INBOX", "IN*X"), ("a", "a%")]
        {
            assert!(fits(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("a/b", "%"), ("a", "b"), ("a/b/c", "a/%"), ("a", ""), ("a", "a/%")] {
            assert!(!fits(name, pattern), "{name} {pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_as_its_regular_expression_does(name in "[ab/]{0,8}", pattern in "[ab/*%]{0,8}") {
            let expression = format!("^{}$", pattern.replace('*', ".*").replace('%', "[^/]*"));
            prop_assert_eq!(fits(&name, &pattern), regex::Regex::new(&expression).unwrap().is_match(&name));
        }
    }
}

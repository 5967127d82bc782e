//! `/mail`: folders, the list of one, a message. What the three panes have in common is here.

mod act;
mod body;
mod folder;
mod list;
mod live;
mod message;
mod part;
mod search;

pub(in super::super) use live::Streams;

use super::super::Web;
use super::super::error::Fault;
use super::super::extract::Member;
use super::super::router::Route;
use super::super::ui::Ui;
use super::super::visitor::Visitor;
use crate::model::ids::{MailboxId, Uid};
use crate::model::mailbox::{LeafName, SpecialUse};
use crate::model::shown;
use crate::service::Refusal;
use crate::service::list::{Begin, Folder};
use crate::service::preference::{Density, Preference};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use std::collections::HashSet;

/// Most characters of a name or subject in a list.
const TEXT: usize = 300;

pub(super) fn routes() -> Vec<Route> {
    [
        list::routes(),
        message::routes(),
        body::routes(),
        part::routes(),
        act::routes(),
        folder::routes(),
        search::routes(),
        live::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The `{box}` of a path. What is no number is not found, as a folder of somebody else's is.
struct Boxed(MailboxId);

/// `{box}/{uid}` of a path, and as rows, links and the composer name the message: `4.17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub mailbox: MailboxId,
    pub uid: Uid,
}

pub(super) async fn param(parts: &mut Parts, web: &Web, name: &str) -> Result<String, Fault> {
    let params = RawPathParams::from_request_parts(parts, web).await.map_err(|_| Fault::NoPage)?;
    let value = params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
    value.ok_or(Fault::NoPage)
}

pub(super) fn number<T: std::str::FromStr>(raw: &str) -> Result<T, Fault> {
    raw.parse().map_err(|_| Fault::from(Refusal::NotFound))
}

impl FromRequestParts<Web> for Boxed {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Fault> {
        Ok(Self(MailboxId(number(&param(parts, web, "box").await?)?)))
    }
}

impl FromRequestParts<Web> for Spot {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Fault> {
        let Boxed(mailbox) = Boxed::from_request_parts(parts, web).await?;
        Ok(Self { mailbox, uid: number(&param(parts, web, "uid").await?)? })
    }
}

impl Spot {
    pub fn read(raw: &str) -> Option<Self> {
        let (mailbox, uid) = raw.split_once('.')?;
        Some(Self { mailbox: MailboxId(mailbox.parse().ok()?), uid: uid.parse().ok()? })
    }

    pub fn value(self) -> String {
        format!("{}.{}", self.mailbox, self.uid)
    }

    pub fn href(self) -> String {
        format!("/mail/{}/{}", self.mailbox, self.uid)
    }
}

/// Which list is looked at, and from where on: what a link from it to a message carries on, so that the same list stands
/// beside the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct At {
    before: Option<String>,
    after: Option<String>,
    /// A search in place of a folder.
    q: Option<String>,
    /// Of the search, from 1.
    page: Option<String>,
    /// All lines are ticked.
    picked: bool,
}

/// The query of a page, as pairs. Read here, since a query that can't be read is no reason to show no page.
pub(super) fn query(visitor: &Visitor) -> Vec<(String, String)> {
    let query = visitor.path().split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().take(20).collect()
}

pub(super) fn asked(query: &[(String, String)], name: &str) -> Option<String> {
    query.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.clone())
}

impl At {
    fn of(visitor: &Visitor) -> Self {
        let query = query(visitor);
        let get = |name| asked(&query, name);
        let picked = get("pick").is_some();
        Self { before: get("before"), after: get("after"), q: get("q"), page: get("page"), picked }
    }

    /// # Errors
    /// A place that is none.
    fn begin(&self) -> Result<Begin, Fault> {
        Ok(match (&self.before, &self.after) {
            (Some(place), _) => Begin::OlderThan(place.parse()?),
            (None, Some(place)) => Begin::NewerThan(place.parse()?),
            (None, None) => Begin::Newest,
        })
    }

    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [("before", &self.before), ("after", &self.after), ("q", &self.q), ("page", &self.page)];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// The list of a folder by itself.
    fn list_href(&self, mailbox: MailboxId) -> String {
        link(&format!("/mail/{mailbox}"), self.pairs())
    }

    /// The page that is at `here` with all its lines ticked.
    fn all_href(here: &str) -> String {
        format!("{here}{}pick=all", if here.contains('?') { '&' } else { '?' })
    }

    /// The results of a search by themselves.
    fn search_href(&self) -> String {
        link("/mail/search", self.pairs())
    }

    /// A message beside it.
    fn message_href(&self, spot: Spot) -> String {
        link(&spot.href(), self.pairs())
    }
}

/// A path with a query.
pub(super) fn link<N: AsRef<str>, V: AsRef<str>>(path: &str, pairs: impl IntoIterator<Item = (N, V)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A line of the column of folders.
pub(super) struct FolderLine {
    pub name: String,
    /// Empty: it holds folders, no messages.
    pub href: String,
    pub icon: &'static str,
    pub unread: String,
    pub words: String,
    pub current: bool,
    pub depth: usize,
}

/// What stands around every page of mail, and what the reader wishes.
pub(super) struct Desk {
    all: Vec<Folder>,
    pub lines: Vec<FolderLine>,
    pub wishes: Preference,
}

impl Desk {
    /// Two statements, and one more where a client has marked messages `\Deleted`.
    /// `current` tells the folder that is looked at.
    pub async fn open(web: &Web, ui: &Ui, member: &Member, current: impl Fn(&Folder) -> bool) -> Result<Self, Fault> {
        let all = web.services().lists.folders(member.who()).await?;
        let wishes = web.services().preferences.get(member.who()).await?;
        let lines =
            all.iter().zip(nested(&all)).map(|(folder, nested)| line(ui, folder, nested, current(folder))).collect();
        Ok(Self { all, lines, wishes })
    }

    fn folder(&self, id: MailboxId) -> Option<&Folder> {
        self.all.iter().find(|folder| folder.id == id)
    }

    fn inbox(&self) -> Option<&Folder> {
        self.all.iter().find(|folder| folder.path.is_inbox())
    }

    pub fn is_compact(&self) -> bool {
        self.wishes.density == Density::Compact
    }

    /// Where messages of this folder may be moved: value of the button, name.
    fn targets(&self, ui: &Ui, from: Option<MailboxId>) -> Vec<(String, String)> {
        let others = self.all.iter().filter(|folder| folder.selectable && Some(folder.id) != from);
        others.map(|folder| (format!("move.{}", folder.id), full_name(ui, folder))).collect()
    }
}

/// Which folders are shown below the one that they lie in. Those below one of a special use stand apart from it: their
/// whole path is their name.
fn nested(all: &[Folder]) -> Vec<bool> {
    let plain = |folder: &&Folder| folder.special_use.is_none() && !folder.path.is_inbox();
    let tops: HashSet<_> =
        all.iter().filter(plain).map(|folder| folder.path.levels()).filter(|l| l.len() == 1).collect();
    let below = |levels: &[LeafName]| levels.len() > 1 && tops.contains(&levels[..1]);
    all.iter().map(|folder| folder.special_use.is_none() && below(folder.path.levels())).collect()
}

fn line(ui: &Ui, folder: &Folder, nested: bool, current: bool) -> FolderLine {
    FolderLine {
        name: if nested { shown::line(folder.path.leaf().as_str(), TEXT) } else { full_name(ui, folder) },
        href: if folder.selectable { href(folder) } else { String::new() },
        icon: icon(folder),
        unread: if folder.unread > 0 { folder.unread.to_string() } else { String::new() },
        words: ui.count("mail-unread-count", folder.unread),
        current,
        depth: if nested { (folder.path.levels().len() - 1).min(3) } else { 0 },
    }
}

/// A folder's list from its beginning.
fn href(folder: &Folder) -> String {
    if folder.path.is_inbox() { "/mail".to_owned() } else { format!("/mail/{}", folder.id) }
}

/// A folder's name in the reader's language, or its own.
fn full_name(ui: &Ui, folder: &Folder) -> String {
    let key = match folder.special_use {
        _ if folder.path.is_inbox() => "mail-inbox",
        Some(SpecialUse::Drafts) => "mail-drafts",
        Some(SpecialUse::Sent) => "mail-sent",
        Some(SpecialUse::Archive) => "mail-archive",
        Some(SpecialUse::Junk) => "mail-junk",
        Some(SpecialUse::Trash) => "mail-trash",
        Some(SpecialUse::All | SpecialUse::Flagged | SpecialUse::Important) | None => {
            return shown::line(&folder.path.to_string(), TEXT);
        }
    };
    ui.say(key)
}

fn icon(folder: &Folder) -> &'static str {
    match folder.special_use {
        _ if folder.path.is_inbox() => "inbox",
        Some(SpecialUse::Drafts) => "draft",
        Some(SpecialUse::Sent) => "sent",
        Some(SpecialUse::Archive | SpecialUse::All) => "archive",
        Some(SpecialUse::Junk) => "junk",
        Some(SpecialUse::Trash) => "trash",
        Some(SpecialUse::Flagged) => "star",
        Some(SpecialUse::Important) => "flag",
        None => "folder",
    }
}

/// Work on a message that may be large, off the I/O threads.
pub(super) async fn apart<T: Send + 'static>(web: &Web, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    Ok(web.services().work.run(work).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mailbox::MailboxPath;

    #[test]
    fn a_link_carries_the_list_on() {
        let spot = Spot { mailbox: MailboxId(4), uid: 17 };
        let at = At { before: Some("18.4".into()), ..At::default() };
        assert_eq!(at.message_href(spot), "/mail/4/17?before=18.4");
        assert_eq!(at.list_href(MailboxId(4)), "/mail/4?before=18.4");
        let at = At { q: Some("from:ann & \"x\"".into()), ..At::default() };
        assert_eq!(at.search_href(), "/mail/search?q=from%3Aann+%26+%22x%22");
        assert_eq!(At::default().message_href(spot), "/mail/4/17");
    }

    fn folder(path: &str, special_use: Option<SpecialUse>) -> Folder {
        let path = MailboxPath::parse(path).unwrap();
        Folder { id: MailboxId(1), path, special_use, selectable: true, has_children: false, total: 0, unread: 0 }
    }

    #[test]
    fn folders_are_nested_below_plain_ones_alone() {
        let sent = Some(SpecialUse::Sent);
        let all = [("INBOX", None), ("INBOX/a", None), ("Sent", sent), ("Sent/b", None), ("c", None), ("c/d/e", None)];
        let all: Vec<_> = all.into_iter().chain([("c/f", sent), ("g/h", None)]).map(|(p, u)| folder(p, u)).collect();
        assert_eq!(nested(&all), [false, false, false, false, false, true, false, false]);
        // All compared with each other would be hours.
        let many: Vec<_> = (0..200_000).map(|n| folder(&format!("x{n}/y"), None)).chain([folder("x7", None)]).collect();
        assert_eq!(nested(&many).iter().filter(|nested| **nested).count(), 1);
    }

    #[test]
    fn a_message_is_named_by_folder_and_uid() {
        assert_eq!(Spot::read("4.17"), Some(Spot { mailbox: MailboxId(4), uid: 17 }));
        for bad in ["", "4", "4.", ".17", "4.x", "4.17.1", "4.4294967296"] {
            assert_eq!(Spot::read(bad), None, "{bad}");
        }
    }
}

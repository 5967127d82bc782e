//! What a member sees first: folders with their counts, the lines of one folder by date, a conversation.

use super::login::Identity;
use super::mailbox::Mailboxes;
use super::tree::Tree;
use super::{Base, Refusal, Result};
use crate::model::flags::{Keyword, SystemFlags};
use crate::model::ids::{EmailId, MailboxId, ModSeq, ThreadId, Uid};
use crate::model::mailbox::{MailboxPath, SpecialUse};
use crate::store::list::LineRow;
use crate::store::mailbox::MailboxRow;
use chrono::{DateTime, Datelike, Utc};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// Most lines of a page.
const PAGE: u32 = 200;
/// Most messages of a conversation that are shown.
const THREAD: i64 = 200;

/// A folder with its counts; messages with `\Deleted` are not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    pub id: MailboxId,
    pub path: MailboxPath,
    pub special_use: Option<SpecialUse>,
    /// `false`: it holds folders, no messages.
    pub selectable: bool,
    pub has_children: bool,
    pub total: u64,
    pub unread: u64,
}

/// A place in a folder's list, as a form field or a link carries it: `1800000000000000.17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(super) at: DateTime<Utc>,
    pub(super) uid: Uid,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    #[default]
    Newest,
    OlderThan(Cursor),
    /// Ends before this place; where there are too few newer ones, the first page.
    NewerThan(Cursor),
}

/// One message in a list.
#[derive(Debug, Clone)]
pub struct Line {
    pub mailbox: MailboxId,
    pub uid: Uid,
    pub email: EmailId,
    pub thread: ThreadId,
    pub flags: SystemFlags,
    pub keywords: Vec<Keyword>,
    /// Name or address of the first sender.
    pub from: String,
    /// Name or address of the first recipient, for what the member sent.
    pub to: String,
    pub subject: String,
    pub preview: String,
    /// When it came.
    pub internal_at: DateTime<Utc>,
    /// What its Date field says.
    pub sent_at: Option<DateTime<Utc>>,
    /// Octets.
    pub size: u64,
    pub attachment: bool,
    /// Messages of its conversation outside of Trash and Junk, 1 at least; 100 stands for more.
    pub in_thread: u32,
}

/// A page of a folder.
#[derive(Debug, Clone)]
pub struct Page {
    pub folder: Folder,
    /// Newest first.
    pub lines: Vec<Line>,
    /// There are newer ones: the page of [`Begin::NewerThan`].
    pub newer: Option<Cursor>,
    /// There are older ones: the page of [`Begin::OlderThan`].
    pub older: Option<Cursor>,
    /// What came since has this UID or a higher one.
    pub uidnext: Uid,
    pub modseq: ModSeq,
}

/// What happened since a page was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// Messages that came; 1,000 stands for more.
    pub count: u32,
    pub uidnext: Uid,
    /// Higher than the page's: something came, went or changed flags.
    pub modseq: ModSeq,
}

impl Cursor {
    fn of(line: &Line) -> Self {
        Self { at: line.internal_at, uid: line.uid }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.timestamp_micros(), self.uid)
    }
}

impl FromStr for Cursor {
    type Err = Refusal;

    fn from_str(raw: &str) -> Result<Self> {
        let read = || {
            let (at, uid) = raw.split_once('.')?;
            let at = DateTime::from_timestamp_micros(at.parse().ok()?)?;
            // The years of mail; the database holds not many more.
            (0..=9999).contains(&at.year()).then_some(Self { at, uid: uid.parse().ok()? })
        };
        read().ok_or(Refusal::Invalid("that is no place in a list"))
    }
}

/// Lists. Cheap to clone.
#[derive(Clone)]
pub struct Lists {
    base: Base,
    mailboxes: Mailboxes,
}

impl Lists {
    pub(crate) fn new(base: Base, mailboxes: Mailboxes) -> Self {
        Self { base, mailboxes }
    }

    /// All folders: Inbox, then those of a special use, then the others by path.
    pub async fn folders(&self, who: &Identity) -> Result<Vec<Folder>> {
        let tree = self.mailboxes.tree(who).await?;
        let marked: Vec<MailboxId> = tree.rows.values().filter(|row| row.deleted > 0).map(|row| row.id).collect();
        let hidden: HashMap<_, _> = match marked.is_empty() {
            true => HashMap::new(),
            false => self.base.store.hidden_unseen(&marked).await?.into_iter().collect(),
        };
        let of = |row: &MailboxRow| folder(&tree, row, hidden.get(&row.id).copied().unwrap_or(0));
        let mut out = tree.rows.values().map(of).collect::<Result<Vec<_>>>()?;
        out.sort_by(|a, b| (rank(a), &a.path).cmp(&(rank(b), &b.path)));
        Ok(out)
    }

    /// Up to `limit` lines of a folder, newest first.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], for others' folders too.
    pub async fn page(&self, who: &Identity, mailbox: MailboxId, begin: Begin, limit: u32) -> Result<Page> {
        let tree = self.mailboxes.tree(who).await?;
        let row = tree.selectable(mailbox)?;
        let limit = limit.clamp(1, PAGE) as usize;
        let counted = counted(&tree);
        let (mut rows, more) = self.rows(&counted, mailbox, begin, limit).await?;
        if rows.len() < limit && matches!(begin, Begin::NewerThan(_)) {
            return Box::pin(self.page(who, mailbox, Begin::Newest, limit as u32)).await;
        }
        if more {
            // One was read beyond the page, to see that there is one.
            let beyond = if matches!(begin, Begin::NewerThan(_)) { 0 } else { rows.len() - 1 };
            rows.remove(beyond);
        }
        let lines = self.lines(who, rows).await?;
        let (first, last) = (lines.first().map(Cursor::of), lines.last().map(Cursor::of));
        let (newer, older) = match begin {
            Begin::Newest => (None, last.filter(|_| more)),
            Begin::OlderThan(cursor) => {
                let place = first.unwrap_or(cursor);
                let (newer, _) = self.base.store.line_neighbours(mailbox, (place.at, place.uid)).await?;
                (first.or(Some(cursor)).filter(|_| newer.is_some()), last.filter(|_| more))
            }
            Begin::NewerThan(_) => {
                let place = last.ok_or(Refusal::NotFound)?;
                let (_, older) = self.base.store.line_neighbours(mailbox, (place.at, place.uid)).await?;
                (first.filter(|_| more), last.filter(|_| older.is_some()))
            }
        };
        let hidden = match row.deleted {
            0 => 0,
            _ => self.base.store.hidden_unseen(&[mailbox]).await?.first().map_or(0, |(_, count)| *count),
        };
        Ok(Page { folder: folder(&tree, row, hidden)?, lines, newer, older, uidnext: row.uidnext, modseq: row.modseq })
    }

    /// A page and one line more; whether there is one more.
    async fn rows(
        &self,
        counted: &[MailboxId],
        mailbox: MailboxId,
        begin: Begin,
        limit: usize,
    ) -> Result<(Vec<LineRow>, bool)> {
        let ask = limit as i64 + 1;
        let older = |than| self.base.store.lines_older(counted, mailbox, than, ask);
        let rows = match begin {
            Begin::Newest => older(None).await?,
            Begin::OlderThan(cursor) => older(Some((cursor.at, cursor.uid))).await?,
            Begin::NewerThan(cursor) => {
                self.base.store.lines_newer(counted, mailbox, (cursor.at, cursor.uid), ask).await?
            }
        };
        let more = rows.len() > limit;
        Ok((rows, more))
    }

    /// The other messages of a message's conversation in all folders but Trash and Junk, oldest first; a message that lies
    /// in several is shown once.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for others' folders.
    pub async fn thread(&self, who: &Identity, mailbox: MailboxId, uid: Uid) -> Result<Vec<Line>> {
        let tree = self.mailboxes.tree(who).await?;
        tree.selectable(mailbox)?;
        let rows = self.base.store.thread_lines(&counted(&tree), mailbox, uid, THREAD).await?;
        self.lines(who, rows).await
    }

    /// What came into a folder since a page with this UIDNEXT was made.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], also when the folder was removed meanwhile.
    pub async fn news(&self, who: &Identity, mailbox: MailboxId, since: Uid) -> Result<News> {
        let tree = self.mailboxes.tree(who).await?;
        let row = tree.selectable(mailbox)?;
        let count = if row.uidnext > since { self.base.store.message_news(mailbox, since).await? } else { 0 };
        Ok(News { count, uidnext: row.uidnext, modseq: row.modseq })
    }

    /// The messages named, newest first; those that are gone or not the member's are missing.
    pub(super) async fn named(&self, who: &Identity, wanted: &[(MailboxId, Uid)]) -> Result<Vec<Line>> {
        let tree = self.mailboxes.tree(who).await?;
        let own: Vec<_> = wanted.iter().filter(|(mailbox, _)| tree.selectable(*mailbox).is_ok()).copied().collect();
        let mut rows = self.base.store.lines_of(&counted(&tree), &own).await?;
        rows.sort_by_key(|row| std::cmp::Reverse((row.internal_at, row.mailbox, row.uid)));
        self.lines(who, rows).await
    }

    async fn lines(&self, who: &Identity, rows: Vec<LineRow>) -> Result<Vec<Line>> {
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let keywords = match row.keywords.is_empty() {
                true => Vec::new(),
                false => self.mailboxes.shelf.keywords(who.account(), &row.keywords).await?,
            };
            out.push(Line {
                mailbox: row.mailbox,
                uid: row.uid,
                email: row.email,
                thread: row.thread,
                flags: row.system,
                keywords,
                from: row.from_display,
                to: row.to_display,
                subject: row.subject,
                preview: row.preview,
                internal_at: row.internal_at,
                sent_at: row.sent_at,
                size: row.size,
                attachment: row.attachment,
                in_thread: row.in_thread.max(1),
            });
        }
        Ok(out)
    }
}

fn folder(tree: &Tree, row: &MailboxRow, hidden_unseen: u64) -> Result<Folder> {
    Ok(Folder {
        id: row.id,
        path: tree.path(row.id)?,
        special_use: row.special_use,
        selectable: row.selectable,
        has_children: tree.has_children(row.id),
        total: row.messages.saturating_sub(row.deleted),
        unread: row.unseen.saturating_sub(hidden_unseen),
    })
}

/// The mailboxes whose messages count in conversations.
fn counted(tree: &Tree) -> Vec<MailboxId> {
    tree.rows.keys().copied().filter(|id| !tree.is_waste(*id)).collect()
}

/// The order in which people look for them.
fn rank(folder: &Folder) -> u8 {
    match folder.special_use {
        _ if folder.path.is_inbox() => 0,
        Some(SpecialUse::Flagged | SpecialUse::Important) => 1,
        Some(SpecialUse::Drafts) => 2,
        Some(SpecialUse::Sent) => 3,
        Some(SpecialUse::Archive | SpecialUse::All) => 4,
        Some(SpecialUse::Junk) => 5,
        Some(SpecialUse::Trash) => 6,
        None => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let cursor: Cursor = "1800000000123456.17".parse().unwrap();
        assert_eq!((cursor.to_string().as_str(), cursor.uid), ("1800000000123456.17", 17));
        for bad in ["", "1", "a.1", "1.-1", "1.4294967296", "99999999999999999999.1"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}

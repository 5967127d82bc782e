//! The search box: one or all folders, newest first, for a bounded time. What is found is remembered for a moment, so that
//! the next page is not another search.

use super::list::{Line, Lists};
use super::login::Identity;
use super::mailbox::{Mailboxes, OpenMode};
use super::search::{Searches, Turn};
use super::snapshot::View;
use super::tree::Tree;
use super::{Refusal, Result};
use crate::model::flags::SystemFlags;
use crate::model::ids::{AccountId, MailboxId, Uid};
use crate::model::mailbox::SpecialUse;
use crate::model::query::{Place, Query};
use crate::model::search::Key;
use crate::model::uidset::UidSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most messages that are shown of a search.
const FIRST: usize = 500;
/// Longest time that a search goes on.
const LONGEST: Duration = Duration::from_secs(5);
/// Messages tried at first, and how long such a portion should take: the next one is larger or smaller.
const PORTION: u32 = 200;
const PACE: Duration = Duration::from_millis(200);
/// How long results are remembered.
const MEMORY: Duration = Duration::from_secs(120);
/// Most lines of a page.
const PAGE: usize = 200;

/// A page of what was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Newest first.
    pub lines: Vec<Line>,
    /// How many were found in all.
    pub total: usize,
    /// From 0.
    pub page: usize,
    pub pages: usize,
    /// `false`: these are the first ones, there may be more.
    pub complete: bool,
}

/// What was found, newest first.
struct Hits {
    list: Vec<(MailboxId, Uid)>,
    complete: bool,
}

/// Finds messages. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Finder {
    mailboxes: Mailboxes,
    searches: Searches,
    lists: Lists,
    remembered: moka::sync::Cache<(AccountId, String), Arc<Hits>>,
}

impl Finder {
    pub(crate) fn new(mailboxes: Mailboxes, searches: Searches, lists: Lists) -> Self {
        let remembered = moka::sync::Cache::builder().max_capacity(500).time_to_live(MEMORY).build();
        Self { mailboxes, searches, lists, remembered }
    }

    /// A page of a search, `limit` lines each; the first page looks anew, and one beyond the last is the last.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a folder that is not there; [`Refusal::Busy`], also while the account's other searches
    /// go on.
    pub async fn find(&self, who: &Identity, query: &Query, page: usize, limit: usize) -> Result<Found> {
        let key = (who.account(), format!("{query:?}"));
        let hits = match self.remembered.get(&key).filter(|_| page > 0) {
            Some(hits) => hits,
            None => {
                let hits = Arc::new(self.search(who, query).await?);
                self.remembered.insert(key, hits.clone());
                hits
            }
        };
        let limit = limit.clamp(1, PAGE);
        let pages = hits.list.len().div_ceil(limit);
        let page = page.min(pages.saturating_sub(1));
        let wanted: Vec<_> = hits.list.iter().skip(page * limit).take(limit).copied().collect();
        Ok(Found {
            lines: self.lists.named(who, &wanted).await?,
            total: hits.list.len(),
            page,
            pages,
            complete: hits.complete,
        })
    }

    async fn search(&self, who: &Identity, query: &Query) -> Result<Hits> {
        let turn = self.searches.turn(who.account()).await?;
        let end = Instant::now() + LONGEST;
        let tree = self.mailboxes.tree(who).await?;
        let (mut found, mut complete) = (Vec::new(), true);
        for mailbox in places(&tree, &query.place)? {
            if Instant::now() >= end {
                complete = false;
                break;
            }
            let path = tree.path(mailbox)?;
            let view = match self.mailboxes.open(who, &path, OpenMode::ReadOnly).await {
                // Removed or renamed while others were searched.
                Err(Refusal::NotFound) => continue,
                other => other?,
            };
            complete &= self.search_one(&turn, &view, (&query.key, end), &mut found).await?;
        }
        let mut lines = self.lists.named(who, &found).await?;
        complete &= lines.len() <= FIRST;
        lines.truncate(FIRST);
        Ok(Hits { list: lines.into_iter().map(|line| (line.mailbox, line.uid)).collect(), complete })
    }

    /// Searches a folder from its newest message on; whether it came to its end.
    async fn search_one(
        &self,
        turn: &Turn,
        view: &View,
        (key, end): (&Key, Instant),
        found: &mut Vec<(MailboxId, Uid)>,
    ) -> Result<bool> {
        let (mut above, mut portion, before) = (view.len(), PORTION, found.len());
        while above > 0 {
            // As many of each folder, since the newest of all are wanted.
            if Instant::now() >= end || found.len() - before > FIRST {
                return Ok(false);
            }
            let from = above.saturating_sub(portion) + 1;
            let started = Instant::now();
            let uids = UidSet::from_ranges(view.uid_of(from).zip(view.uid_of(above)).map(|(a, b)| a..=b));
            let visible = Key::Not(Box::new(Key::Flag(SystemFlags::DELETED)));
            let wanted = Key::And(vec![Key::Uids(uids.into()), visible, key.clone()]);
            let hits = self.searches.search_in(turn, view, &wanted, &UidSet::default()).await?;
            found.extend(hits.iter().map(|uid| (view.mailbox(), uid)));
            portion = if started.elapsed() < PACE { portion.saturating_mul(2) } else { (portion / 2).max(10) };
            above = from - 1;
        }
        Ok(true)
    }
}

/// The folders meant, Inbox first.
fn places(tree: &Tree, place: &Place) -> Result<Vec<MailboxId>> {
    let mut out: Vec<MailboxId> = match place {
        Place::Folder(name) => vec![named(tree, name).ok_or(Refusal::NotFound)?],
        Place::Anywhere => tree.rows.keys().copied().collect(),
        Place::Usual => tree.rows.keys().copied().filter(|id| !tree.is_waste(*id)).collect(),
    };
    out.retain(|id| tree.selectable(*id).is_ok());
    let is_inbox = |id: &MailboxId| tree.rows.get(id).is_some_and(|row| row.parent.is_none() && row.name == "INBOX");
    out.sort_by_key(|id| (!is_inbox(id), *id));
    Ok(out)
}

/// A folder by its path, else by its use, else by its last name; in any case of letters.
fn named(tree: &Tree, name: &str) -> Option<MailboxId> {
    let wanted = name.to_lowercase();
    let is_use = |use_: SpecialUse| {
        let attribute = use_.attribute().trim_start_matches('\\').to_lowercase();
        attribute == wanted || (use_ == SpecialUse::Junk && wanted == "spam")
    };
    let rows = || tree.rows.values().filter(|row| row.selectable);
    let by_path = rows().find(|row| tree.path(row.id).is_ok_and(|path| path.to_string().to_lowercase() == wanted));
    let by_use = || rows().find(|row| row.special_use.is_some_and(is_use));
    let by_name = || rows().filter(|row| row.name.to_lowercase() == wanted).min_by_key(|row| row.id);
    by_path.or_else(by_use).or_else(by_name).map(|row| row.id)
}

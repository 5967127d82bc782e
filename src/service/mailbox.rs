//! Mailboxes as members see them: the tree, subscriptions, and views of one mailbox.

use super::login::Identity;
use super::shelf::Shelf;
use super::snapshot::{Take, Update, View};
use super::tree::Tree;
use super::{Base, Refusal, Result};
use crate::model::ids::{MailboxId, ModSeq, Uid};
use crate::model::mailbox::{MailboxPath, SpecialUse};
use crate::model::shown;
use crate::model::uidset::UidSet;
use crate::store::mailbox::MailboxRow;
use crate::store::message::Expunge;
use crate::store::{StoreError, Tx};
use std::collections::HashSet;

/// Mailboxes an account may have, and names it may subscribe to.
const MOST: usize = 10_000;
/// A mailbox in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxInfo {
    pub id: MailboxId,
    pub path: MailboxPath,
    /// `false`: it holds mailboxes, no messages.
    pub selectable: bool,
    pub special_use: Option<SpecialUse>,
    pub has_children: bool,
    pub subscribed: bool,
}

/// What STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxStatus {
    pub messages: u64,
    pub unseen: u64,
    pub deleted: u64,
    /// At most this many: claimed ones apart.
    pub recent: u64,
    pub uidnext: Uid,
    pub uidvalidity: u32,
    pub highest_modseq: ModSeq,
    /// Octets.
    pub size: u64,
}

/// SELECT or EXAMINE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    ReadWrite,
    ReadOnly,
}

/// Manages mailboxes. Cheap to clone; clones share the snapshots.
#[derive(Clone)]
pub struct Mailboxes {
    base: Base,
    pub(super) shelf: Shelf,
}

/// What is read everywhere, since older mailboxes may have it, but made nowhere.
fn seemly(path: &MailboxPath) -> Result<()> {
    if path.has_dots() {
        return Err(Refusal::Invalid("a mailbox can't be named . or .."));
    }
    if path.levels().iter().any(|level| !shown::is_seen(level.as_str()) || level.as_str().trim().is_empty()) {
        return Err(Refusal::Invalid("a mailbox name can't have characters that are not seen"));
    }
    Ok(())
}

fn info(tree: &Tree, row: &MailboxRow, subscribed: &HashSet<String>) -> Result<MailboxInfo> {
    let path = tree.path(row.id)?;
    Ok(MailboxInfo {
        id: row.id,
        subscribed: subscribed.contains(&path.to_string()),
        path,
        selectable: row.selectable,
        special_use: row.special_use,
        has_children: tree.has_children(row.id),
    })
}

fn status(row: &MailboxRow) -> MailboxStatus {
    MailboxStatus {
        messages: row.messages,
        unseen: row.unseen,
        deleted: row.deleted,
        recent: u64::from(row.uidnext - row.recent_uid).min(row.messages),
        uidnext: row.uidnext,
        uidvalidity: row.uidvalidity,
        highest_modseq: row.modseq,
        size: row.bytes,
    }
}

impl Mailboxes {
    pub(crate) fn new(base: Base) -> Self {
        Self { shelf: Shelf::new(base.clone()), base }
    }

    /// The whole tree, INBOX first, then by path.
    pub async fn list(&self, who: &Identity) -> Result<Vec<MailboxInfo>> {
        let tree = Tree::of(self.base.store.mailbox_list(who.account()).await?);
        let subscribed: HashSet<String> = self.base.store.subscription_list(who.account()).await?.into_iter().collect();
        let mut out = tree.rows.values().map(|row| info(&tree, row, &subscribed)).collect::<Result<Vec<_>>>()?;
        out.sort_by(|a, b| (!a.path.is_inbox(), &a.path).cmp(&(!b.path.is_inbox(), &b.path)));
        Ok(out)
    }

    /// One mailbox's counters.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], also for one that can't be selected.
    pub async fn status(&self, who: &Identity, path: &MailboxPath) -> Result<MailboxStatus> {
        Ok(status(&self.find(who, path).await?))
    }

    /// All mailboxes' counters in one statement.
    pub async fn status_all(&self, who: &Identity) -> Result<Vec<(MailboxId, MailboxStatus)>> {
        let rows = self.base.store.mailbox_list(who.account()).await?;
        Ok(rows.iter().map(|row| (row.id, status(row))).collect())
    }

    /// The whole tree as it is now, in one statement.
    pub(super) async fn tree(&self, who: &Identity) -> Result<Tree> {
        Ok(Tree::of(self.base.store.mailbox_list(who.account()).await?))
    }

    /// The mailbox of a special use; made under its usual name where there is none, or the one that has this name.
    ///
    /// # Errors
    /// [`Refusal::Limit`]; [`Refusal::Invalid`] where the name can't be given that use.
    pub(super) async fn special(&self, who: &Identity, use_: SpecialUse) -> Result<MailboxId> {
        if let Some(id) = self.base.store.mailbox_find_special(who.account(), use_).await? {
            return Ok(id);
        }
        let name = use_.attribute().trim_start_matches('\\');
        let path = MailboxPath::parse(name).map_err(|e| Refusal::Internal(e.into()))?;
        match self.create(who, &path, Some(use_)).await {
            Ok(made) => Ok(made.last().ok_or(Refusal::NotFound)?.id),
            // Another session was faster, or the name is in use for something else.
            Err(Refusal::Exists) => Ok(self.find(who, &path).await?.id),
            Err(other) => Err(other),
        }
    }

    /// The selectable mailbox at a path.
    pub(super) async fn find(&self, who: &Identity, path: &MailboxPath) -> Result<MailboxRow> {
        let names: Vec<&str> = path.levels().iter().map(|level| level.as_str()).collect();
        let row = self.base.store.mailbox_find(who.account(), &names).await?;
        row.filter(|row| row.selectable).ok_or(Refusal::NotFound)
    }

    /// Makes a mailbox and the parents it lacks; answers those made, parents first. One that held only children becomes
    /// selectable again.
    ///
    /// # Errors
    /// [`Refusal::Exists`]; [`Refusal::Limit`]; [`Refusal::Invalid`] for a level that is `.` or `..`.
    pub async fn create(
        &self,
        who: &Identity,
        path: &MailboxPath,
        special_use: Option<SpecialUse>,
    ) -> Result<Vec<MailboxInfo>> {
        seemly(path)?;
        let mut tx = self.base.store.begin().await?;
        let (tree, uidvalidity) = self.lock_tree(&mut tx, who).await?;
        if let Some(row) = tree.find(path) {
            if row.selectable {
                return Err(Refusal::Exists);
            }
            if special_use.is_some() {
                return Err(Refusal::Invalid("the name is there already and can't be given a use"));
            }
            tx.mailbox_select_again(who.account(), row.id, uidvalidity).await?;
            tx.commit().await?;
            let mut row = info(&tree, row, &HashSet::new())?;
            row.selectable = true;
            return Ok(vec![row]);
        }
        let made = self.make_path(&mut tx, who, &tree, path, (special_use, uidvalidity)).await?;
        tx.commit().await?;
        Ok(made)
    }

    async fn lock_tree(&self, tx: &mut Tx, who: &Identity) -> Result<(Tree, u32)> {
        let uidvalidity = tx.mailbox_tree_lock(who.account(), self.base.clock.now()).await?;
        Ok((Tree::of(tx.mailbox_list(who.account()).await?), uidvalidity))
    }

    async fn make_path(
        &self,
        tx: &mut Tx,
        who: &Identity,
        tree: &Tree,
        path: &MailboxPath,
        (special_use, mut uidvalidity): (Option<SpecialUse>, u32),
    ) -> Result<Vec<MailboxInfo>> {
        if tree.rows.len() + path.levels().len() > MOST {
            return Err(Refusal::Limit("too many mailboxes"));
        }
        let now = self.base.clock.now();
        let (mut parent, mut made) = (None, Vec::new());
        let depth = path.levels().len();
        for n in 1..=depth {
            let prefix = path.prefix(n);
            if let Some(row) = tree.find(&prefix) {
                parent = Some(row.id);
                continue;
            }
            if !made.is_empty() {
                uidvalidity = tx.mailbox_tree_lock(who.account(), now).await?;
            }
            let special_use = special_use.filter(|_| n == depth);
            let added =
                tx.mailbox_add(who.account(), parent, prefix.leaf().as_str(), special_use, uidvalidity, now).await;
            let id = added.map_err(|error| match error {
                StoreError::Exists(constraint) if constraint == "mailbox_special_use" => {
                    Refusal::Invalid("another mailbox has that special use")
                }
                other => other.into(),
            })?;
            made.push(MailboxInfo {
                id,
                path: prefix,
                selectable: true,
                special_use,
                has_children: n < depth,
                subscribed: false,
            });
            parent = Some(id);
        }
        Ok(made)
    }

    /// Removes a mailbox; one with children stays as a name that can't be selected. Its messages stay restorable.
    ///
    /// # Errors
    /// [`Refusal::Denied`] for INBOX, [`Refusal::InUse`] for a mere name with children.
    pub async fn delete(&self, who: &Identity, path: &MailboxPath) -> Result<MailboxId> {
        if path.is_inbox() {
            return Err(Refusal::Denied);
        }
        let mut tx = self.base.store.begin().await?;
        let (tree, _) = self.lock_tree(&mut tx, who).await?;
        let row = tree.find(path).ok_or(Refusal::NotFound)?;
        if !row.selectable && tree.has_children(row.id) {
            return Err(Refusal::InUse("it has mailboxes below it"));
        }
        tx.mailbox_remove(who.account(), row.id, self.base.clock.now()).await?;
        tx.commit().await?;
        self.shelf.forget(row.id);
        Ok(row.id)
    }

    /// Renames a mailbox and with it all below; parents that lack are made. Renaming INBOX moves its messages and leaves
    /// INBOX empty (RFC 9051 §6.3.6).
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Exists`], [`Refusal::Invalid`] for a move below itself or a name below it that
    /// would become too long or too deep, and for a new level that is `.` or `..`.
    pub async fn rename(&self, who: &Identity, from: &MailboxPath, to: &MailboxPath) -> Result<()> {
        seemly(to)?;
        let mut tx = self.base.store.begin().await?;
        let (tree, uidvalidity) = self.lock_tree(&mut tx, who).await?;
        let row = tree.find(from).ok_or(Refusal::NotFound)?;
        if tree.find(to).is_some() {
            return Err(Refusal::Exists);
        }
        if from.is_inbox() {
            let made = self.make_path(&mut tx, who, &tree, to, (None, uidvalidity)).await?;
            let target = made.last().ok_or(Refusal::Exists)?.id;
            self.move_all(&mut tx, row.id, target).await?;
            return Ok(tx.commit().await?);
        }
        if !tree.fits_below(row.id, to)? {
            return Err(Refusal::Invalid("the names below it would have too many levels or octets"));
        }
        let parent = match to.parent() {
            None => None,
            Some(path) => match tree.find(&path) {
                Some(parent) if tree.is_below(parent.id, row.id) => {
                    return Err(Refusal::Invalid("a mailbox can't be moved below itself"));
                }
                Some(parent) => Some(parent.id),
                None if path.levels().starts_with(from.levels()) => {
                    return Err(Refusal::Invalid("a mailbox can't be moved below itself"));
                }
                None => {
                    self.make_path(&mut tx, who, &tree, &path, (None, uidvalidity)).await?.last().map(|made| made.id)
                }
            },
        };
        tx.mailbox_move(who.account(), row.id, parent, to.leaf().as_str()).await?;
        Ok(tx.commit().await?)
    }

    async fn move_all(&self, tx: &mut Tx, from: MailboxId, to: MailboxId) -> Result<()> {
        let locked = tx.mailbox_lock(&[from, to]).await?;
        let find = |id| locked.iter().find(|row| row.id == id).ok_or(Refusal::NotFound);
        let all = UidSet::from_ranges([1..=u32::MAX]);
        let now = self.base.clock.now();
        tx.message_copy(find(from)?, &all, find(to)?, now).await?;
        tx.message_expunge(find(from)?, &all, Expunge::Moved, now).await?;
        Ok(())
    }

    /// Adds or drops a subscription; the name need not exist.
    ///
    /// # Errors
    /// [`Refusal::Limit`].
    pub async fn subscribe(&self, who: &Identity, path: &MailboxPath, on: bool) -> Result<()> {
        if on && self.base.store.subscription_list(who.account()).await?.len() >= MOST {
            return Err(Refusal::Limit("too many subscriptions"));
        }
        let mut tx = self.base.store.begin().await?;
        match on {
            true => tx.subscription_add(who.account(), &path.to_string()).await?,
            false => tx.subscription_remove(who.account(), &path.to_string()).await?,
        }
        Ok(tx.commit().await?)
    }

    /// Subscribed names.
    pub async fn subscriptions(&self, who: &Identity) -> Result<Vec<MailboxPath>> {
        let list = self.base.store.subscription_list(who.account()).await?;
        Ok(list.iter().filter_map(|path| MailboxPath::parse(path).ok()).collect())
    }

    /// Opens a mailbox as its newest state; read-write sessions claim `\Recent`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn open(&self, who: &Identity, path: &MailboxPath, mode: OpenMode) -> Result<View> {
        let row = self.find(who, path).await?;
        let snapshot = self.shelf.newest(who.account(), row.id, who.account()).await?.ok_or(Refusal::NotFound)?;
        let mut view = View::new(row.id, who.account(), path.clone(), mode == OpenMode::ReadOnly, snapshot);
        self.claim_recent(&mut view, row.recent_uid).await?;
        Ok(view)
    }

    /// Brings a view to the present and lists what its client must be told.
    pub async fn refresh(&self, who: &Identity, view: &mut View, take: Take) -> Result<Vec<Update>> {
        let Some(newest) = self.shelf.newest(view.owner(), view.mailbox(), who.account()).await? else {
            return Ok(vec![Update::Gone]);
        };
        if newest.uidvalidity != view.uidvalidity() {
            return Ok(vec![Update::Gone]);
        }
        let before = view.uidnext();
        let mut updates = view.advance(newest, take);
        if view.uidnext() > before {
            self.claim_recent(view, before).await?;
            if let Some(at) = updates.iter().position(|update| matches!(update, Update::Exists { .. })) {
                updates.insert(at + 1, Update::Recent { count: view.recent_count() });
            }
        }
        Ok(updates)
    }

    /// The first session told of a message has it as `\Recent`; one that only looks claims nothing (RFC 3501 §2.3.2).
    async fn claim_recent(&self, view: &mut View, unclaimed: Uid) -> Result<()> {
        let range = if view.read_only() {
            Some((unclaimed, view.uidnext()))
        } else if unclaimed < view.uidnext() {
            self.base.store.mailbox_claim_recent(view.mailbox()).await?
        } else {
            None
        };
        if let Some((from, to)) = range {
            view.add_recent(from..to);
        }
        Ok(())
    }

    /// Drops snapshots that nobody has asked for lately; without it that waits until somebody asks for something.
    pub fn tidy(&self) {
        self.shelf.tidy();
    }
}

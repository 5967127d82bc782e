//! An account's mailboxes as a tree, read at once and asked in memory.

use super::{Refusal, Result};
use crate::model::ids::MailboxId;
use crate::model::mailbox::{MailboxPath, SpecialUse};
use crate::store::mailbox::MailboxRow;
use std::collections::{HashMap, HashSet};

/// The rows of an account's tree by id, and their children.
pub(super) struct Tree {
    pub rows: HashMap<MailboxId, MailboxRow>,
    parents: HashSet<MailboxId>,
    /// Trash, Junk and what lies below them.
    waste: HashSet<MailboxId>,
}

impl Tree {
    pub fn of(rows: Vec<MailboxRow>) -> Self {
        let mut children: HashMap<MailboxId, Vec<MailboxId>> = HashMap::new();
        for row in &rows {
            if let Some(parent) = row.parent {
                children.entry(parent).or_default().push(row.id);
            }
        }
        let is_waste = |row: &&MailboxRow| matches!(row.special_use, Some(SpecialUse::Trash | SpecialUse::Junk));
        let mut next: Vec<MailboxId> = rows.iter().filter(is_waste).map(|row| row.id).collect();
        let mut waste = HashSet::new();
        while let Some(id) = next.pop() {
            if waste.insert(id) {
                next.extend(children.get(&id).into_iter().flatten());
            }
        }
        let parents = children.into_keys().collect();
        Self { rows: rows.into_iter().map(|row| (row.id, row)).collect(), parents, waste }
    }

    pub fn path(&self, id: MailboxId) -> Result<MailboxPath> {
        let mut names = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next {
            let row = self.rows.get(&id).ok_or(Refusal::NotFound)?;
            names.push(row.name.as_str());
            next = row.parent;
        }
        names.reverse();
        MailboxPath::parse(&names.join("/")).map_err(|e| Refusal::Internal(e.into()))
    }

    /// The mailbox at a path.
    pub fn find(&self, path: &MailboxPath) -> Option<&MailboxRow> {
        let mut at: Option<&MailboxRow> = None;
        for level in path.levels() {
            let parent = at.map(|row| row.id);
            at = Some(self.rows.values().find(|row| row.parent == parent && row.name == level.as_str())?);
        }
        at
    }

    /// Whether each mailbox below `id` still has a path that can be read when `id` is at `to`.
    pub fn fits_below(&self, id: MailboxId, to: &MailboxPath) -> Result<bool> {
        let levels = self.path(id)?.levels().len();
        for row in self.rows.values().filter(|row| row.id != id && self.is_below(row.id, id)) {
            let path = self.path(row.id)?;
            let names = path.levels()[levels..].iter().map(|level| level.as_str());
            let moved = [to.to_string().as_str()].into_iter().chain(names).collect::<Vec<_>>().join("/");
            if MailboxPath::parse(&moved).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A mailbox that can be selected.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], for others' too.
    pub fn selectable(&self, id: MailboxId) -> Result<&MailboxRow> {
        self.rows.get(&id).filter(|row| row.selectable).ok_or(Refusal::NotFound)
    }

    /// Whether it is Trash or Junk, or lies below one of them.
    pub fn is_waste(&self, id: MailboxId) -> bool {
        self.waste.contains(&id)
    }

    pub fn has_children(&self, id: MailboxId) -> bool {
        self.parents.contains(&id)
    }

    pub fn is_below(&self, id: MailboxId, ancestor: MailboxId) -> bool {
        let mut next = Some(id);
        while let Some(id) = next {
            if id == ancestor {
                return true;
            }
            next = self.rows.get(&id).and_then(|row| row.parent);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, parent: Option<i64>, special_use: Option<SpecialUse>) -> MailboxRow {
        MailboxRow {
            id: MailboxId(id),
            parent: parent.map(MailboxId),
            name: id.to_string(),
            selectable: true,
            special_use,
            uidvalidity: 1,
            uidnext: 1,
            modseq: 1,
            messages: 0,
            bytes: 0,
            unseen: 0,
            deleted: 0,
            recent_uid: 1,
        }
    }

    #[test]
    fn waste_is_trash_and_junk_and_what_lies_below() {
        let (trash, junk) = (Some(SpecialUse::Trash), Some(SpecialUse::Junk));
        let tree = Tree::of(vec![
            row(1, None, None),
            row(2, None, trash),
            row(3, Some(2), None),
            row(4, Some(3), None),
            row(5, Some(1), junk),
            row(6, Some(5), None),
            row(7, Some(1), Some(SpecialUse::Sent)),
        ]);
        let waste: Vec<i64> = (1..=8).filter(|id| tree.is_waste(MailboxId(*id))).collect();
        assert_eq!(waste, [2, 3, 4, 5, 6]);
        assert!(tree.has_children(MailboxId(1)) && !tree.has_children(MailboxId(4)));
    }

    /// All rows looked through for each of them would be hours.
    #[test]
    fn a_tree_of_any_size_is_asked_in_one_pass() {
        const ROWS: i64 = 300_000;
        let tree = Tree::of((1..=ROWS).map(|id| row(id, None, None)).collect());
        assert!((1..=ROWS).all(|id| !tree.is_waste(MailboxId(id))));
    }
}

//! What a member does to many messages at once, and how it is undone.
//!
//! Large selections are worked on in portions, each a transaction of its own, so that deliveries wait for none of them
//! long.

use super::login::Identity;
use super::mailbox::Mailboxes;
use super::message::{Messages, one};
use super::tree::Tree;
use super::undo::{Step, Undo};
use super::{Base, Refusal, Result};
use crate::model::flags::{FlagChange, SystemFlags};
use crate::model::ids::{MailboxId, Uid};
use crate::model::mailbox::SpecialUse;
use crate::model::uidset::UidSet;
use crate::store::message::Expunge;

/// Messages of one transaction.
const PORTION: i64 = 10_000;

/// Some messages of one folder. Those with `\Deleted` are never among them: no list shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub mailbox: MailboxId,
    pub uids: UidSet,
}

impl Selection {
    /// Everything that a page with this UIDNEXT could show: what came since is left alone.
    pub fn all(mailbox: MailboxId, uidnext: Uid) -> Self {
        Self { mailbox, uids: UidSet::from_ranges([1..=uidnext.saturating_sub(1)]) }
    }
}

/// A mark of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Seen,
    Unseen,
    Flagged,
    Unflagged,
}

impl Mark {
    fn change(self) -> (FlagChange, SystemFlags) {
        match self {
            Self::Seen => (FlagChange::Add, SystemFlags::SEEN),
            Self::Unseen => (FlagChange::Remove, SystemFlags::SEEN),
            Self::Flagged => (FlagChange::Add, SystemFlags::FLAGGED),
            Self::Unflagged => (FlagChange::Remove, SystemFlags::FLAGGED),
        }
    }
}

/// What an act came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Done {
    /// Messages that changed.
    pub count: u64,
    /// Empty where nothing changed.
    pub undo: Undo,
}

/// Acts on messages. Cheap to clone.
#[derive(Clone)]
pub struct Acts {
    base: Base,
    mailboxes: Mailboxes,
    messages: Messages,
}

impl Acts {
    pub(crate) fn new(base: Base, mailboxes: Mailboxes, messages: Messages) -> Self {
        Self { base, mailboxes, messages }
    }

    /// Sets or takes a mark.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a folder that is not the member's.
    pub async fn mark(&self, who: &Identity, chosen: &[Selection], mark: Mark) -> Result<Done> {
        self.own(who, chosen).await?;
        let (change, flag) = mark.change();
        let mut done = Done::default();
        for selection in chosen {
            let mut portions = Portions::of(selection, false);
            while let Some(uids) = portions.next(self).await? {
                self.mark_portion(&mut done, selection.mailbox, &uids, change, flag).await?;
            }
        }
        Ok(done)
    }

    async fn mark_portion(
        &self,
        done: &mut Done,
        mailbox: MailboxId,
        uids: &UidSet,
        change: FlagChange,
        flag: SystemFlags,
    ) -> Result<()> {
        let mut tx = self.base.store.begin().await?;
        let locked = one(tx.mailbox_lock(&[mailbox]).await?)?;
        let now = self.base.clock.now();
        let (count, _) = tx.flags_store(&locked, uids, change, (flag, &[]), None, now).await?;
        tx.commit().await?;
        if count > 0 {
            let set = change == FlagChange::Add;
            done.undo.push(Step::Flag { mailbox, modseq: locked.modseq + 1, flag, set });
        }
        done.count += count;
        Ok(())
    }

    /// Moves messages to another folder of the member's; those that are there already stay.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a folder that is not the member's.
    pub async fn move_to(&self, who: &Identity, chosen: &[Selection], to: MailboxId) -> Result<Done> {
        self.own(who, chosen).await?.selectable(to)?;
        let mut done = Done::default();
        for selection in chosen {
            self.shift(&mut done, selection, to).await?;
        }
        Ok(done)
    }

    /// Moves messages to the folder of a special use, which is made if there is none: Archive, Junk.
    ///
    /// # Errors
    /// As [`Acts::move_to`].
    pub async fn move_to_special(&self, who: &Identity, chosen: &[Selection], use_: SpecialUse) -> Result<Done> {
        let to = self.mailboxes.special(who, use_).await?;
        self.move_to(who, chosen, to).await
    }

    /// Moves messages that are no junk to Inbox.
    ///
    /// # Errors
    /// As [`Acts::move_to`].
    pub async fn not_junk(&self, who: &Identity, chosen: &[Selection]) -> Result<Done> {
        let tree = self.own(who, chosen).await?;
        let inbox = tree.rows.values().find(|row| row.parent.is_none() && row.name == "INBOX");
        let to = inbox.ok_or(Refusal::NotFound)?.id;
        self.move_to(who, chosen, to).await
    }

    /// Moves messages to Trash; what lies in Trash or Junk goes for good, and can be undone for the undelete window.
    ///
    /// # Errors
    /// As [`Acts::move_to`].
    pub async fn delete(&self, who: &Identity, chosen: &[Selection]) -> Result<Done> {
        let tree = self.own(who, chosen).await?;
        let (waste, others): (Vec<_>, Vec<_>) = chosen.iter().partition(|s| tree.is_waste(s.mailbox));
        let mut done = Done::default();
        if !others.is_empty() {
            let trash = self.mailboxes.special(who, SpecialUse::Trash).await?;
            for selection in others {
                self.shift(&mut done, selection, trash).await?;
            }
        }
        for selection in waste {
            self.expunge(&mut done, selection, false).await?;
        }
        Ok(done)
    }

    /// Empties Trash or Junk of what a page with this UIDNEXT could know of, also of what has `\Deleted`.
    ///
    /// # Errors
    /// [`Refusal::Denied`] for another folder.
    pub async fn empty(&self, who: &Identity, mailbox: MailboxId, uidnext: Uid) -> Result<Done> {
        let selection = Selection::all(mailbox, uidnext);
        let tree = self.own(who, std::slice::from_ref(&selection)).await?;
        if !tree.is_waste(mailbox) {
            return Err(Refusal::Denied);
        }
        let mut done = Done::default();
        self.expunge(&mut done, &selection, true).await?;
        Ok(done)
    }

    /// Takes an act back as far as it can be: what changed meanwhile stays. Answers how many messages came back.
    ///
    /// # Errors
    /// [`Refusal::OverQuota`] if what was expunged has no room any more.
    pub async fn undo(&self, who: &Identity, undo: &Undo) -> Result<u64> {
        let tree = self.mailboxes.tree(who).await?;
        let mut count = 0;
        for step in undo.steps().iter().rev() {
            // A folder that was removed meanwhile, or never was the member's, gets nothing back.
            if step.mailboxes().any(|mailbox| tree.selectable(mailbox).is_err()) {
                continue;
            }
            count += self.undo_step(who, step).await?;
        }
        Ok(count)
    }

    async fn undo_step(&self, who: &Identity, step: &Step) -> Result<u64> {
        match step {
            Step::Flag { mailbox, modseq, flag, set } => {
                let uids = self.base.store.changed_flags(*mailbox, *modseq).await?;
                let back = if *set { FlagChange::Remove } else { FlagChange::Add };
                let mut done = Done::default();
                self.mark_portion(&mut done, *mailbox, &uids, back, *flag).await?;
                Ok(done.count)
            }
            Step::Moved { from, to, uids } => {
                let uids = UidSet::from_ranges([uids.clone()]);
                Ok(self.messages.transfer(*to, &uids, *from, true).await?.len() as u64)
            }
            Step::Expunged { mailbox, modseq } => {
                let octets = self.base.store.restorable_usage(who.account(), *mailbox, *modseq).await?;
                self.messages.check_room(who, octets).await?;
                let mut tx = self.base.store.begin().await?;
                let locked = one(tx.mailbox_lock(&[*mailbox]).await?)?;
                let back = tx.message_restore(&locked, *modseq).await?;
                tx.commit().await?;
                Ok(back.len())
            }
        }
    }

    /// The member's tree, if every selection is in it.
    async fn own(&self, who: &Identity, chosen: &[Selection]) -> Result<Tree> {
        let tree = self.mailboxes.tree(who).await?;
        chosen.iter().try_for_each(|selection| tree.selectable(selection.mailbox).map(|_| ()))?;
        Ok(tree)
    }

    async fn shift(&self, done: &mut Done, selection: &Selection, to: MailboxId) -> Result<()> {
        let from = selection.mailbox;
        let mut portions = Portions::of(selection, false);
        while from != to
            && let Some(uids) = portions.next(self).await?
        {
            let pairs = self.messages.transfer(from, &uids, to, true).await?;
            if let (Some((_, first)), Some((_, last))) = (pairs.first(), pairs.last()) {
                done.undo.push(Step::Moved { from, to, uids: *first..=*last });
            }
            done.count += pairs.len() as u64;
        }
        Ok(())
    }

    async fn expunge(&self, done: &mut Done, selection: &Selection, marked_too: bool) -> Result<()> {
        let mailbox = selection.mailbox;
        let mut portions = Portions::of(selection, marked_too);
        while let Some(uids) = portions.next(self).await? {
            let mut tx = self.base.store.begin().await?;
            let locked = one(tx.mailbox_lock(&[mailbox]).await?)?;
            let gone = tx.message_expunge(&locked, &uids, Expunge::Named, self.base.clock.now()).await?;
            tx.commit().await?;
            if !gone.is_empty() {
                done.undo.push(Step::Expunged { mailbox, modseq: locked.modseq + 1 });
            }
            done.count += gone.len();
        }
        Ok(())
    }
}

/// The messages of a selection that are there, a portion at a time.
struct Portions {
    mailbox: MailboxId,
    left: UidSet,
    marked_too: bool,
}

impl Portions {
    fn of(selection: &Selection, marked_too: bool) -> Self {
        Self { mailbox: selection.mailbox, left: selection.uids.clone(), marked_too }
    }

    async fn next(&mut self, acts: &Acts) -> Result<Option<UidSet>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let uids = acts.base.store.message_uids(self.mailbox, &self.left, self.marked_too, PORTION).await?;
        self.left = uids.last().map_or_else(UidSet::default, |last| self.left.above(last));
        Ok((!uids.is_empty()).then_some(uids))
    }
}

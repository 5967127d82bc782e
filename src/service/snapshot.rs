//! What is in a mailbox, as values: the [`Snapshot`] that sessions share and the [`View`] of what one client was told.
//! Pure: nothing here waits or asks.

use crate::model::flags::{Keyword, SystemFlags};
use crate::model::ids::{AccountId, MailboxId, ModSeq, Uid};
use crate::model::mailbox::MailboxPath;
use crate::model::uidset::UidSet;
use std::collections::HashMap;
use std::sync::Arc;

/// A mailbox at one moment: every message's UID, modseq and shared flags. 24 octets a message.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub(super) uidvalidity: u32,
    pub(super) uidnext: Uid,
    pub(super) modseq: ModSeq,
    slots: Vec<Slot>,
    sets: KeywordSets,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    modseq: ModSeq,
    uid: Uid,
    set: u32,
    system: SystemFlags,
}

/// The combinations of keywords that occur, each once; 0 is none.
#[derive(Debug, Clone)]
struct KeywordSets {
    numbers: HashMap<Vec<i16>, u32>,
    lists: Vec<Arc<[Keyword]>>,
    /// Every keyword of the owner, by id.
    known: Vec<Keyword>,
}

impl Default for KeywordSets {
    fn default() -> Self {
        Self { numbers: HashMap::from([(Vec::new(), 0)]), lists: vec![Arc::from([])], known: Vec::new() }
    }
}

/// A message as the store tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub uid: Uid,
    pub modseq: ModSeq,
    pub system: SystemFlags,
    /// Ids of the owner's keywords, ascending.
    pub keywords: Vec<i16>,
}

/// The owner's keywords by id.
pub type Dictionary = HashMap<i16, Keyword>;

impl Snapshot {
    /// An empty mailbox.
    pub fn new(uidvalidity: u32, uidnext: Uid, modseq: ModSeq) -> Self {
        Self { uidvalidity, uidnext, modseq, ..Self::default() }
    }

    /// Takes in what changed: those gone first, then facts, ascending by UID. A fact older than what is known is passed
    /// over, a removal of what is not there too: changes may be told twice.
    pub fn apply(&mut self, uidnext: Uid, modseq: ModSeq, removed: &UidSet, facts: &[Fact], dictionary: &Dictionary) {
        if !removed.is_empty() {
            self.slots.retain(|slot| !removed.contains(slot.uid));
        }
        for fact in facts {
            let set = self.sets.number(&fact.keywords, dictionary);
            let slot = Slot { modseq: fact.modseq, uid: fact.uid, set, system: fact.system };
            match self.slots.last() {
                None => self.slots.push(slot),
                Some(last) if last.uid < fact.uid => self.slots.push(slot),
                Some(_) => match self.slots.binary_search_by_key(&fact.uid, |s| s.uid) {
                    Ok(at) if self.slots[at].modseq <= slot.modseq => self.slots[at] = slot,
                    Ok(_) => {}
                    Err(at) => self.slots.insert(at, slot),
                },
            }
        }
        self.sets.learn(dictionary);
        self.uidnext = self.uidnext.max(uidnext);
        self.modseq = self.modseq.max(modseq);
    }

    /// Memory it takes, about.
    pub(super) fn octets(&self) -> u32 {
        let octets = self.slots.capacity() * size_of::<Slot>() + (self.sets.lists.len() + self.sets.known.len()) * 128;
        u32::try_from(octets).unwrap_or(u32::MAX)
    }

    /// How many messages it has.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// No messages.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn entry(&self, slot: &Slot) -> Entry<'_> {
        let keywords = self.sets.lists.get(slot.set as usize).map_or(&[][..], |list| list);
        Entry { uid: slot.uid, modseq: slot.modseq, system: slot.system, keywords }
    }
}

impl KeywordSets {
    fn number(&mut self, ids: &[i16], dictionary: &Dictionary) -> u32 {
        if let Some(number) = self.numbers.get(ids) {
            return *number;
        }
        let list: Arc<[Keyword]> = ids.iter().filter_map(|id| dictionary.get(id).cloned()).collect();
        let number = self.lists.len() as u32;
        self.lists.push(list);
        self.numbers.insert(ids.to_vec(), number);
        number
    }

    fn learn(&mut self, dictionary: &Dictionary) {
        if dictionary.len() > self.known.len() {
            let mut ids: Vec<&i16> = dictionary.keys().collect();
            ids.sort();
            self.known = ids.into_iter().filter_map(|id| dictionary.get(id).cloned()).collect();
        }
    }
}

/// One message as a client may be told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub uid: Uid,
    pub modseq: ModSeq,
    pub system: SystemFlags,
    pub keywords: &'a [Keyword],
}

/// Whether a client may be told of expunges now: not during commands that use sequence numbers (RFC 9051 §7.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    Everything,
    NoExpunge,
}

/// What a client must be told, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// Numbers count at the moment each is told: from the highest down.
    Expunge {
        number: u32,
        uid: Uid,
    },
    Exists {
        count: u32,
    },
    Recent {
        count: u32,
    },
    /// The FLAGS list grew.
    Keywords,
    /// Read the entry for the values.
    Flags {
        number: u32,
        uid: Uid,
    },
    /// The mailbox was removed.
    Gone,
}

/// What one client was told of a mailbox it has selected.
#[derive(Debug, Clone)]
pub struct View {
    mailbox: MailboxId,
    owner: AccountId,
    path: MailboxPath,
    read_only: bool,
    told: Arc<Snapshot>,
    /// Whether `told` has messages that are gone and not yet told so.
    ghosts: bool,
    recent: UidSet,
}

impl View {
    pub(super) fn new(
        mailbox: MailboxId,
        owner: AccountId,
        path: MailboxPath,
        read_only: bool,
        told: Arc<Snapshot>,
    ) -> Self {
        Self { mailbox, owner, path, read_only, told, ghosts: false, recent: UidSet::default() }
    }

    pub fn mailbox(&self) -> MailboxId {
        self.mailbox
    }

    pub fn owner(&self) -> AccountId {
        self.owner
    }

    /// As it was when it was opened.
    pub fn path(&self) -> &MailboxPath {
        &self.path
    }

    pub fn read_only(&self) -> bool {
        self.read_only
    }

    pub fn uidvalidity(&self) -> u32 {
        self.told.uidvalidity
    }

    pub fn uidnext(&self) -> Uid {
        self.told.uidnext
    }

    pub fn highest_modseq(&self) -> ModSeq {
        self.told.modseq
    }

    /// EXISTS.
    pub fn len(&self) -> u32 {
        self.told.slots.len() as u32
    }

    pub fn is_empty(&self) -> bool {
        self.told.slots.is_empty()
    }

    /// Whether some message is gone and the client does not know.
    pub fn has_ghosts(&self) -> bool {
        self.ghosts
    }

    pub fn is_recent(&self, uid: Uid) -> bool {
        self.recent.contains(uid)
    }

    /// RECENT.
    pub fn recent_count(&self) -> u32 {
        self.recent.ranges().map(|range| self.slots_within(&range).len() as u32).sum()
    }

    pub(super) fn add_recent(&mut self, uids: std::ops::Range<Uid>) {
        if !uids.is_empty() {
            self.recent = UidSet::from_ranges(self.recent.ranges().chain([uids.start..=uids.end - 1]));
        }
    }

    /// Number of the first message without `\Seen`.
    pub fn first_unseen(&self) -> Option<u32> {
        let at = self.told.slots.iter().position(|slot| !slot.system.contains(SystemFlags::SEEN))?;
        Some(at as u32 + 1)
    }

    /// By sequence number, from 1.
    pub fn entry(&self, number: u32) -> Option<Entry<'_>> {
        let slot = self.told.slots.get(number.checked_sub(1)? as usize)?;
        Some(self.told.entry(slot))
    }

    pub fn number_of(&self, uid: Uid) -> Option<u32> {
        let at = self.told.slots.binary_search_by_key(&uid, |slot| slot.uid).ok()?;
        Some(at as u32 + 1)
    }

    pub fn uid_of(&self, number: u32) -> Option<Uid> {
        self.entry(number).map(|entry| entry.uid)
    }

    /// Sequence numbers to UIDs; numbers that don't exist are dropped.
    pub fn uids_of_numbers(&self, numbers: &UidSet) -> UidSet {
        let slots = &self.told.slots;
        let last = slots.len() as u32;
        let chosen = numbers.ranges().flat_map(|r| {
            let (from, to) = (*r.start().max(&1) as usize, *r.end().min(&last) as usize);
            if from > to { &[][..] } else { &slots[from - 1..to] }.iter().map(|slot| slot.uid)
        });
        chosen.collect()
    }

    /// Those of `uids` that exist here.
    pub fn uids_within(&self, uids: &UidSet) -> UidSet {
        uids.ranges().flat_map(|range| self.slots_within(&range).iter().map(|slot| slot.uid)).collect()
    }

    fn slots_within(&self, uids: &std::ops::RangeInclusive<Uid>) -> &[Slot] {
        let slots = &self.told.slots;
        let from = slots.partition_point(|slot| slot.uid < *uids.start());
        let to = slots.partition_point(|slot| slot.uid <= *uids.end());
        &slots[from..to]
    }

    /// What `*` means in a UID set.
    pub fn last_uid(&self) -> Option<Uid> {
        self.told.slots.last().map(|slot| slot.uid)
    }

    /// All keywords that the owner uses.
    pub fn keywords(&self) -> &[Keyword] {
        &self.told.sets.known
    }

    /// Every message with its number.
    pub fn entries(&self) -> impl Iterator<Item = (u32, Entry<'_>)> {
        self.told.slots.iter().enumerate().map(|(n, slot)| (n as u32 + 1, self.told.entry(slot)))
    }

    /// Takes in a newer snapshot and lists what the client must be told: expunges from the highest number down, so that
    /// none moves under one still to be told, then EXISTS, then flags.
    pub fn advance(&mut self, newest: Arc<Snapshot>, take: Take) -> Vec<Update> {
        if Arc::ptr_eq(&self.told, &newest) {
            return Vec::new();
        }
        let difference = Difference::of(&self.told, &newest);
        let mut out = Vec::new();
        if newest.sets.known.len() > self.told.sets.known.len() {
            out.push(Update::Keywords);
        }
        let keep_ghosts = take == Take::NoExpunge && !difference.gone.is_empty();
        if keep_ghosts {
            self.told = Arc::new(self.with_ghosts(&newest, &difference.gone));
        } else {
            out.extend(
                difference.gone.iter().rev().map(|(number, uid)| Update::Expunge { number: *number, uid: *uid }),
            );
            self.told = newest;
        }
        self.ghosts = keep_ghosts;
        if difference.added > 0 {
            out.push(Update::Exists { count: self.len() });
        }
        let changed =
            difference.changed.into_iter().filter_map(|uid| Some(Update::Flags { number: self.number_of(uid)?, uid }));
        out.extend(changed.collect::<Vec<_>>());
        out
    }

    /// The newest state, with the messages that are gone still in their places.
    fn with_ghosts(&self, newest: &Snapshot, gone: &[(u32, Uid)]) -> Snapshot {
        let mut merged = newest.clone();
        for (number, _) in gone {
            let mut slot = self.told.slots[*number as usize - 1];
            let ids = self
                .told
                .sets
                .numbers
                .iter()
                .find(|(_, n)| **n == slot.set)
                .map(|(ids, _)| ids.clone())
                .unwrap_or_default();
            slot.set = newest.sets.numbers.get(&ids).copied().unwrap_or(0);
            merged.slots.push(slot);
        }
        merged.slots.sort_unstable_by_key(|slot| slot.uid);
        merged
    }
}

struct Difference {
    /// Number and UID in the old numbering, ascending.
    gone: Vec<(u32, Uid)>,
    added: usize,
    changed: Vec<Uid>,
}

impl Difference {
    /// Both are sorted by UID: one walk.
    fn of(old: &Snapshot, new: &Snapshot) -> Self {
        let mut out = Self { gone: Vec::new(), added: 0, changed: Vec::new() };
        let mut new_slots = new.slots.iter().peekable();
        for (n, slot) in old.slots.iter().enumerate() {
            while new_slots.next_if(|other| other.uid < slot.uid).is_some() {
                out.added += 1;
            }
            match new_slots.next_if(|other| other.uid == slot.uid) {
                Some(other) if other.modseq != slot.modseq => out.changed.push(slot.uid),
                Some(_) => {}
                None => out.gone.push((n as u32 + 1, slot.uid)),
            }
        }
        out.added += new_slots.count();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fact(uid: Uid, modseq: ModSeq) -> Fact {
        Fact { uid, modseq, system: SystemFlags::empty(), keywords: Vec::new() }
    }

    fn snapshot(list: &[(Uid, ModSeq)]) -> Snapshot {
        let mut out = Snapshot::new(1, 1, 1);
        let facts: Vec<Fact> = list.iter().map(|(uid, modseq)| fact(*uid, *modseq)).collect();
        let last = list.last().map_or(0, |(uid, _)| *uid);
        let modseq = list.iter().map(|(_, m)| *m).max().unwrap_or(1);
        out.apply(last + 1, modseq, &UidSet::default(), &facts, &Dictionary::new());
        out
    }

    fn view(list: &[(Uid, ModSeq)]) -> View {
        View::new(MailboxId(1), AccountId(1), MailboxPath::parse("INBOX").unwrap(), false, Arc::new(snapshot(list)))
    }

    #[test]
    fn expunges_are_told_from_the_top_then_exists_then_flags() {
        let mut view = view(&[(3, 1), (5, 1), (8, 1), (9, 1)]);
        let newest = Arc::new(snapshot(&[(5, 7), (9, 1), (12, 8)]));
        let wanted = [
            Update::Expunge { number: 3, uid: 8 },
            Update::Expunge { number: 1, uid: 3 },
            Update::Exists { count: 3 },
            Update::Flags { number: 1, uid: 5 },
        ];
        assert_eq!(view.advance(newest.clone(), Take::Everything), wanted);
        assert_eq!(view.advance(newest, Take::Everything), []);
    }

    #[test]
    fn ghosts_keep_their_numbers_until_they_may_be_told() {
        let mut view = view(&[(3, 1), (5, 1)]);
        let newest = Arc::new(snapshot(&[(5, 7), (6, 8)]));
        assert_eq!(
            view.advance(newest.clone(), Take::NoExpunge),
            [Update::Exists { count: 3 }, Update::Flags { number: 2, uid: 5 }]
        );
        assert!(view.has_ghosts());
        assert_eq!(view.uid_of(1), Some(3));
        assert_eq!(view.advance(newest.clone(), Take::NoExpunge), []);
        assert_eq!(view.advance(newest, Take::Everything), [Update::Expunge { number: 1, uid: 3 }]);
        assert!(!view.has_ghosts());
    }

    #[test]
    fn numbers_and_uids_translate() {
        let view = view(&[(3, 1), (5, 1), (8, 1)]);
        let set = |raw: &[std::ops::RangeInclusive<u32>]| UidSet::from_ranges(raw.iter().cloned());
        assert_eq!(view.uids_of_numbers(&set(&[0..=1, 3..=9])).to_string(), "3,8");
        assert_eq!(view.uids_within(&set(&[4..=100])).to_string(), "5,8");
        assert_eq!((view.number_of(5), view.number_of(4), view.last_uid()), (Some(2), None, Some(8)));
    }

    #[test]
    fn a_fact_told_late_does_not_undo_a_newer_one() {
        let mut snapshot = snapshot(&[(1, 9)]);
        let old = Fact { system: SystemFlags::SEEN, ..fact(1, 5) };
        snapshot.apply(2, 9, &UidSet::default(), &[old], &Dictionary::new());
        assert_eq!(snapshot.slots[0].modseq, 9);
    }

    proptest! {
        /// A client that does what it is told has the server's list in the end, whatever was held back on the way.
        #[test]
        fn a_client_that_listens_knows_the_list(steps in prop::collection::vec((prop::collection::vec(1u32..30, 0..12), any::<bool>()), 1..12)) {
            let mut view = view(&[]);
            let mut client: Vec<Uid> = Vec::new();
            let mut highest = 0;
            let mut alive: Vec<(Uid, ModSeq)> = Vec::new();
            for (n, (picks, everything)) in steps.into_iter().enumerate() {
                let modseq = n as u64 + 2;
                alive.retain(|(uid, _)| !picks.contains(uid));
                for entry in &mut alive {
                    if picks.contains(&(entry.0 + 1)) {
                        entry.1 = modseq;
                    }
                }
                let fresh = picks.len() as u32 / 2;
                alive.extend((highest + 1..=highest + fresh).map(|uid| (uid, modseq)));
                highest += fresh;
                let take = if everything { Take::Everything } else { Take::NoExpunge };
                for update in view.advance(Arc::new(snapshot(&alive)), take) {
                    match update {
                        Update::Expunge { number, uid } => prop_assert_eq!(client.remove(number as usize - 1), uid),
                        Update::Exists { count } => {
                            while client.len() < count as usize {
                                client.push(view.uid_of(client.len() as u32 + 1).unwrap());
                            }
                        }
                        Update::Flags { number, uid } => prop_assert_eq!(client[number as usize - 1], uid),
                        _ => {}
                    }
                }
                let told: Vec<Uid> = view.entries().map(|(_, entry)| entry.uid).collect();
                prop_assert_eq!(&client, &told);
                if everything {
                    prop_assert_eq!(client.clone(), alive.iter().map(|(uid, _)| *uid).collect::<Vec<_>>());
                }
            }
        }
    }
}

//! The snapshots that sessions share, each brought up to date by what changed since (SELECT of a warm mailbox costs
//! the changes, not the messages), and the keywords that their flags are made of.

use super::snapshot::{Dictionary, Fact, Snapshot};
use super::{Base, Result};
use crate::model::flags::Keyword;
use crate::model::ids::{AccountId, MailboxId};
use crate::model::uidset::UidSet;
use crate::store::mailbox::ChangeKind;
use crate::store::message::EntryRow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a snapshot nobody asks for is kept.
const IDLE: Duration = Duration::from_secs(300);
/// Octets that all snapshots may take: five million messages. Beyond it those asked for longest ago go.
const MEMORY: u64 = 128 << 20;

/// Cheap to clone; clones share the snapshots.
#[derive(Clone)]
pub(super) struct Shelf {
    base: Base,
    snapshots: moka::sync::Cache<MailboxId, Arc<Place>>,
    dictionaries: moka::sync::Cache<AccountId, Arc<Dictionary>>,
}

/// Where sessions find the snapshot they share, and what it weighed when it was put there.
#[derive(Default)]
struct Place {
    held: Mutex<Option<Arc<Snapshot>>>,
    octets: AtomicU32,
}

/// Places of at most `most` octets in all.
fn places(most: u64) -> moka::sync::Cache<MailboxId, Arc<Place>> {
    // An empty place weighs something too.
    let weigh = |_: &MailboxId, place: &Arc<Place>| place.octets.load(Ordering::Relaxed).max(256);
    moka::sync::Cache::builder()
        .weigher(weigh)
        .max_capacity(most)
        .eviction_policy(moka::policy::EvictionPolicy::lru())
        .time_to_idle(IDLE)
        .build()
}

impl Shelf {
    pub fn new(base: Base) -> Self {
        let dictionaries = moka::sync::Cache::builder().max_capacity(2000).time_to_idle(IDLE).build();
        Self { base, snapshots: places(MEMORY), dictionaries }
    }

    /// The newest snapshot; sessions that ask at once share one load. `None`: the mailbox is gone.
    pub async fn newest(
        &self,
        owner: AccountId,
        mailbox: MailboxId,
        person: AccountId,
    ) -> Result<Option<Arc<Snapshot>>> {
        let place = self.snapshots.get_with(mailbox, Arc::default);
        let mut held = place.held.lock().await;
        let known = held.take();
        let newest = match known {
            Some(known) => self.catch_up(owner, mailbox, person, known).await,
            None => self.load(owner, mailbox).await,
        };
        if let Ok(Some(snapshot)) = &newest {
            *held = Some(snapshot.clone());
            let (octets, before) = (snapshot.octets(), place.octets.load(Ordering::Relaxed));
            if octets.abs_diff(before) > before / 8 {
                place.octets.store(octets, Ordering::Relaxed);
                self.snapshots.insert(mailbox, place.clone());
            }
        }
        newest
    }

    /// The mailbox is gone.
    pub fn forget(&self, mailbox: MailboxId) {
        self.snapshots.invalidate(&mailbox);
    }

    pub fn tidy(&self) {
        self.snapshots.run_pending_tasks();
        self.dictionaries.run_pending_tasks();
    }

    async fn load(&self, owner: AccountId, mailbox: MailboxId) -> Result<Option<Arc<Snapshot>>> {
        let Some(row) = self.base.store.mailbox_get(mailbox).await? else { return Ok(None) };
        let mut snapshot = Snapshot::new(row.uidvalidity, row.uidnext, row.modseq);
        if row.uidnext > 1 {
            let all = UidSet::from_ranges([1..=row.uidnext - 1]);
            let facts = self.facts(mailbox, &all).await?;
            let dictionary = self.dictionary_for(owner, &facts).await?;
            snapshot.apply(row.uidnext, row.modseq, &UidSet::default(), &facts, &dictionary);
        }
        Ok(Some(Arc::new(snapshot)))
    }

    async fn catch_up(
        &self,
        owner: AccountId,
        mailbox: MailboxId,
        person: AccountId,
        known: Arc<Snapshot>,
    ) -> Result<Option<Arc<Snapshot>>> {
        let Some(changes) = self.base.store.mailbox_changes(mailbox, known.modseq, person).await? else {
            return Ok(None);
        };
        if changes.modseq == known.modseq {
            return Ok(Some(known));
        }
        if changes.floor > known.modseq {
            return self.load(owner, mailbox).await;
        }
        let of_kind = |expunged: bool| {
            let list = changes.list.iter().filter(move |change| (change.kind == ChangeKind::Expunged) == expunged);
            list.flat_map(|change| change.uids.ranges()).collect::<Vec<_>>()
        };
        let removed = UidSet::from_ranges(of_kind(true));
        let mut wanted = of_kind(false);
        if changes.uidnext > known.uidnext {
            wanted.push(known.uidnext..=changes.uidnext - 1);
        }
        let facts = self.facts(mailbox, &UidSet::from_ranges(wanted)).await?;
        let dictionary = self.dictionary_for(owner, &facts).await?;
        let mut next = Arc::unwrap_or_clone(known);
        next.apply(changes.uidnext, changes.modseq, &removed, &facts, &dictionary);
        Ok(Some(Arc::new(next)))
    }

    async fn facts(&self, mailbox: MailboxId, uids: &UidSet) -> Result<Vec<Fact>> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.base.store.message_entries(mailbox, uids).await?;
        let fact =
            |row: EntryRow| Fact { uid: row.uid, modseq: row.modseq, system: row.system, keywords: row.keywords };
        Ok(rows.into_iter().map(fact).collect())
    }

    /// The owner's keywords, read again when a message has one that is not known.
    async fn dictionary_for(&self, owner: AccountId, facts: &[Fact]) -> Result<Arc<Dictionary>> {
        let known = self.dictionaries.get(&owner).unwrap_or_default();
        if facts.iter().all(|fact| fact.keywords.iter().all(|id| known.contains_key(id))) {
            return Ok(known);
        }
        self.reload_dictionary(owner).await
    }

    /// Names of keywords by their ids; those that are not known any more are missing.
    pub async fn keywords(&self, owner: AccountId, ids: &[i16]) -> Result<Vec<Keyword>> {
        let mut known = self.dictionaries.get(&owner).unwrap_or_default();
        if !ids.iter().all(|id| known.contains_key(id)) {
            known = self.reload_dictionary(owner).await?;
        }
        Ok(ids.iter().filter_map(|id| known.get(id).cloned()).collect())
    }

    pub async fn reload_dictionary(&self, owner: AccountId) -> Result<Arc<Dictionary>> {
        let list = self.base.store.keyword_list(owner).await?;
        let dictionary: Dictionary =
            list.into_iter().filter_map(|(id, name)| Some((id, Keyword::parse(&name)?))).collect();
        let dictionary = Arc::new(dictionary);
        self.dictionaries.insert(owner, dictionary.clone());
        Ok(dictionary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_that_were_asked_for_longest_ago_make_room() {
        let cache = places(10_000);
        for id in 0..100 {
            let place = Arc::new(Place { octets: AtomicU32::new(1000), ..Place::default() });
            cache.insert(MailboxId(id), place);
            cache.run_pending_tasks();
        }
        assert_eq!((cache.weighted_size(), cache.entry_count()), (10_000, 10));
        assert!(cache.contains_key(&MailboxId(99)) && !cache.contains_key(&MailboxId(5)));
        // One that grows is weighed anew, and others go for it.
        let place = cache.get(&MailboxId(99)).unwrap();
        place.octets.store(8000, Ordering::Relaxed);
        cache.insert(MailboxId(99), place);
        cache.run_pending_tasks();
        assert!(cache.weighted_size() <= 10_000 && cache.contains_key(&MailboxId(99)));
    }
}

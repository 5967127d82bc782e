//! The append combiner: who may go into which batch, and who is told what.

use super::statement::{self, Outcome, Sent, Wait};
use super::{Job, Placed};
use crate::model::ids::MailboxId;
use crate::store::outcome::SETTLE;
use crate::store::{Result, Store, StoreError};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// Batches under way at once: more makes them smaller, fewer leaves the disk idle between flushes.
const BATCHES: usize = 2;
/// Beside a batch of fewer octets another waits until it is full: what a batch costs is mostly its beginning and end.
const LIGHT: usize = 1 << 20;
const MOST_MESSAGES: usize = 64;
const MOST_OCTETS: usize = 8 << 20;
/// Batches a mailbox may take in a row before those who wait for others go first.
const TURNS: u32 = 2;
/// Connections that may wait for row locks of other processes; the rest of the pool stays free.
const PATIENT: usize = 4;

pub(in crate::store) struct Combiner {
    state: Mutex<State>,
    patient: Semaphore,
}

impl Default for Combiner {
    fn default() -> Self {
        Self { state: Mutex::default(), patient: Semaphore::new(PATIENT) }
    }
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Mailboxes of the batches under way: their rows are locked, so nobody else asks for them.
    busy: HashSet<MailboxId>,
    running: usize,
    /// Those of them below [`LIGHT`].
    light: usize,
    /// Batches each mailbox has taken since it last let others go first.
    turns: HashMap<MailboxId, u32>,
}

struct Waiting {
    job: Job,
    answer: oneshot::Sender<Result<Vec<Placed>>>,
}

impl Waiting {
    fn mailboxes(&self) -> impl Iterator<Item = MailboxId> {
        self.job.messages.iter().map(|m| m.mailbox)
    }

    /// The caller may be gone; its mail is committed all the same.
    fn tell(self, answer: Result<Vec<Placed>>) {
        let _ = self.answer.send(answer);
    }
}

impl Combiner {
    pub(super) async fn submit(&self, store: &Store, job: Job) -> Result<Vec<Placed>> {
        let (answer, answered) = oneshot::channel();
        self.state().waiting.push_back(Waiting { job, answer });
        start(store);
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch that is being put together.
#[derive(Default)]
struct Draft {
    list: Vec<Waiting>,
    messages: usize,
    octets: usize,
}

impl Draft {
    fn fits(&self, job: &Job) -> bool {
        self.list.is_empty()
            || (self.messages + job.messages.len() <= MOST_MESSAGES && self.octets + job.octets() <= MOST_OCTETS)
    }

    fn push(&mut self, waiting: Waiting) {
        self.messages += waiting.job.messages.len();
        self.octets += waiting.job.octets();
        self.list.push(waiting);
    }
}

impl State {
    /// Takes what may run now: those whose mailboxes have not had [`TURNS`] batches in a row, oldest first, then the
    /// others; none whose mailbox is in another batch.
    fn take(&mut self) -> Vec<Waiting> {
        let mut draft = Draft::default();
        if self.running >= BATCHES || self.waiting.is_empty() || self.light > 0 && !self.would_fill() {
            return draft.list;
        }
        let tired: HashSet<MailboxId> = self.turns.iter().filter(|(_, n)| **n >= TURNS).map(|(id, _)| *id).collect();
        self.gather(&mut draft, &tired);
        if !draft.list.is_empty() {
            self.turns.retain(|id, _| !tired.contains(id));
        }
        self.gather(&mut draft, &HashSet::new());
        let chosen: HashSet<MailboxId> = draft.list.iter().flat_map(Waiting::mailboxes).collect();
        for mailbox in &chosen {
            *self.turns.entry(*mailbox).or_default() += 1;
        }
        self.busy.extend(chosen);
        self.running += usize::from(!draft.list.is_empty());
        self.light += usize::from(!draft.list.is_empty() && draft.octets < LIGHT);
        if self.waiting.is_empty() {
            self.turns.clear();
        }
        draft.list
    }

    /// Whether a batch of those who wait would be full.
    fn would_fill(&self) -> bool {
        let (mut messages, mut octets) = (0, 0);
        self.waiting.iter().any(|waiting| {
            messages += waiting.job.messages.len();
            octets += waiting.job.octets();
            messages >= MOST_MESSAGES || octets >= MOST_OCTETS
        })
    }

    fn gather(&mut self, draft: &mut Draft, tired: &HashSet<MailboxId>) {
        let mut n = 0;
        // A mailbox that an older job waits for is not taken by a younger one.
        let mut passed: HashSet<MailboxId> = HashSet::new();
        while n < self.waiting.len() && draft.messages < MOST_MESSAGES {
            let waiting = &self.waiting[n];
            let free = |id| !self.busy.contains(&id) && !passed.contains(&id) && !tired.contains(&id);
            if draft.fits(&waiting.job) && waiting.mailboxes().all(free) {
                self.waiting.remove(n).into_iter().for_each(|waiting| draft.push(waiting));
            } else {
                passed.extend(waiting.mailboxes());
                n += 1;
            }
        }
    }
}

/// Starts every batch that may run now, each in a task of its own: a caller who goes away does not take its batch along.
fn start(store: &Store) {
    // Without a runtime the program is ending, and nobody waits any more.
    while tokio::runtime::Handle::try_current().is_ok() {
        let batch = store.0.appends.state().take();
        if batch.is_empty() {
            return;
        }
        let held = Held::of(store, &batch);
        let light = batch.iter().map(|waiting| waiting.job.octets()).sum::<usize>() < LIGHT;
        tokio::spawn(run(batch, held, Slot { store: store.clone(), light }));
    }
}

/// One of the [`BATCHES`], given back however the batch ends.
struct Slot {
    store: Store,
    light: bool,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.store.0.appends.state();
        state.running -= 1;
        state.light -= usize::from(self.light);
        drop(state);
        start(&self.store);
    }
}

/// Mailboxes that no other batch asks for, given back however the batch ends.
struct Held {
    store: Store,
    mailboxes: HashSet<MailboxId>,
}

impl Held {
    fn of(store: &Store, batch: &[Waiting]) -> Self {
        Self { store: store.clone(), mailboxes: batch.iter().flat_map(Waiting::mailboxes).collect() }
    }

    /// Hands some of them over to a smaller batch.
    fn split(&mut self, batch: &[Waiting]) -> Self {
        let part = Self::of(&self.store, batch);
        self.mailboxes.retain(|id| !part.mailboxes.contains(id));
        part
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.store.0.appends.state();
        self.mailboxes.iter().for_each(|id| {
            state.busy.remove(id);
        });
        drop(state);
        start(&self.store);
    }
}

/// Why a batch was not committed.
enum Failure {
    /// Nothing was asked of the database: it is away, for everybody.
    Away(StoreError),
    /// It was rolled back; one job may be to blame.
    Undone(StoreError),
    /// The connection broke: committed or not, only the database knows.
    Unknown(Sent),
}

/// Whoever got its locks at once is answered at once. Another process may hold some rows: those jobs wait in batches of
/// their own, outside the slots, so that they hold up nobody else.
async fn run(mut batch: Vec<Waiting>, mut held: Held, slot: Slot) {
    let store = slot.store.clone();
    let mut later: BTreeMap<Vec<MailboxId>, Vec<Waiting>> = BTreeMap::new();
    let mut failed = None;
    // All of them, then those whose mailboxes were free.
    for _ in 0..2 {
        match attempt(&store, &batch, Wait::Skip).await {
            Ok(Outcome::Placed(placed)) => {
                std::mem::take(&mut batch)
                    .into_iter()
                    .zip(placed)
                    .for_each(|(waiting, placed)| waiting.tell(Ok(placed)));
            }
            Ok(Outcome::Locked(free)) => {
                let (go, wait): (Vec<_>, Vec<_>) =
                    batch.into_iter().partition(|waiting| waiting.mailboxes().all(|id| free.contains(&id)));
                batch = go;
                for waiting in wait {
                    later.entry(waiting.mailboxes().collect()).or_default().push(waiting);
                }
            }
            Err(Failure::Undone(_)) if batch.len() > 1 => {
                // A key of its own for each: it is tried alone, so that its answer is its own.
                for (n, waiting) in std::mem::take(&mut batch).into_iter().enumerate() {
                    let key = waiting.mailboxes().chain([MailboxId(-1 - n as i64)]).collect();
                    later.insert(key, vec![waiting]);
                }
            }
            Err(failure) => failed = Some((std::mem::take(&mut batch), failure)),
        }
        if batch.is_empty() {
            break;
        }
    }
    for waiting in batch {
        later.entry(waiting.mailboxes().collect()).or_default().push(waiting);
    }
    for group in later.into_values() {
        tokio::spawn(wait(held.split(&group), group));
    }
    drop(slot);
    if let Some((batch, failure)) = failed {
        refuse(&store, batch, failure).await;
    }
}

/// A group is of jobs for the same mailboxes, or of one.
async fn wait(held: Held, group: Vec<Waiting>) {
    let store = held.store.clone();
    // Never closed.
    let _permit = store.0.appends.patient.acquire().await;
    match attempt(&store, &group, Wait::Locks).await {
        Ok(Outcome::Placed(placed)) => {
            group.into_iter().zip(placed).for_each(|(waiting, placed)| waiting.tell(Ok(placed)));
        }
        Ok(Outcome::Locked(_)) => group.into_iter().for_each(|waiting| waiting.tell(Err(statement::mailbox_gone()))),
        Err(Failure::Undone(_)) if group.len() > 1 => {
            for waiting in group {
                match attempt(&store, std::slice::from_ref(&waiting), Wait::Locks).await {
                    Ok(Outcome::Placed(mut placed)) => waiting.tell(Ok(placed.pop().unwrap_or_default())),
                    Ok(Outcome::Locked(_)) => waiting.tell(Err(statement::mailbox_gone())),
                    Err(failure) => refuse(&store, vec![waiting], failure).await,
                }
            }
        }
        Err(failure) => refuse(&store, group, failure).await,
    }
}

async fn attempt(store: &Store, batch: &[Waiting], wait: Wait) -> std::result::Result<Outcome, Failure> {
    let jobs: Vec<&Job> = batch.iter().map(|waiting| &waiting.job).collect();
    let ids = store.ids_take(jobs.iter().map(|j| j.messages.len()).sum()).await.map_err(Failure::Away)?;
    let mut conn = store.0.batches.take().await.map_err(Failure::Away)?;
    let columns = statement::Batch::of(&jobs, &ids);
    let outcome = columns.run(wait, &mut conn).await.map_err(|error| match error.is_rolled_back() {
        true => Failure::Undone(error),
        false => Failure::Unknown(columns.sent()),
    })?;
    conn.keep();
    if let Outcome::Placed(placed) = &outcome {
        store.hub().publish(&columns.events(placed));
    }
    Ok(outcome)
}

/// Answers for a batch that failed. What may be committed is looked for, so that no client sends again what is there.
async fn refuse(store: &Store, batch: Vec<Waiting>, failure: Failure) {
    let away = |why: &str| Err(StoreError::Unavailable(sqlx::Error::Protocol(why.to_owned())));
    match failure {
        Failure::Undone(error) => {
            let mut error = Some(error);
            batch.into_iter().for_each(|waiting| waiting.tell(error.take().map_or_else(|| away("undone"), Err)));
        }
        Failure::Away(error) => {
            let why = error.to_string();
            batch.into_iter().for_each(|waiting| waiting.tell(away(&why)));
        }
        Failure::Unknown(sent) => {
            let placed = settle(store, &sent).await.unwrap_or_default();
            let mut placed = placed.into_iter();
            for waiting in batch {
                let found = placed.next().flatten();
                waiting.tell(found.map_or_else(|| away("the connection broke before the answer"), Ok));
            }
        }
    }
}

/// Asks again and again until the database answers or [`SETTLE`] is over.
async fn settle(store: &Store, sent: &Sent) -> Option<Vec<Option<Vec<Placed>>>> {
    let asking = async {
        loop {
            match store.appended(sent).await {
                Ok(found) => return found,
                Err(error) => tracing::debug!(%error, "not known yet whether a batch was committed"),
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let found = tokio::time::timeout(SETTLE, asking).await.ok()?;
    store.hub().publish(&sent.events(&found));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::NewMessage;
    use super::*;
    use crate::model::flags::SystemFlags;
    use crate::model::ids::{AccountId, BlobHash};
    use crate::store::blob::{ContentRow, NewBlob};
    use chrono::{DateTime, Utc};
    use std::sync::Arc;

    fn waiting(mailboxes: &[i64], octets: usize) -> Waiting {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let chunks = vec![vec![0; octets]];
        let blob = NewBlob { hash: BlobHash([0; 32]), size: octets as u64, chunks, content: ContentRow::default() };
        let message = |id: &i64| NewMessage {
            account: AccountId(1),
            mailbox: MailboxId(*id),
            blob: 0,
            flags: SystemFlags::empty(),
            keywords: Vec::new(),
            internal_at: now,
            prefix: Vec::new(),
        };
        let job = Job { blobs: vec![Arc::new(blob)], messages: mailboxes.iter().map(message).collect(), now };
        Waiting { job, answer: oneshot::channel().0 }
    }

    fn state(list: impl IntoIterator<Item = Waiting>) -> State {
        State { waiting: list.into_iter().collect(), ..State::default() }
    }

    /// The mailboxes of the next batch, which then ends.
    fn next(state: &mut State) -> Vec<i64> {
        let batch = state.take();
        let ids: Vec<i64> = batch.iter().flat_map(Waiting::mailboxes).map(|id| id.0).collect();
        state.busy.clear();
        (state.running, state.light) = (0, 0);
        ids
    }

    #[test]
    fn a_batch_holds_64_messages_and_8_mib_and_a_larger_job_goes_alone() {
        let mut many = state((0..100).map(|_| waiting(&[1], 10)));
        assert_eq!((next(&mut many).len(), next(&mut many).len(), next(&mut many).len()), (64, 36, 0));
        let mut large =
            state([waiting(&[1], 9 << 20), waiting(&[2], 5 << 20), waiting(&[3], 5 << 20), waiting(&[4], 10)]);
        assert_eq!(next(&mut large), [1]);
        assert_eq!(next(&mut large), [2, 4]);
        assert_eq!(next(&mut large), [3]);
        let everybody: Vec<i64> = (0..200).collect();
        let mut whole = state([waiting(&everybody, 10), waiting(&[300], 10)]);
        assert_eq!(next(&mut whole).len(), 200, "a message for many is one batch");
    }

    #[test]
    fn a_mailbox_is_in_one_batch_and_its_jobs_keep_their_order() {
        let mut state = state([waiting(&[1], 1), waiting(&[1, 2], 9 << 20), waiting(&[2], 1), waiting(&[3], 1)]);
        let first = state.take();
        assert_eq!(first.iter().flat_map(Waiting::mailboxes).map(|id| id.0).collect::<Vec<_>>(), [1, 3]);
        assert!(state.take().is_empty(), "1 is busy, and 2 waits behind a job for both");
        state.busy.clear();
        assert_eq!(state.take().len(), 1);
        state.busy.clear();
        assert!(state.take().is_empty(), "two batches are under way");
    }

    #[test]
    fn beside_a_small_batch_only_a_full_one_begins() {
        let mut state = state([waiting(&[1], 10)]);
        assert_eq!(state.take().len(), 1);
        state.waiting.extend((2..65).map(|id| waiting(&[id], 10)));
        assert!(state.take().is_empty(), "63 wait for more");
        state.waiting.push_back(waiting(&[70], 10));
        assert_eq!(state.take().len(), 64);
        let mut state = super::tests::state([waiting(&[1], 2 << 20), waiting(&[2], 8 << 20)]);
        assert_eq!((state.take().len(), state.take().len()), (1, 1), "a large one holds up nobody");
    }

    #[test]
    fn a_busy_mailbox_lets_others_go_first_after_two_batches() {
        let mut state = state((0..500).map(|_| waiting(&[1], 10)));
        assert!(next(&mut state).iter().chain(&next(&mut state)).all(|id| *id == 1));
        state.waiting.push_back(waiting(&[2], 10));
        let third = next(&mut state);
        assert_eq!((third[0], third.len()), (2, 64), "the other goes first, the rest of the batch is not wasted");
        state.waiting.push_back(waiting(&[3], 10));
        assert!(next(&mut state).iter().all(|id| *id == 1), "the second in a row");
        assert_eq!(next(&mut state)[0], 3);
    }
}

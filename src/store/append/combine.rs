//! The append combiner: who may go into which batch, and who is told what.

use super::statement::{self, Outcome, Wait};
use super::{Job, Placed};
use crate::model::ids::MailboxId;
use crate::store::{Result, Store, StoreError};
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// Batches under way at once: more makes them smaller, fewer leaves the disk idle between flushes.
const BATCHES: usize = 2;
const MOST_MESSAGES: usize = 64;
const MOST_OCTETS: usize = 8 << 20;

#[derive(Default)]
pub(in crate::store) struct Combiner(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Mailboxes of the batches under way: their rows are locked, so nobody else asks for them.
    busy: HashSet<MailboxId>,
    running: usize,
}

struct Waiting {
    job: Job,
    answer: oneshot::Sender<Result<Vec<Placed>>>,
}

impl Combiner {
    pub(super) async fn submit(&self, store: &Store, job: Job) -> Result<Vec<Placed>> {
        let (answer, answered) = oneshot::channel();
        self.state().waiting.push_back(Waiting { job, answer });
        start(store);
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes what may run now: oldest first, none whose mailbox is in another batch.
    fn take(&mut self) -> Vec<Waiting> {
        if self.running >= BATCHES {
            return Vec::new();
        }
        let (mut batch, mut messages, mut octets) = (Vec::new(), 0, 0);
        let mut n = 0;
        // A mailbox that an older job waits for is not taken by a younger one.
        let mut passed: HashSet<MailboxId> = HashSet::new();
        while n < self.waiting.len() && messages < MOST_MESSAGES {
            let job = &self.waiting[n].job;
            let fits = batch.is_empty()
                || (messages + job.messages.len() <= MOST_MESSAGES && octets + job.octets() <= MOST_OCTETS);
            let free = job.messages.iter().all(|m| !self.busy.contains(&m.mailbox) && !passed.contains(&m.mailbox));
            if !fits || !free {
                passed.extend(job.messages.iter().map(|m| m.mailbox));
                n += 1;
                continue;
            }
            messages += job.messages.len();
            octets += job.octets();
            batch.extend(self.waiting.remove(n));
        }
        for waiting in &batch {
            self.busy.extend(waiting.job.messages.iter().map(|m| m.mailbox));
        }
        if !batch.is_empty() {
            self.running += 1;
        }
        batch
    }
}

/// Starts every batch that may run now, each in a task of its own: a caller who goes away does not take its batch along.
fn start(store: &Store) {
    loop {
        let batch = store.0.appends.state().take();
        if batch.is_empty() {
            return;
        }
        let store = store.clone();
        tokio::spawn(async move {
            let done = Done { store: &store, mailboxes: mailboxes(&batch) };
            run(&store, batch).await;
            drop(done);
            start(&store);
        });
    }
}

fn mailboxes(batch: &[Waiting]) -> Vec<MailboxId> {
    batch.iter().flat_map(|w| w.job.messages.iter().map(|m| m.mailbox)).collect()
}

/// Frees the batch's mailboxes however it ends.
struct Done<'a> {
    store: &'a Store,
    mailboxes: Vec<MailboxId>,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        let mut state = self.store.0.appends.state();
        for mailbox in &self.mailboxes {
            state.busy.remove(mailbox);
        }
        state.running -= 1;
    }
}

async fn run(store: &Store, batch: Vec<Waiting>) {
    let jobs: Vec<&Job> = batch.iter().map(|w| &w.job).collect();
    let mut answers: Vec<Option<Result<Vec<Placed>>>> = jobs.iter().map(|_| None).collect();
    let all: Vec<usize> = (0..jobs.len()).collect();
    if let Some(locked) = together(store, &jobs, &all, &mut answers).await {
        // Another process has some of the rows: those that are free go on, the others wait alone.
        let free = |n: &usize| jobs[*n].messages.iter().all(|m| locked.contains(&m.mailbox));
        let rest: Vec<usize> = all.iter().copied().filter(free).collect();
        if !rest.is_empty() {
            together(store, &jobs, &rest, &mut answers).await;
        }
    }
    for (job, answer) in jobs.iter().zip(&mut answers) {
        if answer.is_none() {
            *answer = Some(match attempt(store, &[job], Wait::Locks).await {
                Ok(Outcome::Placed(placed)) => Ok(placed.into_iter().flatten().collect()),
                Ok(Outcome::Locked(_)) => Err(statement::mailbox_gone()),
                Err(error) => Err(error),
            });
        }
    }
    for (waiting, answer) in batch.into_iter().zip(answers) {
        // The caller may be gone; its mail is committed all the same.
        let _ = waiting.answer.send(answer.unwrap_or_else(|| Err(statement::mailbox_gone())));
    }
}

/// Tries some of the jobs in one transaction and answers those; `Some`: nothing was done, these mailboxes were free.
/// What is still without an answer then is to be tried alone.
async fn together(
    store: &Store,
    jobs: &[&Job],
    which: &[usize],
    answers: &mut [Option<Result<Vec<Placed>>>],
) -> Option<HashSet<MailboxId>> {
    let some: Vec<&Job> = which.iter().map(|n| jobs[*n]).collect();
    match attempt(store, &some, Wait::Skip).await {
        Ok(Outcome::Placed(placed)) => {
            which.iter().zip(placed).for_each(|(n, placed)| answers[*n] = Some(Ok(placed)));
            None
        }
        Ok(Outcome::Locked(locked)) => Some(locked),
        // The database refused the batch for the sake of one of them. Where the connection was lost instead, the
        // commit may have been made: to try again would be to add twice.
        Err(error) if which.len() > 1 && error.is_rolled_back() => None,
        Err(error) => {
            let mut error = Some(error);
            for n in which {
                answers[*n] = Some(Err(error.take().unwrap_or_else(StoreError::lost_batch)));
            }
            None
        }
    }
}

async fn attempt(store: &Store, jobs: &[&Job], wait: Wait) -> Result<Outcome> {
    let ids = store.ids_take(jobs.iter().map(|j| j.messages.len()).sum()).await?;
    let batch = statement::Batch::of(jobs, &ids);
    let mut conn = store.0.batches.take().await?;
    let outcome = batch.run(wait, &mut conn).await?;
    conn.keep();
    if let Outcome::Placed(placed) = &outcome {
        store.hub().publish(&batch.events(placed));
    }
    Ok(outcome)
}

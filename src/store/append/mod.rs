//! Adding messages: one statement for a batch of them, and the combiner that makes the batches.
//!
//! Commits into one mailbox queue on its row, so whoever comes while a commit is under way joins the next one (no
//! timer); each caller still waits for its own commit.

mod combine;
mod statement;

pub(super) use combine::Combiner;
pub(super) use statement::STATEMENTS;

use super::blob::NewBlob;
use super::{Result, Store, Tx};
use crate::model::flags::SystemFlags;
use crate::model::ids::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Uid};
use chrono::{DateTime, Utc};
use std::sync::{Arc, Mutex, PoisonError};

/// One message for one mailbox. `blob` is shared by all copies of a job.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub account: AccountId,
    pub mailbox: MailboxId,
    /// Index into [`Job::blobs`].
    pub blob: usize,
    pub flags: SystemFlags,
    /// Ids of the owner's `keyword` rows, ascending.
    pub keywords: Vec<i16>,
    pub internal_at: DateTime<Utc>,
    /// Fields in front of the blob, CRLF at the end of each.
    pub prefix: Vec<u8>,
}

/// What is committed together or not at all: the copies of one message, or the messages of one MULTIAPPEND.
#[derive(Debug)]
pub struct Job {
    pub blobs: Vec<Arc<NewBlob>>,
    pub messages: Vec<NewMessage>,
    pub now: DateTime<Utc>,
}

/// Where a message of a job went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub mailbox: MailboxId,
    pub uidvalidity: u32,
    pub uid: Uid,
    pub modseq: ModSeq,
    pub blob: BlobId,
    pub email: EmailId,
    pub thread: ThreadId,
}

impl Job {
    fn octets(&self) -> usize {
        self.blobs.iter().map(|b| b.octets()).sum()
    }
}

impl Store {
    /// Commits the job, together with others that wait at the same time, and tells of it.
    ///
    /// One [`Placed`] per message, in order. Dropped half-way, the job is committed all the same.
    ///
    /// # Errors
    /// [`super::StoreError::Inconsistent`] if a mailbox is gone; a batch that fails is tried again job by job, so an
    /// error is the job's own.
    pub async fn messages_add(&self, job: Job) -> Result<Vec<Placed>> {
        self.0.appends.submit(self, job).await
    }
}

impl Tx {
    /// Adds the job's messages in this transaction (a submission that also queues).
    pub async fn messages_add(&mut self, store: &Store, job: &Job) -> Result<Vec<Placed>> {
        let ids = store.ids_take(job.messages.len()).await?;
        let batch = statement::Batch::of(&[job], &ids);
        let statement::Outcome::Placed(placed) = batch.run(statement::Wait::Locks, self.conn()).await? else {
            return Err(statement::mailbox_gone());
        };
        for event in batch.events(&placed) {
            self.tell(event);
        }
        Ok(placed.into_iter().flatten().collect())
    }
}

/// Numbers for `email` and `thread`, fetched by the thousand.
#[derive(Default)]
pub(super) struct IdBlock(Mutex<(i64, i64)>);

/// What `email_id` is advanced by at a time.
const BLOCK: i64 = 1000;

impl Store {
    async fn ids_take(&self, count: usize) -> Result<Vec<i64>> {
        let mut out = Vec::with_capacity(count);
        loop {
            {
                let mut block = self.0.ids.0.lock().unwrap_or_else(PoisonError::into_inner);
                while out.len() < count && block.0 < block.1 {
                    out.push(block.0);
                    block.0 += 1;
                }
            }
            if out.len() == count {
                return Ok(out);
            }
            let first = statement::id_block(self.write()).await?;
            *self.0.ids.0.lock().unwrap_or_else(PoisonError::into_inner) = (first, first + BLOCK);
        }
    }
}

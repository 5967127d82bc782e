//! What is done in the background: sweeping blobs nobody points to, forgetting what has had its time.

use super::{Base, Result};
use crate::model::ids::BlobId;
use chrono::TimeDelta;

/// Longest a blob without a reader stays: a transaction that is about to point to it ends long before (I10).
const IDLE: TimeDelta = TimeDelta::hours(24);
/// Blobs looked at in one transaction.
const BATCH: i64 = 500;

/// Keeps the house in order. Cheap to clone.
#[derive(Clone)]
pub struct Housekeeping {
    base: Base,
}

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Another process was at it.
    pub skipped: bool,
    pub blobs: u64,
    pub restorable: u64,
    pub mailboxes: u64,
}

impl Housekeeping {
    pub(crate) fn new(base: Base) -> Self {
        Self { base }
    }

    /// One round over everything; many short transactions.
    ///
    /// # Errors
    /// [`super::Refusal::Unavailable`]: the next round goes on.
    pub async fn round(&self) -> Result<Round> {
        let now = self.base.clock.now();
        let mut out = Round::default();
        let settings = &self.base.settings;
        let mut tx = self.base.store.begin_background().await?;
        if !tx.upkeep_lock().await? {
            return Ok(Round { skipped: true, ..out });
        }
        let expunged = now - settings.duration("retention.expunged");
        out.restorable = tx.restorable_purge(expunged).await?;
        out.mailboxes = tx.removed_mailboxes_purge(expunged).await?;
        tx.changes_prune(now - settings.duration("retention.changes")).await?;
        tx.commit().await?;
        self.base.store.login_failure_prune(now - settings.duration("login.window")).await?;
        let mut above = Some(BlobId(0));
        while let Some(from) = above {
            let mut tx = self.base.store.begin_background().await?;
            if !tx.upkeep_lock().await? {
                break;
            }
            let (gone, next) = tx.blob_sweep(now, IDLE, from, BATCH).await?;
            tx.commit().await?;
            out.blobs += gone;
            above = next;
        }
        Ok(out)
    }
}

//! What is done in the background: sweeping blobs nobody points to, forgetting what has had its time.

use super::{Base, Result};
use crate::model::ids::BlobId;
use crate::store::Tx;
use chrono::TimeDelta;

/// Longest a blob without a reader stays: a transaction that is about to point to it ends long before (I10). So long
/// drafts that were thrown away can be had back, and files wait for their draft.
const IDLE: TimeDelta = TimeDelta::hours(24);
/// Rows that go in one transaction.
const BATCH: i64 = 500;
/// Blobs looked at in one transaction: a few index probes each.
const SWEEP: i64 = 5000;

/// How long sign-ins are shown, and how many of each account, good and bad ones apart: no flood of tries drives out what
/// went well.
const SIGN_INS: TimeDelta = TimeDelta::days(90);
const SIGN_INS_EACH: i64 = 50;

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
    /// Drafts thrown away and files that belong to none.
    pub writing: u64,
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
        let expunged = now - settings.duration("retention.expunged");
        while let Some(mut tx) = self.begin(&mut out).await? {
            let gone = tx.restorable_purge(expunged, BATCH).await?;
            tx.commit().await?;
            out.restorable += gone;
            if gone == 0 {
                break;
            }
        }
        while let Some(mut tx) = self.begin(&mut out).await? {
            let gone = tx.removed_mailbox_purge(expunged).await?;
            tx.commit().await?;
            out.mailboxes += u64::from(gone);
            if !gone {
                break;
            }
        }
        while let Some(mut tx) = self.begin(&mut out).await? {
            let gone = tx.draft_sweep(now - IDLE, BATCH).await? + tx.upload_sweep(now - IDLE, BATCH).await?;
            tx.commit().await?;
            out.writing += gone;
            if gone == 0 {
                break;
            }
        }
        let changes = now - settings.duration("retention.changes");
        while let Some(mut tx) = self.begin(&mut out).await? {
            let more = tx.changes_prune(changes, BATCH).await?;
            tx.commit().await?;
            if !more {
                break;
            }
        }
        self.base.store.login_failure_prune(now - settings.duration("login.window")).await?;
        while self.base.store.session_purge(now, BATCH).await? == BATCH as u64 {}
        self.base.store.sign_in_prune(now - SIGN_INS, now - TimeDelta::days(1), SIGN_INS_EACH).await?;
        self.base.store.token_prune(now).await?;
        let mut above = BlobId(0);
        while let Some(mut tx) = self.begin(&mut out).await? {
            let (gone, next) = tx.blob_sweep(now, IDLE, above, SWEEP).await?;
            tx.commit().await?;
            out.blobs += gone;
            let Some(next) = next else { break };
            above = next;
        }
        Ok(out)
    }

    /// A transaction that has the upkeep to itself; `None`: another process is at it.
    async fn begin(&self, round: &mut Round) -> Result<Option<Tx>> {
        let mut tx = self.base.store.begin_background().await?;
        round.skipped = !tx.upkeep_lock().await?;
        Ok((!round.skipped).then_some(tx))
    }
}

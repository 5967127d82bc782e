//! Where a message is gathered while it is received: whole in memory, hashed as it comes, within a process-wide byte
//! budget and above a reserve of free disk space.

use super::settings::Settings;
use super::{Refusal, Result};
use crate::model::ids::BlobHash;
use aws_lc_rs::digest;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget is counted in pieces of this many octets.
const PIECE: u64 = 64 << 10;

/// Hands out [`Spool`]s. Cheap to clone.
#[derive(Clone)]
pub struct SpoolRoom {
    budget: Arc<Semaphore>,
    settings: Settings,
    full: Arc<AtomicBool>,
}

/// A message on its way in.
pub struct Spool {
    bytes: Vec<u8>,
    hash: digest::Context,
    permit: OwnedSemaphorePermit,
    limit: u64,
    room: SpoolRoom,
}

/// Budget for octets that are read whole for a while; dropping it gives it back.
pub struct Reserved(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

/// A message whole in memory with its SHA-256; dropping it gives its budget back.
pub struct Spooled {
    bytes: Vec<u8>,
    hash: BlobHash,
    _permit: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Spooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spooled({:?}, {} octets)", self.hash, self.bytes.len())
    }
}

impl SpoolRoom {
    /// `budget` octets for all messages that are being received.
    pub fn new(settings: Settings, budget: u64) -> Self {
        let pieces = usize::try_from(budget / PIECE).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { budget: Arc::new(Semaphore::new(pieces)), settings, full: Arc::default() }
    }

    /// Takes `expected` octets of the budget (0: unknown, taken as they come).
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] above the message size limit, [`Refusal::Busy`] without budget, [`Refusal::Full`] when
    /// free disk space is below the reserve.
    pub async fn begin(&self, expected: u64) -> Result<Spool> {
        let limit = self.message_limit();
        if expected > limit {
            return Err(Refusal::TooLarge(limit));
        }
        if self.full.load(Ordering::Relaxed) {
            return Err(Refusal::Full);
        }
        let permit = self.take(pieces(expected).max(1))?;
        Ok(Spool {
            bytes: Vec::with_capacity(expected.min(1 << 20) as usize),
            hash: digest::Context::new(&digest::SHA256),
            permit,
            limit,
            room: self.clone(),
        })
    }

    /// Takes budget for octets that are read whole, also when nothing new is taken for lack of disk.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub fn reserve(&self, octets: u64) -> Result<Reserved> {
        self.take(pieces(octets)).map(Reserved)
    }

    /// Largest message taken, in octets.
    pub fn message_limit(&self) -> u64 {
        self.settings.number("message.size")
    }

    /// Told by the watch over free disk space.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// Whether free disk space is below the reserve.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn take(&self, pieces: u32) -> Result<OwnedSemaphorePermit> {
        self.budget.clone().try_acquire_many_owned(pieces).map_err(|_| Refusal::Busy)
    }
}

fn pieces(octets: u64) -> u32 {
    u32::try_from(octets.div_ceil(PIECE)).unwrap_or(u32::MAX)
}

impl Spool {
    /// Adds octets.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] or [`Refusal::Busy`]: the caller drains the rest and refuses the message.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let size = self.bytes.len() as u64 + bytes.len() as u64;
        if size > self.limit {
            return Err(Refusal::TooLarge(self.limit));
        }
        let (want, have) = (pieces(size), self.permit.num_permits() as u32);
        if want > have {
            self.permit.merge(self.room.take(want - have)?);
        }
        self.hash.update(bytes);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Octets so far.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Nothing yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What is there so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The message is whole.
    pub fn finish(self) -> Spooled {
        Spooled { hash: to_hash(self.hash.finish()), bytes: self.bytes, _permit: self.permit }
    }
}

impl Spooled {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// SHA-256 of the octets.
    pub fn hash(&self) -> BlobHash {
        self.hash
    }
}

/// SHA-256 of octets at hand.
pub fn hash_of(bytes: &[u8]) -> BlobHash {
    to_hash(digest::digest(&digest::SHA256, bytes))
}

fn to_hash(digest: digest::Digest) -> BlobHash {
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    BlobHash(out)
}

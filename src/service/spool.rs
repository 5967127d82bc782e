//! Where a message is gathered while it is received: whole in memory, hashed as it comes, within a process-wide byte
//! budget and above a reserve of free disk space.

use super::settings::Settings;
use super::{Refusal, Result};
use crate::model::ids::BlobHash;
use crate::model::network::Network;
use aws_lc_rs::digest;
use bytes::Bytes;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget is counted in pieces of this many octets.
const PIECE: u64 = 64 << 10;

/// Strangers of one network hold at most this part of the budget (or one message of the largest size), and so do all
/// searches together: a few who send slowly, or look for much, shut out nobody else.
const SHARE: u32 = 4;

/// Hands out [`Spool`]s. Cheap to clone.
#[derive(Clone)]
pub struct SpoolRoom {
    budget: Arc<Semaphore>,
    /// Pieces of the whole budget.
    total: u32,
    /// Pieces of those who have no more than a share.
    held: Arc<Mutex<HashMap<Holder, u32>>>,
    settings: Settings,
    full: Arc<AtomicBool>,
}

/// A message on its way in.
pub struct Spool {
    bytes: Vec<u8>,
    hash: digest::Context,
    permit: OwnedSemaphorePermit,
    share: Option<Share>,
    limit: u64,
    room: SpoolRoom,
}

/// Who has no more than a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Strangers(Network),
    Searches,
}

/// What is held of a share; dropping it gives it back.
struct Share {
    held: Arc<Mutex<HashMap<Holder, u32>>>,
    holder: Holder,
    pieces: u32,
    most: u32,
}

impl Share {
    fn take(&mut self, pieces: u32) -> Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_holder = held.entry(self.holder).or_default();
        if of_holder.saturating_add(pieces) > self.most {
            return Err(Refusal::Busy);
        }
        *of_holder += pieces;
        self.pieces += pieces;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_holder) = held.get_mut(&self.holder) {
            *of_holder -= self.pieces;
            if *of_holder == 0 {
                held.remove(&self.holder);
            }
        }
    }
}

/// Budget for octets that are read whole for a while; dropping it gives it back.
pub struct Reserved {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// Octets and the budget for them.
struct Held<T> {
    octets: T,
    _budget: Reserved,
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        self.octets.as_ref()
    }
}

impl Reserved {
    /// The octets that it was taken for: it is given back with the last clone of them, wherever that may be by then.
    pub fn hold(self, octets: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Held { octets, _budget: self })
    }
}

/// A message whole in memory with its SHA-256; dropping it gives its budget back.
pub struct Spooled {
    bytes: Vec<u8>,
    hash: BlobHash,
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

impl std::fmt::Debug for Spooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spooled({:?}, {} octets)", self.hash, self.bytes.len())
    }
}

impl SpoolRoom {
    /// `budget` octets for all messages that are being received.
    pub fn new(settings: Settings, budget: u64) -> Self {
        let total = u32::try_from(budget / PIECE).unwrap_or(u32::MAX);
        let pieces = (total as usize).min(Semaphore::MAX_PERMITS);
        Self { budget: Arc::new(Semaphore::new(pieces)), total, held: Arc::default(), settings, full: Arc::default() }
    }

    /// Takes `expected` octets of the budget (0: unknown, taken as they come).
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] above the message size limit, [`Refusal::Busy`] without budget, [`Refusal::Full`] when
    /// free disk space is below the reserve.
    pub async fn begin(&self, expected: u64) -> Result<Spool> {
        self.begin_with(expected, None)
    }

    /// The same for somebody whom nobody knows, who gets no more than the share of that network.
    ///
    /// # Errors
    /// As [`SpoolRoom::begin`].
    pub async fn begin_for_stranger(&self, peer: IpAddr, expected: u64) -> Result<Spool> {
        self.begin_with(expected, Some(self.share(Holder::Strangers(Network::around(peer)))))
    }

    fn share(&self, holder: Holder) -> Share {
        let most = (self.total / SHARE).max(pieces(self.message_limit()));
        Share { held: self.held.clone(), holder, pieces: 0, most }
    }

    fn begin_with(&self, expected: u64, mut share: Option<Share>) -> Result<Spool> {
        let limit = self.message_limit();
        if expected > limit {
            return Err(Refusal::TooLarge(limit));
        }
        if self.full.load(Ordering::Relaxed) {
            return Err(Refusal::Full);
        }
        let want = pieces(expected).max(1);
        share.as_mut().map_or(Ok(()), |share| share.take(want))?;
        let permit = self.take(want)?;
        Ok(Spool {
            bytes: Vec::with_capacity(expected.min(1 << 20) as usize),
            hash: digest::Context::new(&digest::SHA256),
            permit,
            share,
            limit,
            room: self.clone(),
        })
    }

    /// Takes budget for octets that are read whole, also when nothing new is taken for lack of disk.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub fn reserve(&self, octets: u64) -> Result<Reserved> {
        Ok(Reserved { _permit: self.take(pieces(octets))?, _share: None })
    }

    /// The same for a search, which gets no more than the share of all searches.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub fn reserve_for_search(&self, octets: u64) -> Result<Reserved> {
        let (pieces, mut share) = (pieces(octets), self.share(Holder::Searches));
        share.take(pieces)?;
        Ok(Reserved { _permit: self.take(pieces)?, _share: Some(share) })
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
            self.share.as_mut().map_or(Ok(()), |share| share.take(want - have))?;
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
        Spooled { hash: to_hash(self.hash.finish()), bytes: self.bytes, _permit: self.permit, _share: self.share }
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

/// SHA-256 of octets that come in pieces.
pub(super) struct Hash(digest::Context);

impl Default for Hash {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl Hash {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> BlobHash {
        to_hash(self.0.finish())
    }
}

fn to_hash(digest: digest::Digest) -> BlobHash {
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    BlobHash(out)
}

//! What the house does, whoever asks. Every right, quota and rule is checked here; a service does not know how it
//! was asked (no wire, no net) and speaks to the store in short transactions.

pub mod account;
pub mod content;
pub mod delivery;
pub mod directory;
pub mod login;


pub mod password;

pub mod seal;

pub mod settings;

pub mod spool;


use crate::model::clock::Clock;
use crate::store::{Store, StoreError};
use std::sync::Arc;

/// What every service verb answers.
pub type Result<T> = std::result::Result<T, Refusal>;

/// Why a service did not do what it was asked. Each door has one map from this to its own words, without a `_` arm.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is none, or none that the asker may know of.
    #[error("not found")]
    NotFound,
    #[error("already exists")]
    Exists,
    /// The asker may know of it, but may not do this.
    #[error("not permitted")]
    Denied,
    /// Name or secret wrong, account suspended, protocol not in the password's scope: one answer for all.
    #[error("name or password is wrong")]
    WrongCredentials,
    /// Too many failures from here or for this account; try again later.
    #[error("too many failed attempts, try again later")]
    SlowDown,
    /// The session's credentials were changed or its account suspended: it must end.
    #[error("this session has ended")]
    Stale,
    #[error("over quota")]
    OverQuota,
    /// The message is larger than the limit, in bytes.
    #[error("message too large, the limit is {0} bytes")]
    TooLarge(u64),
    /// A limit of the house, in words.
    #[error("{0}")]
    Limit(&'static str),
    /// The request makes no sense; the words say what would.
    #[error("{0}")]
    Invalid(&'static str),
    /// A mailbox with children, an account in use: in words.
    #[error("{0}")]
    InUse(&'static str),
    #[error("opened read-only")]
    ReadOnly,
    /// Too much is being received at once (byte budget): try again soon.
    #[error("busy, try again soon")]
    Busy,
    /// Free space is below the reserve: nothing that adds data is taken.
    #[error("storage is full")]
    Full,
    /// The database is away: try again.
    #[error("temporarily unavailable")]
    Unavailable,
    /// A fault of ours; the cause is logged, never told.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => {
                tracing::warn!(error = %source, "the database did not answer");
                Self::Unavailable
            }
            StoreError::Full => Self::Full,
            StoreError::Exists(_) => Self::Exists,
            other => Self::Internal(other.into()),
        }
    }
}

/// All services, as doors get them. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub login: login::Login,
    pub accounts: account::Accounts,
    pub directory: directory::Directory,
    pub delivery: delivery::Delivery,
    pub settings: settings::Settings,
    pub spool: spool::SpoolRoom,
    pub store: Store,
}

/// What most services hold.
#[derive(Clone)]
pub(crate) struct Base {
    pub store: Store,
    pub clock: Clock,
    pub settings: settings::Settings,
    pub keys: Arc<seal::Keys>,
}

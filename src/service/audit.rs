//! Who did what, for whom, from where (I9): read by those who may.

use super::account::Actor;
use super::{Base, Result};
use crate::model::ids::{AccountId, AuditId};
pub use crate::store::audit::AuditEntry;
use crate::store::audit::AuditQuery;

/// Most rows of a page.
const MOST: i64 = 200;

/// Which acts.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those on one account.
    pub subject: Option<AccountId>,
    /// Beginning of the action, `account.` say; empty: all.
    pub action: String,
}

/// Newest first.
#[derive(Debug, Clone)]
pub struct Page {
    pub entries: Vec<AuditEntry>,
    /// What to ask on with; `None`: that was all.
    pub next: Option<AuditId>,
}

/// Reads the audit. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    base: Base,
}

impl Audit {
    pub(super) fn new(base: Base) -> Self {
        Self { base }
    }

    /// Acts older than the cursor: all for owners, for domain admins those on their domain and its addresses.
    ///
    /// # Errors
    /// [`Refusal::Denied`](super::Refusal::Denied) for everybody else.
    pub async fn page(&self, actor: &Actor, filter: &Filter, cursor: Option<AuditId>, limit: i64) -> Result<Page> {
        let limit = limit.clamp(1, MOST);
        let query = AuditQuery {
            domain: actor.domain()?.map(|(_, name)| name),
            subject: filter.subject,
            action: &filter.action,
            below: cursor,
        };
        let mut entries = self.base.store.audit_page(&query, limit + 1).await?;
        let more = entries.len() as i64 > limit;
        entries.truncate(limit as usize);
        let next = entries.last().filter(|_| more).map(|entry| entry.id);
        Ok(Page { entries, next })
    }
}

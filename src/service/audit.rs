//! Who did what, for whom, from where (I9): read by those who may.

use super::account::Actor;
use super::login::Identity;
use super::{Base, Result};
use crate::model::ids::{AccountId, AuditId};
pub use crate::store::audit::AuditEntry;
use crate::store::audit::{AuditQuery, Reader};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

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
    /// Their origin is empty where it is not the reader's to know.
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

    /// Acts older than the cursor: all for owners, for domain admins those on their domain and its addresses, without
    /// the origin of who is not among the people they look after.
    ///
    /// # Errors
    /// [`Refusal::Denied`](super::Refusal::Denied) for everybody else.
    pub async fn page(&self, actor: &Actor, filter: &Filter, cursor: Option<AuditId>, limit: i64) -> Result<Page> {
        let limit = limit.clamp(1, MOST);
        let roles: Vec<i16> = actor.gives().iter().map(|role| role.number()).collect();
        let reader = |(_, name)| Reader { account: actor.account, domain: name, roles: &roles };
        let query = AuditQuery {
            reader: actor.domain()?.map(reader),
            subject: filter.subject,
            action: &filter.action,
            below: cursor,
        };
        Ok(page(self.base.store.audit_page(&query, limit + 1).await?, limit))
    }

    /// What others did to a member's own account, older than the cursor. From where they did it is not the member's to
    /// know.
    pub async fn done_to(&self, who: &Identity, cursor: Option<AuditId>, limit: i64) -> Result<Page> {
        let limit = limit.clamp(1, MOST);
        Ok(page(self.base.store.audit_by_others(who.account(), cursor, limit + 1).await?, limit))
    }
}

/// Of rows of which one more than the limit was asked for.
fn page(mut entries: Vec<AuditEntry>, limit: i64) -> Page {
    let more = entries.len() as i64 > limit;
    entries.truncate(limit as usize);
    let next = entries.last().filter(|_| more).map(|entry| entry.id);
    Page { entries, next }
}

/// A time in `before` and `after` (RFC 3339).
pub(super) fn moment(at: DateTime<Utc>) -> Value {
    Value::String(at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

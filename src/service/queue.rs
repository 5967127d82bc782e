//! The queue as admins see it; the relay's part follows with the relay.

use super::account::Actor;
use super::{Base, Refusal, Result};
use crate::model::ids::QueueId;
use crate::store::audit::AuditRow;
use crate::store::queue::QueueRow;

/// Looks at and steers waiting mail. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    base: Base,
    #[expect(dead_code, reason = "names the reporting host in delivery reports")]
    hostname: String,
}

impl Queue {
    pub(crate) fn new(base: Base, hostname: String) -> Self {
        Self { base, hostname }
    }

    /// Recipients of one message, or of all.
    pub async fn list(&self, id: Option<QueueId>) -> Result<Vec<QueueRow>> {
        Ok(self.base.store.queue_list(id, self.base.clock.now()).await?)
    }

    /// Makes one message or all due now; how many recipients.
    pub async fn retry(&self, actor: &Actor, id: Option<QueueId>) -> Result<u64> {
        let now = self.base.clock.now();
        let mut tx = self.base.store.begin().await?;
        let count = tx.queue_retry(id, now).await?;
        self.audit_and_commit(tx, actor, "queue.retry", id).await?;
        Ok(count)
    }

    /// Holds a message until it is released.
    pub async fn hold(&self, actor: &Actor, id: QueueId) -> Result<()> {
        self.set_held(actor, id, true, "queue.hold").await
    }

    /// Lets a held message go on.
    pub async fn release(&self, actor: &Actor, id: QueueId) -> Result<()> {
        self.set_held(actor, id, false, "queue.release").await
    }

    async fn set_held(&self, actor: &Actor, id: QueueId, held: bool, action: &'static str) -> Result<()> {
        let mut tx = self.base.store.begin().await?;
        if !tx.queue_hold(id, held).await? {
            return Err(Refusal::NotFound);
        }
        self.audit_and_commit(tx, actor, action, Some(id)).await
    }

    /// Drops a message; its sender is not told.
    pub async fn drop_message(&self, actor: &Actor, id: QueueId) -> Result<()> {
        let mut tx = self.base.store.begin().await?;
        if !tx.queue_drop(id).await? {
            return Err(Refusal::NotFound);
        }
        self.audit_and_commit(tx, actor, "queue.drop", Some(id)).await
    }

    async fn audit_and_commit(
        &self,
        mut tx: crate::store::Tx,
        actor: &Actor,
        action: &'static str,
        id: Option<QueueId>,
    ) -> Result<()> {
        let name = id.map_or_else(|| "all".to_owned(), |id| id.to_string());
        let row = AuditRow {
            actor: actor.account,
            actor_name: &actor.name,
            origin: &actor.origin,
            action,
            subject: None,
            subject_name: &name,
            before: None,
            after: None,
        };
        tx.audit_add(&row, self.base.clock.now()).await?;
        Ok(tx.commit().await?)
    }
}

//! What came of a commit whose answer was lost.
//!
//! A connection that breaks after COMMIT was sent leaves two possibilities, and a client that is told "try again later"
//! would send again what is there. PostgreSQL keeps the fate of every transaction, also over a crash, and can be asked.

use super::sql::sql;
use super::{Result, Store, StoreError, Tx};
use std::time::Duration;

/// How long we try to learn it; whoever waits is then told that it failed.
pub(super) const SETTLE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);

sql! {
    OUTCOME_ID = "SELECT pg_current_xact_id()::text";
    OUTCOME = "SELECT pg_xact_status($1::text::xid8)";
}

impl Tx {
    /// [`Tx::commit`] for what would be done twice if the caller were wrongly told to try again: one round trip more.
    ///
    /// # Errors
    /// As [`Tx::commit`]; where the connection broke, only if nothing is committed or nothing can be learned for 30 s.
    pub async fn commit_for_certain(mut self, store: &Store) -> Result<()> {
        let (id,): (String,) = sqlx::query_as(OUTCOME_ID).fetch_one(self.conn()).await?;
        let Self { sql, hub, events } = self;
        if let Err(error) = sql.commit().await {
            let error = StoreError::from(error);
            if error.is_rolled_back() || !store.is_committed(&id).await {
                return Err(error);
            }
        }
        hub.publish(&events);
        Ok(())
    }
}

impl Store {
    /// Asks again and again until the database says that the transaction is over, or [`SETTLE`] is.
    async fn is_committed(&self, id: &str) -> bool {
        let asking = async {
            loop {
                match self.outcome(id).await.as_deref() {
                    Ok("committed") => return true,
                    // Its server process has not noticed yet that nobody listens, or the database is coming up.
                    Ok("in progress") | Err(_) => tokio::time::sleep(PAUSE).await,
                    Ok(_) => return false,
                }
            }
        };
        tokio::time::timeout(SETTLE, asking).await.unwrap_or(false)
    }

    async fn outcome(&self, id: &str) -> Result<String> {
        let (status,): (Option<String>,) = sqlx::query_as(OUTCOME).bind(id).fetch_one(self.write()).await?;
        Ok(status.unwrap_or_default())
    }
}

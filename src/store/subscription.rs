//! Subscribed names, also of mailboxes that do not exist (RFC 9051 §6.3.7).

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::event::Event;
use crate::model::ids::AccountId;

sql! {
    SUBSCRIPTION_LIST = "SELECT path FROM subscription WHERE account = $1 ORDER BY path";
    SUBSCRIPTION_ADD = "INSERT INTO subscription (account, path) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    SUBSCRIPTION_REMOVE = "DELETE FROM subscription WHERE account = $1 AND path = $2";
}

impl Store {
    /// Paths, levels divided by `/`.
    pub async fn subscription_list(&self, account: AccountId) -> Result<Vec<String>> {
        let rows: Vec<(String,)> = sqlx::query_as(SUBSCRIPTION_LIST).bind(account).fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(|(path,)| path).collect())
    }
}

impl Tx {
    pub async fn subscription_add(&mut self, account: AccountId, path: &str) -> Result<()> {
        sqlx::query(SUBSCRIPTION_ADD).bind(account).bind(path).execute(self.conn()).await?;
        self.tell(Event::SubscriptionsChanged { account });
        Ok(())
    }

    pub async fn subscription_remove(&mut self, account: AccountId, path: &str) -> Result<()> {
        sqlx::query(SUBSCRIPTION_REMOVE).bind(account).bind(path).execute(self.conn()).await?;
        self.tell(Event::SubscriptionsChanged { account });
        Ok(())
    }
}

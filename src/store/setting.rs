//! Settings that differ from their defaults.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::event::Event;
use chrono::{DateTime, Utc};

sql! {
    SETTING_LIST = "SELECT name, value FROM setting";
    SETTING_SET = "
        INSERT INTO setting (name, value, changed_at, changed_by) VALUES ($1, $2, $3, $4)
        ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value, changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by";
    SETTING_GET = "SELECT value FROM setting WHERE name = $1 FOR UPDATE";
    SETTING_RESET = "DELETE FROM setting WHERE name = $1";
}

impl Store {
    /// Every stored value by name.
    pub async fn setting_list(&self) -> Result<Vec<(String, serde_json::Value)>> {
        Ok(sqlx::query_as(SETTING_LIST).fetch_all(self.read()).await?)
    }
}

impl Tx {
    /// The stored value, kept so till the commit; `None`: the default.
    pub async fn setting_get(&mut self, name: &str) -> Result<Option<serde_json::Value>> {
        let row: Option<(serde_json::Value,)> =
            sqlx::query_as(SETTING_GET).bind(name).fetch_optional(self.conn()).await?;
        Ok(row.map(|(value,)| value))
    }

    pub async fn setting_set(
        &mut self,
        name: &str,
        value: &serde_json::Value,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        sqlx::query(SETTING_SET).bind(name).bind(value).bind(now).bind(by).execute(self.conn()).await?;
        self.tell(Event::SettingsChanged);
        Ok(())
    }

    pub async fn setting_reset(&mut self, name: &str) -> Result<()> {
        sqlx::query(SETTING_RESET).bind(name).execute(self.conn()).await?;
        self.tell(Event::SettingsChanged);
        Ok(())
    }
}

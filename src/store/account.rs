//! Accounts and the addresses that lead to them.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::address::fold_local;
use crate::model::event::Event;
use crate::model::ids::{AccountId, DomainId};
use chrono::{DateTime, Utc};
use sqlx::Row as _;

macro_rules! account_columns {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.domain, a.local, d.name, a.name, a.kind, a.role, a.status, a.generation, a.quota_bytes,
                a.quota_messages, a.created_at FROM account a JOIN domain d ON d.id = a.domain ",
            $rest
        )
    };
}

macro_rules! alias_columns {
    ($rest:literal) => {
        concat!(
            "SELECT s.local, d.name, s.enabled,
                ARRAY(SELECT COALESCE(t.remote, a.local || '@' || ad.name) FROM address_target t
                    LEFT JOIN account a ON a.id = t.account LEFT JOIN domain ad ON ad.id = a.domain
                    WHERE t.address = s.id ORDER BY t.n),
                (SELECT a.local || '@' || ad.name FROM account a JOIN domain ad ON ad.id = a.domain WHERE a.id = s.account),
                s.account
            FROM address s JOIN domain d ON d.id = s.domain ",
            $rest
        )
    };
}

sql! {
    ACCOUNT_LIST = account_columns!("WHERE $1::text IS NULL OR d.name = $1 ORDER BY d.name, a.local");
    ACCOUNT_GET = account_columns!("WHERE a.id = $1");
    ACCOUNT_FIND = account_columns!("WHERE d.name = $1 AND a.local = $2");
    /// Those who act and who are acted on, and with `$2` all owners: one statement, so that they are locked in order and
    /// two acts never wait for one another.
    ACCOUNT_HOLD = account_columns!("WHERE a.id = ANY($1) OR ($2 AND a.role = 3) ORDER BY a.id FOR NO KEY UPDATE OF a");
    ACCOUNT_ADD = "
        INSERT INTO account (domain, local, name, name_key, kind, role, quota_bytes, uidvalidity_last, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
    ACCOUNT_STATUS = "UPDATE account SET status = $2, generation = generation + 1 WHERE id = $1";
    ACCOUNT_GENERATION = "UPDATE account SET generation = generation + 1 WHERE id = $1";
    /// By the member's own hand: nothing, if the session it comes from has ended meanwhile.
    ACCOUNT_RENEW = "
        UPDATE account SET generation = generation + 1 WHERE id = $1 AND generation = $2 AND status = 0
        RETURNING generation";
    /// With the row's lock: nobody sets one meanwhile.
    ACCOUNT_HAS_PASSWORD = "
        SELECT EXISTS (SELECT 1 FROM credential WHERE account = a.id AND kind = 1) FROM account a WHERE id = $1 FOR NO KEY UPDATE";
    ACCOUNT_RENAME = "UPDATE account SET name = $2, name_key = $3 WHERE id = $1";
    /// Rights hang on it, and sessions know it: they end.
    ACCOUNT_ROLE = "UPDATE account SET role = $2, generation = generation + 1 WHERE id = $1";
    /// Owners who can sign in.
    OWNERS_ABLE = "
        SELECT id FROM account a WHERE role = 3 AND status = 0
            AND EXISTS (SELECT 1 FROM credential WHERE account = a.id AND kind = 1)";
    ACCOUNT_QUOTA = "UPDATE account SET quota_bytes = $2 WHERE id = $1";
    ACCOUNT_LOCK = "SELECT id FROM account WHERE id = $1 FOR UPDATE";
    /// Deliveries under way end before their mail is looked for, and later ones find no mailbox.
    ACCOUNT_LOCK_MAILBOXES = "SELECT id FROM mailbox WHERE account = $1 ORDER BY id FOR UPDATE";
    /// Everything of an account; blobs are left to the sweeper, which does not know of files that are still coming.
    ACCOUNT_REMOVE_MAIL = "
        WITH boxes AS (SELECT id FROM mailbox WHERE account = $1),
        mail AS (DELETE FROM message USING boxes WHERE message.mailbox = boxes.id),
        kept AS (DELETE FROM restorable WHERE account = $1),
        changes AS (DELETE FROM mailbox_change USING boxes WHERE mailbox_change.mailbox = boxes.id),
        files AS (DELETE FROM upload WHERE account = $1 RETURNING blob, whole),
        chunks AS (DELETE FROM blob_chunk USING files WHERE blob_chunk.blob = files.blob AND NOT files.whole)
        DELETE FROM thread_ref WHERE account = $1";
    ACCOUNT_REMOVE_TREE = "DELETE FROM mailbox WHERE account = $1";
    ACCOUNT_REMOVE = "DELETE FROM account WHERE id = $1";
    ADDRESS_ADD = "
        INSERT INTO address (domain, local, account, is_primary, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id";
    ADDRESS_TARGET_ADD = "INSERT INTO address_target (address, n, account, remote) VALUES ($1, $2, $3, $4)";
    ADDRESS_REMOVE = "DELETE FROM address WHERE domain = $1 AND local = $2 AND NOT is_primary";
    ALIAS_LIST = alias_columns!("WHERE NOT s.is_primary ORDER BY d.name, s.local");
    ALIAS_FIND = alias_columns!("WHERE NOT s.is_primary AND s.domain = $1 AND s.local = $2");
    ALIAS_HOLD = alias_columns!("WHERE NOT s.is_primary AND s.domain = $1 AND s.local = $2 FOR UPDATE OF s");
}

/// A row of `account` with its domain's name.
#[derive(Debug, Clone)]
pub struct AccountRow {
    pub id: AccountId,
    pub domain: DomainId,
    pub local: String,
    pub domain_name: String,
    pub name: String,
    pub kind: i16,
    pub role: i16,
    pub status: i16,
    pub generation: i64,
    pub quota_bytes: Option<u64>,
    pub quota_messages: Option<u64>,
    pub created_at: DateTime<Utc>,
}

/// What a new account starts with.
#[derive(Debug, Clone)]
pub struct NewAccount<'a> {
    pub domain: DomainId,
    pub local: &'a str,
    pub name: &'a str,
    pub kind: i16,
    pub role: i16,
    pub quota_bytes: Option<u64>,
}

/// An alias or a further address of an account.
#[derive(Debug, Clone)]
pub struct AliasRow {
    pub local: String,
    pub domain: String,
    pub enabled: bool,
    pub targets: Vec<String>,
    pub account: Option<String>,
    /// Whose further address it is.
    pub owner: Option<AccountId>,
}

type Alias = (String, String, bool, Vec<String>, Option<String>, Option<AccountId>);

fn alias_row((local, domain, enabled, targets, account, owner): Alias) -> AliasRow {
    AliasRow { local, domain, enabled, targets, account, owner }
}

fn account_row(row: &sqlx::postgres::PgRow) -> Result<AccountRow> {
    Ok(AccountRow {
        id: row.try_get(0)?,
        domain: row.try_get(1)?,
        local: row.try_get(2)?,
        domain_name: row.try_get(3)?,
        name: row.try_get(4)?,
        kind: row.try_get(5)?,
        role: row.try_get(6)?,
        status: row.try_get(7)?,
        generation: row.try_get(8)?,
        quota_bytes: row.try_get::<Option<i64>, _>(9)?.map(|n| n as u64),
        quota_messages: row.try_get::<Option<i64>, _>(10)?.map(|n| n as u64),
        created_at: row.try_get(11)?,
    })
}

impl Store {
    /// Accounts by address, of one domain or of all.
    pub async fn account_list(&self, domain: Option<&str>) -> Result<Vec<AccountRow>> {
        sqlx::query(ACCOUNT_LIST).bind(domain).fetch_all(self.read()).await?.iter().map(account_row).collect()
    }

    pub async fn account_get(&self, id: AccountId) -> Result<Option<AccountRow>> {
        sqlx::query(ACCOUNT_GET).bind(id).fetch_optional(self.read()).await?.as_ref().map(account_row).transpose()
    }

    /// The account whose main address this is; `local` folded.
    pub async fn account_find(&self, domain: &str, local: &str) -> Result<Option<AccountRow>> {
        let row = sqlx::query(ACCOUNT_FIND).bind(domain).bind(local).fetch_optional(self.read()).await?;
        row.as_ref().map(account_row).transpose()
    }

    /// Aliases and further addresses of all domains.
    pub async fn alias_list(&self) -> Result<Vec<AliasRow>> {
        let rows: Vec<Alias> = sqlx::query_as(ALIAS_LIST).fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(alias_row).collect())
    }

    /// One of them; `local` folded.
    pub async fn alias_find(&self, domain: DomainId, local: &str) -> Result<Option<AliasRow>> {
        let row = sqlx::query_as(ALIAS_FIND).bind(domain).bind(local).fetch_optional(self.read()).await?;
        Ok(row.map(alias_row))
    }
}

impl Tx {
    /// Adds an account and its main address.
    ///
    /// # Errors
    /// [`super::StoreError::Exists`] if an account or an alias has that address.
    pub async fn account_add(&mut self, new: &NewAccount<'_>, now: DateTime<Utc>) -> Result<AccountId> {
        let (id,): (AccountId,) = sqlx::query_as(ACCOUNT_ADD)
            .bind(new.domain)
            .bind(new.local)
            .bind(new.name)
            .bind(fold_local(new.name))
            .bind(new.kind)
            .bind(new.role)
            .bind(new.quota_bytes.map(|n| n as i64))
            .bind(now.timestamp())
            .bind(now)
            .fetch_one(self.conn())
            .await?;
        self.address_add(new.domain, new.local, Some((id, true)), now).await?;
        Ok(id)
    }

    /// Adds an address: of an account (main or further), or of an alias whose targets follow.
    pub async fn address_add(
        &mut self,
        domain: DomainId,
        local: &str,
        account: Option<(AccountId, bool)>,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        let (id,): (i64,) = sqlx::query_as(ADDRESS_ADD)
            .bind(domain)
            .bind(local)
            .bind(account.map(|(id, _)| id))
            .bind(account.is_some_and(|(_, primary)| primary))
            .bind(now)
            .fetch_one(self.conn())
            .await?;
        Ok(id)
    }

    /// Adds the `n`th target of an alias: an account here or an address elsewhere.
    pub async fn address_target_add(
        &mut self,
        address: i64,
        n: i16,
        account: Option<AccountId>,
        remote: Option<&str>,
    ) -> Result<()> {
        sqlx::query(ADDRESS_TARGET_ADD).bind(address).bind(n).bind(account).bind(remote).execute(self.conn()).await?;
        Ok(())
    }

    /// Removes an alias or further address; whether there was one.
    pub async fn address_remove(&mut self, domain: DomainId, local: &str) -> Result<bool> {
        let done = sqlx::query(ADDRESS_REMOVE).bind(domain).bind(local).execute(self.conn()).await?;
        Ok(done.rows_affected() > 0)
    }

    /// 0 active, 1 suspended; ends all sessions.
    pub async fn account_status(&mut self, id: AccountId, status: i16) -> Result<()> {
        sqlx::query(ACCOUNT_STATUS).bind(id).bind(status).execute(self.conn()).await?;
        self.tell(Event::CredentialsChanged { account: id });
        Ok(())
    }

    /// Raises the credential generation (I7).
    pub async fn account_generation_raise(&mut self, id: AccountId) -> Result<()> {
        sqlx::query(ACCOUNT_GENERATION).bind(id).execute(self.conn()).await?;
        self.tell(Event::CredentialsChanged { account: id });
        Ok(())
    }

    /// Raises the generation for a session of this one; the new one, or `None` if the session has ended.
    pub async fn account_renew(&mut self, id: AccountId, generation: i64) -> Result<Option<i64>> {
        let row: Option<(i64,)> =
            sqlx::query_as(ACCOUNT_RENEW).bind(id).bind(generation).fetch_optional(self.conn()).await?;
        self.tell(Event::CredentialsChanged { account: id });
        Ok(row.map(|(generation,)| generation))
    }

    /// Whether an account has its main password, kept so till the commit.
    pub async fn account_has_password(&mut self, id: AccountId) -> Result<bool> {
        let row: Option<(bool,)> = sqlx::query_as(ACCOUNT_HAS_PASSWORD).bind(id).fetch_optional(self.conn()).await?;
        Ok(row.is_some_and(|(has,)| has))
    }

    pub async fn account_rename(&mut self, id: AccountId, name: &str) -> Result<()> {
        sqlx::query(ACCOUNT_RENAME).bind(id).bind(name).bind(fold_local(name)).execute(self.conn()).await?;
        Ok(())
    }

    /// Gives an account another role; ends its sessions.
    pub async fn account_role(&mut self, id: AccountId, role: i16) -> Result<()> {
        sqlx::query(ACCOUNT_ROLE).bind(id).bind(role).execute(self.conn()).await?;
        self.tell(Event::CredentialsChanged { account: id });
        Ok(())
    }

    /// Accounts as they are, kept so till the commit; with `owners` every owner too, for a transaction that may end with
    /// one fewer. The first lock of its transaction.
    pub async fn account_hold(&mut self, ids: &[AccountId], owners: bool) -> Result<Vec<AccountRow>> {
        let rows = sqlx::query(ACCOUNT_HOLD).bind(ids).bind(owners).fetch_all(self.conn()).await?;
        rows.iter().map(account_row).collect()
    }

    /// Owners who can sign in; they are so till the commit where all were held.
    pub async fn owners_able(&mut self) -> Result<Vec<AccountId>> {
        let rows: Vec<(AccountId,)> = sqlx::query_as(OWNERS_ABLE).fetch_all(self.conn()).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// An alias as it is, kept so till the commit; `local` folded.
    pub async fn alias_hold(&mut self, domain: DomainId, local: &str) -> Result<Option<AliasRow>> {
        let row = sqlx::query_as(ALIAS_HOLD).bind(domain).bind(local).fetch_optional(self.conn()).await?;
        Ok(row.map(alias_row))
    }

    pub async fn account_quota(&mut self, id: AccountId, bytes: Option<u64>) -> Result<()> {
        sqlx::query(ACCOUNT_QUOTA).bind(id).bind(bytes.map(|n| n as i64)).execute(self.conn()).await?;
        Ok(())
    }

    /// Removes the account and all its mail.
    pub async fn account_remove(&mut self, id: AccountId) -> Result<()> {
        for statement in
            [ACCOUNT_LOCK, ACCOUNT_LOCK_MAILBOXES, ACCOUNT_REMOVE_MAIL, ACCOUNT_REMOVE_TREE, ACCOUNT_REMOVE]
        {
            sqlx::query(statement).bind(id).execute(self.conn()).await?;
        }
        self.tell(Event::CredentialsChanged { account: id });
        Ok(())
    }
}

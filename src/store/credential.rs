//! Sealed passwords and verifiers, the salts they share, and the count of failed sign-ins.

use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::AccountId;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row as _;
use std::net::IpAddr;

sql! {
    /// A sign-in by completed address: the account of a main or further address, and all that proves it.
    LOGIN_LOOKUP = "
        SELECT a.id, a.generation, a.status, a.name, a.local, d2.name, a.role,
            ARRAY(SELECT c.id FROM credential c WHERE c.account = a.id AND (c.expires_at IS NULL OR c.expires_at > $3) ORDER BY c.id),
            ARRAY(SELECT c.kind FROM credential c WHERE c.account = a.id AND (c.expires_at IS NULL OR c.expires_at > $3) ORDER BY c.id),
            ARRAY(SELECT c.sealed FROM credential c WHERE c.account = a.id AND (c.expires_at IS NULL OR c.expires_at > $3) ORDER BY c.id),
            ARRAY(SELECT COALESCE(c.protocols, -1) FROM credential c WHERE c.account = a.id AND (c.expires_at IS NULL OR c.expires_at > $3) ORDER BY c.id),
            ARRAY(SELECT COALESCE(c.app, -1) FROM credential c WHERE c.account = a.id AND (c.expires_at IS NULL OR c.expires_at > $3) ORDER BY c.id)
        FROM address s JOIN domain d ON d.id = s.domain JOIN account a ON a.id = s.account
        JOIN domain d2 ON d2.id = a.domain
        WHERE d.name = $1 AND s.local = $2 AND s.enabled AND (s.expires_at IS NULL OR s.expires_at > $3)";
    SALT = "SELECT salt, iterations FROM scram_salt WHERE account = $1 AND mechanism = $2";
    SALT_ADD = "
        INSERT INTO scram_salt (account, mechanism, salt, iterations) VALUES ($1, $2, $3, $4)
        ON CONFLICT (account, mechanism) DO UPDATE SET salt = scram_salt.salt RETURNING salt, iterations";
    CREDENTIAL_ADD = "
        INSERT INTO credential (account, kind, app, label, sealed, protocols, expires_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
    /// The main password and its verifiers, and a seed that somebody who knew the old password may have begun with; app
    /// passwords stay.
    CREDENTIAL_REMOVE_MAIN = "DELETE FROM credential WHERE account = $1 AND kind IN (1, 2, 3, 7) AND app IS NULL
        RETURNING kind, created_at";
    /// Not at every reconnection of a client that comes once a minute.
    CREDENTIAL_USED = "
        UPDATE credential SET last_used_at = $2, last_used_from = $3::text::inet
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2::timestamptz - interval '5 minutes' OR last_used_from IS DISTINCT FROM $3::text::inet)";
    CREDENTIAL_PAGE = "SELECT id, kind, sealed FROM credential WHERE id > $1 ORDER BY id LIMIT 500 FOR UPDATE";
    CREDENTIAL_RESEAL = "UPDATE credential SET sealed = $2 WHERE id = $1";
    SEAL_KEYS = "SELECT id, proof FROM seal_key ORDER BY created_at";
    SEAL_KEY_ADD = "INSERT INTO seal_key (id, proof, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    SEAL_KEY_REMOVE = "DELETE FROM seal_key WHERE id <> $1";
    HOUSE_SECRET_ADD = "
        INSERT INTO house_secret (name, sealed) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET sealed = house_secret.sealed RETURNING sealed";
    HOUSE_SECRETS = "SELECT name, sealed FROM house_secret ORDER BY name FOR UPDATE";
    HOUSE_SECRET_RESEAL = "UPDATE house_secret SET sealed = $2 WHERE name = $1";
    FAILURES = "
        SELECT subject, CASE WHEN last_at < $2 THEN 0 ELSE count END, last_at FROM login_failure WHERE subject = ANY($1)";
    /// Takes a try of each subject that has one left of its `$4`, before it is known what comes of it, so that a thousand
    /// at once are not a thousand tries; none at all where one that `must` have one has none. When the last one failed
    /// is not touched: what succeeds does not keep old failures alive.
    TRY = "
        WITH asked AS (SELECT * FROM unnest($1::text[], $4::int[], $5::bool[]) AS t (subject, most, must)),
        shut AS (
            SELECT FROM asked JOIN login_failure f USING (subject) WHERE must AND f.count >= most AND f.last_at >= $3
        )
        INSERT INTO login_failure (subject, count, since, last_at)
        SELECT subject, 1, $2, $2 FROM asked WHERE NOT EXISTS (SELECT FROM shut) ORDER BY subject
        ON CONFLICT (subject) DO UPDATE SET
            count = CASE WHEN login_failure.last_at < $3 THEN 1 ELSE login_failure.count + 1 END,
            since = CASE WHEN login_failure.last_at < $3 THEN $2 ELSE login_failure.since END,
            last_at = CASE WHEN login_failure.last_at < $3 THEN $2 ELSE login_failure.last_at END
        WHERE login_failure.last_at < $3
            OR login_failure.count < (SELECT most FROM asked WHERE asked.subject = login_failure.subject)
        RETURNING subject";
    /// Gives a try back, and all of them to subject `$2`.
    TRY_BACK = "
        WITH held AS (SELECT subject FROM login_failure WHERE subject = ANY($1) ORDER BY subject FOR UPDATE)
        UPDATE login_failure f SET count = CASE WHEN f.subject = $2 THEN 0 ELSE greatest(f.count - 1, 0) END
        FROM held WHERE f.subject = held.subject";
    /// With the row that the member is shown, if the name is an account's: one statement and one commit whether or not.
    /// `$8` is 0 where a try was taken before.
    FAILURE_ADD = "
        WITH shown AS (
            INSERT INTO sign_in (account, at, protocol, peer, agent, ok)
            SELECT id, $2, $5, $6::text::inet, $7, false FROM account WHERE id = $4
        )
        INSERT INTO login_failure (subject, count, since, last_at)
        SELECT s, 1, $2, $2 FROM unnest($1::text[]) s ORDER BY s
        ON CONFLICT (subject) DO UPDATE SET last_at = $2,
            count = CASE WHEN login_failure.last_at < $3 THEN 1 ELSE login_failure.count + $8 END,
            since = CASE WHEN login_failure.last_at < $3 THEN $2 ELSE login_failure.since END";
    /// Takes one of `$4` tries, unless they are used up: counted before it is known what comes of it, so that a hundred at
    /// once are not a hundred tries.
    TRIAL = "
        INSERT INTO login_failure (subject, count, since, last_at) VALUES ($1, 1, $2, $2)
        ON CONFLICT (subject) DO UPDATE SET last_at = $2,
            count = CASE WHEN login_failure.last_at < $3 THEN 1 ELSE login_failure.count + 1 END,
            since = CASE WHEN login_failure.last_at < $3 THEN $2 ELSE login_failure.since END
        WHERE login_failure.count < $4 OR login_failure.last_at < $3 RETURNING count";
    FAILURE_CLEAR = "DELETE FROM login_failure WHERE subject = $1";
    FAILURE_PRUNE = "DELETE FROM login_failure WHERE last_at < $1";
}

/// `credential.kind`.
pub mod kind {
    pub const PASSWORD: i16 = 1;
    pub const SCRAM_SHA_256: i16 = 2;
    pub const SCRAM_SHA_1: i16 = 3;
    pub const APP_PASSWORD: i16 = 4;
    pub const TOTP: i16 = 5;
    pub const RECOVERY: i16 = 6;
    pub const TOTP_BEGUN: i16 = 7;
}

/// An account and what proves it.
#[derive(Debug, Clone)]
pub struct LoginRow {
    pub account: AccountId,
    pub generation: i64,
    pub status: i16,
    pub role: i16,
    pub name: String,
    /// The main address.
    pub local: String,
    pub domain: String,
    pub credentials: Vec<CredentialRow>,
}

/// A credential, still sealed.
#[derive(Debug, Clone)]
pub struct CredentialRow {
    pub id: i64,
    pub kind: i16,
    pub sealed: Vec<u8>,
    /// Bit set of doors; `None`: all.
    pub protocols: Option<i32>,
    /// The app password that a verifier belongs to.
    pub app: Option<i64>,
}

/// How many tries a subject has within the window.
#[derive(Debug)]
pub struct Allowance {
    pub subject: String,
    pub most: u64,
    /// Without one left nobody may try.
    pub must: bool,
}

/// When a failure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Now,
    /// When its try was taken.
    Before,
}

/// A failed sign-in as the member is shown it.
#[derive(Debug)]
pub struct Tried<'a> {
    /// Nobody's id where there is no such account.
    pub account: AccountId,
    pub protocol: i16,
    pub peer: IpAddr,
    pub agent: &'a str,
}

/// A credential to be added.
#[derive(Debug)]
pub struct NewCredential<'a> {
    pub kind: i16,
    pub app: Option<i64>,
    pub label: &'a str,
    pub sealed: &'a [u8],
    pub protocols: Option<i32>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Who signs in as `local@domain` (folded). One statement whether or not there is such an address.
    pub async fn login_lookup(&self, domain: &str, local: &str, now: DateTime<Utc>) -> Result<Option<LoginRow>> {
        let row = sqlx::query(LOGIN_LOOKUP).bind(domain).bind(local).bind(now).fetch_optional(self.read()).await?;
        let Some(row) = row else { return Ok(None) };
        let ids: Vec<i64> = row.try_get(7)?;
        let kinds: Vec<i16> = row.try_get(8)?;
        let sealed: Vec<Vec<u8>> = row.try_get(9)?;
        let protocols: Vec<i32> = row.try_get(10)?;
        let apps: Vec<i64> = row.try_get(11)?;
        let credentials = ids
            .into_iter()
            .zip(kinds)
            .zip(sealed.into_iter().zip(protocols.into_iter().zip(apps)))
            .map(|((id, kind), (sealed, (bits, app)))| CredentialRow {
                id,
                kind,
                sealed,
                protocols: (bits >= 0).then_some(bits),
                app: (app >= 0).then_some(app),
            })
            .collect();
        Ok(Some(LoginRow {
            account: row.try_get(0)?,
            generation: row.try_get(1)?,
            status: row.try_get(2)?,
            role: row.try_get(6)?,
            name: row.try_get(3)?,
            local: row.try_get(4)?,
            domain: row.try_get(5)?,
            credentials,
        }))
    }

    /// Salt and iteration count of an account's mechanism.
    pub async fn scram_salt(&self, account: AccountId, mechanism: i16) -> Result<Option<(Vec<u8>, u32)>> {
        let row: Option<(Vec<u8>, i32)> =
            sqlx::query_as(SALT).bind(account).bind(mechanism).fetch_optional(self.read()).await?;
        Ok(row.map(|(salt, n)| (salt, n as u32)))
    }

    /// Failed sign-ins of each subject since `window` before, and when the last was; subjects without any are missing.
    pub async fn login_failures(
        &self,
        subjects: &[String],
        now: DateTime<Utc>,
        window: TimeDelta,
    ) -> Result<Vec<(String, u32, DateTime<Utc>)>> {
        let rows: Vec<(String, i32, DateTime<Utc>)> =
            sqlx::query_as(FAILURES).bind(subjects).bind(now - window).fetch_all(self.read()).await?;
        Ok(rows.into_iter().map(|(subject, count, at)| (subject, count as u32, at)).collect())
    }

    /// Takes a try of each subject within the window; answers those that were taken. Where one that must have a try has
    /// none left, none is taken of any, but for what others take at this moment.
    pub async fn login_try(&self, asked: &[Allowance], now: DateTime<Utc>, window: TimeDelta) -> Result<Vec<String>> {
        let subjects: Vec<&str> = asked.iter().map(|asked| asked.subject.as_str()).collect();
        let most: Vec<i32> = asked.iter().map(|asked| i32::try_from(asked.most).unwrap_or(i32::MAX)).collect();
        let must: Vec<bool> = asked.iter().map(|asked| asked.must).collect();
        let rows: Vec<(String,)> = sqlx::query_as(TRY)
            .bind(subjects)
            .bind(now)
            .bind(now - window)
            .bind(most)
            .bind(must)
            .fetch_all(self.write())
            .await?;
        Ok(rows.into_iter().map(|(subject,)| subject).collect())
    }

    /// Gives one try back to each subject, and all of its tries to `forgiven`, if it is one of them.
    pub async fn login_try_back(&self, subjects: &[String], forgiven: &str) -> Result<()> {
        sqlx::query(TRY_BACK).bind(subjects).bind(forgiven).execute(self.write()).await?;
        Ok(())
    }

    /// Counts one failure for each subject, unless its try was taken before, and notes it for the account that was named.
    pub async fn login_failure_add(
        &self,
        subjects: &[String],
        counted: Counted,
        tried: &Tried<'_>,
        now: DateTime<Utc>,
        window: TimeDelta,
    ) -> Result<()> {
        sqlx::query(FAILURE_ADD)
            .bind(subjects)
            .bind(now)
            .bind(now - window)
            .bind(tried.account)
            .bind(tried.protocol)
            .bind(tried.peer.to_string())
            .bind(tried.agent)
            .bind(i32::from(counted == Counted::Now))
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// Takes one of `most` tries within the window; whether there was one left.
    pub async fn login_trial(&self, subject: &str, most: u32, now: DateTime<Utc>, window: TimeDelta) -> Result<bool> {
        let row: Option<(i32,)> = sqlx::query_as(TRIAL)
            .bind(subject)
            .bind(now)
            .bind(now - window)
            .bind(most as i32)
            .fetch_optional(self.write())
            .await?;
        Ok(row.is_some())
    }

    /// Forgets a subject's failures after a success.
    pub async fn login_failure_clear(&self, subject: &str) -> Result<()> {
        sqlx::query(FAILURE_CLEAR).bind(subject).execute(self.write()).await?;
        Ok(())
    }

    /// Forgets failures before `before`.
    pub async fn login_failure_prune(&self, before: DateTime<Utc>) -> Result<()> {
        sqlx::query(FAILURE_PRUNE).bind(before).execute(self.background()).await?;
        Ok(())
    }

    /// Notes when a credential was last used, and from where.
    pub async fn credential_used(&self, id: i64, peer: IpAddr, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(CREDENTIAL_USED).bind(id).bind(now).bind(peer.to_string()).execute(self.background()).await?;
        Ok(())
    }

    /// Fingerprints and proofs of the sealing keys in use, oldest first.
    pub async fn seal_key_list(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(sqlx::query_as(SEAL_KEYS).fetch_all(self.read()).await?)
    }
}

impl Tx {
    /// Salt and count for ever: those there already win.
    pub async fn scram_salt_add(
        &mut self,
        account: AccountId,
        mechanism: i16,
        salt: &[u8],
        iterations: u32,
    ) -> Result<(Vec<u8>, u32)> {
        let (salt, n): (Vec<u8>, i32) = sqlx::query_as(SALT_ADD)
            .bind(account)
            .bind(mechanism)
            .bind(salt)
            .bind(iterations as i32)
            .fetch_one(self.conn())
            .await?;
        Ok((salt, n as u32))
    }

    pub async fn credential_add(
        &mut self,
        account: AccountId,
        new: &NewCredential<'_>,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        let (id,): (i64,) = sqlx::query_as(CREDENTIAL_ADD)
            .bind(account)
            .bind(new.kind)
            .bind(new.app)
            .bind(new.label)
            .bind(new.sealed)
            .bind(new.protocols)
            .bind(new.expires_at)
            .bind(now)
            .fetch_one(self.conn())
            .await?;
        Ok(id)
    }

    /// Removes the main password and its verifiers; since when it was there.
    pub async fn credential_remove_main(&mut self, account: AccountId) -> Result<Option<DateTime<Utc>>> {
        let rows: Vec<(i16, DateTime<Utc>)> =
            sqlx::query_as(CREDENTIAL_REMOVE_MAIN).bind(account).fetch_all(self.conn()).await?;
        Ok(rows.into_iter().find(|(kind, _)| *kind == kind::PASSWORD).map(|(_, since)| since))
    }

    /// Up to 500 credentials (id, kind, sealed value) after `above`, locked, for a change of keys.
    pub async fn credential_page(&mut self, above: i64) -> Result<Vec<(i64, i16, Vec<u8>)>> {
        Ok(sqlx::query_as(CREDENTIAL_PAGE).bind(above).fetch_all(self.conn()).await?)
    }

    pub async fn credential_reseal(&mut self, id: i64, sealed: &[u8]) -> Result<()> {
        sqlx::query(CREDENTIAL_RESEAL).bind(id).bind(sealed).execute(self.conn()).await?;
        Ok(())
    }

    /// The house's secret of a name: the one there already, or this one from now on.
    pub async fn house_secret_add(&mut self, name: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let (sealed,): (Vec<u8>,) =
            sqlx::query_as(HOUSE_SECRET_ADD).bind(name).bind(sealed).fetch_one(self.conn()).await?;
        Ok(sealed)
    }

    /// All of the house's secrets, locked, for a change of keys.
    pub async fn house_secret_list(&mut self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(sqlx::query_as(HOUSE_SECRETS).fetch_all(self.conn()).await?)
    }

    pub async fn house_secret_reseal(&mut self, name: &str, sealed: &[u8]) -> Result<()> {
        sqlx::query(HOUSE_SECRET_RESEAL).bind(name).bind(sealed).execute(self.conn()).await?;
        Ok(())
    }

    pub async fn seal_key_add(&mut self, id: &str, proof: &[u8], now: DateTime<Utc>) -> Result<()> {
        sqlx::query(SEAL_KEY_ADD).bind(id).bind(proof).bind(now).execute(self.conn()).await?;
        Ok(())
    }

    /// Forgets every key but one, after all is sealed anew.
    pub async fn seal_key_keep(&mut self, id: &str) -> Result<()> {
        sqlx::query(SEAL_KEY_REMOVE).bind(id).execute(self.conn()).await?;
        Ok(())
    }
}

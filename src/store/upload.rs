//! Files for messages that are not written yet, stored while they come: in chunks under a number taken from those of
//! blobs, which becomes a blob's once the hash is known, or is given up where the same octets are there already.

use super::blob::{CHUNK, compress};
use super::sql::sql;
use super::{Result, Store, Tx};
use crate::model::ids::{AccountId, BlobHash, BlobId, DraftId, UploadId};
use chrono::{DateTime, Utc};
use sqlx::Row as _;

sql! {
    UPLOAD_BEGIN = "
        INSERT INTO upload (account, blob, name, media_type, draft, created_at)
        VALUES ($1, nextval(pg_get_serial_sequence('blob', 'id')::regclass), $2, $3, $4, $5) RETURNING id";
    UPLOAD_CHUNK = "
        WITH u AS (UPDATE upload SET size = size + $4 WHERE id = $1 AND NOT whole RETURNING blob)
        INSERT INTO blob_chunk (blob, n, bytes) SELECT u.blob, $2, $3 FROM u";
    UPLOAD_LOCK = "SELECT blob FROM upload WHERE id = $1 AND NOT whole FOR UPDATE";
    /// A draft that is being written stays so until the transaction ends.
    UPLOAD_DRAFT = "SELECT true FROM draft WHERE id = $1 AND NOT held AND discarded_at IS NULL FOR SHARE";
    UPLOAD_CLAIM = "
        INSERT INTO blob (id, hash, size, touched_at) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)
        ON CONFLICT (hash) DO UPDATE SET touched_at = EXCLUDED.touched_at RETURNING id";
    UPLOAD_GIVE_UP = "DELETE FROM blob_chunk WHERE blob = $1";
    UPLOAD_WHOLE = "UPDATE upload SET blob = $2, size = $3, whole = true WHERE id = $1";
    /// A file whose octets are a blob's already, which stays for it.
    UPLOAD_ADD = "
        WITH b AS (UPDATE blob SET touched_at = $6 WHERE id = $2 RETURNING id, size)
        INSERT INTO upload (account, blob, name, media_type, draft, created_at, size, whole)
        SELECT $1, b.id, $3, $4, $5, $6, b.size, true FROM b RETURNING id";
    /// The same octets under the same name are one file of a draft: a form that is sent twice adds nothing.
    UPLOAD_LIST = "
        SELECT id, blob, name, media_type, size, draft FROM upload u
        WHERE account = $1 AND whole AND draft IS NOT DISTINCT FROM $2
            AND NOT EXISTS (SELECT FROM upload t
                WHERE t.draft = u.draft AND t.whole AND t.blob = u.blob AND t.name = u.name AND t.id < u.id)
        ORDER BY id";
    UPLOAD_GET = "
        SELECT id, blob, name, media_type, size, draft FROM upload WHERE account = $1 AND id = $2 AND whole";
    /// Files and octets of an account, and octets of one draft; what broke off within the hour counts too.
    UPLOAD_USAGE = "
        SELECT count(*), COALESCE(sum(size), 0)::int8, COALESCE(sum(size) FILTER (WHERE draft = $2), 0)::int8
        FROM upload WHERE account = $1 AND (whole OR created_at > $3)";
    UPLOAD_REMOVE = "
        WITH gone AS (
            DELETE FROM upload u USING upload named
            WHERE named.account = $1 AND named.id = $2
                AND (u.id = named.id OR (u.draft = named.draft AND u.whole AND u.blob = named.blob AND u.name = named.name))
            RETURNING u.blob, u.whole
        ),
        chunks AS (DELETE FROM blob_chunk USING gone WHERE blob_chunk.blob = gone.blob AND NOT gone.whole)
        SELECT count(*) FROM gone";
    UPLOAD_BIND = "UPDATE upload SET draft = $2 WHERE account = $1 AND id = ANY($3) AND whole AND draft IS NULL";
    UPLOAD_COPY = "
        INSERT INTO upload (account, blob, name, media_type, draft, created_at, size, whole)
        SELECT account, blob, name, media_type, $3, $4, size, true FROM upload
        WHERE account = $1 AND draft = $2 AND whole ORDER BY id";
    UPLOAD_OF_DRAFT_REMOVE = "DELETE FROM upload WHERE draft = $1 AND whole";
    /// What broke off, what was never bound to a draft, and what outlived its draft.
    UPLOAD_SWEEP = "
        WITH gone AS (
            DELETE FROM upload WHERE id IN (
                SELECT id FROM upload u WHERE created_at < $1
                    AND (NOT whole OR draft IS NULL OR NOT EXISTS (SELECT FROM draft WHERE id = u.draft))
                ORDER BY id LIMIT $2)
            RETURNING blob, whole
        ), chunks AS (DELETE FROM blob_chunk USING gone WHERE blob_chunk.blob = gone.blob AND NOT gone.whole)
        SELECT count(*) FROM gone";
}

/// A file that is there as a whole.
#[derive(Debug, Clone)]
pub struct UploadRow {
    pub id: UploadId,
    pub blob: BlobId,
    pub name: String,
    pub media_type: String,
    /// Octets.
    pub size: u64,
    pub draft: Option<DraftId>,
}

/// What is waiting to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadUsage {
    pub files: u64,
    pub octets: u64,
    /// Octets of the draft asked about.
    pub of_draft: u64,
}

/// What a new file is called.
#[derive(Debug, Clone, Copy)]
pub struct NewUpload<'a> {
    pub account: AccountId,
    pub name: &'a str,
    pub media_type: &'a str,
    pub draft: Option<DraftId>,
}

fn upload_row(row: &sqlx::postgres::PgRow) -> Result<UploadRow> {
    Ok(UploadRow {
        id: row.try_get(0)?,
        blob: row.try_get(1)?,
        name: row.try_get(2)?,
        media_type: row.try_get(3)?,
        size: row.try_get::<i64, _>(4)? as u64,
        draft: row.try_get(5)?,
    })
}

impl Store {
    /// Begins a file; nobody sees it before it is whole.
    pub async fn upload_begin(&self, new: NewUpload<'_>, now: DateTime<Utc>) -> Result<UploadId> {
        let (id,): (UploadId,) = sqlx::query_as(UPLOAD_BEGIN)
            .bind(new.account)
            .bind(new.name)
            .bind(new.media_type)
            .bind(new.draft)
            .bind(now)
            .fetch_one(self.write())
            .await?;
        Ok(id)
    }

    /// Adds a chunk of [`CHUNK`] octets, or the last one; `false`: the file was removed meanwhile.
    pub async fn upload_chunk(&self, id: UploadId, n: u32, source: &[u8]) -> Result<bool> {
        debug_assert!(source.len() <= CHUNK);
        let done = sqlx::query(UPLOAD_CHUNK)
            .bind(id)
            .bind(n as i32)
            .bind(compress(source)?)
            .bind(source.len() as i64)
            .execute(self.write())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Files of a draft, or those bound to none, in the order in which they came.
    pub async fn upload_list(&self, account: AccountId, draft: Option<DraftId>) -> Result<Vec<UploadRow>> {
        let rows = sqlx::query(UPLOAD_LIST).bind(account).bind(draft).fetch_all(self.read()).await?;
        rows.iter().map(upload_row).collect()
    }

    pub async fn upload_get(&self, account: AccountId, id: UploadId) -> Result<Option<UploadRow>> {
        let row = sqlx::query(UPLOAD_GET).bind(account).bind(id).fetch_optional(self.read()).await?;
        row.as_ref().map(upload_row).transpose()
    }

    /// What an account has waiting; files that are still coming count if they began after `fresh`.
    pub async fn upload_usage(
        &self,
        account: AccountId,
        draft: Option<DraftId>,
        fresh: DateTime<Utc>,
    ) -> Result<UploadUsage> {
        let (files, octets, of_draft): (i64, i64, i64) =
            sqlx::query_as(UPLOAD_USAGE).bind(account).bind(draft).bind(fresh).fetch_one(self.read()).await?;
        Ok(UploadUsage { files: files as u64, octets: octets as u64, of_draft: of_draft as u64 })
    }

    /// Removes a file, whole or not; whether there was one.
    pub async fn upload_remove(&self, account: AccountId, id: UploadId) -> Result<bool> {
        let (gone,): (i64,) = sqlx::query_as(UPLOAD_REMOVE).bind(account).bind(id).fetch_one(self.write()).await?;
        Ok(gone > 0)
    }
}

impl Tx {
    /// Whether a draft takes files; it does until the transaction ends.
    pub async fn upload_draft_lock(&mut self, draft: DraftId) -> Result<bool> {
        let row: Option<(bool,)> = sqlx::query_as(UPLOAD_DRAFT).bind(draft).fetch_optional(self.conn()).await?;
        Ok(row.is_some())
    }

    /// Files of a draft that is locked, in the order in which they came.
    pub async fn upload_ids(&mut self, account: AccountId, draft: DraftId) -> Result<Vec<UploadId>> {
        let rows = sqlx::query(UPLOAD_LIST).bind(account).bind(draft).fetch_all(self.conn()).await?;
        Ok(rows.iter().map(upload_row).collect::<Result<Vec<_>>>()?.into_iter().map(|row| row.id).collect())
    }

    /// All of a file has come: its octets are a blob now. `false`: it was removed meanwhile.
    pub async fn upload_finish(&mut self, id: UploadId, hash: BlobHash, size: u64, now: DateTime<Utc>) -> Result<bool> {
        let row: Option<(BlobId,)> = sqlx::query_as(UPLOAD_LOCK).bind(id).fetch_optional(self.conn()).await?;
        let Some((number,)) = row else { return Ok(false) };
        let (blob,): (BlobId,) = sqlx::query_as(UPLOAD_CLAIM)
            .bind(number)
            .bind(&hash.0[..])
            .bind(size as i64)
            .bind(now)
            .fetch_one(self.conn())
            .await?;
        if blob != number {
            sqlx::query(UPLOAD_GIVE_UP).bind(number).execute(self.conn()).await?;
        }
        sqlx::query(UPLOAD_WHOLE).bind(id).bind(blob).bind(size as i64).execute(self.conn()).await?;
        Ok(true)
    }

    /// Adds a file whose octets are those of a blob; `None`: there is no such blob.
    pub async fn upload_add(
        &mut self,
        new: NewUpload<'_>,
        blob: BlobId,
        now: DateTime<Utc>,
    ) -> Result<Option<UploadId>> {
        let row: Option<(UploadId,)> = sqlx::query_as(UPLOAD_ADD)
            .bind(new.account)
            .bind(blob)
            .bind(new.name)
            .bind(new.media_type)
            .bind(new.draft)
            .bind(now)
            .fetch_optional(self.conn())
            .await?;
        Ok(row.map(|(id,)| id))
    }

    /// Binds files that belong to no draft yet; how many.
    pub async fn upload_bind(&mut self, account: AccountId, draft: DraftId, ids: &[UploadId]) -> Result<u64> {
        Ok(sqlx::query(UPLOAD_BIND).bind(account).bind(draft).bind(ids).execute(self.conn()).await?.rows_affected())
    }

    /// Gives another draft the same files.
    pub async fn upload_copy(
        &mut self,
        account: AccountId,
        from: DraftId,
        to: DraftId,
        now: DateTime<Utc>,
    ) -> Result<()> {
        sqlx::query(UPLOAD_COPY).bind(account).bind(from).bind(to).bind(now).execute(self.conn()).await?;
        Ok(())
    }

    /// Removes a draft's files.
    pub(super) async fn upload_of_draft_remove(&mut self, draft: DraftId) -> Result<()> {
        sqlx::query(UPLOAD_OF_DRAFT_REMOVE).bind(draft).execute(self.conn()).await?;
        Ok(())
    }

    /// Forgets up to `limit` files begun before `before` that no draft has; how many.
    pub async fn upload_sweep(&mut self, before: DateTime<Utc>, limit: i64) -> Result<u64> {
        let (gone,): (i64,) = sqlx::query_as(UPLOAD_SWEEP).bind(before).bind(limit).fetch_one(self.conn()).await?;
        Ok(gone as u64)
    }
}

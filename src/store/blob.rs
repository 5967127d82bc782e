//! Bytes stored once under their SHA-256, in chunks of up to 256 KiB of source, each its own zstd frame (I3), and what
//! was read off them once (I4).

use super::sql::sql;
use super::{Result, Store, StoreError, Tx};
use crate::model::ids::{BlobHash, BlobId};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

/// Octets of source in one chunk.
pub const CHUNK: usize = 256 << 10;
/// zstd level 1 leaves 0.61 of real mail; higher levels cost more CPU than they save disk.
const LEVEL: i32 = 1;

sql! {
    BLOB_CHUNK = "SELECT bytes FROM blob_chunk WHERE blob = $1 AND n = $2";
    BLOB_SIZE = "SELECT size FROM blob WHERE id = $1";
    BLOB_LIST = "SELECT id, hash, size FROM blob WHERE id > $1 ORDER BY id LIMIT $2";
    BLOB_ADD = "
        WITH b AS (
            INSERT INTO blob (hash, size, touched_at) VALUES ($1, $2, $5)
            ON CONFLICT (hash) DO UPDATE SET touched_at = EXCLUDED.touched_at
            RETURNING id, xmax = 0 AS fresh
        ), c AS (
            INSERT INTO blob_chunk (blob, n, bytes)
            SELECT b.id, c.n, c.bytes FROM b, unnest($3::int4[], $4::bytea[]) AS c(n, bytes) WHERE b.fresh
        ) SELECT id FROM b";
    /// The last of the next $2 blobs, so that one transaction looks at no more than these.
    BLOB_WINDOW = "SELECT max(id) FROM (SELECT id FROM blob WHERE id > $1 ORDER BY id LIMIT $2) w";
    /// Unreferenced and untouched since $1, locked so that nobody points to it meanwhile (I10).
    BLOB_SWEEP = "
        WITH idle AS MATERIALIZED (
            SELECT id FROM blob b WHERE touched_at < $1 AND id > $2 AND id <= $3
            AND NOT EXISTS (SELECT 1 FROM message WHERE blob = b.id)
            AND NOT EXISTS (SELECT 1 FROM restorable WHERE blob = b.id)
            AND NOT EXISTS (SELECT 1 FROM queue WHERE blob = b.id)
            AND NOT EXISTS (SELECT 1 FROM upload WHERE blob = b.id)
            AND NOT EXISTS (SELECT 1 FROM outbox WHERE blob = b.id)
            ORDER BY id FOR UPDATE SKIP LOCKED
        ) SELECT id FROM idle";
    /// The second look, after the rows are locked: a statement of its own sees what was committed meanwhile.
    BLOB_REMOVE = "
        WITH gone AS (
            DELETE FROM blob b WHERE id = ANY($1) AND touched_at < $2
            AND NOT EXISTS (SELECT 1 FROM message WHERE blob = b.id)
            AND NOT EXISTS (SELECT 1 FROM restorable WHERE blob = b.id)
            AND NOT EXISTS (SELECT 1 FROM queue WHERE blob = b.id)
            AND NOT EXISTS (SELECT 1 FROM upload WHERE blob = b.id)
            AND NOT EXISTS (SELECT 1 FROM outbox WHERE blob = b.id)
            RETURNING id
        ), chunks AS (DELETE FROM blob_chunk USING gone WHERE blob_chunk.blob = gone.id),
        contents AS (DELETE FROM content USING gone WHERE content.blob = gone.id)
        SELECT count(*) FROM gone";
    CONTENT_PUT = "
        INSERT INTO content (blob, version, attachment, sent_at, parts, envelope, envelope_utf8, body, bodystructure,
            subject, subject_base, from_key, to_key, cc_key, from_display, to_display, message_id, refs, list_id, preview)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
        ON CONFLICT (blob) DO UPDATE SET version = EXCLUDED.version, attachment = EXCLUDED.attachment,
            sent_at = EXCLUDED.sent_at, parts = EXCLUDED.parts, envelope = EXCLUDED.envelope,
            envelope_utf8 = EXCLUDED.envelope_utf8, body = EXCLUDED.body, bodystructure = EXCLUDED.bodystructure,
            subject = EXCLUDED.subject, subject_base = EXCLUDED.subject_base, from_key = EXCLUDED.from_key,
            to_key = EXCLUDED.to_key, cc_key = EXCLUDED.cc_key, from_display = EXCLUDED.from_display,
            to_display = EXCLUDED.to_display, message_id = EXCLUDED.message_id, refs = EXCLUDED.refs,
            list_id = EXCLUDED.list_id, preview = EXCLUDED.preview";
}

/// A message ready to be stored: compressed outside the transaction.
#[derive(Debug)]
pub struct NewBlob {
    pub hash: BlobHash,
    /// Octets of source.
    pub size: u64,
    pub chunks: Vec<Vec<u8>>,
    pub content: ContentRow,
}

/// A row of `content`. All texts are free of NUL.
#[derive(Debug, Clone, Default)]
pub struct ContentRow {
    pub version: i16,
    pub attachment: bool,
    pub sent_at: Option<DateTime<Utc>>,
    pub parts: Vec<u8>,
    pub envelope: Vec<u8>,
    pub envelope_utf8: Option<Vec<u8>>,
    pub body: Vec<u8>,
    pub bodystructure: Vec<u8>,
    pub subject: String,
    pub subject_base: String,
    pub from_key: String,
    pub to_key: String,
    pub cc_key: String,
    pub from_display: String,
    pub to_display: String,
    pub message_id: Option<String>,
    pub references: Vec<String>,
    pub list_id: Option<String>,
    pub preview: String,
}

impl ContentRow {
    /// The message's own id and those it refers to, hashed, for `thread_ref`; at most 50, the nearest ones.
    pub(super) fn thread_refs(&self) -> Vec<i64> {
        let near = self.references.len().saturating_sub(49);
        let ids = self.message_id.iter().chain(&self.references[near..]);
        let mut out: Vec<i64> = ids.map(|id| ref_hash(id)).collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}

pub(super) fn ref_hash(id: &str) -> i64 {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, id.as_bytes());
    digest.as_ref().iter().take(8).fold(0i64, |n, byte| (n << 8) | i64::from(*byte))
}

/// One chunk as it is stored.
pub(super) fn compress(chunk: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::compress(chunk, LEVEL).map_err(|error| StoreError::Inconsistent("blob_chunk", error.to_string()))
}

impl NewBlob {
    /// Compresses `source` chunk by chunk. CPU work: off the I/O threads for large messages.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] if zstd fails, which only memory can cause.
    pub fn new(hash: BlobHash, source: &[u8], content: ContentRow) -> Result<Self> {
        let chunks = source.chunks(CHUNK).map(compress).collect::<Result<Vec<_>>>()?;
        Ok(Self { hash, size: source.len() as u64, chunks, content })
    }

    pub(super) fn octets(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }
}

impl Tx {
    /// Stores bytes that only the queue points to.
    pub async fn blob_add(&mut self, blob: &NewBlob, now: DateTime<Utc>) -> Result<BlobId> {
        let numbers: Vec<i32> = (0..blob.chunks.len() as i32).collect();
        let (id,): (BlobId,) = sqlx::query_as(BLOB_ADD)
            .bind(&blob.hash.0[..])
            .bind(blob.size as i64)
            .bind(numbers)
            .bind(&blob.chunks)
            .bind(now)
            .fetch_one(self.conn())
            .await?;
        Ok(id)
    }

    /// Writes a blob's content row, or replaces it.
    pub async fn content_put(&mut self, blob: BlobId, c: &ContentRow) -> Result<()> {
        sqlx::query(CONTENT_PUT)
            .bind(blob)
            .bind(c.version)
            .bind(c.attachment)
            .bind(c.sent_at)
            .bind(&c.parts)
            .bind(&c.envelope)
            .bind(&c.envelope_utf8)
            .bind(&c.body)
            .bind(&c.bodystructure)
            .bind(&c.subject)
            .bind(&c.subject_base)
            .bind(&c.from_key)
            .bind(&c.to_key)
            .bind(&c.cc_key)
            .bind(&c.from_display)
            .bind(&c.to_display)
            .bind(&c.message_id)
            .bind(&c.references)
            .bind(&c.list_id)
            .bind(&c.preview)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Removes those of the next `window` blobs that nothing points to and nothing touched for `idle`; answers how many
    /// went and the highest id looked at (`None`: no more).
    pub async fn blob_sweep(
        &mut self,
        now: DateTime<Utc>,
        idle: TimeDelta,
        above: BlobId,
        window: i64,
    ) -> Result<(u64, Option<BlobId>)> {
        let before = now - idle;
        let (last,): (Option<BlobId>,) =
            sqlx::query_as(BLOB_WINDOW).bind(above).bind(window).fetch_one(self.conn()).await?;
        let Some(last) = last else { return Ok((0, None)) };
        let ids: Vec<(BlobId,)> =
            sqlx::query_as(BLOB_SWEEP).bind(before).bind(above).bind(last).fetch_all(self.conn()).await?;
        let ids: Vec<BlobId> = ids.into_iter().map(|(id,)| id).collect();
        if ids.is_empty() {
            return Ok((0, Some(last)));
        }
        let (gone,): (i64,) = sqlx::query_as(BLOB_REMOVE).bind(&ids).bind(before).fetch_one(self.conn()).await?;
        Ok((gone as u64, Some(last)))
    }
}

impl Store {
    /// One chunk, decompressed: at most [`CHUNK`] octets.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] if it is missing or no zstd frame.
    pub async fn blob_chunk(&self, blob: BlobId, n: u32) -> Result<Bytes> {
        let mut conn = self.question().await?;
        let row: Option<(Vec<u8>,)> =
            sqlx::query_as(BLOB_CHUNK).bind(blob).bind(n as i32).fetch_optional(&mut *conn).await?;
        conn.keep();
        let (frame,) =
            row.ok_or_else(|| StoreError::Inconsistent("blob_chunk", format!("blob {blob} lacks chunk {n}")))?;
        unpack(blob, &frame)
    }

    /// A blob's size in octets.
    pub async fn blob_size(&self, blob: BlobId) -> Result<u64> {
        let row: Option<(i64,)> = sqlx::query_as(BLOB_SIZE).bind(blob).fetch_optional(self.read()).await?;
        row.map(|(size,)| size as u64).ok_or_else(|| StoreError::Inconsistent("blob", format!("{blob} is missing")))
    }

    /// The whole blob. The caller holds budget for it.
    pub async fn blob_bytes(&self, blob: BlobId) -> Result<Bytes> {
        let size = self.blob_size(blob).await? as usize;
        let mut out = Vec::with_capacity(size);
        for n in 0..size.div_ceil(CHUNK) {
            out.extend_from_slice(&self.blob_chunk(blob, n as u32).await?);
        }
        Ok(out.into())
    }

    /// Blobs after `above`, ascending, for `fsck`: id, SHA-256, size.
    pub async fn blob_list(&self, above: BlobId, limit: i64) -> Result<Vec<(BlobId, BlobHash, u64)>> {
        let rows: Vec<(BlobId, Vec<u8>, i64)> =
            sqlx::query_as(BLOB_LIST).bind(above).bind(limit).fetch_all(self.background()).await?;
        rows.into_iter()
            .map(|(id, hash, size)| {
                let hash =
                    hash.try_into().map_err(|_| StoreError::Inconsistent("blob", format!("{id} has a bad hash")))?;
                Ok((id, BlobHash(hash), size as u64))
            })
            .collect()
    }
}

fn unpack(blob: BlobId, frame: &[u8]) -> Result<Bytes> {
    zstd::bulk::decompress(frame, CHUNK)
        .map(Bytes::from)
        .map_err(|error| StoreError::Inconsistent("blob_chunk", format!("blob {blob}: {error}")))
}

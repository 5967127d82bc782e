//! The one statement that adds a batch: mailbox counters, blobs, chunks, content, threads, rows.

use super::{Job, Placed};
use crate::model::event::Event;
use crate::model::ids::{AccountId, BlobId, EmailId, MailboxId, ThreadId};
use crate::store::sql::sql;
use crate::store::{Result, StoreError};
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::{BTreeMap, HashMap};

/// What to do about a mailbox row that somebody else has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Skip,
    Locks,
}

macro_rules! append_batch {
    ($lock:literal) => {
        concat!(
            "WITH want AS (
                SELECT * FROM unnest($1::int8[], $2::int4[], $3::int4[], $4::int4[], $5::int2[], $6::text[],
                                     $7::timestamptz[], $8::bytea[], $9::int4[], $10::int8[], $11::int4[])
                    AS w(mailbox, ord, job, blob, flags, keywords, internal_at, prefix, size, email, thread)
            ), locked AS MATERIALIZED (
                SELECT id, uidnext FROM mailbox
                WHERE id = ANY($1) AND removed_at IS NULL AND selectable ORDER BY id ",
            $lock,
            "), ready AS MATERIALIZED (
                SELECT job FROM want LEFT JOIN locked ON locked.id = want.mailbox
                GROUP BY job HAVING bool_and(locked.id IS NOT NULL)
            ), todo AS MATERIALIZED (
                SELECT want.*, locked.uidnext + row_number() OVER (PARTITION BY mailbox ORDER BY ord) - 1 AS uid
                FROM want JOIN ready USING (job) JOIN locked ON locked.id = want.mailbox
            ), bumped AS (
                UPDATE mailbox m SET uidnext = m.uidnext + c.n, modseq = m.modseq + 1, messages = m.messages + c.n,
                    bytes = m.bytes + c.bytes, unseen = m.unseen + c.unseen, deleted = m.deleted + c.deleted
                FROM (SELECT mailbox, count(*) AS n, sum(size) AS bytes, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
                        count(*) FILTER (WHERE flags & 8 <> 0) AS deleted
                    FROM todo GROUP BY mailbox) c
                WHERE m.id = c.mailbox RETURNING m.id, m.modseq, m.uidvalidity
            ), blobs AS (
                INSERT INTO blob (hash, size, touched_at)
                SELECT hash, size, $30 FROM unnest($12::bytea[], $13::int8[]) AS b(hash, size) ORDER BY hash
                ON CONFLICT (hash) DO UPDATE SET touched_at = EXCLUDED.touched_at
                RETURNING id, hash, xmax = 0 AS fresh
            ), blob_ids AS MATERIALIZED (
                SELECT blobs.id, blobs.fresh, i.n FROM unnest($12::bytea[]) WITH ORDINALITY AS i(hash, n)
                JOIN blobs ON blobs.hash = i.hash
            ), chunks AS (
                INSERT INTO blob_chunk (blob, n, bytes)
                SELECT blob_ids.id, c.n, c.bytes FROM unnest($14::int4[], $15::int4[], $16::bytea[]) AS c(blob, n, bytes)
                JOIN blob_ids ON blob_ids.n = c.blob WHERE blob_ids.fresh
            ), contents AS (
                INSERT INTO content (blob, version, attachment, sent_at, parts, envelope, envelope_utf8, body, bodystructure,
                    subject, subject_base, from_key, to_key, cc_key, from_display, to_display, message_id, refs, list_id, preview)
                SELECT blob_ids.id, c.version, c.attachment, c.sent_at, c.parts, c.envelope, c.envelope_utf8, c.body,
                    c.bodystructure, c.texts->>0, c.texts->>1, c.texts->>2, c.texts->>3, c.texts->>4, c.texts->>5,
                    c.texts->>6, c.texts->>7, ARRAY(SELECT jsonb_array_elements_text(c.refs)), c.texts->>8, c.texts->>9
                FROM unnest($17::int2[], $18::bool[], $19::timestamptz[], $20::bytea[], $21::bytea[], $22::bytea[],
                        $23::bytea[], $24::bytea[], $25::jsonb[], $26::jsonb[]) WITH ORDINALITY
                    AS c(version, attachment, sent_at, parts, envelope, envelope_utf8, body, bodystructure, texts, refs, n)
                JOIN blob_ids ON blob_ids.n = c.n WHERE blob_ids.fresh
            ), asked AS MATERIALIZED (
                SELECT r.account, r.ref, r.thread, t.thread AS known
                FROM unnest($27::int8[], $28::int8[], $29::int4[]) AS r(account, ref, thread)
                LEFT JOIN thread_ref t ON t.account = r.account AND t.ref = r.ref
            ), proposed AS MATERIALIZED (
                SELECT w.thread, COALESCE(min(a.known), min(w.email)) AS id
                FROM want w LEFT JOIN asked a ON a.thread = w.thread GROUP BY w.thread
            ), claimed AS (
                INSERT INTO thread_ref (account, ref, thread)
                SELECT a.account, a.ref, p.id FROM asked a JOIN proposed p USING (thread)
                WHERE a.known IS NULL ORDER BY a.account, a.ref
                ON CONFLICT (account, ref) DO UPDATE SET thread = thread_ref.thread
                RETURNING account, ref, thread
            ), threads AS MATERIALIZED (
                SELECT p.thread, LEAST(min(p.id), min(c.thread)) AS id
                FROM proposed p LEFT JOIN asked a ON a.thread = p.thread
                LEFT JOIN claimed c ON c.account = a.account AND c.ref = a.ref GROUP BY p.thread
            ), added AS (
                INSERT INTO message (mailbox, uid, blob, email, thread, modseq, internal_at, saved_at, size, flags, keywords, prefix)
                SELECT t.mailbox, t.uid, b.id, t.email, th.id, u.modseq, t.internal_at, $30, t.size, t.flags,
                    string_to_array(t.keywords, ',')::int2[], t.prefix
                FROM todo t JOIN blob_ids b ON b.n = t.blob JOIN bumped u ON u.id = t.mailbox
                JOIN threads th ON th.thread = t.thread
            )
            SELECT t.ord, t.uid, u.modseq, u.uidvalidity, b.id, t.email, th.id
            FROM todo t JOIN blob_ids b ON b.n = t.blob JOIN bumped u ON u.id = t.mailbox
            JOIN threads th ON th.thread = t.thread ORDER BY t.ord"
        )
    };
}

sql! {
    APPEND_BATCH_SKIP = append_batch!("FOR UPDATE SKIP LOCKED");
    APPEND_BATCH_WAIT = append_batch!("FOR UPDATE");
    /// The sequence steps by a block.
    ID_BLOCK = "SELECT nextval('email_id')";
}

/// The first of [`super::BLOCK`] ids that nobody else gets.
pub(super) async fn id_block(pool: &PgPool) -> Result<i64> {
    let (first,): (i64,) = sqlx::query_as(ID_BLOCK).fetch_one(pool).await?;
    Ok(first)
}

pub(super) fn mailbox_gone() -> StoreError {
    StoreError::Inconsistent("mailbox", "gone or not selectable".into())
}

/// The statement's parameters, column by column.
#[derive(Default)]
pub(super) struct Batch {
    jobs: usize,
    accounts: Vec<AccountId>,
    mailbox: Vec<MailboxId>,
    ord: Vec<i32>,
    job: Vec<i32>,
    blob: Vec<i32>,
    flags: Vec<i16>,
    keywords: Vec<Option<String>>,
    internal_at: Vec<DateTime<Utc>>,
    prefix: Vec<Option<Vec<u8>>>,
    size: Vec<i32>,
    email: Vec<i64>,
    thread: Vec<i32>,
    hash: Vec<Vec<u8>>,
    blob_size: Vec<i64>,
    chunk_blob: Vec<i32>,
    chunk_n: Vec<i32>,
    chunk_bytes: Vec<Vec<u8>>,
    content: ContentColumns,
    ref_account: Vec<i64>,
    ref_hash: Vec<i64>,
    ref_thread: Vec<i32>,
    now: DateTime<Utc>,
}

#[derive(Default)]
struct ContentColumns {
    version: Vec<i16>,
    attachment: Vec<bool>,
    sent_at: Vec<Option<DateTime<Utc>>>,
    parts: Vec<Vec<u8>>,
    envelope: Vec<Vec<u8>>,
    envelope_utf8: Vec<Option<Vec<u8>>>,
    body: Vec<Vec<u8>>,
    bodystructure: Vec<Vec<u8>>,
    texts: Vec<serde_json::Value>,
    refs: Vec<serde_json::Value>,
}

impl Batch {
    /// Lays the jobs out; `ids` are as many fresh ids as there are messages.
    pub(super) fn of(jobs: &[&Job], ids: &[i64]) -> Self {
        let mut batch = Self { jobs: jobs.len(), now: Utc::now(), ..Self::default() };
        let mut blobs: HashMap<[u8; 32], i32> = HashMap::new();
        let mut ids = ids.iter();
        let mut threads = Threads::default();
        for (n, job) in jobs.iter().enumerate() {
            batch.now = job.now;
            let mut email_of: HashMap<(usize, &[u8]), i64> = HashMap::new();
            for message in &job.messages {
                let blob = &job.blobs[message.blob];
                let place = *blobs.entry(blob.hash.0).or_insert_with(|| batch.add_blob(blob));
                let ord = batch.ord.len() as i32;
                let fresh = *ids.next().unwrap_or(&0);
                // Copies with the same bytes and the same prefix are one email.
                let email = *email_of.entry((message.blob, &message.prefix)).or_insert(fresh);
                batch.accounts.push(message.account);
                batch.mailbox.push(message.mailbox);
                batch.ord.push(ord);
                batch.job.push(n as i32);
                batch.blob.push(place);
                batch.flags.push(message.flags.bits() as i16);
                batch.keywords.push((!message.keywords.is_empty()).then(|| join(&message.keywords)));
                batch.internal_at.push(message.internal_at);
                batch.prefix.push((!message.prefix.is_empty()).then(|| message.prefix.clone()));
                batch.size.push((blob.size + message.prefix.len() as u64).min(i32::MAX as u64) as i32);
                batch.email.push(email);
                threads.claim(ord, message.account, &blob.content.thread_refs());
            }
        }
        threads.finish(&mut batch);
        batch
    }

    fn add_blob(&mut self, blob: &super::NewBlob) -> i32 {
        let place = self.hash.len() as i32 + 1;
        self.hash.push(blob.hash.0.to_vec());
        self.blob_size.push(blob.size as i64);
        for (n, chunk) in blob.chunks.iter().enumerate() {
            self.chunk_blob.push(place);
            self.chunk_n.push(n as i32);
            self.chunk_bytes.push(chunk.clone());
        }
        let (c, to) = (&blob.content, &mut self.content);
        to.version.push(c.version);
        to.attachment.push(c.attachment);
        to.sent_at.push(c.sent_at);
        to.parts.push(c.parts.clone());
        to.envelope.push(c.envelope.clone());
        to.envelope_utf8.push(c.envelope_utf8.clone());
        to.body.push(c.body.clone());
        to.bodystructure.push(c.bodystructure.clone());
        to.texts.push(serde_json::json!([
            c.subject,
            c.subject_base,
            c.from_key,
            c.to_key,
            c.cc_key,
            c.from_display,
            c.to_display,
            c.message_id,
            c.list_id,
            c.preview,
        ]));
        to.refs.push(serde_json::json!(c.references));
        place
    }

    /// Runs the statement. One entry per job, in order; `None`: a mailbox was locked by another ([`Wait::Skip`]) or is gone.
    pub(super) async fn run(&self, wait: Wait, conn: &mut PgConnection) -> Result<Vec<Option<Vec<Placed>>>> {
        let text = match wait {
            Wait::Skip => APPEND_BATCH_SKIP,
            Wait::Locks => APPEND_BATCH_WAIT,
        };
        let c = &self.content;
        let rows: Vec<(i32, i64, i64, i64, BlobId, i64, i64)> = sqlx::query_as(text)
            .bind(&self.mailbox)
            .bind(&self.ord)
            .bind(&self.job)
            .bind(&self.blob)
            .bind(&self.flags)
            .bind(&self.keywords)
            .bind(&self.internal_at)
            .bind(&self.prefix)
            .bind(&self.size)
            .bind(&self.email)
            .bind(&self.thread)
            .bind(&self.hash)
            .bind(&self.blob_size)
            .bind(&self.chunk_blob)
            .bind(&self.chunk_n)
            .bind(&self.chunk_bytes)
            .bind(&c.version)
            .bind(&c.attachment)
            .bind(&c.sent_at)
            .bind(&c.parts)
            .bind(&c.envelope)
            .bind(&c.envelope_utf8)
            .bind(&c.body)
            .bind(&c.bodystructure)
            .bind(&c.texts)
            .bind(&c.refs)
            .bind(&self.ref_account)
            .bind(&self.ref_hash)
            .bind(&self.ref_thread)
            .bind(self.now)
            .fetch_all(conn)
            .await?;
        let mut out: Vec<Option<Vec<Placed>>> = vec![None; self.jobs];
        for (ord, uid, modseq, uidvalidity, blob, email, thread) in rows {
            let (job, mailbox) = (self.job[ord as usize] as usize, self.mailbox[ord as usize]);
            out[job].get_or_insert_default().push(Placed {
                mailbox,
                uidvalidity: uidvalidity as u32,
                uid: u32::try_from(uid).map_err(|_| StoreError::Inconsistent("mailbox", "out of UIDs".into()))?,
                modseq: modseq as u64,
                blob,
                email: EmailId(email),
                thread: ThreadId(thread),
            });
        }
        Ok(out)
    }
}

/// One hint for each mailbox that got something.
pub(super) fn events(batch: &Batch, placed: &[Option<Vec<Placed>>]) -> Vec<Event> {
    let accounts: HashMap<MailboxId, AccountId> =
        batch.mailbox.iter().copied().zip(batch.accounts.iter().copied()).collect();
    let modseqs: BTreeMap<MailboxId, u64> = placed.iter().flatten().flatten().map(|p| (p.mailbox, p.modseq)).collect();
    modseqs
        .into_iter()
        .filter_map(|(mailbox, modseq)| {
            Some(Event::MailboxChanged { account: *accounts.get(&mailbox)?, mailbox, modseq })
        })
        .collect()
}

fn join(ids: &[i16]) -> String {
    ids.iter().map(i16::to_string).collect::<Vec<_>>().join(",")
}

/// Messages of one batch that share a message id are one thread: a union-find over (account, reference).
#[derive(Default)]
struct Threads {
    parent: Vec<usize>,
    owner: BTreeMap<(i64, i64), usize>,
}

impl Threads {
    fn claim(&mut self, ord: i32, account: AccountId, refs: &[i64]) {
        let me = ord as usize;
        debug_assert_eq!(me, self.parent.len());
        self.parent.push(me);
        for reference in refs {
            let other = *self.owner.entry((account.0, *reference)).or_insert(me);
            let (a, b) = (self.root(me), self.root(other));
            self.parent[a.max(b)] = a.min(b);
        }
    }

    fn root(&self, mut n: usize) -> usize {
        while self.parent[n] != n {
            n = self.parent[n];
        }
        n
    }

    fn finish(self, batch: &mut Batch) {
        batch.thread = (0..self.parent.len()).map(|n| self.root(n) as i32).collect();
        for ((account, reference), owner) in &self.owner {
            batch.ref_account.push(*account);
            batch.ref_hash.push(*reference);
            batch.ref_thread.push(self.root(*owner) as i32);
        }
    }
}

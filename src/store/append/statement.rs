//! The one statement that adds a batch: a call of `messages_append` (migrations/0007_append.sql) with its parameters
//! column by column.

use super::{Job, NewBlob, Placed};
use crate::model::event::Event;
use crate::model::flags::SystemFlags;
use crate::model::ids::{AccountId, BlobId, EmailId, MailboxId, ThreadId};
use crate::store::sql::sql;
use crate::store::{Result, Store, StoreError};
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What to do about a mailbox row that somebody else has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Skip,
    Locks,
}

sql! {
    APPEND_BATCH = "
        SELECT o_locked, o_uid, o_modseq, o_uidvalidity, o_blob, o_thread FROM messages_append(
            $1::int8[], $2::int4[], $3::int8[], $4::int4[], $5::int4[], $6::bool, $7::timestamptz,
            $8::bytea[], $9::int8[], $10::int4[], $11::int4[], $12::bytea[],
            $13::int2[], $14::bool[], $15::timestamptz[], $16::bytea[], $17::bytea[], $18::bytea[], $19::bytea[],
            $20::bytea[], $21::text[], $22::text[], $23::int4[], $24::int4[],
            $25::int8[], $26::int8[], $27::int8[], $28::int4[],
            $29::int4[], $30::int4[], $31::int4[], $32::int4[],
            $33::int8[], $34::timestamptz[], $35::int4[], $36::int2[], $37::text[], $38::bytea[])";
    /// The sequence steps by a block.
    ID_BLOCK = "SELECT nextval('email_id')";
    /// What a statement has added whose answer never came, told by its email ids.
    APPEND_FOUND = "
        SELECT g.mailbox, g.email, g.uid, g.modseq, m.uidvalidity, g.blob, g.thread
        FROM message g JOIN mailbox m ON m.id = g.mailbox WHERE g.mailbox = ANY($1) AND g.email = ANY($2)";
}

/// The first of [`super::BLOCK`] ids that nobody else gets.
pub(super) async fn id_block(pool: &PgPool) -> Result<i64> {
    let (first,): (i64,) = sqlx::query_as(ID_BLOCK).fetch_one(pool).await?;
    Ok(first)
}

pub(super) fn mailbox_gone() -> StoreError {
    StoreError::Inconsistent("mailbox", "gone, not selectable or out of UIDs".into())
}

/// What came of a batch.
pub(super) enum Outcome {
    /// One list per job, in order.
    Placed(Vec<Vec<Placed>>),
    /// Nothing was done: only these of the mailboxes could be locked.
    Locked(HashSet<MailboxId>),
}

/// What was sent, to look for later.
pub(super) struct Sent {
    jobs: Vec<usize>,
    accounts: HashMap<MailboxId, AccountId>,
    /// Mailbox and email of each message.
    messages: Vec<(MailboxId, i64)>,
}

/// The statement's parameters; places in other columns count from 1.
#[derive(Default)]
pub(super) struct Batch<'a> {
    now: DateTime<Utc>,
    /// Messages of each job.
    jobs: Vec<usize>,
    boxes: BoxColumns,
    blobs: BlobColumns<'a>,
    content: ContentColumns,
    threads: ThreadColumns,
    messages: MessageColumns,
}

#[derive(Default)]
struct BoxColumns {
    id: Vec<MailboxId>,
    account: Vec<AccountId>,
    messages: Vec<i32>,
    bytes: Vec<i64>,
    unseen: Vec<i32>,
    deleted: Vec<i32>,
}

#[derive(Default)]
struct BlobColumns<'a> {
    hash: Vec<Vec<u8>>,
    size: Vec<i64>,
    chunk_blob: Vec<i32>,
    chunk_n: Vec<i32>,
    chunk_bytes: Vec<&'a [u8]>,
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
    /// Ten for each blob.
    texts: Vec<Option<String>>,
    refs: Vec<String>,
    refs_from: Vec<i32>,
    refs_to: Vec<i32>,
}

#[derive(Default)]
struct ThreadColumns {
    /// What a group's thread is called if none of its references is known.
    id: Vec<i64>,
    ref_account: Vec<i64>,
    ref_hash: Vec<i64>,
    ref_thread: Vec<i32>,
}

#[derive(Default)]
struct MessageColumns {
    at_box: Vec<i32>,
    /// From the mailbox's first new UID.
    offset: Vec<i32>,
    at_blob: Vec<i32>,
    at_thread: Vec<i32>,
    email: Vec<i64>,
    internal_at: Vec<DateTime<Utc>>,
    size: Vec<i32>,
    flags: Vec<i16>,
    keywords: Vec<Option<String>>,
    prefix: Vec<Option<Vec<u8>>>,
}

impl<'a> Batch<'a> {
    /// Lays the jobs out; `ids` are as many fresh ids as there are messages.
    pub(super) fn of(jobs: &[&'a Job], ids: &[i64]) -> Self {
        let mut batch = Self { jobs: jobs.iter().map(|j| j.messages.len()).collect(), ..Self::default() };
        batch.now = jobs.iter().map(|j| j.now).max().unwrap_or_default();
        let boxes = batch.lay_boxes(jobs);
        let blobs = batch.lay_blobs(jobs);
        let mut ids = ids.iter();
        let mut threads = Threads::default();
        for job in jobs {
            let mut email_of: HashMap<(usize, &[u8]), i64> = HashMap::new();
            for message in &job.messages {
                let blob = &job.blobs[message.blob];
                let fresh = *ids.next().unwrap_or(&0);
                // Copies with the same bytes and the same prefix are one email.
                let email = *email_of.entry((message.blob, &message.prefix)).or_insert(fresh);
                let size = (blob.size + message.prefix.len() as u64).min(i32::MAX as u64) as i32;
                let place = boxes[&message.mailbox];
                let (b, m) = (&mut batch.boxes, &mut batch.messages);
                m.at_box.push(place as i32 + 1);
                m.offset.push(b.messages[place]);
                m.at_blob.push(blobs[&blob.hash.0]);
                m.email.push(email);
                m.internal_at.push(message.internal_at);
                m.size.push(size);
                m.flags.push(message.flags.bits() as i16);
                m.keywords.push((!message.keywords.is_empty()).then(|| array(&message.keywords)));
                m.prefix.push((!message.prefix.is_empty()).then(|| message.prefix.clone()));
                b.messages[place] += 1;
                b.bytes[place] += i64::from(size);
                b.unseen[place] += i32::from(!message.flags.contains(SystemFlags::SEEN));
                b.deleted[place] += i32::from(message.flags.contains(SystemFlags::DELETED));
                threads.claim(message.account, &blob.content.thread_refs());
            }
        }
        threads.finish(&mut batch);
        batch
    }

    fn lay_boxes(&mut self, jobs: &[&Job]) -> HashMap<MailboxId, usize> {
        let messages = jobs.iter().flat_map(|job| &job.messages);
        let owners: BTreeMap<MailboxId, AccountId> = messages.map(|m| (m.mailbox, m.account)).collect();
        let b = &mut self.boxes;
        (b.id, b.account) = owners.into_iter().unzip();
        let count = b.id.len();
        (b.messages, b.bytes, b.unseen, b.deleted) = (vec![0; count], vec![0; count], vec![0; count], vec![0; count]);
        b.id.iter().enumerate().map(|(n, id)| (*id, n)).collect()
    }

    /// Each blob once, in the order of the hashes: two processes that add the same ones never wait in a circle.
    fn lay_blobs(&mut self, jobs: &[&'a Job]) -> HashMap<[u8; 32], i32> {
        let used = jobs.iter().flat_map(|job| job.messages.iter().map(|m| &job.blobs[m.blob]));
        let blobs: BTreeMap<[u8; 32], _> = used.map(|blob| (blob.hash.0, blob)).collect();
        let mut places = HashMap::new();
        for (n, (hash, blob)) in blobs.into_iter().enumerate() {
            places.insert(hash, n as i32 + 1);
            self.add_blob(n as i32 + 1, blob);
        }
        places
    }

    fn add_blob(&mut self, place: i32, blob: &'a NewBlob) {
        let (c, to) = (&blob.content, &mut self.blobs);
        to.hash.push(blob.hash.0.to_vec());
        to.size.push(blob.size as i64);
        for (n, chunk) in blob.chunks.iter().enumerate() {
            to.chunk_blob.push(place);
            to.chunk_n.push(n as i32);
            to.chunk_bytes.push(chunk);
        }
        let to = &mut self.content;
        to.version.push(c.version);
        to.attachment.push(c.attachment);
        to.sent_at.push(c.sent_at);
        to.parts.push(c.parts.clone());
        to.envelope.push(c.envelope.clone());
        to.envelope_utf8.push(c.envelope_utf8.clone());
        to.body.push(c.body.clone());
        to.bodystructure.push(c.bodystructure.clone());
        to.texts.extend(
            [&c.subject, &c.subject_base, &c.from_key, &c.to_key, &c.cc_key, &c.from_display, &c.to_display]
                .map(|text| Some(text.clone())),
        );
        to.texts.extend([c.message_id.clone(), c.list_id.clone(), Some(c.preview.clone())]);
        to.refs_from.push(to.refs.len() as i32 + 1);
        to.refs.extend(c.references.iter().cloned());
        to.refs_to.push(to.refs.len() as i32);
    }

    /// Runs the statement.
    pub(super) async fn run(&self, wait: Wait, conn: &mut PgConnection) -> Result<Outcome> {
        let Self { boxes: x, blobs: b, content: c, threads: t, messages: m, .. } = self;
        let row: Row = sqlx::query_as(APPEND_BATCH)
            .bind(&x.id)
            .bind(&x.messages)
            .bind(&x.bytes)
            .bind(&x.unseen)
            .bind(&x.deleted)
            .bind(wait == Wait::Skip)
            .bind(self.now)
            .bind(&b.hash)
            .bind(&b.size)
            .bind(&b.chunk_blob)
            .bind(&b.chunk_n)
            .bind(&b.chunk_bytes)
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
            .bind(&c.refs_from)
            .bind(&c.refs_to)
            .bind(&t.id)
            .bind(&t.ref_account)
            .bind(&t.ref_hash)
            .bind(&t.ref_thread)
            .bind(&m.at_box)
            .bind(&m.offset)
            .bind(&m.at_blob)
            .bind(&m.at_thread)
            .bind(&m.email)
            .bind(&m.internal_at)
            .bind(&m.size)
            .bind(&m.flags)
            .bind(&m.keywords)
            .bind(&m.prefix)
            .fetch_one(conn)
            .await?;
        match row {
            (_, Some(uid), Some(modseq), Some(uidvalidity), Some(blob), Some(thread)) => {
                self.placed(&uid, &modseq, &uidvalidity, &blob, &thread).map(Outcome::Placed)
            }
            (locked, ..) => Ok(Outcome::Locked(locked.unwrap_or_default().into_iter().collect())),
        }
    }

    fn placed(
        &self,
        uid: &[i64],
        modseq: &[i64],
        uidvalidity: &[i64],
        blob: &[BlobId],
        thread: &[i64],
    ) -> Result<Vec<Vec<Placed>>> {
        let m = &self.messages;
        let mut rows = (0..m.email.len()).map(|n| {
            let place = m.at_box[n] as usize - 1;
            let uid = uid[place] + i64::from(m.offset[n]);
            Ok(Placed {
                mailbox: self.boxes.id[place],
                uidvalidity: uidvalidity[place] as u32,
                uid: u32::try_from(uid).map_err(|_| StoreError::Inconsistent("mailbox", "out of UIDs".into()))?,
                modseq: modseq[place] as u64,
                blob: blob[m.at_blob[n] as usize - 1],
                email: EmailId(m.email[n]),
                thread: ThreadId(thread[m.at_thread[n] as usize - 1]),
            })
        });
        self.jobs.iter().map(|count| rows.by_ref().take(*count).collect()).collect()
    }

    /// One hint for each mailbox that got something.
    pub(super) fn events(&self, placed: &[Vec<Placed>]) -> Vec<Event> {
        events(&self.owners(), placed.iter().flatten())
    }

    fn owners(&self) -> HashMap<MailboxId, AccountId> {
        self.boxes.id.iter().copied().zip(self.boxes.account.iter().copied()).collect()
    }

    /// What to look for when the answer does not come.
    pub(super) fn sent(&self) -> Sent {
        let mailboxes = self.messages.at_box.iter().map(|place| self.boxes.id[*place as usize - 1]);
        Sent {
            jobs: self.jobs.clone(),
            accounts: self.owners(),
            messages: mailboxes.zip(self.messages.email.iter().copied()).collect(),
        }
    }
}

fn events<'a>(accounts: &HashMap<MailboxId, AccountId>, placed: impl Iterator<Item = &'a Placed>) -> Vec<Event> {
    let modseqs: BTreeMap<MailboxId, u64> = placed.map(|p| (p.mailbox, p.modseq)).collect();
    let event = |(mailbox, modseq)| Some(Event::MailboxChanged { account: *accounts.get(&mailbox)?, mailbox, modseq });
    modseqs.into_iter().filter_map(event).collect()
}

impl Sent {
    pub(super) fn events(&self, placed: &[Option<Vec<Placed>>]) -> Vec<Event> {
        events(&self.accounts, placed.iter().flatten().flatten())
    }
}

impl Store {
    /// Which jobs of a statement are committed. The mailboxes' locks are taken first: a server process that has not
    /// noticed that its client is gone holds them until it is done.
    pub(super) async fn appended(&self, sent: &Sent) -> Result<Vec<Option<Vec<Placed>>>> {
        let (mailboxes, emails): (Vec<MailboxId>, Vec<i64>) = sent.messages.iter().copied().unzip();
        let mut tx = self.begin().await?;
        tx.mailbox_lock(&mailboxes).await?;
        type Found = (MailboxId, EmailId, i64, i64, i64, BlobId, ThreadId);
        let rows: Vec<Found> = sqlx::query_as(APPEND_FOUND).bind(&mailboxes).bind(&emails).fetch_all(tx.conn()).await?;
        tx.commit().await?;
        let mut found = HashMap::new();
        for (mailbox, email, uid, modseq, uidvalidity, blob, thread) in rows {
            let (uid, modseq, uidvalidity) = (uid as u32, modseq as u64, uidvalidity as u32);
            found.insert((mailbox, email.0), Placed { mailbox, uidvalidity, uid, modseq, blob, email, thread });
        }
        let mut messages = sent.messages.iter().map(|key| found.get(key).copied());
        Ok(sent.jobs.iter().map(|count| messages.by_ref().take(*count).collect()).collect())
    }
}

type Row = (
    Option<Vec<MailboxId>>,
    Option<Vec<i64>>,
    Option<Vec<i64>>,
    Option<Vec<i64>>,
    Option<Vec<BlobId>>,
    Option<Vec<i64>>,
);

/// The text of an array of numbers.
fn array(ids: &[i16]) -> String {
    format!("{{{}}}", ids.iter().map(i16::to_string).collect::<Vec<_>>().join(","))
}

/// Messages of one batch that share a message id are one thread: a union-find over (account, reference).
#[derive(Default)]
struct Threads {
    parent: Vec<usize>,
    owner: BTreeMap<(i64, i64), usize>,
}

impl Threads {
    fn claim(&mut self, account: AccountId, refs: &[i64]) {
        let me = self.parent.len();
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

    fn finish(self, batch: &mut Batch<'_>) {
        let mut groups: HashMap<usize, i32> = HashMap::new();
        let (to, messages) = (&mut batch.threads, &mut batch.messages);
        for (n, email) in messages.email.iter().enumerate() {
            let group = *groups.entry(self.root(n)).or_insert_with(|| {
                to.id.push(*email);
                to.id.len() as i32
            });
            messages.at_thread.push(group);
            let id = &mut to.id[group as usize - 1];
            *id = (*id).min(*email);
        }
        for ((account, reference), owner) in &self.owner {
            to.ref_account.push(*account);
            to.ref_hash.push(*reference);
            to.ref_thread.push(groups[&self.root(*owner)]);
        }
    }
}

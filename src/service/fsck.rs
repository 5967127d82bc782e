//! Checks what the store holds against itself (I3, I4): every blob against its hash, every counter against its rows.

use super::spool::{Hash, SpoolRoom};
use super::{Base, Refusal, Result};
use crate::model::ids::{BlobHash, BlobId};
use crate::store::StoreError;
use crate::store::blob::CHUNK;
use std::collections::HashSet;

/// Blobs listed at a time.
const BATCH: i64 = 500;

/// Checks. Cheap to clone.
#[derive(Clone)]
pub struct Fsck {
    base: Base,
    room: SpoolRoom,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `blob`, `counters`, `message`, `size`, `queue`, `upload`, `outbox`, `content`.
    pub kind: &'static str,
    /// `blob 17`, `mailbox 4`, `mailbox 4 uid 12`.
    pub subject: String,
    pub detail: String,
    pub repaired: bool,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub blobs: u64,
    pub octets: u64,
    pub findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, kind: &'static str, subject: String, detail: String, repaired: bool) {
        self.findings.push(Finding { kind, subject, detail, repaired });
    }
}

impl Fsck {
    pub(crate) fn new(base: Base, room: SpoolRoom) -> Self {
        Self { base, room }
    }

    /// Checks everything, mending counters and content where `repair`; `progress` hears blobs done and blobs in all.
    /// Memory holds one chunk at a time, and one message where its content is computed anew.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]; what is wrong with the data is a finding.
    pub async fn check(&self, repair: bool, mut progress: impl FnMut(u64, u64)) -> Result<Report> {
        let mut report = Report::default();
        let (count, _) = self.base.store.blob_count().await?;
        let mut above = BlobId(0);
        loop {
            let list = self.base.store.blob_list(above, BATCH).await?;
            let Some((last, ..)) = list.last() else { break };
            above = *last;
            for (id, hash, size) in list {
                report.blobs += 1;
                report.octets += size;
                // A blob that was swept between the list and the look is no fault.
                if let Some(detail) = self.fault(id, hash, size).await?
                    && self.base.store.blob_size(id).await.is_ok()
                {
                    report.add("blob", format!("blob {id}"), detail, false);
                }
            }
            progress(report.blobs, count.max(report.blobs));
        }
        self.check_rows(repair, &mut report).await?;
        Ok(report)
    }

    /// What is wrong with a blob's octets, read chunk by chunk.
    async fn fault(&self, id: BlobId, hash: BlobHash, size: u64) -> Result<Option<String>> {
        let (mut context, mut octets) = (Hash::default(), 0);
        for n in 0..size.div_ceil(CHUNK as u64) {
            match self.base.store.blob_chunk(id, n as u32).await {
                Ok(chunk) => {
                    octets += chunk.len() as u64;
                    context.update(&chunk);
                }
                Err(StoreError::Unavailable(source)) => return Err(StoreError::Unavailable(source).into()),
                Err(other) => return Ok(Some(other.to_string())),
            }
        }
        if octets != size {
            return Ok(Some(format!("{octets} octets, not {size}")));
        }
        Ok((context.finish() != hash).then(|| "its octets do not have its hash".to_owned()))
    }

    async fn check_rows(&self, repair: bool, report: &mut Report) -> Result<()> {
        for wrong in self.base.store.counters_wrong().await? {
            let [messages, octets, unseen, deleted] = wrong.told;
            let found = wrong.found;
            let mut detail =
                format!("says {messages} messages, {octets} octets, {unseen} unseen, {deleted} deleted; has {found:?}");
            if wrong.numbers {
                detail.push_str("; a UID or modseq is above its own");
            }
            if repair {
                let mut tx = self.base.store.begin().await?;
                tx.counters_repair(wrong.mailbox).await?;
                tx.commit().await?;
            }
            report.add("counters", format!("mailbox {}", wrong.mailbox), detail, repair);
        }
        let (lost, sizes) = self.base.store.messages_wrong().await?;
        for (mailbox, uid) in lost {
            report.add("message", format!("mailbox {mailbox} uid {uid}"), "its octets are missing".into(), false);
        }
        for (mailbox, uid) in sizes {
            report.add(
                "size",
                format!("mailbox {mailbox} uid {uid}"),
                "its size is not that of its octets".into(),
                false,
            );
        }
        for (mailbox, uid) in self.base.store.messages_orphaned().await? {
            report.add("message", format!("mailbox {mailbox} uid {uid}"), "its mailbox is missing".into(), false);
        }
        for id in self.base.store.queue_lost().await? {
            report.add("queue", format!("queue {id}"), "its octets are missing".into(), false);
        }
        let (files, held) = self.base.store.writing_lost().await?;
        for id in files {
            report.add("upload", format!("upload {id}"), "its octets are missing".into(), false);
        }
        for id in held {
            report.add("outbox", format!("outbox {id}"), "its octets are missing".into(), false);
        }
        self.check_content(repair, report).await
    }

    async fn check_content(&self, repair: bool, report: &mut Report) -> Result<()> {
        let damaged: HashSet<String> =
            report.findings.iter().filter(|f| f.kind == "blob").map(|f| f.subject.clone()).collect();
        let mut above = BlobId(0);
        loop {
            let list = self.base.store.content_wrong(crate::mime::content::VERSION, above).await?;
            let Some(last) = list.last() else { return Ok(()) };
            above = *last;
            for blob in list {
                let subject = format!("blob {blob}");
                // Nothing true can be read from octets that are damaged.
                let repaired = repair && !damaged.contains(&subject) && self.recompute(blob).await?;
                report.add("content", subject, "what is read from it is missing or old".into(), repaired);
            }
        }
    }

    /// Whether the blob could be read.
    async fn recompute(&self, blob: BlobId) -> Result<bool> {
        let Ok(size) = self.base.store.blob_size(blob).await else { return Ok(false) };
        let _budget = self.room.reserve(size)?;
        let bytes = match self.base.store.blob_bytes(blob).await {
            Ok(bytes) => bytes,
            Err(StoreError::Inconsistent(..)) => return Ok(false),
            Err(other) => return Err(other.into()),
        };
        let content = tokio::task::spawn_blocking(move || super::content::content_row(&bytes))
            .await
            .map_err(|e| Refusal::Internal(e.into()))?;
        let mut tx = self.base.store.begin().await?;
        tx.content_put(blob, &content).await?;
        tx.commit().await?;
        Ok(true)
    }
}

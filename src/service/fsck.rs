//! Checks what the store holds against itself (I3, I4): every blob against its hash, every counter against its rows.

use super::spool::{SpoolRoom, hash_of};
use super::{Base, Refusal, Result};
use crate::model::ids::BlobId;
use crate::store::StoreError;

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
    /// `blob`, `counters`, `message`, `size`, `content`.
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

    /// Checks everything, mending counters where `repair`; `progress` hears blobs done and blobs in all. Memory holds
    /// one message at a time.
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
                let _budget = self.room.reserve(size)?;
                report.blobs += 1;
                report.octets += size;
                let wrong = match self.base.store.blob_bytes(id).await {
                    Ok(bytes) if bytes.len() as u64 != size => Some(format!("{} octets, not {size}", bytes.len())),
                    Ok(bytes) => (hash_of(&bytes) != hash).then(|| "its octets do not have its hash".to_owned()),
                    Err(StoreError::Unavailable(source)) => return Err(StoreError::Unavailable(source).into()),
                    Err(other) => Some(other.to_string()),
                };
                // A blob that was swept between the list and the look is no fault.
                if let Some(detail) = wrong
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
        for blob in self.base.store.content_wrong(crate::mime::content::VERSION).await? {
            if repair {
                self.recompute(blob).await?;
            }
            report.add("content", format!("blob {blob}"), "what is read from it is missing or old".into(), repair);
        }
        Ok(())
    }

    async fn recompute(&self, blob: BlobId) -> Result<()> {
        let _budget = self.room.reserve(self.base.store.blob_size(blob).await?)?;
        let bytes = self.base.store.blob_bytes(blob).await?;
        let content = tokio::task::spawn_blocking(move || super::content::content_row(&bytes))
            .await
            .map_err(|e| Refusal::Internal(e.into()))?;
        let mut tx = self.base.store.begin().await?;
        tx.content_put(blob, &content).await?;
        Ok(tx.commit().await?)
    }
}

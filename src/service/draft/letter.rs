//! A draft as the message it becomes.

use super::Drafts;
use crate::mime::compose::{Copy, Enclosure, Letter, build};
use crate::mime::people::{Person, known};
use crate::model::address::Address;
use crate::model::ids::{DraftId, UploadId};
use crate::service::Result;
use crate::service::login::Identity;
use crate::service::places::Places;
use crate::service::spool::Reserved;
use crate::store::Tx;
use crate::store::draft::DraftRow;
use chrono::{DateTime, Utc};

/// A draft's files in memory, with the budget for a message made of them.
pub(in crate::service) struct Loaded {
    pub enclosures: Vec<Enclosure>,
    ids: Vec<UploadId>,
    _budget: Reserved,
}

impl Drafts {
    /// Reads the files of a draft.
    ///
    /// # Errors
    /// [`Refusal::Busy`] without byte budget.
    pub(in crate::service) async fn load(&self, who: &Identity, row: &DraftRow) -> Result<Loaded> {
        let rows = self.base.store.upload_list(who.account(), Some(row.id)).await?;
        let octets: u64 = rows.iter().map(|row| row.size).sum();
        // The files, the message, and what is compressed of it.
        let budget = self.room.reserve(octets * 3 + row.text.body.len() as u64)?;
        let ids = rows.iter().map(|row| row.id).collect();
        let mut enclosures = Vec::with_capacity(rows.len());
        for row in rows {
            let bytes = self.base.store.blob_bytes(row.blob).await?;
            enclosures.push(Enclosure { name: row.name, media: row.media_type, bytes });
        }
        Ok(Loaded { enclosures, ids, _budget: budget })
    }
}

impl Loaded {
    /// Whether they still are the files of the draft, which is locked: another window may have added one, or removed it.
    pub async fn are_all(tx: &mut Tx, who: &Identity, draft: DraftId, ids: &[UploadId]) -> Result<bool> {
        Ok(tx.upload_ids(who.account(), draft).await? == ids)
    }

    /// Which files they are.
    pub fn ids(&self) -> Vec<UploadId> {
        self.ids.clone()
    }
}

/// The message of a draft. What is typed of its recipients and is no address stays behind.
///
/// # Errors
/// [`Refusal::Internal`] when it can't be built.
pub(in crate::service) async fn built(
    work: &Places,
    who: &Identity,
    row: &DraftRow,
    enclosures: Vec<Enclosure>,
    copy: Copy,
    now: DateTime<Utc>,
) -> Result<Vec<u8>> {
    let sender = Address::parse(&row.text.sender).unwrap_or_else(|_| who.address().clone());
    let letter = Letter {
        from: Person { name: who.name().to_owned(), ..Person::unnamed(&sender) },
        to: known(&row.text.to),
        cc: known(&row.text.cc),
        bcc: known(&row.text.bcc),
        subject: row.text.subject.clone(),
        date: Some(now.fixed_offset()),
        message_id: row.message_id.clone(),
        in_reply_to: row.in_reply_to.clone(),
        references: row.references.clone(),
        text: row.text.body.clone(),
        enclosures,
    };
    // Encoding large files is work for elsewhere than the I/O threads.
    work.run(move || build(&letter, copy)).await
}

//! Files that are given to us for a message before it is sent. They are stored while they come, hashed on the way;
//! memory holds one chunk of each.

use super::login::Identity;
use super::reader::{Opened, Reader};
use super::spool::{Hash, SpoolRoom};
use super::{Base, Refusal, Result};
use crate::model::ids::{AccountId, DraftId, UploadId};
use crate::model::shown;
use crate::store::Tx;
use crate::store::blob::CHUNK;
use crate::store::upload::{NewUpload, UploadRow, UploadUsage};
use chrono::TimeDelta;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Files of an account that may wait at once.
const FILES: u64 = 500;
/// Octets of all of them, as multiples of what one message takes.
const MESSAGES: u64 = 4;
/// Base64 makes 78 octets of 57.
const GROWTH: (u64, u64) = (57, 78);
/// Left for the text of the message.
const TEXT: u64 = 64 << 10;
/// Chunks of a file between two looks at what else has come meanwhile.
const LOOK: u32 = 16;
/// What broke off longer ago holds no room any more.
const BROKEN: TimeDelta = TimeDelta::hours(1);

const ANYTHING: &str = "application/octet-stream";
const BEING_SENT: Refusal = Refusal::InUse("the message is being sent");
const TOO_MANY: Refusal = Refusal::Limit("too many files are waiting: send or discard some drafts first");

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub id: UploadId,
    pub name: String,
    /// As the browser said; for display never believed.
    pub media_type: String,
    /// Octets.
    pub size: u64,
    pub draft: Option<DraftId>,
}

impl From<UploadRow> for Upload {
    fn from(row: UploadRow) -> Self {
        Self { id: row.id, name: row.name, media_type: row.media_type, size: row.size, draft: row.draft }
    }
}

/// What a browser says of a file that it is about to send.
#[derive(Debug, Clone, Copy)]
pub struct Announced<'a> {
    pub draft: Option<DraftId>,
    pub name: &'a str,
    pub media_type: &'a str,
    /// Octets, if it says so: what is too large is refused before it comes.
    pub size: Option<u64>,
}

/// Takes files. Cheap to clone.
#[derive(Clone)]
pub struct Uploads {
    base: Base,
    room: SpoolRoom,
    reader: Reader,
}

/// A file that is coming.
struct Writing<'a> {
    uploads: &'a Uploads,
    account: AccountId,
    id: UploadId,
    draft: Option<DraftId>,
    hash: Hash,
    chunk: Vec<u8>,
    chunks: u32,
    size: u64,
    /// Octets it may have, and the limit that is told.
    room: u64,
    limit: u64,
}

impl Uploads {
    pub(crate) fn new(base: Base, room: SpoolRoom, reader: Reader) -> Self {
        Self { base, room, reader }
    }

    /// Octets that all files of a message may have together, to be told before any comes.
    pub fn limit(&self) -> u64 {
        self.room.message_limit().saturating_sub(TEXT) / GROWTH.1 * GROWTH.0
    }

    /// Takes a file to its end. Where it breaks off nothing is kept.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] with the limit for all files of the message; [`Refusal::Limit`]; [`Refusal::Full`];
    /// [`Refusal::NotFound`] for a draft that is not the member's; [`Refusal::Invalid`] when it breaks off.
    pub async fn take(&self, who: &Identity, file: Announced<'_>, mut from: impl AsyncRead + Unpin) -> Result<Upload> {
        // Browsers of old say where it lies (RFC 7578 §4.2).
        let name = file.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let media_type = if is_message(file.media_type) { ANYTHING } else { file.media_type };
        let mut writing = self.begin(who, Announced { name, media_type, ..file }).await?;
        let mut buffer = vec![0; 64 << 10];
        let read = async {
            loop {
                let octets = from.read(&mut buffer).await;
                match octets.map_err(|_| Refusal::Invalid("the file broke off: send it once more"))? {
                    0 => return Ok(()),
                    octets => writing.push(&buffer[..octets]).await?,
                }
            }
        };
        let outcome = read.await;
        self.end(who, writing, outcome).await
    }

    /// Takes an attachment of a message, to pass it on.
    ///
    /// # Errors
    /// As [`Uploads::take`]; [`Refusal::NotFound`] if there is no such part.
    pub async fn take_part(
        &self,
        who: &Identity,
        draft: Option<DraftId>,
        message: &Opened,
        path: &[u32],
    ) -> Result<Upload> {
        let mut part = self.reader.part(message, path)?;
        let media_type = part.media_type.clone();
        let name = match part.name.as_str() {
            "" if is_message(&media_type) => "message.eml".to_owned(),
            name => name.to_owned(),
        };
        let announced = Announced { draft, name: &name, media_type: &media_type, size: None };
        let mut writing = self.begin(who, announced).await?;
        let read = async {
            while let Some(piece) = part.next().await? {
                writing.push(&piece).await?;
            }
            Ok(())
        };
        let outcome = read.await;
        self.end(who, writing, outcome).await
    }

    /// Takes a whole message as its sender wrote it, to pass it on as it is. Its octets are there already.
    ///
    /// # Errors
    /// As [`Uploads::take`].
    pub async fn take_message(
        &self,
        who: &Identity,
        draft: Option<DraftId>,
        message: &Opened,
        name: &str,
    ) -> Result<Upload> {
        let size = message.row.size - message.row.prefix.len() as u64;
        let (room, limit) = self.check(who, draft, Some(size)).await?;
        if size > room {
            return Err(Refusal::TooLarge(limit));
        }
        let name = clean_name(name);
        let new = NewUpload { account: who.account(), name: &name, media_type: "message/rfc822", draft };
        let mut tx = self.base.store.begin().await?;
        check_open(&mut tx, draft).await?;
        let id = tx.upload_add(new, message.row.blob(), self.base.clock.now()).await?.ok_or(Refusal::NotFound)?;
        tx.commit().await?;
        let media_type = new.media_type.to_owned();
        Ok(Upload { id, name, media_type, size, draft })
    }

    /// Files of a draft, or those bound to none yet, in the order in which they came.
    pub async fn list(&self, who: &Identity, draft: Option<DraftId>) -> Result<Vec<Upload>> {
        let rows = self.base.store.upload_list(who.account(), draft).await?;
        Ok(rows.into_iter().map(Upload::from).collect())
    }

    /// Removes a file.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::InUse`] while its draft is being sent.
    pub async fn remove(&self, who: &Identity, id: UploadId) -> Result<()> {
        let row = self.base.store.upload_get(who.account(), id).await?.ok_or(Refusal::NotFound)?;
        if let Some(draft) = row.draft {
            self.check_draft(who, draft).await?;
        }
        if self.base.store.upload_remove(who.account(), id).await? { Ok(()) } else { Err(Refusal::NotFound) }
    }

    /// Gives files that came before their draft to it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if the draft or one of the files is not there.
    pub async fn bind(&self, who: &Identity, draft: DraftId, ids: &[UploadId]) -> Result<()> {
        self.check_draft(who, draft).await?;
        let mut tx = self.base.store.begin().await?;
        check_open(&mut tx, Some(draft)).await?;
        if tx.upload_bind(who.account(), draft, ids).await? != ids.len() as u64 {
            return Err(Refusal::NotFound);
        }
        Ok(tx.commit().await?)
    }

    async fn check_draft(&self, who: &Identity, draft: DraftId) -> Result<()> {
        match self.base.store.draft_get(who.account(), draft).await? {
            Some(row) if row.outbox.is_some() => Err(BEING_SENT),
            Some(_) => Ok(()),
            None => Err(Refusal::NotFound),
        }
    }

    /// How many octets more the draft and the account take, and the limit that is told.
    async fn check(&self, who: &Identity, draft: Option<DraftId>, announced: Option<u64>) -> Result<(u64, u64)> {
        if self.room.is_full() {
            return Err(Refusal::Full);
        }
        if let Some(draft) = draft {
            self.check_draft(who, draft).await?;
        }
        let usage = self.usage(who.account(), draft).await?;
        let limit = self.limit();
        let of_account = self.most().saturating_sub(usage.octets);
        if usage.files >= FILES || of_account == 0 {
            return Err(TOO_MANY);
        }
        let room = limit.saturating_sub(if draft.is_some() { usage.of_draft } else { 0 });
        if announced.is_some_and(|size| size > room) {
            return Err(Refusal::TooLarge(limit));
        }
        Ok((room.min(of_account), limit))
    }

    async fn usage(&self, account: AccountId, draft: Option<DraftId>) -> Result<UploadUsage> {
        Ok(self.base.store.upload_usage(account, draft, self.base.clock.now() - BROKEN).await?)
    }

    /// Octets that all files of an account may have.
    fn most(&self) -> u64 {
        self.room.message_limit() * MESSAGES
    }

    async fn begin(&self, who: &Identity, file: Announced<'_>) -> Result<Writing<'_>> {
        let (room, limit) = self.check(who, file.draft, file.size).await?;
        let name = clean_name(file.name);
        let media_type = clean_type(file.media_type);
        let new = NewUpload { account: who.account(), name: &name, media_type: &media_type, draft: file.draft };
        let id = self.base.store.upload_begin(new, self.base.clock.now()).await?;
        let (hash, chunk) = (Hash::default(), Vec::with_capacity(CHUNK));
        let (account, draft) = (who.account(), file.draft);
        Ok(Writing { uploads: self, account, id, draft, hash, chunk, chunks: 0, size: 0, room, limit })
    }

    async fn end(&self, who: &Identity, writing: Writing<'_>, outcome: Result<()>) -> Result<Upload> {
        let id = writing.id;
        let finished = match outcome {
            Ok(()) => writing.finish().await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = finished {
            // What can't be removed now is swept.
            let _ = self.base.store.upload_remove(who.account(), id).await;
            return Err(refusal);
        }
        Ok(self.base.store.upload_get(who.account(), id).await?.ok_or(Refusal::NotFound)?.into())
    }
}

impl Writing<'_> {
    async fn push(&mut self, mut octets: &[u8]) -> Result<()> {
        self.size += octets.len() as u64;
        if self.size > self.room {
            return Err(Refusal::TooLarge(self.limit));
        }
        self.hash.update(octets);
        while !octets.is_empty() {
            let (now, later) = octets.split_at(octets.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            octets = later;
            if self.chunk.len() == CHUNK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        if !self.uploads.base.store.upload_chunk(self.id, self.chunks, &self.chunk).await? {
            return Err(Refusal::NotFound);
        }
        self.chunks += 1;
        self.chunk.clear();
        // Many at once had all the same room when they began.
        if self.chunks.is_multiple_of(LOOK) {
            if self.uploads.room.is_full() {
                return Err(Refusal::Full);
            }
            self.look().await?;
        }
        Ok(())
    }

    async fn look(&self) -> Result<()> {
        let used = self.uploads.usage(self.account, None).await?.octets;
        if used > self.uploads.most() { Err(TOO_MANY) } else { Ok(()) }
    }

    async fn finish(mut self) -> Result<()> {
        if !self.chunk.is_empty() {
            self.flush().await?;
        }
        // Of two that end at once, one at least sees all that both have written.
        self.look().await?;
        let Base { store, clock, .. } = &self.uploads.base;
        let mut tx = store.begin().await?;
        check_open(&mut tx, self.draft).await?;
        if !tx.upload_finish(self.id, self.hash.finish(), self.size, clock.now()).await? {
            return Err(Refusal::NotFound);
        }
        Ok(tx.commit().await?)
    }
}

/// Refuses a file that comes after its draft was sent or thrown away: it would go with it unseen.
async fn check_open(tx: &mut Tx, draft: Option<DraftId>) -> Result<()> {
    match draft {
        Some(draft) if !tx.upload_draft_lock(draft).await? => Err(BEING_SENT),
        _ => Ok(()),
    }
}

fn clean_name(raw: &str) -> String {
    let name = shown::file_name(raw);
    if name.is_empty() { "file".to_owned() } else { name }
}

fn is_message(media_type: &str) -> bool {
    media_type.eq_ignore_ascii_case("message/rfc822")
}

/// `type/subtype` in lower case, or what stands for anything: a multipart would be written into the message as structure.
fn clean_type(raw: &str) -> String {
    let raw = raw.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'+' | b'_'))
    };
    let fine = raw.len() <= 100 && raw.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype));
    let structure = raw.starts_with("multipart/") || (raw.starts_with("message/") && !is_message(&raw));
    if fine && !structure { raw } else { ANYTHING.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_are_tame() {
        for (raw, name) in [
            ("a/b.txt", "a_b.txt"),
            ("in\u{202e}fdp.exe\r\nX: y", "infdp.exe X_ y"),
            ("", "file"),
            ("..", "file"),
            ("Grüße.pdf", "Grüße.pdf"),
        ] {
            assert_eq!(clean_name(raw), name, "{raw:?}");
        }
        for (raw, kind) in [
            ("Image/PNG", "image/png"),
            ("text/plain; charset=x", "text/plain"),
            ("text", "application/octet-stream"),
            ("a/b\r\nX: y", "application/octet-stream"),
            ("multipart/mixed", "application/octet-stream"),
            ("message/rfc822", "message/rfc822"),
            ("message/partial", "application/octet-stream"),
        ] {
            assert_eq!(clean_type(raw), kind, "{raw:?}");
        }
    }
}

//! From a message's bytes to what the store keeps of them.

use super::spool::{Spooled, hash_of};
use super::{Refusal, Result};
use crate::mime::content::Content;
use crate::model::ids::BlobHash;
use crate::store::blob::{CHUNK, ContentRow, NewBlob};
use std::sync::Arc;

/// Reads the message once and compresses it; large ones off the I/O threads.
///
/// # Errors
/// [`Refusal::Internal`] when memory is out.
pub async fn new_blob(message: Arc<Spooled>) -> Result<Arc<NewBlob>> {
    let small = message.len() as usize <= CHUNK;
    let build = move || build(message.hash(), message.bytes());
    if small { build() } else { aside(build).await }
}

/// The same for octets that were written here.
///
/// # Errors
/// As [`new_blob`].
pub async fn new_blob_of(bytes: Arc<Vec<u8>>) -> Result<Arc<NewBlob>> {
    let small = bytes.len() <= CHUNK;
    let build = move || build(hash_of(&bytes), &bytes);
    if small { build() } else { aside(build).await }
}

async fn aside(build: impl FnOnce() -> Result<Arc<NewBlob>> + Send + 'static) -> Result<Arc<NewBlob>> {
    tokio::task::spawn_blocking(build).await.map_err(|e| Refusal::Internal(e.into()))?
}

fn build(hash: BlobHash, bytes: &[u8]) -> Result<Arc<NewBlob>> {
    Ok(Arc::new(NewBlob::new(hash, bytes, content_row(bytes))?))
}

/// What is kept of a message beside its bytes (I4).
pub fn content_row(raw: &[u8]) -> ContentRow {
    let content = Content::of(raw);
    ContentRow {
        version: content.version,
        attachment: content.has_attachment,
        sent_at: content.sent_at,
        parts: content.parts,
        envelope: content.envelope,
        envelope_utf8: content.envelope_utf8,
        body: content.body,
        bodystructure: content.bodystructure,
        subject: content.subject,
        subject_base: content.subject_base,
        from_key: content.from_key,
        to_key: content.to_key,
        cc_key: content.cc_key,
        from_display: content.from_display,
        to_display: content.to_display,
        message_id: content.message_id,
        references: content.references,
        list_id: content.list_id,
        preview: content.preview,
    }
}

//! Forms that bring files (RFC 7578): their fields first, then each file as it comes. Nothing of a file is kept in memory
//! but the piece at hand.

use super::Web;
use super::error::Fault;
use super::extract::{ARRIVES, Fields, MOST, check_site, is_ours};
use super::visitor::Visitor;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use multer::{Field, Multipart};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

/// Forms that are read at once for nobody who is known: with a form's most octets each that is 32 MiB.
pub(super) const SALVAGES: usize = 16;
/// A browser that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(30);
/// Octets that may wait for somebody to read them: fields, and what stands between parts.
const WAITING: u64 = MOST as u64 + (64 << 10);

/// A form that may bring files, checked to come from a page of ours. A form without any is the same to its handler.
pub(super) struct FileForm {
    fields: Fields,
    files: Option<Files>,
}

struct Files {
    parts: Multipart<'static>,
    /// The file that is being read, or the next one.
    current: Option<Field<'static>>,
    is_new: bool,
    /// Octets that were read of all parts.
    read: Arc<AtomicU64>,
    /// What went wrong with the body.
    broken: bool,
}

/// A file as the browser announces it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Coming {
    pub name: String,
    pub media_type: String,
}

impl FileForm {
    /// The fields that have come: those before the first file, at the end all of them.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The next file; what was not read of the one before is dropped.
    ///
    /// # Errors
    /// [`Fault::TooMuch`] where far more comes than files may have; [`Fault::Slow`], [`Fault::Unreadable`].
    pub async fn next(&mut self) -> Result<Option<Coming>, Fault> {
        let Some(files) = &mut self.files else { return Ok(None) };
        if !std::mem::take(&mut files.is_new) {
            files.advance(&mut self.fields).await?;
        }
        let Some(field) = &files.current else { return Ok(None) };
        let media_type = field.content_type().map(ToString::to_string).unwrap_or_default();
        Ok(Some(Coming { name: field.file_name().unwrap_or_default().to_owned(), media_type }))
    }

    /// The octets of the file that [`FileForm::next`] has told of.
    pub fn octets(&mut self) -> impl AsyncRead + Unpin + '_ {
        let pieces = stream::try_unfold(self.files.as_mut(), async |files| {
            let Some(files) = files else { return Ok(None) };
            let piece = files.piece().await.map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))?;
            Ok::<_, io::Error>(piece.map(|piece| (piece, Some(files))))
        });
        StreamReader::new(Box::pin(pieces))
    }

    /// Drops the files that are still to come, so that the browser reads the answer: it does so once it has sent all.
    pub async fn drop_files(&mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }
}

impl Files {
    /// The next piece of the current file.
    async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(field) = &mut self.current else { return Ok(None) };
        let piece = tokio::time::timeout(SILENCE, field.chunk()).await;
        let piece = piece.map_err(|_| Fault::Slow).and_then(|piece| piece.map_err(|error| fault(&error)));
        match &piece {
            Ok(Some(piece)) => _ = self.read.fetch_add(piece.len() as u64, Ordering::Relaxed),
            Ok(None) => self.current = None,
            Err(_) => (self.current, self.broken) = (None, true),
        }
        piece
    }

    /// Goes on to the next file; fields on the way are added. A field for files in which none was chosen comes without
    /// a name.
    async fn advance(&mut self, fields: &mut Fields) -> Result<(), Fault> {
        while self.piece().await?.is_some() {}
        if self.broken {
            return Ok(());
        }
        while let Some(field) = self.parts.next_field().await.map_err(|error| fault(&error))? {
            let is_file = field.file_name().is_some() || field.content_type().is_some();
            let is_chosen = field.file_name().is_some_and(|name| !name.is_empty());
            let name = field.name().unwrap_or_default().to_owned();
            self.current = Some(field);
            if is_file && is_chosen {
                return Ok(());
            }
            let mut value = Vec::new();
            while let Some(piece) = self.piece().await? {
                value.extend_from_slice(&piece);
                if value.len() > MOST {
                    return Err(Fault::TooMuch);
                }
            }
            if !is_file {
                fields.push(name, String::from_utf8_lossy(&value).into_owned())?;
            }
        }
        Ok(())
    }
}

fn fault(error: &multer::Error) -> Fault {
    match error {
        multer::Error::StreamReadFailed(source) if source.is::<TooMuch>() => Fault::TooMuch,
        _ => Fault::Unreadable,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("more than a form has")]
struct TooMuch;

/// The body's octets, up to `most` of them, and no more ahead of their reader than a form's fields have.
fn bounded(body: Body, most: u64, read: Arc<AtomicU64>) -> impl Stream<Item = Result<Bytes, axum::BoxError>> + Send {
    let mut come = 0;
    body.into_data_stream().map_err(Into::into).map(move |piece: Result<Bytes, axum::BoxError>| {
        let piece = piece?;
        come += piece.len() as u64;
        if come > most || come.saturating_sub(read.load(Ordering::Relaxed)) > WAITING + piece.len() as u64 {
            return Err(TooMuch.into());
        }
        Ok(piece)
    })
}

impl FromRequest<Web> for FileForm {
    type Rejection = Fault;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Fault> {
        let Some(boundary) = boundary(&request) else {
            return Ok(Self { fields: Fields::from_request(request, web).await?, files: None });
        };
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, web).await?;
        check_site(&parts, web)?;
        let form = Self::begin(body, boundary, web).await?;
        if form.is_ours(&parts, &visitor, web) {
            visitor.keep(&form.repeatable());
            return Ok(form);
        }
        let fields = form.fields_alone().await;
        if visitor.has_ended() { Err(Fault::SignedOut(fields)) } else { Err(Fault::OldForm(fields)) }
    }
}

fn boundary(request: &Request) -> Option<String> {
    let kind = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(kind).ok()
}

/// Keeps what a form says that no handler will read; one from elsewhere, or one that can't be read, is dropped. So is one
/// that finds no place: strangers send what they like, and this is read for them too.
pub(super) async fn salvage(request: Request, web: &Web) {
    let Ok(_place) = web.0.salvages.try_acquire() else { return };
    let boundary = boundary(&request);
    let (mut parts, body) = request.into_parts();
    let Ok(visitor) = Visitor::from_request_parts(&mut parts, web).await else { return };
    if visitor.only_reads() || check_site(&parts, web).is_err() {
        return;
    }
    let read = match boundary {
        None => Fields::parse(body, MOST).await,
        Some(boundary) => match FileForm::begin(body, boundary, web).await {
            Ok(form) => Ok(form.fields_alone().await),
            Err(fault) => Err(fault),
        },
    };
    if let Ok(fields) = read {
        visitor.keep(&fields);
    }
}

impl FileForm {
    /// Reads the fields before the first file.
    async fn begin(body: Body, boundary: String, web: &Web) -> Result<Self, Fault> {
        // What is over the limit is read too, as far as that makes sense: the browser hears of it when it has sent all.
        let most = web.services().uploads.limit() * 2 + MOST as u64;
        let read = Arc::<AtomicU64>::default();
        let body = bounded(body, most, read.clone());
        let parts_of_it = Multipart::new(body, boundary);
        let mut files = Files { parts: parts_of_it, current: None, is_new: true, read, broken: false };
        let mut fields = Fields::default();
        tokio::time::timeout(ARRIVES, files.advance(&mut fields)).await.map_err(|_| Fault::Slow)??;
        Ok(Self { fields, files: Some(files) })
    }

    /// The form without its files, to be shown again. Sent once more it would do its act without them: it loses that.
    fn repeatable(&self) -> Fields {
        if self.brings_files() { self.fields.clone().without("act") } else { self.fields.clone() }
    }

    /// The same once all has come, as far as it is worth waiting for: the browser reads the answer when it has sent all.
    async fn fields_alone(mut self) -> Fields {
        let brings_files = self.brings_files();
        self.drop_files().await;
        if brings_files { self.fields.without("act") } else { self.fields }
    }

    fn brings_files(&self) -> bool {
        self.files.as_ref().is_some_and(|files| files.current.is_some())
    }

    fn is_ours(&self, parts: &Parts, visitor: &Visitor, web: &Web) -> bool {
        let header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
        is_ours(self.fields.text("csrf"), visitor, web) || is_ours(header, visitor, web)
    }
}

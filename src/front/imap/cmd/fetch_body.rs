//! The octets of FETCH: BODY[…], RFC822…, BINARY[…] (RFC 9051 §6.4.5.1; RFC 3516).

use crate::front::imap::io::Io;
use crate::front::imap::reply::Stop;
use crate::mime::section::{self, Located, MapPart, What};
use crate::mime::text::decode_transfer;
use crate::service::message::Row;
use crate::service::spool::Reserved;
use crate::service::{Refusal, Services};
use crate::wire::imap::command::{FetchItem, Partial, Section, SectionText};
use crate::wire::imap::response::{self, Form, literal_head, origin, path, put, string};
use bytes::Bytes;
use std::ops::Range;
use std::time::Duration;

/// What is read whole beyond this takes of the byte budget.
const SMALL: u64 = 256 << 10;

/// One message being read for its client.
pub(super) struct Body<'a> {
    pub services: &'a Services,
    pub io: &'a mut Io,
    /// Longest wait for a client that does not read.
    pub limit: Duration,
    pub row: &'a Row,
    pub map: Option<MapPart>,
}

/// Whether some item needs the part map.
pub(super) fn parts_wanted(items: &[FetchItem]) -> bool {
    items.iter().any(|item| {
        matches!(
            item,
            FetchItem::Section { .. }
                | FetchItem::Rfc822 { .. }
                | FetchItem::Binary { .. }
                | FetchItem::BinarySize { .. }
        )
    })
}

fn what(text: &SectionText) -> What {
    match text {
        SectionText::Whole => What::Whole,
        SectionText::Header | SectionText::Fields { .. } => What::Header,
        SectionText::Text => What::Text,
        SectionText::Mime => What::Mime,
    }
}

fn cut(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(partial) = partial else { return range };
    let start = range.start.saturating_add(partial.start).min(range.end);
    start..start.saturating_add(partial.count).min(range.end)
}

impl Body<'_> {
    fn map(&mut self) -> Result<&MapPart, Stop> {
        if self.map.is_none() {
            let map = self.row.parts.as_deref().and_then(section::decode);
            let damaged = || Refusal::Internal(anyhow::anyhow!("part map of message {} is damaged", self.row.uid));
            self.map = Some(map.ok_or_else(damaged)?);
        }
        self.map.as_ref().ok_or_else(|| Refusal::NotFound.into())
    }

    /// Octets of prefix ‖ blob.
    fn range(&self, located: &Located) -> Range<u64> {
        let prefix = self.row.prefix.len() as u64;
        let start = if located.with_prefix { 0 } else { prefix + located.range.start as u64 };
        start..prefix + located.range.end as u64
    }

    fn locate(&mut self, path: &[u32], what: What) -> Result<Option<Range<u64>>, Stop> {
        let located = self.map()?.locate(path, what);
        Ok(located.map(|located| self.range(&located)))
    }

    pub(super) async fn section(&mut self, asked: &Section, partial: Option<Partial>) -> Result<(), Stop> {
        response::section(&mut self.io.out, asked, partial.map(|p| p.start));
        self.io.out.push(b' ');
        self.octets(asked, partial).await
    }

    pub(super) async fn rfc822(&mut self, name: &str, asked: &Section) -> Result<(), Stop> {
        put(&mut self.io.out, format_args!("{name} "));
        self.octets(asked, None).await
    }

    async fn octets(&mut self, asked: &Section, partial: Option<Partial>) -> Result<(), Stop> {
        let Some(range) = self.locate(&asked.path, what(&asked.text))? else {
            self.io.out.extend_from_slice(b"NIL");
            return Ok(());
        };
        if let SectionText::Fields { names, not } = &asked.text {
            let header = self.services.messages.read_all(self.row, range).await?;
            let fields = chosen_fields(self.services, header, names.clone(), *not).await?;
            let part = cut(0..fields.len() as u64, partial);
            return self.literal(&fields[part.start as usize..part.end as usize], false).await;
        }
        let range = cut(range, partial);
        let mut reading = self.services.messages.read(self.row, range.clone());
        literal_head(&mut self.io.out, range.end - range.start, false);
        let mut next = reading.next().await?;
        while let Some(piece) = next {
            self.io.out.extend_from_slice(&piece);
            next = if self.io.is_full() {
                let (next, sent) = tokio::join!(reading.next(), self.io.flush(self.limit));
                sent?;
                next?
            } else {
                reading.next().await?
            };
        }
        Ok(())
    }

    /// Budget for the largest of what has to be in memory at once, one item after the other: taken before the line
    /// begins, since a line can't be ended for lack of it.
    pub(super) fn reserve(&mut self, items: &[FetchItem]) -> Result<Option<Reserved>, Stop> {
        let mut most = 0;
        for item in items {
            let range = match item {
                FetchItem::Section { section: asked, .. } | FetchItem::Rfc822 { section: asked, .. }
                    if matches!(asked.text, SectionText::Fields { .. }) =>
                {
                    self.locate(&asked.path, what(&asked.text))?
                }
                FetchItem::Binary { path, .. } | FetchItem::BinarySize { path } => self.locate(path, What::Whole)?,
                _ => None,
            };
            most = most.max(range.map_or(0, |range| range.end - range.start));
        }
        Ok(if most > SMALL { Some(self.services.spool.reserve(most)?) } else { None })
    }

    async fn literal(&mut self, octets: &[u8], binary: bool) -> Result<(), Stop> {
        literal_head(&mut self.io.out, octets.len() as u64, binary);
        for piece in octets.chunks(64 << 10) {
            self.io.out.extend_from_slice(piece);
            if self.io.is_full() {
                self.io.flush(self.limit).await?;
            }
        }
        Ok(())
    }

    /// Whether every BINARY asked for has an encoding that can be undone.
    pub(super) fn can_decode(&mut self, items: &[FetchItem]) -> Result<bool, Stop> {
        for item in items {
            if let FetchItem::Binary { path, .. } | FetchItem::BinarySize { path } = item
                && let Some(part) = self.map()?.find(path)
                && !matches!(part.encoding.as_str(), "7bit" | "8bit" | "binary" | "base64" | "quoted-printable")
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A part with its transfer encoding undone.
    async fn decoded(&mut self, path: &[u32]) -> Result<Option<Vec<u8>>, Stop> {
        let Some(range) = self.locate(path, What::Whole)? else { return Ok(None) };
        let encoding = self.map()?.find(path).map(|part| part.encoding.clone()).unwrap_or_default();
        let raw = self.services.messages.read_all(self.row, range).await?;
        Ok(Some(decode_transfer(&encoding, &raw).into_owned()))
    }

    pub(super) async fn binary(&mut self, asked: &[u32], partial: Option<Partial>) -> Result<(), Stop> {
        let decoded = self.decoded(asked).await?;
        put(&mut self.io.out, "BINARY[");
        path(&mut self.io.out, asked);
        put(&mut self.io.out, "]");
        origin(&mut self.io.out, partial.map(|p| p.start));
        self.io.out.push(b' ');
        let Some(octets) = decoded else {
            self.io.out.extend_from_slice(b"NIL");
            return Ok(());
        };
        let part = cut(0..octets.len() as u64, partial);
        let octets = &octets[part.start as usize..part.end as usize];
        if octets.is_empty() {
            string(&mut self.io.out, b"", Form::Ascii);
            return Ok(());
        }
        let binary = memchr::memchr(0, octets).is_some();
        self.literal(octets, binary).await
    }

    pub(super) async fn binary_size(&mut self, asked: &[u32]) -> Result<(), Stop> {
        let size = self.decoded(asked).await?.map_or(0, |octets| octets.len());
        put(&mut self.io.out, "BINARY.SIZE[");
        path(&mut self.io.out, asked);
        put(&mut self.io.out, format_args!("] {size}"));
        Ok(())
    }
}

/// The fields of a header; a long one is gone through where it holds up nobody.
async fn chosen_fields(services: &Services, header: Bytes, names: Vec<Vec<u8>>, not: bool) -> Result<Vec<u8>, Stop> {
    let long = header.len() as u64 > SMALL;
    let choose = move || {
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        section::header_fields(&header, &names, not)
    };
    if !long {
        return Ok(choose());
    }
    Ok(services.work.run(choose).await?)
}

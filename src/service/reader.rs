//! One message as a reader opens it: where it stands, its octets, its parts, and whether somebody of ours wrote it.

use super::list::Cursor;
use super::login::Identity;
use super::mailbox::Mailboxes;
use super::message::{Messages, Reading, Row};
use super::spool::SpoolRoom;
use super::submission::Submission;
use super::{Base, Refusal, Result};
use crate::mime::section::{self, MapPart, What};
use crate::mime::submission::{senders, signed_in_as};
use crate::mime::transfer::Decoder;
use crate::model::address::Address;
use crate::model::flags::{Keyword, SystemFlags};
use crate::model::ids::{MailboxId, Uid};
use crate::model::mailbox::SpecialUse;
use crate::model::uidset::UidSet;
use crate::store::directory::TargetRow;
use crate::store::message::Columns;
use bytes::Bytes;

/// The keyword that says a message was passed on.
pub const FORWARDED: &str = "$Forwarded";

/// A message that was found for its reader.
#[derive(Debug, Clone)]
pub struct Opened {
    pub mailbox: MailboxId,
    /// Of its folder.
    pub special_use: Option<SpecialUse>,
    /// Dates, size, prefix and part map.
    pub row: Row,
    pub flags: SystemFlags,
    pub keywords: Vec<Keyword>,
}

impl Opened {
    /// Its place in the list of its folder.
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.row.internal_date, uid: self.row.uid }
    }

    pub fn is_answered(&self) -> bool {
        self.flags.contains(SystemFlags::ANSWERED)
    }

    pub fn is_forwarded(&self) -> bool {
        self.keywords.iter().any(|keyword| keyword.as_str().eq_ignore_ascii_case(FORWARDED))
    }

    fn map(&self) -> Result<MapPart> {
        let map = self.row.parts.as_deref().and_then(section::decode);
        map.ok_or_else(|| Refusal::Internal(anyhow::anyhow!("part map of message {} is damaged", self.row.uid)))
    }
}

/// A message's octets; they hold their budget, and so does each clone of them.
pub struct Whole {
    bytes: Bytes,
    prefix: usize,
}

impl Whole {
    /// With the fields that we put in front.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// As its sender wrote it.
    pub fn original(&self) -> Bytes {
        self.bytes.slice(self.prefix..)
    }
}

/// A part on its way to its reader, its transfer encoding undone.
pub struct PartReading {
    /// As the message says it: `image/png`.
    pub media_type: String,
    /// As the message says it; may be empty.
    pub name: String,
    /// Octets before decoding: never less than what comes.
    pub encoded_size: u64,
    reading: Reading,
    decoder: Option<Decoder>,
}

impl PartReading {
    /// The next octets, possibly none; `None`: that was all.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        match self.reading.next().await? {
            Some(piece) => Ok(Some(decoder.push(&piece).into())),
            None => Ok(self.decoder.take().map(|decoder| decoder.finish().into())),
        }
    }
}

/// What is known of who wrote a message. Verdicts on mail from elsewhere will be further variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A member wrote it while signed in, as one of the addresses that are theirs. `name` is the account's.
    SentFromHere { name: String, address: Address },
    /// Nobody has looked whether the sender is who it says.
    NotChecked,
}

/// Opens messages. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    base: Base,
    mailboxes: Mailboxes,
    messages: Messages,
    submission: Submission,
    room: SpoolRoom,
}

impl Reader {
    pub(crate) fn new(
        base: Base,
        mailboxes: Mailboxes,
        messages: Messages,
        submission: Submission,
        room: SpoolRoom,
    ) -> Self {
        Self { base, mailboxes, messages, submission, room }
    }

    /// Finds a message of the member's.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], for others' too.
    pub async fn find(&self, who: &Identity, mailbox: MailboxId, uid: Uid) -> Result<Opened> {
        let tree = self.mailboxes.tree(who).await?;
        let special_use = tree.selectable(mailbox)?.special_use;
        let columns = Columns { parts: true, ..Columns::default() };
        let mut rows = self.base.store.message_rows(mailbox, &UidSet::from_ranges([uid..=uid]), columns, 1).await?;
        let row = rows.pop().ok_or(Refusal::NotFound)?;
        let (_, flags, ids) = self.base.store.message_flags(mailbox, uid).await?.ok_or(Refusal::NotFound)?;
        let keywords = self.mailboxes.shelf.keywords(who.account(), &ids).await?;
        Ok(Opened { mailbox, special_use, row: row.into(), flags, keywords })
    }

    /// UIDs of the messages next to it in the list of its folder: the newer, the older.
    pub async fn neighbours(&self, message: &Opened) -> Result<(Option<Uid>, Option<Uid>)> {
        let place = (message.row.internal_date, message.row.uid);
        Ok(self.base.store.line_neighbours(message.mailbox, place).await?)
    }

    /// All of its octets.
    ///
    /// # Errors
    /// [`Refusal::Busy`] without byte budget.
    pub async fn whole(&self, message: &Opened) -> Result<Whole> {
        let budget = self.room.reserve(message.row.size)?;
        let bytes = self.messages.read_all(&message.row, 0..message.row.size).await?;
        Ok(Whole { bytes: budget.hold(bytes), prefix: message.row.prefix.len() })
    }

    /// The same piece by piece, for whoever may take long to read it.
    pub fn source(&self, message: &Opened) -> Reading {
        self.messages.read(&message.row, 0..message.row.size)
    }

    /// A part by its numbers (RFC 9051 §6.4.5): of an attached message, the message.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if there is no such part.
    pub fn part(&self, message: &Opened, path: &[u32]) -> Result<PartReading> {
        let map = message.map()?;
        let part = map.find(path).ok_or(Refusal::NotFound)?;
        let range = map.locate(path, What::Whole).ok_or(Refusal::NotFound)?.range;
        let prefix = message.row.prefix.len() as u64;
        Ok(PartReading {
            media_type: part.media.clone(),
            name: part.name.clone(),
            encoded_size: range.len() as u64,
            reading: self.messages.read(&message.row, prefix + range.start as u64..prefix + range.end as u64),
            decoder: Some(Decoder::new(&part.encoding)),
        })
    }

    /// Who wrote it, as far as we know ourselves. Only the fields that we put in front are believed, and only what our
    /// own host says there (RFC 8601 §5): a field of that name in the message may be anybody's.
    pub async fn origin(&self, message: &Opened, whole: &Whole) -> Result<Origin> {
        let Some(signed_in) = signed_in_as(&message.row.prefix, self.submission.hostname()) else {
            return Ok(Origin::NotChecked);
        };
        let Ok(senders) = senders(&whole.original()) else { return Ok(Origin::NotChecked) };
        let resolved = self
            .base
            .store
            .address_resolve(signed_in.domain().as_str(), &signed_in.key(), &signed_in.key(), self.base.clock.now())
            .await?;
        let [TargetRow::Account { account, .. }] = resolved.targets[..] else { return Ok(Origin::NotChecked) };
        for sender in &senders {
            if !self.submission.account_may_send_as(account, sender).await? {
                return Ok(Origin::NotChecked);
            }
        }
        let row = self.base.store.account_get(account).await?;
        Ok(match (row, senders.into_iter().next()) {
            (Some(row), Some(address)) => Origin::SentFromHere { name: row.name, address },
            _ => Origin::NotChecked,
        })
    }
}

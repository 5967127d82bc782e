//! Drafts that another program has left in Drafts: read as what this composer writes, and gone on with.

use super::{BODY, Beginning, Draft, DraftText, Drafts};
use crate::mime::attachment::Attachment;
use crate::mime::compose::{Lost, Reopened, reopen};
use crate::mime::people::listed;
use crate::model::flags::SystemFlags;
use crate::model::ids::{DraftId, MailboxId, Uid};
use crate::model::mailbox::SpecialUse;
use crate::service::login::Identity;
use crate::service::reader::Opened;
use crate::service::{Refusal, Result};

/// A draft of another program's.
#[derive(Debug, Clone)]
pub struct Foreign {
    pub beginning: Beginning,
    pub files: Vec<Attachment>,
    /// What goes when it is saved.
    pub lost: Lost,
}

impl Drafts {
    /// The draft that was filed as this message; `None`: the browser has made none of it.
    pub async fn of_message(&self, who: &Identity, mailbox: MailboxId, uid: Uid) -> Result<Option<Draft>> {
        match self.base.store.draft_of_message(who.account(), mailbox, uid).await? {
            Some(row) => Ok(Some(self.whole(who, row).await?)),
            None => Ok(None),
        }
    }

    /// Reads a message as a draft, and stores nothing.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], also for what is no draft; [`Refusal::Busy`] without byte budget; [`Refusal::Limit`] for a text that is longer than
    /// texts are: going on with it would lose its end.
    pub async fn look(&self, who: &Identity, mailbox: MailboxId, uid: Uid) -> Result<Foreign> {
        self.read(&self.find(who, mailbox, uid).await?).await
    }

    /// A message that is a draft by its flag or its folder: a link must not make one of what a stranger wrote.
    async fn find(&self, who: &Identity, mailbox: MailboxId, uid: Uid) -> Result<Opened> {
        let message = self.reader.find(who, mailbox, uid).await?;
        let is_draft = message.special_use == Some(SpecialUse::Drafts) || message.flags.contains(SystemFlags::DRAFT);
        if is_draft { Ok(message) } else { Err(Refusal::NotFound) }
    }

    async fn read(&self, message: &Opened) -> Result<Foreign> {
        let whole = self.reader.whole(message).await?;
        let read = self.base.work.run(move || reopen(&whole.original())).await;
        let Reopened { letter, files, lost } = read?;
        if lost.end || letter.text.len() > BODY {
            return Err(Refusal::Limit("the text is longer than 1 MiB: attach it as a file"));
        }
        let text = DraftText {
            sender: letter.from.parsed().map_or_else(String::new, |address| address.to_string()),
            to: listed(&letter.to),
            cc: listed(&letter.cc),
            bcc: listed(&letter.bcc),
            subject: letter.subject,
            body: letter.text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect(),
        };
        let (in_reply_to, references) = (letter.in_reply_to, letter.references);
        Ok(Foreign { beginning: Beginning { text, in_reply_to, references, ..Beginning::default() }, files, lost })
    }

    /// The draft of a message in Drafts: the one that was filed as it, or a new one made of what another program wrote,
    /// with those of its files whose sections `keeps` names.
    ///
    /// # Errors
    /// As [`Drafts::look`]; [`Refusal::TooLarge`] for files that don't fit a message.
    pub async fn open_message(
        &self,
        who: &Identity,
        mailbox: MailboxId,
        uid: Uid,
        keeps: impl Fn(&str) -> bool,
    ) -> Result<Draft> {
        if let Some(draft) = self.of_message(who, mailbox, uid).await? {
            return Ok(draft);
        }
        let message = self.find(who, mailbox, uid).await?;
        let Foreign { beginning, files, .. } = self.read(&message).await?;
        // Opened in two windows at once, or again after a crash, it is one draft.
        let form = Some(format!("message {mailbox}.{uid}"));
        let id = self.create(who, &Beginning { form, ..beginning }).await?.id;
        let (kept, left): (Vec<_>, Vec<_>) = files.iter().partition(|file| keeps(&file.path));
        if let Err(refusal) = self.take_files(who, id, &message, &kept).await {
            let mut tx = self.base.store.begin().await?;
            tx.draft_remove(id).await?;
            tx.commit().await?;
            return Err(refusal);
        }
        let mut tx = self.base.store.begin().await?;
        // Without some of its files it is not what is filed.
        tx.draft_adopt(id, (mailbox, uid), left.is_empty()).await?;
        tx.commit().await?;
        self.get(who, id).await
    }

    async fn take_files(&self, who: &Identity, id: DraftId, message: &Opened, files: &[&Attachment]) -> Result<()> {
        for file in files {
            let path = file.path.split('.').map(str::parse).collect::<std::result::Result<Vec<u32>, _>>();
            let path = path.map_err(|e| Refusal::Internal(e.into()))?;
            self.uploads.take_part(who, Some(id), message, &path).await?;
        }
        Ok(())
    }
}

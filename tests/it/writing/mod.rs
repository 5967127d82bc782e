//! Mail as the browser writes it: files, drafts, sending with undo.

use crate::harness::house::{House, deliver};
use chrono::TimeDelta;
use mailstead::model::address::Address;
use mailstead::model::flags::SystemFlags;
use mailstead::model::ids::{DraftId, MailboxId};
use mailstead::model::secret::Secret;
use mailstead::service::account::Actor;
use mailstead::service::act::Selection;
use mailstead::service::draft::{Beginning, DraftText, Fate, Mode, Saved};
use mailstead::service::list::{Begin, Line};
use mailstead::service::login::{Identity, Origin as Door, Protocol};
use mailstead::service::outbox::{Held, RecipientFault, RefusedRecipient, Sending};
use mailstead::service::reader::Origin;
use mailstead::service::upload::Announced;
use mailstead::service::{Refusal, Services};
use std::time::Duration;

mod drafts;
mod files;
mod sending;

struct Desk {
    house: House,
    ann: Identity,
}

impl Desk {
    async fn new() -> Self {
        let house = House::new().await;
        for name in ["ann", "bob"] {
            house.member(name, "correct horse").await;
        }
        let ann = sign_in(&house, "ann").await;
        Self { house, ann }
    }

    fn services(&self) -> &Services {
        &self.house.services
    }

    async fn draft(&self, to: &str, subject: &str) -> DraftId {
        self.services().drafts.create(&self.ann, &beginning(to, subject)).await.unwrap().id
    }

    async fn send(&self, to: &str, subject: &str) -> Held {
        let draft = self.draft(to, subject).await;
        held(self.services().outbox.send(&self.ann, draft, 1).await.unwrap())
    }

    /// A message in her Inbox that another program has marked as a draft.
    async fn foreign(&self, raw: &str) -> u32 {
        let uid = deliver(&self.house, "ann", raw).await;
        self.house.damage(&format!("UPDATE message SET flags = flags | 16 WHERE uid = {uid}")).await;
        uid
    }

    /// Lines of a folder of somebody, newest first.
    async fn lines(&self, who: &Identity, folder: &str) -> Vec<Line> {
        let id = self.id(who, folder).await;
        self.services().lists.page(who, id, Begin::Newest, 100).await.unwrap().lines
    }

    async fn subjects(&self, who: &Identity, folder: &str) -> Vec<String> {
        self.lines(who, folder).await.into_iter().map(|line| line.subject).collect()
    }

    async fn id(&self, who: &Identity, folder: &str) -> MailboxId {
        let list = self.services().lists.folders(who).await.unwrap();
        list.into_iter().find(|f| f.path.to_string() == folder).unwrap().id
    }

    async fn text(&self, who: &Identity, line: &Line) -> String {
        let message = self.services().reader.find(who, line.mailbox, line.uid).await.unwrap();
        String::from_utf8_lossy(self.services().reader.whole(&message).await.unwrap().bytes()).into_owned()
    }

    async fn work(&self, seconds: i64) -> usize {
        self.house.clock.advance(TimeDelta::seconds(seconds));
        self.services().outbox.round().await.unwrap()
    }

    async fn upload(&self, draft: Option<DraftId>, name: &str, octets: &[u8]) -> mailstead::service::upload::Upload {
        let file = Announced { draft, name, media_type: "image/png", size: Some(octets.len() as u64) };
        self.services().uploads.take(&self.ann, file, octets).await.unwrap()
    }

    async fn sound(&self) {
        let report = self.services().fsck.check(false, |_, _| ()).await.unwrap();
        assert_eq!(report.findings, []);
    }
}

async fn sign_in(house: &House, name: &str) -> Identity {
    let door = Door { peer: [192, 0, 2, 1].into(), protocol: Protocol::Imap, domain_hint: None };
    house.services.login.password(&door, "", name, &Secret::new("correct horse".into())).await.unwrap()
}

fn beginning(to: &str, subject: &str) -> Beginning {
    let text = DraftText {
        sender: "ann@example.test".into(),
        to: to.into(),
        subject: subject.into(),
        body: format!("Hello,\nthis is {subject}\n"),
        ..DraftText::default()
    };
    Beginning { text, ..Beginning::default() }
}

fn held(sending: Sending) -> Held {
    match sending {
        Sending::Held(held) => held,
        other => panic!("{other:?}"),
    }
}

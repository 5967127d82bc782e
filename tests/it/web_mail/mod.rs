//! Reading mail in the browser: lists, messages and their frames, acts and their undoing, search, folders, live news.

mod acts;
mod lists;
mod message;
mod odd;

use crate::harness::browser::{Answer, Browser};
use crate::harness::house::House;
use chrono::{DateTime, Utc};
use mailstead::model::flags::{Flags, SystemFlags};
use mailstead::model::mailbox::MailboxPath;
use mailstead::service::login::Identity;
use mailstead::service::message::Append;
use mailstead::service::preference::Preference;
use regex::Regex;

const PASSWORD: &str = "correct horse battery";
const POLICY: &str = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// A member at her browser.
struct Desk {
    house: House,
    ann: Identity,
    browser: Browser,
}

impl Desk {
    async fn new() -> Self {
        let house = House::new().await;
        house.member("ann", PASSWORD).await;
        Self::at(house).await
    }

    async fn at(house: House) -> Self {
        let (browser, ann) = Browser::of(&house, "ann", PASSWORD).await;
        Self { house, ann, browser }
    }

    /// Files a message; `BOX.UID`.
    async fn put(&self, folder: &str, raw: &[u8], flags: Flags, at: i64) -> String {
        let mut spool = self.house.services.spool.begin(raw.len() as u64).await.unwrap();
        spool.push(raw).await.unwrap();
        let internal_date = Some(DateTime::<Utc>::from_timestamp(1_700_000_000 + at, 0).unwrap());
        let item = Append { message: spool.finish(), flags, internal_date };
        let path = MailboxPath::parse(folder).unwrap();
        let uid = self.house.services.messages.append(&self.ann, &path, vec![item]).await.unwrap().uids[0];
        format!("{}.{uid}", self.id(folder).await)
    }

    async fn mail(&self, folder: &str, subject: &str) -> String {
        self.put(folder, mail(subject).as_bytes(), Flags::default(), 0).await
    }

    async fn id(&self, folder: &str) -> String {
        let all = self.house.services.lists.folders(&self.ann).await.unwrap();
        all.into_iter().find(|one| one.path.to_string() == folder).unwrap().id.to_string()
    }

    async fn get(&mut self, path: &str) -> Answer {
        let answer = self.browser.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    }

    /// Acts on what was picked, and follows to where it leads.
    async fn act(&mut self, picks: &[&str], act: &str, back: &str) -> Answer {
        let mut fields: Vec<(&str, &str)> = picks.iter().map(|pick| ("pick", *pick)).collect();
        fields.extend([("act", act), ("back", back)]);
        let answer = self.browser.post("/mail/act", &fields).await;
        assert_eq!((answer.status, answer.header("location")), (303, back));
        self.browser.follow(answer).await
    }

    /// Presses the button of the notice.
    async fn undo(&mut self, page: &Answer) -> Answer {
        let form = Regex::new(r#"<form method="post" action="(/mail/[^"]*)"><input type="hidden" name="csrf" value="[^"]*"><button class="button" name="undo" value="([^"]*)"[^>]*>"#).unwrap();
        let found = form.captures(&page.body).unwrap_or_else(|| panic!("no undo: {}", page.text()));
        let (action, token) = (found[1].replace("&#38;", "&"), found[2].to_owned());
        let answer = self.browser.post(&action, &[("undo", &token)]).await;
        self.browser.follow(answer).await
    }

    async fn wish(&self, change: impl FnOnce(&mut Preference)) {
        let preferences = &self.house.services.preferences;
        let mut wishes = preferences.get(&self.ann).await.unwrap();
        change(&mut wishes);
        preferences.set(&self.ann, &wishes).await.unwrap();
    }

    async fn is_seen(&self, value: &str) -> bool {
        let (mailbox, uid) = value.split_once('.').unwrap();
        let mailbox = mailstead::model::ids::MailboxId(mailbox.parse().unwrap());
        let message = self.house.services.reader.find(&self.ann, mailbox, uid.parse().unwrap()).await.unwrap();
        message.flags.contains(SystemFlags::SEEN)
    }
}

fn mail(subject: &str) -> String {
    format!("From: Bob <bob@x.test>\r\nTo: ann@example.test\r\nSubject: {subject}\r\n\r\nHello {subject}\r\n")
}

fn href(value: &str) -> String {
    format!("/mail/{}", value.replace('.', "/"))
}

/// What is picked in the list, from the top.
fn rows(page: &Answer) -> Vec<String> {
    let row = Regex::new(r#"data-row="([0-9.]+)""#).unwrap();
    let list = page.body.split_once("data-list=\"").map_or("", |(_, list)| list);
    row.captures_iter(list.split_once("</ol>").map_or("", |(list, _)| list)).map(|found| found[1].to_owned()).collect()
}

fn title(page: &Answer) -> String {
    page.body.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0.to_owned()
}

/// The address that a pattern with one group finds in a page.
fn find(page: &Answer, pattern: &str) -> String {
    let found = Regex::new(pattern).unwrap().captures(&page.body).unwrap_or_else(|| panic!("{pattern}: {}", page.body));
    found[1].replace("&#38;", "&").replace("&amp;", "&")
}

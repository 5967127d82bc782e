//! Writing mail in the browser without a script: answers, drafts, files, sending and taking it back.

use crate::harness::browser::{Answer, Browser};
use crate::harness::house::{House, deliver};
use chrono::TimeDelta;
use mailstead::service::list::Begin;
use mailstead::service::login::Identity;
use regex::Regex;

mod drafts;
mod sending;

const PASSWORD: &str = "correct horse battery";

/// A member at her browser, and somebody to write to.
struct Desk {
    house: House,
    ann: Identity,
    browser: Browser,
}

impl Desk {
    async fn new() -> Self {
        let house = House::new().await;
        house.member("ann", PASSWORD).await;
        house.member("bob", PASSWORD).await;
        let (browser, ann) = Browser::of(&house, "ann", PASSWORD).await;
        Self { house, ann, browser }
    }

    async fn folder(&self, name: &str) -> String {
        let all = self.house.services.lists.folders(&self.ann).await.unwrap();
        all.into_iter().find(|one| one.path.to_string() == name).unwrap().id.to_string()
    }

    /// A stranger's message in her Inbox: `BOX.UID`.
    async fn mail(&self, raw: &str) -> String {
        let uid = deliver(&self.house, "ann", raw).await;
        format!("{}.{uid}", self.folder("INBOX").await)
    }

    /// Subjects in a folder of hers, newest first.
    async fn subjects(&self, folder: &str) -> Vec<String> {
        let services = &self.house.services;
        let Some(id) =
            services.lists.folders(&self.ann).await.unwrap().into_iter().find(|f| f.path.to_string() == folder)
        else {
            return Vec::new();
        };
        let page = services.lists.page(&self.ann, id.id, Begin::Newest, 100).await.unwrap();
        page.lines.into_iter().map(|line| line.subject).collect()
    }

    /// Lets time pass and the outbox work.
    async fn wait(&self, seconds: i64) -> usize {
        self.house.clock.advance(TimeDelta::seconds(seconds));
        for _ in 0..20 {
            // Connections that broke are found out one by one.
            if let Ok(sent) = self.house.services.outbox.round().await {
                return sent;
            }
        }
        panic!("the outbox does not work")
    }
}

/// What stands in a field of a page, as a browser would send it.
fn field(page: &Answer, name: &str) -> String {
    let textarea = Regex::new(&format!(r#"(?s)<textarea[^>]*name="{name}"[^>]*>\n(.*?)</textarea>"#)).unwrap();
    let raw = match textarea.captures(&page.body) {
        Some(found) => found[1].to_owned(),
        None if page.body.contains(&format!("<select class=\"input\" id=\"{name}\"")) => {
            let chosen = Regex::new(r#"<option value="([^"]*)" selected"#).unwrap().captures(&page.body);
            chosen.map_or_else(String::new, |found| found[1].to_owned())
        }
        None => page.value(name).unwrap_or_default(),
    };
    let names = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    names.iter().fold(raw, |text, (name, sign)| text.replace(name, sign))
}

/// All fields of the form, with some of them filled in otherwise.
fn filled(page: &Answer, with: &[(&str, &str)]) -> Vec<(String, String)> {
    let names = ["revision", "form", "kind", "source", "sender", "to", "cc", "bcc", "subject", "body"];
    let mut all: Vec<(String, String)> = names.iter().map(|name| ((*name).to_owned(), field(page, name))).collect();
    let parts = Regex::new(r#"name="part" value="([^"]*)" checked"#).unwrap();
    all.extend(parts.captures_iter(&page.body).map(|found| ("part".to_owned(), found[1].to_owned())));
    for (name, value) in with {
        all.retain(|(known, _)| known != name);
        all.push(((*name).to_owned(), (*value).to_owned()));
    }
    all
}

/// Where the form goes.
fn action(page: &Answer) -> String {
    Regex::new(r#"<form class="compose" method="post" action="([^"]*)""#).unwrap().captures(&page.body).unwrap()[1]
        .to_owned()
}

/// Sends a page's form.
async fn submit(browser: &mut Browser, page: &Answer, with: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
    let fields = filled(page, with);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post_files(&action(page), &fields, files).await
}

const LETTER: &str = "From: Carol Jones <carol@elsewhere.test>\r\nTo: ann@example.test, dave@elsewhere.test\r\nSubject: Tea\r\nMessage-ID: <tea@elsewhere.test>\r\nDate: Fri, 21 Nov 2025 09:55:06 +0000\r\n\r\nShall we?\r\n> older\r\n";

#[tokio::test]
async fn from_the_inbox_to_sent_without_a_script() {
    let mut desk = Desk::new().await;
    let spot = desk.mail(LETTER).await;
    let page = desk.browser.get(&format!("/mail/compose?reply={spot}")).await;
    assert_eq!(page.status, 200);
    assert_eq!((field(&page, "to").as_str(), field(&page, "cc").as_str()), ("Carol Jones <carol@elsewhere.test>", ""));
    assert_eq!(field(&page, "subject"), "Re: Tea");
    let body = field(&page, "body");
    assert!(
        body.starts_with("\n\nOn 21 Nov 2025, ") && body.contains("Carol Jones wrote:\n> Shall we?\n>> older"),
        "{body}"
    );
    assert_eq!(desk.house.services.drafts.unfiled(&desk.ann).await.unwrap().len(), 0, "looking stores nothing");
    let text = format!("Yes.{body}");
    let sent = submit(&mut desk.browser, &page, &[("body", &text), ("act", "send")], &[("", b"")]).await;
    let folder = desk.folder("INBOX").await;
    assert_eq!((sent.status, sent.header("location")), (303, format!("/mail/{folder}").as_str()), "{}", sent.text());
    let list = desk.browser.follow(sent).await;
    assert!(list.text().contains("Sending in a moment."), "{}", list.text());
    assert!(list.body.contains("action=\"/mail/undo-send\""));
    assert_eq!(desk.wait(9).await, 0);
    assert_eq!(desk.wait(2).await, 1);
    assert_eq!(desk.subjects("Sent").await, ["Re: Tea"]);
    let all = desk.browser.get(&format!("/mail/compose?reply-all={spot}")).await;
    assert_eq!(field(&all, "cc"), "dave@elsewhere.test");
    let message = desk.browser.get(&format!("/mail/{}", spot.replace('.', "/"))).await;
    assert!(message.text().contains("You have replied to this."), "{}", message.text());
}

#[tokio::test]
async fn files_come_with_the_form_and_too_much_is_told_with_all_kept() {
    let mut desk = Desk::new().await;
    let page = desk.browser.get("/mail/compose").await;
    let none = submit(&mut desk.browser, &page, &[("subject", "Files"), ("act", "attach")], &[("", b"")]).await;
    assert!(none.status == 422 && none.text().contains("Choose a file first."), "{}", none.text());
    let large: Vec<u8> = (0..25_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let files: [(&str, &[u8]); 2] = [("plan.bin", &large), ("../x\u{202e}y.txt", b"text")];
    let done = submit(&mut desk.browser, &none, &[("act", "attach")], &files).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let page = desk.browser.follow(done).await;
    assert!(page.text().contains("2 files attached.") && page.text().contains("25 MB"), "{}", page.text());
    assert!(page.body.contains("<bdi translate=\"no\">xy.txt</bdi>"));
    // Together they would be more than a message takes.
    let with = [("to", "bob@example.test"), ("body", "kept all the same"), ("act", "send")];
    let over = submit(&mut desk.browser, &page, &with, &[("more.bin", &large)]).await;
    assert_eq!(over.status, 422, "{}", over.text());
    assert!(over.text().contains("more.bin is too large: all attachments together can have"), "{}", over.text());
    assert!(over.body.contains("id=\"file-error\"") && over.body.contains("aria-invalid=\"true\""));
    assert_eq!(field(&over, "body"), "kept all the same");
    let remove = Regex::new(r"remove\.\d+").unwrap().find(&over.body).unwrap().as_str().to_owned();
    let removed = submit(&mut desk.browser, &over, &[("act", &remove)], &[]).await;
    let page = desk.browser.follow(removed).await;
    assert!(!page.body.contains("plan.bin") && page.body.contains("xy.txt"));
    let sent = submit(&mut desk.browser, &page, &[("act", "send")], &[]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert_eq!(desk.wait(11).await, 1);
    assert!(desk.house.inbox("bob").await[0].contains("xy.txt"));
    // One that is too large by itself is dropped as it comes.
    let page = desk.browser.get("/mail/compose").await;
    let huge = vec![0u8; 70_000_000];
    let fields = filled(&page, &[("act", "attach"), ("subject", "huge")]);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let refused = desk.browser.post_files("/mail/compose", &fields, &[("huge", &huge)]).await;
    assert!(refused.status == 422 && refused.text().contains("huge is too large"), "{}", refused.text());
    assert_eq!(field(&refused, "subject"), "huge");
}

#[tokio::test]
async fn hostile_mail_is_contained_in_quotes_and_forwards() {
    let mut desk = Desk::new().await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/html");
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 60);
    let plain = desk.browser.get("/mail/compose").await;
    let own = Regex::new(r"<(/?[a-zA-Z][a-zA-Z0-9]*)").unwrap();
    for name in names {
        let raw = String::from_utf8_lossy(&std::fs::read(&name).unwrap()).into_owned();
        let spot = desk.mail(&raw.replace("\r\n", "\n").replace('\n', "\r\n")).await;
        for kind in ["reply-all", "forward"] {
            let page = desk.browser.get(&format!("/mail/compose?{kind}={spot}")).await;
            assert_eq!(page.status, 200, "{name:?}");
            // What is foreign stands in fields alone, where nothing of it is a tag.
            let known = ["svg", "use", "script", "form", "iframe", "object", "style", "img", "link", "meta", "base"];
            let count =
                |page: &Answer, tag: &str| own.captures_iter(&page.body).filter(|found| &found[1] == tag).count();
            for tag in known.into_iter().filter(|tag| !matches!(*tag, "svg" | "use")) {
                assert_eq!(count(&page, tag), count(&plain, tag), "{name:?} {kind} {tag}");
            }
            let body = field(&page, "body");
            assert!(!body.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{name:?}");
            assert!(!body.contains(['\u{202e}', '\u{2066}']), "{name:?}");
        }
    }
}

//! Writing mail in the browser without a script: answers, drafts, files, sending and taking it back.

use crate::harness::browser::{Answer, Browser};
use crate::harness::house::{House, deliver};
use chrono::TimeDelta;
use mailstead::service::list::Begin;
use mailstead::service::login::Identity;
use regex::Regex;

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
        let ann = house.web("ann", PASSWORD).await;
        let mut browser = Browser::new(&house);
        assert_eq!(browser.sign_in("ann", PASSWORD).await.status, 303);
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
        self.house.services.outbox.round().await.unwrap()
    }
}

/// What stands in a field of a page, as a browser would send it.
fn field(page: &Answer, name: &str) -> String {
    let textarea = Regex::new(&format!(r#"(?s)<textarea[^>]*name="{name}"[^>]*>\n(.*?)</textarea>"#)).unwrap();
    let raw = match textarea.captures(&page.body) {
        Some(found) => found[1].to_owned(),
        None if page.body.contains(&format!("<select class=\"input\" id=\"{name}\"")) => {
            Regex::new(r#"<option value="([^"]*)" selected>"#).unwrap().captures(&page.body).unwrap()[1].to_owned()
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
    assert!(list.text().contains("Sending in 10 seconds."), "{}", list.text());
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
async fn sending_is_taken_back_until_the_last_moment() {
    let mut desk = Desk::new().await;
    for (seconds, in_time) in [(9, true), (11, false)] {
        let page = desk.browser.get("/mail/compose").await;
        let with = [("to", "bob@example.test"), ("subject", "Hi"), ("body", "Text"), ("act", "send")];
        let sent = submit(&mut desk.browser, &page, &with, &[]).await;
        let list = desk.browser.follow(sent).await;
        let undo = Regex::new(r#"name="undo" value="(\d+)""#).unwrap().captures(&list.body).unwrap()[1].to_owned();
        assert_eq!(desk.wait(seconds).await, usize::from(!in_time));
        let undone = desk.browser.post("/mail/undo-send", &[("undo", &undo)]).await;
        let page = desk.browser.follow(undone).await;
        if in_time {
            assert!(page.text().contains("Not sent. Here it is again."), "{}", page.text());
            assert_eq!((field(&page, "to").as_str(), field(&page, "body").as_str()), ("bob@example.test", "Text"));
            assert_eq!(desk.wait(60).await, 0);
            let gone = submit(&mut desk.browser, &page, &[("act", "discard")], &[]).await;
            let back = desk.browser.follow(gone).await;
            assert!(back.text().contains("Draft discarded."));
            let restore = Regex::new(r#"action="(/mail/compose/\d+/restore)""#).unwrap();
            let place = restore.captures(&back.body).unwrap()[1].to_owned();
            let again = desk.browser.post(&place, &[("undo", "1")]).await;
            let page = desk.browser.follow(again).await;
            assert_eq!(field(&page, "subject"), "Hi");
            assert_eq!(desk.subjects("Drafts").await, ["Hi"]);
        } else {
            assert!(page.text().contains("It has been sent already."), "{}", page.text());
        }
    }
    assert_eq!(desk.house.inbox("bob").await.len(), 1);
}

#[tokio::test]
async fn a_form_that_is_sent_twice_sends_once() {
    let desk = Desk::new().await;
    let mut browser = desk.browser.clone();
    let page = browser.get("/mail/compose").await;
    let with = [("to", "bob@example.test"), ("subject", "Once"), ("body", "Text"), ("act", "send")];
    let mut windows: Vec<Browser> = (0..4).map(|_| browser.clone()).collect();
    let all = windows.iter_mut().map(|window| submit(window, &page, &with, &[("a.txt", b"octets")]));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
    assert_eq!(desk.wait(11).await, 1);
    let got = desk.house.inbox("bob").await;
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].matches("Content-Disposition: attachment").count(), 1, "{}", got[0]);
}

#[tokio::test]
async fn what_is_wrong_is_named_at_its_field_and_all_is_kept() {
    let mut desk = Desk::new().await;
    let page = desk.browser.get("/mail/compose").await;
    let to = "bob@example.test, nobody@example.test; Bad <bad@, \"Doe, Jane\" <jane@elsewhere.test>";
    let with =
        [("to", to), ("cc", "x y"), ("bcc", "ann@example.test"), ("subject", "S"), ("body", "T"), ("act", "send")];
    let wrong = submit(&mut desk.browser, &page, &with, &[]).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(
        (field(&wrong, "to").as_str(), field(&wrong, "cc").as_str(), field(&wrong, "body").as_str()),
        (to, "x y", "T")
    );
    let text = wrong.text();
    assert!(
        text.contains("nobody here called nobody@example.test") && text.contains("“Bad &#60;bad@” is no address"),
        "{text}"
    );
    assert!(
        wrong.body.contains("href=\"#to\"")
            && wrong.body.contains("href=\"#cc\"")
            && !wrong.body.contains("href=\"#bcc\"")
    );
    assert!(wrong.body.contains("id=\"to-error\"") && wrong.body.contains("aria-describedby=\"to-error\""));
    let none = submit(&mut desk.browser, &wrong, &[("to", ""), ("cc", ""), ("bcc", ""), ("act", "send")], &[]).await;
    assert!(none.status == 422 && none.text().contains("Add a recipient."), "{}", none.text());
    let foreign = submit(
        &mut desk.browser,
        &none,
        &[("to", "bob@example.test"), ("sender", "bob@example.test"), ("act", "send")],
        &[],
    )
    .await;
    assert!(foreign.status == 422 && foreign.text().contains("You can’t write as this address"), "{}", foreign.text());
    // What looks forgotten is asked about once.
    let asked = submit(
        &mut desk.browser,
        &foreign,
        &[("sender", "ann@example.test"), ("subject", ""), ("body", "See attached"), ("act", "send")],
        &[],
    )
    .await;
    assert_eq!(asked.status, 422);
    assert!(
        asked.text().contains("It has no subject.") && asked.text().contains("You wrote “attached”"),
        "{}",
        asked.text()
    );
    let sent = submit(&mut desk.browser, &asked, &[("act", "send-anyway")], &[]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert_eq!(desk.wait(11).await, 1);
    assert_eq!(desk.house.inbox("bob").await.len(), 1);
    let long = "x".repeat(3000);
    let page = desk.browser.get("/mail/compose").await;
    let answer = submit(
        &mut desk.browser,
        &page,
        &[("to", "bob@example.test"), ("subject", &long), ("body", "kept"), ("act", "send")],
        &[],
    )
    .await;
    assert!(answer.status == 422 && answer.text().contains("The subject is too long."), "{}", answer.text());
    assert_eq!(field(&answer, "body"), "kept");
}

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
            let chosen = Regex::new(r#"<option value="([^"]*)" selected>"#).unwrap().captures(&page.body);
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
    let undo_form = Regex::new(r#"name="undo" value="(\d+)""#).unwrap();
    let restore = Regex::new(r#"action="(/mail/compose/\d+/restore)""#).unwrap();
    for (seconds, in_time) in [(9, true), (11, false)] {
        let page = desk.browser.get("/mail/compose").await;
        let with = [("to", "bob@example.test"), ("subject", "Hi"), ("body", "Text"), ("act", "send")];
        let sent = submit(&mut desk.browser, &page, &with, &[]).await;
        let list = desk.browser.follow(sent).await;
        let undo = undo_form.captures(&list.body).unwrap()[1].to_owned();
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
    let to = "bob@example.test, nobody@example.test; Bad bad@, \"Doe, Jane\" <jane@elsewhere.test>";
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
        text.contains("nobody here called nobody@example.test") && text.contains("“Bad bad@” is no address"),
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
async fn a_draft_that_was_changed_sent_or_discarded_elsewhere_loses_nothing() {
    let mut desk = Desk::new().await;
    let page = desk.browser.get("/mail/compose").await;
    let saved = submit(&mut desk.browser, &page, &[("subject", "One"), ("act", "save")], &[]).await;
    let page = desk.browser.follow(saved).await;
    assert!(page.text().contains("Saved in Drafts."));
    assert_eq!(desk.subjects("Drafts").await, ["One"]);
    submit(&mut desk.browser, &page, &[("body", "from one window"), ("act", "save")], &[]).await;
    let with = [("body", "from another"), ("to", "bob@example.test"), ("act", "send")];
    let other = submit(&mut desk.browser, &page, &with, &[]).await;
    assert!(other.header("location").contains("?other="), "{}", other.header("location"));
    let mine = desk.browser.follow(other).await;
    assert!(mine.text().contains("changed in another window"), "{}", mine.text());
    assert_eq!(field(&mine, "body"), "from another");
    let theirs = desk.browser.get(&action(&page)).await;
    assert_eq!(field(&theirs, "body"), "from one window");
    assert_eq!(desk.wait(11).await, 0, "nothing was sent");
    // Sent in one window, written on in another; then once more as it was.
    let sent = submit(&mut desk.browser, &mine, &[("act", "send")], &[]).await;
    assert_eq!((sent.status, sent.header("location")), (303, "/mail"));
    let on = desk.browser.get(&action(&mine)).await;
    assert!(on.text().contains("This message is on its way"), "{}", on.text());
    let late = submit(&mut desk.browser, &mine, &[("body", "later thoughts"), ("act", "send")], &[]).await;
    let late = desk.browser.follow(late).await;
    assert!(late.text().contains("sent or discarded in another window"), "{}", late.text());
    assert_eq!(field(&late, "body"), "later thoughts");
    assert_eq!(desk.wait(11).await, 1);
    let again = submit(&mut desk.browser, &mine, &[("act", "send")], &[]).await;
    assert!(again.header("location").contains("?gone="));
    assert_eq!(desk.wait(11).await, 0);
    assert_eq!(desk.house.inbox("bob").await.len(), 1);
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

#[tokio::test]
async fn nothing_typed_becomes_a_field_of_the_message() {
    let mut desk = Desk::new().await;
    let evil = "x\r\nBcc: eve@elsewhere.test\r\nX-Evil: 1";
    let page = desk.browser.get("/mail/compose").await;
    for name in ["to", "cc", "bcc", "subject", "sender"] {
        let value = format!("bob@example.test{evil}");
        let mut with = vec![("to", "bob@example.test"), ("subject", "S"), ("body", "T"), ("act", "send")];
        with.retain(|(known, _)| *known != name);
        with.push((name, &value));
        submit(&mut desk.browser, &page, &with, &[("a\r\nX-Evil: 2", b"x")]).await;
        desk.wait(11).await;
    }
    for raw in desk.house.inbox("bob").await {
        assert!(!raw.lines().any(|line| line.starts_with("X-Evil") || line.starts_with("Bcc")), "{raw}");
    }
}

#[tokio::test]
async fn a_forward_takes_the_chosen_files_and_drafts_of_other_programs_go_on() {
    let mut desk = Desk::new().await;
    let raw = "From: carol@elsewhere.test\r\nTo: ann@example.test\r\nSubject: Plan\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHere\r\n--b\r\nContent-Type: image/png; name=one.png\r\nContent-Disposition: attachment\r\n\r\none\r\n--b\r\nContent-Type: text/csv; name=two.csv\r\nContent-Disposition: attachment\r\n\r\ntwo\r\n--b--\r\n";
    let spot = desk.mail(raw).await;
    let page = desk.browser.get(&format!("/mail/compose?forward={spot}")).await;
    assert_eq!(field(&page, "subject"), "Fwd: Plan");
    assert!(field(&page, "body").contains("From: carol@elsewhere.test\nDate: "), "{}", field(&page, "body"));
    assert_eq!(filled(&page, &[]).iter().filter(|(name, _)| name == "part").count(), 2);
    let with = [("part", "2"), ("to", "bob@example.test"), ("act", "send")];
    let sent = submit(&mut desk.browser, &page, &with, &[]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    desk.wait(11).await;
    let got = desk.house.inbox("bob").await.remove(0);
    assert!(got.contains("one.png") && !got.contains("two.csv"), "{got}");
    // A draft that another program has left.
    let drafts = desk.folder("Drafts").await;
    let uid = deliver(&desk.house, "ann", &raw.replace("Plan", "Theirs")).await;
    let inbox = desk.folder("INBOX").await;
    let moved = desk.browser.get("/mail").await;
    assert_eq!(moved.status, 200);
    let pick = format!("{inbox}.{uid}");
    let act = format!("move.{drafts}");
    desk.browser.post("/mail/act", &[("pick", &pick), ("act", &act), ("back", "/mail")]).await;
    assert_eq!(desk.subjects("Drafts").await, ["Theirs"]);
    let list = desk.browser.get(&format!("/mail/{drafts}")).await;
    let place = Regex::new(r"/mail/compose\?draft=[0-9.]+").unwrap().find(&list.body).unwrap().as_str().to_owned();
    let page = desk.browser.get(&place).await;
    assert_eq!(field(&page, "subject"), "Theirs");
    let saved = submit(&mut desk.browser, &page, &[("subject", "Mine"), ("act", "save")], &[]).await;
    let page = desk.browser.follow(saved).await;
    assert!(page.body.contains("one.png") && page.body.contains("two.csv"), "{}", page.text());
    assert_eq!(desk.subjects("Drafts").await, ["Mine"]);
    let bob = Browser::new(&desk.house);
    let mut bob = bob;
    bob.sign_in("bob", PASSWORD).await;
    for foreign in [format!("/mail/compose?reply={spot}"), action(&page), place] {
        assert_eq!(bob.get(&foreign).await.status, 404, "{foreign}");
    }
}

#[tokio::test]
async fn scripts_keep_what_is_typed_and_are_told_when_the_session_is_over() {
    let mut desk = Desk::new().await;
    let page = desk.browser.get("/mail/compose").await;
    desk.browser.headers.push(("x-script", "1".into()));
    let saved = submit(&mut desk.browser, &page, &[("subject", "Typed")], &[]).await;
    assert_eq!((saved.status, saved.header("content-type")), (200, "application/json"), "{}", saved.body);
    let told: serde_json::Value = serde_json::from_str(&saved.body).unwrap();
    let at = told["at"].as_str().unwrap().to_owned();
    assert!(told["words"].as_str().unwrap().starts_with("Saved ") && told["revision"] == "1");
    let twice = submit(&mut desk.browser, &page, &[("subject", "Typed")], &[]).await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&twice.body).unwrap()["at"], at.as_str());
    let file = desk.browser.post_files(&format!("{at}/file"), &[], &[("a.txt", b"octets")]).await;
    assert!(
        file.status == 200 && file.body.contains("<li class=\"attachment\">") && file.body.contains("a.txt"),
        "{}",
        file.body
    );
    let left = desk.browser.post(&at, &[("revision", "1"), ("subject", "Typed on"), ("leaving", "1")]).await;
    assert_eq!(left.status, 200, "{}", left.body);
    assert_eq!(desk.subjects("Drafts").await, ["Typed on"]);
    desk.browser.cookies.remove("__Host-ms");
    desk.browser.cookies.insert("__Host-ms".into(), "x".repeat(43));
    let over = desk.browser.post(&at, &[("revision", "2"), ("subject", "Lost?")]).await;
    assert_eq!(over.status, 401);
}

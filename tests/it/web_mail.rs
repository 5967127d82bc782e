//! Reading mail in the browser: lists, messages and their frames, acts and their undoing, search, folders, live news.

use crate::harness::browser::{Answer, Browser};
use crate::harness::house::{House, deliver};
use crate::harness::log::Log;
use crate::harness::mails;
use crate::harness::scene::{ASKED_NOTHING, Scene};
use chrono::{DateTime, Utc};
use hyper::Method;
use mailstead::model::flags::{Flags, SystemFlags};
use mailstead::model::mailbox::MailboxPath;
use mailstead::service::login::Identity;
use mailstead::service::message::Append;
use mailstead::service::preference::{Preference, Remote};
use regex::Regex;
use std::time::{Duration, Instant};

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
        let ann = house.web("ann", PASSWORD).await;
        let mut browser = Browser::new(&house);
        assert_eq!(browser.sign_in("ann", PASSWORD).await.status, 303);
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
        let form = Regex::new(r#"<form method="post" action="(/mail/[^"]*)"><input type="hidden" name="csrf" value="[^"]*"><button class="button" name="undo" value="([^"]*)">"#).unwrap();
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
    let list = page.body.split_once("data-list>").map_or("", |(_, list)| list);
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

#[tokio::test]
async fn the_list_tells_what_there_is() {
    let mut desk = Desk::new().await;
    let empty = desk.get("/mail").await;
    assert!(empty.text().contains("Your Inbox is empty"), "{}", empty.text());
    assert_eq!(title(&empty), "Inbox – Mailstead");
    let first = desk.mail("INBOX", "minutes").await;
    let read = desk.put("INBOX", mail("<b>old</b>").as_bytes(), Flags::system(SystemFlags::SEEN), -5).await;
    desk.put("INBOX", b"To: x@x.test\r\n\r\n", Flags::default(), -9).await;
    let page = desk.get("/mail").await;
    assert_eq!(title(&page), "Inbox (2) – Mailstead");
    assert_eq!(page.body.matches("<h1").count(), 1);
    assert_eq!(rows(&page)[..2], [first.clone(), read]);
    let text = page.text();
    assert!(
        text.contains("Select: minutes, Bob") && text.contains("No subject") && text.contains("No sender"),
        "{text}"
    );
    assert!(page.body.contains("&#60;b&#62;old") && text.contains("3 messages"));
    assert!(page.body.contains(&format!("href=\"{}\"", href(&first))));
    // What the member sent shows to whom, drafts open where they are written.
    let sent = desk
        .get(&format!("/mail/{}", {
            desk.mail("Sent", "out").await;
            desk.id("Sent").await
        }))
        .await;
    assert!(sent.text().contains("To ann@example.test"), "{}", sent.text());
    let draft = desk.mail("Drafts", "later").await;
    let drafts = desk.get(&format!("/mail/{}", desk.id("Drafts").await)).await;
    assert!(drafts.body.contains(&format!("/mail/compose?draft={draft}")));
    for (folder, words) in [("Trash", "Trash is empty"), ("Junk", "No junk"), ("Archive", "Nothing is archived")] {
        let page = desk.get(&format!("/mail/{}", desk.id(folder).await)).await;
        assert!(page.text().contains(words), "{folder}");
    }
}

#[tokio::test]
async fn every_message_is_on_one_page() {
    let mut desk = Desk::new().await;
    for n in 0..120 {
        desk.put("INBOX", mail(&format!("n{n}")).as_bytes(), Flags::default(), n).await;
    }
    let next = r#"<a class="button" href="([^"]*)" rel="next""#;
    let mut page = desk.get("/mail").await;
    assert!(page.body.len() < 400_000);
    let mut all = rows(&page);
    while page.body.contains("rel=\"next\"") {
        page = desk.get(&find(&page, next)).await;
        all.extend(rows(&page));
    }
    assert_eq!(all.len(), 120);
    let mut sorted = all.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 120);
    // A message keeps its list beside it, and the list its line.
    let beside = desk.get(&find(&page, r#"<a class="row-link" href="([^"]*\?[^"]*)""#)).await;
    assert_eq!(rows(&beside), rows(&page));
    assert_eq!(
        beside.body.matches("aria-current=\"true\"").count()
            - beside.body.matches("<a href=\"/mail\" aria-current").count(),
        1
    );
    let back = desk.get(&find(&page, r#"<a class="button" href="([^"]*)" rel="prev""#)).await;
    assert_eq!(rows(&back), all[50..100]);
    let bad = desk.browser.get(&format!("/mail/{}?before=x", desk.id("INBOX").await)).await;
    assert_eq!(bad.status, 422);
}

#[tokio::test]
async fn a_page_costs_few_statements_however_much_there_is() {
    let mut desk = Desk::new().await;
    for n in 0..60 {
        desk.put("INBOX", mail(&format!("n{n}")).as_bytes(), Flags::default(), n).await;
    }
    let path = href(&desk.mail("INBOX", "one").await);
    for (place, most) in [("/mail", 6), (path.as_str(), 16)] {
        desk.get(place).await;
        let (log, _guard) = Log::listen();
        desk.get(place).await;
        let statements = log.statements();
        assert!((3..=most).contains(&statements.len()), "{place}: {statements:#?}");
    }
    let frame = format!("{path}/body");
    let (log, _guard) = Log::listen();
    desk.get(&frame).await;
    let statements = log.statements();
    assert!((3..=7).contains(&statements.len()), "{statements:#?}");
}

#[tokio::test]
async fn a_message_is_shown_with_all_that_belongs_to_it() {
    let mut desk = Desk::new().await;
    let raw = "From: \"Anna Berg\" <anna@x.test>\r\nReply-To: list@x.test\r\nTo: ann@example.test, Bob <bob@x.test>\r\nCc: c@x.test\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1@x.test>\r\nSubject: The hall & <keys>\r\n\r\nThey lie with the porter.\r\n";
    let value = desk.put("INBOX", raw.as_bytes(), Flags::system(SystemFlags::ANSWERED), 0).await;
    let reply = "From: ann@example.test\r\nTo: anna@x.test\r\nIn-Reply-To: <1@x.test>\r\nReferences: <1@x.test>\r\nSubject: Re: The hall\r\n\r\nThank you, said I.\r\n";
    let own = desk.put("Sent", reply.as_bytes(), Flags::system(SystemFlags::SEEN), 5).await;
    let path = href(&value);
    let page = desk.get(&path).await;
    assert_eq!(title(&page), "The hall &#38; &#60;keys&#62; – Mailstead");
    let text = page.text();
    for words in
        ["Anna Berg", "anna@x.test", "not checked", "list@x.test", "c@x.test", "You have replied to this", "1997"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        text.contains("One more message in this conversation")
            && page.body.contains(&format!("href=\"{}\"", href(&own)))
    );
    assert!(text.contains("Thank you, said I."), "own replies belong to the conversation");
    for link in ["reply", "reply-all", "forward"] {
        assert!(page.body.contains(&format!("/mail/compose?{link}={value}")), "{link}");
    }
    let frame = find(&page, r#"<iframe class="msg sheet" [^>]*src="([^"]*)""#);
    assert_eq!(frame, format!("{path}/body"));
    assert!(page.body.contains("sandbox=\"allow-same-origin allow-popups allow-popups-to-escape-sandbox\""));
    let body = desk.get(&frame).await;
    assert!(body.body.contains("They lie with the porter."));
    assert_eq!(body.header("content-security-policy"), POLICY);
    assert_eq!(body.header("cache-control"), "no-store");
    let print = desk.get(&format!("{path}/print")).await;
    assert_eq!(find(&print, r#"<iframe class="msg sheet" [^>]*src="([^"]*)""#), frame);
    assert!(print.text().contains("bob@x.test") && !print.body.contains("/mail/act"));
    let headers = desk.get(&format!("{path}/headers")).await;
    assert!(
        headers.text().contains("Message-ID")
            && headers.text().contains("<1@x.test>".replace('<', "&#60;").replace('>', "&#62;").as_str())
    );
    let source = desk.get(&format!("{path}/source")).await;
    assert_eq!((source.body.as_str(), source.header("content-type")), (raw, "text/plain; charset=utf-8"));
    assert_eq!(source.header("content-security-policy"), "sandbox; default-src 'none'");
    let file = desk.get(&format!("{path}/source.eml")).await;
    assert_eq!((file.body.as_str(), file.header("content-type")), (raw, "message/rfc822"));
    assert!(
        file.header("content-disposition").starts_with("attachment; filename=\"The hall & _keys_.eml\""),
        "{file:?}"
    );
}

#[tokio::test]
async fn mail_of_members_is_told_from_what_only_says_so() {
    let scene = Scene::new().await;
    scene.send(&[("ann@example.test", ASKED_NOTHING)], "to myself").await;
    let Scene { house, ann } = scene;
    let mut browser = Browser::new(&house);
    browser.sign_in("ann", "correct horse").await;
    let page = browser.get("/mail").await;
    let page = browser.get(&href(&rows(&page)[0])).await;
    assert!(page.text().contains("sent from here by ann"), "{}", page.text());
    let forged = "Authentication-Results: mail.example.test; auth=pass smtp.auth=ann@example.test\r\nFrom: ann@example.test\r\nSubject: forged\r\n\r\nx\r\n";
    let uid = deliver(&house, "ann", forged).await;
    let inbox = house.services.lists.folders(&ann).await.unwrap()[0].id;
    let page = browser.get(&format!("/mail/{inbox}/{uid}")).await;
    assert!(page.text().contains("not checked") && !page.text().contains("sent from here"), "{}", page.text());
}

#[tokio::test]
async fn what_is_anothers_is_as_if_it_were_not_there() {
    let mut desk = Desk::new().await;
    let value = desk.mail("INBOX", "secret").await;
    let inbox = desk.id("INBOX").await;
    desk.house.member("bob", PASSWORD).await;
    let mut bob = Browser::new(&desk.house);
    bob.sign_in("bob", PASSWORD).await;
    let words = |answer: &Answer| answer.text();
    for rest in ["", "/body", "/seen", "/source", "/source.eml", "/headers", "/print", "/part/1", "/part/1/preview"] {
        let path = format!("{}{rest}", href(&value));
        assert!(rest == "/seen" || rest.contains("preview") || desk.get(&path).await.status == 200);
        let (theirs, none) = (bob.get(&path).await, bob.get(&format!("/mail/999999/1{rest}")).await);
        assert_eq!((theirs.status, none.status), (404, 404), "{path}");
        assert_eq!(words(&theirs), words(&none), "{path}");
        assert_eq!(bob.get(&format!("/mail/{inbox}/x{rest}")).await.status, 404);
    }
    for path in ["", "/empty"] {
        assert_eq!(bob.get(&format!("/mail/{inbox}{path}")).await.status, 404);
    }
    assert_eq!(bob.get(&format!("/mail/folders/{inbox}")).await.status, 404);
    assert_eq!(bob.get(&format!("/mail/live?box={inbox}&since=1")).await.status, 404);
    bob.get("/mail").await;
    for act in ["delete", "seen", "archive"] {
        let answer = bob.post("/mail/act", &[("pick", &value), ("act", act), ("back", "/mail")]).await;
        assert_eq!(answer.status, 404, "{act}");
    }
    assert_eq!(bob.post(&format!("{}/remote", href(&value)), &[("remote", "once")]).await.status, 404);
    assert_eq!(bob.post(&format!("{}/seen", href(&value)), &[]).await.status, 404);
    assert!(!desk.is_seen(&value).await);
    assert_eq!(rows(&desk.get("/mail").await), [value]);
}

/// Elements and attributes that do something. What the sender wrote as text is escaped, and says what it likes.
fn active_parts(page: &str) -> Vec<String> {
    let names = Regex::new(r#"="[^"]*""#).unwrap().replace_all(page, "=\"\"").into_owned();
    let bad = [
        (
            &*names,
            r"(?i)<(script|iframe|form|input|svg|math|object|embed|link|base|meta http)|<[^>]*\s(on[a-z]+|srcset|background)\s*=",
        ),
        (page, r#"(?i)\s(href|src|action)="\s*(javascript|vbscript|file|data:text)|style="[^"]*url\("#),
    ];
    let found = |(text, pattern): (&str, &str)| {
        Regex::new(pattern).unwrap().find_iter(text).map(|found| found.as_str().to_owned()).collect::<Vec<_>>()
    };
    bad.into_iter().flat_map(found).collect()
}

#[tokio::test]
async fn hostile_messages_are_held() {
    let mut desk = Desk::new().await;
    let all = mails::folder("tests/corpus/html").unwrap();
    assert!(all.len() >= 70);
    for (name, raw) in &all {
        desk.put("INBOX", raw, Flags::default(), 0).await;
        let page = desk.get("/mail").await;
        let value = rows(&page).last().unwrap().clone();
        opens_everywhere(&mut desk, name, &value).await;
        desk.act(&[&value], "delete", "/mail").await;
    }
}

/// Opens a message in every way; in each of them nothing of it is active.
async fn opens_everywhere(desk: &mut Desk, name: &str, value: &str) {
    let path = href(value);
    let page = desk.get(&path).await;
    let ours = Regex::new(r#"<script [a-z= "]*src="/static/[^"]*"></script>|<iframe class="msg sheet"[^>]*></iframe>|<(form|input|link|svg)\b[^>]*>|<meta name="[^"]*" content=["'][^"']*["']>"#).unwrap();
    for (place, page) in [
        ("page", page.body.clone()),
        ("print", desk.get(&format!("{path}/print")).await.body),
        ("headers", desk.get(&format!("{path}/headers")).await.body),
    ] {
        assert_eq!(active_parts(&ours.replace_all(&page, "")), Vec::<String>::new(), "{name}: {place}");
        assert_eq!(page.matches("<h1").count(), 1, "{name}: {place}");
        assert!(!page.contains("src=\"http") && !page.contains("canary'</title>"), "{name}: {place}");
    }
    let body = desk.get(&format!("{path}/body")).await;
    assert_eq!(body.header("content-security-policy"), POLICY, "{name}");
    assert_eq!(active_parts(&body.body), Vec::<String>::new(), "{name}: {}", body.body);
    assert!(!Regex::new(r#"src="https?:"#).unwrap().is_match(&body.body), "{name}: {}", body.body);
    desk.get(&format!("{path}/body?form=plain")).await;
    desk.get(&format!("{path}/source")).await;
    let link = Regex::new(&format!(r#"href="({path}/part/[0-9.]+(?:/preview)?)""#)).unwrap();
    for part in link.captures_iter(&page.body).map(|found| found[1].to_owned()).collect::<Vec<_>>() {
        let answer = desk.get(&part).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}: {part}");
        let policy = answer.header("content-security-policy");
        if part.ends_with("preview") {
            assert!(policy.starts_with("sandbox") && policy.contains("default-src 'none'"), "{name}: {part}: {policy}");
            let kind = answer.header("content-type");
            assert!(
                kind.starts_with("image/") && kind != "image/svg+xml" || kind.starts_with("text/"),
                "{name}: {part}: {kind}"
            );
            assert!(kind != "text/html; charset=utf-8" || active_parts(&answer.body).is_empty(), "{name}: {part}");
        } else {
            assert_eq!(policy, "sandbox; default-src 'none'", "{name}: {part}");
            assert!(answer.header("content-disposition").starts_with("attachment; filename=\""), "{name}: {part}");
        }
    }
}

#[tokio::test]
async fn real_messages_open_in_every_way() {
    let mut desk = Desk::new().await;
    for (name, raw) in mails::real() {
        let value = desk.put("INBOX", &raw, Flags::default(), 0).await;
        opens_everywhere(&mut desk, &name, &value).await;
        desk.act(&[&value], "archive", "/mail").await;
    }
}

#[tokio::test]
async fn a_large_newsletter_is_quick() {
    let mut desk = Desk::new().await;
    let row = "<tr><td style=\"color:#333;padding:4px\"><a href=\"https://x.test/a\">A line of news</a> with <b>words</b></td></tr>\r\n";
    let html = format!("<html><body><table>{}</table></body></html>", row.repeat((1 << 20) / row.len()));
    let raw = format!("Subject: news\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}");
    let path = format!("{}/body", href(&desk.put("INBOX", raw.as_bytes(), Flags::default(), 0).await));
    let started = Instant::now();
    let body = desk.get(&path).await;
    assert!(body.body.matches("A line of news").count() > 8000);
    // Built for speed it takes a tenth; what grows with the square would take minutes.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn pictures_from_elsewhere_wait_for_an_answer() {
    let mut desk = Desk::new().await;
    let raw = "From: News <news@x.test>\r\nSubject: n\r\nContent-Type: text/html\r\n\r\n<p>hi<img src=\"https://canary.example.test/1.gif\">\r\n";
    let value = desk.put("INBOX", raw.as_bytes(), Flags::default(), 0).await;
    let other = desk.put("INBOX", raw.replace("news@", "other@").as_bytes(), Flags::default(), 0).await;
    let path = href(&value);
    let frame = r#"<iframe class="msg sheet" [^>]*src="([^"]*)""#;
    let page = desk.get(&path).await;
    assert!(page.text().contains("Pictures from elsewhere were left out"));
    assert!(page.text().contains("Always for news@x.test"), "{}", page.text());
    assert!(!desk.get(&find(&page, frame)).await.body.contains("canary"));
    // Once: for this message, in this session.
    let answer = desk.browser.post(&format!("{path}/remote"), &[("remote", "once")]).await;
    let once = desk.browser.follow(answer).await;
    assert!(!once.text().contains("were left out"));
    let source = find(&once, frame);
    let body = desk.get(&source).await;
    assert!(body.body.contains("src=\"https://canary.example.test/1.gif\""));
    assert_eq!(body.header("content-security-policy"), POLICY.replace("img-src data:", "img-src data: https:"));
    let leave = source.split_once('?').unwrap().1.to_owned();
    assert!(!desk.get(&format!("{}/body?{leave}", href(&other))).await.body.contains("canary"), "for one message");
    let mut elsewhere = Browser::new(&desk.house);
    elsewhere.sign_in("ann", PASSWORD).await;
    assert!(!elsewhere.get(&source).await.body.contains("canary"), "for one session");
    assert!(desk.get(&path).await.text().contains("were left out"));
    // Always for one sender, and taken back.
    let answer = desk.browser.post(&format!("{path}/remote"), &[("remote", "sender")]).await;
    let page = desk.browser.follow(answer).await;
    assert!(page.text().contains("Pictures in mail from news@x.test are shown"), "{}", page.text());
    assert!(desk.get(&find(&page, frame)).await.body.contains("canary"));
    assert!(desk.get(&href(&other)).await.text().contains("were left out"));
    desk.get(&path).await;
    let answer = desk.browser.post(&format!("{path}/remote"), &[("undo", "sender")]).await;
    assert!(desk.browser.follow(answer).await.text().contains("were left out"));
    // Never asked again, by either answer.
    let answer = desk.browser.post(&format!("{path}/remote"), &[("remote", "everybody")]).await;
    let page = desk.browser.follow(answer).await;
    assert!(desk.get(&find(&page, frame)).await.body.contains("canary"));
    desk.wish(|wishes| wishes.remote = Remote::Never).await;
    let page = desk.get(&path).await;
    assert!(page.text().contains("as you wished") && !desk.get(&find(&page, frame)).await.body.contains("canary"));
}

#[tokio::test]
async fn an_address_of_ours_in_a_strangers_mail_is_not_offered_for_good() {
    let mut desk = Desk::new().await;
    let raw = "From: Boss <boss@example.test>\r\nContent-Type: text/html\r\n\r\n<img src=\"https://canary.example.test/1.gif\">\r\n";
    let uid = deliver(&desk.house, "ann", raw).await;
    let path = format!("/mail/{}/{uid}", desk.id("INBOX").await);
    let page = desk.get(&path).await;
    assert!(page.text().contains("Show once") && !page.text().contains("Always for boss"), "{}", page.text());
    assert_eq!(desk.browser.post(&format!("{path}/remote"), &[("remote", "sender")]).await.status, 403);
}

#[tokio::test]
async fn acts_are_told_and_taken_back() {
    let mut desk = Desk::new().await;
    desk.mail("INBOX", "a").await;
    desk.mail("INBOX", "b").await;
    desk.get("/mail").await;
    let none = desk.act(&[], "delete", "/mail").await;
    assert!(none.text().contains("Nothing was picked"));
    let archive = format!("move.{}", desk.id("Archive").await);
    for (act, words) in [
        ("seen", "2 messages are marked as read."),
        ("star", "2 messages have a star."),
        ("archive", "2 messages are in Archive."),
        (archive.as_str(), "2 messages are moved."),
        ("junk", "2 messages are in Junk."),
        ("delete", "2 messages are deleted."),
    ] {
        let before = desk.get("/mail").await;
        let picks = rows(&before);
        let picks: Vec<&str> = picks.iter().map(String::as_str).collect();
        let page = desk.act(&picks, act, "/mail").await;
        assert!(page.text().contains(words), "{act}: {}", page.text());
        assert_eq!(rows(&page).is_empty(), !matches!(act, "seen" | "star"), "{act}");
        // A second press of the button finds nothing to do.
        let again = desk.act(&picks, act, "/mail").await;
        assert!(again.text().contains("Nothing changed"), "{act}: {}", again.text());
        let undone = desk.undo(&page).await;
        assert!(undone.text().contains("2 messages are as they were."), "{act}: {}", undone.text());
        assert_eq!((rows(&undone).len(), title(&undone)), (2, title(&before)), "{act}");
        // So does a second undoing.
        assert!(desk.undo(&page).await.text().contains("Nothing could be taken back"), "{act}");
    }
    let bad = desk.browser.post("/mail/act", &[("pick", "1.1"), ("act", "explode"), ("back", "/mail")]).await;
    assert_eq!(bad.status, 400);
    let bad = desk.browser.post("/mail/undo", &[("undo", "d1.2")]).await;
    assert_eq!(bad.status, 422);
    let away = desk.browser.post("/mail/act", &[("act", "seen"), ("back", "https://evil.example/")]).await;
    assert_eq!(away.header("location"), "/mail");
}

#[tokio::test]
async fn acts_on_a_message_lead_back_to_its_list() {
    let mut desk = Desk::new().await;
    let value = desk.mail("INBOX", "a").await;
    let page = desk.get(&href(&value)).await;
    let (back, here) = (page.value("back").unwrap(), page.value("here").unwrap());
    let fields = [("pick", value.as_str()), ("back", &back), ("here", &here)];
    let star = desk.browser.post("/mail/act", &[&fields[..], &[("act", "star")]].concat()).await;
    assert_eq!(star.header("location"), href(&value));
    let starred = desk.browser.follow(star).await;
    assert!(starred.text().contains("Take the star off"));
    let unread = desk.browser.post("/mail/act", &[&fields[..], &[("act", "unseen")]].concat()).await;
    assert_eq!(unread.header("location"), back);
    // Junk and back.
    let junk = desk.act(&[&value], "junk", "/mail").await;
    assert!(rows(&junk).is_empty());
    let folder = format!("/mail/{}", desk.id("Junk").await);
    let page = desk.get(&folder).await;
    let value = rows(&page)[0].clone();
    assert!(desk.get(&href(&value)).await.text().contains("This is no junk"));
    assert!(desk.act(&[&value], "not-junk", "/mail").await.text().contains("back in the Inbox"));
}

#[tokio::test]
async fn a_message_counts_as_read_when_its_reader_wished_it() {
    let mut desk = Desk::new().await;
    let value = desk.mail("INBOX", "a").await;
    let path = href(&value);
    let page = desk.get(&path).await;
    assert!(page.body.contains(&format!("data-seen=\"{path}/seen\" data-after=\"2\" data-row=\"{value}\"")));
    for place in [path.clone(), format!("{path}/body"), format!("{path}/print"), format!("{path}/source")] {
        desk.get(&place).await;
    }
    assert!(!desk.is_seen(&value).await, "fetching a page marks nothing");
    // Without a script a picture asks; whoever goes on before hangs up.
    let slowly = find(&page, r#"<noscript><img class="hidden" src="([^"]*)""#);
    let early = tokio::time::timeout(Duration::from_millis(300), desk.browser.get(&slowly)).await;
    assert!(early.is_err());
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(!desk.is_seen(&value).await, "who went on before has not read it");
    assert_eq!(desk.browser.get(&format!("{path}/seen")).await.status, 404, "no link from elsewhere marks");
    assert_eq!(desk.browser.get(&slowly).await.status, 204);
    assert!(desk.is_seen(&value).await);
    // With one it says so itself.
    desk.get("/mail").await;
    desk.act(&[&value], "unseen", "/mail").await;
    assert_eq!(desk.browser.post(&format!("{path}/seen"), &[]).await.status, 204);
    assert!(desk.is_seen(&value).await && !desk.get(&path).await.body.contains("data-seen"));
    // Never: nothing asks for it.
    desk.act(&[&value], "unseen", "/mail").await;
    desk.wish(|wishes| wishes.seen_after = None).await;
    let page = desk.get(&path).await;
    assert!(!page.body.contains("data-seen") && !page.body.contains("<noscript>"));
    assert_eq!(desk.browser.get(&slowly).await.status, 204);
    assert!(!desk.is_seen(&value).await);
}

#[tokio::test]
async fn what_hangs_on_a_message_is_saved_and_looked_at_safely() {
    let mut desk = Desk::new().await;
    let raw = "Subject: files\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/png; name=\"plan\u{e9}.png\"\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==\r\n--b\r\nContent-Type: image/png; name=page.png\r\n\r\n<script>alert(1)</script>\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"a.pdf.exe\"\r\n\r\nMZ\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner <one>\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nwords inside\r\n--c\r\nContent-Type: text/csv; name=a.csv\r\n\r\n1,2\r\n--c--\r\n--b--\r\n";
    let path = href(&desk.put("INBOX", raw.as_bytes(), Flags::default(), 0).await);
    let page = desk.get(&path).await;
    let text = page.text();
    assert!(text.contains("4 attachments") && text.contains("Picture,"), "{text}");
    assert!(text.contains("The name hides what this is") || text.contains("This is a program"), "{text}");
    let picture = desk.get(&format!("{path}/part/2/preview")).await;
    assert_eq!(
        (picture.header("content-type"), picture.header("content-security-policy")),
        ("image/png", "sandbox; default-src 'none'")
    );
    assert_eq!(desk.browser.get(&format!("{path}/part/3/preview")).await.status, 404, "no picture, whatever it says");
    assert_eq!(desk.browser.get(&format!("{path}/part/4/preview")).await.status, 404);
    let program = desk.get(&format!("{path}/part/4")).await;
    assert_eq!((program.body.as_str(), program.header("content-type")), ("MZ", "application/octet-stream"));
    assert!(program.header("content-disposition").contains("filename=\"a.pdf.exe\""));
    let inner = desk.get(&format!("{path}/part/5/preview")).await;
    assert!(inner.body.contains("inner &lt;one&gt;") && inner.body.contains("words inside"), "{}", inner.body);
    assert_eq!(inner.header("content-security-policy"), POLICY);
    let nested = find(&inner, r#"href="(/mail/[^"]*/part/[^"]*)""#);
    assert_eq!(desk.get(&nested).await.body, "1,2");
    for bad in ["9", "0", "1.1.1", "x", "", "1..2", "99999999999"] {
        assert_eq!(desk.browser.get(&format!("{path}/part/{bad}")).await.status, 404, "{bad}");
    }
}

#[tokio::test]
async fn the_search_box_finds_and_explains() {
    let mut desk = Desk::new().await;
    let (a, b) = (desk.mail("INBOX", "minutes of May").await, desk.mail("Archive", "minutes of June").await);
    desk.mail("Trash", "minutes thrown away").await;
    let help = desk.get("/mail/search").await;
    assert!(help.text().contains("from:anna") && help.body.contains("<details class=\"message\" open>"));
    let page = desk.get("/mail/search?q=subject%3Aminutes").await;
    let mut found = rows(&page);
    found.sort();
    let mut both = [a.clone(), b.clone()];
    both.sort();
    assert_eq!(found, both);
    assert!(page.text().contains("2 messages") && page.text().contains("Archive · "), "{}", page.text());
    assert_eq!(title(&page), "Search for subject:minutes – Mailstead");
    // The results stay beside a message, and acts come back to them.
    let beside = desk.get(&format!("{}?q=subject%3Aminutes", href(&b))).await;
    assert_eq!(rows(&beside).len(), 2);
    assert!(beside.value("back").unwrap().starts_with("/mail/search?q="));
    let none = desk.get("/mail/search?q=nowhere").await;
    assert!(none.text().contains("Nothing was found"));
    let bad = desk.browser.get("/mail/search?q=larger%3Ahuge").await;
    assert_eq!(bad.status, 422);
    assert!(bad.text().contains("a size is written 500k or 2M") && bad.body.contains("value=\"larger:huge\""));
}

#[tokio::test]
async fn folders_are_made_renamed_and_removed() {
    let mut desk = Desk::new().await;
    desk.get("/mail/folders").await;
    let made = desk.browser.post("/mail/folders", &[("name", " Lists "), ("inside", "")]).await;
    assert!(desk.browser.follow(made).await.text().contains("The folder Lists is there."));
    let made = desk.browser.post("/mail/folders", &[("name", "Board"), ("inside", "Lists")]).await;
    assert_eq!(made.status, 303);
    for (name, words) in [("Lists", "There is a folder of that name"), ("", "Give the folder a name"), ("a/b", "slash")]
    {
        let again = desk.browser.post("/mail/folders", &[("name", name), ("inside", "")]).await;
        assert_eq!(again.status, 422, "{name}");
        assert!(again.text().contains(words) && again.value("name").as_deref() == Some(name), "{}", again.text());
    }
    let (lists, board) = (desk.id("Lists").await, desk.id("Lists/Board").await);
    let page = desk.get(&format!("/mail/folders/{lists}")).await;
    assert!(page.text().contains("There are folders inside it"));
    let refused = desk.browser.post(&format!("/mail/folders/{lists}"), &[("act", "remove")]).await;
    assert_eq!(refused.status, 409);
    let page = desk
        .browser
        .post(&format!("/mail/folders/{board}"), &[("act", "rename"), ("name", "Team"), ("inside", "")])
        .await;
    let page = desk.browser.follow(page).await;
    assert!(page.text().contains("The folder is now Team."), "{}", page.text());
    let undone = desk.undo(&page).await;
    assert!(undone.text().contains("The folder is now Lists/Board."), "{}", undone.text());
    desk.mail("Lists/Board", "kept").await;
    let page = desk.get(&format!("/mail/folders/{board}")).await;
    assert!(page.text().contains("Its message goes to Trash first"), "{}", page.text());
    let removed = desk.browser.post(&format!("/mail/folders/{board}"), &[("act", "remove")]).await;
    assert!(desk.browser.follow(removed).await.text().contains("The folder Board is removed."));
    assert_eq!(desk.browser.get(&format!("/mail/{board}")).await.status, 404);
    assert!(desk.get(&format!("/mail/{}", desk.id("Trash").await)).await.text().contains("kept"));
    let inbox = desk.id("INBOX").await;
    assert_eq!(desk.browser.post(&format!("/mail/folders/{inbox}"), &[("act", "remove")]).await.status, 403);
}

#[tokio::test]
async fn trash_is_emptied_after_a_question_and_filled_again() {
    let mut desk = Desk::new().await;
    desk.mail("Trash", "a").await;
    desk.mail("Trash", "b").await;
    let trash = desk.id("Trash").await;
    let list = desk.get(&format!("/mail/{trash}")).await;
    assert!(list.body.contains(&format!("href=\"/mail/{trash}/empty\"")));
    let page = desk.get(&format!("/mail/{trash}/empty")).await;
    assert!(page.text().contains("2 messages will be removed for good"), "{}", page.text());
    let uidnext = page.value("uidnext").unwrap();
    desk.mail("Trash", "came since").await;
    let answer = desk.browser.post(&format!("/mail/{trash}/empty"), &[("uidnext", &uidnext)]).await;
    let page = desk.browser.follow(answer).await;
    assert!(page.text().contains("2 messages are removed.") && rows(&page).len() == 1, "{}", page.text());
    assert_eq!(rows(&desk.undo(&page).await).len(), 3);
    let inbox = desk.id("INBOX").await;
    assert_eq!(desk.browser.get(&format!("/mail/{inbox}/empty")).await.status, 404);
    assert_eq!(desk.browser.post(&format!("/mail/{inbox}/empty"), &[("uidnext", "9")]).await.status, 403);
}

#[tokio::test]
async fn new_mail_is_told_to_pages_that_are_open() {
    let mut desk = Desk::new().await;
    let watchers = desk.house.services.watchers.clone();
    tokio::spawn(async move { watchers.run().await });
    desk.mail("INBOX", "a").await;
    let page = desk.get("/mail").await;
    assert!(page.body.contains("data-new-bar hidden"));
    let events = find(&page, r#"data-events="([^"]*)""#);
    let mut stream = desk.browser.listen(&events).await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("cache-control"), "no-store");
    stream.until("listening").await;
    desk.mail("INBOX", "b").await;
    let told = stream.until("\n\n").await;
    assert!(
        told.contains("event: new")
            && told.contains("One new message – show")
            && told.contains("Inbox (2) – Mailstead"),
        "{told}"
    );
    desk.mail("INBOX", "c").await;
    assert!(stream.until("2 new messages").await.contains("Inbox (3)"));
    // Who comes late is told at once.
    assert!(desk.browser.listen(&events).await.until("\n\n").await.contains("2 new messages – show"));
    // Beside a message the page keeps its title.
    let value = rows(&page)[0].clone();
    let events = find(&desk.get(&href(&value)).await, r#"data-events="([^"]*)""#);
    desk.mail("INBOX", "d").await;
    let told = desk.browser.listen(&events).await.until("\n\n").await;
    assert!(told.contains("One new message") && told.contains("\"title\":null"), "{told}");
    // Five pages of a session may listen, the sixth asks no more.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(desk.browser.listen(&events).await);
    }
    assert!(open.iter().all(|one| one.status == 200));
    assert_eq!(desk.browser.listen(&events).await.status, 204);
    drop(open.pop());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(desk.browser.listen(&events).await.status, 200);
    // With the session the stream ends.
    desk.house.set_password("ann", "another password").await;
    stream.end().await;
}

#[tokio::test]
async fn a_house_that_closes_ends_its_streams() {
    let mut desk = Desk::new().await;
    let page = desk.get("/mail").await;
    let events = find(&page, r#"data-events="([^"]*)""#);
    let mut stream = desk.browser.listen(&events).await;
    stream.until("listening").await;
    stream.close_house();
    stream.end().await;
}

#[tokio::test]
async fn wishes_are_kept_and_followed() {
    let mut desk = Desk::new().await;
    let value = desk.mail("INBOX", "a").await;
    let page = desk.get("/settings/reading").await;
    assert!(page.text().contains("after 2 seconds"));
    let fields = [("seen-after", "30"), ("remote", "never"), ("compact", "on")];
    let saved = desk.browser.post("/settings/reading", &fields).await;
    assert!(desk.browser.follow(saved).await.text().contains("This is how mail is shown"));
    let page = desk.get(&href(&value)).await;
    assert!(
        page.body.contains("data-after=\"30\"")
            && page.body.contains("data-shortcuts=\"off\"")
            && page.body.contains("data-density=\"compact\"")
    );
    assert!(!page.body.contains("id=\"shortcuts\""));
    assert_eq!(desk.browser.post("/settings/reading", &[("seen-after", "301"), ("remote", "ask")]).await.status, 422);
    assert_eq!(desk.browser.post("/settings/reading", &[("seen-after", "x"), ("remote", "ask")]).await.status, 400);
    let sender = mailstead::model::address::Address::parse("news@x.test").unwrap();
    desk.house.services.preferences.allow_remote(&desk.ann, &sender, true).await.unwrap();
    assert!(desk.get("/settings/reading").await.text().contains("news@x.test"));
    let gone = desk.browser.post("/settings/reading/senders", &[("sender", "news@x.test")]).await;
    let page = desk.browser.follow(gone).await;
    assert!(!page.body.contains("name=\"sender\""), "{}", page.text());
    assert_eq!(desk.browser.get("/mail").await.status, 200);
    assert_eq!(desk.browser.send(Method::DELETE, "/mail", None).await.status, 405);
}

//! A message, its frame, its parts; hostile and real ones.

use super::{Desk, PASSWORD, POLICY, find, href, rows, title};
use crate::harness::browser::{Answer, Browser};
use crate::harness::house::deliver;
use crate::harness::mails;
use crate::harness::scene::{ASKED_NOTHING, Scene};
use mailstead::model::flags::{Flags, SystemFlags};
use mailstead::service::preference::Remote;
use regex::Regex;

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
    // The text fills a window where that page leads there, and by no link from elsewhere.
    desk.browser.headers.push(("sec-fetch-dest", "document".into()));
    assert_eq!(desk.browser.get(&format!("{path}/body")).await.header("location"), path);
    let alone = find(&print, r#"<a href="([^"]*alone=[^"]*)""#);
    assert_eq!(desk.browser.get(&alone).await.status, 200);
    desk.browser.headers.pop();
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
    let ours = Regex::new(r#"<script [a-z= "]*src="/static/[^"]*"( integrity="sha384-[A-Za-z0-9+/]*")?></script>|<iframe class="msg sheet"[^>]*></iframe>|<(form|input|link|svg)\b[^>]*>|<meta name="[^"]*" content=["'][^"']*["']>"#).unwrap();
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
async fn a_large_newsletter_comes_whole() {
    let mut desk = Desk::new().await;
    let row = "<tr><td style=\"color:#333;padding:4px\"><a href=\"https://x.test/a\">A line of news</a> with <b>words</b></td></tr>\r\n";
    let html = format!("<html><body><table>{}</table></body></html>", row.repeat((1 << 20) / row.len()));
    let raw = format!("Subject: news\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}");
    let path = format!("{}/body", href(&desk.put("INBOX", raw.as_bytes(), Flags::default(), 0).await));
    // Work that grows with the square would take longer than a test may.
    let body = desk.get(&path).await;
    assert!(body.body.matches("A line of news").count() > 8000);
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
    let wider = POLICY.replace("img-src data:", "img-src data: https:") + "; upgrade-insecure-requests";
    assert_eq!(body.header("content-security-policy"), wider);
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

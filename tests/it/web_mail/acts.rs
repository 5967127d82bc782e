//! Acts and their undoing, the mark of what was read, wishes.

use super::{Desk, find, href, rows, title};
use hyper::Method;
use std::time::Duration;

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
    let told = desk.browser.post(&format!("{path}/seen"), &[]).await;
    assert_eq!(told.body, r#"{"folder":"/mail","unread":0,"words":"0 unread"}"#);
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

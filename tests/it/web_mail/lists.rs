//! Lists, search, folders, news of mail that came.

use super::{Desk, find, href, mail, rows, title};
use crate::harness::log::Log;
use mailstead::model::flags::{Flags, SystemFlags};
use std::time::Duration;

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
    let nowhere = desk.browser.get("/mail/search?q=in%3Anosuchfolder+minutes").await;
    assert_eq!(nowhere.status, 422);
    assert!(nowhere.text().contains("There is no folder of that name") && nowhere.body.contains("in:nosuchfolder"));
    let all = desk.get("/mail/search?q=subject%3Aminutes&pick=all").await;
    assert_eq!(all.body.matches(" checked><span").count(), 2, "all lines are ticked");
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
async fn trash_and_junk_are_emptied_after_a_question_and_filled_again() {
    let mut desk = Desk::new().await;
    for folder in ["Trash", "Junk"] {
        is_emptied(&mut desk, folder).await;
    }
    let inbox = desk.id("INBOX").await;
    assert_eq!(desk.browser.get(&format!("/mail/{inbox}/empty")).await.status, 404);
    assert_eq!(desk.browser.post(&format!("/mail/{inbox}/empty"), &[("uidnext", "9")]).await.status, 403);
}

async fn is_emptied(desk: &mut Desk, folder: &str) {
    desk.mail(folder, "a").await;
    desk.mail(folder, "b").await;
    let trash = desk.id(folder).await;
    let list = desk.get(&format!("/mail/{trash}")).await;
    assert!(list.body.contains(&format!("href=\"/mail/{trash}/empty\"")));
    let page = desk.get(&format!("/mail/{trash}/empty")).await;
    assert!(page.text().contains("2 messages will be removed for good"), "{}", page.text());
    let uidnext = page.value("uidnext").unwrap();
    desk.mail(folder, "came since").await;
    let answer = desk.browser.post(&format!("/mail/{trash}/empty"), &[("uidnext", &uidnext)]).await;
    let page = desk.browser.follow(answer).await;
    assert!(page.text().contains("2 messages are removed.") && rows(&page).len() == 1, "{}", page.text());
    assert_eq!(rows(&desk.undo(&page).await).len(), 3);
}

#[tokio::test]
async fn new_mail_is_told_to_pages_that_are_open() {
    let mut desk = Desk::new().await;
    let watchers = desk.house.services.watchers.clone();
    tokio::spawn(async move { watchers.run().await });
    desk.mail("INBOX", "a").await;
    let page = desk.get("/mail").await;
    assert!(
        page.body.contains("<p class=\"new-mail\" data-new-bar") && page.body.contains("since=2\" hidden>"),
        "{}",
        page.body
    );
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
    // Who can't have a stream asks now and then.
    let told = desk.browser.get(&events).await;
    assert_eq!(told.header("content-type"), "application/json");
    assert!(told.body.contains("2 new messages – show") && told.body.contains("Inbox (3)"), "{}", told.body);
    let page = desk.get("/mail").await;
    let fresh = find(&page, r#"data-events="([^"]*)""#);
    assert_eq!(desk.browser.get(&fresh).await.status, 204, "nothing came since");
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

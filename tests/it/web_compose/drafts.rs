//! Drafts: two windows, scripts, other programs.

use super::*;

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
    let told = desk.browser.follow(again).await;
    assert_eq!(told.status, 410);
    assert!(
        told.text().contains("This message is sent") && told.text().contains("folder of sent mail"),
        "{}",
        told.text()
    );
    assert_eq!(desk.wait(11).await, 0);
    assert_eq!(desk.house.inbox("bob").await.len(), 1);
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
    assert!(told["words"].is_null() && told["revision"] == "1", "there is no more to say: {told}");
    let twice = submit(&mut desk.browser, &page, &[("subject", "Typed")], &[]).await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&twice.body).unwrap()["at"], at.as_str());
    let file = desk.browser.post_files(&format!("{at}/file"), &[], &[("a.txt", b"octets")]).await;
    assert!(
        file.status == 200
            && file.body.contains("<li class=\"attachment\">")
            && file.body.contains("a.txt")
            && file.text().contains("6 B of"),
        "{}",
        file.body
    );
    let left = desk.browser.post(&at, &[("revision", "1"), ("subject", "Typed on"), ("leaving", "1")]).await;
    assert_eq!(left.status, 200, "{}", left.body);
    assert_eq!(desk.subjects("Drafts").await, ["Typed on"]);
    // What is saved as it stands is put aside by itself.
    desk.browser.post(&at, &[("revision", "2"), ("subject", "Typed at last")]).await;
    assert_eq!(desk.subjects("Drafts").await, ["Typed on"]);
    let aside = desk.browser.post(&at, &[("aside", "1")]).await;
    assert_eq!(aside.status, 200, "{}", aside.body);
    assert_eq!(desk.subjects("Drafts").await, ["Typed at last"]);
    desk.browser.cookies.remove("__Host-ms");
    desk.browser.cookies.insert("__Host-ms".into(), "x".repeat(43));
    let over = desk.browser.post(&at, &[("revision", "3"), ("subject", "Lost?")]).await;
    assert_eq!(over.status, 401);
}

#[tokio::test]
async fn whoever_comes_back_to_a_draft_is_told_what_became_of_it() {
    let mut desk = Desk::new().await;
    let page = desk.browser.get("/mail/compose").await;
    let saved = submit(&mut desk.browser, &page, &[("subject", "Gone"), ("act", "save")], &[]).await;
    let page = desk.browser.follow(saved).await;
    submit(&mut desk.browser, &page, &[("act", "discard")], &[]).await;
    let told = desk.browser.get(&action(&page)).await;
    assert_eq!(told.status, 410);
    assert!(told.text().contains("You discarded this draft"), "{}", told.text());
    let mut bob = Browser::new(&desk.house);
    bob.sign_in("bob", PASSWORD).await;
    assert_eq!(bob.get(&action(&page)).await.status, 404);
    let restore = Regex::new(r#"action="(/mail/compose/\d+/restore)""#).unwrap();
    let place = restore.captures(&told.body).unwrap()[1].to_owned();
    for words in ["The draft is back.", ""] {
        let back = desk.browser.post(&place, &[("undo", "1")]).await;
        let page = desk.browser.follow(back).await;
        assert_eq!(field(&page, "subject"), "Gone");
        assert!(page.text().contains(words), "{}", page.text());
    }
    // The page that began a message, sent again after it went: by Back, or by a browser that was restored.
    let page = desk.browser.get("/mail/compose").await;
    let with = [("to", "bob@example.test"), ("subject", "Once"), ("body", "Text"), ("act", "send")];
    submit(&mut desk.browser, &page, &with, &[("a.txt", b"octets")]).await;
    assert_eq!(desk.wait(11).await, 1);
    let again = submit(&mut desk.browser, &page, &with, &[("a.txt", b"octets")]).await;
    let told = desk.browser.follow(again).await;
    assert!(told.status == 410 && told.text().contains("This message is sent"), "{}", told.text());
    assert_eq!(desk.wait(11).await, 0);
    // With other words it is another message.
    let with = [&with[..2], &[("body", "Other words"), ("act", "send")]].concat();
    let other = submit(&mut desk.browser, &page, &with, &[]).await;
    let other = desk.browser.follow(other).await;
    assert_eq!((other.status, field(&other, "body").as_str()), (200, "Other words"));
    assert!(other.text().contains("sent or discarded in another window"), "{}", other.text());
    assert_eq!(desk.house.inbox("bob").await.len(), 1);
}

#[tokio::test]
async fn a_rich_draft_of_another_program_says_what_goes() {
    let mut desk = Desk::new().await;
    let raw = "From: ann@example.test\r\nTo: bob@example.test\r\nSubject: Rich\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<b>Look:</b> <img src=\"cid:1@x\">\r\n--r\r\nContent-Type: image/png; name=p.png\r\nContent-ID: <1@x>\r\n\r\npng\r\n--r--\r\n";
    let spot = desk.mail(raw).await;
    let place = format!("/mail/compose?draft={spot}");
    assert_eq!(desk.browser.get(&place).await.status, 404, "what a stranger wrote is nobody's draft");
    let marked = "UPDATE message SET flags = flags | 16";
    desk.house.damage(marked).await;
    let page = desk.browser.get(&place).await;
    assert_eq!((field(&page, "body").trim(), field(&page, "to").as_str()), ("Look:", "bob@example.test"));
    assert!(page.text().contains("the formatting is gone") && page.body.contains("p.png"), "{}", page.text());
    // A picture that is not to go along stays behind.
    let saved = submit(&mut desk.browser, &page, &[("part", ""), ("act", "save")], &[]).await;
    let page = desk.browser.follow(saved).await;
    assert!(!page.body.contains("p.png") && !page.text().contains("the formatting is gone"), "{}", page.text());
    assert_eq!(desk.subjects("Drafts").await, ["Rich"]);
    assert!(desk.subjects("INBOX").await.is_empty());
    let plain = desk.mail(LETTER).await;
    desk.house.damage(marked).await;
    let page = desk.browser.get(&format!("/mail/compose?draft={plain}")).await;
    assert!(!page.text().contains("formatting"), "{}", page.text());
}

#[tokio::test]
async fn while_the_database_is_away_nothing_typed_is_lost() {
    let mut desk = Desk::new().await;
    let page = desk.browser.get("/mail/compose").await;
    let with = [("to", "bob@example.test"), ("subject", "S"), ("body", "<b>\nA long\nletter"), ("act", "send")];
    desk.house.database_away().await;
    let away = submit(&mut desk.browser, &page, &with, &[]).await;
    assert_eq!(away.status, 503);
    assert!(
        away.text().contains("what you filled in is kept on this page") && !away.body.contains("http-equiv"),
        "{}",
        away.text()
    );
    let textarea = Regex::new(r#"(?s)<textarea hidden name="([^"]*)"[^>]*>\n(.*?)</textarea>"#).unwrap();
    let fields: Vec<(String, String)> = textarea
        .captures_iter(&away.body)
        .map(|found| (found[1].to_owned(), found[2].replace("&#60;", "<").replace("&#62;", ">")))
        .collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert!(fields.contains(&("body", "<b>\nA long\nletter")) && fields.iter().all(|(name, _)| *name != "csrf"));
    // One from elsewhere gets nothing back.
    let mut foreign = desk.browser.clone();
    foreign.headers.push(("sec-fetch-site", "cross-site".into()));
    let answer = submit(&mut foreign, &page, &with, &[]).await;
    assert!(answer.status == 503 && !answer.body.contains("A long"), "{}", answer.body);
    desk.house.database_back().await;
    let mut sent = desk.browser.post("/mail/compose", &fields).await;
    for _ in 0..20 {
        if sent.status != 503 {
            break;
        }
        sent = desk.browser.post("/mail/compose", &fields).await;
    }
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert_eq!(desk.wait(11).await, 1);
    assert!(desk.house.inbox("bob").await[0].ends_with("<b>\r\nA long\r\nletter\r\n"));
}

#[tokio::test]
async fn what_was_refused_and_left_is_offered() {
    let mut desk = Desk::new().await;
    let page = desk.browser.get("/mail/compose").await;
    let fields = [("to", "nobody"), ("subject", "Left"), ("act", "send")];
    assert_eq!(submit(&mut desk.browser, &page, &fields, &[]).await.status, 422);
    let page = desk.browser.get("/mail/compose").await;
    assert!(page.text().contains("You have an unfinished message") && page.text().contains("Left"), "{}", page.text());
}

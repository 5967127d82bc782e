//! Sending: checked first, once, and taken back in time.

use super::*;

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

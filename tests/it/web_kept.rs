//! What was filled in is not lost: forms that come when nothing can be done with them are shown again, to be sent later.

use crate::harness::browser::{Answer, Browser, site};
use crate::harness::house::House;
use mailstead::front::web::{Site, serve};
use mailstead::net::listener::Accepted;
use mailstead::net::stream::Stream;
use regex::Regex;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

const PASSWORD: &str = "correct horse battery";
const LETTER: [(&str, &str); 4] =
    [("to", "bob@example.test"), ("subject", "Long letter"), ("body", "\nOne\n\n  two\n"), ("act", "save")];

async fn desk() -> (House, Browser) {
    let house = House::new().await;
    house.member("ann", PASSWORD).await;
    house.member("bob", PASSWORD).await;
    let mut browser = Browser::new(&house);
    browser.sign_in("ann", PASSWORD).await;
    browser.get("/mail/compose").await;
    (house, browser)
}

/// The form that a page keeps, as a browser sends it.
fn kept(page: &Answer) -> Vec<(String, String)> {
    let field = Regex::new(r#"<textarea hidden name="([^"]*)" aria-label="[^"]*">\n([^<]*)</textarea>"#).unwrap();
    field.captures_iter(&page.body).map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
}

async fn send(browser: &mut Browser, path: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post(path, &fields).await
}

/// Signs out in another window of the same browser.
async fn sign_out_elsewhere(browser: &Browser) {
    let mut window = browser.clone();
    window.get("/mail").await;
    assert_eq!(window.post("/sign-out", &[]).await.status, 303);
}

#[tokio::test]
async fn a_letter_sent_in_a_session_that_is_over_goes_on_after_signing_in() {
    let (_house, mut browser) = desk().await;
    sign_out_elsewhere(&browser).await;
    let page = browser.post_files("/mail/compose", &LETTER, &[]).await;
    assert_eq!(page.status, 401);
    assert!(page.text().contains("nothing is lost"), "{}", page.text());
    let fields = kept(&page);
    for (name, value) in LETTER {
        assert!(fields.contains(&(name.into(), value.into())), "{name} in {fields:?}");
    }
    // One signs in beside it; the page asks once more, since it was made before.
    browser.sign_in("ann", PASSWORD).await;
    let asks = send(&mut browser, "/mail/compose", &fields).await;
    assert_eq!((asks.status, kept(&asks)), (403, fields));
    let again = send(&mut browser, "/mail/compose", &kept(&asks)).await;
    assert!(again.status == 303, "{} {}", again.status, again.text());
    let page = browser.follow(again).await;
    assert!(page.body.contains("\nOne\n\n  two\n") && page.body.contains("Long letter"), "{}", page.body);
}

#[tokio::test]
async fn a_form_from_elsewhere_is_not_kept() {
    let (_house, mut browser) = desk().await;
    sign_out_elsewhere(&browser).await;
    browser.headers.push(("sec-fetch-site", "cross-site".into()));
    let page = browser.post("/mail/compose", &LETTER).await;
    assert!(page.status == 303 && kept(&page).is_empty(), "{} {}", page.status, page.text());
}

/// A stranger's form that does not come to its end.
async fn begun(site: &Site) -> DuplexStream {
    let (ours, mut theirs) = Stream::memory();
    let accepted = Accepted {
        stream: ours,
        peer: ([192, 0, 2, 9], 40_000).into(),
        local: ([127, 0, 0, 1], 443).into(),
        shutdown: CancellationToken::new(),
    };
    tokio::spawn(serve(accepted, site.clone()));
    let head = "POST /mail/compose HTTP/1.1\r\nHost: mail.example.test\r\nContent-Length: 1000000\r\n\r\nbody=";
    theirs.write_all(head.as_bytes()).await.unwrap();
    theirs
}

#[tokio::test]
async fn strangers_forms_are_read_a_few_at_a_time() {
    let (house, _) = desk().await;
    let site = site(&house.services);
    let mut browser = Browser::at(site.clone());
    let mut asks = async || browser.post("/mail/compose", &LETTER).await.status;
    assert_eq!(asks().await, 401, "there is a place");
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(begun(&site).await);
    }
    until(&mut asks, 303).await;
    drop(held);
    until(&mut asks, 401).await;
}

async fn until(asks: &mut impl AsyncFnMut() -> u16, status: u16) {
    for _ in 0..1000 {
        if asks().await == status {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never {status}");
}

#[tokio::test]
async fn what_is_secret_is_typed_again() {
    let (_house, mut browser) = desk().await;
    sign_out_elsewhere(&browser).await;
    let fields = [("current-password", PASSWORD), ("new-password", "another horse battery")];
    let page = browser.post("/settings/password", &fields).await;
    assert_eq!((page.status, page.header("location")), (303, "/sign-in?next=%2F"));
}

#[tokio::test]
async fn a_form_with_files_of_another_session_waits_for_its_sender() {
    let (house, mut browser) = desk().await;
    // The token that it has now is one of a stranger's page.
    browser.sign_in("ann", PASSWORD).await;
    let page = browser.post_files("/mail/compose", &LETTER, &[("plan.txt", b"the plan")]).await;
    assert_eq!(page.status, 403);
    assert!(kept(&page).contains(&("subject".into(), "Long letter".into())), "{}", page.text());
    let ann = house.web("ann", PASSWORD).await;
    assert!(house.services.drafts.unfiled(&ann).await.unwrap().is_empty(), "nothing was stored");
}

#[tokio::test]
async fn files_are_asked_for_again() {
    let (_house, mut browser) = desk().await;
    sign_out_elsewhere(&browser).await;
    let page = browser.post_files("/mail/compose", &LETTER, &[("plan.txt", &[b'x'; 100_000])]).await;
    let fields = kept(&page);
    assert!(fields.iter().any(|(name, _)| name == "body"), "{}", page.text());
    assert!(!fields.iter().any(|(name, _)| name == "act"), "it is not sent without its files");
}

#[tokio::test]
async fn while_the_database_is_away_a_form_waits_on_its_page() {
    let (house, mut browser) = desk().await;
    house.database_away().await;
    let page = browser.post("/mail/compose", &LETTER).await;
    assert_eq!((page.status, page.header("retry-after")), (503, "5"));
    assert!(!page.body.contains("http-equiv=\"refresh\""), "it would forget the form");
    let fields = kept(&page);
    assert!(fields.contains(&("body".into(), "\nOne\n\n  two\n".into())), "{fields:?}");
    // One with a password is not kept: it must be typed again.
    let page = browser.post("/sign-in", &[("name", "ann"), ("password", PASSWORD)]).await;
    assert!(page.status == 503 && !page.body.contains(PASSWORD) && kept(&page).is_empty());
    house.database_back().await;
    for _ in 0..20 {
        let again = send(&mut browser, "/mail/compose", &fields).await;
        if again.status != 503 {
            let page = browser.follow(again).await;
            // The page was made while nobody could be told from a stranger: it asks once more.
            let page = match kept(&page) {
                none if none.is_empty() => page,
                fields => {
                    let again = send(&mut browser, "/mail/compose", &fields).await;
                    browser.follow(again).await
                }
            };
            assert!(page.body.contains("Long letter"), "{}", page.text());
            return;
        }
    }
    panic!("it stayed away");
}

//! A fresh server from the link to the first owner, and people who get their mailbox by a link.

use crate::harness::browser::{Answer, Browser, site};
use crate::harness::house::House;
use crate::web_entry::{PASSWORD, code, codes, leads, says, seed};
use chrono::TimeDelta;
use mailstead::model::address::Address;
use mailstead::service::account::{Actor, NewPerson, Role};
use std::collections::BTreeSet;

/// A house without an owner, and a browser at it.
async fn unclaimed() -> (House, Browser) {
    let house = House::new().await;
    let browser = Browser::at(site(&house.services));
    (house, browser)
}

async fn link(house: &House) -> String {
    let token = house.services.setup.link(&Actor::command_line()).await.unwrap();
    format!("/setup/{}", token.expose())
}

const YOU: [(&str, &str); 3] = [("name", "Ada Berg"), ("address", "ada@fresh.test"), ("new-password", PASSWORD)];

/// Takes the link for this browser: on the page to claim the house.
async fn begin(browser: &mut Browser, link: &str) -> Answer {
    says(&browser.get(link).await, 200, "The link then belongs to this browser");
    leads(&browser.post(link, &[("begin", "1")]).await, link);
    browser.get(link).await
}

/// Claims the house: on the step after it.
async fn claim(browser: &mut Browser, link: &str) -> Answer {
    begin(browser, link).await;
    let answer = browser.post(link, &YOU).await;
    browser.follow(answer).await
}

#[tokio::test]
async fn until_it_is_claimed_there_is_nothing_else() {
    let (house, mut browser) = unclaimed().await;
    house.member("ann", PASSWORD).await;
    for path in ["/", "/sign-in", "/mail", "/settings/apps", "/welcome/x", "/setup", "/no/such/page"] {
        let answer = browser.get(path).await;
        says(&answer, 503, "This server has no owner yet");
        says(&answer, 503, "mailstead setup-link");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    }
    let answer = browser.post("/sign-in", &[("name", "ann"), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 503);
    for path in ["/alive", "/source", "/source/licence.txt"] {
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
    let css = browser.get("/source").await.body.split('"').find(|part| part.ends_with("app.css")).unwrap().to_owned();
    assert_eq!(browser.get(&css).await.status, 200);
    assert_eq!(browser.get("/setup/name").await.status, 404, "no step before the claim");
}

#[tokio::test]
async fn a_server_is_claimed_and_set_up() {
    let (house, mut browser) = unclaimed().await;
    let link = link(&house).await;
    let page = begin(&mut browser, &link).await;
    says(&page, 200, "Claim this server");
    says(&page, 200, "Step 1 of 6");
    for (field, value, words) in [
        ("name", " ", "Type your name."),
        ("name", "\u{202e}Ada", "A name has at most 100 characters"),
        ("address", "ada", "An address has a name, an @ and a domain"),
        ("address", "ada@192.0.2.1", "no IP address"),
        ("address", "ada@localhost", "two or more parts"),
        ("address", "postmaster@fresh.test", "Postmaster and abuse lead to the owners"),
        ("new-password", "short", "at least 12 characters"),
        ("new-password", "ada@fresh.test", "name and address"),
    ] {
        let form = YOU.map(|(name, kept)| (name, if name == field { value } else { kept }));
        let answer = browser.post(&link, &form).await;
        says(&answer, 422, words);
        assert!(answer.body.contains(&format!("href=\"#{field}\"")), "{words}");
        let kept = if field == "name" { "ada@fresh.test" } else { "Ada Berg" };
        assert!(answer.body.contains(kept) && !answer.body.contains(PASSWORD));
    }
    leads(&browser.post(&link, &YOU).await, "/settings/second-factor");
    let claims = house.audit("setup.claim").await;
    assert!(claims.len() == 1 && claims[0].1 == "ada@fresh.test", "{claims:?}");
    leads(&browser.get("/settings/second-factor").await, "/setup/second-factor");
    for path in ["/setup/codes", "/setup/name", "/setup/domain", "/setup/certificate"] {
        leads(&browser.get(path).await, "/setup/second-factor");
    }
    leads(&browser.get("/settings/apps").await, "/settings/second-factor");
    says(&browser.get("/setup/second-factor").await, 200, "Step 2 of 6");
    leads(&browser.post("/setup/second-factor", &[]).await, "/setup/second-factor");
    let page = browser.get("/setup/second-factor").await;
    let seed = seed(&page);
    says(&browser.post("/setup/second-factor", &[("code", "000000")]).await, 403, "This code does not fit");
    let page = browser.post("/setup/second-factor", &[("code", &code(&house, &seed))]).await;
    says(&page, 200, "Step 3 of 6");
    assert_eq!(codes(&page).len(), 10);
    says(&browser.post("/setup/codes", &[]).await, 422, "Keep the codes, then tick that you have.");
    leads(&browser.post("/setup/codes", &[("kept", "on")]).await, "/setup/name");
    says(&browser.get("/setup/name").await, 200, "Step 4 of 6");
    says(&browser.get("/setup/domain").await, 200, "fresh.test. MX 10 mail.example.test.");
    leads(&browser.post("/setup/domain", &[]).await, "/setup/certificate");
    says(&browser.get("/setup/certificate").await, 200, "Step 6 of 6");
    leads(&browser.post("/setup/certificate", &[]).await, "/setup/done");
    says(&browser.get("/setup/done").await, 200, "Your server is set up");
    for path in ["/setup", "/setup/name", "/setup/certificate"] {
        leads(&browser.get(path).await, "/setup/done");
    }
    assert_eq!(house.audit("setup.finish").await.len(), 1);
    // For others there is nothing there.
    let mut stranger = Browser::new(&house);
    house.member("ann", PASSWORD).await;
    let mut ann = Browser::new(&house);
    ann.sign_in("ann", PASSWORD).await;
    for path in [link.as_str(), "/setup", "/setup/second-factor", "/setup/codes", "/setup/done", "/setup/x"] {
        assert_eq!((stranger.get(path).await.status, ann.get(path).await.status), (404, 404), "{path}");
    }
}

#[tokio::test]
async fn the_name_of_the_server_is_checked() {
    let (house, mut browser) = unclaimed().await;
    let link = link(&house).await;
    claim(&mut browser, &link).await;
    browser.post("/setup/second-factor", &[]).await;
    let seed = seed(&browser.get("/setup/second-factor").await);
    browser.post("/setup/second-factor", &[("code", &code(&house, &seed))]).await;
    browser.post("/setup/codes", &[("kept", "on")]).await;
    assert_eq!(browser.get("/setup/name").await.value("name").as_deref(), Some("mail.example.test"));
    for bad in ["", "mail", "192.0.2.1", "mail example.org", "-mail.example.org", "https://mail.example.org"] {
        let answer = browser.post("/setup/name", &[("name", bad)]).await;
        says(&answer, 422, "A host name has two or more parts");
        assert_eq!(answer.value("name").as_deref(), Some(bad));
    }
    leads(&browser.post("/setup/name", &[("name", "MX.fresh.test.")]).await, "/setup/domain");
    says(&browser.get("/setup/domain").await, 200, "fresh.test. MX 10 mx.fresh.test.");
    assert_eq!(house.services.settings.word("server.hostname"), "mx.fresh.test");
}

#[tokio::test]
async fn a_setup_that_was_left_goes_on() {
    let (house, mut browser) = unclaimed().await;
    let link = link(&house).await;
    let page = claim(&mut browser, &link).await;
    says(&page, 200, "Step 2 of 6");
    leads(&browser.get("/setup").await, "/setup/second-factor");
    leads(
        &Browser::at(site(&house.services)).get("/setup/second-factor").await,
        "/sign-in?next=%2Fsetup%2Fsecond-factor",
    );
    // Another day, another browser.
    house.clock.advance(TimeDelta::days(1));
    let mut browser = Browser::at(site(&house.services));
    let answer = browser.sign_in("ada@fresh.test", PASSWORD).await;
    let page = browser.follow(answer).await;
    says(&page, 200, "Step 2 of 6");
    browser.post("/setup/second-factor", &[]).await;
    let seed = seed(&browser.get("/setup/second-factor").await);
    let first = codes(&browser.post("/setup/second-factor", &[("code", &code(&house, &seed))]).await);
    leads(&browser.get("/setup").await, "/setup/codes");
    let page = browser.get("/setup/codes").await;
    says(&page, 200, "If you did not keep them, make new ones.");
    let form = [("again", "1"), ("at", &*page.value("at").unwrap())];
    let second = codes(&browser.post("/setup/codes", &form).await);
    assert!(second.len() == 10 && !second.contains(&first[0]));
    leads(&browser.post("/setup/codes", &form).await, "/setup/codes");
    leads(&browser.post("/setup/certificate", &[]).await, "/setup");
    leads(&browser.post("/setup/codes", &[("kept", "on")]).await, "/setup/name");
    leads(&browser.get("/setup").await, "/setup/name");
    house.clock.advance(TimeDelta::hours(1));
    let mut other = Browser::at(site(&house.services));
    leads(&other.sign_in("ada@fresh.test", PASSWORD).await, "/sign-in/code?next=%2F");
    leads(&other.get("/setup").await, "/sign-in/code");
    // Who leaves is led on, and told.
    leads(&browser.get("/").await, "/setup");
    says(&browser.get("/admin/people").await, 200, "This server is not quite set up");
    leads(&browser.post("/setup/certificate", &[]).await, "/setup/done");
    leads(&browser.get("/").await, "/mail");
    assert!(!browser.get("/admin/people").await.text().contains("not quite set up"));
}

#[tokio::test]
async fn a_link_is_one_browsers_once_for_an_hour() {
    let (house, mut first) = unclaimed().await;
    let old = link(&house).await;
    let mut second = Browser::at(site(&house.services));
    // Whatever shows a preview of the link takes nothing away.
    for _ in 0..3 {
        says(&second.get(&old).await, 200, "Begin");
    }
    says(&begin(&mut first, &old).await, 200, "Step 1 of 6");
    leads(&first.post(&old, &[("begin", "1")]).await, &old);
    says(&second.get(&old).await, 404, "opened it in another browser on");
    says(&second.post(&old, &[("begin", "1")]).await, 404, "opened it in another browser on");
    says(&second.post(&old, &YOU).await, 404, "opened it in another browser on");
    says(&first.get(&old).await, 200, "Step 1 of 6");
    let new = link(&house).await;
    says(
        &first.get(&old).await,
        404,
        "is mistyped, was used already, is more than an hour old, or a newer one was made",
    );
    says(&begin(&mut first, &new).await, 200, "Step 1 of 6");
    house.clock.advance(TimeDelta::minutes(61));
    says(&first.post(&new, &YOU).await, 404, "more than an hour old");
    // Who guesses waits; the link is as good as before.
    let fresh = link(&house).await;
    second.peer = [198, 51, 100, 7];
    for _ in 0..50 {
        assert_eq!(second.get("/setup/guess").await.status, 404);
    }
    says(&second.get(&fresh).await, 429, "try again in 15 minutes");
    says(&begin(&mut first, &fresh).await, 200, "Step 1 of 6");
    assert_eq!(house.audit("setup.claim").await.len(), 0);
}

#[tokio::test]
async fn of_two_claims_at_once_one_counts() {
    let (house, mut browser) = unclaimed().await;
    let link = link(&house).await;
    begin(&mut browser, &link).await;
    let mut twin = Browser::at(site(&house.services));
    twin.cookies = browser.cookies.clone();
    twin.get(&link).await;
    let (one, two) = tokio::join!(browser.post(&link, &YOU), twin.post(&link, &YOU));
    let places: BTreeSet<&str> = [&one, &two].map(|answer| answer.header("location")).into();
    assert_eq!((one.status, two.status), (303, 303), "{} {}", one.text(), two.text());
    assert_eq!(places, BTreeSet::from(["/settings/second-factor", "/setup"]));
    let mut late = if one.header("location") == "/setup" { browser } else { twin };
    leads(&late.post(&link, &YOU).await, "/setup");
    assert_eq!(house.audit("setup.claim").await.len(), 1);
}

/// Invites somebody; the link.
async fn invite(house: &House, local: &str, name: &str, role: Role) -> String {
    let address = Address::parse(&format!("{local}@example.test")).unwrap();
    let new = NewPerson { address, name: name.into(), role, quota: None };
    let made = house.services.accounts.invite(&Actor::command_line(), &new).await.unwrap();
    format!("/welcome/{}", made.token.expose())
}

#[tokio::test]
async fn a_mailbox_becomes_its_owners() {
    let house = House::new().await;
    let link = invite(&house, "ann", "Ann <b>", Role::Member).await;
    let mut scanner = Browser::new(&house);
    let mut browser = Browser::new(&house);
    for _ in 0..2 {
        says(&scanner.get(&link).await, 200, "Welcome");
    }
    let page = browser.get(&link).await;
    assert!(page.body.contains("ann@example.test") && page.body.contains("Ann &#60;b&#62;"), "{}", page.body);
    assert_eq!(browser.sign_in("ann", PASSWORD).await.status, 403);
    browser.get(&link).await;
    for (password, words) in [("short", "at least 12 characters"), ("ann@example.test", "name and address")] {
        let answer = browser.post(&link, &[("new-password", password)]).await;
        says(&answer, 422, words);
        assert!(answer.body.contains("href=\"#new-password\""));
    }
    leads(&browser.post(&link, &[("new-password", PASSWORD)]).await, "/welcome");
    let page = browser.get("/welcome").await;
    says(&page, 200, "Your mailbox is ready");
    says(&page, 200, "mail.example.test , port 993, TLS");
    says(&page, 200, "mail.example.test , port 587, STARTTLS");
    leads(&browser.get("/").await, "/mail");
    for answer in [scanner.get(&link).await, scanner.post(&link, &[("new-password", PASSWORD)]).await] {
        says(&answer, 404, "This link is no longer good");
        says(&answer, 404, "If you have set your password, sign in with it.");
    }
    assert_eq!(house.audit("account.activate").await.len(), 1);
    leads(&scanner.sign_in("ann", PASSWORD).await, "/");
    for (path, status) in [("/welcome/nothing", 404), ("/welcome", 200)] {
        assert_eq!(browser.get(path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn of_two_who_use_a_link_one_wins() {
    let house = House::new().await;
    let link = invite(&house, "ann", "", Role::Member).await;
    let (mut one, mut two) = (Browser::new(&house), Browser::new(&house));
    one.get(&link).await;
    two.get(&link).await;
    let form = |password| [("new-password", password)];
    let (forms, others) = (form("the first of us two"), form("the second of us two"));
    let (first, second) = tokio::join!(one.post(&link, &forms), two.post(&link, &others));
    let statuses: BTreeSet<u16> = [first.status, second.status].into();
    assert_eq!(statuses, BTreeSet::from([303, 404]));
    let late = invite(&house, "bob", "", Role::Member).await;
    house.clock.advance(TimeDelta::days(15));
    says(&one.get(&late).await, 404, "more than 14 days old");
}

#[tokio::test]
async fn an_invited_admin_enrols_before_anything_else() {
    let house = House::new().await;
    let link = invite(&house, "ada", "Ada", Role::DomainAdmin).await;
    let mut browser = Browser::new(&house);
    browser.get(&link).await;
    leads(&browser.post(&link, &[("new-password", PASSWORD)]).await, "/settings/second-factor");
    leads(&browser.get("/welcome").await, "/settings/second-factor");
    says(&browser.get("/settings/second-factor").await, 200, "needs a second factor before anything else");
    says(&browser.get("/setup/second-factor").await, 404, "no such page");
}

/// While who claimed the server has no second factor yet, the page of that step is nobody else's way past a proof.
#[tokio::test]
async fn another_owner_replaces_a_second_factor_with_a_proof_alone() {
    let (house, mut browser) = unclaimed().await;
    let link = link(&house).await;
    says(&claim(&mut browser, &link).await, 200, "Step 2 of 6");
    house.member("olga", PASSWORD).await;
    let olga = Address::parse("olga@example.test").unwrap();
    house.services.accounts.set_role(&Actor::command_line(), &olga, Role::Owner).await.unwrap();
    let mut other = Browser::at(site(&house.services));
    leads(&other.sign_in("olga@example.test", PASSWORD).await, "/settings/second-factor");
    leads(&other.get("/setup/second-factor").await, "/settings/second-factor");
    says(&other.get("/settings/second-factor").await, 200, "needs a second factor before anything else");
    other.post("/settings/second-factor", &[]).await;
    let seed = seed(&other.get("/settings/second-factor").await);
    other.post("/settings/second-factor", &[("code", &code(&house, &seed))]).await;
    house.clock.advance(TimeDelta::minutes(16));
    let begun = async || {
        house
            .store()
            .second_factor_state(house.store().account_find("example.test", "olga").await.unwrap().unwrap().id)
            .await
            .unwrap()
    };
    let before = begun().await;
    leads(&other.get("/setup/second-factor").await, "/settings/second-factor");
    leads(&other.post("/setup/second-factor", &[]).await, "/settings/second-factor");
    leads(&other.post("/setup/second-factor", &[("code", "000000")]).await, "/settings/second-factor");
    assert_eq!(begun().await, before);
    says(&other.get("/settings/second-factor").await, 200, "Is it still you?");
    // Who claimed it goes on as before.
    house.clock.advance(TimeDelta::minutes(1));
    let mut browser = Browser::at(site(&house.services));
    let answer = browser.sign_in("ada@fresh.test", PASSWORD).await;
    says(&browser.follow(answer).await, 200, "Step 2 of 6");
}

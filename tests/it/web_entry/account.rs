//! What members do about their own account once they are in.

use super::{PASSWORD, codes, enrol, house, imap, leads, says, signed_in};
use crate::harness::browser::Browser;
use chrono::TimeDelta;
use regex::Regex;

#[tokio::test]
async fn mail_programs_use_app_passwords_alone_once_there_is_a_second_factor() {
    let house = house().await;
    let mut browser = signed_in(&house, "ann").await;
    assert!(imap(&house, PASSWORD).await);
    says(&browser.get("/settings/apps").await, 200, "No app passwords yet");
    enrol(&house, &mut browser).await;
    assert!(!imap(&house, PASSWORD).await, "the side door is shut");
    let page = browser.get("/settings/apps").await;
    says(&page, 200, "mail programs can’t use your own password");
    let at = page.value("at").unwrap();
    for label in ["", " ", &"x".repeat(61)] {
        let answer = browser.post("/settings/apps", &[("label", label), ("at", &at)]).await;
        says(&answer, 422, "An app password has a name of 1 to 60 characters.");
        assert!(answer.body.contains("href=\"#label\"") && answer.body.contains("aria-invalid=\"true\""));
    }
    let form = [("label", "Laptop"), ("at", &*at)];
    let made = browser.post("/settings/apps", &form).await;
    says(&made, 200, "This is the password for Laptop.");
    let secret = Regex::new(r#"<code class="secret[^>]*>([^<]+)</code>"#).unwrap();
    let secret = secret.captures(&made.body).unwrap()[1].to_owned();
    assert!(imap(&house, &secret).await);
    leads(&browser.post("/settings/apps", &form).await, "/settings/apps");
    let page = browser.get("/settings/apps").await;
    says(&page, 200, "Nothing was made");
    assert_eq!(page.body.matches("/revoke\"").count(), 1, "{}", page.text());
    assert!(page.text().contains("127.0.0.1"), "where it was used from: {}", page.text());
    assert!(!page.body.contains(&secret));
    let mut web = Browser::new(&house);
    assert_eq!(web.sign_in("ann", &secret).await.status, 403, "it opens no web");
    let place =
        Regex::new(r#"href="(/settings/apps/\d+/revoke)""#).unwrap().captures(&page.body).unwrap()[1].to_owned();
    says(&browser.get(&place).await, 200, "Revoke Laptop?");
    leads(&browser.post(&place, &[]).await, "/settings/apps");
    says(&browser.get("/settings/apps").await, 200, "The app password Laptop is revoked.");
    assert!(!imap(&house, &secret).await);
    leads(&browser.post(&place, &[]).await, "/settings/apps");
    assert_eq!(browser.get(&place).await.status, 404);
    assert_eq!(browser.get("/settings/apps/99999/revoke").await.status, 404);
    assert_eq!(house.audit("app_password.%").await.len(), 2);
}

#[tokio::test]
async fn a_new_password_ends_what_the_old_one_opened() {
    let house = house().await;
    let mut other = signed_in(&house, "ann").await;
    let mut browser = signed_in(&house, "ann").await;
    says(&browser.get("/settings/password").await, 200, "All other browsers that are signed in as you are signed out.");
    let new = "twelve green bottles";
    for (current, new, field, status, words) in [
        ("wrong", new, "current-password", 403, "The current password is wrong."),
        (PASSWORD, "short", "new-password", 422, "at least 12 characters"),
        (PASSWORD, "aaaaaaaaaaaaaaaa", "new-password", 422, "easy to guess"),
        (PASSWORD, "ann@example.test", "new-password", 422, "name and address"),
        (PASSWORD, PASSWORD, "new-password", 422, "in use already"),
    ] {
        let form = [("current-password", current), ("new-password", new)];
        let answer = browser.post("/settings/password", &form).await;
        says(&answer, status, words);
        assert!(answer.body.contains(&format!("href=\"#{field}\"")), "{words}");
        assert!(!answer.body.contains(&format!("value=\"{new}\"")) || new.starts_with("ann"), "no password comes back");
    }
    let before = browser.cookies["__Host-ms"].clone();
    let form = [("current-password", PASSWORD), ("new-password", new)];
    leads(&browser.post("/settings/password", &form).await, "/settings/sign-in");
    assert!(browser.cookies["__Host-ms"] != before);
    says(&browser.get("/settings/sign-in").await, 200, "Your password is changed.");
    leads(&other.get("/settings/sign-in").await, "/sign-in?next=%2Fsettings%2Fsign-in");
    assert!(!imap(&house, PASSWORD).await && imap(&house, new).await);
    // Sent twice, the second does nothing, and the browser is not signed out by it.
    let mut late = Browser::new(&house);
    late.cookies.insert("__Host-ms".into(), before);
    let answer = late.post("/settings/password", &form).await;
    assert_eq!(answer.status, 303);
    assert!(!answer.headers.get_all("set-cookie").iter().any(|one| one.to_str().unwrap().starts_with("__Host-ms=")));
    assert_eq!(house.audit("password.change").await.len(), 1);
}

/// The password alone must not do for acts that ask for password and code.
#[tokio::test]
async fn a_new_password_is_no_proof_of_the_second_factor() {
    let house = house().await;
    let mut browser = signed_in(&house, "ann").await;
    enrol(&house, &mut browser).await;
    house.clock.advance(TimeDelta::minutes(16));
    browser.get("/settings/password").await;
    let form = [("current-password", PASSWORD), ("new-password", "twelve green bottles")];
    leads(&browser.post("/settings/password", &form).await, "/settings/sign-in");
    says(&browser.get("/settings/recovery-codes").await, 200, "Is it still you?");
    says(&browser.get("/settings/second-factor").await, 200, "Is it still you?");
}

#[tokio::test]
async fn sessions_are_seen_and_ended() {
    let house = house().await;
    let (mut one, mut two, mut three) =
        (signed_in(&house, "ann").await, signed_in(&house, "ann").await, signed_in(&house, "ann").await);
    house.member("bob", PASSWORD).await;
    let mut bob = signed_in(&house, "bob").await;
    let page = one.get("/settings/sessions").await;
    let ids = Regex::new(r#"name="id" value="(\d+)""#).unwrap();
    let ids: Vec<String> = ids.captures_iter(&page.body).map(|found| found[1].to_owned()).collect();
    assert_eq!((ids.len(), page.body.matches("This one").count()), (2, 1), "{}", page.text());
    bob.get("/settings/sessions").await;
    leads(&bob.post("/settings/sessions/end", &[("id", &ids[0])]).await, "/settings/sessions");
    assert_eq!(three.get("/settings/sign-in").await.status, 200, "not another’s");
    leads(&one.post("/settings/sessions/end", &[("id", &ids[0])]).await, "/settings/sessions");
    leads(&one.post("/settings/sessions/end", &[("id", &ids[0])]).await, "/settings/sessions");
    says(&one.get("/settings/sessions").await, 200, "That browser is signed out.");
    assert_eq!(three.get("/settings/sign-in").await.status, 303);
    leads(&one.post("/settings/sessions/end-others", &[]).await, "/settings/sessions");
    says(&one.get("/settings/sessions").await, 200, "One other browser is signed out.");
    assert_eq!(two.get("/settings/sign-in").await.status, 303);
    assert_eq!(
        (bob.get("/settings/sign-in").await.status, one.post("/settings/sessions/end", &[]).await.status),
        (200, 400)
    );
}

#[tokio::test]
async fn codes_are_made_anew_and_the_second_factor_goes_again() {
    let house = house().await;
    let mut browser = signed_in(&house, "ann").await;
    leads(&browser.get("/settings/recovery-codes").await, "/settings/second-factor");
    let (_, old) = enrol(&house, &mut browser).await;
    let page = browser.get("/settings/recovery-codes").await;
    says(&page, 200, "10 recovery codes are left.");
    let form = [("at", &*page.value("at").unwrap())];
    let page = browser.post("/settings/recovery-codes", &form).await;
    says(&page, 200, "replace your earlier recovery codes");
    let new = codes(&page);
    assert!(new.len() == 10 && new.iter().all(|code| !old.contains(code)));
    leads(&browser.post("/settings/recovery-codes", &form).await, "/settings/sign-in");
    says(&browser.get("/settings/second-factor/off").await, 200, "Your password alone will open your account");
    leads(&browser.post("/settings/second-factor/off", &[]).await, "/settings/sign-in");
    says(&browser.get("/settings/sign-in").await, 200, "The second factor is off.");
    leads(&browser.post("/settings/second-factor/off", &[]).await, "/settings/sign-in");
    leads(&Browser::new(&house).sign_in("ann", PASSWORD).await, "/");
    assert!(imap(&house, PASSWORD).await);
}

#[tokio::test]
async fn the_look_goes_with_the_person() {
    let house = house().await;
    let mut browser = signed_in(&house, "ann").await;
    assert!(browser.get("/settings/look").await.body.contains("data-theme=\"system\""));
    leads(&browser.post("/settings/look", &[("theme", "dark"), ("language", "en")]).await, "/settings/look");
    let page = browser.get("/settings/look").await;
    says(&page, 200, "Saved.");
    assert!(page.body.contains("data-theme=\"dark\"") && page.body.contains("value=\"en\" selected"));
    for bad in [("theme", "pink"), ("language", "tlh")] {
        let form = [
            ("theme", if bad.0 == "theme" { bad.1 } else { "dark" }),
            ("language", if bad.0 == "theme" { "" } else { bad.1 }),
        ];
        assert_eq!(browser.post("/settings/look", &form).await.status, 400, "{bad:?}");
    }
    browser.post("/sign-out", &[]).await;
    assert!(browser.get("/sign-in").await.body.contains("data-theme=\"dark\""), "before one signs in too");
    let mut other = signed_in(&house, "ann").await;
    assert!(other.get("/settings/look").await.body.contains("data-theme=\"dark\""));
    house.member("bob", PASSWORD).await;
    browser.sign_in("bob", PASSWORD).await;
    assert!(browser.get("/settings/look").await.body.contains("data-theme=\"system\""), "his own, at her browser");
}

//! The web side through its door: headers, sessions, forms, faults in words.

use crate::harness::browser::{Browser, URL};
use crate::harness::house::House;
use chrono::TimeDelta;
use hyper::Method;
use mailstead::front::web::table;

const PASSWORD: &str = "correct horse battery";

async fn house() -> House {
    let house = House::new().await;
    house.member("ann", PASSWORD).await;
    house
}

#[tokio::test]
async fn every_page_has_the_strict_headers_and_its_door() {
    let house = house().await;
    let mut stranger = Browser::new(&house);
    let routes = table();
    let routes = routes.as_array().unwrap();
    assert!(routes.len() > 5);
    for route in routes {
        let path = route["path"].as_str().unwrap().replace(['{', '}'], "");
        let method = if route["methods"].as_str().unwrap().contains("GET") { Method::GET } else { Method::POST };
        let answer = stranger.send(method.clone(), &path, (method == Method::POST).then(String::new)).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(answer.header("strict-transport-security").starts_with("max-age="), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        if route["access"] != "public" {
            assert_eq!(answer.status, 303, "{path}: {}", answer.text());
            assert!(answer.header("location").starts_with("/sign-in?next="), "{path}");
        }
    }
}

#[tokio::test]
async fn one_signs_in_and_out() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let page = browser.get("/sign-in?next=/source").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["set-cookie"].to_str().unwrap().contains("HttpOnly; SameSite=Lax; Secure; Path=/"));
    assert!(!page.body.contains("<script"), "no JavaScript where people sign in");
    let wrong = browser.post("/sign-in", &[("name", "ann"), ("password", "wrong"), ("next", "/source")]).await;
    assert_eq!(wrong.status, 403);
    assert_eq!(wrong.value("name").as_deref(), Some("ann"), "what was typed is kept");
    assert!(!wrong.body.contains("wrong\""), "but no password");
    let before = browser.cookies.clone();
    let right = browser.post("/sign-in", &[("name", "ann"), ("password", PASSWORD), ("next", "/source")]).await;
    assert_eq!((right.status, right.header("location")), (303, "/source"));
    assert!(browser.cookies.contains_key("__Host-ms") && !before.contains_key("__Host-ms"));
    assert!(!browser.cookies.contains_key("__Host-ms-pre"));
    // A cookie from before signing in is worth nothing.
    let mut fixed = Browser::new(&house);
    fixed.cookies.insert("__Host-ms".into(), before["__Host-ms-pre"].clone());
    assert_eq!(fixed.get("/").await.header("location"), "/sign-in");
    let page = browser.get("/sign-in").await;
    assert_eq!(page.status, 303, "signed in already");
    let stolen = browser.cookies.clone();
    browser.get("/source").await;
    let out = browser.post("/sign-out", &[]).await;
    assert_eq!(out.status, 403, "a form of before is asked about once more: {}", out.text());
    let out = browser.post("/sign-out", &[]).await;
    assert_eq!((out.status, out.header("location")), (303, "/sign-in"));
    let mut thief = Browser::new(&house);
    thief.cookies = stolen;
    assert_eq!(thief.get("/").await.header("location"), "/sign-in");
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let house = house().await;
    for next in ["//evil.example", "https://evil.example/", "/\\evil.example"] {
        let mut browser = Browser::new(&house);
        browser.get("/sign-in").await;
        let answer = browser.post("/sign-in", &[("name", "ann"), ("password", PASSWORD), ("next", next)]).await;
        assert_eq!(answer.header("location"), "/", "{next}");
    }
}

#[tokio::test]
async fn a_form_from_elsewhere_does_nothing() {
    let house = house().await;
    let sign_in = [("name", "ann"), ("password", PASSWORD), ("next", "/")];
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let mut browser = Browser::new(&house);
        browser.get("/sign-in").await;
        browser.headers.push((header, value.into()));
        let answer = browser.post("/sign-in", &sign_in).await;
        assert_eq!(answer.status, 403, "{header}: {value}");
        assert!(answer.text().contains("came from another site"), "{}", answer.text());
        assert!(!browser.cookies.contains_key("__Host-ms"));
    }
    let mut older = Browser::new(&house);
    older.get("/sign-in").await;
    older.headers.push(("origin", URL.into()));
    assert_eq!(older.post("/sign-in", &sign_in).await.status, 303);
    // Another browser's token, and none.
    let mut other = Browser::new(&house);
    let token = other.get("/sign-in").await.value("csrf").unwrap();
    for token in [token.as_str(), "", "x"] {
        let mut browser = Browser::new(&house);
        browser.get("/sign-in").await;
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("csrf", token)])
            .extend_pairs(sign_in)
            .finish();
        let answer = browser.send(Method::POST, "/sign-in", Some(body)).await;
        assert_eq!(answer.status, 403, "{token}");
        assert!(answer.body.contains("name=\"name\"") && answer.body.contains("ann"), "the form is kept");
        assert!(!answer.body.contains(PASSWORD), "but no password");
    }
}

#[tokio::test]
async fn a_session_ends_with_its_credentials_and_with_time() {
    let house = house().await;
    let signed_in = async |browser: &mut Browser| browser.get("/").await.header("location") == "/mail";
    let mut browser = Browser::new(&house);
    browser.sign_in("ann", PASSWORD).await;
    assert!(signed_in(&mut browser).await);
    house.clock.advance(TimeDelta::days(13));
    assert!(signed_in(&mut browser).await);
    house.clock.advance(TimeDelta::days(13));
    assert!(signed_in(&mut browser).await, "it was used in between");
    house.clock.advance(TimeDelta::days(15));
    assert!(!signed_in(&mut browser).await);
    assert!(!browser.cookies.contains_key("__Host-ms"), "the cookie goes with it");
    browser.sign_in("ann", PASSWORD).await;
    house.set_password("ann", "another password").await;
    assert!(!signed_in(&mut browser).await);
}

#[tokio::test]
async fn while_the_database_is_away_pages_say_so_and_come_back() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    browser.sign_in("ann", PASSWORD).await;
    house.database_away().await;
    let answer = browser.get("/").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert!(answer.body.contains("http-equiv=\"refresh\"") && answer.text().contains("database"), "{}", answer.text());
    // A form is not asked for again, which would be another thing than to send it.
    let answer = browser.post("/settings/look", &[("theme", "dark")]).await;
    assert_eq!(answer.status, 503);
    assert!(!answer.body.contains("http-equiv") && answer.text().contains("Send it now"), "{}", answer.text());
    let answer = browser.post("/sudo", &[("password", PASSWORD)]).await;
    assert!(
        !answer.body.contains("http-equiv") && answer.text().contains("nothing is done twice"),
        "{}",
        answer.text()
    );
    assert!(browser.cookies.contains_key("__Host-ms"), "nobody is signed out by that");
    house.database_back().await;
    // The page asks again by itself; connections that broke are found out one by one.
    let mut answer = browser.get("/").await;
    for _ in 0..20 {
        if answer.status != 503 {
            break;
        }
        answer = browser.get("/").await;
    }
    assert_eq!(answer.header("location"), "/mail");
}

#[tokio::test]
async fn what_is_no_page_is_told_in_words() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let none = browser.get("/no/such").await;
    assert_eq!(none.status, 404);
    assert!(none.text().contains("no such page"), "{}", none.text());
    let method = browser.send(Method::DELETE, "/sign-in", None).await;
    assert_eq!(method.status, 405);
    let large = browser.send(Method::POST, "/sign-in", Some("x".repeat(3 << 20))).await;
    assert_eq!(large.status, 413);
    let many = browser.send(Method::POST, "/sign-in", Some("a=b&".repeat(3000))).await;
    assert_eq!(many.status, 413);
}

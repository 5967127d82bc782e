//! Every route of the table, asked in ways that no page links to.

use crate::harness::browser::Browser;
use crate::harness::house::House;
use chrono::TimeDelta;
use hyper::Method;
use mailstead::front::web::table;
use mailstead::model::address::Address;
use mailstead::model::secret::Secret;
use mailstead::service::account::{Actor, Role};
use mailstead::service::login::{Origin, Protocol};
use mailstead::service::session::Stage;
use regex::Regex;

const PASSWORD: &str = "correct horse battery";

/// An owner, second factor and all: nothing is closed to her.
async fn owner(house: &House) -> Browser {
    house.member("olga", PASSWORD).await;
    let address = Address::parse("olga@example.test").unwrap();
    house.services.accounts.set_role(&Actor::command_line(), &address, Role::Owner).await.unwrap();
    let origin = Origin { peer: [192, 0, 2, 7].into(), protocol: Protocol::Web, domain_hint: None };
    let password = Secret::new(PASSWORD.into());
    let who = house.services.login.web(&origin, "Test 1.0", "olga", &password).await.unwrap().who;
    let token = house.services.sessions.begin(&who, Stage::Open, &origin, "Test 1.0").await.unwrap();
    let mut browser = Browser::new(house);
    browser.cookies.insert("__Host-ms".into(), token.expose().clone());
    browser
}

/// The path with something else for its variables.
fn with(path: &str, value: &str) -> String {
    Regex::new(r"\{\*?[a-z]+\}").unwrap().replace_all(path, value).into_owned()
}

/// Each route with what no path and no query can be, by somebody who may see it: a page in words, or a sign-in.
#[tokio::test]
async fn no_address_is_answered_without_a_page() {
    let house = House::new().await;
    let mut browser = owner(&house).await;
    for route in table().as_array().unwrap() {
        let path = route["path"].as_str().unwrap();
        for bad in ["x%00y", "99999999999999999999", "%FF"] {
            let path = format!("{}?before=x&after=%FF&page=-1&next=a&next=b", with(path, bad));
            let answer = browser.get(&path).await;
            let is_page = answer.header("content-type").starts_with("text/html") && answer.body.contains("<h1");
            let is_elsewhere = answer.status == 303 || answer.status == 204;
            let is_file = answer.status == 200;
            assert!(is_page || is_elsewhere || is_file, "{path}: {} {}", answer.status, answer.body);
            assert_ne!(answer.status, 500, "{path}");
        }
    }
}

/// The table says of each route what it takes, and that is what it takes.
#[tokio::test]
async fn the_table_tells_the_methods_of_each_route() {
    let house = House::new().await;
    let mut browser = owner(&house).await;
    for route in table().as_array().unwrap() {
        let path = with(route["path"].as_str().unwrap(), "1");
        for method in [Method::GET, Method::POST] {
            let answer = browser.send(method.clone(), &path, None).await;
            let said = route["methods"].as_str().unwrap().contains(method.as_str());
            assert_eq!(answer.status != 405, said, "{method} {path}");
        }
    }
}

/// Whoever may do things to others is signed out when they are away for half a day; nobody stays for ever.
#[tokio::test]
async fn sessions_have_an_end() {
    let house = House::new().await;
    let mut olga = owner(&house).await;
    house.clock.advance(TimeDelta::hours(11));
    assert_eq!(olga.get("/admin/people").await.status, 200);
    house.clock.advance(TimeDelta::hours(13));
    assert_eq!(olga.get("/admin/people").await.status, 303);
    house.member("ann", PASSWORD).await;
    let mut ann = Browser::new(&house);
    ann.sign_in("ann", PASSWORD).await;
    for _ in 0..8 {
        house.clock.advance(TimeDelta::days(11));
        assert_eq!(ann.get("/mail").await.status, 200);
    }
    house.clock.advance(TimeDelta::days(3));
    assert_eq!(ann.get("/mail").await.status, 303, "ninety days are over");
}

/// A password is chosen by whose it is.
#[tokio::test]
async fn no_page_sets_somebody_elses_password() {
    let house = House::new().await;
    let mut browser = owner(&house).await;
    house.member("bob", PASSWORD).await;
    let bob = house.services.accounts.show(&Address::parse("bob@example.test").unwrap()).await.unwrap().id;
    let mut seen = 0;
    for route in table().as_array().unwrap() {
        let of_admins = matches!(route["access"].as_str(), Some("admin" | "owner"))
            && !route["path"].as_str().unwrap().starts_with("/_gallery");
        if !of_admins || !route["methods"].as_str().unwrap().contains("GET") {
            continue;
        }
        let page = browser.get(&with(route["path"].as_str().unwrap(), &bob.to_string())).await;
        assert!(!page.body.contains("new-password") && !page.body.contains(PASSWORD), "{}", route["path"]);
        seen += u32::from(page.status == 200);
    }
    assert!(seen > 8, "{seen}");
}

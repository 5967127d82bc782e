//! The ways in, and the person's own settings: every journey and its errors through the pages.

mod account;

use crate::harness::browser::{Answer, Browser};
use crate::harness::dial::{dial, tls};
use crate::harness::house::{House, web_origin};
use crate::harness::log::Log;
use crate::harness::transcript::read_line;
use chrono::TimeDelta;
use mailstead::front::imap;
use mailstead::model::address::Address;
use mailstead::model::secret::Secret;
use mailstead::service::account::{Actor, Role};
use mailstead::service::session::Stage;
use mailstead::service::totp;
use regex::Regex;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

pub const PASSWORD: &str = "correct horse battery";

async fn house() -> House {
    let house = House::new().await;
    house.member("ann", PASSWORD).await;
    house
}

async fn with_role(house: &House, local: &str, role: Role) {
    let address = Address::parse(&format!("{local}@example.test")).unwrap();
    let (actor, password) = (Actor::command_line(), Secret::new(PASSWORD.to_owned()));
    house.services.accounts.add(&actor, &address, "", role, None, password).await.unwrap();
}

async fn signed_in(house: &House, name: &str) -> Browser {
    let mut browser = Browser::new(house);
    let answer = browser.sign_in(name, PASSWORD).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    browser
}

/// The answer leads to `place`.
pub fn leads(answer: &Answer, place: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, place), "{}", answer.text());
}

/// The answer is of this status, and says this.
pub fn says(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(words), "{words:?} in {}", answer.text());
}

/// The seed on the page that shows it.
pub fn seed(answer: &Answer) -> Vec<u8> {
    let secret = Regex::new(r#"<code class="secret[^>]*>([A-Z2-7 ]+)</code>"#).unwrap();
    totp::from_base32(&secret.captures(&answer.body).expect("a secret")[1]).expect("base32")
}

/// The code that an authenticator app shows; each is taken once, so time goes on first.
pub fn code(house: &House, seed: &[u8]) -> String {
    house.clock.advance(TimeDelta::seconds(30));
    totp::code(seed, totp::step_at(house.clock.now()))
}

/// The recovery codes of a page.
pub fn codes(answer: &Answer) -> Vec<String> {
    let list = Regex::new(r#"(?s)<ul class="codes".*?</ul>"#).unwrap();
    let list = list.find(&answer.body).expect("recovery codes").as_str();
    Regex::new("<li>([^<]+)</li>").unwrap().captures_iter(list).map(|found| found[1].to_owned()).collect()
}

/// Sets a second factor up by the pages: its seed and recovery codes.
async fn enrol(house: &House, browser: &mut Browser) -> (Vec<u8>, Vec<String>) {
    browser.get("/settings/second-factor").await;
    leads(&browser.post("/settings/second-factor", &[]).await, "/settings/second-factor");
    let page = browser.get("/settings/second-factor").await;
    let seed = seed(&page);
    let done = browser.post("/settings/second-factor", &[("code", &code(house, &seed))]).await;
    says(&done, 200, "The second factor is on.");
    (seed, codes(&done))
}

/// Whether IMAP lets somebody in.
async fn imap(house: &House, password: &str) -> bool {
    let options = Arc::new(imap::Options::new("mail.example.test", Some(tls().server.clone())));
    let services = house.services.clone();
    let door = move |accepted| imap::serve(accepted, options, services);
    let mut client = dial(true, CancellationToken::new(), door).await;
    read_line(&mut client).await;
    client.write_all(format!("a LOGIN ann \"{password}\"\r\n").as_bytes()).await.unwrap();
    read_line(&mut client).await.starts_with("a OK")
}

#[tokio::test]
async fn the_page_to_sign_in_is_small_and_works_without_scripts() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    browser.headers.push(("accept-encoding", "gzip".into()));
    let page = browser.get("/sign-in").await;
    browser.headers.clear();
    let mut octets: u64 = page.header("content-length").parse().unwrap_or(4096);
    let page = browser.get("/sign-in").await;
    assert!(!page.body.contains("<script"));
    browser.headers.push(("accept-encoding", "gzip".into()));
    let parts = Regex::new(r##"href="(/static/[^"#]+)"##).unwrap();
    let mut parts: Vec<String> = parts.captures_iter(&page.body).map(|found| found[1].to_owned()).collect();
    parts.sort();
    parts.dedup();
    assert!(parts.len() >= 2, "{parts:?}");
    for part in parts {
        let answer = browser.get(&part).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, "gzip"), "{part}");
        octets += answer.header("content-length").parse::<u64>().unwrap();
    }
    assert!(octets < 30_000, "{octets}");
}

#[tokio::test]
async fn known_and_unknown_names_look_alike() {
    let house = house().await;
    house.member("zoe", PASSWORD).await;
    let zoe = Address::parse("zoe@example.test").unwrap();
    house.services.accounts.set_suspended(&Actor::command_line(), &zoe, true).await.unwrap();
    let mut browser = Browser::new(&house);
    browser.get("/sign-in").await;
    let (log, _guard) = Log::listen();
    let mut seen = Vec::new();
    for (name, password) in [("ann", "wrong"), ("bob", "wrong"), ("zoe", PASSWORD)] {
        log.statements();
        let before = house.services.login.argon2_runs();
        let answer = browser.post("/sign-in", &[("name", name), ("password", password), ("next", "/")]).await;
        let mut headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        headers.sort();
        let runs = house.services.login.argon2_runs() - before;
        let text = answer.text().replace(name, "NAME");
        seen.push((answer.status, headers, answer.body.len(), text, log.statements(), runs));
    }
    assert!(seen[0].0 == 403 && seen[0].5 == 1 && seen[0].4.len() >= 3, "{:?}", seen[0]);
    assert!(seen[0] == seen[1] && seen[0] == seen[2], "{seen:#?}");
}

/// Anybody may send these, and they are read before it is known who does.
#[tokio::test]
async fn forms_of_strangers_are_small() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    browser.get("/sign-in").await;
    let long = "x".repeat(17 << 10);
    let form = [("name", "ann"), ("password", PASSWORD), ("next", "/"), ("more", long.as_str())];
    says(&browser.post("/sign-in", &form).await, 413, "");
    leads(&browser.post("/sign-in", &form[..3]).await, "/");
    browser.get("/settings/sign-in").await;
    let answer = browser.post("/settings/look", &[("more", &long)]).await;
    assert_ne!(answer.status, 413, "members may write long ones: {}", answer.text());
}

#[tokio::test]
async fn too_many_tries_are_told_alike_for_everybody() {
    let house = house().await;
    for name in ["ann", "nobody"] {
        let mut browser = Browser::new(&house);
        browser.get("/sign-in").await;
        let form = |password| [("name", name), ("password", password), ("next", "/")];
        for n in 0..10 {
            browser.peer = [198, 51, 100 + n, 1];
            says(&browser.post("/sign-in", &form("wrong")).await, 403, "Name or password is wrong");
        }
        let answer = browser.post("/sign-in", &form(PASSWORD)).await;
        says(&answer, 429, "try again in 15 minutes");
        assert_eq!(answer.value("name").as_deref(), Some(name));
    }
}

#[tokio::test]
async fn too_many_names_from_one_place_shut_it() {
    let house = house().await;
    house.services.settings.set(&Actor::command_line(), "login.failures_peer", "5").await.unwrap();
    let mut browser = Browser::new(&house);
    for n in 0..5 {
        says(&browser.sign_in(&format!("guess{n}"), "wrong").await, 403, "Name or password is wrong");
    }
    says(&browser.sign_in("ann", PASSWORD).await, 429, "try again in 15 minutes");
    browser.peer = [198, 51, 100, 1];
    leads(&browser.sign_in("ann", PASSWORD).await, "/");
}

#[tokio::test]
async fn one_waits_as_long_as_the_setting_says() {
    let house = house().await;
    house.services.settings.set(&Actor::command_line(), "login.window", "2h").await.unwrap();
    let mut browser = Browser::new(&house);
    for _ in 0..10 {
        browser.sign_in("ann", "wrong").await;
    }
    says(&browser.sign_in("ann", PASSWORD).await, 429, "try again in 2 hours");
    house.clock.advance(TimeDelta::minutes(121));
    leads(&browser.sign_in("ann", PASSWORD).await, "/");
}

#[tokio::test]
async fn signing_out_leaves_nothing_of_the_person_behind() {
    let house = house().await;
    let mut browser = signed_in(&house, "ann").await;
    browser.get("/settings/look").await;
    browser.post("/settings/look", &[("theme", "dark"), ("language", "en")]).await;
    assert!(browser.cookies.contains_key("__Host-ms-flash"), "what the next page would tell");
    let answer = browser.post("/sign-out", &[]).await;
    leads(&answer, "/sign-in");
    assert_eq!(answer.header("clear-site-data"), r#""cache", "storage""#);
    let left: Vec<&String> = browser.cookies.keys().collect();
    assert_eq!(left, ["__Host-ms-look"]);
}

/// Whoever knows the password alone can open as many half sessions as they like.
#[tokio::test]
async fn half_open_sessions_put_nobody_out() {
    let house = house().await;
    let mut browser = signed_in(&house, "ann").await;
    enrol(&house, &mut browser).await;
    let who = house.web("ann", PASSWORD).await;
    let sessions = &house.services.sessions;
    let mut halves = Vec::new();
    for _ in 0..60 {
        let half = sessions.begin(&who, Stage::SecondFactor, &web_origin(), "").await.unwrap();
        halves.push(half);
    }
    says(&browser.get("/settings/sessions").await, 200, "This one");
    let mut good = 0;
    for half in &halves {
        good += usize::from(sessions.resume(half.expose()).await.unwrap().is_some());
    }
    assert_eq!(good, 5, "and few of them wait at once");
    assert!(sessions.resume(halves[59].expose()).await.unwrap().is_some(), "the newest");
}

#[tokio::test]
async fn the_second_factor_is_a_step_of_its_own() {
    let house = house().await;
    let mut browser = signed_in(&house, "ann").await;
    let (seed, codes) = enrol(&house, &mut browser).await;
    assert_eq!(codes.len(), 10);
    let open = browser.cookies.clone();

    let mut browser = Browser::new(&house);
    browser.get("/sign-in?next=/settings/sessions").await;
    let form = [("name", "ann"), ("password", PASSWORD), ("next", "/settings/sessions")];
    leads(&browser.post("/sign-in", &form).await, "/sign-in/code?next=%2Fsettings%2Fsessions");
    let half = browser.cookies.clone();
    leads(&browser.get("/settings/sessions").await, "/sign-in/code");
    leads(&browser.get("/settings").await, "/sign-in/code");
    let page = browser.get("/sign-in/code?next=%2Fsettings%2Fsessions").await;
    assert!(!page.body.contains("<script"), "no JavaScript where people sign in");
    let next = page.value("next").unwrap();
    assert_eq!(next, "/settings/sessions");
    let wrong = browser.post("/sign-in/code", &[("code", "000000"), ("next", &next)]).await;
    says(&wrong, 403, "This code is wrong, or was used already.");
    assert_eq!(wrong.value("next").as_deref(), Some("/settings/sessions"));
    let right = code(&house, &seed);
    let answer = browser.post("/sign-in/code", &[("code", &right), ("next", &next)]).await;
    leads(&answer, "/settings/sessions");
    assert!(browser.cookies["__Host-ms"] != half["__Host-ms"], "who can do more has another token");
    says(&browser.get("/settings/sessions").await, 200, "This one");
    for (cookies, words) in [(half, "half a session"), (open, "an open one")] {
        let mut other = Browser::new(&house);
        other.cookies = cookies;
        let answer = other.get("/settings").await;
        assert_eq!(answer.header("location") == "/settings/sign-in", words == "an open one", "{words}");
    }
    // A code is taken once, a recovery code too.
    let mut browser = Browser::new(&house);
    leads(&browser.sign_in("ann", PASSWORD).await, "/sign-in/code?next=%2F");
    browser.get("/sign-in/code").await;
    says(&browser.post("/sign-in/code", &[("code", &right)]).await, 403, "was used already");
    let typed = codes[0].to_uppercase().replace('-', " ");
    leads(&browser.post("/sign-in/code", &[("code", &typed)]).await, "/");
    let page = browser.get("/settings/sign-in").await;
    says(&page, 200, "You used a recovery code; 9 are left.");
    says(&page, 200, "9 recovery codes are left.");
    let mut browser = Browser::new(&house);
    browser.sign_in("ann", PASSWORD).await;
    browser.get("/sign-in/code").await;
    says(&browser.post("/sign-in/code", &[("code", &codes[0])]).await, 403, "was used already");
    for _ in 0..4 {
        browser.post("/sign-in/code", &[("code", "000000")]).await;
    }
    says(&browser.post("/sign-in/code", &[("code", &codes[1])]).await, 429, "try again in 15 minutes");
    leads(&browser.post("/sign-out", &[]).await, "/sign-in");
}

#[tokio::test]
async fn who_may_do_things_to_others_enrols_first() {
    let house = house().await;
    with_role(&house, "ada", Role::Owner).await;
    let mut browser = Browser::new(&house);
    leads(&browser.sign_in("ada", PASSWORD).await, "/settings/second-factor");
    let half = browser.cookies["__Host-ms"].clone();
    for path in ["/settings/sessions", "/settings/apps", "/settings/password", "/settings/recovery-codes"] {
        leads(&browser.get(path).await, "/settings/second-factor");
    }
    says(&browser.get("/settings/second-factor").await, 200, "It needs a second factor before anything else");
    leads(&browser.post("/settings/second-factor", &[]).await, "/settings/second-factor");
    let page = browser.get("/settings/second-factor").await;
    assert!(page.body.contains("<svg") && page.body.contains("class=\"qr\""));
    let seed = seed(&page);
    let wrong = browser.post("/settings/second-factor", &[("code", "123")]).await;
    says(&wrong, 403, "This code does not fit");
    assert_eq!(self::seed(&wrong), seed, "the same secret is shown again");
    let form = [("code", &*code(&house, &seed))];
    let done = browser.post("/settings/second-factor", &form).await;
    says(&done, 200, "The second factor is on.");
    let codes = codes(&done);
    assert!(
        codes.len() == 10 && codes.iter().all(|code| done.body.matches(code.as_str()).count() >= 2),
        "in the file too"
    );
    assert!(done.body.contains("href=\"data:text/plain;charset=utf-8,"));
    assert!(browser.cookies["__Host-ms"] != half);
    // Sent again, it shows no codes and changes nothing.
    leads(&browser.post("/settings/second-factor", &form).await, "/settings/second-factor");
    let page = browser.get("/settings/sign-in").await;
    says(&page, 200, "10 recovery codes are left.");
    says(&page, 200, "Your role in this community can’t be without it.");
    leads(&browser.get("/settings/second-factor/off").await, "/settings/sign-in");
    let off = browser.post("/settings/second-factor/off", &[]).await;
    says(&off, 409, "can’t be without a second factor");
    let notices = house.audit("second_factor.%").await;
    assert_eq!(notices.len(), 1, "{notices:?}");
}

#[tokio::test]
async fn one_is_told_of_the_sign_in_before() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    browser
        .headers
        .push(("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into()));
    browser.sign_in("ann", PASSWORD).await;
    let first = browser.get("/settings").await;
    let first = browser.follow(first).await;
    assert!(!first.text().contains("You last signed in"), "{}", first.text());
    says(&first, 200, "Firefox on Linux");
    house.clock.advance(TimeDelta::hours(2));
    let mut thief = Browser::new(&house);
    thief.peer = [198, 51, 100, 9];
    assert_eq!(thief.sign_in("ann", "wrong").await.status, 403);
    let mut browser = signed_in(&house, "ann").await;
    let page = browser.get("/settings/sessions").await;
    says(&page, 200, "from 192.0.2.7 (Firefox on Linux).");
    says(&page, 200, "A try with a wrong password or code was refused on");
    says(&page, 200, "from 198.51.100.9 (An unknown browser).");
    assert!(!browser.get("/settings/sessions").await.text().contains("You last signed in"), "once");
    let page = browser.get("/settings/sign-in").await;
    assert_eq!(page.text().matches("Refused").count(), 1, "{}", page.text());
}

#[tokio::test]
async fn grave_acts_ask_who_it_is_and_go_on() {
    let house = house().await;
    let mut browser = signed_in(&house, "ann").await;
    let (seed, _) = enrol(&house, &mut browser).await;
    house.clock.advance(TimeDelta::minutes(16));
    let asked = browser.get("/settings/recovery-codes").await;
    says(&asked, 200, "Is it still you?");
    let list = browser.get("/settings/apps").await;
    let at = list.value("at").unwrap();
    let asked = browser.post("/settings/apps", &[("label", "Phone <1>"), ("at", &at)]).await;
    says(&asked, 403, "Type your password and a code once more");
    let carried = [("to", "/settings/apps"), ("form", "1"), ("carried.label", "Phone <1>"), ("carried.at", &at)];
    assert!(
        asked.body.contains("name=\"carried.label\"") && asked.body.contains("Phone &#60;1&#62;"),
        "{}",
        asked.body
    );
    let prove = |password: &'static str, code: String| {
        let mut form: Vec<(String, String)> = carried.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        form.extend([("password".into(), password.into()), ("code".into(), code)]);
        form
    };
    for (password, right, words) in [("wrong", true, "The password is wrong."), (PASSWORD, false, "This code is wrong")]
    {
        let code = if right { code(&house, &seed) } else { "000000".into() };
        let form = prove(password, code);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = browser.post("/sudo", &form).await;
        says(&answer, 403, words);
        assert!(answer.body.contains("name=\"carried.label\""), "the form is kept");
        assert!(!answer.body.contains("value=\"wrong\"") && !answer.body.contains(PASSWORD));
    }
    let before = browser.cookies["__Host-ms"].clone();
    let form = prove(PASSWORD, code(&house, &seed));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let go_on = browser.post("/sudo", &form).await;
    says(&go_on, 200, "nothing was done with it yet");
    assert!(browser.cookies["__Host-ms"] != before);
    let made = browser.post("/settings/apps", &[("label", "Phone <1>"), ("at", &at)]).await;
    says(&made, 200, "It is shown this one time.");
    says(&browser.get("/settings/recovery-codes").await, 200, "New recovery codes");
    leads(&browser.get("/sign-in?next=/sudo").await, "/");
}

#[tokio::test]
async fn the_gallery_is_for_owners() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    leads(&browser.get("/_gallery").await, "/sign-in?next=%2F_gallery");
    let mut browser = signed_in(&house, "ann").await;
    for page in ["/_gallery", "/_gallery/admin", "/_gallery/mail/2"] {
        assert_eq!(browser.get(page).await.status, 403, "{page}");
    }
}

#[tokio::test]
async fn what_is_no_page_binds_nobody() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    browser.get("/sign-in").await;
    let bound = browser.cookies["__Host-ms-pre"].clone();
    let mut early = Browser::new(&house);
    early.headers.push(("accept", "text/event-stream".into()));
    assert_eq!(early.get("/mail/live?box=1&since=1").await.status, 204);
    assert!(early.cookies.is_empty(), "{:?}", early.cookies);
    browser.headers.push(("x-script", "1".into()));
    browser.get("/mail").await;
    assert_eq!(browser.cookies["__Host-ms-pre"], bound);
}

//! Pages of owners and domain admins: people, domains, settings, the record; each by every role.

mod server;

use crate::harness::browser::{Answer, Browser, URL};
use crate::harness::house::House;
use chrono::TimeDelta;
use mailstead::front::web::table;
use mailstead::model::address::{Address, Domain};
use mailstead::model::secret::Secret;
use mailstead::service::account::{Actor, NewPerson, Role};
use mailstead::service::login::{Origin, Protocol};
use mailstead::service::session::Stage;
use regex::Regex;

const PASSWORD: &str = "correct horse battery";

fn address(raw: &str) -> Address {
    Address::parse(raw).unwrap()
}

/// Olga owns the server, Dora administers example.test, Hal helps, Bob is a member; Eve lives on other.test.
async fn house() -> House {
    let house = House::new().await;
    let (accounts, line) = (&house.services.accounts, Actor::command_line());
    accounts.domain_add(&line, &Domain::parse("other.test").unwrap(), None).await.unwrap();
    for (local, role) in
        [("olga", Role::Owner), ("dora", Role::DomainAdmin), ("hal", Role::Helper), ("bob", Role::Member)]
    {
        house.member(local, PASSWORD).await;
        accounts.set_role(&line, &address(&format!("{local}@example.test")), role).await.unwrap();
    }
    invite(&house, "eve@other.test", "Eve").await;
    house
}

/// Adds somebody who has no password yet.
async fn invite(house: &House, who: &str, name: &str) {
    let new = NewPerson { address: address(who), name: name.into(), role: Role::Member, quota: None };
    house.services.accounts.invite(&Actor::command_line(), &new).await.unwrap();
}

/// A browser in which somebody is signed in, second factor and all.
async fn at(house: &House, local: &str) -> Browser {
    let origin = Origin { peer: [192, 0, 2, 7].into(), protocol: Protocol::Web, domain_hint: None };
    let (login, name) = (&house.services.login, format!("{local}@example.test"));
    let who = login.web(&origin, "Test 1.0", &name, &Secret::new(PASSWORD.into())).await.unwrap().who;
    let token = house.services.sessions.begin(&who, Stage::Open, &origin, "Test 1.0").await.unwrap();
    let mut browser = Browser::new(house);
    browser.cookies.insert("__Host-ms".into(), token.expose().clone());
    browser.get("/admin/audit").await;
    browser
}

async fn id(house: &House, who: &str) -> i64 {
    house.services.accounts.show(&address(who)).await.unwrap().id.0
}

/// Sends a form and goes where it leads.
async fn act(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = browser.post(path, fields).await;
    assert_eq!(answer.status, 303, "{path}: {}", answer.text());
    let to = answer.header("location").split('#').next().unwrap().to_owned();
    browser.get(&to).await
}

/// Presses the undo of the notice on a page.
async fn undo(browser: &mut Browser, page: &Answer) -> Answer {
    let form = Regex::new(r#"(?s)class="toast".*?action="([^"]+)".*?name="undo" value="([^"]*)""#).unwrap();
    let found = form.captures(&page.body).unwrap_or_else(|| panic!("no undo: {}", page.text()));
    act(browser, &found[1], &[("undo", &found[2])]).await
}

fn toast(page: &Answer) -> String {
    let toast = Regex::new(r#"(?s)class="toast"[^>]*><p>(.*?)</p>"#).unwrap();
    toast.captures(&page.body).map_or_else(String::new, |found| found[1].to_owned())
}

async fn acts(house: &House, pattern: &str) -> Vec<String> {
    house.audit(pattern).await.into_iter().map(|row| row.0).collect()
}

#[tokio::test]
async fn every_page_is_for_its_roles_alone() {
    let house = house().await;
    let bob = id(&house, "bob@example.test").await;
    let eve = id(&house, "eve@other.test").await;
    let table = table();
    let routes: Vec<(String, String, String)> = table
        .as_array()
        .unwrap()
        .iter()
        .map(|route| ["path", "methods", "access"].map(|key| route[key].as_str().unwrap().to_owned()))
        .filter(|[path, _, _]| path.starts_with("/admin"))
        .map(|[path, methods, access]| (path.replace("{name}", "message.size"), methods, access))
        .collect();
    assert!(routes.len() > 15);
    let before = house.audit("%").await.len();
    for (who, reach) in [("bob", 0), ("hal", 0), ("dora", 1), ("olga", 2)] {
        let mut browser = at(&house, who).await;
        let mut refused = 0;
        for (path, methods, access) in &routes {
            let may = if access == "owner" { 2 } else { 1 };
            let path = path.replace("{id}", &bob.to_string());
            let get = methods.contains("GET");
            if get {
                let status = browser.get(&path).await.status;
                let fine =
                    if reach < may { status == 403 } else { status == 200 || (path == "/admin" && status == 303) };
                assert!(fine, "{who} {path}: {status}");
            }
            if methods.contains("POST") && reach < may {
                refused += 1;
                assert_eq!(browser.post(&path, &[]).await.status, 403, "{who} posts {path}");
            }
        }
        assert!(reach == 2 || refused > 4);
        if who == "dora" {
            // Somebody of another domain is not there for her; of her own owners she sees what they are, no more.
            let olga = id(&house, "olga@example.test").await;
            for (path, methods, _) in
                routes.iter().filter(|(path, _, access)| path.contains("{id}") && access == "admin")
            {
                let get = methods.contains("GET");
                let theirs = path.replace("{id}", &eve.to_string());
                let owners = path.replace("{id}", &olga.to_string());
                if get {
                    assert_eq!(browser.get(&theirs).await.status, 404, "{theirs}");
                    let status = browser.get(&owners).await.status;
                    assert_eq!(status, if path.ends_with("{id}") { 200 } else { 403 }, "{owners}");
                }
                if methods.contains("POST") {
                    let fields = [
                        ("name", "x"),
                        ("quota", "1"),
                        ("quota-unit", "GiB"),
                        ("local", "x"),
                        ("domain", "example.test"),
                    ];
                    assert_eq!(browser.post(&theirs, &fields).await.status, 404, "{theirs}");
                    assert_eq!(browser.post(&owners, &fields).await.status, 403, "{owners}");
                }
            }
            let page = browser.get(&format!("/admin/people/{olga}")).await;
            assert!(page.text().contains("Only an owner can change") && !page.body.contains("/suspend"));
            let list = browser.get("/admin/people").await.text();
            assert!(list.contains("bob@example.test") && !list.contains("eve@other.test"), "{list}");
        }
    }
    assert_eq!(house.audit("%").await.len(), before, "nothing was done");
}

#[tokio::test]
async fn people_are_found_and_paged() {
    let house = house().await;
    let mut olga = at(&house, "olga").await;
    let page = olga.get("/admin/people?state=suspended").await;
    assert!(page.text().contains("Nobody is suspended"), "{}", page.text());
    for n in 0..60 {
        invite(&house, &format!("p{n:02}@example.test"), &format!("Person {n:02} <b>Ünal</b>")).await;
    }
    let accounts = &house.services.accounts;
    accounts
        .alias_add(&Actor::command_line(), &address("nick@example.test"), &[address("p07@example.test")])
        .await
        .unwrap();
    let mut seen = Vec::new();
    let mut path = "/admin/people?q=person".to_owned();
    let row = Regex::new(r#"<bdi translate="no">(p\d\d)@example.test</bdi>"#).unwrap();
    let next = Regex::new(r#"href="([^"]+)" rel="next""#).unwrap();
    loop {
        let page = olga.get(&path).await;
        assert!(!page.body.contains("<b>Ünal"), "names are escaped");
        seen.extend(row.captures_iter(&page.body).map(|found| found[1].to_owned()));
        let Some(found) = next.captures(&page.body) else { break };
        path = found[1].replace("&#38;", "&").replace("&amp;", "&");
    }
    assert_eq!(seen, (0..60).map(|n| format!("p{n:02}")).collect::<Vec<_>>());
    let count = async |browser: &mut Browser, query: &str| {
        let page = browser.get(&format!("/admin/people?q={query}")).await;
        assert_eq!(page.status, 200);
        (page.body.matches("class=\"person\"").count(), page.text())
    };
    assert_eq!(count(&mut olga, "nick").await.0, 1, "by an alias");
    assert_eq!(count(&mut olga, "p07@exa").await.0, 1);
    assert_eq!(count(&mut olga, "%C3%BCNAL").await.0, 50, "in any case");
    let (none, text) = count(&mut olga, "%3Cscript%3E").await;
    assert!(none == 0 && text.contains("Nobody fits") && text.contains("Show everybody"), "{text}");
    let page = olga.get("/admin/people").await;
    assert!(page.text().contains("Everybody 65 Active 4 Waiting 61 Suspended 0"), "{}", page.text());
    let waiting = olga.get("/admin/people?state=waiting").await;
    assert!(!waiting.body.contains("olga@") || waiting.body.matches("olga@").count() == 1, "her own menu alone");
}

#[tokio::test]
async fn a_person_is_added_and_gets_a_link() {
    let house = house().await;
    let mut dora = at(&house, "dora").await;
    let page = dora.get("/admin/people/add").await;
    assert!(page.body.contains("value=\"helper\"") && !page.body.contains("value=\"owner\""), "what she may give");
    assert!(!page.body.contains("other.test") && page.text().contains("2 GiB"), "{}", page.text());
    let form = [
        ("local", "carl"),
        ("domain", "example.test"),
        ("name", "Carl <i>"),
        ("role", "member"),
        ("quota", ""),
        ("quota-unit", "GiB"),
    ];
    let with = |field: &'static str, value: &'static str| {
        form.map(|(name, was)| (name, if name == field { value } else { was }))
    };
    for (fields, words) in [
        (with("local", "bob"), "This address is taken"),
        (with("local", "postmaster"), "Postmaster and abuse lead to the owners"),
        (with("local", "a b"), "can’t stand before the @"),
        (with("local", "a+b"), "has no +"),
        (with("local", ""), "what stands before the @"),
        (with("quota", "five"), "Give a whole number"),
        (with("quota", "9999999"), "at most 1024 TiB"),
    ] {
        let again = dora.post("/admin/people/add", &fields).await;
        assert!(again.status == 422 && again.text().contains(words), "{words}: {} {}", again.status, again.text());
        assert_eq!(again.value("name").as_deref(), Some("Carl &#60;i&#62;"), "what was typed is kept");
        assert!(again.body.contains("aria-invalid=\"true\"") && again.body.contains("href=\"#"), "{words}");
    }
    for fields in [with("domain", "other.test"), with("role", "owner")] {
        assert_eq!(dora.post("/admin/people/add", &fields).await.status, 403);
    }
    assert_eq!(acts(&house, "account.invite").await.len(), 1, "Eve");
    let page = dora.post("/admin/people/add", &form).await;
    assert_eq!(page.status, 200);
    let link = Regex::new(&format!("{URL}/welcome/([A-Za-z0-9_-]{{43}})")).unwrap();
    let token = link.captures(&page.body).expect("the link")[1].to_owned();
    assert!(page.text().contains("on the page of Carl"), "{}", page.text());
    assert!(page.text().contains("shown only now") && page.body.contains("Carl &#60;i&#62;"), "{}", page.text());
    let accounts = &house.services.accounts;
    assert_eq!(accounts.activation(&token).await.unwrap().address, address("carl@example.test"));
    // Sent once more: one act, and no error.
    let page = act(&mut dora, "/admin/people/add", &form).await;
    assert!(page.text().contains("have not set a password yet"), "{}", page.text());
    assert_eq!(acts(&house, "account.invite").await.len(), 2);
    // A new link; the old one is void.
    let carl = id(&house, "carl@example.test").await;
    let page = dora.post(&format!("/admin/people/{carl}/link"), &[]).await;
    let fresh = link.captures(&page.body).expect("the new link")[1].to_owned();
    assert!(accounts.activation(&token).await.is_err() && accounts.activation(&fresh).await.is_ok());
    let origin = Origin { peer: [192, 0, 2, 9].into(), protocol: Protocol::Web, domain_hint: None };
    accounts.activate(&origin, &fresh, Secret::new("staple quarry lantern".into())).await.unwrap();
    let page = dora.post(&format!("/admin/people/{carl}/link"), &[]).await;
    assert!(page.status == 422 && page.text().contains("in use already"), "{}", page.text());
    // Power and links are given by who has proved lately who they are; what was filled in goes on.
    house.clock.advance(TimeDelta::minutes(20));
    let ask = dora.post("/admin/people/add", &[("local", "dan"), ("domain", "example.test"), ("role", "helper")]).await;
    assert!(ask.status == 403 && ask.body.contains("carried.local"), "{}", ask.text());
    assert_eq!(dora.post(&format!("/admin/people/{carl}/link"), &[]).await.status, 403);
    assert!(accounts.show(&address("dan@example.test")).await.is_err());
}

#[tokio::test]
async fn what_is_done_to_a_person_is_told_and_taken_back() {
    let house = house().await;
    let accounts = &house.services.accounts;
    let mut dora = at(&house, "dora").await;
    let mut bobs = at(&house, "bob").await;
    let base = format!("/admin/people/{}", id(&house, "bob@example.test").await);
    let show = async || accounts.show(&address("bob@example.test")).await.unwrap();
    let page = act(&mut dora, &format!("{base}/name"), &[("name", " Robert ")]).await;
    assert_eq!((toast(&page).as_str(), show().await.name.as_str()), ("The name is changed.", "Robert"));
    undo(&mut dora, &page).await;
    assert_eq!(show().await.name, "bob");
    let page = act(&mut dora, &format!("{base}/quota"), &[("quota", "5"), ("quota-unit", "GiB")]).await;
    assert!(toast(&page).contains("5 GiB") && show().await.quota == Some(5 << 30), "{}", page.text());
    assert!(page.text().contains("of 5 GiB") && page.text().contains("limit of their own"), "{}", page.text());
    undo(&mut dora, &page).await;
    assert_eq!(show().await.quota, Some(2 << 30), "the community's again");
    let bad = dora.post(&format!("{base}/quota"), &[("quota", "much"), ("quota-unit", "GiB")]).await;
    assert!(bad.status == 422 && bad.value("quota").as_deref() == Some("much"), "{}", bad.text());
    let page =
        act(&mut dora, &format!("{base}/addresses"), &[("local", "rob@example.test"), ("domain", "example.test")])
            .await;
    assert!(page.text().contains("Remove rob@example.test"), "{}", page.text());
    for (local, words) in
        [("dora", "taken"), ("postmaster", "Only an owner"), ("rob+x", "has no +"), ("", "before the @")]
    {
        let bad = dora.post(&format!("{base}/addresses"), &[("local", local), ("domain", "example.test")]).await;
        assert!(bad.status == 422 && bad.text().contains(words), "{local}: {}", bad.text());
    }
    let page = act(&mut dora, &format!("{base}/addresses/remove"), &[("address", "rob@example.test")]).await;
    assert!(!page.text().contains("Remove rob@example.test"));
    let page = undo(&mut dora, &page).await;
    assert!(page.text().contains("Remove rob@example.test"));
    // Somebody else's address is not removed through Bob's page.
    invite(&house, "zoe@example.test", "Zoe").await;
    accounts
        .alias_add(&Actor::command_line(), &address("z@example.test"), &[address("zoe@example.test")])
        .await
        .unwrap();
    act(&mut dora, &format!("{base}/addresses/remove"), &[("address", "z@example.test")]).await;
    assert!(accounts.alias_list().await.unwrap().iter().any(|alias| alias.local == "z"));
    // Suspended: his session ends with it.
    assert_eq!(bobs.get("/").await.header("location"), "/mail");
    let ask = dora.get(&format!("{base}/suspend")).await.text();
    assert!(
        ask.contains("refused") && ask.contains("signed out at once") && ask.contains("Nothing is deleted"),
        "{ask}"
    );
    for _ in 0..2 {
        let page = act(&mut dora, &format!("{base}/suspend"), &[]).await;
        assert!(toast(&page).contains("bob is suspended") && page.text().contains("Resume"), "{}", page.text());
    }
    assert_eq!(bobs.get("/").await.header("location"), "/sign-in");
    let page = dora.get(&base).await;
    assert_eq!(toast(&page), "", "told once");
    let page = act(&mut dora, &format!("{base}/resume"), &[]).await;
    undo(&mut dora, &page).await;
    assert!(show().await.suspended);
    act(&mut dora, &format!("{base}/resume"), &[]).await;
    assert_eq!(
        acts(&house, "account.%").await.split_off(8),
        [
            "account.rename",
            "account.rename",
            "account.quota",
            "account.quota",
            "account.invite",
            "account.suspend",
            "account.resume",
            "account.suspend",
            "account.resume"
        ],
        "each once"
    );
    let text = dora.get(&base).await.text();
    assert!(text.contains("dora@example.test suspended bob@example.test."), "{text}");
    assert!(text.contains("Signed in") && text.contains("Test 1.0"), "{text}");
}

#[tokio::test]
async fn the_last_owner_stays_and_nobody_suspends_themselves() {
    let house = house().await;
    let mut olga = at(&house, "olga").await;
    let own = format!("/admin/people/{}", id(&house, "olga@example.test").await);
    let bob = format!("/admin/people/{}", id(&house, "bob@example.test").await);
    let page = olga.post(&format!("{own}/role"), &[("role", "member")]).await;
    assert!(page.status == 422 && page.text().contains("last owner"), "{}", page.text());
    let page = olga.post(&format!("{own}/suspend"), &[]).await;
    assert!(page.status == 422 && page.text().contains("suspend yourself"), "{}", page.text());
    assert!(!olga.get(&own).await.body.contains("dialog-suspend"));
    let page = act(&mut olga, &format!("{bob}/role"), &[("role", "owner")]).await;
    assert_eq!(toast(&page), "The role is now: Owner.");
    undo(&mut olga, &page).await;
    let role = async |who: &str| house.services.accounts.show(&address(who)).await.unwrap().role;
    assert_eq!(role("bob@example.test").await, Role::Member);
    act(&mut olga, &format!("{bob}/role"), &[("role", "owner")]).await;
    // With another owner she may go; her session ends with it.
    let answer = olga.post(&format!("{own}/role"), &[("role", "member")]).await;
    assert_eq!((answer.status, role("olga@example.test").await), (303, Role::Member));
    assert!(olga.get(&own).await.header("location").starts_with("/sign-in"));
}

/// What could put others out or open the house to a stranger is done by who has proved lately who they are.
#[tokio::test]
async fn grave_acts_ask_who_it_is_and_others_do_not() {
    let house = house().await;
    let mut olga = at(&house, "olga").await;
    let mut ids = Vec::new();
    for who in ["bob", "hal", "dora", "olga"] {
        ids.push(format!("/admin/people/{}", id(&house, &format!("{who}@example.test")).await));
    }
    let [bob, hal, dora, own] = &ids[..] else { panic!() };
    act(&mut olga, &format!("{own}/addresses"), &[("local", "boss"), ("domain", "example.test")]).await;
    act(&mut olga, "/admin/domains", &[("domain", "gone.test"), ("alias-of", "")]).await;
    house.clock.advance(TimeDelta::minutes(16));
    let before = house.audit("%").await.len();
    let grave: [(String, &[(&str, &str)]); 10] = [
        (format!("{hal}/suspend"), &[]),
        (format!("{dora}/suspend"), &[("undo", "1")]),
        (format!("{own}/addresses"), &[("local", "chief"), ("domain", "example.test")]),
        (format!("{own}/addresses/remove"), &[("address", "boss@example.test")]),
        (format!("{bob}/role"), &[("role", "owner")]),
        ("/admin/domains/remove".into(), &[("domain", "gone.test")]),
        ("/admin/settings/login.failures".into(), &[("login-failures", "1000")]),
        ("/admin/settings/login.window".into(), &[("reset", "1")]),
        ("/admin/settings/server.hostname".into(), &[("server-hostname", "evil.test")]),
        ("/admin/settings/retention.expunged".into(), &[("retention-expunged", "0")]),
    ];
    for (path, form) in &grave {
        let asked = olga.post(path, form).await;
        assert_eq!(asked.status, 403, "{path}: {}", asked.text());
        assert!(asked.text().contains("Is it still you?"), "{path}");
        assert!(form.iter().all(|(name, _)| asked.body.contains(&format!("carried.{name}"))), "{path}");
    }
    assert_eq!(house.audit("%").await.len(), before, "nothing was done");
    let ordinary: [(String, &[(&str, &str)]); 6] = [
        (format!("{bob}/suspend"), &[]),
        (format!("{bob}/resume"), &[]),
        (format!("{bob}/name"), &[("name", "Robert")]),
        (format!("{bob}/addresses"), &[("local", "rob"), ("domain", "example.test")]),
        ("/admin/domains/default".into(), &[("domain", "other.test")]),
        ("/admin/settings/send.undo".into(), &[("send-undo", "5"), ("send-undo-unit", "s")]),
    ];
    for (path, form) in &ordinary {
        act(&mut olga, path, form).await;
    }
    assert_eq!(house.audit("%").await.len(), before + ordinary.len());
}

/// What a page says outside of its catalogue: nothing.
#[tokio::test]
async fn every_word_is_in_the_catalogue() {
    let house = house().await;
    let mut olga = at(&house, "olga").await;
    let bob = id(&house, "bob@example.test").await;
    let eve = id(&house, "eve@other.test").await;
    act(&mut olga, "/admin/settings/message.size", &[("message-size", "20"), ("message-size-unit", "MiB")]).await;
    act(&mut olga, &format!("/admin/people/{bob}/addresses"), &[("local", "rob"), ("domain", "example.test")]).await;
    olga.headers.push(("accept-language", "en-XA".into()));
    let data = Regex::new(r#"(?s)<(script|style|title)\b.*?</(script|style|title)>|<select[^>]*translate="no".*?</select>|<(\w+)[^>]*translate="no"[^>]*>.*?</\w+>|<bdi[^>]*>.*?</bdi>"#).unwrap();
    let said = Regex::new(r"\[!![^\[\]]*!!\]").unwrap();
    let mut titles = Vec::new();
    for path in [
        "/admin/people".to_owned(),
        "/admin/people?q=xyzzy".into(),
        "/admin/people?state=suspended".into(),
        "/admin/people/add".into(),
        format!("/admin/people/{bob}"),
        format!("/admin/people/{eve}"),
        format!("/admin/people/{bob}/name"),
        format!("/admin/people/{bob}/role"),
        format!("/admin/people/{bob}/quota"),
        format!("/admin/people/{bob}/addresses"),
        format!("/admin/people/{bob}/suspend"),
        "/admin/domains".into(),
        "/admin/settings".into(),
        "/admin/settings/message.size".into(),
        "/admin/audit".into(),
    ] {
        let page = olga.get(&path).await;
        assert_eq!((page.status, page.body.matches("<h1").count()), (200, 1), "{path}");
        assert!(!page.body.contains(" style=") && !page.body.contains(" onclick"), "{path}");
        let mut ids: Vec<&str> =
            page.body.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{path}: an id stands twice");
        let title = page.body.split("<title>").nth(1).unwrap().split("</title>").next().unwrap().to_owned();
        if !path.contains('?') {
            titles.push(title);
        }
        let text = Answer { body: data.replace_all(&page.body, " ").into_owned(), ..page }.text();
        let mut text = text;
        while said.is_match(&text) {
            text = said.replace_all(&text, " ").into_owned();
        }
        let left: String = text.chars().filter(|c| c.is_alphabetic()).collect();
        assert!(left.is_empty(), "{path}: {left}: {text}");
    }
    let count = titles.len();
    titles.sort();
    titles.dedup();
    assert_eq!(titles.len(), count, "titles are unique");
}

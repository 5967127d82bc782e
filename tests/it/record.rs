//! The record of acts: each act leaves what was before or after it, and everybody reads what is theirs to know.

use crate::harness::browser::Browser;
use crate::harness::house::{House, hand_in, web_origin};
use chrono::TimeDelta;
use mailstead::model::address::{Address, Domain};
use mailstead::model::secret::Secret;
use mailstead::service::account::{Actor, NewPerson, Role};
use mailstead::service::audit::Filter;
use mailstead::service::login::{Identity, Origin};
use mailstead::service::session::Stage;
use mailstead::service::settings::definition;
use mailstead::service::setup::{NewOwner, Step};
use regex::Regex;
use std::collections::BTreeSet;
use std::path::Path;

const PASSWORD: &str = "correct horse battery";

fn address(raw: &str) -> Address {
    Address::parse(raw).unwrap()
}

fn secret(raw: &str) -> Secret<String> {
    Secret::new(raw.to_owned())
}

fn from(last: u8) -> Origin {
    Origin { peer: [203, 0, 113, last].into(), ..web_origin() }
}

/// Names of acts in the sources of the services: what looks like one and is no setting.
fn named(folder: &Path, out: &mut BTreeSet<String>) {
    let dotted = Regex::new(r#""([a-z_]+\.[a-z_]+)""#).unwrap();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            named(&entry.path(), out);
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let names = dotted.captures_iter(text).map(|found| found[1].to_owned());
        // Settings and names of files look the same.
        out.extend(names.filter(|name| definition(name).is_none() && !name.ends_with(".eml")));
    }
}

/// Ada claims the server and finishes its setup.
async fn claimed(house: &House) -> Actor {
    let setup = &house.services.setup;
    let (link, browser) = (setup.link(&Actor::command_line()).await.unwrap(), secret("a browser"));
    setup.open(&web_origin(), link.expose(), &browser).await.unwrap();
    let new = NewOwner { name: "Ada".into(), address: address("ada@example.test"), password: secret(PASSWORD) };
    let ada = setup.claim(&web_origin(), link.expose(), &browser, new).await.unwrap();
    let (_, codes) = house.enrol(&ada).await;
    let actor = house.services.accounts.acting(&codes.who, &from(1)).await.unwrap();
    for step in [Step::CodesKept, Step::ServerName, Step::Domain] {
        setup.done(&actor, step).await.unwrap();
        setup.done(&actor, step).await.unwrap();
    }
    setup.finish(&actor).await.unwrap();
    setup.finish(&actor).await.unwrap();
    actor
}

async fn on_accounts(house: &House, ada: &Actor) {
    let accounts = &house.services.accounts;
    let (line, bob) = (Actor::command_line(), address("bob@example.test"));
    let new = NewPerson { address: bob.clone(), name: "Bob".into(), role: Role::Member, quota: None };
    accounts.invite(ada, &new).await.unwrap();
    house.clock.advance(TimeDelta::minutes(1));
    let link = accounts.invite_again(ada, &bob).await.unwrap();
    accounts.activate(&from(2), link.token.expose(), secret(PASSWORD)).await.unwrap();
    house.clock.advance(TimeDelta::minutes(1));
    accounts.set_password(&line, &bob, secret(PASSWORD)).await.unwrap();
    accounts.rename(ada, &bob, "Robert").await.unwrap();
    accounts.set_quota(ada, &bob, Some(1 << 30)).await.unwrap();
    accounts.set_role(ada, &bob, Role::Helper).await.unwrap();
    accounts.set_suspended(ada, &bob, true).await.unwrap();
    accounts.set_suspended(ada, &bob, false).await.unwrap();
    accounts.alias_add(ada, &address("rob@example.test"), std::slice::from_ref(&bob)).await.unwrap();
    accounts.alias_remove(ada, &address("rob@example.test")).await.unwrap();
    house.member("carl", PASSWORD).await;
    accounts.remove(&line, &address("carl@example.test")).await.unwrap();
    let second = Domain::parse("second.test").unwrap();
    accounts.domain_add(ada, &second, None).await.unwrap();
    accounts.domain_default(ada, &second).await.unwrap();
    accounts.domain_default(ada, &Domain::parse("example.test").unwrap()).await.unwrap();
    accounts.domain_remove(ada, &second).await.unwrap();
}

async fn on_the_house(house: &House, ada: &Actor) {
    let services = &house.services;
    services.settings.set(ada, "message.size", "20MiB").await.unwrap();
    services.settings.reset(ada, "message.size").await.unwrap();
    let away = [address("bob@example.test"), address("x@elsewhere.test")];
    services.accounts.alias_add(ada, &address("all@example.test"), &away).await.unwrap();
    hand_in(house, "all", "Subject: hi\r\n\r\nthere\r\n").await;
    let queue = &services.queue;
    let id = queue.list(None).await.unwrap()[0].id;
    queue.hold(ada, id).await.unwrap();
    queue.hold(ada, id).await.unwrap();
    queue.release(ada, id).await.unwrap();
    queue.retry(ada, Some(id)).await.unwrap();
    queue.drop_message(ada, id).await.unwrap();
    services.rotation.run(&Actor::command_line()).await.unwrap();
}

async fn on_oneself(house: &House) {
    let services = &house.services;
    house.member("ann", PASSWORD).await;
    let origin = from(3);
    let ann = house.web("ann", PASSWORD).await;
    house.clock.advance(TimeDelta::minutes(1));
    let (old, new) = (secret(PASSWORD), secret("twelve green bottles"));
    let who = services.accounts.change_password(&ann, &origin, &old, new).await.unwrap();
    let (_, codes) = house.enrol(&who).await;
    services.login.second_factor(&origin, "", &codes.who, codes.codes[0].expose()).await.unwrap();
    let codes = services.second_factors.remake_codes(&codes.who, &origin).await.unwrap();
    let made = services.app_passwords.make(&codes.who, &origin, "Phone").await.unwrap();
    let who = services.app_passwords.revoke(&made.who, &origin, made.id).await.unwrap();
    let who = services.second_factors.remove(&who, &origin).await.unwrap();
    let (_, codes) = house.enrol(&who).await;
    services.second_factors.reset(&Actor::command_line(), codes.who.address()).await.unwrap();
    let ann = house.web("ann", "twelve green bottles").await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let token = services.sessions.begin(&ann, Stage::Open, &origin, "").await.unwrap();
        open.push(services.sessions.resume(token.expose()).await.unwrap().unwrap());
    }
    services.sessions.end_one(&ann, &origin, open[0].id).await.unwrap();
    services.sessions.end_others(&open[1], &origin).await.unwrap();
    services.sessions.end_others(&open[1], &origin).await.unwrap();
}

#[tokio::test]
async fn every_act_leaves_what_was_before_or_after_it_once() {
    let house = House::new().await;
    let ada = claimed(&house).await;
    on_accounts(&house, &ada).await;
    on_the_house(&house, &ada).await;
    on_oneself(&house).await;
    let rows = house.audit("%").await;
    let bare: Vec<_> = rows.iter().filter(|(_, _, before, after)| before.is_none() && after.is_none()).collect();
    assert!(bare.is_empty(), "{bare:?}");
    let same: Vec<_> = rows.iter().filter(|(_, _, before, after)| before == after).collect();
    assert!(same.is_empty(), "{same:?}");
    let done: BTreeSet<String> = rows.iter().map(|row| row.0.clone()).collect();
    let mut all = BTreeSet::new();
    named(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/service"), &mut all);
    assert_eq!(done, all, "acts that were done here, and acts that there are");
    let count = |action: &str| rows.iter().filter(|row| row.0 == action).count();
    for action in ["setup.finish", "queue.hold", "session.end_others"] {
        assert_eq!(count(action), 1, "{action}: what is so already is no act");
    }
    assert_eq!(count("setup.step"), 3);
    // The page has words for all of it.
    let who = house.services.login.web(&web_origin(), "", "ada", &secret(PASSWORD)).await.unwrap().who;
    let mut browser = Browser::new(&house);
    let token = house.services.sessions.begin(&who, Stage::Open, &web_origin(), "").await.unwrap();
    browser.cookies.insert("__Host-ms".into(), token.expose().clone());
    let mut text = browser.get("/admin/audit").await.text();
    for kind in ["account.", "domain.", "queue.", "setup.", "session.", "password.", "second_factor.", "recovery."] {
        text.push_str(&browser.get(&format!("/admin/audit?kind={kind}")).await.text());
    }
    assert!(!text.contains("audit-") && !text.contains("setup-"), "{text}");
    for words in [
        "Suspended no yes",
        "Default domain example.test second.test",
        "Codes left 9 10",
        "Recipients 1",
        "Held no yes",
        "Done Recovery codes",
        "Link good until",
        "Browsers signed out 1",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// Somebody who is signed in, in a browser.
async fn at(house: &House, who: &Identity) -> Browser {
    let mut browser = Browser::new(house);
    let token = house.services.sessions.begin(who, Stage::Open, &web_origin(), "").await.unwrap();
    browser.cookies.insert("__Host-ms".into(), token.expose().clone());
    browser
}

#[tokio::test]
async fn a_member_reads_what_others_did_to_their_account() {
    let house = House::new().await;
    let accounts = &house.services.accounts;
    for name in ["ann", "bob", "olga"] {
        house.member(name, PASSWORD).await;
    }
    let (ann, olga) = (address("ann@example.test"), address("olga@example.test"));
    accounts.set_role(&Actor::command_line(), &olga, Role::Owner).await.unwrap();
    let owner = house.web("olga", PASSWORD).await;
    let actor = accounts.acting(&owner, &from(77)).await.unwrap();
    let mut bob = at(&house, &house.web("bob", PASSWORD).await).await;
    let page = bob.get("/settings/record").await.text();
    assert!(
        page.contains("The command line added bob@example.test.") && page.contains("on the server itself"),
        "{page}"
    );
    assert!(!page.contains("ann@example.test"), "{page}");
    for n in 0..60u64 {
        accounts.set_quota(&actor, &ann, Some((n + 1) << 20)).await.unwrap();
    }
    accounts.alias_add(&actor, &address("anne@example.test"), std::slice::from_ref(&ann)).await.unwrap();
    let who = house.web("ann", PASSWORD).await;
    // What she does herself is no news to her.
    let new = secret("twelve green bottles");
    let who = accounts.change_password(&who, &web_origin(), &secret(PASSWORD), new).await.unwrap();
    let mut browser = at(&house, &who).await;
    let first = browser.get("/settings/record").await;
    let text = first.text();
    assert!(text.contains("olga@example.test added the address anne@example.test."), "{text}");
    assert!(text.contains("olga@example.test changed the space of ann@example.test. "), "{text}");
    assert!(text.contains("Space 59 MiB 60 MiB") && !text.contains("changed the password"), "{text}");
    assert!(!text.contains("203.0.113.77"), "from where is the owner's alone: {text}");
    let next = Regex::new(r#"href="([^"]+)" rel="next""#).unwrap();
    let second = browser.get(&next.captures(&first.body).expect("more")[1]).await.text();
    let count = |text: &str| text.matches("changed the space").count() + text.matches("added the address").count();
    assert_eq!((count(&text), count(&second)), (50, 11), "{second}");
    assert!(second.contains("The command line added ann@example.test."), "{second}");
    let mut stranger = Browser::new(&house);
    assert_eq!(stranger.get("/settings/record").await.status, 303);
}

#[tokio::test]
async fn where_somebody_comes_from_is_for_those_who_look_after_them() {
    let house = House::new().await;
    let (services, line) = (&house.services, Actor::command_line());
    let accounts = &services.accounts;
    for (name, role) in [("olga", Role::Owner), ("dora", Role::DomainAdmin), ("ann", Role::Member)] {
        accounts.add(&line, &address(&format!("{name}@example.test")), "", role, None, secret(PASSWORD)).await.unwrap();
    }
    let owner = services.login.web(&from(77), "Owner 1.0", "olga", &secret(PASSWORD)).await.unwrap().who;
    let olga = accounts.acting(&owner, &from(77)).await.unwrap();
    accounts.set_quota(&olga, &address("ann@example.test"), Some(1 << 20)).await.unwrap();
    let ann = services.login.web(&from(3), "Ann 1.0", "ann", &secret(PASSWORD)).await.unwrap().who;
    let new = secret("twelve green bottles");
    accounts.change_password(&ann, &from(3), &secret(PASSWORD), new).await.unwrap();
    let admin = services.login.web(&from(5), "Dora 1.0", "dora", &secret(PASSWORD)).await.unwrap().who;
    let dora = accounts.acting(&admin, &from(5)).await.unwrap();
    accounts.rename(&dora, &address("ann@example.test"), "Ann").await.unwrap();
    let seen = async |actor: &Actor| {
        let page = services.audit.page(actor, &Filter::default(), None, 100).await.unwrap();
        page.entries.into_iter().map(|entry| (entry.action, entry.origin)).collect::<Vec<_>>()
    };
    let told = |all: &[(String, String)], action: &str| {
        all.iter().find(|(name, _)| name == action).map(|(_, origin)| origin.clone()).unwrap()
    };
    let (hers, all) = (seen(&dora).await, seen(&olga).await);
    for (action, to_dora, to_olga) in [
        ("account.quota", "", "203.0.113.77"),
        ("password.change", "203.0.113.3", "203.0.113.3"),
        ("account.rename", "203.0.113.5", "203.0.113.5"),
        ("account.add", "local", "local"),
    ] {
        assert_eq!((told(&hers, action).as_str(), told(&all, action).as_str()), (to_dora, to_olga), "{action}");
    }
    let of = async |actor: &Actor, who: &Identity| services.people.known(actor, who.account()).await.unwrap().sign_ins;
    assert!(of(&dora, &owner).await.is_empty() && !of(&dora, &ann).await.is_empty());
    assert!(!of(&olga, &owner).await.is_empty());
    let mut browser = at(&house, &admin).await;
    let page = browser.get(&format!("/admin/people/{}", owner.account())).await;
    assert!(page.status == 200 && !page.text().contains("Sign-ins in a browser"), "{}", page.text());
    assert!(!page.body.contains("203.0.113.77") && !page.body.contains("Owner 1.0"), "{}", page.text());
}

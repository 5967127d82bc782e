//! The server as its owner looks after it: settings, domains, the record.

use super::{PASSWORD, act, acts, address, at, house, id, toast, undo};
use crate::harness::house::House;
use crate::harness::transcript;
use chrono::TimeDelta;
use mailstead::front::smtp;
use mailstead::model::secret::Secret;
use mailstead::net::listener::Accepted;
use mailstead::net::stream::Stream;
use mailstead::service::account::Actor;
use mailstead::service::login::{Origin, Protocol};
use regex::Regex;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

async fn greeting(house: &House, size: &str) {
    let (stream, mut client) = Stream::memory();
    let accepted = Accepted {
        stream,
        peer: "192.0.2.1:4000".parse().unwrap(),
        local: "192.0.2.2:25".parse().unwrap(),
        shutdown: CancellationToken::new(),
    };
    let options = Arc::new(smtp::Options::new(smtp::Kind::Mx, "mx.example.test", None));
    tokio::spawn(smtp::serve(accepted, options, house.services.clone()));
    let talk = format!("S: 220<any>\nC: EHLO client.test\nS: 250-mx.example.test\nS: 250-SIZE {size}\n");
    transcript::play("size", &talk, &mut client).await;
}

#[tokio::test]
async fn a_setting_is_in_force_at_once_and_taken_back() {
    let house = house().await;
    let mut olga = at(&house, "olga").await;
    let page = olga.get("/admin/settings").await;
    assert!(page.text().contains("Largest message") && page.text().contains("50 MiB"), "{}", page.text());
    let found = olga.get("/admin/settings?q=LARGEST").await;
    assert_eq!(found.body.matches("class=\"setting\"").count(), 1);
    assert!(olga.get("/admin/settings?q=xyzzy").await.text().contains("No setting fits"));
    greeting(&house, "52428800").await;
    let at = "/admin/settings/message.size";
    let page = act(&mut olga, at, &[("message-size", "20"), ("message-size-unit", "MiB")]).await;
    assert_eq!(toast(&page), "“Largest message” is changed.");
    assert!(page.text().contains("By olga@example.test"), "{}", page.text());
    greeting(&house, "20971520").await;
    for (number, unit) in [("2000", "GiB"), ("0", "MiB"), ("", "MiB"), ("-1", "MiB"), ("1.5", "GiB")] {
        let bad = olga.post(at, &[("message-size", number), ("message-size-unit", unit)]).await;
        assert!(bad.status == 422 && bad.text().contains("From 1 MiB to 1 GiB"), "{number}: {}", bad.text());
        assert_eq!(bad.value("message-size").as_deref(), Some(number));
    }
    house.clock.advance(TimeDelta::seconds(1));
    let changed = undo(&mut olga, &page).await;
    greeting(&house, "52428800").await;
    // The same undo sent twice takes nothing else back.
    undo(&mut olga, &page).await;
    greeting(&house, "52428800").await;
    assert!(!toast(&changed).is_empty());
    act(&mut olga, at, &[("message-size", "20"), ("message-size-unit", "MiB")]).await;
    act(&mut olga, at, &[("reset", "1")]).await;
    let page = olga.get(at).await;
    assert!(
        page.text().contains("20 MiB") && !page.text().contains("Back to the default"),
        "its history: {}",
        page.text()
    );
    assert_eq!(acts(&house, "setting.%").await, ["setting.set", "setting.reset", "setting.set", "setting.reset"]);
    // Each kind by its form.
    let settings = &house.services.settings;
    act(&mut olga, "/admin/settings/queue.expiry", &[("queue-expiry", "3"), ("queue-expiry-unit", "d")]).await;
    act(&mut olga, "/admin/settings/login.failures", &[("login-failures", "20")]).await;
    act(&mut olga, "/admin/settings/login.scram_sha1", &[("login-scram-sha1", "on")]).await;
    act(&mut olga, "/admin/settings/delivery.over_quota", &[("delivery-over-quota", "refuse")]).await;
    let page = act(&mut olga, "/admin/settings/server.hostname", &[("server-hostname", "MAIL.example.test")]).await;
    assert!(toast(&page).ends_with("once Mailstead is restarted."), "{}", toast(&page));
    assert_eq!(page.text().matches("Restart needed").count(), 1, "what is read at the start, and was changed since");
    assert_eq!(settings.number("queue.expiry"), 3 * 86_400);
    assert_eq!((settings.number("login.failures"), settings.switch("login.scram_sha1")), (20, true));
    assert_eq!(
        (settings.word("delivery.over_quota"), settings.word("server.hostname")),
        ("refuse".into(), "mail.example.test".into())
    );
    act(&mut olga, "/admin/settings/login.scram_sha1", &[]).await;
    assert!(!settings.switch("login.scram_sha1"));
    assert_eq!(olga.get("/admin/settings/no.such").await.status, 404);
    // The right is the service's to check.
    let dora = house
        .services
        .accounts
        .acting(
            &house
                .services
                .login
                .web(
                    &Origin { peer: [192, 0, 2, 7].into(), protocol: Protocol::Web, domain_hint: None },
                    "",
                    "dora@example.test",
                    &Secret::new(PASSWORD.into()),
                )
                .await
                .unwrap()
                .who,
            &Origin { peer: [192, 0, 2, 7].into(), protocol: Protocol::Web, domain_hint: None },
        )
        .await
        .unwrap();
    assert!(settings.set(&dora, "message.size", "20MiB").await.is_err());
}

#[tokio::test]
async fn domains_are_added_and_removed() {
    let house = house().await;
    let mut olga = at(&house, "olga").await;
    let page = act(&mut olga, "/admin/domains", &[("domain", "Bücher.test"), ("alias-of", "")]).await;
    assert!(page.text().contains("bücher.test") && page.text().contains("xn--bcher-kva.test"), "{}", page.text());
    undo(&mut olga, &page).await;
    let names = async || {
        house.services.accounts.domain_list().await.unwrap().into_iter().map(|row| row.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["example.test", "other.test"]);
    act(&mut olga, "/admin/domains", &[("domain", "twin.test"), ("alias-of", "example.test")]).await;
    for (domain, words) in [("twin.test", "is here already"), ("a b", "no domain name"), ("", "no domain name")] {
        let bad = olga.post("/admin/domains", &[("domain", domain), ("alias-of", "other.test")]).await;
        assert!(bad.status == 422 && bad.text().contains(words), "{domain}: {}", bad.text());
        assert_eq!(bad.value("domain").as_deref(), Some(domain));
    }
    for (domain, words) in [("example.test", "default domain"), ("other.test", "still has accounts")] {
        let bad = olga.post("/admin/domains/remove", &[("domain", domain)]).await;
        assert!(bad.status == 422 && bad.text().contains(words), "{domain}: {}", bad.text());
    }
    let page = act(&mut olga, "/admin/domains/remove", &[("domain", "twin.test")]).await;
    let page = undo(&mut olga, &page).await;
    assert!(page.text().contains("Repeats example.test"), "{}", page.text());
    let page = act(&mut olga, "/admin/domains/default", &[("domain", "other.test")]).await;
    assert_eq!(toast(&page), "other.test is the default domain.");
    undo(&mut olga, &page).await;
    assert_eq!(acts(&house, "domain.default").await.len(), 2);
    // The new domain is there to add people to.
    assert!(olga.get("/admin/people/add").await.body.contains("value=\"other.test\""));
}

#[tokio::test]
async fn the_record_says_who_did_what() {
    let house = house().await;
    let mut olga = at(&house, "olga").await;
    act(&mut olga, "/admin/settings/message.size", &[("message-size", "20"), ("message-size-unit", "MiB")]).await;
    let bob = id(&house, "bob@example.test").await;
    act(&mut olga, &format!("/admin/people/{bob}/quota"), &[("quota", "1"), ("quota-unit", "GiB")]).await;
    let all = olga.get("/admin/audit").await.text();
    for words in [
        "olga@example.test changed “Largest message”.",
        "olga@example.test changed the space of bob@example.test.",
        "Space as everybody else 1 GiB",
        "The command line added eve@other.test and made an activation link.",
        "192.0.2.7",
        "on the server itself",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
    let kind = olga.get("/admin/audit?kind=setting.").await.text();
    assert!(kind.contains("Largest message") && !kind.contains("changed the space"), "{kind}");
    let his = olga.get("/admin/audit?person=bob").await.text();
    assert!(his.contains("changed the space") && !his.contains("Largest message"), "{his}");
    assert!(olga.get("/admin/audit?person=nobody").await.text().contains("Nobody fits"));
    assert!(olga.get("/admin/audit?person=o").await.text().contains("Several people fit"));
    let empty = olga.get("/admin/audit?kind=queue.").await.text();
    assert!(empty.contains("No such acts"), "{empty}");
    // A domain admin reads of her domain, and cannot tell by a search who else there is.
    let mut dora = at(&house, "dora").await;
    let hers = dora.get("/admin/audit").await.text();
    assert!(
        hers.contains("changed the space of bob") && !hers.contains("Largest message") && !hers.contains("eve@"),
        "{hers}"
    );
    let eve = dora.get("/admin/audit?person=eve@other.test").await.text();
    assert!(eve.contains("Nobody fits"), "{eve}");
    // Paged by key, each act once.
    for n in 0..60 {
        let name = format!("Bob {n}");
        house.services.accounts.rename(&Actor::command_line(), &address("bob@example.test"), &name).await.unwrap();
    }
    let mut path = "/admin/audit?person=bob@example.test&kind=account.".to_owned();
    let (mut seen, mut pages) = (0, 0);
    let next = Regex::new(r#"href="([^"]+)" rel="next""#).unwrap();
    loop {
        let page = olga.get(&path).await;
        seen += page.text().matches("renamed bob@example.test.").count();
        pages += 1;
        let Some(found) = next.captures(&page.body) else { break };
        path = found[1].replace("&#38;", "&").replace("&amp;", "&");
    }
    assert_eq!((seen, pages), (60, 2));
}

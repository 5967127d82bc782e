//! Admins and the people they look after: rights, invitations, lists, the claim of a fresh server.

mod claim;

use crate::harness::house::{House, web_origin};
use chrono::TimeDelta;
use mailstead::model::address::{Address, Domain};
use mailstead::model::secret::Secret;
use mailstead::service::account::{Actor, NewPerson, Role};
use mailstead::service::audit::Filter;
use mailstead::service::directory::Resolved;
use mailstead::service::login::{Identity, Origin, Protocol, Second};
use mailstead::service::people::{Counts, Query, Status};
use mailstead::service::{Refusal, Services};
use std::collections::BTreeSet;

const PASSWORD: &str = "correct horse battery";

fn secret(raw: &str) -> Secret<String> {
    Secret::new(raw.to_owned())
}

fn address(raw: &str) -> Address {
    Address::parse(raw).unwrap()
}

fn person(raw: &str, role: Role) -> NewPerson {
    NewPerson { address: address(raw), name: "Some One".into(), role, quota: None }
}

/// Two domains, with an owner, an admin of the first, a helper, and members of both.
async fn community() -> House {
    let house = House::new().await;
    let (accounts, admin) = (&house.services.accounts, Actor::command_line());
    accounts.domain_add(&admin, &Domain::parse("second.test").unwrap(), None).await.unwrap();
    for (who, role) in [
        ("olga@example.test", Role::Owner),
        ("dora@example.test", Role::DomainAdmin),
        ("hans@example.test", Role::Helper),
        ("ann@example.test", Role::Member),
        ("bob@second.test", Role::Member),
    ] {
        accounts.add(&admin, &address(who), "", role, None, secret(PASSWORD)).await.unwrap();
    }
    house
}

async fn signed_in(services: &Services, name: &str) -> Identity {
    services.login.web(&web_origin(), "", name, &secret(PASSWORD)).await.unwrap().who
}

async fn acting(services: &Services, name: &str) -> Actor {
    let who = signed_in(services, name).await;
    services.accounts.acting(&who, &web_origin()).await.unwrap()
}

/// `ok`, or what was refused.
fn said<T>(done: Result<T, Refusal>) -> &'static str {
    match done {
        Ok(_) => "ok",
        Err(Refusal::Denied) => "denied",
        Err(Refusal::NotFound) => "not found",
        Err(Refusal::InUse(_)) => "in use",
        Err(Refusal::Invalid(_)) => "invalid",
        Err(Refusal::Stale) => "stale",
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn everybody_has_their_reach_and_no_more() {
    let house = community().await;
    let services = &house.services;
    let accounts = &services.accounts;
    for (name, ann, hans, dora, olga, bob) in [
        ("olga@example.test", "ok", "ok", "ok", "ok", "ok"),
        ("dora@example.test", "ok", "ok", "denied", "denied", "not found"),
        ("hans@example.test", "denied", "denied", "denied", "denied", "denied"),
        ("ann@example.test", "denied", "denied", "denied", "denied", "denied"),
    ] {
        let actor = acting(services, name).await;
        for (whom, wanted) in [
            ("ann@example.test", ann),
            ("hans@example.test", hans),
            ("dora@example.test", dora),
            ("olga@example.test", olga),
            ("bob@second.test", bob),
        ] {
            let to = address(whom);
            assert_eq!(said(accounts.set_quota(&actor, &to, Some(1 << 30)).await), wanted, "{name} quota {whom}");
            assert_eq!(said(accounts.rename(&actor, &to, "New").await), wanted, "{name} rename {whom}");
            assert_eq!(said(accounts.set_suspended(&actor, &to, false).await), wanted, "{name} resume {whom}");
            // Passwords are nobody else's on the web, and accounts are not removed there.
            assert_eq!(said(accounts.set_password(&actor, &to, secret(PASSWORD)).await), "denied");
            assert_eq!(said(accounts.remove(&actor, &to).await), "denied");
            assert_eq!(
                said(accounts.add(&actor, &address("x@example.test"), "", Role::Member, None, secret(PASSWORD)).await),
                "denied"
            );
        }
        let owner = name.starts_with("olga");
        let rules = if owner { "ok" } else { "denied" };
        let fresh = Domain::parse(&format!("{}.test", name.split('@').next().unwrap())).unwrap();
        assert_eq!(said(accounts.domain_add(&actor, &fresh, None).await), rules);
        assert_eq!(said(services.settings.set(&actor, "quota.bytes", "1GiB").await), rules);
        assert_eq!(said(services.settings.undo(&actor, "quota.bytes").await), rules);
        assert_eq!(said(services.queue.retry(&actor, None).await), rules);
        let looks = if owner || name.starts_with("dora") { "ok" } else { "denied" };
        assert_eq!(said(services.people.counts(&actor).await), looks);
        assert_eq!(said(services.people.page(&actor, &Query::default(), None, 10).await), looks);
        assert_eq!(said(services.audit.page(&actor, &Filter::default(), None, 10).await), looks);
    }
}

#[tokio::test]
async fn a_domain_admin_gives_no_more_than_is_theirs() {
    let house = community().await;
    let accounts = &house.services.accounts;
    let dora = acting(&house.services, "dora").await;
    for (new, wanted) in [
        (person("eve@example.test", Role::Helper), "ok"),
        (person("eva@example.test", Role::DomainAdmin), "denied"),
        (person("eva@example.test", Role::Owner), "denied"),
        (person("eva@second.test", Role::Member), "denied"),
        (person("postmaster@example.test", Role::Member), "invalid"),
        (person("webmaster@example.test", Role::Member), "invalid"),
        (person("Security@example.test", Role::Member), "invalid"),
    ] {
        assert_eq!(said(accounts.invite(&dora, &new).await), wanted, "{new:?}");
    }
    let (ann, olga) = (address("ann@example.test"), address("olga@example.test"));
    assert_eq!(said(accounts.set_role(&dora, &ann, Role::Helper).await), "denied");
    for (alias, to, wanted) in [
        ("anne@example.test", &ann, "ok"),
        ("anne@second.test", &ann, "denied"),
        ("abuse@example.test", &ann, "invalid"),
        ("Hostmaster@example.test", &ann, "invalid"),
        ("ann+bank@example.test", &ann, "invalid"),
        ("boss@example.test", &olga, "denied"),
        ("away@example.test", &address("x@elsewhere.test"), "denied"),
    ] {
        assert_eq!(said(accounts.alias_add(&dora, &address(alias), std::slice::from_ref(to)).await), wanted, "{alias}");
    }
    let admin = Actor::command_line();
    accounts.alias_add(&admin, &address("all@example.test"), &[ann.clone(), olga.clone()]).await.unwrap();
    accounts.alias_add(&admin, &address("boss@example.test"), &[olga]).await.unwrap();
    // What an owner gave of the names that speak for the domain is an owner's to take.
    accounts.alias_add(&acting(&house.services, "olga").await, &address("noc@example.test"), &[ann]).await.unwrap();
    let removals = [("all", "denied"), ("boss", "denied"), ("anne", "ok"), ("nobody", "denied"), ("noc", "invalid")];
    for (alias, wanted) in removals {
        let alias = address(&format!("{alias}@example.test"));
        assert_eq!(said(accounts.alias_remove(&dora, &alias).await), wanted, "{alias}");
    }
}

#[tokio::test]
async fn who_lost_the_right_does_nothing_with_what_was_asked_before() {
    let house = community().await;
    let (services, admin) = (&house.services, Actor::command_line());
    let accounts = &services.accounts;
    let (ann, dora) = (address("ann@example.test"), address("dora@example.test"));
    let (eve, alias) = (person("eve@example.test", Role::Member), address("anne@example.test"));
    accounts.alias_add(&admin, &alias, std::slice::from_ref(&ann)).await.unwrap();
    accounts.invite(&admin, &person("late@example.test", Role::Member)).await.unwrap();
    for change in ["demoted", "suspended", "other password"] {
        let actor = acting(services, "dora").await;
        match change {
            "demoted" => accounts.set_role(&admin, &dora, Role::Member).await.unwrap(),
            "suspended" => accounts.set_suspended(&admin, &dora, true).await.unwrap(),
            _ => accounts.set_password(&admin, &dora, secret("another horse battery")).await.unwrap(),
        }
        let before = house.audit("%").await.len();
        for (act, done) in [
            ("quota", accounts.set_quota(&actor, &ann, Some(1 << 20)).await),
            ("rename", accounts.rename(&actor, &ann, "New").await),
            ("suspend", accounts.set_suspended(&actor, &ann, true).await),
            ("invite", accounts.invite(&actor, &eve).await.map(|_| ())),
            ("link", accounts.invite_again(&actor, &address("late@example.test")).await.map(|_| ())),
            ("add", accounts.alias_add(&actor, &address("a@example.test"), std::slice::from_ref(&ann)).await),
            ("remove", accounts.alias_remove(&actor, &alias).await),
        ] {
            assert!(matches!(done, Err(Refusal::Stale)), "{change}: {act}: {done:?}");
        }
        assert_eq!(house.audit("%").await.len(), before, "{change}");
        accounts.set_suspended(&admin, &dora, false).await.unwrap();
        accounts.set_role(&admin, &dora, Role::DomainAdmin).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_before_is_what_the_act_before_left() {
    let house = community().await;
    let accounts = house.services.accounts.clone();
    let acts = (1..=12u64).map(|n| {
        let accounts = accounts.clone();
        tokio::spawn(async move {
            accounts.set_quota(&Actor::command_line(), &address("ann@example.test"), Some(n << 20)).await.unwrap();
        })
    });
    for act in acts.collect::<Vec<_>>() {
        act.await.unwrap();
    }
    let rows = house.audit("account.quota").await;
    assert_eq!(rows.len(), 12);
    for pair in rows.windows(2) {
        assert_eq!(pair[0].3, pair[1].2, "{rows:?}");
    }
}

#[tokio::test]
async fn somebody_who_can_do_everything_is_always_left() {
    let house = community().await;
    let (services, admin) = (&house.services, Actor::command_line());
    let accounts = &services.accounts;
    let (olga, otto) = (address("olga@example.test"), address("otto@example.test"));
    // One who never set a password can't do anything.
    accounts.invite(&admin, &person("otto@example.test", Role::Owner)).await.unwrap();
    assert_eq!(said(accounts.set_suspended(&admin, &olga, true).await), "in use");
    assert_eq!(said(accounts.set_role(&admin, &olga, Role::Member).await), "in use");
    assert_eq!(said(accounts.remove(&admin, &olga).await), "in use");
    accounts.set_password(&admin, &otto, secret(PASSWORD)).await.unwrap();
    let (one, two) = (acting(services, "olga").await, acting(services, "otto").await);
    assert_eq!(said(accounts.set_suspended(&one, &olga, true).await), "invalid", "not oneself");
    let (a, b) = tokio::join!(accounts.set_suspended(&one, &otto, true), accounts.set_suspended(&two, &olga, true));
    // Who is put out first puts nobody out any more.
    let both = [said(a), said(b)];
    assert!(both == ["ok", "stale"] || both == ["stale", "ok"], "{both:?}");
}

#[tokio::test]
async fn a_suspension_or_another_role_ends_every_session_at_once() {
    let house = community().await;
    let (services, login) = (&house.services, &house.services.login);
    let olga = acting(services, "olga").await;
    let ann = address("ann@example.test");
    let mail = Origin { protocol: Protocol::Imap, ..web_origin() };
    let web = signed_in(services, "ann").await;
    let imap = login.password(&mail, "", "ann", &secret(PASSWORD)).await.unwrap();
    services.accounts.set_role(&olga, &ann, Role::Helper).await.unwrap();
    for who in [&web, &imap] {
        assert!(matches!(login.session_fresh(who, None).await, Err(Refusal::Stale)));
        assert!(matches!(services.accounts.acting(who, &web_origin()).await, Err(Refusal::Stale)));
    }
    let web = signed_in(services, "ann").await;
    services.accounts.set_suspended(&olga, &ann, true).await.unwrap();
    assert!(matches!(login.session_fresh(&web, None).await, Err(Refusal::Stale)));
    assert!(login.web(&web_origin(), "", "ann", &secret(PASSWORD)).await.is_err());
    services.accounts.set_suspended(&olga, &ann, false).await.unwrap();
    signed_in(services, "ann").await;
}

#[tokio::test]
async fn an_invited_person_sets_the_first_password_by_the_link_once() {
    let house = community().await;
    let (services, accounts) = (&house.services, &house.services.accounts);
    let dora = acting(services, "dora").await;
    let eve = address("eve@example.test");
    let first = accounts.invite(&dora, &person("eve@example.test", Role::Member)).await.unwrap();
    assert_eq!(first.expires_at - house.clock.now(), TimeDelta::days(14));
    assert!(matches!(services.directory.resolve(&eve).await.unwrap(), Resolved::Deliver(_)), "mail is taken");
    assert!(services.login.web(&web_origin(), "", "eve", &secret("")).await.is_err());
    let again = accounts.invite_again(&dora, &eve).await.unwrap();
    let token = again.token.expose();
    assert!(matches!(accounts.activation(first.token.expose()).await, Err(Refusal::NotFound)), "replaced");
    for _ in 0..2 {
        let shown = accounts.activation(token).await.unwrap();
        assert_eq!((shown.address.to_string(), shown.name), ("eve@example.test".into(), "Some One".into()));
    }
    let weak = accounts.activate(&web_origin(), token, secret("eve@example.test")).await;
    assert!(matches!(weak, Err(Refusal::Invalid(_))), "and the link lives on");
    let (new, origin) = ("a bicycle in the rain", web_origin());
    let set = || accounts.activate(&origin, token, secret(new));
    let (one, two, three) = tokio::join!(set(), set(), set());
    let done: Vec<_> = [one, two, three].into_iter().filter_map(Result::ok).collect();
    assert_eq!(done.len(), 1, "however many bring it");
    services.login.session_fresh(&done[0], None).await.unwrap();
    assert!(matches!(accounts.activation(token).await, Err(Refusal::NotFound)));
    let proof = services.login.web(&web_origin(), "", "eve", &secret(new)).await.unwrap();
    assert_eq!(proof.second, Second::None);
    let mail = Origin { protocol: Protocol::Imap, ..web_origin() };
    services.login.password(&mail, "", "eve", &secret(new)).await.unwrap();
    assert!(matches!(accounts.invite_again(&dora, &eve).await, Err(Refusal::Invalid(_))), "in use already");
    let acts: Vec<String> = house.audit("account.%").await.into_iter().map(|row| row.0).collect();
    assert_eq!(acts[acts.len() - 3..], ["account.invite", "account.invite_again", "account.activate"]);
}

#[tokio::test]
async fn a_link_dies_with_time_suspension_and_a_password_set_otherwise() {
    let house = community().await;
    let accounts = &house.services.accounts;
    let admin = Actor::command_line();
    let invite = async |name: &str| {
        let new = person(&format!("{name}@example.test"), Role::Member);
        accounts.invite(&admin, &new).await.unwrap().token.expose().clone()
    };
    let alive = async |token: &str| accounts.activation(token).await.is_ok();
    let (late, shut, set) = (invite("late").await, invite("shut").await, invite("set").await);
    assert!(alive(&late).await && alive(&shut).await && alive(&set).await && !alive("").await);
    accounts.set_suspended(&admin, &address("shut@example.test"), true).await.unwrap();
    accounts.set_password(&admin, &address("set@example.test"), secret(PASSWORD)).await.unwrap();
    assert!(!alive(&shut).await && !alive(&set).await);
    accounts.set_suspended(&admin, &address("shut@example.test"), false).await.unwrap();
    assert!(!alive(&shut).await, "nor with the account again");
    let promoted = invite("promoted").await;
    accounts.set_role(&admin, &address("promoted@example.test"), Role::Owner).await.unwrap();
    assert!(!alive(&promoted).await, "it was given for a member");
    let dora = acting(&house.services, "dora").await;
    let link = accounts.invite_again(&dora, &address("promoted@example.test")).await;
    assert_eq!(said(link.map(|_| ())), "denied", "an owner's link comes from owners");
    assert!(accounts.activate(&web_origin(), &set, secret("a bicycle in the rain")).await.is_err());
    house.clock.advance(TimeDelta::days(14));
    assert!(!alive(&late).await);
    house.services.housekeeping.round().await.unwrap();
    assert!(accounts.invite_again(&admin, &address("late@example.test")).await.is_ok());
}

#[tokio::test]
async fn people_are_found_and_paged_in_order() {
    let house = community().await;
    let (services, admin) = (&house.services, Actor::command_line());
    let people = &services.people;
    services.accounts.invite(&admin, &person("zoe@example.test", Role::Member)).await.unwrap();
    let add = async |raw: &str, name: &str| {
        services.accounts.add(&admin, &address(raw), name, Role::Member, None, secret(PASSWORD)).await.unwrap();
    };
    add("ann@second.test", "Ännchen von Tharau").await;
    add("a%_b@second.test", "").await;
    services.accounts.alias_add(&admin, &address("nickname@second.test"), &[address("bob@second.test")]).await.unwrap();
    services.accounts.set_suspended(&admin, &address("hans@example.test"), true).await.unwrap();
    let (olga, dora) = (acting(services, "olga").await, acting(services, "dora").await);
    let all = async |actor: &Actor, query: Query, limit: i64| {
        let (mut out, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = people.page(actor, &query, cursor.as_deref(), limit).await.unwrap();
            assert!(page.people.len() as i64 <= limit);
            out.extend(page.people.into_iter().map(|person| person.address));
            cursor = page.next;
            if cursor.is_none() {
                return out;
            }
        }
    };
    let whole = [
        "a%_b@second.test",
        "ann@example.test",
        "ann@second.test",
        "bob@second.test",
        "dora@example.test",
        "hans@example.test",
        "olga@example.test",
        "zoe@example.test",
    ];
    for limit in [1, 2, 3, 8, 100] {
        assert_eq!(all(&olga, Query::default(), limit).await, whole, "{limit}");
    }
    let own: Vec<_> = whole.iter().copied().filter(|a| a.ends_with("@example.test")).collect();
    assert_eq!(all(&dora, Query::default(), 2).await, own);
    for (text, wanted) in [
        ("ann", vec!["ann@example.test", "ann@second.test"]),
        ("ÄNNCHEN", vec!["ann@second.test"]),
        ("nick", vec!["bob@second.test"]),
        ("ann@exa", vec!["ann@example.test"]),
        (" OLGA@example.test ", vec!["olga@example.test"]),
        ("%", vec!["a%_b@second.test"]),
        ("_", vec!["a%_b@second.test"]),
        ("nothing", vec![]),
    ] {
        assert_eq!(all(&olga, Query { text: text.into(), status: None }, 1).await, wanted, "{text}");
    }
    for (status, wanted) in [(Status::Suspended, "hans@example.test"), (Status::Waiting, "zoe@example.test")] {
        assert_eq!(all(&olga, Query { status: Some(status), ..Query::default() }, 9).await, [wanted]);
    }
    assert_eq!(people.counts(&olga).await.unwrap(), Counts { active: 6, suspended: 1, waiting: 1 });
    assert_eq!(people.counts(&dora).await.unwrap(), Counts { active: 3, suspended: 1, waiting: 1 });
}

#[tokio::test]
async fn one_person_is_known_with_addresses_sign_ins_and_acts() {
    let house = community().await;
    let (services, admin) = (&house.services, Actor::command_line());
    let to = |raw: &str| vec![address(raw)];
    services.accounts.alias_add(&admin, &address("anne@example.test"), &to("ann@example.test")).await.unwrap();
    let both = [address("ann@example.test"), address("bob@second.test")];
    services.accounts.alias_add(&admin, &address("all@example.test"), &both).await.unwrap();
    let ann = signed_in(services, "ann").await;
    assert!(services.login.web(&web_origin(), "", "ann", &secret("wrong")).await.is_err());
    let (olga, dora) = (acting(services, "olga").await, acting(services, "dora").await);
    services.accounts.set_quota(&dora, &address("ann@example.test"), Some(1 << 20)).await.unwrap();
    let known = services.people.known(&dora, ann.account()).await.unwrap();
    assert_eq!(
        (known.addresses, known.aliases),
        (vec!["anne@example.test".to_owned()], vec!["all@example.test".to_owned()])
    );
    assert_eq!(known.sign_ins.iter().map(|one| one.ok).collect::<Vec<_>>(), [false, true]);
    assert_eq!(
        (known.person.quota, known.person.own_quota, known.person.status),
        (Some(1 << 20), true, Status::Active)
    );
    assert_eq!(known.person.last_sign_in, Some(house.clock.now()));
    let bob = signed_in(services, "bob@second.test").await;
    assert!(matches!(services.people.known(&dora, bob.account()).await, Err(Refusal::NotFound)));
    services.people.known(&olga, bob.account()).await.unwrap();
    // The audit: pages, filters, and a domain's admin sees their domain alone.
    let read = async |actor: &Actor, filter: Filter| {
        let (mut out, mut cursor) = (Vec::new(), None);
        loop {
            let page = services.audit.page(actor, &filter, cursor, 2).await.unwrap();
            out.extend(page.entries.into_iter().map(|entry| format!("{} {}", entry.action, entry.subject_name)));
            cursor = page.next;
            if cursor.is_none() {
                return out;
            }
        }
    };
    let about = Filter { subject: Some(ann.account()), action: String::new() };
    let wanted = ["account.quota ann@example.test", "alias.add anne@example.test", "account.add ann@example.test"];
    assert_eq!(read(&dora, about.clone()).await, wanted);
    assert_eq!(read(&olga, about).await, wanted);
    let (hers, all) = (read(&dora, Filter::default()).await, read(&olga, Filter::default()).await);
    assert!(hers.contains(&"domain.add example.test".to_owned()), "{hers:?}");
    assert!(hers.iter().all(|act| act.ends_with("example.test")) && hers.len() < all.len(), "{hers:?}");
    assert!(all.contains(&"account.add bob@second.test".to_owned()));
    let domains = Filter { action: "domain.".into(), ..Filter::default() };
    assert_eq!(read(&olga, domains).await, ["domain.add second.test", "domain.add example.test"]);
}

#[tokio::test]
async fn twenty_thousand_people_are_paged_and_found() {
    let house = community().await;
    house.damage(include_str!("../../corpus/people.sql")).await;
    let olga = acting(&house.services, "olga").await;
    let people = &house.services.people;
    let page = async |text: &str, cursor: Option<String>| {
        let query = Query { text: text.into(), status: None };
        people.page(&olga, &query, cursor.as_deref(), 50).await.unwrap()
    };
    let mut cursor = None;
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let page = page("", cursor).await;
        assert_eq!(page.people.len(), 50);
        seen.extend(page.people.iter().map(|person| person.address.to_string()));
        cursor = page.next;
    }
    assert_eq!(seen.len(), 250, "nobody comes twice");
    for (text, count) in [("user777", 11), ("name 19999", 1), ("user20001", 0)] {
        assert_eq!(page(text, None).await.people.len(), count, "{text}");
    }
}

#[tokio::test]
async fn addresses_are_what_they_look_like() {
    let house = community().await;
    let (olga, accounts) = (acting(&house.services, "olga").await, &house.services.accounts);
    let bob = address("bob@example.test");
    for bad in ["be\u{200b}n", "b\u{202e}ev", "abu\u{ad}se", "admin\u{200b}", "\u{ff41}dmin", "\"a b\"", "a\u{a0}b"] {
        let bad = address(&format!("{bad}@example.test"));
        let invited = accounts.invite(&olga, &person(&bad.to_string(), Role::Member)).await;
        assert!(matches!(invited, Err(Refusal::Invalid(_))), "{bad:?}");
        let alias = accounts.alias_add(&olga, &bad, std::slice::from_ref(&bob)).await;
        assert!(matches!(alias, Err(Refusal::Invalid(_))), "{bad:?}");
    }
    for good in ["zo\u{eb}", "михаил", "देवनागरी", "o'hara", "a_b-c.d"] {
        accounts.invite(&olga, &person(&format!("{good}@example.test"), Role::Member)).await.unwrap();
    }
}

#[tokio::test]
async fn a_setting_is_taken_back_and_its_changes_are_known() {
    let house = community().await;
    let settings = &house.services.settings;
    let olga = acting(&house.services, "olga").await;
    let now = || settings.number("message.size") >> 20;
    assert_eq!(said(settings.undo(&olga, "message.size").await), "not found", "never changed");
    settings.set(&olga, "message.size", "10MiB").await.unwrap();
    settings.set(&olga, "message.size", "20MiB").await.unwrap();
    settings.undo(&olga, "message.size").await.unwrap();
    assert_eq!(now(), 10);
    settings.undo(&olga, "message.size").await.unwrap();
    assert_eq!(now(), 20);
    settings.reset(&olga, "message.size").await.unwrap();
    settings.undo(&olga, "message.size").await.unwrap();
    assert_eq!(now(), 20);
    let history = settings.history(&olga, "message.size").await.unwrap();
    let shown: Vec<_> = history.iter().map(|c| (c.before.as_deref(), c.after.as_deref())).collect();
    assert_eq!(shown[..3], [(None, Some("20MiB")), (Some("20MiB"), None), (Some("10MiB"), Some("20MiB"))]);
    assert_eq!((shown.len(), history[0].by.as_str()), (6, "olga@example.test"));
    settings.set(&olga, "server.hostname", " Mail.Bücher.Example ").await.unwrap();
    assert_eq!(settings.word("server.hostname"), "mail.xn--bcher-kva.example");
    assert_eq!(said(settings.set(&olga, "server.hostname", "no host").await), "invalid");
    settings.set(&olga, "server.hostname", "").await.unwrap();
    assert_eq!(settings.word("server.hostname"), "");
}

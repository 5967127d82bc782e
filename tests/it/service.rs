//! Services against a real PostgreSQL, without doors.

use crate::harness::house;
use crate::harness::pg::Database;
use mailstead::model::address::{Address, Domain};
use mailstead::model::clock::Clock;
use mailstead::model::dsn::{BodyKind, DsnRequest};
use mailstead::model::mailbox::MailboxPath;
use mailstead::model::secret::Secret;
use mailstead::sasl::scram;
use mailstead::service::account::{Actor, Role};
use mailstead::service::delivery::{Answers, Incoming};
use mailstead::service::directory::Resolved;
use mailstead::service::login::{Identity, Origin, Protocol, ScramHash};
use mailstead::service::mailbox::OpenMode;
use mailstead::service::seal::Keys;
use mailstead::service::submission::Outgoing;
use mailstead::service::{Options, Refusal, Services};
use std::sync::Arc;

fn address(raw: &str) -> Address {
    Address::parse(raw).unwrap()
}

fn secret(raw: &str) -> Secret<String> {
    Secret::new(raw.to_owned())
}

fn origin(protocol: Protocol) -> Origin {
    Origin { peer: [192, 0, 2, 1].into(), protocol, domain_hint: None }
}

async fn sign_in(services: &Services, name: &str, password: &str) -> Result<Identity, Refusal> {
    services.login.password(&origin(Protocol::Imap), "", name, &secret(password)).await
}

async fn incoming(services: &Services, to: &[&str], text: &str) -> Incoming {
    let mut recipients = Vec::new();
    for to in to {
        match services.directory.resolve(&address(to)).await.unwrap() {
            Resolved::Deliver(recipient) => recipients.push((recipient, DsnRequest::default())),
            other => panic!("{to}: {other:?}"),
        }
    }
    let mut spool = services.spool.begin(0).await.unwrap();
    spool.push(text.as_bytes()).await.unwrap();
    Incoming {
        sender: Some(address("stranger@elsewhere.test")),
        recipients,
        message: spool.finish(),
        received: "Received: from test\r\n".into(),
        ret: None,
        envid: None,
        smtputf8: false,
        body: BodyKind::SevenBit,
        answers: Answers::Each,
    }
}

#[tokio::test]
async fn a_member_signs_in_by_address_bare_name_and_scram() {
    let house = house::House::new().await;
    let services = &house.services;
    house.member("ann", "correct horse").await;
    for name in ["ann@example.test", "ANN@Example.TEST", "ann"] {
        assert_eq!(
            sign_in(services, name, "correct horse").await.unwrap().address().to_string(),
            "ann@example.test",
            "{name}"
        );
    }
    for (name, password) in [
        ("ann", "wrong"),
        ("nobody", "correct horse"),
        ("ann@elsewhere.test", "correct horse"),
        ("", ""),
        ("a b@c@d", "x"),
    ] {
        assert!(matches!(sign_in(services, name, password).await, Err(Refusal::WrongCredentials)), "{name}");
    }
    let lookup = services.login.scram_begin(&origin(Protocol::Imap), ScramHash::Sha256, "ann").await.unwrap();
    let expected = scram::derive(scram::Hash::Sha256, "correct horse", &lookup.salt, lookup.iterations).unwrap();
    assert_eq!(lookup.verifiers, [expected]);
    assert!(services.login.scram_finish(&origin(Protocol::Imap), lookup, "", Some(0)).await.is_ok());
}

#[tokio::test]
async fn an_unknown_name_looks_like_a_known_one_to_scram() {
    let house = house::House::new().await;
    house.member("ann", "correct horse").await;
    let ask = |name: &'static str| async {
        house.services.login.scram_begin(&origin(Protocol::Imap), ScramHash::Sha256, name).await.unwrap()
    };
    let (first, second, known) = (ask("nobody").await, ask("nobody").await, ask("ann").await);
    assert_eq!(first.salt, second.salt);
    assert_ne!(first.salt, ask("somebody").await.salt);
    assert_eq!((first.salt.len(), first.iterations), (known.salt.len(), known.iterations));
    assert!(matches!(
        house.services.login.scram_finish(&origin(Protocol::Imap), first, "", Some(0)).await,
        Err(Refusal::WrongCredentials)
    ));
}

#[tokio::test]
async fn nobody_acts_as_another_and_too_many_failures_shut_out() {
    let house = house::House::new().await;
    let services = &house.services;
    house.member("ann", "correct horse").await;
    house.member("bob", "battery staple").await;
    let as_bob = services.login.password(&origin(Protocol::Imap), "bob", "ann", &secret("correct horse")).await;
    assert!(matches!(as_bob, Err(Refusal::WrongCredentials)));
    let as_self =
        services.login.password(&origin(Protocol::Imap), "ann@example.test", "ann", &secret("correct horse")).await;
    assert!(as_self.is_ok());
    let far = Origin { peer: [198, 51, 100, 1].into(), ..origin(Protocol::Imap) };
    let (wrong, right) = (secret("wrong"), secret("correct horse"));
    for _ in 0..10 {
        let said = services.login.password(&far, "", "ann", &wrong).await;
        assert!(matches!(said, Err(Refusal::WrongCredentials)));
    }
    assert!(matches!(services.login.password(&far, "", "ann", &right).await, Err(Refusal::SlowDown)));
    assert!(sign_in(services, "bob", "battery staple").await.is_ok(), "another member is not shut out");
    house.clock.advance(chrono::TimeDelta::minutes(16));
    assert!(services.login.password(&far, "", "ann", &right).await.is_ok());
}

#[tokio::test]
async fn a_new_password_and_a_suspension_end_sessions() {
    let house = house::House::new().await;
    let services = &house.services;
    house.member("ann", "correct horse").await;
    let session = sign_in(services, "ann", "correct horse").await.unwrap();
    services.login.session_fresh(&session, None).await.unwrap();
    services
        .accounts
        .set_password(&Actor::command_line(), &address("ann@example.test"), secret("battery staple"))
        .await
        .unwrap();
    assert!(matches!(services.login.session_fresh(&session, None).await, Err(Refusal::Stale)));
    assert!(sign_in(services, "ann", "correct horse").await.is_err(), "the remembered check is of the old generation");
    let session = sign_in(services, "ann", "battery staple").await.unwrap();
    services.accounts.set_suspended(&Actor::command_line(), &address("ann@example.test"), true).await.unwrap();
    assert!(matches!(services.login.session_fresh(&session, None).await, Err(Refusal::Stale)));
    assert!(sign_in(services, "ann", "battery staple").await.is_err());
}

#[tokio::test]
async fn addresses_resolve_by_alias_detail_and_role() {
    let house = house::House::new().await;
    let services = &house.services;
    house.member("ann", "correct horse").await;
    house.member("bob", "correct horse").await;
    let admin = Actor::command_line();
    let (all, alias) = (address("all@example.test"), address("a@example.test"));
    services
        .accounts
        .alias_add(
            &admin,
            &all,
            &[address("ann@example.test"), address("bob@example.test"), address("x@elsewhere.test")],
        )
        .await
        .unwrap();
    services.accounts.alias_add(&admin, &alias, &[address("ann@example.test")]).await.unwrap();
    services
        .accounts
        .domain_add(&admin, &Domain::parse("example.org").unwrap(), Some(&Domain::parse("example.test").unwrap()))
        .await
        .unwrap();
    let resolve =
        |raw: &'static str| async { format!("{:?}", services.directory.resolve(&address(raw)).await.unwrap()) };
    for ours in [
        "ann@example.test",
        "ANN+tag@example.test",
        "a@example.test",
        "all@example.test",
        "ann@example.org",
        "postmaster@example.test",
        "abuse@example.org",
    ] {
        assert!(resolve(ours).await.starts_with("Deliver"), "{ours}");
    }
    assert_eq!(resolve("nobody@example.test").await, "Unknown");
    assert_eq!(resolve("ann@elsewhere.test").await, "NotOurs");
    services.accounts.set_suspended(&admin, &address("bob@example.test"), true).await.unwrap();
    assert_eq!(resolve("bob@example.test").await, "Disabled");
    assert!(matches!(
        services.accounts.alias_add(&admin, &alias, &[address("bob@example.test")]).await,
        Err(Refusal::Exists)
    ));
    assert!(matches!(
        services
            .accounts
            .add(&admin, &address("postmaster@example.test"), "", Role::Member, None, secret("long enough"))
            .await,
        Err(Refusal::Invalid(_))
    ));
}

#[tokio::test]
async fn mail_comes_in_once_for_each_and_what_leaves_is_queued() {
    let house = house::House::new().await;
    let services = &house.services;
    house.member("ann", "correct horse").await;
    house.member("bob", "correct horse").await;
    let admin = Actor::command_line();
    let targets = [address("ann@example.test"), address("bob@example.test"), address("x@elsewhere.test")];
    services.accounts.alias_add(&admin, &address("all@example.test"), &targets).await.unwrap();
    let mut events = services.events();
    let message = incoming(services, &["all@example.test", "ann@example.test"], "Subject: hi\r\n\r\nthere\r\n").await;
    assert!(services.delivery.deliver(message).await.iter().all(Result::is_ok));
    assert!(events.try_recv().is_ok(), "told right after the commit");
    let used = |who: &'static str| async move { services.accounts.show(&address(who)).await.unwrap().messages };
    assert_eq!((used("ann@example.test").await, used("bob@example.test").await), (1, 1));
    let queued = services.queue.list(None).await.unwrap();
    assert_eq!(queued.iter().map(|row| row.address.as_str()).collect::<Vec<_>>(), ["x@elsewhere.test"]);
    services.queue.drop_message(&admin, queued[0].id).await.unwrap();
    assert!(services.queue.list(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_full_mailbox_refuses_and_others_still_get_theirs() {
    let house = house::House::new().await;
    let services = &house.services;
    house.member("ann", "correct horse").await;
    house.member("bob", "correct horse").await;
    services.accounts.set_quota(&Actor::command_line(), &address("ann@example.test"), Some(200)).await.unwrap();
    let message = incoming(
        services,
        &["ann@example.test", "bob@example.test"],
        &format!("Subject: big\r\n\r\n{}\r\n", "x".repeat(300)),
    )
    .await;
    let answers = services.delivery.deliver(message).await;
    assert!(matches!(answers[0], Err(Refusal::OverQuota)) && answers[1].is_ok());
}

/// From ann to bob and to somebody elsewhere.
async fn submit(services: &Services, who: &Identity, from: &str) -> Result<(), Refusal> {
    let mut spool = services.spool.begin(0).await.unwrap();
    spool.push(format!("From: {from}\r\nBcc: bob@example.test\r\n\r\nhi\r\n").as_bytes()).await.unwrap();
    let to = |to| (address(to), DsnRequest::default());
    let outgoing = Outgoing {
        sender: Some(address("ann@example.test")),
        recipients: vec![to("bob@example.test"), to("c@elsewhere.test")],
        message: spool.finish(),
        received: "Received: from test\r\n".into(),
        ret: None,
        envid: None,
        smtputf8: false,
        body: BodyKind::SevenBit,
    };
    services.submission.submit(who, outgoing).await
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_out() {
    let house = house::House::new().await;
    house.member("ann", "correct horse").await;
    house.member("bob", "correct horse").await;
    let (services, proxy) = house.second_process_through_proxy().await;
    let ann = sign_in(&services, "ann", "correct horse").await.unwrap();
    let there = async || {
        let queued = house.services.queue.list(None).await.unwrap().len();
        (queued, house.services.accounts.show(&address("bob@example.test")).await.unwrap().messages)
    };
    proxy.lose_commit_answers(1);
    submit(&services, &ann, "ann@example.test").await.expect("it is committed: no client must send it again");
    assert_eq!(there().await, (1, 1));
    proxy.lose_commits(1);
    assert!(matches!(submit(&services, &ann, "ann@example.test").await, Err(Refusal::Unavailable)));
    assert_eq!(there().await, (1, 1), "refused, and nothing is there");

    let bob = sign_in(&services, "bob", "correct horse").await.unwrap();
    let (inbox, archive) = (MailboxPath::parse("INBOX").unwrap(), MailboxPath::parse("Archive").unwrap());
    let view = services.mailboxes.open(&bob, &inbox, OpenMode::ReadWrite).await.unwrap();
    let all = view.entries().map(|(_, entry)| entry.uid).collect();
    proxy.lose_commit_answers(1);
    assert_eq!(services.messages.copy(&bob, &view, &all, &archive).await.unwrap().to.len(), 1);
    assert_eq!(there().await, (1, 2));
}

#[tokio::test]
async fn a_member_sends_as_themselves_only() {
    let house = house::House::new().await;
    let services = &house.services;
    house.member("ann", "correct horse").await;
    house.member("bob", "correct horse").await;
    let ann = sign_in(services, "ann", "correct horse").await.unwrap();
    assert!(services.submission.may_send_as(&ann, &address("ann+x@example.test")).await.is_ok());
    assert!(matches!(services.submission.may_send_as(&ann, &address("bob@example.test")).await, Err(Refusal::Denied)));
    for detail in ["\"ann+ <ada@x> \"@example.test", "\"ann+,x\"@example.test", "\"ann+x.\"@example.test"] {
        assert!(
            matches!(services.submission.may_send_as(&ann, &address(detail)).await, Err(Refusal::Denied)),
            "{detail}"
        );
    }
    assert!(matches!(submit(services, &ann, "bob@example.test").await, Err(Refusal::Denied)));
    assert!(services.queue.list(None).await.unwrap().is_empty());
    submit(services, &ann, "Ann <ann@example.test>").await.unwrap();
    assert_eq!(services.queue.list(None).await.unwrap().len(), 1);
    assert_eq!(services.accounts.show(&address("bob@example.test")).await.unwrap().messages, 1);
}

#[tokio::test]
async fn settings_are_checked_kept_and_audited() {
    let house = house::House::new().await;
    let settings = &house.services.settings;
    let admin = Actor::command_line();
    assert_eq!(settings.number("message.size"), 50 << 20);
    settings.set(&admin, "message.size", "10MiB").await.unwrap();
    assert_eq!(settings.number("message.size"), 10 << 20);
    assert!(matches!(settings.set(&admin, "message.size", "1").await, Err(Refusal::Invalid(_))));
    assert!(matches!(settings.set(&admin, "no.such", "1").await, Err(Refusal::NotFound)));
    settings.reset(&admin, "message.size").await.unwrap();
    assert_eq!(settings.number("message.size"), 50 << 20);
    let audit = house.audit("setting.%").await;
    let row = |action: &str, before: Option<u64>, after: Option<u64>| {
        (action.to_owned(), "message.size".to_owned(), before.map(|n| n.to_string()), after.map(|n| n.to_string()))
    };
    assert_eq!(audit, [row("setting.set", None, Some(10 << 20)), row("setting.reset", Some(10 << 20), None)]);
}

#[tokio::test]
async fn every_administrative_act_is_audited() {
    let house = house::House::new().await;
    let accounts = &house.services.accounts;
    let (admin, ann, all) = (Actor::command_line(), address("ann@example.test"), address("all@example.test"));
    let second = Domain::parse("second.test").unwrap();
    accounts.add(&admin, &ann, "Ann", Role::Helper, None, secret("correct horse")).await.unwrap();
    accounts.set_suspended(&admin, &ann, true).await.unwrap();
    accounts.set_suspended(&admin, &ann, false).await.unwrap();
    accounts.set_password(&admin, &ann, secret("battery staple")).await.unwrap();
    accounts.set_quota(&admin, &ann, Some(1 << 30)).await.unwrap();
    accounts.alias_add(&admin, &all, &[ann.clone(), address("x@elsewhere.test")]).await.unwrap();
    accounts.alias_remove(&admin, &all).await.unwrap();
    accounts.remove(&admin, &ann).await.unwrap();
    accounts.domain_add(&admin, &second, None).await.unwrap();
    accounts.domain_default(&admin, &second).await.unwrap();
    assert!(matches!(accounts.domain_remove(&admin, &second).await, Err(Refusal::InUse(_))), "bare names need it");
    accounts.domain_default(&admin, &Domain::parse("example.test").unwrap()).await.unwrap();
    accounts.domain_remove(&admin, &second).await.unwrap();
    let rows = house.audit("%").await;
    let acts: Vec<(&str, &str)> = rows.iter().map(|row| (row.0.as_str(), row.1.as_str())).collect();
    let (ann, all) = ("ann@example.test", "all@example.test");
    assert_eq!(
        acts,
        [
            ("domain.add", "example.test"),
            ("account.add", ann),
            ("account.suspend", ann),
            ("account.resume", ann),
            ("password.set", ann),
            ("account.quota", ann),
            ("alias.add", all),
            ("alias.remove", all),
            ("account.remove", ann),
            ("domain.add", "second.test"),
            ("domain.default", "second.test"),
            ("domain.default", "example.test"),
            ("domain.remove", "second.test"),
        ]
    );
    assert!(rows.iter().all(|row| !format!("{row:?}").contains("correct horse")));
    let before = |n: usize| rows[n].2.clone().unwrap_or_default();
    assert!(before(7).contains("x@elsewhere.test") && before(8).contains("helper"), "{rows:?}");
    // A change that is refused leaves no row.
    let refused = accounts.add(&admin, &address("bob@example.test"), "", Role::Member, None, secret("short")).await;
    assert!(matches!(refused, Err(Refusal::Invalid(_))));
    let refused =
        accounts.add(&admin, &address("b@example.test"), "", Role::Member, None, secret("with\0nul in it")).await;
    assert!(matches!(refused, Err(Refusal::Invalid(_))));
    assert_eq!(house.audit("%").await.len(), rows.len());
}

#[tokio::test]
async fn another_key_file_is_refused() {
    let database = Database::new().await;
    let open = |line: String| {
        let options = Options {
            clock: Clock::system(),
            keys: Keys::parse(&line).unwrap(),
            exempt: Arc::new(|_| false),
            hostname: "mail.example.test".into(),
        };
        Services::open(database.store(), options)
    };
    let line = Keys::generate_line().unwrap();
    open(line.clone()).await.unwrap();
    open(line.clone()).await.unwrap();
    assert!(matches!(open(Keys::generate_line().unwrap()).await, Err(Refusal::Invalid(_))));
    open(format!("{line}\n{}", Keys::generate_line().unwrap())).await.unwrap();
    assert!(matches!(open(line).await, Err(Refusal::Invalid(_))), "the newer key is in use too");
}

/// Whoever asked for them may be gone while somebody still works on them, or sends them.
#[tokio::test]
async fn octets_keep_their_budget_until_the_last_of_them_is_gone() {
    let house = house::House::new().await;
    let room = &house.services.spool;
    let whole = room.reserve(256 << 20).unwrap().hold(vec![1, 2, 3]);
    let part = whole.slice(1..);
    drop(whole);
    assert!(matches!(room.reserve(1), Err(Refusal::Busy)));
    assert_eq!(&part[..], [2, 3]);
    drop(part);
    assert!(room.reserve(256 << 20).is_ok());
}

#[tokio::test]
async fn searches_leave_budget_for_mail_that_comes() {
    let house = house::House::new().await;
    let room = &house.services.spool;
    let share = room.message_limit().max((256 << 20) / 4);
    let held = room.reserve_for_search(share).unwrap();
    assert!(matches!(room.reserve_for_search(1), Err(Refusal::Busy)));
    assert!(room.begin(1 << 20).await.is_ok());
    drop(held);
    assert!(room.reserve_for_search(share).is_ok());
}

//! Signing in: the same cost for known and unknown names, what completes a name, channel binding.

use crate::harness::house::{House, web_origin};
use crate::harness::log::Log;
use mailstead::front::imap;
use mailstead::model::address::{Address, Domain};
use mailstead::model::secret::Secret;
use mailstead::net::client::{Check, ClientTls};
use mailstead::net::listener::Accepted;
use mailstead::net::stream::Stream;
use mailstead::sasl::client::Client;
use mailstead::sasl::{Mechanism, encode_challenge};
use mailstead::service::Refusal;
use mailstead::service::account::{Actor, Role};
use mailstead::service::login::{Origin, Protocol, ScramHash};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

fn origin(asked: Option<&str>) -> Origin {
    let domain_hint = asked.map(|name| Domain::parse(name).unwrap());
    Origin { peer: [192, 0, 2, 1].into(), protocol: Protocol::Imap, domain_hint }
}

fn secret(raw: &str) -> Secret<String> {
    Secret::new(raw.to_owned())
}

#[tokio::test]
async fn an_unknown_name_costs_what_a_wrong_password_costs() {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    house.member("away", "correct horse").await;
    let address = Address::parse("away@example.test").unwrap();
    house.services.accounts.set_suspended(&Actor::command_line(), &address, true).await.unwrap();
    let (also, ann) = (Address::parse("anne@example.test").unwrap(), Address::parse("ann@example.test").unwrap());
    house.services.accounts.alias_add(&Actor::command_line(), &also, &[ann]).await.unwrap();
    house.member("tina", "correct horse").await;
    let tina = house.web("tina", "correct horse").await;
    let (_, tina) = house.enrol(&tina).await;
    house.services.app_passwords.make(&tina.who, &web_origin(), "phone").await.unwrap();
    let (log, _guard) = Log::listen();
    let login = &house.services.login;
    let mut seen = Vec::new();
    // A wrong password, no such name, a suspended member's right password, in either form.
    for (name, password) in [
        ("ann", "wrong"),
        ("nobody", "wrong"),
        ("away", "correct horse"),
        ("tina", "wrong"),
        ("tina", "correct horse"),
        ("ann@example.test", "wrong"),
        ("nobody@example.test", "wrong"),
        ("away@example.test", "correct horse"),
        ("anne@example.test", "wrong"),
    ] {
        log.statements();
        let before = login.argon2_runs();
        assert!(login.password(&origin(None), "", name, &secret(password)).await.is_err(), "{name}");
        seen.push((log.statements(), login.argon2_runs() - before));
    }
    assert!(seen[0].0.len() >= 3 && seen[0].1 == 1, "{:?}", seen[0]);
    assert!(seen[..5].iter().all(|one| *one == seen[0]), "{seen:#?}");
    assert!(seen[5..].iter().all(|one| *one == seen[5]), "{seen:#?}");
    let mut seen = Vec::new();
    for (name, password) in [("ann", "wrong"), ("nobody", "wrong"), ("away", "correct horse"), ("tina", "wrong")] {
        log.statements();
        let before = login.argon2_runs();
        let said = login.web(&origin(None), "Browser 1.0", name, &secret(password)).await;
        assert!(matches!(said, Err(Refusal::WrongCredentials)), "{name}: {said:?}");
        seen.push((log.statements(), login.argon2_runs() - before));
    }
    assert!(seen[0].1 == 1 && seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    let mut seen = Vec::new();
    for name in ["ann", "nobody", "away"] {
        log.statements();
        let lookup = login.scram_begin(&origin(None), ScramHash::Sha256, name).await.unwrap();
        let shape = (lookup.salt.len(), lookup.iterations, lookup.verifiers.len(), lookup.verifiers[0].0.len());
        assert!(login.scram_finish(&origin(None), lookup, "", None).await.is_err());
        seen.push((log.statements(), shape));
    }
    assert!(seen[0].0.len() >= 4, "{:?}", seen[0]);
    assert!(seen[0] == seen[1] && seen[0] == seen[2], "{seen:#?}");
}

/// Tries with wrong passwords from everywhere shut an account, but not where it signed in before.
#[tokio::test]
async fn strangers_do_not_shut_members_out_of_where_they_sign_in() {
    let house = House::new().await;
    for name in ["ann", "bob"] {
        house.member(name, "correct horse").await;
    }
    let actor = Actor::command_line();
    house.services.settings.set(&actor, "login.failures_peer", "8").await.unwrap();
    let login = &house.services.login;
    let at = |peer: [u8; 4]| Origin { peer: peer.into(), ..origin(None) };
    let try_from = async |peer: [u8; 4], name: &str, password: &str| {
        login.password(&at(peer), "", name, &secret(password)).await.map(|_| ())
    };
    let shut = async |name: &str| {
        for n in 1..=10 {
            let said = try_from([198, 51, 100 + (n % 2), n], name, "wrong").await;
            assert!(matches!(said, Err(Refusal::WrongCredentials)), "{name} {n}: {said:?}");
        }
    };
    let (home, next_door, bobs, third) = ([192, 0, 2, 1], [192, 0, 2, 77], [203, 0, 113, 1], [233, 252, 0, 1]);
    try_from(home, "ann", "correct horse").await.unwrap();
    try_from(bobs, "bob", "correct horse").await.unwrap();
    shut("ann").await;
    for peer in [third, bobs] {
        assert!(matches!(try_from(peer, "ann", "correct horse").await, Err(Refusal::SlowDown)), "{peer:?}");
    }
    for _ in 0..2 {
        try_from(next_door, "ann", "correct horse").await.unwrap();
        let still = try_from(third, "ann", "correct horse").await;
        assert!(matches!(still, Err(Refusal::SlowDown)), "her sign-in lifts nothing");
    }
    try_from(third, "bob", "correct horse").await.unwrap();

    // A shut name that is known here, one that is known elsewhere, one that is nobody's: told and done alike.
    for name in ["bob", "nobody"] {
        shut(name).await;
    }
    let (log, _guard) = Log::listen();
    let mut seen = Vec::new();
    for (name, password) in [("ann", "wrong"), ("nobody", "wrong"), ("bob", "wrong"), ("bob", "correct horse")] {
        log.statements();
        let before = login.argon2_runs();
        let said = try_from(home, name, password).await;
        assert!(matches!(said, Err(Refusal::SlowDown)), "{name}: {said:?}");
        seen.push((log.statements(), login.argon2_runs() - before));
    }
    assert!(seen[0].1 == 1 && seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    let mut seen = Vec::new();
    for name in ["ann", "nobody", "bob"] {
        log.statements();
        let lookup = login.scram_begin(&at(home), ScramHash::Sha256, name).await.unwrap();
        let elsewhere = login.scram_begin(&at([192, 0, 3, 1]), ScramHash::Sha256, name).await;
        assert!(matches!(elsewhere, Err(Refusal::SlowDown)), "nobody signed in from there");
        let shape = (lookup.salt.len(), lookup.iterations, lookup.verifiers.len());
        let said = login.scram_finish(&at(home), lookup, "", None).await;
        assert!(matches!(said, Err(Refusal::SlowDown)), "{name}: {said:?}");
        seen.push((log.statements(), shape));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");

    // Address and network have their limits here too.
    assert!(matches!(try_from(home, "ann", "wrong").await, Err(Refusal::SlowDown)));
    assert!(matches!(try_from(home, "ann", "correct horse").await, Err(Refusal::SlowDown)));
    try_from(next_door, "ann", "correct horse").await.unwrap();

    house.clock.advance(chrono::TimeDelta::days(31));
    shut("ann").await;
    assert!(matches!(try_from(next_door, "ann", "correct horse").await, Err(Refusal::SlowDown)), "long ago");
}

/// A hundred tries at once are no more tries than a hundred one after the other.
#[tokio::test]
async fn tries_at_once_are_counted_before_they_are_judged() {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    let login = &house.services.login;
    let at = |n: u8| Origin { peer: [198, 51, n, 1].into(), ..origin(None) };
    for name in ["ann", "nobody"] {
        let before = login.argon2_runs();
        let tries = (0..40).map(|n| async move { login.password(&at(n), "", name, &secret("wrong")).await });
        let said = futures_util::future::join_all(tries).await;
        let wrong = said.iter().filter(|said| matches!(said, Err(Refusal::WrongCredentials))).count();
        let slow = said.iter().filter(|said| matches!(said, Err(Refusal::SlowDown))).count();
        assert_eq!((wrong, slow, login.argon2_runs() - before), (10, 30, 10), "{name}");
        // A proof that needs no argon2 has its try taken before it is judged, too.
        let said = login.scram_begin(&at(99), ScramHash::Sha256, name).await;
        assert!(matches!(said, Err(Refusal::SlowDown)), "{name}");
    }
    let scram = (0..40).map(|n| async move {
        let lookup = login.scram_begin(&at(n), ScramHash::Sha256, "somebody").await.unwrap();
        (n, lookup)
    });
    let begun = futures_util::future::join_all(scram).await;
    let said = begun.into_iter().map(|(n, lookup)| async move { login.scram_finish(&at(n), lookup, "", None).await });
    let said = futures_util::future::join_all(said).await;
    assert_eq!(said.iter().filter(|said| matches!(said, Err(Refusal::WrongCredentials))).count(), 10);
}

/// Who signs in again and again uses nothing up, and keeps no old failures alive.
#[tokio::test]
async fn a_sign_in_gives_its_try_back() {
    let house = House::new().await;
    for name in ["ann", "bob"] {
        house.member(name, "correct horse").await;
    }
    house.services.settings.set(&Actor::command_line(), "login.failures_peer", "5").await.unwrap();
    let login = &house.services.login;
    let sign_in =
        async |name: &str, password: &str| login.password(&origin(None), "", name, &secret(password)).await.map(|_| ());
    for _ in 0..4 {
        assert!(matches!(sign_in("bob", "wrong").await, Err(Refusal::WrongCredentials)));
    }
    for minutes in [0, 5, 5, 10] {
        house.clock.advance(chrono::TimeDelta::minutes(minutes));
        for _ in 0..5 {
            sign_in("ann", "correct horse").await.unwrap();
        }
    }
    for _ in 0..4 {
        assert!(matches!(sign_in("bob", "wrong").await, Err(Refusal::WrongCredentials)), "the old ones are over");
    }
    sign_in("ann", "correct horse").await.unwrap();
    assert!(matches!(sign_in("bob", "wrong").await, Err(Refusal::WrongCredentials)));
    assert!(matches!(sign_in("ann", "correct horse").await, Err(Refusal::SlowDown)));
}

#[tokio::test]
async fn an_account_of_many_addresses_has_no_more_tries() {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    let address = |raw: &str| Address::parse(raw).unwrap();
    let names = ["anne@example.test", "anna@example.test", "ann@example.test"];
    for also in &names[..2] {
        let to = [address("ann@example.test")];
        house.services.accounts.alias_add(&Actor::command_line(), &address(also), &to).await.unwrap();
    }
    let login = &house.services.login;
    let at = |n: u8| Origin { peer: [198, 51, n, 1].into(), ..origin(None) };
    for n in 0..10 {
        let said = login.password(&at(n), "", names[usize::from(n) % 3], &secret("wrong")).await;
        assert!(matches!(said, Err(Refusal::WrongCredentials)), "{n}: {said:?}");
    }
    for name in names {
        let said = login.password(&at(99), "", name, &secret("correct horse")).await;
        assert!(matches!(said, Err(Refusal::SlowDown)), "{name}: {said:?}");
    }
}

#[tokio::test]
async fn a_made_up_salt_does_not_depend_on_how_the_name_is_written() {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    let salt = |name: &'static str| async {
        house.services.login.scram_begin(&origin(None), ScramHash::Sha256, name).await.unwrap().salt
    };
    for (one, other) in [("ann", "ANN@Example.Test"), ("nobody", "NoBody@EXAMPLE.test"), ("x@far.test", "X@FAR.test")] {
        assert_eq!(salt(one).await, salt(other).await, "{one}");
    }
    // Where there is no verifier of a mechanism, a known name looks as an unknown one does.
    let sha1 = |name: &'static str| house_lookup(&house, name);
    assert_eq!(sha1("ann").await, sha1("nobody").await);
}

async fn house_lookup(house: &House, name: &str) -> (usize, u32, usize) {
    let lookup = house.services.login.scram_begin(&origin(None), ScramHash::Sha1, name).await.unwrap();
    (lookup.salt.len(), lookup.iterations, lookup.verifiers.len())
}

#[tokio::test]
async fn a_bare_name_is_one_address() {
    let house = House::new().await;
    let (accounts, admin) = (&house.services.accounts, Actor::command_line());
    let domain = |raw: &str| Domain::parse(raw).unwrap();
    accounts.domain_add(&admin, &domain("second.test"), None).await.unwrap();
    accounts.domain_add(&admin, &domain("alias.test"), Some(&domain("second.test"))).await.unwrap();
    house.member("ann", "correct horse").await;
    let address = Address::parse("ann@second.test").unwrap();
    accounts.add(&admin, &address, "", Role::Member, None, secret("battery staple")).await.unwrap();
    let sign_in = |asked: Option<&'static str>, name: &'static str, password: &'static str| {
        let login = house.services.login.clone();
        async move {
            let who = login.password(&origin(asked), "", name, &secret(password)).await;
            who.map(|who| who.address().to_string()).unwrap_or_default()
        }
    };
    for (asked, name, password, wanted) in [
        (None, "ann", "correct horse", "ann@example.test"),
        (Some("mail.example.test"), "ann", "correct horse", "ann@example.test"),
        (Some("mail.second.test"), "ann", "battery staple", "ann@second.test"),
        (Some("second.test"), "ann", "battery staple", "ann@second.test"),
        // Never tried elsewhere.
        (Some("mail.second.test"), "ann", "correct horse", ""),
        (None, "ann", "battery staple", ""),
        // A name that is none of ours leaves it to the default.
        (Some("mail.elsewhere.test"), "ann", "correct horse", "ann@example.test"),
        // An alias domain stands for the other's addresses.
        (Some("mail.alias.test"), "ann", "battery staple", "ann@second.test"),
        (None, "ann@alias.test", "battery staple", "ann@second.test"),
        // A whole address is what it is.
        (Some("mail.second.test"), "ann@example.test", "correct horse", "ann@example.test"),
    ] {
        assert_eq!(sign_in(asked, name, password).await, wanted, "{asked:?} {name} {password}");
    }
    for wrong in [("ann@new.alias.test", Some("alias.test")), ("alias of an alias", None)] {
        let added = match wrong.1 {
            Some(target) => accounts.domain_add(&admin, &domain("third.test"), Some(&domain(target))).await,
            None => {
                let address = Address::parse("bob@alias.test").unwrap();
                accounts.add(&admin, &address, "", Role::Member, None, secret("battery staple")).await.map(|_| ())
            }
        };
        assert!(matches!(added, Err(mailstead::service::Refusal::Invalid(_))), "{}", wrong.0);
    }
}

/// An IMAP session over TLS whose channel can be bound, right after the greeting.
async fn dial(house: &House) -> Stream {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    let services = house.services.clone();
    tokio::spawn(async move {
        let (tcp, peer) = listener.accept().await.unwrap();
        let tls = &crate::harness::dial::tls().server;
        let stream = Stream::tcp(tcp).start_tls(tls, Duration::from_secs(10)).await.unwrap();
        let options = Arc::new(imap::Options::new("mail.example.test", None));
        imap::serve(Accepted { stream, peer, local, shutdown: CancellationToken::new() }, options, services).await;
    });
    let tls = ClientTls::trusting(rustls::RootCertStore::empty()).unwrap();
    let stream = Stream::tcp(tokio::net::TcpStream::connect(local).await.unwrap());
    let limit = Duration::from_secs(10);
    let mut stream = stream.start_client_tls(&tls, Check::Nothing, "mail.example.test", limit).await.unwrap();
    assert!(line(&mut stream).await.contains("AUTH=SCRAM-SHA-256-PLUS"));
    stream
}

async fn line(stream: &mut Stream) -> String {
    let mut out = Vec::new();
    while !out.ends_with(b"\r\n") {
        out.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(out).unwrap().trim_end().to_owned()
}

async fn send(stream: &mut Stream, text: &str) {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Signs in with a mechanism and a binding; the tagged answer.
async fn scram(house: &House, mechanism: Mechanism, bend: impl FnOnce(&mut Vec<u8>), password: &str) -> String {
    let mut stream = dial(house).await;
    let mut binding = stream.tls().unwrap().binding.unwrap();
    bend(&mut binding);
    let mut client = Client::new(mechanism, Some(&binding), "ann", password, "fyko+d2lbbFgONRv9qkxdawL");
    let first = encode_challenge(&client.first());
    send(&mut stream, &format!("a AUTHENTICATE {} {first}", mechanism.name())).await;
    loop {
        let said = line(&mut stream).await;
        let Some(challenge) = said.strip_prefix("+ ") else { return said };
        let mailstead::sasl::Answer::Octets(challenge) = mailstead::sasl::decode_answer(challenge.as_bytes()) else {
            panic!("{said}")
        };
        let answer = client.answer(&challenge).expect("the server proves itself");
        send(&mut stream, &encode_challenge(&answer)).await;
    }
}

#[tokio::test]
async fn scram_binds_the_channel_and_sees_a_downgrade() {
    let house = House::new().await;
    house.member("ann", "correct horse").await;
    let (plus, bare) = (Mechanism::ScramSha256Plus, Mechanism::ScramSha256);
    assert!(scram(&house, plus, |_| (), "correct horse").await.starts_with("a OK "));
    assert!(scram(&house, bare, |_| (), "correct horse").await.starts_with("a OK "));
    // Somebody in the middle has another channel to each side.
    assert!(scram(&house, plus, |binding| binding[0] ^= 1, "correct horse").await.starts_with("a NO "));
    assert!(scram(&house, plus, |_| (), "wrong").await.starts_with("a NO "));
    // "y" says that no PLUS was offered here, which is not true; other kinds of binding are not known.
    for (mechanism, first) in [
        ("SCRAM-SHA-256", "y,,n=ann,r=abc"),
        ("SCRAM-SHA-256", "p=tls-exporter,,n=ann,r=abc"),
        ("SCRAM-SHA-256-PLUS", "n,,n=ann,r=abc"),
        ("SCRAM-SHA-256-PLUS", "p=tls-unique,,n=ann,r=abc"),
        ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=ann,r=abc"),
    ] {
        let mut stream = dial(&house).await;
        send(&mut stream, &format!("a AUTHENTICATE {mechanism} {}", encode_challenge(first.as_bytes()))).await;
        assert!(line(&mut stream).await.starts_with("a BAD "), "{mechanism} {first}");
    }
}

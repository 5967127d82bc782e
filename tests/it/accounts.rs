//! What members do to their own accounts: second factors, recovery codes, app passwords, a new password.

use crate::harness::dial::{Client as Wire, dial, tls};
use crate::harness::house::{House, web_origin};
use chrono::TimeDelta;
use mailstead::front::smtp::Kind;
use mailstead::front::{imap, smtp};
use mailstead::model::address::Address;
use mailstead::model::secret::Secret;
use mailstead::sasl::client::Client;
use mailstead::sasl::{Answer, Mechanism, decode_answer, encode_challenge};
use mailstead::service::Refusal;
use mailstead::service::account::{Actor, Role};
use mailstead::service::login::{Identity, Origin, Protocol, ScramHash, Second};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

const PASSWORD: &str = "correct horse battery";

fn secret(raw: &str) -> Secret<String> {
    Secret::new(raw.to_owned())
}

fn from(last: u8) -> Origin {
    Origin { peer: [203, 0, 113, last].into(), ..web_origin() }
}

async fn house_with(role: Role) -> House {
    let house = House::new().await;
    house.member("ann", PASSWORD).await;
    let address = Address::parse("ann@example.test").unwrap();
    house.services.accounts.set_role(&Actor::command_line(), &address, role).await.unwrap();
    house
}

async fn at_imap(house: &House, password: &str) -> Result<Identity, Refusal> {
    let origin = Origin { protocol: Protocol::Imap, ..web_origin() };
    house.services.login.password(&origin, "", "ann", &secret(password)).await
}

/// Subjects in Ann's INBOX.
async fn told(house: &House) -> Vec<String> {
    let subject = |text: &String| text.split("Subject: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
    house.inbox("ann").await.iter().map(subject).collect()
}

async fn acts(house: &House, pattern: &str) -> Vec<String> {
    house.audit(pattern).await.into_iter().map(|row| row.0).collect()
}

#[tokio::test]
async fn a_second_factor_shuts_mail_doors_for_the_main_password() {
    let house = house_with(Role::Member).await;
    let login = &house.services.login;
    let proof = login.web(&web_origin(), "", "ann", &secret(PASSWORD)).await.unwrap();
    assert_eq!((proof.second, proof.role), (Second::None, Role::Member));
    let before = at_imap(&house, PASSWORD).await.unwrap();
    let (seed, codes) = house.enrol(&proof.who).await;
    assert_eq!(codes.codes.len(), 10);
    // All sessions but the one it came from have ended.
    assert!(matches!(login.session_fresh(&before, None).await, Err(Refusal::Stale)));
    assert!(login.session_fresh(&codes.who, None).await.is_ok());
    assert!(matches!(at_imap(&house, PASSWORD).await, Err(Refusal::WrongCredentials)));
    let proof = login.web(&web_origin(), "", "ann", &secret(PASSWORD)).await.unwrap();
    assert_eq!(proof.second, Second::Required);
    let second = async |code: &str| login.second_factor(&web_origin(), "", &proof.who, code).await;
    assert!(matches!(second(&house.code(&seed)).await, Err(Refusal::WrongCredentials)), "taken at the enrolment");
    house.clock.advance(TimeDelta::seconds(30));
    let code = house.code(&seed);
    second(&format!("{} {}", &code[..3], &code[3..])).await.unwrap();
    assert!(matches!(second(&code).await, Err(Refusal::WrongCredentials)), "taken already");
    assert!(matches!(second("").await, Err(Refusal::WrongCredentials)));
    // Off again: the password alone.
    let who = house.services.second_factors.remove(&proof.who, &web_origin()).await.unwrap();
    assert_eq!(house.services.second_factors.state(&who).await.unwrap().codes, 0);
    assert!(login.second_factor(&web_origin(), "", &who, &house.code(&seed)).await.is_err());
    assert!(at_imap(&house, PASSWORD).await.is_ok());
    assert_eq!(acts(&house, "second%").await, ["second_factor.add", "second_factor.remove"]);
    assert_eq!(told(&house).await, ["A second factor was switched on", "Your second factor was switched off"]);
}

#[tokio::test]
async fn a_password_alone_opens_mail_doors_and_never_the_web() {
    let house = house_with(Role::Member).await;
    let login = &house.services.login;
    let who = house.web("ann", PASSWORD).await;
    assert!(at_imap(&house, PASSWORD).await.is_ok());
    for enrolled in [false, true] {
        if enrolled {
            house.enrol(&who).await;
        }
        for password in [PASSWORD, "wrong"] {
            let alone = login.password(&web_origin(), "", "ann", &secret(password)).await;
            assert!(matches!(alone, Err(Refusal::Denied)), "{enrolled} {password}");
        }
        let scram = login.scram_begin(&web_origin(), ScramHash::Sha256, "ann").await;
        assert!(matches!(scram, Err(Refusal::Denied)), "{enrolled}");
    }
    let proof = login.web(&web_origin(), "", "ann", &secret(PASSWORD)).await.unwrap();
    assert_eq!(proof.second, Second::Required);
}

#[tokio::test]
async fn admins_can_not_be_without_a_second_factor() {
    let house = house_with(Role::DomainAdmin).await;
    let proof = house.services.login.web(&web_origin(), "", "ann", &secret(PASSWORD)).await.unwrap();
    assert_eq!((proof.second, proof.role), (Second::MustEnrol, Role::DomainAdmin));
    let (_, codes) = house.enrol(&proof.who).await;
    let refused = house.services.second_factors.remove(&codes.who, &web_origin()).await;
    assert!(matches!(refused, Err(Refusal::InUse(_))));
    // Who lost everything has whoever runs the machine, and begins anew.
    let (factors, ann) = (&house.services.second_factors, Address::parse("ann@example.test").unwrap());
    let myself = house.services.accounts.acting(&codes.who, &web_origin()).await.unwrap();
    assert!(matches!(factors.reset(&myself, &ann).await, Err(Refusal::Denied)));
    factors.reset(&Actor::command_line(), &ann).await.unwrap();
    assert!(matches!(factors.reset(&Actor::command_line(), &ann).await, Err(Refusal::NotFound)));
    assert!(matches!(house.services.login.session_fresh(&codes.who, None).await, Err(Refusal::Stale)));
    let proof = house.services.login.web(&web_origin(), "", "ann", &secret(PASSWORD)).await.unwrap();
    assert_eq!(proof.second, Second::MustEnrol);
}

#[tokio::test]
async fn a_seed_waits_for_its_own_first_code_and_not_for_long() {
    let house = house_with(Role::Member).await;
    let factors = &house.services.second_factors;
    let who = house.web("ann", PASSWORD).await;
    let (first, second) = (factors.begin(&who).await.unwrap(), factors.begin(&who).await.unwrap());
    let shown = factors.begun(&who).await.unwrap().unwrap();
    assert_eq!(shown.secret.expose(), second.secret.expose());
    assert_eq!(
        shown.uri.expose(),
        &format!(
            "otpauth://totp/example.test:ann@example.test?secret={}&issuer=example.test&algorithm=SHA1&digits=6&period=30",
            shown.secret.expose()
        )
    );
    let seed = |begun: &mailstead::service::second_factor::Enrolment| {
        mailstead::service::totp::from_base32(begun.secret.expose()).unwrap()
    };
    let wrong = factors.confirm(&who, &from(1), &house.code(&seed(&first))).await;
    assert!(matches!(wrong, Err(Refusal::WrongCredentials)));
    assert_eq!(factors.state(&who).await.unwrap().since, None, "nothing is asked for yet");
    assert!(at_imap(&house, PASSWORD).await.is_ok());
    house.clock.advance(TimeDelta::minutes(31));
    let late = factors.confirm(&who, &from(1), &house.code(&seed(&second))).await;
    assert!(matches!(late, Err(Refusal::NotFound)));
    // One that somebody began with who knew the old password does not outlive it.
    let third = factors.begin(&who).await.unwrap();
    let who = house
        .services
        .accounts
        .change_password(&who, &from(1), &secret(PASSWORD), secret("battery staple on a bike"))
        .await
        .unwrap();
    let stolen = factors.confirm(&who, &from(1), &house.code(&seed(&third))).await;
    assert!(matches!(stolen, Err(Refusal::NotFound)));
}

#[tokio::test]
async fn a_recovery_code_is_taken_once_however_many_bring_it() {
    let house = house_with(Role::Member).await;
    let login = &house.services.login;
    let who = house.web("ann", PASSWORD).await;
    let (_, codes) = house.enrol(&who).await;
    let code = codes.codes[3].expose();
    let again = |n: u8| {
        let (login, who, code) = (login.clone(), codes.who.clone(), code.clone());
        async move { login.second_factor(&from(n), "", &who, &code).await.is_ok() }
    };
    let taken = futures_util::future::join_all((1..=4).map(again)).await;
    assert_eq!(taken.iter().filter(|ok| **ok).count(), 1, "{taken:?}");
    let loud = codes.codes[4].expose().to_uppercase().replace('-', " ");
    login.second_factor(&from(9), "", &codes.who, &loud).await.unwrap();
    assert_eq!(house.services.second_factors.state(&codes.who).await.unwrap().codes, 8);
    assert_eq!(acts(&house, "recovery%").await, ["recovery.use", "recovery.use"]);
    assert_eq!(told(&house).await[1..], ["A recovery code was used", "A recovery code was used"]);
    assert!(house.inbox("ann").await[2].contains("you have 8 left"));
    // It is no change of credentials: nobody is put out.
    login.session_fresh(&codes.who, None).await.unwrap();
    let fresh = house.services.second_factors.remake_codes(&codes.who, &from(9)).await.unwrap();
    assert!(matches!(login.session_fresh(&codes.who, None).await, Err(Refusal::Stale)));
    let old = login.second_factor(&from(9), "", &fresh.who, codes.codes[0].expose()).await;
    assert!(matches!(old, Err(Refusal::WrongCredentials)));
    login.second_factor(&from(9), "", &fresh.who, fresh.codes[0].expose()).await.unwrap();
}

#[tokio::test]
async fn one_code_of_the_app_lets_one_in() {
    let house = house_with(Role::Member).await;
    let (seed, codes) = house.enrol(&house.web("ann", PASSWORD).await).await;
    house.clock.advance(TimeDelta::seconds(60));
    let code = house.code(&seed);
    let again = |n: u8| {
        let (login, who, code) = (house.services.login.clone(), codes.who.clone(), code.clone());
        async move { login.second_factor(&from(n), "", &who, &code).await.is_ok() }
    };
    let taken = futures_util::future::join_all((1..=4).map(again)).await;
    assert_eq!(taken.iter().filter(|ok| **ok).count(), 1, "{taken:?}");
    // A step before the one that was taken is gone too.
    let earlier = mailstead::service::totp::code(&seed, mailstead::service::totp::step_at(house.clock.now()) - 1);
    let refused = house.services.login.second_factor(&from(5), "", &codes.who, &earlier).await;
    assert!(matches!(refused, Err(Refusal::WrongCredentials)));
}

#[tokio::test]
async fn five_wrong_codes_slow_down_also_all_at_once_and_between_passwords() {
    let house = house_with(Role::Member).await;
    let login = &house.services.login;
    let (seed, codes) = house.enrol(&house.web("ann", PASSWORD).await).await;
    house.clock.advance(TimeDelta::seconds(60));
    let app = house.services.app_passwords.make(&codes.who, &web_origin(), "phone").await.unwrap();
    let who = app.who;
    let wrong = |n: u8| {
        let (login, who) = (login.clone(), who.clone());
        async move { login.second_factor(&from(n), "", &who, "000000").await }
    };
    let said = futures_util::future::join_all((1..=12).map(wrong)).await;
    let tried = said.iter().filter(|one| matches!(one, Err(Refusal::WrongCredentials))).count();
    assert!(tried == 5 && said.iter().all(|one| one.is_err()), "{said:?}");
    // Neither the password nor a mail program's sign-in forgives wrong codes.
    login.web(&web_origin(), "", "ann", &secret(PASSWORD)).await.unwrap();
    at_imap(&house, app.password.expose()).await.unwrap();
    let right = login.second_factor(&from(20), "", &who, &house.code(&seed)).await;
    assert!(matches!(right, Err(Refusal::SlowDown)));
    assert!(matches!(house.services.second_factors.confirm(&who, &from(20), "000000").await, Err(Refusal::SlowDown)));
    house.clock.advance(TimeDelta::minutes(16));
    login.second_factor(&from(20), "", &who, &house.code(&seed)).await.unwrap();
}

#[tokio::test]
async fn a_session_proves_itself_anew() {
    let house = house_with(Role::Member).await;
    let login = &house.services.login;
    let (_, codes) = house.enrol(&house.web("ann", PASSWORD).await).await;
    let app = house.services.app_passwords.make(&codes.who, &web_origin(), "phone").await.unwrap();
    let sudo = async |password: &str| login.sudo(&web_origin(), &app.who, &secret(password)).await;
    sudo(PASSWORD).await.unwrap();
    for wrong in ["", "wrong", app.password.expose(), "wrong", "wrong"] {
        assert!(matches!(sudo(wrong).await, Err(Refusal::WrongCredentials)), "{wrong}");
    }
    assert!(matches!(sudo(PASSWORD).await, Err(Refusal::SlowDown)));
    house.clock.advance(TimeDelta::minutes(16));
    sudo(PASSWORD).await.unwrap();
    assert!(matches!(login.sudo(&web_origin(), &codes.who, &secret(PASSWORD)).await, Err(Refusal::Stale)));
}

/// What a client says to sign in at a mail door, and what it hears at the end.
struct Talk(Box<dyn Wire>);

impl Talk {
    async fn imap(house: &House) -> Self {
        let services = house.services.clone();
        let options = Arc::new(imap::Options::new("mail.example.test", Some(tls().server.clone())));
        let door = move |accepted| imap::serve(accepted, options, services);
        let mut talk = Self(dial(true, CancellationToken::new(), door).await);
        talk.line().await;
        talk
    }

    async fn submission(house: &House) -> Self {
        let services = house.services.clone();
        let options = Arc::new(smtp::Options::new(Kind::Submission, "mail.example.test", Some(tls().server.clone())));
        let door = move |accepted| smtp::serve(accepted, options, services);
        let mut talk = Self(dial(true, CancellationToken::new(), door).await);
        talk.line().await;
        talk.say("EHLO client.test").await;
        while talk.line().await.starts_with("250-") {}
        talk
    }

    async fn line(&mut self) -> String {
        let mut out = Vec::new();
        while !out.ends_with(b"\r\n") {
            out.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(out).unwrap().trim_end().to_owned()
    }

    async fn say(&mut self, text: &str) {
        self.0.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The last answer of an exchange; `verb` is the door's own.
    async fn authenticate(&mut self, verb: &str, mechanism: Mechanism, password: &str) -> String {
        let mut client = Client::new(mechanism, None, "ann", password, "fyko+d2lbbFgONRv9qkxdawL");
        let first = encode_challenge(&client.first());
        self.say(&format!("{verb} {} {first}", mechanism.name())).await;
        loop {
            let said = self.line().await;
            let challenge = said.strip_prefix("+ ").or_else(|| said.strip_prefix("334 "));
            let Some(challenge) = challenge else { return said };
            let Answer::Octets(challenge) = decode_answer(challenge.as_bytes()) else { panic!("{said}") };
            let answer = client.answer(&challenge).expect("the server proves itself");
            self.say(&encode_challenge(&answer)).await;
        }
    }
}

#[tokio::test]
async fn with_a_second_factor_mail_doors_take_app_passwords_alone() {
    let house = house_with(Role::Member).await;
    let (_, codes) = house.enrol(&house.web("ann", PASSWORD).await).await;
    let made = house.services.app_passwords.make(&codes.who, &web_origin(), "phone").await.unwrap();
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        for (password, imap, smtp) in [(PASSWORD, "a NO ", "535 "), (made.password.expose(), "a OK ", "235 ")] {
            let mut door = Talk::imap(&house).await;
            let said = door.authenticate("a AUTHENTICATE", mechanism, password).await;
            assert!(said.starts_with(imap), "{mechanism:?}: {said}");
            let mut door = Talk::submission(&house).await;
            let said = door.authenticate("AUTH", mechanism, password).await;
            assert!(said.starts_with(smtp), "{mechanism:?}: {said}");
        }
    }
    // Not on the web, and typed without its dashes all the same.
    let on_web = house.services.login.web(&web_origin(), "", "ann", &made.password).await;
    assert!(matches!(on_web, Err(Refusal::WrongCredentials)));
    at_imap(&house, &made.password.expose().replace('-', "").to_uppercase()).await.unwrap();
}

#[tokio::test]
async fn a_revoked_app_password_is_out_at_the_next_command() {
    let house = house_with(Role::Member).await;
    let apps = &house.services.app_passwords;
    let who = house.web("ann", PASSWORD).await;
    let kept = apps.make(&who, &web_origin(), " laptop ").await.unwrap();
    let made = apps.make(&kept.who, &web_origin(), "phone").await.unwrap();
    assert!(matches!(apps.make(&kept.who, &web_origin(), "late").await, Err(Refusal::Stale)), "an older session");
    let (mut imap, mut smtp) = (Talk::imap(&house).await, Talk::submission(&house).await);
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        let said = Talk::imap(&house).await.authenticate("a AUTHENTICATE", mechanism, made.password.expose()).await;
        assert!(said.starts_with("a OK "), "{said}");
    }
    imap.authenticate("a AUTHENTICATE", Mechanism::ScramSha256, made.password.expose()).await;
    smtp.authenticate("AUTH", Mechanism::Plain, made.password.expose()).await;
    let list = apps.list(&made.who).await.unwrap();
    let shown: Vec<_> = list.iter().map(|row| (row.label.as_str(), row.last_used_at.is_some())).collect();
    assert_eq!(shown, [("laptop", false), ("phone", true)]);
    assert!(list[1].last_used_from.is_some_and(|from| from.is_loopback()));
    let who = apps.revoke(&made.who, &web_origin(), made.id).await.unwrap();
    imap.say("b NOOP").await;
    assert_eq!(imap.line().await, "b NO [UNAVAILABLE] Signed out");
    assert!(imap.line().await.starts_with("* BYE "));
    smtp.say("MAIL FROM:<ann@example.test>").await;
    assert!(smtp.line().await.starts_with("421 "));
    for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
        let mut again = Talk::imap(&house).await;
        let said = again.authenticate("a AUTHENTICATE", mechanism, made.password.expose()).await;
        assert!(said.starts_with("a NO "), "{said}");
        let said = Talk::imap(&house).await.authenticate("a AUTHENTICATE", mechanism, kept.password.expose()).await;
        assert!(said.starts_with("a OK "), "{said}");
    }
    assert!(matches!(apps.revoke(&who, &web_origin(), made.id).await, Err(Refusal::NotFound)));
    assert_eq!(acts(&house, "app%").await, ["app_password.add", "app_password.add", "app_password.remove"]);
    let rows = house.audit("app%").await;
    assert!(!format!("{rows:?}").contains(made.password.expose().as_str()));
    assert!(house.inbox("ann").await[1].contains("an app password named \"phone\" was made for ann@example.test"));
}

#[tokio::test]
async fn app_passwords_have_names_are_somebodys_and_are_not_endless() {
    let house = house_with(Role::Member).await;
    house.member("bob", PASSWORD).await;
    let apps = &house.services.app_passwords;
    let mut who = house.web("ann", PASSWORD).await;
    for bad in ["", "  ", "two\nlines", &"x".repeat(61)] {
        assert!(matches!(apps.make(&who, &web_origin(), bad).await, Err(Refusal::Invalid(_))), "{bad}");
    }
    let mut last = 0;
    for n in 0..50 {
        let made = apps.make(&who, &web_origin(), &format!("device {n}")).await.unwrap();
        (who, last) = (made.who, made.id);
    }
    assert!(matches!(apps.make(&who, &web_origin(), "one more").await, Err(Refusal::Limit(_))));
    let bob = house.web("bob", PASSWORD).await;
    assert!(matches!(apps.revoke(&bob, &web_origin(), last).await, Err(Refusal::NotFound)));
    assert_eq!(apps.list(&who).await.unwrap().len(), 50);
}

#[tokio::test]
async fn a_member_changes_their_password() {
    let house = house_with(Role::Member).await;
    let accounts = &house.services.accounts;
    let who = house.web("ann", PASSWORD).await;
    let app = house.services.app_passwords.make(&who, &web_origin(), "phone").await.unwrap();
    let (who, new) = (app.who, "a bicycle in the rain");
    let change = async |current: &str, new: &str| {
        accounts.change_password(&who, &web_origin(), &secret(current), secret(new)).await
    };
    assert!(matches!(change("wrong", new).await, Err(Refusal::WrongCredentials)));
    for easy in [PASSWORD, "short", "passwordpassword", "ann@example.test"] {
        assert!(matches!(change(PASSWORD, easy).await, Err(Refusal::Invalid(_))), "{easy}");
    }
    let mut imap = Talk::imap(&house).await;
    imap.authenticate("a AUTHENTICATE", Mechanism::Plain, app.password.expose()).await;
    let (first, second) = tokio::join!(change(PASSWORD, new), change(PASSWORD, "another bicycle in the rain"));
    assert!(first.is_ok() != second.is_ok(), "of two at once one");
    let new = if first.is_ok() { new } else { "another bicycle in the rain" };
    let renewed = first.or(second).unwrap();
    assert!(matches!(house.services.login.session_fresh(&who, None).await, Err(Refusal::Stale)));
    house.services.login.session_fresh(&renewed, None).await.unwrap();
    imap.say("b NOOP").await;
    assert_eq!(imap.line().await, "b NO [UNAVAILABLE] Signed out");
    assert!(imap.line().await.starts_with("* BYE "));
    for (password, answer) in [(PASSWORD, "a NO "), (new, "a OK "), (app.password.expose(), "a OK ")] {
        for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
            let said = Talk::imap(&house).await.authenticate("a AUTHENTICATE", mechanism, password).await;
            assert!(said.starts_with(answer), "{mechanism:?} {said}");
        }
    }
    assert_eq!(acts(&house, "password%").await, ["password.change"]);
    assert!(told(&house).await.contains(&"Your password was changed".to_owned()));
}

#[tokio::test]
async fn a_member_sees_who_signed_in_and_who_tried() {
    let house = house_with(Role::Member).await;
    let login = &house.services.login;
    let wrong = async |origin: &Origin, agent: &str| {
        let said = login.web(origin, agent, "ann", &secret("wrong")).await;
        assert!(matches!(said, Err(Refusal::WrongCredentials)));
    };
    let who = login.web(&from(1), "First/1.0", "ann", &secret(PASSWORD)).await.unwrap().who;
    assert!(login.previous(&who).await.unwrap().signed_in.is_none());
    wrong(&from(66), "Evil\r\n/1.0").await;
    assert!(at_imap(&house, "wrong").await.is_err());
    house.clock.advance(TimeDelta::hours(1));
    let who = login.web(&from(2), "Second/1.0", "ann", &secret(PASSWORD)).await.unwrap().who;
    let before = login.previous(&who).await.unwrap();
    let (good, bad) = (before.signed_in.unwrap(), before.failed.unwrap());
    assert_eq!((good.agent.as_str(), good.peer), ("First/1.0", Some(from(1).peer)));
    assert_eq!((bad.protocol, bad.ok), (Some(Protocol::Imap), false));
    let all = login.sign_ins(&who).await.unwrap();
    assert_eq!(all.iter().map(|one| one.ok).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!(all[2].agent, "Evil/1.0");
    // With a second factor the code is what completes a sign-in, and a wrong one is shown.
    let (seed, codes) = house.enrol(&who).await;
    house.clock.advance(TimeDelta::seconds(60));
    let half = login.web(&from(3), "Third/1.0", "ann", &secret(PASSWORD)).await.unwrap();
    assert_eq!(login.sign_ins(&codes.who).await.unwrap().len(), 4);
    assert!(login.second_factor(&from(3), "Third/1.0", &half.who, "000000").await.is_err());
    login.second_factor(&from(3), "Third/1.0", &half.who, &house.code(&seed)).await.unwrap();
    let all = login.sign_ins(&codes.who).await.unwrap();
    assert_eq!((all.len(), all[0].ok, all[1].ok), (6, true, false));
    // Good ones are kept though many bad ones follow, and nothing for ever.
    for n in 0..60 {
        house.clock.advance(TimeDelta::minutes(16));
        wrong(&from(n), "").await;
    }
    house.services.housekeeping.round().await.unwrap();
    let kept = house.store().sign_in_list(who.account(), 1000).await.unwrap();
    assert_eq!((kept.len(), kept.iter().filter(|row| row.ok).count()), (53, 3));
    house.clock.advance(TimeDelta::days(91));
    house.services.housekeeping.round().await.unwrap();
    assert!(house.store().sign_in_list(who.account(), 1000).await.unwrap().is_empty());
}

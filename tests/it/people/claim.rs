//! A fresh server, from its link to a setup that is done.

use super::{PASSWORD, acting, address, said, secret};
use crate::harness::house::{House, web_origin};
use chrono::TimeDelta;
use mailstead::model::secret::Secret;
use mailstead::service::Refusal;
use mailstead::service::account::{Actor, Role};
use mailstead::service::login::{Origin, Second};
use mailstead::service::setup::{NewOwner, Opened, Step};

fn owner(name: &str) -> NewOwner {
    NewOwner { name: "Olga".into(), address: address(name), password: secret("a bicycle in the rain") }
}

#[tokio::test]
async fn a_fresh_server_is_claimed_once_by_the_browser_that_opened_the_link() {
    let house = House::new().await;
    let (setup, admin) = (&house.services.setup, Actor::command_line());
    let (mine, other) = (secret("my browser"), secret("another"));
    let old = setup.link(&admin).await.unwrap();
    let link = setup.link(&admin).await.unwrap();
    assert_eq!(setup.open(&web_origin(), old.expose(), &mine).await.unwrap(), Opened::Nothing, "one at a time");
    let at = house.clock.now();
    assert_eq!(setup.open(&web_origin(), link.expose(), &mine).await.unwrap(), Opened::Here);
    house.clock.advance(TimeDelta::minutes(5));
    assert_eq!(setup.open(&web_origin(), link.expose(), &other).await.unwrap(), Opened::Elsewhere(at));
    assert_eq!(setup.open(&web_origin(), link.expose(), &mine).await.unwrap(), Opened::Here);
    let claim = |browser: &Secret<String>, new: NewOwner| {
        let (setup, token, browser) = (setup.clone(), link.expose().clone(), browser.clone());
        async move { setup.claim(&web_origin(), &token, &browser, new).await }
    };
    assert!(matches!(claim(&other, owner("olga@new.test")).await, Err(Refusal::NotFound)));
    let weak = NewOwner { password: secret("olga@new.test"), ..owner("olga@new.test") };
    assert!(matches!(claim(&mine, weak).await, Err(Refusal::Invalid(_))), "and the link lives on");
    let (one, two) = tokio::join!(claim(&mine, owner("olga@new.test")), claim(&mine, owner("otto@new.test")));
    let done: Vec<_> = [one, two].into_iter().filter_map(Result::ok).collect();
    assert_eq!(done.len(), 1, "one claims it");
    assert!(setup.is_claimed().await.unwrap());
    assert_eq!(setup.open(&web_origin(), link.expose(), &mine).await.unwrap(), Opened::Nothing);
    assert!(matches!(setup.link(&admin).await, Err(Refusal::Exists)));
    let claims: Vec<_> = house.audit("setup.claim").await;
    assert_eq!((claims.len(), claims[0].1.clone()), (1, done[0].address().to_string()));
}

#[tokio::test]
async fn a_setup_link_dies_with_time_and_not_by_others_guesses() {
    let house = House::new().await;
    let (setup, admin) = (&house.services.setup, Actor::command_line());
    let (mine, other, from) = (secret("my browser"), secret("another"), web_origin());
    let link = setup.link(&admin).await.unwrap();
    let guesser = Origin { peer: [203, 0, 113, 9].into(), ..web_origin() };
    for n in 0..50 {
        assert_eq!(setup.look(&guesser, &format!("wrong {n}"), &mine).await.unwrap(), Opened::Nothing);
    }
    for token in ["wrong", link.expose()] {
        assert!(matches!(setup.look(&guesser, token, &mine).await, Err(Refusal::SlowDown)));
        assert!(matches!(setup.open(&guesser, token, &mine).await, Err(Refusal::SlowDown)));
    }
    for browser in [&mine, &other, &mine] {
        assert_eq!(setup.look(&from, link.expose(), browser).await.unwrap(), Opened::Free, "a look binds nothing");
    }
    let at = house.clock.now();
    assert_eq!(setup.open(&from, link.expose(), &mine).await.unwrap(), Opened::Here);
    assert_eq!(setup.look(&from, link.expose(), &mine).await.unwrap(), Opened::Here);
    assert_eq!(setup.look(&from, link.expose(), &other).await.unwrap(), Opened::Elsewhere(at));
    let link = setup.link(&admin).await.unwrap();
    assert_eq!(setup.open(&from, link.expose(), &other).await.unwrap(), Opened::Here, "a new one is bound anew");
    house.clock.advance(TimeDelta::minutes(61));
    assert_eq!(setup.open(&from, link.expose(), &other).await.unwrap(), Opened::Nothing);
    assert_eq!(setup.look(&from, link.expose(), &other).await.unwrap(), Opened::Nothing);
    let late = setup.claim(&from, link.expose(), &other, owner("olga@new.test")).await;
    assert!(matches!(late, Err(Refusal::NotFound)));
    assert!(!setup.is_claimed().await.unwrap());
}

#[tokio::test]
async fn the_setup_is_the_owners_and_ends_with_a_second_factor() {
    let house = House::new().await;
    let (services, setup) = (&house.services, &house.services.setup);
    let mine = secret("my browser");
    let link = setup.link(&Actor::command_line()).await.unwrap();
    setup.open(&web_origin(), link.expose(), &mine).await.unwrap();
    let who = setup.claim(&web_origin(), link.expose(), &mine, owner("Olga@Example.Test")).await.unwrap();
    assert_eq!(who.address().to_string(), "olga@example.test");
    let olga = services.accounts.acting(&who, &web_origin()).await.unwrap();
    assert_eq!(setup.progress(&olga).await.unwrap().done, [Step::You]);
    assert_eq!(said(setup.done(&olga, Step::CodesKept).await), "invalid");
    assert_eq!(said(setup.finish(&olga).await), "invalid");
    setup.done(&olga, Step::ServerName).await.unwrap();
    // Anywhere else: the password, and then the second factor before anything.
    let proof = services.login.web(&web_origin(), "", "olga", &secret("a bicycle in the rain")).await.unwrap();
    assert_eq!((proof.second, proof.role), (Second::MustEnrol, Role::Owner));
    let (_, codes) = house.enrol(&proof.who).await;
    let olga = services.accounts.acting(&codes.who, &web_origin()).await.unwrap();
    assert_eq!(said(setup.finish(&olga).await), "invalid", "codes first");
    setup.done(&olga, Step::CodesKept).await.unwrap();
    let progress = setup.progress(&olga).await.unwrap();
    assert_eq!(progress.done, [Step::You, Step::SecondFactor, Step::CodesKept, Step::ServerName]);
    assert!(!progress.finished);
    setup.finish(&olga).await.unwrap();
    assert!(setup.progress(&olga).await.unwrap().finished);
    house.member("ann", PASSWORD).await;
    let ann = acting(services, "ann").await;
    assert_eq!(said(setup.progress(&ann).await), "denied");
}

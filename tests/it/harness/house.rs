//! Services on a database of their own, with a clock that the test moves.

use super::pg::Database;
use super::proxy::Proxy;
use chrono::DateTime;
use mailstead::model::address::{Address, Domain};
use mailstead::model::clock::Clock;
use mailstead::model::dsn::{BodyKind, DsnRequest};
use mailstead::model::secret::Secret;
use mailstead::service::account::{Actor, Role};
use mailstead::service::delivery::{Answers, Incoming};
use mailstead::service::directory::Resolved;
use mailstead::service::login::{Identity, Origin, Protocol};
use mailstead::service::seal::Keys;
use mailstead::service::second_factor::Codes;
use mailstead::service::{Options, Services, totp};
use mailstead::store::message::Columns;
use std::sync::Arc;

/// A community on `example.test`.
pub struct House {
    pub services: Services,
    pub clock: Clock,
    database: Database,
    key: String,
}

impl House {
    pub async fn new() -> Self {
        let database = Database::new().await;
        let key = Keys::generate_line().expect("random numbers");
        let clock = Clock::test(DateTime::from_timestamp(1_800_000_000, 0).expect("a time"));
        let options = options(&clock, &key);
        let services = Services::open(database.store(), options).await.expect("services open");
        let domain = Domain::parse("example.test").expect("a domain");
        services.accounts.domain_add(&Actor::command_line(), &domain, None).await.expect("domain");
        Self { services, clock, database, key }
    }

    /// Adds `local@example.test`.
    pub async fn member(&self, local: &str, password: &str) {
        let address = Address::parse(&format!("{local}@example.test")).expect("an address");
        let password = Secret::new(password.to_owned());
        self.services
            .accounts
            .add(&Actor::command_line(), &address, local, Role::Member, None, password)
            .await
            .expect("member");
    }

    /// A member's INBOX, as text.
    pub async fn inbox(&self, local: &str) -> Vec<String> {
        let store = self.store();
        let account = store.account_find("example.test", local).await.unwrap().unwrap().id;
        let inbox = store.mailbox_find(account, &["INBOX"]).await.unwrap().unwrap();
        let uids = mailstead::model::uidset::UidSet::from_ranges([1..=u32::MAX]);
        let mut out = Vec::new();
        for row in store.message_rows(inbox.id, &uids, Columns::default(), 100).await.unwrap() {
            let blob = store.blob_bytes(row.blob).await.unwrap();
            out.push(String::from_utf8_lossy(&[&row.prefix[..], &blob].concat()).into_owned());
        }
        out
    }

    /// Somebody at a browser: who knows the password, whatever else is asked of them.
    pub async fn web(&self, name: &str, password: &str) -> Identity {
        let password = Secret::new(password.to_owned());
        self.services.login.web(&web_origin(), "Browser 1.0", name, &password).await.expect("signs in").who
    }

    /// Switches a second factor on: its seed, and the codes with who goes on.
    pub async fn enrol(&self, who: &Identity) -> (Vec<u8>, Codes) {
        let factors = &self.services.second_factors;
        let begun = factors.begin(who).await.expect("begins");
        let seed = totp::from_base32(begun.secret.expose()).expect("base32");
        let codes = factors.confirm(who, &web_origin(), &self.code(&seed)).await.expect("confirms");
        (seed, codes)
    }

    /// The code that an authenticator app shows now.
    pub fn code(&self, seed: &[u8]) -> String {
        totp::code(seed, totp::step_at(self.clock.now()))
    }

    /// Another process's services on the same database; it neither sends nor hears hints.
    pub async fn second_process(&self) -> Services {
        Services::open(self.database.store(), options(&self.clock, &self.key)).await.expect("services open")
    }

    /// Another process's services, whose wire to the database can be cut.
    pub async fn second_process_through_proxy(&self) -> (Services, Proxy) {
        let (store, proxy) = self.database.store_through_proxy().await;
        (Services::open(store, options(&self.clock, &self.key)).await.expect("services open"), proxy)
    }

    /// Another process's services that send and hear hints, until they are dropped.
    pub async fn second_process_with_hints(&self) -> Services {
        let store = self.database.store();
        let services = Services::open(store.clone(), options(&self.clock, &self.key)).await.expect("services open");
        let watchers = services.watchers.clone();
        tokio::spawn(async move { store.run_hub().await });
        tokio::spawn(async move { watchers.run().await });
        services
    }

    /// Ends every connection that listens for hints; how many there were.
    pub async fn cut_listeners(&self) -> i64 {
        self.database.cut_listeners().await
    }

    pub async fn set_password(&self, local: &str, password: &str) {
        let address = Address::parse(&format!("{local}@example.test")).expect("an address");
        let password = Secret::new(password.to_owned());
        self.services.accounts.set_password(&Actor::command_line(), &address, password).await.expect("password");
    }

    /// A look at what is stored, on connections of its own.
    pub fn store(&self) -> mailstead::store::Store {
        self.database.store()
    }

    /// Actions of the audit that are like `pattern`, in order: action, subject, before, after.
    pub async fn audit(&self, pattern: &str) -> Vec<(String, String, Option<String>, Option<String>)> {
        self.database.audit(pattern).await
    }

    /// Changes what is stored behind the services' back.
    pub async fn damage(&self, sql: &str) {
        self.database.execute(sql).await;
    }

    /// Cuts every connection and lets none in.
    pub async fn database_away(&self) {
        self.database.close().await;
    }

    pub async fn database_back(&self) {
        self.database.reopen().await;
    }
}

/// Where a browser is.
pub fn web_origin() -> Origin {
    Origin { peer: [192, 0, 2, 80].into(), protocol: Protocol::Web, domain_hint: None }
}

fn options(clock: &Clock, key: &str) -> Options {
    Options {
        clock: clock.clone(),
        keys: Keys::parse(key).expect("a key"),
        exempt: Arc::new(|_| false),
        hostname: "mail.example.test".into(),
    }
}

/// A stranger's message for a member; its UID.
pub async fn deliver(house: &House, local: &str, text: &str) -> u32 {
    hand_in(house, local, text).await;
    let store = house.store();
    let row = store.account_find("example.test", local).await.expect("store").expect("account");
    store.mailbox_find(row.id, &["INBOX"]).await.expect("store").expect("INBOX").uidnext - 1
}

/// A stranger's message for an address of ours, wherever that leads.
pub async fn hand_in(house: &House, local: &str, text: &str) {
    let services = &house.services;
    let address = Address::parse(&format!("{local}@example.test")).expect("an address");
    let Resolved::Deliver(recipient) = services.directory.resolve(&address).await.expect("directory") else {
        panic!("{local} takes no mail");
    };
    let mut spool = services.spool.begin(0).await.expect("room");
    spool.push(text.as_bytes()).await.expect("room");
    let incoming = Incoming {
        sender: None,
        recipients: vec![(recipient, DsnRequest::default())],
        message: spool.finish(),
        received: "Received: from elsewhere.test\r\n".into(),
        ret: None,
        envid: None,
        smtputf8: false,
        body: BodyKind::SevenBit,
        answers: Answers::One,
    };
    services.delivery.deliver(incoming).await.remove(0).expect("delivered");
}

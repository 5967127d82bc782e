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
use mailstead::service::seal::Keys;
use mailstead::service::{Options, Services};
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
    let store = house.store();
    let row = store.account_find("example.test", local).await.expect("store").expect("account");
    store.mailbox_find(row.id, &["INBOX"]).await.expect("store").expect("INBOX").uidnext - 1
}

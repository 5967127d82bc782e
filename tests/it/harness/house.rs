//! Services on a database of their own, with a clock that the test moves.

use super::pg::Database;
use chrono::DateTime;
use mailstead::model::address::{Address, Domain};
use mailstead::model::clock::Clock;
use mailstead::model::secret::Secret;
use mailstead::service::account::{Actor, Role};
use mailstead::service::seal::Keys;
use mailstead::service::{Options, Services};
use std::sync::Arc;

/// A community on `example.test`.
pub struct House {
    pub services: Services,
    pub clock: Clock,
    database: Database,
}

impl House {
    pub async fn new() -> Self {
        let database = Database::new().await;
        let clock = Clock::test(DateTime::from_timestamp(1_800_000_000, 0).expect("a time"));
        let options = Options {
            clock: clock.clone(),
            keys: Keys::parse(&Keys::generate_line().expect("random numbers")).expect("a key"),
            exempt: Arc::new(|_| false),
            hostname: "mail.example.test".into(),
        };
        let services = Services::open(database.store(), options).await.expect("services open");
        let domain = Domain::parse("example.test").expect("a domain");
        services.accounts.domain_add(&Actor::command_line(), &domain, None).await.expect("domain");
        Self { services, clock, database }
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

    /// A look at what is stored, on connections of its own.
    pub fn store(&self) -> mailstead::store::Store {
        self.database.store()
    }

    /// Cuts every connection and lets none in.
    pub async fn database_away(&self) {
        self.database.close().await;
    }

    pub async fn database_back(&self) {
        self.database.reopen().await;
    }
}

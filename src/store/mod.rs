//! The only SQL. A service calls [`Store::begin`], uses noun_verb methods of [`Tx`] and [`Tx::commit`]s.
//!
//! Lock order everywhere: account (tree changes only), mailboxes by id, queue, audit last. Slow work is done before
//! `begin`. Reads that need no transaction are methods of [`Store`] on the read pool.

mod sql;

pub mod account;
pub mod append;
pub mod audit;
pub mod blob;
pub mod credential;
pub mod directory;
pub mod domain;
pub mod draft;
pub mod error;
pub mod hub;
mod lane;
pub mod list;
pub mod mailbox;
pub mod message;
pub mod migrate;
pub mod outbox;
mod outcome;
pub mod people;
pub mod postgres;
pub mod preference;
pub mod proof;
pub mod queue;
pub mod second_factor;
pub mod session;
pub mod setting;
pub mod setup;
pub mod sign_in;
pub mod subscription;
pub mod token;
pub mod upkeep;
pub mod upload;

pub use error::StoreError;
pub use sqlx::postgres::PgConnectOptions;

use crate::model::event::Event;
use hub::Hub;
use lane::Lane;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use std::sync::Arc;
use std::time::Duration;

/// What store verbs answer.
pub type Result<T> = std::result::Result<T, StoreError>;

/// How the store reaches its database.
#[derive(Clone)]
pub struct Options {
    /// The runtime role.
    pub connect: PgConnectOptions,
    /// Most connections that write at once; more than about 8 lose on two cores.
    pub writers: u32,
    pub readers: u32,
    /// How long a caller waits for a connection before it is told "unavailable".
    pub acquire: Duration,
}

/// The database and the hub that tells what changed. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    write: PgPool,
    read: PgPool,
    background: PgPool,
    hints: PgPool,
    hub: Hub,
    /// Of the write pool, for batches of messages.
    batches: Lane,
    /// Of the read pool, for what every RCPT and every command asks.
    questions: Lane,
    appends: append::Combiner,
    ids: append::IdBlock,
}

/// One transaction. Dropped without [`Tx::commit`], it is rolled back and nothing is told.
pub struct Tx {
    sql: sqlx::Transaction<'static, sqlx::Postgres>,
    hub: Hub,
    events: Vec<Event>,
}

impl Store {
    /// Opens the pools; no connection is made yet, so it succeeds while the database is away.
    pub fn open(options: &Options) -> Self {
        let pool = |max: u32, name: &str, session: &'static str| {
            PgPoolOptions::new()
                .max_connections(max)
                .acquire_timeout(options.acquire)
                .idle_timeout(Duration::from_secs(300))
                .test_before_acquire(false)
                .after_connect(move |conn, _| {
                    Box::pin(async move { sqlx::query(session).execute(conn).await.map(|_| ()) })
                })
                .before_acquire(|conn, meta| {
                    // A round trip for a connection that may have been cut while it was idle, none for a busy one.
                    Box::pin(async move {
                        if meta.idle_for > Duration::from_secs(1) {
                            sqlx::Connection::ping(conn).await?;
                        }
                        Ok(true)
                    })
                })
                .connect_lazy_with(options.connect.clone().application_name(name).statement_cache_capacity(300))
        };
        let write = pool(options.writers, "mailstead write", SESSION_WRITE);
        let read = pool(options.readers, "mailstead read", SESSION);
        Self(Arc::new(Inner {
            batches: Lane::new(write.clone(), 2),
            questions: Lane::new(read.clone(), options.readers as usize / 2),
            write,
            read,
            background: pool(5, "mailstead background", SESSION),
            // One listens, one notifies.
            hints: pool(2, "mailstead hints", SESSION),
            hub: Hub::new(),
            appends: append::Combiner::default(),
            ids: append::IdBlock::default(),
        }))
    }

    /// Begins a transaction on the write pool.
    pub async fn begin(&self) -> Result<Tx> {
        let sql = self.0.write.begin().await?;
        Ok(Tx { sql, hub: self.0.hub.clone(), events: Vec::new() })
    }

    /// Begins a transaction for work nobody waits for: sweeping, pruning, indexing.
    pub async fn begin_background(&self) -> Result<Tx> {
        let sql = self.0.background.begin().await?;
        Ok(Tx { sql, hub: self.0.hub.clone(), events: Vec::new() })
    }

    /// Runs the notifier and the listener until the store is closed.
    pub async fn run_hub(&self) {
        self.0.hub.run(self.0.hints.clone()).await;
    }

    /// Where hints are heard and told.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(crate) fn read(&self) -> &PgPool {
        &self.0.read
    }

    pub(crate) fn write(&self) -> &PgPool {
        &self.0.write
    }

    /// For one statement that nearly every command asks.
    pub(in crate::store) async fn question(&self) -> Result<lane::Held<'_>> {
        self.0.questions.take().await
    }

    pub(crate) fn background(&self) -> &PgPool {
        &self.0.background
    }

    /// Asks the database for one row, to see that it answers.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query(PING).execute(self.read()).await?;
        Ok(())
    }

    /// Closes the pools, waiting for the statements under way.
    pub async fn close(&self) {
        self.0.hub.stop(&self.0.background).await;
        self.0.batches.clear();
        self.0.questions.clear();
        self.0.write.close().await;
        self.0.read.close().await;
        self.0.background.close().await;
        self.0.hints.close().await;
    }
}

/// Reads a `postgresql://` URL; the host may be a percent-encoded socket directory.
///
/// # Errors
/// [`StoreError::Sql`] says what is wrong with it.
pub fn parse_url(url: &str) -> Result<PgConnectOptions> {
    Ok(url.parse::<PgConnectOptions>()?)
}

sql::sql! {
    PING = "SELECT 1";
    /// Every statement is prepared once and used for ever: planning the big ones anew costs several times what running
    /// them does (2 ms against 0.3 ms for a delivery), and their best plan does not hang on the parameters. A
    /// transaction whose client hangs gives its locks back.
    SESSION = "
        SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false),
            set_config('idle_in_transaction_session_timeout', '2min', false)";
    /// Whatever points to a blob has ended long before the sweeper may look at it (I10).
    SESSION_WRITE = "
        SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false),
            set_config('idle_in_transaction_session_timeout', '2min', false),
            set_config('statement_timeout', '8min', false), set_config('lock_timeout', '1min', false)";
}

impl Tx {
    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.sql
    }

    /// Remembers what to tell once this is committed.
    pub fn tell(&mut self, event: Event) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// Makes the work true, then tells it: this process at once, others through the notifier. A hint lost in a crash
    /// costs a poll, not a message.
    pub async fn commit(self) -> Result<()> {
        self.sql.commit().await?;
        self.hub.publish(&self.events);
        Ok(())
    }
}

/// Every statement of the house with its name, for the test that prepares them all.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        STATEMENTS,
        account::STATEMENTS,
        append::STATEMENTS,
        audit::STATEMENTS,
        blob::STATEMENTS,
        credential::STATEMENTS,
        directory::STATEMENTS,
        domain::STATEMENTS,
        draft::STATEMENTS,
        hub::STATEMENTS,
        list::STATEMENTS,
        mailbox::STATEMENTS,
        message::STATEMENTS,
        migrate::STATEMENTS,
        outbox::STATEMENTS,
        outcome::STATEMENTS,
        people::STATEMENTS,
        postgres::STATEMENTS,
        preference::STATEMENTS,
        proof::STATEMENTS,
        queue::STATEMENTS,
        second_factor::STATEMENTS,
        session::STATEMENTS,
        setting::STATEMENTS,
        setup::STATEMENTS,
        sign_in::STATEMENTS,
        subscription::STATEMENTS,
        token::STATEMENTS,
        upkeep::STATEMENTS,
        upload::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

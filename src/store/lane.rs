//! Connections kept at hand for the statements of every delivery and every command.
//!
//! A pool asks each connection that comes back whether it still lives: a round trip for each statement. Here a
//! connection whose statement ended well is used again without asking.

use super::Result;
use sqlx::PgConnection;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, Postgres};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After that long without use a connection may have been cut: the pool looks.
const FRESH: Duration = Duration::from_secs(1);

/// A few connections of a pool.
pub(super) struct Lane {
    pool: PgPool,
    /// Most kept; what the pool has beyond is for everyone else.
    most: usize,
    idle: Mutex<Vec<(PoolConnection<Postgres>, Instant)>>,
}

/// A connection in use. Dropped without [`Held::keep`] (an error, a caller that went away) it goes back to the pool,
/// which tidies up.
pub(super) struct Held<'a> {
    lane: &'a Lane,
    conn: PoolConnection<Postgres>,
}

impl Lane {
    pub(super) fn new(pool: PgPool, most: usize) -> Self {
        Self { pool, most, idle: Mutex::default() }
    }

    /// # Errors
    /// [`super::StoreError::Unavailable`] when none is free in time.
    pub(super) async fn take(&self) -> Result<Held<'_>> {
        let conn = match self.idle().pop() {
            Some((conn, since)) if since.elapsed() < FRESH => Some(conn),
            _ => None,
        };
        let conn = match conn {
            Some(conn) => conn,
            None => self.pool.acquire().await?,
        };
        Ok(Held { lane: self, conn })
    }

    /// Gives all back to the pool, which is about to close.
    pub(super) fn clear(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(PoolConnection<Postgres>, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held<'_> {
    /// The statement ended well and there is no transaction open.
    pub(super) fn keep(self) {
        let Self { lane, conn } = self;
        let mut idle = lane.idle();
        if idle.len() < lane.most && !lane.pool.is_closed() {
            idle.push((conn, Instant::now()));
        }
    }
}

impl Deref for Held<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.conn
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.conn
    }
}

//! Time as a parameter: production reads the system's clock, tests own theirs.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{Arc, Mutex};

/// Where the house learns what time it is. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Inner);

#[derive(Clone, Debug)]
enum Inner {
    System,
    Test(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(Inner::System)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    pub fn test(start: DateTime<Utc>) -> Self {
        Self(Inner::Test(Arc::new(Mutex::new(start))))
    }

    /// The time now, to the microsecond that PostgreSQL keeps.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Inner::System => Utc::now(),
            Inner::Test(now) => *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }

    /// Moves a test clock forward; the system's clock is left alone.
    pub fn advance(&self, by: TimeDelta) {
        if let Inner::Test(now) = &self.0 {
            *now.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += by;
        }
    }
}

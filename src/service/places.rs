//! Slow work off the I/O threads: as many pieces of it at a time as there are cores, and only so many that wait.

use super::{Refusal, Result};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Places where slow work is done. Cheap to clone.
#[derive(Clone)]
pub struct Places {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Places {
    /// One a core, and room for `waiting` who wait for one.
    pub fn new(waiting: usize) -> Self {
        Self::of(std::thread::available_parallelism().map_or(1, usize::from), waiting)
    }

    fn of(places: usize, waiting: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), queue: Arc::new(Semaphore::new(waiting)) }
    }

    /// Runs work in one of the places. What it holds it should own: it goes on when whoever waits for it gives up, and
    /// its place is free when it is done.
    ///
    /// # Errors
    /// [`Refusal::Busy`] where too many wait.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let _waits = self.queue.try_acquire().map_err(|_| Refusal::Busy)?;
                self.places.clone().acquire_owned().await.map_err(|e| Refusal::Internal(e.into()))?
            }
        };
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await.map_err(|e| Refusal::Internal(e.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_place_is_free_when_the_work_is_done_and_not_before() {
        let places = Places::of(1, 1);
        let (finish, finished) = mpsc::channel::<()>();
        let started = tokio::spawn({
            let places = places.clone();
            async move { places.run(move || finished.recv()).await }
        });
        while places.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        // Who asked for it has hung up; the work goes on.
        started.abort();
        assert!(started.await.unwrap_err().is_cancelled());
        let waits = tokio::spawn({
            let places = places.clone();
            async move { places.run(|| 7).await }
        });
        while places.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(places.run(|| 8).await, Err(Refusal::Busy)), "one waits already");
        finish.send(()).unwrap();
        assert_eq!(waits.await.unwrap().unwrap(), 7);
        assert_eq!(places.run(|| 8).await.unwrap(), 8);
    }
}

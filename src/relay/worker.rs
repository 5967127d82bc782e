//! Takes what is due and hands it to the next server, several connections at once.

use super::session::{Connection, Failed, Times};
use crate::model::event::Event;
use crate::model::smarthost::Smarthost;
use crate::net::client::ClientTls;
use crate::service::Refusal;
use crate::service::queue::{Letter, Outcome, Queue, Words};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Recipients taken for one connection.
const BATCH: i64 = 50;
/// Longest wait without a look: covers hints that were lost.
const POLL: Duration = Duration::from_secs(30);
/// A third of the lease.
const RENEW: Duration = Duration::from_secs(200);

/// How the relay works.
pub struct Options {
    /// `None`: there is no route, messages wait.
    pub smarthost: Option<Smarthost>,
    /// What we call ourselves in EHLO.
    pub hostname: String,
    pub tls: ClientTls,
    pub times: Times,
    /// At once.
    pub connections: usize,
}

/// Works until `stop`; what is on its way then is ended first.
pub async fn run(queue: Queue, options: Options, mut events: Receiver<Event>, stop: CancellationToken) {
    let options = Arc::new(options);
    let mut busy = JoinSet::new();
    if options.smarthost.is_some()
        && let Err(error) = queue.route_found().await
    {
        tracing::warn!(%error, "what waited for a route is tried when it is due");
    }
    loop {
        let mut idle = false;
        while busy.len() < options.connections.max(1) && !idle && !stop.is_cancelled() {
            match queue.claim(BATCH).await {
                Ok(letters) if letters.is_empty() => idle = true,
                Ok(letters) => {
                    busy.spawn(work(queue.clone(), options.clone(), letters, stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the queue can't be read");
                    idle = true;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = wait(&queue, &mut events), if idle => {}
            _ = busy.join_next(), if !busy.is_empty() => {}
        }
    }
    while busy.join_next().await.is_some() {}
}

/// Until something may be due.
async fn wait(queue: &Queue, events: &mut Receiver<Event>) {
    let due = match queue.next_due().await {
        Ok(Some(left)) => left.to_std().unwrap_or(Duration::from_millis(100)).clamp(Duration::from_millis(100), POLL),
        _ => POLL,
    };
    let sleep = tokio::time::sleep(due);
    tokio::pin!(sleep);
    loop {
        tokio::select! {
            () = &mut sleep => return,
            event = events.recv() => match event {
                Ok(Event::QueueDue | Event::Lagged) | Err(RecvError::Lagged(_)) => return,
                Ok(_) => {}
                Err(RecvError::Closed) => return sleep.await,
            },
        }
    }
}

/// Letters of one claim over one connection.
async fn work(queue: Queue, options: Arc<Options>, letters: Vec<Letter>, stop: CancellationToken) {
    let mut connection: Option<Connection> = None;
    // A server that can't be reached is not asked again for each letter.
    let mut broken: Option<Words> = None;
    let mut renewal = Instant::now() + RENEW;
    for (n, letter) in letters.iter().enumerate() {
        if stop.is_cancelled() {
            if let Err(error) = queue.give_back(&letters[n..]).await {
                tracing::debug!(%error, "letters come back when their lease ends");
            }
            break;
        }
        let outcomes = match &broken {
            Some(words) => all(letter, words),
            None => {
                let renew = || renew(&queue, &letters[n..]);
                let (outcomes, failed) =
                    with_lease(&mut renewal, renew, one(&queue, &options, &mut connection, letter)).await;
                broken = failed;
                outcomes
            }
        };
        let Some(outcomes) = outcomes else { continue };
        if let Err(error) = queue.finish(letter, outcomes).await {
            // It comes back when its lease ends: perhaps twice, never not at all.
            tracing::warn!(%error, queue.id = letter.id.0, "what came of a letter was not written");
        }
    }
    if let Some(connection) = connection {
        connection.quit().await;
    }
}

/// Calls `renew` while `doing` runs, whenever `renewal` is past: many short tries last long too.
async fn with_lease<T, F: Future<Output = ()>>(
    renewal: &mut Instant,
    renew: impl Fn() -> F,
    doing: impl Future<Output = T>,
) -> T {
    tokio::pin!(doing);
    loop {
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(*renewal) => {
                *renewal = Instant::now() + RENEW;
                renew().await;
            }
            done = &mut doing => return done,
        }
    }
}

async fn renew(queue: &Queue, letters: &[Letter]) {
    for letter in letters {
        if let Err(error) = queue.renew(letter).await {
            tracing::warn!(%error, "a lease was not renewed");
        }
    }
}

fn all(letter: &Letter, words: &Words) -> Option<Vec<Outcome>> {
    Some(vec![Outcome::Temporary(words.clone()); letter.recipients.len()])
}

/// One letter: its outcomes (`None`: not tried), and what broke the connection for those that follow.
async fn one(
    queue: &Queue,
    options: &Options,
    connection: &mut Option<Connection>,
    letter: &Letter,
) -> (Option<Vec<Outcome>>, Option<Words>) {
    let Some(route) = &options.smarthost else {
        let words = Words::ours("4.4.4", "no route: [outbound] smarthost is not set");
        return (all(letter, &words), None);
    };
    let octets = match queue.load(letter).await {
        Ok(octets) => octets,
        Err(Refusal::Busy) => {
            if let Err(error) = queue.give_back(std::slice::from_ref(letter)).await {
                tracing::debug!(%error, "a letter comes back when its lease ends");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            return (None, None);
        }
        Err(error) => {
            tracing::error!(%error, queue.id = letter.id.0, "a letter can't be read");
            return (all(letter, &Words::ours("4.3.0", "the message could not be read")), None);
        }
    };
    let mut kept = connection.take();
    loop {
        let (mut open, reused) = match kept.take() {
            Some(open) => (open, true),
            None => match Connection::open(route, &options.hostname, &options.tls, options.times).await {
                Ok(open) => (open, false),
                Err(Failed(words)) => return (all(letter, &words), Some(words)),
            },
        };
        match open.send(letter, &octets.bytes).await {
            Ok(outcomes) => {
                *connection = open.is_usable().then_some(open);
                return (Some(outcomes), None);
            }
            // Kept from the letter before and closed meanwhile: once more on a fresh one.
            Err(_) if reused && !open.may_have_arrived() => {}
            Err(Failed(words)) => return (all(letter, &words), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn leases_are_renewed_when_it_is_time_however_the_work_is_cut() {
        let renewals = Cell::new(0);
        let renew = || {
            renewals.set(renewals.get() + 1);
            std::future::ready(())
        };
        // Earlier letters took all the time there was.
        let mut renewal = Instant::now() - Duration::from_secs(1);
        for _ in 0..50 {
            with_lease(&mut renewal, renew, std::future::ready(())).await;
        }
        assert_eq!(renewals.get(), 1);
        assert!(renewal > Instant::now());
    }
}

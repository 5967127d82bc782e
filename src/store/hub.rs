//! Hints: told in this process right after a commit, and to other processes by one notifier task that sends what has
//! gathered in one `NOTIFY` every few milliseconds on a connection of its own.
//!
//! No `NOTIFY` stands inside a transaction: it would hold one database-wide lock until the flush.

use super::{Result, sql::sql};
use crate::model::event::Event;
use crate::model::ids::{AccountId, MailboxId};
use sqlx::postgres::{PgListener, PgPool};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast};

const CHANNEL: &str = "mailstead";
/// NOTIFY carries 8,000 octets; what does not fit goes in the next one.
const PAYLOAD: usize = 7_500;
const GATHER: Duration = Duration::from_millis(5);

sql! {
    /// A hint needs no flush.
    NOTIFY = "SELECT set_config('synchronous_commit', 'off', true), pg_notify('mailstead', $1)";
}

/// Where hints are published and heard. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    local: broadcast::Sender<Event>,
    outgoing: Mutex<HashSet<Event>>,
    wake: Notify,
    turn: tokio::sync::Mutex<()>,
    stopped: tokio_util::sync::CancellationToken,
    node: u64,
}

impl Hub {
    pub(super) fn new() -> Self {
        let mut node = [0; 8];
        let _ = aws_lc_rs::rand::fill(&mut node);
        Self(Arc::new(Inner {
            local: broadcast::channel(4096).0,
            outgoing: Mutex::default(),
            wake: Notify::new(),
            turn: tokio::sync::Mutex::default(),
            stopped: tokio_util::sync::CancellationToken::new(),
            node: u64::from_le_bytes(node),
        }))
    }

    /// Hears every hint from now on. `RecvError::Lagged` means: look again.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.local.subscribe()
    }

    /// Tells this process at once and gathers for the others.
    pub fn publish(&self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        for event in events {
            // No receiver is no error: nobody listens yet.
            let _ = self.0.local.send(*event);
        }
        let mut outgoing = self.0.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        outgoing.extend(events.iter().copied());
        drop(outgoing);
        self.0.wake.notify_one();
    }

    /// Ends [`Hub::run`]. What was published and not told yet is told first: a verb ends right after its commit.
    pub(super) async fn stop(&self, pool: &PgPool) {
        self.0.stopped.cancel();
        self.send_gathered(pool).await;
    }

    /// Runs the notifier and the listener until the store is closed. A lost connection is made again; whoever listens
    /// is told [`Event::Lagged`] then.
    pub async fn run(&self, pool: PgPool) {
        let listening = async {
            tokio::select! {
                () = self.0.stopped.cancelled() => {}
                () = self.listen(&pool) => {}
            }
        };
        tokio::join!(self.send_all(&pool), listening);
    }

    async fn send_all(&self, pool: &PgPool) {
        loop {
            tokio::select! {
                () = self.0.stopped.cancelled() => return,
                () = self.0.wake.notified() => {}
            }
            tokio::time::sleep(GATHER).await;
            self.send_gathered(pool).await;
        }
    }

    async fn send_gathered(&self, pool: &PgPool) {
        // Who stops waits for what is being sent.
        let _turn = self.0.turn.lock().await;
        let gathered = std::mem::take(&mut *self.0.outgoing.lock().unwrap_or_else(PoisonError::into_inner));
        for payload in payloads(self.0.node, gathered) {
            if let Err(error) = sqlx::query(NOTIFY).bind(&payload).execute(pool).await {
                tracing::debug!(%error, "a hint was not sent; the poll makes up for it");
            }
        }
    }

    async fn listen(&self, pool: &PgPool) {
        loop {
            if let Err(error) = self.listen_once(pool).await {
                tracing::debug!(%error, "not listening");
            }
            let _ = self.0.local.send(Event::Lagged);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn listen_once(&self, pool: &PgPool) -> Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        let _ = self.0.local.send(Event::Lagged);
        while let Some(notification) = listener.try_recv().await? {
            for event in decode(self.0.node, notification.payload()) {
                let _ = self.0.local.send(event);
            }
        }
        Ok(())
    }
}

/// `NODE;M account mailbox modseq;T account;…` in as many payloads as it takes.
fn payloads(node: u64, events: impl IntoIterator<Item = Event>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for event in events {
        let item = match event {
            Event::MailboxChanged { account, mailbox, modseq } => format!(";M {account} {mailbox} {modseq}"),
            Event::TreeChanged { account } => format!(";T {account}"),
            Event::SubscriptionsChanged { account } => format!(";S {account}"),
            Event::RightsChanged { account } => format!(";R {account}"),
            Event::CredentialsChanged { account } => format!(";C {account}"),
            Event::SettingsChanged => ";settings".into(),
            Event::DomainChanged => ";domain".into(),
            Event::CertificateChanged => ";certificate".into(),
            Event::QueueDue => ";queue".into(),
            Event::Lagged => continue,
        };
        match out.last_mut() {
            Some(last) if last.len() + item.len() <= PAYLOAD => last.push_str(&item),
            _ => out.push(format!("{node:x}{item}")),
        }
    }
    out
}

/// What another node told; nothing for our own and for what a newer node says that we don't know.
fn decode(node: u64, payload: &str) -> Vec<Event> {
    let mut items = payload.split(';');
    if items.next() == Some(format!("{node:x}").as_str()) {
        return Vec::new();
    }
    items.filter_map(decode_item).collect()
}

fn decode_item(item: &str) -> Option<Event> {
    let mut words = item.split(' ');
    let kind = words.next()?;
    let mut number = || words.next()?.parse::<i64>().ok();
    Some(match kind {
        "M" => Event::MailboxChanged {
            account: AccountId(number()?),
            mailbox: MailboxId(number()?),
            modseq: number()?.try_into().ok()?,
        },
        "T" => Event::TreeChanged { account: AccountId(number()?) },
        "S" => Event::SubscriptionsChanged { account: AccountId(number()?) },
        "R" => Event::RightsChanged { account: AccountId(number()?) },
        "C" => Event::CredentialsChanged { account: AccountId(number()?) },
        "settings" => Event::SettingsChanged,
        "domain" => Event::DomainChanged,
        "certificate" => Event::CertificateChanged,
        "queue" => Event::QueueDue,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_survive_the_wire_and_ones_own_are_dropped() {
        let events = vec![
            Event::MailboxChanged { account: AccountId(1), mailbox: MailboxId(2), modseq: 3 },
            Event::CredentialsChanged { account: AccountId(9) },
            Event::QueueDue,
        ];
        let sent = payloads(7, events.clone());
        assert_eq!(sent.len(), 1);
        assert_eq!(decode(8, &sent[0]), events);
        assert_eq!(decode(7, &sent[0]), []);
    }

    #[test]
    fn many_hints_are_cut_into_payloads_that_fit() {
        let events = (0..2000).map(|n| Event::TreeChanged { account: AccountId(n) });
        let sent = payloads(1, events);
        assert!(sent.len() > 1 && sent.iter().all(|p| p.len() <= PAYLOAD + 40));
        assert_eq!(sent.iter().flat_map(|p| decode(2, p)).count(), 2000);
    }

    #[test]
    fn unknown_words_are_passed_over() {
        assert_eq!(decode(1, "2;X 1;M 1;queue"), [Event::QueueDue]);
    }
}

//! Who waits for a mailbox to change. One task hears all hints and wakes only the sessions concerned; every two
//! seconds it asks the store for the modseq of all watched mailboxes at once, which covers hints that were lost.

use super::login::Identity;
use crate::model::event::Event;
use crate::model::ids::{AccountId, MailboxId, ModSeq};
use crate::store::Store;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast::error::RecvError, watch};

/// Longest time a change of another process stays unseen when its hint is lost.
const POLL: Duration = Duration::from_secs(2);

/// Hands out [`Watch`]es. Cheap to clone.
#[derive(Clone)]
pub struct Watchers {
    store: Store,
    watched: Arc<Mutex<Watched>>,
}

#[derive(Default)]
struct Watched {
    mailboxes: HashMap<MailboxId, watch::Sender<ModSeq>>,
    /// Counts reasons to prove a session anew.
    accounts: HashMap<AccountId, watch::Sender<u64>>,
    /// Whoever looks at all of an account's mail at once.
    whole: HashMap<AccountId, watch::Sender<Sum>>,
}

/// Changes heard of, and the modseqs of all mailboxes together as the poll found them last.
#[derive(Default)]
struct Sum {
    heard: u64,
    polled: Option<ModSeq>,
}

/// A wait for anything of an account's mail to change.
pub struct AccountWatch {
    mail: watch::Receiver<Sum>,
    account: watch::Receiver<u64>,
}

impl AccountWatch {
    /// Comes back when some mailbox may have changed, or the session must prove itself anew. Dropping it half-way loses
    /// nothing.
    pub async fn changed(&mut self) {
        tokio::select! {
            _ = self.mail.changed() => {}
            _ = self.account.changed() => {}
        }
    }
}

/// A session's wait for its mailbox and its account.
pub struct Watch {
    mailbox: Option<watch::Receiver<ModSeq>>,
    account: watch::Receiver<u64>,
}

impl Watch {
    /// Comes back when the mailbox may have changed or the session must prove itself anew. Dropping it half-way loses
    /// nothing.
    pub async fn changed(&mut self) {
        // The senders live as long as anybody receives, so neither wait can fail while `self` is here.
        match &mut self.mailbox {
            Some(mailbox) => tokio::select! {
                _ = mailbox.changed() => {}
                _ = self.account.changed() => {}
            },
            None => {
                let _ = self.account.changed().await;
            }
        }
    }
}

fn receiver<K: Eq + Hash, T>(map: &mut HashMap<K, watch::Sender<T>>, key: K, start: T) -> watch::Receiver<T> {
    map.entry(key).or_insert_with(|| watch::Sender::new(start)).subscribe()
}

fn raise(sender: &watch::Sender<ModSeq>, modseq: ModSeq) {
    sender.send_if_modified(|known| {
        let newer = modseq > *known;
        *known = modseq.max(*known);
        newer
    });
}

impl Watchers {
    pub(super) fn new(store: Store) -> Self {
        Self { store, watched: Arc::default() }
    }

    /// Waits from now on; what is newer than `known` counts as a change.
    pub fn watch(&self, who: &Identity, mailbox: Option<(MailboxId, ModSeq)>) -> Watch {
        let mut watched = self.lock();
        let account = receiver(&mut watched.accounts, who.account(), 0);
        let mailbox = mailbox.map(|(id, known)| {
            let mut receiver = receiver(&mut watched.mailboxes, id, known);
            if *receiver.borrow_and_update() > known {
                receiver.mark_changed();
            }
            receiver
        });
        Watch { mailbox, account }
    }

    /// Waits from now on for changes in any mailbox of the member.
    pub fn watch_account(&self, who: &Identity) -> AccountWatch {
        let mut watched = self.lock();
        let mail = watched.whole.entry(who.account()).or_default().subscribe();
        AccountWatch { mail, account: receiver(&mut watched.accounts, who.account(), 0) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever is concerned, until the hub closes.
    pub async fn run(&self) {
        let mut events = self.store.hub().subscribe();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => self.hear(event),
                    Err(RecvError::Lagged(_)) => self.wake_all(),
                    Err(RecvError::Closed) => return,
                },
                _ = poll.tick() => self.poll().await,
            }
        }
    }

    fn hear(&self, event: Event) {
        match event {
            Event::MailboxChanged { account, mailbox, modseq } => {
                let watched = self.lock();
                if let Some(sender) = watched.mailboxes.get(&mailbox) {
                    raise(sender, modseq);
                }
                if let Some(sender) = watched.whole.get(&account) {
                    sender.send_modify(|sum| sum.heard += 1);
                }
            }
            Event::CredentialsChanged { account }
            | Event::RightsChanged { account }
            | Event::TreeChanged { account } => {
                if let Some(sender) = self.lock().accounts.get(&account) {
                    sender.send_modify(|n| *n += 1);
                }
            }
            Event::Lagged => self.wake_all(),
            _ => {}
        }
    }

    /// Hints may have been lost: everybody looks.
    fn wake_all(&self) {
        let watched = self.lock();
        watched.whole.values().for_each(|sender| sender.send_modify(|sum| sum.heard += 1));
        watched.mailboxes.values().for_each(|sender| sender.send_modify(|_| {}));
        watched.accounts.values().for_each(|sender| sender.send_modify(|n| *n += 1));
    }

    async fn poll(&self) {
        self.poll_accounts().await;
        let ids: Vec<MailboxId> = {
            let mut watched = self.lock();
            watched.mailboxes.retain(|_, sender| sender.receiver_count() > 0);
            watched.accounts.retain(|_, sender| sender.receiver_count() > 0);
            watched.mailboxes.keys().copied().collect()
        };
        if ids.is_empty() {
            return;
        }
        match self.store.mailbox_modseqs(&ids).await {
            Ok(found) => {
                let found: HashMap<MailboxId, ModSeq> = found.into_iter().map(|(id, _, modseq)| (id, modseq)).collect();
                let watched = self.lock();
                for id in ids {
                    let Some(sender) = watched.mailboxes.get(&id) else { continue };
                    match found.get(&id) {
                        Some(modseq) => raise(sender, *modseq),
                        // Removed: whoever has it selected must learn it.
                        None => sender.send_modify(|_| {}),
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "watched mailboxes were not polled"),
        }
    }

    /// The first look only learns how things stand: whoever waits began with a look of their own.
    async fn poll_accounts(&self) {
        let ids: Vec<AccountId> = {
            let mut watched = self.lock();
            watched.whole.retain(|_, sender| sender.receiver_count() > 0);
            watched.whole.keys().copied().collect()
        };
        if ids.is_empty() {
            return;
        }
        match self.store.account_modseqs(&ids).await {
            Ok(found) => {
                let watched = self.lock();
                for (id, modseqs) in found {
                    let Some(sender) = watched.whole.get(&id) else { continue };
                    sender.send_if_modified(|sum| sum.polled.replace(modseqs).is_some_and(|before| before != modseqs));
                }
            }
            Err(error) => tracing::debug!(%error, "watched accounts were not polled"),
        }
    }
}

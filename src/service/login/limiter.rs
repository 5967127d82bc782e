//! The one limiter of failed sign-ins, for every door and every proof: by main address (of a name that nobody has, by
//! what was typed, completed), peer and network. A try counts before it is known what comes of it.

use crate::model::address::Address;
use crate::model::ids::AccountId;
use crate::model::network::Network;
use crate::service::login::{Exempt, Identity, Origin};
use crate::service::{Base, Refusal, Result};
use crate::store::credential::{Allowance, Counted, Tried};
use chrono::{DateTime, TimeDelta, Utc};
use std::net::IpAddr;

/// How long a network stays known as one that an account signed in from.
const KNOWN: TimeDelta = TimeDelta::days(30);

/// Tries of a code, or of the password in a session, before an account has to wait: who gets that far has half of the
/// proof already.
const TRIALS: u32 = 5;

/// Longest text of a User-Agent that is kept, in characters.
const AGENT: usize = 200;

/// What the limits say of a try that is not refused at once.
///
/// Strangers who guess at an account shut it for everybody, but not for networks that it signed in from: those have
/// the limits of address and network alone. Nobody may learn by that which names there are, nor which of them signed in
/// from here. So where anybody signed in from a network, each try of a shut name there costs what a wrong password
/// costs, and the answer is that of the limit, unless account, network and password fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    /// The name had too many failures.
    Shut,
}

/// What has few tries of its own.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) enum Trial {
    /// A code of a second factor.
    Code,
    /// The main password, in a session.
    Sudo,
}

impl Trial {
    fn subject(self, name: &Address) -> String {
        let letter = match self {
            Self::Code => 't',
            Self::Sudo => 's',
        };
        format!("{letter}:{}@{}", name.key(), name.domain())
    }
}

/// A try that was taken and counts as a failure, unless it is given back.
pub(super) struct Try {
    pub standing: Standing,
    /// Where it counts.
    subjects: Vec<String>,
}

/// Counts and refuses. Cheap to clone.
#[derive(Clone)]
pub(in crate::service) struct Limiter {
    base: Base,
    /// When an account (`None`: anybody) last signed in from a network. Forgotten with the process: until the next
    /// sign-in from there the account's limit holds.
    known: moka::sync::Cache<(Option<AccountId>, Network), DateTime<Utc>>,
    exempt: Exempt,
}

impl Limiter {
    pub(super) fn new(base: Base, exempt: Exempt) -> Self {
        let known = moka::sync::Cache::builder().max_capacity(50_000).build();
        Self { base, known, exempt }
    }

    /// What the counts so far say of a try, which is not taken yet.
    pub(super) async fn standing(&self, origin: &Origin, name: Option<&Address>) -> Result<Standing> {
        if (self.exempt)(origin) {
            return Ok(Standing::Open);
        }
        let subjects = self.subjects(origin, name);
        let failures = self.base.store.login_failures(&subjects, self.base.clock.now(), self.window()).await?;
        let mut standing = Standing::Open;
        for (subject, ..) in failures.iter().filter(|(subject, count, _)| u64::from(*count) >= self.most(subject)) {
            if !subject.starts_with("a:") || !self.knows(origin, None) {
                return Err(Refusal::SlowDown);
            }
            standing = Standing::Shut;
        }
        Ok(standing)
    }

    /// Takes a try for a name from a place.
    ///
    /// # Errors
    /// [`Refusal::SlowDown`] when there is none left.
    pub(super) async fn begin(&self, origin: &Origin, name: Option<&Address>) -> Result<Try> {
        let exempt = (self.exempt)(origin);
        let spared = exempt || self.knows(origin, None);
        let allowance = |subject: String| Allowance {
            most: if exempt { u64::MAX } else { self.most(&subject) },
            must: !(spared && subject.starts_with("a:")),
            subject,
        };
        let asked: Vec<Allowance> = self.subjects(origin, name).into_iter().map(allowance).collect();
        let subjects = self.base.store.login_try(&asked, self.base.clock.now(), self.window()).await?;
        let refused = || asked.iter().filter(|asked| !subjects.contains(&asked.subject));
        if refused().any(|asked| asked.must) {
            // Others took the last one at this moment.
            if !subjects.is_empty() {
                self.base.store.login_try_back(&subjects, "").await?;
            }
            return Err(Refusal::SlowDown);
        }
        let standing = if refused().next().is_none() { Standing::Open } else { Standing::Shut };
        Ok(Try { standing, subjects })
    }

    /// Gives a try back that proved nothing and disproved nothing.
    pub(super) async fn give_up(&self, taken: &Try) -> Result<()> {
        Ok(self.base.store.login_try_back(&taken.subjects, "").await?)
    }

    /// Whether a proof of an account may count for a try.
    pub(super) fn admits(&self, standing: Standing, origin: &Origin, account: AccountId) -> bool {
        standing == Standing::Open || self.knows(origin, Some(account))
    }

    /// A try came to nothing: shows it to whose account it was for; the answer for it. What is shut already is not kept so
    /// by tries from where it may be open, for those were not taken of the name.
    pub(super) async fn failed(
        &self,
        origin: &Origin,
        agent: &str,
        account: Option<AccountId>,
        taken: Try,
    ) -> Result<Refusal> {
        self.note(origin, agent, account, (&taken.subjects, Counted::Before)).await?;
        Ok(match taken.standing {
            Standing::Open => Refusal::WrongCredentials,
            Standing::Shut => Refusal::SlowDown,
        })
    }

    /// The same where tries are few anyway, and none was taken here before.
    pub(super) async fn failed_again(&self, origin: &Origin, agent: &str, who: &Identity) -> Result<Refusal> {
        let subjects = self.subjects(origin, Some(who.address()));
        self.note(origin, agent, Some(who.account()), (&subjects, Counted::Now)).await?;
        Ok(Refusal::WrongCredentials)
    }

    /// A one-time link that is none was tried.
    pub(super) async fn failed_link(&self, origin: &Origin) -> Result<()> {
        self.note(origin, "", None, (&self.subjects(origin, None), Counted::Now)).await
    }

    async fn note(
        &self,
        origin: &Origin,
        agent: &str,
        account: Option<AccountId>,
        (subjects, counted): (&[String], Counted),
    ) -> Result<()> {
        let agent = shortened(agent);
        let account = account.unwrap_or(AccountId(0));
        let tried = Tried { account, protocol: origin.protocol as i16, peer: origin.peer, agent: &agent };
        self.base.store.login_failure_add(subjects, counted, &tried, self.base.clock.now(), self.window()).await?;
        // The peer, for who shuts it out by the log; never the name, for people type passwords there.
        tracing::info!(peer.address = %origin.peer, peer.protocol = ?origin.protocol, "sign-in refused");
        Ok(())
    }

    /// Gives a try back that succeeded, forgets the account's failures, and knows its network from now on. A member who
    /// comes in past the limit does not lift it for those who guess.
    pub(super) async fn succeeded(&self, origin: &Origin, who: &Identity, taken: &Try) -> Result<()> {
        self.base.store.login_try_back(&taken.subjects, &subject(who.address())).await?;
        self.know(origin, who.account());
        Ok(())
    }

    /// The same for the second half of a sign-in, whose first half gave its try back.
    pub(super) async fn completed(&self, origin: &Origin, who: &Identity) -> Result<()> {
        self.base.store.login_failure_clear(&subject(who.address())).await?;
        self.know(origin, who.account());
        Ok(())
    }

    /// Takes one of an account's few tries, before it is known what comes of it.
    ///
    /// # Errors
    /// [`Refusal::SlowDown`] when they are used up; the next come a window after the last.
    pub(in crate::service) async fn take(&self, origin: &Origin, trial: Trial, name: &Address) -> Result<()> {
        if (self.exempt)(origin) {
            return Ok(());
        }
        let (subject, now) = (trial.subject(name), self.base.clock.now());
        match self.base.store.login_trial(&subject, TRIALS, now, self.window()).await? {
            true => Ok(()),
            false => Err(Refusal::SlowDown),
        }
    }

    /// Gives one of them back, after which nothing is proved or disproved.
    pub(super) async fn give_up_trial(&self, trial: Trial, name: &Address) -> Result<()> {
        Ok(self.base.store.login_try_back(&[trial.subject(name)], "").await?)
    }

    /// Gives all tries back after one that succeeded.
    pub(in crate::service) async fn give_back(&self, trial: Trial, name: &Address) -> Result<()> {
        Ok(self.base.store.login_failure_clear(&trial.subject(name)).await?)
    }

    /// Tries that a subject has within the window.
    fn most(&self, subject: &str) -> u64 {
        let settings = &self.base.settings;
        match subject.as_bytes().first() {
            Some(b'a') => settings.number("login.failures"),
            Some(b'i') => settings.number("login.failures_peer"),
            _ => settings.number("login.failures_peer").saturating_mul(4),
        }
    }

    fn window(&self) -> TimeDelta {
        self.base.settings.duration("login.window")
    }

    /// Whether an account (`None`: anybody) signed in from this network lately.
    fn knows(&self, origin: &Origin, account: Option<AccountId>) -> bool {
        let last = self.known.get(&(account, Network::around(origin.peer)));
        last.is_some_and(|at| self.base.clock.now() - at < KNOWN)
    }

    fn know(&self, origin: &Origin, account: AccountId) {
        // All the house may come from an exempt peer, webmail say; its network is nobody's own.
        if (self.exempt)(origin) {
            return;
        }
        let (network, now) = (Network::around(origin.peer), self.base.clock.now());
        self.known.insert((Some(account), network), now);
        self.known.insert((None, network), now);
    }

    /// What a failure is counted for: the name, the peer, its network. Sorted, so that rows are locked in order.
    fn subjects(&self, origin: &Origin, name: Option<&Address>) -> Vec<String> {
        let mut out: Vec<String> = name.map(subject).into_iter().collect();
        if !(self.exempt)(origin) {
            // A host may take any address of its /64.
            let (host, network) = match origin.peer {
                IpAddr::V4(ip) => {
                    let [a, b, c, _] = ip.octets();
                    (ip.to_string(), format!("{a}.{b}.{c}"))
                }
                IpAddr::V6(ip) => {
                    let [a, b, c, d, ..] = ip.segments();
                    (format!("{a:x}:{b:x}:{c:x}:{d:x}"), format!("{a:x}:{b:x}:{c:x}"))
                }
            };
            out.extend([format!("i:{host}"), format!("n:{network}")]);
        }
        out.sort();
        out
    }
}

pub(super) fn subject(name: &Address) -> String {
    format!("a:{}@{}", name.key(), name.domain())
}

/// A User-Agent in one line that can be kept and shown.
pub(super) fn shortened(agent: &str) -> String {
    agent.chars().filter(|c| !c.is_control()).take(AGENT).collect()
}

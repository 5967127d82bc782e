//! Settings: what may be set, its type, default and reason, and the values in force.

use super::account::Actor;
use super::{Refusal, Result};
use crate::model::address::Domain;
use crate::model::clock::Clock;
use crate::store::Store;
use crate::store::audit::AuditEntry;
use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The shape of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// Octets: `52428800`, `50MiB`, `2GiB`.
    Size { least: u64, most: u64 },
    /// A whole number.
    Count { least: u64, most: u64 },
    /// Seconds: `300`, `5m`, `4h`, `5d`.
    Duration { least: u64, most: u64 },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A text that is checked.
    Text(Check),
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let limit = |n: u64| written(*self, &Value::from(n));
        match self {
            Self::Switch => write!(f, "true or false"),
            Self::Size { least, most } => write!(f, "a size from {} to {}", limit(*least), limit(*most)),
            Self::Count { least, most } => write!(f, "a whole number from {least} to {most}"),
            Self::Duration { least, most } => write!(f, "a duration from {} to {}", limit(*least), limit(*most)),
            Self::Word(words) => write!(f, "one of: {}", words.join(", ")),
            Self::Text(Check::HostName) => write!(f, "a host name, or nothing"),
        }
    }
}

/// What a text has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// A domain name, kept in its ASCII form; empty: none of its own.
    HostName,
}

impl Check {
    fn read(self, raw: &str) -> Option<String> {
        match self {
            Self::HostName if raw.is_empty() => Some(String::new()),
            Self::HostName => Domain::parse(raw).ok().map(|name| name.to_string()),
        }
    }
}

/// What settings are shown together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Server,
    Delivery,
    Queue,
    Storage,
    SignIn,
}

impl Group {
    pub const ALL: [Self; 5] = [Self::Server, Self::Delivery, Self::Queue, Self::Storage, Self::SignIn];

    /// Its name in catalogues.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Delivery => "delivery",
            Self::Queue => "queue",
            Self::Storage => "storage",
            Self::SignIn => "sign-in",
        }
    }
}

/// One setting as it is shown and checked.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    pub name: &'static str,
    pub group: Group,
    pub kind: Kind,
    /// In the form a person would write.
    pub default: &'static str,
    /// Why one would change it, and why the default is what it is.
    pub reason: &'static str,
}

impl Definition {
    /// Whether a change could give the house away or lose what can't be had back: who may try to sign in, what the server
    /// is called, how long removed mail is kept.
    pub fn is_grave(&self) -> bool {
        matches!(self.group, Group::Server | Group::SignIn) || self.name.starts_with("retention.")
    }

    /// Whether it is read when the program starts: a change takes effect then.
    pub fn is_read_at_start(&self) -> bool {
        matches!(self.name, "delivery.budget" | "server.hostname")
    }
}

const MIB: u64 = 1 << 20;

/// Every setting, by name.
pub const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "delivery.budget",
        group: Group::Delivery,
        kind: Kind::Size { least: 64 * MIB, most: 64 << 30 },
        default: "256MiB",
        reason: "Memory for messages being received at once, over all connections; more lets more large mail in at the same time. Takes effect at the next start.",
    },
    Definition {
        name: "delivery.over_quota",
        group: Group::Delivery,
        kind: Kind::Word(&["defer", "refuse"]),
        default: "defer",
        reason: "What a sender hears when the member's mailbox is full: defer (452) lets the member make room, refuse (552) tells the sender at once.",
    },
    Definition {
        name: "disk.reserve",
        group: Group::Storage,
        kind: Kind::Size { least: 16 * MIB, most: 1 << 40 },
        default: "512MiB",
        reason: "Free space below which nothing that adds data is taken, so that the database never runs out; 5 % of the disk if that is less.",
    },
    Definition {
        name: "login.failures",
        group: Group::SignIn,
        kind: Kind::Count { least: 3, most: 1000 },
        default: "10",
        reason: "Failed sign-ins for one address within the window before further ones are refused unseen.",
    },
    Definition {
        name: "login.failures_peer",
        group: Group::SignIn,
        kind: Kind::Count { least: 3, most: 100_000 },
        default: "50",
        reason: "The same for one network address; higher, because many members may share one.",
    },
    Definition {
        name: "login.window",
        group: Group::SignIn,
        kind: Kind::Duration { least: 60, most: 86_400 },
        default: "15m",
        reason: "How long after the last failed sign-in the count starts anew.",
    },
    Definition {
        name: "login.scram_sha1",
        group: Group::SignIn,
        kind: Kind::Switch,
        default: "false",
        reason: "Offers SCRAM-SHA-1 to old clients; takes effect for passwords set afterwards, since the verifier is made then.",
    },
    Definition {
        name: "message.size",
        group: Group::Delivery,
        kind: Kind::Size { least: MIB, most: 1 << 30 },
        default: "50MiB",
        reason: "Largest message taken at any door; announced by SIZE. Most of the world takes 25 to 50 MiB.",
    },
    Definition {
        name: "queue.expiry",
        group: Group::Queue,
        kind: Kind::Duration { least: 3600, most: 30 * 86_400 },
        default: "5d",
        reason: "How long outgoing mail is tried before its sender is told that it failed (RFC 5321 §4.5.4.1: 4 to 5 days).",
    },
    Definition {
        name: "queue.delay_notice",
        group: Group::Queue,
        kind: Kind::Duration { least: 600, most: 5 * 86_400 },
        default: "4h",
        reason: "When the sender is told that a message is still waiting.",
    },
    Definition {
        name: "quota.bytes",
        group: Group::Storage,
        kind: Kind::Size { least: 0, most: 1 << 50 },
        default: "2GiB",
        reason: "Mail storage of an account that has no quota of its own; 0 is no limit.",
    },
    Definition {
        name: "retention.changes",
        group: Group::Storage,
        kind: Kind::Duration { least: 86_400, most: 365 * 86_400 },
        default: "30d",
        reason: "How long the list of changes is kept that lets a client away for that time catch up fast.",
    },
    Definition {
        name: "retention.expunged",
        group: Group::Storage,
        kind: Kind::Duration { least: 0, most: 365 * 86_400 },
        default: "14d",
        reason: "How long expunged mail can be restored; it does not count against the quota.",
    },
    Definition {
        name: "send.undo",
        group: Group::Delivery,
        kind: Kind::Duration { least: 0, most: 60 },
        default: "10s",
        reason: "How long a message written in the browser waits before it goes, so that sending can be undone; 0 sends at once.",
    },
    Definition {
        name: "server.hostname",
        group: Group::Server,
        kind: Kind::Text(Check::HostName),
        default: "",
        reason: "The name by which the world reaches this server, as in its certificate; empty: the machine's own. A hostname in mailstead.toml wins. Takes effect at the next start.",
    },
];

/// Reads and changes settings. Cheap to clone; values are read from memory.
#[derive(Clone)]
pub struct Settings {
    store: Store,
    clock: Clock,
    values: Arc<ArcSwap<BTreeMap<&'static str, Value>>>,
    /// What was read first: what [`Definition::is_read_at_start`] is of this until the next start.
    at_start: Arc<OnceLock<BTreeMap<&'static str, Value>>>,
}

/// A change of a setting, as a person would write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub at: DateTime<Utc>,
    /// The actor's name.
    pub by: String,
    /// `None`: the default.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A setting with its value, for lists.
#[derive(Debug, Clone)]
pub struct Shown {
    pub definition: &'static Definition,
    pub value: String,
    pub changed: bool,
    /// It takes effect at the next start only.
    pub waits: bool,
}

impl Settings {
    /// Defaults until [`Settings::reload`] has read the database.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, values: Arc::default(), at_start: Arc::default() }
    }

    /// Reads all values; unknown names (of a newer version) are passed over.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`]: the values before stay.
    pub async fn reload(&self) -> Result<()> {
        let rows = self.store.setting_list().await?;
        let known: BTreeMap<_, _> =
            rows.into_iter().filter_map(|(name, value)| Some((definition(&name)?.name, value))).collect();
        self.at_start.get_or_init(|| known.clone());
        self.values.store(Arc::new(known));
        Ok(())
    }

    /// A number: octets, seconds or a count.
    pub fn number(&self, name: &'static str) -> u64 {
        let stored = self.values.load().get(name).and_then(Value::as_u64);
        stored.unwrap_or_else(|| {
            definition(name).and_then(|d| parse(d, d.default).ok()).and_then(|v| v.as_u64()).unwrap_or(0)
        })
    }

    /// A switch.
    pub fn switch(&self, name: &'static str) -> bool {
        let stored = self.values.load().get(name).and_then(Value::as_bool);
        stored.unwrap_or_else(|| definition(name).is_some_and(|d| d.default == "true"))
    }

    /// A word or a text.
    pub fn word(&self, name: &'static str) -> String {
        let stored = self.values.load().get(name).and_then(|v| v.as_str().map(str::to_owned));
        stored.unwrap_or_else(|| definition(name).map_or_else(String::new, |d| d.default.to_owned()))
    }

    /// A duration.
    pub fn duration(&self, name: &'static str) -> chrono::TimeDelta {
        chrono::TimeDelta::seconds(self.number(name) as i64)
    }

    /// Every setting with its value in force.
    pub fn list(&self) -> Vec<Shown> {
        let (values, begun) = (self.values.load(), self.at_start.get());
        let show = |definition: &'static Definition| {
            let stored = values.get(definition.name);
            let word = |value: Option<&Value>| {
                value.map_or_else(|| definition.default.to_owned(), |v| written(definition.kind, v))
            };
            Shown {
                definition,
                value: word(stored),
                changed: stored.is_some(),
                waits: definition.is_read_at_start()
                    && begun.is_some_and(|begun| word(begun.get(definition.name)) != word(stored)),
            }
        };
        DEFINITIONS.iter().map(show).collect()
    }

    /// Sets a value as a person writes it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an unknown name, [`Refusal::Invalid`] for a value that does not fit,
    /// [`Refusal::Denied`] for who is no owner.
    pub async fn set(&self, actor: &Actor, name: &str, raw: &str) -> Result<()> {
        let definition = definition(name).ok_or(Refusal::NotFound)?;
        self.put(actor, definition, Some(parse(definition, raw)?)).await
    }

    /// Goes back to the default.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an unknown name, [`Refusal::Denied`].
    pub async fn reset(&self, actor: &Actor, name: &str) -> Result<()> {
        self.put(actor, definition(name).ok_or(Refusal::NotFound)?, None).await
    }

    /// Goes back to what was before the last change; done twice, it is as it was.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an unknown name and for one that was never changed, [`Refusal::Denied`];
    /// [`Refusal::Invalid`] for a value that would not be taken today.
    pub async fn undo(&self, actor: &Actor, name: &str) -> Result<()> {
        let definition = definition(name).ok_or(Refusal::NotFound)?;
        let last = self.changes(actor, definition, 1).await?.pop().ok_or(Refusal::NotFound)?;
        let value = last.before.map(|value| parse(definition, &written(definition.kind, &value))).transpose()?;
        self.put(actor, definition, value).await
    }

    /// The last twenty changes, newest first.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for an unknown name, [`Refusal::Denied`].
    pub async fn history(&self, actor: &Actor, name: &str) -> Result<Vec<Change>> {
        let definition = definition(name).ok_or(Refusal::NotFound)?;
        let value = |value: Option<Value>| value.map(|value| written(definition.kind, &value));
        let change = |entry: AuditEntry| Change {
            at: entry.at,
            by: entry.actor_name,
            before: value(entry.before),
            after: value(entry.after),
        };
        Ok(self.changes(actor, definition, 20).await?.into_iter().map(change).collect())
    }

    async fn changes(&self, actor: &Actor, definition: &Definition, limit: i64) -> Result<Vec<AuditEntry>> {
        actor.must_own()?;
        Ok(self.store.audit_of_name(definition.name, "setting.", limit).await?)
    }

    /// `None`: the default.
    async fn put(&self, actor: &Actor, definition: &'static Definition, value: Option<Value>) -> Result<()> {
        actor.must_own()?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let before = tx.setting_get(definition.name).await?;
        // What is so already is no act.
        if before == value {
            return Ok(());
        }
        let action = match &value {
            Some(value) => {
                tx.setting_set(definition.name, value, &actor.name, now).await?;
                "setting.set"
            }
            None => {
                tx.setting_reset(definition.name).await?;
                "setting.reset"
            }
        };
        tx.audit_add(&actor.row(action, None, definition.name, before, value), now).await?;
        tx.commit().await?;
        self.reload().await
    }
}

/// The definition of a name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|d| d.name == name)
}

/// Reads what a person wrote.
fn parse(definition: &Definition, raw: &str) -> Result<Value> {
    let raw = raw.trim();
    let within = |n: Option<u64>, least: u64, most: u64, what: &'static str| {
        n.filter(|n| (least..=most).contains(n)).map(Value::from).ok_or(Refusal::Invalid(what))
    };
    match definition.kind {
        Kind::Switch => raw.parse::<bool>().map(Value::from).map_err(|_| Refusal::Invalid("true or false")),
        Kind::Size { least, most } => {
            within(parse_size(raw), least, most, "a size within the limits, such as 50MiB or 2GiB")
        }
        Kind::Count { least, most } => within(raw.parse().ok(), least, most, "a whole number within the limits"),
        Kind::Duration { least, most } => {
            within(parse_duration(raw), least, most, "a duration within the limits, such as 90s, 5m, 4h or 5d")
        }
        Kind::Word(words) => words
            .iter()
            .find(|w| **w == raw)
            .map(|w| Value::from(*w))
            .ok_or(Refusal::Invalid("not one of the words this setting knows")),
        Kind::Text(check) => {
            check.read(raw).map(Value::from).ok_or(Refusal::Invalid("a host name such as mail.example.org, or nothing"))
        }
    }
}

/// Octets of `123`, `50MiB`, `2GiB`, `1KiB`, `1TiB`.
pub fn parse_size(raw: &str) -> Option<u64> {
    let digits = raw.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match raw[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => return None,
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Seconds of `90`, `90s`, `5m`, `4h`, `5d`.
pub fn parse_duration(raw: &str) -> Option<u64> {
    let digits = raw.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &raw[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(factor)
}

/// The value as a person would write it.
fn written(kind: Kind, value: &Value) -> String {
    let unit = |n: u64, units: &[(u64, &str)]| {
        units
            .iter()
            .find(|(size, _)| n > 0 && n.is_multiple_of(*size))
            .map_or_else(|| n.to_string(), |(size, name)| format!("{}{name}", n / size))
    };
    match (kind, value.as_u64()) {
        (Kind::Size { .. }, Some(n)) => {
            unit(n, &[(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")])
        }
        (Kind::Duration { .. }, Some(n)) => unit(n, &[(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")]),
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_kind() {
        for definition in DEFINITIONS {
            let value = parse(definition, definition.default).unwrap();
            assert_eq!(written(definition.kind, &value), definition.default, "{}", definition.name);
        }
    }

    #[test]
    fn values_outside_the_limits_are_refused() {
        let size = definition("message.size").unwrap();
        for bad in ["", "1", "50", "9999TiB", "-1", "1 MB", "MiB", "99999999999999999999"] {
            assert!(parse(size, bad).is_err(), "{bad}");
        }
        assert!(parse(definition("delivery.over_quota").unwrap(), "drop").is_err());
    }
}

//! People as admins look at them: lists that are searched and paged, and one person with all that is known. Owners see
//! everybody, domain admins their domain; what is done to people are verbs of [`Accounts`](super::account::Accounts).

use super::account::{Actor, Role, quota_of};
use super::login::{SHOWN, SignIn};
use super::{Base, Refusal, Result};
use crate::model::address::fold_local;
use crate::model::ids::AccountId;
use crate::store::people::{PersonRow, Wanted};
use chrono::{DateTime, Utc};

/// Most rows of a page.
const MOST: i64 = 200;

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Active,
    Suspended,
    /// Its owner has not set the first password yet.
    Waiting,
}

/// An account in a list.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: AccountId,
    pub address: String,
    pub name: String,
    pub role: Role,
    pub status: Status,
    /// Octets.
    pub used: u64,
    /// `None`: no limit.
    pub quota: Option<u64>,
    /// It has a quota of its own.
    pub own_quota: bool,
    pub second_factor: bool,
    pub created_at: DateTime<Utc>,
    /// At any door.
    pub last_sign_in: Option<DateTime<Utc>>,
}

impl Person {
    /// Octets; `None`: it has the community's. 0 is no limit.
    pub fn quota_of_its_own(&self) -> Option<u64> {
        self.own_quota.then(|| self.quota.unwrap_or(0))
    }
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Part of an address, of an alias or of a name, in any case; empty: everybody.
    pub text: String,
    pub status: Option<Status>,
}

/// A page of people by local part and domain.
#[derive(Debug, Clone)]
pub struct Page {
    pub people: Vec<Person>,
    /// What to ask on with; `None`: that was all.
    pub next: Option<String>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub active: u64,
    pub suspended: u64,
    pub waiting: u64,
}

impl Counts {
    pub fn all(self) -> u64 {
        self.active + self.suspended + self.waiting
    }
}

/// One person with all that an admin may know; acts on them are in the [audit](super::audit::Audit).
#[derive(Debug, Clone)]
pub struct Known {
    pub person: Person,
    /// Further addresses, which they send as too.
    pub addresses: Vec<String>,
    /// Aliases that lead to them among others.
    pub aliases: Vec<String>,
    /// Newest first; none of somebody whom the actor does not look after.
    pub sign_ins: Vec<SignIn>,
    /// Whether the actor may change anything of it.
    pub managed: bool,
}

/// Looks at people. Cheap to clone.
#[derive(Clone)]
pub struct People {
    base: Base,
}

impl People {
    pub(super) fn new(base: Base) -> Self {
        Self { base }
    }

    /// The people after a cursor.
    ///
    /// # Errors
    /// [`Refusal::Denied`] for who looks after nobody.
    pub async fn page(&self, actor: &Actor, query: &Query, cursor: Option<&str>, limit: i64) -> Result<Page> {
        let domain = actor.domain()?.map(|(id, _)| id);
        let limit = limit.clamp(1, MOST);
        let name = fold_local(query.text.trim());
        let (local, domain_start) = name.split_once('@').unwrap_or((&name, ""));
        let wanted = Wanted {
            domain,
            after: cursor.and_then(|cursor| cursor.rsplit_once('@')).unwrap_or_default(),
            state: query.status.map(|status| status as i32),
            name: &name,
            local,
            domain_start,
        };
        // One more tells whether there is more.
        let mut rows = self.base.store.people_page(&wanted, limit + 1).await?;
        let more = rows.len() as i64 > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| format!("{}@{}", row.local, row.domain));
        Ok(Page { people: rows.into_iter().map(|row| self.person(row)).collect(), next })
    }

    /// How many there are.
    ///
    /// # Errors
    /// As [`People::page`].
    pub async fn counts(&self, actor: &Actor) -> Result<Counts> {
        let domain = actor.domain()?.map(|(id, _)| id);
        let [active, suspended, waiting] = self.base.store.people_counts(domain).await?;
        Ok(Counts { active, suspended, waiting })
    }

    /// One person.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], also for who is not in the actor's domain.
    pub async fn known(&self, actor: &Actor, id: AccountId) -> Result<Known> {
        let store = &self.base.store;
        let domain = actor.domain()?.map(|(_, name)| name);
        let row = store.person(id).await?.ok_or(Refusal::NotFound)?;
        if domain.is_some_and(|name| name != row.domain) {
            return Err(Refusal::NotFound);
        }
        let (mut addresses, mut aliases) = (Vec::new(), Vec::new());
        for (address, alone) in store.person_addresses(id).await? {
            if alone { &mut addresses } else { &mut aliases }.push(address);
        }
        let person = self.person(row);
        let managed = actor.gives().contains(&person.role);
        // When and from where somebody comes in is for those who look after them.
        let sign_ins = if managed { store.sign_in_list(id, SHOWN).await? } else { Vec::new() };
        let sign_ins = sign_ins.into_iter().map(SignIn::from).collect();
        Ok(Known { person, addresses, aliases, sign_ins, managed })
    }

    /// Domains in which the actor may add people and addresses, the default first.
    ///
    /// # Errors
    /// As [`People::page`].
    pub async fn domains(&self, actor: &Actor) -> Result<Vec<String>> {
        if let Some((_, name)) = actor.domain()? {
            return Ok(vec![name.to_owned()]);
        }
        let mut all = self.base.store.domain_list().await?;
        all.retain(|row| row.alias_of.is_none());
        all.sort_by_key(|row| !row.is_default);
        Ok(all.into_iter().map(|row| row.name).collect())
    }

    fn person(&self, row: PersonRow) -> Person {
        Person {
            id: row.id,
            address: format!("{}@{}", row.local, row.domain),
            name: row.name,
            role: Role::from_number(row.role),
            status: match row.state {
                0 => Status::Active,
                1 => Status::Suspended,
                _ => Status::Waiting,
            },
            used: row.used,
            quota: quota_of(&self.base, row.quota_bytes),
            own_quota: row.quota_bytes.is_some(),
            second_factor: row.second_factor,
            created_at: row.created_at,
            last_sign_in: row.last_sign_in,
        }
    }
}

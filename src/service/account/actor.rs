//! Who acts, and how far that reaches. Every administrative verb takes an [`Actor`]; nobody makes one with more reach
//! than the account has now.

use super::OFFICES;
use crate::model::address::Address;
use crate::model::ids::{AccountId, DomainId};
use crate::service::login::{Identity, Origin};
use crate::service::{Refusal, Result};
use crate::store::account::AccountRow;
use crate::store::audit::AuditRow;
use serde_json::Value;

/// Who does an act, and from where.
#[derive(Debug, Clone)]
pub struct Actor {
    /// `None`: the command line or the appliance itself.
    pub account: Option<AccountId>,
    pub name: String,
    pub origin: String,
    reach: Reach,
    /// That of the session that they act in.
    generation: i64,
}

/// Whom an actor may do things to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    All,
    /// Members and helpers of a domain.
    Domain(DomainId, String),
    Themselves,
}

impl Actor {
    /// Whoever can run commands on the machine.
    pub fn command_line() -> Self {
        Self { account: None, name: "command line".into(), origin: "local".into(), reach: Reach::All, generation: 0 }
    }

    /// A member, for acts on their own account.
    pub fn member(who: &Identity, origin: &Origin) -> Self {
        let (account, name) = (Some(who.account()), who.address().to_string());
        let (origin, generation) = (origin.peer.to_string(), who.generation());
        Self { account, name, origin, reach: Reach::Themselves, generation }
    }

    /// The same with the reach of the account's role.
    pub(super) fn of(row: &AccountRow, who: &Identity, origin: &Origin) -> Self {
        let reach = match Role::from_number(row.role) {
            Role::Owner => Reach::All,
            Role::DomainAdmin => Reach::Domain(row.domain, row.domain_name.clone()),
            Role::Helper | Role::Member => Reach::Themselves,
        };
        Self { reach, ..Self::member(who, origin) }
    }

    /// What only owners do: domains, settings, the queue, roles.
    pub(in crate::service) fn must_own(&self) -> Result<()> {
        if self.reach == Reach::All { Ok(()) } else { Err(Refusal::Denied) }
    }

    /// Whether an account is among those that the actor looks after. Who is not in their domain is not there for them.
    pub(in crate::service) fn must_manage(&self, row: &AccountRow) -> Result<()> {
        match &self.reach {
            Reach::Domain(domain, _) if *domain != row.domain => Err(Refusal::NotFound),
            _ if self.gives().contains(&Role::from_number(row.role)) => Ok(()),
            _ => Err(Refusal::Denied),
        }
    }

    /// Whether the session that they act in lasts, and so their reach: a change of either raises the generation. Asked
    /// of rows that are held.
    pub(in crate::service) fn must_last(&self, held: &[AccountRow]) -> Result<()> {
        let Some(id) = self.account else { return Ok(()) };
        let lasts = held.iter().any(|row| row.id == id && row.status == 0 && row.generation == self.generation);
        if lasts { Ok(()) } else { Err(Refusal::Stale) }
    }

    /// Whether the actor gives and takes an address: domain admins in their domain, but none of the [`OFFICES`].
    pub(in crate::service) fn must_name(&self, address: &Address) -> Result<()> {
        match self.domain()? {
            None => Ok(()),
            Some((_, own)) if own != address.domain().as_str() => Err(Refusal::Denied),
            Some(_) if OFFICES.contains(&address.key().as_str()) => {
                Err(Refusal::Invalid("only an owner gives or takes this name: it speaks for the whole domain"))
            }
            Some(_) => Ok(()),
        }
    }

    /// The roles that the actor gives to who is new, and so those of the people they look after.
    pub fn gives(&self) -> &'static [Role] {
        match &self.reach {
            Reach::All => &[Role::Member, Role::Helper, Role::DomainAdmin, Role::Owner],
            Reach::Domain(..) => &[Role::Member, Role::Helper],
            Reach::Themselves => &[],
        }
    }

    /// The domain that the actor's lists end at; `None`: they see all.
    ///
    /// # Errors
    /// [`Refusal::Denied`] for who has no lists.
    pub(in crate::service) fn domain(&self) -> Result<Option<(DomainId, &str)>> {
        match &self.reach {
            Reach::All => Ok(None),
            Reach::Domain(id, name) => Ok(Some((*id, name))),
            Reach::Themselves => Err(Refusal::Denied),
        }
    }

    /// Whether the actor stands at the machine itself.
    pub(in crate::service) fn must_be_local(&self) -> Result<()> {
        if self.account.is_none() { Ok(()) } else { Err(Refusal::Denied) }
    }

    /// A row of the audit.
    pub(in crate::service) fn row<'a>(
        &'a self,
        action: &'static str,
        subject: Option<AccountId>,
        subject_name: &'a str,
        before: Option<Value>,
        after: Option<Value>,
    ) -> AuditRow<'a> {
        let Self { account: actor, name: actor_name, origin, .. } = self;
        AuditRow { actor: *actor, actor_name, origin, action, subject, subject_name, before, after }
    }
}

/// What somebody may do; later ones may do more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Member,
    Helper,
    DomainAdmin,
    Owner,
}

impl Role {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Member, "member"),
        (Self::Helper, "helper"),
        (Self::DomainAdmin, "domain-admin"),
        (Self::Owner, "owner"),
    ];

    /// Reads `member`, `helper`, `domain-admin` or `owner`.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| *name == raw).map(|(role, _)| *role)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    /// Who may do things to others is not on the web without a second factor.
    pub fn needs_second_factor(self) -> bool {
        self >= Self::DomainAdmin
    }

    /// Its number there.
    pub(in crate::service) fn number(self) -> i16 {
        self as i16
    }

    /// Of its number in the store; an unknown one may do nothing.
    pub(in crate::service) fn from_number(n: i16) -> Self {
        usize::try_from(n).ok().and_then(|n| Self::NAMES.get(n)).map_or(Self::Member, |(role, _)| *role)
    }
}

//! The admin's verbs as they are written, with the help that teaches them.

use crate::model::address::{Address, Domain};
use crate::service::account::Role;
use crate::service::settings::parse_size;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// A one-time link to claim a fresh server in the browser
    ///
    /// It lives an hour, and one at a time; the first browser that opens it makes the first owner.
    SetupLink,
    /// Domains whose mail is taken
    #[command(subcommand)]
    Domain(DomainVerb),
    /// Members' accounts
    #[command(subcommand)]
    Account(AccountVerb),
    /// Addresses that lead elsewhere
    #[command(subcommand)]
    Alias(AliasVerb),
    /// Mail that waits to go out
    #[command(subcommand)]
    Queue(QueueVerb),
    /// What may be set while the server runs: each setting has a type, a default and a reason
    #[command(subcommand)]
    Settings(SettingsVerb),
}

#[derive(Debug, Subcommand)]
pub(super) enum DomainVerb {
    /// Take mail for a domain; the first becomes the default
    ///
    /// Example: mailstead domain add example.org
    Add {
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
        /// Repeat the addresses of this domain: ann@example.net is ann@example.org
        #[arg(long, value_name = "DOMAIN", value_parser = Domain::parse)]
        alias_of: Option<Domain>,
    },
    /// One line for each domain, with the number of its accounts
    List {
        #[arg(long)]
        json: bool,
    },
    /// One domain
    Show {
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
        #[arg(long)]
        json: bool,
    },
    /// Complete bare names with this domain: who signs in as ann is ann@DOMAIN
    Default {
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
    },
    /// Take no more mail for a domain that has no accounts and aliases left
    Remove {
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountVerb {
    /// Add a member, with INBOX, Sent, Drafts, Junk, Trash and Archive
    ///
    /// The password has 8 characters or more and comes from standard input, so that no list of processes shows it:
    /// echo 'correct horse' | mailstead account add ann@example.org --password-stdin --name 'Ann Lee'
    Add {
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// Read the password from standard input (its first line)
        #[arg(long, required = true)]
        password_stdin: bool,
        /// The name shown to others
        #[arg(long, default_value = "")]
        name: String,
        /// member, helper, domain-admin or owner; mail for postmaster and abuse goes to the owners
        #[arg(long, default_value = "member", value_parser = role)]
        role: Role,
        /// Such as 2GiB; the setting quota.bytes by default
        #[arg(long, value_parser = size)]
        quota: Option<u64>,
    },
    /// One line for each account, of one domain or of all
    List {
        #[arg(value_parser = Domain::parse)]
        domain: Option<Domain>,
        #[arg(long)]
        json: bool,
    },
    /// One account
    Show {
        #[arg(value_parser = Address::parse)]
        address: Address,
        #[arg(long)]
        json: bool,
    },
    /// Refuse sign-in and mail; sessions end, nothing is removed
    Suspend {
        #[arg(value_parser = Address::parse)]
        address: Address,
    },
    /// The opposite of suspend
    Resume {
        #[arg(value_parser = Address::parse)]
        address: Address,
    },
    /// Remove an account and all its mail, for good
    Remove {
        #[arg(value_parser = Address::parse)]
        address: Address,
    },
    /// Set a new password, read from standard input; all sessions end
    ///
    /// Example: echo 'battery staple' | mailstead account set-password ann@example.org --password-stdin
    SetPassword {
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// Read the password from standard input (its first line)
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Take away the second factor of somebody who lost app and recovery codes; all sessions end
    ResetSecondFactor {
        #[arg(value_parser = Address::parse)]
        address: Address,
    },
    /// Give an account another role; its sessions end
    SetRole {
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// member, helper, domain-admin or owner
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Set the name shown to others
    Rename {
        #[arg(value_parser = Address::parse)]
        address: Address,
        name: String,
    },
    /// Set how much mail an account may keep
    SetQuota {
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// Such as 2GiB, or default for the setting quota.bytes; 0 is no limit
        #[arg(value_parser = size_or_default)]
        quota: Quota,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AliasVerb {
    /// Lead an address to one or more others, here or elsewhere
    ///
    /// With one target here it is a further address of that account, which may also send as it.
    /// Example: mailstead alias add choir@example.org ann@example.org bob@elsewhere.example
    Add {
        #[arg(value_parser = Address::parse)]
        alias: Address,
        #[arg(required = true, value_parser = Address::parse)]
        targets: Vec<Address>,
    },
    /// One line for each alias, with its targets
    List {
        #[arg(long)]
        json: bool,
    },
    /// Remove an alias; mail for it is refused from then on
    Remove {
        #[arg(value_parser = Address::parse)]
        alias: Address,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum QueueVerb {
    /// One line for each recipient that waits, with the reason
    List {
        #[arg(long)]
        json: bool,
    },
    /// One message; ID is the first column of `list`
    Show {
        id: i64,
        #[arg(long)]
        json: bool,
    },
    /// Try again now
    Retry {
        #[arg(required_unless_present = "all")]
        id: Option<i64>,
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Keep from going out until released
    Hold { id: i64 },
    /// Let go out what was held
    Release { id: i64 },
    /// Remove without telling the sender
    Drop { id: i64 },
}

#[derive(Debug, Subcommand)]
pub(super) enum SettingsVerb {
    /// Every setting with its value, type, default and reason
    List {
        #[arg(long)]
        json: bool,
    },
    /// The value in force
    Get {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Set a value; it is in force at once, unless its reason says otherwise
    ///
    /// Example: mailstead settings set message.size 25MiB
    Set { name: String, value: String },
    /// Go back to the default
    Reset { name: String },
}

/// An account's own quota, or the community's.
#[derive(Debug, Clone, Copy)]
pub(super) enum Quota {
    Default,
    Octets(u64),
}

fn role(raw: &str) -> Result<Role, &'static str> {
    Role::parse(raw).ok_or("a role is member, helper, domain-admin or owner")
}

fn size(raw: &str) -> Result<u64, &'static str> {
    parse_size(raw).ok_or("a quota is a size such as 2GiB")
}

fn size_or_default(raw: &str) -> Result<Quota, &'static str> {
    if raw == "default" { Ok(Quota::Default) } else { size(raw).map(Quota::Octets) }
}

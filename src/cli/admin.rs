//! The admin's verbs, on the same services as the web side.

use crate::app::House;
use crate::config::Config;
use crate::model::address::{Address, Domain};
use crate::model::ids::QueueId;
use crate::model::secret::Secret;
use crate::service::account::{Actor, Role};
use crate::service::settings::parse_size;
use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;
use serde_json::{Value, json};
use std::io::Read;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
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
    /// Settings: each has a type, a default and a reason
    #[command(subcommand)]
    Settings(SettingsVerb),
}

#[derive(Debug, Subcommand)]
pub(super) enum DomainVerb {
    /// Take mail for a domain; the first becomes the default
    Add {
        domain: String,
        /// Repeat the addresses of this domain
        #[arg(long, value_name = "DOMAIN")]
        alias_of: Option<String>,
    },
    List {
        #[arg(long)]
        json: bool,
    },
    /// Complete bare names with this domain
    Default {
        domain: String,
    },
    Remove {
        domain: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountVerb {
    Add {
        address: String,
        /// Read the password from standard input (its first line)
        #[arg(long, required = true)]
        password_stdin: bool,
        #[arg(long, default_value = "")]
        name: String,
        /// member, helper, domain-admin or owner
        #[arg(long, default_value = "member")]
        role: String,
        /// Such as 2GiB; the setting quota.bytes by default
        #[arg(long)]
        quota: Option<String>,
    },
    List {
        domain: Option<String>,
        #[arg(long)]
        json: bool,
    },
    Show {
        address: String,
        #[arg(long)]
        json: bool,
    },
    /// Refuse sign-in and mail; sessions end
    Suspend {
        address: String,
    },
    Resume {
        address: String,
    },
    /// Remove an account and all its mail, for good
    Remove {
        address: String,
    },
    SetPassword {
        address: String,
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    SetQuota {
        address: String,
        /// Such as 2GiB, or default
        quota: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AliasVerb {
    Add {
        alias: String,
        #[arg(required = true)]
        targets: Vec<String>,
    },
    List {
        #[arg(long)]
        json: bool,
    },
    Remove {
        alias: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum QueueVerb {
    List {
        #[arg(long)]
        json: bool,
    },
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
    Hold {
        id: i64,
    },
    Release {
        id: i64,
    },
    /// Remove without telling the sender
    Drop {
        id: i64,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SettingsVerb {
    List {
        #[arg(long)]
        json: bool,
    },
    Get {
        name: String,
    },
    Set {
        name: String,
        value: String,
    },
    /// Go back to the default
    Reset {
        name: String,
    },
}

/// Opens the house without doors, does one verb, closes it.
pub(super) async fn run(config: Config, verb: Verb) -> Result<()> {
    let house = House::open(&config, std::time::Duration::ZERO).await?;
    let done = match verb {
        Verb::Domain(verb) => domain(&house, verb).await,
        Verb::Account(verb) => account(&house, verb).await,
        Verb::Alias(verb) => alias(&house, verb).await,
        Verb::Queue(verb) => queue(&house, verb).await,
        Verb::Settings(verb) => settings(&house, verb).await,
    };
    house.close().await;
    done
}

fn address(raw: &str) -> Result<Address> {
    Address::parse(raw).with_context(|| raw.to_owned())
}

fn parse_domain(raw: &str) -> Result<Domain> {
    Domain::parse(raw).with_context(|| raw.to_owned())
}

/// The first line of standard input, without its line end.
fn password() -> Result<Secret<String>> {
    let mut text = String::new();
    std::io::stdin().take(4096).read_to_string(&mut text).context("standard input")?;
    Ok(Secret::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn print(rows: Vec<Value>, json: bool, line: impl Fn(&Value) -> String) {
    if json {
        println!("{}", Value::Array(rows));
    } else {
        rows.iter().for_each(|row| println!("{}", line(row)));
    }
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

async fn domain(house: &House, verb: DomainVerb) -> Result<()> {
    let (accounts, actor) = (&house.services.accounts, Actor::command_line());
    match verb {
        DomainVerb::Add { domain, alias_of } => {
            let target = alias_of.as_deref().map(parse_domain).transpose()?;
            accounts.domain_add(&actor, &parse_domain(&domain)?, target.as_ref()).await?;
        }
        DomainVerb::Default { domain } => accounts.domain_default(&actor, &parse_domain(&domain)?).await?,
        DomainVerb::Remove { domain } => accounts.domain_remove(&actor, &parse_domain(&domain)?).await?,
        DomainVerb::List { json } => {
            let rows = accounts.domain_list().await?;
            let rows = rows.iter().map(|d| json!({ "domain": d.name, "default": d.is_default, "alias_of": d.alias_of, "accounts": d.accounts }));
            print(rows.collect(), json, |row| {
                format!(
                    "{}\t{} accounts{}",
                    text(row, "domain"),
                    row["accounts"],
                    if row["default"] == true { "\tdefault" } else { "" }
                )
            });
        }
    }
    Ok(())
}

fn shown(account: &crate::service::account::Account) -> Value {
    json!({
        "address": account.address, "name": account.name, "role": account.role.name(), "suspended": account.suspended,
        "quota": account.quota, "used": account.used, "messages": account.messages, "created": account.created_at.to_rfc3339(),
    })
}

fn account_line(row: &Value) -> String {
    let quota = row["quota"].as_u64().map_or_else(|| "no limit".to_owned(), |n| n.to_string());
    let state = if row["suspended"] == true { "\tsuspended" } else { "" };
    format!(
        "{}\t{}\t{}\t{} of {quota} octets in {} messages{state}",
        text(row, "address"),
        text(row, "name"),
        text(row, "role"),
        row["used"],
        row["messages"]
    )
}

fn quota(raw: &str) -> Result<u64> {
    parse_size(raw).ok_or_else(|| anyhow!("{raw}: a quota is a size such as 2GiB"))
}

async fn account(house: &House, verb: AccountVerb) -> Result<()> {
    let (accounts, actor) = (&house.services.accounts, Actor::command_line());
    match verb {
        AccountVerb::Add { address: raw, password_stdin: _, name, role, quota: size } => {
            let Some(role) = Role::parse(&role) else {
                bail!("{role}: a role is member, helper, domain-admin or owner")
            };
            let size = size.as_deref().map(quota).transpose()?;
            accounts.add(&actor, &address(&raw)?, &name, role, size, password()?).await?;
        }
        AccountVerb::List { domain, json } => {
            let domain = domain.as_deref().map(parse_domain).transpose()?;
            let list = accounts.list(domain.as_ref()).await?;
            print(list.iter().map(shown).collect(), json, account_line);
        }
        AccountVerb::Show { address: raw, json } => {
            print(vec![shown(&accounts.show(&address(&raw)?).await?)], json, account_line)
        }
        AccountVerb::Suspend { address: raw } => accounts.set_suspended(&actor, &address(&raw)?, true).await?,
        AccountVerb::Resume { address: raw } => accounts.set_suspended(&actor, &address(&raw)?, false).await?,
        AccountVerb::Remove { address: raw } => accounts.remove(&actor, &address(&raw)?).await?,
        AccountVerb::SetPassword { address: raw, password_stdin: _ } => {
            accounts.set_password(&actor, &address(&raw)?, password()?).await?
        }
        AccountVerb::SetQuota { address: raw, quota: size } => {
            let size = if size == "default" { None } else { Some(quota(&size)?) };
            accounts.set_quota(&actor, &address(&raw)?, size).await?;
        }
    }
    Ok(())
}

async fn alias(house: &House, verb: AliasVerb) -> Result<()> {
    let (accounts, actor) = (&house.services.accounts, Actor::command_line());
    match verb {
        AliasVerb::Add { alias, targets } => {
            let targets = targets.iter().map(|raw| address(raw)).collect::<Result<Vec<_>>>()?;
            accounts.alias_add(&actor, &address(&alias)?, &targets).await?;
        }
        AliasVerb::Remove { alias } => accounts.alias_remove(&actor, &address(&alias)?).await?,
        AliasVerb::List { json } => {
            let list = accounts.alias_list().await?;
            let rows = list.iter().map(|a| {
                let targets: Vec<&String> = a.targets.iter().chain(a.account.iter()).collect();
                json!({ "alias": format!("{}@{}", a.local, a.domain), "targets": targets, "enabled": a.enabled })
            });
            print(rows.collect(), json, |row| {
                let targets = row["targets"].as_array().into_iter().flatten().filter_map(Value::as_str);
                format!("{}\t{}", text(row, "alias"), targets.collect::<Vec<_>>().join(" "))
            });
        }
    }
    Ok(())
}

async fn queue(house: &House, verb: QueueVerb) -> Result<()> {
    let (queue, actor) = (&house.services.queue, Actor::command_line());
    let (id, json) = match verb {
        QueueVerb::List { json } => (None, json),
        QueueVerb::Show { id, json } => (Some(QueueId(id)), json),
        QueueVerb::Retry { id, .. } => {
            println!("{} recipients are due now", queue.retry(&actor, id.map(QueueId)).await?);
            return Ok(());
        }
        QueueVerb::Hold { id } => return Ok(queue.hold(&actor, QueueId(id)).await?),
        QueueVerb::Release { id } => return Ok(queue.release(&actor, QueueId(id)).await?),
        QueueVerb::Drop { id } => return Ok(queue.drop_message(&actor, QueueId(id)).await?),
    };
    let list = queue.list(id).await?;
    if id.is_some() && list.is_empty() {
        bail!("not found");
    }
    let rows = list.iter().map(|row| {
        let status = ["waiting", "delivered", "failed"].get(row.status as usize).copied();
        json!({
            "id": row.id.0, "sender": row.sender, "size": row.size, "created": row.created_at.to_rfc3339(), "expires": row.expires_at.to_rfc3339(),
            "held": row.held, "recipient": row.address, "status": status, "attempts": row.attempts,
            "due": row.due_at.to_rfc3339(), "answer": row.answer, "in_flight": row.in_flight,
        })
    });
    print(rows.collect(), json, |row| {
        let held = if row["held"] == true { "held" } else { text(row, "status") };
        format!(
            "{}\t<{}> to {}\t{} octets\t{held}\t{} tries\tdue {}\t{}",
            row["id"],
            text(row, "sender"),
            text(row, "recipient"),
            row["size"],
            row["attempts"],
            text(row, "due"),
            text(row, "answer")
        )
    });
    Ok(())
}

async fn settings(house: &House, verb: SettingsVerb) -> Result<()> {
    let (settings, actor) = (&house.services.settings, Actor::command_line());
    match verb {
        SettingsVerb::Set { name, value } => settings.set(&actor, &name, &value).await.context(name)?,
        SettingsVerb::Reset { name } => settings.reset(&actor, &name).await.context(name)?,
        SettingsVerb::Get { name } => {
            let shown = settings.list().into_iter().find(|s| s.definition.name == name);
            println!("{}", shown.ok_or_else(|| anyhow!("{name}: no such setting"))?.value);
        }
        SettingsVerb::List { json } => {
            let list = settings.list();
            let rows = list.iter().map(|s| json!({ "name": s.definition.name, "value": s.value, "default": s.definition.default, "changed": s.changed, "reason": s.definition.reason }));
            print(rows.collect(), json, |row| {
                let mark =
                    if row["changed"] == true { format!(" (default {})", text(row, "default")) } else { String::new() };
                format!("{} = {}{mark}\n    {}", text(row, "name"), text(row, "value"), text(row, "reason"))
            });
        }
    }
    Ok(())
}

//! The admin's verbs, on the same services as the web side.

use super::verbs::{AccountVerb, AliasVerb, DomainVerb, QueueVerb, Quota, SettingsVerb, Verb};
use super::{say, with_house};
use crate::app::{House, certificate_fingerprint, web_url};
use crate::config::Config;
use crate::model::address::{Address, Domain};
use crate::model::ids::QueueId;
use crate::model::secret::Secret;
use crate::service::Refusal;
use crate::service::account::Actor;
use crate::service::settings::{Shown, definition};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::io::Read;
use std::time::Duration;

/// Does one verb.
pub(super) async fn run(config: Config, verb: Verb) -> Result<()> {
    // Before the house is opened: nothing waits for who types.
    let password = match &verb {
        Verb::Account(AccountVerb::Add { .. } | AccountVerb::SetPassword { .. }) => Some(password()?),
        _ => None,
    };
    with_house(&config, Duration::ZERO, async |house| match verb {
        Verb::SetupLink => setup_link(&config, house).await,
        Verb::Domain(verb) => domain(house, verb).await,
        Verb::Account(verb) => account(house, verb, password).await,
        Verb::Alias(verb) => alias(house, verb).await,
        Verb::Queue(verb) => queue(house, verb).await,
        Verb::Settings(verb) => settings(house, verb).await,
    })
    .await
}

/// The first line of standard input, without its line end.
fn password() -> Result<Secret<String>> {
    let mut text = zeroize::Zeroizing::new(String::new());
    std::io::stdin().take(4096).read_to_string(&mut text).context("the password on standard input")?;
    Ok(Secret::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn print(rows: Vec<Value>, json: bool, line: impl Fn(&Value) -> String) -> Result<()> {
    if json {
        return say(Value::Array(rows));
    }
    rows.iter().try_for_each(|row| say(line(row)))
}

/// A refusal with what it is about; one that there is none of something is told with what is missing.
fn about<T>(done: Result<T, Refusal>, subject: impl std::fmt::Display, missing: &str) -> Result<T> {
    done.map_err(|why| match why {
        Refusal::NotFound => anyhow!("{subject}: {missing}"),
        why => anyhow!(why).context(subject.to_string()),
    })
}

const NO_DOMAIN: &str = "no such domain here; see mailstead domain list";
const NO_ACCOUNT: &str = "no such account; see mailstead account list";
const NO_SETTING: &str = "no such setting; see mailstead settings list";
const NO_MESSAGE: &str = "no such message; see mailstead queue list";

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

async fn setup_link(config: &Config, house: &House) -> Result<()> {
    let web = web_url(config, &house.hostname);
    let token = house.services.setup.link(&Actor::command_line()).await.map_err(|why| match why {
        Refusal::Exists => anyhow!("this server has an owner: sign in at {web}/"),
        other => other.into(),
    })?;
    say(format_args!("{web}/setup/{}", token.expose()))?;
    if let Some(fingerprint) = certificate_fingerprint(config) {
        say(format_args!("SHA-256 of the certificate that the browser will show: {fingerprint}"))?;
    }
    say("The link lives for 60 minutes and is for the first browser that opens it.")
}

async fn domain(house: &House, verb: DomainVerb) -> Result<()> {
    let (accounts, actor) = (&house.services.accounts, Actor::command_line());
    let (wanted, json) = match verb {
        DomainVerb::Add { domain, alias_of } => {
            let missing = alias_of.as_ref().map(|other| format!("{other} is no domain here")).unwrap_or_default();
            return about(accounts.domain_add(&actor, &domain, alias_of.as_ref()).await, &domain, &missing);
        }
        DomainVerb::Default { domain } => {
            return about(accounts.domain_default(&actor, &domain).await, &domain, NO_DOMAIN);
        }
        DomainVerb::Remove { domain } => {
            return about(accounts.domain_remove(&actor, &domain).await, &domain, NO_DOMAIN);
        }
        DomainVerb::List { json } => (None, json),
        DomainVerb::Show { domain, json } => (Some(domain), json),
    };
    let mut list = accounts.domain_list().await?;
    if let Some(wanted) = wanted {
        list.retain(|domain| domain.name == wanted.as_str());
        if list.is_empty() {
            bail!("{wanted}: {NO_DOMAIN}");
        }
    }
    let rows = list
        .iter()
        .map(|d| json!({ "domain": d.name, "default": d.is_default, "alias_of": d.alias_of, "accounts": d.accounts }));
    print(rows.collect(), json, |row| {
        let default = if row["default"] == true { "\tdefault" } else { "" };
        let alias = row["alias_of"].as_str().map(|other| format!("\tlike {other}")).unwrap_or_default();
        format!("{}\t{} accounts{default}{alias}", text(row, "domain"), row["accounts"])
    })
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

async fn account(house: &House, verb: AccountVerb, password: Option<Secret<String>>) -> Result<()> {
    let (accounts, actor) = (&house.services.accounts, Actor::command_line());
    let password = password.unwrap_or(Secret::new(String::new()));
    match verb {
        AccountVerb::Add { address, password_stdin: _, name, role, quota } => {
            let missing = format!("{} is no domain here: mailstead domain add {0}", address.domain());
            let added = accounts.add(&actor, &address, &name, role, quota, password).await;
            about(added, &address, &missing).map(|_| ())
        }
        AccountVerb::List { domain, json } => {
            if let Some(domain) = &domain {
                known(house, domain).await?;
            }
            let list = accounts.list(domain.as_ref()).await?;
            print(list.iter().map(shown).collect(), json, account_line)
        }
        AccountVerb::Show { address, json } => {
            let account = about(accounts.show(&address).await, &address, NO_ACCOUNT)?;
            print(vec![shown(&account)], json, account_line)
        }
        AccountVerb::Suspend { address } => {
            about(accounts.set_suspended(&actor, &address, true).await, &address, NO_ACCOUNT)
        }
        AccountVerb::Resume { address } => {
            about(accounts.set_suspended(&actor, &address, false).await, &address, NO_ACCOUNT)
        }
        AccountVerb::Remove { address } => about(accounts.remove(&actor, &address).await, &address, NO_ACCOUNT),
        AccountVerb::SetPassword { address, password_stdin: _ } => {
            about(accounts.set_password(&actor, &address, password).await, &address, NO_ACCOUNT)
        }
        AccountVerb::ResetSecondFactor { address } => {
            let missing = "no such account, or it has no second factor";
            about(house.services.second_factors.reset(&actor, &address).await, &address, missing)
        }
        AccountVerb::SetRole { address, role } => {
            about(accounts.set_role(&actor, &address, role).await, &address, NO_ACCOUNT)
        }
        AccountVerb::Rename { address, name } => {
            about(accounts.rename(&actor, &address, &name).await, &address, NO_ACCOUNT)
        }
        AccountVerb::SetQuota { address, quota } => {
            let octets = match quota {
                Quota::Default => None,
                Quota::Octets(octets) => Some(octets),
            };
            about(accounts.set_quota(&actor, &address, octets).await, &address, NO_ACCOUNT)
        }
    }
}

async fn known(house: &House, domain: &Domain) -> Result<()> {
    let list = house.services.accounts.domain_list().await?;
    if !list.iter().any(|known| known.name == domain.as_str()) {
        bail!("{domain}: {NO_DOMAIN}");
    }
    Ok(())
}

async fn alias(house: &House, verb: AliasVerb) -> Result<()> {
    let (accounts, actor) = (&house.services.accounts, Actor::command_line());
    match verb {
        AliasVerb::Add { alias, targets } => {
            known(house, alias.domain()).await?;
            let list = targets.iter().map(Address::to_string).collect::<Vec<_>>().join(", ");
            let missing = format!("there is no such account among {list}");
            about(accounts.alias_add(&actor, &alias, &targets).await, &alias, &missing)
        }
        AliasVerb::Remove { alias } => {
            about(accounts.alias_remove(&actor, &alias).await, &alias, "no such alias; see mailstead alias list")
        }
        AliasVerb::List { json } => {
            let list = accounts.alias_list().await?;
            let rows = list.iter().map(|a| {
                let targets: Vec<&String> = a.targets.iter().chain(a.account.iter()).collect();
                json!({ "alias": format!("{}@{}", a.local, a.domain), "targets": targets, "enabled": a.enabled })
            });
            print(rows.collect(), json, |row| {
                let targets = row["targets"].as_array().into_iter().flatten().filter_map(Value::as_str);
                format!("{}\t{}", text(row, "alias"), targets.collect::<Vec<_>>().join(" "))
            })
        }
    }
}

async fn queue(house: &House, verb: QueueVerb) -> Result<()> {
    let (queue, actor) = (&house.services.queue, Actor::command_line());
    let (id, json) = match verb {
        QueueVerb::List { json } => (None, json),
        QueueVerb::Show { id, json } => (Some(id), json),
        QueueVerb::Retry { id, .. } => {
            let due = queue.retry(&actor, id.map(QueueId)).await;
            let due = about(due, id.map_or_else(|| "all".to_owned(), |id| id.to_string()), NO_MESSAGE)?;
            return say(format_args!("{due} recipients are due now"));
        }
        QueueVerb::Hold { id } => return about(queue.hold(&actor, QueueId(id)).await, id, NO_MESSAGE),
        QueueVerb::Release { id } => return about(queue.release(&actor, QueueId(id)).await, id, NO_MESSAGE),
        QueueVerb::Drop { id } => return about(queue.drop_message(&actor, QueueId(id)).await, id, NO_MESSAGE),
    };
    let list = queue.list(id.map(QueueId)).await?;
    if let Some(id) = id.filter(|_| list.is_empty()) {
        bail!("{id}: {NO_MESSAGE}");
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
    })
}

async fn settings(house: &House, verb: SettingsVerb) -> Result<()> {
    let (settings, actor) = (&house.services.settings, Actor::command_line());
    match verb {
        SettingsVerb::Set { name, value } => {
            let done = settings.set(&actor, &name, &value).await;
            if let (Err(Refusal::Invalid(_)), Some(definition)) = (&done, definition(&name)) {
                bail!("{name}: {value} does not fit; it is {}", definition.kind);
            }
            about(done, name, NO_SETTING)
        }
        SettingsVerb::Reset { name } => about(settings.reset(&actor, &name).await, name, NO_SETTING),
        SettingsVerb::Get { name, json } => {
            let shown = settings.list().into_iter().find(|s| s.definition.name == name);
            let shown = shown.ok_or_else(|| anyhow!("{name}: {NO_SETTING}"))?;
            if json { say(setting(&shown)) } else { say(shown.value) }
        }
        SettingsVerb::List { json } => print(settings.list().iter().map(setting).collect(), json, |row| {
            format!(
                "{} = {}\n    {}; default {}\n    {}",
                text(row, "name"),
                text(row, "value"),
                text(row, "type"),
                text(row, "default"),
                text(row, "reason")
            )
        }),
    }
}

fn setting(shown: &Shown) -> Value {
    let definition = shown.definition;
    json!({
        "name": definition.name, "value": shown.value, "type": definition.kind.to_string(), "default": definition.default,
        "changed": shown.changed, "reason": definition.reason,
    })
}

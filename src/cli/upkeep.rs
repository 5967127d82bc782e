//! The verbs that look after the house itself: status, fsck, key.

use super::{say, with_house};
use crate::app::{House, status};
use crate::config::Config;
use crate::service::account::Actor;
use crate::service::seal::Keys;
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// One line for the database and each door; exit 0 only if all answer
    Status {
        #[arg(long)]
        json: bool,
    },
    /// Check every message against its hash and every counter against its mailbox; exit 1 if anything is wrong
    ///
    /// Works beside a running server. With --repair, counters are counted anew and what is read from a message is
    /// computed anew; a message whose octets are damaged is told, never thrown away.
    Fsck {
        #[arg(long)]
        repair: bool,
        #[arg(long)]
        json: bool,
    },
    /// The key that seals passwords and other secrets
    #[command(subcommand)]
    Key(KeyVerb),
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyVerb {
    /// Make a new key and seal everything with it
    ///
    /// Stop the server first (on every node that shares the database), and copy the key file to the other nodes
    /// afterwards. A rotation that is cut off goes on at the next call: until it ends, the file holds both keys.
    Rotate,
}

pub(super) async fn run(config: Config, verb: Verb) -> Result<()> {
    match verb {
        Verb::Status { json } => show_status(&config, json).await,
        Verb::Fsck { repair, json } => fsck(&config, repair, json).await,
        Verb::Key(KeyVerb::Rotate) => rotate(&config).await,
    }
}

async fn show_status(config: &Config, json: bool) -> Result<()> {
    let mut lines = status::doors(config).await?;
    let asked = with_house(config, Duration::ZERO, async |house| {
        let domains = house.services.accounts.domain_list().await?;
        let warning = house.warning().map_or_else(String::new, |words| format!("; {words}"));
        Ok(format!("answers, {} domains{warning}", domains.len()))
    });
    let database = tokio::time::timeout(status::LIMIT, asked).await;
    let database = database.unwrap_or_else(|_| bail!("no answer within {} s", status::LIMIT.as_secs()));
    lines.insert(0, status::Line { name: "database".into(), place: String::new(), answer: database });
    let well = lines.iter().all(|line| line.answer.is_ok());
    let words = |line: &status::Line| match &line.answer {
        Ok(said) => said.clone(),
        Err(why) => format!("{why:#}").replace('\n', " "),
    };
    if json {
        let row = |line: &status::Line| json!({ "name": line.name, "place": line.place, "ok": line.answer.is_ok(), "answer": words(line) });
        say(serde_json::Value::Array(lines.iter().map(row).collect()))?;
    } else {
        for line in &lines {
            let mark = if line.answer.is_ok() { "ok  " } else { "FAIL" };
            say(format_args!("{mark} {:<12} {:<24} {}", line.name, line.place, words(line)))?;
        }
    }
    if well { Ok(()) } else { bail!("not everything answers") }
}

async fn fsck(config: &Config, repair: bool, json: bool) -> Result<()> {
    let watched = std::io::stderr().is_terminal();
    let told = |done, all| {
        if watched {
            eprint!("\r{done} of {all} bodies checked ");
            let _ = std::io::stderr().flush();
        }
    };
    let report =
        with_house(config, Duration::ZERO, async |house| Ok(house.services.fsck.check(repair, told).await?)).await;
    if watched {
        eprintln!();
    }
    let report = report?;
    let open = report.findings.iter().filter(|finding| !finding.repaired).count();
    if json {
        let findings: Vec<_> = report
            .findings
            .iter()
            .map(|f| json!({ "kind": f.kind, "subject": f.subject, "detail": f.detail, "repaired": f.repaired }))
            .collect();
        say(json!({ "bodies": report.blobs, "octets": report.octets, "findings": findings }))?;
    } else {
        for finding in &report.findings {
            let repaired = if finding.repaired { " (repaired)" } else { "" };
            say(format_args!("{}: {}: {}{repaired}", finding.kind, finding.subject, finding.detail))?;
        }
        let (messages, octets, findings) = (report.blobs, report.octets, report.findings.len());
        say(format_args!(
            "{messages} bodies (copies of a message share one) of {octets} octets checked, {findings} findings"
        ))?;
    }
    if open == 0 { Ok(()) } else { bail!("{open} findings need care") }
}

async fn rotate(config: &Config) -> Result<()> {
    let path = &config.key_file;
    let patience = Duration::from_secs(1);
    with_house(config, patience, async |house| alone(config, house)).await?;
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let keys = |text: &str| {
        text.lines().filter(|line| line.starts_with("mailstead-key-")).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut list = keys(&text);
    // Two keys: a rotation was cut off; it goes on with the newer one.
    if list.len() < 2 {
        list.push(Keys::generate_line()?);
        replace(path, &list)?;
    }
    // One that was started meanwhile has read the old key alone: nothing may be sealed beside it.
    let count = with_house(config, patience, async |house| {
        alone(config, house)?;
        Ok(house.services.rotation.run(&Actor::command_line()).await?)
    })
    .await?;
    let newest = list.split_off(list.len() - 1);
    replace(path, &newest)?;
    let path = path.display();
    say(format_args!("{count} secrets sealed with the new key. Copy {path} to every node, and keep a copy elsewhere."))
}

/// Nobody serves from this data directory, with whatever database.
fn alone(config: &Config, house: &House) -> Result<()> {
    if !house.is_alone() || status::server(config).is_ok() {
        bail!("a mailstead runs on {}: stop it, then rotate", config.data_dir.display());
    }
    Ok(())
}

/// Puts a new key file in the place of the old one, whole or not at all, for the same owner.
fn replace(path: &Path, keys: &[String]) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path).with_context(|| path.display().to_string())?;
    let draft = path.with_extension("draft");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "# Mailstead's sealing key. Keep a copy: without it nobody can sign in.")?;
    keys.iter().try_for_each(|key| writeln!(file, "{key}"))?;
    file.sync_all()?;
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&draft, Some(meta.uid()), Some(meta.gid()))?;
    }
    std::fs::rename(&draft, path).with_context(|| path.display().to_string())
}

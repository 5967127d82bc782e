//! argv → verbs. Errors are one line on standard error; exit 0, 1 (failed) or 2 (usage).

mod admin;
pub mod demo;
mod upkeep;
mod verbs;

use crate::app::{self, House};
use crate::config::Config;
use anyhow::{Result, bail};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// A mail appliance for a community.
#[derive(Debug, Parser)]
#[command(name = "mailstead", version, arg_required_else_help = true, after_help = FIRST_STEPS)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    verb: Verb,
}

const FIRST_STEPS: &str = "\
First steps:
  mailstead demo                                  look around in a made-up community
  mailstead domain add example.org                take mail for a domain
  echo 'correct horse' | mailstead account add ann@example.org --password-stdin --role owner
  mailstead serve                                 open the doors
  mailstead status                                see that they answer
Verbs work beside a running server and without one (key rotate only without). They exit with 0, 1 (failed) or 2 (usage).";

/// Where the configuration and the data are.
#[derive(Debug, Clone, Args)]
struct Place {
    /// Configuration file; DIR/mailstead.toml where there is one
    #[arg(long, global = true, value_name = "FILE", env = "MAILSTEAD_CONFIG")]
    config: Option<PathBuf>,
    /// Data directory; /var/lib/mailstead by default
    #[arg(long, global = true, value_name = "DIR", env = "MAILSTEAD_DATA")]
    data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run in the foreground; SIGTERM drains and ends, SIGHUP reads certificates and settings again
    Serve,
    /// A small community on loopback and high ports, with mail in it; prints addresses and passwords
    Demo {
        /// Start over: removes the demo's data first
        #[arg(long)]
        fresh: bool,
    },
    #[command(flatten)]
    Upkeep(upkeep::Verb),
    #[command(flatten)]
    Admin(verbs::Verb),
}

impl Verb {
    /// Whether it makes a new appliance where there is none.
    fn founds(&self) -> bool {
        use verbs::{DomainVerb, SettingsVerb};
        matches!(
            self,
            Self::Serve
                | Self::Demo { .. }
                | Self::Admin(
                    verbs::Verb::SetupLink
                        | verbs::Verb::Domain(DomainVerb::Add { .. })
                        | verbs::Verb::Settings(SettingsVerb::Set { .. })
                )
        )
    }
}

/// A verb that looks or changes has something to look at: a mistyped directory is told and not made.
fn must_be_there(config: &Config) -> Result<()> {
    let place = config.data_dir.display();
    match config.key_file.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => {
            bail!("there is no Mailstead in {place}: check --data, or begin with mailstead domain add or serve")
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            bail!("{place} is not yours: run this as root or as the user that Mailstead runs as")
        }
        Err(error) => bail!("{place}: {error}"),
    }
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            match error.kind() {
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => drop(error.print()),
                _ => eprintln!("mailstead: {}", usage_line(&error.render().to_string())),
            }
            return ExitCode::from(2);
        }
    };
    crate::telemetry::start();
    match work(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mailstead: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes; one that its parent's words have already is not told twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut out = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !out.contains(&cause) {
            let colon = if out.is_empty() { "" } else { ": " };
            out.push_str(&format!("{colon}{cause}"));
        }
    }
    out.replace('\n', " ")
}

/// What is wrong with the arguments in one line, and which help says what would be right.
fn usage_line(rendered: &str) -> String {
    let mut parts = rendered.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let fault = parts.next().unwrap_or_default();
    let fault = fault.strip_prefix("error: ").unwrap_or(&fault).to_owned();
    let mut hints = String::new();
    for part in parts {
        if let Some(usage) = part.strip_prefix("Usage: ") {
            let verb = usage.split(' ').take_while(|word| !word.starts_with(['<', '[', '-']));
            hints.push_str(&format!("; see {} --help", verb.collect::<Vec<_>>().join(" ")));
        } else if part.starts_with("tip: ") {
            hints.push_str(&format!(" ({part})"));
        }
    }
    format!("{fault}{hints}")
}

/// Writes a line to standard output; that nobody reads on is no fault.
fn say(line: impl std::fmt::Display) -> Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => bail!("standard output: {error}"),
        _ => Ok(()),
    }
}

/// Opens the house without doors, works in it, closes it. An interrupt ends the work, not the closing: no database is
/// left behind.
async fn with_house<T>(config: &Config, patience: Duration, work: impl AsyncFnOnce(&House) -> Result<T>) -> Result<T> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let house = House::open(config, patience).await?;
    let done = tokio::select! {
        done = work(&house) => done,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("interrupted")),
    };
    house.close().await;
    done
}

fn work(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Verb::Demo { fresh } = cli.verb {
        if cli.place.config.is_some() {
            bail!("the demo writes a configuration of its own: name its folder with --data alone");
        }
        return runtime.block_on(demo::run(cli.place.data.as_deref(), fresh));
    }
    let config = Config::load(cli.place.config.as_deref(), cli.place.data.as_deref())?;
    if !cli.verb.founds() {
        must_be_there(&config)?;
    }
    runtime.block_on(async {
        match cli.verb {
            Verb::Demo { .. } => Ok(()),
            Verb::Serve => app::serve(config).await,
            Verb::Upkeep(verb) => upkeep::run(config, verb).await,
            Verb::Admin(verb) => admin::run(config, verb).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(arguments: &str) -> String {
        let words = std::iter::once("mailstead").chain(arguments.split(' '));
        usage_line(&Cli::try_parse_from(words).unwrap_err().render().to_string())
    }

    #[test]
    fn wrong_use_is_one_line_with_the_help_to_see() {
        for (arguments, wanted) in [
            (
                "acount list",
                "unrecognized subcommand 'acount' (tip: a similar subcommand exists: 'account'); see mailstead --help",
            ),
            ("account frobnicate", "unrecognized subcommand 'frobnicate'; see mailstead account --help"),
            (
                "domain remove",
                "the following required arguments were not provided: <DOMAIN>; see mailstead domain remove --help",
            ),
            (
                "account add ann --password-stdin",
                "invalid value 'ann' for '<ADDRESS>': an address has the form name@domain",
            ),
            (
                "account add ann@example.org --password-stdin --role king",
                "invalid value 'king' for '--role <ROLE>': a role is member, helper, domain-admin or owner",
            ),
            (
                "account set-quota ann@example.org much",
                "invalid value 'much' for '<QUOTA>': a quota is a size such as 2GiB",
            ),
        ] {
            assert_eq!(fault(arguments), wanted);
        }
    }

    #[test]
    fn every_verb_has_a_help_that_says_something() {
        fn look(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            command.get_subcommands().for_each(look);
        }
        look(&<Cli as clap::CommandFactory>::command());
    }
}

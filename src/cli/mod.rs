//! argv → verbs. Errors are one line on standard error; exit 0, 1 (failed) or 2 (usage).

mod admin;
pub mod demo;
mod upkeep;

use crate::app;
use crate::config::Config;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A mail appliance for a community.
#[derive(Debug, Parser)]
#[command(name = "mailstead", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    verb: Verb,
}

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
    Admin(admin::Verb),
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
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

fn work(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Verb::Demo { fresh } = cli.verb {
        return runtime.block_on(demo::run(cli.place.data.as_deref(), fresh));
    }
    let config = Config::load(cli.place.config.as_deref(), cli.place.data.as_deref())?;
    runtime.block_on(async {
        match cli.verb {
            Verb::Demo { .. } => Ok(()),
            Verb::Serve => app::serve(config).await,
            Verb::Upkeep(verb) => upkeep::run(config, verb).await,
            Verb::Admin(verb) => admin::run(config, verb).await,
        }
    })
}

//! Asks every door whether it answers.

use crate::config::Config;
use crate::net::client::{Check, ClientTls, connect};
use crate::net::stream::Stream;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest a door may take.
pub const LIMIT: Duration = Duration::from_secs(5);

/// One line of `status`.
#[derive(Debug)]
pub struct Line {
    /// `database`, or the door's key in `[listen]`.
    pub name: String,
    pub place: String,
    /// What it said, or why it did not.
    pub answer: Result<String>,
}

/// `DIR/ready.json` of the process that serves.
///
/// # Errors
/// When nothing serves: the file is not there, or its process is not.
pub fn server(config: &Config) -> Result<Value> {
    let path = config.data_dir.join("ready.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("no mailstead serves from {}", config.data_dir.display()))?;
    let ready: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let pid = ready["pid"].as_i64().unwrap_or_default();
    if !Path::new(&format!("/proc/{pid}")).exists() {
        bail!("the mailstead that served from {} (process {pid}) is gone", config.data_dir.display());
    }
    Ok(ready)
}

/// Asks each door of the process that serves.
///
/// # Errors
/// As [`server`].
pub async fn doors(config: &Config) -> Result<Vec<Line>> {
    let ready = server(config)?;
    let mut out = Vec::new();
    for (name, places) in ready["listen"].as_object().into_iter().flatten() {
        for place in places.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let answer = tokio::time::timeout(LIMIT, ask(name, place)).await;
            let answer = answer.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {} s", LIMIT.as_secs())));
            out.push(Line { name: name.clone(), place: place.to_owned(), answer });
        }
    }
    Ok(out)
}

async fn ask(name: &str, place: &str) -> Result<String> {
    let mut stream = match place.starts_with('/') {
        true => Stream::unix(tokio::net::UnixStream::connect(place).await?),
        false => {
            let (host, port) = place.rsplit_once(':').context("no port")?;
            // A door on all addresses answers on loopback too.
            let host = match host {
                "0.0.0.0" => "127.0.0.1",
                "[::]" => "::1",
                other => other.trim_matches(['[', ']']),
            };
            connect(host, port.parse()?, LIMIT).await?
        }
    };
    if matches!(name, "submissions" | "imaps" | "https") {
        // Whether the certificate is good for its name is the clients' question; here it is whether the door works.
        stream = stream.start_client_tls(&ClientTls::system()?, Check::Nothing, "localhost", LIMIT).await?;
    }
    if name.starts_with("http") {
        // Nobody is greeted here before they ask.
        stream.write_all(b"HEAD /alive HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        stream.flush().await?;
    }
    let mut said = Vec::new();
    while !said.ends_with(b"\n") && said.len() < 4096 {
        let octet = stream.read_u8().await.context("closed without a word")?;
        said.push(octet);
    }
    let said = String::from_utf8_lossy(&said).trim_end().to_owned();
    // The plain door sends everybody on to the other.
    let fine = ["220 ", "* OK ", "HTTP/1.1 200 ", "HTTP/1.1 308 "].iter().any(|start| said.starts_with(start));
    if fine { Ok(said) } else { bail!("{said}") }
}

//! DIR/demo.json: who there is, and what they sign in with.

use super::people::{DOMAIN, PEOPLE};
use crate::app::Listening;
use crate::model::address::Address;
use crate::service::readable;
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The demo's book.
#[derive(Clone)]
pub(super) struct Book {
    /// In the order of [`PEOPLE`].
    pub members: Vec<Member>,
    /// What the mail's dates are counted from.
    pub made: DateTime<Utc>,
    /// Where browsers find it, as of this start.
    pub web: String,
}

#[derive(Clone)]
pub(super) struct Member {
    pub local: String,
    pub password: String,
    pub second: Option<Second>,
}

/// What a second factor brings with it.
#[derive(Clone)]
pub(super) struct Second {
    /// The seed in base32.
    pub totp: String,
    pub recovery: Vec<String>,
    /// For mail programs, which the main password no longer opens.
    pub app_password: String,
}

impl Member {
    pub fn address(&self) -> Result<Address> {
        Ok(Address::parse(&format!("{}@{DOMAIN}", self.local))?)
    }

    /// What a mail program signs in with.
    fn mail_password(&self) -> &str {
        self.second.as_ref().map_or(&self.password, |second| &second.app_password)
    }
}

impl Book {
    /// Reads the book, or begins one.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("demo.json");
        if path.exists() {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            return Self::read(&text)
                .with_context(|| format!("{} is damaged; start over with --fresh", path.display()));
        }
        let member = |local: &str| {
            let password = readable::fresh(5)?.expose().clone();
            Ok(Member { local: local.to_owned(), password, second: None })
        };
        let members = PEOPLE.iter().map(|person| member(person.local)).collect::<Result<_>>()?;
        let book = Self { members, made: Utc::now(), web: String::new() };
        book.write(directory)?;
        Ok(book)
    }

    /// Puts the book in its place, whole or not at all.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let path = directory.join("demo.json");
        let draft = directory.join("demo.json.draft");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        std::io::Write::write_all(&mut file, format!("{:#}\n", self.json()).as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, &path).with_context(|| path.display().to_string())
    }

    pub fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let second = |entry: &Value| {
            let recovery = entry["recovery"].as_array()?.iter().map(text).collect::<Option<_>>()?;
            Some(Second { totp: text(&entry["totp"])?, recovery, app_password: text(&entry["app_password"])? })
        };
        let member = |entry: &Value| {
            let local = entry["address"].as_str()?.split('@').next()?.to_owned();
            Some(Member { local, password: text(&entry["password"])?, second: second(entry) })
        };
        let members = value["members"].as_array()?.iter().map(member).collect::<Option<Vec<_>>>()?;
        (members.len() == PEOPLE.len()).then_some(())?;
        let web = text(&value["web"]).unwrap_or_default();
        Some(Self { members, made: value["made"].as_str()?.parse().ok()?, web })
    }

    fn json(&self) -> Value {
        let entry = |(person, member): (&super::people::Person, &Member)| {
            let mut entry = json!({
                "address": format!("{}@{DOMAIN}", member.local), "name": person.name, "role": person.role,
                "password": member.password,
            });
            if let Some(second) = &member.second {
                entry["totp"] = json!(second.totp);
                entry["recovery"] = json!(second.recovery);
                entry["app_password"] = json!(second.app_password);
            }
            entry
        };
        let members: Vec<Value> = PEOPLE.iter().zip(&self.members).map(entry).collect();
        json!({ "domain": DOMAIN, "web": self.web, "made": self.made.to_rfc3339(), "members": members })
    }

    /// Who there is and where; a reader that goes away does not end the demo.
    pub fn print(&self, listening: &Listening, directory: &Path) {
        let mut out = format!("Mailstead's demo community {DOMAIN} is ready.\n\n");
        let mut line = |text: std::fmt::Arguments| out.push_str(&format!("{text}\n"));
        for (door, places) in &listening.doors {
            line(format_args!("  {door:<12} {}", places.join("  ")));
        }
        line(format_args!("\n  In a browser: {}", listening.web));
        line(format_args!("\n  {:<24} {:<13} {:<32} name", "address", "role", "password"));
        for (person, member) in PEOPLE.iter().zip(&self.members) {
            let address = format!("{}@{DOMAIN}", member.local);
            line(format_args!("  {address:<24} {:<13} {:<32} {}", person.role, member.password, person.name));
        }
        line(format_args!(
            "\nThe owner and the domain admin have a second factor. Their mail programs use an app password:"
        ));
        for member in self.members.iter().filter(|member| member.second.is_some()) {
            line(format_args!("  {:<24} {}", format!("{}@{DOMAIN}", member.local), member.mail_password()));
        }
        line(format_args!("and an authenticator app makes their codes from:"));
        for (member, second) in self.members.iter().filter_map(|member| Some((member, member.second.as_ref()?))) {
            line(format_args!("  {:<24} {}", format!("{}@{DOMAIN}", member.local), second.totp));
        }
        let port = |door: &str| listening.doors.get(door).and_then(|p| p.first()).cloned().unwrap_or_default();
        let (imaps, submissions, book) = (port("imaps"), port("submissions"), directory.join("demo.json"));
        line(format_args!(
            "\nA mail client reads by IMAP at {imaps} and sends by SMTP at {submissions}, both with SSL/TLS from the start;"
        ));
        line(format_args!("the user name is the address, and the self-made certificate is to be accepted once."));
        line(format_args!("\nPasswords are kept in {}. Ctrl-C ends; --fresh starts over.", book.display()));
        let _ = std::io::Write::write_all(&mut std::io::stdout(), out.as_bytes());
    }
}

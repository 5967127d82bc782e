//! `mailstead demo`: a small community on loopback and high ports, with mail in it.

mod book;
pub mod content;
mod people;
mod shapes;

use crate::app;
use crate::config::Config;
use crate::model::address::{Address, Domain};
use crate::model::flags::{Flags, Keyword, SystemFlags};
use crate::model::mailbox::MailboxPath;
use crate::model::secret::Secret;
use crate::service::account::{Actor, Role};
use crate::service::login::{Origin, Protocol};
use crate::service::message::Append;
use crate::service::{Refusal, Services, totp};
use anyhow::{Context, Result, bail};
use book::{Book, Second};
use nix::fcntl::{Flock, FlockArg};
use people::{ALIASES, DOMAIN, PEOPLE};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// Doors and the ports they have where those are free.
const DOORS: [(&str, u16); 8] = [
    ("smtp", 2525),
    ("submission", 2587),
    ("submissions", 2465),
    ("lmtp", 2424),
    ("imap", 2143),
    ("imaps", 2993),
    ("http", 8080),
    ("https", 8443),
];
/// Written last: the boxes are full.
const FILLED: &str = "demo.filled";

/// Starts the demo; the first start makes and fills it.
///
/// # Errors
/// In words: what could not be made or reached.
pub(super) async fn run(data: Option<&Path>, fresh: bool) -> Result<()> {
    let directory = match data {
        Some(path) => path.to_owned(),
        None => default_directory()?,
    };
    if fresh {
        start_over(&directory).await?;
    }
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    if !is_ours(&directory)? {
        bail!(
            "{} is not empty and no demo, or holds something else too: name another folder with --data",
            directory.display()
        );
    }
    // Before anything is written: a running demo keeps its files.
    drop(take_lock(&directory)?);
    let mut book = Book::open(&directory)?;
    book.web = write_config(&directory)?;
    book.write(&directory)?;
    let config = Config::load(None, Some(&directory))?;
    let place = directory.clone();
    let filling = book.clone();
    app::serve_prepared(
        config,
        async move |services| {
            if !place.join(FILLED).exists() {
                eprintln!("Making the members and their mail …");
                fill(services, &filling).await?;
                std::fs::write(place.join(FILLED), "").with_context(|| place.display().to_string())?;
            }
            // Afterwards: with a second factor no mail door takes the password that fills the boxes.
            enrol(services, filling, &place).await
        },
        |listening| Book::open(&directory).unwrap_or(book).print(listening, &directory),
    )
    .await
}

fn default_directory() -> Result<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        return Ok("/var/lib/mailstead-demo".into());
    }
    let home = std::env::var_os("HOME").context("HOME is not set: name a folder with --data")?;
    Ok(PathBuf::from(home).join(".local/share/mailstead-demo"))
}

/// What a demo makes in its folder; nothing else is ever removed. The book is last: while it is there, the folder is known
/// as a demo's.
const OURS: [&str; 11] = [
    "ready.json",
    "ready.draft",
    "mailstead.toml",
    FILLED,
    "secret.key",
    "secret.draft",
    "tls",
    "postgres",
    "lock",
    "demo.json.draft",
    "demo.json",
];

/// A folder that the demo may use: an empty one, or one with a demo's book and nothing foreign.
fn is_ours(directory: &Path) -> Result<bool> {
    let entries = std::fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let book = || {
        let text = std::fs::read_to_string(directory.join("demo.json")).unwrap_or_default();
        Book::read(&text).is_some()
    };
    // Of a first start that was cut off before it had a book.
    let only_draft = names.iter().all(|name| name == "demo.json.draft" || name == "lock");
    Ok(only_draft || (book() && names.iter().all(|name| OURS.iter().any(|ours| name == ours))))
}

/// Nobody else starts or runs a demo in `directory` while this is held.
fn take_lock(directory: &Path) -> Result<Flock<std::fs::File>> {
    let path = directory.join("lock");
    let mut options = std::fs::OpenOptions::new();
    let file =
        options.create(true).truncate(false).write(true).open(&path).with_context(|| path.display().to_string())?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|_| anyhow::anyhow!("a demo runs in {}: stop it first", directory.display()))
}

/// Removes the demo in `directory`, and nothing that is no demo.
async fn start_over(directory: &Path) -> Result<()> {
    if !directory.exists() || std::fs::read_dir(directory)?.next().is_none() {
        return Ok(());
    }
    if !is_ours(directory)? {
        bail!("{} is no demo, or holds something else too: it stays as it is", directory.display());
    }
    let _lock = take_lock(directory)?;
    stop_postgres(directory).await?;
    for name in OURS {
        let path = directory.join(name);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| path.display().to_string());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Ends a PostgreSQL that a crash left behind.
async fn stop_postgres(directory: &Path) -> Result<()> {
    let data = directory.join("postgres/data");
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(pid) = text.lines().next().and_then(|line| line.parse().ok()) else {
        return Ok(());
    };
    // The number may have gone to another process since, even to another PostgreSQL.
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if memchr::memmem::find(&command, data.as_os_str().as_encoded_bytes()).is_none() {
        return Ok(());
    }
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGQUIT).context("PostgreSQL")?;
    for _ in 0..200 {
        if nix::sys::signal::kill(pid, None).is_err() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    bail!("PostgreSQL (process {pid}) does not end")
}

/// Writes DIR/mailstead.toml, so that the admin's verbs find the demo too; a port in use is replaced by a free one.
/// Answers where browsers find it.
fn write_config(directory: &Path) -> Result<String> {
    let mut text = format!(
        "# Written by `mailstead demo` at each start.\nhostname = \"mail.{DOMAIN}\"\n[limits]\nexempt = [\"127.0.0.0/8\"]\n[listen]\n"
    );
    let mut web = String::new();
    for (door, port) in DOORS {
        let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|l| l.local_addr());
        let address = free(port).or_else(|_| free(0)).context("no free port")?;
        text.push_str(&format!("{door} = [\"{address}\"]\n"));
        if door == "https" {
            web = format!("https://localhost:{}", address.port());
        }
    }
    // Its host name is made up: a browser on this machine finds it by this one.
    text.push_str(&format!("[web]\nurl = \"{web}\"\n"));
    let path = directory.join("mailstead.toml");
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(web)
}

/// Makes what is not there yet: a start that was cut off goes on where it stopped.
async fn fill(services: &Services, book: &Book) -> Result<()> {
    let actor = Actor::command_line();
    existing(services.accounts.domain_add(&actor, &Domain::parse(DOMAIN)?, None).await)?;
    for (person, member) in PEOPLE.iter().zip(&book.members) {
        let role = Role::parse(person.role).context("role")?;
        let password = Secret::new(member.password.clone());
        existing(services.accounts.add(&actor, &member.address()?, person.name, role, None, password).await)?;
    }
    for (alias, members) in ALIASES {
        let targets =
            members.iter().map(|local| Address::parse(&format!("{local}@{DOMAIN}"))).collect::<Result<Vec<_>, _>>()?;
        existing(services.accounts.alias_add(&actor, &Address::parse(&format!("{alias}@{DOMAIN}"))?, &targets).await)?;
    }
    let mut boxes: BTreeMap<(&str, String), Vec<content::DemoMessage>> = BTreeMap::new();
    for message in content::messages(book.made) {
        boxes.entry((message.owner, message.folder.clone())).or_default().push(message);
    }
    for ((owner, folder), messages) in boxes {
        let member = book.members.iter().find(|member| member.local == owner).context("an unknown owner")?;
        let password = Secret::new(member.password.clone());
        let address = member.address()?.to_string();
        let who = services.login.password(&origin(Protocol::Imap), "", &address, &password).await?;
        let path = MailboxPath::parse(&folder)?;
        existing(services.mailboxes.create(&who, &path, None).await)?;
        existing(services.mailboxes.subscribe(&who, &path, true).await)?;
        // A box is filled at once or not at all.
        if services.mailboxes.status(&who, &path).await?.messages == 0 {
            let items = spooled(services, messages).await?;
            services.messages.append(&who, &path, items).await?;
        }
    }
    Ok(())
}

/// Gives those who may do things to others the second factor that they can't be without, and an app password for their
/// mail programs.
async fn enrol(services: &Services, mut book: Book, directory: &Path) -> Result<()> {
    let origin = origin(Protocol::Web);
    for (n, person) in PEOPLE.iter().enumerate() {
        let member = &book.members[n];
        let role = Role::parse(person.role).context("role")?;
        if !role.needs_second_factor() || member.second.is_some() {
            continue;
        }
        let (address, password) = (member.address()?.to_string(), Secret::new(member.password.clone()));
        let who = services.login.web(&origin, "mailstead demo", &address, &password).await?.who;
        let begun = services.second_factors.begin(&who).await?;
        let totp = begun.secret.expose().clone();
        // The code of a moment ago: the one shown now is for who signs in next.
        let seed = totp::from_base32(&totp).context("a seed in base32")?;
        let code = totp::code(&seed, totp::step_at(services.clock.now()) - 1);
        let codes = services.second_factors.confirm(&who, &origin, &code).await?;
        let made = services.app_passwords.make(&codes.who, &origin, "Demo mail program").await?;
        let recovery = codes.codes.iter().map(|code| code.expose().clone()).collect();
        book.members[n].second = Some(Second { totp, recovery, app_password: made.password.expose().clone() });
        book.write(directory)?;
    }
    Ok(())
}

fn origin(protocol: Protocol) -> Origin {
    Origin { peer: Ipv4Addr::LOCALHOST.into(), protocol, domain_hint: None }
}

async fn spooled(services: &Services, messages: Vec<content::DemoMessage>) -> Result<Vec<Append>> {
    let mut out = Vec::with_capacity(messages.len());
    for message in messages {
        let mut spool = services.spool.begin(message.bytes.len() as u64).await?;
        spool.push(&message.bytes).await?;
        let mut flags = Flags::default();
        for flag in message.flags {
            match SystemFlags::named(flag) {
                Some(bit) => flags.system |= bit,
                None => flags.keywords.extend(Keyword::parse(flag)),
            }
        }
        out.push(Append { message: spool.finish(), flags, internal_date: Some(message.at) });
    }
    Ok(out)
}

/// What was made by an earlier start is no fault.
fn existing<T>(done: Result<T, Refusal>) -> Result<()> {
    match done {
        Ok(_) | Err(Refusal::Exists) => Ok(()),
        Err(other) => Err(other.into()),
    }
}

//! Puts the house together: configuration → store → services → doors, and takes it apart in the opposite order.

pub mod status;

use crate::config::{Config, Database, ListenAddress};
use crate::front::imap;
use crate::front::smtp::{self, Kind};
use crate::model::clock::Clock;
use crate::net::client::ClientTls;
use crate::net::listener::{Door, Gate, Limits, Listener, bind, bind_unix};
use crate::net::tls::{ServerTls, Source};
use crate::relay::{session::Times, worker};
use crate::service::seal::Keys;
use crate::service::{Options, Services};
use crate::store::postgres::{self, PrivatePostgres, Role};
use crate::store::{self, Store, migrate, parse_url, proof};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The database and the services on it, without doors.
pub struct House {
    pub services: Services,
    pub store: Store,
    background: Vec<tokio::task::JoinHandle<()>>,
    stop: CancellationToken,
    /// Nobody else runs on this data directory.
    supervises: bool,
    /// The runtime role can't change the audit.
    audit_protected: bool,
    /// `DIR/lock`; with a private database its supervisor has it.
    _lock: Option<nix::fcntl::Flock<std::fs::File>>,
    postgres: Option<tokio::task::JoinHandle<PrivatePostgres>>,
}

/// Whom the appliance becomes where it was started as root: `mailstead` if there is such a user, else `nobody`.
pub fn service_user() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let find = |name| nix::unistd::User::from_name(name).ok().flatten();
    let user = find("mailstead").or_else(|| find("nobody"))?;
    Some((user.uid.as_raw(), user.gid.as_raw()))
}

impl House {
    /// Starts or reaches the database, migrates it, opens the services.
    ///
    /// # Errors
    /// In words for an admin.
    pub async fn open(config: &Config, patience: Duration) -> Result<Self> {
        let user = service_user();
        make_data_directory(&config.data_dir, user)?;
        let keys = read_keys(&config.key_file, user)?;
        let stop = CancellationToken::new();
        let (runtime, owner, server, lock) = match &config.database {
            Database::Outside { url, owner_url } => {
                let lock = postgres::take_lock(&config.data_dir.join("lock"), user, patience).await?;
                let runtime = parse_url(url.expose()).context("[database] url")?;
                let owner = owner_url
                    .as_ref()
                    .map(|url| parse_url(url.expose()))
                    .transpose()
                    .context("[database] owner_url")?;
                proof::prove(&runtime).await?;
                (runtime.clone(), owner.unwrap_or(runtime), None, lock)
            }
            Database::Private => {
                let server =
                    PrivatePostgres::start(postgres::Options { directory: config.data_dir.clone(), user, patience })
                        .await?;
                (server.connect(Role::Runtime), server.connect(Role::Owner), Some(server), None)
            }
        };
        migrate::migrate(&owner, runtime.get_username()).await?;
        let audit_protected = proof::audit_is_protected(&runtime).await?;
        let store =
            Store::open(&store::Options { connect: runtime, writers: 8, readers: 8, acquire: Duration::from_secs(5) });
        let exempt = config.exempt.clone();
        let options = Options {
            clock: Clock::system(),
            keys,
            exempt: Arc::new(move |address| exempt.iter().any(|network| network.contains(address))),
            hostname: config.hostname.clone(),
        };
        let services = Services::open(store.clone(), options).await?;
        let hub = store.clone();
        let mut background = vec![tokio::spawn(async move { hub.run_hub().await })];
        background.push(tokio::spawn(follow_settings(services.clone(), stop.clone())));
        let watchers = services.watchers.clone();
        background.push(tokio::spawn(async move { watchers.run().await }));
        if server.is_some() {
            background.push(tokio::spawn(watch_disk(services.clone(), config.data_dir.clone())));
        }
        let supervises = server.as_ref().map_or(lock.is_some(), PrivatePostgres::is_supervisor);
        let postgres = server.map(|mut server| {
            let stop = stop.clone();
            tokio::spawn(async move {
                server.supervise(&stop).await;
                server
            })
        });
        Ok(Self { services, store, background, stop, supervises, audit_protected, _lock: lock, postgres })
    }

    /// Nobody else runs on this data directory.
    pub fn is_alone(&self) -> bool {
        self.supervises
    }

    /// What an admin should know of the database.
    pub fn warning(&self) -> Option<&'static str> {
        let words = "its audit is not protected: the role in [database] url may change it; let another role own the tables and name it in owner_url";
        (!self.audit_protected).then_some(words)
    }

    /// Ends the work in the background, closes the pools, stops the private PostgreSQL.
    pub async fn close(self) {
        self.stop.cancel();
        self.store.close().await;
        for task in self.background {
            task.abort();
        }
        if let Some(server) = self.postgres
            && let Ok(server) = server.await
        {
            server.stop().await;
        }
    }
}

/// Tells the services when free space goes below the reserve, before PostgreSQL's WAL finds out.
async fn watch_disk(services: Services, directory: PathBuf) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tick.tick().await;
        let Ok(disk) = nix::sys::statvfs::statvfs(&directory) else { continue };
        // What only root may use is no room for PostgreSQL. The widths differ between platforms.
        #[allow(clippy::unnecessary_cast)]
        let octets = |blocks| blocks as u64 * disk.fragment_size() as u64;
        let (free, size) = (octets(disk.blocks_available()), octets(disk.blocks()));
        let reserve = services.settings.number("disk.reserve").min(size / 20);
        let was = services.spool.is_full();
        // A tenth more before it opens again, so that it does not flap.
        let full = free < if was { reserve + reserve / 10 } else { reserve };
        if full != was {
            services.spool.set_full(full);
            let free = free / (1 << 20);
            if full {
                tracing::error!("only {free} MiB are free: mail is deferred until there is more");
            } else {
                tracing::info!("{free} MiB are free: mail is taken again");
            }
        }
    }
}

/// Sweeps and forgets, every quarter of an hour.
async fn keep_house(services: Services, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(900)) => {}
        }
        services.mailboxes.tidy();
        match services.housekeeping.round().await {
            Ok(round) => tracing::debug!(?round, "housekeeping"),
            Err(error) => tracing::warn!(%error, "housekeeping goes on later"),
        }
    }
}

/// Reads the settings again when anybody changed them, here or on another node.
async fn follow_settings(services: Services, stop: CancellationToken) {
    use crate::model::event::Event;
    use tokio::sync::broadcast::error::RecvError;
    let mut events = services.events();
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => event,
        };
        match event {
            Ok(Event::SettingsChanged | Event::Lagged) | Err(RecvError::Lagged(_)) => {
                if let Err(error) = services.settings.reload().await {
                    tracing::warn!(%error, "settings were not read again");
                }
            }
            Ok(_) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Runs the house with its doors until it is told to stop.
///
/// # Errors
/// In words for an admin: what could not be bound, read or reached.
pub async fn serve(config: Config) -> Result<()> {
    serve_prepared(config, async |_| Ok(()), |_| ()).await
}

/// Where the doors listen, by key of `[listen]`.
pub type Listening = BTreeMap<&'static str, Vec<String>>;

/// The same, with work on the services before the doors open, and words once they listen.
///
/// # Errors
/// As [`serve`]; what `prepare` says.
pub async fn serve_prepared(
    config: Config,
    prepare: impl AsyncFnOnce(&Services) -> Result<()>,
    ready: impl FnOnce(&Listening),
) -> Result<()> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let doors = Doors::bind(&config)?;
    give_up_root(&config)?;
    let house = House::open(&config, Duration::from_secs(30)).await?;
    if !house.supervises {
        bail!("another mailstead runs on {}", config.data_dir.display());
    }
    if let Some(words) = house.warning() {
        tracing::warn!("database: {words}");
    }
    let tls = ServerTls::open(match &config.tls {
        Some((certificate, key)) => Source::Files { certificate: certificate.clone(), key: key.clone() },
        None => Source::SelfMade { directory: config.data_dir.join("tls"), hostname: config.hostname.clone() },
    })?;
    prepare(&house.services).await?;
    let gate = Gate::new(Limits { exempt: config.exempt.clone(), ..Limits::default() }, config.proxies.clone());
    let listening = doors.open(&gate, &config, &tls, &house.services)?;
    let relay = start_relay(&config, &house)?;
    tokio::spawn(keep_house(house.services.clone(), house.stop.clone()));
    let file = config.data_dir.join("ready.json");
    write_ready(&file, &listening)?;
    ready(&listening);
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tracing::info!("ready");
    wait_for_signals(&tls, &house.services).await?;
    tracing::info!("stopping");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    let _ = std::fs::remove_file(&file);
    if !gate.drain(Duration::from_secs(30)).await {
        tracing::warn!("some sessions did not end in time");
    }
    relay.stop.cancel();
    if tokio::time::timeout(Duration::from_secs(20), relay.task).await.is_err() {
        tracing::warn!("mail on its way out comes back when its lease ends");
    }
    house.close().await;
    Ok(())
}

/// Appears whole or not at all: whoever waits for it reads it at once.
fn write_ready(file: &Path, listening: &Listening) -> Result<()> {
    let text = serde_json::json!({ "pid": std::process::id(), "listen": listening }).to_string();
    let draft = file.with_extension("draft");
    std::fs::write(&draft, text).with_context(|| draft.display().to_string())?;
    std::fs::rename(&draft, file).with_context(|| file.display().to_string())
}

/// Ports are bound: from here on root is not needed, and whoever breaks in does not have it.
fn give_up_root(config: &Config) -> Result<()> {
    let Some((uid, gid)) = service_user() else { return Ok(()) };
    make_data_directory(&config.data_dir, Some((uid, gid)))?;
    for name in ["lock", "tls", "ready.json", "postgres"] {
        hand_over(&config.data_dir.join(name), uid, gid)?;
    }
    hand_over(&config.key_file, uid, gid)?;
    let (uid, gid) = (nix::unistd::Uid::from_raw(uid), nix::unistd::Gid::from_raw(gid));
    let name = nix::unistd::User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    nix::unistd::setgroups(&[gid]).context("giving up root")?;
    nix::unistd::setgid(gid).context("giving up root")?;
    nix::unistd::setuid(uid).context("giving up root")?;
    // What only root can read now would be missed later, at a reload in the middle of the night.
    let files = config.tls.iter().flat_map(|(certificate, key)| [certificate, key]);
    for path in files.chain([&config.key_file]).filter(|path| path.exists() || config.tls.is_some()) {
        if let Err(error) = std::fs::File::open(path)
            && (error.kind() != std::io::ErrorKind::NotFound || *path != config.key_file)
        {
            bail!(
                "{}: the service user {name} can't read it ({error}): chgrp it to a group of {name} and chmod 640",
                path.display()
            );
        }
    }
    if std::fs::read_dir(&config.data_dir).is_err() {
        bail!(
            "{}: the service user {name} can't reach it: the folders above must be passable (chmod o+x)",
            config.data_dir.display()
        );
    }
    Ok(())
}

/// Gives what an earlier start left behind to the service user; deeper than one level only where root made it.
fn hand_over(path: &Path, uid: u32, gid: u32) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let Ok(meta) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if meta.file_type().is_symlink() || meta.uid() == uid {
        return Ok(());
    }
    chown(path, Some(uid), Some(gid)).with_context(|| path.display().to_string())?;
    if meta.is_dir() {
        for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())?.flatten() {
            hand_over(&entry.path(), uid, gid)?;
        }
    }
    Ok(())
}

/// The worker that sends what is queued.
struct Relay {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn start_relay(config: &Config, house: &House) -> Result<Relay> {
    let stop = CancellationToken::new();
    let options = worker::Options {
        smarthost: config.smarthost.clone(),
        hostname: config.hostname.clone(),
        tls: ClientTls::system().context("the system's trusted certificates")?,
        times: Times::default(),
        connections: 4,
    };
    let (queue, events) = (house.services.queue.clone(), house.services.events());
    let task = tokio::spawn(worker::run(queue, options, events, stop.clone()));
    Ok(Relay { stop, task })
}

/// SIGHUP reads certificates and settings again; SIGTERM and SIGINT end.
async fn wait_for_signals(tls: &ServerTls, services: &Services) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => {
                match tls.reload() {
                    Ok(()) => tracing::info!("certificate read again"),
                    Err(error) => tracing::error!(%error, "the certificate in use stays"),
                }
                if let Err(error) = services.settings.reload().await {
                    tracing::error!(%error, "the settings in use stay");
                }
            }
        }
    }
}

/// Bound sockets, taken before anything else so that a port in use is told at once.
struct Doors(Vec<Bound>);

struct Bound {
    /// The key of `[listen]`.
    name: &'static str,
    what: What,
    implicit_tls: bool,
    listener: Listener,
}

#[derive(Clone, Copy)]
enum What {
    Smtp(Kind),
    Imap,
}

impl Doors {
    fn bind(config: &Config) -> Result<Self> {
        let listen = &config.listen;
        let mut out = Vec::new();
        let mut lmtp = Vec::new();
        for address in &listen.lmtp {
            match address {
                ListenAddress::Tcp(address) => lmtp.push(*address),
                ListenAddress::Unix(path) => {
                    let listener = bind_unix(path, service_user())?;
                    out.push(Bound { name: "lmtp", what: What::Smtp(Kind::Lmtp), implicit_tls: false, listener });
                }
            }
        }
        let doors = [
            ("smtp", What::Smtp(Kind::Mx), false, &listen.smtp),
            ("submission", What::Smtp(Kind::Submission), false, &listen.submission),
            ("submissions", What::Smtp(Kind::Submission), true, &listen.submissions),
            ("lmtp", What::Smtp(Kind::Lmtp), false, &lmtp),
            ("imap", What::Imap, false, &listen.imap),
            ("imaps", What::Imap, true, &listen.imaps),
        ];
        for (name, what, implicit_tls, addresses) in doors {
            for address in addresses {
                out.push(Bound { name, what, implicit_tls, listener: bind(*address)?.into() });
            }
        }
        Ok(Self(out))
    }

    /// Begins to serve; answers where, by key of `[listen]`.
    fn open(self, gate: &Gate, config: &Config, tls: &ServerTls, services: &Services) -> Result<Listening> {
        let mut listening = Listening::new();
        for Bound { name, what, implicit_tls, listener } in self.0 {
            listening.entry(name).or_default().push(listener.place()?);
            let (gate, services) = (gate.clone(), services.clone());
            let door = |turned_away| Door { implicit_tls: implicit_tls.then(|| tls.clone()), turned_away };
            match what {
                What::Smtp(kind) => {
                    let options = Arc::new(smtp::Options::new(kind, &config.hostname, Some(tls.clone())));
                    let door = door(smtp::TURNED_AWAY);
                    let handle = move |accepted| smtp::serve(accepted, options.clone(), services.clone());
                    tokio::spawn(async move { gate.serve(listener, door, handle).await });
                }
                What::Imap => {
                    let options = Arc::new(imap::Options::new(&config.hostname, Some(tls.clone())));
                    let door = door(imap::TURNED_AWAY);
                    let handle = move |accepted| imap::serve(accepted, options.clone(), services.clone());
                    tokio::spawn(async move { gate.serve(listener, door, handle).await });
                }
            }
        }
        Ok(listening)
    }
}

fn make_data_directory(path: &Path, user: Option<(u32, u32)>) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| path.display().to_string())?;
    if let Some((uid, gid)) = user {
        chown(path, Some(uid), Some(gid)).with_context(|| path.display().to_string())?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).with_context(|| path.display().to_string())
}

/// Reads the key file; the first start makes it.
fn read_keys(path: &Path, user: Option<(u32, u32)>) -> Result<Keys> {
    if !path.exists() {
        let line = Keys::generate_line()?;
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(path).with_context(|| path.display().to_string())?;
        std::io::Write::write_all(
            &mut file,
            format!("# Mailstead's sealing key. Keep a copy: without it nobody can sign in.\n{line}\n").as_bytes(),
        )?;
        file.sync_all()?;
        if let Some((uid, gid)) = user {
            chown(path, Some(uid), Some(gid))?;
        }
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Keys::parse(&text).with_context(|| path.display().to_string())
}

//! Puts the house together: configuration → store → services → doors, and takes it apart in the opposite order.

mod doors;
mod root;
pub mod status;

pub use doors::{Listening, web_url};
pub use root::service_user;

use crate::config::{Config, Database};
use crate::model::clock::Clock;
use crate::model::network::Network;
use crate::net::client::ClientTls;
use crate::net::listener::{Gate, Limits};
use crate::net::tls::{ServerTls, Source, fingerprint};
use crate::relay::{session::Times, worker};
use crate::service::login::{Origin, Protocol};
use crate::service::seal::Keys;
use crate::service::settings::Settings;
use crate::service::{Options, Services};
use crate::store::postgres::{self, PrivatePostgres, Role};
use crate::store::{self, PgConnectOptions, Store, migrate, parse_url, proof};
use anyhow::{Context, Result, bail};
use doors::Doors;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The database and the services on it, without doors.
pub struct House {
    pub services: Services,
    pub store: Store,
    /// This server's name: the file's, else the setting's, else the machine's.
    pub hostname: String,
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

impl House {
    /// Starts or reaches the database, migrates it, opens the services.
    ///
    /// # Errors
    /// In words for an admin.
    pub async fn open(config: &Config, patience: Duration) -> Result<Self> {
        let user = service_user();
        root::make_data_directory(&config.data_dir, user)?;
        let keys = root::read_keys(&config.key_file, user)?;
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
        match open_services(config, keys, runtime, owner).await {
            Ok(opened) => Ok(Self::begin(config, opened, server, lock)),
            // What was started for nothing is stopped.
            Err(error) => {
                if let Some(server) = server {
                    server.stop().await;
                }
                Err(error)
            }
        }
    }

    /// Starts what works in the background.
    fn begin(
        config: &Config,
        Opened { store, services, hostname, audit_protected }: Opened,
        server: Option<PrivatePostgres>,
        lock: Option<nix::fcntl::Flock<std::fs::File>>,
    ) -> Self {
        let stop = CancellationToken::new();
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
        Self { services, store, hostname, background, stop, supervises, audit_protected, _lock: lock, postgres }
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

/// The store and the services on it.
struct Opened {
    store: Store,
    services: Services,
    hostname: String,
    /// The runtime role can't change the audit.
    audit_protected: bool,
}

async fn open_services(
    config: &Config,
    keys: Keys,
    runtime: PgConnectOptions,
    owner: PgConnectOptions,
) -> Result<Opened> {
    migrate::migrate(&owner, runtime.get_username()).await?;
    let audit_protected = proof::audit_is_protected(&runtime).await?;
    let store =
        Store::open(&store::Options { connect: runtime, writers: 8, readers: 8, acquire: Duration::from_secs(5) });
    let opened = async {
        let hostname = hostname(config, &store).await?;
        let (exempt, proxies) = (config.exempt.clone(), config.http_proxies.clone());
        let options = Options {
            clock: Clock::system(),
            keys,
            exempt: Arc::new(move |origin| is_exempt(origin, &exempt, &proxies)),
            hostname: hostname.clone(),
        };
        Ok((Services::open(store.clone(), options).await?, hostname))
    };
    match opened.await {
        Ok((services, hostname)) => Ok(Opened { store, services, hostname, audit_protected }),
        Err(error) => {
            store.close().await;
            Err(error)
        }
    }
}

/// Whether failed tries from somewhere are not counted by address. A proxy before the web that names nobody else may stand
/// for anybody, so it never is.
fn is_exempt(origin: &Origin, exempt: &[Network], proxies: &[Network]) -> bool {
    let listed = |networks: &[Network]| networks.iter().any(|network| network.contains(origin.peer));
    listed(exempt) && !(origin.protocol == Protocol::Web && listed(proxies))
}

/// What the server is called: what the file says can't be set in the browser.
async fn hostname(config: &Config, store: &Store) -> Result<String> {
    let settings = Settings::new(store.clone(), Clock::system());
    settings.reload().await?;
    let set = settings.word("server.hostname");
    Ok(if config.hostname_is_fixed || set.is_empty() { config.hostname.clone() } else { set })
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

/// How long a lost hint may leave settings behind.
const SETTINGS_AGE: Duration = Duration::from_secs(60);

/// Reads the settings again when anybody changed them, here or on another node.
async fn follow_settings(services: Services, stop: CancellationToken) {
    use crate::model::event::Event;
    use tokio::sync::broadcast::error::RecvError;
    let mut events = services.events();
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => event,
            () = tokio::time::sleep(SETTINGS_AGE) => Ok(Event::SettingsChanged),
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

/// The same, with work on the services before the doors open, and words once they listen.
///
/// # Errors
/// As [`serve`]; what `prepare` says.
pub async fn serve_prepared(
    config: Config,
    prepare: impl AsyncFnOnce(&Services) -> Result<()>,
    ready: impl FnOnce(&Listening),
) -> Result<()> {
    let mut signals = Signals::catch()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let files = root::raise_file_limit();
    ReadyFile::forget_stale(&config.data_dir);
    let doors = Doors::bind(&config)?;
    root::give_up(&config)?;
    root::make_data_directory(&config.data_dir, service_user())?;
    // Before the database: a bad certificate is told at once.
    if config.tls.is_some() {
        ServerTls::open(certificate(&config, &config.hostname))?;
    }
    let house = House::open(&config, Duration::from_secs(30)).await?;
    if let Some(words) = house.warning() {
        tracing::warn!("database: {words}");
    }
    let served = async {
        if !house.supervises {
            bail!("another mailstead runs on {}", config.data_dir.display());
        }
        // A self-made one bears the name that the database may have.
        let tls = ServerTls::open(certificate(&config, &house.hostname))?;
        tokio::select! {
            prepared = prepare(&house.services) => prepared?,
            () = signals.end() => return Ok(()),
        }
        // Files and sockets of our own beside the clients'.
        let limits = Limits::default();
        let total = limits.total.min(files.saturating_sub(200).max(50));
        let gate = Gate::new(Limits { total, exempt: config.exempt.clone(), ..limits }, config.proxies.clone());
        let listening = doors.open(&gate, &config, &house.hostname, &tls, &house.services)?;
        run(&config, &house, &gate, &listening, &tls, &mut signals, ready).await
    }
    .await;
    house.close().await;
    served
}

fn certificate(config: &Config, hostname: &str) -> Source {
    match &config.tls {
        Some((certificate, key)) => Source::Files { certificate: certificate.clone(), key: key.clone() },
        None => Source::SelfMade { directory: config.data_dir.join("tls"), hostname: hostname.to_owned() },
    }
}

/// SHA-256 of the certificate that browsers are shown, as they show it: `AB:CD:…`; `None` while there is none.
pub fn certificate_fingerprint(config: &Config) -> Option<String> {
    let path = match &config.tls {
        Some((certificate, _)) => certificate.clone(),
        None => config.data_dir.join("tls/self.crt"),
    };
    fingerprint(&std::fs::read(path).ok()?)
}

/// From the moment the doors listen until the last session has ended.
async fn run(
    config: &Config,
    house: &House,
    gate: &Gate,
    listening: &Listening,
    tls: &ServerTls,
    signals: &mut Signals,
    ready: impl FnOnce(&Listening),
) -> Result<()> {
    let relay = start_relay(config, house)?;
    tokio::spawn(keep_house(house.services.clone(), house.stop.clone()));
    let (services, stop) = (house.services.clone(), house.stop.clone());
    tokio::spawn(async move { services.outbox.run(services.events(), stop).await });
    let file = ReadyFile::write(&config.data_dir, listening)?;
    ready(listening);
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tracing::info!("ready");
    signals.serve(tls, &house.services).await;
    tracing::info!("stopping");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    drop(file);
    if !gate.drain(Duration::from_secs(30)).await {
        tracing::warn!("some sessions did not end in time");
    }
    relay.stop.cancel();
    if tokio::time::timeout(Duration::from_secs(20), relay.task).await.is_err() {
        tracing::warn!("mail on its way out comes back when its lease ends");
    }
    Ok(())
}

/// `DIR/ready.json`: there while every door listens.
struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Appears whole or not at all: whoever waits for it reads it at once.
    fn write(directory: &Path, listening: &Listening) -> Result<Self> {
        let path = directory.join("ready.json");
        let text = serde_json::json!({ "pid": std::process::id(), "listen": listening.doors, "web": listening.web })
            .to_string();
        let draft = path.with_extension("draft");
        std::fs::write(&draft, text).with_context(|| draft.display().to_string())?;
        std::fs::rename(&draft, &path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    /// One that a crash left behind tells of a process that is gone, or in a container of one with our own number.
    fn forget_stale(directory: &Path) {
        let path = directory.join("ready.json");
        let pid = || {
            let ready: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).ok()?).ok()?;
            ready["pid"].as_u64()
        };
        if pid().is_none_or(|pid| pid == u64::from(std::process::id()) || !Path::new(&format!("/proc/{pid}")).exists())
        {
            let _ = std::fs::remove_file(&path);
        }
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
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
        hostname: house.hostname.clone(),
        tls: ClientTls::system().context("the system's trusted certificates")?,
        times: Times::default(),
        connections: 4,
    };
    let (queue, events) = (house.services.queue.clone(), house.services.events());
    let task = tokio::spawn(worker::run(queue, options, events, stop.clone()));
    Ok(Relay { stop, task })
}

/// Caught from the first moment on: one that comes while the house is put together is not lost, and leaves no database
/// behind.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> Result<Self> {
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)?, hangup: signal(SignalKind::hangup())? })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The same; SIGHUP meanwhile reads certificates and settings again.
    async fn serve(&mut self, tls: &ServerTls, services: &Services) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {}
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_names_nobody_is_never_exempt() {
        let networks = |raw: &str| vec![Network::parse(raw).unwrap()];
        let (exempt, proxies) = (networks("127.0.0.0/8"), networks("127.0.0.1/32"));
        let said = |peer: &str, protocol| {
            let origin = Origin { peer: peer.parse().unwrap(), protocol, domain_hint: None };
            is_exempt(&origin, &exempt, &proxies)
        };
        assert!(!said("127.0.0.1", Protocol::Web), "whoever is behind it");
        assert!(said("127.0.0.2", Protocol::Web) && said("127.0.0.1", Protocol::Imap));
        assert!(!said("192.0.2.1", Protocol::Web) && !said("192.0.2.1", Protocol::Imap));
    }
}

//! Accepting connections: limits, the PROXY protocol and handshakes in each connection's own task, drain at the end.

use super::proxy;
use super::stream::Stream;
use super::tls::ServerTls;
use crate::model::network::Network;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections that may be open at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of all doors; a door never takes more places than it leaves for the others, so that none of them can shut another.
    pub total: usize,
    /// Of an IPv4 address or an IPv6 /64.
    pub per_address: usize,
    /// Of a /24 or /48.
    pub per_network: usize,
    /// How long a handshake may take, and a PROXY header.
    pub handshake: Duration,
    /// Never limited, but by the total and the door's share of it.
    pub exempt: Vec<Network>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 4096, per_address: 50, per_network: 200, handshake: Duration::from_secs(10), exempt: Vec::new() }
    }
}

/// What all listeners share: counts, shutdown, running sessions. Cheap to clone.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    limits: Limits,
    proxies: Vec<Network>,
    open: Mutex<Counts>,
    shutdown: CancellationToken,
    sessions: TaskTracker,
}

#[derive(Default)]
struct Counts {
    total: usize,
    addresses: HashMap<Network, usize>,
    networks: HashMap<Network, usize>,
}

/// A bound socket.
pub enum Listener {
    Tcp(TcpListener),
    /// Its file is removed when it is dropped.
    Unix(UnixListener, SocketFile),
}

/// The file of a unix socket.
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

enum Caller {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<Caller> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(tcp, peer)| Caller::Tcp(tcp, peer)),
            Self::Unix(listener, _) => listener.accept().await.map(|(unix, _)| Caller::Unix(unix)),
        }
    }

    /// Where it listens: an address with its port, or a path.
    ///
    /// # Errors
    /// What the system says.
    pub fn place(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(|address| address.to_string()),
            Self::Unix(_, file) => Ok(file.0.display().to_string()),
        }
    }
}

/// A connection that was let in.
pub struct Accepted {
    pub stream: Stream,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    /// Cancelled when the house shuts down: say goodbye and end.
    pub shutdown: CancellationToken,
}

/// Places taken at one door; changed while the counts are locked.
type Taken = Arc<AtomicUsize>;

/// Gives the place back when the session ends.
struct Place {
    gate: Gate,
    door: Taken,
    address: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.gate.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        self.door.fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.address {
            lower(&mut open.addresses, Network::of_peer(address));
            lower(&mut open.networks, Network::around(address));
        }
    }
}

fn lower<K: Eq + Hash>(map: &mut HashMap<K, usize>, key: K) {
    if let Some(count) = map.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            map.remove(&key);
        }
    }
}

/// How one listener treats what comes in.
#[derive(Clone)]
pub struct Door {
    /// TLS from the first octet.
    pub implicit_tls: Option<ServerTls>,
    /// Sent in the clear to whom the limits turn away, where there is no implicit TLS.
    pub turned_away: &'static [u8],
}

impl Gate {
    pub fn new(limits: Limits, proxies: Vec<Network>) -> Self {
        Self(Arc::new(Inner {
            limits,
            proxies,
            open: Mutex::default(),
            shutdown: CancellationToken::new(),
            sessions: TaskTracker::new(),
        }))
    }

    /// Serves a bound listener until shutdown; each connection is handled in a task of its own.
    pub async fn serve<F, Fut>(&self, listener: impl Into<Listener>, door: Door, handle: F)
    where
        F: Fn(Accepted) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (listener, taken) = (listener.into(), Taken::default());
        loop {
            let accepted = tokio::select! {
                () = self.0.shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(caller) => {
                    let (gate, door, taken, handle) = (self.clone(), door.clone(), taken.clone(), handle.clone());
                    self.0.sessions.spawn(async move {
                        match gate.admit(caller, &door, taken).await {
                            Ok(Some((accepted, place))) => {
                                handle(accepted).await;
                                drop(place);
                            }
                            Ok(None) => {}
                            Err(error) => tracing::debug!(%error, "connection ended before it began"),
                        }
                    });
                }
                // Out of file descriptors, most likely: the ones that end make room.
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn admit(&self, caller: Caller, door: &Door, taken: Taken) -> io::Result<Option<(Accepted, Place)>> {
        let (mut tcp, peer) = match caller {
            Caller::Tcp(tcp, peer) => (tcp, peer),
            Caller::Unix(mut unix) => {
                // Who may come in is the matter of the socket's permissions.
                let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let Some(place) = self.take_place(taken, None, false) else {
                    unix.write_all(door.turned_away).await?;
                    return Ok(None);
                };
                let shutdown = self.0.shutdown.child_token();
                return Ok(Some((Accepted { stream: Stream::unix(unix), peer: local, local, shutdown }, place)));
            }
        };
        tcp.set_nodelay(true)?;
        let mut local = tcp.local_addr()?;
        let mut peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let mut exempt = self.is_exempt(peer.ip());
        if self.0.proxies.iter().any(|network| network.contains(peer.ip())) {
            let header = tokio::time::timeout(self.0.limits.handshake, read_proxy(&mut tcp))
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            // A balancer that speaks for itself is never exempt.
            exempt = false;
            if let proxy::Header::Proxied { peer: real, local: asked } = header {
                peer = SocketAddr::new(real.ip().to_canonical(), real.port());
                local = asked;
                exempt = self.is_exempt(peer.ip());
            }
        }
        let Some(place) = self.take_place(taken, Some(peer.ip()), exempt) else {
            if door.implicit_tls.is_none() {
                tcp.write_all(door.turned_away).await?;
            }
            return Ok(None);
        };
        let stream = match &door.implicit_tls {
            Some(tls) => Stream::tcp(tcp).start_tls(tls, self.0.limits.handshake).await?,
            None => Stream::tcp(tcp),
        };
        Ok(Some((Accepted { stream, peer, local, shutdown: self.0.shutdown.child_token() }, place)))
    }

    fn is_exempt(&self, address: IpAddr) -> bool {
        self.0.limits.exempt.iter().any(|network| network.contains(address))
    }

    /// `None`: a local socket, which counts into the total and its door alone.
    fn take_place(&self, door: Taken, address: Option<IpAddr>, exempt: bool) -> Option<Place> {
        let limits = &self.0.limits;
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if door.load(Ordering::Relaxed) >= limits.total.saturating_sub(open.total) {
            return None;
        }
        if let Some(address) = address {
            let (host, network) = (Network::of_peer(address), Network::around(address));
            let of_address = open.addresses.get(&host).copied().unwrap_or(0);
            let of_network = open.networks.get(&network).copied().unwrap_or(0);
            if !exempt && (of_address >= limits.per_address || of_network >= limits.per_network) {
                return None;
            }
            open.addresses.insert(host, of_address + 1);
            open.networks.insert(network, of_network + 1);
        }
        open.total += 1;
        door.fetch_add(1, Ordering::Relaxed);
        drop(open);
        Some(Place { gate: self.clone(), door, address })
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// Takes nothing new, tells the sessions, and waits for them up to `limit`; whether all ended.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.0.shutdown.cancel();
        self.0.sessions.close();
        tokio::time::timeout(limit, self.0.sessions.wait()).await.is_ok()
    }
}

/// Reads the header octet by octet beyond the fixed part, so that nothing of what follows is taken.
async fn read_proxy(tcp: &mut TcpStream) -> io::Result<proxy::Header> {
    let mut gathered = Vec::new();
    loop {
        match proxy::read(&gathered) {
            proxy::Read::Done { header, .. } => return Ok(header),
            proxy::Read::Bad => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no PROXY header from a listed balancer"));
            }
            proxy::Read::More => gathered.push(tcp.read_u8().await?),
        }
    }
}

/// Binds an address; an IPv6 one takes IPv6 alone, so that `[::]` and `0.0.0.0` stand side by side.
///
/// # Errors
/// What the system says, the address in front.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let explain = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(explain)?;
    if address.is_ipv6() {
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::Ipv6V6Only, &true)
            .map_err(|e| explain(e.into()))?;
    }
    socket.set_reuseaddr(true).map_err(explain)?;
    socket.bind(address).map_err(explain)?;
    socket.listen(1024).map_err(explain)
}

/// Whether the system knows IPv6 at all.
pub fn has_ipv6() -> bool {
    TcpSocket::new_v6().is_ok()
}

/// Binds a unix socket for its owner and group (mode 660); a file that nobody listens on any more is removed first.
///
/// # Errors
/// `AddrInUse` when somebody listens there; what the system says, the path in front.
pub fn bind_unix(path: &Path, owner: Option<(u32, u32)>) -> io::Result<Listener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, lchown};
    let explain = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if let Ok(meta) = std::fs::symlink_metadata(path) {
        if !meta.file_type().is_socket() || std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(explain(io::ErrorKind::AddrInUse.into()));
        }
        std::fs::remove_file(path).map_err(explain)?;
    }
    let listener = UnixListener::bind(path).map_err(explain)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(explain)?;
    if let Some((uid, gid)) = owner {
        lchown(path, Some(uid), Some(gid)).map_err(explain)?;
    }
    Ok(Listener::Unix(listener, SocketFile(path.to_owned())))
}

#[cfg(test)]
mod tests;

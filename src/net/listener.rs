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
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a handshake or a PROXY header may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Connections that may be open at once.
#[derive(Debug, Clone)]
pub struct Limits {
    pub total: usize,
    pub per_address: usize,
    /// Of a /24 or /48.
    pub per_network: usize,
    /// Never limited, but by the total.
    pub exempt: Vec<Network>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 4096, per_address: 50, per_network: 200, exempt: Vec::new() }
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
    addresses: HashMap<IpAddr, usize>,
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

/// Gives the place back when the session ends.
struct Place {
    gate: Gate,
    address: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.gate.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(address) = self.address {
            lower(&mut open.addresses, address);
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
        let listener = listener.into();
        loop {
            let accepted = tokio::select! {
                () = self.0.shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(caller) => {
                    let (gate, door, handle) = (self.clone(), door.clone(), handle.clone());
                    self.0.sessions.spawn(async move {
                        match gate.admit(caller, &door).await {
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

    async fn admit(&self, caller: Caller, door: &Door) -> io::Result<Option<(Accepted, Place)>> {
        let (mut tcp, peer) = match caller {
            Caller::Tcp(tcp, peer) => (tcp, peer),
            Caller::Unix(mut unix) => {
                // Who may come in is the matter of the socket's permissions.
                let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let Some(place) = self.take_place(None) else {
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
        if self.0.proxies.iter().any(|network| network.contains(peer.ip())) {
            let header = tokio::time::timeout(HANDSHAKE, read_proxy(&mut tcp))
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            if let proxy::Header::Proxied { peer: real, local: asked } = header {
                peer = SocketAddr::new(real.ip().to_canonical(), real.port());
                local = asked;
            }
        }
        let Some(place) = self.take_place(Some(peer.ip())) else {
            if door.implicit_tls.is_none() {
                tcp.write_all(door.turned_away).await?;
            }
            return Ok(None);
        };
        let stream = match &door.implicit_tls {
            Some(tls) => Stream::tcp(tcp).start_tls(tls, HANDSHAKE).await?,
            None => Stream::tcp(tcp),
        };
        Ok(Some((Accepted { stream, peer, local, shutdown: self.0.shutdown.child_token() }, place)))
    }

    /// `None`: a local socket, which counts into the total alone.
    fn take_place(&self, address: Option<IpAddr>) -> Option<Place> {
        let limits = &self.0.limits;
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= limits.total {
            return None;
        }
        if let Some(address) = address {
            let exempt = limits.exempt.iter().any(|network| network.contains(address));
            let network = Network::around(address);
            let of_address = open.addresses.get(&address).copied().unwrap_or(0);
            let of_network = open.networks.get(&network).copied().unwrap_or(0);
            if !exempt && (of_address >= limits.per_address || of_network >= limits.per_network) {
                return None;
            }
            open.addresses.insert(address, of_address + 1);
            open.networks.insert(network, of_network + 1);
        }
        open.total += 1;
        drop(open);
        Some(Place { gate: self.clone(), address })
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

/// Binds a unix socket for its owner and group (mode 660); a file that nobody listens on any more is removed first.
///
/// # Errors
/// `AddrInUse` when somebody listens there; what the system says, the path in front.
pub fn bind_unix(path: &Path, owner: Option<(u32, u32)>) -> io::Result<Listener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
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
        chown(path, Some(uid), Some(gid)).map_err(explain)?;
    }
    Ok(Listener::Unix(listener, SocketFile(path.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_unix_socket_is_bound_once_and_a_stale_one_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lmtp");
        let first = bind_unix(&path, None).unwrap();
        assert_eq!(bind_unix(&path, None).err().unwrap().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(first.place().unwrap(), path.display().to_string());
        drop(first);
        assert!(!path.exists());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let gate = Gate::new(Limits { per_address: 0, ..Limits::default() }, Vec::new());
        let (serving, listener) = (gate.clone(), bind_unix(&path, None).unwrap());
        tokio::spawn(async move {
            let door = Door { implicit_tls: None, turned_away: b"busy" };
            let handle = |mut accepted: Accepted| async move { accepted.stream.write_all(b"hi").await.unwrap() };
            serving.serve(listener, door, handle).await;
        });
        let mut client = UnixStream::connect(&path).await.unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "hi");
        std::fs::write(folder.path().join("file"), "x").unwrap();
        assert!(bind_unix(&folder.path().join("file"), None).is_err());
    }

    async fn echo_gate(limits: Limits, proxies: &[&str]) -> (Gate, SocketAddr) {
        let gate = Gate::new(limits, proxies.iter().filter_map(|raw| Network::parse(raw)).collect());
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = gate.clone();
        tokio::spawn(async move {
            let door = Door { implicit_tls: None, turned_away: b"busy\r\n" };
            let handle = |mut accepted: Accepted| async move {
                let greeting = format!("hello {}\r\n", accepted.peer.ip());
                accepted.stream.write_all(greeting.as_bytes()).await.ok();
                let mut one = [0];
                tokio::select! {
                    () = accepted.shutdown.cancelled() => {}
                    read = accepted.stream.read(&mut one) => { read.ok(); }
                }
            };
            serving.serve(listener, door, handle).await;
        });
        (gate, address)
    }

    async fn first_line(stream: &mut TcpStream) -> String {
        let mut out = Vec::new();
        while !out.ends_with(b"\n") {
            match stream.read_u8().await {
                Ok(byte) => out.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8(out).unwrap()
    }

    #[tokio::test]
    async fn limits_turn_away_and_places_come_back() {
        let (gate, address) = echo_gate(Limits { per_address: 2, ..Limits::default() }, &[]).await;
        let mut open = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(first_line(&mut stream).await, "hello 127.0.0.1\r\n");
            open.push(stream);
        }
        assert_eq!(first_line(&mut TcpStream::connect(address).await.unwrap()).await, "busy\r\n");
        open.pop();
        while gate.open() > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(first_line(&mut TcpStream::connect(address).await.unwrap()).await, "hello 127.0.0.1\r\n");
    }

    #[tokio::test]
    async fn a_listed_balancer_speaks_for_its_clients_and_must() {
        let (_gate, address) = echo_gate(Limits::default(), &["127.0.0.0/8"]).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &[192, 0, 2, 9, 192, 0, 2, 1, 1, 1, 0, 25]].concat();
        stream.write_all(&header).await.unwrap();
        assert_eq!(first_line(&mut stream).await, "hello 192.0.2.9\r\n");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"EHLO x\r\n").await.unwrap();
        assert_eq!(first_line(&mut stream).await, "");
    }

    #[tokio::test]
    async fn a_drain_ends_sessions_and_takes_no_more() {
        let (gate, address) = echo_gate(Limits::default(), &[]).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        first_line(&mut stream).await;
        assert!(gate.drain(Duration::from_secs(5)).await);
        assert_eq!(first_line(&mut stream).await, "");
        assert_eq!(gate.open(), 0);
    }
}

//! One concrete stream for all doors: TCP, TLS over TCP, a unix socket, or memory in tests.

use super::client::{Check, ClientTls};
use super::tls::ServerTls;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

/// A connection's octets.
pub struct Stream(Kind);

enum Kind {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    ClientTls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    Unix(UnixStream),
    Memory(DuplexStream),
}

/// What a TLS session is.
#[derive(Debug, Clone)]
pub struct TlsInfo {
    /// `TLSv1.3`.
    pub version: String,
    pub cipher: String,
    /// The name the client asked for.
    pub server_name: Option<String>,
    /// tls-exporter data (RFC 9266), in TLS 1.3 only: earlier versions would need the extended master secret proved.
    pub binding: Option<Vec<u8>>,
    /// The protocol that both sides agreed on (RFC 7301).
    pub alpn: Option<Vec<u8>>,
}

impl Stream {
    pub fn tcp(stream: TcpStream) -> Self {
        Self(Kind::Tcp(stream))
    }

    pub fn unix(stream: UnixStream) -> Self {
        Self(Kind::Unix(stream))
    }

    /// A stream and the other end of it, for tests.
    pub fn memory() -> (Self, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        (Self(Kind::Memory(ours)), theirs)
    }

    /// Does the handshake as the server.
    ///
    /// # Errors
    /// `TimedOut` after `limit`; what rustls says of a bad handshake; `Unsupported` where there is TLS already or no TCP.
    pub async fn start_tls(self, tls: &ServerTls, limit: Duration) -> io::Result<Self> {
        let Kind::Tcp(tcp) = self.0 else { return Err(io::ErrorKind::Unsupported.into()) };
        let accepting = tls.acceptor().accept(tcp);
        let stream =
            tokio::time::timeout(limit, accepting).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(Self(Kind::Tls(Box::new(stream))))
    }

    /// Does the handshake as the client of `host`.
    ///
    /// # Errors
    /// As [`Stream::start_tls`]; `InvalidInput` for a host that is no name or address.
    pub async fn start_client_tls(
        self,
        tls: &ClientTls,
        check: Check,
        host: &str,
        limit: Duration,
    ) -> io::Result<Self> {
        let Kind::Tcp(tcp) = self.0 else { return Err(io::ErrorKind::Unsupported.into()) };
        let name = rustls::pki_types::ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{host} is no server name")))?;
        let connecting = tls.connector(check).connect(name, tcp);
        let stream =
            tokio::time::timeout(limit, connecting).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(Self(Kind::ClientTls(Box::new(stream))))
    }

    /// The TLS session, if there is one.
    pub fn tls(&self) -> Option<TlsInfo> {
        let (session, server_name): (&rustls::CommonState, _) = match &self.0 {
            Kind::Tls(stream) => {
                let session = stream.get_ref().1;
                (session, session.server_name().map(str::to_owned))
            }
            Kind::ClientTls(stream) => (stream.get_ref().1, None),
            _ => return None,
        };
        let version = session.protocol_version()?;
        let export = |out| match &self.0 {
            Kind::Tls(stream) => stream.get_ref().1.export_keying_material(out, BINDING, None).ok(),
            Kind::ClientTls(stream) => stream.get_ref().1.export_keying_material(out, BINDING, None).ok(),
            _ => None,
        };
        let binding = (version == rustls::ProtocolVersion::TLSv1_3).then(|| export(vec![0; 32])).flatten();
        Some(TlsInfo {
            version: format!("{version:?}").replace("TLSv1_", "TLSv1."),
            cipher: session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default(),
            server_name,
            binding,
            alpn: session.alpn_protocol().map(<[u8]>::to_vec),
        })
    }

    /// Whether STARTTLS could be done on it.
    pub fn can_start_tls(&self) -> bool {
        matches!(self.0, Kind::Tcp(_))
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut dyn ReadWrite> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream),
            Kind::Tls(stream) => Pin::new(stream.as_mut()),
            Kind::ClientTls(stream) => Pin::new(stream.as_mut()),
            Kind::Unix(stream) => Pin::new(stream),
            Kind::Memory(stream) => Pin::new(stream),
        }
    }
}

/// RFC 9266 §4.2.
const BINDING: &[u8] = b"EXPORTER-Channel-Binding";

trait ReadWrite: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> ReadWrite for T {}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}

//! A door behind a socket on loopback, in the clear or inside TLS.

use mailstead::net::listener::Accepted;
use mailstead::net::stream::Stream;
use mailstead::net::tls::{ServerTls, Source};
use rustls::pki_types::pem::PemObject;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub trait Client: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Client for T {}

/// A certificate for mail.example.test and a client that trusts it.
pub struct Tls {
    pub server: ServerTls,
    pub client: Arc<rustls::ClientConfig>,
    _directory: tempfile::TempDir,
}

pub fn tls() -> &'static Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    TLS.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let source = Source::SelfMade { directory: directory.path().to_owned(), hostname: "mail.example.test".into() };
        let server = ServerTls::open(source).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        let pem = std::fs::read(directory.path().join("self.crt")).unwrap();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        let client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Tls { server, client: Arc::new(client), _directory: directory }
    })
}

/// One connection that `door` serves.
pub async fn dial<F, Fut>(secure: bool, shutdown: CancellationToken, door: F) -> Box<dyn Client>
where
    F: FnOnce(Accepted) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (tcp, peer) = listener.accept().await.unwrap();
        let stream = Stream::tcp(tcp);
        let stream =
            if secure { stream.start_tls(&tls().server, Duration::from_secs(10)).await.unwrap() } else { stream };
        door(Accepted { stream, peer, local, shutdown }).await;
    });
    let tcp = TcpStream::connect(local).await.unwrap();
    if !secure {
        return Box::new(tcp);
    }
    let name = rustls::pki_types::ServerName::try_from("mail.example.test").unwrap();
    let connector = tokio_rustls::TlsConnector::from(tls().client.clone());
    Box::new(connector.connect(name, tcp).await.unwrap())
}

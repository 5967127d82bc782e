//! The client's side: connecting by name, and TLS as a client.

use super::stream::Stream;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// TLS as a client. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls {
    checked: Arc<ClientConfig>,
    unchecked: Arc<ClientConfig>,
}

/// Whether the server must prove its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The certificate must be good for the name.
    Name,
    /// Any certificate: no worse than the clear text it replaces (RFC 7435).
    Nothing,
}

impl ClientTls {
    /// Trusts what the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` count).
    ///
    /// # Errors
    /// `Other` when the system has no trust store.
    pub fn system() -> io::Result<Self> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let checked = builder.with_platform_verifier().map_err(io::Error::other)?.with_no_client_auth();
        Self::with(checked)
    }

    /// Trusts these roots alone.
    ///
    /// # Errors
    /// `Other` when TLS can't be set up.
    pub fn trusting(roots: RootCertStore) -> io::Result<Self> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        Self::with(builder.with_root_certificates(roots).with_no_client_auth())
    }

    fn with(checked: ClientConfig) -> io::Result<Self> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let any = Arc::new(AnyCertificate(provider()));
        let unchecked = builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth();
        Ok(Self { checked: Arc::new(checked), unchecked: Arc::new(unchecked) })
    }

    pub(super) fn connector(&self, check: Check) -> tokio_rustls::TlsConnector {
        match check {
            Check::Name => self.checked.clone().into(),
            Check::Nothing => self.unchecked.clone().into(),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Takes any certificate, but still only from whoever has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Connects to the first address of `host` that answers, each given `limit`.
///
/// # Errors
/// The last address's error, with its address in front; `NotFound` when the name has none.
pub async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<Stream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    for address in tokio::net::lookup_host((host, port)).await? {
        match tokio::time::timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                tcp.set_nodelay(true)?;
                return Ok(Stream::tcp(tcp));
            }
            Ok(Err(error)) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{address}: no answer")),
        }
    }
    Err(last)
}

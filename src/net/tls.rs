//! Server certificates: from files or self-made, exchanged without dropping connections.

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// PEM files: the chain, the key.
    Files { certificate: PathBuf, key: PathBuf },
    /// Self-made for a host name, kept in a directory.
    SelfMade { directory: PathBuf, hostname: String },
}

/// Why there is no certificate to use, in words for an admin.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    #[error("{}: no private key in PEM form", .0.display())]
    NoKey(PathBuf),
    #[error("the private key is not the certificate's")]
    Mismatch,
    #[error("the certificate expired on {0}")]
    Expired(String),
    #[error("the certificate or key can't be used: {0}")]
    Unusable(String),
}

/// The server's side of TLS. Cheap to clone; all clones change certificates together.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<rustls::ServerConfig>,
    current: Arc<Current>,
    source: Source,
}

#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// A self-made certificate is renewed when it has less than this many days left.
const RENEW_DAYS: i64 = 30;
const SELF_MADE_DAYS: i64 = 397;

impl ServerTls {
    /// Reads or makes the certificate.
    ///
    /// # Errors
    /// [`BadCertificate`] names the file and the fault.
    pub fn open(source: Source) -> Result<Self, BadCertificate> {
        let current = Arc::new(Current(ArcSwap::new(Arc::new(load(&source)?))));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| BadCertificate::Unusable(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        Ok(Self { config: Arc::new(config), current, source })
    }

    /// Reads the files again; connections under way keep what they have. On a fault the certificate in use stays.
    pub fn reload(&self) -> Result<(), BadCertificate> {
        self.current.0.store(Arc::new(load(&self.source)?));
        Ok(())
    }

    /// The leaf certificate in use, DER.
    pub fn leaf(&self) -> Option<CertificateDer<'static>> {
        self.current.0.load().cert.first().map(|cert| cert.clone().into_owned())
    }

    /// The same certificate for HTTP: offers HTTP/2 beside HTTP/1.1 (RFC 7301).
    pub fn for_http(&self) -> Self {
        let mut config = rustls::ServerConfig::clone(&self.config);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self { config: Arc::new(config), ..self.clone() }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }
}

fn load(source: &Source) -> Result<CertifiedKey, BadCertificate> {
    match source {
        Source::Files { certificate, key } => certified(certificate, key),
        Source::SelfMade { directory, hostname } => {
            let (certificate, key) = (directory.join("self.crt"), directory.join("self.key"));
            if !is_fresh(&certificate, hostname) {
                make(directory, &certificate, &key, hostname)?;
            }
            certified(&certificate, &key)
        }
    }
}

fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, BadCertificate> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|source| BadCertificate::Unreadable { path: path.into(), source });
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate)?).filter_map(Result::ok).collect();
    let leaf = chain.first().ok_or_else(|| BadCertificate::NoCertificate(certificate.into()))?;
    if let Some(ended) = not_after(leaf).filter(|end| *end < chrono::Utc::now()) {
        return Err(BadCertificate::Expired(ended.format("%Y-%m-%d").to_string()));
    }
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| BadCertificate::NoKey(key.into()))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, private, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => BadCertificate::Mismatch,
        other => BadCertificate::Unusable(other.to_string()),
    })
}

/// SHA-256 of the first certificate of a PEM text, in pairs of digits as browsers show it.
pub fn fingerprint(pem: &[u8]) -> Option<String> {
    let leaf = CertificateDer::from_pem_slice(pem).ok()?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &leaf);
    Some(digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":"))
}

fn not_after(leaf: &CertificateDer<'_>) -> Option<chrono::DateTime<chrono::Utc>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).ok()?;
    chrono::DateTime::from_timestamp(parsed.validity().not_after.timestamp(), 0)
}

/// Whether a self-made certificate is there, for this name, with time left.
fn is_fresh(path: &Path, hostname: &str) -> bool {
    let Ok(pem) = std::fs::read(path) else { return false };
    let Ok(leaf) = CertificateDer::from_pem_slice(&pem) else { return false };
    let named = x509_parser::parse_x509_certificate(&leaf)
        .is_ok_and(|(_, parsed)| parsed.subject().iter_common_name().any(|cn| cn.as_str() == Ok(hostname)));
    named && not_after(&leaf).is_some_and(|end| end > chrono::Utc::now() + chrono::TimeDelta::days(RENEW_DAYS))
}

fn make(directory: &Path, certificate: &Path, key: &Path, hostname: &str) -> Result<(), BadCertificate> {
    let unusable = |error: rcgen::Error| BadCertificate::Unusable(error.to_string());
    let mut names = vec![hostname.to_owned()];
    if hostname != "localhost" {
        names.push("localhost".into());
    }
    let mut params = CertificateParams::new(names).map_err(unusable)?;
    params.distinguished_name.push(DnType::CommonName, hostname);
    let now = std::time::SystemTime::now();
    let day = std::time::Duration::from_secs(86_400);
    params.not_before = (now - day).into();
    params.not_after = (now + day * SELF_MADE_DAYS as u32).into();
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(unusable)?;
    let made = params.self_signed(&pair).map_err(unusable)?;
    let write = |path: &Path, text: &str| {
        let draft = path.with_extension("draft");
        let written = std::fs::create_dir_all(directory)
            .and_then(|()| {
                let mut options = std::fs::OpenOptions::new();
                let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
                std::io::Write::write_all(&mut file, text.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&draft, path));
        written.map_err(|source| BadCertificate::Unreadable { path: path.into(), source })
    };
    write(key, &pair.serialize_pem())?;
    write(certificate, &made.pem())
}

/// A key in PKCS#8 form, for tests that make certificates of their own.
pub fn private_key(der: Vec<u8>) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_made_certificate_is_kept_and_made_anew_for_another_name() {
        let dir = tempfile::tempdir().unwrap();
        let source = |name: &str| Source::SelfMade { directory: dir.path().join("tls"), hostname: name.into() };
        let first = ServerTls::open(source("mail.example.test")).unwrap().leaf();
        assert_eq!(ServerTls::open(source("mail.example.test")).unwrap().leaf(), first);
        assert_ne!(ServerTls::open(source("other.example.test")).unwrap().leaf(), first);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(dir.path().join("tls/self.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn faults_are_told_in_words_and_a_reload_keeps_what_works() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for (name, host) in [("a", "a.test"), ("b", "b.test")] {
            ServerTls::open(Source::SelfMade { directory: path(name), hostname: host.into() }).unwrap();
        }
        let files = |certificate: &str, key: &str| {
            ServerTls::open(Source::Files { certificate: path(certificate), key: path(key) })
        };
        assert!(matches!(files("a/self.crt", "b/self.key"), Err(BadCertificate::Mismatch)));
        assert!(matches!(files("none", "b/self.key"), Err(BadCertificate::Unreadable { .. })));
        assert!(matches!(files("a/self.key", "a/self.key"), Err(BadCertificate::NoCertificate(_))));
        assert!(matches!(files("a/self.crt", "a/self.crt"), Err(BadCertificate::NoKey(_))));
        let tls = files("a/self.crt", "a/self.key").unwrap();
        let before = tls.leaf();
        std::fs::write(path("a/self.crt"), "rubbish").unwrap();
        assert!(tls.reload().is_err());
        assert_eq!(tls.leaf(), before);
        std::fs::copy(path("b/self.crt"), path("a/self.crt")).unwrap();
        std::fs::copy(path("b/self.key"), path("a/self.key")).unwrap();
        tls.reload().unwrap();
        assert_ne!(tls.leaf(), before);
    }
}

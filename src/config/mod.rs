//! What is needed before the database is there: a file, checked (`--config` and `--data` may come from the environment). Everything else is a setting in
//! the database. Each room gets its own small options from here; no room imports this one.

mod listen;

pub use listen::{Listen, ListenAddress};

use crate::model::network::Network;
use crate::model::secret::Secret;
use crate::model::smarthost::Smarthost;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub hostname: String,
    /// The file says it, so the browser may not.
    pub hostname_is_fixed: bool,
    pub data_dir: PathBuf,
    pub database: Database,
    pub key_file: PathBuf,
    pub listen: Listen,
    /// Certificate and key; `None`: self-made.
    pub tls: Option<(PathBuf, PathBuf)>,
    pub smarthost: Option<Smarthost>,
    /// Networks that may speak PROXY v2.
    pub proxies: Vec<Network>,
    /// Networks whose forwarding headers say who asks the web side.
    pub http_proxies: Vec<Network>,
    /// Where browsers find the web side: `https://host` or `https://host:port`; `None`: the host name and the port of
    /// the HTTPS door.
    pub web_url: Option<String>,
    /// Networks never slowed or shut out.
    pub exempt: Vec<Network>,
    /// What is asked for and not there yet, in words.
    pub warnings: Vec<String>,
}

/// Where accounts and mail are kept.
#[derive(Debug, Clone)]
pub enum Database {
    /// The appliance's own.
    Private,
    /// Somebody else's; the owner's URL where it is another role.
    Outside { url: Secret<String>, owner_url: Option<Secret<String>> },
}

/// Why a configuration can't be used: the file, and what is wrong in it.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: String },
    #[error("{0}")]
    Value(String),
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    hostname: Option<String>,
    data_dir: Option<PathBuf>,
    database: DatabaseFile,
    secrets: SecretsFile,
    listen: listen::File,
    tls: TlsFile,
    dns: DnsFile,
    web: WebFile,
    outbound: OutboundFile,
    blobs: BlobsFile,
    proxy: ProxyFile,
    lab: LabFile,
    limits: LimitsFile,
}

macro_rules! section {
    ($($name:ident { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct $name { $($field: Option<$type>),+ }
    )+};
}

section! {
    DatabaseFile { url: String, owner_url: String }
    SecretsFile { key_file: PathBuf }
    TlsFile { certificate: PathBuf, key: PathBuf }
    DnsFile { resolver: Vec<String>, trust_anchor: PathBuf }
    WebFile { url: String }
    OutboundFile { smarthost: String }
    BlobsFile { url: String }
    ProxyFile { protocol_from: Vec<String>, http_from: Vec<String> }
    LabFile { networks: Vec<String>, smtp_port: u16, https_port: u16, dns_port: u16 }
    LimitsFile { exempt: Vec<String> }
}

/// Where data is kept when nobody says.
const DATA_DIR: &str = "/var/lib/mailstead";

impl Config {
    /// Reads the file that is named, else `DIR/mailstead.toml` where there is one, else nothing but defaults.
    ///
    /// # Errors
    /// [`BadConfig`] names the file, and line and key where they are known.
    pub fn load(file: Option<&Path>, data: Option<&Path>) -> Result<Self, BadConfig> {
        let fallback = data.unwrap_or(Path::new(DATA_DIR)).join("mailstead.toml");
        let path = match file {
            Some(path) => path.to_owned(),
            None if fallback.exists() => fallback,
            None => return Self::check(File::default(), data),
        };
        let text =
            std::fs::read_to_string(&path).map_err(|source| BadConfig::Unreadable { path: path.clone(), source })?;
        let parsed: File = toml::from_str(&text)
            .map_err(|error| BadConfig::File { path: path.clone(), why: located(&text, &error) })?;
        Self::check(parsed, data).map_err(|error| BadConfig::File { path, why: error.to_string() })
    }

    fn check(file: File, data: Option<&Path>) -> Result<Self, BadConfig> {
        let mut warnings = Vec::new();
        let data_dir = data.map(Path::to_owned).or(file.data_dir).unwrap_or_else(|| DATA_DIR.into());
        // PostgreSQL is started in another folder than we were.
        let data_dir = std::path::absolute(&data_dir).unwrap_or(data_dir);
        let hostname_is_fixed = file.hostname.is_some();
        let hostname = match file.hostname {
            Some(name) => crate::model::address::Domain::parse(&name)
                .map_err(|_| BadConfig::Value(format!("hostname: {name:?} is no host name")))?
                .to_string(),
            None => nix::unistd::gethostname()
                .ok()
                .and_then(|name| name.into_string().ok())
                .unwrap_or_else(|| "localhost".into()),
        };
        let tls = match (file.tls.certificate, file.tls.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(BadConfig::Value("[tls] needs both certificate and key, or neither".into())),
        };
        let database = match (file.database.url, file.database.owner_url) {
            (Some(url), owner_url) => {
                Database::Outside { url: Secret::new(url), owner_url: owner_url.map(Secret::new) }
            }
            (None, None) => Database::Private,
            (None, Some(_)) => return Err(BadConfig::Value("[database] owner_url needs url".into())),
        };
        later(&mut warnings, "[dns]", file.dns.resolver.is_some() || file.dns.trust_anchor.is_some());
        later(&mut warnings, "[blobs] url", file.blobs.url.is_some());
        let lab = &file.lab;
        later(
            &mut warnings,
            "[lab]",
            lab.networks.is_some() || lab.smtp_port.is_some() || lab.https_port.is_some() || lab.dns_port.is_some(),
        );
        let smarthost =
            file.outbound.smarthost.as_deref().map(Smarthost::parse).transpose().map_err(BadConfig::Value)?;
        Ok(Self {
            hostname,
            hostname_is_fixed,
            key_file: file.secrets.key_file.unwrap_or_else(|| data_dir.join("secret.key")),
            data_dir,
            database,
            listen: Listen::check(file.listen, &mut warnings).map_err(BadConfig::Value)?,
            tls,
            smarthost,
            proxies: networks("[proxy] protocol_from", file.proxy.protocol_from)?,
            http_proxies: networks("[proxy] http_from", file.proxy.http_from)?,
            web_url: file.web.url.as_deref().map(web_url).transpose()?,
            exempt: networks("[limits] exempt", file.limits.exempt)?,
            warnings,
        })
    }
}

/// A URL of the web side, without a final slash.
fn web_url(raw: &str) -> Result<String, BadConfig> {
    let bad = || BadConfig::Value(format!("[web] url: {raw:?} is no https://host or https://host:port"));
    let place = raw.trim_end_matches('/').strip_prefix("https://").ok_or_else(bad)?;
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().map_err(|_| bad())?)),
        None => (place, None),
    };
    let host = crate::model::address::Domain::parse(host).map_err(|_| bad())?;
    Ok(match port.filter(|port| *port != 443) {
        Some(port) => format!("https://{host}:{port}"),
        None => format!("https://{host}"),
    })
}

/// Line and fault, never the line's text: it may hold a password.
fn located(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let why = error.message().replace('\n', " ");
    line.map_or_else(|| why.clone(), |line| format!("line {line}: {why}"))
}

fn later(warnings: &mut Vec<String>, what: &str, set: bool) {
    if set {
        warnings.push(format!("{what} has no effect yet in this version"));
    }
}

fn networks(key: &str, list: Option<Vec<String>>) -> Result<Vec<Network>, BadConfig> {
    let parse =
        |raw: &String| Network::parse(raw).ok_or_else(|| BadConfig::Value(format!("{key}: {raw:?} is no network")));
    list.unwrap_or_default().iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let parsed: File = toml::from_str(text).map_err(|e| e.to_string())?;
        Config::check(parsed, Some(Path::new("/data"))).map_err(|e| e.to_string())
    }

    #[test]
    fn nothing_at_all_is_a_configuration() {
        let config = read("").unwrap();
        assert!(matches!(config.database, Database::Private));
        assert_eq!(config.key_file, Path::new("/data/secret.key"));
        assert_eq!(config.listen.smtp.len(), 2);
        assert!(config.warnings.is_empty());
    }

    #[test]
    fn a_data_directory_may_be_named_from_here() {
        let config = Config::check(File::default(), Some(Path::new("mail/data"))).unwrap();
        assert_eq!(config.data_dir, std::env::current_dir().unwrap().join("mail/data"));
        assert!(config.key_file.is_absolute());
    }

    #[test]
    fn every_key_of_the_contract_is_known() {
        let text = r#"
            hostname = "mail.example.org"
            data_dir = "/elsewhere"
            [database]
            url = "postgres://x"
            owner_url = "postgres://y"
            [secrets]
            key_file = "/k"
            [listen]
            smtp = ["127.0.0.1:2525"]
            submission = []
            submissions = []
            imap = []
            imaps = []
            pop3 = []
            pop3s = []
            managesieve = []
            lmtp = ["/run/lmtp", "127.0.0.1:24"]
            ximss = []
            ximss_tls = []
            http = []
            https = []
            https_certificate = []
            metrics = []
            [tls]
            certificate = "c"
            key = "k"
            [dns]
            resolver = ["127.0.0.1:5353"]
            trust_anchor = "F"
            [web]
            url = "https://mail.example.org"
            [outbound]
            smarthost = "smtps://user:p%40ss@relay.example.org"
            [blobs]
            url = "s3://bucket"
            [proxy]
            protocol_from = ["10.0.0.0/8"]
            http_from = ["10.0.0.0/8"]
            [lab]
            networks = ["127.0.0.0/8"]
            smtp_port = 25
            https_port = 443
            dns_port = 53
            [limits]
            exempt = ["127.0.0.0/8"]
        "#;
        let config = read(text).unwrap();
        assert!(config.hostname_is_fixed && config.warnings.len() == 3, "{:?}", config.warnings);
        assert_eq!(config.listen.lmtp.len(), 2);
        assert_eq!(config.data_dir, Path::new("/data"), "--data wins");
    }

    #[test]
    fn a_fault_names_the_line_and_never_shows_it() {
        let text = "[outbound]\nsmarthost = smtp://user:hunter2@relay.test\n";
        let words = located(text, &toml::from_str::<File>(text).unwrap_err());
        assert!(words.starts_with("line 2: ") && !words.contains("hunter2"), "{words}");
    }

    #[test]
    fn faults_name_the_key() {
        for (text, words) in [
            ("hostnam = \"x\"", "hostnam"),
            ("hostname = \"-x\"", "hostname"),
            ("[listen]\nsmtp = [\"25\"]", "smtp"),
            ("[tls]\nkey = \"k\"", "certificate"),
            ("[limits]\nexempt = [\"x\"]", "exempt"),
            ("[web]\nurl = \"http://mail.example.org\"", "url"),
            ("[web]\nurl = \"https://mail.example.org/mail\"", "url"),
            ("[outbound]\nsmarthost = \"http://x\"", "smarthost"),
            ("[database]\nowner_url = \"x\"", "owner_url"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}

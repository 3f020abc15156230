//! `exhibit.toml`: the organisation, the ledger's origin, where keys and data are.

use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::AuditPeriod;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `exhibit.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The organisation, as the auditor reads it.
    pub organisation: String,
    /// The ledger's origin (C2SP tlog-checkpoint): a name under a domain of yours, without scheme.
    pub origin: String,
    /// The store's folder, from the workspace.
    #[serde(default = "default_data")]
    pub data: PathBuf,
    /// The signing key.
    pub signing: Signing,
    /// Encryption at rest; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// The source that is the directory of record, with which accounts elsewhere are compared; absent: the one that
    /// names most people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<SourceName>,
    /// The timestamp authority (RFC 3161) that seals are taken to; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamping>,
    /// The service.
    #[serde(default, skip_serializing_if = "Service::is_usual")]
    pub service: Service,
    /// Where alerts are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alert: Vec<Alert>,
}

fn default_data() -> PathBuf {
    PathBuf::from("data")
}

/// Where the signing key is, and what opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The key, encrypted with age.
    pub key: PathBuf,
    /// The age identity that opens it: `file:keys/operator.key` or `env:NAME`.
    pub identity: String,
}

/// Encryption at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The age recipient that every bucket's key is wrapped for. The identity under `[signing]` opens it.
    pub recipient: String,
}

/// A timestamp authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamping {
    /// Its URL.
    pub url: String,
    /// PEM file with the authority's root certificate, to check answers before they are kept.
    pub ca: PathBuf,
    /// Milliseconds to wait for an answer.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

fn default_timeout_ms() -> u64 {
    15_000
}

/// `[service]`: what `exhibit serve` keeps to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// Runs at once, in all.
    #[serde(deserialize_with = "at_least_one")]
    pub runs: usize,
    /// Runs at once that speak to one host.
    #[serde(deserialize_with = "at_least_one")]
    pub runs_per_host: usize,
    /// Megabytes that stay free on the disk of the data: with less, nothing new is started.
    pub keep_free_mb: u64,
    /// Seconds that runs may take to finish when the service is stopped.
    pub stop_grace_s: u64,
    /// Where it listens. Beyond this machine only with `tls`, or behind a trusted proxy.
    pub listen: SocketAddr,
    /// Certificate and key; none: plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Proxies that are believed when they say whose request they hand on: `10.0.0.0/8`.
    pub trusted_proxies: Vec<IpNet>,
    /// The address that browsers use, `https://exhibit.example.com`, where a proxy is in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Minutes that a person stays signed in.
    pub session_minutes: u64,
    /// Minutes that a person stays signed in without doing anything.
    pub session_idle_minutes: u64,
    /// The identity provider that signs people in; none: tokens alone do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc: Option<Oidc>,
}

/// `[service.oidc]`: an identity provider (OpenID Connect), and whom it may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Its issuer identifier: `https://login.example.com`.
    pub issuer: url::Url,
    /// What it calls this service.
    pub client_id: String,
    /// The client's secret, by reference: `env:NAME`, `file:PATH`; none: a public client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// What tells people apart.
    #[serde(default)]
    pub claim: OidcClaim,
    /// PEM file with a certificate authority to trust beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Who may sign in.
    #[serde(default)]
    pub people: Vec<Person>,
}

/// The claim of an ID token that tells people apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OidcClaim {
    /// The address, which the provider must have verified.
    #[default]
    Email,
    /// The provider's own name for them, which never changes.
    Sub,
}

impl OidcClaim {
    /// As tokens have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sub => "sub",
        }
    }
}

/// Someone who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Who, by the claim.
    pub name: String,
    /// `operator`, `auditor`, `ingest` or `monitor`.
    pub role: String,
    /// The audit period that an auditor reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engagement: Option<AuditPeriod>,
}

/// Certificate and key of the service, PEM files, from the workspace. They are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, and those that lead to its root.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            runs: 4,
            runs_per_host: 2,
            keep_free_mb: 512,
            stop_grace_s: 60,
            listen: SocketAddr::from(([127, 0, 0, 1], 8700)),
            tls: None,
            trusted_proxies: Vec::new(),
            public_url: None,
            session_minutes: 12 * 60,
            session_idle_minutes: 2 * 60,
            oidc: None,
        }
    }
}

impl Service {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Whether another one listens in the same way: where, how, and to whom.
    pub fn listens_as(&self, other: &Self) -> bool {
        let listens = |of: &Self| {
            let Self {
                listen,
                tls,
                trusted_proxies,
                public_url,
                session_minutes,
                session_idle_minutes,
                oidc,
                ..
            } = of.clone();
            (listen, tls, trusted_proxies, public_url, session_minutes, session_idle_minutes, oidc)
        };
        listens(self) == listens(other)
    }
}

/// `[[alert]]`: a destination of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Where to: `https://`, or `http://` to this very machine.
    #[serde(deserialize_with = "not_in_the_clear")]
    pub url: String,
    /// The secret that deliveries are signed with, by reference: `env:NAME`, `file:PATH`.
    pub secret: String,
    /// What about; none: everything.
    #[serde(default)]
    pub events: Vec<AlertEvent>,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertEvent {
    /// Slots passed without a complete look.
    Missed,
    /// Events were collected after the grace.
    Late,
    /// A source's runs fail, one after the other.
    ConnectorFailing,
    /// A source waits for a person's approval.
    ApprovalNeeded,
    /// The disk is full, or nearly: nothing new is started.
    DiskLow,
}

impl AlertEvent {
    /// Its word: `connector_failing`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Late => "late",
            Self::ConnectorFailing => "connector_failing",
            Self::ApprovalNeeded => "approval_needed",
            Self::DiskLow => "disk_low",
        }
    }
}

/// What alerts say of an organisation is not for whoever listens on the way.
fn not_in_the_clear<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let url: url::Url =
        text.parse().map_err(|error| serde::de::Error::custom(format_args!("`{text}`: {error}")))?;
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(text),
        "http" if is_local => Ok(text),
        _ => Err(serde::de::Error::custom(format_args!(
            "`{text}`: alerts are sent to https:// addresses, or http:// ones of this very machine"
        ))),
    }
}

fn at_least_one<'de, D: serde::Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    match usize::deserialize(from)? {
        0 => Err(serde::de::Error::custom("0 is too few: nothing would ever run; write 1 or more")),
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Result<Config, crate::FileError> {
        let head = "organisation = \"Example Ltd\"\norigin = \"exhibit.example.com\"\n\
                    [signing]\nkey = \"keys/signing.age\"\nidentity = \"env:KEY\"\n";
        crate::read(&format!("{head}{more}\n"))
    }

    #[test]
    fn the_service_s_own_settings() {
        let config = read("").unwrap();
        assert_eq!(config.service.listen.to_string(), "127.0.0.1:8700");
        let text = "[service]\nlisten = \"[::1]:80\"\ntrusted_proxies = [\"10.0.0.0/8\"]\nruns = 1";
        let config = read(text).unwrap();
        assert_eq!((config.service.runs, config.service.listen.port()), (1, 80));
        for (text, words) in [
            ("[service]\nruns = 0", "nothing would ever run"),
            ("[service]\nport = 1", "unknown field `port`"),
            ("[service]\noidc = { issuer = \"x\", client_id = \"e\" }", "relative URL"),
            ("[service]\nlisten = \"8700\"", "socket address"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.what.contains(words) && error.line == 7, "{text}: {error:?}");
        }
    }

    #[test]
    fn alerts_do_not_cross_a_network_in_the_clear() {
        let alert = |url: &str| read(&format!("[[alert]]\nurl = \"{url}\"\nsecret = \"env:ALERTS\""));
        for good in
            ["https://alerts.example.com/x", "http://127.0.0.1:9000", "http://[::1]/", "http://localhost/"]
        {
            assert_eq!(alert(good).unwrap().alert[0].url, good);
        }
        for bad in
            ["http://alerts.example.com/x", "http://10.0.0.1/", "ftp://localhost/", "alerts.example.com"]
        {
            assert_eq!(alert(bad).unwrap_err().line, 7, "{bad}");
        }
        let events = "[[alert]]\nurl = \"https://a.example\"\nsecret = \"env:A\"\nevents = [\"missed\", \"deviation\"]";
        assert!(read(events).unwrap_err().what.contains("unknown variant `deviation`"));
    }
}

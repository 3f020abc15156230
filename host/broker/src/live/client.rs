//! HTTP clients that dial checked addresses only.
//!
//! Two of them: one for `https`, whose names may lie at public addresses or at those that the settings name;
//! one for `http`, whose names may lie at named addresses only. The check is the resolver, so a connection
//! can have no other address than one that passed; literal addresses, which no resolver sees, are checked
//! before. Proxies from the environment are off, redirects are followed elsewhere, TLS is rustls with ring.
//!
//! Trust comes from the operating system's store (`rustls-platform-verifier`) and not from a list compiled
//! in: an operator's own authority, for a self-hosted system or an inspecting gateway, is then trusted here
//! as everywhere on that machine, and a distrusted one is dropped by the system's updates.

use super::{LiveError, LiveLimits};
use crate::address::{AddressRefused, AllowedAddresses};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// Finds the addresses of a host.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses of `host`.
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Which addresses a client may dial.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Public ones, and those that the settings name.
    Checked,
    /// Those that the settings name.
    Named,
}

impl Reach {
    fn check(self, allowed: &AllowedAddresses, host: &str, address: IpAddr) -> Result<(), AddressRefused> {
        allowed.check(host, address)?;
        if self == Self::Named && !allowed.names(host, address) {
            return Err(AddressRefused { host: host.to_owned(), address, what: CLEAR_TEXT });
        }
        Ok(())
    }
}

const CLEAR_TEXT: &str = "not to be spoken to in clear text (http://)";

struct CheckedResolver {
    lookup: Arc<dyn Lookup>,
    allowed: Arc<AllowedAddresses>,
    reach: Reach,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, allowed, reach) = (Arc::clone(&self.lookup), Arc::clone(&self.allowed), self.reach);
        Box::pin(async move {
            let host = name.as_str();
            let mut checked = Vec::new();
            let mut refused = None;
            for address in lookup.lookup(host).await? {
                match reach.check(&allowed, host, address) {
                    Ok(()) => checked.push(SocketAddr::new(address, 0)),
                    Err(refusal) => refused = refused.or(Some(refusal)),
                }
            }
            match refused {
                Some(refusal) if checked.is_empty() => Err(refusal.into()),
                _ => Ok(Box::new(checked.into_iter()) as Addrs),
            }
        })
    }
}

/// The two clients of one source.
pub(super) struct Clients {
    https: reqwest::Client,
    http: reqwest::Client,
    allowed: Arc<AllowedAddresses>,
}

impl Clients {
    pub(super) fn new(
        allowed: AllowedAddresses,
        lookup: Arc<dyn Lookup>,
        limits: &LiveLimits,
        extra_ca_pem: Option<&[u8]>,
        user_agent: &str,
    ) -> Result<Self, LiveError> {
        let allowed = Arc::new(allowed);
        let tls = tls_config(extra_ca_pem)?;
        let build = |reach: Reach| {
            let resolver =
                CheckedResolver { lookup: Arc::clone(&lookup), allowed: Arc::clone(&allowed), reach };
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(Arc::new(resolver))
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .user_agent(user_agent)
                .connect_timeout(Duration::from_millis(limits.connect_timeout_ms))
                .pool_max_idle_per_host(limits.concurrency_per_host)
                .build()
                .map_err(|e| LiveError::Client(e.to_string()))
        };
        Ok(Self { https: build(Reach::Checked)?, http: build(Reach::Named)?, allowed })
    }

    /// The client for a URL; literal addresses are checked here.
    pub(super) fn client_for(&self, url: &Url) -> Result<&reqwest::Client, FetchError> {
        let (client, reach) = match url.scheme() {
            "https" => (&self.https, Reach::Checked),
            "http" => (&self.http, Reach::Named),
            other => {
                let message = format!("`{other}` is no scheme of this host: use https");
                return Err(FetchError::new("invalid-request", message, false));
            }
        };
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(FetchError::new("invalid-request", format!("{url} has no host"), false)),
        };
        if let Some(address) = literal {
            reach
                .check(&self.allowed, &address.to_string(), address)
                .map_err(|refusal| FetchError::new("denied", refusal.to_string(), false))?;
        }
        Ok(client)
    }
}

fn tls_config(extra_ca_pem: Option<&[u8]>) -> Result<rustls::ClientConfig, LiveError> {
    let mut extra = Vec::new();
    if let Some(pem) = extra_ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            extra.push(certificate.map_err(|e| LiveError::ExtraCa(e.to_string()))?);
        }
        if extra.is_empty() {
            return Err(LiveError::ExtraCa("it holds no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
        .map_err(|e| LiveError::Trust(e.to_string()))?;
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| LiveError::Trust(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

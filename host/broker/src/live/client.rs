//! HTTP clients that dial checked addresses only.
//!
//! Two of them: one for `https`, whose names may lie at public addresses or at those that the settings name;
//! one for `http`, whose names may lie at named addresses only. The check is the resolver, so a connection
//! can have no other address than one that passed; literal addresses, which no resolver sees, are checked
//! before. Proxies from the environment are off, redirects are followed elsewhere. Each client is made when the
//! first request needs it: most sources need one of the two.

use super::trust::{self, Trust};
use crate::address::{AddressRefused, AllowedAddresses};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
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
    https: OnceLock<Result<reqwest::Client, String>>,
    http: OnceLock<Result<reqwest::Client, String>>,
    made: Making,
}

/// What clients are made of.
pub(super) struct Making {
    pub(super) allowed: Arc<AllowedAddresses>,
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) trust: Arc<Trust>,
    pub(super) user_agent: String,
    pub(super) connect_timeout: Duration,
    pub(super) idle_per_host: usize,
}

impl Making {
    fn client(&self, reach: Reach) -> Result<reqwest::Client, String> {
        let tls = match reach {
            Reach::Checked => self.trust.config()?,
            Reach::Named => trust::nobody()?,
        };
        let (lookup, allowed) = (Arc::clone(&self.lookup), Arc::clone(&self.allowed));
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(CheckedResolver { lookup, allowed, reach }))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(self.idle_per_host)
            .build()
            .map_err(|e| format!("the HTTP client cannot be set up: {e}"))
    }
}

impl Clients {
    pub(super) fn new(made: Making) -> Self {
        Self { https: OnceLock::new(), http: OnceLock::new(), made }
    }

    /// The client for a URL; literal addresses are checked here.
    pub(super) fn client_for(&self, url: &Url) -> Result<&reqwest::Client, FetchError> {
        let (place, reach) = match url.scheme() {
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
                .check(&self.made.allowed, &address.to_string(), address)
                .map_err(|refusal| FetchError::new("denied", refusal.to_string(), false))?;
        }
        let client = place.get_or_init(|| self.made.client(reach));
        client.as_ref().map_err(|what| FetchError::new("tls", what.clone(), false))
    }
}

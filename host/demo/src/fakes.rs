//! The fakes together: started on loopback, sharing the organisation and the clock.

use crate::http::{Server, bind};
use crate::org::Organisation;
use crate::org::story::Story;
use crate::system::{Source, System};
use exhibit_evidence::time::Clock;
use std::net::SocketAddr;
use std::sync::Arc;

/// How the fakes behave.
#[derive(Debug, Clone)]
pub struct FakeOptions {
    /// Every so many requests Okta answers 429 instead; 0 never.
    pub okta_throttle_every: u64,
    /// How many seconds after such a 429 its `x-rate-limit-reset` lies.
    pub okta_throttle_reset_s: u64,
}

impl Default for FakeOptions {
    fn default() -> Self {
        Self { okta_throttle_every: 0, okta_throttle_reset_s: 1 }
    }
}

/// The fakes could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port on loopback.
    #[error(
        "no port of 127.0.0.1 could be bound for the {system} fake: {source}; check that loopback is up and sockets are allowed"
    )]
    Bind {
        /// Whose port.
        system: System,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No thread.
    #[error(
        "the thread that serves the fakes could not be started: {0}; check the limit on processes (ulimit -u)"
    )]
    Thread(std::io::Error),
}

/// The running fakes. Dropping them closes their ports.
#[derive(Debug)]
pub struct Fakes {
    /// Where each listens, in the order of [`System::ALL`].
    addresses: Vec<SocketAddr>,
    organisation: Arc<Organisation>,
    server: Server,
}

impl Fakes {
    /// Grows the organisation of `seed` and serves it as it is at the time of `clock`.
    pub fn start(seed: u64, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Self::start_with(Organisation::grow(seed), clock, &FakeOptions::default())
    }

    /// Serves `organisation` with other behaviour.
    pub fn start_with(
        organisation: Arc<Organisation>,
        clock: Arc<dyn Clock>,
        options: &FakeOptions,
    ) -> Result<Self, StartError> {
        let mut addresses = Vec::new();
        let mut fakes = Vec::new();
        for system in System::ALL.iter().copied() {
            let (listener, address) = bind().map_err(|source| StartError::Bind { system, source })?;
            addresses.push(address);
            fakes.push((listener, (system.vendor().fake)(&organisation, &clock, options)));
        }
        let server = Server::start(fakes).map_err(StartError::Thread)?;
        Ok(Self { addresses, organisation, server })
    }

    /// Where `system` listens, with plain HTTP. Every service of a cloud is at one address.
    pub fn address(&self, system: System) -> SocketAddr {
        self.addresses[system as usize]
    }

    /// `http://127.0.0.1:PORT` of `system`.
    pub fn origin(&self, system: System) -> String {
        format!("http://{}", self.address(system))
    }

    /// How a source reads `system`.
    pub fn source(&self, system: System) -> Source {
        (system.vendor().source)(&self.origin(system))
    }

    /// How many requests `system` has answered so far.
    pub fn requests(&self, system: System) -> u64 {
        self.server.count(system as usize)
    }

    /// The organisation that is served.
    pub fn organisation(&self) -> &Arc<Organisation> {
        &self.organisation
    }

    /// The organisation's story.
    pub fn story(&self) -> &Story {
        self.organisation.story()
    }
}

//! The fakes as a pair: started together on loopback, sharing the organisation and the clock.

use crate::aws::{self, Aws};
use crate::http::{Fake, Server, bind};
use crate::okta::{self, Okta};
use crate::org::Organisation;
use crate::org::story::Story;
use exhibit_evidence::time::Clock;
use std::net::SocketAddr;
use std::sync::Arc;

/// What the fakes accept and how they behave.
#[derive(Debug, Clone)]
pub struct FakeOptions {
    /// The Okta API token, as in `Authorization: SSWS …`.
    pub okta_token: String,
    /// The AWS access key id.
    pub aws_access_key_id: String,
    /// The AWS secret access key. Signatures are verified with it.
    pub aws_secret_access_key: String,
    /// Every so many requests Okta answers 429 instead; 0 never.
    pub okta_throttle_every: u64,
    /// How many seconds after such a 429 its `x-rate-limit-reset` lies.
    pub okta_throttle_reset_s: u64,
}

impl Default for FakeOptions {
    fn default() -> Self {
        Self {
            okta_token: okta::TOKEN.to_owned(),
            aws_access_key_id: aws::ACCESS_KEY_ID.to_owned(),
            aws_secret_access_key: aws::SECRET_ACCESS_KEY.to_owned(),
            okta_throttle_every: 0,
            okta_throttle_reset_s: 1,
        }
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
        system: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No thread.
    #[error(
        "the thread that serves the fakes could not be started: {0}; check the limit on processes (ulimit -u)"
    )]
    Thread(std::io::Error),
}

/// How many requests each fake has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// Okta's.
    pub okta: u64,
    /// AWS's.
    pub aws: u64,
}

/// The running fakes. Dropping them closes their ports.
#[derive(Debug)]
pub struct Fakes {
    /// Where Okta listens, with plain HTTP.
    pub okta: SocketAddr,
    /// Where every service of AWS listens, with plain HTTP.
    pub aws: SocketAddr,
    organisation: Arc<Organisation>,
    server: Server,
}

impl Fakes {
    /// Grows the organisation of `seed` and serves it as it is at the time of `clock`.
    pub fn start(seed: u64, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Self::start_with(Organisation::grow(seed), clock, &FakeOptions::default())
    }

    /// Serves `organisation` with other credentials or behaviour.
    pub fn start_with(
        organisation: Arc<Organisation>,
        clock: Arc<dyn Clock>,
        options: &FakeOptions,
    ) -> Result<Self, StartError> {
        let bind = |system| bind().map_err(|source| StartError::Bind { system, source });
        let (okta_listener, okta) = bind("Okta")?;
        let (aws_listener, aws) = bind("AWS")?;
        let fakes: Vec<(_, Arc<dyn Fake>)> = vec![
            (okta_listener, Arc::new(Okta::new(Arc::clone(&organisation), Arc::clone(&clock), options))),
            (aws_listener, Arc::new(Aws::new(Arc::clone(&organisation), clock, options))),
        ];
        let server = Server::start(fakes).map_err(StartError::Thread)?;
        Ok(Self { okta, aws, organisation, server })
    }

    /// How many requests were answered so far.
    pub fn requests(&self) -> Requests {
        Requests { okta: self.server.count(0), aws: self.server.count(1) }
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

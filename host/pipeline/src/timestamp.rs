//! RFC 3161: an outside authority's word on when a checkpoint was there. Kept in the workspace, beside the store:
//!
//! ```text
//! timestamps/SIZE.checkpoint      the checkpoint of the log's first SIZE leaves
//! timestamps/SIZE.tsr             the authority's answer about it
//! ```
//!
//! The settings are read before anything is sealed, and the authority is asked when the seal is in the log: an
//! authority that does not answer costs the timestamp, which can be asked for again, and never the seal.

use crate::host::Host;
use crate::workspace::{Timestamping, Workspace, WorkspaceError};
use exhibit_broker::address::AllowedAddresses;
use exhibit_broker::grant::{Ask, AskedRule, Grants};
use exhibit_broker::live::{LiveOptions, LiveTransport};
use exhibit_broker::transport::{Outgoing, Transport as _};
use exhibit_evidence::time::{Clock, Timestamp};
use exhibit_ledger::timestamp::{check_roots, request, verify};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::{Host as UrlHost, Url};

/// Media type of a request (RFC 3161 section 3.4).
const QUERY: &str = "application/timestamp-query";

/// How often an authority that fails, or does not answer, is asked.
const ATTEMPTS: u32 = 3;

/// An authority that cannot be asked as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its URL.
    #[error("exhibit.toml: [timestamp] url `{url}`: {reason}")]
    Url {
        /// As it is written there.
        url: String,
        /// Why.
        reason: String,
    },
    /// The certificates to trust.
    #[error("exhibit.toml: [timestamp] ca: {path}: {reason}")]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The transport.
    #[error(transparent)]
    Transport(#[from] exhibit_broker::live::LiveError),
}

impl AuthorityError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Url { .. } => Some("write the authority's whole URL, with http:// or https://".into()),
            Self::Roots { .. } => {
                Some("name a PEM file with the root certificate that the authority publishes".into())
            }
            Self::Transport(_) => None,
        }
    }
}

/// What an authority said of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// When it saw the checkpoint.
    pub time: Timestamp,
    /// Subject of the certificate that signed.
    pub authority: String,
    /// The file with its answer.
    pub file: PathBuf,
}

/// A checkpoint with an authority's answer about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// The checkpoint's bytes.
    pub checkpoint: Vec<u8>,
    /// The authority's response.
    pub response: Vec<u8>,
}

/// The configured authority, ready to be asked.
pub(crate) struct Authority {
    url: Url,
    timeout_ms: u64,
    roots: Vec<u8>,
    transport: LiveTransport,
}

impl Authority {
    /// The one in the settings; none: none is configured.
    pub(crate) fn configured(
        workspace: &Workspace,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Self>, AuthorityError> {
        let Some(config) = &workspace.config().timestamp else { return Ok(None) };
        let path = workspace.resolve(&config.ca);
        let bad_roots = |reason: String| AuthorityError::Roots { path: path.clone(), reason };
        let roots = std::fs::read(&path).map_err(|e| bad_roots(e.to_string()))?;
        check_roots(&roots).map_err(|e| bad_roots(e.to_string()))?;
        let bad_url = |reason: String| AuthorityError::Url { url: config.url.clone(), reason };
        let url = Url::parse(&config.url).map_err(|e| bad_url(e.to_string()))?;
        let options = options(&url, config, clock).map_err(bad_url)?;
        let transport = LiveTransport::new(options)?;
        Ok(Some(Self { url, timeout_ms: config.timeout_ms, roots, transport }))
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Takes the log's present checkpoint to it, checks its answer, and keeps both.
    pub(crate) async fn stamp(&self, host: &Host) -> Result<Taken, String> {
        let checkpoint = host.store.checkpoint().ok_or("the log is empty")?;
        let content = checkpoint.to_bytes();
        let nonce: u64 = rand::random();
        let query = request(&content, nonce).map_err(|e| e.to_string())?;
        let response = self.post(query).await?;
        let stamp =
            verify(&response, &content, Some(nonce), &self.roots).map_err(|error| error.to_string())?;
        let stamped = Stamped { checkpoint: content, response };
        let file = keep(&folder(host), checkpoint.head().size, &stamped).map_err(|e| e.to_string())?;
        Ok(Taken { time: stamp.time, authority: stamp.authority.unwrap_or_default(), file })
    }

    async fn post(&self, query: Vec<u8>) -> Result<Vec<u8>, String> {
        let request = Outgoing {
            method: "POST".to_owned(),
            url: self.url.clone(),
            headers: vec![("content-type".to_owned(), QUERY.to_owned())],
            body: Some(query),
            auth: None,
        };
        match self.transport.send(&request).await {
            Ok(answer) if answer.status == 200 => Ok(answer.body),
            Ok(answer) => Err(format!("it answered with status {}", answer.status)),
            Err(failure) if failure.error.code == "timeout" => {
                Err(format!("no answer within {} ms, {} times", self.timeout_ms, failure.attempts))
            }
            Err(failure) => Err(failure.error.message),
        }
    }
}

/// The same transport that sources use: TLS, caps, no proxies, no redirects elsewhere.
fn options(url: &Url, config: &Timestamping, clock: &Arc<dyn Clock>) -> Result<LiveOptions, String> {
    let mut pattern = url.clone();
    pattern.set_query(None);
    let rule = format!("POST {pattern}").parse().map_err(|e| format!("{e}"))?;
    // A request changes nothing there, so it may be sent again.
    let ask = Ask { egress: vec![AskedRule { rule, read_only: true }], ..Ask::default() };
    let mut options = LiveOptions::new(Grants::all("timestamp", ask), Arc::clone(clock));
    // The operator named this host, so its address may be a private one, and the URL may be http://: what is
    // sent is a digest, and what is answered is signed.
    let named = url.host().map(|host| match host {
        UrlHost::Domain(name) => name.to_owned(),
        UrlHost::Ipv4(address) => address.to_string(),
        UrlHost::Ipv6(address) => address.to_string(),
    });
    options.allow_addresses = AllowedAddresses::parse(named.as_deref()).map_err(|e| e.to_string())?;
    options.limits.attempts = ATTEMPTS;
    options.limits.attempt_timeout_ms = config.timeout_ms;
    options.limits.connect_timeout_ms = config.timeout_ms;
    options.limits.wait_ms_max = config.timeout_ms;
    Ok(options)
}

/// The timestamp that speaks for the leaf at `index`: the first that was taken when the leaf was in the log, which
/// says most about when that was; none: no authority has seen it.
pub fn of_leaf(host: &Host, index: u64) -> std::io::Result<Option<Stamped>> {
    let folder = folder(host);
    if !folder.exists() {
        return Ok(None);
    }
    let mut sizes = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let name = entry?.file_name();
        let size: Option<u64> =
            name.to_str().and_then(|name| name.strip_suffix(".tsr")).and_then(|size| size.parse().ok());
        sizes.extend(size.filter(|size| *size > index));
    }
    let Some(size) = sizes.into_iter().min() else { return Ok(None) };
    let checkpoint = std::fs::read(checkpoint_file(&folder, size))?;
    let response = std::fs::read(response_file(&folder, size))?;
    Ok(Some(Stamped { checkpoint, response }))
}

fn folder(host: &Host) -> PathBuf {
    host.workspace.root().join("timestamps")
}

fn checkpoint_file(folder: &Path, size: u64) -> PathBuf {
    folder.join(format!("{size}.checkpoint"))
}

fn response_file(folder: &Path, size: u64) -> PathBuf {
    folder.join(format!("{size}.tsr"))
}

/// The answer last: where it is, the checkpoint is too.
fn keep(folder: &Path, size: u64, stamped: &Stamped) -> Result<PathBuf, WorkspaceError> {
    std::fs::create_dir_all(folder).map_err(|error| WorkspaceError::Io { path: folder.to_owned(), error })?;
    crate::workspace::replace(&checkpoint_file(folder, size), &stamped.checkpoint)?;
    let file = response_file(folder, size);
    crate::workspace::replace(&file, &stamped.response)?;
    Ok(file)
}

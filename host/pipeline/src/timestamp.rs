//! RFC 3161: an outside authority's word on when a checkpoint was there. Kept beside the store, as
//! `timestamps/SIZE.tsr` with the checkpoint `SIZE.checkpoint` that it is about.

use crate::host::Host;
use crate::seal::SealPeriodError;
use exhibit_broker::address::AllowedAddresses;
use exhibit_broker::grant::{Ask, AskedRule, Grants};
use exhibit_broker::live::{LiveOptions, LiveTransport};
use exhibit_broker::transport::{Outgoing, Transport as _};
use exhibit_evidence::period::AuditPeriod;
use std::path::PathBuf;
use std::sync::Arc;

/// Media type of a request (RFC 3161 section 3.4).
const QUERY: &str = "application/timestamp-query";

/// A checkpoint with an authority's answer about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// The checkpoint's bytes.
    pub checkpoint: Vec<u8>,
    /// The authority's response.
    pub response: Vec<u8>,
}

/// Takes the present checkpoint to the authority, where one is configured, checks its answer against the
/// configured root, and keeps both.
pub(crate) async fn take(host: &Host, period: &AuditPeriod) -> Result<(), SealPeriodError> {
    let (Some(config), Some(checkpoint)) = (&host.workspace.config().timestamp, host.store.checkpoint())
    else {
        return Ok(());
    };
    let failed = |reason: String| SealPeriodError::Timestamp { url: config.url.clone(), reason };
    let root_file = host.workspace.resolve(&config.ca);
    let roots = std::fs::read(&root_file).map_err(|e| failed(format!("{}: {e}", root_file.display())))?;
    let content = checkpoint.to_bytes();
    let nonce: u64 = rand::random();
    let query = exhibit_ledger::timestamp::request(&content, nonce).map_err(|e| failed(e.to_string()))?;
    let response = post(host, &config.url, query).await.map_err(failed)?;
    exhibit_ledger::timestamp::verify(&response, &content, Some(nonce), &roots)
        .map_err(|e| failed(e.to_string()))?;
    let stamped = Stamped { checkpoint: content, response };
    keep(host, checkpoint.head().size, &stamped)
        .map_err(|error| SealPeriodError::Store { period: period.clone(), reason: error.to_string() })
}

/// The newest timestamp; none: no authority is configured, or nothing was sealed since.
pub fn newest(host: &Host) -> std::io::Result<Option<Stamped>> {
    let folder = folder(host);
    if !folder.exists() {
        return Ok(None);
    }
    let mut sizes: Vec<u64> = std::fs::read_dir(&folder)?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".tsr")?.parse().ok())
        .collect();
    sizes.sort_unstable();
    let Some(size) = sizes.last() else { return Ok(None) };
    let checkpoint = std::fs::read(folder.join(format!("{size}.checkpoint")))?;
    let response = std::fs::read(folder.join(format!("{size}.tsr")))?;
    Ok(Some(Stamped { checkpoint, response }))
}

fn folder(host: &Host) -> PathBuf {
    host.workspace.root().join("timestamps")
}

fn keep(host: &Host, size: u64, stamped: &Stamped) -> Result<(), crate::workspace::WorkspaceError> {
    let folder = folder(host);
    std::fs::create_dir_all(&folder)
        .map_err(|error| crate::workspace::WorkspaceError::Io { path: folder.clone(), error })?;
    crate::workspace::replace(&folder.join(format!("{size}.checkpoint")), &stamped.checkpoint)?;
    crate::workspace::replace(&folder.join(format!("{size}.tsr")), &stamped.response)
}

/// Asks the authority, over the same transport that sources use: TLS, caps, no proxies, no redirects elsewhere.
async fn post(host: &Host, url: &str, query: Vec<u8>) -> Result<Vec<u8>, String> {
    let parsed = url::Url::parse(url).map_err(|e| e.to_string())?;
    let rule = format!("POST {parsed}").parse().map_err(|e| format!("{e}"))?;
    let ask = Ask { egress: vec![AskedRule { rule, read_only: true }], ..Ask::default() };
    let mut options = LiveOptions::new(Grants::all("timestamp", ask), Arc::clone(&host.clock));
    // The operator named this host, so its address may be a private one.
    options.allow_addresses = AllowedAddresses::parse(parsed.host_str()).map_err(|e| e.to_string())?;
    let transport = LiveTransport::new(options).map_err(|e| e.to_string())?;
    let request = Outgoing {
        method: "POST".to_owned(),
        url: parsed,
        headers: vec![("content-type".to_owned(), QUERY.to_owned())],
        body: Some(query),
        auth: None,
    };
    let answer = transport.send(&request).await.map_err(|e| e.to_string())?;
    if answer.status == 200 { Ok(answer.body) } else { Err(format!("it answered {}", answer.status)) }
}

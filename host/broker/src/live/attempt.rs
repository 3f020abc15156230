//! One attempt: a request out, an answer in, within the limits of size and time.

use super::LiveLimits;
use super::client::Clients;
use crate::address::AddressRefused;
use crate::grant::address_of;
use exhibit_evidence::fetch::FetchError;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use url::Url;

/// Room that is made for a body before any of it has come.
const EXPECTED_BYTES: u64 = 1 << 20;

/// A request, its credential attached.
pub(super) struct Dressed<'a> {
    pub(super) method: &'a str,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<&'a [u8]>,
}

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Why an attempt brought no answer.
pub(super) struct Failure {
    pub(super) error: FetchError,
    /// Nothing left for the server, so a repetition cannot do anything twice.
    pub(super) unsent: bool,
}

impl Failure {
    fn final_one(code: &str, message: String) -> Self {
        Self { error: FetchError::new(code, message, false), unsent: false }
    }

    fn passing(code: &str, message: String, unsent: bool) -> Self {
        Self { error: FetchError::new(code, message, true), unsent }
    }
}

pub(super) async fn run(
    clients: &Clients,
    limits: &LiveLimits,
    received: &AtomicU64,
    request: &Dressed<'_>,
) -> Result<Answer, Failure> {
    let client = clients.client_for(&request.url).map_err(|error| Failure { error, unsent: false })?;
    let place = format!("{} {}", request.method, address_of(&request.url));
    let method = reqwest::Method::from_bytes(request.method.as_bytes())
        .map_err(|_| Failure::final_one("invalid-request", format!("{place}: not a method")))?;
    let mut url = request.url.clone();
    url.set_fragment(None);
    let mut builder = client.request(method, url).headers(header_map(&place, &request.headers)?);
    if let Some(body) = request.body {
        builder = builder.body(body.to_vec());
    }
    let limit = Duration::from_millis(limits.attempt_timeout_ms);
    let exchange = async {
        let response = builder.send().await.map_err(|error| failure_of(&place, &error))?;
        read(&place, response, limits, received).await
    };
    tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| {
        let message = format!(
            "{place}: no whole answer within {} ms. Ask for smaller pages, or raise attempt_timeout_ms",
            limits.attempt_timeout_ms
        );
        Err(Failure::passing("timeout", message, false))
    })
}

fn header_map(place: &str, headers: &[(String, String)]) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let Some((key, mut value)) = parsed else {
            let message = format!(
                "{place}: header `{}` cannot be sent: its name or value is not one line of ASCII",
                name.escape_debug()
            );
            return Err(Failure::final_one("invalid-request", message));
        };
        value.set_sensitive(true);
        map.append(key, value);
    }
    Ok(map)
}

/// That this transport has received what it may.
pub(super) fn too_much(place: &str, limits: &LiveLimits) -> FetchError {
    let message = format!(
        "{place}: this run has received its {} bytes of answers, repetitions included. Narrow the source, or raise limits.received_bytes",
        limits.received_bytes
    );
    FetchError::new("budget", message, false)
}

/// The body, decoded as it comes and never held beyond the limit. `received` counts it, whatever becomes of it.
async fn read(
    place: &str,
    mut response: reqwest::Response,
    limits: &LiveLimits,
    received: &AtomicU64,
) -> Result<Answer, Failure> {
    let body_bytes_max = limits.body_bytes;
    let too_large = || {
        let message = format!(
            "{place}: the body is larger than {body_bytes_max} bytes (decoded). Ask for smaller pages, or raise limits.body_bytes"
        );
        Failure::final_one("too-large", message)
    };
    if response.content_length().is_some_and(|length| length > body_bytes_max) {
        return Err(too_large());
    }
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let status = response.status().as_u16();
    // What a server says of the length is believed only so far.
    let length = response.content_length().unwrap_or_default().min(EXPECTED_BYTES);
    let mut body = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    while let Some(chunk) = response.chunk().await.map_err(|error| failure_of(place, &error))? {
        let bytes = chunk.len() as u64;
        if received.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > limits.received_bytes {
            return Err(Failure { error: too_much(place, limits), unsent: false });
        }
        if (body.len() + chunk.len()) as u64 > body_bytes_max {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

/// What went wrong, told by the causes that the client gives and not by its words.
fn failure_of(place: &str, error: &reqwest::Error) -> Failure {
    let causes = || std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (*cause).source());
    if let Some(refused) = causes().find_map(|cause| cause.downcast_ref::<AddressRefused>()) {
        return Failure::final_one("denied", refused.to_string());
    }
    let deepest = causes().last().map_or_else(|| "no cause given".to_owned(), ToString::to_string);
    if let Some(tls) = causes().find_map(tls_cause) {
        let message = format!(
            "{place}: no secure connection: {tls}. If the server's authority is your own, add it to the system's trust store"
        );
        return Failure::final_one("tls", message);
    }
    if error.is_builder() {
        return Failure::final_one("invalid-request", format!("{place}: cannot be sent: {deepest}"));
    }
    if error.is_timeout() {
        let message = format!("{place}: no connection in time. Check that the host is up and reachable");
        return Failure::passing("timeout", message, error.is_connect());
    }
    if error.is_connect() {
        let message = format!("{place}: no connection: {deepest}. Check the name, the network and the host");
        return Failure::passing("transport", message, true);
    }
    if error.is_decode() {
        let message = format!("{place}: the body broke off, or its coding is broken: {deepest}");
        return Failure::passing("transport", message, false);
    }
    Failure::passing("transport", format!("{place}: no answer: {deepest}"), false)
}

/// A TLS error is wrapped in I/O errors, whose `source` skips what they hold.
fn tls_cause<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut held = cause;
    loop {
        if let Some(tls) = held.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        held = held.downcast_ref::<std::io::Error>()?.get_ref()?;
    }
}

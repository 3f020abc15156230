//! `wasi:http` outgoing requests, for guests whose language has its own client. They reach the network through
//! the same [`Services`] as `fetch.send`, and so the same grants, limits and recording.
//!
//! A request does not leave when it is made but when the guest first waits for its answer; those waited for
//! together leave together, in the order in which they were made, as one `send_all`. So what is asked, its
//! exchange ids and the order in which answers become ready follow from the guest alone. See [`crate::time`].
//!
//! The header [`AUTH_HEADER`] names a credential slot, `aws; service=iam; region=eu-west-1`; it never leaves the
//! host. Each answer carries [`EXCHANGE_HEADER`].
//!
//! [`Services`]: crate::services::Services

use crate::services::LogLevel;
use crate::state::{State, Wait};
use bytes::Bytes;
use exhibit_evidence::fetch::{AuthRef, FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::run::Limits;
use http_body_util::{BodyExt, Full};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{self, ErrorCode, HostFutureIncomingResponse as _};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, WasiHttpView};

/// Request header that names the credential slot.
pub const AUTH_HEADER: &str = "exhibit-auth";

/// Response header that carries the exchange id.
pub const EXCHANGE_HEADER: &str = "exhibit-exchange";

/// Requests that a guest may have made and not waited for.
const UNANSWERED: usize = 256;

/// Bytes that a guest may write to a request's body at once.
const BODY_CHUNK: usize = 16 << 10;

/// The requests that have not left, by their number in the run.
pub(crate) struct Desk {
    next: u64,
    waiting: BTreeMap<u64, Pending>,
    /// Which request a `future-incoming-response` stands for, by the resource's number.
    futures: HashMap<u32, u64>,
    body_limit: u64,
    held: Arc<AtomicU64>,
}

/// A request on the desk.
struct Pending {
    /// Whether it has no body, and so is surely complete.
    bodyless: bool,
    request: oneshot::Receiver<(FetchRequest, Held)>,
    answer: oneshot::Sender<Result<FetchResponse, FetchError>>,
}

/// Bytes of bodies on the desk, all together; given back when dropped.
struct Held {
    bytes: u64,
    all: Arc<AtomicU64>,
}

impl Held {
    fn add(&mut self, bytes: usize, limit: u64) -> Result<(), Error> {
        let bytes = bytes as u64;
        self.bytes += bytes;
        if self.all.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > limit {
            return Err(Error::HttpRequestBodySize(Some(limit)));
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Desk {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            next: 0,
            waiting: BTreeMap::new(),
            futures: HashMap::new(),
            body_limit: limits.body_bytes,
            held: Arc::default(),
        }
    }

    pub(crate) fn is_answered(&self, request: u64) -> bool {
        !self.waiting.contains_key(&request)
    }
}

type Exchange = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Desk {
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Exchange, Error>> + Send> {
        if self.waiting.len() >= UNANSWERED {
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        }
        let (request_in, request_out) = oneshot::channel();
        let (answer_in, answer_out) = oneshot::channel();
        let bodyless = http_body::Body::is_end_stream(request.body());
        self.waiting.insert(self.next, Pending { bodyless, request: request_out, answer: answer_in });
        let (limit, held) = (self.body_limit, Held { bytes: 0, all: self.held.clone() });
        Box::new(async move {
            let asked = read_request(request, held, limit).await?;
            // The desk is gone only with the run.
            let _ = request_in.send(asked);
            match answer_out.await {
                Ok(Ok(answer)) => Ok((response(answer)?, Box::new(async { Ok(()) }) as _)),
                Ok(Err(error)) => Err(refusal(&error)),
                Err(_) => Err(Error::ConnectionTerminated),
            }
        })
    }
}

/// The request as the broker takes it, once its body is whole.
async fn read_request(
    request: http::Request<WasiBody>,
    mut held: Held,
    limit: u64,
) -> Result<(FetchRequest, Held), Error> {
    let (parts, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            held.add(data.len(), limit)?;
            bytes.extend_from_slice(&data);
        }
    }
    let mut headers = Vec::with_capacity(parts.headers.len());
    let mut auth = None;
    for (name, value) in &parts.headers {
        let text = std::str::from_utf8(value.as_bytes())
            .map_err(|_| Error::InternalError(Some(format!("header `{name}` is not UTF-8"))))?;
        if name == AUTH_HEADER {
            auth = Some(read_auth(text));
        } else {
            headers.push((name.as_str().to_owned(), text.to_owned()));
        }
    }
    let request = FetchRequest {
        method: parts.method.as_str().to_owned(),
        url: parts.uri.to_string(),
        headers,
        body: (!bytes.is_empty()).then_some(bytes),
        auth,
        paging: None,
    };
    Ok((request, held))
}

/// `slot; name=value; name=value`.
fn read_auth(text: &str) -> AuthRef {
    let mut parts = text.split(';').map(str::trim);
    let slot = parts.next().unwrap_or_default().to_owned();
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.trim().to_owned(), value.trim().to_owned())
    };
    AuthRef { slot, params: parts.filter(|part| !part.is_empty()).map(pair).collect() }
}

/// The answer as `wasi:http` shows it. The body is here whole, so reading it never waits.
fn response(answer: FetchResponse) -> Result<http::Response<WasiBody>, Error> {
    let mut builder = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    let body = Full::new(Bytes::from(answer.body)).map_err(|never| match never {}).boxed_unsync();
    builder
        .header(EXCHANGE_HEADER, answer.exchange.to_string())
        .body(body)
        .map_err(|error| Error::InternalError(Some(error.to_string())))
}

fn refusal(error: &FetchError) -> Error {
    match error.code.as_str() {
        "denied" | "redirect" => Error::HttpRequestDenied,
        "timeout" => Error::HttpResponseTimeout,
        "tls" => Error::TlsProtocolError,
        "too-large" => Error::HttpResponseBodySize(None),
        _ => Error::InternalError(Some(error.to_string())),
    }
}

/// Lets the wanted requests leave, side by side, and returns which of them are answered now. With `only_bodyless`
/// those that may still be written stay.
pub(crate) async fn fetch_answers(
    state: &mut State,
    wanted: &[u64],
    only_bodyless: bool,
) -> wasmtime::Result<Vec<u64>> {
    let mut numbers = wanted.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    if only_bodyless {
        numbers.retain(|n| state.desk.waiting.get(n).is_none_or(|pending| pending.bodyless));
    }
    let mut requests = Vec::new();
    let mut leaving = Vec::new();
    for number in &numbers {
        let Some(pending) = state.desk.waiting.remove(number) else { continue };
        // One whose body failed has its error already.
        if let Ok((request, held)) = pending.request.await {
            state.output.ask(&request)?;
            leaving.push((request.url.clone(), pending.answer, held));
            requests.push(request);
        }
    }
    if requests.is_empty() {
        return Ok(numbers);
    }
    let answers = state.services.send_all(requests).await;
    let mut answers = answers.into_iter();
    for (url, to_guest, _held) in leaving {
        let answer = match answers.next() {
            Some(Ok(pages)) => pages.into_iter().next(),
            Some(Err(error)) => {
                log_refusal(state, url, &error);
                let _ = to_guest.send(Err(error));
                continue;
            }
            None => None,
        };
        let missing = || FetchError::new("transport", "the request was not answered", false);
        let _ = to_guest.send(answer.ok_or_else(missing));
    }
    Ok(numbers)
}

/// `wasi:http` has no room for the host's words, so they go to the log.
fn log_refusal(state: &mut State, url: String, error: &FetchError) {
    if state.log.take(url.len() + error.message.len()).is_ok_and(|fits| fits > 0) {
        let fields = [("url".to_owned(), url), ("code".to_owned(), error.code.clone())];
        state.services.log(LogLevel::Warn, &error.message, &fields);
    }
}

/// Puts the desk in the place of WASI's own bookkeeping of answers.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("wasi:http/outgoing-handler@0.2.12")?.func_wrap(
        "handle",
        |mut store: StoreContextMut<'_, State>,
         (request, options): (Resource<HostOutgoingRequest>, Option<Resource<types::RequestOptions>>)| {
            Ok((handle(store.data_mut(), request, options)?,))
        },
    )?;
    let mut types = linker.instance("wasi:http/types@0.2.12")?;
    types.func_wrap(
        "[method]future-incoming-response.subscribe",
        |mut store: StoreContextMut<'_, State>, (future,): (Resource<HostFutureIncomingResponse>,)| {
            Ok((subscribe(store.data_mut(), future)?,))
        },
    )?;
    types.resource(
        "future-incoming-response",
        ResourceType::host::<HostFutureIncomingResponse>(),
        |mut store, rep| {
            let state: &mut State = store.data_mut();
            if let Some(number) = state.desk.futures.remove(&rep) {
                state.desk.waiting.remove(&number);
            }
            state.http().drop(Resource::new_own(rep))
        },
    )
}

fn handle(
    state: &mut State,
    request: Resource<HostOutgoingRequest>,
    options: Option<Resource<types::RequestOptions>>,
) -> wasmtime::Result<Result<Resource<HostFutureIncomingResponse>, ErrorCode>> {
    match outgoing_handler::Host::handle(&mut state.http(), request, options) {
        Ok(future) => {
            state.desk.futures.insert(future.rep(), state.desk.next);
            state.desk.next += 1;
            Ok(Ok(future))
        }
        Err(error) => Ok(Err(error.downcast()?)),
    }
}

fn subscribe(
    state: &mut State,
    future: Resource<HostFutureIncomingResponse>,
) -> wasmtime::Result<Resource<DynPollable>> {
    let number = state.desk.futures.get(&future.rep()).copied();
    let pollable = state.http().subscribe(future)?;
    if let Some(number) = number {
        state.waits.insert(pollable.rep(), Wait::Answer(number));
    }
    Ok(pollable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_names_slot_and_parameters() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(read_auth("okta"), AuthRef { slot: "okta".into(), params: vec![] });
        assert_eq!(
            read_auth("aws; service=iam;region = eu-west-1"),
            AuthRef { slot: "aws".into(), params: vec![pair("service", "iam"), pair("region", "eu-west-1")] }
        );
    }

    #[test]
    fn bodies_on_the_desk_are_bounded_together() {
        let all = Arc::new(AtomicU64::new(0));
        let mut first = Held { bytes: 0, all: all.clone() };
        let mut second = Held { bytes: 0, all: all.clone() };
        assert!(first.add(60, 100).is_ok());
        assert!(second.add(60, 100).is_err());
        drop(second);
        drop(first);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }
}

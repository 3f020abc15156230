//! An HTTP/1.1 server on loopback: one thread, any number of fakes, gone when dropped.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::borrow::Cow;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;

/// Requests with a larger body are answered 413: no API here takes one.
const BODY_LIMIT: usize = 1 << 20;

/// A request, read whole.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path as sent, still percent-encoded.
    pub(crate) path: String,
    /// The query as sent, without its question mark.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// The first query parameter called `name`, decoded.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        self.params().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// All query parameters, decoded.
    pub(crate) fn params(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        url::form_urlencoded::parse(self.query.as_bytes())
    }

    /// A header's value, when it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The path's segments, decoded, without empty ones.
    pub(crate) fn segments(&self) -> Vec<String> {
        let decode = |s: &str| percent_encoding::percent_decode_str(s).decode_utf8_lossy().into_owned();
        self.path.split('/').filter(|s| !s.is_empty()).map(decode).collect()
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Something that answers requests.
pub(crate) trait Fake: Send + Sync + 'static {
    fn answer(&self, request: &Request) -> Reply;
}

/// A fake, where it listens, and how much it was asked.
struct Site {
    listener: TcpListener,
    fake: Arc<dyn Fake>,
    count: Arc<AtomicU64>,
}

/// Binds a listener to a free port of 127.0.0.1.
pub(crate) fn bind() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The running server. Dropping it closes the ports and every connection.
#[derive(Debug)]
pub(crate) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    counts: Vec<Arc<AtomicU64>>,
}

impl Server {
    /// Serves each fake on its listener, from a thread of its own.
    pub(crate) fn start(fakes: Vec<(TcpListener, Arc<dyn Fake>)>) -> std::io::Result<Self> {
        let sites: Vec<Site> = fakes
            .into_iter()
            .map(|(listener, fake)| Site { listener, fake, count: Arc::default() })
            .collect();
        let counts = sites.iter().map(|s| Arc::clone(&s.count)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async move {
                for site in sites {
                    tokio::spawn(accept(site));
                }
                // An error means that the sender is gone, which is a stop as well.
                let _ = stopped.await;
            });
        };
        let thread = std::thread::Builder::new().name("demo-fakes".to_owned()).spawn(serve)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), counts })
    }

    /// How many requests the fake at this position has answered.
    pub(crate) fn count(&self, fake: usize) -> u64 {
        self.counts.get(fake).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(site: Site) {
    let Ok(listener) = tokio::net::TcpListener::from_std(site.listener) else { return };
    loop {
        // A connection that failed before it was accepted is the client's to notice.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (fake, count) = (Arc::clone(&site.fake), Arc::clone(&site.count));
        // Small answers on a connection that is kept would wait for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(Arc::clone(&fake), Arc::clone(&count), request));
            let _ = hyper::server::conn::http1::Builder::new()
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(
    fake: Arc<dyn Fake>,
    count: Arc<AtomicU64>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let reply = match Limited::new(body, BODY_LIMIT).collect().await {
        Err(_) => Reply::new(413, "text/plain", "the request's body is too large\n"),
        Ok(body) => fake.answer(&Request {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body: body.to_bytes(),
        }),
    };
    count.fetch_add(1, Ordering::Relaxed);
    let mut response = hyper::Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = hyper::StatusCode::from_u16(reply.status).unwrap_or_default();
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

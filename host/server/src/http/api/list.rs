//! Lists that go on where they ended, and lines that are sent as they are read.

use super::super::app::App;
use super::super::problem::Problem;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::{BufMut as _, Bytes, BytesMut};
use exhibit_pipeline::host::Host;
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use std::time::Duration;
use tokio::sync::mpsc;
use utoipa::ToSchema;

/// Members of a list, where the one who asks names no number.
pub(crate) const USUAL: u32 = 50;
/// Members of a list at most.
pub(crate) const MOST: u32 = 500;
/// Lines that stream.
pub(crate) const NDJSON: &str = "application/x-ndjson";
/// Bytes that are sent at once.
const CHUNK: usize = 64 << 10;
/// How long a client may not read.
const STALLED: Duration = Duration::from_secs(60);

/// A part of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Part<T: ToSchema> {
    /// Its members.
    pub(crate) items: Vec<T>,
    /// What to put into `cursor` for the members after these; none: there are no more.
    pub(crate) next: Option<String>,
}

/// How many members are asked for.
pub(crate) fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    match asked {
        None => Ok(USUAL as usize),
        Some(n @ 1..=MOST) => Ok(n as usize),
        Some(_) => Err(Problem::bad_request(format!("`limit` is 1 to {MOST}"))),
    }
}

/// A cursor that is a number.
pub(crate) fn number(cursor: Option<&str>) -> Result<Option<u64>, Problem> {
    let wrong = |_| Problem::bad_request("`cursor` is what `next` of an earlier answer said");
    cursor.map(|text| text.parse().map_err(wrong)).transpose()
}

/// Whether lines are asked for, and not a part of a list.
pub(crate) fn wants_lines(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|v| v.contains(NDJSON))
}

/// Where lines go. Each is sent with a newline.
pub(crate) struct Lines {
    sender: mpsc::Sender<Result<Bytes, std::io::Error>>,
    runtime: tokio::runtime::Handle,
    buffer: BytesMut,
}

/// The client is gone, or does not read.
pub(crate) struct Gone;

impl Lines {
    /// Sends a line.
    pub(crate) fn line(&mut self, line: &[u8]) -> Result<(), Gone> {
        self.buffer.put_slice(line);
        self.buffer.put_u8(b'\n');
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Gone> {
        let chunk = self.buffer.split().freeze();
        self.send(Ok(chunk))
    }

    fn send(&mut self, chunk: Result<Bytes, std::io::Error>) -> Result<(), Gone> {
        let sent = self.sender.send_timeout(chunk, STALLED);
        self.runtime.block_on(sent).map_err(|_| Gone)
    }
}

/// Answers with lines while `write` reads them. Where it fails half way, the answer breaks off, so that nobody takes
/// half a list for a whole one.
pub(crate) fn stream<E: std::fmt::Display>(
    app: &App,
    write: impl FnOnce(&Host, &mut Lines) -> Result<Result<(), E>, Gone> + Send + 'static,
) -> Response {
    let host = app.host();
    let (sender, receiver) = mpsc::channel(4);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut lines = Lines { sender, runtime, buffer: BytesMut::new() };
        let _ = match write(&host, &mut lines) {
            Ok(Ok(())) => lines.flush(),
            Ok(Err(error)) => {
                let _ = lines.flush();
                lines.send(Err(std::io::Error::other(error.to_string())))
            }
            Err(Gone) => Ok(()),
        };
    });
    let chunks = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(chunks)).into_response()
}

/// Bytes that never change, under their digest as entity tag.
pub(crate) fn fixed(kind: &'static str, tag: impl std::fmt::Display, bytes: Vec<u8>) -> Response {
    let mut response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// As a file to be kept, never shown: whatever is in it was written by others.
pub(crate) fn as_file(response: &mut Response, name: &str) {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let ascii: String = name.chars().map(plain).take(100).collect();
    // RFC 6266: a name that every client reads, and the name as it is.
    let exact: String =
        percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).collect();
    let value = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{exact}");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
}

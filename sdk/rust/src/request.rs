//! Building requests.

use crate::failure::{Failure, Result};
use crate::host::{RawRequest, imports};
use crate::page::Page;
use crate::paging::Paging;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes one path segment or query value, so that an id from outside cannot change a URL's shape.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A credential to attach: a slot that `connector.toml` declares, and what its scheme lets a connector choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    slot: String,
    params: Vec<(String, String)>,
}

impl Auth {
    /// The credential in this slot.
    pub fn slot(slot: &str) -> Self {
        Self { slot: slot.to_owned(), params: Vec::new() }
    }

    /// A parameter of the scheme: AWS `service` and `region`, for example.
    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params.push((name.to_owned(), value.into()));
        self
    }
}

impl From<&str> for Auth {
    fn from(slot: &str) -> Self {
        Self::slot(slot)
    }
}

impl From<&Auth> for Auth {
    fn from(auth: &Auth) -> Self {
        auth.clone()
    }
}

/// A request, before it is sent. Made by [`Context::get`](crate::Context::get) and
/// [`Context::post`](crate::Context::post).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    raw: RawRequest,
    paging: Option<Paging>,
}

impl Request {
    /// A request with this method for this absolute URL.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            raw: RawRequest {
                method: method.to_ascii_uppercase(),
                url: url.into(),
                headers: Vec::new(),
                body: None,
                auth: None,
                paging: None,
            },
            paging: None,
        }
    }

    /// Adds a query parameter; both are percent-encoded.
    pub fn query(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let joint = if self.raw.url.contains('?') { '&' } else { '?' };
        self.raw.url = format!("{}{joint}{}={}", self.raw.url, encode(name), encode(value.as_ref()));
        self
    }

    /// Adds a header. Credential headers are refused by the host: see [`Request::auth`].
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.raw.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets a JSON body, and its content type unless there is one already.
    pub fn json(self, body: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        self.body("application/json", bytes)
    }

    /// Sets a form body (`application/x-www-form-urlencoded`), and its content type unless there is one already.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let fields: Vec<String> = fields
            .into_iter()
            .map(|(name, value)| format!("{}={}", encode(name.as_ref()), encode(value.as_ref())))
            .collect();
        self.body("application/x-www-form-urlencoded; charset=utf-8", fields.join("&").into_bytes())
    }

    /// Sets a body of this content type, unless a header names one already.
    pub fn body(mut self, content_type: &str, bytes: Vec<u8>) -> Self {
        if !self.raw.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            self.raw.headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        self.raw.body = Some(bytes);
        self
    }

    /// Names the credential that the host attaches once the request has left the connector.
    pub fn auth(mut self, auth: impl Into<Auth>) -> Self {
        let Auth { slot, params } = auth.into();
        self.raw.auth = Some((slot, params));
        self
    }

    /// Has the host walk the list that this request begins.
    pub fn paged(mut self, paging: Paging) -> Self {
        self.raw.paging = Some(paging.to_json());
        self.paging = Some(paging);
        self
    }

    /// Says where in the one answer the list is, so that the host counts it:
    /// [`Paging::single`](crate::Paging::single) for lists that have one page by definition.
    pub fn list(self, items: &str) -> Self {
        self.paged(Paging::single().items(items))
    }

    /// Method and URL, for messages.
    pub(crate) fn asked(&self) -> String {
        format!("{} {}", self.raw.method, self.raw.url)
    }

    pub(crate) fn into_raw(self) -> RawRequest {
        self.raw
    }

    pub(crate) fn items_place(&self) -> Option<String> {
        self.paging.as_ref().and_then(Paging::items_place).map(str::to_owned)
    }

    /// Sends it, and fails where there is no answer or its status is 400 or above.
    pub fn send(self) -> Result<Page> {
        let page = self.send_any()?;
        if page.status() < 400 { Ok(page) } else { Err(Failure::from_page(page)) }
    }

    /// Sends it, and returns the answer whatever its status.
    pub fn send_any(self) -> Result<Page> {
        let (asked, items) = (self.asked(), self.items_place());
        match imports::send(self.raw) {
            Ok(answer) => Ok(Page::new(answer, &asked, items)),
            Err(error) => Err(Failure::from_raw(&asked, error)),
        }
    }

    /// The list's pages, one after the other as they are asked for. A page with a status of 400 or above is a
    /// failure, and the last.
    pub fn pages(self) -> Pages {
        Pages { asked: self.asked(), items: self.items_place(), walk: Some(imports::Pages::open(self.raw)) }
    }
}

/// The pages of one list. Dropped before its end, the list counts as abandoned and what it feeds as incomplete.
pub struct Pages {
    asked: String,
    items: Option<String>,
    walk: Option<imports::Pages>,
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        let page = match self.walk.as_ref()?.next() {
            Ok(Some(answer)) => Page::new(answer, &self.asked, self.items.clone()),
            Ok(None) => {
                self.walk = None;
                return None;
            }
            Err(error) => {
                self.walk = None;
                return Some(Err(Failure::from_raw(&self.asked, error)));
            }
        };
        if page.status() < 400 {
            return Some(Ok(page));
        }
        self.walk = None;
        Some(Err(Failure::from_page(page)))
    }
}

/// Requests that cross to the host at once. It bounds what is held in memory: a source's requests may be many.
const BATCH: usize = 64;

/// Answers to many requests, in the order asked. Made by [`Context::send_all`](crate::Context::send_all).
pub struct Answers<I> {
    requests: std::iter::Fuse<I>,
    ready: std::collections::VecDeque<Result<Vec<Page>>>,
}

impl<I: Iterator<Item = Request>> Answers<I> {
    pub(crate) fn new(requests: I) -> Self {
        Self { requests: requests.fuse(), ready: std::collections::VecDeque::new() }
    }
}

impl<I: Iterator<Item = Request>> Iterator for Answers<I> {
    type Item = Result<Vec<Page>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            let batch: Vec<Request> = self.requests.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return None;
            }
            let asked: Vec<_> = batch.iter().map(|r| (r.asked(), r.items_place())).collect();
            let answers = imports::send_all(batch.into_iter().map(Request::into_raw).collect());
            self.ready.extend(asked.into_iter().zip(answers).map(|((asked, items), answer)| {
                let pages = answer.map_err(|error| Failure::from_raw(&asked, error))?;
                pages
                    .into_iter()
                    .map(|page| Page::new(page, &asked, items.clone()))
                    .map(|page| if page.status() < 400 { Ok(page) } else { Err(Failure::from_page(page)) })
                    .collect()
            }));
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_would_change_the_shape() {
        // RFC 3986 section 2.3: unreserved characters stay.
        assert_eq!(encode("a-b._~/?&=+ é"), "a-b._~%2F%3F%26%3D%2B%20%C3%A9");
        let url =
            Request::new("get", "https://example.com/api").query("filter", "status eq \"A\"").query("n", "2");
        assert_eq!(url.asked(), "GET https://example.com/api?filter=status%20eq%20%22A%22&n=2");
    }

    #[test]
    fn a_content_type_of_its_own_stays() {
        let request = Request::new("POST", "https://example.com/")
            .header("Content-Type", "application/x-amz-json-1.1")
            .json(&serde_json::json!({"a": 1}));
        let raw = request.into_raw();
        assert_eq!(raw.headers, [("Content-Type".to_owned(), "application/x-amz-json-1.1".to_owned())]);
        assert_eq!(raw.body.unwrap(), br#"{"a":1}"#);
        let form =
            Request::new("POST", "https://example.com/").form([("Action", "ListUsers"), ("a b", "c&d")]);
        assert_eq!(form.into_raw().body.unwrap(), b"Action=ListUsers&a%20b=c%26d");
    }
}

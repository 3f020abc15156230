//! Services that answer from a script and write down what they are asked.

use async_trait::async_trait;
use exhibit_evidence::exchange::ExchangeId;
use exhibit_evidence::fetch::{FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::run::{RunFacts, RunId};
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_sandbox::services::{Item, LogLevel, Services};
use std::time::Duration;

/// 2026-03-04T10:00:00Z.
pub const STARTED_MS: u64 = 1_772_618_400_000;

/// Everything that a guest asked for, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Recorder {
    /// Calls but log and emit, as one line each.
    pub calls: Vec<String>,
    /// Log messages with their level.
    pub log: Vec<String>,
    /// Items with their population.
    pub items: Vec<(u32, Item)>,
    /// Requests as they arrived.
    pub requests: Vec<FetchRequest>,
    /// Whether the tenant is another than expected.
    pub refuses_tenant: bool,
    calls_of_fetch: u32,
    walks: u32,
    pages_left: u32,
    populations: u32,
}

impl Recorder {
    pub fn new() -> Self {
        Self { pages_left: 3, ..Self::default() }
    }

    /// The log without its levels.
    pub fn said(&self) -> Vec<&str> {
        self.log.iter().filter_map(|line| line.split_once(' ').map(|(_, message)| message)).collect()
    }

    async fn answer(
        &mut self,
        request: FetchRequest,
        exchange: ExchangeId,
    ) -> Result<FetchResponse, FetchError> {
        let url = request.url.clone();
        let length = request.body.as_ref().map(Vec::len);
        self.requests.push(request);
        if url.starts_with("https://other.") {
            return Err(FetchError::new("denied", "the grant does not cover other.example.com", false));
        }
        if url.ends_with("/never") {
            std::future::pending::<()>().await;
        }
        if url.ends_with("/slow") {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let body = match length {
            Some(bytes) => format!("{bytes} bytes at {url}"),
            None => format!("answer to {url}"),
        };
        let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
        Ok(FetchResponse { status: 200, headers, body: body.into_bytes(), exchange })
    }

    fn next_call(&mut self) -> u32 {
        let call = self.calls_of_fetch;
        self.calls_of_fetch += 1;
        call
    }
}

#[async_trait]
impl Services for Recorder {
    fn facts(&self) -> RunFacts {
        let at = Timestamp::from_ms(STARTED_MS);
        RunFacts {
            run: RunId::new(at, 0x1f3a_9c02),
            started_at: at,
            window: Span { start: at.plus_ms(-86_400_000), end: at },
            kinds: vec!["identity.account@1".parse().unwrap()],
        }
    }

    fn tenant(&mut self, tenant: &str) -> Result<(), String> {
        self.calls.push(format!("tenant {tenant}"));
        if self.refuses_tenant {
            Err(format!("this source belongs to another tenant than {tenant}"))
        } else {
            Ok(())
        }
    }

    async fn send(&mut self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        self.calls.push(format!("send {} {:?}", request.url, request.auth.as_ref().map(|auth| &auth.slot)));
        let exchange = ExchangeId { call: self.next_call(), index: 0, page: 0 };
        self.answer(request, exchange).await
    }

    async fn send_all(&mut self, requests: Vec<FetchRequest>) -> Vec<Result<Vec<FetchResponse>, FetchError>> {
        let urls: Vec<&str> = requests.iter().map(|request| request.url.as_str()).collect();
        self.calls.push(format!("send_all {}", urls.join(" ")));
        let call = self.next_call();
        let mut answers = Vec::new();
        for (index, request) in (0..).zip(requests) {
            let answer = self.answer(request, ExchangeId { call, index, page: 0 }).await;
            answers.push(answer.map(|page| vec![page]));
        }
        answers
    }

    async fn open_pages(&mut self, request: FetchRequest) -> Result<u32, FetchError> {
        self.calls.push(format!("open_pages {}", request.url));
        if request.url.starts_with("https://other.") {
            return Err(FetchError::new("denied", "the grant does not cover other.example.com", false));
        }
        self.walks += 1;
        Ok(self.walks - 1)
    }

    async fn next_page(&mut self, pages: u32) -> Result<Option<FetchResponse>, FetchError> {
        self.calls.push(format!("next_page {pages}"));
        if self.pages_left == 0 {
            return Ok(None);
        }
        self.pages_left -= 1;
        let exchange = ExchangeId { call: pages, index: 0, page: 2 - self.pages_left };
        Ok(Some(FetchResponse { status: 200, headers: Vec::new(), body: b"[1,2]".to_vec(), exchange }))
    }

    async fn close_pages(&mut self, pages: u32) {
        self.calls.push(format!("close_pages {pages}"));
    }

    fn log(&mut self, level: LogLevel, message: &str, _: &[(String, String)]) {
        self.log.push(format!("{level} {message}"));
    }

    fn state_get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.calls.push(format!("state_get {key}"));
        Some(b"before".to_vec())
    }

    fn state_set(&mut self, key: &str, value: Vec<u8>) -> Result<(), String> {
        self.calls.push(format!("state_set {key} {}", String::from_utf8_lossy(&value)));
        Ok(())
    }

    fn state_delete(&mut self, key: &str) {
        self.calls.push(format!("state_delete {key}"));
    }

    async fn open_population(&mut self, kind: &str, query: &str) -> Result<u32, String> {
        self.calls.push(format!("open_population {kind} {query}"));
        if kind != "identity.account@1" {
            return Err(format!("`{kind}` is not among the kinds that the manifest declares"));
        }
        self.populations += 1;
        Ok(self.populations - 1)
    }

    async fn from_exchange(&mut self, population: u32, exchange: ExchangeId) -> Result<(), String> {
        self.calls.push(format!("from_exchange {population} {exchange}"));
        Ok(())
    }

    async fn emit(&mut self, population: u32, items: Vec<Item>) -> Result<u64, String> {
        self.items.extend(items.into_iter().map(|item| (population, item)));
        Ok(self.items.len() as u64)
    }

    async fn filtered(&mut self, population: u32, count: u64, reason: &str) -> Result<(), String> {
        self.calls.push(format!("filtered {population} {count} {reason}"));
        Ok(())
    }

    async fn incomplete(&mut self, population: u32, what: &str) -> Result<(), String> {
        self.calls.push(format!("incomplete {population} {what}"));
        Ok(())
    }

    async fn seal(&mut self, population: u32, expected: Option<u64>) -> Result<(), String> {
        self.calls.push(format!("seal {population} {expected:?}"));
        Ok(())
    }
}

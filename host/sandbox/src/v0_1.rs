//! The adapter for contract 0.1 (`wit/0.1`): translates it to [`Services`], and nothing more.
//!
//! [`Services`]: crate::services::Services

use crate::end::Failure;
use crate::services::{Item, LogLevel};
use crate::state::State;
use exhibit_evidence::exchange::ExchangeId;
use exhibit_evidence::fetch::{AuthRef, FetchError, FetchRequest, FetchResponse};
use exhibit_evidence::record::Origin;
use wasmtime::component::{HasSelf, Linker, Resource};

mod bindings {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
    wasmtime::component::bindgen!({
        path: "../../wit/0.1",
        world: "connector",
        imports: {
            "exhibit:connector/fetch": async | trappable,
            "exhibit:connector/evidence": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "exhibit:connector/fetch.pages": super::Pages,
            "exhibit:connector/evidence.population": super::Population,
        },
    });
}

pub(crate) use bindings::exports::exhibit::connector::collector;
pub(crate) use bindings::{Connector, ConnectorPre};

use bindings::exhibit::connector::{evidence, fetch, log, run, state as cursor};

/// A walk that the guest has begun; its number with the services, or why it could not begin.
#[allow(unreachable_pub, reason = "named by the generated bindings, which are private too")]
pub struct Pages(Result<u32, FetchError>);

/// A population that the guest has opened; its number with the services, or why it could not be opened.
#[allow(unreachable_pub, reason = "named by the generated bindings, which are private too")]
pub struct Population(Result<u32, String>);

/// Bytes that an origin takes beside its text, so that empty ones are not free.
const ORIGIN_BYTES: usize = 16;

/// Adds the contract's imports.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    Connector::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

impl run::Host for State {
    fn run_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.services.facts().run.to_string())
    }

    fn started_at_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(self.services.facts().started_at.as_ms())
    }

    fn window(&mut self) -> wasmtime::Result<run::Span> {
        let window = self.services.facts().window;
        Ok(run::Span { start_ms: window.start.as_ms(), end_ms: window.end.as_ms() })
    }

    fn kinds(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.services.facts().kinds.iter().map(ToString::to_string).collect())
    }
}

impl log::Host for State {
    fn write(
        &mut self,
        level: log::Level,
        mut message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => LogLevel::Trace,
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        let beside: usize =
            1 + fields.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>();
        let fits = self.log.take(message.len() + beside)?;
        if fits == message.len() + beside {
            self.services.log(level, &message, &fields);
        } else if fits > 0 {
            message.truncate(message.floor_char_boundary(fits));
            self.services.log(level, &message, &[]);
        }
        Ok(())
    }
}

impl cursor::Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.services.state_get(&key))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        Ok(self.services.state_set(&key, value))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<()> {
        self.services.state_delete(&key);
        Ok(())
    }
}

impl fetch::Host for State {
    async fn send(
        &mut self,
        request: fetch::Request,
    ) -> wasmtime::Result<Result<fetch::Response, fetch::FetchError>> {
        let request = to_request(request);
        self.output.ask(&request)?;
        let answer = self.services.send(request).await;
        Ok(answer.map(from_response).map_err(from_error))
    }

    async fn send_all(
        &mut self,
        requests: Vec<fetch::Request>,
    ) -> wasmtime::Result<Vec<Result<Vec<fetch::Response>, fetch::FetchError>>> {
        let asked = requests.len();
        let requests: Vec<FetchRequest> = requests.into_iter().map(to_request).collect();
        requests.iter().try_for_each(|request| self.output.ask(request))?;
        let answers = self.services.send_all(requests).await;
        if answers.len() != asked {
            wasmtime::bail!("the host answered {} of {asked} requests", answers.len());
        }
        let pages = |pages: Vec<FetchResponse>| pages.into_iter().map(from_response).collect();
        Ok(answers.into_iter().map(|answer| answer.map(pages).map_err(from_error)).collect())
    }
}

impl fetch::HostPages for State {
    async fn new(&mut self, request: fetch::Request) -> wasmtime::Result<Resource<Pages>> {
        let request = to_request(request);
        self.output.ask(&request)?;
        let opened = self.services.open_pages(request).await;
        Ok(self.table.push(Pages(opened))?)
    }

    async fn next(
        &mut self,
        pages: Resource<Pages>,
    ) -> wasmtime::Result<Result<Option<fetch::Response>, fetch::FetchError>> {
        let answer = match self.table.get(&pages)?.0.clone() {
            Ok(number) => self.services.next_page(number).await,
            Err(error) => Err(error),
        };
        Ok(answer.map(|page| page.map(from_response)).map_err(from_error))
    }

    async fn drop(&mut self, pages: Resource<Pages>) -> wasmtime::Result<()> {
        if let Ok(number) = self.table.delete(pages)?.0 {
            self.services.close_pages(number).await;
        }
        Ok(())
    }
}

impl evidence::Host for State {}

impl evidence::HostPopulation for State {
    async fn new(&mut self, kind: String, query: String) -> wasmtime::Result<Resource<Population>> {
        let opened = self.services.open_population(&kind, &query).await;
        Ok(self.table.push(Population(opened))?)
    }

    async fn from_exchange(
        &mut self,
        population: Resource<Population>,
        exchange_id: String,
    ) -> wasmtime::Result<Result<(), String>> {
        let number = match self.table.get(&population)?.0.clone() {
            Ok(number) => number,
            Err(why) => return Ok(Err(why)),
        };
        let exchange = match exchange_id.parse::<ExchangeId>() {
            Ok(exchange) => exchange,
            Err(error) => return Ok(Err(error.to_string())),
        };
        Ok(self.services.from_exchange(number, exchange).await)
    }

    async fn emit(
        &mut self,
        population: Resource<Population>,
        items: Vec<evidence::Item>,
    ) -> wasmtime::Result<Result<u64, String>> {
        let bytes: usize = items.iter().map(item_bytes).sum();
        self.output.add(items.len() as u64, bytes as u64)?;
        let number = match self.table.get(&population)?.0.clone() {
            Ok(number) => number,
            Err(why) => return Ok(Err(why)),
        };
        let items = match items.into_iter().map(to_item).collect::<Result<Vec<_>, String>>() {
            Ok(items) => items,
            Err(why) => return Ok(Err(why)),
        };
        Ok(self.services.emit(number, items).await)
    }

    async fn filtered(
        &mut self,
        population: Resource<Population>,
        count: u64,
        reason: String,
    ) -> wasmtime::Result<Result<(), String>> {
        Ok(match self.table.get(&population)?.0.clone() {
            Ok(number) => self.services.filtered(number, count, &reason).await,
            Err(why) => Err(why),
        })
    }

    async fn incomplete(
        &mut self,
        population: Resource<Population>,
        what: String,
    ) -> wasmtime::Result<Result<(), String>> {
        Ok(match self.table.get(&population)?.0.clone() {
            Ok(number) => self.services.incomplete(number, &what).await,
            Err(why) => Err(why),
        })
    }

    async fn seal(
        &mut self,
        population: Resource<Population>,
        expected: Option<u64>,
    ) -> wasmtime::Result<Result<(), String>> {
        Ok(match self.table.get(&population)?.0.clone() {
            Ok(number) => self.services.seal(number, expected).await,
            Err(why) => Err(why),
        })
    }

    async fn drop(&mut self, population: Resource<Population>) -> wasmtime::Result<()> {
        self.table.delete(population)?;
        Ok(())
    }
}

fn to_request(request: fetch::Request) -> FetchRequest {
    FetchRequest {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
        auth: request.auth.map(|auth| AuthRef { slot: auth.slot, params: auth.params }),
        paging: request.paging,
    }
}

fn from_response(response: FetchResponse) -> fetch::Response {
    fetch::Response {
        status: response.status,
        headers: response.headers,
        body: response.body,
        exchange_id: response.exchange.to_string(),
    }
}

fn from_error(error: FetchError) -> fetch::FetchError {
    fetch::FetchError {
        code: error.code,
        message: error.message,
        retryable: error.retryable,
        retry_after_ms: error.retry_after_ms,
    }
}

fn item_bytes(item: &evidence::Item) -> usize {
    let origin = |o: &evidence::Origin| o.exchange_id.len() + o.pointer.len() + ORIGIN_BYTES;
    item.key.len() + item.body_json.len() + item.origins.iter().map(origin).sum::<usize>()
}

fn to_item(item: evidence::Item) -> Result<Item, String> {
    let origin = |o: evidence::Origin| match o.exchange_id.parse() {
        Ok(exchange) => Ok(Origin { exchange, pointer: o.pointer }),
        Err(error) => Err(format!(
            "item `{}`: origin: {error}; use the response's own exchange-id",
            item.key.chars().take(80).collect::<String>()
        )),
    };
    Ok(Item {
        origins: item.origins.into_iter().map(origin).collect::<Result<_, _>>()?,
        key: item.key,
        occurred_at_ms: item.occurred_at_ms,
        body_json: item.body_json,
    })
}

impl From<collector::Failure> for Failure {
    fn from(failure: collector::Failure) -> Self {
        let cut = |text: String, most: usize| text.chars().take(most).collect();
        Self {
            code: cut(failure.code, 64),
            message: cut(failure.message, 4096),
            retryable: failure.retryable,
            retry_after_ms: failure.retry_after_ms,
        }
    }
}

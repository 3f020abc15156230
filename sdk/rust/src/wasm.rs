//! The contract's bindings, and their translation to and from the SDK's own types. In a component only.

#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, reason = "made by wit-bindgen from wit/")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1",
        world: "connector",
        pub_export_macro: true,
        default_bindings_module: "exhibit_sdk::wasm::bindings",
    });
}

pub use bindings::exports::exhibit::connector::collector::{Failure, Guest, Problem};

pub(crate) mod imports {
    use super::bindings::exhibit::connector as wit;
    use crate::host::{Facts, Level, RawError, RawItem, RawRequest, RawResponse};

    pub(crate) fn facts() -> Facts {
        let window = wit::run::window();
        Facts {
            run_id: wit::run::run_id(),
            started_at_ms: wit::run::started_at_ms(),
            window_start_ms: window.start_ms,
            window_end_ms: window.end_ms,
            kinds: wit::run::kinds(),
        }
    }

    pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
        let level = match level {
            Level::Trace => wit::log::Level::Trace,
            Level::Debug => wit::log::Level::Debug,
            Level::Info => wit::log::Level::Info,
            Level::Warn => wit::log::Level::Warn,
            Level::Error => wit::log::Level::Error,
        };
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        wit::log::write(level, message, &fields);
    }

    fn request(raw: RawRequest) -> wit::fetch::Request {
        let RawRequest { method, url, headers, body, auth, paging } = raw;
        let auth = auth.map(|(slot, params)| wit::fetch::Auth { slot, params });
        wit::fetch::Request { method, url, headers, body, auth, paging }
    }

    fn response(answer: wit::fetch::Response) -> RawResponse {
        let wit::fetch::Response { status, headers, body, exchange_id } = answer;
        RawResponse { status, headers, body, exchange: exchange_id }
    }

    fn error(error: wit::fetch::FetchError) -> RawError {
        let wit::fetch::FetchError { code, message, retryable, retry_after_ms } = error;
        RawError { code, message, retryable, retry_after_ms }
    }

    pub(crate) fn send(raw: RawRequest) -> Result<RawResponse, RawError> {
        wit::fetch::send(&request(raw)).map(response).map_err(error)
    }

    pub(crate) fn send_all(raw: Vec<RawRequest>) -> Vec<Result<Vec<RawResponse>, RawError>> {
        let requests: Vec<_> = raw.into_iter().map(request).collect();
        let pages = |pages: Vec<wit::fetch::Response>| pages.into_iter().map(response).collect();
        wit::fetch::send_all(&requests).into_iter().map(|answer| answer.map(pages).map_err(error)).collect()
    }

    pub(crate) fn state_get(key: &str) -> Option<Vec<u8>> {
        wit::state::get(key)
    }

    pub(crate) fn state_set(key: &str, value: &[u8]) -> Result<(), String> {
        wit::state::set(key, value)
    }

    pub(crate) fn state_delete(key: &str) {
        wit::state::delete(key);
    }

    pub(crate) struct Pages(wit::fetch::Pages);

    impl Pages {
        pub(crate) fn open(raw: RawRequest) -> Self {
            Self(wit::fetch::Pages::new(&request(raw)))
        }

        pub(crate) fn next(&self) -> Result<Option<RawResponse>, RawError> {
            self.0.next().map(|page| page.map(response)).map_err(error)
        }
    }

    pub(crate) struct Population(wit::evidence::Population);

    impl Population {
        pub(crate) fn open(kind: &str, query: &str) -> Self {
            Self(wit::evidence::Population::new(kind, query))
        }

        pub(crate) fn fed_by(&self, exchange: &str) -> Result<(), String> {
            self.0.from_exchange(exchange)
        }

        pub(crate) fn emit(&self, items: Vec<RawItem>) -> Result<u64, String> {
            let items: Vec<_> = items.into_iter().map(item).collect();
            self.0.emit(&items)
        }

        pub(crate) fn filtered(&self, count: u64, reason: &str) -> Result<(), String> {
            self.0.filtered(count, reason)
        }

        pub(crate) fn incomplete(&self, what: &str) -> Result<(), String> {
            self.0.incomplete(what)
        }

        pub(crate) fn seal(&self, expected: Option<u64>) -> Result<(), String> {
            self.0.seal(expected)
        }
    }

    fn item(raw: RawItem) -> wit::evidence::Item {
        let RawItem { key, occurred_at_ms, body_json, origins } = raw;
        let origin = |(exchange_id, pointer)| wit::evidence::Origin { exchange_id, pointer };
        wit::evidence::Item {
            key,
            occurred_at_ms,
            body_json,
            origins: origins.into_iter().map(origin).collect(),
        }
    }
}

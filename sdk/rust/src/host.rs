//! The host as the SDK sees it: the contract's imports, in the SDK's own types.
//!
//! In a component these are the WIT imports (`wasm.rs`). Natively there is no host, so a test brings one: an
//! implementation of [`Host`], put in place for one thread by [`with`]. `exhibit-testkit` has one that follows
//! the real host's rules.

/// A request as it crosses to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRequest {
    /// Upper-case HTTP method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body, if any.
    pub body: Option<Vec<u8>>,
    /// Credential slot and parameters.
    pub auth: Option<(String, Vec<(String, String)>)>,
    /// JSON of a paging scheme.
    pub paging: Option<String>,
}

/// A response as it comes from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawResponse {
    /// HTTP status.
    pub status: u16,
    /// Visible headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Names the recorded exchange.
    pub exchange: String,
}

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawError {
    /// For programs; open.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// How long to wait first, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// An item as it crosses to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawItem {
    /// The source's own identifier.
    pub key: String,
    /// When it happened, in milliseconds since the epoch.
    pub occurred_at_ms: Option<u64>,
    /// JSON of attributes, subject key and unknown.
    pub body_json: String,
    /// Exchange and pointer.
    pub origins: Vec<(String, String)>,
}

/// What the run is told of itself.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Facts {
    /// The run's name.
    pub run_id: String,
    /// Its frozen present, in milliseconds since the epoch.
    pub started_at_ms: u64,
    /// Start of the window, in milliseconds since the epoch.
    pub window_start_ms: u64,
    /// End of the window, itself outside.
    pub window_end_ms: u64,
    /// Kinds asked for; none: all.
    pub kinds: Vec<String>,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For the connector's author.
    Debug,
    /// What an operator may want to know.
    Info,
    /// Something is missing or odd.
    Warn,
    /// Something failed.
    Error,
}

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::wasm::imports;
#[cfg(not(target_arch = "wasm32"))]
pub use native::{Host, with};

/// The same functions as `wasm::imports`, served by the thread's [`Host`].
#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{Facts, Level, RawError, RawItem, RawRequest, RawResponse};
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A host for native tests. Handles are numbers of the host's choice.
    pub trait Host {
        /// What the run is told of itself.
        fn facts(&self) -> Facts;
        /// Writes a line of log.
        fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]);
        /// Sends one request.
        fn send(&self, request: RawRequest) -> Result<RawResponse, RawError>;
        /// Sends all, answers in the order asked, a list of pages each.
        fn send_all(&self, requests: Vec<RawRequest>) -> Vec<Result<Vec<RawResponse>, RawError>>;
        /// Begins a walk.
        fn open_pages(&self, request: RawRequest) -> u32;
        /// The walk's next page.
        fn next_page(&self, pages: u32) -> Result<Option<RawResponse>, RawError>;
        /// Ends a walk, wherever it stands.
        fn close_pages(&self, pages: u32);
        /// A value of the connector's state.
        fn state_get(&self, key: &str) -> Option<Vec<u8>>;
        /// Stages a value of the connector's state.
        fn state_set(&self, key: &str, value: &[u8]) -> Result<(), String>;
        /// Stages the removal of a key.
        fn state_delete(&self, key: &str);
        /// Opens a population.
        fn open_population(&self, kind: &str, query: &str) -> u32;
        /// Says that this exchange's list feeds the population.
        fn fed_by(&self, population: u32, exchange: &str) -> Result<(), String>;
        /// Takes items.
        fn emit(&self, population: u32, items: Vec<RawItem>) -> Result<u64, String>;
        /// Counts what is left out on purpose.
        fn filtered(&self, population: u32, count: u64, reason: &str) -> Result<(), String>;
        /// Says what is missing.
        fn incomplete(&self, population: u32, what: &str) -> Result<(), String>;
        /// Seals a population.
        fn seal(&self, population: u32, expected: Option<u64>) -> Result<(), String>;
    }

    thread_local! {
        static HOST: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
    }

    /// Runs `body` with `host` as this thread's host, and puts the one before back, also when `body` panics.
    pub fn with<T>(host: Rc<dyn Host>, body: impl FnOnce() -> T) -> T {
        struct Restore(Option<Rc<dyn Host>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                HOST.set(self.0.take());
            }
        }
        let _restore = Restore(HOST.replace(Some(host)));
        body()
    }

    #[allow(clippy::panic, reason = "a native call without a host is a mistake in the calling test")]
    fn host() -> Rc<dyn Host> {
        HOST.with_borrow(Clone::clone).unwrap_or_else(|| {
            panic!("no host on this thread: run the connector through exhibit_testkit::Replay")
        })
    }

    pub(crate) mod imports {
        use super::*;

        pub(crate) fn facts() -> Facts {
            host().facts()
        }

        pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
            host().log(level, message, fields);
        }

        pub(crate) fn send(request: RawRequest) -> Result<RawResponse, RawError> {
            host().send(request)
        }

        pub(crate) fn send_all(requests: Vec<RawRequest>) -> Vec<Result<Vec<RawResponse>, RawError>> {
            host().send_all(requests)
        }

        pub(crate) fn state_get(key: &str) -> Option<Vec<u8>> {
            host().state_get(key)
        }

        pub(crate) fn state_set(key: &str, value: &[u8]) -> Result<(), String> {
            host().state_set(key, value)
        }

        pub(crate) fn state_delete(key: &str) {
            host().state_delete(key);
        }

        pub(crate) struct Pages(u32);

        impl Pages {
            pub(crate) fn open(request: RawRequest) -> Self {
                Self(host().open_pages(request))
            }

            pub(crate) fn next(&self) -> Result<Option<RawResponse>, RawError> {
                host().next_page(self.0)
            }
        }

        impl Drop for Pages {
            fn drop(&mut self) {
                if let Some(host) = HOST.with_borrow(Clone::clone) {
                    host.close_pages(self.0);
                }
            }
        }

        pub(crate) struct Population(u32);

        impl Population {
            pub(crate) fn open(kind: &str, query: &str) -> Self {
                Self(host().open_population(kind, query))
            }

            pub(crate) fn fed_by(&self, exchange: &str) -> Result<(), String> {
                host().fed_by(self.0, exchange)
            }

            pub(crate) fn emit(&self, items: Vec<RawItem>) -> Result<u64, String> {
                host().emit(self.0, items)
            }

            pub(crate) fn filtered(&self, count: u64, reason: &str) -> Result<(), String> {
                host().filtered(self.0, count, reason)
            }

            pub(crate) fn incomplete(&self, what: &str) -> Result<(), String> {
                host().incomplete(self.0, what)
            }

            pub(crate) fn seal(&self, expected: Option<u64>) -> Result<(), String> {
                host().seal(self.0, expected)
            }
        }
    }
}
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::imports;

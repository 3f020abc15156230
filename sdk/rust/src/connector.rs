//! A connector, and how the host's calls reach it.

use crate::context::Context;
use crate::describe::Description;
use crate::failure::{Failure, Result};
use crate::json;
use serde::de::DeserializeOwned;

/// Something wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the settings, `/domain`; empty for the whole.
    pub pointer: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem with the setting at this JSON pointer.
    pub fn new(pointer: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), message: message.into() }
    }
}

/// Reads one kind of system. Implement it, and hand it to [`export!`](crate::export).
pub trait Connector {
    /// The source's settings.
    type Settings: DeserializeOwned;

    /// What it is, what it asks and what it needs. Calls nothing.
    fn describe() -> Description;

    /// What is wrong with settings that fit the description. Calls nothing.
    fn validate(_settings: &Self::Settings) -> Vec<Problem> {
        Vec::new()
    }

    /// Reaches the system, and returns the tenant's identity as the system itself names it. The host calls it
    /// first in every run.
    fn check(ctx: &Context, settings: &Self::Settings) -> Result<String>;

    /// Collects what [`Context::wants`]. What it emitted before it fails is kept, as partial.
    fn collect(ctx: &Context, settings: &Self::Settings) -> Result<()>;
}

/// The contract's `describe`.
pub fn describe<C: Connector>() -> String {
    C::describe().to_json()
}

/// The contract's `validate-config`.
pub fn validate<C: Connector>(settings: &str) -> Vec<Problem> {
    let problems = match serde_json::from_str(settings) {
        Ok(value) => C::describe().problems(&value),
        Err(error) => vec![Problem::new("", format!("the settings are not JSON: {error}"))],
    };
    if !problems.is_empty() {
        return problems;
    }
    match read_settings::<C>(settings) {
        Ok(settings) => C::validate(&settings),
        Err(problem) => vec![problem],
    }
}

fn read_settings<C: Connector>(settings: &str) -> Result<C::Settings, Problem> {
    let mut reader = serde_json::Deserializer::from_str(settings);
    serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| Problem::new(&json::pointer(error.path()), error.inner().to_string()))
}

fn settings_or_failure<C: Connector>(settings: &str) -> Result<C::Settings> {
    read_settings::<C>(settings)
        .map_err(|Problem { pointer, message }| Failure::config(format!("settings{pointer}: {message}")))
}

/// The contract's `check`.
pub fn check<C: Connector>(settings: &str) -> Result<String> {
    C::check(&Context::new(), &settings_or_failure::<C>(settings)?)
}

/// The contract's `collect`.
pub fn collect<C: Connector>(settings: &str) -> Result<()> {
    C::collect(&Context::new(), &settings_or_failure::<C>(settings)?)
}

/// Makes a component of a [`Connector`]: `exhibit_sdk::export!(Okta);`. Natively it does nothing.
#[cfg(target_arch = "wasm32")]
#[macro_export]
macro_rules! export {
    ($connector:ty) => {
        const _: () = {
            use $crate::{connector, wasm};

            struct Component;

            fn failure(failure: $crate::Failure) -> wasm::Failure {
                wasm::Failure {
                    code: failure.code().to_owned(),
                    message: failure.message().to_owned(),
                    retryable: failure.is_retryable(),
                    retry_after_ms: failure.retry_after_ms(),
                }
            }

            impl wasm::Guest for Component {
                fn describe() -> ::std::string::String {
                    connector::describe::<$connector>()
                }

                fn validate_config(settings: ::std::string::String) -> ::std::vec::Vec<wasm::Problem> {
                    let problems = connector::validate::<$connector>(&settings).into_iter();
                    problems
                        .map(|$crate::Problem { pointer, message }| wasm::Problem { pointer, message })
                        .collect()
                }

                fn check(
                    settings: ::std::string::String,
                ) -> ::std::result::Result<::std::string::String, wasm::Failure> {
                    connector::check::<$connector>(&settings).map_err(failure)
                }

                fn collect(settings: ::std::string::String) -> ::std::result::Result<(), wasm::Failure> {
                    connector::collect::<$connector>(&settings).map_err(failure)
                }
            }

    $crate::wasm::bindings::export!(Component with_types_in $crate::wasm::bindings);
        };
    };
}

/// Makes a component of a [`Connector`]: `exhibit_sdk::export!(Okta);`. Natively it does nothing.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! export {
    ($connector:ty) => {
        const _: fn() -> $crate::Description = <$connector as $crate::Connector>::describe;
    };
}

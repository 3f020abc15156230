//! Fails as a connector should: with a code and a sentence.

use crate::bindings::exhibit::connector::fetch::FetchError;
use crate::{Failure, Problem, Settings, get};

pub fn collect(_: &Settings) -> Result<(), Failure> {
    Err(auth())
}

pub fn auth() -> Failure {
    Failure {
        code: "auth".to_owned(),
        message: "the token is not accepted".to_owned(),
        retryable: true,
        retry_after_ms: Some(1500),
    }
}

pub fn config(name: &str) -> Failure {
    Failure {
        code: "config".to_owned(),
        message: format!("`{name}` is no behaviour"),
        retryable: false,
        retry_after_ms: None,
    }
}

pub fn fetch(error: FetchError) -> Failure {
    Failure {
        code: error.code,
        message: error.message,
        retryable: error.retryable,
        retry_after_ms: error.retry_after_ms,
    }
}

pub fn text(message: String) -> Failure {
    Failure { code: "internal".to_owned(), message, retryable: false, retry_after_ms: None }
}

/// What a call of the host from where none is allowed is answered.
pub fn refused_call() -> Problem {
    use crate::bindings::exhibit::connector::fetch::send;
    let message = match send(&get("https://api.example.com/users")) {
        Ok(answer) => format!("answered {}", answer.status),
        Err(error) => format!("{}: {}", error.code, error.message),
    };
    Problem { pointer: String::new(), message }
}

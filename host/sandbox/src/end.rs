//! How a run ended, in words that stand on its manifest.

use crate::meter::{Broken, Usage};
use crate::state::State;
use exhibit_evidence::run::Limits;
use std::fmt;

/// What a run came to. The records and exchanges are with the services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// The tenant's identity as `check` returned it; none if the run ended before.
    pub tenant: Option<String>,
    /// Whether `collect` returned without failure, or what ended the run.
    pub outcome: Result<(), Ended>,
    /// Standard output, cut to the log budget.
    pub stdout: String,
    /// Standard error, cut to the log budget. A Rust guest's panic message is here.
    pub stderr: String,
    /// What the run used.
    pub usage: Usage,
}

/// The part of a run in which it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Making the instance.
    Start,
    /// `describe`.
    Describe,
    /// `validate-config`.
    ValidateConfig,
    /// `check`.
    Check,
    /// `collect`.
    Collect,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Describe => "describe",
            Self::ValidateConfig => "validate-config",
            Self::Check => "check",
            Self::Collect => "collect",
        })
    }
}

/// What a connector returned instead of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For programs: `config`, `auth`, `permission`, `rate-limited`, `upstream`, `internal`, or another.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether the same run may succeed later.
    pub retryable: bool,
    /// How long to wait first.
    pub retry_after_ms: Option<u64>,
}

/// What ended a run before its time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} (in {phase})")]
pub struct Ended {
    /// Where it ended.
    pub phase: Phase,
    /// Why.
    pub why: Why,
}

/// Why a run ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The connector said so.
    #[error("the connector failed ({}): {}", .0.code, .0.message)]
    Failure(Failure),
    /// The guest broke a rule of WebAssembly, or gave up.
    #[error("the connector crashed: {message}{}", said(.stderr))]
    Trap {
        /// How.
        trap: TrapKind,
        /// As the engine says it.
        message: String,
        /// The last line that it wrote to standard error, which for a Rust guest is the panic's.
        stderr: String,
    },
    /// The run took longer than it may.
    #[error("the run took longer than {limit_ms} ms; raise the source's deadline, or collect less at once")]
    Deadline {
        /// The bound.
        limit_ms: u64,
    },
    /// The guest asked for more memory than it may have, and then stopped.
    #[error(
        "the connector needs more than {limit_bytes} bytes of memory; the manifest's `memory` asks for more, up to the operator's bound"
    )]
    Memory {
        /// The bound.
        limit_bytes: u64,
    },
    /// The guest emitted more records than it may.
    #[error(
        "the connector emitted more than {limit} records; raise the source's bound if there are that many"
    )]
    Records {
        /// The bound.
        limit: u64,
    },
    /// The guest emitted more bytes than it may.
    #[error(
        "the connector handed over more than {limit_bytes} bytes of records and requests; collect fewer kinds, or less at once"
    )]
    Output {
        /// The bound.
        limit_bytes: u64,
    },
    /// The guest wrote many times more log than is kept.
    #[error("the connector floods its log: far more than the {limit_bytes} bytes that are kept")]
    Log {
        /// The bound on what is kept.
        limit_bytes: u64,
    },
    /// The guest handed over more in one call than the host takes.
    #[error("the connector passed more than {limit_bytes} bytes in one call; emit smaller batches")]
    HostCall {
        /// The bound.
        limit_bytes: u64,
    },
    /// The tenant that `check` returned cannot stand in records, or the services refuse it.
    #[error("{message}")]
    Tenant {
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// The instance could not be made.
    #[error("the component could not be started: {message}")]
    Start {
        /// As the engine says it.
        message: String,
    },
}

/// How a guest crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrapKind {
    /// `unreachable`: a panic, an abort, a failed allocation.
    Unreachable,
    /// The guest's calls nested too deep.
    StackOverflow,
    /// The guest read or wrote outside of its memory or tables.
    OutOfBounds,
    /// The guest called `exit` with this code.
    Exit(i32),
    /// Anything else.
    Other,
}

impl Ended {
    /// A short word for programs: the connector's own code for a failure, else `trap`, `deadline`, `memory`, `records`,
    /// `output`, `log`, `host-call`, `tenant` or `start`.
    pub fn code(&self) -> &str {
        match &self.why {
            Why::Failure(failure) => &failure.code,
            Why::Trap { .. } => "trap",
            Why::Deadline { .. } => "deadline",
            Why::Memory { .. } => "memory",
            Why::Records { .. } => "records",
            Why::Output { .. } => "output",
            Why::Log { .. } => "log",
            Why::HostCall { .. } => "host-call",
            Why::Tenant { .. } => "tenant",
            Why::Start { .. } => "start",
        }
    }

    /// Whether the clock ended the run, so that the same run could end elsewhere, or not at all.
    pub fn is_by_the_clock(&self) -> bool {
        matches!(self.why, Why::Deadline { .. })
    }

    /// What the connector says about trying again: whether, and after how many milliseconds. Other endings
    /// would come again.
    pub fn retry(&self) -> (bool, Option<u64>) {
        match &self.why {
            Why::Failure(failure) => (failure.retryable, failure.retry_after_ms),
            _ => (false, None),
        }
    }
}

impl Why {
    /// What an error out of the engine means.
    pub(crate) fn of(error: &wasmtime::Error, state: &State, limits: &Limits) -> Self {
        if let Some(broken) = error.downcast_ref::<Broken>() {
            return match *broken {
                Broken::Records(limit) => Self::Records { limit },
                Broken::Output(limit_bytes) => Self::Output { limit_bytes },
                Broken::Log(limit_bytes) => Self::Log { limit_bytes },
            };
        }
        if state.memory.refused() {
            return Self::Memory { limit_bytes: limits.memory_bytes };
        }
        let message = format!("{error:#}");
        if message.contains(HOST_CALL_EXHAUSTED) {
            return Self::HostCall { limit_bytes: crate::HOST_CALL_BYTES as u64 };
        }
        let trap = trap_kind(error);
        Self::Trap { trap, message: short(error, trap), stderr: last_line(&state.stderr.text()) }
    }
}

/// How wasmtime says that a guest handed over too much: its own error type is private.
const HOST_CALL_EXHAUSTED: &str = "too much data is being copied";

fn trap_kind(error: &wasmtime::Error) -> TrapKind {
    use wasmtime::Trap;
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return TrapKind::Exit(exit.0);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => TrapKind::Unreachable,
        Some(Trap::StackOverflow) => TrapKind::StackOverflow,
        Some(
            Trap::MemoryOutOfBounds
            | Trap::TableOutOfBounds
            | Trap::ListOutOfBounds
            | Trap::StringOutOfBounds,
        ) => TrapKind::OutOfBounds,
        _ => TrapKind::Other,
    }
}

/// The engine's words, without its backtrace.
fn short(error: &wasmtime::Error, trap: TrapKind) -> String {
    match trap {
        TrapKind::Exit(code) => format!("it called exit with code {code}"),
        _ => error.root_cause().to_string(),
    }
}

/// The last line that says something, cut to 400 characters.
fn last_line(text: &str) -> String {
    let says = |line: &&str| !line.trim().is_empty() && !line.starts_with("note: ");
    text.lines().rev().find(says).unwrap_or_default().trim().chars().take(400).collect()
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; it last wrote: {stderr}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_a_sentence() {
        let ended = Ended {
            phase: Phase::Collect,
            why: Why::Trap {
                trap: TrapKind::Unreachable,
                message: "wasm trap: wasm `unreachable` instruction executed".into(),
                stderr: "index out of bounds".into(),
            },
        };
        assert_eq!(
            ended.to_string(),
            "the connector crashed: wasm trap: wasm `unreachable` instruction executed; it last wrote: index out of bounds (in collect)"
        );
        assert_eq!(ended.code(), "trap");
    }

    #[test]
    fn the_last_line_is_the_panics() {
        let panic = "made-up log\nthread '<unnamed>' panicked at src/lib.rs:1:1:\nno users\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(last_line(panic), "no users");
    }
}

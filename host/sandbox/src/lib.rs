//! Runs a connector: load, limits, instance, one adapter per contract version.
//!
//! Floor 3, and the only crate that knows wasmtime. It knows no store, no network and no real clock: what a
//! guest asks for goes to [`Services`](services::Services), which the pipeline implements for each run.
//!
//! From bytes to a run:
//!
//! 1. [`read_manifest`] says what a component asks for, without compiling or running it;
//! 2. [`Runtime::prepare`] compiles it in a child process under limits, or finds it in the cache;
//! 3. [`Runtime::run`] makes one fresh instance and calls `check`, then `collect`.
//!
//! What holds for every guest, whatever it does:
//!
//! - it reaches nothing but its services: WASI is linked and grants nothing, time and random numbers are the
//!   run's own;
//! - it ends its own run and nothing else: memory, time, output, log and every single call are bounded, and what ended it is
//!   in [`RunEnd`];
//! - with the same component, settings, limits, seed and answers it does the same again.
//!
//! | module | holds |
//! | --- | --- |
//! | `compile`, `cache`, `load` | from bytes to a compiled, linked component |
//! | `run`, `end` | an instance's life, and how it ended |
//! | `services` | what a guest can reach |
//! | `v0_1` | contract 0.1 on those services |
//! | `state`, `meter`, `stdio`, `time`, `http` | the store's data: bounds, captured output, virtual time, `wasi:http` |
//! | `engine` | wasmtime's settings |

mod cache;
mod compile;
mod end;
mod engine;
mod http;
mod load;
mod meter;
mod run;
pub mod services;
mod state;
mod stdio;
mod time;
mod v0_1;

pub use compile::{CompileError, CompileLimits, Compiler, compile_child_main};
pub use end::{Ended, Failure, Phase, RunEnd, TrapKind, Why};
pub use exhibit_broker::manifest::section::{
    COMPONENT_BYTES, CONTRACTS, MANIFEST_BYTES, ManifestError, attach_manifest, read_manifest,
};
pub use http::{AUTH_HEADER, EXCHANGE_HEADER};
pub use load::{LoadError, Prepared, Runtime, RuntimeError, RuntimeOptions};
pub use meter::Usage;
pub use run::Problem;

/// Bytes that a guest may hand to the host in one call.
pub const HOST_CALL_BYTES: usize = 16 << 20;

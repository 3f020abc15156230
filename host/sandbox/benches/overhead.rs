//! What the sandbox costs a run that does nothing: `cargo bench -p exhibit-sandbox`.
//!
//! The floor, in the same process, is wasmtime alone: the same component, its imports replaced by traps, instantiated
//! on its default settings. Beside it a whole run of the sandbox: a store with bounds, virtual time and captured output,
//! instantiation, and a call of `check`.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints, and ends at the first failure"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use exhibit_evidence::digest::Digest;
use std::time::{Duration, Instant};
use support::{Recorder, bare_guest, limits, prepared, runtime};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

const ROUNDS: u32 = 3000;

fn main() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let bare = bare();
    let run = tokio.block_on(runs());
    println!("instantiation by wasmtime alone  {:>8.1} µs", micros(bare));
    println!("a run that only checks           {:>8.1} µs", micros(run));
    println!("ratio                            {:>8.2}", run.as_secs_f64() / bare.as_secs_f64());
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// One instantiation and nothing else.
fn bare() -> Duration {
    let engine = Engine::default();
    let component = Component::new(&engine, bare_guest()).expect("compiles");
    let mut linker = Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&component).expect("linked");
    let pre = linker.instantiate_pre(&component).expect("linked");
    best_of_five(|| {
        let mut store = Store::new(&engine, ());
        pre.instantiate(&mut store).expect("instantiated");
    })
}

/// One `check` in a fresh instance.
async fn runs() -> Duration {
    let prepared = prepared().await;
    let (limits, seed) = (limits(), Digest::of("seed"));
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            let (end, _) =
                runtime().check(&prepared, r#"{"behaviour":"good"}"#, Recorder::new(), &limits, seed).await;
            assert_eq!(end.outcome, Ok(()));
        }
        best = best.min(begun.elapsed() / ROUNDS);
    }
    best
}

fn best_of_five(mut once: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            once();
        }
        best = best.min(begun.elapsed() / ROUNDS);
    }
    best
}

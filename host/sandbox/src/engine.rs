//! The wasmtime engine: settings that make a run repeatable and boundable, and the thread that ticks.

use std::hash::{Hash, Hasher};
use std::time::Duration;
use wasmtime::{Config, Engine};

/// A guest that computes is asked this often to let others run. Deadlines are met this late at worst.
const TICK: Duration = Duration::from_millis(10);

/// Stack for the guest's own calls. Deeper recursion is a trap.
const GUEST_STACK_BYTES: usize = 1 << 20;

/// Stack of the whole fiber: host functions run on what is left, TLS among them. Only touched pages cost.
const FIBER_STACK_BYTES: usize = 4 << 20;

/// The settings. They are part of a compiled artefact's identity: change one, and every component is
/// compiled again.
///
/// Repeatable: NaNs canonical, relaxed SIMD pinned, no threads. Boundable: epochs, a bounded stack, and no
/// proposals that no connector needs.
fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .shared_memory(false)
        .wasm_memory64(false)
        .concurrency_support(false)
        .epoch_interruption(true)
        .consume_fuel(false)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .parallel_compilation(true);
    config
}

/// An engine that only compiles: no thread.
pub(crate) fn compiler() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// An engine that runs, with its ticking thread, which ends when the last handle on the engine does.
pub(crate) fn ticking() -> wasmtime::Result<Engine> {
    let engine = Engine::new(&config())?;
    let weak = engine.weak();
    std::thread::Builder::new().name("exhibit-epoch".to_owned()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(engine)
}

/// What an artefact of this engine can be loaded by: wasmtime's version, target, processor features and
/// settings, as wasmtime itself hashes them.
pub(crate) fn identity(engine: &Engine) -> exhibit_evidence::digest::Digest {
    let mut hasher = Stable::default();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finish()
}

/// Feeds what is hashed to SHA-256, so that the result is the same in every process.
#[derive(Default)]
struct Stable(exhibit_evidence::digest::Hasher);

impl Hasher for Stable {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Nobody asks: the digest is taken from the inside.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_that_of_the_settings() {
        let first = identity(&compiler().unwrap());
        assert_eq!(first, identity(&ticking().unwrap()));
        let other = Engine::new(config().consume_fuel(true)).unwrap();
        assert_ne!(first, identity(&other));
    }
}

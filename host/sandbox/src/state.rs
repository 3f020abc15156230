//! What the store of one run holds: the services, WASI's context that grants nothing, virtual time, the desk for
//! `wasi:http`, and the meters.

use crate::http::Desk;
use crate::meter::{LogBudget, Memory, Output};
use crate::services::Services;
use crate::stdio::Captured;
use crate::time::{FrozenClock, VirtualClock};
use bytes::Bytes;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use exhibit_evidence::digest::{Digest, Hasher};
use exhibit_evidence::run::Limits;
use std::collections::HashMap;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// Resources (streams, pollables, requests, pages, populations) that a guest may hold at once.
const RESOURCES: usize = 10_000;

/// Bytes of one set of headers that a guest makes for `wasi:http`.
const HEADER_BYTES: usize = 16 << 10;

/// Random bytes that a guest may ask for at once.
const RANDOM_BYTES: u64 = 1 << 20;

/// The store's data.
pub(crate) struct State {
    pub(crate) services: Box<dyn Services>,
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    pub(crate) output: Output,
    pub(crate) log: LogBudget,
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
    /// The monotonic clock, which only waiting moves.
    pub(crate) clock: VirtualClock,
    /// What those pollables wait for that are not WASI's own business, by the pollable's number.
    pub(crate) waits: HashMap<u32, Wait>,
    /// Outgoing `wasi:http` requests that have not left.
    pub(crate) desk: Desk,
    wasi: WasiCtx,
    http: WasiHttpCtx,
}

/// What a pollable waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// An instant of the monotonic clock, in nanoseconds.
    Until(u64),
    /// The answer to this `wasi:http` request, by its number in the run.
    Answer(u64),
}

impl State {
    pub(crate) fn new(services: Box<dyn Services>, limits: &Limits, seed: Digest) -> Self {
        let log = LogBudget::new(limits.log_bytes);
        let (stdout, stderr) = (Captured::new(log.clone()), Captured::new(log.clone()));
        let clock = VirtualClock::default();
        let wall = FrozenClock::at(services.facts().started_at);
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let wasi = WasiCtx::builder()
            .stdin(MemoryInputPipe::new(Bytes::new()))
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .wall_clock(wall)
            .monotonic_clock(clock.clone())
            .secure_random(stream(seed, "secure"))
            .insecure_random(stream(seed, "insecure"))
            .insecure_random_seed(u128::from(stream(seed, "seed").next_u64()))
            .max_random_size(RANDOM_BYTES)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADER_BYTES);
        Self {
            services,
            table,
            memory: Memory::new(limits.memory_bytes),
            output: Output::new(limits),
            log,
            stdout,
            stderr,
            clock,
            waits: HashMap::new(),
            desk: Desk::new(limits),
            wasi,
            http,
        }
    }
}

/// A random stream of its own for each use, ChaCha20 keyed by SHA-256 of the run's seed and the use's name.
fn stream(seed: Digest, name: &str) -> ChaCha20Rng {
    let mut hasher = Hasher::default();
    hasher.update(seed.as_bytes()).update(name);
    ChaCha20Rng::from_seed(hasher.finish().0)
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.desk, table: &mut self.table, ctx: &mut self.http }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_chacha20() {
        // RFC 8439 appendix A.1, test vector 1: key and nonce zero, first words of the key stream.
        let mut zero = ChaCha20Rng::from_seed([0; 32]);
        assert_eq!(zero.next_u32(), u32::from_le_bytes([0x76, 0xb8, 0xe0, 0xad]));
        assert_eq!(zero.next_u32(), u32::from_le_bytes([0xa0, 0xf1, 0x3d, 0x90]));
    }

    #[test]
    fn streams_differ_by_seed_and_use() {
        let first = |seed: &str, name: &str| stream(Digest::of(seed), name).next_u64();
        assert_eq!(first("a", "secure"), first("a", "secure"));
        assert_ne!(first("a", "secure"), first("a", "insecure"));
        assert_ne!(first("a", "secure"), first("b", "secure"));
    }
}

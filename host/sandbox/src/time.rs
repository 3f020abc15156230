//! Virtual time for a guest: a wall clock that stands still, a monotonic clock that only waiting moves, and a
//! `wasi:io/poll` that knows of both and of `wasi:http` answers.
//!
//! A guest that performs a run again must be told the same at each step, so nothing here may depend on how fast
//! the host or a server was. What a poll reports is decided in this order:
//!
//! 1. instants that have come, and what WASI itself answers at once (a body that is here, a stream that takes
//!    bytes); together with these, requests without a body of their own leave;
//! 2. else the answers to `wasi:http` requests: those that were polled leave side by side, and all are answered;
//! 3. else the earliest instant: the clock jumps there.
//!
//! So a timer never beats a request: how long a server may take is the host's to say, not the guest's.

use crate::http;
use crate::state::{State, Wait};
use exhibit_evidence::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::p2::bindings::io::poll;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// The wall clock: the run's frozen present.
pub(crate) struct FrozenClock(Duration);

impl FrozenClock {
    pub(crate) fn at(instant: Timestamp) -> Self {
        Self(Duration::from_millis(instant.as_ms()))
    }
}

impl HostWallClock for FrozenClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// The monotonic clock, in nanoseconds since the instance began. Clones are one clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    fn jump(&self, to: u64) {
        self.0.fetch_max(to, Ordering::Relaxed);
    }
}

impl HostMonotonicClock for VirtualClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What stands in WASI's table for an instant. WASI's own code never asks it: [`State::waits`] answers first.
struct Instant;

#[async_trait::async_trait]
impl Pollable for Instant {
    async fn ready(&mut self) {}
}

/// Puts virtual time in place of WASI's.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut clock = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    clock.func_wrap("subscribe-instant", |mut store: StoreContextMut<'_, State>, (when,): (u64,)| {
        Ok((subscribe_until(store.data_mut(), when)?,))
    })?;
    clock.func_wrap("subscribe-duration", |mut store: StoreContextMut<'_, State>, (span,): (u64,)| {
        let until = store.data().clock.now().saturating_add(span);
        Ok((subscribe_until(store.data_mut(), until)?,))
    })?;
    let mut io = linker.instance("wasi:io/poll@0.2.12")?;
    io.resource("pollable", ResourceType::host::<DynPollable>(), |mut store, rep| {
        let state: &mut State = store.data_mut();
        state.waits.remove(&rep);
        poll::HostPollable::drop(&mut state.table, Resource::new_own(rep))
    })?;
    io.func_wrap_async(
        "poll",
        |mut store: StoreContextMut<'_, State>, (list,): (Vec<Resource<DynPollable>>,)| {
            Box::new(async move { Ok((poll_all(store.data_mut(), &list).await?,)) })
        },
    )?;
    io.func_wrap_async(
        "[method]pollable.block",
        |mut store: StoreContextMut<'_, State>, (one,): (Resource<DynPollable>,)| {
            Box::new(async move {
                poll_all(store.data_mut(), &[one]).await?;
                Ok(())
            })
        },
    )?;
    io.func_wrap_async(
        "[method]pollable.ready",
        |mut store: StoreContextMut<'_, State>, (one,): (Resource<DynPollable>,)| {
            Box::new(async move { Ok((is_ready(store.data_mut(), one).await?,)) })
        },
    )
}

fn subscribe_until(state: &mut State, until: u64) -> wasmtime::Result<Resource<DynPollable>> {
    let instant = state.table.push(Instant)?;
    let pollable = subscribe(&mut state.table, instant)?;
    state.waits.insert(pollable.rep(), Wait::Until(until));
    Ok(pollable)
}

/// The polled list, sorted by what each waits for, as places in the list.
#[derive(Default)]
struct Sorted {
    instants: Vec<(usize, u64)>,
    answers: Vec<(usize, u64)>,
    others: Vec<usize>,
}

impl Sorted {
    fn of(state: &State, list: &[Resource<DynPollable>]) -> Self {
        let mut sorted = Self::default();
        for (place, pollable) in list.iter().enumerate() {
            match state.waits.get(&pollable.rep()) {
                Some(Wait::Until(when)) => sorted.instants.push((place, *when)),
                Some(Wait::Answer(request)) => sorted.answers.push((place, *request)),
                None => sorted.others.push(place),
            }
        }
        sorted
    }

    fn due(&self, now: u64) -> impl Iterator<Item = usize> {
        self.instants.iter().filter(move |(_, when)| *when <= now).map(|(place, _)| *place)
    }
}

/// Waits until something in the list is ready, and says which places are, in their order.
async fn poll_all(state: &mut State, list: &[Resource<DynPollable>]) -> wasmtime::Result<Vec<u32>> {
    if list.is_empty() {
        wasmtime::bail!("wasi:io/poll was called with an empty list");
    }
    let sorted = Sorted::of(state, list);
    let mut ready: Vec<usize> = sorted.due(state.clock.now()).collect();
    for &place in &sorted.others {
        block(&mut state.table, list, place).await?;
        ready.push(place);
    }
    let wanted: Vec<u64> = sorted.answers.iter().map(|(_, request)| *request).collect();
    let only_whole = !ready.is_empty();
    let answered = http::fetch_answers(state, &wanted, only_whole).await?;
    for (place, request) in &sorted.answers {
        if answered.contains(request) {
            block(&mut state.table, list, *place).await?;
            ready.push(*place);
        }
    }
    if ready.is_empty() {
        let earliest = sorted.instants.iter().map(|(_, when)| *when).min();
        state.clock.jump(earliest.unwrap_or_default());
        ready.extend(sorted.due(state.clock.now()));
    }
    ready.sort_unstable();
    ready.into_iter().map(|place| Ok(u32::try_from(place)?)).collect()
}

/// Whether one pollable is ready, without waiting for anything that moves the clock or sends a request.
async fn is_ready(state: &mut State, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
    match state.waits.get(&pollable.rep()) {
        Some(Wait::Until(when)) => Ok(*when <= state.clock.now()),
        Some(Wait::Answer(request)) => Ok(state.desk.is_answered(*request)),
        None => poll::HostPollable::ready(&mut state.table, pollable).await,
    }
}

/// WASI's own waiting, for what it will answer.
async fn block(
    table: &mut ResourceTable,
    list: &[Resource<DynPollable>],
    place: usize,
) -> wasmtime::Result<()> {
    let Some(pollable) = list.get(place) else { return Ok(()) };
    poll::HostPollable::block(table, Resource::new_borrow(pollable.rep())).await
}

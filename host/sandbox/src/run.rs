//! One run: a fresh instance, `check`, `collect`, and the deadline around both.

use crate::HOST_CALL_BYTES;
use crate::end::{Ended, Failure, Phase, RunEnd, Why};
use crate::load::{Prepared, Runtime};
use crate::meter;
use crate::services::{NoServices, Services};
use crate::state::State;
use crate::v0_1::{Connector, collector};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::run::{Limits, RunFacts, RunId};
use exhibit_evidence::time::{Span, Timestamp};
use std::any::Any;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use wasmtime::Store;

/// Bounds for `describe` and `validate-config`: they compute, and reach nothing. Interpreters need the memory.
const PURE: Limits = Limits {
    memory_bytes: 1 << 30,
    deadline_ms: 30_000,
    records: 0,
    record_bytes: 0,
    output_bytes: 64 << 10,
    log_bytes: 64 << 10,
    requests: 0,
    body_bytes: 0,
    received_bytes: 0,
    pages: 0,
};

/// Handles that a guest may hold at once.
const HANDLES: usize = 10_000;

/// What is wrong with a source's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the settings; empty for the whole.
    pub pointer: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// How far a run goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Check,
    Collect,
}

impl Runtime {
    /// What the connector says of itself, as JSON.
    pub async fn describe(&self, prepared: &Prepared) -> Result<String, Ended> {
        let mut call = Call::new(self, prepared, Box::new(nothing()), PURE, Digest::of("describe"));
        let done = timeout(call.deadline(), call.describe()).await;
        call.conclude(done)
    }

    /// What the connector finds wrong with these settings; nothing, if they are good.
    pub async fn validate_config(&self, prepared: &Prepared, settings: &str) -> Result<Vec<Problem>, Ended> {
        let mut call = Call::new(self, prepared, Box::new(nothing()), PURE, Digest::of("validate-config"));
        let done = timeout(call.deadline(), call.validate_config(settings)).await;
        let problems = call.conclude(done)?;
        Ok(problems.into_iter().map(|p| Problem { pointer: p.pointer, message: p.message }).collect())
    }

    /// A whole run: `check`, then `collect`, in one fresh instance. With the same component, settings, limits, seed
    /// and answers from the services, everything that the guest does is the same. The services come back beside
    /// how the run ended.
    pub async fn run<S: Services>(
        &self,
        prepared: &Prepared,
        settings: &str,
        services: S,
        limits: &Limits,
        seed: Digest,
    ) -> (RunEnd, S) {
        self.run_to(Extent::Collect, prepared, settings, services, limits, seed).await
    }

    /// `check` alone: is the system reachable, and whose is it.
    pub async fn check<S: Services>(
        &self,
        prepared: &Prepared,
        settings: &str,
        services: S,
        limits: &Limits,
        seed: Digest,
    ) -> (RunEnd, S) {
        self.run_to(Extent::Check, prepared, settings, services, limits, seed).await
    }

    async fn run_to<S: Services>(
        &self,
        extent: Extent,
        prepared: &Prepared,
        settings: &str,
        services: S,
        limits: &Limits,
        seed: Digest,
    ) -> (RunEnd, S) {
        let mut call = Call::new(self, prepared, Box::new(services), *limits, seed);
        let mut tenant = None;
        let done = timeout(call.deadline(), call.run_to(extent, settings, &mut tenant)).await;
        let outcome = call.conclude(done);
        let state = call.store.into_data();
        let end = RunEnd {
            tenant,
            outcome,
            stdout: state.stdout.text(),
            stderr: state.stderr.text(),
            usage: meter::usage(&state.memory, &state.output, &state.log),
        };
        (end, give_back(state.services))
    }
}

/// One instance's store, and where in the run it is.
struct Call<'a> {
    prepared: &'a Prepared,
    store: Store<State>,
    limits: Limits,
    phase: Phase,
}

/// Why a call did not return: known already, or still to be read from the engine's error.
enum Stop {
    Known(Why),
    Engine(wasmtime::Error),
}

impl From<wasmtime::Error> for Stop {
    fn from(error: wasmtime::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Why> for Stop {
    fn from(why: Why) -> Self {
        Self::Known(why)
    }
}

impl<'a> Call<'a> {
    fn new(
        runtime: &Runtime,
        prepared: &'a Prepared,
        services: Box<dyn Services>,
        limits: Limits,
        seed: Digest,
    ) -> Self {
        let mut store = Store::new(&runtime.engine, State::new(services, &limits, seed));
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store.set_hostcall_fuel(HOST_CALL_BYTES);
        store.set_max_component_handles(HANDLES);
        Self { prepared, store, limits, phase: Phase::Start }
    }

    async fn instantiate(&mut self) -> Result<Connector, Stop> {
        self.prepared.0.pre.instantiate_async(&mut self.store).await.map_err(|error| {
            match Why::of(&error, self.store.data(), &self.limits) {
                Why::Trap { message, .. } => Why::Start { message }.into(),
                other => other.into(),
            }
        })
    }

    async fn describe(&mut self) -> Result<String, Stop> {
        let instance = self.instantiate().await?;
        self.phase = Phase::Describe;
        Ok(instance.exhibit_connector_collector().call_describe(&mut self.store).await?)
    }

    async fn validate_config(&mut self, settings: &str) -> Result<Vec<collector::Problem>, Stop> {
        let instance = self.instantiate().await?;
        self.phase = Phase::ValidateConfig;
        let guest = instance.exhibit_connector_collector();
        Ok(guest.call_validate_config(&mut self.store, settings).await?)
    }

    /// `check` and, if the run goes so far, `collect`. The tenant is set as soon as it is known.
    async fn run_to(
        &mut self,
        extent: Extent,
        settings: &str,
        tenant: &mut Option<String>,
    ) -> Result<(), Stop> {
        let instance = self.instantiate().await?;
        let guest = instance.exhibit_connector_collector();
        self.phase = Phase::Check;
        let identity = guest.call_check(&mut self.store, settings).await?;
        let identity = identity.map_err(failure).and_then(acceptable_tenant)?;
        let refused = |message| Why::Tenant { message };
        self.store.data_mut().services.tenant(&identity).map_err(refused)?;
        *tenant = Some(identity);
        if extent == Extent::Collect {
            self.phase = Phase::Collect;
            guest.call_collect(&mut self.store, settings).await?.map_err(failure)?;
        }
        Ok(())
    }

    /// How long all of it may take. Host calls count too: epochs only interrupt the guest's own computing.
    fn deadline(&self) -> Duration {
        Duration::from_millis(self.limits.deadline_ms)
    }

    /// What came of it.
    fn conclude<T>(&self, done: Result<Result<T, Stop>, Elapsed>) -> Result<T, Ended> {
        let why = match done {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(Stop::Known(why))) => why,
            Ok(Err(Stop::Engine(error))) => Why::of(&error, self.store.data(), &self.limits),
            Err(_) => Why::Deadline { limit_ms: self.limits.deadline_ms },
        };
        Err(Ended { phase: self.phase, why })
    }
}

fn failure(failure: collector::Failure) -> Why {
    Why::Failure(Failure::from(failure))
}

/// The tenant's identity goes into every record, so it must be short and plain.
fn acceptable_tenant(identity: String) -> Result<String, Why> {
    let plain = !identity.trim().is_empty()
        && identity.chars().count() <= 256
        && !identity.chars().any(char::is_control);
    if plain {
        return Ok(identity);
    }
    let shown: String = identity.chars().take(80).collect();
    let message = format!(
        "check returned {shown:?} as the tenant's identity: it must have 1 to 256 characters, no control characters \
         among them, and be what the system itself calls the tenant"
    );
    Err(Why::Tenant { message })
}

/// The services as the caller knows them.
fn give_back<S: Services>(services: Box<dyn Services>) -> S {
    let services: Box<dyn Any> = services;
    match services.downcast::<S>() {
        Ok(services) => *services,
        Err(_) => unreachable!("a store keeps the services that it was made with"),
    }
}

/// Services of a run that is none.
fn nothing() -> NoServices {
    let never = Timestamp::from_ms(0);
    NoServices::new(RunFacts {
        run: RunId::new(never, 0),
        started_at: never,
        window: Span { start: never, end: never },
        kinds: Vec::new(),
    })
}

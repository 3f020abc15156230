//! From a component's bytes to something that can be instantiated: manifest, compilation or cache, link check.

use crate::cache::Cache;
use crate::compile::{CompileError, Compiler, compile};
use crate::state::State;
use crate::{engine, http, time, v0_1};
use exhibit_broker::manifest::ComponentManifest;
use exhibit_broker::manifest::section::{ManifestError, read_manifest};
use exhibit_evidence::digest::Digest;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

/// What a runtime needs to know.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// Folder of compiled artefacts. It is made if needed, with mode 0700.
    pub cache_dir: PathBuf,
    /// Where components are compiled.
    pub compiler: Compiler,
}

impl RuntimeOptions {
    /// These.
    pub fn new(cache_dir: PathBuf, compiler: Compiler) -> Self {
        Self { cache_dir, compiler }
    }
}

/// Why a runtime could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine does not start.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The cache folder cannot be used.
    #[error("the folder for compiled connectors, {}, cannot be used: {source}. It must belong to the user that runs exhibit", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why a component cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not a connector, or not one for this host.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The artefact could not be kept.
    #[error("the compiled connector could not be kept in the cache: {0}")]
    Cache(#[source] std::io::Error),
    /// The artefact does not load, though this host has just made it.
    #[error("the compiled connector does not load: {0}")]
    Artefact(String),
    /// It imports what no host gives.
    #[error("the connector asks for something that contract {contract} does not offer: {message}")]
    Imports {
        /// The track.
        contract: String,
        /// The import.
        message: String,
    },
    /// It does not export what the contract asks for.
    #[error(
        "the connector does not export what contract {contract} asks for: {message}. Build it with the SDK of that contract"
    )]
    Exports {
        /// The track.
        contract: String,
        /// What is missing.
        message: String,
    },
}

/// Runs connectors. One for a process: it holds the engine, its ticking thread, and what has been prepared.
pub struct Runtime {
    pub(crate) engine: Engine,
    linker: Linker<State>,
    workshop: Arc<Workshop>,
    prepared: Mutex<HashMap<Digest, Prepared>>,
}

/// Where artefacts come from.
struct Workshop {
    engine: Engine,
    identity: Digest,
    cache: Cache,
    compiler: Compiler,
}

/// A component, compiled and linked, of which instances can be made at once. Cheap to clone.
#[derive(Clone)]
pub struct Prepared(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    component: Digest,
    manifest: ComponentManifest,
    pub(crate) pre: v0_1::ConnectorPre<State>,
}

impl Prepared {
    /// The component's identity: the digest of its bytes.
    pub fn component(&self) -> Digest {
        self.0.component
    }

    /// What it asks for.
    pub fn manifest(&self) -> &ComponentManifest {
        &self.0.manifest
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prepared({} {})", self.0.manifest.name, self.0.component.short())
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("cache", &self.workshop.cache).finish_non_exhaustive()
    }
}

impl Runtime {
    /// A runtime over this cache.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let cache = Cache::open(&options.cache_dir)
            .map_err(|source| RuntimeError::Cache { path: options.cache_dir.clone(), source })?;
        let start = || {
            let engine = engine::ticking()?;
            let linker = link(&engine)?;
            Ok((engine, linker))
        };
        let (engine, linker) =
            start().map_err(|error: wasmtime::Error| RuntimeError::Engine(format!("{error:#}")))?;
        let identity = engine::identity(&engine);
        let workshop = Workshop { engine: engine.clone(), identity, cache, compiler: options.compiler };
        Ok(Self { engine, linker, workshop: Arc::new(workshop), prepared: Mutex::default() })
    }

    /// Makes a component ready to run: from memory, else from the cache, else by compiling it, which takes
    /// from half a second to half a minute.
    pub async fn prepare(&self, component: &[u8]) -> Result<Prepared, LoadError> {
        let digest = Digest::of(component);
        if let Some(known) = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(&digest) {
            return Ok(known.clone());
        }
        let manifest = read_manifest(component)?;
        let (workshop, bytes) = (self.workshop.clone(), component.to_vec());
        let work = tokio::task::spawn_blocking(move || workshop.component(&bytes, &digest));
        let compiled = work.await.map_err(|error| LoadError::Artefact(error.to_string()))??;
        let contract = manifest.contract.clone();
        let pre = self.linker.instantiate_pre(&compiled).map_err(|error| LoadError::Imports {
            contract: contract.clone(),
            message: format!("{error:#}"),
        })?;
        let pre = v0_1::ConnectorPre::new(pre)
            .map_err(|error| LoadError::Exports { contract, message: format!("{error:#}") })?;
        let prepared = Prepared(Arc::new(Parts { component: digest, manifest, pre }));
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, prepared.clone());
        Ok(prepared)
    }
}

impl Workshop {
    /// The compiled component: what the cache holds, if it holds it whole and it loads; else compiled now.
    fn component(&self, component: &[u8], digest: &Digest) -> Result<Component, LoadError> {
        let key = Cache::key(digest, &self.identity);
        if let Some(artefact) = self.cache.get(&key)
            && let Ok(loaded) = load_own_artefact(&self.engine, &artefact)
        {
            return Ok(loaded);
        }
        let artefact = compile(&self.compiler, component)?;
        self.cache.put(&key, &artefact).map_err(LoadError::Cache)?;
        load_own_artefact(&self.engine, &artefact).map_err(|error| LoadError::Artefact(format!("{error:#}")))
    }
}

/// Loads an artefact that this host compiled.
#[allow(unsafe_code, reason = "the one place where native code comes from bytes")]
fn load_own_artefact(engine: &Engine, artefact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` asks that the bytes are what `precompile_component` returned. Both callers hold to
    // it: one has them from this host's compiler, the other from the cache, whose folder only this user can
    // write and which gives back nothing but what matches the digest that `Cache::put` wrote with it. Artefacts
    // never come from elsewhere: no public function takes one.
    unsafe { Component::deserialize(engine, artefact) }
}

/// Everything that a component may import: WASI 0.2 that grants nothing, `wasi:http` by way of the broker, virtual
/// time over both, and the contract.
fn link(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    linker.allow_shadowing(true);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    time::link(&mut linker)?;
    http::link(&mut linker)?;
    linker.allow_shadowing(false);
    v0_1::link(&mut linker)?;
    Ok(linker)
}

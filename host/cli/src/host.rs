//! Opens what a command needs of a workspace: its runtime, its store, its keys.

use crate::clock::WallClock;
use anyhow::{Context as _, Result};
use exhibit_pipeline::host::Host;
use exhibit_pipeline::workspace::Workspace;
use exhibit_sandbox::{Compiler, Runtime, RuntimeOptions};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// The sandbox, with the workspace's cache of compiled components.
pub(crate) fn runtime(workspace: &Workspace) -> Result<Arc<Runtime>> {
    let compiler = Compiler::current_exe().context("cannot find the exhibit command itself")?;
    let options = RuntimeOptions::new(workspace.cache_dir(), compiler);
    Ok(Arc::new(Runtime::new(options).context("cannot start the sandbox")?))
}

/// The sandbox where there is no workspace: compiled components go to a folder that is deleted with what is returned.
pub(crate) fn runtime_for_once() -> Result<(Runtime, TempDir)> {
    let cache = tempfile::tempdir().context("cannot make a temporary folder")?;
    let compiler = Compiler::current_exe().context("cannot find the exhibit command itself")?;
    let options = RuntimeOptions::new(cache.path().to_owned(), compiler);
    Ok((Runtime::new(options).context("cannot start the sandbox")?, cache))
}

/// The workspace with everything that collecting needs, under the wall clock.
pub(crate) fn open(at: &Path) -> Result<Host> {
    let workspace = Workspace::open(at)?;
    let runtime = runtime(&workspace)?;
    Ok(Host::open(workspace, runtime, Arc::new(WallClock))?)
}

/// An empty store for a new workspace.
pub(crate) fn create_store(workspace: &Workspace, simulated: bool) -> Result<()> {
    Ok(Host::create_store(workspace, simulated)?)
}

/// Who runs the command, as the ledger names them.
pub(crate) fn person() -> String {
    std::env::var("USER").unwrap_or_else(|_| "operator".to_owned())
}

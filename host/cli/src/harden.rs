//! Makes the process undumpable: no core files, and no tracing by other processes of the same user. Secrets
//! are in its memory while a run is under way.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Applies both. An error means that the system refused, and nothing should be collected then.
pub(crate) fn process() -> std::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

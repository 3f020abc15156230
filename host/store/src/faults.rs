//! The durable steps of a commit, a start and a backup, as points where a test can stop the world.

use std::fmt;
use std::io;
use std::sync::Arc;

/// One durable step. A commit passes them in this order, up to the checkpoint; those marked * more than once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// A retention bucket's key file is written.
    Key,
    /// A bounded batch of rows is staged. *
    Rows,
    /// The pack is put into the pack store: at once, or begun, part by part, and completed. *
    Pack,
    /// The publishing batch is applied.
    Publish,
    /// sled is flushed.
    Flush,
    /// sled's file is synced.
    Sync,
    /// One file of the log is written and synced. *
    Tile,
    /// The checkpoint is signed, replaced and synced.
    Checkpoint,
    /// A pack that nothing refers to is removed from the pack store, when a store is opened. *
    Sweep,
    /// A file of a backup is written and synced, its index and its large packs apart. *
    Copy,
}

/// Told before each durable step; an error stands for the step having failed, and stops the commit there.
pub trait Faults: Send + Sync {
    /// `step` is about to be done.
    ///
    /// # Errors
    /// The failure to act out.
    fn before(&self, step: Step) -> io::Result<()>;

    /// `step` was done.
    ///
    /// # Errors
    /// The failure to act out: done, yet reported as failed.
    fn after(&self, step: Step) -> io::Result<()> {
        let _ = step;
        Ok(())
    }
}

/// The faults in force; none outside tests.
#[derive(Clone, Default)]
pub(crate) struct Points(pub(crate) Option<Arc<dyn Faults>>);

impl Points {
    /// Does `work` as `step`.
    pub(crate) fn pass<T, E: From<io::Error>>(
        &self,
        step: Step,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(faults) = &self.0 else { return work() };
        faults.before(step)?;
        let done = work()?;
        faults.after(step)?;
        Ok(done)
    }
}

impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Points(on)" } else { "Points(off)" })
    }
}

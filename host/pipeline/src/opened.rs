//! What a run is opened from, kept for the next one: the approvals, the compiled component with its kinds, the source.
//!
//! Nothing is taken from here unless every file that it was read from is still the file that was read, by device, inode,
//! length and times of change. So a run sees each change of a source's file, of the approvals and of the component as if
//! nothing were kept, and a component that was changed after its approval is refused as ever.

use crate::source::{Connector, Source};
use exhibit_broker::grant::lock::Lock;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// File systems note changes by a clock that moves every few milliseconds: a file that changes in the tick in which it
/// was read looks as before. What was read so long after the file was first seen as it is, is safe from that.
const SETTLED: Duration = Duration::from_millis(100);

/// All that is kept.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) lock: Mutex<Slot<Lock>>,
    /// Each under a lock that is held while it is read, so that many runs that begin at once read it once.
    connectors: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<Slot<Connector>>>>>,
    sources: Mutex<HashMap<SourceName, Slot<Source>>>,
}

impl Opened {
    /// The place of a component.
    pub(crate) fn connector(&self, digest: Digest) -> Arc<tokio::sync::Mutex<Slot<Connector>>> {
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(connectors.entry(digest).or_default())
    }

    /// A source, if it may be taken as it is.
    pub(crate) fn source(&self, name: &SourceName) -> Option<Arc<Source>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.get()
    }

    /// Keeps a source.
    pub(crate) fn keep_source(&self, begun: Instant, source: &Arc<Source>, files: Vec<PathBuf>) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.entry(source.name.clone()).or_default().put(begun, Arc::clone(source), files);
    }
}

/// Something that was read from files, or nothing yet.
pub(crate) struct Slot<T>(Option<Kept<T>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(None)
    }
}

struct Kept<T> {
    value: Arc<T>,
    files: Vec<(PathBuf, Option<State>)>,
    /// When the files were first seen in these states.
    seen: Instant,
    /// Whether a change of the files since `value` was read from them must show in their states.
    settled: bool,
}

impl<T> Slot<T> {
    /// What is kept, if the files are as they were.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        let kept = self.0.as_ref().filter(|kept| kept.settled)?;
        let same = kept.files.iter().all(|(path, state)| State::of(path) == *state);
        same.then(|| Arc::clone(&kept.value))
    }

    /// Keeps a value; reading it from `files` began at `begun`.
    pub(crate) fn put(&mut self, begun: Instant, value: Arc<T>, files: Vec<PathBuf>) {
        let files: Vec<_> =
            files.into_iter().map(|path| (State::of(&path), path)).map(|(s, p)| (p, s)).collect();
        let seen = self.0.as_ref().filter(|kept| kept.files == files).map(|kept| kept.seen);
        let settled = seen.is_some_and(|seen| begun.saturating_duration_since(seen) >= SETTLED);
        self.0 = Some(Kept { value, files, seen: seen.unwrap_or_else(Instant::now), settled });
    }
}

/// What tells a file from itself after a change. Of a link it is that of the file it leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct State {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// That of content, name or mode; nobody can set it.
    changed: (i64, i64),
}

impl State {
    /// The state of the file at `path`; none: there is none, or it cannot be reached.
    fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file into a slot the way that sources are.
    fn read(slot: &mut Slot<String>, path: &Path) -> (Arc<String>, bool) {
        if let Some(kept) = slot.get() {
            return (kept, true);
        }
        let begun = Instant::now();
        let text = Arc::new(std::fs::read_to_string(path).unwrap());
        slot.put(begun, Arc::clone(&text), vec![path.to_owned()]);
        (text, false)
    }

    #[test]
    fn a_value_is_kept_from_its_second_reading_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let mut slot = Slot::default();
        assert!(!read(&mut slot, &path).1);
        assert!(!read(&mut slot, &path).1, "it may have changed in the tick of the first reading");
        std::thread::sleep(SETTLED);
        assert!(!read(&mut slot, &path).1);
        assert!(read(&mut slot, &path).1);
    }

    #[test]
    fn no_change_goes_unseen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut slot = Slot::default();
        let mut kept = 0;
        for round in 0..400_u32 {
            // The same length each time, at once after the last reading or when that has settled, in place or replaced.
            let text = format!("{round:08}");
            if round % 3 == 0 {
                std::fs::write(dir.path().join("new"), &text).unwrap();
                std::fs::rename(dir.path().join("new"), &path).unwrap();
            } else {
                std::fs::write(&path, &text).unwrap();
            }
            assert_eq!(*read(&mut slot, &path).0, text);
            if round % 40 == 0 {
                std::thread::sleep(SETTLED);
                assert_eq!(*read(&mut slot, &path).0, text);
                let (again, was_kept) = read(&mut slot, &path);
                assert_eq!(*again, text);
                kept += u32::from(was_kept);
            }
        }
        assert_eq!(kept, 10);
        std::fs::remove_file(&path).unwrap();
        assert!(slot.get().is_none());
    }
}

//! Bodies on their way into a run's pack. Large ones are compressed beside the run, by a thread that lives while there
//! is such work, in the order in which they came: a pack is the same whoever wrote it. All runs together have at most
//! as many such threads as there are processors; a run that gets none writes its bodies itself.

use super::Writing;
use crate::body::SlotId;
use crate::error::ReadError;
use exhibit_evidence::digest::Digest;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A body below this is compressed in less time than a thread takes to begin.
const LARGE_BYTES: usize = 32 << 10;

/// Bytes that may wait for the thread. Where there are more, the run waits too.
const WAITING_BYTES: usize = 4 << 20;

/// How long the thread waits for the next body before it ends.
const LINGER: Duration = Duration::from_millis(50);

/// Threads that there are, of all runs.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// The bodies of one run.
#[derive(Default)]
pub(crate) struct Bodies(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The pack; none before the first body, and while the thread has it.
    writing: Option<Writing>,
    waiting: VecDeque<Body>,
    waiting_bytes: usize,
    /// Whether there is a thread.
    at_work: bool,
    /// Whether there will be no more.
    over: bool,
    /// Whether a body could not be written; the pack is then of no use.
    broken: bool,
    /// Why, until it is told.
    failure: Option<ReadError>,
}

impl State {
    fn intact(&mut self) -> Result<(), ReadError> {
        match (self.broken, self.failure.take()) {
            (false, _) => Ok(()),
            (true, Some(failure)) => Err(failure),
            (true, None) => Err(lost()),
        }
    }
}

struct Body {
    slot: SlotId,
    digest: Digest,
    content: Vec<u8>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bodies {
    /// Writes a body under its digest, now or soon. `begin` makes the pack, if this is the first. A failure of an earlier
    /// body is told here, or at the end.
    pub(crate) fn put(
        &self,
        begin: impl FnOnce() -> Result<Writing, ReadError>,
        slot: SlotId,
        digest: Digest,
        content: &[u8],
    ) -> Result<(), ReadError> {
        let mut state = self.0.lock();
        state.intact()?;
        if !state.at_work && state.writing.is_none() {
            state.writing = Some(begin()?);
        }
        if !state.at_work && content.len() >= LARGE_BYTES {
            state.at_work = self.hire();
        }
        while state.at_work && state.waiting_bytes > WAITING_BYTES {
            state = self.0.wait(state);
        }
        state.intact()?;
        if state.at_work {
            state.waiting_bytes += content.len();
            state.waiting.push_back(Body { slot, digest, content: content.to_vec() });
            self.0.changed.notify_all();
            return Ok(());
        }
        let Writing { writer, contents } = state.writing.as_mut().ok_or_else(lost)?;
        let done = contents.put(writer, slot, digest, content);
        state.broken |= done.is_err();
        done
    }

    /// The pack with all bodies in it; none: there were none.
    pub(crate) fn end(&self) -> Result<Option<Writing>, ReadError> {
        let mut state = self.stop(false);
        state.intact()?;
        Ok(state.writing.take())
    }

    /// Lets go of what was not written yet, and waits for what is being written: the folder goes next.
    pub(crate) fn give_up(&self) {
        drop(self.stop(true));
    }

    /// Waits until nothing is being written; what waits is dropped, if it is not wanted.
    fn stop(&self, drop_waiting: bool) -> MutexGuard<'_, State> {
        let mut state = self.0.lock();
        state.over = true;
        if drop_waiting {
            state.waiting.clear();
        }
        self.0.changed.notify_all();
        while state.at_work {
            state = self.0.wait(state);
        }
        state
    }

    /// Begins a thread, if there may be one more.
    fn hire(&self) -> bool {
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        let more = |threads: usize| (threads < most).then_some(threads + 1);
        if THREADS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            return false;
        }
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("exhibit-bodies".to_owned());
        let begun = thread.spawn(move || Thread(shared).work()).is_ok();
        if !begun {
            THREADS.fetch_sub(1, Ordering::Relaxed);
        }
        begun
    }
}

fn lost() -> ReadError {
    ReadError::damaged("staging", "a body could not be written before, and so the run's pack is incomplete")
}

/// The thread of one run's bodies.
struct Thread(Arc<Shared>);

impl Thread {
    fn work(self) {
        let shared = &self.0;
        let mut state = shared.lock();
        loop {
            if let Some(Body { slot, digest, content }) = state.waiting.pop_front() {
                let Some(mut writing) = state.writing.take() else { return };
                drop(state);
                let done = writing.contents.put(&mut writing.writer, slot, digest, &content);
                state = shared.lock();
                state.waiting_bytes = state.waiting_bytes.saturating_sub(content.len());
                if let Err(failure) = done {
                    state.failure = Some(failure);
                    return;
                }
                state.writing = Some(writing);
                shared.changed.notify_all();
                continue;
            }
            if state.over {
                return;
            }
            let waited = shared.changed.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
            if waited.1.timed_out() && state.waiting.is_empty() {
                return;
            }
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::Relaxed);
        let mut state = self.0.lock();
        state.at_work = false;
        if state.writing.is_none() {
            // A body failed, or the thread did.
            state.broken = true;
            state.waiting.clear();
            state.waiting_bytes = 0;
        }
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{Contents, request_slot};
    use crate::crypt::KeyRing;
    use crate::faults::Points;
    use crate::pack::footer::Head;
    use crate::pack::object::Objects;
    use crate::pack::read::Packs;
    use crate::pack::write::PackWriter;
    use crate::rows::PackRef;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn begin(dir: &Path, file: &str) -> Result<Writing, ReadError> {
        std::fs::create_dir_all(dir.join("packs")).unwrap();
        let ring = KeyRing::new(dir.join("keys"), None, None, Points(None)).unwrap();
        let keys = ring.get_or_make("okta", "2026-Q1")?;
        let objects = Objects::local(&dir.join("packs"), Points(None)).unwrap();
        let home = PackRef { pack: Digest::default(), owner: "okta".into(), bucket: "2026-Q1".into() };
        let contents = Contents::after(Arc::new(Packs::new(objects, ring)), home, None);
        Ok(Writing { writer: PackWriter::begin(&dir.join(file), &keys)?, contents })
    }

    fn body(number: usize) -> (SlotId, Vec<u8>) {
        let line = format!("{{\"number\":{number}}}");
        let size = [10, LARGE_BYTES, 3 * LARGE_BYTES][number % 3];
        (
            request_slot("GET", &format!("https://a.example/{number}"), None),
            line.repeat(size / line.len() + 1).into(),
        )
    }

    /// What is written is what the same bodies come to one after another, on one thread.
    #[test]
    fn a_pack_is_the_same_whoever_wrote_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut alone = begin(dir.path(), "alone").unwrap();
        let bodies = Bodies::default();
        for number in 0..300 {
            let (slot, content) = body(number);
            let digest = Digest::of(&content);
            bodies.put(|| begin(dir.path(), "beside"), slot, digest, &content).unwrap();
            alone.contents.put(&mut alone.writer, slot, digest, &content).unwrap();
        }
        let beside = bodies.end().unwrap().unwrap();
        let head = Head {
            format: 1,
            kind: "run".into(),
            leaf: Digest::default(),
            owner: "okta".into(),
            bucket: "2026-Q1".into(),
            run: None,
            names: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            table: None,
            datasets: Vec::new(),
        };
        let [alone, beside] = [alone, beside].map(|writing| writing.writer.finish(&head).unwrap());
        assert_eq!((alone.digest, alone.bytes), (beside.digest, beside.bytes));
    }

    #[test]
    fn what_failed_is_told_and_nothing_goes_on_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let bodies = Bodies::default();
        let put = |number: u32| {
            // Every write to this device fails as on a full disk (full(4)).
            let full = || begin(dir.path(), "/dev/full");
            // Noise, so that compressing it does not keep it from being written.
            let noise = |n: u32| Digest::of((u64::from(number) << 32 | u64::from(n)).to_be_bytes()).0;
            let content: Vec<u8> = (0..4000).flat_map(noise).collect();
            bodies.put(full, request_slot("GET", &number.to_string(), None), Digest::of(&content), &content)
        };
        let failed = (0..100).find(|number| put(*number).is_err()).expect("a full disk is noticed");
        assert!(put(failed + 1).is_err());
        assert!(bodies.end().is_err());
    }
}

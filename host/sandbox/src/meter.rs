//! What one run uses, and where it ends for using too much: memory over all memories and tables, records and
//! bytes emitted, bytes logged.

use exhibit_evidence::fetch::FetchRequest;
use exhibit_evidence::run::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::ResourceLimiter;

/// Core instances, memories and tables that one component may have. A Python component has some 40 of each.
const PARTS: usize = 256;

/// Log bytes beyond the bound are cut; this many times the bound ends the run.
const LOG_FLOOD: u64 = 16;

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Most bytes that linear memories and tables had together.
    pub peak_memory_bytes: u64,
    /// Items emitted, refused ones included.
    pub items: u64,
    /// Bytes of those items (keys, bodies and origins) and of all requests.
    pub output_bytes: u64,
    /// Bytes of log, standard output and standard error that were kept.
    pub log_bytes: u64,
    /// Bytes of log, standard output and standard error that were cut.
    pub log_bytes_cut: u64,
}

/// A bound that a guest broke. Returned from a host function it ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("more records than {0}")]
    Records(u64),
    #[error("more bytes of records and requests than {0}")]
    Output(u64),
    #[error("more bytes of log than {0}")]
    Log(u64),
}

/// Counts memory. wasmtime asks it before every growth.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    used: usize,
    peak: usize,
    /// Whether a growth was refused. A guest that then fails has failed for this.
    refused: bool,
    /// The growth allowed last, to be taken back if the system then refuses it.
    last: usize,
}

impl Memory {
    pub(crate) fn new(limit_bytes: u64) -> Self {
        let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
        Self { limit, used: 0, peak: 0, refused: false, last: 0 }
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak as u64
    }

    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    fn grow(&mut self, by: usize) -> bool {
        match self.used.checked_add(by).filter(|sum| *sum <= self.limit) {
            Some(sum) => {
                self.used = sum;
                self.peak = self.peak.max(sum);
                self.last = by;
                true
            }
            None => {
                self.refused = true;
                false
            }
        }
    }

    fn take_back(&mut self) {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.last));
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current).saturating_mul(size_of::<usize>())))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}

/// Bytes that a request takes beside its text, so that small ones are not free.
const REQUEST_BYTES: usize = 64;

/// Counts what the guest hands over to be kept: items and requests.
#[derive(Debug)]
pub(crate) struct Output {
    records: u64,
    bytes: u64,
    items: u64,
    used: u64,
}

impl Output {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { records: limits.records, bytes: limits.output_bytes, items: 0, used: 0 }
    }

    /// Counts items with this many bytes.
    pub(crate) fn add(&mut self, items: u64, bytes: u64) -> Result<(), Broken> {
        self.items = self.items.saturating_add(items);
        self.used = self.used.saturating_add(bytes);
        if self.items > self.records {
            return Err(Broken::Records(self.records));
        }
        if self.used > self.bytes { Err(Broken::Output(self.bytes)) } else { Ok(()) }
    }

    /// Counts a request: it is recorded whatever becomes of it.
    pub(crate) fn ask(&mut self, request: &FetchRequest) -> Result<(), Broken> {
        let pairs = |pairs: &[(String, String)]| pairs.iter().map(|(a, b)| a.len() + b.len()).sum::<usize>();
        let auth = request.auth.as_ref().map_or(0, |auth| auth.slot.len() + pairs(&auth.params));
        let optional =
            request.body.as_ref().map_or(0, Vec::len) + request.paging.as_ref().map_or(0, String::len);
        let text = request.method.len() + request.url.len() + pairs(&request.headers);
        self.add(0, (text + auth + optional + REQUEST_BYTES) as u64)
    }
}

/// Counts log bytes. Shared with standard output and standard error, whose streams live in WASI's context.
#[derive(Clone, Debug)]
pub(crate) struct LogBudget {
    limit: u64,
    seen: Arc<AtomicU64>,
    kept: Arc<AtomicU64>,
}

impl LogBudget {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, seen: Arc::default(), kept: Arc::default() }
    }

    /// Asks to keep `bytes`, and says how many may be.
    pub(crate) fn take(&self, bytes: usize) -> Result<usize, Broken> {
        let seen = self.seen.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        if seen > self.limit.saturating_mul(LOG_FLOOD) {
            return Err(Broken::Log(self.limit));
        }
        let kept = self.kept.load(Ordering::Relaxed);
        let fits = self.limit.saturating_sub(kept).min(bytes as u64);
        self.kept.store(kept + fits, Ordering::Relaxed);
        Ok(usize::try_from(fits).unwrap_or(bytes))
    }

    fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    fn cut(&self) -> u64 {
        self.seen.load(Ordering::Relaxed).saturating_sub(self.kept())
    }
}

/// All of it.
pub(crate) fn usage(memory: &Memory, output: &Output, log: &LogBudget) -> Usage {
    Usage {
        peak_memory_bytes: memory.peak_bytes(),
        items: output.items,
        output_bytes: output.used,
        log_bytes: log.kept(),
        log_bytes_cut: log.cut(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_summed_over_memories_and_tables() {
        let mut memory = Memory::new(1 << 20);
        assert!(memory.memory_growing(0, 512 << 10, None).unwrap());
        assert!(memory.memory_growing(0, 256 << 10, None).unwrap());
        assert!(memory.table_growing(0, (128 << 10) / 8, None).unwrap());
        assert_eq!(memory.peak_bytes(), 896 << 10);
        assert!(!memory.memory_growing(512 << 10, 768 << 10, None).unwrap());
        assert!(memory.refused());
        assert!(memory.memory_growing(512 << 10, 640 << 10, None).unwrap());
        assert!(!memory.table_growing(0, 1, None).unwrap());
        memory.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert!(memory.table_growing(0, 1, None).unwrap());
    }

    #[test]
    fn a_memory_at_its_own_maximum_is_not_the_hosts_refusal() {
        let mut memory = Memory::new(1 << 20);
        assert!(!memory.memory_growing(0, 128 << 10, Some(64 << 10)).unwrap());
        assert!(!memory.refused());
    }

    #[test]
    fn log_is_cut_and_then_ends_the_run() {
        let log = LogBudget::new(100);
        assert_eq!(log.take(60).unwrap(), 60);
        assert_eq!(log.take(60).unwrap(), 40);
        assert_eq!(log.take(60).unwrap(), 0);
        assert_eq!((log.kept(), log.cut()), (100, 80));
        assert_eq!(log.take(1600), Err(Broken::Log(100)));
    }

    #[test]
    fn output_is_counted_in_items_and_bytes() {
        let limits = Limits { records: 2, output_bytes: 10, ..Limits::default() };
        assert_eq!(Output::new(&limits).add(3, 1), Err(Broken::Records(2)));
        assert_eq!(Output::new(&limits).add(1, 11), Err(Broken::Output(10)));
        let mut output = Output::new(&limits);
        assert!(output.add(1, 5).is_ok() && output.add(1, 5).is_ok() && output.add(0, 1).is_err());
    }
}

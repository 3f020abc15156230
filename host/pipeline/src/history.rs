//! What the runs of a source so far tell the next one.

use crate::host::Host;
use crate::source::Source;
use exhibit_evidence::run::{Manifest, RunId, Verdict};
use exhibit_evidence::time::Timestamp;
use exhibit_store::ReadError;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// Where the runs of a source have come. Kept with the source, so that the next run reads only what was committed since.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The last run that it tells of; none: there was none.
    last: Option<RunId>,
    /// The tenant that the runs have reached; none: no run has.
    pub(crate) tenant: Option<String>,
    /// End of the newest complete look at events and acts; none: there was none, or the source collects neither.
    pub(crate) seen_until: Option<Timestamp>,
    /// The connector's state as the last run left it.
    pub(crate) state: Arc<BTreeMap<String, Vec<u8>>>,
}

impl Source {
    /// The source's history up to its last committed run.
    pub(crate) fn history(&self, host: &Host) -> Result<History, ReadError> {
        let known = self.history.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_timed = self.wanted().iter().any(|kind| self.is_timed(kind));
        let mut history = History::default();
        for run in host.store.runs_back(&self.name) {
            let run = run?.run;
            history.last.get_or_insert_with(|| run.clone());
            if known.last.as_ref() == Some(&run) {
                if history.last == known.last {
                    return Ok(known);
                }
                history.tenant = history.tenant.or(known.tenant);
                history.seen_until = history.seen_until.or(known.seen_until);
                break;
            }
            let manifest = match host.store.manifest(&run) {
                // Its content was disposed of.
                Err(ReadError::KeyGone { .. }) => continue,
                manifest => manifest?,
            };
            if is_timed && history.seen_until.is_none() && self.saw_all_events(&manifest) {
                history.seen_until = Some(manifest.window.end);
            }
            history.tenant = history.tenant.or(manifest.tenant);
            if history.tenant.is_some() && (history.seen_until.is_some() || !is_timed) {
                break;
            }
        }
        history.state = Arc::new(host.store.state(&self.name)?);
        *self.history.lock().unwrap_or_else(PoisonError::into_inner) = history.clone();
        Ok(history)
    }

    /// A run that began after `before` is committed, with the state that it leaves.
    pub(crate) fn goes_on(&self, before: &History, run: &Manifest, state: BTreeMap<String, Vec<u8>>) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        // Where others were committed beside it, the next run reads what they came to.
        if history.last != before.last {
            return;
        }
        let is_timed = self.wanted().iter().any(|kind| self.is_timed(kind));
        let seen_until = (is_timed && self.saw_all_events(run)).then_some(run.window.end);
        *history = History {
            last: Some(run.run.clone()),
            tenant: run.tenant.clone().or_else(|| before.tenant.clone()),
            seen_until: seen_until.or(before.seen_until),
            state: Arc::new(state),
        };
    }

    /// Whether a run looked for events or acts, and saw all of them.
    fn saw_all_events(&self, run: &Manifest) -> bool {
        let mut timed = run.populations.iter().filter(|p| self.is_timed(&p.kind)).peekable();
        timed.peek().is_some() && timed.all(|p| p.verdict == Verdict::Complete)
    }
}

//! Runs that go on, and what became of them.

use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::Verdict;
use exhibit_evidence::time::Timestamp;
use exhibit_pipeline::collect::{CollectError, Collected, collect_from};
use exhibit_pipeline::host::Host;
use exhibit_pipeline::source::SourceError;
use exhibit_schedule::Ended;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::{Id, JoinSet};

/// A run that is over.
pub(crate) struct Done {
    pub(crate) source: SourceName,
    pub(crate) started_at: Timestamp,
    pub(crate) came_to: Result<Collected, Lost>,
}

/// Why nothing of a run is kept.
#[derive(Debug)]
pub(crate) enum Lost {
    /// It could not be made or kept.
    Error(CollectError),
    /// It was dropped.
    Dropped,
    /// It panicked: sled does, on a disk that is full.
    Panicked,
}

/// The runs that go on.
pub(crate) struct Runs {
    on: Handle,
    tasks: JoinSet<Result<Collected, CollectError>>,
    known: HashMap<Id, (SourceName, Timestamp)>,
    since: BTreeMap<SourceName, Timestamp>,
}

impl Runs {
    pub(crate) fn new(on: Handle) -> Self {
        Self { on, tasks: JoinSet::new(), known: HashMap::new(), since: BTreeMap::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Since when a run of a source goes on.
    pub(crate) fn since(&self, source: &SourceName) -> Option<Timestamp> {
        self.since.get(source).copied()
    }

    pub(crate) fn start(&mut self, host: Arc<Host>, source: SourceName, started_at: Timestamp) {
        let name = source.clone();
        let run = async move { collect_from(&host, &name, started_at).await };
        let task = self.tasks.spawn_on(run, &self.on);
        self.since.insert(source.clone(), started_at);
        self.known.insert(task.id(), (source, started_at));
    }

    /// The next run that is over; none while none goes on. It may be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Option<Done> {
        let joined = self.tasks.join_next_with_id().await?;
        let (id, came_to) = match joined {
            Ok((id, came_to)) => (id, came_to.map_err(Lost::Error)),
            Err(error) => (error.id(), Err(if error.is_panic() { Lost::Panicked } else { Lost::Dropped })),
        };
        let (source, started_at) = self.known.remove(&id)?;
        self.since.remove(&source);
        Some(Done { source, started_at, came_to })
    }

    /// Drops every run at its next wait; [`Runs::next`] then tells of each, and what each had staged is gone. One that
    /// is being committed is committed first.
    pub(crate) fn drop_all(&mut self) {
        self.tasks.abort_all();
    }
}

/// What a run came to, as the scheduler takes it.
pub(crate) fn ended(came_to: &Result<Collected, Lost>) -> Ended {
    let run = match came_to {
        Ok(run) => run,
        Err(Lost::Dropped) => return Ended::Interrupted,
        Err(Lost::Panicked) => return failed("it panicked".to_owned(), true),
        Err(Lost::Error(CollectError::Source(error))) => return failed(error.to_string(), may_pass(error)),
        Err(Lost::Error(error @ CollectError::Store { .. })) => return failed(error.to_string(), true),
    };
    match &run.manifest.verdict {
        Verdict::Complete => Ended::Complete,
        Verdict::Partial(reason) => Ended::Partial(reason.clone()),
        Verdict::Failed(reason) => Ended::Failed {
            reason: reason.clone(),
            retryable: run.retry.retryable,
            retry_after_ms: run.retry.after_ms,
        },
    }
}

fn failed(reason: String, retryable: bool) -> Ended {
    Ended::Failed { reason, retryable, retry_after_ms: None }
}

/// Whether what is wrong with a source may be right later without its files being read again: a secret that is not
/// there yet, a disk that does not answer.
fn may_pass(error: &SourceError) -> bool {
    match error {
        SourceError::Credential { .. } | SourceError::Unusable { .. } | SourceError::Workspace(_) => true,
        SourceError::Unapproved(_)
        | SourceError::ComponentMissing { .. }
        | SourceError::AsksMore { .. }
        | SourceError::Settings { .. } => false,
    }
}

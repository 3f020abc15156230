//! What the loop and the HTTP side share.

use crate::operate::metrics::Metrics;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::Timestamp;
use exhibit_pipeline::host::Host;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot, watch};

/// Orders that wait for the loop. More: the one who asks waits, too.
const ORDERS: usize = 64;

/// A running service, as everyone but its loop sees it. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    host: Arc<RwLock<Arc<Host>>>,
    orders: mpsc::Sender<Order>,
    now: watch::Receiver<Arc<Now>>,
    metrics: Arc<Metrics>,
}

/// The loop's end of a [`Service`].
pub struct Inbox {
    /// What was asked.
    pub orders: mpsc::Receiver<Order>,
    /// Where the loop tells what goes on.
    pub now: watch::Sender<Arc<Now>>,
}

/// Something that the loop is asked to do, by someone, with the answer's way back.
#[derive(Debug)]
pub struct Order {
    /// What.
    pub act: Act,
    /// Who asked, as the ledger names them: `operator:NAME`, `command`.
    pub by: String,
    /// Told when it is done, or why it is not.
    pub done: oneshot::Sender<Result<(), Refused>>,
}

/// What the loop can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A run of a source now.
    Run(SourceName),
    /// No runs of a source until it is resumed.
    Pause(SourceName),
    /// Runs of it again.
    Resume(SourceName),
    /// Read settings, controls, sources and approvals again.
    Reload,
}

/// Why an order was not carried out, for the one who gave it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such source.
    #[error("there is no source `{0}`")]
    NoSource(SourceName),
    /// It cannot be done now.
    #[error("{0}")]
    Conflict(String),
    /// A file that an operator wrote is wrong; everything goes on as before.
    #[error("{0}")]
    Settings(String),
    /// The service is ending.
    #[error("the service is stopping")]
    Stopping,
}

/// What goes on now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Now {
    /// When this was so.
    pub at: Timestamp,
    /// Since when the service runs.
    pub started_at: Timestamp,
    /// Whether nothing new is started: it is stopping, or the disk is full.
    pub holding: Option<String>,
    /// Each source.
    pub sources: BTreeMap<SourceName, SourceNow>,
}

/// A source now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceNow {
    /// How it is scheduled: `daily`, or a cron expression.
    pub plan: String,
    /// Why it cannot run as it is set up, or that its approval is needed; none: it can.
    pub problem: Option<String>,
    /// Paused by someone.
    pub paused: bool,
    /// Since when a run goes on.
    pub running_since: Option<Timestamp>,
    /// When the next run is due.
    pub next_due: Option<Timestamp>,
    /// The last run that ended, with its verdict's word and reason.
    pub last: Option<LastRun>,
    /// Failures since the last run that was complete.
    pub failures: u32,
}

/// A run that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// The run.
    pub run: RunId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// `complete`, `partial` or `failed`.
    pub verdict: String,
    /// Why it is not complete.
    pub reason: Option<String>,
}

impl Service {
    /// A service of an open workspace, and the loop's end of it.
    pub fn new(host: Host) -> (Self, Inbox) {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (told, now) = watch::channel(Arc::default());
        let host = Arc::new(RwLock::new(Arc::new(host)));
        let service = Self { host, orders, now, metrics: Arc::default() };
        (service, Inbox { orders: inbox, now: told })
    }

    /// The workspace as it was last read. Whoever does several things with it asks once.
    pub fn host(&self) -> Arc<Host> {
        Arc::clone(&self.host.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a workspace that was read again in place of the one before.
    pub fn replace_host(&self, host: Host) {
        *self.host.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(host);
    }

    /// What goes on now.
    pub fn now(&self) -> Arc<Now> {
        Arc::clone(&self.now.borrow())
    }

    /// Its numbers.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Asks the loop for something and waits until it is done.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn order(&self, act: Act, by: impl Into<String>) -> Result<(), Refused> {
        let (done, answer) = oneshot::channel();
        let order = Order { act, by: by.into(), done };
        self.orders.send(order).await.map_err(|_| Refused::Stopping)?;
        answer.await.map_err(|_| Refused::Stopping)?
    }
}

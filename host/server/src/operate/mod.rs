//! The loop: steps the scheduler with the clock and what happened, starts runs, and writes into the ledger what the
//! host did and which slots passed unfilled.
//!
//! | module | holds |
//! | --- | --- |
//! | `turn` | one turn of the loop: what is owed to the ledger, what is due, what is told |
//! | `sources` | settings and approvals as the scheduler gets them, at the start and when they are read again |
//! | `runs` | runs that go on, and what became of them |
//! | [`alerts`] | what an operator should hear of |
//! | [`memory`] | what a service remembers beside the ledger |
//! | [`metrics`] | numbers for Prometheus |

pub mod alerts;
pub mod memory;
pub mod metrics;
mod runs;
mod sources;
mod turn;

use crate::service::{Act, Inbox, Order, Refused, Service};
use exhibit_pipeline::operation::DeedError;
use exhibit_pipeline::workspace::WorkspaceError;
use exhibit_store::ReadError;
pub(crate) use sources::seed;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use turn::Loop;
pub(crate) use turn::free_bytes;

/// How long alerts that are being sent may take when the service ends.
const ALERTS: Duration = Duration::from_secs(5);

/// How the service is run.
pub struct Options {
    /// Where runs are executed: a runtime of their own, so that answers do not wait for guests.
    pub runs_on: tokio::runtime::Handle,
    /// How long the loop sleeps at most: clocks are set, disks fill up.
    pub tick: Duration,
    /// How long after an attempt to send an alert the next one is made: [`alerts::DELAYS`].
    pub alert_delays: &'static [Duration],
}

/// Why the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to.
    Stopped,
    /// The store must be opened again: a commit had failed halfway, and there is room again.
    Reopen,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// Its files.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log of alerts.
    #[error("the log of alerts cannot be opened: {0}")]
    Alerts(std::io::Error),
    /// Its start could not be written down.
    #[error("the start of the service could not be written into the ledger: {0}")]
    Deed(#[from] DeedError),
}

/// Runs the schedule until `stop` says so.
///
/// What the host did goes into the ledger before anything that follows from it: its start before the first run, slots
/// that were missed before the runs of the next. When it is stopped nothing new is started, runs may end within the
/// grace of `[service]`, and those that do not are dropped, with nothing of them kept and their names in the ledger.
///
/// # Errors
/// [`OperateError`], before anything was started.
pub async fn operate(
    service: Service,
    inbox: Inbox,
    options: Options,
    mut stop: watch::Receiver<bool>,
) -> Result<End, OperateError> {
    let Inbox { mut orders, now } = inbox;
    let tick = options.tick;
    let mut running = Loop::start(service, now, options)?;
    loop {
        let wait = running.turn().min(tick);
        if let Some(end) = running.over() {
            running.alerts.close(ALERTS).await;
            return Ok(end);
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(order) = orders.recv() => running.order(order),
            Some(done) = running.runs.next() => running.ended(done),
            () = tokio::time::sleep(wait) => {}
        }
    }
    finish(running, &mut orders).await;
    Ok(End::Stopped)
}

/// Lets runs end within the grace, drops the others, and writes down that the host stopped.
async fn finish(mut running: Loop, orders: &mut tokio::sync::mpsc::Receiver<Order>) {
    let grace_s = running.stopping();
    let until = Instant::now() + Duration::from_secs(grace_s);
    loop {
        running.turn();
        if running.runs.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            Some(order) = orders.recv() => refuse(order),
            Some(done) = running.runs.next() => running.ended(done),
            () = tokio::time::sleep_until(until) => break,
        }
    }
    running.runs.drop_all();
    let mut interrupted = Vec::new();
    while let Some(done) = running.runs.next().await {
        if matches!(done.came_to, Err(runs::Lost::Dropped)) {
            interrupted.push(done.source.clone());
        }
        running.ended(done);
    }
    running.turn();
    running.stopped(interrupted);
    running.alerts.close(ALERTS).await;
}

fn refuse(order: Order) {
    let _ = order.done.send(Err(Refused::Stopping));
}

/// What an order does, for logs.
fn word(act: &Act) -> &'static str {
    match act {
        Act::Run(_) => "run",
        Act::Pause(_) => "pause",
        Act::Resume(_) => "resume",
        Act::Reload => "reload",
    }
}

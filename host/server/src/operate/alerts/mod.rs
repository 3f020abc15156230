//! Alerts: what an operator should hear of, written down and sent by signed webhook.
//!
//! | module | holds |
//! | --- | --- |
//! | [`journal`] | every alert and every attempt to send it, on disk |
//! | [`webhook`] | one delivery: its signature, and what the answer means |
//!
//! An alert is in the journal before it is sent. It is sent to each destination that asks for its event until that
//! one takes it, refuses it for good, or three days have passed; also by the next process.

pub mod journal;
pub mod webhook;

use super::metrics::Metrics;
use exhibit_evidence::digest::Hasher;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::{Clock, Timestamp};
use exhibit_pipeline::workspace::{AlertConfig, AlertEvent, Workspace};
use journal::{Journal, Line, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use webhook::{Destination, Sent};

/// How long after the first attempt each further one is made, at least: the schedule that Standard Webhooks gives as its
/// example, cut to three days.
pub const DELAYS: &[Duration] = &[
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
    Duration::from_secs(14 * 60 * 60),
    Duration::from_secs(20 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// Alerts that an earlier process could not send are sent if they are no older.
const STILL_NEWS_MS: u64 = 3 * 24 * 60 * 60 * 1000;

/// Something that an operator should hear of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its own; the same however often it is sent.
    pub id: String,
    /// When it was raised.
    pub at: Timestamp,
    /// What it is about.
    pub event: AlertEvent,
    /// The source that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceName>,
    /// One sentence for people.
    pub text: String,
}

/// The alerts of a service.
pub(crate) struct Alerts {
    journal: Arc<Journal>,
    destinations: Vec<Arc<Destination>>,
    sending: JoinSet<()>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    delays: &'static [Duration],
    raised: u64,
    /// When what was last said of whom.
    said: BTreeMap<(AlertEvent, SourceName), Timestamp>,
}

impl Alerts {
    /// Opens the journal in `folder`, and goes on with what is still to be sent.
    pub(crate) fn open(
        folder: &Path,
        workspace: &Workspace,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        delays: &'static [Duration],
    ) -> std::io::Result<Self> {
        let (journal, waiting) = Journal::open(folder)?;
        let journal = Arc::new(journal);
        let (destinations, sending) = (Vec::new(), JoinSet::new());
        let mut alerts =
            Self { journal, destinations, sending, clock, metrics, delays, raised: 0, said: BTreeMap::new() };
        for (alert, _) in &waiting {
            alerts.said.extend(alert.source.clone().map(|source| ((alert.event, source), alert.at)));
        }
        alerts.set_destinations(workspace);
        let now = alerts.clock.now();
        for (alert, settled) in waiting {
            if now.as_ms().saturating_sub(alert.at.as_ms()) < STILL_NEWS_MS {
                alerts.send(&alert, &settled);
            }
        }
        Ok(alerts)
    }

    /// Takes the destinations of settings that were read again. One that cannot be used is said, and the others are.
    pub(crate) fn set_destinations(&mut self, workspace: &Workspace) {
        self.destinations.clear();
        for config in &workspace.config().alert {
            match Destination::new(workspace, config, &self.clock) {
                Ok(destination) => self.destinations.push(Arc::new(destination)),
                Err(reason) => tracing::error!(url = config.url, reason, "alerts cannot be sent there"),
            }
        }
    }

    /// Raises an alert. Where it cannot be written down it is sent all the same.
    pub(crate) fn raise(&mut self, event: AlertEvent, source: Option<&SourceName>, text: String) {
        let at = self.clock.now();
        self.raised += 1;
        let mut hasher = Hasher::default();
        hasher.update(at.as_ms().to_be_bytes()).update(self.raised.to_be_bytes()).update(&text);
        let id = format!("msg_{}", &hasher.finish().to_string()[..24]);
        let alert = Alert { id, at, event, source: source.cloned(), text };
        tracing::warn!(id = alert.id, event = event.word(), text = alert.text, "an alert");
        self.metrics.alert(event.word());
        self.said.extend(alert.source.clone().map(|source| ((event, source), at)));
        self.journal.write(&Line::Raised(alert.clone()));
        self.send(&alert, &[]);
    }

    /// When an event of a source was last told of, also by an earlier process.
    pub(crate) fn said(&self, event: AlertEvent, source: &SourceName) -> Option<Timestamp> {
        self.said.get(&(event, source.clone())).copied()
    }

    /// Sends an alert to whoever asks for it, but for those that `settled` names.
    fn send(&mut self, alert: &Alert, settled: &[String]) {
        while self.sending.try_join_next().is_some() {}
        for destination in &self.destinations {
            if !destination.wants(alert.event) || settled.contains(&destination.name()) {
                continue;
            }
            let (alert, destination) = (alert.clone(), Arc::clone(destination));
            let (journal, clock) = (Arc::clone(&self.journal), Arc::clone(&self.clock));
            let (metrics, delays) = (Arc::clone(&self.metrics), self.delays);
            self.sending.spawn(async move {
                deliver(&alert, &destination, &journal, &*clock, &metrics, delays).await
            });
        }
    }

    /// Lets what is being sent end, for at most `grace`.
    pub(crate) async fn close(mut self, grace: Duration) {
        let all = async { while self.sending.join_next().await.is_some() {} };
        // What is left is in the journal, for the next process.
        let _ = tokio::time::timeout(grace, all).await;
    }
}

/// Sends an alert until it is taken or there is no use in trying.
async fn deliver(
    alert: &Alert,
    destination: &Destination,
    journal: &Journal,
    clock: &dyn Clock,
    metrics: &Metrics,
    delays: &[Duration],
) {
    for attempt in 1.. {
        let sent = destination.send(alert, clock.now()).await;
        let delay = delays.get(attempt as usize - 1).copied();
        let (outcome, why) = match (&sent, delay) {
            (Sent::Taken, _) => (Outcome::Delivered, None),
            (Sent::Gone, _) => {
                (Outcome::GivenUp, Some("it answered 410: it wants no more of them".to_owned()))
            }
            (Sent::Refused { why, .. }, Some(_)) => (Outcome::Failed, Some(why.clone())),
            (Sent::Refused { why, .. }, None) => (Outcome::GivenUp, Some(why.clone())),
        };
        metrics.delivery(outcome.word());
        tracing::info!(
            id = alert.id,
            to = destination.name(),
            attempt,
            outcome = outcome.word(),
            why,
            "an alert was sent"
        );
        let (id, to) = (alert.id.clone(), destination.name());
        journal.write(&Line::Sent { id, to, at: clock.now(), attempt, outcome, why });
        match (sent, delay) {
            (Sent::Refused { wait, .. }, Some(delay)) => tokio::time::sleep(delay.max(wait)).await,
            _ => return,
        }
    }
}

/// Whether the destinations in the settings can be used: those that cannot, with why.
pub(crate) fn problems(workspace: &Workspace, clock: &Arc<dyn Clock>) -> Vec<(AlertConfig, String)> {
    let alerts = workspace.config().alert.iter();
    alerts
        .filter_map(|config| Some((config.clone(), Destination::new(workspace, config, clock).err()?)))
        .collect()
}

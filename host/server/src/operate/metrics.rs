//! Numbers for Prometheus, in the OpenMetrics text format
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>). Each is named in `deploy/README.md`.

use super::runs::Lost;
use crate::service::Now;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::Timestamp;
use exhibit_pipeline::collect::Collected;
use exhibit_pipeline::operation::{Deed, of_word};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Labels: names with their values.
type Words<const N: usize> = [(&'static str, String); N];

fn of(source: &SourceName) -> Words<1> {
    [("source", source.to_string())]
}

/// The numbers of one service.
pub struct Metrics {
    registry: Registry,
    started_at: Gauge,
    holding: Gauge,
    running: Gauge,
    leaves: Gauge,
    free: Gauge,
    runs: Family<Words<2>, Counter>,
    took: Histogram,
    records: Family<Words<1>, Counter>,
    exchanges: Family<Words<1>, Counter>,
    missed: Family<Words<2>, Counter>,
    late: Family<Words<1>, Counter>,
    alerts: Family<Words<1>, Counter>,
    deliveries: Family<Words<1>, Counter>,
    failures: Family<Words<1>, Gauge>,
    paused: Family<Words<1>, Gauge>,
    problem: Family<Words<1>, Gauge>,
    next_due: Family<Words<1>, Gauge>,
    last_complete: Family<Words<1>, Gauge>,
    /// The sources that have gauges.
    known: Mutex<BTreeSet<SourceName>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Numbers that are all zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("exhibit"),
            started_at: Gauge::default(),
            holding: Gauge::default(),
            running: Gauge::default(),
            leaves: Gauge::default(),
            free: Gauge::default(),
            runs: Family::default(),
            // From an eighth of a second to over half an hour.
            took: Histogram::new(exponential_buckets(0.125, 2.0, 15)),
            records: Family::default(),
            exchanges: Family::default(),
            missed: Family::default(),
            late: Family::default(),
            alerts: Family::default(),
            deliveries: Family::default(),
            failures: Family::default(),
            paused: Family::default(),
            problem: Family::default(),
            next_due: Family::default(),
            last_complete: Family::default(),
            known: Mutex::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        to.register("build", "The version of Exhibit", build);
        let seconds = || Unit::Seconds;
        to.register_with_unit(
            "started_timestamp",
            "When the service started",
            seconds(),
            self.started_at.clone(),
        );
        to.register(
            "holding",
            "1 while nothing new is started: stopping, or the disk is full",
            self.holding.clone(),
        );
        to.register("runs_running", "Runs that go on", self.running.clone());
        to.register("ledger_leaves", "Leaves of the ledger", self.leaves.clone());
        to.register_with_unit(
            "data_free",
            "What is left on the disk of the data",
            Unit::Bytes,
            self.free.clone(),
        );
        to.register(
            "runs",
            "Runs that ended, by source and verdict; lost: nothing of it is kept",
            self.runs.clone(),
        );
        to.register_with_unit(
            "run_duration",
            "How long runs took that were kept",
            seconds(),
            self.took.clone(),
        );
        to.register("records", "Records that runs emitted", self.records.clone());
        to.register("exchanges", "Requests that runs made", self.exchanges.clone());
        to.register("missed", "Stretches of slots that passed without a complete look", self.missed.clone());
        to.register(
            "late",
            "Stretches of slots whose events were collected after the grace",
            self.late.clone(),
        );
        to.register("alerts", "Alerts that were raised, by event", self.alerts.clone());
        to.register("alert_deliveries", "Attempts to send an alert, by outcome", self.deliveries.clone());
        to.register("source_failures", "Runs since the last complete one", self.failures.clone());
        to.register("source_paused", "1 while a source is paused", self.paused.clone());
        to.register("source_problem", "1 while a source cannot run as it is set up", self.problem.clone());
        let (next_due, complete) = (self.next_due.clone(), self.last_complete.clone());
        to.register_with_unit("source_next_due_timestamp", "When the next run is due", seconds(), next_due);
        to.register_with_unit(
            "source_complete_timestamp",
            "When the last complete run ended",
            seconds(),
            complete,
        );
    }

    /// Everything, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    pub(crate) fn free_bytes(&self, free: u64) {
        self.free.set(i64::try_from(free).unwrap_or(i64::MAX));
    }

    pub(crate) fn run(&self, source: &SourceName, came_to: &Result<Collected, Lost>) {
        let verdict = came_to.as_ref().map_or("lost", |run| run.manifest.verdict.word());
        self.runs.get_or_create(&[("source", source.to_string()), ("verdict", verdict.to_owned())]).inc();
        let Ok(run) = came_to else { return };
        let manifest = &run.manifest;
        let took_ms = manifest.ended_at.as_ms().saturating_sub(manifest.started_at.as_ms());
        self.took.observe(std::time::Duration::from_millis(took_ms).as_secs_f64());
        let records = manifest.populations.iter().map(|population| population.emitted).sum();
        self.records.get_or_create(&of(source)).inc_by(records);
        self.exchanges.get_or_create(&of(source)).inc_by(manifest.exchanges.count);
        if manifest.verdict == exhibit_evidence::run::Verdict::Complete {
            self.last_complete.get_or_create(&of(source)).set(seconds(manifest.ended_at));
        }
    }

    pub(crate) fn deed(&self, deed: &Deed) {
        match deed {
            Deed::Missed { source, of, .. } => {
                let labels = [("source", source.to_string()), ("of", of_word(*of).to_owned())];
                self.missed.get_or_create(&labels).inc();
            }
            Deed::Late { source, .. } => _ = self.late.get_or_create(&of(source)).inc(),
            _ => {}
        }
    }

    pub(crate) fn alert(&self, event: &str) {
        self.alerts.get_or_create(&[("event", event.to_owned())]).inc();
    }

    pub(crate) fn delivery(&self, outcome: &str) {
        self.deliveries.get_or_create(&[("outcome", outcome.to_owned())]).inc();
    }

    pub(crate) fn now(&self, now: &Now, running: usize, leaves: u64) {
        self.started_at.set(seconds(now.started_at));
        self.holding.set(i64::from(now.holding.is_some()));
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.leaves.set(i64::try_from(leaves).unwrap_or(i64::MAX));
        for (name, source) in &now.sources {
            let labels = of(name);
            self.failures.get_or_create(&labels).set(i64::from(source.failures));
            self.paused.get_or_create(&labels).set(i64::from(source.paused));
            self.problem.get_or_create(&labels).set(i64::from(source.problem.is_some()));
            match source.next_due {
                Some(at) => _ = self.next_due.get_or_create(&labels).set(seconds(at)),
                None => _ = self.next_due.remove(&labels),
            }
            if let Some(last) = source.last.as_ref().filter(|last| last.verdict == "complete") {
                self.last_complete.get_or_create(&labels).set(seconds(last.ended_at));
            }
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.iter().filter(|name| !now.sources.contains_key(*name)) {
            for family in [&self.failures, &self.paused, &self.problem, &self.next_due, &self.last_complete] {
                family.remove(&of(gone));
            }
        }
        *known = now.sources.keys().cloned().collect();
    }
}

fn seconds(at: Timestamp) -> i64 {
    (at.as_ms() / 1000).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::SourceNow;
    use exhibit_evidence::time::Span;
    use exhibit_schedule::{Of, Why};
    use std::collections::BTreeMap;

    const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");

    fn deployed(file: &str) -> String {
        std::fs::read_to_string(format!("{DEPLOY}/{file}")).unwrap()
    }

    /// Every number, each once.
    fn exposed() -> String {
        let metrics = Metrics::new();
        let source: SourceName = "okta-prod".parse().unwrap();
        let at = Timestamp::from_ms(1_772_618_400_000);
        let span = Span { start: at, end: at };
        metrics.run(&source, &Err(Lost::Panicked));
        metrics.records.get_or_create(&of(&source)).inc_by(3);
        metrics.exchanges.get_or_create(&of(&source)).inc_by(2);
        metrics.took.observe(0.2);
        metrics.deed(&Deed::Missed { source: source.clone(), of: Of::State, span, why: Why::Paused });
        metrics.deed(&Deed::Late { source: source.clone(), span });
        metrics.alert("missed");
        metrics.delivery("failed");
        metrics.last_complete.get_or_create(&of(&source)).set(1);
        let now = SourceNow { next_due: Some(at), failures: 4, ..SourceNow::default() };
        metrics.now(&Now { sources: BTreeMap::from([(source, now)]), ..Now::default() }, 1, 7);
        metrics.text()
    }

    /// Names with their types, as Prometheus names the series: a counter ends in `_total`.
    fn named(text: &str) -> BTreeMap<String, String> {
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let named = types.filter_map(|line| line.split_once(' ')).map(|(name, of)| {
            let end = match of {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            (format!("{name}{end}"), of.to_owned())
        });
        named.collect()
    }

    #[test]
    fn every_number_is_in_the_table_and_the_other_way_round() {
        let readme = deployed("README.md");
        let rows = readme.lines().filter_map(|line| line.strip_prefix("| `exhibit_"));
        let table: BTreeMap<String, String> = rows
            .map(|row| {
                let mut cells = row.split('|').map(|cell| cell.trim().trim_end_matches('`'));
                (format!("exhibit_{}", cells.next().unwrap()), cells.next().unwrap().to_owned())
            })
            .collect();
        assert_eq!(table, named(&exposed()));
    }

    #[test]
    fn rules_and_dashboard_ask_for_numbers_that_there_are() {
        let named = named(&exposed());
        let dashboard: serde_json::Value = serde_json::from_str(&deployed("grafana-dashboard.json")).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        let asked = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
        let mut asked: Vec<String> =
            asked.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
        asked.extend(
            deployed("prometheus-rules.yml")
                .lines()
                .filter_map(|line| Some(line.trim().strip_prefix("expr: ")?.to_owned())),
        );
        assert!(asked.len() > 25, "{asked:#?}");
        for expression in asked {
            for word in expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
                let name = word.strip_suffix("_bucket").unwrap_or(word);
                assert!(!name.starts_with("exhibit_") || named.contains_key(name), "{name} in {expression}");
            }
        }
    }

    #[test]
    fn labels_are_written_as_openmetrics_has_them() {
        let text = exposed();
        for line in [
            "exhibit_runs_total{source=\"okta-prod\",verdict=\"lost\"} 1",
            "exhibit_missed_total{source=\"okta-prod\",of=\"state\"} 1",
            "exhibit_source_next_due_timestamp_seconds{source=\"okta-prod\"} 1772618400",
            "exhibit_source_failures{source=\"okta-prod\"} 4",
            "exhibit_run_duration_seconds_bucket{le=\"0.25\"} 1",
            "exhibit_ledger_leaves 7",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_source_that_is_gone_is_gone() {
        let metrics = Metrics::new();
        let source: SourceName = "okta-prod".parse().unwrap();
        let sources = BTreeMap::from([(source, SourceNow::default())]);
        metrics.now(&Now { sources, ..Now::default() }, 0, 0);
        assert!(metrics.text().contains("okta-prod"));
        metrics.now(&Now::default(), 0, 0);
        assert!(!metrics.text().contains("okta-prod"), "{}", metrics.text());
    }
}

//! Which collection periods of a control have what evidence: pure, over what the store says of runs.
//!
//! State fills only the period that contains its observation: a day that nobody observed is missed for good.
//! Events and acts fill the period that they occurred in, once complete runs have together looked at the
//! whole of it; when that came later than the grace after its close, it is late.

use crate::host::{Host, HostError};
use crate::upload;
use exhibit_evidence::control::{Control, ControlId};
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::CollectionPeriod;
use exhibit_evidence::run::{Manifest, RunId, Verdict};
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_ledger::seal::Outcome;
use exhibit_store::Store;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Events and acts may be collected this long after a period's close and still be in time.
pub const GRACE_MS: u64 = 3 * 24 * 60 * 60 * 1000;

/// One run's part in a period: what it says of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The run.
    pub run: RunId,
    /// Its source.
    pub source: SourceName,
    /// The kind.
    pub kind: Kind,
    /// State is as of this instant.
    pub started_at: Timestamp,
    /// Events and acts are of this window.
    pub window: Span,
    /// When it was over.
    pub ended_at: Timestamp,
    /// How far its populations of this kind can be relied on.
    pub verdict: Verdict,
}

/// How bad an outcome is: what a period comes to is the worst of what its control asks for.
fn rank(outcome: Option<Outcome>) -> u8 {
    match outcome {
        Some(Outcome::Filled) => 0,
        None => 1,
        Some(Outcome::Late) => 2,
        Some(Outcome::Partial) => 3,
        Some(Outcome::Failed) => 4,
        Some(Outcome::Missed) => 5,
    }
}

/// A period with its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodCoverage {
    /// The period.
    pub period: CollectionPeriod,
    /// The worst over everything that the control asks for; none: it is not over yet, and not filled yet.
    pub outcome: Option<Outcome>,
    /// What is missing, or why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Every run that had a part in it, in order of time.
    pub runs: Vec<RunId>,
    /// The leaves of the files that people attached to it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploads: Vec<u64>,
}

/// What people attached to a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manual {
    /// Whether the control asks for it.
    pub asked: bool,
    /// Leaf and time of each file, in the order of the leaves.
    pub files: Vec<(u64, Timestamp)>,
}

/// What a control asks for in every period: a kind from a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    /// The kind.
    pub kind: Kind,
    /// Its shape.
    pub shape: Shape,
    /// The source.
    pub source: SourceName,
}

/// Every kind and source that proves `control`. `sources` are those there are, with the kinds that each collects.
pub fn expected(
    control: &Control,
    sources: &BTreeMap<SourceName, Vec<Kind>>,
    shape: impl Fn(&Kind) -> Option<Shape>,
) -> Vec<Expected> {
    let mut pairs = Vec::new();
    for proof in &control.evidence {
        for (source, kinds) in sources {
            let named = proof.sources.is_empty() || proof.sources.contains(source);
            if named
                && kinds.contains(&proof.kind)
                && let Some(shape) = shape(&proof.kind)
            {
                pairs.push(Expected { kind: proof.kind.clone(), shape, source: source.clone() });
            }
        }
    }
    pairs.sort();
    pairs.dedup();
    pairs
}

/// The outcome of one period at the instant `now`, from every observation that touches it and every file that was
/// attached to it.
pub fn outcome(
    period: CollectionPeriod,
    expected: &[Expected],
    observations: &[Observation],
    manual: &Manual,
    now: Timestamp,
) -> PeriodCoverage {
    let mut worst = (Some(Outcome::Filled), None);
    if manual.asked {
        worst = attached(period.span(), &manual.files, now);
    } else if expected.is_empty() && now < period.span().end {
        worst = (None, None);
    } else if expected.is_empty() {
        worst = (Some(Outcome::Missed), Some("no source collects what this control asks for".to_owned()));
    }
    for pair in expected {
        let mut own: Vec<&Observation> =
            observations.iter().filter(|o| o.kind == pair.kind && o.source == pair.source).collect();
        own.sort_by_key(|o| (o.ended_at, o.run.clone()));
        let (outcome, reason) = if pair.shape.is_timed() {
            timed(period.span(), &own, now)
        } else {
            state(period.span(), &own, now)
        };
        if rank(outcome) > rank(worst.0) {
            worst = (outcome, reason.map(|r| format!("{} from {}: {r}", pair.kind, pair.source)));
        }
    }
    let mut runs: Vec<RunId> = observations.iter().map(|o| o.run.clone()).collect();
    runs.sort();
    runs.dedup();
    let uploads = manual.files.iter().map(|(leaf, _)| *leaf).collect();
    PeriodCoverage { period, outcome: worst.0, reason: worst.1, runs, uploads }
}

/// Documents have as long after a period's close as events have.
fn attached(span: Span, files: &[(u64, Timestamp)], now: Timestamp) -> (Option<Outcome>, Option<String>) {
    let due = Timestamp::from_ms(span.end.as_ms().saturating_add(GRACE_MS));
    match files.iter().map(|(_, at)| *at).min() {
        Some(first) if first <= due => (Some(Outcome::Filled), None),
        Some(first) => (Some(Outcome::Late), Some(format!("nothing was attached before {first}"))),
        None if now <= due => (None, None),
        None => (Some(Outcome::Missed), Some(format!("nothing was attached until {due}"))),
    }
}

fn state(span: Span, own: &[&Observation], now: Timestamp) -> (Option<Outcome>, Option<String>) {
    let inside: Vec<&&Observation> = own.iter().filter(|o| span.contains(o.started_at)).collect();
    if inside.iter().any(|o| o.verdict == Verdict::Complete) {
        return (Some(Outcome::Filled), None);
    }
    unfilled(span, inside.iter().map(|o| &o.verdict), now, "nobody looked in this period")
}

fn timed(span: Span, own: &[&Observation], now: Timestamp) -> (Option<Outcome>, Option<String>) {
    let mut seen: Vec<Span> = Vec::new();
    for observation in own.iter().filter(|o| o.verdict == Verdict::Complete) {
        seen.push(observation.window);
        if gap(span, &mut seen).is_none() {
            let in_time = observation.ended_at.as_ms() <= span.end.as_ms().saturating_add(GRACE_MS);
            let reason = format!("complete only on {}", observation.ended_at);
            return if in_time { (Some(Outcome::Filled), None) } else { (Some(Outcome::Late), Some(reason)) };
        }
    }
    let touching = own.iter().filter(|o| o.window.overlaps(&span)).map(|o| &o.verdict);
    match gap(span, &mut seen) {
        Some(from) if !seen.is_empty() && from > span.start && now >= span.end => {
            (Some(Outcome::Partial), Some(format!("no complete run has looked beyond {from}")))
        }
        _ => unfilled(span, touching, now, "no run has looked at the whole of this period"),
    }
}

/// The first instant of `span` that none of `seen` contains.
fn gap(span: Span, seen: &mut [Span]) -> Option<Timestamp> {
    seen.sort_by_key(|s| s.start);
    let mut reached = span.start;
    for window in seen.iter() {
        if window.start <= reached && window.end > reached {
            reached = window.end;
        }
    }
    (reached < span.end).then_some(reached)
}

fn unfilled<'a>(
    span: Span,
    verdicts: impl Iterator<Item = &'a Verdict>,
    now: Timestamp,
    nothing: &str,
) -> (Option<Outcome>, Option<String>) {
    let best = verdicts.filter(|v| **v != Verdict::Complete).min_by_key(|v| matches!(v, Verdict::Failed(_)));
    match best {
        _ if now < span.end => (None, None),
        Some(Verdict::Partial(reason)) => (Some(Outcome::Partial), Some(reason.clone())),
        Some(Verdict::Failed(reason)) => (Some(Outcome::Failed), Some(reason.clone())),
        _ => (Some(Outcome::Missed), Some(nothing.to_owned())),
    }
}

/// A control with every collection period that begins in a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ControlCoverage {
    /// The control.
    pub control: Control,
    /// Its periods, in order.
    pub periods: Vec<PeriodCoverage>,
}

/// Every control's collection periods that begin in `span`, as they stand now.
pub fn cover(host: &Host, span: Span) -> Result<Vec<ControlCoverage>, HostError> {
    let asked = Asked::of(host)?;
    host.controls.iter().map(|control| cover_by(host, control, &asked, span)).collect()
}

/// One control's.
pub fn cover_control(host: &Host, control: &Control, span: Span) -> Result<ControlCoverage, HostError> {
    cover_by(host, control, &Asked::of(host)?, span)
}

/// What is asked of controls beside what runs say: the sources there are, and what people attached.
struct Asked {
    sources: BTreeMap<SourceName, Vec<Kind>>,
    attached: BTreeMap<(ControlId, CollectionPeriod), Vec<(u64, Timestamp)>>,
}

impl Asked {
    fn of(host: &Host) -> Result<Self, HostError> {
        let mut attached: BTreeMap<_, Vec<(u64, Timestamp)>> = BTreeMap::new();
        for file in upload::uploads(&host.store).map_err(unreadable)? {
            let of = (file.upload.control, file.upload.period);
            attached.entry(of).or_default().push((file.leaf, file.upload.uploaded_at));
        }
        Ok(Self { sources: source_kinds(host)?, attached })
    }
}

fn cover_by(host: &Host, control: &Control, asked: &Asked, span: Span) -> Result<ControlCoverage, HostError> {
    let now = host.clock.now();
    let expected = expected(control, &asked.sources, |kind| host.shape(kind));
    let mut proofs = host.store.coverage(&control.id, span).map_err(unreadable)?;
    let mut periods = Vec::new();
    for period in control.frequency.periods_in(span) {
        let mut observations = Vec::new();
        for proof in proofs.remove(&period).unwrap_or_default() {
            observations.push(host.seen.observation(&host.store, &proof.run, &proof.kind)?);
        }
        let files = asked.attached.get(&(control.id.clone(), period)).cloned().unwrap_or_default();
        let manual = Manual { asked: control.manual.is_some(), files };
        periods.push(outcome(period, &expected, &observations, &manual, now));
    }
    Ok(ControlCoverage { control: control.clone(), periods })
}

/// What runs said of kinds, for whoever asks again: a run never says anything else.
#[derive(Default)]
pub(crate) struct Seen(Mutex<HashMap<RunId, Arc<Said>>>);

/// Runs that are remembered; a year of eight sources is some three thousand.
const REMEMBERED: usize = 50_000;

/// What is told of a run: as [`Observation`] has it, its verdict by kind.
struct Said {
    source: SourceName,
    started_at: Timestamp,
    window: Span,
    ended_at: Timestamp,
    kinds: BTreeMap<Kind, Verdict>,
    /// Of a kind that it has no population of.
    otherwise: Verdict,
}

impl Seen {
    fn observation(&self, store: &Store, run: &RunId, kind: &Kind) -> Result<Observation, HostError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(run).cloned();
        let said = match known {
            Some(said) => said,
            None => {
                let said = Arc::new(Said::of(&store.manifest(run).map_err(unreadable)?));
                let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if all.len() >= REMEMBERED {
                    all.clear();
                }
                all.insert(run.clone(), Arc::clone(&said));
                said
            }
        };
        Ok(Observation {
            run: run.clone(),
            source: said.source.clone(),
            kind: kind.clone(),
            started_at: said.started_at,
            window: said.window,
            ended_at: said.ended_at,
            verdict: said.kinds.get(kind).unwrap_or(&said.otherwise).clone(),
        })
    }
}

impl Said {
    fn of(manifest: &Manifest) -> Self {
        let mut kinds: BTreeMap<Kind, Verdict> = BTreeMap::new();
        for population in &manifest.populations {
            let verdict = population.verdict.clone();
            let worst = match kinds.remove(&population.kind) {
                Some(before) => before.worst(verdict),
                None => verdict,
            };
            kinds.insert(population.kind.clone(), worst);
        }
        let otherwise = match &manifest.verdict {
            Verdict::Failed(reason) => Verdict::Failed(reason.clone()),
            _ => Verdict::Failed("the connector opened no population of this kind".to_owned()),
        };
        Self {
            source: manifest.source.clone(),
            started_at: manifest.started_at,
            window: manifest.window,
            ended_at: manifest.ended_at,
            kinds,
            otherwise,
        }
    }
}

fn unreadable(error: exhibit_store::ReadError) -> HostError {
    HostError::Store(exhibit_store::OpenError::Read(error))
}

/// The sources of the workspace with the kinds that each collects.
pub fn source_kinds(host: &Host) -> Result<BTreeMap<SourceName, Vec<Kind>>, HostError> {
    let mut sources = BTreeMap::new();
    for (name, config) in host.workspace.sources()? {
        let kinds =
            if config.kinds.is_empty() { host.connector_kinds(&name, &config)? } else { config.kinds };
        sources.insert(name, kinds);
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn seen(kind: &str, started: &str, window: (&str, &str), verdict: Verdict) -> Observation {
        let started_at = at(started);
        Observation {
            run: RunId::new(started_at, 1),
            source: "okta-prod".parse().unwrap(),
            kind: kind.parse().unwrap(),
            started_at,
            window: Span { start: at(window.0), end: at(window.1) },
            ended_at: started_at.plus_ms(60_000),
            verdict,
        }
    }

    fn judge(shape: Shape, observations: &[Observation], now: &str) -> (Option<Outcome>, Option<String>) {
        let kind = if shape.is_timed() { "audit.activity@1" } else { "identity.account@1" };
        let expected =
            [Expected { kind: kind.parse().unwrap(), shape, source: "okta-prod".parse().unwrap() }];
        let result =
            outcome("2026-03-04".parse().unwrap(), &expected, observations, &Manual::default(), at(now));
        (result.outcome, result.reason)
    }

    const DAY: (&str, &str) = ("2026-03-04T00:00:00Z", "2026-03-05T00:00:00Z");

    #[test]
    fn state_fills_only_the_period_that_contains_it() {
        let look = |when| seen("identity.account@1", when, DAY, Verdict::Complete);
        let late = "2026-04-01T00:00:00Z";
        assert_eq!(judge(Shape::State, &[look("2026-03-04T23:59:59Z")], late).0, Some(Outcome::Filled));
        assert_eq!(judge(Shape::State, &[look("2026-03-05T00:00:00Z")], late).0, Some(Outcome::Missed));
        assert_eq!(judge(Shape::State, &[], "2026-03-04T12:00:00Z").0, None);
    }

    #[test]
    fn what_people_attach_fills_a_period_until_the_grace_is_over() {
        let judge = |files: &[&str], expected: &[Expected], now: &str| {
            let files = files.iter().zip(5..).map(|(when, leaf)| (leaf, at(when))).collect();
            let manual = Manual { asked: true, files };
            outcome("2026-03".parse().unwrap(), expected, &[], &manual, at(now))
        };
        let (in_time, late) = ("2026-04-03T23:00:00Z", "2026-04-04T01:00:00Z");
        assert_eq!(judge(&[], &[], in_time).outcome, None);
        assert_eq!(judge(&[], &[], late).outcome, Some(Outcome::Missed));
        let filled = judge(&[late, in_time], &[], late);
        assert_eq!((filled.outcome, filled.uploads), (Some(Outcome::Filled), vec![5, 6]));
        assert_eq!(judge(&[late], &[], late).outcome, Some(Outcome::Late));
        // A control that asks for both needs both.
        let kind: Kind = "identity.account@1".parse().unwrap();
        let expected = [Expected { kind, shape: Shape::State, source: "okta-prod".parse().unwrap() }];
        assert_eq!(judge(&[in_time], &expected, late).outcome, Some(Outcome::Missed));
    }

    #[test]
    fn the_best_attempt_of_a_period_counts() {
        let when = "2026-03-04T02:00:00Z";
        let failed = seen("identity.account@1", when, DAY, Verdict::Failed("503".into()));
        let partial = seen("identity.account@1", when, DAY, Verdict::Partial("403 on factors".into()));
        let late = "2026-04-01T00:00:00Z";
        let both = judge(Shape::State, &[failed.clone(), partial], late);
        assert_eq!(both.0, Some(Outcome::Partial));
        assert!(both.1.unwrap().ends_with("okta-prod: 403 on factors"));
        assert_eq!(judge(Shape::State, &[failed], late).0, Some(Outcome::Failed));
    }

    #[test]
    fn events_fill_a_period_when_windows_together_contain_it() {
        let first = seen(
            "audit.activity@1",
            "2026-03-04T12:00:00Z",
            ("2026-03-03T00:00:00Z", "2026-03-04T12:00:00Z"),
            Verdict::Complete,
        );
        let second = |when| {
            let window = ("2026-03-04T11:00:00Z", "2026-03-05T01:00:00Z");
            seen("audit.activity@1", when, window, Verdict::Complete)
        };
        let now = "2026-05-01T00:00:00Z";
        assert_eq!(judge(Shape::Event, std::slice::from_ref(&first), now).0, Some(Outcome::Partial));
        let in_time = [first.clone(), second("2026-03-05T02:00:00Z")];
        assert_eq!(judge(Shape::Event, &in_time, now).0, Some(Outcome::Filled));
        let late = [first, second("2026-03-20T02:00:00Z")];
        assert_eq!(judge(Shape::Event, &late, now).0, Some(Outcome::Late));
        assert_eq!(judge(Shape::Event, &[], now).0, Some(Outcome::Missed));
    }
}

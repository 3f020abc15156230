//! `exhibit status`: which control has what, for which period, and the last runs.

use crate::args::Status;
use crate::output::{self, Format};
use anyhow::Result;
use exhibit_evidence::period::{AuditPeriod, Frequency};
use exhibit_ledger::seal::Outcome;
use exhibit_pipeline::coverage::{self, ControlCoverage};
use exhibit_store::RunFilter;
use std::path::Path;

/// Runs that are listed.
const RUNS: usize = 10;

pub(crate) fn run(at: &Path, format: Format, args: &Status) -> Result<()> {
    let host = crate::host::open(at)?;
    let period = match &args.period {
        Some(period) => period.clone(),
        None => Frequency::Annual.period_at(host.clock.now()).to_string().parse::<AuditPeriod>()?,
    };
    let mut controls = coverage::cover(&host, period.span())?;
    controls.retain(|c| args.control.as_ref().is_none_or(|id| *id == c.control.id));
    let mut entries = host.store.runs(&RunFilter::default())?;
    let skipped = entries.len().saturating_sub(RUNS);
    let runs: Vec<_> = entries
        .split_off(skipped)
        .iter()
        .map(|entry| host.store.manifest(&entry.run))
        .collect::<Result<_, _>>()?;
    if format == Format::Json {
        return output::json(&serde_json::json!({ "period": period, "controls": controls, "runs": runs }));
    }
    output::line(&format!("{period}, as it stands on {}", host.clock.now()))?;
    let heads = ["control", "every", "filled", "late", "partial", "failed", "missed", "to come", "title"];
    output::rows(format, &controls, &heads, cells)?;
    if args.control.is_some() {
        for period in controls.iter().flat_map(|c| &c.periods).filter(|p| p.outcome.is_some()) {
            if let (Some(outcome), Some(reason)) = (period.outcome, &period.reason) {
                let line = format!("  {}  {}: {reason}", period.period, outcome.word());
                output::line(&output::printable(&line))?;
            }
        }
    }
    output::line("")?;
    output::rows(format, &runs, &["run", "source", "verdict", "records", "why"], |m| {
        let records: u64 = m.populations.iter().map(|p| p.emitted).sum();
        let why = m.verdict.reason().unwrap_or_default().to_owned();
        vec![m.run.to_string(), m.source.to_string(), m.verdict.word().to_owned(), records.to_string(), why]
    })
}

fn cells(of: &ControlCoverage) -> Vec<String> {
    let count =
        |outcome: Option<Outcome>| of.periods.iter().filter(|p| p.outcome == outcome).count().to_string();
    vec![
        of.control.id.to_string(),
        serde_json::to_value(of.control.frequency)
            .ok()
            .and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_default(),
        count(Some(Outcome::Filled)),
        count(Some(Outcome::Late)),
        count(Some(Outcome::Partial)),
        count(Some(Outcome::Failed)),
        count(Some(Outcome::Missed)),
        count(None),
        of.control.title.clone(),
    ]
}

//! `exhibit reperform`: runs every run of a package again, offline, and compares every record.

use crate::args::Reperform;
use crate::exit::FAILED;
use crate::output::{self, Format};
use crate::progress;
use anyhow::Result;
use exhibit_pipeline::reperform::{Filter, Outcome, reperform};
use std::path::Path;
use std::process::ExitCode;

pub(crate) async fn run(_at: &Path, format: Format, args: &Reperform) -> Result<ExitCode> {
    // An auditor has no workspace.
    let (runtime, _cache) = crate::host::runtime_for_once()?;
    let filter = Filter { source: args.source.clone(), run: args.run.clone() };
    let bar = progress::bar(0, "re-performing");
    let report = reperform(&args.package, &runtime, &filter, &|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .await?;
    bar.finish_and_clear();
    if format == Format::Json {
        output::json(&report)?;
    } else {
        for run in report.runs.iter().filter(|run| run.outcome != Outcome::Same) {
            output::line(&output::printable(&format!("{}  {}  {}", run.run, run.source, run.outcome)))?;
        }
        output::line(&format!(
            "{} runs re-performed with the same bytes ({} records), {} differ, {} not re-performable",
            report.same, report.records, report.different, report.not_reperformable
        ))?;
    }
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

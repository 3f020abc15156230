//! `exhibit collect`: runs sources now, one after the other.

use crate::args::Collect;
use crate::exit::{self, FAILED, Problem};
use crate::output::{self, Format};
use crate::progress;
use anyhow::Result;
use exhibit_evidence::run::{Manifest, Verdict};
use exhibit_pipeline::collect::{Collected, collect};
use std::path::Path;
use std::process::ExitCode;

pub(crate) async fn run(at: &Path, format: Format, args: &Collect) -> Result<ExitCode> {
    let host = crate::host::open(at)?;
    let mut names = args.sources.clone();
    if names.is_empty() {
        names = host.workspace.sources()?.into_keys().collect();
    }
    if names.is_empty() {
        return Err(Problem::usage(
            "there is no source to collect from",
            "add one with `exhibit source add NAME --connector CONNECTOR`",
        ));
    }
    let bar = progress::bar(names.len() as u64, "collecting");
    let mut collected: Vec<Collected> = Vec::new();
    let mut stopped = None;
    for name in &names {
        bar.set_message(name.to_string());
        match collect(&host, name).await {
            Ok(run) => collected.push(run),
            // The others still run: one source's trouble is not theirs.
            Err(error) => {
                stopped.get_or_insert(exit::report(&error.into()));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    print(format, &collected)?;
    if let Some(code) = stopped {
        return Ok(code);
    }
    let failed = collected.iter().any(|run| matches!(run.manifest.verdict, Verdict::Failed(_)));
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

fn print(format: Format, collected: &[Collected]) -> Result<()> {
    if format == Format::Json {
        return output::json(&collected.iter().map(|run| &run.manifest).collect::<Vec<&Manifest>>());
    }
    for run in collected {
        let manifest = &run.manifest;
        let records: u64 = manifest.populations.iter().map(|p| p.emitted).sum();
        output::line(&format!(
            "{}  {}  {}  {records} records, {} exchanges, leaf {}",
            manifest.source,
            manifest.run,
            manifest.verdict.word(),
            manifest.exchanges.count,
            run.leaf,
        ))?;
        for population in &manifest.populations {
            let why = population.verdict.reason().map(|r| format!(": {r}")).unwrap_or_default();
            let (kind, emitted, word) = (&population.kind, population.emitted, population.verdict.word());
            output::line(&output::printable(&format!("  {kind:<30} {emitted:>8}  {word}{why}")))?;
        }
        if let Verdict::Failed(reason) = &manifest.verdict {
            output::say(&output::printable(&format!("{}: the run failed: {reason}", manifest.source)));
        }
    }
    Ok(())
}

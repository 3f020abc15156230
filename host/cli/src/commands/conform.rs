//! `exhibit connector conform`: a component, held against the rules of `plugins/SPEC.md` that show from outside.

use super::connector;
use crate::exit::{FAILED, Problem};
use crate::output::{self, Format};
use crate::progress;
use anyhow::Result;
use exhibit_conform::case::Case;
use exhibit_conform::{Bounds, Outcome, Report, Rule, conform};
use exhibit_pipeline::workspace::Workspace;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) async fn run(
    at: &Path,
    format: Format,
    component: &str,
    fixtures: Option<&Path>,
    bounds: Bounds,
) -> Result<ExitCode> {
    let (bytes, folder) = find(at, component, fixtures)?;
    let case = Case::read(&folder).map_err(|error| {
        Problem::usage(
            error.to_string(),
            "name the folder of the connector's fixtures with --fixtures; plugins/SPEC.md says what is in it",
        )
    })?;
    // Compiled components are kept with the workspace, where there is one.
    let (runtime, kept) = match Workspace::open(at) {
        Ok(workspace) => (crate::host::runtime(&workspace)?, None),
        Err(_) => {
            let (runtime, kept) = crate::host::runtime_for_once()?;
            (Arc::new(runtime), Some(kept))
        }
    };
    let bar = progress::bar(Rule::ALL.len() as u64, "rules");
    let told = |rule: Rule| {
        let done = Rule::ALL.iter().position(|one| *one == rule).unwrap_or_default();
        bar.set_position(done as u64);
    };
    let report = conform(&runtime, &bytes, &case, bounds, &told)
        .await
        .map_err(|error| Problem::failed(format!("{component}: {error}"), None))?;
    bar.finish_and_clear();
    drop(kept);
    print(format, &report)?;
    Ok(if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// The component's bytes, and the folder of its fixtures: of a project's folder both are known.
fn find(at: &Path, component: &str, fixtures: Option<&Path>) -> Result<(Vec<u8>, PathBuf)> {
    let project = Path::new(component);
    if !project.is_dir() {
        let missing = || {
            Problem::usage(
                format!("where the fixtures of {component} are is not known"),
                "name their folder with --fixtures, or the connector's project in the place of the component",
            )
        };
        return Ok((connector::read(at, component)?, fixtures.ok_or_else(missing)?.to_owned()));
    }
    let manifest = super::connector_project::read_manifest(project)?;
    let built = project.join(format!("{}.wasm", manifest.name));
    let bytes = std::fs::read(&built).map_err(|error| {
        Problem::usage(
            format!("{}: {error}", built.display()),
            format!("`exhibit connector build {component}` makes it"),
        )
    })?;
    Ok((bytes, fixtures.map_or_else(|| project.join("fixtures"), Path::to_owned)))
}

fn print(format: Format, report: &Report) -> Result<()> {
    if format == Format::Json {
        return output::json(report);
    }
    output::line(&format!("{} {}, {} runs", report.connector, report.version, report.runs))?;
    output::rows(format, &report.rules, &["rule", "spec", "result", "asks that it"], |judged| {
        vec![
            judged.rule.word().to_owned(),
            judged.rule.numbers().to_owned(),
            judged.outcome.word().to_owned(),
            judged.rule.asks().to_owned(),
        ]
    })?;
    for judged in &report.rules {
        match &judged.outcome {
            Outcome::Kept(_) => {}
            Outcome::NotJudged(why) => {
                output::line(&output::printable(&format!("{}: not judged: {why}", judged.rule)))?;
            }
            Outcome::Broken(breaches) => {
                for breach in breaches {
                    output::line(&output::printable(&format!("{}: {breach}", judged.rule)))?;
                }
            }
        }
    }
    Ok(())
}

//! `exhibit check`, `backup` and `restore`: the store, re-read, copied, put back.

use crate::args::{Backup, Check, Restore};
use crate::exit::{FAILED, Problem};
use crate::output::{self, Format};
use crate::progress;
use anyhow::Result;
use exhibit_pipeline::workspace::Workspace;
use exhibit_store::Store;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn check(at: &Path, format: Format, args: &Check) -> Result<ExitCode> {
    let workspace = Workspace::open(at)?;
    let bar = progress::bar(0, "checking");
    let step = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
    };
    if args.rebuild {
        exhibit_pipeline::host::rebuild_store(&workspace)?;
        output::say("The index was made anew from packs and ledger.");
    }
    let store = exhibit_pipeline::host::open_store(&workspace)?;
    let report = store.check(&step);
    bar.finish_and_clear();
    if format == Format::Json {
        output::json(&report)?;
    } else {
        report
            .problems
            .iter()
            .try_for_each(|problem| output::line(&output::printable(&problem.to_string())))?;
        output::line(&format!(
            "{} runs, {} leaves, {} packs re-read: {}",
            report.runs,
            report.leaves,
            report.packs,
            if report.problems.is_empty() {
                "nothing is wrong".to_owned()
            } else {
                format!("{} problems", report.problems.len())
            },
        ))?;
    }
    for aside in &report.aside {
        output::say(&format!(
            "{} is a damaged index that was put aside when another was built; nothing reads it. {}",
            aside.display(),
            if report.problems.is_empty() {
                "You can delete it."
            } else {
                "Delete it when this check finds nothing wrong."
            }
        ));
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

pub(crate) fn backup(at: &Path, args: &Backup) -> Result<ExitCode> {
    let workspace = Workspace::open(at)?;
    let store = exhibit_pipeline::host::open_store(&workspace)?;
    let left_out = store.backup(&args.dir)?;
    for problem in &left_out {
        output::say(&output::printable(&format!("not copied: {problem}")));
    }
    output::say(&format!(
        "Copied the store to {}. The workspace's other files are plain ones and not in it: keep those too \
         (connectors, controls, sources, timestamps, exhibit.toml, exhibit.lock), and the keys elsewhere.",
        args.dir.display()
    ));
    if left_out.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&format!(
        "{} of its packs are damaged or gone, and are not in the copy: keep the backup before this one, restore \
         them from it, and run `exhibit check`.",
        left_out.len()
    ));
    Ok(ExitCode::from(FAILED))
}

pub(crate) fn restore(at: &Path, args: &Restore) -> Result<()> {
    let workspace = Workspace::open(at)?;
    let data = workspace.data_dir();
    if data.exists() && std::fs::read_dir(&data)?.next().is_some() {
        return Err(Problem::usage(
            format!("{} holds a store", data.display()),
            "move it away first; restoring never overwrites",
        ));
    }
    Store::restore(&args.backup, &data)?;
    output::say(&format!("Restored {} to {}; run `exhibit check`.", args.backup.display(), data.display()));
    Ok(())
}

//! The views: pages, tables and the workbook are drawn again from the evidence, and compared.

use super::Checking;
use crate::report::Finding;
use exhibit_evidence::digest::{Digest, Hasher};
use exhibit_package::contents::Contents;
use exhibit_package::layout::{self, population_file};
use exhibit_package::model::PopulationRuns;
use exhibit_package::views::{self, Redrawn, ViewError};
use std::io::{self, BufReader, Seek as _, Write};

pub(super) fn check(checking: &mut Checking<'_>, contents: &mut Contents) -> Result<(), Finding> {
    explain(checking, contents);
    if contents.meta.views != views::VERSION {
        checking.notes.push(format!(
            "pages, CSV and workbook were NOT compared with the evidence: they are of drawing {}, and this is {}; use the \
             exhibit-verify of {}",
            contents.meta.views,
            views::VERSION,
            contents.meta.software
        ));
        return Ok(());
    }
    workbook(checking, contents)?;
    let package = checking.package;
    let open =
        |of: &PopulationRuns, file: &str| package.open_file(&layout::population(&of.source, &of.kind, file));
    contents.people = views::people(contents, open).map_err(|e| undrawn(layout::PEOPLE_CSV, &e))?;
    let pages = views::pages(contents).map_err(|e| undrawn(layout::INDEX, &e))?;
    let count = pages.len();
    for (path, page) in pages {
        if path.starts_with("data/") {
            checking.same_digest(&path, Digest::of(&page), "the page drawn from the evidence")?;
        } else if checking.document(&path)? != page {
            return Err(Finding::new(path, "the page drawn from the evidence", "another page"));
        }
    }
    let tables = contents.populations.len();
    checking
        .ok("views", format!("{count} pages, {tables} tables and the workbook are what the evidence gives"));
    Ok(())
}

/// The places of all views.
fn explain(checking: &mut Checking<'_>, contents: &Contents) {
    for path in [layout::INDEX, layout::RUNS_PAGE, layout::COVERAGE_CSV, layout::PEOPLE_CSV, layout::WORKBOOK]
    {
        checking.explain(path);
    }
    for (number, coverage) in (1..).zip(&contents.coverage) {
        checking.explain(layout::control_page(number, &coverage.control.id));
    }
    for population in &contents.populations {
        for file in [population_file::CSV, population_file::PAGE] {
            checking.explain(layout::population(&population.runs.source, &population.runs.kind, file));
        }
    }
}

/// Every population's table, and the workbook with a sheet for each.
fn workbook(checking: &mut Checking<'_>, contents: &mut Contents) -> Result<(), Finding> {
    let mut redrawn = Redrawn::new(&contents.meta).map_err(|e| undrawn(layout::WORKBOOK, &e))?;
    let package = checking.package;
    for population in &mut contents.populations {
        let runs = &population.runs;
        let path = |file: &str| layout::population(&runs.source, &runs.kind, file);
        let csv = path(population_file::CSV);
        let mut table = Hashing::default();
        let drawn = redrawn
            .population(runs, |file| package.open_file(&path(file)), &mut table)
            .map_err(|e| undrawn(&csv, &e))?;
        checking.same_digest(&csv, table.0.finish(), "the table drawn from the records")?;
        population.sheets = drawn.sheets;
    }
    let temporary = |e: io::Error| Finding::new(layout::WORKBOOK, "room for temporary files", e);
    let mut drawn = tempfile::tempfile().map_err(temporary)?;
    redrawn.workbook(contents, &mut drawn).map_err(|e| undrawn(layout::WORKBOOK, &e))?;
    let mut found = tempfile::tempfile().map_err(temporary)?;
    let mut packed = package.open_file(layout::WORKBOOK).map_err(|e| super::unreadable(&e))?;
    io::copy(&mut packed, &mut found).map_err(temporary)?;
    for file in [&mut drawn, &mut found] {
        file.rewind().map_err(temporary)?;
    }
    views::same_workbook(BufReader::new(found), BufReader::new(drawn))
        .map_err(|e| Finding::new(layout::WORKBOOK, "the workbook drawn from the records", e))
}

/// Digests what is written.
#[derive(Default)]
struct Hashing(Hasher);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn undrawn(path: &str, error: &ViewError) -> Finding {
    Finding::new(path, "a view that can be drawn from the evidence", error)
}

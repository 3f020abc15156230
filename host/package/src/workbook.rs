//! The workbook: a sheet for each population, the coverage, and how each list was made. For auditors who work
//! in a spreadsheet; drawn from the same lines and manifests as everything else.
//!
//! Rows go to disk as they come (`constant_memory`), so a population of millions costs no memory. A sheet
//! holds 1,048,576 rows and a cell 32,767 characters: a longer population goes on in a further sheet, a
//! longer text is cut and says so.

use crate::contents::{Contents, PopulationContents};
use crate::html::markup::{basis_word, frequency_word};
use crate::model::{Meta, PopulationRuns};
use crate::table::{Cell, Columns, TableError};
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, Url, Workbook, Worksheet, XlsxError,
};
use std::collections::HashSet;
use std::io::{Seek, Write};

/// Rows of a sheet, header included: the format's own bound.
const MAX_ROWS: u32 = 1_048_576;
/// Characters of a cell: the format's own bound is 32,767.
const MAX_TEXT: usize = 32_000;
/// Integers of more digits than this are texts: a spreadsheet keeps fifteen.
const MAX_NUMBER: i64 = 999_999_999_999_999;

const SUMMARY: usize = 0;
const COVERAGE: usize = 1;
const LISTS: usize = 2;

/// The workbook in the making.
pub(crate) struct Book {
    workbook: Workbook,
    header: Format,
    names: HashSet<String>,
    sheet: Option<Open>,
    max_rows: u32,
}

/// The population being written.
struct Open {
    base: String,
    header: Vec<String>,
    row: u32,
    sheets: Vec<String>,
}

impl Book {
    /// A workbook without populations.
    pub(crate) fn new(meta: &Meta) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        let created = ExcelDateTime::parse_from_str(meta.made_at.to_string().trim_end_matches('Z'))?;
        let properties = DocProperties::new()
            .set_title(format!("Evidence for {}", meta.period))
            .set_company(&meta.organisation)
            .set_author(&meta.software)
            .set_creation_datetime(&created);
        workbook.set_properties(&properties);
        let mut names = HashSet::new();
        for name in ["Summary", "Coverage", "How lists were made"] {
            workbook.add_worksheet_with_constant_memory()?.set_name(name)?;
            names.insert(name.to_lowercase());
        }
        let header = Format::new().set_bold().set_background_color(0x00DD_E3EA).set_align(FormatAlign::Top);
        Ok(Self { workbook, header, names, sheet: None, max_rows: MAX_ROWS })
    }

    /// Begins a population's sheet.
    pub(crate) fn begin(&mut self, runs: &PopulationRuns, columns: &Columns) -> Result<(), TableError> {
        self.sheet = Some(Open {
            base: format!("{} {}", runs.source, runs.kind.name()),
            header: columns.header().into_iter().map(str::to_owned).collect(),
            row: 0,
            sheets: Vec::new(),
        });
        self.next_sheet()
    }

    /// Adds a row to the population.
    pub(crate) fn row(&mut self, cells: &[Cell]) -> Result<(), TableError> {
        if self.sheet.as_ref().is_some_and(|open| open.row >= self.max_rows) {
            self.next_sheet()?;
        }
        let Some(open) = &mut self.sheet else { return Ok(()) };
        let sheet = self.workbook.worksheet_from_name(open.sheets.last().map_or("", String::as_str))?;
        write_row(sheet, open.row, cells)?;
        open.row += 1;
        Ok(())
    }

    /// Ends the population; its sheets' names.
    pub(crate) fn end(&mut self) -> Result<Vec<String>, TableError> {
        self.close_sheet()?;
        Ok(self.sheet.take().map(|open| open.sheets).unwrap_or_default())
    }

    /// Fills the leading sheets and writes the file.
    pub(crate) fn finish(
        mut self,
        contents: &Contents,
        out: impl Write + Seek + Send,
    ) -> Result<(), TableError> {
        let header = self.header.clone();
        summary(self.workbook.worksheet_from_index(SUMMARY)?, &header, contents)?;
        coverage(self.workbook.worksheet_from_index(COVERAGE)?, &header, contents)?;
        lists(self.workbook.worksheet_from_index(LISTS)?, &header, contents)?;
        Ok(self.workbook.save_to_writer(out)?)
    }

    fn next_sheet(&mut self) -> Result<(), TableError> {
        self.close_sheet()?;
        let Some(open) = &mut self.sheet else { return Ok(()) };
        let name = free_name(&mut self.names, &open.base);
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(&name)?;
        head(sheet, &self.header, 0, open.header.iter().map(String::as_str))?;
        sheet.set_freeze_panes(1, 1)?;
        open.sheets.push(name);
        open.row = 1;
        Ok(())
    }

    fn close_sheet(&mut self) -> Result<(), TableError> {
        let Some(open) = &self.sheet else { return Ok(()) };
        let Some(name) = open.sheets.last() else { return Ok(()) };
        let last = u16::try_from(open.header.len().saturating_sub(1)).unwrap_or(u16::MAX);
        self.workbook.worksheet_from_name(name)?.autofilter(0, 0, open.row.saturating_sub(1), last)?;
        Ok(())
    }
}

/// A name that no sheet has: at most 31 characters, told apart without regard to case.
fn free_name(names: &mut HashSet<String>, base: &str) -> String {
    let cut = |text: &str, len: usize| -> String { text.chars().take(len).collect() };
    let mut name = cut(base, 31);
    let mut number = 1;
    while !names.insert(name.to_lowercase()) {
        number += 1;
        name = format!("{} ({number})", cut(base, 25));
    }
    name
}

fn head<'a>(
    sheet: &mut Worksheet,
    format: &Format,
    row: u32,
    header: impl IntoIterator<Item = &'a str>,
) -> Result<(), XlsxError> {
    for (column, name) in (0u16..).zip(header) {
        sheet.write_string_with_format(row, column, name, format)?;
        let width = match name {
            "sha256" | "component" | "root" => 24.0,
            "reason" | "title" | "query" | "unknown" => 40.0,
            _ => 22.0,
        };
        sheet.set_column_width(column, width)?;
    }
    Ok(())
}

fn write_row(sheet: &mut Worksheet, row: u32, cells: &[Cell]) -> Result<(), XlsxError> {
    for (column, cell) in (0u16..).zip(cells) {
        match cell {
            Cell::Empty => continue,
            Cell::Text(text) => sheet.write_string(row, column, bounded(text).as_ref())?,
            // Exact: fifteen digits fit into the 53 bits of a spreadsheet's number.
            #[expect(clippy::cast_precision_loss)]
            Cell::Integer(n) if n.abs() <= MAX_NUMBER => sheet.write_number(row, column, *n as f64)?,
            Cell::Integer(n) => sheet.write_string(row, column, n.to_string())?,
            Cell::Bool(b) => sheet.write_boolean(row, column, *b)?,
        };
    }
    Ok(())
}

fn bounded(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return text.into();
    }
    let end = (0..=MAX_TEXT).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{} [cut here: the whole text is in records.jsonl]", &text[..end]).into()
}

fn text(value: impl ToString) -> Cell {
    Cell::Text(value.to_string())
}

fn count(value: impl TryInto<i64>) -> Cell {
    Cell::Integer(value.try_into().unwrap_or(i64::MAX))
}

fn summary(sheet: &mut Worksheet, header: &Format, contents: &Contents) -> Result<(), XlsxError> {
    let meta = &contents.meta;
    let mut lines = vec![
        ("Organisation", meta.organisation.clone()),
        ("Audit period", format!("{} ({})", meta.period, meta.period.span())),
        ("Exported", meta.made_at.to_string()),
        (
            "Seal",
            meta.seal.map_or_else(|| "none: the period was not sealed".into(), |s| format!("sha256:{s}")),
        ),
        ("Log", format!("{}, {} leaves", contents.ledger.origin, contents.ledger.size)),
    ];
    if meta.simulated {
        lines.insert(
            0,
            ("SIMULATED", "Made-up systems under a simulated clock. Proves nothing about anyone.".into()),
        );
    }
    let mut row = 0;
    for (label, value) in &lines {
        sheet.write_string_with_format(row, 0, *label, header)?;
        sheet.write_string(row, 1, bounded(value).as_ref())?;
        row += 1;
    }
    row += 1;
    let columns = [
        "sheet",
        "source",
        "kind",
        "title",
        "items in the period",
        "items at the last run",
        "rows",
        "runs",
        "first run",
        "last run",
    ];
    head(sheet, header, row, columns)?;
    for population in &contents.populations {
        row += 1;
        summary_row(sheet, row, population)?;
    }
    Ok(())
}

fn summary_row(sheet: &mut Worksheet, row: u32, population: &PopulationContents) -> Result<(), XlsxError> {
    let runs = &population.runs;
    if let Some(name) = population.sheets.first() {
        sheet.write_url_with_text(
            row,
            0,
            Url::new(format!("internal:'{name}'!A1")),
            population.sheets.join(", "),
        )?;
    }
    let when = |run: Option<&crate::model::PopulationRun>| run.map_or(Cell::Empty, |r| text(r.started_at));
    let cells = [
        Cell::Empty,
        text(&runs.source),
        text(&runs.kind),
        text(&runs.title),
        count(population.keys),
        runs.runs.last().map_or(Cell::Empty, |r| count(r.records)),
        count(population.rows),
        count(runs.runs.len()),
        when(runs.runs.first()),
        when(runs.runs.last()),
    ];
    write_row(sheet, row, &cells)
}

fn coverage(sheet: &mut Worksheet, header: &Format, contents: &Contents) -> Result<(), XlsxError> {
    head(sheet, header, 0, COVERAGE_HEADER)?;
    sheet.set_freeze_panes(1, 0)?;
    let mut row = 0;
    for cells in coverage_rows(contents) {
        row += 1;
        write_row(sheet, row, &cells)?;
    }
    sheet.autofilter(0, 0, row, COVERAGE_HEADER.len() as u16 - 1)?;
    Ok(())
}

/// Columns of the coverage table.
pub(crate) const COVERAGE_HEADER: [&str; 9] =
    ["control", "title", "criteria", "owner", "frequency", "period", "outcome", "reason", "runs"];

/// Rows of the coverage table: one for each control and period.
pub(crate) fn coverage_rows(contents: &Contents) -> impl Iterator<Item = Vec<Cell>> {
    contents.coverage.iter().flat_map(|coverage| {
        let control = &coverage.control;
        let criteria: Vec<String> = control.criteria.iter().map(ToString::to_string).collect();
        let start = [
            text(&control.id),
            text(&control.title),
            text(criteria.join("; ")),
            text(&control.owner),
            text(frequency_word(control.frequency)),
        ];
        coverage.periods.iter().map(move |period| {
            let runs: Vec<&str> = period.runs.iter().map(|run| run.as_str()).collect();
            let mut cells = start.to_vec();
            cells.extend([
                text(period.period),
                text(period.outcome.word()),
                period.reason.as_ref().map_or(Cell::Empty, text),
                if runs.is_empty() { Cell::Empty } else { text(runs.join("; ")) },
            ]);
            cells
        })
    })
}

fn lists(sheet: &mut Worksheet, header: &Format, contents: &Contents) -> Result<(), XlsxError> {
    let columns = [
        "run",
        "source",
        "kind",
        "query",
        "started_at",
        "verdict",
        "reason",
        "lists",
        "pages",
        "received",
        "covered",
        "filtered",
        "records",
        "rejected",
        "repeated",
        "source's own total",
        "sealed",
        "basis",
        "clock skew min ms",
        "clock skew max ms",
        "connector",
        "component",
    ];
    head(sheet, header, 0, columns)?;
    sheet.set_freeze_panes(1, 1)?;
    let mut row = 0;
    for run in contents.runs.values() {
        let manifest = &run.manifest;
        for p in &manifest.populations {
            row += 1;
            let cells = [
                text(&manifest.run),
                text(&manifest.source),
                text(&p.kind),
                text(&p.query),
                text(manifest.started_at),
                text(p.verdict.word()),
                p.verdict.reason().map_or(Cell::Empty, text),
                count(p.lists),
                count(p.pages),
                count(p.received),
                count(p.covered),
                count(p.filtered.values().sum::<u64>()),
                count(p.emitted),
                count(p.rejected),
                count(p.repeated),
                p.source_total.map_or(Cell::Empty, count),
                Cell::Bool(p.sealed),
                text(basis_word(p.basis)),
                manifest.skew.map_or(Cell::Empty, |s| Cell::Integer(s.min_ms)),
                manifest.skew.map_or(Cell::Empty, |s| Cell::Integer(s.max_ms)),
                text(format!("{} {}", manifest.connector.name, manifest.connector.version)),
                text(manifest.connector.component),
            ];
            write_row(sheet, row, &cells)?;
        }
    }
    sheet.autofilter(0, 0, row, columns.len() as u16 - 1)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheet_names_fit_and_differ() {
        let mut names = HashSet::new();
        let base = "production-identity-provider identity.group_membership";
        let first = free_name(&mut names, base);
        let second = free_name(&mut names, base);
        assert_eq!(first, "production-identity-provider id");
        assert_eq!(second, "production-identity-provi (2)");
        assert!(first.len() <= 31 && second.len() <= 31);
    }

    #[test]
    fn long_texts_are_cut_at_a_letter() {
        let long = "é".repeat(20_000);
        let cut = bounded(&long);
        assert!(cut.chars().count() < 32_767 && cut.ends_with("records.jsonl]"));
    }
}

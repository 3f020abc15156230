//! Draws the views again from a package's evidence, for a checker to compare with what is in the package.

use crate::contents::{Contents, RunContents, looks};
use crate::layout::{self, population_file};
use crate::model::{Meta, PopulationRuns};
use crate::people::{self, Gathering, People};
use crate::table::{Cell, Columns, CsvTable, TableError, each_record, each_row};
use crate::workbook::{self, Book};
use crate::{html, sink};
use exhibit_evidence::digest::Hasher;
use exhibit_evidence::exchange::Walk;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::Timestamp;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Seek, Write};
use zip::ZipArchive;

/// Version of the drawing: any change of a page, a table or the workbook, by whatever cause, is another. A
/// checker compares the views of a package of its own version, and says so where it cannot.
pub const VERSION: u32 = 1;

/// Why a view cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ViewError(String);

impl From<TableError> for ViewError {
    fn from(error: TableError) -> Self {
        Self(error.to_string())
    }
}

/// The workbook, drawn again population by population.
pub struct Redrawn {
    book: Book,
}

/// What drawing a population again gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Rows of its table.
    pub rows: u64,
    /// Its sheets in the workbook.
    pub sheets: Vec<String>,
}

impl Redrawn {
    /// Begins.
    ///
    /// # Errors
    /// [`ViewError`] where the workbook cannot be begun.
    pub fn new(meta: &Meta) -> Result<Self, ViewError> {
        Ok(Self { book: Book::new(meta).map_err(TableError::from)? })
    }

    /// Draws one population, in the order of [`Contents::populations`]: its CSV into `csv`, its sheets into the
    /// workbook. `open` opens `records.jsonl` or `index.jsonl`, each as often as needed.
    ///
    /// # Errors
    /// [`ViewError`] where the lines do not make a table.
    pub fn population<R: BufRead, E: std::fmt::Display>(
        &mut self,
        runs: &PopulationRuns,
        open: impl Fn(&str) -> Result<R, E>,
        csv: impl Write,
    ) -> Result<Drawn, ViewError> {
        let open = |file: &str| open(file).map_err(|e| ViewError(e.to_string()));
        let columns = Columns::gather(runs.shape.is_timed(), open(population_file::RECORDS)?)?;
        let mut table = CsvTable::new(csv, columns.header())?;
        self.book.begin(runs, &columns)?;
        let mut rows = 0;
        each_row(&columns, runs, open(population_file::RECORDS)?, open(population_file::INDEX)?, |row| {
            rows += 1;
            table.row(row)?;
            self.book.row(row)
        })?;
        table.finish()?;
        Ok(Drawn { rows, sheets: self.book.end()? })
    }

    /// Writes the workbook.
    ///
    /// # Errors
    /// [`ViewError`] where it cannot be written.
    pub fn workbook(self, contents: &Contents, out: impl Write + Seek + Send) -> Result<(), ViewError> {
        Ok(self.book.finish(contents, out)?)
    }
}

/// Compares a workbook with one drawn again, part by part: two packers may pack the same parts differently.
///
/// # Errors
/// [`ViewError`] with the first part that differs.
pub fn same_workbook(found: impl Read + Seek, drawn: impl Read + Seek) -> Result<(), ViewError> {
    let broken = |e: zip::result::ZipError| ViewError(format!("it is not a whole workbook: {e}"));
    let (mut found, mut drawn) =
        (ZipArchive::new(found).map_err(broken)?, ZipArchive::new(drawn).map_err(broken)?);
    found.validate_header_consistency().map_err(broken)?;
    if found.len() != drawn.len() {
        return Err(ViewError(format!("it has {} parts, and should have {}", found.len(), drawn.len())));
    }
    for number in 0..drawn.len() {
        let mut wanted = drawn.by_index(number).map_err(broken)?;
        let mut part = found.by_index(number).map_err(broken)?;
        let name = String::from_utf8_lossy(wanted.name_raw()).into_owned();
        if part.name_raw() != wanted.name_raw()
            || part.size() != wanted.size()
            || part.compression() != wanted.compression()
        {
            return Err(ViewError(format!("its part {name} is another one")));
        }
        let (mut a, mut b) = (Hasher::default(), Hasher::default());
        let size = wanted.size();
        let copied = io::copy(&mut (&mut wanted).take(size + 1), &mut Digesting(&mut a))
            .and_then(|_| io::copy(&mut (&mut part).take(size + 1), &mut Digesting(&mut b)));
        if copied.is_err() || a.finish() != b.finish() {
            return Err(ViewError(format!("its part {name} has another content")));
        }
    }
    Ok(())
}

/// Digests what is written.
struct Digesting<'a>(&'a mut Hasher);

impl Write for Digesting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Every page but those of the runs, and the coverage table: path and bytes.
///
/// # Errors
/// [`ViewError`] where the table cannot be made.
pub fn pages(contents: &Contents) -> Result<Vec<(String, Vec<u8>)>, ViewError> {
    let mut pages: Vec<(String, Vec<u8>)> =
        html::pages(contents).into_iter().map(|(path, page)| (path, page.into_bytes())).collect();
    pages.push((layout::COVERAGE_CSV.to_owned(), coverage_csv(contents)?));
    pages.push((layout::PEOPLE_CSV.to_owned(), people_csv(&contents.people)?));
    pages.push((layout::START.to_owned(), sink::start_page(&contents.meta).into_bytes()));
    Ok(pages)
}

/// The page of one run.
pub fn run_page(meta: &Meta, run: &RunContents, walks: &[Walk]) -> String {
    html::run_page(meta, run, walks)
}

/// Compares the accounts of a package's populations again: [`Contents::people`]. `open` opens a population's
/// `records.jsonl` or `index.jsonl`.
///
/// # Errors
/// [`ViewError`] where the lines are no records with their index.
pub fn people<R: BufRead, E: std::fmt::Display>(
    contents: &Contents,
    open: impl Fn(&PopulationRuns, &str) -> Result<R, E>,
) -> Result<People, ViewError> {
    let mut gathering = Gathering::default();
    for population in contents.populations.iter().map(|population| &population.runs) {
        let open = |file: &str| open(population, file).map_err(|e| ViewError(e.to_string()));
        if population.kind.to_string() == people::KIND {
            let (records, index) = (open(population_file::RECORDS)?, open(population_file::INDEX)?);
            gather(&mut gathering, population, &contents.runs, records, index)?;
        }
    }
    Ok(gathering.reconcile(contents.meta.directory.as_ref()))
}

/// Adds a population of accounts.
pub(crate) fn gather(
    gathering: &mut Gathering,
    population: &PopulationRuns,
    runs: &BTreeMap<RunId, RunContents>,
    records: impl BufRead,
    index: impl BufRead,
) -> Result<(), TableError> {
    gathering.system(population.source.clone(), looks(population, runs));
    each_record(records, index, |record, held, _| {
        gathering.account(record, &held.held);
        Ok(())
    })
}

const PEOPLE_HEADER: [&str; 9] = [
    "person",
    "system",
    "is_directory",
    "active_from",
    "active_before",
    "active_to",
    "left",
    "at_end",
    "findings",
];

pub(crate) fn people_csv(people: &People) -> Result<Vec<u8>, TableError> {
    let mut table = CsvTable::new(Vec::new(), PEOPLE_HEADER)?;
    let when = |at: Option<Timestamp>| at.map_or(Cell::Empty, |at| Cell::Text(at.to_string()));
    for row in &people.rows {
        let findings: Vec<String> = row.findings.iter().map(|finding| finding.says()).collect();
        table.row(&[
            Cell::Text(row.person.clone()),
            Cell::Text(row.source.to_string()),
            Cell::Bool(people.directory.as_ref() == Some(&row.source)),
            when(row.active_from),
            Cell::Bool(row.active_before),
            when(row.active_to),
            when(row.left),
            Cell::Text(row.at_end.word().to_owned()),
            if findings.is_empty() { Cell::Empty } else { Cell::Text(findings.join("; ")) },
        ])?;
    }
    table.finish()
}

pub(crate) fn coverage_csv(contents: &Contents) -> Result<Vec<u8>, TableError> {
    let mut table = CsvTable::new(Vec::new(), workbook::COVERAGE_HEADER)?;
    for row in workbook::coverage_rows(contents) {
        table.row(&row)?;
    }
    table.finish()
}

//! Writes one population: lines, index, table and sheet, in two passes over a spool on disk, so that memory
//! does not grow with the records. While the lines pass, every run's root is rebuilt and compared with its
//! manifest: a package that would not verify is never written.

use crate::contents::PopulationContents;
use crate::layout::{self, population_file};
use crate::lines::BoxError;
use crate::model::{PopulationRuns, RecordIndex};
use crate::roots::SnapshotRoots;
use crate::sink::Sink;
use crate::table::{Columns, CsvTable, TableError, each_row};
use crate::workbook::Book;
use crate::write::WriteError;
use exhibit_evidence::canonical;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::{Kind, Shape};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::RecordKey;
use exhibit_evidence::run::RunId;
use exhibit_ledger::record_leaf::Salt;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, SeekFrom, Write};

/// One source's records of one kind, over the period.
#[derive(Clone, Debug)]
pub struct Population {
    /// The source.
    pub source: SourceName,
    /// The kind.
    pub kind: Kind,
    /// One line for people: the kind's title.
    pub title: String,
    /// How it behaves.
    pub shape: Shape,
    /// The runs of the dataset that the lines cover, in the order of their leaves: all that started in the
    /// audit period, and of those outside it the ones that belong to it (they added events of the period).
    pub runs: Vec<RunId>,
}

/// A distinct line of a population, and when it was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRecord {
    /// Its place in the dataset.
    pub key: RecordKey,
    /// The canonical line, without its newline.
    pub line: Vec<u8>,
    /// Salts of its leaf by retention bucket: exactly the buckets of the runs that held it.
    pub salts: BTreeMap<String, Salt>,
    /// First and last run of each unbroken stretch that held it, as indexes into [`Population::runs`].
    pub held: Vec<(u32, u32)>,
}

/// Lines and index on disk, before the table's columns are known.
struct Spool {
    records: File,
    index: File,
    lines: u64,
    keys: u64,
    rows: u64,
}

/// Writes the population's files and sheet; its page is drawn when everything is known. `accounts` reads lines and index
/// once more.
pub(crate) fn write<E: Into<BoxError>>(
    sink: &mut Sink,
    book: &mut Book,
    runs: PopulationRuns,
    records: impl IntoIterator<Item = Result<HeldRecord, E>>,
    accounts: impl FnOnce(&PopulationRuns, BufReader<File>, BufReader<File>) -> Result<(), TableError>,
) -> Result<PopulationContents, WriteError> {
    let name = format!("{} of {}", runs.kind, runs.source);
    let mut spool = spool(&runs, &name, records)?;
    let path = |file: &str| layout::population(&runs.source, &runs.kind, file);

    let failed =
        |error: TableError| WriteError::Table { population: name.clone(), reason: error.to_string() };
    let columns = Columns::gather(runs.shape.is_timed(), reader(&mut spool.records)?).map_err(failed)?;
    sink.copy(path(population_file::RECORDS), &mut reader(&mut spool.records)?)?;
    sink.copy(path(population_file::INDEX), &mut reader(&mut spool.index)?)?;
    sink.file(path(population_file::RUNS), &pretty(&runs)?)?;

    let mut table =
        CsvTable::new(sink.entry(path(population_file::CSV))?, columns.header()).map_err(failed)?;
    book.begin(&runs, &columns).map_err(failed)?;
    let (lines, index) = (reader(&mut spool.records)?, reader(&mut spool.index)?);
    each_row(&columns, &runs, lines, index, |row| {
        table.row(row)?;
        book.row(row)
    })
    .map_err(failed)?;
    table.finish().map_err(failed)?.finish()?;
    let sheets = book.end().map_err(failed)?;
    accounts(&runs, reader(&mut spool.records)?, reader(&mut spool.index)?).map_err(failed)?;
    Ok(PopulationContents { lines: spool.lines, keys: spool.keys, rows: spool.rows, sheets, runs })
}

/// First pass: lines and index to disk, order and roots checked.
fn spool<E: Into<BoxError>>(
    runs: &PopulationRuns,
    name: &str,
    records: impl IntoIterator<Item = Result<HeldRecord, E>>,
) -> Result<Spool, WriteError> {
    let mut roots = SnapshotRoots::new(runs);
    let temporary = || tempfile::tempfile().map_err(WriteError::Spool);
    let (mut lines, mut index) = (BufWriter::new(temporary()?), BufWriter::new(temporary()?));
    let (mut counts, mut last_key) = ((0, 0, 0), None);
    for record in records {
        let record = record.map_err(|e| WriteError::Input { what: name.to_owned(), error: e.into() })?;
        let entry = RecordIndex {
            key: record.key.0,
            sha256: Digest::of(&record.line),
            salts: record.salts,
            held: record.held,
        };
        let mismatch = |reason: String| WriteError::Mismatch { what: name.to_owned(), reason };
        roots.add(&entry).map_err(|e| mismatch(e.to_string()))?;
        let mut entry_line = canonical::to_bytes(&entry).map_err(|e| mismatch(e.to_string()))?;
        entry_line.push(b'\n');
        index.write_all(&entry_line).map_err(WriteError::Spool)?;
        lines.write_all(&record.line).and_then(|()| lines.write_all(b"\n")).map_err(WriteError::Spool)?;
        counts.0 += 1;
        counts.2 += entry.held.len() as u64;
        if last_key.as_ref() != Some(&entry.key) {
            counts.1 += 1;
            last_key = Some(entry.key);
        }
    }
    roots.finish().map_err(|e| WriteError::Mismatch { what: name.to_owned(), reason: e.to_string() })?;
    let whole = |file: BufWriter<File>| file.into_inner().map_err(|e| WriteError::Spool(e.into_error()));
    Ok(Spool {
        records: whole(lines)?,
        index: whole(index)?,
        lines: counts.0,
        keys: counts.1,
        rows: counts.2,
    })
}

fn reader(file: &mut File) -> Result<BufReader<File>, WriteError> {
    file.seek(SeekFrom::Start(0)).map_err(WriteError::Spool)?;
    Ok(BufReader::with_capacity(1 << 16, file.try_clone().map_err(WriteError::Spool)?))
}

/// A document for people and programs: JSON over several lines.
pub(crate) fn pretty<T: serde::Serialize>(document: &T) -> Result<Vec<u8>, WriteError> {
    let mut bytes = serde_json::to_vec_pretty(document)
        .map_err(|e| WriteError::Mismatch { what: "a document".into(), reason: e.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}

//! A population as a table: which columns it has, and its rows. Drawn from the canonical lines alone, so that
//! whoever holds those can recompute it, byte for byte.
//!
//! One row stands for one record as it was held without a break: a record that changed, or went and came
//! back, has several. A cell that begins with `=`, `+`, `-`, `@`, tab or return would run as a formula in a
//! spreadsheet; in CSV such texts are given a leading `'` (OWASP, CSV injection).

use crate::lines::{LineError, LineReader};
use crate::model::{PopulationRuns, RecordIndex};
use exhibit_evidence::canonical::Value;
use exhibit_evidence::record::Record;
use std::collections::BTreeSet;
use std::io::{BufRead, Write};

/// More attribute columns than this go into one last column, `other_attributes`.
const MAX_ATTRIBUTES: usize = 80;

/// Objects within attributes become columns `a.b.c` down to this depth; deeper ones are JSON text.
const MAX_DEPTH: usize = 3;

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Empty,
    Text(String),
    Integer(i64),
    Bool(bool),
}

/// The columns of a population.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    timed: bool,
    attributes: Vec<String>,
    other: bool,
}

/// Why a population's lines do not make a table.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("line {line} is not a record: {error}")]
    Record { line: u64, error: serde_json::Error },
    #[error("line {line} of the index does not belong to the records")]
    Index { line: u64 },
    #[error(transparent)]
    Write(#[from] std::io::Error),
    #[error(transparent)]
    Csv(#[from] csv::Error),
    #[error(transparent)]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
}

impl Columns {
    /// The columns that these lines ask for.
    pub(crate) fn gather(timed: bool, records: impl BufRead) -> Result<Self, TableError> {
        let mut lines = LineReader::new(records);
        let (mut line, mut names, mut other) = (Vec::new(), BTreeSet::new(), false);
        while lines.next_into(&mut line)? {
            let record = parse_record(&line, lines.number())?;
            flatten(&record.attributes, &mut |name, _| {
                if names.len() < MAX_ATTRIBUTES {
                    names.insert(name.to_owned());
                } else {
                    other |= !names.contains(name);
                }
            });
        }
        Ok(Self { timed, attributes: names.into_iter().collect(), other })
    }

    /// The header row.
    pub(crate) fn header(&self) -> Vec<&str> {
        let mut header = vec!["native_id", "subject_key"];
        header.extend(self.timed.then_some("occurred_at"));
        header.extend(self.attributes.iter().map(String::as_str));
        header.extend(self.other.then_some("other_attributes"));
        header.push("unknown");
        if self.timed {
            header.extend(["collected_at", "collected_by_run"]);
        } else {
            header.extend(["held_from", "held_to", "held_at_end", "observations", "longest_gap_days"]);
        }
        header.extend(["tenant", "sha256", "records_jsonl_line"]);
        header
    }

    /// The rows of one record, one for each unbroken stretch in which it was held.
    pub(crate) fn rows(
        &self,
        record: &Record,
        index: &RecordIndex,
        runs: &PopulationRuns,
        line: u64,
    ) -> Vec<Vec<Cell>> {
        let mut values = vec![Cell::Empty; self.attributes.len()];
        let mut others = Vec::new();
        flatten(&record.attributes, &mut |name, value| match self
            .attributes
            .binary_search_by(|a| a.as_str().cmp(name))
        {
            Ok(place) => values[place] = cell(value),
            Err(_) => others.push((name.to_owned(), value.clone())),
        });
        let mut start =
            vec![text(&record.native_id), record.subject_key.as_deref().map_or(Cell::Empty, text)];
        if self.timed {
            start.push(record.occurred_at.map_or(Cell::Empty, |at| Cell::Text(at.to_string())));
        }
        start.append(&mut values);
        if self.other {
            start.push(if others.is_empty() { Cell::Empty } else { cell(&Value::object(others)) });
        }
        start.push(if record.unknown.is_empty() {
            Cell::Empty
        } else {
            Cell::Text(record.unknown.join("; "))
        });
        let end = [text(&record.tenant), Cell::Text(index.sha256.to_string()), integer(line)];
        let rows = index.held.iter().map(|&held| {
            let mut row = start.clone();
            row.extend(self.when(held, runs));
            row.extend_from_slice(&end);
            row
        });
        rows.collect()
    }

    fn when(&self, (first, last): (u32, u32), runs: &PopulationRuns) -> Vec<Cell> {
        let Some(held) = runs.runs.get(first as usize..=last as usize) else { return Vec::new() };
        let (Some(from), Some(to)) = (held.first(), held.last()) else { return Vec::new() };
        if self.timed {
            return vec![Cell::Text(from.started_at.to_string()), Cell::Text(from.run.to_string())];
        }
        let gaps =
            held.windows(2).map(|pair| pair[1].started_at.as_ms().saturating_sub(pair[0].started_at.as_ms()));
        vec![
            Cell::Text(from.started_at.to_string()),
            Cell::Text(to.started_at.to_string()),
            Cell::Bool(last as usize + 1 == runs.runs.len()),
            integer(held.len() as u64),
            Cell::Text(days(gaps.max().unwrap_or(0))),
        ]
    }
}

/// Milliseconds as days, rounded to one decimal.
fn days(ms: u64) -> String {
    let tenths = (ms + 4_320_000) / 8_640_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

fn integer(value: u64) -> Cell {
    Cell::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Bool(b) => Cell::Bool(*b),
        Value::Integer(n) => Cell::Integer(*n),
        Value::String(text) => Cell::Text(text.clone()),
        Value::Array(items) if items.iter().all(|i| matches!(i, Value::String(_))) => {
            Cell::Text(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "))
        }
        other => Cell::Text(String::from_utf8_lossy(&other.to_bytes()).into_owned()),
    }
}

/// Calls `each` with the name and value of every attribute, objects opened down to [`MAX_DEPTH`].
fn flatten(attributes: &Value, each: &mut impl FnMut(&str, &Value)) {
    fn walk(prefix: &str, value: &Value, depth: usize, each: &mut impl FnMut(&str, &Value)) {
        match value {
            Value::Object(members) if depth < MAX_DEPTH && !members.is_empty() => {
                for (key, value) in members {
                    let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    walk(&name, value, depth + 1, each);
                }
            }
            _ if prefix.is_empty() => {}
            _ => each(prefix, value),
        }
    }
    walk("", attributes, 0, each);
}

fn parse_record(line: &[u8], number: u64) -> Result<Record, TableError> {
    serde_json::from_slice(line).map_err(|error| TableError::Record { line: number, error })
}

/// Reads records and their index side by side and hands over every row.
pub(crate) fn each_row(
    columns: &Columns,
    runs: &PopulationRuns,
    records: impl BufRead,
    index: impl BufRead,
    mut each: impl FnMut(&[Cell]) -> Result<(), TableError>,
) -> Result<(), TableError> {
    each_record(records, index, |record, held, number| {
        columns.rows(record, held, runs, number).iter().try_for_each(|row| each(row))
    })
}

/// Reads records and their index side by side, with the number of each line.
pub(crate) fn each_record(
    records: impl BufRead,
    index: impl BufRead,
    mut each: impl FnMut(&Record, &RecordIndex, u64) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let (mut records, mut index) = (LineReader::new(records), LineReader::new(index));
    let (mut line, mut index_line) = (Vec::new(), Vec::new());
    while records.next_into(&mut line)? {
        let number = records.number();
        let record = parse_record(&line, number)?;
        if !index.next_into(&mut index_line)? {
            return Err(TableError::Index { line: number });
        }
        let held: RecordIndex =
            serde_json::from_slice(&index_line).map_err(|_| TableError::Index { line: number })?;
        each(&record, &held, number)?;
    }
    Ok(())
}

/// A table written as CSV (RFC 4180, UTF-8 with a byte order mark, which Excel needs).
pub(crate) struct CsvTable<W: Write>(csv::Writer<W>);

impl<W: Write> CsvTable<W> {
    pub(crate) fn new<'a>(mut out: W, header: impl IntoIterator<Item = &'a str>) -> Result<Self, TableError> {
        out.write_all("\u{feff}".as_bytes())?;
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        csv.write_record(header)?;
        Ok(Self(csv))
    }

    pub(crate) fn row(&mut self, cells: &[Cell]) -> Result<(), TableError> {
        for cell in cells {
            match cell {
                Cell::Empty => self.0.write_field("")?,
                Cell::Text(text) => self.0.write_field(harmless(text).as_ref())?,
                Cell::Integer(n) => self.0.write_field(n.to_string())?,
                Cell::Bool(b) => self.0.write_field(if *b { "true" } else { "false" })?,
            }
        }
        self.0.write_record(None::<&[u8]>)?;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<W, TableError> {
        self.0.flush()?;
        self.0.into_inner().map_err(|e| TableError::Write(e.into_error()))
    }
}

/// The text, with a leading `'` where a spreadsheet would run it.
fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exhibit_evidence::digest::Digest;

    fn runs(days: &[u32]) -> PopulationRuns {
        let run = |day: &u32| crate::model::PopulationRun {
            run: format!("202603{day:02}T060000Z-00000000").parse().unwrap(),
            started_at: format!("2026-03-{day:02}T06:00:00Z").parse().unwrap(),
            root: Digest::default(),
            records: 0,
            bucket: "2026-Q1".into(),
        };
        PopulationRuns {
            source: "okta-prod".parse().unwrap(),
            kind: "identity.account@1".parse().unwrap(),
            title: "Accounts".into(),
            shape: exhibit_evidence::kind::Shape::State,
            runs: days.iter().map(run).collect(),
        }
    }

    fn line(attributes: &str) -> String {
        format!(
            r#"{{"attributes":{attributes},"kind":"identity.account@1","native_id":"=1+1","source":"okta-prod","tenant":"t"}}"#
        )
    }

    fn csv(lines: &[String], held: &[&[(u32, u32)]], runs: &PopulationRuns) -> String {
        let records: String = lines.iter().map(|l| format!("{l}\n")).collect();
        let index: String = held
            .iter()
            .map(|held| {
                let index = RecordIndex {
                    key: "k".into(),
                    sha256: Digest::default(),
                    salts: [].into(),
                    held: held.to_vec(),
                };
                serde_json::to_string(&index).unwrap() + "\n"
            })
            .collect();
        let columns = Columns::gather(false, records.as_bytes()).unwrap();
        let mut table = CsvTable::new(Vec::new(), columns.header()).unwrap();
        each_row(&columns, runs, records.as_bytes(), index.as_bytes(), |row| table.row(row)).unwrap();
        String::from_utf8(table.finish().unwrap()).unwrap()
    }

    #[test]
    fn rows_are_stretches_and_formulas_are_texts() {
        // Days 4, 5, 8: the longest gap between observations is three days.
        let table = csv(
            &[line(r#"{"a":{"b":-5,"c":["x","y"]},"d":true,"e":"-2"}"#)],
            &[&[(0, 2), (4, 4)]],
            &runs(&[4, 5, 8, 9, 10]),
        );
        let empty = Digest::default();
        assert_eq!(
            table,
            format!(
                "\u{feff}native_id,subject_key,a.b,a.c,d,e,unknown,held_from,held_to,held_at_end,observations,\
                 longest_gap_days,tenant,sha256,records_jsonl_line\r\n\
                 '=1+1,,-5,x; y,true,'-2,,2026-03-04T06:00:00.000Z,2026-03-08T06:00:00.000Z,false,3,3.0,t,{empty},1\r\n\
                 '=1+1,,-5,x; y,true,'-2,,2026-03-10T06:00:00.000Z,2026-03-10T06:00:00.000Z,true,1,0.0,t,{empty},1\r\n"
            )
        );
    }

    #[test]
    fn attributes_beyond_the_bound_share_a_column() {
        let many: Vec<String> = (0..100).map(|n| format!(r#""t{n:03}":{n}"#)).collect();
        let table = csv(&[line(&format!("{{{}}}", many.join(",")))], &[&[(0, 0)]], &runs(&[4]));
        assert!(table.contains("t079,other_attributes,unknown"));
        assert!(table.contains(r#""{""t080"":80,""t081"":81"#));
    }
}

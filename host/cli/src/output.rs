//! Data on standard output: a table for people, JSON for programs. What is said beside it goes to standard error.

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;
use std::io::Write as _;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Prints a table, or the same rows as a JSON array of objects.
pub(crate) fn rows<T: Serialize>(
    format: Format,
    data: &[T],
    heads: &[&str],
    cells: impl Fn(&T) -> Vec<String>,
) -> Result<()> {
    match format {
        Format::Json => json(&data),
        Format::Text => table(heads, &data.iter().map(cells).collect::<Vec<_>>()),
    }
}

/// Prints one JSON document.
pub(crate) fn json<T: Serialize + ?Sized>(data: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(data)?;
    line(&text)
}

/// Prints one line of data. A reader that has gone away is no error.
pub(crate) fn line(text: &str) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// JSON values that are printed while they are read: a line each, or one array of them.
pub(crate) struct Lines {
    format: Format,
    some: bool,
}

impl Lines {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, some: false }
    }

    /// `value` is JSON on one line.
    pub(crate) fn next(&mut self, value: &str) -> Result<()> {
        let before = match self.format {
            Format::Text => "",
            Format::Json if self.some => ",",
            Format::Json => "[",
        };
        self.some = true;
        line(&format!("{before}{value}"))
    }

    pub(crate) fn end(self) -> Result<()> {
        match self.format {
            Format::Text => Ok(()),
            Format::Json if self.some => line("]"),
            Format::Json => line("[]"),
        }
    }
}

/// Says something to the person who watches.
#[allow(clippy::print_stderr)] // this is where people are spoken to
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

fn table(heads: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let mut widths: Vec<usize> = heads.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(printable(cell).chars().count());
        }
    }
    let print = |cells: Vec<String>| {
        let mut text = String::new();
        for (i, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let pad = if i + 1 == cells.len() { 0 } else { width.saturating_sub(cell.chars().count()) + 2 };
            text.push_str(cell);
            text.push_str(&" ".repeat(pad));
        }
        line(text.trim_end())
    };
    if !heads.is_empty() && !rows.is_empty() {
        print(heads.iter().map(|h| h.to_uppercase()).collect())?;
    }
    rows.iter().try_for_each(|row| print(row.iter().map(|cell| printable(cell)).collect()))
}

/// Text that came from outside, without what would move a terminal's cursor or colour it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

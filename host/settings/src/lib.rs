//! The files that an operator writes: `exhibit.toml` ([`workspace`]) and `sources/NAME.toml` ([`source`]).
//!
//! Floor 3. Reading is strict: a key that nobody knows, or a value that could not be kept, is an error with its line,
//! never ignored.

pub mod schedule;
pub mod source;
pub mod workspace;

/// Why a file does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, in the parser's words.
    pub what: String,
}

/// Reads a TOML file's text.
///
/// # Errors
/// [`FileError`] with the first thing that is wrong.
pub fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, FileError> {
    toml::from_str(text)
        .map_err(|error| FileError { line: line_of(text, &error), what: error.message().trim().to_owned() })
}

/// The line, from 1, that an error is about.
pub fn line_of(text: &str, error: &toml::de::Error) -> usize {
    let before = error.span().and_then(|span| text.get(..span.start));
    before.map_or(1, |before| before.matches('\n').count() + 1)
}

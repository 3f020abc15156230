//! Files of lines, each ended by a newline: read with a bound, so that no file can fill the memory.

use std::io::{self, BufRead};

/// Longest line that is read, in bytes: sixteen times the largest record that a run may emit.
pub const MAX_LINE: usize = 16 << 20;

/// Lines on their way into a package, each without its newline.
pub type Lines<'a> = Box<dyn Iterator<Item = Result<Vec<u8>, BoxError>> + 'a>;

/// Whatever went wrong where lines come from.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Lines that are in memory already.
pub fn in_memory<'a>(lines: impl IntoIterator<Item = Vec<u8>, IntoIter: 'a>) -> Lines<'a> {
    Box::new(lines.into_iter().map(Ok))
}

/// Why a line cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is longer than [`MAX_LINE`].
    #[error("line {0} is longer than 16 MiB")]
    TooLong(u64),
    /// The last line has no newline.
    #[error("line {0} does not end with a newline: the file was cut")]
    Cut(u64),
}

/// Reads line by line.
pub struct LineReader<R> {
    from: R,
    number: u64,
}

impl<R: BufRead> LineReader<R> {
    /// Reads lines of `from`.
    pub fn new(from: R) -> Self {
        Self { from, number: 0 }
    }

    /// Number of the line read last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Puts the next line, without its newline, into `line`; false at the end.
    ///
    /// # Errors
    /// [`LineError`] where the file cannot be read, or is not made of lines.
    pub fn next_into(&mut self, line: &mut Vec<u8>) -> Result<bool, LineError> {
        line.clear();
        let mut bounded = io::Read::take(&mut self.from, MAX_LINE as u64 + 1);
        if bounded.read_until(b'\n', line)? == 0 {
            return Ok(false);
        }
        self.number += 1;
        if line.pop_if(|last| *last == b'\n').is_some() {
            Ok(true)
        } else if line.len() > MAX_LINE {
            Err(LineError::TooLong(self.number))
        } else {
            Err(LineError::Cut(self.number))
        }
    }
}

impl<R: BufRead> Iterator for LineReader<R> {
    type Item = Result<Vec<u8>, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        self.next_into(&mut line).map(|more| more.then_some(line)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_newlines() {
        let read = |text: &str| LineReader::new(text.as_bytes()).collect::<Result<Vec<_>, _>>();
        assert_eq!(read("a\n\nb\n").unwrap(), [b"a".to_vec(), vec![], b"b".to_vec()]);
        assert_eq!(read("").unwrap().len(), 0);
        assert!(matches!(read("a\nb"), Err(LineError::Cut(2))));
    }

    #[test]
    fn endless_lines_end_the_reading() {
        let endless = io::BufReader::new(io::repeat(b'x'));
        assert!(matches!(LineReader::new(endless).next(), Some(Err(LineError::TooLong(1)))));
    }
}

//! Places in a page, and one pass over the page that finds what stands there.
//!
//! | module | reads |
//! | --- | --- |
//! | [`json`] | JSON by pointer (RFC 6901) |
//! | [`xml`] | XML by slash path, `/ListUsersResult/Users/member/3` |
//!
//! A page is up to tens of megabytes and comes from outside. So nothing here builds a tree of it, nothing
//! recurses deeper than the longest place that was asked for, and malformed pages are errors.

pub mod json;
pub mod xml;

use std::fmt;

/// A place may have this many steps.
pub const MAX_STEPS: usize = 32;

/// A text found at a place may have this many bytes.
pub const MAX_TEXT_BYTES: usize = 64 << 10;

/// Why a place cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Neither empty nor begun by a slash.
    #[error("`{0}` is not a place: begin it with `/`, for example /value or /ListUsersResult/Users/member")]
    NoSlash(String),
    /// A `~` that is not `~0` or `~1`.
    #[error("`{0}` holds a `~` that RFC 6901 does not know: write ~0 for `~` and ~1 for `/`")]
    Escape(String),
    /// Too many steps.
    #[error("`{0}…` has more than 32 steps")]
    TooDeep(String),
    /// An XML path that names no element where one is needed.
    #[error("`{0}` is not an XML path: write element names, each followed by an index where needed")]
    Element(String),
}

/// Why a page could not be searched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The page is not well-formed.
    #[error("the page is not well-formed {format}: {reason}")]
    Malformed {
        /// `JSON` or `XML`.
        format: &'static str,
        /// What the parser said, where.
        reason: String,
    },
    /// A text is beyond [`MAX_TEXT_BYTES`].
    #[error("the text at {0} is longer than 64 KiB")]
    TooLong(String),
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Found {
    /// Nothing: the place, or what should hold it, is not there.
    #[default]
    Missing,
    /// JSON `null`.
    Null,
    /// A JSON boolean.
    Bool(bool),
    /// A JSON number, as JSON writes it.
    Number(String),
    /// A JSON string, or an XML element's text.
    Text(String),
    /// A list of so many items: a JSON array's, or the same-named XML elements'.
    List(u64),
    /// A JSON object.
    Object,
}

impl Found {
    /// What it is, for messages.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Missing => "nothing",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object => "an object",
        }
    }
}

/// The form of a page, told by its first byte that is not white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `<` comes first.
    Xml,
    /// `{` or `[` comes first.
    Json,
    /// Nothing but white space.
    Empty,
    /// Anything else.
    Other,
}

impl Format {
    /// Looks at the first bytes of `body`; a byte order mark is skipped.
    pub fn of(body: &[u8]) -> Self {
        match skip_mark(body).iter().find(|b| !b.is_ascii_whitespace()) {
            Some(b'<') => Self::Xml,
            Some(b'{' | b'[') => Self::Json,
            Some(_) => Self::Other,
            None => Self::Empty,
        }
    }
}

/// `body` without a UTF-8 byte order mark: Azure sends one now and then.
pub(crate) fn skip_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A place, as its list of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    name: String,
    /// The array index that this step may also mean: decimal digits without leading zeros.
    index: Option<u64>,
}

impl Pointer {
    /// Reads a JSON pointer (RFC 6901): empty for the whole document, else steps, each after a slash.
    ///
    /// # Errors
    /// [`PlaceError`] names what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let short = || text.chars().take(120).collect::<String>();
        if text.is_empty() {
            return Ok(Self { text: String::new(), steps: Vec::new() });
        }
        let rest = text.strip_prefix('/').ok_or_else(|| PlaceError::NoSlash(short()))?;
        let mut steps = Vec::new();
        for raw in rest.split('/') {
            if steps.len() == MAX_STEPS {
                return Err(PlaceError::TooDeep(short()));
            }
            let name = unescape(raw).ok_or_else(|| PlaceError::Escape(short()))?;
            let index = index(&name);
            steps.push(Step { name, index });
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// Number of steps.
    pub fn depth(&self) -> usize {
        self.steps.len()
    }

    /// The steps' names, unescaped.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }

    pub(crate) fn is_name(&self, depth: usize, name: &str) -> bool {
        self.steps.get(depth).is_some_and(|step| step.name == name)
    }

    pub(crate) fn is_index(&self, depth: usize, index: u64) -> bool {
        self.steps.get(depth).is_some_and(|step| step.index == Some(index))
    }

    pub(crate) fn is_wild(&self, depth: usize) -> bool {
        self.is_name(depth, "*")
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// RFC 6901 section 4: `~1` is `/`, then `~0` is `~`; any other `~` is an error.
fn unescape(raw: &str) -> Option<String> {
    if !raw.contains('~') {
        return Some(raw.to_owned());
    }
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

/// RFC 6901 section 4: an array index has no leading zeros.
pub(crate) fn index(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit())
        && !text.is_empty()
        && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_rfc_6901_refuses() {
        assert!(matches!(Pointer::parse("value"), Err(PlaceError::NoSlash(_))));
        assert!(matches!(Pointer::parse("/a~2"), Err(PlaceError::Escape(_))));
        assert!(matches!(Pointer::parse("/a~"), Err(PlaceError::Escape(_))));
        assert!(matches!(Pointer::parse(&"/a".repeat(33)), Err(PlaceError::TooDeep(_))));
        assert_eq!(Pointer::parse(&"/a".repeat(32)).unwrap().depth(), 32);
        assert_eq!(Pointer::parse("/~01").unwrap().names().collect::<Vec<_>>(), ["~1"]);
    }

    #[test]
    fn indexes_have_no_leading_zeros() {
        assert_eq!(
            (index("0"), index("10"), index("01"), index(""), index("-")),
            (Some(0), Some(10), None, None, None)
        );
    }

    #[test]
    fn tells_formats_apart() {
        assert_eq!(Format::of(b"\xef\xbb\xbf {\"a\":1}"), Format::Json);
        assert_eq!(Format::of(b"\n<a/>"), Format::Xml);
        assert_eq!(Format::of(b" \r\n"), Format::Empty);
        assert_eq!(Format::of(b"user,arn"), Format::Other);
    }
}

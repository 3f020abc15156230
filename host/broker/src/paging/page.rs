//! What one page says of its list: items, total, cursor, flags. Read in one pass over the body.

use super::{Paging, Place, Scheme, link};
use crate::pointer::xml::{Query, XmlPath};
use crate::pointer::{Format, Found, Pointer, json, xml};
use exhibit_evidence::canonical::MAX_INTEGER;

/// One page as the guest is shown it. Replay shows the same, so it walks the same.
pub(super) struct Shown<'a> {
    pub(super) headers: &'a [(String, String)],
    pub(super) body: &'a [u8],
}

/// What the page says. `None`: it says nothing of it, or the scheme does not ask.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) items: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) cursor: Option<Cursor>,
    pub(super) more: Option<bool>,
    pub(super) last: Option<bool>,
    pub(super) pages: Option<u64>,
}

/// A cursor, and whether JSON gave it as a number: it is written back as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) text: String,
    pub(super) number: bool,
}

/// A cursor longer than this is refused: it would not fit a URL.
const MAX_CURSOR_BYTES: usize = 16 << 10;

#[derive(Clone, Copy)]
enum Fact {
    Items,
    Total,
    Cursor,
    More,
    Last,
    Pages,
}

/// A place in a body, as JSON pointer or XML path; which of them is used depends on the page.
struct Asked {
    fact: Fact,
    text: String,
    json: Option<Pointer>,
    xml: Option<XmlPath>,
}

impl Asked {
    fn either(fact: Fact, text: &str) -> Self {
        let (json, xml) = (Pointer::parse(text).ok(), XmlPath::parse(text).ok());
        Self { fact, text: text.to_owned(), json, xml }
    }
}

/// Reads what `paging` asks of a page.
///
/// # Errors
/// A reason, for people, why the page cannot be relied on.
pub(super) fn read(paging: &Paging, page: &Shown<'_>) -> Result<Facts, String> {
    let mut asked = Vec::new();
    let mut facts = Facts::default();
    if let Some(path) = &paging.items {
        asked.push(Asked::either(Fact::Items, path));
    }
    if let Some(path) = &paging.total {
        asked.push(Asked::either(Fact::Total, path));
    }
    let mut place = |fact, place: &Place| match place {
        Place::Pointer(text) => {
            asked.push(Asked { xml: None, ..Asked::either(fact, text) });
            Ok(())
        }
        Place::Xml(text) => {
            asked.push(Asked { json: None, ..Asked::either(fact, text) });
            Ok(())
        }
        Place::Header(name) => {
            let value = header(page.headers, name);
            facts.take(fact, name, value.map_or(Found::Missing, |text| Found::Text(text.trim().to_owned())))
        }
    };
    match &paging.scheme {
        Scheme::LinkHeader {} | Scheme::Rows { .. } | Scheme::Single {} => {}
        Scheme::Cursor { read, more, last, .. } => {
            place(Fact::Cursor, read)?;
            more.iter().try_for_each(|p| place(Fact::More, p))?;
            last.iter().try_for_each(|p| place(Fact::Last, p))?;
        }
        Scheme::NextUrl { pointer } => place(Fact::Cursor, &Place::Pointer(pointer.clone()))?,
        Scheme::Offset { last, more, .. } => {
            asked.extend(last.iter().map(|path| Asked::either(Fact::Last, path)));
            asked.extend(more.iter().map(|path| Asked::either(Fact::More, path)));
        }
        Scheme::PageNumber { pages, last, more, .. } => {
            asked.extend(pages.iter().map(|path| Asked::either(Fact::Pages, path)));
            asked.extend(last.iter().map(|path| Asked::either(Fact::Last, path)));
            asked.extend(more.iter().map(|path| Asked::either(Fact::More, path)));
        }
    }
    for (ask, found) in asked.iter().zip(look(page.body, &asked)?) {
        let is_left_out = matches!((ask.fact, &found), (Fact::Items, Found::Missing));
        let found = if is_left_out && paging.absent_is_empty { Found::List(0) } else { found };
        facts.take(ask.fact, &ask.text, found)?;
    }
    Ok(facts)
}

/// The target of the one `rel=next` link; none: the end.
///
/// # Errors
/// A reason, where a header is malformed or names two different next pages.
pub(super) fn next_link(headers: &[(String, String)]) -> Result<Option<String>, String> {
    let mut next: Option<String> = None;
    for (_, value) in headers.iter().filter(|(name, _)| name == "link") {
        for found in link::parse(value).map_err(|e| e.to_string())? {
            if !found.is("next") || found.anchored {
                continue;
            }
            if next.as_ref().is_some_and(|held| *held != found.target) {
                return Err("the Link headers name two different next pages".to_owned());
            }
            next = Some(found.target);
        }
    }
    Ok(next)
}

/// The first header of this name.
fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// What the body holds at each place. A page without a body (204) holds an empty list and says nothing else.
fn look(body: &[u8], asked: &[Asked]) -> Result<Vec<Found>, String> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let refuse = |is: &str, not: &str, ask: &Asked| {
        format!("the page is {is}, but the scheme reads it by {not} at `{}`", ask.text)
    };
    match Format::of(body) {
        Format::Empty => {
            let found =
                |ask: &Asked| if matches!(ask.fact, Fact::Items) { Found::List(0) } else { Found::Missing };
            Ok(asked.iter().map(found).collect())
        }
        Format::Xml => {
            let mut queries = Vec::with_capacity(asked.len());
            for ask in asked {
                let path = ask.xml.as_ref().ok_or_else(|| refuse("XML", "JSON pointer", ask))?;
                let list = matches!(ask.fact, Fact::Items);
                queries.push(if list { Query::List(path) } else { Query::Text(path) });
            }
            xml::probe(body, &queries).map_err(|e| e.to_string())
        }
        Format::Json | Format::Other => {
            let mut pointers = Vec::with_capacity(asked.len());
            for ask in asked {
                pointers.push(ask.json.as_ref().ok_or_else(|| refuse("not XML", "XML path", ask))?);
            }
            json::probe(body, &pointers).map_err(|e| e.to_string())
        }
    }
}

impl Facts {
    fn take(&mut self, fact: Fact, at: &str, found: Found) -> Result<(), String> {
        match fact {
            Fact::Items => self.items = Some(count(at, &found)?),
            Fact::Total => self.total = number(at, &found)?,
            Fact::Pages => self.pages = number(at, &found)?,
            Fact::More => self.more = flag(at, &found)?,
            Fact::Last => self.last = flag(at, &found)?,
            Fact::Cursor => self.cursor = cursor(at, found)?,
        }
        Ok(())
    }
}

/// `null` is the empty list of servers written in Go. A missing list is an error, unless the scheme says that
/// this vendor leaves out what is empty: it may have moved, and then every later run would find nobody and call
/// that complete.
fn count(at: &str, found: &Found) -> Result<u64, String> {
    match found {
        Found::List(count) => Ok(*count),
        Found::Null => Ok(0),
        other => Err(format!("the list should be at `{at}`, where there is {}", other.noun())),
    }
}

fn number(at: &str, found: &Found) -> Result<Option<u64>, String> {
    let refuse = || format!("a count should be at `{at}`, where there is {}", found.noun());
    match found {
        Found::Missing | Found::Null => Ok(None),
        Found::Number(text) | Found::Text(text) => {
            let count: u64 = text.trim().parse().map_err(|_| refuse())?;
            // It goes on record, where numbers have this bound.
            match count <= MAX_INTEGER.unsigned_abs() {
                true => Ok(Some(count)),
                false => Err(format!("the count at `{at}` is {count}, which no list can have")),
            }
        }
        _ => Err(refuse()),
    }
}

fn flag(at: &str, found: &Found) -> Result<Option<bool>, String> {
    match found {
        Found::Missing | Found::Null => Ok(None),
        Found::Bool(is) => Ok(Some(*is)),
        Found::Text(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Found::Text(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        other => Err(format!("true or false should be at `{at}`, where there is {}", other.noun())),
    }
}

/// Absent, `null`, empty and `false` all mean that there is none: vendors use each of them.
fn cursor(at: &str, found: Found) -> Result<Option<Cursor>, String> {
    let (text, number) = match found {
        Found::Missing | Found::Null | Found::Bool(false) => return Ok(None),
        Found::Text(text) if text.is_empty() => return Ok(None),
        Found::Text(text) => (text, false),
        Found::Number(text) => (text, true),
        other => return Err(format!("a cursor should be at `{at}`, where there is {}", other.noun())),
    };
    if text.len() > MAX_CURSOR_BYTES {
        return Err(format!("the cursor at `{at}` has {} bytes, more than 16 KiB", text.len()));
    }
    if text == crate::redact::MARK {
        return Err(format!("the cursor at `{at}` is redacted; change the redaction rule that covers it"));
    }
    Ok(Some(Cursor { text, number }))
}

//! What stands at some places of an XML document, in one pass, and where some patterns match.
//!
//! A path is element names, outermost first: `/ListUsersResponse/ListUsersResult/Users/member/3`. A number
//! after a name is the 0-based index among same-named siblings; a name without one means the first, and at
//! the end of a list's path all of them. Namespaces are ignored: prefixes are cut off. No document type is
//! read and no entity of its own is expanded (XML 1.0, section 4.6 lists the five that are).

use super::{Found, MAX_STEPS, MAX_TEXT_BYTES, PlaceError, ProbeError, index, skip_mark};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use std::fmt;
use std::ops::Range;

/// A path of element names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// The element's local name; none: any.
    name: Option<String>,
    index: Option<u64>,
}

impl XmlPath {
    /// Reads a path.
    ///
    /// # Errors
    /// [`PlaceError`] names what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let short = || text.chars().take(120).collect::<String>();
        let rest = text.strip_prefix('/').ok_or_else(|| PlaceError::NoSlash(short()))?;
        let mut steps: Vec<Step> = Vec::new();
        for part in rest.split('/') {
            if let Some(number) = index(part) {
                let last = steps.last_mut().filter(|step| step.index.is_none());
                last.ok_or_else(|| PlaceError::Element(short()))?.index = Some(number);
                continue;
            }
            if part != "*" && !is_name(part) {
                return Err(PlaceError::Element(short()));
            }
            if steps.len() == MAX_STEPS {
                return Err(PlaceError::TooDeep(short()));
            }
            let local = part.rsplit_once(':').map_or(part, |(_, local)| local);
            steps.push(Step { name: (part != "*").then(|| local.to_owned()), index: None });
        }
        Ok(Self { text: text.to_owned(), steps })
    }
}

/// Whether an element may have this name (XML 1.0, section 2.3; beyond ASCII anything goes).
fn is_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':') || !c.is_ascii();
    name.starts_with(|c: char| rest(c) && !c.is_ascii_digit() && !matches!(c, '-' | '.'))
        && name.chars().all(rest)
}

impl fmt::Display for XmlPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// What is asked of a path.
#[derive(Debug, Clone, Copy)]
pub enum Query<'a> {
    /// How many elements stand there: [`Found::List`], or [`Found::Missing`] where even what should hold
    /// them is not there.
    List(&'a XmlPath),
    /// The text of the element, white space around it cut: [`Found::Text`].
    Text(&'a XmlPath),
}

/// How far the open elements match a path.
struct Cursor<'a> {
    path: &'a XmlPath,
    /// Whether a name without an index means every sibling, at every step and not only the last.
    all: bool,
    /// Leading steps that the open elements match.
    matched: usize,
    /// Same-named siblings met so far at each step, under the elements matched now.
    met: Vec<u64>,
}

impl<'a> Cursor<'a> {
    fn new(path: &'a XmlPath, all: bool) -> Self {
        Self { path, all, matched: 0, met: vec![0; path.steps.len() + 1] }
    }

    /// An element opens below `depth` others; whether it is one at the path's end.
    fn open(&mut self, depth: usize, name: &str, every: bool) -> bool {
        let Some(step) = self.path.steps.get(depth).filter(|_| self.matched == depth) else { return false };
        if step.name.as_deref().is_some_and(|wanted| wanted != name) {
            return false;
        }
        let nth = self.met[depth];
        self.met[depth] += 1;
        let last = depth + 1 == self.path.steps.len();
        let fits = match step.index {
            Some(wanted) => nth == wanted,
            None => nth == 0 || self.all || (last && every),
        };
        if fits {
            self.matched = depth + 1;
            self.met[depth + 1] = 0;
        }
        fits && last
    }

    /// The element below `depth` others closes.
    fn close(&mut self, depth: usize) {
        if self.matched == depth + 1 {
            self.matched = depth;
        }
    }
}

/// What stands at each of `queries`, in their order.
///
/// # Errors
/// [`ProbeError`] where `body` is not one XML element in UTF-8, or a text is too long.
pub fn probe(body: &[u8], queries: &[Query<'_>]) -> Result<Vec<Found>, ProbeError> {
    let mut probes: Vec<Probe<'_>> = queries.iter().map(Probe::new).collect();
    read(body, |event, depth, _| {
        probes.iter_mut().try_for_each(|probe| match event {
            Event::Start(tag) => {
                probe.open(depth, local(tag));
                Ok(())
            }
            Event::Empty(tag) => {
                probe.open(depth, local(tag));
                probe.close(depth);
                Ok(())
            }
            Event::End(_) => {
                probe.close(depth);
                Ok(())
            }
            Event::Text(text) => probe.text(text),
            Event::CData(text) => probe.text(text),
            Event::GeneralRef(name) => probe.reference(name),
            _ => Ok(()),
        })
    })?;
    Ok(probes.into_iter().map(Probe::finish).collect())
}

struct Probe<'a> {
    cursor: Cursor<'a>,
    list: bool,
    holder: bool,
    count: u64,
    text: Option<String>,
    /// Inside the element whose text is asked for.
    inside: bool,
}

impl<'a> Probe<'a> {
    fn new(query: &Query<'a>) -> Self {
        let (path, list) = match query {
            Query::List(path) => (path, true),
            Query::Text(path) => (path, false),
        };
        let cursor = Cursor::new(path, false);
        Self { cursor, list, holder: path.steps.len() <= 1, count: 0, text: None, inside: false }
    }

    fn open(&mut self, depth: usize, name: &str) {
        if self.cursor.open(depth, name, self.list) {
            self.count += 1;
            if !self.list && self.text.is_none() {
                self.text = Some(String::new());
                self.inside = true;
            }
        }
        self.holder |= self.cursor.matched + 1 >= self.cursor.path.steps.len();
    }

    fn close(&mut self, depth: usize) {
        if depth + 1 == self.cursor.path.steps.len() {
            self.inside = false;
        }
        self.cursor.close(depth);
    }

    fn text(&mut self, text: &str) -> Result<(), ProbeError> {
        let Some(held) = self.text.as_mut().filter(|_| self.inside) else { return Ok(()) };
        if held.len() + text.len() > MAX_TEXT_BYTES {
            return Err(ProbeError::TooLong(self.cursor.path.text.clone()));
        }
        held.push_str(text);
        Ok(())
    }

    fn reference(&mut self, name: &quick_xml::events::BytesRef<'_>) -> Result<(), ProbeError> {
        if !self.inside {
            return Ok(());
        }
        if let Some(c) = name.resolve_char_ref().map_err(malformed)? {
            return self.text(c.encode_utf8(&mut [0; 4]));
        }
        let text = quick_xml::escape::resolve_predefined_entity(name)
            .ok_or_else(|| malformed(format_args!("entity &{};", name.escape_debug())))?;
        self.text(text)
    }

    fn finish(self) -> Found {
        match self.text {
            _ if self.list && !self.holder => Found::Missing,
            _ if self.list => Found::List(self.count),
            Some(text) => Found::Text(text.trim().to_owned()),
            None => Found::Missing,
        }
    }
}

/// Byte ranges in `body` of everything that the elements which `patterns` match hold: their content, and
/// the values of their attributes except namespaces. Sorted and disjoint; empty ones left out. A step `*`
/// is any element, and a name without an index every sibling of that name.
///
/// # Errors
/// [`ProbeError`] where `body` is not one XML element in UTF-8.
pub fn spans(body: &[u8], patterns: &[&XmlPath]) -> Result<Vec<Range<usize>>, ProbeError> {
    let mut cursors: Vec<Cursor<'_>> = patterns.iter().map(|path| Cursor::new(path, true)).collect();
    let mut found = Vec::new();
    // The outermost matched element that is open: its depth, and where its content begins.
    let mut inside: Option<(usize, usize)> = None;
    read(body, |event, depth, at| {
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                let mut hit = false;
                for cursor in &mut cursors {
                    hit |= cursor.open(depth, local(tag), true);
                }
                if hit && inside.is_none() {
                    attribute_values(body, tag, &mut found)?;
                    if matches!(event, Event::Start(_)) {
                        inside = Some((depth, at.end));
                    }
                }
                if matches!(event, Event::Empty(_)) {
                    cursors.iter_mut().for_each(|cursor| cursor.close(depth));
                }
            }
            Event::End(_) => {
                if let Some((_, from)) = inside.take_if(|(d, _)| *d == depth) {
                    found.push(from..at.start);
                }
                cursors.iter_mut().for_each(|cursor| cursor.close(depth));
            }
            _ => {}
        }
        Ok(())
    })?;
    found.retain(|span| !span.is_empty());
    Ok(found)
}

fn attribute_values(
    body: &[u8],
    tag: &BytesStart<'_>,
    found: &mut Vec<Range<usize>>,
) -> Result<(), ProbeError> {
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(malformed)?;
        let key: &str = attribute.key.as_ref();
        if key == "xmlns" || key.starts_with("xmlns:") {
            continue;
        }
        let start = (attribute.value.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
        let span = start..start.saturating_add(attribute.value.len());
        if span.end > body.len() {
            return Err(malformed("an attribute that cannot be placed"));
        }
        found.push(span);
    }
    Ok(())
}

fn local<'t>(tag: &'t BytesStart<'_>) -> &'t str {
    let name: &str = tag.name().into_inner();
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn malformed(reason: impl fmt::Display) -> ProbeError {
    ProbeError::Malformed { format: "XML", reason: reason.to_string() }
}

/// Hands every event to `visit`, with the number of elements around the one that it opens or closes, and
/// its bytes' place in `body`.
fn read(
    body: &[u8],
    mut visit: impl FnMut(&Event<'_>, usize, Range<usize>) -> Result<(), ProbeError>,
) -> Result<(), ProbeError> {
    let marked = body.len() - skip_mark(body).len();
    let text = std::str::from_utf8(&body[marked..]).map_err(malformed)?;
    let mut reader = Reader::from_str(text);
    let position = |reader: &Reader<&[u8]>| {
        marked.saturating_add(usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX))
    };
    let (mut depth, mut roots) = (0_usize, 0_u32);
    loop {
        let start = position(&reader);
        let event = reader.read_event().map_err(|e| malformed(format_args!("{e}, at byte {start}")))?;
        let at = start..position(&reader);
        match &event {
            Event::Start(_) => {
                roots += u32::from(depth == 0);
                visit(&event, depth, at)?;
                depth += 1;
            }
            Event::Empty(_) => {
                roots += u32::from(depth == 0);
                visit(&event, depth, at)?;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                visit(&event, depth, at)?;
            }
            Event::Eof if depth > 0 => {
                return Err(malformed(format_args!("{depth} elements are not closed")));
            }
            Event::Eof if roots != 1 => {
                return Err(malformed(format_args!("{roots} outermost elements where one should be")));
            }
            Event::Eof => return Ok(()),
            _ => visit(&event, depth, at)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The response that AWS documents for ListUsers, with its tokens of the paged form.
    const LIST_USERS: &str = r#"<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
 <ListUsersResult>
    <Users>
       <member><UserId>AIDACKCEVSQ6C2EXAMPLE</UserId><Path>/division_abc/subdivision_xyz/</Path><UserName>Alice</UserName></member>
       <member><UserId>AIDACKCEVSQ6C3EXAMPLE</UserId><UserName>Bob &amp; Eve &#x21;</UserName></member>
    </Users>
    <IsTruncated>true</IsTruncated>
    <Marker><![CDATA[a&b]]></Marker>
 </ListUsersResult>
 <ResponseMetadata><RequestId>7a62c49f-347e-4fc4-9331-6e8eEXAMPLE</RequestId></ResponseMetadata>
</ListUsersResponse>"#;

    fn text(body: &str, path: &str) -> Found {
        probe(body.as_bytes(), &[Query::Text(&XmlPath::parse(path).unwrap())]).unwrap().remove(0)
    }

    fn list(body: &str, path: &str) -> Found {
        probe(body.as_bytes(), &[Query::List(&XmlPath::parse(path).unwrap())]).unwrap().remove(0)
    }

    #[test]
    fn reads_the_documented_answer() {
        let users = "/ListUsersResponse/ListUsersResult/Users/member";
        assert_eq!(list(LIST_USERS, users), Found::List(2));
        assert_eq!(text(LIST_USERS, &format!("{users}/1/UserName")), Found::Text("Bob & Eve !".into()));
        assert_eq!(text(LIST_USERS, &format!("{users}/UserName")), Found::Text("Alice".into()));
        assert_eq!(text(LIST_USERS, &format!("{users}/2/UserName")), Found::Missing);
        let result = "/ListUsersResponse/ListUsersResult";
        assert_eq!(text(LIST_USERS, &format!("{result}/IsTruncated")), Found::Text("true".into()));
        assert_eq!(text(LIST_USERS, &format!("{result}/Marker")), Found::Text("a&b".into()));
        assert_eq!(list(LIST_USERS, "/ListUsersResponse/ListUsersResult/Groups/member"), Found::Missing);
    }

    #[test]
    fn an_empty_list_is_told_from_no_list() {
        assert_eq!(list("<R><Users/></R>", "/R/Users/member"), Found::List(0));
        assert_eq!(list("<R><Users></Users></R>", "/R/Users/member"), Found::List(0));
        assert_eq!(list("<R><Other/></R>", "/R/Users/member"), Found::Missing);
        // S3 lists its objects directly under the root, and has none when the bucket is empty.
        assert_eq!(
            list("<ListBucketResult><Name>b</Name></ListBucketResult>", "/ListBucketResult/Contents"),
            Found::List(0)
        );
        assert_eq!(list("<Error/>", "/ListBucketResult/Contents"), Found::Missing);
    }

    #[test]
    fn same_names_elsewhere_are_not_counted() {
        let body = "<R><L><m><L><m/></L></m><m/></L><L><m/><m/><m/></L><x><L><m/></L></x></R>";
        assert_eq!(list(body, "/R/L/m"), Found::List(2));
        assert_eq!(list(body, "/R/L/1/m"), Found::List(3));
        assert_eq!(list(body, "/R/L/m/0/L/m"), Found::List(1));
    }

    #[test]
    fn prefixes_are_cut() {
        assert_eq!(text(r#"<s:R xmlns:s="u"><s:N>1</s:N></s:R>"#, "/R/N"), Found::Text("1".into()));
    }

    #[test]
    fn malformed_pages_are_errors() {
        let path = XmlPath::parse("/a/b").unwrap();
        for bad in
            [&b"<a><b>x</b>"[..], b"<a><b></a>", b"<a/><a/>", b"", b"<a>\xff</a>", b"<a><b>&evil;</b></a>"]
        {
            let error = probe(bad, &[Query::Text(&path)]).unwrap_err();
            assert!(error.to_string().contains("not well-formed XML"), "{error}");
        }
    }

    #[test]
    fn entity_bombs_are_not_expanded_and_depth_is_no_recursion() {
        let bomb = r#"<!DOCTYPE a [<!ENTITY x "yyyy"><!ENTITY z "&x;&x;">]><a><b>&z;</b></a>"#;
        assert!(probe(bomb.as_bytes(), &[Query::Text(&XmlPath::parse("/a/b").unwrap())]).is_err());
        let deep = format!("<a>{}{}<b>1</b></a>", "<x>".repeat(100_000), "</x>".repeat(100_000));
        assert_eq!(text(&deep, "/a/b"), Found::Text("1".into()));
    }

    #[test]
    fn paths_that_name_no_element_are_refused() {
        for bad in ["", "R", "/", "/0", "/R//x", "/R/1/2", "/R/01", "/R/a~2", "/@odata.nextLink", "/R/a b"] {
            assert!(XmlPath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_cut_content_and_attributes() {
        let body = br#"<R><U><k v="s" xmlns:q="u">one<i/></k><k/></U><U><k>two</k><n>x</n></U></R>"#;
        let cut = |path: &str| -> Vec<String> {
            let path = XmlPath::parse(path).unwrap();
            let spans = spans(body, &[&path]).unwrap();
            spans.into_iter().map(|r| String::from_utf8(body[r].to_vec()).unwrap()).collect()
        };
        assert_eq!(cut("/R/U/k"), ["s", "one<i/>", "two"]);
        assert_eq!(cut("/R/U/1/*"), ["two", "x"]);
        assert_eq!(cut("/R/*/n"), ["x"]);
        assert_eq!(cut("/R/V"), Vec::<String>::new());
    }
}

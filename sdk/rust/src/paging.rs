//! Paging schemes. The host walks a list, so that it, and not the connector, knows why the list ended.

use serde::Serialize;

/// How the host finds a list's next page, and where in a page the items are.
///
/// ```
/// use exhibit_sdk::{Paging, Read, Write};
/// let okta = Paging::link_header().items("");
/// let iam = Paging::cursor(Read::xml("/ListUsersResponse/ListUsersResult/Marker"), Write::query("Marker"))
///     .more(Read::xml("/ListUsersResponse/ListUsersResult/IsTruncated"))
///     .items("/ListUsersResponse/ListUsersResult/Users/member");
/// assert_eq!(okta.to_json(), r#"{"scheme":"link-header","items":""}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paging {
    #[serde(flatten)]
    scheme: Scheme,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    end_on_empty: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    absent_is_empty: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "scheme", rename_all = "kebab-case")]
enum Scheme {
    LinkHeader,
    NextUrl {
        pointer: String,
    },
    Cursor {
        read: Read,
        write: Write,
        #[serde(skip_serializing_if = "Option::is_none")]
        more: Option<Read>,
        #[serde(skip_serializing_if = "Option::is_none")]
        last: Option<Read>,
    },
    Offset {
        query: String,
        #[serde(flatten)]
        counted: Counted,
    },
    PageNumber {
        query: String,
        first: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        pages: Option<String>,
        #[serde(flatten)]
        counted: Counted,
    },
    Rows {
        start: String,
        end: String,
    },
    Single,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Counted {
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<String>,
}

/// Where in an answer something is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// A JSON pointer.
    Pointer(String),
    /// The slash path of an XML element, `/ListUsersResponse/ListUsersResult/Marker`.
    Xml(String),
    /// A header.
    Header(String),
}

impl From<&str> for Read {
    /// A JSON pointer.
    fn from(pointer: &str) -> Self {
        Self::json(pointer)
    }
}

impl Read {
    fn place(self) -> String {
        match self {
            Self::Pointer(place) | Self::Xml(place) | Self::Header(place) => place,
        }
    }

    /// At this JSON pointer.
    pub fn json(pointer: &str) -> Self {
        Self::Pointer(pointer.to_owned())
    }

    /// The text of this XML element.
    pub fn xml(path: &str) -> Self {
        Self::Xml(path.to_owned())
    }

    /// This header.
    pub fn header(name: &str) -> Self {
        Self::Header(name.to_owned())
    }
}

/// Where in the next request the cursor is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// A query parameter.
    Query(String),
    /// A header.
    Header(String),
    /// A JSON pointer into the body.
    Json(String),
    /// A field of a form body.
    Form(String),
    /// A variable of a GraphQL request.
    Graphql(String),
}

impl Write {
    /// This query parameter.
    pub fn query(name: &str) -> Self {
        Self::Query(name.to_owned())
    }

    /// This header.
    pub fn header(name: &str) -> Self {
        Self::Header(name.to_owned())
    }

    /// This place in the JSON body.
    pub fn json(pointer: &str) -> Self {
        Self::Json(pointer.to_owned())
    }

    /// This field of the form body.
    pub fn form(name: &str) -> Self {
        Self::Form(name.to_owned())
    }

    /// This variable of the GraphQL request.
    pub fn graphql(variable: &str) -> Self {
        Self::Graphql(variable.to_owned())
    }
}

impl Paging {
    fn new(scheme: Scheme) -> Self {
        Self { scheme, items: None, total: None, end_on_empty: false, absent_is_empty: false }
    }

    /// RFC 8288 `Link` header with `rel="next"` (Okta, GitHub, GitLab).
    pub fn link_header() -> Self {
        Self::new(Scheme::LinkHeader)
    }

    /// The whole next URL at this JSON pointer (OData's `/@odata.nextLink`).
    pub fn next_url(pointer: &str) -> Self {
        Self::new(Scheme::NextUrl { pointer: pointer.to_owned() })
    }

    /// A cursor that is read from each answer and written to the next request. No cursor, or an empty one, is
    /// the end.
    pub fn cursor(read: Read, write: Write) -> Self {
        Self::new(Scheme::Cursor { read, write, more: None, last: None })
    }

    /// Items to skip, in this query parameter. The end is where [`Paging::total`], [`Paging::last`] or
    /// [`Paging::more`] say so, else an empty page. Needs [`Paging::items`].
    pub fn offset(query: &str) -> Self {
        Self::new(Scheme::Offset { query: query.to_owned(), counted: Counted::default() })
    }

    /// The number of the page, in this query parameter, counted from 1. Ends as [`Paging::offset`] does, or at
    /// the last of [`Paging::page_count`]. Needs [`Paging::items`].
    pub fn page_number(query: &str) -> Self {
        let (query, counted) = (query.to_owned(), Counted::default());
        Self::new(Scheme::PageNumber { query, first: 1, pages: None, counted })
    }

    /// A range of rows in the JSON body: the pointers of the first row's number and of the number after the last. The
    /// body that is given has both, 0 and the size of a page. The end is where [`Paging::total`] says so, else an
    /// empty page. Needs [`Paging::items`].
    pub fn rows(start: &str, end: &str) -> Self {
        Self::new(Scheme::Rows { start: start.to_owned(), end: end.to_owned() })
    }

    /// One page by the interface's definition. Its items are counted; that there is no more is the connector's
    /// word.
    pub fn single() -> Self {
        Self::new(Scheme::Single)
    }

    fn counted(&mut self) -> Option<&mut Counted> {
        match &mut self.scheme {
            Scheme::Offset { counted, .. } | Scheme::PageNumber { counted, .. } => Some(counted),
            _ => None,
        }
    }

    /// Offset and page number: the query parameter of the page's size, and the size to ask for.
    #[must_use]
    pub fn page_size(mut self, query: &str, limit: u32) -> Self {
        if let Some(counted) = self.counted() {
            counted.limit_query = Some(query.to_owned());
            counted.limit = Some(limit);
        }
        self
    }

    /// Page number: the first page has this number, 0 for example.
    #[must_use]
    pub fn first_page(mut self, number: u32) -> Self {
        if let Scheme::PageNumber { first, .. } = &mut self.scheme {
            *first = number;
        }
        self
    }

    /// Page number: JSON pointer of the number of pages that the source itself states.
    #[must_use]
    pub fn page_count(mut self, pointer: &str) -> Self {
        if let Scheme::PageNumber { pages, .. } = &mut self.scheme {
            *pages = Some(pointer.to_owned());
        }
        self
    }

    /// A flag that is true on the last page (Jira's `/isLast`).
    #[must_use]
    pub fn last(mut self, flag: impl Into<Read>) -> Self {
        let flag = flag.into();
        if let Scheme::Cursor { last, .. } = &mut self.scheme {
            *last = Some(flag);
        } else if let Some(counted) = self.counted() {
            counted.last = Some(flag.place());
        }
        self
    }

    /// A flag that says whether there is more (IAM's `IsTruncated`).
    #[must_use]
    pub fn more(mut self, flag: impl Into<Read>) -> Self {
        let flag = flag.into();
        if let Scheme::Cursor { more, .. } = &mut self.scheme {
            *more = Some(flag);
        } else if let Some(counted) = self.counted() {
            counted.more = Some(flag.place());
        }
        self
    }

    /// Where the list is in a page: a JSON pointer (`""` where the page is the list), or the slash path of the
    /// repeated XML element. The host counts what stands there and reconciles it with what was emitted, so
    /// give it wherever a list is evidence.
    #[must_use]
    pub fn items(mut self, place: &str) -> Self {
        self.items = Some(place.to_owned());
        self
    }

    /// JSON pointer of the total that the source itself states.
    #[must_use]
    pub fn total(mut self, pointer: &str) -> Self {
        self.total = Some(pointer.to_owned());
        self
    }

    /// An empty page is the end, although it names a next one (Okta's System Log).
    #[must_use]
    pub fn end_on_empty(mut self) -> Self {
        self.end_on_empty = true;
        self
    }

    /// A page without the list holds none of its items. For vendors that leave out whatever is empty (Google);
    /// elsewhere a list that is missing may have moved, and is an error. Needs [`Paging::items`].
    #[must_use]
    pub fn absent_is_empty(mut self) -> Self {
        self.absent_is_empty = true;
        self
    }

    pub(crate) fn items_place(&self) -> Option<&str> {
        self.items.as_deref()
    }

    /// The scheme as the contract writes it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_as_the_contract_writes_them() {
        let cases = [
            (
                Paging::next_url("/@odata.nextLink").items("/value"),
                r#"{"scheme":"next-url","pointer":"/@odata.nextLink","items":"/value"}"#,
            ),
            (
                Paging::cursor(Read::json("/nextPageToken"), Write::query("pageToken")),
                r#"{"scheme":"cursor","read":{"pointer":"/nextPageToken"},"write":{"query":"pageToken"}}"#,
            ),
            (
                Paging::cursor(Read::xml("/R/Marker"), Write::form("Marker"))
                    .more(Read::xml("/R/IsTruncated")),
                r#"{"scheme":"cursor","read":{"xml":"/R/Marker"},"write":{"form":"Marker"},"more":{"xml":"/R/IsTruncated"}}"#,
            ),
            (
                Paging::offset("startAt")
                    .page_size("maxResults", 50)
                    .last("/isLast")
                    .total("/total")
                    .items("/values"),
                r#"{"scheme":"offset","query":"startAt","limit_query":"maxResults","limit":50,"last":"/isLast","items":"/values","total":"/total"}"#,
            ),
            (
                Paging::page_number("page").page_count("/result_info/total_pages").items("/result"),
                r#"{"scheme":"page-number","query":"page","first":1,"pages":"/result_info/total_pages","items":"/result"}"#,
            ),
            (
                Paging::cursor(Read::header("x-next-page"), Write::graphql("after")).last("/isLast"),
                r#"{"scheme":"cursor","read":{"header":"x-next-page"},"write":{"graphql":"after"},"last":{"pointer":"/isLast"}}"#,
            ),
            (
                Paging::rows("/startRow", "/endRow").total("/rowCount").items("/policyIssues"),
                r#"{"scheme":"rows","start":"/startRow","end":"/endRow","items":"/policyIssues","total":"/rowCount"}"#,
            ),
            (Paging::single().items("/a"), r#"{"scheme":"single","items":"/a"}"#),
            (
                Paging::single().items("/a").absent_is_empty(),
                r#"{"scheme":"single","items":"/a","absent_is_empty":true}"#,
            ),
            (Paging::link_header().end_on_empty(), r#"{"scheme":"link-header","end_on_empty":true}"#),
        ];
        for (paging, json) in cases {
            assert_eq!(paging.to_json(), json);
        }
    }
}

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
    },
    Offset {
        query: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        limit_query: Option<String>,
        limit: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        last: Option<String>,
    },
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

impl Read {
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
    /// A JSON pointer into the body, a GraphQL variable for example: `/variables/cursor`.
    Json(String),
    /// A field of a form body.
    Form(String),
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
}

impl Paging {
    fn new(scheme: Scheme) -> Self {
        Self { scheme, items: None, total: None, end_on_empty: false }
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
        Self::new(Scheme::Cursor { read, write, more: None })
    }

    /// Counting offset in query parameter `query`, `limit` items a page. The end is where the source says so
    /// ([`Paging::total`], [`Paging::last`]), else a page with less than `limit` items.
    pub fn offset(query: &str, limit: u32) -> Self {
        Self::new(Scheme::Offset { query: query.to_owned(), limit_query: None, limit, last: None })
    }

    /// Offset: the query parameter that asks for `limit` items.
    #[must_use]
    pub fn limit_query(mut self, name: &str) -> Self {
        if let Scheme::Offset { limit_query, .. } = &mut self.scheme {
            *limit_query = Some(name.to_owned());
        }
        self
    }

    /// Offset: JSON pointer of a flag that is true on the last page (Jira's `/isLast`).
    #[must_use]
    pub fn last(mut self, pointer: &str) -> Self {
        if let Scheme::Offset { last, .. } = &mut self.scheme {
            *last = Some(pointer.to_owned());
        }
        self
    }

    /// Cursor: a flag that says whether there is more (IAM's `IsTruncated`).
    #[must_use]
    pub fn more(mut self, flag: Read) -> Self {
        if let Scheme::Cursor { more, .. } = &mut self.scheme {
            *more = Some(flag);
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

    /// Where the list is in a page.
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
                Paging::offset("startAt", 50).limit_query("maxResults").last("/isLast").total("/total"),
                r#"{"scheme":"offset","query":"startAt","limit_query":"maxResults","limit":50,"last":"/isLast","total":"/total"}"#,
            ),
            (Paging::link_header().end_on_empty(), r#"{"scheme":"link-header","end_on_empty":true}"#),
        ];
        for (paging, json) in cases {
            assert_eq!(paging.to_json(), json);
        }
    }
}

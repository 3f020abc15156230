//! How a list goes on after its first page: the schemes a guest can name, and the walk that follows them.
//!
//! The guest names a scheme and the host walks, so the host, not the connector, knows why reading stopped.
//! A walk ends complete only where its scheme says so. Everything else that stops it (the page limit, a
//! page or cursor that comes again, a link to another origin, a page that cannot be read) is an error.
//!
//! | module | holds |
//! | --- | --- |
//! | this one | the schemes, as JSON and as types |
//! | [`link`] | the `Link` header (RFC 8288) |
//! | `page` | what one page says: items, total, cursor, flags |
//! | `advance` | the request for the page after it |
//! | [`walker`] | one walk: asks, counts, guards, stops |
//!
//! The JSON form, as it stands in a request's `paging`:
//!
//! ```json
//! {"scheme":"link-header","items":"","end_on_empty":true}
//! {"scheme":"cursor","read":{"pointer":"/nextPageToken"},"write":{"query":"pageToken"},"items":"/users"}
//! {"scheme":"cursor","read":{"xml":"/R/Marker"},"write":{"form":"Marker"},"more":{"xml":"/R/IsTruncated"}}
//! {"scheme":"offset","query":"startAt","limit_query":"maxResults","limit":50,"total":"/total","items":"/values"}
//! {"scheme":"page-number","query":"page","first":1,"pages":"/result_info/total_pages","items":"/result"}
//! {"scheme":"rows","start":"/startRow","end":"/endRow","total":"/rowCount","items":"/policyIssues"}
//! {"scheme":"next-url","pointer":"/@odata.nextLink","items":"/value"}
//! {"scheme":"single","items":"/policies"}
//! ```

mod advance;
pub mod link;
mod page;
#[cfg(test)]
mod walk_tests;
pub mod walker;

use crate::pointer::xml::XmlPath;
use crate::pointer::{PlaceError, Pointer};
use serde::{Deserialize, Deserializer, Serialize};

/// A list's paging: the scheme, and where the items are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paging {
    /// How to go on.
    #[serde(flatten)]
    pub scheme: Scheme,
    /// Where each page holds its items: JSON pointer, or XML path in an XML page. Without it the host
    /// cannot count, and a population cannot be reconciled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<String>,
    /// Where the source states how many items the whole list has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// An empty page is the end, whatever it says of a next one. Okta's System Log always says so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub end_on_empty: bool,
    /// A page without the list holds none of its items. Google's servers leave out whatever is empty.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub absent_is_empty: bool,
}

/// How to find the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scheme {
    /// `Link: <url>; rel="next"` (RFC 8288): Okta, GitHub, GitLab. No such link: the end.
    LinkHeader {},
    /// A cursor that a page gives and the next request carries: Google, Jira, Slack, AWS. None: the end.
    Cursor {
        /// Where a page gives it.
        read: Place,
        /// Where the next request carries it.
        write: Target,
        /// A flag that there is more (`IsTruncated`). True without a cursor is an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more: Option<Place>,
        /// A flag that this is the last page (`isLast`). False without a cursor is an error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<Place>,
    },
    /// A count of items to skip: Jira's older lists, PagerDuty. Needs `items`: servers give fewer than asked.
    /// The end is what `total`, `last` or `more` say; where they say nothing, an empty page.
    Offset {
        /// Query parameter of the offset.
        query: String,
        /// Query parameter of the page size.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_query: Option<String>,
        /// Page size to ask for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
        /// Flag that this is the last page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<String>,
        /// Flag that there is more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more: Option<String>,
    },
    /// The number of the page: Cloudflare, Datadog. Ends like an offset, or at the last of `pages`.
    PageNumber {
        /// Query parameter of the number.
        query: String,
        /// Number of the first page, 1 where not given.
        #[serde(default = "one")]
        first: u32,
        /// Query parameter of the page size.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_query: Option<String>,
        /// Page size to ask for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u32>,
        /// Where the source states how many pages there are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pages: Option<String>,
        /// Flag that this is the last page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<String>,
        /// Flag that there is more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more: Option<String>,
    },
    /// A range of rows in the JSON body of the request, from one number to before another, as grids in web pages ask
    /// for it: Pulumi Cloud. The first request has both; the next begins where the rows ended that came, and is as
    /// long. Ends as an offset without flags does.
    Rows {
        /// JSON pointer of the first row's number.
        start: String,
        /// JSON pointer of the number after the last row's.
        end: String,
    },
    /// The next page's URL in the body: OData, Azure, Microsoft Graph. None: the end.
    NextUrl {
        /// JSON pointer of the URL.
        pointer: String,
    },
    /// One page by the interface's definition. Its items are counted; that there is no more is the
    /// connector's word.
    Single {},
}

fn one() -> u32 {
    1
}

impl Scheme {
    /// Its name in JSON and in walks.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LinkHeader {} => "link-header",
            Self::Cursor { .. } => "cursor",
            Self::Offset { .. } => "offset",
            Self::PageNumber { .. } => "page-number",
            Self::Rows { .. } => "rows",
            Self::NextUrl { .. } => "next-url",
            Self::Single {} => "single",
        }
    }
}

/// Where a page says something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// JSON pointer (RFC 6901) into the body.
    Pointer(String),
    /// Path of an XML element.
    Xml(String),
    /// Response header.
    Header(String),
}

/// Where a request carries a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Query parameter.
    Query(String),
    /// Request header.
    Header(String),
    /// JSON pointer into the body.
    Json(String),
    /// Parameter of a form body (`application/x-www-form-urlencoded`).
    Form(String),
    /// Variable of a GraphQL request: member of the body's `variables`.
    Graphql(String),
}

/// Bytes of a scheme's text. Each walk keeps a part of it.
const SCHEME_BYTES: usize = 4096;

/// What is wrong with a request's `paging`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagingError {
    /// Not JSON, no such scheme, or a field that the scheme does not know.
    #[error("paging is not a known scheme: {0}")]
    Form(String),
    /// A place that cannot be read.
    #[error("paging `{field}`: {source}")]
    Place {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        source: PlaceError,
    },
    /// A header or parameter without a usable name.
    #[error("paging `{field}`: `{name}` is not a usable name")]
    Name {
        /// The field.
        field: &'static str,
        /// The name as given.
        name: String,
    },
    /// A field that another one needs is missing.
    #[error("paging `{field}` needs `{needs}`")]
    Needs {
        /// The field, or scheme.
        field: &'static str,
        /// What it needs.
        needs: &'static str,
    },
}

impl Paging {
    /// Reads a request's `paging` and checks it, so that a wrong one is refused before anything is sent.
    ///
    /// # Errors
    /// [`PagingError`] names the field.
    pub fn parse(json: &str) -> Result<Self, PagingError> {
        if json.len() > SCHEME_BYTES {
            return Err(PagingError::Form(format!("it has more than {SCHEME_BYTES} bytes")));
        }
        let paging: Self = serde_json::from_str(json).map_err(|e| PagingError::Form(e.to_string()))?;
        paging.check()?;
        Ok(paging)
    }

    /// The response header that the scheme reads, in lower case: it is shown to the guest and recorded.
    pub fn read_headers(&self) -> Vec<String> {
        let places = match &self.scheme {
            Scheme::Cursor { read, more, last, .. } => vec![Some(read), more.as_ref(), last.as_ref()],
            _ => Vec::new(),
        };
        let name = |place: Option<&Place>| match place {
            Some(Place::Header(name)) => Some(name.to_ascii_lowercase()),
            _ => None,
        };
        places.into_iter().filter_map(name).collect()
    }

    fn check(&self) -> Result<(), PagingError> {
        for (field, path) in [("items", &self.items), ("total", &self.total)] {
            check_path(field, path.as_deref())?;
        }
        let flags = [("end_on_empty", self.end_on_empty), ("absent_is_empty", self.absent_is_empty)];
        if let Some((field, _)) = flags.into_iter().find(|(_, is_set)| *is_set && self.items.is_none()) {
            return Err(PagingError::Needs { field, needs: "items" });
        }
        match &self.scheme {
            Scheme::LinkHeader {} | Scheme::Single {} => Ok(()),
            Scheme::NextUrl { pointer } => check_pointer("pointer", pointer),
            Scheme::Cursor { read, write, more, last } => {
                check_place("read", Some(read))?;
                check_place("more", more.as_ref())?;
                check_place("last", last.as_ref())?;
                check_target(write)
            }
            Scheme::Rows { start, end } => {
                check_pointer("start", start)?;
                check_pointer("end", end)?;
                if self.items.is_none() {
                    return Err(PagingError::Needs { field: self.scheme.name(), needs: "items" });
                }
                Ok(())
            }
            Scheme::Offset { query, limit_query, limit, last, more } => {
                self.check_counted(query, limit_query.as_deref(), *limit, [last, more])
            }
            Scheme::PageNumber { query, limit_query, limit, pages, last, more, .. } => {
                check_path("pages", pages.as_deref())?;
                self.check_counted(query, limit_query.as_deref(), *limit, [last, more])
            }
        }
    }

    fn check_counted(
        &self,
        query: &str,
        limit_query: Option<&str>,
        limit: Option<u32>,
        [last, more]: [&Option<String>; 2],
    ) -> Result<(), PagingError> {
        check_path("last", last.as_deref())?;
        check_path("more", more.as_deref())?;
        check_name("query", query, usize::MAX)?;
        if self.items.is_none() {
            return Err(PagingError::Needs { field: self.scheme.name(), needs: "items" });
        }
        match (limit_query, limit) {
            (Some(name), Some(1..)) => check_name("limit_query", name, usize::MAX),
            (Some(_), _) => Err(PagingError::Needs { field: "limit_query", needs: "limit" }),
            (None, Some(_)) => Err(PagingError::Needs { field: "limit", needs: "limit_query" }),
            (None, None) => Ok(()),
        }
    }
}

/// The fields that every scheme has are taken off first, so that each scheme can refuse what it does not know.
impl<'de> Deserialize<'de> for Paging {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Common {
            #[serde(default)]
            items: Option<String>,
            #[serde(default)]
            total: Option<String>,
            #[serde(default)]
            end_on_empty: bool,
            #[serde(default)]
            absent_is_empty: bool,
        }
        use serde::de::Error;
        let mut fields: serde_json::Map<String, serde_json::Value> = Deserialize::deserialize(deserializer)?;
        let names = ["items", "total", "end_on_empty", "absent_is_empty"];
        let common = names.iter().filter_map(|name| fields.remove_entry(*name)).collect();
        let common: Common =
            serde_json::from_value(serde_json::Value::Object(common)).map_err(D::Error::custom)?;
        let scheme = serde_json::from_value(serde_json::Value::Object(fields)).map_err(D::Error::custom)?;
        let Common { items, total, end_on_empty, absent_is_empty } = common;
        Ok(Self { scheme, items, total, end_on_empty, absent_is_empty })
    }
}

fn check_pointer(field: &'static str, text: &str) -> Result<(), PagingError> {
    Pointer::parse(text).map(|_| ()).map_err(|source| PagingError::Place { field, source })
}

/// A path may be read as either, by what the page turns out to be; it must be good for one.
fn check_path(field: &'static str, text: Option<&str>) -> Result<(), PagingError> {
    let Some(text) = text else { return Ok(()) };
    if XmlPath::parse(text).is_ok() { Ok(()) } else { check_pointer(field, text) }
}

fn check_place(field: &'static str, place: Option<&Place>) -> Result<(), PagingError> {
    match place {
        None => Ok(()),
        Some(Place::Pointer(pointer)) => check_pointer(field, pointer),
        Some(Place::Xml(path)) => {
            XmlPath::parse(path).map(|_| ()).map_err(|source| PagingError::Place { field, source })
        }
        Some(Place::Header(name)) => {
            check_name(field, name, 64)?;
            if crate::record::is_withheld(&name.to_ascii_lowercase()) {
                return Err(PagingError::Name { field, name: name.clone() });
            }
            Ok(())
        }
    }
}

fn check_target(target: &Target) -> Result<(), PagingError> {
    match target {
        Target::Query(name) | Target::Form(name) | Target::Graphql(name) => {
            check_name("write", name, usize::MAX)
        }
        Target::Header(name) => check_name("write", name, 64),
        Target::Json(pointer) if pointer.is_empty() => {
            Err(PagingError::Place { field: "write", source: PlaceError::NoSlash(String::new()) })
        }
        Target::Json(pointer) => check_pointer("write", pointer),
    }
}

/// A header's name is a token (RFC 9110 section 5.6.2) of up to 64 characters; a parameter's is any text.
fn check_name(field: &'static str, name: &str, max: usize) -> Result<(), PagingError> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let header = max != usize::MAX;
    if name.is_empty() || name.len() > max.min(256) || (header && !name.bytes().all(token)) {
        return Err(PagingError::Name { field, name: name.chars().take(80).collect() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_agreed_forms() {
        for text in [
            r#"{"scheme":"link-header","items":"","end_on_empty":true}"#,
            r#"{"scheme":"cursor","read":{"pointer":"/nextPageToken"},"write":{"query":"pageToken"},"last":{"pointer":"/isLast"}}"#,
            r#"{"scheme":"cursor","read":{"xml":"/R/Marker"},"write":{"form":"Marker"},"more":{"xml":"/R/IsTruncated"},"items":"/R/Users/member"}"#,
            r#"{"scheme":"cursor","read":{"header":"x-next-page"},"write":{"header":"x-page"}}"#,
            r#"{"scheme":"cursor","read":{"pointer":"/data/o/pageInfo/endCursor"},"write":{"graphql":"after"}}"#,
            r#"{"scheme":"cursor","read":{"pointer":"/nextToken"},"write":{"json":"/nextToken"}}"#,
            r#"{"scheme":"offset","query":"startAt","limit_query":"maxResults","limit":50,"last":"/isLast","items":"/values","total":"/total"}"#,
            r#"{"scheme":"page-number","query":"page","first":1,"pages":"/result_info/total_pages","items":"/result"}"#,
            r#"{"scheme":"next-url","pointer":"/@odata.nextLink","items":"/value"}"#,
            r#"{"scheme":"rows","start":"/startRow","end":"/endRow","items":"/rows","total":"/rowCount"}"#,
            r#"{"scheme":"single","items":"/a/b"}"#,
            r#"{"scheme":"single","items":"/bindings","absent_is_empty":true}"#,
        ] {
            let paging = Paging::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"));
            assert_eq!(serde_json::to_string(&paging).unwrap(), text);
        }
    }

    #[test]
    fn refuses_with_the_field_named() {
        for (text, part) in [
            ("", "not a known scheme"),
            (r#"{"scheme":"linkheader"}"#, "unknown variant `linkheader`"),
            (r#"{"scheme":"link-header","pointer":"/x"}"#, "unknown field `pointer`"),
            (r#"{"scheme":"single","itens":"/x"}"#, "unknown field `itens`"),
            (r#"{"scheme":"link-header","items":"users"}"#, "paging `items`"),
            (r#"{"scheme":"link-header","items":7}"#, "expected a string"),
            (r#"{"scheme":"link-header","end_on_empty":true}"#, "`end_on_empty` needs `items`"),
            (r#"{"scheme":"single","absent_is_empty":true}"#, "`absent_is_empty` needs `items`"),
            (r#"{"scheme":"offset","query":"startAt"}"#, "`offset` needs `items`"),
            (r#"{"scheme":"offset","query":"s","limit":5,"items":""}"#, "`limit` needs `limit_query`"),
            (r#"{"scheme":"offset","query":"s","limit_query":"l","limit":0,"items":""}"#, "needs `limit`"),
            (r#"{"scheme":"offset","query":"","items":""}"#, "not a usable name"),
            (r#"{"scheme":"next-url","pointer":"next"}"#, "paging `pointer`"),
            (r#"{"scheme":"rows","start":"/s","end":"e","items":""}"#, "paging `end`"),
            (r#"{"scheme":"rows","start":"/s","end":"/e"}"#, "`rows` needs `items`"),
            (
                r#"{"scheme":"cursor","read":{"header":"Set-Cookie"},"write":{"query":"c"}}"#,
                "not a usable name",
            ),
            (r#"{"scheme":"cursor","read":{"header":"a b"},"write":{"query":"c"}}"#, "not a usable name"),
            (r#"{"scheme":"cursor","read":{"xml":"//"},"write":{"query":"c"}}"#, "paging `read`"),
            (r#"{"scheme":"cursor","read":{"pointer":"/c"},"write":{"json":""}}"#, "paging `write`"),
        ] {
            let error = Paging::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

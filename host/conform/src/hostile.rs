//! Answers of a server that is broken, or means harm. Whatever they are, a run has to end, and by itself.

use exhibit_broker::transport::{Incoming, Outgoing, SendFailure};
use exhibit_evidence::fetch::FetchError;
use serde_json::{Value, json};

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Not at all.
    Silent,
    /// With this status and a page of HTML.
    Status(u16),
    /// With success and these bytes, said to be JSON.
    Body(&'static str),
    /// With bytes that are no text.
    NoText,
    /// With lists within lists.
    Deep,
    /// With the first half of the body.
    Half,
    /// Numbers for texts, texts for numbers.
    OtherTypes,
    /// Null for every number, text and flag.
    Nulls,
    /// Objects for lists.
    NoLists,
    /// Lists of empty objects.
    Empty,
    /// Another page after every page.
    Endless,
}

impl Mode {
    /// All of them.
    pub(crate) const ALL: [Self; 21] = [
        Self::Silent,
        Self::Status(301),
        Self::Status(400),
        Self::Status(401),
        Self::Status(403),
        Self::Status(404),
        Self::Status(429),
        Self::Status(500),
        Self::Body(""),
        Self::Body("{}"),
        Self::Body("[]"),
        Self::Body("null"),
        Self::Body("<html><body>Please sign in</body></html>"),
        Self::NoText,
        Self::Deep,
        Self::Half,
        Self::OtherTypes,
        Self::Nulls,
        Self::NoLists,
        Self::Empty,
        Self::Endless,
    ];

    /// In words, after "where every answer is".
    pub(crate) fn words(self) -> String {
        match self {
            Self::Silent => "none at all".to_owned(),
            Self::Status(status) => format!("{status}"),
            Self::Body("") => "empty".to_owned(),
            Self::Body(text) => format!("`{text}`"),
            Self::NoText => "bytes that are no text".to_owned(),
            Self::Deep => "lists within lists".to_owned(),
            Self::Half => "cut in half".to_owned(),
            Self::OtherTypes => "of other types".to_owned(),
            Self::Nulls => "full of nulls".to_owned(),
            Self::NoLists => "without lists".to_owned(),
            Self::Empty => "full of empty objects".to_owned(),
            Self::Endless => "followed by another page".to_owned(),
        }
    }

    /// The answer to the run's request of this number. `recorded` is what a good server answers.
    pub(crate) fn answer(
        self,
        request: &Outgoing,
        number: usize,
        recorded: impl FnOnce() -> Result<Incoming, SendFailure>,
    ) -> Result<Incoming, SendFailure> {
        const JSON: &str = "application/json";
        Ok(match self {
            Self::Silent => {
                let error = FetchError::new("timeout", "no answer in 30 s", true);
                return Err(SendFailure { error, attempts: 1 });
            }
            Self::Status(status) => {
                let mut answer = response(status, "text/html", b"<html><body>Sorry</body></html>".to_vec());
                answer.headers.push(("retry-after".to_owned(), "86400".to_owned()));
                answer
            }
            Self::Body(text) => response(200, JSON, text.as_bytes().to_vec()),
            Self::NoText => response(200, JSON, (0..=255).cycle().take(4096).collect()),
            Self::Deep => response(200, JSON, "[".repeat(100_000).into_bytes()),
            Self::Half => {
                let mut answer = recorded()?;
                answer.body.truncate(answer.body.len() / 2);
                answer
            }
            Self::OtherTypes => changed(recorded()?, &|value| match value {
                Value::String(_) => *value = json!(7),
                Value::Number(_) => *value = json!("seven"),
                Value::Bool(_) => *value = json!({"is": "on"}),
                _ => {}
            }),
            Self::Nulls => changed(recorded()?, &|value| {
                if matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)) {
                    *value = Value::Null;
                }
            }),
            Self::NoLists => changed(recorded()?, &|value| {
                if value.is_array() {
                    *value = json!({"0": "a list, once"});
                }
            }),
            Self::Empty => changed(recorded()?, &|value| {
                if let Value::Array(items) = value {
                    items.iter_mut().for_each(|item| *item = json!({}));
                }
            }),
            Self::Endless => endless(recorded()?, request, number),
        })
    }
}

/// An answer of this status.
pub(crate) fn response(status: u16, kind: &str, body: Vec<u8>) -> Incoming {
    let headers = vec![("content-type".to_owned(), kind.to_owned())];
    Incoming { status, headers, body, attempts: 1, landed: None }
}

/// A JSON answer with every value changed, the innermost first.
fn changed(mut answer: Incoming, change: &dyn Fn(&mut Value)) -> Incoming {
    fn walk(value: &mut Value, change: &dyn Fn(&mut Value)) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
            Value::Object(members) => members.values_mut().for_each(|member| walk(member, change)),
            _ => {}
        }
        change(value);
    }
    if let Ok(mut value) = serde_json::from_slice(&answer.body) {
        walk(&mut value, change);
        answer.body = value.to_string().into_bytes();
    }
    answer
}

/// Members that name the next page, by the interfaces that connectors read.
const CURSORS: [&str; 8] = [
    "nextPageToken",
    "NextToken",
    "nextToken",
    "next_page_token",
    "next",
    "cursor",
    "continuationToken",
    "Marker",
];

/// An answer that names another page, in each of the usual ways, never the same twice.
fn endless(mut answer: Incoming, request: &Outgoing, number: usize) -> Incoming {
    let mut next = request.url.clone();
    next.query_pairs_mut().append_pair("after", &number.to_string());
    answer.headers.retain(|(name, _)| name != "link");
    answer.headers.push(("link".to_owned(), format!("<{next}>; rel=\"next\"")));
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(Value::Object(mut members)) => {
            for name in CURSORS {
                members.insert(name.to_owned(), json!(format!("page-{number}")));
            }
            for name in ["nextLink", "@odata.nextLink", "next_url"] {
                members.insert(name.to_owned(), json!(next.to_string()));
            }
            for name in ["isLast", "last"] {
                members.insert(name.to_owned(), json!(false));
            }
            for name in ["total", "total_count"] {
                members.insert(name.to_owned(), json!(1_000_000_000));
            }
            answer.body = Value::Object(members).to_string().into_bytes();
        }
        Ok(_) => {}
        Err(_) => {
            // AWS's lists in XML.
            let more = format!("<IsTruncated>true</IsTruncated><Marker>page-{number}</Marker>");
            let text = String::from_utf8_lossy(&answer.body);
            answer.body = text.replace("<IsTruncated>false</IsTruncated>", &more).into_bytes();
        }
    }
    answer
}

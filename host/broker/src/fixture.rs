//! Fixtures: recorded exchanges as JSON lines, and the transport that answers from them.
//!
//! One exchange a line; empty lines are skipped:
//!
//! ```json
//! {"method":"GET","url":"https://example.com/api/users?limit=200","status":200,"headers":{"link":"<…>; rel=\"next\""},"body_json":[]}
//! {"method":"POST","url":"https://iam.amazonaws.com/","request_body":"Action=ListUsers&Version=2010-05-08","body":"<ListUsersResponse/>"}
//! {"method":"GET","url":"https://example.com/api/down","error":{"code":"timeout","message":"no answer in 30 s","retryable":true}}
//! ```
//!
//! | member | meaning |
//! | --- | --- |
//! | `method`, `url` | what is asked; the order of query parameters does not count |
//! | `request_headers` | headers that the request must have, `x-amz-target` for example; absent: any |
//! | `request_body` | JSON or text that the request must have, forms in any order; absent: any |
//! | `status`, `headers` | of the answer; 200 and none where absent. A header's value may be a list |
//! | `body_json`, `body` | the answer's body, as JSON or as text |
//! | `error` | instead of an answer: no answer came, for this reason |
//! | `note` | for people |
//!
//! A request that is listed several times gets its answers in that order, and the last one from then on.

use crate::grant::Grants;
use crate::transport::{Incoming, Outgoing, SendFailure, Transport};
use async_trait::async_trait;
use exhibit_evidence::fetch::FetchError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file of fixtures that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// It cannot be read.
    #[error("{path}: {error}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A line is no exchange.
    #[error("{path}, line {line}: {what}")]
    Line {
        /// The file.
        path: String,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// One recorded exchange.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    method: String,
    url: url::Url,
    #[serde(default)]
    request_headers: BTreeMap<String, String>,
    request_body: Option<Value>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, OneOrMany>,
    body: Option<String>,
    body_json: Option<Value>,
    error: Option<FetchError>,
    #[serde(default, rename = "note")]
    _note: Option<String>,
    #[serde(skip)]
    place: String,
}

fn ok() -> u16 {
    200
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Fixture {
    /// Reads a file of fixtures.
    pub fn read(path: &Path) -> Result<Vec<Self>, FixtureError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| FixtureError::Read { path: shown.clone(), error })?;
        Self::parse(&text, &shown)
    }

    /// Reads the text of a file of fixtures; `path` is for messages.
    pub fn parse(text: &str, path: &str) -> Result<Vec<Self>, FixtureError> {
        let mut fixtures = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fail = |what: String| FixtureError::Line { path: path.to_owned(), line: index + 1, what };
            let mut fixture: Self = serde_json::from_str(line).map_err(|error| fail(error.to_string()))?;
            if fixture.body.is_some() && fixture.body_json.is_some() {
                return Err(fail("give `body` or `body_json`, not both".to_owned()));
            }
            fixture.place = format!("{path}:{}", index + 1);
            fixtures.push(fixture);
        }
        Ok(fixtures)
    }

    fn answer(&self) -> Result<Incoming, SendFailure> {
        if let Some(error) = &self.error {
            return Err(SendFailure { error: error.clone(), attempts: 1 });
        }
        let mut headers = Vec::new();
        for (name, values) in &self.headers {
            let values = match values {
                OneOrMany::One(value) => std::slice::from_ref(value),
                OneOrMany::Many(values) => values,
            };
            headers.extend(values.iter().map(|value| (name.to_ascii_lowercase(), value.clone())));
        }
        let body = match (&self.body_json, &self.body) {
            (Some(json), _) => json.to_string(),
            (None, body) => body.clone().unwrap_or_default(),
        };
        if !headers.iter().any(|(name, _)| name == "content-type") {
            let kind = if self.body_json.is_some() { "application/json" } else { "text/plain" };
            let kind = if body.starts_with('<') { "text/xml" } else { kind };
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        Ok(Incoming { status: self.status, headers, body: body.into_bytes(), attempts: 1, landed: None })
    }

    /// How far this fixture is from the request: nothing is a match, else what differs first.
    fn misfit(&self, request: &Outgoing) -> Option<(u8, String)> {
        if !self.method.eq_ignore_ascii_case(&request.method) {
            return Some((4, format!("its method is {}", self.method)));
        }
        let address = |url: &url::Url| (url.origin().ascii_serialization(), url.path().to_owned());
        if address(&self.url) != address(&request.url) {
            return Some((
                if self.url.path() == request.url.path() { 3 } else { 5 },
                "its URL differs".into(),
            ));
        }
        if sorted(self.url.query().unwrap_or_default()) != sorted(request.url.query().unwrap_or_default()) {
            return Some((2, "its query differs".to_owned()));
        }
        for (name, value) in &self.request_headers {
            let has = |(key, given): &(String, String)| key.eq_ignore_ascii_case(name) && given == value;
            if !request.headers.iter().any(has) {
                return Some((1, format!("it wants the header `{name}: {value}`")));
            }
        }
        let wanted = self.request_body.as_ref()?;
        let given = request.body.as_deref().unwrap_or_default();
        let fits = match wanted {
            Value::String(text) => {
                *text == String::from_utf8_lossy(given)
                    || (is_form(request) && sorted(text) == sorted(&String::from_utf8_lossy(given)))
            }
            json => serde_json::from_slice::<Value>(given).is_ok_and(|given| given == *json),
        };
        (!fits).then(|| (0, format!("it wants the body {wanted}")))
    }

    /// More of the request is named: it goes before those that take any.
    fn detail(&self) -> usize {
        self.request_headers.len() + usize::from(self.request_body.is_some())
    }
}

fn is_form(request: &Outgoing) -> bool {
    let is = |(name, value): &(String, String)| {
        name.eq_ignore_ascii_case("content-type") && value.starts_with("application/x-www-form-urlencoded")
    };
    request.headers.iter().any(is)
}

fn sorted(query: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    pairs.sort();
    pairs
}

/// As far is a fixture at most whose method and address are the request's.
const OF_THE_SAME_ADDRESS: u8 = 2;

/// Answers from fixtures, and keeps what it could not answer.
#[derive(Debug)]
pub struct FixtureTransport {
    fixtures: Vec<Fixture>,
    grants: Grants,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Fixtures that have answered, by index.
    used: BTreeMap<usize, u32>,
    missed: Vec<String>,
}

impl FixtureTransport {
    /// Answers from these, where the grants let a request pass.
    pub fn new(fixtures: Vec<Fixture>, grants: Grants) -> Self {
        Self { fixtures, grants, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that no fixture answers, each with the nearest one; and requests that were denied.
    pub fn missed(&self) -> Vec<String> {
        self.state().missed.clone()
    }

    /// Fixtures that were never asked for.
    pub fn unused(&self) -> Vec<String> {
        let state = self.state();
        let unused = self.fixtures.iter().enumerate().filter(|(index, _)| !state.used.contains_key(index));
        unused.map(|(_, f)| format!("{}: {} {}", f.place, f.method, f.url)).collect()
    }

    /// Which request no fixture answers, and which comes nearest.
    pub fn miss(&self, request: &Outgoing) -> String {
        let body = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let body: String = body.chars().take(200).collect();
        let about = if body.is_empty() { String::new() } else { format!(" with the body {body}") };
        let nearest = self
            .fixtures
            .iter()
            .filter_map(|fixture| fixture.misfit(request).map(|(far, why)| (far, fixture, why)))
            .min_by_key(|(far, ..)| *far);
        let nearest = match nearest {
            Some((_, f, why)) => format!("the nearest is {}: {} {} ({why})", f.place, f.method, f.url),
            None => "there is none at all".to_owned(),
        };
        format!("no fixture answers {} {}{about}; {nearest}", request.method, request.url)
    }

    /// The answer of the fixture that comes nearest among those of the request's method and address, whatever its query,
    /// headers and body.
    pub fn nearest(&self, request: &Outgoing) -> Option<Result<Incoming, SendFailure>> {
        let near =
            self.fixtures.iter().map(|fixture| (fixture.misfit(request).map_or(0, |(far, _)| far), fixture));
        let (far, fixture) = near.min_by_key(|(far, _)| *far)?;
        (far <= OF_THE_SAME_ADDRESS).then(|| fixture.answer())
    }

    /// The answer of the fixture that fits, if one does.
    pub fn answer(&self, request: &Outgoing) -> Option<Result<Incoming, SendFailure>> {
        let fits = |(_, fixture): &(usize, &Fixture)| fixture.misfit(request).is_none();
        let matching: Vec<_> = self.fixtures.iter().enumerate().filter(fits).collect();
        let detail = matching.iter().map(|(_, fixture)| fixture.detail()).max()?;
        let mut state = self.state();
        let mut answer = None;
        for (index, fixture) in matching.into_iter().filter(|(_, fixture)| fixture.detail() == detail) {
            answer = Some((index, fixture));
            if !state.used.contains_key(&index) {
                break;
            }
        }
        let (index, fixture) = answer?;
        *state.used.entry(index).or_default() += 1;
        Some(fixture.answer())
    }
}

#[async_trait]
impl Transport for FixtureTransport {
    async fn send(&self, request: &Outgoing) -> Result<Incoming, SendFailure> {
        if let Err(denial) = self.grants.check(request) {
            let denial = denial.to_string();
            self.state().missed.push(denial.clone());
            return Err(SendFailure { error: FetchError::new("denied", denial, false), attempts: 0 });
        }
        self.answer(request).unwrap_or_else(|| {
            let miss = self.miss(request);
            self.state().missed.push(miss.clone());
            Err(SendFailure { error: FetchError::new("transport", miss, false), attempts: 1 })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, headers: &[(&str, &str)], body: Option<&str>) -> Outgoing {
        Outgoing {
            method: method.to_owned(),
            url: url.parse().unwrap(),
            headers: headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            body: body.map(|b| b.as_bytes().to_vec()),
            auth: None,
        }
    }

    fn transport(lines: &str) -> FixtureTransport {
        let fixtures = Fixture::parse(lines, "f.jsonl").unwrap();
        FixtureTransport::new(fixtures, Grants::all("test", crate::grant::Ask::default()))
    }

    fn body(transport: &FixtureTransport, request: &Outgoing) -> String {
        let answer = transport.answer(request).unwrap_or_else(|| panic!("{}", transport.miss(request)));
        String::from_utf8(answer.unwrap().body).unwrap()
    }

    #[test]
    fn a_request_finds_its_fixture() {
        const FORM: &[(&str, &str)] = &[("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")];
        let transport = transport(
            r#"{"method":"GET","url":"https://a.example/x?b=2&a=1","body":"query"}

{"method":"POST","url":"https://a.example/","body":"any"}
{"method":"POST","url":"https://a.example/","request_body":"Action=List&Version=1","body":"form"}
{"method":"POST","url":"https://a.example/","request_headers":{"x-amz-target":"T.List"},"request_body":{"a":1,"b":[]},"body":"json"}"#,
        );
        let get = request("GET", "https://a.example/x?a=1&b=2", &[], None);
        assert_eq!(body(&transport, &get), "query");
        let post =
            |headers, text| body(&transport, &request("POST", "https://a.example/", headers, Some(text)));
        assert_eq!(post(FORM, "Version=1&Action=List"), "form");
        assert_eq!(post(FORM, "Action=Other"), "any");
        assert_eq!(post(&[("X-Amz-Target", "T.List")], r#"{"b": [], "a": 1}"#), "json");
        assert_eq!(post(&[], r#"{"b": [], "a": 1}"#), "any");
        assert!(transport.unused().is_empty());
    }

    #[test]
    fn the_same_request_is_answered_in_order() {
        let transport = transport(
            r#"{"method":"GET","url":"https://a.example/","status":202,"body":"1"}
{"method":"GET","url":"https://a.example/","body":"2"}"#,
        );
        let get = request("GET", "https://a.example/", &[], None);
        assert_eq!(
            transport.unused(),
            ["f.jsonl:1: GET https://a.example/", "f.jsonl:2: GET https://a.example/"]
        );
        let answers: Vec<String> = (0..3).map(|_| body(&transport, &get)).collect();
        assert_eq!(answers, ["1", "2", "2"]);
    }

    #[test]
    fn a_miss_names_the_nearest() {
        let transport = transport(
            r#"{"method":"POST","url":"https://a.example/x"}
{"method":"GET","url":"https://a.example/x?limit=200"}
{"method":"GET","url":"https://a.example/y"}"#,
        );
        let missed = transport.miss(&request("GET", "https://a.example/x?limit=100", &[], None));
        assert_eq!(
            missed,
            "no fixture answers GET https://a.example/x?limit=100; the nearest is f.jsonl:2: GET \
             https://a.example/x?limit=200 (its query differs)"
        );
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = |line: &str| Fixture::parse(line, "f.jsonl").unwrap_err().to_string();
        assert!(error("\n{\"method\":\"GET\"}").starts_with("f.jsonl, line 2: missing field `url`"));
        assert!(
            error(r#"{"method":"GET","url":"https://a.example/","bdy":1}"#).contains("unknown field `bdy`")
        );
        assert!(
            error(r#"{"method":"GET","url":"https://a.example/","body":"","body_json":1}"#)
                .contains("not both")
        );
    }
}

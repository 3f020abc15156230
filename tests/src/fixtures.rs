//! A connector's own fixtures, served on loopback as if they were its system.
//!
//! Runs of the command ask for other windows of time than the fixtures were made for, so a request is answered by the
//! fixture that is most like it among those of its method and path: events of the fixtures' days come back whatever days
//! are asked for, and pages follow each other.

use crate::tools::repository;
use crate::web::{Asked, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

/// Recorded exchanges.
#[derive(Clone, Debug)]
pub struct Fixtures(Vec<Fixture>);

#[derive(Clone, Debug)]
struct Fixture {
    method: String,
    url: Url,
    asked: BTreeMap<String, String>,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Fixtures {
    /// Those of a whole system: `plugins/NAME/fixtures/whole.toml`.
    pub fn whole(connector: &str) -> Self {
        let file = folder(connector).join("whole.toml");
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let whole: toml::Table = text.parse().expect("whole.toml is TOML");
        let names = whole["fixtures"].as_array().expect("it names fixtures");
        Self::named(connector, names.iter().map(|name| name.as_str().expect("a name")))
    }

    /// Those of these files.
    pub fn named<'n>(connector: &str, files: impl IntoIterator<Item = &'n str>) -> Self {
        let read = |name: &str| {
            let file = folder(connector).join(format!("{name}.jsonl"));
            let text =
                std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            text.lines().map(Fixture::parse).collect::<Vec<_>>()
        };
        Self(files.into_iter().flat_map(read).collect())
    }

    /// The answer of the fixture that is most like the request; 404 where none has its method and path. The path may
    /// begin with the host that is meant; where it does not, links to the fixture's host lead to where was asked.
    pub fn answer(&self, asked: &Asked) -> Reply {
        let here = format!("http://{}", asked.header("host").unwrap_or_default());
        let url: Url = format!("{here}{}", asked.target).parse().expect("a request has a target");
        let given = members(&url, &String::from_utf8_lossy(&asked.body));
        let best = self
            .0
            .iter()
            .filter(|fixture| fixture.method == asked.method && fixture.is_at(url.path()))
            // The first of those that are alike.
            .rev()
            .max_by_key(|fixture| likeness(&fixture.asked, &given));
        let Some(fixture) = best else {
            return Reply::new(404, json!({"message": "no fixture answers this"}).to_string())
                .with("content-type", "application/json");
        };
        let there = fixture.url.origin().ascii_serialization();
        let by_path = fixture.url.path() == url.path();
        let local = |text: &str| if by_path { text.replace(&there, &here) } else { text.to_owned() };
        let reply = Reply::new(fixture.status, local(&fixture.body));
        fixture.headers.iter().fold(reply, |reply, (name, value)| reply.with(name, local(value)))
    }
}

fn folder(connector: &str) -> std::path::PathBuf {
    repository().join("plugins").join(connector).join("fixtures")
}

impl Fixture {
    fn parse(line: &str) -> Self {
        let line: Value = serde_json::from_str(line).expect("a fixture is a line of JSON");
        let url: Url = line["url"].as_str().expect("a fixture has a URL").parse().expect("a URL");
        let request_body = match &line["request_body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            json => json.to_string(),
        };
        let (kind, body) = match (&line["body_json"], line["body"].as_str()) {
            (Value::Null, text) => ("text/plain", text.unwrap_or_default().to_owned()),
            (json, _) => ("application/json", json.to_string()),
        };
        let mut headers = Vec::new();
        for (name, values) in line["headers"].as_object().into_iter().flatten() {
            let values = values.as_array().cloned().unwrap_or_else(|| vec![values.clone()]);
            headers.extend(values.iter().filter_map(Value::as_str).map(|v| (name.clone(), v.to_owned())));
        }
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        Self {
            method: line["method"].as_str().expect("a fixture has a method").to_owned(),
            asked: members(&url, &request_body),
            status: line["status"].as_u64().map_or(200, |status| status.try_into().expect("a status")),
            url,
            headers,
            body,
        }
    }

    fn is_at(&self, path: &str) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        self.url.path() == path
            || path.strip_prefix('/').and_then(|p| p.strip_prefix(host)) == Some(self.url.path())
    }
}

/// Parameters of the query, and members of a JSON body or of a form.
fn members(url: &Url, body: &str) -> BTreeMap<String, String> {
    let mut members: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(json)) => {
            members.extend(json.into_iter().map(|(name, value)| (name, value.to_string())))
        }
        _ => members.extend(url::form_urlencoded::parse(body.as_bytes()).into_owned()),
    }
    members
}

/// How many members are the same; less for each that only one of both has; a little for how far two texts go together.
fn likeness(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> i64 {
    let of = |(name, value): (&String, &String)| match other.get(name) {
        None => -1000,
        Some(given) if given == value => 1000,
        Some(given) => {
            let same = value.bytes().zip(given.bytes()).take_while(|(a, b)| a == b).count();
            i64::try_from(same * 500 / value.len().max(1)).expect("below 500")
        }
    };
    let more = other.keys().filter(|name| !one.contains_key(*name)).count();
    one.iter().map(of).sum::<i64>() - i64::try_from(more * 1000).expect("few")
}

//! What a connector says of itself, and what it says of settings.

use crate::Outcome;
use crate::bench::{Bench, Look};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Words in the name of a setting that asks for a secret.
const SECRET_WORDS: [&str; 6] = ["password", "token", "secret", "api_key", "apikey", "private_key"];

#[derive(Deserialize)]
struct Description {
    title: String,
    kinds: Vec<KindAnswer>,
    settings: Value,
    #[serde(default)]
    permissions: Vec<Permission>,
}

#[derive(Deserialize)]
struct KindAnswer {
    kind: String,
    #[serde(default)]
    question: String,
}

#[derive(Deserialize)]
struct Permission {
    permission: String,
    #[serde(default)]
    kinds: Vec<String>,
}

async fn description(bench: &Bench<'_>) -> Result<Description, String> {
    let text = bench.describe().await.map_err(|ended| format!("`describe` fails: {ended}"))?;
    serde_json::from_str(&text)
        .map_err(|error| format!("what `describe` returns is not of its form: {error}"))
}

/// What `describe` says, against the manifest and against what the usual run opened.
pub(super) async fn declares(bench: &Bench<'_>, usual: &Look) -> Outcome {
    let described = match description(bench).await {
        Ok(described) => described,
        Err(breach) => return Outcome::Broken(vec![breach]),
    };
    let mut breaches = Vec::new();
    let manifest: BTreeSet<String> = bench.manifest().kinds.iter().map(ToString::to_string).collect();
    let kinds: BTreeSet<String> = described.kinds.iter().map(|answer| answer.kind.clone()).collect();
    for kind in manifest.symmetric_difference(&kinds) {
        let only = if manifest.contains(kind) { "the manifest" } else { "`describe`" };
        breaches.push(format!("{kind} is in {only} alone"));
    }
    if described.title.trim().is_empty() {
        breaches.push("it has no title".to_owned());
    }
    for answer in described.kinds.iter().filter(|answer| answer.question.trim().is_empty()) {
        breaches.push(format!("{} has no question that it answers", answer.kind));
    }
    for permission in &described.permissions {
        let unknown = permission.kinds.iter().find(|kind| !kinds.contains(*kind));
        if let Some(kind) = unknown {
            breaches.push(format!(
                "the permission `{}` is for {kind}, which it does not collect",
                permission.permission
            ));
        }
    }
    if described.settings.get("type").and_then(Value::as_str) != Some("object") {
        breaches.push("its settings are no JSON Schema of an object".to_owned());
    }
    for name in properties(&described.settings).keys() {
        if SECRET_WORDS.iter().any(|word| name.to_ascii_lowercase().contains(word)) {
            breaches.push(format!("the setting `{name}` asks for a secret, which is the host's to attach"));
        }
    }
    breaches.extend(usual.seen.not_opened.iter().cloned());
    Outcome::of(breaches, format!("{} kinds, {} permissions", kinds.len(), described.permissions.len()))
}

fn properties(schema: &Value) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Settings that are missing, unknown, or of another type: each is found, with its place.
pub(super) async fn settings(bench: &Bench<'_>) -> Outcome {
    let described = match description(bench).await {
        Ok(described) => described,
        Err(breach) => return Outcome::NotJudged(breach),
    };
    let Value::Object(good) = &bench.case.settings else {
        return Outcome::NotJudged("the settings of the fixtures are no table".to_owned());
    };
    let mut tried: Vec<(String, String, Value)> = Vec::new();
    let required = described.settings.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for name in required.iter().filter_map(Value::as_str) {
        let mut without = good.clone();
        without.remove(name);
        tried.push((format!("`{name}` is missing"), format!("/{name}"), Value::Object(without)));
    }
    for name in properties(&described.settings).keys() {
        let mut other = good.clone();
        other.insert(name.clone(), serde_json::json!([[7]]));
        tried.push((format!("`{name}` is a list of lists"), format!("/{name}"), Value::Object(other)));
    }
    let mut more = good.clone();
    more.insert("no_such_setting".to_owned(), true.into());
    tried.push(("there is an unknown one".to_owned(), "/no_such_setting".to_owned(), Value::Object(more)));
    tried.push(("they are a list".to_owned(), String::new(), serde_json::json!([])));
    let mut breaches = Vec::new();
    match bench.problems(&bench.case.settings).await {
        Ok(problems) if problems.is_empty() => {}
        Ok(problems) => breaches.push(format!("the fixtures' settings are refused: {}", problems.join(", "))),
        Err(ended) => breaches.push(format!("`validate-config` fails: {ended}")),
    }
    for (what, pointer, settings) in &tried {
        match bench.problems(settings).await {
            Err(ended) => breaches.push(format!("where {what}, `validate-config` fails: {ended}")),
            Ok(found) if found.iter().any(|place| place.starts_with(pointer.as_str())) => {}
            Ok(found) if found.is_empty() => breaches.push(format!("where {what}, nothing is found")),
            Ok(found) => {
                breaches.push(format!(
                    "where {what}, it is found at `{}` and not at `{pointer}`",
                    found.join("`, `")
                ));
            }
        }
    }
    Outcome::of(breaches, format!("{} mistakes, each found", tried.len()))
}

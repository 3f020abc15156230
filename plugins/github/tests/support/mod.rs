//! What the connector's tests share: its fixtures by name, and short ways of asking a run.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub, reason = "each test uses some of it")]

use exhibit_evidence::exchange::{Answer, Exchange};
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Outcome as Run, Replay};
use serde_json::{Value, json};

/// Everything, with every permission.
pub const WHOLE: [&str; 17] = [
    "org",
    "repos",
    "people",
    "saml",
    "members",
    "teams",
    "access",
    "apps",
    "policy",
    "keys",
    "resources",
    "protection",
    "alerts",
    "pulls",
    "suites",
    "deployments",
    "audit",
];

/// The settings of an organisation that uses all of them.
pub fn whole_settings() -> Value {
    json!({
        "org": "example-org", "saml_sso": true, "service_accounts": ["CY-batch"],
        "emergency_labels": ["emergency"], "ticket_prefixes": ["OPS"]
    })
}

pub fn replay(files: &[&str]) -> Replay {
    Replay::named(files).settings(json!({"org": "example-org"}))
}

pub fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

pub fn date(text: &str) -> Option<Date> {
    Some(text.parse().unwrap())
}

/// Paths of the answers in which something was redacted, each once.
pub fn redacted(run: &Run) -> Vec<String> {
    let is_redacted = |e: &&Exchange| matches!(e.answer, Answer::Response { redacted: true, .. });
    let path =
        |e: &Exchange| e.url.split('?').next().unwrap_or_default().replace("https://api.github.com", "");
    let mut paths: Vec<String> = run.exchanges.iter().filter(is_redacted).map(path).collect();
    paths.sort();
    paths.dedup();
    paths
}

//! Answers that a Jira site once gave, replayed. They are beside the repository, never in it: `../shared/apis`.
//! `tests/real/jira_recorded.py` puts them into today's envelopes, and counts, with nothing but Python, what must come
//! of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_jira::Jira;
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Replay, recorded};
use serde_json::json;
use std::collections::BTreeMap;

/// What the script prints.
fn script(arguments: &[&str]) -> Option<String> {
    recorded("../../tests/real/jira_recorded.py", "../../../shared/apis/recorded/jira.jsonl.gz", arguments)
}

#[test]
fn what_jira_once_answered() {
    let (Some(fixtures), Some(counted)) = (script(&[]), script(&["--count"])) else { return };
    let window =
        Span { start: "2021-01-01T00:00:00Z".parse().unwrap(), end: "2024-01-01T00:00:00Z".parse().unwrap() };
    let run = Replay::text(&fixtures)
        .settings(json!({
            "site_url": "https://jupiterone-dev.atlassian.net", "change_jql": "project = JJI",
            "incident_jql": "project = INC", "approved_statuses": ["Approved"]
        }))
        .window(window)
        .run::<Jira>();
    assert!(run.failure.is_none(), "{run}");
    // No record is refused, whatever Jira sent.
    assert!(run.rejections.is_empty(), "{run}");
    run.assert_fixtures_used();
    let emitted: BTreeMap<String, u64> =
        run.populations.iter().map(|p| (p.kind.to_string(), p.emitted)).collect();
    let counted: BTreeMap<String, u64> = serde_json::from_str(&counted).unwrap();
    assert_eq!(emitted, counted, "{run}");
    // What was recorded is whole; what was not is missing, and is said to be.
    for population in &run.populations {
        let kind = population.kind.to_string();
        let is_whole = ["identity.account@1", "asset.resource@1", "change.request@1", "ops.incident@1"];
        assert_eq!(population.verdict.reason().is_none(), is_whole.contains(&kind.as_str()), "{run}");
    }
}

//! Answers that GitHub once gave, replayed. They are beside the repository, never in it: `../shared/apis`.
//! `tests/real/github_recorded.py` puts them together as one organisation, and counts, with nothing but Python, what
//! must come of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use exhibit_connector_github::GitHub;
use exhibit_sdk::kinds::{ChangeRequest, RepoProtection, Verdict};
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Replay, recorded};
use serde_json::json;
use std::collections::BTreeMap;

/// What the script prints.
fn script(arguments: &[&str]) -> Option<String> {
    recorded(
        "../../tests/real/github_recorded.py",
        "../../../shared/apis/recorded/github.jsonl.gz",
        arguments,
    )
}

#[test]
fn what_github_once_answered() {
    let (Some(fixtures), Some(counted)) = (script(&[]), script(&["--count"])) else { return };
    let window =
        Span { start: "2012-01-01T00:00:00Z".parse().unwrap(), end: "2023-01-01T00:00:00Z".parse().unwrap() };
    let run = Replay::text(&fixtures)
        .settings(json!({"org": "codeforamerica", "ticket_prefixes": ["OPS"]}))
        .window(window)
        .run::<GitHub>();
    assert!(run.failure.is_none(), "{run}");
    // No record is refused, whatever GitHub sent.
    assert!(run.rejections.is_empty(), "{run}");
    run.assert_fixtures_used();
    let emitted: BTreeMap<String, u64> =
        run.populations.iter().map(|p| (p.kind.to_string(), p.emitted)).collect();
    let counted: BTreeMap<String, u64> = serde_json::from_str(&counted).unwrap();
    assert_eq!(emitted, counted, "{run}");
    // What was not recorded is missing, and is said to be.
    for population in &run.populations {
        let is_open =
            ["vuln.finding@1", "identity.role_grant@1", "identity.auth_policy@1", "audit.activity@1"]
                .contains(&population.kind.to_string().as_str())
                || population.kind.to_string() == "identity.access_change@1";
        assert_eq!(population.verdict.reason().is_some(), is_open, "{run}");
    }
    let protection = run.records::<RepoProtection>();
    let is_protected = |record: &&exhibit_evidence::record::Record| {
        run.attributes::<RepoProtection>(&record.native_id).enabled == Some(true)
    };
    assert_eq!((protection.len(), protection.iter().filter(is_protected).count()), (30, 10));
    let change = run.records::<ChangeRequest>().swap_remove(0);
    let change: ChangeRequest = run.attributes(&change.native_id);
    assert!(change.approvals.unwrap().iter().any(|approval| approval.verdict == Verdict::Approved));
}

//! Runs the connector against recorded answers, with the host's own rules.

use {{crate}}::{{Name}};

use exhibit_sdk::prelude::*;
use exhibit_testkit::Replay;
use serde_json::json;

fn replay(fixtures: &str) -> Replay {
    Replay::fixtures(fixtures).settings(json!({"domain": "example.com"}))
}

#[test]
fn collects_every_account() {
    let outcome = replay("fixtures/basic.jsonl").run::<{{Name}}>();
    outcome.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/basic.records.jsonl");
    assert_eq!(outcome.population::<Account>().received, 3);
    let ada: Account = outcome.attributes("1");
    assert_eq!(ada.status, Some(AccountStatus::Active));
    assert_eq!(outcome.record::<Account>("3").unknown, ["admin", "mfa_status", "status"]);
}

#[test]
fn says_why_it_cannot() {
    let outcome = replay("fixtures/no-token.jsonl").run::<{{Name}}>();
    let said = outcome.assert_failed("auth");
    assert_eq!(said, "GET https://example.com/api/me answered 401: Invalid token");
}

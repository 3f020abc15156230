//! Replays made-up answers of Azure Resource Manager's with the host's own rules.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_azure::Azure;
use exhibit_sdk::kinds::Resource;
use exhibit_testkit::{Outcome as Run, Replay};
use serde_json::json;

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const PROD: &str = "/subscriptions/22222222-2222-4222-8222-222222222222";

const WHOLE: [&str; 16] = [
    "arm-subscriptions",
    "arm-permissions",
    "arm-roles",
    "arm-grants",
    "arm-locks",
    "arm-storage",
    "arm-vaults",
    "arm-compute",
    "arm-network",
    "arm-sql",
    "arm-diagnostics",
    "arm-alerts",
    "arm-defender",
    "arm-policy",
    "arm-backup",
    "arm-activity",
];

fn replay(files: &[&str]) -> Replay {
    let (first, others) = files.split_first().unwrap();
    let path = |name: &str| format!("fixtures/{name}.jsonl");
    let replay = others.iter().fold(Replay::fixtures(path(first)), |replay, name| replay.and(path(name)));
    replay.settings(json!({"tenant_id": TENANT, "directory": false}))
}

/// One population by what it asks.
#[track_caller]
fn population<'r>(run: &'r Run, kind: &str, query: &str) -> &'r exhibit_evidence::run::Population {
    let found = run.populations.iter().find(|p| p.kind.to_string() == kind && p.query.contains(query));
    found.unwrap_or_else(|| panic!("no {kind} of {query}:\n{run}"))
}

#[test]
fn a_whole_tenant() {
    let run = replay(&WHOLE).run::<Azure>();
    println!("{run}");
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/arm-whole.records.jsonl");
}

#[test]
fn subscriptions_in_every_state() {
    let run = replay(&WHOLE).run::<Azure>();
    assert_eq!(run.tenant.as_deref(), Some(TENANT));
    let subscriptions = population(&run, "asset.resource@1", "subscriptions of the tenant");
    // Two pages; of three, one is another tenant's.
    assert_eq!((subscriptions.received, subscriptions.emitted), (3, 2));
    let prod: Resource = run.attributes(PROD);
    assert_eq!((prod.name.as_str(), prod.status.as_deref()), ("Production", Some("Enabled")));
    assert_eq!(run.record::<Resource>(PROD).subject_key, Some(format!("asset:{PROD}")));
}

#[test]
fn a_subscription_that_is_not_seen_is_said() {
    let hidden = "99999999-9999-4999-8999-999999999999";
    let run = replay(&["arm-subscriptions"])
        .settings(json!({"tenant_id": TENANT, "directory": false, "subscriptions": [hidden]}))
        .run::<Azure>();
    let reason = population(&run, "asset.resource@1", "subscriptions").verdict.reason().unwrap_or_default();
    assert!(reason.contains(hidden) && reason.contains("Reader"), "{reason}");
}

#[test]
fn a_credential_of_another_tenant_is_refused() {
    let run = replay(&["arm-subscriptions"])
        .settings(json!({"tenant_id": "33333333-3333-4333-8333-333333333333", "directory": false}))
        .run::<Azure>();
    assert!(run.assert_failed("config").contains(TENANT), "{run}");
}

#[test]
fn settings_that_do_not_fit() {
    let pointer = |settings: serde_json::Value| {
        let found = exhibit_sdk::connector::validate::<Azure>(&settings.to_string());
        found.first().map(|problem| problem.pointer.clone())
    };
    assert_eq!(pointer(json!({"tenant_id": TENANT})), None);
    assert_eq!(pointer(json!({"tenant_id": "example.com"})).as_deref(), Some("/tenant_id"));
    let one_wrong = json!({"tenant_id": TENANT, "subscriptions": [TENANT, "prod"]});
    assert_eq!(pointer(one_wrong).as_deref(), Some("/subscriptions/1"));
}

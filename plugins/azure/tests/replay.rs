//! Replays made-up answers of Azure Resource Manager's with the host's own rules.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_azure::Azure;
use exhibit_sdk::kinds::Resource;
use exhibit_testkit::Replay;
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
    Replay::named(files).settings(json!({"tenant_id": TENANT, "directory": false}))
}

#[test]
fn a_whole_tenant() {
    let run = replay(&WHOLE).run::<Azure>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/arm-whole.records.jsonl");
}

#[test]
fn subscriptions_in_every_state() {
    let run = replay(&WHOLE).run::<Azure>();
    assert_eq!(run.tenant.as_deref(), Some(TENANT));
    let subscriptions = run.population_about("asset.resource@1", "subscriptions of the tenant");
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
    let reason = run
        .population_about("asset.resource@1", "subscriptions of the tenant")
        .verdict
        .reason()
        .unwrap_or_default();
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

/// The fixtures, with another answer to one request.
fn replay_but(path: &str, status: u16, code: &str, message: &str) -> Replay {
    let mut is_found = false;
    let lines: String = WHOLE
        .iter()
        .flat_map(|name| {
            let file = format!("{}/fixtures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .map(|line| {
            let mut exchange: serde_json::Value = serde_json::from_str(&line).unwrap();
            if exchange["url"].as_str().unwrap().contains(&format!("{path}?")) {
                is_found = true;
                exchange["status"] = json!(status);
                exchange["body_json"] = json!({"error": {"code": code, "message": message}});
            }
            format!("{exchange}\n")
        })
        .collect();
    assert!(is_found, "no fixture of {path}");
    Replay::text(&lines).settings(json!({"tenant_id": TENANT, "directory": false}))
}

#[test]
fn what_one_subscription_withholds_costs_nothing_else() {
    let path = format!("{PROD}/providers/Microsoft.Compute/disks");
    let message = "The client does not have authorization to perform action 'Microsoft.Compute/disks/read'.";
    let run = replay_but(&path, 403, "AuthorizationFailed", message).run::<Azure>();
    let (short, whole): (Vec<_>, Vec<_>) =
        run.populations.iter().partition(|population| population.verdict.reason().is_some());
    // The disks, and how they are encrypted.
    let kinds: Vec<String> = short.iter().map(|population| population.kind.to_string()).collect();
    assert_eq!(short.len(), 2, "{run}");
    assert!(
        kinds.contains(&"asset.resource@1".to_owned()) && kinds.contains(&"config.encryption@1".to_owned())
    );
    assert!(short.iter().all(|p| p.query.contains("disks")), "{run}");
    assert!(
        short.iter().all(|p| p.verdict.reason().unwrap().contains("Microsoft.Compute/disks/read")),
        "{run}"
    );
    assert!(whole.len() > 20, "{run}");
}

#[test]
fn a_provider_that_is_not_registered_is_said_in_its_own_words() {
    let path = format!("{PROD}/providers/Microsoft.DataProtection/backupVaults");
    let message = "The subscription is not registered to use namespace 'Microsoft.DataProtection'.";
    let run = replay_but(&path, 409, "MissingSubscriptionRegistration", message).run::<Azure>();
    let short: Vec<_> = run.populations.iter().filter_map(|population| population.verdict.reason()).collect();
    assert!(!short.is_empty() && short.iter().all(|reason| reason.contains("not registered")), "{run}");
}

#[test]
fn a_token_that_is_refused_ends_the_run() {
    let run = replay_but(".com/tenants", 401, "InvalidAuthenticationToken", "The access token is invalid.")
        .run::<Azure>();
    assert!(run.assert_failed("auth").contains("The access token is invalid."), "{run}");
}

#[test]
fn a_tenant_in_which_no_subscription_is_seen_is_incomplete() {
    let line = |path: &str, value: serde_json::Value| {
        let url = format!("https://management.azure.com/{path}?api-version=2022-12-01");
        json!({"method": "GET", "url": url, "body_json": {"value": value}}).to_string()
    };
    let lines = [line("tenants", json!([{"tenantId": TENANT}])), line("subscriptions", json!([]))].join("\n");
    let run = Replay::text(&lines).settings(json!({"tenant_id": TENANT, "directory": false})).run::<Azure>();
    let says =
        |reason: &str| reason.contains("sees no subscription") && reason.contains("subscriptions = []");
    assert!(run.populations.iter().all(|p| p.emitted == 0 && p.verdict.reason().is_some_and(says)), "{run}");
}

#[test]
fn a_window_that_begins_before_azures_log_is_incomplete() {
    // The log's own question is of the window, and so is not among the fixtures of the day.
    let window = exhibit_sdk::Span {
        start: "2025-12-03T10:00:00Z".parse().unwrap(),
        end: "2026-03-04T10:00:00Z".parse().unwrap(),
    };
    let (from, to) = ("2026-03-03T10%3A00%3A00.000Z", "2025-12-03T10%3A00%3A00.000Z");
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("{}/fixtures/{name}.jsonl", env!("CARGO_MANIFEST_DIR")));
        text.unwrap().replace(from, to)
    };
    let lines: String = WHOLE.iter().map(|name| read(name)).collect();
    let run = Replay::text(&lines)
        .settings(json!({"tenant_id": TENANT, "directory": false}))
        .window(window)
        .run::<Azure>();
    // 91 days: 28 of December, 31, 28, and 4 of March.
    let short: Vec<_> = run.populations.iter().filter(|p| p.verdict.reason().is_some()).collect();
    assert_eq!(short.len(), 2, "{run}");
    assert!(short.iter().all(|p| p.query.contains("activity logs")), "{run}");
    assert!(short.iter().all(|p| p.verdict.reason().unwrap().contains("for 90 days")), "{run}");
}

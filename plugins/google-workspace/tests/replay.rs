//! Replays made-up answers of Google Workspace's with the host's own rules. What is expected was worked out by hand from
//! the fixtures; their bodies are held against Google's discovery documents by
//! `tests/foreign/google_workspace_connector_fixtures.py`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_google_workspace::GoogleWorkspace;
use exhibit_evidence::exchange::{Answer, Exchange};
use exhibit_sdk::Level;
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Account, AccountStatus, AccountType, Activity, ActivityCategory, AppGrant,
    Endpoint, GroupMembership, MfaStatus, Outcome, Ownership, Platform, PrincipalType, RoleGrant,
};
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Outcome as Run, Replay};
use serde_json::json;

const WHOLE: [&str; 7] = ["check", "users", "groups", "roles", "tokens", "devices", "log"];
const REFUSED: &str = r#"{"error":{"code":403,"message":"Not Authorized to access this resource/api","status":"PERMISSION_DENIED"}}"#;

fn replay(files: &[&str]) -> Replay {
    Replay::named(files)
}

/// Received by the host's count, left out with a reason, emitted.
#[track_caller]
fn counts(run: &Run, kind: &str, query: &str) -> (u64, u64, u64) {
    let p = run.population_about(kind, query);
    (p.received, p.filtered.values().sum(), p.emitted)
}

fn line(url: &str, status: u16, body: &str) -> String {
    format!("{{\"method\":\"GET\",\"url\":\"https://{url}\",\"status\":{status},\"body_json\":{body}}}\n")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("fixtures/{name}.jsonl")).unwrap()
}

#[test]
fn a_whole_customer_is_complete() {
    let run = replay(&WHOLE).run::<GoogleWorkspace>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/whole.records.jsonl");
    assert_eq!(run.tenant.as_deref(), Some("C0example"));
    assert_eq!(run.said(Level::Warn), [""; 0]);
    // Four on two pages, and one deleted.
    assert_eq!(counts(&run, "identity.account@1", ""), (5, 0, 5));
    // Two groups, three members; one group is cited, the empty one left out.
    assert_eq!(counts(&run, "identity.group_membership@1", ""), (5, 1, 3));
    assert_eq!(counts(&run, "identity.role_grant@1", ""), (3, 0, 3));
    assert_eq!(counts(&run, "identity.app_grant@1", ""), (1, 0, 1));
    assert_eq!(counts(&run, "device.endpoint@1", "mobile"), (2, 0, 2));
    assert_eq!(counts(&run, "device.endpoint@1", "ChromeOS"), (1, 0, 1));
    // Four in all, of which one is a telephone and one is listed twice.
    assert_eq!(counts(&run, "device.endpoint@1", "computers"), (4, 2, 2));
    // One is of the instant at which the next window begins.
    assert_eq!(counts(&run, "audit.activity@1", "`login`"), (4, 1, 3));
    // Two entries with three events.
    assert_eq!(counts(&run, "audit.activity@1", "`admin`"), (2, 0, 3));
    assert_eq!(counts(&run, "identity.access_change@1", "`login`"), (4, 3, 1));
    assert_eq!(counts(&run, "identity.access_change@1", "`admin`"), (2, 0, 2));
}

#[test]
fn users_in_every_status_with_2_step_verification() {
    let run = replay(&["check", "users"]).wanting::<Account>().run::<GoogleWorkspace>();
    run.assert_complete();
    let expected = Account {
        display_name: Some("Ada Example".into()),
        email: Some("ada@example.com".into()),
        r#type: Some(AccountType::Human),
        status: Some(AccountStatus::Active),
        source_status: Some("active".into()),
        admin: Some(true),
        mfa_status: Some(MfaStatus::Enrolled),
        mfa_enforced: Some(true),
        created_at: Some("2021-05-26T20:33:31Z".parse().unwrap()),
        last_login_on: Some("2026-03-03".parse().unwrap()),
        employee_id: Some("E-1".into()),
        job_title: Some("Engineer".into()),
        department: Some("Platform".into()),
        manager: Some("grace@example.com".into()),
        ..Account::new("ada@example.com")
    };
    assert_eq!(run.attributes::<Account>("1001"), expected);
    let record = run.record::<Account>("1001");
    assert_eq!(
        (record.unknown, record.subject_key.as_deref()),
        (vec!["mfa_factors".to_owned()], Some("person:ada@example.com"))
    );
    let bo: Account = run.attributes("1002");
    assert_eq!(
        (bo.status, bo.mfa_status, bo.mfa_enforced),
        (Some(AccountStatus::Suspended), Some(MfaStatus::NotEnrolled), Some(false))
    );
    assert_eq!(bo.source_status.as_deref(), Some("suspended: ADMIN"));
    assert_eq!(bo.status_changed_at, Some("2026-02-01T08:00:00Z".parse().unwrap()));
    // A delegated administrator who never signed in: Google dates that to the epoch.
    let cy: Account = run.attributes("1003");
    assert_eq!((cy.status, cy.admin, cy.last_login_on), (Some(AccountStatus::Pending), Some(true), None));
    assert_eq!(run.attributes::<Account>("1004").status, Some(AccountStatus::Disabled));
    let ed: Account = run.attributes("1005");
    assert_eq!(
        (ed.status, ed.status_changed_at),
        (Some(AccountStatus::Deprovisioned), Some("2026-03-01T17:30:00Z".parse().unwrap()))
    );
    // What recovers an account is in no recording.
    let redacted = |e: &Exchange| matches!(e.answer, Answer::Response { redacted: true, .. });
    assert!(run.exchanges.iter().any(redacted));
}

#[test]
fn memberships_roles_and_applications() {
    let run = replay(&["check", "users", "groups", "roles", "tokens"])
        .wanting::<GroupMembership>()
        .wanting::<RoleGrant>()
        .wanting::<AppGrant>()
        .run::<GoogleWorkspace>();
    run.assert_complete();
    let owner: GroupMembership = run.attributes("g1/1001");
    assert_eq!((owner.group_role.as_deref(), owner.member_type), (Some("owner"), Some(PrincipalType::User)));
    assert_eq!(run.attributes::<GroupMembership>("g1/g2").member_type, Some(PrincipalType::Group));
    assert_eq!(
        run.record::<GroupMembership>("g1/2001").subject_key.as_deref(),
        Some("person:guest@example.net")
    );

    let seed: RoleGrant = run.attributes("901");
    assert_eq!(
        (seed.role_name.as_str(), seed.principal_name.as_deref()),
        ("_SEED_ADMIN_ROLE", Some("ada@example.com"))
    );
    assert_eq!((seed.scope.as_deref(), seed.permissions), (Some("customer C0example"), None));
    let desk: RoleGrant = run.attributes("902");
    assert_eq!(desk.permissions, Some(vec!["USERS_RESET_PASSWORD".into(), "USERS_RETRIEVE".into()]));
    assert_eq!(
        (desk.principal_type, desk.principal_name.as_deref()),
        (Some(PrincipalType::Group), Some("ops@example.com"))
    );
    assert_eq!(desk.scope.as_deref(), Some("organisational unit 03ph8a2z2lubvlt"));
    assert_eq!(desk.expires_at, Some("2026-06-30T00:00:00Z".parse().unwrap()));
    // Held by who is no user of the directory, in a role that is not listed.
    let other = run.record::<RoleGrant>("903");
    assert_eq!(other.unknown, ["granted_at", "permissions", "principal_type"]);

    let app: AppGrant = run.attributes("1001/123.apps.example.com");
    let scopes =
        ["https://mail.google.com/", "https://www.googleapis.com/auth/drive"].map(str::to_owned).to_vec();
    assert_eq!((app.app_name.as_deref(), app.scopes), (Some("Backup app"), Some(scopes)));
    assert_eq!(app.principal_name.as_deref(), Some("ada@example.com"));
}

#[test]
fn devices_of_three_lists() {
    let run = replay(&["check", "devices"]).wanting::<Endpoint>().run::<GoogleWorkspace>();
    run.assert_complete();
    let phone: Endpoint = run.attributes("AFiQxQ8");
    assert_eq!(
        (phone.platform, phone.disk_encrypted, phone.jailbroken),
        (Some(Platform::Android), Some(true), Some(false))
    );
    assert_eq!(run.record::<Endpoint>("AFiQxQ8").subject_key.as_deref(), Some("device:F2LX0ABCDEF"));
    let blocked = run.record::<Endpoint>("AFiQxQ9");
    assert_eq!(
        blocked.unknown,
        ["disk_encrypted", "jailbroken", "ownership", "screen_lock_enabled", "serial"]
    );
    assert_eq!(run.attributes::<Endpoint>("AFiQxQ9").managed, Some(false));
    let chrome: Endpoint = run.attributes("c1");
    assert_eq!((chrome.jailbroken, chrome.managed), (Some(true), Some(true)));
    let mine: Endpoint = run.attributes("devices/w1");
    assert_eq!(
        (mine.ownership, mine.platform, mine.hostname.as_str()),
        (Some(Ownership::Personal), Some(Platform::Windows), "ADA-PC")
    );
}

#[test]
fn sign_ins_and_what_administrators_did() {
    let run =
        replay(&["check", "log"]).wanting::<Activity>().wanting::<AccessChange>().run::<GoogleWorkspace>();
    run.assert_complete();
    let success: Activity = run.attributes("login/2026-03-03T12:00:00.000Z/-1/0");
    assert_eq!(
        (success.result, success.mfa_used, success.source_ip.as_deref()),
        (Some(Outcome::Success), Some(true), Some("192.0.2.7"))
    );
    assert_eq!(
        (success.category, success.actor_id.as_deref()),
        (Some(ActivityCategory::Authentication), Some("1001"))
    );
    let failure: Activity = run.attributes("login/2026-03-03T11:30:00.000Z/-2/0");
    assert_eq!(
        (failure.result, failure.reason.as_deref()),
        (Some(Outcome::Failure), Some("login_failure_invalid_password"))
    );
    let enrolled: AccessChange = run.attributes("login/2026-03-03T11:00:00.000Z/-3/0");
    assert_eq!(
        (enrolled.action, enrolled.target_id.as_deref()),
        (AccessAction::MfaEnrolled, Some("cy@example.com"))
    );
    let role: AccessChange = run.attributes("admin/2026-03-03T15:00:00.123Z/77/0");
    let expected = AccessChange {
        source_action: Some("ASSIGN_ROLE".into()),
        result: Some(Outcome::Success),
        actor_id: Some("1001".into()),
        actor_type: Some(PrincipalType::User),
        actor_name: Some("ada@example.com".into()),
        target_id: Some("cy@example.com".into()),
        target_type: Some(PrincipalType::User),
        target_name: Some("cy@example.com".into()),
        object_id: Some("502".into()),
        object_name: Some("Help desk".into()),
        privileged: Some(true),
        source_ip: Some("192.0.2.7".into()),
        ..AccessChange::new(AccessAction::RoleGranted)
    };
    assert_eq!(role, expected);
    let renamed: Activity = run.attributes("admin/2026-03-03T15:00:00.123Z/77/1");
    assert_eq!(
        (renamed.activity.as_str(), renamed.category),
        ("CHANGE_FIRST_NAME", Some(ActivityCategory::Configuration))
    );
    let added: AccessChange = run.attributes("admin/2026-03-03T14:00:00.000Z/78/0");
    assert_eq!(
        (added.actor_name.as_deref(), added.actor_type),
        (Some("SYSTEM"), Some(PrincipalType::Service))
    );
}

#[test]
fn a_window_that_begins_before_google_s_memory_is_incomplete() {
    // 181 days before 2026-03-04T10:00:00Z.
    let start: Timestamp = "2025-09-04T10:00:00Z".parse().unwrap();
    let end: Timestamp = "2025-09-05T10:00:00Z".parse().unwrap();
    let window =
        "?startTime=2025-09-04T10%3A00%3A00.000Z&endTime=2025-09-05T10%3A00%3A00.000Z&maxResults=1000";
    let reports = "admin.googleapis.com/admin/reports/v1/activity/users/all/applications";
    let empty = ["login", "admin"].map(|log| line(&format!("{reports}/{log}{window}"), 200, "{}")).concat();
    let run = Replay::text(&(file("check") + &empty))
        .window(Span { start, end })
        .wanting::<Activity>()
        .run::<GoogleWorkspace>();
    for p in &run.populations {
        assert!(p.verdict.reason().unwrap_or_default().contains("keeps these events for 180 days"), "{run}");
    }
}

#[test]
fn every_list_but_users_may_be_withheld() {
    let refused = |names: &[&str]| {
        let lines = names.iter().flat_map(|name| file(name).lines().map(str::to_owned).collect::<Vec<_>>());
        let url = |text: String| {
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["url"].as_str().unwrap().to_owned()
        };
        let mut urls: Vec<String> =
            lines.map(url).filter(|url| !url.contains("pageToken") && !url.contains("/members")).collect();
        urls.dedup();
        urls.iter().map(|url| line(url.trim_start_matches("https://"), 403, REFUSED)).collect::<String>()
    };
    // The check's own questions, but for the first: that users may be listed.
    let check = file("check");
    let (first, others) = check.split_once('\n').unwrap();
    let closed: String = others
        .lines()
        .map(|text| {
            serde_json::from_str::<serde_json::Value>(text).unwrap()["url"].as_str().unwrap().to_owned()
        })
        .map(|url| line(url.trim_start_matches("https://"), 403, REFUSED))
        .collect();
    let lines = format!(
        "{first}\n{}{closed}{}",
        file("users"),
        refused(&["groups", "roles", "tokens", "devices", "log"])
    );
    let run = Replay::text(&lines).run::<GoogleWorkspace>();
    assert!(run.failure.is_none() && run.rejections.is_empty(), "{run}");
    assert_eq!(run.tenant.as_deref(), Some("C0example"));
    for p in &run.populations {
        let reason = p.verdict.reason().unwrap_or_default();
        let is_users = p.kind.to_string() == "identity.account@1";
        assert!(is_users == reason.is_empty(), "{}: {reason}", p.query);
        assert!(is_users || reason.contains("Not Authorized to access"), "{}: {reason}", p.query);
    }
    let warned = run.said(Level::Warn);
    let scope = "delegate the scope admin.directory.group.readonly";
    assert!(warned.iter().any(|line| line.contains(scope)), "{warned:?}");
}

#[test]
fn a_refused_credential_fails_the_check() {
    let users = "admin.googleapis.com/admin/directory/v1/users?customer=my_customer&maxResults=1";
    let body = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}"#;
    let run = Replay::text(&line(users, 401, body)).run::<GoogleWorkspace>();
    assert!(run.assert_failed("auth").contains("UNAUTHENTICATED"), "{run}");
    let run = Replay::text(&line(users, 403, REFUSED)).run::<GoogleWorkspace>();
    assert!(
        run.assert_failed("permission").contains("delegate the scope admin.directory.user.readonly"),
        "{run}"
    );
}

#[test]
fn an_empty_customer_and_words_that_nobody_knows_yet() {
    let strange = r#"{"users":[{"id":"1","primaryEmail":"ada@example.com","customerId":"C0example","colour":"red"},{"id":7}]}"#;
    let first = r#"{"users":[{"customerId":"C0example"}]}"#;
    let users = "admin.googleapis.com/admin/directory/v1/users?customer=my_customer&maxResults";
    let lines = line(&format!("{users}=1"), 200, first)
        + &line(&format!("{users}=500&projection=full"), 200, strange)
        + &line(&format!("{users}=500&projection=full&showDeleted=true"), 200, "{}");
    let run = Replay::text(&lines).wanting::<Account>().run::<GoogleWorkspace>();
    assert!(run.failure.is_none() && run.rejections.is_empty(), "{run}");
    let accounts = run.population_about("identity.account@1", "");
    assert_eq!(
        (accounts.received, accounts.emitted),
        (2, 1),
        "one cannot be read, and costs the other nothing"
    );
    assert!(accounts.verdict.reason().is_some());
    let unknown =
        ["admin", "created_at", "last_login_on", "mfa_enforced", "mfa_factors", "mfa_status", "status"];
    assert_eq!(run.record::<Account>("1").unknown, unknown);

    let devices = "admin.googleapis.com/admin/directory/v1/customer/my_customer/devices";
    let odd = r#"{"mobiledevices":[{"resourceId":"r1","os":"Toaster 1","status":"DREAMING","encryptionStatus":"Quantum"}]}"#;
    let computers = "cloudidentity.googleapis.com/v1/devices?view";
    let lines = file("check")
        + &line(&format!("{devices}/mobile?maxResults=100&projection=FULL"), 200, odd)
        + &line(&format!("{devices}/chromeos?maxResults=100&projection=FULL"), 200, "{}")
        + &line(&format!("{computers}=USER_ASSIGNED_DEVICES&pageSize=100"), 200, "{}")
        + &line(&format!("{computers}=COMPANY_INVENTORY&pageSize=100"), 200, "{}");
    let run = Replay::text(&lines).wanting::<Endpoint>().run::<GoogleWorkspace>();
    run.assert_complete();
    assert_eq!(counts(&run, "device.endpoint@1", "ChromeOS"), (0, 0, 0), "that there is none is evidence");
    let device = run.record::<Endpoint>("r1");
    assert_eq!(
        device.unknown,
        ["disk_encrypted", "jailbroken", "managed", "ownership", "screen_lock_enabled", "serial"]
    );
    assert_eq!(run.attributes::<Endpoint>("r1").platform, Some(Platform::Other));
}

#[test]
fn settings_that_do_not_fit() {
    let pointers = |settings: serde_json::Value| {
        let found = exhibit_sdk::connector::validate::<GoogleWorkspace>(&settings.to_string());
        found.into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
    };
    assert_eq!(pointers(json!({})), [""; 0]);
    assert_eq!(pointers(json!({"customer": "C0example", "endpoint": "http://127.0.0.1:5000"})), [""; 0]);
    assert_eq!(pointers(json!({"customer": "example.com"})), ["/customer"]);
    assert_eq!(pointers(json!({"endpoint": "http://example.com"})), ["/endpoint"]);
}

//! Replays made-up answers of Google Cloud's with the host's own rules. What is expected was worked out by hand from the
//! fixtures; their bodies are held against Google's discovery documents by `tests/foreign/gcp_connector_fixtures.py`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_gcp::Gcp;
use exhibit_sdk::Level;
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Account, AccountStatus, Activity, ActivityCategory, AlertRule, Assignment,
    BackupPlan, Credential, CredentialStatus, Encryption, KeyManagement, Logging, NetworkRule, Outcome,
    PrincipalType, Resource, RoleGrant, Severity,
};
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Outcome as Run, Replay};
use serde_json::json;

const WHOLE: [&str; 16] = [
    "tree", "check", "private", "services", "roles", "grants", "accounts", "storage", "kms", "network",
    "sql", "logging", "alerts", "channels", "policies", "log",
];
const ORG: &str = "//cloudresourcemanager.googleapis.com/organizations/123456789012";
const PROD: &str = "//cloudresourcemanager.googleapis.com/projects/900000000001";
const DEV: &str = "//cloudresourcemanager.googleapis.com/projects/900000000002";

fn replay(files: &[&str]) -> Replay {
    Replay::named(files).settings(json!({"organization": "123456789012"}))
}

/// Received by the host's count, left out with a reason, emitted.
#[track_caller]
fn counts(run: &Run, kind: &str, query: &str) -> (u64, u64, u64) {
    let p = run.population_about(kind, query);
    (p.received, p.filtered.values().sum(), p.emitted)
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn a_whole_organisation_is_complete() {
    let run = replay(&WHOLE).run::<Gcp>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/whole.records.jsonl");
    assert_eq!(run.tenant.as_deref(), Some("organizations/123456789012"));
    assert_eq!(run.said(Level::Warn), [""; 0]);
    // Two folders, three projects; the organisation has a population of its own.
    assert_eq!(counts(&run, "asset.resource@1", "beneath"), (5, 0, 5));
    assert_eq!(counts(&run, "asset.resource@1", "enabled services"), (5, 0, 5));
    assert_eq!(counts(&run, "asset.resource@1", "roles"), (3, 0, 3));
    // Six bindings. Members on the spot: two, two, none, three; the development project inherits the organisation's two,
    // the production project those and the folder's two.
    assert_eq!(counts(&run, "identity.role_grant@1", "IAM policies of the organisation"), (6, 0, 7 + 2 + 4));
    assert_eq!(counts(&run, "config.logging@1", "audit configuration"), (6, 6, 4));
    assert_eq!(counts(&run, "identity.account@1", ""), (2, 0, 2));
    // Two accounts lead to four keys, of which Google holds one.
    assert_eq!(counts(&run, "identity.credential@1", ""), (6, 1, 3));
    assert_eq!(counts(&run, "asset.resource@1", "buckets"), (3, 0, 3));
    // Three buckets, four bindings with five members.
    assert_eq!(counts(&run, "identity.role_grant@1", "buckets"), (7, 0, 5));
    // Two locations, one ring, three keys; two services of the development project say that it has none.
    assert_eq!(counts(&run, "config.encryption@1", "keeping"), (8, 5, 3));
    assert_eq!(counts(&run, "asset.resource@1", "networks"), (5, 2, 3));
    assert_eq!(counts(&run, "config.logging@1", "flow"), (5, 3, 2));
    // Three rules, of which the first has three kinds of traffic.
    assert_eq!(counts(&run, "config.network_rule@1", ""), (5, 2, 5));
    assert_eq!(counts(&run, "config.encryption@1", "Cloud SQL"), (4, 2, 4));
    assert_eq!(counts(&run, "config.backup_plan@1", ""), (4, 2, 2));
    assert_eq!(counts(&run, "config.logging@1", "sinks"), (5, 0, 5));
    assert_eq!(counts(&run, "config.logging@1", "log buckets"), (4, 0, 4));
    assert_eq!(counts(&run, "config.alert_rule@1", ""), (1, 0, 1));
    assert_eq!(counts(&run, "asset.resource@1", "organisation policies"), (3, 0, 3));
    assert_eq!(counts(&run, "audit.activity@1", ""), (4, 0, 4));
    // Of four entries one changes two grants, one makes a key.
    assert_eq!(counts(&run, "identity.access_change@1", ""), (4, 2, 3));
}

#[test]
fn the_tree_in_every_state() {
    let run = replay(&WHOLE).run::<Gcp>();
    let dev: Resource = run.attributes(DEV);
    let expected = Resource {
        container: Some("organizations/123456789012".into()),
        tags: Some(vec!["env=dev".into(), "team=platform".into()]),
        status: Some("ACTIVE".into()),
        created_at: time("2021-07-01T08:00:00.001Z"),
        details: Details::new().with("project_id", "example-dev-1").some(),
        ..Resource::new("Development", "gcp:cloudresourcemanager:project")
    };
    assert_eq!(dev, expected);
    assert_eq!(run.record::<Resource>(DEV).subject_key, Some(format!("asset:{DEV}")));
    let old: Resource = run.attributes("//cloudresourcemanager.googleapis.com/folders/222222222222");
    assert_eq!(old.status.as_deref(), Some("DELETE_REQUESTED"));
    let enforced = |name: &str| run.attributes::<Resource>(name).details.unwrap();
    let switch = enforced(
        "//orgpolicy.googleapis.com/organizations/123456789012/policies/iam.disableServiceAccountKeyCreation",
    );
    assert!(serde_json::to_string(&switch).unwrap().starts_with(r#"{"enforced":true,"#));
    // Enforced under a condition only.
    let conditional =
        enforced("//orgpolicy.googleapis.com/projects/900000000001/policies/compute.requireOsLogin");
    assert!(serde_json::to_string(&conditional).unwrap().starts_with(r#"{"enforced":false,"#));
}

#[test]
fn grants_where_they_stand_and_where_they_are_inherited() {
    let run = replay(&["tree", "check", "roles", "grants", "storage"]).wanting::<RoleGrant>().run::<Gcp>();
    assert!(run.failure.is_none(), "{run}");
    let own = "organizations/123456789012/roles/deployer";
    let expected = RoleGrant {
        principal_type: Some(PrincipalType::Group),
        principal_name: Some("ops@example.com".into()),
        role_id: Some(own.into()),
        scope: Some(ORG.into()),
        // It may act as any service account.
        privileged: Some(true),
        assignment: Some(Assignment::Direct),
        state: Some(exhibit_sdk::kinds::GrantState::Active),
        conditional: Some(false),
        permissions: Some(vec!["iam.serviceAccounts.actAs".into(), "run.services.update".into()]),
        ..RoleGrant::new("group:ops@example.com", "Deployer")
    };
    assert_eq!(run.attributes::<RoleGrant>(&format!("{ORG}/{own}/group:ops@example.com")), expected);
    let inherited = RoleGrant {
        scope: Some(PROD.into()),
        assignment: Some(Assignment::Inherited),
        via_id: Some("organizations/123456789012".into()),
        via_name: Some("example.com".into()),
        ..expected
    };
    let key = format!("{PROD}/{own}/group:ops@example.com/from/organizations/123456789012");
    assert_eq!(run.attributes::<RoleGrant>(&key), inherited);

    let ada = run
        .record::<RoleGrant>(&format!("{ORG}/roles/resourcemanager.organizationAdmin/user:Ada@example.com"));
    assert_eq!(ada.subject_key.as_deref(), Some("person:ada@example.com"));
    // FNV-1a of `request.time.getDayOfWeek() < 6`, by a Python of five lines.
    let conditional: RoleGrant =
        run.attributes(&format!("{PROD}/roles/storage.admin/user:cy@example.com/if/f7087b92b7397df3"));
    assert_eq!((conditional.conditional, conditional.privileged), (Some(true), Some(true)));
    // A role that is gone, held by someone who is gone: what it permitted is not known.
    let gone = run.record::<RoleGrant>(&format!(
        "{PROD}/projects/example-prod-1/roles/gone/deleted:user:di@example.com?uid=123456789012345678901"
    ));
    assert_eq!(
        (gone.subject_key, gone.unknown),
        (None, vec!["permissions".to_owned(), "privileged".to_owned()])
    );
    let site = "//storage.googleapis.com/example-site";
    let public: RoleGrant = run.attributes(&format!("{site}/roles/storage.objectViewer/allUsers"));
    assert_eq!((public.principal_type, public.scope.as_deref()), (Some(PrincipalType::Public), Some(site)));

    let bare = replay(&["tree", "check", "roles", "grants", "storage"])
        .settings(json!({"organization": "123456789012", "inherited_grants": false}))
        .wanting::<RoleGrant>()
        .run::<Gcp>();
    assert_eq!(counts(&bare, "identity.role_grant@1", "IAM policies of the organisation"), (6, 0, 7));
}

#[test]
fn what_is_audited_is_the_sum_of_what_stands_above() {
    let run = replay(&WHOLE).run::<Gcp>();
    let audit: Logging = run.attributes(&format!("{PROD}/auditConfigs"));
    assert_eq!((audit.enabled, audit.log_type.as_str()), (Some(true), "data_access"));
    assert_eq!(audit.events, Some(vec!["admin_read".into(), "data_write".into()]));
    let details = serde_json::to_value(&audit.details).unwrap();
    let exempted =
        json!({"allServices data_write": ["serviceAccount:ci@example-prod-1.iam.gserviceaccount.com"]});
    assert_eq!(details["exempted_members"], exempted);
    assert_eq!(
        details["services"],
        json!({"allServices": ["admin_read", "data_write"], "storage.googleapis.com": ["data_read"]})
    );
}

#[test]
fn service_accounts_and_the_age_of_their_keys() {
    let run =
        replay(&["tree", "check", "accounts"]).wanting::<Account>().wanting::<Credential>().run::<Gcp>();
    run.assert_complete().assert_fixtures_used();
    let old: Account = run.attributes("100000000000000000002");
    assert_eq!((old.status, old.display_name), (Some(AccountStatus::Disabled), None));
    let record = run.record::<Account>("100000000000000000001");
    assert_eq!(record.unknown, ["admin", "created_at", "last_login_on"]);
    let of_account = "account:organizations/123456789012:ci@example-prod-1.iam.gserviceaccount.com";
    assert_eq!(record.subject_key.as_deref(), Some(of_account));
    let key = |account: &str, id: &str| {
        let name = format!(
            "projects/example-prod-1/serviceAccounts/{account}@example-prod-1.iam.gserviceaccount.com/keys/{id}"
        );
        run.attributes::<Credential>(&name)
    };
    let of_ci = key("ci", "aaaa000000000000000000000000000000000001");
    assert_eq!(
        (of_ci.status, of_ci.created_at),
        (Some(CredentialStatus::Active), time("2024-01-10T09:00:00Z"))
    );
    assert_eq!((of_ci.expires_at, of_ci.owner_id.as_deref()), (None, Some("100000000000000000001")));
    assert_eq!(
        key("old", "bbbb000000000000000000000000000000000001").status,
        Some(CredentialStatus::Expired)
    );
    let exposed = key("old", "bbbb000000000000000000000000000000000002");
    assert_eq!(exposed.status, Some(CredentialStatus::Inactive));
    assert_eq!(exposed.source_status.as_deref(), Some("SERVICE_ACCOUNT_KEY_DISABLE_REASON_EXPOSED"));
}

#[test]
fn buckets_and_who_reaches_them() {
    let run = replay(&WHOLE).run::<Gcp>();
    let bucket = |name: &str| run.attributes::<Resource>(&format!("//storage.googleapis.com/{name}"));
    let logs = bucket("example-logs");
    assert_eq!((logs.publicly_accessible, logs.public_access_blocked), (Some(false), Some(true)));
    assert_eq!((logs.versioning_enabled, logs.region.as_deref()), (Some(true), Some("europe-west1")));
    // 400 days: 400 * 86400.
    assert_eq!(
        serde_json::to_value(&logs.details).unwrap(),
        json!({"public_access_prevention": "enforced", "retention_locked": true, "retention_seconds": 34_560_000,
               "soft_delete_seconds": 604_800, "storage_class": "STANDARD", "uniform_bucket_level_access": true})
    );
    let site = bucket("example-site");
    assert_eq!((site.publicly_accessible, site.public_access_blocked), (Some(true), Some(false)));
    // Without uniform access, what lists of access say is not known.
    assert_eq!(bucket("example-old").publicly_accessible, None);
    assert_eq!(
        run.record::<Resource>("//storage.googleapis.com/example-old").unknown,
        ["publicly_accessible"]
    );
    let encryption = |name: &str| run.attributes::<Encryption>(&format!("//storage.googleapis.com/{name}"));
    assert_eq!(encryption("example-logs").key_management, Some(KeyManagement::Customer));
    assert_eq!(
        encryption("example-logs").key_id.as_deref(),
        Some(
            "//cloudkms.googleapis.com/projects/example-prod-1/locations/europe-west1/keyRings/main/cryptoKeys/storage"
        )
    );
    assert_eq!(encryption("example-old").key_management, Some(KeyManagement::Provider));
    let logging: Logging = run.attributes("//storage.googleapis.com/example-site");
    assert_eq!((logging.enabled, logging.destination.as_deref()), (Some(true), Some("example-logs/site")));
}

#[test]
fn keys_rotate_or_do_not() {
    let run = replay(&WHOLE).run::<Gcp>();
    let key = |name: &str| {
        let ring = "//cloudkms.googleapis.com/projects/example-prod-1/locations/europe-west1/keyRings/main/cryptoKeys";
        run.attributes::<Encryption>(&format!("{ring}/{name}"))
    };
    // 7776000 s / 86400.
    assert_eq!((key("storage").rotation_enabled, key("storage").rotation_days), (Some(true), Some(90)));
    assert_eq!((key("sql").rotation_enabled, key("sql").rotation_days), (Some(false), None));
    // Keys that sign do not rotate by themselves, and have no primary version.
    assert_eq!((key("release").rotation_enabled, key("release").enabled), (None, None));
    assert_eq!(key("release").algorithm.as_deref(), Some("EC_SIGN_P256_SHA256"));
}

#[test]
fn firewall_rules_and_flow_logs() {
    let run = replay(&WHOLE).run::<Gcp>();
    let compute = "//compute.googleapis.com/projects/example-prod-1";
    let rule = |key: &str| run.attributes::<NetworkRule>(&format!("{compute}/global/firewalls/{key}"));
    let admin = rule("allow-admin/allow/tcp/3000-3010");
    assert_eq!(
        (admin.port_from, admin.port_to, admin.open_to_internet),
        (Some(3000), Some(3010), Some(true))
    );
    assert_eq!(admin.network_id, Some(format!("{compute}/global/networks/main")));
    assert_eq!(
        (rule("allow-admin/allow/icmp/all").port_from, rule("allow-admin/allow/tcp/22").port_to),
        (None, Some(22))
    );
    let egress = rule("deny-egress/deny/all/all");
    assert_eq!(
        (egress.action, egress.protocol.as_deref()),
        (exhibit_sdk::kinds::RuleAction::Deny, Some("any"))
    );
    let internal = rule("internal/allow/tcp/5432");
    assert_eq!((internal.enabled, internal.open_to_internet), (Some(false), Some(false)));
    assert_eq!(internal.peers, Some(vec!["app".into()]));
    let flows = |key: &str| run.attributes::<Logging>(&format!("{compute}/regions/{key}")).enabled;
    assert_eq!(flows("europe-west1/subnetworks/app"), Some(true));
    assert_eq!(flows("us-central1/subnetworks/batch"), Some(false));
}

#[test]
fn databases_their_keys_reach_and_backups() {
    let run = replay(&WHOLE).run::<Gcp>();
    let sql = |name: &str| format!("//cloudsql.googleapis.com/projects/example-prod-1/instances/{name}");
    let orders: Resource = run.attributes(&sql("orders"));
    assert_eq!((orders.publicly_accessible, orders.deletion_protected), (Some(false), Some(true)));
    let reports: Resource = run.attributes(&sql("reports"));
    assert_eq!((reports.publicly_accessible, reports.deletion_protected), (Some(true), None));
    assert_eq!(run.record::<Resource>(&sql("reports")).unknown, ["deletion_protected", "engine_version"]);
    let transit = |name: &str| run.attributes::<Encryption>(&format!("{}/in_transit", sql(name))).enabled;
    assert_eq!((transit("orders"), transit("reports")), (Some(true), Some(false)));
    let rest: Encryption = run.attributes(&format!("{}/at_rest", sql("orders")));
    assert_eq!(rest.key_management, Some(KeyManagement::Customer));
    let plan: BackupPlan = run.attributes(&sql("orders"));
    assert_eq!((plan.enabled, plan.point_in_time_recovery), (Some(true), Some(true)));
    assert_eq!(plan.schedule.as_deref(), Some("daily 02:00 UTC"));
    assert_eq!(run.attributes::<BackupPlan>(&sql("reports")).enabled, Some(false));
}

#[test]
fn sinks_log_buckets_metrics_and_alerts() {
    let run = replay(&WHOLE).run::<Gcp>();
    let sink: Logging = run.attributes("//logging.googleapis.com/organizations/123456789012/sinks/all-audit");
    assert_eq!((sink.organization_wide, sink.enabled), (Some(true), Some(true)));
    assert_eq!(sink.destination.as_deref(), Some("storage.googleapis.com/example-logs"));
    let details = serde_json::to_value(&sink.details).unwrap();
    assert_eq!(
        details["exclusions"],
        json!({"noise": "resource.type=\"gce_instance\""}),
        "only those in force"
    );
    let off: Logging = run.attributes("//logging.googleapis.com/projects/900000000002/sinks/_Default");
    assert_eq!(off.enabled, Some(false));
    let kept: Logging =
        run.attributes("//logging.googleapis.com/projects/example-prod-1/locations/global/buckets/_Required");
    assert_eq!((kept.retention_days, kept.enabled), (Some(400), Some(true)));
    let rule: AlertRule = run
        .attributes("//monitoring.googleapis.com/projects/example-prod-1/alertPolicies/8900061597970753716");
    assert_eq!(rule.features, Some(vec!["logging.googleapis.com/user/iam-changes".into()]));
    assert_eq!((rule.severity, rule.rule_type.as_deref()), (Some(Severity::Medium), Some("threshold")));
    // The other channel is switched off.
    assert_eq!(rule.notifies, Some(vec!["email: oncall@example.com".into()]));
    assert_eq!(
        rule.condition.as_deref(),
        Some(
            "Any change: metric.type=\"logging.googleapis.com/user/iam-changes\" AND resource.type=\"global\" COMPARISON_GT 0 for 0s"
        )
    );
    let secret = |e: &exhibit_evidence::exchange::Exchange| format!("{e:?}").contains("made-up-token");
    assert!(!run.exchanges.iter().any(secret));
}

#[test]
fn audit_logs_of_all_pages_and_what_they_change() {
    let run = replay(&["tree", "check", "private", "log"])
        .wanting::<Activity>()
        .wanting::<AccessChange>()
        .run::<Gcp>();
    run.assert_complete();
    let log = "projects/example-prod-1/logs/cloudaudit.googleapis.com%2Factivity";
    let first = format!("{log}/2026-03-03T11:00:00.123456789Z/i1");
    let event = run.record::<Activity>(&first);
    assert_eq!(event.occurred_at.map(|at| at.to_string()).as_deref(), Some("2026-03-03T11:00:00.123Z"));
    let event: Activity = run.attributes(&first);
    assert_eq!((event.category, event.result), (Some(ActivityCategory::Access), Some(Outcome::Success)));
    assert_eq!(event.source_ip.as_deref(), Some("192.0.2.7"));
    let denied: Activity = run.attributes(&format!("{log}/2026-03-03T13:00:00Z/i3"));
    assert_eq!((denied.result, denied.severity), (Some(Outcome::Denied), Some(Severity::High)));
    assert_eq!(
        (denied.actor_id.as_deref(), denied.actor_type),
        (Some("bo@example.com"), Some(PrincipalType::User))
    );

    let granted: AccessChange = run.attributes(&format!("{first}/0"));
    let expected = AccessChange {
        source_action: Some("SetIamPolicy".into()),
        result: Some(Outcome::Success),
        actor_id: Some("user:ada@example.com".into()),
        actor_type: Some(PrincipalType::User),
        actor_name: Some("ada@example.com".into()),
        target_id: Some("user:bo@example.com".into()),
        target_type: Some(PrincipalType::User),
        target_name: Some("bo@example.com".into()),
        object_id: Some("roles/owner".into()),
        object_name: Some("projects/example-prod-1".into()),
        privileged: Some(true),
        source_ip: Some("192.0.2.7".into()),
        ..AccessChange::new(AccessAction::RoleGranted)
    };
    assert_eq!(granted, expected);
    assert_eq!(
        run.record::<AccessChange>(&format!("{first}/0")).subject_key.as_deref(),
        Some("person:bo@example.com")
    );
    assert_eq!(run.attributes::<AccessChange>(&format!("{first}/1")).action, AccessAction::RoleRevoked);
    let key: AccessChange = run.attributes(&format!("{log}/2026-03-03T12:00:00.000000001Z/i2"));
    assert_eq!((key.action, key.source_ip), (AccessAction::CredentialCreated, None));
    assert_eq!(key.actor_type, Some(PrincipalType::Service));

    let seen: Activity = run.attributes("organizations/123456789012/logs/cloudaudit.googleapis.com%2Faccess_transparency/2026-03-03T14:00:00.5Z/i4");
    assert_eq!((seen.activity.as_str(), seen.country.as_deref()), ("GoogleInternal.Read", Some("CA")));
    assert_eq!(seen.reason.as_deref(), Some("CUSTOMER_INITIATED_SUPPORT: Case number: bar123"));
}

#[test]
fn a_window_that_begins_before_google_s_memory_is_incomplete() {
    // 401 days before 2026-03-04T10:00:00Z.
    let start: Timestamp = "2025-01-27T10:00:00Z".parse().unwrap();
    let end: Timestamp = "2025-01-28T10:00:00Z".parse().unwrap();
    let empty = r#"{"method":"POST","url":"https://logging.googleapis.com/v2/entries:list","body_json":{}}"#;
    let base = ["tree", "check", "private"]
        .map(|name| std::fs::read_to_string(format!("fixtures/{name}.jsonl")).unwrap());
    let run = Replay::text(&format!("{}\n{empty}\n", base.concat()))
        .settings(json!({"organization": "123456789012"}))
        .window(Span { start, end })
        .wanting::<Activity>()
        .run::<Gcp>();
    let p = run.population_about("audit.activity@1", "");
    assert!(p.verdict.reason().unwrap_or_default().contains("keeps these logs for 400 days"), "{run}");
}

/// What the tests beneath answer with, beside what they are about.
const REFUSED: &str = r#"{"error":{"code":403,"message":"Permission 'x.y.list' denied on resource","status":"PERMISSION_DENIED"}}"#;

fn line(method: &str, url: &str, status: u16, body: &str) -> String {
    format!(
        "{{\"method\":\"{method}\",\"url\":\"https://{url}\",\"status\":{status},\"body_json\":{body}}}\n"
    )
}

/// One project and nothing above it.
fn lone_project() -> String {
    line(
        "GET",
        "cloudresourcemanager.googleapis.com/v3/projects/example-one",
        200,
        r#"{"name":"projects/900000000009","projectId":"example-one","state":"ACTIVE","displayName":"One"}"#,
    ) + &line(
        "POST",
        "cloudresourcemanager.googleapis.com/v3/projects/example-one:testIamPermissions",
        200,
        r#"{"permissions":["logging.privateLogEntries.list"]}"#,
    ) + &line(
        "POST",
        "cloudresourcemanager.googleapis.com/v3/projects/900000000009:testIamPermissions",
        200,
        r#"{"permissions":["resourcemanager.projects.get","logging.privateLogEntries.list"]}"#,
    )
}

/// Every list of a project, each with this answer.
fn lists(status: u16, body: &str) -> String {
    let p = "projects/example-one";
    let get = |url: String| line("GET", &url, status, body);
    let services = "filter=state%3AENABLED&pageSize=200&fields=nextPageToken%2Cservices%28name%2Cstate%2Cconfig%2Ftitle%29";
    [
        format!("serviceusage.googleapis.com/v1/{p}/services?{services}"),
        format!("iam.googleapis.com/v1/{p}/roles?view=FULL&showDeleted=true&pageSize=1000"),
        format!("iam.googleapis.com/v1/{p}/serviceAccounts?pageSize=100"),
        "storage.googleapis.com/storage/v1/b?project=example-one&projection=noAcl&maxResults=1000".to_owned(),
        format!("cloudkms.googleapis.com/v1/{p}/locations"),
        format!("compute.googleapis.com/compute/v1/{p}/global/networks?maxResults=500"),
        format!("compute.googleapis.com/compute/v1/{p}/global/firewalls?maxResults=500"),
        format!("sqladmin.googleapis.com/sql/v1beta4/{p}/instances?maxResults=500"),
        format!("logging.googleapis.com/v2/{p}/sinks"),
        format!("logging.googleapis.com/v2/{p}/locations/-/buckets"),
        format!("logging.googleapis.com/v2/{p}/metrics"),
        format!("monitoring.googleapis.com/v3/{p}/alertPolicies"),
        format!("orgpolicy.googleapis.com/v2/{p}/policies"),
    ]
    .map(get)
    .concat()
        + &line(
            "POST",
            "cloudresourcemanager.googleapis.com/v3/projects/example-one:getIamPolicy",
            status,
            body,
        )
        + &line("POST", "logging.googleapis.com/v2/entries:list", status, body)
}

fn one(lines: &str) -> Replay {
    Replay::text(lines).settings(json!({"project": "example-one"}))
}

#[test]
fn an_empty_project_is_complete_and_says_so() {
    let run = one(&(lone_project() + &lists(200, "{}"))).run::<Gcp>();
    run.assert_complete();
    assert_eq!(run.tenant.as_deref(), Some("projects/900000000009"));
    // The project, and that nothing of it is audited; APIs that are off were asked for by the list of services alone.
    let emitted: u64 = run.populations.iter().map(|p| p.emitted).sum();
    assert_eq!(emitted, 2, "{run}");
    let audit: Logging =
        run.attributes("//cloudresourcemanager.googleapis.com/projects/900000000009/auditConfigs");
    assert_eq!((audit.enabled, audit.events), (Some(false), Some(vec![])));
    for host in ["compute.", "cloudkms.", "sqladmin."] {
        assert!(!run.exchanges.iter().any(|e| e.url.contains(host)), "{host}");
    }
}

#[test]
fn every_list_may_be_withheld_and_each_says_so() {
    let run = one(&(lone_project() + &lists(403, REFUSED))).run::<Gcp>();
    assert!(run.failure.is_none() && run.rejections.is_empty(), "{run}");
    run.assert_fixtures_used();
    for p in &run.populations {
        if p.query.contains("itself") {
            assert!(p.verdict.reason().is_none(), "{}", p.query);
            continue;
        }
        let reason = p.verdict.reason().unwrap_or_default();
        assert!(reason.contains("PERMISSION_DENIED: Permission 'x.y.list' denied"), "{}: {reason}", p.query);
    }
    // Nothing is known of what is audited, so nothing is said.
    assert_eq!(run.records::<Logging>().len(), 0);
}

#[test]
fn the_check_names_what_is_missing() {
    let run = one(&(lone_project() + &lists(200, "{}"))).wanting::<Account>().run::<Gcp>();
    let warned = run.said(Level::Warn);
    let missing = "storage.buckets.getIamPolicy is not granted on projects/900000000009: who reaches buckets; without it publicly_accessible is unknown (asset.resource@1, identity.role_grant@1)";
    assert!(warned.contains(&missing), "{warned:?}");
    // What only an organisation can grant is not asked of a project.
    assert!(
        !warned.iter().any(|line| line.contains("folders") || line.contains("projects.get ")),
        "{warned:?}"
    );

    let nothing = lone_project().replace(
        r#"{"permissions":["resourcemanager.projects.get","logging.privateLogEntries.list"]}"#,
        "{}",
    );
    let run = one(&nothing).run::<Gcp>();
    assert!(run.assert_failed("permission").contains("none of the permissions"), "{run}");
}

#[test]
fn a_refused_credential_fails_the_check() {
    let body = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}"#;
    let run = one(&line("GET", "cloudresourcemanager.googleapis.com/v3/projects/example-one", 401, body))
        .run::<Gcp>();
    assert!(run.assert_failed("auth").contains("UNAUTHENTICATED: Request had invalid"), "{run}");
    assert_eq!(run.tenant, None);
    let body = r#"{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}"#;
    let run = one(&line("GET", "cloudresourcemanager.googleapis.com/v3/projects/example-one", 403, body))
        .run::<Gcp>();
    assert!(
        run.assert_failed("permission")
            .contains("does not exist, or the credential lacks resourcemanager.projects.get")
    );
}

#[test]
fn what_a_project_inherits_from_where_nobody_looks_is_incomplete() {
    let project =
        lone_project().replace("\"state\":\"ACTIVE\"", "\"state\":\"ACTIVE\",\"parent\":\"folders/5\"");
    let folder = line("GET", "cloudresourcemanager.googleapis.com/v3/folders/5", 403, REFUSED);
    let run = one(&(project.clone() + &folder + &lists(200, "{}")))
        .wanting::<RoleGrant>()
        .wanting::<Logging>()
        .run::<Gcp>();
    let grants = run.population_about("identity.role_grant@1", "IAM policies of the organisation");
    assert!(
        grants
            .verdict
            .reason()
            .unwrap_or_default()
            .contains("inherited from folders/5 and above is not known"),
        "{run}"
    );
    // Whether access to data is audited may be decided above.
    let audit =
        run.record::<Logging>("//cloudresourcemanager.googleapis.com/projects/900000000009/auditConfigs");
    assert_eq!(audit.unknown, ["enabled", "events"]);

    // Where it may be read, what is above counts, and is no part of the source.
    let folder = line(
        "GET",
        "cloudresourcemanager.googleapis.com/v3/folders/5",
        200,
        r#"{"name":"folders/5","displayName":"Five","state":"ACTIVE"}"#,
    ) + &line(
        "POST",
        "cloudresourcemanager.googleapis.com/v3/folders/5:getIamPolicy",
        200,
        r#"{"bindings":[{"role":"roles/viewer","members":["user:ada@example.com"]}],"auditConfigs":[{"service":"allServices","auditLogConfigs":[{"logType":"DATA_READ"}]}]}"#,
    );
    let run = one(&(project + &folder + &lists(200, "{}")))
        .wanting::<RoleGrant>()
        .wanting::<Logging>()
        .run::<Gcp>();
    run.assert_complete();
    let key = "//cloudresourcemanager.googleapis.com/projects/900000000009/roles/viewer/user:ada@example.com/from/folders/5";
    assert_eq!(run.attributes::<RoleGrant>(key).assignment, Some(Assignment::Inherited));
    let audit: Logging =
        run.attributes("//cloudresourcemanager.googleapis.com/projects/900000000009/auditConfigs");
    assert_eq!((audit.enabled, audit.events), (Some(true), Some(vec!["data_read".into()])));
}

#[test]
fn words_that_nobody_knows_yet_are_kept_and_not_guessed() {
    let firewall = r#"{"items":[{"name":"odd","selfLink":"https://compute.example.com/compute/v9/projects/example-one/global/firewalls/odd","direction":"SIDEWAYS","allowed":[{"IPProtocol":"tcp"}]}]}"#;
    let sql = r#"{"items":[{"name":"odd","project":"example-one","state":"DREAMING","settings":{"ipConfiguration":{"ipv4Enabled":true,"sslMode":"QUANTUM_ONLY"}}}]}"#;
    let account = r#"{"accounts":[{"email":"a@example-one.iam.gserviceaccount.com","uniqueId":"1","projectId":"example-one","colour":"red"},{"email":7}]}"#;
    let lines = lists(200, "{}")
        .replace("global/firewalls?maxResults=500\",\"status\":200,\"body_json\":{}", &format!("global/firewalls?maxResults=500\",\"status\":200,\"body_json\":{firewall}"))
        .replace("instances?maxResults=500\",\"status\":200,\"body_json\":{}", &format!("instances?maxResults=500\",\"status\":200,\"body_json\":{sql}"))
        .replace("serviceAccounts?pageSize=100\",\"status\":200,\"body_json\":{}", &format!("serviceAccounts?pageSize=100\",\"status\":200,\"body_json\":{account}"))
        .replace("config%2Ftitle%29\",\"status\":200,\"body_json\":{}", r#"config%2Ftitle%29","status":200,"body_json":{"services":[{"name":"projects/1/services/compute.googleapis.com"},{"name":"projects/1/services/sqladmin.googleapis.com"}]}"#);
    let keys = line(
        "GET",
        "iam.googleapis.com/v1/projects/example-one/serviceAccounts/a%40example-one.iam.gserviceaccount.com/keys",
        200,
        "{}",
    );
    let run = one(&(lone_project() + &lines + &keys)).run::<Gcp>();
    assert!(run.failure.is_none() && run.rejections.is_empty(), "{run}");
    let rules = run.population_about("config.network_rule@1", "");
    assert!(rules.verdict.reason().unwrap_or_default().contains("`SIDEWAYS` is no direction"), "{run}");
    let sql = "//cloudsql.googleapis.com/projects/example-one/instances/odd";
    assert_eq!(run.attributes::<Resource>(sql).status.as_deref(), Some("DREAMING"));
    assert_eq!(run.record::<Encryption>(&format!("{sql}/in_transit")).unknown, ["enabled"]);
    assert_eq!(
        run.record::<BackupPlan>(sql).unknown,
        ["enabled", "point_in_time_recovery", "retention_days"]
    );
    // One account cannot be read, and costs the other nothing.
    let accounts = run.population_about("identity.account@1", "");
    assert_eq!((accounts.received, accounts.emitted), (2, 1));
    assert!(accounts.verdict.reason().is_some());
}

#[test]
fn audit_logs_of_one_closed_project_cost_no_other() {
    let tree = line(
        "GET",
        "cloudresourcemanager.googleapis.com/v3/organizations/1",
        200,
        r#"{"name":"organizations/1","state":"ACTIVE"}"#,
    ) + &line(
        "POST",
        "cloudresourcemanager.googleapis.com/v3/organizations/1:testIamPermissions",
        200,
        r#"{"permissions":["logging.privateLogEntries.list"]}"#,
    ) + &line(
        "GET",
        "cloudresourcemanager.googleapis.com/v3/folders?parent=organizations%2F1&showDeleted=true",
        200,
        "{}",
    ) + &line(
        "GET",
        "cloudresourcemanager.googleapis.com/v3/projects?parent=organizations%2F1&showDeleted=true",
        200,
        r#"{"projects":[{"name":"projects/2","projectId":"example-two","state":"ACTIVE","parent":"organizations/1"}]}"#,
    );
    let of = |names: &str, status: u16, body: &str| {
        let filter = r#"(log_id(\"cloudaudit.googleapis.com/activity\") OR log_id(\"cloudaudit.googleapis.com/system_event\") OR log_id(\"cloudaudit.googleapis.com/access_transparency\")) AND timestamp>=\"2026-03-03T10:00:00.000Z\" AND timestamp<\"2026-03-04T10:00:00.000Z\""#;
        format!(
            "{{\"method\":\"POST\",\"url\":\"https://logging.googleapis.com/v2/entries:list\",\"request_body\":{{\"resourceNames\":[{names}],\"filter\":\"{filter}\",\"orderBy\":\"timestamp asc\",\"pageSize\":1000}},\"status\":{status},\"body_json\":{body}}}\n"
        )
    };
    let entry = r#"{"entries":[{"insertId":"a","logName":"projects/example-two/logs/cloudaudit.googleapis.com%2Factivity","timestamp":"2026-03-03T11:00:00Z","protoPayload":{"methodName":"x.Y"}}]}"#;
    let lines = tree
        + &of("\"organizations/1\",\"projects/example-two\"", 403, REFUSED)
        + &of("\"organizations/1\"", 403, REFUSED)
        + &of("\"projects/example-two\"", 200, entry);
    let run = Replay::text(&lines).settings(json!({"organization": "1"})).wanting::<Activity>().run::<Gcp>();
    run.assert_fixtures_used();
    let p = run.population_about("audit.activity@1", "");
    assert_eq!((p.emitted, p.received), (1, 1));
    assert!(p.verdict.reason().unwrap_or_default().contains("PERMISSION_DENIED"), "{run}");
}

#[test]
fn settings_that_do_not_fit() {
    let problems = |settings: serde_json::Value| {
        let found = exhibit_sdk::connector::validate::<Gcp>(&settings.to_string());
        found.into_iter().map(|problem| (problem.pointer, problem.message)).collect::<Vec<_>>()
    };
    let pointer = |settings| problems(settings).first().map(|(pointer, _)| pointer.clone());
    assert_eq!(problems(json!({"organization": "123"})), []);
    assert_eq!(problems(json!({"project": "example-prod-1", "endpoint": "http://127.0.0.1:5000"})), []);
    assert_eq!(pointer(json!({})).as_deref(), Some(""));
    assert_eq!(pointer(json!({"organization": "organizations/1"})).as_deref(), Some("/organization"));
    assert_eq!(pointer(json!({"project": "Example"})).as_deref(), Some("/project"));
    assert_eq!(
        pointer(json!({"project": "example-prod-1", "organization": "1"})).as_deref(),
        Some("/project")
    );
    assert_eq!(
        pointer(json!({"project": "example-prod-1", "endpoint": "http://example.com"})).as_deref(),
        Some("/endpoint")
    );
}

//! Replays made-up answers of Pulumi Cloud's with the host's own rules. What is expected was worked out by hand from
//! the fixtures; their bodies are held against Pulumi's document by `tests/foreign/pulumi_connector_fixtures.py`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_pulumi::Pulumi;
use exhibit_evidence::exchange::Answer;
use exhibit_sdk::Level;
use exhibit_sdk::kinds::{
    Account, AccountStatus, AccountType, Activity, ActivityCategory, Assignment, Credential,
    CredentialStatus, CredentialType, Deploy, DriftStatus, Finding, FindingStatus, GroupMembership, Outcome,
    PrincipalType, Resource, RoleGrant, Severity, Stack,
};
use exhibit_sdk::prelude::*;
use exhibit_testkit::Replay;
use serde_json::{Value, json};

/// Everything, with every scope.
const WHOLE: [&str; 10] =
    ["user", "members", "roles", "teams", "tokens", "policies", "stacks", "updates", "issues", "audit"];

fn settings() -> Value {
    json!({"organization": "example-org", "service_accounts": ["CI-bot"]})
}

fn replay(files: &[&str]) -> Replay {
    Replay::named(files).settings(settings())
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn a_whole_organisation_is_complete() {
    let run = replay(&WHOLE).run::<Pulumi>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/whole.records.jsonl");
    assert_eq!(run.tenant.as_deref(), Some("example-org"));
    // Three and two on two pages.
    assert_eq!(run.counts::<Account>(), (5, 5, 0, 5));
    // Two teams, one without members; the other's two stand in the answer about it alone.
    assert_eq!(run.counts::<GroupMembership>(), (2, 1, 1, 2));
    // Five members; two teams, of which one has a role, two stacks, an environment and an account.
    assert_eq!(run.counts::<RoleGrant>(), (7, 6, 1, 10));
    // One and two of the organisation; two teams, one token.
    assert_eq!(run.counts::<Credential>(), (6, 5, 1, 4));
    assert_eq!(run.counts::<Resource>(), (4, 4, 0, 4));
    assert_eq!(run.counts::<Stack>(), (3, 3, 0, 3));
    assert_eq!(run.counts::<Finding>(), (3, 3, 0, 3));
    // Three stacks, of which one was updated; five updates of it, of which two are in the window.
    assert_eq!(run.counts::<Deploy>(), (8, 3, 5, 2));
    // Six events, of which one is of the window's end and one comes on both pages.
    assert_eq!(run.counts::<Activity>(), (6, 5, 1, 4));
    assert_eq!(run.population::<Activity>().repeated, 1);
    assert_eq!(run.said(Level::Warn), [""; 0]);
}

#[test]
fn what_stacks_and_policies_were_configured_with_is_never_seen() {
    let run = replay(&WHOLE).run::<Pulumi>();
    let redacted =
        run.exchanges.iter().filter(|e| matches!(e.answer, Answer::Response { redacted: true, .. }));
    let mut paths: Vec<&str> = redacted.map(|e| e.url.split('?').next().unwrap_or_default()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(
        paths,
        [
            "https://api.pulumi.com/api/orgs/example-org/policygroups/prod%20audit",
            "https://api.pulumi.com/api/stacks/example-org/web/dev/updates",
            "https://api.pulumi.com/api/stacks/example-org/web/prod/updates",
        ]
    );
    assert!(!run.snapshot().contains("not-for-the-record") && !run.snapshot().contains("not for the record"));
}

#[test]
fn members_and_their_roles() {
    let run = replay(&["user", "members", "roles", "teams"])
        .wanting::<Account>()
        .wanting::<RoleGrant>()
        .run::<Pulumi>();
    run.assert_complete().assert_fixtures_used();
    let ada: Account = run.attributes("ada");
    let expected = Account {
        display_name: Some("Ada Example".into()),
        email: Some("ada@example.com".into()),
        status: Some(AccountStatus::Active),
        source_status: Some("admin".into()),
        external: Some(false),
        admin: Some(true),
        created_at: time("2025-02-03T04:05:06Z"),
        ..Account::new("ada")
    };
    assert_eq!(ada, expected);
    assert_eq!(run.record::<Account>("ada").unknown, ["last_login_on", "mfa_factors", "mfa_status", "type"]);
    assert_eq!(run.record::<Account>("bo-dev").subject_key.as_deref(), Some("person:bo@example.com"));
    // A role of the organisation's own may be to administer or not: Pulumi Cloud does not say.
    let bo: Account = run.attributes("bo-dev");
    assert_eq!(bo.admin, None);
    assert!(run.record::<Account>("bo-dev").unknown.contains(&"admin".to_owned()));
    let cy = run.record::<Account>("cy");
    assert_eq!(cy.subject_key.as_deref(), Some("account:pulumi.com:cy"));
    assert_eq!(run.attributes::<Account>("cy").external, Some(true));
    assert_eq!(run.attributes::<Account>("ci-bot").r#type, Some(AccountType::Service));
    assert_eq!(run.attributes::<Account>("di").status, Some(AccountStatus::Pending));
    // What the own role allows, of everything and of stacks with a tag.
    let deployer: RoleGrant = run.attributes("member/bo-dev/role-deployer");
    let expected = RoleGrant {
        principal_type: Some(PrincipalType::User),
        principal_name: Some("Bo Example".into()),
        role_id: Some("role-deployer".into()),
        scope: Some("example-org".into()),
        assignment: Some(Assignment::Direct),
        state: Some(exhibit_sdk::kinds::GrantState::Active),
        conditional: Some(true),
        permissions: Some(vec!["stack:list".into(), "stack:read".into(), "stack:write".into()]),
        ..RoleGrant::new("bo-dev", "Deployer")
    };
    assert_eq!(deployer, expected);
    assert_eq!(run.record::<RoleGrant>("member/bo-dev/role-deployer").unknown, ["privileged"]);
    // Another is put together of sets that stand elsewhere.
    let auditor: RoleGrant = run.attributes("member/ci-bot/role-auditor");
    assert_eq!((auditor.permissions, auditor.principal_type), (None, Some(PrincipalType::Service)));
    assert_eq!(run.record::<RoleGrant>("member/ci-bot/role-auditor").unknown, ["permissions", "privileged"]);
    let admin: RoleGrant = run.attributes("member/ada/role-admin");
    assert_eq!((admin.privileged, admin.permissions), (Some(true), None));
}

#[test]
fn teams_and_what_they_may_reach() {
    let run = replay(&["user", "members", "roles", "teams"])
        .wanting::<GroupMembership>()
        .wanting::<RoleGrant>()
        .run::<Pulumi>();
    run.assert_complete().assert_fixtures_used();
    let ada: GroupMembership = run.attributes("platform/ada");
    let expected = GroupMembership {
        group_name: Some("Platform".into()),
        member_type: Some(PrincipalType::User),
        member_login: Some("ada".into()),
        group_role: Some("admin".into()),
        assignment: Some(Assignment::Direct),
        ..GroupMembership::new("platform", "ada")
    };
    assert_eq!(ada, expected);
    // The answer about the team has no address; the list of members has.
    assert_eq!(
        run.record::<GroupMembership>("platform/ada").subject_key.as_deref(),
        Some("person:ada@example.com")
    );
    let grant = |key: &str| {
        let of: RoleGrant = run.attributes(&format!("team/platform/{key}"));
        (of.role_name, of.role_id, of.scope.unwrap(), of.privileged)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        grant("stack/web/prod"),
        ("Stack Admin".into(), some("admin"), "stack/web/prod".into(), Some(true))
    );
    assert_eq!(grant("stack/web/dev"), ("read".into(), some("read"), "stack/web/dev".into(), Some(false)));
    assert_eq!(
        grant("environment/web/prod"),
        ("open".into(), some("open"), "environment/web/prod".into(), Some(false))
    );
    assert_eq!(
        grant("account/cloud-dev"),
        ("admin".into(), some("admin"), "account/cloud-dev".into(), Some(true))
    );
    assert_eq!(
        grant("role/role-deployer"),
        ("Deployer".into(), some("role-deployer"), "example-org".into(), None)
    );
    assert!(
        run.lines::<RoleGrant>().iter().all(|line| !line.contains("stack/data/prod")),
        "nothing is given there"
    );
}

#[test]
fn a_team_whose_members_another_system_did_not_tell_is_not_empty() {
    let text = std::fs::read_to_string("fixtures/teams.jsonl").unwrap();
    let text = text.replace(r#""members":[]"#, r#""members":[],"listMembersError":"GitHub did not answer""#);
    let others =
        ["user", "members"].map(|name| std::fs::read_to_string(format!("fixtures/{name}.jsonl")).unwrap());
    let run = Replay::text(&(others.concat() + &text))
        .settings(settings())
        .wanting::<GroupMembership>()
        .run::<Pulumi>();
    assert_eq!(run.reason::<GroupMembership>(), "members of team viewers: GitHub did not answer");
}

#[test]
fn tokens_and_how_old_they_are() {
    let run = replay(&["user", "teams", "tokens"]).wanting::<Credential>().run::<Pulumi>();
    run.assert_complete();
    let ci: Credential = run.attributes("tok-1");
    let expected = Credential {
        status: Some(CredentialStatus::Active),
        name: Some("ci".into()),
        owner_id: Some("example-org".into()),
        owner_name: Some("example-org".into()),
        owner_type: Some(PrincipalType::Service),
        scopes: Some(vec!["Deployer".into()]),
        created_at: time("2026-01-02T03:04:05Z"),
        last_used_on: Some("2026-03-03".parse().unwrap()),
        ..Credential::new(CredentialType::ApiToken)
    };
    assert_eq!(ci, expected);
    let old: Credential = run.attributes("tok-2");
    assert_eq!((old.status, old.expires_at), (Some(CredentialStatus::Expired), time("2026-03-03T10:00:00Z")));
    assert_eq!(old.scopes, Some(vec!["admin".into()]));
    // Without a role it has the organisation's default one, which the answer does not name.
    assert_eq!(run.record::<Credential>("tok-3").unknown, ["scopes"]);
    let team: Credential = run.attributes("tok-4");
    assert_eq!((team.owner_id.as_deref(), team.owner_type), (Some("platform"), Some(PrincipalType::Group)));
}

#[test]
fn policies_and_stacks() {
    let run =
        replay(&["user", "policies", "stacks"]).wanting::<Resource>().wanting::<Stack>().run::<Pulumi>();
    run.assert_complete().assert_fixtures_used();
    let audit: Resource = run.attributes("policy-group/prod audit");
    assert_eq!(
        serde_json::to_value(audit.details).unwrap(),
        json!({
            "accounts": [], "entity_type": "stacks", "mode": "audit", "organization_default": false,
            "policy_packs": ["baseline 1.2.0", "costs"], "stacks": ["web/prod"]
        })
    );
    let baseline: Resource = run.attributes("policy-pack/baseline");
    assert_eq!(serde_json::to_value(baseline.details).unwrap(), json!({"versions": ["1.1.0", "1.2.0"]}));
    let prod: Stack = run.attributes("st-1");
    let expected = Stack {
        tool: Some("pulumi".into()),
        project: Some("web".into()),
        repository: Some("example-org/web".into()),
        status: Some("update succeeded".into()),
        last_update_result: Some(Outcome::Success),
        last_updated_at: time("2026-03-03T11:00:00Z"),
        last_updated_by: Some("ci-bot".into()),
        drift_status: Some(DriftStatus::Drifted),
        drift_checked_on: Some("2026-03-02".parse().unwrap()),
        resource_count: Some(42),
        policies: Some(vec!["baseline 1.2.0".into(), "costs".into()]),
        ..Stack::new("prod")
    };
    assert_eq!(prod, expected);
    let record = run.record::<Stack>("st-1");
    assert_eq!(record.subject_key.as_deref(), Some("asset:pulumi.com/example-org/web/prod"));
    assert_eq!(record.unknown, ["deletion_protected"]);
    // A comparison that failed says nothing; neither does a word that is not known.
    let dev: Stack = run.attributes("st-2");
    assert_eq!((dev.drift_status, dev.last_update_result), (None, None));
    assert_eq!(dev.status.as_deref(), Some("update exploded"));
    let unknown = ["deletion_protected", "drift_checked_on", "drift_status", "last_update_result"];
    assert_eq!(run.record::<Stack>("st-2").unknown, unknown);
    // It was never updated and is in no group, so that the default one holds on it.
    let data: Stack = run.attributes("st-3");
    assert_eq!((data.last_updated_at, data.policies), (None, Some(vec!["baseline 1.2.0".into()])));
    let unknown = ["deletion_protected", "drift_checked_on", "drift_status", "resource_count"];
    assert_eq!(run.record::<Stack>("st-3").unknown, unknown);
}

#[test]
fn what_policies_found() {
    let run = replay(&["user", "issues"]).wanting::<Finding>().run::<Pulumi>();
    run.assert_complete().assert_fixtures_used();
    let logs: Finding = run.attributes("logs");
    let expected = Finding {
        severity: Some(Severity::Critical),
        source_severity: Some("critical".into()),
        status: Some(FindingStatus::Open),
        source_status: Some("open".into()),
        scanner: Some("baseline 1.2.0".into()),
        resource_id: Some("urn:pulumi:prod::web::aws:s3/bucket:Bucket::logs".into()),
        resource_type: Some("aws:s3/bucket:Bucket".into()),
        resource_name: Some("logs".into()),
        location: Some("web/prod".into()),
        first_seen_at: time("2026-02-01T00:00:00.5Z"),
        ..Finding::new("no-public-buckets: Buckets must not be public. This one is.")
    };
    assert_eq!(logs, expected);
    let site: Finding = run.attributes("site");
    assert_eq!(
        (site.status, site.source_severity.as_deref()),
        (Some(FindingStatus::Accepted), Some("mandatory"))
    );
    assert_eq!(run.record::<Finding>("site").unknown, ["closed_by", "closed_reason", "severity"]);
    let old: Finding = run.attributes("old");
    assert_eq!((old.status, old.resolved_at), (Some(FindingStatus::Resolved), time("2026-02-03T00:00:00Z")));
}

#[test]
fn updates_that_began_in_the_window() {
    let run = replay(&["user", "stacks", "updates"]).wanting::<Deploy>().run::<Pulumi>();
    run.assert_complete();
    let update: Deploy = run.attributes("u-5");
    let expected = Deploy {
        environment: Some("prod".into()),
        operation: Some("update".into()),
        result: Some(Outcome::Success),
        source_result: Some("succeeded".into()),
        version: Some("5".into()),
        commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
        repository: Some("example-org/web".into()),
        deployed_by: Some("ci-bot".into()),
        changes: Some(vec!["example-org/web#12".into()]),
        pipeline: Some("GitHub Actions".into()),
        finished_at: time("2026-03-03T11:01:40Z"),
        url: Some("https://ci.example.com/runs/7".into()),
        ..Deploy::new("web")
    };
    assert_eq!(update, expected);
    assert_eq!(run.record::<Deploy>("u-5").occurred_at, "2026-03-03T11:00:00Z".parse().ok());
    // The commit that Pulumi Cloud looked up itself.
    let gone: Deploy = run.attributes("u-4");
    assert_eq!((gone.operation.as_deref(), gone.result), (Some("destroy"), Some(Outcome::Failure)));
    assert_eq!((gone.commit, gone.repository.as_deref()), (Some("f".repeat(40)), Some("example-org/web")));
    let filtered = &run.population::<Deploy>().filtered;
    let expected = [
        ("a preview, which changes nothing", 1),
        ("a stack that was not updated since the window began", 2),
        ("an update outside the window", 1),
        ("an update that has not begun", 1),
    ];
    assert_eq!(
        filtered.iter().map(|(reason, count)| (reason.as_str(), *count)).collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn the_audit_log_in_the_window() {
    let run = replay(&["user", "members", "audit"]).wanting::<Activity>().run::<Pulumi>();
    run.assert_complete().assert_fixtures_used();
    let of = |word: &str| {
        let all: Vec<_> = run.records::<Activity>();
        let record = all.into_iter().find(|record| record.native_id.contains(word)).unwrap();
        (run.attributes::<Activity>(&record.native_id), record)
    };
    let (role, record) = of("Member Role Changed");
    assert_eq!(role.message.as_deref(), Some("Changed organization role for \"bo-dev\" to member"));
    assert_eq!((role.category, role.actor_type), (Some(ActivityCategory::Access), Some(PrincipalType::User)));
    assert_eq!((role.actor_id.as_deref(), role.source_ip.as_deref()), (Some("ada"), Some("192.0.2.7")));
    assert_eq!(record.subject_key.as_deref(), Some("person:ada@example.com"));
    assert_eq!(record.occurred_at, "2026-03-04T09:59:50Z".parse().ok());
    assert_eq!(record.unknown, ["result", "targets"]);
    assert!(record.native_id.starts_with("1772618390/Member Role Changed/ada/"), "{}", record.native_id);
    let (refused, _) = of("Auth Failure");
    assert_eq!(
        (refused.category, refused.result),
        (Some(ActivityCategory::Authentication), Some(Outcome::Denied))
    );
    let (update, _) = of("Stack Update Started");
    assert_eq!(
        (update.category, update.actor_type),
        (Some(ActivityCategory::Data), Some(PrincipalType::Service))
    );
    assert_eq!(serde_json::to_value(update.details).unwrap(), json!({"token": "ci", "token_id": "tok-1"}));
    // The event's identifier in place of its name; a token acted.
    let (enabled, _) = of("policy-pack-enabled");
    assert_eq!(enabled.category, Some(ActivityCategory::Configuration));
    assert_eq!(
        (enabled.actor_type, enabled.actor_name.as_deref()),
        (Some(PrincipalType::Service), Some("platform-ci"))
    );
}

#[test]
fn an_empty_organisation_is_complete() {
    let run = replay(&["empty"]).run::<Pulumi>();
    run.assert_complete().assert_fixtures_used();
    assert_eq!(run.populations.len(), 9);
    assert!(run.populations.iter().all(|p| (p.received, p.emitted) == (0, 0)), "{run}");
}

#[test]
fn closed_areas_are_incomplete_and_the_open_ones_are_not() {
    let run = replay(&["closed"]).run::<Pulumi>();
    assert!(run.failure.is_none() && run.rejections.is_empty(), "{run}");
    run.assert_fixtures_used();
    assert_eq!(run.tenant.as_deref(), Some("Example-Org"));
    assert_eq!((run.reason::<Account>(), run.reason::<Stack>()), ("", ""));
    let no = "answered 403: 403: Forbidden: the token may not do this";
    for reason in [
        run.reason::<GroupMembership>(),
        run.reason::<RoleGrant>(),
        run.reason::<Credential>(),
        run.reason::<Resource>(),
        run.reason::<Finding>(),
        run.reason::<Deploy>(),
    ] {
        assert!(reason.contains(&no[..12]) && reason.contains("Forbidden: the token may not"), "{reason}");
    }
    assert!(run.reason::<Activity>().contains("Audit logs are not available"), "{run}");
    // What supports records and is withheld is unknown.
    let unknown = [
        "deletion_protected",
        "drift_checked_on",
        "drift_status",
        "last_update_result",
        "last_updated_by",
        "policies",
    ];
    assert_eq!(run.record::<Stack>("st-1").unknown, unknown);
    assert_eq!(
        run.record::<RoleGrant>("member/bo-dev/role-deployer").unknown,
        ["conditional", "permissions", "privileged"]
    );
    // Each closed area is named with its scope.
    for scope in
        ["team:list and team:read", "role:read", "org_token:read", "policy_results:read", "audit_logs:read"]
    {
        let said = format!("the token's role lacks the scope {scope}, and so ");
        assert!(run.said(Level::Warn).iter().any(|line| line.starts_with(&said)), "{scope}: {run}");
    }
}

#[test]
fn a_refused_token_ends_the_check_in_pulumis_words() {
    let run = replay(&["bad-token"]).run::<Pulumi>();
    let message = run.assert_failed("auth");
    assert!(message.ends_with("Unauthorized: No credentials provided or are invalid."), "{message}");
}

#[test]
fn a_token_of_another_organisation_is_named() {
    let run = replay(&["user"]).settings(json!({"organization": "acme"})).run::<Pulumi>();
    let message = run.assert_failed("config");
    assert_eq!(message, "the token is of no organisation `acme`, but of: ada, example-org");
}

#[test]
fn settings_are_checked() {
    let problems = |settings: Value| -> Vec<String> {
        let settings = serde_json::from_value(settings).unwrap();
        Pulumi::validate(&settings).into_iter().map(|problem| problem.pointer).collect()
    };
    assert_eq!(problems(settings()), [""; 0]);
    for wrong in ["", "https://app.pulumi.com/example-org", "example org", "a/b"] {
        assert_eq!(problems(json!({"organization": wrong})), ["/organization"], "{wrong}");
    }
}

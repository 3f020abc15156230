//! Replays made-up answers of Microsoft Graph's with the host's own rules. What is expected was worked out by hand from the
//! fixtures; their bodies are held against Microsoft's OpenAPI document by `tests/foreign/azure_connector_fixtures.py`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_azure::Azure;
use exhibit_evidence::exchange::Answer;
use exhibit_sdk::Level;
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Outcome as Run, Replay};
use serde_json::json;

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const WHOLE: [&str; 8] = ["check", "users", "groups", "roles", "applications", "grants", "policies", "log"];
const GLOBAL_ADMINISTRATOR: &str = "lAPpYvVpN0KRkAEhdxReEADA-1";

/// The fixtures' ids.
fn id(number: u32) -> String {
    format!("{number:08}-0000-4000-8000-{number:012}")
}

fn replay(files: &[&str]) -> Replay {
    let (first, others) = files.split_first().unwrap();
    let path = |name: &str| format!("fixtures/entra-{name}.jsonl");
    let replay = others.iter().fold(Replay::fixtures(path(first)), |replay, name| replay.and(path(name)));
    replay.settings(json!({"tenant_id": TENANT, "subscriptions": []}))
}

/// Received by the host's count, left out with a reason, emitted.
#[track_caller]
fn counts(run: &Run, kind: &str, query: &str) -> (u64, u64, u64) {
    let p = run.population_about(kind, query);
    (p.received, p.filtered.values().sum(), p.emitted)
}

fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn a_whole_directory_is_complete() {
    let run = replay(&WHOLE).run::<Azure>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/entra.records.jsonl");
    assert_eq!(run.tenant.as_deref(), Some(TENANT));
    assert_eq!(run.said(Level::Warn), [""; 0]);
    // Three on two pages, and one deleted.
    assert_eq!(counts(&run, "identity.account@1", "users"), (4, 0, 4));
    // Four on two pages, of which one is Microsoft's own.
    assert_eq!(counts(&run, "identity.account@1", "service principals"), (4, 1, 3));
    // Three groups and five members; two groups are cited, the empty one is left out.
    assert_eq!(counts(&run, "identity.group_membership@1", ""), (8, 1, 5));
    assert_eq!(counts(&run, "identity.role_grant@1", "assignments of directory roles"), (3, 0, 3));
    assert_eq!(counts(&run, "identity.role_grant@1", "may activate"), (1, 0, 1));
    // One has a secret and a certificate; two have neither, and one is a managed identity.
    assert_eq!(counts(&run, "identity.credential@1", "service principals"), (4, 3, 2));
    // Two applications, three keys.
    assert_eq!(counts(&run, "identity.credential@1", "applications"), (2, 1, 3));
    assert_eq!(counts(&run, "identity.app_grant@1", "assigned"), (3, 0, 3));
    assert_eq!(counts(&run, "identity.app_grant@1", "consented"), (2, 0, 2));
    assert_eq!(counts(&run, "identity.auth_policy@1", "conditional"), (5, 0, 5));
    assert_eq!(run.population_about("identity.auth_policy@1", "defaults").emitted, 1);
    // Four on two pages, of which one is of the instant at which the next window begins.
    assert_eq!(counts(&run, "audit.activity@1", "sign-ins"), (4, 1, 3));
    assert_eq!(counts(&run, "audit.activity@1", "audits"), (2, 0, 2));
}

#[test]
fn users_in_every_status_with_what_they_registered() {
    let run = replay(&["check", "users", "roles", "applications"]).wanting::<Account>().run::<Azure>();
    run.assert_complete();
    let expected = Account {
        display_name: Some("Ada Example".into()),
        email: Some("Ada@Example.com".into()),
        r#type: Some(AccountType::Human),
        status: Some(AccountStatus::Active),
        source_status: Some("enabled".into()),
        external: Some(false),
        admin: Some(true),
        mfa_status: Some(MfaStatus::Enrolled),
        mfa_factors: Some(vec!["push".into(), "totp".into(), "webauthn".into()]),
        password_changed_at: at("2025-11-03T09:15:00Z"),
        created_at: at("2024-05-02T08:00:00Z"),
        last_login_on: Some("2026-03-03".parse().unwrap()),
        employee_id: Some("E-1".into()),
        job_title: Some("Engineer".into()),
        department: Some("Platform".into()),
        ..Account::new("ada@example.com")
    };
    assert_eq!(run.attributes::<Account>(&id(101)), expected);
    let ada = run.record::<Account>(&id(101));
    assert_eq!(
        (ada.unknown, ada.subject_key.as_deref()),
        (vec!["mfa_enforced".to_owned()], Some("person:ada@example.com"))
    );

    // A guest who has not accepted, and whom the report does not have: nothing is said of factors.
    let bo = run.record::<Account>(&id(102));
    let unknown = ["admin", "last_login_on", "mfa_enforced", "mfa_factors", "mfa_status"];
    assert_eq!(
        (bo.unknown.iter().map(String::as_str).collect::<Vec<_>>(), bo.subject_key.as_deref()),
        (unknown.to_vec(), Some("person:bo@example.org"))
    );
    let bo: Account = run.attributes(&id(102));
    assert_eq!(
        (bo.status, bo.external, bo.password_changed_at),
        (Some(AccountStatus::Pending), Some(true), None)
    );

    let cy: Account = run.attributes(&id(103));
    assert_eq!(
        (cy.status, cy.admin, cy.mfa_status),
        (Some(AccountStatus::Disabled), Some(false), Some(MfaStatus::NotEnrolled))
    );
    assert_eq!(run.record::<Account>(&id(103)).subject_key.as_deref(), Some("person:cy@example.com"));
    let ed: Account = run.attributes(&id(104));
    assert_eq!(
        (ed.status, ed.status_changed_at),
        (Some(AccountStatus::Deprovisioned), at("2026-03-01T17:30:00Z"))
    );

    let tool: Account = run.attributes(&id(305));
    assert_eq!((tool.r#type, tool.external), (Some(AccountType::Service), Some(true)));
    assert_eq!(
        run.attributes::<Account>(&id(303)).external,
        Some(false),
        "a managed identity is the tenant's"
    );
}

/// Microsoft's answer, as it was recorded from a tenant without a premium licence, with other ids.
#[test]
fn without_a_licence_a_second_factor_is_unknown_and_never_absent() {
    let run = replay(&["check-narrow", "users-unlicensed", "roles-unlicensed", "applications"])
        .wanting::<Account>()
        .run::<Azure>();
    run.assert_complete();
    for number in [101, 102, 103] {
        let record = run.record::<Account>(&id(number));
        for attribute in ["mfa_status", "mfa_factors", "last_login_on"] {
            assert!(record.unknown.iter().any(|name| name == attribute), "{attribute} of {number}");
        }
        let account: Account = run.attributes(&id(number));
        assert_eq!((account.mfa_status, account.mfa_factors), (None, None));
    }
    let reason = "Authentication_RequestFromNonPremiumTenantOrB2CTenant: Neither tenant is B2C or tenant doesn't have premium license";
    assert!(
        run.said(Level::Warn)
            .iter()
            .any(|line| line.starts_with("unknown: mfa_status") && line.contains(reason)),
        "{run}"
    );
    // Who holds a role is an administrator all the same; of others a group may make one.
    assert_eq!(run.attributes::<Account>(&id(101)).admin, Some(true));
    assert_eq!(run.attributes::<Account>(&id(103)).admin, None);
}

#[test]
fn members_of_groups_and_what_they_are() {
    let run = replay(&["check", "groups", "roles"]).wanting::<GroupMembership>().run::<Azure>();
    run.assert_complete();
    let member =
        |group: u32, member: u32| run.attributes::<GroupMembership>(&format!("{}/{}", id(group), id(member)));
    let ada = member(201, 101);
    assert_eq!(
        (ada.member_type, ada.member_login.as_deref(), ada.privileged),
        (Some(PrincipalType::User), Some("ada@example.com"), Some(true))
    );
    assert_eq!(member(201, 301).member_type, Some(PrincipalType::Service));
    let bo = member(202, 102);
    assert_eq!((bo.assignment, bo.privileged), (Some(Assignment::Rule), None));
    assert_eq!(member(202, 201).member_type, Some(PrincipalType::Group));
    assert_eq!(member(202, 204).member_type, None, "a device is no principal of ours");
}

#[test]
fn directory_roles_held_and_to_be_activated() {
    let run = replay(&["check", "roles"]).wanting::<RoleGrant>().run::<Azure>();
    run.assert_complete();
    let ada: RoleGrant = run.attributes(GLOBAL_ADMINISTRATOR);
    assert_eq!(
        (ada.role_name.as_str(), ada.privileged, ada.state),
        ("Global Administrator", Some(true), Some(GrantState::Active))
    );
    assert_eq!(ada.scope.as_deref(), Some("tenant 11111111-1111-4111-8111-111111111111"));
    assert_eq!(
        run.record::<RoleGrant>(GLOBAL_ADMINISTRATOR).subject_key.as_deref(),
        Some("person:ada@example.com")
    );
    let readers: RoleGrant = run.attributes("LJnv8vs6uUa3z6Em7nTEUQGRP-1");
    assert_eq!(
        (readers.principal_type, readers.privileged),
        (Some(PrincipalType::Group), Some(false)),
        "it only reads"
    );
    let own: RoleGrant = run.attributes("own-1");
    assert_eq!(own.permissions.unwrap().len(), 2, "of roles of the tenant's own");
    assert_eq!(own.scope, Some(format!("directory /administrativeUnits/{}", id(205))));
    let cy: RoleGrant = run.attributes("eligible/lAPpYvVpN0KRkAEhdxReECY-1-e");
    assert_eq!((cy.state, cy.assignment), (Some(GrantState::Eligible), Some(Assignment::Direct)));
    assert_eq!(
        (cy.granted_at, cy.expires_at),
        (at("2026-01-10T09:00:00.120Z"), at("2026-07-09T09:00:00.120Z"))
    );

    let run = replay(&["check", "roles-unlicensed"]).wanting::<RoleGrant>().run::<Azure>();
    run.assert_complete();
    assert_eq!(run.populations.len(), 1, "nobody can be made eligible");
    assert!(
        run.said(Level::Warn)
            .iter()
            .any(|line| line.contains("no Privileged Identity Management") && line.contains("Entra ID P2")),
        "{run}"
    );
}

#[test]
fn secrets_and_certificates_by_age_and_never_by_value() {
    let run = replay(&["check", "applications"]).wanting::<Credential>().run::<Azure>();
    run.assert_complete();
    let key = |list: &str, owner: u32, key: u32| {
        run.attributes::<Credential>(&format!("{list}/{}/{}", id(owner), id(key)))
    };
    let expired = key("applications", 403, 605);
    assert_eq!(
        (expired.r#type, expired.status),
        (CredentialType::ClientSecret, Some(CredentialStatus::Expired)),
        "it ends as the run begins"
    );
    assert_eq!(
        (expired.created_at, expired.expires_at),
        (at("2025-09-04T16:12:06.344Z"), at("2026-03-04T10:00:00Z"))
    );
    assert_eq!((expired.owner_name.as_deref(), expired.name.as_deref()), (Some("deployer"), Some("ci")));
    assert_eq!(key("applications", 403, 606).status, Some(CredentialStatus::Active));
    assert_eq!(key("applications", 403, 607).r#type, CredentialType::Certificate);
    assert_eq!(key("servicePrincipals", 301, 603).r#type, CredentialType::SigningKey);
    // Of a secret's value Microsoft shows the first letters: they are cut before anyone sees them.
    let cut = |path: &str| {
        let of =
            run.exchanges.iter().filter(|x| x.url.contains(path) && x.url.contains("passwordCredentials"));
        of.map(|x| matches!(x.answer, Answer::Response { redacted: true, .. })).collect::<Vec<_>>()
    };
    assert_eq!((cut("/applications?"), cut("/servicePrincipals?")), (vec![true], vec![true, false]));
}

fn subject(run: &Run, key: &str) -> String {
    run.record::<AppGrant>(key).subject_key.map(|key| key.to_string()).unwrap_or_default()
}

#[test]
fn who_may_use_applications_and_what_these_may_do() {
    let run = replay(&["check", "applications", "grants"]).wanting::<AppGrant>().run::<Azure>();
    run.assert_complete();
    let ada: AppGrant = run.attributes("asg-1");
    assert_eq!(
        (ada.app_name.as_deref(), ada.principal_type, ada.scopes),
        (Some("deployer"), Some(PrincipalType::User), None)
    );
    assert_eq!(ada.granted_at, at("2026-01-09T18:02:11.074Z"));
    let graph: AppGrant = run.attributes("asg-3");
    assert_eq!(
        (graph.app_name.as_deref(), graph.principal_type),
        (Some("Microsoft Graph"), Some(PrincipalType::Service))
    );
    assert_eq!(graph.scopes, Some(vec!["User.Read.All".to_owned()]));
    let all: AppGrant = run.attributes("consent/consent-1");
    assert_eq!(
        (all.app_name.as_deref(), all.principal_id, all.source_status.as_deref()),
        (Some("Expense tool"), None, Some("AllPrincipals"))
    );
    assert_eq!(all.scopes, Some(vec!["User.Read".to_owned(), "openid".to_owned()]));
    for key in ["asg-1", "consent/consent-2"] {
        assert_eq!(subject(&run, key), "person:ada@example.com");
    }
}

/// Assignments name people by their ids alone. Where users are withheld, the key is that of an account, and the list of
/// assignments is complete for all that.
#[test]
fn whose_applications_they_are_where_users_are_withheld() {
    let file = |name: &str| std::fs::read_to_string(format!("fixtures/entra-{name}.jsonl")).unwrap();
    let refused = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges."}}"#;
    let (mut lines, mut replaced) = (String::new(), 0);
    for line in ["check", "applications", "grants"].map(file).iter().flat_map(|text| text.lines()) {
        let (head, _) = line.split_once("\"body_json\"").unwrap();
        if head.contains("userPrincipalName&%24top=999") {
            lines.push_str(&format!("{head}\"status\": 403, \"body_json\": {refused}}}\n"));
            replaced += 1;
        } else {
            lines.push_str(&format!("{line}\n"));
        }
    }
    assert_eq!(replaced, 1);
    let settings = json!({"tenant_id": TENANT, "subscriptions": []});
    let run = Replay::text(&lines).settings(settings).wanting::<AppGrant>().run::<Azure>();
    run.assert_complete();
    assert_eq!(subject(&run, "asg-1"), format!("account:{TENANT}:{}", id(101)));
}

#[test]
fn what_conditional_access_demands() {
    let run = replay(&["check", "policies"]).wanting::<AuthPolicy>().run::<Azure>();
    run.assert_complete();
    let policy = |number: u32| run.attributes::<AuthPolicy>(&id(number));
    let everyone = policy(701);
    assert_eq!(
        (everyone.status, everyone.applies_to_all, everyone.mfa_required),
        (Some(Status::Active), Some(true), Some(true))
    );
    assert_eq!(
        (everyone.excludes, everyone.session_lifetime_minutes),
        (Some(vec![format!("group:{}", id(203))]), Some(720))
    );
    let legacy = policy(702);
    assert_eq!(
        (legacy.status, legacy.access, legacy.mfa_required),
        (Some(Status::Inactive), Some(RuleAction::Deny), Some(false)),
        "it only reports"
    );
    let strong = policy(703);
    assert_eq!(
        (strong.mfa_required, strong.phishing_resistant_required, strong.session_lifetime_minutes),
        (Some(true), Some(true), None)
    );
    assert_eq!(policy(704).mfa_required, Some(false), "a managed device will do, too");
    assert_eq!((policy(705).mfa_required, policy(705).status), (Some(true), Some(Status::Inactive)));
    let defaults: AuthPolicy = run.attributes("00000000-0000-0000-0000-000000000005");
    assert_eq!((defaults.status, defaults.system_default), (Some(Status::Inactive), Some(true)));
}

#[test]
fn sign_ins_and_audits_of_the_window() {
    let run = replay(&["check", "log"]).wanting::<Activity>().run::<Azure>();
    run.assert_complete();
    let ada: Activity = run.attributes(&id(801));
    assert_eq!(
        (ada.result, ada.mfa_used, ada.country.as_deref()),
        (Some(Outcome::Success), Some(true), Some("DE"))
    );
    assert_eq!((ada.client.as_deref(), ada.reason), (Some("Edge 122.0, Windows10"), None));
    let bo: Activity = run.attributes(&id(802));
    assert_eq!(
        (bo.result, bo.mfa_used, bo.source_ip, bo.country),
        (Some(Outcome::Failure), None, None, None)
    );
    assert!(bo.reason.unwrap().starts_with("Error validating credentials"));
    assert_eq!(run.attributes::<Activity>(&id(803)).result, Some(Outcome::Denied));
    let role: Activity = run.attributes("Directory_820");
    assert_eq!(
        (role.activity.as_str(), role.category, role.actor_name.as_deref()),
        ("Add member to role", Some(ActivityCategory::Access), Some("ada@example.com"))
    );
    assert_eq!(role.targets.unwrap().len(), 1, "a role without an id is none that could be named");
    assert_eq!(
        role.details,
        Some(
            Details::new()
                .with("category", "RoleManagement")
                .with("service", "Core Directory")
                .with("operation", "Assign")
                .with("modified", vec!["Role.DisplayName", "Role.ObjectID"])
        )
    );
    let policy: Activity = run.attributes("Directory_821");
    assert_eq!((policy.actor_type, policy.actor_id), (Some(PrincipalType::Service), Some(id(301))));
    assert_eq!((policy.result, policy.reason.as_deref()), (Some(Outcome::Failure), Some("Not authorised")));
}

#[test]
fn without_a_licence_sign_ins_are_missing_and_say_why() {
    let run = replay(&["check-narrow", "log-unlicensed"]).wanting::<Activity>().run::<Azure>();
    let sign_ins = run.population_about("audit.activity@1", "sign-ins");
    let reason = sign_ins.verdict.reason().unwrap_or_default();
    assert!(reason.contains("tenant doesn't have premium license"), "{reason}");
    let audits = run.population_about("audit.activity@1", "audits");
    assert_eq!((audits.verdict.reason(), audits.emitted), (None, 2), "they cost the other nothing");
}

#[test]
fn the_check_names_what_is_missing() {
    let run = replay(&["check-narrow", "policies", "roles"]).wanting::<AuthPolicy>().run::<Azure>();
    let lines = run.said(Level::Warn);
    assert!(
        lines.iter().any(|l| l.contains("identity.auth_policy@1")
            && l.contains("grant the application Policy.Read.All")
            && l.contains("Insufficient privileges")),
        "{lines:?}"
    );

    let run = replay(&["check-narrow", "users-unlicensed", "roles", "applications"])
        .wanting::<Account>()
        .run::<Azure>();
    let lines = run.said(Level::Warn);
    assert!(
        lines
            .iter()
            .any(|l| l.starts_with("the tenant's licence does not cover") && l.contains("mfa_status")),
        "{lines:?}"
    );
}

#[test]
fn a_credential_of_another_tenant_or_none_fails_the_check() {
    let organisation = |status: u16, body: &str| {
        let url = "https://graph.microsoft.com/v1.0/organization?$select=id";
        let line =
            format!("{{\"method\":\"GET\",\"url\":\"{url}\",\"status\":{status},\"body_json\":{body}}}\n");
        Replay::text(&line).settings(json!({"tenant_id": TENANT, "subscriptions": []})).run::<Azure>()
    };
    let run = organisation(200, &format!("{{\"value\":[{{\"id\":\"{}\"}}]}}", id(9)));
    assert!(run.assert_failed("config").contains(&id(9)), "{run}");
    let run = organisation(
        403,
        r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}"#,
    );
    assert!(run.assert_failed("permission").contains("Directory.Read.All"), "{run}");
    let run = organisation(
        401,
        r#"{"error":{"code":"InvalidAuthenticationToken","message":"Access token has expired or is not yet valid."}}"#,
    );
    assert!(run.assert_failed("auth").contains("has expired"), "{run}");
}

#[test]
fn one_half_can_be_left_out() {
    let pointer = |settings: serde_json::Value| {
        let found = exhibit_sdk::connector::validate::<Azure>(&settings.to_string());
        found.first().map(|problem| problem.pointer.clone())
    };
    assert_eq!(pointer(json!({"tenant_id": TENANT, "subscriptions": []})), None);
    assert_eq!(pointer(json!({"tenant_id": TENANT, "directory": false})), None);
    let neither = json!({"tenant_id": TENANT, "subscriptions": [], "directory": false});
    assert_eq!(pointer(neither).as_deref(), Some("/directory"));
}

//! Replays made-up answers of GitHub's with the host's own rules. What is expected was worked out by hand from the
//! fixtures; their bodies are held against GitHub's document by `tests/foreign/github_connector_fixtures.py`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use exhibit_connector_github::GitHub;
use exhibit_sdk::Level;
use exhibit_sdk::kinds::{
    AccessChange, Account, AccountStatus, AccountType, Activity, AppGrant, Assignment, AuthPolicy,
    ChangeRequest, Credential, CredentialStatus, CredentialType, Deploy, Finding, FindingStatus,
    GroupMembership, MfaStatus, PrincipalType, RepoProtection, Resource, RoleGrant, Severity, Status,
};
use exhibit_sdk::prelude::*;
use exhibit_testkit::Replay;
use serde_json::json;
use support::{WHOLE, date, replay, time, whole_settings};

#[test]
fn a_whole_organisation_is_complete() {
    let run = replay(&WHOLE).settings(whole_settings()).run::<GitHub>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/whole.records.jsonl");
    assert_eq!(run.tenant.as_deref(), Some("900100"));
    // One owner, two members, one outside collaborator, one invitation.
    assert_eq!(run.counts::<Account>(), (5, 5, 0, 5));
    // Three teams and four members, of whom Bo is in two teams. Nobody is in the third.
    assert_eq!(run.counts::<GroupMembership>(), (7, 6, 1, 4));
    // One owner; three roles, of which one is held by a user, one through and by a team, one by nobody; three
    // collaborators; two teams.
    assert_eq!(run.counts::<RoleGrant>(), (1 + 3 + 3 + 3 + 2, 10, 2, 8));
    assert_eq!(run.counts::<AppGrant>(), (2, 2, 0, 2));
    // Two deploy keys, two authorised credentials.
    assert_eq!(run.counts::<Credential>(), (4, 4, 0, 4));
    // Three repositories, two environments.
    assert_eq!(run.counts::<Resource>(), (5, 5, 0, 5));
    assert_eq!(run.counts::<RepoProtection>(), (3, 3, 0, 3));
    assert_eq!(run.counts::<Finding>(), (9, 9, 0, 9));
    // Six in one repository and two in another: an issue, an open one and two of other days are left out.
    assert_eq!(run.counts::<ChangeRequest>(), (8, 4, 4, 4));
    assert_eq!(run.counts::<Deploy>(), (3, 2, 1, 2));
    // The last is of the window's end, which does not belong to it.
    assert_eq!(run.counts::<Activity>(), (6, 5, 1, 5));
    assert_eq!(run.counts::<AccessChange>(), (6, 4, 2, 4));
    // Two documents without a list: the organisation's and that of Actions.
    assert_eq!(run.population::<AuthPolicy>().emitted, 2);
    assert_eq!(run.said(Level::Warn), [""; 0]);
    let lines = run.snapshot();
    for secret in ["EXAMPLE-SECRET", "A1EXAMPLETOKEN", "71c3fc11", "47DEQpj8HBSa"] {
        assert!(!lines.contains(secret), "{secret}");
    }
}

#[test]
fn what_is_redacted_is_kept_nowhere() {
    let run = replay(&WHOLE).settings(whole_settings()).run::<GitHub>();
    let expected = [
        "/organizations/900100/repos",
        "/orgs/example-org/audit-log",
        "/orgs/example-org/credential-authorizations",
        "/orgs/example-org/repos",
        "/orgs/example-org/secret-scanning/alerts",
    ];
    assert_eq!(support::redacted(&run), expected);
}

#[test]
fn accounts_of_all_lists_and_pages_with_their_second_factor() {
    let run = replay(&["org", "people", "saml", "members"])
        .settings(whole_settings())
        .wanting::<Account>()
        .run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let ada: Account = run.attributes("101");
    let expected = Account {
        display_name: Some("Ada Example".into()),
        // The first of two by letter.
        email: Some("a.example@example.com".into()),
        r#type: Some(AccountType::Human),
        status: Some(AccountStatus::Active),
        external: Some(false),
        admin: Some(true),
        mfa_status: Some(MfaStatus::Enrolled),
        created_at: time("2019-03-01T09:00:00Z"),
        ..Account::new("ada-example")
    };
    assert_eq!(ada, expected);
    assert_eq!(run.record::<Account>("101").unknown, ["last_login_on", "mfa_factors"]);

    // The identity provider's name for Bo, whose login it spells with other capitals.
    let bo: Account = run.attributes("102");
    assert_eq!((bo.mfa_status, bo.admin), (Some(MfaStatus::NotEnrolled), Some(false)));
    assert_eq!(run.record::<Account>("102").subject_key.as_deref(), Some("person:bo@example.com"));

    // Named as a program in the settings; its name at the identity provider is no address.
    let cy: Account = run.attributes("103");
    assert_eq!((cy.r#type, cy.email), (Some(AccountType::Service), None));
    let cy = run.record::<Account>("103");
    assert_eq!(cy.subject_key.as_deref(), Some("account:github.com:103"));
    assert_eq!(cy.unknown, ["email", "last_login_on", "mfa_factors"]);

    let di: Account = run.attributes("104");
    assert_eq!((di.external, di.mfa_status), (Some(true), Some(MfaStatus::Enrolled)));
    let eve: Account = run.attributes("invitation/77");
    assert_eq!((eve.status, eve.login.as_str()), (Some(AccountStatus::Pending), "eve@example.com"));
    assert_eq!(eve.source_status.as_deref(), Some("invited: direct_member"));
    assert_eq!(run.record::<Account>("invitation/77").subject_key.as_deref(), Some("person:eve@example.com"));
}

#[test]
fn teams_of_which_some_hold_others() {
    let run = replay(&["org", "people", "teams"]).wanting::<GroupMembership>().run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let ada: GroupMembership = run.attributes("301/101");
    let expected = GroupMembership {
        group_name: Some("Platform".into()),
        member_type: Some(PrincipalType::User),
        member_login: Some("ada-example".into()),
        group_role: Some("maintainer".into()),
        ..GroupMembership::new("301", "101")
    };
    assert_eq!(ada, expected);
    // Members of the team within it are listed as its own.
    assert_eq!(run.record::<GroupMembership>("301/102").unknown, ["assignment"]);
    let bo: GroupMembership = run.attributes("302/102");
    assert_eq!((bo.group_role.as_deref(), bo.assignment), (Some("member"), Some(Assignment::Direct)));
    assert_eq!(run.population::<GroupMembership>().filtered["a team in which no member is seen"], 1);
}

#[test]
fn owners_roles_collaborators_and_teams() {
    let run = replay(&["org", "repos", "people", "members", "teams", "access"])
        .wanting::<RoleGrant>()
        .run::<GitHub>();
    run.assert_complete();
    let owner: RoleGrant = run.attributes("owner/101");
    assert_eq!((owner.role_name.as_str(), owner.privileged), ("owner", Some(true)));
    assert_eq!(owner.scope.as_deref(), Some("example-org"));
    let role: RoleGrant = run.attributes("role/8134/user/101");
    assert_eq!((role.role_name.as_str(), role.privileged), ("all_repo_admin", Some(true)));
    // Held by the team; Bo, who has it through the team, is left out.
    let team = run.record::<RoleGrant>("role/8135/team/301");
    assert_eq!(team.unknown, ["privileged"]);
    let team: RoleGrant = run.attributes("role/8135/team/301");
    assert_eq!(team.permissions, Some(vec!["read_alerts".into(), "write_alerts".into()]));
    let filtered = &run.population::<RoleGrant>().filtered;
    assert_eq!(filtered["held through a team, whose own grant is a record"], 1);
    assert_eq!(filtered["an organisation role that nobody is seen to hold"], 1);

    let bo: RoleGrant = run.attributes("501/user/102");
    assert_eq!((bo.role_name.as_str(), bo.scope.as_deref()), ("write", Some("example-org/app")));
    assert_eq!((bo.privileged, bo.assignment), (Some(false), Some(Assignment::Direct)));
    // A role that the organisation made.
    assert_eq!(run.attributes::<RoleGrant>("501/user/104").role_name, "example-support");
    assert_eq!(run.attributes::<RoleGrant>("503/user/103").privileged, Some(true));
    let platform: RoleGrant = run.attributes("501/team/301");
    assert_eq!((platform.role_name.as_str(), platform.assignment), ("write", Some(Assignment::Direct)));
    let release: RoleGrant = run.attributes("503/team/302");
    assert_eq!((release.privileged, release.assignment), (Some(true), Some(Assignment::Inherited)));
}

#[test]
fn apps_and_what_they_may_do() {
    let run = replay(&["org", "repos", "apps"]).wanting::<AppGrant>().run::<GitHub>();
    run.assert_complete();
    let ci: AppGrant = run.attributes("7001");
    let scopes = ["checks:write", "contents:read", "metadata:read", "repositories:all"].map(str::to_owned);
    assert_eq!((ci.app_id.as_str(), ci.scopes), ("11", Some(scopes.to_vec())));
    assert_eq!((ci.status, ci.granted_at), (Some(Status::Active), time("2024-04-01T09:00:00Z")));
    assert_eq!(run.attributes::<AppGrant>("7002").status, Some(Status::Inactive));
}

#[test]
fn rules_of_the_organisation_and_of_actions() {
    let run = replay(&["org", "policy"]).wanting::<AuthPolicy>().run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let policy: AuthPolicy = run.attributes("organization/900100");
    assert_eq!((policy.mfa_required, policy.policy_type.as_str()), (Some(true), "organization"));
    let details = serde_json::to_value(policy.details).unwrap();
    assert_eq!(details["default_repository_permission"], "read");
    assert_eq!(details["members_can_invite_outside_collaborators"], false);
    let actions: AuthPolicy = run.attributes("actions");
    let expected = json!({
        "permissions": {"enabled_repositories": "all", "allowed_actions": "selected", "sha_pinning_required": true,
            "selected_actions_url": "https://api.github.com/organizations/900100/actions/permissions/selected-actions"},
        "workflow": {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": false},
        "fork_pull_requests": {"approval_policy": "all_external_contributors"},
        "self_hosted_runners": {"enabled_repositories": "none"},
        "selected_actions": {"github_owned_allowed": true, "verified_allowed": false,
            "patterns_allowed": ["example-org/*"]}
    });
    assert_eq!(serde_json::to_value(actions.details).unwrap(), expected);
}

#[test]
fn deploy_keys_and_authorised_credentials() {
    let run = replay(&["org", "repos", "people", "saml", "keys"])
        .settings(whole_settings())
        .wanting::<Credential>()
        .run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let server: Credential = run.attributes("501/key/1");
    let expected = Credential {
        status: Some(CredentialStatus::Active),
        name: Some("build server".into()),
        owner_name: Some("ada-example".into()),
        owner_type: Some(PrincipalType::User),
        scopes: Some(vec!["read example-org/app".into()]),
        created_at: time("2025-03-01T09:00:00Z"),
        last_used_on: date("2026-03-03"),
        ..Credential::new(CredentialType::SshKey)
    };
    assert_eq!(server, expected);
    let record = run.record::<Credential>("501/key/1");
    assert_eq!(record.subject_key.as_deref(), Some("person:a.example@example.com"));
    let mirror: Credential = run.attributes("501/key/2");
    assert_eq!(mirror.status, Some(CredentialStatus::Inactive));
    assert_eq!(mirror.scopes, Some(vec!["write example-org/app".into()]));
    assert_eq!(run.record::<Credential>("501/key/2").unknown, ["last_used_on", "owner_name"]);
    // It ended at the very instant of the run.
    let token: Credential = run.attributes("authorization/161195");
    assert_eq!((token.status, token.r#type), (Some(CredentialStatus::Expired), CredentialType::ApiToken));
    assert_eq!(token.scopes, Some(vec!["read:org".into(), "repo".into()]));
    let key: Credential = run.attributes("authorization/161196");
    assert_eq!((key.status, key.r#type), (Some(CredentialStatus::Active), CredentialType::SshKey));
}

#[test]
fn repositories_and_environments() {
    let run = replay(&["org", "repos", "resources"]).wanting::<Resource>().run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let site: Resource = run.attributes("502");
    assert_eq!((site.publicly_accessible, site.status.as_deref()), (Some(true), Some("archived")));
    let app: Resource = run.attributes("501");
    assert_eq!((app.publicly_accessible, app.container.as_deref()), (Some(false), Some("example-org")));
    assert_eq!(app.tags, Some(vec!["payments".into(), "soc2".into()]));
    let subject = run.record::<Resource>("501").subject_key;
    assert_eq!(subject.as_deref(), Some("repo:github.com/example-org/app"));
    let production: Resource = run.attributes("501/environment/801");
    let expected = json!({
        "protection_rules": ["branch_policy", "required_reviewers", "wait_timer"],
        "reviewers": ["team:platform", "user:bo-example"], "wait_minutes": 30, "self_review_prevented": true,
        "administrators_may_bypass": false, "protected_branches_only": true, "named_branches_only": false
    });
    assert_eq!(serde_json::to_value(production.details).unwrap(), expected);
}

#[test]
fn alerts_of_the_three_kinds_in_every_state() {
    let run = replay(&["org", "alerts"]).wanting::<Finding>().run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let open: Finding = run.attributes("dependabot/501/1");
    let expected = Finding {
        severity: Some(Severity::Critical),
        source_severity: Some("critical".into()),
        cvss_score: Some("9.8".into()),
        cves: Some(vec!["CVE-2026-0001".into()]),
        status: Some(FindingStatus::Open),
        source_status: Some("open".into()),
        scanner: Some("Dependabot".into()),
        resource_id: Some("501".into()),
        resource_type: Some("github:repository".into()),
        resource_name: Some("example-org/app".into()),
        location: Some("web/package-lock.json".into()),
        package: Some("npm:example-parser".into()),
        fixed_version: Some("4.17.21".into()),
        first_seen_at: time("2026-02-03T09:00:00Z"),
        ..Finding::new("Prototype pollution in example-parser")
    };
    assert_eq!(open, expected);
    let accepted: Finding = run.attributes("dependabot/501/2");
    assert_eq!((accepted.status, accepted.cvss_score), (Some(FindingStatus::Accepted), None));
    assert_eq!(accepted.closed_by.as_deref(), Some("ada-example"));
    let fixed: Finding = run.attributes("dependabot/501/3");
    assert_eq!(
        (fixed.status, fixed.resolved_at),
        (Some(FindingStatus::Resolved), time("2026-02-25T09:00:00Z"))
    );
    let code: Finding = run.attributes("code-scanning/501/4");
    assert_eq!((code.severity, code.location.as_deref()), (Some(Severity::High), Some("lib/unzip.js:917")));
    // A rule about quality has no level of security, only one of its own.
    let quality: Finding = run.attributes("code-scanning/501/5");
    assert_eq!((quality.severity, quality.source_severity.as_deref()), (None, Some("error")));
    assert_eq!(quality.status, Some(FindingStatus::FalsePositive));
    let secret: Finding = run.attributes("secret-scanning/501/8");
    assert_eq!(
        (secret.status, secret.closed_reason.as_deref()),
        (Some(FindingStatus::Resolved), Some("revoked"))
    );
    assert_eq!(secret.title, "exposed secret: Mailchimp API Key");
    // Accepted, and so not gone.
    let kept: Finding = run.attributes("secret-scanning/501/9");
    assert_eq!((kept.status, kept.resolved_at), (Some(FindingStatus::Accepted), None));
}

#[test]
fn an_empty_organisation_is_complete() {
    let run = replay(&["empty"]).run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    assert_eq!(run.populations.len(), 13);
    // The organisation itself has rules, and so have Actions.
    let emitted = |p: &exhibit_evidence::run::Population| (p.received, p.emitted);
    let others = run.populations.iter().filter(|p| p.kind.to_string() != AuthPolicy::KIND);
    assert!(others.map(emitted).all(|counts| counts == (0, 0)), "{run}");
}

#[test]
fn repositories_that_the_settings_leave_out_are_counted() {
    let run = replay(&["org", "repos", "resources"])
        .settings(json!({"org": "example-org", "repositories": ["APP"]}))
        .wanting::<Resource>()
        .run::<GitHub>();
    run.assert_complete();
    // One repository and its two environments; the two others are left out.
    assert_eq!(run.counts::<Resource>(), (5, 3, 2, 3));
    assert_eq!(
        run.population::<Resource>().filtered["a repository that is not among those of the settings"],
        2
    );
}

#[test]
fn grants_are_not_complete_where_the_owners_are_withheld() {
    let refused = r#"{"method":"GET","url":"https://api.github.com/orgs/example-org/members?role=admin&per_page=100","status":403,"body_json":{"message":"Resource not accessible"}}"#;
    let files = WHOLE.iter().map(|name| format!("fixtures/{name}.jsonl"));
    let whole = files.fold(Replay::text(refused), Replay::and).settings(whole_settings());
    let run = whole.run::<GitHub>();
    assert_eq!(run.reason::<RoleGrant>(), "the list of owners could not be read", "{run}");
    assert!(run.reason::<Account>().contains("Resource not accessible"), "{run}");
    // The others are there all the same.
    assert_eq!(run.lines::<RoleGrant>().len(), 7);
}

#[test]
fn a_token_that_opens_little_says_what_is_missing() {
    let run = replay(&["closed"]).run::<GitHub>();
    assert!(run.failure.is_none() && run.rejections.is_empty(), "{run}");
    run.assert_fixtures_used();
    // Anyone may see the public members and repositories.
    assert_eq!(run.counts::<Account>(), (2, 2, 0, 2));
    let unknown = &run.record::<Account>("101").unknown;
    assert!(unknown.contains(&"mfa_status".to_owned()) && unknown.contains(&"email".to_owned()));
    let no = "answered 403: Resource not accessible by personal access token";
    for reason in [
        run.reason::<Account>(),
        run.reason::<GroupMembership>(),
        run.reason::<RoleGrant>(),
        run.reason::<AppGrant>(),
        run.reason::<AuthPolicy>(),
        run.reason::<Credential>(),
        run.reason::<Finding>(),
        run.reason::<ChangeRequest>(),
    ] {
        assert!(reason.contains(no), "{reason}");
    }
    assert!(run.reason::<Finding>().contains("Secret scanning is disabled on this organization."), "{run}");
    assert!(run.reason::<Activity>().starts_with("answered 404: Not Found"), "{run}");
    // The one area that is open.
    assert_eq!((run.reason::<Deploy>(), run.counts::<Deploy>()), ("", (0, 0, 0, 0)));
    // The branch is listed, and what the ruleset asks is known; what older protection may add is not.
    assert_eq!(run.reason::<RepoProtection>(), "");
    let site: RepoProtection = run.attributes("502/main");
    assert_eq!((site.enabled, site.pull_request_required), (Some(true), Some(true)));
    assert_eq!((site.required_approvals, site.force_push_allowed), (None, None));
    let policy = run.record::<AuthPolicy>("organization/900100");
    assert_eq!(policy.unknown, ["details", "mfa_required"]);
    let warned = run.said(Level::Warn);
    let two_factor = "the credential lacks Organization: Members (read), and so who has a second factor is unknown (an \
                      owner's token, or an app, is needed): GET \
                      https://api.github.com/orgs/example-org/members?filter=2fa_disabled&per_page=1 answered 422: Only \
                      owners can use this filter.";
    assert_eq!(warned[0], two_factor);
    let addresses =
        "work addresses are unknown: GitHub answered: Resource not accessible by personal access token";
    assert!(warned.contains(&addresses), "{warned:?}");
}

#[test]
fn a_credential_that_opens_nothing_of_what_is_wanted_fails_the_check() {
    let run = replay(&["closed"]).wanting::<GroupMembership>().wanting::<ChangeRequest>().run::<GitHub>();
    let message = run.assert_failed("permission");
    assert!(message.starts_with("the credential lacks Organization: Members (read)"), "{message}");
}

#[test]
fn a_refused_token_ends_the_check_in_githubs_words() {
    let run = replay(&["bad-token"]).run::<GitHub>();
    let message = run.assert_failed("auth");
    assert!(message.ends_with("answered 401: Bad credentials"), "{message}");
    let run = replay(&["no-org"]).run::<GitHub>();
    let message = run.assert_failed("config");
    assert!(
        message.starts_with("there is no organisation `example-org` that this credential can see"),
        "{message}"
    );
}

#[test]
fn addresses_of_the_other_editions() {
    let run = |origin: &str, base: &str, settings: serde_json::Value| {
        let one = |path: &str, body: serde_json::Value| json!({"method": "GET", "url": format!("{origin}{base}/orgs/example-org{path}"), "body_json": body});
        let key = json!({"id": 1, "title": "k", "read_only": true, "created_at": "2025-03-01T09:00:00Z"});
        let repo = json!({"id": 501, "name": "app", "full_name": "example-org/app", "private": true});
        let people = json!({"method": "POST", "url": format!("{origin}{}/graphql", base.trim_end_matches("/v3")),
            "body_json": {"data": {"organization": {"membersWithRole": {"nodes": [], "pageInfo": {"hasNextPage": false}}}}}});
        let of_repo = |path: &str| json!({"method": "GET", "url": format!("{origin}{base}/repos/example-org/app{path}"), "body_json": [key]});
        let lines = [
            one("", json!({"id": 7, "login": "example-org"})),
            one("/repos?type=all&per_page=1", json!([repo])),
            one("/repos?type=all&sort=created&direction=asc&per_page=100", json!([repo])),
            people,
            of_repo("/keys?per_page=1"),
            of_repo("/keys?per_page=100"),
            json!({"method": "GET", "url": format!("{origin}{base}/repos/example-org/app/environments?per_page=100"),
                "body_json": {"total_count": 0, "environments": []}}),
        ];
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let run = Replay::text(&lines)
            .settings(settings)
            .wanting::<Credential>()
            .wanting::<Resource>()
            .run::<GitHub>();
        run.assert_complete().assert_fixtures_used();
        run.record::<Resource>("501").subject_key
    };
    let settings =
        json!({"org": "example-org", "api_url": "https://git.example.com", "enterprise_server": true});
    let subject = run("https://git.example.com", "/api/v3", settings);
    assert_eq!(subject.as_deref(), Some("repo:git.example.com/example-org/app"));
    let settings = json!({"org": "example-org", "api_url": "https://api.example.com"});
    let subject = run("https://api.example.com", "", settings);
    assert_eq!(subject.as_deref(), Some("repo:example.com/example-org/app"));
}

#[test]
fn settings_are_checked() {
    let problems = |settings: serde_json::Value| -> Vec<String> {
        let settings = serde_json::from_value(settings).unwrap();
        GitHub::validate(&settings).into_iter().map(|problem| problem.pointer).collect()
    };
    assert_eq!(problems(json!({"org": "example-org"})), [""; 0]);
    assert_eq!(problems(json!({"org": "https://github.com/example-org"})), ["/org"]);
    assert_eq!(problems(json!({"org": "example-org", "enterprise_server": true})), ["/api_url"]);
    assert_eq!(problems(json!({"org": "example-org", "api_url": "https://github.com"})), ["/api_url"]);
    assert_eq!(problems(json!({"org": "o", "repositories": ["app", "o/app"]})), ["/repositories/1"]);
    assert_eq!(problems(json!({"org": "o", "ticket_prefixes": ["OPS-"]})), ["/ticket_prefixes/0"]);
}

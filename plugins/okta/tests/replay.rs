//! Replays made-up answers of Okta's with the host's own rules. What is expected was worked out by hand from the
//! fixtures; their bodies are held against Okta's document by `tests/foreign/okta_connector_fixtures.py`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_okta::Okta;
use exhibit_evidence::exchange::{Answer, Exchange};
use exhibit_sdk::Level;
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Account, AccountStatus, AccountType, Activity, ActivityCategory, AppGrant,
    Assignment, AuthPolicy, Credential, CredentialStatus, GrantState, GroupMembership, MfaStatus, Outcome,
    PrincipalType, RoleGrant, RuleAction, Status,
};
use exhibit_sdk::prelude::*;
use exhibit_testkit::Replay;
use serde_json::json;

const TENANT: &str = "okta.example.com";

fn replay(files: &[&str]) -> Replay {
    Replay::named(files).settings(json!({"org_url": "https://okta.example.com"}))
}

/// Everything, with every permission.
const WHOLE: [&str; 9] =
    ["users", "factors", "roles", "groups", "members", "apps", "policies", "tokens", "log"];

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

fn date(text: &str) -> Option<Date> {
    Some(text.parse().unwrap())
}

#[test]
fn a_whole_organisation_is_complete() {
    let run = replay(&WHOLE).run::<Okta>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/whole.records.jsonl");
    assert_eq!(run.tenant.as_deref(), Some("00o1example"));
    // Two and one and, deprovisioned, one more.
    assert_eq!(run.counts::<Account>(), (4, 4, 0, 4));
    // Ada's two, of which one comes through a group; Cy's; one each of two groups.
    assert_eq!(run.counts::<RoleGrant>(), (5, 4, 1, 4));
    // Four groups, three members. Two groups are cited; Everyone and the empty one are left out.
    assert_eq!(run.counts::<GroupMembership>(), (7, 5, 2, 3));
    // Two applications, two users, one group. The application without any is left out.
    assert_eq!(run.counts::<AppGrant>(), (5, 4, 1, 3));
    // Four policies, three rules, two authenticators.
    assert_eq!(run.counts::<AuthPolicy>(), (9, 9, 0, 9));
    assert_eq!(run.counts::<Credential>(), (2, 2, 0, 2));
    assert_eq!(run.counts::<Activity>(), (4, 4, 0, 4));
    assert_eq!(run.counts::<AccessChange>(), (4, 3, 1, 3));
    assert_eq!(run.said(Level::Warn), [""; 0]);
}

#[test]
fn users_of_all_pages_and_statuses_with_their_factors() {
    let run = replay(&["users", "factors"]).wanting::<Account>().run::<Okta>();
    run.assert_complete().assert_fixtures_used();
    let expected = Account {
        display_name: Some("Ada Example".into()),
        email: Some("ada@example.com".into()),
        r#type: Some(AccountType::Human),
        status: Some(AccountStatus::Active),
        source_status: Some("ACTIVE".into()),
        // Not the authenticator application, which Ada has not finished setting up.
        mfa_status: Some(MfaStatus::Enrolled),
        mfa_factors: Some(vec!["security_question".into(), "webauthn".into()]),
        password_enabled: Some(true),
        password_changed_at: time("2025-12-01T08:00:00Z"),
        created_at: time("2025-01-07T09:00:00Z"),
        activated_at: time("2025-01-07T09:05:00Z"),
        status_changed_at: time("2025-01-07T09:10:00Z"),
        last_login_on: date("2026-03-03"),
        employee_id: Some("E-1".into()),
        job_title: Some("Engineer".into()),
        department: Some("Engineering".into()),
        manager: Some("Grace Example".into()),
        ..Account::new("ada@example.com")
    };
    assert_eq!(run.attributes::<Account>("00u1ada"), expected);
    assert_eq!(run.record::<Account>("00u1ada").unknown, ["admin"]);

    // A security question is no second factor.
    let bo: Account = run.attributes("00u2bo");
    assert_eq!((bo.status, bo.mfa_status), (Some(AccountStatus::Suspended), Some(MfaStatus::NotEnrolled)));
    assert_eq!(bo.mfa_factors, Some(vec!["security_question".into()]));

    // Okta's own word where the kind has none; the login is not the address.
    let cy: Account = run.attributes("00u3cy");
    assert_eq!(cy.mfa_factors, Some(vec!["hardware_token".into(), "signed_nonce".into(), "sms".into()]));
    assert_eq!(
        (cy.login.as_str(), cy.display_name.as_deref()),
        ("cy.batch@example.com", Some("Nightly batch"))
    );
    assert_eq!((cy.r#type, cy.status), (Some(AccountType::Service), Some(AccountStatus::Pending)));
    assert_eq!(cy.password_enabled, Some(false));
    assert_eq!(run.record::<Account>("00u3cy").subject_key.as_deref(), Some("person:cy@example.com"));

    // From the second list; nobody asks for the factors of an account that has ended.
    let di = run.record::<Account>("00u4di");
    assert_eq!(di.unknown, ["admin", "mfa_factors", "mfa_status"]);
    let di: Account = run.attributes("00u4di");
    assert_eq!(di.status, Some(AccountStatus::Deprovisioned));
    assert_eq!(di.status_changed_at, time("2026-03-01T17:30:00Z"));
}

#[test]
fn no_recording_keeps_what_recovers_a_password_or_reaches_a_person() {
    let run = replay(&["users", "factors"]).wanting::<Account>().run::<Okta>();
    let is_redacted = |e: &&Exchange| matches!(e.answer, Answer::Response { redacted: true, .. });
    let redacted: Vec<&str> = run.exchanges.iter().filter(is_redacted).map(|e| e.url.as_str()).collect();
    let at = |path: &str| format!("https://{TENANT}/api/v1/users{path}");
    assert_eq!(
        redacted,
        [
            at("?limit=1"),
            at("?limit=200"),
            at("/00u1ada/factors"),
            at("/00u2bo/factors"),
            at("/00u3cy/factors")
        ]
    );
}

#[test]
fn factors_that_may_not_be_read_are_unknown_and_the_accounts_complete() {
    let run = replay(&["users", "no-factors"]).wanting::<Account>().run::<Okta>();
    run.assert_complete().assert_fixtures_used();
    for id in ["00u1ada", "00u2bo", "00u3cy"] {
        assert_eq!(run.record::<Account>(id).unknown, ["admin", "mfa_factors", "mfa_status"]);
        assert_eq!(run.attributes::<Account>(id).mfa_status, None);
    }
    // Once for the two on the first page, once for the one on the second.
    let warned = run.said(Level::Warn);
    let ending = "answered 403: E0000006: You do not have permission to perform the requested action";
    assert_eq!(warned.len(), 2, "{warned:?}");
    assert!(warned[0].starts_with("second factors of 2 users are unknown, the first because"), "{warned:?}");
    assert!(warned[1].starts_with("second factors of 1 users are unknown"), "{warned:?}");
    assert!(warned.iter().all(|line| line.ends_with(ending)), "{warned:?}");
}

#[test]
fn roles_that_may_not_be_read_cost_no_other_population() {
    let files = ["users", "factors", "no-roles", "groups", "members"];
    let run =
        replay(&files).wanting::<Account>().wanting::<RoleGrant>().wanting::<GroupMembership>().run::<Okta>();
    assert!(run.failure.is_none() && run.rejections.is_empty(), "{run}");
    // The groups of the second page are not asked for theirs: every one of the first refused.
    run.assert_fixtures_used();
    assert_eq!((run.reason::<Account>(), run.reason::<GroupMembership>()), ("", ""));
    assert_eq!((run.counts::<Account>(), run.counts::<GroupMembership>()), ((4, 4, 0, 4), (7, 5, 2, 3)));
    assert_eq!(run.counts::<RoleGrant>(), (0, 0, 0, 0));
    let reason = run.reason::<RoleGrant>();
    // Three users and two groups.
    let okta = "answered 403: E0000006: You do not have permission to perform the requested action (5 times); page 0 was \
                answered with status 403: 5 lists, the first GET https://okta.example.com/api/v1/users/00u1ada/roles";
    assert_eq!(reason, okta);
}

#[test]
fn roles_of_users_and_of_groups() {
    let run = replay(&["users", "roles", "groups"]).wanting::<RoleGrant>().run::<Okta>();
    run.assert_complete().assert_fixtures_used();
    let ada: RoleGrant = run.attributes("00u1ada/ra1");
    let expected = RoleGrant {
        principal_type: Some(PrincipalType::User),
        principal_name: Some("ada@example.com".into()),
        role_id: Some("SUPER_ADMIN".into()),
        privileged: Some(true),
        assignment: Some(Assignment::Direct),
        state: Some(GrantState::Active),
        granted_at: time("2025-03-01T09:00:00Z"),
        ..RoleGrant::new("00u1ada", "Super Organization Administrator")
    };
    assert_eq!(ada, expected);
    let record = run.record::<RoleGrant>("00u1ada/ra1");
    assert_eq!(
        (record.unknown, record.subject_key.as_deref()),
        (vec!["scope".to_owned()], Some("person:ada@example.com"))
    );
    let cy: RoleGrant = run.attributes("00u3cy/irb1");
    assert_eq!(
        (cy.role_id.as_deref(), cy.scope.as_deref()),
        (Some("cr0keeper"), Some("resource set iam1engineering"))
    );
    let admins: RoleGrant = run.attributes("00g2admins/grA1");
    assert_eq!((admins.principal_type, admins.privileged), (Some(PrincipalType::Group), Some(false)));
    assert_eq!(admins.principal_name.as_deref(), Some("Okta Administrators"));
    assert_eq!(run.attributes::<RoleGrant>("00g4ad/grA2").privileged, Some(true));
}

#[test]
fn groups_of_all_pages_with_members_of_all_pages() {
    let run = replay(&["users", "groups", "members"]).wanting::<GroupMembership>().run::<Okta>();
    run.assert_complete();
    let keys: Vec<String> = run.records::<GroupMembership>().into_iter().map(|r| r.native_id).collect();
    // Okta builds in the administrators' group as it does that of everyone; its members count.
    assert_eq!(keys, ["00g2admins/00u1ada", "00g4ad/00u1ada", "00g4ad/00u3cy"]);
    let cy: GroupMembership = run.attributes("00g4ad/00u3cy");
    assert_eq!(
        (cy.group_name.as_deref(), cy.assignment),
        (Some("AD Operators"), Some(Assignment::Directory))
    );
    assert_eq!(cy.member_login.as_deref(), Some("cy.batch@example.com"));
    assert_eq!(run.record::<GroupMembership>("00g2admins/00u1ada").unknown, ["assignment"]);
    let filtered = &run.population::<GroupMembership>().filtered;
    assert_eq!(filtered["the built-in group of everyone"], 1);
    assert_eq!(filtered["a group in which no member is seen"], 1);
}

#[test]
fn assignments_belong_to_the_person_and_not_to_their_name_in_the_application() {
    let run = replay(&["users", "apps"]).wanting::<AppGrant>().run::<Okta>();
    run.assert_complete();
    let ada: AppGrant = run.attributes("0oa1crm/user/00u1ada");
    let expected = AppGrant {
        app_name: Some("Example CRM".into()),
        app_status: Some(Status::Active),
        sign_on_mode: Some("saml".into()),
        principal_id: Some("00u1ada".into()),
        principal_type: Some(PrincipalType::User),
        principal_name: Some("ada.example".into()),
        assignment: Some(Assignment::Direct),
        status: Some(Status::Active),
        source_status: Some("ACTIVE".into()),
        granted_at: time("2025-02-02T09:00:00Z"),
        ..AppGrant::new("0oa1crm")
    };
    assert_eq!(ada, expected);
    let record = run.record::<AppGrant>("0oa1crm/user/00u1ada");
    assert_eq!(record.subject_key.as_deref(), Some("person:ada@example.com"));
    let di: AppGrant = run.attributes("0oa1crm/user/00u4di");
    assert_eq!((di.assignment, di.status), (Some(Assignment::Group), Some(Status::Inactive)));
    let engineering: AppGrant = run.attributes("0oa1crm/group/00g3eng");
    assert_eq!(engineering.principal_type, Some(PrincipalType::Group));
}

#[test]
fn policies_rules_and_authenticators() {
    let run = replay(&["users", "policies"]).wanting::<AuthPolicy>().run::<Okta>();
    run.assert_complete();
    let rule: AuthPolicy = run.attributes("00p1signon/00r1mfa");
    assert_eq!((rule.access, rule.mfa_required), (Some(RuleAction::Allow), Some(true)));
    assert_eq!((rule.session_idle_minutes, rule.session_lifetime_minutes), (Some(120), Some(720)));
    assert_eq!(rule.excludes, Some(vec!["00u3cy".into()]));
    let password: AuthPolicy = run.attributes("00p2pass");
    assert_eq!((password.password_min_length, password.password_history_count), (Some(14), Some(4)));
    let asked = ["lower_case", "upper_case", "number"].map(str::to_owned);
    assert_eq!(password.password_complexity, Some(asked.to_vec()));
    // 0 days is Okta's word for never.
    assert_eq!((password.password_max_age_days, password.system_default), (None, Some(true)));
    assert_eq!((password.lockout_attempts, password.lockout_minutes), (Some(5), Some(30)));
    let enrolment: AuthPolicy = run.attributes("00p3enrol");
    assert_eq!(enrolment.factors_allowed, Some(vec!["okta_verify".into(), "webauthn".into()]));
    assert_eq!(run.attributes::<AuthPolicy>("rst4crm/rul4two").mfa_required, Some(true));
    let phone: AuthPolicy = run.attributes("authenticator/aut2phone");
    assert_eq!(
        (phone.status, phone.factors_allowed),
        (Some(Status::Inactive), Some(vec!["phone_number".into()]))
    );
}

#[test]
fn the_classic_engine_lacks_no_access_policies() {
    let run = replay(&["classic"]).wanting::<AuthPolicy>().run::<Okta>();
    run.assert_complete().assert_fixtures_used();
    // Three policies, two rules; no authenticators are asked for.
    assert_eq!(run.counts::<AuthPolicy>(), (5, 5, 0, 5));
    assert_eq!(run.attributes::<AuthPolicy>("00p3enrol").factors_allowed, Some(vec!["okta_otp".into()]));
    let warned = run.said(Level::Warn);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].starts_with("this Okta has no policies of type ACCESS_POLICY: "), "{warned:?}");
    assert!(warned[0].contains("E0000001: Api validation failed: type"), "{warned:?}");
}

#[test]
fn tokens_without_their_values() {
    let run = replay(&["users", "tokens"]).wanting::<Credential>().run::<Okta>();
    run.assert_complete();
    let token: Credential = run.attributes("00T1ci");
    // It ends on 23 March, 30 days after its last use on 21 February: February has 28 days in 2026.
    assert_eq!(token.last_used_on, date("2026-02-21"));
    assert_eq!((token.status, token.network_restricted), (Some(CredentialStatus::Active), Some(true)));
    assert_eq!((token.owner_id.as_deref(), token.expires_at), (Some("00u3cy"), None));
    // It ended at the very instant of the run.
    assert_eq!(run.attributes::<Credential>("00T2old").status, Some(CredentialStatus::Expired));
    assert_eq!(run.record::<Credential>("00T2old").unknown, ["last_used_on", "network_restricted"]);
}

#[test]
fn the_log_ends_at_an_empty_page_whatever_its_next_link() {
    let run = replay(&["users", "log"]).wanting::<Activity>().wanting::<AccessChange>().run::<Okta>();
    run.assert_complete();
    let walk = run.walks.iter().find(|walk| walk.list.contains("/logs") && walk.pages > 1).unwrap();
    assert_eq!((walk.pages, walk.received), (3, Some(4)));
    let login = run.record::<Activity>("11111111-0000-4000-8000-000000000001");
    assert_eq!(login.occurred_at, "2026-03-03T11:00:00Z".parse().ok());
    let login: Activity = run.attributes("11111111-0000-4000-8000-000000000001");
    assert_eq!(
        (login.category, login.result),
        (Some(ActivityCategory::Authentication), Some(Outcome::Failure))
    );
    assert_eq!(
        (login.source_ip.as_deref(), login.reason.as_deref()),
        (Some("192.0.2.10"), Some("INVALID_CREDENTIALS"))
    );

    let added: AccessChange = run.attributes("22222222-0000-4000-8000-000000000002");
    assert_eq!((added.action, added.target_id.as_deref()), (AccessAction::GroupAdded, Some("00u2bo")));
    assert_eq!((added.object_id.as_deref(), added.privileged), (Some("00g3eng"), None));
    // The user, not the user's account in the application.
    let granted: AccessChange = run.attributes("33333333-0000-4000-8000-000000000003");
    assert_eq!((granted.action, granted.target_id.as_deref()), (AccessAction::AppGranted, Some("00u2bo")));
    assert_eq!(
        (granted.object_id.as_deref(), granted.actor_type),
        (Some("0oa1crm"), Some(PrincipalType::Service))
    );
    // A role given to a group is the group's.
    let role: AccessChange = run.attributes("44444444-0000-4000-8000-000000000004");
    assert_eq!((role.action, role.target_id.as_deref()), (AccessAction::RoleGranted, Some("00g2admins")));
    assert_eq!((role.target_type, role.privileged), (Some(PrincipalType::Group), Some(true)));
    assert_eq!(role.object_id.as_deref(), Some("READ_ONLY_ADMIN"));
    // Not the word `unknown`, which Okta gives for a second name that there is not.
    assert_eq!(role.target_name.as_deref(), Some("Okta Administrators"));
}

#[test]
fn a_window_that_okta_no_longer_has_is_not_complete() {
    let start: Timestamp = "2025-12-04T09:59:59Z".parse().unwrap();
    let end: Timestamp = "2026-03-04T10:00:00Z".parse().unwrap();
    // Ninety days and a second before the run: 4 December + 27 + 31 + 28 + 4 days is 4 March.
    let empty = |start: &str| {
        let url = "https://okta.example.com";
        let since = start.replace(':', "%3A");
        let line = |path: &str, body: &str| {
            format!("{{\"method\":\"GET\",\"url\":\"{url}{path}\",\"body_json\":{body}}}\n")
        };
        line("/.well-known/okta-organization", "{\"id\":\"00o1example\"}")
            + &line("/api/v1/logs?limit=1", "[]")
            + &line(
                &format!(
                    "/api/v1/logs?since={since}&until=2026-03-04T10%3A00%3A00.000Z&sortOrder=ASCENDING&limit=1000"
                ),
                "[]",
            )
    };
    let run = |start: Timestamp| {
        Replay::text(&empty(&start.to_string()))
            .settings(json!({"org_url": "https://okta.example.com/"}))
            .wanting::<Activity>()
            .window(Span { start, end })
            .run::<Okta>()
    };
    run(Timestamp::from_secs(start.as_secs() + 1)).assert_complete();
    let early = run(start);
    let gap = "Okta keeps its System Log for 90 days, and the window begins before";
    assert_eq!(early.reason::<Activity>(), gap);
}

#[test]
fn an_empty_organisation_is_complete() {
    let run = replay(&["empty"]).run::<Okta>();
    run.assert_complete().assert_fixtures_used();
    assert_eq!(run.populations.len(), 8);
    assert!(run.populations.iter().all(|p| (p.received, p.emitted) == (0, 0)), "{run}");
}

#[test]
fn new_words_are_kept_and_never_guessed_at() {
    let run =
        replay(&["new-words"]).wanting::<Account>().wanting::<AppGrant>().wanting::<Activity>().run::<Okta>();
    run.assert_complete();
    let odd: Account = run.attributes("00u9odd");
    assert_eq!((odd.status, odd.source_status.as_deref()), (None, Some("HIBERNATING")));
    assert_eq!((odd.mfa_status, odd.mfa_factors), (Some(MfaStatus::Enrolled), Some(vec!["retina".into()])));
    assert_eq!(run.record::<Account>("00u9odd").unknown, ["admin", "status"]);
    let grant: AppGrant = run.attributes("0oa9odd/user/00u9odd");
    assert_eq!((grant.status, grant.source_status.as_deref()), (None, Some("LEVITATING")));
    assert_eq!((grant.app_status, grant.sign_on_mode.as_deref()), (None, Some("TELEPATHY")));
    assert_eq!(run.record::<AppGrant>("0oa9odd/user/00u9odd").unknown, ["assignment", "status"]);
    let event: Activity = run.attributes("99999999-0000-4000-8000-000000000009");
    assert_eq!((event.activity.as_str(), event.result, event.severity), ("user.mind.read", None, None));
}

#[test]
fn closed_areas_are_incomplete_and_the_open_one_is_not() {
    let run = replay(&["closed", "tokens"])
        .wanting::<GroupMembership>()
        .wanting::<AuthPolicy>()
        .wanting::<Credential>()
        .wanting::<Activity>()
        .wanting::<AccessChange>()
        .run::<Okta>();
    assert!(run.failure.is_none(), "{run}");
    assert_eq!((run.counts::<Credential>(), run.reason::<Credential>()), ((2, 2, 0, 2), ""));
    for reason in [
        run.reason::<GroupMembership>(),
        run.reason::<AuthPolicy>(),
        run.reason::<Activity>(),
        run.reason::<AccessChange>(),
    ] {
        assert!(reason.starts_with("answered 403: E0000006: "), "{reason}");
    }
    let warned = run.said(Level::Warn);
    assert_eq!(warned.len(), 3, "the check names three areas: {warned:?}");
    let said = "the credential lacks okta.groups.read or an administrator role: GET \
                https://okta.example.com/api/v1/groups?limit=1 answered 403: E0000006: You do not have permission to \
                perform the requested action";
    assert_eq!(warned[0], said);
}

#[test]
fn a_credential_that_opens_nothing_fails_the_check() {
    let run = replay(&["closed"]).wanting::<GroupMembership>().run::<Okta>();
    let message = run.assert_failed("permission");
    assert!(message.starts_with("the credential lacks okta.groups.read"), "{message}");
}

#[test]
fn a_refused_token_ends_the_check_in_oktas_words() {
    let run = replay(&["bad-token"]).run::<Okta>();
    let message = run.assert_failed("auth");
    assert!(message.ends_with("answered 401: E0000011: Invalid token provided"), "{message}");
}

#[test]
fn settings_are_checked() {
    let problems = |url: &str| {
        let settings = serde_json::from_value(json!({"org_url": url})).unwrap();
        Okta::validate(&settings).len()
    };
    assert_eq!(problems("https://okta.example.com"), 0);
    assert_eq!(problems("okta.example.com"), 1);
    assert_eq!(problems("http://okta.example.com"), 1);
    assert_eq!(problems("https://example-admin.okta.com"), 1);
}

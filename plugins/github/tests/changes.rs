//! Replays what guards changes and what became of them: protection of branches, pull requests, deployments, the audit
//! log. What is expected was worked out by hand from the fixtures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use exhibit_connector_github::GitHub;
use exhibit_sdk::Level;
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Activity, ActivityCategory, Approval, ChangeRequest, ChangeState, ChangeType,
    Check, Deploy, Finding, Outcome, PrincipalType, RepoProtection, Resource, Verdict, Visibility,
};
use exhibit_sdk::prelude::*;
use exhibit_testkit::Replay;
use serde_json::json;
use support::{replay, time, whole_settings};

#[test]
fn older_protection_and_rulesets() {
    let run = replay(&["org", "repos", "protection"]).wanting::<RepoProtection>().run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let main: RepoProtection = run.attributes("501/main");
    let details = [("linear_history_required", true), ("conversations_must_be_resolved", false)];
    let expected = RepoProtection {
        default_branch: Some(true),
        visibility: Some(Visibility::Private),
        archived: Some(false),
        enabled: Some(true),
        pull_request_required: Some(true),
        required_approvals: Some(2),
        stale_approvals_dismissed: Some(true),
        last_push_approval_required: Some(true),
        code_owner_approval_required: Some(false),
        checks_required: Some(true),
        required_checks: Some(vec!["build".into(), "test".into()]),
        admins_included: Some(true),
        bypass: Some(vec!["team:platform".into(), "user:ada-example".into()]),
        force_push_allowed: Some(false),
        deletion_allowed: Some(false),
        signed_commits_required: Some(false),
        secret_scanning_enabled: Some(true),
        dependency_alerts_enabled: Some(true),
        details: Some(details.into_iter().collect()),
        ..RepoProtection::new("example-org/app", "main")
    };
    assert_eq!(main, expected);
    assert_eq!(run.record::<RepoProtection>("501/main").unknown, [""; 0]);

    // Nothing protects it, and GitHub says so twice.
    let site: RepoProtection = run.attributes("502/main");
    assert_eq!((site.enabled, site.pull_request_required), (Some(false), Some(false)));
    assert_eq!((site.required_approvals, site.force_push_allowed), (Some(0), Some(true)));
    assert_eq!((site.admins_included, site.dependency_alerts_enabled), (None, Some(false)));
    assert_eq!(run.record::<RepoProtection>("502/main").unknown, ["secret_scanning_enabled"]);

    // By a ruleset of the organisation alone, which its owners may pass by.
    let trunk: RepoProtection = run.attributes("503/trunk");
    assert_eq!((trunk.enabled, trunk.required_approvals), (Some(true), Some(1)));
    assert_eq!((trunk.force_push_allowed, trunk.deletion_allowed), (Some(false), Some(false)));
    assert_eq!((trunk.signed_commits_required, trunk.admins_included), (Some(true), Some(false)));
    assert_eq!(
        trunk.bypass,
        Some(vec!["OrganizationAdmin (always)".into(), "Team:301 (pull_request)".into()])
    );
    let details = serde_json::to_value(trunk.details).unwrap();
    assert_eq!(details["rulesets"], json!(["Organization: trunk is reviewed"]));
    assert_eq!(details["conversations_must_be_resolved"], true);
}

#[test]
fn branches_that_the_settings_name_and_that_do_not_exist() {
    let run = replay(&["org", "branches"])
        .settings(json!({"org": "example-org", "branches": ["release/1", "main"]}))
        .wanting::<RepoProtection>()
        .run::<GitHub>();
    assert!(run.failure.is_none(), "{run}");
    // Of two repositories one has neither branch.
    assert_eq!(run.counts::<RepoProtection>(), (2, 1, 1, 2));
    let filtered = &run.population::<RepoProtection>().filtered;
    assert_eq!(filtered["a repository without any of these branches"], 1);
    assert_eq!(run.attributes::<RepoProtection>("501/main").enabled, Some(false));
    let release: RepoProtection = run.attributes("501/release/1");
    assert_eq!((release.default_branch, release.pull_request_required), (Some(false), Some(false)));
    // Protected from pushes that rewrite it, though not for administrators.
    assert_eq!((release.force_push_allowed, release.admins_included), (Some(false), Some(false)));
    assert_eq!(release.bypass, Some(vec!["administrators".into()]));
}

#[test]
fn pull_requests_of_the_window_with_reviews_and_checks() {
    let run = replay(&["org", "repos", "pulls", "suites"])
        .settings(whole_settings())
        .wanting::<ChangeRequest>()
        .run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let commit = |end: &str| Some(format!("{}{end}", "a".repeat(38)));
    let by = |login: &str, verdict, at: &str, end: &str| Approval {
        at: time(at),
        commit: commit(end),
        ..Approval::new(login, verdict)
    };
    let expected = ChangeRequest {
        r#type: Some(ChangeType::PullRequest),
        source_state: Some("closed".into()),
        number: Some(11),
        url: Some("https://github.com/example-org/app/pull/11".into()),
        repository: Some("example-org/app".into()),
        base_branch: Some("main".into()),
        author_type: Some(PrincipalType::User),
        created_at: time("2026-03-02T09:00:00Z"),
        merged_at: time("2026-03-03T20:00:00Z"),
        merged_by: Some("bo-example".into()),
        closed_at: time("2026-03-03T20:00:00Z"),
        merge_commit: Some("1".repeat(40)),
        head_commit: commit("11"),
        approvals: Some(vec![
            by("cy-batch", Verdict::ChangesRequested, "2026-03-03T11:00:00Z", "12"),
            by("bo-example", Verdict::Approved, "2026-03-03T12:00:00Z", "11"),
            by("di-contractor", Verdict::Commented, "2026-03-03T13:00:00Z", "11"),
        ]),
        approvers: Some(vec!["bo-example".into()]),
        checks: Some(vec![
            Check::new("ci/lint", Outcome::Success),
            // It did not run, which lets a merge go on.
            Check::new("docs", Outcome::Cancelled),
            Check::new("test", Outcome::Success),
        ]),
        checks_passed: Some(true),
        emergency: Some(false),
        bypassed: Some(false),
        // Of the title and the branch; not DEVOPS-3, which is another's.
        tickets: Some(vec!["OPS-12".into(), "OPS-7".into()]),
        labels: Some(vec!["backend".into(), "security".into()]),
        ..ChangeRequest::new("OPS-12: rotate keys", ChangeState::Merged, "ada-example")
    };
    assert_eq!(run.attributes::<ChangeRequest>("501/11"), expected);
    let record = run.record::<ChangeRequest>("501/11");
    assert_eq!(record.unknown, [""; 0]);
    assert_eq!(record.occurred_at, "2026-03-03T20:00:00Z".parse().ok());
    assert_eq!(record.subject_key.as_deref(), Some("repo:github.com/example-org/app"));

    // Closed without effect: nobody merged it, and it passed by nothing.
    let cache: ChangeRequest = run.attributes("501/12");
    assert_eq!((cache.state, cache.merged_by, cache.merge_commit), (ChangeState::Closed, None, None));
    assert_eq!(run.record::<ChangeRequest>("501/12").unknown, ["checks_passed"]);

    // Approved and checked after it was merged; its author's account is gone.
    let hotfix: ChangeRequest = run.attributes("501/14");
    assert_eq!((hotfix.author.as_str(), hotfix.emergency), ("ghost", Some(true)));
    assert_eq!((hotfix.approvers, hotfix.checks_passed), (Some(vec![]), None));
    assert_eq!(run.record::<ChangeRequest>("501/14").unknown, ["author_type", "bypassed", "checks_passed"]);

    // By an app, without any review or check, past the rule.
    let update: ChangeRequest = run.attributes("503/3");
    assert_eq!((update.author_type, update.approvers), (Some(PrincipalType::Service), Some(vec![])));
    assert_eq!((update.bypassed, update.bypassed_by.as_deref()), (Some(true), Some("cy-batch")));
    let filtered = &run.population::<ChangeRequest>().filtered;
    assert_eq!(filtered["an issue, and no pull request"], 1);
    assert_eq!(filtered["a pull request that is open"], 1);
    assert_eq!(filtered["a pull request that was closed outside the window"], 2);
}

#[test]
fn what_is_withheld_of_a_pull_request_is_unknown() {
    // The list is open; details, reviews and rule suites are not.
    let lists: String = std::fs::read_to_string("fixtures/pulls.jsonl")
        .unwrap()
        .lines()
        .filter(|line| line.contains("/issues?") || line.contains("/pulls?per_page=1\""))
        .map(|line| format!("{line}\n"))
        .collect();
    let run = Replay::text(&lists)
        .and("fixtures/org.jsonl")
        .and("fixtures/repos.jsonl")
        .and("fixtures/no-details.jsonl")
        .settings(json!({"org": "example-org", "repositories": ["app", "site"]}))
        .wanting::<ChangeRequest>()
        .run::<GitHub>();
    run.assert_complete();
    let record = run.record::<ChangeRequest>("501/11");
    let unknown = [
        "approvals",
        "approvers",
        "base_branch",
        "bypassed",
        "checks",
        "checks_passed",
        "emergency",
        "head_commit",
        "merge_commit",
        "merged_by",
        "tickets",
    ];
    assert_eq!(record.unknown, unknown);
    let warned = run.said(Level::Warn);
    assert_eq!(warned.len(), 3, "{warned:?}");
    let details = "unknown: pull requests' details, 3 times, the first because GET \
                   https://api.github.com/repos/example-org/app/pulls/11 answered 403: Resource not accessible by \
                   integration";
    assert!(warned.contains(&details), "{warned:?}");
}

#[test]
fn deployments_of_the_window_and_how_they_ended() {
    let run = replay(&["org", "repos", "deployments"]).wanting::<Deploy>().run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let expected = Deploy {
        environment: Some("production".into()),
        result: Some(Outcome::Success),
        source_result: Some("success".into()),
        version: Some("main".into()),
        commit: Some("1".repeat(40)),
        repository: Some("example-org/app".into()),
        deployed_by: Some("ada-example".into()),
        deployed_by_type: Some(PrincipalType::User),
        // When it succeeded, not when the next one replaced it.
        finished_at: time("2026-03-03T20:09:00Z"),
        url: Some("https://ci.example.com/runs/9".into()),
        ..Deploy::new("example-org/app")
    };
    assert_eq!(run.attributes::<Deploy>("402"), expected);
    let record = run.record::<Deploy>("402");
    assert_eq!(record.occurred_at, "2026-03-03T20:05:00Z".parse().ok());
    assert_eq!(record.unknown, ["approved_by", "changes", "rollback"]);
    // Nothing was reported of it yet.
    let latest: Deploy = run.attributes("403");
    assert_eq!((latest.result, latest.finished_at), (Some(Outcome::InProgress), None));
    assert_eq!(latest.deployed_by_type, Some(PrincipalType::Service));
}

#[test]
fn the_audit_log_and_changes_of_access_in_it() {
    let run =
        replay(&["org", "people", "audit"]).wanting::<Activity>().wanting::<AccessChange>().run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let added: Activity = run.attributes("evt-1");
    assert_eq!((added.activity.as_str(), added.category), ("org.add_member", Some(ActivityCategory::Access)));
    assert_eq!((added.source_ip.as_deref(), added.country.as_deref()), (Some("192.0.2.10"), Some("DE")));
    assert_eq!(added.actor_type, Some(PrincipalType::User));
    let record = run.record::<Activity>("evt-1");
    // 2026-03-03T10:00:00Z: the first instant of the window belongs to it.
    assert_eq!(record.occurred_at, "2026-03-03T10:00:00Z".parse().ok());
    assert_eq!(record.unknown, ["result"]);
    let changed: Activity = run.attributes("evt-4");
    assert_eq!(changed.category, Some(ActivityCategory::Configuration));
    assert_eq!(changed.actor_type, Some(PrincipalType::Service));

    let joined: AccessChange = run.attributes("evt-1");
    assert_eq!((joined.action, joined.target_id.as_deref()), (AccessAction::AccountCreated, Some("103")));
    assert_eq!(joined.privileged, Some(false));
    let team: AccessChange = run.attributes("evt-2");
    assert_eq!(
        (team.action, team.object_name.as_deref()),
        (AccessAction::GroupAdded, Some("example-org/release"))
    );
    assert_eq!(team.target_name.as_deref(), Some("bo-example"));
    // From administrator to reader.
    assert_eq!(run.attributes::<AccessChange>("evt-3").action, AccessAction::RoleRevoked);
    let given: AccessChange = run.attributes("evt-5");
    assert_eq!((given.action, given.target_type), (AccessAction::RoleGranted, Some(PrincipalType::Group)));
    assert_eq!(given.object_name.as_deref(), Some("example-org/app"));
    let filtered = &run.population::<AccessChange>().filtered;
    assert_eq!(filtered["an event that changes no access"], 1);
    assert_eq!(filtered["an event outside the window"], 1);
}

#[test]
fn a_window_that_github_no_longer_has_is_not_complete() {
    let end: Timestamp = "2026-03-04T10:00:00Z".parse().unwrap();
    // 180 days before the run: 27 days of September from the 4th on, 31, 30, 31, 31, 28 and 3 days are 180 to
    // 4 March, with what is left of the two days.
    let first: Timestamp = "2025-09-05T10:00:00Z".parse().unwrap();
    let run = |start: Timestamp| {
        let since = start.to_string().replace(':', "%3A");
        let log = format!(
            "{{\"method\":\"GET\",\"url\":\"https://api.github.com/orgs/example-org/audit-log?phrase=created%3A{since}..2026-03-04T10%3A00%3A00.000Z&include=web&order=asc&per_page=100\",\"body_json\":[]}}\n{{\"method\":\"GET\",\"url\":\"https://api.github.com/orgs/example-org/audit-log?per_page=1\",\"body_json\":[]}}"
        );
        Replay::text(&log)
            .and("fixtures/org.jsonl")
            .settings(json!({"org": "example-org"}))
            .wanting::<Activity>()
            .window(Span { start, end })
            .run::<GitHub>()
    };
    run(first).assert_complete();
    let early = run(Timestamp::from_ms(first.as_ms() - 1));
    let gap = "GitHub keeps its audit log for 180 days, and the window begins before";
    assert_eq!(early.reason::<Activity>(), gap);
}

#[test]
fn new_words_are_kept_and_never_guessed_at() {
    let run = replay(&["new-words"])
        .wanting::<Finding>()
        .wanting::<ChangeRequest>()
        .wanting::<Resource>()
        .run::<GitHub>();
    run.assert_complete().assert_fixtures_used();
    let snoozed: Finding = run.attributes("dependabot/599/1");
    assert_eq!((snoozed.status, snoozed.source_status.as_deref()), (None, Some("snoozed")));
    assert_eq!((snoozed.severity, snoozed.source_severity.as_deref()), (None, Some("apocalyptic")));
    let unknown = run.record::<Finding>("dependabot/599/1").unknown;
    assert_eq!(unknown, ["installed_version", "severity", "status"]);
    let bored: Finding = run.attributes("code-scanning/599/2");
    assert_eq!((bored.status, bored.closed_reason.as_deref()), (None, Some("bored")));
    assert_eq!(run.attributes::<Finding>("secret-scanning/599/3").status, None);
    assert_eq!(
        run.attributes::<Finding>("secret-scanning/599/3").closed_reason.as_deref(),
        Some("forgotten")
    );

    let change: ChangeRequest = run.attributes("599/1");
    assert_eq!((change.author.as_str(), change.author_type), ("zed-example", None));
    // What the word means for who approved, and for what was checked, is not known.
    assert_eq!((change.approvals, change.approvers), (None, None));
    assert_eq!((change.checks, change.checks_passed, change.bypassed), (None, None, None));
    let unknown = [
        "approvals",
        "approvers",
        "author_type",
        "bypassed",
        "checks",
        "checks_passed",
        "emergency",
        "tickets",
    ];
    assert_eq!(run.record::<ChangeRequest>("599/1").unknown, unknown);
    let odd: Resource = run.attributes("599");
    assert_eq!(serde_json::to_value(odd.details).unwrap()["visibility"], "secret");
}

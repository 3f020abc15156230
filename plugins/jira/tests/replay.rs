//! Replays made-up answers of Jira's with the host's own rules. What is expected was worked out by hand from the
//! fixtures; their bodies are held against Jira's document by `tests/foreign/jira_connector_fixtures.py`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_connector_jira::Jira;
use exhibit_sdk::Level;
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Account, AccountStatus, AccountType, Activity, ActivityCategory, Approval,
    ChangeRequest, ChangeState, ChangeType, GroupMembership, Incident, IncidentStatus, PrincipalType,
    Resource, RoleGrant, Severity, Verdict,
};
use exhibit_sdk::prelude::*;
use exhibit_testkit::{Outcome as Run, Replay};
use serde_json::{Value, json};

/// Everything, with every permission.
const WHOLE: [&str; 7] = ["site", "users", "groups", "projects", "changes", "incidents", "audit"];

fn settings() -> Value {
    json!({
        "site_url": "https://jira.example.com", "change_jql": "project = CHG", "access_request_jql": "project = ACC",
        "incident_jql": "project = INC", "approved_statuses": ["approved"], "rejected_statuses": ["Rejected"],
        "rejected_resolutions": ["Won't Do"], "emergency_labels": ["emergency"]
    })
}

fn replay(files: &[&str]) -> Replay {
    let (first, others) = files.split_first().unwrap();
    let path = |name: &str| format!("fixtures/{name}.jsonl");
    let replay = others.iter().fold(Replay::fixtures(path(first)), |replay, name| replay.and(path(name)));
    replay.settings(settings())
}

/// Received by the host's count, covered by records, left out with a reason, emitted.
fn counts<K: EvidenceKind>(run: &Run) -> (u64, u64, u64, u64) {
    let p = run.population::<K>();
    (p.received, p.covered, p.filtered.values().sum(), p.emitted)
}

fn reason<K: EvidenceKind>(run: &Run) -> String {
    run.population::<K>().verdict.reason().unwrap_or_default().to_owned()
}

fn time(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn a_whole_site_is_complete() {
    let run = replay(&WHOLE).run::<Jira>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/whole.records.jsonl");
    assert_eq!(run.tenant.as_deref(), Some("11111111-2222-4333-8444-555555555555"));
    // Three and two on two pages.
    assert_eq!(counts::<Account>(&run), (5, 5, 0, 5));
    // Two groups, one without members; two members on two pages.
    assert_eq!(counts::<GroupMembership>(&run), (4, 3, 1, 2));
    assert_eq!(counts::<Resource>(&run), (2, 2, 0, 2));
    // Two and none and one holders; two schemes, of which one grants four things and one nothing.
    assert_eq!(counts::<RoleGrant>(&run), (5, 4, 1, 7));
    // Five tickets on two pages: one is open, one was closed long ago.
    assert_eq!(counts::<ChangeRequest>(&run), (5, 3, 2, 3));
    assert_eq!(counts::<Incident>(&run), (2, 2, 0, 2));
    // Four events, of which one is of the window's end; eight changes of tickets, of which one is of no status and
    // one of the day before.
    assert_eq!(counts::<Activity>(&run), (12, 9, 3, 9));
    assert_eq!(counts::<AccessChange>(&run), (4, 2, 2, 2));
    assert!(run.log.iter().all(|line| line.level != Level::Warn), "{run}");
}

#[test]
fn users_of_every_sort() {
    let run = replay(&["site", "users"]).wanting::<Account>().run::<Jira>();
    run.assert_complete().assert_fixtures_used();
    let ada: Account = run.attributes("5b10ada");
    let expected = Account {
        display_name: Some("Ada Example".into()),
        email: Some("ada@example.com".into()),
        r#type: Some(AccountType::Human),
        status: Some(AccountStatus::Active),
        source_status: Some("active".into()),
        external: Some(false),
        ..Account::new("ada@example.com")
    };
    assert_eq!(ada, expected);
    assert_eq!(run.record::<Account>("5b10bo").subject_key.as_deref(), Some("person:bo@example.com"));
    let cy = run.record::<Account>("5b10cy");
    assert_eq!(cy.subject_key.as_deref(), Some("account:jira.example.com:5b10cy"));
    let unknown = ["admin", "created_at", "email", "last_login_on", "mfa_factors", "mfa_status"];
    assert_eq!(cy.unknown, unknown);
    assert_eq!(run.attributes::<Account>("5b10cy").status, Some(AccountStatus::Disabled));
    assert_eq!(run.attributes::<Account>("557058:bot").r#type, Some(AccountType::Service));
    assert_eq!(run.attributes::<Account>("qm:di").external, Some(true));
}

#[test]
fn roles_and_permission_schemes() {
    let run = replay(&["site", "projects"]).wanting::<RoleGrant>().wanting::<Resource>().run::<Jira>();
    run.assert_complete().assert_fixtures_used();
    let ada: RoleGrant = run.attributes("10000/10002/atlassian-user-role-actor/5b10ada");
    assert_eq!((ada.role_name.as_str(), ada.scope.as_deref()), ("Administrators", Some("CHG")));
    assert_eq!((ada.privileged, ada.principal_type), (Some(true), Some(PrincipalType::User)));
    let group: RoleGrant = run.attributes("10000/10002/atlassian-group-role-actor/g1");
    assert_eq!((group.principal_id.as_str(), group.principal_type), ("g1", Some(PrincipalType::Group)));
    let admin: RoleGrant = run.attributes("scheme/1/11");
    assert_eq!((admin.role_name.as_str(), admin.privileged), ("ADMINISTER_PROJECTS", Some(true)));
    assert_eq!(run.attributes::<RoleGrant>("scheme/1/13").principal_type, Some(PrincipalType::Public));
    assert_eq!(run.record::<RoleGrant>("scheme/1/14").unknown, ["principal_type"]);
    let old: Resource = run.attributes("10001");
    assert_eq!((old.status.as_deref(), old.owner.as_deref()), (Some("archived"), Some("5b10bo")));
}

#[test]
fn tickets_that_were_closed_in_the_window() {
    let run =
        replay(&["site", "changes", "audit"]).wanting::<ChangeRequest>().wanting::<Activity>().run::<Jira>();
    run.assert_complete().assert_fixtures_used();
    let change: ChangeRequest = run.attributes("CHG-1");
    let expected = ChangeRequest {
        r#type: Some(ChangeType::Ticket),
        source_state: Some("Done".into()),
        url: Some("https://jira.example.com/browse/CHG-1".into()),
        repository: Some("CHG".into()),
        author_type: Some(PrincipalType::User),
        created_at: time("2026-03-02T09:00:00Z"),
        merged_at: time("2026-03-03T14:00:00Z"),
        merged_by: Some("5b10ada".into()),
        closed_at: time("2026-03-03T14:00:00Z"),
        approvals: Some(vec![Approval {
            at: time("2026-03-03T13:00:00Z"),
            ..Approval::new("5b10bo", Verdict::Approved)
        }]),
        approvers: Some(vec!["5b10bo".into()]),
        emergency: Some(false),
        tickets: Some(vec!["INC-7".into()]),
        // Linked twice; the wiki is none.
        merges: Some(vec!["https://git.example.com/example/shop/pull/7".into()]),
        labels: Some(vec!["a".into(), "b".into()]),
        ..ChangeRequest::new("Rotate the keys", ChangeState::Merged, "5b10ada")
    };
    assert_eq!(change, expected);
    assert_eq!(run.record::<ChangeRequest>("CHG-1").occurred_at, "2026-03-03T14:00:00Z".parse().ok());
    // Approved by whoever asked for it, then rejected by another, and closed without effect.
    let tried: ChangeRequest = run.attributes("CHG-2");
    assert_eq!((tried.state, tried.merged_at, tried.emergency), (ChangeState::Closed, None, Some(true)));
    let verdicts: Vec<Verdict> =
        tried.approvals.unwrap().into_iter().map(|approval| approval.verdict).collect();
    assert_eq!(verdicts, [Verdict::Approved, Verdict::ChangesRequested]);
    assert_eq!(tried.approvers, Some(vec![]));
    // Without a link, there may be merges that only Jira's development panel shows.
    let why = "unknown: which merges carried out CHG-2: none is linked";
    assert!(run.log.iter().any(|line| line.message.starts_with(why)), "{run}");
    assert_eq!(
        (tried.merges, &run.record::<ChangeRequest>("CHG-2").unknown[..]),
        (None, &["merges".to_owned()][..])
    );
    let moved: Activity = run.attributes("status/9002");
    assert_eq!(serde_json::to_value(moved.details).unwrap(), json!({"from": "Review", "to": "Approved"}));
    assert_eq!((moved.actor_id.as_deref(), moved.targets.unwrap()[0].id.as_str()), (Some("5b10bo"), "CHG-1"));
    let filtered = &run.population::<Activity>().filtered;
    assert_eq!(filtered["a change of status outside the window"], 1);
    assert_eq!(filtered["a change of a ticket that is none of its status"], 1);
}

#[test]
fn requests_that_service_management_asked_approvals_for() {
    let run = replay(&["site", "changes"]).wanting::<ChangeRequest>().run::<Jira>();
    run.assert_complete().assert_fixtures_used();
    let access: ChangeRequest = run.attributes("ACC-2");
    // Two answered the first approval, so that nobody knows when each did; whoever asked for it all answered the
    // second; nobody the third.
    let approved = |by: &str, at| Approval { at, ..Approval::new(by, Verdict::Approved) };
    let expected = vec![
        approved("5b10ada", None),
        approved("5b10cy", None),
        approved("5b10bo", time("2026-03-03T15:30:00Z")),
    ];
    assert_eq!(access.approvals, Some(expected));
    assert_eq!(access.approvers, Some(vec!["5b10ada".into(), "5b10cy".into()]));
    assert_eq!((access.author.as_str(), access.merged_by.as_deref()), ("5b10bo", Some("557058:bot")));
}

/// The fixtures with one answer changed.
fn changed(files: &[&str], path: &str, change: impl Fn(&mut Value)) -> Replay {
    let mut found = 0;
    let mut lines = String::new();
    for name in files {
        for line in std::fs::read_to_string(format!("fixtures/{name}.jsonl")).unwrap().lines() {
            let mut fixture: Value = serde_json::from_str(line).unwrap();
            if fixture["url"].as_str().unwrap().contains(path) {
                change(&mut fixture);
                found += 1;
            }
            lines += &format!("{fixture}\n");
        }
    }
    assert!(found > 0, "no fixture answers {path}");
    Replay::text(&lines).settings(settings())
}

#[test]
fn approvals_and_links_that_are_withheld_are_unknown() {
    let refused = |status: u16, message: &str| {
        let body = json!({"errorMessages": [message], "errors": {}});
        move |fixture: &mut Value| (fixture["status"], fixture["body_json"]) = (status.into(), body.clone())
    };
    let unknown = |replay: Replay, key: &str, said: &str| {
        let run = replay.wanting::<ChangeRequest>().run::<Jira>();
        run.assert_complete();
        let warned: Vec<_> = run.log.iter().filter(|line| line.level == Level::Warn).collect();
        assert!(warned.iter().all(|line| line.message.contains(said)) && !warned.is_empty(), "{run}");
        run.record::<ChangeRequest>(key).unknown
    };
    let no = "You do not have permission to view the request.";
    let replay = changed(&["site", "changes"], "/approval?limit=50", refused(403, no));
    assert_eq!(unknown(replay, "ACC-2", no), ["approvals", "approvers", "merges"]);
    let none = "The request does not exist.";
    let replay = changed(&["site", "changes"], "/approval?limit=50", refused(404, none));
    assert_eq!(unknown(replay, "ACC-2", none), ["approvals", "approvers", "merges"]);
    let off = "Issue linking is currently disabled.";
    let replay = changed(&["site", "changes"], "/201/remotelink", refused(403, off));
    assert_eq!(unknown(replay, "CHG-1", off), ["merges"]);
    // A word for a decision that is not known here is not guessed at.
    let replay = changed(&["site", "changes"], "/approval?limit=50&start=2", |fixture| {
        fixture["body_json"]["values"][0]["approvers"][0]["approverDecision"] = "delegated".into();
    });
    let run = replay.wanting::<ChangeRequest>().run::<Jira>();
    assert_eq!(run.record::<ChangeRequest>("ACC-2").unknown, ["approvals", "approvers", "merges"]);
}

/// The site's number, as it tells it itself.
const SITE: &str = "11111111-2222-4333-8444-555555555555";

/// The whole site as Atlassian's own address answers for it.
fn by_gateway(origin: &str, files: &[&str]) -> Replay {
    let read = |name: &&str| std::fs::read_to_string(format!("fixtures/{name}.jsonl")).unwrap();
    let lines: String = files.iter().map(read).collect();
    let there = format!("\"url\":\"{origin}/ex/jira/{SITE}/rest/");
    Replay::text(&lines.replace("\"url\":\"https://jira.example.com/rest/", &there))
}

fn with_cloud_id(id: &str) -> Value {
    let mut settings = settings();
    settings["cloud_id"] = id.into();
    settings
}

#[test]
fn the_same_site_by_atlassians_own_address_has_the_same_evidence() {
    let run = by_gateway("https://api.atlassian.com", &WHOLE).settings(with_cloud_id(SITE)).run::<Jira>();
    run.assert_complete().assert_fixtures_used().assert_snapshot("fixtures/whole.records.jsonl");
    assert_eq!(run.tenant.as_deref(), Some(SITE));
    let mut elsewhere = with_cloud_id(SITE);
    elsewhere["api_endpoint"] = "https://api.gov.example".into();
    let run = by_gateway("https://api.gov.example", &WHOLE).settings(elsewhere).run::<Jira>();
    run.assert_complete().assert_snapshot("fixtures/whole.records.jsonl");
}

#[test]
fn a_number_of_another_site_is_found() {
    let other = "99999999-2222-4333-8444-555555555555";
    let run = Replay::text(&std::fs::read_to_string("fixtures/site.jsonl").unwrap().replace(
        "https://jira.example.com/rest/",
        &format!("https://api.atlassian.com/ex/jira/{other}/rest/"),
    ))
    .settings(with_cloud_id(other))
    .wanting::<ChangeRequest>()
    .run::<Jira>();
    let message = run.assert_failed("config");
    assert!(message.contains(&format!("https://jira.example.com is the site {SITE}")), "{message}");
}

#[test]
fn scopes_that_are_missing_leave_their_kinds_incomplete() {
    // As Atlassian's gateway says it: with 401, for each request by itself.
    let lines: String = std::fs::read_to_string("fixtures/closed.jsonl")
        .unwrap()
        .lines()
        .map(|line| {
            let mut fixture: Value = serde_json::from_str(line).unwrap();
            if fixture["status"] == 403 {
                fixture["status"] = 401.into();
                fixture["body_json"] = json!({"code": 401, "message": "Unauthorized; scope does not match"});
            }
            format!("{fixture}\n").replace(
                "https://jira.example.com/rest/",
                &format!("https://api.atlassian.com/ex/jira/{SITE}/rest/"),
            )
        })
        .collect();
    let run = Replay::text(&lines).settings(with_cloud_id(SITE)).run::<Jira>();
    assert!(run.failure.is_none() && run.rejections.is_empty(), "{run}");
    run.assert_fixtures_used();
    assert_eq!((reason::<Account>(&run), reason::<Resource>(&run)), (String::new(), String::new()));
    for reason in [reason::<GroupMembership>(&run), reason::<AccessChange>(&run), reason::<Activity>(&run)] {
        assert!(reason.contains("answered 401: Unauthorized; scope does not match"), "{reason}");
    }
    let lacks = "the credential lacks the scope read:audit-log:jira, and so audit.activity and identity.access_change";
    assert!(run.log.iter().any(|line| line.level == Level::Warn && line.message.contains(lacks)), "{run}");
}

#[test]
fn incidents_that_were_opened_in_the_window() {
    let run = replay(&["site", "incidents"]).wanting::<Incident>().run::<Jira>();
    run.assert_complete().assert_fixtures_used();
    let down: Incident = run.attributes("INC-1");
    assert_eq!((down.severity, down.status), (Some(Severity::Critical), Some(IncidentStatus::Resolved)));
    assert_eq!(
        (down.detected_at, down.resolved_at),
        (time("2026-03-03T11:00:00Z"), time("2026-03-03T12:00:00Z"))
    );
    assert_eq!((down.owner.as_deref(), down.reported_by.as_deref()), (Some("5b10bo"), Some("5b10ada")));
    assert_eq!(down.services, Some(vec!["checkout".into(), "web".into()]));
    // Words of the organisation's own are kept and not guessed at.
    let slow: Incident = run.attributes("INC-2");
    assert_eq!((slow.severity, slow.source_severity.as_deref()), (None, Some("Whenever")));
    assert_eq!((slow.status, slow.source_status.as_deref()), (None, Some("Musing")));
    let unknown = ["category", "customer_impact", "root_cause", "severity", "status"];
    assert_eq!(run.record::<Incident>("INC-2").unknown, unknown);
}

#[test]
fn the_audit_log_and_changes_of_access_in_it() {
    let run = replay(&["site", "audit"]).wanting::<AccessChange>().run::<Jira>();
    run.assert_complete().assert_fixtures_used();
    let added: AccessChange = run.attributes("2");
    assert_eq!((added.action, added.target_id.as_deref()), (AccessAction::GroupAdded, Some("5b10cy")));
    assert_eq!((added.object_id.as_deref(), added.object_name.as_deref()), (Some("g1"), Some("site-admins")));
    assert_eq!(added.source_ip.as_deref(), Some("192.0.2.7"));
    // Nobody did it, and from nowhere: Jira leaves both empty.
    let made: AccessChange = run.attributes("1");
    assert_eq!((made.action, made.actor_id, made.source_ip), (AccessAction::AccountCreated, None, None));
    assert_eq!(run.record::<AccessChange>("1").occurred_at, "2026-03-03T10:00:00Z".parse().ok());
    let run = replay(&WHOLE).run::<Jira>();
    assert_eq!(run.attributes::<Activity>("3").category, Some(ActivityCategory::Configuration));
}

#[test]
fn a_window_that_jira_no_longer_has_is_not_complete() {
    let end: Timestamp = "2026-03-04T10:00:00Z".parse().unwrap();
    let run = |start: &str| {
        let start: Timestamp = start.parse().unwrap();
        let from = start.to_string().replace(':', "%3A");
        let line = |path: &str| {
            format!(
                "{{\"method\":\"GET\",\"url\":\"https://jira.example.com/rest/api/3/auditing/record?{path}\",\"body_json\":{{\"offset\":0,\"limit\":1,\"total\":0,\"records\":[]}}}}\n"
            )
        };
        let log = line(&format!("from={from}&to=2026-03-04T10%3A00%3A00.000Z&limit=1000"))
            + &line("offset=0&limit=1");
        Replay::text(&log)
            .and("fixtures/site.jsonl")
            .settings(settings())
            .wanting::<AccessChange>()
            .window(Span { start, end })
            .run::<Jira>()
    };
    // 180 days before the run, as for GitHub: 5 September.
    run("2025-09-05T10:00:00Z").assert_complete();
    let gap = "Jira keeps its audit log for 180 days, and the window begins before";
    assert_eq!(reason::<AccessChange>(&run("2025-09-05T09:59:59Z")), gap);
}

#[test]
fn an_empty_site_is_complete() {
    let run = replay(&["empty"]).run::<Jira>();
    run.assert_complete().assert_fixtures_used();
    assert_eq!(run.populations.len(), 8);
    assert!(run.populations.iter().all(|p| (p.received, p.emitted) == (0, 0)), "{run}");
}

#[test]
fn closed_areas_are_incomplete_and_the_open_one_is_not() {
    let run = replay(&["closed"]).run::<Jira>();
    assert!(run.failure.is_none() && run.rejections.is_empty(), "{run}");
    run.assert_fixtures_used();
    assert_eq!((reason::<Account>(&run), reason::<Resource>(&run)), (String::new(), String::new()));
    let no = "answered 403: You do not have permission to view this.";
    for reason in [
        reason::<GroupMembership>(&run),
        reason::<RoleGrant>(&run),
        reason::<AccessChange>(&run),
        reason::<Activity>(&run),
    ] {
        assert!(reason.contains(no), "{reason}");
    }
    for reason in [reason::<ChangeRequest>(&run), reason::<Incident>(&run)] {
        assert!(reason.starts_with("answered 400: The value 'CHG' does not exist"), "{reason}");
    }
}

#[test]
fn queries_that_are_not_set_leave_a_reason() {
    let run = replay(&["site", "users"])
        .settings(json!({"site_url": "https://jira.example.com"}))
        .wanting::<Incident>()
        .wanting::<ChangeRequest>()
        .run::<Jira>();
    assert_eq!(
        reason::<Incident>(&run),
        "`incident_jql` is not set, so no ticket is asked for; no list feeds it, so nothing says that it is whole; name one by `from-exchange`"
    );
    assert!(
        reason::<ChangeRequest>(&run).starts_with("neither `change_jql` nor `access_request_jql` is set")
    );
}

#[test]
fn a_refused_token_ends_the_check_in_jiras_words() {
    let run = replay(&["bad-token"]).run::<Jira>();
    let message = run.assert_failed("auth");
    let said = "answered 401: Client must be authenticated to access this resource.";
    assert!(message.ends_with(said), "{message}");
}

#[test]
fn settings_are_checked() {
    let problems = |settings: Value| -> Vec<String> {
        let settings = serde_json::from_value(settings).unwrap();
        Jira::validate(&settings).into_iter().map(|problem| problem.pointer).collect()
    };
    assert_eq!(problems(settings()), [""; 0]);
    let ordered =
        json!({"site_url": "https://a.example", "change_jql": "x = y Order by created", "incident_jql": " "});
    assert_eq!(problems(ordered), ["/change_jql", "/incident_jql"]);
    let gateway = |more: Value| {
        let mut settings = json!({"site_url": "https://a.example"});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        problems(settings)
    };
    assert_eq!(gateway(json!({"cloud_id": SITE})), [""; 0]);
    assert_eq!(gateway(json!({"cloud_id": "https://a.example"})), ["/cloud_id"]);
    assert_eq!(gateway(json!({"api_endpoint": "https://api.gov.example"})), ["/api_endpoint"]);
}

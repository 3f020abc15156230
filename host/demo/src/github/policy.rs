//! The organisation's rules, those of Actions, the apps that are installed, alerts.
//!
//! <https://docs.github.com/en/rest/orgs/orgs>, <https://docs.github.com/en/rest/actions/permissions>

use super::repos::REPOS;
use super::shape::organisation as owner;
use super::{Answer, Call, Found, ORG, ORG_ID, Refusal, instant};
use crate::calendar::at;
use exhibit_evidence::time::Timestamp;
use jiff::civil::date;
use serde_json::{Value, json};

pub(super) fn organisation(call: &Call<'_>) -> Value {
    let url = call.href(&format!("orgs/{ORG}"));
    let below = |rest: &str| format!("{url}/{rest}");
    json!({
        "login": ORG, "id": ORG_ID, "node_id": format!("O_{ORG_ID}"), "url": url, "repos_url": below("repos"),
        "events_url": below("events"), "hooks_url": below("hooks"), "issues_url": below("issues"),
        "members_url": below("members{/member}"), "public_members_url": below("public_members{/member}"),
        "avatar_url": format!("https://avatars.example.com/u/{ORG_ID}?v=4"), "description": "Simulated",
        "name": "Example Organisation (simulated)", "email": "office@example.com", "is_verified": true,
        "has_organization_projects": true, "has_repository_projects": true, "public_repos": 1, "public_gists": 0,
        "followers": 0, "following": 0, "html_url": format!("https://github.com/{ORG}"),
        "created_at": "2020-01-07T09:00:00Z", "updated_at": "2025-09-15T09:00:00Z", "archived_at": null,
        "type": "Organization", "total_private_repos": REPOS.len() - 1, "owned_private_repos": REPOS.len() - 1,
        "default_repository_permission": "none", "members_can_create_repositories": false,
        "two_factor_requirement_enabled": true, "members_can_create_public_repositories": false,
        "members_can_create_private_repositories": false, "members_can_create_internal_repositories": false,
        "members_can_fork_private_repositories": false, "members_can_change_repo_visibility": false,
        "members_can_delete_repositories": false, "members_can_invite_outside_collaborators": false,
        "members_can_create_teams": false, "members_can_create_pages": false,
        "members_can_create_public_pages": false, "web_commit_signoff_required": false,
        "deploy_keys_enabled_for_repositories": true,
        "secret_scanning_push_protection_enabled_for_new_repositories": true,
    })
}

pub(super) fn actions(path: &[&str]) -> Answer {
    let body = match path {
        [] => {
            json!({"enabled_repositories": "all", "allowed_actions": "local_only", "sha_pinning_required": true})
        }
        ["workflow"] => {
            json!({"default_workflow_permissions": "read", "can_approve_pull_request_reviews": false})
        }
        ["fork-pr-contributor-approval"] => json!({"approval_policy": "all_external_contributors"}),
        ["self-hosted-runners"] => json!({"enabled_repositories": "none"}),
        _ => return Err(Refusal::not_found()),
    };
    Ok(body.into())
}

pub(super) fn installations(call: &Call<'_>) -> Found {
    call.counted("installations", &["example-ci"], |slug| {
        json!({
            "id": 7001, "client_id": "Iv1.example7001", "account": owner(call), "repository_selection": "all",
            "access_tokens_url": call.href("app/installations/7001/access_tokens"),
            "repositories_url": call.href("installation/repositories"),
            "html_url": format!("https://github.com/organizations/{ORG}/settings/installations/7001"),
            "app_id": 11, "app_slug": slug, "target_id": ORG_ID, "target_type": "Organization",
            "permissions": {"checks": "write", "contents": "read"}, "events": ["push"],
            "created_at": "2024-04-01T09:00:00Z", "updated_at": "2024-05-01T09:00:00Z", "single_file_name": null,
            "has_multiple_single_files": false, "single_file_paths": [], "suspended_by": null, "suspended_at": null,
        })
    })
}

/// A dependency with a hole: number, repository by position, package, severity, when it was found and mended.
type Hole = (u64, usize, &'static str, &'static str, Timestamp, Timestamp);

fn holes() -> [Hole; 3] {
    let day = |month: i8, day: i8| at(date(2026, month, day), 9, 0);
    [
        (1, 0, "example-parser", "high", day(1, 13), day(1, 20)),
        (2, 1, "example-http", "medium", day(3, 10), day(4, 2)),
        (3, 3, "example-image", "critical", day(5, 5), day(5, 7)),
    ]
}

/// Dependabot's alerts; the other two find nothing.
pub(super) fn alerts(call: &Call<'_>, of: &str) -> Found {
    let mut found: Vec<Hole> = holes().into_iter().filter(|(.., from, _)| *from <= call.now()).collect();
    if of != "dependabot" {
        found.clear();
    }
    call.page(&found, |hole| alert(call, hole))
}

fn alert(call: &Call<'_>, (number, repo, package, severity, from, until): &Hole) -> Value {
    let repository = super::shape::repository(call, &REPOS[*repo]);
    let is_fixed = *until <= call.now();
    let url = call.href(&format!("repos/{}/dependabot/alerts/{number}", REPOS[*repo].full_name()));
    let vulnerability = json!({
        "package": {"ecosystem": "npm", "name": package}, "severity": severity,
        "vulnerable_version_range": "< 4.17.21", "first_patched_version": {"identifier": "4.17.21"},
    });
    let id = format!("GHSA-exam-ple0-{number:04}");
    json!({
        "number": number, "state": if is_fixed { "fixed" } else { "open" },
        "dependency": {
            "package": {"ecosystem": "npm", "name": package}, "manifest_path": "package-lock.json",
            "scope": "runtime", "relationship": "direct",
        },
        "security_advisory": {
            "ghsa_id": id, "cve_id": null, "summary": format!("A hole in {package}"), "description": "Simulated.",
            "severity": severity, "identifiers": [{"type": "GHSA", "value": id}],
            "references": [{"url": format!("https://advisories.example.com/{number}")}],
            "published_at": instant(*from), "updated_at": instant(*from), "withdrawn_at": null,
            "vulnerabilities": [vulnerability], "cvss": {"score": 0.0, "vector_string": null},
            "cwes": [{"cwe_id": "CWE-20", "name": "Improper Input Validation"}],
        },
        "security_vulnerability": vulnerability, "url": url,
        "html_url": format!("https://github.com/{}/security/dependabot/{number}", REPOS[*repo].full_name()),
        "created_at": instant(*from), "updated_at": instant(if is_fixed { *until } else { *from }),
        "dismissed_at": null, "dismissed_by": null, "dismissed_reason": null, "dismissed_comment": null,
        "fixed_at": is_fixed.then(|| instant(*until)), "repository": repository,
    })
}

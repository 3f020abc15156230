//! People and repositories, as most answers name them.

use super::repos::Repo;
use super::{Call, ORG, ORG_ID};
use crate::org::people::Account;
use crate::random::uuid_and_chance;
use serde_json::{Value, json};

/// The name that somebody chose: `ada-example` for `ada.example@…`.
pub(super) fn login(account: &Account) -> String {
    account.login.split('@').next().unwrap_or_default().replace('.', "-")
}

pub(super) fn user_id(seed: u64, account: &Account) -> u64 {
    1_000_000 + uuid_and_chance(seed, &format!("github user {}", account.login)).1 % 99_000_000
}

pub(super) fn user(call: &Call<'_>, account: &Account) -> Value {
    named(call, &login(account), user_id(call.org.seed(), account), "User")
}

pub(super) fn organisation(call: &Call<'_>) -> Value {
    named(call, ORG, ORG_ID, "Organization")
}

fn named(call: &Call<'_>, login: &str, id: u64, kind: &str) -> Value {
    let url = |rest: &str| call.href(&format!("users/{login}{rest}"));
    json!({
        "login": login, "id": id, "node_id": format!("U_{id}"),
        "avatar_url": format!("https://avatars.example.com/u/{id}?v=4"), "gravatar_id": "", "url": url(""),
        "html_url": format!("https://github.com/{login}"), "followers_url": url("/followers"),
        "following_url": url("/following{/other_user}"), "gists_url": url("/gists{/gist_id}"),
        "starred_url": url("/starred{/owner}{/repo}"), "subscriptions_url": url("/subscriptions"),
        "organizations_url": url("/orgs"), "repos_url": url("/repos"), "events_url": url("/events{/privacy}"),
        "received_events_url": url("/received_events"), "type": kind, "user_view_type": "public",
        "site_admin": false,
    })
}

/// What a repository has an address of, below its own.
const PLACES: [&str; 37] = [
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
    "svn",
];

pub(super) fn repository(call: &Call<'_>, repo: &Repo) -> Value {
    let full_name = repo.full_name();
    let url = call.href(&format!("repos/{full_name}"));
    let feature = |on: bool| json!({"status": if on { "enabled" } else { "disabled" }});
    let mut body = json!({
        "id": repo.id, "node_id": format!("R_{}", repo.id), "name": repo.name, "full_name": full_name,
        "owner": organisation(call), "private": !repo.public, "description": null, "fork": false, "url": url,
        "html_url": format!("https://github.com/{full_name}"), "homepage": null, "language": null,
        "forks_count": 0, "stargazers_count": 0, "watchers_count": 0, "size": 12, "default_branch": "main",
        "open_issues_count": 0, "is_template": false, "topics": repo.topics, "has_issues": true,
        "has_projects": false, "has_wiki": false, "has_pages": false, "has_downloads": true,
        "has_discussions": false, "archived": repo.archived, "disabled": false,
        "visibility": if repo.public { "public" } else { "private" }, "pushed_at": "2025-11-28T15:00:00Z",
        "created_at": "2023-05-01T09:00:00Z", "updated_at": "2025-11-28T15:00:00Z",
        "permissions": {"admin": false, "maintain": false, "push": false, "triage": false, "pull": true},
        "forks": 0, "open_issues": 0, "watchers": 0, "allow_forking": false, "license": null,
        "web_commit_signoff_required": false,
        "git_url": format!("git://github.com/{full_name}.git"), "ssh_url": format!("ssh://github.com/{full_name}.git"),
        "clone_url": format!("https://github.com/{full_name}.git"), "mirror_url": null,
        "security_and_analysis": {
            "secret_scanning": feature(!repo.archived), "secret_scanning_push_protection": feature(!repo.archived),
            "dependabot_security_updates": feature(!repo.archived),
        },
    });
    for place in PLACES {
        body[format!("{place}_url")] = format!("{url}/{place}").into();
    }
    body
}

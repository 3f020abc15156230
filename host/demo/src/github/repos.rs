//! Repositories: how their branches are protected, who may do what, deploy keys, environments.
//!
//! <https://docs.github.com/en/rest/repos/repos>, <https://docs.github.com/en/rest/branches/branch-protection>

use super::people::TEAMS;
use super::shape::{login, repository};
use super::{Answer, Call, Found, ORG, ORG_ID, Refusal};
use serde_json::{Value, json};

/// A repository of the organisation.
pub(super) struct Repo {
    pub(super) id: u64,
    pub(super) name: &'static str,
    pub(super) public: bool,
    pub(super) archived: bool,
    pub(super) topics: &'static [&'static str],
    /// Teams by position, and what they may do.
    teams: &'static [(usize, &'static str)],
    /// How many must approve a change of the main branch; 0 where it is not protected.
    pub(super) approvals: u64,
    /// Whether its changes go to production from here.
    pub(super) deploys: bool,
}

pub(super) const REPOS: [Repo; 6] = [
    Repo {
        id: 501,
        name: "checkout-web",
        public: false,
        archived: false,
        topics: &["production"],
        teams: &[(0, "push"), (2, "admin"), (5, "push")],
        approvals: 1,
        deploys: true,
    },
    Repo {
        id: 502,
        name: "orders-api",
        public: false,
        archived: false,
        topics: &["production"],
        teams: &[(1, "push"), (2, "admin"), (4, "triage")],
        approvals: 2,
        deploys: true,
    },
    Repo {
        id: 503,
        name: "infrastructure",
        public: false,
        archived: false,
        topics: &["production", "terraform"],
        teams: &[(2, "maintain"), (4, "push")],
        approvals: 2,
        deploys: false,
    },
    Repo {
        id: 504,
        name: "mobile-app",
        public: false,
        archived: false,
        topics: &[],
        teams: &[(2, "admin"), (3, "push")],
        approvals: 1,
        deploys: false,
    },
    Repo {
        id: 505,
        name: "handbook",
        public: true,
        archived: false,
        topics: &[],
        teams: &[(2, "admin")],
        approvals: 0,
        deploys: false,
    },
    Repo {
        id: 506,
        name: "old-shop",
        public: false,
        archived: true,
        topics: &[],
        teams: &[(2, "pull")],
        approvals: 1,
        deploys: false,
    },
];

impl Repo {
    pub(super) fn full_name(&self) -> String {
        format!("{ORG}/{}", self.name)
    }

    pub(super) fn shape(&self, call: &Call<'_>) -> Value {
        repository(call, self)
    }
}

/// The path of a next link: the organisation and repositories by number.
pub(super) fn numbered(path: &str) -> String {
    if let Some(rest) = path.strip_prefix(&format!("/orgs/{ORG}")) {
        return format!("/organizations/{ORG_ID}{rest}");
    }
    let named = REPOS.iter().find_map(|repo| {
        let rest = path.strip_prefix(&format!("/repos/{}", repo.full_name()))?;
        Some(format!("/repositories/{}{rest}", repo.id))
    });
    named.unwrap_or_else(|| path.to_owned())
}

/// What a permission allows.
fn permissions(word: &str) -> Value {
    let order = ["pull", "triage", "push", "maintain", "admin"];
    let held = order.iter().position(|of| *of == word).unwrap_or_default();
    order.iter().enumerate().map(|(i, of)| ((*of).to_owned(), Value::Bool(i <= held))).collect()
}

pub(super) fn answer(call: &Call<'_>, repo: &Repo, path: &[&str]) -> Answer {
    match path {
        ["branches", "main", "protection"] => protection(call, repo),
        ["branches", _, "protection"] => Err(Refusal(404, "Branch not found")),
        ["rules", "branches", _] => Ok(json!([]).into()),
        ["vulnerability-alerts"] if !repo.archived => {
            Ok(Found { status: 204, body: Value::Null, link: None })
        }
        ["vulnerability-alerts"] => Err(Refusal(404, "Vulnerability alerts are disabled.")),
        // Access goes through teams alone.
        ["collaborators"] => Ok(call.page(&[], |_: &()| Value::Null)),
        ["teams"] => Ok(call.page(repo.teams, |(team, permission)| {
            let mut shape = TEAMS[*team].shape(call);
            shape["permission"] = (*permission).into();
            shape["permissions"] = permissions(permission);
            shape["access_source"] = "direct".into();
            shape
        })),
        ["keys"] => {
            let keys: &[&str] = if repo.deploys { &["build server"] } else { &[] };
            Ok(call.page(keys, |title| key(call, repo, title)))
        }
        ["environments"] => {
            let names: &[&str] = if repo.deploys { &["production", "staging"] } else { &[] };
            Ok(call.counted("environments", names, |name| environment(call, repo, name)))
        }
        _ => Err(Refusal::not_found()),
    }
}

fn protection(call: &Call<'_>, repo: &Repo) -> Answer {
    if repo.approvals == 0 {
        return Err(Refusal(404, "Branch not protected"));
    }
    let url = call.href(&format!("repos/{}/branches/main/protection", repo.full_name()));
    let switch = |on: bool| json!({"enabled": on});
    Ok(json!({
        "url": url,
        "required_status_checks": {
            "url": format!("{url}/required_status_checks"), "strict": true, "contexts": ["build"],
            "contexts_url": format!("{url}/required_status_checks/contexts"),
            "checks": [{"context": "build", "app_id": 15_368}],
        },
        "required_pull_request_reviews": {
            "url": format!("{url}/required_pull_request_reviews"), "dismiss_stale_reviews": true,
            "require_code_owner_reviews": false, "require_last_push_approval": false,
            "required_approving_review_count": repo.approvals,
        },
        "required_signatures": {"url": format!("{url}/required_signatures"), "enabled": false},
        "enforce_admins": {"url": format!("{url}/enforce_admins"), "enabled": true},
        "required_linear_history": switch(true), "allow_force_pushes": switch(false),
        "allow_deletions": switch(false), "block_creations": switch(false),
        "required_conversation_resolution": switch(true), "lock_branch": switch(false),
        "allow_fork_syncing": switch(false),
    })
    .into())
}

fn key(call: &Call<'_>, repo: &Repo, title: &str) -> Value {
    let id = repo.id * 10;
    let owner = call.org.account_at(4).map(login);
    json!({
        "id": id, "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExample",
        "url": call.href(&format!("repos/{}/keys/{id}", repo.full_name())), "title": title, "verified": true,
        "created_at": "2025-03-01T09:00:00Z", "read_only": true, "added_by": owner, "last_used": null,
        "enabled": true,
    })
}

/// Production waits for somebody of the platform team.
fn environment(call: &Call<'_>, repo: &Repo, name: &str) -> Value {
    let id = repo.id * 10 + u64::from(name == "staging");
    let full_name = repo.full_name();
    let rules = match name {
        "production" => json!([{
            "id": id, "node_id": format!("GA_{id}"), "type": "required_reviewers", "prevent_self_review": true,
            "reviewers": [{"type": "Team", "reviewer": TEAMS[2].shape(call)}],
        }]),
        _ => json!([]),
    };
    json!({
        "id": id, "node_id": format!("EN_{id}"), "name": name,
        "url": call.href(&format!("repos/{full_name}/environments/{name}")),
        "html_url": format!("https://github.com/{full_name}/deployments/activity_log?environments_filter={name}"),
        "created_at": "2024-02-01T09:00:00Z", "updated_at": "2024-02-01T09:00:00Z", "can_admins_bypass": false,
        "protection_rules": rules, "deployment_branch_policy": null,
    })
}

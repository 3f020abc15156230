//! Pull requests with reviews and checks, and deployments: how they come about, and what is answered.
//!
//! A pull request is an issue, too, and is found by when it last changed. A week's changes of the repositories that run
//! in production are deployed on its Thursday.
//! <https://docs.github.com/en/rest/pulls/pulls>, <https://docs.github.com/en/rest/deployments/deployments>

use super::repos::{REPOS, Repo};
use super::shape::{organisation, repository, user};
use super::{Answer, Call, Refusal, instant};
use crate::calendar::{LAST_DAY, LOG_FIRST_DAY, at, days, is_weekend, plus_days};
use crate::org::Organisation;
use crate::org::people::Account;
use crate::random::{Stream, hex_id};
use crate::system::System;
use exhibit_evidence::time::Timestamp;
use jiff::civil::{Date, Weekday};
use serde_json::{Value, json};

/// A pull request. People are named by their login at the identity provider.
#[derive(Debug)]
struct Pull {
    repo: u64,
    number: u64,
    title: &'static str,
    author: String,
    reviewers: Vec<String>,
    created: Timestamp,
    reviewed: Timestamp,
    closed: Timestamp,
    is_merged: bool,
}

#[derive(Debug)]
struct Deployment {
    repo: u64,
    id: u64,
    at: Timestamp,
    by: String,
}

/// Everything that changes in the half year.
pub(super) struct Changes {
    pulls: Vec<Pull>,
    deployments: Vec<Deployment>,
}

const TITLES: [&str; 6] = [
    "Retry when the queue is busy",
    "Show the total before paying",
    "Upgrade example-http",
    "Remove the old report",
    "Speed up the nightly import",
    "Say what went wrong",
];

/// On one weekday in three a live repository gets a pull request.
pub(super) fn write(organisation: &Organisation) -> Changes {
    let seed = organisation.seed();
    let mut dice = Stream::new(seed, "github changes");
    let mut changes = Changes { pulls: Vec::new(), deployments: Vec::new() };
    for day in days(LOG_FIRST_DAY, LAST_DAY).filter(|day| !is_weekend(*day)) {
        let working = organisation.state_at(at(day, 8, 0)).working(System::GitHub);
        if working.len() < 4 {
            continue;
        }
        for repo in REPOS.iter().filter(|repo| !repo.archived) {
            if dice.chance(33) {
                let number = 1 + changes.pulls.iter().filter(|pull| pull.repo == repo.id).count() as u64;
                changes.pulls.push(pull(&mut dice, repo, number, day, &working));
            }
            if repo.deploys && day.weekday() == Weekday::Thursday {
                let by = dice.pick(&working).login.clone();
                let id = 40_000 + changes.deployments.len() as u64;
                changes.deployments.push(Deployment {
                    repo: repo.id,
                    id,
                    at: at(day, 17, dice.below(60)),
                    by,
                });
            }
        }
    }
    changes
}

fn pull(dice: &mut Stream, repo: &Repo, number: u64, day: Date, working: &[&Account]) -> Pull {
    // Three in a row of a list are three different people.
    let first = dice.index(working.len());
    let person = |n: usize| working[(first + n) % working.len()].login.clone();
    let reviewers = (1..=repo.approvals as usize).map(person).collect();
    let created = at(day, dice.between(8, 11), dice.below(60));
    let late = if dice.chance(25) { day } else { next_working_day(day) };
    Pull {
        repo: repo.id,
        number,
        title: TITLES[dice.index(TITLES.len())],
        author: person(0),
        reviewers,
        created,
        reviewed: at(late, 13, dice.below(60)),
        closed: at(late, dice.between(14, 16), dice.below(60)),
        is_merged: !dice.chance(7),
    }
}

fn next_working_day(day: Date) -> Date {
    let mut next = plus_days(day, 1);
    while is_weekend(next) {
        next = plus_days(next, 1);
    }
    next
}

impl Pull {
    fn is_closed(&self, now: Timestamp) -> bool {
        self.closed <= now
    }

    fn updated(&self, now: Timestamp) -> Timestamp {
        let times = [self.created, self.reviewed, self.closed];
        times.into_iter().filter(|at| *at <= now).max().unwrap_or(self.created)
    }

    fn sha(&self, seed: u64, what: &str) -> String {
        hex_id(seed, &format!("github {what} {} {}", self.repo, self.number), 40)
    }

    fn ended(&self, now: Timestamp) -> (Option<String>, Option<String>) {
        let closed = self.is_closed(now).then(|| instant(self.closed));
        (closed.clone(), closed.filter(|_| self.is_merged))
    }
}

pub(super) fn answer(call: &Call<'_>, changes: &Changes, repo: &Repo, path: &[&str]) -> Answer {
    let now = call.now();
    let mut pulls: Vec<&Pull> =
        changes.pulls.iter().filter(|pull| pull.repo == repo.id && pull.created <= now).collect();
    let find = |number: &str| {
        let found = pulls.iter().find(|pull| pull.number.to_string() == number);
        found.copied().ok_or_else(Refusal::not_found)
    };
    match path {
        ["issues"] => {
            if let Some(since) = call.param("since") {
                let since: Timestamp = since.parse().map_err(|_| Refusal(422, "Validation Failed"))?;
                pulls.retain(|pull| pull.updated(now) >= since);
            }
            Ok(call.page(&pulls, |pull| issue(call, repo, pull)))
        }
        ["pulls"] => Ok(call.page(&pulls, |pull| shape(call, repo, pull))),
        ["pulls", number] => Ok(shape(call, repo, find(number)?).into()),
        ["pulls", number, "reviews"] => {
            let pull = find(number)?;
            let given: &[String] = if pull.is_merged && pull.reviewed <= now { &pull.reviewers } else { &[] };
            let numbered: Vec<(usize, &String)> = given.iter().enumerate().collect();
            Ok(call.page(&numbered, |(i, by)| review(call, repo, pull, *i, by)))
        }
        ["commits", sha, what @ ("check-runs" | "status")] => {
            let of = |pull: &&&Pull| pull.sha(call.org.seed(), "head") == *sha;
            let pull = pulls.iter().find(of).copied().ok_or_else(Refusal::not_found)?;
            match *what {
                "check-runs" => {
                    Ok(call.counted("check_runs", &["build"], |name| run(call, repo, pull, name)))
                }
                _ => Ok(json!({
                    "state": "pending", "statuses": [], "sha": sha, "total_count": 0,
                    "repository": repository(call, repo),
                    "commit_url": call.href(&format!("repos/{}/commits/{sha}", repo.full_name())),
                    "url": call.href(&format!("repos/{}/commits/{sha}/status", repo.full_name())),
                })
                .into()),
            }
        }
        ["deployments"] => {
            let begun = |of: &&Deployment| of.repo == repo.id && of.at <= now;
            let begun: Vec<&Deployment> = changes.deployments.iter().rev().filter(begun).collect();
            Ok(call.page(&begun, |of| deployment(call, repo, of)))
        }
        ["deployments", id, "statuses"] => {
            let of = |of: &&Deployment| of.repo == repo.id && of.id.to_string() == *id && of.at <= now;
            let found = changes.deployments.iter().find(of).ok_or_else(Refusal::not_found)?;
            let ended = if found.at.plus_ms(600_000) <= now { "success" } else { "in_progress" };
            Ok(call.page(&[ended], |state| status(call, repo, found, state)))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// Somebody by their login at the identity provider; whoever has gone keeps their name.
fn somebody(call: &Call<'_>, login: &str) -> Value {
    call.org.account_by_login(login).map_or(Value::Null, |account| user(call, account))
}

fn issue(call: &Call<'_>, repo: &Repo, pull: &Pull) -> Value {
    let full_name = repo.full_name();
    let url = call.href(&format!("repos/{full_name}/issues/{}", pull.number));
    let page = format!("https://github.com/{full_name}/pull/{}", pull.number);
    let (closed, merged) = pull.ended(call.now());
    json!({
        "url": url, "repository_url": call.href(&format!("repos/{full_name}")),
        "labels_url": format!("{url}/labels{{/name}}"), "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"), "timeline_url": format!("{url}/timeline"), "html_url": page,
        "id": repo.id * 10_000 + pull.number, "node_id": format!("I_{}_{}", repo.id, pull.number),
        "number": pull.number, "title": pull.title, "user": somebody(call, &pull.author), "labels": [],
        "state": if closed.is_some() { "closed" } else { "open" }, "locked": false, "assignee": null,
        "assignees": [], "milestone": null, "comments": 0, "created_at": instant(pull.created),
        "updated_at": instant(pull.updated(call.now())), "closed_at": closed, "author_association": "MEMBER",
        "body": null, "closed_by": null, "state_reason": null, "active_lock_reason": null, "draft": false,
        "pull_request": {
            "url": call.href(&format!("repos/{full_name}/pulls/{}", pull.number)), "html_url": page,
            "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"), "merged_at": merged,
        },
    })
}

fn shape(call: &Call<'_>, repo: &Repo, pull: &Pull) -> Value {
    let (seed, full_name, number) = (call.org.seed(), repo.full_name(), pull.number);
    let url = call.href(&format!("repos/{full_name}/pulls/{number}"));
    let issue = call.href(&format!("repos/{full_name}/issues/{number}"));
    let page = format!("https://github.com/{full_name}/pull/{number}");
    let head = pull.sha(seed, "head");
    let (closed, merged) = pull.ended(call.now());
    let side = |branch: &str, sha: &str| {
        json!({
            "label": format!("example-org:{branch}"), "ref": branch, "sha": sha, "user": organisation(call),
            "repo": repository(call, repo),
        })
    };
    let link = |href: &str| json!({"href": href});
    json!({
        "url": url, "id": repo.id * 20_000 + number, "node_id": format!("PR_{}_{number}", repo.id),
        "html_url": page, "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
        "issue_url": issue, "commits_url": format!("{url}/commits"),
        "review_comments_url": format!("{url}/comments"),
        "review_comment_url": call.href(&format!("repos/{full_name}/pulls/comments{{/number}}")),
        "comments_url": format!("{issue}/comments"),
        "statuses_url": call.href(&format!("repos/{full_name}/statuses/{head}")), "number": number,
        "state": if closed.is_some() { "closed" } else { "open" }, "locked": false, "title": pull.title,
        "user": somebody(call, &pull.author), "body": null, "labels": [], "milestone": null,
        "active_lock_reason": null, "created_at": instant(pull.created),
        "updated_at": instant(pull.updated(call.now())), "closed_at": closed,
        "merge_commit_sha": merged.as_ref().map(|_| pull.sha(seed, "merge")), "assignee": null, "assignees": [],
        "requested_reviewers": [], "requested_teams": [],
        "head": side(&format!("change-{number}"), &head), "base": side("main", &pull.sha(seed, "base")),
        "_links": {
            "self": link(&url), "html": link(&page), "issue": link(&issue), "comments": link(&issue),
            "review_comments": link(&url), "review_comment": link(&url), "commits": link(&url),
            "statuses": link(&url),
        },
        "author_association": "MEMBER", "auto_merge": null, "draft": false, "merged": merged.is_some(),
        "mergeable": null, "rebaseable": null, "mergeable_state": "unknown",
        "merged_by": merged.as_ref().map(|_| somebody(call, &pull.author)), "merged_at": merged, "comments": 0,
        "review_comments": 0, "maintainer_can_modify": false, "commits": 1, "additions": 12, "deletions": 3,
        "changed_files": 2,
    })
}

fn review(call: &Call<'_>, repo: &Repo, pull: &Pull, index: usize, by: &str) -> Value {
    let id = (repo.id * 10_000 + pull.number) * 10 + index as u64;
    let page = format!("https://github.com/{}/pull/{}#pullrequestreview-{id}", repo.full_name(), pull.number);
    let url = call.href(&format!("repos/{}/pulls/{}", repo.full_name(), pull.number));
    json!({
        "id": id, "node_id": format!("PRR_{id}"), "user": somebody(call, by), "body": "", "state": "APPROVED",
        "html_url": page, "pull_request_url": url,
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "commit_id": pull.sha(call.org.seed(), "head"), "author_association": "MEMBER",
        "submitted_at": instant(pull.reviewed.plus_ms(60_000 * index as i64)),
    })
}

/// The build of a pull request's commit takes ten minutes, and goes well.
fn run(call: &Call<'_>, repo: &Repo, pull: &Pull, name: &str) -> Value {
    let id = repo.id * 10_000 + pull.number;
    let url = call.href(&format!("repos/{}/check-runs/{id}", repo.full_name()));
    let page = format!("https://github.com/{}/runs/{id}", repo.full_name());
    json!({
        "id": id, "head_sha": pull.sha(call.org.seed(), "head"), "node_id": format!("CR_{id}"), "external_id": "",
        "url": url, "html_url": page, "details_url": page, "status": "completed", "conclusion": "success",
        "started_at": instant(pull.created), "completed_at": instant(pull.created.plus_ms(600_000)),
        "output": {
            "title": null, "summary": null, "text": null, "annotations_count": 0,
            "annotations_url": format!("{url}/annotations"),
        },
        "name": name, "check_suite": {"id": id}, "app": null, "pull_requests": [],
    })
}

fn deployment(call: &Call<'_>, repo: &Repo, of: &Deployment) -> Value {
    let url = call.href(&format!("repos/{}/deployments/{}", repo.full_name(), of.id));
    json!({
        "url": url, "id": of.id, "node_id": format!("DE_{}", of.id), "task": "deploy",
        "original_environment": "production", "environment": "production", "description": null,
        "created_at": instant(of.at), "updated_at": instant(of.at), "statuses_url": format!("{url}/statuses"),
        "repository_url": call.href(&format!("repos/{}", repo.full_name())), "creator": somebody(call, &of.by),
        "sha": hex_id(call.org.seed(), &format!("github deployment {}", of.id), 40), "ref": "main", "payload": {},
        "transient_environment": false, "production_environment": true, "performed_via_github_app": null,
    })
}

fn status(call: &Call<'_>, repo: &Repo, of: &Deployment, state: &str) -> Value {
    let url = call.href(&format!("repos/{}/deployments/{}", repo.full_name(), of.id));
    let at = instant(of.at.plus_ms(600_000));
    json!({
        "url": format!("{url}/statuses/{}", of.id), "id": of.id, "node_id": format!("DES_{}", of.id), "state": state,
        "creator": somebody(call, &of.by), "description": "", "environment": "production", "target_url": "",
        "created_at": at, "updated_at": at, "deployment_url": url, "environment_url": "", "log_url": "",
        "repository_url": call.href(&format!("repos/{}", repo.full_name())), "performed_via_github_app": null,
    })
}

//! Pull requests that were closed in the window, merged or not: who wrote, approved, merged them, and what was
//! checked.
//!
//! GitHub lists pull requests without a filter by time, but issues, which they are too, by when they last changed.
//! Whatever was closed within the window has changed since its start. In order of making, the list keeps its order
//! while it is read: what changes meanwhile can come twice, and cannot be missed.

use crate::api::{Api, Detail, GHOST, User, login_or_ghost, pages, single};
use crate::repos::{Known, Listed, Part};
use crate::suites::Suites;
use crate::{checks, reviews};
use exhibit_sdk::kinds::{ChangeRequest, ChangeState, ChangeType};
use exhibit_sdk::prelude::*;

/// An item of the list of issues, or of pull requests where a repository has no issues.
#[derive(Debug, Deserialize)]
struct Issue {
    number: u64,
    title: String,
    state: Option<String>,
    html_url: Option<String>,
    body: Option<String>,
    user: Option<User>,
    #[serde(default)]
    labels: Vec<Label>,
    created_at: Option<String>,
    closed_at: Option<String>,
    /// In a list of issues: that it is a pull request.
    pull_request: Option<Merged>,
    /// In a list of pull requests.
    merged_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Merged {
    merged_at: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Named { name: String },
    Text(String),
}

impl Label {
    fn name(&self) -> &str {
        match self {
            Self::Named { name } | Self::Text(name) => name,
        }
    }
}

/// What only the pull request itself says.
#[derive(Debug, Deserialize)]
pub(crate) struct Pull {
    merged_by: Option<User>,
    merge_commit_sha: Option<String>,
    head: Option<Side>,
    base: Option<Side>,
}

#[derive(Debug, Deserialize)]
struct Side {
    r#ref: Option<String>,
    sha: Option<String>,
}

impl Issue {
    fn merged_at(&self) -> Option<Timestamp> {
        let text = self.pull_request.as_ref().map_or(&self.merged_at, |pull| &pull.merged_at);
        instant(text.as_ref())
    }

    fn closed_at(&self) -> Option<Timestamp> {
        instant(self.closed_at.as_ref())
    }
}

/// The population of pull requests.
pub(crate) struct Pulls<'a> {
    api: &'a Api<'a>,
    population: Population<ChangeRequest>,
    suites: Option<Suites>,
    details: [Detail; 4],
}

impl<'a> Pulls<'a> {
    pub(crate) fn open(api: &'a Api<'a>) -> Self {
        let query = "pull requests of every repository that were merged or closed in the window";
        let details = ["pull requests' details", "reviews", "check runs", "commit statuses"].map(Detail::new);
        Self { api, population: api.ctx.population(query), suites: None, details }
    }

    /// Those of one repository that were closed in the window; the others are counted.
    fn of_repository(&mut self, page: &Page, is_issues: bool) -> Result<Vec<Item<Issue>>> {
        let window = self.api.ctx.window();
        let (mut issues, mut open, mut outside) = (0, 0, 0);
        let mut closed = Vec::new();
        for issue in self.population.items::<Issue>(page)? {
            if is_issues && issue.pull_request.is_none() {
                issues += 1;
                continue;
            }
            match issue.closed_at() {
                Some(at) if window.contains(at) => closed.push(issue),
                Some(_) => outside += 1,
                None => open += 1,
            }
        }
        for (count, reason) in [
            (issues, "an issue, and no pull request"),
            (open, "a pull request that is open"),
            (outside, "a pull request that was closed outside the window"),
        ] {
            self.population.filtered(count, reason)?;
        }
        Ok(closed)
    }

    fn emit(&mut self, closed: &[(&Known, Item<Issue>)]) -> Result<()> {
        if closed.is_empty() {
            return Ok(());
        }
        let api = self.api;
        if self.suites.is_none() {
            self.suites = Some(Suites::read(api)?);
        }
        let path = |(repo, issue): &(&Known, Item<Issue>)| repo.path(&format!("/pulls/{}", issue.number));
        let mut pulls = Vec::new();
        for answer in api.ctx.send_all(closed.iter().map(|of| api.get(&path(of)))) {
            let page = self.details[0].known(single(Some(answer)))?;
            pulls.push(page.map(|page| page.item::<Pull>()).transpose()?);
        }
        let mut reviews =
            api.ctx.send_all(closed.iter().map(|of| api.list(&format!("{}/reviews", path(of)))));
        let heads: Vec<(&Known, &str)> = closed
            .iter()
            .zip(&pulls)
            .filter_map(|((repo, _), pull)| Some((*repo, pull.as_ref()?.head.as_ref()?.sha.as_deref()?)))
            .collect();
        let commit =
            |(repo, sha): &(&Known, &str), of: &str| repo.path(&format!("/commits/{}/{of}", encode(sha)));
        let mut runs = api
            .ctx
            .send_all(heads.iter().map(|of| api.counted_list(&commit(of, "check-runs"), "/check_runs")));
        let mut statuses =
            api.ctx.send_all(heads.iter().map(|of| api.counted_list(&commit(of, "status"), "/statuses")));
        for ((repo, issue), pull) in closed.iter().zip(&pulls) {
            let mut record = self.record(repo, issue, pull.as_ref());
            let merged_at = issue.merged_at();
            let author = login_or_ghost(issue.user.as_ref());
            let answer = self.details[1].known(pages(reviews.next()))?;
            record = reviews::add(record, answer, &author, merged_at)?;
            if pull.as_ref().is_some_and(|pull| pull.head.as_ref().is_some_and(|head| head.sha.is_some())) {
                let runs = self.details[2].known(pages(runs.next()))?;
                let statuses = self.details[3].known(pages(statuses.next()))?;
                record = checks::add(record, runs, statuses, merged_at)?;
            } else {
                record = record.unknown("checks").unknown("checks_passed");
            }
            self.population.emit(record)?;
        }
        Ok(())
    }

    fn record(&self, repo: &Known, issue: &Item<Issue>, pull: Option<&Item<Pull>>) -> Record<ChangeRequest> {
        let (merged_at, closed_at) = (issue.merged_at(), issue.closed_at());
        let state = if merged_at.is_some() { ChangeState::Merged } else { ChangeState::Closed };
        let mut labels: Vec<String> = issue.labels.iter().map(|label| label.name().to_owned()).collect();
        labels.sort();
        let settings = self.api.settings;
        let is_emergency =
            |label: &String| settings.emergency_labels.iter().any(|of| of.eq_ignore_ascii_case(label));
        let emergency = (!settings.emergency_labels.is_empty()).then(|| labels.iter().any(is_emergency));
        let branch = pull.and_then(|pull| pull.head.as_ref()?.r#ref.as_deref());
        let texts = [Some(issue.title.as_str()), branch, issue.body.as_deref()];
        let tickets = (!settings.ticket_prefixes.is_empty())
            .then(|| tickets(&settings.ticket_prefixes, texts.into_iter().flatten()));
        let attributes = ChangeRequest {
            r#type: Some(ChangeType::PullRequest),
            source_state: issue.state.clone(),
            number: Some(issue.number),
            url: issue.html_url.clone(),
            repository: Some(repo.full_name.clone()),
            base_branch: pull.and_then(|pull| pull.base.as_ref()?.r#ref.clone()),
            author_type: issue.user.as_ref().and_then(User::principal),
            created_at: instant(issue.created_at.as_ref()),
            merged_at,
            merged_by: merged_at.and(pull).map(|pull| login_or_ghost(pull.merged_by.as_ref())),
            closed_at,
            merge_commit: merged_at.and(pull).and_then(|pull| pull.merge_commit_sha.clone()),
            head_commit: pull.and_then(|pull| pull.head.as_ref()?.sha.clone()),
            emergency,
            tickets,
            labels: Some(labels),
            ..ChangeRequest::new(&issue.title, state, login_or_ghost(issue.user.as_ref()))
        };
        let is_deleted = attributes.author == GHOST && attributes.author_type.is_none();
        let commit = attributes.merge_commit.clone();
        let mut record = issue
            .record(format!("{}/{}", repo.id, issue.number), attributes)
            .subject(self.api.repository(&repo.full_name))
            .occurred_at(merged_at.or(closed_at).unwrap_or_default());
        record = pull.into_iter().map(Item::origin).fold(record, Record::origin);
        for (attribute, is_known) in [
            ("base_branch", pull.is_some()),
            ("head_commit", pull.is_some()),
            ("merged_by", pull.is_some() || merged_at.is_none()),
            ("merge_commit", pull.is_some() || merged_at.is_none()),
            ("author_type", !is_deleted && issue.user.as_ref().and_then(User::principal).is_some()),
            ("emergency", emergency.is_some()),
            ("tickets", !settings.ticket_prefixes.is_empty()),
        ] {
            if !is_known {
                record = record.unknown(attribute);
            }
        }
        match (&self.suites, merged_at) {
            (Some(suites), Some(_)) => suites.add(record, repo.id, commit.as_deref()),
            // What was not merged passed by nothing.
            _ => record,
        }
    }
}

impl Part for Pulls<'_> {
    fn population(&mut self) -> &mut dyn Feed {
        &mut self.population
    }

    fn take(&mut self, listed: &Listed<'_>) -> Result<()> {
        let api = self.api;
        let since = api.ctx.window().start.to_string();
        let list = |repo: &crate::repos::Repo| {
            let path = if repo.has_issues == Some(false) { "/pulls" } else { "/issues" };
            let list = api.list(&repo.path(path)).query("state", "all").query("sort", "created");
            let list = list.query("direction", "asc");
            if path == "/issues" { list.query("since", &since) } else { list }
        };
        for (repo, answer) in listed.ask(api, list) {
            for page in self.population.tolerate(answer)?.unwrap_or_default() {
                let closed = self.of_repository(&page, repo.has_issues != Some(false))?;
                let closed: Vec<(&Known, Item<Issue>)> =
                    closed.into_iter().map(|issue| (repo, issue)).collect();
                self.emit(&closed)?;
            }
        }
        Ok(())
    }

    fn seal(self: Box<Self>) -> Result<()> {
        self.population.seal()
    }
}

/// Keys such as `OPS-12` of these prefixes, each once, in order.
fn tickets<'t>(prefixes: &[String], texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut keys = std::collections::BTreeSet::new();
    for text in texts {
        for prefix in prefixes {
            let mut rest = text;
            while let Some(at) = rest.to_ascii_lowercase().find(&prefix.to_ascii_lowercase()) {
                let (before, from) = rest.split_at(at);
                let after = &from[prefix.len()..];
                let digits: String = after
                    .strip_prefix('-')
                    .unwrap_or_default()
                    .chars()
                    .take_while(char::is_ascii_digit)
                    .collect();
                let begins = !before.ends_with(|c: char| c.is_alphanumeric());
                if begins && !digits.is_empty() {
                    keys.insert(format!("{}-{digits}", prefix.to_ascii_uppercase()));
                }
                rest = after;
            }
        }
    }
    keys.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_of_the_prefixes_alone() {
        let of = |text: &str| tickets(&["OPS".to_owned(), "Sec".to_owned()], [text].into_iter());
        assert_eq!(of("OPS-12: rotate (ops-7), see sec-3"), ["OPS-12", "OPS-7", "SEC-3"]);
        assert_eq!(of("fix/ops-12-rotate OPS-12"), ["OPS-12"]);
        assert_eq!(of("DEVOPS-1, UTF-8, OPS 9, OPS-, äops-4"), [""; 0]);
    }
}

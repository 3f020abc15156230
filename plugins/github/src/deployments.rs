//! Deployments that began in the window, and how they ended.
//!
//! GitHub lists deployments without a filter by time, so each repository's are read to their end, and those outside
//! the window are counted as such.

use crate::api::{Api, Detail, User, pages};
use crate::repos::{Known, Listed, Part};
use exhibit_sdk::kinds::{Deploy, Outcome};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
struct Deployment {
    id: u64,
    sha: Option<String>,
    r#ref: Option<String>,
    environment: Option<String>,
    creator: Option<User>,
    created_at: Option<String>,
    performed_via_github_app: Option<App>,
}

#[derive(Debug, Deserialize)]
struct App {
    slug: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Status {
    state: Option<String>,
    created_at: Option<String>,
    log_url: Option<String>,
    target_url: Option<String>,
}

/// The population of deployments.
pub(crate) struct Deployments<'a> {
    api: &'a Api<'a>,
    population: Population<Deploy>,
    statuses: Detail,
}

impl<'a> Deployments<'a> {
    pub(crate) fn open(api: &'a Api<'a>) -> Self {
        let query = "deployments of every repository that began in the window";
        Self { api, population: api.ctx.population(query), statuses: Detail::new("how a deployment ended") }
    }

    fn of_page(&mut self, repo: &Known, page: &Page) -> Result<()> {
        let window = self.api.ctx.window();
        let mut begun = Vec::new();
        let mut outside = 0;
        for deployment in self.population.items::<Deployment>(page)? {
            match instant(deployment.created_at.as_ref()) {
                Some(at) if window.contains(at) => begun.push((at, deployment)),
                Some(_) => outside += 1,
                None => self.population.incomplete(format!("deployment {} without a time", deployment.id)),
            }
        }
        self.population.filtered(outside, "a deployment that began outside the window")?;
        let path = |of: &Deployment| repo.path(&format!("/deployments/{}/statuses", of.id));
        let lists: Vec<Request> = begun.iter().map(|(_, of)| self.api.list(&path(of))).collect();
        for ((at, deployment), answer) in begun.iter().zip(self.api.ctx.send_all(lists)) {
            let statuses = self.statuses.known(pages(Some(answer)))?;
            let record = record(self.api, repo, deployment, statuses)?.occurred_at(*at);
            self.population.emit(record)?;
        }
        Ok(())
    }
}

impl Part for Deployments<'_> {
    fn population(&mut self) -> &mut dyn Feed {
        &mut self.population
    }

    fn take(&mut self, listed: &Listed<'_>) -> Result<()> {
        let api = self.api;
        for (repo, answer) in listed.ask(api, |repo| api.list(&repo.path("/deployments"))) {
            for page in self.population.tolerate(answer)?.unwrap_or_default() {
                self.of_page(repo, &page)?;
            }
        }
        Ok(())
    }

    fn seal(self: Box<Self>) -> Result<()> {
        self.population.seal()
    }
}

fn record(
    api: &Api<'_>,
    repo: &Known,
    of: &Item<Deployment>,
    statuses: Option<Vec<Page>>,
) -> Result<Record<Deploy>> {
    let is_answered = statuses.is_some();
    let mut origins = Vec::new();
    let mut all = Vec::new();
    for page in statuses.iter().flatten() {
        origins.push(page.origin(""));
        all.extend(page.items::<Status>()?);
    }
    // The newest comes first. One that a later deployment replaced becomes inactive, which is not how it ended.
    let last = all.iter().find(|status| status.state.as_deref() != Some("inactive"));
    let word = last.and_then(|status| status.state.clone());
    let result = match word.as_deref() {
        Some("success") => Some(Outcome::Success),
        Some("failure" | "error") => Some(Outcome::Failure),
        Some("in_progress" | "queued" | "pending" | "waiting") => Some(Outcome::InProgress),
        Some(_) => None,
        None => is_answered.then_some(Outcome::InProgress).filter(|_| all.is_empty()),
    };
    let has_ended = matches!(result, Some(Outcome::Success | Outcome::Failure));
    let url = |status: &Item<Status>| {
        let given = [&status.log_url, &status.target_url].into_iter().flatten();
        given.into_iter().find(|url| !url.is_empty()).cloned()
    };
    let attributes = Deploy {
        environment: of.environment.clone(),
        result,
        source_result: word,
        version: of.r#ref.clone(),
        commit: of.sha.clone(),
        repository: Some(repo.full_name.clone()),
        deployed_by: of.creator.as_ref().map(|user| user.login.clone()),
        deployed_by_type: of.creator.as_ref().and_then(User::principal),
        pipeline: of.performed_via_github_app.as_ref().and_then(|app| app.slug.clone()),
        finished_at: last.filter(|_| has_ended).and_then(|status| instant(status.created_at.as_ref())),
        url: last.and_then(url),
        ..Deploy::new(&repo.full_name)
    };
    let mut record = of.record(of.id.to_string(), attributes).subject(api.repository(&repo.full_name));
    record = origins.iter().fold(record, Record::origin);
    for (attribute, is_known) in [("result", result.is_some()), ("deployed_by", of.creator.is_some())] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    // A deployment does not name who approved it, nor what it contains or replaces.
    Ok(record.unknown("approved_by").unknown("changes").unknown("rollback"))
}

//! Repositories, and the environments that they deploy to.

use crate::api::Api;
use crate::repos::{Known, Listed, Part};
use exhibit_sdk::kinds::{Details, Resource, Visibility};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
struct Environment {
    id: u64,
    name: String,
    created_at: Option<String>,
    can_admins_bypass: Option<bool>,
    #[serde(default)]
    protection_rules: Vec<Rule>,
    deployment_branch_policy: Option<BranchPolicy>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    r#type: Option<String>,
    wait_timer: Option<i64>,
    prevent_self_review: Option<bool>,
    #[serde(default)]
    reviewers: Vec<Reviewer>,
}

#[derive(Debug, Deserialize)]
struct Reviewer {
    r#type: Option<String>,
    reviewer: Option<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    login: Option<String>,
    slug: Option<String>,
}

#[derive(Debug, Deserialize)]
struct BranchPolicy {
    protected_branches: Option<bool>,
    custom_branch_policies: Option<bool>,
}

/// The population of resources.
pub(crate) struct Resources<'a> {
    api: &'a Api<'a>,
    population: Population<Resource>,
}

impl<'a> Resources<'a> {
    pub(crate) fn open(api: &'a Api<'a>) -> Self {
        let query = "every repository of the organisation, archived ones too, and its environments";
        Self { api, population: api.ctx.population(query) }
    }
}

impl Part for Resources<'_> {
    fn population(&mut self) -> &mut dyn Feed {
        &mut self.population
    }

    fn cites_repositories(&self) -> bool {
        true
    }

    fn take(&mut self, listed: &Listed<'_>) -> Result<()> {
        let api = self.api;
        for repo in listed.repos {
            self.population.emit(repository(api, repo))?;
        }
        let environments = |path: String| api.counted_list(&path, "/environments");
        for (repo, answer) in listed.ask(api, |repo| environments(repo.path("/environments"))) {
            for page in self.population.tolerate(answer)?.unwrap_or_default() {
                for environment in self.population.items::<Environment>(&page)? {
                    self.population.emit(of_environment(repo, &environment))?;
                }
            }
        }
        Ok(())
    }

    fn seal(self: Box<Self>) -> Result<()> {
        self.population.seal()
    }
}

fn repository(api: &Api<'_>, repo: &Known) -> Record<Resource> {
    let mut tags = repo.topics.clone();
    tags.sort();
    let mut details = Details::new();
    let analysis = repo.security_and_analysis.as_ref();
    for (name, value) in [
        ("fork", repo.fork),
        ("disabled", repo.disabled),
        ("advanced_security", analysis.and_then(|a| a.advanced_security.as_ref()?.enabled())),
        ("secret_scanning", analysis.and_then(|a| a.secret_scanning.as_ref()?.enabled())),
        ("push_protection", analysis.and_then(|a| a.secret_scanning_push_protection.as_ref()?.enabled())),
        ("security_updates", analysis.and_then(|a| a.dependabot_security_updates.as_ref()?.enabled())),
    ] {
        if let Some(value) = value {
            details.insert(name, value);
        }
    }
    for (name, word) in [("visibility", &repo.visibility), ("default_branch", &repo.default_branch)] {
        if let Some(word) = word {
            details.insert(name, word.as_str());
        }
    }
    let is_public = repo.visibility().map(|visibility| visibility == Visibility::Public).or(
        // A private one may be internal, which is not public either.
        repo.private.filter(|private| *private).map(|_| false),
    );
    let attributes = Resource {
        container: Some(api.settings.org.clone()),
        status: repo.archived.map(|archived| if archived { "archived" } else { "active" }.to_owned()),
        tags: Some(tags),
        publicly_accessible: is_public,
        created_at: instant(repo.created_at.as_ref()),
        details: details.some(),
        ..Resource::new(&repo.full_name, "github:repository")
    };
    let mut record = Record::new(repo.id.to_string(), attributes)
        .origin(&repo.origin)
        .subject(api.repository(&repo.full_name));
    for (attribute, is_known) in
        [("status", repo.archived.is_some()), ("publicly_accessible", is_public.is_some())]
    {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

fn of_environment(repo: &Known, environment: &Item<Environment>) -> Record<Resource> {
    let mut details = Details::new();
    let rules = &environment.protection_rules;
    let mut types: Vec<String> = rules.iter().filter_map(|rule| rule.r#type.clone()).collect();
    types.sort();
    let mut reviewers: Vec<String> = rules.iter().flat_map(|rule| &rule.reviewers).map(reviewer).collect();
    reviewers.sort();
    details.insert("protection_rules", types);
    details.insert("reviewers", reviewers);
    if let Some(minutes) = rules.iter().filter_map(|rule| rule.wait_timer).max() {
        details.insert("wait_minutes", minutes);
    }
    let policy = environment.deployment_branch_policy.as_ref();
    for (name, value) in [
        ("self_review_prevented", rules.iter().find_map(|rule| rule.prevent_self_review)),
        ("administrators_may_bypass", environment.can_admins_bypass),
        ("protected_branches_only", policy.and_then(|policy| policy.protected_branches)),
        ("named_branches_only", policy.and_then(|policy| policy.custom_branch_policies)),
    ] {
        if let Some(value) = value {
            details.insert(name, value);
        }
    }
    let attributes = Resource {
        container: Some(repo.full_name.clone()),
        environment: Some(environment.name.clone()),
        created_at: instant(environment.created_at.as_ref()),
        details: details.some(),
        ..Resource::new(&environment.name, "github:environment")
    };
    environment.record(format!("{}/environment/{}", repo.id, environment.id), attributes).origin(&repo.origin)
}

/// `team:release-managers`, `user:ada`.
fn reviewer(of: &Reviewer) -> String {
    let kind = of.r#type.as_deref().unwrap_or("unknown").to_lowercase();
    let name = of.reviewer.as_ref().and_then(|named| named.slug.as_deref().or(named.login.as_deref()));
    format!("{kind}:{}", name.unwrap_or("unknown"))
}

//! How the default branch of each repository, and others that the settings name, are protected.

use crate::api::{Api, Detail, is_withheld, pages, single};
use crate::repos::{Known, Listed, Part};
use crate::rules::{Branch, Protection, Rule, Ruleset, Told, is_on};
use exhibit_sdk::kinds::{Details, RepoProtection};
use exhibit_sdk::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// GitHub's words for a branch that nothing protects, and for one that does not exist; any other 404 says that
/// the credential may not ask.
const NOT_PROTECTED: &str = "Branch not protected";
const NO_BRANCH: &str = "Branch not found";
/// And for a repository whose dependencies are not watched.
const NOT_WATCHED: &str = "Vulnerability alerts are disabled.";

/// The population of branches.
pub(crate) struct Protections<'a> {
    api: &'a Api<'a>,
    population: Population<RepoProtection>,
    /// Rulesets that have been asked for; those that could be read. An organisation's hold in many repositories.
    asked: BTreeSet<u64>,
    rulesets: BTreeMap<u64, Ruleset>,
    origins: BTreeMap<u64, Origin>,
    withheld: [Detail; 4],
}

/// One branch of one repository, with its answers.
struct Target<'r> {
    repo: &'r Known,
    branch: String,
    protection: Option<Told<Protection>>,
    rules: Told<Vec<Rule>>,
    alerts: Option<bool>,
    origins: Vec<Origin>,
}

impl<'a> Protections<'a> {
    pub(crate) fn open(api: &'a Api<'a>) -> Self {
        let mut query = "the default branch of every repository".to_owned();
        if !api.settings.branches.is_empty() {
            query = format!("{query}, and those named {}", api.settings.branches.join(", "));
        }
        let withheld = ["branch protection", "rules of a branch", "dependency alerts", "rulesets"];
        Self {
            api,
            population: api.ctx.population(&query),
            asked: BTreeSet::new(),
            rulesets: BTreeMap::new(),
            origins: BTreeMap::new(),
            withheld: withheld.map(Detail::new),
        }
    }

    /// The branches of one page of repositories. The default one comes first.
    fn targets<'r>(&self, repos: &'r [Known]) -> Vec<Target<'r>> {
        let mut targets = Vec::new();
        for repo in repos {
            let others =
                self.api.settings.branches.iter().filter(|b| Some(*b) != repo.default_branch.as_ref());
            for branch in repo.default_branch.iter().chain(others) {
                let (branch, origins) = (branch.clone(), Vec::new());
                let (protection, rules, alerts) = (None, Told::Withheld, None);
                targets.push(Target { repo, branch, protection, rules, alerts, origins });
            }
        }
        targets
    }

    fn ask(&mut self, targets: &mut [Target<'_>], repos: &[Known]) -> Result<()> {
        let api = self.api;
        let [of_protection, of_rules, of_alerts, _] = &mut self.withheld;
        let path = |t: &Target<'_>| t.repo.path(&format!("/branches/{}/protection", encode(&t.branch)));
        let requests: Vec<Request> = targets.iter().map(|target| api.get(&path(target))).collect();
        for (target, answer) in targets.iter_mut().zip(api.ctx.send_all(requests)) {
            target.protection = protection(single(Some(answer)), &mut target.origins, of_protection)?;
        }
        let path = |t: &Target<'_>| t.repo.path(&format!("/rules/branches/{}", encode(&t.branch)));
        let requests: Vec<Request> = targets.iter().map(|target| api.list(&path(target))).collect();
        for (target, answer) in targets.iter_mut().zip(api.ctx.send_all(requests)) {
            let Some(pages) = of_rules.known(pages(Some(answer)))? else { continue };
            let mut rules = Vec::new();
            for page in pages {
                target.origins.push(page.origin(""));
                rules.extend(page.items::<Rule>()?.into_iter().map(Item::into_value));
            }
            target.rules = if rules.is_empty() { Told::None } else { Told::Is(rules) };
        }
        let requests = repos.iter().map(|repo| api.get(&repo.path("/vulnerability-alerts")));
        for (repo, answer) in repos.iter().zip(api.ctx.send_all(requests)) {
            let told = watched(single(Some(answer)), of_alerts)?;
            for target in targets.iter_mut().filter(|target| target.repo.id == repo.id) {
                target.alerts = told.as_ref().map(|(on, _)| *on);
                target.origins.extend(told.iter().map(|(_, origin)| origin.clone()));
            }
        }
        Ok(())
    }

    /// Reads the rulesets that rules of these branches are of, each once in a run.
    fn read_rulesets(&mut self, targets: &[Target<'_>]) -> Result<()> {
        let mut wanted = Vec::new();
        for target in targets {
            let Told::Is(rules) = &target.rules else { continue };
            for id in rules.iter().filter_map(|rule| rule.ruleset_id) {
                if self.asked.insert(id) {
                    wanted.push((id, target.repo.path(&format!("/rulesets/{id}"))));
                }
            }
        }
        let answers = self.api.ctx.send_all(wanted.iter().map(|(_, path)| self.api.get(path)));
        for ((id, _), answer) in wanted.iter().zip(answers) {
            if let Some(page) = self.withheld[3].known(single(Some(answer)))? {
                self.origins.insert(*id, page.origin(""));
                self.rulesets.insert(*id, page.json()?);
            }
        }
        Ok(())
    }
}

impl Part for Protections<'_> {
    fn population(&mut self) -> &mut dyn Feed {
        &mut self.population
    }

    fn cites_repositories(&self) -> bool {
        true
    }

    fn take(&mut self, listed: &Listed<'_>) -> Result<()> {
        let mut targets = self.targets(listed.repos);
        self.ask(&mut targets, listed.repos)?;
        self.read_rulesets(&targets)?;
        let mut cited = BTreeSet::new();
        for target in targets {
            let id = target.repo.id;
            if let Some(record) = self.record(target) {
                self.population.emit(record)?;
                cited.insert(id);
            }
        }
        let without = listed.repos.iter().filter(|repo| !cited.contains(&repo.id)).count();
        self.population.filtered(without as u64, "a repository without any of these branches")?;
        Ok(())
    }

    fn seal(self: Box<Self>) -> Result<()> {
        self.population.seal()
    }
}

/// None where there is no such branch.
fn protection(
    answer: Result<Page>,
    origins: &mut Vec<Origin>,
    detail: &mut Detail,
) -> Result<Option<Told<Protection>>> {
    let failure = match answer {
        Ok(page) => {
            origins.push(page.origin(""));
            return Ok(Some(Told::Is(page.json()?)));
        }
        Err(failure) => failure,
    };
    let said = failure.page().filter(|page| page.status() == 404).and_then(Page::vendor_message);
    match said.as_deref() {
        Some(NOT_PROTECTED) => {
            origins.extend(failure.page().map(|page| page.origin("")));
            Ok(Some(Told::None))
        }
        Some(NO_BRANCH) => Ok(None),
        _ => detail.known::<Protection>(Err(failure)).map(|_| Some(Told::Withheld)),
    }
}

/// Whether dependencies are watched, and where that stands: 204 says yes, 404 in these words says no.
fn watched(answer: Result<Page>, detail: &mut Detail) -> Result<Option<(bool, Origin)>> {
    match answer {
        Ok(page) => Ok(Some((true, page.origin("")))),
        Err(failure) => {
            let page = failure.page().filter(|page| page.vendor_message().as_deref() == Some(NOT_WATCHED));
            match page {
                Some(page) => Ok(Some((false, page.origin("")))),
                None if is_withheld(&failure) => detail.known(Err(failure)),
                None => Err(failure),
            }
        }
    }
}

impl Protections<'_> {
    fn record(&self, target: Target<'_>) -> Option<Record<RepoProtection>> {
        let Target { repo, branch, protection, rules, alerts, mut origins } = target;
        let told = Branch { protection: protection?, rules, rulesets: &self.rulesets };
        if let Told::Is(rules) = &told.rules {
            let ids: BTreeSet<u64> = rules.iter().filter_map(|rule| rule.ruleset_id).collect();
            origins.extend(ids.iter().filter_map(|id| self.origins.get(id)).cloned());
        }
        let (bypass, is_whole) = told.bypass();
        let enabled = told.either(|_| true, |_| true);
        let attributes = RepoProtection {
            default_branch: Some(repo.default_branch.as_deref() == Some(branch.as_str())),
            visibility: repo.visibility(),
            archived: repo.archived,
            enabled,
            admins_included: told.binds_admins(),
            bypass: is_whole.then_some(bypass),
            secret_scanning_enabled: repo
                .security_and_analysis
                .as_ref()
                .and_then(|analysis| analysis.secret_scanning.as_ref()?.enabled()),
            dependency_alerts_enabled: alerts,
            details: details(&told).some(),
            ..required(&told, RepoProtection::new(&repo.full_name, &branch))
        };
        let key = format!("{}/{branch}", repo.id);
        let unknown = unknown(&attributes);
        let record = Record::new(key, attributes).origin(&repo.origin);
        let record = record.subject(self.api.repository(&repo.full_name));
        let record = origins.iter().fold(record, Record::origin);
        Some(unknown.into_iter().fold(record, Record::unknown))
    }
}

/// What must be fulfilled.
fn required(told: &Branch<'_>, record: RepoProtection) -> RepoProtection {
    let reviews = |of: fn(&crate::rules::Reviews) -> Option<bool>| {
        move |p: &Protection| p.required_pull_request_reviews.as_ref().and_then(of) == Some(true)
    };
    let rule =
        |of: fn(&crate::rules::Parameters) -> Option<bool>| move |r: &Rule| of(&r.parameters) == Some(true);
    let of_type = |word: &'static str| move |r: &Rule| r.r#type == word;
    // Pushes that rewrite and deletions are forbidden by any protection that does not allow them.
    let no_force = told.either(|p| !is_on(p.allow_force_pushes.as_ref()), of_type("non_fast_forward"));
    let no_deletion = told.either(|p| !is_on(p.allow_deletions.as_ref()), of_type("deletion"));
    RepoProtection {
        pull_request_required: told
            .either(|p| p.required_pull_request_reviews.is_some(), of_type("pull_request")),
        required_approvals: told.approvals(),
        stale_approvals_dismissed: told
            .either(reviews(|r| r.dismiss_stale_reviews), rule(|p| p.dismiss_stale_reviews_on_push)),
        last_push_approval_required: told
            .either(reviews(|r| r.require_last_push_approval), rule(|p| p.require_last_push_approval)),
        code_owner_approval_required: told
            .either(reviews(|r| r.require_code_owner_reviews), rule(|p| p.require_code_owner_review)),
        checks_required: told.either(
            |p| p.required_status_checks.is_some(),
            |r| matches!(r.r#type.as_str(), "required_status_checks" | "workflows"),
        ),
        required_checks: told.checks(),
        force_push_allowed: no_force.map(|no| !no),
        deletion_allowed: no_deletion.map(|no| !no),
        signed_commits_required: told
            .either(|p| is_on(p.required_signatures.as_ref()), of_type("required_signatures")),
        ..record
    }
}

fn details(told: &Branch<'_>) -> Details {
    let mut details = Details::new();
    let linear =
        told.either(|p| is_on(p.required_linear_history.as_ref()), |r| r.r#type == "required_linear_history");
    let resolved = told.either(
        |p| is_on(p.required_conversation_resolution.as_ref()),
        |r| r.parameters.required_review_thread_resolution == Some(true),
    );
    for (name, value) in [("linear_history_required", linear), ("conversations_must_be_resolved", resolved)] {
        if let Some(value) = value {
            details.insert(name, value);
        }
    }
    let rulesets = told.ruleset_names();
    if !rulesets.is_empty() {
        details.insert("rulesets", rulesets);
    }
    details
}

/// Whatever of it GitHub did not say. Whether administrators are bound is no question where nothing protects.
fn unknown(of: &RepoProtection) -> Vec<&'static str> {
    let asks_admins = of.enabled != Some(false);
    [
        ("visibility", of.visibility.is_some()),
        ("archived", of.archived.is_some()),
        ("enabled", of.enabled.is_some()),
        ("pull_request_required", of.pull_request_required.is_some()),
        ("required_approvals", of.required_approvals.is_some()),
        ("stale_approvals_dismissed", of.stale_approvals_dismissed.is_some()),
        ("last_push_approval_required", of.last_push_approval_required.is_some()),
        ("code_owner_approval_required", of.code_owner_approval_required.is_some()),
        ("checks_required", of.checks_required.is_some()),
        ("required_checks", of.required_checks.is_some()),
        ("admins_included", of.admins_included.is_some() || !asks_admins),
        ("bypass", of.bypass.is_some()),
        ("force_push_allowed", of.force_push_allowed.is_some()),
        ("deletion_allowed", of.deletion_allowed.is_some()),
        ("signed_commits_required", of.signed_commits_required.is_some()),
        ("secret_scanning_enabled", of.secret_scanning_enabled.is_some()),
        ("dependency_alerts_enabled", of.dependency_alerts_enabled.is_some()),
    ]
    .into_iter()
    .filter_map(|(attribute, is_known)| (!is_known).then_some(attribute))
    .collect()
}

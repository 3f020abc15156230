//! Updates of stacks: who did what from which commit, and how it ended.
//!
//! Pulumi Cloud lists a stack's updates without a filter by time. So those of each stack that was updated since the
//! window began are read to their end, and what is outside it is counted as such.

use crate::api::{Api, User, seconds};
use crate::stacks::Listed;
use exhibit_sdk::kinds::{Deploy, Outcome};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

/// One update.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Update {
    #[serde(rename = "updateID")]
    id: Option<String>,
    version: Option<u64>,
    info: Info,
    requested_by: Option<User>,
    github_commit_info: Option<Commit>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    kind: Option<String>,
    result: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    /// What the CLI says of where it ran: `git.head`, `vcs.repo`, `ci.system`.
    #[serde(default)]
    environment: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    sha: Option<String>,
    slug: Option<String>,
}

impl Update {
    fn place(&self, name: &str) -> Option<&str> {
        self.info.environment.as_ref()?.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn kind(&self) -> &str {
        self.info.kind.as_deref().unwrap_or_default()
    }

    /// Previews are called `preview`, or like what they preview with a `P` before it.
    fn is_preview(&self) -> bool {
        self.kind() == "preview" || self.kind().starts_with('P')
    }

    /// How it ended; none for a word that is not known here.
    pub(crate) fn result(&self) -> Option<Outcome> {
        match self.info.result.as_deref()? {
            "succeeded" => Some(Outcome::Success),
            "failed" => Some(Outcome::Failure),
            "in-progress" | "not-started" => Some(Outcome::InProgress),
            _ => None,
        }
    }

    /// What was done and how it ended, in Pulumi Cloud's words.
    pub(crate) fn status(&self) -> Option<String> {
        Some(format!("{} {}", self.info.kind.as_ref()?, self.info.result.as_ref()?))
    }

    /// Who asked for it.
    pub(crate) fn by(&self) -> Option<String> {
        self.requested_by.as_ref().map(|user| user.github_login.clone()).filter(|login| !login.is_empty())
    }

    /// Owner and name of the repository that declares the stack.
    pub(crate) fn repository(&self) -> Option<String> {
        match (self.place("vcs.owner"), self.place("vcs.repo")) {
            (Some(owner), Some(repo)) => Some(format!("{owner}/{repo}")),
            _ => self.github_commit_info.as_ref()?.slug.clone().filter(|slug| !slug.is_empty()),
        }
    }

    fn commit(&self) -> Option<String> {
        let looked_up = self.github_commit_info.as_ref().and_then(|commit| commit.sha.clone());
        looked_up.filter(|sha| !sha.is_empty()).or_else(|| self.place("git.head").map(str::to_owned))
    }
}

/// The last update of a stack alone.
pub(crate) fn latest(api: &Api<'_>, stack: &Listed) -> Request {
    let request = stack.get(api, "/updates").query("output-type", "service");
    request.query("page", "1").query("pageSize", "1").list("/updates")
}

fn history(api: &Api<'_>, stack: &Listed) -> Request {
    let paging = Paging::page_number("page").page_size("pageSize", 100).total("/total").items("/updates");
    // Page 0 would be all of them at once.
    stack.get(api, "/updates").query("output-type", "service").query("page", "1").paged(paging)
}

/// Emits the updates of these stacks that began in the window.
pub(crate) fn of_stacks(
    api: &Api<'_>,
    population: &mut Wanted<Deploy>,
    listed: &[Item<Listed>],
) -> Result<()> {
    let start = api.ctx.window().start;
    let (updated, others): (Vec<&Item<Listed>>, Vec<_>) =
        listed.iter().partition(|stack| stack.is_updated_since(start));
    population.filtered(others.len() as u64, "a stack that was not updated since the window began")?;
    for (stack, answer) in api.ctx.each(&updated, |stack| history(api, stack)) {
        let mut is_cited = false;
        for page in tolerate(&mut [population], answer)?.unwrap_or_default() {
            is_cited |= of_page(api, population, stack, &page)?;
        }
        population.filtered(u64::from(!is_cited), "a stack of which no update is in the window")?;
    }
    Ok(())
}

/// Returns whether any of them is in the window.
fn of_page(
    api: &Api<'_>,
    population: &mut Wanted<Deploy>,
    stack: &Item<Listed>,
    page: &Page,
) -> Result<bool> {
    let (mut previews, mut waiting, mut outside, mut emitted) = (0, 0, 0, 0);
    for update in population.items::<Update>(page)? {
        let at = seconds(update.info.start_time);
        match at {
            _ if update.is_preview() => previews += 1,
            None => waiting += 1,
            Some(at) if !api.ctx.window().contains(at) => outside += 1,
            Some(at) => {
                population.emit(record(api, stack, &update).occurred_at(at))?;
                emitted += 1;
            }
        }
    }
    population.filtered(previews, "a preview, which changes nothing")?;
    population.filtered(waiting, "an update that has not begun")?;
    population.filtered(outside, "an update outside the window")?;
    Ok(emitted > 0)
}

fn record(api: &Api<'_>, stack: &Item<Listed>, update: &Item<Update>) -> Record<Deploy> {
    let (result, repository, commit) = (update.result(), update.repository(), update.commit());
    let has_ended = matches!(result, Some(Outcome::Success | Outcome::Failure));
    let change = repository.as_ref().zip(update.place("ci.pr.number"));
    let attributes = Deploy {
        environment: Some(stack.stack_name.clone()),
        operation: update.info.kind.clone(),
        result,
        source_result: update.info.result.clone(),
        version: update.version.map(|version| version.to_string()),
        deployed_by: update.by(),
        changes: change.map(|(repository, number)| vec![format!("{repository}#{number}")]),
        pipeline: update.place("ci.system").map(str::to_owned),
        finished_at: seconds(update.info.end_time).filter(|_| has_ended),
        url: update.place("ci.build.url").map(str::to_owned),
        repository,
        commit,
        ..Deploy::new(&stack.project_name)
    };
    let name = format!("{}/{}", stack.project_name, stack.stack_name);
    let key = match (&update.id, update.version) {
        (Some(id), _) if !id.is_empty() => id.clone(),
        (_, version) => format!("{name}/{}", version.unwrap_or_default()),
    };
    let unknown = [
        ("changes", attributes.changes.is_some()),
        ("commit", attributes.commit.is_some()),
        ("deployed_by", attributes.deployed_by.is_some()),
        ("repository", attributes.repository.is_some()),
        ("result", result.is_some()),
    ];
    let mut record = update.record(key, attributes).origin(stack.origin()).subject(stack.subject(api));
    for (attribute, _) in unknown.into_iter().filter(|(_, is_known)| !is_known) {
        record = record.unknown(attribute);
    }
    // Tokens act as users, too; an update does not say who approved it, nor what it goes back to.
    record.unknown("deployed_by_type").unknown("approved_by").unknown("rollback")
}

//! Changes and access requests: tickets that were put into effect or closed in the window, who approved them, which
//! merges carried them out, and every change of their status.
//!
//! Which tickets they are, and which statuses mean approval, only the organisation knows: the settings say so in JQL
//! and by name. Whatever was closed in the window has been updated since its start.

use crate::api::{Api, User, is_refused};
use crate::approvals::{self, Given, is_among};
use crate::audit::Log;
use crate::issues::{FIELDS, History, Issue, within};
use crate::links;
use exhibit_sdk::kinds::{ChangeRequest, ChangeState, ChangeType};
use exhibit_sdk::prelude::*;

pub(crate) fn collect(api: &Api<'_>, log: &mut Log) -> Result<()> {
    let settings = api.settings;
    let asked: Vec<String> = [&settings.change_jql, &settings.access_request_jql]
        .into_iter()
        .flatten()
        .map(|jql| format!("({jql})"))
        .collect();
    let query =
        format!("tickets of {} that were put into effect or closed in the window", asked.join(" or "));
    let mut changes = api.ctx.wants::<ChangeRequest>().then(|| api.ctx.population::<ChangeRequest>(&query));
    if asked.is_empty() {
        if let Some(changes) = &mut changes {
            changes.incomplete(
                "neither `change_jql` nor `access_request_jql` is set, so no ticket is asked for",
            );
        }
        return Ok(());
    }
    let jql = within(&asked.join(" OR "), "updated", api.ctx.window());
    for page in api.pages(api.search(&jql, &FIELDS)) {
        let page = match page {
            Err(failure) if is_refused(&failure) => {
                log.withheld(&failure)?;
                if let Some(changes) = &mut changes {
                    changes.withheld(&failure)?;
                }
                return Ok(());
            }
            page => page?,
        };
        let issues: Vec<Item<Issue>> = match &mut changes {
            Some(changes) => changes.items(&page)?,
            None => page.items()?,
        };
        let histories = histories(api, log, &issues)?;
        if let Some(changes) = &mut changes {
            of_issues(api, changes, &issues, histories)?;
        }
    }
    changes.map_or(Ok(()), Population::seal)
}

/// The changelog of each issue, where it may be read; what changed its status goes to the log.
fn histories(
    api: &Api<'_>,
    log: &mut Log,
    issues: &[Item<Issue>],
) -> Result<Vec<Option<Vec<Item<History>>>>> {
    let list = |issue: &Item<Issue>| api.list(&format!("/issue/{}/changelog", encode(&issue.id)));
    let of = |(issue, answer): (&Item<Issue>, Result<Vec<Page>>)| match answer {
        Ok(pages) => log.statuses(api, issue, &pages).map(Some),
        Err(failure) if is_refused(&failure) => log.withheld(&failure).map(|()| None),
        Err(failure) => Err(failure),
    };
    api.each(issues, list).map(of).collect()
}

/// What is known of a ticket that was closed in the window.
struct Closed<'a> {
    issue: &'a Item<Issue>,
    at: Timestamp,
    histories: Option<Vec<Item<History>>>,
    verdicts: Option<Vec<Given>>,
    merges: Option<Vec<String>>,
    /// The answers that told of verdicts and merges.
    cited: Vec<Origin>,
}

fn of_issues(
    api: &Api<'_>,
    changes: &mut Population<ChangeRequest>,
    issues: &[Item<Issue>],
    histories: Vec<Option<Vec<Item<History>>>>,
) -> Result<()> {
    let mut all = Vec::new();
    for (issue, histories) in issues.iter().zip(histories) {
        let at = instant(issue.fields.statuscategorychangedate.as_ref())
            .or_else(|| instant(issue.fields.resolutiondate.as_ref()));
        match at.filter(|at| issue.fields.category() == Some("done") && api.ctx.window().contains(*at)) {
            Some(at) => {
                let names_approval = !api.settings.approved_statuses.is_empty();
                let moves = histories.as_deref().filter(|_| names_approval);
                let verdicts = moves.map(|moves| approvals::of_statuses(api.settings, moves));
                all.push(Closed { issue, at, histories, verdicts, merges: None, cited: Vec::new() });
            }
            None => changes.filtered(1, "a ticket that is open, or was closed outside the window")?,
        }
    }
    add_approvals(api, &mut all)?;
    add_merges(api, &mut all)?;
    all.iter().try_for_each(|closed| changes.emit(record(api, closed)))
}

/// Adds what service management knows of the requests among these. What it withholds leaves their approvals unknown,
/// whatever their statuses tell.
fn add_approvals(api: &Api<'_>, all: &mut [Closed<'_>]) -> Result<()> {
    let paging = Paging::offset("start").page_size("limit", 50).last("/isLastPage").items("/values");
    let requests: Vec<usize> = (0..all.len()).filter(|at| all[*at].issue.fields.is_request()).collect();
    let list = |at: &usize| {
        let path = format!("/rest/servicedeskapi/request/{}/approval", encode(&all[*at].issue.id));
        api.get(&path).paged(paging.clone())
    };
    let answers: Vec<_> = api.each(&requests, list).collect();
    for (at, answer) in answers {
        let closed = &mut all[*at];
        let Some(pages) = known("who approved", closed.issue, answer)? else {
            closed.verdicts = None;
            continue;
        };
        closed.cited.extend(pages.iter().map(|page| page.origin("")));
        let of_status = closed.verdicts.take().unwrap_or_default();
        let of_request = approvals::of_requests(&pages)?;
        closed.verdicts =
            of_request.map(|given| approvals::in_order(of_status.into_iter().chain(given).collect()));
    }
    Ok(())
}

fn add_merges(api: &Api<'_>, all: &mut [Closed<'_>]) -> Result<()> {
    let list = |closed: &Closed<'_>| {
        api.get(&format!("/rest/api/3/issue/{}/remotelink", encode(&closed.issue.id))).list("")
    };
    let answers: Vec<_> = api.each(all, list).map(|(_, answer)| answer).collect();
    let mut without = Vec::new();
    for (closed, answer) in all.iter_mut().zip(answers) {
        let Some(pages) = known("which merges carried out", closed.issue, answer)? else { continue };
        closed.cited.extend(pages.iter().map(|page| page.origin("")));
        let merges = links::merges(&pages)?;
        if merges.is_empty() {
            without.push(closed.issue.key.as_str());
        } else {
            closed.merges = Some(merges.into_iter().collect());
        }
    }
    if !without.is_empty() {
        exhibit_sdk::info!(
            "unknown: which merges carried out {}: none is linked, and what Jira's development panel shows has no public interface",
            without.join(", ")
        );
    }
    Ok(())
}

/// What supports a record, or why it is unknown.
fn known<T>(what: &str, issue: &Issue, answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(failure) if is_refused(&failure) => {
            exhibit_sdk::warn!("unknown: {what} {}: {}", issue.key, failure.message());
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

fn record(api: &Api<'_>, closed: &Closed<'_>) -> Record<ChangeRequest> {
    let Closed { issue, at, histories, verdicts, merges, cited } = closed;
    let (fields, settings) = (&issue.fields, api.settings);
    let resolution = fields.resolution.as_ref().and_then(|resolution| resolution.name.clone());
    let is_rejected = resolution.as_ref().is_some_and(|name| is_among(&settings.rejected_resolutions, name));
    let state = if is_rejected { ChangeState::Closed } else { ChangeState::Merged };
    let mut labels = fields.labels.clone();
    labels.sort();
    let emergency = (!settings.emergency_labels.is_empty())
        .then(|| labels.iter().any(|label| is_among(&settings.emergency_labels, label)));
    let author = fields.reporter.as_ref().map(|user| user.account_id.clone());
    let approvers = verdicts.as_ref().map(|all| approvals::approvers(all, author.as_deref(), *at));
    let approvals = verdicts.as_ref().map(|all| all.iter().map(|given| given.approval.clone()).collect());
    let closer = histories.as_ref().and_then(|histories| {
        let last = histories.iter().rfind(|history| history.status().is_some())?;
        last.author.as_ref().map(|user| user.account_id.clone())
    });
    let attributes = ChangeRequest {
        r#type: Some(ChangeType::Ticket),
        source_state: fields.status_name().map(str::to_owned),
        url: Some(api.browse(&issue.key)),
        repository: fields.project.as_ref().and_then(|project| project.key.clone()),
        author_type: fields.reporter.as_ref().and_then(User::principal),
        created_at: instant(fields.created.as_ref()),
        merged_at: (!is_rejected).then_some(*at),
        merged_by: closer.filter(|_| !is_rejected),
        closed_at: Some(*at),
        approvals,
        approvers,
        emergency,
        tickets: Some(fields.linked()),
        merges: merges.clone(),
        labels: Some(labels),
        ..ChangeRequest::new(
            fields.summary.as_deref().unwrap_or(&issue.key),
            state,
            author.unwrap_or_else(|| "unknown".to_owned()),
        )
    };
    let known = [
        ("approvals", attributes.approvals.is_some()),
        ("approvers", attributes.approvers.is_some()),
        ("emergency", attributes.emergency.is_some()),
        ("merged_by", attributes.merged_by.is_some() || is_rejected),
        ("merges", attributes.merges.is_some()),
        ("author_type", attributes.author_type.is_some()),
    ];
    let record = issue.record(&issue.key, attributes).occurred_at(*at);
    let told = histories.iter().flatten().map(Item::origin);
    let record = told.chain(cited).fold(record, Record::origin);
    known.into_iter().fold(record, |record, (name, is_known)| record.unknown_unless(name, is_known))
}

//! Changes and access requests: tickets that were put into effect or closed in the window, who approved them, and
//! every change of their status.
//!
//! Which tickets they are, and which statuses mean approval, only the organisation knows: the settings say so in JQL
//! and by name. Whatever was closed in the window has been updated since its start.

use crate::Api;
use crate::audit::Log;
use crate::issues::{FIELDS, History, Issue, within};
use exhibit_sdk::kinds::{Approval, ChangeRequest, ChangeState, ChangeType, Verdict};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

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
    for page in api.search(&jql, &FIELDS).pages() {
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
        of_issues(api, log, changes.as_mut(), &issues)?;
    }
    changes.map_or(Ok(()), Population::seal)
}

/// Jira answers 400 where the query names what the credential may not see.
fn is_refused(failure: &Failure) -> bool {
    failure.is_forbidden() || failure.is_not_found() || failure.status() == Some(400)
}

fn of_issues(
    api: &Api<'_>,
    log: &mut Log,
    mut changes: Option<&mut Population<ChangeRequest>>,
    issues: &[Item<Issue>],
) -> Result<()> {
    let lists = issues.iter().map(|issue| api.list(&format!("/issue/{}/changelog", encode(&issue.id))));
    let mut elsewhere = 0;
    for (issue, answer) in issues.iter().zip(api.ctx.send_all(lists)) {
        let histories = match answer {
            Ok(pages) => Some(log.statuses(api, issue, &pages)?),
            Err(failure) if is_refused(&failure) => {
                log.withheld(&failure)?;
                None
            }
            Err(failure) => return Err(failure),
        };
        let Some(changes) = changes.as_deref_mut() else { continue };
        let at = instant(issue.fields.statuscategorychangedate.as_ref())
            .or_else(|| instant(issue.fields.resolutiondate.as_ref()));
        match at.filter(|at| issue.fields.category() == Some("done") && api.ctx.window().contains(*at)) {
            Some(at) => changes.emit(record(api, issue, histories.as_deref(), at))?,
            None => elsewhere += 1,
        }
    }
    match changes {
        Some(changes) if elsewhere > 0 => {
            changes.filtered(elsewhere, "a ticket that is open, or was closed outside the window")
        }
        _ => Ok(()),
    }
}

fn record(
    api: &Api<'_>,
    issue: &Item<Issue>,
    histories: Option<&[Item<History>]>,
    at: Timestamp,
) -> Record<ChangeRequest> {
    let (fields, settings) = (&issue.fields, api.settings);
    let resolution = fields.resolution.as_ref().and_then(|resolution| resolution.name.clone());
    let is_rejected = resolution.as_ref().is_some_and(|name| is_among(&settings.rejected_resolutions, name));
    let state = if is_rejected { ChangeState::Closed } else { ChangeState::Merged };
    let mut labels = fields.labels.clone();
    labels.sort();
    let emergency = (!settings.emergency_labels.is_empty())
        .then(|| labels.iter().any(|label| is_among(&settings.emergency_labels, label)));
    let names_approval = !settings.approved_statuses.is_empty();
    let approvals = histories.filter(|_| names_approval).map(|histories| approvals(api, histories));
    let author = fields.reporter.as_ref().map(|user| user.account_id.clone());
    let approvers = approvals.as_ref().map(|all| approvers(all, author.as_deref(), at));
    let closer = histories.and_then(|histories| {
        let last = histories.iter().rfind(|history| history.status().is_some())?;
        last.author.as_ref().map(|user| user.account_id.clone())
    });
    let merged_by = closer.filter(|_| !is_rejected);
    let attributes = ChangeRequest {
        r#type: Some(ChangeType::Ticket),
        source_state: fields.status_name().map(str::to_owned),
        url: Some(api.browse(&issue.key)),
        repository: fields.project.as_ref().and_then(|project| project.key.clone()),
        author_type: fields.reporter.as_ref().and_then(crate::User::principal),
        created_at: instant(fields.created.as_ref()),
        merged_at: (!is_rejected).then_some(at),
        merged_by,
        closed_at: Some(at),
        approvals,
        approvers,
        emergency,
        tickets: Some(fields.linked()),
        labels: Some(labels),
        ..ChangeRequest::new(
            fields.summary.as_deref().unwrap_or(&issue.key),
            state,
            author.clone().unwrap_or_else(|| "unknown".to_owned()),
        )
    };
    let unknown = [
        ("approvals", attributes.approvals.is_some()),
        ("approvers", attributes.approvers.is_some()),
        ("emergency", attributes.emergency.is_some()),
        ("merged_by", attributes.merged_by.is_some() || is_rejected),
        ("author_type", attributes.author_type.is_some()),
    ];
    let mut record = issue.record(&issue.key, attributes).occurred_at(at);
    record = histories.into_iter().flatten().map(Item::origin).fold(record, Record::origin);
    for (attribute, _) in unknown.into_iter().filter(|(_, is_known)| !is_known) {
        record = record.unknown(attribute);
    }
    record
}

fn is_among(names: &[String], name: &str) -> bool {
    names.iter().any(|of| of.eq_ignore_ascii_case(name))
}

/// Each move into a status that means yes or no is a verdict of whoever made it.
fn approvals(api: &Api<'_>, histories: &[Item<History>]) -> Vec<Approval> {
    let settings = api.settings;
    let of = |history: &Item<History>| {
        let to = history.status()?.to_string.as_deref()?;
        let verdict = if is_among(&settings.approved_statuses, to) {
            Verdict::Approved
        } else if is_among(&settings.rejected_statuses, to) {
            Verdict::ChangesRequested
        } else {
            return None;
        };
        let by = history.author.as_ref().map_or("unknown", |user| user.account_id.as_str());
        Some(Approval { at: instant(history.created.as_ref()), ..Approval::new(by, verdict) })
    };
    histories.iter().filter_map(of).collect()
}

/// Whose last verdict by then was yes, and who did not ask for it.
fn approvers(all: &[Approval], author: Option<&str>, at: Timestamp) -> Vec<String> {
    let mut last: BTreeMap<&str, Verdict> = BTreeMap::new();
    for approval in all.iter().filter(|approval| approval.at.is_some_and(|given| given <= at)) {
        last.insert(&approval.by, approval.verdict);
    }
    let yes = last.into_iter().filter(|(by, verdict)| *verdict == Verdict::Approved && Some(*by) != author);
    yes.map(|(by, _)| by.to_owned()).collect()
}

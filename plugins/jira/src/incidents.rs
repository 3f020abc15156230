//! Incidents: tickets of a query of the settings that were opened in the window.

use crate::api::{Api, is_refused};
use crate::issues::{FIELDS, Issue, within};
use exhibit_sdk::kinds::{Incident, IncidentStatus, Severity};
use exhibit_sdk::prelude::*;

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let Some(jql) = &api.settings.incident_jql else {
        let mut incidents = api.ctx.population::<Incident>("incidents opened in the window");
        incidents.incomplete("`incident_jql` is not set, so no ticket is asked for");
        return Ok(());
    };
    let query = format!("tickets of ({jql}) that were opened in the window");
    let mut incidents = api.ctx.population::<Incident>(&query);
    let window = api.ctx.window();
    for page in api.pages(api.search(&within(jql, "created", window), &FIELDS)) {
        let page = match page {
            Err(failure) if is_refused(&failure) => {
                incidents.withheld(&failure)?;
                break;
            }
            page => page?,
        };
        for issue in incidents.items::<Issue>(&page)? {
            match instant(issue.fields.created.as_ref()).filter(|at| window.contains(*at)) {
                Some(at) => incidents.emit(record(api, &issue, at))?,
                None => incidents.filtered(1, "a ticket that was opened outside the window")?,
            }
        }
    }
    incidents.seal()
}

fn record(api: &Api<'_>, issue: &Item<Issue>, at: Timestamp) -> Record<Incident> {
    let fields = &issue.fields;
    let status = match fields.category() {
        Some("new") => Some(IncidentStatus::Open),
        Some("indeterminate") => Some(IncidentStatus::Acknowledged),
        Some("done") => Some(IncidentStatus::Resolved),
        _ => None,
    };
    let priority = fields.priority.as_ref().and_then(|priority| priority.name.clone());
    let severity = priority.as_deref().and_then(severity);
    let mut services: Vec<String> = fields.components.iter().filter_map(|of| of.name.clone()).collect();
    services.sort();
    let resolved_at = instant(fields.resolutiondate.as_ref())
        .or_else(|| instant(fields.statuscategorychangedate.as_ref()))
        .filter(|_| status == Some(IncidentStatus::Resolved));
    let attributes = Incident {
        severity,
        source_severity: priority,
        status,
        source_status: fields.status_name().map(str::to_owned),
        detected_at: Some(at),
        resolved_at,
        reported_by: fields.reporter.as_ref().map(|user| user.account_id.clone()),
        owner: fields.assignee.as_ref().map(|user| user.account_id.clone()),
        services: Some(services),
        follow_ups: Some(fields.linked()),
        url: Some(api.browse(&issue.key)),
        ..Incident::new(fields.summary.as_deref().unwrap_or(&issue.key))
    };
    let mut record = issue.record(&issue.key, attributes).occurred_at(at);
    for (attribute, is_known) in [("severity", severity.is_some()), ("status", status.is_some())] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    // Jira has no fields of its own for these.
    ["category", "customer_impact", "root_cause"].into_iter().fold(record, Record::unknown)
}

/// Jira's own priorities; an organisation may have others.
fn severity(word: &str) -> Option<Severity> {
    match word {
        "Highest" | "Critical" | "Blocker" => Some(Severity::Critical),
        "High" => Some(Severity::High),
        "Medium" => Some(Severity::Medium),
        "Low" => Some(Severity::Low),
        "Lowest" => Some(Severity::Informational),
        _ => None,
    }
}

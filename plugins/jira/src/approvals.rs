//! Verdicts on a ticket: moves into the statuses of the settings, and approvals of Jira Service Management.

use crate::Settings;
use crate::issues::History;
use exhibit_sdk::kinds::{Approval, Verdict};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

/// An approval that a request went through, as
/// <https://developer.atlassian.com/cloud/jira/service-desk/rest/api-group-request/> has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(default)]
    approvers: Vec<Approver>,
    completed_date: Option<Moment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Approver {
    approver: Option<Person>,
    approver_decision: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    account_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moment {
    epoch_millis: Option<u64>,
}

/// A verdict, and the time by which it was given, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) approval: Approval,
    by_then: Option<Timestamp>,
}

/// Each move into a status that means yes or no is a verdict of whoever made it.
pub(crate) fn of_statuses(settings: &Settings, histories: &[Item<History>]) -> Vec<Given> {
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
        let at = instant(history.created.as_ref());
        Some(Given { approval: Approval { at, ..Approval::new(by, verdict) }, by_then: at })
    };
    histories.iter().filter_map(of).collect()
}

/// The verdicts of service management; none where it uses a word for one that is not known here.
///
/// It says when an approval was completed, and not when each approver answered: that is the time of the answer where
/// there is one alone.
pub(crate) fn of_requests(pages: &[Page]) -> Result<Option<Vec<Given>>> {
    let mut all = Vec::new();
    for page in pages {
        for asked in page.items::<Asked>()? {
            let by_then =
                asked.completed_date.as_ref().and_then(|at| at.epoch_millis).map(Timestamp::from_ms);
            let mut answers = Vec::new();
            for approver in &asked.approvers {
                let verdict = match approver.approver_decision.as_deref() {
                    Some("approved") => Verdict::Approved,
                    Some("declined") => Verdict::ChangesRequested,
                    Some("pending") => continue,
                    _ => return Ok(None),
                };
                let person = approver.approver.as_ref().and_then(|person| person.account_id.as_deref());
                answers.push(Approval::new(person.unwrap_or("unknown"), verdict));
            }
            if let [only] = &mut answers[..] {
                only.at = by_then;
            }
            all.extend(answers.into_iter().map(|approval| Given { approval, by_then }));
        }
    }
    Ok(Some(all))
}

/// Those of both, in order of time. What has none was not completed, and is the last.
pub(crate) fn in_order(mut all: Vec<Given>) -> Vec<Given> {
    all.sort_by_key(|given| (given.by_then.is_none(), given.by_then));
    all
}

/// Whose last verdict by then was yes, and who did not ask for it.
pub(crate) fn approvers(all: &[Given], author: Option<&str>, at: Timestamp) -> Vec<String> {
    let mut last: BTreeMap<&str, Verdict> = BTreeMap::new();
    for given in all.iter().filter(|given| given.by_then.is_some_and(|by_then| by_then <= at)) {
        last.insert(&given.approval.by, given.approval.verdict);
    }
    let yes = last.into_iter().filter(|(by, verdict)| *verdict == Verdict::Approved && Some(*by) != author);
    yes.map(|(by, _)| by.to_owned()).collect()
}

/// Whether a name of Jira's is one of the settings', in whatever case.
pub(crate) fn is_among(names: &[String], name: &str) -> bool {
    names.iter().any(|of| of.eq_ignore_ascii_case(name))
}

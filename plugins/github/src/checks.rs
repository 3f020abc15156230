//! Automated checks of a pull request's last commit: check runs, and the older commit statuses.

use exhibit_sdk::kinds::{ChangeRequest, Check, Outcome};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
struct CheckRun {
    name: String,
    status: Option<String>,
    conclusion: Option<String>,
    completed_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CommitStatus {
    context: String,
    state: Option<String>,
    updated_at: Option<String>,
}

/// One check, whether it lets a merge go on, and since when.
struct Ended {
    check: Check,
    passes: bool,
    at: Option<Timestamp>,
}

/// Adds them. Which of them were required when it was merged, GitHub does not say; so that all required ones passed
/// is known where all passed, and unknown where there are none or one did not.
pub(crate) fn add(
    mut record: Record<ChangeRequest>,
    runs: Option<Vec<Page>>,
    statuses: Option<Vec<Page>>,
    merged_at: Option<Timestamp>,
) -> Result<Record<ChangeRequest>> {
    let mut is_whole = runs.is_some() && statuses.is_some();
    let mut ended = Vec::new();
    for page in runs.iter().flatten() {
        record = record.origin(&page.origin(""));
        for run in page.items::<CheckRun>()? {
            match of_run(&run) {
                Some(check) => ended.push(check),
                None => is_whole = false,
            }
        }
    }
    for page in statuses.iter().flatten() {
        record = record.origin(&page.origin(""));
        for status in page.items::<CommitStatus>()? {
            match of_status(&status) {
                Some(check) => ended.push(check),
                None => is_whole = false,
            }
        }
    }
    if !is_whole {
        return Ok(record.unknown("checks").unknown("checks_passed"));
    }
    let in_time =
        |of: &Ended| of.passes && merged_at.is_none_or(|merged| of.at.is_some_and(|at| at <= merged));
    let passed = !ended.is_empty() && ended.iter().all(in_time);
    let mut checks: Vec<Check> = ended.into_iter().map(|of| of.check).collect();
    checks.sort_by(|a, b| (&a.name, a.result).cmp(&(&b.name, b.result)));
    let attributes = record.attributes_mut();
    attributes.checks = Some(checks);
    attributes.checks_passed = passed.then_some(true);
    Ok(if passed { record } else { record.unknown("checks_passed") })
}

/// None where GitHub's word is new. A check that was skipped or is neutral lets a merge go on, as GitHub has it:
/// <https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/collaborating-on-repositories-with-code-quality-features/about-status-checks>
fn of_run(run: &CheckRun) -> Option<Ended> {
    let (result, passes) = match (run.status.as_deref(), run.conclusion.as_deref()) {
        (_, Some("success" | "neutral")) => (Outcome::Success, true),
        (_, Some("skipped")) => (Outcome::Cancelled, true),
        (_, Some("failure" | "timed_out" | "startup_failure" | "action_required")) => {
            (Outcome::Failure, false)
        }
        (_, Some("cancelled" | "stale")) => (Outcome::Cancelled, false),
        (Some("completed"), None) | (_, Some(_)) => return None,
        (_, None) => (Outcome::InProgress, false),
    };
    let check = Check::new(&run.name, result);
    Some(Ended { check, passes, at: instant(run.completed_at.as_ref()) })
}

fn of_status(status: &CommitStatus) -> Option<Ended> {
    let (result, passes) = match status.state.as_deref()? {
        "success" => (Outcome::Success, true),
        "failure" | "error" => (Outcome::Failure, false),
        "pending" => (Outcome::InProgress, false),
        _ => return None,
    };
    let check = Check::new(&status.context, result);
    Some(Ended { check, passes, at: instant(status.updated_at.as_ref()) })
}

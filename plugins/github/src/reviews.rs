//! Reviews of a pull request: every verdict, and who had approved when it was merged.

use crate::api::{User, login_or_ghost};
use exhibit_sdk::kinds::{Approval, ChangeRequest, Verdict};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
struct Review {
    user: Option<User>,
    state: Option<String>,
    submitted_at: Option<String>,
    commit_id: Option<String>,
}

/// Adds them; `merged_at` is none where it was not merged. Without an answer they are unknown.
pub(crate) fn add(
    mut record: Record<ChangeRequest>,
    answer: Option<Vec<Page>>,
    author: &str,
    merged_at: Option<Timestamp>,
) -> Result<Record<ChangeRequest>> {
    let Some(pages) = answer else {
        return Ok(record.unknown("approvals").unknown("approvers"));
    };
    let mut approvals = Vec::new();
    let mut is_whole = true;
    for page in &pages {
        record = record.origin(&page.origin(""));
        for review in page.items::<Review>()? {
            let verdict = match review.state.as_deref() {
                Some("APPROVED") => Verdict::Approved,
                Some("CHANGES_REQUESTED") => Verdict::ChangesRequested,
                Some("COMMENTED") => Verdict::Commented,
                Some("DISMISSED") => Verdict::Dismissed,
                // Not handed in yet.
                Some("PENDING") => continue,
                _ => {
                    is_whole = false;
                    continue;
                }
            };
            approvals.push(Approval {
                at: instant(review.submitted_at.as_ref()),
                commit: review.commit_id.clone(),
                ..Approval::new(login_or_ghost(review.user.as_ref()), verdict)
            });
        }
    }
    // A verdict in a word that is new may have taken an approval back.
    if !is_whole {
        return Ok(record.unknown("approvals").unknown("approvers"));
    }
    // GitHub lists them in order of time.
    let approvers = approvers(&approvals, author, merged_at);
    let attributes = record.attributes_mut();
    attributes.approvals = Some(approvals);
    attributes.approvers = Some(approvers);
    Ok(record)
}

/// Whose last decision before the merge was to approve, and who did not write it. A comment decides nothing.
fn approvers(approvals: &[Approval], author: &str, merged_at: Option<Timestamp>) -> Vec<String> {
    let mut decided: BTreeMap<&str, Verdict> = BTreeMap::new();
    for approval in approvals {
        let is_late = merged_at.is_some_and(|merged| approval.at.is_none_or(|at| at > merged));
        if !is_late && approval.verdict != Verdict::Commented {
            decided.insert(&approval.by, approval.verdict);
        }
    }
    let approved = decided.into_iter().filter(|(by, verdict)| *verdict == Verdict::Approved && *by != author);
    approved.map(|(by, _)| by.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_decision_before_the_merge_counts() {
        let at = |minute: u64| Timestamp::from_secs(1_772_618_400 + minute * 60);
        let by = |by: &str, verdict, minute| Approval { at: Some(at(minute)), ..Approval::new(by, verdict) };
        let all = [
            by("ada", Verdict::Approved, 0),
            by("bo", Verdict::Approved, 1),
            by("bo", Verdict::ChangesRequested, 2),
            by("cy", Verdict::ChangesRequested, 3),
            by("cy", Verdict::Approved, 4),
            by("cy", Verdict::Commented, 5),
            by("di", Verdict::Dismissed, 6),
            by("eve", Verdict::Approved, 11),
            by("author", Verdict::Approved, 7),
        ];
        assert_eq!(approvers(&all, "author", Some(at(10))), ["ada", "cy"]);
        assert_eq!(approvers(&all, "author", None), ["ada", "cy", "eve"]);
    }
}

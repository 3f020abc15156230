//! Rule suites: of each push, whether it kept to the rules or passed by them. A merge is a push of its commit.
//!
//! GitHub shows them to those alone who may administer the organisation, and for the last month.
//! <https://docs.github.com/en/rest/orgs/rule-suites>

use crate::api::{Api, Detail};
use exhibit_sdk::kinds::ChangeRequest;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
struct Suite {
    after_sha: Option<String>,
    actor_name: Option<String>,
    repository_id: Option<u64>,
    result: Option<String>,
}

/// Rule suites by repository and commit. Empty where they may not be read.
pub(crate) struct Suites(BTreeMap<(u64, String), Item<Suite>>);

impl Suites {
    /// Reads those of the shortest period that GitHub offers and that holds the window.
    pub(crate) fn read(api: &Api<'_>) -> Result<Self> {
        let mut detail = Detail::new("whether a change passed by a rule");
        let mut suites = BTreeMap::new();
        let list = api.list(&api.org("/rulesets/rule-suites"));
        let list = list.query("time_period", period(api)).query("rule_suite_result", "all");
        for page in list.pages() {
            let Some(page) = detail.known(page)? else { break };
            for suite in page.items::<Suite>()? {
                if let (Some(repository), Some(commit)) = (suite.repository_id, suite.after_sha.clone()) {
                    suites.insert((repository, commit), suite);
                }
            }
        }
        Ok(Self(suites))
    }

    /// Adds what is known of the push that merged it.
    pub(crate) fn add(
        &self,
        mut record: Record<ChangeRequest>,
        repository: u64,
        commit: Option<&str>,
    ) -> Record<ChangeRequest> {
        let suite = commit.and_then(|commit| self.0.get(&(repository, commit.to_owned())));
        let bypassed = match suite.and_then(|suite| suite.result.as_deref()) {
            Some("bypass") => true,
            Some("pass") => false,
            // No rule holds there, or GitHub does not say.
            _ => return record.unknown("bypassed"),
        };
        record = suite.into_iter().map(Item::origin).fold(record, Record::origin);
        let attributes = record.attributes_mut();
        attributes.bypassed = Some(bypassed);
        attributes.bypassed_by = suite.filter(|_| bypassed).and_then(|suite| suite.actor_name.clone());
        record
    }
}

fn period(api: &Api<'_>) -> &'static str {
    let start = api.ctx.window().start;
    let within = |days: i32| start >= api.ctx.started_at().plus_days(-days);
    match () {
        () if within(1) => "day",
        () if within(7) => "week",
        () => "month",
    }
}

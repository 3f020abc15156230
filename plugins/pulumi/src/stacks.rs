//! Stacks: how their last update ended, whether what runs is what they declare, which policies hold on them.

use crate::api::{Api, seconds};
use crate::policies::Groups;
use crate::updates::{self, Update};
use exhibit_sdk::kinds::{Deploy, DriftStatus, Stack};
use exhibit_sdk::prelude::*;

/// A stack, as the list has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    id: Option<String>,
    pub(crate) project_name: String,
    pub(crate) stack_name: String,
    last_update: Option<i64>,
    resource_count: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Drift {
    drift_detected: Option<bool>,
    latest_drift_run: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DriftRun {
    created: Option<String>,
    status: Option<String>,
}

/// What is known of a stack's drift.
#[derive(Default)]
struct Compared {
    status: Option<DriftStatus>,
    on: Option<Date>,
    origins: Vec<Origin>,
}

impl Listed {
    /// A request below its path.
    pub(crate) fn get(&self, api: &Api<'_>, path: &str) -> Request {
        api.stack(&self.project_name, &self.stack_name, path)
    }

    /// The asset, across systems.
    pub(crate) fn subject(&self, api: &Api<'_>) -> String {
        api.asset(&format!("{}/{}", self.project_name, self.stack_name))
    }

    /// Whether it was updated at that instant or later.
    pub(crate) fn is_updated_since(&self, start: Timestamp) -> bool {
        // An update is named by the second in which it began.
        seconds(self.last_update).is_some_and(|at| at.as_secs() >= start.as_secs())
    }
}

pub(crate) fn collect(api: &Api<'_>, passing: &Passing, groups: Option<&Groups>) -> Result<()> {
    let mut stacks = api.ctx.wanted::<Stack>("all stacks of the organisation that the token may see");
    let mut deploys =
        api.ctx.wanted::<Deploy>("updates of all stacks that began in the window, but for previews");
    for page in api.stacks().pages() {
        let Some(page) = tolerate(&mut [&mut stacks, &mut deploys], page)? else { break };
        stacks.fed_by(&page)?;
        let listed = deploys.items::<Listed>(&page)?;
        if stacks.is_wanted() {
            of_stacks(api, passing, groups, &mut stacks, &listed)?;
        }
        if deploys.is_wanted() {
            updates::of_stacks(api, &mut deploys, &listed)?;
        }
    }
    all([stacks.seal(), deploys.seal()])
}

fn of_stacks(
    api: &Api<'_>,
    passing: &Passing,
    groups: Option<&Groups>,
    stacks: &mut Wanted<Stack>,
    listed: &[Item<Listed>],
) -> Result<()> {
    let updated: Vec<&Item<Listed>> = listed.iter().filter(|stack| stack.last_update.is_some()).collect();
    let mut updates = Vec::new();
    for (_, answer) in api.ctx.each(&updated, |stack| updates::latest(api, stack)) {
        let pages = passing.known("how the last update of a stack ended", answer).unwrap_or_default();
        let mut found = Vec::new();
        for page in pages {
            found.extend(page.items::<Update>()?);
        }
        updates.push(found.into_iter().next());
    }
    let mut updates = updates.into_iter();
    let drifts = drifts(api, passing, listed)?;
    for (stack, drift) in listed.iter().zip(drifts) {
        let last = if stack.last_update.is_some() { updates.next().flatten() } else { None };
        stacks.emit(record(api, stack, last.as_ref(), &drift, groups))?;
    }
    Ok(())
}

/// The drift of each stack, by its latest run of drift detection.
fn drifts(api: &Api<'_>, passing: &Passing, listed: &[Item<Listed>]) -> Result<Vec<Compared>> {
    const WHAT: &str = "whether a stack has drifted";
    let mut stated = Vec::new();
    for (_, answer) in api.ctx.each(listed, |stack| stack.get(api, "/drift/status")) {
        let page = passing.known(WHAT, answer).and_then(|pages| pages.into_iter().next());
        stated.push(page.map(|page| page.item::<Drift>()).transpose()?);
    }
    let run_of = |drift: &Item<Drift>| drift.latest_drift_run.clone().filter(|run| !run.is_empty());
    let asked: Vec<(usize, String)> = stated
        .iter()
        .enumerate()
        .filter_map(|(index, drift)| Some((index, run_of(drift.as_ref()?)?)))
        .collect();
    let mut compared: Vec<Compared> = listed.iter().map(|_| Compared::default()).collect();
    let run =
        |(index, run): &(usize, String)| listed[*index].get(api, &format!("/drift/runs/{}", encode(run)));
    for ((index, _), answer) in api.ctx.each(&asked, run) {
        let Some(page) = passing.known(WHAT, answer).and_then(|pages| pages.into_iter().next()) else {
            continue;
        };
        let (run, drift) = (page.item::<DriftRun>()?, stated[*index].as_ref());
        let has_ended = run.status.as_deref() == Some("succeeded");
        let detected = drift.filter(|_| has_ended).and_then(|drift| drift.drift_detected);
        compared[*index] = Compared {
            status: detected.map(|yes| if yes { DriftStatus::Drifted } else { DriftStatus::InSync }),
            on: instant(run.created.as_ref()).filter(|_| has_ended).map(Timestamp::date),
            origins: drift.into_iter().map(Item::origin).chain([run.origin()]).cloned().collect(),
        };
    }
    Ok(compared)
}

fn record(
    api: &Api<'_>,
    stack: &Item<Listed>,
    last: Option<&Item<Update>>,
    drift: &Compared,
    groups: Option<&Groups>,
) -> Record<Stack> {
    let is_updated = stack.last_update.is_some();
    let result = last.and_then(|update| update.result());
    let attributes = Stack {
        tool: Some("pulumi".to_owned()),
        project: Some(stack.project_name.clone()),
        repository: last.and_then(|update| update.repository()),
        status: last.and_then(|update| update.status()),
        last_update_result: result,
        last_updated_at: seconds(stack.last_update),
        last_updated_by: last.and_then(|update| update.by()),
        drift_status: drift.status,
        drift_checked_on: drift.on,
        resource_count: stack.resource_count,
        policies: groups.map(|groups| groups.packs(&stack.project_name, &stack.stack_name)),
        ..Stack::new(&stack.stack_name)
    };
    let key = stack.id.clone().filter(|id| !id.is_empty());
    let key = key.unwrap_or_else(|| format!("{}/{}", stack.project_name, stack.stack_name));
    let mut record = stack.record(key, attributes).subject(stack.subject(api));
    record = last.into_iter().map(Item::origin).chain(&drift.origins).fold(record, Record::origin);
    for (attribute, is_known) in [
        ("drift_checked_on", drift.on.is_some()),
        ("drift_status", drift.status.is_some()),
        // A stack that was never updated has no last update.
        ("last_update_result", result.is_some() || !is_updated),
        ("last_updated_by", last.is_some_and(|update| update.by().is_some()) || !is_updated),
        ("policies", groups.is_some()),
        ("resource_count", stack.resource_count.is_some()),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record.unknown("deletion_protected")
}

//! Stacks, what was done to them, and whether what runs is what they declare.

use super::people::{PIPELINE, login, user};
use super::{Answer, Call, ORG, Refusal, seconds};
use crate::calendar::{LOG_FIRST_DAY, LOG_LAST_DAY, at, days, plus_days};
use crate::org::Organisation;
use crate::random::{Stream, hex_id, uuid};
use exhibit_evidence::time::Timestamp;
use jiff::civil::Weekday;
use serde_json::{Value, json};

/// A stack: project, name, how many resources, and on which days of the week it is updated.
pub(super) struct Stack {
    project: &'static str,
    name: &'static str,
    resources: u64,
    /// Everything that will be done to it, in order of time.
    pub(super) updates: Vec<Update>,
}

/// One update.
pub(super) struct Update {
    pub(super) at: Timestamp,
    took_s: u64,
    kind: &'static str,
    result: &'static str,
    /// Name and login of who asked for it.
    pub(super) by: (String, String),
    commit: String,
    pub(super) id: String,
}

const STACKS: [(&str, &str, u64, &[Weekday]); 5] = [
    ("network", "dev", 31, &[Weekday::Thursday]),
    ("network", "prod", 58, &[Weekday::Wednesday]),
    ("orders", "dev", 24, &[Weekday::Monday, Weekday::Wednesday, Weekday::Friday]),
    ("orders", "prod", 42, &[Weekday::Tuesday, Weekday::Thursday]),
    ("warehouse", "prod", 17, &[Weekday::Tuesday]),
];

impl Stack {
    pub(super) fn is(&self, project: &str, name: &str) -> bool {
        self.project == project && self.name == name
    }

    /// `orders/prod`.
    pub(super) fn label(&self) -> String {
        format!("{}/{}", self.project, self.name)
    }

    /// What was done up to now, the latest first.
    fn done(&self, now: Timestamp) -> impl Iterator<Item = (usize, &Update)> {
        self.updates.iter().enumerate().filter(move |(_, update)| update.at <= now).rev()
    }
}

pub(super) fn write(organisation: &Organisation) -> Vec<Stack> {
    let seed = organisation.seed();
    let end = organisation.state_at(at(LOG_LAST_DAY, 23, 59));
    let mut dice = Stream::new(seed, "pulumi updates");
    let mut stack = |(project, name, resources, weekdays): &(&'static str, &'static str, u64, &[Weekday])| {
        let mut updates = Vec::new();
        for day in days(LOG_FIRST_DAY, LOG_LAST_DAY).filter(|day| weekdays.contains(&day.weekday())) {
            let when =
                at(day, dice.between(9, 16), dice.below(60)).plus_ms(dice.below(60).cast_signed() * 1000);
            let (fails, chance) = (dice.chance(6), dice.index(4));
            // Production is the pipeline's; in development four engineers help themselves.
            let engineer = end.account_at(10 + chance).filter(|_| *name == "dev");
            let by = engineer.map_or_else(
                || ("Pipeline".to_owned(), PIPELINE.to_owned()),
                |account| (account.name(), login(account)),
            );
            updates.push(Update {
                at: when,
                took_s: dice.between(40, 400),
                kind: if dice.chance(5) { "refresh" } else { "update" },
                result: if fails { "failed" } else { "succeeded" },
                by,
                commit: hex_id(seed, &format!("pulumi commit {project} {when}"), 40),
                id: uuid(seed, &format!("pulumi update {project} {name} {when}")),
            });
        }
        Stack { project, name, resources: *resources, updates }
    };
    STACKS.iter().map(&mut stack).collect()
}

pub(super) fn list(call: &Call<'_>, stacks: &[Stack]) -> Answer {
    if call.param("organization").is_some_and(|name| name != ORG) {
        return Ok(json!({"stacks": []}));
    }
    let one = |stack: &Stack| {
        let mut body = json!({
            "id": call.uuid(&format!("stack {}", stack.label())), "orgName": ORG, "projectName": stack.project,
            "stackName": stack.name, "resourceCount": stack.resources,
            "links": {"self": format!("https://app.example.com/{ORG}/{}", stack.label())},
        });
        if let Some((_, last)) = stack.done(call.now()).next() {
            body["lastUpdate"] = seconds(last.at).into();
        }
        body
    };
    call.page("stacks", &stacks.iter().map(one).collect::<Vec<_>>())
}

pub(super) fn one(call: &Call<'_>, stack: &Stack, path: &[&str]) -> Answer {
    match path {
        ["updates"] => updates(call, stack),
        ["drift", "status"] => {
            let run = compared(call, stack);
            let detected = run.is_some_and(|at| has_drifted(call, stack, at));
            let run = run.map(|at| run_id(call, stack, at)).unwrap_or_default();
            Ok(json!({"driftDetected": detected, "latestDriftRun": run, "runInProgress": false}))
        }
        ["drift", "runs", id] => {
            let run = compared(call, stack).filter(|at| run_id(call, stack, *at) == *id);
            let at = run.ok_or_else(|| Refusal::not_found("drift run"))?;
            let detected = has_drifted(call, stack, at);
            Ok(json!({"id": id, "created": at, "driftDetected": detected, "status": "succeeded"}))
        }
        _ => Err(Refusal::not_found("resource")),
    }
}

fn updates(call: &Call<'_>, stack: &Stack) -> Answer {
    let done: Vec<(usize, &Update)> = stack.done(call.now()).collect();
    let (page, size) = (call.number("page")?.unwrap_or(1), call.number("pageSize")?.unwrap_or(10));
    let (Ok(page), Ok(size)) = (usize::try_from(page), usize::try_from(size)) else {
        return Err(Refusal::invalid("page"));
    };
    // Page 0 is all of them at once.
    let (skipped, size) = if page == 0 { (0, done.len()) } else { ((page - 1) * size, size) };
    let latest = done.len();
    let one = |(index, update): &(usize, &Update)| {
        let (name, login) = &update.by;
        let version = index + 1;
        let info = json!({
            "kind": update.kind, "startTime": seconds(update.at), "endTime": seconds(update.at) + update.took_s,
            "message": "", "result": update.result, "version": version, "resourceCount": stack.resources,
            "config": {}, "resourceChanges": {"same": stack.resources - 1, "update": 1},
            "environment": {
                "exec.kind": "cli", "git.head": update.commit, "git.dirty": "false", "vcs.kind": "github.com",
                "vcs.owner": ORG, "vcs.repo": "infrastructure", "ci.system": "GitHub Actions",
                "ci.build.url": format!("https://ci.example.com/runs/{version}"),
            },
        });
        json!({
            "info": info, "updateID": update.id, "version": version, "latestVersion": latest,
            "requestedBy": user(name, login),
        })
    };
    let shown: Vec<Value> = done.iter().skip(skipped).take(size).map(one).collect();
    Ok(json!({"updates": shown, "itemsPerPage": size, "total": latest}))
}

/// When production was last compared with what runs: on Mondays, at one in the morning.
fn compared(call: &Call<'_>, stack: &Stack) -> Option<Timestamp> {
    let today = call.now().date();
    let monday = plus_days(today, -i64::from(today.weekday().to_monday_zero_offset()));
    let this_week = at(monday, 1, 0);
    let last = if this_week <= call.now() { this_week } else { at(plus_days(monday, -7), 1, 0) };
    (stack.name == "prod").then_some(last)
}

fn has_drifted(call: &Call<'_>, stack: &Stack, compared: Timestamp) -> bool {
    let lapse = &call.story().drifted;
    stack.label() == lapse.id && lapse.span.contains(compared)
}

fn run_id(call: &Call<'_>, stack: &Stack, at: Timestamp) -> String {
    call.uuid(&format!("drift {} {at}", stack.label()))
}

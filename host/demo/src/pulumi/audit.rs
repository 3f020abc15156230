//! The audit log: who joined and left the organisation, who updated which stack. Newest first, in seconds, both bounds
//! included.

use super::people::{login, user};
use super::stacks::Stack;
use super::{Answer, Call, ORG, seconds};
use crate::calendar::{LOG_FIRST_DAY, LOG_LAST_DAY, at};
use crate::names::ip;
use crate::org::Organisation;
use crate::org::people::AccountKind;
use crate::random::uuid_and_chance;
use crate::system::System;
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

/// One event.
pub(super) struct Event {
    at: Timestamp,
    what: &'static str,
    description: String,
    /// Name and login of who did it.
    by: (String, String),
}

/// Everything that will stand in the log, in order of time.
pub(super) fn write(organisation: &Organisation, stacks: &[Stack]) -> Vec<Event> {
    let end = organisation.state_at(at(LOG_LAST_DAY, 23, 59));
    let admin = end.account_at(2).map(|account| (account.name(), login(account))).unwrap_or_default();
    let mut events = Vec::new();
    for seat in end.seats(System::Pulumi).filter(|seat| seat.account.kind != AccountKind::Service) {
        let account = seat.account;
        let Some(joined) =
            account.activated(end.at()).filter(|joined| seat.until.is_none_or(|until| *joined < until))
        else {
            continue;
        };
        let login = login(account);
        let own = (account.name(), login.clone());
        let joined = joined.max(seat.from);
        let (what, description) =
            ("Organization Member Added", format!("Added {login} to organization \"{ORG}\""));
        events.push(Event { at: joined, what, description, by: own });
        if let Some(at) = seat.until {
            let (what, description) =
                ("Organization Member Removed", format!("Removed {login} from organization \"{ORG}\""));
            events.push(Event { at, what, description, by: admin.clone() });
        }
    }
    for stack in stacks {
        events.extend(stack.updates.iter().map(|update| Event {
            at: update.at,
            what: "Stack Update Started",
            description: format!("Started update \"{}\" for stack \"{}\"", update.id, stack.label()),
            by: update.by.clone(),
        }));
    }
    let first = at(LOG_FIRST_DAY, 0, 0);
    events.retain(|event| event.at >= first);
    events.sort_by(|a, b| (a.at, &a.description).cmp(&(b.at, &b.description)));
    events
}

pub(super) fn answer(call: &Call<'_>, log: &[Event]) -> Answer {
    let now = seconds(call.now()).cast_signed();
    let (from, to) =
        (call.number("startTime")?.unwrap_or(0), call.number("endTime")?.unwrap_or(now).min(now));
    let second = |event: &Event| seconds(event.at).cast_signed();
    let first = log.partition_point(|event| second(event) < from);
    let last = log.partition_point(|event| second(event) <= to).max(first);
    let found: Vec<Value> =
        log.iter().take(last).skip(first).rev().map(|event| shape(call.org.seed(), event)).collect();
    call.page("auditLogEvents", &found)
}

fn shape(seed: u64, event: &Event) -> Value {
    let (name, login) = &event.by;
    let (_, chance) = uuid_and_chance(seed, &format!("pulumi event {} {}", event.at, event.description));
    json!({
        "timestamp": seconds(event.at), "sourceIP": ip(chance), "event": event.what, "description": event.description,
        "user": user(name, login), "reqOrgAdmin": event.what.starts_with("Organization"), "reqStackAdmin": false,
        "authFailure": false,
    })
}

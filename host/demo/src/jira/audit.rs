//! The audit log: newest first, both bounds included, kept for 180 days.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-audit-records/>

use super::{Call, Refusal, VENDOR, account_id, instant};
use crate::calendar::{LOG_FIRST_DAY, LOG_LAST_DAY, at};
use crate::names::ip;
use crate::org::Organisation;
use crate::random::{uuid, uuid_and_chance};
use crate::system::System;
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

const MOST: usize = 50;
const KEPT_MS: i64 = 180 * 86_400_000;

/// One event of the log.
pub(super) struct Event {
    at: Timestamp,
    summary: &'static str,
    category: &'static str,
    author: String,
    object: Value,
    about: Option<Value>,
}

/// Everything that will stand in the log, in order of time.
pub(super) fn write(organisation: &Organisation) -> Vec<Event> {
    let end = organisation.state_at(at(LOG_LAST_DAY, 23, 59));
    let seed = organisation.seed();
    let admins: Vec<_> = end.accounts().take(2).collect();
    let mut events = Vec::new();
    for seat in end.seats(System::Jira) {
        let id = account_id(seed, seat.account);
        let author = admins.iter().map(|admin| account_id(seed, admin)).find(|admin| *admin != id);
        let author = author.unwrap_or_default();
        let user = || json!({"id": id, "name": id, "typeName": "USER"});
        let mut add = |at, summary, category, object, about| {
            events.push(Event { at, summary, category, author: author.clone(), object, about });
        };
        add(seat.from, "User created", "user management", user(), None);
        if let Some(until) = seat.until {
            add(until, "User deactivated", "user management", user(), None);
        }
        for group in end.groups().iter().filter(|group| VENDOR.seats.contains(&group.slot)) {
            let name = group.name.to_lowercase();
            let object = || {
                let id = uuid(seed, &format!("jira group {name}"));
                json!({"id": id, "name": name, "typeName": "GROUP"})
            };
            for held in seat.account.groups.iter().filter(|held| held.what == group.slot) {
                // Whoever came early is in no group before.
                let from = held.from.max(seat.from);
                add(from, "User added to group", "group management", object(), Some(user()));
                if let Some(until) = held.until {
                    add(until, "User removed from group", "group management", object(), Some(user()));
                }
            }
        }
    }
    let first = at(LOG_FIRST_DAY, 0, 0);
    events.retain(|event| event.at >= first);
    events.sort_by_key(|event| event.at);
    events
}

pub(super) fn answer(call: &Call<'_>, log: &[Event]) -> Result<Value, Refusal> {
    let bound = |name: &str, usual: Timestamp| match call.request.param(name) {
        None => Ok(usual),
        Some(text) => text.parse::<Timestamp>().map_err(|_| Refusal::invalid(name)),
    };
    let kept = call.now().plus_ms(-KEPT_MS);
    let from = bound("from", kept)?.max(kept);
    let to = bound("to", call.now())?.min(call.now());
    let (offset, limit) = (call.number("offset", 0)?, call.number("limit", MOST)?.clamp(1, MOST));
    let first = log.partition_point(|event| event.at < from);
    let last = log.partition_point(|event| event.at <= to).max(first);
    // The position in the whole log is the event's number.
    let found = log.iter().enumerate().take(last).skip(first).rev();
    let records: Vec<Value> =
        found.skip(offset).take(limit).map(|(id, event)| shape(call, id, event)).collect();
    Ok(json!({"offset": offset, "limit": limit, "total": last - first, "records": records}))
}

fn shape(call: &Call<'_>, id: usize, event: &Event) -> Value {
    let (_, chance) = uuid_and_chance(call.org.seed(), &format!("jira event {id}"));
    json!({
        "id": id + 1, "summary": event.summary, "remoteAddress": ip(chance), "authorKey": event.author,
        "created": instant(event.at), "category": event.category,
        "eventSource": "", "objectItem": event.object, "changedValues": [],
        "associatedItems": event.about.iter().cloned().collect::<Vec<Value>>(),
    })
}

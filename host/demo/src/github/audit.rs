//! The audit log: who became a member, who was removed, who is in which team. Kept for 180 days.
//!
//! <https://docs.github.com/en/enterprise-cloud@latest/rest/orgs/orgs#get-the-audit-log-for-an-organization>

use super::people::team;
use super::shape::{login, user_id};
use super::{Answer, Call, ORG, ORG_ID, Refusal};
use crate::calendar::{LOG_FIRST_DAY, LOG_LAST_DAY, at};
use crate::org::Organisation;
use crate::random::hex_id;
use crate::system::System;
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

const KEPT_MS: i64 = 180 * 86_400_000;

/// One event: when, what, whom it is about, in which team.
pub(super) struct Event {
    at: Timestamp,
    action: &'static str,
    actor: (String, u64),
    user: (String, u64),
    team: Option<&'static str>,
}

/// Everything that will stand in the log, in order of time.
pub(super) fn write(organisation: &Organisation) -> Vec<Event> {
    let end = organisation.state_at(at(LOG_LAST_DAY, 23, 59));
    let seed = organisation.seed();
    let name = |account| (login(account), user_id(seed, account));
    let owner = end.account_at(2).map(name).unwrap_or_default();
    let mut events = Vec::new();
    for seat in end.seats(System::GitHub) {
        let (user, team) = (name(seat.account), team(seed, seat.account).slug);
        let mut add = |at, action, actor: &(String, u64), team| {
            events.push(Event { at, action, actor: actor.clone(), user: user.clone(), team });
        };
        // Whoever accepts an invitation becomes a member by that, and of the team that it names.
        if let Some(joined) =
            seat.account.activated(end.at()).filter(|at| seat.until.is_none_or(|until| *at < until))
        {
            add(seat.from, "org.invite_member", &owner, None);
            add(joined.max(seat.from), "org.add_member", &user.clone(), None);
            add(joined.max(seat.from), "team.add_member", &owner, Some(team));
            if let Some(until) = seat.until {
                add(until, "team.remove_member", &owner, Some(team));
                add(until, "org.remove_member", &owner, None);
            }
        }
    }
    let first = at(LOG_FIRST_DAY, 0, 0);
    events.retain(|event| event.at >= first);
    events.sort_by(|a, b| (a.at, &a.user, a.action).cmp(&(b.at, &b.user, b.action)));
    events
}

/// Of the language of `phrase`, `created:FROM..TO` is understood.
pub(super) fn answer(call: &Call<'_>, log: &[Event]) -> Answer {
    let kept = call.now().plus_ms(-KEPT_MS);
    let (from, to) = match call.param("phrase") {
        None => (kept, call.now()),
        Some(phrase) => {
            let range = phrase.strip_prefix("created:").and_then(|range| range.split_once(".."));
            let parsed = range.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
            parsed.ok_or(Refusal(422, "Validation Failed"))?
        }
    };
    let (from, to): (Timestamp, Timestamp) = (from.max(kept), to.min(call.now()));
    let is_ascending = call.param("order").as_deref() == Some("asc");
    let mut found: Vec<(usize, &Event)> =
        log.iter().enumerate().filter(|(_, event)| (from..=to).contains(&event.at)).collect();
    if !is_ascending {
        found.reverse();
    }
    Ok(call.page(&found, |(number, event)| shape(call, *number, event)))
}

fn shape(call: &Call<'_>, number: usize, event: &Event) -> Value {
    let ms = event.at.as_ms();
    let id = hex_id(call.org.seed(), &format!("github event {number} {ms} {}", event.action), 22);
    let ((actor, actor_id), (user, user_id)) = (&event.actor, &event.user);
    let mut body = json!({
        "@timestamp": ms, "_document_id": id, "action": event.action, "created_at": ms, "org": ORG,
        "org_id": ORG_ID, "actor": actor, "actor_id": actor_id, "user": user, "user_id": user_id,
        "actor_is_bot": false,
    });
    if let Some(team) = event.team {
        body["team"] = format!("{ORG}/{team}").into();
    }
    body
}

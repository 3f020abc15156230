//! Searches by JQL, and changelogs.
//!
//! Of JQL this is understood: `((project = A) OR (project = B)) AND updated >= MS AND created < MS ORDER BY created ASC`,
//! with any of the conditions. Times are milliseconds since 1970.
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/>

use super::tickets::{Project, Status, Ticket};
use super::{Call, Refusal, instant};
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

/// Fewer than a client asks for: Jira shortens pages as it likes.
const MOST: usize = 5;

/// What a search asks for.
struct Query {
    projects: Vec<String>,
    conditions: Vec<(bool, Comparison, Timestamp)>,
}

#[derive(Clone, Copy)]
enum Comparison {
    From,
    Before,
}

impl Query {
    fn parse(jql: &str) -> Result<Self, Refusal> {
        let wrong =
            |at: &str| Refusal(400, format!("Error in the JQL Query: the part '{at}' is not understood."));
        let (text, order) = jql.split_once(" ORDER BY ").unwrap_or((jql, "created ASC"));
        if order != "created ASC" {
            return Err(wrong(order));
        }
        let mut query = Self { projects: Vec::new(), conditions: Vec::new() };
        for part in text.split(" AND ").flat_map(|part| part.split(" OR ")) {
            let part = part.trim().trim_matches(['(', ')']);
            let words: Vec<&str> = part.split(' ').collect();
            match words[..] {
                ["project", "=", key] => query.projects.push(key.to_owned()),
                [field @ ("created" | "updated"), sign @ (">=" | "<"), ms] => {
                    let at = Timestamp::from_ms(ms.parse().map_err(|_| wrong(part))?);
                    let sign = if sign == "<" { Comparison::Before } else { Comparison::From };
                    query.conditions.push((field == "created", sign, at));
                }
                _ => return Err(wrong(part)),
            }
        }
        let is_known = |key: &String| Project::ALL.iter().any(|project| project.key() == key);
        match query.projects.iter().find(|key| !is_known(key)) {
            Some(key) => {
                Err(Refusal(400, format!("The value '{key}' does not exist for the field 'project'.")))
            }
            None => Ok(query),
        }
    }

    fn has(&self, ticket: &Ticket, now: Timestamp) -> bool {
        let is_of_project = self.projects.iter().any(|key| key == ticket.project.key());
        let holds = |(is_created, sign, bound): &(bool, Comparison, Timestamp)| {
            let at = if *is_created { ticket.created } else { ticket.updated(now) };
            match sign {
                Comparison::From => at >= *bound,
                Comparison::Before => at < *bound,
            }
        };
        is_of_project && ticket.created <= now && self.conditions.iter().all(holds)
    }
}

pub(super) fn search(call: &Call<'_>, tickets: &[Ticket]) -> Result<Value, Refusal> {
    let asked: Value =
        serde_json::from_slice(&call.request.body).map_err(|error| Refusal::invalid(&error.to_string()))?;
    let jql = asked["jql"].as_str().ok_or_else(|| Refusal::invalid("jql"))?;
    let query = Query::parse(jql)?;
    let fields: Vec<&str> =
        asked["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let limit = asked["maxResults"].as_u64().map_or(MOST, |n| n as usize).clamp(1, MOST);
    let start = match asked["nextPageToken"].as_str() {
        None => 0,
        Some(token) => token
            .strip_prefix("from-")
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| Refusal::invalid("nextPageToken"))?,
    };
    let found: Vec<&Ticket> = tickets.iter().filter(|ticket| query.has(ticket, call.now())).collect();
    let is_last = start + limit >= found.len();
    let issues: Vec<Value> =
        found.into_iter().skip(start).take(limit).map(|ticket| issue(call, ticket, &fields)).collect();
    let mut body = json!({"issues": issues, "isLast": is_last});
    if !is_last {
        body["nextPageToken"] = format!("from-{}", start + limit).into();
    }
    Ok(body)
}

fn issue(call: &Call<'_>, ticket: &Ticket, wanted: &[&str]) -> Value {
    let now = call.now();
    let status = ticket.status(now);
    let (number, key, colour, name) = status.category();
    let updated = ticket.updated(now);
    let is_done = key == "done";
    let resolution = if status == Status::Rejected { "Won't Do" } else { "Done" };
    let ended = is_done.then(|| instant(updated));
    let thing = |kind: &str, id: u64, name: &str| json!({"self": call.href(&format!("{kind}/{id}")), "id": id.to_string(), "name": name});
    let owner = ticket.moves(now).next_back().map(|made| somebody(call, &made.by));
    // A category is entered with the first status of it.
    let entered =
        ticket.moves(now).find(|made| made.to.category().0 == number).map_or(ticket.created, |made| made.at);
    let mut fields = json!({
        "summary": ticket.summary, "labels": ticket.labels, "issuelinks": [], "components": [],
        "status": {
            "self": call.href(&format!("status/{}", status as u64)), "id": (status as u64).to_string(),
            "name": status.name(),
            "statusCategory": {
                "self": call.href(&format!("statuscategory/{number}")), "id": number, "key": key,
                "colorName": colour, "name": name,
            },
        },
        "issuetype": thing("issuetype", 10_001 + ticket.project as u64, "Task"),
        "project": {
            "self": call.href(&format!("project/{}", ticket.project.id())), "id": ticket.project.id(),
            "key": ticket.project.key(), "name": ticket.project.name(),
        },
        "reporter": somebody(call, &ticket.reporter), "assignee": owner, "created": instant(ticket.created),
        "updated": instant(updated), "resolution": is_done.then(|| thing("resolution", 10_000, resolution)),
        "resolutiondate": ended, "statuscategorychangedate": instant(entered),
        "priority": thing("priority", 3, ticket.priority),
    });
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|name, _| wanted.contains(&name.as_str()));
    }
    json!({
        "expand": "", "id": ticket.id.to_string(), "self": call.href(&format!("issue/{}", ticket.id)),
        "key": ticket.key(), "fields": fields,
    })
}

/// Somebody by login, as they are now.
fn somebody(call: &Call<'_>, login: &str) -> Value {
    let Some(account) = call.org.account_by_login(login) else { return Value::Null };
    let seat = call.org.seats(crate::system::System::Jira).find(|seat| seat.account.login == login);
    call.user(account, seat.is_some_and(|seat| seat.until.is_none()))
}

fn find<'t>(call: &Call<'_>, tickets: &'t [Ticket], id: &str) -> Result<&'t Ticket, Refusal> {
    let found = tickets.iter().find(|ticket| ticket.id.to_string() == id || ticket.key() == id);
    found.filter(|ticket| ticket.created <= call.now()).ok_or_else(|| Refusal::not_found("Issue"))
}

/// Nobody links tickets to anything: the changes here are of no repository.
pub(super) fn remote_links(call: &Call<'_>, tickets: &[Ticket], id: &str) -> Result<Value, Refusal> {
    find(call, tickets, id).map(|_| json!([]))
}

pub(super) fn changelog(call: &Call<'_>, tickets: &[Ticket], id: &str) -> Result<Value, Refusal> {
    let now = call.now();
    let ticket = find(call, tickets, id)?;
    let mut before = Status::Open;
    let mut histories = Vec::new();
    for (i, made) in ticket.moves(now).enumerate() {
        let from = std::mem::replace(&mut before, made.to);
        histories.push((ticket.id * 10 + i as u64, from, made));
    }
    call.page(2, &histories, |(id, from, made)| {
        json!({
            "id": id.to_string(), "author": somebody(call, &made.by), "created": instant(made.at),
            "items": [{
                "field": "status", "fieldtype": "jira", "fieldId": "status", "from": (*from as u64).to_string(),
                "fromString": from.name(), "to": (made.to as u64).to_string(), "toString": made.to.name(),
            }],
        })
    })
}

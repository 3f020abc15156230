//! Members, invitations, teams, and the work addresses that GraphQL has.
//!
//! <https://docs.github.com/en/rest/orgs/members>, <https://docs.github.com/en/rest/teams/members>

use super::shape::{login, user, user_id};
use super::{Answer, Call, Found, MOST, ORG, ORG_ID, Refusal, instant};
use crate::org::people::{Account, AccountKind};
use crate::org::seats::Seat;
use crate::org::structure::Slot;
use crate::random::uuid_and_chance;
use crate::system::System;
use serde_json::{Value, json};

/// A team, and what it may do in repositories.
pub(super) struct Team {
    pub(super) id: u64,
    pub(super) name: &'static str,
    pub(super) slug: &'static str,
}

/// Engineers are in one of the first four, by chance.
pub(super) const TEAMS: [Team; 6] = [
    Team { id: 301, name: "Checkout", slug: "checkout" },
    Team { id: 302, name: "Orders", slug: "orders" },
    Team { id: 303, name: "Platform", slug: "platform" },
    Team { id: 304, name: "Mobile", slug: "mobile" },
    Team { id: 305, name: "Security", slug: "security" },
    Team { id: 306, name: "Contractors", slug: "contractors" },
];
/// Accounts, by position, that own the organisation: they are there from the first day to the last.
const OWNERS: [usize; 2] = [2, 4];

impl Team {
    pub(super) fn shape(&self, call: &Call<'_>) -> Value {
        let url = call.href(&format!("organizations/{ORG_ID}/team/{}", self.id));
        json!({
            "id": self.id, "node_id": format!("T_{}", self.id), "name": self.name, "slug": self.slug,
            "description": null, "privacy": "closed", "notification_setting": "notifications_enabled",
            "permission": "pull", "url": url, "html_url": format!("https://github.com/orgs/{ORG}/teams/{}", self.slug),
            "members_url": format!("{url}/members{{/member}}"), "repositories_url": format!("{url}/repos"),
            "type": "organization", "organization_id": ORG_ID, "parent": null,
        })
    }
}

/// The team of somebody who has a seat.
pub(super) fn team(seed: u64, account: &Account) -> &'static Team {
    let is_in = |slot: Slot| account.groups.iter().any(|held| held.what == slot);
    let chance = uuid_and_chance(seed, &format!("github team {}", account.login)).1;
    match (account.kind, is_in(Slot::Security)) {
        (AccountKind::Contractor, _) => &TEAMS[5],
        (_, true) => &TEAMS[4],
        _ => &TEAMS[(chance % 4) as usize],
    }
}

/// Who has accepted the invitation, and has not been removed.
pub(super) fn members<'a>(call: &Call<'a>) -> Vec<&'a Account> {
    let is_member = |seat: &Seat<'a>| seat.until.is_none() && seat.account.activated(call.now()).is_some();
    call.org.seats(System::GitHub).filter(is_member).map(|seat| seat.account).collect()
}

fn is_owner(call: &Call<'_>, account: &Account) -> bool {
    OWNERS.iter().any(|i| call.org.account_at(*i).is_some_and(|owner| owner.id == account.id))
}

pub(super) fn answer(call: &Call<'_>, path: &[&str]) -> Answer {
    match path {
        ["members"] => {
            let mut listed = members(call);
            match (call.param("role").as_deref(), call.param("filter").as_deref()) {
                (Some("admin"), _) => listed.retain(|account| is_owner(call, account)),
                (Some("member"), _) => listed.retain(|account| !is_owner(call, account)),
                (_, Some("2fa_disabled")) => listed.retain(|a| a.factors(call.now()).next().is_none()),
                (None | Some("all"), None | Some("all")) => {}
                _ => return Err(Refusal(422, "Validation Failed")),
            }
            Ok(call.page(&listed, |account| user(call, account)))
        }
        ["outside_collaborators"] => Ok(call.page(&[], |account| user(call, account))),
        ["invitations"] => {
            let waits =
                |seat: &Seat<'_>| seat.until.is_none() && seat.account.activated(call.now()).is_none();
            let waiting: Vec<Seat<'_>> = call.org.seats(System::GitHub).filter(waits).collect();
            Ok(call.page(&waiting, |seat| invitation(call, seat)))
        }
        ["teams"] => Ok(call.page(&TEAMS, |team| team.shape(call))),
        ["teams", slug, "members"] => {
            let found = TEAMS.iter().find(|team| team.slug == *slug).ok_or_else(Refusal::not_found)?;
            let mut listed = members(call);
            listed.retain(|account| team(call.org.seed(), account).id == found.id);
            // Nobody looks after a team but the owners.
            let maintains = call.param("role").map(|role| role == "maintainer");
            listed.retain(|account| maintains.is_none_or(|wanted| is_owner(call, account) == wanted));
            Ok(call.page(&listed, |account| user(call, account)))
        }
        _ => Err(Refusal::not_found()),
    }
}

fn invitation(call: &Call<'_>, seat: &Seat<'_>) -> Value {
    let id = user_id(call.org.seed(), seat.account);
    let inviter = call.org.account_at(OWNERS[0]).map(|account| user(call, account));
    json!({
        "id": id, "node_id": format!("I_{id}"), "login": null, "email": seat.account.login, "role": "direct_member",
        "created_at": instant(seat.from), "failed_at": null, "failed_reason": null, "inviter": inviter,
        "team_count": 1, "invitation_source": "member",
        "invitation_teams_url": call.href(&format!("organizations/{ORG_ID}/invitations/{id}/teams")),
    })
}

/// The query that asks for members: any other is refused as GraphQL refuses, with status 200.
pub(super) fn graphql(call: &Call<'_>) -> Answer {
    let asked: Value =
        serde_json::from_slice(&call.request.body).map_err(|_| Refusal(400, "Problems parsing JSON"))?;
    let query = asked["query"].as_str().unwrap_or_default();
    if !query.trim_start().starts_with("query") || !query.contains("membersWithRole") {
        return Ok(Found::from(
            json!({"errors": [{"message": "This fake answers what members there are."}]}),
        ));
    }
    if asked["variables"]["org"].as_str() != Some(ORG) {
        let message = "Could not resolve to an Organization with the login that was asked for.";
        return Ok(Found::from(
            json!({"data": {"organization": null}, "errors": [{"type": "NOT_FOUND", "message": message}]}),
        ));
    }
    let listed = members(call);
    let after = asked["variables"]["after"].as_str();
    let start = after.map_or(0, |cursor| {
        cursor.strip_prefix("after:").and_then(|n| n.parse().ok()).unwrap_or(listed.len())
    });
    let end = (start + MOST).min(listed.len());
    let node = |account: &&Account| {
        json!({
            "login": login(account), "name": account.name(),
            "createdAt": instant(account.created().plus_ms(-86_400_000)),
            "organizationVerifiedDomainEmails": [account.login],
        })
    };
    let nodes: Vec<Value> = listed.iter().take(end).skip(start).map(node).collect();
    let page = json!({"endCursor": format!("after:{end}"), "hasNextPage": end < listed.len()});
    Ok(Found::from(
        json!({"data": {"organization": {"membersWithRole": {"nodes": nodes, "pageInfo": page}}}}),
    ))
}

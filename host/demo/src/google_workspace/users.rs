//! Users, and the applications that they let in.
//!
//! <https://developers.google.com/workspace/admin/directory/reference/rest/v1/users>

use super::{CUSTOMER, Call, Member};
use crate::google::{Refusal, page};
use crate::org::people::AccountKind;
use crate::org::structure::RoleKind;
use crate::random::uuid_and_chance;
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

/// Fewer than the 500 that Google allows, so that there are several pages: a list may always be cut short.
const MOST: usize = 100;

pub(super) fn list(call: &Call<'_>) -> Result<Value, Refusal> {
    let customer = call.request.param("customer").ok_or_else(|| Refusal::invalid("customer"))?;
    call.customer(&customer)?;
    let deleted = call.request.param("showDeleted").as_deref() == Some("true");
    let mut users: Vec<Member<'_>> = call.members().filter(|m| m.deleted.is_some() == deleted).collect();
    users.sort_by(|a, b| a.address().cmp(b.address()));
    let body = json!({"kind": "admin#directory#users", "etag": "\"simulated\""});
    page(call.request, body, "users", ("maxResults", MOST), &users, |user| shape(call, user))
}

fn shape(call: &Call<'_>, user: &Member<'_>) -> Value {
    let (account, now) = (user.seat.account, call.now());
    let holds =
        |role: RoleKind| call.org.now(&account.roles).any(|held| held.what == role && held.until.is_none());
    let address = user.address();
    let is_here = account.activated(now).is_some();
    let mut body = json!({
        "kind": "admin#directory#user", "id": user.id, "etag": "\"simulated\"", "primaryEmail": address,
        "name": {"givenName": account.given, "familyName": account.family, "fullName": account.name()},
        "isAdmin": holds(RoleKind::Super), "isDelegatedAdmin": holds(RoleKind::Org) || holds(RoleKind::ReadOnly),
        "creationTime": user.seat.from, "lastLoginTime": last_login(call, user),
        "agreedToTerms": is_here, "suspended": user.suspended.is_some(), "archived": false,
        "changePasswordAtNextLogin": false, "emails": [{"address": address, "primary": true}],
        "customerId": CUSTOMER, "orgUnitPath": "/", "isMailboxSetup": true,
        "isEnrolledIn2Sv": account.factors(now).next().is_some(),
        "isEnforcedIn2Sv": is_here && account.kind == AccountKind::Employee, "includeInGlobalAddressList": true,
    });
    if let Some(department) = account.department(now) {
        body["organizations"] =
            json!([{"title": account.title, "department": department.name, "primary": true}]);
    }
    if let Some(since) = user.suspended {
        body["suspensionReason"] = "ADMIN".into();
        body["suspensionTime"] = since.to_string().into();
    }
    if let Some(at) = user.deleted {
        body["deletionTime"] = at.to_string().into();
    }
    body
}

/// The last sign-in that the log has, too; the epoch where there was none, as Google writes it.
fn last_login(call: &Call<'_>, user: &Member<'_>) -> Timestamp {
    let until = user.seat.until.unwrap_or(call.now());
    let mut sign_ins = user.seat.account.sign_ins.iter().rev().filter(|at| **at <= until);
    sign_ins.find(|at| super::log::is_here(user.address(), **at)).copied().unwrap_or_default()
}

/// One in five has let in an application that takes notes of meetings.
pub(super) fn tokens(call: &Call<'_>, key: &str) -> Result<Value, Refusal> {
    let user = call.member(key)?;
    let mut body = json!({"kind": "admin#directory#tokenList", "etag": "\"simulated\""});
    let (_, chance) = uuid_and_chance(call.org.seed(), &format!("google token {}", user.address()));
    if chance.is_multiple_of(5) && user.suspended.is_none() {
        body["items"] = json!([{
            "kind": "admin#directory#token", "etag": "\"simulated\"", "clientId": "123456789012.apps.example.com",
            "displayText": "Meeting Notes", "anonymous": false, "nativeApp": false, "userKey": user.id,
            "scopes": ["https://www.googleapis.com/auth/calendar.readonly", "openid"],
        }]);
    }
    Ok(body)
}

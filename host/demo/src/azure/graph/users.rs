//! Users, those that were deleted, which factors they registered; groups and their members.
//!
//! <https://learn.microsoft.com/en-us/graph/api/resources/user>, …/userregistrationdetails, …/group

use super::super::{Call, Member, Refusal};
use super::not_found;
use crate::calendar::whole_seconds;
use crate::org::azure;
use crate::org::people::{Account, AccountKind, FactorKind};
use crate::org::structure::{Group, RoleKind, Slot};
use exhibit_evidence::time::Timestamp;
use serde_json::{Value, json};

/// The groups of the identity provider that it also makes in Entra ID.
const PUSHED: [Slot; 6] =
    [Slot::Engineering, Slot::It, Slot::Security, Slot::Contractors, Slot::HelpDesk, Slot::Production];

/// The name that somebody signs in with. A guest's is nobody's address.
pub(super) fn login(account: &Account) -> String {
    match account.kind {
        AccountKind::Contractor => format!("{}#EXT#@example.com", account.login.replace('@', "_")),
        _ => account.login.clone(),
    }
}

pub(super) fn list(call: &Call<'_>) -> Vec<Value> {
    let members = call.members();
    members.iter().filter(|member| member.deleted.is_none()).map(|member| user(call, member)).collect()
}

pub(super) fn deleted(call: &Call<'_>) -> Vec<Value> {
    let members = call.members();
    let deleted = members.iter().filter_map(|member| {
        let mut body = user(call, member);
        body["deletedDateTime"] = whole_seconds(member.deleted?).into();
        // Another may take the name: the id stands before the old one's.
        let name = format!("{}{}", member.id.replace('-', ""), login(member.seat.account));
        body["userPrincipalName"] = name.into();
        Some(body)
    });
    deleted.collect()
}

fn user(call: &Call<'_>, member: &Member<'_>) -> Value {
    let (account, now) = (member.seat.account, call.now());
    let is_guest = account.kind == AccountKind::Contractor;
    let joined = account.activated(now);
    let department = account.department(now).map(|department| department.name);
    let mut body = json!({
        "id": member.id, "userPrincipalName": login(account), "displayName": account.name(), "mail": account.login,
        "givenName": account.given, "surname": account.family, "userType": if is_guest { "Guest" } else { "Member" },
        "accountEnabled": member.enabled, "createdDateTime": whole_seconds(member.seat.from),
        "lastPasswordChangeDateTime": whole_seconds(member.seat.from), "employeeId": null,
        "jobTitle": account.title, "department": department,
        "externalUserState": null, "externalUserStateChangeDateTime": null,
    });
    if is_guest {
        let (state, since) = joined.map_or(("PendingAcceptance", member.seat.from), |at| ("Accepted", at));
        body["externalUserState"] = state.into();
        body["externalUserStateChangeDateTime"] = whole_seconds(since).into();
    }
    if let Some(last) = last_sign_in(call, member) {
        let request = call.uuid(&format!("sign-in {last} {}", account.login));
        body["signInActivity"] = json!({
            "lastSignInDateTime": whole_seconds(last), "lastSignInRequestId": request,
            "lastNonInteractiveSignInDateTime": whole_seconds(last), "lastNonInteractiveSignInRequestId": request,
        });
    }
    body
}

/// The last sign-in that the log has, too.
fn last_sign_in(call: &Call<'_>, member: &Member<'_>) -> Option<Timestamp> {
    let until = member.seat.until.unwrap_or(call.now()).min(call.now());
    let mut sign_ins = member.seat.account.sign_ins.iter().rev().filter(|at| **at <= until);
    sign_ins.find(|at| super::log::is_here(&member.seat.account.login, **at)).copied()
}

pub(super) fn registrations(call: &Call<'_>) -> Vec<Value> {
    let now = call.now();
    let one = |member: &Member<'_>| {
        let account = member.seat.account;
        let mut methods: Vec<&str> = account.factors(now).map(|held| method(held.what.kind)).collect();
        methods.sort_unstable();
        let (has_any, is_strong) = (!methods.is_empty(), methods.contains(&"fido2SecurityKey"));
        let is_admin =
            account.roles.iter().any(|held| held.at(now) && held.until.is_none() && is_of_entra(held.what));
        json!({
            "id": member.id, "userPrincipalName": login(account), "userDisplayName": account.name(),
            "isAdmin": is_admin, "isSsprRegistered": has_any, "isSsprEnabled": true, "isSsprCapable": has_any,
            "isMfaRegistered": has_any, "isMfaCapable": has_any, "isPasswordlessCapable": is_strong,
            "lastUpdatedDateTime": account.updated(now), "methodsRegistered": methods,
            "isSystemPreferredAuthenticationMethodEnabled": true, "systemPreferredAuthenticationMethods": [],
            "userPreferredMethodForSecondaryAuthentication": if has_any { "push" } else { "none" },
            "userType": if account.kind == AccountKind::Contractor { "guest" } else { "member" },
        })
    };
    call.members().iter().filter(|member| member.deleted.is_none() && member.enabled).map(one).collect()
}

fn is_of_entra(role: RoleKind) -> bool {
    role != RoleKind::HelpDesk
}

fn method(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Push => "microsoftAuthenticatorPush",
        FactorKind::Totp => "softwareOneTimePasscode",
        FactorKind::WebAuthn => "fido2SecurityKey",
        FactorKind::Sms => "mobilePhone",
    }
}

pub(super) fn is_pushed(slot: Slot) -> bool {
    PUSHED.contains(&slot)
}

/// The groups that there are here, of those of the identity provider.
pub(in crate::azure) fn pushed<'a>(call: &Call<'a>) -> impl Iterator<Item = &'a Group> {
    call.org.groups().iter().filter(|group| is_pushed(group.slot))
}

pub(in crate::azure) fn group_id(call: &Call<'_>, slot: Slot) -> String {
    call.uuid(&format!("group {slot:?}"))
}

pub(super) fn groups(call: &Call<'_>) -> Vec<Value> {
    let one = |group: &Group| {
        json!({
            "id": group_id(call, group.slot), "displayName": group.name, "description": group.description,
            "groupTypes": [], "mailEnabled": false, "securityEnabled": true, "onPremisesSyncEnabled": null,
            "createdDateTime": "2024-03-04T09:00:00Z",
        })
    };
    pushed(call).map(one).collect()
}

/// Who is in the group and may sign in.
pub(super) fn members(call: &Call<'_>, id: &str) -> Result<Vec<Value>, Refusal> {
    let group = pushed(call).find(|group| group_id(call, group.slot) == id).ok_or_else(|| not_found(id))?;
    let is_in = |member: &&Member<'_>| {
        member.seat.until.is_none()
            && call.org.now(&member.seat.account.groups).any(|held| held.what == group.slot)
    };
    Ok(call
        .members()
        .iter()
        .filter(is_in)
        .map(|member| principal(call.org.seed(), member.seat.account))
        .collect())
}

/// A user as lists of others name them.
pub(super) fn principal(seed: u64, account: &Account) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.user", "id": azure::user_id(seed, &account.login),
        "displayName": account.name(), "userPrincipalName": login(account), "mail": account.login,
    })
}

//! Policies that users, groups and roles hold, and who is in which group.

use super::directory::{Held, Policies, Principal};
use crate::api::Api;
use exhibit_sdk::kinds::{Assignment, GroupMembership, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

/// One record for each policy of each principal.
pub(super) fn emit(
    grants: &mut Wanted<RoleGrant>,
    api: &Api<'_>,
    of: PrincipalType,
    principals: &[Principal],
    own: Option<&Policies>,
) -> Result<()> {
    for principal in principals {
        if principal.policies.is_empty() {
            grants.filtered(1, "holds no policy of its own")?;
        }
        for policy in &principal.policies {
            grants.emit(grant(api, of, principal, policy, own))?;
        }
    }
    Ok(())
}

fn grant(
    api: &Api<'_>,
    of: PrincipalType,
    principal: &Principal,
    policy: &Held,
    own: Option<&Policies>,
) -> Record<RoleGrant> {
    let document = policy.document(own);
    let privileged = policy.administrative(own);
    let narrowed = match (principal.bounded, document) {
        (true, _) => Some(true),
        (false, document) => document.map(|document| document.conditional),
    };
    let attributes = RoleGrant {
        principal_type: Some(of),
        principal_name: Some(principal.name.clone()),
        role_id: policy.arn.clone(),
        scope: Some(api.account.clone()),
        privileged,
        assignment: Some(Assignment::Direct),
        conditional: narrowed,
        permissions: document.map(|document| document.actions.clone()),
        ..RoleGrant::new(&principal.arn, &policy.name)
    };
    let held = policy.arn.clone().unwrap_or_else(|| format!("inline/{}", policy.name));
    let mut record = Record::new(format!("{}/{held}", principal.arn), attributes)
        .origin(&policy.origin)
        .subject(subject_of(api, of, principal));
    if let Some((_, origin)) = policy.arn.as_ref().and_then(|arn| own?.get(arn)) {
        record = record.origin(origin);
    }
    if privileged.is_none() {
        record = record.unknown("privileged").unknown("permissions");
    }
    record
}

/// A person where one is known; else the account, the group or the role.
pub(super) fn subject_of(api: &Api<'_>, of: PrincipalType, principal: &Principal) -> String {
    match of {
        PrincipalType::User => {
            let tenant = format!("aws:{}", api.account);
            subject::person_or_account(principal.email.as_deref(), &tenant, &principal.name)
        }
        _ => subject::asset(&principal.arn),
    }
}

/// Whether any of these policies makes an administrator; none where one is not known and no other does.
pub(super) fn administers<'a>(
    policies: impl IntoIterator<Item = &'a Held>,
    own: Option<&Policies>,
) -> Option<bool> {
    let mut known = Some(false);
    for policy in policies {
        match policy.administrative(own) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => known = None,
        }
    }
    known
}

/// One record for each group of each user. `groups` is absent where the list of groups is withheld.
pub(super) fn emit_memberships(
    memberships: &mut Wanted<GroupMembership>,
    api: &Api<'_>,
    users: &[Principal],
    groups: Option<&[Principal]>,
    own: Option<&Policies>,
) -> Result<()> {
    let by_name: BTreeMap<&str, &Principal> =
        groups.unwrap_or_default().iter().map(|group| (group.name.as_str(), group)).collect();
    for user in users {
        if user.groups.is_empty() {
            memberships.filtered(1, "a user in no group")?;
        }
        for (name, origin) in &user.groups {
            let group = by_name.get(name.as_str()).copied();
            // A group's path is part of its ARN, and is known only from the list of groups.
            let id =
                group.map_or_else(|| api.arn("iam", "", &format!("group/{name}")), |group| group.arn.clone());
            let privileged = group.and_then(|group| administers(&group.policies, own));
            let attributes = GroupMembership {
                group_name: Some(name.clone()),
                member_type: Some(PrincipalType::User),
                member_login: Some(user.name.clone()),
                assignment: Some(Assignment::Direct),
                privileged,
                ..GroupMembership::new(&id, &user.arn)
            };
            let mut record = Record::new(format!("{id}/{}", user.arn), attributes)
                .origin(origin)
                .subject(subject_of(api, PrincipalType::User, user));
            if let Some(group) = group {
                record = record.origin(&group.origin);
            }
            memberships.emit(if privileged.is_none() { record.unknown("privileged") } else { record })?;
        }
    }
    Ok(())
}

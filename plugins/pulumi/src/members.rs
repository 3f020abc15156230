//! Members of the organisation, and the role that each holds in it.
//!
//! Asked for are the "frontend" members: those who have joined. Whoever could join by way of an identity provider is
//! that provider's to list.

use crate::api::{Api, People, User};
use crate::roles::Roles;
use exhibit_sdk::kinds::{Account, AccountStatus, AccountType, Assignment, GrantState, RoleGrant};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    user: User,
    role: Option<String>,
    fga_role: Option<Role>,
    known_to_pulumi: Option<bool>,
    virtual_admin: Option<bool>,
    created: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Role {
    id: String,
    name: String,
}

impl Member {
    /// Whether the role is to administer the organisation. What a role of the organisation's own amounts to,
    /// Pulumi Cloud states only roughly, and so it is unknown.
    fn is_admin(&self, roles: &Roles) -> Option<bool> {
        match (self.virtual_admin, self.role.as_deref()) {
            (Some(true), _) | (_, Some("admin")) => Some(true),
            (_, Some(_)) if self.fga_role.as_ref().is_some_and(|role| roles.is_own(&role.id, &role.name)) => {
                None
            }
            (_, Some("member" | "none" | "potential-member" | "stack-collaborator" | "billing-manager")) => {
                Some(false)
            }
            _ => None,
        }
    }
}

/// Reads the members into accounts and `grants`, and returns who they are.
pub(crate) fn collect(api: &Api<'_>, roles: &Roles, grants: &mut Wanted<RoleGrant>) -> Result<People> {
    let mut accounts = api.ctx.wanted::<Account>("all members of the organisation, in every role");
    let mut people = People::default();
    for page in api.org_list("/members", "/members").query("type", "frontend").pages() {
        let Some(page) = tolerate(&mut [&mut accounts, grants], page)? else { break };
        accounts.fed_by(&page)?;
        for member in grants.items::<Member>(&page)? {
            people.add(&member.user);
            accounts.emit(account(api, &people, &member, roles))?;
            match grant(api, &people, &member, roles) {
                Some(record) => grants.emit(record)?,
                None => grants.filtered(1, "a member without a role")?,
            }
        }
    }
    accounts.seal()?;
    Ok(people)
}

fn account(api: &Api<'_>, people: &People, member: &Item<Member>, roles: &Roles) -> Record<Account> {
    let user = &member.user;
    let (status, external) = match member.role.as_deref() {
        Some("potential-member") => (Some(AccountStatus::Pending), Some(false)),
        Some("stack-collaborator") => (Some(AccountStatus::Active), Some(true)),
        Some("member" | "admin" | "billing-manager") => (Some(AccountStatus::Active), Some(false)),
        _ => (None, None),
    };
    // Of the identity provider, and never yet here.
    let status = status
        .map(|status| if member.known_to_pulumi == Some(false) { AccountStatus::Pending } else { status });
    let is_service = api.is_service(&user.github_login);
    let admin = member.is_admin(roles);
    let attributes = Account {
        display_name: user.display_name(),
        email: user.address(),
        r#type: is_service.then_some(AccountType::Service),
        status,
        source_status: member.role.clone(),
        external,
        admin,
        created_at: instant(member.created.as_ref()),
        ..Account::new(&user.github_login)
    };
    let mut record = member.record(&user.github_login, attributes).subject(people.subject(api, user));
    for (attribute, is_known) in [
        ("admin", admin.is_some()),
        ("created_at", instant(member.created.as_ref()).is_some()),
        ("email", user.address().is_some()),
        ("external", external.is_some()),
        ("status", status.is_some()),
        ("type", is_service),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    // Pulumi Cloud shows these to the account itself alone.
    ["mfa_status", "mfa_factors", "last_login_on"].into_iter().fold(record, Record::unknown)
}

fn grant(api: &Api<'_>, people: &People, member: &Item<Member>, roles: &Roles) -> Option<Record<RoleGrant>> {
    let (login, word) = (&member.user.github_login, member.role.as_deref());
    let (id, name) = match (&member.fga_role, word) {
        (Some(role), _) => (role.id.as_str(), role.name.as_str()),
        (None, None | Some("none" | "potential-member")) => return None,
        (None, Some(word)) => (word, word),
    };
    let privileged = member.is_admin(roles);
    let attributes = RoleGrant {
        principal_type: people.principal(api, login),
        principal_name: member.user.display_name(),
        role_id: Some(id.to_owned()),
        scope: Some(api.settings.organization.clone()),
        privileged,
        assignment: Some(Assignment::Direct),
        state: Some(GrantState::Active),
        ..RoleGrant::new(login, name)
    };
    let record = member.record(format!("member/{login}/{id}"), attributes);
    let record = roles.describe(record.subject(people.subject(api, &member.user)), id, name);
    Some(if privileged.is_none() { record.unknown("privileged") } else { record })
}

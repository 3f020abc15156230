//! Members, outside collaborators and invitations, and whose account has no second factor.

use crate::api::{Api, Detail, User};
use exhibit_sdk::kinds::{Account, AccountStatus, MfaStatus, RoleGrant};
use exhibit_sdk::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A member with the role of owner.
pub(crate) struct Owner {
    pub(crate) user: User,
    pub(crate) origin: Origin,
}

/// One of the lists that accounts stand in.
struct Listed {
    path: &'static str,
    /// The same, of those without a second factor.
    without_factor: &'static str,
    admin: bool,
    external: bool,
}

/// Roles are asked for one by one, as items do not name theirs.
const LISTS: [Listed; 3] = [
    Listed { path: "/members?role=admin", without_factor: MEMBERS, admin: true, external: false },
    Listed { path: "/members?role=member", without_factor: MEMBERS, admin: false, external: false },
    Listed { path: "/outside_collaborators", without_factor: OUTSIDE, admin: false, external: true },
];
const MEMBERS: &str = "/members?filter=2fa_disabled";
const OUTSIDE: &str = "/outside_collaborators?filter=2fa_disabled";

/// Accounts without a second factor, as far as GitHub says.
struct WithoutFactor {
    ids: BTreeMap<u64, Origin>,
    /// The list that they stand in, and that the others do not.
    list: Option<Origin>,
}

#[derive(Debug, Deserialize)]
struct Invitation {
    id: u64,
    login: Option<String>,
    email: Option<String>,
    role: Option<String>,
    created_at: Option<String>,
}

/// Reads the lists; returns the owners, for their grants. None where GitHub withholds their list.
pub(crate) fn collect(api: &Api<'_>) -> Result<Option<Vec<Owner>>> {
    let wants_grants = api.ctx.wants::<RoleGrant>();
    if !api.ctx.wants::<Account>() {
        return owners(api);
    }
    let mut accounts = api.ctx.population::<Account>(
        "all members, outside collaborators and pending invitations of the organisation",
    );
    let mut owners = Some(Vec::new());
    let mut seen = BTreeSet::new();
    let mut factors = BTreeMap::new();
    for list in &LISTS {
        if !factors.contains_key(list.without_factor) {
            factors.insert(list.without_factor, without_factor(api, list.without_factor)?);
        }
        let factors = factors.get(list.without_factor).and_then(Option::as_ref);
        for page in api.list(&api.org(list.path)).pages() {
            let Some(page) = accounts.tolerate(page)? else {
                owners = owners.filter(|_| !list.admin);
                break;
            };
            for user in accounts.items::<User>(&page)? {
                if !seen.insert(user.id) {
                    accounts.filtered(1, "an account whose role changed while the lists were read")?;
                    continue;
                }
                accounts.emit(account(api, list, &user, factors))?;
                if let Some(owners) = owners.as_mut().filter(|_| list.admin && wants_grants) {
                    owners.push(Owner { origin: user.origin().clone(), user: user.into_value() });
                }
            }
        }
    }
    invitations(api, &mut accounts)?;
    accounts.seal()?;
    Ok(owners)
}

/// The owners alone, where accounts are not asked for.
fn owners(api: &Api<'_>) -> Result<Option<Vec<Owner>>> {
    let mut list = Detail::new("who owns the organisation");
    let mut owners = Vec::new();
    for page in api.list(&api.org("/members?role=admin")).pages() {
        let Some(page) = list.known(page)? else { return Ok(None) };
        for user in page.items::<User>()? {
            owners.push(Owner { origin: user.origin().clone(), user: user.into_value() });
        }
    }
    Ok(Some(owners))
}

/// None where GitHub does not say: to others than owners it does not.
fn without_factor(api: &Api<'_>, path: &str) -> Result<Option<WithoutFactor>> {
    let mut detail = Detail::new("second factors of accounts");
    let mut found = WithoutFactor { ids: BTreeMap::new(), list: None };
    for page in api.list(&api.org(path)).pages() {
        let Some(page) = detail.known(page)? else { return Ok(None) };
        found.list.get_or_insert_with(|| page.origin(""));
        found.ids.extend(page.items::<User>()?.iter().map(|user| (user.id, user.origin().clone())));
    }
    Ok(Some(found))
}

fn account(
    api: &Api<'_>,
    list: &Listed,
    user: &Item<User>,
    factors: Option<&WithoutFactor>,
) -> Record<Account> {
    let person = api.people.get(&user.login);
    let kind = api.account_type(user);
    let mfa_status = factors.map(|factors| match factors.ids.contains_key(&user.id) {
        true => MfaStatus::NotEnrolled,
        false => MfaStatus::Enrolled,
    });
    let attributes = Account {
        display_name: person.and_then(|person| person.name.clone()),
        email: person.and_then(|person| person.address.clone()),
        r#type: kind,
        status: Some(AccountStatus::Active),
        external: Some(list.external),
        admin: Some(list.admin),
        mfa_status,
        created_at: person.and_then(|person| person.created_at),
        ..Account::new(&user.login)
    };
    let mut record = user.record(user.id.to_string(), attributes).subject(api.subject(user));
    if let Some(factors) = factors {
        let place = factors.ids.get(&user.id).or(factors.list.as_ref());
        record = place.into_iter().fold(record, Record::origin);
    }
    record = person.into_iter().flat_map(|person| &person.origins).fold(record, Record::origin);
    for (attribute, is_known) in [
        ("type", kind.is_some()),
        ("mfa_status", mfa_status.is_some()),
        ("email", person.is_some_and(|person| person.address.is_some())),
        ("created_at", person.is_some_and(|person| person.created_at.is_some())),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    // GitHub tells organisations neither which factors there are nor when someone was here.
    record.unknown("mfa_factors").unknown("last_login_on")
}

/// People who may join, and have not yet.
fn invitations(api: &Api<'_>, accounts: &mut Population<Account>) -> Result<()> {
    for page in api.list(&api.org("/invitations")).pages() {
        let Some(page) = accounts.tolerate(page)? else { break };
        for invitation in accounts.items::<Invitation>(&page)? {
            let named = invitation.login.clone().or_else(|| invitation.email.clone());
            let admin = match invitation.role.as_deref() {
                Some("admin") => Some(true),
                Some("direct_member" | "billing_manager" | "hiring_manager") => Some(false),
                _ => None,
            };
            let attributes = Account {
                email: invitation.email.clone(),
                status: Some(AccountStatus::Pending),
                source_status: invitation.role.as_ref().map(|role| format!("invited: {role}")),
                admin,
                created_at: instant(invitation.created_at.as_ref()),
                ..Account::new(named.unwrap_or_else(|| invitation.id.to_string()))
            };
            let mut record = invitation.record(format!("invitation/{}", invitation.id), attributes);
            if let Some(subject) = invitation.email.as_deref().and_then(subject::person) {
                record = record.subject(subject);
            }
            if admin.is_none() {
                record = record.unknown("admin");
            }
            accounts.emit(record)?;
        }
    }
    Ok(())
}

//! Users, those that were deleted in the last twenty days too, with their second factors as Google states them.
//!
//! <https://developers.google.com/workspace/admin/directory/reference/rest/v1/users>

use crate::api::Api;
use exhibit_sdk::kinds::{Account, AccountStatus, AccountType, AppGrant, MfaStatus, RoleGrant};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    primary_email: String,
    name: Option<Name>,
    is_admin: Option<bool>,
    is_delegated_admin: Option<bool>,
    #[serde(rename = "isEnrolledIn2Sv")]
    enrolled: Option<bool>,
    #[serde(rename = "isEnforcedIn2Sv")]
    enforced: Option<bool>,
    is_guest_user: Option<bool>,
    suspended: Option<bool>,
    suspension_reason: Option<String>,
    suspension_time: Option<String>,
    archived: Option<bool>,
    archival_time: Option<String>,
    deletion_time: Option<String>,
    agreed_to_terms: Option<bool>,
    creation_time: Option<String>,
    last_login_time: Option<String>,
    #[serde(default)]
    organizations: Vec<Organisation>,
    #[serde(default)]
    external_ids: Vec<Typed>,
    #[serde(default)]
    relations: Vec<Typed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    full_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Organisation {
    title: Option<String>,
    department: Option<String>,
    primary: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Typed {
    r#type: Option<String>,
    value: Option<String>,
}

/// What others need to know of a user.
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) address: String,
    pub(crate) origin: Origin,
    /// Deleted users hold nothing any more.
    pub(crate) is_live: bool,
}

/// Users, by id.
#[derive(Default)]
pub(crate) struct Users {
    by_id: BTreeMap<String, Known>,
    /// Why not all of them are known.
    pub(crate) gap: Option<String>,
}

impl Users {
    pub(crate) fn get(&self, id: &str) -> Option<&Known> {
        self.by_id.get(id)
    }

    pub(crate) fn live(&self) -> Vec<&Known> {
        self.by_id.values().filter(|user| user.is_live).collect()
    }
}

/// The customer as Google itself names it, which every user says. A credential that may not list users is refused here.
pub(crate) fn customer(api: &Api<'_>) -> Result<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Of {
        customer_id: String,
    }
    let page = api.first("/users").send().map_err(|failure| match failure.status() {
        Some(403) => failure.context(
            "users may not be listed: delegate the scope admin.directory.user.readonly, and let the subject be an administrator who may read users",
        ),
        Some(404) => failure.context("there is no such customer: leave out `customer`, or write its id"),
        _ => failure,
    })?;
    let found = page.items_at::<Of>("/users")?.into_iter().next();
    let found =
        found.ok_or_else(|| Failure::upstream("the customer has no user, not even an administrator"))?;
    Ok(found.into_value().customer_id)
}

pub(crate) fn collect(api: &Api<'_>) -> Result<Users> {
    let mut accounts =
        api.ctx.wanted::<Account>("all users in every status, those deleted in the last 20 days too");
    let mut users = Users::default();
    let others = api.ctx.wants::<RoleGrant>() || api.ctx.wants::<AppGrant>();
    if !accounts.is_wanted() && !others {
        return Ok(users);
    }
    for deleted in [false, true] {
        let list = api.all("/users", "/users", 500).query("projection", "full");
        let list = if deleted { list.query("showDeleted", "true") } else { list };
        read(api, list, deleted, &mut accounts, &mut users)?;
    }
    accounts.seal()?;
    Ok(users)
}

fn read(
    api: &Api<'_>,
    list: Request,
    deleted: bool,
    accounts: &mut Wanted<Account>,
    users: &mut Users,
) -> Result<()> {
    for page in list.pages() {
        if let Err(failure) = &page
            && !deleted
        {
            users.gap.get_or_insert_with(|| format!("users are not known: {}", failure.reason()));
        }
        for page in api.passing.take(&mut [accounts], page.map(|page| vec![page]))? {
            for user in accounts.items::<User>(&page)? {
                accounts.emit(record(&user, deleted))?;
                let known = Known {
                    id: user.id.clone(),
                    address: user.primary_email.clone(),
                    origin: user.origin().clone(),
                    is_live: !deleted,
                };
                users.by_id.insert(user.id.clone(), known);
            }
        }
    }
    Ok(())
}

/// An instant; Google writes the epoch for what never was.
fn past(text: Option<&String>) -> Option<Timestamp> {
    instant(text).filter(|at| at.as_ms() > 0)
}

fn status(user: &User, deleted: bool) -> (Option<AccountStatus>, Option<String>) {
    match (deleted, user.suspended, user.archived) {
        (true, ..) => (Some(AccountStatus::Deprovisioned), Some("deleted".to_owned())),
        (_, Some(true), _) => {
            let reason =
                user.suspension_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            (Some(AccountStatus::Suspended), Some(format!("suspended{reason}")))
        }
        // Archived users keep their data and cannot sign in.
        (_, _, Some(true)) => (Some(AccountStatus::Disabled), Some("archived".to_owned())),
        (_, Some(false), _) if user.agreed_to_terms == Some(false) => {
            (Some(AccountStatus::Pending), Some("never signed in".to_owned()))
        }
        (_, Some(false), _) => (Some(AccountStatus::Active), Some("active".to_owned())),
        _ => (None, None),
    }
}

fn record(user: &Item<User>, deleted: bool) -> Record<Account> {
    let (status, source_status) = status(user, deleted);
    let job = user.organizations.iter().find(|o| o.primary == Some(true)).or(user.organizations.first());
    let of = |values: &[Typed], word: &str| {
        values.iter().find(|v| v.r#type.as_deref() == Some(word)).and_then(|v| v.value.clone())
    };
    let mfa = user.enrolled.map(|is_on| if is_on { MfaStatus::Enrolled } else { MfaStatus::NotEnrolled });
    let ended = [&user.deletion_time, &user.suspension_time, &user.archival_time];
    let admin = match (user.is_admin, user.is_delegated_admin) {
        (None, None) => None,
        (super_admin, delegated) => Some(super_admin == Some(true) || delegated == Some(true)),
    };
    let attributes = Account {
        display_name: user.name.as_ref().and_then(|name| name.full_name.clone()),
        email: Some(user.primary_email.clone()),
        r#type: Some(AccountType::Human),
        status,
        source_status,
        external: user.is_guest_user,
        admin,
        mfa_status: mfa,
        mfa_enforced: user.enforced,
        created_at: past(user.creation_time.as_ref()),
        status_changed_at: ended.into_iter().find_map(|time| past(time.as_ref())),
        last_login_on: past(user.last_login_time.as_ref()).map(Timestamp::date),
        employee_id: of(&user.external_ids, "organization"),
        job_title: job.and_then(|job| job.title.clone()),
        department: job.and_then(|job| job.department.clone()),
        manager: of(&user.relations, "manager"),
        ..Account::new(&user.primary_email)
    };
    let mut record = user.record(&user.id, attributes);
    if let Some(subject) = subject::person(&user.primary_email) {
        record = record.subject(subject);
    }
    for (attribute, is_known) in [
        ("status", status.is_some()),
        ("admin", admin.is_some()),
        ("mfa_status", mfa.is_some()),
        ("mfa_enforced", user.enforced.is_some()),
        // Google counts second factors, and does not name them.
        ("mfa_factors", false),
        ("created_at", user.creation_time.is_some()),
        ("last_login_on", user.last_login_time.is_some()),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

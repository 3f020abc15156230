//! Service accounts of every project, and their keys.
//!
//! Keys that Google holds and rotates by itself are counted and left out:
//! <https://cloud.google.com/iam/docs/service-account-creds#google-managed-keys>.

use crate::api::{Api, IAM};
use crate::tree::{Place, Tree};
use crate::values::last;
use exhibit_sdk::kinds::{
    Account, AccountStatus, AccountType, Credential, CredentialStatus, CredentialType, PrincipalType,
};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    email: String,
    unique_id: String,
    display_name: Option<String>,
    project_id: Option<String>,
    /// Google leaves out what is false.
    #[serde(default)]
    disabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    name: String,
    valid_after_time: Option<String>,
    valid_before_time: Option<String>,
    key_type: Option<String>,
    #[serde(default)]
    disabled: bool,
    disable_reason: Option<String>,
}

/// Of keys that do not end, Google writes this instant.
const NEVER: &str = "9999-12-31";

pub(crate) fn collect(api: &Api<'_>, tree: &Tree) -> Result<()> {
    let mut accounts = api.open::<Account>("service accounts of all active projects");
    let mut keys = api.open::<Credential>("keys of all service accounts of all active projects");
    if !accounts.is_wanted() && !keys.is_wanted() {
        return Ok(());
    }
    let projects = tree.projects();
    let ask = |project: &&Place| {
        let list = api.list(IAM, &format!("/v1/{}/serviceAccounts", project.path()), "/accounts");
        list.query("pageSize", "100")
    };
    for (_, answer) in api.ctx.each(&projects, ask) {
        for page in api.passing.take(&mut [&mut accounts, &mut keys], answer)? {
            let found = accounts.items::<Listed>(&page)?;
            for account in &found {
                accounts.emit(record(api, account))?;
            }
            if !keys.is_wanted() {
                continue;
            }
            let ask = |account: &Item<Listed>| {
                let project = account.project_id.as_deref().unwrap_or("-");
                let path = format!(
                    "/v1/projects/{}/serviceAccounts/{}/keys",
                    encode(project),
                    encode(&account.email)
                );
                Api::whole(api.get(IAM, &path), "/keys")
            };
            for (account, answer) in api.ctx.each(&found, ask) {
                let mut held = 0_u64;
                for page in api.passing.take(&mut [&mut keys], answer)? {
                    for key in keys.items::<Key>(&page)? {
                        if key.key_type.as_deref() == Some("SYSTEM_MANAGED") {
                            keys.filtered(1, "a key that Google holds and rotates")?;
                        } else {
                            keys.emit(of_key(api, account, &key))?;
                            held += 1;
                        }
                    }
                }
                keys.filtered(
                    u64::from(held == 0),
                    "a service account without keys that someone else holds",
                )?;
            }
        }
    }
    exhibit_sdk::all([accounts.seal(), keys.seal()])
}

fn record(api: &Api<'_>, account: &Item<Listed>) -> Record<Account> {
    let attributes = Account {
        display_name: account.display_name.clone().filter(|name| !name.is_empty()),
        email: Some(account.email.clone()),
        r#type: Some(AccountType::Service),
        status: Some(if account.disabled { AccountStatus::Disabled } else { AccountStatus::Active }),
        source_status: Some(if account.disabled { "disabled" } else { "enabled" }.to_owned()),
        ..Account::new(&account.email)
    };
    // IAM says neither when an account was made nor when it was last used; what it may do is in role grants.
    account
        .record(&account.unique_id, attributes)
        .subject(subject::account(&api.tenant, &account.email))
        .unknown("admin")
        .unknown("created_at")
        .unknown("last_login_on")
}

fn of_key(api: &Api<'_>, account: &Item<Listed>, key: &Item<Key>) -> Record<Credential> {
    let ends = key.valid_before_time.as_ref().filter(|text| !text.starts_with(NEVER));
    let ends = instant(ends);
    let status = if key.disabled {
        CredentialStatus::Inactive
    } else if ends.is_some_and(|ends| ends <= api.ctx.started_at()) {
        CredentialStatus::Expired
    } else {
        CredentialStatus::Active
    };
    let attributes = Credential {
        status: Some(status),
        source_status: key.disable_reason.clone(),
        name: Some(last(&key.name).to_owned()),
        owner_id: Some(account.unique_id.clone()),
        owner_name: Some(account.email.clone()),
        owner_type: Some(PrincipalType::Service),
        created_at: instant(key.valid_after_time.as_ref()),
        expires_at: ends,
        ..Credential::new(CredentialType::ServiceAccountKey)
    };
    let record = key
        .record(&key.name, attributes)
        .origin(account.origin())
        .subject(subject::account(&api.tenant, &account.email));
    let record = if key.valid_after_time.is_none() { record.unknown("created_at") } else { record };
    record.unknown("last_used_on")
}

//! Users of the site, inactive ones and apps too.

use crate::api::{Api, User};
use exhibit_sdk::kinds::{Account, AccountStatus, AccountType};
use exhibit_sdk::prelude::*;

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut accounts =
        api.ctx.population::<Account>("all users of the site, inactive ones, customers and apps too");
    // Jira leaves users out of a page without saying so: only an empty one is the last.
    let list = Paging::offset("startAt").page_size("maxResults", 100).items("");
    for page in api.pages(api.get("/rest/api/3/users/search").paged(list)) {
        let Some(page) = accounts.tolerate(page)? else { break };
        for user in accounts.items::<User>(&page)? {
            accounts.emit(account(api, &user))?;
        }
    }
    accounts.seal()
}

fn account(api: &Api<'_>, user: &Item<User>) -> Record<Account> {
    let (kind, external) = match user.account_type.as_deref() {
        Some("atlassian") => (Some(AccountType::Human), Some(false)),
        Some("app") => (Some(AccountType::Service), Some(false)),
        Some("customer") => (Some(AccountType::Human), Some(true)),
        _ => (None, None),
    };
    let status = user.active.map(|on| if on { AccountStatus::Active } else { AccountStatus::Disabled });
    let attributes = Account {
        display_name: user.display_name.clone(),
        email: user.email_address.clone(),
        r#type: kind,
        status,
        source_status: user.active.map(|on| if on { "active" } else { "inactive" }.to_owned()),
        external,
        ..Account::new(user.email_address.as_deref().unwrap_or(&user.account_id))
    };
    let mut record = user.record(&user.account_id, attributes).subject(api.subject(user));
    for (attribute, is_known) in [
        ("email", user.email_address.is_some()),
        ("type", kind.is_some()),
        ("external", external.is_some()),
        ("status", status.is_some()),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    // Atlassian keeps these for the organisation above its sites.
    ["admin", "mfa_status", "mfa_factors", "created_at", "last_login_on"]
        .into_iter()
        .fold(record, Record::unknown)
}

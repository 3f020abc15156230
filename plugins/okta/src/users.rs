//! Users with their factors.

use crate::Api;
use exhibit_sdk::kinds::{Account, AccountStatus, AccountType, AppGrant, MfaStatus, RoleGrant};
use exhibit_sdk::prelude::*;
use exhibit_sdk::subject;

/// What other lists need to know of a user.
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) email: Option<String>,
    /// Whether the account can hold anything: Okta ends factors and roles with the account.
    pub(crate) is_live: bool,
    /// Where the user stood.
    pub(crate) origin: Origin,
}

impl Known {
    /// The person's address.
    pub(crate) fn address(&self) -> Option<&str> {
        self.email.as_deref().or(Some(&self.login))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    status: Option<String>,
    created: Option<String>,
    activated: Option<String>,
    status_changed: Option<String>,
    last_login: Option<String>,
    password_changed: Option<String>,
    #[serde(default)]
    profile: Profile,
    #[serde(default)]
    credentials: Option<Credentials>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    login: Option<String>,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    display_name: Option<String>,
    employee_number: Option<String>,
    title: Option<String>,
    department: Option<String>,
    manager: Option<String>,
    user_type: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Credentials {
    password: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Factor {
    factor_type: Option<String>,
    status: Option<String>,
}

/// All users.
#[derive(Default)]
pub(crate) struct Users {
    pub(crate) known: Vec<Known>,
    /// Listed by Okta in a shape that cannot be read; each is logged.
    pub(crate) unread: usize,
}

/// Reads every user, in every status, and each one's factors; returns what other lists need of them.
pub(crate) fn collect(api: &Api<'_>) -> Result<Users> {
    let mut all = Users::default();
    let mut accounts = if api.ctx.wants::<Account>() {
        Some(api.ctx.population::<Account>("all users in every status, deprovisioned ones too"))
    } else {
        None
    };
    // They stay in memory until the other lists are read.
    let needs_known = api.ctx.wants::<RoleGrant>() || api.ctx.wants::<AppGrant>();
    // Without a filter Okta leaves deprovisioned users out; with this one it lists nothing else.
    let listed = api.list("/api/v1/users", 200);
    let ended = api.get("/api/v1/users").query("filter", "status eq \"DEPROVISIONED\"").query("limit", "200");
    let ended = ended.paged(Paging::link_header().items(""));
    for list in [listed, ended] {
        for page in list.pages() {
            let page = page?;
            let users: Vec<Item<User>> = match &mut accounts {
                Some(accounts) => accounts.items(&page)?,
                None => page.items()?,
            };
            if let Some(accounts) = &mut accounts {
                emit(api, accounts, &users)?;
            }
            if !needs_known {
                continue;
            }
            all.known.extend(users.iter().map(|user| Known {
                is_live: is_live(user.status.as_deref()),
                login: user.login().to_owned(),
                email: user.profile.email.clone(),
                id: user.id.clone(),
                origin: user.origin().clone(),
            }));
        }
    }
    if let Some(accounts) = accounts {
        all.unread = accounts.unread();
        accounts.seal()?;
    }
    Ok(all)
}

fn is_live(status: Option<&str>) -> bool {
    status != Some("DEPROVISIONED")
}

impl User {
    fn login(&self) -> &str {
        self.profile.login.as_deref().or(self.profile.email.as_deref()).unwrap_or(&self.id)
    }
}

fn emit(api: &Api<'_>, accounts: &mut Population<Account>, users: &[Item<User>]) -> Result<()> {
    let live: Vec<&Item<User>> = users.iter().filter(|user| is_live(user.status.as_deref())).collect();
    let requests = live.iter().map(|user| api.whole_list(&format!("/api/v1/users/{}/factors", user.id)));
    let mut answers = api.ctx.send_all(requests);
    let mut withheld = Withheld::default();
    for user in users {
        let mut record = account(api, user);
        if is_live(user.status.as_deref()) {
            let answer =
                answers.next().unwrap_or_else(|| Err(Failure::internal("a factor list was not answered")));
            record = with_factors(record, answer, &mut withheld)?;
        } else {
            // Okta ends the factors with the account and does not say which there were.
            record = record.unknown("mfa_status").unknown("mfa_factors");
        }
        accounts.emit(record)?;
    }
    if let Some(reason) = withheld.first {
        exhibit_sdk::warn!(
            "second factors of {} users are unknown, the first because {reason}",
            withheld.users
        );
    }
    Ok(())
}

/// Users whose factors Okta did not show: how many, and why the first.
#[derive(Default)]
struct Withheld {
    users: u64,
    first: Option<String>,
}

/// Factors that are gone or may not be read are unknown, never absent.
fn with_factors(
    mut record: Record<Account>,
    answer: Result<Vec<Page>>,
    withheld: &mut Withheld,
) -> Result<Record<Account>> {
    let pages = match answer {
        Ok(pages) => pages,
        Err(failure) if failure.is_forbidden() || failure.is_not_found() => {
            withheld.users += 1;
            withheld.first.get_or_insert_with(|| failure.message().to_owned());
            if let Some(page) = failure.page() {
                record = record.origin(&page.origin(""));
            }
            return Ok(record.unknown("mfa_status").unknown("mfa_factors"));
        }
        Err(failure) => return Err(failure),
    };
    let mut kinds = Vec::new();
    for page in &pages {
        record = record.origin(&page.origin(""));
        for factor in page.items::<Factor>()? {
            if factor.status.as_deref() == Some("ACTIVE")
                && let Some(kind) = &factor.factor_type
            {
                kinds.push(factor_kind(kind));
            }
        }
    }
    kinds.sort();
    kinds.dedup();
    let attributes = record.attributes_mut();
    // A security question is something one knows, as a password is: it makes no second factor.
    let enrolled = kinds.iter().any(|kind| kind != "security_question");
    attributes.mfa_status = Some(if enrolled { MfaStatus::Enrolled } else { MfaStatus::NotEnrolled });
    attributes.mfa_factors = Some(kinds);
    Ok(record)
}

/// Okta's `factorType` in the kind's words; its own word where there is none.
fn factor_kind(kind: &str) -> String {
    match kind {
        "token:software:totp" => "totp",
        "token:hotp" | "token:hardware" | "token" => "hardware_token",
        "u2f" | "webauthn" => "webauthn",
        "question" => "security_question",
        other => other,
    }
    .to_owned()
}

fn account(api: &Api<'_>, user: &Item<User>) -> Record<Account> {
    let profile = &user.profile;
    let name = profile.display_name.clone().or_else(|| {
        let name = [profile.first_name.as_deref(), profile.last_name.as_deref()];
        let name = name.into_iter().flatten().collect::<Vec<_>>().join(" ");
        (!name.is_empty()).then_some(name)
    });
    let status = user.status.as_deref().and_then(status);
    let service = profile.user_type.as_deref().is_some_and(|t| t.eq_ignore_ascii_case("service"));
    let attributes = Account {
        display_name: name,
        email: profile.email.clone(),
        r#type: Some(if service { AccountType::Service } else { AccountType::Human }),
        status,
        source_status: user.status.clone(),
        password_enabled: user.credentials.as_ref().map(|c| c.password.is_some()),
        password_changed_at: instant(user.password_changed.as_ref()),
        created_at: instant(user.created.as_ref()),
        activated_at: instant(user.activated.as_ref()),
        status_changed_at: instant(user.status_changed.as_ref()),
        last_login_on: instant(user.last_login.as_ref()).map(Timestamp::date),
        employee_id: profile.employee_number.clone(),
        job_title: profile.title.clone(),
        department: profile.department.clone(),
        manager: profile.manager.clone(),
        ..Account::new(user.login())
    };
    let email = profile.email.as_deref().or(profile.login.as_deref());
    let mut record = user
        .record(&user.id, attributes)
        .subject(subject::person_or_account(email, api.tenant(), &user.id))
        .unknown("admin");
    if status.is_none() {
        record = record.unknown("status");
    }
    if user.credentials.is_none() {
        record = record.unknown("password_enabled");
    }
    record
}

/// <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/#tag/User/User-status>
fn status(word: &str) -> Option<AccountStatus> {
    Some(match word {
        "ACTIVE" | "PASSWORD_EXPIRED" | "RECOVERY" => AccountStatus::Active,
        "STAGED" | "PROVISIONED" => AccountStatus::Pending,
        "SUSPENDED" => AccountStatus::Suspended,
        "LOCKED_OUT" => AccountStatus::Locked,
        "DEPROVISIONED" => AccountStatus::Deprovisioned,
        _ => return None,
    })
}

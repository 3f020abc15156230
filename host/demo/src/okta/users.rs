//! `/users`: accounts, their factors and their administrator roles.

use super::{Answer, Call, Refusal, instant, page};
use crate::calendar::Held;
use crate::org::people::{Account, AccountKind, Factor, FactorKind, Status};
use crate::random::okta_id;
use serde_json::{Value, json};

pub(crate) fn answer(call: &Call<'_>, rest: &[&str]) -> Answer {
    match rest {
        [] => list(call),
        [id] => Ok(user(call, find(call, id)?).into()),
        [id, "factors"] => Ok(factors(call, find(call, id)?).into()),
        [id, "roles"] => Ok(roles(call, find(call, id)?).into()),
        [id, "groups"] => {
            let account = find(call, id)?;
            let member = |slot| call.org.now(&account.groups).any(|held| held.what == slot);
            let groups = call.org.groups().iter().filter(|g| member(g.slot));
            Ok(Value::Array(groups.map(|g| super::groups::group(call, g)).collect()).into())
        }
        _ => Err(super::no_endpoint()),
    }
}

/// By identifier or, as Okta allows, by login.
fn find<'a>(call: &Call<'a>, id: &str) -> Result<&'a Account, Refusal> {
    let found = call.org.account(id).or_else(|| call.org.account_by_login(id));
    found.ok_or_else(|| Refusal::not_found(id, "User"))
}

fn list(call: &Call<'_>) -> Answer {
    let asked = call.request.param("filter").or_else(|| call.request.param("search"));
    let wanted = match asked {
        None => Wanted::all_but_closed(),
        Some(text) => Wanted::parse(&text)?,
    };
    let accounts: Vec<&Account> = call.org.accounts().filter(|a| wanted.has(a, call)).collect();
    page::list(call, 200, 200, accounts, |a| user(call, a), |a| &a.id)
}

/// Which accounts a request asks for. Of Okta's filter language the comparisons with `status` are understood.
struct Wanted {
    statuses: Vec<String>,
    unwanted: Vec<String>,
}

impl Wanted {
    fn all_but_closed() -> Self {
        Self { statuses: Vec::new(), unwanted: vec!["DEPROVISIONED".to_owned()] }
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut wanted = Self { statuses: Vec::new(), unwanted: Vec::new() };
        for part in text.split(" or ").flat_map(|p| p.split(" and ")) {
            let part = part.trim().trim_matches(['(', ')']);
            let value = |rest: &str| rest.trim().strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
            if let Some(status) = part.strip_prefix("status eq ").and_then(value) {
                wanted.statuses.push(status);
            } else if let Some(status) = part.strip_prefix("status ne ").and_then(value) {
                wanted.unwanted.push(status);
            } else if part != "id pr" {
                return Err(Refusal::search(part));
            }
        }
        Ok(wanted)
    }

    fn has(&self, account: &Account, call: &Call<'_>) -> bool {
        let status = account.status(call.now()).map(Status::code).unwrap_or_default();
        let named = self.statuses.is_empty() || self.statuses.iter().any(|s| s == status);
        named && !self.unwanted.iter().any(|s| s == status)
    }
}

/// A user object.
pub(crate) fn user(call: &Call<'_>, account: &Account) -> Value {
    let now = call.now();
    let when = |at: Option<_>| at.map(instant);
    let activated = account.activated(now);
    let mut profile = json!({
        "firstName": account.given, "lastName": account.family, "login": account.login, "email": account.login,
        "title": account.title, "mobilePhone": null, "secondEmail": null,
        "userType": match account.kind {
            AccountKind::Employee => "Employee",
            AccountKind::Contractor => "Contractor",
            AccountKind::Service => "Service",
        },
    });
    if let (Some(department), Some(profile)) = (account.department(now), profile.as_object_mut()) {
        profile.insert("department".to_owned(), department.name.into());
    }
    json!({
        "id": account.id,
        "status": account.status(now).map(Status::code),
        "created": instant(account.created()),
        "activated": when(activated),
        "statusChanged": when(account.status_changed(now)),
        "lastLogin": when(account.last_sign_in(now)),
        "lastUpdated": instant(account.updated(now)),
        "passwordChanged": when(activated.map(|at| at.plus_ms(600_000)).filter(|at| *at <= now)),
        "type": {"id": okta_id(call.org.seed(), "oty", "default")},
        "profile": profile,
        "credentials": {"password": {}, "provider": {"type": "OKTA", "name": "OKTA"}},
        "_links": {"self": {"href": call.href(&format!("users/{}", account.id))}},
    })
}

fn factors(call: &Call<'_>, account: &Account) -> Value {
    Value::Array(account.factors(call.now()).map(|held| factor(call, account, held)).collect())
}

fn factor(call: &Call<'_>, account: &Account, held: &Held<Factor>) -> Value {
    let Factor { id, kind } = &held.what;
    let (factor_type, provider, vendor, profile) = match kind {
        FactorKind::Push => {
            let profile = json!({
                "credentialId": account.login, "deviceType": "SmartPhone_IPhone", "keys": null,
                "name": "Phone", "platform": "IOS", "version": "18.2",
            });
            ("push", "OKTA", "OKTA", profile)
        }
        FactorKind::Totp => {
            ("token:software:totp", "GOOGLE", "GOOGLE", json!({"credentialId": account.login}))
        }
        FactorKind::WebAuthn => {
            let profile = json!({
                "credentialId": "c2ltdWxhdGVk", "authenticatorName": "Security Key",
            });
            ("webauthn", "FIDO", "FIDO", profile)
        }
        FactorKind::Sms => ("sms", "OKTA", "OKTA", json!({"phoneNumber": "+12025550142"})),
    };
    let path = format!("users/{}/factors/{id}", account.id);
    json!({
        "id": id, "factorType": factor_type, "provider": provider, "vendorName": vendor, "status": "ACTIVE",
        "created": instant(held.from), "lastUpdated": instant(held.from), "profile": profile,
        "_links": {
            "self": call.link(&path, &["GET", "DELETE"]),
            "verify": call.link(&format!("{path}/verify"), &["POST"]),
            "user": call.link(&format!("users/{}", account.id), &["GET"]),
        },
    })
}

fn roles(call: &Call<'_>, account: &Account) -> Value {
    let grants = call.org.roles(account);
    let role = |grant: &crate::org::Grant| {
        let assignee = match &grant.group {
            Some(group) => format!("groups/{group}"),
            None => format!("users/{}", account.id),
        };
        json!({
            "id": okta_id(call.org.seed(), "ra1", &format!("{assignee} {}", grant.role.code())),
            "label": grant.role.label(), "type": grant.role.code(), "status": "ACTIVE",
            "created": instant(grant.since), "lastUpdated": instant(grant.since),
            "assignmentType": if grant.group.is_some() { "GROUP" } else { "USER" },
            "_links": {"assignee": {"href": call.href(&assignee)}},
        })
    };
    Value::Array(grants.iter().map(role).collect())
}

//! What {{Name}} is asked and answers, and the evidence that is made of it.

use exhibit_sdk::prelude::*;

#[derive(Deserialize)]
pub struct Settings {
    pub domain: String,
}

impl Settings {
    pub fn describe() -> Description {
        Description::new("{{Name}}", "Accounts of {{Name}}")
            .setting(Setting::host("domain", "Domain of the tenant").example("example.com"))
            .kind::<Account>("Which accounts exist, and in which status are they?")
            .permission("users.read", "Users", &[Account::KIND])
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.domain)
    }
}

/// One of `GET /api/users`. What is `Option` here may be absent or null there.
#[derive(Deserialize)]
pub struct User {
    id: String,
    login: String,
    email: Option<String>,
    name: Option<String>,
    status: String,
    created: Option<Timestamp>,
    last_login: Option<Date>,
}

impl User {
    /// The evidence: what the system does not report is named unknown, never made up.
    pub fn record(user: &Item<Self>) -> Result<Record<Account>> {
        let status = match user.status.as_str() {
            "ACTIVE" => Some(AccountStatus::Active),
            "SUSPENDED" => Some(AccountStatus::Suspended),
            "DELETED" => Some(AccountStatus::Deprovisioned),
            _ => None,
        };
        let account = Account {
            email: user.email.clone(),
            display_name: user.name.clone(),
            status,
            source_status: Some(user.status.clone()),
            created_at: user.created,
            last_login_on: user.last_login,
            ..Account::new(&user.login)
        };
        let mut record = user.record(&user.id, account).unknown("mfa_status").unknown("admin");
        if status.is_none() {
            record = record.unknown("status");
        }
        Ok(match user.email.as_deref().and_then(subject::person) {
            Some(person) => record.subject(person),
            None => record,
        })
    }
}

//! The account's password policy.

use crate::api::{Api, code};
use exhibit_sdk::kinds::{AuthPolicy, Details, Status};
use exhibit_sdk::prelude::*;

const RESULT: &str = "/GetAccountPasswordPolicyResponse/GetAccountPasswordPolicyResult/PasswordPolicy";

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountPasswordPolicy.html>
pub(super) fn collect(api: &Api<'_>) -> Result<()> {
    let mut policies = api.ctx.wanted::<AuthPolicy>("the account's password policy");
    if !policies.is_wanted() {
        return policies.seal();
    }
    let key = api.arn("iam", "", "account-password-policy");
    let answer = api.iam("GetAccountPasswordPolicy", &[]).send();
    match answer {
        // No policy of its own: IAM's default holds, which IAM does not state.
        Err(failure) if code(&failure).as_deref() == Some("NoSuchEntity") => {
            let attributes = AuthPolicy {
                status: Some(Status::Active),
                system_default: Some(true),
                applies_to_all: Some(true),
                ..AuthPolicy::new("IAM's default password policy", "password")
            };
            let mut record = Record::new(key, attributes);
            if let Some(page) = failure.page() {
                record = record.origin(&page.origin(""));
            }
            policies.emit(record.unknown("password_min_length").unknown("password_complexity"))?;
        }
        answer => {
            let answer = answer.map_err(|failure| failure.context("iam:GetAccountPasswordPolicy"));
            for page in api.passing.take(&mut [&mut policies], answer.map(|page| vec![page]))? {
                for item in page.elements_at(RESULT)? {
                    policies.emit(Record::new(&key, policy(&item)).origin(&page.origin(RESULT)))?;
                }
            }
        }
    }
    policies.seal()
}

fn policy(item: &Element) -> AuthPolicy {
    let asked = [
        ("RequireUppercaseCharacters", "upper_case"),
        ("RequireLowercaseCharacters", "lower_case"),
        ("RequireNumbers", "number"),
        ("RequireSymbols", "symbol"),
    ];
    let complexity = asked.iter().filter(|(name, _)| item.flag(name) == Some(true));
    let mut details = Details::new();
    for (name, key) in [("AllowUsersToChangePassword", "users_may_change"), ("HardExpiry", "hard_expiry")] {
        if let Some(flag) = item.flag(name) {
            details.insert(key, flag);
        }
    }
    AuthPolicy {
        status: Some(Status::Active),
        system_default: Some(false),
        applies_to_all: Some(true),
        password_min_length: item.read("MinimumPasswordLength"),
        password_complexity: Some(complexity.map(|(_, word)| (*word).to_owned()).collect()),
        // Absent where earlier passwords may be used again.
        password_history_count: Some(item.read("PasswordReusePrevention").unwrap_or(0)),
        password_max_age_days: match item.flag("ExpirePasswords") {
            Some(false) => Some(0),
            _ => item.read("MaxPasswordAge"),
        },
        details: details.some(),
        ..AuthPolicy::new("Account password policy", "password")
    }
}

//! Policies with their rules, and authenticators: how people must sign in.

use crate::Api;
use exhibit_sdk::kinds::{AuthPolicy, RuleAction, Status};
use exhibit_sdk::prelude::*;
use serde_json::Value;

/// Types that say how people sign in. The last is of Identity Engine alone: the classic engine answers 400.
const TYPES: [&str; 4] = ["OKTA_SIGN_ON", "PASSWORD", "MFA_ENROLL", IDENTITY_ENGINE];
const IDENTITY_ENGINE: &str = "ACCESS_POLICY";

#[derive(Debug, Deserialize)]
struct Policy {
    id: String,
    name: Option<String>,
    r#type: Option<String>,
    status: Option<String>,
    priority: Option<u64>,
    system: Option<bool>,
    #[serde(default)]
    conditions: Value,
    #[serde(default)]
    settings: Value,
}

#[derive(Debug, Deserialize)]
struct Rule {
    id: Option<String>,
    name: Option<String>,
    status: Option<String>,
    priority: Option<u64>,
    system: Option<bool>,
    #[serde(default)]
    conditions: Value,
    #[serde(default)]
    actions: Value,
}

#[derive(Debug, Deserialize)]
struct Authenticator {
    id: String,
    key: Option<String>,
    name: Option<String>,
    status: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let mut records = api.ctx.population::<AuthPolicy>(
        "sign-in, password, enrolment and access policies, their rules, authenticators",
    );
    let mut is_classic = false;
    for kind in TYPES {
        let list = api.get("/api/v1/policies").query("type", kind).paged(Paging::link_header().items(""));
        for page in list.pages() {
            let page = match page {
                // E0000001, invalid type: this edition of Okta has no such policies, so none is missing.
                Err(failure) if kind == IDENTITY_ENGINE && failure.status() == Some(400) => {
                    exhibit_sdk::warn!("this Okta has no policies of type {kind}: {}", failure.message());
                    is_classic = true;
                    break;
                }
                page => page,
            };
            let Some(page) = records.tolerate(page)? else { break };
            of_policies(api, &mut records, &page)?;
        }
    }
    // Authenticators are of Identity Engine, too.
    if !is_classic {
        of_authenticators(api, &mut records)?;
    }
    records.seal()
}

fn of_authenticators(api: &Api<'_>, records: &mut Population<AuthPolicy>) -> Result<()> {
    for page in api.whole_list("/api/v1/authenticators").pages() {
        let Some(page) = records.tolerate(page)? else { break };
        for authenticator in records.items::<Authenticator>(&page)? {
            let name = authenticator.name.clone().unwrap_or_else(|| authenticator.id.clone());
            let attributes = AuthPolicy {
                policy_id: Some(authenticator.id.clone()),
                status: authenticator.status.as_deref().and_then(status),
                factors_allowed: authenticator.key.clone().map(|key| vec![key]),
                ..AuthPolicy::new(name, "AUTHENTICATOR")
            };
            records.emit(authenticator.record(format!("authenticator/{}", authenticator.id), attributes))?;
        }
    }
    Ok(())
}

fn of_policies(api: &Api<'_>, records: &mut Population<AuthPolicy>, page: &Page) -> Result<()> {
    let policies = records.items::<Policy>(page)?;
    for policy in &policies {
        records.emit(policy.record(&policy.id, of_policy(policy)))?;
    }
    let requests =
        policies.iter().map(|policy| api.whole_list(&format!("/api/v1/policies/{}/rules", policy.id)));
    for (policy, answer) in policies.iter().zip(api.ctx.send_all(requests)) {
        let Some(pages) = records.tolerate(answer)? else { continue };
        for page in &pages {
            for rule in records.items::<Rule>(page)? {
                let id = rule.id.clone().unwrap_or_else(|| rule.name.clone().unwrap_or_default());
                let key = format!("{}/{id}", policy.id);
                records.emit(rule.record(key, of_rule(policy, &rule)).origin(policy.origin()))?;
            }
        }
    }
    Ok(())
}

fn new(policy: &Policy) -> AuthPolicy {
    let name = policy.name.clone().unwrap_or_else(|| policy.id.clone());
    AuthPolicy {
        policy_id: Some(policy.id.clone()),
        ..AuthPolicy::new(name, policy.r#type.clone().unwrap_or_default())
    }
}

fn of_policy(policy: &Policy) -> AuthPolicy {
    let password = policy.settings.pointer("/password").unwrap_or(&Value::Null);
    let complexity = password.pointer("/complexity");
    let groups = strings(policy.conditions.pointer("/people/groups/include"));
    AuthPolicy {
        status: policy.status.as_deref().and_then(status),
        priority: policy.priority,
        system_default: policy.system,
        applies_to: groups,
        password_min_length: complexity.and_then(|c| c.get("minLength")).and_then(Value::as_u64),
        password_complexity: complexity.map(asked_of_passwords),
        password_history_count: number(password, "/age/historyCount"),
        password_max_age_days: number(password, "/age/maxAgeDays").filter(|days| *days > 0),
        lockout_attempts: number(password, "/lockout/maxAttempts"),
        lockout_minutes: number(password, "/lockout/autoUnlockMinutes"),
        factors_allowed: enrollable(&policy.settings),
        ..new(policy)
    }
}

/// `minUpperCase: 1` and its like, in the kind's words.
fn asked_of_passwords(complexity: &Value) -> Vec<String> {
    [
        ("minLowerCase", "lower_case"),
        ("minUpperCase", "upper_case"),
        ("minNumber", "number"),
        ("minSymbol", "symbol"),
    ]
    .into_iter()
    .filter(|(name, _)| complexity.get(name).and_then(Value::as_u64).unwrap_or_default() > 0)
    .map(|(_, word)| word.to_owned())
    .collect()
}

/// Factors that an enrolment policy requires or leaves open: `settings.authenticators` on Identity Engine,
/// `settings.factors` on the classic engine.
fn enrollable(settings: &Value) -> Option<Vec<String>> {
    let is_open = |of: &Value| {
        of.pointer("/enroll/self").and_then(Value::as_str).is_some_and(|word| word != "NOT_ALLOWED")
    };
    let mut keys: Vec<String> = if let Some(list) = settings.get("authenticators").and_then(Value::as_array) {
        let open = list.iter().filter(|a| is_open(a));
        open.filter_map(|a| a.get("key").and_then(Value::as_str).map(str::to_owned)).collect()
    } else {
        let map = settings.get("factors").and_then(Value::as_object)?;
        map.iter().filter(|(_, of)| is_open(of)).map(|(key, _)| key.clone()).collect()
    };
    keys.sort();
    Some(keys)
}

fn of_rule(policy: &Policy, rule: &Rule) -> AuthPolicy {
    let sign_on = rule.actions.get("signon").or_else(|| rule.actions.get("appSignOn"));
    let access = sign_on.and_then(|s| s.get("access")).and_then(Value::as_str);
    let mode = sign_on.and_then(|s| s.pointer("/verificationMethod/factorMode")).and_then(Value::as_str);
    let classic = sign_on.and_then(|s| s.get("requireFactor")).and_then(Value::as_bool);
    let session =
        |name: &str| sign_on.and_then(|s| s.pointer(&format!("/session/{name}"))).and_then(Value::as_u64);
    AuthPolicy {
        rule_id: rule.id.clone(),
        rule_name: rule.name.clone(),
        status: rule.status.as_deref().and_then(status),
        priority: rule.priority,
        system_default: rule.system,
        applies_to: strings(rule.conditions.pointer("/people/groups/include")),
        excludes: strings(rule.conditions.pointer("/people/users/exclude")),
        access: match access {
            Some("ALLOW") => Some(RuleAction::Allow),
            Some("DENY") => Some(RuleAction::Deny),
            _ => None,
        },
        mfa_required: classic.or_else(|| mode.map(|mode| mode == "2FA")),
        session_idle_minutes: session("maxSessionIdleMinutes"),
        session_lifetime_minutes: session("maxSessionLifetimeMinutes").filter(|minutes| *minutes > 0),
        ..new(policy)
    }
}

fn number(of: &Value, pointer: &str) -> Option<u64> {
    of.pointer(pointer).and_then(Value::as_u64)
}

fn strings(list: Option<&Value>) -> Option<Vec<String>> {
    let list = list?.as_array()?;
    Some(list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}

fn status(word: &str) -> Option<Status> {
    match word {
        "ACTIVE" => Some(Status::Active),
        "INACTIVE" => Some(Status::Inactive),
        _ => None,
    }
}

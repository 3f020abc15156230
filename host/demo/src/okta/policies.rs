//! `/policies` with rules, `/authenticators`, `/zones`, `/api-tokens`, `/iam/roles`: how people may sign in.

use super::{Answer, Call, Refusal, instant, page};
use crate::calendar::{at, plus_days};
use crate::org::people::COLLECTOR;
use crate::org::structure::Slot;
use crate::random::okta_id;
use exhibit_evidence::time::Timestamp;
use jiff::civil::date;
use serde_json::{Value, json};

/// The types of policy that the organisation has; Okta's others are answered with an empty list.
const TYPES: [&str; 4] = ["OKTA_SIGN_ON", "PASSWORD", "MFA_ENROLL", "ACCESS_POLICY"];
/// Types of policy that Okta has and this organisation does not use. Any other is refused.
const UNUSED_TYPES: [&str; 6] = [
    "IDP_DISCOVERY",
    "PROFILE_ENROLLMENT",
    "POST_AUTH_SESSION",
    "ENTITY_RISK",
    "DEVICE_SIGNAL_COLLECTION",
    "SESSION_VIOLATION_DETECTION",
];

/// When sign-on was set up.
fn set_up() -> Timestamp {
    at(date(2023, 5, 9), 8, 30)
}

struct Policy {
    id: String,
    kind: &'static str,
    name: &'static str,
    description: &'static str,
    system: bool,
    priority: usize,
    body: Value,
    rules: Vec<Rule>,
}

struct Rule {
    id: String,
    name: &'static str,
    system: bool,
    priority: usize,
    changed: Timestamp,
    conditions: Value,
    actions: Value,
}

pub(crate) fn policies(call: &Call<'_>, rest: &[&str]) -> Answer {
    match rest {
        [] => {
            let kind = call.request.param("type").ok_or_else(|| Refusal::invalid("type"))?;
            if !TYPES.contains(&kind.as_str()) && !UNUSED_TYPES.contains(&kind.as_str()) {
                return Err(Refusal::invalid("type"));
            }
            let policies: Vec<Policy> = all(call).into_iter().filter(|p| p.kind == kind).collect();
            page::list(call, 20, 200, policies, |p| policy(call, p), |p| &p.id)
        }
        [id] => Ok(policy(call, &find(call, id)?).into()),
        [id, "rules"] => {
            let found = find(call, id)?;
            Ok(Value::Array(found.rules.iter().map(|r| rule(call, &found, r)).collect()).into())
        }
        _ => Err(super::no_endpoint()),
    }
}

fn find(call: &Call<'_>, id: &str) -> Result<Policy, Refusal> {
    all(call).into_iter().find(|p| p.id == id).ok_or_else(|| Refusal::not_found(id, "Policy"))
}

fn policy(call: &Call<'_>, policy: &Policy) -> Value {
    let path = format!("policies/{}", policy.id);
    let allow: &[&str] = if policy.system { &["GET", "PUT"] } else { &["GET", "PUT", "DELETE"] };
    let mut body = policy.body.clone();
    if let Some(fields) = body.as_object_mut() {
        let common = json!({
            "id": policy.id, "type": policy.kind, "status": "ACTIVE", "name": policy.name,
            "description": policy.description, "priority": policy.priority, "system": policy.system,
            "created": instant(set_up()), "lastUpdated": instant(set_up()),
            "_links": {
                "self": call.link(&path, allow),
                "rules": call.link(&format!("{path}/rules"), &["GET", "POST"]),
            },
        });
        fields.extend(common.as_object().cloned().unwrap_or_default());
    }
    body
}

fn rule(call: &Call<'_>, policy: &Policy, rule: &Rule) -> Value {
    let kind = match policy.kind {
        "OKTA_SIGN_ON" => "SIGN_ON",
        other => other,
    };
    let allow: &[&str] = if rule.system { &["GET", "PUT"] } else { &["GET", "PUT", "DELETE"] };
    json!({
        "id": rule.id, "type": kind, "status": "ACTIVE", "name": rule.name, "priority": rule.priority,
        "system": rule.system, "created": instant(set_up()), "lastUpdated": instant(rule.changed),
        "conditions": rule.conditions, "actions": rule.actions,
        "_links": {"self": call.link(&format!("policies/{}/rules/{}", policy.id, rule.id), allow)},
    })
}

/// A policy before it has identifiers. Its rules are names and actions, the last of which catches all.
struct Draft {
    kind: &'static str,
    number: usize,
    name: &'static str,
    description: &'static str,
    /// Okta made it, and it applies when no other does.
    default: bool,
    body: Value,
    rules: Vec<(&'static str, Value)>,
}

impl Draft {
    fn new(kind: &'static str, body: Value, rules: Vec<(&'static str, Value)>) -> Self {
        let (name, description) = ("Default Policy", "Applies when no other policy does.");
        Self { kind, number: 0, name, description, default: true, body, rules }
    }

    fn named(self, number: usize, name: &'static str, description: &'static str) -> Self {
        Self { number, name, description, default: false, ..self }
    }

    fn policy(self, seed: u64) -> Policy {
        let Self { kind, number, name, description, default, body, rules } = self;
        let last = rules.len() - 1;
        let rules = rules.into_iter().enumerate().map(|(r, (name, actions))| Rule {
            id: okta_id(seed, "rul", &format!("{kind} {number} {r}")),
            name,
            system: r == last && (default || kind == "ACCESS_POLICY"),
            priority: r + 1,
            changed: set_up(),
            conditions: conditions(kind),
            actions,
        });
        let rules = rules.collect();
        let prefix = if kind == "ACCESS_POLICY" { "rst" } else { "00p" };
        let id = okta_id(seed, prefix, &format!("{kind} {number}"));
        Policy { id, kind, name, description, system: default, priority: number + 1, body, rules }
    }
}

fn drafts(call: &Call<'_>) -> Vec<Draft> {
    let everyone = people(call, Slot::Everyone);
    let any = json!({"conditions": null});
    let weak = call.org.story().weak_rule.span.contains(call.now());
    let catch_all = assurance(if weak { "1FA" } else { "2FA" });
    let access = |rules| Draft::new("ACCESS_POLICY", any.clone(), rules);
    vec![
        Draft::new("OKTA_SIGN_ON", json!({"conditions": everyone}), vec![("Default Rule", sign_on())]),
        Draft::new("PASSWORD", password(&everyone, 14), vec![("Change own password", change_password())])
            .named(0, "Long passwords", "For people."),
        Draft {
            number: 1,
            ..Draft::new("PASSWORD", password(&everyone, 12), vec![("Default Rule", change_password())])
        },
        Draft::new(
            "MFA_ENROLL",
            enroll(&everyone),
            vec![("Default Rule", json!({"enroll": {"self": "LOGIN"}}))],
        ),
        access(vec![("Managed devices", assurance("2FA")), ("Catch-all Rule", catch_all)]).named(
            0,
            "Any two factors",
            "For every application.",
        ),
        access(vec![("Catch-all Rule", assurance("2FA"))]).named(
            1,
            "Okta Admin Console",
            "For administrators.",
        ),
    ]
}

fn all(call: &Call<'_>) -> Vec<Policy> {
    let seed = call.org.seed();
    let mut policies: Vec<Policy> = drafts(call).into_iter().map(|draft| draft.policy(seed)).collect();
    let weak = &call.org.story().weak_rule;
    let changed = [weak.span.end, weak.span.start].into_iter().find(|at| *at <= call.now());
    for rule in policies.iter_mut().flat_map(|p| &mut p.rules).filter(|r| r.id == weak.id) {
        rule.changed = changed.unwrap_or(rule.changed);
    }
    policies
}

fn people(call: &Call<'_>, slot: Slot) -> Value {
    let groups: Vec<&String> = call.org.groups().iter().filter(|g| g.slot == slot).map(|g| &g.id).collect();
    json!({"people": {"groups": {"include": groups}}})
}

fn conditions(kind: &str) -> Value {
    match kind {
        "ACCESS_POLICY" => Value::Null,
        _ => json!({"people": {"users": {"exclude": []}}, "network": {"connection": "ANYWHERE"}}),
    }
}

fn sign_on() -> Value {
    json!({"signon": {
        "access": "ALLOW", "requireFactor": true, "primaryFactor": "PASSWORD_IDP_ANY_FACTOR",
        "factorPromptMode": "ALWAYS", "rememberDeviceByDefault": false,
        "session": {
            "usePersistentCookie": false, "maxSessionIdleMinutes": 120, "maxSessionLifetimeMinutes": 720,
        },
    }})
}

fn change_password() -> Value {
    json!({
        "passwordChange": {"access": "ALLOW"}, "selfServicePasswordReset": {"access": "ALLOW"},
        "selfServiceUnlock": {"access": "DENY"},
    })
}

fn assurance(mode: &str) -> Value {
    let constraints = if mode == "2FA" {
        json!([{"possession": {"required": true, "userPresence": "REQUIRED"}}])
    } else {
        json!([])
    };
    json!({"appSignOn": {
        "access": "ALLOW",
        "verificationMethod": {
            "factorMode": mode, "type": "ASSURANCE", "reauthenticateIn": "PT12H", "constraints": constraints,
        },
    }})
}

fn password(conditions: &Value, length: u64) -> Value {
    let mut conditions = conditions.clone();
    if let Some(fields) = conditions.as_object_mut() {
        fields.insert("authProvider".to_owned(), json!({"provider": "OKTA"}));
    }
    json!({
        "conditions": conditions,
        "settings": {
            "password": {
                "complexity": {
                    "minLength": length, "minLowerCase": 1, "minUpperCase": 1, "minNumber": 1, "minSymbol": 0,
                    "excludeUsername": true, "dictionary": {"common": {"exclude": true}}, "excludeAttributes": [],
                },
                "age": {"maxAgeDays": 0, "expireWarnDays": 0, "minAgeMinutes": 0, "historyCount": 8},
                "lockout": {
                    "maxAttempts": 8, "autoUnlockMinutes": 30, "userLockoutNotificationChannels": ["EMAIL"],
                    "showLockoutFailures": false,
                },
            },
            "recovery": {"factors": {
                "recovery_question": {"status": "INACTIVE", "properties": {"complexity": {"minLength": 4}}},
                "okta_email": {"status": "ACTIVE", "properties": {"recoveryToken": {"tokenLifetimeMinutes": 60}}},
                "okta_sms": {"status": "INACTIVE"}, "okta_call": {"status": "INACTIVE"},
            }},
            "delegation": {"options": {"skipUnlock": false}},
        },
    })
}

fn enroll(conditions: &Value) -> Value {
    let authenticator = |key: &str, how: &str| json!({"key": key, "enroll": {"self": how}});
    json!({
        "conditions": conditions,
        "settings": {"type": "AUTHENTICATORS", "authenticators": [
            authenticator("okta_password", "REQUIRED"), authenticator("okta_verify", "REQUIRED"),
            authenticator("google_otp", "OPTIONAL"), authenticator("webauthn", "OPTIONAL"),
            authenticator("phone_number", "OPTIONAL"),
        ]},
    })
}

pub(crate) fn authenticators(call: &Call<'_>) -> Value {
    let authenticator = |kind: &str, key: &str, name: &str, active: bool, settings: Value| {
        let id = okta_id(call.org.seed(), "aut", name);
        let path = format!("authenticators/{id}");
        let lifecycle = if active { "deactivate" } else { "activate" };
        let mut body = json!({
            "type": kind, "id": id, "key": key, "name": name,
            "status": if active { "ACTIVE" } else { "INACTIVE" },
            "created": instant(set_up()), "lastUpdated": instant(set_up()),
            "_links": {
                "self": call.link(&path, &["GET", "PUT"]),
                "methods": call.link(&format!("{path}/methods"), &["GET"]),
                lifecycle: call.link(&format!("{path}/lifecycle/{lifecycle}"), &["POST"]),
            },
        });
        if let (false, Some(fields)) = (settings.is_null(), body.as_object_mut()) {
            fields.insert("settings".to_owned(), settings);
        }
        body
    };
    let allowed = |what: &str| json!({"allowedFor": what});
    json!([
        authenticator("app", "google_otp", "Google Authenticator", true, Value::Null),
        authenticator(
            "email",
            "okta_email",
            "Email",
            true,
            json!({"allowedFor": "recovery", "tokenLifetimeInMinutes": 5})
        ),
        authenticator(
            "app",
            "okta_verify",
            "Okta Verify",
            true,
            json!({
                "compliance": {"fips": "OPTIONAL"}, "channelBinding": {"style": "NUMBER_CHALLENGE", "required": "ALWAYS"},
                "userVerification": "PREFERRED", "appInstanceId": okta_id(call.org.seed(), "0oa", "verify"),
            })
        ),
        authenticator("password", "okta_password", "Password", true, Value::Null),
        authenticator("phone", "phone_number", "Phone", true, allowed("any")),
        authenticator("security_key", "webauthn", "Security Key or Biometric", true, Value::Null),
        authenticator("security_question", "security_question", "Security Question", false, allowed("none")),
    ])
}

pub(crate) fn zones(call: &Call<'_>) -> Answer {
    let seed = call.org.seed();
    let zone = |name: &str, usage: &str, gateways: Value| {
        let id = okta_id(seed, "nzo", name);
        json!({
            "type": "IP", "id": id, "name": name, "status": "ACTIVE", "usage": usage, "system": true,
            "created": instant(set_up()), "lastUpdated": instant(set_up()), "gateways": gateways, "proxies": null,
            "_links": {"self": call.link(&format!("zones/{id}"), &["GET", "PUT"])},
        })
    };
    let zones = vec![
        zone("BlockedIpZone", "BLOCKLIST", Value::Null),
        zone("LegacyIpZone", "POLICY", json!([{"type": "CIDR", "value": "203.0.113.0/24"}])),
    ];
    page::list(call, 20, 200, zones, Value::clone, |z| z["id"].as_str().unwrap_or_default())
}

/// What Okta tells of API tokens: never the token itself.
pub(crate) fn tokens(call: &Call<'_>) -> Value {
    // A use pushes the expiry out. These are used at the start of the week, so it moves once a week.
    let today = call.now().date();
    let monday = plus_days(today, -i64::from(today.weekday().to_monday_zero_offset()));
    let token = |name: &str, owner: &str, made: Timestamp| {
        let id = okta_id(call.org.seed(), "00T", name);
        let user = call.org.account_by_login(owner).map(|a| a.id.clone()).unwrap_or_default();
        json!({
            "name": name, "userId": user, "tokenWindow": "P30D", "network": {"connection": "ANYWHERE"}, "id": id,
            "clientName": "Okta API", "created": instant(made), "lastUpdated": instant(made),
            "expiresAt": instant(at(plus_days(monday, 30), 6, 0)),
            "_links": {
                "self": call.link(&format!("api-tokens/{id}"), &["GET", "DELETE"]),
                "user": call.link(&format!("users/{user}"), &["GET"]),
            },
        })
    };
    json!([
        token("Directory sync", "svc-directory@example.com", at(date(2025, 7, 1), 10, 0)),
        token("Evidence collection", COLLECTOR, at(date(2025, 12, 15), 10, 0)),
    ])
}

pub(crate) fn custom_roles(call: &Call<'_>) -> Value {
    let id = okta_id(call.org.seed(), "cr0", "group manager");
    json!({"roles": [{
        "id": id, "label": "Group membership manager", "description": "Manages the members of groups",
        "created": instant(set_up()), "lastUpdated": instant(set_up()),
        "_links": {
            "permissions": {"href": call.href(&format!("iam/roles/{id}/permissions"))},
            "self": {"href": call.href(&format!("iam/roles/{id}"))},
        },
    }], "_links": {}})
}

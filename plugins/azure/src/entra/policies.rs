//! Conditional access, and security defaults, which a tenant has instead of it.
//!
//! <https://learn.microsoft.com/en-us/graph/api/conditionalaccessroot-list-policies>,
//! <https://learn.microsoft.com/en-us/graph/api/identitysecuritydefaultsenforcementpolicy-get>

use super::api::Graph;
use exhibit_sdk::prelude::*;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    id: String,
    display_name: Option<String>,
    state: Option<String>,
    #[serde(default)]
    conditions: Value,
    #[serde(default)]
    grant_controls: Value,
    #[serde(default)]
    session_controls: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecurityDefaults {
    id: String,
    display_name: Option<String>,
    is_enabled: bool,
}

pub(super) fn collect(graph: &Graph<'_>) -> Result<()> {
    if !graph.ctx.wants::<AuthPolicy>() {
        return Ok(());
    }
    let mut policies = graph.ctx.population::<AuthPolicy>("conditional access policies in every state");
    for page in graph.list("/identity/conditionalAccess/policies").pages() {
        for page in graph.passing.take(&mut [&mut policies], page.map(|page| vec![page]))? {
            for policy in policies.items::<Policy>(&page)? {
                policies.emit(policy.record(&policy.id, conditional(&policy)))?;
            }
        }
    }
    policies.seal()?;
    let mut defaults = graph.ctx.population::<AuthPolicy>("security defaults");
    let answer = graph.get("/policies/identitySecurityDefaultsEnforcementPolicy").send();
    for page in graph.passing.take(&mut [&mut defaults], answer.map(|page| vec![page]))? {
        let policy = page.item::<SecurityDefaults>()?;
        let attributes = AuthPolicy {
            policy_id: Some(policy.id.clone()),
            status: Some(if policy.is_enabled { Status::Active } else { Status::Inactive }),
            system_default: Some(true),
            applies_to_all: Some(true),
            // Of administrators at every sign-in, of others when Microsoft finds a reason:
            // https://learn.microsoft.com/en-us/entra/fundamentals/security-defaults
            mfa_required: Some(true),
            ..AuthPolicy::new(
                policy.display_name.as_deref().unwrap_or("Security Defaults"),
                "security_defaults",
            )
        };
        defaults.emit(policy.record(&policy.id, attributes))?;
    }
    defaults.seal()
}

fn conditional(policy: &Policy) -> AuthPolicy {
    let controls = strings(policy.grant_controls.pointer("/builtInControls"));
    let strength = policy.grant_controls.pointer("/authenticationStrength").filter(|of| of.is_object());
    let blocks = controls.iter().any(|control| control == "block");
    let name = policy.display_name.clone().unwrap_or_else(|| policy.id.clone());
    AuthPolicy {
        policy_id: Some(policy.id.clone()),
        // A policy that only reports is not in force; `details` has Graph's word.
        status: policy.state.as_deref().map(|state| match state {
            "enabled" => Status::Active,
            _ => Status::Inactive,
        }),
        applies_to_all: Some(people(policy, "includeUsers").iter().any(|id| id == "All")),
        applies_to: Some(subjects(policy, "include")),
        excludes: Some(subjects(policy, "exclude")),
        access: Some(if blocks { RuleAction::Deny } else { RuleAction::Allow }),
        mfa_required: Some(!blocks && asks_for_factor(policy, &controls, strength)),
        phishing_resistant_required: Some(
            !blocks && strength.is_some_and(resists_phishing) && demands(policy, &controls, strength),
        ),
        session_lifetime_minutes: sign_in_every(&policy.session_controls),
        details: Some(details(policy, strength)),
        ..AuthPolicy::new(name, "conditional_access")
    }
}

/// Whether each of its controls has to be met, and not one of several.
fn demands(policy: &Policy, controls: &[String], strength: Option<&Value>) -> bool {
    let others = |name: &str| strings(policy.grant_controls.pointer(name)).len();
    let count = controls.len()
        + usize::from(strength.is_some())
        + others("/termsOfUse")
        + others("/customAuthenticationFactors");
    let operator = policy.grant_controls.get("operator").and_then(Value::as_str);
    count == 1 || operator == Some("AND")
}

fn asks_for_factor(policy: &Policy, controls: &[String], strength: Option<&Value>) -> bool {
    let by_strength =
        strength.and_then(|of| of.get("requirementsSatisfied")).and_then(Value::as_str) == Some("mfa");
    let by_control = controls.iter().any(|control| control == "mfa");
    (by_strength || by_control) && demands(policy, controls, strength)
}

/// Whether all that it lets pass resists phishing, as Microsoft's built-in strength of that name has it:
/// <https://learn.microsoft.com/en-us/entra/identity/authentication/concept-authentication-strengths>
fn resists_phishing(strength: &Value) -> bool {
    let allowed = strings(strength.get("allowedCombinations"));
    let resists = ["windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor"];
    !allowed.is_empty() && allowed.iter().all(|way| resists.contains(&way.as_str()))
}

/// `signInFrequency`; what is asked every time has no lifetime in minutes.
fn sign_in_every(session: &Value) -> Option<u64> {
    let frequency = session.get("signInFrequency")?;
    let is_on = frequency.get("isEnabled").and_then(Value::as_bool) == Some(true);
    let value = frequency.get("value").and_then(Value::as_u64).filter(|_| is_on)?;
    match frequency.get("type").and_then(Value::as_str)? {
        "hours" => value.checked_mul(60),
        "days" => value.checked_mul(24 * 60),
        _ => None,
    }
}

fn people(policy: &Policy, list: &str) -> Vec<String> {
    strings(policy.conditions.pointer(&format!("/users/{list}")))
}

/// `user:ID`, `group:ID`, `role:ID`; Graph's words `All`, `None` and `GuestsOrExternalUsers` stand among the users.
fn subjects(policy: &Policy, side: &str) -> Vec<String> {
    let of = |word: &str, list: &str| {
        let ids = people(policy, &format!("{side}{list}"));
        ids.into_iter().map(|id| format!("{word}:{id}")).collect::<Vec<_>>()
    };
    let mut all = [of("user", "Users"), of("group", "Groups"), of("role", "Roles")].concat();
    let guests =
        policy.conditions.pointer(&format!("/users/{side}GuestsOrExternalUsers/guestOrExternalUserTypes"));
    all.extend(guests.and_then(Value::as_str).map(|types| format!("guests:{types}")));
    all
}

fn details(policy: &Policy, strength: Option<&Value>) -> Details {
    let mut details = Details::new();
    if let Some(state) = &policy.state {
        details.insert("state", state.as_str());
    }
    for (name, value) in [
        ("grant_operator", policy.grant_controls.get("operator")),
        ("authentication_strength", strength.and_then(|of| of.get("displayName"))),
    ] {
        if let Some(text) = value.and_then(Value::as_str) {
            details.insert(name, text);
        }
    }
    for (name, pointer) in [
        ("client_app_types", "/clientAppTypes"),
        ("applications", "/applications/includeApplications"),
        ("applications_excluded", "/applications/excludeApplications"),
        ("user_actions", "/applications/includeUserActions"),
        ("locations", "/locations/includeLocations"),
        ("locations_excluded", "/locations/excludeLocations"),
        ("platforms", "/platforms/includePlatforms"),
        ("sign_in_risk_levels", "/signInRiskLevels"),
        ("user_risk_levels", "/userRiskLevels"),
    ] {
        let list = strings(policy.conditions.pointer(pointer));
        if !list.is_empty() {
            details.insert(name, list);
        }
    }
    let controls = strings(policy.grant_controls.pointer("/builtInControls"));
    if !controls.is_empty() {
        details.insert("grant_controls", controls);
    }
    details
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

//! Alerts of all repositories: Dependabot's, code scanning's, secret scanning's, in every state.

use crate::api::{Api, User};
use exhibit_sdk::kinds::{Finding, FindingStatus, Severity};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
struct Repository {
    id: u64,
    full_name: String,
}

/// What the three have in common.
#[derive(Debug, Deserialize)]
struct Common {
    number: u64,
    state: Option<String>,
    created_at: Option<String>,
    repository: Repository,
}

#[derive(Debug, Deserialize)]
struct Dependabot {
    #[serde(flatten)]
    common: Common,
    dependency: Option<Dependency>,
    security_advisory: Option<Advisory>,
    security_vulnerability: Option<Vulnerability>,
    dismissed_by: Option<User>,
    dismissed_reason: Option<String>,
    fixed_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    package: Option<Package>,
    manifest_path: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Advisory {
    ghsa_id: Option<String>,
    cve_id: Option<String>,
    summary: Option<String>,
    cvss: Option<Cvss>,
}

#[derive(Debug, Deserialize)]
struct Cvss {
    score: Option<serde_json::Number>,
}

#[derive(Debug, Deserialize)]
struct Vulnerability {
    severity: Option<String>,
    first_patched_version: Option<Patched>,
}

#[derive(Debug, Deserialize)]
struct Patched {
    identifier: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CodeScanning {
    #[serde(flatten)]
    common: Common,
    rule: Option<ScanRule>,
    tool: Option<Tool>,
    most_recent_instance: Option<Instance>,
    dismissed_by: Option<User>,
    dismissed_reason: Option<String>,
    fixed_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ScanRule {
    id: Option<String>,
    description: Option<String>,
    severity: Option<String>,
    security_severity_level: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Tool {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Instance {
    location: Option<Location>,
}

#[derive(Debug, Deserialize)]
struct Location {
    path: Option<String>,
    start_line: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct SecretScanning {
    #[serde(flatten)]
    common: Common,
    secret_type: Option<String>,
    secret_type_display_name: Option<String>,
    resolution: Option<String>,
    resolved_at: Option<String>,
    resolved_by: Option<User>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let query = "Dependabot, code-scanning and secret-scanning alerts of all repositories, in every state";
    let mut findings = api.ctx.population::<Finding>(query);
    for page in api.list(&api.org("/dependabot/alerts")).pages() {
        let Some(page) = findings.tolerate(page)? else { break };
        for alert in findings.items::<Dependabot>(&page)? {
            findings.emit(of_dependency(api, &alert))?;
        }
    }
    for page in api.list(&api.org("/code-scanning/alerts")).pages() {
        let Some(page) = findings.tolerate(page)? else { break };
        for alert in findings.items::<CodeScanning>(&page)? {
            findings.emit(of_code(api, &alert))?;
        }
    }
    // The secrets themselves stay at GitHub; where it shows them all the same, they are redacted.
    for page in api.list(&api.org("/secret-scanning/alerts")).query("hide_secret", "true").pages() {
        let Some(page) = findings.tolerate(page)? else { break };
        for alert in findings.items::<SecretScanning>(&page)? {
            findings.emit(of_secret(api, &alert))?;
        }
    }
    findings.seal()
}

/// The record of an alert, with all that the three have in common. What is neither open nor settled in a known
/// word has an unknown status.
fn record<T>(
    api: &Api<'_>,
    of: (&str, &Item<T>, &Common),
    status: Option<FindingStatus>,
    finding: Finding,
) -> Record<Finding> {
    let (list, item, common) = of;
    let severity = finding.severity;
    let attributes = Finding {
        status,
        source_status: common.state.clone(),
        resource_id: Some(common.repository.id.to_string()),
        resource_type: Some("github:repository".to_owned()),
        resource_name: Some(common.repository.full_name.clone()),
        first_seen_at: instant(common.created_at.as_ref()),
        ..finding
    };
    let key = format!("{list}/{}/{}", common.repository.id, common.number);
    let mut record = item.record(key, attributes).subject(api.repository(&common.repository.full_name));
    if status.is_none() {
        record = record.unknown("status");
    }
    if severity.is_none() {
        record = record.unknown("severity");
    }
    record
}

fn of_dependency(api: &Api<'_>, alert: &Item<Dependabot>) -> Record<Finding> {
    let (advisory, weakness) = (alert.security_advisory.as_ref(), alert.security_vulnerability.as_ref());
    let package = alert.dependency.as_ref().and_then(|d| d.package.as_ref());
    let source_severity = weakness.and_then(|w| w.severity.clone());
    let status = match (alert.common.state.as_deref(), alert.dismissed_reason.as_deref()) {
        (Some("open"), _) => Some(FindingStatus::Open),
        (Some("fixed"), _) => Some(FindingStatus::Resolved),
        // By a rule that the organisation set.
        (Some("auto_dismissed"), _) => Some(FindingStatus::Accepted),
        (Some("dismissed"), Some("fix_started")) => Some(FindingStatus::InProgress),
        (Some("dismissed"), Some("tolerable_risk" | "no_bandwidth")) => Some(FindingStatus::Accepted),
        (Some("dismissed"), Some("inaccurate" | "not_used")) => Some(FindingStatus::FalsePositive),
        _ => None,
    };
    let title = advisory.and_then(|a| a.summary.clone().or_else(|| a.ghsa_id.clone()));
    // An advisory without a score has 0.
    let score = advisory.and_then(|a| a.cvss.as_ref()?.score.clone());
    let score = score.filter(|score| score.as_f64().is_some_and(|score| score > 0.0));
    let finding = Finding {
        severity: source_severity.as_deref().and_then(severity),
        source_severity,
        cvss_score: score.map(|score| score.to_string()),
        cves: Some(advisory.and_then(|a| a.cve_id.clone()).into_iter().collect()),
        scanner: Some("Dependabot".to_owned()),
        location: alert.dependency.as_ref().and_then(|d| d.manifest_path.clone()),
        package: package.map(|package| format!("{}:{}", package.ecosystem, package.name)),
        fixed_version: weakness.and_then(|w| w.first_patched_version.as_ref()?.identifier.clone()),
        resolved_at: instant(alert.fixed_at.as_ref()),
        closed_by: alert.dismissed_by.as_ref().map(|user| user.login.clone()),
        closed_reason: alert.dismissed_reason.clone(),
        ..Finding::new(title.unwrap_or_else(|| "a vulnerable dependency".to_owned()))
    };
    record(api, ("dependabot", alert, &alert.common), status, finding).unknown("installed_version")
}

fn of_code(api: &Api<'_>, alert: &Item<CodeScanning>) -> Record<Finding> {
    let rule = alert.rule.as_ref();
    // Rules about quality have no level of security.
    let level = rule.and_then(|rule| rule.security_severity_level.clone());
    let status = match (alert.common.state.as_deref(), alert.dismissed_reason.as_deref()) {
        (Some("open"), _) => Some(FindingStatus::Open),
        (Some("fixed"), _) | (Some("dismissed"), Some("mitigated")) => Some(FindingStatus::Resolved),
        (Some("dismissed"), Some("false positive")) => Some(FindingStatus::FalsePositive),
        (Some("dismissed"), Some("won't fix" | "used in tests")) => Some(FindingStatus::Accepted),
        _ => None,
    };
    let title = rule.and_then(|rule| rule.description.clone().or_else(|| rule.id.clone()));
    let place = alert.most_recent_instance.as_ref().and_then(|instance| instance.location.as_ref());
    let finding = Finding {
        severity: level.as_deref().and_then(severity),
        source_severity: level.or_else(|| rule.and_then(|rule| rule.severity.clone())),
        scanner: alert.tool.as_ref().and_then(|tool| tool.name.clone()),
        location: place.and_then(|place| {
            let path = place.path.as_ref()?;
            Some(place.start_line.map_or_else(|| path.clone(), |line| format!("{path}:{line}")))
        }),
        resolved_at: instant(alert.fixed_at.as_ref()),
        closed_by: alert.dismissed_by.as_ref().map(|user| user.login.clone()),
        closed_reason: alert.dismissed_reason.clone(),
        ..Finding::new(title.unwrap_or_else(|| "a code-scanning alert".to_owned()))
    };
    record(api, ("code-scanning", alert, &alert.common), status, finding)
}

fn of_secret(api: &Api<'_>, alert: &Item<SecretScanning>) -> Record<Finding> {
    let status = match (alert.common.state.as_deref(), alert.resolution.as_deref()) {
        (Some("open"), _) => Some(FindingStatus::Open),
        (Some("resolved"), Some("revoked")) => Some(FindingStatus::Resolved),
        (Some("resolved"), Some("false_positive")) => Some(FindingStatus::FalsePositive),
        (Some("resolved"), Some("wont_fix" | "used_in_tests")) => Some(FindingStatus::Accepted),
        _ => None,
    };
    let name = alert.secret_type_display_name.clone().or_else(|| alert.secret_type.clone());
    let finding = Finding {
        scanner: Some("secret scanning".to_owned()),
        resolved_at: instant(alert.resolved_at.as_ref()).filter(|_| status == Some(FindingStatus::Resolved)),
        closed_by: alert.resolved_by.as_ref().map(|user| user.login.clone()),
        closed_reason: alert.resolution.clone(),
        ..Finding::new(format!("exposed secret: {}", name.unwrap_or_else(|| "of unknown type".to_owned())))
    };
    record(api, ("secret-scanning", alert, &alert.common), status, finding)
}

fn severity(word: &str) -> Option<Severity> {
    match word {
        "critical" => Some(Severity::Critical),
        "high" => Some(Severity::High),
        "medium" | "moderate" => Some(Severity::Medium),
        "low" => Some(Severity::Low),
        _ => None,
    }
}

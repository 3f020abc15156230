//! What a component asks for, readable without running it: the JSON of its custom section
//! `exhibit:connector`, and the `connector.toml` that the section is made from. Both have one form:
//!
//! ```toml
//! name = "okta"
//! version = "0.1.0"
//! publisher = "Example Ltd"
//! description = "Users, groups, applications and policies of an Okta organisation."
//! contract = "0.1"
//! min_host = "0.1.0"
//! kinds = ["identity.account@1"]
//!
//! [[egress]]
//! methods = ["GET"]
//! url = "https://{settings.domain}/api/v1/**"
//!
//! [[credentials]]
//! slot = "okta"
//! schemes = ["private_key_jwt", "ssws"]
//! title = "Okta service application or API token"
//! hosts = ["{settings.domain}"]
//!
//! [[redact]]
//! url = "https://{settings.domain}/api/v1/users/**"
//! pointer = "/*/credentials"
//! ```
//!
//! Templates (`{settings.domain}`) are filled in from a source's settings; what each may hold is in
//! the `template` module.

mod template;

use crate::credential::SCHEMES;
use crate::grant::operation::{OperationListError, Operations};
use crate::grant::pattern::{HostPattern, ParsePatternError, UrlPattern};
use crate::grant::rule::{EgressRule, ParseRuleError};
use crate::grant::{Ask, AskedRule, AskedSlot};
pub use template::TemplateError;

use exhibit_evidence::kind::{self, Kind, KindSpec};
use exhibit_evidence::name::Name;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Name of the custom section at a component's top level.
pub const SECTION: &str = "exhibit:connector";

/// What a component says of itself and asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentManifest {
    /// The connector's name, `okta`.
    pub name: Name,
    /// Its own version, `1.2.0`.
    pub version: String,
    /// Who publishes it.
    pub publisher: String,
    /// One line for people.
    pub description: String,
    /// The contract that it is built against, `0.1`.
    pub contract: String,
    /// The oldest host that can run it, `0.1.0`.
    pub min_host: String,
    /// Requests that it wants to make.
    #[serde(default)]
    pub egress: Vec<EgressAsk>,
    /// Credentials that it wants attached.
    #[serde(default)]
    pub credentials: Vec<CredentialAsk>,
    /// Kinds of evidence that it collects.
    pub kinds: Vec<Kind>,
    /// Kinds that it brings itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_kinds: Vec<KindSpec>,
    /// What is cut from answers before anyone sees them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redact: Vec<RedactAsk>,
    /// For how many days the system itself keeps what a kind is made from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retention_days: BTreeMap<Kind, u32>,
    /// Memory that it needs, `64MiB`; absent: the host's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

/// One entry of requests that a component wants to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressAsk {
    /// HTTP methods.
    pub methods: Vec<String>,
    /// URL pattern, with `{settings.x}` templates: `https://{settings.domain}/api/v1/**`.
    pub url: String,
    /// Operations, where the path does not name them: `iam:ListUsers`, `ec2:Describe*`, `s3:GET`, `graphql:query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<Vec<String>>,
    /// Says that these requests change nothing, so that they may be repeated. GET and HEAD always may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// One credential that a component wants attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialAsk {
    /// The name that requests use, `okta`.
    pub slot: String,
    /// Schemes that the system accepts, the best first.
    pub schemes: Vec<String>,
    /// One line for people.
    pub title: String,
    /// Hosts that it may be sent to, with templates.
    pub hosts: Vec<String>,
}

/// One redaction: a place in the answers of some URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactAsk {
    /// URL pattern, with templates.
    pub url: String,
    /// JSON pointer with `*`, XML path, or CSV column.
    pub pointer: String,
}

/// Why a manifest is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The custom section is not JSON of this form.
    #[error("the component's manifest cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// `connector.toml` is not TOML of this form.
    #[error("connector.toml cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// It reads, and does not hold together. One line for each problem.
    #[error("the connector's manifest has {} problem(s):\n  {}", .0.len(), .0.join("\n  "))]
    Problems(Vec<String>),
}

/// Why a manifest's templates cannot be filled in from a source's settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The template or the setting.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What came out is not a pattern.
    #[error(transparent)]
    Pattern(#[from] ParsePatternError),
    /// What came out is not a rule.
    #[error(transparent)]
    Rule(#[from] ParseRuleError),
    /// The operations.
    #[error(transparent)]
    Operations(#[from] OperationListError),
}

impl ComponentManifest {
    /// Reads the JSON of the custom section, and checks it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Reads a `connector.toml`, and checks it.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// The JSON for the custom section: the same manifest, the same bytes.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Memory that it needs, in bytes, where it says so.
    pub fn memory_bytes(&self) -> Option<u64> {
        self.memory.as_deref().and_then(parse_size)
    }

    /// Checks everything that can be checked without settings.
    pub fn validate(&self) -> Result<(), ManifestError> {
        let mut problems = Vec::new();
        self.check_head(&mut problems);
        self.check_egress(&mut problems);
        self.check_credentials(&mut problems);
        self.check_kinds(&mut problems);
        if problems.is_empty() { Ok(()) } else { Err(ManifestError::Problems(problems)) }
    }

    fn check_head(&self, problems: &mut Vec<String>) {
        for (field, value) in [("version", &self.version), ("min_host", &self.min_host)] {
            if !is_version(value) {
                problems.push(format!("{field}: `{value}` is not a version, such as 1.2.0"));
            }
        }
        let numbers: Vec<&str> = self.contract.split('.').collect();
        if numbers.len() != 2 || !numbers.iter().all(|n| is_number(n)) {
            problems.push(format!("contract: `{}` is not a contract version, such as 0.1", self.contract));
        }
        for (field, value) in [("publisher", &self.publisher), ("description", &self.description)] {
            if value.trim().is_empty() || value.len() > 400 || value.chars().any(char::is_control) {
                problems.push(format!("{field}: write one line of up to 400 characters"));
            }
        }
        if let Some(memory) = &self.memory {
            match parse_size(memory) {
                None => problems.push(format!("memory: `{memory}` is not a size, such as 64MiB")),
                Some(bytes) if bytes > MEMORY_BYTES_MAX => {
                    problems.push(format!("memory: {memory} is more than 1GiB, the most that a host gives"));
                }
                Some(_) => {}
            }
        }
    }

    fn check_egress(&self, problems: &mut Vec<String>) {
        for (i, entry) in self.egress.iter().enumerate() {
            let rule =
                template::check(&entry.url).map_err(ResolveError::from).and_then(|url| entry.rule(&url));
            if let Err(error) = rule {
                problems.push(format!("egress {}: {error}", i + 1));
            }
        }
        for (i, entry) in self.redact.iter().enumerate() {
            let url = template::check(&entry.url)
                .map_err(ResolveError::from)
                .and_then(|url| Ok(url.parse::<UrlPattern>()?));
            if let Err(error) = url {
                problems.push(format!("redact {}: {error}", i + 1));
            }
            if entry.pointer.is_empty() {
                problems.push(format!("redact {}: the pointer is empty", i + 1));
            }
        }
    }

    fn check_credentials(&self, problems: &mut Vec<String>) {
        let mut slots = BTreeSet::new();
        for entry in &self.credentials {
            let slot = &entry.slot;
            if slot.parse::<Name>().is_err() {
                problems.push(format!("credentials: slot `{slot}` is not a name, such as okta"));
            }
            if !slots.insert(slot) {
                problems.push(format!("credentials: slot `{slot}` is declared twice"));
            }
            if entry.schemes.is_empty() || entry.hosts.is_empty() {
                problems.push(format!("credentials, slot `{slot}`: name at least one scheme and one host"));
            }
            for scheme in entry.schemes.iter().filter(|scheme| !SCHEMES.contains(&scheme.as_str())) {
                problems.push(format!(
                    "credentials, slot `{slot}`: `{scheme}` is no scheme of this host, which knows {}",
                    SCHEMES.join(", ")
                ));
            }
            for host in &entry.hosts {
                let parsed = check_host(host);
                if let Err(error) = parsed {
                    problems.push(format!("credentials, slot `{slot}`: {error}"));
                }
            }
        }
    }

    fn check_kinds(&self, problems: &mut Vec<String>) {
        if self.kinds.is_empty() {
            problems.push("kinds: name at least one kind that the connector collects".to_owned());
        }
        let builtin: BTreeSet<Kind> = kind::builtin().into_iter().map(|spec| spec.kind).collect();
        let own: BTreeSet<&Kind> = self.own_kinds.iter().map(|spec| &spec.kind).collect();
        if let Some(shadow) = own.iter().find(|kind| builtin.contains(**kind)) {
            problems.push(format!("own_kinds: {shadow} is built in; give yours another name"));
        }
        if own.len() < self.own_kinds.len() {
            problems.push("own_kinds: a kind is described twice".to_owned());
        }
        for kind in &self.kinds {
            if !builtin.contains(kind) && !own.contains(kind) {
                problems.push(format!("kinds: {kind} is neither built in nor described in own_kinds"));
            }
        }
        for kind in self.retention_days.keys().filter(|kind| !self.kinds.contains(kind)) {
            problems.push(format!("retention_days: {kind} is not among kinds"));
        }
    }

    /// What the connector asks for under these settings. An entry whose setting is absent asks for nothing.
    pub fn resolve(&self, settings: &serde_json::Value) -> Result<Ask, ResolveError> {
        let mut ask = Ask::default();
        for entry in &self.egress {
            for url in template::fill(&entry.url, settings)? {
                ask.egress.push(AskedRule { rule: entry.rule(&url)?, read_only: entry.read_only });
            }
        }
        for entry in &self.credentials {
            let mut hosts = Vec::new();
            for host in &entry.hosts {
                for filled in fill_host(host, settings)? {
                    hosts.push(filled.parse::<HostPattern>()?);
                }
            }
            let slot = AskedSlot { schemes: entry.schemes.clone(), hosts };
            ask.slots.insert(entry.slot.clone(), slot);
        }
        Ok(ask)
    }

    /// The redactions under these settings: where, and what.
    pub fn resolve_redactions(
        &self,
        settings: &serde_json::Value,
    ) -> Result<Vec<(UrlPattern, String)>, ResolveError> {
        let mut redactions = Vec::new();
        for entry in &self.redact {
            for url in template::fill(&entry.url, settings)? {
                redactions.push((url.parse()?, entry.pointer.clone()));
            }
        }
        Ok(redactions)
    }
}

impl EgressAsk {
    fn rule(&self, url: &str) -> Result<EgressRule, ResolveError> {
        let operations = match &self.operations {
            None => None,
            Some(list) => Some(Operations::parse(list.iter().map(String::as_str))?),
        };
        Ok(EgressRule::new(self.methods.iter().map(String::as_str), url.parse()?, operations)?)
    }
}

/// A host is a template of its own (`{settings.base_url}`, an origin) or a host with templates in it.
fn fill_host(host: &str, settings: &serde_json::Value) -> Result<Vec<String>, TemplateError> {
    if let Some(name) = sole_template(host) {
        // The same setting may be a host name (domain) or an origin (base_url), as the egress has it.
        let as_origin = template::fill(host, settings);
        return as_origin.or_else(|_| template::fill(&format!("https://{{settings.{name}}}"), settings));
    }
    template::fill(&format!("https://{host}"), settings)
}

fn check_host(host: &str) -> Result<(), ResolveError> {
    let filled = template::check(host).or_else(|_| template::check(&format!("https://{host}")))?;
    filled.parse::<HostPattern>()?;
    Ok(())
}

/// The setting, where a text is one template and nothing else.
fn sole_template(text: &str) -> Option<&str> {
    text.strip_prefix("{settings.")?.strip_suffix('}').filter(|name| !name.contains(['{', '}']))
}

/// The most memory that a connector may ask for.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// `64MiB`, `1GiB`, `512KiB`.
fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = [("KiB", 10), ("MiB", 20), ("GiB", 30)].iter().find_map(|(suffix, shift)| {
        text.strip_suffix(suffix).map(|number| (number.trim_end(), 1_u64 << shift))
    })?;
    if !is_number(number) {
        return None;
    }
    number.parse::<u64>().ok().filter(|n| *n > 0)?.checked_mul(unit)
}

fn is_number(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Three numbers, and after a hyphen what a pre-release is called (semver.org 2.0.0, without build metadata).
fn is_version(text: &str) -> bool {
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(n, p)| (n, Some(p)));
    let identifier =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && pre.is_none_or(|pre| pre.split('.').all(identifier))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OKTA: &str = r#"
        name = "okta"
        version = "0.1.0"
        publisher = "Example Ltd"
        description = "Users of an Okta organisation."
        contract = "0.1"
        min_host = "0.1.0"
        kinds = ["identity.account@1"]
        memory = "64MiB"

        [retention_days]
        "identity.account@1" = 90

        [[egress]]
        methods = ["GET"]
        url = "https://{settings.domain}/api/v1/**"

        [[egress]]
        methods = ["GET"]
        url = "{settings.base_url}/api/v1/**"

        [[credentials]]
        slot = "okta"
        schemes = ["private_key_jwt", "ssws"]
        title = "Okta service application or API token"
        hosts = ["{settings.domain}", "{settings.base_url}"]

        [[redact]]
        url = "https://{settings.domain}/api/v1/users/**"
        pointer = "/*/credentials"
    "#;

    #[test]
    fn toml_and_json_are_one_form() {
        let manifest = ComponentManifest::from_toml(OKTA).unwrap();
        let json = manifest.to_json().unwrap();
        assert_eq!(ComponentManifest::from_json(&json).unwrap(), manifest);
        assert_eq!(manifest.memory_bytes(), Some(67_108_864));
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            value["egress"][0],
            json!({"methods": ["GET"], "url": "https://{settings.domain}/api/v1/**"})
        );
    }

    #[test]
    fn resolves_against_settings() {
        let manifest = ComponentManifest::from_toml(OKTA).unwrap();
        let lines = |settings: serde_json::Value| -> Vec<String> {
            manifest.resolve(&settings).unwrap().egress.iter().map(|a| a.rule.to_string()).collect()
        };
        assert_eq!(lines(json!({"domain": "acme.okta.com"})), ["GET https://acme.okta.com/api/v1/**"]);
        assert_eq!(
            lines(json!({"base_url": "http://127.0.0.1:5000"})),
            ["GET http://127.0.0.1:5000/api/v1/**"]
        );
        assert!(lines(json!({})).is_empty());
        let hosts = |settings: serde_json::Value| -> Vec<String> {
            manifest.resolve(&settings).unwrap().slots["okta"].hosts.iter().map(ToString::to_string).collect()
        };
        assert_eq!(hosts(json!({"domain": "acme.okta.com"})), ["acme.okta.com"]);
        assert_eq!(hosts(json!({"base_url": "http://127.0.0.1:5000"})), ["127.0.0.1"]);
        let redactions = manifest.resolve_redactions(&json!({"domain": "acme.okta.com"})).unwrap();
        assert_eq!(redactions[0].0.to_string(), "https://acme.okta.com/api/v1/users/**");

        let error = manifest.resolve(&json!({"domain": "acme.okta.com/evil"})).unwrap_err().to_string();
        assert_eq!(
            error,
            "setting `domain` is \"acme.okta.com/evil\", and `https://{settings.domain}/api/v1/**` needs a plain host name, such as example.okta.com"
        );
    }

    #[test]
    fn problems_are_named_all_at_once() {
        let bad = OKTA
            .replace("version = \"0.1.0\"", "version = \"one\"")
            .replace("64MiB", "64MB")
            .replace("methods = [\"GET\"]", "methods = [\"FETCH\"]")
            .replace("\"ssws\"", "\"magic\"")
            .replace("kinds = [\"identity.account@1\"]", "kinds = [\"identity.nothing@1\"]")
            .replace("{settings.domain}/api/v1/users", "{domain}/api/v1/users");
        let ManifestError::Problems(problems) = ComponentManifest::from_toml(&bad).unwrap_err() else {
            panic!()
        };
        let text = problems.join("\n");
        for part in [
            "version: `one`",
            "memory: `64MB`",
            "egress 1: method `FETCH`",
            "egress 2: method `FETCH`",
            "`magic` is no scheme",
            "identity.nothing@1 is neither built in",
            "retention_days: identity.account@1",
            "redact 1: `https://{domain}",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn unknown_members_are_refused() {
        let error = ComponentManifest::from_toml(&format!("colour = 1\n{OKTA}")).unwrap_err().to_string();
        assert!(error.contains("unknown field `colour`"), "{error}");
        assert!(ComponentManifest::from_json(b"{}").is_err());
    }

    #[test]
    fn versions_and_sizes() {
        assert!(is_version("1.2.3") && is_version("0.1.0-rc.1"));
        for bad in ["1.2", "1.2.x", "v1.2.3", "1.2.3-", "1.2.3+b", "1..3", ""] {
            assert!(!is_version(bad), "{bad}");
        }
        assert_eq!(parse_size("1GiB"), Some(1 << 30));
        for bad in ["64", "MiB", "-1MiB", "64MB", "0MiB", "1.5GiB", "99999999999GiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }
}

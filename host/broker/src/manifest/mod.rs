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
//! # token_url and scopes: for oauth_client_credentials, where the system has one endpoint for all
//!
//! [[redact]]
//! url = "https://{settings.domain}/api/v1/users/**"
//! pointer = "/*/credentials"
//! ```
//!
//! Templates (`{settings.domain}`) are filled in from a source's settings; what each may hold is in
//! the `template` module.

pub mod section;
mod template;
mod validate;

use crate::grant::operation::{OperationListError, Operations};
use crate::grant::pattern::{HostPattern, ParsePatternError};
use crate::grant::rule::{EgressRule, ParseRuleError};
use crate::grant::{Ask, AskedRule, AskedSlot, AskedToken};
use crate::redact::{RedactionError, Rule};
pub use template::TemplateError;

use exhibit_evidence::kind::{Kind, KindSpec};
use exhibit_evidence::name::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use url::Url;

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
    /// Where the scheme `oauth_client_credentials` obtains tokens, with templates:
    /// `https://login.microsoftonline.com/{settings.tenant_id}/oauth2/v2.0/token`. Its host is among `hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// The scopes that it asks for: `https://graph.microsoft.com/.default`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
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
    /// A redaction.
    #[error(transparent)]
    Redaction(#[from] RedactionError),
    /// A token endpoint.
    #[error("token_url: `{0}` is not a URL, such as https://login.example.com/oauth2/token")]
    TokenUrl(String),
    /// A token endpoint at a host that the credential is not for.
    #[error("token_url: add its host to `hosts`, for the credential is sent there: {0}")]
    TokenHost(String),
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
        self.memory.as_deref().and_then(validate::parse_size)
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
            let token = AskedToken { url: entry.token_url(settings)?, scopes: entry.scopes.clone() };
            let slot = AskedSlot { schemes: entry.schemes.clone(), hosts, token };
            ask.slots.insert(entry.slot.clone(), slot);
        }
        Ok(ask)
    }

    /// The redactions under these settings: the URL pattern, templates filled in, and the place, as
    /// [`Rule::new`] takes them.
    pub fn resolve_redactions(
        &self,
        settings: &serde_json::Value,
    ) -> Result<Vec<(String, String)>, ResolveError> {
        let mut redactions = Vec::new();
        for entry in &self.redact {
            for url in template::fill(&entry.url, settings)? {
                Rule::new(&url, &entry.pointer)?;
                redactions.push((url, entry.pointer.clone()));
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

impl CredentialAsk {
    /// The token endpoint; none where the manifest or a setting leaves it out.
    fn token_url(&self, settings: &serde_json::Value) -> Result<Option<Url>, ResolveError> {
        let Some(template) = &self.token_url else { return Ok(None) };
        let filled = template::fill(template, settings)?;
        filled.first().map(|url| token_url(url)).transpose()
    }
}

/// A token endpoint's URL, its templates filled in.
fn token_url(text: &str) -> Result<Url, ResolveError> {
    Url::parse(text)
        .ok()
        .filter(|url| url.has_host() && !text.contains(['*', '?', '#', '@']))
        .ok_or_else(|| ResolveError::TokenUrl(text.to_owned()))
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

/// The setting, where a text is one template and nothing else.
fn sole_template(text: &str) -> Option<&str> {
    text.strip_prefix("{settings.")?.strip_suffix('}').filter(|name| !name.contains(['{', '}']))
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
        assert_eq!(redactions[0].0, "https://acme.okta.com/api/v1/users/**");

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
}

//! A source: its file, and all that it takes to run it.

use crate::history::History;
use crate::host::Host;
use crate::workspace::{Workspace, WorkspaceError};
use exhibit_broker::credential::Credential;
use exhibit_broker::grant::lock::{Approval, Lock, Review};
use exhibit_broker::grant::{Ask, Grants};
use exhibit_broker::manifest::ComponentManifest;
use exhibit_broker::redact::Redactions;
use exhibit_broker::secret::{SecretRef, Vault};
use exhibit_broker::transport::Transport;
use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::run::{ConnectorIdentity, Limits};
use exhibit_evidence::secret::Secret;
use exhibit_intake::Intake;
use exhibit_sandbox::Prepared;
pub use exhibit_settings::source::{LimitsConfig, ScheduleConfig, SourceConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Why a source cannot be run as it is set up. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The workspace.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// Never approved.
    #[error("source `{0}` is not approved")]
    Unapproved(SourceName),
    /// The approved component is not the one that is here.
    #[error("source `{source_name}`: the approved component {component} is not in this workspace")]
    ComponentMissing {
        /// The source.
        source_name: SourceName,
        /// Its digest.
        component: Digest,
    },
    /// The settings or credentials ask for more than was approved.
    #[error("source `{source_name}` asks for more than was approved:\n{difference}")]
    AsksMore {
        /// The source.
        source_name: SourceName,
        /// `+` asked anew.
        difference: String,
    },
    /// Settings that the connector does not take.
    #[error("source `{source_name}`, settings{pointer}: {problem}")]
    Settings {
        /// The source.
        source_name: SourceName,
        /// JSON pointer.
        pointer: String,
        /// What is wrong.
        problem: String,
    },
    /// A credential.
    #[error("source `{source_name}`: {problem}")]
    Credential {
        /// The source.
        source_name: SourceName,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Anything else that is wrong with it.
    #[error("source `{source_name}`: {problem}")]
    Unusable {
        /// The source.
        source_name: SourceName,
        /// What is wrong.
        problem: String,
    },
}

impl SourceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Workspace(error) => error.hint(),
            Self::Unapproved(name) => {
                Some(format!("read what it asks for and approve it: exhibit source approve {name}"))
            }
            Self::AsksMore { source_name, .. } => {
                Some(format!("if that is right, approve it again: exhibit source approve {source_name}"))
            }
            Self::ComponentMissing { .. } => Some("add it again: exhibit connector add FILE".into()),
            Self::Settings { source_name, .. } => Some(format!(
                "correct sources/{source_name}.toml; `exhibit connector inspect` lists settings"
            )),
            Self::Credential { hint, .. } => hint.clone(),
            Self::Unusable { .. } => None,
        }
    }
}

/// A component, ready to run.
pub struct Connector {
    /// Digest of the component.
    pub component: Digest,
    /// The compiled component, with its manifest.
    pub prepared: Prepared,
    /// The kinds, compiled.
    pub intake: Arc<Intake>,
}

/// A source, ready to run.
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Its file.
    pub config: SourceConfig,
    /// Its component.
    pub connector: Arc<Connector>,
    /// The settings, canonical.
    pub settings: Value,
    /// Bounds in force.
    pub limits: Limits,
    /// What is cut from answers.
    pub redactions: Redactions,
    /// What its file of further roots holds.
    pub(crate) ca_pem: Option<Vec<u8>>,
    pub(crate) history: Mutex<History>,
    approval: Approval,
    ask: Ask,
}

impl Source {
    /// Opens a source under its approval: settings checked, component compiled, nothing sent. Where nothing that it
    /// is read from has changed since the last time, it is at hand.
    pub async fn open(host: &Host, name: &SourceName) -> Result<Arc<Self>, SourceError> {
        if let Some(source) = host.opened.source(name) {
            return Ok(source);
        }
        let begun = Instant::now();
        let source = Arc::new(Self::read(host, name).await?);
        let mut files = vec![
            host.workspace.source_file(name),
            host.workspace.lock_file(),
            host.workspace.component_file(&source.connector.component),
        ];
        files.extend(source.config.ca_file.as_ref().map(|file| host.workspace.resolve(file)));
        host.opened.keep_source(begun, &source, files);
        Ok(source)
    }

    async fn read(host: &Host, name: &SourceName) -> Result<Self, SourceError> {
        let workspace = &host.workspace;
        let config = workspace.source(name)?;
        let unusable = |problem: String| SourceError::Unusable { source_name: name.clone(), problem };
        let lock = approvals(host)?;
        let approval =
            lock.sources.get(name).cloned().ok_or_else(|| SourceError::Unapproved(name.clone()))?;
        let connector = Connector::open(host, name, approval.component).await?;
        let manifest = connector.prepared.manifest();
        let (settings, ask) = resolve(name, &config, manifest)?;
        if let Review::Approved = lock.review(name, &connector.component, &ask)
            && let extra = exhibit_broker::grant::lock::Difference::between(Some(&approval), &ask)
            && !extra.added.is_empty()
        {
            let difference = extra.to_string().trim_end().to_owned();
            return Err(SourceError::AsksMore { source_name: name.clone(), difference });
        }
        let text = String::from_utf8(settings.to_bytes()).unwrap_or_default();
        let problems = host.runtime.validate_config(&connector.prepared, &text).await;
        if let Some(problem) = problems.map_err(|e| unusable(e.to_string()))?.into_iter().next() {
            return Err(SourceError::Settings {
                source_name: name.clone(),
                pointer: problem.pointer,
                problem: problem.message,
            });
        }
        let redactions = redactions(&config, manifest, &settings).map_err(unusable)?;
        let limits = config.limits.over(manifest);
        let ca_pem = match &config.ca_file {
            Some(file) => {
                let path = workspace.resolve(file);
                Some(std::fs::read(&path).map_err(|e| unusable(format!("{}: {e}", path.display())))?)
            }
            None => None,
        };
        let history = Mutex::default();
        let name = name.clone();
        Ok(Self { name, config, connector, settings, limits, redactions, ca_pem, history, approval, ask })
    }

    /// The kinds that may be emitted: what the settings ask, or all that the connector has.
    pub fn wanted(&self) -> BTreeSet<Kind> {
        let kinds = if self.config.kinds.is_empty() {
            &self.connector.prepared.manifest().kinds
        } else {
            &self.config.kinds
        };
        kinds.iter().cloned().collect()
    }

    /// Whether a kind is of events or acts.
    pub fn is_timed(&self, kind: &Kind) -> bool {
        self.connector.intake.shape(kind).is_some_and(exhibit_evidence::kind::Shape::is_timed)
    }

    /// The component, by what it is.
    pub fn identity(&self) -> ConnectorIdentity {
        let manifest = self.connector.prepared.manifest();
        ConnectorIdentity {
            name: manifest.name.to_string(),
            version: manifest.version.clone(),
            publisher: manifest.publisher.clone(),
            component: self.connector.component,
            contract: manifest.contract.clone(),
        }
    }

    /// The egress in force, one line a grant.
    pub fn grant_lines(&self) -> Vec<String> {
        self.approval.egress.iter().map(ToString::to_string).collect()
    }

    /// Slots and their schemes.
    pub fn credential_schemes(&self) -> BTreeMap<String, String> {
        self.config.credentials.iter().map(|(slot, c)| (slot.clone(), c.scheme().to_owned())).collect()
    }

    /// The way to the network: grants, credentials, addresses, pace.
    pub fn transport(&self, host: &Host) -> Result<Arc<dyn Transport>, SourceError> {
        let vault = vault(&host.workspace);
        let mut credentials = BTreeMap::new();
        for (slot, config) in &self.config.credentials {
            let config = match self.ask.slots.get(slot) {
                Some(asked) => config.completed(&asked.token),
                None => config.clone(),
            };
            let credential =
                Credential::load(self.name.as_str(), slot, &config, &vault).map_err(|error| {
                    SourceError::Credential {
                        source_name: self.name.clone(),
                        problem: format!("credential `{slot}`, {}: {}", error.field, error.problem),
                        hint: Some(format!("see [credentials.{slot}] in sources/{}.toml", self.name)),
                    }
                })?;
            credentials.insert(slot.clone(), credential);
        }
        let grants: Grants = self.approval.grants(&self.name, self.ask.clone());
        crate::host::live_transport(host, self, grants, credentials)
    }
}

impl Connector {
    /// Reads and compiles a component that is approved for a source, or takes it as it is at hand.
    async fn open(host: &Host, name: &SourceName, component: Digest) -> Result<Arc<Self>, SourceError> {
        let unusable = |problem: String| SourceError::Unusable { source_name: name.clone(), problem };
        let slot = host.opened.connector(component);
        let mut slot = slot.lock().await;
        if let Some(connector) = slot.get() {
            return Ok(connector);
        }
        let begun = Instant::now();
        let file = host.workspace.component_file(&component);
        if !file.is_file() {
            return Err(SourceError::ComponentMissing { source_name: name.clone(), component });
        }
        let bytes = host.workspace.component(&component)?;
        let prepared = host.runtime.prepare(&bytes).await.map_err(|e| unusable(e.to_string()))?;
        let intake = Arc::new(intake(prepared.manifest()).map_err(|e| unusable(e.to_string()))?);
        let connector = Arc::new(Self { component, prepared, intake });
        slot.put(begun, Arc::clone(&connector), vec![file]);
        Ok(connector)
    }
}

/// The approvals that there are.
fn approvals(host: &Host) -> Result<Arc<Lock>, WorkspaceError> {
    let mut slot = host.opened.lock.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lock) = slot.get() {
        return Ok(lock);
    }
    let begun = Instant::now();
    let lock = Arc::new(host.workspace.lock()?);
    slot.put(begun, Arc::clone(&lock), vec![host.workspace.lock_file()]);
    Ok(lock)
}

/// The settings in canonical form, and what the connector asks for under them.
pub(crate) fn resolve(
    name: &SourceName,
    config: &SourceConfig,
    manifest: &ComponentManifest,
) -> Result<(Value, Ask), SourceError> {
    let fail = |problem: String| SourceError::Settings {
        source_name: name.clone(),
        pointer: String::new(),
        problem,
    };
    let json = serde_json::to_value(&config.settings).map_err(|e| fail(e.to_string()))?;
    let settings = Value::of(&json).map_err(|e| fail(e.to_string()))?;
    let ask = manifest.resolve(&json).map_err(|e| fail(e.to_string()))?;
    for slot in config.credentials.keys() {
        if !ask.slots.contains_key(slot) {
            let known: Vec<&str> = ask.slots.keys().map(String::as_str).collect();
            return Err(SourceError::Credential {
                source_name: name.clone(),
                problem: format!("the connector has no credential slot `{slot}`"),
                hint: Some(format!("its slots are: {}", known.join(", "))),
            });
        }
    }
    Ok((settings, ask))
}

pub(crate) fn redactions(
    config: &SourceConfig,
    manifest: &ComponentManifest,
    settings: &Value,
) -> Result<Redactions, String> {
    let json: serde_json::Value = serde_json::from_slice(&settings.to_bytes()).map_err(|e| e.to_string())?;
    let mut lines: Vec<String> = manifest
        .resolve_redactions(&json)
        .map_err(|e| e.to_string())?
        .into_iter()
        .map(|(url, place)| format!("{url} {place}"))
        .collect();
    lines.extend(config.redact.iter().cloned());
    Redactions::parse(&lines).map_err(|e| e.to_string())
}

/// The built-in kinds, and those that the component brings.
pub(crate) fn intake(manifest: &ComponentManifest) -> Result<Intake, exhibit_intake::KindError> {
    Intake::new(exhibit_evidence::kind::builtin().into_iter().chain(manifest.own_kinds.iter().cloned()))
}

pub(crate) fn vault(workspace: &Workspace) -> Vault {
    let vault = Vault::of_process();
    match workspace.config().signing.identity.strip_prefix("file:") {
        Some(path) => vault.with_identity(workspace.resolve(path.as_ref())),
        None => vault,
    }
}

/// Reads a secret that the workspace's own settings refer to; a relative file is in the workspace.
pub fn read_secret(workspace: &Workspace, reference: &str) -> Result<Secret, String> {
    let reference: SecretRef = match reference.strip_prefix("file:") {
        Some(path) => {
            let path = workspace.resolve(path.as_ref());
            let absolute = path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))?;
            SecretRef::File(absolute)
        }
        None => reference.parse().map_err(|e| format!("{e}"))?,
    };
    vault(workspace).read(&reference).map_err(|e| e.to_string())
}

//! Approval: a person reads what a component asks for, and it is pinned, by digest, in `exhibit.lock` and in the
//! ledger.

use crate::host::{Host, HostError};
use crate::source::{SourceConfig, SourceError, resolve};
use crate::workspace::Workspace;
use exhibit_broker::grant::Ask;
use exhibit_broker::grant::lock::{Approval, Difference, Review};
use exhibit_broker::manifest::ComponentManifest;
use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_ledger::statement::{LeafKind, Statement};

/// What a person is asked to approve.
pub struct Proposal {
    /// The source.
    pub source: SourceName,
    /// The component.
    pub component: Digest,
    /// Its manifest.
    pub manifest: ComponentManifest,
    /// What would be new, and what is no longer asked, against the approval there is.
    pub difference: Difference,
    /// Whether this very component is approved already, and asks for nothing more.
    pub is_approved: bool,
    ask: Ask,
}

impl Proposal {
    /// Everything that is asked for, a line each.
    pub fn asks(&self) -> Vec<String> {
        Difference::between(None, &self.ask).added
    }
}

/// The components that were added to a workspace, each with its manifest.
///
/// # Errors
/// [`HostError::Workspace`], [`HostError::Component`].
pub fn components(workspace: &Workspace) -> Result<Vec<(Digest, ComponentManifest)>, HostError> {
    let mut all = Vec::new();
    for digest in workspace.components()? {
        let bytes = workspace.component(&digest)?;
        let manifest = exhibit_sandbox::read_manifest(&bytes).map_err(|error| HostError::Component {
            file: format!("{digest}.wasm"),
            reason: error.to_string(),
        })?;
        all.push((digest, manifest));
    }
    Ok(all)
}

/// What a source's connector asks for. `component` names one where several of that connector were added.
pub fn propose(
    workspace: &Workspace,
    source: &SourceName,
    component: Option<Digest>,
) -> Result<Proposal, SourceError> {
    let config = workspace.source(source)?;
    let (component, manifest) = find(workspace, source, &config, component)?;
    let (_, ask) = resolve(source, &config, &manifest)?;
    let lock = workspace.lock()?;
    let review = lock.review(source, &component, &ask);
    let difference = Difference::between(lock.sources.get(source), &ask);
    let is_approved = matches!(review, Review::Approved) && difference.added.is_empty();
    Ok(Proposal { source: source.clone(), component, manifest, difference, is_approved, ask })
}

/// Writes an approval down: in `exhibit.lock`, and as a leaf of the ledger.
pub fn approve(host: &Host, proposal: Proposal, by: &str) -> Result<(), SourceError> {
    let name = proposal.source.clone();
    let unusable = |problem: String| SourceError::Unusable { source_name: name.clone(), problem };
    let mut lock = host.workspace.lock()?;
    let approval = Approval::of(
        proposal.manifest.name.clone(),
        proposal.manifest.version.clone(),
        proposal.component,
        &proposal.ask,
        host.clock.now(),
        by.to_owned(),
    );
    let statement = statement(&name, &approval);
    lock.sources.insert(name.clone(), approval);
    let text = lock.to_text().map_err(|e| unusable(e.to_string()))?;
    let leaf = statement.to_leaf(&host.signer).map_err(|e| unusable(e.to_string()))?;
    host.store.append_leaf(&leaf, None).map_err(|e| unusable(e.to_string()))?;
    Ok(host.workspace.write_lock(&text)?)
}

fn statement(source: &SourceName, approval: &Approval) -> Statement {
    let text = |value: &str| Value::String(value.to_owned());
    let egress = approval.egress.iter().map(|rule| Value::String(rule.to_string())).collect();
    let predicate = Value::object([
        ("approved_at".to_owned(), text(&approval.approved_at.to_string())),
        ("approved_by".to_owned(), text(&approval.approved_by)),
        ("connector".to_owned(), text(approval.connector.as_str())),
        ("egress".to_owned(), Value::Array(egress)),
        ("source".to_owned(), text(source.as_str())),
        ("version".to_owned(), text(&approval.version)),
    ]);
    let name = format!("components/{}.wasm", approval.component);
    Statement::new(LeafKind::Approval, name, approval.component, predicate)
}

/// The component of a source's connector among those that were added.
fn find(
    workspace: &Workspace,
    source: &SourceName,
    config: &SourceConfig,
    wanted: Option<Digest>,
) -> Result<(Digest, ComponentManifest), SourceError> {
    let unusable = |problem: String| SourceError::Unusable { source_name: source.clone(), problem };
    let mut found = Vec::new();
    for digest in workspace.components()? {
        let bytes = workspace.component(&digest)?;
        let manifest =
            exhibit_sandbox::read_manifest(&bytes).map_err(|e| unusable(format!("{digest}: {e}")))?;
        if manifest.name == config.connector && wanted.is_none_or(|wanted| wanted == digest) {
            found.push((digest, manifest));
        }
    }
    match found.len() {
        0 => Err(unusable(format!(
            "the connector `{}` was not added to this workspace: exhibit connector add {}",
            config.connector, config.connector
        ))),
        1 => Ok(found.remove(0)),
        _ => {
            let digests: Vec<String> = found.iter().map(|(digest, _)| digest.to_string()).collect();
            Err(unusable(format!(
                "several components of `{}` were added; name one with --component: {}",
                config.connector,
                digests.join(", ")
            )))
        }
    }
}

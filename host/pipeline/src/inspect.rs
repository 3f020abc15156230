//! What is wrong with a source, as far as its files tell: nothing is run, nothing is sent, no store is needed.

use crate::source::{SourceConfig, SourceError, redactions, resolve, vault};
use crate::workspace::Workspace;
use exhibit_broker::credential::Credential;
use exhibit_broker::grant::Ask;
use exhibit_broker::grant::lock::{Difference, Lock};
use exhibit_broker::manifest::ComponentManifest;
use exhibit_evidence::name::SourceName;

/// Everything that would keep a source from running, or that its first run would stumble over.
pub fn inspect(
    workspace: &Workspace,
    name: &SourceName,
    config: &SourceConfig,
    lock: &Lock,
) -> Vec<SourceError> {
    let unusable = |problem: String| SourceError::Unusable { source_name: name.clone(), problem };
    let Some(approval) = lock.sources.get(name) else { return vec![SourceError::Unapproved(name.clone())] };
    let component = approval.component;
    if !workspace.component_file(&component).is_file() {
        return vec![SourceError::ComponentMissing { source_name: name.clone(), component }];
    }
    let bytes = match workspace.component(&component) {
        Ok(bytes) => bytes,
        Err(error) => return vec![error.into()],
    };
    let manifest = match exhibit_sandbox::read_manifest(&bytes) {
        Ok(manifest) => manifest,
        Err(error) => return vec![unusable(error.to_string())],
    };
    let (settings, ask) = match resolve(name, config, &manifest) {
        Ok(resolved) => resolved,
        Err(error) => return vec![error],
    };
    let mut problems = Vec::new();
    let difference = Difference::between(Some(approval), &ask);
    if !difference.added.is_empty() {
        let difference = difference.to_string().trim_end().to_owned();
        problems.push(SourceError::AsksMore { source_name: name.clone(), difference });
    }
    problems.extend(redactions(config, &manifest, &settings).err().map(unusable));
    problems.extend(credentials(workspace, name, config, &ask, &manifest));
    if let Some(file) = &config.ca_file {
        let path = workspace.resolve(file);
        let read = std::fs::read(&path).err();
        problems.extend(read.map(|error| unusable(format!("ca_file: {}: {error}", path.display()))));
    }
    problems
}

/// Credentials that cannot be read, and slots that have none.
fn credentials(
    workspace: &Workspace,
    name: &SourceName,
    config: &SourceConfig,
    ask: &Ask,
    manifest: &ComponentManifest,
) -> Vec<SourceError> {
    let vault = vault(workspace);
    let mut problems = Vec::new();
    let mut wrong = |slot: &str, problem: String| {
        let hint = Some(format!("see [credentials.{slot}] in sources/{name}.toml"));
        problems.push(SourceError::Credential { source_name: name.clone(), problem, hint });
    };
    for (slot, given) in &config.credentials {
        let given = ask.slots.get(slot).map_or_else(|| given.clone(), |asked| given.completed(&asked.token));
        if let Err(error) = Credential::load(name.as_str(), slot, &given, &vault) {
            wrong(slot, format!("credential `{slot}`, {}: {}", error.field, error.problem));
        }
    }
    for asked in &manifest.credentials {
        if !config.credentials.contains_key(&asked.slot) {
            wrong(&asked.slot, format!("there is no credential `{}` ({})", asked.slot, asked.title));
        }
    }
    problems
}

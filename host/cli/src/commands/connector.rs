//! `exhibit connector`: components that come with Exhibit, that were added, that a file holds.

use super::connector_project as project;
use crate::args::Connector;
use crate::bundled;
use crate::exit::Problem;
use crate::output::{self, Format};
use anyhow::{Context as _, Result};
use exhibit_broker::manifest::ComponentManifest;
use exhibit_conform::Bounds;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::Name;
use exhibit_pipeline::workspace::Workspace;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

pub(crate) async fn run(at: &Path, format: Format, command: Connector) -> Result<ExitCode> {
    match command {
        Connector::New { name, sdk } => project::new(&name, sdk.as_deref())?,
        Connector::Build { project, out } => project::build(&project, out.as_deref())?,
        Connector::Test { project } => return project::test(&project),
        Connector::Conform { component, fixtures, deadline_ms } => {
            let bounds = deadline_ms.map_or_else(Default::default, |deadline_ms| Bounds { deadline_ms });
            return super::conform::run(at, format, &component, fixtures.as_deref(), bounds).await;
        }
        Connector::Inspect { component } => inspect(at, format, &component)?,
        Connector::Add { component } => add(at, &component).await?,
        Connector::List => list(at, format)?,
        Connector::Table => super::connector_table::run(at, format).await?,
        Connector::Approve { name, yes } => {
            let workspace = Workspace::open(at)?;
            let sources = workspace.sources()?;
            let mut using = sources.iter().filter(|(_, source)| source.connector == name).peekable();
            if using.peek().is_none() {
                return Err(Problem::usage(
                    format!("no source uses the connector `{name}`"),
                    "add one with `exhibit source add NAME --connector CONNECTOR`",
                ));
            }
            for (source, _) in using {
                super::source::approve(&workspace, source, None, yes)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A component with where it is.
#[derive(Serialize)]
struct Listed {
    name: Name,
    version: String,
    publisher: String,
    contract: String,
    digest: Digest,
    /// Comes with Exhibit.
    bundled: bool,
    /// Was added to the workspace.
    added: bool,
    kinds: Vec<String>,
    description: String,
}

fn list(at: &Path, format: Format) -> Result<()> {
    let mut listed: Vec<Listed> = Vec::new();
    for (manifest, bytes) in bundled::components() {
        listed.push(entry(manifest, Digest::of(bytes), true));
    }
    if let Ok(workspace) = Workspace::open(at) {
        for digest in workspace.components()? {
            match listed.iter_mut().find(|known| known.digest == digest) {
                Some(known) => known.added = true,
                None => {
                    let (_, manifest) = stored(&workspace, &digest)?;
                    listed.push(Listed { added: true, ..entry(manifest, digest, false) });
                }
            }
        }
    }
    if listed.is_empty() {
        output::say("No connectors: this command was built without any. `make build` puts them in.");
    }
    output::rows(format, &listed, &["name", "version", "publisher", "added", "digest", "kinds"], |c| {
        vec![
            c.name.to_string(),
            c.version.clone(),
            c.publisher.clone(),
            if c.added { "yes" } else { "no" }.to_owned(),
            c.digest.short(),
            c.kinds.len().to_string(),
        ]
    })
}

fn entry(manifest: ComponentManifest, digest: Digest, bundled: bool) -> Listed {
    Listed {
        kinds: manifest.kinds.iter().map(ToString::to_string).collect(),
        name: manifest.name,
        version: manifest.version,
        publisher: manifest.publisher,
        contract: manifest.contract,
        description: manifest.description,
        digest,
        bundled,
        added: false,
    }
}

fn inspect(at: &Path, format: Format, component: &str) -> Result<()> {
    let bytes = read(at, component)?;
    let manifest = exhibit_sandbox::read_manifest(&bytes)
        .map_err(|error| Problem::failed(format!("{component}: {error}"), None))?;
    if format == Format::Json {
        return output::json(&serde_json::json!({ "digest": Digest::of(&bytes), "manifest": manifest }));
    }
    let mut text = vec![
        format!("{} {}, by {}", manifest.name, manifest.version, output::printable(&manifest.publisher)),
        format!("  {}", output::printable(&manifest.description)),
        format!("  digest    {}", Digest::of(&bytes)),
        format!("  contract  {}, host {} or newer", manifest.contract, manifest.min_host),
        "  may ask".to_owned(),
    ];
    for ask in &manifest.egress {
        let operations = ask.operations.as_ref().map(|list| format!("  [{}]", list.join(", ")));
        text.push(format!("    {} {}{}", ask.methods.join(","), ask.url, operations.unwrap_or_default()));
    }
    text.push("  credentials, which the host attaches and it never sees".to_owned());
    for slot in &manifest.credentials {
        let (schemes, hosts) = (slot.schemes.join(" or "), slot.hosts.join(", "));
        text.push(format!("    {}: {} ({schemes}), to {hosts} only", slot.slot, slot.title));
    }
    text.push("  kinds".to_owned());
    text.extend(manifest.kinds.iter().map(|kind| format!("    {kind}")));
    text.iter().try_for_each(|line| output::line(&output::printable(line)))
}

async fn add(at: &Path, component: &str) -> Result<()> {
    let workspace = Workspace::open(at)?;
    let bytes = read(at, component)?;
    let manifest = exhibit_sandbox::read_manifest(&bytes)
        .map_err(|error| Problem::failed(format!("{component}: {error}"), None))?;
    manifest.validate().map_err(|error| Problem::failed(format!("{component}: {error}"), None))?;
    // Compiling now shows what is wrong with it now, and makes the first run quick.
    output::say("Compiling …");
    let runtime = crate::host::runtime(&workspace)?;
    runtime.prepare(&bytes).await.with_context(|| format!("{component} cannot be run"))?;
    let digest = workspace.add_component(&bytes)?;
    output::say(&format!("Added {} {} ({digest})", manifest.name, manifest.version));
    Ok(())
}

/// The bytes of a file, of a connector that comes with Exhibit, or of one that was added.
pub(crate) fn read(at: &Path, component: &str) -> Result<Vec<u8>> {
    let path = Path::new(component);
    if path.is_file() {
        return std::fs::read(path).with_context(|| format!("cannot read {component}"));
    }
    if let Some(bytes) = bundled::component(component) {
        return Ok(bytes.to_vec());
    }
    if let Ok(workspace) = Workspace::open(at) {
        for digest in workspace.components()? {
            let (bytes, manifest) = stored(&workspace, &digest)?;
            if manifest.name.as_str() == component || digest.to_string().starts_with(component) {
                return Ok(bytes);
            }
        }
    }
    Err(Problem::usage(
        format!("`{component}` is neither a file nor a connector that is here"),
        "`exhibit connector list` names those that are; a file ends with .wasm",
    ))
}

fn stored(workspace: &Workspace, digest: &Digest) -> Result<(Vec<u8>, ComponentManifest)> {
    let bytes = workspace.component(digest)?;
    let manifest = exhibit_sandbox::read_manifest(&bytes)
        .with_context(|| format!("{}", workspace.component_file(digest).display()))?;
    Ok((bytes, manifest))
}

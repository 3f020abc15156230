//! `exhibit source`: configured, approved uses of a connector.

use crate::args::Source;
use crate::exit::{FAILED, Problem};
use crate::output::{self, Format};
use crate::prompt;
use anyhow::{Context as _, Result};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::{Name, SourceName};
use exhibit_pipeline::approve::{self, Proposal};
use exhibit_pipeline::source::ScheduleConfig;
use exhibit_pipeline::workspace::Workspace;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

pub(crate) async fn run(at: &Path, format: Format, command: Source) -> Result<ExitCode> {
    match command {
        Source::Add { name, connector, settings, credentials, allow_addresses } => {
            let given = Given { settings, credentials, allow_addresses };
            add(at, &name, &connector, &given).await?;
        }
        Source::Check { name } => return check(at, format, &name).await,
        Source::List => list(at, format)?,
        Source::Approve { name, component, yes } => {
            approve(&Workspace::open(at)?, &name, component, yes)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the command line says of a new source.
struct Given {
    settings: Vec<String>,
    credentials: Vec<String>,
    allow_addresses: Vec<String>,
}

async fn add(at: &Path, name: &SourceName, connector: &Name, given: &Given) -> Result<()> {
    let workspace = Workspace::open(at)?;
    if workspace.source_file(name).exists() {
        return Err(Problem::usage(
            format!("there is a source `{name}` already"),
            format!("change {} instead, and approve it again", workspace.source_file(name).display()),
        ));
    }
    let mut found = None;
    for digest in workspace.components()? {
        let bytes = workspace.component(&digest)?;
        if exhibit_sandbox::read_manifest(&bytes)?.name == *connector {
            found = Some(bytes);
        }
    }
    let bytes = found.ok_or_else(|| {
        Problem::usage(
            format!("the connector `{connector}` was not added to this workspace"),
            format!("exhibit connector add {connector}"),
        )
    })?;
    let runtime = crate::host::runtime(&workspace)?;
    let prepared = runtime.prepare(&bytes).await?;
    let description: Value = serde_json::from_str(&runtime.describe(&prepared).await?)
        .context("the connector's description does not read as JSON")?;
    let settings = settings(&description["settings"], &given.settings)?;
    let slots = credentials(prepared.manifest(), &given.credentials)?;
    let text = file(connector, &settings, &slots, &given.allow_addresses)?;
    workspace.add_source(name, &text)?;
    let json = serde_json::to_string(&settings)?;
    let problems = runtime.validate_config(&prepared, &json).await?;
    for problem in &problems {
        output::say(&output::printable(&format!("settings{}: {}", problem.pointer, problem.message)));
    }
    output::say(&format!(
        "Wrote {}.\nNext: exhibit source approve {name}, then exhibit source check {name}.",
        workspace.source_file(name).display()
    ));
    if problems.is_empty() {
        return Ok(());
    }
    Err(Problem::usage(
        format!("the settings of `{name}` are not right yet"),
        "correct the file; the source cannot run before",
    ))
}

/// Asks for what the connector's settings need, by their JSON Schema.
fn settings(schema: &Value, given: &[String]) -> Result<toml::Table> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for pair in given {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Problem::usage(format!("--set {pair}: there is no `=`"), "write --set KEY=VALUE")
        })?;
        values.insert(key.to_owned(), value.to_owned());
    }
    let none = serde_json::Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    if let Some(unknown) = values.keys().find(|key| !properties.contains_key(*key)) {
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        return Err(Problem::usage(
            format!("the connector has no setting `{unknown}`"),
            format!("its settings are: {}", known.join(", ")),
        ));
    }
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut table = toml::Table::new();
    // What is needed first, in the connector's order: a property's place in an object is no order.
    let optional = properties.keys().map(String::as_str).filter(|key| !required.contains(key));
    for key in required.iter().copied().chain(optional) {
        let needed = required.contains(&key);
        let property = properties.get(key).unwrap_or(&Value::Null);
        let value = match values.remove(key) {
            Some(value) => value,
            None if needed && prompt::is_possible() => prompt::ask(&question(key, property), None)?,
            None if needed => {
                return Err(Problem::usage(
                    format!("the setting `{key}` is missing ({})", property["title"].as_str().unwrap_or(key)),
                    format!("--set {key}=VALUE"),
                ));
            }
            None => continue,
        };
        table.insert(key.to_owned(), typed(key, property, &value)?);
    }
    Ok(table)
}

fn question(key: &str, property: &Value) -> String {
    let title = property["title"].as_str().unwrap_or(key);
    let example = property["examples"][0].as_str().map(|e| format!(", for example {e}")).unwrap_or_default();
    let help = property["description"].as_str().map(|d| format!("\n  {d}")).unwrap_or_default();
    format!("{title} ({key}{example}){help}\n ")
}

/// A setting's text as the type that its schema asks for.
fn typed(key: &str, property: &Value, text: &str) -> Result<toml::Value> {
    let wrong = |wanted: &str| {
        Problem::usage(format!("the setting `{key}` is {wanted}, and `{text}` is not"), "correct it")
    };
    Ok(match property["type"].as_str() {
        Some("boolean") => toml::Value::Boolean(text.parse().map_err(|_| wrong("true or false"))?),
        Some("integer") => toml::Value::Integer(text.parse().map_err(|_| wrong("a whole number"))?),
        Some("array") => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            toml::Value::Array(items.map(|item| toml::Value::String(item.to_owned())).collect())
        }
        _ => toml::Value::String(text.to_owned()),
    })
}

/// The tables of credentials: as given, or the first scheme of each slot that variables suffice for, with their names.
fn credentials(
    manifest: &exhibit_broker::manifest::ComponentManifest,
    given: &[String],
) -> Result<BTreeMap<String, toml::Table>> {
    let mut slots: BTreeMap<String, toml::Table> = BTreeMap::new();
    for pair in given {
        let parsed = pair
            .split_once('=')
            .and_then(|(place, value)| place.split_once('.').map(|(slot, field)| (slot, field, value)));
        let (slot, field, value) = parsed.ok_or_else(|| {
            Problem::usage(
                format!(
                    "--credential {}: it is not SLOT.FIELD=VALUE",
                    pair.split('=').next().unwrap_or_default()
                ),
                "for example --credential okta.scheme=ssws --credential okta.token=env:OKTA_TOKEN",
            )
        })?;
        let table = slots.entry(slot.to_owned()).or_default();
        let mut place = table;
        let mut names: Vec<&str> = field.split('.').collect();
        let last = names.pop().unwrap_or(field);
        for name in names {
            let inner = place.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            place = inner.as_table_mut().ok_or_else(|| {
                Problem::usage(
                    format!("--credential {slot}.{field}: `{name}` is a value already"),
                    "name it once",
                )
            })?;
        }
        place.insert(last.to_owned(), toml::Value::String(value.to_owned()));
    }
    for ask in &manifest.credentials {
        let fields = ask.schemes.iter().find_map(|scheme| Some((scheme, fields(scheme)?)));
        let (Some((scheme, fields)), false) = (fields, slots.contains_key(&ask.slot)) else { continue };
        let variable = ask.slot.to_uppercase().replace('-', "_");
        let mut table = toml::Table::from_iter([("scheme".to_owned(), toml::Value::String(scheme.clone()))]);
        for field in fields {
            let reference = format!("env:{variable}_{}", field.to_uppercase());
            table.insert((*field).to_owned(), toml::Value::String(reference));
        }
        slots.insert(ask.slot.clone(), table);
    }
    Ok(slots)
}

/// What a scheme needs that variables can hold; none: it needs a file, or a decision.
fn fields(scheme: &str) -> Option<&'static [&'static str]> {
    match scheme {
        "ssws" | "bearer" => Some(&["token"]),
        "oauth_client_credentials" => Some(&["client_id", "client_secret"]),
        _ => None,
    }
}

/// The source's file.
fn file(
    connector: &Name,
    settings: &toml::Table,
    credentials: &BTreeMap<String, toml::Table>,
    allow_addresses: &[String],
) -> Result<String> {
    #[derive(Serialize)]
    struct File<'a> {
        connector: &'a Name,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        allow_addresses: &'a [String],
        settings: &'a toml::Table,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        credentials: &'a BTreeMap<String, toml::Table>,
    }
    let file = File { connector, allow_addresses, settings, credentials };
    Ok(format!(
        "# Secrets are given by reference: env:NAME, file:/absolute/path or age:/absolute/path#entry.\n{}",
        toml::to_string_pretty(&file)?
    ))
}

/// Shows what a connector asks for, asks whether that is right, and writes the approval down.
pub(crate) fn approve(
    workspace: &Workspace,
    source: &SourceName,
    component: Option<Digest>,
    yes: bool,
) -> Result<()> {
    let proposal = approve::propose(workspace, source, component)?;
    if proposal.is_approved {
        output::say(&format!("{source} is approved already, and asks for nothing more."));
        return Ok(());
    }
    show(&proposal);
    if !yes {
        if !prompt::is_possible() {
            return Err(Problem::usage(
                "nobody is here to approve this",
                format!("read the lines above, then run: exhibit source approve {source} --yes"),
            ));
        }
        if !prompt::confirm("Approve?")? {
            return Err(Problem::failed("not approved; nothing was changed", None));
        }
    }
    let host = crate::host::open(workspace.root())?;
    approve::approve(&host, proposal, &crate::host::person())?;
    output::say(&format!("Approved. {source} may now be checked and collected from."));
    Ok(())
}

fn show(proposal: &Proposal) {
    let Proposal { source, component, manifest, difference, .. } = proposal;
    output::say(&format!("{source}: {} {} ({component}) asks", manifest.name, manifest.version));
    for line in difference.to_string().lines() {
        output::say(&format!("  {}", output::printable(line)));
    }
}

#[derive(Serialize)]
struct Listed {
    source: SourceName,
    connector: Name,
    approved: Option<Digest>,
    approved_at: Option<String>,
    schedule: String,
    credentials: BTreeMap<String, String>,
}

fn list(at: &Path, format: Format) -> Result<()> {
    let workspace = Workspace::open(at)?;
    let lock = workspace.lock()?;
    let mut listed = Vec::new();
    for (source, config) in workspace.sources()? {
        let approval = lock.sources.get(&source);
        listed.push(Listed {
            connector: config.connector.clone(),
            approved: approval.map(|a| a.component),
            schedule: schedule(&config.schedule),
            approved_at: approval.map(|a| a.approved_at.to_string()),
            credentials: config.credentials.iter().map(|(k, v)| (k.clone(), v.scheme().to_owned())).collect(),
            source,
        });
    }
    if listed.is_empty() {
        output::say("No sources yet: exhibit source add NAME --connector CONNECTOR.");
    }
    output::rows(format, &listed, &["source", "connector", "schedule", "credentials", "approved"], |s| {
        let credentials: Vec<String> =
            s.credentials.iter().map(|(slot, scheme)| format!("{slot}:{scheme}")).collect();
        let approved = match (&s.approved, &s.approved_at) {
            (Some(digest), Some(at)) => format!("{} on {at}", digest.short()),
            _ => "no".to_owned(),
        };
        let (source, connector) = (s.source.to_string(), s.connector.to_string());
        vec![source, connector, s.schedule.clone(), credentials.join(" "), approved]
    })
}

/// When `exhibit serve` collects.
fn schedule(config: &ScheduleConfig) -> String {
    if config.paused { format!("{} (paused)", config.plan) } else { config.plan.to_string() }
}

async fn check(at: &Path, format: Format, name: &SourceName) -> Result<ExitCode> {
    let host = crate::host::open(at)?;
    let checked = exhibit_pipeline::collect::check(&host, name).await?;
    if format == Format::Json {
        output::json(&checked)?;
    }
    let failure = checked.failure.as_deref().unwrap_or_default();
    for warning in checked.warnings.iter().filter(|warning| !failure.contains(warning.as_str())) {
        output::say(&output::printable(&format!("warning: {name}: {warning}")));
    }
    match (&checked.tenant, &checked.failure) {
        (Some(tenant), None) => {
            if format == Format::Text {
                output::line(&output::printable(&format!("{name} reaches {tenant}")))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        (_, failure) => {
            let why = failure.as_deref().unwrap_or("it named no tenant");
            output::say(&output::printable(&format!("error: {name}: {why}")));
            for permission in &checked.permissions {
                output::say(&output::printable(&format!("  it needs {permission}")));
            }
            Ok(ExitCode::from(FAILED))
        }
    }
}

//! `exhibit connector table`: which connector has which evidence, for which criteria, and what it must be permitted to
//! read it. Every connector that comes with Exhibit is asked what it says of itself; `plugins/README.md` is what this
//! prints.

use crate::bundled;
use crate::output::{self, Format};
use anyhow::{Context as _, Result};
use exhibit_controls::{Catalogue, STARTER};
use exhibit_evidence::control::Criterion;
use exhibit_evidence::kind::{Kind, builtin};
use exhibit_evidence::name::Name;
use exhibit_pipeline::workspace::Workspace;
use exhibit_sandbox::Runtime;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// One kind of evidence of one connector.
#[derive(Serialize)]
struct Row {
    connector: Name,
    kind: Kind,
    /// Criteria of the starter controls that it proves, in the standard's order.
    criteria: Vec<Criterion>,
    /// What must be granted, in the vendor's words.
    permissions: Vec<String>,
}

/// What a connector says of itself, as far as it is needed here.
#[derive(Deserialize)]
struct Description {
    permissions: Vec<Permission>,
}

#[derive(Deserialize)]
struct Permission {
    permission: String,
    /// Kinds that are incomplete without it.
    kinds: Vec<Kind>,
}

pub(crate) async fn run(at: &Path, format: Format) -> Result<()> {
    // Compiled components are kept with the workspace, where there is one.
    let (runtime, kept) = match Workspace::open(at) {
        Ok(workspace) => (crate::host::runtime(&workspace)?, None),
        Err(_) => {
            let (runtime, kept) = crate::host::runtime_for_once()?;
            (Arc::new(runtime), Some(kept))
        }
    };
    let rows = rows(&runtime).await?;
    drop(kept);
    match format {
        Format::Json => output::json(&rows),
        Format::Text => output::line(&markdown(&rows)),
    }
}

async fn rows(runtime: &Runtime) -> Result<Vec<Row>> {
    let criteria = criteria()?;
    let mut rows = Vec::new();
    for (manifest, bytes) in bundled::components() {
        let name = manifest.name;
        let prepared = runtime.prepare(bytes).await?;
        let described = runtime.describe(&prepared).await?;
        let described: Description = serde_json::from_str(&described)
            .with_context(|| format!("what {name} says of itself does not read"))?;
        let kinds: BTreeSet<Kind> = manifest.kinds.into_iter().collect();
        rows.extend(kinds.into_iter().map(|kind| {
            let needed = described.permissions.iter().filter(|permission| permission.kinds.contains(&kind));
            Row {
                connector: name.clone(),
                criteria: criteria.get(&kind).cloned().unwrap_or_default(),
                permissions: needed.map(|permission| permission.permission.clone()).collect(),
                kind,
            }
        }));
    }
    Ok(rows)
}

/// Which criteria the starter controls serve that a kind proves.
fn criteria() -> Result<BTreeMap<Kind, Vec<Criterion>>> {
    let kinds = builtin().into_iter().map(|spec| spec.kind).collect();
    let catalogue = Catalogue::read(STARTER.iter().copied(), &kinds)?;
    let mut criteria: BTreeMap<Kind, Vec<Criterion>> = BTreeMap::new();
    for control in catalogue.iter() {
        for evidence in &control.evidence {
            criteria.entry(evidence.kind.clone()).or_default().extend(&control.criteria);
        }
    }
    let place = |criterion: &Criterion| Criterion::IDS.iter().position(|id| *id == criterion.id());
    for of_kind in criteria.values_mut() {
        of_kind.sort_by_key(place);
        of_kind.dedup();
    }
    Ok(criteria)
}

const HEAD: &str = "# Connectors

Which connector has which evidence, for which of the Trust Services Criteria, and what it must be permitted to read it.
Without a permission that is named here the population is incomplete, or the fields that it opens are unknown: the
connector's own README says which, and gives what to grant as something to paste. The criteria are those of the starter
controls that `exhibit init` writes; yours may say otherwise. [SPEC.md](SPEC.md) is what a connector keeps to.

`exhibit connector table` prints this file.

| connector | kind | criteria | permission needed |
| --- | --- | --- | --- |";

fn markdown(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    for row in rows {
        let name = row.connector.as_str();
        let criteria: Vec<&str> = row.criteria.iter().map(|criterion| criterion.id()).collect();
        let permissions = row.permissions.join("; ").replace('|', "\\|");
        let line = format!("| [{name}]({name}) | `{}` | {} | {permissions} |", row.kind, criteria.join(", "));
        text.push('\n');
        text.push_str(&output::printable(&line));
    }
    text
}

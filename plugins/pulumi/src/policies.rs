//! Policy packs, and the groups that say which of them hold where.

use crate::api::Api;
use exhibit_sdk::kinds::{Details, Resource};
use exhibit_sdk::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    mode: Option<String>,
    entity_type: Option<String>,
    is_org_default: Option<bool>,
    #[serde(default)]
    stacks: Option<Vec<StackName>>,
    #[serde(default)]
    accounts: Option<Vec<String>>,
    #[serde(default)]
    applied_policy_packs: Option<Vec<Applied>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StackName {
    name: String,
    routing_project: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Applied {
    name: String,
    version_tag: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pack {
    name: String,
    display_name: Option<String>,
    #[serde(default)]
    version_tags: Option<Vec<String>>,
}

/// Which packs hold on which stack.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_stack: BTreeMap<String, BTreeSet<String>>,
    /// Of the group for stacks that are in no other.
    default: BTreeSet<String>,
}

impl Groups {
    /// Packs in force on a stack, sorted.
    pub(crate) fn packs(&self, project: &str, stack: &str) -> Vec<String> {
        let packs = self.by_stack.get(&format!("{project}/{stack}")).unwrap_or(&self.default);
        packs.iter().cloned().collect()
    }

    fn add(&mut self, group: &Group) {
        let packs = || group.applied_policy_packs.iter().flatten().map(Applied::label);
        for stack in group.stacks.iter().flatten() {
            let name = format!("{}/{}", stack.routing_project, stack.name);
            self.by_stack.entry(name).or_default().extend(packs());
        }
        if group.is_org_default == Some(true) && group.entity_type.as_deref() == Some("stacks") {
            self.default.extend(packs());
        }
    }
}

impl Applied {
    /// Name and version.
    fn label(&self) -> String {
        match self.version_tag.as_deref().filter(|tag| !tag.is_empty()) {
            Some(tag) => format!("{} {tag}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Reads groups and packs; returns the groups, where all of them could be read.
pub(crate) fn collect(api: &Api<'_>) -> Result<Option<Groups>> {
    let mut resources = api.ctx.wanted::<Resource>("all policy groups and policy packs");
    let groups = of_groups(api, &mut resources)?;
    if resources.is_wanted() {
        let list = api.org("/policypacks").list("/policyPacks");
        for page in list.pages() {
            let Some(page) = tolerate(&mut [&mut resources], page)? else { break };
            for pack in resources.items::<Pack>(&page)? {
                resources.emit(of_pack(api, &pack))?;
            }
        }
    }
    resources.seal()?;
    Ok(groups)
}

fn of_groups(api: &Api<'_>, resources: &mut Wanted<Resource>) -> Result<Option<Groups>> {
    let mut groups = Some(Groups::default());
    for page in api.org("/policygroups").list("/policyGroups").pages() {
        let Some(page) = tolerate(&mut [resources], page)? else { return Ok(None) };
        let listed = resources.items::<Listed>(&page)?;
        let path = |group: &Item<Listed>| format!("/policygroups/{}", encode(&group.name));
        for (listed, answer) in api.ctx.each(&listed, |group| api.org(&path(group))) {
            let Some(pages) = tolerate(&mut [resources], answer)? else {
                groups = None;
                continue;
            };
            for page in pages {
                let group = page.item::<Group>()?;
                if let Some(groups) = &mut groups {
                    groups.add(&group);
                }
                resources.emit(of_group(api, listed, &group))?;
            }
        }
    }
    Ok(groups)
}

fn of_group(api: &Api<'_>, listed: &Item<Listed>, group: &Item<Group>) -> Record<Resource> {
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let packs = group.applied_policy_packs.iter().flatten().map(Applied::label).collect();
    let stacks = group
        .stacks
        .iter()
        .flatten()
        .map(|stack| format!("{}/{}", stack.routing_project, stack.name))
        .collect();
    let mut details = Details::new()
        .with("policy_packs", sorted(packs))
        .with("stacks", sorted(stacks))
        .with("accounts", sorted(group.accounts.clone().unwrap_or_default()));
    for (name, word) in [("mode", &group.mode), ("entity_type", &group.entity_type)] {
        if let Some(word) = word {
            details.insert(name, word.as_str());
        }
    }
    if let Some(is_default) = group.is_org_default {
        details.insert("organization_default", is_default);
    }
    let attributes = Resource {
        container: Some(api.settings.organization.clone()),
        details: details.some(),
        ..Resource::new(&group.name, "pulumi:policy-group")
    };
    let record = Record::new(format!("policy-group/{}", group.name), attributes);
    let record = record.origin(listed.origin()).origin(group.origin());
    record.subject(api.asset(&format!("policygroups/{}", group.name)))
}

fn of_pack(api: &Api<'_>, pack: &Item<Pack>) -> Record<Resource> {
    let mut versions = pack.version_tags.clone().unwrap_or_default();
    versions.sort();
    let name = pack.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&pack.name);
    let attributes = Resource {
        container: Some(api.settings.organization.clone()),
        details: Some(Details::new().with("versions", versions)),
        ..Resource::new(name, "pulumi:policy-pack")
    };
    let record = pack.record(format!("policy-pack/{}", pack.name), attributes);
    record.subject(api.asset(&format!("policypacks/{}", pack.name)))
}

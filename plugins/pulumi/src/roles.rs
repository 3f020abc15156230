//! Roles that the organisation made itself, and what they allow. They support grants, and are no population.

use crate::api::Api;
use exhibit_sdk::kinds::RoleGrant;
use exhibit_sdk::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    name: Option<String>,
    default_identifier: Option<String>,
    details: Option<Value>,
}

/// One role of the organisation's own.
#[derive(Debug)]
struct Role {
    name: Option<String>,
    /// Scopes, sorted: `stack:read`.
    scopes: Vec<String>,
    /// Whether they hold for some stacks or environments alone.
    is_conditional: bool,
    /// Whether parts of it stand elsewhere, by reference.
    has_references: bool,
    origin: Origin,
}

/// The organisation's roles by id; nothing where they are withheld.
#[derive(Debug)]
pub(crate) struct Roles(Option<BTreeMap<String, Role>>);

/// Reads them, where grants or accounts are asked for.
pub(crate) fn read(api: &Api<'_>, passing: &Passing) -> Result<Roles> {
    if !api.ctx.wants::<RoleGrant>() && !api.ctx.wants::<exhibit_sdk::kinds::Account>() {
        return Ok(Roles(None));
    }
    let list = api.org("/roles").query("uxPurpose", "role").list("/roles");
    let Some(page) = passing.known("what the organisation's own roles allow", list.send()) else {
        return Ok(Roles(None));
    };
    let mut own = BTreeMap::new();
    for role in page.items::<Listed>()? {
        // Pulumi's own roles are in the list, too.
        if role.default_identifier.as_ref().is_some_and(|word| !word.is_empty()) {
            continue;
        }
        let mut scopes = BTreeSet::new();
        let mut tree = Tree { scopes: &mut scopes, is_conditional: false, has_references: false };
        role.details.iter().for_each(|details| tree.walk(details));
        let Tree { is_conditional, has_references, .. } = tree;
        let scopes = scopes.into_iter().collect();
        let read = Role {
            name: role.name.clone(),
            scopes,
            is_conditional,
            has_references,
            origin: role.origin().clone(),
        };
        own.insert(role.id.clone(), read);
    }
    Ok(Roles(Some(own)))
}

impl Roles {
    /// Whether this is a role that the organisation made; where its roles are not known, all are but those that have
    /// the names of Pulumi's own.
    pub(crate) fn is_own(&self, id: &str, name: &str) -> bool {
        let builtin = ["admin", "member", "billing manager", "billingmanager", "billing-manager"];
        let is_builtin = || builtin.contains(&name.to_lowercase().as_str());
        self.0.as_ref().map_or_else(|| !is_builtin(), |own| own.contains_key(id))
    }

    /// The role's name, where the organisation made it.
    pub(crate) fn name(&self, id: &str) -> Option<&str> {
        self.0.as_ref()?.get(id)?.name.as_deref()
    }

    /// Says of a grant what its role allows.
    pub(crate) fn describe(&self, mut record: Record<RoleGrant>, id: &str, name: &str) -> Record<RoleGrant> {
        if !self.is_own(id, name) {
            return record;
        }
        let Some(role) = self.0.as_ref().and_then(|own| own.get(id)) else {
            return record.unknown("permissions").unknown("conditional");
        };
        let attributes = record.attributes_mut();
        attributes.permissions = Some(role.scopes.clone()).filter(|_| !role.has_references);
        attributes.conditional = Some(role.is_conditional);
        let record = record.origin(&role.origin);
        if role.has_references { record.unknown("permissions") } else { record }
    }
}

/// The tree of a role's permissions: `__type` says what a node is.
struct Tree<'a> {
    scopes: &'a mut BTreeSet<String>,
    is_conditional: bool,
    has_references: bool,
}

impl Tree<'_> {
    /// The depth is bounded by that of the JSON reader, 128.
    fn walk(&mut self, node: &Value) {
        let word = node.get("__type").and_then(Value::as_str).unwrap_or_default();
        match word {
            "PermissionDescriptorAllow" => {
                let scopes = node.get("permissions").and_then(Value::as_array).into_iter().flatten();
                self.scopes
                    .extend(scopes.filter_map(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned));
            }
            "PermissionDescriptorCondition"
            | "PermissionDescriptorIfThenElse"
            | "PermissionDescriptorSelect" => {
                self.is_conditional = true;
            }
            "PermissionDescriptorCompose" => self.has_references = true,
            _ => {}
        }
        for member in ["entries", "options", "node", "subNode", "subNodeForTrue", "subNodeForFalse"] {
            match node.get(member) {
                Some(Value::Array(nodes)) => nodes.iter().for_each(|node| self.walk(node)),
                Some(node @ Value::Object(_)) => self.walk(node),
                _ => {}
            }
        }
    }
}

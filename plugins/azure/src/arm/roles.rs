//! Role definitions: what a role permits, and whether that is much.
//!
//! <https://learn.microsoft.com/en-us/azure/role-based-access-control/role-definitions>. Privileged is who may do
//! everything, or give roles to others:
//! <https://learn.microsoft.com/en-us/azure/role-based-access-control/role-assignments-steps#privileged-administrator-roles>.

use super::api::Arm;
use super::id;
use super::resource::or_default;
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{AccessChange, RoleGrant};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const VERSION: &str = "2022-04-01";
const ASSIGN: &str = "microsoft.authorization/roleassignments/write";
/// A list longer than this does not fit a record.
const MOST: usize = 1000;

#[derive(Debug, Deserialize)]
struct Definition {
    id: String,
    name: String,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    role_name: Option<String>,
    r#type: Option<String>,
    description: Option<String>,
    created_on: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    assignable_scopes: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    permissions: Vec<Permission>,
}

/// What may be done: a union of these. `*` stands for anything in an action.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Permission {
    #[serde(default, deserialize_with = "or_default")]
    actions: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    not_actions: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    data_actions: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    not_data_actions: Vec<String>,
}

impl Permission {
    /// Whether it permits this action of the control plane.
    pub(super) fn permits(&self, action: &str) -> bool {
        self.actions.iter().any(|pattern| fits(pattern, action))
            && !self.not_actions.iter().any(|pattern| fits(pattern, action))
    }
}

/// Whether an action is what a pattern names, letter case aside.
fn fits(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| action.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// A role that can be assigned in one of the subscriptions.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) is_privileged: bool,
    /// In Azure's words, of a role of the organisation's own; none where they are too many.
    pub(super) permissions: Option<Vec<String>>,
    pub(super) is_custom: bool,
    pub(super) origin: Origin,
}

/// Roles by the last part of their ids, which is one for all subscriptions.
#[derive(Debug, Default)]
pub(super) struct Roles(BTreeMap<String, Role>);

impl Roles {
    /// The role of a definition's id.
    pub(super) fn get(&self, definition: &str) -> Option<&Role> {
        self.0.get(&id::last(definition).to_lowercase())
    }
}

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription]) -> Result<Roles> {
    let mut assets = api.open::<Resource>("custom roles of all subscriptions");
    let mut roles = Roles::default();
    // Grants, and changes of them, name their role by it.
    if !assets.is_wanted() && !api.ctx.wants::<RoleGrant>() && !api.ctx.wants::<AccessChange>() {
        return Ok(roles);
    }
    let ask = |of: &Subscription| api.list(&of.provided("Microsoft.Authorization/roleDefinitions"), VERSION);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut assets], answer)? {
            let (mut built_in, mut again) = (0, 0);
            for found in assets.items::<Definition>(&page)? {
                let role = read(&found);
                let is_custom = role.is_custom;
                if roles.0.insert(found.name.to_lowercase(), role).is_some() {
                    again += 1;
                } else if is_custom {
                    assets.emit(record(&found))?;
                } else {
                    built_in += 1;
                }
            }
            assets.filtered(built_in, "a role that Azure has for everyone")?;
            assets.filtered(again, "a role that another subscription's list has too")?;
        }
    }
    assets.seal()?;
    Ok(roles)
}

fn read(found: &Item<Definition>) -> Role {
    let properties = &found.properties;
    let is_custom = properties.r#type.as_deref() != Some("BuiltInRole");
    let all = |permission: &Permission| permission.actions.iter().any(|action| action == "*");
    Role {
        name: properties.role_name.clone().unwrap_or_else(|| found.name.clone()),
        is_privileged: properties.permissions.iter().any(|one| all(one) || one.permits(ASSIGN)),
        permissions: (is_custom).then(|| words(&properties.permissions)).filter(|words| words.len() <= MOST),
        is_custom,
        origin: found.origin().clone(),
    }
}

/// `Microsoft.Web/sites/read`, `notAction Microsoft.Web/sites/delete`, `dataAction …`, `notDataAction …`.
fn words(permissions: &[Permission]) -> Vec<String> {
    let mut words = Vec::new();
    for one in permissions {
        for (word, actions) in [
            ("", &one.actions),
            ("notAction ", &one.not_actions),
            ("dataAction ", &one.data_actions),
            ("notDataAction ", &one.not_data_actions),
        ] {
            words.extend(actions.iter().map(|action| format!("{word}{action}")));
        }
    }
    words.sort();
    words.dedup();
    words
}

fn record(found: &Item<Definition>) -> Record<Resource> {
    let properties = &found.properties;
    let mut scopes: Vec<String> = properties.assignable_scopes.iter().map(|scope| id::key(scope)).collect();
    scopes.sort();
    let mut permissions = words(&properties.permissions);
    let count = permissions.len();
    permissions.truncate(MOST);
    let details = Details::new()
        .with("permissions", permissions)
        .with("permission_count", i64::try_from(count).unwrap_or(i64::MAX))
        .with("assignable_scopes", scopes)
        .with_some("description", properties.description.clone().filter(|text| !text.is_empty()));
    let attributes = Resource {
        created_at: instant(properties.created_on.as_ref()),
        details: Some(details),
        ..Resource::new(properties.role_name.as_ref().unwrap_or(&found.name), "azure:authorization:role")
    };
    // Each subscription writes the same role under an id of its own.
    let key =
        format!("/providers/microsoft.authorization/roledefinitions/{}", id::last(&found.id).to_lowercase());
    found.record(&key, attributes).subject(subject::asset(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_and_patterns() {
        for (pattern, action, is_fit) in [
            ("*", "Microsoft.Sql/servers/read", true),
            ("*/read", "Microsoft.Sql/servers/read", true),
            ("*/read", "Microsoft.Sql/servers/write", false),
            ("microsoft.sql/*", "Microsoft.Sql/servers/read", true),
            ("Microsoft.Sql/*/read", "Microsoft.Sql/servers/databases/read", true),
            ("Microsoft.Sql/*/databases/*", "Microsoft.Sql/servers/databases/read", true),
            ("Microsoft.Sql/servers/read", "microsoft.sql/servers/READ", true),
            ("Microsoft.Sql/servers/read", "Microsoft.Sql/servers/readable", false),
            ("", "Microsoft.Sql/servers/read", false),
        ] {
            assert_eq!(fits(pattern, action), is_fit, "{pattern} {action}");
        }
        // Contributor, but for what it lists in notActions.
        let contributor = Permission {
            actions: vec!["*".into()],
            not_actions: vec!["Microsoft.Authorization/*/Write".into()],
            ..Permission::default()
        };
        assert!(contributor.permits("Microsoft.Sql/servers/write") && !contributor.permits(ASSIGN));
    }
}

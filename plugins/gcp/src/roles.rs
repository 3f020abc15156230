//! Roles that the organisation made, and which roles administer.

use crate::api::{Api, IAM};
use crate::tree::{Place, Tree};
use exhibit_sdk::kinds::RoleGrant;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    included_permissions: Vec<String>,
    stage: Option<String>,
    deleted: Option<bool>,
}

/// A role of the organisation's own.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) title: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) origin: Origin,
}

impl Own {
    /// A grant names a thousand permissions at most; the role itself, an asset, names them all.
    pub(crate) fn is_short(&self) -> bool {
        self.permissions.len() <= 1000
    }
}

/// Roles of the organisation's own, by name.
#[derive(Debug, Default)]
pub(crate) struct Roles(BTreeMap<String, Own>);

/// Google's roles that let their holder take on more, though they do not say `admin`.
/// <https://cloud.google.com/iam/docs/best-practices-service-accounts>
const POWERFUL: [&str; 9] = [
    "roles/owner",
    "roles/editor",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountOpenIdTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.workloadIdentityUser",
    "roles/iam.workforcePoolEditor",
    "roles/resourcemanager.projectIamEditor",
    "roles/cloudbuild.builds.editor",
];

/// Permissions that let their holder take on more.
fn escalates(permission: &str) -> bool {
    permission.ends_with(".setIamPolicy")
        || matches!(
            permission,
            "iam.serviceAccountKeys.create"
                | "iam.serviceAccounts.getAccessToken"
                | "iam.serviceAccounts.implicitDelegation"
                | "iam.serviceAccounts.signBlob"
                | "iam.serviceAccounts.signJwt"
                | "iam.serviceAccounts.actAs"
                | "iam.roles.update"
                | "orgpolicy.policy.set"
                | "storage.hmacKeys.create"
                | "serviceusage.apiKeys.create"
        )
}

impl Roles {
    pub(crate) fn get(&self, role: &str) -> Option<&Own> {
        self.0.get(role)
    }

    /// Whether the organisation made it.
    pub(crate) fn is_custom(role: &str) -> bool {
        !role.starts_with("roles/")
    }

    /// Of Google's roles by name, of the organisation's own by what they permit; none where that is not known.
    pub(crate) fn privileged(&self, role: &str) -> Option<bool> {
        if Self::is_custom(role) {
            let own = self.get(role)?;
            return Some(own.permissions.iter().any(|permission| escalates(permission)));
        }
        let name = role.rsplit(['/', '.']).next().unwrap_or(role).to_ascii_lowercase();
        Some(POWERFUL.contains(&role) || name.contains("admin"))
    }
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree) -> Result<Roles> {
    let mut assets =
        api.open::<Resource>("roles of the organisation's own and of all active projects, deleted ones too");
    let mut roles = Roles::default();
    if !assets.is_wanted() && !api.ctx.wants::<RoleGrant>() {
        return Ok(roles);
    }
    let mut places = tree.within();
    // Folders have no roles of their own.
    places.retain(|place| place.is_project() || place.name.starts_with("organizations/"));
    let ask = |place: &&Place| {
        let list = api.list(IAM, &format!("/v1/{}/roles", place.path()), "/roles");
        list.query("view", "FULL").query("showDeleted", "true").query("pageSize", "1000")
    };
    for (place, answer) in api.ctx.each(&places, ask) {
        for page in api.passing.take(&mut [&mut assets], answer)? {
            for role in assets.items::<Listed>(&page)? {
                assets.emit(record(place, &role))?;
                let (title, mut permissions) = (title(&role), role.included_permissions.clone());
                permissions.sort();
                roles.0.insert(role.name.clone(), Own { title, permissions, origin: role.origin().clone() });
            }
        }
    }
    assets.seal()?;
    Ok(roles)
}

fn title(role: &Listed) -> String {
    role.title.clone().unwrap_or_else(|| role.name.clone())
}

fn record(place: &Place, role: &Item<Listed>) -> Record<Resource> {
    let full_name = format!("//{IAM}/{}", role.name);
    let mut permissions = role.included_permissions.clone();
    permissions.sort();
    let mut details = Details::new().with("permissions", permissions);
    if let Some(text) = role.description.as_ref().filter(|text| !text.is_empty()) {
        details.insert("description", text.as_str());
    }
    let status = if role.deleted == Some(true) { Some("DELETED".to_owned()) } else { role.stage.clone() };
    let attributes = Resource {
        container: Some(place.name.clone()),
        status,
        details: Some(details),
        ..Resource::new(title(role), "gcp:iam:role")
    };
    role.record(&full_name, attributes).subject(subject::asset(&full_name)).unknown("created_at")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileged_roles() {
        let roles = Roles::default();
        for role in
            ["roles/owner", "roles/iam.securityAdmin", "roles/compute.admin", "roles/iam.serviceAccountUser"]
        {
            assert_eq!(roles.privileged(role), Some(true), "{role}");
        }
        for role in ["roles/viewer", "roles/storage.objectViewer", "roles/pubsub.serviceAgent"] {
            assert_eq!(roles.privileged(role), Some(false), "{role}");
        }
        assert_eq!(roles.privileged("organizations/1/roles/ours"), None);
    }
}

//! Projects, who holds which role in them, and what permission schemes allow to whom.

use crate::api::{Api, User};
use exhibit_sdk::kinds::{Assignment, Details, GrantState, PrincipalType, Resource, RoleGrant};
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Project {
    id: String,
    key: String,
    name: Option<String>,
    project_type_key: Option<String>,
    style: Option<String>,
    is_private: Option<bool>,
    archived: Option<bool>,
    lead: Option<User>,
}

#[derive(Debug, Deserialize)]
struct Role {
    id: u64,
    name: Option<String>,
    admin: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Actor {
    r#type: Option<String>,
    display_name: Option<String>,
    actor_user: Option<ActorUser>,
    actor_group: Option<ActorGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActorUser {
    account_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActorGroup {
    group_id: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Scheme {
    id: u64,
    name: String,
    #[serde(default)]
    permissions: Vec<Grant>,
}

#[derive(Debug, Deserialize)]
struct Grant {
    id: Option<u64>,
    permission: Option<String>,
    holder: Option<Holder>,
}

#[derive(Debug, Deserialize)]
struct Holder {
    r#type: Option<String>,
    parameter: Option<String>,
    value: Option<String>,
}

pub(crate) fn collect(api: &Api<'_>) -> Result<()> {
    let ctx = api.ctx;
    let mut resources = ctx
        .wants::<Resource>()
        .then(|| ctx.population::<Resource>("all projects that are visible, archived ones too"));
    let mut grants = ctx.wants::<RoleGrant>().then(|| {
        ctx.population::<RoleGrant>(
            "holders of every role of every project, and grants of all permission schemes",
        )
    });
    let list = api
        .list("/project/search")
        .query("expand", "lead")
        .query("status", "live")
        .query("status", "archived");
    for page in api.pages(list) {
        let page = match page {
            Err(failure) if failure.is_forbidden() || failure.is_not_found() => {
                resources.iter_mut().try_for_each(|population| population.withheld(&failure))?;
                grants.iter_mut().try_for_each(|population| population.withheld(&failure))?;
                break;
            }
            page => page?,
        };
        if let Some(resources) = &mut resources {
            for project in resources.items::<Project>(&page)? {
                resources.emit(resource(api, &project))?;
            }
        }
        if let Some(grants) = &mut grants {
            of_projects(api, grants, &page)?;
        }
    }
    resources.map_or(Ok(()), Population::seal)?;
    let Some(mut grants) = grants else { return Ok(()) };
    of_schemes(api, &mut grants)?;
    grants.seal()
}

fn resource(api: &Api<'_>, project: &Item<Project>) -> Record<Resource> {
    let mut details = Details::new();
    for (name, value) in [("type", &project.project_type_key), ("style", &project.style)] {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    if let Some(private) = project.is_private {
        details.insert("private", private);
    }
    let attributes = Resource {
        container: Some(api.host().to_owned()),
        owner: project.lead.as_ref().map(|lead| lead.account_id.clone()),
        status: Some(if project.archived == Some(true) { "archived" } else { "live" }.to_owned()),
        details: details.some(),
        ..Resource::new(project.name.as_deref().unwrap_or(&project.key), "jira:project")
    };
    let record = project.record(&project.id, attributes);
    let record = record.subject(subject::asset(&format!("{}/projects/{}", api.host(), project.key)));
    if project.lead.is_none() { record.unknown("owner") } else { record }
}

fn of_projects(api: &Api<'_>, grants: &mut Population<RoleGrant>, page: &Page) -> Result<()> {
    let projects = page.items::<Project>()?;
    let asked =
        |project: &Item<Project>| api.get(&format!("/rest/api/3/project/{}/role", encode(&project.id)));
    let mut roles = Vec::new();
    for (project, answer) in api.each(&projects, asked) {
        let Some(pages) = grants.tolerate(answer)? else { continue };
        for page in pages {
            // Names of roles, each with the address of its holders in this project.
            let named: BTreeMap<String, String> = page.json()?;
            let id = |url: &String| url.rsplit('/').next().unwrap_or_default().to_owned();
            roles.extend(named.values().map(|url| (project, id(url))));
        }
    }
    let holders = |(project, role): &(&Item<Project>, String)| {
        api.get(&format!("/rest/api/3/project/{}/role/{}", encode(&project.id), encode(role))).list("/actors")
    };
    for ((project, _), answer) in api.each(&roles, holders) {
        for page in grants.tolerate(answer)?.unwrap_or_default() {
            let role: Role = page.json()?;
            for actor in grants.items::<Actor>(&page)? {
                match holder(project, &role, &actor) {
                    Some(record) => grants.emit(record.origin(project.origin()))?,
                    None => grants.incomplete(format!(
                        "a holder of role {} of project {} without an id",
                        role.id, project.key
                    )),
                }
            }
        }
    }
    Ok(())
}

fn holder(project: &Project, role: &Role, actor: &Item<Actor>) -> Option<Record<RoleGrant>> {
    let group = actor.actor_group.as_ref();
    let (kind, id) = match (&actor.actor_user, group) {
        (Some(user), _) => (PrincipalType::User, user.account_id.clone()?),
        (None, Some(group)) => (PrincipalType::Group, group.group_id.clone().or_else(|| group.name.clone())?),
        (None, None) => return None,
    };
    let attributes = RoleGrant {
        principal_type: Some(kind),
        principal_name: actor.display_name.clone(),
        role_id: Some(role.id.to_string()),
        scope: Some(project.key.clone()),
        privileged: role.admin,
        assignment: Some(Assignment::Direct),
        state: Some(GrantState::Active),
        ..RoleGrant::new(&id, role.name.clone().unwrap_or_else(|| role.id.to_string()))
    };
    let word = actor.r#type.as_deref().unwrap_or("actor");
    let record = actor.record(format!("{}/{}/{word}/{id}", project.id, role.id), attributes);
    Some(if role.admin.is_none() { record.unknown("privileged") } else { record })
}

fn of_schemes(api: &Api<'_>, grants: &mut Population<RoleGrant>) -> Result<()> {
    let answer = api.get("/rest/api/3/permissionscheme").query("expand", "permissions");
    for page in api.pages(answer.list("/permissionSchemes")) {
        let Some(page) = grants.tolerate(page)? else { break };
        for scheme in grants.items::<Scheme>(&page)? {
            if scheme.permissions.is_empty() {
                grants.filtered(1, "a permission scheme that grants nothing")?;
            }
            for (index, grant) in scheme.permissions.iter().enumerate() {
                let record = of_scheme(&scheme, grant, index);
                // The scheme is the item that is counted; its grant is where the fact stands.
                let place = scheme.origin().below(&format!("/permissions/{index}"));
                grants.emit(record.origin(scheme.origin()).origin(&place))?;
            }
        }
    }
    Ok(())
}

fn of_scheme(scheme: &Scheme, grant: &Grant, index: usize) -> Record<RoleGrant> {
    let holder = grant.holder.as_ref();
    let word = holder.and_then(|holder| holder.r#type.as_deref()).unwrap_or("unknown");
    let kind = match word {
        "user" => Some(PrincipalType::User),
        "group" => Some(PrincipalType::Group),
        "projectRole" | "applicationRole" => Some(PrincipalType::Role),
        "anyone" => Some(PrincipalType::Public),
        _ => None,
    };
    let id = holder.and_then(|holder| holder.value.clone().or_else(|| holder.parameter.clone()));
    let permission = grant.permission.clone().unwrap_or_else(|| "unknown".to_owned());
    let attributes = RoleGrant {
        principal_type: kind,
        principal_name: holder.and_then(|holder| holder.parameter.clone()),
        role_id: Some(permission.clone()),
        scope: Some(format!("permission scheme {}", scheme.name)),
        privileged: Some(permission.starts_with("ADMINISTER")),
        assignment: Some(Assignment::Direct),
        state: Some(GrantState::Active),
        ..RoleGrant::new(id.unwrap_or_else(|| word.to_owned()), permission)
    };
    let number = grant.id.map_or_else(|| format!("at/{index}"), |id| id.to_string());
    let record = Record::new(format!("scheme/{}/{number}", scheme.id), attributes);
    // Reporter, assignee, lead: whoever it is of one issue or project.
    if kind.is_none() { record.unknown("principal_type") } else { record }
}

//! Who may do what: owners, roles of the organisation, collaborators and teams of each repository.

use crate::api::{Api, User};
use crate::members::Owner;
use crate::repos::{Known, Listed, Part};
use crate::teams::Team;
use exhibit_sdk::kinds::{Assignment, GrantState, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;

/// A role that people and teams hold on the organisation.
#[derive(Debug, Deserialize)]
struct Role {
    id: u64,
    name: String,
    base_role: Option<String>,
    #[serde(default)]
    permissions: Vec<String>,
}

/// A user in the list of a role.
#[derive(Debug, Deserialize)]
struct Holder {
    #[serde(flatten)]
    user: User,
    assignment: Option<String>,
}

/// A user in the list of a repository.
#[derive(Debug, Deserialize)]
struct Collaborator {
    #[serde(flatten)]
    user: User,
    role_name: Option<String>,
    permissions: Option<Permissions>,
}

#[derive(Debug, Deserialize)]
struct Permissions {
    admin: Option<bool>,
}

/// The population of grants.
pub(crate) struct Grants<'a> {
    api: &'a Api<'a>,
    population: Population<RoleGrant>,
    owners: Option<&'a [Owner]>,
}

impl<'a> Grants<'a> {
    pub(crate) fn open(api: &'a Api<'a>, owners: Option<&'a [Owner]>) -> Self {
        let query =
            "owners, holders of organisation roles, and direct collaborators and teams of every repository";
        Self { api, population: api.ctx.population(query), owners }
    }

    fn roles(&mut self) -> Result<()> {
        let api = self.api;
        let mut roles = Vec::new();
        for page in
            api.get(&api.org("/organization-roles")).paged(Paging::link_header().items("/roles")).pages()
        {
            let Some(page) = self.population.tolerate(page)? else { break };
            roles.extend(self.population.items::<Role>(&page)?);
        }
        let path = |role: &Role, of: &str| api.org(&format!("/organization-roles/{}/{of}", role.id));
        let users = api.ctx.send_all(roles.iter().map(|role| api.list(&path(role, "users"))));
        let mut cited = vec![false; roles.len()];
        for ((role, is_cited), answer) in roles.iter().zip(&mut cited).zip(users) {
            for page in self.population.tolerate(answer)?.unwrap_or_default() {
                *is_cited |= self.holders(role, &page)?;
            }
        }
        let teams = api.ctx.send_all(roles.iter().map(|role| api.list(&path(role, "teams"))));
        for ((role, is_cited), answer) in roles.iter().zip(&mut cited).zip(teams) {
            for page in self.population.tolerate(answer)?.unwrap_or_default() {
                for team in self.population.items::<Team>(&page)? {
                    self.population.emit(team_role(role, &team))?;
                    *is_cited = true;
                }
            }
        }
        let unheld = cited.iter().filter(|is_cited| !**is_cited).count();
        self.population.filtered(unheld as u64, "an organisation role that nobody is seen to hold")?;
        Ok(())
    }

    /// Whether any of the page's users holds the role by themselves.
    fn holders(&mut self, role: &Item<Role>, page: &Page) -> Result<bool> {
        let (mut through_teams, mut is_cited) = (0, false);
        for holder in self.population.items::<Holder>(page)? {
            if holder.assignment.as_deref() == Some("indirect") {
                through_teams += 1;
                continue;
            }
            let attributes = RoleGrant {
                principal_type: holder.user.principal(),
                principal_name: Some(holder.user.login.clone()),
                assignment: Some(Assignment::Direct),
                ..of_role(role, holder.user.id)
            };
            let record = holder
                .record(format!("role/{}/user/{}", role.id, holder.user.id), attributes)
                .origin(role.origin())
                .subject(self.api.subject(&holder.user));
            self.population.emit(privileged_if_told(record, role))?;
            is_cited = true;
        }
        self.population.filtered(through_teams, "held through a team, whose own grant is a record")?;
        Ok(is_cited)
    }

    fn collaborators(&mut self, repo: &Known, page: &Page) -> Result<()> {
        for user in self.population.items::<Collaborator>(page)? {
            let admin = user.permissions.as_ref().and_then(|permissions| permissions.admin);
            let attributes = RoleGrant {
                principal_type: user.user.principal(),
                principal_name: Some(user.user.login.clone()),
                scope: Some(repo.full_name.clone()),
                privileged: admin,
                assignment: Some(Assignment::Direct),
                state: Some(GrantState::Active),
                ..RoleGrant::new(
                    user.user.id.to_string(),
                    user.role_name.clone().unwrap_or_else(|| "collaborator".to_owned()),
                )
            };
            let mut record = user
                .record(format!("{}/user/{}", repo.id, user.user.id), attributes)
                .origin(&repo.origin)
                .subject(self.api.subject(&user.user));
            if admin.is_none() {
                record = record.unknown("privileged");
            }
            self.population.emit(record)?;
        }
        Ok(())
    }

    fn teams(&mut self, repo: &Known, page: &Page) -> Result<()> {
        for team in self.population.items::<Team>(page)? {
            let role = role_of(team.permission.as_deref().unwrap_or_default());
            let assignment = match team.access_source.as_deref() {
                Some("organization" | "enterprise") => Some(Assignment::Inherited),
                // GitHub of old has no such member, and no such grants either.
                Some("direct") | None => Some(Assignment::Direct),
                Some(_) => None,
            };
            // A role that the organisation made says by its name alone what it allows.
            let privileged = match role {
                "admin" => Some(true),
                "read" | "triage" | "write" | "maintain" => Some(false),
                _ => None,
            };
            let attributes = RoleGrant {
                principal_type: Some(PrincipalType::Group),
                principal_name: Some(team.name.clone()),
                scope: Some(repo.full_name.clone()),
                privileged,
                assignment,
                state: Some(GrantState::Active),
                ..RoleGrant::new(team.id.to_string(), role)
            };
            let mut record =
                team.record(format!("{}/team/{}", repo.id, team.id), attributes).origin(&repo.origin);
            for (attribute, is_known) in
                [("assignment", assignment.is_some()), ("privileged", privileged.is_some())]
            {
                if !is_known {
                    record = record.unknown(attribute);
                }
            }
            self.population.emit(record)?;
        }
        Ok(())
    }
}

impl Part for Grants<'_> {
    fn population(&mut self) -> &mut dyn Feed {
        &mut self.population
    }

    fn begin(&mut self) -> Result<()> {
        match self.owners {
            None => self.population.incomplete("the list of owners could not be read"),
            Some(owners) => {
                for owner in owners {
                    self.population.emit(owner_grant(self.api, owner))?;
                }
            }
        }
        self.roles()
    }

    fn take(&mut self, listed: &Listed<'_>) -> Result<()> {
        let api = self.api;
        for (repo, answer) in
            listed.ask(api, |repo| api.list(&repo.path("/collaborators")).query("affiliation", "direct"))
        {
            for page in self.population.tolerate(answer)?.unwrap_or_default() {
                self.collaborators(repo, &page)?;
            }
        }
        for (repo, answer) in listed.ask(api, |repo| api.list(&repo.path("/teams"))) {
            for page in self.population.tolerate(answer)?.unwrap_or_default() {
                self.teams(repo, &page)?;
            }
        }
        Ok(())
    }

    fn seal(self: Box<Self>) -> Result<()> {
        self.population.seal()
    }
}

fn owner_grant(api: &Api<'_>, owner: &Owner) -> Record<RoleGrant> {
    let attributes = RoleGrant {
        principal_type: owner.user.principal(),
        principal_name: Some(owner.user.login.clone()),
        scope: Some(api.settings.org.clone()),
        privileged: Some(true),
        assignment: Some(Assignment::Direct),
        state: Some(GrantState::Active),
        ..RoleGrant::new(owner.user.id.to_string(), "owner")
    };
    Record::new(format!("owner/{}", owner.user.id), attributes)
        .origin(&owner.origin)
        .subject(api.subject(&owner.user))
}

fn of_role(role: &Role, principal: u64) -> RoleGrant {
    let mut permissions = role.permissions.clone();
    permissions.sort();
    RoleGrant {
        role_id: Some(role.id.to_string()),
        privileged: (role.base_role.as_deref() == Some("admin")).then_some(true),
        permissions: Some(permissions),
        state: Some(GrantState::Active),
        ..RoleGrant::new(principal.to_string(), &role.name)
    }
}

fn team_role(role: &Item<Role>, team: &Item<Team>) -> Record<RoleGrant> {
    let assignment = match team.assignment.as_deref() {
        Some("indirect") => Assignment::Inherited,
        _ => Assignment::Direct,
    };
    let attributes = RoleGrant {
        principal_type: Some(PrincipalType::Group),
        principal_name: Some(team.name.clone()),
        assignment: Some(assignment),
        ..of_role(role, team.id)
    };
    let record = team.record(format!("role/{}/team/{}", role.id, team.id), attributes).origin(role.origin());
    privileged_if_told(record, role)
}

/// What a role of the organisation allows stands in its permissions; whether that is administrative is for the
/// reader, unless its base is the role that is.
fn privileged_if_told(record: Record<RoleGrant>, role: &Role) -> Record<RoleGrant> {
    if role.base_role.as_deref() == Some("admin") { record } else { record.unknown("privileged") }
}

/// Teams' permissions are in words of their own where roles have others.
fn role_of(permission: &str) -> &str {
    match permission {
        "pull" => "read",
        "push" => "write",
        other => other,
    }
}

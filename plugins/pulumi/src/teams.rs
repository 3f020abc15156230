//! Teams: who is in them, what they may reach, and their access tokens.
//!
//! Each team is asked for by name, since the list is not said to have more than a summary of it.

use crate::api::{Api, People, User};
use crate::roles::Roles;
use crate::tokens::Tokens;
use exhibit_sdk::kinds::{Assignment, GrantState, GroupMembership, PrincipalType, RoleGrant};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Team {
    name: String,
    kind: Option<String>,
    display_name: Option<String>,
    #[serde(default)]
    members: Option<Vec<Member>>,
    list_members_error: Option<String>,
    #[serde(default)]
    role_ids: Option<Vec<String>>,
    #[serde(default)]
    stacks: Option<Vec<StackGrant>>,
    #[serde(default)]
    environments: Option<Vec<EnvironmentGrant>>,
    #[serde(default)]
    accounts: Option<Vec<AccountGrant>>,
}

#[derive(Debug, Deserialize)]
struct Member {
    #[serde(flatten)]
    user: User,
    role: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StackGrant {
    project_name: String,
    stack_name: String,
    permission: Option<i64>,
    permission_set_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvironmentGrant {
    project_name: String,
    env_name: String,
    permission: Option<String>,
    permission_set_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountGrant {
    account_name: String,
    permission: Option<i64>,
    permission_set_name: Option<String>,
}

/// What a team may do in one place.
struct Reach {
    /// `stack/PROJECT/NAME`, `environment/PROJECT/NAME`, `account/NAME`.
    scope: String,
    /// read, write, admin and so on; none where Pulumi Cloud has a word that is not known here.
    level: Option<String>,
    /// The number that Pulumi Cloud gave, where it gave one.
    number: Option<i64>,
    set: Option<String>,
}

pub(crate) fn collect(
    api: &Api<'_>,
    people: &People,
    roles: &Roles,
    mut grants: Wanted<RoleGrant>,
) -> Result<()> {
    let mut members = api.ctx.wanted::<GroupMembership>("members of all teams");
    let mut tokens = Tokens::open(api)?;
    for page in api.org("/teams").list("/teams").pages() {
        let feeds: &mut [&mut dyn Feed] = &mut [&mut members, &mut grants, tokens.feed()];
        let Some(page) = tolerate(feeds, page)? else { break };
        let teams = page.items::<Listed>()?;
        if members.is_wanted() || grants.is_wanted() {
            members.fed_by(&page)?;
            grants.fed_by(&page)?;
            for (listed, answer) in
                api.ctx.each(&teams, |team| api.org(&format!("/teams/{}", encode(&team.name))))
            {
                let Some(pages) = tolerate(&mut [&mut members, &mut grants], answer)? else { continue };
                for page in pages {
                    let team = page.item::<Team>()?;
                    of_members(api, people, &mut members, listed, &team)?;
                    of_grants(api, roles, &mut grants, listed, &team)?;
                }
            }
        }
        let named: Vec<_> = teams.iter().map(|team| (team.origin().clone(), team.name.clone())).collect();
        tokens.of_teams(api, &page, &named)?;
    }
    all([members.seal(), grants.seal(), tokens.seal()])
}

fn of_members(
    api: &Api<'_>,
    people: &People,
    population: &mut Wanted<GroupMembership>,
    listed: &Item<Listed>,
    team: &Item<Team>,
) -> Result<()> {
    if let Some(error) = team.list_members_error.as_deref().filter(|error| !error.is_empty()) {
        population.incomplete(&format!("members of team {}: {error}", team.name));
    }
    let members = team.members.as_deref().unwrap_or_default();
    if members.is_empty() {
        return population.filtered(1, "a team in which no member is seen");
    }
    for member in team.nested("/members", members) {
        let login = &member.user.github_login;
        let kind = people.principal(api, login);
        let attributes = GroupMembership {
            group_name: Some(
                team.display_name
                    .clone()
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| team.name.clone()),
            ),
            member_type: kind,
            member_login: Some(login.clone()),
            group_role: member.role.clone(),
            assignment: Some(match team.kind.as_deref() {
                Some("github" | "scim") => Assignment::Directory,
                _ => Assignment::Direct,
            }),
            ..GroupMembership::new(&team.name, login)
        };
        let record = Record::new(format!("{}/{login}", team.name), attributes)
            .origin(listed.origin())
            .origin(member.origin())
            .subject(people.subject(api, &member.user));
        population.emit(if kind.is_none() { record.unknown("member_type") } else { record })?;
    }
    Ok(())
}

fn of_grants(
    api: &Api<'_>,
    roles: &Roles,
    population: &mut Wanted<RoleGrant>,
    listed: &Item<Listed>,
    team: &Item<Team>,
) -> Result<()> {
    let grant = |name: &str| RoleGrant {
        principal_type: Some(PrincipalType::Group),
        principal_name: team.display_name.clone().filter(|name| !name.is_empty()),
        assignment: Some(Assignment::Direct),
        state: Some(GrantState::Active),
        ..RoleGrant::new(&team.name, name)
    };
    let origins = |record: Record<RoleGrant>| record.origin(listed.origin()).origin(team.origin());
    let mut count = 0;
    for id in team.role_ids.iter().flatten() {
        let mut attributes = grant(roles.name(id).unwrap_or(id));
        attributes.role_id = Some(id.clone());
        attributes.scope = Some(api.settings.organization.clone());
        let record = origins(Record::new(format!("team/{}/role/{id}", team.name), attributes));
        population.emit(roles.describe(record, id, id).unknown("privileged"))?;
        count += 1;
    }
    for reach in reaches(team).into_iter().filter(|reach| reach.level.as_deref() != Some("none")) {
        let level = reach.level.as_deref();
        let word = reach.number.map(|number| number.to_string());
        let name = reach.set.as_deref().or(level).or(word.as_deref()).unwrap_or("unknown");
        let mut attributes = grant(name);
        attributes.role_id = level.map(str::to_owned).or_else(|| word.clone());
        attributes.privileged = level.map(|level| matches!(level, "admin" | "creator"));
        attributes.scope = Some(reach.scope.clone());
        let record = origins(Record::new(format!("team/{}/{}", team.name, reach.scope), attributes));
        population.emit(if level.is_none() { record.unknown("privileged") } else { record })?;
        count += 1;
    }
    population.filtered(u64::from(count == 0), "a team that is given nothing")
}

fn reaches(team: &Team) -> Vec<Reach> {
    let set = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let word = |number: i64, words: &[(i64, &str)]| {
        words.iter().find(|(of, _)| *of == number).map(|(_, word)| (*word).to_owned())
    };
    let mut all = Vec::new();
    for of in team.stacks.iter().flatten() {
        let words = [(0, "none"), (101, "read"), (102, "write"), (103, "admin"), (104, "creator")];
        all.push(Reach {
            scope: format!("stack/{}/{}", of.project_name, of.stack_name),
            level: of.permission.and_then(|number| word(number, &words)),
            number: of.permission,
            set: set(&of.permission_set_name),
        });
    }
    for of in team.environments.iter().flatten() {
        let known = ["none", "read", "open", "write", "admin"];
        all.push(Reach {
            scope: format!("environment/{}/{}", of.project_name, of.env_name),
            level: of.permission.clone().filter(|word| known.contains(&word.as_str())),
            number: None,
            set: set(&of.permission_set_name).or_else(|| of.permission.clone()),
        });
    }
    for of in team.accounts.iter().flatten() {
        let words = [(0, "none"), (1, "read"), (2, "write"), (3, "admin")];
        all.push(Reach {
            scope: format!("account/{}", of.account_name),
            level: of.permission.and_then(|number| word(number, &words)),
            number: of.permission,
            set: set(&of.permission_set_name),
        });
    }
    all
}

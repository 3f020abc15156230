//! Access tokens of the organisation and of its teams: whose they are, how old, what they may do. Their values are
//! shown once, when they are made, and never again. Those of members are the members' own to list.

use crate::api::{Api, seconds};
use exhibit_sdk::kinds::{Credential, CredentialStatus, CredentialType, PrincipalType};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    id: String,
    name: Option<String>,
    created: Option<String>,
    expires: Option<i64>,
    last_used: Option<i64>,
    admin: Option<bool>,
    role: Option<Role>,
}

#[derive(Debug, Deserialize)]
struct Role {
    name: String,
}

/// The population of tokens: those of the organisation, and then those of each team.
pub(crate) struct Tokens(Wanted<Credential>);

impl Tokens {
    /// Opens it with the organisation's own tokens, expired ones too.
    pub(crate) fn open(api: &Api<'_>) -> Result<Self> {
        let mut population = api
            .ctx
            .wanted::<Credential>("access tokens of the organisation and of all teams, expired ones too");
        if population.is_wanted() {
            let list = api.org_list("/tokens", "/tokens").query("filter", "all");
            for page in list.pages() {
                let Some(page) = tolerate(&mut [&mut population], page)? else { break };
                for token in population.items::<Token>(&page)? {
                    population.emit(record(api, &token, None))?;
                }
            }
        }
        Ok(Self(population))
    }

    /// What is withheld where the teams are.
    pub(crate) fn feed(&mut self) -> &mut dyn Feed {
        &mut self.0
    }

    /// Reads the tokens of these teams, which the page lists.
    pub(crate) fn of_teams<'t>(
        &mut self,
        api: &Api<'_>,
        page: &Page,
        teams: &'t [(Origin, String)],
    ) -> Result<()> {
        if !self.0.is_wanted() {
            return Ok(());
        }
        self.0.fed_by(page)?;
        let list = |(_, team): &'t (Origin, String)| {
            api.org_list(&format!("/teams/{}/tokens", encode(team)), "/tokens").query("filter", "all")
        };
        for ((listed, team), answer) in api.ctx.each(teams, list) {
            let mut has_tokens = false;
            for page in tolerate(&mut [&mut self.0], answer)?.unwrap_or_default() {
                for token in self.0.items::<Token>(&page)? {
                    self.0.emit(record(api, &token, Some(team)).origin(listed))?;
                    has_tokens = true;
                }
            }
            self.0.filtered(u64::from(!has_tokens), "a team of which no token is seen")?;
        }
        Ok(())
    }

    pub(crate) fn seal(self) -> Result<()> {
        self.0.seal()
    }
}

fn record(api: &Api<'_>, token: &Item<Token>, team: Option<&str>) -> Record<Credential> {
    let expires_at = seconds(token.expires);
    let is_over = expires_at.is_some_and(|at| at <= api.ctx.started_at());
    let scopes = match (&token.role, token.admin) {
        (Some(role), _) => Some(vec![role.name.clone()]),
        (None, Some(true)) => Some(vec!["admin".to_owned()]),
        (None, _) => None,
    };
    let owner = team.unwrap_or(&api.settings.organization);
    let attributes = Credential {
        status: Some(if is_over { CredentialStatus::Expired } else { CredentialStatus::Active }),
        name: token.name.clone(),
        owner_id: Some(owner.to_owned()),
        owner_name: Some(owner.to_owned()),
        owner_type: Some(if team.is_some() { PrincipalType::Group } else { PrincipalType::Service }),
        scopes,
        created_at: instant(token.created.as_ref()),
        expires_at,
        last_used_on: seconds(token.last_used).map(Timestamp::date),
        ..Credential::new(CredentialType::ApiToken)
    };
    let mut record = token.record(&token.id, attributes);
    record = record.subject(subject::account(api.host(), owner));
    for (attribute, is_known) in [
        ("created_at", instant(token.created.as_ref()).is_some()),
        // A team's token may do what the team may.
        ("scopes", token.role.is_some() || token.admin == Some(true) || team.is_some()),
        // Nothing said is another thing than 0, which is never.
        ("expires_at", token.expires.is_some()),
        ("last_used_on", token.last_used.is_some()),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

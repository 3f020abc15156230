//! Credentials that GitHub shows to an organisation: deploy keys, and what members authorised for single sign-on.

use crate::api::Api;
use crate::repos::{Known, Listed, Part};
use exhibit_sdk::kinds::{Credential, CredentialStatus, CredentialType, PrincipalType};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
struct DeployKey {
    id: u64,
    title: Option<String>,
    read_only: Option<bool>,
    added_by: Option<String>,
    created_at: Option<String>,
    last_used: Option<String>,
    enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Authorization {
    login: String,
    credential_id: u64,
    credential_type: Option<String>,
    credential_accessed_at: Option<String>,
    scopes: Option<Vec<String>>,
    authorized_credential_title: Option<String>,
    authorized_credential_note: Option<String>,
    authorized_credential_expires_at: Option<String>,
}

/// The population of credentials.
pub(crate) struct Keys<'a> {
    api: &'a Api<'a>,
    population: Population<Credential>,
}

impl<'a> Keys<'a> {
    pub(crate) fn open(api: &'a Api<'a>) -> Self {
        let query = match api.settings.saml_sso {
            true => {
                "deploy keys of every repository, and credentials that members authorised for single sign-on"
            }
            false => "deploy keys of every repository",
        };
        Self { api, population: api.ctx.population(query) }
    }
}

impl Part for Keys<'_> {
    fn population(&mut self) -> &mut dyn Feed {
        &mut self.population
    }

    fn begin(&mut self) -> Result<()> {
        if !self.api.settings.saml_sso {
            return Ok(());
        }
        for page in self.api.list(&self.api.org("/credential-authorizations")).pages() {
            let Some(page) = self.population.tolerate(page)? else { break };
            for authorization in self.population.items::<Authorization>(&page)? {
                let word = authorization.credential_type.as_deref().unwrap_or_default();
                match credential_type(word) {
                    Some(kind) => {
                        self.population.emit(authorized(self.api, &authorization, kind))?;
                    }
                    None => self.population.incomplete(format!(
                        "credential {} is of the type `{word}`, which has no word among the kind's",
                        authorization.credential_id
                    )),
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, listed: &Listed<'_>) -> Result<()> {
        let api = self.api;
        for (repo, answer) in listed.ask(api, |repo| api.list(&repo.path("/keys"))) {
            for page in self.population.tolerate(answer)?.unwrap_or_default() {
                for key in self.population.items::<DeployKey>(&page)? {
                    self.population.emit(deploy_key(api, repo, &key))?;
                }
            }
        }
        Ok(())
    }

    fn seal(self: Box<Self>) -> Result<()> {
        self.population.seal()
    }
}

fn deploy_key(api: &Api<'_>, repo: &Known, key: &Item<DeployKey>) -> Record<Credential> {
    let status = key.enabled.map(|on| if on { CredentialStatus::Active } else { CredentialStatus::Inactive });
    let scopes = key.read_only.map(|read_only| {
        let access = if read_only { "read" } else { "write" };
        vec![format!("{access} {}", repo.full_name)]
    });
    let attributes = Credential {
        status,
        name: key.title.clone(),
        owner_name: key.added_by.clone(),
        owner_type: key.added_by.as_ref().map(|_| PrincipalType::User),
        scopes,
        created_at: instant(key.created_at.as_ref()),
        last_used_on: instant(key.last_used.as_ref()).map(Timestamp::date),
        ..Credential::new(CredentialType::SshKey)
    };
    let mut record = key.record(format!("{}/key/{}", repo.id, key.id), attributes).origin(&repo.origin);
    if let Some(subject) =
        key.added_by.as_deref().and_then(|login| api.people.address(login)).and_then(subject::person)
    {
        record = record.subject(subject);
    }
    // `last_used` is null both of a key that was never used and where GitHub does not know.
    for (attribute, is_known) in [
        ("status", status.is_some()),
        ("scopes", key.read_only.is_some()),
        ("owner_name", key.added_by.is_some()),
        ("last_used_on", key.last_used.is_some()),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

fn authorized(api: &Api<'_>, of: &Item<Authorization>, kind: CredentialType) -> Record<Credential> {
    let expires_at = instant(of.authorized_credential_expires_at.as_ref());
    let has_ended = expires_at.is_some_and(|at| at <= api.ctx.started_at());
    let scopes = of.scopes.clone().map(|mut scopes| {
        scopes.sort();
        scopes
    });
    let attributes = Credential {
        status: Some(if has_ended { CredentialStatus::Expired } else { CredentialStatus::Active }),
        source_status: of.credential_type.clone(),
        name: of.authorized_credential_note.clone().or_else(|| of.authorized_credential_title.clone()),
        owner_name: Some(of.login.clone()),
        owner_type: Some(PrincipalType::User),
        scopes,
        expires_at,
        last_used_on: instant(of.credential_accessed_at.as_ref()).map(Timestamp::date),
        ..Credential::new(kind)
    };
    // GitHub says when it was authorised for this organisation, and not when it was made.
    let mut record =
        of.record(format!("authorization/{}", of.credential_id), attributes).unknown("created_at");
    if let Some(subject) = api.people.address(&of.login).and_then(subject::person) {
        record = record.subject(subject);
    }
    if of.credential_accessed_at.is_none() {
        record = record.unknown("last_used_on");
    }
    record
}

fn credential_type(word: &str) -> Option<CredentialType> {
    match word {
        "personal access token" | "OAuth app token" | "GitHub app token" => Some(CredentialType::ApiToken),
        "SSH key" => Some(CredentialType::SshKey),
        _ => None,
    }
}

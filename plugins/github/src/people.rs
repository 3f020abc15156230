//! Members' work addresses, so that a person here is the same person in other systems.
//!
//! REST shows the address that a person chose to publish, which may be a private one. GraphQL shows those of the
//! domains that the organisation has verified, and the names under which people sign in through SAML.
//! <https://docs.github.com/en/graphql/reference/objects#user>

use crate::api::Api;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const MEMBERS: &str = "query($org:String!,$after:String){organization(login:$org){\
    membersWithRole(first:100,after:$after){\
    nodes{login name createdAt organizationVerifiedDomainEmails(login:$org)}\
    pageInfo{endCursor hasNextPage}}}}";
const MEMBERS_AT: &str = "/data/organization/membersWithRole";

const IDENTITIES: &str = "query($org:String!,$after:String){organization(login:$org){samlIdentityProvider{\
    externalIdentities(first:100,after:$after){\
    nodes{user{login} samlIdentity{nameId} scimIdentity{username}}\
    pageInfo{endCursor hasNextPage}}}}}";
const IDENTITIES_AT: &str = "/data/organization/samlIdentityProvider/externalIdentities";

/// What is known of members beside their membership, by login in lower case.
#[derive(Default)]
pub(crate) struct People {
    by_login: BTreeMap<String, Person>,
}

#[derive(Default)]
pub(crate) struct Person {
    pub(crate) name: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    /// Where this stood.
    pub(crate) origins: Vec<Origin>,
}

impl People {
    pub(crate) fn get(&self, login: &str) -> Option<&Person> {
        self.by_login.get(&login.to_lowercase())
    }

    /// The person's work address.
    pub(crate) fn address(&self, login: &str) -> Option<&str> {
        self.get(login)?.address.as_deref()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    login: String,
    name: Option<String>,
    created_at: Option<String>,
    #[serde(default)]
    organization_verified_domain_emails: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    user: Option<Login>,
    saml_identity: Option<SamlIdentity>,
    scim_identity: Option<ScimIdentity>,
}

#[derive(Debug, Deserialize)]
struct Login {
    login: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SamlIdentity {
    name_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ScimIdentity {
    username: Option<String>,
}

/// What GraphQL answers in the place of data, with status 200.
#[derive(Debug, Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<Said>,
}

#[derive(Debug, Deserialize)]
struct Said {
    message: String,
}

/// Reads members, and their identities where the organisation signs in through SAML. Where GitHub withholds
/// them, the run's log says so, and people are known by their accounts here alone.
pub(crate) fn read(api: &Api<'_>) -> Result<People> {
    let mut people = People::default();
    walk::<Member>(api, MEMBERS, MEMBERS_AT, |member| {
        let person = people.by_login.entry(member.login.to_lowercase()).or_default();
        let mut addresses = member.organization_verified_domain_emails.clone();
        addresses.sort();
        person.name = member.name.clone().filter(|name| !name.trim().is_empty());
        person.address = addresses.into_iter().next();
        person.created_at = instant(member.created_at.as_ref());
        person.origins.push(member.origin().clone());
    })?;
    if api.settings.saml_sso {
        walk::<Identity>(api, IDENTITIES, IDENTITIES_AT, |identity| {
            let Some(user) = &identity.user else { return };
            let saml = identity.saml_identity.as_ref().and_then(|saml| saml.name_id.as_deref());
            let scim = identity.scim_identity.as_ref().and_then(|scim| scim.username.as_deref());
            let address = [saml, scim].into_iter().flatten().find(|name| subject::person(name).is_some());
            if let Some(address) = address {
                let person = people.by_login.entry(user.login.to_lowercase()).or_default();
                // The directory's own name for the person goes before what the person added here.
                person.address = Some(address.to_owned());
                person.origins.push(identity.origin().clone());
            }
        })?;
    }
    Ok(people)
}

/// Reads one list of GraphQL's.
fn walk<T: serde::de::DeserializeOwned>(
    api: &Api<'_>,
    query: &str,
    place: &str,
    mut each: impl FnMut(&Item<T>),
) -> Result<()> {
    let cursor = Read::json(&format!("{place}/pageInfo/endCursor"));
    let paging = Paging::cursor(cursor, Write::graphql("after"))
        .more(Read::json(&format!("{place}/pageInfo/hasNextPage")));
    let nodes = format!("{place}/nodes");
    for page in api.graphql(query).paged(paging).pages() {
        let page = match page {
            Err(failure) if crate::api::is_withheld(&failure) => {
                exhibit_sdk::warn!("work addresses are unknown: {}", failure.message());
                return Ok(());
            }
            page => page?,
        };
        if let Some(said) = page.json::<Refusal>()?.errors.first() {
            exhibit_sdk::warn!("work addresses are unknown: GitHub answered: {}", said.message);
        }
        // What may not be read is null, with its list; the host, which counts, would stop there.
        page.items_at::<T>(&nodes)?.iter().for_each(&mut each);
    }
    Ok(())
}

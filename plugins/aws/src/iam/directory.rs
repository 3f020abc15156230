//! Users, groups, roles and policies with all that is attached, by `GetAccountAuthorizationDetails`: one list for
//! each, which IAM keeps in pages, instead of five calls for every user.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use super::policy::{self, Document};
use crate::api::Api;
use exhibit_sdk::prelude::*;
use std::collections::BTreeMap;

const ACTION: &str = "GetAccountAuthorizationDetails";

/// A user, a group or a role.
pub(super) struct Principal {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) created: Option<Timestamp>,
    pub(super) origin: Origin,
    pub(super) policies: Vec<Held>,
    /// Whether a permissions boundary narrows what its policies allow.
    pub(super) bounded: bool,
    /// Names of a user's groups, and where each stood.
    pub(super) groups: Vec<(String, Origin)>,
    /// A user's address, where a tag says it or the name is one.
    pub(super) email: Option<String>,
}

/// A policy that a principal holds.
pub(super) struct Held {
    pub(super) name: String,
    /// The policy's own ARN; none where it is written into the principal.
    pub(super) arn: Option<String>,
    /// What the inline policy says, where it can be read.
    pub(super) document: Option<Document>,
    pub(super) origin: Origin,
}

/// What is known of the account's own policies.
pub(super) type Policies = BTreeMap<String, (Option<Document>, Origin)>;

/// Which principals, in IAM's words.
#[derive(Clone, Copy)]
pub(super) enum Of {
    User,
    Group,
    Role,
}

impl Of {
    fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Role => "Role",
        }
    }
}

fn list(api: &Api<'_>, filter: &str, items: &str) -> Request {
    api.iam_list(ACTION, &[("Filter.member.1", filter)], items)
}

/// Reads all principals of one sort; none where the list is withheld. The list feeds these populations.
pub(super) fn principals(
    api: &Api<'_>,
    of: Of,
    feeds: &mut [&mut dyn Feed],
) -> Result<Option<Vec<Principal>>> {
    let items = format!("{}DetailList/member", of.word());
    let pages = api.walk(feeds, "iam:GetAccountAuthorizationDetails", list(api, of.word(), &items))?;
    let mut found = Vec::new();
    for page in &pages {
        for item in page.elements()? {
            found.push(principal(of, &item)?);
        }
    }
    Ok((!pages.is_empty()).then_some(found))
}

fn principal(of: Of, item: &Item<Element>) -> Result<Principal> {
    let field = |name: &str| {
        let missing = || Failure::upstream(format!("{ACTION} answered a {} without {name}", of.word()));
        item.text(name).map(str::to_owned).ok_or_else(missing)
    };
    let name = field(&format!("{}Name", of.word()))?;
    let mut policies: Vec<Held> = item
        .elements("AttachedManagedPolicies/member")
        .filter_map(|policy| {
            let name = policy.text("PolicyName")?.to_owned();
            let arn = policy.text("PolicyArn").map(str::to_owned);
            Some(Held { name, arn, document: None, origin: policy.origin().clone() })
        })
        .collect();
    policies.extend(item.elements(&format!("{}PolicyList/member", of.word())).filter_map(|policy| {
        let name = policy.text("PolicyName")?.to_owned();
        let document = policy.text("PolicyDocument").and_then(Document::read);
        Some(Held { name, arn: None, document, origin: policy.origin().clone() })
    }));
    let groups = item.elements("GroupList/member");
    let email = email_of(item).or_else(|| exhibit_sdk::subject::person(&name).map(|_| name.clone()));
    Ok(Principal {
        arn: field("Arn")?,
        created: item.read("CreateDate"),
        origin: item.origin().clone(),
        policies,
        bounded: item.get("PermissionsBoundary").is_some(),
        groups: groups.map(|group| (group.own_text().to_owned(), group.origin().clone())).collect(),
        email,
        name,
    })
}

/// The tag `email`, in any case.
fn email_of(item: &Item<Element>) -> Option<String> {
    let tags = item.all("Tags/member");
    let tag =
        tags.into_iter().find(|tag| tag.text("Key").is_some_and(|key| key.eq_ignore_ascii_case("email")))?;
    tag.text("Value").map(str::to_owned)
}

/// Reads the account's own policies in the version that is in force; none where the list is withheld.
pub(super) fn policies(api: &Api<'_>) -> Result<Option<Policies>> {
    let request = list(api, "LocalManagedPolicy", "Policies/member");
    let mut found = Policies::new();
    for page in request.pages() {
        let page = page.map_err(|failure| failure.context("iam:GetAccountAuthorizationDetails"));
        let Some(page) = api.passing.known("what the account's own policies allow", page) else {
            return Ok(None);
        };
        for item in page.elements()? {
            let versions = item.all("PolicyVersionList/member");
            let current = versions.into_iter().find(|v| v.flag("IsDefaultVersion") == Some(true));
            let document = current.and_then(|v| v.text("Document")).and_then(Document::read);
            if let Some(arn) = item.text("Arn") {
                found.insert(arn.to_owned(), (document, item.origin().clone()));
            }
        }
    }
    Ok(Some(found))
}

impl Held {
    /// Whether it makes its holder an administrator; none where what it says is not known.
    pub(super) fn administrative(&self, own: Option<&Policies>) -> Option<bool> {
        match &self.arn {
            Some(arn) if policy::is_of_aws(arn) => Some(policy::is_administrative(&self.name)),
            _ => self.document(own).map(|document| document.administrative),
        }
    }

    /// What it says, where that is known. AWS's own policies are not read.
    pub(super) fn document<'a>(&'a self, own: Option<&'a Policies>) -> Option<&'a Document> {
        match &self.arn {
            Some(arn) => own?.get(arn)?.0.as_ref(),
            None => self.document.as_ref(),
        }
    }
}

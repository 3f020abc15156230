//! Access keys: whose, how old, when last used. IAM never shows the secret half again.

use super::directory::Principal;
use super::grants::subject_of;
use super::report::Report;
use crate::api::Api;
use exhibit_sdk::kinds::{Credential, CredentialStatus, CredentialType, PrincipalType};
use exhibit_sdk::prelude::*;

/// A user's access key.
pub(super) struct Key {
    id: String,
    status: Option<String>,
    created: Option<Timestamp>,
    origin: Origin,
}

impl Key {
    pub(super) fn is_active(&self) -> bool {
        self.status.as_deref() != Some("Inactive")
    }
}

/// Reads the keys of each user, in the order of the users; none where they are withheld. The lists feed `keys`.
pub(super) fn read(
    api: &Api<'_>,
    keys: &mut Wanted<Credential>,
    users: &[Principal],
) -> Result<Vec<Option<Vec<Key>>>> {
    let items = "AccessKeyMetadata/member";
    let ask = |user: &Principal| api.iam_list("ListAccessKeys", &[("UserName", &user.name)], items);
    let mut all = Vec::with_capacity(users.len());
    for (user, answer) in users.iter().zip(api.ctx.send_all(users.iter().map(ask))) {
        let answer = answer.map_err(|f| f.context(format!("iam:ListAccessKeys of {}", user.name)));
        let pages = api.passing.take(&mut [keys as &mut dyn Feed], answer)?;
        let mut found = Vec::new();
        for item in pages.iter().map(Page::elements).collect::<Result<Vec<_>>>()?.into_iter().flatten() {
            let Some(id) = item.text("AccessKeyId") else { continue };
            found.push(Key {
                id: id.to_owned(),
                status: item.text("Status").map(str::to_owned),
                created: item.read("CreateDate"),
                origin: item.origin().clone(),
            });
        }
        all.push((!pages.is_empty()).then_some(found));
    }
    Ok(all)
}

/// One record for each key.
pub(super) fn emit(
    credentials: &mut Wanted<Credential>,
    api: &Api<'_>,
    users: &[Principal],
    keys: &[Option<Vec<Key>>],
) -> Result<()> {
    credentials.filtered(users.len() as u64, "a user, whose keys are listed")?;
    let held: Vec<(&Principal, &Key)> = users
        .iter()
        .zip(keys)
        .flat_map(|(user, keys)| keys.iter().flatten().map(move |key| (user, key)))
        .collect();
    let ask = |(_, key): &(&Principal, &Key)| api.iam("GetAccessKeyLastUsed", &[("AccessKeyId", &key.id)]);
    let answers = api.ctx.send_all(held.iter().map(ask));
    for ((user, key), answer) in held.iter().zip(answers) {
        let attributes = Credential {
            status: key.status.as_deref().and_then(status),
            source_status: key.status.clone(),
            owner_id: Some(user.arn.clone()),
            owner_name: Some(user.name.clone()),
            owner_type: Some(PrincipalType::User),
            created_at: key.created,
            ..Credential::new(CredentialType::AccessKey)
        };
        let mut record = Record::new(&key.id, attributes).origin(&key.origin).subject(subject_of(
            api,
            PrincipalType::User,
            user,
        ));
        let what = format!("iam:GetAccessKeyLastUsed of {}", key.id);
        match api.passing.known("when a key was last used", answer.map_err(|f| f.context(what))) {
            Some(pages) => {
                for page in &pages {
                    let used = "GetAccessKeyLastUsedResult/AccessKeyLastUsed";
                    // Absent where the key was never used since IAM began to note it, in 2015.
                    record.attributes_mut().last_used_on = page.xml()?.read(&format!("{used}/LastUsedDate"));
                    record = record.origin(&page.origin(&format!("/GetAccessKeyLastUsedResponse/{used}")));
                }
            }
            None => record = record.unknown("last_used_on"),
        }
        credentials.emit(record)?;
    }
    Ok(())
}

fn status(word: &str) -> Option<CredentialStatus> {
    match word {
        "Active" => Some(CredentialStatus::Active),
        "Inactive" => Some(CredentialStatus::Inactive),
        "Expired" => Some(CredentialStatus::Expired),
        _ => None,
    }
}

/// The root user's keys, which only the report knows, and not by their ids.
pub(super) fn emit_root(api: &Api<'_>, report: &Result<Report>) -> Result<()> {
    let mut keys = api.ctx.wanted::<Credential>("access keys of the root user");
    let arn = api.arn("iam", "", "root");
    match report {
        Ok(report) => {
            keys.fed_by(&report.page)?;
            for number in [1, 2] {
                let column = |name: &str| format!("access_key_{number}_{name}");
                let Some(row) = report.row(super::report::ROOT) else { break };
                if row.flag(&column("active")) != Some(true) {
                    continue;
                }
                let attributes = Credential {
                    status: Some(CredentialStatus::Active),
                    owner_id: Some(arn.clone()),
                    owner_name: Some("root".to_owned()),
                    owner_type: Some(PrincipalType::User),
                    rotated_at: row.instant(&column("last_rotated")),
                    last_used_on: row.instant(&column("last_used_date")).map(Timestamp::date),
                    ..Credential::new(CredentialType::AccessKey)
                };
                let record =
                    Record::new(format!("{arn}/access-key-{number}"), attributes).origin(&report.origin);
                let tenant = format!("aws:{}", api.account);
                keys.emit(record.subject(subject::account(&tenant, "root")).unknown("created_at"))?;
            }
        }
        Err(failure) => keys.incomplete(failure.reason()),
    }
    keys.seal()
}

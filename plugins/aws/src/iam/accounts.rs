//! Users and the root user as accounts: what stands behind each, and how it signs in.

use super::directory::{Policies, Principal};
use super::grants::{administers, subject_of};
use super::keys::Key;
use super::report::{ROOT, Report, Row};
use crate::api::Api;
use exhibit_sdk::kinds::{Account, AccountStatus, AccountType, MfaStatus, PrincipalType};
use exhibit_sdk::prelude::*;

/// What is known beside the list of users.
pub(super) struct Known<'a> {
    pub(super) groups: Option<&'a [Principal]>,
    pub(super) own: Option<&'a Policies>,
    pub(super) keys: &'a [Option<Vec<Key>>],
    pub(super) report: &'a Result<Report>,
}

/// One record for each user.
pub(super) fn emit(
    accounts: &mut Wanted<Account>,
    api: &Api<'_>,
    users: &[Principal],
    known: &Known<'_>,
) -> Result<()> {
    let ask =
        |user: &Principal| api.iam_list("ListMFADevices", &[("UserName", &user.name)], "MFADevices/member");
    let devices = api.ctx.send_all(users.iter().map(ask));
    for (index, (user, devices)) in users.iter().zip(devices).enumerate() {
        let keys = known.keys.get(index).and_then(Option::as_ref);
        let record = account(api, user, keys, known);
        let what = format!("iam:ListMFADevices of {}", user.name);
        let devices = api.passing.known("second factors", devices.map_err(|failure| failure.context(what)));
        accounts.emit(with_factors(record, devices)?)?;
    }
    Ok(())
}

fn account(api: &Api<'_>, user: &Principal, keys: Option<&Vec<Key>>, known: &Known<'_>) -> Record<Account> {
    let report = known.report.as_ref().ok();
    let row = report.and_then(|report| report.row(&user.name));
    let password = row.and_then(|row| row.flag("password_enabled"));
    let status = status(password, keys, row);
    let admin = admin(user, known);
    let attributes = Account {
        email: user.email.clone(),
        r#type: password.map(|yes| if yes { AccountType::Human } else { AccountType::Service }),
        status,
        admin,
        password_enabled: password,
        password_changed_at: row.and_then(|row| row.instant("password_last_changed")),
        created_at: user.created,
        last_login_on: row.and_then(|row| row.instant("password_last_used")).map(Timestamp::date),
        ..Account::new(&user.name)
    };
    let mut record = Record::new(&user.arn, attributes).origin(&user.origin).subject(subject_of(
        api,
        PrincipalType::User,
        user,
    ));
    if let (Some(report), Some(_)) = (report, row) {
        record = record.origin(&report.origin);
    }
    // A user younger than the report is not in it.
    if password.is_none() {
        record = record
            .unknown("type")
            .unknown("password_enabled")
            .unknown("password_changed_at")
            .unknown("last_login_on");
    }
    if status.is_none() {
        record = record.unknown("status");
    }
    if admin.is_none() {
        record = record.unknown("admin");
    }
    record
}

/// IAM has no switch for users: one without password, active key and certificate can no longer sign in.
fn status(password: Option<bool>, keys: Option<&Vec<Key>>, row: Option<&Row>) -> Option<AccountStatus> {
    let key = keys.map(|keys| keys.iter().any(Key::is_active));
    let certificate =
        row.map(|row| ["cert_1_active", "cert_2_active"].iter().any(|c| row.flag(c) == Some(true)));
    match (password, key, certificate) {
        (Some(true), ..) | (_, Some(true), _) | (.., Some(true)) => Some(AccountStatus::Active),
        (Some(false), Some(false), Some(false)) => Some(AccountStatus::Disabled),
        _ => None,
    }
}

/// By its own policies, or by those of its groups.
fn admin(user: &Principal, known: &Known<'_>) -> Option<bool> {
    let own = administers(&user.policies, known.own);
    if own == Some(true) || user.groups.is_empty() {
        return own;
    }
    let of_user = |group: &&Principal| user.groups.iter().any(|(name, _)| *name == group.name);
    let groups: Vec<&Principal> = known.groups?.iter().filter(of_user).collect();
    match administers(groups.iter().flat_map(|group| &group.policies), known.own) {
        Some(true) => Some(true),
        Some(false) if groups.len() == user.groups.len() => own,
        _ => None,
    }
}

fn with_factors(mut record: Record<Account>, devices: Option<Vec<Page>>) -> Result<Record<Account>> {
    let Some(pages) = devices else { return Ok(record.unknown("mfa_status").unknown("mfa_factors")) };
    let mut kinds = Vec::new();
    for page in &pages {
        record = record.origin(&page.origin("/ListMFADevicesResponse/ListMFADevicesResult"));
        kinds.extend(
            page.elements()?.iter().filter_map(|d| d.text("SerialNumber")).map(factor).map(str::to_owned),
        );
    }
    kinds.sort();
    kinds.dedup();
    let attributes = record.attributes_mut();
    attributes.mfa_status = Some(if kinds.is_empty() { MfaStatus::NotEnrolled } else { MfaStatus::Enrolled });
    attributes.mfa_factors = Some(kinds);
    Ok(record)
}

/// The kind of a second factor by its serial number: an ARN for virtual devices, passkeys and security keys, the
/// number on its back for a hardware token.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_checking-status.html>
fn factor(serial: &str) -> &'static str {
    let resource = serial.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split('/').next() {
        Some("mfa") => "totp",
        Some("u2f") => "webauthn",
        Some("sms-mfa") => "sms",
        _ => "hardware_token",
    }
}

/// The root user, from the report and the account's summary.
pub(super) fn emit_root(api: &Api<'_>, report: &Result<Report>) -> Result<()> {
    let mut accounts = api.ctx.wanted::<Account>("the root user");
    if !accounts.is_wanted() {
        return accounts.seal();
    }
    let summary = api.iam("GetAccountSummary", &[]).send();
    let summary =
        api.passing.known("the account's summary", summary.map_err(|f| f.context("iam:GetAccountSummary")));
    let Ok(report) = report else {
        if let Err(failure) = report {
            accounts.incomplete(failure.reason());
        }
        return accounts.seal();
    };
    accounts.fed_by(&report.page)?;
    let row = report.row(ROOT);
    let mut mfa = row.and_then(|row| row.flag("mfa_active"));
    let attributes = Account {
        r#type: Some(AccountType::Root),
        status: Some(AccountStatus::Active),
        admin: Some(true),
        created_at: row.and_then(|row| row.instant("user_creation_time")),
        password_changed_at: row.and_then(|row| row.instant("password_last_changed")),
        last_login_on: row.and_then(|row| row.instant("password_last_used")).map(Timestamp::date),
        ..Account::new("root")
    };
    let arn = api.arn("iam", "", "root");
    let mut record = Record::new(&arn, attributes).origin(&report.origin);
    record = record.subject(subject::account(&format!("aws:{}", api.account), "root"));
    if let Some(page) = &summary {
        let entries =
            page.elements_at("/GetAccountSummaryResponse/GetAccountSummaryResult/SummaryMap/entry")?;
        let entry = |key: &str| entries.iter().find(|entry| entry.text("key") == Some(key));
        // The summary is of now, the report up to four hours old.
        if let Some(entry) = entry("AccountMFAEnabled") {
            mfa = entry.flag("value");
            record = record.origin(entry.origin());
        }
        if let Some(entry) = entry("AccountPasswordPresent") {
            record.attributes_mut().password_enabled = entry.flag("value");
            record = record.origin(entry.origin());
        }
    }
    record.attributes_mut().mfa_status =
        mfa.map(|yes| if yes { MfaStatus::Enrolled } else { MfaStatus::NotEnrolled });
    if record.attributes_mut().mfa_status.is_none() {
        record = record.unknown("mfa_status");
    }
    if record.attributes_mut().password_enabled.is_none() {
        record = record.unknown("password_enabled");
    }
    // IAM says whether the root user has a second factor, and not which.
    accounts.emit(record.unknown("mfa_factors"))?;
    accounts.seal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_by_serial_number() {
        // Serial numbers as AWS documents them.
        for (serial, kind) in [
            ("arn:aws:iam::123456789012:mfa/ada", "totp"),
            ("arn:aws:iam::123456789012:u2f/user/ada/key-ABCD", "webauthn"),
            ("arn:aws:iam::123456789012:sms-mfa/ada", "sms"),
            ("GAHT12345678", "hardware_token"),
        ] {
            assert_eq!(factor(serial), kind, "{serial}");
        }
    }
}

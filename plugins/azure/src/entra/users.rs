//! Users, those deleted in the last 30 days too, with the factors that they registered.
//!
//! <https://learn.microsoft.com/en-us/graph/api/user-list>,
//! <https://learn.microsoft.com/en-us/graph/api/authenticationmethodsroot-list-userregistrationdetails>. The report of
//! factors, and the day of the last sign-in, need a premium licence: without one Graph answers 403, and what they would
//! say is unknown.

use super::api::{Graph, person};
use super::roles::Holders;
use exhibit_sdk::prelude::*;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// Who registered which factor.
pub(super) const REGISTRATIONS: &str = "/reports/authenticationMethods/userRegistrationDetails";

/// What is asked of a user: no telephone number, no address of a house.
const FIELDS: &str = "id,userPrincipalName,displayName,mail,userType,accountEnabled,createdDateTime,lastPasswordChangeDateTime,employeeId,jobTitle,department,externalUserState,externalUserStateChangeDateTime";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    user_principal_name: String,
    display_name: Option<String>,
    mail: Option<String>,
    user_type: Option<String>,
    account_enabled: Option<bool>,
    created_date_time: Option<String>,
    deleted_date_time: Option<String>,
    last_password_change_date_time: Option<String>,
    employee_id: Option<String>,
    job_title: Option<String>,
    department: Option<String>,
    external_user_state: Option<String>,
    external_user_state_change_date_time: Option<String>,
    sign_in_activity: Option<SignInActivity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignInActivity {
    last_sign_in_date_time: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    id: String,
    is_admin: Option<bool>,
    is_mfa_registered: Option<bool>,
    #[serde(default)]
    methods_registered: Vec<String>,
}

/// The report of factors.
enum Report {
    Read(BTreeMap<String, Item<Registration>>),
    /// The answer that says why not, where there was one.
    Withheld(Option<Origin>),
}

pub(super) fn collect(graph: &Graph<'_>, holders: &Holders) -> Result<()> {
    let mut accounts =
        graph.ctx.wanted::<Account>("all users in every status, those deleted in the last 30 days too");
    if !accounts.is_wanted() {
        return Ok(());
    }
    let report = registrations(graph);
    // The same permission and licence open both. A page with it holds 120 users at most.
    let (fields, size) = match report {
        Report::Read(_) => (format!("{FIELDS},signInActivity"), "120"),
        Report::Withheld(_) => (FIELDS.to_owned(), "999"),
    };
    let live = graph.list("/users").query("$select", fields).query("$top", size);
    let deleted = graph.list("/directory/deletedItems/microsoft.graph.user");
    let deleted = deleted.query("$select", format!("{FIELDS},deletedDateTime")).query("$top", "999");
    for list in [live, deleted] {
        for page in list.pages() {
            for page in graph.passing.take(&mut [&mut accounts], page.map(|page| vec![page]))? {
                for user in accounts.items::<User>(&page)? {
                    accounts.emit(record(graph, &user, &report, holders))?;
                }
            }
        }
    }
    accounts.seal()
}

/// Whose ids these are, for lists that name people by their ids alone. Asked for when somebody is to be named.
#[derive(Default)]
pub(super) struct People(OnceCell<BTreeMap<String, (String, Origin)>>);

/// What a subject is made of.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    id: String,
    mail: Option<String>,
    user_principal_name: Option<String>,
}

impl People {
    /// The record with the subject of this user; that of an account where users are withheld, or this one is deleted.
    pub(super) fn name<K: EvidenceKind>(&self, graph: &Graph<'_>, id: &str, record: Record<K>) -> Record<K> {
        match self.0.get_or_init(|| named(graph)).get(id) {
            Some((subject, origin)) => record.origin(origin).subject(subject),
            None => record.subject(subject::account(&graph.tenant, id)),
        }
    }
}

fn named(graph: &Graph<'_>) -> BTreeMap<String, (String, Origin)> {
    let list = graph.list("/users").query("$select", "id,mail,userPrincipalName").query("$top", "999");
    let pages: Result<Vec<Page>> = list.pages().collect();
    let read = pages.and_then(|pages| pages.iter().map(Page::items::<Named>).collect::<Result<Vec<_>>>());
    let known = graph.passing.known("who the people are that applications are granted to", read);
    let users = known.unwrap_or_default().into_iter().flatten().map(|user| {
        let subject =
            person(user.mail.as_deref(), user.user_principal_name.as_deref(), &graph.tenant, &user.id);
        (user.id.clone(), (subject, user.origin().clone()))
    });
    users.collect()
}

/// Withheld, no user is said to have no factor: `mfa_status` is unknown.
fn registrations(graph: &Graph<'_>) -> Report {
    let pages: Result<Vec<Page>> = graph.list(REGISTRATIONS).pages().collect();
    let told = pages.as_ref().err().and_then(Failure::page).map(|page| page.origin(""));
    let read =
        pages.and_then(|pages| pages.iter().map(Page::items::<Registration>).collect::<Result<Vec<_>>>());
    match graph.passing.known("mfa_status, mfa_factors and last_login_on of all users", read) {
        Some(pages) => Report::Read(pages.into_iter().flatten().map(|r| (r.id.clone(), r)).collect()),
        None => Report::Withheld(told),
    }
}

fn status(user: &User) -> (Option<AccountStatus>, Option<&str>) {
    let invited = user.external_user_state.as_deref() == Some("PendingAcceptance");
    match (&user.deleted_date_time, user.account_enabled) {
        (Some(_), _) => (Some(AccountStatus::Deprovisioned), Some("deleted")),
        (None, Some(true)) if invited => (Some(AccountStatus::Pending), Some("PendingAcceptance")),
        (None, Some(true)) => (Some(AccountStatus::Active), Some("enabled")),
        (None, Some(false)) => (Some(AccountStatus::Disabled), Some("disabled")),
        (None, None) => (None, None),
    }
}

fn record(graph: &Graph<'_>, user: &Item<User>, report: &Report, holders: &Holders) -> Record<Account> {
    let (status, source_status) = status(user);
    let registered = match report {
        Report::Read(by_user) => by_user.get(&user.id),
        Report::Withheld(_) => None,
    };
    let mfa = registered.and_then(|r| r.is_mfa_registered);
    let held = holders.get(&user.id);
    let admin = match held {
        Some(_) => Some(true),
        None => registered.and_then(|r| r.is_admin).or(holders.are_all.then_some(false)),
    };
    let signed_in =
        user.sign_in_activity.as_ref().and_then(|activity| activity.last_sign_in_date_time.as_ref());
    let external = user.user_type.as_deref().map(|word| word.eq_ignore_ascii_case("guest"));
    // A guest's password is another organisation's.
    let password = user.last_password_change_date_time.as_ref().filter(|_| external == Some(false));
    let changed = user.deleted_date_time.as_ref().or(user.external_user_state_change_date_time.as_ref());
    let attributes = Account {
        display_name: user.display_name.clone(),
        email: user.mail.clone(),
        r#type: Some(AccountType::Human),
        status,
        source_status: source_status.map(str::to_owned),
        external,
        admin,
        mfa_status: mfa.map(|is_on| if is_on { MfaStatus::Enrolled } else { MfaStatus::NotEnrolled }),
        mfa_factors: registered.map(|r| factors(&r.methods_registered)),
        password_changed_at: instant(password),
        created_at: instant(user.created_date_time.as_ref()),
        status_changed_at: instant(changed),
        last_login_on: instant(signed_in).map(Timestamp::date),
        employee_id: user.employee_id.clone(),
        job_title: user.job_title.clone(),
        department: user.department.clone(),
        ..Account::new(&user.user_principal_name)
    };
    let subject = person(user.mail.as_deref(), Some(&user.user_principal_name), &graph.tenant, &user.id);
    let mut record = user.record(&user.id, attributes).subject(subject);
    let supports = [registered.map(Item::origin), held];
    for origin in supports.into_iter().flatten() {
        record = record.origin(origin);
    }
    if let Report::Withheld(Some(told)) = report {
        record = record.origin(told);
    }
    for (attribute, is_known) in [
        ("status", status.is_some()),
        ("external", external.is_some()),
        ("admin", admin.is_some()),
        ("mfa_status", mfa.is_some()),
        ("mfa_factors", registered.is_some()),
        // What conditional access comes to for one user, Graph does not say.
        ("mfa_enforced", false),
        ("created_at", user.created_date_time.is_some()),
        // Someone who never signed in has no day either; Graph does not tell the two apart.
        ("last_login_on", signed_in.is_some()),
    ] {
        if !is_known {
            record = record.unknown(attribute);
        }
    }
    record
}

/// Graph's words in the kind's; its own where there is none.
fn factors(methods: &[String]) -> Vec<String> {
    let word = |method: &String| {
        match method.as_str() {
            "microsoftAuthenticatorPush" => "push",
            "softwareOneTimePasscode" => "totp",
            "hardwareOneTimePasscode" => "hardware_token",
            "fido2SecurityKey" => "webauthn",
            passkey if passkey.starts_with("passKey") => "webauthn",
            "securityQuestion" => "security_question",
            other => other,
        }
        .to_owned()
    };
    let words: std::collections::BTreeSet<String> = methods.iter().map(word).collect();
    words.into_iter().collect()
}

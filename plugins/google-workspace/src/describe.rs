//! What the connector says of itself, which settings fit, and what the check finds closed.

use crate::Settings;
use crate::api::{ADMIN, Api, IDENTITY};
use exhibit_sdk::kinds::*;
use exhibit_sdk::prelude::*;

const EVENTS: &[&str] = &["audit.activity@1", "identity.access_change@1"];

/// Scopes, what each opens, and for which kinds.
const SCOPES: [(&str, &str, &[&str]); 8] = [
    (
        "admin.directory.user.readonly",
        "users; without it nothing is read",
        &["identity.account@1", "identity.role_grant@1", "identity.app_grant@1"],
    ),
    ("admin.directory.group.readonly", "groups, members", &["identity.group_membership@1"]),
    ("admin.directory.rolemanagement.readonly", "administrator roles", &["identity.role_grant@1"]),
    ("admin.directory.user.security", "applications that users let in", &["identity.app_grant@1"]),
    ("admin.directory.device.mobile.readonly", "mobile devices", &["device.endpoint@1"]),
    ("admin.directory.device.chromeos.readonly", "ChromeOS devices", &["device.endpoint@1"]),
    ("cloud-identity.devices.readonly", "computers", &["device.endpoint@1"]),
    ("admin.reports.audit.readonly", "sign-ins, what administrators did", EVENTS),
];

pub(crate) fn describe() -> Description {
    let described = Description::new(
        "Google Workspace",
        "Users with 2-Step Verification, groups, administrator roles, devices, applications and audit events",
    )
    .setting(
        Setting::text("customer", "Id of the customer")
            .help("Leave it out: the acting administrator's own customer is read.")
            .example("C0example")
            .default("my_customer"),
    )
    .setting(
        Setting::text("endpoint", "One origin for all services")
            .help("For simulators and proxies only: each service is asked at ORIGIN/HOST/PATH.")
            .example("http://127.0.0.1:5000")
            .optional(),
    )
    .kind::<Account>("Which users exist, in which status, and is 2-Step Verification set up and enforced?")
    .kind::<GroupMembership>("Who is in which group?")
    .kind::<RoleGrant>("Who holds which administrator role, where?")
    .kind::<AppGrant>("Which applications did users let in, and to what?")
    .kind::<Endpoint>("Which devices reach the data, and how are they protected?")
    .kind::<Activity>("Who signed in, and what did administrators do?")
    .kind::<AccessChange>("Who changed whose access?");
    SCOPES
        .iter()
        .fold(described, |described, (scope, reads, kinds)| described.permission(scope, reads, kinds))
}

pub(crate) fn validate(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let id = &settings.customer;
    if id != "my_customer" && !(id.starts_with('C') && id.bytes().all(|b| b.is_ascii_alphanumeric())) {
        problems.push(Problem::new(
            "/customer",
            format!(
                "`{id}` is no id of a customer: leave it out, or write what Account settings show, C0example"
            ),
        ));
    }
    if let Some(endpoint) = &settings.endpoint {
        let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
        if !endpoint.starts_with("https://") && !local.iter().any(|origin| endpoint.starts_with(origin)) {
            let message = "write it with https://; http:// is for this machine only, http://127.0.0.1:5000";
            problems.push(Problem::new("/endpoint", message));
        }
    }
    problems
}

/// One cheap question of each area that the run is to read: names those that the credential does not open. Users are
/// asked for before, as whose customer it is.
pub(crate) fn probe(api: &Api<'_>) -> Result<()> {
    let ctx = api.ctx;
    let customer = api.customer();
    let of = |path: String| api.directory(&path).query("maxResults", "1");
    let events = "/admin/reports/v1/activity/users/all/applications/login";
    let areas = [
        (ctx.wants::<GroupMembership>(), 1, api.first("/groups")),
        (ctx.wants::<RoleGrant>(), 2, of(format!("/customer/{customer}/roles"))),
        (ctx.wants::<Endpoint>(), 4, of(format!("/customer/{customer}/devices/mobile"))),
        (ctx.wants::<Endpoint>(), 5, of(format!("/customer/{customer}/devices/chromeos"))),
        (ctx.wants::<Endpoint>(), 6, api.get(IDENTITY, "/v1/devices").query("pageSize", "1")),
        (
            ctx.wants::<Activity>() || ctx.wants::<AccessChange>(),
            7,
            api.get(ADMIN, events).query("maxResults", "1"),
        ),
    ];
    for (_, index, request) in areas.into_iter().filter(|(is_wanted, ..)| *is_wanted) {
        let Some((scope, reads, kinds)) = SCOPES.get(index) else { continue };
        match request.send() {
            Ok(_) => {}
            Err(failure) if failure.code() == "auth" => return Err(failure),
            Err(failure) => exhibit_sdk::warn!(
                "{reads} ({}) may not be read: delegate the scope {scope}, and give the administrator the privilege: {}",
                kinds.join(", "),
                failure.reason()
            ),
        }
    }
    Ok(())
}

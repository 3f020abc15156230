//! What the connector says of itself, and what it finds wrong with settings.

use crate::Settings;
use exhibit_sdk::kinds::{
    AccessChange, Account, Activity, ChangeRequest, GroupMembership, Incident, Resource, RoleGrant,
};
use exhibit_sdk::prelude::*;

pub(crate) fn describe() -> Description {
    let administered = ["audit.activity@1", "identity.access_change@1", "identity.role_grant@1"];
    Description::new(
        "Jira",
        "Users, access, changes, access requests, incidents and the audit log of a Jira Cloud site",
    )
    .setting(
        Setting::origin("site_url", "Address of your Jira site").example("https://example.atlassian.net"),
    )
    .setting(
        Setting::text("cloud_id", "Number of your site, where the credential goes by Atlassian's own address")
            .help(
                "OAuth 2.0, and API tokens with scopes, need it: https://SITE.atlassian.net/_edge/tenant_info shows it.",
            )
            .example("11111111-2222-4333-8444-555555555555")
            .optional(),
    )
    .setting(
        Setting::origin("api_endpoint", "Atlassian's API of a government cloud")
            .help("Instead of https://api.atlassian.com; or a simulator.")
            .example("https://api.atlassian-us-gov-mod.com")
            .optional(),
    )
    .setting(
        Setting::origin("login_endpoint", "Where a government cloud issues tokens")
            .help("Instead of https://auth.atlassian.com: where the credential's own token_url is.")
            .example("https://auth.atlassian-us-gov-mod.com")
            .optional(),
    )
    .setting(
        Setting::text("change_jql", "JQL that finds your changes")
            .help("Without any condition of time and without ORDER BY; those are added.")
            .example("project = CHG AND issuetype = Change")
            .optional(),
    )
    .setting(
        Setting::text("access_request_jql", "JQL that finds your access requests")
            .example("project = IT AND issuetype = \"Access request\"")
            .optional(),
    )
    .setting(
        Setting::text("incident_jql", "JQL that finds your incidents").example("project = INC").optional(),
    )
    .setting(
        Setting::list("approved_statuses", "Statuses into which a ticket moves by being approved")
            .help("Whoever moves it there approved it. Without it, approvals are unknown.")
            .optional(),
    )
    .setting(
        Setting::list("rejected_statuses", "Statuses into which a ticket moves by being rejected").optional(),
    )
    .setting(
        Setting::list("rejected_resolutions", "Resolutions that mean: closed without effect")
            .help("Such as Won't Do, Declined, Duplicate.")
            .optional(),
    )
    .setting(Setting::list("emergency_labels", "Labels that declare a change an emergency").optional())
    .kind::<Account>("Which accounts exist, and are they active?")
    .kind::<GroupMembership>("Who is in which group?")
    .kind::<RoleGrant>("Who holds which role in which project, and what do permission schemes allow?")
    .kind::<Resource>("Which projects exist?")
    .kind::<ChangeRequest>("Who asked for, approved and carried out which change or access?")
    .kind::<Incident>("Which incidents were there, and when were they resolved?")
    .kind::<AccessChange>("Who changed whose access?")
    .kind::<Activity>("What happened at the site, and how did tickets move?")
    .permission(
        "Browse users and groups (global)",
        "users, groups and their members",
        &["identity.account@1", "identity.group_membership@1"],
    )
    .permission(
        "Browse projects (of every project)",
        "projects, tickets and their changelogs",
        &["asset.resource@1", "change.request@1", "ops.incident@1", "audit.activity@1"],
    )
    .permission(
        "View the requests (of every project of Jira Service Management); scope read:servicedesk-request",
        "who approved a request",
        &["change.request@1"],
    )
    .permission("Administer projects (of every project)", "holders of roles", &["identity.role_grant@1"])
    .permission(
        "Administer Jira (global)",
        "the audit log, permission schemes, all roles",
        &administered,
    )
}

pub(crate) fn validate(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_number =
        |id: &String| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if settings.cloud_id.as_ref().is_some_and(|id| !is_number(id)) {
        let shown = format!("write the number that {}/_edge/tenant_info shows", settings.site_url);
        problems.push(Problem::new("/cloud_id", shown));
    }
    if settings.api_endpoint.is_some() && settings.cloud_id.is_none() {
        problems.push(Problem::new("/api_endpoint", "write `cloud_id` too, or leave it out"));
    }
    for (pointer, jql) in [
        ("/change_jql", &settings.change_jql),
        ("/access_request_jql", &settings.access_request_jql),
        ("/incident_jql", &settings.incident_jql),
    ] {
        let Some(jql) = jql else { continue };
        if jql.trim().is_empty() {
            problems.push(Problem::new(pointer, "write a query, or leave the setting out"));
        }
        if jql.to_ascii_lowercase().contains("order by") {
            problems.push(Problem::new(pointer, "leave ORDER BY out: the order is added, with the time"));
        }
    }
    problems
}

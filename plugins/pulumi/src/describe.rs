//! What the connector says of itself, and what it finds wrong with settings.

use crate::Settings;
use exhibit_sdk::kinds::{
    Account, Activity, Credential, Deploy, Finding, GroupMembership, Resource, RoleGrant, Stack,
};
use exhibit_sdk::prelude::*;

pub(crate) fn describe() -> Description {
    Description::new(
        "Pulumi Cloud",
        "Members, access, stacks and their drift, policies and what they found, stack updates and the audit log of an organisation",
    )
    .setting(
        Setting::text("organization", "Name of your organisation in Pulumi Cloud")
            .help("As in app.pulumi.com/NAME.")
            .example("example-org"),
    )
    .setting(
        Setting::origin("api_url", "Address of a Pulumi Cloud that you run yourself")
            .help("Leave it out for app.pulumi.com.")
            .example("https://api.pulumi.example.com")
            .optional(),
    )
    .setting(
        Setting::list("service_accounts", "Logins of members who are no people")
            .help("Pulumi Cloud does not say which of its members are machines.")
            .optional(),
    )
    .kind::<Account>("Who is a member of the organisation, and as what?")
    .kind::<GroupMembership>("Who is in which team?")
    .kind::<RoleGrant>("Who holds which role, and which team may do what with which stack?")
    .kind::<Credential>("Which access tokens do the organisation and its teams have, and how old are they?")
    .kind::<Resource>("Which policies hold where?")
    .kind::<Stack>("Which stacks are there, how did their last update end, and have they drifted?")
    .kind::<Finding>("Which resources break which policy, and what became of that?")
    .kind::<Deploy>("Who updated which stack from which commit, and did it work?")
    .kind::<Activity>("What happened in the organisation?")
    .permission(
        "org_member:read",
        "members and the role of each",
        &["identity.account@1", "identity.role_grant@1"],
    )
    .permission(
        "team:list, team:read",
        "teams, their members, what they may reach",
        &["identity.group_membership@1", "identity.role_grant@1", "identity.credential@1"],
    )
    .permission("role:read", "what the organisation's own roles allow", &["identity.role_grant@1"])
    .permission("org_token:read, team:list_tokens", "access tokens, never their values", &["identity.credential@1"])
    .permission("policy_groups:read", "policy groups", &["asset.resource@1", "iac.stack@1"])
    .permission("policy_pack:read", "policy packs", &["asset.resource@1"])
    .permission("policy_results:read", "what policies found", &["vuln.finding@1"])
    .permission(
        "stack:read, stack_deployment:read (of every stack)",
        "stacks, their updates, their drift",
        &["iac.stack@1", "deploy.event@1"],
    )
    .permission("audit_logs:read (Enterprise, Business Critical)", "the audit log", &["audit.activity@1"])
}

pub(crate) fn validate(settings: &Settings) -> Vec<Problem> {
    let name = &settings.organization;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !name.is_empty() && name.chars().all(fits) {
        true => Vec::new(),
        false => vec![Problem::new(
            "/organization",
            "write the organisation's name as it stands in the address app.pulumi.com/NAME, and no more",
        )],
    }
}

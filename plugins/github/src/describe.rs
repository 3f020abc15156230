//! What the connector says of itself, and what it finds wrong with settings.

use crate::Settings;
use exhibit_sdk::kinds::{
    AccessChange, Account, Activity, AppGrant, AuthPolicy, ChangeRequest, Credential, Deploy, Finding,
    GroupMembership, RepoProtection, Resource, RoleGrant,
};
use exhibit_sdk::prelude::*;

pub(crate) fn describe() -> Description {
    let about = "Members, access, repositories, changes and alerts of a GitHub organisation";
    let described = Description::new("GitHub", about)
        .setting(
            Setting::text("org", "Name of your organisation")
                .help("As in its address: example-org in https://github.com/example-org.")
                .example("example-org"),
        )
        .setting(
            Setting::origin("api_url", "Address of the API, where it is not github.com's")
                .help(
                    "With data residency https://api.example.ghe.com; of Enterprise Server its own address.",
                )
                .example("https://api.example.ghe.com")
                .optional(),
        )
        .setting(
            Setting::flag("enterprise_server", "Whether that address is of Enterprise Server")
                .help("Its API is below /api/v3 of its own address.")
                .default(false),
        )
        .setting(
            Setting::flag("saml_sso", "Whether members sign in through SAML single sign-on")
                .help(
                    "Enterprise Cloud: reads their names at the identity provider and what they authorised.",
                )
                .default(false),
        )
        .setting(
            Setting::list("repositories", "Repositories to look into, where it is not all of them")
                .help("Names without the organisation. All others are counted as left out.")
                .optional(),
        )
        .setting(
            Setting::list("branches", "Branches that matter beside the default one")
                .help("Such as those that releases are made from. Their protection is read where they exist.")
                .optional(),
        )
        .setting(
            Setting::list("service_accounts", "Logins of accounts that are programs' and no person's")
                .help("GitHub tells apps from users, and not which users are programs.")
                .optional(),
        )
        .setting(
            Setting::list("emergency_labels", "Labels that declare a pull request an emergency").optional(),
        )
        .setting(
            Setting::list("ticket_prefixes", "Prefixes of your tickets' keys")
                .help("OPS finds OPS-12 in titles, branches and texts of pull requests.")
                .optional(),
        );
    permissions(kinds(described))
}

fn kinds(description: Description) -> Description {
    description
        .kind::<Account>("Who is a member or an outside collaborator, and who lacks a second factor?")
        .kind::<GroupMembership>("Who is in which team?")
        .kind::<RoleGrant>("Who owns the organisation, and who may do what in which repository?")
        .kind::<AppGrant>("Which apps are installed, and what may they do?")
        .kind::<AuthPolicy>("Is a second factor required, and what may members and Actions do?")
        .kind::<Credential>("Which deploy keys and authorised credentials exist, and whose?")
        .kind::<Resource>("Which repositories and environments exist?")
        .kind::<RepoProtection>("What must be fulfilled before a branch changes?")
        .kind::<Finding>("Which weaknesses and exposed secrets were found, and what became of them?")
        .kind::<ChangeRequest>("Who wrote, reviewed, checked and merged which change?")
        .kind::<Deploy>("What was deployed where, when and by whom?")
        .kind::<AccessChange>("Who changed whose access?")
        .kind::<Activity>("What happened in the organisation?")
}

fn permissions(description: Description) -> Description {
    let accounts = ["identity.account@1", "identity.group_membership@1", "identity.role_grant@1"];
    let log = ["audit.activity@1", "identity.access_change@1"];
    description
        .permission("Organization: Members (read)", "members, second factors, invitations, teams", &accounts)
        .permission(
            "Organization: Administration (read)",
            "the organisation's rules, Actions, apps, audit log",
            &["identity.auth_policy@1", "identity.app_grant@1", log[0], log[1]],
        )
        .permission(
            "Organization: Custom organization roles (read)",
            "organisation roles and their holders",
            &["identity.role_grant@1"],
        )
        .permission(
            "Repository: Metadata (read)",
            "repositories, rules of branches, collaborators",
            &["asset.resource@1", "config.repo_protection@1", "identity.role_grant@1"],
        )
        .permission(
            "Repository: Administration (read)",
            "branch protection, teams of repositories, deploy keys",
            &["config.repo_protection@1", "identity.role_grant@1", "identity.credential@1"],
        )
        .permission("Repository: Environments (read)", "environments", &["asset.resource@1"])
        .permission("Repository: Dependabot alerts (read)", "Dependabot alerts", &["vuln.finding@1"])
        .permission("Repository: Code scanning alerts (read)", "code-scanning alerts", &["vuln.finding@1"])
        .permission(
            "Repository: Secret scanning alerts (read)",
            "secret-scanning alerts",
            &["vuln.finding@1"],
        )
        .permission(
            "Repository: Pull requests and Issues (read)",
            "pull requests and their reviews",
            &["change.request@1"],
        )
        .permission(
            "Repository: Checks and Commit statuses (read)",
            "checks; without it checks and checks_passed are unknown",
            &["change.request@1"],
        )
        .permission("Repository: Deployments (read)", "deployments", &["deploy.event@1"])
}

pub(crate) fn validate(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    // <https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication>
    let fits = |name: &str| {
        (1..=100).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if !fits(&settings.org) {
        problems.push(Problem::new(
            "/org",
            "write the organisation's name alone, as in its address: letters, digits and hyphens",
        ));
    }
    if settings.enterprise_server && settings.api_url.is_none() {
        problems.push(Problem::new("/api_url", "write the server's address, https://github.example.com"));
    }
    if settings.api_url.as_deref() == Some("https://github.com") {
        problems.push(Problem::new("/api_url", "leave it out: github.com's API is known"));
    }
    for (index, name) in settings.repositories.iter().enumerate() {
        if name.contains('/') {
            let pointer = format!("/repositories/{index}");
            problems.push(Problem::new(&pointer, "write the repository's name without the organisation"));
        }
    }
    for (index, prefix) in settings.ticket_prefixes.iter().enumerate() {
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            let pointer = format!("/ticket_prefixes/{index}");
            problems
                .push(Problem::new(&pointer, "write what stands before the hyphen alone: OPS for OPS-12"));
        }
    }
    problems
}

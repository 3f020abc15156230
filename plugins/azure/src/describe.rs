//! What the connector says of itself, and which settings fit.

use crate::Settings;
use crate::arm;
use crate::entra;
use exhibit_sdk::kinds::*;
use exhibit_sdk::prelude::*;

pub(crate) fn describe() -> Description {
    let described = Description::new(
        "Azure and Entra ID",
        "Users, groups, roles, applications, policies and log of a tenant; access, resources, encryption, networks, logging and activity of its subscriptions",
    )
    .setting(
        Setting::text("tenant_id", "Id of the tenant")
            .help("`az account show --query tenantId` shows it.")
            .example("11111111-1111-4111-8111-111111111111"),
    )
    .setting(
        Setting::list("subscriptions", "Ids of the subscriptions to read")
            .help("Left out, all that the credential may see are read; an empty list reads none.")
            .optional(),
    )
    .setting(
        Setting::origin("arm_endpoint", "Azure Resource Manager of a national cloud")
            .help(
                "https://management.usgovcloudapi.net, https://management.chinacloudapi.cn; or a simulator.",
            )
            .example("https://management.usgovcloudapi.net")
            .optional(),
    )
    .setting(
        Setting::origin("graph_endpoint", "Microsoft Graph of a national cloud")
            .help("https://graph.microsoft.us, https://microsoftgraph.chinacloudapi.cn; or a simulator.")
            .example("https://graph.microsoft.us")
            .optional(),
    )
    .setting(
        Setting::origin("login_endpoint", "Entra ID of a national cloud")
            .help("https://login.microsoftonline.us, https://login.partner.microsoftonline.cn: where each credential's own token_url is.")
            .example("https://login.microsoftonline.us")
            .optional(),
    )
    .setting(
        Setting::flag("directory", "Whether to read Entra ID")
            .help("false reads the subscriptions alone, and needs no credential for Microsoft Graph.")
            .default(true),
    )
    .kind::<Account>("Which users, guests and service principals are there, and is a second factor registered?")
    .kind::<GroupMembership>("Who is in which group?")
    .kind::<RoleGrant>(
        "Who holds which role, of the directory or on what of a subscription, who may activate one, and who opens key vaults?",
    )
    .kind::<Credential>("Which secrets and certificates do applications have, and how old are they?")
    .kind::<AppGrant>("Who is assigned to which application, and what may applications do?")
    .kind::<AuthPolicy>("How must people sign in?")
    .kind::<Resource>(
        "Which subscriptions, storage accounts, key vaults, machines, disks, databases, backup vaults, roles, locks and \
         policies are there?",
    )
    .kind::<Encryption>("What is encrypted, by whose keys, and do they rotate?")
    .kind::<NetworkRule>("What may reach what?")
    .kind::<Logging>("What is logged and audited, where does it go, and how long is it kept?")
    .kind::<AlertRule>("What raises an alert, and whom does it tell?")
    .kind::<BackupPlan>("What is backed up, how often, and how long is it kept?")
    .kind::<Finding>("Which weaknesses did Microsoft Defender find, and what does not comply with policies?")
    .kind::<Activity>("Who signed in, who changed the directory, and who did what to subscriptions and what is in them?")
    .kind::<AccessChange>("Who changed whose access?");
    entra::permissions(arm::permissions(described))
}

pub(crate) fn validate(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_guid(&settings.tenant_id) {
        let message = format!(
            "`{}` is no id of a tenant: `az account show --query tenantId` shows it",
            settings.tenant_id
        );
        problems.push(Problem::new("/tenant_id", message));
    }
    for (index, id) in settings.subscriptions.iter().flatten().enumerate().filter(|(_, id)| !is_guid(id)) {
        let message = format!("`{id}` is no id of a subscription: `az account list` shows it under id");
        problems.push(Problem::new(&format!("/subscriptions/{index}"), message));
    }
    if !settings.directory && !settings.has_subscriptions() {
        problems.push(Problem::new(
            "/directory",
            "with `subscriptions` empty and `directory` false, nothing is read",
        ));
    }
    problems
}

/// `11111111-1111-4111-8111-111111111111`: RFC 9562 section 4.
fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

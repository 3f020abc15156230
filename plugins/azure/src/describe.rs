//! What the connector says of itself, and which settings fit.

use crate::Settings;
use crate::arm;
use exhibit_sdk::prelude::*;

pub(crate) fn describe() -> Description {
    let described = Description::new(
        "Azure and Entra ID",
        "Access, resources, encryption, networks, logging and activity of a tenant's subscriptions",
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
    .kind::<Resource>("Which subscriptions are there?");
    arm::permissions(described)
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
    problems
}

/// `11111111-1111-4111-8111-111111111111`: RFC 9562 section 4.
fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

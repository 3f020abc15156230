//! Evidence connector for Azure and Microsoft Entra ID: one tenant.
//!
//! | module | reads | of |
//! | --- | --- | --- |
//! | `arm` | Azure Resource Manager | the tenant's subscriptions |
//! | `entra` | Microsoft Entra ID, by Microsoft Graph | the tenant's directory |
//! | `describe` | | what the connector says of itself |

mod arm;
mod describe;
mod entra;

use exhibit_sdk::prelude::*;

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Id of the tenant, in lower case once [`Connector::validate`] let it pass.
    tenant_id: String,
    /// Ids of the subscriptions to read; none: all that the credential sees; an empty list: not any.
    #[serde(default)]
    subscriptions: Option<Vec<String>>,
    /// Origin of Azure Resource Manager in another cloud than the public one.
    #[serde(default)]
    arm_endpoint: Option<String>,
    /// Whether to read Entra ID.
    #[serde(default = "yes")]
    directory: bool,
    /// Origin of Microsoft Graph in another cloud than the public one.
    #[serde(default)]
    graph_endpoint: Option<String>,
}

fn yes() -> bool {
    true
}

impl Settings {
    /// Whether anything of Azure Resource Manager is to be read.
    fn has_subscriptions(&self) -> bool {
        self.subscriptions.as_ref().is_none_or(|ids| !ids.is_empty())
    }
}

/// The connector.
pub struct Azure;

impl Connector for Azure {
    type Settings = Settings;

    fn describe() -> Description {
        describe::describe()
    }

    fn validate(settings: &Settings) -> Vec<Problem> {
        describe::validate(settings)
    }

    fn check(ctx: &Context, settings: &Settings) -> Result<String> {
        let mut tenant = settings.tenant_id.to_lowercase();
        if settings.has_subscriptions() {
            tenant = arm::check(ctx, settings)?;
        }
        if settings.directory && entra::is_wanted(ctx) {
            entra::check(ctx, settings)?;
        }
        Ok(tenant)
    }

    fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
        let directory = || match settings.directory && entra::is_wanted(ctx) {
            true => entra::collect(ctx, settings),
            false => Ok(()),
        };
        exhibit_sdk::all([arm::collect(ctx, settings), directory()])
    }
}

exhibit_sdk::export!(Azure);

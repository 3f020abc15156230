//! Evidence connector for Azure and Microsoft Entra ID: one tenant.
//!
//! | module | reads | of |
//! | --- | --- | --- |
//! | `arm` | Azure Resource Manager | the tenant's subscriptions |
//! | `describe` | | what the connector says of itself |

mod arm;
mod describe;

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
        arm::check(ctx, settings)
    }

    fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
        exhibit_sdk::all([arm::collect(ctx, settings)])
    }
}

exhibit_sdk::export!(Azure);

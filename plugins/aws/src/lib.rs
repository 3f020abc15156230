//! Evidence connector for Amazon Web Services: one account, every region that is enabled.
//!
//! | module | reads | makes |
//! | --- | --- | --- |
//! | `iam` | users, groups, roles, policies, second factors, access keys, password policy, credential report | `identity.*` |
//! | `s3` | buckets | `asset.resource`, `config.encryption`, `config.logging` |
//! | `kms` | keys and their rotation | `asset.resource`, `config.encryption` |
//! | `volumes` | EBS volumes, the default for new ones | `asset.resource`, `config.encryption` |
//! | `network` | VPCs, flow logs, security groups | `asset.resource`, `config.logging`, `config.network_rule` |
//! | `rds` | database instances | `asset.resource`, `config.encryption`, `config.backup_plan` |
//! | `trails` | CloudTrail | `config.logging` |
//! | `recorders` | AWS Config | `config.logging` |
//! | `guardduty` | detectors | `config.alert_rule` |
//! | `backup` | AWS Backup's plans and jobs | `config.backup_plan`, `ops.job_run` |
//! | `describe` | | what the connector says of itself |
//! | `api` | endpoints and protocols, for all of them | |
//!
//! A list that the role may not read leaves its population incomplete, with AWS's code and message; the others
//! go on. What only one resource withholds is `unknown` on its record.

mod api;
mod backup;
mod describe;
mod guardduty;
mod iam;
mod kms;
mod network;
mod rds;
mod recorders;
mod s3;
mod time;
mod trails;
mod volumes;

use api::{Api, EC2, PARTITIONS, Partition, STS, code};
use exhibit_sdk::prelude::*;

/// A source's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    #[serde(default = "standard")]
    partition: String,
    #[serde(default)]
    regions: Vec<String>,
    #[serde(default)]
    endpoint: Option<String>,
}

fn standard() -> String {
    "aws".to_owned()
}

impl Settings {
    fn partition(&self) -> Result<Partition> {
        let found = PARTITIONS.into_iter().find(|p| p.name == self.partition);
        found.ok_or_else(|| Failure::config(format!("there is no partition `{}`", self.partition)))
    }
}

/// The connector.
pub struct Aws;

impl Connector for Aws {
    type Settings = Settings;

    fn describe() -> Description {
        describe::describe()
    }

    fn validate(settings: &Settings) -> Vec<Problem> {
        describe::validate(settings)
    }

    fn check(ctx: &Context, settings: &Settings) -> Result<String> {
        identity(&Api::new(ctx, settings.partition()?, settings.endpoint.as_deref()))
    }

    fn collect(ctx: &Context, settings: &Settings) -> Result<()> {
        let mut api = Api::new(ctx, settings.partition()?, settings.endpoint.as_deref());
        api.account = identity(&api)?;
        look_for_regions(&mut api, &settings.regions);
        // Keys first: who manages them is part of what they encrypt.
        let (managers, keys) = match kms::collect(&api) {
            Ok(managers) => (managers, Ok(())),
            Err(failure) => (kms::Managers::default(), Err(failure)),
        };
        let ended = exhibit_sdk::all([
            keys,
            iam::collect(&api),
            s3::collect(&api, &managers),
            volumes::collect(&api, &managers),
            network::collect(&api),
            rds::collect(&api, &managers),
            trails::collect(&api),
            recorders::collect(&api),
            guardduty::collect(&api),
            backup::collect(&api),
        ]);
        exhibit_sdk::all([ended, api.passing.end()])
    }
}

exhibit_sdk::export!(Aws);

/// The account that the credential belongs to. Anyone may ask, so only a wrong credential is refused.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
fn identity(api: &Api<'_>) -> Result<String> {
    let answer = api.query(STS, api.partition.home, "GetCallerIdentity", &[]).send();
    let page = answer.map_err(|failure| match code(&failure) {
        Some(code) if failure.page().is_some_and(|page| (400..=403).contains(&page.status())) => {
            Failure::auth(format!("{code}: {}", failure.message()))
                .context("AWS does not accept the credential")
        }
        _ => failure.context("sts:GetCallerIdentity"),
    })?;
    let root = page.xml()?;
    let result = "GetCallerIdentityResult";
    let account = root.text(&format!("{result}/Account"));
    let account = account.ok_or_else(|| Failure::upstream("sts:GetCallerIdentity names no account"))?;
    let arn = root.text(&format!("{result}/Arn")).unwrap_or_default();
    let partition = arn.split(':').nth(1).unwrap_or(api.partition.name);
    if partition != api.partition.name {
        return Err(Failure::config(format!(
            "the credential is of partition `{partition}`: set `partition` to it, instead of `{}`",
            api.partition.name
        )));
    }
    Ok(account.to_owned())
}

/// The regions that the settings name, else every region that is enabled for the account.
fn look_for_regions(api: &mut Api<'_>, named: &[String]) {
    if !named.is_empty() {
        api.regions = named.to_vec();
        return;
    }
    let list = api.query(EC2, api.partition.home, "DescribeRegions", &[]);
    let list = list.list("/DescribeRegionsResponse/regionInfo/item");
    let answer: Result<Vec<Page>> = list.pages().collect();
    let answer = answer.and_then(|pages| pages.iter().map(Page::elements).collect::<Result<Vec<_>>>());
    match answer {
        Ok(regions) => {
            let enabled = |r: &Item<Element>| r.text("optInStatus") != Some("not-opted-in");
            let names = regions.iter().flatten().filter(|region| enabled(region));
            api.regions = names.filter_map(|region| region.text("regionName").map(str::to_owned)).collect();
            api.regions.sort();
        }
        Err(failure) => {
            api.regions_gap = Some(format!(
                "the enabled regions are not known; grant ec2:DescribeRegions, or name them in `regions`: {}",
                failure.message()
            ));
            api.passing.note(failure);
        }
    }
}

//! Backups: Recovery Services vaults and Backup vaults, their policies, and what is protected.
//!
//! | vault | is for | documented |
//! | --- | --- | --- |
//! | `Microsoft.RecoveryServices/vaults` | virtual machines, SQL in them, file shares | <https://learn.microsoft.com/en-us/rest/api/backup/> |
//! | `Microsoft.DataProtection/backupVaults` | disks, blobs, databases | <https://learn.microsoft.com/en-us/rest/api/dataprotection/> |

use super::api::Arm;
use super::id;
use super::locks::Locks;
use super::resource::{Listed, asset_record, or_default, record};
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::BackupPlan;
use exhibit_sdk::prelude::*;
use serde_json::Value;

const RECOVERY: Service = Service {
    kind: "Microsoft.RecoveryServices/vaults",
    version: "2023-04-01",
    vault: "azure:recoveryservices:vault",
    policies: "/backupPolicies",
    policy: "azure:recoveryservices:backup-policy",
    protected: "/backupProtectedItems",
    item: "azure:recoveryservices:protected-item",
};
const PROTECTION: Service = Service {
    kind: "Microsoft.DataProtection/backupVaults",
    version: "2023-11-01",
    vault: "azure:dataprotection:backup-vault",
    policies: "/backupPolicies",
    policy: "azure:dataprotection:backup-policy",
    protected: "/backupInstances",
    item: "azure:dataprotection:backup-instance",
};

/// One of the two services, which are of one form.
struct Service {
    kind: &'static str,
    version: &'static str,
    vault: &'static str,
    policies: &'static str,
    policy: &'static str,
    protected: &'static str,
    item: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vault {
    provisioning_state: Option<String>,
    public_network_access: Option<String>,
    security_settings: Option<Security>,
    #[serde(default, deserialize_with = "or_default")]
    storage_settings: Vec<Storage>,
    redundancy_settings: Option<Redundancy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Security {
    immutability_settings: Option<State>,
    soft_delete_settings: Option<SoftDelete>,
}

#[derive(Debug, Deserialize)]
struct State {
    state: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SoftDelete {
    /// Of Backup vaults `state`, of Recovery Services vaults `softDeleteState`.
    #[serde(alias = "softDeleteState")]
    state: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Storage {
    r#type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Redundancy {
    standard_tier_storage_redundancy: Option<String>,
    cross_region_restore: Option<String>,
}

/// A policy of either service: what differs by kind of workload is kept as it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    backup_management_type: Option<String>,
    schedule_policy: Option<Value>,
    retention_policy: Option<Retention>,
    #[serde(default, deserialize_with = "or_default")]
    datasource_types: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    policy_rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Retention {
    daily_schedule: Option<Daily>,
    retention_duration: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Daily {
    retention_duration: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Duration {
    count: Option<u64>,
    duration_type: Option<String>,
}

/// A rule of a Backup vault's policy: when, or for how long.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    is_default: Option<bool>,
    trigger: Option<Trigger>,
    #[serde(default, deserialize_with = "or_default")]
    lifecycles: Vec<Lifecycle>,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    schedule: Option<Repeating>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repeating {
    #[serde(default, deserialize_with = "or_default")]
    repeating_time_intervals: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lifecycle {
    delete_after: Option<After>,
}

#[derive(Debug, Deserialize)]
struct After {
    duration: Option<String>,
}

/// A protected item of a Recovery Services vault, or an instance of a Backup vault.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protected {
    friendly_name: Option<String>,
    workload_type: Option<String>,
    source_resource_id: Option<String>,
    policy_id: Option<String>,
    protection_state: Option<String>,
    current_protection_state: Option<String>,
    last_backup_status: Option<String>,
    last_backup_time: Option<String>,
    data_source_info: Option<Source>,
    policy_info: Option<PolicyInfo>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(rename = "resourceID")]
    resource_id: Option<String>,
    datasource_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyInfo {
    policy_id: Option<String>,
}

pub(super) fn collect(api: &Arm<'_>, subscriptions: &[Subscription], locks: &Locks) -> Result<()> {
    exhibit_sdk::all([
        of_service(api, subscriptions, locks, &RECOVERY, "Recovery Services vaults"),
        of_service(api, subscriptions, locks, &PROTECTION, "Backup vaults"),
    ])
}

fn of_service(
    api: &Arm<'_>,
    subscriptions: &[Subscription],
    locks: &Locks,
    service: &Service,
    vaults: &str,
) -> Result<()> {
    let mut assets = api.open::<Resource>(&format!("{vaults} of all subscriptions"));
    let mut policies =
        api.open::<BackupPlan>(&format!("backup policies of all {vaults} of all subscriptions"));
    let mut items = api.open::<BackupPlan>(&format!("what all {vaults} of all subscriptions protect"));
    if !assets.is_wanted() && !policies.is_wanted() {
        return Ok(());
    }
    let ask = |of: &Subscription| api.list(&of.provided(service.kind), service.version);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        for page in api.take(&mut [&mut assets, &mut policies, &mut items], answer)? {
            let vaults = assets.items::<Listed<Vault>>(&page)?;
            for vault in &vaults {
                assets.emit(of_vault(vault, service, locks))?;
            }
            let count = vaults.len() as u64;
            items.filtered(count, "a vault, whose protected items are read")?;
            if policies.is_wanted() {
                of_vaults(api, &vaults, service, &mut policies, &mut items)?;
            }
        }
    }
    exhibit_sdk::all([assets.seal(), policies.seal(), items.seal()])
}

fn of_vaults(
    api: &Arm<'_>,
    vaults: &[Item<Listed<Vault>>],
    service: &Service,
    policies: &mut Wanted<BackupPlan>,
    items: &mut Wanted<BackupPlan>,
) -> Result<()> {
    let ask = |part: &'static str| {
        move |vault: &Item<Listed<Vault>>| api.list_of(&vault.id, service.kind, part, service.version)
    };
    for (vault, answer) in api.ctx.each(vaults, ask(service.policies)) {
        let mut is_any = false;
        for page in api.take(&mut [policies], answer)? {
            for policy in policies.items::<Listed<Policy>>(&page)? {
                is_any = true;
                policies.emit(of_policy(vault, &policy, service))?;
            }
        }
        // A record of a policy cites its vault too.
        policies.filtered(u64::from(!is_any), "a vault without backup policies")?;
    }
    for (vault, answer) in api.ctx.each(vaults, ask(service.protected)) {
        for page in api.take(&mut [items], answer)? {
            for item in items.items::<Listed<Protected>>(&page)? {
                items.emit(of_item(vault, &item, service))?;
            }
        }
    }
    Ok(())
}

impl Vault {
    /// `Locked` cannot be undone, `Unlocked` can; `Disabled` is off.
    fn immutability(&self) -> Option<&str> {
        self.security_settings.as_ref()?.immutability_settings.as_ref()?.state.as_deref()
    }
}

fn of_vault(vault: &Item<Listed<Vault>>, service: &Service, locks: &Locks) -> Record<Resource> {
    let properties = &vault.properties;
    let soft =
        properties.security_settings.as_ref().and_then(|security| security.soft_delete_settings.as_ref());
    let redundancy = properties.redundancy_settings.as_ref();
    let standard = redundancy.and_then(|redundancy| redundancy.standard_tier_storage_redundancy.clone());
    let stored = properties.storage_settings.first().and_then(|storage| storage.r#type.clone());
    let details = Details::new()
        .with_some("immutability", properties.immutability().map(str::to_owned))
        .with_some("soft_delete", soft.and_then(|soft| soft.state.clone()))
        .with_some("redundancy", standard.or(stored))
        .with_some(
            "cross_region_restore",
            redundancy.and_then(|redundancy| redundancy.cross_region_restore.clone()),
        )
        .with_some("public_network_access", properties.public_network_access.clone());
    let attributes = Resource { status: properties.provisioning_state.clone(), ..vault.asset(service.vault) };
    asset_record(vault, attributes, details, locks)
}

impl Duration {
    fn days(&self) -> Option<u64> {
        match self.duration_type.as_deref() {
            Some("Days") => self.count,
            Some("Weeks") => self.count.map(|weeks| weeks.saturating_mul(7)),
            _ => None,
        }
    }
}

impl Policy {
    /// Days that a daily backup is kept; months and years are not counted in days.
    fn days(&self) -> Option<u64> {
        let of_retention = self.retention_policy.as_ref().and_then(|retention| {
            let daily = retention.daily_schedule.as_ref().and_then(|daily| daily.retention_duration.as_ref());
            daily.or(retention.retention_duration.as_ref())?.days()
        });
        let by_default = || {
            let rule = self.policy_rules.iter().find(|rule| rule.is_default == Some(true))?;
            let duration = rule.lifecycles.first()?.delete_after.as_ref()?.duration.as_deref()?;
            duration.strip_prefix('P')?.strip_suffix('D')?.parse().ok()
        };
        of_retention.or_else(by_default)
    }

    /// `Daily 02:00`, or the intervals of a Backup vault's rules (ISO 8601).
    fn schedule(&self) -> Option<String> {
        let of_recovery = self.schedule_policy.as_ref().and_then(|policy| {
            let frequency = policy.get("scheduleRunFrequency")?.as_str()?;
            let times = policy.get("scheduleRunTimes").and_then(Value::as_array);
            let times = times.into_iter().flatten().filter_map(Value::as_str);
            // An instant whose date says nothing: `2026-01-01T02:00:00Z`.
            let times: Vec<&str> = times.filter_map(|time| time.get(11..16)).collect();
            Some(format!("{frequency} {}", times.join(", ")).trim().to_owned())
        });
        let intervals = || {
            let schedules =
                self.policy_rules.iter().filter_map(|rule| rule.trigger.as_ref()?.schedule.as_ref());
            let all: Vec<&str> = schedules
                .flat_map(|schedule| &schedule.repeating_time_intervals)
                .map(String::as_str)
                .collect();
            (!all.is_empty()).then(|| all.join(", "))
        };
        of_recovery.or_else(intervals)
    }
}

fn of_policy(
    vault: &Item<Listed<Vault>>,
    policy: &Item<Listed<Policy>>,
    service: &Service,
) -> Record<BackupPlan> {
    let properties = &policy.properties;
    let (days, schedule) = (properties.days(), properties.schedule());
    let mut sources = properties.datasource_types.clone();
    sources.sort();
    let details = Details::new()
        .with("vault", vault.key())
        .with_some("management_type", properties.backup_management_type.clone())
        .with_some("datasource_types", (!sources.is_empty()).then_some(sources));
    let immutability = vault.properties.immutability();
    let attributes = BackupPlan {
        resource_type: Some(service.policy.to_owned()),
        region: vault.location.clone(),
        // Vaults are always encrypted: <https://learn.microsoft.com/en-us/azure/backup/backup-encryption>.
        encrypted: Some(true),
        immutable: immutability.map(|word| matches!(word, "Locked" | "Unlocked")),
        schedule: schedule.clone(),
        retention_days: days,
        details: Some(details),
        ..BackupPlan::new(&policy.name)
    };
    record(policy, "", attributes)
        .origin(vault.origin())
        .unknown_unless("retention_days", days.is_some())
        .unknown_unless("schedule", schedule.is_some())
        .unknown_unless("immutable", immutability.is_some())
}

fn of_item(
    vault: &Item<Listed<Vault>>,
    item: &Item<Listed<Protected>>,
    service: &Service,
) -> Record<BackupPlan> {
    let properties = &item.properties;
    let source = properties.data_source_info.as_ref();
    let covered =
        properties.source_resource_id.as_deref().or(source.and_then(|source| source.resource_id.as_deref()));
    let covered = covered.map(id::key);
    let word = properties.protection_state.clone().or_else(|| properties.current_protection_state.clone());
    let enabled = match word.as_deref() {
        Some("Protected" | "IRPending" | "ProtectionConfigured" | "ConfiguringProtection") => Some(true),
        Some("ProtectionStopped" | "ProtectionPaused" | "NotProtected" | "BackupsSuspended") => Some(false),
        _ => None,
    };
    let of_instance = properties.policy_info.as_ref().and_then(|info| info.policy_id.as_deref());
    let policy = properties.policy_id.as_deref().or(of_instance).map(id::key);
    let kind =
        properties.workload_type.clone().or_else(|| source.and_then(|source| source.datasource_type.clone()));
    let day = instant(properties.last_backup_time.as_ref()).map(|at| at.date().to_string());
    let details = Details::new()
        .with("vault", vault.key())
        .with_some("policy", policy)
        .with_some("workload", kind)
        .with_some("state", word)
        .with_some("last_backup_status", properties.last_backup_status.clone())
        .with_some("last_backup_on", day);
    let attributes = BackupPlan {
        resource_type: Some(service.item.to_owned()),
        region: vault.location.clone(),
        enabled,
        covers: covered.clone().map(|id| vec![id]),
        details: Some(details),
        ..BackupPlan::new(properties.friendly_name.as_ref().unwrap_or(&item.name))
    };
    let key = id::key(&item.id);
    item.record(&key, attributes)
        .subject(subject::asset(covered.as_ref().unwrap_or(&key)))
        .unknown_unless("enabled", enabled.is_some())
        .unknown_unless("covers", covered.is_some())
        // The policy says it.
        .unknown("retention_days")
}

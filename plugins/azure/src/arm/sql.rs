//! Azure SQL: servers, their databases, transparent data encryption, auditing, and what the servers' firewalls let in.
//!
//! <https://learn.microsoft.com/en-us/rest/api/sql/>. The database `master` is Azure's own: it is left out.

use super::api::Arm;
use super::diagnostics::Targets;
use super::id;
use super::locks::Locks;
use super::resource::{Listed, asset_record, or_default, record};
use super::subscriptions::Subscription;
use exhibit_sdk::kinds::{
    Direction, Encryption, EncryptionScope, KeyManagement, Logging, NetworkRule, RuleAction,
};
use exhibit_sdk::prelude::*;

const VERSION: &str = "2021-11-01";
const SERVERS: &str = "Microsoft.Sql/servers";
const DATABASES: &str = "Microsoft.Sql/servers/databases";
const SERVER: &str = "azure:sql:server";
const DATABASE: &str = "azure:sql:database";
/// A list longer than this does not fit a record.
const MOST: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    state: Option<String>,
    version: Option<String>,
    public_network_access: Option<String>,
    minimal_tls_version: Option<String>,
    administrators: Option<Administrators>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Administrators {
    #[serde(rename = "azureADOnlyAuthentication")]
    entra_only: Option<bool>,
    sid: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Database {
    status: Option<String>,
    creation_date: Option<String>,
    zone_redundant: Option<bool>,
    current_backup_storage_redundancy: Option<String>,
}

/// <https://learn.microsoft.com/en-us/rest/api/sql/transparent-data-encryptions/get>
#[derive(Debug, Deserialize)]
struct Transparent {
    properties: State,
}

#[derive(Debug, Deserialize)]
struct State {
    state: Option<String>,
    /// The word of versions before 2021.
    status: Option<String>,
}

/// <https://learn.microsoft.com/en-us/rest/api/sql/encryption-protectors/get>
#[derive(Debug, Deserialize)]
struct Protector {
    properties: Protected,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protected {
    server_key_type: Option<String>,
    uri: Option<String>,
    auto_rotation_enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct FirewallRule {
    id: String,
    name: String,
    properties: Range,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Range {
    start_ip_address: Option<String>,
    end_ip_address: Option<String>,
}

impl Range {
    fn peer(&self) -> Option<String> {
        Some(format!("{}-{}", self.start_ip_address.as_ref()?, self.end_ip_address.as_ref()?))
    }

    fn is_everyone(&self) -> bool {
        self.peer().as_deref() == Some("0.0.0.0-255.255.255.255")
    }
}

/// <https://learn.microsoft.com/en-us/rest/api/sql/server-blob-auditing-policies/get>
#[derive(Debug, Deserialize)]
struct Auditing {
    properties: Policy,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    state: Option<String>,
    storage_endpoint: Option<String>,
    retention_days: Option<u64>,
    is_azure_monitor_target_enabled: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    audit_actions_and_groups: Vec<String>,
}

/// The populations that servers feed.
struct Populations<'a> {
    assets: Wanted<Resource>,
    encryption: Wanted<Encryption>,
    auditing: Wanted<Logging>,
    rules: Wanted<NetworkRule>,
    targets: &'a mut Targets,
}

pub(super) fn collect(
    api: &Arm<'_>,
    subscriptions: &[Subscription],
    locks: &Locks,
    targets: &mut Targets,
) -> Result<()> {
    let mut to = Populations {
        assets: api.open("SQL servers and databases of all subscriptions"),
        encryption: api
            .open("encryption of all SQL databases, and of the way to all SQL servers, of all subscriptions"),
        auditing: api.open("auditing of all SQL servers and databases of all subscriptions"),
        rules: api.open("firewall rules of all SQL servers of all subscriptions"),
        targets,
    };
    let is_any = to.assets.is_wanted() || to.encryption.is_wanted() || to.auditing.is_wanted();
    if !is_any && !to.rules.is_wanted() {
        return Ok(());
    }
    let ask = |of: &Subscription| api.list(&of.provided(SERVERS), VERSION);
    for (_, answer) in api.ctx.each(subscriptions, ask) {
        let feeds: &mut [&mut dyn Feed] =
            &mut [&mut to.assets, &mut to.encryption, &mut to.auditing, &mut to.rules];
        for page in api.take(feeds, answer)? {
            for server in to.assets.items::<Listed<Server>>(&page)? {
                of_server(api, &mut to, &server, locks)?;
            }
        }
    }
    let Populations { assets, encryption, auditing, rules, .. } = to;
    exhibit_sdk::all([assets.seal(), encryption.seal(), auditing.seal(), rules.seal()])
}

fn of_server(
    api: &Arm<'_>,
    to: &mut Populations<'_>,
    server: &Item<Listed<Server>>,
    locks: &Locks,
) -> Result<()> {
    to.encryption.emit(in_transit(server))?;
    let open = firewall(api, to, server)?;
    to.assets.emit(of_server_asset(server, open, locks))?;
    if to.auditing.is_wanted() {
        let ask = |server: &&Item<Listed<Server>>| {
            api.get_of(&server.id, SERVERS, "/auditingSettings/default", VERSION)
        };
        for (_, answer) in api.ctx.each(&[server], ask) {
            if let Some(page) = api.take(&mut [&mut to.auditing], answer)?.first() {
                to.auditing.emit(auditing(server, page, SERVER)?)?;
            }
        }
    }
    databases(api, to, server, locks)
}

fn of_server_asset(server: &Item<Listed<Server>>, open: Option<bool>, locks: &Locks) -> Record<Resource> {
    let properties = &server.properties;
    let reach = properties.public_network_access.as_deref();
    let publicly_accessible = match (reach, open) {
        (Some("Disabled" | "SecuredByPerimeter"), _) | (_, Some(false)) => Some(false),
        (Some("Enabled"), Some(true)) => Some(true),
        _ => None,
    };
    let administrators = properties.administrators.as_ref();
    let details = Details::new()
        .with_some("public_network_access", reach.map(str::to_owned))
        .with_some("entra_only", administrators.and_then(|administrators| administrators.entra_only))
        .with_some(
            "entra_administrator",
            administrators.and_then(|administrators| administrators.sid.clone()),
        );
    let attributes = Resource {
        status: properties.state.clone(),
        engine: Some("Azure SQL".to_owned()),
        engine_version: properties.version.clone(),
        publicly_accessible,
        ..server.asset(SERVER)
    };
    asset_record(server, attributes, details, locks)
        .unknown_unless("publicly_accessible", publicly_accessible.is_some())
}

/// TLS is demanded of everyone; the lowest version is a setting:
/// <https://learn.microsoft.com/en-us/azure/azure-sql/database/connectivity-settings#minimum-tls-version>.
fn in_transit(server: &Item<Listed<Server>>) -> Record<Encryption> {
    let version = server.properties.minimal_tls_version.clone();
    let attributes = Encryption {
        resource_name: Some(server.name.clone()),
        region: server.location.clone(),
        enabled: Some(true),
        min_tls_version: version.clone().filter(|version| version != "None"),
        ..Encryption::new(server.key(), SERVER, EncryptionScope::InTransit)
    };
    record(server, "/in_transit", attributes).unknown_unless("min_tls_version", version.is_some())
}

/// Emits the rules of a server's firewall. Whether they let in everyone; nothing where they may not be read.
fn firewall(api: &Arm<'_>, to: &mut Populations<'_>, server: &Item<Listed<Server>>) -> Result<Option<bool>> {
    let ask = |server: &&Item<Listed<Server>>| api.list_of(&server.id, SERVERS, "/firewallRules", VERSION);
    let mut open = None;
    for (_, answer) in api.ctx.each(&[server], ask) {
        let pages = api.take(&mut [&mut to.rules], answer)?;
        open = (!pages.is_empty()).then_some(false);
        for page in &pages {
            for rule in to.rules.items::<FirewallRule>(page)? {
                if rule.properties.is_everyone() {
                    open = Some(true);
                }
                to.rules.emit(of_rule(server, &rule))?;
            }
        }
    }
    to.rules.filtered(1, "a SQL server, whose firewall rules are read")?;
    Ok(open)
}

/// `0.0.0.0` to `0.0.0.0` is whatever runs in Azure, whosever it is:
/// <https://learn.microsoft.com/en-us/azure/azure-sql/database/firewall-configure>.
fn of_rule(server: &Item<Listed<Server>>, rule: &Item<FirewallRule>) -> Record<NetworkRule> {
    let range = &rule.properties;
    let is_azure = range.peer().as_deref() == Some("0.0.0.0-0.0.0.0");
    let attributes = NetworkRule {
        resource_type: Some(SERVER.to_owned()),
        resource_name: Some(format!("{}/{}", server.name, rule.name)),
        region: server.location.clone(),
        enabled: Some(true),
        protocol: Some("tcp".to_owned()),
        port_from: Some(1433),
        port_to: Some(1433),
        peers: range.peer().map(|peer| vec![peer]),
        open_to_internet: Some(range.is_everyone()),
        in_use: Some(true),
        details: Details::new().with("all_of_azure", is_azure).some(),
        ..NetworkRule::new(server.key(), Direction::Ingress, RuleAction::Allow)
    };
    rule.record(id::key(&rule.id), attributes)
        .subject(subject::asset(&server.key()))
        .unknown_unless("peers", range.peer().is_some())
}

fn databases(
    api: &Arm<'_>,
    to: &mut Populations<'_>,
    server: &Item<Listed<Server>>,
    locks: &Locks,
) -> Result<()> {
    if !to.assets.is_wanted() && !to.encryption.is_wanted() && !to.auditing.is_wanted() {
        return Ok(());
    }
    let ask = |server: &&Item<Listed<Server>>| api.list_of(&server.id, SERVERS, "/databases", VERSION);
    let mut answers = api.ctx.each(std::slice::from_ref(&server), ask);
    let Some((_, answer)) = answers.next() else { return Ok(()) };
    let feeds: &mut [&mut dyn Feed] =
        &mut [&mut to.assets, &mut to.encryption, &mut to.auditing, &mut *to.targets];
    for page in api.take(feeds, answer)? {
        let all = to.assets.items::<Listed<Database>>(&page)?;
        let (own, master): (Vec<_>, Vec<_>) = all.into_iter().partition(|found| found.name != "master");
        let reason = "the database master, which is Azure's own";
        let count = master.len() as u64;
        exhibit_sdk::all([
            to.assets.filtered(count, reason),
            to.encryption.filtered(count, reason),
            to.auditing.filtered(count, reason),
            to.targets.filtered(count, reason),
        ])?;
        for database in &own {
            to.assets.emit(of_database(server, database, locks))?;
            to.targets.add(database, "", id::path(&database.id, DATABASES), DATABASE);
        }
        if to.encryption.is_wanted() && !own.is_empty() {
            transparent(api, to, server, &own)?;
        }
        if to.auditing.is_wanted() {
            let ask = |database: &Item<Listed<Database>>| {
                api.get_of(&database.id, DATABASES, "/auditingSettings/default", VERSION)
            };
            for (database, answer) in api.ctx.each(&own, ask) {
                if let Some(page) = api.take(&mut [&mut to.auditing], answer)?.first() {
                    to.auditing.emit(auditing(database, page, DATABASE)?)?;
                }
            }
        }
    }
    Ok(())
}

fn of_database(
    server: &Item<Listed<Server>>,
    database: &Item<Listed<Database>>,
    locks: &Locks,
) -> Record<Resource> {
    let properties = &database.properties;
    let details = Details::new()
        .with("server", server.key())
        .with_some("sku", database.sku.as_ref().and_then(|sku| sku.name.clone()))
        .with_some("zone_redundant", properties.zone_redundant)
        .with_some("backup_redundancy", properties.current_backup_storage_redundancy.clone());
    let attributes = Resource {
        status: properties.status.clone(),
        engine: Some("Azure SQL".to_owned()),
        created_at: instant(properties.creation_date.as_ref()),
        ..database.asset(DATABASE)
    };
    asset_record(database, attributes, details, locks)
}

/// Transparent data encryption of a server's databases, with the key that protects all of theirs.
fn transparent(
    api: &Arm<'_>,
    to: &mut Populations<'_>,
    server: &Item<Listed<Server>>,
    databases: &[Item<Listed<Database>>],
) -> Result<()> {
    let ask = api.get_of(&server.id, SERVERS, "/encryptionProtector/current", VERSION);
    let protector = api.known("whose key protects databases", ask.send());
    let read = |page: &Page| api.known("whose key protects databases", page.json::<Protector>());
    let protected = protector.as_ref().and_then(read).map(|protector| protector.properties);
    let ask = |database: &Item<Listed<Database>>| {
        api.get_of(&database.id, DATABASES, "/transparentDataEncryption/current", VERSION)
    };
    for (database, answer) in api.ctx.each(databases, ask) {
        let pages = api.take(&mut [&mut to.encryption], answer)?;
        let page = pages.first();
        let read = |page: &Page| api.known("transparent data encryption", page.json::<Transparent>());
        let state = page.and_then(read).and_then(|found| found.properties.state.or(found.properties.status));
        let enabled = match state.as_deref() {
            Some("Enabled") => Some(true),
            Some("Disabled") => Some(false),
            _ => None,
        };
        let mut record = at_rest(database, enabled, protected.as_ref());
        for page in page.into_iter().chain(&protector) {
            record = record.origin(&page.origin(""));
        }
        to.encryption.emit(record)?;
    }
    Ok(())
}

fn at_rest(
    database: &Item<Listed<Database>>,
    enabled: Option<bool>,
    protected: Option<&Protected>,
) -> Record<Encryption> {
    let management = match protected.and_then(|protected| protected.server_key_type.as_deref()) {
        Some("ServiceManaged") => Some(KeyManagement::Provider),
        Some("AzureKeyVault") => Some(KeyManagement::Customer),
        _ => None,
    };
    // The server's key protects nothing of a database that is not encrypted.
    let is_off = enabled == Some(false);
    let (management, protected) = if is_off { (None, None) } else { (management, protected) };
    let attributes = Encryption {
        resource_name: Some(database.name.clone()),
        region: database.location.clone(),
        enabled,
        key_management: management,
        key_id: protected.and_then(|protected| protected.uri.clone()).filter(|uri| !uri.is_empty()),
        rotation_enabled: protected.and_then(|protected| protected.auto_rotation_enabled),
        ..Encryption::new(database.key(), DATABASE, EncryptionScope::AtRest)
    };
    record(database, "/at_rest", attributes)
        .unknown_unless("enabled", enabled.is_some())
        .unknown_unless("key_management", management.is_some() || is_off)
}

fn auditing<P>(of: &Item<Listed<P>>, page: &Page, kind: &str) -> Result<Record<Logging>> {
    let policy = page.json::<Auditing>()?.properties;
    let enabled = match policy.state.as_deref() {
        Some("Enabled") => Some(true),
        Some("Disabled") => Some(false),
        _ => None,
    };
    let to_monitor = policy.is_azure_monitor_target_enabled == Some(true);
    let storage = policy.storage_endpoint.filter(|endpoint| !endpoint.is_empty());
    let days = policy.retention_days.filter(|_| storage.is_some());
    let mut events = policy.audit_actions_and_groups;
    events.sort();
    events.truncate(MOST);
    let attributes = Logging {
        resource_name: Some(of.name.clone()),
        region: of.location.clone(),
        enabled,
        retention_days: days,
        destination: storage.or_else(|| to_monitor.then(|| "Azure Monitor".to_owned())),
        events: Some(events),
        details: Details::new().with("azure_monitor", to_monitor).some(),
        ..Logging::new(of.key(), kind, "audit")
    };
    let record = record(of, "/auditingsettings", attributes).origin(&page.origin(""));
    // What Azure Monitor keeps is a matter of the place that it goes to.
    let is_silent = enabled == Some(true) && days.is_none();
    Ok(record.unknown_unless("enabled", enabled.is_some()).unknown_unless("retention_days", !is_silent))
}

//! The records of all connectors' fixtures together: the same person, or asset, has one subject key in every system and
//! in every kind of evidence. How it is derived is in `plugins/SPEC.md`.

use exhibit_tests::tools::repository;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The records of each connector: its folder, and what comes of its fixtures.
fn systems() -> BTreeMap<String, Vec<Value>> {
    let mut systems: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for plugin in std::fs::read_dir(repository().join("plugins")).unwrap() {
        let fixtures = plugin.unwrap().path().join("fixtures");
        for file in std::fs::read_dir(&fixtures).into_iter().flatten() {
            let path = file.unwrap().path();
            if path.to_str().unwrap().ends_with(".records.jsonl") {
                let name = fixtures.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
                systems.entry(name).or_default().extend(records);
            }
        }
    }
    systems
}

fn text<'r>(record: &'r Value, pointer: &str) -> Option<&'r str> {
    record.pointer(pointer).and_then(Value::as_str)
}

/// Of whoever is an account in several systems, by the addresses that the fixtures' people have: who is where was read
/// from the fixtures by eye. Of Google Cloud there are no accounts of people, and of AWS what stands in the tag `email`.
#[test]
fn a_person_has_one_key_in_every_system() {
    let systems = systems();
    assert_eq!(systems.len(), 8, "{:?}", systems.keys());
    let mut keys: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut seen: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (system, records) in &systems {
        for record in records.iter().filter(|record| record["kind"] == "identity.account@1") {
            let address = text(record, "/attributes/email").or_else(|| text(record, "/attributes/login"));
            let Some(address) = address.filter(|address| address.contains('@')) else { continue };
            // The login of a guest of Azure's is nobody's address, and a program is nobody.
            if address.contains("#EXT#") || record["attributes"]["type"] == "service" {
                continue;
            }
            let key = text(record, "/subject_key").unwrap_or_else(|| panic!("{system}: {record}"));
            keys.entry(address.to_lowercase()).or_default().insert(key);
            seen.entry(address.to_lowercase()).or_default().insert(system);
        }
    }
    for (address, keys) in &keys {
        assert_eq!(keys.iter().collect::<Vec<_>>(), [&format!("person:{address}")], "{address}");
    }
    let of = |address: &str| seen[address].iter().copied().collect::<Vec<_>>();
    assert_eq!(of("ada@example.com"), ["aws", "azure", "google-workspace", "jira", "okta", "pulumi"]);
    assert_eq!(of("bo@example.com"), ["aws", "github", "google-workspace", "jira", "okta", "pulumi"]);
}

/// What else a system says of somebody who has an account there: in which group, with which role, which application,
/// which key.
#[test]
fn what_is_said_of_an_account_has_the_key_of_the_account() {
    let mut compared: BTreeMap<&str, usize> = BTreeMap::new();
    let systems = systems();
    for (system, records) in &systems {
        let accounts: BTreeMap<&str, &str> = records
            .iter()
            .filter(|record| record["kind"] == "identity.account@1")
            .filter_map(|record| Some((text(record, "/native_id")?, text(record, "/subject_key")?)))
            .collect();
        for record in records {
            let kind = text(record, "/kind").unwrap();
            let (member, about) = match kind {
                "identity.group_membership@1" => ("member_id", "groups"),
                "identity.role_grant@1" => ("principal_id", "roles"),
                "identity.app_grant@1" => ("principal_id", "applications"),
                "identity.credential@1" => ("owner_id", "keys"),
                "identity.access_change@1" => ("target_id", "changes"),
                _ => continue,
            };
            let account = text(record, &format!("/attributes/{member}")).and_then(|id| accounts.get(id));
            // Not everything is about somebody; where it is, the key is the account's.
            if let (Some(account), Some(key)) = (account, text(record, "/subject_key")) {
                assert_eq!(key, *account, "{system}: {record}");
                *compared.entry(about).or_default() += 1;
            }
        }
    }
    for (about, least) in [("groups", 8), ("roles", 8), ("applications", 3), ("keys", 3), ("changes", 2)] {
        assert!(compared.get(about).is_some_and(|count| *count >= least), "{about}: {compared:?}");
    }
}

/// What is configured on an asset, found in it, or done to it, and the asset itself.
#[test]
fn an_asset_has_one_key_in_every_kind() {
    let mut compared: BTreeMap<&str, usize> = BTreeMap::new();
    let systems = systems();
    for (system, records) in &systems {
        let assets: BTreeMap<&str, &str> = records
            .iter()
            .filter(|record| record["kind"] == "asset.resource@1")
            .filter_map(|record| Some((text(record, "/native_id")?, text(record, "/subject_key")?)))
            .collect();
        for record in records.iter().filter(|record| record["kind"] != "asset.resource@1") {
            let asset = text(record, "/attributes/resource_id").and_then(|id| assets.get(id));
            if let (Some(asset), Some(key)) = (asset, text(record, "/subject_key")) {
                assert_eq!(key, *asset, "{system}: {record}");
                *compared.entry(system.as_str()).or_default() += 1;
            }
        }
        // A key that two assets share would mix them.
        let keys: BTreeSet<&str> = assets.values().copied().collect();
        assert_eq!(keys.len(), assets.len(), "{system}: {assets:?}");
    }
    for system in ["aws", "azure", "gcp"] {
        assert!(compared.get(system).is_some_and(|count| *count >= 8), "{system}: {compared:?}");
    }
}

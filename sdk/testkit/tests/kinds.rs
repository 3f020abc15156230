//! The SDK's structs against the host's schemas: the same attributes, the same types, the same words, the same
//! ones required. What is compared are two things written apart: Rust types, read through serde, and JSON files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use exhibit_evidence::kind::{KindSpec, builtin};
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::Origin;
use exhibit_intake::{Envelope, Intake, Item};
use exhibit_sdk::EvidenceKind;
use exhibit_sdk::kinds::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Reads JSON as one kind's struct and writes it again.
type RoundTrip = fn(Value) -> Result<Value, String>;

fn round_trip<K: Serialize + DeserializeOwned>(value: Value) -> Result<Value, String> {
    let read: K = serde_json::from_value(value).map_err(|e| e.to_string())?;
    serde_json::to_value(read).map_err(|e| e.to_string())
}

macro_rules! structs {
    ($($kind:ty),* $(,)?) => {
        BTreeMap::from([$((<$kind>::KIND, round_trip::<$kind> as RoundTrip)),*])
    };
}

fn structs() -> BTreeMap<&'static str, RoundTrip> {
    structs![
        Account,
        GroupMembership,
        RoleGrant,
        AuthPolicy,
        Credential,
        AppGrant,
        Worker,
        Endpoint,
        Resource,
        Encryption,
        NetworkRule,
        Logging,
        AlertRule,
        BackupPlan,
        RepoProtection,
        Stack,
        Finding,
        Vendor,
        Movement,
        AccessChange,
        ChangeRequest,
        Deploy,
        JobRun,
        Incident,
        Activity,
        ReviewDecision,
        Attestation,
        DocumentVersion,
    ]
}

fn each(mut check: impl FnMut(&KindSpec, RoundTrip)) {
    let structs = structs();
    let specs = builtin();
    let names: Vec<String> = specs.iter().map(|spec| spec.kind.to_string()).collect();
    assert_eq!(names, structs.keys().copied().collect::<Vec<_>>());
    for spec in &specs {
        check(spec, structs[spec.kind.to_string().as_str()]);
    }
}

/// A value that fits the schema, with every property there is; of words the one at `pick`.
fn sample(schema: &Value, pick: usize) -> Value {
    match schema["type"].as_str().unwrap() {
        "boolean" => json!(true),
        "integer" => schema["maximum"].clone(),
        "array" => json!([sample(&schema["items"], pick)]),
        "object" => match schema["properties"].as_object() {
            Some(properties) => properties.iter().map(|(name, s)| (name.clone(), sample(s, pick))).collect(),
            None => json!({"anything": ["at", 1, true]}),
        },
        _ => match (schema["enum"].as_array(), schema["format"].as_str()) {
            (Some(words), _) => words[pick % words.len()].clone(),
            (None, Some("date-time")) => json!("2026-03-04T10:00:00.000Z"),
            (None, Some("date")) => json!("2026-03-04"),
            _ => json!("text"),
        },
    }
}

/// Every object below the schema, with the place of a sample's object.
fn objects<'s>(schema: &'s Value, place: &str, found: &mut Vec<(String, &'s Value)>) {
    if let Some(properties) = schema["properties"].as_object() {
        found.push((place.to_owned(), schema));
        for (name, property) in properties {
            objects(property, &format!("{place}/{name}"), found);
        }
    }
    if schema["items"].is_object() {
        objects(&schema["items"], &format!("{place}/0"), found);
    }
}

/// The names that serde lists: "unknown field `x`, expected one of `a`, `b`".
fn expected(error: &str) -> BTreeSet<String> {
    let list = error.split_once("expected").unwrap_or_else(|| panic!("no list in: {error}")).1;
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_struct_holds_every_property_and_every_word() {
    each(|spec, round_trip| {
        for pick in 0..24 {
            let whole = sample(&spec.schema, pick);
            assert_eq!(round_trip(whole.clone()).unwrap_or_else(|e| panic!("{}: {e}", spec.kind)), whole);
        }
    });
}

#[test]
fn no_struct_has_a_field_or_a_word_of_its_own() {
    each(|spec, round_trip| {
        let mut found = Vec::new();
        objects(&spec.schema, "", &mut found);
        for (place, schema) in found {
            let properties = schema["properties"].as_object().unwrap();
            let mut odd = sample(&spec.schema, 0);
            odd.pointer_mut(&place).unwrap()["no_such_field"] = json!(1);
            let fields: BTreeSet<String> = properties.keys().cloned().collect();
            assert_eq!(expected(&round_trip(odd).unwrap_err()), fields, "{} at `{place}`", spec.kind);
            for (name, property) in properties.iter().filter(|(_, p)| p["enum"].is_array()) {
                let mut odd = sample(&spec.schema, 0);
                odd.pointer_mut(&place).unwrap()[name] = json!("no_such_word");
                let words: BTreeSet<String> = serde_json::from_value(property["enum"].clone()).unwrap();
                assert_eq!(
                    expected(&round_trip(odd).unwrap_err()),
                    words,
                    "{} at `{place}/{name}`",
                    spec.kind
                );
            }
        }
    });
}

#[test]
fn the_same_ones_are_required() {
    each(|spec, round_trip| {
        let mut found = Vec::new();
        objects(&spec.schema, "", &mut found);
        for (place, schema) in found {
            let required: BTreeSet<String> = serde_json::from_value(schema["required"].clone()).unwrap();
            assert!(!required.is_empty(), "{}: a record that may be empty says nothing", spec.kind);
            for name in schema["properties"].as_object().unwrap().keys() {
                let mut without = sample(&spec.schema, 0);
                without.pointer_mut(&place).unwrap().as_object_mut().unwrap().remove(name);
                let refused = round_trip(without.clone()).is_err();
                assert_eq!(refused, required.contains(name), "{} without `{place}/{name}`", spec.kind);
                assert!(refused || round_trip(without.clone()).unwrap() == without);
            }
        }
    });
}

#[test]
fn intake_takes_what_the_structs_write() {
    let intake = Intake::new(builtin()).unwrap();
    let envelope = Envelope {
        source: "test".parse::<SourceName>().unwrap(),
        tenant: "example.com".to_owned(),
        record_bytes: 1 << 20,
    };
    let origins = [Origin { exchange: "0.0.0".parse().unwrap(), pointer: "/0".to_owned() }];
    each(|spec, round_trip| {
        let attributes = round_trip(sample(&spec.schema, 0)).unwrap();
        let body = json!({ "attributes": attributes }).to_string();
        let occurred_at_ms = spec.shape.is_timed().then_some(1_772_618_400_000);
        let item = Item { key: "k", occurred_at_ms, body: body.as_bytes(), origins: &origins };
        let record = intake.accept(&envelope, &spec.kind, &item).unwrap_or_else(|r| panic!("{}", r.reason));
        let line: Value = serde_json::from_slice(&record.line).unwrap();
        assert_eq!(line["attributes"], attributes, "{}", spec.kind);
    });
}

#[test]
fn schemas_keep_to_the_house_s_rules() {
    fn walk(kind: &str, name: &str, schema: &Map<String, Value>) {
        let at = format!("{kind} `{name}`");
        assert!(schema.contains_key("description") || name == "items", "{at} says nothing of itself");
        match schema["type"].as_str().unwrap() {
            "string" => {
                let bounded = ["maxLength", "enum", "format"].iter().any(|k| schema.contains_key(*k));
                assert!(bounded, "{at} has no bound");
            }
            "array" => {
                assert!(schema.contains_key("maxItems"), "{at} has no bound");
                walk(kind, "items", schema["items"].as_object().unwrap());
            }
            "object" => {
                assert_eq!(schema["additionalProperties"], json!(name == "details"), "{at}");
                for (name, property) in
                    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
                {
                    let snake =
                        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                    assert!(snake, "{kind} `{name}` is not in snake case");
                    walk(kind, name, property.as_object().unwrap());
                }
            }
            _ => {}
        }
    }
    for spec in builtin() {
        walk(&spec.kind.to_string(), "", spec.schema.as_object().unwrap());
    }
}

//! What intake takes, in which bytes, and what it refuses, with which words.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot prepare itself has failed

use exhibit_evidence::kind::KindSpec;
use exhibit_evidence::record::{CanonicalRecord, Origin, Record, Rejection};
use exhibit_intake::{Envelope, Intake, Item};
use proptest::prelude::*;

fn kinds() -> Vec<KindSpec> {
    let schema = serde_json::json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 20},
            "status": {"type": "string", "enum": ["active", "suspended"]},
            "admin": {"type": "boolean"},
            "age_days": {"type": "integer", "minimum": 0},
            "created_at": {"type": "string", "format": "date-time"},
            "seen_on": {"type": "string", "format": "date"},
            "factors": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            "details": {"type": "object", "additionalProperties": true}
        },
        "required": ["status"]
    });
    ["state", "event"]
        .into_iter()
        .map(|shape| {
            serde_json::from_value(serde_json::json!({
                "kind": format!("test.{shape}@1"), "shape": shape, "title": "", "schema": schema
            }))
            .unwrap()
        })
        .collect()
}

fn origin() -> Vec<Origin> {
    vec![Origin { exchange: "0.0.0".parse().unwrap(), pointer: "/0".into() }]
}

fn take(kind: &str, key: &str, at: Option<u64>, body: &str) -> Result<CanonicalRecord, Box<Rejection>> {
    let intake = Intake::new(kinds()).unwrap();
    let envelope =
        Envelope { source: "s1".parse().unwrap(), tenant: "t.example.com".into(), record_bytes: 2000 };
    let origins = origin();
    let item = Item { key, occurred_at_ms: at, body: body.as_bytes(), origins: &origins };
    intake.accept(&envelope, &kind.parse().unwrap(), &item)
}

fn refusal(kind: &str, key: &str, at: Option<u64>, body: &str) -> (String, String) {
    let rejection = *take(kind, key, at, body).expect_err("must be refused");
    (rejection.code, rejection.reason)
}

#[test]
fn writes_the_line_that_a_record_writes() {
    let body = r#"{"unknown":["admin"],"subject_key":"person:ada@example.com",
        "attributes":{"status":"active","created_at":"2026-03-04T12:00:00+02:00","name":"Ada"}}"#;
    let taken = take("test.event@1", "u1", Some(1_772_618_400_000), body).unwrap();
    assert_eq!(
        std::str::from_utf8(&taken.line).unwrap(),
        concat!(
            r#"{"attributes":{"created_at":"2026-03-04T10:00:00.000Z","name":"Ada","status":"active"},"#,
            r#""kind":"test.event@1","native_id":"u1","occurred_at":"2026-03-04T10:00:00.000Z","#,
            r#""source":"s1","subject_key":"person:ada@example.com","tenant":"t.example.com","unknown":["admin"]}"#
        )
    );
    let record: Record = serde_json::from_slice(&taken.line).unwrap();
    assert_eq!(record.to_line().unwrap(), taken.line);
    assert_eq!(taken.key, record.key());
}

#[test]
fn refuses_with_code_and_place() {
    let ok = r#"{"attributes":{"status":"active"}}"#;
    let cases = [
        ("test.other@1", "k", None, ok, "kind", "not declared"),
        ("test.state@1", "", None, ok, "key", "0 bytes"),
        ("test.state@1", "a\u{7}b", None, ok, "key", "U+0007"),
        ("test.state@1", "k", Some(5), ok, "time", "no time of its own"),
        ("test.event@1", "k", None, ok, "time", "needs the time"),
        ("test.event@1", "k", Some(u64::MAX), ok, "time", "year 9999"),
        ("test.state@1", "k", None, "{", "json", "EOF"),
        ("test.state@1", "k", None, "[]", "json", "not a JSON object"),
        ("test.state@1", "k", None, r#"{"x":1}"#, "json", "`x` is not one of"),
        ("test.state@1", "k", None, r#"{"unknown":[]}"#, "json", "no `attributes`"),
        ("test.state@1", "k", None, r#"{"attributes":{"status":null}}"#, "json", "null"),
        (
            "test.state@1",
            "k",
            None,
            r#"{"attributes":{"status":"x"}}"#,
            "schema",
            "/status: `x` is not one of active, suspended",
        ),
        ("test.state@1", "k", None, r#"{"attributes":{}}"#, "schema", "/status: is required"),
        (
            "test.state@1",
            "k",
            None,
            r#"{"attributes":{"status":"active","nick":"a"}}"#,
            "schema",
            "/nick: the kind has no such",
        ),
        (
            "test.state@1",
            "k",
            None,
            r#"{"attributes":{"status":"active","admin":"yes"}}"#,
            "schema",
            "/admin: is a string",
        ),
        (
            "test.state@1",
            "k",
            None,
            r#"{"attributes":{"status":"active","age_days":-1}}"#,
            "schema",
            "/age_days: -1",
        ),
        (
            "test.state@1",
            "k",
            None,
            r#"{"attributes":{"status":"active","factors":["a","b","c","d"]}}"#,
            "schema",
            "4 items",
        ),
        (
            "test.state@1",
            "k",
            None,
            r#"{"attributes":{"status":"active","factors":[1]}}"#,
            "schema",
            "/factors/0",
        ),
        (
            "test.state@1",
            "k",
            None,
            r#"{"attributes":{"status":"active","seen_on":"2026-02-30"}}"#,
            "schema",
            "not a date",
        ),
        (
            "test.state@1",
            "k",
            None,
            r#"{"attributes":{"status":"active"},"unknown":["nope"]}"#,
            "unknown",
            "no such attribute",
        ),
        (
            "test.state@1",
            "k",
            None,
            r#"{"attributes":{"status":"active"},"unknown":["status"]}"#,
            "unknown",
            "and given",
        ),
    ];
    for (kind, key, at, body, code, words) in cases {
        let (got, reason) = refusal(kind, key, at, body);
        assert_eq!(got, code, "{body}: {reason}");
        assert!(reason.contains(words), "{body}: {reason}");
    }
    let long = format!(r#"{{"attributes":{{"status":"active","name":"{}"}}}}"#, "x".repeat(3000));
    assert_eq!(refusal("test.state@1", "k", None, &long).0, "too-large");
}

#[test]
fn a_record_without_an_origin_is_refused() {
    let intake = Intake::new(kinds()).unwrap();
    let envelope = Envelope { source: "s1".parse().unwrap(), tenant: "t".into(), record_bytes: 2000 };
    let body = br#"{"attributes":{"status":"active"}}"#;
    let item = Item { key: "k", occurred_at_ms: None, body, origins: &[] };
    let rejection = intake.accept(&envelope, &"test.state@1".parse().unwrap(), &item).unwrap_err();
    assert_eq!(rejection.code, "origins");
}

#[test]
fn a_schema_outside_the_subset_is_an_error() {
    let refused = [
        serde_json::json!({"type": "string"}),
        serde_json::json!({"type": "object", "oneOf": []}),
        serde_json::json!({"type": "object", "properties": {"a": {"type": "number"}}}),
        serde_json::json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}}),
        serde_json::json!({"type": "object", "required": ["a"]}),
    ];
    for schema in refused {
        assert!(exhibit_intake::schema::Schema::compile(&schema).is_err(), "{schema}");
    }
}

#[test]
fn every_builtin_kind_compiles() {
    Intake::new(exhibit_evidence::kind::builtin()).unwrap();
}

proptest! {
    /// Whatever order a guest writes its members in, and whatever is in its strings, the line is the
    /// canonical form that an independent canonicaliser gives.
    #[test]
    fn lines_are_rfc_8785(name in "\\PC{0,20}", key in "[a-zA-Z0-9:/._-]{1,40}", extra in "\\PC{0,30}", n in -1000i64..1000) {
        let body = serde_json::json!({"attributes": {
            "status": "active", "name": name, "details": {"z": n, "a": {"text": extra}}
        }});
        let taken = take("test.state@1", &key, None, &body.to_string()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&taken.line).unwrap();
        prop_assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), taken.line);
    }
}

//! One normalised piece of evidence, and where it came from.

use crate::canonical::Value;
use crate::digest::Digest;
use crate::exchange::ExchangeId;
use crate::kind::Kind;
use crate::name::SourceName;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A record, as its canonical line holds it. No time of observation: that is the run's, or no two days
/// would ever share a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What it is about, typed by the kind's schema. An object.
    pub attributes: Value,
    /// Its kind.
    pub kind: Kind,
    /// The source's own identifier, unique within source and kind.
    pub native_id: String,
    /// When it happened, for events and acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// The source it came through.
    pub source: SourceName,
    /// The same person or asset across systems, `person:ada@example.com` for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_key: Option<String>,
    /// The tenant of the source's system, as the system itself names it.
    pub tenant: String,
    /// Attributes that the source did not report, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

impl Record {
    /// The canonical line, without its newline.
    pub fn to_line(&self) -> Result<Vec<u8>, crate::canonical::CanonicalError> {
        crate::canonical::to_bytes(self)
    }

    /// Its place in its dataset.
    pub fn key(&self) -> RecordKey {
        RecordKey::new(&self.native_id, self.occurred_at)
    }
}

/// A record's place in its dataset: the native id, preceded for events and acts by the instant, so that
/// key order is time order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(pub String);

impl RecordKey {
    /// The key of a record with this id and instant: `id`, or `0001772618400000/id`.
    pub fn new(native_id: &str, occurred_at: Option<Timestamp>) -> Self {
        match occurred_at {
            Some(at) => Self(format!("{:016}/{native_id}", at.as_ms())),
            None => Self(native_id.to_owned()),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where in which exchange a record's facts stood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The exchange.
    pub exchange: ExchangeId,
    /// JSON pointer (RFC 6901), or slash path of an XML element, into the body that the guest saw.
    pub pointer: String,
}

/// A record as intake hands it on: checked, in canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalRecord {
    /// Its kind.
    pub kind: Kind,
    /// Its place in the dataset.
    pub key: RecordKey,
    /// The canonical line without its newline.
    pub line: Vec<u8>,
    /// Where its facts stood. Outside the line: pages change daily and records must not change with them.
    pub origins: Vec<Origin>,
}

impl CanonicalRecord {
    /// The digest that an auditor recomputes from the exported line with `sha256sum`.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.line)
    }
}

/// An item that intake refused. Kept with the run, so that nothing that a source returned vanishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// The kind it was emitted as, as the guest wrote it.
    pub kind: String,
    /// The key it was emitted under, cut to 256 characters.
    pub key: String,
    /// Which rule it broke, `schema` for example.
    pub code: String,
    /// What was wrong, where.
    pub reason: String,
    /// Where it came from.
    pub origins: Vec<Origin>,
    /// Digest of the body as emitted.
    pub body: Digest,
    /// The body's first bytes, up to 4 KiB, as text.
    pub excerpt: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_canonical_and_reads_back() {
        let record = Record {
            attributes: Value::parse(br#"{"status":"active","admin":false}"#).unwrap(),
            kind: "identity.account@1".parse().unwrap(),
            native_id: "00u1".into(),
            occurred_at: None,
            source: "okta-prod".parse().unwrap(),
            subject_key: Some("person:ada@example.com".into()),
            tenant: "example.okta.com".into(),
            unknown: vec!["mfa_status".into()],
        };
        let line = record.to_line().unwrap();
        assert_eq!(
            String::from_utf8(line.clone()).unwrap(),
            r#"{"attributes":{"admin":false,"status":"active"},"kind":"identity.account@1","native_id":"00u1","source":"okta-prod","subject_key":"person:ada@example.com","tenant":"example.okta.com","unknown":["mfa_status"]}"#
        );
        assert_eq!(serde_json::from_slice::<Record>(&line).unwrap(), record);
    }

    #[test]
    fn timed_keys_sort_by_time() {
        let early = RecordKey::new("z", Some(Timestamp::from_ms(5)));
        let late = RecordKey::new("a", Some(Timestamp::from_ms(40)));
        assert!(early < late);
    }
}

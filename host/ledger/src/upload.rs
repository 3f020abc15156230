//! Manual evidence: what a person says of a file that they attach to a control's collection period. It stands in the
//! leaf, whose subject is the file; the file is kept beside the log.

use crate::statement::{LeafKind, Statement};
use exhibit_evidence::canonical::{CanonicalError, Value};
use exhibit_evidence::control::ControlId;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::period::CollectionPeriod;
use exhibit_evidence::time::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What a person says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// The control that it proves.
    pub control: ControlId,
    /// The collection period that it fills.
    pub period: CollectionPeriod,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// The day that the document is of: minutes of the meeting that was held on it, a policy that is in force from it.
    #[serde(with = "day")]
    pub effective: Date,
    /// The last day on which it holds; none: it does not lapse.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "some_day")]
    pub expires: Option<Date>,
    /// The document's own revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Who says that it is what it claims to be.
    pub attested_by: String,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was attached, whatever day it is of.
    pub uploaded_at: Timestamp,
    /// Who attached it, as the service or the command knows them.
    pub uploaded_by: String,
}

impl Upload {
    /// The statement for the log, about a file of this name and content.
    ///
    /// # Errors
    /// [`CanonicalError`], for a text that has no canonical form.
    pub fn statement(&self, file: &str, digest: Digest) -> Result<Statement, CanonicalError> {
        Ok(Statement::new(LeafKind::Upload, file, digest, Value::of(self)?))
    }

    /// What a statement says; none: it is not about an upload, or is of a form that this version does not know.
    pub fn of(statement: &Statement) -> Option<Self> {
        if statement.kind != LeafKind::Upload {
            return None;
        }
        serde_json::from_slice(&statement.predicate.to_bytes()).ok()
    }
}

mod day {
    use jiff::civil::Date;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(date: &Date, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(date)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

mod some_day {
    use jiff::civil::Date;
    use serde::{Deserializer, Serializer};

    #[allow(clippy::ref_option)] // serde hands the field as it is
    pub(super) fn serialize<S: Serializer>(date: &Option<Date>, to: S) -> Result<S::Ok, S::Error> {
        match date {
            Some(date) => super::day::serialize(date, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Date>, D::Error> {
        super::day::deserialize(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    #[test]
    fn a_leaf_tells_what_was_said() {
        let upload = Upload {
            control: "AC-07".parse().unwrap(),
            period: "2026-Q1".parse().unwrap(),
            bytes: 3,
            effective: "2026-03-30".parse().unwrap(),
            expires: None,
            revision: Some("2".into()),
            attested_by: "Ada Lovelace, head of IT".into(),
            note: None,
            uploaded_at: "2026-04-02T10:00:00Z".parse().unwrap(),
            uploaded_by: "ingest:ada".into(),
        };
        let key = SigningKey::from_seed("example.com/exhibit", &[7; 32]).unwrap();
        let statement = upload.statement("minutes.pdf", Digest::of("abc")).unwrap();
        let read = Statement::from_leaf_unverified(&statement.to_leaf(&key).unwrap()).unwrap();
        assert_eq!(read.subject().unwrap().name, "minutes.pdf");
        assert_eq!(Upload::of(&read), Some(upload.clone()));
        assert_eq!(
            String::from_utf8(read.predicate.to_bytes()).unwrap(),
            r#"{"attested_by":"Ada Lovelace, head of IT","bytes":3,"control":"AC-07","effective":"2026-03-30","period":"2026-Q1","revision":"2","uploaded_at":"2026-04-02T10:00:00.000Z","uploaded_by":"ingest:ada"}"#
        );
        let other = Statement { kind: LeafKind::Host, ..read };
        assert_eq!(Upload::of(&other), None);
    }
}

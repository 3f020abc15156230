//! Criteria, controls and their identifiers. Reading them from files is `controls`' work.

use crate::kind::Kind;
use crate::name::SourceName;
use crate::period::Frequency;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One of the 61 AICPA Trust Services Criteria (TSP section 100, 2017 with the 2022 points of focus), by id.
///
/// The text of a criterion is AICPA's and is not here; `controls` carries short titles of our own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Criterion(&'static str);

impl Criterion {
    /// All 61, in the order of the standard: 33 common, 3 availability, 2 confidentiality, 5 processing
    /// integrity, 18 privacy.
    pub const IDS: [&'static str; 61] = [
        "CC1.1", "CC1.2", "CC1.3", "CC1.4", "CC1.5", "CC2.1", "CC2.2", "CC2.3", "CC3.1", "CC3.2", "CC3.3",
        "CC3.4", "CC4.1", "CC4.2", "CC5.1", "CC5.2", "CC5.3", "CC6.1", "CC6.2", "CC6.3", "CC6.4", "CC6.5",
        "CC6.6", "CC6.7", "CC6.8", "CC7.1", "CC7.2", "CC7.3", "CC7.4", "CC7.5", "CC8.1", "CC9.1", "CC9.2",
        "A1.1", "A1.2", "A1.3", "C1.1", "C1.2", "PI1.1", "PI1.2", "PI1.3", "PI1.4", "PI1.5", "P1.1", "P2.1",
        "P3.1", "P3.2", "P4.1", "P4.2", "P4.3", "P5.1", "P5.2", "P6.1", "P6.2", "P6.3", "P6.4", "P6.5",
        "P6.6", "P6.7", "P7.1", "P8.1",
    ];

    /// Its id.
    pub fn id(self) -> &'static str {
        self.0
    }
}

/// A text that is not a criterion's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of the 61 trust services criteria; ids look like CC6.1, A1.2, C1.1, PI1.3 or P6.5")]
pub struct ParseCriterionError(String);

impl FromStr for Criterion {
    type Err = ParseCriterionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::IDS
            .iter()
            .find(|id| **id == text)
            .map(|id| Self(id))
            .ok_or_else(|| ParseCriterionError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Serialize for Criterion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Criterion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A control's id as the organisation writes it: 1 to 32 of `A-Z a-z 0-9 . _ -`, `AC-03` for example.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ControlId(String);

impl ControlId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not a control's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a control id: use 1 to 32 letters, digits, `.`, `_` or `-`, beginning with a letter or digit (for example AC-03)"
)]
pub struct ParseControlIdError(String);

impl FromStr for ControlId {
    type Err = ParseControlIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseControlIdError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<'de> Deserialize<'de> for ControlId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What the organisation does, and which evidence proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Its id.
    pub id: ControlId,
    /// What is done, in one line.
    pub title: String,
    /// The criteria it serves, at least one.
    pub criteria: Vec<Criterion>,
    /// How often it operates.
    pub frequency: Frequency,
    /// Who answers for it: a role or a team.
    pub owner: String,
    /// The evidence that proves it.
    #[serde(default)]
    pub evidence: Vec<Proof>,
    /// What a person attaches for every period, in words: "signed minutes of the access review". Without any, there
    /// is evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<String>,
}

/// Which kind proves a control, and through which sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The kind of record.
    pub kind: Kind,
    /// The sources; none: every source whose connector declares the kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceName>,
}

impl Control {
    /// Whether records of `kind` from `source` prove this control.
    pub fn is_proven_by(&self, kind: &Kind, source: &SourceName) -> bool {
        self.evidence.iter().any(|p| p.kind == *kind && (p.sources.is_empty() || p.sources.contains(source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_one_criteria_once_each() {
        let unique: std::collections::BTreeSet<_> = Criterion::IDS.iter().collect();
        assert_eq!(unique.len(), 61);
        assert!("CC6.1".parse::<Criterion>().is_ok());
        assert!("CC6.9".parse::<Criterion>().is_err());
    }
}

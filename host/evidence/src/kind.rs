//! Kinds of evidence: what a record is about, and how its dataset behaves over time.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How a dataset behaves over time. It drives schedule, store and sampling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// What is: accounts, grants, settings. A complete population replaces the last one.
    State,
    /// What happened: sign-ins, merges, incidents. Has `occurred_at`; adds to what is held.
    Event,
    /// What people did: a review, an approval, a training. Has `occurred_at`; adds to what is held.
    Act,
}

impl Shape {
    /// Whether records carry `occurred_at` and fill the period in which they occurred.
    pub fn is_timed(self) -> bool {
        !matches!(self, Self::State)
    }
}

/// A kind of evidence with its major version, written `identity.account@1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    name: String,
    major: u32,
}

impl Kind {
    /// The dotted name without the version, `identity.account`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The major version.
    pub fn major(&self) -> u32 {
        self.major
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}@{}", self.name, self.major))
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A text that is not a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a kind: write a dotted lower-case name and a major version, for example identity.account@1"
)]
pub struct ParseKindError(String);

impl FromStr for Kind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseKindError(text.chars().take(80).collect());
        let (name, major) = text.split_once('@').ok_or_else(fail)?;
        let word = |w: &str| {
            w.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
                && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let major_fits = (1..=4).contains(&major.len())
            && major.bytes().all(|b| b.is_ascii_digit())
            && !major.starts_with('0');
        if name.len() > 64 || name.split('.').count() < 2 || !name.split('.').all(word) || !major_fits {
            return Err(fail());
        }
        Ok(Self { name: name.to_owned(), major: major.parse().map_err(|_| fail())? })
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A kind as the catalogue or a connector describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindSpec {
    /// The kind.
    pub kind: Kind,
    /// How its dataset behaves.
    pub shape: Shape,
    /// One line for people.
    pub title: String,
    /// JSON Schema (2020-12, the subset that intake documents) of a record's `attributes`.
    pub schema: serde_json::Value,
}

macro_rules! builtin {
    ($($name:literal),* $(,)?) => {
        /// Every built-in kind's file, as JSON text of a [`KindSpec`].
        const FILES: &[&str] = &[$(include_str!(concat!("../kinds/", $name, ".json"))),*];
    };
}
include!("kind_files.rs");

/// The built-in kinds, in the order of their names.
///
/// # Panics
/// Never: the files are part of this crate, and a test parses each of them.
pub fn builtin() -> Vec<KindSpec> {
    let mut kinds: Vec<KindSpec> = FILES.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
    kinds.sort_by(|a, b| a.kind.cmp(&b.kind));
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_kind() {
        for text in FILES {
            serde_json::from_str::<KindSpec>(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        }
        assert_eq!(builtin().len(), FILES.len());
    }

    #[test]
    fn accepts_and_refuses() {
        let kind: Kind = "identity.account@1".parse().unwrap();
        assert_eq!((kind.name(), kind.major()), ("identity.account", 1));
        for bad in
            ["identity.account", "account@1", "Identity.account@1", "a.b@0", "a.b@01", "a..b@1", "a.b@x"]
        {
            assert!(bad.parse::<Kind>().is_err(), "{bad}");
        }
    }
}

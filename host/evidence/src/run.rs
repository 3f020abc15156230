//! A run's manifest: what the host writes down of one execution of a source, and the guest cannot.
//!
//! The manifest is the IPE evidence (information produced by the entity: how a list was made, and why it
//! is complete and accurate) that auditors ask for. Its canonical bytes are the subject of the run's leaf
//! in the ledger.

use crate::canonical::Value;
use crate::control::ControlId;
use crate::digest::Digest;
use crate::kind::{Kind, Shape};
use crate::name::SourceName;
use crate::period::CollectionPeriod;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Version of the manifest's form.
pub const MANIFEST_FORMAT: u32 = 1;

/// A run's name: its start, and eight random hex digits, so that names sort by time:
/// `20260304T100000Z-1f3a9c02`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// The run that starts at `at`, told apart from others of that second by `random`.
    pub fn new(at: Timestamp, random: u32) -> Self {
        let text: String = at.to_string().chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect();
        Self(format!("{text}Z-{random:08x}"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that does not name a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` does not name a run: names look like 20260304T100000Z-1f3a9c02, and `exhibit status` lists them"
)]
pub struct ParseRunIdError(String);

impl FromStr for RunId {
    type Err = ParseRunIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = |(i, b): (usize, u8)| match i {
            8 => b == b'T',
            15 => b == b'Z',
            16 => b == b'-',
            17.. => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
            _ => b.is_ascii_digit(),
        };
        if text.len() == 25 && text.bytes().enumerate().all(shape) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseRunIdError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The component that ran, by what it is and not by what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectorIdentity {
    /// Name in its manifest, `okta` for example.
    pub name: String,
    /// Version in its manifest.
    pub version: String,
    /// Publisher in its manifest.
    pub publisher: String,
    /// Digest of the component's bytes: its identity.
    pub component: Digest,
    /// Contract version it was run through, `0.1`.
    pub contract: String,
}

/// What the guest is told of its run: its only clock among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// The run.
    pub run: RunId,
    /// Frozen present of the run.
    pub started_at: Timestamp,
    /// Events and acts are asked for this window. State is as of `started_at`.
    pub window: Span,
    /// The kinds asked for; none: all that the connector declares.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
}

/// Bounds that a guest runs under. They are replay inputs: another bound may be another outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes over all linear memories and tables.
    pub memory_bytes: u64,
    /// Milliseconds for the whole run, host calls included.
    pub deadline_ms: u64,
    /// Records over all populations.
    pub records: u64,
    /// Bytes of one emitted item.
    pub record_bytes: u64,
    /// Bytes over all emitted items and all requests.
    pub output_bytes: u64,
    /// Bytes of log, standard output and standard error together; more is cut, and said.
    pub log_bytes: u64,
    /// Requests over the whole run.
    pub requests: u64,
    /// Bytes of one response body, decoded.
    pub body_bytes: u64,
    /// Bytes of all response bodies, decoded, those of failed attempts included.
    pub received_bytes: u64,
    /// Pages of one list; more is an error.
    pub pages: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            deadline_ms: 30 * 60 * 1000,
            records: 5_000_000,
            record_bytes: 1 << 20,
            output_bytes: 4 << 30,
            log_bytes: 1 << 20,
            requests: 200_000,
            body_bytes: 32 << 20,
            received_bytes: 16 << 30,
            pages: 10_000,
        }
    }
}

/// How far a population or run can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "reason", deny_unknown_fields)]
pub enum Verdict {
    /// Everything that the source had.
    Complete,
    /// Some of it, and what is missing.
    Partial(String),
    /// Nothing that can be relied on, and why.
    Failed(String),
}

impl Verdict {
    /// The worse of the two; of two equally bad the first.
    pub fn worst(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    /// `complete`, `partial` or `failed`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial(_) => "partial",
            Self::Failed(_) => "failed",
        }
    }

    /// What is missing, or why it failed.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Complete => None,
            Self::Partial(reason) | Self::Failed(reason) => Some(reason),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Partial(_) => 1,
            Self::Failed(_) => 2,
        }
    }
}

/// Whose knowledge says that a population is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The host walked every page of every list that feeds it, and reconciled the items.
    HostPaged,
    /// At least one feeding list was a single request: the connector says there is no more.
    ConnectorAsserted,
}

/// One population as the run found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Population {
    /// Kind of its records.
    pub kind: Kind,
    /// What was asked, in words: "all users in every status".
    pub query: String,
    /// Lists that fed it.
    pub lists: u64,
    /// Pages over those lists.
    pub pages: u64,
    /// Items that the host counted in those lists.
    pub received: u64,
    /// Items of those lists that became at least one record.
    pub covered: u64,
    /// Items left out on purpose, by the connector's reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filtered: BTreeMap<String, u64>,
    /// Records accepted.
    pub emitted: u64,
    /// Records refused by intake.
    pub rejected: u64,
    /// Records emitted more than once with the same content, counted once.
    pub repeated: u64,
    /// The total that the source itself states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_total: Option<u64>,
    /// Whether the connector sealed it.
    pub sealed: bool,
    /// Whose knowledge says that it is complete.
    pub basis: Basis,
    /// Its verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// A dataset (one source's records of one kind) as it stands after the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Its kind.
    pub kind: Kind,
    /// Its shape.
    pub shape: Shape,
    /// State: the Merkle root over the whole snapshot's salted record leaves, in key order.
    /// Events and acts: over those that this run added.
    pub root: Digest,
    /// Records under that root.
    pub records: u64,
    /// Records that the run before did not have.
    pub added: u64,
    /// Records whose line differs from the run before.
    pub changed: u64,
    /// Records gone since the run before, where the population is complete.
    pub removed: u64,
    /// Records of the run before that this run, being incomplete, did not see.
    pub unobserved: u64,
    /// Events and acts observed again that were already held.
    pub already_held: u64,
    /// Retention bucket whose key salts the leaves, `2026-Q1`.
    pub bucket: String,
    /// Merkle root over the provenance lines, in key order.
    pub provenance: Digest,
}

/// A collection period of a control that a run fills.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fill {
    /// The control.
    pub control: ControlId,
    /// The period.
    pub period: CollectionPeriod,
    /// The kind that proves it here.
    pub kind: Kind,
}

/// What the exchanges of a run come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeFacts {
    /// Exchanges, refused ones included.
    pub count: u64,
    /// Of those, not answered, or answered with a status of 400 or above.
    pub failed: u64,
    /// Bytes of bodies shown to the guest.
    pub body_bytes: u64,
    /// Merkle root over the canonical exchange lines, in the order of their ids.
    pub root: Digest,
}

impl Default for Digest {
    /// The root of an empty tree: SHA-256 of nothing (RFC 6962 section 2.1).
    fn default() -> Self {
        Self::of([])
    }
}

/// How far the host's clock and the servers' `Date` headers were apart, in milliseconds, host minus server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skew {
    /// Smallest difference seen.
    pub min_ms: i64,
    /// Largest difference seen.
    pub max_ms: i64,
}

/// The run manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The run.
    pub run: RunId,
    /// Made under a simulated clock against made-up systems. Such a run proves nothing about anyone.
    pub simulated: bool,
    /// The source.
    pub source: SourceName,
    /// The component that ran.
    pub connector: ConnectorIdentity,
    /// Version of Exhibit.
    pub host_version: String,
    /// Version of intake's rules.
    pub intake_version: u32,
    /// Digest of the settings' canonical JSON.
    pub settings: Digest,
    /// The egress in force, one line a grant.
    pub grants: Vec<String>,
    /// Credential slots and their schemes; never values.
    pub credentials: BTreeMap<String, String>,
    /// The tenant as the system names it; none where the run failed before it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Window of events and acts.
    pub window: Span,
    /// Start of the run: state is as of this instant.
    pub started_at: Timestamp,
    /// End of the run.
    pub ended_at: Timestamp,
    /// Attempt at this collection, from 1.
    pub attempt: u32,
    /// Collection periods that it fills.
    pub fills: Vec<Fill>,
    /// Its populations, in the order they were opened.
    pub populations: Vec<Population>,
    /// Its datasets, in the order of their kinds.
    pub datasets: Vec<Dataset>,
    /// Its exchanges.
    pub exchanges: ExchangeFacts,
    /// Digest of the walks file (canonical lines, each with a newline): per list pages, stop, counts.
    pub walks: Digest,
    /// Refused records by code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected: BTreeMap<String, u64>,
    /// Digest of the rejections file (canonical lines, each with a newline).
    pub rejections: Digest,
    /// Clock skew, where any server sent its `Date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew: Option<Skew>,
    /// Digest of the log file (canonical lines, each with a newline), standard output and error included.
    pub log: Digest,
    /// Lines in the log file.
    pub log_lines: u64,
    /// Whether the log was cut at its bound.
    pub log_cut: bool,
    /// Digest of [`ReplayInputs`], canonical.
    pub replay: Digest,
    /// Why this run cannot be re-performed; none: it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_reperformable: Option<String>,
    /// The worst of its populations, or why it failed.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Everything that goes into a run beside the exchanges: with those, what re-performance needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayInputs {
    /// The source's name: it is in every record.
    pub source: SourceName,
    /// The settings, as the guest is given them.
    pub settings: Value,
    /// What the guest is told of its run.
    pub facts: RunFacts,
    /// Seed of the guest's random numbers.
    pub seed: Digest,
    /// Bounds in force.
    pub limits: Limits,
    /// The connector's state going in: key to value, both as text (values in base64).
    pub state: BTreeMap<String, String>,
    /// Redaction rules in force.
    pub redactions: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_sort_by_time_and_read_back() {
        let at: Timestamp = "2026-03-04T10:00:00Z".parse().unwrap();
        let id = RunId::new(at, 0x1f3a_9c02);
        assert_eq!(id.as_str(), "20260304T100000Z-1f3a9c02");
        assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
        assert!(id < RunId::new(at.plus_ms(1000), 0));
        assert!("../../etc/passwd".parse::<RunId>().is_err());
    }

    #[test]
    fn verdicts_worsen() {
        let partial = Verdict::Partial("403 on /factors".into());
        assert_eq!(Verdict::Complete.worst(partial.clone()), partial);
        assert_eq!(partial.clone().worst(Verdict::Complete), partial);
        let text = serde_json::to_string(&partial).unwrap();
        assert_eq!(text, r#"{"verdict":"partial","reason":"403 on /factors"}"#);
        assert_eq!(serde_json::to_string(&Verdict::Complete).unwrap(), r#"{"verdict":"complete"}"#);
    }
}

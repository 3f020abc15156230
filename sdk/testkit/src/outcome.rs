//! What a replayed run came to, and what a test may ask of it.

use exhibit_evidence::exchange::{Exchange, Walk};
use exhibit_evidence::record::{Record, Rejection};
use exhibit_evidence::run::{Population, Verdict};
use exhibit_sdk::{EvidenceKind, Failure, Level};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Set it to rewrite the snapshots that [`Outcome::assert_snapshot`] compares with.
pub const UPDATE: &str = "EXHIBIT_UPDATE_SNAPSHOTS";

/// One line of a run's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Its fields.
    pub fields: BTreeMap<String, String>,
}

/// What a replayed run came to.
#[derive(Debug)]
pub struct Outcome {
    /// The tenant that `check` returned.
    pub tenant: Option<String>,
    /// Why `check` or `collect` ended early.
    pub failure: Option<Failure>,
    /// Its populations with their verdicts, in the order they were opened.
    pub populations: Vec<Population>,
    /// Items that intake refused, and why.
    pub rejections: Vec<Rejection>,
    /// Its log.
    pub log: Vec<LogLine>,
    /// Lists as they were read.
    pub walks: Vec<Walk>,
    /// Exchanges as they were recorded, in the order of their ids.
    pub exchanges: Vec<Exchange>,
    /// The connector's state after the run.
    pub state: BTreeMap<String, serde_json::Value>,
    /// Fixtures that were never asked for.
    pub unused_fixtures: Vec<String>,
    pub(crate) lines: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) base: PathBuf,
}

#[allow(clippy::panic, reason = "assertions of tests")]
impl Outcome {
    /// The canonical lines of one kind, in the order of their keys.
    pub fn lines<K: EvidenceKind>(&self) -> Vec<&str> {
        self.of::<K>().map(|(_, line)| line.as_str()).collect()
    }

    /// The records of one kind, in the order of their keys.
    pub fn records<K: EvidenceKind>(&self) -> Vec<Record> {
        self.of::<K>().map(|(_, line)| read(line)).collect()
    }

    /// The record of this kind under this native id. Panics where there is none.
    #[track_caller]
    pub fn record<K: EvidenceKind>(&self, native_id: &str) -> Record {
        let records = self.records::<K>();
        let ids: Vec<String> = records.iter().map(|r| r.native_id.clone()).collect();
        let found = records.into_iter().find(|record| record.native_id == native_id);
        found.unwrap_or_else(|| panic!("no {} `{native_id}`; there are: {}", K::KIND, ids.join(", ")))
    }

    /// The attributes of the record of this kind under this native id. Panics where there is none.
    #[track_caller]
    pub fn attributes<K: EvidenceKind + DeserializeOwned>(&self, native_id: &str) -> K {
        let record = self.record::<K>(native_id);
        let value = serde_json::to_value(&record.attributes).unwrap_or_default();
        serde_json::from_value(value)
            .unwrap_or_else(|error| panic!("{} `{native_id}` is not what its struct says: {error}", K::KIND))
    }

    /// The only population of this kind. Panics where there are none or several.
    #[track_caller]
    pub fn population<K: EvidenceKind>(&self) -> &Population {
        let of_kind: Vec<_> = self.populations.iter().filter(|p| p.kind.to_string() == K::KIND).collect();
        match of_kind[..] {
            [population] => population,
            _ => panic!("{} populations of {} where one is expected:\n{self}", of_kind.len(), K::KIND),
        }
    }

    /// The population of this kind whose query is these words, or the only one that has them in it. Panics where there
    /// are none or several.
    #[track_caller]
    pub fn population_about(&self, kind: &str, words: &str) -> &Population {
        let of_kind = || self.populations.iter().filter(|p| p.kind.to_string() == kind);
        let found: Vec<_> = of_kind().filter(|p| p.query.contains(words)).collect();
        let exactly = of_kind().find(|p| p.query == words);
        match (exactly, found.as_slice()) {
            (Some(population), _) => population,
            (None, [population]) => population,
            _ => panic!("{} populations of {kind} about {words}:\n{self}", found.len()),
        }
    }

    /// Of the only population of this kind: received by the host's count, covered by records, left out with a reason,
    /// emitted.
    #[track_caller]
    pub fn counts<K: EvidenceKind>(&self) -> (u64, u64, u64, u64) {
        let p = self.population::<K>();
        (p.received, p.covered, p.filtered.values().sum(), p.emitted)
    }

    /// Why the only population of this kind is not complete; empty where it is.
    #[track_caller]
    pub fn reason<K: EvidenceKind>(&self) -> &str {
        self.population::<K>().verdict.reason().unwrap_or_default()
    }

    /// What the log says at this level, in order.
    pub fn said(&self, level: Level) -> Vec<&str> {
        self.log.iter().filter(|line| line.level == level).map(|line| line.message.as_str()).collect()
    }

    /// Panics unless the run did not fail, every population is complete, and nothing was refused.
    #[track_caller]
    pub fn assert_complete(&self) -> &Self {
        let complete = self.populations.iter().all(|p| p.verdict == Verdict::Complete);
        let whole = complete && !self.populations.is_empty();
        assert!(self.failure.is_none() && whole && self.rejections.is_empty(), "not complete:\n{self}");
        self
    }

    /// Panics unless the run failed with this code. Returns its message.
    #[track_caller]
    pub fn assert_failed(&self, code: &str) -> &str {
        match &self.failure {
            Some(failure) if failure.code() == code => failure.message(),
            _ => panic!("it should have failed with `{code}`:\n{self}"),
        }
    }

    /// Panics where a fixture was never asked for: it proves nothing.
    #[track_caller]
    pub fn assert_fixtures_used(&self) -> &Self {
        assert!(
            self.unused_fixtures.is_empty(),
            "fixtures that were never asked for:\n{}",
            self.unused_fixtures.join("\n")
        );
        self
    }

    /// Every record's canonical line, in the order of kinds and keys.
    pub fn snapshot(&self) -> String {
        self.lines.values().flat_map(BTreeMap::values).map(|line| format!("{line}\n")).collect()
    }

    /// Compares all records with a file beside `Cargo.toml`, line by line. With `EXHIBIT_UPDATE_SNAPSHOTS=1` it
    /// writes the file instead; look at what changed before you keep it.
    #[track_caller]
    pub fn assert_snapshot(&self, path: impl AsRef<Path>) -> &Self {
        let path = self.base.join(path);
        let found = self.snapshot();
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&path, found).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            return self;
        }
        let wanted = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; to write it, run the test with {UPDATE}=1", path.display())
        });
        let differences = difference(&wanted, &found);
        assert!(
            differences.is_empty(),
            "the records are not those of {} (to take them over, run with {UPDATE}=1):\n{}",
            path.display(),
            differences.join("\n")
        );
        self
    }

    fn of<K: EvidenceKind>(&self) -> impl Iterator<Item = (&String, &String)> {
        self.lines.get(K::KIND).into_iter().flatten()
    }
}

#[allow(clippy::panic, reason = "intake wrote the line, so it reads back")]
fn read(line: &str) -> Record {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("not a record: {error}: {line}"))
}

/// Lines that only one of the two has, at most ten of each.
fn difference(wanted: &str, found: &str) -> Vec<String> {
    let only = |mark: &'static str, of: &str, other: &str| {
        let other: std::collections::BTreeSet<&str> = other.lines().collect();
        let lines: Vec<String> =
            of.lines().filter(|line| !other.contains(line)).map(|line| format!("{mark} {line}")).collect();
        lines.into_iter().take(10)
    };
    let mut lines: Vec<String> = only("-", wanted, found).chain(only("+", found, wanted)).collect();
    if lines.is_empty() && wanted != found {
        lines.push("the same lines in another order or number".to_owned());
    }
    lines
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tenant: {}", self.tenant.as_deref().unwrap_or("not known"))?;
        if let Some(failure) = &self.failure {
            writeln!(f, "failure: {failure}")?;
        }
        for p in &self.populations {
            let reason = p.verdict.reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
            writeln!(
                f,
                "{} \"{}\": {}{reason}; received {}, covered {}, emitted {}, refused {}, filtered {}",
                p.kind,
                p.query,
                p.verdict.word(),
                p.received,
                p.covered,
                p.emitted,
                p.rejected,
                p.filtered.values().sum::<u64>()
            )?;
        }
        for r in &self.rejections {
            writeln!(f, "refused {} `{}`: {}: {}", r.kind, r.key, r.code, r.reason)?;
        }
        for line in &self.log {
            writeln!(f, "{:?}: {} {:?}", line.level, line.message, line.fields)?;
        }
        Ok(())
    }
}

//! Everything that the views (pages, tables, workbook) are drawn from. The writer gathers it while it writes;
//! a checker gathers it again from the files, and so can draw the same views and compare.

use crate::model::{ControlCoverage, Meta, Outcome, PopulationRuns};
use crate::people::{Look, People, is_complete};
use exhibit_evidence::canonical::Value;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::AuditPeriod;
use exhibit_evidence::run::{Dataset, Manifest, Population, RunId};
use exhibit_ledger::statement::{LeafKind, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// What a package holds, without the records.
#[derive(Clone, Debug)]
pub struct Contents {
    /// What the package is.
    pub meta: Meta,
    /// Controls and their collection periods.
    pub coverage: Vec<ControlCoverage>,
    /// Its runs, by name, which is by time.
    pub runs: BTreeMap<RunId, RunContents>,
    /// Its populations, by source and kind.
    pub populations: Vec<PopulationContents>,
    /// Joiners and leavers across its lists of accounts.
    pub people: People,
    /// The log that proves it.
    pub ledger: LedgerContents,
}

/// A run in the package.
#[derive(Clone, Debug)]
pub struct RunContents {
    /// Its manifest.
    pub manifest: Manifest,
    /// Digest of the manifest's bytes.
    pub digest: Digest,
    /// Its leaf in the log.
    pub leaf: u64,
    /// Why its bodies are not in the package; none: they are.
    pub withheld: Option<String>,
}

impl RunContents {
    /// Its dataset of this source and kind.
    pub fn dataset(&self, source: &SourceName, kind: &Kind) -> Option<&Dataset> {
        self.manifest.datasets.iter().find(|d| d.kind == *kind && self.manifest.source == *source)
    }

    /// Whether it started in the audit period. The snapshots of a run that did not, because it collected events
    /// of the period afterwards, need not be in the package.
    pub fn is_within(&self, period: &AuditPeriod) -> bool {
        period.span().contains(self.manifest.started_at)
    }

    /// Why this run cannot be performed again from the package; none: it can.
    pub fn not_reperformable(&self) -> Option<&str> {
        self.manifest.not_reperformable.as_deref().or(self.withheld.as_deref())
    }
}

/// A population in the package.
#[derive(Clone, Debug)]
pub struct PopulationContents {
    /// What it is, and the runs of its index.
    pub runs: PopulationRuns,
    /// Distinct lines.
    pub lines: u64,
    /// Distinct keys: the items of the population over the whole period.
    pub keys: u64,
    /// Rows of its table.
    pub rows: u64,
    /// Its sheets in the workbook, in order.
    pub sheets: Vec<String>,
}

/// The lists of a population's runs, as the runs' manifests judge them.
pub(crate) fn looks(population: &PopulationRuns, runs: &BTreeMap<RunId, RunContents>) -> Vec<Look> {
    let look = |run: &crate::model::PopulationRun| {
        let manifest = runs.get(&run.run).map(|contents| &contents.manifest);
        let populations = manifest.into_iter().flat_map(|manifest| &manifest.populations);
        let verdicts = populations.filter(|p| p.kind == population.kind).map(|p| &p.verdict);
        Look { at: run.started_at, complete: is_complete(verdicts) }
    };
    population.runs.iter().map(look).collect()
}

impl PopulationContents {
    /// The manifests' facts on how this list was made, run by run, in the order of their start: runs that failed
    /// before they held anything among them, those outside the audit period only where the lines cover them.
    pub fn facts<'a>(
        &'a self,
        contents: &'a Contents,
    ) -> impl Iterator<Item = (&'a RunContents, &'a Population)> {
        let listed: BTreeSet<&RunId> = self.runs.runs.iter().map(|run| &run.run).collect();
        let belongs = move |run: &&RunContents| {
            run.manifest.source == self.runs.source
                && (run.is_within(&contents.meta.period) || listed.contains(&run.manifest.run))
        };
        let runs = contents.runs.values().filter(belongs);
        runs.flat_map(|run| run.manifest.populations.iter().map(move |p| (run, p)))
            .filter(|(_, population)| population.kind == self.runs.kind)
    }
}

/// What the views say of the log.
#[derive(Clone, Debug)]
pub struct LedgerContents {
    /// Name of the log.
    pub origin: String,
    /// Leaves under the checkpoint.
    pub size: u64,
    /// Root under the checkpoint.
    pub root: Digest,
    /// The verifier key, as C2SP signed-note writes it.
    pub key: String,
    /// Whether an outside authority's timestamp over the checkpoint is in the package.
    pub timestamp: bool,
    /// Disclosed leaves that are not runs.
    pub leaves: Vec<LeafContents>,
}

/// A disclosed leaf that is not a run's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafContents {
    /// Its place in the log.
    pub index: u64,
    /// What kind of thing it states: `seal`, `missed`.
    pub kind: LeafKind,
    /// What it is about.
    pub subject: String,
    /// What it says, but for lists: `act: missed; from: …`.
    pub said: String,
    /// Whether that document is in the package.
    pub document: bool,
}

impl LeafContents {
    /// What is said of a leaf; none where its statement has no subject.
    pub fn of(index: u64, statement: &Statement, document: bool) -> Option<Self> {
        let subject = statement.subject()?.name.clone();
        let members = match &statement.predicate {
            Value::Object(members) => members.as_slice(),
            _ => &[],
        };
        let said: Vec<String> =
            members.iter().filter_map(|(name, value)| Some(format!("{name}: {}", value.as_str()?))).collect();
        Some(Self { index, kind: statement.kind, subject, said: said.join("; "), document })
    }
}

impl Contents {
    /// Number of collection periods with this outcome, over all controls.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.coverage.iter().map(|control| control.count(outcome)).sum()
    }

    /// Number of collection periods over all controls.
    pub fn periods(&self) -> usize {
        self.coverage.iter().map(|control| control.periods.len()).sum()
    }
}

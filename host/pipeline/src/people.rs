//! Joiners and leavers across systems, read from the store.

use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::Record;
use exhibit_evidence::run::RunId;
use exhibit_evidence::time::Span;
use exhibit_package::people::{Gathering, KIND, Look, People, is_complete};
use exhibit_store::{ReadError, Store};

/// Compares the accounts of all sources over `span` with the directory of record: the one that is named, and else the
/// one that names most people.
///
/// # Errors
/// [`ReadError`].
pub fn people(store: &Store, span: Span, directory: Option<&SourceName>) -> Result<People, ReadError> {
    let mut gathering = Gathering::default();
    for dataset in store.datasets()? {
        let (source, kind) = (dataset.source, dataset.last.kind);
        if kind.to_string() != KIND {
            continue;
        }
        let intervals = store.intervals(&source, &kind, span)?;
        let looks =
            intervals.runs().iter().map(|run| look(store, run, &kind)).collect::<Result<Vec<_>, _>>()?;
        if looks.is_empty() {
            continue;
        }
        gathering.system(source, looks);
        for interval in intervals {
            let interval = interval?;
            // What was committed was a record; a line that is none belongs to nobody.
            let Ok(record) = serde_json::from_slice::<Record>(&interval.line) else { continue };
            let place = |run: usize| u32::try_from(run).unwrap_or(u32::MAX);
            let held: Vec<(u32, u32)> =
                interval.held.iter().map(|(first, last)| (place(*first), place(*last))).collect();
            gathering.account(&record, &held);
        }
    }
    Ok(gathering.reconcile(directory))
}

fn look(store: &Store, run: &RunId, kind: &Kind) -> Result<Look, ReadError> {
    let manifest = store.manifest(run)?;
    let populations = manifest.populations.iter().filter(|population| population.kind == *kind);
    Ok(Look {
        at: manifest.started_at,
        complete: is_complete(populations.map(|population| &population.verdict)),
    })
}

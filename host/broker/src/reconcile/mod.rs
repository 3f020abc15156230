//! Whether a population is whole: the host's count of what the source gave, against what became of it.
//!
//! The host counts the items of every page where the paging scheme says they are. A record cites the items
//! that it was made from (exchange and pointer). So every item of every list that feeds a population must
//! be covered by a record, accepted or refused, or filtered with a reason; and every such list must have
//! been read to the end that its scheme knows.
//!
//! **Which lists feed a population.** The list of the first counted item that a record cites, and those
//! that the connector names by `from-exchange`, which it does for lists that may be empty. What a record
//! cites beside its first counted item supports the record and is no list of the population: a user's
//! factors, say. A record that cites no counted item at all is fed by the first exchange that it cites,
//! and completeness is then the connector's word.
//!
//! Costs a few lookups a record, and one bit for each counted item that the source gave.

mod problems;
#[cfg(test)]
mod tests;

use crate::broker::{Broker, ListPage};
use exhibit_evidence::canonical;
use exhibit_evidence::exchange::{ExchangeId, Stop, Walk, WalkId};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::record::Origin;
use exhibit_evidence::run::{Basis, Population};
use problems::Problems;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Different reasons, for filtering or for what is missing, are kept up to this many; further ones are counted
/// under [`OTHER_REASONS`].
pub const MAX_REASONS: usize = 64;

/// What is counted whose reason came too late.
pub const OTHER_REASONS: &str = "other reasons";

/// A reason is cut to so many characters.
const MAX_REASON_CHARS: usize = 300;

/// The largest count that a manifest can hold.
const MAX_COUNT: u64 = canonical::MAX_INTEGER.unsigned_abs();

/// What is known of the lists that a run has read.
pub trait Lists: Send + Sync {
    /// What a citation of this exchange can be checked against; none: there was no such exchange.
    fn page(&self, id: ExchangeId) -> Option<ListPage>;

    /// The list of this name.
    fn walk(&self, id: WalkId) -> Option<Walk>;
}

impl Lists for Broker {
    fn page(&self, id: ExchangeId) -> Option<ListPage> {
        Broker::page(self, id)
    }

    fn walk(&self, id: WalkId) -> Option<Walk> {
        Broker::walk(self, id)
    }
}

/// What became of an emitted item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemOutcome {
    /// Intake made a record of it.
    Accepted,
    /// The same record had been emitted before.
    Repeated,
    /// Intake refused it.
    Rejected,
}

/// Follows one population from its opening to its verdict.
pub struct Reconciler {
    kind: Kind,
    query: String,
    lists: Arc<dyn Lists>,
    known: BTreeMap<WalkId, List>,
    emitted: u64,
    repeated: u64,
    rejected: u64,
    filtered: BTreeMap<String, u64>,
    missing: Problems,
    sealed: bool,
    expected: Option<u64>,
    faults: Faults,
}

/// Citations that lead nowhere: how many, and the first.
#[derive(Default)]
struct Faults {
    unknown: Fault,
    beyond: Fault,
    uncited: u64,
}

#[derive(Default)]
struct Fault {
    count: u64,
    first: String,
}

impl Fault {
    fn note(&mut self, text: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = text();
        }
        self.count += 1;
    }
}

#[derive(Default)]
struct List {
    feeds: bool,
    /// Where the items are, as the scheme has it.
    items: Option<String>,
    pages: BTreeMap<u32, Covered>,
    /// A single request, answered 404, that a record cites as what it is made from: the system's own
    /// statement that there is nothing, such as IAM's NoSuchEntity for the password policy.
    states_absence: bool,
}

/// Which items of a page are accounted for.
#[derive(Default)]
struct Covered {
    received: Option<u32>,
    status: Option<u16>,
    bits: Vec<u64>,
    count: u32,
}

impl Covered {
    fn set(&mut self, index: u32) {
        let (word, bit) = (index as usize / 64, 1_u64 << (index % 64));
        if self.bits.is_empty() {
            self.bits = vec![0; (self.received.unwrap_or_default() as usize).div_ceil(64)];
        }
        if let Some(word) = self.bits.get_mut(word).filter(|word| **word & bit == 0) {
            *word |= bit;
            self.count += 1;
        }
    }
}

/// Where a citation leads.
enum Place {
    /// An item that the host counted.
    Item(u32),
    /// A counted page, but past its last item.
    Beyond(u64, u32),
    /// Somewhere in an answer that the host did not count, or not at an item.
    Elsewhere,
}

impl Reconciler {
    /// A population as the connector opens it. `lists` is the run's broker.
    pub fn new(kind: Kind, query: impl Into<String>, lists: Arc<dyn Lists>) -> Self {
        Self {
            kind,
            query: query.into(),
            lists,
            known: BTreeMap::new(),
            emitted: 0,
            repeated: 0,
            rejected: 0,
            filtered: BTreeMap::new(),
            missing: Problems::default(),
            sealed: false,
            expected: None,
            faults: Faults::default(),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether it has been sealed: nothing may be emitted into it any more.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Lists that it names so far, one way or the other.
    pub fn lists(&self) -> usize {
        self.known.len()
    }

    /// Records accepted so far.
    pub fn emitted(&self) -> u64 {
        self.emitted
    }

    /// An item was emitted: `origins` is where it comes from, `outcome` what intake made of it.
    pub fn cite(&mut self, origins: &[Origin], outcome: ItemOutcome) {
        match outcome {
            ItemOutcome::Accepted => self.emitted += 1,
            ItemOutcome::Repeated => self.repeated += 1,
            ItemOutcome::Rejected => self.rejected += 1,
        }
        let mut fed = false;
        let mut elsewhere: Option<ExchangeId> = None;
        for origin in origins {
            let id = origin.exchange;
            match self.locate(origin) {
                None => self.faults.unknown.note(|| id.to_string()),
                Some(Place::Item(index)) => {
                    let Some(list) = self.known.get_mut(&id.walk()) else { continue };
                    list.feeds |= !std::mem::replace(&mut fed, true);
                    if let Some(page) = list.pages.get_mut(&id.page) {
                        page.set(index);
                    }
                }
                Some(Place::Beyond(index, of)) => {
                    self.faults.beyond.note(|| format!("item {index} of exchange {id}, which has {of}"));
                }
                Some(Place::Elsewhere) => elsewhere = elsewhere.or(Some(id)),
            }
        }
        if fed {
            return;
        }
        let Some(id) = elsewhere else {
            self.faults.uncited += u64::from(origins.is_empty());
            return;
        };
        if let Some(list) = self.known.get_mut(&id.walk()) {
            list.feeds = true;
            let status = list.pages.get(&id.page).and_then(|page| page.status);
            list.states_absence |= id.page == 0 && status == Some(404) && outcome != ItemOutcome::Rejected;
        }
    }

    /// The list that this exchange is a page of feeds the population, whether or not a record cites it.
    ///
    /// # Errors
    /// A reason for the connector's author, where there was no such exchange.
    pub fn feeds(&mut self, id: ExchangeId) -> Result<(), String> {
        if !self.know(id) {
            return Err(format!("exchange {id} was not made in this run: pass on an id from a response"));
        }
        if let Some(list) = self.known.get_mut(&id.walk()) {
            list.feeds = true;
        }
        Ok(())
    }

    /// Items of the feeding lists were left out on purpose.
    pub fn filtered(&mut self, count: u64, reason: &str) {
        let reason = cut(reason);
        let known = self.filtered.len() < MAX_REASONS || self.filtered.contains_key(&reason);
        let reason = if known { reason } else { OTHER_REASONS.to_owned() };
        let held = self.filtered.entry(reason).or_default();
        *held = held.saturating_add(count).min(MAX_COUNT);
    }

    /// The connector says that something is missing, and why. It may be sealed all the same, and is partial.
    pub fn incomplete(&mut self, what: &str) {
        let what = cut(what);
        let known = self.missing.len() < MAX_REASONS || self.missing.has(&what);
        self.missing.add(if known { what } else { OTHER_REASONS.to_owned() });
    }

    /// The connector says that it has emitted everything; `expected` records, where it knows.
    ///
    /// # Errors
    /// A reason for the connector's author, where it is sealed already.
    pub fn seal(&mut self, expected: Option<u64>) -> Result<(), String> {
        if std::mem::replace(&mut self.sealed, true) {
            return Err("the population is sealed already: seal it once".to_owned());
        }
        self.expected = expected;
        Ok(())
    }

    /// The facts and the verdict. Call it when the run's lists have been read.
    pub fn conclude(&self) -> Population {
        let mut sum = Sum::default();
        let mut problems = self.missing.clone();
        if !self.sealed && problems.len() == 0 {
            problems.add("the connector did not seal it");
        }
        for (id, list) in self.known.iter().filter(|(_, list)| list.feeds) {
            match self.lists.walk(*id) {
                Some(walk) => sum.add(&walk, list, &mut problems),
                None => problems.add(format!("list {id} was not read")),
            }
        }
        if sum.lists == 0 {
            sum.asserted = true;
            problems.add("no list feeds it, so nothing says that it is whole; name one by `from-exchange`");
        }
        self.citations(&mut problems);
        self.counts(&sum, &mut problems);
        Population {
            kind: self.kind.clone(),
            query: self.query.clone(),
            lists: sum.lists,
            pages: sum.pages,
            received: sum.received,
            covered: sum.covered,
            filtered: self.filtered.clone(),
            emitted: self.emitted,
            rejected: self.rejected,
            repeated: self.repeated,
            source_total: sum.source_total,
            sealed: self.sealed,
            basis: if sum.asserted { Basis::ConnectorAsserted } else { Basis::HostPaged },
            verdict: problems.verdict(),
        }
    }

    fn citations(&self, problems: &mut Problems) {
        let Faults { unknown, beyond, uncited } = &self.faults;
        if self.rejected > 0 {
            problems.add(format!("items that intake refused: {}, see the rejections", self.rejected));
        }
        if *uncited > 0 {
            problems.add(format!("items that cite no exchange: {uncited}"));
        }
        if unknown.count > 0 {
            problems.add(format!(
                "citations of exchanges that were not made: {}, the first {}",
                unknown.count, unknown.first
            ));
        }
        if beyond.count > 0 {
            problems.add(format!(
                "citations of items that were not received: {}, the first {}",
                beyond.count, beyond.first
            ));
        }
    }

    /// received = covered + filtered. Where some lists are not counted, what was filtered may have been
    /// theirs, and all that can be said is that no counted item is missing.
    fn counts(&self, sum: &Sum, problems: &mut Problems) {
        let filtered = self.filtered.values().fold(0_u64, |sum, n| sum.saturating_add(*n));
        let accounted = sum.covered.saturating_add(filtered);
        if sum.received > accounted {
            problems.add(format!(
                "of {} items received, {} became records and {filtered} were filtered: {} are unaccounted for",
                sum.received,
                sum.covered,
                sum.received - accounted
            ));
        } else if accounted > sum.received && !sum.uncounted {
            problems.add(format!(
                "{} items were received, but {} became records and {filtered} were filtered: {} too many",
                sum.received,
                sum.covered,
                accounted - sum.received
            ));
        }
        if let Some(expected) = self.expected.filter(|expected| *expected != self.emitted) {
            problems
                .add(format!("the connector expected {expected} records, {} were accepted", self.emitted));
        }
    }

    /// Looks up an exchange's page once; whether there was such an exchange.
    fn know(&mut self, id: ExchangeId) -> bool {
        if self.known.get(&id.walk()).is_some_and(|list| list.pages.contains_key(&id.page)) {
            return true;
        }
        let Some(ListPage { items, received, status }) = self.lists.page(id) else { return false };
        let list = self.known.entry(id.walk()).or_default();
        list.items = items;
        list.pages.insert(id.page, Covered { received, status, ..Covered::default() });
        true
    }

    fn locate(&mut self, origin: &Origin) -> Option<Place> {
        let id = origin.exchange;
        if !self.know(id) {
            return None;
        }
        let list = self.known.get(&id.walk())?;
        let page = list.pages.get(&id.page)?;
        let (Some(items), Some(received)) = (&list.items, page.received) else {
            return Some(Place::Elsewhere);
        };
        let index = origin.pointer.strip_prefix(items.as_str()).and_then(|rest| {
            let rest = rest.strip_prefix('/')?;
            crate::pointer::index(rest.split_once('/').map_or(rest, |(index, _)| index))
        });
        Some(match index {
            None => Place::Elsewhere,
            Some(index) => match u32::try_from(index).ok().filter(|index| *index < received) {
                Some(index) => Place::Item(index),
                None => Place::Beyond(index, received),
            },
        })
    }
}

/// Over the feeding lists.
#[derive(Default)]
struct Sum {
    lists: u64,
    pages: u64,
    received: u64,
    covered: u64,
    source_total: Option<u64>,
    /// Some list's items were not counted.
    uncounted: bool,
    /// That some list has no more is the connector's word.
    asserted: bool,
}

impl Sum {
    fn add(&mut self, walk: &Walk, list: &List, problems: &mut Problems) {
        self.lists += 1;
        self.pages += u64::from(walk.pages);
        self.covered += list.pages.values().map(|page| u64::from(page.count)).sum::<u64>();
        self.uncounted |= walk.received.is_none();
        if walk.received.is_none() || matches!(walk.stop, Stop::Single | Stop::Failed { .. }) {
            self.asserted = true;
        }
        let received = walk.received.unwrap_or_default();
        self.received = self.received.saturating_add(received);
        if let Some(total) = walk.source_total {
            self.source_total =
                Some(self.source_total.unwrap_or_default().saturating_add(total).min(MAX_COUNT));
            if walk.received.is_some() && total != received {
                problems.add(format!("{}: the source states {total} items and gave {received}", walk.list));
            }
        }
        match &walk.stop {
            Stop::End | Stop::Single => {}
            Stop::Failed { .. } if list.states_absence => {}
            Stop::Abandoned => {
                let page = walk.pages.saturating_sub(1);
                let text = format!("the connector stopped asking after page {page}, and there was more");
                problems.add_list(text, &walk.list);
            }
            Stop::Guard { reason } => problems.add_list(format!("paging stopped: {reason}"), &walk.list),
            Stop::Failed { reason } => problems.add_list(reason.clone(), &walk.list),
        }
    }
}

/// A connector's reason, in a length that a page can show.
fn cut(reason: &str) -> String {
    match reason.trim() {
        "" => "no reason given".to_owned(),
        reason => reason.chars().take(MAX_REASON_CHARS).collect(),
    }
}

//! Populations that a run may not want, and lists that feed several of them.
//!
//! A connector for a large system reads many lists that do not depend on each other, and one list often feeds several
//! kinds. [`Wanted`] is a population that does nothing where its kind is not asked for; [`Passing`] has each list feed
//! what it feeds, lets the system withhold it, and ends the run with what would pass by itself if it were tried again.
//!
//! ```
//! use exhibit_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Disk { id: String, encrypted: Option<bool> }
//!
//! #[derive(Deserialize)]
//! struct Tags { owner: Option<String> }
//!
//! fn collect(ctx: &Context, origin: &str) -> Result<()> {
//!     // This system says "too fast" with 400 and a word of its own, beside 429.
//!     let passing = Passing::new(|failure| failure.message().contains("SlowDown"));
//!     let mut assets = ctx.wanted::<Resource>("all disks");
//!     let mut encryption = ctx.wanted::<Encryption>("all disks");
//!     let list = ctx.get(format!("{origin}/disks")).auth("example").paged(Paging::link_header().items(""));
//!     for page in list.pages() {
//!         // Refused, both are incomplete and say why, and there are no pages.
//!         for page in passing.take(&mut [&mut assets, &mut encryption], page.map(|page| vec![page]))? {
//!             let disks = page.items::<Disk>()?;
//!             // Asked side by side; the answers come in the order of the disks.
//!             let tags = |disk: &Item<Disk>| ctx.get(format!("{origin}/disks/{}/tags", encode(&disk.id)));
//!             for (disk, answer) in ctx.each(&disks, |disk| tags(disk).auth("example")) {
//!                 let mut record = disk.record(&disk.id, Resource::new(&disk.id, "example:disk"));
//!                 // Refused, the owner alone is unknown.
//!                 match passing.known("a disk's owner", answer).unwrap_or_default().first() {
//!                     Some(page) => record.attributes_mut().owner = page.json::<Tags>()?.owner,
//!                     None => record = record.unknown("owner"),
//!                 }
//!                 assets.emit(record)?;
//!                 let mut at_rest = Encryption::new(&disk.id, "example:disk", EncryptionScope::AtRest);
//!                 at_rest.enabled = disk.encrypted;
//!                 encryption.emit(disk.record(&disk.id, at_rest))?;
//!             }
//!         }
//!     }
//!     all([assets.seal(), encryption.seal(), passing.end()])
//! }
//! ```

use crate::failure::{Failure, Result};
use crate::page::{Item, Origin, Page};
use crate::population::{EvidenceKind, Population, Record};
use crate::time::{Span, Timestamp};
use serde::de::DeserializeOwned;
use std::cell::RefCell;

/// What is fed by lists, whatever its kind.
pub trait Feed {
    /// See [`Population::fed_by`].
    fn fed_by(&mut self, page: &Page) -> Result<()>;
    /// See [`Population::fed_from`].
    fn fed_from(&mut self, origin: &Origin) -> Result<()>;
    /// See [`Population::filtered`].
    fn filtered(&mut self, count: u64, reason: &str) -> Result<()>;
    /// See [`Population::incomplete`].
    fn incomplete(&mut self, what: &str);
    /// See [`Population::withheld`].
    fn withheld(&mut self, failure: &Failure) -> Result<()>;
}

/// [`Population::tolerate`] of what feeds several populations: what may not be read (403) or is not there (404) leaves
/// all of them incomplete, and there is no value. Other failures stay failures.
pub fn tolerate<T>(feeds: &mut [&mut dyn Feed], answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(failure) if failure.is_forbidden() || failure.is_not_found() => {
            feeds.iter_mut().try_for_each(|feed| feed.withheld(&failure))?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// A population, where its kind is asked for; else nothing happens. Made by
/// [`Context::wanted`](crate::Context::wanted).
pub struct Wanted<K>(Option<Population<K>>);

impl<K: EvidenceKind> Feed for Population<K> {
    fn fed_by(&mut self, page: &Page) -> Result<()> {
        Population::fed_by(self, page)
    }

    fn fed_from(&mut self, origin: &Origin) -> Result<()> {
        Population::fed_from(self, origin)
    }

    fn filtered(&mut self, count: u64, reason: &str) -> Result<()> {
        Population::filtered(self, count, reason)
    }

    fn incomplete(&mut self, what: &str) {
        Population::incomplete(self, what);
    }

    fn withheld(&mut self, failure: &Failure) -> Result<()> {
        Population::withheld(self, failure)
    }
}

impl<K: EvidenceKind> Feed for Wanted<K> {
    fn fed_by(&mut self, page: &Page) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |population| population.fed_by(page))
    }

    fn fed_from(&mut self, origin: &Origin) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |population| population.fed_from(origin))
    }

    fn filtered(&mut self, count: u64, reason: &str) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |population| population.filtered(count, reason))
    }

    fn incomplete(&mut self, what: &str) {
        if let Some(population) = &mut self.0 {
            population.incomplete(what);
        }
    }

    fn withheld(&mut self, failure: &Failure) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |population| population.withheld(failure))
    }
}

impl<K: EvidenceKind> Wanted<K> {
    pub(crate) fn new(population: Option<Population<K>>) -> Self {
        Self(population)
    }

    /// Whether its kind is asked for in this run.
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// See [`Population::emit`].
    pub fn emit(&mut self, record: Record<K>) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |population| population.emit(record))
    }

    /// See [`Population::items`]; where the kind is not asked for, the items are given all the same.
    pub fn items<T: DeserializeOwned>(&mut self, page: &Page) -> Result<Vec<Item<T>>> {
        match &mut self.0 {
            Some(population) => population.items(page),
            None => page.items(),
        }
    }

    /// Emits the events of a page. Those that happened outside the window are left out, for most systems count both
    /// ends of a range as in it, and the end is the start of the next window; so are those that `record` makes none
    /// of, for the reason `other`. Both are counted.
    pub fn events<T: DeserializeOwned>(
        &mut self,
        page: &Page,
        window: Span,
        at: impl Fn(&T) -> Timestamp,
        record: impl Fn(&Item<T>) -> Option<Record<K>>,
        other: &str,
    ) -> Result<()> {
        let Some(population) = &mut self.0 else { return Ok(()) };
        let (mut outside, mut others) = (0, 0);
        for event in population.items::<T>(page)? {
            let at = at(&event);
            if !window.contains(at) {
                outside += 1;
                continue;
            }
            match record(&event) {
                Some(record) => population.emit(record.occurred_at(at))?,
                None => others += 1,
            }
        }
        self.filtered(outside, "an event outside the window")?;
        self.filtered(others, other)
    }

    /// See [`Population::seal`].
    pub fn seal(self) -> Result<()> {
        self.0.map_or(Ok(()), Population::seal)
    }
}

/// Reads as far as the system lets, and keeps the first failure that may pass by itself: the run ends with it once
/// everything has been asked, so that it is tried again.
#[derive(Debug)]
pub struct Passing {
    throttled: fn(&Failure) -> bool,
    first: RefCell<Option<Failure>>,
}

impl Passing {
    /// `throttled` tells which answers say "too fast" in the system's own words, beside those that every system has
    /// (429, 503: [`Failure::is_retryable`]).
    pub fn new(throttled: fn(&Failure) -> bool) -> Self {
        Self { throttled, first: RefCell::default() }
    }

    /// The pages of an answer, which feed these populations. A list that the system withholds, or that cannot be read
    /// now, leaves them incomplete, which is logged with what was asked (the verdicts give the reason alone), and the
    /// others go on.
    pub fn take(&self, feeds: &mut [&mut dyn Feed], answer: Result<Vec<Page>>) -> Result<Vec<Page>> {
        match answer {
            Ok(pages) => {
                for feed in feeds.iter_mut() {
                    for page in &pages {
                        feed.fed_by(page)?;
                    }
                }
                Ok(pages)
            }
            Err(failure) => {
                for feed in feeds.iter_mut() {
                    feed.withheld(&failure)?;
                }
                crate::warn!("incomplete: {}", failure.message());
                self.note(failure);
                Ok(Vec::new())
            }
        }
    }

    /// What supports a record, or why it is unknown: that is logged, and the system's word is quoted. A server error
    /// that outlasts the host's retries leaves a detail unknown and no more; where no answer came, or too much was
    /// asked, the run ends so that it is tried again.
    pub fn known<T>(&self, what: &str, answer: Result<T>) -> Option<T> {
        match answer {
            Ok(value) => Some(value),
            Err(failure) => {
                crate::warn!("unknown: {what}: {}", failure.message());
                if failure.status().is_none_or(|status| status < 500) {
                    self.note(failure);
                }
                None
            }
        }
    }

    /// Keeps a failure, if it may pass by itself and none was kept before.
    pub fn note(&self, failure: Failure) {
        if failure.is_retryable() || (self.throttled)(&failure) {
            let failure = if failure.is_retryable() { failure } else { failure.retryable() };
            self.first.borrow_mut().get_or_insert(failure);
        }
    }

    /// The failure that the run ends with, if any.
    pub fn end(self) -> Result<()> {
        self.first.into_inner().map_or(Ok(()), Err)
    }
}

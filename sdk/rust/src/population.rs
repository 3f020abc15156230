//! Populations: every item that one question asks for, and the records in them.

use crate::failure::{Failure, Result};
use crate::host::{RawItem, imports};
use crate::page::{Item, Origin, Page};
use crate::request::Request;
use crate::time::Timestamp;
use crate::xml::Element;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Items that cross to the host at once: more gains little.
const BATCH_ITEMS: usize = 64;
/// Bytes that cross to the host at once.
const BATCH_BYTES: usize = 256 << 10;

/// A kind of evidence: a struct whose serialised form is the kind's attributes.
///
/// Exhibit's own kinds are in [`kinds`](crate::kinds). A connector may bring its own; its schema then goes into
/// `connector.toml` under `own_kinds`.
pub trait EvidenceKind: Serialize {
    /// Dotted name and major version, `identity.account@1`.
    const KIND: &'static str;
}

/// One record on its way: what [`Item::record`] makes and [`Population::emit`] takes.
#[derive(Clone, Debug)]
#[must_use = "a record is evidence only once it is emitted"]
pub struct Record<K> {
    key: String,
    occurred_at: Option<Timestamp>,
    subject_key: Option<String>,
    attributes: K,
    unknown: Vec<&'static str>,
    origins: Vec<Origin>,
}

impl<K: EvidenceKind> Record<K> {
    /// A record under the source's own identifier, unique within source and kind. It needs an origin.
    pub fn new(key: impl Into<String>, attributes: K) -> Self {
        Self {
            key: key.into(),
            occurred_at: None,
            subject_key: None,
            attributes,
            unknown: Vec::new(),
            origins: Vec::new(),
        }
    }

    /// Cites a place that facts of this record come from. The first one should be in the list that feeds the
    /// population: that is where the host counts it.
    pub fn origin(mut self, origin: &Origin) -> Self {
        self.origins.push(origin.clone());
        self
    }

    /// When it happened: events and acts need it, state has none.
    pub fn occurred_at(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// The same person or asset across systems; [`subject`](crate::subject) writes these keys.
    pub fn subject(mut self, key: impl Into<String>) -> Self {
        self.subject_key = Some(key.into());
        self
    }

    /// Names an attribute that the source did not report. Never make up a `false` instead.
    pub fn unknown(mut self, attribute: &'static str) -> Self {
        self.unknown.push(attribute);
        self
    }

    /// [`Record::unknown`], unless the attribute is known or does not apply.
    pub fn unknown_unless(self, attribute: &'static str, is_known: bool) -> Self {
        if is_known { self } else { self.unknown(attribute) }
    }

    /// The attributes, to be completed.
    pub fn attributes_mut(&mut self) -> &mut K {
        &mut self.attributes
    }

    fn into_raw(self) -> Result<RawItem> {
        #[derive(Serialize)]
        struct Body<'a, K> {
            attributes: &'a K,
            #[serde(skip_serializing_if = "Option::is_none")]
            subject_key: Option<&'a str>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            unknown: &'a [&'static str],
        }
        let body = Body {
            attributes: &self.attributes,
            subject_key: self.subject_key.as_deref(),
            unknown: &self.unknown,
        };
        let body_json = serde_json::to_string(&body)
            .map_err(|error| Failure::internal(format!("{} `{}`: {error}", K::KIND, self.key)))?;
        Ok(RawItem {
            key: self.key,
            occurred_at_ms: self.occurred_at.map(Timestamp::as_ms),
            body_json,
            origins: self.origins.into_iter().map(|o| (o.exchange, o.pointer)).collect(),
        })
    }
}

/// Every item of one kind that one question asks for. Made by
/// [`Context::population`](crate::Context::population).
///
/// It is complete once sealed. Dropped without, after a `?` for example, it counts as incomplete, and so do all
/// populations that were marked [`incomplete`](Population::incomplete).
pub struct Population<K> {
    host: imports::Population,
    query: String,
    waiting: Vec<RawItem>,
    waiting_bytes: usize,
    gap: bool,
    unread: usize,
    kind: PhantomData<fn(K)>,
}

impl<K: EvidenceKind> Population<K> {
    pub(crate) fn open(query: &str) -> Self {
        Self {
            host: imports::Population::open(K::KIND, query),
            query: query.to_owned(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            gap: false,
            unread: 0,
            kind: PhantomData,
        }
    }

    /// The items of this page, which feed this population. An item that cannot be read is logged, and leaves the
    /// population incomplete; the others go on.
    pub fn items<T: DeserializeOwned>(&mut self, page: &Page) -> Result<Vec<Item<T>>> {
        self.items_at(page, page.items_place())
    }

    /// The items at this JSON pointer of this page, which feed this population.
    pub fn items_at<T: DeserializeOwned>(&mut self, page: &Page, pointer: &str) -> Result<Vec<Item<T>>> {
        self.fed_by(page)?;
        if let Some(items) = page.all_items_at(pointer) {
            return Ok(items);
        }
        let mut items = Vec::new();
        for item in page.try_items_at(pointer)? {
            match item {
                Ok(item) => items.push(item),
                Err(failure) => {
                    self.unread += 1;
                    self.incomplete(failure.message());
                }
            }
        }
        Ok(items)
    }

    /// How many items of its pages could not be read so far.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// The elements of this page, which feed this population.
    pub fn elements(&mut self, page: &Page) -> Result<Vec<Item<Element>>> {
        self.elements_at(page, page.items_place())
    }

    /// The elements at this slash path of this page, which feed this population.
    pub fn elements_at(&mut self, page: &Page, path: &str) -> Result<Vec<Item<Element>>> {
        self.fed_by(page)?;
        page.elements_at(path)
    }

    /// Says that the list which this page is of feeds this population. [`Population::items`] does it by itself.
    pub fn fed_by(&mut self, page: &Page) -> Result<()> {
        self.host.fed_by(page.exchange()).map_err(|error| self.refused(&error))
    }

    /// [`Population::fed_by`], where only the page's origin is still at hand.
    pub fn fed_from(&mut self, origin: &Origin) -> Result<()> {
        self.host.fed_by(origin.exchange()).map_err(|error| self.refused(&error))
    }

    /// Hands a record over. One that breaks its kind's rules is kept by the host as refused, and does not fail
    /// here.
    pub fn emit(&mut self, record: Record<K>) -> Result<()> {
        let item = record.into_raw()?;
        self.waiting_bytes += item.body_json.len() + item.key.len();
        self.waiting.push(item);
        if self.waiting.len() >= BATCH_ITEMS || self.waiting_bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Counts items that are left out on purpose, and why: "applications are read elsewhere". Of none, nothing is said.
    pub fn filtered(&mut self, count: u64, reason: &str) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        self.host.filtered(count, reason).map_err(|error| self.refused(&error))
    }

    /// Says what is missing and why; it becomes a part of the verdict. The population stays open for more, but will
    /// not be sealed.
    pub fn incomplete(&mut self, what: impl std::fmt::Display) {
        self.gap = true;
        // What the host refuses to note here, it refuses to seal too.
        let _ = self.host.incomplete(&what.to_string());
    }

    /// Lets a system withhold what the credential may not read (403) or what it does not have (404): the
    /// population is then incomplete, and there is no value. Other failures stay failures.
    pub fn tolerate<T>(&mut self, answer: Result<T>) -> Result<Option<T>> {
        match answer {
            Ok(value) => Ok(Some(value)),
            Err(failure) if failure.is_forbidden() || failure.is_not_found() => {
                self.withheld(&failure)?;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The population lacks what this answer would have given: the verdict quotes the system's reason.
    pub fn withheld(&mut self, failure: &Failure) -> Result<()> {
        if let Some(page) = failure.page() {
            self.fed_by(page)?;
        }
        self.incomplete(failure.reason());
        Ok(())
    }

    /// Reads a whole list into this population, one record from each item, and seals it.
    pub fn fill<T: DeserializeOwned>(
        mut self,
        list: Request,
        mut record: impl FnMut(&Item<T>) -> Result<Record<K>>,
    ) -> Result<()> {
        for page in list.pages() {
            for item in self.items(&page?)? {
                self.emit(record(&item)?)?;
            }
        }
        self.seal()
    }

    /// Says that this is all there is.
    pub fn seal(self) -> Result<()> {
        self.finish(None)
    }

    /// Says that this is all there is, and how many the source itself says there are.
    pub fn seal_expecting(self, total: u64) -> Result<()> {
        self.finish(Some(total))
    }

    fn finish(mut self, expected: Option<u64>) -> Result<()> {
        self.flush()?;
        if self.gap {
            return Ok(());
        }
        self.host.seal(expected).map_err(|error| self.refused(&error))
    }

    fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.waiting_bytes = 0;
        let items = std::mem::take(&mut self.waiting);
        self.host.emit(items).map(drop).map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &str) -> Failure {
        Failure::internal(format!("population of {} ({}): {error}", K::KIND, self.query))
    }
}

impl<K> Drop for Population<K> {
    /// What was emitted before a failure is evidence too: it is kept, as partial.
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            let _ = self.host.emit(std::mem::take(&mut self.waiting));
        }
    }
}

//! What the host itself did, and what became of slots that passed: leaves of the ledger, so that "collection was
//! operating throughout" can be shown like anything else; and what those leaves say of a period.
//!
//! | leaf | `act` in its predicate | subject |
//! | --- | --- | --- |
//! | `host` | `started`, `stopped` | the list of the files in force |
//! | `settings` | `changed` | the list of the files in force, which is kept with the leaf |
//! | `settings` | `paused`, `resumed` | the source's file |
//! | `missed` | `missed` | the source's file |
//! | `host` | `late`, `corrected` | the source's file |
//! | `host` | `exported` | the package |
//!
//! Runs, approvals, seals, uploads, key rotations and disposals are leaves of their own kinds.

use crate::host::Host;
use exhibit_evidence::canonical::{self, Value};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::time::{Span, Timestamp};
use exhibit_ledger::statement::{LeafKind, Statement, StatementError, Subject};
use exhibit_schedule::{Action, Of, Why};
use exhibit_store::{CommitError, Document, Leaf, ReadError, Store};
use serde::Serialize;
use std::collections::BTreeMap;

/// Files that a leaf names as changed, at most; all of them are in the document.
const NAMED_MAX: usize = 100;
/// Characters of a reason that stand in a leaf.
const REASON_MAX: usize = 500;
/// What the list of files is called.
const FILES: &str = "settings.json";

/// The files that say what is collected and how, by their place in the workspace, with their digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    files: BTreeMap<String, Digest>,
}

impl Files {
    /// Those of a workspace as they are now.
    pub fn of(host: &Host) -> Result<Self, crate::workspace::WorkspaceError> {
        Ok(Self { files: host.workspace.files()? })
    }

    fn to_bytes(&self) -> Vec<u8> {
        canonical::to_bytes(self).unwrap_or_default()
    }

    fn subject(&self) -> Subject {
        Subject { name: FILES.to_owned(), digest: Digest::of(self.to_bytes()) }
    }

    /// A source's file; the whole list, where it is not there.
    fn source(&self, name: &SourceName) -> Subject {
        let file = format!("sources/{name}.toml");
        match self.files.get(&file) {
            Some(digest) => Subject { name: file, digest: *digest },
            None => self.subject(),
        }
    }

    /// The deed that says that these are in force and not those before; none: they are the same.
    pub fn changed_by(&self, before: &Self, by: &str) -> Option<Deed> {
        let files = self.changed_since(before);
        (!files.is_empty()).then(|| Deed::Changed { files, by: by.to_owned() })
    }

    /// The names of files that are new, gone or other than in `before`.
    fn changed_since(&self, before: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<&String> =
            self.files.keys().chain(before.files.keys()).collect();
        let changed = names.into_iter().filter(|name| self.files.get(*name) != before.files.get(*name));
        changed.take(NAMED_MAX).cloned().collect()
    }
}

/// How the process before this one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// There was none.
    First,
    /// It stopped by itself.
    Stopped,
    /// It did not: it was killed, or the machine went down; when it was last known to be alive.
    Killed(Timestamp),
}

/// Something that the host did, or that became of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The service started.
    Started {
        /// How the one before ended.
        before: Before,
    },
    /// The service stopped by itself.
    Stopped {
        /// Why.
        reason: String,
        /// Runs that were not waited for any longer: nothing of them is kept.
        interrupted: Vec<SourceName>,
    },
    /// Other settings, controls, sources or approvals are in force.
    Changed {
        /// Which, by their place in the workspace; at most a hundred.
        files: Vec<String>,
        /// Who asked.
        by: String,
    },
    /// No runs of a source.
    Paused {
        /// The source.
        source: SourceName,
        /// Who asked.
        by: String,
    },
    /// Runs of it again.
    Resumed {
        /// The source.
        source: SourceName,
        /// Who asked.
        by: String,
    },
    /// Slots passed without a complete look.
    Missed {
        /// The source.
        source: SourceName,
        /// What is missed.
        of: Of,
        /// Whole slots.
        span: Span,
        /// Why.
        why: Why,
    },
    /// The events of slots were collected after the grace.
    Late {
        /// The source.
        source: SourceName,
        /// Whole slots.
        span: Span,
    },
    /// State was looked at in a slot that had been told missed: the clock had been wrong.
    Corrected {
        /// The source.
        source: SourceName,
        /// The slot.
        span: Span,
    },
    /// A package was handed out.
    Exported {
        /// Its period.
        period: String,
        /// SHA-256 of the file.
        package: Digest,
        /// Who asked.
        by: String,
    },
}

/// Why a deed could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum DeedError {
    /// It makes no leaf.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] CommitError),
}

impl Deed {
    /// What is to be written down of what the scheduler says; none: it says to run a source.
    pub fn of(action: Action) -> Option<Self> {
        match action {
            Action::Start { .. } => None,
            Action::Missed { source, of, span, why } => Some(Self::Missed { source, of, span, why }),
            Action::Late { source, span } => Some(Self::Late { source, span }),
            Action::Corrected { source, span } => Some(Self::Corrected { source, span }),
        }
    }

    fn kind(&self) -> LeafKind {
        match self {
            Self::Changed { .. } | Self::Paused { .. } | Self::Resumed { .. } => LeafKind::Settings,
            Self::Missed { .. } => LeafKind::Missed,
            _ => LeafKind::Host,
        }
    }

    /// Its word in the predicate.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopped { .. } => "stopped",
            Self::Changed { .. } => "changed",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::Missed { .. } => "missed",
            Self::Late { .. } => "late",
            Self::Corrected { .. } => "corrected",
            Self::Exported { .. } => "exported",
        }
    }

    fn subject(&self, files: &Files) -> Subject {
        match self {
            Self::Started { .. } | Self::Stopped { .. } | Self::Changed { .. } => files.subject(),
            Self::Paused { source, .. }
            | Self::Resumed { source, .. }
            | Self::Missed { source, .. }
            | Self::Late { source, .. }
            | Self::Corrected { source, .. } => files.source(source),
            Self::Exported { period, package, .. } => {
                Subject { name: format!("exhibit-{period}.zip"), digest: *package }
            }
        }
    }

    fn predicate(&self, at: Timestamp) -> Value {
        let mut members =
            vec![("act".to_owned(), text(self.word())), ("at".to_owned(), text(&at.to_string()))];
        let mut add = |name: &str, value: Value| members.push((name.to_owned(), value));
        match self {
            Self::Started { before } => {
                add("host_version", text(env!("CARGO_PKG_VERSION")));
                match before {
                    Before::First => add("before", text("first")),
                    Before::Stopped => add("before", text("stopped")),
                    Before::Killed(alive_at) => {
                        add("before", text("killed"));
                        add("last_alive_at", text(&alive_at.to_string()));
                    }
                }
            }
            Self::Stopped { reason, interrupted } => {
                add("reason", text(&cut(reason)));
                add("interrupted", texts(interrupted.iter().map(SourceName::as_str).take(NAMED_MAX)));
            }
            Self::Changed { files, by } => {
                add("files", texts(files.iter().map(String::as_str)));
                add("by", text(by));
            }
            Self::Paused { source, by } | Self::Resumed { source, by } => {
                add("source", text(source.as_str()));
                add("by", text(by));
            }
            Self::Missed { source, of, span, why } => {
                add("source", text(source.as_str()));
                add("of", text(of_word(*of)));
                add("from", text(&span.start.to_string()));
                add("until", text(&span.end.to_string()));
                let (word, reason) = why_words(why);
                add("why", text(word));
                if let Some(reason) = reason {
                    add("reason", text(&cut(reason)));
                }
            }
            Self::Late { source, span } | Self::Corrected { source, span } => {
                add("source", text(source.as_str()));
                add("from", text(&span.start.to_string()));
                add("until", text(&span.end.to_string()));
            }
            Self::Exported { period, by, .. } => {
                add("period", text(period));
                add("by", text(by));
            }
        }
        Value::object(members)
    }
}

/// `state` or `events`.
pub fn of_word(of: Of) -> &'static str {
    match of {
        Of::State => "state",
        Of::Events => "events",
    }
}

/// Why slots were missed: a word, and the last run's reason where there is one.
pub fn why_words(why: &Why) -> (&'static str, Option<&str>) {
    match why {
        Why::NobodyLooked => ("nobody_looked", None),
        Why::Paused => ("paused", None),
        Why::Failed(reason) => ("failed", Some(reason)),
        Why::Partial(reason) => ("partial", Some(reason)),
        Why::BeyondRetention => ("beyond_retention", None),
    }
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Value {
    Value::Array(values.map(text).collect())
}

fn cut(reason: &str) -> String {
    reason.chars().take(REASON_MAX).collect()
}

/// Writes a deed into the ledger, at the present instant; on return it is durable. Answers with its leaf.
///
/// # Errors
/// [`DeedError`]; it is then not in the ledger, or the store is halted.
pub fn record(host: &Host, files: &Files, deed: &Deed) -> Result<u64, DeedError> {
    let at = host.clock.now();
    let statement =
        Statement { kind: deed.kind(), subjects: vec![deed.subject(files)], predicate: deed.predicate(at) };
    let leaf = statement.to_leaf(&host.signer)?;
    let listed = files.to_bytes();
    let document = matches!(deed, Deed::Changed { .. }).then_some(Document { bytes: &listed, at });
    Ok(host.store.append_leaf(&leaf, document)?.leaf)
}

/// The deed that says that other files are in force than the ledger has last; none: they are the same.
pub fn changed(store: &Store, files: &Files, by: &str) -> Result<Option<Deed>, ReadError> {
    let mut before = Files::default();
    for leaf in store.leaves(Some(LeafKind::Settings))?.iter().rev() {
        let Some(document) = store.document(leaf.index)? else { continue };
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&document)
            && let Ok(listed) = serde_json::from_value(value["files"].clone())
        {
            before.files = listed;
            break;
        }
    }
    Ok(files.changed_by(&before, by))
}

/// How the service that ran before ended, as the ledger has it. `alive_at`: when it was last known to be alive, from
/// elsewhere.
pub fn before(store: &Store, alive_at: Option<Timestamp>) -> Result<Before, ReadError> {
    for leaf in store.leaves(Some(LeafKind::Host))?.iter().rev() {
        let Some(read) = read(store, leaf)? else { continue };
        match read.act.as_str() {
            "stopped" => return Ok(Before::Stopped),
            "started" => {
                let last_run =
                    store.runs(&exhibit_store::RunFilter::default())?.pop().map(|run| run.ended_at);
                let alive_at = alive_at.into_iter().chain(last_run).fold(read.at, Timestamp::max);
                return Ok(Before::Killed(alive_at));
            }
            _ => {}
        }
    }
    Ok(Before::First)
}

/// The sources that somebody paused and nobody resumed.
pub fn paused(store: &Store) -> Result<std::collections::BTreeSet<SourceName>, ReadError> {
    let mut paused = std::collections::BTreeSet::new();
    for leaf in store.leaves(Some(LeafKind::Settings))? {
        if let Some(read) = read(store, &leaf)?
            && let Some(source) = read.source
        {
            match read.act.as_str() {
                "paused" => _ = paused.insert(source),
                "resumed" => _ = paused.remove(&source),
                _ => {}
            }
        }
    }
    Ok(paused)
}

/// Until when slots of state were told missed, by source.
pub(crate) fn missed_until(store: &Store) -> Result<BTreeMap<SourceName, Timestamp>, ReadError> {
    let mut until = BTreeMap::new();
    for leaf in store.leaves(Some(LeafKind::Missed))? {
        let Some(entry) = read(store, &leaf)? else { continue };
        if let (Some(source), Some(span), Some("state")) = (entry.source, entry.span, entry.of.as_deref()) {
            let known = until.entry(source).or_insert(span.end);
            *known = span.end.max(*known);
        }
    }
    Ok(until)
}

/// What one leaf of the host's says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its place in the ledger.
    pub leaf: u64,
    /// The kind of leaf: `host`, `settings`, `missed`, `approval`.
    pub kind: String,
    /// What was done: `started`, `missed`; the kind's word for a leaf that has no act.
    pub act: String,
    /// When.
    pub at: Timestamp,
    /// The source that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceName>,
    /// `state` or `events`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The slots that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When a service that did not stop by itself was last known to be alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_alive_at: Option<Timestamp>,
}

impl Entry {
    /// Whether it says what a deed about slots says.
    pub(crate) fn is_of(&self, deed: &Deed) -> bool {
        let (source, of, span) = match deed {
            Deed::Missed { source, of, span, .. } => (source, Some(of_word(*of)), span),
            Deed::Late { source, span } | Deed::Corrected { source, span } => (source, None, span),
            _ => return false,
        };
        self.act == deed.word()
            && self.source.as_ref() == Some(source)
            && self.of.as_deref() == of
            && self.span.as_ref() == Some(span)
    }
}

/// What the leaves after one say of slots.
pub(crate) fn said_since(store: &Store, after: u64) -> Result<Vec<Entry>, ReadError> {
    let mut said = Vec::new();
    for kind in [LeafKind::Missed, LeafKind::Host] {
        for leaf in store.leaves(Some(kind))?.iter().rev().take_while(|leaf| leaf.index > after) {
            said.extend(read(store, leaf)?);
        }
    }
    Ok(said)
}

/// Reads a leaf; none: it says nothing of what the host did, or a later version wrote it.
fn read(store: &Store, leaf: &Leaf) -> Result<Option<Entry>, ReadError> {
    let Some(kind) = leaf.kind else { return Ok(None) };
    let Ok(statement) = Statement::from_leaf_unverified(&store.statement(leaf.index)?) else {
        return Ok(None);
    };
    let word = |name: &str| statement.predicate.get(name).and_then(Value::as_str);
    let instant = |name: &str| word(name).and_then(|text| text.parse::<Timestamp>().ok());
    let at = ["at", "approved_at", "sealed_at"].into_iter().find_map(instant).unwrap_or_default();
    let span = instant("from").zip(instant("until")).map(|(start, end)| Span { start, end });
    let why = match (word("why").or(word("before")), word("reason")) {
        (Some(why), Some(reason)) => Some(format!("{}: {reason}", why.replace('_', " "))),
        (Some(why), None) => Some(why.replace('_', " ")),
        (None, reason) => reason.map(str::to_owned),
    };
    Ok(Some(Entry {
        leaf: leaf.index,
        kind: kind.word().to_owned(),
        act: word("act").unwrap_or(kind.word()).to_owned(),
        at,
        source: word("source").and_then(|name| name.parse().ok()),
        of: word("of").map(str::to_owned),
        span,
        by: word("by").or(word("approved_by")).map(str::to_owned),
        why,
        last_alive_at: instant("last_alive_at"),
    }))
}

/// A stretch in which the service ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// From its start, or the start of the period.
    pub from: Timestamp,
    /// To its end, or as far as it is known; the end of the period where it went on.
    pub until: Timestamp,
    /// `stopped`, `killed`, or `running`: it went on.
    pub ended: String,
}

/// What the host did in a period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// The stretches in which the service ran.
    pub ran: Vec<Ran>,
    /// The stretches between them.
    pub gaps: Vec<Span>,
    /// Everything that it did or that was done to it, but for runs, in the ledger's order; slots by when they were.
    pub entries: Vec<Entry>,
}

/// Whether the service runs, as whoever asks knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive {
    /// It does: it is the one who asks.
    Now,
    /// It does not, for the store is held by someone else; when it was last known to be alive, from elsewhere than the
    /// ledger.
    Last(Option<Timestamp>),
}

/// What the ledger says of `span`, at the instant `now`.
///
/// # Errors
/// [`ReadError`], where the ledger cannot be read.
pub fn operation(store: &Store, span: Span, now: Timestamp, alive: Alive) -> Result<Operation, ReadError> {
    let mut all = Vec::new();
    for leaf in store.leaves(None)? {
        if leaf.kind != Some(LeafKind::Run)
            && let Some(entry) = read(store, &leaf)?
        {
            all.push(entry);
        }
    }
    let last = match alive {
        Alive::Now => now,
        Alive::Last(at) => {
            let last_run = store.runs(&exhibit_store::RunFilter::default())?.pop().map(|run| run.ended_at);
            at.max(last_run).unwrap_or_default()
        }
    };
    let ran = stretches(&all, span, alive, last);
    let mut gaps = Vec::new();
    let mut reached = span.start;
    for stretch in &ran {
        if stretch.from > reached {
            gaps.push(Span { start: reached, end: stretch.from });
        }
        reached = reached.max(stretch.until);
    }
    let end = span.end.min(now);
    if reached < end {
        gaps.push(Span { start: reached, end });
    }
    all.retain(|entry| match entry.span {
        Some(about) => about.overlaps(&span),
        None => span.contains(entry.at),
    });
    Ok(Operation { ran, gaps, entries: all })
}

/// The stretches in which the service ran, cut to `span`.
fn stretches(entries: &[Entry], span: Span, alive: Alive, last: Timestamp) -> Vec<Ran> {
    let mut ran: Vec<Ran> = Vec::new();
    let mut since: Option<Timestamp> = None;
    for entry in entries {
        match entry.act.as_str() {
            "started" => {
                if let Some(from) = since {
                    let until = entry.last_alive_at.unwrap_or(from);
                    ran.push(Ran { from, until, ended: "killed".to_owned() });
                }
                since = Some(entry.at);
            }
            "stopped" => {
                if let Some(from) = since.take() {
                    ran.push(Ran { from, until: entry.at, ended: "stopped".to_owned() });
                }
            }
            _ => {}
        }
    }
    if let Some(from) = since {
        let ended = if alive == Alive::Now { "running" } else { "killed" };
        ran.push(Ran { from, until: last.max(from), ended: ended.to_owned() });
    }
    ran.retain(|stretch| stretch.from < span.end && stretch.until > span.start);
    for stretch in &mut ran {
        stretch.from = stretch.from.max(span.start);
        if stretch.until > span.end {
            stretch.until = span.end;
            stretch.ended = "running".to_owned();
        }
    }
    ran
}

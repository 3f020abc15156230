//! Joiners and leavers across systems: who had an account where, from when to when, by the lists of accounts
//! (`identity.account`) of all sources, compared with the directory of record.
//!
//! Pure: looks and lines in, rows out. A look is one run's list of accounts. Only a complete list shows that somebody is
//! not there; on any other, whoever is not named is unknown. People are the same across systems by subject key
//! (`person:ADDRESS`); accounts without one are counted, and belong to nobody.

use exhibit_evidence::name::SourceName;
use exhibit_evidence::record::Record;
use exhibit_evidence::run::Verdict;
use exhibit_evidence::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The kind that lists accounts.
pub const KIND: &str = "identity.account@1";

/// One list of a system's accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When it was read.
    pub at: Timestamp,
    /// Whether it names everybody.
    pub complete: bool,
}

/// What a list says of a person; of several accounts, the first of these that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Can sign in.
    Active,
    /// Has an account that is not in use: not yet activated, or locked for a while.
    Waiting,
    /// The list is not complete and does not name the person, or does not tell the account's status.
    Unknown,
    /// Has an account that was suspended, disabled or ended.
    Closed,
    /// Has no account.
    Absent,
}

impl State {
    /// As tables write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
            Self::Closed => "closed",
            Self::Absent => "absent",
        }
    }

    fn of(record: &Record) -> Self {
        match record.attributes.get("status").and_then(|value| value.as_str()) {
            Some("active") => Self::Active,
            Some("pending" | "locked") => Self::Waiting,
            Some("suspended" | "disabled" | "deprovisioned") => Self::Closed,
            _ => Self::Unknown,
        }
    }
}

/// What does not fit between a system and the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// Active so many days after the account in the directory was seen closed or gone.
    StayedAfterLeaving {
        /// From then to the last look that found it active.
        days: i32,
    },
    /// Active so many days before the directory had any account.
    BeforeTheDirectory {
        /// From the first look that found it active to the first that found one in the directory.
        days: i32,
    },
    /// Active, and in none of the directory's complete lists.
    NotInTheDirectory,
    /// Left the directory, and what became of the account here no list tells.
    Undecided,
}

impl Finding {
    /// One sentence, without a subject.
    pub fn says(self) -> String {
        let days = |n: i32| if n == 1 { "1 day".to_owned() } else { format!("{n} days") };
        match self {
            Self::StayedAfterLeaving { days: n } => {
                format!("still active {} after the directory's account was closed", days(n))
            }
            Self::BeforeTheDirectory { days: n } => {
                format!("active {} before the directory had an account", days(n))
            }
            Self::NotInTheDirectory => "active, and not in the directory".to_owned(),
            Self::Undecided => "left the directory; unknown here: the lists are incomplete".to_owned(),
        }
    }
}

/// A person in a system, over the period. Instants are those of looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The subject key, `person:ADDRESS`.
    pub person: String,
    /// The system.
    pub source: SourceName,
    /// The first look that found an active account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_from: Option<Timestamp>,
    /// Whether that was no beginning: it was the first look of all, or those before do not tell.
    pub active_before: bool,
    /// The last look that found one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_to: Option<Timestamp>,
    /// The first look after that which shows that there is none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Timestamp>,
    /// What the last look says.
    pub at_end: State,
    /// What does not fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl Row {
    /// The look with which an account began in the period.
    pub fn joined(&self) -> Option<Timestamp> {
        self.active_from.filter(|_| !self.active_before)
    }
}

/// A system whose lists were compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The source.
    pub source: SourceName,
    /// Lists that were read, and how many of them are complete.
    pub looks: usize,
    /// Of these, the complete ones.
    pub complete: usize,
    /// People that any of them names.
    pub people: usize,
    /// Accounts that belong to no person, by their subject key.
    pub others: usize,
}

/// The comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct People {
    /// The directory of record; none: no list of accounts was read.
    pub directory: Option<SourceName>,
    /// The systems, by name.
    pub systems: Vec<Compared>,
    /// People whose account in the directory began in the period.
    pub joiners: usize,
    /// People whose account in the directory ended in the period.
    pub leavers: usize,
    /// A row for each person in each system that names them, by person, then system.
    pub rows: Vec<Row>,
}

impl People {
    /// How many people any of these findings is about.
    pub fn count(&self, is_such: impl Fn(&Finding) -> bool) -> usize {
        let found = self.rows.iter().filter(|row| row.findings.iter().any(&is_such));
        found.map(|row| row.person.as_str()).collect::<BTreeSet<_>>().len()
    }

    /// People who were active elsewhere after they had left the directory.
    pub fn stragglers(&self) -> usize {
        self.count(|finding| matches!(finding, Finding::StayedAfterLeaving { .. }))
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let Some(directory) = &self.directory else {
            return "no list of accounts was read".to_owned();
        };
        let early = self.count(|finding| matches!(finding, Finding::BeforeTheDirectory { .. }));
        let strangers = self.count(|finding| *finding == Finding::NotInTheDirectory);
        let undecided = self.count(|finding| *finding == Finding::Undecided);
        let mut text = format!(
            "joiners {}, leavers {} by {directory}, reconciled across {} systems: stragglers {}, before the directory {early}, not in the directory {strangers}",
            self.joiners,
            self.leavers,
            self.systems.len(),
            self.stragglers(),
        );
        if undecided > 0 {
            text.push_str(&format!(", undecided {undecided}"));
        }
        text
    }
}

/// Lists of accounts in the gathering.
#[derive(Clone, Debug, Default)]
pub struct Gathering {
    systems: Vec<System>,
}

#[derive(Clone, Debug)]
struct System {
    source: SourceName,
    looks: Vec<Look>,
    /// What each look says of a person.
    people: BTreeMap<String, Vec<State>>,
    others: BTreeSet<String>,
}

impl Gathering {
    /// Begins a system. `looks` are in the order of time.
    pub fn system(&mut self, source: SourceName, looks: Vec<Look>) {
        self.systems.push(System { source, looks, people: BTreeMap::new(), others: BTreeSet::new() });
    }

    /// An account of the system begun last, and the first and last look of each stretch that held it.
    pub fn account(&mut self, record: &Record, held: &[(u32, u32)]) {
        let Some(system) = self.systems.last_mut() else { return };
        let Some(person) = record.subject_key.as_ref().filter(|key| key.starts_with("person:")) else {
            system.others.insert(record.native_id.clone());
            return;
        };
        let nowhere = || vec![State::Absent; system.looks.len()];
        let states = system.people.entry(person.clone()).or_insert_with(nowhere);
        let state = State::of(record);
        for (first, last) in held {
            for known in states.iter_mut().take(*last as usize + 1).skip(*first as usize) {
                *known = state.min(*known);
            }
        }
    }

    /// Compares the systems with the directory of record: the one that is named, and else the one that names most
    /// people; of those that name as many, the first by name.
    pub fn reconcile(mut self, directory: Option<&SourceName>) -> People {
        self.systems.sort_by(|a, b| a.source.cmp(&b.source));
        for system in &mut self.systems {
            for states in system.people.values_mut() {
                for (state, look) in states.iter_mut().zip(&system.looks) {
                    // Only a list that names everybody shows that somebody is not there.
                    if *state == State::Absent && !look.complete {
                        *state = State::Unknown;
                    }
                }
            }
        }
        let most = || {
            let named = self.systems.iter().map(|system| system.people.len()).max()?;
            self.systems.iter().position(|system| system.people.len() == named)
        };
        let chosen = directory.and_then(|name| self.systems.iter().position(|system| system.source == *name));
        let Some(chosen) = chosen.or_else(most) else { return People::default() };
        let directory = &self.systems[chosen];
        let mut people = People { directory: Some(directory.source.clone()), ..People::default() };
        for system in &self.systems {
            people.systems.push(Compared {
                source: system.source.clone(),
                looks: system.looks.len(),
                complete: system.looks.iter().filter(|look| look.complete).count(),
                people: system.people.len(),
                others: system.others.len(),
            });
            for (person, states) in &system.people {
                let mut row = row(person, system, states);
                if system.source != directory.source {
                    row.findings = findings(directory, person, system, states);
                } else {
                    people.joiners += usize::from(row.joined().is_some());
                    people.leavers += usize::from(row.left.is_some());
                }
                people.rows.push(row);
            }
        }
        people.rows.sort_by(|a, b| (&a.person, &a.source).cmp(&(&b.person, &b.source)));
        people
    }
}

fn is_gone(state: State) -> bool {
    matches!(state, State::Closed | State::Absent)
}

fn is_there(state: State) -> bool {
    matches!(state, State::Active | State::Waiting)
}

fn row(person: &str, system: &System, states: &[State]) -> Row {
    let at = |place: usize| system.looks[place].at;
    let first = states.iter().position(|state| *state == State::Active);
    let last = states.iter().rposition(|state| *state == State::Active);
    // Whatever came before must show that there was no account in use.
    let is_begun =
        |first: usize| first > 0 && states[..first].iter().rev().any(|state| *state != State::Unknown);
    Row {
        person: person.to_owned(),
        source: system.source.clone(),
        active_from: first.map(at),
        active_before: first.is_some_and(|first| !is_begun(first)),
        active_to: last.map(at),
        left: last.and_then(|last| ended(&states[last..]).map(|place| at(last + place))),
        at_end: states.last().copied().unwrap_or(State::Unknown),
        findings: Vec::new(),
    }
}

/// The first of these that shows an end, where nothing after it takes that back.
fn ended(states: &[State]) -> Option<usize> {
    let gone = states.iter().rposition(|state| is_there(*state)).map_or(0, |last| last + 1);
    states.iter().skip(gone).position(|state| is_gone(*state)).map(|place| gone + place)
}

fn findings(directory: &System, person: &str, system: &System, states: &[State]) -> Vec<Finding> {
    let active: Vec<Timestamp> = active(system, states).collect();
    let (Some(first), Some(last)) = (active.first().copied(), active.last().copied()) else {
        return Vec::new();
    };
    let Some(known) = directory.people.get(person) else {
        // A list of the directory that names everybody, and was read no earlier than this one.
        let is_told = directory.looks.iter().any(|look| look.complete && look.at >= first);
        return if is_told { vec![Finding::NotInTheDirectory] } else { Vec::new() };
    };
    let mut found = Vec::new();
    let seen = known.iter().position(|state| is_there(*state) || *state == State::Closed);
    let before = known.iter().zip(&directory.looks).take(seen.unwrap_or(0));
    let is_early = before.into_iter().any(|(state, look)| *state == State::Absent && look.at >= first);
    if let Some(seen) = seen.filter(|_| is_early) {
        found.push(Finding::BeforeTheDirectory { days: days(first, directory.looks[seen].at) });
    }
    if let Some(left) = ended(known).filter(|left| seen.is_some_and(|seen| seen <= *left)) {
        let left = directory.looks[left].at;
        let late = days(left, last);
        if late > 0 {
            found.push(Finding::StayedAfterLeaving { days: late });
        } else if !system
            .looks
            .iter()
            .zip(states)
            .any(|(look, state)| look.at >= left && *state != State::Unknown)
        {
            found.push(Finding::Undecided);
        }
    }
    found
}

fn active<'a>(system: &'a System, states: &'a [State]) -> impl Iterator<Item = Timestamp> + 'a {
    let active = system.looks.iter().zip(states).filter(|(_, state)| **state == State::Active);
    active.map(|(look, _)| look.at)
}

/// Days by the calendar, in UTC: a look later on the same day is none.
fn days(from: Timestamp, to: Timestamp) -> i32 {
    (to.date() - from.date()).get_days()
}

/// Whether all of these are complete: verdicts of one run's lists of accounts.
pub fn is_complete<'v>(verdicts: impl IntoIterator<Item = &'v Verdict>) -> bool {
    let mut verdicts = verdicts.into_iter().peekable();
    verdicts.peek().is_some() && verdicts.all(|verdict| *verdict == Verdict::Complete)
}

//! Holds a connector against the rules of `plugins/SPEC.md` that show from outside.
//!
//! Floor 5. The component runs in the sandbox, with the pipeline's own services, against answers that were recorded;
//! then against the same answers with one thing changed: a list refused, its items turned around, another window,
//! members that hold secrets, a server that is hostile. What it does is noted at the sandbox's edge and compared.
//!
//! | rule | numbers in the specification | what is changed |
//! | --- | --- | --- |
//! | [`Rule::Declares`] | 23, 28 | nothing: what `describe` says is held against the manifest |
//! | [`Rule::Settings`] | 29 | settings that are missing, unknown, or of another type |
//! | [`Rule::Whole`] | 3, 12 | nothing: everything was answered, so everything is complete |
//! | [`Rule::Grant`] | 22, 23 | in every run below, what is asked is held against what the manifest asks for |
//! | [`Rule::Window`] | 5, 20 | another window |
//! | [`Rule::Seals`] | 17 | one list at a time is refused |
//! | [`Rule::Order`] | 27 | the run's name and its random numbers, over the recorded exchanges |
//! | [`Rule::Keys`] | 4, 6 | the order of the items of every list; the time of the run |
//! | [`Rule::Secrets`] | 10 | members whose names are those of secrets |
//! | [`Rule::Kinds`] | 31 | one kind at a time is asked for |
//! | [`Rule::Ends`] | 25, 34 | every answer, in many ways |
//!
//! | module | holds |
//! | --- | --- |
//! | [`case`] | a connector's fixtures with the settings that they belong to |
//! | `world` | the system that a run meets, as recorded or changed |
//! | `watch` | what a guest does, noted on its way to the pipeline's services |
//! | `bench` | one run in such a world |
//! | `rules` | what is run for each rule, and what is a breach of it |
//! | `hostile` | answers that no connector may fail to end on |

mod bench;
pub mod case;
mod hostile;
mod rules;
mod secrets;
mod watch;
mod world;

use bench::Bench;
use case::Case;
use exhibit_sandbox::{LoadError, Runtime};
use serde::Serialize;
use std::fmt;

/// A rule, or a few that show in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// It says what it asks and makes.
    Declares,
    /// It finds what is wrong with settings.
    Settings,
    /// Its own fixtures are a whole system, of which all is complete.
    Whole,
    /// It stays inside its grant.
    Grant,
    /// It honours the window.
    Window,
    /// It seals only what is complete.
    Seals,
    /// The same exchanges give the same records in the same order.
    Order,
    /// Keys and records depend on the thing alone.
    Keys,
    /// No secret is in anything that it gives out.
    Secrets,
    /// It collects the kinds that are asked for.
    Kinds,
    /// It ends, whatever it is answered, and does not crash.
    Ends,
}

impl Rule {
    /// All of them, in the order that they are judged in.
    pub const ALL: [Self; 11] = [
        Self::Declares,
        Self::Settings,
        Self::Whole,
        Self::Grant,
        Self::Window,
        Self::Seals,
        Self::Order,
        Self::Keys,
        Self::Secrets,
        Self::Kinds,
        Self::Ends,
    ];

    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Declares => "declares",
            Self::Settings => "settings",
            Self::Whole => "whole",
            Self::Grant => "grant",
            Self::Window => "window",
            Self::Seals => "seals",
            Self::Order => "order",
            Self::Keys => "keys",
            Self::Secrets => "secrets",
            Self::Kinds => "kinds",
            Self::Ends => "ends",
        }
    }

    /// What it asks of a connector.
    pub fn asks(self) -> &'static str {
        match self {
            Self::Declares => "says what it asks and makes, and makes nothing else",
            Self::Settings => "finds what is wrong with settings, and where",
            Self::Whole => "collects all that its fixtures hold, complete and without a refusal",
            Self::Grant => "asks for nothing that its manifest does not",
            Self::Window => "collects events and acts of the window only",
            Self::Seals => "seals no population that a refused list feeds",
            Self::Order => "gives the same records in the same order for the same exchanges",
            Self::Keys => {
                "gives a thing the same key and record, wherever it stands in a list and whenever it is read"
            }
            Self::Secrets => "gives out no secret",
            Self::Kinds => "collects one kind alone as it does among all",
            Self::Ends => "ends in time and without a crash, whatever it is answered",
        }
    }

    /// Its numbers in `plugins/SPEC.md`.
    pub fn numbers(self) -> &'static str {
        match self {
            Self::Declares => "23, 28",
            Self::Settings => "29",
            Self::Whole => "3, 12",
            Self::Grant => "22, 23",
            Self::Window => "5, 20",
            Self::Seals => "17",
            Self::Order => "27",
            Self::Keys => "4, 6",
            Self::Secrets => "10",
            Self::Kinds => "31",
            Self::Ends => "25, 34",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What came of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "what")]
pub enum Outcome {
    /// It is kept; what was looked at.
    Kept(String),
    /// It is broken; each breach.
    Broken(Vec<String>),
    /// It could not be judged; why. Never a success.
    NotJudged(String),
}

impl Outcome {
    /// `kept`, `broken` or `not judged`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Kept(_) => "kept",
            Self::Broken(_) => "broken",
            Self::NotJudged(_) => "not judged",
        }
    }

    /// Kept, if there is no breach.
    fn of(breaches: Vec<String>, looked_at: String) -> Self {
        if breaches.is_empty() { Self::Kept(looked_at) } else { Self::Broken(breaches) }
    }
}

/// One rule with what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The rule.
    pub rule: Rule,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// All rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The connector's name.
    pub connector: String,
    /// Its version.
    pub version: String,
    /// Runs that were made.
    pub runs: u64,
    /// Each rule, in the order of [`Rule::ALL`].
    pub rules: Vec<Judged>,
}

impl Report {
    /// Whether every rule was judged and is kept.
    pub fn is_kept(&self) -> bool {
        self.rules.iter().all(|judged| matches!(judged.outcome, Outcome::Kept(_)))
    }

    /// What came of one rule.
    pub fn outcome(&self, rule: Rule) -> Option<&Outcome> {
        self.rules.iter().find(|judged| judged.rule == rule).map(|judged| &judged.outcome)
    }
}

/// Bounds on each run.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Milliseconds that a run may take by the clock. The usual one does not take a tenth of a second.
    pub deadline_ms: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { deadline_ms: 60_000 }
    }
}

/// Why nothing could be judged.
#[derive(Debug, thiserror::Error)]
pub enum ConformError {
    /// The component does not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its kinds do not.
    #[error("the kinds that the component brings cannot be used: {0}")]
    Kinds(String),
    /// The manifest's patterns do not fit the case's settings.
    #[error("the settings of the fixtures do not fill in what the manifest asks for: {0}")]
    Settings(String),
}

/// Judges a component by all rules. `progress` is told rules done.
pub async fn conform(
    runtime: &Runtime,
    component: &[u8],
    case: &Case,
    bounds: Bounds,
    progress: &(dyn Fn(Rule) + Sync),
) -> Result<Report, ConformError> {
    let bench = Bench::new(runtime, component, case, bounds).await?;
    let rules = rules::judge(&bench, progress).await;
    let manifest = bench.manifest();
    let (connector, version) = (manifest.name.to_string(), manifest.version.clone());
    Ok(Report { connector, version, runs: bench.runs(), rules })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The specification names the rules beside its numbers: `**(conform: keys)**`.
    #[test]
    fn the_specification_names_what_is_checked() {
        let text = include_str!("../../../plugins/SPEC.md");
        let (mut number, mut marked) = (String::new(), BTreeMap::<String, Vec<String>>::new());
        for line in text.lines() {
            if let Some((before, _)) = line.split_once(". ")
                && before.parse::<u32>().is_ok()
            {
                before.clone_into(&mut number);
            }
            for mark in line.split("**(conform: ").skip(1).filter(|_| !number.is_empty()) {
                let words = mark.split(")**").next().unwrap_or_default();
                for word in words.split(", ") {
                    marked.entry(word.to_owned()).or_default().push(number.clone());
                }
            }
        }
        let ours: BTreeMap<String, Vec<String>> = Rule::ALL
            .iter()
            .map(|rule| (rule.word().to_owned(), rule.numbers().split(", ").map(str::to_owned).collect()))
            .collect();
        assert_eq!(marked, ours);
    }
}
